// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes of one field, and what they break. */
#include <string.h>
#include <sys/stat.h>

#include "damage.h"

const char *const class_name[CLASSES] = {
	"superblock", "backup", "block bitmap", "inode bitmap", "inode", "extent node", "directory",
	"symlink", "xattr", "orphan list", "journal superblock", "journal block",
};

static uint64_t state;

void random_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15 + 0x2545f4914f6cdd1d;
	random_below(2);
}

/* xorshift64* (Vigna, 2014) */
uint64_t random_below(uint64_t bound)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1d >> 16) % bound;
}

/* What holds for every value of a field that is not its old one. */
enum rule { FIXED, FREE, JUDGED };

struct field {
	const char *name;
	unsigned int offset;
	unsigned int width;	/* bytes; more than 8: any one byte of so many */
	enum rule rule;
};

#define FIELD(type, member, rule) \
	{ #member, offsetof(struct type, member), sizeof(((struct type *)NULL)->member), rule }
#define TIME(member) \
	{ #member ".t_sec", offsetof(struct refdax_inode, member), 8, FREE }, \
	{ #member ".t_nsec", offsetof(struct refdax_inode, member) + 8, 4, JUDGED }

static const struct field header_fields[] = {
	FIELD(refdax_header, h_magic, FIXED), FIELD(refdax_header, h_block, FIXED),
	FIELD(refdax_header, h_owner, FIXED), FIELD(refdax_header, h_generation, FIXED),
	FIELD(refdax_header, h_reserved, FIXED),
};

static const struct field super_fields[] = {
	FIELD(refdax_super, s_version, FIXED), FIELD(refdax_super, s_block_size, FIXED),
	FIELD(refdax_super, s_compat, JUDGED), FIELD(refdax_super, s_ro_compat, JUDGED),
	FIELD(refdax_super, s_incompat, JUDGED), FIELD(refdax_super, s_uuid, FIXED),
	FIELD(refdax_super, s_label, FREE), FIELD(refdax_super, s_blocks, FIXED),
	FIELD(refdax_super, s_journal_block, FIXED), FIELD(refdax_super, s_journal_blocks, FIXED),
	FIELD(refdax_super, s_blocks_per_group, FIXED),
	FIELD(refdax_super, s_inodes_per_group, FIXED), FIELD(refdax_super, s_inode_size, FIXED),
	FIELD(refdax_super, s_groups, FIXED), FIELD(refdax_super, s_state, JUDGED),
	FIELD(refdax_super, s_hash_key, FIXED), FIELD(refdax_super, s_mkfs_time, FIXED),
	FIELD(refdax_super, s_mount_time, JUDGED), FIELD(refdax_super, s_mount_count, JUDGED),
	FIELD(refdax_super, s_reserved, FIXED),
};

static const struct field bitmap_fields[] = {
	FIELD(refdax_bitmap, b_reserved, FIXED), FIELD(refdax_bitmap, b_bits, FIXED),
	FIELD(refdax_bitmap, b_bits, FIXED), FIELD(refdax_bitmap, b_bits, FIXED),
};

static const struct field inode_fields[] = {
	FIELD(refdax_inode, i_mode, JUDGED), FIELD(refdax_inode, i_reserved, FIXED),
	FIELD(refdax_inode, i_uid, FREE), FIELD(refdax_inode, i_gid, FREE),
	FIELD(refdax_inode, i_nlink, FIXED), FIELD(refdax_inode, i_generation, JUDGED),
	FIELD(refdax_inode, i_size, JUDGED), FIELD(refdax_inode, i_blocks, FIXED),
	FIELD(refdax_inode, i_flags, JUDGED), FIELD(refdax_inode, i_rdev, JUDGED),
	FIELD(refdax_inode, i_parent, FIXED), FIELD(refdax_inode, i_next_orphan, JUDGED),
	TIME(i_atime), TIME(i_mtime), TIME(i_ctime), TIME(i_crtime),
	FIELD(refdax_inode, i_xattr_block, FIXED), FIELD(refdax_inode, i_shift_count, FIXED),
};

static const struct field dir_fields[] = {
	FIELD(refdax_dir_block, db_count, FIXED), FIELD(refdax_dir_block, db_used, FIXED),
	FIELD(refdax_dir_block, db_reserved, FIXED),
};

static const struct field log_super_fields[] = {
	FIELD(jbd2_super, h_magic, FIXED), FIELD(jbd2_super, h_blocktype, FIXED),
	FIELD(jbd2_super, h_sequence, FREE), FIELD(jbd2_super, s_blocksize, FIXED),
	FIELD(jbd2_super, s_maxlen, FIXED), FIELD(jbd2_super, s_first, FIXED),
	FIELD(jbd2_super, s_sequence, JUDGED), FIELD(jbd2_super, s_start, JUDGED),
	FIELD(jbd2_super, s_errno, FIXED), FIELD(jbd2_super, s_feature_compat, FIXED),
	FIELD(jbd2_super, s_feature_incompat, FIXED),
	FIELD(jbd2_super, s_feature_ro_compat, FIXED), FIELD(jbd2_super, s_uuid, FIXED),
	FIELD(jbd2_super, s_nr_users, FREE), FIELD(jbd2_super, s_dynsuper, FREE),
	FIELD(jbd2_super, s_max_transaction, FREE), FIELD(jbd2_super, s_max_trans_data, FREE),
	FIELD(jbd2_super, s_checksum_type, FIXED), FIELD(jbd2_super, s_num_fc_blocks, FIXED),
	FIELD(jbd2_super, s_head, FREE), FIELD(jbd2_super, s_padding, FREE),
	FIELD(jbd2_super, s_users, FREE),
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static uint64_t read_le(const uint8_t *p, unsigned int width)
{
	uint64_t value = 0;

	memcpy(&value, p, width);
	return le64toh(value);
}

static void write_le(uint8_t *p, unsigned int width, uint64_t value)
{
	value = htole64(value);
	memcpy(p, &value, width);
}

/* Something that is likely to mean something: a number of this filesystem, or an extreme. */
static uint64_t interesting(const struct image *image, uint64_t old, unsigned int width)
{
	static const uint64_t extremes[] = {
		0, 1, 2, 3, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 1ULL << 62,
		INT64_MAX, UINT64_MAX,
	};

	switch (random_below(8)) {
	case 0:
		return extremes[random_below(COUNT(extremes))];
	case 1:
		return image->target[random_below(image->targets)].block;
	case 2:
		return random_below(image->geometry.inodes_per_group);
	case 3:
		return random_below(image->geometry.blocks + 8);
	case 4:
		return old + random_below(9) - 4;
	default:
		return old ^ 1ULL << random_below(width * 8);
	}
}

static void choose_value(const struct image *image, struct change *c)
{
	uint64_t mask = c->width == 8 ? UINT64_MAX : (1ULL << c->width * 8) - 1;
	const uint8_t *p = (uint8_t *)image_block(image, c->block) + c->offset;

	c->old = read_le(p, c->width);
	do
		c->new = interesting(image, c->old, c->width) & mask;
	while (c->new == c->old);
}

/* @offset: of the structure in its block */
static const struct field *set_field(struct change *c, const struct field *field,
				     unsigned int offset)
{
	c->field = field->name;
	c->offset = offset + field->offset;
	c->width = field->width;
	if (c->width > 8) {
		c->offset += random_below(c->width);
		c->width = 1;
	}
	c->expect = field->rule == FREE ? MEANINGLESS : DETECTED;
	return field;
}

static void set_bytes(struct change *c, const char *name, unsigned int offset, unsigned int width,
		      enum expect expect)
{
	c->field = name;
	c->offset = offset;
	c->width = width;
	c->expect = expect;
}

/* One in eight changes of a block with a header is in that. */
static bool change_header(struct change *c)
{
	if (c->target.in_inode || random_below(8))
		return false;
	set_field(c, &header_fields[random_below(COUNT(header_fields))], 0);
	return true;
}

static void change_super(const struct image *image, struct change *c)
{
	const struct field *field = &super_fields[random_below(COUNT(super_fields))];
	bool backup = c->target.class == BACKUP;

	if (change_header(c)) {
		choose_value(image, c);
		return;
	}
	set_field(c, field, 0);
	choose_value(image, c);
	if (field->rule != JUDGED)
		return;
	if (strstr(field->name, "compat")) {
		uint64_t known = !strcmp(field->name, "s_compat") ? REFDAX_COMPAT_ALL :
				 !strcmp(field->name, "s_incompat") ? REFDAX_INCOMPAT_ALL :
								      REFDAX_RO_COMPAT_ALL;

		/* Damage that no newer program can have made comes first. */
		if (!backup && c->new & ~known &&
		    (strcmp(field->name, "s_incompat") || c->new & REFDAX_INCOMPAT_HASHDIR))
			c->expect = REFUSED;
	} else if (!strcmp(field->name, "s_state")) {
		if (!backup && !(c->new & ~(REFDAX_STATE_CLEAN | REFDAX_STATE_ERRORS)))
			c->expect = MEANINGLESS;
	} else if (!backup) {
		c->expect = MEANINGLESS;	/* of the last mount */
	}
}

static bool on_orphan_list(const struct image *image, uint64_t ino)
{
	const struct refdax_super *super = image_block(image, REFDAX_SUPER_BLOCK);
	uint64_t at = le64toh(super->s_last_orphan);

	while (at && at != ino)
		at = le64toh(image_inode(image, at)->i_next_orphan);
	return at;
}

/* A change of i_next_orphan of @ino, 0 for the head of the list. */
static enum expect judge_orphan(const struct image *image, uint64_t ino, uint64_t old, uint64_t new)
{
	const struct refdax_inode *raw;

	if (ino && !on_orphan_list(image, ino))
		return DETECTED;
	/* Of those behind, only one that has links can be forgotten. */
	for (; old; old = le64toh(image_inode(image, old)->i_next_orphan))
		if (old != new && (!image_inode(image, old)->i_nlink ||
				   image_inode(image, old)->i_next_orphan ||
				   image_inode(image, old)->i_shift_count))
			return DETECTED;
	if (!new)
		return MEANINGLESS;
	if (!inode_in_use(image, new) || new == REFDAX_ROOT_INO || on_orphan_list(image, new))
		return DETECTED;
	raw = image_inode(image, new);
	/* A truncation that was under way */
	return S_ISREG(le16toh(raw->i_mode)) ? MEANINGLESS : DETECTED;
}

static uint32_t user_flags(uint16_t mode)
{
	if (S_ISDIR(mode))
		return REFDAX_FL_USER;
	if (S_ISREG(mode))
		return REFDAX_FL_USER & ~REFDAX_FL_DIRSYNC;
	return REFDAX_FL_USER & ~(REFDAX_FL_DIRSYNC | REFDAX_FL_JOURNAL_DATA | REFDAX_FL_DAX);
}

static void judge_inode(const struct image *image, struct change *c, const char *name)
{
	const struct refdax_inode *raw = image_inode(image, c->target.ino);
	uint16_t mode = le16toh(raw->i_mode);

	if (!strcmp(name, "i_mode"))
		c->expect = (c->new ^ c->old) & S_IFMT ? DETECTED : MEANINGLESS;
	else if (!strcmp(name, "i_generation"))
		c->expect = inode_has_metadata(image, c->target.ino) ? DETECTED : MEANINGLESS;
	else if (!strcmp(name, "i_size"))
		c->expect = S_ISREG(mode) && c->new <= INT64_MAX ? MEANINGLESS : DETECTED;
	else if (!strcmp(name, "i_flags"))
		c->expect = c->new & ~(uint64_t)user_flags(mode) & ~(c->old & REFDAX_FL_INLINE) ||
			    (c->old ^ c->new) & REFDAX_FL_INLINE ? DETECTED : MEANINGLESS;
	else if (!strcmp(name, "i_rdev"))
		c->expect = S_ISCHR(mode) || S_ISBLK(mode) ? MEANINGLESS : DETECTED;
	else if (!strcmp(name, "i_next_orphan"))
		c->expect = judge_orphan(image, c->target.ino, c->old, c->new);
	else	/* t_nsec */
		c->expect = c->new < 1000000000 ? MEANINGLESS : DETECTED;
}

static void change_inode(const struct image *image, struct change *c)
{
	const struct refdax_inode *raw = image_inode(image, c->target.ino);
	uint16_t mode = le16toh(raw->i_mode);
	const struct field *field = &inode_fields[random_below(COUNT(inode_fields))];

	/* Only of those without a tree is i_root a field of its own. */
	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode) && !random_below(8)) {
		set_bytes(c, "i_root", c->target.offset + offsetof(struct refdax_inode, i_root) +
			  random_below(REFDAX_ROOT_BYTES), 1, DETECTED);
		choose_value(image, c);
		return;
	}
	set_field(c, field, c->target.offset);
	choose_value(image, c);
	if (field->rule == JUDGED)
		judge_inode(image, c, field->name);
}

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

static void change_extent(const struct image *image, struct change *c)
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

static void change_directory(const struct image *image, struct change *c)
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

static void change_symlink(const struct image *image, struct change *c)
{
	unsigned int size = le64toh(image_inode(image, c->target.ino)->i_size), at;
	unsigned int base = c->target.in_inode ?
			    c->target.offset + offsetof(struct refdax_inode, i_root) :
			    offsetof(struct refdax_symlink_block, l_target);
	unsigned int room = c->target.in_inode ? REFDAX_ROOT_BYTES : REFDAX_BLOCK_SIZE - base;

	if (change_header(c)) {
		choose_value(image, c);
		return;
	}
	at = random_below(4) ? random_below(size + 1) : random_below(room);
	set_bytes(c, at <= size ? "target" : "behind the target", base + at, 1, MEANINGLESS);
	choose_value(image, c);
	if (at == size || (at < size && !c->new))
		c->expect = DETECTED;
}

static enum expect judge_acl(unsigned int at, uint64_t old, uint64_t new)
{
	static const uint8_t tags[] = { 1, 2, 4, 8, 0x10, 0x20 };

	if (at < 4)
		return DETECTED;	/* the version */
	switch ((at - 4) % 8) {
	case 0:
		return memchr(tags, new, sizeof(tags)) ? MEANINGLESS : DETECTED;
	case 1:
	case 3:
		return new ? DETECTED : MEANINGLESS;
	case 2:
		return new > 7 ? DETECTED : MEANINGLESS;
	default:
		(void)old;
		return MEANINGLESS;	/* of a user or a group */
	}
}

static void change_xattr(const struct image *image, struct change *c)
{
	unsigned int base = c->target.in_inode ?
			    c->target.offset + offsetof(struct refdax_inode, i_tail) :
			    offsetof(struct refdax_xattr_block, xb_list);
	unsigned int room = c->target.in_inode ? REFDAX_XATTR_INODE_BYTES : REFDAX_XATTR_BLOCK_BYTES;
	const struct refdax_xattr_list *list = (const void *)((uint8_t *)
						image_block(image, c->block) + base);
	unsigned int offset = 0, skip, value, used = le16toh(list->xl_used), at;
	uint16_t mode = le16toh(image_inode(image, c->target.ino)->i_mode);
	const struct refdax_xattr_entry *entry;

	if (change_header(c)) {
		choose_value(image, c);
		return;
	}
	for (skip = random_below(le16toh(list->xl_count)); skip; skip--) {
		entry = (const void *)(list->xl_data + offset);
		offset += sizeof(*entry) + entry->xe_name_len + le16toh(entry->xe_value_len);
	}
	entry = (const void *)(list->xl_data + offset);
	value = offset + sizeof(*entry) + entry->xe_name_len;
	base += sizeof(*list);
	at = 0;
	switch (random_below(8)) {
	case 0:
		set_bytes(c, "xl_count", base - 4, 2, DETECTED);
		break;
	case 1:
		set_bytes(c, "xl_used", base - 2, 2, DETECTED);
		break;
	case 2:
		set_bytes(c, "xe_type", base + offset, 1, DETECTED);
		choose_value(image, c);
		if (c->old <= REFDAX_XATTR_SECURITY && c->new && c->new <= REFDAX_XATTR_SECURITY &&
		    (c->new != REFDAX_XATTR_USER || S_ISREG(mode) || S_ISDIR(mode)))
			c->expect = MEANINGLESS;
		else if (c->old > REFDAX_XATTR_SECURITY && c->new > REFDAX_XATTR_SECURITY &&
			 c->new <= REFDAX_XATTR_ACL_DEFAULT && S_ISDIR(mode))
			/* Now it may be there twice. */
			c->expect = UNDECIDABLE;
		return;
	case 3:
		set_bytes(c, "xe_name_len", base + offset + 1, 1, DETECTED);
		break;
	case 4:
		set_bytes(c, "xe_value_len", base + offset + 2, 2, DETECTED);
		break;
	case 5:
		if (entry->xe_name_len) {
			set_bytes(c, "name", base + offset + sizeof(*entry) +
				  random_below(entry->xe_name_len), 1, MEANINGLESS);
			choose_value(image, c);
			if (!c->new)
				c->expect = DETECTED;
			return;
		}
		/* fall through */
	case 6:
		if (entry->xe_value_len) {
			at = random_below(le16toh(entry->xe_value_len));
			set_bytes(c, "value", base + value + at, 1, MEANINGLESS);
			choose_value(image, c);
			if (entry->xe_type > REFDAX_XATTR_SECURITY)
				c->expect = judge_acl(at, c->old, c->new);
			return;
		}
		/* fall through */
	default:
		if (used < room)
			set_bytes(c, "behind the list", base + used + random_below(room - used), 1,
				  DETECTED);
		else
			set_bytes(c, "xl_count", base - 4, 2, DETECTED);
	}
	choose_value(image, c);
}

static void change_orphan(const struct image *image, struct change *c)
{
	set_bytes(c, c->target.ino ? "i_next_orphan" : "s_last_orphan", c->target.ino ?
		  c->target.offset + offsetof(struct refdax_inode, i_next_orphan) :
		  offsetof(struct refdax_super, s_last_orphan), 8, DETECTED);
	choose_value(image, c);
	c->expect = judge_orphan(image, c->target.ino, c->old, c->new);
}

static void change_log_super(const struct image *image, struct change *c)
{
	const struct field *field = &log_super_fields[random_below(COUNT(log_super_fields))];
	uint32_t new;

	set_field(c, field, 0);
	choose_value(image, c);
	if (field->rule != JUDGED)
		return;
	new = be32toh((uint32_t)c->new);
	if (!strcmp(field->name, "s_sequence")) {
		/* It may as well be that nothing was logged since the mount. */
		if (!image->log_start)
			c->expect = (int32_t)(image->last_sequence - new) >= 0 ? UNDECIDABLE :
										 MEANINGLESS;
		else if ((int32_t)(image->last_sequence - new) < 0)
			c->expect = UNDECIDABLE;
	} else if (!image->log_start && new > REFDAX_JOURNAL_BLOCK && new < image->log_end) {
		c->expect = MEANINGLESS;
	}
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
		[SUPER] = change_super, [BACKUP] = change_super, [INODE] = change_inode,
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
	if (c->target.class == BLOCK_BITMAP || c->target.class == INODE_BITMAP) {
		if (!change_header(c))
			set_field(c, &bitmap_fields[random_below(COUNT(bitmap_fields))], 0);
		choose_value(image, c);
	} else {
		changes[c->target.class](image, c);
	}
	write_le((uint8_t *)image_block(image, c->block) + c->offset, c->width, c->new);
	if (c->checksum)
		fix_checksum(image, c);
	else
		c->expect = DETECTED;
}
