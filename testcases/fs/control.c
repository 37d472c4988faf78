// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * System calls that no common program makes, for scripts.
 *
 * Usage: fs_control shutdown PATH 0|1|2	FS_IOC_SHUTDOWN: default, flush the log, or not even that
 *	  fs_control label PATH [TEXT]		prints the label, or sets it
 *	  fs_control rename FROM TO FLAGS	renameat2(2)
 *	  fs_control attributes PATH		prints those of statx(2) that have an inode
 *						flag, in hexadecimal
 *	  fs_control handle PATH		prints the handle: type and bytes
 *	  fs_control open MOUNT HANDLE		opens it, prints "INODE LINKS"; or errno's name
 *	  fs_control hostile MOUNT HANDLE N	N handles made of this one by changing it: counts
 *						what could be opened, fails if errno is ever
 *						something else than ESTALE
 *	  fs_control hold FOLDER		opens and maps a file, prints "ready", and waits for
 *						a line; then tries each operation and prints those
 *						that do not fail with EIO, as after a shutdown
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)
#endif

struct handle {
	struct file_handle fh;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static int failed(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

static int open_path(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		exit(failed(path));
	return fd;
}

static int shut_down(const char *path, const char *how)
{
	__u32 flags = atoi(how);

	return ioctl(open_path(path), FS_IOC_SHUTDOWN, &flags) ? failed("FS_IOC_SHUTDOWN") : 0;
}

static int label(const char *path, const char *text)
{
	char buffer[FSLABEL_MAX] = { 0 };
	int fd = open_path(path);

	if (text) {
		memcpy(buffer, text, strnlen(text, sizeof(buffer)));
		return ioctl(fd, FS_IOC_SETFSLABEL, buffer) ? failed("FS_IOC_SETFSLABEL") : 0;
	}
	if (ioctl(fd, FS_IOC_GETFSLABEL, buffer))
		return failed("FS_IOC_GETFSLABEL");
	puts(buffer);
	return 0;
}

static int attributes(const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx))
		return failed("statx");
	printf("%llx\n", (unsigned long long)(stx.stx_attributes & stx.stx_attributes_mask &
	       (STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE | STATX_ATTR_NODUMP)));
	return 0;
}

static int print_handle(const char *path)
{
	struct handle handle = { .fh.handle_bytes = MAX_HANDLE_SZ };
	unsigned int i;
	int mount;

	if (name_to_handle_at(AT_FDCWD, path, &handle.fh, &mount, 0))
		return failed("name_to_handle_at");
	printf("%d:", handle.fh.handle_type);
	for (i = 0; i < handle.fh.handle_bytes; i++)
		printf("%02x", handle.bytes[i]);
	putchar('\n');
	return 0;
}

static void parse_handle(const char *text, struct handle *handle)
{
	unsigned int byte, n = 0;

	handle->fh.handle_type = atoi(text);
	text = strchr(text, ':') + 1;
	while (n < MAX_HANDLE_SZ && sscanf(text + 2 * n, "%2x", &byte) == 1)
		handle->bytes[n++] = byte;
	handle->fh.handle_bytes = n;
}

static int open_handle(const char *mount, const char *text)
{
	struct handle handle;
	struct stat st;
	int fd;

	parse_handle(text, &handle);
	fd = open_by_handle_at(open_path(mount), &handle.fh, O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		puts(strerrorname_np(errno));
		return 0;
	}
	if (fstat(fd, &st))
		return failed("fstat");
	printf("%llu %lu\n", (unsigned long long)st.st_ino, (unsigned long)st.st_nlink);
	return 0;
}

static int hostile(const char *mount, const char *text, const char *times)
{
	int fd, opened = 0, i, directory = open_path(mount);
	struct handle handle;
	unsigned int n;

	srand(1);
	for (i = 0; i < atoi(times); i++) {
		parse_handle(text, &handle);
		for (n = rand() % 3 + 1; n; n--)
			handle.bytes[rand() % handle.fh.handle_bytes] = rand();
		if (rand() % 4 == 0)
			handle.fh.handle_bytes = rand() % (handle.fh.handle_bytes + 5);
		if (rand() % 4 == 0)
			handle.fh.handle_type = rand() % 256;
		fd = open_by_handle_at(directory, &handle.fh, O_RDONLY | O_NONBLOCK);
		if (fd >= 0) {
			opened++;
			close(fd);
		} else if (errno != ESTALE && errno != EINVAL) {
			return failed("open_by_handle_at");
		}
	}
	printf("%d of %s\n", opened, times);
	return 0;
}

static sigjmp_buf fault;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(fault, 1);
}

/* What is open, and mapped, when the filesystem is shut down. */
static int file, folder;
static volatile char *map;

static void prepare(const char *path)
{
	if (chdir(path))
		exit(failed(path));
	folder = open_path(".");
	file = open("file", O_RDWR | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, 1 << 20) || pwrite(file, "x", 1, 0) != 1)
		exit(failed("file"));
	map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (map == MAP_FAILED)
		exit(failed("mmap"));
}

static void tell(const char *what, long result)
{
	if (result >= 0)
		printf("%s succeeds\n", what);
	else if (errno != EIO)
		printf("%s: %s\n", what, strerrorname_np(errno));
}

static void touch(const char *what, size_t offset, bool store)
{
	signal(SIGBUS, on_fault);
	if (sigsetjmp(fault, 1))
		return;
	if (store)
		map[offset] = 1;
	else
		(void)map[offset];
	printf("%s succeeds\n", what);
}

static int operations(void)
{
	struct statvfs vfs;
	struct stat st;
	char buffer[4096] = "";
	unsigned int flags;

	tell("open", open("file", O_RDONLY));
	tell("open of a new file", open("new", O_CREAT | O_RDWR, 0600));
	tell("read", pread(file, buffer, sizeof(buffer), 0));
	tell("write", pwrite(file, buffer, sizeof(buffer), 0));
	tell("fsync", fsync(file));
	tell("fdatasync", fdatasync(file));
	tell("fsync of a folder", fsync(folder));
	tell("ftruncate", ftruncate(file, 4096));
	tell("fallocate", fallocate(file, 0, 0, 8192));
	tell("fchmod", fchmod(file, 0644));
	tell("fstat", fstat(file, &st));
	tell("stat", stat("file", &st));
	tell("mkdir", mkdir("folder", 0700));
	tell("symlink", symlink("file", "link"));
	tell("mknod", mknod("node", S_IFCHR | 0600, 0x103));
	tell("link", link("file", "file2"));
	tell("unlink", unlink("file"));
	tell("rename", rename("file", "file3"));
	tell("setxattr", fsetxattr(file, "user.x", "1", 1, 0));
	tell("getxattr", fgetxattr(file, "user.x", buffer, sizeof(buffer)));
	tell("listxattr", flistxattr(file, buffer, sizeof(buffer)));
	tell("getdents", getdents64(folder, buffer, sizeof(buffer)));
	tell("FS_IOC_GETFLAGS", ioctl(file, FS_IOC_GETFLAGS, &flags));
	flags = FS_NODUMP_FL;
	tell("FS_IOC_SETFLAGS", ioctl(file, FS_IOC_SETFLAGS, &flags));
	tell("syncfs", syncfs(file));
	tell("statvfs", fstatvfs(file, &vfs));
	tell("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED ? -1 : 0);
	touch("a read fault", 8192, false);
	touch("a write fault", 16384, true);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(command, "shutdown") && argc == 4)
		return shut_down(argv[2], argv[3]);
	if (!strcmp(command, "label"))
		return label(argv[2], argv[3]);
	if (!strcmp(command, "rename") && argc == 5)
		return renameat2(AT_FDCWD, argv[2], AT_FDCWD, argv[3], atoi(argv[4])) ?
		       failed("renameat2") : 0;
	if (!strcmp(command, "attributes"))
		return attributes(argv[2]);
	if (!strcmp(command, "handle"))
		return print_handle(argv[2]);
	if (!strcmp(command, "open") && argc == 4)
		return open_handle(argv[2], argv[3]);
	if (!strcmp(command, "hostile") && argc == 5)
		return hostile(argv[2], argv[3], argv[4]);
	if (!strcmp(command, "hold")) {
		prepare(argv[2]);
		puts("ready");
		getchar();
		return operations();
	}
	return 2;
}
