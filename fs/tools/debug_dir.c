// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* refdax-debug: directories, paths, contents, single blocks. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "debug.h"

struct dir_walk {
	uint64_t ino;
	uint32_t generation;
	bool show;
	const char *name;	/* wanted, and its length */
	size_t name_len;
	uint64_t found;		/* its inode, 0 if there is none */
};

static void dir_entries(struct device *d, struct dir_walk *w, const struct refdax_dir_block *db)
{
	size_t used = le16toh(db->db_used), offset = 0, count = 0;

	if (used > sizeof(db->db_data)) {
		out_problem(d, "the block says that it has %zu bytes", used);
		used = sizeof(db->db_data);
	}
	while (offset < used) {
		const struct refdax_dirent *e = (const void *)(db->db_data + offset);
		size_t size = sizeof(*e);

		if (used - offset >= size)
			size += e->d_name_len;
		if (used - offset < size) {
			out_problem(d, "an entry reaches over the end of its block");
			break;
		}
		if (w->name && e->d_name_len == w->name_len &&
		    !memcmp(e->d_name, w->name, w->name_len))
			w->found = le64toh(e->d_ino);
		if (w->show) {
			out_object(NULL);
			out_number("inode", le64toh(e->d_ino));
			out_number("type", e->d_type);
			out_hex("hash", le64toh(e->d_hash));
			out_bytes("name", e->d_name, e->d_name_len);
			if (le64toh(e->d_hash) != refdax_hash_name(&d->super, (const char *)e->d_name,
								   e->d_name_len))
				out_problem(d, "this is the hash of another name");
			out_end();
		}
		offset += size;
		count++;
	}
	if (w->show && count != le16toh(db->db_count))
		out_problem(d, "there are %zu entries, and the block says %u", count,
			    le16toh(db->db_count));
}

static bool dir_extent(struct device *d, void *context, const struct refdax_extent *x)
{
	struct dir_walk *w = context;
	struct refdax_dir_block db;
	uint32_t i;

	for (i = 0; i < le32toh(x->x_count); i++) {
		uint64_t block = le64toh(x->x_physical) + i;

		if (block < le64toh(x->x_physical) || block >= d->blocks)
			break;
		if (!read_block(d, block, &db))
			continue;
		if (w->show) {
			out_object(NULL);
			show_header(d, &db.db_header, REFDAX_MAGIC_DIR, block, w->ino,
				    w->generation);
			out_hex("hashes_from", le64toh(x->x_logical) + i);
			out_end();
		}
		if (le32toh(db.db_header.h_magic) == REFDAX_MAGIC_DIR)
			dir_entries(d, w, &db);
	}
	return true;
}

static bool walk_directory(struct device *d, uint64_t ino, struct dir_walk *w)
{
	struct refdax_inode raw;

	if (!read_inode(d, ino, &raw))
		return false;
	if (!S_ISDIR(le16toh(raw.i_mode))) {
		out_problem(d, "inode %" PRIu64 " is no directory", ino);
		return false;
	}
	w->ino = ino;
	w->generation = le32toh(raw.i_generation);
	walk_extents(d, ino, &raw, w->show, dir_extent, w);
	return true;
}

void show_directory(struct device *d, uint64_t ino)
{
	struct dir_walk w = { .show = true };

	out_number("inode", ino);
	out_array("entries");
	walk_directory(d, ino, &w);
	out_end();
}

void show_path(struct device *d, const char *path)
{
	uint64_t ino = REFDAX_ROOT_INO;
	const char *at = path;

	while (*(at += strspn(at, "/"))) {
		struct dir_walk w = { .name = at, .name_len = strcspn(at, "/") };

		if (!walk_directory(d, ino, &w))
			break;
		if (!w.found) {
			out_finish();
			fail(STATUS_FAILED, "%s: there is no \"%.*s\" in directory %" PRIu64, path,
			     (int)w.name_len, at, ino);
		}
		ino = w.found;
		at += w.name_len;
	}
	show_inode(d, ino);
}

struct cat {
	uint64_t size, done;	/* bytes */
};

static void write_out(struct cat *c, const void *data, uint64_t size)
{
	if (size > c->size - c->done)
		size = c->size - c->done;
	if (fwrite(data, 1, size, stdout) != size)
		fail(STATUS_FAILED, "cannot write: %s", strerror(errno));
	c->done += size;
}

static void write_zeroes(struct cat *c, uint64_t end)
{
	static const uint8_t zeroes[REFDAX_BLOCK_SIZE];

	while (c->done < end && c->done < c->size)
		write_out(c, zeroes, end - c->done < sizeof(zeroes) ? end - c->done : sizeof(zeroes));
}

static bool cat_extent(struct device *d, void *context, const struct refdax_extent *x)
{
	uint64_t logical = le64toh(x->x_logical);
	uint8_t data[REFDAX_BLOCK_SIZE];
	struct cat *c = context;
	uint32_t i;

	/* Out of order, or behind the end: what is there is not part of the contents. */
	if (logical >= REFDAX_LOGICAL_MAX / REFDAX_BLOCK_SIZE ||
	    logical * REFDAX_BLOCK_SIZE < c->done)
		return true;
	write_zeroes(c, logical * REFDAX_BLOCK_SIZE);
	for (i = 0; i < le32toh(x->x_count) && c->done < c->size; i++) {
		if (x->x_flags || le64toh(x->x_physical) + i >= d->blocks) {
			write_zeroes(c, c->done + REFDAX_BLOCK_SIZE);
			continue;
		}
		read_block(d, le64toh(x->x_physical) + i, data);
		write_out(c, data, sizeof(data));
	}
	return c->done < c->size;
}

void cat_file(struct device *d, uint64_t ino)
{
	struct refdax_inode raw;
	struct cat c = { 0 };

	if (!read_inode(d, ino, &raw))
		return;
	if (!S_ISREG(le16toh(raw.i_mode)))
		fail(STATUS_FAILED, "inode %" PRIu64 " is no regular file", ino);
	c.size = le64toh(raw.i_size);
	walk_extents(d, ino, &raw, false, cat_extent, &c);
	write_zeroes(&c, c.size);
}

static void dump(const uint8_t *data)
{
	unsigned int at, i;
	char line[80];

	out_array("bytes");
	for (at = 0; at < REFDAX_BLOCK_SIZE; at += 16) {
		int length = 0;

		for (i = 0; i < 16 && !data[at + i]; i++)
			;
		/* Lines of zeroes are left out. */
		if (i == 16)
			continue;
		for (i = 0; i < 16; i++)
			length += snprintf(line + length, sizeof(line) - length, "%02x", data[at + i]);
		out_object(NULL);
		out_number("offset", at);
		out_text("hex", line);
		out_end();
	}
	out_end();
}

void show_block(struct device *d, uint64_t block)
{
	uint8_t data[REFDAX_BLOCK_SIZE];
	const struct refdax_header *header = (const void *)data;

	if (block >= d->blocks)
		fail(STATUS_FAILED, "block %" PRIu64 ": %s has only %" PRIu64, block, d->path,
		     d->blocks);
	out_object("block");
	out_number("number", block);
	if (read_block(d, block, data)) {
		const char *kind = magic_name(le32toh(header->h_magic));

		if (kind) {
			out_text("kind", kind);
			out_number("owner", le64toh(header->h_owner));
			out_number("generation", le32toh(header->h_generation));
			out_object("header");
			show_header(d, header, le32toh(header->h_magic), block,
				    le64toh(header->h_owner), le32toh(header->h_generation));
			out_end();
		}
		dump(data);
	}
	out_end();
}
