/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the workload does, and the reader of its trace must know. */
#ifndef TESTCASES_STRESS_H
#define TESTCASES_STRESS_H

#define TASKS		8
#define FILES		4		/* two tasks each */
#define SPAN		1024UL		/* pages of a task */
#define STEPS_MAX	(4096 * SPAN)	/* a write is no longer than a page */

#endif /* TESTCASES_STRESS_H */
