// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace diff: what two traces do not share. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "common/json.h"
#include "report/report.h"
#include "trace/trace.h"

/* Why a trace may lack what it is said to lack, or NULL; text holds it. */
static const char *doubt_of(const struct analysis *analysis, char *text, size_t length)
{
	const struct order_stream *stream = detector__order(analysis->detector);
	const struct order_loss *loss = order_stream__loss(stream);
	const char *locks = trace_reader__fact(analysis->reader, TRACE_KEY_LOCKS);
	unsigned long long records = model__loss(detector__model(analysis->detector))->records;

	if (analysis->facts.problem)
		return analysis->facts.problem;
	if (records) {
		snprintf(text, length, "%llu records were lost.", records);
		return text;
	}
	if (!locks || !strcmp(locks, "off"))
		return "It was recorded with --locks off, and so without them.";
	if (strcmp(locks, "all")) {
		snprintf(text, length, "It was recorded with --locks %.16s, which may miss some.", locks);
		return text;
	}
	if (loss->overflow || loss->room || loss->missed) {
		snprintf(text, length, "%llu locks or edges of it were lost.",
			 (unsigned long long)(loss->overflow + loss->room + loss->missed));
		return text;
	}
	return NULL;
}

static int print_verdict(const struct analysis pair[2], const struct report_difference *counts)
{
	const char *doubts[2], *verdict = "same";
	char text[2][128];
	struct json json;
	int i, status = STATUS_CLEAN;

	for (i = 0; i < 2; i++)
		doubts[i] = doubt_of(&pair[i], text[i], sizeof(text[i]));
	if (doubts[0] || doubts[1]) {
		status = STATUS_INCONCLUSIVE;
		verdict = "inconclusive";
	}
	if (counts->new_edges || counts->gone_edges || counts->changed_edges ||
	    counts->new_cycles || counts->gone_cycles || counts->new_findings ||
	    counts->gone_findings) {
		status = STATUS_FINDINGS;
		verdict = "different";
	}
	if (!log_json) {
		for (i = 0; i < 2; i++)
			if (doubts[i])
				printf("%s is not whole: %s\n", pair[i].facts.source, doubts[i]);
		printf("%s\n", verdict);
		return status;
	}
	json__init(&json, stdout);
	json__object(&json, NULL);
	json__string(&json, "type", "diff");
	json__string(&json, "verdict", verdict);
	json__unsigned(&json, "new_edges", counts->new_edges);
	json__unsigned(&json, "gone_edges", counts->gone_edges);
	json__unsigned(&json, "changed_edges", counts->changed_edges);
	json__unsigned(&json, "new_cycles", counts->new_cycles);
	json__unsigned(&json, "gone_cycles", counts->gone_cycles);
	json__unsigned(&json, "new_findings", counts->new_findings);
	json__unsigned(&json, "gone_findings", counts->gone_findings);
	json__string(&json, "before", pair[0].facts.source);
	json__string(&json, "before_kernel", pair[0].facts.kernel);
	json__string(&json, "before_problem", doubts[0]);
	json__string(&json, "after", pair[1].facts.source);
	json__string(&json, "after_kernel", pair[1].facts.kernel);
	json__string(&json, "after_problem", doubts[1]);
	json__end_object(&json);
	json__line(&json);
	return status;
}

static int diff(char **paths)
{
	struct detector_options options;
	struct report_difference counts;
	struct analysis pair[2];
	int i, status = 0;

	memset(pair, 0, sizeof(pair));
	for (i = 0; i < 2 && !status; i++) {
		/* Of its own: what a file lacks is noted in them. */
		options = (struct detector_options){ .rules = RULES_ALL };
		status = analysis__read(&pair[i], paths[i], &options, NULL, NULL);
	}
	if (!status) {
		if (log_json)
			report__diff_json(stdout, pair[0].detector, pair[1].detector, &counts);
		else
			report__diff(stdout, pair[0].detector, pair[1].detector, &counts);
		status = print_verdict(pair, &counts);
	}
	for (i = 0; i < 2; i++)
		analysis__free(&pair[i]);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		COMMON_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	int option, status;

	while ((option = getopt_long(argc, argv, ":jvh", long_options, NULL)) != -1) {
		status = take_common_option(&diff_command, option);
		if (status >= 0)
			return status;
	}
	if (argc - optind != 2)
		return usage_error(&diff_command, "%s", argc - optind < 2 ? "it takes two files" :
				   "more than two files given");
	if (!strcmp(argv[optind], "-") && !strcmp(argv[optind + 1], "-"))
		return usage_error(&diff_command, "only one of the files can be standard input");
	return diff(argv + optind);
}

const struct command diff_command = {
	.name = "diff",
	.brief = "what two traces do not share",
	.usage =
	"Usage: daxtrace diff BEFORE AFTER [OPTIONS]\n"
	"\n"
	"Compare two traces, of two kernels, two runs, or without and with a patch: edges\n"
	"and cycles of the lock-order graph that are new or gone, or seen in other modes,\n"
	"and other findings that are new or gone.\n"
	"\n"
	COMMON_USAGE
	"\n"
	"Exit status: 0 the same, 1 different, 2 usage, 4 the same as far as known, but a\n"
	"trace is not whole.",
	.run = run,
};
