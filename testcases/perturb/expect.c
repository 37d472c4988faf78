// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What --perturb must come to for one task alone.
 * Usage: perturb_expect SEED MAX PLACE PASSED     MAX in microseconds
 * Prints "DELAYS NANOSECONDS" of the first PASSED passings of that place (its number in
 * bpf/perturb.h) by the first task.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/types.h>

#include "bpf/perturb.h"

int main(int argc, char **argv)
{
	unsigned long long delays = 0, sum = 0, length;
	unsigned int i;

	if (argc != 5)
		errx(2, "usage: perturb_expect SEED MAX PLACE PASSED");
	for (i = 0; i < strtoul(argv[4], NULL, 10); i++) {
		length = perturb__length(strtoull(argv[1], NULL, 10), 0, atoi(argv[3]), i,
					 strtoull(argv[2], NULL, 10) * 1000);
		delays += !!length;
		sum += length;
	}
	printf("%llu %llu\n", delays, sum);
	return 0;
}
