// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* refdax-debug: superblock, groups, inodes, and what belongs to them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "debug.h"

static void out_uuid(const char *name, const uint8_t u[16])
{
	char text[40];

	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	out_text(name, text);
}

static void show_backups(struct device *d)
{
	uint32_t group;

	out_array("backups");
	for (group = 0; group < d->geometry.groups; group++) {
		uint64_t block = group_backup(&d->geometry, group);
		struct refdax_super backup;

		if (!block)
			continue;
		out_object(NULL);
		if (read_block(d, block, &backup)) {
			show_header(d, &backup.s_header, REFDAX_MAGIC_SUPER, block, 0, 0);
			if (super_layout_problem(&backup))
				out_problem(d, "it %s", super_layout_problem(&backup));
		}
		out_end();
	}
	out_end();
}

void show_super(struct device *d)
{
	const struct refdax_super *s = &d->super;
	struct refdax_super primary;
	uint32_t state = le32toh(s->s_state);

	out_object("superblock");
	if (d->super_block && read_block(d, REFDAX_SUPER_BLOCK, &primary))
		out_problem(d, "this is a backup; the superblock %s",
			    super_layout_problem(&primary) ? super_layout_problem(&primary) :
							     "was not asked for");
	show_header(d, &s->s_header, REFDAX_MAGIC_SUPER, d->super_block, 0, 0);
	out_number("version", le32toh(s->s_version));
	out_number("block_size", le32toh(s->s_block_size));
	out_hex("compat", le64toh(s->s_compat));
	out_hex("ro_compat", le64toh(s->s_ro_compat));
	out_hex("incompat", le64toh(s->s_incompat));
	out_uuid("uuid", s->s_uuid);
	out_bytes("label", s->s_label, strnlen((const char *)s->s_label, REFDAX_LABEL_MAX));
	out_number("blocks", le64toh(s->s_blocks));
	if (le64toh(s->s_blocks) > d->blocks)
		out_problem(d, "the device has only %" PRIu64 " blocks", d->blocks);
	out_number("journal_block", le64toh(s->s_journal_block));
	out_number("journal_blocks", le32toh(s->s_journal_blocks));
	out_number("groups", le32toh(s->s_groups));
	out_number("blocks_per_group", le32toh(s->s_blocks_per_group));
	out_number("inodes_per_group", le32toh(s->s_inodes_per_group));
	out_number("inode_size", le32toh(s->s_inode_size));
	out_hex("state", state);
	out_text("state_text", state & REFDAX_STATE_ERRORS ? "damage was found" :
			       state & REFDAX_STATE_CLEAN ? "clean" : "mounted, or not unmounted");
	out_number("last_orphan", le64toh(s->s_last_orphan));
	out_hex("hash_key_0", le64toh(s->s_hash_key[0]));
	out_hex("hash_key_1", le64toh(s->s_hash_key[1]));
	out_number("mkfs_time", le64toh(s->s_mkfs_time));
	out_number("mount_time", le64toh(s->s_mount_time));
	out_number("mount_count", le32toh(s->s_mount_count));
	show_backups(d);
	out_end();
}

/* How many of the bits from @from to @to are zero. */
static uint32_t count_free(const uint8_t *bits, uint32_t from, uint32_t to)
{
	uint32_t count = 0;

	for (; from < to; from++)
		count += !(bits[from / 8] >> from % 8 & 1);
	return count;
}

/* What is free in one group; -1 if that cannot be read. */
static int64_t free_in_bitmap(struct device *d, uint32_t group, bool inodes)
{
	uint64_t block = group_meta(&d->geometry, group) + inodes;
	struct refdax_bitmap bitmap;

	if (!read_block(d, block, &bitmap))
		return -1;
	check_header(d, &bitmap.b_header, inodes ? REFDAX_MAGIC_INODES : REFDAX_MAGIC_BLOCKS, block,
		     group, 0);
	if (inodes)
		return count_free(bitmap.b_bits, 0, d->geometry.inodes_per_group);
	return count_free(bitmap.b_bits, group_first_data(&d->geometry, group),
			  group_end(&d->geometry, group));
}

void show_group(struct device *d, uint32_t group)
{
	const struct geometry *g = &d->geometry;
	uint64_t start = (uint64_t)group * REFDAX_BLOCKS_PER_GROUP;

	out_object("group");
	out_number("number", group);
	if (group >= g->groups) {
		out_problem(d, "there are only %u groups", g->groups);
		out_end();
		return;
	}
	out_number("first_block", start);
	out_number("blocks", group_length(g, group));
	out_number("inode_table", group_meta(g, group) + 2);
	out_number("first_data", start + group_first_data(g, group));
	out_number("first_inode", (uint64_t)group * g->inodes_per_group + 1);
	if (group_backup(g, group))
		out_number("backup_superblock", group_backup(g, group));
	out_object("block_bitmap");
	out_number("block", group_meta(g, group));
	out_signed("free", free_in_bitmap(d, group, false));
	out_end();
	out_object("inode_bitmap");
	out_number("block", group_meta(g, group) + 1);
	out_signed("free", free_in_bitmap(d, group, true));
	out_end();
	out_end();
}

void show_free(struct device *d)
{
	uint64_t blocks = 0, inodes = 0;
	uint32_t group;

	out_array("groups");
	for (group = 0; group < d->geometry.groups; group++) {
		int64_t some;

		out_object(NULL);
		out_number("group", group);
		some = free_in_bitmap(d, group, false);
		blocks += some < 0 ? 0 : some;
		out_signed("free_blocks", some);
		some = free_in_bitmap(d, group, true);
		inodes += some < 0 ? 0 : some;
		out_signed("free_inodes", some);
		out_end();
	}
	out_end();
	out_number("free_blocks", blocks);
	out_number("free_inodes", inodes);
}

static const char *type_name(uint16_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "regular file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "none";
	}
}

static void out_time(const char *name, const struct refdax_time *t)
{
	out_object(name);
	out_signed("sec", le64toh(t->t_sec));
	out_number("nsec", le32toh(t->t_nsec));
	out_end();
}

static bool has_tree(const struct refdax_inode *raw)
{
	uint16_t mode = le16toh(raw->i_mode);

	return S_ISREG(mode) || S_ISDIR(mode) ||
	       (S_ISLNK(mode) && !(le32toh(raw->i_flags) & REFDAX_FL_INLINE));
}

static bool show_target(struct device *d, void *context, const struct refdax_extent *x)
{
	const struct refdax_inode *raw = context;
	struct refdax_symlink_block block;
	uint64_t size = le64toh(raw->i_size);

	if (read_block(d, le64toh(x->x_physical), &block))
		out_bytes("target", block.l_target, size < sizeof(block.l_target) ? size :
						    sizeof(block.l_target));
	return false;
}

static void show_special(struct device *d, uint64_t ino, struct refdax_inode *raw)
{
	uint16_t mode = le16toh(raw->i_mode);
	uint64_t size = le64toh(raw->i_size);
	uint32_t device = le32toh(raw->i_rdev);

	if (S_ISDIR(mode))
		out_number("parent", le64toh(raw->i_parent));
	if (S_ISREG(mode) && raw->i_shift_count) {
		out_number("shift_from", le64toh(raw->i_shift_from));
		out_number("shift_count", le64toh(raw->i_shift_count));
	}
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		out_number("major", device >> 8 & 0xfff);
		out_number("minor", (device & 0xff) | (device >> 12 & 0xfff00));
	}
	if (S_ISLNK(mode) && !has_tree(raw))
		out_bytes("target", raw->i_root, size < REFDAX_ROOT_BYTES ? size : REFDAX_ROOT_BYTES);
	else if (S_ISLNK(mode))
		walk_extents(d, ino, raw, false, show_target, raw);
}

void show_inode(struct device *d, uint64_t ino)
{
	const struct refdax_node *root;
	struct refdax_inode raw;
	unsigned int index;

	out_object("inode");
	out_number("number", ino);
	if (!read_inode(d, ino, &raw)) {
		out_end();
		return;
	}
	out_number("block", geometry_inode_block(&d->geometry, ino, &index));
	if (!raw.i_mode) {
		out_text("type", "none: it is free");
		out_end();
		return;
	}
	if (le32toh(raw.i_crc) != refdax_inode_crc(d->seed, ino, &raw))
		out_problem(d, "its checksum is 0x%x, and says 0x%x",
			    refdax_inode_crc(d->seed, ino, &raw), le32toh(raw.i_crc));
	out_text("type", type_name(le16toh(raw.i_mode)));
	out_hex("mode", le16toh(raw.i_mode));
	out_number("uid", le32toh(raw.i_uid));
	out_number("gid", le32toh(raw.i_gid));
	out_number("nlink", le32toh(raw.i_nlink));
	out_number("generation", le32toh(raw.i_generation));
	out_number("size", le64toh(raw.i_size));
	out_number("blocks", le64toh(raw.i_blocks));
	out_hex("flags", le32toh(raw.i_flags));
	out_number("next_orphan", le64toh(raw.i_next_orphan));
	out_number("xattr_block", le64toh(raw.i_xattr_block));
	out_time("atime", &raw.i_atime);
	out_time("mtime", &raw.i_mtime);
	out_time("ctime", &raw.i_ctime);
	out_time("crtime", &raw.i_crtime);
	show_special(d, ino, &raw);
	if (has_tree(&raw)) {
		root = (const struct refdax_node *)raw.i_root;
		out_number("tree_depth", le16toh(root->n_depth));
		out_number("tree_entries", le16toh(root->n_count));
	}
	out_end();
}

static bool show_extent(struct device *d, void *context, const struct refdax_extent *x)
{
	(void)d;
	(void)context;
	out_object(NULL);
	out_number("logical", le64toh(x->x_logical));
	out_number("physical", le64toh(x->x_physical));
	out_number("count", le32toh(x->x_count));
	out_text("state", le32toh(x->x_flags) == REFDAX_EXTENT_UNWRITTEN ? "unwritten" :
			  x->x_flags ? "of unknown flags" : "written");
	out_end();
	return true;
}

void show_extents(struct device *d, uint64_t ino)
{
	struct refdax_inode raw;

	out_number("inode", ino);
	out_array("extents");
	if (read_inode(d, ino, &raw)) {
		if (has_tree(&raw))
			walk_extents(d, ino, &raw, true, show_extent, NULL);
		else
			out_problem(d, "a %s has no extents", type_name(le16toh(raw.i_mode)));
	}
	out_end();
}

static void show_list(struct device *d, const struct refdax_xattr_list *list, size_t room)
{
	static const char *const prefix[] = {
		"", "user.", "trusted.", "security.", "system.posix_acl_access",
		"system.posix_acl_default",
	};
	size_t used = le16toh(list->xl_used), offset = 0, count = 0;

	if (used > room) {
		out_problem(d, "the list says that it has %zu bytes, and has %zu", used, room);
		used = room;
	}
	while (offset < used) {
		const struct refdax_xattr_entry *e = (const void *)(list->xl_data + offset);
		size_t left = used - offset, size = sizeof(*e);
		char name[300];
		int length;

		if (left >= size)
			size += e->xe_name_len + le16toh(e->xe_value_len);
		if (left < size) {
			out_problem(d, "an entry reaches over the end");
			break;
		}
		out_object(NULL);
		if (!e->xe_type || e->xe_type > REFDAX_XATTR_ACL_DEFAULT)
			out_problem(d, "the type is %u", e->xe_type);
		length = snprintf(name, sizeof(name), "%s",
				  e->xe_type <= REFDAX_XATTR_ACL_DEFAULT ? prefix[e->xe_type] : "");
		memcpy(name + length, e->xe_data, e->xe_name_len);
		out_bytes("name", name, length + e->xe_name_len);
		out_bytes("value", e->xe_data + e->xe_name_len, le16toh(e->xe_value_len));
		out_end();
		offset += size;
		count++;
	}
	if (count != le16toh(list->xl_count))
		out_problem(d, "there are %zu, and the list says %u", count, le16toh(list->xl_count));
}

void show_xattrs(struct device *d, uint64_t ino)
{
	struct refdax_xattr_block *xb = zalloc(REFDAX_BLOCK_SIZE);
	struct refdax_inode raw;
	uint64_t block;

	out_number("inode", ino);
	out_array("xattrs");
	if (read_inode(d, ino, &raw)) {
		show_list(d, (const struct refdax_xattr_list *)raw.i_tail,
			  REFDAX_XATTR_INODE_BYTES);
		block = le64toh(raw.i_xattr_block);
		if (block && read_block(d, block, xb)) {
			out_object(NULL);
			show_header(d, &xb->xb_header, REFDAX_MAGIC_XATTR, block, ino,
				    le32toh(raw.i_generation));
			out_end();
			show_list(d, &xb->xb_list, REFDAX_XATTR_BLOCK_BYTES);
		}
	}
	out_end();
	free(xb);
}

void show_orphans(struct device *d)
{
	uint64_t ino = le64toh(d->super.s_last_orphan), left = (uint64_t)d->geometry.groups *
							       d->geometry.inodes_per_group;
	struct refdax_inode raw;

	out_array("orphans");
	/* It cannot be longer, unless it is a circle. */
	for (; ino && left; ino = le64toh(raw.i_next_orphan), left--) {
		if (!read_inode(d, ino, &raw))
			break;
		out_object(NULL);
		out_number("inode", ino);
		out_text("type", type_name(le16toh(raw.i_mode)));
		out_number("nlink", le32toh(raw.i_nlink));
		out_text("is_to_be", raw.i_nlink ? "cut off at its size" : "deleted");
		out_end();
	}
	if (ino && !left)
		out_problem(d, "the list is a circle");
	out_end();
}
