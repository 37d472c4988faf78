// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Making trees and directories, see build.h. */
#include <stdlib.h>
#include <string.h>

#include "build.h"

#define DIR_BYTES	sizeof(((struct refdax_dir_block *)NULL)->db_data)
/* Blocks are filled this far: the next name must not split each of them. */
#define DIR_FILL	(DIR_BYTES * 3 / 4)

void append_extent(struct extent_list *list, const struct extent *x)
{
	list->x = grow(list->x, list->count, &list->room, sizeof(*list->x));
	list->x[list->count++] = *x;
}

struct dir_entry *add_entry(struct entry_list *list)
{
	list->entry = grow(list->entry, list->count, &list->room, sizeof(*list->entry));
	memset(&list->entry[list->count], 0, sizeof(*list->entry));
	return &list->entry[list->count++];
}

int compare_entries(const void *a, const void *b)
{
	const struct dir_entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->name_len != y->name_len)
		return x->name_len - y->name_len;
	return memcmp(x->name, y->name, x->name_len);
}

void name_entry(const struct refdax_super *super, struct dir_entry *entry, uint64_t ino, uint8_t type,
		const char *name)
{
	entry->ino = ino;
	entry->type = type;
	entry->name_len = strlen(name);
	memcpy(entry->name, name, entry->name_len);
	entry->hash = refdax_hash_name(super, name, entry->name_len);
}

void build_block(const struct builder *b, uint32_t magic, uint64_t block, uint64_t owner,
		 uint32_t generation, void *data)
{
	struct refdax_header *header = data;

	header->h_magic = htole32(magic);
	header->h_block = htole64(block);
	header->h_owner = htole64(owner);
	header->h_generation = htole32(generation);
	header->h_reserved = 0;
	header->h_crc = htole32(refdax_block_crc(b->seed, data));
	b->write(b->context, block, data);
}

static struct refdax_extent disk_extent(const struct extent *x)
{
	return (struct refdax_extent) {
		htole64(x->logical), htole64(x->physical), htole32(x->count), htole32(x->flags),
	};
}

/* One level: the entries of @below, spread over nodes of @depth; their own entries to @above. */
static bool build_level(const struct builder *b, uint64_t ino, uint32_t generation,
			unsigned int depth, const struct extent_list *below,
			struct extent_list *above)
{
	struct refdax_node_block *nb = zalloc(REFDAX_BLOCK_SIZE);
	size_t done = 0, i, count;
	struct extent child = { 0 };

	memset(above, 0, sizeof(*above));
	for (; done < below->count; done += count) {
		count = below->count - done;
		if (count > REFDAX_NODE_ENTRIES)
			count = REFDAX_NODE_ENTRIES;
		child.logical = below->x[done].logical;
		child.physical = b->allocate(b->context);
		if (!child.physical) {
			free(nb);
			free(above->x);
			return false;
		}
		memset(nb, 0, REFDAX_BLOCK_SIZE);
		nb->nb_node.n_depth = htole16(depth);
		nb->nb_node.n_count = htole16(count);
		for (i = 0; i < count; i++)
			nb->nb_node.n_entries[i] = disk_extent(&below->x[done + i]);
		build_block(b, REFDAX_MAGIC_EXTENTS, child.physical, ino, generation, nb);
		append_extent(above, &child);
	}
	free(nb);
	return true;
}

bool build_tree(const struct builder *b, uint64_t ino, uint32_t generation, void *root_bytes,
		const struct extent_list *extents, uint64_t *blocks)
{
	struct extent_list level = *extents, above;
	struct refdax_node *root = root_bytes;
	unsigned int depth = 0;
	size_t i;
	bool ok;

	*blocks = 0;
	for (i = 0; i < extents->count; i++)
		*blocks += extents->x[i].count;
	while (level.count > REFDAX_ROOT_ENTRIES) {
		ok = depth < REFDAX_MAX_DEPTH &&
		     build_level(b, ino, generation, depth, &level, &above);
		if (level.x != extents->x)
			free(level.x);
		if (!ok)
			return false;
		level = above;
		*blocks += level.count;
		depth++;
	}
	memset(root, 0, REFDAX_ROOT_BYTES);
	root->n_depth = htole16(depth);
	root->n_count = htole16(level.count);
	for (i = 0; i < level.count; i++)
		root->n_entries[i] = disk_extent(&level.x[i]);
	if (level.x != extents->x)
		free(level.x);
	return true;
}

static void write_entries(const struct builder *b, uint64_t block, uint64_t ino,
			  uint32_t generation, const struct dir_entry *entry, size_t count)
{
	struct refdax_dir_block db = { 0 };
	size_t offset = 0, i;

	for (i = 0; i < count; i++) {
		struct refdax_dirent *d = (void *)(db.db_data + offset);

		d->d_hash = htole64(entry[i].hash);
		d->d_ino = htole64(entry[i].ino);
		d->d_type = entry[i].type;
		d->d_name_len = entry[i].name_len;
		memcpy(d->d_name, entry[i].name, entry[i].name_len);
		offset += sizeof(*d) + entry[i].name_len;
	}
	db.db_count = htole16(count);
	db.db_used = htole16(offset);
	build_block(b, REFDAX_MAGIC_DIR, block, ino, generation, &db);
}

/*
 * How many of the entries go to one block. Those of one hash stay together, so
 * a block may be filled further; more of one hash than a block holds nobody can
 * make who does not know the key: those are dropped.
 */
static size_t block_load(const struct dir_entry *entry, size_t count, bool *overflow)
{
	size_t bytes = 0, i, good = 0;

	for (i = 0; i < count; i++) {
		bytes += sizeof(struct refdax_dirent) + entry[i].name_len;
		if (bytes > DIR_BYTES)
			break;
		if (i + 1 == count || entry[i + 1].hash != entry[i].hash) {
			if (good && bytes > DIR_FILL)
				break;
			good = i + 1;
		}
	}
	*overflow = !good;
	return good ? good : i;
}

bool build_entries(const struct builder *b, uint64_t ino, uint32_t generation,
		   const struct entry_list *list, struct extent_list *extents)
{
	size_t done, count;
	bool overflow;

	for (done = 0; done < list->count; done += count) {
		uint64_t hash = list->entry[done].hash;
		struct extent x = { .logical = done ? hash : 0, .count = 1 };

		x.physical = b->allocate(b->context);
		if (!x.physical)
			return false;
		count = block_load(&list->entry[done], list->count - done, &overflow);
		write_entries(b, x.physical, ino, generation, &list->entry[done], count);
		append_extent(extents, &x);
		while (overflow && done + count < list->count &&
		       list->entry[done + count].hash == hash)
			count++;
	}
	return true;
}
