// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/baseline.h"
#include "common/log.h"

#define MAX_LINE 512

struct baseline_line {
	__u64 fingerprint;
	char text[MAX_LINE];	/* the whole line, without its end; "": it is in the file */
	UT_hash_handle hh;
};

struct baseline {
	struct baseline_line *lines;
	char *kept;		/* the file as it was: what is in it for people stays */
	size_t kept_length;
};

static bool add_line(struct baseline *baseline, __u64 fingerprint, const char *text)
{
	struct baseline_line *line;

	HASH_FIND(hh, baseline->lines, &fingerprint, sizeof(fingerprint), line);
	if (line)
		return true;
	line = calloc(1, sizeof(*line));
	if (!line)
		return false;
	line->fingerprint = fingerprint;
	snprintf(line->text, sizeof(line->text), "%s", text);
	HASH_ADD(hh, baseline->lines, fingerprint, sizeof(line->fingerprint), line);
	return true;
}

/* The fingerprint that a line begins with. */
static bool parse_line(const char *text, __u64 *fingerprint)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	if (digits != 16 || (text[16] && !isspace((unsigned char)text[16])))
		return false;
	*fingerprint = strtoull(text, NULL, 16);
	return true;
}

static bool keep(struct baseline *baseline, const char *text)
{
	size_t length = strlen(text);
	char *kept = realloc(baseline->kept, baseline->kept_length + length + 2);

	if (!kept)
		return false;
	memcpy(kept + baseline->kept_length, text, length);
	baseline->kept = kept;
	baseline->kept_length += length;
	return true;
}

static bool read_lines(struct baseline *baseline, FILE *file, const char *path)
{
	char text[MAX_LINE];
	__u64 fingerprint;
	unsigned int number = 0;

	while (fgets(text, sizeof(text), file)) {
		number++;
		if (!strchr(text, '\n') && !feof(file)) {
			log_error("%s, line %u: longer than %d characters", path, number, MAX_LINE - 2);
			return false;
		}
		text[strcspn(text, "\n")] = '\0';
		if (!keep(baseline, text) || !keep(baseline, "\n")) {
			log_error("%s: out of memory", path);
			return false;
		}
		if (!*text || *text == '#')
			continue;
		if (!parse_line(text, &fingerprint)) {
			log_error("%s, line %u: not a fingerprint of 16 hexadecimal digits; "
				  "a baseline that is not understood excuses nothing", path, number);
			return false;
		}
		if (!add_line(baseline, fingerprint, "")) {
			log_error("%s: out of memory", path);
			return false;
		}
	}
	if (ferror(file)) {
		log_error("%s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

struct baseline *baseline__read(const char *path, bool missing_ok)
{
	struct baseline *baseline = calloc(1, sizeof(*baseline));
	FILE *file = fopen(path, "re");

	if (!baseline || (!file && !(missing_ok && errno == ENOENT))) {
		log_error("cannot read the baseline %s: %s", path, strerror(errno));
		goto fail;
	}
	if (file && !read_lines(baseline, file, path))
		goto fail;
	if (file)
		fclose(file);
	return baseline;
fail:
	if (file)
		fclose(file);
	baseline__free(baseline);
	return NULL;
}

bool baseline__has(const struct baseline *baseline, __u64 fingerprint)
{
	struct baseline_line *line;

	HASH_FIND(hh, baseline->lines, &fingerprint, sizeof(fingerprint), line);
	return line;
}

bool baseline__add(struct baseline *baseline, const struct finding *finding)
{
	char text[MAX_LINE];

	snprintf(text, sizeof(text), "%016llx %s %s %s", (unsigned long long)finding->key.fingerprint,
		 rule_table[finding->rule]->id, finding->fstype, rule_table[finding->rule]->name);
	return add_line(baseline, finding->key.fingerprint, text);
}

bool baseline__write(const struct baseline *baseline, const char *path)
{
	const struct baseline_line *line;
	char temporary[4096];
	FILE *file;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
		log_error("cannot write the baseline: its path is too long");
		return false;
	}
	file = fopen(temporary, "we");
	if (!file) {
		log_error("cannot write the baseline %s: %s", temporary, strerror(errno));
		return false;
	}
	if (baseline->kept_length)
		fwrite(baseline->kept, 1, baseline->kept_length, file);
	else
		fputs("# Known findings of daxtrace check: fingerprint, then words for people.\n",
		      file);
	for (line = baseline->lines; line; line = line->hh.next)
		if (*line->text)
			fprintf(file, "%s\n", line->text);
	if (fflush(file) || fsync(fileno(file)) || ferror(file)) {
		log_error("cannot write the baseline %s: %s; %s is as it was", temporary,
			  strerror(errno), path);
		fclose(file);
		unlink(temporary);
		return false;
	}
	fclose(file);
	if (rename(temporary, path)) {
		log_error("cannot replace the baseline %s: %s", path, strerror(errno));
		unlink(temporary);
		return false;
	}
	return true;
}

void baseline__free(struct baseline *baseline)
{
	struct baseline_line *line, *next;

	if (!baseline)
		return;
	HASH_ITER(hh, baseline->lines, line, next) {
		HASH_DEL(baseline->lines, line);
		free(line);
	}
	free(baseline->kept);
	free(baseline);
}
