/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * refdax on disk. The kernel module and fs/tools include this same file.
 *
 *   block 0               superblock
 *   block 1 .. J          journal (jbd2; its own superblock is block 1)
 *   then, per group       block bitmap, inode bitmap, inode table, data
 *   last of some groups   backup of the superblock (REFDAX_COMPAT_BACKUP)
 *
 * Groups have a fixed size of REFDAX_BLOCKS_PER_GROUP blocks and are counted
 * from block 0; group 0 also holds the superblock and the journal, so its own
 * metadata starts after them. Nothing describes the groups: every address is
 * computed from the superblock, and there is no table that could disagree.
 *
 * A group is 63 x 512 blocks long. That is what one bitmap block describes
 * once its 64-byte header is subtracted, and it is a multiple of 2 MiB: a
 * block whose number is a multiple of 512 can be mapped by a PMD.
 *
 * Every metadata block begins with struct refdax_header, except the blocks of
 * the inode tables, where each inode has its own checksum. All checksums are
 * crc32c, seeded with crc32c(~0, filesystem UUID), computed with the checksum
 * field itself zero. All numbers are little-endian.
 */
#ifndef REFDAX_FS_H
#define REFDAX_FS_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/build_bug.h>
#define REFDAX_SIZE_ASSERT(type, size)	static_assert(sizeof(type) == (size))
#else
#define REFDAX_SIZE_ASSERT(type, size) \
	_Static_assert(sizeof(type) == (size), #type " must be " #size " bytes")
#endif

/* DAX maps whole pages, so the block size is the page size and nothing else. */
#define REFDAX_BLOCK_BITS	12
#define REFDAX_BLOCK_SIZE	(1 << REFDAX_BLOCK_BITS)

#define REFDAX_SUPER_BLOCK	0
#define REFDAX_JOURNAL_BLOCK	1
/* JBD2_MIN_JOURNAL_BLOCKS of linux/jbd2.h, plus its superblock */
#define REFDAX_MIN_JOURNAL	1025
#define REFDAX_MAX_JOURNAL	16384

#define REFDAX_BLOCKS_PER_GROUP	32256
#define REFDAX_INODE_SIZE	512
#define REFDAX_INODES_PER_BLOCK	(REFDAX_BLOCK_SIZE / REFDAX_INODE_SIZE)
/*
 * By default one inode for 16 KiB: the table and both bitmaps fill 1010 of the first 1024 blocks.
 * s_inodes_per_group is a multiple of REFDAX_INODES_PER_BLOCK, and at most what one
 * bitmap block describes.
 */
#define REFDAX_INODES_PER_GROUP	8064
#define REFDAX_MAX_INODES_PER_GROUP REFDAX_BLOCKS_PER_GROUP
#define REFDAX_INODE_TABLE_BLOCKS(inodes_per_group) ((inodes_per_group) / REFDAX_INODES_PER_BLOCK)
#define REFDAX_GROUP_OVERHEAD(inodes_per_group) (2 + REFDAX_INODE_TABLE_BLOCKS(inodes_per_group))
/* A last group that has fewer blocks than this beside its overhead is not used. */
#define REFDAX_MIN_GROUP_DATA	512
#define REFDAX_MIN_GROUP(inodes_per_group) \
	(REFDAX_GROUP_OVERHEAD(inodes_per_group) + REFDAX_MIN_GROUP_DATA)

/* Kind of block, first word of each. */
#define REFDAX_MAGIC_SUPER	0x53584452	/* "RDXS" */
#define REFDAX_MAGIC_BLOCKS	0x42584452	/* "RDXB": block bitmap */
#define REFDAX_MAGIC_INODES	0x49584452	/* "RDXI": inode bitmap */
#define REFDAX_MAGIC_EXTENTS	0x45584452	/* "RDXE": node of an extent tree */
#define REFDAX_MAGIC_DIR	0x44584452	/* "RDXD": directory entries */
#define REFDAX_MAGIC_SYMLINK	0x4c584452	/* "RDXL": target of a long symlink */
#define REFDAX_MAGIC_XATTR	0x41584452	/* "RDXA": extended attributes of an inode */

/* For statfs(2), and to tell people apart from machines. */
#define REFDAX_SUPER_MAGIC	0x52444158	/* "RDAX" */

struct refdax_header {
	__le32 h_magic;		/* REFDAX_MAGIC_* */
	__le32 h_crc;		/* crc32c of the whole block */
	__le64 h_block;		/* this block's own number */
	__le64 h_owner;		/* inode number; group number for bitmaps; 0 for the superblock */
	__le32 h_generation;	/* generation of the owning inode; else 0 */
	__le32 h_reserved;
};
REFDAX_SIZE_ASSERT(struct refdax_header, 32);

#define REFDAX_VERSION		2

/*
 * Features. Unknown compat bits may be ignored, unknown ro_compat bits forbid
 * writing, unknown incompat bits forbid mounting.
 */
/*
 * The last block of some groups (refdax_group_has_backup()) is a copy of the
 * superblock as mkfs.refdax wrote it, with its own number in the header. It is in use
 * in the bitmap, and never part of a file. The module writes it when the label changes.
 */
#define REFDAX_COMPAT_BACKUP	(1ULL << 0)
#define REFDAX_COMPAT_ALL	REFDAX_COMPAT_BACKUP
#define REFDAX_RO_COMPAT_ALL	0ULL
/* Directories are extent trees keyed by siphash-2-4 of the name (see refdax_dir_block). */
#define REFDAX_INCOMPAT_HASHDIR	(1ULL << 0)
#define REFDAX_INCOMPAT_ALL	REFDAX_INCOMPAT_HASHDIR

/* s_state */
#define REFDAX_STATE_CLEAN	(1U << 0)	/* unmounted cleanly: the journal is empty */
#define REFDAX_STATE_ERRORS	(1U << 1)	/* the kernel found damage; run fsck.refdax */

#define REFDAX_LABEL_MAX	32

struct refdax_super {
	struct refdax_header s_header;	/* its crc uses the seed ~0: the UUID is not known before */
	__le32 s_version;		/* REFDAX_VERSION */
	__le32 s_block_size;		/* REFDAX_BLOCK_SIZE */
	__le64 s_compat;
	__le64 s_ro_compat;
	__le64 s_incompat;
	__u8 s_uuid[16];
	__u8 s_label[REFDAX_LABEL_MAX];	/* zero-padded, not necessarily terminated */
	__le64 s_blocks;		/* blocks that belong to the filesystem, from 0 */
	__le64 s_journal_block;		/* REFDAX_JOURNAL_BLOCK */
	__le32 s_journal_blocks;	/* including the journal's own superblock */
	__le32 s_blocks_per_group;	/* REFDAX_BLOCKS_PER_GROUP */
	__le32 s_inodes_per_group;	/* see REFDAX_INODES_PER_GROUP */
	__le32 s_inode_size;		/* REFDAX_INODE_SIZE */
	__le32 s_groups;
	__le32 s_state;			/* REFDAX_STATE_* */
	__le64 s_last_orphan;		/* first inode of the orphan list, 0 if none */
	__le64 s_hash_key[2];		/* key of the directory hash, random */
	__le64 s_mkfs_time;		/* seconds since 1970 */
	__le64 s_mount_time;		/* of the last mount for writing */
	__le32 s_mount_count;
	__u8 s_reserved[3900];
};
REFDAX_SIZE_ASSERT(struct refdax_super, REFDAX_BLOCK_SIZE);

/*
 * Groups 0, 1, and powers of 3, 5 and 7: few, and never all in one part of a big device.
 * Only where the group ends is computed without the superblock, so that a lost one can be
 * found again: a last group shorter than the others has none, unless it is group 0.
 */
static inline int refdax_group_has_backup(__u32 group, __u32 group_blocks)
{
	__u32 base;

	if (!group)
		return 1;
	if (group_blocks < REFDAX_BLOCKS_PER_GROUP)
		return 0;
	for (base = 3; base <= 7; base += 2) {
		__u32 n = group;

		while (!(n % base))
			n /= base;
		if (n == 1)
			return 1;
	}
	return 0;
}

struct refdax_bitmap {
	struct refdax_header b_header;
	__u8 b_reserved[32];
	__u8 b_bits[REFDAX_BLOCK_SIZE - 64];	/* bit n of byte n/8; 1 = in use */
};
REFDAX_SIZE_ASSERT(struct refdax_bitmap, REFDAX_BLOCK_SIZE);

/*
 * Extent trees. One B+tree per inode maps 64-bit logical blocks. Its root is
 * in the inode; entries of a node of depth 0 are extents, entries of deeper
 * nodes are children, with x_count and x_flags zero.
 * A child covers the keys from its own x_logical (from minus infinity for the
 * first child of the root) up to the next sibling's; x_logical of a child is
 * thus a bound, not necessarily a key that exists.
 */
struct refdax_extent {
	__le64 x_logical;
	__le64 x_physical;
	__le32 x_count;		/* blocks, 1 .. REFDAX_EXTENT_MAX */
	__le32 x_flags;		/* REFDAX_EXTENT_* */
};
REFDAX_SIZE_ASSERT(struct refdax_extent, 24);

#define REFDAX_EXTENT_UNWRITTEN	(1U << 0)	/* allocated, reads as zeroes */
#define REFDAX_EXTENT_MAX	REFDAX_BLOCKS_PER_GROUP
#define REFDAX_MAX_DEPTH	5
/* No key may reach this: loff_t bounds files, and directory hashes are shortened to fit. */
#define REFDAX_LOGICAL_MAX	(1ULL << 62)
/* Of a file, in bytes: what a signed number of 64 bits can say, in whole blocks. */
#define REFDAX_SIZE_MAX		((1ULL << 63) - REFDAX_BLOCK_SIZE)

struct refdax_node {
	__le16 n_depth;		/* 0: entries are extents */
	__le16 n_count;
	__le32 n_reserved;
	struct refdax_extent n_entries[];
};
REFDAX_SIZE_ASSERT(struct refdax_node, 8);

struct refdax_node_block {
	struct refdax_header nb_header;
	struct refdax_node nb_node;
};
#define REFDAX_NODE_ENTRIES \
	((REFDAX_BLOCK_SIZE - 40) / 24)			/* 169 */

#define REFDAX_ROOT_BYTES	128
#define REFDAX_ROOT_ENTRIES	((REFDAX_ROOT_BYTES - 8) / 24)	/* 5 */
#define REFDAX_SYMLINK_INLINE	(REFDAX_ROOT_BYTES - 1)

/* i_flags: values of FS_*_FL, so that nothing is translated. */
#define REFDAX_FL_SYNC		0x00000008
#define REFDAX_FL_IMMUTABLE	0x00000010
#define REFDAX_FL_APPEND	0x00000020
#define REFDAX_FL_NODUMP	0x00000040
#define REFDAX_FL_NOATIME	0x00000080
#define REFDAX_FL_JOURNAL_DATA	0x00004000	/* data goes through the journal; excludes DAX */
#define REFDAX_FL_DIRSYNC	0x00010000
#define REFDAX_FL_DAX		0x02000000	/* FS_XFLAG_DAX: DAX if mounted with dax=inode */
#define REFDAX_FL_USER		(REFDAX_FL_SYNC | REFDAX_FL_IMMUTABLE | REFDAX_FL_APPEND | \
				 REFDAX_FL_NODUMP | REFDAX_FL_NOATIME | REFDAX_FL_DIRSYNC | \
				 REFDAX_FL_JOURNAL_DATA | REFDAX_FL_DAX)
#define REFDAX_FL_INLINE	0x10000000	/* i_root holds the target of a symlink */
#define REFDAX_FL_ALL		(REFDAX_FL_USER | REFDAX_FL_INLINE)

struct refdax_time {
	__le64 t_sec;		/* signed */
	__le32 t_nsec;		/* 0 .. 999999999 */
} __attribute__((packed));
REFDAX_SIZE_ASSERT(struct refdax_time, 12);

/*
 * Extended attributes. An inode has two lists of them, each packed without gaps:
 * one in its tail, and one in a block of its own (i_xattr_block) if that did not
 * suffice. No name is in both, or twice. The order says nothing. Bytes behind
 * the entries are zero.
 *
 * Values of REFDAX_XATTR_ACL_* are what setxattr(2) takes and getxattr(2) gives
 * for them: struct posix_acl_xattr_header of linux/posix_acl_xattr.h, version 2,
 * with ids as they are on disk.
 */
struct refdax_xattr_list {
	__le16 xl_count;	/* entries */
	__le16 xl_used;		/* bytes of xl_data in use */
	__u8 xl_data[];		/* struct refdax_xattr_entry */
};
REFDAX_SIZE_ASSERT(struct refdax_xattr_list, 4);

struct refdax_xattr_entry {
	__u8 xe_type;		/* REFDAX_XATTR_*: what its name begins with */
	__u8 xe_name_len;	/* of the rest of the name; 0 for ACLs, 1 .. 255 for others */
	__le16 xe_value_len;
	__u8 xe_data[];		/* the rest of the name, without a zero byte; the value */
} __attribute__((packed));
REFDAX_SIZE_ASSERT(struct refdax_xattr_entry, 4);

#define REFDAX_XATTR_USER		1	/* user.NAME: regular files and directories only */
#define REFDAX_XATTR_TRUSTED		2	/* trusted.NAME */
#define REFDAX_XATTR_SECURITY		3	/* security.NAME */
#define REFDAX_XATTR_ACL_ACCESS		4	/* system.posix_acl_access: not on symlinks */
#define REFDAX_XATTR_ACL_DEFAULT	5	/* system.posix_acl_default: directories only */

/*
 * Room for entries: REFDAX_XATTR_INODE_BYTES in the inode, and
 * REFDAX_XATTR_BLOCK_BYTES in the block. The block counts in i_blocks, and is
 * given up with its last entry.
 */
struct refdax_xattr_block {
	struct refdax_header xb_header;	/* owner and generation are the inode's */
	struct refdax_xattr_list xb_list;
};
#define REFDAX_INODE_TAIL		256
#define REFDAX_XATTR_INODE_BYTES	(REFDAX_INODE_TAIL - 4)
#define REFDAX_XATTR_BLOCK_BYTES	(REFDAX_BLOCK_SIZE - 32 - 4)

struct refdax_inode {
	__le32 i_crc;		/* also over the inode's number and generation, see refdax_inode_crc */
	__le16 i_mode;		/* 0: free */
	__le16 i_reserved;
	__le32 i_uid;
	__le32 i_gid;
	__le32 i_nlink;
	__le32 i_generation;
	__le64 i_size;		/* bytes; for a directory, its blocks times the block size */
	__le64 i_blocks;	/* blocks, data and metadata */
	__le32 i_flags;		/* REFDAX_FL_* */
	__le32 i_rdev;		/* new_encode_dev() */
	union {
		__le64 i_parent;	/* directories: the parent directory; else 0 */
		__le64 i_shift_from;	/* regular files, see i_shift_count; else 0 */
	};
	__le64 i_next_orphan;	/* next on the orphan list, 0 ends it */
	struct refdax_time i_atime;
	struct refdax_time i_mtime;
	struct refdax_time i_ctime;
	struct refdax_time i_crtime;
	__le64 i_xattr_block;	/* struct refdax_xattr_block, 0 if there is none */
	/*
	 * Regular files on the orphan list: blocks were to be taken out of the
	 * file's middle, or put in, and it was not finished. What makes either
	 * "finished" or "never begun" of it: free what is mapped from i_shift_from -
	 * i_shift_count to i_shift_from, lower the keys of all extents from
	 * i_shift_from on by i_shift_count, then make both 0. In blocks; else 0.
	 */
	__le64 i_shift_count;
	__u8 i_root[REFDAX_ROOT_BYTES];	/* struct refdax_node, or a symlink's target */
	__u8 i_tail[REFDAX_INODE_TAIL];	/* struct refdax_xattr_list */
};
REFDAX_SIZE_ASSERT(struct refdax_inode, REFDAX_INODE_SIZE);

/* Inode n is entry (n - 1) % s_inodes_per_group of group (n - 1) / s_inodes_per_group. */
#define REFDAX_ROOT_INO		2
#define REFDAX_FIRST_INO	16	/* those below are reserved */

#define REFDAX_LINK_MAX		65000
#define REFDAX_NAME_MAX		255

/*
 * Directories. A name's hash is siphash-2-4 under s_hash_key, shifted right
 * by REFDAX_HASH_SHIFT. The directory's extent tree is keyed by hash: the block
 * at logical H holds the entries whose hash lies between H and the next
 * block's key. The first block, at logical 0, exists as soon as the directory
 * ever had an entry. A full block is split at an entry boundary, the upper
 * half moving to a new block at its first hash, so the order of entries never
 * changes and a hash is a stable readdir position.
 * "." and ".." are not stored.
 */
#define REFDAX_HASH_SHIFT	3	/* 61 bits: positions 0 to 2 of readdir stay free */

struct refdax_dirent {
	__le64 d_hash;
	__le64 d_ino;
	__u8 d_type;		/* DT_* */
	__u8 d_name_len;	/* 1 .. 255 */
	__u8 d_name[];
} __attribute__((packed));
REFDAX_SIZE_ASSERT(struct refdax_dirent, 18);

/* Entries are packed without gaps, sorted by hash. */
struct refdax_dir_block {
	struct refdax_header db_header;
	__le16 db_count;	/* entries */
	__le16 db_used;		/* bytes of db_data in use */
	__le32 db_reserved;
	__u8 db_data[REFDAX_BLOCK_SIZE - 40];
};
REFDAX_SIZE_ASSERT(struct refdax_dir_block, REFDAX_BLOCK_SIZE);

struct refdax_symlink_block {
	struct refdax_header l_header;
	__u8 l_target[REFDAX_BLOCK_SIZE - 32];	/* i_size bytes, then a zero byte */
};
REFDAX_SIZE_ASSERT(struct refdax_symlink_block, REFDAX_BLOCK_SIZE);
#define REFDAX_SYMLINK_MAX	(REFDAX_BLOCK_SIZE - 32 - 1)

#endif
