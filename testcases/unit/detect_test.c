// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fingerprints, verdicts, and the table of rules. */
#include "testcases/unit/detect_world.h"

#include "probe/table.h"

/*
 * The fingerprints of two stories, for ever: projects keep them in baselines.
 * They may change only together with the word that says how they are made.
 */
#define FINGERPRINT_DROP_DIRTY	0x8c92b116906715f3ULL
#define FINGERPRINT_MISSED_SYNC	0xd7ff91b20b9cf05aULL

static void test_golden_fingerprints(void **state)
{
	(void)state;
	assert_int_equal(told_alone(story__drop_dirty, &story_numbers).key.fingerprint,
			 FINGERPRINT_DROP_DIRTY);
	assert_int_equal(told_alone(story__missed_sync, &story_numbers).key.fingerprint,
			 FINGERPRINT_MISSED_SYNC);
}

/* FNV-1a over "DX01|refdax|…|", computed here once more by its definition. */
static void test_fingerprint_by_its_definition(void **state)
{
	static const char text[] =
		"DX01|refdax|two tasks|dirtied by fault|removed by write > invalidate|refdax_dax_write|";
	__u64 hash = 0xcbf29ce484222325ULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text) - 1; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3ULL;
	assert_int_equal(told_alone(story__drop_dirty, &story_numbers).key.fingerprint, hash);
}

/* Another machine, another day. */
static void test_numbers_do_not_matter(void **state)
{
	static const struct story_numbers elsewhere = {
		.fstype = "refdax", .dev = 7U << 20 | 3, .ino = 1ULL << 33, .generation = 99,
		.index = 123456, .setting = { .time = 77777777777777ULL, .first_tid = 40000 },
	};

	(void)state;
	assert_int_equal(told_alone(story__drop_dirty, &elsewhere).key.fingerprint,
			 FINGERPRINT_DROP_DIRTY);
	assert_int_equal(told_alone(story__missed_sync, &elsewhere).key.fingerprint,
			 FINGERPRINT_MISSED_SYNC);
}

static void test_filesystem_matters(void **state)
{
	struct story_numbers numbers = story_numbers;

	(void)state;
	numbers.fstype = "xfs";
	assert_int_not_equal(told_alone(story__drop_dirty, &numbers).key.fingerprint,
			     FINGERPRINT_DROP_DIRTY);
	assert_int_not_equal(told_alone(story__missed_sync, &numbers).key.fingerprint,
			     FINGERPRINT_MISSED_SYNC);
}

/* Between one text and the next is something: "ab", "c" is not "a", "bc". */
static void test_rules_and_contexts_matter(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;
	__u64 seen[8];
	size_t count = 0, i;

	/* one task; two; in an invalidation, in a write, in nothing, evicting; a sync */
	story__fault_write(&scene->mapper, &scene->file, 1);
	story__invalidate_begins(&scene->mapper, &scene->file, 1, 1);
	story__delete(&scene->mapper, &scene->file, 1, 0);
	story__invalidate_ends(&scene->mapper, &scene->file);

	story__fault_write(&scene->mapper, &scene->file, 2);
	story__write_begins(&scene->writer, &scene->file, 2, 1);
	story__delete(&scene->writer, &scene->file, 2, 0);
	story__write_ends(&scene->writer, &scene->file, 1);

	story__fault_write(&scene->mapper, &scene->file, 3);
	story__invalidate_begins(&scene->writer, &scene->file, 3, 3);
	story__delete(&scene->writer, &scene->file, 3, 0);
	story__invalidate_ends(&scene->writer, &scene->file);

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);

	story__fault_write(&scene->mapper, &scene->file, 5);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);

	story__evict_begins(&scene->writer, &scene->file, 1);
	story__delete(&scene->writer, &scene->file, 5, 0);

	for (finding = findings(scene, 6); finding; finding = finding->next) {
		for (i = 0; i < count; i++)
			assert_int_not_equal(seen[i], finding->key.fingerprint);
		seen[count++] = finding->key.fingerprint;
	}
}

/* What a task does to other files is another story. */
static void test_other_files_do_not_matter(void **state)
{
	struct scene *scene = *state;
	struct story_file other = story__file(259U << 20, 14, 7);
	__u64 fingerprint, alone;

	story__fault_write(&scene->mapper, &scene->file, 1);
	story__write_begins(&scene->writer, &scene->file, 1, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 1, 1);
	story__delete(&scene->writer, &scene->file, 1, 0);
	alone = findings(scene, 1)->key.fingerprint;
	scene__remake(scene, RULES_ALL, 0);
	story__write_begins(&scene->writer, &other, 0, 1);
	story__fault_write(&scene->mapper, &scene->file, 1);
	story__write_begins(&scene->writer, &scene->file, 1, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 1, 1);
	story__delete(&scene->writer, &scene->file, 1, 0);
	fingerprint = findings(scene, 1)->key.fingerprint;
	assert_int_equal(fingerprint, alone);
}

/* --- the table of rules --------------------------------------------------- */

static void test_rules_by_name(void **state)
{
	(void)state;
	assert_int_equal(rule__find("DX01"), RULE_LOST_DIRTY_ENTRY);
	assert_int_equal(rule__find("dx03"), RULE_SYNC_MISSED_DIRTY);
	assert_int_equal(rule__find("DX1"), -1);
	assert_int_equal(rule__find("DX01 "), -1);
	assert_int_equal(rule__find(""), -1);
	assert_int_equal(rule__find("DX00"), -1);
}

static void test_rules_say_all_that_they_must(void **state)
{
	int rule;

	(void)state;
	for (rule = 0; rule < RULE_COUNT; rule++) {
		assert_non_null(rule_table[rule]->id);
		assert_int_equal(rule__find(rule_table[rule]->id), rule);
		assert_non_null(rule_table[rule]->name);
		assert_non_null(rule_table[rule]->severity);
		assert_int_not_equal(rule_table[rule]->needs, 0);
		assert_true(strlen(rule_table[rule]->claim) > 20);
		assert_true(strlen(rule_table[rule]->meaning) > 20);
		assert_true(strlen(rule_table[rule]->history) > 20);
		assert_true(strlen(rule_table[rule]->advice) > 20);
		switch (rule) {
		case RULE_ENTRY_LOCK_STALL:
		case RULE_SHORT_MAPPING:
		case RULE_HUGE_FALLBACK:
			/* Neither is about two that a lock would keep apart. */
			assert_null(rule_table[rule]->lock);
			break;
		default:
			assert_non_null(rule_table[rule]->lock);
			assert_true(strlen(rule_table[rule]->lock) > 20);
		}
	}
}

/* --- what is missing ------------------------------------------------------ */

static void tell_both_races(struct scene *scene)
{
	story__fault_write(&scene->mapper, &scene->file, 1);
	story__write_begins(&scene->writer, &scene->file, 1, 1);
	story__delete(&scene->writer, &scene->file, 1, 0);
	story__write_ends(&scene->writer, &scene->file, 1);
	story__fault_write(&scene->mapper, &scene->file, 2);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
}

/* Without any one of the events that a rule needs, it says nothing at all. */
static void test_missing_event_makes_its_rules_unknown(void **state)
{
	static const enum rule_index rules[] = { RULE_LOST_DIRTY_ENTRY, RULE_SYNC_MISSED_DIRTY };
	struct scene *scene = *state;
	int observed, rule;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		rule = rules[i];
		for (observed = 0; observed < OBSERVED_COUNT; observed++) {
			bool needed = rule_table[rule]->needs & OBSERVED_BIT(observed);

			scene__remake(scene, 1U << rule, OBSERVED_BIT(observed));
			tell_both_races(scene);
			tell_lock_races(scene);
			assert_int_equal(verdict_of(scene), needed ? VERDICT_INCONCLUSIVE :
								     VERDICT_FINDINGS);
			findings(scene, needed ? 0 : 1);
			assert_int_equal(detector__missing(scene->detector, rule),
					 needed ? OBSERVED_BIT(observed) : 0);
		}
	}
}

/* An event that is lacking must not be taken for one that did not happen. */
static void test_what_a_false_alarm_would_come_of_is_needed(void **state)
{
	static const struct {
		enum rule_index rule;
		enum observed observed;
	} needs[] = {
		/* taken for a loss: what frees is not seen */
		{ RULE_LOST_DIRTY_ENTRY, OBSERVED_SETSIZE },
		{ RULE_LOST_DIRTY_ENTRY, OBSERVED_FALLOCATE },
		{ RULE_LOST_DIRTY_ENTRY, OBSERVED_EVICT },
		/* taken for a loss, or for missed: the writeback failed */
		{ RULE_LOST_DIRTY_ENTRY, OBSERVED_WRITEPAGES },
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_WRITEPAGES },
		/* taken for missed: another has it in hand, or it is being evicted */
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_WRITEBACK },
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_EVICT },
		/* taken for let go: who holds it is not seen */
		{ RULE_ENTRY_LOCK_STALL, OBSERVED_FAULT },
		{ RULE_ENTRY_LOCK_STALL, OBSERVED_ENTRY_INSERT },
		/* taken for mapped: what removed it is not seen */
		{ RULE_LAYOUT_BREAK, OBSERVED_ENTRY_DELETE },
		{ RULE_LAYOUT_BREAK, OBSERVED_MAP },
		/* taken for dirty: what cleans or removes is not seen */
		{ RULE_LOST_DIRTY_ENTRY, OBSERVED_WRITEBACK_ONE },
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_WRITEBACK_ONE },
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_ENTRY_DELETE },
		/* taken for stored before: when the fault ended is not seen */
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_FAULT },
		/* nothing to judge, which is not clean */
		{ RULE_LOST_DIRTY_ENTRY, OBSERVED_ENTRY_INSERT },
		{ RULE_LOST_DIRTY_ENTRY, OBSERVED_ENTRY_DELETE },
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_ENTRY_INSERT },
		{ RULE_SYNC_MISSED_DIRTY, OBSERVED_SYNC },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(needs); i++)
		assert_true(rule_table[needs[i].rule]->needs & OBSERVED_BIT(needs[i].observed));
}

/* What only --events all observes, a rule of a default run must not need. */
static void test_default_runs_have_what_their_rules_need(void **state)
{
	static const enum rule_index rules[] = {
		RULE_LOST_DIRTY_ENTRY, RULE_SYNC_MISSED_DIRTY, RULE_FLIP_WHILE_MAPPED,
		RULE_FLIP_WITHOUT_WRITEBACK, RULE_FLIP_DURING_WRITEPAGES, RULE_DROPPED_WRITE,
		RULE_LAYOUT_BREAK, RULE_PMD_PTE_COLLISION, RULE_HUGE_FALLBACK,
	};
	size_t i;
	int observed;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rules); i++)
		for (observed = 0; observed < OBSERVED_COUNT; observed++)
			assert_false((rule_table[rules[i]]->needs & OBSERVED_BIT(observed)) &&
				     probe_table[observed].set == PROBE_ALL_ONLY);
}

/*
 * Where dax_flush() is not observed, a cleared tag must be enough for no alarm;
 * it is not enough for a clean verdict.
 */
static void test_without_flush_events_there_is_no_false_alarm(void **state)
{
	struct scene *scene = *state;

	scene__remake(scene, RULES_ALL, OBSERVED_BIT(OBSERVED_FLUSH));
	story__fault_write(&scene->mapper, &scene->file, 2);
	story__fsync_begins(&scene->writer, &scene->file);
	story__mkclean(&scene->writer, &scene->file, 2, 2);
	story__tag_cleared(&scene->writer, &scene->file, 2, 2);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* A rule that was not asked for does not spoil the verdict. */
static void test_missing_event_of_an_unselected_rule(void **state)
{
	struct scene *scene = *state;

	scene__remake(scene, 1U << RULE_SYNC_MISSED_DIRTY, OBSERVED_BIT(OBSERVED_SETSIZE));
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
	scene__remake(scene, 1U << RULE_LOST_DIRTY_ENTRY, OBSERVED_BIT(OBSERVED_SETSIZE));
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* --- verdicts ------------------------------------------------------------- */

static void test_verdicts(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
	assert_int_equal(detector__verdict(scene->detector, true, 0), VERDICT_INCONCLUSIVE);
	tell_both_races(scene);
	findings(scene, 2);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
	/* Whatever was lost: what was found was found. */
	assert_int_equal(detector__verdict(scene->detector, true, 0), VERDICT_FINDINGS);
	assert_int_equal(detector__verdict(scene->detector, false, 1), VERDICT_FINDINGS);
	/* All of them are known. */
	assert_int_equal(detector__verdict(scene->detector, false, 2), VERDICT_CLEAN);
	assert_int_equal(detector__verdict(scene->detector, true, 2), VERDICT_INCONCLUSIVE);
	scene->story.time += 5000000000ULL;
	story__gap(&scene->story, 1);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
	assert_int_equal(detector__verdict(scene->detector, false, 2), VERDICT_INCONCLUSIVE);
}

static void test_a_finding_says_what_was_lost_before_it(void **state)
{
	struct scene *scene = *state;

	tell_both_races(scene);
	assert_int_equal(findings(scene, 2)->lost, 0);
	scene__remake(scene, RULES_ALL, 0);
	/* This one is told of what comes now alone. */
	story__gap(&scene->story, 7);
	story__lose(&scene->story, 4);
	tell_both_races(scene);
	assert_int_equal(findings(scene, 2)->lost, 11);
}

/*
 * A gap is told up to a second after it: what it leaves out may be what would have made no
 * finding of it.
 */
static void test_a_gap_soon_after_makes_unknown(void **state)
{
	struct scene *scene = *state;

	tell_both_races(scene);
	findings(scene, 2);
	scene->story.time += 900000000ULL;
	story__gap(&scene->story, 1);
	/* Who listened has been told. */
	scene->found = 0;
	findings(scene, 0);
	assert_int_equal(coverage_of(scene, RULE_LOST_DIRTY_ENTRY)->unknown, 1);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	/* Not what came long before. */
	scene__remake(scene, RULES_ALL, 0);
	tell_both_races(scene);
	scene->story.time += 5000000000ULL;
	story__gap(&scene->story, 1);
	findings(scene, 2);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
}

/* How long ago it may have been the gap says: what was made since then is unknown, no more. */
static void test_a_gap_says_since_when(void **state)
{
	struct scene *scene = *state;
	__u64 second;

	tell_both_races(scene);
	second = findings(scene, 2)->next->time;
	scene->story.time += 5000000000ULL;
	story__late_gap(&scene->story, 1, second + 1, scene->story.time);
	findings(scene, 2);
	story__late_gap(&scene->story, 1, second, scene->story.time);
	/* Who listened has been told. */
	scene->found = 1;
	findings(scene, 1);
	story__late_gap(&scene->story, 1, 1, scene->story.time);
	scene->found = 0;
	findings(scene, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* Records that come behind a gap are next to what is missing if they were made before it was told. */
static void test_a_stream_that_is_behind_its_gap(void **state)
{
	struct scene *scene = *state;
	__u64 until;

	until = scene->story.time + 1000000000ULL;
	story__late_gap(&scene->story, 1, scene->story.time, until);
	tell_both_races(scene);
	findings(scene, 0);
	assert_int_equal(coverage_of(scene, RULE_LOST_DIRTY_ENTRY)->unknown, 1);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	scene->story.time = until + 1;
	tell_both_races(scene);
	findings(scene, 2);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
}

static void test_loss_is_never_clean(void **state)
{
	struct scene *scene = *state;

	story__gap(&scene->story, 1);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	scene__remake(scene, RULES_ALL, 0);
	story__gap(&scene->story, ~0ULL);
	story__gap(&scene->story, 1);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	scene__remake(scene, RULES_ALL, 0);
	story__lose(&scene->story, 1);
	story__task(&scene->story, "x");
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* What found no room in the model may have been what mattered. */
static void test_lack_of_room_is_never_clean(void **state)
{
	struct scene *scene = *state;
	int i;

	for (i = 0; i < OPERATION_DEPTH; i++)
		story__invalidate_begins(&scene->writer, &scene->file, 0, 0);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
	story__invalidate_begins(&scene->writer, &scene->file, 0, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* A race for which there was no room is not among those that a baseline knows. */
static void test_race_that_is_not_listed(void **state)
{
	struct scene *scene = *state;
	struct story_file file;
	size_t count;
	__u64 ino;

	for (ino = 1; ino <= 5000; ino++) {
		file = story__file(259U << 20, ino, 7);
		story__fault_write(&scene->mapper, &file, 1);
		story__write_begins(&scene->writer, &file, 1, 1);
		story__delete(&scene->writer, &file, 1, 0);
		story__write_ends(&scene->writer, &file, 1);
	}
	verdict_of(scene);
	count = detector__finding_count(scene->detector);
	assert_true(count < 5000);
	assert_int_equal(detector__verdict(scene->detector, false, count), VERDICT_CLEAN);
	story__fault_write(&scene->mapper, &file, 2);
	story__fsync_begins(&scene->writer, &file);
	story__fsync_ends(&scene->writer, &file, 0);
	verdict_of(scene);
	assert_int_equal(detector__finding_count(scene->detector), count);
	assert_int_equal(detector__verdict(scene->detector, false, count), VERDICT_FINDINGS);
}

static void test_verdict_names(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_CLEAN), "clean");
	assert_string_equal(verdict_name(VERDICT_FINDINGS), "findings");
	assert_string_equal(verdict_name(VERDICT_INCONCLUSIVE), "inconclusive");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SCENE_TEST(test_golden_fingerprints),
		SCENE_TEST(test_fingerprint_by_its_definition),
		SCENE_TEST(test_numbers_do_not_matter),
		SCENE_TEST(test_filesystem_matters),
		SCENE_TEST(test_rules_and_contexts_matter),
		SCENE_TEST(test_other_files_do_not_matter),
		SCENE_TEST(test_rules_by_name),
		SCENE_TEST(test_rules_say_all_that_they_must),
		SCENE_TEST(test_missing_event_makes_its_rules_unknown),
		SCENE_TEST(test_what_a_false_alarm_would_come_of_is_needed),
		SCENE_TEST(test_default_runs_have_what_their_rules_need),
		SCENE_TEST(test_without_flush_events_there_is_no_false_alarm),
		SCENE_TEST(test_missing_event_of_an_unselected_rule),
		SCENE_TEST(test_verdicts),
		SCENE_TEST(test_a_finding_says_what_was_lost_before_it),
		SCENE_TEST(test_a_gap_soon_after_makes_unknown),
		SCENE_TEST(test_a_gap_says_since_when),
		SCENE_TEST(test_a_stream_that_is_behind_its_gap),
		SCENE_TEST(test_loss_is_never_clean),
		SCENE_TEST(test_lack_of_room_is_never_clean),
		SCENE_TEST(test_race_that_is_not_listed),
		SCENE_TEST(test_verdict_names),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
