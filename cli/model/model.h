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
/* The index of a million entries is as large as a cache: see pool__lines(). */
#define uthash_malloc(size) pool__lines(size)
void *pool__lines(size_t size);

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
	struct model_inode *dirty;		/* list of those with entries in state dirty */
	UT_hash_handle hh;
};

struct model_operation;

/* A VMA that maps a file, from its EVENT_MAP to its EVENT_MAP_END. */
struct model_mapping {
	__u64 vma;				/* the hash key: what the kernel names it by */
	__u64 mm;
	struct model_inode *inode;
	__u64 address;				/* user address, bytes */
	__u64 first, last;			/* page indexes, inclusive */
	__u64 epoch;
	__u64 event;				/* its number in the history */
	__u64 stamp;				/* of its record, see model__stamp() */
	__u32 flags;				/* MAP_* */
	__u32 tid;				/* who made it */
	struct model_mapping *next, *prev;	/* of the inode */
	UT_hash_handle hh;
};

/* How an inode's file is accessed, as EVENT_MODE said last. */
struct model_mode {
	bool known;
	__u32 flags;				/* MODE_* */
	__u32 changed_by;			/* tid of who told of the newest change */
	__u64 operations;			/* address_space.a_ops */
	__u64 changed_event;			/* of that change, its number in the history; 0: none */
	__u32 flip_locks;			/* the detector's: what was held then; 0: not known */
};

struct model_inode {
	struct inode_id id;
	struct model_superblock *superblock;
	const char *fstype;			/* of its superblock, "?" if unknown */
	__u64 last_event;			/* newest in the history; 0: none */
	struct model_entry *dirty;		/* list of entries in state dirty */
	size_t dirty_count;
	struct model_inode *dirty_next, *dirty_prev;	/* of the superblock's */
	size_t hole_count;			/* entries in state hole */
	bool untold_reader;			/* some hole was read through a VMA from before tracing */
	struct model_mapping *mappings;		/* list of the VMAs that are known */
	size_t mapping_count;
	size_t waiters;				/* tasks that wait for the lock of an entry */
	struct model_mode mode;
	__u64 checked;				/* stamp of the newest record that would have shown a flip */
	__u64 allocated;			/* stamp of the newest EVENT_IOMAP with new blocks */
	__u64 write_failed_at;			/* ns: ->writepages returned an error; 0: never */
	struct {				/* the detector's: pages that have blocks since that write */
		__u64 first, last, event, epoch;
		__u32 tid;			/* 0: none */
	} written;
	struct {				/* the newest fault on a block: what it held */
		__u32 locks, tid;
		__u64 index, event;
	} fault;
	struct {				/* the newest mmap: what it held, or took for a time */
		__u32 locks, tid;
		__u64 event;
	} mmap;
	struct model_entry *entries;		/* list of all entries */
	size_t entry_count, small_count;	/* of all, of order 0 */
	struct model_operation *open;		/* list of operations in progress */
	size_t open_count;
	struct model_inode *next, *prev;	/* of the superblock */
	struct model_inode *newer, *older;	/* by the newest record */
	UT_hash_handle hh;
};

/* A VMA through which an entry's pages may be stored to. */
struct model_writer {
	__u64 vma;				/* 0: none */
	__u32 tid;				/* whose fault it was */
	bool sure;				/* the fault has returned success */
};

/* A VMA through which the page of a hole was mapped. */
struct model_reader {
	__u64 vma;				/* 0: none */
	__u64 stamp;				/* of the record that told so */
	bool told;				/* when the VMA began was told, so its end will be, too */
};

/* Bytes, of the machines that are of interest. */
#define CACHE_LINE	64
#define PAGE_BYTES	4096ULL

#define ENTRY_WRITERS	2	/* kept of those since the last write-protection */
#define ENTRY_READERS	2	/* of a hole, since it was unmapped last */

/* What a task holds at a place that counts; see struct event_lock_set. */
struct model_locks {
	__u32 id;				/* from 1 */
	__u32 count;				/* of held[] */
	struct event_lock_held held[LOCK_SET_MAX];
	bool used;				/* while room is made: somebody refers to it */
	struct model_locks *next_free;
	UT_hash_handle hh;
};

/*
 * Laid out by cache lines, for a look, a fault and a writeback at any of a million: each line that
 * is not read costs less than one that is missed.
 */
struct model_entry {
	struct model_entry *next, *prev;	/* of the inode */
	__u64 instead, instead_at;		/* what was flushed when its tag went, if it was not its frames: pfn, ns */
	UT_hash_handle hh;			/* what a look reads of it is in the next line */
	struct {				/* the hash key */
		struct model_inode *inode;
		__u64 index;			/* aligned to order */
	} key;
	__u64 epoch;				/* of what is said here */
	__u64 pfn;				/* 0: unknown */
	__u32 dirtied_by;			/* tid of the first write fault since the last clean */
	__u8 order;				/* 0 or 9 */
	__u8 state;				/* enum entry_state */
	bool writable;				/* some mapping could be stored through */
	bool has_writers;			/* writers[] may hold some: else that line is not read */

	struct model_entry *dirty_next, *dirty_prev;
	__u64 dirtied_at;			/* ns: stores are possible since; TIME_NEVER: fault under way */
	__u64 dirtied_event;			/* its number in the history */
	struct model_task *pending;		/* whose fault is under way, or NULL */
	__u32 fault_locks, write_locks;		/* ids: of the newest fault on a block, of the newest that stores */
	__u32 hole_locks;			/* of the newest that mapped a hole's page */
	__u32 faulted_by;			/* tid of the newest fault on a block */
	__u64 inserted;				/* stamp of the record that put it there; 0: unknown */

	__u64 inserted_event;			/* its number in the history */
	__u32 inserted_by;			/* tid */
	__u32 mapped_by;			/* tid of its task */
	__u64 mapped;				/* stamp of the newest EVENT_MAPPED */
	__u64 flushed_at;			/* ns, 0: never seen; with its tag cleared or not */
	struct model_writer writers[ENTRY_WRITERS];

	__u64 unmapped;				/* stamp of the newest unmap of a hole's page */
	__u32 holder;				/* tid of the fault that holds its lock; 0: none known */
	struct model_reader readers[ENTRY_READERS];	/* of a hole's page, the newest last */
} __attribute__((aligned(CACHE_LINE)));

struct model_operation {
	enum operation operation;
	struct model_inode *inode;
	struct model_task *task;
	__u64 first, last;			/* page indexes, inclusive */
	__u64 argument[2];			/* see bpf/events.h */
	__u64 begun;				/* ns */
	__u64 event;				/* number in the history */
	__u64 stamp;				/* of its record, see model__stamp() */
	__s32 stack;				/* id, or negative */
	__u64 exit_argument;			/* once it ends: see bpf/events.h */
	/* What ->iomap_begin answered last; answered 0: nothing yet. */
	struct {
		__u64 answered;			/* stamp */
		__u64 offset, length, wanted;	/* bytes */
		__u16 type, flags;		/* IOMAP_TYPE_*, IOMAP_FLAG_*: of all answers, or'ed */
	} iomap;
	/* The detector's own: see detect/private.h. */
	struct {
		__u32 windows;			/* mask of the rules whose window this is */
		__u32 contested;		/* of them, those in which a rival ran */
		__u32 flags;
		__u32 tid;
		__u64 index, stamp, event;
		__u64 truncated;		/* stamp: the page cache of its range is gone */
		__u64 unmapped;			/* stamp of the newest unmap by its task in it */
		__u64 unmapped_first, unmapped_last;
		/* Of prediction: the other one's task, page, event and locks. */
		__u32 rival, rival_locks, own_locks;
		__u64 rival_index, rival_event;
		__u64 written_first, written_last;	/* pages */
	} notes;
	struct model_operation *open_next, *open_prev;
};

/* An operation on a whole superblock that a task is inside of. */
struct model_sb_operation {
	enum sb_operation operation;
	struct model_superblock *superblock;	/* NULL: all of them */
	__u64 begun;				/* ns */
	__u64 event;
	bool dirty;				/* with a dirty page when it began */
};

#define SB_OPERATION_DEPTH	4

/* A task that waits for an entry's lock. */
struct model_wait {
	struct model_inode *inode;
	__u64 index;				/* as the record said */
	__u64 since;				/* ns */
	__u64 event;
	__u64 woken_at;				/* ns: told to look again; 0: not yet */
	__u64 released_at;			/* ns: the lock was let go, or the entry went; 0: not seen */
	__u32 released_by;			/* tid */
	__u64 looked_at;			/* ns: when it was last judged */
	bool reported;				/* the detector's */
};

struct model_task {
	__u32 tid, tgid;
	char comm[EVENT_COMM_LENGTH];		/* "?" until announced */
	__u64 last_event;			/* its newest; 0: none */
	__u64 epoch;
	bool certain;				/* operations[] is all it is inside of */
	unsigned int depth;
	struct model_operation operations[OPERATION_DEPTH];	/* outermost first */
	struct model_entry *pending;		/* made dirty by the fault under way */
	struct event_flush flushed;		/* the newest flush; pages 0: none */
	struct {				/* the page that the fault under way has mapped writable */
		struct model_inode *inode;	/* NULL: none */
		__u64 index, vma;
	} mapped;
	struct model_sb_operation sb_operations[SB_OPERATION_DEPTH];	/* outermost first */
	unsigned int sb_depth;
	struct {				/* what it held when it came there last */
		struct inode_id inode;
		__u64 epoch, stamp;
		__u64 after;			/* the task's newest event then */
		__u32 id;			/* 0: not known */
		__u16 takings[LOCK_SET_MAX];	/* of each lock */
	} places[LOCK_PLACE_COUNT];
	bool waiting;				/* wait is what it does */
	struct model_wait wait;
	struct {				/* an EVENT_USER_STACK whose operation is yet to begin */
		bool told;
		__s32 stack;
		__u32 operation;
		__u64 vma;
	} from;
	__u64 mapped_event, mapped_vma;		/* its newest EVENT_MAP */
	__u64 layout_event;			/* the end of OPERATION_LAYOUT, if no operation began or ended since; or 0 */
	struct model_task *wait_next, *wait_prev;
	__u64 synced_at;			/* ns: its newest sync ended; 0: none seen */
	struct model_task *newer, *older;	/* by the newest record */
	UT_hash_handle hh;
};

/* One event as the history keeps it, for reports. */
struct model_event {
	__u64 number;				/* counts from 1 */
	__u64 previous;				/* of the same inode; 0: none */
	__u64 task_previous;			/* of the same task; 0: none */
	__u64 time;
	struct inode_id inode;
	__u32 tid;
	__u16 type;				/* enum event_type */
	__u16 operation;			/* enum operation, for ENTER and EXIT */
	__u64 first, last;
	/* As of the record; of EVENT_WRITEBACK_ONE the second is the pfn flushed instead, 0: none */
	__u64 argument[2];
	__s64 result;
	__u32 flags;				/* ENTRY_* */
	__s32 stack;
	__s32 user_stack;			/* id, see model__user_stack(); negative: none */
};

/* Why an entry was removed. */
enum model_removal {
	REMOVAL_UNKNOWN,	/* it cannot be said */
	REMOVAL_FREED,		/* its block is being freed: truncate, punch, last unlink */
	REMOVAL_MOVED,		/* its block goes to another index: collapse, insert */
	REMOVAL_GIVEN_UP,	/* its writeback failed: an error, which no lock would prevent */
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
	/* By task's fault; entry is what covers the index before, or NULL. */
	void (*entry_inserted)(void *context, struct model_task *task, struct model_inode *inode,
			       struct model_entry *entry, const struct event_entry *record);
	/* By task's fault; the entry's state is the one before. */
	void (*entry_dirtied)(void *context, struct model_task *task, struct model_entry *entry,
			      __u64 time);
	/* The dirty tag is cleared, after the flush that it needs. */
	void (*entry_cleaned)(void *context, struct model_task *task, struct model_entry *entry,
			      const struct event_range *record);
	void (*entry_deleted)(void *context, struct model_task *task, struct model_entry *entry,
			      enum model_removal removal, const struct event_entry *record);
	/* Any EVENT_ENTRY_DELETE; entry_deleted follows if the entry is known. */
	void (*delete_seen)(void *context, struct model_task *task, struct model_inode *inode,
			    const struct event_entry *record);
	/* EVENT_WRITEBACK_ONE, whatever entries it is about. */
	void (*written_back)(void *context, struct model_task *task, struct model_inode *inode,
			     const struct event_range *record);
	void (*range_unmapped)(void *context, struct model_task *task, struct model_inode *inode,
			       const struct event_range *record);
	/* A page table entry is about to be set. */
	void (*page_mapped)(void *context, struct model_task *task, struct model_inode *inode,
			    const struct event_mapped *record);
	/* ->iomap_begin answered the operation; its iomap is the one before. */
	void (*iomap_answered)(void *context, struct model_operation *operation,
			       const struct event_iomap *record);
	/* The inode's mode is still the old one. */
	void (*mode_changed)(void *context, struct model_task *task, struct model_inode *inode,
			     const struct event_mode *record);
	/* A function of DAX is called for a file that is not in DAX mode. */
	void (*old_mode_used)(void *context, struct model_task *task, struct model_inode *inode,
			      const struct event_enter *record);
	/* A VMA has been added. */
	void (*file_mapped)(void *context, struct model_task *task, struct model_mapping *mapping);
	/* The task begins to wait for an entry's lock. */
	void (*entry_waits)(void *context, struct model_task *task);
	/* It has waited for long; asked again from time to time. */
	void (*entry_still_waits)(void *context, struct model_task *task, __u64 time);
	void (*entry_locked)(void *context, struct model_task *task, struct model_inode *inode);
	void (*handle_started)(void *context, struct model_task *task,
			       const struct event_handle *record);
	/* A sync of a superblock has ended; result as its record says. */
	void (*sb_ended)(void *context, struct model_task *task,
			 const struct model_sb_operation *operation, __s64 result, __u64 time);
	/* EVENT_GAP: something was lost, between the two times; records of then may still come. */
	void (*gap_told)(void *context, __u64 since, __u64 until);
	/*
	 * A record about locks.  task: whose edge or leak it is; NULL for records
	 * that describe (EVENT_LOCK_CLASS, _NAME, _COUNT, _LOSS).
	 */
	void (*lock)(void *context, struct model_task *task, const struct event_header *record);
};

struct model_options {
	size_t max_entries;	/* more than that is a loss; 0: the default */
	size_t max_mappings;	/* VMAs; 0: the default */
	size_t max_inodes;	/* about which something is known; 0: the default */
	size_t max_lock_sets;	/* sets of locks that something still refers to; 0: the default */
	size_t history;		/* events kept, a power of two; 0: the default */
	bool no_flush;		/* the stream has no EVENT_FLUSH: a cleared tag is believed */
	bool no_lock_sets;	/* EVENT_LOCK_SETs may be missing unsaid, so none is believed */
};

/* What the model could not follow; all 0 in a good run.  They stay at their maximum. */
struct model_loss {
	__u64 records;		/* lost before they reached us */
	/* entries, inodes, tasks, operations or sets of locks that found no room */
	__u64 capacity;
};

/* NULL: out of memory.  The listener's context is handed back to it. */
struct model *model__new(const struct model_options *options,
			 const struct model_listener *listener, void *context);
void model__free(struct model *model);

/* Take in one record, of any type and of the size that its type requires at least. */
void model__record(struct model *model, const struct event_header *header);

/* Is what the entry says still believed? */
bool model__known(const struct model *model, const struct model_entry *entry);
/* Is a VMA through which this hole's page was mapped still there, and has nothing unmapped the page? */
bool model__is_read(const struct model *model, const struct model_entry *hole);
/* When the task flushed all of the entry, if nothing tells yet what came of it; else 0. */
__u64 model__flushed(const struct model_task *task, const struct model_entry *entry);

const struct model_loss *model__loss(const struct model *model);

/*
 * Of the record that is being taken in: how many there have been.  Unlike their
 * times, stamps never go back, nor are two the same.
 */
__u64 model__stamp(const struct model *model);

/* The superblock of a device, or NULL; the first of all, or NULL. */
struct model_superblock *model__superblock(const struct model *model, __u32 dev);
struct model_superblock *model__superblocks(const struct model *model);

/* The VMA of this name, if it is there, or NULL. */
const struct model_mapping *model__mapping(const struct model *model, __u64 vma);

/* Does any known VMA map a page of the range?  Looks at a bounded number only. */
const struct model_mapping *model__mapping_of(const struct model *model,
					      const struct model_inode *inode, __u64 first,
					      __u64 last);

/* What freeing operation of this task, if any, covers the page; or NULL. */
struct model_operation *model__freeing(struct model_task *task, const struct model_inode *inode,
				       __u64 index, __u32 order);

/*
 * The locks that the task held when it last came to that place on that inode; 0:
 * not known.  The locks of an id, or NULL.
 */
__u32 model__locks_at(const struct model *model, const struct model_task *task,
		      enum lock_place place, const struct inode_id *inode);
const struct model_locks *model__locks(const struct model *model, __u32 id);

/*
 * Does nothing that is held in both keep their tasks apart?  False if that is not
 * known: what was not told may be held in both, and of a percpu_rw_semaphore only
 * writers are seen.
 */
bool model__nothing_excludes(const struct model *model, __u32 first, __u32 second);

/* The class of one lock that is held in both and keeps their tasks apart; 0: none is known. */
__u32 model__common_class(const struct model *model, __u32 first, __u32 second);

/*
 * The same of what the task has held without a break from the first place, where it
 * came last, to the second one, and of the other set.
 */
bool model__nothing_excludes_throughout(const struct model *model, const struct model_task *task,
					const struct inode_id *inode, enum lock_place first,
					enum lock_place second, __u32 other);

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

/* A frame of a stack in a program. */
struct model_user_frame {
	__u64 address, function_offset, file_offset;
	const char *function, *file;		/* "" if not known */
	__u8 build_id[20];
	__u8 build_id_length;
};

/* Frames of a user stack that the stream has carried, the innermost first; 0 if it has not. */
unsigned int model__user_stack(const struct model *model, __s32 id,
			       const struct model_user_frame **frames);

/* Frames of a stack that the stream has carried; 0 if it has not. */
unsigned int model__stack(const struct model *model, __s32 id, const __u64 **address);

/* The name of an address that the stream has carried, or NULL. */
const char *model__symbol(const struct model *model, __u64 address);

/* "write", "fault", …, never NULL. */
const char *operation_name(enum operation operation);

/* "syncfs", "sync", …, never NULL. */
const char *sb_operation_name(enum sb_operation operation);

/* What an operation of these arguments means for the blocks behind [index, end]. */
enum model_removal operation__effect(const struct model_operation *operation, __u64 index,
				     __u64 end);

/* For the next, which is asked of each operation: most are not worth a call. */
bool operation__frees_some(const struct model_operation *operation);

/* Some page's block goes away or moves. */
static inline bool operation__frees_blocks(const struct model_operation *operation)
{
	return (operation->operation == OPERATION_SETSIZE ||
		operation->operation == OPERATION_FALLOCATE) && operation__frees_some(operation);
}

/* That page, or huge page, whole: the first and the last of a punch may go in part. */
bool operation__frees_wholly(const struct model_operation *operation, __u64 index, __u32 order);

/* The fault of that file that the task is in, or NULL. */
const struct model_operation *model__fault_of(const struct model_task *task,
					      const struct model_inode *inode);

#endif /* DAXTRACE_MODEL_H */
