// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/sysinfo.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/log.h"
#include "probe/buffer.h"
#include "probe/calls.h"
#include "probe/directmap.h"
#include "probe/expand.h"
#include "probe/filter.h"
#include "probe/locks.h"
#include "probe/kernelname.h"
#include "probe/lookup.h"
#include "probe/modules.h"
#include "probe/object.h"
#include "probe/probe.h"
#include "probe/promise.h"
#include "probe/refusal.h"
#include "probe/resolve.h"
#include "bpf/code.bpf.h"	/* the skeleton names its structure */
#include "daxtrace.skel.h"

/* The buffers in all unless an option says otherwise: 1/256 of memory, within. */
#define BUFFER_SMALLEST	(4UL << 20)
#define BUFFER_LARGEST	(64UL << 20)

#define MAX_LINKS	(OBSERVED_COUNT * PROBE_MAX_PROGRAMS)

struct probe {
	struct bpf_object *object;
	struct ring_buffer *wakeups;
	struct buffer *buffer;
	struct expander *expander;
	struct buffer_layout layout;
	struct bpf_link *links[MAX_LINKS];
	size_t link_count;
	struct probe_locks *locks;	/* NULL: not traced */
	enum probe_events events;
	bool user_stacks;
	__u64 direct_map;		/* kernel address of physical 0 */
	struct probe_status status[OBSERVED_COUNT];
	int stacks_fd;
	int mode_fd;			/* of mode__poll, or negative */
	bool detached;			/* no record is being made any more */
	const struct probe_options *options;
	__u64 awaited;			/* events of modules that were not there; once they have come, 0 */
	__u64 unseen;			/* the same; they stay here, since something was missed */
	struct late *late;		/* NULL: nothing */
	struct perturb *perturb;	/* NULL: no delays */
};

static size_t default_buffer_bytes(void)
{
	struct sysinfo info;
	size_t bytes = BUFFER_SMALLEST;

	if (!sysinfo(&info))
		bytes = (size_t)info.totalram * info.mem_unit / 256;
	if (bytes < BUFFER_SMALLEST)
		bytes = BUFFER_SMALLEST;
	if (bytes > BUFFER_LARGEST)
		bytes = BUFFER_LARGEST;
	return bytes;
}

static const struct probe_way *way_of(const struct probe *probe, int observed)
{
	int way = probe->status[observed].way;

	return way < 0 ? NULL : &probe_table[observed].ways[way];
}

/* The event whose chosen way has this program, or -1. */
static int owner_of(const struct probe *probe, const char *program)
{
	const struct probe_way *way;
	int observed, i;

	for (observed = 0; observed < OBSERVED_COUNT; observed++) {
		way = way_of(probe, observed);
		if (!way)
			continue;
		for (i = 0; i < PROBE_MAX_PROGRAMS && way->programs[i].program; i++)
			if (!strcmp(way->programs[i].program, program))
				return observed;
	}
	return -1;
}

/* The chosen way of an event does not work here: take the next one. */
static void give_up_way(struct probe *probe, int observed, const struct resolver *resolver,
			const struct probe_options *options, const char *program, int error)
{
	struct probe_status *status = &probe->status[observed];
	size_t used = strlen(status->reason);

	snprintf(status->reason + used, sizeof(status->reason) - used, "%sthe kernel refuses %s (%s)",
		 used ? "; " : "", program, strerror(error));
	status->way = resolve_way(resolver, &probe_table[observed], status->way + 1, options,
				  status->reason, sizeof(status->reason));
	log_verbose(1, "%s: %s", probe_table[observed].name, status->reason);
}

/* Events of modules that are missing, most likely because there is no such module. */
static __u64 awaited_events(const struct probe *probe)
{
	__u64 events = 0;
	int observed;

	for (observed = 0; observed < OBSERVED_COUNT; observed++)
		if (probe_table[observed].module && probe->status[observed].way < 0 &&
		    !probe__left_out(probe, observed) &&
		    (probe->locks || !(OBSERVED_LOCKS & OBSERVED_BIT(observed))))
			events |= OBSERVED_BIT(observed);
	return events;
}

/* Load the programs of the chosen ways, and only those. */
static int set_programs(struct probe *probe, const struct probe_options *options)
{
	const struct probe_way *way;
	struct bpf_program *program;
	int observed, i, err;

	bpf_object__for_each_program(program, probe->object)
		bpf_program__set_autoload(program, false);
	for (observed = 0; observed < OBSERVED_COUNT; observed++) {
		way = way_of(probe, observed);
		if (!way)
			continue;
		for (i = 0; i < PROBE_MAX_PROGRAMS && way->programs[i].program; i++) {
			program = bpf_object__find_program_by_name(probe->object,
								   way->programs[i].program);
			if (!program)
				return -ENOENT;
			err = bpf_program__set_autoload(program, true);
			if (err)
				return err;
		}
	}
	err = filter__set_programs(probe->object, options);
	err = err ?: calls__set_programs(probe->object);
	err = err ?: lookup__choose(probe->object);
	err = err ?: kernel_name__choose(probe->object);
	return err ?: modules__await(probe->object, awaited_events(probe));
}

/* Let records be made (TRACING_* of bpf/daxtrace.bpf.h), or not, by all programs at once. */
static int set_tracing(struct probe *probe, __u32 how)
{
	return object__store(probe->object, "tracing", &how, sizeof(how));
}

/* Faults of a page begin where they insert their entry. */
static bool faults_untold(const struct probe *probe)
{
	const struct probe_way *way = way_of(probe, OBSERVED_FAULT);

	return way && way->set == PROBE_DEFAULT_ONLY;
}

static int configure(struct probe *probe, const struct probe_options *options)
{
	__u32 shift = __builtin_ctzl(sysconf(_SC_PAGESIZE));
	__u32 shard_mask = probe->layout.shards - 1;
	__u64 data_mask = probe->layout.data - 1;
	bool untold = faults_untold(probe);
	struct bpf_map *buffers = bpf_object__find_map_by_name(probe->object, "buffers");
	bool notes = way_of(probe, OBSERVED_ALLOCATING_WRITE);
	int err;

	/* Some megabytes */
	err = options->user_stacks ? 0 : bpf_map__set_autocreate(
		bpf_object__find_map_by_name(probe->object, "user_stacks"), false);
	err = err ?: bpf_map__set_max_entries(buffers, probe->layout.shards);
	err = err ?: bpf_map__set_value_size(buffers, buffer_layout__value(&probe->layout));
	err = err ?: probe_locks__configure(probe->object, options->locks,
					    probe->status[OBSERVED_LOCK_REUSE].way >= 0,
					    options->skip);
	err = err ?: object__set_constant(probe->object, "page_shift", &shift, sizeof(shift));
	err = err ?: object__set_constant(probe->object, "shard_mask", &shard_mask, sizeof(shard_mask));
	err = err ?: object__set_constant(probe->object, "data_mask", &data_mask, sizeof(data_mask));
	err = err ?: object__set_constant(probe->object, "fault_untold", &untold, sizeof(untold));
	err = err ?: filter__configure(probe->object, options);
	err = err ?: perturb__configure(probe->object, &options->perturb);
	err = err ?: object__set_constant(probe->object, "write_notes", &notes, sizeof(notes));
	err = err ?: object__set_constant(probe->object, "direct_map", &probe->direct_map,
				  sizeof(probe->direct_map));
	return err;
}

static void drop_links(struct probe *probe)
{
	probe_locks__detach(probe->locks);
	while (probe->link_count)
		bpf_link__destroy(probe->links[--probe->link_count]);
}

static void drop_object(struct probe *probe)
{
	drop_links(probe);
	bpf_object__close(probe->object);
	probe->object = NULL;
}

/* The row's entry for a program that is attached where its target is called, or NULL. */
static const struct probe_program *called_program(const struct probe *probe, const char *name)
{
	int observed = owner_of(probe, name), i;
	const struct probe_way *way;

	if (observed < 0)
		return NULL;
	way = way_of(probe, observed);
	for (i = 0; i < PROBE_MAX_PROGRAMS && way->programs[i].program; i++)
		if (way->programs[i].mechanism == PROBE_CALL &&
		    !strcmp(way->programs[i].program, name))
			return &way->programs[i];
	return NULL;
}

/*
 * Attach all that is loaded.  0, 1 if a way had to be given up and all must
 * begin again, or a negative errno.
 */
static int attach(struct probe *probe, const struct resolver *resolver,
		  const struct probe_options *options)
{
	const struct probe_program *called;
	struct bpf_program *program;
	struct bpf_link *link;
	int observed, count, err;

	bpf_object__for_each_program(program, probe->object) {
		if (!bpf_program__autoload(program) ||
		    bpf_program__type(program) == BPF_PROG_TYPE_SYSCALL)
			continue;
		called = called_program(probe, bpf_program__name(program));
		if (called) {
			count = calls__attach(probe->object, program, called,
					      probe->links + probe->link_count,
					      MAX_LINKS - probe->link_count);
			if (count > 0) {
				probe->link_count += count;
				continue;
			}
			link = NULL;
			errno = -count;
		} else {
			link = bpf_program__attach(program);
		}
		if (link) {
			if (probe->locks && probe_locks__owns(program))
				probe_locks__add_link(probe->locks, program, link);
			else
				probe->links[probe->link_count++] = link;
			continue;
		}
		err = errno;
		observed = owner_of(probe, bpf_program__name(program));
		if (err == EPERM || observed < 0)
			return -err;
		give_up_way(probe, observed, resolver, options, bpf_program__name(program), err);
		return 1;
	}
	return 0;
}

static struct bpf_object *open_object(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "daxtrace");
	size_t size;
	const void *image = daxtrace__elf_bytes(&size);

	return bpf_object__open_mem(image, size, &options);
}

/* Load and attach once; as attach(). */
static int try_ways(struct probe *probe, const struct resolver *resolver,
		    const struct probe_options *options)
{
	const char *program;
	int observed, err;

	probe->object = open_object();
	if (!probe->object)
		return -errno;
	err = set_programs(probe, options);
	err = err ?: configure(probe, options);
	if (err)
		return err;
	refusal__forget();
	err = bpf_object__load(probe->object);
	if (err) {
		observed = *refusal__program() ? owner_of(probe, refusal__program()) : -1;
		if (err == -EPERM || observed < 0)
			return err;
		give_up_way(probe, observed, resolver, options, refusal__program(), -err);
		return 1;
	}
	object__tell_cost(probe->object);
	err = lookup__run(probe->object, &program);
	if (err) {
		give_up_way(probe, owner_of(probe, program), resolver, options, program, -err);
		return 1;
	}
	err = attach(probe, resolver, options);
	return err ?: filter__fill(probe->object, options);
}

/* A wake-up says only that there is something to read. */
static int ignore_wakeup(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return 0;
}

static int open_buffer(struct probe *probe)
{
	struct expand_options expand = {
		.entry_locks = way_of(probe, OBSERVED_ENTRY_LOCK),
		.mapped = way_of(probe, OBSERVED_MAPPED),
		.answers = way_of(probe, OBSERVED_IOMAP),
		.faults = faults_untold(probe),
		.page_shift = __builtin_ctzl(sysconf(_SC_PAGESIZE)),
	};

	probe->stacks_fd = bpf_object__find_map_fd_by_name(probe->object, "stacks");
	probe->mode_fd = bpf_program__fd(bpf_object__find_program_by_name(probe->object,
									  "mode__poll"));
	probe->wakeups = ring_buffer__new(bpf_object__find_map_fd_by_name(probe->object, "wakeups"),
					  ignore_wakeup, probe, NULL);
	if (!probe->wakeups)
		return -errno;
	probe->buffer = buffer__new(bpf_object__find_map_fd_by_name(probe->object, "buffers"),
				    &probe->layout);
	if (!probe->buffer)
		return -errno;
	probe->expander = expander__new(&expand);
	return probe->expander ? 0 : -ENOMEM;
}

int probe__open(struct probe **result, const struct probe_options *options, char *error)
{
	struct probe *probe;
	struct resolver *resolver;
	int err;

	resolver = promise__resolver(error);
	if (!resolver)
		return -ENOENT;
	*error = '\0';
	probe = calloc(1, sizeof(*probe));
	if (!probe) {
		resolver__free(resolver);
		refusal__explain(-ENOMEM, error);
		return -ENOMEM;
	}
	buffer_layout__choose(&probe->layout, options->buffer_bytes ?: default_buffer_bytes(),
			      libbpf_num_possible_cpus());
	if (options->locks != LOCKS_OFF) {
		probe->locks = probe_locks__new(options->locks);
		if (!probe->locks) {
			resolver__free(resolver);
			free(probe);
			refusal__explain(-ENOMEM, error);
			return -ENOMEM;
		}
	}
	probe->events = options->events;
	probe->user_stacks = options->user_stacks;
	promise__resolve(resolver, probe->status, options, options->locks);
	if (!direct_map__base(&probe->direct_map)) {
		/* Addresses that cannot be told from one another would be worse than none. */
		probe->status[OBSERVED_FLUSH].way = -1;
		snprintf(probe->status[OBSERVED_FLUSH].reason,
			 sizeof(probe->status[OBSERVED_FLUSH].reason),
			 "/proc/kcore does not say where the direct map is");
	}
	/* Each round that does not end it gives up one way of one event. */
	while ((err = try_ways(probe, resolver, options)) == 1)
		drop_object(probe);
	err = err ?: perturb__attach(&probe->perturb, probe->object, resolver, options, open_object,
				     error);
	resolver__free(resolver);
	probe->options = options;
	probe->awaited = probe->unseen = awaited_events(probe);
	err = err ?: open_buffer(probe);
	err = err ?: set_tracing(probe, filter__any(options) ? 2 : 1);
	err = err ?: probe_locks__switch(probe->locks, probe->object, true);
	if (err) {
		if (!*error)
			refusal__explain(err, error);
		probe__close(probe);
		return err;
	}
	*result = probe;
	return 0;
}

const struct probe_status *probe__status(const struct probe *probe, enum observed observed)
{
	return &probe->status[observed];
}

bool probe__left_out(const struct probe *probe, enum observed observed)
{
	return promise__left_out(&probe_table[observed], probe->events, probe->user_stacks);
}

__u64 probe__missing(const struct probe *probe)
{
	__u64 missing = 0;
	int observed;

	for (observed = 0; observed < OBSERVED_COUNT; observed++)
		/* One that stands for another is not missed. */
		if (probe->status[observed].way < 0 &&
		    probe_table[observed].set != PROBE_DEFAULT_ONLY &&
		    probe_table[observed].set != PROBE_ON_REQUEST)
			missing |= OBSERVED_BIT(observed);
	return missing;
}

bool probe__unseen_module(const struct probe *probe, char *text, size_t length)
{
	return modules__arrived(probe->object, probe->unseen, text, length);
}

/*
 * Modules that have come.  Their events stay among those that are missing: what
 * was before this is not known.
 */
static void attach_late(struct probe *probe)
{
	struct probe_status status[OBSERVED_COUNT];
	struct resolver *resolver;
	struct bpf_object *object;
	int i;

	if (!probe->awaited || probe->detached || !modules__are_there(probe->awaited))
		return;
	resolver = resolver__new();
	object = resolver ? open_object() : NULL;
	if (object) {
		promise__resolve(resolver, status, probe->options, probe->options->locks);
		probe->late = late__attach(object, probe->object, probe->awaited, status);
	}
	resolver__free(resolver);
	for (i = 0; i < OBSERVED_COUNT; i++)
		if (probe->late && (probe->awaited & OBSERVED_BIT(i)) && status[i].way >= 0)
			log_verbose(1, "%s is observed from now on", probe_table[i].name);
	probe->awaited = 0;
}

/* Changes of inodes that nobody announces: see mode__poll in bpf/mode.bpf.c. */
static void look_at_modes(const struct probe *probe)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);

	if (probe->mode_fd >= 0)
		bpf_prog_test_run_opts(probe->mode_fd, &options);
}

int probe__poll(struct probe *probe, int timeout_ms, probe_visit visit, void *context)
{
	int err;

	look_at_modes(probe);
	attach_late(probe);
	/* Without a wake-up the wait times out, and what there is is read all the same. */
	err = ring_buffer__poll(probe->wakeups, timeout_ms);
	if (err < 0)
		return err;
	expander__set_visit(probe->expander, visit, context);
	return buffer__read(probe->buffer, probe->detached, expander__visit, probe->expander);
}

void probe__detach(struct probe *probe)
{
	probe_locks__switch(probe->locks, probe->object, false);
	set_tracing(probe, 0);
	late__detach(probe->late);
	perturb__detach(probe->perturb);
	drop_links(probe);
	probe->detached = true;
}

static __u64 missed_runs(const struct probe *probe, bool of_locks)
{
	__u64 missed = object__missed_runs(probe->object, probe_locks__owns, of_locks);

	if (probe->late)
		missed += object__missed_runs(late__object(probe->late), probe_locks__owns, of_locks);
	return missed;
}

__u64 probe__lost(const struct probe *probe)
{
	__u32 unfollowed = 0;

	object__load(probe->object, "unfollowed", &unfollowed, sizeof(unfollowed));
	return missed_runs(probe, false) + buffer__dropped(probe->buffer) +
	       expander__lost(probe->expander) + unfollowed;
}

__u64 probe__lost_untold(const struct probe *probe, __u64 told)
{
	/*
	 * Rather one too many than one too few: an end that was told twice would hide the
	 * next run that is missed.
	 */
	__u64 known = told + expander__carried(probe->expander) -
		      expander__missed_ends(probe->expander), lost;
	__u32 unfollowed = 0;

	object__load(probe->object, "unfollowed", &unfollowed, sizeof(unfollowed));
	/* What was dropped is told by a record that is not read yet, and not before. */
	lost = missed_runs(probe, false) + unfollowed + expander__lost(probe->expander) +
	       expander__dropped(probe->expander);
	return lost > known ? lost - known : 0;
}

__u64 probe__locks_missed(const struct probe *probe)
{
	return probe->locks ? missed_runs(probe, true) : 0;
}

size_t probe__buffer_bytes(const struct probe *probe)
{
	return probe->layout.shards * probe->layout.data;
}

static unsigned int read_stack(int map, __s32 id, __u64 address[EVENT_STACK_DEPTH])
{
	unsigned int depth = 0;

	if (id < 0)
		return 0;
	memset(address, 0, EVENT_STACK_DEPTH * sizeof(*address));
	if (bpf_map_lookup_elem(map, &id, address))
		return 0;
	while (depth < EVENT_STACK_DEPTH && address[depth])
		depth++;
	return depth;
}

unsigned int probe__stack(const struct probe *probe, __s32 id, __u64 address[EVENT_STACK_DEPTH])
{
	return read_stack(probe->stacks_fd, id, address);
}

int probe__name(const void *probe, __u64 address, char *text, size_t length)
{
	return kernel_name__ask(((const struct probe *)probe)->object, address, text, length);
}

unsigned int probe__user_stack(const struct probe *probe, __s32 id,
			       __u64 address[EVENT_STACK_DEPTH])
{
	return read_stack(bpf_object__find_map_fd_by_name(probe->object, "user_stacks"), id, address);
}

bool probe__has_user_stacks(const struct probe *probe)
{
	return probe->user_stacks;
}

int probe__take_turns(struct probe *probe, __u64 edges, double seconds)
{
	return probe_locks__take_turns(probe->locks, probe->object, edges, seconds);
}

double probe__locks_share(const struct probe *probe, double seconds)
{
	return probe_locks__share(probe->locks, seconds);
}

bool probe__lock_loss(const struct probe *probe, struct event_lock_loss *loss)
{
	__u64 skipped = 0;

	if (!probe->locks)
		return false;
	object__load(probe->object, "lock_unseen", &loss->unseen, sizeof(loss->unseen));
	object__load(probe->object, "lock_overflow", &loss->overflow, sizeof(loss->overflow));
	object__load(probe->object, "lock_room", &loss->room, sizeof(loss->room));
	object__load(probe->object, "lock_stale", &loss->stale, sizeof(loss->stale));
	object__load(probe->object, "lock_skipped", &skipped, sizeof(skipped));
	loss->missed = missed_runs(probe, true) + skipped;
	return true;
}

int probe__lock_counts(const struct probe *probe,
		       int (*visit)(void *context, __u32 id, const struct lock_count *count),
		       void *context)
{
	return probe->locks ? probe_locks__counts(probe->object, visit, context) : 0;
}

void probe__perturbed(const struct probe *probe, struct perturb_result *result)
{
	perturb__result(probe->perturb, result);
}

void probe__close(struct probe *probe)
{
	if (!probe)
		return;
	drop_links(probe);
	expander__free(probe->expander);
	buffer__free(probe->buffer);
	ring_buffer__free(probe->wakeups);
	late__free(probe->late);
	perturb__free(probe->perturb);
	drop_object(probe);
	probe_locks__free(probe->locks);
	free(probe);
}
