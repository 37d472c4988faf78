// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks: what each task holds, and which order that makes.
 *
 * These programs run at every lock and unlock of the machine, so nearly always
 * they do the same few things: find the task, see that it takes a known lock
 * under known locks (lock_task.chain, as lockdep's chain key), and note it.  All
 * else is in functions that are not inlined: bpf/lock_class.bpf.h says what
 * class a lock is of, bpf/lock_edge.bpf.h how an edge becomes known.  Below are the
 * programs, one for each function that takes or releases a lock.
 *
 * Waiting counts from its beginning (fentry), so that an order is told even when
 * it has just deadlocked; what may fail counts on return.
 */
#include "bpf/daxtrace.bpf.h"
#include "bpf/lock.bpf.h"
#include "bpf/lock_state.bpf.h"
#include "bpf/lock_edge.bpf.h"
#include "bpf/lock_hold.bpf.h"

/* --- rw_semaphore --------------------------------------------------------- */

#define RWSEM_WAIT(function, how)						\
SEC("fentry/" #function)							\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem)			\
{										\
	LOCK_ACQUIRE(sem, LOCK_RWSEM, how);					\
	return 0;								\
}

/* Of those that can fail, only the ones that did not count, when that is known. */
#define RWSEM_TRY(function, got, how)						\
SEC("fexit/" #function)								\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem, int result)	\
{										\
	if (got)								\
		LOCK_ACQUIRE(sem, LOCK_RWSEM, how);				\
	return 0;								\
}

/* Where lockdep is built in, its own variants; theirs is a second argument. */
#define RWSEM_WAIT_NESTED(function, how)					\
SEC("fentry/" #function)							\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem, unsigned long subclass) \
{										\
	LOCK_ACQUIRE(sem, LOCK_RWSEM, how);					\
	return 0;								\
}

#define RWSEM_TRY_NESTED(function, got, how)					\
SEC("fexit/" #function)								\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem, unsigned long subclass, \
	     int result)							\
{										\
	if (got)								\
		LOCK_ACQUIRE(sem, LOCK_RWSEM, how);				\
	return 0;								\
}

RWSEM_WAIT(down_read, LOCK_MODE_READ)
RWSEM_WAIT(down_write, LOCK_MODE_WRITE)
RWSEM_TRY(down_read_interruptible, !result, LOCK_MODE_READ | LOCK_GOT)
RWSEM_TRY(down_read_killable, !result, LOCK_MODE_READ | LOCK_GOT)
RWSEM_TRY(down_write_killable, !result, LOCK_MODE_WRITE | LOCK_GOT)
RWSEM_TRY(down_read_trylock, result, LOCK_MODE_READ | LOCK_TRY)
RWSEM_TRY(down_write_trylock, result, LOCK_MODE_WRITE | LOCK_TRY)
RWSEM_WAIT_NESTED(down_read_nested, LOCK_MODE_READ)
RWSEM_WAIT_NESTED(down_write_nested, LOCK_MODE_WRITE)
RWSEM_WAIT_NESTED(_down_write_nest_lock, LOCK_MODE_WRITE)
RWSEM_TRY_NESTED(down_read_killable_nested, !result, LOCK_MODE_READ | LOCK_GOT)
RWSEM_TRY_NESTED(down_write_killable_nested, !result, LOCK_MODE_WRITE | LOCK_GOT)

SEC("fentry/up_read")
int BPF_PROG(lock_rwsem__up_read, struct rw_semaphore *sem)
{
	lock__release((__u64)sem, LOCK_RWSEM);
	return 0;
}

SEC("fentry/up_write")
int BPF_PROG(lock_rwsem__up_write, struct rw_semaphore *sem)
{
	lock__release((__u64)sem, LOCK_RWSEM);
	return 0;
}

/* From then on it is held as by down_read(), at the same place in the order. */
static __noinline int lock__downgrade(struct lock_task *task, __u64 address)
{
	struct lock_held *held;
	__u64 chain = 0;
	bool found = false;
	__u32 i;

	if (!task)
		return 0;
	for (i = 0; i < LOCK_HELD_MAX; i++) {
		if (i >= task->depth)
			break;
		held = &task->held[i];
		if (held->address == address) {
			held->mode = LOCK_MODE_READ;
			chain = held->chain;
			found = true;
		}
		if (!found)
			continue;
		held->chain = chain;
		chain = lock__chain(chain, held->class, held->mode, held->trylock);
	}
	if (found)
		task->chain = chain;
	return 0;
}

SEC("fentry/downgrade_write")
int BPF_PROG(lock_rwsem__downgrade_write, struct rw_semaphore *sem)
{
	lock__downgrade(lock__task(false), (__u64)sem);
	return 0;
}

/* --- mutex ---------------------------------------------------------------- */

#define MUTEX_WAIT(function)							\
SEC("fentry/" #function)							\
int BPF_PROG(lock_mutex__##function, struct mutex *lock)			\
{										\
	LOCK_ACQUIRE(lock, LOCK_MUTEX, LOCK_MODE_WRITE);			\
	return 0;								\
}

#define MUTEX_TRY(function, got, how)						\
SEC("fexit/" #function)								\
int BPF_PROG(lock_mutex__##function, struct mutex *lock, int result)		\
{										\
	if (got)								\
		LOCK_ACQUIRE(lock, LOCK_MUTEX, LOCK_MODE_WRITE | how);		\
	return 0;								\
}

#define MUTEX_TRY_NESTED(function)						\
SEC("fexit/" #function)								\
int BPF_PROG(lock_mutex__##function, struct mutex *lock, unsigned long subclass, int result) \
{										\
	if (!result)								\
		LOCK_ACQUIRE(lock, LOCK_MUTEX, LOCK_MODE_WRITE | LOCK_GOT);	\
	return 0;								\
}

MUTEX_WAIT(mutex_lock)
MUTEX_WAIT(mutex_lock_io)
MUTEX_WAIT(mutex_lock_nested)
MUTEX_WAIT(mutex_lock_io_nested)
MUTEX_WAIT(_mutex_lock_nest_lock)
MUTEX_TRY(mutex_lock_interruptible, !result, LOCK_GOT)
MUTEX_TRY(mutex_lock_killable, !result, LOCK_GOT)
MUTEX_TRY_NESTED(mutex_lock_interruptible_nested)
MUTEX_TRY_NESTED(mutex_lock_killable_nested)
MUTEX_TRY(mutex_trylock, result, LOCK_TRY)

SEC("fentry/mutex_unlock")
int BPF_PROG(lock_mutex__mutex_unlock, struct mutex *lock)
{
	lock__release((__u64)lock, LOCK_MUTEX);
	return 0;
}

/* --- percpu_rw_semaphore --------------------------------------------------- */

/* Readers are inlined everywhere and cannot be seen; writers are freezes. */
SEC("fentry/percpu_down_write")
int BPF_PROG(lock_percpu__down_write, struct percpu_rw_semaphore *sem)
{
	LOCK_ACQUIRE(sem, LOCK_PERCPU_RWSEM, LOCK_MODE_WRITE);
	return 0;
}

SEC("fentry/percpu_up_write")
int BPF_PROG(lock_percpu__up_write, struct percpu_rw_semaphore *sem)
{
	lock__release((__u64)sem, LOCK_PERCPU_RWSEM);
	return 0;
}

/*
 * A frozen filesystem keeps its levels locked when the task goes back to user
 * mode, and any task may thaw it: as lockdep_sb_freeze_release(), they are the
 * task's no longer.
 */
SEC("fexit/freeze_super")
int BPF_PROG(lock_percpu__freeze_super)
{
	struct lock_task *task = lock__task(false);
	__u32 i, at;

	if (!task)
		return 0;
	/* They are the newest: s_umount, taken before them, has been let go. */
	for (i = 0; i < FREEZE_LEVELS; i++) {
		at = task->depth - 1;
		if (at >= LOCK_HELD_MAX || task->held[at].type != LOCK_PERCPU_RWSEM)
			break;
		task->chain = task->held[at].chain;
		task->depth = at;
	}
	return 0;
}

/* --- contention ------------------------------------------------------------- */

/* include/trace/events/lock.h: macros, unchanged from 6.1 to 7.2. */
#define LCB_F_SPIN	(1U << 0)
#define LCB_F_RT	(1U << 3)
#define LCB_F_MUTEX	(1U << 5)

/*
 * A task is about to wait.  Spinlocks come by here too, and are not followed; a mutex
 * spins first, and then comes again without having ended.
 */
SEC("tp_btf/contention_begin")
int BPF_PROG(lock_contention__begin, void *lock, unsigned int flags)
{
	struct lock_task *task;

	if ((flags & LCB_F_RT) || (flags & (LCB_F_SPIN | LCB_F_MUTEX)) == LCB_F_SPIN)
		return 0;
	task = lock__task(true);
	if (!task || task->wait.lock == (__u64)lock)
		return 0;
	task->wait.got = 0;
	task->wait.lock = (__u64)lock;
	task->wait.since = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/contention_end")
int BPF_PROG(lock_contention__end, void *lock, int result)
{
	struct lock_task *task = lock__task(false);
	struct lock_held *held;
	__u64 waited;
	__u32 at;

	/* An interrupt may have waited for a spinlock meanwhile. */
	if (!task || !lock || task->wait.lock != (__u64)lock)
		return 0;
	task->wait.lock = 0;
	if (result)
		return 0;
	waited = bpf_ktime_get_ns() - task->wait.since;
	at = task->depth - 1;
	if (at < LOCK_HELD_MAX) {
		held = &task->held[at];
		if (held->address == (__u64)lock) {
			lock__count_wait(task, held->class, waited);
			return 0;
		}
	}
	task->wait.got = (__u64)lock;
	task->wait.waited = waited;
	return 0;
}

/* --- jbd2 handles ----------------------------------------------------------- */

/*
 * A handle is a reader of the running transaction, and the commit its writer
 * (journal_s.j_trans_commit_map of lockdep).  Nested handles pass neither
 * tracepoint.  The number: not an address, and of one journal.
 */
static __always_inline __u64 handle__key(__u32 dev)
{
	return (__u64)dev << 8 | LOCK_HANDLE;
}

SEC("tp_btf/jbd2_handle_start")
int BPF_PROG(lock_handle__start, __u32 dev)
{
	lock__acquire(ctx, handle__key(dev), handle__key(dev), LOCK_HANDLE, LOCK_MODE_READ);
	return 0;
}

SEC("tp_btf/jbd2_handle_stats")
int BPF_PROG(lock_handle__stop, __u32 dev)
{
	lock__release(handle__key(dev), LOCK_HANDLE);
	return 0;
}

/* The handle lets its transaction go, and waits for the next one. */
SEC("tp_btf/jbd2_handle_restart")
int BPF_PROG(lock_handle__restart, __u32 dev)
{
	lock__release(handle__key(dev), LOCK_HANDLE);
	lock__acquire(ctx, handle__key(dev), handle__key(dev), LOCK_HANDLE, LOCK_MODE_READ);
	return 0;
}

SEC("fentry/jbd2_log_wait_commit")
int BPF_PROG(lock_handle__wait_commit, struct journal_s *journal)
{
	struct lock_task *task = lock__task(false);
	struct block_device *device;
	__u32 dev;

	/* Without a handle there is nothing that the commit could wait for. */
	if (!task || !task->handles)
		return 0;
	device = BPF_CORE_READ(journal, j_fs_dev);
	dev = BPF_CORE_READ(device, bd_dev);
	lock__acquire(ctx, handle__key(dev), handle__key(dev), LOCK_HANDLE,
		      LOCK_MODE_WRITE | LOCK_MOMENT);
	return 0;
}

/* --- DAX -------------------------------------------------------------------- */

/* A class of its own for each filesystem: the pointer's lowest bits are free. */
static __always_inline __u64 inode__lock_key(struct inode *inode, __u32 type)
{
	return (__u64)inode->i_sb->s_type + type - 1;
}

#include "bpf/lock_set.bpf.h"

/*
 * The entry lock is a bit in the mapping's xarray.  A fault takes it in
 * grab_mapping_entry(), just behind the tracepoint with which it begins, and
 * has let it go at the one with which it ends: these two cost a third of the
 * functions themselves.  Its address is here the fault's, on the task's stack, since
 * to make one of the inode's number and the index takes loads, each of some ten
 * instructions (BPF_PROBE_MEM).
 */
#define ENTRY_HOW	(LOCK_MODE_WRITE | LOCK_DAX_ENTRY << 16)

/* Something is not as the last time.  ctx: inode, vmf. */
static __noinline int entry__begin_slow(unsigned long long *ctx, struct lock_task *task)
{
	struct inode *inode = (void *)ctx[0];
	struct lock_told *told;
	struct lock_held *held;
	struct lock_seen *seen;
	__u64 address, key;
	__u32 at;

	if (!task)
		return 0;
	told = &task->told[LOCK_TOLD_FAULT];
	told->epoch = lock_epoch - 1;
	if (inode__wanted(inode))
		lock__tell_set_once(task, told, inode, LOCK_PLACE_FAULT);
	address = lock__number(task, ctx[1]);
	key = lock__number(task, inode__lock_key(inode, LOCK_DAX_ENTRY));
	lock__acquire_slow(ctx, task, address, key, ENTRY_HOW);
	at = task->depth - 1;
	if (at >= LOCK_HELD_MAX || task->held[at].address != address)
		return 0;
	held = &task->held[at];
	/* What it held when that was told may not be what it is believed to hold now. */
	if (held->chain != told->chain)
		return 0;
	told->seen = held->seen;
	seen = &task->seen[held->seen & (LOCK_SEEN_SIZE - 1)];
	told->epoch = seen->epoch;
	told->key = key;
	return 0;
}

static __always_inline void entry__begin(void *ctx, struct inode *inode, struct vm_fault *vmf)
{
	struct lock_task *task = lock__task(true);
	struct lock_told *told;
	struct lock_seen *seen;
	__u32 place;

	if (!task)
		return;
	told = &task->told[LOCK_TOLD_FAULT];
	place = told->seen & (LOCK_SEEN_SIZE - 1);
	seen = &task->seen[place];
	if (!lock__is_told(task, told, inode) || told->key != seen->key ||
	    told->epoch != lock_epoch || task->depth >= LOCK_HELD_MAX)
		entry__begin_slow(ctx, task);
	else
		lock__push(ctx, task, seen, place, (__u64)vmf, ENTRY_HOW);
}

SEC("tp_btf/dax_pte_fault")
int BPF_PROG(lock_entry__pte_begin, struct inode *inode, struct vm_fault *vmf)
{
	entry__begin(ctx, inode, vmf);
	return 0;
}

SEC("tp_btf/dax_pte_fault_done")
int BPF_PROG(lock_entry__pte_end, struct inode *inode, struct vm_fault *vmf)
{
	lock__release((__u64)vmf, LOCK_DAX_ENTRY);
	return 0;
}

SEC("tp_btf/dax_pmd_fault")
int BPF_PROG(lock_entry__pmd_begin, struct inode *inode, struct vm_fault *vmf)
{
	entry__begin(ctx, inode, vmf);
	return 0;
}

SEC("tp_btf/dax_pmd_fault_done")
int BPF_PROG(lock_entry__pmd_end, struct inode *inode, struct vm_fault *vmf)
{
	lock__release((__u64)vmf, LOCK_DAX_ENTRY);
	return 0;
}

#include "bpf/lock_map.bpf.h"

/* What waits for something, and does not hold it after. */
static __always_inline void wait__moment(void *ctx, struct address_space *mapping, __u32 type,
					 __u32 how)
{
	struct inode *inode = mapping->host;

	lock__acquire(ctx, type, inode__lock_key(inode, type), type,
		      LOCK_MODE_WRITE | LOCK_MOMENT | how);
}

SEC("fentry/dax_writeback_mapping_range")
int BPF_PROG(lock_wait__writeback_entries, struct address_space *mapping)
{
	wait__moment(ctx, mapping, LOCK_DAX_ENTRY, 0);
	return 0;
}

SEC("fentry/__dax_invalidate_entry")
int BPF_PROG(lock_wait__invalidate_entry, struct address_space *mapping)
{
	wait__moment(ctx, mapping, LOCK_DAX_ENTRY, 0);
	return 0;
}

/* Asked before each wait for pinned pages; what waits is not the same everywhere. */
SEC("fentry/dax_layout_busy_page_range")
int BPF_PROG(lock_wait__layout, struct address_space *mapping)
{
	wait__moment(ctx, mapping, LOCK_LAYOUT_BREAK, 0);
	return 0;
}

static __always_inline bool task__has_handle(void)
{
	struct lock_task *task = lock__task(false);

	return task && task->handles;
}

SEC("fentry/do_writepages")
int BPF_PROG(lock_wait__writeback, struct address_space *mapping)
{
	if (task__has_handle())
		wait__moment(ctx, mapping, LOCK_WRITEBACK, LOCK_IN_HANDLE);
	return 0;
}

SEC("fentry/invalidate_inode_pages2_range")
int BPF_PROG(lock_wait__invalidate, struct address_space *mapping)
{
	if (task__has_handle())
		wait__moment(ctx, mapping, LOCK_INVALIDATE, LOCK_IN_HANDLE);
	return 0;
}

/* --- tasks ------------------------------------------------------------------- */

/* Nothing can be held any more by this task; what the kernel says is held nevertheless is told. */
static __noinline int lock__tell_leaks(struct lock_task *task, struct task_struct *whose, __u32 ended)
{
	struct event_lock_leak *record;
	struct lock_seen *seen;
	struct lock_held *held;
	__u32 i;

	if (!task || !whose)
		return 0;
	for (i = 0; i < LOCK_HELD_MAX; i++) {
		if (i >= task->depth)
			break;
		held = &task->held[i];
		if (lock__is_held(held, whose, NULL) != LOCK_IS_HELD) {
			lock_lost(&lock_stale);
			continue;
		}
		record = record__reserve(sizeof(*record), EVENT_LOCK_LEAK);
		if (!record)
			break;
		record->header.tid = whose->pid;
		record->header.tgid = whose->tgid;
		record->class = held->class;
		seen = &task->seen[held->seen & (LOCK_SEEN_SIZE - 1)];
		record->stack = seen->class == held->class ? seen->stack : -1;
		record->mode = held->mode;
		record->ended = ended;
		__builtin_memset(record->reserved, 0, sizeof(record->reserved));
		record__submit(record);
	}
	task->depth = 0;
	task->chain = 0;
	task->handles = 0;
	task->overflow = 0;
	return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(lock_task__free, struct task_struct *gone)
{
	struct lock_task *task;

	if (!lock_generation)
		return 0;
	task = lock__find_task(gone->pid, 0);
	if (task && task->depth)
		lock__tell_leaks(task, gone, 1);
	return 0;
}

/*
 * fsync(2) and fdatasync(2) call it, and nobody else does: what is held here was held in
 * user mode.  To ask so at each return to user mode, or at each system call, costs
 * more than all else that is done for locks.
 */
static __always_inline void task__in_user_mode(void)
{
	struct lock_task *task = lock__task(false);

	if (!task || !task->depth)
		return;
	task__announce();
	lock__tell_leaks(task, bpf_get_current_task_btf(), 0);
}

SEC("fentry/do_fsync")
int BPF_PROG(lock_task__sync)
{
	task__in_user_mode();
	return 0;
}

/* Where the compiler has it in its two callers. */
SEC("fentry/__x64_sys_fsync")
int BPF_PROG(lock_task__fsync)
{
	task__in_user_mode();
	return 0;
}

SEC("fentry/__x64_sys_fdatasync")
int BPF_PROG(lock_task__fdatasync)
{
	task__in_user_mode();
	return 0;
}
