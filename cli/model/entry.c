// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Entries: the state machine of model.h. */
#include <utlist.h>

#include "model/private.h"

static struct model_entry *find(struct model *model, struct model_inode *inode, __u64 index)
{
	struct model_entry *entry, key;

	if (model->found.inode == inode && model->found.index == index)
		return model->found.entry;
	memset(&key.key, 0, sizeof(key.key));
	key.key.inode = inode;
	key.key.index = index;
	HASH_FIND(hh, model->entries, &key.key, sizeof(key.key), entry);
	model->found.inode = inode;
	model->found.index = index;
	model->found.entry = entry;
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
		if (!--inode->dirty_count)
			DL_DELETE2(inode->superblock->dirty, inode, dirty_prev, dirty_next);
	} else if (entry->state != ENTRY_MODIFIED && state == ENTRY_MODIFIED) {
		DL_APPEND2(inode->dirty, entry, dirty_prev, dirty_next);
		if (!inode->dirty_count++)
			DL_APPEND2(inode->superblock->dirty, inode, dirty_prev, dirty_next);
	}
	inode->hole_count += (state == ENTRY_HOLE) - (entry->state == ENTRY_HOLE);
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
	entry->key.inode->entry_count--;
	entry->key.inode->small_count -= !entry->order;
	HASH_DEL(model->entries, entry);
	if (model->found.entry == entry)
		model->found.inode = NULL;
	pool__put(&model->entry_pool, entry);
}

/*
 * Call visit for each small entry from first to last; it may forget the one
 * that it is given.  Whichever is less work: the range, or the inode's entries.
 */
static void each_small(struct model *model, struct model_inode *inode, __u64 first, __u64 last,
		       void (*visit)(struct model *model, struct model_entry *entry,
				     const void *context),
		       const void *context)
{
	struct model_entry *entry, *next;
	__u64 count, i;

	if (!inode->small_count)
		return;
	if (last - first >= inode->entry_count) {
		DL_FOREACH_SAFE(inode->entries, entry, next)
			if (!entry->order && entry->key.index >= first && entry->key.index <= last)
				visit(model, entry, context);
		return;
	}
	/* Not by the index itself: last may be the largest there is. */
	count = last - first + 1;
	for (i = 0; i < count; i++) {
		entry = find(model, inode, first + i);
		if (entry && !entry->order)
			visit(model, entry, context);
	}
}

static void forget_small(struct model *model, struct model_entry *entry, const void *context)
{
	(void)context;
	forget(model, entry);
}

/* What an entry said in an older epoch is not believed in this one. */
static void renew(struct model *model, struct model_entry *entry)
{
	if (entry->epoch == model->epoch)
		return;
	if (entry->pending)
		entry__set_pending(entry->pending, NULL);
	set_state(entry, ENTRY_UNKNOWN);
	entry->writable = false;
	entry->has_writers = false;
	memset(entry->writers, 0, sizeof(entry->writers));
	entry__forget_readers(entry);
	entry->inserted = 0;
	entry->mapped = 0;
	entry->holder = 0;
	entry->fault_locks = 0;
	entry->write_locks = 0;
	entry->hole_locks = 0;
	entry->epoch = model->epoch;
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
	if (order)
		each_small(model, inode, index, index + (1ULL << order) - 1, forget_small, NULL);
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
		inode->entry_count++;
		inode->small_count += !order;
		HASH_ADD(hh, model->entries, key, sizeof(entry->key), entry);
		model->found.inode = NULL;
		if (order)
			model->huge_entries++;
	} else {
		renew(model, entry);
	}
	return entry;
}

/*
 * The entry that a fault inserts, or finds.  A huge one that maps blocks stays
 * for a fault of a page in it, and is what gets dirty (dax_insert_entry()); one
 * of a hole is broken up first (grab_mapping_entry()), which no record tells.
 */
static struct model_entry *get_for_fault(struct model *model, struct model_inode *inode,
					 const struct event_entry *record)
{
	struct model_entry *entry = model__entry(model, inode, record->index);

	if (entry && entry->order && !record->order) {
		if (entry->state == ENTRY_HOLE)
			forget(model, entry);	/* and unmapped: grab_mapping_entry() */
		else if (entry->epoch == model->epoch && !(record->flags & ENTRY_ZERO))
			return entry;
	}
	return get(model, inode, record->index, record->order);
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
	struct model_entry *entry;
	bool fresh;

	if (model->listener.entry_inserted)
		model->listener.entry_inserted(model->context, task, inode,
					       model__entry(model, inode, record->index), record);
	entry = get_for_fault(model, inode, record);
	if (!entry)
		return;
	/* A fault that finds the block's entry leaves it: dax_insert_entry(). */
	fresh = entry->state == ENTRY_HOLE ||
		(entry->state == ENTRY_UNKNOWN && !entry->inserted);
	if (fresh || record->flags & ENTRY_ZERO) {
		entry->inserted = model->records;
		entry->inserted_by = task->tid;
		entry->inserted_event = event;
	}
	if (record->flags & ENTRY_ZERO) {
		entry->hole_locks = model__locks_at(model, task, LOCK_PLACE_FAULT, &inode->id);
		set_state(entry, ENTRY_HOLE);
		entry->pfn = 0;
		return;
	}
	inode->fault.locks = model__locks_at(model, task, LOCK_PLACE_FAULT, &inode->id);
	inode->fault.tid = task->tid;
	inode->fault.index = record->index;
	inode->fault.event = event;
	entry->faulted_by = task->tid;
	entry->fault_locks = model__locks_at(model, task, LOCK_PLACE_FAULT, &inode->id);
	if (record->flags & (ENTRY_DIRTY | ENTRY_SYNC))
		entry->write_locks = entry->fault_locks;
	if (entry->order == record->order)
		entry->pfn = record->pfn;
	if (record->flags & ENTRY_DIRTY) {
		dirty(model, task, entry, record->header.time, event);
		/*
		 * Stores are possible once the fault has returned: entry__fault_done().
		 * Of two faults under way the first to insert is taken to be the
		 * first to return: if not, a page counts as dirty too late.
		 */
		if (entry->dirtied_at == TIME_NEVER && !entry->pending)
			entry__set_pending(task, entry);
	} else if (entry->state == ENTRY_HOLE) {
		set_state(entry, ENTRY_CLEAN);
	}
	/* A read fault leaves a dirty entry dirty, and an unknown one unknown. */
}

/* enum vm_fault_reason, unchanged from 6.1 to 7.2: the fault has mapped nothing. */
#define VM_FAULT_FAILED		(0x0001 | 0x0002 | 0x0010 | 0x0400 | 0x0800)

/* The fault that was about to map the page writable has done so, or failed. */
static void settle_writer(struct model *model, struct model_task *task,
			  struct model_inode *inode, bool failed)
{
	struct model_entry *entry;
	int i;

	/* The one that is remembered may have been forgotten since: not looked into. */
	entry = inode == task->mapped.inode ? model__entry(model, inode, task->mapped.index) : NULL;
	task->mapped.inode = NULL;
	if (!entry)
		return;
	for (i = 0; i < ENTRY_WRITERS; i++) {
		if (entry->writers[i].vma != task->mapped.vma ||
		    entry->writers[i].tid != task->tid)
			continue;
		if (failed)
			memset(&entry->writers[i], 0, sizeof(entry->writers[i]));
		else
			entry->writers[i].sure = true;
	}
}

/*
 * A huge entry of a hole is broken up before a fault of a page in it asks for
 * blocks (grab_mapping_entry()).  Of a fault that inserted nothing it is not
 * known whether it came so far.
 */
static void doubt_huge_hole(struct model *model, struct model_task *task)
{
	struct model_operation *operation = task->depth ? &task->operations[task->depth - 1] : NULL;
	struct model_entry *entry;

	if (!operation || operation->operation != OPERATION_FAULT ||
	    (operation->argument[0] & FAULT_PMD) || !operation->inode->hole_count)
		return;
	entry = model__entry(model, operation->inode, operation->first);
	if (entry && entry->order && entry->state == ENTRY_HOLE)
		set_state(entry, ENTRY_UNKNOWN);
}

void entry__fault_done(struct model *model, struct model_task *task, struct model_inode *inode,
		       __s64 result, __u64 time)
{
	struct model_entry *entry = task->pending;

	entry__set_pending(task, NULL);
	if (entry && entry->state == ENTRY_MODIFIED && entry->dirtied_at == TIME_NEVER)
		entry->dirtied_at = time;
	if (task->mapped.inode)
		settle_writer(model, task, inode, result & VM_FAULT_FAILED);
	if (result & VM_FAULT_FAILED)
		doubt_huge_hole(model, task);
}

/* A page table entry is about to be set, under the entry's lock. */
void entry__mapped(struct model *model, struct model_task *task, struct model_inode *inode,
		   const struct event_mapped *record)
{
	struct model_entry *entry;
	struct model_writer *writer;

	if (model->listener.page_mapped)
		model->listener.page_mapped(model->context, task, inode, record);
	entry = model__entry(model, inode, record->index);
	if (!entry || entry->epoch != model->epoch)
		return;
	entry->mapped = model->records;
	entry->mapped_by = task->tid;
	if (entry->state == ENTRY_HOLE && record->vma)
		entry__read(model, entry, record->vma);
	if (!(record->flags & ENTRY_WRITE) || !record->vma)
		return;
	writer = &entry->writers[0];
	if (writer->vma && writer->vma != record->vma)
		writer = &entry->writers[1];
	entry->has_writers = true;
	writer->vma = record->vma;
	writer->tid = task->tid;
	writer->sure = false;
	task->mapped.inode = inode;
	task->mapped.index = record->index;
	task->mapped.vma = record->vma;
}

/* A fault has locked the entry, or is about to let it go. */
void entry__locked(struct model *model, struct model_inode *inode,
		   const struct event_entry *record)
{
	struct model_entry *entry = model__entry(model, inode, record->index);

	if (entry && entry->epoch == model->epoch)
		entry->holder = record->header.type == EVENT_ENTRY_LOCK ? record->header.tid : 0;
}

void entry__sync_dirtied(struct model *model, struct model_task *task, struct model_inode *inode,
			 const struct event_entry *record, __u64 event)
{
	struct model_entry *entry = model__entry(model, inode, record->index);

	if (!entry)
		entry = get(model, inode, record->index, record->order);
	if (!entry)
		return;
	renew(model, entry);
	dirty(model, task, entry, record->header.time, event);
	/* dax_finish_sync_fault() has made the page writable by now. */
	if (entry->dirtied_at == TIME_NEVER)
		entry->dirtied_at = record->header.time;
	/*
	 * The record is made when the entry's lock is free again.  A writeback
	 * since the fault's own sync has seen the tag, or has not.
	 */
	if (entry->flushed_at && entry->flushed_at >= task->synced_at)
		set_state(entry, ENTRY_UNKNOWN);
}

/* An entry is removed: by whom, in which record. */
struct deletion {
	struct model_task *task;
	const struct event_entry *record;
};

static void delete_one(struct model *model, struct model_entry *entry, const void *context)
{
	const struct deletion *deletion = context;
	const struct event_entry *record = deletion->record;

	if (model__known(model, entry) && model->listener.entry_deleted)
		model->listener.entry_deleted(model->context, deletion->task, entry,
					      operation__removal(model, deletion->task,
								 entry->key.inode, record->index,
								 record->order),
					      record);
	forget(model, entry);
}

void entry__deleted(struct model *model, struct model_task *task, struct model_inode *inode,
		    const struct event_entry *record)
{
	struct deletion deletion = { .task = task, .record = record };
	struct model_entry *entry = entry__find_exact(model, inode, record->index, record->order);

	if (entry)
		delete_one(model, entry, &deletion);
	/* Faults of pages that dirtied a huge entry of which nothing was known. */
	if (record->order)
		each_small(model, inode, record->index,
			   record->index + (1ULL << record->order) - 1, delete_one, &deletion);
}

/* A tag is cleared: by whom, after which flush. */
struct cleaning {
	struct model_task *task;
	const struct event_range *record;
	const struct event_flush *flush;
};

/* All frames of the entry, as far as they are known. */
static bool flush_covers(const struct event_flush *flush, const struct model_entry *entry)
{
	if (!flush->pages)
		return false;
	/* Without sums that a record's values could make overflow. */
	return !entry->pfn || (flush->pfn <= entry->pfn &&
			       flush->pages >= 1ULL << entry->order &&
			       entry->pfn - flush->pfn <= flush->pages - (1ULL << entry->order));
}

__u64 model__flushed(const struct model_task *task, const struct model_entry *entry)
{
	return flush_covers(&task->flushed, entry) ? task->flushed.header.time : 0;
}

__u64 entry__flushed_instead(const struct model *model, const struct model_task *task,
			     const struct model_entry *entry)
{
	if (!entry || !entry->pfn || entry->epoch != model->epoch || !task->flushed.pages ||
	    flush_covers(&task->flushed, entry))
		return 0;
	return task->flushed.pfn;
}

static void clean_one(struct model *model, struct model_entry *entry, const void *context)
{
	const struct cleaning *cleaning = context;

	if (!model->no_flush && !flush_covers(cleaning->flush, entry)) {
		entry->instead = cleaning->flush->pages ? cleaning->flush->pfn : 0;
		entry->instead_at = cleaning->record->header.time;
		return;
	}
	renew(model, entry);
	if (model->listener.entry_cleaned)
		model->listener.entry_cleaned(model->context, cleaning->task, entry,
					      cleaning->record);
	entry->flushed_at = cleaning->record->header.time;
	set_state(entry, ENTRY_CLEAN);
}

/*
 * The dirty tag was cleared.  Clean only if the same task has flushed the
 * page's frames on the way (dax_writeback_one() does: flush, then tag), and
 * since the tag before.
 */
void entry__written_back(struct model *model, struct model_task *task, struct model_inode *inode,
			 struct model_entry *entry, const struct event_range *record)
{
	struct cleaning cleaning = { .task = task, .record = record, .flush = &task->flushed };

	if (entry)
		clean_one(model, entry, &cleaning);
	/* As in entry__deleted(). */
	if (record->last > record->first)
		each_small(model, inode, record->first, record->last, clean_one, &cleaning);
	task->flushed.pages = 0;
}

/*
 * The newest flush, after which no tag was cleared.  What was stored before is
 * durable; the entry stays as dirty as it was, unless nobody can store to it.
 * Rare: the kernel's own writeback clears the tag after each flush.
 */
void entry__flushed(struct model *model, struct model_task *task)
{
	const struct event_flush *flush = &task->flushed;
	struct model_inode *inode = NULL;
	struct model_entry *entry, *next;
	unsigned int i;

	if (!flush->pages)
		return;
	for (i = 0; i < task->depth; i++)
		if (task->operations[i].operation == OPERATION_WRITEPAGES ||
		    task->operations[i].operation == OPERATION_SYNC)
			inode = task->operations[i].inode;
	if (inode)
		DL_FOREACH_SAFE2(inode->dirty, entry, next, dirty_next) {
			if (entry->epoch != model->epoch || !entry->pfn ||
			    !flush_covers(flush, entry))
				continue;
			entry->flushed_at = flush->header.time;
			if (!entry->writable && !entry->writers[0].vma && !entry->writers[1].vma)
				set_state(entry, ENTRY_CLEAN);
		}
	task->flushed.pages = 0;
}

static void not_writable(struct model_entry *entry, __u64 vma)
{
	int i;

	entry->writable = false;
	if (!entry->has_writers)
		return;
	entry->has_writers = vma;
	for (i = 0; i < ENTRY_WRITERS; i++)
		if (!vma || entry->writers[i].vma == vma)
			memset(&entry->writers[i], 0, sizeof(entry->writers[i]));
}

void entry__not_writable(struct model *model, struct model_inode *inode, __u64 first, __u64 last,
			 __u64 vma)
{
	struct model_entry *entry;
	__u64 count, i;

	if (last - first < inode->dirty_count) {
		/* Not by the index itself: last may be the largest there is. */
		count = last - first + 1;
		for (i = 0; i < count; i++) {
			entry = model__entry(model, inode, first + i);
			if (entry)
				not_writable(entry, vma);
		}
		return;
	}
	DL_FOREACH2(inode->dirty, entry, dirty_next)
		if (entry->key.index <= last &&
		    entry->key.index + (1ULL << entry->order) - 1 >= first)
			not_writable(entry, vma);
}

void entry__forget_all(struct model *model, struct model_inode *inode)
{
	while (inode->entries)
		forget(model, inode->entries);
}
