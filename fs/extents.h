/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extent trees, among their own files: extents.c reads them and looks things
 * up, extents_insert.c puts things in and splits nodes, extents_remove.c takes
 * things out, extents_shift.c changes keys. The rest of the module sees what refdax.h declares.
 *
 * All of it is called with i_extent_sem held, exclusively if something changes.
 */
#ifndef REFDAX_EXTENTS_H
#define REFDAX_EXTENTS_H

#include "refdax.h"

/* One node on the way from the root to a leaf. */
struct refdax_level {
	struct buffer_head *bh;		/* NULL: the root, in the inode */
	struct refdax_node *node;
	int pos;	/* entry with the greatest key <= the one sought; in a leaf -1 if none */
};

struct refdax_path {
	int depth;			/* index of the leaf */
	u64 high;			/* keys from here on do not belong to the leaf */
	struct refdax_level level[REFDAX_MAX_DEPTH + 1];
};

static inline u64 x_logical(const struct refdax_extent *x)
{
	return le64_to_cpu(x->x_logical);
}

static inline u64 x_physical(const struct refdax_extent *x)
{
	return le64_to_cpu(x->x_physical);
}

static inline u32 x_count(const struct refdax_extent *x)
{
	return le32_to_cpu(x->x_count);
}

static inline u64 x_end(const struct refdax_extent *x)
{
	return x_logical(x) + x_count(x);
}

static inline bool x_unwritten(const struct refdax_extent *x)
{
	return le32_to_cpu(x->x_flags) & REFDAX_EXTENT_UNWRITTEN;
}

static inline void x_set(struct refdax_extent *x, u64 logical, u64 physical, u32 count, u32 flags)
{
	x->x_logical = cpu_to_le64(logical);
	x->x_physical = cpu_to_le64(physical);
	x->x_count = cpu_to_le32(count);
	x->x_flags = cpu_to_le32(flags);
}

static inline int n_count(const struct refdax_node *node)
{
	return le16_to_cpu(node->n_count);
}

static inline int n_depth(const struct refdax_node *node)
{
	return le16_to_cpu(node->n_depth);
}

static inline int refdax_level_max(const struct refdax_level *level)
{
	return level->bh ? REFDAX_NODE_ENTRIES : REFDAX_ROOT_ENTRIES;
}

static inline struct refdax_node *refdax_bh_node(struct buffer_head *bh)
{
	return &((struct refdax_node_block *)bh->b_data)->nb_node;
}

static inline struct refdax_extent *refdax_path_extent(struct refdax_path *path)
{
	struct refdax_level *leaf = &path->level[path->depth];

	return leaf->pos < 0 ? NULL : &leaf->node->n_entries[leaf->pos];
}

static inline void refdax_node_insert(struct refdax_node *node, int pos, u64 logical,
				      u64 physical, u32 count, u32 flags)
{
	struct refdax_extent *x = &node->n_entries[pos];

	memmove(x + 1, x, (n_count(node) - pos) * sizeof(*x));
	x_set(x, logical, physical, count, flags);
	le16_add_cpu(&node->n_count, 1);
}

static inline void refdax_node_delete(struct refdax_node *node, int pos)
{
	struct refdax_extent *x = &node->n_entries[pos];

	memmove(x, x + 1, (n_count(node) - pos - 1) * sizeof(*x));
	le16_add_cpu(&node->n_count, -1);
}

/* Something moved, changed its state or went: maps that were looked up before are stale. */
static inline unsigned int refdax_map_changed(struct refdax_inode_info *ri)
{
	WRITE_ONCE(ri->i_map_seq, ri->i_map_seq + 1);
	return ri->i_map_seq;
}

/* extents.c */
/* The way to the leaf that covers @key. The caller releases the path. */
int refdax_path_find(struct inode *inode, u64 key, struct refdax_path *path);
void refdax_path_release(struct refdax_path *path);
/* What lies at @logical, at most @count blocks of it. */
int refdax_lookup(struct inode *inode, u64 logical, u64 count, struct refdax_map *map);
/* Ask for the node to be changed in this handle; say that it was. */
int refdax_level_access(struct jbd2_journal_handle *handle, struct refdax_level *level);
int refdax_level_dirty(struct jbd2_journal_handle *handle, struct inode *inode,
		       struct refdax_level *level);

/* extents_insert.c */
/*
 * The way to the leaf of @key, which has room for @room more entries and may
 * be written in this handle. The caller releases the path.
 */
int refdax_make_room(struct jbd2_journal_handle *handle, struct inode *inode, u64 key, int room,
		     struct refdax_path *path);
/* Join entries @pos and @pos + 1 of a leaf if they are one stretch. */
void refdax_leaf_merge(struct refdax_node *node, int pos);

/* extents_remove.c */
/*
 * The way to the extent with the greatest key below @end. 1 if there is one
 * that does not end before @first, and the caller releases the path; else 0.
 */
int refdax_find_below(struct inode *inode, u64 first, u64 end, struct refdax_path *path);

#endif
