// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace features: what can be observed on this machine, and how. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "cmd/cmd.h"
#include "common/json.h"

/* Where status comes from: the attached probe, or BTF alone without privilege. */
static const struct probe_status *status_of(const struct probe *probe,
					    const struct probe_status *promised, int i)
{
	return probe ? probe__status(probe, i) : &promised[i];
}

/* "dax_pte_fault +3": the targets of a way in a few words. */
static void describe_way(const struct probe_way *way, char *text, size_t length)
{
	int count = 1, i;

	for (i = 1; i < PROBE_MAX_PROGRAMS && way->programs[i].program; i++)
		if (strcmp(way->programs[i].target, way->programs[i - 1].target))
			count++;
	if (count > 1)
		snprintf(text, length, "%s +%d", way->programs[0].target, count - 1);
	else
		snprintf(text, length, "%s", way->programs[0].target);
}

static void print_text(const struct probe *probe, const struct probe_status *promised,
		       const char *error)
{
	const struct probe_status *status;
	const struct probe_row *row;
	char targets[96];
	int i, rule;

	printf("%-15s %-8s %s\n", "EVENT", "WAY", "OBSERVED AT");
	for (i = 0; i < OBSERVED_COUNT; i++) {
		row = &probe_table[i];
		status = status_of(probe, promised, i);
		if (status->way < 0) {
			printf("%-15s %-8s %s\n", row->name, "missing", status->reason);
			printf("%25s%s\n", "", row->without);
			continue;
		}
		describe_way(&row->ways[status->way], targets, sizeof(targets));
		printf("%-15s %-8s %s\n", row->name,
		       probe_mechanism_name(row->ways[status->way].programs[0].mechanism), targets);
		if (*status->reason)
			printf("%25sinstead: %s\n", "", status->reason);
	}
	printf("\nrules:");
	for (rule = 0; rule < RULE_COUNT; rule++) {
		bool known = true;

		for (i = 0; i < OBSERVED_COUNT; i++)
			if ((rule_table[rule]->needs & OBSERVED_BIT(i)) &&
			    status_of(probe, promised, i)->way < 0)
				known = false;
		printf(" %s %s", rule_table[rule]->id, known ? "can be judged" : "is unknown");
		if (rule + 1 < RULE_COUNT)
			putchar(',');
	}
	putchar('\n');
	if (!probe)
		printf("\nnot attached: %s\n", error);
}

static void print_json(const struct probe *probe, const struct probe_status *promised,
		       const char *kernel, const char *error)
{
	const struct probe_status *status;
	const struct probe_way *way;
	struct json json;
	int i, p;

	json__init(&json, stdout);
	for (i = 0; i < OBSERVED_COUNT; i++) {
		status = status_of(probe, promised, i);
		way = status->way < 0 ? NULL : &probe_table[i].ways[status->way];
		json__object(&json, NULL);
		json__string(&json, "type", "feature");
		json__string(&json, "event", probe_table[i].name);
		json__string(&json, "what", probe_table[i].what);
		json__string(&json, "way", way ? probe_mechanism_name(way->programs[0].mechanism) : NULL);
		json__array(&json, "targets");
		for (p = 0; way && p < PROBE_MAX_PROGRAMS && way->programs[p].program; p++)
			json__string(&json, NULL, way->programs[p].target);
		json__end_array(&json);
		json__string(&json, "reason", *status->reason ? status->reason : NULL);
		json__string(&json, "without", way ? NULL : probe_table[i].without);
		json__end_object(&json);
		json__line(&json);
	}
	json__object(&json, NULL);
	json__string(&json, "type", "system");
	json__string(&json, "kernel", kernel);
	json__string(&json, "libbpf", libbpf_version_string());
	json__bool(&json, "attached", probe);
	json__string(&json, "error", probe ? NULL : error);
	if (probe)
		json__unsigned(&json, "buffer", probe__buffer_bytes(probe));
	json__end_object(&json);
	json__line(&json);
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		TRACE_LONG_OPTIONS,
		COMMON_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct probe_status promised[OBSERVED_COUNT];
	struct trace_options trace = { .hidden_count = 0 };
	struct probe *probe = NULL;
	struct utsname system;
	char error[ERROR_LENGTH], unattached[ERROR_LENGTH] = "";
	int option, status;

	while ((option = getopt_long(argc, argv, ":jvh", long_options, NULL)) != -1) {
		status = take_trace_option(&features_command, option, &trace);
		if (status >= 0)
			return status;
	}
	if (optind < argc)
		return usage_error(&features_command, "unknown argument %s", argv[optind]);
	if (probe__promise(promised, &trace.probe, error)) {
		log_error("%s", error);
		return STATUS_CANNOT_TRACE;
	}
	trace.probe.locks = LOCKS_ALL;
	if (probe__open(&probe, &trace.probe, unattached))
		probe = NULL;
	uname(&system);
	if (log_json) {
		print_json(probe, promised, system.release, unattached);
	} else {
		printf("kernel %s, libbpf %s, %s\n\n", system.release, libbpf_version_string(),
		       probe ? "all of this was attached to find out" :
			       "as BTF promises; nothing could be attached");
		print_text(probe, promised, unattached);
	}
	status = probe ? STATUS_CLEAN : STATUS_CANNOT_TRACE;
	probe__close(probe);
	return status;
}

const struct command features_command = {
	.name = "features",
	.brief = "what can be observed here, and how",
	.usage =
	"Usage: daxtrace features [OPTIONS]\n"
	"\n"
	"For each event, attach to this kernel as tracing would, and say by which way\n"
	"it is observed, or why not and what that costs.\n"
	"\n"
	TRACE_USAGE
	COMMON_USAGE
	"\n"
	"Exit status: 0, or 3 if nothing can be attached.",
	.run = run,
};
