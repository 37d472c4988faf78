/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel refuses, as libbpf tells it, and as daxtrace does.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_REFUSAL_H
#define DAXTRACE_PROBE_REFUSAL_H

/* Take libbpf's messages from now on: the program of a failed load, and with -v -v all. */
void refusal__listen(void);

/* The program that the kernel refused since refusal__forget(), or "". */
const char *refusal__program(void);
void refusal__forget(void);

/* A sentence on why nothing can be traced, in error (ERROR_LENGTH bytes); err: a negative errno. */
void refusal__explain(int err, char *error);

#endif /* DAXTRACE_PROBE_REFUSAL_H */
