// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Shards in, one stream in the order of time out. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>

#include "probe/buffer.h"
#include "bpf/buffer.h"	/* after the records */

/* One call hands out at most this many, to stay responsive. */
#define READ_BATCH	65536
/* Records are given back to the programs after so many. */
#define RELEASE_BATCH	1024
/* We want to be woken when this part of a shard has been written. */
#define WAKE_PARTS	4
/* A program that makes a record is mostly done before we have tried this often. */
#define COMMIT_TRIES	64
/* The clock of the programs and ours may differ by so much, in ns. */
#define CLOCK_MARGIN	1000

/* A record that has been found in a shard, and not been handed out. */
struct item {
	__u64 time;
	__u64 position;
	__u64 least;		/* smallest position of it and all items behind it */
};

struct queue {
	struct shard *shard;
	char *data;
	struct item *items;	/* room for all that can be in a shard */
	size_t next, count;	/* those that are left: [next, count), by time */
	__u64 read;		/* position up to which items were made */
	__u32 sequence;		/* of the next record that is handed out, but for those lost */
	__u64 abandoned;	/* records that nobody will finish any more */
};

struct buffer {
	struct buffer_layout layout;
	void *map;
	size_t map_bytes;
	__u32 told;		/* records lost that have been told of */
	unsigned int heap_count;
	unsigned int heap[SHARD_COUNT_MAX];	/* queues, the one with the earliest record first */
	struct queue queues[SHARD_COUNT_MAX];
};

void buffer_layout__choose(struct buffer_layout *layout, size_t bytes, unsigned int cpus)
{
	layout->shards = 1;
	while (layout->shards < cpus && layout->shards < SHARD_COUNT_MAX)
		layout->shards *= 2;
	layout->data = 4096;
	while (layout->data * 2 * layout->shards <= bytes && layout->data < SHARD_DATA_MAX)
		layout->data *= 2;
}

size_t buffer_layout__value(const struct buffer_layout *layout)
{
	return SHARD_CONTROL + layout->data + SHARD_SLACK;
}

struct buffer *buffer__new(int map_fd, const struct buffer_layout *layout)
{
	size_t page = sysconf(_SC_PAGESIZE), value = buffer_layout__value(layout);
	struct buffer *buffer = calloc(1, sizeof(*buffer));
	struct queue *queue;
	unsigned int i;

	if (!buffer)
		return NULL;
	buffer->layout = *layout;
	buffer->map_bytes = (value * layout->shards + page - 1) & ~(page - 1);
	buffer->map = mmap(NULL, buffer->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (buffer->map == MAP_FAILED) {
		free(buffer);
		return NULL;
	}
	for (i = 0; i < layout->shards; i++) {
		queue = &buffer->queues[i];
		queue->shard = (void *)((char *)buffer->map + i * value);
		queue->data = (char *)queue->shard + SHARD_CONTROL;
		queue->shard->limit = layout->data / WAKE_PARTS;
		/* Memory that is never touched is never taken. */
		queue->items = malloc((layout->data / sizeof(struct event_header) + 1) *
				      sizeof(*queue->items));
		if (!queue->items) {
			buffer__free(buffer);
			errno = ENOMEM;
			return NULL;
		}
	}
	return buffer;
}

void buffer__free(struct buffer *buffer)
{
	unsigned int i;

	if (!buffer)
		return;
	for (i = 0; i < buffer->layout.shards; i++)
		free(buffer->queues[i].items);
	munmap(buffer->map, buffer->map_bytes);
	free(buffer);
}

static struct event_header *record_at(const struct buffer *buffer, const struct queue *queue,
				      __u64 position)
{
	return (void *)(queue->data + (position & (buffer->layout.data - 1)));
}

/* Nearly in order: two are swapped where one program preempted the other. */
static void insert_item(struct queue *queue, __u64 time, __u64 position)
{
	size_t i = queue->count++;

	while (i > queue->next && queue->items[i - 1].time > time) {
		queue->items[i] = queue->items[i - 1];
		i--;
	}
	queue->items[i].time = time;
	queue->items[i].position = position;
}

/*
 * A record was begun, and when the last program had been detached it was not
 * whole: it is lost.  If not even its size is there, so is what is behind it, and
 * nobody knows how many those are: they are counted as one.
 */
static void abandon(struct queue *queue, const struct event_header *record, __u64 head)
{
	queue->abandoned++;
	queue->read = record->size ? queue->read + record->size : head;
}

/* Find the records up to head.  False: one of them is still being made. */
static bool fill_queue(struct buffer *buffer, struct queue *queue, __u64 head, bool final)
{
	struct event_header *record;
	unsigned int tries = 0;
	__u64 least = ~0ULL;
	size_t i;
	__u64 time;

	if (queue->next) {
		memmove(queue->items, queue->items + queue->next,
			(queue->count - queue->next) * sizeof(*queue->items));
		queue->count -= queue->next;
		queue->next = 0;
	}
	while (queue->read < head) {
		record = record_at(buffer, queue, queue->read);
		time = __atomic_load_n(&record->time, __ATOMIC_ACQUIRE);
		if (!time) {
			if (tries++ < COMMIT_TRIES) {
				sched_yield();
				continue;
			}
			if (!final)
				break;
			abandon(queue, record, head);
			continue;
		}
		insert_item(queue, time, queue->read);
		queue->read += record->size;
	}
	for (i = queue->count; i-- > 0;) {
		if (queue->items[i].position < least)
			least = queue->items[i].position;
		queue->items[i].least = least;
	}
	return queue->read >= head;
}

/* Zero what has been read, and let programs write there. */
static void release(struct buffer *buffer, struct queue *queue)
{
	__u64 tail = queue->shard->tail, mask = buffer->layout.data - 1;
	__u64 end = queue->next < queue->count ? queue->items[queue->next].least : queue->read;

	if (end == tail)
		return;
	if ((tail ^ end) & ~mask) {
		memset(queue->data + (tail & mask), 0, mask + 1 + SHARD_SLACK - (tail & mask));
		memset(queue->data, 0, end & mask);
	} else {
		memset(queue->data + (tail & mask), 0, end - tail);
	}
	__atomic_store_n(&queue->shard->tail, end, __ATOMIC_RELEASE);
	/* What was there may be larger: then we are woken anew, which does no harm. */
	__atomic_store_n(&queue->shard->limit, end + buffer->layout.data / WAKE_PARTS,
			 __ATOMIC_RELEASE);
}

static __u64 earliest(const struct buffer *buffer, unsigned int place)
{
	const struct queue *queue = &buffer->queues[buffer->heap[place]];

	return queue->items[queue->next].time;
}

/* The queue at this place has another first record. */
static void sift_down(struct buffer *buffer, unsigned int place)
{
	unsigned int child, moved = buffer->heap[place];

	while ((child = 2 * place + 1) < buffer->heap_count) {
		if (child + 1 < buffer->heap_count &&
		    earliest(buffer, child + 1) < earliest(buffer, child))
			child++;
		if (earliest(buffer, place) <= earliest(buffer, child))
			break;
		buffer->heap[place] = buffer->heap[child];
		buffer->heap[child] = moved;
		place = child;
	}
}

static void build_heap(struct buffer *buffer)
{
	unsigned int i;

	buffer->heap_count = 0;
	for (i = 0; i < buffer->layout.shards; i++)
		if (buffer->queues[i].next < buffer->queues[i].count)
			buffer->heap[buffer->heap_count++] = i;
	for (i = buffer->heap_count / 2; i-- > 0;)
		sift_down(buffer, i);
}

/* From a count since tracing began to what is new of it. */
static void tell_lost(struct buffer *buffer, struct event_header *record)
{
	__s32 untold = record->lost - buffer->told;

	record->lost = untold > 0 ? untold : 0;
	buffer->told += record->lost;
}

static int merge(struct buffer *buffer, __u64 until, buffer_visit visit, void *context)
{
	struct event_header *record;
	struct queue *queue;
	int count = 0, err = 0;
	unsigned int i;

	build_heap(buffer);
	while (buffer->heap_count && earliest(buffer, 0) < until && count < READ_BATCH && err >= 0) {
		queue = &buffer->queues[buffer->heap[0]];
		record = record_at(buffer, queue, queue->items[queue->next].position);
		tell_lost(buffer, record);
		record->sequence = queue->sequence++ +
				   (__u32)__atomic_load_n(&queue->shard->lost, __ATOMIC_RELAXED);
		record->cpu = queue - buffer->queues;
		err = visit(context, record);
		queue->next++;
		count++;
		if (!(queue->next % RELEASE_BATCH))
			release(buffer, queue);
		if (queue->next == queue->count)
			buffer->heap[0] = buffer->heap[--buffer->heap_count];
		if (buffer->heap_count)
			sift_down(buffer, 0);
	}
	for (i = 0; i < buffer->layout.shards; i++)
		release(buffer, &buffer->queues[i]);
	return err < 0 ? err : count;
}

int buffer__read(struct buffer *buffer, bool final, buffer_visit visit, void *context)
{
	struct timespec now;
	bool whole = true;
	__u64 until, head;
	unsigned int i;

	/* First the time, then the heads: see bpf/buffer.h. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	until = now.tv_sec * 1000000000ULL + now.tv_nsec - CLOCK_MARGIN;
	for (i = 0; i < buffer->layout.shards; i++) {
		head = __atomic_load_n(&buffer->queues[i].shard->head, __ATOMIC_SEQ_CST);
		whole &= fill_queue(buffer, &buffer->queues[i], head, final);
	}
	if (!whole)
		return 0;
	return merge(buffer, final ? ~0ULL : until, visit, context);
}

__u64 buffer__dropped_of(const struct buffer *buffer, unsigned int shard, unsigned int type)
{
	return __atomic_load_n(&buffer->queues[shard].shard->dropped[type], __ATOMIC_RELAXED);
}

__u64 buffer__dropped(const struct buffer *buffer)
{
	unsigned int shard, type;
	__u64 dropped = 0;

	for (shard = 0; shard < buffer->layout.shards; shard++) {
		dropped += buffer->queues[shard].abandoned;
		for (type = 0; type < EVENT_TYPE_COUNT; type++)
			dropped += buffer__dropped_of(buffer, shard, type);
	}
	return dropped;
}
