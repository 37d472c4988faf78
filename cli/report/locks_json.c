// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Locks for a program: "class", "edge" and "cycle" of daxtrace-json(5). */
#include "common/json.h"
#include "report/report.h"

static void write_stack(struct json *json, const struct model *model, const char *key, __s32 id)
{
	const __u64 *address;
	unsigned int depth = model__stack(model, id, &address), i;
	const char *name;
	char hex[24];

	json__array(json, key);
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

static void write_sight(struct json *json, const struct model *model,
			const struct order_sight *sight)
{
	json__unsigned(json, "time", sight->time);
	json__unsigned(json, "tid", sight->tid);
	json__string(json, "comm", sight->comm);
	json__string(json, "from_mode", lock_mode_name(sight->from_mode));
	json__string(json, "to_mode", lock_mode_name(sight->to_mode));
	json__bool(json, "from_trylock", sight->flags & LOCK_EDGE_FROM_TRYLOCK);
	json__bool(json, "from_stack_earlier", sight->flags & LOCK_EDGE_FROM_EARLIER);
	write_stack(json, model, "from_stack", sight->from_stack);
	write_stack(json, model, "to_stack", sight->to_stack);
}

static void write_edge(struct json *json, const struct model *model, const char *type,
		       const struct order_edge *edge, const struct order_sight *sight)
{
	json__object(json, NULL);
	if (type)
		json__string(json, "type", type);
	report__edge_json(json, model, edge, sight);
	json__end_object(json);
}

void report__edge_json(struct json *json, const struct model *model,
		       const struct order_edge *edge, const struct order_sight *sight)
{
	char text[16];

	json__string(json, "from", edge->from->name);
	json__string(json, "from_class", edge->from->label);
	json__string(json, "to", edge->to->name);
	json__string(json, "to_class", edge->to->label);
	json__string(json, "dependencies",
		     order_dependencies__text(edge->dependencies, text, sizeof(text)));
	json__bool(json, "nesting", edge->from == edge->to);
	json__bool(json, "in_cycle", edge->in_cycle);
	json__bool(json, "against_ranks", edge->against_ranks);
	write_sight(json, model, sight);
}

static void write_class(struct json *json, const struct order_class *class)
{
	json__object(json, NULL);
	json__string(json, "type", "class");
	json__string(json, "class", class->label);
	json__string(json, "name", class->name);
	json__string(json, "fs", *class->fstype ? class->fstype : NULL);
	json__bool(json, "directory", class->directory);
	json__bool(json, "named", class->named);
	json__string(json, "lock", lock_type_name(class->type));
	json__unsigned(json, "acquisitions", class->acquisitions);
	json__unsigned(json, "max_depth", class->max_depth);
	if (class->contention_known) {
		json__unsigned(json, "contentions", class->contentions);
		json__unsigned(json, "waited", class->waited);
		json__unsigned(json, "longest_wait", class->longest);
	} else {
		json__string(json, "contentions", NULL);
		json__string(json, "waited", NULL);
		json__string(json, "longest_wait", NULL);
	}
	json__end_object(json);
	json__line(json);
}

void report__cycle_json(struct json *json, const struct order_cycle *cycle)
{
	unsigned int i;

	json__array(json, "classes");
	for (i = 0; i < cycle->length; i++)
		json__string(json, NULL, cycle->edges[i]->from->label);
	json__end_array(json);
	json__bool(json, "cut", cycle->cut);
}

void report__locks_json(FILE *file, const struct detector *detector)
{
	const struct order_stream *stream = detector__order(detector);
	const struct order_graph *graph = order_stream__graph(stream);
	const struct order_loss *loss = order_stream__loss(stream);
	const struct model *model = detector__model(detector);
	const struct order_cycle *cycle;
	const struct order_class *class;
	const struct order_edge *edge;
	struct json json;

	json__init(&json, file);
	for (class = order_graph__classes(graph); class; class = class->next)
		write_class(&json, class);
	for (edge = order_graph__edges(graph); edge; edge = edge->next) {
		write_edge(&json, model, "edge", edge, &edge->first);
		json__line(&json);
	}
	for (cycle = order_graph__cycles(graph); cycle; cycle = cycle->next) {
		json__object(&json, NULL);
		json__string(&json, "type", "cycle");
		report__cycle_json(&json, cycle);
		json__end_object(&json);
		json__line(&json);
	}
	json__object(&json, NULL);
	json__string(&json, "type", "locks");
	json__unsigned(&json, "classes", order_graph__class_count(graph));
	json__unsigned(&json, "edges", order_graph__edge_count(graph));
	json__unsigned(&json, "unseen", loss->unseen);
	json__unsigned(&json, "stale", loss->stale);
	json__unsigned(&json, "overflow", loss->overflow);
	json__unsigned(&json, "room", loss->room);
	json__unsigned(&json, "missed", loss->missed);
	json__end_object(&json);
	json__line(&json);
}

/* Fields of a finding that is about locks. */
void report__lock_finding_json(struct json *json, const struct detector *detector,
			       const struct finding *finding)
{
	const struct model *model = detector__model(detector);
	unsigned int i;

	if (finding->cycle) {
		json__array(json, "edges");
		for (i = 0; i < finding->cycle->length; i++)
			write_edge(json, model, NULL, finding->cycle->edges[i],
				   &finding->cycle->edges[i]->first);
		json__end_array(json);
	} else if (finding->edge) {
		json__array(json, "edges");
		write_edge(json, model, NULL, finding->edge, &finding->sight);
		json__end_array(json);
	} else if (finding->class) {
		json__string(json, "class", finding->class->label);
		json__string(json, "mode", lock_mode_name(finding->sight.from_mode));
		write_stack(json, model, "stack", finding->sight.from_stack);
	}
	if (finding->violation.path) {
		json__string(json, "ranks", finding->violation.path);
		json__unsigned(json, "ranks_from_line", finding->violation.from_line);
		json__unsigned(json, "ranks_to_line", finding->violation.to_line);
	}
}
