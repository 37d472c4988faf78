/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Live: a session whose records go into the model and the rules at once. */
#ifndef DAXTRACE_LIVE_H
#define DAXTRACE_LIVE_H

#include <sys/utsname.h>

#include "cmd/cmd.h"
#include "cmd/perturb.h"
#include "cmd/session.h"

struct live {
	struct detector_options options;	/* found and rules: the caller's */
	struct detector *detector;
	struct session *session;		/* while it runs; else NULL */
	struct report_facts facts;
	struct utsname system;
	char problem[512];
	char perturb[PERTURB_TEXT];
	int command_status;
};

/*
 * Trace as session says (its visit and context are live's), to the end.
 * Returns 0, or an exit status after a message.
 */
int live__run(struct live *live, struct session_options *session);

/* Print the verdict; known: findings that a baseline has.  Returns the exit status. */
int live__conclude(struct live *live, size_t known);

void live__free(struct live *live);

#endif /* DAXTRACE_LIVE_H */
