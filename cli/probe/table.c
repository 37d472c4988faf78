// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include <linux/types.h>

#include "bpf/events.h"
#include "probe/table.h"

const struct probe_row probe_table[OBSERVED_COUNT] = {
	[OBSERVED_FAULT] = {
		.name = "fault",
		.what = "page fault on a DAX mapping, from begin to end",
		.without = "no fault can be told from another; DX01 and DX03 are unknown",
		.ways = {
			/* One of a page begins where it inserts its entry. */
			{ {
				{ PROBE_TP_BTF, "fault__end", "dax_pte_fault_done", "inode,vm_fault,-=" },
				{ PROBE_FENTRY, "fault__insert", "dax_insert_entry", "xa_state,vm_fault,iomap_iter,-,-,-" },
				{ PROBE_TP_BTF, "fault__pmd_enter_tp", "dax_pmd_fault", "inode,vm_fault,-,-=" },
				{ PROBE_TP_BTF, "fault__pmd_exit_tp", "dax_pmd_fault_done", "inode,vm_fault,-,-=" },
			}, .set = PROBE_DEFAULT_ONLY },
			{ {
				{ PROBE_TP_BTF, "fault__pte_enter_tp", "dax_pte_fault", "inode,vm_fault,-=" },
				{ PROBE_TP_BTF, "fault__pte_exit_tp", "dax_pte_fault_done", "inode,vm_fault,-=" },
				{ PROBE_TP_BTF, "fault__pmd_enter_tp", "dax_pmd_fault", "inode,vm_fault,-,-=" },
				{ PROBE_TP_BTF, "fault__pmd_exit_tp", "dax_pmd_fault_done", "inode,vm_fault,-,-=" },
			} },
			{ {
				{ PROBE_FENTRY, "fault__enter_fentry", "dax_iomap_fault", "vm_fault,-" },
				{ PROBE_FENTRY, "fault__exit_fexit", "dax_iomap_fault", "vm_fault,-,-,-,-=" },
			} },
		},
	},
	[OBSERVED_ENTRY_INSERT] = {
		.name = "entry-insert",
		.what = "a fault puts an entry into the mapping, or dirties it",
		.without = "no entry's state is known; DX01 and DX03 are unknown",
		.ways = {
			{ {
				{ PROBE_FENTRY, "fault__insert", "dax_insert_entry", "xa_state,vm_fault,iomap_iter,-,-,-" },
			}, .set = PROBE_DEFAULT_ONLY },
			{ {
				{ PROBE_FENTRY, "entry_insert__fentry", "dax_insert_entry", "xa_state,vm_fault,iomap_iter,-,-,-" },
			} },
		},
	},
	[OBSERVED_ENTRY_DELETE] = {
		.name = "entry-delete",
		.what = "an entry leaves the mapping",
		.without = "no loss of an entry is seen; DX01 and DX03 are unknown",
		/*
		 * Before 7.x __dax_invalidate_entry() is the one place; then
		 * dax_delete_mapping_range() came, and dax_disassociate_entry()
		 * lost its arguments to the compiler.  Its calls in these two, since
		 * each first fault of a page calls it as well.
		 */
		.ways = {
			{ {
				{ PROBE_CALL, "entry_delete__call", "dax_disassociate_entry()", "__dax_invalidate_entry" },
				{ PROBE_FENTRY, "entry_delete__enter", "__dax_invalidate_entry", "address_space,-,-" },
				{ PROBE_FENTRY, "entry_delete__exit", "__dax_invalidate_entry", "address_space,-,-=" },
			}, .absent = "dax_delete_mapping_range" },
			{ {
				{ PROBE_CALL, "entry_delete__call", "dax_disassociate_entry()",
				  "__dax_invalidate_entry,dax_delete_mapping_range" },
				{ PROBE_FENTRY, "entry_delete__enter", "__dax_invalidate_entry", "address_space,-,-" },
				{ PROBE_FENTRY, "entry_delete__exit", "__dax_invalidate_entry", "address_space,-,-=" },
				{ PROBE_FENTRY, "entry_delete_range__enter", "dax_delete_mapping_range", "address_space" },
				{ PROBE_FENTRY, "entry_delete_range__exit", "dax_delete_mapping_range", "address_space,-,-=" },
				{ PROBE_FENTRY, "entry_delete_range__one", "wait_entry_unlocked_exclusive", "xa_state,-" },
			} },
			{ {
				{ PROBE_FENTRY, "entry_delete__fentry", "dax_disassociate_entry", "-" },
				{ PROBE_FENTRY, "entry_delete__enter", "__dax_invalidate_entry", "address_space,-,-" },
				{ PROBE_FENTRY, "entry_delete__exit", "__dax_invalidate_entry", "address_space,-,-=" },
			}, .absent = "dax_delete_mapping_range" },
			{ {
				{ PROBE_FENTRY, "entry_delete__fentry", "dax_disassociate_entry", "-" },
				{ PROBE_FENTRY, "entry_delete__enter", "__dax_invalidate_entry", "address_space,-,-" },
				{ PROBE_FENTRY, "entry_delete__exit", "__dax_invalidate_entry", "address_space,-,-=" },
				{ PROBE_FENTRY, "entry_delete_range__enter", "dax_delete_mapping_range", "address_space" },
				{ PROBE_FENTRY, "entry_delete_range__exit", "dax_delete_mapping_range", "address_space,-,-=" },
				{ PROBE_FENTRY, "entry_delete_range__one", "wait_entry_unlocked_exclusive", "xa_state,-" },
			} },
			{ {
				{ PROBE_KPROBE, "entry_delete__kprobe", "dax_disassociate_entry.isra.0", "-" },
				{ PROBE_FENTRY, "entry_delete__enter", "__dax_invalidate_entry", "address_space,-,-" },
				{ PROBE_FENTRY, "entry_delete__exit", "__dax_invalidate_entry", "address_space,-,-=" },
				{ PROBE_FENTRY, "entry_delete_range__enter", "dax_delete_mapping_range", "address_space" },
				{ PROBE_FENTRY, "entry_delete_range__exit", "dax_delete_mapping_range", "address_space,-,-=" },
				{ PROBE_FENTRY, "entry_delete_range__one", "wait_entry_unlocked_exclusive", "xa_state,-" },
			} },
		},
	},
	[OBSERVED_ENTRY_DIRTY] = {
		.name = "entry-dirty",
		.what = "a MAP_SYNC fault makes its page writable",
		.without = "pages of MAP_SYNC mappings are taken for clean",
		.ways = { { {
			{ PROBE_TP_BTF, "entry_dirty__tp", "dax_insert_pfn_mkwrite", "inode,vm_fault,-=" },
		} } },
	},
	[OBSERVED_RW] = {
		.name = "rw",
		.what = "read(2) and write(2) on a DAX file, from begin to end",
		.without = "reports do not show writes; window coverage of DX01 is unknown",
		.set = PROBE_ALL_ONLY,
		.ways = { { {
			{ PROBE_FENTRY, "rw__enter", "dax_iomap_rw", "kiocb,iov_iter" },
			{ PROBE_FENTRY, "rw__exit", "dax_iomap_rw", "kiocb,iov_iter,-=" },
		} } },
	},
	[OBSERVED_INVALIDATE] = {
		.name = "invalidate",
		.what = "invalidate_inode_pages2 on a range, from begin to end",
		.without = "reports do not say who removed an entry; window coverage of DX01 is low",
		.ways = { { {
			{ PROBE_FENTRY, "invalidate__enter", "invalidate_inode_pages2_range", "address_space,-,-" },
			{ PROBE_FENTRY, "invalidate__exit", "invalidate_inode_pages2_range", "address_space,-,-=" },
		} } },
	},
	[OBSERVED_UNMAP] = {
		.name = "unmap",
		.what = "page tables of a range have been cleared",
		.without = "reports do not show when a mapping ended",
		.ways = { { {
			{ PROBE_FENTRY, "unmap__pages_exit", "unmap_mapping_pages", "address_space,-,-,-=" },
			{ PROBE_FENTRY, "unmap__range_enter", "unmap_mapping_range", "address_space,-,-" },
			{ PROBE_FENTRY, "unmap__range_exit", "unmap_mapping_range", "address_space,-,-,-=" },
		} } },
	},
	[OBSERVED_TRUNCATE] = {
		.name = "truncate-pages",
		.what = "truncate_inode_pages_range on a range, from begin to end",
		.without = "reports do not say who removed an entry",
		.ways = { { {
			{ PROBE_FENTRY, "truncate__enter", "truncate_inode_pages_range", "address_space,-,-" },
			{ PROBE_FENTRY, "truncate__exit", "truncate_inode_pages_range", "address_space,-,-=" },
		} } },
	},
	[OBSERVED_SETSIZE] = {
		.name = "setsize",
		.what = "truncate(2), ftruncate(2), O_TRUNC, from begin to end",
		.without = "a truncated page cannot be told from a lost one; DX01 is unknown",
		.ways = { { {
			{ PROBE_FENTRY, "setsize__enter", "notify_change", "-,dentry,iattr" },
			{ PROBE_FENTRY, "setsize__exit", "notify_change", "-,dentry,iattr,-=" },
		} } },
	},
	[OBSERVED_FALLOCATE] = {
		.name = "fallocate",
		.what = "fallocate(2) of any mode, from begin to end",
		.without = "a punched page cannot be told from a lost one; DX01 is unknown",
		.ways = { { {
			{ PROBE_FENTRY, "fallocate__enter", "vfs_fallocate", "file,-,-,-" },
			{ PROBE_FENTRY, "fallocate__exit", "vfs_fallocate", "file,-,-,-=" },
		} } },
	},
	[OBSERVED_EVICT] = {
		.name = "evict",
		.what = "an inode leaves memory",
		.without = "an evicted page cannot be told from a lost one; DX01 and DX03 are unknown",
		.ways = { { {
			{ PROBE_FENTRY, "evict__enter", "evict", "inode" },
			{ PROBE_FENTRY, "evict__exit", "clear_inode", "inode" },
		} } },
	},
	[OBSERVED_MKCLEAN] = {
		.name = "mkclean",
		.what = "a range's page table entries are write-protected",
		.without = "reports do not show write-protection",
		.ways = {
			{ {
				{ PROBE_FENTRY, "mkclean__pfn", "pfn_mkclean_range", "-,-,-,vm_area_struct" },
			} },
			{ {
				{ PROBE_FENTRY, "mkclean__mapping", "mapping_wrprotect_range", "address_space,-,-,-=" },
			} },
		},
	},
	[OBSERVED_FLUSH] = {
		.name = "flush",
		.what = "CPU caches over page frames are written back",
		.without = "a cleared dirty tag is believed without the flush behind it",
		.ways = { { {
			{ PROBE_FENTRY, "flush__dax", "dax_flush", "-,-,-" },
		} } },
	},
	[OBSERVED_WRITEBACK] = {
		.name = "writeback",
		.what = "->writepages on a range, from begin to end",
		.without = "who has an entry in hand is not known; DX03 and DX07 are unknown",
		.ways = { { {
			{ PROBE_TP_BTF, "writeback__enter", "dax_writeback_range", "inode,-,-" },
			{ PROBE_TP_BTF, "writeback__exit", "dax_writeback_range_done", "inode,-,-" },
		} } },
	},
	[OBSERVED_WRITEBACK_ONE] = {
		.name = "writeback-one",
		.what = "an entry was flushed and its dirty tag cleared",
		.without = "no page is ever known to be clean; DX01 and DX03 are unknown",
		.ways = { { {
			{ PROBE_TP_BTF, "writeback_one__tp", "dax_writeback_one", "inode,-,-" },
		} } },
	},
	[OBSERVED_SYNC] = {
		.name = "fsync",
		.what = "fsync(2), fdatasync(2), msync(2), O_SYNC, from begin to end",
		.without = "DX03 is unknown",
		/*
		 * Compilers inline vfs_fsync_range() into the other two, or do
		 * not: the outermost of them that is entered makes the record.
		 */
		.ways = {
			{ {
				{ PROBE_FENTRY, "sync__range_enter", "vfs_fsync_range", "file,-,-,-" },
				{ PROBE_FENTRY, "sync__range_exit", "vfs_fsync_range", "file,-,-,-=" },
				{ PROBE_FENTRY, "sync__file_enter", "vfs_fsync", "file,-" },
				{ PROBE_FENTRY, "sync__file_exit", "vfs_fsync", "file,-=" },
				{ PROBE_FENTRY, "sync__call_enter", "do_fsync", "-,-" },
				{ PROBE_FENTRY, "sync__call_exit", "do_fsync", "-,-=" },
			} },
			{ {
				{ PROBE_FENTRY, "sync__range_enter", "vfs_fsync_range", "file,-,-,-" },
				{ PROBE_FENTRY, "sync__range_exit", "vfs_fsync_range", "file,-,-,-=" },
				{ PROBE_FENTRY, "sync__file_enter", "vfs_fsync", "file,-" },
				{ PROBE_FENTRY, "sync__file_exit", "vfs_fsync", "file,-=" },
			}, .absent = "do_fsync" },
		},
	},
	[OBSERVED_FILEATTR] = {
		.name = "fileattr",
		.what = "FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR, from begin to end",
		.without = "reports do not show mode flips",
		.ways = { { {
			{ PROBE_FENTRY, "fileattr__enter", "vfs_fileattr_set", "-,dentry" },
			{ PROBE_FENTRY, "fileattr__exit", "vfs_fileattr_set", "-,dentry,-=" },
		} } },
	},
	[OBSERVED_SUPERBLOCK] = {
		.name = "superblock",
		.what = "a superblock goes away, and its device may carry another",
		.without = "a device mounted twice keeps its first filesystem's name",
		.ways = { { {
			{ PROBE_FENTRY, "umount__enter", "generic_shutdown_super", "super_block" },
			{ PROBE_FENTRY, "umount__exit", "generic_shutdown_super", "super_block=" },
		} } },
	},
	[OBSERVED_TASK_NAME] = {
		.name = "task-name",
		.what = "a task gets another name, by exec or prctl",
		.without = "a task keeps the name that it had at its first event",
		.ways = { { {
			{ PROBE_TP_BTF, "task__rename", "task_rename", "task_struct,-" },
		} } },
	},
	[OBSERVED_MODE] = {
		.name = "mode",
		.what = "an inode's S_DAX or operations differ from what was seen before",
		.without = "flips that no ioctl announces go unseen; DX04 and DX05 are unknown",
		/* Beside it, mode__check() at each operation that has a row here. */
		.ways = {
			{ {
				{ PROBE_SYSCALL, "mode__poll", "the inodes, twenty times a second", "" },
				{ PROBE_FENTRY, "mode__set", "inode_set_flags", "inode,-,-=" },
			} },
			{ {
				{ PROBE_SYSCALL, "mode__poll", "the inodes, twenty times a second", "" },
			} },
		},
	},
	[OBSERVED_MAP] = {
		.name = "mmap",
		.what = "a VMA maps the file, or no longer does",
		.without = "it is not known which files are mapped; DX04 and DX11 are unknown",
		.ways = { { {
			{ PROBE_FENTRY, "map__insert", "vma_interval_tree_insert", "vm_area_struct,-=" },
			{ PROBE_FENTRY, "map__fork", "vma_interval_tree_insert_after", "vm_area_struct,-,-=" },
			{ PROBE_FENTRY, "map__remove", "vma_interval_tree_remove", "vm_area_struct,-=" },
		} } },
	},
	[OBSERVED_MAPPED] = {
		.name = "mapped",
		.what = "a fault sets a PTE or PMD, writable or not",
		.without = "a mapping is taken to be as its entry; DX08, DX09 and DX16 are weaker",
		.set = PROBE_ALL_ONLY,
		/* Right after the entry is inserted; of MAP_SYNC, before it is told as dirty. */
		.ways = { { {
			{ PROBE_FENTRY, "entry_insert__fentry", "dax_insert_entry", "xa_state,vm_fault,iomap_iter,-,-,-" },
			{ PROBE_TP_BTF, "entry_dirty__tp", "dax_insert_pfn_mkwrite", "inode,vm_fault,-=" },
		} } },
	},
	[OBSERVED_IOMAP] = {
		.name = "iomap",
		.what = "->iomap_begin has answered: type, blocks, allocated or not",
		.without = "allocations go unseen; DX09 and DX15 are unknown",
		.set = PROBE_ALL_ONLY,
		.ways = { { {
			{ PROBE_TP_BTF, "iomap__dstmap", "iomap_iter_dstmap", "inode,iomap=" },
			{ PROBE_FENTRY, "entry_insert__fentry", "dax_insert_entry", "xa_state,vm_fault,iomap_iter,-,-,-" },
		} } },
	},
	[OBSERVED_ENTRY_LOCK] = {
		.name = "entry-lock",
		.what = "a fault has its entry locked, and lets it go",
		.without = "who holds an entry is not known; DX12 is unknown",
		.set = PROBE_ALL_ONLY,
		/* With the same programs as faults: an end must not be told twice. */
		.ways = {
			{ {
				{ PROBE_FENTRY, "entry_insert__fentry", "dax_insert_entry", "xa_state,vm_fault,iomap_iter,-,-,-" },
				{ PROBE_TP_BTF, "fault__pte_enter_tp", "dax_pte_fault", "inode,vm_fault,-=" },
				{ PROBE_TP_BTF, "fault__pte_exit_tp", "dax_pte_fault_done", "inode,vm_fault,-=" },
				{ PROBE_TP_BTF, "fault__pmd_enter_tp", "dax_pmd_fault", "inode,vm_fault,-,-=" },
				{ PROBE_TP_BTF, "fault__pmd_exit_tp", "dax_pmd_fault_done", "inode,vm_fault,-,-=" },
			} },
			{ {
				{ PROBE_FENTRY, "entry_insert__fentry", "dax_insert_entry", "xa_state,vm_fault,iomap_iter,-,-,-" },
				{ PROBE_FENTRY, "fault__enter_fentry", "dax_iomap_fault", "vm_fault,-" },
				{ PROBE_FENTRY, "fault__exit_fexit", "dax_iomap_fault", "vm_fault,-,-,-,-=" },
			} },
		},
	},
	[OBSERVED_ENTRY_WAIT] = {
		.name = "entry-wait",
		.what = "a task waits for an entry's lock, or is woken",
		.without = "stalls on entry locks go unseen; DX12 is unknown",
		.set = PROBE_ALL_ONLY,
		.ways = { { {
			{ PROBE_FENTRY, "entry_wait__wake", "wake_exceptional_entry_func", "-,-,-,-=" },
			{ PROBE_FENTRY, "entry_wait__exclusive", "prepare_to_wait_exclusive", "-,-,-=" },
			{ PROBE_FENTRY, "entry_wait__shared", "prepare_to_wait", "-,-,-=" },
		} } },
	},
	[OBSERVED_LAYOUT] = {
		.name = "layout-break",
		.what = "a look for pages that are pinned, before their blocks are freed",
		.without = "DX11 is unknown",
		.ways = { { {
			{ PROBE_FENTRY, "layout__enter", "dax_layout_busy_page_range", "address_space,-,-" },
			{ PROBE_FENTRY, "layout__exit", "dax_layout_busy_page_range", "address_space,-,-=" },
		} } },
	},
	[OBSERVED_HANDLE] = {
		.name = "journal-handle",
		.what = "a task has a handle of a jbd2 journal, or no longer has",
		.without = "DX19 is unknown",
		.module = "jbd2",
		.set = PROBE_ALL_ONLY,
		.ways = { { {
			{ PROBE_TP_BTF, "handle__start", "jbd2_handle_start", "-,-,-,-,-=" },
			{ PROBE_TP_BTF, "handle__stop", "jbd2_handle_stats", "-,-,-,-,-,-,-,-=" },
		} } },
	},
	[OBSERVED_SB_SYNC] = {
		.name = "sb-sync",
		.what = "syncfs(2), sync(2), and the sync of umount(2), from begin to end",
		.without = "DX03 is judged by fsync(2) and msync(2) alone",
		.ways = { { {
			{ PROBE_FENTRY, "sb_sync__enter", "sync_filesystem", "super_block=" },
			{ PROBE_FENTRY, "sb_sync__exit", "sync_filesystem", "super_block=" },
			{ PROBE_FENTRY, "sb_sync__all_enter", "ksys_sync", "=" },
			{ PROBE_FENTRY, "sb_sync__all_exit", "ksys_sync", "=" },
		} } },
	},
	[OBSERVED_FREEZE] = {
		.name = "freeze",
		.what = "a superblock is frozen or thawed, from begin to end",
		.without = "reports do not show freezes",
		.ways = { { {
			{ PROBE_FENTRY, "freeze__enter", "freeze_super", "super_block" },
			{ PROBE_FENTRY, "freeze__exit", "freeze_super", "super_block" },
			{ PROBE_FENTRY, "freeze__thaw_enter", "thaw_super", "super_block" },
			{ PROBE_FENTRY, "freeze__thaw_exit", "thaw_super", "super_block" },
		} } },
	},
	[OBSERVED_WRITEPAGES] = {
		.name = "writepages",
		.what = "do_writepages on any inode of a DAX filesystem, from begin to end",
		.without = "a writeback that failed goes unseen; DX01, DX03 and DX07 are unknown",
		.ways = { { {
			{ PROBE_FENTRY, "writepages__enter", "do_writepages", "address_space,writeback_control=" },
			{ PROBE_FENTRY, "writepages__exit", "do_writepages", "address_space,writeback_control=" },
			{ PROBE_FENTRY, "writepages__old_mode", "dax_writeback_mapping_range", "address_space,-,writeback_control=" },
		} } },
	},
	[OBSERVED_ALLOCATING_WRITE] = {
		.name = "allocating-write",
		.what = "a write(2) that allocates, told when it invalidates its range",
		.without = "it is not known that an entry was removed by a write",
		.set = PROBE_DEFAULT_ONLY,
		.ways = { { {
			{ PROBE_FENTRY, "rw__note", "dax_iomap_rw", "kiocb,iov_iter" },
		} } },
	},
	[OBSERVED_USER_STACK] = {
		.name = "user-stack",
		.what = "from where in its program a task maps a file, or stores to it",
		.without = "reports do not show it",
		.set = PROBE_ON_REQUEST,
		.ways = { { {
			{ PROBE_TP_BTF, "user_stack__pte", "dax_pte_fault", "inode,vm_fault,-=" },
			{ PROBE_TP_BTF, "user_stack__pmd", "dax_pmd_fault", "inode,vm_fault,-,-=" },
			{ PROBE_FENTRY, "user_stack__rw", "dax_iomap_rw", "kiocb,iov_iter" },
			{ PROBE_FENTRY, "user_stack__map", "vma_interval_tree_insert", "vm_area_struct,-=" },
		} } },
	},
#include "probe/table_locks.h"
};

const char *probe_mechanism_name(enum probe_mechanism mechanism)
{
	static const char *const names[] = {
		[PROBE_TP_BTF] = "tp_btf",
		[PROBE_FENTRY] = "fentry",
		[PROBE_KPROBE] = "kprobe",
		[PROBE_CALL] = "call",
		[PROBE_SYSCALL] = "poll",
	};

	return names[mechanism];
}

int probe_table__find(const char *name)
{
	int i;

	for (i = 0; i < OBSERVED_COUNT; i++)
		if (!strcmp(probe_table[i].name, name))
			return i;
	return -1;
}

int probe_table__of_record(const struct event_header *record)
{
	static const signed char operations[OPERATION_COUNT] = {
		[OPERATION_NONE] = -1,
		[OPERATION_FAULT] = OBSERVED_FAULT,
		[OPERATION_READ] = OBSERVED_RW,
		[OPERATION_WRITE] = OBSERVED_RW,
		[OPERATION_INVALIDATE] = OBSERVED_INVALIDATE,
		[OPERATION_WRITEBACK] = OBSERVED_WRITEBACK,
		[OPERATION_SYNC] = OBSERVED_SYNC,
		[OPERATION_FILEATTR] = OBSERVED_FILEATTR,
		[OPERATION_SETSIZE] = OBSERVED_SETSIZE,
		[OPERATION_FALLOCATE] = OBSERVED_FALLOCATE,
		[OPERATION_TRUNCATE] = OBSERVED_TRUNCATE,
		[OPERATION_EVICT] = OBSERVED_EVICT,
		[OPERATION_LAYOUT] = OBSERVED_LAYOUT,
		[OPERATION_WRITEPAGES] = OBSERVED_WRITEPAGES,
	};
	__u32 operation;

	switch (record->type) {
	case EVENT_ENTER:
		operation = ((const struct event_enter *)record)->operation;
		return operation < OPERATION_COUNT ? operations[operation] : -1;
	case EVENT_ENTRY_INSERT:
		return OBSERVED_ENTRY_INSERT;
	case EVENT_ENTRY_DELETE:
		return OBSERVED_ENTRY_DELETE;
	case EVENT_ENTRY_DIRTY:
		return OBSERVED_ENTRY_DIRTY;
	case EVENT_UNMAP:
		return OBSERVED_UNMAP;
	case EVENT_MKCLEAN:
		return OBSERVED_MKCLEAN;
	case EVENT_FLUSH:
		return OBSERVED_FLUSH;
	case EVENT_WRITEBACK_ONE:
		return OBSERVED_WRITEBACK_ONE;
	case EVENT_TASK:
		return OBSERVED_TASK_NAME;
	case EVENT_SUPERBLOCK:
		return OBSERVED_SUPERBLOCK;
	case EVENT_MODE:
	case EVENT_OLD_MODE:
		return OBSERVED_MODE;
	case EVENT_MAP:
		return OBSERVED_MAP;
	case EVENT_MAPPED:
		return OBSERVED_MAPPED;
	case EVENT_IOMAP:
		return OBSERVED_IOMAP;
	case EVENT_ENTRY_LOCK:
		return OBSERVED_ENTRY_LOCK;
	case EVENT_ENTRY_WAIT:
		return OBSERVED_ENTRY_WAIT;
	case EVENT_HANDLE_START:
		return OBSERVED_HANDLE;
	case EVENT_SB_ENTER:
		switch (((const struct event_sb *)record)->operation) {
		case SB_FREEZE:
		case SB_THAW:
			return OBSERVED_FREEZE;
		case SB_UMOUNT:
			return OBSERVED_SUPERBLOCK;
		default:
			return OBSERVED_SB_SYNC;
		}
	case EVENT_USER_STACK:
		return OBSERVED_USER_STACK;
	case EVENT_LOCK_LEAK:
		return OBSERVED_LOCK_TASK;
	case EVENT_LOCK_SET:
		return OBSERVED_LOCK_SET;
	default:
		return -1;
	}
}
