// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who has the page of a hole mapped.  A store to the file by another way is not seen
 * through such a mapping before it is taken down (dax_load_hole() maps the zero page).
 */
#include <string.h>

#include <utlist.h>

#include "model/private.h"

void entry__read(const struct model *model, struct model_entry *hole, __u64 vma)
{
	struct model_reader *reader = &hole->readers[0];

	if (reader->vma && reader->vma != vma)
		hole->readers[1] = *reader;
	reader->vma = vma;
	reader->stamp = model->records;
	reader->told = model__mapping(model, vma);
}

void entry__not_read(struct model_entry *hole, __u64 vma)
{
	int i;

	for (i = 0; i < ENTRY_READERS; i++)
		if (!vma || hole->readers[i].vma == vma)
			memset(&hole->readers[i], 0, sizeof(hole->readers[i]));
}

static bool is_there(const struct model *model, const struct model_reader *reader)
{
	const struct model_mapping *mapping;

	if (!reader->vma || !reader->told)
		return reader->vma;
	mapping = model__mapping(model, reader->vma);
	/* The kernel may have given its address to another meanwhile. */
	return mapping && mapping->stamp < reader->stamp;
}

bool model__is_read(const struct model *model, const struct model_entry *hole)
{
	const struct model_mapping *mapping;
	int i;

	for (i = 0; i < ENTRY_READERS; i++)
		if (is_there(model, &hole->readers[i]))
			return true;
	if (hole->mapped)
		return false;
	/* Mappings of pages are not told. */
	mapping = model__mapping_of(model, hole->key.inode, hole->key.index,
				    hole->key.index + (1ULL << hole->order) - 1);
	return mapping && hole->inserted && mapping->stamp < hole->inserted;
}

/* A VMA has ended that was there before tracing. */
void readers__end(struct model *model, struct model_inode *inode, __u64 first, __u64 last,
		  __u64 vma)
{
	struct model_entry *entry;
	__u64 index, pages;

	if (last - first < inode->entry_count) {
		for (index = first, pages = last - first + 1; pages; index++, pages--) {
			entry = model__entry(model, inode, index);
			if (entry && entry->state == ENTRY_HOLE)
				entry__not_read(entry, vma);
		}
		return;
	}
	DL_FOREACH(inode->entries, entry)
		if (entry->state == ENTRY_HOLE && entry->key.index <= last &&
		    entry->key.index + (1ULL << entry->order) > first)
			entry__not_read(entry, vma);
}
