// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes of superblock, bitmaps and the journal's superblock. */
#include <string.h>

#include "fields.h"

static const struct field super_fields[] = {
	FIELD(refdax_super, s_version, FIXED), FIELD(refdax_super, s_block_size, FIXED),
	FIELD(refdax_super, s_compat, JUDGED), FIELD(refdax_super, s_ro_compat, JUDGED),
	FIELD(refdax_super, s_incompat, JUDGED), FIELD(refdax_super, s_uuid, FIXED),
	FIELD(refdax_super, s_label, FREE), FIELD(refdax_super, s_blocks, FIXED),
	FIELD(refdax_super, s_journal_block, FIXED), FIELD(refdax_super, s_journal_blocks, FIXED),
	FIELD(refdax_super, s_blocks_per_group, FIXED),
	FIELD(refdax_super, s_inodes_per_group, FIXED), FIELD(refdax_super, s_inode_size, FIXED),
	FIELD(refdax_super, s_groups, FIXED), FIELD(refdax_super, s_state, JUDGED),
	FIELD(refdax_super, s_hash_key, FIXED), FIELD(refdax_super, s_mkfs_time, FIXED),
	FIELD(refdax_super, s_mount_time, JUDGED), FIELD(refdax_super, s_mount_count, JUDGED),
	FIELD(refdax_super, s_reserved, FIXED),
};

static const struct field bitmap_fields[] = {
	FIELD(refdax_bitmap, b_reserved, FIXED), FIELD(refdax_bitmap, b_bits, FIXED),
	FIELD(refdax_bitmap, b_bits, FIXED), FIELD(refdax_bitmap, b_bits, FIXED),
};

static const struct field log_super_fields[] = {
	FIELD(jbd2_super, h_magic, FIXED), FIELD(jbd2_super, h_blocktype, FIXED),
	FIELD(jbd2_super, h_sequence, FREE), FIELD(jbd2_super, s_blocksize, FIXED),
	FIELD(jbd2_super, s_maxlen, FIXED), FIELD(jbd2_super, s_first, FIXED),
	FIELD(jbd2_super, s_sequence, JUDGED), FIELD(jbd2_super, s_start, JUDGED),
	FIELD(jbd2_super, s_errno, FIXED), FIELD(jbd2_super, s_feature_compat, FIXED),
	FIELD(jbd2_super, s_feature_incompat, FIXED),
	FIELD(jbd2_super, s_feature_ro_compat, FIXED), FIELD(jbd2_super, s_uuid, FIXED),
	FIELD(jbd2_super, s_nr_users, FREE), FIELD(jbd2_super, s_dynsuper, FREE),
	FIELD(jbd2_super, s_max_transaction, FREE), FIELD(jbd2_super, s_max_trans_data, FREE),
	FIELD(jbd2_super, s_checksum_type, FIXED), FIELD(jbd2_super, s_num_fc_blocks, FIXED),
	FIELD(jbd2_super, s_head, FREE), FIELD(jbd2_super, s_padding, FREE),
	FIELD(jbd2_super, s_users, FREE),
};

void change_super(const struct image *image, struct change *c)
{
	const struct field *field = &super_fields[random_below(COUNT(super_fields))];
	bool backup = c->target.class == BACKUP;

	if (change_header(c)) {
		choose_value(image, c);
		return;
	}
	set_field(c, field, 0);
	choose_value(image, c);
	if (field->rule != JUDGED)
		return;
	if (strstr(field->name, "compat")) {
		uint64_t known = !strcmp(field->name, "s_compat") ? REFDAX_COMPAT_ALL :
				 !strcmp(field->name, "s_incompat") ? REFDAX_INCOMPAT_ALL :
								      REFDAX_RO_COMPAT_ALL;

		/* Damage that no newer program can have made comes first. */
		if (!backup && c->new & ~known &&
		    (strcmp(field->name, "s_incompat") || c->new & REFDAX_INCOMPAT_HASHDIR))
			c->expect = REFUSED;
	} else if (!strcmp(field->name, "s_state")) {
		if (!backup && !(c->new & ~(REFDAX_STATE_CLEAN | REFDAX_STATE_ERRORS)))
			c->expect = MEANINGLESS;
	} else if (!backup) {
		c->expect = MEANINGLESS;	/* of the last mount */
	}
}

void change_bitmap(const struct image *image, struct change *c)
{
	if (!change_header(c))
		set_field(c, &bitmap_fields[random_below(COUNT(bitmap_fields))], 0);
	choose_value(image, c);
}

void change_log_super(const struct image *image, struct change *c)
{
	const struct field *field = &log_super_fields[random_below(COUNT(log_super_fields))];
	uint32_t new;

	set_field(c, field, 0);
	choose_value(image, c);
	if (field->rule != JUDGED)
		return;
	new = be32toh((uint32_t)c->new);
	if (!strcmp(field->name, "s_sequence")) {
		/* It may as well be that nothing was logged since the mount. */
		if (!image->log_start)
			c->expect = (int32_t)(image->last_sequence - new) >= 0 ? UNDECIDABLE :
										 MEANINGLESS;
		else if ((int32_t)(image->last_sequence - new) < 0)
			c->expect = UNDECIDABLE;
	} else if (!image->log_start && new > REFDAX_JOURNAL_BLOCK && new < image->log_end) {
		c->expect = MEANINGLESS;
	}
}
