// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DX11 layout-break-incomplete: the newest look for pages in use, within an
 * operation that frees blocks, found one; no further look found none; and the
 * operation truncated the page cache all the same, and succeeded.  Filesystems
 * look again after each wait until dax_layout_busy_page() returns NULL (ext4
 * since b1f382178d15), or give up with an error.  Silent where no look was made:
 * which pages are pinned is not known then.  The window is an operation that
 * looks; it is contested if a page was in use.  History: B15, B16.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

static struct model_operation *freeing_around(struct model_operation *inner)
{
	struct model_operation *operation = inner->task->operations;

	for (; operation < inner; operation++)
		if (operation->inode == inner->inode &&
		    (operation->operation == OPERATION_SETSIZE ||
		     operation->operation == OPERATION_FALLOCATE))
			return operation;
	return NULL;
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	struct model_operation *freeing;

	if (operation->operation != OPERATION_TRUNCATE && operation->operation != OPERATION_LAYOUT)
		return;
	freeing = freeing_around(operation);
	if (!freeing)
		return;
	if (operation->operation == OPERATION_LAYOUT)
		window__open(detector, freeing, RULE_LAYOUT_BREAK);
	else if (freeing->notes.flags & NOTE_BUSY)
		freeing->notes.flags |= NOTE_BUSY_TRUNCATED;
}

static void report(struct detector *detector, const struct model_operation *freeing, __u64 time)
{
	struct finding *finding;
	char signature[96];

	snprintf(signature, sizeof(signature), "page in use|freed by %s",
		 operation_name(freeing->operation));
	finding = finding__begin(detector, RULE_LAYOUT_BREAK, freeing->inode, freeing->first, 1, time,
				 signature);
	if (!finding)
		return;
	if (freeing->last != INDEX_MAX && freeing->last > freeing->first)
		finding->pages = freeing->last - freeing->first + 1;
	snprintf(finding->summary, sizeof(finding->summary),
		 "%s by %s[%u] freed blocks from page %llu on, although its newest look had found one of "
		 "their pages in use", operation_name(freeing->operation), freeing->task->comm,
		 freeing->task->tid, (unsigned long long)freeing->first);
	finding__actor(finding, detector, freeing->task->tid, operation_name(freeing->operation));
	finding__history(finding, detector, freeing->inode, freeing->event);
	finding__commit(detector, finding);
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct model_operation *freeing;

	if (operation->operation == OPERATION_LAYOUT) {
		freeing = freeing_around(operation);
		if (!freeing)
			return;
		freeing->notes.flags &= ~NOTE_BUSY;
		if (result) {
			freeing->notes.flags |= NOTE_BUSY;
			window__contest(detector, freeing, RULE_LAYOUT_BREAK, OPERATION_LAYOUT);
		}
		return;
	}
	if (!result && (operation->notes.flags & NOTE_BUSY_TRUNCATED) &&
	    rule__judges(detector, RULE_LAYOUT_BREAK))
		report(detector, operation, time);
}

const struct rule_hooks layout_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
};
