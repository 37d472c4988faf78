// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Locks for a person: findings about them, the classes and the graph, in 80 columns. */
#include <stdlib.h>
#include <string.h>

#include "common/printable.h"
#include "report/lines.h"
#include "report/report.h"

#define STACK_FRAMES	8

/* Frames of the tracing itself, and of the function that takes any lock. */
static bool is_plumbing(const char *name)
{
	static const char *const prefixes[] = {
		"bpf_", "__bpf_", "down_read", "down_write", "mutex_lock", "mutex_trylock",
		"percpu_down_", "__traceiter_", "trace_call_bpf",
	};
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void print_stack(FILE *file, const struct model *model, __s32 id)
{
	const __u64 *address;
	unsigned int depth = model__stack(model, id, &address), i, printed = 0;
	const char *name;

	if (!depth)
		fputs("        (its stack was not kept)\n", file);
	for (i = 0; i < depth && printed < STACK_FRAMES; i++) {
		name = model__symbol(model, address[i]);
		if (name && !printed && is_plumbing(name))
			continue;
		fputs("        ", file);
		if (name)
			report__put(file, name, REPORT_WIDTH - 8);
		else
			fprintf(file, "0x%llx", (unsigned long long)address[i]);
		fputc('\n', file);
		printed++;
	}
}

/* Who held which lock and waited for which, where. */
void report__sight(FILE *file, const struct model *model, const struct order_class *from,
		   const struct order_class *to, const struct order_sight *sight)
{
	char line[2 * ORDER_LABEL_LENGTH + 128];

	snprintf(line, sizeof(line), "%s[%u] at %.6f s: held %s (%s%s),", sight->comm, sight->tid,
		 (double)sight->time / 1e9, from->label, lock_mode_name(sight->from_mode),
		 sight->flags & LOCK_EDGE_FROM_TRYLOCK ? ", by a trylock" : "");
	report__wrap(file, 4, line);
	fprintf(file, "      taken%s at\n", sight->flags & LOCK_EDGE_FROM_EARLIER ?
		", at an earlier time," : "");
	print_stack(file, model, sight->from_stack);
	snprintf(line, sizeof(line), "and waited for %s (%s) at", to->label,
		 lock_mode_name(sight->to_mode));
	report__wrap(file, 6, line);
	print_stack(file, model, sight->to_stack);
}

void report__cycle(FILE *file, const struct model *model, const struct order_cycle *cycle)
{
	const struct order_edge *edge;
	char head[ORDER_LABEL_LENGTH + 16];
	unsigned int i;

	snprintf(head, sizeof(head), "%s", cycle->edges[0]->from->label);
	report__wrap(file, 4, head);
	for (i = 0; i < cycle->length; i++) {
		snprintf(head, sizeof(head), "-> %s", cycle->edges[i]->to->label);
		report__wrap(file, 4, head);
	}
	if (cycle->cut)
		report__wrap(file, 4, "(a longer chain: its middle is left out)");
	for (i = 0; i < cycle->length; i++) {
		edge = cycle->edges[i];
		fprintf(file, "\n  %u. ", i + 1);
		report__put(file, edge->from->label, 34);
		fputs(" -> ", file);
		report__put(file, edge->to->label, 34);
		fputc('\n', file);
		report__sight(file, model, edge->from, edge->to, &edge->first);
	}
}

void report__lock_finding(FILE *file, const struct detector *detector,
			  const struct finding *finding)
{
	const struct model *model = detector__model(detector);
	char line[512];

	if (finding->cycle) {
		fputs("\n  The chain:\n", file);
		report__cycle(file, model, finding->cycle);
	} else if (finding->edge) {
		fputc('\n', file);
		report__sight(file, model, finding->edge->from, finding->edge->to, &finding->sight);
	} else if (finding->class) {
		fputs("\n  It was taken at\n", file);
		print_stack(file, model, finding->sight.from_stack);
	}
	if (finding->violation.path) {
		snprintf(line, sizeof(line), "%.200s ranks the second (line %u) above the first (line "
			 "%u).", finding->violation.path, finding->violation.to_line,
			 finding->violation.from_line);
		report__wrap(file, 4, line);
	}
}

/* --- the view --------------------------------------------------------------- */

static int by_acquisitions(const void *left, const void *right)
{
	const struct order_class *a = *(const struct order_class *const *)left;
	const struct order_class *b = *(const struct order_class *const *)right;

	if (a->acquisitions != b->acquisitions)
		return a->acquisitions < b->acquisitions ? 1 : -1;
	return strcmp(a->label, b->label);
}

static unsigned int count_edges(const struct order_edge *edge, bool out)
{
	unsigned int count = 0;

	for (; edge; edge = out ? edge->next_out : edge->next_in)
		count++;
	return count;
}

#define CLASS_WIDTH	32

/* At most 8 characters. */
static void print_wait(FILE *file, __u64 ns)
{
	if (ns < 1000000)
		fprintf(file, " %5.1f us", ns / 1e3);
	else if (ns < 1000000000)
		fprintf(file, " %5.1f ms", ns / 1e6);
	else
		fprintf(file, " %6.1f s", ns / 1e9);
}

static void print_class(FILE *file, const struct order_class *class)
{
	if (strlen(class->label) > CLASS_WIDTH) {
		report__put(file, class->label, REPORT_WIDTH);
		fprintf(file, "\n%*s", CLASS_WIDTH, "");
	} else {
		report__put(file, class->label, CLASS_WIDTH);
		fprintf(file, "%*s", CLASS_WIDTH - (int)strlen(class->label), "");
	}
	if (class->acquisitions)
		fprintf(file, " %10llu", (unsigned long long)class->acquisitions);
	else
		fprintf(file, " %10s", "-");
	if (class->contention_known)
		fprintf(file, " %7llu", (unsigned long long)class->contentions);
	else
		fprintf(file, " %7s", "-");
	if (class->contention_known && class->contentions)
		print_wait(file, class->longest);
	else
		fprintf(file, " %8s", "-");
	if (class->acquisitions)
		fprintf(file, " %5u", class->max_depth);
	else
		fprintf(file, " %5s", "-");
	fprintf(file, " %6u %6u\n", count_edges(class->out, true), count_edges(class->in, false));
}

static void print_classes(FILE *file, const struct order_graph *graph)
{
	size_t count = order_graph__class_count(graph), i = 0;
	const struct order_class **sorted = calloc(count + 1, sizeof(*sorted)), *class;
	bool known = false;

	if (!sorted)
		model__out_of_memory();
	for (class = order_graph__classes(graph); class; class = class->next)
		sorted[i++] = class;
	qsort(sorted, count, sizeof(*sorted), by_acquisitions);
	fprintf(file, "%-*s %10s %7s %8s %5s %6s %6s\n", CLASS_WIDTH, "CLASS", "TAKEN", "WAITED", "LONGEST",
		"DEPTH", "BEFORE", "BEHIND");
	for (i = 0; i < count; i++) {
		print_class(file, sorted[i]);
		known |= sorted[i]->contention_known;
	}
	if (count && !known)
		fputs("How often and how long they were waited for is unknown.\n", file);
	free(sorted);
}

static void print_edges(FILE *file, const struct order_graph *graph)
{
	const struct order_edge *edge;
	const struct order_class *class;
	char text[16], line[ORDER_LABEL_LENGTH + 64];

	fputs("\nORDER (each lock, and those that were waited for while it was held;\n"
	      "E held exclusively, S shared; N waits for all holders, R for writers)\n", file);
	for (class = order_graph__classes(graph); class; class = class->next) {
		if (!class->out)
			continue;
		report__put(file, class->label, REPORT_WIDTH);
		fputc('\n', file);
		for (edge = class->out; edge; edge = edge->next_out) {
			order_dependencies__text(edge->dependencies, text, sizeof(text));
			snprintf(line, sizeof(line), "%s -> %s  (%s)%s",
				 edge->in_cycle ? "!" : edge->against_ranks ? "#" : " ",
				 edge->to->label, text, edge->from == edge->to ? " nesting" : "");
			report__wrap(file, 2, line);
		}
	}
}

static void print_loss(FILE *file, const struct order_loss *loss)
{
	char line[256];

	if (loss->unseen) {
		snprintf(line, sizeof(line), "%llu locks were let go whose taking was not seen: taken "
			 "before tracing began.", (unsigned long long)loss->unseen);
		report__wrap(file, 0, line);
	}
	if (loss->stale) {
		snprintf(line, sizeof(line), "%llu locks had been let go unseen, by another task or by a "
			 "function that is not observed, and were dropped.",
			 (unsigned long long)loss->stale);
		report__wrap(file, 0, line);
	}
}

void report__locks(FILE *file, const struct detector *detector)
{
	const struct order_stream *stream = detector__order(detector);
	const struct order_graph *graph = order_stream__graph(stream);
	const struct order_cycle *cycle;
	unsigned int number = 0;

	if (!order_stream__seen(stream)) {
		fputs("No locks were traced (--locks off).\n", file);
		return;
	}
	for (cycle = order_graph__cycles(graph); cycle; cycle = cycle->next) {
		fprintf(file, "CYCLE %u\n", ++number);
		report__cycle(file, detector__model(detector), cycle);
		fputc('\n', file);
	}
	print_classes(file, graph);
	print_edges(file, graph);
	fprintf(file, "\n%zu classes, %zu edges, %u cycles. Freezes are seen from their writers "
		"only;\nfolio locks and VMA locks are inlined and cannot be seen.\n",
		order_graph__class_count(graph), order_graph__edge_count(graph), number);
	print_loss(file, order_stream__loss(stream));
	report__lock_loss(file, 0, detector);
}
