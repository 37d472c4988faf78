// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Extended attributes against a model: random values under random names are set,
 * replaced and removed on files, directories and a symbolic link, and compared.
 *
 * Usage: fs_xattr SEED OPERATIONS FOLDER MODEL	works in FOLDER, leaves the model in the file MODEL
 *        fs_xattr verify FOLDER MODEL		compares what is there with the model
 * Exit status: 0 all as expected, 1 not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define FILES	6
#define NAMES	24
#define VALUE	4100

/* What each file should have; length -1: nothing of that name. */
struct model {
	int32_t length[FILES][NAMES];
	uint8_t value[FILES][NAMES][VALUE];
};

static struct model *model;
static uint64_t state;

static uint32_t below(uint32_t bound)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % bound;
}

static void fail(const char *what, int file, int name)
{
	fprintf(stderr, "%s: file %d, name %d: %s\n", what, file, name, strerror(errno));
	exit(1);
}

static const char *path_of(int file)
{
	static char path[16];

	snprintf(path, sizeof(path), "f%d", file);
	return path;
}

/* The last file is a symbolic link, which has no user attributes. */
static const char *name_of(int file, int name)
{
	static char text[300];
	int pad = name % 8 == 7 ? 230 : name * 3 % 20;

	snprintf(text, sizeof(text), "%s.n%d%.*s", file == FILES - 1 || name % 3 ? "trusted" : "user",
		 name, pad, "________________________________________________________________"
		 "________________________________________________________________________________"
		 "________________________________________________________________________________"
		 "________________________");
	return text;
}

/* Mostly as small as a label, now and then big. */
static int random_length(void)
{
	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return below(VALUE);
	case 2:
		return below(700);
	default:
		return below(60);
	}
}

static void compare(int file)
{
	static char list[65536], value[VALUE];
	int name, expected = 0, listed = 0;
	ssize_t length;
	char *at;

	for (name = 0; name < NAMES; name++) {
		length = lgetxattr(path_of(file), name_of(file, name), value, sizeof(value));
		if (model->length[file][name] < 0) {
			if (length >= 0 || errno != ENODATA)
				fail("an attribute that was removed", file, name);
			continue;
		}
		expected++;
		if (length != model->length[file][name] ||
		    memcmp(value, model->value[file][name], length))
			fail("a value differs", file, name);
	}
	length = llistxattr(path_of(file), list, sizeof(list));
	if (length < 0)
		fail("llistxattr", file, -1);
	if (llistxattr(path_of(file), NULL, 0) != length)
		fail("llistxattr's size", file, -1);
	for (at = list; at < list + length; at += strlen(at) + 1)
		listed += !strncmp(at, "user.n", 6) || !strncmp(at, "trusted.n", 9);
	if (listed != expected)
		fail("names are missing in the list, or too many", file, listed);
}

static unsigned int no_space;

static void change(int file, int name)
{
	uint8_t value[VALUE];
	int had = model->length[file][name], length, i, flags, err;

	if (!below(4)) {
		err = lremovexattr(path_of(file), name_of(file, name));
		if (had < 0 ? !err || errno != ENODATA : err)
			fail("lremovexattr", file, name);
		model->length[file][name] = -1;
		return;
	}
	length = random_length();
	for (i = 0; i < length; i++)
		value[i] = below(256);
	flags = below(3) ? 0 : below(2) ? XATTR_CREATE : XATTR_REPLACE;
	err = lsetxattr(path_of(file), name_of(file, name), value, length, flags) ? errno : 0;
	if (err == ENOSPC) {
		no_space++;
		return;
	}
	if ((flags == XATTR_CREATE && had >= 0 ? EEXIST :
	     flags == XATTR_REPLACE && had < 0 ? ENODATA : 0) != err)
		fail("lsetxattr", file, name);
	if (err)
		return;
	model->length[file][name] = length;
	memcpy(model->value[file][name], value, length);
}

static void create(void)
{
	int file;

	for (file = 0; file < FILES; file++) {
		int err = file == FILES - 1 ? symlink("nowhere", path_of(file)) :
			  file & 1 ? mkdir(path_of(file), 0700) :
				     mknod(path_of(file), S_IFREG | 0600, 0);

		if (err)
			fail("create", file, -1);
	}
	memset(model->length, 0xff, sizeof(model->length));
}

int main(int argc, char **argv)
{
	bool verify = argc == 4 && !strcmp(argv[1], "verify");
	int file, i, operations;
	FILE *stream;

	if (!verify && argc != 5)
		return 2;
	model = calloc(1, sizeof(*model));
	stream = fopen(argv[verify ? 3 : 4], verify ? "r" : "w");
	if (!model || !stream || chdir(argv[verify ? 2 : 3])) {
		perror("fs_xattr");
		return 1;
	}
	if (verify) {
		if (fread(model, sizeof(*model), 1, stream) != 1)
			return 1;
	} else {
		state = strtoull(argv[1], NULL, 0);
		operations = atoi(argv[2]);
		create();
		for (i = 0; i < operations; i++) {
			file = below(FILES);
			change(file, below(NAMES));
			if (!below(20))
				compare(file);
		}
		printf("%d operations, %u without space\n", operations, no_space);
	}
	for (file = 0; file < FILES; file++)
		compare(file);
	if (!verify && (fwrite(model, sizeof(*model), 1, stream) != 1 || fclose(stream)))
		return 1;
	return 0;
}
