/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the families of predictions share; predict.c says what a prediction is. */
#ifndef DAXTRACE_DETECT_PREDICT_H
#define DAXTRACE_DETECT_PREDICT_H

#include "detect/private.h"

/* Two operations, and what each holds. */
struct conflict {
	enum rule_index rule;
	const struct model_inode *inode;
	__u64 index;
	const char *first, *second;	/* what they are: "fault", "mmap", "fallocate" */
	__u32 first_tid, second_tid;
	__u32 first_locks, second_locks;	/* ids; 0: whatever they are, nothing is kept apart by them */
	__u64 since;			/* event */
	const char *words;		/* what they do to one another */
	const char *schedule;
};

/* Report it; if it rests on locks, once all programs that follow them are known to have run. */
void predict(struct detector *detector, const struct conflict *conflict, __u64 time);

/* Of the operation: the fault of that task, which conflicts with it at the entry. */
void predict__note(struct model_operation *operation, const struct model_entry *entry,
		   __u32 tid, __u64 event, __u32 rival_locks, __u32 own_locks);

#endif /* DAXTRACE_DETECT_PREDICT_H */
