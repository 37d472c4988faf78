// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe/filter.h"
#include "probe/object.h"

/* As in bpf/daxtrace.bpf.h. */
#define FILTER_DEVICES	0x1
#define FILTER_TASKS	0x2
#define FILTER_CGROUP	0x4

int filter__set_programs(struct bpf_object *object, const struct probe_options *options)
{
	static const char *const of_tasks[] = { "task__fork", "task__exit" };
	struct bpf_program *program;
	int i, err = 0;

	for (i = 0; options->process_count && i < 2 && !err; i++) {
		program = bpf_object__find_program_by_name(object, of_tasks[i]);
		err = program ? bpf_program__set_autoload(program, true) : -ENOENT;
	}
	return err;
}

bool filter__any(const struct probe_options *options)
{
	return options->device_count || options->process_count || options->cgroup_fd > 0;
}

int filter__configure(struct bpf_object *object, const struct probe_options *options)
{
	__u32 filters = 0;

	if (options->device_count)
		filters |= FILTER_DEVICES;
	if (options->process_count)
		filters |= FILTER_TASKS;
	if (options->cgroup_fd > 0)
		filters |= FILTER_CGROUP;
	return object__set_constant(object, "filters", &filters, sizeof(filters));
}

static int add(int fd, __u32 key)
{
	__u8 one = 1;

	return bpf_map_update_elem(fd, &key, &one, BPF_ANY) ? -errno : 0;
}

static bool has(int fd, __u32 key)
{
	__u8 value;

	return !bpf_map_lookup_elem(fd, &key, &value);
}

/* The parent of a process; 0: it has ended, or has none. */
static __u32 parent_of(__u32 process)
{
	char path[64], line[512], *end = NULL;
	unsigned int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", process);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* Its name is in parentheses, and may hold any of them. */
	if (fgets(line, sizeof(line), file))
		end = strrchr(line, ')');
	if (end && sscanf(end + 1, " %*c %u", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent;
}

/* Add the children of those that are followed.  How many, or a negative errno. */
static int add_children(int fd)
{
	struct dirent *entry;
	int added = 0, err = 0;
	__u32 process;
	DIR *folder;

	folder = opendir("/proc");
	if (!folder)
		return -errno;
	while (!err && (entry = readdir(folder))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process = strtoul(entry->d_name, NULL, 10);
		if (has(fd, process) || !has(fd, parent_of(process)))
			continue;
		err = add(fd, process);
		added++;
	}
	closedir(folder);
	return err ?: added;
}

/*
 * Who is forked from now on, task__fork() sees; so nobody is missed once a look
 * finds no child that is not known.
 */
static int add_processes(int fd, const struct probe_options *options)
{
	size_t i;
	int err = 0;

	for (i = 0; i < options->process_count && !err; i++)
		err = add(fd, options->processes[i]);
	if (!err && options->process_count)
		do
			err = add_children(fd);
		while (err > 0);
	return err;
}

int filter__fill(struct bpf_object *object, const struct probe_options *options)
{
	int fd = bpf_object__find_map_fd_by_name(object, "devices"), err = 0;
	__u32 key = 0;
	size_t i;

	for (i = 0; i < options->device_count && !err; i++)
		err = add(fd, options->devices[i]);
	err = err ?: add_processes(bpf_object__find_map_fd_by_name(object, "processes"), options);
	fd = bpf_object__find_map_fd_by_name(object, "cgroup");
	if (!err && options->cgroup_fd > 0 &&
	    bpf_map_update_elem(fd, &key, &options->cgroup_fd, BPF_ANY))
		err = -errno;
	return err;
}
