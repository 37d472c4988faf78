// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Modules that were not there when tracing began, though the probe table has
 * functions of theirs: what these tell goes unseen once they come.  Loaded only
 * if there is such a module.
 */
#include "bpf/daxtrace.bpf.h"
#include "bpf/module.bpf.h"

const volatile __u64 awaited_modules[AWAITED_MODULES][AWAITED_WORDS] = { };

/* A bit for each of them. */
__u32 modules_arrived;

SEC("tp_btf/module_load")
int BPF_PROG(module__load, struct module *module)
{
	__u64 name[AWAITED_WORDS] = { };
	int i;

	bpf_probe_read_kernel_str(name, sizeof(name), module->name);
#pragma unroll
	for (i = 0; i < AWAITED_MODULES; i++)
		if (name[0] == awaited_modules[i][0] && name[1] == awaited_modules[i][1])
			__sync_fetch_and_or(&modules_arrived, 1U << i);
	return 0;
}
