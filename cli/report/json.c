// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* For a program: one object a line, "type" first; specified in daxtrace-json(5). */
#include "common/json.h"
#include "probe/table.h"
#include "report/report.h"

static const char *event_name(__u16 type)
{
	static const char *const names[EVENT_TYPE_COUNT] = {
		[EVENT_ENTER] = "enter",
		[EVENT_EXIT] = "exit",
		[EVENT_ENTRY_INSERT] = "entry-insert",
		[EVENT_ENTRY_DELETE] = "entry-delete",
		[EVENT_ENTRY_DIRTY] = "entry-dirty",
		[EVENT_UNMAP] = "unmap",
		[EVENT_MKCLEAN] = "mkclean",
		[EVENT_WRITEBACK_ONE] = "writeback-one",
		[EVENT_MODE] = "mode",
		[EVENT_MAP] = "mmap",
		[EVENT_MAP_END] = "munmap",
		[EVENT_ENTRY_WAIT] = "entry-wait",
		[EVENT_ENTRY_WAKE] = "entry-wake",
		[EVENT_OLD_MODE] = "old-mode",
	};

	return type < EVENT_TYPE_COUNT && names[type] ? names[type] : "unknown";
}

static void write_stack(struct json *json, const struct model *model, __s32 id)
{
	const __u64 *address;
	unsigned int depth = model__stack(model, id, &address), i;
	const char *name;
	char hex[24];

	if (!depth)
		return;
	json__array(json, "stack");
	for (i = 0; i < depth; i++) {
		name = model__symbol(model, address[i]);
		if (!name) {
			snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)address[i]);
			name = hex;
		}
		json__string(json, NULL, name);
	}
	json__end_array(json);
}

/* From where in its program. */
static void write_user_stack(struct json *json, const struct model *model, __s32 id)
{
	const struct model_user_frame *frames;
	unsigned int depth = model__user_stack(model, id, &frames), i, k;
	char hex[2 * sizeof(frames->build_id) + 1];

	if (!depth)
		return;
	json__array(json, "user_stack");
	for (i = 0; i < depth; i++) {
		json__object(json, NULL);
		json__unsigned(json, "address", frames[i].address);
		if (*frames[i].function) {
			json__string(json, "function", frames[i].function);
			json__unsigned(json, "function_offset", frames[i].function_offset);
		}
		if (*frames[i].file) {
			json__string(json, "file", frames[i].file);
			json__unsigned(json, "file_offset", frames[i].file_offset);
		}
		for (k = 0; k < frames[i].build_id_length; k++)
			snprintf(hex + 2 * k, 3, "%02x", frames[i].build_id[k]);
		if (frames[i].build_id_length)
			json__string(json, "build_id", hex);
		json__end_object(json);
	}
	json__end_array(json);
}

static void write_event(struct json *json, const struct model *model,
			const struct model_event *event, bool moment)
{
	char text[96];

	json__object(json, NULL);
	json__unsigned(json, "time", event->time);
	json__unsigned(json, "tid", event->tid);
	json__string(json, "event", event_name(event->type));
	if (event->type == EVENT_ENTER || event->type == EVENT_EXIT ||
	    event->type == EVENT_OLD_MODE)
		json__string(json, "operation", operation_name(event->operation));
	json__unsigned(json, "first", event->first);
	/* 2^64 - 1 is more than most readers hold: to the end of the file. */
	if (event->last == INDEX_MAX)
		json__string(json, "last", NULL);
	else
		json__unsigned(json, "last", event->last);
	if (event->type == EVENT_EXIT)
		json__signed(json, "result", event->result);
	json__string(json, "text", report__describe(event, text, sizeof(text)));
	if (moment)
		json__bool(json, "moment", true);
	write_stack(json, model, event->stack);
	write_user_stack(json, model, event->user_stack);
	json__end_object(json);
}

static void json_finding(FILE *file, const struct detector *detector,
			 const struct finding *finding)
{
	const struct rule *rule = rule_table[finding->rule];
	char device[32], fingerprint[24];
	struct json json;
	unsigned int i;

	json__init(&json, file);
	json__object(&json, NULL);
	json__string(&json, "type", "finding");
	json__string(&json, "rule", rule->id);
	json__string(&json, "name", rule->name);
	json__string(&json, "certainty", finding->certainty);
	json__string(&json, "severity", rule->severity);
	json__string(&json, "fs", finding->fstype);
	if (!finding__is_about_locks(finding)) {
		json__string(&json, "dev",
			     report__device(finding->key.inode.dev, device, sizeof(device)));
		json__unsigned(&json, "ino", finding->key.inode.ino);
		json__unsigned(&json, "index", finding->index);
		json__unsigned(&json, "pages", finding->pages);
	}
	json__unsigned(&json, "time", finding->time);
	json__unsigned(&json, "occurrences", finding->occurrences);
	snprintf(fingerprint, sizeof(fingerprint), "%016llx",
		 (unsigned long long)finding->key.fingerprint);
	json__string(&json, "fingerprint", fingerprint);
	json__string(&json, "summary", finding->summary);
	json__string(&json, "lock", rule->lock);
	if (*finding->schedule)
		json__string(&json, "schedule", finding->schedule);
	if (finding->lost)
		json__unsigned(&json, "lost", finding->lost);
	json__array(&json, "actors");
	for (i = 0; i < finding->actor_count; i++) {
		json__object(&json, NULL);
		json__unsigned(&json, "tid", finding->actors[i].tid);
		json__string(&json, "comm", finding->actors[i].comm);
		json__string(&json, "role", finding->actors[i].role);
		report__held_json(&json, detector, &finding->actors[i]);
		json__end_object(&json);
	}
	json__end_array(&json);
	report__common_json(&json, detector, finding);
	if (finding__is_about_locks(finding))
		report__lock_finding_json(&json, detector, finding);
	json__array(&json, "events");
	for (i = 0; i < finding->event_count; i++)
		write_event(&json, detector__model(detector), &finding->events[i],
			    (int)i == finding->moment);
	json__end_array(&json);
	json__end_object(&json);
	json__line(&json);
}

static void json_coverage(FILE *file, const struct detector *detector)
{
	const struct coverage *coverage;
	struct json json;
	int rule, operation;

	json__init(&json, file);
	for (rule = 0; rule < RULE_COUNT; rule++) {
		if (!detector__selected(detector, rule))
			continue;
		coverage = detector__coverage(detector, rule);
		json__object(&json, NULL);
		json__string(&json, "type", "coverage");
		json__string(&json, "rule", rule_table[rule]->id);
		json__unsigned(&json, "windows", coverage->windows);
		json__unsigned(&json, "contested", coverage->contested);
		json__unsigned(&json, "unknown", coverage->unknown);
		json__object(&json, "rivals");
		for (operation = 0; operation < OPERATION_COUNT; operation++)
			if (coverage->rivals[operation])
				json__unsigned(&json, report__rival(rule, operation),
					       coverage->rivals[operation]);
		json__end_object(&json);
		json__end_object(&json);
		json__line(&json);
	}
}

static void json_verdict(FILE *file, const struct detector *detector,
			 const struct report_facts *facts, enum verdict verdict)
{
	const struct model_loss *loss = model__loss(detector__model(detector));
	struct json json;
	int i;

	json__init(&json, file);
	json__object(&json, NULL);
	json__string(&json, "type", "verdict");
	json__string(&json, "verdict", verdict_name(verdict));
	/* Of daxtrace-json(5). */
	json__unsigned(&json, "format", 1);
	json__unsigned(&json, "findings", detector__finding_count(detector));
	json__unsigned(&json, "known", facts->known);
	json__unsigned(&json, "records", model__records(detector__model(detector)));
	json__unsigned(&json, "lost", loss->records);
	json__unsigned(&json, "capacity", loss->capacity);
	json__string(&json, "locks", facts->locks);
	if (order_stream__seen(detector__order(detector)))
		json__unsigned(&json, "locks_lost", order_loss__sum(order_stream__loss(
			       detector__order(detector))));
	json__array(&json, "missing");
	for (i = 0; i < OBSERVED_COUNT; i++)
		if (facts->missing & OBSERVED_BIT(i))
			json__string(&json, NULL, probe_table[i].name);
	json__end_array(&json);
	json__array(&json, "unknown");
	for (i = 0; i < RULE_COUNT; i++)
		if (detector__selected(detector, i) &&
		    (detector__missing(detector, i) || detector__coverage(detector, i)->unknown))
			json__string(&json, NULL, rule_table[i]->id);
	json__end_array(&json);
	json__string(&json, "problem", facts->problem);
	json__string(&json, "scope", facts->scope);
	if (facts->perturb) {
		json__object(&json, "perturb");
		json__string(&json, "how", facts->perturb);
		json__unsigned(&json, "delays", facts->delays);
		json__unsigned(&json, "refused", facts->refused);
		json__unsigned(&json, "time", facts->delayed);
		json__end_object(&json);
	}
	json__string(&json, "kernel", facts->kernel);
	json__string(&json, "source", facts->source);
	json__end_object(&json);
	json__line(&json);
}

const struct report_format report_json = {
	.finding = json_finding,
	.coverage = json_coverage,
	.verdict = json_verdict,
	.locks = report__locks_json,
};
