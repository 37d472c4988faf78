// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a task is inside of, in words that are the same in every run. */
#include <stdio.h>
#include <string.h>

#include "detect/private.h"

const char *comm_of(const struct detector *detector, __u32 tid)
{
	const struct model_task *task = model__task(detector->model, tid);

	return task ? task->comm : "?";
}

void describe_context(const struct model_task *task, const struct model_inode *inode, char *text,
		      size_t length)
{
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < task->depth && used < length; i++)
		if (task->operations[i].inode == inode)
			used += snprintf(text + used, length - used, "%s%s", used ? " > " : "",
					 operation_name(task->operations[i].operation));
}

bool has_broken_layouts(const struct detector *detector, const struct model_task *task,
			const struct model_inode *inode)
{
	const struct model_event *event = model__event(detector->model, task->layout_event);

	return event && !memcmp(&event->inode, &inode->id, sizeof(inode->id));
}

/* "ext4_punch_hole+0x12 [ext4]": of a module of that name, or so called. */
static bool is_of(const char *name, const char *fstype)
{
	size_t length = strlen(fstype);
	const char *module = strchr(name, '[');

	if (module)
		return !strncmp(module + 1, fstype, length) && module[length + 1] == ']';
	return !strncmp(name, fstype, length) && name[length] == '_';
}

void describe_function(const struct detector *detector, const struct model_task *task,
		       const struct model_inode *inode, char *text, size_t length)
{
	unsigned int i = task->depth, depth, frame;
	const __u64 *address;
	const char *name;

	text[0] = '\0';
	while (i--) {
		if (task->operations[i].inode != inode || task->operations[i].stack < 0)
			continue;
		depth = model__stack(detector->model, task->operations[i].stack, &address);
		for (frame = 0; frame < depth; frame++) {
			name = model__symbol(detector->model, address[frame]);
			if (!name || !is_of(name, inode->fstype))
				continue;
			/* Neither the offset, nor what the compiler made of the name. */
			snprintf(text, length, "%.*s", (int)strcspn(name, "+. "), name);
			return;
		}
	}
}
