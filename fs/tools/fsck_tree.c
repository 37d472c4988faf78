// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsck.refdax: extent trees. A damaged tree is not patched: what is good in it
 * is collected, and a new one is built from that.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fsck.h"

struct walk {
	struct fsck *f;
	uint64_t ino;
	uint32_t generation;
	bool regular;
	uint64_t end;			/* of the last good extent */
	struct extent_list *extents;
	struct block_list *nodes;
	const char *what;
};

/* A block of metadata has one place. False: one of them was seen before. */
static bool visit_extent(struct fsck *f, const struct extent *x)
{
	uint32_t i;

	for (i = 0; i < x->count; i++) {
		if (visit(f, x->physical + i))
			continue;
		while (i--)
			unvisit(f, x->physical + i);
		return false;
	}
	return true;
}

static void walk_leaf(struct walk *w, const struct refdax_node *node, uint64_t low, uint64_t high)
{
	struct extent_list *list = w->extents;
	unsigned int i;

	for (i = 0; i < le16toh(node->n_count); i++) {
		const struct refdax_extent *raw = &node->n_entries[i];
		struct extent x = {
			.logical = le64toh(raw->x_logical),
			.physical = le64toh(raw->x_physical),
			.count = le32toh(raw->x_count),
			.flags = le32toh(raw->x_flags),
		};

		if (!blocks_valid(w->f, x.physical, x.count)) {
			w->what = "an extent lies outside of the data";
		} else if (x.logical < w->end || x.logical < low || x.logical >= high ||
			   high - x.logical < x.count) {
			w->what = "extents overlap or are not in order";
		} else if (x.flags & ~REFDAX_EXTENT_UNWRITTEN || (x.flags && !w->regular)) {
			w->what = "an extent has unknown flags";
		} else if (!w->regular && !visit_extent(w->f, &x)) {
			w->what = "a block occurs twice";
		} else {
			append_extent(list, &x);
			w->end = x.logical + x.count;
		}
	}
}

static void walk_node(struct walk *w, const struct refdax_node *node, uint64_t low, uint64_t high);

static void walk_child(struct walk *w, uint64_t block, unsigned int depth, uint64_t low,
		       uint64_t high)
{
	struct refdax_node_block *nb = zalloc(REFDAX_BLOCK_SIZE);
	struct block_list *nodes = w->nodes;
	const struct refdax_header *header = &nb->nb_header;

	if (!blocks_valid(w->f, block, 1)) {
		w->what = "a node lies outside of the data";
	} else if (!visit(w->f, block)) {
		w->what = "a node has two parents";
	} else if (!read_block(w->f, block, nb) ||
		   !header_fits(header, REFDAX_MAGIC_EXTENTS, block, w->ino, w->generation)) {
		w->what = "a node belongs to something else";
		unvisit(w->f, block);
	} else if (le16toh(nb->nb_node.n_depth) != depth ||
		   le16toh(nb->nb_node.n_count) > REFDAX_NODE_ENTRIES ||
		   !nb->nb_node.n_count || nb->nb_node.n_reserved) {
		w->what = "a node does not fit its place";
		unvisit(w->f, block);
	} else {
		/* Even then each of its entries must pass. */
		if (header_problem(w->f, header))
			w->what = "a node's header or checksum is wrong";
		nodes->block = grow(nodes->block, nodes->count, &nodes->room,
				    sizeof(*nodes->block));
		nodes->block[nodes->count++] = block;
		walk_node(w, &nb->nb_node, low, high);
	}
	free(nb);
}

static void walk_node(struct walk *w, const struct refdax_node *node, uint64_t low, uint64_t high)
{
	unsigned int i, count = le16toh(node->n_count), depth = le16toh(node->n_depth);

	if (!depth) {
		walk_leaf(w, node, low, high);
		return;
	}
	for (i = 0; i < count; i++) {
		const struct refdax_extent *x = &node->n_entries[i];
		uint64_t from = i ? le64toh(x->x_logical) : low;
		uint64_t to = i + 1 < count ? le64toh(x[1].x_logical) : high;

		if (le64toh(x->x_logical) >= to || to > high || x->x_count || x->x_flags) {
			w->what = "the entries of a node are not in order";
			if (from >= to || to > high)
				continue;
		}
		walk_child(w, le64toh(x->x_physical), depth - 1, from, to);
	}
}

const char *walk_tree(struct fsck *f, uint64_t ino, const struct refdax_inode *raw,
		      struct extent_list *extents, struct block_list *nodes)
{
	const struct refdax_node *root = (const struct refdax_node *)raw->i_root;
	struct walk w = {
		.f = f,
		.ino = ino,
		.generation = le32toh(raw->i_generation),
		.regular = (le16toh(raw->i_mode) & 0170000) == 0100000,
		.extents = extents,
		.nodes = nodes,
	};
	uint32_t j;
	size_t i;

	memset(extents, 0, sizeof(*extents));
	memset(nodes, 0, sizeof(*nodes));
	if (le16toh(root->n_count) > REFDAX_ROOT_ENTRIES ||
	    le16toh(root->n_depth) > REFDAX_MAX_DEPTH || (root->n_depth && !root->n_count) ||
	    root->n_reserved)
		return "its root is no node";
	walk_node(&w, root, 0, REFDAX_LOGICAL_MAX);
	for (i = 0; i < nodes->count; i++)
		unvisit(f, nodes->block[i]);
	for (i = 0; !w.regular && i < extents->count; i++)
		for (j = 0; j < extents->x[i].count; j++)
			unvisit(f, extents->x[i].physical + j);
	return w.what;
}

bool rebuild_tree(struct fsck *f, uint64_t ino, struct refdax_inode *raw,
		  const struct extent_list *extents)
{
	struct builder b = fsck_builder(f);
	uint64_t blocks;

	if (!build_tree(&b, ino, le32toh(raw->i_generation), raw->i_root, extents, &blocks))
		return false;
	raw->i_blocks = htole64(blocks + (raw->i_xattr_block ? 1 : 0));
	f->changed = true;
	return true;
}
