// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fuzz target: any records, as a trace may hold them, through the model, the
 * rules and both reports.
 *
 * The first bytes of an input choose options.  The rest is either records as
 * they are, of any size that the trace reader lets pass, or a few bits for each
 * field: small numbers meet more often, and the largest there are are among
 * them.
 *
 * Whatever the records say: the model's lists and counts agree, a loss is never
 * clean, a report in text fits its 80 columns and drives no terminal.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "detect/detect.h"
#include "model/private.h"
#include "probe/table.h"
#include "report/report.h"
#include "testcases/unit/fuzz_limit.h"
#include "testcases/unit/story.h"
#include "trace/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* data[0]; data[1] and data[2] are the rules and what is missing */
#define RAW_RECORDS	0x01
#define FEW_ENTRIES	0x02
#define FEW_INODES	0x04
#define SHORT_HISTORY	0x08
#define PREFIX		3

static void require(int condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* --- records -------------------------------------------------------------- */

union any_record {
	struct event_header header;
	struct event_task task;
	struct event_superblock superblock;
	struct event_enter enter;
	struct event_exit exit;
	struct event_entry entry;
	struct event_range range;
	struct event_flush flush;
	struct event_stack stack;
	struct event_symbol symbol;
	struct event_gap gap;
	unsigned char byte[1 << 16];
};

struct source {
	const uint8_t *data;
	size_t size;
	__u64 time;
};

static unsigned int take(struct source *source, unsigned int limit)
{
	if (!source->size)
		return 0;
	source->size--;
	return *source->data++ % limit;
}

static __u64 take_number(struct source *source)
{
	static const __u64 numbers[] = {
		0, 1, 2, 3, 4, 511, 512, 513, 1023, 1024, 1ULL << 20, 1ULL << 32, 1ULL << 62,
		1ULL << 63, ~0ULL - 512, ~0ULL - 1, ~0ULL,
	};

	return numbers[take(source, sizeof(numbers) / sizeof(numbers[0]))];
}

static struct inode_id take_inode(struct source *source)
{
	unsigned int bits = take(source, 256);

	return (struct inode_id) { .ino = bits & 3, .dev = bits >> 2 & 1,
				   .generation = bits >> 3 & 1 };
}

static void fill_entry(struct source *source, struct event_entry *entry)
{
	static const __u32 orders[] = { 0, 0, 0, HUGE_ORDER, HUGE_ORDER, 1, 64, ~0U };

	entry->inode = take_inode(source);
	entry->order = orders[take(source, 8)];
	entry->index = take_number(source);
	if (entry->order == HUGE_ORDER)
		entry->index &= ~(STORY_HUGE_PAGES - 1);
	entry->flags = take(source, 64);
	entry->pfn = take(source, 4) ? 0x1000 + entry->index : take_number(source);
}

/* Small numbers in 4 or in 8 bytes, behind the inode that most records begin with. */
static void fill_words(struct source *source, union any_record *record)
{
	struct inode_id id = take_inode(source);
	__u32 half[2];
	__u64 word;
	size_t at;

	memcpy(record->byte + sizeof(record->header), &id, sizeof(id));
	for (at = sizeof(record->header) + sizeof(id); at + 8 <= record->header.size && source->size;
	     at += 8) {
		word = take_number(source);
		half[0] = take(source, 8);
		half[1] = take(source, 8);
		if (half[0])
			memcpy(&word, half, sizeof(word));
		memcpy(record->byte + at, &word, sizeof(word));
	}
}

static void fill(struct source *source, union any_record *record)
{
	switch (record->header.type) {
	case EVENT_TASK:
		memset(record->task.comm, take(source, 256), sizeof(record->task.comm));
		break;
	case EVENT_SUPERBLOCK:
		record->superblock.dev = take(source, 3);
		memset(record->superblock.fstype, take(source, 256),
		       sizeof(record->superblock.fstype));
		break;
	case EVENT_ENTER:
		record->enter.operation = take(source, OPERATION_COUNT + 1);
		record->enter.inode = take_inode(source);
		record->enter.first = take_number(source);
		record->enter.last = take_number(source);
		record->enter.argument[0] = take_number(source);
		record->enter.argument[1] = take_number(source);
		record->enter.stack = (int)take(source, 3) - 1;
		break;
	case EVENT_EXIT:
		record->exit.operation = take(source, OPERATION_COUNT + 1);
		record->exit.inode = take_inode(source);
		record->exit.result = take(source, 2) ? take_number(source) : 0;
		break;
	case EVENT_ENTRY_INSERT:
	case EVENT_ENTRY_DELETE:
	case EVENT_ENTRY_DIRTY:
		fill_entry(source, &record->entry);
		break;
	case EVENT_UNMAP:
	case EVENT_MKCLEAN:
	case EVENT_WRITEBACK_ONE:
		record->range.inode = take_inode(source);
		record->range.first = take_number(source);
		record->range.last = take(source, 2) ? record->range.first : take_number(source);
		break;
	case EVENT_FLUSH:
		record->flush.pfn = take(source, 2) ? 0x1000 + take_number(source) : take_number(source);
		record->flush.pages = take_number(source);
		break;
	case EVENT_STACK:
		record->stack.id = (int)take(source, 3) - 1;
		record->stack.depth = take_number(source);
		memset(record->stack.address, take(source, 2), sizeof(record->stack.address));
		break;
	case EVENT_SYMBOL:
		record->symbol.address = take(source, 2) ? 0x0101010101010101ULL : 0;
		memset(record->symbol.name, take(source, 256), sizeof(record->symbol.name));
		break;
	case EVENT_GAP:
		record->gap.lost = take_number(source);
		record->gap.since = take_number(source);
		record->gap.until = take_number(source);
		break;
	default:
		if (record->header.size > sizeof(record->header) + sizeof(struct inode_id))
			fill_words(source, record);
		break;
	}
}

/* The next record from a few bits for each field, or false at the end. */
static bool make_record(struct source *source, union any_record *record)
{
	unsigned int bits;

	if (!source->size)
		return false;
	memset(record, 0, 512);
	record->header.type = take(source, EVENT_TYPE_COUNT + 1);
	record->header.size = trace_record__minimum(record->header.type);
	bits = take(source, 256);
	record->header.tid = bits & 3;
	/* Sometimes back in time; seldom a loss. */
	source->time += (bits >> 2 & 7) * 1000 - 1000;
	record->header.time = source->time;
	record->header.lost = bits >> 5 == 7 ? take(source, 2) : 0;
	fill(source, record);
	return true;
}

/* The next record as it is, if the trace reader would hand it out. */
static bool copy_record(struct source *source, union any_record *record)
{
	struct event_header header;

	if (source->size < sizeof(header))
		return false;
	memcpy(&header, source->data, sizeof(header));
	if (header.size > source->size || header.size % 8 ||
	    header.size < trace_record__minimum(header.type))
		return false;
	memcpy(record, source->data, header.size);
	source->data += header.size;
	source->size -= header.size;
	return true;
}

/* --- what must hold ------------------------------------------------------- */

static void check_inode(const struct model *model, struct model_inode *inode)
{
	size_t entries = 0, small = 0, dirty = 0, open = 0;
	struct model_operation *operation;
	struct model_entry *entry;

	DL_FOREACH(inode->entries, entry) {
		entries++;
		small += !entry->order;
		require(entry->key.inode == inode, "an entry of another inode");
		require(entry->epoch <= model->epoch, "an entry of a coming epoch");
		if (entry->pending)
			require(entry->pending->pending == entry, "a fault that does not know of it");
	}
	DL_FOREACH2(inode->dirty, entry, dirty_next) {
		dirty++;
		require(entry->state == ENTRY_MODIFIED, "a clean entry among the dirty");
	}
	DL_FOREACH2(inode->open, operation, open_next) {
		open++;
		require(operation->inode == inode, "an operation on another inode");
	}
	require(entries == inode->entry_count, "entry_count");
	require(small == inode->small_count, "small_count");
	require(dirty == inode->dirty_count, "dirty_count");
	require(open == inode->open_count, "open_count");
}

static void check_model(const struct model *model)
{
	struct model_inode *inode, *next_inode;
	struct model_task *task, *next_task;
	size_t open = 0, entries = 0, huge = 0, depth = 0;
	struct model_entry *entry, *next_entry;

	HASH_ITER(hh, model->inodes, inode, next_inode) {
		check_inode(model, inode);
		open += inode->open_count;
		entries += inode->entry_count;
	}
	HASH_ITER(hh, model->entries, entry, next_entry)
		huge += entry->order != 0;
	HASH_ITER(hh, model->tasks, task, next_task) {
		depth += task->depth;
		require(task->depth <= OPERATION_DEPTH, "depth");
		if (task->pending)
			require(task->pending->pending == task, "an entry that does not know of it");
	}
	require(entries == HASH_COUNT(model->entries), "entries in all");
	require(entries == model->entry_pool.used, "entries of the pool");
	require(huge == model->huge_entries, "huge_entries");
	require(open == depth, "operations in all");
}

static void check_text(const char *text)
{
	const char *line = text;
	size_t column = 0;

	for (; *text; text++) {
		if (*text == '\n') {
			column = 0;
			line = text + 1;
			continue;
		}
		if (column == 80)
			fprintf(stderr, "%.*s\n", (int)strcspn(line, "\n"), line);
		require((unsigned char)*text >= ' ' && *text != 0x7f, "a control character");
		require(++column <= 80, "a line of more than 80 columns");
	}
}

static void check_finding(const struct finding *finding)
{
	unsigned int i;

	require(finding->event_count <= FINDING_MAX_EVENTS, "too many events");
	require(finding->moment < (int)finding->event_count, "no such moment");
	require(finding->actor_count >= 1, "nobody did it");
	for (i = 1; i < finding->event_count; i++)
		require(finding->events[i - 1].number < finding->events[i].number, "events out of order");
}

static void report(const struct detector *detector, const struct report_facts *facts)
{
	static const struct report_format *const formats[] = { &report_text, &report_json };
	enum verdict verdict = detector__verdict(detector, facts->problem, facts->known);
	const struct finding *finding;
	char *text;
	size_t length, i;
	FILE *file;

	for (i = 0; i < 2; i++) {
		file = open_memstream(&text, &length);
		require(file != NULL, "open_memstream");
		for (finding = detector__findings(detector); finding; finding = finding->next) {
			check_finding(finding);
			formats[i]->finding(file, detector, finding);
		}
		formats[i]->coverage(file, detector);
		formats[i]->verdict(file, detector, facts, verdict);
		fclose(file);
		if (formats[i] == &report_text)
			check_text(text);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const locks[] = { "all", "off", "dax", "sampled" };
	static union any_record record;
	struct detector_options options = { .rules = RULES_ALL };
	struct report_facts facts = { .kernel = "6.1" };
	struct source source;
	struct detector *detector;
	const struct model_loss *loss;
	unsigned int count = 0;
	bool raw;

	if (size < PREFIX)
		return 0;
	raw = data[0] & RAW_RECORDS;
	options.model.max_entries = data[0] & FEW_ENTRIES ? 5 : 0;
	options.model.max_inodes = data[0] & FEW_INODES ? 2 : 0;
	/* The default would be zeroed for each input. */
	options.model.history = data[0] & SHORT_HISTORY ? 4 : 64;
	if (data[1] & RULES_ALL)
		options.rules = data[1] & RULES_ALL;
	options.missing = data[2] ? OBSERVED_BIT(data[2] % OBSERVED_COUNT) : 0;
	facts.missing = options.missing;
	facts.locks = locks[data[2] / OBSERVED_COUNT % 4];
	options.model.no_lock_sets = !strcmp(facts.locks, "sampled");
	source = (struct source) { .data = data + PREFIX, .size = size - PREFIX, .time = 1ULL << 40 };

	fuzz_limit__set(FUZZ_LIMIT);
	detector = detector__new(&options);
	require(detector != NULL, "detector__new");
	while (raw ? copy_record(&source, &record) : make_record(&source, &record)) {
		model__record(detector__model(detector), &record.header);
		if (!(++count % 64))
			check_model(detector__model(detector));
	}
	check_model(detector__model(detector));
	loss = model__loss(detector__model(detector));
	require((!loss->records && !loss->capacity) ||
		detector__verdict(detector, false, 0) != VERDICT_CLEAN, "a loss that is clean");
	report(detector, &facts);
	detector__free(detector);
	fuzz_limit__set(0);
	return 0;
}

/* --- where to begin ------------------------------------------------------- */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static void (*const tell[])(struct story *story, const struct story_numbers *numbers) = {
		story__drop_dirty, story__missed_sync, story__well_behaved,
	};
	struct story story;

	/* A story, now and then: its records would take long to find by luck. */
	if (size <= PREFIX || !(seed % 512)) {
		tell[seed / 512 % 3](&story, &story_numbers);
		if (PREFIX + story.records.length <= max_size) {
			memcpy(data, "\x01\x00", PREFIX);
			memcpy(data + PREFIX, story.records.data, story.records.length);
			size = PREFIX + story.records.length;
		}
		story__free(&story);
	}
	return LLVMFuzzerMutate(data, size, max_size);
}
