# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# For what plays the scenarios. The folder of each has
#	scenario	plays the interleaving of the bug that the folder is named after, on
#			the refdax mounted at its argument; it does the same whether the bug is
#			on or off
#	options		for the mount, if not dax=always
#	locks		(if it is there) daxtrace needs locks to see it
#	repair		(if it is there) puts right what would harm later scenarios
#	calm		(if it is there) the same bug, and the same operations one after the
#			other, so that nothing bad happens: daxtrace predicts it. NAME/calm plays it
#	expected	lines of it:
#	    on: WORDS, off: WORDS	what the tasks see with the bug, and without
#	    finding: RULE CERTAINTY INDEX PAGES ACTORS
#			what daxtrace finds with the bug, and nothing else: pages of the file, and
#			the names of the tasks; "-" where it is not about a page. Without the bug
#			it finds nothing.
#	    calm on: WORDS, calm off: WORDS, calm finding: ...	the same of "calm"
#	    window: RULE	without the bug the rule's window was open, and contested

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
races=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

# play NAME[/calm] on|off: on a fresh filesystem. Standard output is the scenario's; the
# number of its file is in $work/inode. 3: it cannot be mounted. Who sources this may have
# functions before_scenario and after_scenario, and scenarios in a folder of its own.
play() {
	local name=${1%/calm} script=scenario status=0 options=dax=always
	[ "$name" = "$1" ] || script=calm
	[ -e "$races/$name/options" ] && options=$(<"$races/$name/options")
	# Small: what one file frees, the next one gets.
	load_refdax && "$build/fs/mkfs.refdax" -q -f -J 5 --size=32 /dev/pmem0 &&
		mount -t refdax -o "$options" /dev/pmem0 "$mount_point" || return 3
	# What a bug leaves behind is not to be written back by the flusher threads, which come by chance.
	# Not 0: then they look at once after an inode was made dirty (wb_wakeup_delayed()), and write it
	# back if the device's share of the threshold is still nothing (wb_over_bg_thresh()).
	echo 360000 >/proc/sys/vm/dirty_writeback_centisecs
	export SCENARIO_LAB=/sys/kernel/debug/refdax/pmem0
	if ! echo "$name $2" >"$SCENARIO_LAB/bugs"; then
		unmount_filesystem
		return 3
	fi
	script=$races/$name/$script
	[ -x "${other_scenarios:-}/$name" ] && script=$other_scenarios/$name
	if declare -F before_scenario >/dev/null; then
		before_scenario || status=$?
	fi
	"$script" "$mount_point" || status=$?
	if declare -F after_scenario >/dev/null; then
		after_scenario || status=$?
	fi
	rm -f "$work/end"
	if [ -e "$races/$name/repair" ]; then
		clock >"$work/end"
		"$races/$name/repair" "$mount_point" >/dev/null
	fi
	stat -c %i "$mount_point/file" >"$work/inode"
	unmount_filesystem || status=$?
	return $status
}

recorder=

# tracing TRACE LOCKS: begin, and return when all is attached
tracing() {
	local status=0
	begin 'Ctrl-C ends it' /dev/null "$daxtrace" record --events all --locks "$2" --fs "$mount_point" \
		-o "$1" || status=$?
	recorder=$begun
	if [ $status != 0 ]; then
		show "$work/said"
		not_ok "races: tracing" "it did not begin"
		kill -INT $recorder
		finish
	fi
}

# traced TRACE: end, and make the report
traced() {
	kill -INT "$recorder"
	wait "$recorder"
	"$daxtrace" report -j "$1" >"$work/report" 2>"$work/err"
}

# What --fs names must be mounted.
prepare() {
	load_refdax && "$build/fs/mkfs.refdax" -q -f -J 5 --size=32 /dev/pmem0 &&
		mount -t refdax /dev/pmem0 "$mount_point"
}

# expected NAME[/calm] KEY: the values of those lines
expected() {
	local name=${1%/calm} key=$2
	[ "$name" = "$1" ] || key="calm $2"
	sed -n "s/^$key: //p" "$races/$name/expected"
}

# clock: seconds since boot, as the times of a trace
clock() {
	local up
	read -r up _ </proc/uptime
	echo "$up"
}

# findings REPORT SINCE UNTIL INODE NAMES: of a report in JSON, what happened between the two
# times, in the words of "expected"; a file other than INODE is told, unless that is 0. Each order of locks was
# first shown by somebody: of those, who is among NAMES.
findings() {
	jq -rs --argjson since "$2" --argjson until "$3" --argjson inode "${4:-0}" --arg names "${5:-}" '
		.[] | select(.type == "finding" and .time / 1e9 >= $since and .time / 1e9 <= $until) |
		(if .ino then "\(.index) \(.pages)" else "- -" end) as $pages |
		(if .ino and $inode > 0 and .ino != $inode then " inode \(.ino)" else "" end) as $other |
		([.actors[].comm] | unique | if $pages == "- -" then
			map(select(. as $name | $names | split(",") | index($name))) else . end) as $actors |
		"\(.rule) \(.certainty) \($pages) \($actors | join(","))\($other)"' \
		"$1" >"$work/findings" || echo "the report cannot be read" >>"$work/findings"
	sort "$work/findings"
}
