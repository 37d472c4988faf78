/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Detection: rules over the model's changes.  Each family of rules is a file
 * behind struct rule_hooks; the table in rules.c says what each rule claims and
 * which events it cannot do without.
 */
#ifndef DAXTRACE_DETECT_H
#define DAXTRACE_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "model/model.h"
#include "order/ranks.h"
#include "order/stream.h"

/* Index in rule_table; the number in the name is not the index. */
enum rule_index {
	RULE_LOST_DIRTY_ENTRY,		/* DX01 */
	RULE_CLEAN_BUT_WRITABLE,	/* DX02 */
	RULE_SYNC_MISSED_DIRTY,		/* DX03 */
	RULE_FLIP_WHILE_MAPPED,		/* DX04 */
	RULE_FLIP_WITHOUT_WRITEBACK,	/* DX05 */
	RULE_FLIP_UNSERIALISED,		/* DX06 */
	RULE_FLIP_DURING_WRITEPAGES,	/* DX07 */
	RULE_FAULT_MAPS_FREED,		/* DX08 */
	RULE_STALE_MAPPING,		/* DX09 */
	RULE_DROPPED_WRITE,		/* DX10 */
	RULE_LAYOUT_BREAK,		/* DX11 */
	RULE_ENTRY_LOCK_STALL,		/* DX12 */
	RULE_LOCK_ORDER,		/* DX13 */
	RULE_SELF_DEADLOCK,		/* DX14 */
	RULE_SHORT_MAPPING,		/* DX15 */
	RULE_PMD_PTE_COLLISION,		/* DX16 */
	RULE_HUGE_FALLBACK,		/* DX17 */
	RULE_LOCK_LEAK,			/* DX18 */
	RULE_SYNC_IN_HANDLE,		/* DX19 */
	RULE_COUNT
};

struct rule {
	const char *id;			/* "DX01" */
	const char *name;		/* "lost-dirty-entry" */
	const char *severity;		/* "error" or "warning" */
	bool opt_in;			/* judged only if it is named: an assertion of the user's */
	__u64 needs;			/* OBSERVED_BIT()s without which it is unknown */
	const char *claim;		/* when it fires */
	const char *meaning;		/* what that means for the data */
	const char *history;		/* the kernel's own cases, and how they were mended */
	const char *advice;		/* what to look at */
	const char *lock;		/* what would have helped, "none…": another remedy; or NULL */
};

extern const struct rule *const rule_table[RULE_COUNT];

/* The rule of this id ("DX01"), or -1. */
int rule__find(const char *id);

/* How much of the run could have shown what the rule looks for. */
struct coverage {
	__u64 windows;		/* times the dangerous window was open */
	__u64 contested;	/* of them, those in which a rival operation ran */
	__u64 unknown;		/* cases that could not be judged */
	/* Of the contested windows: what the first rival in each was; OPERATION_NONE: no operation. */
	__u64 rivals[OPERATION_COUNT];
};

#define FINDING_MAX_EVENTS	32
#define FINDING_MAX_ACTORS	4
#define FINDING_SUMMARY		384
#define FINDING_SCHEDULE	768

struct finding_actor {
	__u32 tid;
	char comm[EVENT_COMM_LENGTH];
	const char *role;		/* what it did: "write fault", "invalidate", … */
	enum lock_place held_at;	/* where it was; 0: not known what it held */
	unsigned int held_count;
	struct event_lock_held held[LOCK_SET_MAX];	/* class: see detector__class() */
};

/* Whether something that the first two actors held keeps one of them out */
enum finding_common {
	FINDING_COMMON_UNKNOWN,
	FINDING_COMMON_NONE,
	FINDING_COMMON_LOCK,		/* finding.common_class */
};

/* Findings that agree in it are one. */
struct finding_key {
	__u64 fingerprint;		/* the same for the same race anywhere */
	struct inode_id inode;
};

struct finding {
	enum rule_index rule;
	const char *certainty;		/* "observed" or "predicted" */
	char fstype[EVENT_FSTYPE_LENGTH];
	struct finding_key key;
	__u64 index;			/* first page */
	__u64 pages;
	__u64 time;			/* ns, of the moment */
	__u64 occurrences;		/* up to now, the first included */
	__u64 lost;			/* records lost in the stream before the first */
	char summary[FINDING_SUMMARY];
	char schedule[FINDING_SCHEDULE];	/* of what is predicted: how it happens, and why it can; or "" */
	struct finding_actor actors[FINDING_MAX_ACTORS];
	unsigned int actor_count;
	enum finding_common common;
	__u32 common_class;
	struct model_event events[FINDING_MAX_EVENTS];	/* in the stream's order */
	unsigned int event_count;
	bool events_cut;		/* some between the first and the second are left out */
	int moment;			/* index in events of the moment, or -1 */
	/*
	 * Of rules on locks: what the finding is about; then key.inode is all
	 * zero, and there are no events.  They live as long as the detector.
	 */
	const struct order_cycle *cycle;
	const struct order_edge *edge;	/* one edge, where it is not a cycle */
	struct order_sight sight;	/* of that edge: the one that is the finding */
	const struct order_class *class;	/* of a leak */
	struct rank_violation violation;	/* path NULL: none */
	struct finding *next;
	UT_hash_handle hh;		/* by fingerprint and inode */
};

static inline bool finding__is_about_locks(const struct finding *finding)
{
	return finding->cycle || finding->edge || finding->class;
}

struct detector;

struct detector_options {
	__u32 rules;		/* mask of 1 << enum rule_index to judge */
	__u64 missing;		/* OBSERVED_BIT()s that the stream does not have */
	struct model_options model;	/* no_flush is set from missing */
	struct ranks *ranks;	/* the caller's; NULL: none */
	/*
	 * Live: losses that the stream does not tell of (yet), or NULL.  Asked for each
	 * finding, with the context below.
	 */
	__u64 (*untold)(void *context);
	/*
	 * Called for the first finding of each fingerprint and inode, when it
	 * happens; NULL: they are only collected.
	 */
	void (*found)(void *context, const struct detector *detector,
		      const struct finding *finding);
	void *context;
};

/* All rules; those that are judged if none is named. */
#define RULES_ALL	((1U << RULE_COUNT) - 1)
/* DX17 is an assertion, asked for by name. */
#define RULES_DEFAULT	(RULES_ALL & ~(1U << RULE_HUGE_FALLBACK))

/* Those that nothing can be said of without the locks. */
#define RULES_OF_LOCKS	(1U << RULE_LOCK_ORDER | 1U << RULE_SELF_DEADLOCK | \
			 1U << RULE_LOCK_LEAK | 1U << RULE_SYNC_IN_HANDLE)

/* Of pages and modes those that are predicted, all or in part, from what EVENT_LOCK_SET tells. */
#define RULES_PREDICTED	(1U << RULE_LOST_DIRTY_ENTRY | 1U << RULE_FLIP_WHILE_MAPPED | \
			 1U << RULE_FLIP_UNSERIALISED | 1U << RULE_FLIP_DURING_WRITEPAGES | \
			 1U << RULE_FAULT_MAPS_FREED | 1U << RULE_STALE_MAPPING | \
			 1U << RULE_DROPPED_WRITE)

/* NULL: out of memory. */
struct detector *detector__new(const struct detector_options *options);
void detector__free(struct detector *detector);

/* The model that it watches; feed it with model__record(). */
struct model *detector__model(const struct detector *detector);

/* The lock-order graph that the stream has told of so far. */
const struct order_stream *detector__order(const struct detector *detector);

/*
 * In the order in which they happened; NULL: none.  A race that goes on for
 * ever fills no memory: beyond some thousands it counts as an occurrence on an
 * inode where it was seen before.
 */
const struct finding *detector__findings(const struct detector *detector);
size_t detector__finding_count(const struct detector *detector);

/* A lock's class, as finding_actor.held names it; NULL: the stream has not told of it. */
const struct order_class *detector__class(const struct detector *detector, __u32 id);

/* "inode.i_rwsem, mm_struct.mmap_lock (shared)", or "" of none */
void detector__name_held(const struct detector *detector, const struct event_lock_held *held,
			 __u32 count, char *text, size_t length);

const struct coverage *detector__coverage(const struct detector *detector, enum rule_index rule);

/* Is the rule selected? */
bool detector__selected(const struct detector *detector, enum rule_index rule);

/* Of what the rule needs, what the stream does not have. */
__u64 detector__missing(const struct detector *detector, enum rule_index rule);

enum verdict {
	VERDICT_CLEAN,
	VERDICT_FINDINGS,
	VERDICT_INCONCLUSIVE,
};

const char *verdict_name(enum verdict verdict);

/*
 * What the run proves.  broken: the stream itself is not whole; known: how many
 * of the findings were expected.  Other findings are findings whatever was
 * lost; none is clean only if nothing was.
 */
enum verdict detector__verdict(const struct detector *detector, bool broken, size_t known);

#endif /* DAXTRACE_DETECT_H */
