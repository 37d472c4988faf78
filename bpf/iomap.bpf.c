// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What filesystems answer when DAX asks where a part of a file is: the type,
 * the blocks, whether they were allocated just now.
 */
#include "bpf/daxtrace.bpf.h"

#define PMD_SHIFT	21	/* of x86 and arm64 with 4 KiB pages: PMD_ORDER + page_shift elsewhere */

/*
 * iomap_iter_done(): ->iomap_begin has succeeded.  The mapping is the one
 * inside of the iterator, which says what was asked for.
 */
SEC("tp_btf/iomap_iter_dstmap")
int BPF_PROG(iomap__dstmap, struct inode *inode, struct iomap *iomap)
{
	struct iomap_iter *iter = (void *)iomap - bpf_core_field_offset(struct iomap_iter, iomap);
	struct event_iomap *record;
	__u64 offset, length;
	__u16 flags, type;

	if (!inode__wanted(inode))
		return 0;
	flags = iomap->flags;
	type = iomap->type;
	offset = iomap->offset;
	length = iomap->length;
	/* But for one to a fault of a huge page: it may not be enough for that. */
	if (IOMAP_IS_SETTLED(type, flags, offset, length) &&
	    BPF_CORE_READ(iter, len) != 1ULL << PMD_SHIFT)
		return 0;
	record = record__reserve_for(inode, sizeof(*record), EVENT_IOMAP);
	if (!record)
		return 0;
	record->offset = offset;
	record->length = length;
	record->address = iomap->addr;
	record->type = type;
	record->flags = flags;
	record->position = BPF_CORE_READ(iter, pos);
	record->wanted = BPF_CORE_READ(iter, len);
	record->purpose = BPF_CORE_READ(iter, flags);
	record__submit(record);
	return 0;
}
