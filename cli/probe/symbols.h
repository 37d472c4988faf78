/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of kernel functions, from /proc/kallsyms, read at first use. */
#ifndef DAXTRACE_SYMBOLS_H
#define DAXTRACE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct symbols;

/* Never NULL unless memory is out.  The caller frees it. */
struct symbols *symbols__new(void);

/*
 * Write "function" or "function [module]" into name and the address's offset in
 * it into *offset.  False if nothing is known (kptr_restrict, an unloaded module).
 */
bool symbols__find(struct symbols *symbols, __u64 address, char *name, size_t length,
		   __u64 *offset);

/* Read all names again if modules have come or gone since. */
void symbols__refresh(struct symbols *symbols);

void symbols__free(struct symbols *symbols);

#endif /* DAXTRACE_SYMBOLS_H */
