// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* mkfs.refdax: make a refdax filesystem on a device or in an image file. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "mkfs.h"

const struct program program = { PROG, STATUS_FAILED };

static void usage(FILE *out)
{
	fputs("usage: " PROG " [OPTION]... DEVICE\n"
	      "\n"
	      "Makes a refdax filesystem on DEVICE, a block device or a file.\n"
	      "\n"
	      "  -b, --block-size=N     4096 is the only one: DAX maps whole pages\n"
	      "  -d, --directory=PATH   with what is in this folder\n"
	      "  -J, --journal=SIZE     of the journal, 5 to 64 MiB; by default by the device's;\n"
	      "                         size=SIZE is understood too\n"
	      "  -L, --label=LABEL      at most 32 bytes\n"
	      "  -N, --inodes=N         so many files can be made; by default one for 16 KiB\n"
	      "  -U, --uuid=UUID        instead of a random one\n"
	      "      --hash-seed=UUID   of the directories' hashes, instead of a random one\n"
	      "      --size=MIB         use only the first so many MiB of the device\n"
	      "  -f, --force            even if DEVICE holds something\n"
	      "  -n, --dry-run          write nothing, only say what would be made\n"
	      "  -q, --quiet            say nothing when all went well\n"
	      "  -h, --help             this text\n"
	      "  -V, --version          the version of the on-disk format\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage.\n", out);
}

/* Long options without a short one */
enum { OPT_SIZE = 256, OPT_HASH_SEED };

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

static void check_block_size(const char *text)
{
	long page = sysconf(_SC_PAGESIZE);

	if (parse_number("block size", text, 1, 1 << 30) != REFDAX_BLOCK_SIZE)
		fail(STATUS_USAGE, "block size %s: DAX maps whole pages, so it must be the page size, %d",
		     text, REFDAX_BLOCK_SIZE);
	if (page != REFDAX_BLOCK_SIZE)
		fprintf(stderr, PROG ": this machine's pages have %ld bytes: it cannot mount a filesystem with blocks of %d\n",
			page, REFDAX_BLOCK_SIZE);
}

/* "64" or "size=64", as mke2fs(8) has it. */
static uint32_t parse_journal(const char *text)
{
	const uint32_t blocks_per_mib = (1 << 20) / REFDAX_BLOCK_SIZE;

	if (!strncmp(text, "size=", 5))
		text += 5;
	return parse_number("journal size", text, 5, REFDAX_MAX_JOURNAL / blocks_per_mib) *
	       blocks_per_mib;
}

static void random_defaults(struct options *options)
{
	random_bytes(options->uuid, sizeof(options->uuid));
	/* RFC 4122: version 4, variant 1. */
	options->uuid[6] = (options->uuid[6] & 0x0f) | 0x40;
	options->uuid[8] = (options->uuid[8] & 0x3f) | 0x80;
	random_bytes(options->hash_key, sizeof(options->hash_key));
}

static void set_option(int c, struct options *options)
{
	switch (c) {
	case 'b':
		check_block_size(optarg);
		break;
	case 'd':
		options->folder = optarg;
		break;
	case 'J':
		options->journal = parse_journal(optarg);
		break;
	case 'L':
		if (strlen(optarg) > REFDAX_LABEL_MAX)
			fail(STATUS_USAGE, "the label \"%s\" has more than %d bytes", optarg,
			     REFDAX_LABEL_MAX);
		options->label = optarg;
		break;
	case 'N':
		options->inodes = parse_number("number of inodes", optarg, 1, UINT64_MAX >> 8);
		break;
	case 'U':
		parse_uuid(optarg, options->uuid);
		break;
	case OPT_SIZE:
		options->blocks = parse_number("size", optarg, 1, UINT64_MAX >> 24) *
				  ((1 << 20) / REFDAX_BLOCK_SIZE);
		break;
	case OPT_HASH_SEED:
		parse_uuid(optarg, (uint8_t *)options->hash_key);
		break;
	case 'f':
		options->force = true;
		break;
	case 'n':
		options->dry = true;
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

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
		{ "block-size", required_argument, NULL, 'b' },
		{ "directory", required_argument, NULL, 'd' },
		{ "journal", required_argument, NULL, 'J' },
		{ "label", required_argument, NULL, 'L' },
		{ "inodes", required_argument, NULL, 'N' },
		{ "uuid", required_argument, NULL, 'U' },
		{ "size", required_argument, NULL, OPT_SIZE },
		{ "hash-seed", required_argument, NULL, OPT_HASH_SEED },
		{ "force", no_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	random_defaults(options);
	while ((c = getopt_long(argc, argv, "b:d:J:L:N:U:fnqhV", table, NULL)) != -1)
		set_option(c, options);
	if (argc - optind != 1)
		fail(STATUS_USAGE, "give one device (or file), not %d; try \"" PROG " --help\"",
		     argc - optind);
	options->device = argv[optind];
}

/* The same for everybody who builds the same, where that is wanted (reproducible-builds.org). */
static uint64_t mkfs_time(void)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");

	return text ? parse_number("SOURCE_DATE_EPOCH", text, 0, INT64_MAX) : (uint64_t)time(NULL);
}

static void report(const struct mkfs *m)
{
	const struct geometry *g = &m->geometry;

	if (m->options->quiet)
		return;
	printf("%s: %s%" PRIu64 " blocks of %d bytes in %u groups, %" PRIu64
	       " inodes, %u blocks of journal", m->options->device,
	       m->options->dry ? "would have " : "", g->blocks, REFDAX_BLOCK_SIZE, g->groups,
	       (uint64_t)g->groups * g->inodes_per_group, g->journal_blocks);
	if (m->options->folder && !m->options->dry)
		printf("; %" PRIu64 " files in %" PRIu64 " blocks", m->files, m->used);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct mkfs m = { .options = &options };

	parse_options(argc, argv, &options);
	m.now = mkfs_time();
	open_device(&m);
	plan(&m);
	if (!options.dry) {
		m.group = zalloc(m.geometry.groups * sizeof(*m.group));
		write_layout(&m);
		if (options.folder)
			populate(&m);
		write_supers(&m);
	}
	if (close(m.fd))
		fail(STATUS_FAILED, "cannot write %s: %s", options.device, strerror(errno));
	report(&m);
	return 0;
}
