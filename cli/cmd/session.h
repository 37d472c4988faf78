/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A live session: probes attached, a command run or a time waited for, records
 * handed on, and at the end an honest count of what was lost.
 */
#ifndef DAXTRACE_SESSION_H
#define DAXTRACE_SESSION_H

#include "probe/probe.h"

struct session;

struct session_options {
	const struct probe_options *probe;
	double seconds;		/* 0: until the command ends or a signal comes */
	char **command;		/* argv, NULL-terminated; NULL: none */
	bool quiet_stdout;	/* the command's standard output goes to standard error */
	/* Records, with the stacks and names that they need. */
	probe_visit visit;
	/*
	 * Whenever more has been lost, within a second or two, if not NULL: records, and
	 * runs of programs that follow locks, since the call before.
	 */
	void (*lost)(void *context, __u64 records, __u64 lock_runs);
	/* Every interval seconds, if not 0. */
	double interval;
	void (*tick)(void *context);
	void *context;		/* of all three */
};

/*
 * Attach.  Returns 0 and *session, or an exit status after a message; the
 * caller closes the session.
 */
int session__open(struct session **session, const struct session_options *options);

const struct probe *session__probe(const struct session *session);

/* Of the time so far, in which locks were followed; 0: not at all. */
double session__locks_share(const struct session *session);

/*
 * Trace until the command has ended, the time is over, or SIGINT or SIGTERM
 * came; then detach, and read what is left.  Returns 0, or an exit status after
 * a message (the command could not be run; visit failed).
 */
int session__run(struct session *session);

/* Of the command: its exit status, 128 + signal, or 0 if there was none. */
int session__command_status(const struct session *session);

/* Records lost in the kernel so far. */
__u64 session__lost(const struct session *session);

/* Of them, those of which the stream does not tell (yet). */
__u64 session__untold(const struct session *session);

void session__close(struct session *session);

#endif /* DAXTRACE_SESSION_H */
