/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bpf/module.bpf.c and cli/probe/modules.c share: one binary, no ABI. */
#ifndef DAXTRACE_MODULE_H
#define DAXTRACE_MODULE_H

/* Modules that may be waited for at once, and 64-bit words of a name, padded with NULs. */
#define AWAITED_MODULES		4
#define AWAITED_WORDS		2

#endif /* DAXTRACE_MODULE_H */
