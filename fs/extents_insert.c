// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extent trees: insertion, conversion of unwritten extents, and the splitting
 * of nodes that both may need. See extents.c.
 */
#include "extents.h"

/* Where new nodes go: near the tree, and not in the way of the file's data. */
static u64 refdax_node_goal(struct refdax_path *path)
{
	struct refdax_level *leaf = &path->level[path->depth];

	return leaf->bh ? leaf->bh->b_blocknr + 1 : 0;
}

/* The root is full: move all of it one level down. */
static int refdax_grow(struct jbd2_journal_handle *handle, struct inode *inode,
		       struct refdax_path *path)
{
	struct refdax_node *root = path->level[0].node, *node;
	struct buffer_head *bh;
	int err;

	if (n_depth(root) >= REFDAX_MAX_DEPTH)
		return -EFBIG;
	bh = refdax_new_metadata(handle, inode, refdax_node_goal(path), REFDAX_MAGIC_EXTENTS);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	node = refdax_bh_node(bh);
	node->n_depth = root->n_depth;
	node->n_count = root->n_count;
	memcpy(node->n_entries, root->n_entries, n_count(root) * sizeof(*root->n_entries));
	le16_add_cpu(&root->n_depth, 1);
	root->n_count = cpu_to_le16(1);
	x_set(&root->n_entries[0], 0, bh->b_blocknr, 0, 0);
	err = refdax_journal_dirty(handle, inode->i_sb, bh);
	brelse(bh);
	return err;
}

/* Split the full node at level @i, whose parent has room. */
static int refdax_split(struct jbd2_journal_handle *handle, struct inode *inode,
			struct refdax_path *path, int i)
{
	struct refdax_level *level = &path->level[i], *parent = level - 1;
	struct refdax_node *node = level->node, *right;
	int count = n_count(node), at = count / 2, err;
	struct buffer_head *bh;

	/* Files grow at their end: leave full nodes behind, not half empty ones. */
	if (level->pos == count - 1)
		at = count - 1;
	bh = refdax_new_metadata(handle, inode, refdax_node_goal(path), REFDAX_MAGIC_EXTENTS);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = refdax_level_access(handle, level);
	if (!err)
		err = refdax_level_access(handle, parent);
	if (err)
		goto out;

	right = refdax_bh_node(bh);
	right->n_depth = node->n_depth;
	right->n_count = cpu_to_le16(count - at);
	memcpy(right->n_entries, &node->n_entries[at], (count - at) * sizeof(*right->n_entries));
	node->n_count = cpu_to_le16(at);
	/*
	 * A first child may hold keys below its own bound in the parent (the
	 * child before it was deleted). Bounds must ascend, so correct it now.
	 */
	if (!parent->pos && x_logical(&parent->node->n_entries[0]) > x_logical(&node->n_entries[0]))
		parent->node->n_entries[0].x_logical = node->n_entries[0].x_logical;
	refdax_node_insert(parent->node, parent->pos + 1, x_logical(&right->n_entries[0]),
			   bh->b_blocknr, 0, 0);
	err = refdax_journal_dirty(handle, inode->i_sb, bh);
	if (!err)
		err = refdax_level_dirty(handle, inode, level);
	if (!err)
		err = refdax_level_dirty(handle, inode, parent);
out:
	brelse(bh);
	return err;
}

int refdax_make_room(struct jbd2_journal_handle *handle, struct inode *inode, u64 key, int room,
		     struct refdax_path *path)
{
	int err, i;

	for (;;) {
		err = refdax_path_find(inode, key, path);
		if (err)
			return err;
		i = path->depth;
		if (n_count(path->level[i].node) + room <= refdax_level_max(&path->level[i])) {
			err = refdax_level_access(handle, &path->level[i]);
			if (err)
				break;
			return 0;
		}
		/* The lowest level that can be split is the one whose parent has room. */
		while (i && n_count(path->level[i - 1].node) == refdax_level_max(&path->level[i - 1]))
			i--;
		err = i ? refdax_split(handle, inode, path, i) : refdax_grow(handle, inode, path);
		if (err)
			break;
		refdax_path_release(path);
	}
	refdax_path_release(path);
	return err;
}

void refdax_leaf_merge(struct refdax_node *node, int pos)
{
	struct refdax_extent *x = &node->n_entries[pos];

	if (pos < 0 || pos + 1 >= n_count(node) || x->x_flags != x[1].x_flags ||
	    x_end(x) != x_logical(&x[1]) || x_physical(x) + x_count(x) != x_physical(&x[1]) ||
	    x_count(x) + x_count(&x[1]) > REFDAX_EXTENT_MAX)
		return;
	le32_add_cpu(&x->x_count, x_count(&x[1]));
	refdax_node_delete(node, pos + 1);
}

/* Whether the stretch can simply lengthen the extent before it: no room needed. */
static bool refdax_can_join(struct refdax_path *path, u64 logical, u64 physical, u32 count,
			    u32 flags)
{
	struct refdax_extent *x = refdax_path_extent(path);

	return x && x_end(x) == logical && x_physical(x) + x_count(x) == physical &&
	       le32_to_cpu(x->x_flags) == flags && x_count(x) + count <= REFDAX_EXTENT_MAX;
}

/* Insert a stretch where there is a hole. */
static int refdax_insert(struct jbd2_journal_handle *handle, struct inode *inode, u64 logical,
			 u64 physical, u32 count, u32 flags)
{
	struct refdax_path path;
	struct refdax_level *leaf;
	int err;

	err = refdax_path_find(inode, logical, &path);
	if (err)
		return err;
	if (refdax_can_join(&path, logical, physical, count, flags)) {
		leaf = &path.level[path.depth];
		err = refdax_level_access(handle, leaf);
		if (!err) {
			le32_add_cpu(&leaf->node->n_entries[leaf->pos].x_count, count);
			refdax_leaf_merge(leaf->node, leaf->pos);
			err = refdax_level_dirty(handle, inode, leaf);
		}
		refdax_path_release(&path);
		return err;
	}
	refdax_path_release(&path);

	err = refdax_make_room(handle, inode, logical, 1, &path);
	if (err)
		return err;
	leaf = &path.level[path.depth];
	refdax_node_insert(leaf->node, leaf->pos + 1, logical, physical, count, flags);
	refdax_leaf_merge(leaf->node, leaf->pos + 1);
	refdax_leaf_merge(leaf->node, leaf->pos);
	err = refdax_level_dirty(handle, inode, leaf);
	refdax_path_release(&path);
	return err;
}

/* Mark [@logical, @logical + @count), which lies inside one unwritten extent, as written. */
static int refdax_convert(struct jbd2_journal_handle *handle, struct inode *inode, u64 logical,
			  u32 count)
{
	u64 start, physical, end, stop = logical + count;
	struct refdax_path path;
	struct refdax_level *leaf;
	struct refdax_extent *x;
	int err, pos;

	err = refdax_make_room(handle, inode, logical, 2, &path);
	if (err)
		return err;
	leaf = &path.level[path.depth];
	pos = leaf->pos;
	x = refdax_path_extent(&path);
	start = x_logical(x);
	physical = x_physical(x);
	end = x_end(x);

	x_set(x, logical, physical + (logical - start), count, 0);
	if (stop < end)
		refdax_node_insert(leaf->node, pos + 1, stop, physical + (stop - start),
				   end - stop, REFDAX_EXTENT_UNWRITTEN);
	if (start < logical)
		refdax_node_insert(leaf->node, pos++, start, physical, logical - start,
				   REFDAX_EXTENT_UNWRITTEN);
	refdax_leaf_merge(leaf->node, pos);
	refdax_leaf_merge(leaf->node, pos - 1);
	err = refdax_level_dirty(handle, inode, leaf);
	refdax_path_release(&path);
	return err;
}

/* Right behind what comes before in the file, at the distance that the hole between has. */
static u64 refdax_goal(struct inode *inode, u64 logical)
{
	struct refdax_path path;
	struct refdax_extent *x;
	u64 goal = 0;

	if (refdax_path_find(inode, logical, &path))
		return 0;
	x = refdax_path_extent(&path);
	if (x)
		goal = x_physical(x) + (logical - x_logical(x));
	refdax_path_release(&path);
	return goal;
}

static int refdax_fill_hole(struct jbd2_journal_handle *handle, struct inode *inode,
			    enum refdax_map_state state, struct refdax_map *map)
{
	u32 count = min_t(u64, map->m_count, REFDAX_EXTENT_MAX), got;
	struct super_block *sb = inode->i_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	u64 start;
	int err;

	/*
	 * Keep some for nodes: data in the page cache has its blocks, but is
	 * lost if its writeback cannot make them written ones.
	 */
	if (percpu_counter_compare(&sbi->s_free_blocks, sbi->s_reserved_blocks + count) < 0) {
		s64 left = percpu_counter_sum(&sbi->s_free_blocks) - sbi->s_reserved_blocks;

		if (left <= 0)
			return -ENOSPC;
		count = min_t(u64, count, left);
	}
	err = refdax_alloc_blocks(handle, inode, refdax_goal(inode, map->m_logical),
				  map->m_logical, count, &start, &got);
	if (err)
		return err;
	/*
	 * The zeroes are on the medium before the commit that makes the blocks
	 * reachable: it flushes the device's cache first (JBD2_BARRIER).
	 */
	if (state == REFDAX_MAPPED)
		err = refdax_zero_blocks(sb, start, got);
	else
		clean_bdev_aliases(sb->s_bdev, start, got);
	if (!err)
		err = refdax_insert(handle, inode, map->m_logical, start, got,
				    state == REFDAX_MAPPED ? 0 : REFDAX_EXTENT_UNWRITTEN);
	if (err) {
		refdax_free_blocks(handle, sb, start, got);
		return err;
	}
	inode_add_bytes(inode, (loff_t)got << REFDAX_BLOCK_BITS);
	map->m_physical = start;
	map->m_count = got;
	return 0;
}

int refdax_map_allocate(struct jbd2_journal_handle *handle, struct inode *inode, u64 logical,
			u64 count, enum refdax_map_state state, struct refdax_map *map)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	int err, err2;

	down_write(&ri->i_extent_sem);
	err = refdax_lookup(inode, logical, count, map);
	if (err || map->m_state >= state)
		goto out;
	if (map->m_state == REFDAX_HOLE) {
		err = refdax_fill_hole(handle, inode, state, map);
	} else {
		err = refdax_zero_blocks(inode->i_sb, map->m_physical, map->m_count);
		if (!err)
			err = refdax_convert(handle, inode, logical, map->m_count);
	}
	if (!err) {
		map->m_state = state;
		map->m_new = true;
		map->m_seq = refdax_map_changed(ri);
	}
	/* After a failure as well: nodes may have been split. */
	err2 = refdax_inode_update_data(handle, inode);
	if (!err)
		err = err2;
out:
	up_write(&ri->i_extent_sem);
	return err;
}

int refdax_map_written(struct jbd2_journal_handle *handle, struct inode *inode, u64 logical,
		       u64 count, struct refdax_map *map)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	int err, err2;

	down_write(&ri->i_extent_sem);
	err = refdax_lookup(inode, logical, count, map);
	if (err || map->m_state != REFDAX_UNWRITTEN)
		goto out;
	err = refdax_convert(handle, inode, logical, map->m_count);
	if (!err) {
		map->m_state = REFDAX_MAPPED;
		map->m_seq = refdax_map_changed(ri);
	}
	/* After a failure as well: nodes may have been split. */
	err2 = refdax_inode_update_data(handle, inode);
	if (!err)
		err = err2;
out:
	up_write(&ri->i_extent_sem);
	return err;
}

struct buffer_head *refdax_map_insert(struct jbd2_journal_handle *handle, struct inode *inode,
				      u64 logical, u32 magic)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct buffer_head *bh;
	int err;

	down_write(&ri->i_extent_sem);
	bh = refdax_new_metadata(handle, inode, refdax_goal(inode, 0), magic);
	if (!IS_ERR(bh)) {
		err = refdax_insert(handle, inode, logical, bh->b_blocknr, 1, 0);
		if (err) {
			refdax_free_metadata(handle, inode, bh->b_blocknr, bh);
			bh = ERR_PTR(err);
		}
	}
	/* After a failure as well: nodes may have been split. */
	err = refdax_inode_update_data(handle, inode);
	up_write(&ri->i_extent_sem);
	if (err && !IS_ERR(bh)) {
		brelse(bh);
		bh = ERR_PTR(err);
	}
	return bh;
}
