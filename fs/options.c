// SPDX-License-Identifier: GPL-2.0-only
/* Mount options: reading them, showing them, and remounts that change them. */
#include <linux/fs_context.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "refdax.h"

enum {
	REFDAX_OPT_DAX,
	REFDAX_OPT_DAX_ENUM,
	REFDAX_OPT_WRITE_FIX,
	REFDAX_OPT_ERRORS,
};

static const struct constant_table refdax_dax_values[] = {
	{ "inode", REFDAX_DAX_INODE },
	{ "always", REFDAX_DAX_ALWAYS },
	{ "never", REFDAX_DAX_NEVER },
	{}
};

static const struct constant_table refdax_write_fix_values[] = {
	{ "entry", REFDAX_FIX_ENTRY },
	{ "flush", REFDAX_FIX_FLUSH },
	{ "exclusive", REFDAX_FIX_EXCLUSIVE },
	{}
};

static const struct constant_table refdax_errors_values[] = {
	{ "continue", REFDAX_ERRORS_CONTINUE },
	{ "remount-ro", REFDAX_ERRORS_READ_ONLY },
	{ "panic", REFDAX_ERRORS_PANIC },
	{}
};

const struct fs_parameter_spec refdax_parameters[] = {
	fsparam_flag("dax", REFDAX_OPT_DAX),
	fsparam_enum("dax", REFDAX_OPT_DAX_ENUM, refdax_dax_values),
	fsparam_enum("errors", REFDAX_OPT_ERRORS, refdax_errors_values),
	fsparam_enum("write_fix", REFDAX_OPT_WRITE_FIX, refdax_write_fix_values),
	{}
};

static int refdax_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct refdax_options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, refdax_parameters, param, &result);

	switch (opt) {
	case REFDAX_OPT_DAX:
		options->dax = REFDAX_DAX_ALWAYS;
		options->dax_given = true;
		return 0;
	case REFDAX_OPT_DAX_ENUM:
		options->dax = result.uint_32;
		options->dax_given = true;
		return 0;
	case REFDAX_OPT_WRITE_FIX:
		options->write_fix = result.uint_32;
		options->write_fix_given = true;
		return 0;
	case REFDAX_OPT_ERRORS:
		options->errors = result.uint_32;
		options->errors_given = true;
		return 0;
	default:
		return opt;
	}
}

int refdax_show_options(struct seq_file *seq, struct dentry *root)
{
	struct refdax_sb_info *sbi = REFDAX_SB(root->d_sb);

	seq_printf(seq, ",dax=%s,write_fix=%s,errors=%s",
		   refdax_dax_values[sbi->s_dax_option].name,
		   refdax_write_fix_values[sbi->s_write_fix].name,
		   refdax_errors_values[sbi->s_errors].name);
	if (refdax_is_shut_down(root->d_sb))
		seq_puts(seq, ",shutdown");
	if (test_bit(REFDAX_SB_READ_ONLY, &sbi->s_flags))
		seq_puts(seq, ",emergency_ro");
	return 0;
}

static int refdax_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_options *options = fc->fs_private;
	bool ro = fc->sb_flags & SB_RDONLY;
	int err;

	/*
	 * Inodes in memory have their modes by it, and may be in use: 829b37b8cddb
	 * ("ext4: avoid race conditions when remounting with options that change dax").
	 */
	if (options->dax_given && options->dax != sbi->s_dax_option)
		return invalf(fc, "refdax: a remount cannot change dax=%s: unmount, then mount with another",
			      refdax_dax_values[sbi->s_dax_option].name);
	if (refdax_is_shut_down(sb)) {
		errorf(fc, "refdax: it was shut down: unmount it");
		return -EIO;
	}
	if (!ro && test_bit(REFDAX_SB_READ_ONLY, &sbi->s_flags)) {
		errorf(fc, "refdax: damage made it read-only (errors=remount-ro): unmount it and run fsck.refdax");
		return -EROFS;
	}
	err = sync_filesystem(sb);
	/* After an abort nothing can be written, so that being read-only lacks nothing. */
	if (ro && refdax_journal_aborted(sb))
		err = 0;
	else if (!err && ro && !sb_rdonly(sb))
		err = refdax_journal_freeze(sb) ?: refdax_write_super(sb, true);
	if (err)
		return err;
	if (!ro && sb_rdonly(sb)) {
		if (refdax_journal_aborted(sb)) {
			errorf(fc, "refdax: the journal was aborted: unmount it and run fsck.refdax");
			return -EROFS;
		}
		if (!sbi->s_journal) {
			errorf(fc, "refdax: the journal was not opened because the device is read-only: unmount, then mount again");
			return -EROFS;
		}
		if (le64_to_cpu(sbi->s_super->s_ro_compat) & ~REFDAX_RO_COMPAT_ALL) {
			errorf(fc, "refdax: unknown read-only features 0x%llx forbid writing",
			       le64_to_cpu(sbi->s_super->s_ro_compat));
			return -EROFS;
		}
		sb->s_flags &= ~SB_RDONLY;
		err = refdax_start_writing(sb);
		if (err) {
			sb->s_flags |= SB_RDONLY;
			return err;
		}
	}
	/* Writes read it once each, so that it may change between two. */
	if (options->write_fix_given)
		WRITE_ONCE(sbi->s_write_fix, options->write_fix);
	if (options->errors_given)
		WRITE_ONCE(sbi->s_errors, options->errors);
	return 0;
}

static void refdax_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations refdax_context_operations = {
	.parse_param	= refdax_parse_param,
	.get_tree	= refdax_get_tree,
	.reconfigure	= refdax_reconfigure,
	.free		= refdax_free_fc,
};

int refdax_init_fs_context(struct fs_context *fc)
{
	fc->fs_private = kzalloc(sizeof(struct refdax_options), GFP_KERNEL);
	if (!fc->fs_private)
		return -ENOMEM;
	fc->ops = &refdax_context_operations;
	return 0;
}
