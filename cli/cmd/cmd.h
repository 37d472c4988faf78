/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands: one file each, and what they share. */
#ifndef DAXTRACE_CMD_H
#define DAXTRACE_CMD_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/log.h"
#include "detect/detect.h"
#include "probe/probe.h"
#include "report/report.h"

struct command {
	const char *name;
	const char *brief;	/* a line */
	const char *usage;	/* what `daxtrace help NAME` prints */
	/* argv[0] is the command's name.  Returns an exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct command record_command, report_command, monitor_command, check_command,
			    diff_command, features_command, version_command, help_command, rules_command;
extern const struct command *const commands[];	/* NULL-terminated */

/* The command of this name, or NULL. */
const struct command *command__find(const char *name);

/* Print a command's usage on standard output. */
void command__usage(const struct command *command);

/*
 * A mistake in the arguments: the message, and where to find help.  Returns
 * STATUS_USAGE.
 */
int usage_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Options that getopt_long() returns for long-only names. */
enum long_option {
	OPTION_FS = 256,
	OPTION_BUFFER,
	OPTION_HIDE,
	OPTION_SKIP,
	OPTION_EVENTS,
	OPTION_USER_STACKS,
	OPTION_RULE,
	OPTION_VIEW,
	OPTION_FORMAT,
	OPTION_BASELINE,
	OPTION_UPDATE,
	OPTION_REQUIRE_COVERAGE,
	OPTION_LOCKS,
	OPTION_RANKS,
	OPTION_CGROUP,
	OPTION_PERTURB,
};

/* What to trace and how, as several commands take it. */
#define MAX_DEVICES	64
#define MAX_HIDDEN	16
#define MAX_PROCESSES	64

struct trace_options {
	__u32 devices[MAX_DEVICES];
	__u32 processes[MAX_PROCESSES];
	char scope[256];
	const char *hidden[MAX_HIDDEN + 1];
	size_t hidden_count;
	struct probe_options probe;
};

/* For struct option arrays. */
#define TRACE_LONG_OPTIONS						\
	{ "fs", required_argument, NULL, OPTION_FS },			\
	{ "pid", required_argument, NULL, 'p' },			\
	{ "cgroup", required_argument, NULL, OPTION_CGROUP },		\
	{ "buffer", required_argument, NULL, OPTION_BUFFER },		\
	{ "locks", required_argument, NULL, OPTION_LOCKS },		\
	{ "hide", required_argument, NULL, OPTION_HIDE },		\
	{ "skip", required_argument, NULL, OPTION_SKIP },		\
	{ "events", required_argument, NULL, OPTION_EVENTS },		\
	{ "user-stacks", no_argument, NULL, OPTION_USER_STACKS }
#define COMMON_LONG_OPTIONS						\
	{ "json", no_argument, NULL, 'j' },				\
	{ "verbose", no_argument, NULL, 'v' },				\
	{ "help", no_argument, NULL, 'h' }

#define TRACE_USAGE							\
	"  --fs MOUNT       only the filesystem mounted there (repeatable)\n" \
	"  -p, --pid PID    only files that this process or a descendant comes by, from\n" \
	"                   then on, whoever does something to them (repeatable)\n" \
	"  --cgroup FOLDER  the same of the processes of a cgroup\n"		\
	"  --buffer SIZE    of all CPUs' buffers in bytes, K and M understood\n" \
	"                   (default: 1/256 of memory, 4M to 64M)\n"		\
	"  --locks WHICH    off, dax (of filesystems on devices and of address spaces),\n" \
	"                   all (record and check without it), or sampled (monitor:\n" \
	"                   all, for a part of the time)\n"			\
	"  --hide FUNCTION  pretend that the kernel does not have it\n"	\
	"  --events default|all   what to observe: all, or (monitor) what costs less\n" \
	"  --user-stacks    from where in its program a task maps a file or stores to it\n"
#define COMMON_USAGE							\
	"  -j, --json       one JSON object a line\n"			\
	"  -v, --verbose    say more; twice: what libbpf says\n"	\
	"  -h, --help       this text\n"

/*
 * Take one option that every command or every tracing command has.  Returns
 * -1 when it was taken, STATUS_CLEAN after -h, or STATUS_USAGE.
 */
int take_common_option(const struct command *command, int option);
int take_trace_option(const struct command *command, int option, struct trace_options *options);

/* "off", "dax", …: the setting's name. */
const char *locks_name(enum probe_locks_setting locks);

/* Take --ranks FILE.  As take_common_option(). */
int take_ranks(const struct command *command, const char *name, struct ranks **ranks);

/* A number of seconds above 0, fractions allowed; false: it is none. */
bool parse_seconds(const char *text, double *seconds);

/*
 * Add DXnn to, or with "-DXnn" take it from, the rules to judge.  The first
 * name begins with none, the first exclusion with all.
 */
int take_rule(const struct command *command, const char *name, __u32 *rules);

/* Beside the rules of take_rule(): they were named, not what an exclusion left. */
#define RULES_NAMED	(1U << 31)

/* As selected, or all. */
static inline __u32 rules_or_all(__u32 rules)
{
	return rules ? rules : RULES_DEFAULT;
}

/*
 * Where no locks are traced: their rules stay only for whoever named them, and
 * are unknown then.
 */
static inline __u32 rules_without_locks(__u32 rules)
{
	return rules & RULES_NAMED ? rules : rules & ~RULES_OF_LOCKS;
}

/* The report's format for -j or not. */
const struct report_format *report_format(void);

/* Exit status for a verdict. */
int verdict_status(enum verdict verdict);

/*
 * Read the trace file at path into a detector (made with options, of which
 * missing is filled in from the file).  each, if not NULL, is called after
 * every record.  Returns 0 with *detector and *facts, which the caller frees
 * by analysis__free(), or an exit status after a message.
 */
struct analysis {
	struct detector *detector;
	struct report_facts facts;
	struct trace_reader *reader;
	char problem[ERROR_LENGTH];
	__u64 counts[OBSERVED_COUNT];	/* records of each event */
};
int analysis__read(struct analysis *analysis, const char *path, struct detector_options *options,
		   void (*each)(void *context, const struct model *model), void *context);
enum verdict analysis__verdict(const struct analysis *analysis);
void analysis__free(struct analysis *analysis);

#endif /* DAXTRACE_CMD_H */
