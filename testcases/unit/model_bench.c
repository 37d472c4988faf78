// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast the model and the rules take in records, on one CPU, in the mixes
 * that loads on DAX files give.
 *
 * Usage: model_bench [RECORDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "detect/detect.h"
#include "testcases/unit/story.h"

/* Records of a story, which is told again and again; larger than any cache. */
#define STORY_RECORDS	500000

#define FILES		8
#define TASKS		8
#define PAGES		65536

struct stage {
	struct story story;
	struct story_task tasks[TASKS];
	struct story_file files[FILES];
	__u32 seed;
};

static struct story_task *any_task(struct stage *stage)
{
	return &stage->tasks[craft_random(&stage->seed) % TASKS];
}

static struct story_file *any_file(struct stage *stage)
{
	return &stage->files[craft_random(&stage->seed) % FILES];
}

/* Stores to pages anywhere, and an msync(2) of each a little later. */
static void tell_faults(struct stage *stage)
{
	const struct story_file *file = any_file(stage);
	const struct story_task *task = any_task(stage);
	__u64 index = craft_random(&stage->seed) % PAGES;

	story__fault_write(task, file, index);
	if (craft_random(&stage->seed) % 4)
		return;
	story__fsync_range_begins(task, file, index, index);
	story__write_back(task, file, index, 0);
	story__fsync_ends(task, file, 0);
}

/* write(2), by tasks of their own. */
static void tell_writes(struct stage *stage)
{
	const struct story_file *file = any_file(stage);
	const struct story_task *task = any_task(stage);
	__u64 index = craft_random(&stage->seed) % PAGES;

	story__write_begins(task, file, index, 16);
	if (!(craft_random(&stage->seed) % 4)) {
		story__invalidate_begins(task, file, index, index + 15);
		story__unmap(task, file, index, index + 15);
		story__invalidate_ends(task, file);
	}
	story__write_ends(task, file, 16);
}

/* A thousand pages stored to, one fsync(2), then the file is emptied. */
static void tell_batches(struct stage *stage)
{
	const struct story_file *file = any_file(stage);
	const struct story_task *task = any_task(stage);
	__u64 index;

	for (index = 0; index < 1000; index++)
		story__fault_write(task, file, index);
	story__fsync_begins(task, file);
	for (index = 0; index < 1000; index++)
		story__write_back(task, file, index, 0);
	story__fsync_ends(task, file, 0);
	story__setsize_begins(task, file, 4096 * 1000, 0);
	for (index = 0; index < 1000; index++)
		story__delete(task, file, index, 0);
	story__ends(task, file, OPERATION_SETSIZE);
}

/* Huge pages. */
static void tell_huge(struct stage *stage)
{
	const struct story_file *file = any_file(stage);
	const struct story_task *task = any_task(stage);
	__u64 index = craft_random(&stage->seed) % 128 * STORY_HUGE_PAGES;

	story__fault_write_huge(task, file, index);
	if (craft_random(&stage->seed) % 2)
		story__write_back(task, file, index, STORY_HUGE_ORDER);
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Told again, the story happens after all that was told: time does not go back. */
static void begin_again(struct story *story)
{
	struct event_header *header;
	size_t at;

	for (at = 0; at < story->records.length; at += header->size) {
		header = (void *)(story->records.data + at);
		header->time += story->time;
	}
	story->told = 0;
}

static void measure(const char *name, void (*tell)(struct stage *stage), size_t wanted)
{
	struct detector_options options = { .rules = RULES_ALL };
	struct detector *detector = detector__new(&options);
	struct stage stage = { .seed = 1 };
	const struct model_loss *loss;
	size_t count = 0, i;
	double begun, seconds = 0;

	story__init(&stage.story, NULL);
	story__superblock(&stage.story, 1, "ext4");
	for (i = 0; i < TASKS; i++)
		stage.tasks[i] = story__task(&stage.story, "worker");
	for (i = 0; i < FILES; i++)
		stage.files[i] = story__file(1, 100 + i, 7);
	story__tell(&stage.story, detector__model(detector));
	bytes__free(&stage.story.records);
	stage.story.told = 0;
	stage.story.count = 0;
	while (stage.story.count < STORY_RECORDS)
		tell(&stage);

	while (count < wanted) {
		begin_again(&stage.story);
		begun = cpu_seconds();
		story__tell(&stage.story, detector__model(detector));
		seconds += cpu_seconds() - begun;
		count += stage.story.count;
	}
	printf("%-8s %6.2f million records/s  %6.1f ns/record\n", name, count / seconds / 1e6,
	       seconds / count * 1e9);
	loss = model__loss(detector__model(detector));
	if (loss->records || loss->capacity || detector__finding_count(detector)) {
		fprintf(stderr, "model_bench: %s: not what was told\n", name);
		exit(1);
	}
	detector__free(detector);
	story__free(&stage.story);
}

int main(int argc, char **argv)
{
	size_t wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000000;

	measure("faults", tell_faults, wanted);
	measure("writes", tell_writes, wanted);
	measure("batches", tell_batches, wanted);
	measure("huge", tell_huge, wanted);
	return 0;
}
