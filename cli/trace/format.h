/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The trace file on disk, version 1.  daxtrace-trace(5) specifies it; a change
 * here is a change there.
 *
 *   file header, then blocks: FACTS (first, and again before the end),
 *   RECORDS, and one END as the last.
 *
 * Everything is little-endian and nothing is padded.  Nothing here is believed
 * by a reader before its checksum and its bounds are checked, and not even
 * then more than a hostile writer could be.
 */
#ifndef DAXTRACE_TRACE_FORMAT_H
#define DAXTRACE_TRACE_FORMAT_H

#include <stddef.h>
#include <linux/types.h>

/*
 * The records are stored as the kernel side wrote them, in the host's byte
 * order.  A big-endian port would have to swap every record here.
 */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "daxtrace stores records in the host's byte order, which must be little-endian"
#endif

#define TRACE_MAGIC		"DAXTRACE"	/* without the NUL */
#define TRACE_VERSION_MAJOR	1	/* another one: not readable */
#define TRACE_VERSION_MINOR	0	/* a newer one: readable, something is skipped */

/* Feature bits that this version knows.  Unknown compat bits are ignored. */
#define TRACE_COMPAT_KNOWN	0x0U
#define TRACE_INCOMPAT_KNOWN	0x0U

/* Bounds on what a file may ask a reader to hold, in bytes. */
#define TRACE_HEADER_MAX	4096U		/* file header */
#define TRACE_BLOCK_MAX		(1U << 20)	/* a block's payload, stored or raw */
#define TRACE_FACTS_MAX		(1U << 20)	/* all facts of a file, as stored in lines */
#define TRACE_FACT_COUNT_MAX	4096U		/* facts of a file, repeated keys counted */
#define TRACE_FACT_MAX		(1U << 16)	/* one "key=value\n", escaped */

/* At offset 0 of the file. */
struct trace_file_header {
	__u8 magic[8];		/* TRACE_MAGIC */
	__le16 major;		/* TRACE_VERSION_MAJOR */
	__le16 minor;		/* TRACE_VERSION_MINOR */
	__le32 length;		/* of this header: the first block is at this offset */
	__le32 compat;		/* features that an older reader may ignore */
	__le32 incompat;	/* features that a reader must know */
	__le32 record_abi;	/* EVENTS_ABI_VERSION */
	__le32 crc;		/* CRC-32 of the header's length bytes, this field as 0 */
};

#define TRACE_BLOCK_MAGIC	"DXBK"	/* without the NUL */

enum trace_block_type {
	TRACE_BLOCK_FACTS	= 1,	/* "key=value\n" lines */
	TRACE_BLOCK_RECORDS	= 2,	/* whole records, one after another */
	TRACE_BLOCK_END		= 3,	/* struct trace_end */
};

/* trace_block_header.flags */
#define TRACE_BLOCK_ZSTD	0x1U	/* the payload is zstd frames; else it is raw */

/* Before each block's payload. */
struct trace_block_header {
	__u8 magic[4];		/* TRACE_BLOCK_MAGIC */
	__le32 type;		/* enum trace_block_type; an unknown one is skipped */
	__le32 stored;		/* bytes of payload that follow in the file */
	__le32 raw;		/* bytes of payload once decompressed */
	__le32 records;		/* records in it; 0 if the type is not RECORDS */
	__le32 flags;		/* TRACE_BLOCK_ZSTD */
	__le64 first;		/* smallest time of its records, ns; 0 without records */
	__le64 last;		/* largest time of its records, ns; 0 without records */
	__le32 number;		/* of this block in the file: 0, 1, 2 ... */
	__le32 crc;		/* CRC-32 of this header, this field as 0, then the stored payload */
};

/* Payload of the END block, never compressed; a newer minor version may append to it. */
struct trace_end {
	__le64 records;		/* in all RECORDS blocks */
	__le64 blocks;		/* before this one */
	__le64 lost;		/* records that the kernel side dropped in all */
};

_Static_assert(sizeof(struct trace_file_header) == 32, "trace_file_header");
_Static_assert(offsetof(struct trace_file_header, crc) == 28, "trace_file_header.crc");
_Static_assert(sizeof(struct trace_block_header) == 48, "trace_block_header");
_Static_assert(offsetof(struct trace_block_header, first) == 24, "trace_block_header.first");
_Static_assert(offsetof(struct trace_block_header, crc) == 44, "trace_block_header.crc");
_Static_assert(sizeof(struct trace_end) == 24, "trace_end");

/*
 * The checksum of a file header of length bytes, at least
 * sizeof(struct trace_file_header), as its ->crc must hold it.
 */
__u32 trace_file_header__crc(const void *header, size_t length);

/* The checksum of a block, as its header's ->crc must hold it. */
__u32 trace_block_header__crc(const struct trace_block_header *header,
			      const void *payload, size_t length);

/*
 * Smallest size in bytes of a record of this type; of a type that is not
 * known, that of a record's header.
 */
size_t trace_record__minimum(unsigned int type);

#endif /* DAXTRACE_TRACE_FORMAT_H */
