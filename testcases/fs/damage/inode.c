// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes of inodes: their fields, the orphan list, symbolic links, extended attributes. */
#include <string.h>
#include <sys/stat.h>

#include "fields.h"

#define TIME(member) \
	{ #member ".t_sec", offsetof(struct refdax_inode, member), 8, FREE }, \
	{ #member ".t_nsec", offsetof(struct refdax_inode, member) + 8, 4, JUDGED }

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
		c->expect = S_ISREG(mode) && c->new <= REFDAX_SIZE_MAX ? MEANINGLESS : DETECTED;
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

void change_inode(const struct image *image, struct change *c)
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

void change_orphan(const struct image *image, struct change *c)
{
	set_bytes(c, c->target.ino ? "i_next_orphan" : "s_last_orphan", c->target.ino ?
		  c->target.offset + offsetof(struct refdax_inode, i_next_orphan) :
		  offsetof(struct refdax_super, s_last_orphan), 8, DETECTED);
	choose_value(image, c);
	c->expect = judge_orphan(image, c->target.ino, c->old, c->new);
}

void change_symlink(const struct image *image, struct change *c)
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

void change_xattr(const struct image *image, struct change *c)
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
