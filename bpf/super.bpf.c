// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Operations on whole superblocks: sync, freeze, umount.  They are told of
 * those on which a DAX inode has been seen, and of those that --fs names.
 */
#include "bpf/daxtrace.bpf.h"

static __always_inline void sb__record(__u32 type, __u32 dev, __u32 operation, __s64 result)
{
	struct event_sb *record;

	task__announce();
	record = record__reserve(sizeof(*record), type);
	if (!record)
		return;
	record->dev = dev;
	record->operation = operation;
	record->result = result;
	record__submit(record);
}

static __always_inline void sb__enter(struct super_block *sb, __u32 operation)
{
	if (superblock__known(sb->s_dev))
		sb__record(EVENT_SB_ENTER, sb->s_dev, operation, 0);
}

static __always_inline void sb__exit(struct super_block *sb, __u32 operation, int result)
{
	if (superblock__known(sb->s_dev))
		sb__record(EVENT_SB_EXIT, sb->s_dev, operation, result);
}

SEC("fentry/sync_filesystem")
int BPF_PROG(sb_sync__enter, struct super_block *sb)
{
	sb__enter(sb, SB_SYNC);
	return 0;
}

SEC("fexit/sync_filesystem")
int BPF_PROG(sb_sync__exit, struct super_block *sb, int result)
{
	sb__exit(sb, SB_SYNC, result);
	return 0;
}

SEC("fentry/ksys_sync")
int BPF_PROG(sb_sync__all_enter)
{
	if (tracing)
		sb__record(EVENT_SB_ENTER, 0, SB_SYNC_ALL, 0);
	return 0;
}

SEC("fexit/ksys_sync")
int BPF_PROG(sb_sync__all_exit)
{
	if (tracing)
		sb__record(EVENT_SB_EXIT, 0, SB_SYNC_ALL, 0);
	return 0;
}

SEC("fentry/freeze_super")
int BPF_PROG(freeze__enter, struct super_block *sb)
{
	sb__enter(sb, SB_FREEZE);
	return 0;
}

/*
 * Behind the first argument come others on later kernels (880b9577855e, "fs:
 * distinguish between user initiated freeze and kernel initiated freeze", 6.6).
 */
static __always_inline int return_value(void *ctx)
{
	__u64 result = 0;

	bpf_get_func_ret(ctx, &result);
	return (int)result;
}

SEC("fexit/freeze_super")
int BPF_PROG(freeze__exit, struct super_block *sb)
{
	sb__exit(sb, SB_FREEZE, return_value(ctx));
	return 0;
}

SEC("fentry/thaw_super")
int BPF_PROG(freeze__thaw_enter, struct super_block *sb)
{
	sb__enter(sb, SB_THAW);
	return 0;
}

SEC("fexit/thaw_super")
int BPF_PROG(freeze__thaw_exit, struct super_block *sb)
{
	sb__exit(sb, SB_THAW, return_value(ctx));
	return 0;
}

SEC("fentry/generic_shutdown_super")
int BPF_PROG(umount__enter, struct super_block *sb)
{
	sb__enter(sb, SB_UMOUNT);
	return 0;
}

/* The device may carry another filesystem next: announce that one afresh. */
SEC("fexit/generic_shutdown_super")
int BPF_PROG(umount__exit, struct super_block *sb)
{
	__u32 dev = sb->s_dev;

	sb__exit(sb, SB_UMOUNT, 0);
	bpf_map_delete_elem(&superblocks, &dev);
	return 0;
}
