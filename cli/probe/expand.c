// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records of the programs in, records of the ABI out.
 *
 * - Inodes are named by their address, once a RECORD_INODE has told which one
 *   that is; it is believed until the inode is evicted.
 * - A fault's entry lock is told from the insertion of its entry, where it has
 *   been locked for long, to the fault's end, where it has just been let go: but
 *   if anything before that shows that it has been, then in front of that.  So the
 *   told time lies within the true one at its beginning, and in the order of
 *   records nobody has an entry locked that somebody else has.
 * - A fault that was not told of begins where it inserts its entry, or else,
 *   where it ends; one that has inserted nothing since the page was there is not told.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* Without memory for its tables it can tell nothing any more. */
static void out_of_memory(void) __attribute__((noreturn));
#define uthash_fatal(message) out_of_memory()
#include <uthash.h>

#include "probe/expand.h"
#include "bpf/buffer.h"	/* after the records */

/* fs/dax.c: the value of an entry */
#define DAX_SHIFT	4
#define DAX_PMD		(1UL << 1)
#define DAX_ZERO_PAGE	(1UL << 2)
#define DAX_EMPTY	(1UL << 3)

/* Top bits of a pfn_t hold flags (PFN_FLAGS_MASK); none in a page frame's number. */
#define PFN_MASK	((1ULL << 52) - 1)

#define VM_FAULT_NOPAGE	0x0100	/* enum vm_fault_reason, unchanged from 6.1 to 7.2 */

/* Tasks that are remembered at least, that each fault need not begin with malloc(). */
#define SWEEP_LEAST	4096

/* An address, and which inode it is. */
struct name {
	__u64 address;
	struct inode_id inode;
	UT_hash_handle hh;
};

/* An entry that a fault has locked. */
struct lock_key {
	struct inode_id inode;
	__u64 index;
};

struct fault {
	__u32 tid;
	bool begun;			/* its EVENT_ENTER has been handed out */
	bool inserted;			/* its entry has been told of; no fault inserts two */
	bool locked;			/* its lock is in expander.locks */
	struct lock_key key;
	struct event_entry lock;	/* EVENT_ENTRY_LOCK as it was handed out */
	UT_hash_handle hh;		/* by tid */
	UT_hash_handle locks;		/* by key */
};

struct expander {
	struct expand_options options;
	buffer_visit visit;
	void *context;
	struct name *names;
	struct name *last;		/* the one that was used last, or NULL */
	struct fault *faults;
	struct fault *locks;
	unsigned int sweep_at;		/* of this many faults, those that have ended are freed */
	__u32 carried;			/* lost before a record that is yet to be handed out */
	__u64 dropped;			/* by the programs, as the records so far say */
	__u64 ends;			/* of faults that are missing, see miss_end() */
	__u64 lost;			/* records of which it is not known what they are about */
};

static void out_of_memory(void)
{
	log_error("out of memory: the records cannot be read any more; the result is unknown");
	exit(STATUS_INCONCLUSIVE);
}

/* As calloc() of one, but never NULL. */
static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		out_of_memory();
	return memory;
}

struct expander *expander__new(const struct expand_options *options)
{
	struct expander *expander = calloc(1, sizeof(*expander));

	if (!expander)
		return NULL;
	expander->options = *options;
	expander->sweep_at = SWEEP_LEAST;
	return expander;
}

void expander__set_visit(struct expander *expander, buffer_visit visit, void *context)
{
	expander->visit = visit;
	expander->context = context;
}

/* What was lost is told by the first record that follows. */
static int hand_out(struct expander *expander, struct event_header *record)
{
	record->lost = expander->carried;
	expander->carried = 0;
	return expander->visit(expander->context, record);
}

/* --- inodes by their address ------------------------------------------------ */

static struct name *find_name(struct expander *expander, __u64 address)
{
	struct name *name = expander->last;

	if (name && name->address == address)
		return name;
	HASH_FIND(hh, expander->names, &address, sizeof(address), name);
	if (name)
		expander->last = name;
	return name;
}

static void take_name(struct expander *expander, const struct record_inode *record)
{
	struct name *name = find_name(expander, record->address);

	if (!name) {
		name = allocate(sizeof(*name));
		name->address = record->address;
		HASH_ADD(hh, expander->names, address, sizeof(name->address), name);
	}
	name->inode = record->inode;
}

/* False: an address of which nothing was told. */
static bool resolve(struct expander *expander, struct inode_id *inode, bool last_time)
{
	struct name *name;

	if (inode->dev)
		return true;
	name = find_name(expander, inode->ino);
	if (!name)
		return false;
	*inode = name->inode;
	if (last_time) {
		expander->last = NULL;
		HASH_DEL(expander->names, name);
		free(name);
	}
	return true;
}

/* The inode that a record is about, or NULL. */
static struct inode_id *inode_of(struct event_header *record)
{
	switch (record->type) {
	case EVENT_ENTER:
	case EVENT_OLD_MODE:
	case EVENT_EXIT:
	case EVENT_ENTRY_INSERT:
	case EVENT_ENTRY_DELETE:
	case EVENT_ENTRY_DIRTY:
	case EVENT_UNMAP:
	case EVENT_MKCLEAN:
	case EVENT_WRITEBACK_ONE:
	case EVENT_MODE:
	case EVENT_MAP:
	case EVENT_MAP_END:
	case EVENT_IOMAP:
	case EVENT_ENTRY_WAIT:
	case EVENT_ENTRY_WAKE:
		return (struct inode_id *)(record + 1);
	default:
		return NULL;
	}
}

/* --- faults ----------------------------------------------------------------- */

static struct fault *find_fault(struct expander *expander, __u32 tid)
{
	struct fault *fault;

	HASH_FIND(hh, expander->faults, &tid, sizeof(tid), fault);
	return fault;
}

/*
 * Tasks end, and no record tells: those that are in no fault now are let go of, once there
 * are twice as many as were kept before.
 */
static void sweep_faults(struct expander *expander)
{
	struct fault *fault, *next;

	HASH_ITER(hh, expander->faults, fault, next) {
		if (fault->begun || fault->locked)
			continue;
		HASH_DELETE(hh, expander->faults, fault);
		free(fault);
	}
	expander->sweep_at = 2 * HASH_COUNT(expander->faults) + SWEEP_LEAST;
}

static struct fault *get_fault(struct expander *expander, __u32 tid)
{
	struct fault *fault = find_fault(expander, tid);

	if (!fault) {
		if (HASH_COUNT(expander->faults) >= expander->sweep_at)
			sweep_faults(expander);
		fault = allocate(sizeof(*fault));
		fault->tid = tid;
		HASH_ADD(hh, expander->faults, tid, sizeof(fault->tid), fault);
	}
	return fault;
}

/* Records were lost: who holds what is not known any more. */
static void forget_faults(struct expander *expander)
{
	struct fault *fault, *next;

	HASH_CLEAR(locks, expander->locks);
	HASH_ITER(hh, expander->faults, fault, next) {
		HASH_DELETE(hh, expander->faults, fault);
		free(fault);
	}
}

/*
 * The fault's end is missing although no record was lost: the program did not run
 * (probe.c: missed_runs(), which counts it in the end).  Here is its place.
 */
static void miss_end(struct expander *expander)
{
	forget_faults(expander);
	expander->carried++;
	expander->ends++;
}

/* The lock is free by now: told at the time of record, as from who held it. */
static int unlock(struct expander *expander, struct fault *fault, const struct event_header *record)
{
	struct event_entry unlocked = fault->lock;

	HASH_DELETE(locks, expander->locks, fault);
	fault->locked = false;
	unlocked.header.type = EVENT_ENTRY_UNLOCK;
	unlocked.header.time = record->time;
	unlocked.header.sequence = record->sequence;
	return hand_out(expander, &unlocked.header);
}

/* Whoever is known to hold this entry's lock holds it no more. */
static int unlock_entry(struct expander *expander, const struct inode_id *inode, __u64 index,
			const struct event_header *record)
{
	struct lock_key key = { .inode = *inode, .index = index };
	struct fault *fault;

	if (!expander->locks)
		return 0;
	HASH_FIND(locks, expander->locks, &key, sizeof(key), fault);
	return fault ? unlock(expander, fault, record) : 0;
}

static unsigned int order_of(const struct expander *expander, __u64 flags)
{
	return flags & DAX_PMD ? 21 - expander->options.page_shift : 0;
}

static __u64 align(__u64 index, unsigned int order)
{
	return index & ~((1ULL << order) - 1);
}

/* As the header of a record that is told of by another one. */
static struct event_header header_of(const struct event_header *header, __u16 type, __u16 size)
{
	struct event_header copy = *header;

	copy.type = type;
	copy.size = size;
	return copy;
}

static int lock(struct expander *expander, struct fault *fault, const struct record_insert *record)
{
	struct event_entry *lock = &fault->lock;
	__u64 value = record->locked >> 1;	/* xa_to_value() */
	int err = 0;

	if (fault->locked)
		err = unlock(expander, fault, &record->header);
	memset(lock, 0, sizeof(*lock));
	lock->header = header_of(&record->header, EVENT_ENTRY_LOCK, sizeof(*lock));
	lock->inode = record->inode;
	lock->order = order_of(expander, value);
	lock->index = align(record->index, lock->order);
	lock->pfn = value >> DAX_SHIFT;
	lock->flags = (value & DAX_ZERO_PAGE ? ENTRY_ZERO : 0) | (value & DAX_EMPTY ? ENTRY_EMPTY : 0);
	if (err >= 0)
		err = unlock_entry(expander, &lock->inode, lock->index, &record->header);
	if (err < 0)
		return err;
	memset(&fault->key, 0, sizeof(fault->key));
	fault->key.inode = lock->inode;
	fault->key.index = lock->index;
	HASH_ADD(locks, expander->locks, key, sizeof(fault->key), fault);
	fault->locked = true;
	return hand_out(expander, &lock->header);
}

/* A fault begins that no record of its own has told of. */
static int begin_fault(struct expander *expander, const struct event_header *record,
		       const struct inode_id *inode, __u64 index, __u64 flags, __u64 address)
{
	struct event_enter enter = {
		.header = header_of(record, EVENT_ENTER, sizeof(enter)),
		.inode = *inode,
		.first = index,
		.last = index,
		.argument = { flags, address },
		.operation = OPERATION_FAULT,
		.stack = -1,
	};

	return hand_out(expander, &enter.header);
}

/* The filesystem's answer, if no record of its own has told it. */
static int tell_answer(struct expander *expander, const struct record_insert *record)
{
	struct event_iomap answer = {
		.header = header_of(&record->header, EVENT_IOMAP, sizeof(answer)),
		.inode = record->inode,
		.position = record->index << expander->options.page_shift,
		.wanted = 1ULL << expander->options.page_shift,
		.offset = record->offset,
		.length = record->length_or_address,
		.address = record->address,
		.type = record->type,
		.flags = record->iomap_flags,
		.purpose = record->purpose,
	};

	if (!IOMAP_IS_SETTLED(answer.type, answer.flags, answer.offset, answer.length) ||
	    (record->flags & DAX_PMD))
		return 0;
	return hand_out(expander, &answer.header);
}

static int tell_mapped(struct expander *expander, const struct event_entry *entry, __u32 flags,
		       __u64 vma)
{
	struct event_mapped mapped = {
		.header = header_of(&entry->header, EVENT_MAPPED, sizeof(mapped)),
		.inode = entry->inode,
		.index = align(entry->index, entry->order),
		.pfn = entry->pfn,
		.order = entry->order,
		.flags = flags,
		.vma = vma,
	};

	return hand_out(expander, &mapped.header);
}

/* What comes before the insertion itself. */
static int before_insert(struct expander *expander, const struct record_insert *record)
{
	struct fault *fault = get_fault(expander, record->header.tid);
	int err = 0;

	if (fault->inserted) {
		miss_end(expander);
		fault = get_fault(expander, record->header.tid);
	}
	fault->inserted = true;
	if (expander->options.faults && !fault->begun)
		err = begin_fault(expander, &record->header, &record->inode, record->index,
				  record->purpose & IOMAP_PURPOSE_WRITE ? FAULT_WRITE : 0,
				  record->length_or_address);
	fault->begun = true;
	if (err >= 0 && expander->options.answers)
		err = tell_answer(expander, record);
	if (err >= 0 && expander->options.entry_locks)
		err = lock(expander, fault, record);
	return err;
}

static int take_insert(struct expander *expander, const struct record_insert *record)
{
	struct event_entry entry = {
		.header = header_of(&record->header, EVENT_ENTRY_INSERT, sizeof(entry)),
		.inode = record->inode,
		.index = record->index,
		.pfn = record->pfn & PFN_MASK,
		.order = order_of(expander, record->flags),
		.flags = record->flags & DAX_ZERO_PAGE ? ENTRY_ZERO : 0,
	};
	int err = before_insert(expander, record);

	if (record->purpose & IOMAP_PURPOSE_WRITE)
		entry.flags |= ENTRY_WRITE | (record->synchronous ? ENTRY_SYNC : ENTRY_DIRTY);
	if (err >= 0)
		err = hand_out(expander, &entry.header);
	/* Of MAP_SYNC it is mapped later: take_dirty(). */
	if (err < 0 || !expander->options.mapped || (entry.flags & ENTRY_SYNC))
		return err;
	/* Of a huge zero page; of a small one the entry tells. */
	if (entry.flags & ENTRY_ZERO)
		return tell_mapped(expander, &entry, entry.order ? ENTRY_ZERO : 0, record->vma);
	return tell_mapped(expander, &entry, entry.flags & ENTRY_WRITE, record->vma);
}

/* By now it is mapped, and perhaps no more: so it is not said through which VMA. */
static int take_dirty(struct expander *expander, struct event_entry *record)
{
	int err = expander->options.mapped ? tell_mapped(expander, record, ENTRY_WRITE, 0) : 0;

	return err < 0 ? err : hand_out(expander, &record->header);
}

static int end_fault(struct expander *expander, struct record_fault_exit *record)
{
	struct event_header *header = &record->exit.header;
	struct fault *fault = get_fault(expander, header->tid);
	int err = 0;

	/* It began when the file was not in DAX mode: no fault of DAX was told. */
	if (record->left && !fault->begun)
		return 0;
	/* It has done nothing: the page was mapped by somebody else meanwhile. */
	if (expander->options.faults && !fault->begun && (record->exit.result & VM_FAULT_NOPAGE))
		return 0;
	if (fault->locked)
		err = unlock(expander, fault, header);
	if (err >= 0 && expander->options.faults && !fault->begun)
		err = begin_fault(expander, header, &record->exit.inode, record->index,
				  record->flags, record->address);
	fault->begun = false;
	fault->inserted = false;
	header->size = sizeof(record->exit);
	return err < 0 ? err : hand_out(expander, header);
}

static int take_wake(struct expander *expander, struct event_entry_wait *record)
{
	struct fault *fault = find_fault(expander, record->header.tid);
	int err = 0;

	/* Who wakes another has let the lock go: dax_unlock_entry(), dax_wake_entry(). */
	if (fault && fault->locked)
		err = unlock(expander, fault, &record->header);
	return err < 0 ? err : hand_out(expander, &record->header);
}

/* What is done to an entry with its lock held, by others than faults. */
static int take_other(struct expander *expander, struct event_header *record,
		      const struct inode_id *inode, __u64 index)
{
	int err = unlock_entry(expander, inode, index, record);

	return err < 0 ? err : hand_out(expander, record);
}

static int take_exit(struct expander *expander, struct event_exit *record)
{
	if (record->operation == OPERATION_FAULT)
		return end_fault(expander, (struct record_fault_exit *)record);
	return hand_out(expander, &record->header);
}

static int take_enter(struct expander *expander, struct event_enter *record)
{
	struct fault *fault;

	if (record->operation == OPERATION_FAULT) {
		fault = get_fault(expander, record->header.tid);
		if (fault->begun) {
			miss_end(expander);
			fault = get_fault(expander, record->header.tid);
		}
		fault->begun = true;
	}
	return hand_out(expander, &record->header);
}

int expander__visit(void *context, const struct event_header *given)
{
	struct event_header *record = (struct event_header *)given;	/* in the buffer, which is ours */
	struct inode_id *inode = inode_of(record);
	struct expander *expander = context;
	const struct event_range *range;

	if (record->lost) {
		forget_faults(expander);
		expander->carried += record->lost;
		expander->dropped += record->lost;
	}
	if (record->type == RECORD_INODE) {
		take_name(expander, (const struct record_inode *)record);
		return 0;
	}
	if (record->type == RECORD_NOTHING)
		return 0;
	if (inode && !resolve(expander, inode, record->type == EVENT_EXIT &&
			      ((struct event_exit *)record)->operation == OPERATION_EVICT)) {
		expander->carried++;
		expander->lost++;
		return 0;
	}
	switch (record->type) {
	case EVENT_ENTER:
		return take_enter(expander, (struct event_enter *)record);
	case EVENT_EXIT:
		return take_exit(expander, (struct event_exit *)record);
	case EVENT_ENTRY_INSERT:
		return take_insert(expander, (const struct record_insert *)record);
	case EVENT_ENTRY_DIRTY:
		return take_dirty(expander, (struct event_entry *)record);
	case EVENT_ENTRY_WAKE:
		return take_wake(expander, (struct event_entry_wait *)record);
	case EVENT_ENTRY_DELETE:
		return take_other(expander, record, inode, ((const struct event_entry *)record)->index);
	case EVENT_WRITEBACK_ONE:
	case EVENT_MKCLEAN:
		range = (const struct event_range *)record;
		return take_other(expander, record, inode, range->first);
	default:
		return hand_out(expander, record);
	}
}

__u64 expander__lost(const struct expander *expander)
{
	return expander->lost;
}

__u64 expander__dropped(const struct expander *expander)
{
	return expander->dropped;
}

__u64 expander__missed_ends(const struct expander *expander)
{
	return expander->ends;
}

__u64 expander__carried(const struct expander *expander)
{
	return expander->carried;
}

void expander__free(struct expander *expander)
{
	struct name *name, *next;

	if (!expander)
		return;
	forget_faults(expander);
	HASH_ITER(hh, expander->names, name, next) {
		HASH_DEL(expander->names, name);
		free(name);
	}
	free(expander);
}
