// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The exerciser's model (exerciser_model.h).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exerciser_model.h"

#define HISTORY		40

const char *const wrong_names[] = {
	"byte", "lost", "shift", "stale", "size", "punch", "nothing",
};

const char *path;
uint8_t *model;
off_t limit = 262144, size;
uint64_t seed;
unsigned long number;
enum wrong wrong = WRONG_NOTHING;

static uint64_t state;
static char history[HISTORY][128];

void begin_model(void)
{
	state = seed;
	model = calloc(1, limit + PAGE);
	if (!model)
		cannot("no memory");
}

static uint64_t next_random(void)
{
	/* splitmix64 */
	uint64_t z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

off_t below(off_t n)
{
	return next_random() % (uint64_t)n;
}

void note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(history[number % HISTORY], sizeof(history[0]), fmt, args);
	va_end(args);
}

void fail(const char *fmt, ...)
{
	unsigned long i = number >= HISTORY ? number - HISTORY + 1 : 0;
	va_list args;

	printf("exerciser: %s: operation %lu of seed %llu: ", path, number,
	       (unsigned long long)seed);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\nThe last operations:\n");
	for (; i <= number; i++)
		printf("  %lu %s\n", i, history[i % HISTORY]);
	exit(1);
}

void cannot(const char *what)
{
	fprintf(stderr, "exerciser: %s: %s: %s\n", path, what, strerror(errno));
	exit(3);
}

void compare(const char *how, const uint8_t *got, off_t offset, off_t length)
{
	off_t i;

	if (!memcmp(got, model + offset, length))
		return;
	for (i = 0; got[i] == model[offset + i]; i++)
		;
	offset += i;
	fail("%s: byte 0x%llx (page %lld) is 0x%02x and should be 0x%02x; the size is 0x%llx",
	     how, (long long)offset, (long long)offset / PAGE, got[i], model[offset],
	     (long long)size);
}

bool goes_wrong(enum wrong what)
{
	return wrong == what && !below(128);
}

/* Eight bytes of what operation @by writes: of no other operation, and no other place. */
static uint64_t pattern(unsigned long by, off_t word)
{
	uint64_t z = ((uint64_t)by << 32 ^ word) * 0xbf58476d1ce4e5b9ULL;

	/* No byte is zero, as a hole's are. */
	return (z ^ z >> 31) | 0x0101010101010101ULL;
}

void fill(uint8_t *to, off_t offset, off_t length)
{
	off_t skip = offset % 8, word = offset / 8, n;
	uint64_t bytes;

	if (skip) {
		n = length < 8 - skip ? length : 8 - skip;
		bytes = pattern(number, word++);
		memcpy(to, (uint8_t *)&bytes + skip, n);
		to += n;
		length -= n;
	}
	for (; length >= 8; length -= 8, to += 8) {
		bytes = pattern(number, word++);
		memcpy(to, &bytes, 8);
	}
	bytes = pattern(number, word);
	memcpy(to, &bytes, length);
}

void set_size(off_t new)
{
	if (new < size)
		memset(model + new, 0, size - new);
	size = new;
}

void pick(off_t *offset, off_t *length, unsigned int align)
{
	*offset = below(limit);
	switch (below(8)) {
	case 0:
		*length = 1 + below(MAX_BYTES);
		break;
	case 1 ... 3:
		*length = 1 + below(2 * PAGE);
		break;
	default:
		*length = 1 + below(1024);
		if (*offset >= PAGE && below(2))
			*offset = *offset / PAGE * PAGE - below(*length + 1);
	}
	*offset &= ~(off_t)(align - 1);
	*length = (*length + align - 1) & ~(off_t)(align - 1);
	if (*offset + *length > limit)
		*length = limit - *offset;
}

bool pick_inside(off_t *offset, off_t *length)
{
	if (!size)
		return false;
	pick(offset, length, 1);
	/* By whole pages, so that what is at an edge stays there. */
	*offset = *offset / PAGE % ((size + PAGE - 1) / PAGE) * PAGE + *offset % PAGE;
	if (*offset >= size)
		*offset %= size;
	if (*offset + *length > size)
		*length = size - *offset;
	return true;
}

void write_model(const char *to)
{
	FILE *out = fopen(to, "w");

	if (!out || fwrite(model, 1, size, out) != (size_t)size || fclose(out)) {
		path = to;
		cannot("write");
	}
}
