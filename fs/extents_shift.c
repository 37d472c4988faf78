// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extent trees: moving all that lies behind a place in a file up or down, for
 * FALLOC_FL_COLLAPSE_RANGE and FALLOC_FL_INSERT_RANGE.
 *
 * Keys are changed where they stand, leaf by leaf, several leaves in one handle
 * and as many handles as it takes. Between two of them some extents have their
 * new keys and some their old ones, with a gap of i_shift_count blocks between
 * the two; i_shift_from is the first old key that is (collapse: still) where it
 * should not be. Both are stored in the inode in the handle that moved the keys,
 * and the inode is on the orphan list, so that the next mount can finish it after a
 * power cut: always downwards, which ends a collapse and undoes an insertion.
 *
 * Lock order, see dax.c: i_rwsem > invalidate_lock (both held by the caller) >
 * jbd2 handle > i_extent_sem.
 */
#include "extents.h"

/* Leaves in one handle at least. Any number is right; a small one keeps handles short. */
#define REFDAX_SHIFT_LEAVES	2

/*
 * The leaf's first key is @key now. The bound above it must not be greater; and
 * as low as the leaf before can reach, it must not be when keys move up.
 */
static int refdax_set_bounds(struct jbd2_journal_handle *handle, struct inode *inode,
			     struct refdax_path *path, u64 key)
{
	int i, err;

	for (i = path->depth - 1; i >= 0; i--) {
		struct refdax_level *level = &path->level[i];
		struct refdax_extent *x = &level->node->n_entries[level->pos];

		/* The first child also covers what lies below its key: only keep keys ascending. */
		if (level->pos || x_logical(x) > key) {
			err = refdax_level_access(handle, level);
			if (err)
				return err;
			x->x_logical = cpu_to_le64(key);
			err = refdax_level_dirty(handle, inode, level);
			if (err)
				return err;
		}
		if (level->pos)
			break;
	}
	return 0;
}

/* One leaf downwards, from i_shift_from on. 1 if there may be more, 0 if not. */
static int refdax_shift_down(struct jbd2_journal_handle *handle, struct inode *inode)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	u64 from = ri->i_shift_from, count = ri->i_shift_count;
	struct refdax_level *leaf;
	struct refdax_path path;
	int first, i, err;

	if (from >= REFDAX_LOGICAL_MAX)
		return 0;
	err = refdax_path_find(inode, from, &path);
	if (err)
		return err;
	leaf = &path.level[path.depth];
	first = leaf->pos;
	if (first < 0 || x_logical(&leaf->node->n_entries[first]) < from)
		first++;
	if (first < n_count(leaf->node)) {
		err = refdax_level_access(handle, leaf);
		if (err)
			goto out;
		for (i = first; i < n_count(leaf->node); i++) {
			struct refdax_extent *x = &leaf->node->n_entries[i];

			x->x_logical = cpu_to_le64(x_logical(x) - count);
		}
		if (first)
			refdax_leaf_merge(leaf->node, first - 1);
		err = refdax_level_dirty(handle, inode, leaf);
		if (!err && !first)
			err = refdax_set_bounds(handle, inode, &path,
						x_logical(&leaf->node->n_entries[0]));
	}
	/* All keys below the leaf's bound have been dealt with. */
	ri->i_shift_from = path.high;
out:
	refdax_path_release(&path);
	return err ?: 1;
}

/* One leaf upwards, but nothing below @first; the last one that has its old keys. As above. */
static int refdax_shift_up(struct jbd2_journal_handle *handle, struct inode *inode, u64 first)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	u64 count = ri->i_shift_count, key = 0;
	struct refdax_level *leaf;
	struct refdax_path path;
	int i, more, err;

	more = refdax_find_below(inode, first, ri->i_shift_from - count, &path);
	if (more <= 0)
		return more;
	leaf = &path.level[path.depth];
	err = refdax_level_access(handle, leaf);
	if (err)
		goto out;
	for (i = leaf->pos; i >= 0; i--) {
		struct refdax_extent *x = &leaf->node->n_entries[i];

		if (x_logical(x) < first)
			break;
		key = x_logical(x);
		x->x_logical = cpu_to_le64(key + count);
	}
	more = i < 0;
	if (i < leaf->pos) {
		ri->i_shift_from = key + count;
		err = refdax_level_dirty(handle, inode, leaf);
		if (!err && more)
			err = refdax_set_bounds(handle, inode, &path, key + count);
	}
out:
	refdax_path_release(&path);
	return err ?: more;
}

/* Cut the extent that covers both sides of @first, if there is one, in two. */
static int refdax_split_extent(struct jbd2_journal_handle *handle, struct inode *inode, u64 first)
{
	struct refdax_level *leaf;
	struct refdax_path path;
	struct refdax_extent *x;
	u64 logical, physical;
	u32 count;
	int err;

	err = refdax_path_find(inode, first, &path);
	if (err)
		return err;
	x = refdax_path_extent(&path);
	if (!x || x_logical(x) == first || x_end(x) <= first) {
		refdax_path_release(&path);
		return 0;
	}
	refdax_path_release(&path);
	err = refdax_make_room(handle, inode, first, 1, &path);
	if (err)
		return err;
	leaf = &path.level[path.depth];
	x = refdax_path_extent(&path);
	logical = x_logical(x);
	physical = x_physical(x);
	count = x_count(x);
	x->x_count = cpu_to_le32(first - logical);
	refdax_node_insert(leaf->node, leaf->pos + 1, first, physical + (first - logical),
			   count - (first - logical), le32_to_cpu(x->x_flags));
	err = refdax_level_dirty(handle, inode, leaf);
	refdax_path_release(&path);
	return err;
}

/* Shift in as many handles as it takes: up, but nothing below @first; or down. */
static int refdax_shift_all(struct inode *inode, bool up, u64 first)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct jbd2_journal_handle *handle;
	int more = 1, err;

	while (more > 0) {
		handle = refdax_journal_start(inode, REFDAX_SHIFT_LEAVES * REFDAX_SHIFT_CREDITS +
					      REFDAX_INODE_CREDITS, 0);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		down_write(&ri->i_extent_sem);
		do
			more = up ? refdax_shift_up(handle, inode, first) :
				    refdax_shift_down(handle, inode);
		while (more > 0 && refdax_journal_has(handle, REFDAX_SHIFT_CREDITS +
						      REFDAX_INODE_CREDITS, 0));
		refdax_map_changed(ri);
		up_write(&ri->i_extent_sem);
		err = refdax_inode_update_data(handle, inode);
		if (more < 0)
			err = more;
		/* Half a leaf's story would be committed with the rest of the transaction. */
		if (err)
			refdax_journal_abort(inode->i_sb, err);
		more = refdax_journal_stop(inode, handle) ?: more;
		if (err || more < 0)
			return err ?: more;
		/* Held: i_rwsem and the invalidate_lock. No handle. */
		refdax_gate(inode->i_sb, REFDAX_GATE_SHIFT_STEP);
		cond_resched();
	}
	return 0;
}

/* Record what is to be done, before the first of it is done. @size: the file's from now on. */
static int refdax_shift_begin(struct inode *inode, u64 from, u64 count, loff_t size)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct jbd2_journal_handle *handle;
	int err, err2;

	handle = refdax_journal_start(inode, REFDAX_ORPHAN_CREDITS + REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = refdax_orphan_add(handle, inode);
	if (!err) {
		ri->i_shift_from = from;
		ri->i_shift_count = count;
		refdax_set_sizes(inode, size);
		err = refdax_inode_update_data(handle, inode);
	}
	err2 = refdax_journal_stop(inode, handle);
	return err ?: err2;
}

/* All keys are where they should be. @size: the file's from now on. */
static int refdax_shift_end(struct inode *inode, loff_t size)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct jbd2_journal_handle *handle;
	int err, err2;

	handle = refdax_journal_start(inode, REFDAX_ORPHAN_CREDITS + REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	ri->i_shift_from = 0;
	ri->i_shift_count = 0;
	refdax_set_sizes(inode, size);
	err = refdax_orphan_done(handle, inode);
	if (!err)
		err = refdax_inode_update_data(handle, inode);
	err2 = refdax_journal_stop(inode, handle);
	return err ?: err2;
}

/* Leaves the inode on the orphan list; at mount the caller takes it off. */
int refdax_shift_finish(struct inode *inode)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	int err;

	/* Whatever the medium says is mapped there: then the keys below stay below. */
	err = refdax_punch_blocks(inode, ri->i_shift_from - ri->i_shift_count, ri->i_shift_from);
	if (!err)
		err = refdax_shift_all(inode, false, 0);
	if (err)
		return err;
	ri->i_shift_from = 0;
	ri->i_shift_count = 0;
	return 0;
}

/*
 * Some keys are new, some are old, and the rest cannot be done now: nobody may
 * see that. The next mount finishes it.
 */
static int refdax_shift_failed(struct inode *inode, int err)
{
	refdax_msg(inode->i_sb, KERN_ERR, "inode %llu: moving its blocks failed half way (error %d); the next mount finishes it",
		   (u64)inode->i_ino, err);
	refdax_journal_abort(inode->i_sb, err);
	return err;
}

int refdax_collapse_blocks(struct inode *inode, u64 first, u64 count, loff_t size)
{
	int err;

	err = refdax_shift_begin(inode, first + count, count, size);
	if (err)
		return err;
	err = refdax_shift_finish(inode);
	/* What had been allocated behind the end moved as well; it goes, as in a truncate. */
	if (!err)
		err = refdax_free_beyond_eof(inode);
	if (!err)
		err = refdax_shift_end(inode, size);
	return err ? refdax_shift_failed(inode, err) : 0;
}

int refdax_insert_blocks(struct inode *inode, u64 first, u64 count, loff_t size)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct jbd2_journal_handle *handle;
	loff_t old = i_size_read(inode);
	int err, err2;

	/* Nothing is moved yet: there is nothing to be undone from there on. */
	err = refdax_shift_begin(inode, REFDAX_LOGICAL_MAX, count, old);
	if (err)
		return err;
	/* What is allocated behind the end must not move into the file. */
	err = refdax_free_beyond_eof(inode);
	if (err)
		goto out_end;
	handle = refdax_journal_start(inode, REFDAX_ALLOC_CREDITS, REFDAX_UNMAP_REVOKES);
	if (IS_ERR(handle)) {
		err = PTR_ERR(handle);
		goto out_end;
	}
	down_write(&ri->i_extent_sem);
	err = refdax_split_extent(handle, inode, first);
	refdax_map_changed(ri);
	/* After a failure as well: nodes may have been split. */
	err2 = refdax_inode_update_data(handle, inode);
	up_write(&ri->i_extent_sem);
	err = err ?: err2;
	err2 = refdax_journal_stop(inode, handle);
	err = err ?: err2;
	if (err)
		goto out_end;

	err = refdax_shift_all(inode, true, first);
	if (err)
		return refdax_shift_failed(inode, err);
	err = refdax_shift_end(inode, size);
	return err ? refdax_shift_failed(inode, err) : 0;

out_end:
	err2 = refdax_shift_end(inode, old);
	return err2 ? refdax_shift_failed(inode, err2) : err;
}
