// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Blocks taken out of a file's middle and put into it, against a model: each
 * block written holds a number of its own, from its first to its last eight bytes.
 * Usage: shift make|check|random|collapse|insert FILE BLOCKS SEED [OPERATIONS]
 *
 *	make		write every other block, in an order that the seed gives, so that
 *			the file has as many extents as data blocks
 *	check		as "make" left it
 *	random		make, then random operations, compared at the end and every now
 *			and then, through read(2) and through a mapping
 *	collapse, insert	make, sync, then one operation in the middle of the file
 *	collapsed, inserted	check that it is as that leaves it
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK	4096

static int fd;
static uint64_t state, blocks, room;
static uint64_t *model;		/* number in each block, 0 for a hole */
static uint64_t last_number;

static uint64_t next(uint64_t below)
{
	/* xorshift64* (Vigna, 2014) */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1d >> 16) % below;
}

static void fill(uint64_t *block, uint64_t number)
{
	for (unsigned int i = 0; i < BLOCK / sizeof(*block); i++)
		block[i] = number;
}

static void write_block(uint64_t at)
{
	uint64_t block[BLOCK / sizeof(uint64_t)];

	model[at] = ++last_number;
	fill(block, model[at]);
	if (pwrite(fd, block, BLOCK, at * BLOCK) != BLOCK)
		err(1, "write of block %lu", at);
}

/* The same through a mapping: the block stays dirty until somebody flushes it. */
static void store_block(uint64_t at)
{
	uint64_t *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at * BLOCK);

	if (block == MAP_FAILED)
		err(1, "mmap");
	model[at] = ++last_number;
	fill(block, model[at]);
	munmap(block, BLOCK);
}

static void compare(const char *when)
{
	uint64_t block[BLOCK / sizeof(uint64_t)], at;
	struct stat st;
	char *map;

	if (fstat(fd, &st))
		err(1, "stat");
	if ((uint64_t)st.st_size != blocks * BLOCK)
		errx(1, "%s: %lu bytes instead of %lu", when, st.st_size, blocks * BLOCK);
	map = mmap(NULL, blocks * BLOCK, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	for (at = 0; at < blocks; at++) {
		uint64_t want[BLOCK / sizeof(uint64_t)];

		fill(want, model[at]);
		if (pread(fd, block, BLOCK, at * BLOCK) != BLOCK)
			err(1, "read of block %lu", at);
		if (memcmp(block, want, BLOCK))
			errx(1, "%s: block %lu has number %lu through read(2) instead of %lu", when,
			     at, block[0], want[0]);
		if (memcmp(map + at * BLOCK, want, BLOCK))
			errx(1, "%s: block %lu has number %lu in a mapping instead of %lu", when, at,
			     *(uint64_t *)(map + at * BLOCK), want[0]);
	}
	munmap(map, blocks * BLOCK);
}

static void allocate(int mode, uint64_t at, uint64_t count)
{
	if (fallocate(fd, mode, at * BLOCK, count * BLOCK))
		err(1, "fallocate, mode 0x%x, block %lu, %lu blocks of %lu", mode, at, count, blocks);
}

static void collapse(uint64_t at, uint64_t count)
{
	allocate(FALLOC_FL_COLLAPSE_RANGE, at, count);
	memmove(model + at, model + at + count, (blocks - at - count) * sizeof(*model));
	blocks -= count;
}

static void insert(uint64_t at, uint64_t count)
{
	allocate(FALLOC_FL_INSERT_RANGE, at, count);
	memmove(model + at + count, model + at, (blocks - at) * sizeof(*model));
	memset(model + at, 0, count * sizeof(*model));
	blocks += count;
}

/* Model alone, or the file with it. */
static void make(bool file)
{
	uint64_t i, at;

	if (file && ftruncate(fd, blocks * BLOCK))
		err(1, "truncate");
	/* Even blocks, beginning in the middle: no block is adjacent to the one before. */
	for (i = 0; i < blocks; i += 2) {
		at = (i + blocks / 2 / 2 * 2) % (blocks / 2 * 2);
		if (file)
			write_block(at);
		else
			model[at] = ++last_number;
	}
}

static void one_operation(void)
{
	uint64_t at, count;

	switch (next(8)) {
	case 0:
	case 1:
		if (blocks < room / 4)
			return;
		at = next(blocks - 1);
		count = 1 + next(blocks - at - 1 < 40 ? blocks - at - 1 : 40);
		if (at + count < blocks)
			collapse(at, count);
		return;
	case 2:
	case 3:
		count = 1 + next(40);
		if (blocks + count <= room)
			insert(next(blocks), count);
		return;
	case 4:
		at = next(blocks);
		count = 1 + next(blocks - at < 8 ? blocks - at : 8);
		allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, count);
		memset(model + at, 0, count * sizeof(*model));
		return;
	case 5:
		at = next(blocks);
		allocate(FALLOC_FL_KEEP_SIZE, at, 1 + next(8));
		return;
	case 6:
		write_block(next(blocks));
		return;
	default:
		store_block(next(blocks));
	}
}

int main(int argc, char **argv)
{
	long operations, i;
	const char *what;

	if (argc < 5)
		errx(2, "usage: shift make|check|random|collapse|insert|collapsed|inserted FILE BLOCKS SEED [OPERATIONS]");
	what = argv[1];
	blocks = strtoull(argv[3], NULL, 0);
	state = strtoull(argv[4], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	operations = argc > 5 ? atol(argv[5]) : 1;
	room = 2 * blocks + 64;
	model = calloc(room, sizeof(*model));
	fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || !model || blocks < 16)
		err(1, "%s", argv[2]);

	make(!strcmp(what, "make") || !strcmp(what, "random") || !strcmp(what, "collapse") ||
	     !strcmp(what, "insert"));
	if (!strcmp(what, "random")) {
		for (i = 1; i <= operations; i++) {
			one_operation();
			if (i % 500 == 0 || i == operations)
				compare("random operations");
		}
		return 0;
	}
	if (!strcmp(what, "collapse") || !strcmp(what, "insert")) {
		if (fsync(fd))
			err(1, "fsync");
		what[0] == 'c' ? collapse(blocks / 4, 7) : insert(blocks / 4, 7);
	}
	if (!strcmp(what, "collapsed")) {
		memmove(model + blocks / 4, model + blocks / 4 + 7,
			(blocks - blocks / 4 - 7) * sizeof(*model));
		blocks -= 7;
	}
	if (!strcmp(what, "inserted")) {
		memmove(model + blocks / 4 + 7, model + blocks / 4,
			(blocks - blocks / 4) * sizeof(*model));
		memset(model + blocks / 4, 0, 7 * sizeof(*model));
		blocks += 7;
	}
	compare(what);
	return 0;
}
