// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All rules; each family's are in a file of their own beside the code that judges them. */
#include <strings.h>

#include "detect/private.h"

const struct rule *const rule_table[RULE_COUNT] = {
	[RULE_LOST_DIRTY_ENTRY] = &rule_lost_dirty_entry,
	[RULE_SYNC_MISSED_DIRTY] = &rule_sync_missed_dirty,
	[RULE_LOCK_ORDER] = &rule_lock_order,
	[RULE_SELF_DEADLOCK] = &rule_self_deadlock,
	[RULE_LOCK_LEAK] = &rule_lock_leak,
	[RULE_SYNC_IN_HANDLE] = &rule_sync_in_handle,
};

int rule__find(const char *id)
{
	int i;

	for (i = 0; i < RULE_COUNT; i++)
		if (!strcasecmp(rule_table[i]->id, id))
			return i;
	return -1;
}
