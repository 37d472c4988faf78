// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/symbols.h"

struct symbol {
	__u64 address;
	__u32 name;		/* offset in symbols.names */
};

struct symbols {
	bool loaded;
	__u64 modules;		/* hash of /proc/modules at that time */
	struct symbol *table;
	size_t count, room;
	char *names;
	size_t names_length, names_room;
};

struct symbols *symbols__new(void)
{
	return calloc(1, sizeof(struct symbols));
}

void symbols__free(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->table);
	free(symbols->names);
	free(symbols);
}

static bool add(struct symbols *symbols, __u64 address, const char *name, const char *module)
{
	size_t length = strlen(name) + strlen(module) + 2;
	void *grown;

	if (symbols->count == symbols->room) {
		symbols->room = symbols->room ? symbols->room * 2 : 1 << 17;
		grown = realloc(symbols->table, symbols->room * sizeof(*symbols->table));
		if (!grown)
			return false;
		symbols->table = grown;
	}
	if (symbols->names_length + length > symbols->names_room) {
		symbols->names_room = (symbols->names_room + length) * 2;
		grown = realloc(symbols->names, symbols->names_room);
		if (!grown)
			return false;
		symbols->names = grown;
	}
	symbols->table[symbols->count].address = address;
	symbols->table[symbols->count].name = symbols->names_length;
	symbols->count++;
	symbols->names_length += snprintf(symbols->names + symbols->names_length, length, "%s%s%s",
					  name, *module ? " " : "", module) + 1;
	return true;
}

static int by_address(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* One word of a line, up to a blank; the line begins behind it. */
static char *next_word(char **line)
{
	char *word = *line, *end = word + strcspn(word, " \t");

	*line = end;
	if (*end) {
		*end = '\0';
		*line = end + 1;
	}
	return word;
}

/* "ADDRESS TYPE NAME" and, of a module, "\t[MODULE]" */
static bool load_line(struct symbols *symbols, char *line)
{
	__u64 address = strtoull(next_word(&line), NULL, 16);
	const char *type = next_word(&line), *name = next_word(&line);

	/* Functions and variables; all addresses are 0 under kptr_restrict. */
	if (!address || !*type || !*name || !strchr("tTwWdDbBrR", *type))
		return true;
	return add(symbols, address, name, next_word(&line));
}

/*
 * Some 200,000 lines, so neither stdio, which reads /proc by 1024 bytes, nor
 * sscanf(): these took several times as long.
 */
static void load(struct symbols *symbols)
{
	char buffer[1 << 15], *line, *end;
	ssize_t length, used = 0;
	int file;

	symbols->loaded = true;
	file = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	while ((length = read(file, buffer + used, sizeof(buffer) - 1 - used)) > 0) {
		buffer[used + length] = '\0';
		for (line = buffer; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			if (!load_line(symbols, line))
				goto out;
		}
		used = buffer + used + length - line;
		memmove(buffer, line, used);
	}
out:
	close(file);
	if (symbols->count)
		qsort(symbols->table, symbols->count, sizeof(*symbols->table), by_address);
}

static __u64 hash_modules(void)
{
	__u64 hash = 0xcbf29ce484222325ULL;
	char line[1024], name[128], address[64];
	FILE *file = fopen("/proc/modules", "re");
	const char *c;

	if (!file)
		return hash;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%127s %*s %*s %*s %*s %63s", name, address) != 2)
			continue;
		/* Not the use counts: they change all the time. */
		for (c = name; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
		for (c = address; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
	}
	fclose(file);
	return hash;
}

void symbols__refresh(struct symbols *symbols)
{
	__u64 modules = hash_modules();

	if (symbols->loaded && modules != symbols->modules) {
		symbols->loaded = false;
		symbols->count = 0;
		symbols->names_length = 0;
	}
	symbols->modules = modules;
}

bool symbols__find(struct symbols *symbols, __u64 address, char *name, size_t length,
		   __u64 *offset)
{
	size_t low = 0, high, middle;

	if (!symbols->loaded)
		load(symbols);
	if (!symbols->count || address < symbols->table[0].address)
		return false;
	high = symbols->count;
	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (symbols->table[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	/* A function this long is a hole between sections. */
	if (address - symbols->table[low].address > 1 << 20)
		return false;
	snprintf(name, length, "%s", symbols->names + symbols->table[low].name);
	*offset = address - symbols->table[low].address;
	return true;
}
