/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What mkfs.refdax, fsck.refdax and refdax-debug share. */
#ifndef REFDAX_TOOLS_COMMON_H
#define REFDAX_TOOLS_COMMON_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../refdax_fs.h"

/* crc32c as the kernel's crc32c(): no inversion before or after. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* Checksum of a block that begins with a struct refdax_header. @seed: of the filesystem. */
uint32_t refdax_block_crc(uint32_t seed, const void *block);
uint32_t refdax_inode_crc(uint32_t seed, uint64_t ino, const struct refdax_inode *raw);
/* What every checksum but the superblock's is seeded with. */
uint32_t refdax_seed(const uint8_t uuid[16]);

/*
 * jbd2's superblock, as in the kernel's include/linux/jbd2.h; all big-endian.
 */
#define JBD2_MAGIC		0xc03b3998
#define JBD2_SUPERBLOCK_V2	4
#define JBD2_INCOMPAT_REVOKE	0x00000001
#define JBD2_INCOMPAT_64BIT	0x00000002
#define JBD2_INCOMPAT_CSUM_V3	0x00000010
#define JBD2_CRC32C		4

struct jbd2_super {
	uint32_t h_magic;
	uint32_t h_blocktype;
	uint32_t h_sequence;
	uint32_t s_blocksize;
	uint32_t s_maxlen;		/* number of the first block behind the journal */
	uint32_t s_first;		/* first block of the log */
	uint32_t s_sequence;		/* of the first transaction expected */
	uint32_t s_start;		/* block where the log starts; 0: nothing to replay */
	uint32_t s_errno;
	uint32_t s_feature_compat;
	uint32_t s_feature_incompat;
	uint32_t s_feature_ro_compat;
	uint8_t s_uuid[16];
	uint32_t s_nr_users;
	uint32_t s_dynsuper;
	uint32_t s_max_transaction;
	uint32_t s_max_trans_data;
	uint8_t s_checksum_type;
	uint8_t s_padding2[3];
	uint32_t s_num_fc_blocks;
	uint32_t s_head;
	uint32_t s_padding[40];
	uint32_t s_checksum;
	uint8_t s_users[16 * 48];
};
REFDAX_SIZE_ASSERT(struct jbd2_super, 1024);

/* Computed as jbd2_superblock_csum(); in the order of the medium. */
uint32_t jbd2_super_crc(const struct jbd2_super *super);
/* The superblock of an empty journal of so many blocks. @super is zero; its checksum is left out. */
void jbd2_init_super(struct jbd2_super *super, uint32_t blocks, const uint8_t uuid[16]);
/* Whether this block, the journal's first one, is a superblock of the filesystem @uuid. */
bool jbd2_super_is_of(const void *block, const uint8_t uuid[16]);

/* Each program defines it. */
struct program {
	const char *name;
	int failed;		/* exit status when a device or the memory fails */
};
extern const struct program program;

/* The program's name, the message, a newline; to stderr, after what is on stdout. Exits. */
void __attribute__((noreturn, format(printf, 2, 3))) fail(int status, const char *fmt, ...);
/* Zeroed memory. The caller frees it. */
void *zalloc(size_t size);
/* @array with room for one more than @count elements of @size bytes; *@room is what it has. */
void *grow(void *array, size_t count, size_t *room, size_t size);

/* Where everything is, from the superblock. */
struct geometry {
	uint64_t blocks;
	uint32_t groups;
	uint32_t journal_blocks;
	uint32_t inodes_per_group;
	bool backups;		/* REFDAX_COMPAT_BACKUP */
};

/* Of a superblock that super_layout_problem() finds nothing wrong with. */
void geometry_init(struct geometry *g, const struct refdax_super *super);
/* What is wrong with a superblock, but for its checksum; NULL if nothing is. */
const char *super_layout_problem(const struct refdax_super *super);
/* First block of a group's own metadata: the block bitmap. */
uint64_t group_meta(const struct geometry *g, uint32_t group);
/* Blocks of a group, backup superblock included. */
uint32_t group_length(const struct geometry *g, uint32_t group);
/* Blocks of a group from its first on that files may have, or its own metadata has. */
uint32_t group_end(const struct geometry *g, uint32_t group);
/* First block of a group, counted from its start, that files may have. */
uint32_t group_first_data(const struct geometry *g, uint32_t group);
/* The group's backup superblock, 0 if it has none. */
uint64_t group_backup(const struct geometry *g, uint32_t group);
/* All blocks are in one group, and none belongs to the filesystem itself. */
bool geometry_blocks_valid(const struct geometry *g, uint64_t start, uint64_t count);
bool geometry_ino_valid(const struct geometry *g, uint64_t ino);
/* Block of the table with inode @ino, which is its entry *@index. */
uint64_t geometry_inode_block(const struct geometry *g, uint64_t ino, unsigned int *index);

/* The name's key in a directory's tree. */
uint64_t refdax_hash_name(const struct refdax_super *super, const char *name, size_t size);

#endif
