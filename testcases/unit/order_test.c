// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lock-order graph, and ranks. */
#include "testcases/unit/unit.h"

#include "order/graph.h"
#include "order/ranks.h"
#include "order/stream.h"

static int setup(void **state)
{
	*state = order_graph__new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	order_graph__free(*state);
	return 0;
}

#define GRAPH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static enum order_change see(struct order_graph *graph, const char *from, __u8 from_mode,
			     const char *to, __u8 to_mode)
{
	struct order_sight sight = { .tid = 1, .from_mode = from_mode, .to_mode = to_mode };
	struct order_class *first = order_graph__class(graph, from);
	struct order_edge *edge;

	return order_graph__add(graph, first, order_graph__class(graph, to), &sight, &edge);
}

#define W LOCK_MODE_WRITE
#define R LOCK_MODE_READ
#define RR LOCK_MODE_READ_RECURSIVE

static void test_one_order_is_no_cycle(void **state)
{
	struct order_graph *graph = *state;

	assert_int_equal(see(graph, "a", W, "b", W), ORDER_NEW);
	assert_int_equal(see(graph, "b", W, "c", W), ORDER_NEW);
	assert_int_equal(see(graph, "a", W, "c", W), ORDER_NEW);
	assert_int_equal(see(graph, "a", W, "b", W), ORDER_KNOWN);
	assert_null(order_graph__cycles(graph));
	assert_int_equal(order_graph__edge_count(graph), 3);
}

static void test_two_orders(void **state)
{
	struct order_graph *graph = *state;
	const struct order_cycle *cycle;

	see(graph, "a", W, "b", W);
	assert_int_equal(see(graph, "b", W, "a", W), ORDER_CYCLE);
	cycle = order_graph__newest_cycle(graph);
	assert_int_equal(cycle->length, 2);
	assert_string_equal(cycle->edges[0]->from->label, "b");
	assert_string_equal(cycle->edges[1]->from->label, "a");
	assert_true(cycle->edges[0]->closes_cycle);
	assert_true(cycle->edges[1]->in_cycle);
}

/* Of a long way round and a short one, the short one is shown. */
static void test_shortest(void **state)
{
	struct order_graph *graph = *state;
	const struct order_cycle *cycle;

	see(graph, "a", W, "l1", W);
	see(graph, "l1", W, "l2", W);
	see(graph, "l2", W, "l3", W);
	see(graph, "l3", W, "b", W);
	see(graph, "a", W, "s", W);
	see(graph, "s", W, "b", W);
	assert_int_equal(see(graph, "b", W, "a", W), ORDER_CYCLE);
	cycle = order_graph__newest_cycle(graph);
	assert_int_equal(cycle->length, 3);
	assert_string_equal(cycle->edges[1]->to->label, "s");
}

/* What is known does not hide what comes later, nor is it said again. */
static void test_goes_on_after_the_first(void **state)
{
	struct order_graph *graph = *state;

	see(graph, "a", W, "b", W);
	assert_int_equal(see(graph, "b", W, "a", W), ORDER_CYCLE);
	assert_int_equal(see(graph, "b", W, "a", R), ORDER_KNOWN);
	assert_int_equal(see(graph, "b", R, "a", W), ORDER_NEW);
	see(graph, "c", W, "d", W);
	assert_int_equal(see(graph, "d", W, "c", W), ORDER_CYCLE);
	/* a -> b -> e -> a is another one, and not by way of b -> a. */
	see(graph, "b", W, "e", W);
	assert_int_equal(see(graph, "e", W, "a", W), ORDER_CYCLE);
	assert_int_equal(order_graph__newest_cycle(graph)->length, 3);
	assert_ptr_not_equal(order_graph__cycles(graph), order_graph__newest_cycle(graph));
}

static void test_nesting_is_no_inversion(void **state)
{
	struct order_graph *graph = *state;

	assert_int_equal(see(graph, "dir", W, "dir", W), ORDER_NESTING);
	assert_int_equal(see(graph, "dir", R, "dir", W), ORDER_NESTING);
	see(graph, "dir", W, "file", W);
	assert_null(order_graph__cycles(graph));
}

/* Readers of an rw_semaphore queue behind a waiting writer: they deadlock all the same. */
static void test_plain_readers_deadlock(void **state)
{
	struct order_graph *graph = *state;

	see(graph, "a", R, "b", R);
	assert_int_equal(see(graph, "b", R, "a", R), ORDER_CYCLE);
}

/* Recursive readers on both sides: nobody ever waits. */
static void test_recursive_readers_do_not(void **state)
{
	struct order_graph *graph = *state;

	see(graph, "a", RR, "b", RR);
	assert_int_equal(see(graph, "b", RR, "a", RR), ORDER_NEW);
	assert_null(order_graph__cycles(graph));
	/* Then a writer comes on one side only: held shared, asked for recursively. */
	assert_int_equal(see(graph, "b", W, "a", RR), ORDER_NEW);
	/* And now both are held by writers. */
	assert_int_equal(see(graph, "a", W, "b", RR), ORDER_CYCLE);
}

/*
 * The four of Documentation/locking/lockdep-design.rst: a cycle of two edges is
 * a deadlock unless somewhere a recursive reader's wait meets a reader's hold.
 */
static void test_all_pairs_of_dependencies(void **state)
{
	static const struct {
		__u8 from, to;
	} kinds[] = { { W, W }, { R, W }, { W, RR }, { R, RR } };	/* EN, SN, ER, SR */
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		for (k = 0; k < 4; k++) {
			struct order_graph *graph = order_graph__new();
			bool weak = (kinds[i].to == RR && kinds[k].from != W) ||
				    (kinds[k].to == RR && kinds[i].from != W);

			see(graph, "a", kinds[i].from, "b", kinds[i].to);
			assert_int_equal(see(graph, "b", kinds[k].from, "a", kinds[k].to),
					 weak ? ORDER_NEW : ORDER_CYCLE);
			order_graph__free(graph);
		}
	}
}

/* A weak place may be passed by another way into the same class. */
static void test_strong_way_beside_a_weak_one(void **state)
{
	struct order_graph *graph = *state;

	see(graph, "a", W, "b", RR);	/* a -(ER)-> b */
	see(graph, "b", R, "c", W);	/* b -(SN)-> c: weak behind it */
	assert_int_equal(see(graph, "c", W, "a", W), ORDER_NEW);
	see(graph, "a", W, "d", W);
	/* d -(EN)-> b -(SN)-> c -> a -> d */
	assert_int_equal(see(graph, "d", W, "b", W), ORDER_CYCLE);
	assert_int_equal(order_graph__newest_cycle(graph)->length, 4);
}

/* Modes that come later may make a known edge dangerous. */
static void test_new_modes_of_a_known_edge(void **state)
{
	struct order_graph *graph = *state;

	see(graph, "a", R, "b", RR);
	assert_int_equal(see(graph, "b", W, "a", W), ORDER_CYCLE);
	order_graph__free(graph);
	*state = graph = order_graph__new();
	see(graph, "a", R, "b", RR);
	assert_int_equal(see(graph, "b", R, "a", W), ORDER_NEW);
	assert_int_equal(see(graph, "a", R, "b", W), ORDER_CYCLE);
}

/* As many classes as a stream may name, in a chain, and back. */
static void test_long_chain(void **state)
{
	struct order_graph *graph = *state;
	char from[32], to[32];
	unsigned int i;

	for (i = 0; i < 5000; i++) {
		snprintf(from, sizeof(from), "c%u", i);
		snprintf(to, sizeof(to), "c%u", i + 1);
		assert_int_equal(see(graph, from, W, to, W), ORDER_NEW);
	}
	assert_int_equal(see(graph, "c5000", W, "c0", W), ORDER_CYCLE);
	assert_true(order_graph__newest_cycle(graph)->cut);
	assert_int_equal(order_graph__newest_cycle(graph)->length, ORDER_CYCLE_MAX);
}

static void test_bounds(void **state)
{
	struct order_graph *graph = *state;
	char label[300];
	unsigned int i;

	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	assert_null(order_graph__class(graph, label));
	for (i = 0; i < 20000; i++) {
		snprintf(label, sizeof(label), "c%u", i);
		if (!order_graph__class(graph, label))
			break;
	}
	assert_in_range(i, 1000, 19999);
}

/* A second opinion: which (class, was the last wait weak) can be reached at all. */
#define CLASSES 8

struct opinion {
	unsigned char kinds[CLASSES][CLASSES];	/* sets of 1 << enum order_dependency */
	bool reached[CLASSES][2];
};

static bool is_shared(unsigned int kind)
{
	return kind == ORDER_SN || kind == ORDER_SR;
}

static bool is_recursive(unsigned int kind)
{
	return kind == ORDER_ER || kind == ORDER_SR;
}

static void reach(struct opinion *opinion, unsigned int at, bool weak, unsigned int target)
{
	unsigned int next, kind;

	if (opinion->reached[at][weak])
		return;
	opinion->reached[at][weak] = true;
	if (at == target)
		return;
	for (next = 0; next < CLASSES; next++)
		for (kind = 0; kind < ORDER_DEPENDENCIES; kind++)
			if ((opinion->kinds[at][next] & 1 << kind) && !(weak && is_shared(kind)))
				reach(opinion, next, is_recursive(kind), target);
}

static bool closes_cycle(struct opinion *opinion, unsigned int from, unsigned int to,
			 unsigned int kind)
{
	memset(opinion->reached, 0, sizeof(opinion->reached));
	reach(opinion, to, is_recursive(kind), from);
	return opinion->reached[from][0] || (opinion->reached[from][1] && !is_shared(kind));
}

/* Up to the first cycle of each; behind it the graph leaves edges out. */
static bool try_graph(unsigned int *seed)
{
	struct order_graph *graph = order_graph__new();
	unsigned int i, from, to, kind;
	struct opinion opinion;
	bool expected = false;
	char a[8], b[8];

	memset(&opinion, 0, sizeof(opinion));
	for (i = 0; i < 14 && !expected; i++) {
		from = rand_r(seed) % CLASSES;
		to = rand_r(seed) % CLASSES;
		kind = rand_r(seed) % ORDER_DEPENDENCIES;
		if (from == to || opinion.kinds[from][to] & 1 << kind)
			continue;
		expected = closes_cycle(&opinion, from, to, kind);
		opinion.kinds[from][to] |= 1 << kind;
		snprintf(a, sizeof(a), "%u", from);
		snprintf(b, sizeof(b), "%u", to);
		assert_int_equal(see(graph, a, is_shared(kind) ? R : W, b, is_recursive(kind) ? RR : W),
				 expected ? ORDER_CYCLE : ORDER_NEW);
	}
	order_graph__free(graph);
	return expected;
}

static void test_random_graphs(void **state)
{
	unsigned int seed = 4711, round, cycles = 0;

	(void)state;
	for (round = 0; round < 2000; round++)
		cycles += try_graph(&seed);
	/* Both answers came. */
	assert_in_range(cycles, 200, 1800);
}

/* --- ranks ---------------------------------------------------------------- */

static struct ranks *parse(const char *text)
{
	char error[RANKS_ERROR_LENGTH] = "";
	struct ranks *ranks = NULL;

	if (!ranks__parse(&ranks, "test.ranks", text, strlen(text), error))
		fail_msg("%s", error);
	return ranks;
}

static const char *refusal(const char *text, size_t length)
{
	static char error[RANKS_ERROR_LENGTH];
	struct ranks *ranks = NULL;

	error[0] = '\0';
	assert_false(ranks__parse(&ranks, "test.ranks", text, length, error));
	ranks__free(ranks);
	return error;
}

static struct order_class class_of(const char *name, const char *fstype, bool directory)
{
	struct order_class class = { .directory = directory };

	snprintf(class.name, sizeof(class.name), "%s", name);
	snprintf(class.fstype, sizeof(class.fstype), "%s", fstype);
	return class;
}

static const char example[] =
	"# comment\n"
	"daxtrace-ranks 1\n"
	"\n"
	"filesystem ext4\n"
	"inode.i_rwsem/directory   # a directory first\n"
	"inode.i_rwsem/file\n"
	"mm_struct.mmap_lock\n"
	"address_space.invalidate_lock\n"
	"= ext4_inode_info.*\n"
	"filesystem xfs\n"
	"kernel 6.2 -\n"
	"address_space.invalidate_lock\n"
	"inode.i_rwsem\n";

static void test_ranks(void **state)
{
	struct order_class mmap_lock = class_of("mm_struct.mmap_lock", "", false);
	struct order_class rwsem = class_of("inode.i_rwsem", "ext4", false);
	struct order_class directory = class_of("inode.i_rwsem", "ext4", true);
	struct order_class data_sem = class_of("ext4_inode_info.i_data_sem", "ext4", false);
	struct order_class fault_lock = class_of("address_space.invalidate_lock", "ext4", false);
	struct order_class xfs_rwsem = class_of("inode.i_rwsem", "xfs", false);
	struct order_class xfs_lock = class_of("address_space.invalidate_lock", "xfs", false);
	struct order_class stranger = class_of("foo.bar", "ext4", false);
	struct ranks *ranks = parse(example);
	struct rank_violation violation;

	(void)state;
	ranks__set_kernel(ranks, "6.1.0-56-amd64");
	assert_false(ranks__violated(ranks, &rwsem, &mmap_lock, &violation));
	assert_true(ranks__violated(ranks, &mmap_lock, &rwsem, &violation));
	assert_string_equal(violation.fstype, "ext4");
	assert_int_equal(violation.from_line, 7);
	assert_int_equal(violation.to_line, 6);
	assert_true(ranks__violated(ranks, &rwsem, &directory, &violation));
	assert_false(ranks__violated(ranks, &directory, &rwsem, &violation));
	/* Joined by "=": no order between the two. */
	assert_false(ranks__violated(ranks, &data_sem, &fault_lock, &violation));
	assert_false(ranks__violated(ranks, &fault_lock, &data_sem, &violation));
	assert_false(ranks__violated(ranks, &stranger, &rwsem, &violation));
	/* Another filesystem's list, which is not for this kernel. */
	assert_false(ranks__violated(ranks, &xfs_rwsem, &xfs_lock, &violation));
	assert_int_equal(ranks__of(ranks, &mmap_lock), 3);
	assert_int_equal(ranks__of(ranks, &data_sem), 4);
	assert_int_equal(ranks__of(ranks, &xfs_lock), 0);
	ranks__set_kernel(ranks, "6.12.117+deb12-amd64");
	assert_true(ranks__violated(ranks, &xfs_rwsem, &xfs_lock, &violation));
	ranks__set_kernel(ranks, NULL);
	assert_false(ranks__violated(ranks, &xfs_rwsem, &xfs_lock, &violation));
	ranks__free(ranks);
	assert_false(ranks__violated(NULL, &xfs_rwsem, &xfs_lock, &violation));
}

static void test_ranks_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "begins with \"daxtrace-ranks 1\"" },
		{ "# nothing\n", "begins with \"daxtrace-ranks 1\"" },
		{ "daxtrace-ranks 2\n", "line 1: version 2 of the format is not known" },
		{ "daxtrace-ranks 1\ninode.i_rwsem\n", "line 2: a class before any" },
		{ "daxtrace-ranks 1\nfilesystem\n", "line 2: \"filesystem\" takes the name" },
		{ "daxtrace-ranks 1\nfilesystem averylongfilesystemname\n", "\"filesystem\" takes" },
		{ "daxtrace-ranks 1\nkernel 6.1 -\n", "belongs just behind" },
		{ "daxtrace-ranks 1\nfilesystem a\nkernel six -\n", "line 3: \"kernel\" takes" },
		{ "daxtrace-ranks 1\nfilesystem a\n= b\n", "no class above" },
		{ "daxtrace-ranks 1\nfilesystem a\nb\n=\n", "line 4: \"=\" without a class" },
		{ "daxtrace-ranks 1\nfilesystem a\nb c\n", "line 3: more than one class" },
		{ "daxtrace-ranks 1\nfilesystem a\nb/link\n", "stands directory or file" },
		{ "daxtrace-ranks 1\nfilesystem a\n/file\n", "is no name of a class" },
	};
	char text[1024];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_contains(refusal(cases[i].text, strlen(cases[i].text)), cases[i].message);
	assert_contains(refusal("daxtrace-ranks 1\nab\0c\n", 22), "NUL");
	memset(text, 'x', sizeof(text));
	assert_contains(refusal(text, sizeof(text)), "longer than");
	/* Cut off anywhere, it is taken or refused with one sentence, and nothing else. */
	for (i = 0; i < sizeof(example); i++) {
		char error[RANKS_ERROR_LENGTH] = "";
		struct ranks *ranks = NULL;

		if (!ranks__parse(&ranks, "t", example, i, error))
			assert_true(*error);
		ranks__free(ranks);
	}
}

static void test_ranks_file_is_missing(void **state)
{
	char error[RANKS_ERROR_LENGTH];
	struct ranks *ranks = NULL;

	(void)state;
	assert_false(ranks__read(&ranks, "./no/such.ranks", error));
	assert_string_equal(error,
			    "cannot read the ranks file ./no/such.ranks: No such file or directory");
	assert_false(ranks__read(&ranks, "/", error));
	ranks__free(ranks);
}

/* --- what a stream tells ---------------------------------------------------- */

static void tell_class(struct order_stream *stream, __u32 id, const char *cache,
		       const char *fstype, __u32 flags, const char *name)
{
	struct event_lock_class class = {
		.header = { .type = EVENT_LOCK_CLASS, .size = sizeof(class) },
		.id = id, .type = LOCK_RWSEM, .kind = LOCK_KIND_SLAB, .flags = flags, .offset = 168,
	};
	struct event_lock_name naming = {
		.header = { .type = EVENT_LOCK_NAME, .size = sizeof(naming) }, .id = id,
	};

	snprintf(class.cache, sizeof(class.cache), "%s", cache);
	snprintf(class.fstype, sizeof(class.fstype), "%s", fstype);
	order_stream__describe(stream, &class.header);
	if (!name)
		return;
	snprintf(naming.name, sizeof(naming.name), "%s", name);
	order_stream__describe(stream, &naming.header);
}

static enum order_change tell_edge(struct order_stream *stream, __u32 from, __u32 to)
{
	struct event_lock_edge record = {
		.header = { .type = EVENT_LOCK_EDGE, .size = sizeof(record), .tid = 7 },
		.from = from, .to = to,
	};
	struct order_edge *edge;

	return order_stream__edge(stream, &record, "dd", &edge);
}

static void test_stream(void **state)
{
	struct order_stream *stream = order_stream__new();
	struct order_graph *graph = order_stream__graph(stream);
	struct event_lock_loss loss = {
		.header = { .type = EVENT_LOCK_LOSS, .size = sizeof(loss) }, .overflow = ~0ULL,
	};

	(void)state;
	assert_false(order_stream__seen(stream));
	tell_class(stream, 1, "ext4_inode_cache", "ext4", LOCK_CLASS_DIRECTORY, "inode.i_rwsem");
	tell_class(stream, 2, "ext4_inode_cache", "ext4", 0, "inode.i_rwsem");
	tell_class(stream, 3, "foo_cache", "", 0, NULL);
	assert_int_equal(tell_edge(stream, 1, 2), ORDER_NEW);
	assert_int_equal(tell_edge(stream, 2, 3), ORDER_NEW);
	assert_non_null(order_graph__find(graph, "inode.i_rwsem (ext4 directory)"));
	assert_non_null(order_graph__find(graph, "inode.i_rwsem (ext4)"));
	assert_non_null(order_graph__find(graph, "?foo_cache+168"));
	/* A cache that was made again has a new id and the old name. */
	tell_class(stream, 4, "ext4_inode_cache", "ext4", 0, "inode.i_rwsem");
	assert_int_equal(tell_edge(stream, 1, 4), ORDER_KNOWN);
	/* Of a class that nobody told of nothing is made up. */
	assert_int_equal(tell_edge(stream, 1, 99), ORDER_NO_ROOM);
	assert_int_equal(order_stream__loss(stream)->room, 1);
	order_stream__describe(stream, &loss.header);
	order_stream__describe(stream, &loss.header);
	assert_true(order_stream__loss(stream)->overflow == ~0ULL);
	order_stream__free(stream);
}

/* A name in a file may fill its field without an end. */
static void test_stream_of_hostile_names(void **state)
{
	struct order_stream *stream = order_stream__new();
	struct event_lock_class class = {
		.header = { .type = EVENT_LOCK_CLASS, .size = sizeof(class) }, .id = 1,
		.type = 0xffffffff, .kind = 0xffffffff, .flags = 0xffffffff, .subclass = ~0U,
	};
	struct event_lock_name naming = {
		.header = { .type = EVENT_LOCK_NAME, .size = sizeof(naming) }, .id = 1,
	};

	(void)state;
	memset(class.cache, 'c', sizeof(class.cache));
	memset(class.fstype, 'f', sizeof(class.fstype));
	memset(naming.name, 'n', sizeof(naming.name));
	order_stream__describe(stream, &class.header);
	order_stream__describe(stream, &naming.header);
	class.id = 2;
	class.kind = LOCK_KIND_KMALLOC;
	order_stream__describe(stream, &class.header);
	tell_edge(stream, 1, 2);
	assert_int_equal(order_graph__class_count(order_stream__graph(stream)), 2);
	order_stream__free(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GRAPH_TEST(test_one_order_is_no_cycle),
		GRAPH_TEST(test_two_orders),
		GRAPH_TEST(test_shortest),
		GRAPH_TEST(test_goes_on_after_the_first),
		GRAPH_TEST(test_nesting_is_no_inversion),
		GRAPH_TEST(test_plain_readers_deadlock),
		GRAPH_TEST(test_recursive_readers_do_not),
		cmocka_unit_test(test_all_pairs_of_dependencies),
		GRAPH_TEST(test_strong_way_beside_a_weak_one),
		GRAPH_TEST(test_new_modes_of_a_known_edge),
		GRAPH_TEST(test_long_chain),
		GRAPH_TEST(test_bounds),
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_ranks_refused),
		cmocka_unit_test(test_ranks_file_is_missing),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_of_hostile_names),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
