// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* mkfs.refdax: the device, and whether it may be overwritten. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#ifdef HAVE_BLKID
#include <blkid/blkid.h>
#endif

#include "mkfs.h"

/* What blkid(8) would say; empty if nothing was recognised. */
static void probe_blkid(int fd, char *text, size_t size)
{
#ifdef HAVE_BLKID
	blkid_probe pr = blkid_new_probe();
	const char *value;

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0))
		goto out;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_enable_partitions(pr, 1);
	/* Even what is ambivalent is something. */
	if (blkid_do_probe(pr))
		goto out;
	if (!blkid_probe_lookup_value(pr, "TYPE", &value, NULL))
		snprintf(text, size, "a filesystem or member of type %s", value);
	else if (!blkid_probe_lookup_value(pr, "PTTYPE", &value, NULL))
		snprintf(text, size, "a partition table of type %s", value);
out:
	blkid_free_probe(pr);
#else
	(void)fd, (void)text, (void)size;
#endif
}

/* What the device holds; empty if that is nothing. */
static void probe(int fd, char *text, size_t size)
{
	static uint8_t buffer[128 * 1024];
	ssize_t got = pread(fd, buffer, sizeof(buffer), 0), i;
	const char *what = NULL;
	uint32_t magic;

	*text = 0;
	if (got < 1082)
		return;
	memcpy(&magic, buffer, sizeof(magic));
	if (le32toh(magic) == REFDAX_MAGIC_SUPER)
		what = "a refdax filesystem";
	else
		probe_blkid(fd, text, size);
	if (!what && !*text) {
		if (!memcmp(buffer, "XFSB", 4))
			what = "an XFS filesystem";
		else if (buffer[1080] == 0x53 && buffer[1081] == 0xef)
			what = "an ext2, ext3 or ext4 filesystem";
		else if (got > 65608 && !memcmp(buffer + 65600, "_BHRfS_M", 8))
			what = "a btrfs filesystem";
		else if (buffer[510] == 0x55 && buffer[511] == 0xaa)
			what = "a partition table or a FAT filesystem";
		for (i = 0; i < got && !what; i++)
			if (buffer[i])
				what = "data of an unknown kind";
	}
	if (what)
		snprintf(text, size, "%s", what);
}

/* " on /mnt", if the device is mounted there and that can be found out. */
static void find_mount(dev_t device, char *text, size_t size)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	unsigned int major, minor;
	char line[4096], where[4096];

	*text = 0;
	while (mounts && fgets(line, sizeof(line), mounts)) {
		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &major, &minor, where) == 3 &&
		    makedev(major, minor) == device) {
			snprintf(text, size, " on %.200s", where);
			break;
		}
	}
	if (mounts)
		fclose(mounts);
}

/* A loop device that stands on the file: whoever has that mounted would lose it. */
static void refuse_loop(const char *path)
{
	char *real = realpath(path, NULL), line[4096];
	glob_t loops = { 0 };
	size_t i;

	if (real && !glob("/sys/block/loop*/loop/backing_file", 0, NULL, &loops)) {
		for (i = 0; i < loops.gl_pathc; i++) {
			FILE *f = fopen(loops.gl_pathv[i], "re");

			if (f && fgets(line, sizeof(line), f)) {
				line[strcspn(line, "\n")] = 0;
				if (!strcmp(line, real))
					fail(STATUS_FAILED, "%s is in use by /dev/%.*s: detach that first (losetup -d)",
					     path, (int)strcspn(loops.gl_pathv[i] + 11, "/"),
					     loops.gl_pathv[i] + 11);
			}
			if (f)
				fclose(f);
		}
	}
	globfree(&loops);
	free(real);
}

void open_device(struct mkfs *m)
{
	const char *path = m->options->device;
	char what[300];
	struct stat st;

	if (stat(path, &st))
		fail(STATUS_FAILED, "cannot find %s: %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		fail(STATUS_FAILED, "%s is neither a block device nor a file", path);
	m->is_file = S_ISREG(st.st_mode);
	if (m->is_file)
		refuse_loop(path);
	/* O_EXCL on a block device fails if it, or a partition of it, is mounted or otherwise claimed. */
	m->fd = open(path, (m->options->dry ? O_RDONLY : O_RDWR) | O_CLOEXEC |
			   (m->is_file ? 0 : O_EXCL));
	if (m->fd < 0 && errno == EBUSY) {
		find_mount(st.st_rdev, what, sizeof(what));
		fail(STATUS_FAILED, "%s is %s%s: not even -f overwrites that", path,
		     *what ? "mounted" : "in use (mounted, swap, or held by another device)", what);
	}
	if (m->fd < 0)
		fail(STATUS_FAILED, "cannot open %s: %s", path, strerror(errno));
	if (m->is_file)
		m->device_bytes = st.st_size;
	else if (ioctl(m->fd, BLKGETSIZE64, &m->device_bytes))
		fail(STATUS_FAILED, "cannot get the size of %s: %s", path, strerror(errno));
	if (m->options->force)
		return;
	probe(m->fd, what, sizeof(what));
	if (*what)
		fail(STATUS_FAILED, "%s holds %s, which would be lost: give -f if you mean it",
		     path, what);
}

void write_blocks(struct mkfs *m, uint64_t block, const void *data, uint64_t count)
{
	const uint8_t *p = data;
	size_t left = count * REFDAX_BLOCK_SIZE;
	off_t offset = block * REFDAX_BLOCK_SIZE;

	while (left) {
		ssize_t written = pwrite(m->fd, p, left, offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			fail(STATUS_FAILED, "cannot write block %" PRIu64 " of %s: %s",
			     (uint64_t)offset / REFDAX_BLOCK_SIZE, m->options->device,
			     written ? strerror(errno) : "no space");
		p += written;
		offset += written;
		left -= written;
	}
}

void zero_blocks(struct mkfs *m, uint64_t block, uint64_t count)
{
	static const uint8_t zeroes[64 * REFDAX_BLOCK_SIZE];
	uint64_t range[2] = { block * REFDAX_BLOCK_SIZE, count * REFDAX_BLOCK_SIZE };

	/* A sparse image stays sparse, and a big one is made quickly. */
	if (m->is_file ? !fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range[0],
				    range[1]) :
			 !ioctl(m->fd, BLKZEROOUT, range))
		return;
	while (count) {
		uint64_t some = count < 64 ? count : 64;

		write_blocks(m, block, zeroes, some);
		block += some;
		count -= some;
	}
}

void flush_device(struct mkfs *m)
{
	if (fsync(m->fd))
		fail(STATUS_FAILED, "cannot write %s: %s", m->options->device, strerror(errno));
}
