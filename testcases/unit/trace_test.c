// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Traces as daxtrace writes them: what goes in comes out, or is said to be missing. */
#include "testcases/unit/unit.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "testcases/unit/trace_craft.h"

static const char path_name[] = "trace";

static struct trace_writer *create(const char *path)
{
	char error[TRACE_ERROR_LENGTH];
	struct trace_writer *writer;

	assert_int_equal(trace_writer__create(&writer, path, error), 0);
	assert_string_equal(error, "");
	return writer;
}

static void finish(struct trace_writer *writer, __u64 lost)
{
	char error[TRACE_ERROR_LENGTH];

	assert_int_equal(trace_writer__close(writer, lost, error), 0);
	assert_string_equal(error, "");
}

/* Write all records of bytes. */
static void write_records(struct trace_writer *writer, const struct bytes *records)
{
	size_t position;

	for (position = 0; position < records->length;) {
		const struct event_header *record = (void *)(records->data + position);

		assert_int_equal(trace_writer__record(writer, record), 0);
		position += record->size;
	}
}

static void add_records(struct bytes *records, size_t count, __u32 seed)
{
	size_t i;

	for (i = 0; i < count; i++)
		craft_record(records, EVENT_TASK + i % (EVENT_TYPE_COUNT - 1), 0, &seed);
}

/* The file is whole and has exactly these records. */
static void assert_complete(const char *path, const struct bytes *records, size_t count,
			    __u64 lost)
{
	struct outcome outcome = craft_read(path);

	assert_string_equal(outcome.error, "");
	assert_string_equal(outcome.problem, "");
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.state, TRACE_COMPLETE);
	assert_int_equal(outcome.lost, lost);
	assert_int_equal(outcome.count, count);
	assert_int_equal(outcome.records.length, records->length);
	if (count)
		assert_memory_equal(outcome.records.data, records->data, records->length);
	outcome__free(&outcome);
}

/* The file is cut off, and has these records from the first on: their number. */
static size_t assert_truncated(const char *path, const struct bytes *records)
{
	struct outcome outcome = craft_read(path);
	size_t count = outcome.count;

	assert_string_equal(outcome.error, "");
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.state, TRACE_TRUNCATED);
	assert_contains(outcome.problem, "inconclusive");
	assert_true(outcome.records.length <= records->length);
	if (count)
		assert_memory_equal(outcome.records.data, records->data, outcome.records.length);
	outcome__free(&outcome);
	return count;
}

static void records_of_all_types_over_many_blocks(void **unused)
{
	const char *path = unit_path(path_name);
	struct bytes records = { 0 };
	struct trace_writer *writer;
	__u32 seed = 1;
	size_t i;

	(void)unused;
	/* Now and then a type of the future, and a struct that has grown. */
	for (i = 0; i < 30000; i++)
		craft_record(&records, craft_random(&seed) % (EVENT_TYPE_COUNT + 3),
			     craft_random(&seed) % 16 ? 0 : 8 * (craft_random(&seed) % 5), &seed);

	writer = create(path);
	write_records(writer, &records);
	finish(writer, 12345678901ULL);

	assert_complete(path, &records, 30000, 12345678901ULL);
	bytes__free(&records);
	unlink(path);
}

static void no_records_at_all(void **unused)
{
	const char *path = unit_path(path_name);
	struct bytes none = { 0 };

	(void)unused;
	finish(create(path), 0);
	assert_complete(path, &none, 0, 0);
	unlink(path);
}

static void longest_records(void **unused)
{
	const char *path = unit_path(path_name);
	struct bytes records = { 0 };
	struct trace_writer *writer;
	__u32 seed = 2;
	int i;

	(void)unused;
	for (i = 0; i < 40; i++)
		craft_record_sized(&records, 1000, 65528, &seed);

	writer = create(path);
	write_records(writer, &records);
	finish(writer, 0);
	assert_complete(path, &records, 40, 0);
	bytes__free(&records);
	unlink(path);
}

/* What real traces are like, and must be much smaller than their records. */
static void compression(void **unused)
{
	const char *path = unit_path(path_name);
	struct event_range range = {
		.header = { .type = EVENT_UNMAP, .size = sizeof(range) },
	};
	struct bytes records = { 0 };
	struct trace_writer *writer;
	struct stat file;
	int i;

	(void)unused;
	for (i = 0; i < 50000; i++) {
		range.header.time += 1000;
		range.header.sequence++;
		range.first = range.last = i % 512;
		bytes__add(&records, &range, sizeof(range));
	}
	writer = create(path);
	write_records(writer, &records);
	finish(writer, 0);

	assert_complete(path, &records, 50000, 0);
	assert_int_equal(stat(path, &file), 0);
	assert_true((size_t)file.st_size < records.length / 4);
	bytes__free(&records);
	unlink(path);
}

/*
 * A small trace, the one that daxtrace-trace(5) shows.  Whoever changes these
 * bytes makes the traces that exist unreadable.
 */
static const unsigned char example[] = {
	/* file header */
	0x44, 0x41, 0x58, 0x54, 0x52, 0x41, 0x43, 0x45, 0x01, 0x00, 0x00, 0x00,
	0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0xe2, 0x03, 0xd7, 0xd6,
	/* FACTS */
	0x44, 0x58, 0x42, 0x4b, 0x01, 0x00, 0x00, 0x00, 0x0d, 0x00, 0x00, 0x00,
	0x0d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x54, 0xd0, 0xe9, 0x8e,
	/* kernel=6.1.0 */
	0x6b, 0x65, 0x72, 0x6e, 0x65, 0x6c, 0x3d, 0x36, 0x2e, 0x31, 0x2e, 0x30,
	0x0a,
	/* RECORDS */
	0x44, 0x58, 0x42, 0x4b, 0x02, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00,
	0x28, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0xca, 0x9a, 0x3b, 0x00, 0x00, 0x00, 0x00, 0x00, 0xca, 0x9a, 0x3b,
	0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xb2, 0xbd, 0xa8, 0x2f,
	/* struct event_gap */
	0x00, 0xca, 0x9a, 0x3b, 0x00, 0x00, 0x00, 0x00, 0x65, 0x00, 0x00, 0x00,
	0x64, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x28, 0x00, 0x01, 0x00, 0x00, 0x00,
	0x07, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00,
	/* END */
	0x44, 0x58, 0x42, 0x4b, 0x03, 0x00, 0x00, 0x00, 0x18, 0x00, 0x00, 0x00,
	0x18, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x39, 0x95, 0xd5, 0x1f,
	/* struct trace_end */
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static void format_is_what_it_was(void **unused)
{
	const char *path = unit_path(path_name);
	struct event_gap gap = {
		.header = {
			.time = 1000000000, .tid = 101, .tgid = 100, .type = EVENT_GAP,
			/* As it was: it has grown since. */
			.size = offsetof(struct event_gap, since),
			.cpu = 1, .sequence = 7, .lost = 2,
		},
		.lost = 3,
	};
	struct bytes file = { 0 }, records = { 0 };
	struct trace_writer *writer;

	(void)unused;
	writer = create(path);
	assert_int_equal(trace_writer__fact(writer, "kernel", "6.1.0"), 0);
	assert_int_equal(trace_writer__record(writer, &gap.header), 0);
	finish(writer, 5);

	bytes__load(&file, path);
	assert_int_equal(file.length, sizeof(example));
	assert_memory_equal(file.data, example, sizeof(example));

	bytes__add(&records, &gap, gap.header.size);
	assert_complete(path, &records, 1, 5);
	bytes__free(&records);
	bytes__free(&file);
	unlink(path);
}

/* The lines of the hex dump in the manual page, which is found from the repository's root. */
static void manual_shows_this_format(void **unused)
{
	FILE *manual = fopen("man/daxtrace-trace.5", "r");
	struct bytes shown = { 0 };
	char line[512];

	(void)unused;
	if (!manual)
		fail_msg("no man/daxtrace-trace.5 here: run this from the repository's root");
	while (fgets(line, sizeof(line), manual)) {
		unsigned int offset, value;
		char *position;
		int length;

		if (sscanf(line, "%8x  %*2x%n", &offset, &length) != 1 || line[8] != ' ' ||
		    offset != shown.length)
			continue;
		for (position = line + 8; sscanf(position, " %2x%n", &value, &length) == 1;
		     position += length) {
			unsigned char byte = value;

			if (strspn(position, " ") > 2)
				break;
			bytes__add(&shown, &byte, 1);
		}
	}
	fclose(manual);

	assert_int_equal(shown.length, sizeof(example));
	assert_memory_equal(shown.data, example, sizeof(example));
	bytes__free(&shown);
}

/* The times in the blocks' headers, by which a reader finds a time. */
static void blocks_say_their_times(void **unused)
{
	static const __u64 times[] = { 50, 20, 90, 60 };
	const char *path = unit_path(path_name);
	struct event_gap gap = { .header = { .type = EVENT_GAP, .size = sizeof(gap) } };
	struct trace_block_header header;
	struct trace_writer *writer;
	struct bytes file = { 0 };
	size_t i, position;

	(void)unused;
	writer = create(path);
	for (i = 0; i < ARRAY_SIZE(times); i++) {
		gap.header.time = times[i];
		assert_int_equal(trace_writer__record(writer, &gap.header), 0);
	}
	assert_int_equal(trace_writer__flush(writer), 0);
	gap.header.time = 70;
	assert_int_equal(trace_writer__record(writer, &gap.header), 0);
	assert_int_equal(trace_writer__fact(writer, "a", "b"), 0);
	finish(writer, 0);

	bytes__load(&file, path);
	position = sizeof(struct trace_file_header);
	for (i = 0; position < file.length; i++) {
		static const __u64 first[] = { 20, 70, 0, 0 }, last[] = { 90, 70, 0, 0 };
		static const __u32 records[] = { 4, 1, 0, 0 };

		assert_in_range(i, 0, 3);
		memcpy(&header, file.data + position, sizeof(header));
		assert_int_equal(le64toh(header.first), first[i]);
		assert_int_equal(le64toh(header.last), last[i]);
		assert_int_equal(le32toh(header.records), records[i]);
		position += sizeof(header) + le32toh(header.stored);
	}
	assert_int_equal(i, 4);
	bytes__free(&file);
	unlink(path);
}

static void append_fact(const char *key, const char *value, void *context)
{
	struct bytes *text = context;

	bytes__add(text, key, strlen(key));
	bytes__add(text, "=", 1);
	bytes__add(text, value, strlen(value));
	bytes__add(text, ";", 1);
}

static void facts(void **unused)
{
	const char *path = unit_path(path_name);
	const struct event_header *record;
	char error[TRACE_ERROR_LENGTH];
	struct bytes records = { 0 }, text = { 0 };
	struct trace_writer *writer;
	struct trace_reader *reader;
	static const char probes[] =
		"probe.unmap=missing: detached;probe.flush=kprobe;probe.late=x;";
	const char *early;

	(void)unused;
	add_records(&records, 100, 3);
	writer = create(path);
	assert_int_equal(trace_writer__fact(writer, "kernel", "6.12.8"), 0);
	assert_int_equal(trace_writer__fact(writer, "command", "a\\nb\nc=d \\\\ \xc3\xa9\n"), 0);
	assert_int_equal(trace_writer__fact(writer, "empty", ""), 0);
	assert_int_equal(trace_writer__fact(writer, "probe.unmap", "fentry"), 0);
	assert_int_equal(trace_writer__fact(writer, "probe.flush", "kprobe"), 0);
	write_records(writer, &records);
	assert_int_equal(trace_writer__fact(writer, "probe.unmap", "missing: detached"), 0);
	assert_int_equal(trace_writer__fact(writer, "probe.late", "x"), 0);
	write_records(writer, &records);
	finish(writer, 0);

	assert_int_equal(trace_reader__open(&reader, path, error), 0);

	/* Before any record was read. */
	early = trace_reader__fact(reader, "probe.unmap");
	assert_string_equal(trace_reader__fact(reader, "kernel"), "6.12.8");
	assert_string_equal(trace_reader__fact(reader, "command"),
			    "a\\nb\nc=d \\\\ \xc3\xa9\n");
	assert_string_equal(trace_reader__fact(reader, "empty"), "");
	assert_string_equal(early, "fentry");
	assert_null(trace_reader__fact(reader, "probe."));
	assert_null(trace_reader__fact(reader, "probe.late"));

	while (trace_reader__next(reader, &record) > 0)
		;
	assert_int_equal(trace_reader__state(reader), TRACE_COMPLETE);
	assert_string_equal(trace_reader__fact(reader, "probe.unmap"), "missing: detached");
	assert_string_equal(early, "fentry");

	trace_reader__facts(reader, "probe.", append_fact, &text);
	assert_int_equal(text.length, strlen(probes));
	assert_memory_equal(text.data, probes, text.length);
	trace_reader__close(reader);
	bytes__free(&text);
	bytes__free(&records);
	unlink(path);
}

static void facts_out_of_bounds(void **unused)
{
	static const char *const bad_key[] = { "", "a b", "a=b", "a\nb", "a\\b", "\xc3\xa9", "a\x7f" };
	const char *path = unit_path(path_name);
	static char value[TRACE_FACT_MAX];
	struct bytes none = { 0 };
	struct trace_writer *writer;
	size_t i, added;
	char key[32];
	int code;

	(void)unused;
	writer = create(path);
	for (i = 0; i < ARRAY_SIZE(bad_key); i++)
		assert_int_equal(trace_writer__fact(writer, bad_key[i], "x"), -EINVAL);

	/* "k=" + value + "\n": the longest that fits, and one more. */
	memset(value, 'v', TRACE_FACT_MAX - 3);
	assert_int_equal(trace_writer__fact(writer, "k", value), 0);
	memset(value, 'v', TRACE_FACT_MAX - 2);
	assert_int_equal(trace_writer__fact(writer, "k", value), -E2BIG);
	/* Escapes count twice, the last one too. */
	value[TRACE_FACT_MAX - 4] = '\n';
	value[TRACE_FACT_MAX - 3] = '\0';
	assert_int_equal(trace_writer__fact(writer, "k", value), -E2BIG);
	memset(value, 0, sizeof(value));
	memset(value, '\n', TRACE_FACT_MAX / 2);
	assert_int_equal(trace_writer__fact(writer, "k", value), -E2BIG);
	memset(value, 'k', sizeof(value) - 1);
	assert_int_equal(trace_writer__fact(writer, value, ""), -E2BIG);

	/* As many bytes as a trace may have. */
	value[60000] = '\0';
	for (added = 0; (code = trace_writer__fact(writer, "k", value)) == 0;)
		added++;
	assert_int_equal(code, -E2BIG);
	assert_int_equal(added, (TRACE_FACTS_MAX - TRACE_FACT_MAX) / 60003);
	finish(writer, 0);
	assert_complete(path, &none, 0, 0);

	/* As many facts as a trace may have. */
	writer = create(path);
	for (added = 0;; added++) {
		snprintf(key, sizeof(key), "%zu", added);
		code = trace_writer__fact(writer, key, "");
		if (code)
			break;
	}
	assert_int_equal(code, -E2BIG);
	assert_int_equal(added, TRACE_FACT_COUNT_MAX);
	finish(writer, 0);
	assert_complete(path, &none, 0, 0);
	unlink(path);
}

static void records_of_impossible_size_are_refused(void **unused)
{
	const char *path = unit_path(path_name);
	struct event_enter enter = { .header = { .type = EVENT_ENTER } };
	struct bytes records = { 0 };
	struct trace_writer *writer = create(path);
	unsigned int size;

	(void)unused;
	for (size = 0; size < sizeof(enter); size++) {
		enter.header.size = size;
		assert_int_equal(trace_writer__record(writer, &enter.header), -EINVAL);
	}
	for (size = sizeof(enter) + 1; size < sizeof(enter) + 8; size++) {
		enter.header.size = size;
		assert_int_equal(trace_writer__record(writer, &enter.header), -EINVAL);
	}
	enter.header.size = sizeof(enter);
	assert_int_equal(trace_writer__record(writer, &enter.header), 0);
	finish(writer, 0);

	bytes__add(&records, &enter, sizeof(enter));
	assert_complete(path, &records, 1, 0);
	bytes__free(&records);
	unlink(path);
}

static void flush_shows_all_records_so_far(void **unused)
{
	const char *path = unit_path(path_name);
	struct bytes records = { 0 };
	struct trace_writer *writer = create(path);

	(void)unused;
	add_records(&records, 70, 4);
	assert_int_equal(trace_writer__flush(writer), 0);
	assert_int_equal(assert_truncated(path, &records), 0);

	write_records(writer, &records);
	assert_int_equal(assert_truncated(path, &records), 0);
	assert_int_equal(trace_writer__flush(writer), 0);
	assert_int_equal(trace_writer__flush(writer), 0);
	assert_int_equal(assert_truncated(path, &records), 70);

	finish(writer, 0);
	assert_complete(path, &records, 70, 0);
	bytes__free(&records);
	unlink(path);
}

static void killed_recorder(void **unused)
{
	const char *path = unit_path(path_name);
	struct bytes records = { 0 };
	struct trace_writer *writer;
	struct outcome outcome;
	char expected[TRACE_ERROR_LENGTH];
	struct stat file;
	int status;
	pid_t child;

	(void)unused;
	add_records(&records, 500, 5);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char error[TRACE_ERROR_LENGTH];

		if (trace_writer__create(&writer, path, error) == 0) {
			write_records(writer, &records);
			trace_writer__flush(writer);
			/* These are lost. */
			write_records(writer, &records);
		}
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	assert_int_equal(assert_truncated(path, &records), 500);
	assert_int_equal(stat(path, &file), 0);
	outcome = craft_read(path);
	snprintf(expected, sizeof(expected),
		 "%s ends at byte %lld without an end block: what was read before it is whole "
		 "(records: 500), but a verdict can only be inconclusive; let the recorder end by "
		 "itself (SIGINT or SIGTERM, not SIGKILL) or copy the whole file",
		 path, (long long)file.st_size);
	assert_string_equal(outcome.problem, expected);
	outcome__free(&outcome);
	bytes__free(&records);
	unlink(path);
}

static void older_content_is_replaced(void **unused)
{
	const char *path = unit_path(path_name);
	struct bytes records = { 0 }, none = { 0 };
	struct trace_writer *writer;
	struct stat file;

	(void)unused;
	add_records(&records, 5000, 6);
	writer = create(path);
	write_records(writer, &records);
	finish(writer, 0);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);

	finish(create(path), 0);
	assert_complete(path, &none, 0, 0);
	bytes__free(&records);
	unlink(path);
}

/* Give fd number target what fd is, for as long as a test needs it. */
static int redirect(int fd, int target)
{
	int saved = dup(target);

	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, target), target);
	return saved;
}

static void restore(int saved, int target)
{
	dup2(saved, target);
	close(saved);
}

struct feed {
	int fd;
	const struct bytes *bytes;
};

/* Write bytes in pieces of many sizes, now and then after a pause. */
static void *feed_pieces(void *argument)
{
	struct feed *feed = argument;
	size_t position = 0, piece = 1;

	while (position < feed->bytes->length) {
		size_t length = feed->bytes->length - position;
		ssize_t written;

		written = write(feed->fd, feed->bytes->data + position,
				length < piece ? length : piece);
		if (written < 0)
			break;
		position += written;
		piece = piece * 3 % 1021 + 1;
		if (piece < 4)
			usleep(100);
	}
	close(feed->fd);
	return NULL;
}

static void read_from_pipe(bool nonblocking)
{
	const char *path = unit_path(path_name);
	struct bytes records = { 0 }, file = { 0 };
	struct trace_writer *writer;
	struct feed feed;
	pthread_t thread;
	int ends[2], saved;

	add_records(&records, 8000, 7);
	writer = create(path);
	write_records(writer, &records);
	finish(writer, 9);
	bytes__load(&file, path);
	unlink(path);

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (nonblocking)
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
	saved = redirect(ends[0], STDIN_FILENO);
	close(ends[0]);
	feed.fd = ends[1];
	feed.bytes = &file;
	assert_int_equal(pthread_create(&thread, NULL, feed_pieces, &feed), 0);

	assert_complete("-", &records, 8000, 9);

	pthread_join(thread, NULL);
	restore(saved, STDIN_FILENO);
	bytes__free(&file);
	bytes__free(&records);
}

static void pipe_as_input(void **unused)
{
	(void)unused;
	read_from_pipe(false);
}

static void pipe_as_input_nonblocking(void **unused)
{
	(void)unused;
	read_from_pipe(true);
}

struct drain {
	int fd;
	struct bytes bytes;
};

static void *drain_pieces(void *argument)
{
	struct drain *drain = argument;
	char buffer[3000];
	ssize_t got;

	while ((got = read(drain->fd, buffer, sizeof(buffer))) > 0) {
		bytes__add(&drain->bytes, buffer, got);
		if (drain->bytes.length < 300000)
			usleep(100);
	}
	return NULL;
}

static void write_to_pipe(bool nonblocking)
{
	const char *path = unit_path(path_name);
	struct drain drain = { 0 };
	struct bytes records = { 0 };
	struct trace_writer *writer;
	pthread_t thread;
	int ends[2], saved;

	add_records(&records, 8000, 8);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (nonblocking)
		fcntl(ends[1], F_SETFL, O_NONBLOCK);
	drain.fd = ends[0];
	assert_int_equal(pthread_create(&thread, NULL, drain_pieces, &drain), 0);

	fflush(stdout);
	saved = redirect(ends[1], STDOUT_FILENO);
	close(ends[1]);
	writer = create("-");
	write_records(writer, &records);
	finish(writer, 0);
	restore(saved, STDOUT_FILENO);

	pthread_join(thread, NULL);
	close(ends[0]);
	bytes__save(&drain.bytes, path);
	assert_complete(path, &records, 8000, 0);
	bytes__free(&drain.bytes);
	bytes__free(&records);
	unlink(path);
}

static void pipe_as_output(void **unused)
{
	(void)unused;
	write_to_pipe(false);
}

static void pipe_as_output_nonblocking(void **unused)
{
	(void)unused;
	write_to_pipe(true);
}

static void reader_of_pipe_goes_away(void **unused)
{
	char error[TRACE_ERROR_LENGTH];
	struct bytes records = { 0 };
	struct trace_writer *writer;
	void (*handler)(int);
	int ends[2], saved;

	(void)unused;
	add_records(&records, 10, 9);
	handler = signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fflush(stdout);
	saved = redirect(ends[1], STDOUT_FILENO);
	close(ends[1]);
	writer = create("-");
	close(ends[0]);
	write_records(writer, &records);
	assert_int_equal(trace_writer__close(writer, 0, error), -EPIPE);
	restore(saved, STDOUT_FILENO);
	signal(SIGPIPE, handler);

	assert_contains(error, "cannot write standard output at byte 32: Broken pipe");
	bytes__free(&records);
}

static void full_device(void **unused)
{
	char error[TRACE_ERROR_LENGTH];
	struct trace_writer *writer;

	(void)unused;
	assert_int_equal(trace_writer__create(&writer, "/dev/full", error), -ENOSPC);
	assert_string_equal(error,
		"cannot write /dev/full at byte 0: No space left on device: the trace ends there; "
		"what it holds can be read (records: 0), but a verdict can only be inconclusive; "
		"free space or name another file, and record again");
}

/*
 * A limit on the file's size stands in for a full disk: a write is cut short
 * and the next one fails.
 */
static void no_space_in_the_middle(void **unused)
{
	const char *path = unit_path(path_name);
	struct rlimit limit, before;
	char error[TRACE_ERROR_LENGTH], expected[TRACE_ERROR_LENGTH];
	struct bytes records = { 0 };
	struct trace_writer *writer;
	size_t position, written = 0, count;
	void (*handler)(int);
	struct stat file;
	int code = 0;

	(void)unused;
	add_records(&records, 30000, 10);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	handler = signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 1000001;
	writer = create(path);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (position = 0; position < records.length; written++) {
		const struct event_header *record = (void *)(records.data + position);

		code = trace_writer__record(writer, record);
		if (code)
			break;
		position += record->size;
	}
	/* Before anything is asserted: the test's own output may be a file. */
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(code, -EFBIG);
	/* It stays that way, although there is room again. */
	assert_int_equal(trace_writer__record(writer, (void *)records.data), -EFBIG);
	assert_int_equal(trace_writer__fact(writer, "a", "b"), -EFBIG);
	assert_int_equal(trace_writer__flush(writer), -EFBIG);
	assert_int_equal(trace_writer__close(writer, 0, error), -EFBIG);
	signal(SIGXFSZ, handler);

	/* The part of a block that was written is gone again. */
	count = assert_truncated(path, &records);
	assert_true(count > 0 && count < written);
	assert_int_equal(stat(path, &file), 0);
	assert_true(file.st_size < 1000001);
	snprintf(expected, sizeof(expected),
		 "cannot write %s at byte %lld: File too large: the trace ends there; what it holds "
		 "can be read (records: %zu), but a verdict can only be inconclusive; raise the limit "
		 "on file sizes (ulimit -f) or record for a shorter time",
		 path, (long long)file.st_size, count);
	assert_string_equal(error, expected);
	bytes__free(&records);
	unlink(path);
}

static void no_space_for_the_end(void **unused)
{
	const char *path = unit_path(path_name);
	struct rlimit limit, before;
	char error[TRACE_ERROR_LENGTH];
	struct bytes records = { 0 };
	struct trace_writer *writer;
	void (*handler)(int);
	struct stat file;
	int code;

	(void)unused;
	add_records(&records, 10, 11);
	writer = create(path);
	write_records(writer, &records);
	assert_int_equal(trace_writer__flush(writer), 0);

	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	handler = signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = file.st_size + 71;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	code = trace_writer__close(writer, 0, error);
	/* Before anything is asserted: the test's own output may be a file. */
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, handler);

	assert_int_equal(code, -EFBIG);
	assert_contains(error, "(records: 10)");
	assert_int_equal(assert_truncated(path, &records), 10);
	bytes__free(&records);
	unlink(path);
}

static void assert_not_created(const char *path, int code, const char *sentence)
{
	char error[TRACE_ERROR_LENGTH];
	struct trace_writer *writer;

	assert_int_equal(trace_writer__create(&writer, path, error), code);
	assert_string_equal(error, sentence);
}

static void targets_that_are_refused(void **unused)
{
	char sentence[TRACE_ERROR_LENGTH], terminal[128];
	const char *block = unit_path("block");
	int master, slave, saved;

	(void)unused;
	assert_not_created("/", -EISDIR,
			   "/ is a directory: nothing was recorded; name a file in it");
	assert_not_created("/dev/zero", -EINVAL,
			   "/dev/zero is a character device, which cannot hold a trace: "
			   "nothing was recorded; name a file or a pipe");
	assert_not_created("/nonexistent/trace", -ENOENT,
			   "cannot create /nonexistent/trace: No such file or directory: "
			   "nothing was recorded");

	/* A device that does not exist, so nothing can be opened by mistake. */
	if (mknod(block, S_IFBLK | 0600, 0xfffff) == 0) {
		snprintf(sentence, sizeof(sentence),
			 "%s is a block device, and a trace would overwrite what is on it: "
			 "nothing was recorded; name a file or a pipe", block);
		assert_not_created(block, -EINVAL, sentence);
		unlink(block);
	}

	assert_int_equal(openpty(&master, &slave, terminal, NULL, NULL), 0);
	snprintf(sentence, sizeof(sentence),
		 "%s is a character device, which cannot hold a trace: nothing was recorded; "
		 "name a file or a pipe", terminal);
	assert_not_created(terminal, -EINVAL, sentence);
	fflush(stdout);
	saved = redirect(slave, STDOUT_FILENO);
	assert_not_created("-", -EINVAL,
			   "standard output is a terminal, and a trace is binary: "
			   "redirect it or name a file");
	restore(saved, STDOUT_FILENO);
	close(slave);
	close(master);
}

static void assert_not_opened(const char *path, int code, const char *sentence)
{
	struct outcome outcome = craft_read(path);

	assert_string_equal(outcome.error, sentence);
	assert_int_equal(outcome.code, code);
}

static void sources_that_are_refused(void **unused)
{
	char sentence[TRACE_ERROR_LENGTH], terminal[128];
	const char *path = unit_path(path_name);
	struct bytes bytes = { 0 };
	int master, slave, saved;

	(void)unused;
	assert_not_opened("/nonexistent", -ENOENT,
			  "cannot open /nonexistent: No such file or directory");
	assert_not_opened("/", -EISDIR, "/ is a directory: name a trace file");
	assert_not_opened("/proc/self/mem", -EIO, "cannot read /proc/self/mem: Input/output error");
	assert_not_opened("/dev/null", -ENODATA, "/dev/null is empty: nothing was recorded to it");
	assert_not_opened("/dev/zero", -EINVAL,
			  "/dev/zero is not a trace: name a file that daxtrace record has written");

	bytes__add(&bytes, "\x28\xb5\x2f\xfd and so on", 14);
	bytes__save(&bytes, path);
	snprintf(sentence, sizeof(sentence),
		 "%s is not a trace: it is compressed: decompress it with zstd -d first", path);
	assert_not_opened(path, -EINVAL, sentence);

	/* A privileged user may read it in spite of its mode. */
	chmod(path, 0);
	if (geteuid() != 0 || seteuid(65534) == 0) {
		snprintf(sentence, sizeof(sentence), "cannot open %s: Permission denied", path);
		assert_not_opened(path, -EACCES, sentence);
		assert_int_equal(seteuid(getuid()), 0);
	}
	bytes__free(&bytes);
	unlink(path);

	assert_int_equal(openpty(&master, &slave, terminal, NULL, NULL), 0);
	saved = redirect(slave, STDIN_FILENO);
	assert_not_opened("-", -EINVAL,
			  "standard input is a terminal: redirect a trace to it or name a file");
	restore(saved, STDIN_FILENO);
	close(slave);
	close(master);
}

/* A socket whose other end has closed with data unread gives ECONNRESET. */
static void input_fails_in_the_middle(void **unused)
{
	const char *path = unit_path(path_name);
	struct bytes records = { 0 }, file = { 0 };
	char error[TRACE_ERROR_LENGTH];
	const struct event_header *record;
	struct trace_reader *reader;
	struct trace_writer *writer;
	int ends[2], saved, i;

	(void)unused;
	add_records(&records, 20, 12);
	writer = create(path);
	write_records(writer, &records);
	assert_int_equal(trace_writer__flush(writer), 0);
	bytes__load(&file, path);
	finish(writer, 0);
	unlink(path);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[0], "unread", 6), 6);
	assert_int_equal(write(ends[1], file.data, file.length), file.length);
	close(ends[1]);
	saved = redirect(ends[0], STDIN_FILENO);
	close(ends[0]);

	assert_int_equal(trace_reader__open(&reader, "-", error), 0);
	for (i = 0; i < 20; i++)
		assert_int_equal(trace_reader__next(reader, &record), 1);
	assert_int_equal(trace_reader__next(reader, &record), -ECONNRESET);
	assert_int_equal(trace_reader__next(reader, &record), -ECONNRESET);
	assert_int_equal(trace_reader__state(reader), TRACE_TRUNCATED);
	assert_contains(trace_reader__problem(reader), "standard input cannot be read at byte ");
	assert_contains(trace_reader__problem(reader), "(Connection reset by peer)");
	trace_reader__close(reader);

	restore(saved, STDIN_FILENO);
	bytes__free(&file);
	bytes__free(&records);
}

static void names_that_are_long_or_odd(void **unused)
{
	char error[TRACE_ERROR_LENGTH], path[3000];
	struct trace_reader *reader;

	(void)unused;
	memset(path, 'x', sizeof(path));
	snprintf(path + 2000, 100, "/the\nend\033");
	assert_int_equal(trace_reader__open(&reader, path, error), -ENAMETOOLONG);
	assert_contains(error, "cannot open ...xxx");
	assert_contains(error, "x/the?end?: File name too long");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_all_types_over_many_blocks),
		cmocka_unit_test(no_records_at_all),
		cmocka_unit_test(longest_records),
		cmocka_unit_test(compression),
		cmocka_unit_test(format_is_what_it_was),
		cmocka_unit_test(manual_shows_this_format),
		cmocka_unit_test(blocks_say_their_times),
		cmocka_unit_test(facts),
		cmocka_unit_test(facts_out_of_bounds),
		cmocka_unit_test(records_of_impossible_size_are_refused),
		cmocka_unit_test(flush_shows_all_records_so_far),
		cmocka_unit_test(killed_recorder),
		cmocka_unit_test(older_content_is_replaced),
		cmocka_unit_test(pipe_as_input),
		cmocka_unit_test(pipe_as_input_nonblocking),
		cmocka_unit_test(pipe_as_output),
		cmocka_unit_test(pipe_as_output_nonblocking),
		cmocka_unit_test(reader_of_pipe_goes_away),
		cmocka_unit_test(full_device),
		cmocka_unit_test(no_space_in_the_middle),
		cmocka_unit_test(no_space_for_the_end),
		cmocka_unit_test(targets_that_are_refused),
		cmocka_unit_test(sources_that_are_refused),
		cmocka_unit_test(input_fails_in_the_middle),
		cmocka_unit_test(names_that_are_long_or_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
