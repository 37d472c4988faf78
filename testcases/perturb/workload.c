// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two tasks at one file in a loop, without gates: chance decides what meets what.
 *
 * Usage: perturb_stress RACE FILE SECONDS SEED PAUSE
 *	drop_dirty			punch a page and write(2) it; load and store pages
 *	invalidate_early		the same; load pages
 *	punch_unlocked, fault_unlocked	punch pages; store to them
 *	flip_unlocked			change FS_XFLAG_DAX; map and unmap
 *	shift_flush_unlocked		collapse the first page and append one; store to the others
 *        perturb_stress alone FILE OTHER COUNT
 *	one task: COUNT writes of new pages, stores to new pages and syncs of FILE, and three
 *	times as many of OTHER
 * The races are named after refdax's lab bugs that they expose.  Each task begins its own
 * sequence of pages by SEED, and pauses between two operations, for PAUSE microseconds at most.  Exit status: 0, 1 if something failed, 2 usage.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096L
#define PAGES	4

static int fd;
static volatile char *map;
static unsigned long long state;
static unsigned int pause_us;
static sigjmp_buf before_access;

static unsigned int any(unsigned int count)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % count;
}

static void on_sigbus(int signal)
{
	(void)signal;
	siglongjmp(before_access, 1);
}

/* Behind the file's end, for a moment, there is nothing. */
static void store(long page)
{
	if (!sigsetjmp(before_access, 1))
		map[page * PAGE] = 1 + any(100);
}

static void load(long page)
{
	if (!sigsetjmp(before_access, 1))
		(void)map[page * PAGE];
}

static void write_page(long page)
{
	static char data[PAGE];

	memset(data, 'w', sizeof(data));
	if (pwrite(fd, data, sizeof(data), page * PAGE) != PAGE)
		err(1, "pwrite");
}

static void change(int mode, long page)
{
	if (fallocate(fd, mode, page * PAGE, PAGE))
		err(1, "fallocate");
}

static void map_file(void)
{
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
}

static void writer(void)
{
	long page = any(PAGES);

	change(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page);
	write_page(page);
}

static void puncher(void)
{
	change(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, any(PAGES));
}

static void flipper(void)
{
	struct fsxattr attributes;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes))
		err(1, "FS_IOC_FSGETXATTR");
	attributes.fsx_xflags ^= FS_XFLAG_DAX;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attributes) && errno != EBUSY)
		err(1, "FS_IOC_FSSETXATTR");
}

static void collapser(void)
{
	change(FALLOC_FL_COLLAPSE_RANGE, 0);
	write_page(PAGES - 1);
}

/*
 * Through a new page table entry.  Of an old one that maps what a race has left there the kernel
 * warns when it is to become writable (insert_pfn()), and the fault never ends.
 */
static void storer(void)
{
	long page = any(PAGES);

	if (madvise((void *)(map + page * PAGE), PAGE, MADV_DONTNEED))
		err(1, "madvise");
	store(page);
}

static void loader(void)
{
	load(any(PAGES));
}

static void reader(void)
{
	if (any(2))
		loader();
	else
		store(any(PAGES));
}

/* No load or store: of a page of the other mode, which the bug leaves behind, the kernel warns. */
static void mapper(void)
{
	map_file();
	usleep(any(200));
	munmap((void *)map, PAGES * PAGE);
}

static const struct {
	const char *name;
	void (*one)(void);
	void (*other)(void);
} races[] = {
	{ "drop_dirty", writer, reader },
	{ "invalidate_early", writer, loader },
	{ "punch_unlocked", puncher, storer },
	{ "fault_unlocked", puncher, storer },
	{ "flip_unlocked", flipper, mapper },
	{ "shift_flush_unlocked", collapser, storer },
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void loop(void (*once)(void), const char *name, double end, unsigned long long seed)
{
	prctl(PR_SET_NAME, name);
	state = seed * 2654435761u + 88172645463325252ull + *name;
	signal(SIGBUS, on_sigbus);
	if (once != mapper && once != flipper)
		map_file();
	while (now() < end) {
		once();
		usleep(any(pause_us));
	}
	exit(0);
}

static int race(const char *name, double seconds, unsigned long long seed)
{
	double end = now() + seconds;
	unsigned int i;
	long page;
	int status, failed = 0;

	for (i = 0; i < sizeof(races) / sizeof(*races) && strcmp(races[i].name, name); i++)
		;
	if (i == sizeof(races) / sizeof(*races))
		errx(2, "there is no race %s", name);
	for (page = 0; page < PAGES; page++)
		write_page(page);
	if (fsync(fd))
		err(1, "fsync");
	if (!fork())
		loop(races[i].one, "changer", end, seed);
	if (!fork())
		loop(races[i].other, "mapper", end, seed);
	while (wait(&status) > 0)
		failed |= status;
	return !!failed;
}

static void alone(const char *path, long count)
{
	long i;

	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, 2 * count * PAGE))
		err(1, "%s", path);
	map = mmap(NULL, 2 * count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	for (i = 0; i < count; i++) {
		write_page(i);
		store(count + i);
		if (fsync(fd))
			err(1, "fsync");
	}
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		errx(2, "usage: perturb_stress RACE FILE SECONDS SEED PAUSE | alone FILE OTHER COUNT");
	if (!strcmp(argv[1], "alone")) {
		alone(argv[2], atol(argv[4]));
		alone(argv[3], 3 * atol(argv[4]));
		return 0;
	}
	pause_us = argc > 5 ? atoi(argv[5]) + 1 : 1;
	fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		err(1, "%s", argv[2]);
	return race(argv[1], atof(argv[3]), strtoull(argv[4], NULL, 10));
}
