/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The lock-order graph: classes of locks, and an edge A -> B for each pair of
 * which B was taken while A was held.  Says, as edges arrive, which of them
 * closes a cycle that can deadlock.
 *
 * What can deadlock depends on the modes (Documentation/locking/
 * lockdep-design.rst, "Recursive read locks").  An edge is seen from its two
 * ends: whoever holds A excludes others (E) or shares it (S); whoever waits for
 * B waits for any other holder (N) or for writers alone (R).  Between
 *
 *	... -(*R)-> B -(S*)-> ...
 *
 * nobody waits: a recursive reader is let in beside readers, whoever queues.
 * A path without such a place is strong, and a strong cycle is a deadlock.
 * Readers of an rw_semaphore are not recursive: behind a writer that waits,
 * a new reader waits too, also for the readers that the writer waits for.  So
 * they wait as N, and a cycle of readers alone is a deadlock once a writer
 * comes between.  Only what a lock lets in unconditionally may be called R.
 */
#ifndef DAXTRACE_ORDER_GRAPH_H
#define DAXTRACE_ORDER_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "bpf/events.h"

#define ORDER_NAME_LENGTH	96
#define ORDER_LABEL_LENGTH	160

/* How an edge's first lock is held and its second is waited for; a set of 1 << it. */
enum order_dependency {
	ORDER_EN,	/* held exclusively; waits for all holders */
	ORDER_SN,	/* shared; waits for all holders */
	ORDER_ER,	/* held exclusively; waits for writers only */
	ORDER_SR,	/* shared; waits for writers only */
	ORDER_DEPENDENCIES
};

struct order_class {
	char label[ORDER_LABEL_LENGTH];	/* unique: "inode.i_rwsem (ext4 directory)" */
	char name[ORDER_NAME_LENGTH];	/* "inode.i_rwsem"; "?" and more, if unknown */
	char fstype[EVENT_FSTYPE_LENGTH];	/* "": of no filesystem */
	__u32 type;			/* enum lock_type */
	bool directory;			/* of directories only */
	bool named;			/* name is struct.member or a symbol */
	__u64 acquisitions;		/* 0: not known */
	__u32 max_depth;		/* locks held below it at most */
	bool contention_known;
	__u64 contentions;		/* takings that had to wait */
	__u64 waited, longest;		/* ns, in all and of one */
	__u32 number;			/* in order of appearance, from 0 */
	struct order_edge *out, *in;	/* lists */
	struct order_class *next;	/* by number */
	/* Of the search for a cycle. */
	__u64 visited[2];
	struct order_edge *came_by[2];
	unsigned char came_state[2];
};

/* Who showed an edge, and how. */
struct order_sight {
	__u64 time;			/* ns */
	__u32 tid;
	char comm[EVENT_COMM_LENGTH];
	__u8 from_mode, to_mode;	/* enum lock_mode */
	__u8 flags;			/* LOCK_EDGE_* */
	__s32 from_stack, to_stack;	/* ids, or negative */
};

struct order_edge {
	struct order_class *from, *to;
	unsigned int dependencies;	/* set of 1 << enum order_dependency */
	struct order_sight first;	/* the sight that made it */
	__u64 sights;			/* records of it: of new modes, classes of one name */
	__u64 number;			/* in order of appearance, from 1 */
	bool closes_cycle;		/* reported; no later search goes along it */
	bool in_cycle;			/* part of a reported cycle, closing it or not */
	bool against_ranks;
	struct order_edge *next_out, *next_in;
	struct order_edge *next;	/* by number */
};

/* A cycle's edges in order: the first is the one that closed it. */
#define ORDER_CYCLE_MAX	16
struct order_cycle {
	struct order_edge *edges[ORDER_CYCLE_MAX];
	unsigned int length;
	bool cut;			/* longer: edges behind the first are left out */
	struct order_cycle *next;
};

struct order_graph;

/* NULL: out of memory. */
struct order_graph *order_graph__new(void);
void order_graph__free(struct order_graph *graph);

/*
 * The class of this label, made if it is new; NULL: out of memory, or there are
 * too many: a stream may claim anything.
 */
struct order_class *order_graph__class(struct order_graph *graph, const char *label);
struct order_class *order_graph__find(const struct order_graph *graph, const char *label);

/* What one sight of an edge changed. */
enum order_change {
	ORDER_KNOWN,		/* nothing new */
	ORDER_NEW,		/* a new edge or new modes of one; no cycle */
	ORDER_CYCLE,		/* it closes a cycle: the newest of order_graph__cycles() */
	ORDER_NESTING,		/* both ends are of one class */
	ORDER_NO_ROOM,		/* too many edges or no memory: the graph is not whole */
};

/*
 * Take in that `to` was waited for while `from` was held.  *edge is the edge, or
 * NULL without room.  Two locks of one class are nested: their order, if there
 * is one (parent and child, by address), is not the class's to say, and they are
 * part of no cycle.
 */
enum order_change order_graph__add(struct order_graph *graph, struct order_class *from,
				   struct order_class *to, const struct order_sight *sight,
				   struct order_edge **edge);

/* The edge, or NULL. */
struct order_edge *order_graph__edge(const struct order_graph *graph,
				     const struct order_class *from,
				     const struct order_class *to);

/* The edge between the classes of these labels, as edge of another graph has them, or NULL. */
struct order_edge *order_graph__counterpart(const struct order_graph *graph,
					    const struct order_edge *edge);

/* Has the graph each edge of a cycle of another graph, in all its modes? */
bool order_graph__has_cycle(const struct order_graph *graph, const struct order_cycle *cycle);

const struct order_class *order_graph__classes(const struct order_graph *graph);
size_t order_graph__class_count(const struct order_graph *graph);
const struct order_edge *order_graph__edges(const struct order_graph *graph);
size_t order_graph__edge_count(const struct order_graph *graph);
/* Oldest first. */
const struct order_cycle *order_graph__cycles(const struct order_graph *graph);
const struct order_cycle *order_graph__newest_cycle(const struct order_graph *graph);

/* "EN SR": the dependencies as lockdep writes them.  Returns text. */
const char *order_dependencies__text(unsigned int dependencies, char *text, size_t length);

/* "write", "read", "recursive read". */
const char *lock_mode_name(__u8 mode);

#endif /* DAXTRACE_ORDER_GRAPH_H */
