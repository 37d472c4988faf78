// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Shards in, one stream in the order of time out.  What the programs of bpf/ do
 * with a shard is done here by functions and threads, as bpf/buffer.h says.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>
#include <sys/mman.h>
#include <linux/types.h>

#include "probe/buffer.h"
#include "bpf/buffer.h"	/* after the records */

#define THREADS		8
#define PER_THREAD	20000

struct numbered {
	struct event_header header;
	__u64 number;
	char rest[64];		/* not all of it is in every record */
};

#define SMALLEST	offsetof(struct numbered, rest)

struct world {
	int file;
	struct buffer_layout layout;
	struct buffer *buffer;
	char *map;
	size_t bytes;
	__u32 lost;		/* what the programs call lost_records: so far, in all */
	/* What the reader has been given. */
	__u64 count, newest, told_lost;
	__u64 numbers[64];
	__u32 sequences[SHARD_COUNT_MAX];	/* that each shard's next record has at least */
	__u64 next[THREADS];	/* number that each thread's next record has at least */
	__u64 told[THREADS];	/* told_lost at its last record */
	unsigned int disorders, untold;
	int result;		/* of visit() */
};

static struct shard *shard_of(struct world *world, unsigned int index)
{
	return (void *)(world->map + index * buffer_layout__value(&world->layout));
}

static struct world *world__new(unsigned int shards, size_t data)
{
	struct world *world = calloc(1, sizeof(*world));

	world->layout.shards = shards;
	world->layout.data = data;
	world->bytes = shards * buffer_layout__value(&world->layout);
	world->file = memfd_create("shards", MFD_CLOEXEC);
	assert_true(world->file >= 0);
	assert_int_equal(ftruncate(world->file, world->bytes), 0);
	world->map = mmap(NULL, world->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, world->file, 0);
	assert_true(world->map != MAP_FAILED);
	world->buffer = buffer__new(world->file, &world->layout);
	assert_non_null(world->buffer);
	return world;
}

static void world__free(struct world *world)
{
	buffer__free(world->buffer);
	munmap(world->map, world->bytes);
	close(world->file);
	free(world);
}

static __u64 now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

/* As record__reserve_in(): NULL if there is no room, which is counted. */
static struct numbered *reserve(struct world *world, unsigned int index, __u16 type, __u16 size)
{
	struct shard *shard = shard_of(world, index);
	struct numbered *record;
	__u64 head;

	do {
		head = __atomic_load_n(&shard->head, __ATOMIC_SEQ_CST);
		if (head + size - __atomic_load_n(&shard->tail, __ATOMIC_ACQUIRE) >
		    world->layout.data) {
			__atomic_add_fetch(&shard->lost, 1, __ATOMIC_SEQ_CST);
			__atomic_add_fetch(&world->lost, 1, __ATOMIC_SEQ_CST);
			__atomic_add_fetch(&shard->dropped[type], 1, __ATOMIC_SEQ_CST);
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(&shard->head, &head, head + size, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	record = (void *)((char *)shard + SHARD_CONTROL + (head & (world->layout.data - 1)));
	record->header.type = type;
	record->header.lost = __atomic_load_n(&world->lost, __ATOMIC_SEQ_CST);
	__atomic_store_n(&record->header.size, size, __ATOMIC_RELEASE);
	return record;
}

static void submit(struct numbered *record, __u64 time)
{
	__atomic_store_n(&record->header.time, time, __ATOMIC_RELEASE);
}

static bool make(struct world *world, unsigned int index, __u64 number, __u64 time)
{
	struct numbered *record = reserve(world, index, EVENT_ENTER, SMALLEST);

	if (!record)
		return false;
	record->number = number;
	submit(record, time);
	return true;
}

static int visit(void *context, const struct event_header *header)
{
	const struct numbered *record = (const void *)header;
	struct world *world = context;

	world->disorders += header->time < world->newest;
	/* The reader numbers what each shard has had, with what there was no room for. */
	world->disorders += world->sequences[header->cpu] &&
			    header->sequence < world->sequences[header->cpu];
	world->sequences[header->cpu] = header->sequence + 1;
	world->newest = header->time;
	world->told_lost += header->lost;
	if (world->count < ARRAY_SIZE(world->numbers))
		world->numbers[world->count] = record->number;
	world->count++;
	return world->result;
}

static int read_all(struct world *world, bool final)
{
	world->count = 0;
	return buffer__read(world->buffer, final, visit, world);
}

static void assert_numbers(const struct world *world, const __u64 *numbers, size_t count)
{
	assert_int_equal(world->count, count);
	assert_memory_equal(world->numbers, numbers, count * sizeof(*numbers));
	assert_int_equal(world->disorders, 0);
}

static void test_layout(void **state)
{
	struct buffer_layout layout;

	(void)state;
	buffer_layout__choose(&layout, 4 << 20, 2);
	assert_int_equal(layout.shards, 2);
	assert_int_equal(layout.data, 2 << 20);
	/* A power of two: not more than was asked for. */
	buffer_layout__choose(&layout, 7 << 20, 3);
	assert_int_equal(layout.shards, 4);
	assert_int_equal(layout.data, 1 << 20);
	buffer_layout__choose(&layout, 1, 10000);
	assert_int_equal(layout.shards, SHARD_COUNT_MAX);
	assert_int_equal(layout.data, 4096);
	buffer_layout__choose(&layout, ~0UL >> 1, 1);
	assert_int_equal(layout.data, SHARD_DATA_MAX);
}

static void test_order_of_time(void **state)
{
	struct world *world = world__new(4, 4096);

	(void)state;
	make(world, 0, 1, 10);
	make(world, 0, 4, 40);
	make(world, 3, 2, 20);
	make(world, 3, 5, 50);
	make(world, 1, 3, 30);
	assert_int_equal(read_all(world, false), 5);
	assert_numbers(world, (__u64[]){ 1, 2, 3, 4, 5 }, 5);
	assert_int_equal(read_all(world, false), 0);
	/* Of one shard, at the same time: in the order of their sequence. */
	make(world, 2, 6, 60);
	make(world, 2, 7, 60);
	make(world, 2, 8, 60);
	assert_int_equal(read_all(world, false), 3);
	assert_numbers(world, (__u64[]){ 6, 7, 8 }, 3);
	world__free(world);
}

/* One program preempts another that has the room of its record already. */
static void test_preempted(void **state)
{
	struct world *world = world__new(2, 4096);
	struct numbered *record;

	(void)state;
	make(world, 0, 1, 10);
	record = reserve(world, 0, EVENT_ENTER, SMALLEST);
	make(world, 0, 2, 20);
	make(world, 1, 4, 40);
	/* When it will be whole nobody knows: all wait that may be behind it. */
	assert_int_equal(read_all(world, false), 0);
	assert_int_equal(read_all(world, false), 0);
	record->number = 3;
	submit(record, 30);
	assert_int_equal(read_all(world, false), 4);
	assert_numbers(world, (__u64[]){ 1, 2, 3, 4 }, 4);
	assert_int_equal(buffer__dropped(world->buffer), 0);
	world__free(world);
}

/* What was made since the reader began may have others in front of it. */
static void test_not_yet(void **state)
{
	struct world *world = world__new(2, 4096);
	__u64 later = now() + 1000000000000ULL;

	(void)state;
	make(world, 0, 1, 10);
	make(world, 1, 3, later + 1);
	assert_int_equal(read_all(world, false), 1);
	make(world, 0, 2, later);
	assert_int_equal(read_all(world, false), 0);
	assert_int_equal(read_all(world, true), 2);
	assert_numbers(world, (__u64[]){ 2, 3 }, 2);
	world__free(world);
}

/* Round and round in a small buffer, by records of all sizes. */
static void test_wrap(void **state)
{
	struct world *world = world__new(1, 4096);
	struct shard *shard = shard_of(world, 0);
	char *data = (char *)shard + SHARD_CONTROL, empty[4096 + SHARD_SLACK] = "";
	struct numbered *record;
	unsigned int i, k, size;

	(void)state;
	for (i = 0; i < 3000; i++) {
		for (k = 0; k < 5; k++) {
			size = SMALLEST + (5 * i + k) * 8 % (sizeof(struct numbered) - SMALLEST);
			record = reserve(world, 0, EVENT_ENTER, size);
			assert_non_null(record);
			/* The programs write what they need: the rest must be empty. */
			assert_int_equal(record->number, 0);
			memset(record->rest, 'x', size - SMALLEST);
			record->number = 5 * i + k;
			submit(record, 1 + 5 * i + k);
		}
		assert_int_equal(read_all(world, false), 5);
		for (k = 0; k < 5; k++)
			assert_int_equal(world->numbers[k], 5 * i + k);
		assert_true(shard->tail == shard->head);
		if (!(i % 100))
			assert_memory_equal(data, empty, sizeof(empty));
	}
	assert_int_equal(world->disorders, 0);
	assert_int_equal(buffer__dropped(world->buffer), 0);
	world__free(world);
}

static void test_full(void **state)
{
	struct world *world = world__new(2, 4096);
	unsigned int i, room = 4096 / SMALLEST;

	(void)state;
	for (i = 0; i < room; i++)
		assert_true(make(world, 1, i, 1 + i));
	assert_null(reserve(world, 1, EVENT_ENTER, SMALLEST));
	assert_null(reserve(world, 1, EVENT_EXIT, SMALLEST));
	assert_null(reserve(world, 1, EVENT_EXIT, SMALLEST));
	/* The other shard has room; its record tells what is lost. */
	assert_true(make(world, 0, 7777, 5000));
	assert_int_equal(buffer__dropped(world->buffer), 3);
	assert_int_equal(buffer__dropped_of(world->buffer, 1, EVENT_ENTER), 1);
	assert_int_equal(buffer__dropped_of(world->buffer, 1, EVENT_EXIT), 2);
	assert_int_equal(buffer__dropped_of(world->buffer, 0, EVENT_EXIT), 0);
	assert_int_equal(read_all(world, false), room + 1);
	assert_int_equal(world->told_lost, 3);
	/* There is room again, for as many; their numbers tell what is missing. */
	for (i = 0; i < room; i++)
		assert_true(make(world, 1, i, 10000 + i));
	assert_int_equal(read_all(world, false), room);
	assert_int_equal(world->sequences[1], 2 * room + 3);
	assert_int_equal(world->told_lost, 3);
	assert_int_equal(buffer__dropped(world->buffer), 3);
	world__free(world);
}

static void test_visit_fails(void **state)
{
	struct world *world = world__new(2, 4096);

	(void)state;
	make(world, 0, 1, 10);
	make(world, 1, 2, 20);
	world->result = -ENOSPC;
	assert_int_equal(read_all(world, false), -ENOSPC);
	assert_int_equal(world->count, 1);
	world->result = 0;
	assert_int_equal(read_all(world, false), 1);
	assert_numbers(world, (__u64[]){ 2 }, 1);
	world__free(world);
}

/* No program runs any more, and a record was never finished: it is lost, not those behind it. */
static void test_never_finished(void **state)
{
	struct world *world = world__new(2, 4096);
	struct shard *shard = shard_of(world, 1);

	(void)state;
	make(world, 0, 1, 10);
	reserve(world, 0, EVENT_ENTER, SMALLEST);
	make(world, 0, 2, 20);
	assert_int_equal(read_all(world, false), 0);
	assert_int_equal(read_all(world, true), 2);
	assert_numbers(world, (__u64[]){ 1, 2 }, 2);
	assert_int_equal(buffer__dropped(world->buffer), 1);
	assert_int_equal(read_all(world, true), 0);
	assert_int_equal(buffer__dropped(world->buffer), 1);

	/* It has taken its room, and nothing else: where the next one begins, if any, is not known. */
	make(world, 1, 3, 30);
	shard->head += SMALLEST;
	make(world, 1, 4, 40);
	make(world, 1, 5, 50);
	assert_int_equal(read_all(world, true), 1);
	assert_numbers(world, (__u64[]){ 3 }, 1);
	assert_int_equal(buffer__dropped(world->buffer), 1 + 1);
	assert_int_equal(read_all(world, true), 0);
	world__free(world);
}

struct writer {
	struct world *world;
	unsigned int index;
	unsigned int seed;
	__u64 made, dropped;
};

/* A task that goes from one CPU to another, and is preempted anywhere. */
static void *write_records(void *context)
{
	struct writer *writer = context;
	struct numbered *record;
	__u64 time = 0;
	int i;

	for (i = 0; i < PER_THREAD; i++) {
		record = reserve(writer->world, rand_r(&writer->seed) % writer->world->layout.shards,
				 1 + writer->index,
				 SMALLEST + rand_r(&writer->seed) %
					    ((sizeof(*record) - SMALLEST) / 8) * 8);
		if (!record) {
			writer->dropped++;
			sched_yield();
			continue;
		}
		record->number = i;
		if (!(rand_r(&writer->seed) % 64))
			sched_yield();
		/* Between CPUs no two records of a task have the same time. */
		while (now() == time)
			;
		time = now();
		submit(record, time);
		writer->made++;
	}
	return NULL;
}

static int visit_threads(void *context, const struct event_header *header)
{
	const struct numbered *record = (const void *)header;
	struct world *world = context;
	unsigned int thread = header->type - 1;

	assert_true(thread < THREADS);
	world->disorders += header->time < world->newest || record->number < world->next[thread];
	world->newest = header->time;
	world->told_lost += header->lost;
	/* Where one is missing that is known by now, or nothing that follows can be believed. */
	world->untold += record->number > world->next[thread] &&
			 world->told_lost == world->told[thread];
	world->next[thread] = record->number + 1;
	world->told[thread] = world->told_lost;
	world->count++;
	return 0;
}

static void run_threads(size_t data, bool loses)
{
	struct world *world = world__new(4, data);
	struct writer writers[THREADS];
	pthread_t threads[THREADS];
	__u64 made = 0, dropped = 0;
	unsigned int i, shard, running = THREADS;
	bool ended[THREADS] = { false };

	for (i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){ .world = world, .index = i, .seed = 4711 + i };
		assert_int_equal(pthread_create(&threads[i], NULL, write_records, &writers[i]), 0);
	}
	while (running) {
		assert_true(buffer__read(world->buffer, false, visit_threads, world) >= 0);
		for (i = 0; i < THREADS; i++) {
			if (ended[i] || pthread_tryjoin_np(threads[i], NULL))
				continue;
			ended[i] = true;
			running--;
		}
	}
	while (buffer__read(world->buffer, true, visit_threads, world) > 0)
		;
	for (i = 0; i < THREADS; i++) {
		made += writers[i].made;
		dropped += writers[i].dropped;
		for (shard = 0; shard < 4; shard++)
			writers[i].dropped -= buffer__dropped_of(world->buffer, shard, 1 + i);
		assert_int_equal(writers[i].dropped, 0);
	}
	assert_int_equal(world->disorders, 0);
	assert_int_equal(world->untold, 0);
	assert_int_equal(world->count, made);
	assert_int_equal(made + dropped, THREADS * PER_THREAD);
	assert_int_equal(buffer__dropped(world->buffer), dropped);
	/* But for those behind the last record, which the recorder tells by a gap. */
	assert_in_range(world->told_lost, loses ? 1 : 0, dropped);
	assert_true(loses ? dropped > 0 : !dropped);
	world__free(world);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(32 << 20, false);
}

static void test_threads_that_lose(void **state)
{
	(void)state;
	run_threads(4096, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_order_of_time),
		cmocka_unit_test(test_preempted),
		cmocka_unit_test(test_not_yet),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_visit_fails),
		cmocka_unit_test(test_never_finished),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_that_lose),
	};

	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
