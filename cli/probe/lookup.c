// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdbool.h>

#include <bpf/libbpf.h>

#include "common/log.h"
#include "probe/lookup.h"
#include "probe/object.h"

static const struct {
	const char *finder, *user;
	bool needed;		/* without it the user sees nothing; else it sees less well */
} lookups[] = {
	{ "entry_wait__find", "entry_wait__shared", true },
	{ "lock_class__find", "lock_rwsem__down_read", false },
};

#define LOOKUPS	(sizeof(lookups) / sizeof(*lookups))

int lookup__choose(struct bpf_object *object)
{
	struct bpf_program *finder, *user;
	size_t i;
	int err;

	for (i = 0; i < LOOKUPS; i++) {
		finder = bpf_object__find_program_by_name(object, lookups[i].finder);
		user = bpf_object__find_program_by_name(object, lookups[i].user);
		if (!finder || !user)
			return -ENOENT;
		err = bpf_program__set_autoload(finder, bpf_program__autoload(user));
		if (err)
			return err;
	}
	return 0;
}

int lookup__run(struct bpf_object *object, const char **program)
{
	struct bpf_program *finder;
	size_t i;
	int err;

	for (i = 0; i < LOOKUPS; i++) {
		finder = bpf_object__find_program_by_name(object, lookups[i].finder);
		if (!bpf_program__autoload(finder))
			continue;
		err = object__run(finder);
		if (!err)
			continue;
		log_verbose(1, "%s: %d", lookups[i].finder, err);
		if (!lookups[i].needed)
			continue;
		*program = lookups[i].user;
		return err;
	}
	return 0;
}
