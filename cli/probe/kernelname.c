// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "bpf/code.bpf.h"
#include "probe/kernelname.h"
#include "probe/object.h"

#define PROGRAM	"symbol__name"

int kernel_name__choose(struct bpf_object *object)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, PROGRAM);

	return program ? bpf_program__set_autoload(program, true) : -ENOENT;
}

int kernel_name__ask(struct bpf_object *object, __u64 address, char *text, size_t length)
{
	struct kernel_name name = { .address = address };
	int err;

	err = object__store(object, "kernel_name", &name, sizeof(name));
	err = err ?: object__run(bpf_object__find_program_by_name(object, PROGRAM));
	err = err ?: object__load(object, "kernel_name", &name, sizeof(name));
	if (!err)
		snprintf(text, length, "%.*s", (int)sizeof(name.text), name.text);
	return err;
}
