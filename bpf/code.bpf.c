// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A kernel function's code, for user space to look through, and a symbol's name: a
 * matter of one look here, but of reading all of /proc/kallsyms there.
 */
#include "bpf/daxtrace.bpf.h"
#include "bpf/code.bpf.h"

struct kernel_code kernel_code;

SEC("syscall")
int code__read(void *unused)
{
	struct kernel_code *it = &kernel_code;

	if (bpf_kallsyms_lookup_name(it->function, sizeof(it->function), 0, &it->address) ||
	    bpf_kallsyms_lookup_name(it->callee, sizeof(it->callee), 0, &it->callee_address))
		return 1;
	/* "NAME+0x0/0xLENGTH" */
	BPF_SNPRINTF(it->place, sizeof(it->place), "%pS", it->address);
	return bpf_probe_read_kernel(it->bytes, sizeof(it->bytes), (void *)it->address) != 0;
}

struct kernel_name kernel_name;

SEC("syscall")
int symbol__name(void *unused)
{
	struct kernel_name *it = &kernel_name;

	BPF_SNPRINTF(it->text, sizeof(it->text), "%pS", it->address);
	return 0;
}
