// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* mkfs.refdax: make a refdax filesystem on a device or in an image file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define PROG "mkfs.refdax"

/* Exit status, as mkfs(8) has it for others: 0 done, 1 failed, 2 wrong usage. */
#define STATUS_FAILED	1
#define STATUS_USAGE	2

struct options {
	const char *device;
	const char *label;
	uint8_t uuid[16];
	uint64_t blocks;	/* 0: the whole device */
	uint32_t journal;	/* blocks, 0: by the size */
	bool force;
	bool quiet;
};

static void __attribute__((noreturn, format(printf, 2, 3))) fail(int status, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, PROG ": ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

static void usage(FILE *out)
{
	fputs("usage: " PROG " [OPTION]... DEVICE\n"
	      "\n"
	      "Makes a refdax filesystem on DEVICE, a block device or a file.\n"
	      "\n"
	      "  -L, --label=LABEL    at most 32 bytes\n"
	      "  -U, --uuid=UUID      instead of a random one\n"
	      "  -J, --journal=MIB    size of the journal, 5 to 64 MiB; by default by the device's\n"
	      "      --size=MIB       use only the first so many MiB of the device\n"
	      "      --block-size=N   4096 is the only one: DAX maps whole pages\n"
	      "  -f, --force          even if DEVICE seems to hold something\n"
	      "  -q, --quiet          say nothing when all went well\n"
	      "  -h, --help           this text\n"
	      "  -V, --version        the version of the on-disk format\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage.\n", out);
}

static uint64_t parse_number(const char *what, const char *text, uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		fail(STATUS_USAGE, "invalid %s \"%s\": give a number from %" PRIu64 " to %" PRIu64,
		     what, text, min, max);
	return value;
}

static void parse_uuid(const char *text, uint8_t uuid[16])
{
	const char *p = text;
	unsigned int i, value;
	int used;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) {
			if (*p++ != '-')
				break;
		}
		used = 0;
		if (!strspn(p, "0123456789abcdefABCDEF") || sscanf(p, "%2x%n", &value, &used) != 1 ||
		    used != 2)
			break;
		uuid[i] = value;
		p += 2;
	}
	if (i < 16 || *p)
		fail(STATUS_USAGE, "invalid UUID \"%s\": it looks like 01234567-89ab-cdef-0123-456789abcdef",
		     text);
}

static void random_bytes(void *buffer, size_t size)
{
	if (getrandom(buffer, size, 0) != (ssize_t)size)
		fail(STATUS_FAILED, "cannot get random bytes: %s", strerror(errno));
}

static void parse_options(int argc, char **argv, struct options *options)
{
	enum { OPT_SIZE = 256, OPT_BLOCK_SIZE };
	static const struct option table[] = {
		{ "label", required_argument, NULL, 'L' },
		{ "uuid", required_argument, NULL, 'U' },
		{ "journal", required_argument, NULL, 'J' },
		{ "size", required_argument, NULL, OPT_SIZE },
		{ "block-size", required_argument, NULL, OPT_BLOCK_SIZE },
		{ "force", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const uint32_t blocks_per_mib = (1 << 20) / REFDAX_BLOCK_SIZE;
	int c;

	random_bytes(options->uuid, sizeof(options->uuid));
	/* RFC 4122: version 4, variant 1. */
	options->uuid[6] = (options->uuid[6] & 0x0f) | 0x40;
	options->uuid[8] = (options->uuid[8] & 0x3f) | 0x80;
	while ((c = getopt_long(argc, argv, "L:U:J:fqhV", table, NULL)) != -1) {
		switch (c) {
		case 'L':
			if (strlen(optarg) > REFDAX_LABEL_MAX)
				fail(STATUS_USAGE, "the label \"%s\" has more than %d bytes", optarg,
				     REFDAX_LABEL_MAX);
			options->label = optarg;
			break;
		case 'U':
			parse_uuid(optarg, options->uuid);
			break;
		case 'J':
			options->journal = parse_number("journal size", optarg, 5,
							REFDAX_MAX_JOURNAL / blocks_per_mib) *
					   blocks_per_mib;
			break;
		case OPT_SIZE:
			options->blocks = parse_number("size", optarg, 1, UINT64_MAX >> 24) *
					  blocks_per_mib;
			break;
		case OPT_BLOCK_SIZE:
			if (parse_number("block size", optarg, 1, 1 << 30) != REFDAX_BLOCK_SIZE)
				fail(STATUS_USAGE, "block size %s: DAX maps whole pages, so it must be the page size, %d",
				     optarg, REFDAX_BLOCK_SIZE);
			break;
		case 'f':
			options->force = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'V':
			printf(PROG ": refdax format version %d\n", REFDAX_VERSION);
			exit(0);
		default:
			fprintf(stderr, "Try \"" PROG " --help\".\n");
			exit(STATUS_USAGE);
		}
	}
	if (argc - optind != 1)
		fail(STATUS_USAGE, "give one device (or file), not %d; try \"" PROG " --help\"",
		     argc - optind);
	options->device = argv[optind];
}

static void write_blocks(int fd, const char *device, const void *data, uint64_t block,
			 uint64_t count)
{
	const uint8_t *p = data;
	size_t left = count * REFDAX_BLOCK_SIZE;
	off_t offset = block * REFDAX_BLOCK_SIZE;

	while (left) {
		ssize_t written = pwrite(fd, p, left, offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			fail(STATUS_FAILED, "cannot write block %" PRIu64 " of %s: %s",
			     (uint64_t)offset / REFDAX_BLOCK_SIZE, device,
			     written ? strerror(errno) : "no space");
		p += written;
		offset += written;
		left -= written;
	}
}

/* A name for what the device holds, NULL if nothing was recognised. */
static const char *probe(int fd)
{
	static uint8_t buffer[128 * 1024];
	ssize_t got = pread(fd, buffer, sizeof(buffer), 0);
	uint32_t magic;
	size_t i;

	if (got < (ssize_t)sizeof(buffer))
		return NULL;
	memcpy(&magic, buffer, sizeof(magic));
	if (le32toh(magic) == REFDAX_MAGIC_SUPER)
		return "a refdax filesystem";
	if (!memcmp(buffer, "XFSB", 4))
		return "an XFS filesystem";
	if (buffer[1080] == 0x53 && buffer[1081] == 0xef)
		return "an ext2, ext3 or ext4 filesystem";
	if (!memcmp(buffer + 65600, "_BHRfS_M", 8))
		return "a btrfs filesystem";
	if (buffer[510] == 0x55 && buffer[511] == 0xaa)
		return "a partition table or a FAT filesystem";
	for (i = 0; i < sizeof(buffer); i++)
		if (buffer[i])
			return "data of an unknown kind";
	return NULL;
}

static int open_device(const struct options *options, uint64_t *bytes)
{
	struct stat st;
	int fd;

	if (stat(options->device, &st))
		fail(STATUS_FAILED, "cannot find %s: %s", options->device, strerror(errno));
	/* O_EXCL on a block device fails if it is mounted or otherwise in use. */
	fd = open(options->device, O_RDWR | O_CLOEXEC | (S_ISBLK(st.st_mode) ? O_EXCL : 0));
	if (fd < 0)
		fail(STATUS_FAILED, "cannot open %s: %s%s", options->device, strerror(errno),
		     errno == EBUSY ? " (mounted, or in use by something else)" : "");
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, bytes))
			fail(STATUS_FAILED, "cannot get the size of %s: %s", options->device,
			     strerror(errno));
	} else if (S_ISREG(st.st_mode)) {
		*bytes = st.st_size;
	} else {
		fail(STATUS_FAILED, "%s is neither a block device nor a file", options->device);
	}
	return fd;
}

static void init_header(struct refdax_header *header, uint32_t magic, uint64_t block,
			uint64_t owner)
{
	header->h_magic = htole32(magic);
	header->h_block = htole64(block);
	header->h_owner = htole64(owner);
}

static void write_metadata(int fd, const struct options *options, uint32_t seed, void *block)
{
	struct refdax_header *header = block;

	header->h_crc = htole32(refdax_block_crc(seed, block));
	write_blocks(fd, options->device, block, le64toh(header->h_block), 1);
}

static void set_bits(uint8_t *bits, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		bits[from / 8] |= 1 << from % 8;
}

static void write_journal(int fd, const struct options *options, uint32_t blocks)
{
	static uint8_t zeroes[REFDAX_BLOCK_SIZE], block[REFDAX_BLOCK_SIZE];
	struct jbd2_super *super = (struct jbd2_super *)block;
	uint32_t i;

	/* Old log blocks with a matching sequence number could be taken for new ones. */
	for (i = 1; i < blocks; i++)
		write_blocks(fd, options->device, zeroes, REFDAX_JOURNAL_BLOCK + i, 1);
	jbd2_init_super(super, blocks, options->uuid);
	super->s_checksum = jbd2_super_crc(super);
	write_blocks(fd, options->device, block, REFDAX_JOURNAL_BLOCK, 1);
}

static void write_group(int fd, const struct options *options, uint32_t seed, uint32_t group,
			uint32_t meta, uint32_t length)
{
	static uint8_t table[REFDAX_INODE_TABLE_BLOCKS * REFDAX_BLOCK_SIZE];
	uint64_t start = (uint64_t)group * REFDAX_BLOCKS_PER_GROUP;
	struct refdax_bitmap bitmap;
	uint64_t now = time(NULL);

	memset(&bitmap, 0, sizeof(bitmap));
	init_header(&bitmap.b_header, REFDAX_MAGIC_BLOCKS, start + meta, group);
	set_bits(bitmap.b_bits, 0, meta + REFDAX_GROUP_OVERHEAD);
	/* The last block of the first group is the backup superblock. */
	set_bits(bitmap.b_bits, group ? length : length - 1, REFDAX_BLOCKS_PER_GROUP);
	write_metadata(fd, options, seed, &bitmap);

	memset(&bitmap, 0, sizeof(bitmap));
	init_header(&bitmap.b_header, REFDAX_MAGIC_INODES, start + meta + 1, group);
	if (!group)
		set_bits(bitmap.b_bits, 0, REFDAX_FIRST_INO - 1);
	set_bits(bitmap.b_bits, REFDAX_INODES_PER_GROUP, sizeof(bitmap.b_bits) * 8);
	write_metadata(fd, options, seed, &bitmap);

	memset(table, 0, sizeof(table));
	if (!group) {
		struct refdax_inode *root = (struct refdax_inode *)table + REFDAX_ROOT_INO - 1;
		struct refdax_time stamp = { .t_sec = htole64(now), .t_nsec = 0 };

		root->i_mode = htole16(S_IFDIR | 0755);
		root->i_nlink = htole32(2);
		root->i_parent = htole64(REFDAX_ROOT_INO);
		root->i_atime = stamp;
		root->i_mtime = stamp;
		root->i_ctime = stamp;
		root->i_crtime = stamp;
		root->i_crc = htole32(refdax_inode_crc(seed, REFDAX_ROOT_INO, root));
	}
	write_blocks(fd, options->device, table, start + meta + 2, REFDAX_INODE_TABLE_BLOCKS);
}

/* 1/32 of the device, 4 MiB to 64 MiB: transactions of a small one stay small. */
static uint32_t journal_blocks(const struct options *options, uint64_t blocks)
{
	uint64_t journal = options->journal ? options->journal : blocks / 32;

	if (journal < REFDAX_MIN_JOURNAL)
		journal = REFDAX_MIN_JOURNAL;
	if (journal > REFDAX_MAX_JOURNAL)
		journal = REFDAX_MAX_JOURNAL;
	return journal;
}

int main(int argc, char **argv)
{
	static uint8_t zeroes[32 * REFDAX_BLOCK_SIZE];
	struct options options = { 0 };
	struct refdax_super super;
	uint64_t bytes, blocks, groups, last, i;
	const char *found;
	uint32_t journal, seed;
	int fd;

	parse_options(argc, argv, &options);
	fd = open_device(&options, &bytes);
	blocks = bytes / REFDAX_BLOCK_SIZE;
	if (options.blocks > blocks)
		fail(STATUS_USAGE, "--size: %s has only %" PRIu64 " MiB", options.device, bytes >> 20);
	if (options.blocks)
		blocks = options.blocks;
	/* A tail that could not hold a group's metadata and something more is left alone. */
	last = blocks % REFDAX_BLOCKS_PER_GROUP;
	if (last < REFDAX_MIN_GROUP && blocks > REFDAX_BLOCKS_PER_GROUP)
		blocks -= last;
	journal = journal_blocks(&options, blocks);
	if (blocks < REFDAX_JOURNAL_BLOCK + (uint64_t)journal + REFDAX_MIN_GROUP)
		fail(STATUS_FAILED, "%s is too small: %" PRIu64 " KiB, of which the journal takes %u and the rest must have %u",
		     options.device, bytes >> 10, journal * 4, (REFDAX_MIN_GROUP + 1) * 4);
	if (blocks > (uint64_t)UINT32_MAX * REFDAX_BLOCKS_PER_GROUP)
		fail(STATUS_FAILED, "%s is too big", options.device);

	found = options.force ? NULL : probe(fd);
	if (found)
		fail(STATUS_FAILED, "%s holds %s, which would be lost: give -f if you mean it",
		     options.device, found);

	groups = (blocks + REFDAX_BLOCKS_PER_GROUP - 1) / REFDAX_BLOCKS_PER_GROUP;
	seed = refdax_seed(options.uuid);
	/* The superblock goes first and comes last: what is interrupted is no filesystem. */
	write_blocks(fd, options.device, zeroes, 0, sizeof(zeroes) / REFDAX_BLOCK_SIZE);
	write_journal(fd, &options, journal);
	for (i = 0; i < groups; i++) {
		uint64_t start = i * REFDAX_BLOCKS_PER_GROUP, length = blocks - start;

		write_group(fd, &options, seed, i, i ? 0 : REFDAX_JOURNAL_BLOCK + journal,
			    length < REFDAX_BLOCKS_PER_GROUP ? length : REFDAX_BLOCKS_PER_GROUP);
	}
	if (fsync(fd))
		fail(STATUS_FAILED, "cannot write %s: %s", options.device, strerror(errno));

	memset(&super, 0, sizeof(super));
	init_header(&super.s_header, REFDAX_MAGIC_SUPER, REFDAX_SUPER_BLOCK, 0);
	super.s_version = htole32(REFDAX_VERSION);
	super.s_block_size = htole32(REFDAX_BLOCK_SIZE);
	super.s_compat = htole64(REFDAX_COMPAT_BACKUP);
	super.s_incompat = htole64(REFDAX_INCOMPAT_HASHDIR);
	memcpy(super.s_uuid, options.uuid, sizeof(super.s_uuid));
	if (options.label)
		memcpy(super.s_label, options.label, strlen(options.label));
	super.s_blocks = htole64(blocks);
	super.s_journal_block = htole64(REFDAX_JOURNAL_BLOCK);
	super.s_journal_blocks = htole32(journal);
	super.s_blocks_per_group = htole32(REFDAX_BLOCKS_PER_GROUP);
	super.s_inodes_per_group = htole32(REFDAX_INODES_PER_GROUP);
	super.s_inode_size = htole32(REFDAX_INODE_SIZE);
	super.s_groups = htole32(groups);
	super.s_state = htole32(REFDAX_STATE_CLEAN);
	random_bytes(super.s_hash_key, sizeof(super.s_hash_key));
	super.s_mkfs_time = htole64(time(NULL));
	super.s_header.h_block = htole64(refdax_backup_block(blocks));
	write_metadata(fd, &options, seed, &super);
	if (fsync(fd))
		fail(STATUS_FAILED, "cannot write %s: %s", options.device, strerror(errno));
	super.s_header.h_block = htole64(REFDAX_SUPER_BLOCK);
	write_metadata(fd, &options, seed, &super);
	if (fsync(fd) || close(fd))
		fail(STATUS_FAILED, "cannot write %s: %s", options.device, strerror(errno));

	if (!options.quiet)
		printf("%s: %" PRIu64 " blocks of %d bytes in %" PRIu64 " groups, %" PRIu64
		       " inodes, %u blocks of journal\n", options.device, blocks,
		       REFDAX_BLOCK_SIZE, groups, groups * REFDAX_INODES_PER_GROUP, journal);
	return 0;
}
