// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where --perturb delays, of which rules' windows that is a part, and by which functions
 * it is seen, in order of preference.  As the probe table, by what a kernel has.
 */
#include <linux/types.h>

#include "bpf/perturb.h"
#include "probe/perturb.h"

#define WAY(how, program, target, arguments)	{ { { how, program, target, arguments } } }

const struct perturb_row perturb_table[PERTURB_PLACES] = {
	[PERTURB_FAULT_LOCK] = { "DX06 DX08", {
		.name = "fault-lock",
		.what = "a fault, before it keeps others out; modes may have been read",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__fault_lock", "down_read", "rw_semaphore="),
			WAY(PROBE_FENTRY, "perturb__mm_fault", "handle_mm_fault", "vm_area_struct"),
		},
	} },
	[PERTURB_FAULT] = { "DX05 DX06 DX08 DX09", {
		.name = "fault",
		.what = "a fault, before it locks its entry and asks for the block",
		.ways = { WAY(PROBE_FENTRY, "perturb__fault", "dax_iomap_fault", "vm_fault") },
	} },
	/* Of DX03, since dax_writeback_one() passes over an entry that a fault has locked. */
	[PERTURB_INSERT] = { "DX01 DX03 DX05 DX08 DX09", {
		.name = "insert",
		.what = "->iomap_begin has answered a fault, and nothing is mapped yet",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__insert", "dax_insert_entry", "xa_state,vm_fault,iomap_iter"),
		},
	} },
	[PERTURB_WRITE_END] = { "DX01 DX09", {
		.name = "write-end",
		.what = "a write(2) has allocated and copied; its filesystem may invalidate",
		.ways = { WAY(PROBE_FENTRY, "perturb__write_end", "dax_iomap_rw", "kiocb,iov_iter") },
	} },
	[PERTURB_INVALIDATE] = { "DX01 DX05 DX09", {
		.name = "invalidate",
		.what = "before a range is invalidated",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__invalidate", "invalidate_inode_pages2_range", "address_space"),
		},
	} },
	[PERTURB_INVALIDATED] = { "DX04 DX05 DX06 DX09", {
		.name = "invalidated",
		.what = "after that: before a write allocates, or a mode changes",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__invalidated", "invalidate_inode_pages2_range", "address_space"),
		},
	} },
	[PERTURB_WRITEPAGES] = { "DX07", {
		.name = "writepages",
		.what = "inside of ->writepages, of a file that is not in DAX mode",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__writepages", "tag_pages_for_writeback", "address_space"),
		},
	} },
	[PERTURB_WRITEBACK] = { "DX02 DX03 DX07", {
		.name = "writeback",
		.what = "before the entries of a range are flushed",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__writeback", "dax_writeback_mapping_range", "address_space"),
		},
	} },
	[PERTURB_WRITTEN_BACK] = { "DX04 DX05 DX06 DX07 DX10", {
		.name = "written-back",
		.what = "after that: before they are dropped, or a mode changes",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__written_back", "dax_writeback_mapping_range", "address_space"),
		},
	} },
	[PERTURB_MKCLEAN] = { "DX02 DX03", {
		.name = "mkclean",
		.what = "an entry is write-protected, and not flushed yet",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__mkclean", "pfn_mkclean_range", "-,-,-,vm_area_struct"),
			WAY(PROBE_FENTRY, "perturb__wrprotect", "mapping_wrprotect_range", "address_space"),
		},
	} },
	[PERTURB_TRUNCATE] = { "DX01 DX08 DX10 DX11", {
		.name = "truncate",
		.what = "a range is unmapped; before its entries go",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__truncate", "truncate_inode_pages_range", "address_space"),
		},
	} },
	[PERTURB_TRUNCATED] = { "DX08", {
		.name = "truncated",
		.what = "after that: before its blocks are freed",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__truncated", "truncate_inode_pages_range", "address_space"),
		},
	} },
	[PERTURB_FLIP] = { "DX04 DX05 DX06 DX07", {
		.name = "flip",
		.what = "before S_DAX changes",
		.ways = { WAY(PROBE_FENTRY, "perturb__flip", "inode_set_flags", "inode,-,-=") },
	} },
	[PERTURB_LAYOUT] = { "DX11", {
		.name = "layout",
		.what = "pages in use were looked for; before others are, or the range goes",
		.ways = {
			WAY(PROBE_FENTRY, "perturb__layout", "dax_layout_busy_page_range", "address_space"),
		},
	} },
	[PERTURB_EXCLUDE] = { "DX01 DX06 DX08 DX10", {
		.name = "exclude",
		.what = "before the invalidate_lock is taken exclusively",
		.ways = { WAY(PROBE_FENTRY, "perturb__exclude", "down_write", "rw_semaphore=") },
	} },
};
