// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tasks and superblocks: who is who.  Also the home of the maps and of the
 * settings that all programs share.
 */
#include "bpf/daxtrace.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct buffers_map buffers SEC(".maps");
struct wakeups_map wakeups SEC(".maps");
struct tasks_map tasks SEC(".maps");
struct superblocks_map superblocks SEC(".maps");
struct devices_map devices SEC(".maps");
struct processes_map processes SEC(".maps");
struct cgroup_map cgroup SEC(".maps");
struct chosen_map chosen SEC(".maps");
struct inodes_map inodes SEC(".maps");
struct stacks_map stacks SEC(".maps");

const volatile __u32 page_shift = 12;
const volatile __u32 shard_mask = 0;
const volatile __u64 data_mask = 4095;
const volatile __u32 filters = 0;
const volatile bool fault_untold = false;
const volatile bool write_notes = false;
const volatile __u64 direct_map = 0;

__u32 tracing;
__u32 lost_records;
__u32 deleters;
__u32 unfollowed;

/* A task that has been announced has a new name (exec, PR_SET_NAME). */
SEC("tp_btf/task_rename")
int BPF_PROG(task__rename, struct task_struct *task, const char *comm)
{
	struct task_state *state;

	struct shard *shard = shard__this();

	state = bpf_task_storage_get(&tasks, task, NULL, 0);
	if (state)
		state->announced = 0;
	/* It is the task that runs here, but for a write to another's /proc/PID/comm. */
	if (shard)
		shard->task = 0;
	return 0;
}

/* What a process to follow does, its children do for it. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(task__fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = parent->tgid;
	__u8 one = 1;

	if (!bpf_map_lookup_elem(&processes, &tgid))
		return 0;
	tgid = child->tgid;
	if (bpf_map_update_elem(&processes, &tgid, &one, BPF_ANY))
		__sync_fetch_and_add(&unfollowed, 1);
	return 0;
}

/* The number may become another process's. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(task__exit, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (task->pid == task->tgid)
		bpf_map_delete_elem(&processes, &tgid);
	return 0;
}
