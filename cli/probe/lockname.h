/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of lock classes, from BTF: (slab cache, size, offset) becomes
 * "struct.member", the innermost that means something by itself.
 */
#ifndef DAXTRACE_LOCKNAME_H
#define DAXTRACE_LOCKNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "bpf/events.h"
#include "probe/symbols.h"

struct btf;
struct lock_names;

/* NULL: no memory.  Kernel BTF is read at the first question. */
struct lock_names *lock_names__new(void);
void lock_names__free(struct lock_names *names);

/*
 * Write the class's name, or what is known of it behind a "?".  symbols: for
 * static locks and for functions that take one.
 */
void lock_names__find(struct lock_names *names, struct symbols *symbols,
		      const struct event_lock_class *class, char *name, size_t length);

/*
 * The lock of this type at an offset in a struct: "struct.member", innermost
 * named struct first ("address_space.invalidate_lock" for one in struct inode).
 * False: there is none.
 */
bool lock_name__in_struct(const struct btf *btf, const char *type_name, __u32 offset, __u32 lock_type,
			  char *name, size_t length);

#endif /* DAXTRACE_LOCKNAME_H */
