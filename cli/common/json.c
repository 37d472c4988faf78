// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "common/json.h"
#include "common/printable.h"

void json__init(struct json *json, FILE *file)
{
	json->file = file;
	json->comma = false;
}

static void write_string(FILE *file, const char *value)
{
	const char *c = value;
	int length;

	fputc('"', file);
	while (*c) {
		if (*c == '"' || *c == '\\') {
			fputc('\\', file);
			fputc(*c++, file);
		} else if (*c == '\n') {
			fputs("\\n", file);
			c++;
		} else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
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
