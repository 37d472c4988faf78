// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What writer and reader must agree on: checksums and sizes. */
#include <string.h>
#include <zlib.h>

#include "trace/format.h"
#include "trace/trace.h"

__u32 trace_file_header__crc(const void *header, size_t length)
{
	const struct trace_file_header *fields = header;
	struct trace_file_header start;
	uLong crc;

	memcpy(&start, fields, sizeof(start));
	start.crc = 0;

	crc = crc32(0, (const Bytef *)&start, sizeof(start));
	return crc32_z(crc, (const Bytef *)(fields + 1), length - sizeof(start));
}

__u32 trace_block_header__crc(const struct trace_block_header *header,
			      const void *payload, size_t length)
{
	struct trace_block_header start = *header;
	uLong crc;

	start.crc = 0;

	crc = crc32(0, (const Bytef *)&start, sizeof(start));
	return crc32_z(crc, payload, length);
}

/*
 * The sizes of ABI version 1.  A struct that grows keeps its number here, or
 * the traces that exist could no longer be read.
 */
static const unsigned short record_minimum[EVENT_TYPE_COUNT] = {
	/* Older traces do not say when it began. */
	[EVENT_TASK]		= offsetof(struct event_task, started),
	[EVENT_SUPERBLOCK]	= sizeof(struct event_superblock),
	[EVENT_ENTER]		= sizeof(struct event_enter),
	[EVENT_EXIT]		= sizeof(struct event_exit),
	[EVENT_ENTRY_INSERT]	= sizeof(struct event_entry),
	[EVENT_ENTRY_DELETE]	= sizeof(struct event_entry),
	[EVENT_ENTRY_DIRTY]	= sizeof(struct event_entry),
	[EVENT_UNMAP]		= sizeof(struct event_range),
	[EVENT_MKCLEAN]		= sizeof(struct event_range),
	[EVENT_FLUSH]		= sizeof(struct event_flush),
	[EVENT_WRITEBACK_ONE]	= sizeof(struct event_range),
	[EVENT_STACK]		= sizeof(struct event_stack),
	[EVENT_SYMBOL]		= sizeof(struct event_symbol),
	/* Older traces do not say since when. */
	[EVENT_GAP]		= offsetof(struct event_gap, since),
	[EVENT_MODE]		= sizeof(struct event_mode),
	[EVENT_MAP]		= sizeof(struct event_map),
	[EVENT_MAP_END]		= sizeof(struct event_map),
	[EVENT_MAPPED]		= sizeof(struct event_mapped),
	[EVENT_IOMAP]		= sizeof(struct event_iomap),
	[EVENT_ENTRY_LOCK]	= sizeof(struct event_entry),
	[EVENT_ENTRY_UNLOCK]	= sizeof(struct event_entry),
	[EVENT_ENTRY_WAIT]	= sizeof(struct event_entry_wait),
	[EVENT_ENTRY_WAKE]	= sizeof(struct event_entry_wait),
	[EVENT_HANDLE_START]	= sizeof(struct event_handle),
	[EVENT_HANDLE_STOP]	= sizeof(struct event_handle),
	[EVENT_SB_ENTER]	= sizeof(struct event_sb),
	[EVENT_SB_EXIT]		= sizeof(struct event_sb),
	[EVENT_OLD_MODE]	= sizeof(struct event_enter),
	[EVENT_USER_STACK]	= sizeof(struct event_user_stack),
	[EVENT_USER_FRAME]	= sizeof(struct event_user_frame),
	[EVENT_LOCK_CLASS]	= sizeof(struct event_lock_class),
	[EVENT_LOCK_EDGE]	= sizeof(struct event_lock_edge),
	[EVENT_LOCK_LEAK]	= sizeof(struct event_lock_leak),
	[EVENT_LOCK_NAME]	= sizeof(struct event_lock_name),
	/* Older traces do not say who had to wait. */
	[EVENT_LOCK_COUNT]	= offsetof(struct event_lock_count, contentions),
	[EVENT_LOCK_LOSS]	= sizeof(struct event_lock_loss),
	[EVENT_LOCK_SET]	= sizeof(struct event_lock_set),
};

size_t trace_record__minimum(unsigned int type)
{
	if (type < EVENT_TYPE_COUNT && record_minimum[type])
		return record_minimum[type];
	return sizeof(struct event_header);
}
