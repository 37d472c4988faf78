/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The model: what is true about tasks, inodes and the entries of their
 * mappings, kept up to date record by record.  Live and offline feed it the
 * same records.  It draws no conclusions: it tells a listener what changed.
 *
 * An entry's life (per inode and index, at either size):
 *
 *	ENTRY_UNKNOWN	existed before tracing began, or before a loss
 *	(no object)	absent
 *	ENTRY_HOLE	the zero page, mapped by a read fault
 *	ENTRY_CLEAN	a block is mapped, nothing to flush
 *	ENTRY_MODIFIED	dirty: a write fault made a mapping writable since the last clean
 *
 * Where records are missing nothing that was known before is believed: the
 * model starts a new epoch, and what carries an older one counts as unknown.
 */
#ifndef DAXTRACE_MODEL_H
#define DAXTRACE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* Without memory for its index the model is worth nothing. */
#define uthash_fatal(message) model__out_of_memory()
void model__out_of_memory(void) __attribute__((noreturn));

#include <uthash.h>

#include "bpf/events.h"

/* A time later than all others: not yet. */
#define TIME_NEVER	(~0ULL)

/* Operations nested in one task; the kernel's own nesting is far shallower. */
#define OPERATION_DEPTH	12

enum entry_state {
	ENTRY_UNKNOWN,
	ENTRY_HOLE,
	ENTRY_CLEAN,
	ENTRY_MODIFIED,
};

struct model_superblock {
	__u32 dev;				/* major << 20 | minor */
	bool announced;				/* by EVENT_SUPERBLOCK */
	char fstype[EVENT_FSTYPE_LENGTH];	/* "?" until announced */
	char id[EVENT_SB_ID_LENGTH];
	struct model_inode *inodes;		/* list */
	UT_hash_handle hh;
};

struct model_operation;

struct model_inode {
	struct inode_id id;
	struct model_superblock *superblock;
	const char *fstype;			/* of its superblock, "?" if unknown */
	__u64 last_event;			/* newest in the history; 0: none */
	struct model_entry *dirty;		/* list of entries in state dirty */
	size_t dirty_count;
	struct model_entry *entries;		/* list of all entries */
	size_t entry_count, small_count;	/* of all, of order 0 */
	struct model_operation *open;		/* list of operations in progress */
	size_t open_count;
	struct model_inode *next, *prev;	/* of the superblock */
	struct model_inode *newer, *older;	/* by the newest record */
	UT_hash_handle hh;
};

struct model_entry {
	struct {				/* the hash key */
		struct model_inode *inode;
		__u64 index;			/* aligned to order */
	} key;
	__u64 pfn;				/* 0: unknown */
	__u64 dirtied_at;			/* ns: stores are possible since; TIME_NEVER: fault under way */
	__u64 flushed_at;			/* ns, 0: never seen */
	__u64 epoch;				/* of what is said here */
	__u32 order;				/* 0 or 9 */
	__u32 dirtied_by;			/* tid of the first write fault since the last clean */
	__u64 dirtied_event;			/* its number in the history */
	enum entry_state state;
	bool writable;				/* some mapping could be stored through */
	struct model_task *pending;		/* whose fault is under way, or NULL */
	struct model_entry *dirty_next, *dirty_prev;
	struct model_entry *next, *prev;	/* of the inode */
	UT_hash_handle hh;
};

struct model_operation {
	enum operation operation;
	struct model_inode *inode;
	struct model_task *task;
	__u64 first, last;			/* page indexes, inclusive */
	__u64 argument[2];			/* see bpf/events.h */
	__u64 begun;				/* ns */
	__u64 event;				/* number in the history */
	__s32 stack;				/* id, or negative */
	bool contested;				/* a rival ran in it; the detector's */
	bool window;				/* it is a rule's window; the detector's */
	struct model_operation *open_next, *open_prev;
};

struct model_task {
	__u32 tid, tgid;
	char comm[EVENT_COMM_LENGTH];		/* "?" until announced */
	__u64 epoch;
	bool certain;				/* operations[] is all it is inside of */
	unsigned int depth;
	struct model_operation operations[OPERATION_DEPTH];	/* outermost first */
	struct model_entry *pending;		/* made dirty by the fault under way */
	struct event_flush flushed;		/* the newest flush; pages 0: none */
	__u64 synced_at;			/* ns: its newest sync ended; 0: none seen */
	struct model_task *newer, *older;	/* by the newest record */
	UT_hash_handle hh;
};

/* One event as the history keeps it, for reports. */
struct model_event {
	__u64 number;				/* counts from 1 */
	__u64 previous;				/* of the same inode; 0: none */
	__u64 time;
	struct inode_id inode;
	__u32 tid;
	__u16 type;				/* enum event_type */
	__u16 operation;			/* enum operation, for ENTER and EXIT */
	__u64 first, last;
	__u64 argument[2];
	__s64 result;
	__u32 flags;				/* ENTRY_* */
	__s32 stack;
};

/* Why an entry was removed. */
enum model_removal {
	REMOVAL_UNKNOWN,	/* it cannot be said */
	REMOVAL_FREED,		/* its block is being freed: truncate, punch, last unlink */
	REMOVAL_KEPT,		/* its block stays the file's */
};

struct model;

/*
 * What a listener is told, each before the model changes so that it sees the
 * state in which it happened.  Any may be NULL.
 */
struct model_listener {
	void (*operation_begun)(void *context, struct model_operation *operation);
	/* The operation is still on its task's stack. */
	void (*operation_ended)(void *context, struct model_operation *operation, __s64 result,
				__u64 time);
	/* By task's fault; the entry's state is the one before. */
	void (*entry_dirtied)(void *context, struct model_task *task, struct model_entry *entry,
			      __u64 time);
	void (*entry_deleted)(void *context, struct model_task *task, struct model_entry *entry,
			      enum model_removal removal, __u64 time);
	/*
	 * A record about locks.  task: whose edge or leak it is; NULL for records
	 * that describe (EVENT_LOCK_CLASS, _NAME, _COUNT, _LOSS).
	 */
	void (*lock)(void *context, struct model_task *task, const struct event_header *record);
};

struct model_options {
	size_t max_entries;	/* more than that is a loss; 0: the default */
	size_t max_inodes;	/* about which something is known; 0: the default */
	size_t history;		/* events kept, a power of two; 0: the default */
	bool no_flush;		/* the stream has no EVENT_FLUSH: a cleared tag is believed */
};

/* What the model could not follow; all 0 in a good run.  They stay at their maximum. */
struct model_loss {
	__u64 records;		/* lost before they reached us */
	__u64 capacity;		/* entries, inodes, tasks or operations that found no room */
};

/* NULL: out of memory.  The listener's context is handed back to it. */
struct model *model__new(const struct model_options *options,
			 const struct model_listener *listener, void *context);
void model__free(struct model *model);

/* Take in one record, of any type and of the size that its type requires at least. */
void model__record(struct model *model, const struct event_header *header);

/* Is what the entry says still believed? */
bool model__known(const struct model *model, const struct model_entry *entry);

const struct model_loss *model__loss(const struct model *model);

/* Records that were taken in. */
__u64 model__records(const struct model *model);

/* NULL if there is none (any more). */
const struct model_task *model__task(const struct model *model, __u32 tid);
const struct model_event *model__event(const struct model *model, __u64 number);

/* The newest event's number, 0 at first. */
__u64 model__newest_event(const struct model *model);

/*
 * The entry that covers index, or NULL.  Of two (a page inside of a huge
 * entry's range) the small one.
 */
struct model_entry *model__entry(struct model *model, struct model_inode *inode, __u64 index);

/* Frames of a stack that the stream has carried; 0 if it has not. */
unsigned int model__stack(const struct model *model, __s32 id, const __u64 **address);

/* The name of an address that the stream has carried, or NULL. */
const char *model__symbol(const struct model *model, __u64 address);

/* "write", "fault", …, never NULL. */
const char *operation_name(enum operation operation);

#endif /* DAXTRACE_MODEL_H */
