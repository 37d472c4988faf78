/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The buffers through which records leave the kernel: what bpf/ and cli/probe/
 * share beside the records themselves.  Not an ABI: both sides are one binary.
 *
 * There is one shard for each CPU (for several, if there are more CPUs than
 * shards), in an array that user space maps.  The kernel's own ring buffer was
 * tried first: it costs twice as much a record, all CPUs take one spinlock for
 * it, and the reader's wake-up has to be avoided anew for each record.
 *
 * Positions count bytes since tracing began.  A program takes the room of a
 * record by moving head on (compare-and-swap: another task may preempt it and
 * do the same on this CPU), writes the record, reads the clock, and writes the
 * time, which is 0 until then, last.  The reader hands records out, zeroes what
 * it has read, and moves tail on.
 *
 * header.lost is, in the buffers, how many were lost so far in all; the reader
 * makes of it what the ABI says: those before this record of which no record in
 * front of it has told.
 *
 * Since the clock is read once the room is taken, every record whose time is
 * before the moment at which the reader looked at all the heads is in front of
 * them: so the reader merges the shards into the order of time, and need not
 * guess how late a record can be.
 */
#ifndef DAXTRACE_BUFFER_H
#define DAXTRACE_BUFFER_H

/* Bytes in front of a shard's data, for struct shard. */
#define SHARD_CONTROL		4096
/* A record that begins before the end of the data goes on behind it. */
#define SHARD_SLACK		4096
/* A shard's data at most: the verifier of 6.1 refuses programs that reach 64 MiB. */
#define SHARD_DATA_MAX		(32UL << 20)
/* Shards at most; a power of two. */
#define SHARD_COUNT_MAX		1024

struct shard {
	/* Written by programs on the CPU. */
	__u64 head;		/* position behind the last record that has room */
	__u64 lost;		/* records without room since tracing began */
	__u64 dropped[64];	/* the same by type */
	/*
	 * What an operation on this CPU found out: announce().  A program that is
	 * preempted while it writes this has made version odd, and task 0 until
	 * all is written.
	 */
	__u64 task;		/* tid and tgid (bpf_get_current_pid_tgid()) that has been announced */
	__u64 inode;		/* inode that the reader knows by this address (RECORD_INODE), */
	__u64 operations;	/* its address_space.a_ops, */
	__u64 flags;		/* S_DAX of its i_flags, */
	__u64 dev;		/* and its superblock's s_dev */
	__u64 version;		/* odd: the above is being written */

	/* Written by the reader, on a cache line of its own. */
	__u64 tail __attribute__((aligned(128)));	/* position of the first unread byte */
	/*
	 * Head moves up to here without more ado: a part of the data behind tail, at
	 * which the reader wants to be woken, or, once it has been, all of it.
	 */
	__u64 limit;
};

/*
 * Records that are not of the ABI: between the programs and the reader alone,
 * which makes of them what the ABI has (cli/probe/expand.c).  In all records
 * that begin with a struct inode_id, one whose dev is 0 has the inode's address
 * in ino.
 */
#define RECORD_INODE	63	/* struct record_inode: which inode an address is */
#define RECORD_NOTHING	62	/* of any size: what was to be told had been told by another program */

struct record_inode {
	struct event_header header;
	struct inode_id inode;
	__u64 address;
};

/*
 * EVENT_ENTRY_INSERT: what a fault does with its entry, in one record, since at
 * that moment all is known: what the fault is, what the filesystem answered,
 * that the entry is locked, and what is going to be mapped.  Values are as the
 * kernel has them.
 */
struct record_insert {
	struct event_header header;
	struct inode_id inode;
	__u64 index;
	__u64 pfn;		/* pfn_t, or of a page frame */
	__u64 flags;		/* of dax_insert_entry(): DAX_PMD, DAX_ZERO_PAGE */
	__u64 locked;		/* the entry that was there and is locked: an xarray's value */
	__u64 vma;		/* its kernel address */
	__u32 purpose;		/* iomap_iter.flags: IOMAP_PURPOSE_* */
	__u32 synchronous;	/* MAP_SYNC, and there is metadata to sync */
	/* If faults are told by an EVENT_ENTER: the filesystem's answer, as in event_iomap. */
	__u64 offset;
	/* Else the fault's user address. */
	__u64 length_or_address;
	__u64 address;
	__u16 type;
	__u16 iomap_flags;
	__u32 reserved;		/* 0 */
};

/*
 * EVENT_EXIT of OPERATION_FAULT: with what to tell the fault's beginning from, if that
 * was not told and the fault has no VM_FAULT_NOPAGE, and so may have inserted nothing.
 */
struct record_fault_exit {
	struct event_exit exit;
	__u64 index;
	__u64 address;		/* in user space */
	__u32 flags;		/* FAULT_* */
	__u32 left;		/* the file is not in DAX mode (any more): only its end, if it began */
};

/*
 * Is an answer of ->iomap_begin of blocks that were there, of whole pages?  The
 * kernel itself warns of one that does not cover where it was asked for.  A
 * fault's is told by its record_insert, others are not told.
 */
#define IOMAP_IS_SETTLED(type, flags, offset, length) \
	((type) == IOMAP_TYPE_MAPPED && !((flags) & (IOMAP_FLAG_NEW | IOMAP_FLAG_SHARED)) && \
	 !(((offset) | (length)) & 4095))

#ifndef __bpf__
_Static_assert(sizeof(struct shard) <= SHARD_CONTROL, "struct shard");
_Static_assert(EVENT_TYPE_COUNT <= RECORD_NOTHING, "shard.dropped");
#endif

#endif /* DAXTRACE_BUFFER_H */
