// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The structures of an image that is in order. */
#include <string.h>
#include <sys/stat.h>

#include "damage.h"

struct refdax_inode *image_inode(const struct image *image, uint64_t ino)
{
	unsigned int index;
	uint64_t block = geometry_inode_block(&image->geometry, ino, &index);

	return (struct refdax_inode *)image_block(image, block) + index;
}

bool inode_in_use(const struct image *image, uint64_t ino)
{
	return geometry_ino_valid(&image->geometry, ino) && image_inode(image, ino)->i_mode;
}

bool inode_has_metadata(const struct image *image, uint64_t ino)
{
	const struct refdax_inode *raw = image_inode(image, ino);
	const struct refdax_node *root = (const void *)raw->i_root;
	uint16_t mode = le16toh(raw->i_mode);

	if (raw->i_xattr_block)
		return true;
	if (S_ISREG(mode))
		return root->n_depth;
	if (S_ISDIR(mode))
		return root->n_count;
	return S_ISLNK(mode) && !(le32toh(raw->i_flags) & REFDAX_FL_INLINE);
}

static struct target *add_target(struct image *image, enum class class, uint64_t block,
				 uint64_t ino)
{
	struct target *t;

	image->target = grow(image->target, image->targets, &image->target_room,
			     sizeof(*image->target));
	t = &image->target[image->targets++];
	*t = (struct target) { .class = class, .block = block, .ino = ino };
	return t;
}

static void add_in_inode(struct image *image, enum class class, uint64_t ino)
{
	unsigned int index;
	uint64_t block = geometry_inode_block(&image->geometry, ino, &index);
	struct target *t = add_target(image, class, block, ino);

	t->offset = index * REFDAX_INODE_SIZE;
	t->in_inode = true;
}

static void add_directory_block(struct image *image, uint64_t ino, uint64_t block)
{
	const struct refdax_dir_block *db = image_block(image, block);
	struct dir_range range = { .ino = ino, .block = block, .empty = true };
	unsigned int offset = 0;

	while (offset < le16toh(db->db_used)) {
		const struct refdax_dirent *d = (const void *)(db->db_data + offset);

		if (range.empty)
			range.first = le64toh(d->d_hash);
		range.empty = false;
		range.last = le64toh(d->d_hash);
		offset += sizeof(*d) + d->d_name_len;
	}
	image->range = grow(image->range, image->ranges, &image->range_room,
			    sizeof(*image->range));
	image->range[image->ranges++] = range;
	add_target(image, DIRECTORY, block, ino);
}

/* The end of the last extent seen, and the leaf it was in: its next_first is the next one's key. */
struct order {
	uint64_t end;
	size_t leaf;		/* index of a target + 1, 0: none yet */
};

static void scan_node(struct image *image, uint64_t ino, size_t target,
		      const struct refdax_node *node, struct order *order)
{
	uint16_t mode = le16toh(image_inode(image, ino)->i_mode);
	unsigned int i, j, count = le16toh(node->n_count), depth = le16toh(node->n_depth);
	uint64_t low = image->target[target].low, high = image->target[target].high;

	if (!depth) {
		image->target[target].previous_end = order->end;
		image->target[target].next_first = REFDAX_LOGICAL_MAX;
		if (order->leaf && count)
			image->target[order->leaf - 1].next_first =
				le64toh(node->n_entries[0].x_logical);
		if (count)
			order->leaf = target + 1;
	}
	for (i = 0; i < count; i++) {
		const struct refdax_extent *x = &node->n_entries[i];
		uint64_t physical = le64toh(x->x_physical);

		if (depth) {
			const struct refdax_node_block *nb = image_block(image, physical);
			struct target *child = add_target(image, EXTENT, physical, ino);

			child->low = i ? le64toh(x->x_logical) : low;
			child->high = i + 1 < count ? le64toh(x[1].x_logical) : high;
			scan_node(image, ino, image->targets - 1, &nb->nb_node, order);
			continue;
		}
		order->end = le64toh(x->x_logical) + le32toh(x->x_count);
		for (j = 0; S_ISDIR(mode) && j < le32toh(x->x_count); j++)
			add_directory_block(image, ino, physical + j);
		if (S_ISLNK(mode))
			add_target(image, SYMLINK, physical, ino);
	}
}

static void scan_inode(struct image *image, uint64_t ino)
{
	const struct refdax_inode *raw = image_inode(image, ino);
	const struct refdax_xattr_list *list = (const void *)raw->i_tail;
	uint16_t mode = le16toh(raw->i_mode);
	struct order order = { 0 };

	add_in_inode(image, INODE, ino);
	if (list->xl_count)
		add_in_inode(image, XATTR, ino);
	if (raw->i_xattr_block)
		add_target(image, XATTR, le64toh(raw->i_xattr_block), ino);
	if (raw->i_next_orphan)
		add_in_inode(image, ORPHAN, ino);
	if (S_ISLNK(mode) && le32toh(raw->i_flags) & REFDAX_FL_INLINE) {
		add_in_inode(image, SYMLINK, ino);
	} else if (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)) {
		add_in_inode(image, EXTENT, ino);
		image->target[image->targets - 1].high = REFDAX_LOGICAL_MAX;
		scan_node(image, ino, image->targets - 1, (const void *)raw->i_root, &order);
	}
}

static void scan_log(struct image *image)
{
	const struct jbd2_super *super = image_block(image, REFDAX_JOURNAL_BLOCK);
	uint32_t at;

	add_target(image, LOG_SUPER, REFDAX_JOURNAL_BLOCK, 0);
	image->log_start = be32toh(super->s_start);
	image->log_end = be32toh(super->s_maxlen);
	image->log_sequence = be32toh(super->s_sequence);
	image->last_sequence = image->log_sequence - 1;
	for (at = image->log_start; at && at < image->log_end; at++) {
		const uint32_t *header = image_block(image, at);

		if (be32toh(header[0]) == JBD2_MAGIC && be32toh(header[1]) == 2)
			image->last_sequence = be32toh(header[2]);
	}
	if (image->log_start)
		add_target(image, LOG_BLOCK, image->log_start, 0);
}

void scan(struct image *image)
{
	const struct refdax_super *super = image_block(image, REFDAX_SUPER_BLOCK);
	uint32_t group;
	uint64_t ino;

	geometry_init(&image->geometry, super);
	image->seed = refdax_seed(super->s_uuid);
	image->targets = 0;
	image->ranges = 0;
	add_target(image, SUPER, REFDAX_SUPER_BLOCK, 0);
	if (super->s_last_orphan)
		add_target(image, ORPHAN, REFDAX_SUPER_BLOCK, 0);
	for (group = 0; group < image->geometry.groups; group++) {
		uint64_t meta = group_meta(&image->geometry, group);

		if (group_backup(&image->geometry, group))
			add_target(image, BACKUP, group_backup(&image->geometry, group), 0);
		add_target(image, BLOCK_BITMAP, meta, 0);
		add_target(image, INODE_BITMAP, meta + 1, 0);
	}
	for (ino = 1; ino <= (uint64_t)image->geometry.groups * image->geometry.inodes_per_group;
	     ino++)
		if (inode_in_use(image, ino))
			scan_inode(image, ino);
	scan_log(image);
}
