// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "probe/lockname.h"

#define BTF_FOLDER	"/sys/kernel/btf"
#define MAX_BTFS	512
#define MAX_NESTING	12
#define MEMBER_LENGTH	96

/* Characters from the beginning on that make a resemblance. */
#define LIKE_MERGED	3
#define LIKE_FUNCTION	5
#define LIKE_CACHE	6

struct module_btf {
	char name[64];		/* "" is the kernel itself */
	struct btf *btf;
	__u32 first;		/* id of its own first type */
};

struct lock_names {
	struct module_btf btfs[MAX_BTFS];
	size_t count;
	bool loaded;
	unsigned int modules;	/* that had BTF then */
};

struct lock_names *lock_names__new(void)
{
	return calloc(1, sizeof(struct lock_names));
}

static void unload(struct lock_names *names)
{
	/* Modules' BTF is based on the kernel's, which is the first. */
	while (names->count)
		btf__free(names->btfs[--names->count].btf);
	names->loaded = false;
}

void lock_names__free(struct lock_names *names)
{
	if (!names)
		return;
	unload(names);
	free(names);
}

/* Modules come and go; the folder's times do not say so. */
static unsigned int count_modules(void)
{
	DIR *folder = opendir(BTF_FOLDER);
	unsigned int count = 0;

	if (!folder)
		return 0;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void add_btf(struct lock_names *names, const char *name, struct btf *btf, __u32 first)
{
	struct module_btf *module;

	if (!btf)
		return;
	module = &names->btfs[names->count++];
	snprintf(module->name, sizeof(module->name), "%.63s", name);
	module->btf = btf;
	module->first = first;
}

static void load(struct lock_names *names)
{
	DIR *folder = opendir(BTF_FOLDER);
	struct dirent *entry;
	struct btf *kernel;
	__u32 kernel_types;

	names->loaded = true;
	names->modules = count_modules();
	kernel = btf__load_vmlinux_btf();
	if (!kernel || !folder)
		goto out;
	add_btf(names, "", kernel, 1);
	kernel_types = btf__type_cnt(kernel);
	while ((entry = readdir(folder)) && names->count < MAX_BTFS)
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "vmlinux"))
			add_btf(names, entry->d_name, btf__load_module_btf(entry->d_name, kernel),
				kernel_types);
out:
	if (folder)
		closedir(folder);
}

static const struct btf_type *skip_modifiers(const struct btf *btf, __u32 id, __u32 *result)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type))) {
		id = type->type;
		type = btf__type_by_id(btf, id);
	}
	*result = id;
	return type;
}

/* A place in nested structs, from the outside in. */
struct place {
	const struct btf *btf;
	const char *lock;		/* name of the lock's struct */
	char member[MEMBER_LENGTH];	/* path in the innermost named struct */
	const char *owner;		/* that struct */
};

static bool descend(struct place *place, __u32 id, __u32 offset, unsigned int depth);

static bool in_member(struct place *place, const struct btf_type *type,
		      const struct btf_member *member, __u32 begin, __u32 offset,
		      unsigned int depth)
{
	const char *name = btf__name_by_offset(place->btf, member->name_off);
	const struct btf_type *inner;
	char saved[MEMBER_LENGTH];
	size_t used;
	__u32 id;
	__s64 size;

	(void)type;
	inner = skip_modifiers(place->btf, member->type, &id);
	size = btf__resolve_size(place->btf, member->type);
	if (!inner || size <= 0 || offset < begin || offset - begin >= size)
		return false;
	memcpy(saved, place->member, sizeof(saved));
	used = strlen(place->member);
	/* Members of anonymous structs and unions count as the outer one's. */
	if (*name)
		snprintf(place->member + used, sizeof(place->member) - used, "%s%s",
			 used ? "." : "", name);
	offset -= begin;
	if (btf_is_array(inner)) {
		const struct btf_array *array = btf_array(inner);
		__s64 element = btf__resolve_size(place->btf, array->type);

		if (element > 0) {
			used = strlen(place->member);
			snprintf(place->member + used, sizeof(place->member) - used, "[%u]",
				 offset / (__u32)element);
			offset %= element;
			skip_modifiers(place->btf, array->type, &id);
		}
	}
	if (descend(place, id, offset, depth + 1))
		return true;
	memcpy(place->member, saved, sizeof(saved));
	return false;
}

/* Is there the lock at this offset of the type?  Then the place is filled in. */
static bool descend(struct place *place, __u32 id, __u32 offset, unsigned int depth)
{
	const struct btf_type *type = btf__type_by_id(place->btf, id);
	const struct btf_member *member;
	const char *owner = place->owner, *name;
	char saved[MEMBER_LENGTH];
	int i;

	if (!type || depth > MAX_NESTING || !btf_is_composite(type))
		return false;
	name = btf__name_by_offset(place->btf, type->name_off);
	if (!offset && !strcmp(name, place->lock))
		return true;
	memcpy(saved, place->member, sizeof(saved));
	if (*name) {
		place->owner = name;
		place->member[0] = '\0';
	}
	member = btf_members(type);
	for (i = 0; i < btf_vlen(type); i++)
		if (!btf_member_bitfield_size(type, i) &&
		    in_member(place, type, &member[i], btf_member_bit_offset(type, i) / 8, offset,
			      depth))
			return true;
	place->owner = owner;
	memcpy(place->member, saved, sizeof(saved));
	return false;
}

static const char *lock_struct(__u32 type)
{
	switch (type) {
	case LOCK_RWSEM:
		return "rw_semaphore";
	case LOCK_MUTEX:
		return "mutex";
	case LOCK_PERCPU_RWSEM:
		return "percpu_rw_semaphore";
	default:
		return NULL;
	}
}

static bool name_in(const struct btf *btf, __u32 id, __u32 offset, __u32 lock_type, char *name,
		    size_t length)
{
	struct place place = { .btf = btf, .lock = lock_struct(lock_type) };

	if (!place.lock || !descend(&place, id, offset, 0) || !place.owner || !*place.member)
		return false;
	snprintf(name, length, "%s.%s", place.owner, place.member);
	return true;
}

bool lock_name__in_struct(const struct btf *btf, const char *type_name, __u32 offset,
			  __u32 lock_type, char *name, size_t length)
{
	int id = btf__find_by_name_kind(btf, type_name, BTF_KIND_STRUCT);

	return id > 0 && name_in(btf, id, offset, lock_type, name, length);
}

/* How much of a cache's name is the struct's: "ext4_inode_cache", "ext4_inode_info". */
static size_t likeness(const char *cache, const char *type)
{
	size_t length = 0;

	while (cache[length] && cache[length] == type[length])
		length++;
	return length;
}

struct search {
	const struct event_lock_class *class;
	const char *like;		/* a name that resembles the type's */
	__u32 size_min, size_max;
	char best[MEMBER_LENGTH];
	size_t likeness;
	bool ambiguous;
};

/* Does the struct have a struct inode where the cache's objects have one? */
static bool has_inode_at(const struct btf *btf, const struct btf_type *type, __s32 offset)
{
	const struct btf_member *member = btf_members(type);
	const struct btf_type *inner;
	const char *name;
	__u32 id;
	int i;

	for (i = 0; i < btf_vlen(type); i++) {
		if (btf_member_bit_offset(type, i) != (__u32)offset * 8)
			continue;
		inner = skip_modifiers(btf, member[i].type, &id);
		if (!inner || !btf_is_struct(inner))
			continue;
		name = btf__name_by_offset(btf, inner->name_off);
		/* At the very beginning it may be in another struct: netfs_inode. */
		if (!strcmp(name, "inode") || has_inode_at(btf, inner, 0))
			return true;
	}
	return false;
}

static void search_btf(struct search *search, const struct module_btf *module)
{
	const struct event_lock_class *class = search->class;
	__u32 id, count = btf__type_cnt(module->btf);
	const struct btf_type *type;
	char found[MEMBER_LENGTH];
	const char *name;
	size_t alike;

	for (id = module->first; id < count; id++) {
		type = btf__type_by_id(module->btf, id);
		if (!btf_is_struct(type) || type->size < search->size_min ||
		    type->size > search->size_max)
			continue;
		name = btf__name_by_offset(module->btf, type->name_off);
		if (!*name || (class->inode_offset >= 0 &&
			       !has_inode_at(module->btf, type, class->inode_offset)))
			continue;
		if (!name_in(module->btf, id, class->offset, class->type, found, sizeof(found)))
			continue;
		alike = likeness(search->like, name);
		if (*search->best && alike < search->likeness)
			continue;
		/* Modules may have a kernel's type once more: the same name is no doubt. */
		search->ambiguous = *search->best && alike == search->likeness &&
				    strcmp(found, search->best);
		search->likeness = alike;
		snprintf(search->best, sizeof(search->best), "%s", found);
	}
}

static bool name_slab(struct lock_names *names, const struct event_lock_class *class, char *name,
		      size_t length)
{
	struct search search = {
		.class = class, .like = class->cache,
		.size_min = class->object_size, .size_max = class->object_size,
	};
	const struct btf *kernel = names->btfs[0].btf;
	size_t i;

	if (class->inode_offset >= 0 && class->offset >= (__u32)class->inode_offset &&
	    lock_name__in_struct(kernel, "inode", class->offset - class->inode_offset, class->type,
				 name, length))
		return true;
	/* A cache named as a type, whose objects have room for more behind it. */
	if (lock_name__in_struct(kernel, class->cache, class->offset, class->type, name, length))
		return true;
	for (i = 0; i < names->count; i++)
		search_btf(&search, &names->btfs[i]);
	if (!*search.best) {
		/* Objects with an array behind them: the name must say more then. */
		search.size_min = class->offset;
		for (i = 0; i < names->count; i++)
			search_btf(&search, &names->btfs[i]);
		if (search.likeness < LIKE_CACHE)
			return false;
	}
	if (!*search.best || search.ambiguous)
		return false;
	snprintf(name, length, "%s", search.best);
	return true;
}

/* "function" and, if it is a module's, "module". */
static bool taking_function(struct symbols *symbols, __u64 address, char *function, size_t length,
			    char *module, size_t module_length)
{
	__u64 offset;
	char *space;

	module[0] = '\0';
	if (!address || !symbols__find(symbols, address, function, length, &offset))
		return false;
	space = strchr(function, ' ');
	if (space) {
		*space = '\0';
		snprintf(module, module_length, "%.*s", (int)strcspn(space + 2, "]"), space + 2);
	}
	return true;
}

/*
 * Memory of several types.  The object of a merged cache may still be of the type
 * that the cache is called for; one of kmalloc's is most likely of a type that is
 * called as the function that locks it, in its module if it is in one.  The
 * class has that function in any case: a wrong guess mixes up no locks.
 */
static bool guess_shared(struct lock_names *names, const struct event_lock_class *class,
			 const char *function, const char *module, char *name, size_t length)
{
	bool kmalloc = !strncmp(class->cache, "kmalloc", 7) || !strncmp(class->cache, "dma-", 4);
	struct search search = {
		.class = class, .like = kmalloc ? function : class->cache,
		.size_min = kmalloc ? class->object_size / 2 + 1 : class->object_size,
		.size_max = class->object_size,
	};
	size_t i;

	for (i = 0; i < names->count; i++)
		if (!kmalloc || !strcmp(names->btfs[i].name, module))
			search_btf(&search, &names->btfs[i]);
	if (!*search.best || search.ambiguous)
		return false;
	if (search.likeness < (kmalloc ? LIKE_FUNCTION : LIKE_MERGED) && !(kmalloc && *module))
		return false;
	snprintf(name, length, "%s", search.best);
	return true;
}

static void name_shared(struct lock_names *names, struct symbols *symbols,
			const struct event_lock_class *class, char *name, size_t length)
{
	char function[128], module[64];

	if (!taking_function(symbols, class->address, function, sizeof(function), module,
			     sizeof(module)))
		snprintf(name, length, "?%.*s+%u", (int)sizeof(class->cache), class->cache,
			 class->offset);
	else if (!guess_shared(names, class, function, module, name, length))
		snprintf(name, length, "?%.*s+%u in %.48s", (int)sizeof(class->cache), class->cache,
			 class->offset, function);
}

static bool name_static(struct symbols *symbols, __u64 address, char *name, size_t length)
{
	char symbol[128];
	__u64 offset;

	if (!symbols__find(symbols, address, symbol, sizeof(symbol), &offset))
		return false;
	symbol[strcspn(symbol, " ")] = '\0';
	if (offset)
		snprintf(name, length, "%.72s+%llu", symbol, (unsigned long long)offset);
	else
		snprintf(name, length, "%.90s", symbol);
	return true;
}

static const char *type_name(__u32 type)
{
	static const char *const names[LOCK_TYPE_COUNT] = {
		[LOCK_RWSEM] = "rw_semaphore", [LOCK_MUTEX] = "mutex",
		[LOCK_PERCPU_RWSEM] = "percpu_rw_semaphore", [LOCK_HANDLE] = "jbd2_handle",
		[LOCK_DAX_ENTRY] = "dax_entry", [LOCK_LAYOUT_BREAK] = "layout_break",
		[LOCK_WRITEBACK] = "writeback", [LOCK_INVALIDATE] = "invalidate",
	};

	return type < LOCK_TYPE_COUNT && names[type] ? names[type] : "lock";
}

void lock_names__find(struct lock_names *names, struct symbols *symbols,
		      const struct event_lock_class *class, char *name, size_t length)
{
	char function[128], module[64];

	if (names->loaded && names->modules != count_modules())
		unload(names);
	if (!names->loaded)
		load(names);
	name[0] = '\0';
	if (class->kind == LOCK_KIND_TYPE) {
		snprintf(name, length, "%s", type_name(class->type));
		return;
	}
	if (class->kind == LOCK_KIND_STATIC && name_static(symbols, class->address, name, length))
		return;
	if (names->count) {
		if (class->kind == LOCK_KIND_SUPERBLOCK &&
		    lock_name__in_struct(names->btfs[0].btf, "super_block", class->offset,
					 class->type, name, length))
			return;
		if (class->kind == LOCK_KIND_SLAB && name_slab(names, class, name, length))
			return;
	}
	if (class->kind == LOCK_KIND_KMALLOC)
		name_shared(names, symbols, class, name, length);
	else if (class->kind == LOCK_KIND_UNKNOWN &&
		 taking_function(symbols, class->address, function, sizeof(function), module,
				 sizeof(module)))
		snprintf(name, length, "?%s in %.64s", type_name(class->type), function);
	else if (*class->cache)
		snprintf(name, length, "?%.*s+%u", (int)sizeof(class->cache), class->cache,
			 class->offset);
	else
		snprintf(name, length, "?%s@0x%llx", type_name(class->type),
			 (unsigned long long)class->address);
}
