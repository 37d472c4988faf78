// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "common/log.h"
#include "probe/modules.h"
#include "probe/object.h"
#include "probe/perturb.h"
#include "probe/refusal.h"
#include "probe/resolve.h"

struct perturb {
	struct bpf_object *object;	/* with the first one's maps */
	struct bpf_object *first;
	struct bpf_link *links[PERTURB_PLACES];
	struct probe_status status[PERTURB_PLACES];
	struct perturb_options asked;
};

__u32 perturb__places(const char *rule)
{
	__u32 places = 0;
	int i;

	for (i = 0; i < PERTURB_PLACES; i++)
		if (strstr(perturb_table[i].rules, rule))
			places |= 1U << i;
	return places;
}

int perturb__configure(struct bpf_object *first, const struct perturb_options *asked)
{
	static const char *const maps[] = { "perturb_tasks", "perturb_paid" };
	__u64 longest = asked->longest * 1000ULL;
	__u64 burst = longest > PERTURB_BURST ? longest : PERTURB_BURST;
	__u64 common = 2 * PERTURB_SHARE, price = common * __builtin_popcount(asked->places);
	size_t i;
	int err = 0;

	for (i = 0; i < sizeof(maps) / sizeof(*maps) && !err; i++)
		err = bpf_map__set_autocreate(bpf_object__find_map_by_name(first, maps[i]),
					      asked->places);
	if (err || !asked->places)
		return err;
	err = object__set_constant(first, "perturb_seed", &asked->seed, sizeof(asked->seed));
	err = err ?: object__set_constant(first, "perturb_longest", &longest, sizeof(longest));
	err = err ?: object__set_constant(first, "perturb_burst", &burst, sizeof(burst));
	err = err ?: object__set_constant(first, "perturb_common_price", &common, sizeof(common));
	return err ?: object__set_constant(first, "perturb_price", &price, sizeof(price));
}

static const struct probe_program *program_of(const struct perturb *perturb, int place)
{
	int way = perturb->status[place].way;

	return way < 0 ? NULL : &perturb_table[place].row.ways[way].programs[0];
}

/* The chosen way does not work here: take the next one. */
static void give_up_way(struct perturb *perturb, int place, const struct resolver *resolver,
			const struct probe_options *options, int error)
{
	struct probe_status *status = &perturb->status[place];
	size_t used = strlen(status->reason);

	snprintf(status->reason + used, sizeof(status->reason) - used, "%sthe kernel refuses %s (%s)",
		 used ? "; " : "", program_of(perturb, place)->program, strerror(error));
	status->way = resolve_way(resolver, &perturb_table[place].row, status->way + 1, options,
				  status->reason, sizeof(status->reason));
}

/* The place whose program it is, or -1. */
static int owner_of(const struct perturb *perturb, const char *program)
{
	int i;

	for (i = 0; i < PERTURB_PLACES; i++)
		if (program_of(perturb, i) && !strcmp(program_of(perturb, i)->program, program))
			return i;
	return -1;
}

static int choose_programs(struct perturb *perturb)
{
	struct bpf_program *program;
	int err;

	bpf_object__for_each_program(program, perturb->object) {
		err = bpf_program__set_autoload(program,
						owner_of(perturb, bpf_program__name(program)) >= 0);
		if (err)
			return err;
	}
	return 0;
}

/* 0, 1 if a way had to be given up and all must begin again, or a negative errno. */
static int try_ways(struct perturb *perturb, const struct resolver *resolver,
		    const struct probe_options *options)
{
	struct bpf_program *program;
	int i, err;

	err = modules__share_maps(perturb->object, perturb->first);
	err = err ?: choose_programs(perturb);
	if (err)
		return err;
	refusal__forget();
	err = bpf_object__load(perturb->object);
	if (err) {
		i = *refusal__program() ? owner_of(perturb, refusal__program()) : -1;
		if (err == -EPERM || i < 0)
			return err;
		give_up_way(perturb, i, resolver, options, -err);
		return 1;
	}
	object__tell_cost(perturb->object);
	for (i = 0; i < PERTURB_PLACES; i++) {
		if (!program_of(perturb, i))
			continue;
		program = bpf_object__find_program_by_name(perturb->object,
							   program_of(perturb, i)->program);
		perturb->links[i] = bpf_program__attach(program);
		if (perturb->links[i])
			continue;
		err = errno;
		if (err == EPERM)
			return -err;
		give_up_way(perturb, i, resolver, options, err);
		return 1;
	}
	return 0;
}

/* What is delayed where, and where not though it was asked for.  How many places there are. */
static int tell_places(const struct perturb *perturb)
{
	int i, count = 0;

	for (i = 0; i < PERTURB_PLACES; i++) {
		if (!(perturb->asked.places & 1U << i))
			continue;
		if (!program_of(perturb, i)) {
			log_warn("--perturb: no delays at %s: %s", perturb_table[i].row.name,
				 perturb->status[i].reason);
			continue;
		}
		count++;
		log_verbose(1, "--perturb: %s (%s) by %s", perturb_table[i].row.name,
			    perturb_table[i].row.what, program_of(perturb, i)->target);
	}
	return count;
}

int perturb__attach(struct perturb **result, struct bpf_object *first, const struct resolver *resolver,
		    const struct probe_options *options, struct bpf_object *(*open)(void), char *error)
{
	struct perturb *perturb;
	int i, err;

	if (!options->perturb.places)
		return 0;
	perturb = calloc(1, sizeof(*perturb));
	if (!perturb)
		return -ENOMEM;
	perturb->first = first;
	perturb->asked = options->perturb;
	for (i = 0; i < PERTURB_PLACES; i++) {
		perturb->status[i].way = -1;
		if (perturb->asked.places & 1U << i)
			perturb->status[i].way = resolve_way(resolver, &perturb_table[i].row, 0, options,
							     perturb->status[i].reason,
							     sizeof(perturb->status[i].reason));
	}
	do {
		perturb__detach(perturb);
		bpf_object__close(perturb->object);
		perturb->object = open();
		err = perturb->object ? try_ways(perturb, resolver, options) : -errno;
	} while (err == 1);
	if (!err && !tell_places(perturb)) {
		snprintf(error, ERROR_LENGTH, "cannot trace with --perturb: none of its places is to be found in "
			 "this kernel");
		err = -ENOENT;
	}
	if (err) {
		perturb__free(perturb);
		return err;
	}
	*result = perturb;
	return 0;
}

void perturb__detach(struct perturb *perturb)
{
	int i;

	for (i = 0; perturb && i < PERTURB_PLACES; i++) {
		bpf_link__destroy(perturb->links[i]);
		perturb->links[i] = NULL;
	}
}

void perturb__result(const struct perturb *perturb, struct perturb_result *result)
{
	struct perturb_count counts[PERTURB_PLACES];
	int i;

	memset(result, 0, sizeof(*result));
	if (!perturb)
		return;
	memset(counts, 0, sizeof(counts));
	object__load(perturb->first, "perturb_counts", counts, sizeof(counts));
	result->asked = perturb->asked;
	for (i = 0; i < PERTURB_PLACES; i++) {
		result->delays += counts[i].delayed;
		result->refused += counts[i].refused;
		result->nanoseconds += counts[i].spent;
		if (counts[i].passed)
			log_verbose(1, "--perturb: %s: passed %llu, delayed %llu, refused %llu, "
				    "%llu of %llu ns", perturb_table[i].row.name,
				    (unsigned long long)counts[i].passed,
				    (unsigned long long)counts[i].delayed,
				    (unsigned long long)counts[i].refused,
				    (unsigned long long)counts[i].spent,
				    (unsigned long long)counts[i].wanted);
	}
}

void perturb__free(struct perturb *perturb)
{
	if (!perturb)
		return;
	perturb__detach(perturb);
	bpf_object__close(perturb->object);
	free(perturb);
}
