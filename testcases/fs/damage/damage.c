// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * damage SEED IMAGE                  one change; says which on standard output
 * damage --prepare IMAGE [LOG_IMAGE] orphans and unwritten extents; a copy that has a log too
 * damage --share IMAGE               the second file has the first one's blocks
 * damage --set IMAGE FIELD INO VALUE i_mode, i_nlink, or s_last_orphan (whatever INO is)
 * damage --check FSCK FROM TO IMAGE LOG_IMAGE
 *	for each seed: fsck -n must find the change if that breaks a rule, and nothing if
 *	it does not; fsck -y must correct it, lose no more than one inode, and then
 *	fsck -n must find nothing
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "damage.h"

const struct program program = { "damage", 2 };

#define LOG_CLASSES	(1U << LOG_SUPER | 1U << LOG_BLOCK)
#define ALL_CLASSES	(~0U)
#define OUTPUT_MAX	65536

static const char *const expect_name[] = { "detected", "meaningless", "refused", "undecidable" };

static void map(struct image *image, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	memset(image, 0, sizeof(*image));
	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", path);
	image->size = st.st_size;
	image->data = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (image->data == MAP_FAILED)
		err(2, "%s", path);
	close(fd);
}

static void print_change(const struct change *c)
{
	printf("%s: %s", expect_name[c->expect], class_name[c->target.class]);
	if (c->target.ino)
		printf(" of inode %" PRIu64, c->target.ino);
	printf(", block %" PRIu64 " byte %u: %s 0x%" PRIx64 " to 0x%" PRIx64 ", checksum %s\n",
	       c->block, c->offset, c->field, c->old, c->new, c->checksum ? "correct" : "as it was");
}

static void copy_file(const char *from, const char *to)
{
	struct image a, b;
	int fd;

	map(&a, from);
	fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || ftruncate(fd, a.size))
		err(2, "%s", to);
	close(fd);
	map(&b, to);
	memcpy(b.data, a.data, a.size);
	munmap(a.data, a.size);
	munmap(b.data, b.size);
}

static void do_prepare(int argc, char **argv)
{
	struct image image;

	map(&image, argv[0]);
	scan(&image);
	prepare(&image);
	if (argc < 2)
		return;
	copy_file(argv[0], argv[1]);
	map(&image, argv[1]);
	scan(&image);
	prepare_log(&image);
}

/* Exit status, or 128 and a signal; what it said, in @output. */
static int run_fsck(const char *fsck, const char *option, const char *path, char *output)
{
	size_t used = 0;
	int fds[2], status;
	ssize_t got;
	pid_t pid;

	if (pipe(fds))
		err(2, "pipe");
	pid = fork();
	if (pid < 0)
		err(2, "fork");
	if (!pid) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		alarm(60);
		execl(fsck, fsck, option, path, NULL);
		_exit(127);
	}
	close(fds[1]);
	while ((got = read(fds[0], output + used, OUTPUT_MAX - 1 - used)) > 0)
		used += got;
	output[used] = 0;
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid)
		err(2, "wait");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Those that are to be deleted anyway: they may go when the orphan list does. */
static long count_deleted(const struct image *image)
{
	uint64_t ino = le64toh(((struct refdax_super *)image->data)->s_last_orphan);
	long count = 0;

	for (; ino; ino = le64toh(image_inode(image, ino)->i_next_orphan))
		count += !image_inode(image, ino)->i_nlink;
	return count;
}

/* "clean: 34 inodes" */
static long count_inodes(const char *output)
{
	const char *at = strstr(output, "clean: ");

	return at ? atol(at + 7) : -1;
}

struct check {
	const char *fsck;
	const char *path;		/* of the file that is damaged */
	uint64_t done[CLASSES];
	uint64_t expected[4];
	uint64_t failed;
};

static void restore(struct image *work, const struct image *base)
{
	uint64_t at;

	for (at = 0; at < base->size; at += REFDAX_BLOCK_SIZE)
		if (memcmp(work->data + at, base->data + at, REFDAX_BLOCK_SIZE))
			memcpy(work->data + at, base->data + at, REFDAX_BLOCK_SIZE);
}

static const char *judge(struct check *check, const struct change *c, long inodes, char *output)
{
	int status = run_fsck(check->fsck, "-n", check->path, output), wanted = 0;

	if (c->expect == REFUSED)
		return status == 8 ? NULL : "fsck -n did not refuse it";
	if (c->expect == DETECTED && status != 4)
		return "fsck -n did not find it";
	if (c->expect == MEANINGLESS && status)
		return "fsck -n found something";
	if (c->expect == UNDECIDABLE && status && status != 4)
		return "fsck -n failed";
	wanted = status ? 1 : 0;
	status = run_fsck(check->fsck, "-y", check->path, output);
	if (status != wanted)
		return "fsck -y did not correct it";
	status = run_fsck(check->fsck, "-n", check->path, output);
	if (status)
		return "fsck -n found something after fsck -y";
	/* Contents that a wrong log brought can be anything. */
	if (c->expect != UNDECIDABLE && c->target.class < LOG_SUPER &&
	    count_inodes(output) < inodes - 1)
		return "fsck -y lost more than one inode";
	return NULL;
}

static void check_seed(struct check *check, uint64_t seed, struct image *work,
		       const struct image *base, unsigned int classes, long inodes)
{
	static char output[OUTPUT_MAX];
	struct change change;
	const char *what;

	restore(work, base);
	random_seed(seed);
	damage(work, classes, &change);
	check->done[change.target.class]++;
	check->expected[change.expect]++;
	what = judge(check, &change, inodes, output);
	if (!what)
		return;
	check->failed++;
	printf("seed %" PRIu64 ": %s: ", seed, what);
	print_change(&change);
	if (check->failed < 20)
		fputs(output, stdout);
	fflush(stdout);
}

static int do_check(char **argv)
{
	struct check check = { .fsck = argv[0] };
	uint64_t seed, from = strtoull(argv[1], NULL, 0), to = strtoull(argv[2], NULL, 0);
	struct image base[2], work[2];
	char path[2][4096], output[OUTPUT_MAX];
	long inodes;
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s.damaged", argv[3 + i]);
		copy_file(argv[3 + i], path[i]);
		map(&base[i], argv[3 + i]);
		map(&work[i], path[i]);
	}
	scan(&work[0]);
	/* What can be scanned is the filesystem before its log was written. */
	map(&work[1], path[1]);
	work[1].geometry = work[0].geometry;
	work[1].seed = work[0].seed;
	scan(&work[1]);
	if (run_fsck(check.fsck, "-n", argv[3], output) ||
	    (inodes = count_inodes(output)) < 1 || run_fsck(check.fsck, "-n", argv[4], output)) {
		fputs(output, stdout);
		errx(2, "the images are not in order to begin with");
	}
	inodes -= count_deleted(&work[0]);
	for (seed = from; seed < to; seed++) {
		i = seed % 6 == 0;
		check.path = path[i];
		check_seed(&check, seed, &work[i], &base[i],
			   i ? LOG_CLASSES : ALL_CLASSES & ~(1U << LOG_BLOCK), inodes);
	}
	for (i = 0; i < CLASSES; i++)
		printf("%s%s %" PRIu64, i ? ", " : "structures: ", class_name[i], check.done[i]);
	printf("\nchanges:");
	for (i = 0; i < 4; i++)
		printf("%s %" PRIu64 " %s", i ? "," : "", check.expected[i], expect_name[i]);
	printf("\nfailed: %" PRIu64 "\n", check.failed);
	return check.failed ? 1 : 0;
}

static void do_set(struct image *image, const char *field, uint64_t ino, uint64_t value)
{
	struct refdax_super *super = image_block(image, REFDAX_SUPER_BLOCK);
	struct refdax_inode *raw = image_inode(image, ino);

	if (!strcmp(field, "i_mode"))
		raw->i_mode = htole16(value);
	else if (!strcmp(field, "i_nlink"))
		raw->i_nlink = htole32(value);
	else if (!strcmp(field, "s_last_orphan"))
		super->s_last_orphan = htole64(value);
	else
		errx(2, "%s: no such field", field);
	raw->i_crc = htole32(refdax_inode_crc(image->seed, ino, raw));
	super->s_header.h_crc = htole32(refdax_block_crc(0, super));
}

int main(int argc, char **argv)
{
	struct change change;
	struct image image;

	if (argc >= 3 && !strcmp(argv[1], "--prepare")) {
		do_prepare(argc - 2, argv + 2);
		return 0;
	}
	if (argc == 7 && !strcmp(argv[1], "--check"))
		return do_check(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "--share")) {
		map(&image, argv[2]);
		scan(&image);
		share(&image);
		return 0;
	}
	if (argc == 6 && !strcmp(argv[1], "--set")) {
		map(&image, argv[2]);
		scan(&image);
		do_set(&image, argv[3], strtoull(argv[4], NULL, 0), strtoull(argv[5], NULL, 0));
		return 0;
	}
	if (argc != 3)
		errx(2, "usage: damage SEED IMAGE | --prepare IMAGE [LOG_IMAGE] | --share IMAGE | --set IMAGE FIELD INO VALUE | --check FSCK FROM TO IMAGE LOG_IMAGE");
	map(&image, argv[2]);
	scan(&image);
	random_seed(strtoull(argv[1], NULL, 0));
	damage(&image, ALL_CLASSES, &change);
	print_change(&change);
	return 0;
}
