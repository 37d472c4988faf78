/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside of detection: what the families of rules share. */
#ifndef DAXTRACE_DETECT_PRIVATE_H
#define DAXTRACE_DETECT_PRIVATE_H

#include "detect/detect.h"

struct detector {
	struct detector_options options;
	struct model *model;
	struct order_stream *order;
	struct coverage coverage[RULE_COUNT];
	struct finding *first, **last;
	struct finding *index;		/* hash */
	size_t count;
	__u64 unlisted;			/* of a fingerprint for which there was no room */
};

/* A family's view of the model's changes; as struct model_listener. */
struct rule_hooks {
	void (*operation_begun)(struct detector *detector, struct model_operation *operation);
	void (*operation_ended)(struct detector *detector, struct model_operation *operation,
				__s64 result, __u64 time);
	void (*entry_dirtied)(struct detector *detector, struct model_task *task,
			      struct model_entry *entry, __u64 time);
	void (*entry_deleted)(struct detector *detector, struct model_task *task,
			      struct model_entry *entry, enum model_removal removal, __u64 time);
	/* EVENT_LOCK_EDGE and EVENT_LOCK_LEAK; task: whose record it is. */
	void (*lock)(struct detector *detector, const struct model_task *task,
		     const struct event_header *record);
};

extern const struct rule_hooks durability_hooks, lock_hooks;

extern const struct rule rule_lost_dirty_entry, rule_sync_missed_dirty;
extern const struct rule rule_lock_order, rule_self_deadlock, rule_lock_leak, rule_sync_in_handle;

/* Selected, and all that it needs is in the stream. */
static inline bool rule__judges(const struct detector *detector, enum rule_index rule)
{
	return (detector->options.rules & (1U << rule)) &&
	       !(rule_table[rule]->needs & detector->options.missing);
}

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
/* The finding is whole: keep it and tell whoever listens. */
void finding__commit(struct detector *detector, struct finding *finding);

#endif /* DAXTRACE_DETECT_PRIVATE_H */
