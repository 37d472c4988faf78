# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# For the scenarios of the races: NAME/scenario plays the interleaving of the bug NAME
# on the refdax that is mounted at its argument, and prints what its tasks saw, a
# line each. It does the same whether the bug is on or off; what it prints differs.
# Usage: NAME/scenario FOLDER     (a refdax, empty, with its lab)
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../wait.sh"

# shellcheck disable=SC2034 # the scenarios use them
{
	folder=$1
	file=$folder/file
	other=$folder/other
	flag=/tmp/scenario.$$
}
# Under emulation each program that is run costs a second: what the caller knows it says.
lab=${SCENARIO_LAB:-/sys/kernel/debug/refdax/$(basename "$(findmnt -no SOURCE "$folder")")}
program=$(realpath "${O:-$(dirname "${BASH_SOURCE[0]}")/../../build}/tests/actor")
bug=${0%/scenario}
bug=${bug##*/}

# actor NAME FILE COMMAND...: see actor.c
actor() {
	timeout 300 "$program" "$@" || echo "$1 failed"
}

# gate NAME COMMAND: see refdax(5). Status 0 if the command succeeded: for "wait", if
# a task is held there.
gate() {
	echo "${*:2}" 2>/dev/null >"$lab/gates/$1"
}

# For how long to wait for a task at a gate to which it gets with the bug, and from
# which a lock keeps it without; in milliseconds.
# shellcheck disable=SC2034 # the scenarios use it
if [[ $(<"$lab/bugs") =~ (^|$'\n')"$bug on " ]]; then
	soon=120000
else
	soon=2000
fi

# watch_writeback, written_back PATH: how many DAX entries of the file were written back since then,
# by the kernel's own tracepoint.
instance=/sys/kernel/tracing/instances/scenario
watch_writeback() {
	# Else each begin and end patches the scheduler's code. An instance has no such option: it
	# inherits this one when it is made.
	echo 0 >/sys/kernel/tracing/options/record-cmd
	mkdir -p "$instance"
	echo >"$instance/trace"
	echo 1 >"$instance/events/fs_dax/dax_writeback_one/enable"
}

written_back() {
	echo 0 >"$instance/events/fs_dax/dax_writeback_one/enable"
	grep -c "dax_writeback_one.* ino $(printf '0x%x' "$(stat -c %i "$1")") " "$instance/trace"
}

# wait_for PATH: until there is such a file
wait_for() {
	until_there 300 "$1"
}
