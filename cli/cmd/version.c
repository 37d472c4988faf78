// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace version, help, rules: what needs no tracing. */
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/events.h"
#include "cmd/cmd.h"
#include "common/json.h"

static int run_version(int argc, char **argv)
{
	struct json json;

	(void)argv;
	if (argc > 1 && strcmp(argv[1], "-j") && strcmp(argv[1], "--json"))
		return usage_error(&version_command, "unknown argument %s", argv[1]);
	if (!log_json) {
		printf("daxtrace %s\nrecords: version %d\nlibbpf: %s\n", DAXTRACE_VERSION,
		       EVENTS_ABI_VERSION, libbpf_version_string());
		return STATUS_CLEAN;
	}
	json__init(&json, stdout);
	json__object(&json, NULL);
	json__string(&json, "type", "version");
	json__string(&json, "version", DAXTRACE_VERSION);
	json__unsigned(&json, "records", EVENTS_ABI_VERSION);
	json__string(&json, "libbpf", libbpf_version_string());
	json__end_object(&json);
	json__line(&json);
	return STATUS_CLEAN;
}

static int run_help(int argc, char **argv)
{
	const struct command *const *command;

	if (argc > 1 && argv[1][0] != '-') {
		const struct command *named = command__find(argv[1]);

		if (!named)
			return usage_error(NULL, "unknown command %s", argv[1]);
		command__usage(named);
		return STATUS_CLEAN;
	}
	printf("Usage: daxtrace [-j] [-v] COMMAND [OPTIONS]\n\n"
	       "Finds lost dirty entries and other races of DAX filesystems on a running\n"
	       "kernel, or in a recorded trace.\n\n");
	for (command = commands; *command; command++)
		printf("  %-10s %s\n", (*command)->name, (*command)->brief);
	printf("\n'daxtrace help COMMAND' says more; so does daxtrace(1).\n");
	return STATUS_CLEAN;
}

static void print_rule(const struct rule *rule)
{
	printf("%s %s (%s)\n\n%s\n%s\n\nHistory: %s\n\nWhat to look at: %s\n", rule->id, rule->name,
	       rule->severity, rule->claim, rule->meaning, rule->history, rule->advice);
	if (rule->lock)
		printf("\nWhich lock would have helped: %s.\n", rule->lock);
}

static void print_rule_json(const struct rule *rule)
{
	struct json json;

	json__init(&json, stdout);
	json__object(&json, NULL);
	json__string(&json, "type", "rule");
	json__string(&json, "rule", rule->id);
	json__string(&json, "name", rule->name);
	json__string(&json, "severity", rule->severity);
	json__string(&json, "claim", rule->claim);
	json__string(&json, "meaning", rule->meaning);
	json__string(&json, "history", rule->history);
	json__string(&json, "advice", rule->advice);
	json__string(&json, "lock", rule->lock);
	json__end_object(&json);
	json__line(&json);
}

static int run_rules(int argc, char **argv)
{
	static const struct option long_options[] = {
		COMMON_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	int option, status, rule, only = -1;

	while ((option = getopt_long(argc, argv, ":jvh", long_options, NULL)) != -1) {
		status = take_common_option(&rules_command, option);
		if (status >= 0)
			return status;
	}
	if (argc - optind > 1)
		return usage_error(&rules_command, "more than one rule given");
	if (optind < argc) {
		only = rule__find(argv[optind]);
		if (only < 0)
			return usage_error(&rules_command, "there is no rule %s", argv[optind]);
	}
	for (rule = 0; rule < RULE_COUNT; rule++) {
		if (only >= 0 && rule != only)
			continue;
		if (log_json)
			print_rule_json(rule_table[rule]);
		else if (only >= 0)
			print_rule(rule_table[rule]);
		else
			printf("%-5s %-20s %s\n", rule_table[rule]->id, rule_table[rule]->name,
			       rule_table[rule]->severity);
	}
	return STATUS_CLEAN;
}

const struct command version_command = {
	.name = "version",
	.brief = "the version of this program, its records and libbpf",
	.usage = "Usage: daxtrace version [-j]",
	.run = run_version,
};

const struct command help_command = {
	.name = "help",
	.brief = "this text, or a command's",
	.usage = "Usage: daxtrace help [COMMAND]",
	.run = run_help,
};

const struct command rules_command = {
	.name = "rules",
	.brief = "what each rule claims, its history, what to do",
	.usage = "Usage: daxtrace rules [DXnn]",
	.run = run_rules,
};
