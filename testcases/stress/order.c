// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reads a trace of the workload beside this, and says whether all is there, in its
 * order, but for what the trace itself says was lost:
 *  - the records are in the order of their time;
 *  - of each task, fault, write and punch follow each other, of step after step (a
 *    fault may come again: another task's punch unmaps the whole file to look for
 *    pages in use), and operations end in the order in which they began; where records were lost
 *    on the way, some may be missing, but none is late;
 *  - no more of them are missing in all than were lost.
 *
 * Usage: order TRACE COUNTS	(what the workload has printed)
 * Prints "MADE SEEN LOST": of the tasks' operations, and the records lost. Exit status:
 * 0; 1 after a line on standard error: it is not so.
 */
#include <err.h>
#include <linux/falloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "trace/trace.h"
#include "stress.h"

#define PAGE		4096ULL
#define DEPTH		16
/* A step has so many operations: a fault, a write, a punch. */
#define PARTS		3

struct task {
	unsigned int tid;
	unsigned long first, steps;
	unsigned long long next;	/* the operation that comes next, at least: PARTS * step + part */
	unsigned long long seen;
	unsigned long long lost;	/* what was lost in all at its last record */
	unsigned long long lost_before;	/* the same at its last operation that counts */
	enum operation inside[DEPTH];
	unsigned int depth;
	bool known;			/* what it is inside of */
};

static struct task tasks[TASKS];
static unsigned long long lost, records;

static struct task *find(unsigned int tid)
{
	int i;

	for (i = 0; i < TASKS; i++)
		if (tasks[i].tid == tid)
			return &tasks[i];
	return NULL;
}

static void wrong(const struct task *task, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

static void wrong(const struct task *task, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "record %llu, task %u, operation %llu: ", records, task->tid, task->next);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* Which part of a step an operation is, or -1; *step: which one, modulo *every. */
static int part_of(const struct task *task, const struct event_enter *record,
		   unsigned long long *step, unsigned long long *every)
{
	*step = record->first - task->first;
	*every = SPAN;
	switch (record->operation) {
	case OPERATION_FAULT:
		return 0;
	case OPERATION_WRITE:
		*step += (record->argument[1] - 1) * SPAN;
		*every = 0;
		return 1;
	case OPERATION_FALLOCATE:
		return record->argument[0] == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) ? 2 : -1;
	default:
		return -1;
	}
}

static void take_enter(struct task *task, const struct event_enter *record)
{
	unsigned long long step, every, number;
	int part = part_of(task, record, &step, &every);

	if (task->known && task->depth < DEPTH)
		task->inside[task->depth++] = record->operation;
	if (part < 0)
		return;
	number = PARTS * step + part;
	if (!part && task->next % PARTS == 1 && task->next / PARTS % SPAN == step)
		return;
	/* The first one of this kind that can come now */
	while (every && number < task->next)
		number += PARTS * every;
	/* What is missing may have been lost before other records of the operations around it. */
	if (number < task->next || (number > task->next && task->lost_before == lost))
		wrong(task, "there comes number %llu, and nothing was lost", number);
	task->next = number + 1;
	task->lost_before = lost;
	task->seen++;
}

static void take_exit(struct task *task, const struct event_exit *record)
{
	if (task->known && (!task->depth || task->inside[--task->depth] != record->operation))
		wrong(task, "it ends operation %u, which it was not in", record->operation);
}

static void take(const struct event_header *header)
{
	struct task *task = find(header->tid);

	lost += header->lost;
	if (header->type == EVENT_GAP)
		lost += ((const struct event_gap *)header)->lost;
	if (!task)
		return;
	if (task->lost != lost)
		task->known = false;
	switch (header->type) {
	case EVENT_ENTER:
		take_enter(task, (const struct event_enter *)header);
		break;
	case EVENT_EXIT:
		take_exit(task, (const struct event_exit *)header);
		break;
	case EVENT_ENTRY_INSERT:
		if (task->known && (!task->depth || task->inside[task->depth - 1] != OPERATION_FAULT))
			wrong(task, "it inserts an entry, and is in no fault");
		break;
	default:
		break;
	}
	task->lost = lost;
}

static void read_counts(const char *path)
{
	FILE *file = fopen(path, "r");
	int i;

	if (!file)
		err(2, "%s", path);
	for (i = 0; i < TASKS; i++) {
		if (fscanf(file, "%u %lu %lu", &tasks[i].tid, &tasks[i].first, &tasks[i].steps) != 3)
			errx(2, "%s: not what the workload prints", path);
		tasks[i].known = true;
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	unsigned long long made = 0, seen = 0, newest = 0;
	const struct event_header *record;
	char error[TRACE_ERROR_LENGTH];
	struct trace_reader *reader;
	int i;

	if (argc != 3)
		errx(2, "usage: order TRACE COUNTS");
	read_counts(argv[2]);
	if (trace_reader__open(&reader, argv[1], error))
		errx(2, "%s", error);
	while (trace_reader__next(reader, &record) > 0) {
		records++;
		if (record->time < newest)
			errx(1, "record %llu is older than the one before it", records);
		newest = record->time;
		take(record);
	}
	if (trace_reader__state(reader) != TRACE_COMPLETE)
		errx(1, "%s", trace_reader__problem(reader));
	if (lost != trace_reader__lost(reader))
		errx(1, "its records tell of %llu lost ones, its end of %llu", lost,
		     (unsigned long long)trace_reader__lost(reader));
	trace_reader__close(reader);
	for (i = 0; i < TASKS; i++) {
		made += PARTS * tasks[i].steps;
		seen += tasks[i].seen;
	}
	printf("%llu %llu %llu\n", made, seen, lost);
	if (seen > made || made - seen > lost)
		errx(1, "of %llu operations %llu are in the trace, and %llu records were lost", made,
		     seen, lost);
	return 0;
}
