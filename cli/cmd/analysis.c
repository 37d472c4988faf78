// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Offline: a trace file through the same model and rules as a live stream. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "trace/trace.h"

/* Events of which the file does not say that they were observed. */
static __u64 missing_events(const struct trace_reader *reader)
{
	__u64 missing = 0;
	const char *way;
	char key[64];
	int i;

	for (i = 0; i < OBSERVED_COUNT; i++) {
		snprintf(key, sizeof(key), "%s%s", TRACE_KEY_PROBE, probe_table[i].name);
		way = trace_reader__fact(reader, key);
		/* One that stands for another is not missed. */
		if (probe_table[i].set != PROBE_DEFAULT_ONLY &&
		    probe_table[i].set != PROBE_ON_REQUEST && (!way || !strncmp(way, "missing", 7)))
			missing |= OBSERVED_BIT(i);
	}
	return missing;
}

static void add_problem(struct analysis *analysis, const char *text)
{
	size_t used = strlen(analysis->problem);

	snprintf(analysis->problem + used, sizeof(analysis->problem) - used, "%s%s",
		 used ? " " : "", text);
	analysis->facts.problem = analysis->problem;
}

static void look_for_problems(struct analysis *analysis)
{
	struct trace_reader *reader = analysis->reader;
	const char *status = trace_reader__fact(reader, TRACE_KEY_STATUS);
	const char *problem = trace_reader__fact(reader, TRACE_KEY_PROBLEM);
	char text[128];
	__u64 lost;

	if (trace_reader__state(reader) != TRACE_COMPLETE)
		add_problem(analysis, trace_reader__problem(reader));
	/* The recorder tells of all losses in the stream; whoever does not has lost that, too. */
	lost = trace_reader__lost(reader);
	if (lost > model__loss(detector__model(analysis->detector))->records) {
		snprintf(text, sizeof(text), "The trace's end says that %llu records were lost.",
			 (unsigned long long)lost);
		add_problem(analysis, text);
	}
	if (problem)
		add_problem(analysis, problem);
	if (status && strcmp(status, "0")) {
		snprintf(text, sizeof(text), "The traced command failed with status %.16s: what it was to "
			 "exercise may not have run.", status);
		add_problem(analysis, text);
	}
}

/* A number that the file may not have. */
static __u64 number_of(const struct trace_reader *reader, const char *key)
{
	const char *text = trace_reader__fact(reader, key);

	return text ? strtoull(text, NULL, 10) : 0;
}

static void read_perturb(struct report_facts *facts, const struct trace_reader *reader)
{
	facts->perturb = trace_reader__fact(reader, TRACE_KEY_PERTURB);
	facts->delays = number_of(reader, TRACE_KEY_DELAYS);
	facts->refused = number_of(reader, TRACE_KEY_REFUSED);
	facts->delayed = number_of(reader, TRACE_KEY_DELAYED);
}

/* Is it the name that is wrong, rather than what is in the file? */
static bool is_wrong_name(int err)
{
	switch (-err) {
	case ENOENT:
	case EACCES:
	case EISDIR:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
		return true;
	default:
		return false;
	}
}

int analysis__read(struct analysis *analysis, const char *path, struct detector_options *options,
		   void (*each)(void *context, const struct model *model), void *context)
{
	const struct event_header *record;
	char error[TRACE_ERROR_LENGTH];
	const char *locks;
	struct model *model;
	int event;
	int err;

	memset(analysis, 0, sizeof(*analysis));
	err = trace_reader__open(&analysis->reader, path, error);
	if (err) {
		log_error("%s", error);
		return is_wrong_name(err) ? STATUS_USAGE : STATUS_INCONCLUSIVE;
	}
	options->missing = missing_events(analysis->reader);
	locks = trace_reader__fact(analysis->reader, TRACE_KEY_LOCKS);
	if (!locks || !strcmp(locks, "off"))
		options->rules = rules_without_locks(options->rules);
	options->model.no_lock_sets = locks && !strcmp(locks, "sampled");
	ranks__set_kernel(options->ranks, trace_reader__fact(analysis->reader, TRACE_KEY_KERNEL));
	analysis->detector = detector__new(options);
	if (!analysis->detector)
		model__out_of_memory();
	model = detector__model(analysis->detector);
	while ((err = trace_reader__next(analysis->reader, &record)) > 0) {
		event = probe_table__of_record(record);
		if (event >= 0)
			analysis->counts[event]++;
		model__record(model, record);
		if (each)
			each(context, model);
	}
	analysis->facts.kernel = trace_reader__fact(analysis->reader, TRACE_KEY_KERNEL);
	analysis->facts.source = path;
	analysis->facts.scope = trace_reader__fact(analysis->reader, TRACE_KEY_SCOPE);
	analysis->facts.missing = options->missing;
	read_perturb(&analysis->facts, analysis->reader);
	analysis->facts.locks = locks ? locks : "off";
	analysis->facts.locks_share = number_of(analysis->reader, TRACE_KEY_LOCKS_SHARE) / 1000.0;
	if (!strcmp(analysis->facts.locks, "off"))
		analysis->facts.missing &= ~OBSERVED_LOCKS;
	look_for_problems(analysis);
	return 0;
}

enum verdict analysis__verdict(const struct analysis *analysis)
{
	return detector__verdict(analysis->detector, analysis->facts.problem,
				 analysis->facts.known);
}

void analysis__free(struct analysis *analysis)
{
	detector__free(analysis->detector);
	if (analysis->reader)
		trace_reader__close(analysis->reader);
}
