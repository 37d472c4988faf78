// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The library brings all of LLVM with it, so it is not linked, but loaded when
 * somebody asks for user stacks.  Which file it is, and where in it, needs nothing but
 * /proc, and is enough to find the function elsewhere.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "common/log.h"
#include "probe/usersyms.h"

#ifdef DAXTRACE_BCC
#include <bcc/bcc_syms.h>
#endif

#define LIBRARY		"libbcc.so.0"
/* Processes that are remembered; each has its tables of symbols. */
#define MAX_PROCESSES	64

/* A file that is mapped. */
struct mapped {
	__u64 start, end, offset;
	char *path;
	__u8 build_id[sizeof(((struct event_user_frame *)0)->build_id)];
	__u8 build_id_length;
};

struct process {
	__u32 tgid;
	__u64 used;		/* a count of questions: the oldest goes first */
	dev_t dev;		/* of its program */
	ino_t ino;
	void *cache;		/* the library's */
	struct mapped *mapped;
	size_t count;
};

struct user_symbols {
	struct process processes[MAX_PROCESSES];
	__u64 questions;
	void *library;		/* NULL: functions cannot be named */
#ifdef DAXTRACE_BCC
	typeof(bcc_symcache_new) *new_cache;
	typeof(bcc_free_symcache) *free_cache;
	typeof(bcc_symcache_resolve) *resolve;
	typeof(bcc_symbol_free_demangle_name) *free_name;
#endif
};

/* --- the library ------------------------------------------------------------ */

#ifdef DAXTRACE_BCC
static void load_library(struct user_symbols *symbols)
{
	symbols->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!symbols->library) {
		log_warn("user stacks will have files and offsets, not functions: %s; install the "
			 "library of BCC (Debian: libbpfcc)", dlerror());
		return;
	}
	symbols->new_cache = dlsym(symbols->library, "bcc_symcache_new");
	symbols->free_cache = dlsym(symbols->library, "bcc_free_symcache");
	symbols->resolve = dlsym(symbols->library, "bcc_symcache_resolve");
	symbols->free_name = dlsym(symbols->library, "bcc_symbol_free_demangle_name");
	if (symbols->new_cache && symbols->free_cache && symbols->resolve && symbols->free_name)
		return;
	log_warn("user stacks will have files and offsets, not functions: %s lacks what is needed "
		 "of it", LIBRARY);
	dlclose(symbols->library);
	symbols->library = NULL;
}

static void *new_cache(const struct user_symbols *symbols, __u32 tgid)
{
	return symbols->library ? symbols->new_cache(tgid, NULL) : NULL;
}

static void free_cache(const struct user_symbols *symbols, const struct process *process)
{
	if (process->cache)
		symbols->free_cache(process->cache, process->tgid);
}

static void name_function(const struct user_symbols *symbols, const struct process *process,
			  struct event_user_frame *frame)
{
	struct bcc_symbol symbol = { .name = NULL };

	if (!process->cache || symbols->resolve(process->cache, frame->address, &symbol))
		return;
	if (symbol.demangle_name) {
		snprintf(frame->function, sizeof(frame->function), "%s", symbol.demangle_name);
		frame->function_offset = symbol.offset;
	}
	symbols->free_name(&symbol);
}
#else
static void load_library(struct user_symbols *symbols)
{
	(void)symbols;
	log_warn("user stacks will have files and offsets, not functions: this daxtrace was built "
		 "without the headers of BCC (Debian: libbpfcc-dev)");
}

static void *new_cache(const struct user_symbols *symbols, __u32 tgid)
{
	(void)symbols;
	(void)tgid;
	return NULL;
}

static void free_cache(const struct user_symbols *symbols, const struct process *process)
{
	(void)symbols;
	(void)process;
}

static void name_function(const struct user_symbols *symbols, const struct process *process,
			  struct event_user_frame *frame)
{
	(void)symbols;
	(void)process;
	(void)frame;
}
#endif

/* --- files ------------------------------------------------------------------ */

static void forget_files(struct process *process)
{
	while (process->count)
		free(process->mapped[--process->count].path);
	free(process->mapped);
	process->mapped = NULL;
}

static void read_build_id(Elf *elf, struct mapped *mapped)
{
	size_t offset, name, contents, i, headers;
	GElf_Phdr header;
	GElf_Nhdr note;
	Elf_Data *data;

	if (elf_getphdrnum(elf, &headers))
		return;
	for (i = 0; i < headers; i++) {
		if (!gelf_getphdr(elf, i, &header) || header.p_type != PT_NOTE)
			continue;
		data = elf_getdata_rawchunk(elf, header.p_offset, header.p_filesz, ELF_T_NHDR);
		for (offset = 0; data && (offset = gelf_getnote(data, offset, &note, &name, &contents)); ) {
			if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
			    memcmp((char *)data->d_buf + name, "GNU", 4))
				continue;
			mapped->build_id_length = note.n_descsz < sizeof(mapped->build_id) ?
						  note.n_descsz : sizeof(mapped->build_id);
			memcpy(mapped->build_id, (char *)data->d_buf + contents, mapped->build_id_length);
			return;
		}
	}
}

/* As the process sees it, whatever its root is. */
static void look_for_build_id(const struct process *process, struct mapped *mapped)
{
	char name[64];
	int file;
	Elf *elf;

	if (*mapped->path != '/')
		return;
	snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", process->tgid,
		 (unsigned long long)mapped->start, (unsigned long long)mapped->end);
	file = open(name, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	elf_version(EV_CURRENT);
	elf = elf_begin(file, ELF_C_READ_MMAP, NULL);
	if (elf) {
		read_build_id(elf, mapped);
		elf_end(elf);
	}
	close(file);
}

/* "START-END FLAGS OFFSET DEVICE INODE PATH" */
static void read_files(struct process *process)
{
	unsigned long long start, end, offset;
	struct mapped *grown;
	size_t size = 0;
	char *line = NULL, name[32], flags[8];
	int path;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%u/maps", process->tgid);
	file = fopen(name, "re");
	if (!file)
		return;		/* it has gone: what is known of it is all there will be */
	forget_files(process);
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%llx-%llx %4s %llx %*s %*s %n", &start, &end, flags, &offset, &path) != 4 ||
		    !line[path])
			continue;
		grown = realloc(process->mapped, (process->count + 1) * sizeof(*grown));
		if (!grown)
			break;
		process->mapped = grown;
		grown += process->count;
		memset(grown, 0, sizeof(*grown));
		grown->start = start;
		grown->end = end;
		grown->offset = offset;
		grown->path = strdup(line + path);
		if (!grown->path)
			break;
		process->count++;
		/* Now: later the process may have gone. */
		if (flags[2] == 'x')
			look_for_build_id(process, grown);
	}
	free(line);
	fclose(file);
}

static struct mapped *find_file(struct process *process, __u64 address)
{
	size_t i;

	for (i = 0; i < process->count; i++)
		if (address >= process->mapped[i].start && address < process->mapped[i].end)
			return &process->mapped[i];
	return NULL;
}

static void name_file(struct process *process, struct event_user_frame *frame)
{
	struct mapped *mapped = find_file(process, frame->address);
	size_t length, room = sizeof(frame->file) - 1;

	if (!mapped) {
		/* It may have been mapped since. */
		read_files(process);
		mapped = find_file(process, frame->address);
	}
	if (!mapped)
		return;
	length = strlen(mapped->path);
	memcpy(frame->file, mapped->path + (length > room ? length - room : 0),
	       length > room ? room : length);
	frame->file_offset = frame->address - mapped->start + mapped->offset;
	memcpy(frame->build_id, mapped->build_id, sizeof(frame->build_id));
	frame->build_id_length = mapped->build_id_length;
}

/* --- processes -------------------------------------------------------------- */

static void forget(const struct user_symbols *symbols, struct process *process)
{
	free_cache(symbols, process);
	forget_files(process);
	memset(process, 0, sizeof(*process));
}

/* Its program; false: it has gone. */
static bool identify(const struct process *process, dev_t *dev, ino_t *ino)
{
	struct stat program;
	char name[32];

	snprintf(name, sizeof(name), "/proc/%u/exe", process->tgid);
	if (stat(name, &program))
		return false;
	*dev = program.st_dev;
	*ino = program.st_ino;
	return true;
}

static struct process *find_process(struct user_symbols *symbols, __u32 tgid)
{
	struct process *process, *oldest = symbols->processes;

	for (process = symbols->processes; process < symbols->processes + MAX_PROCESSES; process++) {
		if (process->tgid == tgid)
			return process;
		if (process->used < oldest->used)
			oldest = process;
	}
	forget(symbols, oldest);
	oldest->tgid = tgid;
	identify(oldest, &oldest->dev, &oldest->ino);
	oldest->cache = new_cache(symbols, tgid);
	return oldest;
}

struct user_symbols *user_symbols__new(void)
{
	struct user_symbols *symbols = calloc(1, sizeof(*symbols));

	if (symbols)
		load_library(symbols);
	return symbols;
}

void user_symbols__find(struct user_symbols *symbols, __u32 tgid, struct event_user_frame *frame)
{
	struct process *process = find_process(symbols, tgid);

	process->used = ++symbols->questions;
	name_file(process, frame);
	name_function(symbols, process, frame);
}

bool user_symbols__renamed(struct user_symbols *symbols, __u32 tgid)
{
	struct process *process;
	dev_t dev;
	ino_t ino;

	for (process = symbols->processes; process < symbols->processes + MAX_PROCESSES; process++) {
		if (process->tgid != tgid || !identify(process, &dev, &ino) ||
		    (dev == process->dev && ino == process->ino))
			continue;
		forget(symbols, process);
		return true;
	}
	return false;
}

void user_symbols__free(struct user_symbols *symbols)
{
	size_t i;

	if (!symbols)
		return;
	for (i = 0; i < MAX_PROCESSES; i++)
		forget(symbols, &symbols->processes[i]);
	/* The library stays: it does not expect to be unloaded. */
	free(symbols);
}
