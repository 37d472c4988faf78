/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fsck.refdax from the inside.
 *
 * A check is a round of passes. Each pass looks at one subject and repairs what
 * it may; whatever was rebuilt went to blocks that nothing reaches, so that a
 * power cut in the middle leaves something to check again. After a round that
 * changed anything, another one checks the result: nothing is believed because
 * we wrote it. Only a round in which the structure was left alone corrects the
 * bitmaps, from what it reached.
 *
 * The image is hostile. What bounds memory and time is the device: state is kept
 * per group that has inodes, and every node of a tree and every block of a
 * directory is visited once in a walk.
 */
#ifndef REFDAX_FSCK_H
#define REFDAX_FSCK_H

#include <stdio.h>

#include "build.h"

#define PROG "fsck.refdax"

/* Exit status, see fsck(8). */
#define STATUS_CLEAN		0
#define STATUS_CORRECTED	1
#define STATUS_LEFT		4
#define STATUS_FAILED		8
#define STATUS_USAGE		16

enum mode {
	MODE_ASK,
	MODE_NO,	/* -n: change nothing */
	MODE_SAFE,	/* -p: repair what loses nothing */
	MODE_YES,	/* -y */
};

/* What a repair can cost. */
enum cost {
	SAFE,		/* nothing: what is written can be computed from what is there */
	LOSSY,		/* something that a person may want to look at first */
};

/* An inode in use. */
struct inode_state {
	uint64_t parent;	/* directories: the one that has its name; as the inode says until then */
	uint32_t nlink;		/* on disk */
	uint32_t links;		/* found: names, for a directory 2 + its subdirectories */
	uint8_t type;		/* DT_*; 0: not in use */
	uint16_t flags;		/* INODE_* */
};

#define INODE_TREE	(1 << 0)	/* its extent tree is to be built anew */
#define INODE_SHARED	(1 << 1)	/* others claimed some of its blocks first */
#define INODE_ORPHAN	(1 << 2)	/* on the orphan list */
#define INODE_NAMED	(1 << 3)	/* a directory whose parent has its name */
#define INODE_REACHED	(1 << 4)	/* a directory that leads up to the root */
#define INODE_PASSED	(1 << 5)	/* a directory on the way up, while looking for the root */
#define INODE_FOLLOWED	(1 << 6)	/* says that another follows on the orphan list */
#define INODE_SEEN	(1 << 7)	/* a directory whose one name was counted */
#define INODE_XATTR_SHARED (1 << 9)	/* others claimed its block of extended attributes first */
#define INODE_SHIFTING	(1 << 8)	/* blocks of it were being moved: see i_shift_count */

/* Bits as in struct refdax_bitmap, one a block; allocated when first needed. */
struct group_state {
	uint8_t *claimed;		/* something reaches it */
	uint8_t *shared;		/* more than one thing does: not to be given away in this round */
	uint8_t *visited;		/* by the walk in progress */
	struct inode_state *inodes;
};

struct block_list {
	uint64_t *block;
	size_t count, room;
};

struct overlay;

struct fsck {
	int fd;
	const char *device;
	enum mode mode;
	bool quiet;
	uint64_t device_blocks;
	struct refdax_super super;	/* as on disk, after the replay */
	uint32_t seed;
	struct geometry geometry;	/* of the superblock */
	uint64_t max_ino;
	struct group_state *group;
	struct overlay *overlay;	/* the journal's blocks, when nothing may be written */
	uint64_t cursor;		/* where to look for a free block */
	uint64_t inodes_used;
	uint64_t blocks_used;
	uint64_t orphans;		/* that the next mount deletes */
	unsigned int round;		/* from 1 */
	struct block_list lost;		/* inodes that are to get a name in lost+found */
	uint64_t corrected;		/* problems */
	uint64_t left;
	bool changed;			/* in this round: structure, so another round is needed */
};

/* fsck_io.c */
/* A sentence for people, unless -q. */
void __attribute__((format(printf, 2, 3))) say(struct fsck *f, const char *fmt, ...);
/*
 * A problem: says what is wrong, then whether it is being corrected, which is
 * the result. Call it only where the correction follows.
 */
bool __attribute__((format(printf, 3, 4))) problem(struct fsck *f, enum cost cost,
						   const char *fmt, ...);
/* A problem without a correction. */
void __attribute__((format(printf, 2, 3))) beyond_repair(struct fsck *f, const char *fmt, ...);
bool may_write(const struct fsck *f);
/* A name, with '?' for what would confuse a terminal; valid until the next call. */
const char *printable(const char *name);
/* False, after a message, if the device fails. */
bool read_block(struct fsck *f, uint64_t block, void *data);
bool read_blocks(struct fsck *f, uint64_t block, uint32_t count, void *data);
void write_block(struct fsck *f, uint64_t block, const void *data);
/* Completes the header and its checksum first. */
void write_metadata(struct fsck *f, uint32_t magic, uint64_t block, uint64_t owner,
		    uint32_t generation, void *data);
/* The block is what it should be, and says so. */
bool header_fits(const struct refdax_header *header, uint32_t magic, uint64_t block,
		 uint64_t owner, uint32_t generation);
/* What is wrong with a block whose header fits, from a view that knows no contents; NULL: nothing. */
const char *header_problem(const struct fsck *f, const struct refdax_header *header);
void flush_device(struct fsck *f);
/* To build in blocks that nothing reaches. */
struct builder fsck_builder(struct fsck *f);
void overlay_set(struct fsck *f, uint64_t block, const void *data);
/* Write the overlay to the device and forget it. */
void overlay_apply(struct fsck *f);

/* fsck_journal.c: false if the journal cannot be made sense of. */
bool check_journal(struct fsck *f);
/* True if a mount would replay it, or clear an error that it recorded. */
bool journal_in_use(struct fsck *f);

/* fsck_super.c */
/* 0 if the superblock can be believed; else says what is wrong. */
const char *super_problem(const struct refdax_super *super, uint64_t device_blocks);
void load_super(struct fsck *f);
void store_super(struct fsck *f);
/* All of the superblock that needs more than itself, and its backups. */
void check_supers(struct fsck *f);

/* fsck_group.c */
bool blocks_valid(const struct fsck *f, uint64_t start, uint64_t count);
bool ino_valid(const struct fsck *f, uint64_t ino);
/* State of a valid inode number; NULL if nothing of its group is in use. */
struct inode_state *get_inode(struct fsck *f, uint64_t ino);
struct inode_state *make_inode(struct fsck *f, uint64_t ino);
/* The next inode in use after @ino, 0 if there is none. */
uint64_t next_inode(struct fsck *f, uint64_t ino);
/* False if any of the blocks was claimed before. */
bool claim(struct fsck *f, uint64_t start, uint32_t count);
bool is_shared(struct fsck *f, uint64_t block);
bool visit(struct fsck *f, uint64_t block);
void unvisit(struct fsck *f, uint64_t block);
/* A block that nothing reaches, claimed; 0 if there is none. */
uint64_t allocate_block(struct fsck *f);
/* An inode number that is not in use; 0 if there is none. */
uint64_t allocate_inode(struct fsck *f);
void reset_groups(struct fsck *f);
void check_bitmaps(struct fsck *f);

/* fsck_inode.c */
bool read_inode(struct fsck *f, uint64_t ino, struct refdax_inode *raw);
/* Completes the checksum. */
void write_inode(struct fsck *f, uint64_t ino, struct refdax_inode *raw);
void check_inodes(struct fsck *f);
void check_orphans(struct fsck *f);
void repair_trees(struct fsck *f);

/* fsck_tree.c */
/*
 * All that is good in an inode's extent tree, and its nodes. Returns what is wrong with
 * the rest, NULL if nothing is. The caller frees both lists.
 */
const char *walk_tree(struct fsck *f, uint64_t ino, const struct refdax_inode *raw,
		      struct extent_list *extents, struct block_list *nodes);
/* Build a new tree, in new blocks, and count i_blocks. False: no space, and nothing has changed. */
bool rebuild_tree(struct fsck *f, uint64_t ino, struct refdax_inode *raw,
		  const struct extent_list *extents);

/* fsck_xattr.c */
/* True: the inode was changed. *@blocks: that it has for them, 0 or 1. */
bool check_xattrs(struct fsck *f, uint64_t ino, struct refdax_inode *raw,
		  struct inode_state *state, uint64_t *blocks);
/* A copy of the block for an inode that has INODE_XATTR_SHARED. */
void repair_xattrs(struct fsck *f, uint64_t ino, struct refdax_inode *raw);

/* fsck_dir.c */
void check_directories(struct fsck *f);
void check_connections(struct fsck *f);
void check_links(struct fsck *f);

#endif
