// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#include "cmd/cmd.h"
#include "cmd/session.h"
#include "probe/annotate.h"

/* How often the buffer is read if nothing fills it: what an alert may be late. */
#define POLL_MS		50
/*
 * How often the kernel is asked for programs that could not run, a call for each of some
 * sixty, and for modules that have come.
 */
#define LOOK_SECONDS	1
/* How long a command that was told to end may take before it is killed. */
#define GRACE_SECONDS	5

struct session {
	struct session_options options;
	struct probe *probe;
	struct annotator *annotator;
	pid_t child;
	int child_status;
	bool child_ended;
	bool child_stopped;	/* by us: how it ended says nothing about it */
	double looked;		/* for losses and modules, the last time */
	__u64 clear;		/* ns: when nothing was lost of which the stream does not tell */
	__u64 told;		/* lost records of which options.lost has been told */
	__u64 lock_runs;	/* the same of missed runs of programs that follow locks */
	bool module_told;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static double now(void)
{
	return annotator__now() / 1e9;
}

int session__open(struct session **result, const struct session_options *options)
{
	struct session *session = calloc(1, sizeof(*session));
	char error[ERROR_LENGTH];

	if (!session)
		model__out_of_memory();
	session->options = *options;
	session->clear = annotator__now();
	if (probe__open(&session->probe, options->probe, error)) {
		log_error("%s", error);
		free(session);
		return STATUS_CANNOT_TRACE;
	}
	session->annotator = annotator__new(session->probe, options->visit, options->context);
	if (!session->annotator)
		model__out_of_memory();
	*result = session;
	return 0;
}

double session__locks_share(const struct session *session)
{
	return probe__locks_share(session->probe, now());
}

const struct probe *session__probe(const struct session *session)
{
	return session->probe;
}

int session__command_status(const struct session *session)
{
	return session->child_stopped ? 0 : session->child_status;
}

__u64 session__lost(const struct session *session)
{
	return probe__lost(session->probe);
}

__u64 session__untold(const struct session *session)
{
	return probe__lost_untold(session->probe, annotator__lost(session->annotator));
}

void session__close(struct session *session)
{
	if (!session)
		return;
	annotator__free(session->annotator);
	probe__close(session->probe);
	free(session);
}

/* Run the command; the pipe closes when it has begun, or carries errno. */
static int start_command(struct session *session)
{
	int pipes[2], error = 0;
	ssize_t length;

	if (pipe2(pipes, O_CLOEXEC)) {
		log_error("cannot run %s: %s", session->options.command[0], strerror(errno));
		return STATUS_CANNOT_TRACE;
	}
	session->child = fork();
	if (session->child < 0) {
		log_error("cannot run %s: %s", session->options.command[0], strerror(errno));
		close(pipes[0]);
		close(pipes[1]);
		return STATUS_CANNOT_TRACE;
	}
	if (!session->child) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGXFSZ, SIG_DFL);
		if (session->options.quiet_stdout)
			dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(session->options.command[0], session->options.command);
		error = errno;
		length = write(pipes[1], &error, sizeof(error));
		_exit(length == sizeof(error) ? 127 : 126);
	}
	close(pipes[1]);
	do
		length = read(pipes[0], &error, sizeof(error));
	while (length < 0 && errno == EINTR);
	close(pipes[0]);
	if (length == sizeof(error)) {
		waitpid(session->child, NULL, 0);
		session->child = 0;
		log_error("cannot run %s: %s", session->options.command[0], strerror(error));
		return STATUS_USAGE;
	}
	return 0;
}

static void check_command_ended(struct session *session, int flags)
{
	pid_t ended;
	int status;

	if (session->child <= 0 || session->child_ended)
		return;
	do
		ended = waitpid(session->child, &status, flags);
	while (ended < 0 && errno == EINTR);
	if (ended != session->child)
		return;
	session->child_ended = true;
	session->child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int poll_once(struct session *session, int timeout_ms)
{
	int count = probe__poll(session->probe, timeout_ms, annotator__visit, session->annotator);

	return count == -EINTR ? 0 : count;
}

/* Tell the command to end, and see to it that it does. */
static void stop_command(struct session *session)
{
	double deadline = now() + GRACE_SECONDS;

	if (session->child <= 0 || session->child_ended)
		return;
	session->child_stopped = true;
	kill(session->child, SIGTERM);
	while (!session->child_ended && now() < deadline) {
		/* It may still do much: the buffer must not overflow meanwhile. */
		if (poll_once(session, 10) < 0)
			break;
		check_command_ended(session, WNOHANG);
	}
	if (!session->child_ended) {
		kill(session->child, SIGKILL);
		check_command_ended(session, 0);
	}
}

/* A module whose functions are not observed has come. */
static void look_for_modules(struct session *session)
{
	char text[256];

	if (session->module_told || !probe__unseen_module(session->probe, text, sizeof(text)))
		return;
	session->module_told = true;
	log_warn("%s A report without findings is inconclusive", text);
}

/*
 * A program that could not run leaves no trace in the stream: that it has lost
 * something is told at about its place, so that what comes later does not rest on it.
 */
static int look_for_losses(struct session *session)
{
	/* Before the counters are read: what they miss then is from after that. */
	__u64 begun = annotator__now(), untold = session__untold(session), lost;
	__u64 lock_runs = probe__locks_missed(session->probe);
	int err = untold ? annotator__gap(session->annotator, untold, session->clear) : 0;

	session->clear = begun;
	lost = annotator__lost(session->annotator);
	if (session->options.lost && (lost > session->told || lock_runs > session->lock_runs))
		session->options.lost(session->options.context, lost - session->told,
				      lock_runs - session->lock_runs);
	session->told = lost;
	session->lock_runs = lock_runs;
	return err;
}

/* Until the command, the time or the user's patience ends. */
static int poll_until_end(struct session *session)
{
	double begun = now(), ticked = begun, time;
	int count;

	/* Who reads what we print may have gone: then there is nobody to watch for. */
	while (!interrupted && !ferror(stdout)) {
		count = poll_once(session, POLL_MS);
		if (count < 0)
			return count;
		time = now();
		if (session->options.interval && time - ticked >= session->options.interval) {
			session->options.tick(session->options.context);
			ticked = time;
		}
		if (session->options.seconds && time - begun >= session->options.seconds)
			break;
		if (time - session->looked >= LOOK_SECONDS) {
			session->looked = time;
			look_for_modules(session);
			count = look_for_losses(session);
			if (count >= 0)
				count = annotator__quiet(session->annotator);
			if (count < 0)
				return count;
		}
		count = annotator__locks_now(session->annotator);
		if (count < 0)
			return count;
		count = probe__take_turns(session->probe, annotator__edges(session->annotator), time);
		if (count < 0)
			return count;
		check_command_ended(session, WNOHANG);
		if (session->options.command && session->child_ended)
			break;
	}
	return 0;
}

int session__run(struct session *session)
{
	struct sigaction action = { .sa_handler = on_signal };
	__u64 lost;
	int err, count;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (session->options.command) {
		err = start_command(session);
		if (err)
			return err;
	}
	err = poll_until_end(session);
	stop_command(session);
	look_for_modules(session);
	/* For each function its trampoline goes, one after the other: synchronize_rcu_tasks_rude(). */
	if (!session->options.command)
		log_warn("ended; the kernel needs a while to let go of the programs");
	probe__detach(session->probe);
	while (err >= 0 && (count = poll_once(session, 0)))
		err = count;
	if (err >= 0)
		err = annotator__locks_end(session->annotator);
	lost = probe__lost(session->probe);
	if (err >= 0 && lost > annotator__lost(session->annotator))
		err = annotator__gap(session->annotator, lost - annotator__lost(session->annotator),
				     session->clear);
	return err < 0 ? STATUS_CANNOT_TRACE : 0;
}
