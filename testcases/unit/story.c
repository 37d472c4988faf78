// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "probe/table.h"
#include "testcases/unit/story.h"

#define PAGE_BYTES	4096ULL
#define ARRAY_LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

/* The kernel's VM_FAULT_NOPAGE and VM_FAULT_NEEDDSYNC: how faults end. */
#define FAULT_DONE		0x100
#define FAULT_NEEDS_SYNC	0x2000

const struct story_numbers story_numbers = {
	.fstype = "refdax",
	.dev = 259U << 20,
	.ino = 13,
	.generation = 0x1234,
	.index = 0,
};

void story__init(struct story *story, const struct story_setting *setting)
{
	memset(story, 0, sizeof(*story));
	story->time = setting && setting->time ? setting->time : 1000000000ULL;
	story->origin = story->time;
	story->next_tid = setting && setting->first_tid ? setting->first_tid : 100;
}

void story__free(struct story *story)
{
	bytes__free(&story->records);
	memset(story, 0, sizeof(*story));
}

void story__tell(struct story *story, struct model *model)
{
	const struct event_header *header;

	while (story->told < story->records.length) {
		header = (const void *)(story->records.data + story->told);
		model__record(model, header);
		story->told += header->size;
	}
}

/* A test that cannot write its trace is no test. */
static void require(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "story: %s\n", what);
		abort();
	}
}

static void write_facts(struct trace_writer *writer, const struct story_recording *recording)
{
	char key[64];
	int i;

	trace_writer__fact(writer, TRACE_KEY_VERSION, "0.1.0");
	trace_writer__fact(writer, TRACE_KEY_KERNEL, "6.1.0-story");
	trace_writer__fact(writer, TRACE_KEY_MACHINE, "x86_64");
	if (recording->locks)
		trace_writer__fact(writer, TRACE_KEY_LOCKS, recording->locks);
	for (i = 0; i < OBSERVED_COUNT; i++) {
		snprintf(key, sizeof(key), "%s%s", TRACE_KEY_PROBE, probe_table[i].name);
		trace_writer__fact(writer, key, recording->missing & OBSERVED_BIT(i) ?
				   "missing: the story has none" : "fentry told");
	}
	if (recording->perturb) {
		trace_writer__fact(writer, TRACE_KEY_PERTURB, recording->perturb);
		trace_writer__fact(writer, TRACE_KEY_DELAYS, "3");
		trace_writer__fact(writer, TRACE_KEY_REFUSED, "4");
		trace_writer__fact(writer, TRACE_KEY_DELAYED, "2500000");
	}
	if (recording->problem)
		trace_writer__fact(writer, TRACE_KEY_PROBLEM, recording->problem);
	if (recording->command_status) {
		trace_writer__fact(writer, TRACE_KEY_COMMAND, "./workload");
		trace_writer__fact(writer, TRACE_KEY_STATUS, recording->command_status);
	}
}

void story__save(const struct story *story, const char *path,
		 const struct story_recording *recording)
{
	static const struct story_recording whole;
	const struct event_header *header;
	char error[TRACE_ERROR_LENGTH];
	struct trace_writer *writer;
	size_t position = 0;

	recording = recording ? recording : &whole;
	require(trace_writer__create(&writer, path, error), error);
	write_facts(writer, recording);
	while (position < story->records.length) {
		header = (const void *)(story->records.data + position);
		require(trace_writer__record(writer, header), "a record was not taken");
		position += header->size;
	}
	require(trace_writer__close(writer, recording->lost, error), error);
}

/* --- who and where -------------------------------------------------------- */

void story__record(struct story *story, struct event_header *header, __u32 tid)
{
	story->time += 1000;
	header->time = story->time;
	header->tid = tid;
	header->tgid = tid;
	header->lost = story->lost;
	header->sequence = story->count++;
	story->lost = 0;
	bytes__add(&story->records, header, header->size);
}

#define HEADER(type_, record) { .type = (type_), .size = sizeof(record) }

struct story_task story__unnamed_task(struct story *story)
{
	return (struct story_task) { .story = story, .tid = story->next_tid++ };
}

struct story_task story__task(struct story *story, const char *comm)
{
	struct story_task task = story__unnamed_task(story);
	struct event_task record = { .header = HEADER(EVENT_TASK, record) };

	memcpy(record.comm, comm, strnlen(comm, sizeof(record.comm)));
	story__record(story, &record.header, task.tid);
	return task;
}

void story__superblock(struct story *story, __u32 dev, const char *fstype)
{
	struct event_superblock record = {
		.header = HEADER(EVENT_SUPERBLOCK, record), .dev = dev, .id = "pmem0",
	};

	memcpy(record.fstype, fstype, strnlen(fstype, sizeof(record.fstype)));
	story__record(story, &record.header, 1);
}

struct story_file story__file(__u32 dev, __u64 ino, __u32 generation)
{
	return (struct story_file) {
		.id = { .ino = ino, .dev = dev, .generation = generation },
		.pfn = 0x100000 + (ino << 12),
	};
}

/* --- what the stream says about itself ------------------------------------ */

void story__lose(struct story *story, __u32 records)
{
	story->lost = records;
}

void story__gap(struct story *story, __u64 records)
{
	story__late_gap(story, records, 0, story->time);
}

void story__late_gap(struct story *story, __u64 records, __u64 since, __u64 until)
{
	struct event_gap record = {
		.header = HEADER(EVENT_GAP, record), .lost = records, .since = since, .until = until,
	};

	story__record(story, &record.header, 0);
}

void story__stack(struct story *story, __s32 id, const __u64 *addresses, __u32 depth)
{
	struct event_stack record = {
		.header = HEADER(EVENT_STACK, record), .id = id, .depth = depth,
	};

	memcpy(record.address, addresses, depth * sizeof(*addresses));
	story__record(story, &record.header, 0);
}

void story__symbol(struct story *story, __u64 address, const char *name, __u64 offset)
{
	struct event_symbol record = {
		.header = HEADER(EVENT_SYMBOL, record), .address = address, .offset = offset,
	};

	memcpy(record.name, name, strnlen(name, sizeof(record.name)));
	story__record(story, &record.header, 0);
}

/* --- single records ------------------------------------------------------- */

void story__enter(const struct story_task *task, const struct story_file *file,
		  const struct story_operation *operation)
{
	struct event_enter record = {
		.header = HEADER(EVENT_ENTER, record), .inode = file->id,
		.first = operation->first, .last = operation->last,
		.argument = { operation->argument[0], operation->argument[1] },
		.operation = operation->operation,
		.stack = operation->stack ? operation->stack : -1,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__exit(const struct story_task *task, const struct story_file *file,
		 enum operation operation, __s64 result)
{
	struct event_exit record = {
		.header = HEADER(EVENT_EXIT, record), .inode = file->id, .result = result,
		.operation = operation,
	};

	story__record(task->story, &record.header, task->tid);
}

static void entry_record(const struct story_task *task, const struct story_file *file,
			 enum event_type type, __u64 index, __u32 order, __u32 flags)
{
	struct event_entry record = {
		.header = HEADER(type, record), .inode = file->id, .index = index,
		.pfn = flags & ENTRY_ZERO ? 0x2000 : file->pfn + index, .order = order,
		.flags = flags,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__insert(const struct story_task *task, const struct story_file *file, __u64 index,
		   __u32 order, __u32 flags)
{
	entry_record(task, file, EVENT_ENTRY_INSERT, index, order, flags);
}

void story__delete(const struct story_task *task, const struct story_file *file, __u64 index,
		   __u32 order)
{
	entry_record(task, file, EVENT_ENTRY_DELETE, index, order, 0);
}

void story__delete_regardless(const struct story_task *task, const struct story_file *file,
			      __u64 index)
{
	entry_record(task, file, EVENT_ENTRY_DELETE, index, 0, ENTRY_REGARDLESS);
}

void story__sync_dirty(const struct story_task *task, const struct story_file *file, __u64 index)
{
	struct event_entry record = {
		.header = HEADER(EVENT_ENTRY_DIRTY, record), .inode = file->id, .index = index,
		.flags = ENTRY_WRITE | ENTRY_DIRTY,
	};

	story__record(task->story, &record.header, task->tid);
}

static void range_record(const struct story_task *task, const struct story_file *file,
			 enum event_type type, __u64 first, __u64 last)
{
	struct event_range record = {
		.header = HEADER(type, record), .inode = file->id, .first = first, .last = last,
		.pfn = type == EVENT_MKCLEAN ? file->pfn + first : 0,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__unmap(const struct story_task *task, const struct story_file *file, __u64 first,
		  __u64 last)
{
	range_record(task, file, EVENT_UNMAP, first, last);
}

void story__mkclean(const struct story_task *task, const struct story_file *file, __u64 first,
		    __u64 last)
{
	range_record(task, file, EVENT_MKCLEAN, first, last);
}

void story__flush(const struct story_task *task, const struct story_file *file, __u64 index,
		  __u64 pages)
{
	struct event_flush record = {
		.header = HEADER(EVENT_FLUSH, record), .pfn = file->pfn + index, .pages = pages,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__tag_cleared(const struct story_task *task, const struct story_file *file,
			__u64 first, __u64 last)
{
	range_record(task, file, EVENT_WRITEBACK_ONE, first, last);
}

static void map_record(const struct story_task *task, const struct story_file *file,
		       enum event_type type, __u64 vma, __u64 first, __u64 last, __u32 mm,
		       __u32 flags)
{
	struct event_map record = {
		.header = HEADER(type, record), .inode = file->id, .vma = vma, .mm = mm,
		.address = 0x7f0000000000ULL + first * PAGE_BYTES, .first = first, .last = last,
		.flags = flags | MAP_WRITABLE | MAP_MAY_WRITE,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__map(const struct story_task *task, const struct story_file *file, __u64 vma,
		__u64 first, __u64 last)
{
	map_record(task, file, EVENT_MAP, vma, first, last, task->tid, MAP_SHARED_FILE);
}

void story__map_private(const struct story_task *task, const struct story_file *file, __u64 vma,
			__u64 first, __u64 last)
{
	map_record(task, file, EVENT_MAP, vma, first, last, task->tid, 0);
}

void story__map_in_fork(const struct story_task *parent, const struct story_task *child,
			const struct story_file *file, __u64 vma, __u64 first, __u64 last)
{
	map_record(parent, file, EVENT_MAP, vma, first, last, child->tid,
		   MAP_SHARED_FILE | MAP_FORK);
}

void story__unmap_vma(const struct story_task *task, const struct story_file *file, __u64 vma,
		      __u64 first, __u64 last)
{
	map_record(task, file, EVENT_MAP_END, vma, first, last, task->tid, MAP_SHARED_FILE);
}

void story__mapped(const struct story_task *task, const struct story_file *file, __u64 vma,
		   __u64 index, __u32 order, __u32 flags)
{
	struct event_mapped record = {
		.header = HEADER(EVENT_MAPPED, record), .inode = file->id, .index = index,
		.pfn = file->pfn + index, .order = order, .flags = flags, .vma = vma,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__mkclean_vma(const struct story_task *task, const struct story_file *file, __u64 vma,
			__u64 first, __u64 last)
{
	struct event_mkclean record = {
		.header = HEADER(EVENT_MKCLEAN, record), .inode = file->id, .first = first,
		.last = last, .pfn = file->pfn + first, .vma = vma,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__iomap(const struct story_task *task, const struct story_file *file, __u64 index,
		  __u64 bytes, __u16 type, __u16 flags)
{
	struct event_iomap record = {
		.header = HEADER(EVENT_IOMAP, record), .inode = file->id,
		.offset = index * PAGE_BYTES, .length = bytes, .type = type, .flags = flags,
	};

	/* As the kernel side: of mapped blocks that were there before no more is told. */
	if (type != IOMAP_TYPE_MAPPED || (flags & IOMAP_FLAG_NEW)) {
		record.position = index * PAGE_BYTES;
		record.wanted = PAGE_BYTES;
		record.purpose = flags & IOMAP_FLAG_NEW ? IOMAP_PURPOSE_WRITE : 0;
	}

	story__record(task->story, &record.header, task->tid);
}

void story__old_mode(const struct story_task *task, const struct story_file *file,
		     enum operation operation, __u64 index)
{
	struct event_enter record = {
		.header = HEADER(EVENT_OLD_MODE, record), .inode = file->id, .first = index,
		.last = index, .operation = operation, .stack = -1,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__mode(const struct story_task *task, const struct story_file *file, __u32 old_flags,
		 __u32 new_flags)
{
	struct event_mode record = {
		.header = HEADER(EVENT_MODE, record), .inode = file->id,
		.old_operations = 0xffffffff81000000ULL + (old_flags & MODE_DAX),
		.new_operations = 0xffffffff81000100ULL + (new_flags & MODE_DAX),
		.old_flags = old_flags, .new_flags = new_flags,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__entry_lock(const struct story_task *task, const struct story_file *file,
		       enum event_type type, __u64 index, const struct story_task *waiter)
{
	struct event_entry_wait wait = {
		.header = HEADER(type, wait), .inode = file->id, .index = index,
		.waiter = waiter ? waiter->tid : task->tid,
	};

	if (type == EVENT_ENTRY_WAIT || type == EVENT_ENTRY_WAKE)
		story__record(task->story, &wait.header, task->tid);
	else
		entry_record(task, file, type, index, 0, 0);
}

void story__handle(const struct story_task *task, __u32 dev)
{
	struct event_handle record = { .header = HEADER(EVENT_HANDLE_START, record), .dev = dev };

	story__record(task->story, &record.header, task->tid);
}

void story__sb(const struct story_task *task, enum event_type type, __u32 dev,
	       enum sb_operation operation, __s64 result)
{
	struct event_sb record = {
		.header = HEADER(type, record), .dev = dev, .operation = operation, .result = result,
	};

	story__record(task->story, &record.header, task->tid);
}

/* --- what tasks do -------------------------------------------------------- */

static void begin(const struct story_task *task, const struct story_file *file,
		  enum operation operation, __u64 first, __u64 last, __u64 argument0,
		  __u64 argument1)
{
	story__enter(task, file, &(struct story_operation) {
		.operation = operation, .first = first, .last = last,
		.argument = { argument0, argument1 },
	});
}

void story__ends(const struct story_task *task, const struct story_file *file,
		 enum operation operation)
{
	story__exit(task, file, operation, 0);
}

void story__fault_begins(const struct story_task *task, const struct story_file *file,
			 __u64 index, __u64 flags)
{
	begin(task, file, OPERATION_FAULT, index,
	      flags & FAULT_PMD ? index + STORY_HUGE_PAGES - 1 : index, flags,
	      0x7f0000000000ULL + index * PAGE_BYTES);
}

void story__fault_ends(const struct story_task *task, const struct story_file *file)
{
	story__exit(task, file, OPERATION_FAULT, FAULT_DONE);
}

static void fault(const struct story_task *task, const struct story_file *file, __u64 index,
		  __u64 fault_flags, __u32 order, __u32 entry_flags)
{
	story__fault_begins(task, file, index, fault_flags);
	story__insert(task, file, index, order, entry_flags);
	story__fault_ends(task, file);
}

void story__fault_read_hole(const struct story_task *task, const struct story_file *file,
			    __u64 index)
{
	fault(task, file, index, 0, 0, ENTRY_ZERO);
}

void story__fault_read(const struct story_task *task, const struct story_file *file, __u64 index)
{
	fault(task, file, index, 0, 0, 0);
}

void story__fault_write(const struct story_task *task, const struct story_file *file, __u64 index)
{
	fault(task, file, index, FAULT_WRITE, 0, ENTRY_WRITE | ENTRY_DIRTY);
}

void story__fault_read_huge_hole(const struct story_task *task, const struct story_file *file,
				 __u64 index)
{
	fault(task, file, index, FAULT_PMD, STORY_HUGE_ORDER, ENTRY_ZERO);
}

void story__fault_read_huge(const struct story_task *task, const struct story_file *file,
			    __u64 index)
{
	fault(task, file, index, FAULT_PMD, STORY_HUGE_ORDER, 0);
}

void story__fault_write_huge(const struct story_task *task, const struct story_file *file,
			     __u64 index)
{
	fault(task, file, index, FAULT_WRITE | FAULT_PMD, STORY_HUGE_ORDER,
	      ENTRY_WRITE | ENTRY_DIRTY);
}

void story__fault_sync(const struct story_task *task, const struct story_file *file, __u64 index)
{
	story__fault_begins(task, file, index, FAULT_WRITE);
	story__insert(task, file, index, 0, ENTRY_WRITE | ENTRY_SYNC);
	story__exit(task, file, OPERATION_FAULT, FAULT_NEEDS_SYNC);
	/* dax_finish_sync_fault(), which the filesystem calls next */
	story__fsync_range_begins(task, file, index, index);
	story__fsync_ends(task, file, 0);
	story__sync_dirty(task, file, index);
}

void story__fault_write_by(const struct story_task *task, const struct story_file *file, __u64 vma,
			   __u64 index)
{
	story__fault_begins(task, file, index, FAULT_WRITE);
	story__insert(task, file, index, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__mapped(task, file, vma, index, 0, ENTRY_WRITE);
	story__fault_ends(task, file);
}

void story__write_begins(const struct story_task *task, const struct story_file *file,
			 __u64 index, __u64 pages)
{
	begin(task, file, OPERATION_WRITE, index, index + pages - 1, index * PAGE_BYTES,
	      pages * PAGE_BYTES);
}

void story__write_ends(const struct story_task *task, const struct story_file *file, __u64 pages)
{
	story__exit(task, file, OPERATION_WRITE, pages * PAGE_BYTES);
}

void story__invalidate_begins(const struct story_task *task, const struct story_file *file,
			      __u64 first, __u64 last)
{
	begin(task, file, OPERATION_INVALIDATE, first, last, 0, 0);
}

void story__invalidate_ends(const struct story_task *task, const struct story_file *file)
{
	story__ends(task, file, OPERATION_INVALIDATE);
}

void story__fsync_begins(const struct story_task *task, const struct story_file *file)
{
	story__fsync_range_begins(task, file, 0, INDEX_MAX);
}

void story__fsync_range_begins(const struct story_task *task, const struct story_file *file,
			       __u64 first, __u64 last)
{
	begin(task, file, OPERATION_SYNC, first, last, 0, 0);
}

void story__fsync_ends(const struct story_task *task, const struct story_file *file,
		       __s64 result)
{
	story__exit(task, file, OPERATION_SYNC, result);
}

void story__write_back(const struct story_task *task, const struct story_file *file, __u64 index,
		       __u32 order)
{
	__u64 pages = 1ULL << order;

	story__mkclean(task, file, index, index + pages - 1);
	story__flush(task, file, index, pages);
	story__tag_cleared(task, file, index, index + pages - 1);
}

void story__setsize_begins(const struct story_task *task, const struct story_file *file,
			   __u64 old_size, __u64 new_size)
{
	begin(task, file, OPERATION_SETSIZE, (new_size + PAGE_BYTES - 1) / PAGE_BYTES, INDEX_MAX,
	      old_size, new_size);
}

void story__fallocate_begins(const struct story_task *task, const struct story_file *file,
			     int mode, __u64 first, __u64 last)
{
	begin(task, file, OPERATION_FALLOCATE, first, last, mode,
	      (last - first + 1) * PAGE_BYTES);
}

void story__truncate_begins(const struct story_task *task, const struct story_file *file,
			    __u64 first, __u64 last)
{
	begin(task, file, OPERATION_TRUNCATE, first, last, first * PAGE_BYTES,
	      last == INDEX_MAX ? INDEX_MAX : (last + 1) * PAGE_BYTES - 1);
}

void story__evict_begins(const struct story_task *task, const struct story_file *file,
			 __u64 links)
{
	begin(task, file, OPERATION_EVICT, 0, INDEX_MAX, links, 0);
}

/* --- whole stories -------------------------------------------------------- */

/* Who called invalidate, as the stack of a filesystem's write(2) reads. */
static void tell_stack(struct story *story, __s32 id)
{
	static const struct {
		__u64 address, offset;
		const char *name;
	} frames[] = {
		{ 0xffffffffc0100040, 0x40, "bpf_prog_invalidate__enter" },
		{ 0xffffffff81200123, 0x23, "invalidate_inode_pages2_range" },
		{ 0xffffffffc0a01180, 0x180, "refdax_dax_write [refdax]" },
		{ 0xffffffff81300456, 0x56, "vfs_write" },
		{ 0xffffffff81300789, 0x69, "ksys_pwrite64" },
	};
	__u64 addresses[ARRAY_LENGTH(frames)];
	size_t i;

	for (i = 0; i < ARRAY_LENGTH(frames); i++)
		addresses[i] = frames[i].address;
	story__stack(story, id, addresses, ARRAY_LENGTH(frames));
	for (i = 0; i < ARRAY_LENGTH(frames); i++)
		story__symbol(story, frames[i].address, frames[i].name, frames[i].offset);
}

static struct story_file begin_story(struct story *story, const struct story_numbers *numbers)
{
	story__init(story, &numbers->setting);
	story__superblock(story, numbers->dev, numbers->fstype);
	return story__file(numbers->dev, numbers->ino, numbers->generation);
}

void story__drop_dirty(struct story *story, const struct story_numbers *numbers)
{
	struct story_file file = begin_story(story, numbers);
	struct story_task mapper = story__task(story, "mapper");
	struct story_task writer = story__task(story, "writer");
	__u64 index = numbers->index;

	story__fault_read_hole(&mapper, &file, index);
	story__write_begins(&writer, &file, index, 1);
	/* The block is allocated: a fault finds it from here on. */
	story__fault_write(&mapper, &file, index);
	tell_stack(story, 1);
	story__enter(&writer, &file, &(struct story_operation) {
		.operation = OPERATION_INVALIDATE, .first = index, .last = index, .stack = 1,
	});
	story__unmap(&writer, &file, index, index);
	story__delete(&writer, &file, index, 0);
	story__invalidate_ends(&writer, &file);
	story__write_ends(&writer, &file, 1);
}

void story__missed_sync(struct story *story, const struct story_numbers *numbers)
{
	struct story_file file = begin_story(story, numbers);
	struct story_task mapper = story__task(story, "mapper");
	struct story_task syncer = story__task(story, "syncer");
	__u64 index = numbers->index;

	story__fault_write(&mapper, &file, index);
	story__fault_write(&mapper, &file, index + 1);
	story__fsync_begins(&syncer, &file);
	story__write_back(&syncer, &file, index + 1, 0);
	story__fsync_ends(&syncer, &file, 0);
}

void story__well_behaved(struct story *story, const struct story_numbers *numbers)
{
	struct story_file file = begin_story(story, numbers);
	struct story_task mapper = story__task(story, "mapper");
	struct story_task writer = story__task(story, "writer");
	__u64 index = numbers->index;

	story__fault_read_hole(&mapper, &file, index);
	story__write_begins(&writer, &file, index, 1);
	story__invalidate_begins(&writer, &file, index, index);
	story__unmap(&writer, &file, index, index);
	story__delete(&writer, &file, index, 0);
	story__invalidate_ends(&writer, &file);
	story__fault_write(&mapper, &file, index);
	story__write_ends(&writer, &file, 1);
	story__fsync_begins(&mapper, &file);
	story__write_back(&mapper, &file, index, 0);
	/* A rival whose page the next fsync is for. */
	story__fault_write(&writer, &file, index);
	story__fsync_ends(&mapper, &file, 0);
}
