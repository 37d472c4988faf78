// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a database does to its files, and a ledger of what it was promised.
 *
 * Tasks share a few files of pages: some store through mappings (one of them made with
 * MAP_SYNC) and call msync() of a range, or fsync(); some write(2) and call fdatasync(), or
 * write with O_DSYNC.  One appends to a log with O_DSYNC, and empties it when it is long;
 * one replaces a file by another (write, fsync, rename, fsync of the folder); one
 * disturbs: it punches, cuts, collapses, zeroes and fills other files.
 *
 * What kernels lose by themselves (testcases/oracle/agree) they are not asked for, but
 * with --together: no page is stored to through two mappings, and one that is dirty is
 * not faulted on again; nobody syncs a file while another does; and a file is synced
 * before it is punched or cut.
 *
 * What is stored, and where, follows from the seed: each line of 64 bytes has versions,
 * and each of its words says of which one it is.  The ledger has of each line the last
 * version that somebody began to store, and the last one that a sync which had begun
 * after that was stored has returned for: a promise.  After a power cut each word of the
 * line must be of the one, of the other, or of a version between them.
 *
 * Usage: promises run [--together] [--cut CONTROL] FOLDER LEDGER SECONDS SEED
 *	--together	store to the same pages, sync at the same time, and disturb the files of
 *			the others, behind their pages
 *	--cut CONTROL	write "cut" there in the end, under load; the ledger is of that moment
 *	promises verify FOLDER LEDGER
 *	Prints "NUMBER lines promised, NUMBER of them newer", and before it of each line
 *	that is not as it was promised "lost FILE PAGE LINE ..."; "lost ..." of the log and
 *	the file that is replaced.
 * Exit status: 0; 1 if something was lost, or failed; 2 usage.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE		4096L
#define FILES		2
#define PAGES		48	/* of a file, whose lines have promises */
#define TAIL		32	/* behind them: nobody's */
#define OWNERS		4	/* tasks that share a file; each owns a line of each page */
#define LINES		(PAGES * OWNERS)
#define LINE_BYTES	64
#define LINE_WORDS	(LINE_BYTES / 8)
#define RECORD_WORDS	27	/* of the log: no multiple of a cache line */
#define RECORDS		96	/* after which the log is emptied */
#define THINK		10000	/* microseconds, on average, from one sync to the next */
#define COPY_WORDS	(3 * PAGE / 8)	/* of the file that is replaced */

struct line {
	_Atomic uint32_t begun, stored, promised;	/* versions */
};

/* Shared by the tasks; written to the ledger as it is. */
struct ledger {
	uint64_t seed;
	struct line lines[FILES][LINES];
	/* The log: how often it was emptied, times 2^32, and records. */
	_Atomic uint64_t log_begun, log_promised;
	_Atomic uint64_t copy_begun, copy_promised;
	_Atomic uint64_t operations;
	pthread_mutex_t syncing[FILES];
};

static struct ledger *ledger;
static volatile sig_atomic_t done;
static bool together;
static uint64_t state;	/* of the task's random numbers */

static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

static uint64_t chance(uint64_t below)
{
	state += 0x9e3779b97f4a7c15ULL;
	return mix(state) % below;
}

/* Word number i of a version of what has this name; version 0 is a file's hole. */
static uint64_t word(uint64_t seed, uint64_t name, uint64_t version, unsigned int i)
{
	return version ? mix(mix(mix(seed + name) + version) + i) | 1 : 0;
}

enum { NAME_LOG = 1 << 20, NAME_COPY };

static uint64_t line_name(int file, int line)
{
	return (uint64_t)file * LINES + line;
}

/* The four lines of a page are far from each other. */
static off_t line_offset(int line)
{
	return line / OWNERS * PAGE + line % OWNERS * 21 * LINE_BYTES;
}

static void raise_to(_Atomic uint32_t *value, uint32_t to)
{
	uint32_t old = *value;

	while (old < to && !atomic_compare_exchange_weak(value, &old, to))
		;
}

static int open_file(const char *format, int number, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), format, number);
	fd = open(path, flags | O_CREAT, 0600);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/*
 * Between two operations, so that the load is no race for processors: whoever watches it
 * needs some as well, and one of an emulated machine is slow.
 */
static void think(void)
{
	usleep(chance(2 * THINK));
}

static void check(bool good, const char *what)
{
	if (!good)
		err(1, "%s", what);
}

/* --- tasks that share a file ------------------------------------------------ */

/* Pages that a sync is of; their versions when it began */
struct sync {
	int file, first, last;
	uint32_t stored[LINES];
};

static void sync_begins(struct sync *sync, int file, int first, int last)
{
	int i;

	if (!together)
		pthread_mutex_lock(&ledger->syncing[file]);
	sync->file = file;
	sync->first = first * OWNERS;
	sync->last = last * OWNERS + OWNERS - 1;
	for (i = sync->first; i <= sync->last; i++)
		sync->stored[i] = ledger->lines[file][i].stored;
}

static void sync_returned(const struct sync *sync)
{
	int i;

	for (i = sync->first; i <= sync->last; i++)
		raise_to(&ledger->lines[sync->file][i].promised, sync->stored[i]);
	if (!together)
		pthread_mutex_unlock(&ledger->syncing[sync->file]);
	ledger->operations++;
}

/* The next version of one of the task's own lines */
static uint32_t next_version(int file, int line, uint64_t *words)
{
	uint32_t version = ++ledger->lines[file][line].begun;
	int i;

	for (i = 0; i < LINE_WORDS; i++)
		words[i] = word(ledger->seed, line_name(file, line), version, i);
	return version;
}

static char *map_file(int fd, bool sync)
{
	char *map = MAP_FAILED;

	if (sync)
		map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	if (map == MAP_FAILED)
		map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(map != MAP_FAILED, "mmap");
	return map;
}

static void store(int file, int line, char *map)
{
	uint64_t words[LINE_WORDS];
	volatile uint64_t *to = (void *)(map + line_offset(line));
	uint32_t version = next_version(file, line, words);
	int i;

	for (i = 0; i < LINE_WORDS; i++)
		to[i] = words[i];
	ledger->lines[file][line].stored = version;
}

/* Of one of two mappings the even pages, of the other one the odd */
static int page_to_store(int owner)
{
	int page = chance(PAGES);

	return together ? page : (page & ~1) + owner % 2;
}

static void mapper(int file, int owner, bool map_sync)
{
	int fd = open_file("pages.%d", file, O_RDWR), i, first, last;
	char *map = map_file(fd, map_sync);
	struct sync sync;

	while (!done) {
		think();
		for (i = chance(12); i >= 0; i--)
			store(file, page_to_store(owner) * OWNERS + owner, map);
		if (chance(8) == 0) {
			sync_begins(&sync, file, 0, PAGES - 1);
			check(!fsync(fd), "fsync");
		} else {
			first = chance(PAGES);
			last = first + chance(PAGES - first);
			sync_begins(&sync, file, first, last);
			check(!msync(map + first * PAGE, (last - first + 1) * PAGE, MS_SYNC), "msync");
		}
		sync_returned(&sync);
		if (chance(32) == 0) {
			sync_begins(&sync, file, 0, PAGES - 1);
			check(!msync(map, PAGES * PAGE, MS_SYNC), "msync");
			sync_returned(&sync);
			check(!munmap(map, PAGES * PAGE), "munmap");
			map = map_file(fd, map_sync);
		}
	}
}

static void writer(int file, int owner, bool dsync)
{
	int fd = open_file("pages.%d", file, O_RDWR | (dsync ? O_DSYNC : 0));
	uint64_t words[LINE_WORDS];
	struct sync sync;
	int i;

	while (!done) {
		think();
		for (i = chance(6); i >= 0; i--) {
			int line = chance(PAGES) * OWNERS + owner;
			uint32_t version = next_version(file, line, words);
			/* In two parts: what a copy flushes does not end where its bytes do. */
			int part = chance(LINE_WORDS) * 8;

			if (dsync) {
				sync_begins(&sync, file, line / OWNERS, line / OWNERS);
				/* It is no promise for the page's other lines. */
				sync.first = sync.last = line;
			}
			check(pwrite(fd, words, part, line_offset(line)) == part &&
			      pwrite(fd, (char *)words + part, LINE_BYTES - part,
				     line_offset(line) + part) == LINE_BYTES - part, "write");
			ledger->lines[file][line].stored = version;
			sync.stored[line] = version;
			if (dsync)
				sync_returned(&sync);
		}
		if (!dsync) {
			sync_begins(&sync, file, 0, PAGES - 1);
			check(!fdatasync(fd), "fdatasync");
			sync_returned(&sync);
		}
	}
}

/* Whatever comes to mind; what fails, fails. */
static void disturber(void)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE, 0,
	};
	int fds[FILES], i, from = together ? PAGES : 0;
	char *maps[FILES];

	for (i = 0; i < FILES; i++) {
		fds[i] = open_file(together ? "pages.%d" : "apart.%d", i, O_RDWR);
		maps[i] = mmap(NULL, (PAGES + TAIL) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		check(maps[i] != MAP_FAILED, "mmap");
	}
	while (!done) {
		think();
		int file = chance(FILES), page = from + chance(TAIL - 4), pages = 1 + chance(4);
		int fd = fds[file];

		if (!together)
			check(!msync(maps[file], (PAGES + TAIL) * PAGE, MS_SYNC), "msync");
		if (chance(3) == 0) {
			i = ftruncate(fd, page * PAGE + chance(2) * 100);
			i = ftruncate(fd, (PAGES + TAIL) * PAGE);
		} else {
			i = fallocate(fd, modes[chance(5)], page * PAGE, pages * PAGE);
			i = ftruncate(fd, (PAGES + TAIL) * PAGE);
		}
		check(!i, "ftruncate");
		for (i = 0; i < 6; i++)
			maps[file][(from + chance(TAIL)) * PAGE] = i;
		if (chance(6) == 0)
			check(!msync(maps[file], (PAGES + TAIL) * PAGE, MS_SYNC), "msync");
		ledger->operations++;
	}
}

/* --- the log, and the file that is replaced --------------------------------- */

static void appender(void)
{
	int fd = open_file("log", 0, O_RDWR | O_DSYNC), count = 0, i;
	uint64_t words[RECORD_WORDS];
	uint32_t turn = 1;

	while (!done) {
		think();
		if (count == RECORDS) {
			ledger->log_begun = (uint64_t)++turn << 32;
			check(!ftruncate(fd, 0), "ftruncate");
			count = 0;
		}
		for (i = 1; i < RECORD_WORDS; i++)
			words[i] = word(ledger->seed, NAME_LOG, (uint64_t)turn << 32 | (count + 1), i);
		words[0] = turn;
		ledger->log_begun = (uint64_t)turn << 32 | (count + 1);
		check(pwrite(fd, words, sizeof(words), count * sizeof(words)) == sizeof(words), "write");
		ledger->log_promised = (uint64_t)turn << 32 | ++count;
		ledger->operations++;
	}
}

static void write_copy(uint64_t version, bool by_mapping)
{
	int fd = open_file("copy.new", 0, O_RDWR | O_TRUNC);
	uint64_t words[COPY_WORDS], *map = words;
	unsigned int i;

	if (by_mapping) {
		check(!ftruncate(fd, sizeof(words)), "ftruncate");
		map = mmap(NULL, sizeof(words), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		check(map != MAP_FAILED, "mmap");
	}
	map[0] = version;
	for (i = 1; i < COPY_WORDS; i++)
		map[i] = word(ledger->seed, NAME_COPY, version, i);
	if (!by_mapping)
		check(write(fd, words, sizeof(words)) == sizeof(words), "write");
	check(!fsync(fd), "fsync");
	if (by_mapping)
		check(!munmap(map, sizeof(words)), "munmap");
	close(fd);
}

static void replace(uint64_t version)
{
	int folder = open(".", O_RDONLY | O_DIRECTORY);

	write_copy(version, version & 1);
	ledger->copy_begun = version;
	check(!rename("copy.new", "copy"), "rename");
	check(folder >= 0 && !fsync(folder), "fsync of the folder");
	ledger->copy_promised = version;
	close(folder);
	ledger->operations++;
}

static void replacer(void)
{
	uint64_t version = 1;

	while (!done) {
		think();
		replace(++version);
	}
}

/* --- all of them -------------------------------------------------------------- */

static void on_signal(int signal)
{
	(void)signal;
	done = 1;
}

static pid_t begin(const char *name, int number)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	state = mix(ledger->seed + number);
	return 0;
}

static int begin_all(void)
{
	int file, tasks = 0;

	for (file = 0; file < FILES; file++) {
		if (!begin("mapper", ++tasks)) {
			mapper(file, 0, false);
			exit(0);
		}
		if (!begin("syncmapper", ++tasks)) {
			mapper(file, 1, true);
			exit(0);
		}
		if (!begin("writer", ++tasks)) {
			writer(file, 2, false);
			exit(0);
		}
		if (!begin("dsyncwriter", ++tasks)) {
			writer(file, 3, true);
			exit(0);
		}
	}
	if (!begin("disturber", ++tasks)) {
		disturber();
		exit(0);
	}
	if (!begin("appender", ++tasks)) {
		appender();
		exit(0);
	}
	if (!begin("replacer", ++tasks)) {
		replacer();
		exit(0);
	}
	return tasks;
}

/* The files are there, and promised, before anything is done to them. */
static void prepare(void)
{
	int fd, i;

	for (i = 0; i < 2 * FILES; i++) {
		fd = open_file(i < FILES ? "pages.%d" : "apart.%d", i % FILES, O_RDWR | O_TRUNC);
		check(!ftruncate(fd, (PAGES + TAIL) * PAGE) && !fsync(fd), "fsync");
		close(fd);
	}
	fd = open_file("log", 0, O_RDWR | O_TRUNC);
	check(!fsync(fd), "fsync");
	close(fd);
	replace(1);
}

/*
 * What is promised before the power is cut must be there, and nothing can be there that was
 * not begun before that.
 */
static void cut(const char *control, struct ledger *result)
{
	int fd = control ? open(control, O_WRONLY) : -1, file, i;

	*result = *ledger;
	if (control)
		check(fd >= 0 && write(fd, "cut", 3) == 3, control);
	for (file = 0; file < FILES; file++)
		for (i = 0; i < LINES; i++)
			result->lines[file][i].begun = ledger->lines[file][i].begun;
	result->log_begun = ledger->log_begun;
	result->copy_begun = ledger->copy_begun;
}

static void prepare_ledger(uint64_t seed)
{
	pthread_mutexattr_t shared;
	int i;

	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(ledger != MAP_FAILED, "mmap");
	ledger->seed = seed;
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	for (i = 0; i < FILES; i++)
		pthread_mutex_init(&ledger->syncing[i], &shared);
}

static int run(const char *folder, const char *path, int seconds, uint64_t seed, const char *control)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), tasks, status, failed = 0;
	struct ledger *result = calloc(1, sizeof(*result));
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	check(fd >= 0 && result, path);
	prepare_ledger(seed);
	check(!chdir(folder), folder);
	prepare();
	sigaction(SIGTERM, &action, NULL);
	tasks = begin_all();
	/* A task that fails ends it. */
	while (seconds-- > 0 && !waitpid(-1, &status, WNOHANG))
		sleep(1);
	if (seconds >= 0) {
		tasks--;
		failed = 1;
	}
	cut(control, result);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (tasks-- > 0)
		if (wait(&status) < 0 || status)
			failed = 1;
	/* Without a cut all that was stored may be there. */
	if (!control)
		cut(NULL, result);
	check(write(fd, result, sizeof(*result)) == sizeof(*result), path);
	printf("%llu operations\n", (unsigned long long)ledger->operations);
	return failed;
}

/* --- what is there after the cut ------------------------------------------------ */

static int lost;
static unsigned long promised, newer;

static bool is_version(uint64_t name, int i, uint64_t value, uint32_t from, uint32_t to, bool *is_newer)
{
	uint32_t version;

	for (version = from; version <= to; version++)
		if (value == word(ledger->seed, name, version, i)) {
			*is_newer |= version > from;
			return true;
		}
	return false;
}

static void verify_line(int fd, int file, int number)
{
	const struct line *line = &ledger->lines[file][number];
	uint64_t words[LINE_WORDS];
	bool is_newer = false;
	int i;

	if (pread(fd, words, LINE_BYTES, line_offset(number)) != LINE_BYTES) {
		printf("lost pages.%d: it ends before page %d\n", file, number / OWNERS);
		lost = 1;
		return;
	}
	for (i = 0; i < LINE_WORDS; i++) {
		if (is_version(line_name(file, number), i, words[i], line->promised, line->begun, &is_newer))
			continue;
		printf("lost pages.%d page %d line %d word %d: promised version %u, begun %u, there is %#llx%s\n",
		       file, number / OWNERS, number % OWNERS, i, line->promised, line->begun,
		       (unsigned long long)words[i],
		       is_version(line_name(file, number), i, words[i], 0, line->begun, &is_newer) ?
		       ", which is older" : "");
		lost = 1;
		return;
	}
	promised += line->promised > 0;
	newer += is_newer;
}

static void verify_log(void)
{
	int fd = open("log", O_RDONLY), i;
	uint64_t words[RECORD_WORDS], turn = 0, there;
	uint32_t count = 0;

	while (read(fd, words, sizeof(words)) == sizeof(words)) {
		if (count && words[0] != turn)
			break;
		for (i = 1; i < RECORD_WORDS; i++)
			if (words[i] != word(ledger->seed, NAME_LOG, words[0] << 32 | (count + 1), i))
				break;
		if (i < RECORD_WORDS)
			break;
		turn = words[0];
		count++;
	}
	there = turn << 32 | count;
	/* Emptied, and nothing appended that was promised */
	if (!count && ledger->log_begun >> 32 > ledger->log_promised >> 32)
		there = ledger->log_begun;
	if (fd < 0 || there < ledger->log_promised || there > ledger->log_begun) {
		printf("lost log: promised turn %llu record %llu, begun %llu %llu, there is %llu %u\n",
		       (unsigned long long)ledger->log_promised >> 32,
		       (unsigned long long)ledger->log_promised & 0xffffffff,
		       (unsigned long long)ledger->log_begun >> 32,
		       (unsigned long long)ledger->log_begun & 0xffffffff, (unsigned long long)turn, count);
		lost = 1;
	}
	close(fd);
}

static void verify_copy(void)
{
	int fd = open("copy", O_RDONLY);
	uint64_t words[COPY_WORDS] = { 0 };
	unsigned int i = 0;

	if (read(fd, words, sizeof(words)) == sizeof(words))
		for (i = 1; i < COPY_WORDS; i++)
			if (words[i] != word(ledger->seed, NAME_COPY, words[0], i))
				break;
	if (i != COPY_WORDS || words[0] < ledger->copy_promised || words[0] > ledger->copy_begun) {
		printf("lost copy: promised version %llu, begun %llu, there is %llu, right as far as word %u\n",
		       (unsigned long long)ledger->copy_promised, (unsigned long long)ledger->copy_begun,
		       (unsigned long long)words[0], i);
		lost = 1;
	}
	close(fd);
}

static int verify(const char *folder, const char *path)
{
	int fd = open(path, O_RDONLY), file, i;

	ledger = calloc(1, sizeof(*ledger));
	check(fd >= 0 && ledger && read(fd, ledger, sizeof(*ledger)) == sizeof(*ledger), path);
	close(fd);
	check(!chdir(folder), folder);
	for (file = 0; file < FILES; file++) {
		char name[16];

		snprintf(name, sizeof(name), "pages.%d", file);
		fd = open(name, O_RDONLY);
		for (i = 0; i < LINES; i++)
			verify_line(fd, file, i);
		close(fd);
	}
	verify_log();
	verify_copy();
	printf("%lu lines promised, %lu of them newer\n", promised, newer);
	return lost;
}

int main(int argc, char **argv)
{
	const char *control = NULL;
	int at = 2;

	if (argc == 4 && !strcmp(argv[1], "verify"))
		return verify(argv[2], argv[3]);
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (!strcmp(argv[at], "--together"))
			together = true;
		else if (!strcmp(argv[at], "--cut") && at + 1 < argc)
			control = argv[++at];
	}
	if (argc - at != 4 || strcmp(argv[1], "run"))
		errx(2, "usage: promises run [--together] [--cut CONTROL] FOLDER LEDGER SECONDS SEED\n"
		     "       promises verify FOLDER LEDGER");
	setpgid(0, 0);
	return run(argv[at], argv[at + 1], atoi(argv[at + 2]), strtoull(argv[at + 3], NULL, 0), control);
}
