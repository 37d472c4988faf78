// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a file costs to create as its directory grows: makes COUNT files and
 * prints the cost of one among the first thousand and among the last, in
 * nanoseconds of the thread's CPU time (halves of instructions with --icount).
 *
 * Usage: fs_many FOLDER COUNT
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#define STEP 1000

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv)
{
	double begun = 0, first = 0, last = 0;
	int i, count;
	char name[32];

	if (argc != 3 || chdir(argv[1]))
		return 2;
	count = atoi(argv[2]);
	for (i = 0; i < count; i++) {
		if (i % STEP == 0)
			begun = now();
		snprintf(name, sizeof(name), "file number %d", i);
		if (mknod(name, S_IFREG | 0600, 0)) {
			perror(name);
			return 1;
		}
		if (i % STEP == STEP - 1) {
			last = (now() - begun) / STEP;
			if (i < STEP)
				first = last;
		}
	}
	printf("%.0f %.0f\n", first, last);
	return 0;
}
