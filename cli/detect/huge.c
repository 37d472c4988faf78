// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Pages of both sizes, and answers that are too short for one.
 *
 * DX15 short-mapping: ->iomap_begin answered a fault of a small page with fewer
 * bytes than the page has.  dax_iomap_pte_fault() warns and fails the fault.
 * An answer too short for a huge page is no finding: the fault falls back.
 * Needs faults and what ->iomap_begin answers them; silent about an answer whose
 * end overflows.  The window is such an answer; no rival is needed.  History: the
 * talk about ext2's fault handler of 2015.
 *
 * DX16 pmd-pte-collision: a huge entry was inserted where entries of pages are,
 * which grab_mapping_entry() refuses (it falls back); or a page was removed or
 * written back alone within a huge entry that maps blocks: such an entry is used
 * whole, by faults of its pages too.  A huge entry of a hole is broken up by the
 * next fault of a page, which is no finding.  Needs faults, and entries inserted
 * and removed; silent about an entry whose insertion was not seen, or from before
 * a loss.  Window: an entry inserted where the other size is known.  History: 348e967ab07c,
 * 876f29460cbd, e2093926a098.
 *
 * DX17 huge-fault-fallback, opt-in: a fault that asked for a huge page got small
 * ones.  No race: an assertion for whoever tunes a load.  Needs faults alone;
 * silent unless it is named.  History: none.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

#define HUGE_ORDER		9	/* PMD_ORDER with 4 KiB pages */
#define HUGE_PAGES		(1ULL << HUGE_ORDER)
#define VM_FAULT_FALLBACK	0x0800	/* enum vm_fault_reason */

#define SMALLEST_PAGE		4096ULL	/* bytes: of any machine that has DAX */

/*
 * Answers of mapped blocks do not always say what was asked for.  Then an end
 * within the page is all that can be told; where blocks are pages there is none.
 */
static bool is_short(const struct model_operation *fault, const struct event_iomap *record)
{
	__u64 end;

	if (__builtin_add_overflow(record->offset, record->length, &end))
		return false;
	if (record->wanted)
		return record->offset > record->position || end <= record->position ||
		       end - record->position < record->wanted;
	return record->length < SMALLEST_PAGE ||
	       (end % SMALLEST_PAGE && end / SMALLEST_PAGE == fault->first);
}

static void iomap_answered(struct detector *detector, struct model_operation *operation,
			   const struct event_iomap *record)
{
	struct coverage *coverage = &detector->coverage[RULE_SHORT_MAPPING];
	struct finding *finding;

	if (operation->operation != OPERATION_FAULT || (operation->argument[0] & FAULT_PMD))
		return;
	coverage->windows++;
	coverage->contested++;		/* it needs no rival */
	coverage->rivals[OPERATION_FAULT]++;
	if (!rule__judges(detector, RULE_SHORT_MAPPING) ||
	    !is_short(operation, record))
		return;
	finding = finding__begin(detector, RULE_SHORT_MAPPING, operation->inode, operation->first, 1,
				 record->header.time, "fault");
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "a fault of %s[%u] needed page %llu; the filesystem's answer covers %llu bytes from byte %llu on",
		 operation->task->comm, operation->task->tid, (unsigned long long)operation->first,
		 (unsigned long long)record->length, (unsigned long long)record->offset);
	finding__actor(finding, detector, operation->task->tid, "fault");
	finding__history(finding, detector, operation->inode, operation->event);
	finding__commit(detector, finding);
}

static void report_collision(struct detector *detector, const struct model_task *task,
			     const struct model_inode *inode, __u64 index,
			     const struct model_entry *entry, const char *how, __u64 time)
{
	struct finding *finding;

	finding = finding__begin(detector, RULE_PMD_PTE_COLLISION, inode, index, 1, time, how);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "page %llu has a huge entry and one of its own: %s, by %s[%u]",
		 (unsigned long long)index, how, task->comm, task->tid);
	finding__actor(finding, detector, task->tid, "fault");
	if (entry->inserted && entry->inserted_by != task->tid)
		finding__actor(finding, detector, entry->inserted_by, "fault");
	finding__history(finding, detector, inode, entry->inserted_event);
	finding__commit(detector, finding);
}

/* Entries of pages where a huge one is inserted: they were not there when it was locked. */
static void entry_inserted(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, struct model_entry *entry,
			   const struct event_entry *record)
{
	struct coverage *coverage = &detector->coverage[RULE_PMD_PTE_COLLISION];
	const struct model_entry *small;
	__u64 i;

	if (!record->order && entry && entry->order) {
		coverage->windows++;
		coverage->contested += entry->inserted_by != task->tid;
		coverage->rivals[OPERATION_FAULT] += entry->inserted_by != task->tid;
		return;
	}
	if (!record->order || !inode->small_count)
		return;
	for (i = 0; i < HUGE_PAGES; i++) {
		small = model__entry(detector->model, inode, record->index + i);
		if (!small || small->order)
			continue;
		coverage->windows++;
		if (small->inserted && model__known(detector->model, small) &&
		    rule__judges(detector, RULE_PMD_PTE_COLLISION))
			report_collision(detector, task, inode, record->index + i, small,
					 "a huge entry was inserted over it", record->header.time);
		return;
	}
}

static const struct model_entry *huge_at(const struct detector *detector,
					 struct model_inode *inode, __u64 index)
{
	const struct model_entry *entry;

	if (inode->entry_count == inode->small_count)
		return NULL;
	entry = model__entry(detector->model, inode, index);
	if (!entry || !entry->order || !entry->inserted || !model__known(detector->model, entry) ||
	    entry->state == ENTRY_HOLE)
		return NULL;
	return entry;
}

static void delete_seen(struct detector *detector, struct model_task *task,
			struct model_inode *inode, const struct event_entry *record)
{
	const struct model_entry *entry;

	if (record->order || !rule__judges(detector, RULE_PMD_PTE_COLLISION))
		return;
	entry = huge_at(detector, inode, record->index);
	if (entry)
		report_collision(detector, task, inode, record->index, entry,
				 "it was removed alone", record->header.time);
}

static void written_back(struct detector *detector, struct model_task *task,
			 struct model_inode *inode, const struct event_range *record)
{
	const struct model_entry *entry;

	if (record->first != record->last || !rule__judges(detector, RULE_PMD_PTE_COLLISION))
		return;
	entry = huge_at(detector, inode, record->first);
	if (entry)
		report_collision(detector, task, inode, record->first, entry,
				 "it was written back alone", record->header.time);
}

static const char *why_fallback(__u64 reason)
{
	static const char *const reasons[] = {
		[FALLBACK_ALIGNMENT] = "file offset and address differ modulo the huge page",
		[FALLBACK_PRIVATE] = "a write to a private mapping",
		[FALLBACK_VMA] = "the VMA does not span the huge page",
		[FALLBACK_END_OF_FILE] = "the file ends within it",
		[FALLBACK_OTHER] = "small pages are in the way, or its blocks do not do",
	};

	return reason < sizeof(reasons) / sizeof(*reasons) && reasons[reason] ? reasons[reason] :
	       "it is not known why";
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct coverage *coverage = &detector->coverage[RULE_HUGE_FALLBACK];
	struct finding *finding;

	if (operation->operation != OPERATION_FAULT || !(operation->argument[0] & FAULT_PMD))
		return;
	coverage->windows++;
	coverage->contested++;		/* it needs no rival */
	coverage->rivals[OPERATION_FAULT]++;
	if (!(result & VM_FAULT_FALLBACK) || !rule__judges(detector, RULE_HUGE_FALLBACK))
		return;
	finding = finding__begin(detector, RULE_HUGE_FALLBACK, operation->inode, operation->first,
				 HUGE_PAGES, time, why_fallback(operation->exit_argument));
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "a fault of %s[%u] could not map a huge page: %s", operation->task->comm,
		 operation->task->tid, why_fallback(operation->exit_argument));
	finding__actor(finding, detector, operation->task->tid, "fault");
	finding__history(finding, detector, operation->inode, operation->event);
	finding__commit(detector, finding);
}

const struct rule_hooks huge_hooks = {
	.operation_ended = operation_ended,
	.entry_inserted = entry_inserted,
	.delete_seen = delete_seen,
	.written_back = written_back,
	.iomap_answered = iomap_answered,
};
