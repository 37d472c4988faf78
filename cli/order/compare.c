// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What one lock-order graph has of another; classes are the same by their labels. */
#include "order/graph.h"

struct order_edge *order_graph__counterpart(const struct order_graph *graph,
					    const struct order_edge *edge)
{
	const struct order_class *from = order_graph__find(graph, edge->from->label);
	const struct order_class *to = order_graph__find(graph, edge->to->label);

	return from && to ? order_graph__edge(graph, from, to) : NULL;
}

bool order_graph__has_cycle(const struct order_graph *graph, const struct order_cycle *cycle)
{
	const struct order_edge *edge;
	unsigned int i;

	for (i = 0; i < cycle->length; i++) {
		edge = order_graph__counterpart(graph, cycle->edges[i]);
		if (!edge || cycle->edges[i]->dependencies & ~edge->dependencies)
			return false;
	}
	return true;
}
