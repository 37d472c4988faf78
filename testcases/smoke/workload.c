// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Makes a known number of each event, each number a prime of its own, on a DAX
 * filesystem; testcases/smoke/run compares them with what daxtrace counted.
 * Prints "NAME COUNT" for each, by what it asked of the kernel: it does not
 * look at how the kernel did it.
 *
 * Usage: smoke FOLDER (on the filesystem)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define FILES		4	/* evicted in the end */
#define READ_FAULTS	5	/* on holes */
#define WRITE_FAULTS	7	/* on holes: each allocates a block */
#define HOLE_WRITES	11	/* write(2) over holes: each allocates, and invalidates */
#define OVERWRITES	13	/* write(2) over blocks */
#define READS		17
#define FSYNCS		19	/* of which the first has pages to flush */
#define MSYNCS		23
#define SETSIZES	29
#define PUNCHES		31
#define ATTRIBUTES	37
#define REDIRTIED	41	/* write faults on pages that were cleaned */
#define SYNC_FAULTS	43	/* of a MAP_SYNC mapping, on holes */

static size_t page_size;
static char *buffer;

static void fail(const char *what)
{
	fprintf(stderr, "smoke: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void check(bool ok, const char *what)
{
	if (!ok)
		fail(what);
}

static void touch(volatile char *data, size_t page, bool store)
{
	if (store)
		data[page * page_size] = 1;
	else
		(void)data[page * page_size];
}

static int open_file(const char *name, size_t pages)
{
	int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

	check(file >= 0, name);
	/* By write(2), so that SETSIZES counts what is counted alone. */
	check(pwrite(file, buffer, 1, pages * page_size - 1) == 1, "pwrite");
	return file;
}

/* Flush what a mapping dirtied, so that the next store faults again. */
static void clean(int file)
{
	check(!fsync(file), "fsync");
}

static void faults(int file)
{
	size_t pages = READ_FAULTS + WRITE_FAULTS, i, n;
	volatile char *data = mmap(NULL, (pages + 1) * page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
				   file, 0);

	check(data != MAP_FAILED, "mmap");
	/* No huge pages: what is counted is pages. */
	check(!madvise((void *)data, (pages + 1) * page_size, MADV_NOHUGEPAGE), "madvise");
	for (i = 0; i < WRITE_FAULTS; i++)
		touch(data, READ_FAULTS + i, true);
	for (i = 0; i < FSYNCS; i++)
		clean(file);
	/* The first page of the write faults, cleaned and dirtied again and again. */
	for (n = 0; n < REDIRTIED; n++) {
		touch(data, READ_FAULTS, true);
		if (n < MSYNCS)
			check(!msync((void *)(data + READ_FAULTS * page_size), page_size, MS_SYNC),
			      "msync");
		else
			clean(file);
	}
	/*
	 * Last, with no sync behind them: 6.1 tags the entries of read faults dirty as
	 * well, and would write the zero page back.
	 */
	for (i = 0; i < READ_FAULTS; i++)
		touch(data, i, false);
	munmap((void *)data, (pages + 1) * page_size);
}

/* Each allocates, so each has metadata to sync before the store is let through. */
static void sync_faults(int file)
{
	size_t length = (SYNC_FAULTS + 1) * page_size, i;
	volatile char *data = mmap(NULL, length, PROT_READ | PROT_WRITE,
				   MAP_SHARED_VALIDATE | MAP_SYNC, file, 0);

	check(data != MAP_FAILED, "mmap with MAP_SYNC");
	check(!madvise((void *)data, length, MADV_NOHUGEPAGE), "madvise");
	for (i = 0; i < SYNC_FAULTS; i++)
		touch(data, i, true);
	munmap((void *)data, length);
}

static void writes(int file)
{
	size_t i;

	for (i = 0; i < HOLE_WRITES; i++)
		check(pwrite(file, buffer, page_size, 2 * i * page_size) == (ssize_t)page_size,
		      "pwrite");
	for (i = 0; i < OVERWRITES; i++)
		check(pwrite(file, buffer, page_size, 0) == (ssize_t)page_size, "pwrite");
	for (i = 0; i < READS; i++)
		check(pread(file, buffer, page_size, 0) == (ssize_t)page_size, "pread");
}

static void sizes(int file)
{
	size_t i;

	for (i = 0; i < PUNCHES; i++)
		check(!fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page_size),
		      "fallocate");
	for (i = 0; i < SETSIZES; i++)
		check(!ftruncate(file, (100 + i % 2) * page_size), "ftruncate");
}

static void attributes(int file)
{
	unsigned int flags;
	size_t i;

	check(!ioctl(file, FS_IOC_GETFLAGS, &flags), "FS_IOC_GETFLAGS");
	for (i = 0; i < ATTRIBUTES; i++) {
		flags ^= FS_NODUMP_FL;
		check(!ioctl(file, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
	}
}

int main(int argc, char **argv)
{
	int file;

	if (argc != 2 || chdir(argv[1])) {
		fprintf(stderr, "usage: smoke FOLDER\n");
		return 2;
	}
	page_size = sysconf(_SC_PAGESIZE);
	buffer = malloc(page_size);
	check(buffer, "malloc");
	memset(buffer, 's', page_size);

	file = open_file("faults", READ_FAULTS + WRITE_FAULTS + 1);
	faults(file);
	close(file);
	file = open_file("sync", SYNC_FAULTS + 1);
	sync_faults(file);
	close(file);
	file = open_file("writes", 2 * HOLE_WRITES + 1);
	writes(file);
	attributes(file);
	close(file);
	file = open_file("sizes", 100);
	sizes(file);
	close(file);
	check(!unlink("faults") && !unlink("writes") && !unlink("sizes") &&
	      !unlink("sync"), "unlink");

	printf("fault %d\n", READ_FAULTS + WRITE_FAULTS + REDIRTIED + SYNC_FAULTS);
	printf("entry-insert %d\n", READ_FAULTS + WRITE_FAULTS + REDIRTIED + SYNC_FAULTS);
	printf("entry-delete %d\n", READ_FAULTS + WRITE_FAULTS + SYNC_FAULTS);
	printf("entry-dirty %d\n", SYNC_FAULTS);
	/* The one byte at the end of each file is a write over a hole as well. */
	printf("rw %d\n", FILES + HOLE_WRITES + OVERWRITES + READS);
	printf("invalidate %d\n", FILES + HOLE_WRITES);
	printf("mkclean %d\n", WRITE_FAULTS + REDIRTIED);
	printf("flush %d\n", WRITE_FAULTS + REDIRTIED);
	printf("writeback-one %d\n", WRITE_FAULTS + REDIRTIED);
	printf("fsync %d\n", FSYNCS + REDIRTIED + SYNC_FAULTS);
	printf("setsize %d\n", SETSIZES);
	printf("fallocate %d\n", PUNCHES);
	printf("fileattr %d\n", ATTRIBUTES);
	printf("evict %d\n", FILES);
	/* How often more than that is the kernel's own affair, and changes with it. */
	printf("unmap >=%d\n", FILES + HOLE_WRITES + PUNCHES);
	printf("truncate-pages >=%d\n", PUNCHES + SETSIZES / 2 + FILES);
	printf("writeback >=%d\n", 1 + REDIRTIED);
	printf("mmap 2\n");
	printf("mapped %d\n", READ_FAULTS + WRITE_FAULTS + REDIRTIED + SYNC_FAULTS);
	printf("entry-lock %d\n", READ_FAULTS + WRITE_FAULTS + REDIRTIED + SYNC_FAULTS);
	printf("iomap >=%d\n", READ_FAULTS + WRITE_FAULTS + REDIRTIED + SYNC_FAULTS +
	       FILES + HOLE_WRITES + OVERWRITES + READS);
	printf("writepages >=%d\n", 1 + REDIRTIED);
	printf("layout-break >=%d\n", PUNCHES);
	printf("mode 0\nentry-wait 0\nfreeze 0\nsb-sync 0\njournal-handle >=0\nallocating-write 0\n");
	printf("task-name >=1\nsuperblock >=1\n");
	return 0;
}
