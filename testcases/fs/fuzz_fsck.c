// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * libFuzzer target: the input is a list of changes to an image with one of everything,
 * most with their checksums corrected. What fsck -y leaves, fsck -n must find clean.
 * The image is named by FSCK_FUZZ_IMAGE; fsck.refdax is linked in, on a memfd.
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "damage/damage.h"

#undef pwrite

int fsck_main(int argc, char **argv);
void __attribute__((noreturn)) fuzz_exit(int status);
ssize_t fuzz_pwrite(int fd, const void *data, size_t size, off_t offset);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* One change, as it is in the input. */
struct __attribute__((packed)) step {
	uint16_t target;
	uint16_t offset;
	uint8_t flags;		/* bits 0-1: width; 2: add; 3: a number of this image; 4-6: checksum */
	uint64_t value;
};

static struct image base, work;
static uint8_t *dirty;		/* blocks that differ from the base */
static int memfd;
static char path[64];
static jmp_buf back;

void fuzz_exit(int status)
{
	longjmp(back, status + 1);
}

ssize_t fuzz_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	if ((uint64_t)offset + size > base.size)
		abort();
	memset(dirty + offset / REFDAX_BLOCK_SIZE, 1, (size + REFDAX_BLOCK_SIZE - 1) /
						      REFDAX_BLOCK_SIZE);
	return pwrite(fd, data, size, offset);
}

static int run(const char *option)
{
	char *argv[] = { "fsck.refdax", (char *)option, path, NULL };
	int status = setjmp(back);

	/* glibc's getopt starts again. */
	optind = 0;
	if (status)
		status--;
	else
		status = fsck_main(3, argv);
	/* What an early end left open. */
	close_range(memfd + 1, ~0U, 0);
	return status;
}

static void load(void)
{
	const char *name = getenv("FSCK_FUZZ_IMAGE");
	struct stat st;
	int fd;

	fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || fstat(fd, &st))
		errx(2, "FSCK_FUZZ_IMAGE must name an image");
	base.size = work.size = st.st_size;
	base.data = malloc(base.size);
	if (!base.data || read(fd, base.data, base.size) != (ssize_t)base.size)
		err(2, "%s", name);
	close(fd);
	memfd = memfd_create("image", 0);
	if (memfd < 0 || ftruncate(memfd, base.size))
		err(2, "memfd");
	work.data = mmap(NULL, base.size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (work.data == MAP_FAILED)
		err(2, "mmap");
	memcpy(work.data, base.data, base.size);
	dirty = calloc(1, base.size / REFDAX_BLOCK_SIZE + 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	scan(&base);
}

static void restore(void)
{
	uint64_t i;

	for (i = 0; i < base.size / REFDAX_BLOCK_SIZE; i++)
		if (dirty[i])
			memcpy(work.data + i * REFDAX_BLOCK_SIZE, base.data + i * REFDAX_BLOCK_SIZE,
			       REFDAX_BLOCK_SIZE);
	memset(dirty, 0, base.size / REFDAX_BLOCK_SIZE);
}

static void fix(const struct target *t)
{
	uint8_t *block = work.data + t->block * REFDAX_BLOCK_SIZE;
	struct refdax_header *header = (struct refdax_header *)block;
	struct refdax_inode *raw = (struct refdax_inode *)(block + t->offset);

	if (t->class == INODE || t->in_inode) {
		raw->i_crc = htole32(refdax_inode_crc(base.seed, t->ino, raw));
	} else if (t->class == LOG_SUPER) {
		((struct jbd2_super *)block)->s_checksum = jbd2_super_crc((void *)block);
	} else if (t->class != LOG_BLOCK) {
		header->h_crc = 0;
		header->h_crc = htole32(crc32c(t->class == SUPER || t->class == BACKUP ||
					       !t->block ? ~0U : base.seed, block,
					       REFDAX_BLOCK_SIZE));
	}
}

static void apply(const struct step *step)
{
	const struct target *t = &base.target[step->target % base.targets];
	unsigned int width = 1 << (step->flags & 3), offset, room;
	uint64_t value = step->value, old = 0;
	uint8_t *at = work.data + t->block * REFDAX_BLOCK_SIZE;

	/* An inode's changes are in that inode. */
	room = t->class == INODE || t->in_inode ? REFDAX_INODE_SIZE : REFDAX_BLOCK_SIZE;
	offset = t->offset + step->offset % (room / width) * width;
	memcpy(&old, at + offset, width);
	if (step->flags & 4)
		value += old;
	if (step->flags & 8)
		value = base.target[value % base.targets].block;
	memcpy(at + offset, &value, width);
	dirty[t->block] = 1;
	if (step->flags & 0x70)
		fix(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct step step;
	int status;

	if (!work.data)
		load();
	restore();
	for (; size >= sizeof(step); size -= sizeof(step), input += sizeof(step)) {
		memcpy(&step, input, sizeof(step));
		apply(&step);
	}
	run("-n");
	status = run("-y");
	/* Neither without any superblock, nor of a newer format. */
	if (status >= 8)
		return 0;
	if (status > 1 || run("-n"))
		abort();
	return 0;
}
