// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Events in words. */
#include <stdarg.h>
#include <string.h>

#include "report/report.h"

const char *report__device(__u32 dev, char *text, size_t length)
{
	snprintf(text, length, "%u:%u", dev >> 20, dev & 0xfffff);
	return text;
}

/*
 * The page of the last byte that a file could have (LLONG_MAX), whatever the size of a page up
 * to 64 KiB: writeback of all tells that.
 */
#define INDEX_OF_ALL	(0x7fffffffffffffffULL >> 16)

static const char *pages(const struct model_event *event, char *text, size_t length)
{
	unsigned long long first = event->first, last = event->last;

	if (first == last)
		snprintf(text, length, "page %llu", first);
	else if (first > last)
		snprintf(text, length, "no whole page");
	else if (last >= INDEX_OF_ALL && !first)
		snprintf(text, length, "all pages");
	else if (last >= INDEX_OF_ALL)
		snprintf(text, length, "pages %llu-", first);
	else
		snprintf(text, length, "pages %llu-%llu", first, last);
	return text;
}

static const char *describe_enter(const struct model_event *event, char *text, size_t length)
{
	unsigned long long a = event->argument[0], b = event->argument[1];
	char range[64];

	pages(event, range, sizeof(range));
	switch (event->operation) {
	case OPERATION_FAULT:
		snprintf(text, length, "%s%s fault, %s", a & FAULT_PRIVATE ? "private " : "",
			 a & FAULT_WRITE ? "write" : "read", range);
		break;
	case OPERATION_READ:
	case OPERATION_WRITE:
		snprintf(text, length, "%s %llu bytes at %llu",
			 operation_name(event->operation), b, a);
		break;
	case OPERATION_SYNC:
		snprintf(text, length, "%s, %s", a ? "fdatasync" : "fsync", range);
		break;
	case OPERATION_SETSIZE:
		snprintf(text, length, "truncate %llu to %llu bytes", a, b);
		break;
	case OPERATION_FALLOCATE:
		snprintf(text, length, "fallocate mode 0x%llx, %s", a, range);
		break;
	case OPERATION_FILEATTR:
		snprintf(text, length, "set file attributes");
		break;
	case OPERATION_LAYOUT:
		snprintf(text, length, "look for pages in use, %s", range);
		break;
	case OPERATION_EVICT:
		snprintf(text, length, "evict inode, %llu links", a);
		break;
	default:
		snprintf(text, length, "%s %s", operation_name(event->operation), range);
	}
	return text;
}

/* enum vm_fault_reason, unchanged from 6.1 to 7.2. */
#define VM_FAULT_OOM		0x0001
#define VM_FAULT_SIGBUS		0x0002
#define VM_FAULT_RETRY		0x0400
#define VM_FAULT_FALLBACK	0x0800
#define VM_FAULT_NEEDDSYNC	0x2000

static const char *fault_result(__s64 result)
{
	if (result & VM_FAULT_SIGBUS)
		return "FAILED: SIGBUS";
	if (result & VM_FAULT_OOM)
		return "failed: out of memory";
	if (result & VM_FAULT_RETRY)
		return "will be retried";
	if (result & VM_FAULT_FALLBACK)
		return "falls back to 4 KiB";
	if (result & VM_FAULT_NEEDDSYNC)
		return "waits for its fsync";
	return "done";
}

/* "EBUSY"; what a trace says need not be an error that this C library knows. */
static const char *error_name(__s64 result)
{
	/* The kernel's MAX_ERRNO is 4095. */
	const char *name = result < 0 && result > -4096 ? strerrorname_np(-result) : NULL;

	return name ? name : "unknown error";
}

static const char *describe_exit(const struct model_event *event, char *text, size_t length)
{
	const char *name = operation_name(event->operation);

	if (event->operation == OPERATION_FAULT)
		snprintf(text, length, "fault %s", fault_result(event->result));
	else if (event->operation == OPERATION_LAYOUT)
		snprintf(text, length, "%s", event->result ? "a page is IN USE" : "none is in use");
	else if (event->result < 0)
		snprintf(text, length, "%s failed: %s", name, error_name(event->result));
	else if (event->operation == OPERATION_READ || event->operation == OPERATION_WRITE)
		snprintf(text, length, "%s done: %lld bytes", name, (long long)event->result);
	else
		snprintf(text, length, "%s done", name);
	return text;
}

const char *report__describe(const struct model_event *event, char *text, size_t length)
{
	char range[64];

	pages(event, range, sizeof(range));
	switch (event->type) {
	case EVENT_ENTER:
		return describe_enter(event, text, length);
	case EVENT_EXIT:
		return describe_exit(event, text, length);
	case EVENT_ENTRY_INSERT:
		if (event->flags & ENTRY_ZERO)
			snprintf(text, length, "entry: zero page of a hole");
		else
			snprintf(text, length, "entry: pfn 0x%llx, %s",
				 (unsigned long long)event->argument[0],
				 event->flags & ENTRY_DIRTY ? "DIRTY" :
				 event->flags & ENTRY_SYNC ? "MAP_SYNC" : "mapped");
		break;
	case EVENT_ENTRY_DELETE:
		snprintf(text, length, "entry REMOVED, %s", range);
		break;
	case EVENT_ENTRY_DIRTY:
		snprintf(text, length, "entry: DIRTY (MAP_SYNC)");
		break;
	case EVENT_UNMAP:
		snprintf(text, length, "unmapped %s", range);
		break;
	case EVENT_MKCLEAN:
		snprintf(text, length, "write-protected %s", range);
		break;
	case EVENT_MODE:
		snprintf(text, length, "mode: %s to %s", event->argument[0] & MODE_DAX ? "DAX" : "no DAX",
			 event->flags & MODE_DAX ? "DAX" :
			 event->argument[0] & MODE_DAX ? "no DAX" : "other operations");
		break;
	case EVENT_MAP:
		snprintf(text, length, "mmap%s%s, %s", event->flags & MAP_FORK ? " (fork)" : "",
			 event->flags & MAP_SHARED_FILE ? "" : " private", range);
		break;
	case EVENT_MAP_END:
		snprintf(text, length, "munmap, %s", range);
		break;
	case EVENT_ENTRY_WAIT:
		snprintf(text, length, "WAITS for the entry's lock, %s", range);
		break;
	case EVENT_ENTRY_WAKE:
		snprintf(text, length, "wakes task %llu for the entry's lock, %s",
			 (unsigned long long)event->argument[0], range);
		break;
	case EVENT_OLD_MODE:
		snprintf(text, length, "%s %s goes by DAX: the file is NOT IN DAX MODE",
			 operation_name(event->operation), range);
		break;
	case EVENT_WRITEBACK_ONE:
		if (event->argument[1])
			snprintf(text, length, "flushed OTHER FRAMES (pfn 0x%llx), tag cleared, %s",
				 (unsigned long long)event->argument[1], range);
		else
			snprintf(text, length, "flushed, tag cleared, %s", range);
		break;
	default:
		snprintf(text, length, "event %u", event->type);
	}
	return text;
}

const char *report__rival(enum rule_index rule, enum operation operation)
{
	/* A mapping is no operation; nor need be what waits for the lock of an entry (DX12). */
	if (rule == RULE_FLIP_WHILE_MAPPED && operation == OPERATION_NONE)
		return "mmap";
	return operation_name(operation);
}

unsigned int report__depth(const struct model_event *events, unsigned int index)
{
	unsigned int depth = 0, i;

	for (i = 0; i < index; i++) {
		if (events[i].tid != events[index].tid)
			continue;
		if (events[i].type == EVENT_ENTER)
			depth++;
		else if (events[i].type == EVENT_EXIT && depth)
			depth--;
	}
	if (events[index].type == EVENT_EXIT && depth)
		depth--;
	return depth;
}
