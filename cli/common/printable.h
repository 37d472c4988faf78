/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text from a trace, or from whoever called, on its way to a terminal: names of
 * tasks, filesystems and functions may hold any bytes, and a terminal obeys some.
 */
#ifndef DAXTRACE_PRINTABLE_H
#define DAXTRACE_PRINTABLE_H

/*
 * Length in bytes of the UTF-8 sequence at text, which is NUL-terminated, or 0
 * if it is none (RFC 3629: no overlong forms, no surrogates, nothing above
 * U+10FFFF).
 */
int utf8_length(const char *text);

/* Replace control characters, and what is not UTF-8, by '?', in place. */
void make_printable(char *text);

#endif /* DAXTRACE_PRINTABLE_H */
