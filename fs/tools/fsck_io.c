// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* fsck.refdax: messages, questions, memory, blocks. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsck.h"

void say(struct fsck *f, const char *fmt, ...)
{
	va_list args;

	if (f->quiet)
		return;
	printf("%s: ", f->device);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

bool may_write(const struct fsck *f)
{
	return f->mode != MODE_NO;
}

static bool ask(void)
{
	char line[16];

	printf("? Correct it [y/N] ");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

bool problem(struct fsck *f, enum cost cost, const char *fmt, ...)
{
	bool yes = false;
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	switch (f->mode) {
	case MODE_NO:
		puts(": left as it is");
		break;
	case MODE_SAFE:
		yes = cost == SAFE;
		puts(yes ? ": corrected" : ": left as it is, the correction may lose something");
		break;
	case MODE_YES:
		yes = true;
		puts(": corrected");
		break;
	case MODE_ASK:
		yes = ask();
		break;
	}
	if (yes)
		f->corrected++;
	else
		f->left++;
	return yes;
}

const char *printable(const char *name)
{
	static char text[REFDAX_NAME_MAX + 1];
	size_t i;

	for (i = 0; name[i] && i < REFDAX_NAME_MAX; i++)
		text[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
	text[i] = 0;
	return text;
}

void beyond_repair(struct fsck *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	puts(": it cannot be corrected");
	f->left++;
}

/*
 * Blocks that stand for those on the device: a hash table that the journal's
 * length bounds.
 */
struct overlay_block {
	struct overlay_block *next;
	uint64_t block;
	uint8_t data[REFDAX_BLOCK_SIZE];
};

#define OVERLAY_SLOTS	4096

struct overlay {
	struct overlay_block *slot[OVERLAY_SLOTS];
};

static struct overlay_block *overlay_find(struct fsck *f, uint64_t block)
{
	struct overlay_block *o = NULL;

	if (f->overlay)
		for (o = f->overlay->slot[block % OVERLAY_SLOTS]; o && o->block != block; )
			o = o->next;
	return o;
}

void overlay_set(struct fsck *f, uint64_t block, const void *data)
{
	struct overlay_block *o = overlay_find(f, block);

	if (!f->overlay)
		f->overlay = zalloc(sizeof(*f->overlay));
	if (!o) {
		o = zalloc(sizeof(*o));
		o->block = block;
		o->next = f->overlay->slot[block % OVERLAY_SLOTS];
		f->overlay->slot[block % OVERLAY_SLOTS] = o;
	}
	memcpy(o->data, data, sizeof(o->data));
}

void overlay_apply(struct fsck *f)
{
	struct overlay *overlay = f->overlay;
	struct overlay_block *o, *next;
	int i;

	f->overlay = NULL;
	for (i = 0; overlay && i < OVERLAY_SLOTS; i++) {
		for (o = overlay->slot[i]; o; o = next) {
			next = o->next;
			write_block(f, o->block, o->data);
			free(o);
		}
	}
	free(overlay);
}

bool read_block(struct fsck *f, uint64_t block, void *data)
{
	struct overlay_block *o = overlay_find(f, block);
	size_t done = 0;

	if (o) {
		memcpy(data, o->data, sizeof(o->data));
		return true;
	}
	if (block >= f->device_blocks)
		return false;
	while (done < REFDAX_BLOCK_SIZE) {
		ssize_t got = pread(f->fd, (uint8_t *)data + done, REFDAX_BLOCK_SIZE - done,
				    block * REFDAX_BLOCK_SIZE + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, PROG ": cannot read block %" PRIu64 " of %s: %s\n", block,
				f->device, got ? strerror(errno) : "it ends before");
			memset(data, 0, REFDAX_BLOCK_SIZE);
			return false;
		}
		done += got;
	}
	return true;
}

/* Some blocks at once; the overlay's count. False: one of them cannot be read. */
bool read_blocks(struct fsck *f, uint64_t block, uint32_t count, void *data)
{
	size_t size = (size_t)count * REFDAX_BLOCK_SIZE;
	bool good = true;
	uint32_t i;

	if (!f->overlay && block < f->device_blocks && count <= f->device_blocks - block &&
	    pread(f->fd, data, size, block * REFDAX_BLOCK_SIZE) == (ssize_t)size)
		return true;
	for (i = 0; i < count; i++)
		good = read_block(f, block + i, (uint8_t *)data + (size_t)i * REFDAX_BLOCK_SIZE) &&
		       good;
	return good;
}

void write_block(struct fsck *f, uint64_t block, const void *data)
{
	size_t done = 0;

	if (!may_write(f))
		fail(STATUS_FAILED, "would have written block %" PRIu64 " under -n: a defect of " PROG,
		     block);
	while (done < REFDAX_BLOCK_SIZE) {
		ssize_t put = pwrite(f->fd, (const uint8_t *)data + done, REFDAX_BLOCK_SIZE - done,
				     block * REFDAX_BLOCK_SIZE + done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			fail(STATUS_FAILED, "cannot write block %" PRIu64 " of %s: %s; what was done so far stays, run it again when the device works",
			     block, f->device, put ? strerror(errno) : "no space");
		done += put;
	}
}

static uint64_t builder_allocate(void *context)
{
	return allocate_block(context);
}

static void builder_write(void *context, uint64_t block, const void *data)
{
	write_block(context, block, data);
}

struct builder fsck_builder(struct fsck *f)
{
	return (struct builder) {
		.context = f,
		.seed = f->seed,
		.allocate = builder_allocate,
		.write = builder_write,
	};
}

void write_metadata(struct fsck *f, uint32_t magic, uint64_t block, uint64_t owner,
		    uint32_t generation, void *data)
{
	struct builder b = fsck_builder(f);

	build_block(&b, magic, block, owner, generation, data);
}

bool header_fits(const struct refdax_header *header, uint32_t magic, uint64_t block,
		 uint64_t owner, uint32_t generation)
{
	return le32toh(header->h_magic) == magic && le64toh(header->h_block) == block &&
	       le64toh(header->h_owner) == owner && le32toh(header->h_generation) == generation;
}

const char *header_problem(const struct fsck *f, const struct refdax_header *header)
{
	if (le32toh(header->h_crc) != refdax_block_crc(f->seed, header))
		return "has a wrong checksum";
	if (header->h_reserved)
		return "has something in its header's reserved field";
	return NULL;
}

void flush_device(struct fsck *f)
{
	if (may_write(f) && fsync(f->fd))
		fail(STATUS_FAILED, "cannot write %s: %s", f->device, strerror(errno));
}
