// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/ranks.h"

#ifndef DAXTRACE_RANKS_DIR
#define DAXTRACE_RANKS_DIR "/usr/local/share/daxtrace/ranks"
#endif

/* A ranks file is written by hand: more than this is not one. */
#define MAX_FILE	(256UL << 10)
#define MAX_LINES	4096
#define FORMAT_VERSION	1

struct rank_line {
	char pattern[ORDER_NAME_LENGTH];	/* of struct order_class.name, as fnmatch(3) */
	char kind;			/* 'd': directories only, 'f': all but them, 0: any */
	unsigned int rank;		/* from 1; lines joined by "=" share it */
	unsigned int line;		/* in the file */
	struct rank_line *next;
};

struct rank_list {
	char fstype[EVENT_FSTYPE_LENGTH];
	unsigned int kernel_min, kernel_max;	/* major << 16 | minor; 0: open */
	bool left_out;			/* for another kernel */
	struct rank_line *lines, **last;
	unsigned int ranks;
	char *path;
	struct rank_list *next;
};

struct ranks {
	struct rank_list *lists, **last;
};

/* Where in a file one is. */
struct place {
	struct ranks *ranks;
	const char *path;
	unsigned int line;
	struct rank_list *list;
	bool versioned;
	char *error;
};

static bool fail(const struct place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(const struct place *place, const char *format, ...)
{
	va_list args;
	int used;

	used = snprintf(place->error, RANKS_ERROR_LENGTH, "%.200s, line %u: ", place->path,
			place->line);
	va_start(args, format);
	vsnprintf(place->error + used, RANKS_ERROR_LENGTH - used, format, args);
	va_end(args);
	return false;
}

static bool parse_kernel(const char *text, unsigned int *version)
{
	unsigned int major, minor;
	char rest;

	if (!strcmp(text, "-")) {
		*version = 0;
		return true;
	}
	if (sscanf(text, "%3u.%4u%c", &major, &minor, &rest) != 2)
		return false;
	*version = major << 16 | minor;
	return true;
}

static bool begin_list(struct place *place, const char *fstype)
{
	struct rank_list *list;

	if (!fstype || strlen(fstype) >= EVENT_FSTYPE_LENGTH)
		return fail(place, "\"filesystem\" takes the name of one, as in /proc/filesystems");
	list = calloc(1, sizeof(*list));
	if (!list || !(list->path = strdup(place->path))) {
		free(list);
		return fail(place, "out of memory");
	}
	strcpy(list->fstype, fstype);
	list->last = &list->lines;
	*place->ranks->last = list;
	place->ranks->last = &list->next;
	place->list = list;
	return true;
}

static bool set_kernels(struct place *place, const char *first, const char *last)
{
	if (!place->list || place->list->lines)
		return fail(place, "\"kernel\" belongs just behind a \"filesystem\" line");
	if (!first || !last || !parse_kernel(first, &place->list->kernel_min) ||
	    !parse_kernel(last, &place->list->kernel_max))
		return fail(place, "\"kernel\" takes the first and the last series, such as "
			    "\"kernel 6.1 6.12\"; \"-\" is open");
	return true;
}

/* "struct.member", "struct.member/directory", "= struct.member" */
static bool add_line(struct place *place, const char *word, const char *second)
{
	struct rank_line *line;
	const char *slash;
	bool same = !strcmp(word, "=");
	size_t length;

	if (!place->list)
		return fail(place, "a class before any \"filesystem\" line");
	if (same)
		word = second;
	else if (second)
		return fail(place, "more than one class; each stands on its own line");
	if (!word)
		return fail(place, "\"=\" without a class behind it");
	if (same && !place->list->lines)
		return fail(place, "\"=\" has no class above it whose rank it could share");
	slash = strchr(word, '/');
	length = slash ? (size_t)(slash - word) : strlen(word);
	if (!length || length >= ORDER_NAME_LENGTH)
		return fail(place, "\"%.60s\" is no name of a class", word);
	if (slash && strcmp(slash, "/directory") && strcmp(slash, "/file"))
		return fail(place, "\"%.60s\": behind the slash stands directory or file", word);
	line = calloc(1, sizeof(*line));
	if (!line)
		return fail(place, "out of memory");
	memcpy(line->pattern, word, length);
	line->kind = slash ? slash[1] : 0;
	line->rank = same ? place->list->ranks : ++place->list->ranks;
	line->line = place->line;
	*place->list->last = line;
	place->list->last = &line->next;
	return true;
}

static bool take_line(struct place *place, char *text)
{
	char *words[4], *save = NULL, *word;
	int count = 0;

	text[strcspn(text, "#")] = '\0';
	for (word = strtok_r(text, " \t\r", &save); word && count < 4;
	     word = strtok_r(NULL, " \t\r", &save))
		words[count++] = word;
	if (!count)
		return true;
	if (!place->versioned) {
		if (count != 2 || strcmp(words[0], "daxtrace-ranks"))
			return fail(place, "a ranks file begins with \"daxtrace-ranks %d\"",
				    FORMAT_VERSION);
		if (strcmp(words[1], "1"))
			return fail(place, "version %.20s of the format is not known here; "
				    "version %d is", words[1], FORMAT_VERSION);
		place->versioned = true;
		return true;
	}
	if (!strcmp(words[0], "filesystem"))
		return begin_list(place, count == 2 ? words[1] : NULL);
	if (!strcmp(words[0], "kernel"))
		return set_kernels(place, count == 3 ? words[1] : NULL, count == 3 ? words[2] : NULL);
	if (count > 2)
		return fail(place, "more than one class; each stands on its own line");
	return add_line(place, words[0], count == 2 ? words[1] : NULL);
}

bool ranks__parse(struct ranks **ranks, const char *path, const char *text, size_t length,
		  char *error)
{
	struct place place = { .path = path, .error = error };
	const char *end = text + length, *newline;
	char line[512];
	size_t size;

	if (!*ranks) {
		*ranks = calloc(1, sizeof(**ranks));
		if (!*ranks) {
			snprintf(error, RANKS_ERROR_LENGTH, "%.200s: out of memory", path);
			return false;
		}
		(*ranks)->last = &(*ranks)->lists;
	}
	place.ranks = *ranks;
	for (; text < end; text = newline + 1) {
		place.line++;
		newline = memchr(text, '\n', end - text) ?: end;
		size = newline - text;
		if (size >= sizeof(line))
			return fail(&place, "longer than %zu characters", sizeof(line) - 1);
		if (memchr(text, '\0', size))
			return fail(&place, "a NUL byte; this is no text");
		if (place.line > MAX_LINES)
			return fail(&place, "more lines than a ranks file may have");
		memcpy(line, text, size);
		line[size] = '\0';
		if (!take_line(&place, line))
			return false;
	}
	if (!place.versioned)
		return fail(&place, "a ranks file begins with \"daxtrace-ranks %d\"", FORMAT_VERSION);
	return true;
}

static FILE *open_ranks(const char *name, char *path, size_t length)
{
	FILE *file;
	int error;

	snprintf(path, length, "%s", name);
	file = fopen(path, "re");
	if (file || errno != ENOENT || strchr(name, '/'))
		return file;
	error = errno;
	snprintf(path, length, "%s/%s.ranks", DAXTRACE_RANKS_DIR, name);
	file = fopen(path, "re");
	if (!file) {
		snprintf(path, length, "%s", name);
		errno = error;
	}
	return file;
}

bool ranks__read(struct ranks **ranks, const char *name, char *error)
{
	char path[4096], *text;
	size_t length;
	FILE *file;
	bool read;

	file = open_ranks(name, path, sizeof(path));
	if (!file) {
		snprintf(error, RANKS_ERROR_LENGTH, "cannot read the ranks file %.200s: %s", path,
			 strerror(errno));
		return false;
	}
	text = malloc(MAX_FILE + 1);
	if (!text) {
		snprintf(error, RANKS_ERROR_LENGTH, "%.200s: out of memory", path);
		fclose(file);
		return false;
	}
	errno = 0;
	length = fread(text, 1, MAX_FILE + 1, file);
	if (ferror(file)) {
		snprintf(error, RANKS_ERROR_LENGTH, "cannot read the ranks file %.200s: %s", path,
			 strerror(errno));
		read = false;
	} else if (length > MAX_FILE) {
		snprintf(error, RANKS_ERROR_LENGTH, "%.200s: larger than %lu bytes; this is no ranks "
			 "file", path, MAX_FILE);
		read = false;
	} else {
		read = ranks__parse(ranks, path, text, length, error);
	}
	free(text);
	fclose(file);
	return read;
}

void ranks__set_kernel(struct ranks *ranks, const char *release)
{
	unsigned int major = 0, minor = 0, version;
	struct rank_list *list;
	bool known;

	if (!ranks)
		return;
	known = release && sscanf(release, "%3u.%4u", &major, &minor) == 2;
	version = major << 16 | minor;
	for (list = ranks->lists; list; list = list->next)
		list->left_out = (list->kernel_min || list->kernel_max) &&
				 (!known || version < list->kernel_min ||
				  (list->kernel_max && version > list->kernel_max));
}

static const struct rank_line *line_of(const struct rank_list *list,
				       const struct order_class *class)
{
	const struct rank_line *line;

	if (list->left_out)
		return NULL;
	/* Classes of no filesystem (mmap_lock) are every filesystem's. */
	if (*class->fstype && strcmp(class->fstype, list->fstype))
		return NULL;
	for (line = list->lines; line; line = line->next) {
		if (line->kind && class->directory != (line->kind == 'd'))
			continue;
		if (!fnmatch(line->pattern, class->name, 0))
			return line;
	}
	return NULL;
}

bool ranks__violated(const struct ranks *ranks, const struct order_class *from,
		     const struct order_class *to, struct rank_violation *violation)
{
	const struct rank_line *above, *below;
	const struct rank_list *list;

	for (list = ranks ? ranks->lists : NULL; list; list = list->next) {
		below = line_of(list, from);
		above = below ? line_of(list, to) : NULL;
		if (!above || above->rank >= below->rank)
			continue;
		violation->path = list->path;
		violation->fstype = list->fstype;
		violation->from_line = below->line;
		violation->to_line = above->line;
		return true;
	}
	return false;
}

unsigned int ranks__of(const struct ranks *ranks, const struct order_class *class)
{
	const struct rank_list *list;
	const struct rank_line *line;

	for (list = ranks ? ranks->lists : NULL; list; list = list->next) {
		line = line_of(list, class);
		if (line)
			return line->rank;
	}
	return 0;
}

void ranks__free(struct ranks *ranks)
{
	struct rank_list *list, *next_list;
	struct rank_line *line, *next_line;

	if (!ranks)
		return;
	for (list = ranks->lists; list; list = next_list) {
		next_list = list->next;
		for (line = list->lines; line; line = next_line) {
			next_line = line->next;
			free(line);
		}
		free(list->path);
		free(list);
	}
	free(ranks);
}
