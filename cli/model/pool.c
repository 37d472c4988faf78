// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model/private.h"

/*
 * Of a million entries any may be the next: with small pages each look would miss the TLB as well.
 * Where the system has no huge pages to give, nothing is lost.
 */
#define HUGE_PAGE	(2UL << 20)

void *pool__lines(size_t size)	/* free() frees it; NULL: there is none */
{
	void *lines;

	if (size < HUGE_PAGE)
		return aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) & ~(CACHE_LINE - 1UL));
	size = (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	lines = aligned_alloc(HUGE_PAGE, size);
	if (lines)
		madvise(lines, size, MADV_HUGEPAGE);
	return lines;
}

void pool__init(struct pool *pool, size_t size, size_t limit)
{
	memset(pool, 0, sizeof(*pool));
	pool->size = size;
	pool->limit = limit;
}

/* The first line of a chunk is its link; objects of whole lines begin with one. */
static bool grow(struct pool *pool)
{
	char *chunk = pool__lines(HUGE_PAGE);

	if (!chunk)
		return false;
	*(void **)chunk = pool->chunks;
	pool->chunks = chunk;
	pool->fresh = chunk + CACHE_LINE;
	pool->end = chunk + HUGE_PAGE;
	return true;
}

void *pool__get(struct pool *pool)
{
	void *object = pool->free;

	if (pool->used >= pool->limit)
		return NULL;
	if (object) {
		pool->free = *(void **)object;
	} else {
		if ((size_t)(pool->end - pool->fresh) < pool->size && !grow(pool))
			return NULL;
		object = pool->fresh;
		pool->fresh += pool->size;
	}
	pool->used++;
	return memset(object, 0, pool->size);
}

void pool__put(struct pool *pool, void *object)
{
	*(void **)object = pool->free;
	pool->free = object;
	pool->used--;
}

void pool__destroy(struct pool *pool)
{
	void *next;

	while (pool->chunks) {
		next = *(void **)pool->chunks;
		free(pool->chunks);
		pool->chunks = next;
	}
	pool->free = NULL;
	pool->fresh = pool->end = NULL;
}
