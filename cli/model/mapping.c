// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * VMAs: who maps a file.  What was mapped before tracing began is not known; so
 * a VMA in the list is there for certain, and the list may lack some.
 */
#include <stdlib.h>

#include <utlist.h>

#include "model/private.h"

/* Looked at before it is said that none of them maps a page. */
#define MAPPING_TRIES	64

static struct model_mapping *find(const struct model *model, __u64 vma)
{
	struct model_mapping *mapping;

	HASH_FIND(hh, model->mappings, &vma, sizeof(vma), mapping);
	return mapping;
}

const struct model_mapping *model__mapping(const struct model *model, __u64 vma)
{
	struct model_mapping *mapping = find(model, vma);

	return mapping && mapping->epoch == model->epoch ? mapping : NULL;
}

const struct model_mapping *model__mapping_of(const struct model *model,
					      const struct model_inode *inode, __u64 first,
					      __u64 last)
{
	const struct model_mapping *mapping;
	int tries = 0;

	DL_FOREACH(inode->mappings, mapping) {
		if (mapping->epoch == model->epoch && mapping->first <= last &&
		    mapping->last >= first)
			return mapping;
		if (++tries == MAPPING_TRIES)
			return NULL;
	}
	return NULL;
}

static void forget(struct model *model, struct model_mapping *mapping)
{
	DL_DELETE(mapping->inode->mappings, mapping);
	mapping->inode->mapping_count--;
	HASH_DEL(model->mappings, mapping);
	pool__put(&model->mapping_pool, mapping);
}

void mapping__begin(struct model *model, struct model_inode *inode, struct model_task *task,
		    const struct event_map *record, __u64 event)
{
	struct model_mapping *mapping = find(model, record->vma);

	/* Its end was not seen: the kernel has given its address to another. */
	if (mapping)
		forget(model, mapping);
	if (record->last < record->first)
		return;
	mapping = pool__get(&model->mapping_pool);
	if (!mapping) {
		model->loss.capacity++;
		return;
	}
	mapping->vma = record->vma;
	mapping->mm = record->mm;
	mapping->inode = inode;
	mapping->address = record->address;
	mapping->first = record->first;
	mapping->last = record->last;
	mapping->flags = record->flags;
	mapping->epoch = model->epoch;
	mapping->event = event;
	mapping->stamp = model->records;
	mapping->tid = task->tid;
	DL_PREPEND(inode->mappings, mapping);
	inode->mapping_count++;
	HASH_ADD(hh, model->mappings, vma, sizeof(mapping->vma), mapping);
	if (model->listener.file_mapped)
		model->listener.file_mapped(model->context, task, mapping);
}

/* Its page tables are clear; nobody stores through it any more. */
void mapping__end(struct model *model, const struct event_map *record)
{
	struct model_mapping *mapping = find(model, record->vma);

	if (mapping)
		forget(model, mapping);
}

void mapping__forget_all(struct model *model, struct model_inode *inode)
{
	while (inode->mappings)
		forget(model, inode->mappings);
}

void mapping__free_all(struct model *model)
{
	HASH_CLEAR(hh, model->mappings);
	pool__destroy(&model->mapping_pool);
}
