// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Write the whole stories of story.h as traces, FOLDER/NAME.dxt.  How the files
 * in testcases/unit/traces were made, once: those are what an older daxtrace
 * has written, and must stay readable as they are.
 *
 * Usage: story_write FOLDER
 */
#include <stdio.h>

#include "testcases/unit/story.h"

static const struct {
	const char *name;
	void (*tell)(struct story *story, const struct story_numbers *numbers);
} stories[] = {
	{ "drop_dirty", story__drop_dirty },
	{ "missed_sync", story__missed_sync },
	{ "well_behaved", story__well_behaved },
};

int main(int argc, char **argv)
{
	struct story story;
	char path[512];
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: story_write FOLDER\n");
		return 2;
	}
	for (i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s.dxt", argv[1], stories[i].name);
		stories[i].tell(&story, &story_numbers);
		story__save(&story, path, NULL);
		story__free(&story);
	}
	return 0;
}
