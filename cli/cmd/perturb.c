// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --perturb: what it takes, and what is told of it. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/perturb.h"

static bool parse_number(const char *text, __u64 *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	/* Neither a sign nor a blank, which strtoull() takes as well. */
	return !errno && isdigit((unsigned char)*text) && !*end;
}

/* Of "all" or a rule's id, the places.  0: it is neither, or a rule without any. */
static __u32 places_of(const char *word, char known[128])
{
	__u32 places, all = 0;
	size_t used = 0;
	int i, rule;

	known[0] = '\0';
	for (i = 0; i < RULE_COUNT; i++) {
		places = perturb__places(rule_table[i]->id);
		all |= places;
		if (places && used < 128)
			used += snprintf(known + used, 128 - used, "%s%s", used ? ", " : "",
					 rule_table[i]->id);
	}
	if (!strcmp(word, "all"))
		return all;
	rule = rule__find(word);
	return rule < 0 ? 0 : perturb__places(rule_table[rule]->id);
}

/* One word between the commas.  As take_common_option(). */
static int take_word(const struct command *command, const char *word, struct perturb_options *perturb)
{
	size_t used = strlen(perturb->rules);
	char known[128];
	__u32 places;
	__u64 number;

	if (!strncmp(word, "max=", 4)) {
		if (!parse_number(word + 4, &number) || !number || number > PERTURB_MAX)
			return usage_error(command, "--perturb %s: it is a number of microseconds from 1 to %d",
					   word, PERTURB_MAX);
		perturb->longest = number;
		return -1;
	}
	if (!strncmp(word, "seed=", 5)) {
		if (!parse_number(word + 5, &perturb->seed))
			return usage_error(command, "--perturb %s: it is a number from 0 to 2^64 - 1", word);
		return -1;
	}
	places = places_of(word, known);
	if (!places)
		return usage_error(command, "--perturb '%s': it takes all, max=US, seed=N, and these rules: %s",
				   word, known);
	perturb->places |= places;
	snprintf(perturb->rules + used, sizeof(perturb->rules) - used, "%s%s", used ? "," : "",
		 strcmp(word, "all") ? rule_table[rule__find(word)]->id : "all");
	return -1;
}

int take_perturb(const struct command *command, const char *text, struct perturb_options *perturb)
{
	char words[256], known[128], *word, *rest = words;
	struct timespec time;
	int taken = -1;

	if (perturb->places)
		return usage_error(command, "more than one --perturb: rules may follow each other, with "
				   "commas in between");
	if (strlen(text) >= sizeof(words))
		return usage_error(command, "--perturb takes no more than %zu characters", sizeof(words) - 1);
	strcpy(words, text);
	/* Another one each time, unless it is given; it is told, so that it can be. */
	clock_gettime(CLOCK_REALTIME, &time);
	perturb->seed = (time.tv_nsec / 1000 ^ time.tv_sec << 10) & 0xffffffff;
	perturb->longest = PERTURB_DEFAULT;
	while (taken < 0 && (word = strsep(&rest, ",")))
		taken = take_word(command, word, perturb);
	if (taken >= 0)
		return taken;
	if (!perturb->places) {
		perturb->places = places_of("all", known);
		strcpy(perturb->rules, "all");
	}
	return -1;
}

const char *perturb__how(const struct perturb_options *perturb, char text[PERTURB_TEXT])
{
	if (!perturb->places)
		return NULL;
	snprintf(text, PERTURB_TEXT, "%s,max=%u,seed=%llu", perturb->rules, perturb->longest,
		 (unsigned long long)perturb->seed);
	return text;
}

void perturb__tell_begin(const struct perturb_options *perturb)
{
	char how[PERTURB_TEXT];

	if (perturb__how(perturb, how))
		log_warn("--perturb %s: tasks are delayed where races have their windows; times are not "
			 "natural", how);
}

void perturb__tell_end(const struct perturb_result *result)
{
	if (result->asked.places)
		log_warn("--perturb: %llu delays, %.3f ms in all; %llu were not made, for their share of a "
			 "CPU's time", (unsigned long long)result->delays, result->nanoseconds / 1e6,
			 (unsigned long long)result->refused);
}
