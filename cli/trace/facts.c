// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/facts.h"

/* A block's payload, its lines cut into strings.  Chained, newest first. */
struct trace_facts_text {
	struct trace_facts_text *older;
	char bytes[];
};

bool trace_facts__key_valid(const char *key)
{
	if (!*key)
		return false;

	for (; *key; key++)
		if (*key <= ' ' || *key >= 0x7f || *key == '=' || *key == '\\')
			return false;
	return true;
}

size_t trace_facts__format(char *line, const char *key, const char *value)
{
	const char *end = line + TRACE_FACT_MAX - 1;	/* room for the newline */
	char *out = line;

	for (; *key; key++) {
		if (end - out < 2)
			return 0;
		*out++ = *key;
	}
	*out++ = '=';

	for (; *value; value++) {
		bool escape = *value == '\n' || *value == '\\';

		if (end - out < 1 + escape)
			return 0;
		if (escape)
			*out++ = '\\';
		*out++ = *value == '\n' ? 'n' : *value;
	}
	*out++ = '\n';

	return out - line;
}

/* Undo the escapes of a value in place.  False: not an escape of this format. */
static bool unescape(char *value)
{
	char *out = value;

	for (; *value; value++) {
		if (*value == '\\') {
			value++;
			if (*value == 'n')
				*out++ = '\n';
			else if (*value == '\\')
				*out++ = '\\';
			else
				return false;
		} else {
			*out++ = *value;
		}
	}
	*out = '\0';
	return true;
}

/* Bounded by TRACE_FACT_COUNT_MAX, so a plain search is fast enough. */
static struct trace_fact *find(const struct trace_facts *facts, const char *key)
{
	size_t i;

	for (i = 0; i < facts->count; i++)
		if (strcmp(facts->fact[i].key, key) == 0)
			return &facts->fact[i];
	return NULL;
}

/* Cut line, which is NUL-terminated, into key and value. */
static const char *split(char *line, struct trace_fact *fact)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return "a fact without '='";
	*equals = '\0';
	if (!trace_facts__key_valid(line))
		return "a fact whose key is empty or has a character that is not allowed";
	if (!unescape(equals + 1))
		return "a fact with an unknown escape";

	fact->key = line;
	fact->value = equals + 1;
	return NULL;
}

/* Bounds and shape of the payload as a whole; *lines is the number of lines. */
static const char *check(const struct trace_facts *facts, const char *payload,
			 size_t length, size_t *lines)
{
	size_t i;

	if (length > TRACE_FACTS_MAX - facts->bytes)
		return "more facts than a trace may have";
	if (memchr(payload, '\0', length))
		return "a fact with a NUL byte";
	if (!length || payload[length - 1] != '\n')
		return "a fact that does not end";

	*lines = 0;
	for (i = 0; i < length; i++)
		*lines += payload[i] == '\n';
	if (*lines > TRACE_FACT_COUNT_MAX - facts->lines)
		return "more facts than a trace may have";
	return NULL;
}

int trace_facts__parse(struct trace_facts *facts, const char *payload, size_t length,
		       const char **why)
{
	struct trace_fact *added, *grown;
	struct trace_facts_text *text;
	size_t lines, i;
	char *line;

	*why = check(facts, payload, length, &lines);
	if (*why)
		return -EBADMSG;

	grown = realloc(facts->fact, (facts->count + lines) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	facts->fact = grown;

	text = malloc(sizeof(*text) + length);
	if (!text)
		return -ENOMEM;
	memcpy(text->bytes, payload, length);

	/* Beyond ->count, where nobody looks until the whole block proves good. */
	added = grown + facts->count;
	for (i = 0, line = text->bytes; i < lines; i++) {
		char *end = memchr(line, '\n', text->bytes + length - line);

		*end = '\0';
		*why = split(line, &added[i]);
		if (*why) {
			free(text);
			return -EBADMSG;
		}
		line = end + 1;
	}

	text->older = facts->text;
	facts->text = text;
	facts->bytes += length;
	facts->lines += lines;

	for (i = 0; i < lines; i++) {
		struct trace_fact *known = find(facts, added[i].key);

		if (known)
			*known = added[i];
		else
			facts->fact[facts->count++] = added[i];
	}
	return 0;
}

const char *trace_facts__get(const struct trace_facts *facts, const char *key)
{
	const struct trace_fact *fact = find(facts, key);

	return fact ? fact->value : NULL;
}

void trace_facts__free(struct trace_facts *facts)
{
	while (facts->text) {
		struct trace_facts_text *text = facts->text;

		facts->text = text->older;
		free(text);
	}
	free(facts->fact);
	memset(facts, 0, sizeof(*facts));
}
