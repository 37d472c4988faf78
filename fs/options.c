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
};

enum {
	REFDAX_DAX_ALWAYS,
	REFDAX_DAX_NEVER,
	REFDAX_DAX_INODE,
};

static const struct constant_table refdax_dax_values[] = {
	{ "always", REFDAX_DAX_ALWAYS },
	{ "never", REFDAX_DAX_NEVER },
	{ "inode", REFDAX_DAX_INODE },
	{}
};

static const struct constant_table refdax_write_fix_values[] = {
	{ "entry", REFDAX_FIX_ENTRY },
	{ "flush", REFDAX_FIX_FLUSH },
	{ "exclusive", REFDAX_FIX_EXCLUSIVE },
	{}
};

const struct fs_parameter_spec refdax_parameters[] = {
	fsparam_flag("dax", REFDAX_OPT_DAX),
	fsparam_enum("dax", REFDAX_OPT_DAX_ENUM, refdax_dax_values),
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
		return 0;
	case REFDAX_OPT_DAX_ENUM:
		if (result.uint_32 != REFDAX_DAX_ALWAYS)
			return invalf(fc, "refdax: dax=%s is not supported yet: every regular file is DAX (dax=always)",
				      refdax_dax_values[result.uint_32].name);
		return 0;
	case REFDAX_OPT_WRITE_FIX:
		options->write_fix = result.uint_32;
		options->write_fix_given = true;
		return 0;
	default:
		return opt;
	}
}

int refdax_show_options(struct seq_file *seq, struct dentry *root)
{
	struct refdax_sb_info *sbi = REFDAX_SB(root->d_sb);

	seq_printf(seq, ",dax=always,write_fix=%s",
		   refdax_write_fix_values[sbi->s_write_fix].name);
	return 0;
}

static int refdax_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_options *options = fc->fs_private;
	bool ro = fc->sb_flags & SB_RDONLY;
	int err;

	err = sync_filesystem(sb);
	if (err)
		return err;
	if (ro && !sb_rdonly(sb)) {
		err = refdax_journal_freeze(sb);
		if (err)
			return err;
		refdax_write_super(sb, true);
	} else if (!ro && sb_rdonly(sb)) {
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
