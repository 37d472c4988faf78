/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mkfs.refdax from the inside. Everything but the superblock is written, then
 * flushed, then the superblock and its backups: what is interrupted is no filesystem.
 */
#ifndef REFDAX_MKFS_H
#define REFDAX_MKFS_H

#include "build.h"

#define PROG "mkfs.refdax"

/* Exit status, as mkfs(8) has it for others: 0 done, 1 failed, 2 wrong usage. */
#define STATUS_FAILED	1
#define STATUS_USAGE	2

struct options {
	const char *device;
	const char *label;
	const char *folder;	/* -d: what is in it is to be in the filesystem */
	uint8_t uuid[16];
	uint64_t hash_key[2];
	uint64_t blocks;	/* 0: the whole device */
	uint64_t inodes;	/* 0: one for 16 KiB */
	uint32_t journal;	/* blocks, 0: by the size */
	bool force;
	bool quiet;
	bool dry;		/* -n: write nothing */
};

/* Bits as in struct refdax_bitmap, allocated where something is not as mkfs.refdax leaves it. */
struct group_bits {
	uint8_t *blocks;
	uint8_t *inodes;
};

struct mkfs {
	const struct options *options;
	int fd;
	bool is_file;
	uint64_t device_bytes;
	struct geometry geometry;
	struct refdax_super super;
	uint32_t seed;
	uint64_t now;		/* seconds since 1970 */
	struct group_bits *group;
	uint64_t next_block;	/* where to look for free ones */
	uint64_t next_ino;
	uint64_t files;		/* inodes that -d made */
	uint64_t used;		/* blocks that -d took */
};

/* mkfs_device.c */
/* Opens it for writing, alone, and refuses what is in use or (without -f) holds something. */
void open_device(struct mkfs *m);
void write_blocks(struct mkfs *m, uint64_t block, const void *data, uint64_t count);
/* So many blocks read as zeroes from then on. */
void zero_blocks(struct mkfs *m, uint64_t block, uint64_t count);
void flush_device(struct mkfs *m);

/* mkfs_format.c */
/* The layout, from the options and the device's size; fails if there can be none. */
void plan(struct mkfs *m);
/* Journal, bitmaps, inode tables with the root directory; all but the superblocks. */
void write_layout(struct mkfs *m);
void write_bitmaps(struct mkfs *m, uint32_t group);
void write_inode(struct mkfs *m, uint64_t ino, struct refdax_inode *raw);
void write_supers(struct mkfs *m);

/* mkfs_populate.c: -d */
void populate(struct mkfs *m);

#endif
