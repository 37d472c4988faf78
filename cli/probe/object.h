/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The BPF programs' global variables, by name, and what the kernel counts of them.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_OBJECT_H
#define DAXTRACE_PROBE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct bpf_object;
struct bpf_program;

/* A constant ("const volatile"), before the programs are loaded.  0 or a negative errno. */
int object__set_constant(struct bpf_object *object, const char *name, const void *value,
			 size_t size);

/* A variable while the programs run.  0 or a negative errno. */
int object__store(struct bpf_object *object, const char *name, const void *value, size_t size);
int object__load(struct bpf_object *object, const char *name, void *value, size_t size);

/* Run a program of type "syscall", loaded.  What it returns, or a negative errno. */
int object__run(const struct bpf_program *program);

/* What the verifier had to look at, with -v -v: it is what loading takes its time for. */
void object__tell_cost(struct bpf_object *object);

/*
 * A program does not run if it is already running on that CPU, in a task that
 * was preempted in it: the kernel counts those, and nobody else can.  Programs
 * cannot prevent it: bpf_preempt_enable() is where the preemption then comes, with
 * the program still marked as running (__bpf_prog_enter_recur()).
 * Of those programs for which chosen() is which.
 */
__u64 object__missed_runs(struct bpf_object *object,
			  bool (*chosen)(const struct bpf_program *program), bool which);

#endif /* DAXTRACE_PROBE_OBJECT_H */
