// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the programs' records become (cli/probe/expand.c): above all where one is
 * missing, what is told then, and that it is told that something is missing.
 */
#include "testcases/unit/unit.h"

#include <stdbool.h>
#include <linux/types.h>

#include "probe/expand.h"
#include "bpf/buffer.h"	/* after the records */

#define ADDRESS		0xffff888012345678ULL
#define DEV		(259U << 20)
#define INO		13
#define VMA		0xffff8880aaaa0000ULL

/* fs/dax.c */
#define DAX_PMD		0x2UL
#define DAX_ZERO_PAGE	0x4UL
#define EMPTY_ENTRY	(0x8UL << 1 | 1)	/* xa_mk_value(DAX_EMPTY) */

/* enum vm_fault_reason */
#define DONE_COW	0x1000
#define NEEDDSYNC	0x2000
#define NOPAGE		0x0100
#define FALLBACK	0x0800
#define SIGBUS_RESULT	0x0002

/* Everything that was handed out, in a word or two each, and the losses in front. */
struct world {
	struct expander *expander;
	char text[2048];
	__u64 time;
	__u64 lost;		/* as the records say */
};

static void say(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct world *world, const char *format, ...)
{
	size_t used = strlen(world->text);
	va_list args;

	va_start(args, format);
	vsnprintf(world->text + used, sizeof(world->text) - used, format, args);
	va_end(args);
}

/* FLAG "N" for those that are set of "zwdse": zero, write, dirty, sync, empty */
static const char *flags_text(__u32 flags)
{
	static char text[8];
	char *end = text;
	int i;

	for (i = 0; i < 5; i++)
		if (flags & 1U << i)
			*end++ = "zwdse"[i];
	*end = 0;
	return text;
}

static int take(void *context, const struct event_header *header)
{
	const struct inode_id *inode = (const struct inode_id *)(header + 1);
	const struct event_entry *entry = (const void *)header;
	const struct event_enter *enter = (const void *)header;
	const struct event_exit *exit = (const void *)header;
	struct world *world = context;

	assert_int_equal(inode->ino, INO);
	assert_int_equal(inode->dev, DEV);
	say(world, "%s", *world->text ? " " : "");
	if (header->lost)
		say(world, "lost:%u ", header->lost);
	world->lost += header->lost;
	switch (header->type) {
	case EVENT_ENTER:
		assert_int_equal(header->size, sizeof(*enter));
		say(world, "%u:enter:%llu/%llx", header->tid, enter->first, enter->argument[0]);
		break;
	case EVENT_EXIT:
		assert_int_equal(header->size, sizeof(*exit));
		say(world, "%u:exit", header->tid);
		break;
	case EVENT_ENTRY_INSERT:
		assert_int_equal(header->size, sizeof(*entry));
		say(world, "%u:insert:%llu%s", header->tid, entry->index, flags_text(entry->flags));
		break;
	case EVENT_ENTRY_LOCK:
		say(world, "%u:lock:%llu%s", header->tid, entry->index, flags_text(entry->flags));
		break;
	case EVENT_ENTRY_UNLOCK:
		say(world, "%u:unlock:%llu", header->tid, entry->index);
		break;
	case EVENT_MAPPED:
		assert_int_equal(header->size, sizeof(struct event_mapped));
		say(world, "%u:mapped:%llu%s", header->tid, entry->index, flags_text(entry->flags));
		break;
	case EVENT_ENTRY_DIRTY:
		say(world, "%u:dirty:%llu", header->tid, entry->index);
		break;
	case EVENT_IOMAP:
		say(world, "%u:iomap:%llu", header->tid,
		    ((const struct event_iomap *)header)->position);
		break;
	case EVENT_MKCLEAN:
		say(world, "%u:mkclean:%llu", header->tid, ((const struct event_range *)header)->first);
		break;
	case EVENT_ENTRY_WAKE:
		say(world, "%u:wake", header->tid);
		break;
	case EVENT_OLD_MODE:
		say(world, "%u:old", header->tid);
		break;
	default:
		fail_msg("a record of type %u", header->type);
	}
	return 0;
}

static const struct expand_options by_default = { .faults = true, .page_shift = 12 };
static const struct expand_options every = {
	.entry_locks = true, .mapped = true, .answers = true, .page_shift = 12,
};

static void begin(struct world *world, const struct expand_options *options)
{
	expander__free(world->expander);
	memset(world, 0, sizeof(*world));
	world->expander = expander__new(options);
	assert_non_null(world->expander);
	expander__set_visit(world->expander, take, world);
}

/* --- the programs' records -------------------------------------------------- */

static void give(struct world *world, struct event_header *header, __u32 tid, __u16 type, __u16 size)
{
	header->time = ++world->time;
	header->tid = header->tgid = tid;
	header->type = type;
	header->size = size;
	assert_int_equal(expander__visit(world->expander, header), 0);
}

/* The inode by its address, as most records have it. */
static void name(struct world *world)
{
	struct record_inode record = { .inode = { .ino = INO, .dev = DEV }, .address = ADDRESS };

	give(world, &record.header, 1, RECORD_INODE, sizeof(record));
}

static void insert(struct world *world, __u32 tid, __u64 index, bool write, __u64 flags)
{
	struct record_insert record = {
		.inode.ino = ADDRESS,
		.index = index,
		.pfn = 0x1234,
		.flags = flags,
		.locked = EMPTY_ENTRY,
		.vma = VMA,
		.purpose = IOMAP_PURPOSE_FAULT | (write ? IOMAP_PURPOSE_WRITE : 0),
		.offset = 0,
		.length_or_address = 1 << 20,
		.type = IOMAP_TYPE_MAPPED,
	};

	give(world, &record.header, tid, EVENT_ENTRY_INSERT, sizeof(record));
}

static void enter(struct world *world, __u32 tid, __u64 index, __u32 flags)
{
	struct event_enter record = {
		.inode.ino = ADDRESS, .first = index, .last = index, .argument = { flags },
		.operation = OPERATION_FAULT, .stack = -1,
	};

	give(world, &record.header, tid, EVENT_ENTER, sizeof(record));
}

struct end {
	__u64 index;
	__u32 result, flags, left, lost;
};

#define END(at, how, ...)	(struct end){ .index = (at), .result = (how), ##__VA_ARGS__ }

static void leave(struct world *world, __u32 tid, struct end end)
{
	struct record_fault_exit record = {
		.exit = {
			.header.lost = end.lost,
			.inode.ino = ADDRESS,
			.result = end.result,
			.operation = OPERATION_FAULT,
		},
		.index = end.index,
		.flags = end.flags,
		.left = end.left,
	};

	give(world, &record.exit.header, tid, EVENT_EXIT, sizeof(record));
}

static void mkclean(struct world *world, __u32 tid, __u64 index)
{
	struct event_mkclean record = { .inode.ino = ADDRESS, .first = index, .last = index };

	give(world, &record.header, tid, EVENT_MKCLEAN, sizeof(record));
}

/* --- faults that were not told of ------------------------------------------- */

static void test_fault_begins_where_it_inserts(void **state)
{
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	insert(world, 7, 5, true, 0);
	leave(world, 7, END(5, NOPAGE));
	insert(world, 7, 6, false, DAX_ZERO_PAGE);
	leave(world, 7, END(6, NOPAGE));
	assert_string_equal(world->text, "7:enter:5/1 7:insert:5wd 7:exit "
			    "7:enter:6/0 7:insert:6z 7:exit");
}

/* A private copy, an error; and nothing at all, since somebody else has mapped the page. */
static void test_fault_that_inserts_nothing(void **state)
{
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	leave(world, 7, END(5, DONE_COW, .flags = FAULT_WRITE | FAULT_PRIVATE));
	leave(world, 7, END(6, SIGBUS_RESULT, .flags = FAULT_WRITE));
	leave(world, 7, END(0, NOPAGE));
	assert_string_equal(world->text, "7:enter:5/5 7:exit 7:enter:6/1 7:exit");
	assert_int_equal(world->lost, 0);
}

/* A huge one is told of when it begins; what it falls back to is another fault. */
static void test_huge_fault_falls_back(void **state)
{
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	enter(world, 7, 0, FAULT_WRITE | FAULT_PMD);
	leave(world, 7, END(3, FALLBACK, .flags = FAULT_WRITE));
	insert(world, 7, 3, true, 0);
	leave(world, 7, END(3, NOPAGE));
	enter(world, 7, 512, FAULT_WRITE | FAULT_PMD);
	insert(world, 7, 512, true, DAX_PMD);
	leave(world, 7, END(512, NOPAGE));
	assert_string_equal(world->text, "7:enter:0/3 7:exit 7:enter:3/1 7:insert:3wd 7:exit "
			    "7:enter:512/3 7:insert:512wd 7:exit");
}

/* MAP_SYNC: the fault ends, the filesystem syncs, and then it becomes writable. */
static void test_synchronous_fault(void **state)
{
	struct record_insert record = {
		.inode.ino = ADDRESS, .index = 4, .purpose = IOMAP_PURPOSE_WRITE, .synchronous = 1,
		.locked = EMPTY_ENTRY,
	};
	struct event_entry dirty = {
		.inode.ino = ADDRESS, .index = 4, .flags = ENTRY_WRITE | ENTRY_DIRTY,
	};
	struct world *world = *state;

	begin(world, &every);
	name(world);
	enter(world, 7, 4, FAULT_WRITE);
	give(world, &record.header, 7, EVENT_ENTRY_INSERT, sizeof(record));
	leave(world, 7, END(4, NEEDDSYNC));
	give(world, &dirty.header, 7, EVENT_ENTRY_DIRTY, sizeof(dirty));
	assert_string_equal(world->text, "7:enter:4/1 7:lock:4e 7:insert:4ws 7:unlock:4 7:exit "
			    "7:mapped:4w 7:dirty:4");
}

/* --- what is told beside the insertion -------------------------------------- */

static void test_every_event_of_a_fault(void **state)
{
	struct world *world = *state;

	begin(world, &every);
	name(world);
	enter(world, 7, 5, FAULT_WRITE);
	insert(world, 7, 5, true, 0);
	leave(world, 7, END(0, NOPAGE));
	assert_string_equal(world->text, "7:enter:5/1 7:iomap:20480 7:lock:5e 7:insert:5wd "
			    "7:mapped:5w 7:unlock:5 7:exit");
}

/* In the order of records nobody holds a lock that somebody else has. */
static void test_lock_is_let_go_where_it_shows(void **state)
{
	struct event_entry_wait wake = { .inode.ino = ADDRESS, .index = 6, .waiter = 8 };
	struct world *world = *state;

	begin(world, &every);
	name(world);
	insert(world, 7, 5, true, 0);
	mkclean(world, 9, 5);
	leave(world, 7, END(0, NOPAGE));
	insert(world, 7, 6, false, 0);
	give(world, &wake.header, 7, EVENT_ENTRY_WAKE, sizeof(wake));
	insert(world, 8, 6, false, 0);
	leave(world, 7, END(0, NOPAGE));
	assert_string_equal(world->text, "7:iomap:20480 7:lock:5e 7:insert:5wd 7:mapped:5w "
			    "7:unlock:5 9:mkclean:5 7:exit "
			    "7:iomap:24576 7:lock:6e 7:insert:6 7:mapped:6 7:unlock:6 7:wake "
			    "8:iomap:24576 8:lock:6e 8:insert:6 8:mapped:6 7:exit");
}

/* --- losses ----------------------------------------------------------------- */

/* What was lost may be the fault's end, or its beginning: nothing is believed. */
static void test_loss_ends_what_was_known(void **state)
{
	struct world *world = *state;

	begin(world, &every);
	name(world);
	enter(world, 7, 5, FAULT_WRITE);
	insert(world, 7, 5, true, 0);
	leave(world, 8, END(0, NOPAGE, .lost = 3));
	mkclean(world, 9, 5);
	leave(world, 7, END(0, NOPAGE));
	assert_string_equal(world->text, "7:enter:5/1 7:iomap:20480 7:lock:5e 7:insert:5wd "
			    "7:mapped:5w lost:3 8:exit 9:mkclean:5 7:exit");
}

/* The insertion was lost with its beginning: that it ended tells nothing. */
static void test_lost_insertion(void **state)
{
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	leave(world, 7, END(5, NOPAGE, .lost = 1));
	mkclean(world, 9, 5);
	assert_string_equal(world->text, "lost:1 9:mkclean:5");
}

/* The mark of a loss on a record that is not handed out is on the next that is. */
static void test_loss_is_carried(void **state)
{
	struct record_inode record = {
		.header.lost = 2, .inode = { .ino = INO, .dev = DEV }, .address = ADDRESS,
	};
	struct world *world = *state;

	begin(world, &by_default);
	give(world, &record.header, 1, RECORD_INODE, sizeof(record));
	mkclean(world, 9, 5);
	assert_string_equal(world->text, "lost:2 9:mkclean:5");
}

/* What was reserved, and then not needed, is not handed out, and hides no loss. */
static void test_nothing_is_not_handed_out(void **state)
{
	struct event_mode nothing = { .header.lost = 0 }, lossy = { .header.lost = 3 };
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	give(world, &nothing.header, 9, RECORD_NOTHING, sizeof(nothing));
	mkclean(world, 9, 5);
	assert_string_equal(world->text, "9:mkclean:5");
	give(world, &lossy.header, 9, RECORD_NOTHING, sizeof(lossy));
	mkclean(world, 9, 5);
	assert_string_equal(world->text, "9:mkclean:5 lost:3 9:mkclean:5");
}

/*
 * A fault's end goes missing without a trace where its program could not run: no
 * fault inserts two entries or begins twice.
 */
static void test_missing_end_is_a_loss(void **state)
{
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	insert(world, 7, 5, true, 0);
	insert(world, 7, 6, true, 0);
	leave(world, 7, END(6, NOPAGE));
	assert_string_equal(world->text, "7:enter:5/1 7:insert:5wd "
			    "lost:1 7:enter:6/1 7:insert:6wd 7:exit");

	begin(world, &every);
	name(world);
	enter(world, 7, 5, 0);
	enter(world, 7, 6, 0);
	leave(world, 7, END(6, NOPAGE));
	assert_string_equal(world->text, "7:enter:5/0 lost:1 7:enter:6/0 7:exit");
}

/* Of an address that nobody has told of nothing can be said, and that is a loss. */
static void test_unknown_address_is_a_loss(void **state)
{
	struct world *world = *state;

	begin(world, &by_default);
	mkclean(world, 9, 5);
	assert_string_equal(world->text, "");
	assert_int_equal(expander__lost(world->expander), 1);
	name(world);
	mkclean(world, 9, 6);
	assert_string_equal(world->text, "lost:1 9:mkclean:6");
}

/* Once it is evicted, its address is another inode's, or nobody's. */
static void test_evicted_inode_is_forgotten(void **state)
{
	struct event_exit evicted = { .inode.ino = ADDRESS, .operation = OPERATION_EVICT };
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	give(world, &evicted.header, 7, EVENT_EXIT, sizeof(evicted));
	mkclean(world, 9, 6);
	assert_string_equal(world->text, "7:exit");
	assert_int_equal(expander__lost(world->expander), 1);
}

/* --- the file leaves DAX mode meanwhile ------------------------------------- */

static void test_end_in_another_mode(void **state)
{
	struct world *world = *state;

	begin(world, &by_default);
	name(world);
	insert(world, 7, 5, true, 0);
	leave(world, 7, END(5, NOPAGE, .left = 1));
	/* Of one that was not of DAX from the beginning OLD_MODE tells, and no end. */
	leave(world, 7, END(5, NOPAGE, .left = 1));
	insert(world, 7, 6, true, 0);
	leave(world, 7, END(6, NOPAGE));
	assert_string_equal(world->text, "7:enter:5/1 7:insert:5wd 7:exit "
			    "7:enter:6/1 7:insert:6wd 7:exit");
}

/* As many tasks as a machine has in a year: they are not remembered for ever. */
static void test_many_tasks(void **state)
{
	struct world *world = *state;
	__u32 tid;

	begin(world, &by_default);
	name(world);
	insert(world, 1, 5, true, 0);
	for (tid = 2; tid < 20000; tid++) {
		leave(world, tid, END(6, NOPAGE));
		world->text[0] = 0;
	}
	/* One that is in a fault is. */
	leave(world, 1, END(5, NOPAGE));
	assert_string_equal(world->text, "1:exit");
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct world));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	expander__free(world->expander);
	free(world);
	return 0;
}

#define TEST(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_fault_begins_where_it_inserts),
		TEST(test_fault_that_inserts_nothing),
		TEST(test_huge_fault_falls_back),
		TEST(test_synchronous_fault),
		TEST(test_every_event_of_a_fault),
		TEST(test_lock_is_let_go_where_it_shows),
		TEST(test_loss_ends_what_was_known),
		TEST(test_lost_insertion),
		TEST(test_loss_is_carried),
		TEST(test_nothing_is_not_handed_out),
		TEST(test_missing_end_is_a_loss),
		TEST(test_unknown_address_is_a_loss),
		TEST(test_evicted_inode_is_forgotten),
		TEST(test_end_in_another_mode),
		TEST(test_many_tasks),
	};

	return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
