// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/module.bpf.h"
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
				 "ran, or could not be observed; unseen:", used ? " " : "", modules[i]);
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
