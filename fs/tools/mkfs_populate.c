// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mkfs.refdax -d: what is in a folder goes to the new filesystem. Blocks and
 * inodes are given away from the first to the last, and nothing is ever freed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mkfs.h"

#define BITMAP_BYTES	sizeof(((struct refdax_bitmap *)NULL)->b_bits)
/* 2 MiB: what a PMD maps. Parts of files that long begin at a multiple of it. */
#define HUGE_BLOCKS	512
#define COPY_BLOCKS	256

/* A folder whose files are being made. */
struct folder {
	uint64_t ino;
	uint32_t subfolders;
	struct entry_list names;
};

/* A file that has more than one name. */
struct linked {
	dev_t device;
	ino_t inode;
	uint64_t ino;
};

struct populate {
	struct mkfs *m;
	struct builder builder;
	uint64_t gap, gap_end;	/* blocks left over where an alignment was wanted */
	void *linked;		/* tree of struct linked */
	bool fixed_time;	/* SOURCE_DATE_EPOCH: no time may be later */
};

static void __attribute__((noreturn)) no_space(struct populate *p)
{
	fail(STATUS_FAILED, "%s is too small for what is in %s: it is full after %" PRIu64 " files",
	     p->m->options->device, p->m->options->folder, p->m->files);
}

static void mark(uint8_t **bits, uint32_t from, uint32_t count)
{
	if (!*bits)
		*bits = zalloc(BITMAP_BYTES);
	for (; count; from++, count--)
		(*bits)[from / 8] |= 1 << from % 8;
}

static uint64_t take(struct populate *p, uint64_t start, uint32_t count)
{
	struct group_bits *group = &p->m->group[start / REFDAX_BLOCKS_PER_GROUP];

	mark(&group->blocks, start % REFDAX_BLOCKS_PER_GROUP, count);
	p->m->used += count;
	return start;
}

/* At least one block and at most @want, side by side; *@got. 0: there are none. */
static uint64_t allocate(struct populate *p, uint64_t logical, uint32_t want, uint32_t *got)
{
	const struct geometry *g = &p->m->geometry;
	uint64_t start, end;
	uint32_t group;

	if (want < HUGE_BLOCKS && p->gap_end - p->gap >= want) {
		*got = want;
		start = p->gap;
		p->gap += want;
		return take(p, start, want);
	}
	for (;;) {
		group = p->m->next_block / REFDAX_BLOCKS_PER_GROUP;
		if (group >= g->groups)
			break;
		start = (uint64_t)group * REFDAX_BLOCKS_PER_GROUP;
		end = start + group_end(g, group);
		start += group_first_data(g, group);
		if (start < p->m->next_block)
			start = p->m->next_block;
		/* Equal remainders of the block's number in the file and on the device. */
		if (want >= HUGE_BLOCKS) {
			uint64_t aligned = start + (logical - start) % HUGE_BLOCKS;

			if (aligned + HUGE_BLOCKS <= end) {
				p->gap = start;
				p->gap_end = aligned;
				start = aligned;
			}
		}
		if (start < end) {
			*got = want < end - start ? want : end - start;
			p->m->next_block = start + *got;
			return take(p, start, *got);
		}
		p->m->next_block = (uint64_t)(group + 1) * REFDAX_BLOCKS_PER_GROUP;
	}
	if (p->gap == p->gap_end)
		return 0;
	*got = want < p->gap_end - p->gap ? want : p->gap_end - p->gap;
	start = p->gap;
	p->gap += *got;
	return take(p, start, *got);
}

static uint64_t allocate_block(void *context)
{
	uint32_t got;

	return allocate(context, 0, 1, &got);
}

static void write_block(void *context, uint64_t block, const void *data)
{
	write_blocks(((struct populate *)context)->m, block, data, 1);
}

static uint64_t new_inode(struct populate *p)
{
	struct mkfs *m = p->m;
	uint32_t per_group = m->geometry.inodes_per_group;
	uint64_t ino = m->next_ino++;

	if (!geometry_ino_valid(&m->geometry, ino))
		fail(STATUS_FAILED, "%s has not enough inodes for what is in %s: give more with -N",
		     m->options->device, m->options->folder);
	mark(&m->group[(ino - 1) / per_group].inodes, (ino - 1) % per_group, 1);
	m->files++;
	return ino;
}

static struct refdax_time disk_time(struct populate *p, const struct timespec *ts)
{
	if (p->fixed_time && ts->tv_sec > (time_t)p->m->now)
		return (struct refdax_time) { .t_sec = htole64(p->m->now) };
	return (struct refdax_time) {
		.t_sec = htole64(ts->tv_sec), .t_nsec = htole32(ts->tv_nsec),
	};
}

static void fill_inode(struct populate *p, uint64_t ino, const struct stat *st,
		       struct refdax_inode *raw)
{
	memset(raw, 0, sizeof(*raw));
	raw->i_mode = htole16(st->st_mode);
	raw->i_uid = htole32(st->st_uid);
	raw->i_gid = htole32(st->st_gid);
	raw->i_nlink = htole32(1);
	/* No other inode had this number before, so any will do. */
	raw->i_generation = htole32(ino == REFDAX_ROOT_INO ? 0 :
				    crc32c(p->m->seed, &ino, sizeof(ino)));
	raw->i_atime = disk_time(p, &st->st_atim);
	raw->i_mtime = disk_time(p, &st->st_mtim);
	raw->i_ctime = disk_time(p, &st->st_ctim);
	raw->i_crtime = (struct refdax_time) { .t_sec = htole64(p->m->now) };
}

/* The type and the rest of a name; 0: refdax cannot have it. */
static uint8_t xattr_type(const char *name, const char **rest)
{
	static const struct { const char *prefix; uint8_t type; } types[] = {
		{ "user.", REFDAX_XATTR_USER },
		{ "trusted.", REFDAX_XATTR_TRUSTED },
		{ "security.", REFDAX_XATTR_SECURITY },
		{ "system.posix_acl_access", REFDAX_XATTR_ACL_ACCESS },
		{ "system.posix_acl_default", REFDAX_XATTR_ACL_DEFAULT },
	};
	size_t i, size;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		size = strlen(types[i].prefix);
		*rest = name + size;
		if (!strncmp(name, types[i].prefix, size) &&
		    !**rest == (types[i].type >= REFDAX_XATTR_ACL_ACCESS))
			return types[i].type;
	}
	return 0;
}

/* Append an entry. False: there is no room. */
static bool add_xattr(struct refdax_xattr_list *list, size_t room, uint8_t type,
		      const char *name, const void *value, size_t size)
{
	size_t used = le16toh(list->xl_used), name_len = strlen(name);
	struct refdax_xattr_entry *entry = (void *)(list->xl_data + used);

	if (sizeof(*entry) + name_len + size > room - used)
		return false;
	entry->xe_type = type;
	entry->xe_name_len = name_len;
	entry->xe_value_len = htole16(size);
	memcpy(entry->xe_data, name, name_len);
	memcpy(entry->xe_data + name_len, value, size);
	list->xl_used = htole16(used + sizeof(*entry) + name_len + size);
	list->xl_count = htole16(le16toh(list->xl_count) + 1);
	return true;
}

/* Into the inode while they fit, then into a block. */
static void copy_xattrs(struct populate *p, uint64_t ino, const char *path,
			struct refdax_inode *raw)
{
	static char names[65536], value[REFDAX_BLOCK_SIZE];
	struct refdax_xattr_list *tail = (void *)raw->i_tail;
	struct refdax_xattr_block *block = zalloc(REFDAX_BLOCK_SIZE);
	ssize_t size = llistxattr(path, names, sizeof(names)), length;
	const char *name, *rest;

	if (size < 0 && errno != ENOTSUP)
		fail(STATUS_FAILED, "cannot read the extended attributes of %s: %s", path,
		     strerror(errno));
	for (name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
		uint8_t type = xattr_type(name, &rest);

		if (!type)
			continue;
		length = lgetxattr(path, name, value, sizeof(value));
		if (length < 0)
			fail(STATUS_FAILED, "cannot read the extended attribute %s of %s: %s",
			     name, path, strerror(errno));
		if (!add_xattr(tail, REFDAX_XATTR_INODE_BYTES, type, rest, value, length) &&
		    !add_xattr(&block->xb_list, REFDAX_XATTR_BLOCK_BYTES, type, rest, value, length))
			fail(STATUS_FAILED, "%s has more extended attributes than one block holds",
			     path);
	}
	if (block->xb_list.xl_count) {
		uint64_t at = allocate_block(p);

		if (!at)
			no_space(p);
		build_block(&p->builder, REFDAX_MAGIC_XATTR, at, ino, le32toh(raw->i_generation),
			    block);
		raw->i_xattr_block = htole64(at);
		raw->i_blocks = htole64(le64toh(raw->i_blocks) + 1);
	}
	free(block);
}

static void finish_tree(struct populate *p, uint64_t ino, struct refdax_inode *raw,
			const struct extent_list *extents)
{
	uint64_t blocks;

	if (!build_tree(&p->builder, ino, le32toh(raw->i_generation), raw->i_root, extents, &blocks))
		no_space(p);
	raw->i_blocks = htole64(le64toh(raw->i_blocks) + blocks);
}

/* As part of the last extent if it can be. */
static void add_extent(struct extent_list *list, const struct extent *x)
{
	struct extent *last = list->count ? &list->x[list->count - 1] : NULL;

	if (last && last->logical + last->count == x->logical &&
	    last->physical + last->count == x->physical &&
	    last->physical / REFDAX_BLOCKS_PER_GROUP == x->physical / REFDAX_BLOCKS_PER_GROUP)
		last->count += x->count;
	else
		append_extent(list, x);
}

/* The bytes of [offset, offset + count blocks), zeroes behind the end. */
static void copy_blocks(struct populate *p, int fd, const char *path, uint64_t offset,
			uint64_t block, uint32_t count)
{
	static uint8_t buffer[COPY_BLOCKS * REFDAX_BLOCK_SIZE];

	while (count) {
		uint32_t some = count < COPY_BLOCKS ? count : COPY_BLOCKS;
		size_t size = (size_t)some * REFDAX_BLOCK_SIZE, done = 0;

		while (done < size) {
			ssize_t got = pread(fd, buffer + done, size - done, offset + done);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				fail(STATUS_FAILED, "cannot read %s: %s", path, strerror(errno));
			if (!got)
				break;
			done += got;
		}
		memset(buffer + done, 0, size - done);
		write_blocks(p->m, block, buffer, some);
		block += some;
		offset += size;
		count -= some;
	}
}

/* Holes stay holes where the folder's filesystem says where they are. */
static void copy_file(struct populate *p, int fd, const char *path, uint64_t size,
		      struct extent_list *extents)
{
	uint64_t end, logical = 0;
	off_t data, hole = 0;

	while ((uint64_t)hole < size) {
		data = lseek(fd, hole, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole < 0) {
			data = 0;
			hole = size;
		}
		if ((uint64_t)hole > size)
			hole = size;
		if (logical < (uint64_t)data / REFDAX_BLOCK_SIZE)
			logical = data / REFDAX_BLOCK_SIZE;
		end = ((uint64_t)hole + REFDAX_BLOCK_SIZE - 1) / REFDAX_BLOCK_SIZE;
		while (logical < end) {
			uint64_t want = end - logical;
			struct extent x = { .logical = logical };

			x.physical = allocate(p, logical, want < REFDAX_EXTENT_MAX ? want :
					      REFDAX_EXTENT_MAX, &x.count);
			if (!x.physical)
				no_space(p);
			copy_blocks(p, fd, path, logical * REFDAX_BLOCK_SIZE, x.physical, x.count);
			add_extent(extents, &x);
			logical += x.count;
		}
	}
}

static void make_file(struct populate *p, uint64_t ino, const char *path, const struct stat *st,
		      struct refdax_inode *raw)
{
	struct extent_list extents = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		fail(STATUS_FAILED, "cannot open %s: %s", path, strerror(errno));
	copy_file(p, fd, path, st->st_size, &extents);
	close(fd);
	raw->i_size = htole64(st->st_size);
	finish_tree(p, ino, raw, &extents);
	free(extents.x);
}

static void make_symlink(struct populate *p, uint64_t ino, const char *path,
			 struct refdax_inode *raw)
{
	struct refdax_symlink_block block = { 0 };
	struct extent_list extents = { 0 };
	struct extent x = { .count = 1 };
	ssize_t size = readlink(path, (char *)block.l_target, sizeof(block.l_target));

	if (size <= 0)
		fail(STATUS_FAILED, "cannot read the symbolic link %s: %s", path,
		     size ? strerror(errno) : "it is empty");
	if (size > REFDAX_SYMLINK_MAX)
		fail(STATUS_FAILED, "the target of the symbolic link %s has more than %d bytes",
		     path, REFDAX_SYMLINK_MAX);
	raw->i_size = htole64(size);
	if (size <= REFDAX_SYMLINK_INLINE) {
		raw->i_flags = htole32(REFDAX_FL_INLINE);
		memcpy(raw->i_root, block.l_target, size);
		return;
	}
	x.physical = allocate_block(p);
	if (!x.physical)
		no_space(p);
	build_block(&p->builder, REFDAX_MAGIC_SYMLINK, x.physical, ino,
		    le32toh(raw->i_generation), &block);
	append_extent(&extents, &x);
	finish_tree(p, ino, raw, &extents);
	free(extents.x);
}

/* As the kernel's new_encode_dev() */
static uint32_t encode_device(dev_t device)
{
	unsigned int major = major(device), minor = minor(device);

	return (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}

static int compare_linked(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->device < y->device ? -1 : x->device > y->device;
}

/* Another name of a file that was made before: its inode, or 0. */
static uint64_t find_linked(struct populate *p, const struct stat *st)
{
	struct linked key = { .device = st->st_dev, .inode = st->st_ino }, **found;
	struct refdax_inode table[REFDAX_INODES_PER_BLOCK], *raw;
	unsigned int index;
	uint64_t block;

	if (st->st_nlink < 2)
		return 0;
	found = tfind(&key, &p->linked, compare_linked);
	if (!found)
		return 0;
	block = geometry_inode_block(&p->m->geometry, (*found)->ino, &index);
	if (pread(p->m->fd, table, sizeof(table), block * REFDAX_BLOCK_SIZE) != sizeof(table))
		fail(STATUS_FAILED, "cannot read block %" PRIu64 " of %s", block,
		     p->m->options->device);
	raw = &table[index];
	if (le32toh(raw->i_nlink) >= REFDAX_LINK_MAX)
		fail(STATUS_FAILED, "a file in %s has more than %d links", p->m->options->folder,
		     REFDAX_LINK_MAX);
	raw->i_nlink = htole32(le32toh(raw->i_nlink) + 1);
	write_inode(p->m, (*found)->ino, raw);
	return (*found)->ino;
}

static void remember_linked(struct populate *p, const struct stat *st, uint64_t ino)
{
	struct linked *new;

	if (st->st_nlink < 2)
		return;
	new = zalloc(sizeof(*new));
	*new = (struct linked) { st->st_dev, st->st_ino, ino };
	if (!tsearch(new, &p->linked, compare_linked))
		fail(STATUS_FAILED, "not enough memory");
}

/* Anything but a folder. Its inode. */
static uint64_t make_leaf(struct populate *p, const char *path, const struct stat *st)
{
	uint64_t ino = find_linked(p, st);
	struct refdax_inode raw;

	if (ino)
		return ino;
	ino = new_inode(p);
	fill_inode(p, ino, st, &raw);
	copy_xattrs(p, ino, path, &raw);
	if (S_ISREG(st->st_mode))
		make_file(p, ino, path, st, &raw);
	else if (S_ISLNK(st->st_mode))
		make_symlink(p, ino, path, &raw);
	else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		raw.i_rdev = htole32(encode_device(st->st_rdev));
	write_inode(p->m, ino, &raw);
	remember_linked(p, st, ino);
	return ino;
}

static void finish_folder(struct populate *p, struct folder *folder, uint64_t parent,
			  const char *path, const struct stat *st)
{
	struct entry_list *names = &folder->names;
	struct extent_list extents = { 0 };
	struct refdax_inode raw;

	if (names->count)
		qsort(names->entry, names->count, sizeof(*names->entry), compare_entries);
	fill_inode(p, folder->ino, st, &raw);
	copy_xattrs(p, folder->ino, path, &raw);
	if (folder->subfolders > REFDAX_LINK_MAX - 2)
		fail(STATUS_FAILED, "a folder in %s has more than %d folders", p->m->options->folder,
		     REFDAX_LINK_MAX - 2);
	raw.i_nlink = htole32(2 + folder->subfolders);
	raw.i_parent = htole64(parent);
	if (!build_entries(&p->builder, folder->ino, le32toh(raw.i_generation), names, &extents))
		no_space(p);
	raw.i_size = htole64(extents.count * REFDAX_BLOCK_SIZE);
	finish_tree(p, folder->ino, &raw, &extents);
	write_inode(p->m, folder->ino, &raw);
	free(extents.x);
	free(names->entry);
	free(folder);
}

static void visit(struct populate *p, const FTSENT *at)
{
	struct folder *parent = at->fts_level ? at->fts_parent->fts_pointer : NULL, *folder;
	uint64_t ino;

	switch (at->fts_info) {
	case FTS_D:
		folder = zalloc(sizeof(*folder));
		((FTSENT *)at)->fts_pointer = folder;
		folder->ino = parent ? new_inode(p) : REFDAX_ROOT_INO;
		if (parent) {
			parent->subfolders++;
			name_entry(&p->m->super, add_entry(&parent->names), folder->ino, DT_DIR,
				   at->fts_name);
		}
		break;
	case FTS_DP:
		folder = at->fts_pointer;
		finish_folder(p, folder, parent ? parent->ino : REFDAX_ROOT_INO, at->fts_accpath,
			      at->fts_statp);
		break;
	case FTS_F:
	case FTS_SL:
	case FTS_SLNONE:
	case FTS_DEFAULT:
		if (!parent)
			fail(STATUS_USAGE, "-d: %s is not a folder", at->fts_path);
		ino = make_leaf(p, at->fts_accpath, at->fts_statp);
		name_entry(&p->m->super, add_entry(&parent->names), ino,
			   IFTODT(at->fts_statp->st_mode), at->fts_name);
		break;
	default:
		fail(STATUS_FAILED, "cannot read %s: %s", at->fts_path, strerror(at->fts_errno));
	}
}

static int compare_names(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

void populate(struct mkfs *m)
{
	char *paths[] = { (char *)m->options->folder, NULL };
	struct populate p = { .m = m, .fixed_time = getenv("SOURCE_DATE_EPOCH") };
	uint32_t group;
	FTSENT *at;
	FTS *fts;

	p.builder = (struct builder) {
		.context = &p, .seed = m->seed, .allocate = allocate_block, .write = write_block,
	};
	m->next_ino = REFDAX_FIRST_INO;
	/* In the order of names, so that the same folder always makes the same filesystem. */
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, compare_names);
	if (!fts)
		fail(STATUS_FAILED, "cannot read %s: %s", paths[0], strerror(errno));
	for (errno = 0; (at = fts_read(fts)); errno = 0)
		visit(&p, at);
	if (errno)
		fail(STATUS_FAILED, "cannot read %s: %s", paths[0], strerror(errno));
	fts_close(fts);
	tdestroy(p.linked, free);
	for (group = 0; group < m->geometry.groups; group++)
		if (m->group[group].blocks || m->group[group].inodes)
			write_bitmaps(m, group);
}
