// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Small questions about data modes, for testcases/fs/modes.
 *
 *   fs_modes statx FILE		"dax" or "no dax"
 *   fs_modes flags FILE [+|-][xj]	what FS_IOC_FSGETXATTR and GETFLAGS say; changes one first
 *   fs_modes map FILE			map it, say "mapped", read a byte from the mapping, and for
 *					each line of stdin do what it says: "write N" stores 'N' in
 *					the first byte and says it, "read" says it, "flip [+-][xj]"
 *					says how that ended, "sync" is an msync; the end unmaps
 *   fs_modes sync FILE			whether MAP_SYNC is to be had
 *   fs_modes direct FILE OFFSET BYTES	an O_DIRECT write of 'D'
 * Exit status: 0, or 1 with the error's name on stdout.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(void)
{
	printf("%s\n", strerrorname_np(errno));
	fflush(stdout);
	return 1;
}

static int change(int file, const char *what)
{
	struct fsxattr attr;
	unsigned long flags = 0;

	if (what[1] == 'x') {
		if (ioctl(file, FS_IOC_FSGETXATTR, &attr))
			return -1;
		attr.fsx_xflags &= ~FS_XFLAG_DAX;
		if (what[0] == '+')
			attr.fsx_xflags |= FS_XFLAG_DAX;
		return ioctl(file, FS_IOC_FSSETXATTR, &attr);
	}
	if (ioctl(file, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags &= ~FS_JOURNAL_DATA_FL;
	if (what[0] == '+')
		flags |= FS_JOURNAL_DATA_FL;
	return ioctl(file, FS_IOC_SETFLAGS, &flags);
}

static int show_flags(int file, const char *what)
{
	struct fsxattr attr;
	unsigned long flags = 0;

	if (what && change(file, what))
		return failed();
	if (ioctl(file, FS_IOC_FSGETXATTR, &attr) || ioctl(file, FS_IOC_GETFLAGS, &flags))
		return failed();
	printf("%s %s\n", attr.fsx_xflags & FS_XFLAG_DAX ? "x" : "-",
	       flags & FS_JOURNAL_DATA_FL ? "j" : "-");
	return 0;
}

static int show_statx(const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stx))
		return failed();
	if (!(stx.stx_attributes_mask & STATX_ATTR_DAX))
		printf("unknown\n");
	else
		printf("%s\n", stx.stx_attributes & STATX_ATTR_DAX ? "dax" : "no dax");
	return 0;
}

static int map(int file)
{
	volatile char *address;
	char line[64];

	address = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (address == MAP_FAILED)
		return failed();
	printf("mapped %c\n", address[0]);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "write ", 6)) {
			address[0] = line[6];
			printf("%c\n", address[0]);
		} else if (!strcmp(line, "read")) {
			printf("%c\n", address[0]);
		} else if (!strncmp(line, "flip ", 5)) {
			printf("%s\n", change(file, line + 5) ? strerrorname_np(errno) : "done");
		} else if (!strcmp(line, "sync")) {
			printf("%s\n", msync((void *)address, 4096, MS_SYNC) ?
			       strerrorname_np(errno) : "done");
		}
		fflush(stdout);
	}
	munmap((void *)address, 4096);
	return 0;
}

static int map_sync(int file)
{
	void *address = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC,
			     file, 0);

	if (address == MAP_FAILED)
		return failed();
	printf("mapped\n");
	return 0;
}

static int direct(const char *path, off_t offset, size_t bytes)
{
	int file = open(path, O_RDWR | O_DIRECT);
	void *buffer = aligned_alloc(4096, (bytes + 4095) & ~4095UL);

	if (file < 0 || !buffer)
		return failed();
	memset(buffer, 'D', bytes);
	if (pwrite(file, buffer, bytes, offset) != (ssize_t)bytes)
		return failed();
	printf("written\n");
	return 0;
}

int main(int argc, char **argv)
{
	int file;

	if (argc < 3) {
		fprintf(stderr, "Usage: see the source\n");
		return 2;
	}
	if (!strcmp(argv[1], "statx"))
		return show_statx(argv[2]);
	if (!strcmp(argv[1], "direct") && argc == 5)
		return direct(argv[2], atoll(argv[3]), atoll(argv[4]));
	file = open(argv[2], O_RDWR);
	if (file < 0 && errno == EISDIR)
		file = open(argv[2], O_RDONLY);
	if (file < 0)
		return failed();
	if (!strcmp(argv[1], "flags"))
		return show_flags(file, argc > 3 ? argv[3] : NULL);
	if (!strcmp(argv[1], "map"))
		return map(file);
	if (!strcmp(argv[1], "sync"))
		return map_sync(file);
	return 2;
}
