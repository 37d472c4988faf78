/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The probe table: one row per semantic event, with the ways to observe it in
 * order of preference.  It alone decides which BPF programs are loaded; it
 * prints `daxtrace features`, and the smoke test is made from it.
 */
#ifndef DAXTRACE_PROBE_TABLE_H
#define DAXTRACE_PROBE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* What can be observed.  A set of them is a 64-bit mask of OBSERVED_BIT()s. */
enum observed {
	OBSERVED_FAULT,
	OBSERVED_ENTRY_INSERT,
	OBSERVED_ENTRY_DELETE,
	OBSERVED_ENTRY_DIRTY,
	OBSERVED_RW,
	OBSERVED_INVALIDATE,
	OBSERVED_UNMAP,
	OBSERVED_TRUNCATE,
	OBSERVED_SETSIZE,
	OBSERVED_FALLOCATE,
	OBSERVED_EVICT,
	OBSERVED_MKCLEAN,
	OBSERVED_FLUSH,
	OBSERVED_WRITEBACK,
	OBSERVED_WRITEBACK_ONE,
	OBSERVED_SYNC,
	OBSERVED_FILEATTR,
	OBSERVED_SUPERBLOCK,
	OBSERVED_TASK_NAME,
	OBSERVED_MODE,
	OBSERVED_MAP,
	OBSERVED_MAPPED,
	OBSERVED_IOMAP,
	OBSERVED_ENTRY_LOCK,
	OBSERVED_ENTRY_WAIT,
	OBSERVED_LAYOUT,
	OBSERVED_HANDLE,
	OBSERVED_SB_SYNC,
	OBSERVED_FREEZE,
	OBSERVED_WRITEPAGES,
	OBSERVED_ALLOCATING_WRITE,
	OBSERVED_USER_STACK,
	/* Locks, all or none of them: see table_locks.h. */
	OBSERVED_LOCK_RWSEM,
	OBSERVED_LOCK_MUTEX,
	OBSERVED_LOCK_PERCPU,
	OBSERVED_LOCK_HANDLE,
	OBSERVED_LOCK_ENTRY,
	OBSERVED_LOCK_WAIT,
	OBSERVED_LOCK_REUSE,
	OBSERVED_LOCK_TASK,
	OBSERVED_LOCK_SET,
	OBSERVED_LOCK_CONTENTION,
	OBSERVED_COUNT
};

#define OBSERVED_BIT(observed)	(1ULL << (observed))

/* What --locks switches. */
#define OBSERVED_LOCKS	(~0ULL << OBSERVED_LOCK_RWSEM & (OBSERVED_BIT(OBSERVED_COUNT) - 1))

#define PROBE_MAX_PROGRAMS	16
#define PROBE_MAX_WAYS		5

/* The two sets of events: see --events in daxtrace(1). */
enum probe_set {
	PROBE_BOTH,
	PROBE_ALL_ONLY,
	PROBE_DEFAULT_ONLY,	/* an event: it stands for a costlier one */
	PROBE_ON_REQUEST,	/* an event that is in neither: --user-stacks */
};

enum probe_mechanism {
	PROBE_TP_BTF,	/* BTF tracepoint: about 75 instructions a hit */
	PROBE_FENTRY,	/* fentry and fexit: about 110 and 200 */
	PROBE_KPROBE,	/* where BTF has no function: a clone of the compiler's */
	/*
	 * A kprobe in front of each call of the target, "function()", or of its clone
	 * .isra.0, in the functions that stand in the place of the arguments; the target
	 * itself, which others call as well, has none.
	 */
	PROBE_CALL,
	PROBE_SYSCALL,	/* run by user space, attached to nothing */
};

/* A BPF program and what it is attached to. */
struct probe_program {
	enum probe_mechanism mechanism;
	const char *program;	/* its name in bpf/ */
	const char *target;	/* kernel function or tracepoint, or calls: "function()" */
	/*
	 * The arguments that it reads: for each one, in order, the structure
	 * that a pointer must point to, or "-" for anything.  "=" at the end:
	 * there must be no further argument (a program on return finds the
	 * result behind the last one).  Not checked for a kprobe.
	 */
	const char *arguments;
};

/*
 * All programs of a way are needed; NULL ends the list.  The first is the one
 * that makes the record, and gives the way its name.
 */
struct probe_way {
	struct probe_program programs[PROBE_MAX_PROGRAMS];
	const char *absent;	/* a function without which alone the way sees all, or NULL */
	enum probe_set set;	/* for which alone it is a way */
};

struct probe_row {
	const char *name;	/* of the event, as in "probe.<name>" of a trace */
	const char *what;	/* it means, for a person */
	const char *without;	/* what is lost when it is missing */
	const char *module;	/* that has the targets, or NULL: the kernel itself */
	enum probe_set set;	/* which of the two has it */
	struct probe_way ways[PROBE_MAX_WAYS];
};

/* Indexed by enum observed. */
extern const struct probe_row probe_table[OBSERVED_COUNT];

/* "tp_btf", "fentry", "kprobe", ... */
const char *probe_mechanism_name(enum probe_mechanism mechanism);

struct event_header;

/*
 * The event that a record tells of, or -1: it is about a task, a stack or a
 * loss.  An operation counts where it begins.
 */
int probe_table__of_record(const struct event_header *record);

/* The event that has this name, or -1. */
int probe_table__find(const char *name);

#endif /* DAXTRACE_PROBE_TABLE_H */
