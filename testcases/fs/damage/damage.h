/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Damages one structure of a refdax image, and knows what fsck.refdax must make of it.
 *
 * The image is in memory, and is in order: it is scanned for structures without
 * looking for errors. A change is one field of one structure; whether that can be found
 * is worked out from the image, by the rules of the format, not by asking fsck.refdax.
 */
#ifndef DAMAGE_H
#define DAMAGE_H

#include "../../../fs/tools/common.h"

/* What a change leads to. */
enum expect {
	DETECTED,	/* it breaks a rule of the format */
	MEANINGLESS,	/* it breaks none: another label, time, owner, target, place in the file ... */
	REFUSED,	/* it looks like a newer format: nothing is checked, nothing changed */
	UNDECIDABLE,	/* of the journal: it looks like a log that ended there, or other log contents */
};

enum class {
	SUPER, BACKUP, BLOCK_BITMAP, INODE_BITMAP, INODE, EXTENT, DIRECTORY, SYMLINK, XATTR, ORPHAN,
	LOG_SUPER, LOG_BLOCK, CLASSES
};
extern const char *const class_name[CLASSES];

/* One structure. */
struct target {
	enum class class;
	uint64_t block;		/* that it is in */
	uint64_t ino;		/* that it belongs to, 0 if none */
	unsigned int offset;	/* in the block: of the inode, if it is part of one */
	bool in_inode;		/* its checksum is the inode's */
	/* of an extent node */
	uint64_t low, high;	/* keys that may be in it */
	uint64_t previous_end;	/* end of the last extent before it */
	uint64_t next_first;	/* key of the first extent behind it */
};

/* One block of a directory, in the order of hashes. */
struct dir_range {
	uint64_t ino, block, first, last;	/* hashes */
	bool empty;
};

struct image {
	uint8_t *data;
	uint64_t size;
	struct geometry geometry;
	uint32_t seed;
	struct target *target;
	size_t targets, target_room;
	struct dir_range *range;
	size_t ranges, range_room;
	/* The log, if it is to be replayed */
	uint32_t log_start, log_end, log_sequence;
	uint32_t last_sequence;		/* of the last transaction that was committed */
};

/* One change. */
struct change {
	struct target target;
	const char *field;
	uint64_t block;			/* that is changed */
	unsigned int offset, width;	/* bytes */
	uint64_t old, new;
	bool checksum;			/* is made to fit */
	enum expect expect;
};

/* Numbers from a seed: the same everywhere. */
void random_seed(uint64_t seed);
uint64_t random_below(uint64_t bound);

static inline void *image_block(const struct image *image, uint64_t block)
{
	return image->data + block * REFDAX_BLOCK_SIZE;
}

struct refdax_inode *image_inode(const struct image *image, uint64_t ino);
bool inode_in_use(const struct image *image, uint64_t ino);
/* Whether metadata of the inode carries its generation. */
bool inode_has_metadata(const struct image *image, uint64_t ino);
/* scan.c */
void scan(struct image *image);
/* fields.c: make a change to the image, of any of the classes in the mask. */
void damage(struct image *image, unsigned int classes, struct change *change);
/* log.c */
/* Orphans, unwritten extents: what mkfs.refdax -d does not make. */
void prepare(struct image *image);
/* Give the second file the first one's blocks. */
void share(struct image *image);
/* A log with transactions, without which the image is not in order. */
void prepare_log(struct image *image);
/* A field of a block of the log. */
void damage_log(struct image *image, struct change *change);

#endif
