# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# For test scripts: results, and filesystems to test on. A script sources it,
# then prints one line a result:
#	ok NAME
#	not ok NAME: WHY
#	skip NAME: WHY
# and what belongs to a failure, indented, before it. It ends with finish.

. "$(dirname "${BASH_SOURCE[0]}")/wait.sh"
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
build=$(realpath "${O:-$root/build}")
# The tests' own, whatever is installed.
daxtrace=$build/daxtrace
export NO_COLOR=1

# long FULL SHORT: how much of a load, by whether this is "make check-long".
long() {
	if [ -n "${LONG:-}" ]; then
		echo "$1"
	else
		echo "$2"
	fi
}

failures=0

ok() {
	echo "ok $1"
}

not_ok() {
	echo "not ok $1: $2"
	failures=$((failures + 1))
}

skip() {
	echo "skip $1: $2"
}

# show FILE: what a failure needs to be understood.
show() {
	sed 's/^/    /' "$1" | tail -n "${2:-40}"
}

# stress_ng_is_content STATUS: nothing failed, though it may have left stressors out that lack resources
# (3) or that its exit status calls not implemented (4): the kernel has not got what they need.
stress_ng_is_content() {
	case $1 in
	0 | 3 | 4) ;;
	*) return 1 ;;
	esac
}

# expect NAME STATUS COMMAND...: the command's exit status. Its output is in
# $work/out and $work/err.
expect() {
	local name=$1 status=$2 got=0
	shift 2
	"$@" >"$work/out" 2>"$work/err" || got=$?
	if [ "$got" != "$status" ]; then
		show "$work/out"
		show "$work/err"
		not_ok "$name" "exit status $got, not $status: $*"
		return 1
	fi
}

# begin TEXT OUTPUT COMMAND...: in the background, as $begun; returns when TEXT is in its standard
# error, which goes to $work/said, or with status 1 when that does not come.
begin() {
	local text=$1 output=$2
	shift 2
	# Not what an earlier one has said.
	: >"$work/said"
	"$@" >"$output" 2>>"$work/said" &
	begun=$!
	until_says 300 "$work/said" "$text"
}

# same NAME EXPECTED GOT
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected '$2', got '$3'"
	fi
}

finish() {
	[ "$failures" = 0 ]
	exit
}

# --- in a guest -------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/daxtrace-test.XXXXXX")
mount_point=$work/mnt
mkdir "$mount_point"

# make_filesystem TYPE [DEVICE]: mounted at $mount_point with DAX.
make_filesystem() {
	local type=$1 device=${2:-/dev/pmem0}
	wipefs -qa "$device" 2>/dev/null || true
	case $type in
	ext4)
		mkfs.ext4 -q -F -b 4096 "$device" ;;
	xfs)
		# DAX and reflink exclude each other before 6.0; 64-bit extent
		# counts came with 5.19.
		mkfs.xfs -q -f -m reflink=0 -i nrext64=0 "$device" ;;
	xfs-reflink)
		mkfs.xfs -q -f -m reflink=1 -i nrext64=0 "$device" ;;
	refdax)
		load_refdax && "$build/fs/mkfs.refdax" -f "$device" >/dev/null ;;
	esac && mount -t "${type%-reflink}" -o dax=always "$device" "$mount_point"
}

# The module for this kernel, and what it stands on.
load_refdax() {
	grep -q '^refdax ' /proc/modules && return
	modprobe jbd2 && modprobe -q libcrc32c 2>/dev/null
	insmod "$build/fs/$(uname -r)/refdax.ko" || grep -q "^refdax " /proc/modules
}

# insert_module NAME TEST: a test module for this kernel, or the end of the test.
insert_module() {
	if ! insmod "$build/modules/$(uname -r)/$1.ko" 2>"$work/err"; then
		show "$work/err"
		not_ok "$2" "its module $1 cannot be loaded"
		finish
	fi
}

unmount_filesystem() {
	cd / && umount "$mount_point"
}

# refdax's lab for the filesystem at $mount_point
lab() {
	echo "/sys/kernel/debug/refdax/$(basename "$(findmnt -no SOURCE "$mount_point")")"
}

# skips_programs: whether it is a kernel that preempts itself (7.2). That skips a BPF program while a task is
# preempted in one, and daxtrace says how many: the more the more tasks there are.
skips_programs() {
	case $(uname -r) in
	7.*) ;;
	*) return 1 ;;
	esac
}

# again FILE: the kernel has skipped programs, and it is for this alone that the verdict of FILE may not be
# what it should be: what is found next to a loss is unknown. Such a run is made again, a few times.
again() {
	skips_programs &&
		[ "$(json '.[-1] | .lost > 0 and .problem == null and .missing == []' "$1")" = true ]
}

# few_lost: no finding, and the verdict is inconclusive for nothing but a few records, not one in
# $lost_share.
lost_share=1000
few_lost() {
	again "$work/out" &&
		[ "$(json ".[-1] | .verdict == \"inconclusive\" and .findings == 0 and
			.lost * $lost_share < .records" "$work/out")" = true ]
}

# without_finding NAME COMMAND...: daxtrace finds nothing while the command runs on the filesystem at
# $mount_point. Its report is in $work/out, in JSON; what the command prints is in $work/err. Under
# emulation, with all processors busy, it comes to its records late: the buffer is larger than
# it would be in a machine of this size.
without_finding() {
	local name=$1 status=0
	shift
	"$daxtrace" check --locks off -j --events all --buffer 32M --fs "$mount_point" -- "$@" >"$work/out" 2>"$work/err" || status=$?
	[ $status != 0 ] || return 0
	if [ $status = 4 ] && few_lost; then
		return 0
	fi
	show "$work/out"
	show "$work/err"
	not_ok "$name" "exit status $status"
	return 1
}

# json QUERY FILE: what jq makes of daxtrace's output.
json() {
	jq -rs "$1" "$2"
}
