// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes of one field, and what they break. */
#include <string.h>

#include "fields.h"

const char *const class_name[CLASSES] = {
	"superblock", "backup", "block bitmap", "inode bitmap", "inode", "extent node", "directory",
	"symlink", "xattr", "orphan list", "journal superblock", "journal block",
};

static void write_le(uint8_t *p, unsigned int width, uint64_t value)
{
	value = htole64(value);
	memcpy(p, &value, width);
}

static void fix_checksum(struct image *image, const struct change *c)
{
	uint8_t *block = image_block(image, c->block);
	struct refdax_header *header = (struct refdax_header *)block;

	if (c->target.in_inode || c->target.class == INODE) {
		struct refdax_inode *raw = (struct refdax_inode *)(block + c->target.offset);

		raw->i_crc = htole32(refdax_inode_crc(image->seed, c->target.ino, raw));
	} else if (c->target.class == LOG_SUPER) {
		((struct jbd2_super *)block)->s_checksum = jbd2_super_crc((void *)block);
	} else if (c->target.class == SUPER || c->target.class == BACKUP ||
		   c->block == REFDAX_SUPER_BLOCK) {
		/* Not by its magic number: that may have been changed. */
		header->h_crc = 0;
		header->h_crc = htole32(crc32c(~0U, block, REFDAX_BLOCK_SIZE));
	} else {
		header->h_crc = 0;
		header->h_crc = htole32(crc32c(image->seed, block, REFDAX_BLOCK_SIZE));
	}
}

static const struct target *choose_target(const struct image *image, unsigned int classes)
{
	size_t i, count[CLASSES] = { 0 }, nth;
	unsigned int class;

	for (i = 0; i < image->targets; i++)
		count[image->target[i].class]++;
	do
		class = random_below(CLASSES);
	while (!count[class] || !(classes >> class & 1));
	nth = random_below(count[class]);
	for (i = 0; ; i++)
		if (image->target[i].class == class && !nth--)
			return &image->target[i];
}

void damage(struct image *image, unsigned int classes, struct change *c)
{
	static void (*const changes[CLASSES])(const struct image *, struct change *) = {
		[SUPER] = change_super, [BACKUP] = change_super,
		[BLOCK_BITMAP] = change_bitmap, [INODE_BITMAP] = change_bitmap,
		[INODE] = change_inode,
		[EXTENT] = change_extent, [DIRECTORY] = change_directory,
		[SYMLINK] = change_symlink, [XATTR] = change_xattr, [ORPHAN] = change_orphan,
		[LOG_SUPER] = change_log_super,
	};

	memset(c, 0, sizeof(*c));
	c->target = *choose_target(image, classes);
	c->block = c->target.block;
	/* The journal's checksums are most of what it has: they are wrong more often. */
	c->checksum = random_below(4);
	if (c->target.class == LOG_BLOCK) {
		damage_log(image, c);
		return;
	}
	changes[c->target.class](image, c);
	write_le((uint8_t *)image_block(image, c->block) + c->offset, c->width, c->new);
	if (c->checksum)
		fix_checksum(image, c);
	else
		c->expect = DETECTED;
}
