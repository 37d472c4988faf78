// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories: blocks of packed entries, sorted by hash, found through the
 * directory's extent tree with the hash as key (see refdax_fs.h).
 *
 * The directory's i_rwsem, which the VFS takes for every operation here, keeps
 * readers and writers of the blocks apart.
 */
#include <linux/iversion.h>
#include <linux/slab.h>

#include "refdax.h"

#define REFDAX_DIR_BYTES	sizeof_field(struct refdax_dir_block, db_data)

/* Positions of readdir: 0 and 1 are "." and "..", an entry is at its hash + 2. */
#define REFDAX_POS_FIRST	2
#define REFDAX_POS_END		LLONG_MAX

static u64 refdax_hash(struct super_block *sb, const struct qstr *name)
{
	return siphash(name->name, name->len, &REFDAX_SB(sb)->s_hash_key) >> REFDAX_HASH_SHIFT;
}

static unsigned int refdax_dirent_size(unsigned int name_len)
{
	return sizeof(struct refdax_dirent) + name_len;
}

static struct refdax_dir_block *refdax_bh_dir(struct buffer_head *bh)
{
	return (struct refdax_dir_block *)bh->b_data;
}

static struct refdax_dirent *refdax_dirent_at(struct refdax_dir_block *db, unsigned int offset)
{
	return (struct refdax_dirent *)(db->db_data + offset);
}

/* The entries of a block that has just been read. */
static int refdax_check_dir_block(struct inode *dir, struct refdax_dir_block *db, u64 key)
{
	unsigned int used = le16_to_cpu(db->db_used), offset = 0, count = 0;
	struct super_block *sb = dir->i_sb;
	u64 previous = key;

	if (used > REFDAX_DIR_BYTES)
		goto damaged;
	while (offset < used) {
		struct refdax_dirent *d = refdax_dirent_at(db, offset);

		if (used - offset < sizeof(*d) || !d->d_name_len ||
		    used - offset < refdax_dirent_size(d->d_name_len) ||
		    le64_to_cpu(d->d_hash) < previous ||
		    le64_to_cpu(d->d_hash) >> (64 - REFDAX_HASH_SHIFT) ||
		    !refdax_ino_valid(sb, le64_to_cpu(d->d_ino)) || d->d_type > DT_SOCK ||
		    memchr(d->d_name, '/', d->d_name_len) || memchr(d->d_name, 0, d->d_name_len))
			goto damaged;
		previous = le64_to_cpu(d->d_hash);
		offset += refdax_dirent_size(d->d_name_len);
		count++;
	}
	if (count == le16_to_cpu(db->db_count) && !db->db_reserved)
		return 0;
damaged:
	return refdax_damage(sb, "directory %llu: entry %u of the block for hashes from 0x%llx is invalid",
			     (u64)dir->i_ino, count, key);
}

static struct buffer_head *refdax_dir_read(struct inode *dir, u64 key, u64 block)
{
	struct buffer_head *bh;
	bool fresh;
	int err;

	bh = refdax_read_block(dir->i_sb, block, REFDAX_MAGIC_DIR, dir->i_ino,
			       dir->i_generation, &fresh);
	if (IS_ERR(bh) || !fresh)
		return bh;
	err = refdax_check_dir_block(dir, refdax_bh_dir(bh), key);
	if (err) {
		brelse(bh);
		return ERR_PTR(err);
	}
	refdax_set_verified(bh);
	return bh;
}

/* The block in which entries of @hash are, or belong. -ENOENT: the directory has none. */
static struct buffer_head *refdax_dir_block(struct inode *dir, u64 hash, u64 *key)
{
	u64 block;
	int err;

	err = refdax_map_floor(dir, hash, key, &block);
	return err ? ERR_PTR(err) : refdax_dir_read(dir, *key, block);
}

/* Offset of the first entry with at least @hash; db_used if there is none. */
static unsigned int refdax_dir_seek(struct refdax_dir_block *db, u64 hash)
{
	unsigned int used = le16_to_cpu(db->db_used), offset = 0;

	while (offset < used) {
		struct refdax_dirent *d = refdax_dirent_at(db, offset);

		if (le64_to_cpu(d->d_hash) >= hash)
			break;
		offset += refdax_dirent_size(d->d_name_len);
	}
	return offset;
}

static struct refdax_dirent *refdax_dir_match(struct refdax_dir_block *db, u64 hash,
					      const struct qstr *name)
{
	unsigned int used = le16_to_cpu(db->db_used), offset = refdax_dir_seek(db, hash);

	while (offset < used) {
		struct refdax_dirent *d = refdax_dirent_at(db, offset);

		if (le64_to_cpu(d->d_hash) != hash)
			break;
		if (d->d_name_len == name->len && !memcmp(d->d_name, name->name, name->len))
			return d;
		offset += refdax_dirent_size(d->d_name_len);
	}
	return NULL;
}

/* The block and in it the entry of a name. The caller releases the buffer. */
static struct buffer_head *refdax_dir_lookup(struct inode *dir, const struct qstr *name,
					     u64 *key, struct refdax_dirent **d)
{
	u64 hash = refdax_hash(dir->i_sb, name);
	struct buffer_head *bh = refdax_dir_block(dir, hash, key);

	if (IS_ERR(bh))
		return bh;
	*d = refdax_dir_match(refdax_bh_dir(bh), hash, name);
	if (*d)
		return bh;
	brelse(bh);
	return ERR_PTR(-ENOENT);
}

int refdax_dir_find(struct inode *dir, const struct qstr *name, u64 *ino)
{
	struct refdax_dirent *d;
	struct buffer_head *bh;
	u64 key;

	if (name->len > REFDAX_NAME_MAX)
		return -ENAMETOOLONG;
	bh = refdax_dir_lookup(dir, name, &key, &d);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	*ino = le64_to_cpu(d->d_ino);
	brelse(bh);
	return 0;
}

static void refdax_dir_changed(struct inode *dir)
{
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
	inode_inc_iversion(dir);
}

/*
 * Move the upper half of a full block to a new one. Entries of one hash stay
 * together; a whole block of one hash cannot be split, but the hash has 61 bits
 * and a secret key.
 */
static int refdax_dir_split(struct jbd2_journal_handle *handle, struct inode *dir,
			    struct buffer_head *bh)
{
	struct refdax_dir_block *db = refdax_bh_dir(bh), *upper;
	unsigned int used = le16_to_cpu(db->db_used), offset = 0, count = 0;
	unsigned int split = 0, split_count = 0;
	u64 previous = 0, key = 0;
	struct buffer_head *new;
	int err;

	while (offset < used) {
		struct refdax_dirent *d = refdax_dirent_at(db, offset);
		u64 hash = le64_to_cpu(d->d_hash);

		/* The first place behind the middle, or the last one before it. */
		if (offset && hash != previous && (!split || split < used / 2)) {
			split = offset;
			split_count = count;
			key = hash;
		}
		previous = hash;
		offset += refdax_dirent_size(d->d_name_len);
		count++;
	}
	if (!split)
		return -ENOSPC;

	err = refdax_journal_write_access(handle, bh);
	if (err)
		return err;
	new = refdax_map_insert(handle, dir, key, REFDAX_MAGIC_DIR);
	if (IS_ERR(new))
		return PTR_ERR(new);
	upper = refdax_bh_dir(new);
	memcpy(upper->db_data, db->db_data + split, used - split);
	upper->db_used = cpu_to_le16(used - split);
	upper->db_count = cpu_to_le16(count - split_count);
	memset(db->db_data + split, 0, used - split);
	db->db_used = cpu_to_le16(split);
	db->db_count = cpu_to_le16(split_count);
	i_size_write(dir, dir->i_size + REFDAX_BLOCK_SIZE);
	err = refdax_journal_dirty(handle, dir->i_sb, new);
	if (!err)
		err = refdax_journal_dirty(handle, dir->i_sb, bh);
	brelse(new);
	return err;
}

/* The name is not there yet. Needs REFDAX_DIR_ADD_CREDITS. */
int refdax_dir_add(struct jbd2_journal_handle *handle, struct inode *dir,
		   const struct qstr *name, struct inode *inode)
{
	unsigned int size = refdax_dirent_size(name->len), offset, used;
	u64 hash = refdax_hash(dir->i_sb, name), key;
	struct refdax_dir_block *db;
	struct refdax_dirent *d;
	struct buffer_head *bh;
	int err;

	for (;;) {
		bh = refdax_dir_block(dir, hash, &key);
		if (bh == ERR_PTR(-ENOENT)) {
			bh = refdax_map_insert(handle, dir, 0, REFDAX_MAGIC_DIR);
			if (!IS_ERR(bh))
				i_size_write(dir, dir->i_size + REFDAX_BLOCK_SIZE);
		}
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		db = refdax_bh_dir(bh);
		used = le16_to_cpu(db->db_used);
		if (used + size <= REFDAX_DIR_BYTES)
			break;
		err = refdax_dir_split(handle, dir, bh);
		brelse(bh);
		if (err)
			return err;
	}
	err = refdax_journal_write_access(handle, bh);
	if (err)
		goto out;
	offset = refdax_dir_seek(db, hash);
	d = refdax_dirent_at(db, offset);
	memmove((u8 *)d + size, d, used - offset);
	d->d_hash = cpu_to_le64(hash);
	d->d_ino = cpu_to_le64(inode->i_ino);
	d->d_type = fs_umode_to_dtype(inode->i_mode);
	d->d_name_len = name->len;
	memcpy(d->d_name, name->name, name->len);
	db->db_used = cpu_to_le16(used + size);
	le16_add_cpu(&db->db_count, 1);
	err = refdax_journal_dirty(handle, dir->i_sb, bh);
	refdax_dir_changed(dir);
	if (!err)
		err = refdax_inode_update_data(handle, dir);
out:
	brelse(bh);
	return err;
}

/* Needs REFDAX_DIR_DEL_CREDITS and REFDAX_UNMAP_REVOKES. */
int refdax_dir_delete(struct jbd2_journal_handle *handle, struct inode *dir,
		      const struct qstr *name)
{
	struct refdax_dir_block *db;
	struct refdax_dirent *d;
	unsigned int size, used;
	struct buffer_head *bh;
	u64 key;
	int err;

	bh = refdax_dir_lookup(dir, name, &key, &d);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = refdax_journal_write_access(handle, bh);
	if (err)
		goto out;
	db = refdax_bh_dir(bh);
	used = le16_to_cpu(db->db_used) - ((u8 *)d - db->db_data);
	size = refdax_dirent_size(d->d_name_len);
	memmove(d, (u8 *)d + size, used - size);
	memset((u8 *)d + used - size, 0, size);
	le16_add_cpu(&db->db_used, -size);
	le16_add_cpu(&db->db_count, -1);
	err = refdax_journal_dirty(handle, dir->i_sb, bh);
	refdax_dir_changed(dir);
	if (!err && !db->db_used && key) {
		/* An empty block goes, and the one before it takes over its hashes. */
		brelse(bh);
		bh = NULL;
		err = refdax_unmap_blocks(handle, dir, key, key + 1);
		if (err > 0)
			err = 0;
		i_size_write(dir, dir->i_size - REFDAX_BLOCK_SIZE);
	}
	if (!err)
		err = refdax_inode_update_data(handle, dir);
out:
	brelse(bh);
	return err;
}

/* Let an existing name lead to another inode. Needs 1 + REFDAX_INODE_CREDITS. */
int refdax_dir_replace(struct jbd2_journal_handle *handle, struct inode *dir,
		       const struct qstr *name, struct inode *inode)
{
	struct refdax_dirent *d;
	struct buffer_head *bh;
	u64 key;
	int err;

	bh = refdax_dir_lookup(dir, name, &key, &d);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	err = refdax_journal_write_access(handle, bh);
	if (!err) {
		d->d_ino = cpu_to_le64(inode->i_ino);
		d->d_type = fs_umode_to_dtype(inode->i_mode);
		err = refdax_journal_dirty(handle, dir->i_sb, bh);
	}
	brelse(bh);
	refdax_dir_changed(dir);
	return err ?: refdax_inode_update_data(handle, dir);
}

int refdax_dir_is_empty(struct inode *dir)
{
	u64 key = 0, block;
	struct buffer_head *bh;
	bool empty;
	int err;

	/* Only the first block may be empty, see refdax_dir_delete(). */
	while (!(err = refdax_map_ceiling(dir, key, &key, &block))) {
		bh = refdax_dir_read(dir, key, block);
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		empty = !refdax_bh_dir(bh)->db_count;
		brelse(bh);
		if (!empty)
			return 0;
		key++;
	}
	return err == -ENOENT ? 1 : err;
}

/* Emit what one block has from @hash on. False: the caller's buffer is full. */
static bool refdax_dir_emit(struct dir_context *ctx, struct refdax_dir_block *db, u64 hash)
{
	unsigned int used = le16_to_cpu(db->db_used), offset = refdax_dir_seek(db, hash);

	while (offset < used) {
		struct refdax_dirent *d = refdax_dirent_at(db, offset);

		ctx->pos = le64_to_cpu(d->d_hash) + REFDAX_POS_FIRST;
		if (!dir_emit(ctx, d->d_name, d->d_name_len, le64_to_cpu(d->d_ino), d->d_type))
			return false;
		ctx->pos++;
		offset += refdax_dirent_size(d->d_name_len);
	}
	return true;
}

static int refdax_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	struct buffer_head *bh;
	u64 hash, key, block;
	int err;

	if (refdax_is_shut_down(dir->i_sb))
		return -EIO;
	if (ctx->pos < REFDAX_POS_FIRST && !dir_emit_dots(file, ctx))
		return 0;
	while (ctx->pos != REFDAX_POS_END) {
		hash = ctx->pos - REFDAX_POS_FIRST;
		if (hash >> (64 - REFDAX_HASH_SHIFT))
			break;
		bh = refdax_dir_block(dir, hash, &key);
		if (bh == ERR_PTR(-ENOENT))
			break;
		if (IS_ERR(bh))
			return PTR_ERR(bh);
		if (!refdax_dir_emit(ctx, refdax_bh_dir(bh), hash)) {
			brelse(bh);
			return 0;
		}
		brelse(bh);
		err = refdax_map_ceiling(dir, key + 1, &key, &block);
		if (err == -ENOENT)
			break;
		if (err)
			return err;
		/* Never backwards: a hash may be beyond the next key only in a damaged directory. */
		ctx->pos = max_t(u64, ctx->pos, key + REFDAX_POS_FIRST);
		cond_resched();
	}
	ctx->pos = REFDAX_POS_END;
	return 0;
}

static loff_t refdax_dir_llseek(struct file *file, loff_t offset, int whence)
{
	/* Positions are hashes, not bytes: the size bounds nothing. */
	return generic_file_llseek_size(file, offset, whence, LLONG_MAX, 0);
}

static int refdax_dir_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *dir = file_inode(file);
	struct refdax_inode_info *ri = REFDAX_I(dir);

	if (refdax_is_shut_down(dir->i_sb))
		return -EIO;
	return refdax_journal_commit(dir->i_sb, datasync ? ri->i_datasync_tid : ri->i_sync_tid);
}

const struct file_operations refdax_dir_operations = {
	.llseek		= refdax_dir_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= refdax_iterate,
	.unlocked_ioctl	= refdax_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.fsync		= refdax_dir_fsync,
};
