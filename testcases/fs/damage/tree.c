// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes of extent trees and directories. */
#include <sys/stat.h>

#include "fields.h"

static const struct field dir_fields[] = {
	FIELD(refdax_dir_block, db_count, FIXED), FIELD(refdax_dir_block, db_used, FIXED),
	FIELD(refdax_dir_block, db_reserved, FIXED),
};

static const struct dir_range *find_range(const struct image *image, uint64_t ino, uint64_t block,
					  const struct dir_range **previous)
{
	size_t i;

	*previous = NULL;
	for (i = 0; i < image->ranges; i++) {
		if (image->range[i].ino != ino)
			continue;
		if (image->range[i].block == block)
			return &image->range[i];
		*previous = &image->range[i];
	}
	return NULL;
}

/* The first key in the subtree of an entry, and what the one before it ends at. */
static void subtree_bounds(const struct image *image, const struct refdax_extent *x,
			   unsigned int depth, bool last, uint64_t *bound)
{
	const struct refdax_node_block *nb;

	while (depth--) {
		nb = image_block(image, le64toh(x->x_physical));
		x = &nb->nb_node.n_entries[last ? le16toh(nb->nb_node.n_count) - 1 : 0];
	}
	*bound = le64toh(x->x_logical) + (last ? le32toh(x->x_count) : 0);
}

/* A change of the key of entry @i. */
static enum expect judge_key(const struct image *image, const struct change *c,
			     const struct refdax_node *node, unsigned int i)
{
	const struct refdax_extent *x = &node->n_entries[i];
	unsigned int count = le16toh(node->n_count), depth = le16toh(node->n_depth);
	uint16_t mode = le16toh(image_inode(image, c->target.ino)->i_mode);
	uint64_t from = c->target.low, to = c->target.high, next = to, bound;
	const struct dir_range *range, *previous;

	if (i + 1 < count)
		next = to = le64toh(x[1].x_logical);
	if (depth) {
		/* The first child has everything below as well. */
		if (!i)
			return c->new < to ? MEANINGLESS : DETECTED;
		subtree_bounds(image, x, depth, false, &bound);
		subtree_bounds(image, x - 1, depth, true, &from);
		return c->new >= from && c->new <= bound && c->new < to ? MEANINGLESS : DETECTED;
	}
	if (i)
		from = le64toh(x[-1].x_logical) + le32toh(x[-1].x_count);
	else if (from < c->target.previous_end)
		from = c->target.previous_end;
	if (next > c->target.next_first && i + 1 == count)
		next = c->target.next_first;
	if (c->new < from || c->new >= next || next - c->new < le32toh(x->x_count))
		return DETECTED;
	if (S_ISREG(mode))
		return MEANINGLESS;
	if (S_ISLNK(mode))
		return DETECTED;
	range = find_range(image, c->target.ino, le64toh(x->x_physical), &previous);
	/* The first block is at 0, others between the hashes around. */
	if (!previous || range->empty || previous->empty)
		return DETECTED;
	return c->new > previous->last && c->new <= range->first ? MEANINGLESS : DETECTED;
}

void change_extent(const struct image *image, struct change *c)
{
	unsigned int offset = c->target.in_inode ?
			      c->target.offset + offsetof(struct refdax_inode, i_root) :
			      offsetof(struct refdax_node_block, nb_node);
	const struct refdax_node *node = (const void *)((uint8_t *)image_block(image, c->block) +
							offset);
	unsigned int count = le16toh(node->n_count), i = count ? random_below(count) : 0;
	unsigned int entry = offset + sizeof(*node) + i * sizeof(struct refdax_extent);
	uint16_t mode = le16toh(image_inode(image, c->target.ino)->i_mode);

	if (change_header(c)) {
		choose_value(image, c);
		return;
	}
	switch (random_below(count ? 7 : 3)) {
	case 0:
		set_bytes(c, "n_depth", offset, 2, DETECTED);
		break;
	case 1:
		set_bytes(c, "n_count", offset + 2, 2, DETECTED);
		break;
	case 2:
		set_bytes(c, "n_reserved", offset + 4, 4, DETECTED);
		break;
	case 3:
		set_bytes(c, "x_logical", entry, 8, DETECTED);
		choose_value(image, c);
		c->expect = judge_key(image, c, node, i);
		return;
	case 4:
		set_bytes(c, "x_physical", entry + 8, 8, DETECTED);
		break;
	case 5:
		set_bytes(c, "x_count", entry + 16, 4, DETECTED);
		break;
	case 6:
		set_bytes(c, "x_flags", entry + 20, 4, DETECTED);
		choose_value(image, c);
		if (!node->n_depth && S_ISREG(mode) &&
		    !((c->old ^ c->new) & ~(uint64_t)REFDAX_EXTENT_UNWRITTEN))
			c->expect = MEANINGLESS;
		return;
	}
	choose_value(image, c);
	/* An empty tree of any depth would be one, were there not a rule against it. */
}

void change_directory(const struct image *image, struct change *c)
{
	const struct refdax_dir_block *db = image_block(image, c->block);
	unsigned int offset = 0, base = offsetof(struct refdax_dir_block, db_data), skip;
	unsigned int count = le16toh(db->db_count), used = le16toh(db->db_used);
	const struct refdax_dirent *d;

	if (change_header(c)) {
	} else if (!count || !random_below(4)) {
		set_field(c, &dir_fields[random_below(COUNT(dir_fields))], 0);
	} else if (!random_below(8) && used < sizeof(db->db_data)) {
		set_bytes(c, "behind the entries", base + used +
			  random_below(sizeof(db->db_data) - used), 1, MEANINGLESS);
	} else {
		for (skip = random_below(count); skip; skip--) {
			d = (const void *)(db->db_data + offset);
			offset += sizeof(*d) + d->d_name_len;
		}
		d = (const void *)(db->db_data + offset);
		switch (random_below(5)) {
		case 0:
			set_bytes(c, "d_hash", base + offset, 8, DETECTED);
			break;
		case 1:
			set_bytes(c, "d_ino", base + offset + 8, 8, DETECTED);
			break;
		case 2:
			set_bytes(c, "d_type", base + offset + 16, 1, DETECTED);
			break;
		case 3:
			set_bytes(c, "d_name_len", base + offset + 17, 1, DETECTED);
			break;
		default:
			set_bytes(c, "d_name", base + offset + 18 + random_below(d->d_name_len), 1,
				  DETECTED);
		}
	}
	choose_value(image, c);
}
