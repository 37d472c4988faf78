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
#define SHARD_COUNT_MAX		256

struct shard {
	/* Written by programs on the CPU. */
	__u64 head;		/* position behind the last record that has room */
	__u32 sequence;		/* of the next record */
	__u32 reserved;		/* 0 */
	__u64 dropped[64];	/* records without room since tracing began, by type */
	/*
	 * What an operation on this CPU found out.  A program may be preempted
	 * while it writes or reads this: whoever uses the id checks that version is
	 * even and did not move.
	 */
	__u64 task;		/* task_struct that has been announced */
	__u64 inode;		/* inode that is followed, */
	__u64 operations;	/* its address_space.a_ops, */
	__u64 state;		/* and the epoch, with S_DAX in bit 0 */
	__u64 xarray;		/* its address_space.i_pages */
	__u64 id[2];		/* its struct inode_id */
	__u64 version;		/* odd: the above is being written */

	/* Written by the reader, on a cache line of its own. */
	__u64 tail __attribute__((aligned(128)));	/* position of the first unread byte */
};

#ifndef __bpf__
_Static_assert(sizeof(struct shard) <= SHARD_CONTROL, "struct shard");
_Static_assert(EVENT_TYPE_COUNT <= 64, "shard.dropped");
#endif

#endif /* DAXTRACE_BUFFER_H */
