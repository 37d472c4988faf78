// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe/resolve.h"

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
static const struct btf_type *find_prototype(const struct btf *btf, enum probe_mechanism mechanism,
					     const char *target, int *skip)
{
	const struct btf_type *type;
	char name[128];
	int id;

	if (mechanism == PROBE_TP_BTF) {
		snprintf(name, sizeof(name), "btf_trace_%s", target);
		id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
		if (id < 0)
			return NULL;
		type = btf__type_by_id(btf, id);
		type = btf__type_by_id(btf, type->type);
		*skip = 1;
	} else {
		id = btf__find_by_name_kind(btf, target, BTF_KIND_FUNC);
		if (id < 0)
			return NULL;
		type = btf__type_by_id(btf, id);
		*skip = 0;
	}
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

static bool is_hidden(const char *const *hidden, const char *target)
{
	for (; hidden && *hidden; hidden++)
		if (!strcmp(*hidden, target))
			return true;
	return false;
}

/*
 * A function that the compiler cloned (.isra, .constprop) has lost arguments of
 * its prototype, and BTF leaves it out.  Whether there is one, attaching tells:
 * to look for it in /proc/kallsyms takes longer than all the rest.
 */
static bool way_exists(const struct btf *btf, const struct probe_way *way,
		       const char *const *hidden, char *reason, size_t length)
{
	const struct btf_type *prototype;
	const struct probe_program *p;
	int i, skip;

	if (way->absent && btf__find_by_name_kind(btf, way->absent, BTF_KIND_FUNC) >= 0) {
		append(reason, length, "%s would go unseen", way->absent);
		return false;
	}
	for (i = 0; i < PROBE_MAX_PROGRAMS && way->programs[i].program; i++) {
		p = &way->programs[i];
		if (is_hidden(hidden, p->target)) {
			append(reason, length, "%s is hidden by request", p->target);
			return false;
		}
		if (p->mechanism == PROBE_KPROBE || p->mechanism == PROBE_SYSCALL)
			continue;
		prototype = find_prototype(btf, p->mechanism, p->target, &skip);
		if (!prototype) {
			append(reason, length, "no %s %s", p->mechanism == PROBE_TP_BTF ?
			       "tracepoint" : "function", p->target);
			return false;
		}
		if (!arguments_agree(btf, prototype, skip, p->arguments)) {
			append(reason, length, "%s has other arguments", p->target);
			return false;
		}
	}
	return true;
}

int resolve_way(struct btf *btf, const struct probe_row *row, int first,
		const struct probe_options *options, char *reason, size_t length)
{
	enum probe_set other = options->events == PROBE_EVENTS_ALL ? PROBE_DEFAULT_ONLY :
								      PROBE_ALL_ONLY;
	struct btf *module = NULL;
	int way, found = -1, skip;

	if (row->module) {
		module = btf__load_module_btf(row->module, btf);
		/* It may be built in. */
		if (!module && !find_prototype(btf, row->ways[0].programs[0].mechanism,
					       row->ways[0].programs[0].target, &skip)) {
			append(reason, length, "the module %s is not loaded", row->module);
			return -1;
		}
	}
	for (way = first; way < PROBE_MAX_WAYS && row->ways[way].programs[0].program; way++) {
		if (row->ways[way].set != other &&
		    way_exists(module ? module : btf, &row->ways[way], options->hidden, reason, length)) {
			found = way;
			break;
		}
	}
	btf__free(module);
	return found;
}
