// SPDX-License-Identifier: GPL-2.0-only
/*
 * The journal: a thin layer over jbd2, and the only file that includes it.
 *
 * The journal is a fixed stretch of the device, from REFDAX_JOURNAL_BLOCK on.
 * jbd2_journal_init_dev() does not translate block numbers (jbd2_journal_bmap()
 * with neither j_bmap nor j_inode), so numbers in the journal's own superblock
 * count from the start of the device, and j_total_len, from which jbd2 derives
 * the greatest transaction, includes the blocks before the journal. That is
 * why the journal stands at the front, where this is one block too many.
 */
#include <linux/blkdev.h>
#include <linux/crc32c.h>
#include <linux/jbd2.h>
#include <linux/slab.h>

#include "refdax.h"
#include "trace.h"

struct refdax_journal {
	journal_t *j_journal;
	struct super_block *j_sb;
	struct jbd2_buffer_trigger_type j_trigger;
	spinlock_t j_lock;		/* j_deferred */
	struct list_head j_deferred;	/* in the order of their transactions */
};

/* Blocks freed by a transaction, not reusable before it commits. */
struct refdax_deferred {
	struct list_head d_list;
	tid_t d_tid;
	u32 d_count;
	u64 d_start;
};

static journal_t *refdax_journal(struct super_block *sb)
{
	struct refdax_journal *rj = REFDAX_SB(sb)->s_journal;

	return rj ? rj->j_journal : NULL;
}

/*
 * jbd2 calls this when the contents of a block are stable: checksums are made
 * once per transaction, not once per change.
 */
static void refdax_journal_frozen(struct jbd2_buffer_trigger_type *type, struct buffer_head *bh,
				  void *data, size_t size)
{
	struct refdax_journal *rj = container_of(type, struct refdax_journal, j_trigger);
	struct refdax_header *header = data;

	header->h_crc = cpu_to_le32(refdax_block_crc(REFDAX_SB(rj->j_sb), data));
}

static void refdax_journal_commit_callback(journal_t *journal, transaction_t *transaction)
{
	struct super_block *sb = journal->j_private;
	struct refdax_journal *rj = REFDAX_SB(sb)->s_journal;
	struct refdax_deferred *deferred, *next;
	LIST_HEAD(done);

	spin_lock(&rj->j_lock);
	list_for_each_entry_safe(deferred, next, &rj->j_deferred, d_list) {
		if (deferred->d_tid == transaction->t_tid)
			list_move_tail(&deferred->d_list, &done);
	}
	spin_unlock(&rj->j_lock);

	list_for_each_entry_safe(deferred, next, &done, d_list) {
		refdax_blocks_reusable(sb, deferred->d_start, deferred->d_count);
		kfree(deferred);
	}
}

void refdax_journal_defer(handle_t *handle, struct super_block *sb, u64 start, u32 count)
{
	struct refdax_journal *rj = REFDAX_SB(sb)->s_journal;
	tid_t tid = handle->h_transaction->t_tid;
	struct refdax_deferred *deferred;

	spin_lock(&rj->j_lock);
	if (!list_empty(&rj->j_deferred)) {
		deferred = list_last_entry(&rj->j_deferred, struct refdax_deferred, d_list);
		if (deferred->d_tid == tid && deferred->d_start + deferred->d_count == start &&
		    start % REFDAX_BLOCKS_PER_GROUP) {
			deferred->d_count += count;
			spin_unlock(&rj->j_lock);
			return;
		}
	}
	spin_unlock(&rj->j_lock);

	/* Without it the blocks would be lost until the next mount. */
	deferred = kmalloc(sizeof(*deferred), GFP_NOFS | __GFP_NOFAIL);
	deferred->d_tid = tid;
	deferred->d_start = start;
	deferred->d_count = count;
	spin_lock(&rj->j_lock);
	list_add_tail(&deferred->d_list, &rj->j_deferred);
	spin_unlock(&rj->j_lock);
}

/*
 * Open the journal and replay it. The superblock has been read and checked,
 * and must be checked again afterwards: the replay may have changed it.
 */
int refdax_journal_load(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	u32 blocks = le32_to_cpu(sbi->s_super->s_journal_blocks);
	struct refdax_journal *rj;
	journal_t *journal;
	int err;

	/* refdax_set_verified() uses a bit of its own. */
	BUILD_BUG_ON(BH_JBDPrivateStart > BH_PrivateStart + 16);

	rj = kzalloc(sizeof(*rj), GFP_KERNEL);
	if (!rj)
		return -ENOMEM;
	/* NULL on failure up to 6.7; an ERR_PTR since jbd2 reads its superblock here, 6.8. */
	journal = jbd2_journal_init_dev(sb->s_bdev, sb->s_bdev, REFDAX_JOURNAL_BLOCK,
					REFDAX_JOURNAL_BLOCK + blocks, REFDAX_BLOCK_SIZE);
	if (IS_ERR_OR_NULL(journal)) {
		err = journal ? PTR_ERR(journal) : -ENOMEM;
		refdax_msg(sb, KERN_ERR, "cannot open the journal at block %d (error %d): the image is damaged or was not made by mkfs.refdax; run fsck.refdax",
			   REFDAX_JOURNAL_BLOCK, err);
		goto out_free;
	}
	journal->j_private = sb;
	journal->j_flags |= JBD2_BARRIER;
	rj->j_journal = journal;
	rj->j_sb = sb;
	rj->j_trigger.t_frozen = refdax_journal_frozen;
	spin_lock_init(&rj->j_lock);
	INIT_LIST_HEAD(&rj->j_deferred);
	sbi->s_journal = rj;

	err = jbd2_journal_load(journal);
	if (err) {
		refdax_msg(sb, KERN_ERR, "cannot replay the journal (error %d): the image is damaged; run fsck.refdax",
			   err);
		goto out_destroy;
	}
	if (jbd2_journal_errno(journal)) {
		set_bit(REFDAX_SB_DAMAGED, &sbi->s_flags);
		refdax_msg(sb, KERN_WARNING, "the journal was aborted in an earlier mount: changes after that are lost; run fsck.refdax");
		jbd2_journal_clear_err(journal);
		jbd2_journal_ack_err(journal);
	}
	journal->j_commit_callback = refdax_journal_commit_callback;
	return 0;

out_destroy:
	jbd2_journal_destroy(journal);
	sbi->s_journal = NULL;
out_free:
	kfree(rj);
	/* jbd2 answers some damage with EINVAL, which mount(8) takes for a wrong option. */
	return err == -EINVAL ? -EFSCORRUPTED : err;
}

int refdax_journal_destroy(struct super_block *sb)
{
	struct refdax_journal *rj = REFDAX_SB(sb)->s_journal;
	struct refdax_deferred *deferred, *next;
	int err;

	if (!rj)
		return 0;
	err = jbd2_journal_destroy(rj->j_journal);
	/* Empty by now unless the journal was aborted before a commit. */
	list_for_each_entry_safe(deferred, next, &rj->j_deferred, d_list)
		kfree(deferred);
	REFDAX_SB(sb)->s_journal = NULL;
	kfree(rj);
	return err;
}

int refdax_writable(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);

	if (refdax_is_shut_down(sb))
		return -EIO;
	if (!journal || sb_rdonly(sb) || is_journal_aborted(journal) ||
	    test_bit(REFDAX_SB_READ_ONLY, &REFDAX_SB(sb)->s_flags))
		return -EROFS;
	return 0;
}

handle_t *refdax_journal_start(struct inode *inode, int credits, int revokes)
{
	struct super_block *sb = inode->i_sb;
	handle_t *handle;
	bool nested = journal_current_handle();
	int err;

	might_sleep();
	err = refdax_writable(sb);
	if (err)
		handle = ERR_PTR(err);
	else
		handle = jbd2__journal_start(refdax_journal(sb), credits, 0, revokes, GFP_NOFS, 0, 0);
	trace_refdax_handle_start(inode, credits, revokes, nested,
				  IS_ERR(handle) ? PTR_ERR(handle) : 0);
	return handle;
}

int refdax_journal_stop(struct inode *inode, handle_t *handle)
{
	int err = jbd2_journal_stop(handle);

	trace_refdax_handle_stop(inode, err);
	return err;
}

handle_t *refdax_journal_current(void)
{
	return journal_current_handle();
}

bool refdax_journal_has(handle_t *handle, int credits, int revokes)
{
	return jbd2_handle_buffer_credits(handle) >= credits &&
	       handle->h_revoke_credits >= revokes;
}

int refdax_journal_write_access(handle_t *handle, struct buffer_head *bh)
{
	return jbd2_journal_get_write_access(handle, bh);
}

int refdax_journal_create_access(handle_t *handle, struct buffer_head *bh)
{
	return jbd2_journal_get_create_access(handle, bh);
}

int refdax_journal_dirty(handle_t *handle, struct super_block *sb, struct buffer_head *bh)
{
	jbd2_journal_set_triggers(bh, &REFDAX_SB(sb)->s_journal->j_trigger);
	return jbd2_journal_dirty_metadata(handle, bh);
}

int refdax_journal_dirty_data(handle_t *handle, struct buffer_head *bh)
{
	/* It may have been metadata with a checksum in an earlier life. */
	jbd2_journal_set_triggers(bh, NULL);
	return jbd2_journal_dirty_metadata(handle, bh);
}

int refdax_journal_dirty_raw(handle_t *handle, struct buffer_head *bh)
{
	return jbd2_journal_dirty_metadata(handle, bh);
}

int refdax_journal_revoke(handle_t *handle, u64 block, struct buffer_head *bh)
{
	/* Drops the reference to bh. */
	return jbd2_journal_revoke(handle, block, bh);
}

void refdax_journal_abort(struct super_block *sb, int err)
{
	journal_t *journal = refdax_journal(sb);

	if (!journal || is_journal_aborted(journal))
		return;
	refdax_msg(sb, KERN_CRIT, "cannot go on writing (error %d): changes since the last commit are lost, the filesystem is read-only; unmount it and run fsck.refdax",
		   err);
	set_bit(REFDAX_SB_DAMAGED, &REFDAX_SB(sb)->s_flags);
	jbd2_journal_abort(journal, err);
}

bool refdax_journal_aborted(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);

	return journal && is_journal_aborted(journal);
}

void refdax_journal_shut_down(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);

	/* jbd2 records no error for this one. */
	if (journal)
		jbd2_journal_abort(journal, -ESHUTDOWN);
}

u32 refdax_journal_tid(handle_t *handle)
{
	return handle->h_transaction->t_tid;
}

u32 refdax_journal_latest(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);
	tid_t tid;

	if (!journal)
		return 0;
	read_lock(&journal->j_state_lock);
	if (journal->j_running_transaction)
		tid = journal->j_running_transaction->t_tid;
	else if (journal->j_committing_transaction)
		tid = journal->j_committing_transaction->t_tid;
	else
		tid = journal->j_commit_sequence;
	read_unlock(&journal->j_state_lock);
	return tid;
}

bool refdax_journal_committed(struct super_block *sb, u32 tid)
{
	journal_t *journal = refdax_journal(sb);

	return !journal || jbd2_transaction_committed(journal, tid);
}

int refdax_journal_commit(struct super_block *sb, u32 tid)
{
	journal_t *journal = refdax_journal(sb);
	bool flush;
	int err, err2;

	if (!journal)
		return 0;
	/* A commit flushes the device's cache, and the data with it; without one we must. */
	flush = !jbd2_trans_will_send_data_barrier(journal, tid);
	err = jbd2_complete_transaction(journal, tid);
	if (flush) {
		err2 = blkdev_issue_flush(sb->s_bdev);
		if (!err)
			err = err2;
	}
	/* One that an abort has thrown away is complete as well, to jbd2. */
	if (!err && is_journal_aborted(journal))
		err = -EIO;
	return err;
}

int refdax_journal_sync(struct super_block *sb, bool wait)
{
	journal_t *journal = refdax_journal(sb);
	bool flush = false;
	tid_t tid;
	int err = 0, err2;

	if (!journal)
		return 0;
	tid = refdax_journal_latest(sb);
	if (wait)
		flush = !jbd2_trans_will_send_data_barrier(journal, tid);
	if (jbd2_journal_start_commit(journal, &tid) && wait)
		err = jbd2_log_wait_commit(journal, tid);
	if (flush) {
		err2 = blkdev_issue_flush(sb->s_bdev);
		if (!err)
			err = err2;
	}
	/* As in refdax_journal_commit(). */
	if (!err && is_journal_aborted(journal))
		err = -EIO;
	return err;
}

int refdax_journal_force(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);

	return journal ? jbd2_journal_force_commit(journal) : 0;
}

bool refdax_journal_uses(struct buffer_head *bh)
{
	return buffer_jbd(bh);
}

void refdax_journal_lock(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);

	if (journal)
		jbd2_journal_lock_updates(journal);
}

int refdax_journal_flush_locked(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);

	return journal ? jbd2_journal_flush(journal, 0) : 0;
}

void refdax_journal_unlock(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);

	if (journal)
		jbd2_journal_unlock_updates(journal);
}

/* Empty the journal: the device then holds a clean filesystem. The VFS keeps writers out. */
int refdax_journal_freeze(struct super_block *sb)
{
	journal_t *journal = refdax_journal(sb);
	int err;

	if (!journal)
		return 0;
	refdax_journal_lock(sb);
	err = refdax_journal_flush_locked(sb);
	refdax_journal_unlock(sb);
	return err;
}
