// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Files that are written, mapped, truncated and punched, each by a thread that
 * knows what every byte must be; and directories in which names come and go.
 * Everything is compared, often through the other way in: what was stored in a
 * mapping with read(2), and the reverse.
 * Usage: stress SECONDS SEED FOLDER
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WRITERS		3
#define CHURNERS	2
#define SIZE_MAX_FILE	(3 << 20)
#define PIECE		9000

static const char *folder;
static time_t end;
static atomic_ulong operations;

struct file {
	pthread_t thread;
	uint64_t random;
	char path[256];
	int fd;
	size_t size;
	uint8_t *want;		/* SIZE_MAX_FILE bytes; zero behind size */
};

static uint64_t next(uint64_t *state)
{
	/* xorshift64* (Vigna, 2014) */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d >> 8;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void fill(struct file *file, uint8_t *to, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		to[i] = next(&file->random);
}

static void compare(struct file *file, const uint8_t *got, size_t offset, size_t size,
		    const char *how)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (got[i] != file->want[offset + i])
			errx(1, "%s: byte %zu is 0x%02x through %s, and should be 0x%02x", file->path,
			     offset + i, got[i], how, file->want[offset + i]);
}

static void compare_all(struct file *file)
{
	static __thread uint8_t *got;
	struct stat st;
	ssize_t ret;

	if (!got)
		got = malloc(SIZE_MAX_FILE + 1);
	if (fstat(file->fd, &st) || (size_t)st.st_size != file->size)
		errx(1, "%s: it has %jd bytes, and should have %zu", file->path,
		     (intmax_t)st.st_size, file->size);
	ret = pread(file->fd, got, SIZE_MAX_FILE + 1, 0);
	if (ret != (ssize_t)file->size)
		errx(1, "%s: read %zd of %zu bytes", file->path, ret, file->size);
	compare(file, got, 0, file->size, "read(2)");
}

static void set_size(struct file *file, size_t size)
{
	if (size < file->size)
		memset(file->want + size, 0, file->size - size);
	file->size = size;
}

static void write_piece(struct file *file, size_t offset, size_t size)
{
	fill(file, file->want + offset, size);
	if (pwrite(file->fd, file->want + offset, size, offset) != (ssize_t)size)
		err(1, "%s: write", file->path);
	if (offset + size > file->size)
		file->size = offset + size;
}

static void map_piece(struct file *file, size_t offset, size_t size, bool store)
{
	uint8_t *map;

	if (offset >= file->size)
		return;
	if (size > file->size - offset)
		size = file->size - offset;
	map = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	if (map == MAP_FAILED)
		err(1, "%s: mmap", file->path);
	if (store) {
		fill(file, file->want + offset, size);
		memcpy(map + offset, file->want + offset, size);
		if (next(&file->random) % 2 && msync(map, file->size, MS_SYNC))
			err(1, "%s: msync", file->path);
	} else {
		compare(file, map + offset, offset, size, "a mapping");
	}
	munmap(map, file->size);
}

static void punch(struct file *file, size_t offset, size_t size, int mode)
{
	if (fallocate(file->fd, mode, offset, size))
		err(1, "%s: fallocate, mode %d", file->path, mode);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && offset < file->size)
		memset(file->want + offset, 0,
		       size < file->size - offset ? size : file->size - offset);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + size > file->size)
		file->size = offset + size;
}

static void *write_file(void *argument)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_KEEP_SIZE, 0,
	};
	struct file *file = argument;

	while (now() < end) {
		size_t offset = next(&file->random) % (SIZE_MAX_FILE - 200000);
		size_t size = 1 + next(&file->random) % PIECE;

		switch (next(&file->random) % 10) {
		case 0 ... 2:
			write_piece(file, offset, size);
			break;
		case 3 ... 4:
			map_piece(file, offset, size, true);
			break;
		case 5:
			map_piece(file, offset, size * 8, false);
			break;
		case 6:
			if (ftruncate(file->fd, offset))
				err(1, "%s: truncate", file->path);
			set_size(file, offset);
			break;
		case 7:
			punch(file, offset, 1 + next(&file->random) % 200000,
			      modes[next(&file->random) % 5]);
			break;
		case 8:
			if (fsync(file->fd))
				err(1, "%s: fsync", file->path);
			break;
		default:
			compare_all(file);
		}
		operations++;
	}
	compare_all(file);
	return NULL;
}

/* Errors that names in use, or not in use, explain. */
static void expected(int ret, const char *what)
{
	if (ret && errno != ENOENT && errno != EEXIST && errno != EISDIR && errno != ENOTDIR &&
	    errno != ENOTEMPTY && errno != EPERM)
		err(1, "%s", what);
}

static void *churn(void *argument)
{
	struct file *file = argument;
	char a[512], b[512];
	int fd;

	if (mkdir(file->path, 0755) && errno != EEXIST)
		err(1, "%s", file->path);
	while (now() < end) {
		unsigned int n = next(&file->random) % 300, m = next(&file->random) % 300;

		snprintf(a, sizeof(a), "%s/a name of some length, number %u", file->path, n);
		snprintf(b, sizeof(b), "%s/a name of some length, number %u", file->path, m);
		switch (next(&file->random) % 9) {
		case 0 ... 1:
			fd = open(a, O_CREAT | O_WRONLY, 0644);
			expected(fd < 0, a);
			if (fd >= 0) {
				if (write(fd, a, strlen(a)) != (ssize_t)strlen(a))
					err(1, "%s: write", a);
				close(fd);
			}
			break;
		case 2:
			expected(rename(a, b), a);
			break;
		case 3:
			expected(unlink(a), a);
			break;
		case 4:
			expected(link(a, b), a);
			break;
		case 5:
			expected(mkdir(a, 0755), a);
			break;
		case 6:
			/* With the other thread's folder. */
			snprintf(b, sizeof(b), "%s/folder%u/a name of some length, number %u",
				 folder, WRITERS + m % CHURNERS, m);
			expected(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE), a);
			break;
		case 7:
			fd = open(file->path, O_TMPFILE | O_WRONLY, 0644);
			if (fd < 0 || write(fd, a, strlen(a)) != (ssize_t)strlen(a))
				err(1, "%s: O_TMPFILE", file->path);
			snprintf(b, sizeof(b), "/proc/self/fd/%d", fd);
			if (n % 2)
				expected(linkat(AT_FDCWD, b, AT_FDCWD, a, AT_SYMLINK_FOLLOW), a);
			close(fd);
			break;
		default:
			expected(rmdir(a), a);
		}
		operations++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct file file[WRITERS + CHURNERS] = { 0 };
	int i;

	if (argc != 4)
		errx(2, "usage: stress SECONDS SEED FOLDER");
	folder = argv[3];
	end = now() + atoi(argv[1]);
	for (i = 0; i < WRITERS + CHURNERS; i++) {
		file[i].random = (strtoull(argv[2], NULL, 0) * 16 + i + 1) * 0x9e3779b97f4a7c15;
		snprintf(file[i].path, sizeof(file[i].path), "%s/%s%d", folder,
			 i < WRITERS ? "file" : "folder", i);
		if (i < WRITERS) {
			file[i].want = calloc(1, SIZE_MAX_FILE);
			file[i].fd = open(file[i].path, O_RDWR | O_CREAT | O_TRUNC, 0644);
			if (file[i].fd < 0 || !file[i].want)
				err(1, "%s", file[i].path);
		}
		if (pthread_create(&file[i].thread, NULL, i < WRITERS ? write_file : churn, &file[i]))
			errx(1, "cannot start a thread");
	}
	for (i = 0; i < WRITERS + CHURNERS; i++)
		pthread_join(file[i].thread, NULL);
	printf("%lu operations\n", operations);
	return 0;
}
