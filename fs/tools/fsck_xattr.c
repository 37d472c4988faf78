// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsck.refdax: extended attributes. From damaged lists what is good is collected, and
 * the lists are made anew from that, where they are.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fsck.h"

/* More do not fit: an entry has at least 5 bytes, or is one of two without a name. */
#define ATTRS_MAX	((REFDAX_XATTR_INODE_BYTES + REFDAX_XATTR_BLOCK_BYTES) / 4)

struct attr {
	const struct refdax_xattr_entry *entry;
	size_t size;
	bool in_block;
};

struct attrs {
	uint16_t mode;
	size_t count;
	const char *what;	/* is wrong, NULL if nothing is */
	struct attr attr[ATTRS_MAX];
};

/* struct posix_acl_xattr_header, version 2, and entries: tag, permissions, id. */
static bool acl_valid(const uint8_t *value, size_t size)
{
	uint32_t version;
	uint16_t tag, perm;
	size_t offset;

	if (size < 4 || (size - 4) % 8)
		return false;
	memcpy(&version, value, 4);
	if (le32toh(version) != 2)
		return false;
	for (offset = 4; offset < size; offset += 8) {
		memcpy(&tag, value + offset, 2);
		memcpy(&perm, value + offset + 2, 2);
		tag = le16toh(tag);
		/* ACL_USER_OBJ to ACL_OTHER: one bit each */
		if (!tag || tag > 0x20 || tag & (tag - 1) || le16toh(perm) > 7)
			return false;
	}
	return true;
}

static bool entry_valid(const struct refdax_xattr_entry *entry, uint16_t mode)
{
	const uint8_t *value = entry->xe_data + entry->xe_name_len;
	size_t size = le16toh(entry->xe_value_len);

	switch (entry->xe_type) {
	case REFDAX_XATTR_USER:
		if (!S_ISREG(mode) && !S_ISDIR(mode))
			return false;
		break;
	case REFDAX_XATTR_TRUSTED:
	case REFDAX_XATTR_SECURITY:
		break;
	case REFDAX_XATTR_ACL_ACCESS:
		return !entry->xe_name_len && !S_ISLNK(mode) && acl_valid(value, size);
	case REFDAX_XATTR_ACL_DEFAULT:
		return !entry->xe_name_len && S_ISDIR(mode) && acl_valid(value, size);
	default:
		return false;
	}
	return entry->xe_name_len && !memchr(entry->xe_data, 0, entry->xe_name_len);
}

static int compare_attrs(const void *a, const void *b)
{
	const struct refdax_xattr_entry *x = ((const struct attr *)a)->entry;
	const struct refdax_xattr_entry *y = ((const struct attr *)b)->entry;

	if (x->xe_type != y->xe_type)
		return x->xe_type - y->xe_type;
	if (x->xe_name_len != y->xe_name_len)
		return x->xe_name_len - y->xe_name_len;
	return memcmp(x->xe_data, y->xe_data, x->xe_name_len);
}

static void collect(struct attrs *attrs, const struct refdax_xattr_list *list, size_t room,
		    bool in_block)
{
	size_t used = le16toh(list->xl_used), offset = 0, count = 0;

	if (used > room) {
		attrs->what = "a list of them says that it is longer than its place";
		used = room;
	}
	while (offset < used) {
		const struct refdax_xattr_entry *entry = (const void *)(list->xl_data + offset);
		size_t size = sizeof(*entry);

		if (used - offset >= size)
			size += entry->xe_name_len + le16toh(entry->xe_value_len);
		if (used - offset < size) {
			attrs->what = "one of them reaches over the end of its list";
			return;
		}
		offset += size;
		count++;
		if (!entry_valid(entry, attrs->mode))
			attrs->what = "one of them is invalid";
		else if (attrs->count < ATTRS_MAX)
			attrs->attr[attrs->count++] = (struct attr) { entry, size, in_block };
	}
	if (count != le16toh(list->xl_count))
		attrs->what = "a list of them has another number than it says";
	for (; offset < room; offset++)
		if (list->xl_data[offset])
			attrs->what = "there is something behind a list of them";
}

static void drop_double(struct attrs *attrs)
{
	size_t i, kept = 0;

	if (attrs->count)
		qsort(attrs->attr, attrs->count, sizeof(*attrs->attr), compare_attrs);
	for (i = 0; i < attrs->count; i++) {
		if (kept && !compare_attrs(&attrs->attr[kept - 1], &attrs->attr[i]))
			attrs->what = "one of them occurs twice";
		else
			attrs->attr[kept++] = attrs->attr[i];
	}
	attrs->count = kept;
}

/* What is to be in one of the lists. True: anything is. */
static bool make_list(const struct attrs *attrs, struct refdax_xattr_list *list, bool in_block)
{
	size_t i, used = 0, count = 0;

	for (i = 0; i < attrs->count; i++) {
		if (attrs->attr[i].in_block != in_block)
			continue;
		memcpy(list->xl_data + used, attrs->attr[i].entry, attrs->attr[i].size);
		used += attrs->attr[i].size;
		count++;
	}
	list->xl_count = htole16(count);
	list->xl_used = htole16(used);
	return count;
}

static void remake(struct fsck *f, uint64_t ino, struct refdax_inode *raw,
		   const struct attrs *attrs)
{
	struct refdax_xattr_block *new = zalloc(REFDAX_BLOCK_SIZE);
	uint8_t tail[REFDAX_INODE_TAIL] = { 0 };

	make_list(attrs, (struct refdax_xattr_list *)tail, false);
	if (make_list(attrs, &new->xb_list, true))
		write_metadata(f, REFDAX_MAGIC_XATTR, le64toh(raw->i_xattr_block), ino,
			       le32toh(raw->i_generation), new);
	else
		raw->i_xattr_block = 0;
	memcpy(raw->i_tail, tail, sizeof(tail));
	free(new);
}

bool check_xattrs(struct fsck *f, uint64_t ino, struct refdax_inode *raw,
		  struct inode_state *state, uint64_t *blocks)
{
	struct refdax_xattr_block *xb = zalloc(REFDAX_BLOCK_SIZE);
	uint64_t block = le64toh(raw->i_xattr_block);
	struct attrs attrs = { .mode = le16toh(raw->i_mode) };
	bool dirty = false, mine;

	collect(&attrs, (const struct refdax_xattr_list *)raw->i_tail, REFDAX_XATTR_INODE_BYTES,
		false);
	mine = block && blocks_valid(f, block, 1) && read_block(f, block, xb) &&
	       header_fits(&xb->xb_header, REFDAX_MAGIC_XATTR, block, ino,
			   le32toh(raw->i_generation));
	if (mine) {
		size_t before = attrs.count;

		if (header_problem(f, &xb->xb_header))
			attrs.what = "their block has a wrong header or checksum";
		collect(&attrs, &xb->xb_list, REFDAX_XATTR_BLOCK_BYTES, true);
		if (attrs.count == before)
			attrs.what = "their block has none";
	} else if (block) {
		attrs.what = "their block belongs to something else";
	}
	drop_double(&attrs);
	if (attrs.what &&
	    problem(f, LOSSY, "inode %" PRIu64 ": its extended attributes are damaged (%s), %zu remain",
		    ino, attrs.what, attrs.count)) {
		remake(f, ino, raw, &attrs);
		mine = mine && raw->i_xattr_block;
		dirty = true;
	}
	if (mine && !claim(f, block, 1) &&
	    problem(f, LOSSY, "inode %" PRIu64 ": its block of extended attributes belongs to others as well; it gets a copy",
		    ino))
		state->flags |= INODE_XATTR_SHARED;
	*blocks = mine;
	free(xb);
	return dirty;
}

void repair_xattrs(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	uint64_t copy = allocate_block(f);
	uint8_t data[REFDAX_BLOCK_SIZE];

	if (!copy) {
		beyond_repair(f, "inode %" PRIu64 ": no space for a copy of its extended attributes",
			      ino);
		return;
	}
	if (!read_block(f, le64toh(raw->i_xattr_block), data))
		return;
	write_metadata(f, REFDAX_MAGIC_XATTR, copy, ino, le32toh(raw->i_generation), data);
	raw->i_xattr_block = htole64(copy);
}
