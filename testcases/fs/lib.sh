# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# For the scripts of this folder, each of which tests one subject on /dev/pmem0
# and can be run by itself in a guest: testcases/fs/run runs all.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# Of two at a time each wants its own.
device=${DEVICE:-/dev/pmem0}
mkfs=$build/fs/mkfs.refdax
fsck=$build/fs/fsck.refdax
# shellcheck disable=SC2034 # the scripts use them
stress=$build/tests/fs_stress
images=$work/images
mkdir "$images"

# make_small MIB: a filesystem of that size, not mounted
make_small() {
	small=$1
	"$mkfs" -q -f -J 5 --size="$1" "$device"
}

# place_of TEXT: the last byte offset of it in what make_small() made. The rest of the device
# is another test's.
place_of() {
	head -c "${small}M" "$device" | LC_ALL=C grep -aobF -- "$1" | tail -n 1 | cut -d: -f1
}

# mount_it [OPTION]...: of mount(8); at $mount_point. DAX unless they say otherwise.
mount_it() {
	mount -t refdax -o dax=always "$@" "$device" "$mount_point"
}

# checks NAME STATUS OPTIONS...: fsck's exit status
checks() {
	local name=$1 status=$2
	shift 2
	expect "$name" "$status" "$fsck" "$@" "$device" && ok "$name"
}

# warnings: how often the kernel's log complains about the kernel itself
warnings() {
	dmesg | grep -cE 'WARNING:|BUG:|Oops|general protection|kernel BUG'
}

# parts NAME...: call these functions. One that returns non-zero before it printed a
# result of its own has failed.
parts() {
	local part
	for part in "$@"; do
		"$part" || not_ok "$part" "it ended before its time"
		mountpoint -q "$mount_point" && unmount_filesystem
		[ -z "${TIMES:-}" ] || echo "    $part: $SECONDS s"
	done
	if [ "$(warnings)" != 0 ]; then
		dmesg | grep -E -A 20 'WARNING:|BUG:|Oops' >"$work/out"
		show "$work/out"
		not_ok "$(basename "$0")" "the kernel warned"
	fi
	finish
}

if [ ! -x "$fsck" ] || ! load_refdax; then
	not_ok "fs" "fsck.refdax or the module is missing"
	finish
fi
umount "$device" 2>/dev/null
