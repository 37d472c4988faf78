// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Handles of jbd2 journals.  The tracepoints are where a handle really begins
 * and ends; a nested jbd2_journal_start() and its stop pass neither.
 */
#include "bpf/daxtrace.bpf.h"

/* A journalled filesystem counts from the moment that a DAX inode of it was seen. */
static __always_inline void handle__record(__u32 type, __u32 dev, __u32 transaction,
					   __u32 purpose, __u32 line, __u32 blocks)
{
	struct event_handle *record;

	if (!superblock__known(dev))
		return;
	record = record__reserve(sizeof(*record), type);
	if (!record)
		return;
	record->dev = dev;
	record->transaction = transaction;
	record->type = purpose;
	record->line = line;
	record->blocks = blocks;
	record->reserved = 0;
	record__submit(record);
}

SEC("tp_btf/jbd2_handle_start")
int BPF_PROG(handle__start, __u32 dev, __u32 transaction, __u32 type, __u32 line, int blocks)
{
	handle__record(EVENT_HANDLE_START, dev, transaction, type, line, blocks);
	return 0;
}

SEC("tp_btf/jbd2_handle_stats")
int BPF_PROG(handle__stop, __u32 dev, __u32 transaction, __u32 type, __u32 line, int interval,
	     int sync, int requested, int dirtied)
{
	handle__record(EVENT_HANDLE_STOP, dev, transaction, type, line, dirtied);
	return 0;
}
