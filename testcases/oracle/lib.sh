# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The shadow of /dev/pmem0 on /dev/pmem1, for scripts that have sourced ../lib.sh: see
# daxtrace_oracle.c.

# Mebibytes of the filesystems: the shadow is compared with, and copied, whole
shadow_size=64
shadow=$work/shadow
mkdir "$shadow"
control=/sys/kernel/debug/daxtrace_oracle

# address NAME: physical address of a pmem device
address() {
	printf '%d' "$(cat "/sys/block/$1/device/resource")"
}

# make_small TYPE: a filesystem of that size on /dev/pmem0, not mounted
make_small() {
	wipefs -qa /dev/pmem0
	case $1 in
	ext4) mkfs.ext4 -q -F -b 4096 /dev/pmem0 ${shadow_size}m ;;
	# Less than 300 MiB is not supported: that is about speed.
	xfs) mkfs.xfs --unsupported -q -f -m reflink=0 -i nrext64=0 -d size=${shadow_size}m /dev/pmem0 2>&1 |
		grep -v 'are not supported' ;;
	refdax) load_refdax && "$build/fs/mkfs.refdax" -q -f -J 5 --size=$shadow_size /dev/pmem0 ;;
	esac
	[ "${PIPESTATUS[0]}" = 0 ]
}

# The device must not be written to meanwhile.
shadow_begin() {
	insmod "$build/modules/$(uname -r)/daxtrace_oracle.ko" from="$(address pmem0)" \
		to="$(address pmem1)" size=$((shadow_size << 20))
}

# The shadow is worth nothing if the kernel could not report all.
shadow_end() {
	local said
	said=$(<"$control")
	rmmod daxtrace_oracle
	[[ $said == *" 0 missed" ]] || { echo "$said"; return 1; }
}

# shadow_mount TYPE: as the machine would when it is switched on again
shadow_mount() {
	local options=dax=always
	# The filesystem's own UUID, of what was mounted a moment ago
	[ "$1" != xfs ] || options+=,nouuid
	mount -t "$1" -o $options /dev/pmem1 "$shadow"
}

# differing FILE1 FILE2: the pages in which they differ, ascending
differing() {
	cmp -l "$1" "$2" 2>&1 | awk '!/^ *[0-9]+ / { print; next } { page[int(($1 - 1) / 4096)] = 1 }
		END { for (i in page) print i }' | sort -n | paste -sd ' '
}
