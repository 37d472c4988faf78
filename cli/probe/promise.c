// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "probe/promise.h"
#include "probe/refusal.h"

struct resolver *promise__resolver(char *error)
{
	struct resolver *resolver;

	refusal__listen();
	resolver = resolver__new();
	if (!resolver)
		snprintf(error, ERROR_LENGTH, "cannot trace: this kernel has no BTF "
			 "(/sys/kernel/btf/vmlinux: %s), without which its structures are unknown; "
			 "use a kernel with CONFIG_DEBUG_INFO_BTF=y, as distributions ship it",
			 strerror(errno));
	return resolver;
}

/* Is the event not in the set that was asked for? */
bool promise__left_out(const struct probe_row *row, enum probe_events events, bool user_stacks)
{
	if (row->set == PROBE_ON_REQUEST)
		return !user_stacks;
	return row->set == (events == PROBE_EVENTS_ALL ? PROBE_DEFAULT_ONLY : PROBE_ALL_ONLY);
}

void promise__resolve(const struct resolver *resolver, struct probe_status status[OBSERVED_COUNT],
			const struct probe_options *options, enum probe_locks_setting locks)
{
	int i;

	for (i = 0; i < OBSERVED_COUNT; i++) {
		status[i].reason[0] = 0;
		status[i].way = -1;
		if (locks == LOCKS_OFF && (OBSERVED_LOCKS & OBSERVED_BIT(i)))
			snprintf(status[i].reason, sizeof(status[i].reason), "locks are off");
		else if (promise__left_out(&probe_table[i], options->events, options->user_stacks))
			snprintf(status[i].reason, sizeof(status[i].reason), "%s",
				 probe_table[i].set == PROBE_ON_REQUEST ? "not asked for" :
				 options->events == PROBE_EVENTS_ALL ? "not in --events all" :
								       "not in --events default");
		else
			status[i].way = resolve_way(resolver, &probe_table[i], 0, options,
						    status[i].reason, sizeof(status[i].reason));
	}
}

int probe__promise(struct probe_status status[OBSERVED_COUNT],
		   const struct probe_options *options, char *error)
{
	struct resolver *resolver = promise__resolver(error);

	if (!resolver)
		return -ENOENT;
	promise__resolve(resolver, status, options, LOCKS_ALL);
	resolver__free(resolver);
	return 0;
}
