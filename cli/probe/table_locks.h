/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The probe table's rows about locks; included by table.c inside the table.
 *
 * A kernel that has lockdep has further variants of the functions, and some of
 * the usual ones are macros there.
 */
	[OBSERVED_LOCK_RWSEM] = {
		.name = "lock-rwsem",
		.what = "an rw_semaphore is taken or let go",
		.without = "DX13, DX14 and DX18 are unknown",
		.ways = {
			{ {
				{ PROBE_FENTRY, "lock_rwsem__down_read", "down_read", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write", "down_write", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_interruptible", "down_read_interruptible", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_killable", "down_read_killable", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write_killable", "down_write_killable", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_trylock", "down_read_trylock", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write_trylock", "down_write_trylock", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__up_read", "up_read", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__up_write", "up_write", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__downgrade_write", "downgrade_write", "rw_semaphore=" },
			}, .absent = "down_write_nested" },
			{ {
				{ PROBE_FENTRY, "lock_rwsem__down_read", "down_read", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write", "down_write", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_interruptible", "down_read_interruptible", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_killable", "down_read_killable", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write_killable", "down_write_killable", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_trylock", "down_read_trylock", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write_trylock", "down_write_trylock", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__up_read", "up_read", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__up_write", "up_write", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__downgrade_write", "downgrade_write", "rw_semaphore=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_nested", "down_read_nested", "rw_semaphore,-=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write_nested", "down_write_nested", "rw_semaphore,-=" },
				{ PROBE_FENTRY, "lock_rwsem___down_write_nest_lock", "_down_write_nest_lock", "rw_semaphore,-=" },
				{ PROBE_FENTRY, "lock_rwsem__down_read_killable_nested", "down_read_killable_nested", "rw_semaphore,-=" },
				{ PROBE_FENTRY, "lock_rwsem__down_write_killable_nested", "down_write_killable_nested", "rw_semaphore,-=" },
			} },
		},
	},
	[OBSERVED_LOCK_MUTEX] = {
		.name = "lock-mutex",
		.what = "a mutex is taken or let go",
		.without = "DX13, DX14 and DX18 are unknown",
		.ways = {
			{ {
				{ PROBE_FENTRY, "lock_mutex__mutex_lock", "mutex_lock", "mutex=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_lock_io", "mutex_lock_io", "mutex=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_lock_interruptible", "mutex_lock_interruptible", "mutex=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_lock_killable", "mutex_lock_killable", "mutex=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_trylock", "mutex_trylock", "mutex=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_unlock", "mutex_unlock", "mutex=" },
			}, .absent = "mutex_lock_nested" },
			{ {
				{ PROBE_FENTRY, "lock_mutex__mutex_lock_nested", "mutex_lock_nested", "mutex,-=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_lock_io_nested", "mutex_lock_io_nested", "mutex,-=" },
				{ PROBE_FENTRY, "lock_mutex___mutex_lock_nest_lock", "_mutex_lock_nest_lock", "mutex,-=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_lock_interruptible_nested", "mutex_lock_interruptible_nested", "mutex,-=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_lock_killable_nested", "mutex_lock_killable_nested", "mutex,-=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_trylock", "mutex_trylock", "mutex=" },
				{ PROBE_FENTRY, "lock_mutex__mutex_unlock", "mutex_unlock", "mutex=" },
			} },
		},
	},
	[OBSERVED_LOCK_PERCPU] = {
		.name = "lock-percpu",
		.what = "a percpu_rw_semaphore is taken for writing: a freeze; readers are inlined",
		.without = "the order of freeze levels is unknown",
		.ways = { { {
			{ PROBE_FENTRY, "lock_percpu__down_write", "percpu_down_write", "percpu_rw_semaphore=" },
			{ PROBE_FENTRY, "lock_percpu__up_write", "percpu_up_write", "percpu_rw_semaphore=" },
			{ PROBE_FENTRY, "lock_percpu__freeze_super", "freeze_super", "super_block" },
		} } },
	},
	[OBSERVED_LOCK_HANDLE] = {
		.name = "lock-handle",
		.what = "a task has a jbd2 handle; nested handles count once",
		.without = "orders with the journal are unknown, and so is DX19; filesystems without jbd2 "
			   "lose nothing",
		.module = "jbd2",
		.ways = { { {
			{ PROBE_TP_BTF, "lock_handle__start", "jbd2_handle_start", "-,-,-,-,-=" },
			{ PROBE_TP_BTF, "lock_handle__stop", "jbd2_handle_stats", "-" },
			{ PROBE_TP_BTF, "lock_handle__restart", "jbd2_handle_restart", "-" },
			{ PROBE_FENTRY, "lock_handle__wait_commit", "jbd2_log_wait_commit", "journal_s,-=" },
		} } },
	},
	[OBSERVED_LOCK_ENTRY] = {
		.name = "lock-entry",
		.what = "a fault has a DAX entry locked, or entries are waited for",
		.without = "orders with the DAX entry lock are unknown",
		.ways = { { {
			{ PROBE_TP_BTF, "lock_entry__pte_begin", "dax_pte_fault", "inode,vm_fault,-=" },
			{ PROBE_TP_BTF, "lock_entry__pte_end", "dax_pte_fault_done", "inode,vm_fault,-=" },
			{ PROBE_TP_BTF, "lock_entry__pmd_begin", "dax_pmd_fault", "inode,vm_fault,-,-=" },
			{ PROBE_TP_BTF, "lock_entry__pmd_end", "dax_pmd_fault_done", "inode,vm_fault,-,-=" },
			{ PROBE_FENTRY, "lock_wait__writeback_entries", "dax_writeback_mapping_range", "address_space" },
			{ PROBE_FENTRY, "lock_wait__invalidate_entry", "__dax_invalidate_entry", "address_space" },
		} } },
	},
	[OBSERVED_LOCK_WAIT] = {
		.name = "lock-wait",
		.what = "a wait for pinned pages, or writeback or invalidation inside of a handle",
		.without = "DX19 is unknown",
		.ways = { { {
			{ PROBE_FENTRY, "lock_wait__layout", "dax_layout_busy_page_range", "address_space" },
			{ PROBE_FENTRY, "lock_wait__writeback", "do_writepages", "address_space" },
			{ PROBE_FENTRY, "lock_wait__invalidate", "invalidate_inode_pages2_range", "address_space" },
		} } },
	},
	[OBSERVED_LOCK_REUSE] = {
		.name = "lock-reuse",
		.what = "memory changes its type, so that a lock's class must be looked up again",
		.without = "a lock's class is looked up each time, which costs more",
		.ways = { { {
			{ PROBE_FENTRY, "lock_reuse__slab", "__free_slab", "kmem_cache" },
			{ PROBE_FENTRY, "lock_reuse__cache", "kmem_cache_destroy", "kmem_cache=" },
			{ PROBE_TP_BTF, "lock_reuse__module", "module_free", "module=" },
		} } },
	},
	[OBSERVED_LOCK_TASK] = {
		.name = "lock-task",
		.what = "a task has ended, or begins an fsync(2), with locks held or without",
		.without = "DX18 is unknown",
		.ways = {
			{ {
				{ PROBE_TP_BTF, "lock_task__free", "sched_process_free", "task_struct=" },
				{ PROBE_FENTRY, "lock_task__sync", "do_fsync", "-,-" },
			} },
			{ {
				{ PROBE_TP_BTF, "lock_task__free", "sched_process_free", "task_struct=" },
				{ PROBE_FENTRY, "lock_task__fsync", "__x64_sys_fsync", "-" },
				{ PROBE_FENTRY, "lock_task__fdatasync", "__x64_sys_fdatasync", "-" },
			} },
			{ {
				{ PROBE_TP_BTF, "lock_task__free", "sched_process_free", "task_struct=" },
			} },
		},
	},
	[OBSERVED_LOCK_SET] = {
		.name = "lock-set",
		.what = "which locks a task holds where another must be kept out",
		.without = "nothing is predicted from what tasks held but orders of locks (DX13)",
		/* Of faults lock-entry tells; of reads and writes only DX09, which needs all events. */
		.ways = {
			{ {
				{ PROBE_FENTRY, "lock_set__truncate", "truncate_inode_pages_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__invalidate", "invalidate_inode_pages2_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__flush", "dax_writeback_mapping_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__writepages", "do_writepages", "address_space" },
				{ PROBE_FENTRY, "lock_set__flip", "inode_set_flags", "inode,-,-=" },
				{ PROBE_FENTRY, "lock_set__map_begin", "mmap_region", "file" },
				{ PROBE_FENTRY, "lock_set__map_end", "mmap_region", "file" },
			}, .set = PROBE_DEFAULT_ONLY },
			{ {
				{ PROBE_FENTRY, "lock_set__truncate", "truncate_inode_pages_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__invalidate", "invalidate_inode_pages2_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__flush", "dax_writeback_mapping_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__writepages", "do_writepages", "address_space" },
			}, .set = PROBE_DEFAULT_ONLY },
			{ {
				{ PROBE_FENTRY, "lock_set__truncate", "truncate_inode_pages_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__invalidate", "invalidate_inode_pages2_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__rw", "dax_iomap_rw", "kiocb" },
				{ PROBE_FENTRY, "lock_set__flush", "dax_writeback_mapping_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__writepages", "do_writepages", "address_space" },
				{ PROBE_FENTRY, "lock_set__flip", "inode_set_flags", "inode,-,-=" },
				{ PROBE_FENTRY, "lock_set__map_begin", "mmap_region", "file" },
				{ PROBE_FENTRY, "lock_set__map_end", "mmap_region", "file" },
			} },
			{ {
				{ PROBE_FENTRY, "lock_set__truncate", "truncate_inode_pages_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__invalidate", "invalidate_inode_pages2_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__rw", "dax_iomap_rw", "kiocb" },
				{ PROBE_FENTRY, "lock_set__flush", "dax_writeback_mapping_range", "address_space" },
				{ PROBE_FENTRY, "lock_set__writepages", "do_writepages", "address_space" },
			} },
		},
	},
	[OBSERVED_LOCK_CONTENTION] = {
		.name = "lock-contention",
		.what = "a task waits for a lock that another has",
		.without = "how often and how long locks are waited for is unknown",
		.ways = { { {
			{ PROBE_TP_BTF, "lock_contention__begin", "contention_begin", "-,-=" },
			{ PROBE_TP_BTF, "lock_contention__end", "contention_end", "-,-=" },
		} } },
	},
