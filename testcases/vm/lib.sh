# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the scripts of testcases/vm share. Sourced by bash; sets no shell
# options. A script sets PROG before it sources this, for its messages.

# shellcheck disable=SC2034 # the scripts that source this use them
vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
repo_root=$(cd "$vm_dir/../.." && pwd -P)

# Exit statuses that are ours; everything else is the guest command's.
readonly STATUS_USAGE=2
readonly STATUS_UNAVAILABLE=3

say()
{
	printf '%s: %s\n' "$PROG" "$*" >&2
}

# die STATUS MESSAGE [MORE LINES]...
die()
{
	local status=$1

	shift
	say "$1"
	shift
	[ $# -eq 0 ] || printf '  %s\n' "$@" >&2
	exit "$status"
}

# Where everything that is made goes: O=, or build/ in the repository.
# Printed absolute; a relative O= counts from the current folder, as in Kbuild.
build_dir()
{
	case ${O:-} in
	'') printf '%s\n' "$repo_root/build" ;;
	/*) printf '%s\n' "${O%/}" ;;
	*) printf '%s\n' "$PWD/${O%/}" ;;
	esac
}

# Wrong usage, and "cannot be done here": message, then lines that say what to do.
usage_error()
{
	die "$STATUS_USAGE" "$@"
}

unavailable()
{
	die "$STATUS_UNAVAILABLE" "$@"
}

# need PROGRAM PACKAGE [PROGRAM PACKAGE]...: ends with one message that names all
# that is missing.
need()
{
	local missing=() programs=()

	while [ $# -ge 2 ]; do
		if ! command -v "$1" >/dev/null 2>&1; then
			programs+=("$1")
			missing+=("$2")
		fi
		shift 2
	done
	[ ${#missing[@]} -eq 0 ] && return
	unavailable "not installed: ${programs[*]}" \
		"Debian packages: ${missing[*]}" \
		"\"testcases/setup\" (or \"make demo\"), as root, installs them."
}
