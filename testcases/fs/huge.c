// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Faults of 2 MiB: reads of holes, stores, MAP_SYNC, private mappings, writes
 * from a mapping of the very file, sizes that are no multiple of 2 MiB.
 * Usage: huge FILE
 *	  huge touch FILE BYTES		store one byte in each page of FILE, through a mapping
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB	(1UL << 20)

static int fd;

static char *map(size_t size, off_t offset, int flags)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);

	if (p == MAP_FAILED)
		err(1, "mmap, flags 0x%x", flags);
	return p;
}

static void expect(const char *p, int want, const char *what)
{
	if (*(const volatile char *)p != want)
		errx(1, "%s: %d instead of %d", what, *p, want);
}

static void resize(off_t size)
{
	if (ftruncate(fd, size))
		err(1, "truncate");
}

static int touch(const char *path, size_t bytes)
{
	char *shared;
	size_t i;

	fd = open(path, O_RDWR);
	if (fd < 0)
		err(1, "%s", path);
	shared = map(bytes, 0, MAP_SHARED);
	for (i = 0; i < bytes; i += 4096)
		shared[i] = 1;
	return 0;
}

int main(int argc, char **argv)
{
	char *shared, *sync, *private, byte;
	size_t i;

	if (argc == 4 && !strcmp(argv[1], "touch"))
		return touch(argv[2], strtoul(argv[3], NULL, 0));
	if (argc != 2)
		errx(2, "usage: huge FILE | touch FILE BYTES");
	fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		err(1, "%s", argv[1]);
	resize(8 * MIB);
	shared = map(8 * MIB, 0, MAP_SHARED);
	expect(shared + 2 * MIB, 0, "a hole");
	for (i = 0; i < 8 * MIB; i += 4096)
		shared[i] = i >> 12 & 0x3f;
	if (fsync(fd))
		err(1, "fsync");
	for (i = 0; i < 8 * MIB; i += 4096)
		if (pread(fd, &byte, 1, i) != 1 || byte != (char)(i >> 12 & 0x3f))
			errx(1, "byte %zu: %d through read(2)", i, byte);
	shared[0] = 2;
	if (msync(shared, 4096, MS_SYNC))
		err(1, "msync");

	sync = map(8 * MIB, 0, MAP_SHARED_VALIDATE | MAP_SYNC);
	sync[4096] = 3;
	sync[5 * MIB] = 4;
	expect(shared + 5 * MIB, 4, "what another mapping stored");
	private = map(4 * MIB, 0, MAP_PRIVATE);
	private[3 * MIB] = 9;
	expect(shared + 3 * MIB, 3 * MIB >> 12 & 0x3f, "a file below a private mapping");

	/* From the file to itself, at an odd place. */
	if (pwrite(fd, sync, 3 * MIB, 12 * MIB + 777) != (ssize_t)(3 * MIB))
		err(1, "write from a mapping of the file");
	sync = map(4 * MIB, 12 * MIB, MAP_SHARED);
	if (memcmp(sync + 777, shared, 3 * MIB))
		errx(1, "what was written from a mapping of the file differs");

	/* A huge page that a truncate cuts. */
	resize(5 * MIB + 100);
	resize(8 * MIB);
	expect(shared + 5 * MIB, 4, "the last byte before a truncate");
	expect(shared + 5 * MIB + 4096, 0, "what a truncate took away");
	for (i = 5 * MIB + 100; i < 8 * MIB; i += 512)
		expect(shared + i, 0, "what a truncate took away");
	return 0;
}
