# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Waiting without running a program: under emulation sleep(1) ten times a second takes
# half a processor from what is waited for.

# Nobody ever writes to it.
exec {wait_for_nothing}<> <(:)

# pause SECONDS
pause() {
	read -rt "$1" -u "$wait_for_nothing" || :
}

# until_true SECONDS COMMAND...: status 1 if it is not true by then
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		pause 0.1
	done
}

# until_there SECONDS PATH
until_there() {
	until_true "$1" test -e "$2"
}

says() {
	[[ $(<"$1") == *"$2"* ]]
}

# until_says SECONDS FILE TEXT
until_says() {
	until_true "$1" says "$2" "$3"
}
