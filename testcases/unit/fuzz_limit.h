/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An input that takes a fuzz target more than ten seconds of processor time is a failure. libFuzzer's own
 * limit (-timeout) goes by the clock, and so finds machines that are busy, or stopped for a while.
 */
#ifndef DAXTRACE_UNIT_FUZZ_LIMIT_H
#define DAXTRACE_UNIT_FUZZ_LIMIT_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define FUZZ_LIMIT	10	/* seconds */

static void fuzz_limit__reached(int signal)
{
	static const char words[] = "an input takes too much processor time\n";

	(void)signal;
	if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
		_exit(1);
	abort();	/* libFuzzer keeps the input */
}

/* Of one input; seconds 0: it is done. */
static void fuzz_limit__set(int seconds)
{
	struct itimerval limit = { .it_value.tv_sec = seconds };

	if (seconds)
		signal(SIGPROF, fuzz_limit__reached);
	setitimer(ITIMER_PROF, &limit, NULL);
}

#endif /* DAXTRACE_UNIT_FUZZ_LIMIT_H */
