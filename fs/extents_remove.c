// SPDX-License-Identifier: GPL-2.0-only
/* Extent trees: taking stretches out, and freeing what they occupied. See extents.c. */
#include "extents.h"

/* Take the leaf's entry at the path's position out, and nodes that it leaves empty. */
static int refdax_remove_entry(struct jbd2_journal_handle *handle, struct inode *inode,
			       struct refdax_path *path)
{
	int i, err;

	for (i = path->depth; ; i--) {
		struct refdax_level *level = &path->level[i];

		err = refdax_level_access(handle, level);
		if (err)
			return err;
		refdax_node_delete(level->node, level->pos);
		if (!i || n_count(level->node))
			break;
		/* Its block goes; the reference to it with it. */
		err = refdax_free_metadata(handle, inode, level->bh->b_blocknr, level->bh);
		level->bh = NULL;
		if (err)
			return err;
	}
	if (!i && !n_count(path->level[0].node))
		path->level[0].node->n_depth = 0;
	return refdax_level_dirty(handle, inode, &path->level[i]);
}

/*
 * A leaf without such a key can only be the first below its parent: bounds in
 * parents may be lower than what is there, so look again below the bound.
 */
int refdax_find_below(struct inode *inode, u64 first, u64 end, struct refdax_path *path)
{
	int err, i;

	if (end <= first)
		return 0;
	for (;;) {
		struct refdax_extent *x;

		err = refdax_path_find(inode, end - 1, path);
		if (err)
			return err;
		x = refdax_path_extent(path);
		if (x) {
			if (x_end(x) > first)
				return 1;
			break;
		}
		for (i = path->depth; i && !path->level[i - 1].pos; i--)
			;
		if (!i)
			break;
		end = x_logical(&path->level[i - 1].node->n_entries[path->level[i - 1].pos]);
		if (end <= first)
			break;
		refdax_path_release(path);
	}
	refdax_path_release(path);
	return 0;
}

/*
 * Take [@start, @stop), not all of it, out of the extent that the path leads
 * to. The caller releases the path, which may be another one then.
 */
static int refdax_cut(struct jbd2_journal_handle *handle, struct inode *inode,
		      struct refdax_path *path, u64 start, u64 stop)
{
	struct refdax_extent *x = refdax_path_extent(path);
	u64 logical = x_logical(x), physical = x_physical(x), end = x_end(x);
	u32 flags = le32_to_cpu(x->x_flags);
	struct refdax_level *leaf;
	int err;

	if (start > logical && stop < end) {
		refdax_path_release(path);
		err = refdax_make_room(handle, inode, logical, 1, path);
		if (err)
			return err;
	}
	leaf = &path->level[path->depth];
	err = refdax_level_access(handle, leaf);
	if (err)
		return err;
	x = refdax_path_extent(path);
	if (start > logical) {
		x->x_count = cpu_to_le32(start - logical);
		if (stop < end)
			refdax_node_insert(leaf->node, leaf->pos + 1, stop,
					   physical + (stop - logical), end - stop, flags);
	} else {
		x_set(x, stop, physical + (stop - logical), end - stop, flags);
	}
	return refdax_level_dirty(handle, inode, leaf);
}

/* Whether each block needs a revoke of its own, when it is freed: what the journal may hold. */
static bool refdax_needs_revoke(struct inode *inode)
{
	return !S_ISREG(inode->i_mode) || REFDAX_I(inode)->i_data_mode == REFDAX_MODE_JOURNAL;
}

/* Free the blocks of a stretch that has just been taken out of the tree. */
static int refdax_free_stretch(struct jbd2_journal_handle *handle, struct inode *inode,
			       u64 physical, u32 count)
{
	int err = 0;

	if (!refdax_needs_revoke(inode)) {
		err = refdax_free_blocks(handle, inode->i_sb, physical, count);
		if (!err)
			inode_sub_bytes(inode, (loff_t)count << REFDAX_BLOCK_BITS);
		return err;
	}
	while (count-- && !err)
		err = refdax_free_metadata(handle, inode, physical++, NULL);
	return err;
}

/* Free the last stretch of [@first, @end). 1 if there was one, 0 if not. */
static int refdax_unmap_one(struct jbd2_journal_handle *handle, struct inode *inode, u64 first,
			    u64 end)
{
	struct refdax_path path;
	struct refdax_extent *x;
	u64 start, stop, physical;
	int err;

	err = refdax_find_below(inode, first, end, &path);
	if (err <= 0)
		return err;
	x = refdax_path_extent(&path);
	start = max(first, x_logical(x));
	stop = min(end, x_end(x));
	if (refdax_needs_revoke(inode) && stop - start > REFDAX_UNMAP_REVOKES)
		start = stop - REFDAX_UNMAP_REVOKES;
	physical = x_physical(x) + (start - x_logical(x));

	if (start == x_logical(x) && stop == x_end(x))
		err = refdax_remove_entry(handle, inode, &path);
	else
		err = refdax_cut(handle, inode, &path, start, stop);
	refdax_path_release(&path);
	if (!err)
		err = refdax_free_stretch(handle, inode, physical, stop - start);
	return err ?: 1;
}

int refdax_unmap_blocks(struct jbd2_journal_handle *handle, struct inode *inode, u64 first,
			u64 end)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	int more = 1, err;

	down_write(&ri->i_extent_sem);
	do
		more = refdax_unmap_one(handle, inode, first, end);
	while (more > 0 && refdax_journal_has(handle, REFDAX_UNMAP_CREDITS,
					      2 * REFDAX_UNMAP_REVOKES));
	refdax_map_changed(ri);
	err = refdax_inode_update_data(handle, inode);
	up_write(&ri->i_extent_sem);
	return more < 0 ? more : err ?: more;
}
