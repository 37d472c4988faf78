/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sentences that a user reads when a trace cannot be written or read. */
#ifndef DAXTRACE_TRACE_MESSAGE_H
#define DAXTRACE_TRACE_MESSAGE_H

/* A file's name in a sentence, its NUL included; see trace_message__name(). */
#define TRACE_NAME_LENGTH	128

/*
 * Put PATH into name as it can stand in a sentence of TRACE_ERROR_LENGTH:
 * a long path keeps its end, which tells files apart, and control characters
 * become '?'.
 */
void trace_message__name(char name[TRACE_NAME_LENGTH], const char *path);

/* Format a sentence into error (TRACE_ERROR_LENGTH bytes); returns code. */
int trace_message__error(char *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* DAXTRACE_TRACE_MESSAGE_H */
