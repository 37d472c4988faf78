# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# For NAME/run: play the scenario of the bug NAME with the bug and without, and
# compare what its tasks saw. With daxtrace, unless RECORD=0: the traces are
# $OUT/NAME-on-KERNEL.dxt and $OUT/NAME-off-KERNEL.dxt (or in $work, without OUT).

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
races=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# trace_of NAME on|off
trace_of() {
	echo "${OUT:-$work}/$1-$2-$(uname -r).dxt"
}

# play NAME on|off: on a fresh filesystem. Standard output is the scenario's. 3: it cannot be mounted.
play() {
	local status=0
	# Small: what one file frees, the next one gets.
	load_refdax && "$build/fs/mkfs.refdax" -q -f -J 5 --size=32 /dev/pmem0 &&
		mount -t refdax -o dax=always /dev/pmem0 "$mount_point" || return 3
	if ! echo "$1 $2" >"$(lab)/bugs"; then
		unmount_filesystem
		return 3
	fi
	if [ "${RECORD:-1}" = 1 ] && [ -x "$daxtrace" ]; then
		"$daxtrace" record -o "$(trace_of "$1" "$2")" --fs "$mount_point" -- \
			"$races/$1/scenario" "$mount_point" || status=$?
	else
		"$races/$1/scenario" "$mount_point" || status=$?
	fi
	unmount_filesystem || status=$?
	return $status
}

# race NAME WITH WITHOUT: what the tasks see with the bug, and without it; lines joined
# by spaces.
race() {
	local name=$1 got
	expect "$name: the scenario with the bug" 0 play "$name" on || return
	got=$(paste -sd ' ' "$work/out")
	same "$name: with the bug" "$2" "$got"
	expect "$name: the scenario without the bug" 0 play "$name" off || return
	got=$(paste -sd ' ' "$work/out")
	same "$name: without it, and all else the same" "$3" "$got"
}
