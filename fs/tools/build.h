/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Making trees and directories, for mkfs.refdax -d and for fsck.refdax, which repairs by
 * making anew.
 */
#ifndef REFDAX_TOOLS_BUILD_H
#define REFDAX_TOOLS_BUILD_H

#include "common.h"

/* A stretch of a file, in the machine's byte order. */
struct extent {
	uint64_t logical;
	uint64_t physical;
	uint32_t count;
	uint32_t flags;		/* REFDAX_EXTENT_* */
};

struct extent_list {
	struct extent *x;
	size_t count, room;
};

struct dir_entry {
	uint64_t hash;
	uint64_t ino;
	uint8_t type;		/* DT_* */
	uint8_t name_len;
	bool drop;		/* fsck.refdax: not to be written */
	char name[REFDAX_NAME_MAX + 1];
};

struct entry_list {
	struct dir_entry *entry;
	size_t count, room;
};

/* Where what is built goes to. */
struct builder {
	void *context;
	uint32_t seed;		/* of checksums */
	uint64_t (*allocate)(void *context);	/* a block, 0: there is no space */
	void (*write)(void *context, uint64_t block, const void *data);
};

void append_extent(struct extent_list *list, const struct extent *x);
/* A zeroed entry at the end of the list; valid until the next call. */
struct dir_entry *add_entry(struct entry_list *list);
/* Order of entries on disk, for qsort(3). 0 if both have the same name. */
int compare_entries(const void *a, const void *b);
void name_entry(const struct refdax_super *super, struct dir_entry *entry, uint64_t ino, uint8_t type,
		const char *name);

/* Complete the header and its checksum, and write the block. */
void build_block(const struct builder *b, uint32_t magic, uint64_t block, uint64_t owner,
		 uint32_t generation, void *data);
/*
 * Build the nodes of a tree; its root goes to @root, of REFDAX_ROOT_BYTES. *@blocks: of the
 * extents and of the nodes. False: no space.
 */
bool build_tree(const struct builder *b, uint64_t ino, uint32_t generation, void *root,
		const struct extent_list *extents, uint64_t *blocks);
/* Write the blocks of a directory; *@list is sorted. *@extents: where they are. False: no space. */
bool build_entries(const struct builder *b, uint64_t ino, uint32_t generation,
		   const struct entry_list *list, struct extent_list *extents);

#endif
