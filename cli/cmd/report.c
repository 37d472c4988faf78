// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace report: a trace file, offline. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cmd/cmd.h"
#include "common/json.h"
#include "common/printable.h"
#include "report/report.h"
#include "trace/trace.h"

enum view {
	VIEW_ALL,
	VIEW_FINDINGS,
	VIEW_COVERAGE,
	VIEW_SUMMARY,
	VIEW_TIMELINE,
	VIEW_LOCKS,
};

static int find_view(const char *name)
{
	static const char *const names[] = { "all", "findings", "coverage", "summary", "timeline",
					     "locks" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

struct timeline {
	__u64 printed;		/* newest event on the page */
	__u64 begun;		/* ns, of the first event */
};

static void print_events(void *context, const struct model *model)
{
	struct timeline *timeline = context;
	const struct model_event *event;
	const struct model_task *task;
	char text[96], device[32], comm[EVENT_COMM_LENGTH];

	while (timeline->printed < model__newest_event(model)) {
		event = model__event(model, ++timeline->printed);
		if (!event)
			continue;
		if (!timeline->begun)
			timeline->begun = event->time;
		task = model__task(model, event->tid);
		snprintf(comm, sizeof(comm), "%s", task ? task->comm : "?");
		make_printable(comm);
		printf("%13.6f %-15s %7u %7s %6llu  %s\n",
		       (double)(__s64)(event->time - timeline->begun) / 1e9, comm, event->tid,
		       report__device(event->inode.dev, device, sizeof(device)),
		       (unsigned long long)event->inode.ino,
		       report__describe(event, text, sizeof(text)));
	}
}

/* How often each event was seen, and by which way. */
static void print_counts(const struct analysis *analysis)
{
	const char *way;
	struct json json;
	char key[64];
	int i;

	if (!log_json)
		printf("%-15s %10s  %s\n", "EVENT", "COUNT", "OBSERVED AT");
	json__init(&json, stdout);
	for (i = 0; i < OBSERVED_COUNT; i++) {
		snprintf(key, sizeof(key), "%s%s", TRACE_KEY_PROBE, probe_table[i].name);
		way = trace_reader__fact(analysis->reader, key);
		if (!log_json) {
			printf("%-15s %10llu  %s\n", probe_table[i].name,
			       (unsigned long long)analysis->counts[i], way ? way : "not observed");
			continue;
		}
		json__object(&json, NULL);
		json__string(&json, "type", "count");
		json__string(&json, "event", probe_table[i].name);
		json__unsigned(&json, "count", analysis->counts[i]);
		json__string(&json, "way", way);
		json__end_object(&json);
		json__line(&json);
	}
}

/* How the graph is written: for graphviz, or as its "dot" draws it. */
enum picture { PICTURE_NONE, PICTURE_DOT, PICTURE_SVG };

/* 0, or an exit status after a message. */
static int print_picture(const struct analysis *analysis, enum picture picture,
			 const struct ranks *ranks)
{
	const struct order_graph *graph = order_stream__graph(detector__order(analysis->detector));
	FILE *drawing;
	int status;

	if (picture == PICTURE_DOT) {
		report__dot(stdout, graph, ranks);
		return 0;
	}
	fflush(stdout);
	/* It may end before it has read all: an error then, not the end of us. */
	signal(SIGPIPE, SIG_IGN);
	drawing = popen("command -v dot >/dev/null || exit 127; exec dot -Tsvg", "w");
	if (drawing)
		report__dot(drawing, graph, ranks);
	status = drawing ? pclose(drawing) : -1;
	if (!status)
		return 0;
	log_error("--format svg: %s; --format dot writes what it would draw",
		  status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 127 ?
		  "there is no program \"dot\" (of graphviz)" : "\"dot\" failed");
	return STATUS_USAGE;
}

static void print_report(const struct analysis *analysis, enum view view)
{
	const struct report_format *format = report_format();
	const struct finding *finding;

	if (view == VIEW_ALL || view == VIEW_FINDINGS)
		for (finding = detector__findings(analysis->detector); finding;
		     finding = finding->next)
			format->finding(stdout, analysis->detector, finding);
	if (view == VIEW_ALL || view == VIEW_COVERAGE)
		format->coverage(stdout, analysis->detector);
	if (view == VIEW_SUMMARY)
		print_counts(analysis);
	if (view == VIEW_LOCKS)
		format->locks(stdout, analysis->detector);
	format->verdict(stdout, analysis->detector, &analysis->facts,
			analysis__verdict(analysis));
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "view", required_argument, NULL, OPTION_VIEW },
		{ "rule", required_argument, NULL, OPTION_RULE },
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "ranks", required_argument, NULL, OPTION_RANKS },
		COMMON_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct detector_options options = { .rules = 0 };
	struct timeline timeline = { 0 };
	struct analysis analysis;
	int option, status, view = VIEW_ALL;
	enum picture picture = PICTURE_NONE;

	while ((option = getopt_long(argc, argv, ":jvh", long_options, NULL)) != -1) {
		switch (option) {
		case OPTION_VIEW:
			view = find_view(optarg);
			if (view < 0)
				return usage_error(&report_command, "--view %s: the views are all, "
						   "findings, coverage, summary, timeline, locks", optarg);
			break;
		case OPTION_RULE:
			status = take_rule(&report_command, optarg, &options.rules);
			if (status >= 0)
				return status;
			break;
		case OPTION_RANKS:
			status = take_ranks(&report_command, optarg, &options.ranks);
			if (status >= 0)
				return status;
			break;
		case OPTION_FORMAT:
			picture = !strcmp(optarg, "dot") ? PICTURE_DOT :
				  !strcmp(optarg, "svg") ? PICTURE_SVG : PICTURE_NONE;
			if (!picture && strcmp(optarg, "text") && strcmp(optarg, "json"))
				return usage_error(&report_command, "--format %s: the formats are "
						   "text, json, dot and svg", optarg);
			log_json = !strcmp(optarg, "json");
			break;
		default:
			status = take_common_option(&report_command, option);
			if (status >= 0)
				return status;
		}
	}
	if (argc - optind != 1)
		return usage_error(&report_command, "%s", optind == argc ? "no FILE given" :
				   "more than one FILE given");
	if (view == VIEW_TIMELINE && log_json)
		return usage_error(&report_command, "--view timeline is text only");
	if (picture && view != VIEW_LOCKS && view != VIEW_ALL)
		return usage_error(&report_command, "--format dot and svg are of --view locks");
	options.rules = rules_or_all(options.rules);
	status = analysis__read(&analysis, argv[optind], &options,
				view == VIEW_TIMELINE ? print_events : NULL, &timeline);
	if (!status) {
		if (picture)
			status = print_picture(&analysis, picture, options.ranks);
		else
			print_report(&analysis, view);
		status = status ?: verdict_status(analysis__verdict(&analysis));
	}
	analysis__free(&analysis);
	ranks__free(options.ranks);
	return status;
}

const struct command report_command = {
	.name = "report",
	.brief = "analyse a trace file",
	.usage =
	"Usage: daxtrace report FILE [OPTIONS]\n"
	"\n"
	"Read a trace file (- for standard input) and say which races it shows, how\n"
	"often their windows were open, and what the run proves.\n"
	"\n"
	"  --view VIEW      all (findings, coverage, verdict; the default), findings,\n"
	"                   coverage, summary (how often each event was seen),\n"
	"                   timeline (every event), locks (the lock-order graph)\n"
	"  --rule DXnn      judge this rule (repeatable); -DXnn: all but this one\n"
	"  --format FORMAT  text, json; or the lock-order graph: dot, for graphviz, and\n"
	"                   svg, as its \"dot\" draws it\n"
	"  --ranks FILE     judge the graph by the ranks in FILE, or of that name as\n"
	"                   installed (ext4, xfs, refdax); repeatable\n"
	COMMON_USAGE
	"\n"
	"Exit status: 0 clean, 1 findings, 2 usage, 4 inconclusive.",
	.run = run,
};
