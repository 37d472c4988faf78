// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Entries: the state machine of model.h. */
#include <utlist.h>

#include "model/private.h"

static struct model_entry *find(struct model *model, struct model_inode *inode, __u64 index)
{
	struct model_entry *entry, key;

	memset(&key.key, 0, sizeof(key.key));
	key.key.inode = inode;
	key.key.index = index;
	HASH_FIND(hh, model->entries, &key.key, sizeof(key.key), entry);
	return entry;
}

struct model_entry *entry__find_exact(struct model *model, struct model_inode *inode, __u64 index,
				      __u32 order)
{
	struct model_entry *entry = find(model, inode, index);

	return entry && entry->order == order ? entry : NULL;
}

struct model_entry *model__entry(struct model *model, struct model_inode *inode, __u64 index)
{
	struct model_entry *entry = find(model, inode, index);

	if (entry || !model->huge_entries)
		return entry;
	entry = find(model, inode, index & ~((1ULL << HUGE_ORDER) - 1));
	return entry && entry->order == HUGE_ORDER ? entry : NULL;
}

bool model__known(const struct model *model, const struct model_entry *entry)
{
	return entry->epoch == model->epoch && entry->state != ENTRY_UNKNOWN;
}

static void set_state(struct model_entry *entry, enum entry_state state)
{
	struct model_inode *inode = entry->key.inode;

	if (entry->state == ENTRY_MODIFIED && state != ENTRY_MODIFIED) {
		DL_DELETE2(inode->dirty, entry, dirty_prev, dirty_next);
		inode->dirty_count--;
	} else if (entry->state != ENTRY_MODIFIED && state == ENTRY_MODIFIED) {
		DL_APPEND2(inode->dirty, entry, dirty_prev, dirty_next);
		inode->dirty_count++;
	}
	entry->state = state;
}

/* Tie a fault under way, or none, to the entry that it dirties. */
void entry__set_pending(struct model_task *task, struct model_entry *entry)
{
	if (task->pending)
		task->pending->pending = NULL;
	if (entry && entry->pending)
		entry->pending->pending = NULL;
	task->pending = entry;
	if (entry)
		entry->pending = task;
}

static void forget(struct model *model, struct model_entry *entry)
{
	if (entry->pending)
		entry__set_pending(entry->pending, NULL);
	set_state(entry, ENTRY_UNKNOWN);
	if (entry->order)
		model->huge_entries--;
	DL_DELETE(entry->key.inode->entries, entry);
	HASH_DEL(model->entries, entry);
	pool__put(&model->entry_pool, entry);
}

/* The entry for a record, made if need be, and made to be of this epoch. */
static struct model_entry *get(struct model *model, struct model_inode *inode, __u64 index,
			       __u32 order)
{
	struct model_entry *entry = find(model, inode, index);

	if (entry && entry->order != order) {
		/* A huge entry was broken up, or the reverse: what was there is gone. */
		forget(model, entry);
		entry = NULL;
	}
	if (!entry) {
		entry = pool__get(&model->entry_pool);
		if (!entry) {
			model->loss.capacity++;
			return NULL;
		}
		entry->key.inode = inode;
		entry->key.index = index;
		entry->order = order;
		entry->epoch = model->epoch;
		DL_APPEND(inode->entries, entry);
		HASH_ADD(hh, model->entries, key, sizeof(entry->key), entry);
		if (order)
			model->huge_entries++;
	} else if (entry->epoch != model->epoch) {
		set_state(entry, ENTRY_UNKNOWN);
		entry->writable = false;
		entry->epoch = model->epoch;
	}
	return entry;
}

static void dirty(struct model *model, struct model_task *task, struct model_entry *entry,
		  __u64 time, __u64 event)
{
	if (model->listener.entry_dirtied)
		model->listener.entry_dirtied(model->context, task, entry, time);
	entry->writable = true;
	if (entry->state == ENTRY_MODIFIED)
		return;		/* the first write fault since the last clean counts */
	set_state(entry, ENTRY_MODIFIED);
	entry->dirtied_at = TIME_NEVER;
	entry->dirtied_by = task->tid;
	entry->dirtied_event = event;
}

void entry__inserted(struct model *model, struct model_task *task, struct model_inode *inode,
		     const struct event_entry *record, __u64 event)
{
	struct model_entry *entry = get(model, inode, record->index, record->order);

	if (!entry)
		return;
	if (record->flags & ENTRY_ZERO) {
		set_state(entry, ENTRY_HOLE);
		entry->pfn = 0;
		return;
	}
	entry->pfn = record->pfn;
	if (record->flags & ENTRY_DIRTY) {
		dirty(model, task, entry, record->header.time, event);
		/* Stores are possible once the fault has returned: entry__fault_done(). */
		if (entry->dirtied_at == TIME_NEVER)
			entry__set_pending(task, entry);
	} else if (entry->state == ENTRY_HOLE) {
		set_state(entry, ENTRY_CLEAN);
	}
	/* A read fault leaves a dirty entry dirty, and an unknown one unknown. */
}

void entry__fault_done(struct model_task *task, __u64 time)
{
	struct model_entry *entry = task->pending;

	entry__set_pending(task, NULL);
	if (entry && entry->state == ENTRY_MODIFIED && entry->dirtied_at == TIME_NEVER)
		entry->dirtied_at = time;
}

void entry__sync_dirtied(struct model *model, struct model_task *task, struct model_inode *inode,
			 const struct event_entry *record, __u64 event)
{
	struct model_entry *entry = model__entry(model, inode, record->index);

	if (!entry)
		entry = get(model, inode, record->index, record->order);
	if (!entry)
		return;
	entry->epoch = model->epoch;
	dirty(model, task, entry, record->header.time, event);
	/* dax_finish_sync_fault() has made the page writable by now. */
	if (entry->dirtied_at == TIME_NEVER)
		entry->dirtied_at = record->header.time;
}

void entry__deleted(struct model *model, struct model_task *task, struct model_inode *inode,
		    const struct event_entry *record)
{
	struct model_entry *entry = entry__find_exact(model, inode, record->index, record->order);

	if (!entry)
		return;
	if (model__known(model, entry) && model->listener.entry_deleted)
		model->listener.entry_deleted(model->context, task, entry,
					      operation__removal(model, task, inode, record->index,
								 record->order),
					      record->header.time);
	forget(model, entry);
}

/*
 * The dirty tag was cleared.  Clean only if the same task has flushed the
 * page's frames on the way (dax_writeback_one() does: flush, then tag).
 */
void entry__written_back(struct model *model, struct model_task *task, struct model_inode *inode,
			 const struct event_range *record)
{
	struct model_entry *entry = model__entry(model, inode, record->first);
	const struct event_flush *flush = &task->flushed;
	__u64 pages;

	if (!entry)
		return;
	pages = 1ULL << entry->order;
	if (entry->pfn && flush->pages &&
	    (flush->pfn > entry->pfn || flush->pfn + flush->pages < entry->pfn + pages))
		return;
	entry->epoch = model->epoch;
	entry->flushed_at = record->header.time;
	set_state(entry, ENTRY_CLEAN);
}

void entry__not_writable(struct model *model, struct model_inode *inode, __u64 first, __u64 last)
{
	struct model_entry *entry;
	__u64 index;

	if (last - first < inode->dirty_count) {
		for (index = first; index <= last; index++) {
			entry = model__entry(model, inode, index);
			if (entry)
				entry->writable = false;
		}
		return;
	}
	DL_FOREACH2(inode->dirty, entry, dirty_next)
		if (entry->key.index <= last &&
		    entry->key.index + (1ULL << entry->order) - 1 >= first)
			entry->writable = false;
}

void entry__forget_all(struct model *model, struct model_inode *inode)
{
	while (inode->entries)
		forget(model, inode->entries);
}
