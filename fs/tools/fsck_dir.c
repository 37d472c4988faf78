// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsck.refdax: directories, and how they hang together. A directory that needs
 * anything is built anew from the entries that are good.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fsck.h"

#define DIR_BYTES	sizeof(((struct refdax_dir_block *)NULL)->db_data)

static bool name_valid(const char *name, size_t size)
{
	return size && !memchr(name, '/', size) && !memchr(name, 0, size) &&
	       !(name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

/* The entries of one block whose hashes should be in [low, high). Returns what is wrong. */
static const char *read_entries(struct fsck *f, const struct refdax_dir_block *db, uint64_t low,
				uint64_t high, struct entry_list *list)
{
	size_t used = le16toh(db->db_used), offset = 0, count = 0;
	const char *what = NULL;

	if (used > DIR_BYTES) {
		what = "a block says that it is longer than a block";
		used = DIR_BYTES;
	}
	while (offset < used) {
		const struct refdax_dirent *d = (const void *)(db->db_data + offset);
		struct dir_entry *entry;
		uint64_t hash;

		if (used - offset < sizeof(*d) || used - offset < sizeof(*d) + d->d_name_len)
			return "an entry reaches over the end of its block";
		offset += sizeof(*d) + d->d_name_len;
		count++;
		if (!name_valid((const char *)d->d_name, d->d_name_len)) {
			what = "a name is invalid";
			continue;
		}
		if (!ino_valid(f, le64toh(d->d_ino))) {
			what = "an entry leads to an inode that does not exist";
			continue;
		}
		hash = refdax_hash_name(&f->super, (const char *)d->d_name, d->d_name_len);
		if (hash != le64toh(d->d_hash))
			what = "a name has the hash of another";
		else if (hash < low || hash >= high)
			what = "entries are not in order";
		else
			low = hash;
		entry = add_entry(list);
		entry->hash = hash;
		entry->ino = le64toh(d->d_ino);
		entry->type = d->d_type;
		entry->name_len = d->d_name_len;
		memcpy(entry->name, d->d_name, d->d_name_len);
	}
	if (count != le16toh(db->db_count) || db->db_reserved)
		what = "a block has another number of entries than it says";
	return what;
}

/*
 * All good entries of a directory, in order. Returns what is wrong with the
 * rest, NULL if nothing is. The caller frees the list.
 */
static const char *read_directory(struct fsck *f, uint64_t ino, const struct refdax_inode *raw,
				  struct entry_list *list)
{
	struct refdax_dir_block db;
	struct extent_list extents;
	struct block_list nodes;
	const char *what, *bad;
	size_t i, kept;
	uint32_t j;

	memset(list, 0, sizeof(*list));
	what = walk_tree(f, ino, raw, &extents, &nodes);
	if (extents.count && extents.x[0].logical)
		what = "it has no block for the lowest hashes";
	for (i = 0; i < extents.count; i++) {
		const struct extent *x = &extents.x[i];

		for (j = 0; j < x->count; j++) {
			uint64_t next = j + 1 < x->count ? x->logical + j + 1 :
					i + 1 < extents.count ? x[1].logical : REFDAX_LOGICAL_MAX;

			if (!read_block(f, x->physical + j, &db)) {
				what = "a block cannot be read";
				continue;
			}
			if (!header_fits(&db.db_header, REFDAX_MAGIC_DIR, x->physical + j, ino,
					 le32toh(raw->i_generation))) {
				what = "a block belongs to something else";
				continue;
			}
			if (header_problem(f, &db.db_header))
				what = "a block's header or checksum is wrong";
			bad = read_entries(f, &db, x->logical + j, next, list);
			if (bad)
				what = bad;
		}
	}
	free(extents.x);
	free(nodes.block);

	if (list->count)
		qsort(list->entry, list->count, sizeof(*list->entry), compare_entries);
	for (i = kept = 0; i < list->count; i++) {
		if (kept && !compare_entries(&list->entry[kept - 1], &list->entry[i])) {
			what = "a name occurs twice";
			continue;
		}
		list->entry[kept++] = list->entry[i];
	}
	list->count = kept;
	return what;
}

/* Build the directory anew, from the entries that are not to be dropped. */
static bool build_directory(struct fsck *f, uint64_t ino, struct entry_list *list)
{
	struct extent_list extents = { 0 };
	struct refdax_inode raw;
	struct builder b = fsck_builder(f);
	size_t i, kept;
	bool ok;

	if (!read_inode(f, ino, &raw))
		return false;
	for (i = kept = 0; i < list->count; i++)
		if (!list->entry[i].drop)
			list->entry[kept++] = list->entry[i];
	list->count = kept;
	if (list->count)
		qsort(list->entry, list->count, sizeof(*list->entry), compare_entries);

	/* What did not fit with others of its hash is found without a name in the next round. */
	ok = build_entries(&b, ino, le32toh(raw.i_generation), list, &extents);
	if (ok)
		ok = rebuild_tree(f, ino, &raw, &extents);
	if (ok) {
		raw.i_size = htole64(extents.count * REFDAX_BLOCK_SIZE);
		write_inode(f, ino, &raw);
	} else {
		beyond_repair(f, "directory %" PRIu64 ": no space to build it anew", ino);
	}
	free(extents.x);
	return ok;
}

static bool is_directory(const struct inode_state *state)
{
	return state && state->type == DT_DIR;
}

/* What is wrong inside of a directory; which directories their parents know. */
static void check_entries(struct fsck *f, uint64_t ino, struct inode_state *state)
{
	struct entry_list list;
	struct refdax_inode raw;
	const char *what;
	size_t i;

	if (!read_inode(f, ino, &raw))
		return;
	what = read_directory(f, ino, &raw, &list);
	/* What is wrong with its tree was asked about before. */
	if (state->flags & (INODE_TREE | INODE_SHARED) ||
	    (what && problem(f, LOSSY, "directory %" PRIu64 ": it is damaged (%s), %zu entries remain",
			     ino, what, list.count)))
		build_directory(f, ino, &list);
	for (i = 0; i < list.count; i++) {
		struct inode_state *child = get_inode(f, list.entry[i].ino);

		if (is_directory(child) && child->parent == ino)
			child->flags |= INODE_NAMED;
	}
	free(list.entry);
}

/* Why an entry cannot stay, NULL if it can. Counts the link if so. */
static const char *check_entry(struct fsck *f, uint64_t ino, struct inode_state *state,
			       const struct dir_entry *entry)
{
	struct inode_state *child = get_inode(f, entry->ino);

	if (!child || !child->type)
		return "which is not in use";
	if (!is_directory(child)) {
		child->links++;
		return NULL;
	}
	if (entry->ino == REFDAX_ROOT_INO)
		return "the root directory";
	if (entry->ino == ino)
		return "which is the directory itself";
	if (child->flags & INODE_SEEN || (child->flags & INODE_NAMED && child->parent != ino))
		return "a directory that has another name";
	child->flags |= INODE_SEEN | INODE_NAMED;
	child->parent = ino;
	state->links++;
	return NULL;
}

static void check_targets(struct fsck *f, uint64_t ino, struct inode_state *state)
{
	struct entry_list list;
	struct refdax_inode raw;
	bool dirty = false;
	const char *what;
	size_t i;

	if (!read_inode(f, ino, &raw))
		return;
	read_directory(f, ino, &raw, &list);
	for (i = 0; i < list.count; i++) {
		struct dir_entry *entry = &list.entry[i];
		struct inode_state *child;

		what = check_entry(f, ino, state, entry);
		if (what) {
			if (problem(f, LOSSY, "directory %" PRIu64 ": \"%s\" leads to inode %" PRIu64 ", %s; it is to go",
				    ino, printable(entry->name), entry->ino, what)) {
				entry->drop = true;
				dirty = true;
			}
			continue;
		}
		child = get_inode(f, entry->ino);
		if (entry->type != child->type &&
		    problem(f, SAFE, "directory %" PRIu64 ": \"%s\" has the type %u, its inode %u",
			    ino, printable(entry->name), entry->type, child->type)) {
			entry->type = child->type;
			dirty = true;
		}
	}
	if (dirty)
		build_directory(f, ino, &list);
	free(list.entry);
}

void check_directories(struct fsck *f)
{
	uint64_t ino;

	for (ino = next_inode(f, 0); ino; ino = next_inode(f, ino))
		if (is_directory(get_inode(f, ino)))
			check_entries(f, ino, get_inode(f, ino));
	for (ino = next_inode(f, 0); ino; ino = next_inode(f, ino))
		if (is_directory(get_inode(f, ino)))
			check_targets(f, ino, get_inode(f, ino));
}

/* Take the name of directory @child out of its parent. */
static void remove_name(struct fsck *f, uint64_t parent, uint64_t child)
{
	struct entry_list list;
	struct refdax_inode raw;
	size_t i;

	if (!read_inode(f, parent, &raw))
		return;
	read_directory(f, parent, &raw, &list);
	for (i = 0; i < list.count; i++)
		if (list.entry[i].ino == child)
			list.entry[i].drop = true;
	build_directory(f, parent, &list);
	get_inode(f, parent)->links--;
	free(list.entry);
}

/* Go up from @ino. Returns where that ends: what is reached already, has no name, or is a cycle. */
static uint64_t climb(struct fsck *f, uint64_t ino)
{
	struct inode_state *state;

	for (;; ino = state->parent) {
		state = get_inode(f, ino);
		if (state->flags & (INODE_REACHED | INODE_PASSED) || !(state->flags & INODE_NAMED))
			return ino;
		state->flags |= INODE_PASSED;
	}
}

static void check_connection(struct fsck *f, uint64_t ino)
{
	uint64_t top = climb(f, ino);
	struct inode_state *state = get_inode(f, top);

	if (!(state->flags & INODE_REACHED)) {
		bool cycle = state->flags & INODE_NAMED;

		/* An orphan will be deleted. */
		if (!(state->flags & INODE_ORPHAN && !state->nlink && !cycle) &&
		    problem(f, SAFE, "directory %" PRIu64 ": %s; it goes to lost+found", top,
			    cycle ? "it is below itself" : "no other has its name")) {
			if (cycle)
				remove_name(f, state->parent, top);
			f->lost.block = grow(f->lost.block, f->lost.count, &f->lost.room,
					     sizeof(*f->lost.block));
			f->lost.block[f->lost.count++] = top;
		}
		/* In any case, once is enough. */
		state->flags |= INODE_REACHED;
	}
	for (; !((state = get_inode(f, ino))->flags & INODE_REACHED); ino = state->parent)
		state->flags |= INODE_REACHED;
}

void check_connections(struct fsck *f)
{
	uint64_t ino;

	get_inode(f, REFDAX_ROOT_INO)->flags |= INODE_REACHED;
	for (ino = next_inode(f, 0); ino; ino = next_inode(f, ino))
		if (is_directory(get_inode(f, ino)))
			check_connection(f, ino);
}

static struct dir_entry *find_entry(struct entry_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->entry[i].name_len == strlen(name) &&
		    !memcmp(list->entry[i].name, name, list->entry[i].name_len))
			return &list->entry[i];
	return NULL;
}

static uint64_t make_lost_found(struct fsck *f, struct entry_list *root)
{
	struct refdax_time now = { .t_sec = htole64(time(NULL)) };
	struct refdax_inode raw = {
		.i_mode = htole16(S_IFDIR | 0700),
		.i_nlink = htole32(2),
		.i_parent = htole64(REFDAX_ROOT_INO),
		.i_atime = now, .i_mtime = now, .i_ctime = now, .i_crtime = now,
	};
	uint64_t ino = allocate_inode(f);
	struct inode_state *state;

	if (!ino)
		return 0;
	write_inode(f, ino, &raw);
	state = make_inode(f, ino);
	memset(state, 0, sizeof(*state));
	state->type = DT_DIR;
	state->flags = INODE_NAMED | INODE_REACHED;
	state->parent = REFDAX_ROOT_INO;
	state->nlink = 2;
	state->links = 2;
	name_entry(&f->super, add_entry(root), ino, DT_DIR, "lost+found");
	if (!build_directory(f, REFDAX_ROOT_INO, root))
		return 0;
	get_inode(f, REFDAX_ROOT_INO)->links++;
	return ino;
}

/* Its inode; it is made if need be. 0: it cannot be had. */
static uint64_t find_lost_found(struct fsck *f)
{
	struct entry_list root;
	struct refdax_inode raw;
	struct dir_entry *entry;
	uint64_t ino = 0;

	if (!read_inode(f, REFDAX_ROOT_INO, &raw))
		return 0;
	read_directory(f, REFDAX_ROOT_INO, &raw, &root);
	entry = find_entry(&root, "lost+found");
	if (!entry)
		ino = make_lost_found(f, &root);
	else if (is_directory(get_inode(f, entry->ino)))
		ino = entry->ino;
	free(root.entry);
	return ino;
}

/* Give all that is lost a name. */
static void save_lost(struct fsck *f)
{
	uint64_t folder = f->lost.count ? find_lost_found(f) : 0;
	struct entry_list list;
	struct refdax_inode raw;
	char name[64];
	size_t i;

	if (!f->lost.count)
		return;
	if (!folder || !read_inode(f, folder, &raw)) {
		beyond_repair(f, "there is no lost+found, and none can be made");
		return;
	}
	read_directory(f, folder, &raw, &list);
	for (i = 0; i < f->lost.count; i++) {
		uint64_t ino = f->lost.block[i];
		struct inode_state *state = get_inode(f, ino);

		snprintf(name, sizeof(name), "#%" PRIu64, ino);
		/* Names of this kind are ours; somebody else's must not be in the way. */
		if (f->round > 1 && find_entry(&list, name))
			snprintf(name, sizeof(name), "#%" PRIu64 ".%u", ino, f->round);
		name_entry(&f->super, add_entry(&list), ino, state->type, name);
		if (!is_directory(state)) {
			state->links++;
			continue;
		}
		get_inode(f, folder)->links++;
		state->parent = folder;
		if (read_inode(f, ino, &raw)) {
			raw.i_parent = htole64(folder);
			write_inode(f, ino, &raw);
		}
	}
	build_directory(f, folder, &list);
	free(list.entry);
}

/* True: the inode's name is lost, or never was; it is to get one. */
static bool check_nameless(struct fsck *f, uint64_t ino, struct inode_state *state)
{
	struct refdax_inode zero = { 0 };

	if (state->nlink)
		return problem(f, SAFE, "inode %" PRIu64 ": no directory has a name for it; it goes to lost+found",
			       ino);
	if (problem(f, SAFE, "inode %" PRIu64 ": it was deleted, but not from the device", ino)) {
		write_inode(f, ino, &zero);
		state->type = 0;
	}
	return false;
}

static void check_link(struct fsck *f, uint64_t ino, struct inode_state *state)
{
	struct refdax_inode raw;
	bool dirty = false;

	if (!read_inode(f, ino, &raw))
		return;
	if (state->nlink != state->links &&
	    problem(f, SAFE, "inode %" PRIu64 ": it has %u links, and says %u", ino, state->links,
		    state->nlink)) {
		raw.i_nlink = htole32(state->links);
		dirty = true;
	}
	if (is_directory(state) && le64toh(raw.i_parent) != state->parent &&
	    problem(f, SAFE, "directory %" PRIu64 ": its parent is %" PRIu64 ", and it says %" PRIu64,
		    ino, state->parent, le64toh(raw.i_parent))) {
		raw.i_parent = htole64(state->parent);
		dirty = true;
	}
	if (dirty)
		write_inode(f, ino, &raw);
}

/* On the orphan list, without links, and with a name: then it is no orphan. */
static bool is_orphan(struct fsck *f, uint64_t ino, struct inode_state *state)
{
	if (!(state->flags & INODE_ORPHAN) || state->nlink)
		return false;
	if (is_directory(state) ? !(state->flags & INODE_SEEN) : !state->links)
		return true;
	if (f->super.s_last_orphan &&
	    problem(f, SAFE, "inode %" PRIu64 ": it has a name, and is to be deleted; the orphan list is dropped",
		    ino)) {
		f->super.s_last_orphan = 0;
		store_super(f);
		f->changed = true;
	}
	return false;
}

void check_links(struct fsck *f)
{
	uint64_t ino;

	for (ino = next_inode(f, 0); ino; ino = next_inode(f, ino)) {
		struct inode_state *state = get_inode(f, ino);

		if (is_orphan(f, ino, state)) {
			f->orphans++;
			/* Not compared below: the mount deletes it. */
			state->links = 0;
		} else if (!is_directory(state) && !state->links &&
			   check_nameless(f, ino, state)) {
			f->lost.block = grow(f->lost.block, f->lost.count, &f->lost.room,
					     sizeof(*f->lost.block));
			f->lost.block[f->lost.count++] = ino;
		}
	}
	save_lost(f);
	for (ino = next_inode(f, 0); ino; ino = next_inode(f, ino)) {
		struct inode_state *state = get_inode(f, ino);

		/* Without a name there is nothing to compare with. */
		if (state->links)
			check_link(f, ino, state);
	}
}
