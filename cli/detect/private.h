/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside of detection: what the families of rules share. */
#ifndef DAXTRACE_DETECT_PRIVATE_H
#define DAXTRACE_DETECT_PRIVATE_H

#include "detect/detect.h"

/*
 * Edges that are true unless a release was missed (LOCK_EDGE_UNSURE): nothing is
 * said of them before the end, which tells.
 */
#define MAX_UNSURE	4096

struct unsure_edges {
	struct event_lock_edge *edges;	/* in the order of their arrival */
	size_t count;
};

/* A family's view of the model's changes; as struct model_listener. */
struct rule_hooks {
	void (*operation_begun)(struct detector *detector, struct model_operation *operation);
	void (*operation_ended)(struct detector *detector, struct model_operation *operation,
			__s64 result, __u64 time);
	void (*entry_inserted)(struct detector *detector, struct model_task *task,
			struct model_inode *inode, struct model_entry *entry,
			const struct event_entry *record);
	void (*entry_dirtied)(struct detector *detector, struct model_task *task,
			struct model_entry *entry, __u64 time);
	void (*entry_cleaned)(struct detector *detector, struct model_task *task,
			struct model_entry *entry, const struct event_range *record);
	void (*entry_deleted)(struct detector *detector, struct model_task *task,
			struct model_entry *entry, enum model_removal removal,
			const struct event_entry *record);
	void (*delete_seen)(struct detector *detector, struct model_task *task,
			struct model_inode *inode, const struct event_entry *record);
	void (*written_back)(struct detector *detector, struct model_task *task,
			struct model_inode *inode, const struct event_range *record);
	void (*range_unmapped)(struct detector *detector, struct model_task *task,
			struct model_inode *inode, const struct event_range *record);
	void (*page_mapped)(struct detector *detector, struct model_task *task,
			struct model_inode *inode, const struct event_mapped *record);
	void (*iomap_answered)(struct detector *detector, struct model_operation *operation,
			const struct event_iomap *record);
	void (*mode_changed)(struct detector *detector, struct model_task *task,
			struct model_inode *inode, const struct event_mode *record);
	void (*old_mode_used)(struct detector *detector, struct model_task *task,
			struct model_inode *inode, const struct event_enter *record);
	void (*file_mapped)(struct detector *detector, struct model_task *task,
			struct model_mapping *mapping);
	void (*entry_waits)(struct detector *detector, struct model_task *task);
	void (*entry_still_waits)(struct detector *detector, struct model_task *task, __u64 time);
	void (*entry_locked)(struct detector *detector, struct model_task *task,
			struct model_inode *inode);
	void (*handle_started)(struct detector *detector, struct model_task *task,
			const struct event_handle *record);
	void (*sb_ended)(struct detector *detector, struct model_task *task,
			const struct model_sb_operation *operation, __s64 result, __u64 time);
	/* EVENT_LOCK_EDGE and _LEAK; task: whose record it is.  _LOSS, the end; task: NULL. */
	void (*lock)(struct detector *detector, const struct model_task *task,
		     const struct event_header *record);
};

#define HOOK_COUNT	(sizeof(struct rule_hooks) / sizeof(void (*)(void)))
#define FAMILY_COUNT	13

struct detector {
	struct detector_options options;
	struct model *model;
	const struct rule_hooks *listening[HOOK_COUNT][FAMILY_COUNT + 1];	/* up to NULL */
	struct order_stream *order;
	struct unsure_edges unsure;
	struct coverage coverage[RULE_COUNT];
	struct finding *first, **last;
	struct finding *index;		/* hash */
	size_t count;
	struct finding *waiting;	/* for finding__settle(), the newest first */
	size_t waiting_count;
	__u64 newest;		/* ns: time of the newest finding in the list */
	__u64 doubted_until;	/* ns: findings up to then rest on what may be missing */
	__u64 unlisted;			/* of a fingerprint for which there was no room */
};

extern const struct rule_hooks predict_lost_hooks, predict_block_hooks, predict_mode_hooks,
	window_hooks, durability_hooks, sync_hooks, block_hooks, stale_hooks, mode_hooks, layout_hooks,
	entry_lock_hooks, huge_hooks, lock_hooks;

extern const struct rule rule_lost_dirty_entry, rule_clean_but_writable, rule_sync_missed_dirty,
	rule_flip_while_mapped, rule_flip_without_writeback, rule_flip_unserialised,
	rule_flip_during_writepages, rule_fault_maps_freed, rule_stale_mapping, rule_dropped_write,
	rule_layout_break, rule_entry_lock_stall, rule_short_mapping, rule_pmd_pte_collision,
	rule_huge_fallback, rule_lock_order, rule_self_deadlock, rule_lock_leak,
	rule_sync_in_handle;

/* model_operation.notes.flags */
#define NOTE_SUSPECT		0x1	/* of DX08: index, stamp, event and tid name a page */
#define NOTE_SUSPECT_ENTRY	0x2	/* its entry must still be there at the end */
#define NOTE_HOLE_REMOVED	0x4	/* of DX09: index names a hole that must be unmapped */
#define NOTE_HOLE_READ		0x40000	/* of NOTE_HOLE_REMOVED: somebody's mapping of it was there */
#define NOTE_BUSY		0x8	/* of DX11: the newest look found a page in use */
#define NOTE_FREES_MAPPED	0x10	/* it frees a page that is mapped, and nobody has looked */
#define NOTE_OVERTAKEN		0x20	/* of a fault: a write of its page has ended meanwhile */
#define NOTE_FREED		0x40	/* of a fault: blocks of the file were freed meanwhile */
#define NOTE_FLIPPED		0x80	/* of a FILEATTR: the mode has changed in it */
#define NOTE_RIVAL		0x100	/* of a FILEATTR: faults, I/O or writeback ran in it */
#define NOTE_FLUSHED		0x400	/* of a FALLOCATE, a FILEATTR: it has written back */
#define NOTE_PREDICTED		0x800	/* the operation and notes.rival have no lock in common */
#define NOTE_EARLY		0x1000	/* of a WRITE: notes.rival's hole was removed before any answer */
#define NOTE_ALLOCATED		0x2000	/* and then the block was there, and nothing was removed since */
#define NOTE_LATE		0x8000	/* of NOTE_EARLY: it has removed once more */
#define NOTE_MOVED		0x4000	/* of NOTE_PREDICTED: the page's block moves */
#define NOTE_MAPPED		0x200	/* of a FILEATTR: the file was mapped in it */
#define NOTE_TAGGED		0x10000	/* it freed a page whose entry was dirty */
#define NOTE_WRITTEN_BACK	0x20000	/* notes.written_* is what it has written back */

/* Selected, and all that it needs is in the stream. */
static inline bool rule__judges(const struct detector *detector, enum rule_index rule)
{
	return (detector->options.rules & (1U << rule)) &&
	       !(rule_table[rule]->needs & detector->options.missing);
}

static inline bool operation__covers(const struct model_operation *operation, __u64 first,
				     __u64 last)
{
	return operation->first <= last && operation->last >= first;
}

/* The task's outermost operation of this kind on the inode, or NULL. */
struct model_operation *operation__around(struct model_task *task, const struct model_inode *inode,
					  enum operation kind);

/* The operation is a window of the rule, unless one around it is already. */
void window__open(struct detector *detector, struct model_operation *operation,
		  enum rule_index rule);
/* A rival ran in it; once counts. */
void window__contest(struct detector *detector, struct model_operation *operation,
		     enum rule_index rule, enum operation rival);

/* "mapper", or "?". */
const char *comm_of(const struct detector *detector, __u32 tid);

/* Has the task looked for the inode's pages in use, and neither begun nor ended anything since? */
bool has_broken_layouts(const struct detector *detector, const struct model_task *task,
			const struct model_inode *inode);
/* "write > invalidate": what the task is inside of, on this inode; "" if nothing. */
void describe_context(const struct model_task *task, const struct model_inode *inode, char *text,
		      size_t length);

/*
 * The innermost function of the inode's filesystem in the stacks of what the
 * task is inside of: it makes a fingerprint say whose the race is.  "" if it is
 * not known.
 */
void describe_function(const struct detector *detector, const struct model_task *task,
		       const struct model_inode *inode, char *text, size_t length);

/*
 * Start a finding about pages of an inode.  NULL: the same race on the same
 * inode has been reported, or there is no room: then it has been counted.  signature
 * is what makes the fingerprint, and must be stable between runs, machines and
 * kernels: operations and functions, no numbers.
 */
struct finding *finding__begin(struct detector *detector, enum rule_index rule,
			       const struct model_inode *inode, __u64 index, __u64 pages,
			       __u64 time, const char *signature);
/* The same about locks: of no inode, on a filesystem or "-". */
struct finding *finding__begin_lock(struct detector *detector, enum rule_index rule,
				    const char *fstype, __u64 time, const char *signature);
void finding__actor(struct finding *finding, const struct detector *detector, __u32 tid,
		    const char *role);
/*
 * Take over the inode's events about the finding's pages, back from the newest
 * to since (an event's number), and some of what led there.  If there are too
 * many, since and the newest are kept.
 */
void finding__history(struct finding *finding, const struct detector *detector,
		      const struct model_inode *inode, __u64 since);
/* Has the rule seen on that inode what others only predict? */
bool finding__is_observed(const struct detector *detector, enum rule_index rule,
			  const struct model_inode *inode);
/* What its actors held: of a finding that has its actors and its events. */
void held__note(const struct detector *detector, struct finding *finding);
/*
 * The finding is whole: keep it and tell whoever listens.  With losses of which the stream
 * does not tell yet it is unknown instead, and gone.
 */
void finding__commit(struct detector *detector, struct finding *finding);

/* Something was lost between the two times: findings of then, made or yet to come, are unknown. */
void finding__doubt(struct detector *detector, __u64 since, __u64 until);

/*
 * The same of one that rests on what tasks held: it is true unless a program that follows
 * locks could not run, so it waits for the next EVENT_LOCK_LOSS.
 */
void finding__commit_if_seen(struct detector *detector, struct finding *finding);

/* That record has come; all_seen: all programs have run, always. */
void finding__settle(struct detector *detector, bool all_seen);

#endif /* DAXTRACE_DETECT_PRIVATE_H */
