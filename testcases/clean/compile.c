// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a compiler and a linker do to a folder, without what they compute: tasks write many
 * small files, read them through mappings, make of each an object (a file without a name,
 * that gets one when it is whole, or a temporary name that is renamed), make a program of
 * the objects through a shared mapping, and clean up. Each checks what it reads.
 *
 * Usage: compile FOLDER SECONDS SEED
 * Prints how many files there were. Exit status: 0, 1 if something failed, 2 usage.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TASKS		4
#define SOURCES		24	/* of a task, in a round */
#define THINK		5000	/* microseconds, on average, a file */
#define MOST_BYTES	20000

static uint64_t state;

static uint64_t chance(uint64_t below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % below;
}

static void check(bool good, const char *what)
{
	if (!good)
		err(1, "%s", what);
}

/* What is at a place of a source: by the seed of its own. */
static char byte_at(unsigned int seed, size_t at)
{
	return (seed * 31 + at * 7 + (at >> 8)) % 95 + 32;
}

static size_t bytes_of(unsigned int seed)
{
	return 100 + seed % (MOST_BYTES - 100);
}

static void write_source(const char *name, unsigned int seed)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	size_t bytes = bytes_of(seed), i, at, part;
	char buffer[4096];

	check(fd >= 0, name);
	/* As stdio does it, in buffers; some editors with other sizes */
	for (at = 0; at < bytes; at += part) {
		part = seed & 1 ? sizeof(buffer) : 1 + seed % 1500;
		if (part > bytes - at)
			part = bytes - at;
		for (i = 0; i < part; i++)
			buffer[i] = byte_at(seed, at + i);
		check(write(fd, buffer, part) == (ssize_t)part, "write");
	}
	close(fd);
}

/* Maps a file whole, to read; each byte is as it was written. */
static char *map_source(const char *name, unsigned int seed, int flags)
{
	int fd = open(name, O_RDONLY);
	struct stat stat;
	size_t i;
	char *map;

	check(fd >= 0 && !fstat(fd, &stat), name);
	if ((size_t)stat.st_size != bytes_of(seed))
		errx(1, "%s: %lld bytes, not %zu", name, (long long)stat.st_size, bytes_of(seed));
	map = mmap(NULL, stat.st_size, PROT_READ, flags, fd, 0);
	check(map != MAP_FAILED, "mmap");
	close(fd);
	for (i = 0; i < (size_t)stat.st_size; i++)
		if (map[i] != byte_at(seed, i))
			errx(1, "%s: byte %zu is wrong", name, i);
	return map;
}

/* The object is the source again, written in parts that are not in order. */
static void compile(int number, unsigned int seed)
{
	char source[32], object[32], path[64];
	size_t bytes = bytes_of(seed), half = bytes / 2;
	bool nameless = seed & 2;
	char *map;
	int fd;

	snprintf(source, sizeof(source), "%d.c", number);
	snprintf(object, sizeof(object), "%d.o", number);
	map = map_source(source, seed, seed & 4 ? MAP_SHARED : MAP_PRIVATE);
	fd = nameless ? open(".", O_TMPFILE | O_RDWR, 0600) : open("temporary", O_CREAT | O_TRUNC | O_RDWR, 0600);
	check(fd >= 0, "a temporary file");
	check(pwrite(fd, map + half, bytes - half, half) == (ssize_t)(bytes - half) &&
	      pwrite(fd, map, half, 0) == (ssize_t)half, "write");
	if (nameless) {
		unlink(object);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		check(!linkat(AT_FDCWD, path, AT_FDCWD, object, AT_SYMLINK_FOLLOW), "linkat");
	} else {
		check(!rename("temporary", object), "rename");
	}
	close(fd);
	munmap(map, bytes);
	/* So that the load is no race for processors: whoever watches it needs some as well. */
	usleep(chance(2 * THINK));
}

/* All objects, one after the other, through a mapping of the program */
static void link_all(const unsigned int *seeds)
{
	int fd = open("program", O_CREAT | O_TRUNC | O_RDWR, 0700), i;
	size_t all = 0, at = 0;
	char name[32], *to, *object;

	for (i = 0; i < SOURCES; i++)
		all += bytes_of(seeds[i]);
	check(fd >= 0 && !posix_fallocate(fd, 0, all), "program");
	to = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(to != MAP_FAILED, "mmap");
	for (i = 0; i < SOURCES; i++) {
		snprintf(name, sizeof(name), "%d.o", i);
		object = map_source(name, seeds[i], MAP_PRIVATE);
		memcpy(to + at, object, bytes_of(seeds[i]));
		munmap(object, bytes_of(seeds[i]));
		at += bytes_of(seeds[i]);
	}
	if (chance(2))
		check(!msync(to, all, MS_SYNC), "msync");
	munmap(to, all);
	close(fd);
}

static void clean(void)
{
	char name[32];
	int i;

	for (i = 0; i < SOURCES; i++) {
		snprintf(name, sizeof(name), "%d.o", i);
		check(!unlink(name), name);
		if (chance(4) == 0) {
			snprintf(name, sizeof(name), "%d.c", i);
			check(!unlink(name), name);
		}
	}
	check(!unlink("program"), "program");
}

static void task(int number, time_t end)
{
	unsigned int seeds[SOURCES];
	unsigned long files = 0;
	char name[32];
	int i;

	snprintf(name, sizeof(name), "compile.%d", number);
	check(!mkdir(name, 0700) || errno == EEXIST, name);
	check(!chdir(name), name);
	prctl(PR_SET_NAME, name);
	while (time(NULL) < end) {
		for (i = 0; i < SOURCES; i++) {
			seeds[i] = chance(1 << 20);
			snprintf(name, sizeof(name), "%d.c", i);
			write_source(name, seeds[i]);
		}
		for (i = 0; i < SOURCES; i++)
			compile(i, seeds[i]);
		link_all(seeds);
		clean();
		files += 2 * SOURCES + 1;
	}
	printf("%lu files\n", files);
	exit(0);
}

int main(int argc, char **argv)
{
	int i, status, failed = 0;
	time_t end;

	if (argc != 4)
		errx(2, "usage: compile FOLDER SECONDS SEED");
	check(!chdir(argv[1]), argv[1]);
	end = time(NULL) + atoi(argv[2]);
	for (i = 0; i < TASKS; i++) {
		pid_t pid = fork();

		check(pid >= 0, "fork");
		if (!pid) {
			state = strtoull(argv[3], NULL, 0) * TASKS + i;
			task(i, end);
		}
	}
	while (wait(&status) > 0)
		if (status)
			failed = 1;
	return failed;
}
