/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of kernel functions and variables, from the kernel; or from KALLSYMS, which is read
 * then.  To read that takes so long that other things wait too long for us.
 */
#ifndef DAXTRACE_SYMBOLS_H
#define DAXTRACE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define KALLSYMS	"/proc/kallsyms"

struct symbols;

/*
 * Ask the kernel: "symbol+0xoffset/0xsize", " [module]" behind it, or something else if the
 * address has no name.  0, or a negative errno: it cannot be asked.
 */
typedef int (*symbols_ask)(const void *context, __u64 address, char *text, size_t length);

/*
 * file: KALLSYMS, or for tests one like it; not copied.  ask: NULL, nobody can be asked.
 * Never NULL unless memory is out.  The caller frees it.
 */
struct symbols *symbols__new(const char *file, symbols_ask ask, const void *context);

/*
 * Write "symbol" or "symbol [module]" into name and the address's offset in it into
 * *offset.  What begins or ends a section is the name only where nothing else is.  False
 * if nothing is known (kptr_restrict, an unloaded module).
 */
bool symbols__find(struct symbols *symbols, __u64 address, char *name, size_t length,
		   __u64 *offset);

/* Read all names again if modules have come or gone since. */
void symbols__refresh(struct symbols *symbols);

void symbols__free(struct symbols *symbols);

#endif /* DAXTRACE_SYMBOLS_H */
