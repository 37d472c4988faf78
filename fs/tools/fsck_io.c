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

void fail(int status, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, PROG ": ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

void *zalloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		fail(STATUS_FAILED, "not enough memory: %zu bytes were wanted", size);
	return p;
}

void *grow(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	array = reallocarray(array, *room, size);
	if (!array)
		fail(STATUS_FAILED, "not enough memory: %zu times %zu bytes were wanted", *room, size);
	return array;
}

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

void write_metadata(struct fsck *f, uint32_t magic, uint64_t block, uint64_t owner,
		    uint32_t generation, void *data)
{
	struct refdax_header *header = data;

	header->h_magic = htole32(magic);
	header->h_block = htole64(block);
	header->h_owner = htole64(owner);
	header->h_generation = htole32(generation);
	header->h_reserved = 0;
	header->h_crc = htole32(refdax_block_crc(f->seed, data));
	write_block(f, block, data);
}

void flush_device(struct fsck *f)
{
	if (may_write(f) && fsync(f->fd))
		fail(STATUS_FAILED, "cannot write %s: %s", f->device, strerror(errno));
}
