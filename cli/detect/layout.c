// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DX11 layout-break-incomplete: the newest look for pages in use, within an
 * operation that frees blocks, found one; no further look found none; and the
 * operation succeeded all the same.  Filesystems look again after each wait until
 * dax_layout_busy_page() returns NULL (ext4 since b1f382178d15), or give up with an
 * error.  The window is an operation that looks; it is contested if a page was in
 * use.  History: 430657b6be89, b1f382178d15.
 *
 * Predicted: the operation freed blocks of a page that a fault had mapped and that
 * a VMA still covered, and nobody looked.  Whether the page was in use is not known
 * then; nothing would have kept it from being so.  A page that is freed in part keeps
 * its block.  History: 430657b6be89.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

/* The innermost: of one around that the end may have gone unseen. */
static struct model_operation *freeing_around(struct model_operation *inner)
{
	struct model_operation *operation = inner;

	while (operation-- > inner->task->operations)
		if (operation->inode == inner->inode &&
		    (operation->operation == OPERATION_SETSIZE ||
		     operation->operation == OPERATION_FALLOCATE))
			return operation;
	return NULL;
}

#define MODE_PUNCH_OR_COLLAPSE	(0x02 | 0x08)	/* FALLOC_FL_* of <linux/falloc.h> */
#define SOME_PAGES		64

/* A page that the operation frees whole, that is mapped, and whose block a fault has found. */
static bool frees_mapped_page(struct detector *detector, const struct model_operation *freeing)
{
	struct model_inode *inode = freeing->inode;
	const struct model_mapping *mapping;
	const struct model_entry *entry;
	__u64 index, last, pages;

	if (!inode->entry_count || !inode->mapping_count ||
	    (freeing->operation == OPERATION_FALLOCATE &&
	     !(freeing->argument[0] & MODE_PUNCH_OR_COLLAPSE)))
		return false;
	mapping = model__mapping_of(detector->model, inode, freeing->first, freeing->last);
	if (!mapping)
		return false;
	index = mapping->first > freeing->first ? mapping->first : freeing->first;
	last = mapping->last < freeing->last ? mapping->last : freeing->last;
	/* Not by the index itself: last may be the largest there is. */
	pages = last - index < SOME_PAGES ? last - index + 1 : SOME_PAGES;
	for (; pages; index++, pages--) {
		entry = model__entry(detector->model, inode, index);
		/* Whether it is dirty does not matter, so neither does what was before tracing. */
		if (entry && entry->state != ENTRY_HOLE && entry->epoch == freeing->task->epoch &&
		    operation__frees_wholly(freeing, index, 0))
			return true;
	}
	return false;
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	struct model_operation *freeing;

	if (operation->operation == OPERATION_SETSIZE || operation->operation == OPERATION_FALLOCATE) {
		if (frees_mapped_page(detector, operation))
			operation->notes.flags |= NOTE_FREES_MAPPED;
		return;
	}
	if (operation->operation != OPERATION_LAYOUT)
		return;
	freeing = freeing_around(operation);
	if (!freeing)
		return;
	window__open(detector, freeing, RULE_LAYOUT_BREAK);
	/* Whichever it is for: somebody has looked. */
	for (; freeing; freeing = freeing_around(freeing))
		freeing->notes.flags &= ~NOTE_FREES_MAPPED;
}

static void report(struct detector *detector, const struct model_operation *freeing, bool looked,
		   __u64 time)
{
	struct finding *finding;
	char signature[96];

	snprintf(signature, sizeof(signature), "%s|freed by %s",
		 looked ? "page in use" : "predicted|nobody looked",
		 operation_name(freeing->operation));
	finding = finding__begin(detector, RULE_LAYOUT_BREAK, freeing->inode, freeing->first, 1, time,
				 signature);
	if (!finding)
		return;
	if (freeing->last != INDEX_MAX && freeing->last > freeing->first)
		finding->pages = freeing->last - freeing->first + 1;
	snprintf(finding->summary, sizeof(finding->summary),
		 "%s by %s[%u] freed blocks from page %llu on, although %s",
		 operation_name(freeing->operation), freeing->task->comm, freeing->task->tid,
		 (unsigned long long)freeing->first,
		 looked ? "its newest look had found one of their pages in use" :
			  "they were mapped, and it had not looked for pages in use");
	if (!looked) {
		finding->certainty = "predicted";
		snprintf(finding->schedule, sizeof(finding->schedule),
			 "A device is told to read or write the mapped page (get_user_pages); %s frees its block, "
			 "which becomes another file's; the device goes on.",
			 operation_name(freeing->operation));
	}
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
	if (!result && (operation->notes.flags & (NOTE_BUSY | NOTE_FREES_MAPPED)) &&
	    rule__judges(detector, RULE_LAYOUT_BREAK))
		report(detector, operation, operation->notes.flags & NOTE_BUSY, time);
}

const struct rule_hooks layout_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
};
