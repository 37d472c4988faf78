// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tasks at full speed, each in pages of its own, whose every step says which one it
 * is: step n of a task stores to page n % SPAN of its pages, writes 1 + n / SPAN bytes
 * to it with pwrite(2), and punches it out. So the store faults, always.
 *
 * Usage: stress FOLDER SECONDS
 * Prints for each task "TID FILE-PAGE STEPS": its number, its first page, and how many
 * steps it has made.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

#define PAGE	4096L

static volatile sig_atomic_t over;

static void on_alarm(int signal)
{
	(void)signal;
	over = 1;
}

static void run(int task, int fd, unsigned int seconds)
{
	long first = (long)(task / FILES) * SPAN, page;
	static char buffer[PAGE];
	volatile char *map;
	unsigned long n;
	char name[16];

	snprintf(name, sizeof(name), "stress-%d", task);
	prctl(PR_SET_NAME, name);
	map = mmap(NULL, SPAN * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, first * PAGE);
	/* What is counted is pages. */
	if (map == MAP_FAILED || madvise((void *)map, SPAN * PAGE, MADV_NOHUGEPAGE))
		err(1, "mmap");
	signal(SIGALRM, on_alarm);
	alarm(seconds);
	for (n = 0; !over && n < STEPS_MAX; n++) {
		page = n % SPAN;
		map[page * PAGE] = 1;
		if (pwrite(fd, buffer, 1 + n / SPAN, (first + page) * PAGE) != (ssize_t)(1 + n / SPAN))
			err(1, "pwrite");
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (first + page) * PAGE, PAGE))
			err(1, "fallocate");
	}
	printf("%d %ld %lu\n", getpid(), first, n);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	int task, status, failed = 0, files[FILES];
	char name[32];

	if (argc != 3 || chdir(argv[1]))
		errx(2, "usage: stress FOLDER SECONDS");
	for (task = 0; task < FILES; task++) {
		snprintf(name, sizeof(name), "stress-%d", task);
		files[task] = open(name, O_RDWR | O_CREAT, 0600);
		if (files[task] < 0 || ftruncate(files[task], TASKS / FILES * SPAN * PAGE))
			err(1, "%s", name);
	}
	for (task = 0; task < TASKS; task++)
		if (!fork())
			run(task, files[task % FILES], atoi(argv[2]));
	for (task = 0; task < TASKS; task++)
		if (wait(&status) < 0 || status)
			failed = 1;
	return failed;
}
