/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages for people: standard error, or one JSON object on standard output
 * under -j.  A message says what failed, why, what it means, what to do.
 */
#ifndef DAXTRACE_LOG_H
#define DAXTRACE_LOG_H

#include <stdbool.h>

/* Exit statuses of every command; see daxtrace(1). */
enum exit_status {
	STATUS_CLEAN		= 0,
	STATUS_FINDINGS		= 1,
	STATUS_USAGE		= 2,
	STATUS_CANNOT_TRACE	= 3,
	STATUS_INCONCLUSIVE	= 4,
};

/* Longest sentence that a function leaves in its caller's error buffer. */
#define ERROR_LENGTH 512

/* Set once, by main(): -j and -v. */
extern bool log_json;
extern int log_verbosity;

/* "daxtrace: ..." on standard error; {"error":"..."} on standard output under -j. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "daxtrace: ..." on standard error. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, with at least LEVEL times -v. */
void log_verbose(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* DAXTRACE_LOG_H */
