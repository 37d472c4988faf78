/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --perturb of record and check. */
#ifndef DAXTRACE_CMD_PERTURB_H
#define DAXTRACE_CMD_PERTURB_H

#include "cmd/cmd.h"

#define PERTURB_TEXT	160

#define PERTURB_USAGE							\
	"  --perturb [RULE|all][,max=US][,seed=N]\n"			\
	"                   delay tasks where the rules' races have their windows, for up\n" \
	"                   to US microseconds (default: 100)\n"

/* Take --perturb TEXT.  As take_common_option(). */
int take_perturb(const struct command *command, const char *text, struct perturb_options *perturb);

/* On standard error, if anything was asked for: what is going to happen, and what did. */
void perturb__tell_begin(const struct perturb_options *perturb);
void perturb__tell_end(const struct perturb_result *result);

/* What was asked for, in words that ask for the same again; NULL: nothing. */
const char *perturb__how(const struct perturb_options *perturb, char text[PERTURB_TEXT]);

#endif /* DAXTRACE_CMD_PERTURB_H */
