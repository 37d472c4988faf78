# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Kbuild trees of Debian kernels, for testcases/vm/kernel, which sources this and
# has set $kernels, $release, $work and reads the suites.

# The Kbuild tree of a Debian kernel: three packages that refer to each other by
# absolute paths below /usr/src, made relative here so that the folder may be anywhere.
fetch_headers()
{
	local folder=$kernels/$release new=$work/headers deb src common kbuild

	if [ ! -f "$work/apt/names" ]; then
		# shellcheck disable=SC2046 # a list of words
		read_suites $(suites_of "$(series_of "$release")")
	fi
	if ! has_package "linux-headers-$release"; then
		unavailable "the mirror has no headers for $release any more" \
			"Run \"testcases/vm/kernel $(series_of "$release") --headers --update\" for a newer release."
	fi
	common=linux-headers-${release%-amd64}-common
	kbuild=linux-kbuild-${release%-amd64}
	has_package "$kbuild" || kbuild=linux-kbuild-$(series_of "$release")
	say "fetching the headers of $release"
	download "linux-headers-$release" "$common" "$kbuild"
	mkdir -p "$new"
	for deb in "$work"/debs/*.deb; do
		unpack "$deb" "$new"
	done
	rm -rf "$work/debs" "${new:?}/lib"
	src=$new/usr/src/linux-headers-$release
	# shellcheck disable=SC2016 # make expands it
	printf 'include $(dir $(lastword $(MAKEFILE_LIST)))../%s/Makefile\n' "$common" >"$src/Makefile" ||
		unavailable "linux-headers-$release has no Makefile where one is expected"
	rm -rf "$folder/headers"
	mv -T "$new" "$folder/headers"
	write_kdir "$folder" "$folder/headers/usr/src/linux-headers-$release"
}

# write_kdir FOLDER PATH
write_kdir()
{
	printf '%s\n' "$2" >"$1/kdir.new" && mv "$1/kdir.new" "$1/kdir"
}

# The same for a kernel of a newer Debian than this one: its Kbuild programs need that
# Debian's C library, and its compiler is the one that the kernel was built with. All of it
# is unpacked into one folder, in which nothing is configured: what make and gcc need is
# found without that.
fetch_headers_and_tools()
{
	local folder=$kernels/$release new=$work/headers deb name

	read_suites trixie trixie-security trixie-backports
	if ! has_package "linux-headers-$release"; then
		unavailable "the mirror has no headers for $release any more" \
			"Run \"testcases/vm/kernel $(series_of "$release") --headers --update\" for a newer release."
	fi
	say "fetching the headers of $release, and the compiler that they need (100 MB)"
	mkdir -p "$work/debs" "$new" "$work/apt/cache/archives/partial"
	: >"$work/apt/status"
	if ! private_apt_logged apt-get -o Dir::State::status="$work/apt/status" \
		-o Dir::Cache::archives="$work/debs/" -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
		install -y --no-install-recommends --download-only "linux-headers-$release" \
		gcc-14 binutils make libelf1t64 dash bash coreutils sed grep gawk findutils; then
		grep '^[EW]:' "$work/apt/log" | sed 's/^/  /' >&2
		unavailable "cannot download the headers of $release (apt's messages above)" \
			"Try again; nothing half-fetched was kept."
	fi
	# Merged /usr, which Debian's installer makes, not a package.
	for name in bin sbin lib lib64; do
		mkdir -p "$new/usr/$name" && ln -s "usr/$name" "$new/$name"
	done
	for deb in "$work"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$new" --no-same-owner --keep-directory-symlink \
			--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale ||
			unavailable "cannot unpack $(basename "$deb") in $new (is the disk full?)"
	done
	rm -rf "$work/debs"
	# What maintainer scripts would link
	ln -sf gawk "$new/usr/bin/awk"
	[ -e "$new/usr/bin/sh" ] || ln -s dash "$new/usr/bin/sh"
	mkdir -p "$new/dev" "$new/proc" "$new/tmp"
	rm -rf "$folder/headers"
	mv -T "$new" "$folder/headers"
	printf '%s\n' "$folder/headers" >"$folder/kroot"
	write_kdir "$folder" "$folder/headers/usr/src/linux-headers-$release"
}
