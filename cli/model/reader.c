// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who has the page of a hole mapped.  A store to the file by another way is not seen
 * through such a mapping before it is taken down (dax_load_hole() maps the zero page).
 *
 * By the VMA that the fault had.  A VMA that is split or merged leaves the file's tree and
 * comes back (vma_prepare(), vma_complete()), which is told as an end and a beginning: who
 * reads through it is not known any more, and is not said to.  What clears or copies page
 * table entries alone is not told (MADV_DONTNEED, a store to a private mapping); nor whether
 * the fault then failed.
 */
#include <string.h>

#include <utlist.h>

#include "model/private.h"

/* Looked at before it is said that nobody's mapping is as old. */
#define MAPPING_TRIES	64

static bool is_there(const struct model *model, const struct model_reader *reader)
{
	const struct model_mapping *mapping;

	if (!reader->vma || !reader->told)
		return reader->vma;
	mapping = model__mapping(model, reader->vma);
	/* The kernel may have given its address to another meanwhile. */
	return mapping && mapping->stamp < reader->stamp;
}

void entry__read(const struct model *model, struct model_entry *hole, __u64 vma)
{
	struct model_reader *readers = hole->readers;

	/* One that is gone makes room; else the older. */
	if (readers[1].vma != vma &&
	    (readers[0].vma == vma || !is_there(model, &readers[0]) || is_there(model, &readers[1])))
		readers[0] = readers[1];
	readers[1].vma = vma;
	readers[1].stamp = model->records;
	readers[1].told = model__mapping(model, vma);
	if (!readers[1].told)
		hole->key.inode->untold_reader = true;
}

static void not_read(struct model_entry *hole, __u64 vma)
{
	int i;

	for (i = 0; i < ENTRY_READERS; i++)
		if (!vma || hole->readers[i].vma == vma)
			memset(&hole->readers[i], 0, sizeof(hole->readers[i]));
}

void entry__forget_readers(struct model_entry *entry)
{
	not_read(entry, 0);
}

bool model__is_read(const struct model *model, const struct model_entry *hole)
{
	const struct model_mapping *mapping;
	int tries = 0, i;

	for (i = 0; i < ENTRY_READERS; i++)
		if (is_there(model, &hole->readers[i]))
			return true;
	if (hole->mapped || !hole->inserted)
		return false;
	/* Which VMA a fault has is not told: it is one of those that cover the page. */
	DL_FOREACH(hole->key.inode->mappings, mapping) {
		if (mapping->epoch == model->epoch && mapping->stamp < hole->inserted &&
		    mapping->first < hole->key.index + (1ULL << hole->order) &&
		    mapping->last >= hole->key.index)
			return true;
		if (++tries == MAPPING_TRIES)
			break;
	}
	return false;
}

/* The page is mapped no more: through that VMA, or with vma 0 through none, though the entry may stay. */
static void unmap(const struct model *model, struct model_entry *entry, __u64 vma)
{
	if (entry->state != ENTRY_HOLE)
		return;
	not_read(entry, vma);
	if (!vma)
		entry->unmapped = model->records;
}

void readers__unmap(struct model *model, struct model_inode *inode, __u64 first, __u64 last, __u64 vma)
{
	struct model_entry *entry;
	__u64 index, pages;

	if (!inode->hole_count || first > last)
		return;
	if (last - first < inode->entry_count) {
		/* Not by the index itself: last may be the largest there is. */
		for (index = first, pages = last - first + 1; pages; index++, pages--) {
			entry = model__entry(model, inode, index);
			if (entry)
				unmap(model, entry, vma);
		}
		return;
	}
	DL_FOREACH(inode->entries, entry)
		if (entry->key.index <= last && entry->key.index + (1ULL << entry->order) > first)
			unmap(model, entry, vma);
}

/* Of a VMA that was told to begin model__is_read() sees that it is gone. */
void readers__end(struct model *model, struct model_inode *inode, const struct event_map *record)
{
	if (inode->untold_reader && !model__mapping(model, record->vma))
		readers__unmap(model, inode, record->first, record->last, record->vma);
}
