// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "common/log.h"
#include "probe/object.h"

/*
 * Where a variable of the BPF programs is: its map and offset.  By name, since
 * the skeleton's struct is one object's, and ours come and go.
 */
static struct bpf_map *find_variable(struct bpf_object *object, const char *wanted,
				     const char *name, size_t size, __u32 *offset)
{
	struct btf *btf = bpf_object__btf(object);
	const struct btf_var_secinfo *variable;
	const struct btf_type *section, *type;
	struct bpf_map *map;
	int id, i;

	bpf_object__for_each_map(map, object)
		if (strstr(bpf_map__name(map), wanted))
			break;
	id = btf__find_by_name_kind(btf, wanted, BTF_KIND_DATASEC);
	if (!map || id < 0)
		return NULL;
	section = btf__type_by_id(btf, id);
	variable = btf_var_secinfos(section);
	for (i = 0; i < btf_vlen(section); i++) {
		type = btf__type_by_id(btf, variable[i].type);
		if (strcmp(btf__name_by_offset(btf, type->name_off), name))
			continue;
		*offset = variable[i].offset;
		return variable[i].size == size ? map : NULL;
	}
	return NULL;
}

/* Before the programs are loaded. */
int object__set_constant(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	struct bpf_map *map;
	__u32 offset;
	size_t total;
	char *data;

	map = find_variable(object, ".rodata", name, size, &offset);
	if (!map)
		return -ENOENT;
	data = (char *)bpf_map__initial_value(map, &total);
	if (!data || offset + size > total)
		return -EINVAL;
	memcpy(data + offset, value, size);
	return 0;
}

/* Of an aligned variable all or nothing is seen by the programs. */
static void copy(void *to, const void *from, size_t size)
{
	if (size == sizeof(unsigned int))
		__atomic_store_n((unsigned int *)to, *(const unsigned int *)from, __ATOMIC_SEQ_CST);
	else if (size == sizeof(unsigned long long))
		__atomic_store_n((unsigned long long *)to, *(const unsigned long long *)from,
				 __ATOMIC_SEQ_CST);
	else
		memcpy(to, from, size);
}

static int access_variable(struct bpf_object *object, const char *name, void *load,
			   const void *store, size_t size)
{
	long page = sysconf(_SC_PAGESIZE);
	struct bpf_map *map;
	size_t length;
	__u32 offset;
	char *data;

	map = find_variable(object, ".bss", name, size, &offset);
	if (!map)
		return -ENOENT;
	length = (offset + size + page - 1) / page * page;
	data = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (data == MAP_FAILED)
		return -errno;
	if (load)
		copy(load, data + offset, size);
	else
		copy(data + offset, store, size);
	munmap(data, length);
	return 0;
}

int object__store(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	return access_variable(object, name, NULL, value, size);
}

int object__load(struct bpf_object *object, const char *name, void *value, size_t size)
{
	return access_variable(object, name, value, NULL, size);
}

int object__run(const struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int err = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	return err ?: (int)options.retval;
}

void object__tell_cost(struct bpf_object *object)
{
	struct bpf_program *program;
	struct bpf_prog_info info;
	__u32 length;

	if (log_verbosity < 2)
		return;
	bpf_object__for_each_program(program, object) {
		memset(&info, 0, sizeof(info));
		length = sizeof(info);
		if (bpf_program__fd(program) < 0 ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length))
			continue;
		log_verbose(2, "%s: the verifier processed %u instructions",
			    bpf_program__name(program), info.verified_insns);
	}
}

__u64 object__missed_runs(struct bpf_object *object,
			  bool (*chosen)(const struct bpf_program *program), bool which)
{
	struct bpf_program *program;
	struct bpf_prog_info info;
	__u32 length;
	__u64 missed = 0;
	int fd;

	bpf_object__for_each_program(program, object) {
		fd = bpf_program__fd(program);
		if (fd < 0 || chosen(program) != which)
			continue;
		memset(&info, 0, sizeof(info));
		length = sizeof(info);
		if (!bpf_obj_get_info_by_fd(fd, &info, &length))
			missed += info.recursion_misses;
	}
	return missed;
}
