// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "model/private.h"

#define OBJECTS_PER_CHUNK 1024

void pool__init(struct pool *pool, size_t size, size_t limit)
{
	memset(pool, 0, sizeof(*pool));
	pool->size = size;
	pool->limit = limit;
}

static bool grow(struct pool *pool)
{
	size_t header = (sizeof(void *) + 15) & ~15UL, i;
	char *chunk = malloc(header + pool->size * OBJECTS_PER_CHUNK);

	if (!chunk)
		return false;
	*(void **)chunk = pool->chunks;
	pool->chunks = chunk;
	for (i = 0; i < OBJECTS_PER_CHUNK; i++) {
		void **object = (void **)(chunk + header + i * pool->size);

		*object = pool->free;
		pool->free = object;
	}
	return true;
}

void *pool__get(struct pool *pool)
{
	void **object;

	if (pool->used >= pool->limit || (!pool->free && !grow(pool)))
		return NULL;
	object = pool->free;
	pool->free = *object;
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
}
