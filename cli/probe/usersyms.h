/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is at an address of a process: the file that is mapped there, its build id, and
 * the function, by the symbol cache of the BCC library if that is installed.  Inside of
 * probe/.
 */
#ifndef DAXTRACE_PROBE_USERSYMS_H
#define DAXTRACE_PROBE_USERSYMS_H

#include <stdbool.h>
#include <linux/types.h>

#include "bpf/events.h"

struct user_symbols;

/* Warns if functions cannot be named.  NULL: out of memory. */
struct user_symbols *user_symbols__new(void);

/*
 * Fill in file, file_offset, build id, function and function_offset of frame->address,
 * as far as they are known; of a process that has gone none are, unless it was asked for
 * before.
 */
void user_symbols__find(struct user_symbols *symbols, __u32 tgid, struct event_user_frame *frame);

/* It has another name: does it run another program now?  Then what was known is forgotten. */
bool user_symbols__renamed(struct user_symbols *symbols, __u32 tgid);

void user_symbols__free(struct user_symbols *symbols);

#endif /* DAXTRACE_PROBE_USERSYMS_H */
