/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's own name for one of its addresses.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_KERNELNAME_H
#define DAXTRACE_PROBE_KERNELNAME_H

#include <stddef.h>
#include <linux/types.h>

struct bpf_object;

/* Before the object is loaded: load the program that asks.  0 or a negative errno. */
int kernel_name__choose(struct bpf_object *object);

/*
 * "symbol+0xoffset/0xsize", and " [module]" of a module's; or the address as a number, if it
 * has no name.  0 or a negative errno.
 */
int kernel_name__ask(struct bpf_object *object, __u64 address, char *text, size_t length);

#endif /* DAXTRACE_PROBE_KERNELNAME_H */
