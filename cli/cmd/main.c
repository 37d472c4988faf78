// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace: dispatch, and the options that all commands share. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <linux/magic.h>

#include "cmd/cmd.h"

const struct command *const commands[] = {
	&features_command,
	&record_command,
	&report_command,
	&monitor_command,
	&check_command,
	&diff_command,
	&rules_command,
	&version_command,
	&help_command,
	NULL
};

const struct command *command__find(const char *name)
{
	const struct command *const *command;

	for (command = commands; *command; command++)
		if (!strcmp((*command)->name, name))
			return *command;
	return NULL;
}

void command__usage(const struct command *command)
{
	printf("%s\n", command->usage);
}

int usage_error(const struct command *command, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("%s; see 'daxtrace help%s%s'", text, command ? " " : "",
		  command ? command->name : "");
	return STATUS_USAGE;
}

/* What getopt_long() reads: a command's argv. */
static char **arguments;

/* The option that getopt_long() complained of, as it was written. */
static const char *bad_option(bool lacks_value)
{
	static char short_option[] = "-?";
	const char *last = arguments[optind - 1];
	bool is_long = !strncmp(last, "--", 2);

	/*
	 * Without its value it is the last argument.  An unknown letter may stand
	 * in an argument that is not read to its end; a long option with a value
	 * that it does not take has a letter (optopt) as well.
	 */
	if ((is_long && (lacks_value || strchr(last, '='))) || optopt <= 0 || optopt >= OPTION_FS)
		return last;
	short_option[1] = optopt;
	return short_option;
}

int take_common_option(const struct command *command, int option)
{
	switch (option) {
	case 'j':
		log_json = true;
		return -1;
	case 'v':
		log_verbosity++;
		return -1;
	case 'h':
		command__usage(command);
		return STATUS_CLEAN;
	case ':':
		return usage_error(command, "option %s needs a value", bad_option(true));
	default:
		return usage_error(command, "unknown option %s", bad_option(false));
	}
}

static int add_device(const struct command *command, struct trace_options *options,
		      const char *path)
{
	struct stat status;

	if (options->probe.device_count == MAX_DEVICES)
		return usage_error(command, "more than %d times --fs", MAX_DEVICES);
	if (stat(path, &status))
		return usage_error(command, "--fs %s: %s", path, strerror(errno));
	options->devices[options->probe.device_count++] =
		major(status.st_dev) << 20 | minor(status.st_dev);
	options->probe.devices = options->devices;
	return -1;
}

/* What the filters by task leave, for people. */
static void tell_scope(struct trace_options *options, const char *who)
{
	size_t used = strlen(options->scope);

	snprintf(options->scope + used, sizeof(options->scope) - used, "%s%s",
		 used ? " or " : "the files that tasks came by, from then on, of ", who);
	options->probe.scope = options->scope;
}

/* A process by any of its threads. */
static int add_process(const struct command *command, struct trace_options *options,
		       const char *text)
{
	char path[64], line[128], who[64];
	unsigned int process = 0;
	char *end;
	unsigned long number;
	FILE *file;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end || !number || number > INT_MAX)
		return usage_error(command, "-p %s: not a process's number", text);
	if (options->probe.process_count == MAX_PROCESSES)
		return usage_error(command, "more than %d times -p", MAX_PROCESSES);
	snprintf(path, sizeof(path), "/proc/%lu/status", number);
	file = fopen(path, "re");
	while (file && !process && fgets(line, sizeof(line), file))
		sscanf(line, "Tgid: %u", &process);
	if (file)
		fclose(file);
	if (!process)
		return usage_error(command, "-p %s: there is no such process", text);
	options->processes[options->probe.process_count++] = process;
	options->probe.processes = options->processes;
	snprintf(who, sizeof(who), "process %u and its descendants", process);
	tell_scope(options, who);
	return -1;
}

static int set_cgroup(const struct command *command, struct trace_options *options,
		      const char *path)
{
	struct statfs status;
	char who[128];
	int fd;

	if (options->probe.cgroup_fd)
		return usage_error(command, "more than one --cgroup");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return usage_error(command, "--cgroup %s: %s", path, strerror(errno));
	if (fstatfs(fd, &status) || status.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		return usage_error(command, "--cgroup %s: not a folder of cgroup version 2", path);
	}
	options->probe.cgroup_fd = fd;
	snprintf(who, sizeof(who), "the cgroup %.100s", path);
	tell_scope(options, who);
	return -1;
}

static bool parse_size(const char *text, size_t *size)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-' || value > 1ULL << 31)
		return false;
	if (*end == 'K' || *end == 'k')
		value <<= 10, end++;
	else if (*end == 'M' || *end == 'm')
		value <<= 20, end++;
	/* The kernel's ring buffer holds at most 2 GiB; less than a page is none. */
	if (*end || value < 4096 || value > 1ULL << 31)
		return false;
	*size = value;
	return true;
}

const char *locks_name(enum probe_locks_setting locks)
{
	static const char *const names[] = {
		[LOCKS_OFF] = "off",
		[LOCKS_DAX] = "dax",
		[LOCKS_ALL] = "all",
		[LOCKS_SAMPLED] = "sampled",
	};

	return names[locks];
}

static int take_locks(const struct command *command, const char *name,
		      enum probe_locks_setting *locks)
{
	int setting;

	for (setting = LOCKS_OFF; setting <= LOCKS_SAMPLED; setting++) {
		if (strcmp(name, locks_name(setting)))
			continue;
		*locks = setting;
		return -1;
	}
	return usage_error(command, "--locks %s: it is one of off, dax, all and sampled", name);
}

int take_ranks(const struct command *command, const char *name, struct ranks **ranks)
{
	char error[RANKS_ERROR_LENGTH];

	if (ranks__read(ranks, name, error))
		return -1;
	return usage_error(command, "--ranks: %s", error);
}

static bool parse_skip(const char *text, __u32 *skip)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	*skip = number;
	return !errno && end != text && !*end && number >= 2 && number <= 1000000;
}

int take_trace_option(const struct command *command, int option, struct trace_options *options)
{
	switch (option) {
	case OPTION_FS:
		return add_device(command, options, optarg);
	case 'p':
		return add_process(command, options, optarg);
	case OPTION_CGROUP:
		return set_cgroup(command, options, optarg);
	case OPTION_BUFFER:
		if (!parse_size(optarg, &options->probe.buffer_bytes))
			return usage_error(command, "--buffer %s: not a size from 4K to 2048M", optarg);
		return -1;
	case OPTION_LOCKS:
		return take_locks(command, optarg, &options->probe.locks);
	case OPTION_EVENTS:
		if (!strcmp(optarg, "all"))
			options->probe.events = PROBE_EVENTS_ALL;
		else if (!strcmp(optarg, "default"))
			options->probe.events = PROBE_EVENTS_DEFAULT;
		else
			return usage_error(command, "--events %s: it is default or all", optarg);
		return -1;
	case OPTION_USER_STACKS:
		options->probe.user_stacks = true;
		return -1;
	case OPTION_HIDE:
		if (options->hidden_count == MAX_HIDDEN)
			return usage_error(command, "more than %d times --hide", MAX_HIDDEN);
		options->hidden[options->hidden_count++] = optarg;
		options->probe.hidden = options->hidden;
		return -1;
	case OPTION_SKIP:
		if (!parse_skip(optarg, &options->probe.skip))
			return usage_error(command, "--skip %s: it is a number from 2 to 1000000", optarg);
		return -1;
	default:
		return take_common_option(command, option);
	}
}

bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	errno = 0;
	*seconds = strtod(text, &end);
	/* A year is as good as for ever, and does not overflow. */
	return !errno && end != text && !*end && isfinite(*seconds) && *seconds > 0 &&
	       *seconds < 31536000;
}

int take_rule(const struct command *command, const char *name, __u32 *rules)
{
	bool exclude = *name == '-';
	int rule = rule__find(name + exclude);
	char known[256] = "";
	int i;

	if (rule < 0) {
		for (i = 0; i < RULE_COUNT; i++)
			snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
				 i ? ", " : "", rule_table[i]->id);
		return usage_error(command, "--rule %s: there is no such rule; there are %s", name,
				   known);
	}
	if (exclude)
		*rules = (*rules ? *rules : RULES_DEFAULT) & ~(1U << rule);
	else
		*rules |= 1U << rule | RULES_NAMED;
	if (!(*rules & RULES_ALL))
		return usage_error(command, "--rule %s leaves no rule to judge", name);
	return -1;
}

const struct report_format *report_format(void)
{
	return log_json ? &report_json : &report_text;
}

int verdict_status(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_CLEAN:
		return STATUS_CLEAN;
	case VERDICT_FINDINGS:
		return STATUS_FINDINGS;
	default:
		return STATUS_INCONCLUSIVE;
	}
}

/* -j counts wherever it stands, so that an error before it is JSON as well. */
static void look_for_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			log_json = true;
}

int main(int argc, char **argv)
{
	const struct command *command;
	int first = 1, status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* A closed pipe or a file size limit is an error to report, not a death. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	look_for_json(argc, argv);
	/* Options before the command that mean the same behind it. */
	while (first < argc && argv[first][0] == '-') {
		if (!strcmp(argv[first], "-h") || !strcmp(argv[first], "--help"))
			return help_command.run(1, argv);
		if (!strcmp(argv[first], "-V") || !strcmp(argv[first], "--version"))
			return version_command.run(1, argv);
		if (!strcmp(argv[first], "-v") || !strcmp(argv[first], "--verbose"))
			log_verbosity++;
		else if (strcmp(argv[first], "-j") && strcmp(argv[first], "--json"))
			return usage_error(NULL, "unknown option %s before the command",
					   argv[first]);
		first++;
	}
	if (first == argc)
		return usage_error(NULL, "no command given");
	command = command__find(argv[first]);
	if (!command)
		return usage_error(NULL, "unknown command %s", argv[first]);
	opterr = 0;
	arguments = argv + first;
	status = command->run(argc - first, argv + first);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "daxtrace: cannot write the output: %s; it is not whole\n",
			strerror(errno));
		if (status == STATUS_CLEAN)
			status = STATUS_INCONCLUSIVE;
	}
	return status;
}
