// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A call is found by its bytes: an opcode and the distance to a function whose
 * address is known.  Five bytes that happen to be the same are as good as
 * impossible; in the middle of another instruction the kernel would refuse a probe.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <linux/types.h>

#include "bpf/code.bpf.h"
#include "common/log.h"
#include "probe/calls.h"
#include "probe/object.h"

#define MAX_CALLS	16

int calls__set_programs(struct bpf_object *object)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "code__read");

	return program ? bpf_program__set_autoload(program, true) : -ENOENT;
}

/* The function's code, and where the callee is.  0 or a negative errno. */
static int read_code(struct bpf_object *object, struct kernel_code *code)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "code__read");
	const char *length;
	int err;

	err = object__store(object, "kernel_code", code, sizeof(*code));
	err = err ?: object__run(program);
	/* What it says itself: that it finds one of the two nowhere. */
	if (err > 0)
		return -ENOENT;
	err = err ?: object__load(object, "kernel_code", code, sizeof(*code));
	if (err)
		return err;
	code->place[sizeof(code->place) - 1] = '\0';
	length = strrchr(code->place, '/');
	if (!length || sscanf(length, "/%llx", &code->length) != 1)
		return -ENOENT;
	/* One that is longer than what was read could have more calls. */
	return code->length <= sizeof(code->bytes) ? 0 : -E2BIG;
}

/* Offsets of the calls in the function.  How many. */
static int find_calls(const struct kernel_code *code, __u64 offsets[MAX_CALLS])
{
#ifdef __x86_64__
	static const unsigned char near_call = 0xe8;
	const size_t call_length = 5;
	__u64 offset;
	int count = 0;
	__s32 distance;

	for (offset = 0; offset + call_length <= code->length && count < MAX_CALLS; offset++) {
		if (code->bytes[offset] != near_call)
			continue;
		memcpy(&distance, code->bytes + offset + 1, sizeof(distance));
		if (code->address + offset + call_length + distance == code->callee_address)
			offsets[count++] = offset;
	}
	return count;
#else
	/* Of other processors the event's next way is taken. */
	(void)code;
	(void)offsets;
	return 0;
#endif
}

/* In one function: links made, or a negative errno. */
static int attach_in(struct bpf_object *object, struct bpf_program *program, const char *function,
		     const char *callee, struct bpf_link **links, size_t room)
{
	LIBBPF_OPTS(bpf_kprobe_opts, options);
	struct kernel_code code = { .address = 0 };
	__u64 offsets[MAX_CALLS];
	int count, made, err;

	snprintf(code.function, sizeof(code.function), "%s", function);
	snprintf(code.callee, sizeof(code.callee), "%s", callee);
	err = read_code(object, &code);
	if (err == -ENOENT) {
		snprintf(code.callee, sizeof(code.callee), "%s.isra.0", callee);
		err = read_code(object, &code);
	}
	if (err)
		return err;
	count = find_calls(&code, offsets);
	if (!count)
		return -ENOENT;
	for (made = 0; made < count && (size_t)made < room; made++) {
		options.offset = offsets[made];
		links[made] = bpf_program__attach_kprobe_opts(program, function, &options);
		if (!links[made]) {
			err = errno;
			break;
		}
		log_verbose(2, "%s: at %s+0x%llx, where it calls %s", bpf_program__name(program),
			    function, offsets[made], code.callee);
	}
	if (made == count)
		return made;
	while (made)
		bpf_link__destroy(links[--made]);
	return err ? -err : -E2BIG;
}

int calls__attach(struct bpf_object *object, struct bpf_program *program,
		  const struct probe_program *what, struct bpf_link **links, size_t room)
{
	const char *word = what->arguments;
	char function[CODE_NAME], callee[CODE_NAME];
	size_t length, made = 0;
	int count = 0;

	snprintf(callee, sizeof(callee), "%.*s", (int)strcspn(what->target, "("), what->target);
	while (*word) {
		length = strcspn(word, ",");
		snprintf(function, sizeof(function), "%.*s", (int)length, word);
		count = attach_in(object, program, function, callee, links + made, room - made);
		if (count < 0)
			break;
		made += count;
		word += length;
		if (*word == ',')
			word++;
	}
	while (count < 0 && made)
		bpf_link__destroy(links[--made]);
	return count < 0 ? count : (int)made;
}
