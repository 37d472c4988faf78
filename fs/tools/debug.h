/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * refdax-debug from the inside. Nothing that is read is believed: what is wrong with it
 * is shown beside it, and what cannot be followed is not.
 */
#ifndef REFDAX_DEBUG_H
#define REFDAX_DEBUG_H

#include <stdio.h>

#include "common.h"

#define PROG "refdax-debug"

/* Exit status */
#define STATUS_DAMAGED	1	/* something that was shown is damaged */
#define STATUS_USAGE	2
#define STATUS_FAILED	3	/* it cannot be read, or is no refdax filesystem */

struct device {
	int fd;
	const char *path;
	uint64_t blocks;		/* of the device */
	struct refdax_super super;
	uint64_t super_block;		/* where that is from */
	struct geometry geometry;
	uint32_t seed;
	uint8_t *visited;		/* by the walk in progress: a bit a block */
	bool damaged;
};

/* debug_out.c: one description, as text or as JSON */
void out_start(bool json);
void out_finish(void);
/* An object, or an array; with a name in an object, without one in an array. */
void out_object(const char *name);
void out_array(const char *name);
void out_end(void);
void out_number(const char *name, uint64_t value);
void out_signed(const char *name, int64_t value);
void out_hex(const char *name, uint64_t value);
void out_text(const char *name, const char *text);
/* Bytes that should be text; what is not is shown in hexadecimal too. */
void out_bytes(const char *name, const void *data, size_t size);
/* What is wrong. It makes the exit status STATUS_DAMAGED. */
void __attribute__((format(printf, 2, 3))) out_problem(struct device *d, const char *fmt, ...);

/* debug_read.c */
bool read_block(struct device *d, uint64_t block, void *data);
/* False, and said, if it cannot be. */
bool read_inode(struct device *d, uint64_t ino, struct refdax_inode *raw);
void open_device(struct device *d, const char *path, uint64_t super_block);
/* What is wrong with a header. */
void check_header(struct device *d, const struct refdax_header *header, uint32_t magic,
		  uint64_t block, uint64_t owner, uint32_t generation);
/* The block's number, and what is wrong with its header. */
void show_header(struct device *d, const struct refdax_header *header, uint32_t magic,
		 uint64_t block, uint64_t owner, uint32_t generation);
const char *magic_name(uint32_t magic);
/* Calls @found for each extent of a file, in order, as long as that returns true. */
typedef bool (*extent_function)(struct device *d, void *context, const struct refdax_extent *x);
void walk_extents(struct device *d, uint64_t ino, const struct refdax_inode *raw, bool show,
		  extent_function found, void *context);

/* debug_show.c, debug_dir.c, debug_log.c: the commands */
void show_super(struct device *d);
void show_group(struct device *d, uint32_t group);
void show_inode(struct device *d, uint64_t ino);
void show_extents(struct device *d, uint64_t ino);
void show_xattrs(struct device *d, uint64_t ino);
void show_orphans(struct device *d);
void show_free(struct device *d);
void show_block(struct device *d, uint64_t block);
void show_directory(struct device *d, uint64_t ino);
void show_path(struct device *d, const char *path);
void show_journal(struct device *d);
/* The contents of a file, to standard output. */
void cat_file(struct device *d, uint64_t ino);

#endif
