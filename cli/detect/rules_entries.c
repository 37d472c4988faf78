// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What entry_lock.c and huge.c look for, in words. */
#include "detect/private.h"
#include "probe/table.h"

const struct rule rule_entry_lock_stall = {
	.id = "DX12",
	.name = "entry-lock-stall",
	.severity = "error",
	/* Who holds the lock is known of entries that are, and of faults under way. */
	.needs = OBSERVED_BIT(OBSERVED_ENTRY_LOCK) | OBSERVED_BIT(OBSERVED_ENTRY_WAIT) |
		 OBSERVED_BIT(OBSERVED_ENTRY_INSERT) | OBSERVED_BIT(OBSERVED_ENTRY_DELETE) |
		 OBSERVED_BIT(OBSERVED_FAULT),
	.claim = "A task waits for the lock of a DAX entry that nobody holds, or beyond two minutes.",
	.meaning = "It was never woken: it sleeps for ever, with its mmap_lock held, and whoever looks at "
		   "that process (ps, top) hangs as well.",
	.history = "965d004af540 (\"dax: fix deadlock with DAX 4k holes\", 4.10); fffa281b48a9 (\"dax: fix "
		   "deadlock due to misaligned PMD faults\", 4.13); 237388320def (\"dax: Wake up all waiters "
		   "after invalidating dax entry\", 5.13).",
	.advice = "Whoever unlocks an entry wakes one waiter that will lock it, or all if the entry goes or "
		  "changes its size; a waiter that gives up passes the wake-up on.",
	.lock = NULL,
};

const struct rule rule_short_mapping = {
	.id = "DX15",
	.name = "short-mapping",
	.severity = "error",
	.needs = OBSERVED_BIT(OBSERVED_FAULT) | OBSERVED_BIT(OBSERVED_IOMAP),
	.claim = "->iomap_begin answered a fault with less than the page that it needs.",
	.meaning = "dax_iomap_pte_fault() warns and fails the fault: SIGBUS for the process.",
	.history = "The talk about ext2's fault handler of 2015: a mapping shorter than a page is -EIO; a "
		   "filesystem whose blocks are smaller than the page cannot do DAX.",
	.advice = "The filesystem must refuse DAX for blocks smaller than a page, and extents of a DAX file "
		  "begin and end at pages.",
	.lock = NULL,
};

const struct rule rule_pmd_pte_collision = {
	.id = "DX16",
	.name = "pmd-pte-collision",
	.severity = "error",
	.needs = OBSERVED_BIT(OBSERVED_FAULT) | OBSERVED_BIT(OBSERVED_ENTRY_INSERT) |
		 OBSERVED_BIT(OBSERVED_ENTRY_DELETE),
	.claim = "A huge entry and one of a page in it were there at the same time.",
	.meaning = "Two records of the same page: one is cleaned or removed, the other's mapping goes on "
		   "being stored through, or reads what is no longer there.",
	.history = "348e967ab07c (huge pages marked BROKEN until faults of both sizes agreed); "
		   "e2093926a098 (\"dax: fix race between colliding PMD & PTE entries\", 4.12, generic/437).",
	.advice = "grab_mapping_entry() must fall back if any entry of the other size is there, with the "
		  "xarray locked from the look to the insertion.",
	.lock = "the DAX entry's lock of the whole huge page",
};

const struct rule rule_huge_fallback = {
	.id = "DX17",
	.name = "huge-fault-fallback",
	.severity = "warning",
	.opt_in = true,
	.needs = OBSERVED_BIT(OBSERVED_FAULT),
	.claim = "A fault that asked for a huge page was served with small ones.",
	.meaning = "No error: 512 faults and page table entries instead of one.",
	.history = "None: an assertion for loads that are meant to be mapped by huge pages.",
	.advice = "Align file extents (mkfs, extent size hints), file offset and address to 2 MiB; map "
		  "shared; look for small entries left by earlier faults.",
	.lock = NULL,
};
