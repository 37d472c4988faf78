// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One task of a race: does to a file what its arguments say, one after the other.
 * Pages are counted in 4096 bytes; a CHAR fills what it is written to.
 *
 * Usage: actor NAME FILE COMMAND...
 *	map PAGES | unmap	a shared mapping of the file's first pages
 *	flip +x|-x|+j|-j	change FS_XFLAG_DAX or FS_JOURNAL_DATA_FL; print "done", or the error
 *	load PAGE		print a byte of the mapping
 *	store PAGE CHAR		one byte, the page's first
 *	faults			print how many page faults the last store or load took
 *	read PAGE		print a byte, with pread(2)
 *	write PAGE COUNT CHAR	with pwrite(2), from memory of its own
 *	writedirect PAGE	with O_DIRECT, from memory that was never touched
 *	writemap PAGE FROM	with pwrite(2), one page, from page FROM of the mapping
 *	truncate PAGES | punch PAGE COUNT | collapse PAGE COUNT | insert PAGE COUNT
 *	msync PAGE | fsync | syncfs
 *	pin PAGE COUNT		keep the mapping's pages pinned in a pipe
 *	unpin COUNT		print a byte of each page in the pipe, and let it go
 *	flag PATH | await PATH	make a file; wait until there is one
 * NAME becomes the task's, for gates. A store or load that gets SIGBUS prints "SIGBUS".
 * Exit status: 0, 1 if something failed, 2 usage.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE	4096L

static int fd;
static volatile char *map;
static size_t mapped;
static char **next;
static long faults;
static int pipe_ends[2] = { -1, -1 };
static sigjmp_buf before_access;

static const char *word(void)
{
	if (!*next)
		errx(2, "a command lacks an argument");
	return *next++;
}

static long number(void)
{
	return strtol(word(), NULL, 0);
}

static void on_sigbus(int signal)
{
	(void)signal;
	siglongjmp(before_access, 1);
}

static long page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void load_or_store(volatile char *at, const char *value)
{
	char byte = 0;

	/* What this function itself needs is there when counting begins. */
	faults = page_faults();
	if (sigsetjmp(before_access, 1)) {
		puts("SIGBUS");
		return;
	}
	faults = page_faults();
	if (value)
		*at = *value;
	else
		byte = *at;
	faults = page_faults() - faults;
	if (!value)
		printf("%c\n", byte ? byte : '0');
}

static void change_size(int mode)
{
	long page = number(), count = number();

	if (fallocate(fd, mode, page * PAGE, count * PAGE))
		err(1, "fallocate, mode 0x%x", mode);
}

static void write_pages(void)
{
	long page = number(), count = number();
	char *buffer = malloc(count * PAGE);

	if (!buffer)
		err(1, "malloc");
	memset(buffer, *word(), count * PAGE);
	if (pwrite(fd, buffer, count * PAGE, page * PAGE) != count * PAGE)
		err(1, "write");
	free(buffer);
}

static void write_direct(const char *path)
{
	long page = number();
	void *fresh = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int direct = open(path, O_WRONLY | O_DIRECT);

	if (direct < 0 || fresh == MAP_FAILED || pwrite(direct, fresh, PAGE, page * PAGE) != PAGE)
		err(1, "direct write");
	munmap(fresh, PAGE);
	close(direct);
}

static void pin(void)
{
	long page = number(), count = number();
	struct iovec iov = { (void *)(map + page * PAGE), count * PAGE };

	if (pipe(pipe_ends) || vmsplice(pipe_ends[1], &iov, 1, 0) != count * PAGE)
		err(1, "vmsplice");
}

static void unpin(void)
{
	long count = number();
	char buffer[PAGE];

	while (count--) {
		if (read(pipe_ends[0], buffer, PAGE) != PAGE)
			err(1, "read of the pipe");
		printf("%c\n", buffer[0] ? buffer[0] : '0');
	}
}

static int change_mode(const char *what)
{
	struct fsxattr attributes;
	unsigned long flags;

	if (what[1] == 'x') {
		if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes))
			return -1;
		attributes.fsx_xflags &= ~FS_XFLAG_DAX;
		attributes.fsx_xflags |= what[0] == '+' ? FS_XFLAG_DAX : 0;
		return ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
	}
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags &= ~FS_JOURNAL_DATA_FL;
	flags |= what[0] == '+' ? FS_JOURNAL_DATA_FL : 0;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static void await(const char *path)
{
	while (access(path, F_OK))
		usleep(20000);
}

static void command(const char *what, const char *path)
{
	char byte;

	if (!strcmp(what, "map")) {
		mapped = number() * PAGE;
		map = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			err(1, "mmap");
	} else if (!strcmp(what, "unmap")) {
		if (munmap((void *)map, mapped))
			err(1, "munmap");
	} else if (!strcmp(what, "flip")) {
		puts(change_mode(word()) ? strerrorname_np(errno) : "done");
	} else if (!strcmp(what, "load")) {
		load_or_store(map + number() * PAGE, NULL);
	} else if (!strcmp(what, "store")) {
		long page = number();

		load_or_store(map + page * PAGE, word());
	} else if (!strcmp(what, "faults")) {
		printf("%ld\n", faults);
	} else if (!strcmp(what, "read")) {
		if (pread(fd, &byte, 1, number() * PAGE) != 1)
			err(1, "read");
		printf("%c\n", byte ? byte : '0');
	} else if (!strcmp(what, "write")) {
		write_pages();
	} else if (!strcmp(what, "writedirect")) {
		write_direct(path);
	} else if (!strcmp(what, "writemap")) {
		long page = number(), from = number();

		if (pwrite(fd, (void *)(map + from * PAGE), PAGE, page * PAGE) != PAGE)
			err(1, "write from the mapping");
	} else if (!strcmp(what, "truncate")) {
		if (ftruncate(fd, number() * PAGE))
			err(1, "truncate");
	} else if (!strcmp(what, "punch")) {
		change_size(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	} else if (!strcmp(what, "collapse")) {
		change_size(FALLOC_FL_COLLAPSE_RANGE);
	} else if (!strcmp(what, "insert")) {
		change_size(FALLOC_FL_INSERT_RANGE);
	} else if (!strcmp(what, "msync")) {
		if (msync((void *)(map + number() * PAGE), PAGE, MS_SYNC))
			err(1, "msync");
	} else if (!strcmp(what, "fsync")) {
		if (fsync(fd))
			err(1, "fsync");
	} else if (!strcmp(what, "syncfs")) {
		if (syncfs(fd))
			err(1, "syncfs");
	} else if (!strcmp(what, "pin")) {
		pin();
	} else if (!strcmp(what, "unpin")) {
		unpin();
	} else if (!strcmp(what, "flag")) {
		close(open(word(), O_CREAT | O_WRONLY, 0600));
	} else if (!strcmp(what, "await")) {
		await(word());
	} else {
		errx(2, "unknown command \"%s\"", what);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		errx(2, "usage: actor NAME FILE COMMAND...");
	prctl(PR_SET_NAME, argv[1]);
	fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		err(1, "%s", argv[2]);
	signal(SIGBUS, on_sigbus);
	next = argv + 3;
	while (*next)
		command(word(), argv[2]);
	return 0;
}
