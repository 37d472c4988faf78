// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From where in its program a task comes to what it does.  The record that says so is
 * before or behind that of the operation: its kind tells them apart, since an operation
 * is not inside of another one of its kind by the same task.
 */
#include <stdlib.h>
#include <string.h>

#include "model/private.h"

#define MAX_USER_STACKS	(1UL << 14)

static void free_stack(struct model *model, struct model_user_stack *stack)
{
	unsigned int i;

	for (i = 0; i < EVENT_STACK_DEPTH; i++) {
		free((char *)stack->frames[i].function);
		free((char *)stack->frames[i].file);
	}
	HASH_DEL(model->user_stacks, stack);
	free(stack);
}

static const char *copy_text(const char *text, size_t room)
{
	return strndup(text, strnlen(text, room));
}

void caller__take_frame(struct model *model, const struct event_user_frame *record)
{
	struct model_user_stack *stack;
	struct model_user_frame *frame;
	__s32 id = record->stack;

	if (id < 0 || record->frame >= EVENT_STACK_DEPTH)
		return;
	HASH_FIND(hh, model->user_stacks, &id, sizeof(id), stack);
	if (!stack) {
		if (HASH_COUNT(model->user_stacks) >= MAX_USER_STACKS ||
		    !(stack = calloc(1, sizeof(*stack))))
			return;		/* a report without it is still right */
		stack->id = id;
		HASH_ADD(hh, model->user_stacks, id, sizeof(stack->id), stack);
	}
	/* In their order, each once. */
	if (record->frame != stack->depth)
		return;
	frame = &stack->frames[stack->depth];
	frame->function = copy_text(record->function, sizeof(record->function));
	frame->file = copy_text(record->file, sizeof(record->file));
	if (!frame->function || !frame->file) {
		free((char *)frame->function);
		free((char *)frame->file);
		memset(frame, 0, sizeof(*frame));
		return;
	}
	frame->address = record->address;
	frame->function_offset = record->function_offset;
	frame->file_offset = record->file_offset;
	frame->build_id_length = record->build_id_length < sizeof(frame->build_id) ?
				 record->build_id_length : sizeof(frame->build_id);
	memcpy(frame->build_id, record->build_id, sizeof(frame->build_id));
	stack->depth++;
}

unsigned int model__user_stack(const struct model *model, __s32 id,
			       const struct model_user_frame **frames)
{
	struct model_user_stack *stack;

	if (id < 0)
		return 0;
	HASH_FIND(hh, model->user_stacks, &id, sizeof(id), stack);
	if (!stack)
		return 0;
	*frames = stack->frames;
	return stack->depth;
}

/* The event, if it is still in the history. */
static struct model_event *event_of(struct model *model, __u64 number)
{
	struct model_event *event = &model->history[number & model->history_mask];

	return number && event->number == number ? event : NULL;
}

void caller__take_stack(struct model *model, struct model_task *task,
			const struct event_user_stack *record)
{
	const struct model_operation *innermost = task->depth ? &task->operations[task->depth - 1] :
								NULL;
	struct model_event *event = NULL;

	if (record->stack < 0)
		return;
	if (record->operation == OPERATION_NONE) {
		if (task->mapped_vma == record->vma)
			event = event_of(model, task->mapped_event);
	} else if (innermost && innermost->operation == record->operation) {
		event = event_of(model, innermost->event);
	}
	if (event) {
		event->user_stack = record->stack;
		return;
	}
	task->from.stack = record->stack;
	task->from.operation = record->operation;
	task->from.vma = record->vma;
	task->from.told = true;
}

void caller__begin(struct model_task *task, struct model_event *event, __u32 operation, __u64 vma)
{
	if (operation == OPERATION_NONE) {
		task->mapped_event = event->number;
		task->mapped_vma = vma;
	}
	if (!task->from.told || task->from.operation != operation || task->from.vma != vma)
		return;
	event->user_stack = task->from.stack;
	task->from.told = false;
}

void caller__free_all(struct model *model)
{
	struct model_user_stack *stack, *next;

	HASH_ITER(hh, model->user_stacks, stack, next)
		free_stack(model, stack);
}
