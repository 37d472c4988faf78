// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What two streams do not share: edges and cycles of their lock-order graphs, and
 * findings.  Classes are the same by their labels, findings by their
 * fingerprints: neither depends on the machine, the run or addresses.
 */
#include "common/json.h"
#include "report/lines.h"
#include "report/report.h"

/* One difference on its way out; model: of the stream that it is from. */
struct writer {
	FILE *file;
	struct json json;
	void (*edge)(struct writer *writer, const struct model *model, const char *change,
		     const struct order_edge *edge, const struct order_edge *before);
	void (*cycle)(struct writer *writer, const struct model *model, const char *change,
		      const struct order_cycle *cycle);
	void (*finding)(struct writer *writer, const char *change, const struct finding *finding);
};

static const struct order_graph *graph_of(const struct detector *detector)
{
	return order_stream__graph(detector__order(detector));
}

/* Edges of one that the other has not; with those of other modes if changed is given. */
static size_t compare_edges(struct writer *writer, const char *change, const struct detector *of,
			    const struct detector *other, size_t *changed)
{
	const struct model *model = detector__model(of);
	const struct order_edge *edge, *counterpart;
	size_t count = 0;

	for (edge = order_graph__edges(graph_of(of)); edge; edge = edge->next) {
		counterpart = order_graph__counterpart(graph_of(other), edge);
		if (!counterpart) {
			count++;
			writer->edge(writer, model, change, edge, NULL);
		} else if (changed && edge->dependencies != counterpart->dependencies) {
			(*changed)++;
			writer->edge(writer, model, "modes", edge, counterpart);
		}
	}
	return count;
}

static size_t compare_cycles(struct writer *writer, const char *change, const struct detector *of,
			     const struct detector *other)
{
	const struct order_cycle *cycle;
	size_t count = 0;

	for (cycle = order_graph__cycles(graph_of(of)); cycle; cycle = cycle->next) {
		if (order_graph__has_cycle(graph_of(other), cycle))
			continue;
		count++;
		writer->cycle(writer, detector__model(of), change, cycle);
	}
	return count;
}

static bool has_fingerprint(const struct detector *detector, __u64 fingerprint,
			    const struct finding *end)
{
	const struct finding *finding;

	for (finding = detector__findings(detector); finding && finding != end;
	     finding = finding->next)
		if (finding->key.fingerprint == fingerprint)
			return true;
	return false;
}

static size_t compare_findings(struct writer *writer, const char *change,
			       const struct detector *of, const struct detector *other)
{
	const struct finding *finding;
	size_t count = 0;

	for (finding = detector__findings(of); finding; finding = finding->next) {
		/* Once for all the inodes that have it. */
		if (finding->cycle || has_fingerprint(other, finding->key.fingerprint, NULL) ||
		    has_fingerprint(of, finding->key.fingerprint, finding))
			continue;
		count++;
		writer->finding(writer, change, finding);
	}
	return count;
}

static void compare(struct writer *writer, const struct detector *before,
		    const struct detector *after, struct report_difference *difference)
{
	*difference = (struct report_difference){ 0 };
	difference->new_cycles = compare_cycles(writer, "new", after, before);
	difference->gone_cycles = compare_cycles(writer, "gone", before, after);
	difference->new_findings = compare_findings(writer, "new", after, before);
	difference->gone_findings = compare_findings(writer, "gone", before, after);
	difference->new_edges = compare_edges(writer, "new", after, before,
					      &difference->changed_edges);
	difference->gone_edges = compare_edges(writer, "gone", before, after, NULL);
}

/* --- for a person ----------------------------------------------------------- */

static void print_edge(struct writer *writer, const struct model *model, const char *change,
		       const struct order_edge *edge, const struct order_edge *before)
{
	char line[2 * ORDER_LABEL_LENGTH + 64], text[16], old[16];

	order_dependencies__text(edge->dependencies, text, sizeof(text));
	if (before)
		snprintf(line, sizeof(line), "modes    %s -> %s: was %s, is %s", edge->from->label,
			 edge->to->label,
			 order_dependencies__text(before->dependencies, old, sizeof(old)), text);
	else
		snprintf(line, sizeof(line), "%-4s edge %s -> %s (%s)%s", change, edge->from->label,
			 edge->to->label, text, edge->from == edge->to ? " nesting" : "");
	report__wrap(writer->file, 0, line);
	report__sight(writer->file, model, edge->from, edge->to, &edge->first);
}

static void print_cycle(struct writer *writer, const struct model *model, const char *change,
			const struct order_cycle *cycle)
{
	fprintf(writer->file, "%s cycle\n", change);
	report__cycle(writer->file, model, cycle);
	fputc('\n', writer->file);
}

static void print_finding(struct writer *writer, const char *change,
			  const struct finding *finding)
{
	char line[FINDING_SUMMARY + 128];

	snprintf(line, sizeof(line), "%s %s %s (%s, %016llx): %s", change,
		 rule_table[finding->rule]->id, rule_table[finding->rule]->name,
		 finding->certainty, (unsigned long long)finding->key.fingerprint,
		 finding->summary);
	report__wrap(writer->file, 0, line);
}

void report__diff(FILE *file, const struct detector *before, const struct detector *after,
		  struct report_difference *difference)
{
	struct writer writer = { file, .edge = print_edge, .cycle = print_cycle,
				 .finding = print_finding };

	compare(&writer, before, after, difference);
	fprintf(file, "Edges: %zu new, %zu gone, %zu in other modes. Cycles: %zu new, %zu gone.\n"
		"Other findings: %zu new, %zu gone.\n", difference->new_edges,
		difference->gone_edges, difference->changed_edges, difference->new_cycles,
		difference->gone_cycles, difference->new_findings, difference->gone_findings);
}

/* --- for a program ------------------------------------------------------------ */

static void begin(struct writer *writer, const char *type, const char *change)
{
	json__object(&writer->json, NULL);
	json__string(&writer->json, "type", type);
	json__string(&writer->json, "change", change);
}

static void end(struct writer *writer)
{
	json__end_object(&writer->json);
	json__line(&writer->json);
}

static void write_edge(struct writer *writer, const struct model *model, const char *change,
		       const struct order_edge *edge, const struct order_edge *before)
{
	char text[16];

	begin(writer, "edge", change);
	if (before)
		json__string(&writer->json, "dependencies_before",
			     order_dependencies__text(before->dependencies, text, sizeof(text)));
	report__edge_json(&writer->json, model, edge, &edge->first);
	end(writer);
}

static void write_cycle(struct writer *writer, const struct model *model, const char *change,
			const struct order_cycle *cycle)
{
	(void)model;
	begin(writer, "cycle", change);
	report__cycle_json(&writer->json, cycle);
	end(writer);
}

static void write_finding(struct writer *writer, const char *change,
			  const struct finding *finding)
{
	char fingerprint[17];

	snprintf(fingerprint, sizeof(fingerprint), "%016llx",
		 (unsigned long long)finding->key.fingerprint);
	begin(writer, "finding", change);
	json__string(&writer->json, "rule", rule_table[finding->rule]->id);
	json__string(&writer->json, "name", rule_table[finding->rule]->name);
	json__string(&writer->json, "certainty", finding->certainty);
	json__string(&writer->json, "fs", *finding->fstype ? finding->fstype : NULL);
	json__string(&writer->json, "fingerprint", fingerprint);
	json__string(&writer->json, "summary", finding->summary);
	end(writer);
}

void report__diff_json(FILE *file, const struct detector *before, const struct detector *after,
		       struct report_difference *difference)
{
	struct writer writer = { file, .edge = write_edge, .cycle = write_cycle,
				 .finding = write_finding };

	json__init(&writer.json, file);
	compare(&writer, before, after, difference);
}
