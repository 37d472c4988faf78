// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Makes a known number of each event, each number a prime of its own, on a DAX
 * filesystem; testcases/smoke/run compares them with what daxtrace counted.
 * Prints "NAME COUNT" for each, by what it asked of the kernel: it does not
 * look at how the kernel did it.
 *
 * Usage: smoke FOLDER [CONTROL]
 * FOLDER is on the filesystem; CONTROL is the file of the module daxtrace_behind,
 * which holds an entry's lock so that others wait for it, and changes S_DAX. Without
 * it none of that is done, and nothing printed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define FILES		6	/* evicted in the end, each with a byte written */
#define EMPTY_FILES	1	/* the same, without */
#define EMPTIED		3	/* truncated, and empty before */
#define SYNCS		2	/* sync(2) */
#define FREEZES		3	/* each syncs, and is followed by a thaw */
#define WAITERS		3	/* tasks that wait for one entry's lock, and are woken */
#define READ_FAULTS	5	/* on holes */
#define WRITE_FAULTS	7	/* on holes: each allocates a block */
#define HOLE_WRITES	11	/* write(2) over holes: each allocates, and invalidates */
#define OVERWRITES	13	/* write(2) over blocks */
#define READS		17
#define FSYNCS		19	/* of which the first has pages to flush */
#define MSYNCS		23
#define SETSIZES	29
#define PUNCHES		31
#define ATTRIBUTES	37
#define REDIRTIED	41	/* write faults on pages that were cleaned */
#define SYNC_FAULTS	43	/* of a MAP_SYNC mapping, on holes */
#define TOGGLES		47	/* of S_DAX, off and on, with a mapping made after each */
#define SYNCFSES	53

/* Faults on the entry that is waited for: before, the waiters', and the one that wakes the first. */
#define WAIT_FAULTS	(1 + WAITERS + 1)
#define ALL_FAULTS	(READ_FAULTS + WRITE_FAULTS + REDIRTIED + SYNC_FAULTS + WAIT_FAULTS)

static size_t page_size;
static char *buffer;
static const char *control_path, *folder;

static void fail(const char *what)
{
	fprintf(stderr, "smoke: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void check(bool ok, const char *what)
{
	if (!ok)
		fail(what);
}

static void touch(volatile char *data, size_t page, bool store)
{
	if (store)
		data[page * page_size] = 1;
	else
		(void)data[page * page_size];
}

static int open_file(const char *name, size_t pages)
{
	int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

	check(file >= 0, name);
	/* By write(2), so that SETSIZES counts what is counted alone. */
	check(pwrite(file, buffer, 1, pages * page_size - 1) == 1, "pwrite");
	return file;
}

/* Flush what a mapping dirtied, so that the next store faults again. */
static void clean(int file)
{
	check(!fsync(file), "fsync");
}

static void faults(int file)
{
	size_t pages = READ_FAULTS + WRITE_FAULTS, i, n;
	volatile char *data = mmap(NULL, (pages + 1) * page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
				   file, 0);

	check(data != MAP_FAILED, "mmap");
	/* No huge pages: what is counted is pages. */
	check(!madvise((void *)data, (pages + 1) * page_size, MADV_NOHUGEPAGE), "madvise");
	for (i = 0; i < WRITE_FAULTS; i++)
		touch(data, READ_FAULTS + i, true);
	for (i = 0; i < FSYNCS; i++)
		clean(file);
	/* The first page of the write faults, cleaned and dirtied again and again. */
	for (n = 0; n < REDIRTIED; n++) {
		touch(data, READ_FAULTS, true);
		if (n < MSYNCS)
			check(!msync((void *)(data + READ_FAULTS * page_size), page_size, MS_SYNC),
			      "msync");
		else
			clean(file);
	}
	/*
	 * Last, with no sync behind them: 6.1 tags the entries of read faults dirty as
	 * well, and would write the zero page back.
	 */
	for (i = 0; i < READ_FAULTS; i++)
		touch(data, i, false);
	munmap((void *)data, (pages + 1) * page_size);
}

/* Each allocates, so each has metadata to sync before the store is let through. */
static void sync_faults(int file)
{
	size_t length = (SYNC_FAULTS + 1) * page_size, i;
	volatile char *data = mmap(NULL, length, PROT_READ | PROT_WRITE,
				   MAP_SHARED_VALIDATE | MAP_SYNC, file, 0);

	check(data != MAP_FAILED, "mmap with MAP_SYNC");
	check(!madvise((void *)data, length, MADV_NOHUGEPAGE), "madvise");
	for (i = 0; i < SYNC_FAULTS; i++)
		touch(data, i, true);
	munmap((void *)data, length);
}

static void writes(int file)
{
	size_t i;

	for (i = 0; i < HOLE_WRITES; i++)
		check(pwrite(file, buffer, page_size, 2 * i * page_size) == (ssize_t)page_size,
		      "pwrite");
	for (i = 0; i < OVERWRITES; i++)
		check(pwrite(file, buffer, page_size, 0) == (ssize_t)page_size, "pwrite");
	for (i = 0; i < READS; i++)
		check(pread(file, buffer, page_size, 0) == (ssize_t)page_size, "pread");
}

static void sizes(int file)
{
	int empty = open("empty", O_RDWR | O_CREAT | O_EXCL, 0600);
	size_t i;

	check(empty >= 0, "empty");
	for (i = 0; i < EMPTIED; i++)
		check(!ftruncate(empty, 0), "ftruncate");
	close(empty);
	for (i = 0; i < PUNCHES; i++)
		check(!fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page_size),
		      "fallocate");
	for (i = 0; i < SETSIZES; i++)
		check(!ftruncate(file, (100 + i % 2) * page_size), "ftruncate");
}

static void attributes(int file)
{
	unsigned int flags;
	size_t i;

	check(!ioctl(file, FS_IOC_GETFLAGS, &flags), "FS_IOC_GETFLAGS");
	for (i = 0; i < ATTRIBUTES; i++) {
		flags ^= FS_NODUMP_FL;
		check(!ioctl(file, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
	}
}

/* What the module daxtrace_behind does to a file in the folder. */
static void control(const char *what, int argument, const char *name)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "%s %d %s/%s", what, argument, folder, name);
	int file = open(control_path, O_WRONLY);

	check(file >= 0 && write(file, text, length) == length, control_path);
	close(file);
}

/* S_DAX changes, nobody tells, and the next that comes by makes a mapping. */
static void toggles(int file, const char *name)
{
	void *data;
	size_t i;

	for (i = 0; i < 2 * TOGGLES; i++) {
		control("dax", i % 2, name);
		data = mmap(NULL, page_size, PROT_READ, MAP_SHARED, file, 0);
		check(data != MAP_FAILED, "mmap");
		munmap(data, page_size);
	}
}

static struct {
	volatile char *page;
	atomic_bool go;
	atomic_int tids[WAITERS];
} waiting;

static void *wait_for_entry(void *tid)
{
	atomic_store((atomic_int *)tid, gettid());
	while (!atomic_load(&waiting.go))
		usleep(1000);
	touch(waiting.page, 0, false);
	return NULL;
}

/* Neither mmap(2) nor brk(2) in here: those who wait may have the mmap_lock. */
static bool is_waiting(int tid)
{
	char path[64], text[256], *state;
	ssize_t length;
	int file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = open(path, O_RDONLY);
	length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	close(file);
	if (length <= 0)
		return false;
	text[length] = '\0';
	state = strrchr(text, ')');
	return state && !strncmp(state, ") D", 3);
}

/* Until all of them have been asleep, as for a lock, for a while; or a minute. */
static bool all_wait(void)
{
	int i, looks, asleep = 0;

	for (looks = 0; looks < 6000 && asleep < 30; looks++) {
		usleep(10000);
		asleep++;
		for (i = 0; i < WAITERS; i++)
			if (!is_waiting(atomic_load(&waiting.tids[i])))
				asleep = 0;
	}
	return asleep == 30;
}

/*
 * One fault makes the entry; somebody locks it; tasks fault and wait. It is unlocked,
 * and a last fault locks it, unlocks it and wakes the first, who does the same for the next.
 */
static void entry_waits(int file, const char *name)
{
	pthread_t threads[WAITERS];
	bool asleep;
	int i;

	waiting.page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	check(waiting.page != MAP_FAILED, "mmap");
	touch(waiting.page, 0, false);
	check(!madvise((void *)waiting.page, page_size, MADV_DONTNEED), "madvise");
	for (i = 0; i < WAITERS; i++) {
		check(!pthread_create(&threads[i], NULL, wait_for_entry, &waiting.tids[i]), "thread");
		while (!atomic_load(&waiting.tids[i]))
			usleep(1000);
	}
	control("lock", 0, name);
	atomic_store(&waiting.go, true);
	asleep = all_wait();
	control("unlock", 0, name);
	touch(waiting.page, 0, false);
	for (i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
	if (!asleep) {
		fprintf(stderr, "smoke: nobody waited for the lock of an entry\n");
		exit(1);
	}
	munmap((void *)waiting.page, page_size);
}

/* With nothing left to be written. */
static void superblocks(void)
{
	int root = open(".", O_RDONLY | O_DIRECTORY), i;

	check(root >= 0, "open");
	for (i = 0; i < SYNCFSES; i++)
		check(!syncfs(root), "syncfs");
	for (i = 0; i < SYNCS; i++)
		sync();
	for (i = 0; i < FREEZES; i++)
		check(!ioctl(root, FIFREEZE, 0) && !ioctl(root, FITHAW, 0), "FIFREEZE");
	close(root);
}

int main(int argc, char **argv)
{
	struct statfs filesystem;
	int file;

	if (argc < 2 || argc > 3 || chdir(argv[1]) || statfs(".", &filesystem)) {
		fprintf(stderr, "usage: smoke FOLDER [CONTROL]\n");
		return 2;
	}
	folder = argv[1];
	/* NULL: nothing behind the filesystem's back, and no counts. */
	control_path = argv[2];
	page_size = sysconf(_SC_PAGESIZE);
	buffer = malloc(page_size);
	check(buffer, "malloc");
	memset(buffer, 's', page_size);

	file = open_file("faults", READ_FAULTS + WRITE_FAULTS + 1);
	faults(file);
	close(file);
	file = open_file("sync", SYNC_FAULTS + 1);
	sync_faults(file);
	close(file);
	file = open_file("writes", 2 * HOLE_WRITES + 1);
	writes(file);
	attributes(file);
	close(file);
	file = open_file("sizes", 100);
	sizes(file);
	close(file);
	file = open_file("toggles", 1);
	if (control_path)
		toggles(file, "toggles");
	close(file);
	file = open_file("waits", 1);
	if (control_path)
		entry_waits(file, "waits");
	close(file);
	check(!unlink("faults") && !unlink("writes") && !unlink("sizes") &&
	      !unlink("sync") && !unlink("empty") && !unlink("toggles") && !unlink("waits"), "unlink");
	superblocks();
	if (!control_path)
		return 0;

	printf("fault %d\n", ALL_FAULTS);
	printf("entry-insert %d\n", ALL_FAULTS);
	printf("entry-delete %d\n", READ_FAULTS + WRITE_FAULTS + SYNC_FAULTS + 1);
	printf("entry-dirty %d\n", SYNC_FAULTS);
	/* The one byte at the end of each file is a write over a hole as well. */
	printf("rw %d\n", FILES + HOLE_WRITES + OVERWRITES + READS);
	printf("invalidate %d\n", FILES + HOLE_WRITES);
	printf("mkclean %d\n", WRITE_FAULTS + REDIRTIED);
	printf("flush %d\n", WRITE_FAULTS + REDIRTIED);
	printf("writeback-one %d\n", WRITE_FAULTS + REDIRTIED);
	printf("fsync %d\n", FSYNCS + REDIRTIED + SYNC_FAULTS);
	printf("setsize %d\n", SETSIZES + EMPTIED);
	printf("fallocate %d\n", PUNCHES);
	printf("fileattr %d\n", ATTRIBUTES);
	printf("evict %d\n", FILES + EMPTY_FILES);
	/* How often more than that is the kernel's own affair, and changes with it. */
	printf("unmap >=%d\n", FILES + HOLE_WRITES + PUNCHES);
	printf("truncate-pages >=%d\n", PUNCHES + SETSIZES / 2 + FILES);
	printf("writeback >=%d\n", 1 + REDIRTIED);
	printf("mmap %d\n", 2 + 1 + 2 * TOGGLES);
	printf("mapped %d\n", ALL_FAULTS);
	printf("entry-lock %d\n", ALL_FAULTS);
	printf("entry-wait %d\n", WAITERS);
	/*
	 * Each fault's, and of writes those that allocate: of blocks that were there others than
	 * faults are told nothing.  How often a filesystem asks itself is its own affair.
	 */
	printf("iomap >=%d\n", ALL_FAULTS + FILES + HOLE_WRITES);
	printf("writepages >=%d\n", 1 + REDIRTIED);
	printf("layout-break >=%d\n", PUNCHES);
	/* Of the same change both the task and daxtrace's own look may tell. */
	printf("mode >=%d\n", 2 * TOGGLES);
	printf("freeze %d\n", 2 * FREEZES);
	printf("sb-sync %d\n", SYNCFSES + SYNCS + FREEZES);
	/* Of jbd2, which xfs does without. */
	if (filesystem.f_type == XFS_SUPER_MAGIC)
		printf("journal-handle 0\n");
	else
		printf("journal-handle >=%d\n", FILES + HOLE_WRITES + WRITE_FAULTS + SYNC_FAULTS);
	/* Stands for "rw" among the default events. */
	printf("allocating-write 0\n");
	/* Not asked for */
	printf("user-stack 0\n");
	printf("task-name >=1\nsuperblock >=1\n");
	return 0;
}
