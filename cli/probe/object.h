/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Global variables of the BPF programs, by name.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_OBJECT_H
#define DAXTRACE_PROBE_OBJECT_H

#include <stddef.h>

struct bpf_object;

/* A constant ("const volatile"), before the programs are loaded.  0 or a negative errno. */
int object__set_constant(struct bpf_object *object, const char *name, const void *value,
			 size_t size);

/* A variable while the programs run.  0 or a negative errno. */
int object__store(struct bpf_object *object, const char *name, const void *value, size_t size);
int object__load(struct bpf_object *object, const char *name, void *value, size_t size);

#endif /* DAXTRACE_PROBE_OBJECT_H */
