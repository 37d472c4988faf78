// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Classes, edges, and the search for a cycle through a new edge. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/graph.h"

/* A kernel has some hundreds of each; a stream that claims more is no trace. */
#define MAX_CLASSES	8192
#define MAX_EDGES	65536
#define MAX_CYCLES	1024

#define BUCKETS		1024	/* of classes by label, and of edges by ends */

struct class_node {
	struct order_class class;	/* first: a node is its class */
	struct class_node *chain;
};

struct edge_node {
	struct order_edge edge;		/* first */
	struct edge_node *chain;
};

struct order_graph {
	struct class_node *class_buckets[BUCKETS];
	struct edge_node *edge_buckets[BUCKETS];
	struct order_class *classes, **last_class;
	struct order_edge *edges, **last_edge;
	struct order_cycle *cycles, **last_cycle, *newest_cycle;
	size_t class_count, edge_count, cycle_count;
	__u64 search;			/* number of the search under way */
	/* Its queue: (class, state), each at most once. */
	struct queued {
		struct order_class *class;
		unsigned char state;
	} *queue;
	size_t queue_room;
};

struct order_graph *order_graph__new(void)
{
	struct order_graph *graph = calloc(1, sizeof(*graph));

	if (!graph)
		return NULL;
	graph->last_class = &graph->classes;
	graph->last_edge = &graph->edges;
	graph->last_cycle = &graph->cycles;
	return graph;
}

void order_graph__free(struct order_graph *graph)
{
	struct order_class *class, *next_class;
	struct order_cycle *cycle, *next_cycle;
	struct order_edge *edge, *next_edge;

	if (!graph)
		return;
	for (class = graph->classes; class; class = next_class) {
		next_class = class->next;
		free(class);
	}
	for (edge = graph->edges; edge; edge = next_edge) {
		next_edge = edge->next;
		free(edge);
	}
	for (cycle = graph->cycles; cycle; cycle = next_cycle) {
		next_cycle = cycle->next;
		free(cycle);
	}
	free(graph->queue);
	free(graph);
}

static size_t label_bucket(const char *label)
{
	__u32 hash = 0x811c9dc5;

	for (; *label; label++)
		hash = (hash ^ (unsigned char)*label) * 0x01000193;
	return hash % BUCKETS;
}

static size_t edge_bucket(const struct order_class *from, const struct order_class *to)
{
	return (from->number * 0x9e3779b1U ^ to->number * 0x85ebca6bU) % BUCKETS;
}

struct order_class *order_graph__find(const struct order_graph *graph, const char *label)
{
	struct class_node *node = graph->class_buckets[label_bucket(label)];

	while (node && strcmp(node->class.label, label))
		node = node->chain;
	return node ? &node->class : NULL;
}

struct order_class *order_graph__class(struct order_graph *graph, const char *label)
{
	struct order_class *class = order_graph__find(graph, label);
	struct class_node **bucket, *node;

	if (class)
		return class;
	if (graph->class_count >= MAX_CLASSES || strlen(label) >= ORDER_LABEL_LENGTH)
		return NULL;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	class = &node->class;
	strcpy(class->label, label);
	class->number = graph->class_count++;
	bucket = &graph->class_buckets[label_bucket(label)];
	node->chain = *bucket;
	*bucket = node;
	*graph->last_class = class;
	graph->last_class = &class->next;
	return class;
}

struct order_edge *order_graph__edge(const struct order_graph *graph,
				     const struct order_class *from, const struct order_class *to)
{
	struct edge_node *node = graph->edge_buckets[edge_bucket(from, to)];

	while (node && (node->edge.from != from || node->edge.to != to))
		node = node->chain;
	return node ? &node->edge : NULL;
}

static struct order_edge *new_edge(struct order_graph *graph, struct order_class *from,
				   struct order_class *to)
{
	struct edge_node **bucket, *node;
	struct order_edge *edge;

	if (graph->edge_count >= MAX_EDGES)
		return NULL;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	edge = &node->edge;
	edge->from = from;
	edge->to = to;
	edge->number = ++graph->edge_count;
	edge->next_out = from->out;
	from->out = edge;
	edge->next_in = to->in;
	to->in = edge;
	bucket = &graph->edge_buckets[edge_bucket(from, to)];
	node->chain = *bucket;
	*bucket = node;
	*graph->last_edge = edge;
	graph->last_edge = &edge->next;
	return edge;
}

static enum order_dependency dependency_of(const struct order_sight *sight)
{
	bool shared = sight->from_mode != LOCK_MODE_WRITE;
	bool recursive = sight->to_mode == LOCK_MODE_READ_RECURSIVE;

	if (recursive)
		return shared ? ORDER_SR : ORDER_ER;
	return shared ? ORDER_SN : ORDER_EN;
}

/*
 * How one gets to the edge's end, having come to its beginning in a state: the
 * better of what the edge's dependencies allow, or -1 if they are all weak here.
 * The states: 0, the wait before was for all holders (*N); 1, for writers (*R).
 */
static int follow(const struct order_edge *edge, int state)
{
	unsigned int allowed = edge->dependencies;

	if (state)
		allowed &= 1U << ORDER_EN | 1U << ORDER_ER;
	if (allowed & (1U << ORDER_EN | 1U << ORDER_SN))
		return 0;
	return allowed ? 1 : -1;
}

static void enqueue(struct order_graph *graph, size_t *tail, struct order_class *class, int state,
		    struct order_edge *by, int by_state)
{
	if (class->visited[state] == graph->search)
		return;
	class->visited[state] = graph->search;
	class->came_by[state] = by;
	class->came_state[state] = by_state;
	graph->queue[*tail].class = class;
	graph->queue[*tail].state = state;
	++*tail;
}

/*
 * Breadth first, so that the path is a shortest one: from `from` in a state to
 * `to` in a state that last allows.  Returns that state, or -1.
 */
static int search(struct order_graph *graph, struct order_class *from, int state,
		  const struct order_class *to, bool weak_end_allowed)
{
	size_t head = 0, tail = 0;
	struct order_edge *edge;
	struct queued now;
	int next;

	graph->search++;
	enqueue(graph, &tail, from, state, NULL, 0);
	while (head < tail) {
		now = graph->queue[head++];
		if (now.class == to) {
			if (!now.state || weak_end_allowed)
				return now.state;
			continue;
		}
		for (edge = now.class->out; edge; edge = edge->next_out) {
			/* What has been reported would be part of every later cycle. */
			if (edge->closes_cycle || edge->from == edge->to)
				continue;
			next = follow(edge, now.state);
			if (next >= 0)
				enqueue(graph, &tail, edge->to, next, edge, now.state);
		}
	}
	return -1;
}

static bool make_queue(struct order_graph *graph)
{
	size_t room = graph->class_count * 2;
	void *grown;

	if (room <= graph->queue_room)
		return true;
	room *= 2;
	grown = realloc(graph->queue, room * sizeof(*graph->queue));
	if (!grown)
		return false;
	graph->queue = grown;
	graph->queue_room = room;
	return true;
}

/* The path that the last search found, behind the edge that closes it. */
static enum order_change keep_cycle(struct order_graph *graph, struct order_edge *closing, int state)
{
	struct order_class *class = closing->from;
	struct order_edge *path[ORDER_CYCLE_MAX], *edge;
	struct order_cycle *cycle;
	unsigned int length = 0;
	bool cut = false;
	int came;

	for (edge = class->came_by[state]; edge; edge = class->came_by[state]) {
		came = class->came_state[state];
		edge->in_cycle = true;
		/* Kept from its end, where the closing edge begins. */
		if (length < ORDER_CYCLE_MAX - 1)
			path[length++] = edge;
		else
			cut = true;
		class = edge->from;
		state = came;
	}
	closing->in_cycle = true;
	closing->closes_cycle = true;
	if (graph->cycle_count >= MAX_CYCLES)
		return ORDER_NO_ROOM;
	cycle = calloc(1, sizeof(*cycle));
	if (!cycle)
		return ORDER_NO_ROOM;
	cycle->cut = cut;
	cycle->edges[cycle->length++] = closing;
	while (length)
		cycle->edges[cycle->length++] = path[--length];
	*graph->last_cycle = cycle;
	graph->last_cycle = &cycle->next;
	graph->newest_cycle = cycle;
	graph->cycle_count++;
	return ORDER_CYCLE;
}

/* Does the edge, by this one of its dependencies, close a strong cycle? */
static enum order_change look_for_cycle(struct order_graph *graph, struct order_edge *edge,
					enum order_dependency dependency)
{
	bool exclusive = dependency == ORDER_EN || dependency == ORDER_ER;
	bool recursive = dependency == ORDER_ER || dependency == ORDER_SR;
	int state;

	if (edge->closes_cycle)
		return ORDER_NEW;
	if (!make_queue(graph))
		return ORDER_NO_ROOM;
	/* The cycle's last wait is for the lock that this edge's task holds. */
	state = search(graph, edge->to, recursive, edge->from, exclusive);
	return state < 0 ? ORDER_NEW : keep_cycle(graph, edge, state);
}

enum order_change order_graph__add(struct order_graph *graph, struct order_class *from,
				   struct order_class *to, const struct order_sight *sight,
				   struct order_edge **result)
{
	enum order_dependency dependency = dependency_of(sight);
	struct order_edge *edge = order_graph__edge(graph, from, to);

	if (!edge) {
		edge = new_edge(graph, from, to);
		*result = edge;
		if (!edge)
			return ORDER_NO_ROOM;
		edge->first = *sight;
	}
	*result = edge;
	edge->sights++;
	if (edge->dependencies & 1U << dependency)
		return from == to ? ORDER_NESTING : ORDER_KNOWN;
	edge->dependencies |= 1U << dependency;
	if (from == to)
		return ORDER_NESTING;
	return look_for_cycle(graph, edge, dependency);
}

const struct order_class *order_graph__classes(const struct order_graph *graph)
{
	return graph->classes;
}

size_t order_graph__class_count(const struct order_graph *graph)
{
	return graph->class_count;
}

const struct order_edge *order_graph__edges(const struct order_graph *graph)
{
	return graph->edges;
}

size_t order_graph__edge_count(const struct order_graph *graph)
{
	return graph->edge_count;
}

const struct order_cycle *order_graph__cycles(const struct order_graph *graph)
{
	return graph->cycles;
}

const struct order_cycle *order_graph__newest_cycle(const struct order_graph *graph)
{
	return graph->newest_cycle;
}

const char *order_dependencies__text(unsigned int dependencies, char *text, size_t length)
{
	static const char *const names[ORDER_DEPENDENCIES] = { "EN", "SN", "ER", "SR" };
	size_t used = 0;
	int i;

	text[0] = '\0';
	for (i = 0; i < ORDER_DEPENDENCIES && used < length; i++)
		if (dependencies & 1U << i)
			used += snprintf(text + used, length - used, "%s%s", used ? " " : "",
					 names[i]);
	return text;
}

const char *lock_mode_name(__u8 mode)
{
	switch (mode) {
	case LOCK_MODE_WRITE:
		return "write";
	case LOCK_MODE_READ:
		return "read";
	case LOCK_MODE_READ_RECURSIVE:
		return "recursive read";
	default:
		return "?";
	}
}
