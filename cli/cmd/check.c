// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace check: the gate. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/baseline.h"
#include "cmd/cmd.h"
#include "cmd/live.h"

struct gate {
	__u32 rules;
	const char *baseline_path;
	bool update;
	struct baseline *baseline;
	struct ranks *ranks;
	__u64 required[RULE_COUNT];	/* contested windows at least */
};

static int take_requirement(struct gate *gate, const char *text)
{
	const char *equals = strchr(text, '=');
	unsigned long long count;
	char id[16], *end;
	int rule;

	if (!equals || equals - text >= (ptrdiff_t)sizeof(id))
		return usage_error(&check_command, "--require-coverage %s: not DXnn=N", text);
	snprintf(id, sizeof(id), "%.*s", (int)(equals - text), text);
	rule = rule__find(id);
	errno = 0;
	count = strtoull(equals + 1, &end, 10);
	/* Neither a sign nor a blank, which strtoull() takes as well. */
	if (rule < 0 || errno || !isdigit((unsigned char)equals[1]) || *end)
		return usage_error(&check_command, "--require-coverage %s: not a rule and a number",
				   text);
	gate->required[rule] = count;
	return -1;
}

/* How many findings are known; with --update all of them become so. */
static size_t count_known(struct gate *gate, const struct detector *detector)
{
	const struct finding *finding;
	size_t known = 0;

	if (!gate->baseline)
		return 0;
	for (finding = detector__findings(detector); finding; finding = finding->next) {
		if (gate->update && !baseline__add(gate->baseline, finding))
			model__out_of_memory();
		known += baseline__has(gate->baseline, finding->key.fingerprint);
	}
	return known;
}

/* Findings that are not in the baseline, then what else there is to say. */
static void print_news(const struct gate *gate, const struct detector *detector)
{
	const struct finding *finding;

	for (finding = detector__findings(detector); finding; finding = finding->next)
		if (!gate->baseline || !baseline__has(gate->baseline, finding->key.fingerprint))
			report_format()->finding(stdout, detector, finding);
	report_format()->coverage(stdout, detector);
}

/* A required coverage that was not reached makes the stream's problem. */
static const char *check_coverage(const struct gate *gate, const struct detector *detector,
				  const char *problem, char *text, size_t length)
{
	size_t used = 0;
	int rule;

	text[0] = '\0';
	if (problem)
		used = snprintf(text, length, "%s", problem);
	for (rule = 0; rule < RULE_COUNT && used < length; rule++)
		if (detector__coverage(detector, rule)->contested < gate->required[rule])
			used += snprintf(text + used, length - used, "%s%s: contested windows: %llu, "
					 "required: %llu.", used ? " " : "", rule_table[rule]->id,
					 (unsigned long long)detector__coverage(detector, rule)->contested,
					 (unsigned long long)gate->required[rule]);
	return *text ? text : NULL;
}

static int check_file(struct gate *gate, const char *path)
{
	struct detector_options options = { .rules = gate->rules, .ranks = gate->ranks };
	struct analysis analysis;
	char problem[1024];
	int status;

	status = analysis__read(&analysis, path, &options, NULL, NULL);
	if (!status) {
		analysis.facts.known = count_known(gate, analysis.detector);
		analysis.facts.problem = check_coverage(gate, analysis.detector,
							analysis.facts.problem, problem,
							sizeof(problem));
		print_news(gate, analysis.detector);
		report_format()->verdict(stdout, analysis.detector, &analysis.facts,
					 analysis__verdict(&analysis));
		status = verdict_status(analysis__verdict(&analysis));
	}
	analysis__free(&analysis);
	return status;
}

static int check_command_run(struct gate *gate, struct session_options *session)
{
	struct live live = { .options.rules = gate->rules, .options.ranks = gate->ranks };
	char problem[1024];
	size_t known;
	int status;

	session->quiet_stdout = true;
	status = live__run(&live, session);
	if (!status) {
		known = count_known(gate, live.detector);
		live.facts.problem = check_coverage(gate, live.detector, live.facts.problem, problem,
						    sizeof(problem));
		print_news(gate, live.detector);
		status = live__conclude(&live, known);
	}
	live__free(&live);
	return status;
}

/* Of two exit statuses the one that a gate must not lose. */
static int worse(int a, int b)
{
	static const int order[] = {
		STATUS_CLEAN, STATUS_INCONCLUSIVE, STATUS_FINDINGS, STATUS_CANNOT_TRACE, STATUS_USAGE
	};
	int i, rank_a = 0, rank_b = 0;

	for (i = 0; i < 5; i++) {
		rank_a = order[i] == a ? i : rank_a;
		rank_b = order[i] == b ? i : rank_b;
	}
	return rank_a > rank_b ? a : b;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "baseline", required_argument, NULL, OPTION_BASELINE },
		{ "update", no_argument, NULL, OPTION_UPDATE },
		{ "rule", required_argument, NULL, OPTION_RULE },
		{ "ranks", required_argument, NULL, OPTION_RANKS },
		{ "require-coverage", required_argument, NULL, OPTION_REQUIRE_COVERAGE },
		{ "duration", required_argument, NULL, 'd' },
		{ "perturb", required_argument, NULL, OPTION_PERTURB },
		TRACE_LONG_OPTIONS,
		COMMON_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct trace_options trace = { .probe.locks = LOCKS_ALL };
	struct session_options session = { .probe = &trace.probe };
	struct gate gate = { .rules = 0 };
	int option, status = STATUS_CLEAN, taken;
	bool command;

	while ((option = getopt_long(argc, argv, "+:d:p:jvh", long_options, NULL)) != -1) {
		taken = -1;
		switch (option) {
		case OPTION_BASELINE:
			gate.baseline_path = optarg;
			break;
		case OPTION_UPDATE:
			gate.update = true;
			break;
		case OPTION_RULE:
			taken = take_rule(&check_command, optarg, &gate.rules);
			break;
		case OPTION_RANKS:
			taken = take_ranks(&check_command, optarg, &gate.ranks);
			break;
		case OPTION_REQUIRE_COVERAGE:
			taken = take_requirement(&gate, optarg);
			break;
		case OPTION_PERTURB:
			taken = take_perturb(&check_command, optarg, &trace.probe.perturb);
			break;
		case 'd':
			if (!parse_seconds(optarg, &session.seconds))
				taken = usage_error(&check_command, "-d %s: not a time in seconds",
						    optarg);
			break;
		default:
			taken = take_trace_option(&check_command, option, &trace);
		}
		if (taken >= 0)
			return taken;
	}
	if (optind == argc)
		return usage_error(&check_command, "neither a FILE nor -- COMMAND given");
	command = !strcmp(argv[optind - 1], "--");
	if (trace.probe.perturb.places && !command)
		return usage_error(&check_command, "--perturb needs -- COMMAND: what is in a file has happened");
	if (gate.update && !gate.baseline_path)
		return usage_error(&check_command, "--update needs --baseline FILE");
	if (gate.baseline_path) {
		gate.baseline = baseline__read(gate.baseline_path, gate.update);
		if (!gate.baseline)
			return STATUS_USAGE;
	}
	gate.rules = rules_or_all(gate.rules);
	if (command) {
		session.command = argv + optind;
		status = check_command_run(&gate, &session);
	} else {
		for (; optind < argc; optind++)
			status = worse(status, check_file(&gate, argv[optind]));
	}
	if (gate.update && !baseline__write(gate.baseline, gate.baseline_path))
		status = STATUS_USAGE;
	baseline__free(gate.baseline);
	ranks__free(gate.ranks);
	return status;
}

const struct command check_command = {
	.name = "check",
	.brief = "the gate: fail on races, and on runs that prove nothing",
	.usage =
	"Usage: daxtrace check [OPTIONS] FILE...\n"
	"       daxtrace check [OPTIONS] -- COMMAND...\n"
	"\n"
	"Judge trace files, or run COMMAND and judge what happens meanwhile. The\n"
	"standard output of COMMAND goes to standard error.\n"
	"\n"
	"  --baseline FILE   findings whose fingerprints are in FILE do not fail\n"
	"  --update          add the findings to the baseline\n"
	"  --rule DXnn       judge this rule (repeatable); -DXnn: all but this one\n"
	"  --ranks FILE      an edge of the lock-order graph against the ranks in FILE\n"
	"                    (or of that name as installed: ext4, xfs, refdax) is a DX13;\n"
	"                    repeatable\n"
	"  --require-coverage DXnn=N\n"
	"                    inconclusive unless a rival ran inside N windows of the rule\n"
	"  -d, --duration SEC   end the command after this long\n"
	PERTURB_USAGE
	TRACE_USAGE
	COMMON_USAGE
	"\n"
	"Exit status: 0 clean, 1 findings, 2 usage, 3 cannot trace, 4 inconclusive\n"
	"(records lost, an event not observed, a trace not whole, a command that failed).",
	.run = run,
};
