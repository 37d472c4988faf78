// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What mode.c looks for, in words. */
#include "detect/private.h"
#include "probe/table.h"

#define MODE	(OBSERVED_BIT(OBSERVED_MODE) | OBSERVED_BIT(OBSERVED_FILEATTR))

#define THE_TALK_OF_2017	"The talk about ext4's journalling flag of 2017: SETFLAGS flipped journalling "	\
				"and S_DAX without keeping faults out, without writeback or invalidation. "

const struct rule rule_flip_while_mapped = {
	.id = "DX04",
	.name = "mode-flip-while-mapped",
	.severity = "error",
	.needs = MODE | OBSERVED_BIT(OBSERVED_MAP),
	.claim = "S_DAX changed, or the operations of a DAX file, while a process had the file mapped.",
	.meaning = "The VMA was set up for the other mode: its faults put DAX entries among page-cache "
		   "pages or the reverse, the kernel warns, and data goes to the wrong place.",
	.history = THE_TALK_OF_2017 "559db4c6d784 (\"ext4: prevent data corruption with "
		   "inline data + DAX\", 4.14). 829b37b8cddb (\"ext4: avoid race conditions when remounting "
		   "with options that change dax\", 5.8).",
	.advice = "Refuse (EBUSY) while mapping_mapped(), and keep new mappings out until the flip is done; "
		  "or let the change take effect when the inode is next read in.",
	.lock = "a lock that ->mmap takes as well, held over the test for mappings and the flip",
};

const struct rule rule_flip_without_writeback = {
	.id = "DX05",
	.name = "mode-flip-without-writeback",
	.severity = "error",
	.needs = MODE | OBSERVED_BIT(OBSERVED_ENTRY_INSERT) | OBSERVED_BIT(OBSERVED_ENTRY_DELETE) |
		 OBSERVED_BIT(OBSERVED_WRITEBACK_ONE),
	.claim = "The mode of a file changed and left DAX entries, or pages, of the old mode behind: dirty "
		 "ones, or clean ones that hide what the new mode writes.",
	.meaning = "The new mode's ->writepages does not know what to do with them; they are lost, or the "
		   "kernel warns when it meets one.",
	.history = THE_TALK_OF_2017 "88149082bb8e (\"fs: Handle I_DONTCACHE in iput_final()\"): chattr +x, "
		   "then eviction, dropped buffered data.",
	.advice = "With faults and I/O excluded: filemap_write_and_wait(), then truncate_pagecache() or "
		  "invalidate_inode_pages2(), then the flip, all under the same exclusion.",
	.lock = "mapping.invalidate_lock, exclusive from the writeback to the flip; inode.i_rwsem",
};

const struct rule rule_flip_unserialised = {
	.id = "DX06",
	.name = "mode-flip-unserialised",
	.severity = "error",
	.needs = MODE | OBSERVED_BIT(OBSERVED_FAULT) | OBSERVED_BIT(OBSERVED_RW),
	.claim = "The mode of a file changed while a fault, a read, a write or an mmap of it was under way, or "
		 "one that began before went on by the old mode.",
	.meaning = "Whoever reads the mode twice sees two: a fault maps a page of the page cache into a DAX "
		   "mapping, a write goes past the cache that others read.",
	.history = THE_TALK_OF_2017 "The talk about switching S_DAX of 2020: I/O is serialised by i_rwsem, "
		   "but mmap and faults test S_DAX with nothing held.",
	.advice = "Take i_rwsem and the invalidate_lock exclusively around the flip; faults and I/O read "
		  "the mode once, under their side of the lock.",
	.lock = "inode.i_rwsem (I/O) and mapping.invalidate_lock (faults), exclusive around the flip",
};

const struct rule rule_flip_during_writepages = {
	.id = "DX07",
	.name = "journal-flip-during-writepages",
	.severity = "error",
	.needs = MODE | OBSERVED_BIT(OBSERVED_WRITEBACK) | OBSERVED_BIT(OBSERVED_WRITEPAGES),
	.claim = "The journalling or the operations of a file changed between begin and end of a writeback.",
	.meaning = "A writeback that began without journalling meets pages that were dirtied with it: it "
		   "writes data that the journal has not committed, or starts handles it has no credits for.",
	.history = "c8585c6fcaf2 (\"ext4: fix races between changing inode journal mode and "
		   "ext4_writepages\", 4.7); cb85f4d23f79 (\"ext4: fix race between writepages and enabling "
		   "EXT4_EXTENTS_FL\", 5.6).",
	.advice = "->writepages must hold, over all of its work, a lock that the flip takes exclusively, "
		  "outside of any journal handle.",
	.lock = "the filesystem's writepages lock (ext4: s_writepages_rwsem), exclusive around the flip",
};
