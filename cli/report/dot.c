// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lock-order graph for dot(1): ranks as layers, cycles in red. */
#include "common/printable.h"
#include "report/report.h"

static void quoted(FILE *file, const char *text)
{
	char copy[ORDER_LABEL_LENGTH], *c;

	snprintf(copy, sizeof(copy), "%s", text);
	make_printable(copy);
	fputc('"', file);
	for (c = copy; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', file);
		fputc(*c, file);
	}
	fputc('"', file);
}

static void write_node(FILE *file, const struct order_class *class)
{
	const struct order_edge *edge;
	bool red = false;

	for (edge = class->out; edge; edge = edge->next_out)
		red |= edge->in_cycle || edge->against_ranks;
	for (edge = class->in; edge; edge = edge->next_in)
		red |= edge->in_cycle || edge->against_ranks;
	fprintf(file, "\tn%u [label=", class->number);
	quoted(file, class->label);
	fprintf(file, "%s%s];\n", red ? ", color=red" : "", class->named ? "" : ", style=dashed");
}

/* Classes of one rank stand side by side. */
static void write_layers(FILE *file, const struct order_graph *graph, const struct ranks *ranks)
{
	const struct order_class *class;
	unsigned int rank, highest = 0;

	for (class = order_graph__classes(graph); class; class = class->next)
		if (ranks__of(ranks, class) > highest)
			highest = ranks__of(ranks, class);
	for (rank = 1; rank <= highest; rank++) {
		fprintf(file, "\t{ rank=same; r%u;", rank);
		for (class = order_graph__classes(graph); class; class = class->next)
			if (ranks__of(ranks, class) == rank)
				fprintf(file, " n%u;", class->number);
		fputs(" }\n", file);
	}
	for (rank = 1; rank <= highest; rank++)
		fprintf(file, "\tr%u [label=\"%u\", shape=plaintext];\n", rank, rank);
	for (rank = 1; rank < highest; rank++)
		fprintf(file, "\tr%u -> r%u [style=invis];\n", rank, rank + 1);
}

void report__dot(FILE *file, const struct order_graph *graph, const struct ranks *ranks)
{
	const struct order_class *class;
	const struct order_edge *edge;
	char text[16];

	fputs("digraph lock_order {\n\tnode [shape=box, fontname=monospace];\n"
	      "\tedge [fontname=monospace, fontsize=9];\n", file);
	for (class = order_graph__classes(graph); class; class = class->next)
		if (class->out || class->in)
			write_node(file, class);
	write_layers(file, graph, ranks);
	for (edge = order_graph__edges(graph); edge; edge = edge->next)
		fprintf(file, "\tn%u -> n%u [label=\"%s\"%s%s];\n", edge->from->number,
			edge->to->number,
			order_dependencies__text(edge->dependencies, text, sizeof(text)),
			edge->in_cycle || edge->against_ranks ? ", color=red, penwidth=2" : "",
			edge->from == edge->to ? ", style=dotted" : "");
	fputs("}\n", file);
	fflush(file);
}
