// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast a trace is written and read, with records in the mix and with the
 * values that a load of faults, writes and syncs on a few files gives.
 *
 * Usage: trace_bench FILE [RECORDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "testcases/unit/trace_craft.h"

/* As many as one pass of the mix has; passes are repeated. */
#define MIX_RECORDS	200000

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "trace_bench: %s\n", what);
	exit(1);
}

/* What changes from record to record in a real trace. */
struct mix {
	struct bytes records;
	__u64 time;
	__u32 sequence[4];
	__u32 seed;
	struct inode_id inode;
	__u64 index;
};

static struct event_header mix_header(struct mix *mix, unsigned int type, size_t size)
{
	unsigned int cpu = craft_random(&mix->seed) % 4;

	mix->time += 300 + craft_random(&mix->seed) % 4000;
	return (struct event_header) {
		.time = mix->time, .tid = 1200 + cpu, .tgid = 1200, .type = type, .size = size,
		.cpu = cpu, .sequence = mix->sequence[cpu]++,
	};
}

static void mix_enter(struct mix *mix, unsigned int operation)
{
	struct event_enter enter = {
		.header = mix_header(mix, EVENT_ENTER, sizeof(enter)),
		.inode = mix->inode, .first = mix->index, .last = mix->index,
		.argument = { FAULT_WRITE, 0x7f1200000000ULL + mix->index * 4096 },
		.operation = operation, .stack = craft_random(&mix->seed) % 20,
	};

	bytes__add(&mix->records, &enter, sizeof(enter));
}

static void mix_exit(struct mix *mix, unsigned int operation)
{
	struct event_exit exit = {
		.header = mix_header(mix, EVENT_EXIT, sizeof(exit)),
		.inode = mix->inode, .result = 256, .operation = operation,
	};

	bytes__add(&mix->records, &exit, sizeof(exit));
}

static void mix_entry(struct mix *mix)
{
	struct event_entry entry = {
		.header = mix_header(mix, EVENT_ENTRY_INSERT, sizeof(entry)),
		.inode = mix->inode, .index = mix->index, .pfn = 0x140000 + mix->index * 3,
		.flags = ENTRY_WRITE | ENTRY_DIRTY,
	};

	bytes__add(&mix->records, &entry, sizeof(entry));
}

static void mix_range(struct mix *mix, unsigned int type)
{
	struct event_range range = {
		.header = mix_header(mix, type, sizeof(range)),
		.inode = mix->inode, .first = mix->index, .last = mix->index,
		.pfn = type == EVENT_MKCLEAN ? 0x140000 + mix->index * 3 : 0,
	};

	bytes__add(&mix->records, &range, sizeof(range));
}

static void mix_flush(struct mix *mix)
{
	struct event_flush flush = {
		.header = mix_header(mix, EVENT_FLUSH, sizeof(flush)),
		.pfn = 0x140000 + mix->index * 3, .pages = 1,
	};

	bytes__add(&mix->records, &flush, sizeof(flush));
}

static size_t make_mix(struct mix *mix)
{
	size_t count = 0;

	mix->seed = 1;
	mix->time = 1000000000000ULL;
	while (count < MIX_RECORDS) {
		mix->inode.ino = 128 + craft_random(&mix->seed) % 8;
		mix->inode.dev = 259 << 20;
		mix->inode.generation = 0x9e3779b9U * (__u32)mix->inode.ino;
		mix->index = craft_random(&mix->seed) % 4096;

		if (craft_random(&mix->seed) % 3) {
			mix_enter(mix, OPERATION_FAULT);
			mix_entry(mix);
			mix_exit(mix, OPERATION_FAULT);
			count += 3;
		} else {
			mix_enter(mix, OPERATION_SYNC);
			mix_range(mix, EVENT_MKCLEAN);
			mix_flush(mix);
			mix_range(mix, EVENT_WRITEBACK_ONE);
			mix_exit(mix, OPERATION_SYNC);
			count += 5;
		}
	}
	return count;
}

static void report(const char *what, double count, double bytes, double wall, double cpu)
{
	printf("%-6s %7.2f million records/s  %7.1f MB/s  %6.1f ns/record (CPU %.1f ns)\n", what,
	       count / wall / 1e6, bytes / wall / 1e6, wall / count * 1e9, cpu / count * 1e9);
}

int main(int argc, char **argv)
{
	char error[TRACE_ERROR_LENGTH];
	const struct event_header *record;
	struct trace_writer *writer;
	struct trace_reader *reader;
	struct mix mix = { 0 };
	size_t in_mix, wanted, count = 0, bytes = 0, read_count = 0;
	double wall, cpu;
	struct stat file;

	if (argc < 2)
		die("usage: trace_bench FILE [RECORDS]");
	wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000000;
	in_mix = make_mix(&mix);

	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	if (trace_writer__create(&writer, argv[1], error))
		die(error);
	while (count < wanted) {
		size_t position = 0;

		while (position < mix.records.length) {
			record = (const void *)(mix.records.data + position);
			if (trace_writer__record(writer, record))
				die("a record was not taken");
			position += record->size;
		}
		count += in_mix;
		bytes += mix.records.length;
	}
	if (trace_writer__close(writer, 0, error))
		die(error);
	report("write", count, bytes, seconds(CLOCK_MONOTONIC) - wall,
	       seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);

	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	if (trace_reader__open(&reader, argv[1], error))
		die(error);
	while (trace_reader__next(reader, &record) > 0)
		read_count++;
	if (trace_reader__state(reader) != TRACE_COMPLETE || read_count != count)
		die("the records that were read are not those that were written");
	trace_reader__close(reader);
	report("read", count, bytes, seconds(CLOCK_MONOTONIC) - wall,
	       seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);

	if (stat(argv[1], &file) == 0)
		printf("size   %7.1f MB of %.1f MB of records, %.2f bytes/record\n",
		       file.st_size / 1e6, bytes / 1e6, (double)file.st_size / count);
	unlink(argv[1]);
	bytes__free(&mix.records);
	return 0;
}
