// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From where in its program a task maps a file, or stores to it (--user-stacks).
 * Programs of their own, since they cost more than all the rest: without the option
 * they are not loaded.
 *
 * Such a record and that of the operation come one after the other, in no certain
 * order: on some functions the program that was attached last runs first.  So it says
 * which operation it is of.
 */
#include "bpf/daxtrace.bpf.h"

struct user_stacks_map {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, EVENT_STACK_DEPTH * sizeof(__u64));
} user_stacks SEC(".maps");

static __always_inline void user_stack__record(void *context, __u32 operation, __u64 vma)
{
	struct event_user_stack *record;
	/* Of two stacks that have one place in the map, the second is not known: ids are for good. */
	long stack = bpf_get_stackid(context, &user_stacks, BPF_F_USER_STACK);

	record = record__reserve(sizeof(*record), EVENT_USER_STACK);
	if (!record)
		return;
	record->vma = vma;
	record->stack = stack < 0 ? -1 : stack;
	record->operation = operation;
	record__submit(record);
}

SEC("tp_btf/dax_pte_fault")
int BPF_PROG(user_stack__pte, struct inode *inode, struct vm_fault *vmf, int result)
{
	if (inode__wanted(inode))
		user_stack__record(ctx, OPERATION_FAULT, 0);
	return 0;
}

SEC("tp_btf/dax_pmd_fault")
int BPF_PROG(user_stack__pmd, struct inode *inode, struct vm_fault *vmf,
	     unsigned long max_pgoff, int result)
{
	if (inode__wanted(inode))
		user_stack__record(ctx, OPERATION_FAULT, 0);
	return 0;
}

SEC("fentry/dax_iomap_rw")
int BPF_PROG(user_stack__rw, struct kiocb *iocb, struct iov_iter *iter)
{
	if (inode__wanted(iocb->ki_filp->f_inode))
		user_stack__record(ctx, iter->data_source ? OPERATION_WRITE : OPERATION_READ, 0);
	return 0;
}

SEC("fentry/vma_interval_tree_insert")
int BPF_PROG(user_stack__map, struct vm_area_struct *vma)
{
	__u64 nothing = 0;

	if (!inode__followed(vma->vm_file->f_mapping->host))
		return 0;
	user_stack__record(ctx, OPERATION_NONE, (__u64)vma);
	/* At once: what is where in a process can be read as long as it is there. */
	bpf_ringbuf_output(&wakeups, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
	return 0;
}
