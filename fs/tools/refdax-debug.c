// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* refdax-debug: show any structure of a refdax filesystem. It never writes. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debug.h"

const struct program program = { PROG, STATUS_FAILED };

struct command {
	const char *name;
	const char *argument;	/* NULL: none */
	const char *help;
	void (*show)(struct device *d);
	void (*show_number)(struct device *d, uint64_t number);
	void (*show_text)(struct device *d, const char *text);
	bool raw;		/* not as text or JSON */
};

static void group_command(struct device *d, uint64_t number)
{
	if (number > UINT32_MAX)
		number = UINT32_MAX;
	show_group(d, number);
}

static const struct command commands[] = {
	{ .name = "super", .help = "the superblock and its backups", .show = show_super },
	{ .name = "group", .argument = "N", .help = "where a group's parts are",
	  .show_number = group_command },
	{ .name = "inode", .argument = "INO", .help = "an inode", .show_number = show_inode },
	{ .name = "extents", .argument = "INO", .help = "its extent tree",
	  .show_number = show_extents },
	{ .name = "dir", .argument = "INO", .help = "the entries of a directory",
	  .show_number = show_directory },
	{ .name = "path", .argument = "/A/B", .help = "the inode that this leads to",
	  .show_text = show_path },
	{ .name = "xattr", .argument = "INO", .help = "its extended attributes",
	  .show_number = show_xattrs },
	{ .name = "orphans", .help = "the orphan list", .show = show_orphans },
	{ .name = "journal", .help = "the journal's superblock, and what is to be replayed",
	  .show = show_journal },
	{ .name = "block", .argument = "N", .help = "one block, in hexadecimal",
	  .show_number = show_block },
	{ .name = "free", .help = "free blocks and inodes of each group", .show = show_free },
	{ .name = "cat", .argument = "INO", .help = "the contents of a file",
	  .show_number = cat_file, .raw = true },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *out)
{
	size_t i;

	fputs("usage: " PROG " [-j] [-b BLOCK] DEVICE [COMMAND [ARGUMENT]]\n"
	      "\n"
	      "Shows what is on DEVICE, a block device or a file, and never writes to it.\n"
	      "\n", out);
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %-5s  %s\n", commands[i].name,
			commands[i].argument ? commands[i].argument : "", commands[i].help);
	fputs("\n"
	      "  -b, --backup=BLOCK  believe the backup superblock in this block\n"
	      "  -j, --json          as JSON\n"
	      "  -h, --help          this text\n"
	      "  -V, --version       the version of the on-disk format\n"
	      "\n"
	      "Exit status: 0 shown, 1 shown and damaged, 2 wrong usage, 3 failed.\n", out);
}

static uint64_t parse_number(const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-')
		fail(STATUS_USAGE, "\"%s\" is no number", text);
	return value;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	fail(STATUS_USAGE, "there is no command \"%s\"; try \"" PROG " --help\"", name);
}

static void run(struct device *d, const struct command *command, const char *argument, bool json)
{
	if (!command->raw)
		out_start(json);
	if (command->show)
		command->show(d);
	else if (command->show_number)
		command->show_number(d, parse_number(argument));
	else
		command->show_text(d, argument);
	if (!command->raw)
		out_finish();
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "backup", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const struct command *command = &commands[0];
	struct device d = { 0 };
	uint64_t backup = 0;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "b:jhV", table, NULL)) != -1) {
		switch (c) {
		case 'b':
			backup = parse_number(optarg);
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			printf(PROG ": refdax format version %d\n", REFDAX_VERSION);
			return 0;
		default:
			fprintf(stderr, "Try \"" PROG " --help\".\n");
			return STATUS_USAGE;
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 1)
		fail(STATUS_USAGE, "give a device (or file); try \"" PROG " --help\"");
	if (argc > 1)
		command = find_command(argv[1]);
	if (argc > 2 + !!command->argument || (argc < 3 && command->argument))
		fail(STATUS_USAGE, "\"%s\" takes %s%s", command->name,
		     command->argument ? "one argument, " : "no argument",
		     command->argument ? command->argument : "");
	if (command->show_number)
		parse_number(argv[2]);
	open_device(&d, argv[0], backup);
	run(&d, command, argv[2], json);
	free(d.visited);
	if (fflush(stdout) || close(d.fd))
		fail(STATUS_FAILED, "cannot write: %s", strerror(errno));
	return d.damaged ? STATUS_DAMAGED : 0;
}
