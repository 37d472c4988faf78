/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stories: records made by hand, in the words of the model, in the order in
 * which a kernel would send them.  A test tells what tasks do to files, and
 * then what the model, the rules or the program make of it.
 *
 * Each record is a microsecond after the one before, unless a test moves the
 * clock.  What a phrase leaves out, the record before it has said.
 */
#ifndef DAXTRACE_UNIT_STORY_H
#define DAXTRACE_UNIT_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "bpf/events.h"
#include "testcases/unit/trace_craft.h"

struct model;

/* Of the model's huge entries; as in the kernel with 4 KiB pages. */
#define STORY_HUGE_ORDER	9
#define STORY_HUGE_PAGES	(1ULL << STORY_HUGE_ORDER)

struct story {
	struct bytes records;	/* one after another, as in a trace */
	size_t count;
	__u64 time;		/* ns, of the newest record */
	__u64 origin;		/* ns, of the first */
	size_t told;		/* bytes of records that a model has been fed */
	__u32 next_tid;
	__u32 lost;		/* what the next record says in its header */
};

struct story_task {
	struct story *story;
	__u32 tid;
};

struct story_file {
	struct inode_id id;
	__u64 pfn;		/* of page 0; the others follow it */
};

/* The numbers that everything begins with; NULL: defaults. */
struct story_setting {
	__u64 time;
	__u32 first_tid;
};

void story__init(struct story *story, const struct story_setting *setting);
void story__free(struct story *story);

/* Feed a model the records since the last time. */
void story__tell(struct story *story, struct model *model);

/*
 * Write them to a trace file at path.  missing: OBSERVED_BIT()s that were not
 * observed; command_status: of the traced command, NULL: none was; lost: what
 * the end block says; locks: the setting of --locks, NULL: none is noted; problem:
 * what the recorder says was not observed, NULL: nothing; perturb: what --perturb was given,
 * with 3 delays of 2.5 ms in all, and 4 refused, NULL: none was.
 */
struct story_recording {
	__u64 missing;
	const char *locks;
	const char *command_status;
	const char *problem;
	const char *perturb;
	__u64 lost;
};
void story__save(const struct story *story, const char *path,
		 const struct story_recording *recording);

/* --- who and where -------------------------------------------------------- */

struct story_task story__task(struct story *story, const char *comm);

/* A task that the kernel side could not announce. */
struct story_task story__unnamed_task(struct story *story);

/* A filesystem is seen for the first time, or again after a mount. */
void story__superblock(struct story *story, __u32 dev, const char *fstype);

/* Says nothing: a file is known by what happens to it. */
struct story_file story__file(__u32 dev, __u64 ino, __u32 generation);

/* --- what the stream says about itself ------------------------------------ */

/* The next record is the first after so many lost ones on its CPU. */
void story__lose(struct story *story, __u32 records);
void story__gap(struct story *story, __u64 records);
void story__late_gap(struct story *story, __u64 records, __u64 since, __u64 until);
void story__stack(struct story *story, __s32 id, const __u64 *addresses, __u32 depth);
void story__symbol(struct story *story, __u64 address, const char *name, __u64 offset);

/* Any record; type and size are those of its header. */
void story__record(struct story *story, struct event_header *header, __u32 tid);

/* --- single records ------------------------------------------------------- */

struct story_operation {
	enum operation operation;
	__u64 first, last;
	__u64 argument[2];
	__s32 stack;		/* 0: none; ids begin at 1 here */
};

void story__enter(const struct story_task *task, const struct story_file *file,
		  const struct story_operation *operation);
void story__exit(const struct story_task *task, const struct story_file *file,
		 enum operation operation, __s64 result);
void story__insert(const struct story_task *task, const struct story_file *file, __u64 index,
		   __u32 order, __u32 flags);
void story__delete(const struct story_task *task, const struct story_file *file, __u64 index,
		   __u32 order);
/* By a function that deletes dirty ones as well. */
void story__delete_regardless(const struct story_task *task, const struct story_file *file,
			      __u64 index);
/* A MAP_SYNC fault has made its page writable. */
void story__sync_dirty(const struct story_task *task, const struct story_file *file, __u64 index);
void story__unmap(const struct story_task *task, const struct story_file *file, __u64 first,
		  __u64 last);
void story__mkclean(const struct story_task *task, const struct story_file *file, __u64 first,
		    __u64 last);
void story__flush(const struct story_task *task, const struct story_file *file, __u64 index,
		  __u64 pages);
void story__tag_cleared(const struct story_task *task, const struct story_file *file,
			__u64 first, __u64 last);

/*
 * A VMA of the task's process that maps the file shared: named by vma, which is
 * what the kernel's address of it would be.
 */
void story__map(const struct story_task *task, const struct story_file *file, __u64 vma,
		__u64 first, __u64 last);
/* The same of a private mapping: what is stored goes to a copy. */
void story__map_private(const struct story_task *task, const struct story_file *file, __u64 vma,
			__u64 first, __u64 last);
/* The child's, which fork(2) copies from the parent's: the parent's task tells of it. */
void story__map_in_fork(const struct story_task *parent, const struct story_task *child,
			const struct story_file *file, __u64 vma, __u64 first, __u64 last);
void story__unmap_vma(const struct story_task *task, const struct story_file *file, __u64 vma,
		      __u64 first, __u64 last);
/* A page table entry of that VMA is about to be set; flags: ENTRY_WRITE. */
void story__mapped(const struct story_task *task, const struct story_file *file, __u64 vma,
		   __u64 index, __u32 order, __u32 flags);
/* Write-protected through that VMA alone. */
void story__mkclean_vma(const struct story_task *task, const struct story_file *file, __u64 vma,
			__u64 first, __u64 last);
/* ->iomap_begin's answer to one page's fault, or to a write: bytes from the page on. */
void story__iomap(const struct story_task *task, const struct story_file *file, __u64 index,
		  __u64 bytes, __u16 type, __u16 flags);
/* The mode differs; flags: MODE_*. */
void story__mode(const struct story_task *task, const struct story_file *file, __u32 old_flags,
		 __u32 new_flags);
/* EVENT_ENTRY_LOCK, _UNLOCK, _WAIT or _WAKE (then of waiter). */
/* A function of DAX is called for a file that is not in DAX mode. */
void story__old_mode(const struct story_task *task, const struct story_file *file,
		     enum operation operation, __u64 index);
void story__entry_lock(const struct story_task *task, const struct story_file *file,
		       enum event_type type, __u64 index, const struct story_task *waiter);
void story__handle(const struct story_task *task, __u32 dev);
void story__sb(const struct story_task *task, enum event_type type, __u32 dev,
	       enum sb_operation operation, __s64 result);

/* --- what tasks do -------------------------------------------------------- */

void story__fault_begins(const struct story_task *task, const struct story_file *file,
			 __u64 index, __u64 flags);
void story__fault_ends(const struct story_task *task, const struct story_file *file);

/* Whole faults. */
void story__fault_read_hole(const struct story_task *task, const struct story_file *file,
			    __u64 index);
void story__fault_read(const struct story_task *task, const struct story_file *file, __u64 index);
void story__fault_write(const struct story_task *task, const struct story_file *file, __u64 index);
/* index is aligned to STORY_HUGE_PAGES */
void story__fault_read_huge_hole(const struct story_task *task, const struct story_file *file,
				 __u64 index);
void story__fault_read_huge(const struct story_task *task, const struct story_file *file,
			    __u64 index);
void story__fault_write_huge(const struct story_task *task, const struct story_file *file,
			     __u64 index);
/* Of a MAP_SYNC mapping: the fault, its fsync, the page made writable. */
void story__fault_sync(const struct story_task *task, const struct story_file *file, __u64 index);

/* The same, told with its VMA and its page table entry. */
void story__fault_write_by(const struct story_task *task, const struct story_file *file, __u64 vma,
			   __u64 index);

/* write(2) of whole pages, and the invalidation in it. */
void story__write_begins(const struct story_task *task, const struct story_file *file,
			 __u64 index, __u64 pages);
void story__write_ends(const struct story_task *task, const struct story_file *file, __u64 pages);
void story__invalidate_begins(const struct story_task *task, const struct story_file *file,
			      __u64 first, __u64 last);
void story__invalidate_ends(const struct story_task *task, const struct story_file *file);

void story__fsync_begins(const struct story_task *task, const struct story_file *file);
void story__fsync_range_begins(const struct story_task *task, const struct story_file *file,
			       __u64 first, __u64 last);
void story__fsync_ends(const struct story_task *task, const struct story_file *file,
		       __s64 result);
/* dax_writeback_one() on an entry: write-protect, flush, clear the tag. */
void story__write_back(const struct story_task *task, const struct story_file *file, __u64 index,
		       __u32 order);

/* Sizes in bytes. */
void story__setsize_begins(const struct story_task *task, const struct story_file *file,
			   __u64 old_size, __u64 new_size);
void story__fallocate_begins(const struct story_task *task, const struct story_file *file,
			     int mode, __u64 first, __u64 last);
void story__truncate_begins(const struct story_task *task, const struct story_file *file,
			    __u64 first, __u64 last);
void story__evict_begins(const struct story_task *task, const struct story_file *file,
			 __u64 links);
void story__ends(const struct story_task *task, const struct story_file *file,
		 enum operation operation);

/* --- whole stories -------------------------------------------------------- */

/* Names and numbers that must not matter to a fingerprint. */
struct story_numbers {
	const char *fstype;
	__u32 dev;
	__u64 ino;
	__u32 generation;
	__u64 index;
	struct story_setting setting;
};

extern const struct story_numbers story_numbers;

/*
 * "Subtle races between DAX mmap fault and write path" (Jan Kara, 2016): a
 * hole is mapped; write(2) allocates its block; a store dirties the new entry;
 * write(2) invalidates and removes it.  One DX01.
 */
void story__drop_dirty(struct story *story, const struct story_numbers *numbers);

/* A store, a whole fsync that leaves its page out.  One DX03. */
void story__missed_sync(struct story *story, const struct story_numbers *numbers);

/* Faults, a write that a fault meets, an fsync that flushes: nothing to find. */
void story__well_behaved(struct story *story, const struct story_numbers *numbers);

#endif /* DAXTRACE_UNIT_STORY_H */
