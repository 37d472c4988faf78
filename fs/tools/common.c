// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What mkfs.refdax and fsck.refdax share: checksums, and an empty journal. */
#include <string.h>

#include "common.h"

#define CRC32C_POLYNOMIAL	0x82f63b78	/* Castagnoli, reflected */

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	static uint32_t table[256];
	const uint8_t *p = data;
	unsigned int i, bit;

	if (!table[1]) {
		for (i = 0; i < 256; i++) {
			uint32_t value = i;

			for (bit = 0; bit < 8; bit++)
				value = value >> 1 ^ (value & 1 ? CRC32C_POLYNOMIAL : 0);
			table[i] = value;
		}
	}
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return crc;
}

uint32_t refdax_block_crc(uint32_t seed, const void *block)
{
	const struct refdax_header *header = block;
	size_t offset = offsetof(struct refdax_header, h_crc);
	uint32_t zero = 0, crc;

	crc = le32toh(header->h_magic) == REFDAX_MAGIC_SUPER ? ~0U : seed;
	crc = crc32c(crc, block, offset);
	crc = crc32c(crc, &zero, sizeof(zero));
	offset += sizeof(zero);
	return crc32c(crc, (const uint8_t *)block + offset, REFDAX_BLOCK_SIZE - offset);
}

uint32_t refdax_inode_crc(uint32_t seed, uint64_t ino, const struct refdax_inode *raw)
{
	uint64_t number = htole64(ino);
	uint32_t zero = 0, crc;

	crc = crc32c(seed, &number, sizeof(number));
	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, (const uint8_t *)raw + sizeof(zero), sizeof(*raw) - sizeof(zero));
}

uint32_t refdax_seed(const uint8_t uuid[16])
{
	return crc32c(~0U, uuid, 16);
}

uint32_t jbd2_super_crc(const struct jbd2_super *super)
{
	struct jbd2_super copy = *super;

	copy.s_checksum = 0;
	return htobe32(crc32c(~0U, &copy, sizeof(copy)));
}

void jbd2_init_super(struct jbd2_super *super, uint32_t blocks, const uint8_t uuid[16])
{
	super->h_magic = htobe32(JBD2_MAGIC);
	super->h_blocktype = htobe32(JBD2_SUPERBLOCK_V2);
	super->s_blocksize = htobe32(REFDAX_BLOCK_SIZE);
	/* Block numbers count from the start of the device, see journal.c of the module. */
	super->s_maxlen = htobe32(REFDAX_JOURNAL_BLOCK + blocks);
	super->s_first = htobe32(REFDAX_JOURNAL_BLOCK + 1);
	super->s_sequence = htobe32(1);
	super->s_feature_incompat = htobe32(JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT |
					    JBD2_INCOMPAT_CSUM_V3);
	super->s_checksum_type = JBD2_CRC32C;
	memcpy(super->s_uuid, uuid, sizeof(super->s_uuid));
	super->s_nr_users = htobe32(1);
}
