// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/symbols.h"

/* A function this long is a hole between sections. */
#define SYMBOL_MAX	(1 << 20)

struct symbol {
	__u64 address;
	__u32 name;		/* offset in symbols.names */
	__u32 boundary;		/* it marks a place, and names nothing */
};

struct symbols {
	const char *file;
	symbols_ask ask;
	const void *context;
	bool loaded;
	__u64 modules;		/* hash of /proc/modules at that time */
	struct symbol *table;
	size_t count, room;
	char *names;
	size_t names_length, names_room;
};

struct symbols *symbols__new(const char *file, symbols_ask ask, const void *context)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return NULL;
	symbols->file = file;
	symbols->ask = ask;
	symbols->context = context;
	return symbols;
}

void symbols__free(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->table);
	free(symbols->names);
	free(symbols);
}

/*
 * Where a section begins or ends, as linker scripts name it (BOUNDED_SECTION_BY(),
 * CODETAG_SECTIONS(), <asm-generic/sections.h>). A section that is empty in a module begins and
 * ends at the address of what comes next.
 */
static bool is_boundary(const char *name)
{
	static const char *const beginnings[] = { "__start_", "__stop_", "__begin_", "__end_", "__bss_" };
	static const char *const names[] = {
		"_text", "_stext", "_etext", "_data", "_sdata", "_edata", "_end", "_sinittext", "_einittext",
		"__init_begin", "__init_end",
	};
	size_t i;

	for (i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
			return true;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
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
	symbols->table[symbols->count].boundary = is_boundary(name);
	symbols->count++;
	symbols->names_length += snprintf(symbols->names + symbols->names_length, length, "%s%s%s",
					  name, *module ? " " : "", module) + 1;
	return true;
}

/* Of several at an address the last is what symbols__find() finds: a boundary if there is no other. */
static int by_address(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->boundary != b->boundary)
		return a->boundary ? -1 : 1;
	/* As they are in the file. */
	return a->name < b->name ? -1 : a->name > b->name;
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
	symbols->modules = hash_modules();
	file = open(symbols->file, O_RDONLY | O_CLOEXEC);
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

void symbols__refresh(struct symbols *symbols)
{
	/* Where the kernel answers, nothing was ever read. */
	if (!symbols->loaded || hash_modules() == symbols->modules)
		return;
	symbols->loaded = false;
	symbols->count = 0;
	symbols->names_length = 0;
}

enum answer { ANSWER_NONE, ANSWER_NO_NAME, ANSWER_NAME };

/* "symbol+0xoffset/0xsize [module]", as the kernel has it. */
static enum answer ask(const struct symbols *symbols, __u64 address, char *name, size_t length,
		       __u64 *offset)
{
	char text[256], *plus, *module;
	unsigned long long value;

	if (!symbols->ask || symbols->ask(symbols->context, address, text, sizeof(text)))
		return ANSWER_NONE;
	plus = strrchr(text, '+');
	if (!plus || sscanf(plus, "+%llx/", &value) != 1 || value > SYMBOL_MAX)
		return ANSWER_NO_NAME;
	*plus = '\0';
	/* Another may be there as well: of these the kernel tells the first. */
	if (is_boundary(text))
		return ANSWER_NONE;
	module = strchr(plus + 1, ' ');
	snprintf(name, length, "%s%s", text, module ? module : "");
	*offset = value;
	return ANSWER_NAME;
}

static bool find(const struct symbols *symbols, __u64 address, char *name, size_t length,
		 __u64 *offset)
{
	size_t low = 0, high, middle;

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
	if (address - symbols->table[low].address > SYMBOL_MAX)
		return false;
	snprintf(name, length, "%s", symbols->names + symbols->table[low].name);
	*offset = address - symbols->table[low].address;
	return true;
}

bool symbols__find(struct symbols *symbols, __u64 address, char *name, size_t length,
		   __u64 *offset)
{
	enum answer answer = ask(symbols, address, name, length, offset);

	if (answer != ANSWER_NONE)
		return answer == ANSWER_NAME;
	if (!symbols->loaded)
		load(symbols);
	return find(symbols, address, name, length, offset);
}
