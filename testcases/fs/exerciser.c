// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Random operations on one file, compared with a model in memory: after fsx.
 *
 *   exerciser [-m MODE] [-F] [-n OPERATIONS] [-s SEED] [-l BYTES] [-o MODEL] [-c] [-w WRONG] FILE
 *
 *   -m MODE	how the file's data is reached: dax, cache, journal, direct (cache, with
 *		O_DIRECT), keep (as it is; the default). By inode flags: on a filesystem
 *		mounted with dax=inode.
 *   -F		change between the modes, all the time
 *   -n N	operations (10000)
 *   -s SEED	of the random numbers (the time)
 *   -l BYTES	the file grows up to there (262144)
 *   -o MODEL	at the end, write there what the file must hold
 *   -c		compare all of the file after each operation
 *   -w WRONG	to test this program: do that wrong to the file, each 1000th operation or so
 *
 * Every operation's result is checked, then what it touched; every 512th, all of
 * the file. Ends at the first mismatch with its offset and the last operations.
 * Exit status: 0 all as it should be, 1 not, 2 usage, 3 it could not work.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "exerciser_model.h"

enum mode {
	MODE_DAX,
	MODE_CACHE,
	MODE_JOURNAL,
	MODE_DIRECT,
	MODE_KEEP,
};

static const char *const mode_names[] = { "dax", "cache", "journal", "direct", "keep" };

static int file = -1, direct_file = -1;
static uint8_t *buffer;		/* MAX_BYTES and a page */
static enum mode mode = MODE_KEEP;
static bool flips;
static uint8_t *held;		/* a mapping of all of the file that may become, or NULL */
static bool no_shift;		/* neither collapse nor insert here */

static void check_size(void)
{
	struct stat st;

	if (fstat(file, &st))
		fail("fstat: %s", strerror(errno));
	if (st.st_size != size)
		fail("the size is 0x%llx and should be 0x%llx", (long long)st.st_size,
		     (long long)size);
}

static void check_all(void)
{
	ssize_t got;
	off_t done;

	check_size();
	for (done = 0; done < size; done += got) {
		off_t length = size - done < MAX_BYTES ? size - done : MAX_BYTES;

		got = pread(file, buffer, length, done);
		if (got != length)
			fail("a read of 0x%llx at 0x%llx answered %zd (%s)", (long long)length,
			     (long long)done, got, strerror(errno));
		compare("all of it", buffer, done, length);
	}
}

static void do_read(int from, const char *how)
{
	off_t offset, length, expected;
	ssize_t got;

	pick(&offset, &length, from == direct_file ? below(2) ? 512 : PAGE : 1);
	note("%s 0x%llx bytes at 0x%llx", how, (long long)length, (long long)offset);
	expected = offset >= size ? 0 : size - offset < length ? size - offset : length;
	got = pread(from, buffer, length, offset);
	if (got != expected)
		fail("it answered %zd (%s) and should have answered %lld", got,
		     got < 0 ? strerror(errno) : "", (long long)expected);
	compare(how, buffer, offset, got);
}

/* What @buffer should not hold when it is written */
static void make_wrong(off_t offset, off_t length)
{
	if (goes_wrong(WRONG_BYTE))
		buffer[below(length)] ^= 0x10;
	if (goes_wrong(WRONG_LOST)) {
		off_t begin = length - 1 - (offset + length - 1) % PAGE;

		begin = begin < 0 ? 0 : begin;
		if (pread(file, buffer + begin, length - begin, offset + begin) < 0)
			cannot("read");
	}
	if (goes_wrong(WRONG_SHIFT))
		fill(buffer, offset + 8, length);
	if (goes_wrong(WRONG_STALE)) {
		number--;
		fill(buffer, offset, length);
		number++;
	}
}

static void do_write(int to, const char *how)
{
	off_t offset, length;
	ssize_t got;

	pick(&offset, &length, to == direct_file ? below(2) ? 512 : PAGE : 1);
	note("%s 0x%llx bytes at 0x%llx, size 0x%llx", how, (long long)length,
	     (long long)offset, (long long)size);
	fill(buffer, offset, length);
	if (offset + length > size)
		set_size(offset + length);
	memcpy(model + offset, buffer, length);
	make_wrong(offset, length);
	got = pwrite(to, buffer, length, offset);
	if (got != length)
		fail("it answered %zd (%s)", got, got < 0 ? strerror(errno) : "");
}

static uint8_t *map(off_t offset, off_t length, off_t *inside)
{
	off_t first = offset & ~(off_t)(PAGE - 1);
	uint8_t *address;

	*inside = offset - first;
	address = mmap(NULL, length + *inside, PROT_READ | PROT_WRITE, MAP_SHARED, file, first);
	if (address == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return address;
}

static void do_map_read(void)
{
	off_t offset, length, inside, i, tail;
	uint8_t *address;

	if (!pick_inside(&offset, &length))
		return;
	note("map read 0x%llx bytes at 0x%llx", (long long)length, (long long)offset);
	address = map(offset, length, &inside);
	compare("map read", address + inside, offset, length);
	/* The rest of the last page is nobody's, and zero. */
	if (offset + length == size) {
		tail = (PAGE - size % PAGE) % PAGE;
		for (i = 0; i < tail; i++)
			if (address[inside + length + i])
				fail("byte %lld behind the end is 0x%02x in a mapping",
				     (long long)i, address[inside + length + i]);
	}
	if (munmap(address, length + inside))
		fail("munmap: %s", strerror(errno));
}

static void do_map_write(bool move)
{
	off_t offset, length, inside;
	uint8_t *address, *moved;
	bool sync = !below(4);

	if (!pick_inside(&offset, &length))
		return;
	note("map write 0x%llx bytes at 0x%llx, size 0x%llx%s%s", (long long)length,
	     (long long)offset, (long long)size, move ? ", moved" : "", sync ? ", msync" : "");
	address = map(offset, length, &inside);
	if (move) {
		/* Some of it is in the page tables, some not. */
		address[inside] = 0;
		moved = mremap(address, length + inside, length + inside + PAGE, MREMAP_MAYMOVE);
		if (moved == MAP_FAILED)
			fail("mremap: %s", strerror(errno));
		address = moved;
	}
	fill(buffer, offset, length);
	memcpy(address + inside, buffer, length);
	memcpy(model + offset, buffer, length);
	if (sync && msync(address, length + inside, MS_SYNC))
		fail("msync: %s", strerror(errno));
	if (munmap(address, length + inside + (move ? PAGE : 0)))
		fail("munmap: %s", strerror(errno));
}

static void do_truncate(void)
{
	off_t new = below(limit + 1);

	/* Half of them not far, so that much of the file stays. */
	if (below(2))
		new = size - 8 * PAGE + below(16 * PAGE);
	new = new < 0 ? 0 : new > limit ? limit : new;
	if (!below(4))
		new &= ~(off_t)(PAGE - 1);
	note("truncate from 0x%llx to 0x%llx", (long long)size, (long long)new);
	if (ftruncate(file, new + goes_wrong(WRONG_SIZE)))
		fail("%s", strerror(errno));
	set_size(new);
}

static void do_fallocate(int how, const char *name)
{
	off_t offset, length;

	pick(&offset, &length, below(2) ? PAGE : 1);
	if (how == (FALLOC_FL_ZERO_RANGE) || !how)
		if (below(2))
			how |= FALLOC_FL_KEEP_SIZE;
	note("%s 0x%llx bytes at 0x%llx%s, size 0x%llx", name, (long long)length,
	     (long long)offset, how & FALLOC_FL_KEEP_SIZE ? " keeping the size" : "",
	     (long long)size);
	if (!(how & FALLOC_FL_PUNCH_HOLE && goes_wrong(WRONG_PUNCH)) &&
	    fallocate(file, how, offset, length))
		fail("%s", strerror(errno));
	if (!(how & FALLOC_FL_KEEP_SIZE) && offset + length > size)
		set_size(offset + length);
	if (how & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && offset < size)
		memset(model + offset, 0, size - offset < length ? size - offset : length);
}

/* Collapse and insert: whole blocks, inside the file. */
static void do_shift(bool insert)
{
	off_t offset, length;

	if (no_shift || size < 3 * PAGE)
		return;
	offset = below(size / PAGE - 1) * PAGE;
	length = (1 + below(8)) * PAGE;
	if (insert ? size + length > limit : offset + length >= size)
		return;
	note("%s 0x%llx bytes at 0x%llx, size 0x%llx", insert ? "insert" : "collapse",
	     (long long)length, (long long)offset, (long long)size);
	if (fallocate(file, insert ? FALLOC_FL_INSERT_RANGE : FALLOC_FL_COLLAPSE_RANGE, offset,
		      length)) {
		if (errno != EOPNOTSUPP)
			fail("%s", strerror(errno));
		no_shift = true;
		return;
	}
	if (insert) {
		memmove(model + offset + length, model + offset, size - offset);
		memset(model + offset, 0, length);
		size += length;
	} else {
		memmove(model + offset, model + offset + length, size - offset - length);
		memset(model + size - length, 0, length);
		size -= length;
	}
}

static void do_sync(void)
{
	int which = below(3);

	note("%s", which == 0 ? "fsync" : which == 1 ? "fdatasync" : "sync_file_range");
	if (which == 0 ? fsync(file) : which == 1 ? fdatasync(file) :
	    sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE))
		fail("%s", strerror(errno));
}

/* Pages that are clean go, so that they are read again. */
static void do_drop(void)
{
	note("drop clean pages");
	if (posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED))
		fail("posix_fadvise fails");
}

/* One mapping that stays while other operations go on: they must agree with it. */
static void do_hold(void)
{
	if (held) {
		note("give up the long mapping");
		munmap(held, limit);
		held = NULL;
		return;
	}
	note("a long mapping");
	held = mmap(NULL, limit, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (held == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
}

static void check_held(void)
{
	off_t offset, length;

	if (!held || !pick_inside(&offset, &length))
		return;
	compare("through the long mapping", held + offset, offset, length);
	if (below(2)) {
		fill(buffer, offset, length);
		memcpy(held + offset, buffer, length);
		memcpy(model + offset, buffer, length);
	}
}

static int set_mode(enum mode to)
{
	unsigned long flags = 0;

	if (ioctl(file, FS_IOC_GETFLAGS, &flags))
		return -1;
	flags &= ~(FS_JOURNAL_DATA_FL | FS_DAX_FL);
	if (to == MODE_DAX)
		flags |= FS_DAX_FL;
	if (to == MODE_JOURNAL)
		flags |= FS_JOURNAL_DATA_FL;
	return ioctl(file, FS_IOC_SETFLAGS, &flags);
}

static void check_mode(enum mode expected)
{
	struct statx stx;
	bool dax;

	if (statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx))
		fail("statx: %s", strerror(errno));
	dax = stx.stx_attributes & STATX_ATTR_DAX;
	if (dax != (expected == MODE_DAX))
		fail("statx says %s after a change to %s", dax ? "DAX" : "no DAX",
		     mode_names[expected]);
}

static void do_flip(void)
{
	enum mode to = below(MODE_DIRECT + 1);
	bool same = mode == to || (mode != MODE_DAX && mode != MODE_JOURNAL &&
				   to != MODE_DAX && to != MODE_JOURNAL);
	int status;

	note("change from %s to %s%s", mode_names[mode], mode_names[to],
	     held ? ", mapped" : "");
	status = set_mode(to);
	if (held && !same) {
		if (!status || errno != EBUSY)
			fail("the file is mapped, and it answered %s",
			     status ? strerror(errno) : "that all is well");
		return;
	}
	if (status)
		fail("%s", strerror(errno));
	mode = to;
	check_mode(mode);
}

static void open_files(void)
{
	file = open(path, O_RDWR | O_CREAT, 0644);
	direct_file = open(path, O_RDWR | O_DIRECT);
	if (file < 0 || direct_file < 0)
		cannot("open");
}

static void do_reopen(void)
{
	note("close and open");
	close(file);
	close(direct_file);
	open_files();
}

static void one_operation(void)
{
	bool direct = mode == MODE_DIRECT ? below(4) : !below(8);
	int which = below(32);

	switch (which) {
	case 0 ... 4:
		do_read(direct ? direct_file : file, direct ? "direct read" : "read");
		break;
	case 5 ... 10:
		do_write(direct ? direct_file : file, direct ? "direct write" : "write");
		break;
	case 11 ... 13:
		do_map_read();
		break;
	case 14 ... 17:
		do_map_write(!below(4));
		break;
	case 18 ... 19:
		do_truncate();
		break;
	case 20 ... 21:
		do_fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, "punch");
		break;
	case 22:
		do_fallocate(FALLOC_FL_ZERO_RANGE, "zero");
		break;
	case 23:
		do_fallocate(0, "allocate");
		break;
	case 24 ... 25:
		do_shift(which == 24);
		break;
	case 26:
		do_sync();
		break;
	case 27:
		do_drop();
		break;
	case 28:
		do_hold();
		break;
	case 29:
		if (!below(8)) {
			do_reopen();
			break;
		}
		/* fall through */
	default:
		if (flips)
			do_flip();
		else
			do_write(direct ? direct_file : file, direct ? "direct write" : "write");
	}
}

static void usage(void)
{
	fprintf(stderr, "Usage: exerciser [-m dax|cache|journal|direct|keep] [-F] [-n OPERATIONS] [-s SEED] [-l BYTES] [-o MODEL] [-c] [-w WRONG] FILE\n");
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned long operations = 10000, every = 512;
	const char *out = NULL;
	int option;

	seed = time(NULL);
	while ((option = getopt(argc, argv, "m:Fn:s:l:o:cw:")) != -1) {
		switch (option) {
		case 'm':
			for (mode = 0; mode < MODE_KEEP; mode++)
				if (!strcmp(mode_names[mode], optarg))
					break;
			if (strcmp(mode_names[mode], optarg))
				usage();
			break;
		case 'F':
			flips = true;
			break;
		case 'n':
			operations = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'l':
			limit = strtoull(optarg, NULL, 0) & ~(off_t)(PAGE - 1);
			break;
		case 'c':
			every = 1;
			break;
		case 'o':
			out = optarg;
			break;
		case 'w':
			for (wrong = 0; wrong < WRONG_NOTHING; wrong++)
				if (!strcmp(wrong_names[wrong], optarg))
					break;
			if (strcmp(wrong_names[wrong], optarg))
				usage();
			break;
		default:
			usage();
		}
	}
	if (optind != argc - 1 || limit < 16 * PAGE || (flips && mode == MODE_KEEP))
		usage();
	path = argv[optind];
	begin_model();
	buffer = aligned_alloc(PAGE, MAX_BYTES + PAGE);
	if (!buffer)
		cannot("no memory");
	unlink(path);
	open_files();
	if (mode != MODE_KEEP) {
		if (set_mode(mode))
			cannot("setting its mode");
		check_mode(mode);
	}
	printf("exerciser: %s: mode %s%s, %lu operations, seed %llu\n", path, mode_names[mode],
	       flips ? " with flips" : "", operations, (unsigned long long)seed);
	fflush(stdout);
	for (number = 0; number < operations; number++) {
		note("nothing");
		one_operation();
		check_held();
		if (number % 16 == 15)
			check_size();
		if (number % every == every - 1)
			check_all();
	}
	note("the end");
	check_all();
	if (out)
		write_model(out);
	printf("exerciser: %s: as it should be%s\n", path,
	       no_shift ? " (no collapse and insert here)" : "");
	return 0;
}
