/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What class a lock is of: not its address but the type and the member that it
 * is.  Part of bpf/lock.bpf.c, apart because it is another subject.
 *
 * From the address of a lock in the direct map its struct page is known, from
 * that its slab and cache, and with it the offset in the object.  Of objects
 * that have a struct inode in them, the inode says filesystem and file type.
 * Memory that several types share (kmalloc, merged caches) says too little:
 * there the function that takes the lock is part of the class.
 */
#ifndef DAXTRACE_LOCK_CLASS_H
#define DAXTRACE_LOCK_CLASS_H

/* x86-64: where the kernel's image, and behind it its modules, are. */
#define KERNEL_IMAGE	0xffffffff80000000ULL
#define LOCK_PAGE_SIZE	4096ULL

#define S_IFMT		0170000
#define S_IFDIR		0040000
#define FS_REQUIRES_DEV	1	/* include/linux/fs.h */
#define MAX_ERRNO	4095

#define LOCK_OBJECT_MAX	4096	/* bytes of an object that are searched for an inode */
#define LOCK_STACKS	48	/* stacks kept of a class's takings */
#define CALLER_FRAMES	8

/* Beside an id: the address alone does not make the class. */
#define LOCK_CLASS_PASSING	0x80000000U

/* A cache, as long as it exists. */
struct lock_cache {
	__u32 id;		/* the same number is never another cache */
	__u32 size, object_size;
	__s32 inode_offset;	/* of struct inode in the object, or -1 */
	__u32 shared;		/* by several types */
	__u32 is_mm;		/* mm_struct */
	char name[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);	/* struct kmem_cache * */
	__type(value, struct lock_cache);
} lock_caches SEC(".maps");

/* What makes a class; all bytes are set. */
struct lock_identity_key {
	__u64 base;		/* cache, symbol, or where it is taken */
	__u64 fs;		/* struct file_system_type *, or 0 */
	__u32 offset;
	__u32 generation;	/* of modules, for their addresses; of a cache, for kmalloc */
	__u8 type, kind, flags, subclass;
	__u32 reserved;
};

struct lock_class_value {
	__u32 id;		/* 0: not wanted */
	__u32 told;		/* its record is in the ring buffer: edges may name it */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LOCK_MAX_CLASSES);
	__type(key, struct lock_identity_key);
	__type(value, struct lock_class_value);
} lock_classes SEC(".maps");

/* Where an object is copied to, to be searched, and where a record is made. */
struct lock_scratch {
	__u64 words[LOCK_OBJECT_MAX / 8];
	struct lock_cache cache;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lock_scratch);
} lock_scratches SEC(".maps");

__u32 lock_class_ids, lock_cache_ids, lock_modules;

/*
 * Where the array of struct page is, on x86-64 with 5-level paging or without.  Read by
 * a program that user space runs before locks are traced, for what entry_wait__find() says.
 */
__u64 lock_pages;

SEC("syscall")
int lock_class__find(void *unused)
{
	static const char name[] = "vmemmap_base";
	__u64 *address = &lock_pages;
	long err = bpf_kallsyms_lookup_name(name, sizeof(name), 0, address);

	if (err)
		return err;
	return bpf_probe_read_kernel(&lock_pages, sizeof(lock_pages), (void *)lock_pages);
}

/* 7.x calls compound_head compound_info; 6.11 made PG_slab a type of page. */
struct page___info {
	unsigned long compound_info;
} __attribute__((preserve_access_index));

enum pagetype___typed {
	PGTY_slab___typed = 245,
};

/* What a class is made of, on its way to the record. */
struct lock_identity {
	struct lock_identity_key key;
	struct lock_cache *cache;
	__u64 object;		/* address of the object */
	__u64 caller;		/* what lock__caller() said, if it was asked */
	struct super_block *sb;
};

static __always_inline __u64 lock__read(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/* compound_head() */
static __always_inline struct page *lock__head_page(struct page *page)
{
	__u64 info;

	if (bpf_core_field_exists(struct page___info, compound_info))
		info = BPF_CORE_READ((struct page___info *)page, compound_info);
	else
		info = BPF_CORE_READ(page, compound_head);
	if (!(info & 1))
		return page;
	/*
	 * A pointer, or, where sizeof(struct page) is a power of two, the mask that
	 * makes the head of it: which has all its upper bits set.
	 */
	if ((__s64)info > -(1LL << 40))
		return (void *)((__u64)page & info);
	return (void *)(info - 1);
}

static __always_inline bool lock__is_slab(struct page *page)
{
	if (bpf_core_enum_value_exists(enum pagetype___typed, PGTY_slab___typed))
		return BPF_CORE_READ(page, page_type) >> 24 ==
		       bpf_core_enum_value(enum pagetype___typed, PGTY_slab___typed);
	if (bpf_core_enum_value_exists(enum pageflags, PG_slab))
		return BPF_CORE_READ(page, flags) &
		       1ULL << bpf_core_enum_value(enum pageflags, PG_slab);
	return false;
}

/* A struct inode that is looked for in a copy of an object. */
struct lock_inode_search {
	struct lock_scratch *scratch;
	__u64 object;
	__u32 size;		/* bytes of the object */
	__s32 offset;		/* of the inode, or -1 */
};

/* inode->i_data.host == inode from inode_init_always() on. */
static long lock__find_inode_at(__u32 i, void *context)
{
	struct lock_inode_search *search = context;
	__u32 host = bpf_core_field_offset(struct inode, i_data) +
		     bpf_core_field_offset(struct address_space, host);
	__u32 at = i + host / 8;

	if (at >= LOCK_OBJECT_MAX / 8 || at * 8 + 8 > search->size)
		return 1;
	if (search->scratch->words[at] != search->object + i * 8)
		return 0;
	search->offset = i * 8;
	return 1;
}

/* The offset of the inode in an object, or -1.  A struct inode knows itself. */
static __noinline __s32 lock__find_inode(struct lock_scratch *scratch, __u64 object, __u32 size)
{
	struct lock_inode_search search = {
		.scratch = scratch, .object = object, .size = size, .offset = -1,
	};

	if (!scratch || size < bpf_core_type_size(struct inode) || size > LOCK_OBJECT_MAX)
		return -1;
	if (bpf_probe_read_kernel(scratch->words, size & (LOCK_OBJECT_MAX * 2 - 1), (void *)object))
		return -1;
	bpf_loop(LOCK_OBJECT_MAX / 8, lock__find_inode_at, &search, 0);
	return search.offset;
}

static __noinline struct lock_cache *lock__new_cache(__u64 address, __u64 object)
{
	struct kmem_cache *cache = (void *)address;
	struct lock_scratch *scratch;
	struct lock_cache *new;
	__u32 zero = 0;

	scratch = bpf_map_lookup_elem(&lock_scratches, &zero);
	if (!scratch)
		return NULL;
	new = &scratch->cache;
	__builtin_memset(new, 0, sizeof(*new));
	new->size = BPF_CORE_READ(cache, size);
	new->object_size = BPF_CORE_READ(cache, object_size);
	bpf_probe_read_kernel_str(new->name, sizeof(new->name), BPF_CORE_READ(cache, name));
	new->shared = BPF_CORE_READ(cache, refcount) > 1 ||
		      !bpf_strncmp(new->name, 7, "kmalloc") ||
		      !bpf_strncmp(new->name, 11, "dma-kmalloc");
	new->is_mm = !bpf_strncmp(new->name, 10, "mm_struct");
	new->id = __sync_fetch_and_add(&lock_cache_ids, 1) + 1;
	new->inode_offset = -1;
	if (!new->shared)
		new->inode_offset = lock__find_inode(scratch, object, new->object_size);
	bpf_map_update_elem(&lock_caches, &address, new, BPF_NOEXIST);
	return bpf_map_lookup_elem(&lock_caches, &address);
}

/* The function that takes the lock: behind the frame of the one that was traced. */
static __noinline __u64 lock__caller(void *ctx, __u64 function)
{
	__u64 stack[CALLER_FRAMES] = {};
	int i;

	bpf_get_stack(ctx, stack, sizeof(stack), 0);
	for (i = 0; i < CALLER_FRAMES - 1; i++)
		if (stack[i] - function < 64)
			return stack[i + 1];
	return 0;
}

#define CALLER_WORDS	32	/* of the trampoline's frame: arguments, and what it saves */

/*
 * A walk up the stack costs thousands of instructions, and the address that it
 * comes to is a few words above the context.  Where, depends on the kernel and on
 * the number of arguments: found once, it is read there from then on.
 */
static __noinline __u32 lock__find_caller(__u64 context, __u64 caller)
{
	__u64 words[CALLER_WORDS] = {};
	__u32 i;

	if (!caller || bpf_probe_read_kernel(words, sizeof(words), (void *)context))
		return 0;
	for (i = 1; i < CALLER_WORDS; i++)
		if (words[i] == caller)
			return i * 8;
	return 0;
}

/*
 * Is the object a superblock?  A list_head that is in a list is pointed to by
 * both its neighbours: super_blocks, by s_list.
 */
static __always_inline bool lock__is_superblock(struct lock_cache *cache, __u64 object,
						__u32 offset)
{
	struct super_block *sb = (void *)object;
	__u64 entry = object + bpf_core_field_offset(struct super_block, s_list);
	__u64 next, previous;

	if (cache->object_size < bpf_core_type_size(struct super_block) ||
	    offset >= bpf_core_type_size(struct super_block))
		return false;
	next = (__u64)BPF_CORE_READ(sb, s_list.next);
	previous = (__u64)BPF_CORE_READ(sb, s_list.prev);
	return next && lock__read(next + bpf_core_field_offset(struct list_head, prev)) == entry &&
	       lock__read(previous + bpf_core_field_offset(struct list_head, next)) == entry;
}

/* A lock in an object of a slab cache.  False: it is in none. */
static __always_inline bool lock__identify_slab(void *ctx, __u64 address,
						struct lock_identity *identity)
{
	__u64 pages = lock_pages, size = bpf_core_type_size(struct page), cache_address, base;
	struct lock_cache *cache;
	struct inode *inode;
	struct page *page;
	__u32 offset;

	if (!direct_map || address < direct_map || address >= KERNEL_IMAGE)
		return false;
	/* Behind the direct map is what has no struct page: vmalloc, stacks. */
	if (!pages || address >= direct_map + (1ULL << 46))
		return false;
	page = (void *)(pages + (address - direct_map) / LOCK_PAGE_SIZE * size);
	page = lock__head_page(page);
	if (!lock__is_slab(page))
		return false;
	cache_address = (__u64)BPF_CORE_READ((struct slab *)page, slab_cache);
	base = direct_map + ((__u64)page - pages) / size * LOCK_PAGE_SIZE;
	cache = bpf_map_lookup_elem(&lock_caches, &cache_address);
	if (!cache) {
		__u32 object_size = BPF_CORE_READ((struct kmem_cache *)cache_address, size);

		if (!object_size)
			return false;
		cache = lock__new_cache(cache_address,
					address - (__u32)(address - base) % object_size);
	}
	if (!cache || !cache->size)
		return false;
	offset = (__u32)(address - base) % cache->size;
	identity->cache = cache;
	identity->object = address - offset;
	identity->key.offset = offset;
	if (cache->shared) {
		if (lock__is_superblock(cache, identity->object, offset)) {
			identity->sb = (void *)identity->object;
			identity->key.kind = LOCK_KIND_SUPERBLOCK;
			return true;
		}
		identity->key.kind = LOCK_KIND_KMALLOC;
		identity->key.generation = cache->id;
		identity->caller = lock__caller(ctx, bpf_get_func_ip(ctx));
		identity->key.base = identity->caller;
		return true;
	}
	identity->key.kind = LOCK_KIND_SLAB;
	identity->key.base = cache->id;
	if (cache->inode_offset < 0)
		return true;
	inode = (void *)(identity->object + cache->inode_offset);
	identity->sb = BPF_CORE_READ(inode, i_sb);
	/*
	 * The VFS orders a directory's locks before its files' (inode_init_always() gives them
	 * keys of their own). Those of the filesystem's part may have another order, as xfs's
	 * i_lock, which xfs_lock_two_inodes() takes by inode number.
	 */
	if (offset - cache->inode_offset < bpf_core_type_size(struct inode) &&
	    (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFDIR)
		identity->key.flags |= LOCK_CLASS_DIRECTORY;
	return true;
}

/* Of classes without an address: the filesystem whose they are, if it is known. */
static __always_inline void lock__identify_type(__u64 key, __u32 type,
						struct lock_identity *identity)
{
	identity->key.kind = LOCK_KIND_TYPE;
	if (type == LOCK_HANDLE)
		identity->sb = handle__superblock();
	else
		identity->key.fs = key & ~7ULL;
}

static __always_inline void lock__fill_record(struct event_lock_class *record, __u32 id,
					      const struct lock_identity *identity)
{
	const struct lock_identity_key *key = &identity->key;
	struct file_system_type *fs = (void *)key->fs;

	record->id = id;
	record->type = key->type;
	record->kind = key->kind;
	record->flags = key->flags;
	record->address = key->kind == LOCK_KIND_SLAB ? 0 : key->base;
	record->object_size = identity->cache ? identity->cache->object_size : 0;
	record->offset = key->offset;
	record->inode_offset = identity->cache ? identity->cache->inode_offset : -1;
	record->subclass = key->subclass;
	__builtin_memset(record->cache, 0, sizeof(record->cache));
	__builtin_memset(record->fstype, 0, sizeof(record->fstype));
	if (identity->cache)
		bpf_probe_read_kernel_str(record->cache, sizeof(record->cache),
					  identity->cache->name);
	if (fs)
		bpf_probe_read_kernel_str(record->fstype, sizeof(record->fstype),
					  BPF_CORE_READ(fs, name));
}

static __noinline __u32 lock__new_class(struct lock_identity *identity)
{
	struct file_system_type *fs;
	struct lock_class_value value = {}, *known;
	struct event_lock_class *record;
	bool wanted;

	if (!identity)
		return 0;
	fs = (void *)identity->key.fs;
	wanted = !lock_dax_only || identity->key.kind == LOCK_KIND_TYPE ||
		       (fs && BPF_CORE_READ(fs, fs_flags) & FS_REQUIRES_DEV) ||
		       (identity->cache && identity->cache->is_mm);
	if (wanted) {
		value.id = __sync_fetch_and_add(&lock_class_ids, 1) + 1;
		if (value.id >= LOCK_MAX_CLASSES) {
			__sync_fetch_and_add(&lock_room, 1);
			return 0;
		}
	}
	if (bpf_map_update_elem(&lock_classes, &identity->key, &value, BPF_NOEXIST)) {
		/* Another task was faster, or there is no room. */
		if (!bpf_map_lookup_elem(&lock_classes, &identity->key))
			__sync_fetch_and_add(&lock_room, 1);
		return LOCK_CLASS_PASSING;
	}
	if (!wanted)
		return 0;
	record = record__reserve(sizeof(*record), EVENT_LOCK_CLASS);
	if (!record) {
		/* An id that nobody has heard of: the next one who comes tries again. */
		bpf_map_delete_elem(&lock_classes, &identity->key);
		return LOCK_CLASS_PASSING;
	}
	lock__fill_record(record, value.id, identity);
	record__submit(record);
	known = bpf_map_lookup_elem(&lock_classes, &identity->key);
	if (known)
		known->told = 1;
	return value.id;
}

/*
 * The class of a lock, or 0: not wanted, or no room (which is counted), or, with
 * LOCK_CLASS_PASSING, another task is about to tell of it.  key: its
 * address, or, of a type that is a class, a number below.
 */
static __noinline __u32 lock__class(void *ctx, __u64 key, __u32 type, struct lock_seen *seen)
{
	struct lock_identity identity = {};
	struct lock_class_value *known;
	struct super_block *sb;
	__u32 class;

	identity.key.type = type;
	if (type >= LOCK_HANDLE) {
		lock__identify_type(key, type, &identity);
	} else if (lock__identify_slab(ctx, key, &identity)) {
		;
	} else if (key >= KERNEL_IMAGE && key < -(__u64)MAX_ERRNO) {
		identity.key.kind = LOCK_KIND_STATIC;
		identity.key.base = key;
		identity.key.generation = lock_modules;
	} else {
		identity.key.kind = LOCK_KIND_UNKNOWN;
		identity.caller = lock__caller(ctx, bpf_get_func_ip(ctx));
		identity.key.base = identity.caller;
		identity.key.generation = lock_modules;
	}
	sb = identity.sb;
	if (sb)
		identity.key.fs = (__u64)BPF_CORE_READ(sb, s_type);
	known = bpf_map_lookup_elem(&lock_classes, &identity.key);
	if (known)
		class = known->told || !known->id ? known->id : LOCK_CLASS_PASSING;
	else
		class = lock__new_class(&identity);
	if (seen)
		seen->caller = class & LOCK_CLASS_PASSING ? 0 : identity.caller;
	if (class && (identity.key.kind == LOCK_KIND_KMALLOC ||
		      identity.key.kind == LOCK_KIND_UNKNOWN))
		class |= LOCK_CLASS_PASSING;
	return class;
}

/* Caches come and go, and their memory and that of objects changes hands. */
SEC("fentry/kmem_cache_destroy")
int BPF_PROG(lock_reuse__cache, struct kmem_cache *cache)
{
	__u64 address = (__u64)cache;

	bpf_map_delete_elem(&lock_caches, &address);
	__sync_fetch_and_add(&lock_epoch, 1);
	return 0;
}

SEC("fentry/__free_slab")
int BPF_PROG(lock_reuse__slab)
{
	__sync_fetch_and_add(&lock_epoch, 1);
	return 0;
}

SEC("tp_btf/module_free")
int BPF_PROG(lock_reuse__module)
{
	__sync_fetch_and_add(&lock_modules, 1);
	__sync_fetch_and_add(&lock_epoch, 1);
	return 0;
}

#endif /* DAXTRACE_LOCK_CLASS_H */
