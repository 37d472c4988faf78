// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reading the file header: whether this is a trace, and one that this program can read. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "trace/reader.h"

/* What a file that is no trace looks like instead, for those seen most often. */
static const char *other_format(const void *start, size_t length)
{
	static const struct {
		const char *magic;
		size_t length;
		const char *hint;
	} other[] = {
		{ "\x28\xb5\x2f\xfd", 4, "it is compressed: decompress it with zstd -d first" },
		{ "\x1f\x8b", 2, "it is compressed: decompress it with gunzip first" },
		{ "\xfd" "7zXZ", 5, "it is compressed: decompress it with unxz first" },
		{ "PERFILE2", 8, "it is a perf.data file: perf script reads it" },
		{ "\x17\x08\x44", 3, "it is a trace.dat file: trace-cmd report reads it" },
	};
	size_t i;

	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (length >= other[i].length && !memcmp(start, other[i].magic, other[i].length))
			return other[i].hint;
	return "name a file that daxtrace record has written";
}

/* The bits that are set, as "2" or "0, 2 and 31". */
static const char *bit_list(__u32 bits, char *text, size_t size)
{
	size_t used = 0;
	int bit;

	text[0] = '\0';
	for (bit = 0; bit < 32 && used < size; bit++) {
		const char *separator = ", ";

		if (!(bits >> bit & 1))
			continue;
		if (!used)
			separator = "";
		else if (!(bits >> bit >> 1))
			separator = " and ";
		used += snprintf(text + used, size - used, "%s%d", separator, bit);
	}
	return text;
}

/* Whether this program can read what the header announces. */
static int check_version(const struct trace_file_header *header, const char *name, char *error)
{
	__u32 unknown = le32toh(header->incompat) & ~TRACE_INCOMPAT_KNOWN;
	char bits[128];

	if (unknown)
		return trace_message__error(error, -EPROTONOSUPPORT,
				"%s needs the trace format's incompatible feature bits %s, which this "
				"daxtrace does not know: use the one that recorded it, or a newer one",
				name, bit_list(unknown, bits, sizeof(bits)));

	if (le32toh(header->record_abi) != EVENTS_ABI_VERSION)
		return trace_message__error(error, -EPROTONOSUPPORT,
				"%s has records of ABI version %u and this daxtrace reads version %u: "
				"use the one that recorded it",
				name, le32toh(header->record_abi), EVENTS_ABI_VERSION);
	return 0;
}

static int header_cut_off(const struct trace_reader *reader, char *error)
{
	return trace_message__error(error, -ENODATA,
			"%s ends at byte %llu, inside the trace's header: it has no records; "
			"copy the whole file or record again", reader->name, reader->offset);
}

/*
 * Check what must hold before ->length can be believed: this is a trace, of
 * this major version, and not cut off.  got: bytes that could be read.
 */
static int check_start(const struct trace_reader *reader,
		       const struct trace_file_header *header, size_t got, char *error)
{
	const char *name = reader->name;
	size_t length;

	if (got == 0)
		return trace_message__error(error, -ENODATA,
				"%s is empty: nothing was recorded to it", name);
	if (memcmp(header->magic, TRACE_MAGIC,
		   got < sizeof(header->magic) ? got : sizeof(header->magic)))
		return trace_message__error(error, -EINVAL, "%s is not a trace: %s", name,
				other_format(header, got));
	if (got < sizeof(*header))
		return header_cut_off(reader, error);

	/* Before the rest of it, which another major version may lay out anew. */
	if (le16toh(header->major) != TRACE_VERSION_MAJOR)
		return trace_message__error(error, -EPROTONOSUPPORT,
				"%s is a trace of format version %u.%u and this daxtrace reads version "
				"%u: use the one that recorded it%s",
				name, le16toh(header->major), le16toh(header->minor),
				TRACE_VERSION_MAJOR,
				le16toh(header->major) > TRACE_VERSION_MAJOR ? ", or a newer one" : "");

	length = le32toh(header->length);
	if (length < sizeof(*header) || length > TRACE_HEADER_MAX)
		return trace_message__error(error, -EBADMSG,
				"%s is corrupt: its header says it is %zu bytes long, which cannot be; "
				"copy it again or record again", name, length);
	return 0;
}

int trace_reader__read_header(struct trace_reader *reader, char *error)
{
	/* ->raw is large enough for any header, and aligned for this one. */
	struct trace_file_header *header = (void *)reader->raw;
	size_t length;
	ssize_t got;
	int code;

	got = trace_reader__read(reader, header, sizeof(*header));
	if (got < 0)
		goto read_error;
	code = check_start(reader, header, got, error);
	if (code)
		return code;

	/* What a newer minor version has appended: read for the checksum alone. */
	length = le32toh(header->length) - sizeof(*header);
	got = trace_reader__read(reader, header + 1, length);
	if (got < 0)
		goto read_error;
	if ((size_t)got < length)
		return header_cut_off(reader, error);

	if (le32toh(header->crc) != trace_file_header__crc(header, le32toh(header->length)))
		return trace_message__error(error, -EBADMSG,
				"%s is corrupt: the checksum of its header is wrong, so nothing in it can "
				"be trusted; copy it again or record again", reader->name);

	return check_version(header, reader->name, error);

read_error:
	return trace_message__error(error, got, "cannot read %s: %s", reader->name,
			strerror(-got));
}
