// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a mount leaves behind when the power goes: orphans, unwritten extents, a log to
 * replay. The log is written as fs/jbd2/commit.c writes it.
 */
#include <err.h>
#include <string.h>
#include <sys/stat.h>

#include "damage.h"

#define DESCRIPTOR	1
#define COMMIT		2
#define REVOKE		5
#define SAME_UUID	2
#define LAST_TAG	8
#define TAG_BYTES	16

/* Blocks of the log that prepare_log() writes, in this order. */
enum { DESCRIPTOR_1, DATA_1, DATA_2, COMMIT_1, REVOKE_2, DESCRIPTOR_2, DATA_3, COMMIT_2, LOG_BLOCKS };
#define FIRST_SEQUENCE	7

static void store_inode(struct image *image, uint64_t ino)
{
	struct refdax_inode *raw = image_inode(image, ino);

	raw->i_crc = htole32(refdax_inode_crc(image->seed, ino, raw));
}

/* The first regular file from @ino on that has an extent in its root, no other name, and data. */
static uint64_t find_file(const struct image *image, uint64_t ino)
{
	for (; ino <= image->geometry.inodes_per_group; ino++) {
		const struct refdax_inode *raw = image_inode(image, ino);
		const struct refdax_node *root = (const void *)raw->i_root;

		if (S_ISREG(le16toh(raw->i_mode)) && raw->i_nlink == htole32(1) &&
		    !root->n_depth && root->n_count)
			return ino;
	}
	errx(2, "the image has too few files");
}

/* Take the name that leads to @ino away. */
static void remove_name(struct image *image, uint64_t ino)
{
	size_t i;

	for (i = 0; i < image->ranges; i++) {
		struct refdax_dir_block *db = image_block(image, image->range[i].block);
		unsigned int used = le16toh(db->db_used), offset = 0, size;

		for (; offset < used; offset += size) {
			struct refdax_dirent *d = (void *)(db->db_data + offset);

			size = sizeof(*d) + d->d_name_len;
			if (le64toh(d->d_ino) != ino)
				continue;
			memmove(d, (uint8_t *)d + size, used - offset - size);
			memset(db->db_data + used - size, 0, size);
			db->db_used = htole16(used - size);
			db->db_count = htole16(le16toh(db->db_count) - 1);
			db->db_header.h_crc = htole32(refdax_block_crc(image->seed, db));
			return;
		}
	}
	errx(2, "inode %llu has no name", (unsigned long long)ino);
}

void prepare(struct image *image)
{
	struct refdax_super *super = image_block(image, REFDAX_SUPER_BLOCK);
	uint64_t deleted = find_file(image, REFDAX_FIRST_INO), second, cut, third;
	struct refdax_node *root;

	second = find_file(image, deleted + 1);
	cut = find_file(image, second + 1);
	third = find_file(image, cut + 1);
	/* Two open when they were deleted, one being truncated. */
	remove_name(image, deleted);
	remove_name(image, second);
	image_inode(image, deleted)->i_nlink = 0;
	image_inode(image, second)->i_nlink = 0;
	image_inode(image, deleted)->i_next_orphan = htole64(second);
	image_inode(image, second)->i_next_orphan = htole64(cut);
	super->s_last_orphan = htole64(deleted);
	super->s_header.h_crc = htole32(refdax_block_crc(0, super));
	root = (struct refdax_node *)image_inode(image, third)->i_root;
	root->n_entries[0].x_flags = htole32(REFDAX_EXTENT_UNWRITTEN);
	store_inode(image, deleted);
	store_inode(image, second);
	store_inode(image, third);
}

void share(struct image *image)
{
	uint64_t first = find_file(image, REFDAX_FIRST_INO), second = find_file(image, first + 1);

	memcpy(image_inode(image, second)->i_root, image_inode(image, first)->i_root,
	       REFDAX_ROOT_BYTES);
	store_inode(image, second);
}

static uint32_t log_seed(const struct image *image)
{
	const struct jbd2_super *super = image_block(image, REFDAX_JOURNAL_BLOCK);

	return crc32c(~0U, super->s_uuid, sizeof(super->s_uuid));
}

static uint32_t *log_block(const struct image *image, unsigned int i)
{
	return image_block(image, REFDAX_JOURNAL_BLOCK + 1 + i);
}

static void set_tail(const struct image *image, uint32_t *block)
{
	block[1023] = 0;
	block[1023] = htobe32(crc32c(log_seed(image), block, REFDAX_BLOCK_SIZE));
}

static void set_commit_checksum(const struct image *image, uint32_t *block)
{
	block[4] = 0;
	block[4] = htobe32(crc32c(log_seed(image), block, REFDAX_BLOCK_SIZE));
}

static void log_header(uint32_t *block, uint32_t type, uint32_t sequence)
{
	memset(block, 0, REFDAX_BLOCK_SIZE);
	block[0] = htobe32(JBD2_MAGIC);
	block[1] = htobe32(type);
	block[2] = htobe32(sequence);
}

/* A descriptor at @at, and the blocks of the transaction behind it. */
static void log_blocks(const struct image *image, unsigned int at, uint32_t sequence,
		       const uint64_t *home, unsigned int count)
{
	uint32_t *descriptor = log_block(image, at), *tag = descriptor + 3;
	uint32_t stamp = htobe32(sequence), seed = crc32c(log_seed(image), &stamp, 4);
	unsigned int i;

	log_header(descriptor, DESCRIPTOR, sequence);
	for (i = 0; i < count; i++, tag += 4) {
		memcpy(log_block(image, at + 1 + i), image_block(image, home[i]),
		       REFDAX_BLOCK_SIZE);
		tag[0] = htobe32(home[i]);
		tag[1] = htobe32((i ? SAME_UUID : 0) | (i + 1 == count ? LAST_TAG : 0));
		tag[2] = htobe32(home[i] >> 32);
		tag[3] = htobe32(crc32c(seed, log_block(image, at + 1 + i), REFDAX_BLOCK_SIZE));
		/* The first is followed by the UUID. */
		if (!i)
			tag += 4;
	}
	set_tail(image, descriptor);
}

static void log_commit(const struct image *image, unsigned int at, uint32_t sequence)
{
	log_header(log_block(image, at), COMMIT, sequence);
	set_commit_checksum(image, log_block(image, at));
}

void prepare_log(struct image *image)
{
	struct jbd2_super *super = image_block(image, REFDAX_JOURNAL_BLOCK);
	uint32_t *revoke = log_block(image, REVOKE_2);
	uint64_t home[2], data, ino;
	const struct refdax_node *root;
	unsigned int index;

	/* What was metadata in the first transaction, and is a file's data since the second. */
	ino = find_file(image, REFDAX_FIRST_INO);
	root = (const void *)image_inode(image, ino)->i_root;
	data = le64toh(root->n_entries[0].x_physical);
	home[0] = geometry_inode_block(&image->geometry, REFDAX_ROOT_INO, &index);
	home[1] = data;
	log_blocks(image, DESCRIPTOR_1, FIRST_SEQUENCE, home, 2);
	log_commit(image, COMMIT_1, FIRST_SEQUENCE);
	log_header(revoke, REVOKE, FIRST_SEQUENCE + 1);
	revoke[3] = htobe32(16 + 8);
	revoke[4] = htobe32(data >> 32);
	revoke[5] = htobe32(data);
	set_tail(image, revoke);
	home[0] = image->range[0].block;
	log_blocks(image, DESCRIPTOR_2, FIRST_SEQUENCE + 1, home, 1);
	log_commit(image, COMMIT_2, FIRST_SEQUENCE + 1);
	/* It is the log that has them; and what must not be replayed would be noticed. */
	memset(image_block(image, home[0]), 0, REFDAX_BLOCK_SIZE);
	memset(image_block(image, geometry_inode_block(&image->geometry, REFDAX_ROOT_INO, &index)),
	       0, REFDAX_BLOCK_SIZE);
	memset(image_block(image, data), 0x5a, REFDAX_BLOCK_SIZE);
	super->s_start = htobe32(REFDAX_JOURNAL_BLOCK + 1);
	super->s_sequence = htobe32(FIRST_SEQUENCE);
	super->s_checksum = jbd2_super_crc(super);
}

/* What is wrong with a block that begins with a log header. */
static enum expect judge_log_header(unsigned int at, const struct change *c)
{
	/* No other commit says that this one was there. */
	return at == COMMIT_2 && c->offset < 12 ? UNDECIDABLE : DETECTED;
}

static void judge_fixed(unsigned int at, struct change *c)
{
	switch (at) {
	case DESCRIPTOR_1:
	case DESCRIPTOR_2:
		/* Other blocks, other flags: as if it had been logged that way. */
		c->expect = UNDECIDABLE;
		break;
	case REVOKE_2:
		c->expect = UNDECIDABLE;
		break;
	default:
		/* The times, and what is zero */
		c->expect = MEANINGLESS;
	}
}

void damage_log(struct image *image, struct change *c)
{
	unsigned int at = random_below(LOG_BLOCKS);
	bool data = at == DATA_1 || at == DATA_2 || at == DATA_3;
	uint8_t *block = (uint8_t *)log_block(image, at);

	c->block = REFDAX_JOURNAL_BLOCK + 1 + at;
	c->field = data ? "data" : "log";
	c->width = 1;
	c->offset = random_below(2) ? random_below(48) : random_below(REFDAX_BLOCK_SIZE);
	/* A commit block's checksum is in the middle, and the others' at the end. */
	if ((at == COMMIT_1 || at == COMMIT_2) ? c->offset >= 16 && c->offset < 20 :
						 c->offset >= 4092 && !data)
		c->checksum = false;
	c->old = block[c->offset];
	c->new = c->old ^ 1 << random_below(8);
	block[c->offset] = c->new;
	if (data) {
		/* What was revoked is not replayed. */
		c->expect = at == DATA_2 ? MEANINGLESS : DETECTED;
		c->checksum = false;
		return;
	}
	c->expect = judge_log_header(at, c);
	if (!c->checksum)
		return;
	if (at == COMMIT_1 || at == COMMIT_2)
		set_commit_checksum(image, (uint32_t *)block);
	else
		set_tail(image, (uint32_t *)block);
	if (c->offset >= 12)
		judge_fixed(at, c);
}
