// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What fsync(2) promised. Threads make files of known contents, by write(2) and by
 * mappings, call fsync on each and on its folder, and only then note it in a log,
 * which is elsewhere; others that nobody syncs come and go meanwhile. After a
 * crash every file of the log must be whole.
 *
 * Usage: fs_durable FOLDER LOG THREADS SEED	works until it is killed or the filesystem fails
 *	  fs_durable verify FOLDER LOG		exit status 1 if a file of the log is not whole
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LENGTH_MAX 60000

static int log_file;

static uint64_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static void fill(uint8_t *data, size_t length, uint64_t seed)
{
	size_t i;

	for (i = 0; i < length; i++)
		data[i] = next(&seed) >> 3;
}

/* In pieces, some of them through a mapping. */
static int store(int fd, const uint8_t *data, size_t length, uint64_t *state)
{
	size_t done = 0, piece;
	uint8_t *map;

	while (done < length) {
		piece = next(state) % 9000 + 1;
		if (piece > length - done)
			piece = length - done;
		if (next(state) % 3) {
			if (pwrite(fd, data + done, piece, done) != (ssize_t)piece)
				return -1;
		} else {
			if (ftruncate(fd, done + piece))
				return -1;
			map = mmap(NULL, done + piece, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			if (map == MAP_FAILED)
				return -1;
			memcpy(map + done, data + done, piece);
			munmap(map, done + piece);
		}
		done += piece;
	}
	return 0;
}

static int make_file(const char *folder, int directory, const char *name, uint64_t seed,
		     size_t length, uint64_t *state)
{
	static __thread uint8_t data[LENGTH_MAX];
	char temporary[64], line[128];
	int fd, err;

	/* Half of them get their name by a rename, as editors do it. */
	snprintf(temporary, sizeof(temporary), "%s%s", name, seed % 2 ? ".new" : "");
	fd = openat(directory, temporary, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return -1;
	fill(data, length, seed);
	err = store(fd, data, length, state) || fsync(fd) ||
	      (seed % 2 && renameat(directory, temporary, directory, name)) || fsync(directory);
	close(fd);
	if (err)
		return -1;
	snprintf(line, sizeof(line), "%s/%s %llu %zu\n", folder, name, (unsigned long long)seed,
		 length);
	return write(log_file, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : -1;
}

/* Names and blocks that come and go, of which nothing is promised. */
static int churn(int directory, uint64_t *state)
{
	char name[32], other[32];
	int fd;

	snprintf(name, sizeof(name), "churn%d", (int)(next(state) % 20));
	snprintf(other, sizeof(other), "churn%d", (int)(next(state) % 20));
	switch (next(state) % 4) {
	case 0:
		return unlinkat(directory, name, 0) && errno != ENOENT;
	case 1:
		return renameat(directory, name, directory, other) && errno != ENOENT;
	default:
		fd = openat(directory, name, O_RDWR | O_CREAT, 0600);
		if (fd < 0 || ftruncate(fd, next(state) % 100000) ||
		    pwrite(fd, name, sizeof(name), next(state) % 100000) < 0)
			return -1;
		return close(fd);
	}
}

static void *work(void *argument)
{
	uint64_t state = (uintptr_t)argument;
	char folder[32], name[32];
	int directory, i;

	snprintf(folder, sizeof(folder), "t%u", (unsigned int)state);
	if (mkdir(folder, 0700))
		return NULL;
	directory = open(folder, O_RDONLY);
	for (i = 0; ; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		if (make_file(folder, directory, name, next(&state), next(&state) % LENGTH_MAX,
			      &state) ||
		    churn(directory, &state) || churn(directory, &state))
			return NULL;
	}
}

static int verify(const char *log)
{
	static uint8_t want[LENGTH_MAX], got[LENGTH_MAX + 1];
	unsigned long long seed;
	FILE *stream = fopen(log, "r");
	int fd, files = 0, bad = 0;
	size_t length;
	char path[64];

	if (!stream)
		return 1;
	while (fscanf(stream, "%63s %llu %zu", path, &seed, &length) == 3) {
		fill(want, length, seed);
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, got, sizeof(got)) != (ssize_t)length ||
		    memcmp(want, got, length)) {
			printf("%s: %s\n", path, fd < 0 ? "missing" : "not as it was synced");
			bad++;
		}
		if (fd >= 0)
			close(fd);
		files++;
	}
	printf("%d files were synced, %d of them are not whole\n", files, bad);
	return bad != 0;
}

int main(int argc, char **argv)
{
	bool verifying = argc == 4 && !strcmp(argv[1], "verify");
	char log[4096];
	pthread_t threads[16];
	int i, count;

	if (!verifying && argc != 5)
		return 2;
	if (!realpath(argv[verifying ? 3 : 2], log) || chdir(argv[verifying ? 2 : 1])) {
		perror("fs_durable");
		return 2;
	}
	if (verifying)
		return verify(log);
	log_file = open(log, O_WRONLY | O_APPEND);
	count = atoi(argv[3]) < 16 ? atoi(argv[3]) : 16;
	for (i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, work,
				   (void *)(uintptr_t)(atoi(argv[4]) * 16 + i)))
			return 2;
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
