// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "common/log.h"
#include "probe/refusal.h"

/* The program that libbpf says the kernel refused, while one object loads. */
static char refused_program[64];

static int take_message(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[1024];
	va_list copy;

	va_copy(copy, args);
	vsnprintf(line, sizeof(line), format, copy);
	va_end(copy);
	if (strstr(line, "failed to load:"))
		sscanf(line, "libbpf: prog '%63[^']'", refused_program);
	if (log_verbosity >= (level == LIBBPF_DEBUG ? 3 : 2))
		vfprintf(stderr, format, args);	/* a verifier's log is longer than a line */
	return 0;
}

void refusal__listen(void)
{
	libbpf_set_print(take_message);
}

const char *refusal__program(void)
{
	return refused_program;
}

void refusal__forget(void)
{
	refused_program[0] = '\0';
}

void refusal__explain(int err, char *error)
{
	if (err == -EPERM || err == -EACCES)
		snprintf(error, ERROR_LENGTH, "cannot load BPF programs: %s; tracing needs root, or "
			 "CAP_BPF and CAP_PERFMON, on a kernel that is not locked down: run it as "
			 "root, and see /sys/kernel/security/lockdown", strerror(-err));
	else if (err == -ENOMEM)
		snprintf(error, ERROR_LENGTH, "cannot load BPF programs: not enough memory; "
			 "try a smaller --buffer");
	else
		snprintf(error, ERROR_LENGTH, "cannot load BPF programs: %s; nothing is traced: "
			 "-v -v shows what the kernel's verifier says", strerror(-err));
}
