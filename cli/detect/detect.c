// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "detect/private.h"
#include "probe/table.h"

/* One row a family of rules. */
static const struct rule_hooks *const families[FAMILY_COUNT] = {
	&window_hooks,
	&durability_hooks,
	&lock_hooks,
	&sync_hooks,
	&block_hooks,
	&stale_hooks,
	&mode_hooks,
	&layout_hooks,
	&entry_lock_hooks,
	&huge_hooks,
	/* Behind those that observe: what has happened need not be predicted. */
	&predict_lost_hooks,
	&predict_block_hooks,
	&predict_mode_hooks,
};

#define HOOK(hook)	(offsetof(struct rule_hooks, hook) / sizeof(void (*)(void)))

/* Only those that listen: most families do to few of the hooks, and a record takes several. */
#define EACH_FAMILY(hook, ...)							\
	do {									\
		const struct rule_hooks *const *family_ =			\
			((const struct detector *)context)->listening[HOOK(hook)]; \
										\
		for (; *family_; family_++)					\
			(*family_)->hook(context, __VA_ARGS__);			\
	} while (0)

static void listen(struct detector *detector)
{
	size_t hook, family, count;
	void (*function)(void);

	for (hook = 0; hook < HOOK_COUNT; hook++)
		for (family = count = 0; family < FAMILY_COUNT; family++) {
			memcpy(&function, (const char *)families[family] + hook * sizeof(function),
			       sizeof(function));
			if (function)
				detector->listening[hook][count++] = families[family];
		}
}

static void operation_begun(void *context, struct model_operation *operation)
{
	EACH_FAMILY(operation_begun, operation);
}

static void operation_ended(void *context, struct model_operation *operation, __s64 result,
		__u64 time)
{
	EACH_FAMILY(operation_ended, operation, result, time);
}

static void entry_inserted(void *context, struct model_task *task, struct model_inode *inode,
		struct model_entry *entry, const struct event_entry *record)
{
	EACH_FAMILY(entry_inserted, task, inode, entry, record);
}

static void entry_dirtied(void *context, struct model_task *task, struct model_entry *entry,
		__u64 time)
{
	EACH_FAMILY(entry_dirtied, task, entry, time);
}

static void entry_cleaned(void *context, struct model_task *task, struct model_entry *entry,
		const struct event_range *record)
{
	EACH_FAMILY(entry_cleaned, task, entry, record);
}

static void entry_deleted(void *context, struct model_task *task, struct model_entry *entry,
		enum model_removal removal, const struct event_entry *record)
{
	EACH_FAMILY(entry_deleted, task, entry, removal, record);
}

static void gap_told(void *context, __u64 since, __u64 until)
{
	finding__doubt(context, since, until);
}

static void lock(void *context, struct model_task *task, const struct event_header *record)
{
	struct detector *detector = context;

	if (!task)
		order_stream__describe(detector->order, record);
	EACH_FAMILY(lock, task, record);
}

static void delete_seen(void *context, struct model_task *task, struct model_inode *inode,
		const struct event_entry *record)
{
	EACH_FAMILY(delete_seen, task, inode, record);
}

static void written_back(void *context, struct model_task *task, struct model_inode *inode,
		const struct event_range *record)
{
	EACH_FAMILY(written_back, task, inode, record);
}

static void range_unmapped(void *context, struct model_task *task, struct model_inode *inode,
		const struct event_range *record)
{
	EACH_FAMILY(range_unmapped, task, inode, record);
}

static void page_mapped(void *context, struct model_task *task, struct model_inode *inode,
		const struct event_mapped *record)
{
	EACH_FAMILY(page_mapped, task, inode, record);
}

static void iomap_answered(void *context, struct model_operation *operation,
		const struct event_iomap *record)
{
	EACH_FAMILY(iomap_answered, operation, record);
}

static void mode_changed(void *context, struct model_task *task, struct model_inode *inode,
		const struct event_mode *record)
{
	EACH_FAMILY(mode_changed, task, inode, record);
}

static void old_mode_used(void *context, struct model_task *task, struct model_inode *inode,
		const struct event_enter *record)
{
	EACH_FAMILY(old_mode_used, task, inode, record);
}

static void file_mapped(void *context, struct model_task *task, struct model_mapping *mapping)
{
	EACH_FAMILY(file_mapped, task, mapping);
}

static void entry_waits(void *context, struct model_task *task)
{
	EACH_FAMILY(entry_waits, task);
}

static void entry_still_waits(void *context, struct model_task *task, __u64 time)
{
	EACH_FAMILY(entry_still_waits, task, time);
}

static void entry_locked(void *context, struct model_task *task, struct model_inode *inode)
{
	EACH_FAMILY(entry_locked, task, inode);
}

static void handle_started(void *context, struct model_task *task,
		const struct event_handle *record)
{
	EACH_FAMILY(handle_started, task, record);
}

static void sb_ended(void *context, struct model_task *task,
		const struct model_sb_operation *operation, __s64 result, __u64 time)
{
	EACH_FAMILY(sb_ended, task, operation, result, time);
}

struct detector *detector__new(const struct detector_options *options)
{
	static const struct model_listener listener = {
		.operation_begun = operation_begun,
		.operation_ended = operation_ended,
		.entry_inserted = entry_inserted,
		.entry_dirtied = entry_dirtied,
		.entry_cleaned = entry_cleaned,
		.entry_deleted = entry_deleted,
		.gap_told = gap_told,
		.lock = lock,
		.delete_seen = delete_seen,
		.written_back = written_back,
		.range_unmapped = range_unmapped,
		.page_mapped = page_mapped,
		.iomap_answered = iomap_answered,
		.mode_changed = mode_changed,
		.old_mode_used = old_mode_used,
		.file_mapped = file_mapped,
		.entry_waits = entry_waits,
		.entry_still_waits = entry_still_waits,
		.entry_locked = entry_locked,
		.handle_started = handle_started,
		.sb_ended = sb_ended,
	};
	struct detector *detector = calloc(1, sizeof(*detector));

	if (!detector)
		return NULL;
	listen(detector);
	detector->options = *options;
	detector->options.model.no_flush = options->missing & OBSERVED_BIT(OBSERVED_FLUSH);
	detector->last = &detector->first;
	detector->model = model__new(&detector->options.model, &listener, detector);
	detector->order = order_stream__new();
	if (!detector->model || !detector->order) {
		model__free(detector->model);
		order_stream__free(detector->order);
		free(detector);
		return NULL;
	}
	return detector;
}

void detector__free(struct detector *detector)
{
	struct finding *next;

	if (!detector)
		return;
	finding__settle(detector, false);
	HASH_CLEAR(hh, detector->index);
	while (detector->first) {
		next = detector->first->next;
		free(detector->first);
		detector->first = next;
	}
	order_stream__free(detector->order);
	free(detector->unsure.edges);
	model__free(detector->model);
	free(detector);
}

struct model *detector__model(const struct detector *detector)
{
	return detector->model;
}

const struct order_stream *detector__order(const struct detector *detector)
{
	return detector->order;
}

const struct order_class *detector__class(const struct detector *detector, __u32 id)
{
	return order_stream__class(detector->order, id);
}

const struct finding *detector__findings(const struct detector *detector)
{
	return detector->first;
}

size_t detector__finding_count(const struct detector *detector)
{
	return detector->count;
}

const struct coverage *detector__coverage(const struct detector *detector, enum rule_index rule)
{
	return &detector->coverage[rule];
}

bool detector__selected(const struct detector *detector, enum rule_index rule)
{
	return detector->options.rules & (1U << rule);
}

__u64 detector__missing(const struct detector *detector, enum rule_index rule)
{
	return rule_table[rule]->needs & detector->options.missing;
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = { "clean", "findings", "inconclusive" };

	return names[verdict];
}

enum verdict detector__verdict(const struct detector *detector, bool broken, size_t known)
{
	const struct model_loss *loss = model__loss(detector->model);
	const struct order_loss *order = order_stream__loss(detector->order);
	int rule;

	if (detector->count > known || detector->unlisted)
		return VERDICT_FINDINGS;
	if (broken || loss->records || loss->capacity)
		return VERDICT_INCONCLUSIVE;
	/* An edge that is missing may be the one that closes a cycle. */
	if ((detector->options.rules & RULES_OF_LOCKS) && (order_loss__sum(order) || detector->unsure.count))
		return VERDICT_INCONCLUSIVE;
	if (detector->waiting_count)
		return VERDICT_INCONCLUSIVE;
	for (rule = 0; rule < RULE_COUNT; rule++)
		if (detector__selected(detector, rule) &&
		    (detector__missing(detector, rule) || detector->coverage[rule].unknown))
			return VERDICT_INCONCLUSIVE;
	return VERDICT_CLEAN;
}
