// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What blocks.c and layout.c look for, in words. */
#include "detect/private.h"
#include "probe/table.h"

#define FREEING	(OBSERVED_BIT(OBSERVED_SETSIZE) | OBSERVED_BIT(OBSERVED_FALLOCATE) | \
		 OBSERVED_BIT(OBSERVED_TRUNCATE))
#define ENTRIES	(OBSERVED_BIT(OBSERVED_FAULT) | OBSERVED_BIT(OBSERVED_ENTRY_INSERT) | \
		 OBSERVED_BIT(OBSERVED_ENTRY_DELETE))

const struct rule rule_fault_maps_freed = {
	.id = "DX08",
	.name = "fault-maps-freed-block",
	.severity = "error",
	.needs = ENTRIES | FREEING | OBSERVED_BIT(OBSERVED_UNMAP) | OBSERVED_BIT(OBSERVED_MAPPED) |
		 OBSERVED_BIT(OBSERVED_IOMAP),
	.claim = "A fault mapped a block that truncate or punch was freeing, and the mapping outlived it.",
	.meaning = "The process reads and overwrites whatever the block is given to next: other files' "
		   "data, or metadata.",
	.history = "ea3d7209ca01 (\"ext4: fix races between page faults and hole punching\", 4.5); "
		   "5726b27b09cc (\"ext2: Add locking for DAX faults\", 4.4); 5a3a2d83cda8 "
		   "(f2fs, 4.13); 6ae330cad6ef (virtiofs).",
	.advice = "The fault must hold the invalidate_lock shared from before ->iomap_begin until the page "
		  "is mapped; truncate and punch exclusively from truncate_pagecache() until the blocks "
		  "are free. i_size alone does not cover punch.",
	.lock = "mapping.invalidate_lock: shared in the fault, exclusive from truncate_pagecache() to the "
		"freeing",
};

const struct rule rule_stale_mapping = {
	.id = "DX09",
	.name = "stale-mapping-after-write",
	.severity = "error",
	.needs = ENTRIES | OBSERVED_BIT(OBSERVED_RW) | OBSERVED_BIT(OBSERVED_UNMAP) |
		 OBSERVED_BIT(OBSERVED_MAP) | OBSERVED_BIT(OBSERVED_SETSIZE) |
		 OBSERVED_BIT(OBSERVED_FALLOCATE) | OBSERVED_BIT(OBSERVED_IOMAP),
	.claim = "A write stored to a page that had been a hole, and the hole's zero page stayed mapped; "
		 "predicted: it stayed, and nobody is known to have it mapped any more.",
	.meaning = "Who maps the file reads zeroes where read(2) reads the data, until the page is unmapped "
		   "for another reason.",
	.history = "e3fce68cdbed (\"dax: Avoid page invalidation races and unnecessary radix tree traversals\", "
		   "4.10); cd656375f940 (\"mm: fix data corruption due to stale mmap reads\", 4.12, "
		   "generic/428); 13e451fdc1af (4.12): a fault installed an answer of ->iomap_begin that was "
		   "older than the write.",
	.advice = "Invalidate after the allocation, page tables included, and before the copy; faults call "
		  "->iomap_begin with the entry locked. Blocks that are allocated or converted beside those "
		  "that were asked for (ext4's zeroing of unwritten extents) are not new to the next write: whoever "
		  "converts them must invalidate, too.",
	.lock = "the DAX entry's lock, over ->iomap_begin and the insertion; or mapping.invalidate_lock over "
		"the write",
};

const struct rule rule_dropped_write = {
	.id = "DX10",
	.name = "range-op-dropped-write",
	.severity = "error",
	.needs = ENTRIES | FREEING | OBSERVED_BIT(OBSERVED_WRITEBACK_ONE) |
		 OBSERVED_BIT(OBSERVED_FLUSH) | OBSERVED_BIT(OBSERVED_ENTRY_DIRTY),
	.claim = "Collapse or insert removed the dirty entry of a block that it moves: a store landed between "
		 "its flush and its truncation.",
	.meaning = "The block stays the file's, at another index, and nobody knows any more that it must be "
		   "flushed: a power cut loses the store.",
	.history = "32ebffd3bbb4 (\"ext4: fix races between buffered IO and collapse / insert range\", 4.5).",
	.advice = "Take the invalidate_lock exclusively before the flush, and hold it past "
		  "truncate_pagecache(); flush to the end of the file.",
	.lock = "mapping.invalidate_lock, exclusive from the flush to the removal",
};

const struct rule rule_layout_break = {
	.id = "DX11",
	.name = "layout-break-incomplete",
	.severity = "error",
	/* An entry whose end is not seen seems mapped for ever. */
	.needs = ENTRIES | FREEING | OBSERVED_BIT(OBSERVED_LAYOUT) | OBSERVED_BIT(OBSERVED_MAP),
	.claim = "Blocks were freed although the newest look had found one of their pages in use; predicted: "
		 "of a mapped page, and nobody looked.",
	.meaning = "A device goes on reading or writing (DMA) the block when it belongs to something else.",
	.history = "430657b6be89 (\"ext4: handle layout changes to pinned DAX mappings\", 4.19, generic/503); "
		   "b1f382178d15 (\"ext4: close race between direct IO and ext4_break_layouts()\", 4.19): the "
		   "loop ended although other pages were still in use. CVE-2025-38276.",
	.advice = "After each wait look again, until dax_layout_busy_page() returns NULL, with the lock that "
		  "keeps new references out held from the last look to the freeing.",
	.lock = "mapping.invalidate_lock, exclusive from the last look to the freeing",
};
