// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What each operation costs its task, a page at a time: prints
 *	APPEND OVERWRITE WRITE-FAULT MSYNC RE-FAULT TRUNCATE
 * in nanoseconds of the thread's own CPU time, per page. In a guest started
 * with --icount a nanosecond is half an instruction.
 *
 * Usage: bench FILE
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>

#define PAGES 2048

static size_t page_size;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static double writes(int file, const char *buffer)
{
	double begun = now();
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (pwrite(file, buffer, page_size, i * page_size) != (ssize_t)page_size)
			fail("pwrite");
	return (now() - begun) / PAGES;
}

static double stores(volatile char *data)
{
	double begun = now();
	size_t i;

	for (i = 0; i < PAGES; i++)
		data[i * page_size] = 1;
	return (now() - begun) / PAGES;
}

int main(int argc, char **argv)
{
	double append, overwrite, fault, sync, again, truncate;
	char *buffer, *data;
	int file;

	if (argc != 2)
		return 2;
	page_size = sysconf(_SC_PAGESIZE);
	buffer = malloc(page_size);
	if (!buffer)
		fail("malloc");
	memset(buffer, 'b', page_size);
	file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0)
		fail(argv[1]);
	append = writes(file, buffer);
	overwrite = writes(file, buffer);
	data = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (data == MAP_FAILED || madvise(data, PAGES * page_size, MADV_NOHUGEPAGE))
		fail("mmap");
	fault = stores(data);
	sync = now();
	if (msync(data, PAGES * page_size, MS_SYNC))
		fail("msync");
	sync = (now() - sync) / PAGES;
	again = stores(data);
	if (munmap((void *)data, PAGES * page_size))
		fail("munmap");
	truncate = now();
	if (ftruncate(file, 0))
		fail("ftruncate");
	truncate = (now() - truncate) / PAGES;
	printf("%.0f %.0f %.0f %.0f %.0f %.0f\n", append, overwrite, fault, sync, again, truncate);
	return 0;
}
