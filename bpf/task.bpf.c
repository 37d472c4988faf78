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
struct inodes_map inodes SEC(".maps");
struct stacks_map stacks SEC(".maps");

const volatile __u32 page_shift = 12;
const volatile __u32 shard_mask = 0;
const volatile __u64 data_mask = 4095;
const volatile bool filter_devices = false;
const volatile bool write_notes = false;
const volatile __u64 direct_map = 0;

__u32 tracing;
__u32 lost_records;
__u64 epoch;

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
