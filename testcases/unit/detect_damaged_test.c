// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * No finding out of thin air: of the recorded races, and of the same done rightly,
 * records are taken away at random, as a full buffer or a program that the kernel skipped
 * would, and told of as these are; or moved, or repeated.  What is found then is what was
 * found in all of them, or less.  DAMAGED_ROUNDS: how often for each trace, if not ROUNDS.
 */
#include "testcases/unit/unit.h"

#include <glob.h>
#include <linux/types.h>

#include "detect/detect.h"
#include "probe/table.h"
#include "trace/trace.h"

#define ROUNDS		6
#define MAX_FOUND	256
#define SECOND		1000000000ULL

struct records {
	struct event_header **record;
	size_t count;
	__u64 missing;
	bool locks;
};

/* What a finding claims, so far as it does not depend on which of several was the first. */
struct claim {
	enum rule_index rule;
	bool observed;
	__u64 dev, ino, fingerprint;	/* the last: of findings about locks, else 0 */
	char summary[160];
};

struct claims {
	struct claim claim[MAX_FOUND];
	size_t count;
};

static __u32 take(__u32 *seed, __u32 below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (__u64)(*seed >> 8) * below >> 24;
}

static void load(struct records *records, const char *path)
{
	char error[TRACE_ERROR_LENGTH];
	const struct event_header *record;
	struct trace_reader *reader;
	const char *locks, *way;
	char key[64];
	int i;

	memset(records, 0, sizeof(*records));
	assert_int_equal(trace_reader__open(&reader, path, error), 0);
	while (trace_reader__next(reader, &record) > 0) {
		records->record = realloc(records->record,
					  (records->count + 2) * sizeof(*records->record));
		records->record[records->count] = malloc(record->size);
		memcpy(records->record[records->count++], record, record->size);
	}
	assert_int_equal(trace_reader__state(reader), TRACE_COMPLETE);
	locks = trace_reader__fact(reader, TRACE_KEY_LOCKS);
	records->locks = locks && strcmp(locks, "off");
	/* As cli/cmd/analysis.c has it. */
	for (i = 0; i < OBSERVED_COUNT; i++) {
		snprintf(key, sizeof(key), "%s%s", TRACE_KEY_PROBE, probe_table[i].name);
		way = trace_reader__fact(reader, key);
		if (probe_table[i].set != PROBE_DEFAULT_ONLY &&
		    probe_table[i].set != PROBE_ON_REQUEST && (!way || !strncmp(way, "missing", 7)))
			records->missing |= OBSERVED_BIT(i);
	}
	trace_reader__close(reader);
}

static void unload(struct records *records)
{
	while (records->count)
		free(records->record[--records->count]);
	free(records->record);
}

/* In user space, from what the kernel has told; or once, at the beginning. */
static bool cannot_be_lost(const struct event_header *record)
{
	switch (record->type) {
	case EVENT_SUPERBLOCK:
	case EVENT_STACK:
	case EVENT_SYMBOL:
	case EVENT_USER_FRAME:
	case EVENT_GAP:
	case EVENT_LOCK_NAME:
	case EVENT_LOCK_COUNT:
	case EVENT_LOCK_LOSS:
		return true;
	default:
		return false;
	}
}

/* --- how records are lost ---------------------------------------------------- */

/* Which are not there, or somewhere else; and one that tells of it, before the record of that place. */
struct damage {
	size_t *order;
	size_t *again;		/* which comes once more before the one of this place, from 1 on; 0: none */
	bool *gone;
	__u32 *lost;		/* what the record's header is to say */
	struct event_gap gap;
	size_t gap_place;	/* records->count: behind them all */
	size_t end;		/* the stream ends before it */
};

/* So many in a row.  Returns how many could be. */
static __u32 drop(const struct records *records, struct damage *damage, size_t first, __u32 count)
{
	__u32 dropped = 0;
	size_t i;

	for (i = first; i < records->count && dropped < count; i++) {
		if (cannot_be_lost(records->record[i]) || damage->gone[i])
			continue;
		damage->gone[i] = true;
		dropped++;
	}
	return dropped;
}

/* No room: the next record that there is room for says how many there were. */
static void fill_up(const struct records *records, struct damage *damage, __u32 *seed)
{
	__u32 runs = 1 + take(seed, 3), dropped = 0;
	size_t i;

	while (runs--)
		drop(records, damage, take(seed, records->count), 1 + take(seed, 1 << take(seed, 8)));
	for (i = 0; i < records->count; i++) {
		if (damage->gone[i]) {
			dropped += 1 + records->record[i]->lost;
		} else if (!cannot_be_lost(records->record[i])) {
			damage->lost[i] = dropped;
			dropped = 0;
		}
	}
	if (!dropped)
		return;
	/* Nobody came after them: told at the end. */
	for (i = records->count - 1; i && damage->gone[i]; i--)
		;
	damage->gap.lost = dropped;
	damage->gap.since = records->record[i]->time;
	damage->gap.until = records->record[records->count - 1]->time + 1;
	damage->gap_place = records->count;
}

/*
 * Programs did not run.  When their counters are read, the stream may have come past
 * that, or be far behind it.
 */
static void miss(const struct records *records, struct damage *damage, __u32 *seed)
{
	size_t place = take(seed, records->count), first = place, last = place, i;
	__u32 times = 1 + take(seed, 3);
	__u64 reach = take(seed, 2) ? SECOND : SECOND / 100;

	while (times--) {
		damage->gap.lost += drop(records, damage, place, 1 + take(seed, 3));
		place += take(seed, 20);
		if (place >= records->count)
			break;
	}
	for (i = 0; i < records->count; i++) {
		if (!damage->gone[i])
			continue;
		first = i < first ? i : first;
		last = i > last ? i : last;
	}
	damage->gap.since = records->record[first]->time - take(seed, reach);
	damage->gap.until = records->record[last]->time + 1 + take(seed, reach);
	place = records->count;
	while (place && records->record[place - 1]->time > damage->gap.until)
		place--;
	damage->gap_place = take(seed, 2) ? place : take(seed, place + 1);
}

static void cut_off(const struct records *records, struct damage *damage, __u32 *seed)
{
	damage->end = take(seed, records->count);
}

/* Each of some is where another was.  Names stay: without them a lock is called otherwise. */
static void swap(const struct records *records, struct damage *damage, __u32 *seed)
{
	__u32 times = 1 + take(seed, 3), reach = 1 << take(seed, 8);
	size_t one, other, kept;

	while (times--) {
		one = take(seed, records->count);
		other = (one + 1 + take(seed, reach)) % records->count;
		if (cannot_be_lost(records->record[one]) || cannot_be_lost(records->record[other]))
			continue;
		kept = damage->order[one];
		damage->order[one] = damage->order[other];
		damage->order[other] = kept;
	}
}

/*
 * Some are there once more, later.  At once, no trace reader would hand them out
 * (trace_hostile_test.c).
 */
static void repeat(const struct records *records, struct damage *damage, __u32 *seed)
{
	__u32 times = 1 + take(seed, 3), reach = 1 << take(seed, 4);
	size_t one, place;

	while (times--) {
		one = take(seed, records->count);
		place = (one + 1 + take(seed, reach)) % records->count;
		if (records->record[place ? place - 1 : 0]->time > records->record[one]->time)
			damage->again[place] = one + 1;
	}
}

/* --- what is found ------------------------------------------------------------- */

static void tell_gap(struct model *model, const struct records *records, struct event_gap *gap,
		     size_t place)
{
	if (!gap->lost)
		return;
	gap->header.type = EVENT_GAP;
	gap->header.size = sizeof(*gap);
	gap->header.time = records->record[place ? place - 1 : 0]->time;
	model__record(model, &gap->header);
}

static void judge(const struct records *records, struct damage *damage, struct claims *claims)
{
	struct detector_options options = { .rules = RULES_ALL, .missing = records->missing };
	const struct event_header *given;
	const struct finding *finding;
	struct detector *detector;
	__u64 *room = malloc(1 << 16);
	struct event_header *record = (void *)room;
	size_t i;

	if (!records->locks)
		options.rules &= ~RULES_OF_LOCKS;
	detector = detector__new(&options);
	assert_non_null(detector);
	for (i = 0; i < records->count; i++) {
		if (damage && i == damage->gap_place)
			tell_gap(detector__model(detector), records, &damage->gap, i);
		if (damage && i == damage->end)
			break;
		if (damage && damage->again[i])
			model__record(detector__model(detector),
				      records->record[damage->again[i] - 1]);
		if (damage && damage->gone[i])
			continue;
		given = records->record[damage ? damage->order[i] : i];
		memcpy(record, given, given->size);
		record->lost += damage ? damage->lost[i] : 0;
		model__record(detector__model(detector), record);
	}
	if (damage && damage->gap_place == records->count)
		tell_gap(detector__model(detector), records, &damage->gap, records->count);
	claims->count = 0;
	for (finding = detector__findings(detector); finding; finding = finding->next) {
		assert_true(claims->count < MAX_FOUND);
		claims->claim[claims->count] = (struct claim) {
			.rule = finding->rule, .observed = !strcmp(finding->certainty, "observed"),
			.dev = finding->key.inode.dev, .ino = finding->key.inode.ino,
			.fingerprint = finding__is_about_locks(finding) ? finding->key.fingerprint : 0,
		};
		snprintf(claims->claim[claims->count++].summary, sizeof(claims->claim[0].summary),
			 "%.159s", finding->summary);
	}
	detector__free(detector);
	free(room);
}

/* What was observed may be left as a prediction, but not the other way round. */
static bool is_among(const struct claim *claim, const struct claims *claims)
{
	const struct claim *other;

	for (other = claims->claim; other < claims->claim + claims->count; other++)
		if (other->rule == claim->rule && (other->observed || !claim->observed) &&
		    other->dev == claim->dev && other->ino == claim->ino &&
		    other->fingerprint == claim->fingerprint)
			return true;
	return false;
}

static unsigned int damage_one(const struct records *records, const struct claims *intact, const char *path,
			       const char *how, __u32 round,
			       void (*inflict)(const struct records *records, struct damage *damage, __u32 *seed))
{
	struct damage damage = {
		.order = calloc(records->count + 1, sizeof(size_t)),
		.again = calloc(records->count + 1, sizeof(size_t)),
		.gone = calloc(records->count + 1, sizeof(bool)),
		.lost = calloc(records->count + 1, sizeof(__u32)), .gap_place = ~0UL, .end = ~0UL,
	};
	unsigned int wrong = 0;
	__u32 seed = round;
	struct claims left;
	size_t i;

	for (i = 0; i < records->count; i++)
		damage.order[i] = i;
	take(&seed, 2);
	inflict(records, &damage, &seed);
	judge(records, &damage, &left);
	for (i = 0; i < left.count; i++) {
		if (is_among(&left.claim[i], intact))
			continue;
		wrong++;
		print_error("%s, %s, round %u: %s %s: %s\n", path, how, round,
			    rule_table[left.claim[i].rule]->id,
			    left.claim[i].observed ? "observed" : "predicted", left.claim[i].summary);
	}
	free(damage.order);
	free(damage.again);
	free(damage.gone);
	free(damage.lost);
	return wrong;
}

static void nothing_out_of_thin_air(void **state)
{
	const char *given = getenv("DAMAGED_ROUNDS"), *only = getenv("DAMAGED_TRACE");
	__u32 rounds = given ? atoi(given) : ROUNDS, round;
	struct claims intact;
	struct records records;
	unsigned int wrong = 0, found = 0;
	glob_t traces;
	size_t i;

	(void)state;
	assert_int_equal(glob(only ? only : "testcases/races/*/*.dxt", 0, NULL, &traces), 0);
	for (i = 0; i < traces.gl_pathc; i++) {
		load(&records, traces.gl_pathv[i]);
		judge(&records, NULL, &intact);
		found += intact.count;
		for (round = 0; round < rounds; round++) {
			wrong += damage_one(&records, &intact, traces.gl_pathv[i], "no room", round, fill_up);
			wrong += damage_one(&records, &intact, traces.gl_pathv[i], "skipped", round, miss);
			wrong += damage_one(&records, &intact, traces.gl_pathv[i], "cut off", round, cut_off);
			wrong += damage_one(&records, &intact, traces.gl_pathv[i], "moved", round, swap);
			wrong += damage_one(&records, &intact, traces.gl_pathv[i], "repeated", round, repeat);
		}
		unload(&records);
	}
	/* They are there, and are played. */
	assert_true(only || (traces.gl_pathc > 50 && found > 25));
	globfree(&traces);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_out_of_thin_air),
	};

	return cmocka_run_group_tests_name("detect_damaged", tests, NULL, NULL);
}
