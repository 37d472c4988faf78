// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extent trees: one B+tree per inode, from logical blocks to places on the
 * device. Directories use the same trees with hashes as keys.
 *
 * Every change happens inside one leaf. What might need more room than the
 * leaf has first calls refdax_make_room(), which splits nodes, one self-contained
 * step at a time; so running out of space leaves a valid tree behind.
 *
 * i_extent_sem covers the tree. It ranks below everything else (see dax.c):
 * page faults take it inside a journal handle and a DAX entry lock.
 *
 * Trees come from the medium, so nothing in them is believed: each node must
 * carry its inode's number and generation and the depth that its place in the
 * tree demands, which also rules out cycles; its keys must ascend within the
 * bounds that its parent gives it.
 */
#include <linux/slab.h>

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

static u64 x_logical(const struct refdax_extent *x)
{
	return le64_to_cpu(x->x_logical);
}

static u64 x_physical(const struct refdax_extent *x)
{
	return le64_to_cpu(x->x_physical);
}

static u32 x_count(const struct refdax_extent *x)
{
	return le32_to_cpu(x->x_count);
}

static u64 x_end(const struct refdax_extent *x)
{
	return x_logical(x) + x_count(x);
}

static bool x_unwritten(const struct refdax_extent *x)
{
	return le32_to_cpu(x->x_flags) & REFDAX_EXTENT_UNWRITTEN;
}

static void x_set(struct refdax_extent *x, u64 logical, u64 physical, u32 count, u32 flags)
{
	x->x_logical = cpu_to_le64(logical);
	x->x_physical = cpu_to_le64(physical);
	x->x_count = cpu_to_le32(count);
	x->x_flags = cpu_to_le32(flags);
}

static int n_count(const struct refdax_node *node)
{
	return le16_to_cpu(node->n_count);
}

static int n_depth(const struct refdax_node *node)
{
	return le16_to_cpu(node->n_depth);
}

static int refdax_level_max(const struct refdax_level *level)
{
	return level->bh ? REFDAX_NODE_ENTRIES : REFDAX_ROOT_ENTRIES;
}

static struct refdax_node *refdax_bh_node(struct buffer_head *bh)
{
	return &((struct refdax_node_block *)bh->b_data)->nb_node;
}

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
		return refdax_damage(sb, "inode %lu: extent node in block %llu has depth %d and %d entries",
				     inode->i_ino, block, depth, count);
	for (i = 0; i < count; i++) {
		const struct refdax_extent *x = &node->n_entries[i];
		bool leaf = !depth;

		if (x_logical(x) < end || x_logical(x) >= REFDAX_LOGICAL_MAX ||
		    !refdax_blocks_valid(sb, x_physical(x), leaf ? x_count(x) : 1) ||
		    le32_to_cpu(x->x_flags) & ~(leaf ? REFDAX_EXTENT_UNWRITTEN : 0) ||
		    (!leaf && x_count(x)) ||
		    (leaf && x_unwritten(x) && !S_ISREG(inode->i_mode)))
			return refdax_damage(sb, "inode %lu: entry %d of the extent node in block %llu is invalid",
					     inode->i_ino, i, block);
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
		err = refdax_damage(inode->i_sb, "inode %lu: extent node in block %llu does not fit its place in the tree",
				    inode->i_ino, block);
		goto out;
	}
	return bh;
out:
	brelse(bh);
	return ERR_PTR(err);
}

static void refdax_path_release(struct refdax_path *path)
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

/* The way to the leaf that covers @key. The caller releases the path. i_extent_sem is held. */
static int refdax_path_find(struct inode *inode, u64 key, struct refdax_path *path)
{
	struct refdax_node *node = &REFDAX_I(inode)->i_node;
	struct buffer_head *bh = NULL;
	u64 low = 0;
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

static struct refdax_extent *refdax_path_extent(struct refdax_path *path)
{
	struct refdax_level *leaf = &path->level[path->depth];

	return leaf->pos < 0 ? NULL : &leaf->node->n_entries[leaf->pos];
}

static int refdax_level_access(struct jbd2_journal_handle *handle, struct refdax_level *level)
{
	return level->bh ? refdax_journal_write_access(handle, level->bh) : 0;
}

/* The root is written with the inode, by the caller of this file's functions. */
static int refdax_level_dirty(struct jbd2_journal_handle *handle, struct inode *inode,
			      struct refdax_level *level)
{
	return level->bh ? refdax_journal_dirty(handle, inode->i_sb, level->bh) : 0;
}

static void refdax_node_insert(struct refdax_node *node, int pos, u64 logical, u64 physical,
			       u32 count, u32 flags)
{
	struct refdax_extent *x = &node->n_entries[pos];

	memmove(x + 1, x, (n_count(node) - pos) * sizeof(*x));
	x_set(x, logical, physical, count, flags);
	le16_add_cpu(&node->n_count, 1);
}

static void refdax_node_delete(struct refdax_node *node, int pos)
{
	struct refdax_extent *x = &node->n_entries[pos];

	memmove(x, x + 1, (n_count(node) - pos - 1) * sizeof(*x));
	le16_add_cpu(&node->n_count, -1);
}

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

/*
 * The way to the leaf of @key, which has room for @room more entries and may
 * be written in this handle. The caller releases the path.
 */
static int refdax_make_room(struct jbd2_journal_handle *handle, struct inode *inode, u64 key,
			    int room, struct refdax_path *path)
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

/* Join entries @pos and @pos + 1 of a leaf if they are one stretch. */
static void refdax_leaf_merge(struct refdax_node *node, int pos)
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

/* What lies at @logical. i_extent_sem is held. */
static int refdax_lookup(struct inode *inode, u64 logical, u64 count, struct refdax_map *map)
{
	struct refdax_path path;
	struct refdax_level *leaf;
	struct refdax_extent *x;
	u64 end;
	int err;

	map->m_logical = logical;
	map->m_new = false;
	err = refdax_path_find(inode, logical, &path);
	if (err)
		return err;
	leaf = &path.level[path.depth];
	x = refdax_path_extent(&path);
	if (x && logical < x_end(x)) {
		map->m_state = x_unwritten(x) ? REFDAX_UNWRITTEN : REFDAX_MAPPED;
		map->m_physical = x_physical(x) + (logical - x_logical(x));
		end = x_end(x);
	} else {
		map->m_state = REFDAX_HOLE;
		map->m_physical = 0;
		/* If the leaf ends here the hole may go on in the next one: callers ask again. */
		end = leaf->pos + 1 < n_count(leaf->node) ?
			x_logical(&leaf->node->n_entries[leaf->pos + 1]) : path.high;
	}
	map->m_count = min(count, end - logical);
	refdax_path_release(&path);
	return 0;
}

int refdax_map_blocks(struct inode *inode, u64 logical, u64 count, struct refdax_map *map)
{
	int err;

	down_read(&REFDAX_I(inode)->i_extent_sem);
	err = refdax_lookup(inode, logical, count, map);
	up_read(&REFDAX_I(inode)->i_extent_sem);
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
	struct super_block *sb = inode->i_sb;
	u64 start;
	u32 got;
	int err;

	err = refdax_alloc_blocks(handle, inode, refdax_goal(inode, map->m_logical),
				  map->m_logical, min_t(u64, map->m_count, REFDAX_EXTENT_MAX),
				  &start, &got);
	if (err)
		return err;
	/*
	 * The zeroes are on the medium before the commit that makes the blocks
	 * reachable: it flushes the device's cache first (JBD2_BARRIER).
	 */
	if (state == REFDAX_MAPPED)
		err = refdax_zero_blocks(sb, start, got);
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
	}
	/* After a failure as well: nodes may have been split. */
	err2 = refdax_inode_update_data(handle, inode);
	if (!err)
		err = err2;
out:
	up_write(&ri->i_extent_sem);
	return err;
}

/* Free the last stretch of [@first, @end). 1 if there was one, 0 if not. */
static int refdax_unmap_one(struct jbd2_journal_handle *handle, struct inode *inode, u64 first,
			    u64 end)
{
	u64 start, stop, logical, x_stop, physical;
	bool metadata = !S_ISREG(inode->i_mode);
	struct refdax_path path;
	struct refdax_level *leaf;
	struct refdax_extent *x;
	u32 flags, i;
	int err;

	/*
	 * The greatest key below @end. A leaf without one can only be the first
	 * of the whole tree: bounds in parents may be lower than what is there,
	 * so look again below the leaf's first entry.
	 */
	for (;;) {
		err = refdax_path_find(inode, end - 1, &path);
		if (err)
			return err;
		x = refdax_path_extent(&path);
		if (x)
			break;
		leaf = &path.level[path.depth];
		for (i = path.depth; i && !path.level[i - 1].pos; i--)
			;
		if (!i) {
			refdax_path_release(&path);
			return 0;
		}
		end = x_logical(&path.level[i - 1].node->n_entries[path.level[i - 1].pos]);
		refdax_path_release(&path);
		if (end <= first)
			return 0;
	}
	logical = x_logical(x);
	physical = x_physical(x);
	x_stop = x_end(x);
	flags = le32_to_cpu(x->x_flags);
	start = max(first, logical);
	stop = min(end, x_stop);
	if (start >= stop) {
		refdax_path_release(&path);
		return 0;
	}
	/* Each block of a directory needs a revoke of its own. */
	if (metadata && stop - start > REFDAX_UNMAP_REVOKES)
		start = stop - REFDAX_UNMAP_REVOKES;

	if (start == logical && stop == x_stop) {
		err = refdax_remove_entry(handle, inode, &path);
	} else {
		if (start > logical && stop < x_stop) {
			refdax_path_release(&path);
			err = refdax_make_room(handle, inode, logical, 1, &path);
			if (err)
				return err;
		}
		leaf = &path.level[path.depth];
		err = refdax_level_access(handle, leaf);
		if (!err) {
			x = refdax_path_extent(&path);
			if (start > logical) {
				x->x_count = cpu_to_le32(start - logical);
				if (stop < x_stop)
					refdax_node_insert(leaf->node, leaf->pos + 1, stop,
							   physical + (stop - logical),
							   x_stop - stop, flags);
			} else {
				x_set(x, stop, physical + (stop - logical), x_stop - stop, flags);
			}
			err = refdax_level_dirty(handle, inode, leaf);
		}
	}
	refdax_path_release(&path);
	if (err)
		return err;

	physical += start - logical;
	for (i = 0; metadata && i < stop - start; i++) {
		err = refdax_free_metadata(handle, inode, physical + i, NULL);
		if (err)
			return err;
	}
	if (!metadata) {
		err = refdax_free_blocks(handle, inode->i_sb, physical, stop - start);
		if (err)
			return err;
		inode_sub_bytes(inode, (loff_t)(stop - start) << REFDAX_BLOCK_BITS);
	}
	return 1;
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
	err = refdax_inode_update_data(handle, inode);
	up_write(&ri->i_extent_sem);
	return more < 0 ? more : err ?: more;
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
