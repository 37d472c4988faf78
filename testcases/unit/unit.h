/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every unit test includes first: cmocka, and a place for files. */
#ifndef DAXTRACE_UNIT_H
#define DAXTRACE_UNIT_H

/* cmocka.h wants these before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/*
 * The path of a file of this name that is this process's own, in $TMPDIR
 * (testcases/unit/run makes and removes one) or /tmp.  Valid until the call
 * after the next one.
 */
static inline const char *unit_path(const char *name)
{
	static char path[2][512];
	static unsigned int turn;
	const char *folder = getenv("TMPDIR");
	char *result = path[turn++ % 2];

	snprintf(result, sizeof(path[0]), "%s/unit-%d-%s", folder ? folder : "/tmp",
		 (int)getpid(), name);
	return result;
}

/* Assert that text contains part; prints both if it does not. */
#define assert_contains(text, part)						\
	do {									\
		const char *text_ = (text), *part_ = (part);			\
										\
		if (!strstr(text_, part_))					\
			fail_msg("\"%s\" lacks \"%s\"", text_, part_);		\
	} while (0)

#endif /* DAXTRACE_UNIT_H */
