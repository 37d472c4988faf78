/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The lock records of a stream, taken into a lock-order graph. */
#ifndef DAXTRACE_ORDER_STREAM_H
#define DAXTRACE_ORDER_STREAM_H

#include "order/graph.h"

/* What the graph does not hold though it happened; all 0 in a good run. */
struct order_loss {
	__u64 unseen;		/* releases of what was taken before tracing: nothing is wrong */
	__u64 stale;		/* holds whose end was missed and which were dropped */
	__u64 overflow, room, missed;	/* edges may be missing */
};

/* Of those for which edges may be missing. */
static inline __u64 order_loss__sum(const struct order_loss *loss)
{
	return loss->overflow + loss->room + loss->missed;
}

struct order_stream;

/* NULL: out of memory. */
struct order_stream *order_stream__new(void);
void order_stream__free(struct order_stream *stream);

struct order_graph *order_stream__graph(const struct order_stream *stream);
const struct order_loss *order_stream__loss(const struct order_stream *stream);

/* Was there any lock record at all? */
bool order_stream__seen(const struct order_stream *stream);

/* EVENT_LOCK_CLASS, _NAME, _COUNT, _LOSS. */
void order_stream__describe(struct order_stream *stream, const struct event_header *record);

/* The class of this id, or NULL: the stream has not told of it. */
struct order_class *order_stream__class(struct order_stream *stream, __u32 id);

/*
 * EVENT_LOCK_EDGE; comm: of its task.  *edge is NULL if the stream names a class
 * that it has not told of, or there is no room (ORDER_NO_ROOM).
 */
enum order_change order_stream__edge(struct order_stream *stream,
				     const struct event_lock_edge *record, const char *comm,
				     struct order_edge **edge);

/* "rw_semaphore", "mutex", …, never NULL. */
const char *lock_type_name(__u32 type);

#endif /* DAXTRACE_ORDER_STREAM_H */
