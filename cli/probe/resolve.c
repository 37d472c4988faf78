// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "probe/resolve.h"

#define TRACEPOINT	"btf_trace_"	/* and its name: the typedef of a tracepoint's prototype */

struct resolver {
	struct btf *btf;
	__u32 mask;
	/*
	 * Ids of functions and of tracepoints, by a hash of the name; 0: none.  libbpf looks
	 * through all types, of which there are a hundred thousand, for each name.
	 */
	__u32 ids[];
};

static __u32 hash_name(const char *name)
{
	__u32 hash = 0x811c9dc5;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x01000193;
	return hash;
}

/* A type that has a place in the index, by its name; else NULL. */
static const char *indexed_name(const struct btf *btf, const struct btf_type *type)
{
	const char *name;

	if (!btf_is_func(type) && !btf_is_typedef(type))
		return NULL;
	name = btf__name_by_offset(btf, type->name_off);
	if (btf_is_typedef(type) && strncmp(name, TRACEPOINT, strlen(TRACEPOINT)))
		return NULL;
	return name;
}

struct resolver *resolver__new(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	__u32 id, place, count, size = 1;
	struct resolver *resolver;
	const char *name;

	if (!btf)
		return NULL;
	count = btf__type_cnt(btf);
	while (size < 2 * count)
		size *= 2;
	resolver = calloc(1, sizeof(*resolver) + size * sizeof(*resolver->ids));
	if (!resolver) {
		btf__free(btf);
		errno = ENOMEM;
		return NULL;
	}
	resolver->btf = btf;
	resolver->mask = size - 1;
	for (id = 1; id < count; id++) {
		name = indexed_name(btf, btf__type_by_id(btf, id));
		if (!name)
			continue;
		place = hash_name(name) & resolver->mask;
		while (resolver->ids[place])
			place = (place + 1) & resolver->mask;
		resolver->ids[place] = id;
	}
	return resolver;
}

void resolver__free(struct resolver *resolver)
{
	if (!resolver)
		return;
	btf__free(resolver->btf);
	free(resolver);
}

static bool is_named(const struct btf *btf, __u32 id, const char *name, __u32 kind)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	return btf_kind(type) == kind && !strcmp(btf__name_by_offset(btf, type->name_off), name);
}

/* In the module, if there is one, or the kernel: the first of that name, or NULL. */
static const struct btf_type *find_named(const struct resolver *resolver, const struct btf *module,
					 const char *name, __u32 kind)
{
	__u32 id, place = hash_name(name) & resolver->mask;

	for (; (id = resolver->ids[place]); place = (place + 1) & resolver->mask)
		if (is_named(resolver->btf, id, name, kind))
			return btf__type_by_id(resolver->btf, id);
	/* A module's types come behind the kernel's. */
	for (id = btf__type_cnt(resolver->btf); module && id < btf__type_cnt(module); id++)
		if (is_named(module, id, name, kind))
			return btf__type_by_id(module, id);
	return NULL;
}

static void append(char *text, size_t length, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *text, size_t length, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	if (used && used + 2 < length) {
		strcpy(text + used, "; ");
		used += 2;
	}
	va_start(args, format);
	vsnprintf(text + used, length - used, format, args);
	va_end(args);
}

static const struct btf_type *skip_modifiers(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	return type;
}

/* Does parameter point to struct name? */
static bool points_to(const struct btf *btf, const struct btf_param *parameter, const char *name,
		      size_t length)
{
	const struct btf_type *type = skip_modifiers(btf, parameter->type);
	const char *found;

	if (!type || !btf_is_ptr(type))
		return false;
	type = skip_modifiers(btf, type->type);
	if (!type || !(btf_is_struct(type) || btf_is_fwd(type)))
		return false;
	found = btf__name_by_offset(btf, type->name_off);
	return found && strlen(found) == length && !memcmp(found, name, length);
}

/*
 * The prototype behind a target: of the function, or of the tracepoint's
 * typedef, whose first parameter is the tracepoint's own and does not count.
 */
static const struct btf_type *find_prototype(const struct resolver *resolver,
					     const struct btf *module, enum probe_mechanism mechanism,
					     const char *target, int *skip)
{
	const struct btf *btf = module ? module : resolver->btf;
	const struct btf_type *type;
	char name[128];

	*skip = mechanism == PROBE_TP_BTF;
	if (mechanism == PROBE_TP_BTF) {
		snprintf(name, sizeof(name), TRACEPOINT "%s", target);
		type = find_named(resolver, module, name, BTF_KIND_TYPEDEF);
		if (type)
			type = btf__type_by_id(btf, type->type);
	} else {
		type = find_named(resolver, module, target, BTF_KIND_FUNC);
	}
	if (type)
		type = btf__type_by_id(btf, type->type);
	return type && btf_is_func_proto(type) ? type : NULL;
}

static bool arguments_agree(const struct btf *btf, const struct btf_type *prototype, int skip,
			    const char *arguments)
{
	const struct btf_param *parameters = btf_params(prototype);
	int count = btf_vlen(prototype), i = skip;
	const char *word = arguments;
	size_t length;

	while (*word && *word != '=') {
		length = strcspn(word, ",=");
		if (i >= count)
			return false;
		if (!(length == 1 && *word == '-') && !points_to(btf, &parameters[i], word, length))
			return false;
		i++;
		word += length;
		if (*word == ',')
			word++;
	}
	return *word != '=' || i == count;
}

/* A function that is hidden hides its calls, "function()", but not the other way round. */
static bool is_hidden(const char *const *hidden, const char *target)
{
	size_t length = strcspn(target, "(");

	for (; hidden && *hidden; hidden++)
		if (!strcmp(*hidden, target) ||
		    (strlen(*hidden) == length && !memcmp(*hidden, target, length)))
			return true;
	return false;
}

/*
 * A function that the compiler cloned (.isra, .constprop) has lost arguments of
 * its prototype, and BTF leaves it out.  Whether there is one, attaching tells:
 * to look for it in /proc/kallsyms takes longer than all the rest.
 */
static bool way_exists(const struct resolver *resolver, const struct btf *module,
		       const struct probe_way *way, const char *const *hidden, char *reason,
		       size_t length)
{
	const struct btf_type *prototype;
	const struct probe_program *p;
	int i, skip;

	if (way->absent && find_named(resolver, module, way->absent, BTF_KIND_FUNC)) {
		append(reason, length, "%s would go unseen", way->absent);
		return false;
	}
	for (i = 0; i < PROBE_MAX_PROGRAMS && way->programs[i].program; i++) {
		p = &way->programs[i];
		if (is_hidden(hidden, p->target)) {
			append(reason, length, "%s is hidden by request", p->target);
			return false;
		}
		if (p->mechanism == PROBE_KPROBE || p->mechanism == PROBE_CALL ||
		    p->mechanism == PROBE_SYSCALL)
			continue;
		prototype = find_prototype(resolver, module, p->mechanism, p->target, &skip);
		if (!prototype) {
			append(reason, length, "no %s %s", p->mechanism == PROBE_TP_BTF ?
			       "tracepoint" : "function", p->target);
			return false;
		}
		if (!arguments_agree(module ? module : resolver->btf, prototype, skip, p->arguments)) {
			append(reason, length, "%s has other arguments", p->target);
			return false;
		}
	}
	return true;
}

int resolve_way(const struct resolver *resolver, const struct probe_row *row, int first,
		const struct probe_options *options, char *reason, size_t length)
{
	enum probe_set other = options->events == PROBE_EVENTS_ALL ? PROBE_DEFAULT_ONLY :
								      PROBE_ALL_ONLY;
	struct btf *module = NULL;
	int way, found = -1, skip;

	if (row->module) {
		module = btf__load_module_btf(row->module, resolver->btf);
		/* It may be built in. */
		if (!module && !find_prototype(resolver, NULL, row->ways[0].programs[0].mechanism,
					       row->ways[0].programs[0].target, &skip)) {
			append(reason, length, "the module %s is not loaded", row->module);
			return -1;
		}
	}
	for (way = first; way < PROBE_MAX_WAYS && row->ways[way].programs[0].program; way++) {
		if (row->ways[way].set != other &&
		    way_exists(resolver, module, &row->ways[way], options->hidden, reason, length)) {
			found = way;
			break;
		}
	}
	btf__free(module);
	return found;
}
