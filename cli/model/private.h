/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside of the model: shared by its files, seen by nobody else. */
#ifndef DAXTRACE_MODEL_PRIVATE_H
#define DAXTRACE_MODEL_PRIVATE_H

#include "model/model.h"

#define DEFAULT_MAX_ENTRIES	(1UL << 22)
#define DEFAULT_MAX_MAPPINGS	(1UL << 20)
#define DEFAULT_MAX_INODES	(1UL << 20)
#define DEFAULT_HISTORY		(1UL << 16)
#define MAX_TASKS		(1UL << 16)	/* those that do nothing make room */
#define MAX_SUPERBLOCKS		(1UL << 14)
#define MAX_OPEN		1024		/* operations in progress on one inode */
#define MAX_STACKS		(1UL << 16)
#define MAX_SYMBOLS		(1UL << 18)
/* Tasks end unseen: each that is remembered keeps what it held, at a few places. */
#define DEFAULT_MAX_LOCK_SETS	(4 * MAX_TASKS)

/* The huge entry's order (PMD_ORDER with 4 KiB pages). */
#define HUGE_ORDER		9

struct model_stack {
	__s32 id;
	__u32 depth;
	__u64 address[EVENT_STACK_DEPTH];
	UT_hash_handle hh;
};

struct model_user_stack {
	__s32 id;
	__u32 depth;
	struct model_user_frame frames[EVENT_STACK_DEPTH];
	UT_hash_handle hh;
};

struct model_symbol {
	__u64 address;
	char name[160];		/* "function+0x12 [module]" */
	UT_hash_handle hh;
};

/* Objects of one size, handed out and taken back without the allocator. */
struct pool {
	size_t size, used, limit;
	void *free;		/* list of those that were taken back */
	char *fresh, *end;	/* of the newest chunk, what was never handed out */
	void *chunks;
};

struct model {
	struct model_listener listener;
	void *context;
	struct model_loss loss;
	__u64 records;
	__u64 begun;			/* ns: the time of the first */
	__u64 epoch;
	__u64 newest;			/* ns: the time of the newest record, in whatever place */
	__u64 gap_until;		/* ns: a gap's time that the stream has not come to; or 0 */
	struct model_task *tasks, *oldest_task;
	struct model_superblock *superblocks;
	struct model_inode *inodes, *oldest_inode;
	size_t max_inodes;
	bool no_flush, no_lock_sets;
	struct model_task *current;	/* of the record that is being taken in; NULL: of none */
	struct model_entry *entries;
	/* The newest answer of a look among them: a page's records come in groups. */
	struct {
		struct model_inode *inode;	/* NULL: none */
		__u64 index;
		struct model_entry *entry;	/* NULL: there is none */
	} found;
	struct model_stack *stacks;
	struct model_symbol *symbols;
	struct model_user_stack *user_stacks;
	struct model_mapping *mappings;
	struct model_locks *lock_sets;	/* hash by contents */
	struct model_locks **lock_set;	/* by id - 1 */
	struct model_locks *free_lock_sets;
	size_t lock_set_count, max_lock_sets;	/* of lock_set[] */
	__u64 swept;			/* stamp: room was made for lock sets */
	struct model_task *waiting;	/* list of those that wait for an entry's lock */
	struct pool entry_pool, mapping_pool;
	size_t huge_entries;	/* looked for only if there are any */
	struct model_event *history;
	__u64 history_mask, newest_event;
};

/* caller.c: from where in its program a task comes */
void caller__take_frame(struct model *model, const struct event_user_frame *record);
void caller__take_stack(struct model *model, struct model_task *task,
			const struct event_user_stack *record);
/* An operation (OPERATION_NONE: a mapping, vma) begins: its event. */
void caller__begin(struct model_task *task, struct model_event *event, __u32 operation, __u64 vma);
void caller__free_all(struct model *model);

void pool__init(struct pool *pool, size_t size, size_t limit);
/* Zeroed; NULL: the limit is reached or memory is out. */
void *pool__get(struct pool *pool);
void pool__put(struct pool *pool, void *object);
void pool__destroy(struct pool *pool);

/* model.c: found or made; NULL: there is no room, which has been counted */
struct model_task *model__get_task(struct model *model, const struct event_header *header);
struct model_inode *model__get_inode(struct model *model, const struct inode_id *id);
struct model_superblock *model__get_superblock(struct model *model, __u32 dev);
void model__forget_inode(struct model *model, struct model_inode *inode);

/* mapping.c */
void mapping__begin(struct model *model, struct model_inode *inode, struct model_task *task,
		    const struct event_map *record, __u64 event);
void mapping__end(struct model *model, const struct event_map *record);
void mapping__forget_all(struct model *model, struct model_inode *inode);
void mapping__free_all(struct model *model);

/* locks.c */
void locks__told(struct model *model, struct model_task *task,
		 const struct event_lock_set *record);
void locks__free_all(struct model *model);

/* wait.c */
void wait__begin(struct model *model, struct model_task *task, struct model_inode *inode,
		 const struct event_entry_wait *record, __u64 event);
void wait__end(struct model *model, struct model_task *task);
void wait__woken(struct model *model, const struct event_entry_wait *record);
void wait__released(struct model *model, const struct model_inode *inode, __u64 index,
		    __u32 order, __u32 tid, __u64 time);
void wait__look(struct model *model, __u64 time);
void wait__forget_inode(struct model *model, const struct model_inode *inode);

/* entry.c */
struct model_entry *entry__find_exact(struct model *model, struct model_inode *inode, __u64 index,
				      __u32 order);
void entry__inserted(struct model *model, struct model_task *task, struct model_inode *inode,
		     const struct event_entry *record, __u64 event);
void entry__sync_dirtied(struct model *model, struct model_task *task, struct model_inode *inode,
			 const struct event_entry *record, __u64 event);
void entry__deleted(struct model *model, struct model_task *task, struct model_inode *inode,
		    const struct event_entry *record);
/*
 * The pfn that the task has flushed for the entry, if those frames are not the entry's; 0 if
 * they are, or if it is not known.  NULL: there is no entry.
 */
__u64 entry__flushed_instead(const struct model *model, const struct model_task *task,
			     const struct model_entry *entry);
/* entry: of the range's first page, or NULL */
void entry__written_back(struct model *model, struct model_task *task, struct model_inode *inode,
			 struct model_entry *entry, const struct event_range *record);
/* The task's newest flush, if no tag was cleared after it. */
void entry__flushed(struct model *model, struct model_task *task);
/* vma: through which alone; 0: through none. */
void entry__not_writable(struct model *model, struct model_inode *inode, __u64 first, __u64 last,
			 __u64 vma);
void entry__mapped(struct model *model, struct model_task *task, struct model_inode *inode,
		   const struct event_mapped *record);
void entry__read(const struct model *model, struct model_entry *hole, __u64 vma);
void entry__forget_readers(struct model_entry *entry);
void readers__unmap(struct model *model, struct model_inode *inode, __u64 first, __u64 last,
		    __u64 vma);
void readers__end(struct model *model, struct model_inode *inode, const struct event_map *record);
void entry__locked(struct model *model, struct model_inode *inode,
		   const struct event_entry *record);
void entry__fault_done(struct model *model, struct model_task *task, struct model_inode *inode,
		       __s64 result, __u64 time);
void entry__set_pending(struct model_task *task, struct model_entry *entry);
void entry__forget_all(struct model *model, struct model_inode *inode);

/* operation.c */
void operation__begin(struct model *model, struct model_task *task, struct model_inode *inode,
		      const struct event_enter *record, __u64 event);
void operation__end(struct model *model, struct model_task *task, struct model_inode *inode,
		    const struct event_exit *record);
void operation__abandon_all(struct model_task *task);
/* The task's innermost one of this kind on this inode, or NULL. */
struct model_operation *operation__innermost(struct model_task *task, enum operation operation,
					     const struct model_inode *inode);
enum model_removal operation__removal(const struct model *model, const struct model_task *task,
				      const struct model_inode *inode, __u64 index, __u32 order);

#endif /* DAXTRACE_MODEL_PRIVATE_H */
