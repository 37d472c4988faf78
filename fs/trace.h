/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. Every event begins with dev and ino, so that it can be joined
 * with those of fs_dax (include/trace/events/fs_dax.h). Operations come as
 * _enter/_exit pairs, taken outside all locks of the operation unless said
 * otherwise.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM refdax

#if !defined(REFDAX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define REFDAX_TRACE_H

#include <linux/fs.h>
#include <linux/tracepoint.h>
#include <linux/writeback.h>

#define REFDAX_DEV(dev)	MAJOR(dev), MINOR(dev)

TRACE_EVENT(refdax_fault_enter,
	TP_PROTO(struct inode *inode, struct vm_fault *vmf, unsigned int order, bool write),
	TP_ARGS(inode, vmf, order, write),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, index)
		__field(u64, address)
		__field(unsigned int, order)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->index = vmf->pgoff;
		__entry->address = vmf->address;
		__entry->order = order;
		__entry->write = write;
	),
	TP_printk("dev %d:%d ino %llu index %llu address 0x%llx order %u %s",
		  REFDAX_DEV(__entry->dev), __entry->ino, __entry->index, __entry->address,
		  __entry->order, __entry->write ? "write" : "read")
);

TRACE_EVENT(refdax_fault_exit,
	TP_PROTO(struct inode *inode, u64 index, unsigned int order, bool write,
		 vm_fault_t result),
	TP_ARGS(inode, index, order, write, result),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, index)
		__field(unsigned int, order)
		__field(unsigned int, result)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->index = index;
		__entry->order = order;
		__entry->result = (__force unsigned int)result;
		__entry->write = write;
	),
	TP_printk("dev %d:%d ino %llu index %llu order %u %s result 0x%x",
		  REFDAX_DEV(__entry->dev), __entry->ino, __entry->index, __entry->order,
		  __entry->write ? "write" : "read", __entry->result)
);

DECLARE_EVENT_CLASS(refdax_range_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length),
	TP_ARGS(inode, pos, length),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, pos)
		__field(u64, length)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->pos = pos;
		__entry->length = length;
	),
	TP_printk("dev %d:%d ino %llu pos %llu length %llu", REFDAX_DEV(__entry->dev),
		  __entry->ino, __entry->pos, __entry->length)
);

DECLARE_EVENT_CLASS(refdax_result_exit,
	TP_PROTO(struct inode *inode, s64 result),
	TP_ARGS(inode, result),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(s64, result)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->result = result;
	),
	TP_printk("dev %d:%d ino %llu result %lld", REFDAX_DEV(__entry->dev), __entry->ino,
		  __entry->result)
);

/* pos and length in bytes; result: bytes or -errno. */
DEFINE_EVENT(refdax_range_enter, refdax_write_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length), TP_ARGS(inode, pos, length));
DEFINE_EVENT(refdax_result_exit, refdax_write_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

/* length 0 stands for "to the end". */
DEFINE_EVENT(refdax_range_enter, refdax_fsync_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length), TP_ARGS(inode, pos, length));
DEFINE_EVENT(refdax_result_exit, refdax_fsync_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

/* pos: the old size; length: the new one. Under i_rwsem. */
DEFINE_EVENT(refdax_range_enter, refdax_truncate_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length), TP_ARGS(inode, pos, length));
DEFINE_EVENT(refdax_result_exit, refdax_truncate_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

DEFINE_EVENT(refdax_range_enter, refdax_fallocate_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length), TP_ARGS(inode, pos, length));
DEFINE_EVENT(refdax_result_exit, refdax_fallocate_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

/* Under i_rwsem. */
DEFINE_EVENT(refdax_range_enter, refdax_punch_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length), TP_ARGS(inode, pos, length));
DEFINE_EVENT(refdax_result_exit, refdax_punch_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

/* Pages or entries are dropped on purpose. length 0 stands for "to the end". Under i_rwsem. */
DEFINE_EVENT(refdax_range_enter, refdax_invalidate_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length), TP_ARGS(inode, pos, length));
DEFINE_EVENT(refdax_result_exit, refdax_invalidate_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

DEFINE_EVENT(refdax_range_enter, refdax_writepages_enter,
	TP_PROTO(struct inode *inode, u64 pos, u64 length), TP_ARGS(inode, pos, length));
DEFINE_EVENT(refdax_result_exit, refdax_writepages_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

/* Flags are REFDAX_FL_*. Under i_rwsem. */
TRACE_EVENT(refdax_setflags_enter,
	TP_PROTO(struct inode *inode, u32 from, u32 to),
	TP_ARGS(inode, from, to),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u32, from)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("dev %d:%d ino %llu flags 0x%x to 0x%x", REFDAX_DEV(__entry->dev),
		  __entry->ino, __entry->from, __entry->to)
);

DEFINE_EVENT(refdax_result_exit, refdax_setflags_exit,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

/* enum refdax_mode. Between a setflags_enter and its exit, under all locks of a flip. */
TRACE_EVENT(refdax_mode,
	TP_PROTO(struct inode *inode, unsigned int from, unsigned int to),
	TP_ARGS(inode, from, to),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(unsigned int, from)
		__field(unsigned int, to)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("dev %d:%d ino %llu %s to %s", REFDAX_DEV(__entry->dev), __entry->ino,
		  __print_symbolic(__entry->from, { 0, "dax" }, { 1, "cache" }, { 2, "journal" }),
		  __print_symbolic(__entry->to, { 0, "dax" }, { 1, "cache" }, { 2, "journal" }))
);

/* A stretch of blocks as ->iomap_begin answered it. Inside the DAX entry lock for faults. */
TRACE_EVENT(refdax_map,
	TP_PROTO(struct inode *inode, u64 logical, u64 physical, u64 count, unsigned int state,
		 bool is_new, unsigned int flags),
	TP_ARGS(inode, logical, physical, count, state, is_new, flags),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, logical)
		__field(u64, physical)
		__field(u64, count)
		__field(unsigned int, state)
		__field(unsigned int, flags)
		__field(bool, is_new)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->logical = logical;
		__entry->physical = physical;
		__entry->count = count;
		__entry->state = state;
		__entry->flags = flags;
		__entry->is_new = is_new;
	),
	TP_printk("dev %d:%d ino %llu logical %llu physical %llu count %llu %s%s flags 0x%x",
		  REFDAX_DEV(__entry->dev), __entry->ino, __entry->logical, __entry->physical,
		  __entry->count,
		  __print_symbolic(__entry->state, { 0, "hole" }, { 1, "unwritten" },
				   { 2, "mapped" }),
		  __entry->is_new ? " new" : "", __entry->flags)
);

/* credits and revokes as asked for; a nested start joins the handle that is there. */
TRACE_EVENT(refdax_handle_start,
	TP_PROTO(struct inode *inode, int credits, int revokes, bool nested, s64 result),
	TP_ARGS(inode, credits, revokes, nested, result),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(int, credits)
		__field(int, revokes)
		__field(s64, result)
		__field(bool, nested)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->credits = credits;
		__entry->revokes = revokes;
		__entry->result = result;
		__entry->nested = nested;
	),
	TP_printk("dev %d:%d ino %llu credits %d revokes %d%s result %lld",
		  REFDAX_DEV(__entry->dev), __entry->ino, __entry->credits, __entry->revokes,
		  __entry->nested ? " nested" : "", __entry->result)
);

DEFINE_EVENT(refdax_result_exit, refdax_handle_stop,
	TP_PROTO(struct inode *inode, s64 result), TP_ARGS(inode, result));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
