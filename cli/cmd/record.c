// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace record: a live stream into a trace file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/utsname.h>

#include "cmd/cmd.h"
#include "cmd/perturb.h"
#include "cmd/session.h"
#include "trace/trace.h"

static int write_record(void *context, const struct event_header *record)
{
	struct trace_writer **writer = context;

	return trace_writer__record(*writer, record);
}

static __u64 clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void number_fact(struct trace_writer *writer, const char *key, __u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	trace_writer__fact(writer, key, text);
}

static void command_fact(struct trace_writer *writer, char **command)
{
	char text[1024] = "";
	size_t used = 0;

	for (; *command && used < sizeof(text) - 1; command++)
		used += snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "",
				 *command);
	trace_writer__fact(writer, TRACE_KEY_COMMAND, text);
}

static void probe_facts(struct trace_writer *writer, const struct probe *probe, bool locks_off)
{
	const struct probe_status *status;
	const struct probe_way *way;
	char key[64], value[256];
	int i;

	for (i = 0; i < OBSERVED_COUNT; i++) {
		status = probe__status(probe, i);
		snprintf(key, sizeof(key), "%s%s", TRACE_KEY_PROBE, probe_table[i].name);
		if (status->way < 0) {
			snprintf(value, sizeof(value), "missing: %s", status->reason);
			if (!probe__left_out(probe, i) &&
			    !(locks_off && (OBSERVED_LOCKS & OBSERVED_BIT(i))))
				log_warn("%s is not observed: %s; %s", probe_table[i].name,
					 status->reason, probe_table[i].without);
		} else {
			way = &probe_table[i].ways[status->way];
			snprintf(value, sizeof(value), "%s %s", probe_mechanism_name(way->programs[0].mechanism),
				 way->programs[0].target);
		}
		trace_writer__fact(writer, key, value);
	}
}

static void write_facts(struct trace_writer *writer, const struct session *session,
			const struct session_options *options)
{
	char **command = options->command, how[PERTURB_TEXT];
	struct utsname system;

	uname(&system);
	trace_writer__fact(writer, TRACE_KEY_VERSION, DAXTRACE_VERSION);
	trace_writer__fact(writer, TRACE_KEY_KERNEL, system.release);
	trace_writer__fact(writer, TRACE_KEY_MACHINE, system.machine);
	number_fact(writer, TRACE_KEY_STARTED, clock_ns(CLOCK_REALTIME));
	number_fact(writer, TRACE_KEY_CLOCK, clock_ns(CLOCK_MONOTONIC));
	number_fact(writer, TRACE_KEY_PAGE_SIZE, sysconf(_SC_PAGESIZE));
	if (options->probe->scope)
		trace_writer__fact(writer, TRACE_KEY_SCOPE, options->probe->scope);
	if (perturb__how(&options->probe->perturb, how))
		trace_writer__fact(writer, TRACE_KEY_PERTURB, how);
	trace_writer__fact(writer, TRACE_KEY_LOCKS, locks_name(options->probe->locks));
	if (command)
		command_fact(writer, command);
	probe_facts(writer, session__probe(session), options->probe->locks == LOCKS_OFF);
}

static void perturb_facts(struct trace_writer *writer, const struct probe *probe)
{
	struct perturb_result result;

	probe__perturbed(probe, &result);
	if (!result.asked.places)
		return;
	number_fact(writer, TRACE_KEY_DELAYS, result.delays);
	number_fact(writer, TRACE_KEY_REFUSED, result.refused);
	number_fact(writer, TRACE_KEY_DELAYED, result.nanoseconds);
	perturb__tell_end(&result);
}

static int record(const struct session_options *given, const char *path)
{
	struct session_options options = *given;
	struct trace_writer *writer;
	char error[TRACE_ERROR_LENGTH] = "", unseen[256];
	struct session *session;
	bool module_came;
	int status, command_status;
	__u64 lost;

	/* The trace and the command must not share a stream. */
	options.quiet_stdout = !strcmp(path, "-");
	options.visit = write_record;
	options.context = &writer;
	/* First, so that a kernel that cannot be traced does not cost an old trace. */
	status = session__open(&session, &options);
	if (status)
		return status;
	if (trace_writer__create(&writer, path, error)) {
		log_error("%s", error);
		session__close(session);
		return STATUS_CANNOT_TRACE;
	}
	write_facts(writer, session, &options);
	if (!options.command && !options.seconds)
		log_warn("tracing; Ctrl-C ends it");
	perturb__tell_begin(&options.probe->perturb);
	status = session__run(session);
	lost = session__lost(session);
	command_status = session__command_status(session);
	perturb_facts(writer, session__probe(session));
	if (options.probe->locks == LOCKS_SAMPLED)
		number_fact(writer, TRACE_KEY_LOCKS_SHARE, 1000 * session__locks_share(session) + 0.5);
	module_came = probe__unseen_module(session__probe(session), unseen, sizeof(unseen));
	session__close(session);
	number_fact(writer, TRACE_KEY_STATUS, command_status);
	if (module_came)
		trace_writer__fact(writer, TRACE_KEY_PROBLEM, unseen);
	if (trace_writer__close(writer, lost, error)) {
		log_error("%s", error);
		return STATUS_CANNOT_TRACE;
	}
	if (command_status)
		log_warn("%s ended with status %d", options.command[0], command_status);
	if (lost)
		log_warn("%llu records were lost: the trace says so, and a report of it without "
			 "findings is inconclusive; a larger --buffer, or --fs, helps",
			 (unsigned long long)lost);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "duration", required_argument, NULL, 'd' },
		{ "perturb", required_argument, NULL, OPTION_PERTURB },
		TRACE_LONG_OPTIONS,
		COMMON_LONG_OPTIONS,
		{ NULL, 0, NULL, 0 }
	};
	struct trace_options trace = { .probe.locks = LOCKS_ALL };
	struct session_options options = { .probe = &trace.probe };
	const char *path = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, "+:o:d:p:jvh", long_options, NULL)) != -1) {
		switch (option) {
		case 'o':
			path = optarg;
			break;
		case 'd':
			if (!parse_seconds(optarg, &options.seconds))
				return usage_error(&record_command, "-d %s: not a time in seconds",
						   optarg);
			break;
		case OPTION_PERTURB:
			status = take_perturb(&record_command, optarg, &trace.probe.perturb);
			if (status >= 0)
				return status;
			break;
		default:
			status = take_trace_option(&record_command, option, &trace);
			if (status >= 0)
				return status;
		}
	}
	if (!path)
		return usage_error(&record_command, "no -o FILE given");
	if (optind < argc)
		options.command = argv + optind;
	return record(&options, path);
}

const struct command record_command = {
	.name = "record",
	.brief = "write a trace file",
	.usage =
	"Usage: daxtrace record -o FILE [OPTIONS] [-- COMMAND...]\n"
	"\n"
	"Trace all DAX filesystems and write what happens to FILE, until COMMAND has\n"
	"ended, the time is over, or Ctrl-C.\n"
	"\n"
	"  -o, --output FILE    the trace file; daxtrace report reads it\n"
	"  -d, --duration SEC   trace this long\n"
	PERTURB_USAGE
	TRACE_USAGE
	COMMON_USAGE,
	.run = run,
};
