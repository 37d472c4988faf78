// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Window coverage: how often what a rule looks for could have happened, and how
 * often somebody else was there to make it happen.
 *
 * A window is an operation.  It is contested if an operation of another task,
 * of a kind that the rule names, ran at the same time on the same pages.  DX01
 * and DX03 count for themselves (durability.c, sync.c): their rival is a page
 * that becomes dirty.  So do rules whose window is no operation.
 */
#include <utlist.h>

#include "detect/private.h"

#define BIT(operation)	(1U << (operation))

static const struct {
	__u32 operations;	/* that are rivals */
	bool stores;		/* of the faults those that store alone */
} rivals[RULE_COUNT] = {
	[RULE_CLEAN_BUT_WRITABLE] = { BIT(OPERATION_FAULT), true },
	[RULE_FLIP_DURING_WRITEPAGES] = { BIT(OPERATION_FILEATTR), false },
	[RULE_FAULT_MAPS_FREED] = { BIT(OPERATION_FAULT), false },
	[RULE_STALE_MAPPING] = { BIT(OPERATION_FAULT), false },
	[RULE_DROPPED_WRITE] = { BIT(OPERATION_FAULT) | BIT(OPERATION_WRITE), true },
};

struct model_operation *operation__around(struct model_task *task, const struct model_inode *inode,
					  enum operation kind)
{
	unsigned int i;

	for (i = 0; i < task->depth; i++)
		if (task->operations[i].operation == kind && task->operations[i].inode == inode)
			return &task->operations[i];
	return NULL;
}

/* What a window contains is the same window: write(2) invalidates, too. */
static bool in_window(const struct model_operation *operation, enum rule_index rule)
{
	const struct model_operation *outer = operation->task->operations;

	for (; outer < operation; outer++)
		if ((outer->notes.windows & (1U << rule)) && outer->inode == operation->inode)
			return true;
	return false;
}

static bool is_rival(enum rule_index rule, const struct model_operation *window,
		     const struct model_operation *operation)
{
	return operation->task != window->task && operation->task->epoch == window->task->epoch &&
	       (rivals[rule].operations & BIT(operation->operation)) &&
	       (!rivals[rule].stores || operation->operation != OPERATION_FAULT ||
		(operation->argument[0] & (FAULT_WRITE | FAULT_PRIVATE)) == FAULT_WRITE) &&
	       (operation__covers(window, operation->first, operation->last) ||
		/* What moves are the blocks behind the range as well. */
		(rule == RULE_DROPPED_WRITE && operation->first > window->last));
}

void window__contest(struct detector *detector, struct model_operation *operation,
		     enum rule_index rule, enum operation rival)
{
	if (!(operation->notes.windows & (1U << rule)) ||
	    (operation->notes.contested & (1U << rule)))
		return;
	operation->notes.contested |= 1U << rule;
	detector->coverage[rule].contested++;
	detector->coverage[rule].rivals[rival]++;
}

void window__open(struct detector *detector, struct model_operation *operation,
		  enum rule_index rule)
{
	const struct model_operation *other;

	if (operation->notes.windows & (1U << rule) || in_window(operation, rule))
		return;
	operation->notes.windows |= 1U << rule;
	detector->coverage[rule].windows++;
	if (!rivals[rule].operations || operation->inode->open_count < 2)
		return;
	DL_FOREACH2(operation->inode->open, other, open_next)
		if (is_rival(rule, operation, other))
			window__contest(detector, operation, rule, other->operation);
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	struct model_operation *window;
	int rule;

	if (operation->inode->open_count < 2)
		return;
	DL_FOREACH2(operation->inode->open, window, open_next) {
		if (!(window->notes.windows & ~window->notes.contested))
			continue;
		for (rule = 0; rule < RULE_COUNT; rule++)
			if ((window->notes.windows & (1U << rule)) &&
			    is_rival(rule, window, operation))
				window__contest(detector, window, rule, operation->operation);
	}
}

const struct rule_hooks window_hooks = {
	.operation_begun = operation_begun,
};
