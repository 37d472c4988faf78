// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Names for addresses, from text as /proc/kallsyms has it (cli/probe/symbols.c).
 */
#include "testcases/unit/unit.h"

#include <errno.h>
#include <linux/types.h>

#include "probe/symbols.h"

/*
 * Assert what an address is called, as NAME+OFFSET, or "" if it has no name.  text: what is in
 * the file; says: what the kernel answers, as its own words, if it is asked by ask.
 */
static void assert_found(const char *text, symbols_ask ask, const char *says, __u64 address,
			 const char *expected)
{
	char name[128], got[160] = "";
	const char *path = unit_path("kallsyms");
	FILE *file = fopen(path, "w");
	struct symbols *symbols;
	__u64 offset;

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	symbols = symbols__new(path, ask, says);
	assert_non_null(symbols);
	if (symbols__find(symbols, address, name, sizeof(name), &offset))
		snprintf(got, sizeof(got), "%s+%llu", name, (unsigned long long)offset);
	symbols__free(symbols);
	unlink(path);
	assert_string_equal(got, expected);
}

static void assert_named(const char *text, __u64 address, const char *expected)
{
	assert_found(text, NULL, NULL, address, expected);
}

static void nearest_below(void **state)
{
	static const char text[] = "ffffffff81000100 T two\n"
				   "ffffffff81000000 T one\n"
				   "ffffffffc0000000 t three\t[module]\n";

	(void)state;
	assert_named(text, 0xffffffff81000008, "one+8");
	assert_named(text, 0xffffffff81000100, "two+0");
	assert_named(text, 0xffffffffc0000010, "three [module]+16");
	assert_named(text, 0xffffffff80000000, "");
}

/* Linux 6.12 with CONFIG_MEM_ALLOC_PROFILING: .data of a module begins so. */
static void boundary_gives_way(void **state)
{
	static const char before[] = "ffffffffc0a02000 d __start_alloc_tags\t[module]\n"
				     "ffffffffc0a02000 d __stop_alloc_tags\t[module]\n"
				     "ffffffffc0a02000 d daxtrace_outer\t[module]\n";
	static const char behind[] = "ffffffffc0a02000 d daxtrace_outer\t[module]\n"
				     "ffffffffc0a02000 d __stop_alloc_tags\t[module]\n"
				     "ffffffffc0a02000 d __start_alloc_tags\t[module]\n";

	(void)state;
	assert_named(before, 0xffffffffc0a02000, "daxtrace_outer [module]+0");
	assert_named(behind, 0xffffffffc0a02000, "daxtrace_outer [module]+0");
	assert_named(behind, 0xffffffffc0a02010, "daxtrace_outer [module]+16");
	assert_named("ffffffff82000000 D _sdata\nffffffff82000000 D init_stack\nffffffff82000000 D __end_rodata\n",
		     0xffffffff82000000, "init_stack+0");
}

/* Where there is nothing else it is better than the neighbour's name. */
static void boundary_alone(void **state)
{
	static const char text[] = "ffffffffc0a01f00 d other\t[module]\n"
				   "ffffffffc0a02000 d __start_alloc_tags\t[module]\n";

	(void)state;
	assert_named(text, 0xffffffffc0a02008, "__start_alloc_tags [module]+8");
}

/* kptr_restrict: every address is 0. */
static void hidden(void **state)
{
	(void)state;
	assert_named("0000000000000000 T one\n0000000000000000 T two\n", 0xffffffff81000000, "");
}

/* The kernel is asked first, and the file is for what it cannot say. */
static int answer(const void *context, __u64 address, char *text, size_t length)
{
	(void)address;
	if (!context)
		return -EPERM;
	snprintf(text, length, "%s", (const char *)context);
	return 0;
}

static void assert_answered(const char *says, const char *expected)
{
	assert_found("ffffffffc0000000 t read\t[module]\n", answer, says, 0xffffffffc0000010,
		     expected);
}

static void kernel_answers(void **state)
{
	(void)state;
	assert_answered("told+0x8/0x40 [module]", "told [module]+8");
	assert_answered("told.isra.0+0x0/0x40", "told.isra.0+0");
	assert_answered("0xffffffffc0000010", "");
	assert_answered("", "");
	assert_answered("hole+0x100001/0x200000", "");
	/* Something else may be there too. */
	assert_answered("__start_alloc_tags+0x10/0x20 [module]", "read [module]+16");
	assert_answered(NULL, "read [module]+16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest_below),
		cmocka_unit_test(boundary_gives_way),
		cmocka_unit_test(boundary_alone),
		cmocka_unit_test(hidden),
		cmocka_unit_test(kernel_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
