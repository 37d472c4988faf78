// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extent trees: one B+tree per inode, from logical blocks to places on the
 * device. Directories use the same trees with hashes as keys.
 *
 * Every change happens inside one leaf. What might need more room than the
 * leaf has first calls refdax_make_room(), which splits nodes, one self-contained
 * step at a time; so running out of space leaves a valid tree behind.
 *
 * This file reads trees and looks things up; see extents.h for the others.
 *
 * i_extent_sem covers the tree. It ranks below everything else (see dax.c):
 * page faults take it inside a journal handle and a DAX entry lock.
 *
 * Trees come from the medium, so nothing in them is believed: each node must
 * carry its inode's number and generation and the depth that its place in the
 * tree demands, which also rules out cycles; its keys must ascend within the
 * bounds that its parent gives it.
 */
#include "extents.h"

void refdax_init_root(struct inode *inode)
{
	memset(REFDAX_I(inode)->i_root, 0, REFDAX_ROOT_BYTES);
}

/* The entries of a node that has just been read. */
static int refdax_check_entries(struct inode *inode, const struct refdax_node *node, int max,
				u64 block)
{
	struct super_block *sb = inode->i_sb;
	int i, count = n_count(node), depth = n_depth(node);
	u64 end = 0;

	if (count > max || depth > REFDAX_MAX_DEPTH || (depth && !count) || node->n_reserved)
		return refdax_damage(sb, "inode %llu: extent node in block %llu has depth %d and %d entries",
				     (u64)inode->i_ino, block, depth, count);
	for (i = 0; i < count; i++) {
		const struct refdax_extent *x = &node->n_entries[i];
		bool leaf = !depth;

		if (x_logical(x) < end || x_logical(x) >= REFDAX_LOGICAL_MAX ||
		    !refdax_blocks_valid(sb, x_physical(x), leaf ? x_count(x) : 1) ||
		    le32_to_cpu(x->x_flags) & ~(leaf ? REFDAX_EXTENT_UNWRITTEN : 0) ||
		    (!leaf && x_count(x)) ||
		    (leaf && x_unwritten(x) && !S_ISREG(inode->i_mode)))
			return refdax_damage(sb, "inode %llu: entry %d of the extent node in block %llu is invalid",
					     (u64)inode->i_ino, i, block);
		end = leaf ? x_end(x) : x_logical(x) + 1;
	}
	return 0;
}

int refdax_check_root(struct inode *inode)
{
	return refdax_check_entries(inode, &REFDAX_I(inode)->i_node, REFDAX_ROOT_ENTRIES, 0);
}

static struct buffer_head *refdax_read_node(struct inode *inode, u64 block, int depth, u64 low,
					    u64 high)
{
	struct refdax_node *node;
	struct buffer_head *bh;
	int err, last;
	bool fresh;

	bh = refdax_read_block(inode->i_sb, block, REFDAX_MAGIC_EXTENTS, inode->i_ino,
			       inode->i_generation, &fresh);
	if (IS_ERR(bh))
		return bh;
	node = refdax_bh_node(bh);
	if (fresh) {
		err = refdax_check_entries(inode, node, REFDAX_NODE_ENTRIES, block);
		if (err)
			goto out;
		refdax_set_verified(bh);
	}
	last = n_count(node) - 1;
	if (last < 0 || n_depth(node) != depth ||
	    (!depth && x_logical(&node->n_entries[0]) < low) ||
	    x_logical(&node->n_entries[last]) >= high) {
		err = refdax_damage(inode->i_sb, "inode %llu: extent node in block %llu does not fit its place in the tree",
				    (u64)inode->i_ino, block);
		goto out;
	}
	return bh;
out:
	brelse(bh);
	return ERR_PTR(err);
}

void refdax_path_release(struct refdax_path *path)
{
	int i;

	for (i = 0; i <= path->depth; i++)
		brelse(path->level[i].bh);
	path->depth = -1;
}

/* Last entry whose key is <= @key, or -1. */
static int refdax_node_search(const struct refdax_node *node, u64 key)
{
	int low = 0, high = n_count(node);

	while (low < high) {
		int middle = (low + high) / 2;

		if (x_logical(&node->n_entries[middle]) <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

int refdax_path_find(struct inode *inode, u64 key, struct refdax_path *path)
{
	struct refdax_node *node = &REFDAX_I(inode)->i_node;
	struct buffer_head *bh = NULL;
	u64 low = 0, bound = 0;
	int i;

	path->high = REFDAX_LOGICAL_MAX;
	path->depth = -1;
	for (i = 0; ; i++) {
		struct refdax_level *level = &path->level[i];

		level->bh = bh;
		level->node = node;
		level->pos = refdax_node_search(node, key);
		path->depth = i;
		if (!n_depth(node))
			return 0;
		/* The first child also covers what lies below its key. */
		if (level->pos < 0)
			level->pos = 0;
		else if (level->pos)
			low = x_logical(&node->n_entries[level->pos]);
		/* Else two ways could lead to one leaf. */
		if (low < bound) {
			refdax_path_release(path);
			return refdax_damage(inode->i_sb, "inode %llu: an extent node of depth %d has keys below its bound",
					     (u64)inode->i_ino, n_depth(node));
		}
		bound = low;
		if (level->pos + 1 < n_count(node))
			path->high = x_logical(&node->n_entries[level->pos + 1]);
		bh = refdax_read_node(inode, x_physical(&node->n_entries[level->pos]),
				      n_depth(node) - 1, low, path->high);
		if (IS_ERR(bh)) {
			refdax_path_release(path);
			return PTR_ERR(bh);
		}
		node = refdax_bh_node(bh);
	}
}

int refdax_level_access(struct jbd2_journal_handle *handle, struct refdax_level *level)
{
	return level->bh ? refdax_journal_write_access(handle, level->bh) : 0;
}

/* The root is written with the inode, by the caller of this file's functions. */
int refdax_level_dirty(struct jbd2_journal_handle *handle, struct inode *inode,
		       struct refdax_level *level)
{
	return level->bh ? refdax_journal_dirty(handle, inode->i_sb, level->bh) : 0;
}

int refdax_lookup(struct inode *inode, u64 logical, u64 count, struct refdax_map *map)
{
	struct refdax_path path;
	struct refdax_level *leaf;
	struct refdax_extent *x;
	u64 end;
	int err;

	map->m_logical = logical;
	map->m_new = false;
	map->m_seq = REFDAX_I(inode)->i_map_seq;
	err = refdax_path_find(inode, logical, &path);
	if (err)
		return err;
	leaf = &path.level[path.depth];
	x = refdax_path_extent(&path);
	if (x && logical < x_end(x)) {
		map->m_state = x_unwritten(x) ? REFDAX_UNWRITTEN : REFDAX_MAPPED;
		map->m_physical = x_physical(x) + (logical - x_logical(x));
		end = x_end(x);
		if (S_ISREG(inode->i_mode) &&
		    refdax_holds_metadata(inode->i_sb, map->m_physical, min(count, end - logical)))
			err = refdax_damage(inode->i_sb, "inode %llu: block %llu of the file is metadata of an inode",
					    (u64)inode->i_ino, logical);
	} else {
		map->m_state = REFDAX_HOLE;
		map->m_physical = 0;
		/* If the leaf ends here the hole may go on in the next one: callers ask again. */
		end = leaf->pos + 1 < n_count(leaf->node) ?
			x_logical(&leaf->node->n_entries[leaf->pos + 1]) : path.high;
	}
	map->m_count = min(count, end - logical);
	refdax_path_release(&path);
	return err;
}

int refdax_map_blocks(struct inode *inode, u64 logical, u64 count, struct refdax_map *map)
{
	int err;

	down_read(&REFDAX_I(inode)->i_extent_sem);
	err = refdax_lookup(inode, logical, count, map);
	up_read(&REFDAX_I(inode)->i_extent_sem);
	return err;
}

int refdax_map_floor(struct inode *inode, u64 key, u64 *found, u64 *physical)
{
	struct refdax_path path;
	struct refdax_extent *x;
	u64 offset;
	int err;

	down_read(&REFDAX_I(inode)->i_extent_sem);
	err = refdax_path_find(inode, key, &path);
	if (err)
		goto out;
	/*
	 * A leaf whose entries are all greater than the key: the one below the
	 * key was deleted, and the leaf before has the answer.
	 */
	while (!refdax_path_extent(&path)) {
		int i;

		for (i = path.depth; i && !path.level[i - 1].pos; i--)
			;
		if (i)
			key = x_logical(&path.level[i - 1].node->n_entries[path.level[i - 1].pos]);
		refdax_path_release(&path);
		err = -ENOENT;
		if (!i || !key)
			goto out;
		err = refdax_path_find(inode, --key, &path);
		if (err)
			goto out;
	}
	x = refdax_path_extent(&path);
	offset = min_t(u64, key - x_logical(x), x_count(x) - 1);
	*found = x_logical(x) + offset;
	*physical = x_physical(x) + offset;
	refdax_path_release(&path);
out:
	up_read(&REFDAX_I(inode)->i_extent_sem);
	return err;
}

int refdax_map_ceiling(struct inode *inode, u64 key, u64 *found, u64 *physical)
{
	struct refdax_map map;
	int err = 0;

	down_read(&REFDAX_I(inode)->i_extent_sem);
	for (;;) {
		if (key >= REFDAX_LOGICAL_MAX) {
			err = -ENOENT;
			break;
		}
		err = refdax_lookup(inode, key, REFDAX_LOGICAL_MAX - key, &map);
		if (err || map.m_state != REFDAX_HOLE)
			break;
		key += map.m_count;
	}
	up_read(&REFDAX_I(inode)->i_extent_sem);
	if (!err) {
		*found = key;
		*physical = map.m_physical;
	}
	return err;
}
