// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsck.refdax: the journal. It is replayed as fs/jbd2/recovery.c does it: once
 * through the log to find its end, once for what was revoked, once to copy the
 * blocks of complete transactions home.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fsck.h"

/* Kinds of block in the log, and flags of a tag: include/linux/jbd2.h. */
#define JBD2_DESCRIPTOR		1
#define JBD2_COMMIT		2
#define JBD2_REVOKE		5
#define JBD2_FLAG_ESCAPE	1
#define JBD2_FLAG_SAME_UUID	2
#define JBD2_FLAG_LAST_TAG	8

struct jbd2_header {
	uint32_t h_magic;
	uint32_t h_blocktype;
	uint32_t h_sequence;
};

/* As JBD2_INCOMPAT_CSUM_V3 has it. */
struct jbd2_tag {
	uint32_t t_block;
	uint32_t t_flags;
	uint32_t t_block_high;
	uint32_t t_checksum;
};

struct jbd2_commit {
	struct jbd2_header c_header;
	uint8_t c_checksum_type;
	uint8_t c_checksum_size;
	uint8_t c_padding[2];
	uint32_t c_checksum[8];
};

#define INCOMPAT_KNOWN	(JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT | JBD2_INCOMPAT_CSUM_V3)

struct revoked {
	uint64_t block;
	uint32_t sequence;
};

struct log {
	uint32_t seed;
	uint32_t first, end;		/* blocks of the log, [first, end) */
	uint32_t start, sequence;	/* where it begins */
	uint32_t stop;			/* sequence of the first transaction that is not complete */
	struct revoked *revoked;
	size_t revokes, room;
	uint64_t copied;
	uint64_t bad;			/* blocks that cannot be copied home */
	const char *what;		/* is wrong where the log stops, NULL if that can be its end */
	uint32_t newest;		/* sequence of the last transaction with a good commit block */
};

static bool read_journal_super(struct fsck *f, struct jbd2_super *super)
{
	uint8_t block[REFDAX_BLOCK_SIZE];

	if (!read_block(f, REFDAX_JOURNAL_BLOCK, block))
		return false;
	memcpy(super, block, sizeof(*super));
	return true;
}

/* In its block, whose rest stays as it is. */
static void write_journal_super(struct fsck *f, struct jbd2_super *super)
{
	uint8_t block[REFDAX_BLOCK_SIZE];

	if (!read_block(f, REFDAX_JOURNAL_BLOCK, block))
		memset(block, 0, sizeof(block));
	super->s_checksum = jbd2_super_crc(super);
	memcpy(block, super, sizeof(*super));
	write_block(f, REFDAX_JOURNAL_BLOCK, block);
}

static const char *journal_super_problem(struct fsck *f, const struct jbd2_super *super)
{
	uint32_t end = REFDAX_JOURNAL_BLOCK + f->geometry.journal_blocks, start = be32toh(super->s_start);

	if (be32toh(super->h_magic) != JBD2_MAGIC ||
	    be32toh(super->h_blocktype) != JBD2_SUPERBLOCK_V2)
		return "is none";
	if (super->s_checksum != jbd2_super_crc(super))
		return "has a wrong checksum";
	if (be32toh(super->s_blocksize) != REFDAX_BLOCK_SIZE ||
	    be32toh(super->s_maxlen) != end ||
	    be32toh(super->s_first) != REFDAX_JOURNAL_BLOCK + 1 ||
	    (start && (start <= REFDAX_JOURNAL_BLOCK || start >= end)))
		return "describes an impossible layout";
	if (be32toh(super->s_feature_incompat) != INCOMPAT_KNOWN ||
	    super->s_feature_compat || super->s_feature_ro_compat || super->s_num_fc_blocks ||
	    super->s_checksum_type != JBD2_CRC32C)
		return "has features that are not refdax's";
	/* The checksums of the log depend on it. */
	if (memcmp(super->s_uuid, f->super.s_uuid, sizeof(super->s_uuid)))
		return "has another UUID than the filesystem";
	return NULL;
}

/* The checksum in the last four bytes of a descriptor or revoke block. */
static bool tail_good(const struct log *log, const uint8_t *block)
{
	static const uint32_t zero;
	uint32_t crc, stored;

	memcpy(&stored, block + REFDAX_BLOCK_SIZE - 4, 4);
	crc = crc32c(log->seed, block, REFDAX_BLOCK_SIZE - 4);
	crc = crc32c(crc, &zero, 4);
	return be32toh(stored) == crc;
}

static bool commit_good(const struct log *log, const uint8_t *block)
{
	uint8_t copy[REFDAX_BLOCK_SIZE];
	struct jbd2_commit *commit = (struct jbd2_commit *)copy;
	uint32_t stored;

	memcpy(copy, block, sizeof(copy));
	stored = be32toh(commit->c_checksum[0]);
	commit->c_checksum[0] = 0;
	return stored == crc32c(log->seed, copy, sizeof(copy));
}

/* The tag at *@offset, which moves on. False: there is no more. */
static bool next_tag(const uint8_t *block, size_t *offset, bool *last, struct jbd2_tag *tag)
{
	if (*last || *offset + sizeof(*tag) > REFDAX_BLOCK_SIZE - 4)
		return false;
	memcpy(tag, block + *offset, sizeof(*tag));
	*offset += sizeof(*tag);
	if (!(be32toh(tag->t_flags) & JBD2_FLAG_SAME_UUID))
		*offset += 16;
	*last = be32toh(tag->t_flags) & JBD2_FLAG_LAST_TAG;
	return true;
}

static bool was_revoked(const struct log *log, uint64_t block, uint32_t sequence)
{
	size_t low = 0, high = log->revokes;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (log->revoked[middle].block < block)
			low = middle + 1;
		else
			high = middle;
	}
	/* Sequence numbers may wrap: compare their distance. */
	for (; low < log->revokes && log->revoked[low].block == block; low++)
		if ((int32_t)(log->revoked[low].sequence - sequence) >= 0)
			return true;
	return false;
}

static int compare_revoked(const void *a, const void *b)
{
	const struct revoked *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

static void collect_revokes(struct log *log, const uint8_t *block, uint32_t sequence)
{
	uint32_t used, offset;

	memcpy(&used, block + sizeof(struct jbd2_header), 4);
	used = be32toh(used);
	if (used > REFDAX_BLOCK_SIZE - 4) {
		log->bad++;
		return;
	}
	for (offset = 16; offset + 8 <= used; offset += 8) {
		uint64_t number;

		memcpy(&number, block + offset, 8);
		log->revoked = grow(log->revoked, log->revokes, &log->room, sizeof(*log->revoked));
		log->revoked[log->revokes].block = be64toh(number);
		log->revoked[log->revokes++].sequence = sequence;
	}
}

static void copy_home(struct fsck *f, struct log *log, const struct jbd2_tag *tag,
		      uint32_t sequence, uint32_t from)
{
	uint64_t home = (uint64_t)be32toh(tag->t_block_high) << 32 | be32toh(tag->t_block);
	uint32_t stamp = htobe32(sequence), magic = htobe32(JBD2_MAGIC);
	uint8_t data[REFDAX_BLOCK_SIZE];

	if (was_revoked(log, home, sequence))
		return;
	if (home >= f->geometry.blocks || (home >= REFDAX_JOURNAL_BLOCK &&
				  home < REFDAX_JOURNAL_BLOCK + f->geometry.journal_blocks) ||
	    !read_block(f, from, data) ||
	    crc32c(crc32c(log->seed, &stamp, 4), data, sizeof(data)) != be32toh(tag->t_checksum)) {
		log->bad++;
		return;
	}
	if (be32toh(tag->t_flags) & JBD2_FLAG_ESCAPE)
		memcpy(data, &magic, 4);
	overlay_set(f, home, data);
	log->copied++;
}

enum pass { SCAN, REVOKE, REPLAY };

static uint32_t advance(const struct log *log, uint32_t block, uint32_t by)
{
	block += by;
	return block >= log->end ? block - (log->end - log->first) : block;
}

/* Go along the log once. It is no longer than the blocks that it has. */
static void log_pass(struct fsck *f, struct log *log, enum pass pass)
{
	uint32_t at = log->start, sequence = log->sequence, left = log->end - log->first;
	uint8_t block[REFDAX_BLOCK_SIZE];

	while (left && (pass == SCAN || sequence != log->stop)) {
		const struct jbd2_header *header = (struct jbd2_header *)block;
		size_t offset = sizeof(*header);
		struct jbd2_tag tag;
		bool last = false;

		if (!read_block(f, at, block) || be32toh(header->h_magic) != JBD2_MAGIC ||
		    be32toh(header->h_sequence) != sequence)
			break;
		log->what = "has a block of no known kind";
		at = advance(log, at, 1);
		left--;
		switch (be32toh(header->h_blocktype)) {
		case JBD2_DESCRIPTOR:
			log->what = "has a descriptor block with a wrong checksum";
			if (!tail_good(log, block))
				goto out;
			while (left && next_tag(block, &offset, &last, &tag)) {
				if (pass == REPLAY)
					copy_home(f, log, &tag, sequence, at);
				at = advance(log, at, 1);
				left--;
			}
			break;
		case JBD2_REVOKE:
			log->what = "has a revocation block with a wrong checksum";
			if (!tail_good(log, block))
				goto out;
			if (pass == REVOKE)
				collect_revokes(log, block, sequence);
			break;
		case JBD2_COMMIT:
			log->what = "has a commit block with a wrong checksum";
			if (!commit_good(log, block))
				goto out;
			sequence++;
			break;
		default:
			goto out;
		}
		log->what = NULL;
	}
out:
	if (pass == SCAN)
		log->stop = sequence;
}

/*
 * Where the log stops may be its end, or something that was damaged: then a commit block of
 * that transaction, or of a later one, is somewhere behind. Those of earlier rounds
 * through the log have smaller numbers.
 */
static void look_behind(struct fsck *f, struct log *log)
{
	uint8_t block[REFDAX_BLOCK_SIZE];
	const struct jbd2_header *header = (struct jbd2_header *)block;
	uint32_t at;

	log->newest = log->stop - 1;
	for (at = log->first; at < log->end; at++) {
		if (!read_block(f, at, block) || be32toh(header->h_magic) != JBD2_MAGIC ||
		    be32toh(header->h_blocktype) != JBD2_COMMIT ||
		    (int32_t)(be32toh(header->h_sequence) - log->newest) <= 0 ||
		    !commit_good(log, block))
			continue;
		log->newest = be32toh(header->h_sequence);
		if (!log->what)
			log->what = "is damaged, and a later part of it was committed";
	}
}

static void replay(struct fsck *f, struct jbd2_super *super)
{
	struct log log = {
		.seed = crc32c(~0U, super->s_uuid, sizeof(super->s_uuid)),
		.first = be32toh(super->s_first),
		.end = be32toh(super->s_maxlen),
		.start = be32toh(super->s_start),
		.sequence = be32toh(super->s_sequence),
	};

	log_pass(f, &log, SCAN);
	look_behind(f, &log);
	if (log.what &&
	    !problem(f, LOSSY, "transaction %u of the journal %s: it and what follows cannot be replayed",
		     log.stop, log.what) && may_write(f))
		fail(STATUS_LEFT, "nothing can be checked before the journal is in order");
	log_pass(f, &log, REVOKE);
	if (log.revokes)
		qsort(log.revoked, log.revokes, sizeof(*log.revoked), compare_revoked);
	log_pass(f, &log, REPLAY);
	free(log.revoked);
	if (log.bad &&
	    !problem(f, LOSSY, "%" PRIu64 " blocks of the journal are damaged and cannot be replayed; what that leaves behind is looked for",
		     log.bad) && may_write(f))
		fail(STATUS_LEFT, "nothing can be checked before the journal is in order");
	say(f, "%s the journal: %u transactions, %" PRIu64 " blocks",
	    may_write(f) ? "replayed" : "as if replayed (-n writes nothing):",
	    log.stop - log.sequence, log.copied);
	if (!may_write(f))
		return;
	overlay_apply(f);
	flush_device(f);
	super->s_start = 0;
	/* Not one that an old block in the log has: that could be taken for a new one. */
	super->s_sequence = htobe32(log.newest + 2);
	write_journal_super(f, super);
	flush_device(f);
}

/* Nothing is to be replayed: then nothing was committed with a number still to come. */
static void check_empty_log(struct fsck *f, struct jbd2_super *super)
{
	struct log log = {
		.seed = crc32c(~0U, super->s_uuid, sizeof(super->s_uuid)),
		.first = be32toh(super->s_first),
		.end = be32toh(super->s_maxlen),
		.stop = be32toh(super->s_sequence),
	};

	look_behind(f, &log);
	if (log.newest == log.stop - 1 ||
	    !problem(f, LOSSY, "the journal has transactions up to %u, which its superblock does not know of; they cannot be replayed",
		     log.newest))
		return;
	super->s_sequence = htobe32(log.newest + 2);
	write_journal_super(f, super);
}

/*
 * All of it but where the log starts is known. That is believed if what is there
 * begins the transaction that is to come first. Else the log is lost.
 */
static bool log_starts(struct fsck *f, const struct jbd2_super *super)
{
	uint8_t block[REFDAX_BLOCK_SIZE];
	const struct jbd2_header *header = (struct jbd2_header *)block;
	const struct log log = {
		.seed = crc32c(~0U, f->super.s_uuid, sizeof(f->super.s_uuid)),
	};
	uint32_t start = be32toh(super->s_start), type;

	if (start <= REFDAX_JOURNAL_BLOCK ||
	    start >= REFDAX_JOURNAL_BLOCK + f->geometry.journal_blocks ||
	    !read_block(f, start, block))
		return false;
	type = be32toh(header->h_blocktype);
	return be32toh(header->h_magic) == JBD2_MAGIC &&
	       (type == JBD2_DESCRIPTOR || type == JBD2_REVOKE) &&
	       header->h_sequence == super->s_sequence && tail_good(&log, block);
}

static void new_journal_super(struct fsck *f, struct jbd2_super *super)
{
	uint32_t start = super->s_start, sequence = super->s_sequence, i;
	uint8_t zeroes[REFDAX_BLOCK_SIZE] = { 0 };
	bool keep = log_starts(f, super);

	/* Old log blocks with a matching sequence number could be taken for new ones. */
	for (i = 1; i < f->geometry.journal_blocks && !keep && may_write(f); i++)
		write_block(f, REFDAX_JOURNAL_BLOCK + i, zeroes);
	memset(super, 0, sizeof(*super));
	jbd2_init_super(super, f->geometry.journal_blocks, f->super.s_uuid);
	if (keep) {
		super->s_start = start;
		super->s_sequence = sequence;
	}
	if (may_write(f))
		write_journal_super(f, super);
}

bool journal_in_use(struct fsck *f)
{
	struct jbd2_super super;

	return !read_journal_super(f, &super) || journal_super_problem(f, &super) ||
	       super.s_start || super.s_errno;
}

bool check_journal(struct fsck *f)
{
	struct jbd2_super super = { 0 };
	const char *what = "cannot be read";

	if (read_journal_super(f, &super))
		what = journal_super_problem(f, &super);
	if (what) {
		if (!problem(f, LOSSY, "the journal's superblock, block %d, %s; it is made anew, and %s",
			     REFDAX_JOURNAL_BLOCK, what, log_starts(f, &super) ?
			     "what the journal holds is replayed" :
			     "if the journal holds something that is lost") && may_write(f))
			return false;
		new_journal_super(f, &super);
	}
	if (super.s_start)
		replay(f, &super);
	else
		check_empty_log(f, &super);
	if (super.s_errno &&
	    problem(f, SAFE, "the journal was aborted in an earlier mount: changes after that are lost")) {
		super.s_errno = 0;
		write_journal_super(f, &super);
	}
	return true;
}
