// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* refdax-debug: output. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "debug.h"

#define DEPTH_MAX	16

static struct {
	bool json;
	unsigned int depth;
	bool array[DEPTH_MAX];	/* of each level */
	bool first[DEPTH_MAX];	/* nothing was printed in it yet */
	unsigned int problems[DEPTH_MAX];	/* in each level */
	unsigned int line;	/* text: the level whose members share a line, 0 if none does */
} out;

static void indent(unsigned int depth)
{
	while (depth--)
		fputs("  ", stdout);
}

/* What comes before a value. */
static void begin_value(const char *name)
{
	bool first = out.first[out.depth];

	out.first[out.depth] = false;
	if (out.json) {
		if (!first)
			putchar(',');
		putchar('\n');
		indent(out.depth);
		if (name)
			printf("\"%s\": ", name);
	} else if (out.line) {
		printf("%s%s ", first ? "" : "  ", name);
	} else {
		indent(out.depth - 1);
		if (name)
			printf("%s: ", name);
	}
}

static void end_value(void)
{
	if (!out.json && !out.line)
		putchar('\n');
}

static void push(const char *name, bool array)
{
	/* In text, members of an array have a line each. */
	bool line = !out.json && !out.line && out.array[out.depth] && !array;

	if (!out.json && !out.line && name) {
		indent(out.depth - 1);
		printf("%s:\n", name);
		out.first[out.depth] = false;
	} else if (out.json) {
		begin_value(name);
		putchar(array ? '[' : '{');
	} else if (line) {
		indent(out.depth - 1);
	}
	if (out.depth + 1 < DEPTH_MAX)
		out.depth++;
	out.array[out.depth] = array;
	out.first[out.depth] = true;
	out.problems[out.depth] = 0;
	if (line)
		out.line = out.depth;
}

void out_start(bool json)
{
	out.json = json;
	out.first[0] = true;
	if (json)
		putchar('{');
	out.depth = 1;
	out.first[1] = true;
}

void out_finish(void)
{
	if (out.json)
		fputs("\n}\n", stdout);
}

void out_object(const char *name)
{
	push(name, false);
}

void out_array(const char *name)
{
	push(name, true);
}

void out_end(void)
{
	bool array = out.array[out.depth], empty = out.first[out.depth];

	if (out.line == out.depth) {
		putchar('\n');
		out.line = 0;
	}
	out.depth--;
	if (!out.json)
		return;
	if (!empty) {
		putchar('\n');
		indent(out.depth);
	}
	putchar(array ? ']' : '}');
}

void out_number(const char *name, uint64_t value)
{
	begin_value(name);
	printf("%" PRIu64, value);
	end_value();
}

void out_signed(const char *name, int64_t value)
{
	begin_value(name);
	printf("%" PRId64, value);
	end_value();
}

void out_hex(const char *name, uint64_t value)
{
	begin_value(name);
	/* JSON has no other numbers. */
	printf(out.json ? "\"0x%" PRIx64 "\"" : "0x%" PRIx64, value);
	end_value();
}

static unsigned int utf8_length(const uint8_t *p, size_t left)
{
	unsigned int length = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 :
			      *p >> 3 == 30 ? 4 : 0, i;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;

	if (!length || length > left)
		return 0;
	code = length == 1 ? *p : *p & (0x7f >> length);
	for (i = 1; i < length; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

/* Without what a terminal or a JSON reader stumbles over. False: some of it was left out. */
static bool print_text(const uint8_t *p, size_t size)
{
	bool whole = true;

	while (size) {
		unsigned int length = utf8_length(p, size);

		if (!length || *p == 0x7f || (*p < ' ' && !out.json)) {
			fputs(out.json ? "\\ufffd" : "?", stdout);
			whole = false;
			length = 1;
		} else if (*p < ' ') {
			printf("\\u%04x", *p);
		} else {
			if (out.json && (*p == '"' || *p == '\\'))
				putchar('\\');
			fwrite(p, 1, length, stdout);
		}
		p += length;
		size -= length;
	}
	return whole;
}

void out_bytes(const char *name, const void *data, size_t size)
{
	const uint8_t *p = data;
	char hex[64];
	bool whole;
	size_t i;

	begin_value(name);
	if (out.json)
		putchar('"');
	whole = print_text(p, size);
	if (out.json)
		putchar('"');
	end_value();
	if (whole)
		return;
	snprintf(hex, sizeof(hex), "%s_hex", name);
	begin_value(hex);
	if (out.json)
		putchar('"');
	for (i = 0; i < size; i++)
		printf("%02x", p[i]);
	if (out.json)
		putchar('"');
	end_value();
}

void out_text(const char *name, const char *text)
{
	out_bytes(name, text, strlen(text));
}

void out_problem(struct device *d, const char *fmt, ...)
{
	bool array = out.array[out.depth];
	char text[300], name[32] = "DAMAGED";
	va_list args;

	d->damaged = true;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (array)
		out_object(NULL);
	/* JSON wants names that differ. */
	if (out.problems[out.depth]++)
		snprintf(name, sizeof(name), "DAMAGED_%u", out.problems[out.depth]);
	out_text(name, text);
	if (array)
		out_end();
}
