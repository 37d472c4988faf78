// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is printable, and what JSON is made of any bytes. */
#include "testcases/unit/unit.h"

#include "common/json.h"
#include "common/printable.h"

static void test_utf8_length(void **state)
{
	static const struct {
		const char *text;
		int length;
	} cases[] = {
		{ "", 1 }, { "a", 1 }, { "\x7f", 1 }, { "\033", 1 },
		/* the first and the last of each length */
		{ "\xc2\x80", 2 }, { "\xdf\xbf", 2 },
		{ "\xe0\xa0\x80", 3 }, { "\xef\xbf\xbf", 3 },
		{ "\xf0\x90\x80\x80", 4 }, { "\xf4\x8f\xbf\xbf", 4 },
		/* around the surrogates */
		{ "\xed\x9f\xbf", 3 }, { "\xee\x80\x80", 3 },
		{ "\xed\xa0\x80", 0 }, { "\xed\xbf\xbf", 0 },
		/* longer than need be */
		{ "\xc0\x80", 0 }, { "\xc1\xbf", 0 }, { "\xe0\x9f\xbf", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		/* above what there is */
		{ "\xf4\x90\x80\x80", 0 }, { "\xf7\xbf\xbf\xbf", 0 },
		/* no beginning, or no end */
		{ "\x80", 0 }, { "\xbf", 0 }, { "\xfe", 0 }, { "\xff", 0 }, { "\xf8\x88\x80\x80\x80", 0 },
		{ "\xc2", 0 }, { "\xe2\x82", 0 }, { "\xf0\x90\x80", 0 }, { "\xc2" "a", 0 },
		{ "\xe2\x82" "a", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (utf8_length(cases[i].text) != cases[i].length)
			fail_msg("case %zu: %d", i, utf8_length(cases[i].text));
}

static void test_make_printable(void **state)
{
	static const struct {
		const char *text, *printable;
	} cases[] = {
		{ "", "" },
		{ "plain ~ text", "plain ~ text" },
		{ "\033[2J\n\r\t\b\007\x7f", "?[2J??????" },
		{ "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80" },
		/* U+0080, U+009F; U+00A0 is a blank */
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "??\xc2\xa0" },
		{ "\xff\xc3", "??" },
		{ "\xed\xa0\x80", "???" },
	};
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "%s", cases[i].text);
		make_printable(text);
		assert_string_equal(text, cases[i].printable);
	}
}

static void test_json(void **state)
{
	struct json json;
	size_t length;
	char *text;
	FILE *file = open_memstream(&text, &length);

	(void)state;
	json__init(&json, file);
	json__object(&json, NULL);
	json__string(&json, "type", "a\"b\\c/d\n\t\033\x7f\x01");
	json__string(&json, "\"", NULL);
	json__unsigned(&json, "u", ~0ULL);
	json__signed(&json, "s", INT64_MIN);
	json__bool(&json, "b", true);
	json__array(&json, "empty");
	json__end_array(&json);
	json__array(&json, "list");
	json__string(&json, NULL, "\xc3\xa4\xed\xa0\x80\xff");
	json__object(&json, NULL);
	json__end_object(&json);
	json__object(&json, NULL);
	json__bool(&json, "b", false);
	json__end_object(&json);
	json__unsigned(&json, NULL, 0);
	json__end_array(&json);
	json__end_object(&json);
	json__line(&json);
	json__object(&json, NULL);
	json__end_object(&json);
	json__line(&json);
	fclose(file);
	assert_string_equal(text,
		"{\"type\":\"a\\\"b\\\\c/d\\n\\u0009\\u001b\\u007f\\u0001\",\"\\\"\":null,"
		"\"u\":18446744073709551615,\"s\":-9223372036854775808,\"b\":true,\"empty\":[],"
		"\"list\":[\"\xc3\xa4\\ufffd\\ufffd\\ufffd\\ufffd\",{},{\"b\":false},0]}\n"
		"{}\n");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_length),
		cmocka_unit_test(test_make_printable),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests_name("common", tests, NULL, NULL);
}
