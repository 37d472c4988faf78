// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/events.h"
#include "bpf/lock.bpf.h"
#include "common/log.h"
#include "probe/locks.h"
#include "probe/object.h"

#define MAX_LOCK_LINKS	96

/* Of tasks that hold locks at once; more are counted as lost.  A power of two. */
#define SLOTS_SMALL	4096
#define SLOTS_LARGE	16384

/*
 * Sampling: the graph has settled when no new edge came for so long; then locks
 * are traced for a part of each period.  To attach all programs, and far more to
 * detach them, takes the kernel seconds (a grace period of RCU tasks for each
 * function, unregister_ftrace_direct()): in a thread, for the records want to be
 * read meanwhile.
 */
#define SETTLED_SECONDS	5.0
#define PERIOD_SECONDS	10.0
#define PART_SECONDS	1.0

struct probe_locks {
	enum probe_locks_setting setting;
	struct bpf_link *links[MAX_LOCK_LINKS];
	struct bpf_program *programs[MAX_LOCK_LINKS];
	size_t count;
	__u64 generation;
	bool on;
	/* Of sampling; times in seconds, 0: not yet. */
	__u64 edges;			/* at the newest one's time */
	double begun, newest_edge, turned, traced;
	/* Of the thread, to which the links belong while there is one. */
	pthread_t thread;
	bool working, attaching;
	bool done;			/* atomic: it has nothing more to do */
	int err;			/* of what it has attached, negative errno */
};

struct probe_locks *probe_locks__new(enum probe_locks_setting setting)
{
	struct probe_locks *locks = calloc(1, sizeof(*locks));

	if (locks)
		locks->setting = setting;
	return locks;
}

void probe_locks__free(struct probe_locks *locks)
{
	if (!locks)
		return;
	probe_locks__detach(locks);
	free(locks);
}

static const char *const lock_maps[] = {
	"lock_tasks", "lock_edges", "lock_counts", "lock_caches", "lock_classes", "lock_scratches",
};

int probe_locks__configure(struct bpf_object *object, enum probe_locks_setting setting,
			   bool remember, __u32 skip)
{
	bool dax_only = setting == LOCKS_DAX;
	struct sysinfo info;
	__u32 slots = SLOTS_SMALL;
	size_t i;
	int err;

	if (setting == LOCKS_OFF) {
		for (i = 0; i < sizeof(lock_maps) / sizeof(*lock_maps); i++)
			bpf_map__set_autocreate(bpf_object__find_map_by_name(object, lock_maps[i]),
						false);
		return 0;
	}
	if (!sysinfo(&info) && info.totalram / (1UL << 30) * info.mem_unit >= 16)
		slots = SLOTS_LARGE;
	err = bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "lock_tasks"), slots);
	slots--;
	err = err ?: object__set_constant(object, "lock_slots", &slots, sizeof(slots));
	err = err ?: object__set_constant(object, "lock_dax_only", &dax_only, sizeof(dax_only));
	err = err ?: object__set_constant(object, "lock_skip", &skip, sizeof(skip));
	return err ?: object__set_constant(object, "lock_remember", &remember, sizeof(remember));
}

bool probe_locks__owns(const struct bpf_program *program)
{
	return !strncmp(bpf_program__name(program), "lock_", 5);
}

void probe_locks__add_link(struct probe_locks *locks, struct bpf_program *program,
			   struct bpf_link *link)
{
	if (locks->count == MAX_LOCK_LINKS) {
		bpf_link__destroy(link);
		return;
	}
	locks->programs[locks->count] = program;
	locks->links[locks->count++] = link;
}

static void drop_links(struct probe_locks *locks)
{
	size_t i;

	for (i = 0; i < locks->count; i++) {
		bpf_link__destroy(locks->links[i]);
		locks->links[i] = NULL;
	}
}

static int attach_links(struct probe_locks *locks)
{
	size_t i;

	for (i = 0; i < locks->count; i++) {
		locks->links[i] = bpf_program__attach(locks->programs[i]);
		if (!locks->links[i])
			return -errno;
	}
	return 0;
}

static void *work(void *context)
{
	struct probe_locks *locks = context;

	if (locks->attaching)
		locks->err = attach_links(locks);
	else
		drop_links(locks);
	__atomic_store_n(&locks->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Without a thread it is done here and now. */
static void begin_work(struct probe_locks *locks, bool attaching)
{
	sigset_t all, before;

	locks->attaching = attaching;
	locks->done = false;
	locks->err = 0;
	/* Signals are for who waits for records. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	locks->working = !pthread_create(&locks->thread, NULL, work, locks);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!locks->working)
		work(locks);
}

/* Wait for it; what became of it, negative errno. */
static int end_work(struct probe_locks *locks)
{
	if (locks->working)
		pthread_join(locks->thread, NULL);
	locks->working = false;
	locks->done = false;
	return locks->err;
}

void probe_locks__detach(struct probe_locks *locks)
{
	if (!locks)
		return;
	end_work(locks);
	drop_links(locks);
	locks->count = 0;
}

int probe_locks__switch(struct probe_locks *locks, struct bpf_object *object, bool on)
{
	__u64 generation = 0;

	if (!locks)
		return 0;
	if (on)
		generation = ++locks->generation << 32;
	locks->on = on;
	return object__store(object, "lock_generation", &generation, sizeof(generation));
}

/* The thread is done: locks are followed from now on, if that was to be prepared. */
static int go_on(struct probe_locks *locks, struct bpf_object *object, double seconds)
{
	int err = end_work(locks);

	if (err || !locks->attaching)
		return err;
	locks->turned = seconds;
	return probe_locks__switch(locks, object, true);
}

int probe_locks__take_turns(struct probe_locks *locks, struct bpf_object *object, __u64 edges,
			    double seconds)
{
	int err;

	if (!locks || locks->setting != LOCKS_SAMPLED)
		return 0;
	if (!locks->begun)
		locks->begun = locks->newest_edge = locks->turned = seconds;
	if (edges != locks->edges) {
		locks->edges = edges;
		locks->newest_edge = seconds;
	}
	if (__atomic_load_n(&locks->done, __ATOMIC_ACQUIRE))
		return go_on(locks, object, seconds);
	if (locks->working)
		return 0;
	if (!locks->on) {
		if (seconds - locks->turned >= PERIOD_SECONDS - PART_SECONDS)
			begin_work(locks, true);
		return 0;
	}
	if (seconds - locks->newest_edge < SETTLED_SECONDS || seconds - locks->turned < PART_SECONDS)
		return 0;
	locks->traced += seconds - locks->turned;
	locks->turned = seconds;
	err = probe_locks__switch(locks, object, false);
	begin_work(locks, false);
	return err;
}

double probe_locks__share(const struct probe_locks *locks, double seconds)
{
	double traced;

	if (!locks)
		return 0;
	if (!locks->begun || seconds <= locks->begun)
		return 1;
	traced = locks->traced + (locks->on ? seconds - locks->turned : 0);
	return traced / (seconds - locks->begun);
}

/* An array map's values, to read; MAP_FAILED with errno.  Its size comes back too. */
static void *map_values(struct bpf_map *map, size_t *size)
{
	*size = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
	return mmap(NULL, *size, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
}

static void add_count(struct lock_count *counts, __u32 class, __u64 acquisitions, __u32 depth)
{
	if (!class || class >= LOCK_MAX_CLASSES)
		return;
	counts[class].acquisitions += acquisitions;
	if (depth > counts[class].max_depth)
		counts[class].max_depth = depth;
}

static int add_known(struct bpf_map *map, struct lock_count *counts)
{
	const struct lock_count *known;
	size_t size;
	__u32 class;

	known = map_values(map, &size);
	if (known == MAP_FAILED)
		return -errno;
	for (class = 1; class < LOCK_MAX_CLASSES; class++) {
		add_count(counts, class, known[class].acquisitions, known[class].max_depth);
		counts[class].contentions = known[class].contentions;
		counts[class].waited = known[class].waited;
		counts[class].longest = known[class].longest;
	}
	munmap((void *)known, size);
	return 0;
}

/* What tasks have not added up yet is in their places. */
static int add_tasks(struct bpf_map *map, struct lock_count *counts)
{
	const struct lock_task *tasks, *task;
	const struct lock_seen *seen;
	size_t size;
	int i;

	tasks = map_values(map, &size);
	if (tasks == MAP_FAILED)
		return -errno;
	for (task = tasks; task < tasks + bpf_map__max_entries(map); task++)
		for (i = 0; task->owner && i < LOCK_SEEN_SIZE; i++) {
			seen = &task->seen[i];
			if (seen->count)
				add_count(counts, seen->class, seen->count, seen->depth);
		}
	munmap((void *)tasks, size);
	return 0;
}

int probe_locks__counts(struct bpf_object *object,
			int (*visit)(void *context, __u32 id, const struct lock_count *count),
			void *context)
{
	struct lock_count *counts;
	__u32 id;
	int err;

	counts = calloc(LOCK_MAX_CLASSES, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	err = add_known(bpf_object__find_map_by_name(object, "lock_counts"), counts);
	err = err ?: add_tasks(bpf_object__find_map_by_name(object, "lock_tasks"), counts);
	for (id = 1; id < LOCK_MAX_CLASSES && err >= 0; id++)
		if (counts[id].acquisitions)
			err = visit(context, id, &counts[id]);
	free(counts);
	return err < 0 ? err : 0;
}
