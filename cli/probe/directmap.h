/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the kernel maps physical memory. */
#ifndef DAXTRACE_DIRECTMAP_H
#define DAXTRACE_DIRECTMAP_H

#include <stdbool.h>
#include <linux/types.h>

/*
 * The kernel address of physical address 0, which is random at each boot
 * (page_offset_base).  False if /proc/kcore does not say.
 */
bool direct_map__base(__u64 *base);

#endif /* DAXTRACE_DIRECTMAP_H */
