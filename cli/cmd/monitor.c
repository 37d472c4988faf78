// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace monitor: alerts when they happen. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/utsname.h>

#include "cmd/cmd.h"
#include "cmd/live.h"
#include "common/json.h"

static void print_statistics(void *context)
{
	struct live *live = context;
	const struct model *model = detector__model(live->detector);
	const struct model_loss *loss = model__loss(model);
	const struct coverage *coverage;
	struct json json;
	int rule;

	if (!log_json) {
		fprintf(stderr, "daxtrace: %llu records, %llu lost, %zu findings; contested windows:",
			(unsigned long long)model__records(model), (unsigned long long)loss->records,
			detector__finding_count(live->detector));
		for (rule = 0; rule < RULE_COUNT; rule++) {
			coverage = detector__coverage(live->detector, rule);
			fprintf(stderr, " %s %llu/%llu", rule_table[rule]->id,
				(unsigned long long)coverage->contested,
				(unsigned long long)coverage->windows);
		}
		fputc('\n', stderr);
		return;
	}
	json__init(&json, stdout);
	json__object(&json, NULL);
	json__string(&json, "type", "statistics");
	json__unsigned(&json, "records", model__records(model));
	json__unsigned(&json, "lost", loss->records);
	json__unsigned(&json, "findings", detector__finding_count(live->detector));
	json__end_object(&json);
	json__line(&json);
	report_format()->coverage(stdout, live->detector);
}

static void print_loss(void *context, __u64 records, __u64 lock_runs)
{
	struct json json;

	(void)context;
	if (records)
		log_warn("%llu records were lost: what is found from now on rests on what comes "
			 "after them, and a verdict without findings will be inconclusive",
			 (unsigned long long)records);
	if (lock_runs)
		log_warn("%llu times a program that follows locks could not run: orders of locks "
			 "may have gone unseen", (unsigned long long)lock_runs);
	if (!log_json)
		return;
	json__init(&json, stdout);
	json__object(&json, NULL);
	json__string(&json, "type", "loss");
	json__unsigned(&json, "records", records);
	json__unsigned(&json, "lock_runs", lock_runs);
	json__end_object(&json);
	json__line(&json);
}

static void print_finding(void *context, const struct detector *detector,
			  const struct finding *finding)
{
	(void)context;
	report_format()->finding(stdout, detector, finding);
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "duration", required_argument, NULL, 'd' },
		{ "interval", required_argument, NULL, 'i' },
		TRACE_LONG_OPTIONS,
		COMMON_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct trace_options trace = {
		.probe.locks = LOCKS_SAMPLED, .probe.events = PROBE_EVENTS_DEFAULT,
	};
	struct session_options session = { .probe = &trace.probe };
	struct live live = { .options.found = print_finding };
	int option, status;

	while ((option = getopt_long(argc, argv, ":d:p:i:jvh", long_options, NULL)) != -1) {
		switch (option) {
		case 'd':
			if (!parse_seconds(optarg, &session.seconds))
				return usage_error(&monitor_command, "-d %s: not a time in seconds",
						   optarg);
			break;
		case 'i':
			if (!parse_seconds(optarg, &session.interval))
				return usage_error(&monitor_command, "-i %s: not a time in seconds",
						   optarg);
			break;
		default:
			status = take_trace_option(&monitor_command, option, &trace);
			if (status >= 0)
				return status;
		}
	}
	if (optind < argc)
		return usage_error(&monitor_command, "unknown argument %s", argv[optind]);
	live.options.rules = RULES_DEFAULT;
	session.tick = print_statistics;
	session.lost = print_loss;
	status = live__run(&live, &session);
	if (!status) {
		report_format()->coverage(stdout, live.detector);
		status = live__conclude(&live, 0);
	}
	live__free(&live);
	return status;
}

const struct command monitor_command = {
	.name = "monitor",
	.brief = "watch live, and alert when a race happens",
	.usage =
	"Usage: daxtrace monitor [OPTIONS]\n"
	"\n"
	"Watch all DAX filesystems and print each finding when it happens, until the\n"
	"time is over or Ctrl-C; then the coverage and a verdict.\n"
	"\n"
	"  -d, --duration SEC   watch this long\n"
	"  -i, --interval SEC   print statistics each SEC seconds\n"
	TRACE_USAGE
	COMMON_USAGE
	"\n"
	"Exit status: 0 clean, 1 findings, 2 usage, 3 cannot trace, 4 inconclusive.",
	.run = run,
};
