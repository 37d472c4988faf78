// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All rules; each family's are in a file of their own beside the code that judges them. */
#include <strings.h>

#include "detect/private.h"

const struct rule *const rule_table[RULE_COUNT] = {
	[RULE_LOST_DIRTY_ENTRY] = &rule_lost_dirty_entry,
	[RULE_CLEAN_BUT_WRITABLE] = &rule_clean_but_writable,
	[RULE_SYNC_MISSED_DIRTY] = &rule_sync_missed_dirty,
	[RULE_FLIP_WHILE_MAPPED] = &rule_flip_while_mapped,
	[RULE_FLIP_WITHOUT_WRITEBACK] = &rule_flip_without_writeback,
	[RULE_FLIP_UNSERIALISED] = &rule_flip_unserialised,
	[RULE_FLIP_DURING_WRITEPAGES] = &rule_flip_during_writepages,
	[RULE_FAULT_MAPS_FREED] = &rule_fault_maps_freed,
	[RULE_STALE_MAPPING] = &rule_stale_mapping,
	[RULE_DROPPED_WRITE] = &rule_dropped_write,
	[RULE_LAYOUT_BREAK] = &rule_layout_break,
	[RULE_ENTRY_LOCK_STALL] = &rule_entry_lock_stall,
	[RULE_LOCK_ORDER] = &rule_lock_order,
	[RULE_SELF_DEADLOCK] = &rule_self_deadlock,
	[RULE_SHORT_MAPPING] = &rule_short_mapping,
	[RULE_PMD_PTE_COLLISION] = &rule_pmd_pte_collision,
	[RULE_HUGE_FALLBACK] = &rule_huge_fallback,
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
