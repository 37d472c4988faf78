/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The reading side of the record buffers (bpf/buffer.h): one stream, in the
 * order of time, out of the shards of all CPUs.
 */
#ifndef DAXTRACE_PROBE_BUFFER_H
#define DAXTRACE_PROBE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "bpf/events.h"

struct buffer;

/* How the shards are laid out; what the programs must be loaded with. */
struct buffer_layout {
	unsigned int shards;	/* a power of two */
	size_t data;		/* bytes of a shard's records, a power of two */
};

/* The layout for so many bytes in all and so many CPUs. */
void buffer_layout__choose(struct buffer_layout *layout, size_t bytes, unsigned int cpus);

/* Bytes of one shard in the map, its control included. */
size_t buffer_layout__value(const struct buffer_layout *layout);

/* Map the array of this file descriptor.  NULL and errno: it cannot be. */
struct buffer *buffer__new(int map_fd, const struct buffer_layout *layout);

/* A negative return ends the reading with that value. */
typedef int (*buffer_visit)(void *context, const struct event_header *record);

/*
 * Hand out, in the order of their time, the records that were made before this
 * call, most of them if there are very many.  A record is valid during the call
 * of visit.  A program that is preempted while it makes a record holds up the
 * records behind it until the next call.  final: no program makes records any
 * more; one that is not whole is lost.  Returns how many, or what visit returned.
 */
int buffer__read(struct buffer *buffer, bool final, buffer_visit visit, void *context);

/* Records for which there was no room so far, and those that were lost at the end. */
__u64 buffer__dropped(const struct buffer *buffer);

/* The same, of one type (below EVENT_TYPE_COUNT) in one shard. */
__u64 buffer__dropped_of(const struct buffer *buffer, unsigned int shard, unsigned int type);

void buffer__free(struct buffer *buffer);

#endif /* DAXTRACE_PROBE_BUFFER_H */
