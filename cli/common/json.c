// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "common/json.h"

void json__init(struct json *json, FILE *file)
{
	json->file = file;
	json->comma = false;
}

/*
 * Length of the UTF-8 sequence at text, or 0 if it is none (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF).
 */
static int utf8_length(const unsigned char *text)
{
	static const unsigned int smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int code;
	int length, i;

	if (text[0] < 0x80)
		return 1;
	else if (text[0] >> 5 == 0x6)
		length = 2, code = text[0] & 0x1f;
	else if (text[0] >> 4 == 0xe)
		length = 3, code = text[0] & 0x0f;
	else if (text[0] >> 3 == 0x1e)
		length = 4, code = text[0] & 0x07;
	else
		return 0;
	for (i = 1; i < length; i++) {
		if (text[i] >> 6 != 0x2)	/* the terminating NUL included */
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

static void write_string(FILE *file, const char *value)
{
	const unsigned char *c = (const unsigned char *)value;
	int length;

	fputc('"', file);
	while (*c) {
		if (*c == '"' || *c == '\\') {
			fputc('\\', file);
			fputc(*c++, file);
		} else if (*c == '\n') {
			fputs("\\n", file);
			c++;
		} else if (*c < 0x20 || *c == 0x7f) {
			fprintf(file, "\\u%04x", *c++);
		} else {
			length = utf8_length(c);
			if (length) {
				fwrite(c, 1, length, file);
				c += length;
			} else {
				fputs("\\ufffd", file);
				c++;
			}
		}
	}
	fputc('"', file);
}

static void begin(struct json *json, const char *key)
{
	if (json->comma)
		fputc(',', json->file);
	if (key) {
		write_string(json->file, key);
		fputc(':', json->file);
	}
	json->comma = true;
}

void json__object(struct json *json, const char *key)
{
	begin(json, key);
	fputc('{', json->file);
	json->comma = false;
}

void json__end_object(struct json *json)
{
	fputc('}', json->file);
	json->comma = true;
}

void json__array(struct json *json, const char *key)
{
	begin(json, key);
	fputc('[', json->file);
	json->comma = false;
}

void json__end_array(struct json *json)
{
	fputc(']', json->file);
	json->comma = true;
}

void json__string(struct json *json, const char *key, const char *value)
{
	begin(json, key);
	if (value)
		write_string(json->file, value);
	else
		fputs("null", json->file);
}

void json__unsigned(struct json *json, const char *key, __u64 value)
{
	begin(json, key);
	fprintf(json->file, "%llu", (unsigned long long)value);
}

void json__signed(struct json *json, const char *key, __s64 value)
{
	begin(json, key);
	fprintf(json->file, "%lld", (long long)value);
}

void json__bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", json->file);
}

void json__line(struct json *json)
{
	fputc('\n', json->file);
	fflush(json->file);
	json->comma = false;
}
