/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines of a text report.  Inside of report/. */
#ifndef DAXTRACE_REPORT_LINES_H
#define DAXTRACE_REPORT_LINES_H

#include <stdio.h>

#define REPORT_WIDTH	80

/* At most length bytes of text, on this line, whatever they are. */
void report__put(FILE *file, const char *text, size_t length);

/* Text in lines of at most REPORT_WIDTH columns, each begun by indent spaces. */
void report__wrap(FILE *file, int indent, const char *text);

#endif /* DAXTRACE_REPORT_LINES_H */
