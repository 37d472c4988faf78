// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/module.bpf.h"
#include "common/log.h"
#include "probe/modules.h"
#include "probe/object.h"
#include "probe/table.h"

/* The modules of the events, each once.  How many: a table with more is a mistake. */
static int list(__u64 events, const char *modules[AWAITED_MODULES])
{
	int count = 0, i, k;

	for (i = 0; i < OBSERVED_COUNT; i++) {
		if (!(events & OBSERVED_BIT(i)) || !probe_table[i].module)
			continue;
		for (k = 0; k < count && strcmp(modules[k], probe_table[i].module); k++)
			;
		if (k < count)
			continue;
		if (count == AWAITED_MODULES)
			return -E2BIG;
		modules[count++] = probe_table[i].module;
	}
	return count;
}

int modules__await(struct bpf_object *object, __u64 events)
{
	__u64 names[AWAITED_MODULES][AWAITED_WORDS] = { 0 };
	const char *modules[AWAITED_MODULES];
	struct bpf_program *program;
	int count = list(events, modules), i, err;

	if (count <= 0)
		return count;
	for (i = 0; i < count; i++) {
		if (strlen(modules[i]) >= sizeof(names[i]))
			return -ENAMETOOLONG;
		strcpy((char *)names[i], modules[i]);
	}
	program = bpf_object__find_program_by_name(object, "module__load");
	if (!program)
		return -ENOENT;
	err = object__set_constant(object, "awaited_modules", names, sizeof(names));
	return err ?: bpf_program__set_autoload(program, true);
}

bool modules__arrived(struct bpf_object *object, __u64 events, char *text, size_t length)
{
	const char *modules[AWAITED_MODULES];
	int count = list(events, modules), i, k;
	size_t used = 0;
	__u32 arrived = 0;
	char path[64];

	object__load(object, "modules_arrived", &arrived, sizeof(arrived));
	for (i = 0; i < count; i++) {
		/* It may also have come just before the program was attached. */
		snprintf(path, sizeof(path), "/sys/module/%s", modules[i]);
		if (!(arrived & 1U << i) && access(path, F_OK))
			continue;
		used += snprintf(text + used, length - used, "%sThe module %s was loaded while tracing "
				 "ran, or could not be observed; not seen from the beginning:", used ? " " : "", modules[i]);
		for (k = 0; k < OBSERVED_COUNT && used < length; k++)
			if ((events & OBSERVED_BIT(k)) && probe_table[k].module &&
			    !strcmp(probe_table[k].module, modules[i]))
				used += snprintf(text + used, length - used, " %s", probe_table[k].name);
		if (used < length)
			used += snprintf(text + used, length - used, ".");
		if (used >= length)
			break;
	}
	return used;
}

bool modules__are_there(__u64 events)
{
	const char *modules[AWAITED_MODULES];
	int count = list(events, modules), i;
	char path[64];

	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/initstate", modules[i]);
		if (access(path, F_OK))
			return false;
	}
	return count > 0;
}

/* --- late ------------------------------------------------------------------- */

struct late {
	struct bpf_object *object;
	struct bpf_link *links[2 * PROBE_MAX_PROGRAMS];
	size_t count;
};

int modules__share_maps(struct bpf_object *object, struct bpf_object *first)
{
	struct bpf_map *map, *theirs = NULL;
	int err;

	bpf_object__for_each_map(map, object) {
		theirs = bpf_object__next_map(first, theirs);
		err = bpf_map__fd(theirs) < 0 ? bpf_map__set_autocreate(map, false) :
						bpf_map__reuse_fd(map, bpf_map__fd(theirs));
		if (err)
			return err;
	}
	return 0;
}

static int choose_programs(struct bpf_object *object, __u64 events, const struct probe_status *status)
{
	const struct probe_way *way;
	struct bpf_program *program;
	int i, k, err;

	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, false);
	for (i = 0; i < OBSERVED_COUNT; i++) {
		if (!(events & OBSERVED_BIT(i)) || status[i].way < 0)
			continue;
		way = &probe_table[i].ways[status[i].way];
		for (k = 0; k < PROBE_MAX_PROGRAMS && way->programs[k].program; k++) {
			program = bpf_object__find_program_by_name(object, way->programs[k].program);
			err = program ? bpf_program__set_autoload(program, true) : -ENOENT;
			if (err)
				return err;
		}
	}
	return 0;
}

static int attach_programs(struct late *late)
{
	struct bpf_program *program;
	struct bpf_link *link;

	bpf_object__for_each_program(program, late->object) {
		if (!bpf_program__autoload(program))
			continue;
		if (late->count == sizeof(late->links) / sizeof(*late->links))
			return -E2BIG;
		link = bpf_program__attach(program);
		if (!link)
			return -errno;
		late->links[late->count++] = link;
	}
	return 0;
}

struct late *late__attach(struct bpf_object *object, struct bpf_object *first, __u64 events,
			  const struct probe_status *status)
{
	struct late *late = calloc(1, sizeof(*late));
	int err;

	if (!late) {
		bpf_object__close(object);
		return NULL;
	}
	late->object = object;
	err = modules__share_maps(object, first);
	err = err ?: choose_programs(object, events, status);
	err = err ?: bpf_object__load(object);
	err = err ?: attach_programs(late);
	if (!err)
		return late;
	log_verbose(1, "a module came whose functions cannot be observed: %s", strerror(-err));
	late__free(late);
	return NULL;
}

void late__detach(struct late *late)
{
	while (late && late->count)
		bpf_link__destroy(late->links[--late->count]);
}

struct bpf_object *late__object(const struct late *late)
{
	return late->object;
}

void late__free(struct late *late)
{
	if (!late)
		return;
	late__detach(late);
	bpf_object__close(late->object);
	free(late);
}
