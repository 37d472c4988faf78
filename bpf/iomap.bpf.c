// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What filesystems answer when DAX asks where a part of a file is: the type,
 * the blocks, whether they were allocated just now.
 */
#include "bpf/daxtrace.bpf.h"

/*
 * iomap_iter_done(): ->iomap_begin has succeeded.  The mapping is the one
 * inside of the iterator, which says what was asked for.
 */
SEC("tp_btf/iomap_iter_dstmap")
int BPF_PROG(iomap__dstmap, struct inode *inode, struct iomap *iomap)
{
	struct iomap_iter *iter;
	__u16 flags, type;
	struct event_iomap *record;

	if (!inode__wanted(inode))
		return 0;
	record = record__reserve_for(inode, sizeof(*record), EVENT_IOMAP);
	if (!record)
		return 0;
	flags = iomap->flags;
	type = iomap->type;
	record->offset = iomap->offset;
	record->length = iomap->length;
	record->address = iomap->addr;
	record->type = type;
	record->flags = flags;
	if (type == IOMAP_TYPE_MAPPED && !(flags & IOMAP_FLAG_NEW)) {
		/* Nothing comes of it, and to look costs as much as all the rest. */
		record->position = 0;
		record->wanted = 0;
		record->purpose = 0;
	} else {
		iter = (void *)iomap - bpf_core_field_offset(struct iomap_iter, iomap);
		record->position = BPF_CORE_READ(iter, pos);
		record->wanted = BPF_CORE_READ(iter, len);
		record->purpose = BPF_CORE_READ(iter, flags);
	}
	record__submit(record);
	return 0;
}
