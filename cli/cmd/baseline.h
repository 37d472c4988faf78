/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A baseline: the findings that a project knows of, one fingerprint a line
 * (16 hexadecimal digits); what follows it, and lines that begin with #, are
 * for people.
 */
#ifndef DAXTRACE_BASELINE_H
#define DAXTRACE_BASELINE_H

#include "detect/detect.h"

struct baseline;

/* Read PATH; NULL after a message.  missing_ok: no file is an empty baseline. */
struct baseline *baseline__read(const char *path, bool missing_ok);

bool baseline__has(const struct baseline *baseline, __u64 fingerprint);

/* Take in a finding. False: out of memory. */
bool baseline__add(struct baseline *baseline, const struct finding *finding);

/* Replace PATH as a whole, or leave it as it was.  False after a message. */
bool baseline__write(const struct baseline *baseline, const char *path);

void baseline__free(struct baseline *baseline);

#endif /* DAXTRACE_BASELINE_H */
