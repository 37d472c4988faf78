// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* fsck.refdax: check a refdax filesystem on a device or in an image file, and repair it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsck.h"

/* One repair can bring another to light; more than this says that something is wrong with us. */
#define ROUNDS	10

const struct program program = { PROG, STATUS_FAILED };

static void usage(FILE *out)
{
	fputs("usage: " PROG " [-n|-p|-y] [-f] [-q] DEVICE\n"
	      "\n"
	      "Checks the refdax filesystem on DEVICE, a block device or a file, and repairs it.\n"
	      "It must not be mounted. A journal is replayed first.\n"
	      "\n"
	      "  -n             change nothing, only say what is wrong\n"
	      "  -p, -a         repair what loses nothing; believe a filesystem that says it is clean\n"
	      "  -y             repair everything\n"
	      "                 without any of them: ask, each time\n"
	      "  -f, --force    with -p: check even if it says that it is clean\n"
	      "  -q, --quiet    say only what is wrong\n"
	      "  -h, --help     this text\n"
	      "  -V, --version  the version of the on-disk format\n"
	      "\n"
	      "Exit status: 0 clean, 1 corrected, 4 errors left, 8 it could not be checked, 16 wrong usage.\n",
	      out);
}

static void set_mode(struct fsck *f, enum mode mode)
{
	if (f->mode != MODE_ASK && f->mode != mode)
		fail(STATUS_USAGE, "give one of -n, -p and -y");
	f->mode = mode;
}

static void parse_options(int argc, char **argv, struct fsck *f, bool *force)
{
	static const struct option table[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "npayfqhV", table, NULL)) != -1) {
		switch (c) {
		case 'n':
			set_mode(f, MODE_NO);
			break;
		case 'p':
		case 'a':
			set_mode(f, MODE_SAFE);
			break;
		case 'y':
			set_mode(f, MODE_YES);
			break;
		case 'f':
			*force = true;
			break;
		case 'q':
			f->quiet = true;
			break;
		case 'h':
			usage(stdout);
			exit(STATUS_CLEAN);
		case 'V':
			printf(PROG ": refdax format version %d\n", REFDAX_VERSION);
			exit(STATUS_CLEAN);
		default:
			fprintf(stderr, "Try \"" PROG " --help\".\n");
			exit(STATUS_USAGE);
		}
	}
	if (argc - optind != 1)
		fail(STATUS_USAGE, "give one device (or file), not %d; try \"" PROG " --help\"",
		     argc - optind);
	f->device = argv[optind];
	if (f->mode == MODE_ASK && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		fail(STATUS_USAGE, "there is no terminal to ask on: give -n, -p or -y");
}

static void open_device(struct fsck *f)
{
	uint64_t bytes;
	struct stat st;
	int busy;

	if (stat(f->device, &st))
		fail(STATUS_FAILED, "cannot find %s: %s", f->device, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		fail(STATUS_FAILED, "%s is neither a block device nor a file", f->device);
	/* O_EXCL on a block device fails if it is mounted or otherwise in use. */
	if (!may_write(f)) {
		f->fd = open(f->device, O_RDONLY | O_CLOEXEC);
		if (f->fd >= 0 && S_ISBLK(st.st_mode)) {
			busy = open(f->device, O_RDONLY | O_CLOEXEC | O_EXCL);
			if (busy < 0 && errno == EBUSY)
				fprintf(stderr, PROG ": %s is mounted, or in use by something else: what is found may be changes under way\n",
					f->device);
			else
				close(busy);
		}
	} else {
		f->fd = open(f->device, O_RDWR | O_CLOEXEC | (S_ISBLK(st.st_mode) ? O_EXCL : 0));
	}
	if (f->fd < 0)
		fail(STATUS_FAILED, "cannot open %s: %s%s", f->device, strerror(errno),
		     errno == EBUSY ? " (mounted, or in use by something else: unmount it first)" : "");
	if (S_ISREG(st.st_mode))
		bytes = st.st_size;
	else if (ioctl(f->fd, BLKGETSIZE64, &bytes))
		fail(STATUS_FAILED, "cannot get the size of %s: %s", f->device, strerror(errno));
	f->device_blocks = bytes / REFDAX_BLOCK_SIZE;
}

/* The passes, until there is nothing left to do. */
static void check(struct fsck *f)
{
	uint64_t left = f->left;

	for (f->round = 1; f->round <= ROUNDS; f->round++) {
		reset_groups(f);
		f->orphans = 0;
		f->lost.count = 0;
		check_inodes(f);
		check_orphans(f);
		repair_trees(f);
		check_directories(f);
		check_connections(f);
		check_links(f);
		if (!may_write(f))
			break;
		/* What was left would be asked for again, and leave the bitmaps doubtful. */
		if (f->left != left)
			return;
		if (!f->changed)
			break;
		flush_device(f);
		say(f, "checking again what was repaired");
	}
	if (f->round > ROUNDS)
		beyond_repair(f, "%d rounds were not enough", ROUNDS);
	else
		check_bitmaps(f);
}

static int finish(struct fsck *f)
{
	uint32_t state = le32toh(f->super.s_state);

	if (may_write(f) && !f->left) {
		flush_device(f);
		if (state != REFDAX_STATE_CLEAN) {
			f->super.s_state = htole32(REFDAX_STATE_CLEAN);
			store_super(f);
		}
		flush_device(f);
	}
	if (f->orphans)
		say(f, "%" PRIu64 " inodes were open when they were deleted: the next mount finishes that",
		    f->orphans);
	if (f->left)
		say(f, "%" PRIu64 " problems left%s", f->left,
		    f->mode == MODE_YES ? "" : "; -y repairs everything");
	else if (f->corrected)
		say(f, "%" PRIu64 " problems corrected", f->corrected);
	if (!f->left)
		say(f, "clean: %" PRIu64 " inodes, %" PRIu64 " of %" PRIu64 " blocks in use",
		    f->inodes_used, f->blocks_used, f->geometry.blocks);
	reset_groups(f);
	free(f->group);
	free(f->lost.block);
	if (fflush(stdout) || close(f->fd))
		fail(STATUS_FAILED, "cannot write: %s", strerror(errno));
	return f->left ? STATUS_LEFT : f->corrected ? STATUS_CORRECTED : STATUS_CLEAN;
}

int main(int argc, char **argv)
{
	/* Not on the stack: what it points to is in use up to exit(). */
	static struct fsck f;
	bool force = false;

	parse_options(argc, argv, &f, &force);
	open_device(&f);
	load_super(&f);
	if (f.mode == MODE_SAFE && !force && !f.corrected && !journal_in_use(&f) &&
	    le32toh(f.super.s_state) == REFDAX_STATE_CLEAN) {
		say(&f, "says that it is clean; -f checks it nevertheless");
		return STATUS_CLEAN;
	}
	if (check_journal(&f)) {
		/* The replay may have brought another superblock. */
		load_super(&f);
	} else if (may_write(&f)) {
		fail(STATUS_LEFT, "nothing can be checked before the journal is in order");
	}
	check_supers(&f);
	check(&f);
	return finish(&f);
}
