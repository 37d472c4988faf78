// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/annotate.h"
#include "probe/symbols.h"

/* Ids are below the size of the BPF map (bpf/daxtrace.bpf.h: stacks_map). */
#define STACK_IDS	4096
/* Addresses already named; a small power of two, since collisions cost a repeat only. */
#define NAMED		8192

struct annotator {
	const struct probe *probe;
	probe_visit visit;
	void *context;
	struct symbols *symbols;
	__u64 lost;
	unsigned char seen[STACK_IDS / 8];
	__u64 named[NAMED];
};

struct annotator *annotator__new(const struct probe *probe, probe_visit visit, void *context)
{
	struct annotator *annotator = calloc(1, sizeof(*annotator));

	if (!annotator)
		return NULL;
	annotator->probe = probe;
	annotator->visit = visit;
	annotator->context = context;
	annotator->symbols = symbols__new();
	if (!annotator->symbols) {
		free(annotator);
		return NULL;
	}
	return annotator;
}

void annotator__free(struct annotator *annotator)
{
	if (!annotator)
		return;
	symbols__free(annotator->symbols);
	free(annotator);
}

__u64 annotator__lost(const struct annotator *annotator)
{
	return annotator->lost;
}

static void fill_header(struct event_header *header, __u16 type, __u16 size, __u64 time)
{
	memset(header, 0, size);
	header->time = time;
	header->type = type;
	header->size = size;
}

static int name_address(struct annotator *annotator, __u64 address, __u64 time)
{
	__u64 *slot = &annotator->named[(address >> 2) % NAMED];
	struct event_symbol symbol;

	if (*slot == address)
		return 0;
	fill_header(&symbol.header, EVENT_SYMBOL, sizeof(symbol), time);
	symbol.address = address;
	if (!symbols__find(annotator->symbols, address, symbol.name, sizeof(symbol.name),
			   &symbol.offset))
		return 0;
	*slot = address;
	return annotator->visit(annotator->context, &symbol.header);
}

static int describe_stack(struct annotator *annotator, __s32 id, __u64 time)
{
	struct event_stack stack;
	unsigned int i;
	int err;

	fill_header(&stack.header, EVENT_STACK, sizeof(stack), time);
	stack.id = id;
	stack.depth = probe__stack(annotator->probe, id, stack.address);
	if (!stack.depth)
		return 0;
	err = annotator->visit(annotator->context, &stack.header);
	symbols__refresh(annotator->symbols);
	for (i = 0; i < stack.depth && err >= 0; i++)
		err = name_address(annotator, stack.address[i], time);
	return err;
}

static int name_operations(struct annotator *annotator, const struct event_mode *mode)
{
	int err;

	symbols__refresh(annotator->symbols);
	err = name_address(annotator, mode->old_operations, mode->header.time);
	return err < 0 ? err : name_address(annotator, mode->new_operations, mode->header.time);
}

int annotator__visit(void *context, const struct event_header *record)
{
	struct annotator *annotator = context;
	__s32 id;
	int err;

	annotator->lost += record->lost;
	if (record->type == EVENT_MODE) {
		err = name_operations(annotator, (const struct event_mode *)record);
		if (err < 0)
			return err;
	}
	if (record->type == EVENT_ENTER) {
		id = ((const struct event_enter *)record)->stack;
		if (id >= 0 && id < STACK_IDS && !(annotator->seen[id / 8] & 1 << id % 8)) {
			annotator->seen[id / 8] |= 1 << id % 8;
			err = describe_stack(annotator, id, record->time);
			if (err < 0)
				return err;
		}
	}
	return annotator->visit(annotator->context, record);
}

int annotator__gap(struct annotator *annotator, __u64 lost)
{
	struct event_gap gap;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	fill_header(&gap.header, EVENT_GAP, sizeof(gap), now.tv_sec * 1000000000ULL + now.tv_nsec);
	gap.lost = lost;
	annotator->lost += lost;
	return annotator->visit(annotator->context, &gap.header);
}
