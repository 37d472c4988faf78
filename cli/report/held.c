// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the tasks of a finding held, and what of it they had in common. */
#include <string.h>

#include "common/json.h"
#include "common/printable.h"
#include "report/lines.h"
#include "report/report.h"

static const struct {
	const char *words, *function;
} places[LOCK_PLACE_COUNT] = {
	[LOCK_PLACE_FAULT] = { "as the fault began", "dax_iomap_fault" },
	[LOCK_PLACE_TRUNCATE] = { "as it began to free the pages", "truncate_inode_pages_range" },
	[LOCK_PLACE_FLUSH] = { "as it began to write back", "dax_writeback_mapping_range" },
	[LOCK_PLACE_FLIP] = { "as it changed the mode", "inode_set_flags" },
	[LOCK_PLACE_RW] = { "as the read or write began", "dax_iomap_rw" },
	[LOCK_PLACE_WRITEPAGES] = { "as it began to write back", "do_writepages" },
	[LOCK_PLACE_MAP] = { "as it mapped the file", "mmap_region" },
	[LOCK_PLACE_INVALIDATE] = { "as it began to invalidate", "invalidate_inode_pages2_range" },
};

static const char *class_name(const struct detector *detector, __u32 id)
{
	const struct order_class *class = detector__class(detector, id);

	return class ? class->name : "?";
}

/* A lock may have been left out of what a task held. */
static bool may_lack(const struct detector *detector)
{
	return order_loss__sum(order_stream__loss(detector__order(detector)));
}

static void put_actor(FILE *file, const struct detector *detector,
		      const struct finding_actor *actor)
{
	char names[LOCK_SET_MAX * (ORDER_NAME_LENGTH + 16)], line[sizeof(names) + 128];

	detector__name_held(detector, actor->held, actor->held_count, names, sizeof(names));
	if (actor->held_at)
		snprintf(line, sizeof(line), "%s[%u], %s: %s", actor->comm, actor->tid,
			 places[actor->held_at].words, actor->held_count ? names : "nothing");
	else
		snprintf(line, sizeof(line), "%s[%u]: not known", actor->comm, actor->tid);
	make_printable(line);
	report__wrap(file, 4, line);
}

void report__held(FILE *file, const struct detector *detector, const struct finding *finding)
{
	const char *lock = rule_table[finding->rule]->lock;
	char line[ORDER_NAME_LENGTH + 80];
	bool known = false;
	unsigned int i;

	for (i = 0; i < finding->actor_count; i++)
		known = known || finding->actors[i].held_at;
	if (!known)
		return;
	fputs("\n  What they held\n", file);
	for (i = 0; i < finding->actor_count; i++)
		put_actor(file, detector, &finding->actors[i]);
	if (may_lack(detector)) {
		report__wrap(file, 4, "There may be more: programs that follow locks could not always "
			     "run.");
	} else if (finding->common == FINDING_COMMON_LOCK) {
		snprintf(line, sizeof(line), "In common: %s, which keeps one out while the other has it.",
			 class_name(detector, finding->common_class));
		make_printable(line);
		report__wrap(file, 4, line);
	} else if (finding->common == FINDING_COMMON_NONE && lock && strncmp(lock, "none", 4)) {
		report__wrap(file, 4, "No lock in common keeps one out while the other is at it (the "
			     "entry's own lock is not told of).");
	}
}

void report__held_json(struct json *json, const struct detector *detector,
		       const struct finding_actor *actor)
{
	unsigned int i;

	if (!actor->held_at)
		return;
	json__string(json, "held_at", places[actor->held_at].function);
	json__array(json, "held");
	for (i = 0; i < actor->held_count; i++) {
		json__object(json, NULL);
		json__string(json, "class", class_name(detector, actor->held[i].class));
		json__string(json, "mode", lock_mode_name(actor->held[i].mode));
		json__end_object(json);
	}
	json__end_array(json);
}

void report__common_json(struct json *json, const struct detector *detector,
			 const struct finding *finding)
{
	if (may_lack(detector))
		return;
	if (finding->common == FINDING_COMMON_NONE)
		json__string(json, "common_lock", NULL);
	else if (finding->common == FINDING_COMMON_LOCK)
		json__string(json, "common_lock", class_name(detector, finding->common_class));
}
