// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "cmd/live.h"

static int visit(void *context, const struct event_header *record)
{
	struct live *live = context;

	model__record(detector__model(live->detector), record);
	return 0;
}

static __u64 untold(void *context)
{
	const struct live *live = context;

	return live->session ? session__untold(live->session) : 0;
}

static void warn_of_missing(const struct probe *probe, bool locks_off)
{
	int i;

	for (i = 0; i < OBSERVED_COUNT; i++)
		if (probe__status(probe, i)->way < 0 && !probe__left_out(probe, i) &&
		    !(locks_off && (OBSERVED_LOCKS & OBSERVED_BIT(i))))
			log_warn("%s is not observed: %s; %s", probe_table[i].name,
				 probe__status(probe, i)->reason, probe_table[i].without);
}

static void add_problem(struct live *live, const char *text)
{
	size_t used = strlen(live->problem);

	snprintf(live->problem + used, sizeof(live->problem) - used, "%s%s", used ? " " : "", text);
	live->facts.problem = live->problem;
}

static void tell_perturb(struct live *live, const struct probe *probe)
{
	struct perturb_result result;

	probe__perturbed(probe, &result);
	live->facts.perturb = perturb__how(&result.asked, live->perturb);
	live->facts.delays = result.delays;
	live->facts.refused = result.refused;
	live->facts.delayed = result.nanoseconds;
	perturb__tell_end(&result);
}

int live__run(struct live *live, struct session_options *options)
{
	struct session *session;
	bool locks_off;
	char text[256];
	int status;

	options->visit = visit;
	options->context = live;
	status = session__open(&session, options);
	if (status)
		return status;
	locks_off = options->probe->locks == LOCKS_OFF;
	warn_of_missing(session__probe(session), locks_off);
	live->options.missing = probe__missing(session__probe(session));
	if (locks_off)
		live->options.rules = rules_without_locks(live->options.rules);
	live->options.model.no_lock_sets = options->probe->locks == LOCKS_SAMPLED;
	live->options.untold = untold;
	live->options.context = live;
	live->session = session;
	live->detector = detector__new(&live->options);
	if (!live->detector)
		model__out_of_memory();
	uname(&live->system);
	live->facts.kernel = live->system.release;
	live->facts.missing = live->options.missing;
	live->facts.scope = options->probe->scope;
	live->facts.locks = locks_name(options->probe->locks);
	if (locks_off)
		live->facts.missing &= ~OBSERVED_LOCKS;
	ranks__set_kernel(live->options.ranks, live->system.release);
	if (!options->command)
		log_warn("watching; Ctrl-C ends it");
	perturb__tell_begin(&options->probe->perturb);
	status = session__run(session);
	tell_perturb(live, session__probe(session));
	live->command_status = session__command_status(session);
	if (live->command_status) {
		snprintf(text, sizeof(text), "The command failed with status %d: what it was to exercise "
			 "may not have run.", live->command_status);
		add_problem(live, text);
	}
	if (probe__unseen_module(session__probe(session), text, sizeof(text)))
		add_problem(live, text);
	live->facts.locks_share = session__locks_share(session);
	session__close(session);
	live->session = NULL;
	return status;
}

int live__conclude(struct live *live, size_t known)
{
	enum verdict verdict = detector__verdict(live->detector, live->facts.problem, known);

	live->facts.known = known;
	report_format()->verdict(stdout, live->detector, &live->facts, verdict);
	return verdict_status(verdict);
}

void live__free(struct live *live)
{
	detector__free(live->detector);
}
