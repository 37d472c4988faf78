// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* refdax-debug: reading what may be damaged. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debug.h"

bool read_block(struct device *d, uint64_t block, void *data)
{
	size_t done = 0;

	memset(data, 0, REFDAX_BLOCK_SIZE);
	while (block < d->blocks && done < REFDAX_BLOCK_SIZE) {
		ssize_t got = pread(d->fd, (uint8_t *)data + done, REFDAX_BLOCK_SIZE - done,
				    block * REFDAX_BLOCK_SIZE + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += got;
	}
	if (done == REFDAX_BLOCK_SIZE)
		return true;
	out_problem(d, "block %" PRIu64 " cannot be read", block);
	return false;
}

bool read_inode(struct device *d, uint64_t ino, struct refdax_inode *raw)
{
	struct refdax_inode table[REFDAX_INODES_PER_BLOCK];
	unsigned int index;

	if (!geometry_ino_valid(&d->geometry, ino)) {
		out_problem(d, "inode %" PRIu64 " does not exist: %d, and %d to %" PRIu64 " do", ino,
			    REFDAX_ROOT_INO, REFDAX_FIRST_INO,
			    (uint64_t)d->geometry.groups * d->geometry.inodes_per_group);
		return false;
	}
	if (!read_block(d, geometry_inode_block(&d->geometry, ino, &index), table))
		return false;
	*raw = table[index];
	return true;
}

static bool try_super(struct device *d, uint64_t block)
{
	struct refdax_super *super = &d->super;

	return block < d->blocks &&
	       pread(d->fd, super, sizeof(*super), block * REFDAX_BLOCK_SIZE) == sizeof(*super) &&
	       !super_layout_problem(super) && le64toh(super->s_header.h_block) == block;
}

static bool journal_is_ours(struct device *d)
{
	uint8_t journal[REFDAX_BLOCK_SIZE];

	return pread(d->fd, journal, sizeof(journal), REFDAX_JOURNAL_BLOCK * REFDAX_BLOCK_SIZE) ==
	       sizeof(journal) && jbd2_super_is_of(journal, d->super.s_uuid);
}

static bool find_backup(struct device *d, bool of_journal)
{
	uint64_t block = d->blocks < REFDAX_BLOCKS_PER_GROUP ? d->blocks : REFDAX_BLOCKS_PER_GROUP;

	while (block && --block > REFDAX_MIN_JOURNAL) {
		if (!try_super(d, block) ||
		    le32toh(d->super.s_header.h_crc) != refdax_block_crc(0, &d->super) ||
		    (of_journal && !journal_is_ours(d)))
			continue;
		d->super_block = block;
		fprintf(stderr, PROG ": %s: the superblock is damaged; its backup in block %" PRIu64 " is used\n",
			d->path, block);
		d->damaged = true;
		return true;
	}
	return false;
}

/* The superblock, or else a backup: where those are, fsck_super.c says. */
static bool find_super(struct device *d)
{
	if (try_super(d, REFDAX_SUPER_BLOCK)) {
		d->super_block = REFDAX_SUPER_BLOCK;
		return true;
	}
	/* The filesystem's that the journal is of, rather than one of earlier. */
	return find_backup(d, true) || find_backup(d, false);
}

void open_device(struct device *d, const char *path, uint64_t super_block)
{
	uint64_t bytes = 0;
	struct stat st;

	d->path = path;
	d->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (d->fd < 0 || fstat(d->fd, &st))
		fail(STATUS_FAILED, "cannot open %s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode))
		bytes = st.st_size;
	else if (!S_ISBLK(st.st_mode))
		fail(STATUS_FAILED, "%s is neither a block device nor a file", path);
	else if (ioctl(d->fd, BLKGETSIZE64, &bytes))
		fail(STATUS_FAILED, "cannot get the size of %s: %s", path, strerror(errno));
	d->blocks = bytes / REFDAX_BLOCK_SIZE;
	if (super_block) {
		if (!try_super(d, super_block))
			fail(STATUS_FAILED, "block %" PRIu64 " of %s holds no backup superblock",
			     super_block, path);
		d->super_block = super_block;
	} else if (!find_super(d)) {
		fail(STATUS_FAILED, "%s holds no refdax filesystem: neither a superblock nor a backup of one makes sense",
		     path);
	}
	d->seed = refdax_seed(d->super.s_uuid);
	geometry_init(&d->geometry, &d->super);
}

const char *magic_name(uint32_t magic)
{
	switch (magic) {
	case REFDAX_MAGIC_SUPER:
		return "superblock";
	case REFDAX_MAGIC_BLOCKS:
		return "block bitmap";
	case REFDAX_MAGIC_INODES:
		return "inode bitmap";
	case REFDAX_MAGIC_EXTENTS:
		return "extent node";
	case REFDAX_MAGIC_DIR:
		return "directory block";
	case REFDAX_MAGIC_SYMLINK:
		return "symbolic link";
	case REFDAX_MAGIC_XATTR:
		return "extended attributes";
	default:
		return NULL;
	}
}

void check_header(struct device *d, const struct refdax_header *header, uint32_t magic,
		  uint64_t block, uint64_t owner, uint32_t generation)
{
	uint32_t crc = refdax_block_crc(d->seed, header);

	if (le32toh(header->h_magic) != magic)
		out_problem(d, "block %" PRIu64 " is no %s: its magic number is 0x%x", block,
			    magic_name(magic), le32toh(header->h_magic));
	else if (le32toh(header->h_crc) != crc)
		out_problem(d, "block %" PRIu64 ": its checksum is 0x%x, and says 0x%x", block, crc,
			    le32toh(header->h_crc));
	if (le64toh(header->h_block) != block)
		out_problem(d, "block %" PRIu64 " says that it is block %" PRIu64, block,
			    le64toh(header->h_block));
	if (le64toh(header->h_owner) != owner || le32toh(header->h_generation) != generation)
		out_problem(d, "block %" PRIu64 " belongs to %" PRIu64 " generation %u, not to %" PRIu64 " generation %u",
			    block, le64toh(header->h_owner), le32toh(header->h_generation), owner,
			    generation);
}

void show_header(struct device *d, const struct refdax_header *header, uint32_t magic,
		 uint64_t block, uint64_t owner, uint32_t generation)
{
	out_number("block", block);
	check_header(d, header, magic, block, owner, generation);
}

struct walk {
	struct device *d;
	uint64_t ino;
	uint32_t generation;
	bool show;		/* the nodes too */
	bool stop;
	extent_function found;
	void *context;
};

/* Each node once, however often it is pointed to: hostile trees end. */
static bool first_visit(struct device *d, uint64_t block)
{
	if (!d->visited)
		d->visited = zalloc(d->blocks / 8 + 1);
	if (d->visited[block / 8] >> block % 8 & 1)
		return false;
	d->visited[block / 8] |= 1 << block % 8;
	return true;
}

static void walk_node(struct walk *w, const struct refdax_node *node, unsigned int room);

static void walk_child(struct walk *w, uint64_t block, unsigned int depth)
{
	struct refdax_node_block *nb = zalloc(REFDAX_BLOCK_SIZE);
	struct device *d = w->d;

	if (block >= d->blocks) {
		out_problem(d, "node in block %" PRIu64 ", which does not exist", block);
	} else if (!first_visit(d, block)) {
		out_problem(d, "node in block %" PRIu64 " is in the tree twice", block);
	} else if (read_block(d, block, nb)) {
		if (w->show) {
			out_object(NULL);
			show_header(d, &nb->nb_header, REFDAX_MAGIC_EXTENTS, block, w->ino,
				    w->generation);
			out_number("depth", le16toh(nb->nb_node.n_depth));
			out_number("entries", le16toh(nb->nb_node.n_count));
			out_end();
		}
		if (le32toh(nb->nb_header.h_magic) != REFDAX_MAGIC_EXTENTS)
			out_problem(d, "block %" PRIu64 " is no node", block);
		else if (le16toh(nb->nb_node.n_depth) != depth)
			out_problem(d, "node in block %" PRIu64 " has depth %u and not %u", block,
				    le16toh(nb->nb_node.n_depth), depth);
		else
			walk_node(w, &nb->nb_node, REFDAX_NODE_ENTRIES);
	}
	free(nb);
}

static void walk_node(struct walk *w, const struct refdax_node *node, unsigned int room)
{
	unsigned int i, count = le16toh(node->n_count), depth = le16toh(node->n_depth);
	uint64_t end = 0;

	if (count > room || depth > REFDAX_MAX_DEPTH) {
		out_problem(w->d, "a node has depth %u and %u entries", depth, count);
		if (depth > REFDAX_MAX_DEPTH)
			return;
		count = room;
	}
	for (i = 0; i < count && !w->stop; i++) {
		const struct refdax_extent *x = &node->n_entries[i];

		if (le64toh(x->x_logical) < end)
			out_problem(w->d, "entries are not in order");
		end = le64toh(x->x_logical) + (depth ? 1 : le32toh(x->x_count));
		if (depth) {
			walk_child(w, le64toh(x->x_physical), depth - 1);
		} else {
			if (!geometry_blocks_valid(&w->d->geometry, le64toh(x->x_physical),
						   le32toh(x->x_count)))
				out_problem(w->d, "the next extent lies outside of the data");
			w->stop = !w->found(w->d, w->context, x);
		}
	}
}

void walk_extents(struct device *d, uint64_t ino, const struct refdax_inode *raw, bool show,
		  extent_function found, void *context)
{
	struct walk w = {
		.d = d, .ino = ino, .generation = le32toh(raw->i_generation), .show = show,
		.found = found, .context = context,
	};

	free(d->visited);
	d->visited = NULL;
	walk_node(&w, (const struct refdax_node *)raw->i_root, REFDAX_ROOT_ENTRIES);
}
