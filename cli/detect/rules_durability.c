// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What durability.c and sync.c look for, in words. */
#include "detect/private.h"
#include "probe/table.h"

/* An entry whose end is not seen seems dirty for ever: a false DX03. */
#define ENTRY_LIFE	(OBSERVED_BIT(OBSERVED_FAULT) | OBSERVED_BIT(OBSERVED_ENTRY_INSERT) | \
			 OBSERVED_BIT(OBSERVED_ENTRY_DELETE) | OBSERVED_BIT(OBSERVED_ENTRY_DIRTY) | \
			 OBSERVED_BIT(OBSERVED_FLUSH) | OBSERVED_BIT(OBSERVED_WRITEBACK_ONE))

/* A writeback that failed leaves entries dirty, for eviction to remove: no DX01, no DX03. */
#define FAILURES	(OBSERVED_BIT(OBSERVED_WRITEPAGES) | OBSERVED_BIT(OBSERVED_EVICT))

const struct rule rule_lost_dirty_entry = {
	.id = "DX01",
	.name = "lost-dirty-entry",
	.severity = "error",
	.needs = ENTRY_LIFE | FAILURES | OBSERVED_BIT(OBSERVED_SETSIZE) |
		 OBSERVED_BIT(OBSERVED_FALLOCATE),
	.claim = "A dirty entry was removed from the mapping while its block stayed the file's.",
	.meaning = "The entry was the only record that CPU caches over the page must be flushed. "
		   "A later fsync skips the page and returns success; a power cut loses what "
		   "was stored through the mapping.",
	.history = "c6dcf52c23d2 (\"mm: Invalidate DAX radix tree entries only if appropriate\", "
		   "4.10): invalidate_inode_pages2_range() removed dirty entries. "
		   "8b2180b3bf03 (\"xfs: don't invalidate whole file on DAX read/write\", 4.9). Since "
		   "bde708f1a65d (\"fs/dax: always remove DAX page-cache entries when breaking "
		   "layouts\", 6.15) ext4 and xfs remove all entries of a file of which any part is punched "
		   "out, cut off or moved, and of one that is made longer: dax_break_layout() is told "
		   "the whole file.",
	.advice = "The removal must leave dirty entries alone, or be preceded by a flush with faults "
		  "excluded (invalidate_lock held exclusively from the flush to the removal).",
	.lock = "mapping.invalidate_lock, exclusive from the flush to the removal; the DAX entry's lock "
		"where the removal skips dirty entries",
};

const struct rule rule_clean_but_writable = {
	.id = "DX02",
	.name = "clean-but-writable",
	.severity = "error",
	.needs = ENTRY_LIFE | OBSERVED_BIT(OBSERVED_MKCLEAN) | OBSERVED_BIT(OBSERVED_UNMAP) |
		 OBSERVED_BIT(OBSERVED_MAP) | OBSERVED_BIT(OBSERVED_MAPPED),
	.claim = "An entry's dirty tag was cleared while a mapping of it could still be stored through.",
	.meaning = "The next store does not fault, so nothing makes the entry dirty again: fsync skips "
		   "the page, and a power cut loses what was stored since.",
	.history = "f729c8c9b24f (\"dax: wrprotect pmd_t in dax_mapping_entry_mkclean\", 4.11): huge pages "
		   "stayed writable. 06083a0921fd (\"dax: fix missing writeprotect the pte entry\", 5.19): "
		   "so did the PTEs of a process that maps a part of a huge page.",
	.advice = "Every VMA in i_mmap that covers the entry must be write-protected, at its size, before "
		  "the flush, with the entry locked until the tag is cleared.",
	.lock = "the DAX entry's lock, from the write-protection to the clearing of the tag",
};

const struct rule rule_sync_missed_dirty = {
	.id = "DX03",
	.name = "sync-missed-dirty",
	.severity = "error",
	/* Without WRITEBACK it is not known that another task has the entry in hand. */
	.needs = ENTRY_LIFE | FAILURES | OBSERVED_BIT(OBSERVED_SYNC) |
		 OBSERVED_BIT(OBSERVED_WRITEBACK),
	.claim = "A sync returned success and a page of its range, dirtied before it began, was "
		 "not flushed.",
	.meaning = "The caller was told that its data is durable; a power cut proves otherwise.",
	.history = "Until 4.5 sync(2) and syncfs(2) did not flush DAX at all. f729c8c9b24f (\"dax: "
		   "wrprotect pmd_t in dax_mapping_entry_mkclean\", 4.11) left stores untracked. Since 4.20 "
		   "dax_writeback_one() passes over an entry that somebody holds locked, a fault or another "
		   "sync: get_unlocked_entry() looks for the next one. 6be3e21d25ca (\"fs/dax: don't skip "
		   "locked entries when scanning entries\", 6.15) mended its other callers. A write(2) "
		   "that copied on write left the entry of the former block in its place (6.1 does; of "
		   "dirty ones it is CVE-2023-53306, \"fsdax: force clear dirty mark if CoW\"): fsync "
		   "flushes that block, not what is mapped.",
	.advice = "->fsync must reach dax_writeback_mapping_range() over the whole range, and only a "
		  "flush may clear PAGECACHE_TAG_DIRTY. syncfs(2), sync(2) and umount(2) reach it through "
		  "the inode's I_DIRTY_PAGES.",
	.lock = "none: the sync itself must flush",
};
