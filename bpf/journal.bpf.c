// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handles of jbd2 journals.  The tracepoints are where a handle really begins
 * and ends; a nested jbd2_journal_start() and its stop pass neither.
 */
#include "bpf/daxtrace.bpf.h"

static __noinline int superblock__is_known(__u32 dev)
{
	return superblock__known(dev);
}

/*
 * A journalled filesystem counts from the moment that a DAX inode of it was
 * seen: of the inode that this CPU remembers that is known.  The arguments are
 * taken from the context when they are needed, not before.
 */
static __always_inline struct event_handle *handle__record(__u64 *ctx, __u32 type)
{
	struct shard *shard = shard__this();
	struct event_handle *record;
	__u32 dev = ctx[0];

	if (!shard || !tracing)
		return NULL;
	if ((__u32)shard->dev != dev && !superblock__is_known(dev))
		return NULL;
	record = record__reserve_in(shard, sizeof(*record), type);
	if (!record)
		return NULL;
	record->dev = dev;
	record->transaction = ctx[1];
	record->type = ctx[2];
	record->line = ctx[3];
	return record;
}

/* Arguments: dev, tid of the transaction, type, line, blocks asked for. */
SEC("tp_btf/jbd2_handle_start")
int handle__start(__u64 *ctx)
{
	struct event_handle *record = handle__record(ctx, EVENT_HANDLE_START);

	if (record) {
		record->blocks = ctx[4];
		record__submit(record);
	}
	return 0;
}

/* The same; interval, sync, blocks asked for, blocks dirtied. */
SEC("tp_btf/jbd2_handle_stats")
int handle__stop(__u64 *ctx)
{
	struct event_handle *record = handle__record(ctx, EVENT_HANDLE_STOP);

	if (record) {
		record->blocks = ctx[7];
		record__submit(record);
	}
	return 0;
}
