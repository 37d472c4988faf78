// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* For a person: 80 columns, a race as one column per task, time downward. */
#include <string.h>

#include "common/printable.h"
#include "probe/table.h"
#include "report/lines.h"
#include "report/report.h"

#define WIDTH		REPORT_WIDTH
#define TIME_WIDTH	10
#define COLUMN_WIDTH	33

/* At most length bytes of text, on this line, whatever they are. */
void report__put(FILE *file, const char *text, size_t length)
{
	char line[WIDTH + 1];

	snprintf(line, sizeof(line), "%.*s", (int)length, text);
	make_printable(line);
	fputs(line, file);
}

/* How much of text goes on a line with so much room: up to a space, if there is one. */
static size_t line_length(const char *text, size_t room)
{
	size_t length = strlen(text), cut;

	if (length <= room)
		return length;
	for (cut = room; cut && text[cut] != ' '; cut--)
		;
	return cut ? cut : room;
}

static const char *next_line(const char *text, size_t length)
{
	text += length;
	while (*text == ' ')
		text++;
	return text;
}

/* Print text in lines of at most WIDTH columns, each begun by indent spaces. */
void report__wrap(FILE *file, int indent, const char *text)
{
	size_t length;

	for (; *text; text = next_line(text, length)) {
		length = line_length(text, WIDTH - indent);
		fprintf(file, "%*s", indent, "");
		report__put(file, text, length);
		fputc('\n', file);
	}
}

/* The column of a task: the actors' own, in their order; others go left. */
static unsigned int column_of(const struct finding *finding, __u32 tid)
{
	return finding->actor_count > 1 && finding->actors[1].tid == tid;
}

static bool is_actor(const struct finding *finding, __u32 tid)
{
	unsigned int i;

	for (i = 0; i < finding->actor_count; i++)
		if (finding->actors[i].tid == tid)
			return true;
	return false;
}

/*
 * In TIME_WIDTH columns.  A record's place in the stream and its time are taken
 * one after the other: times of two CPUs may be a little out of order.
 */
static void print_time(FILE *file, __u64 begun, __u64 time)
{
	__u64 since = time > begun ? time - begun : 0;

	if (since < 100000000000ULL)
		fprintf(file, "%*llu.%03llu", TIME_WIDTH - 5, (unsigned long long)(since / 1000000),
			(unsigned long long)(since / 1000 % 1000));
	else if (since < 1000000000000000ULL)
		fprintf(file, "%*llu s", TIME_WIDTH - 3,
			(unsigned long long)(since / 1000000000));
	else
		fprintf(file, "%*s", TIME_WIDTH - 1, "days");
}

static void print_event(FILE *file, const struct finding *finding, unsigned int i)
{
	const struct model_event *event = &finding->events[i];
	int left = column_of(finding, event->tid) ? COLUMN_WIDTH + 1 : 0;
	unsigned int depth = report__depth(finding->events, i);
	int indent = 2 * (int)(depth < 4 ? depth : 4), deeper = indent + 2;
	char text[96], line[128], who[16] = "";
	const char *rest = line;
	size_t length;

	if (!is_actor(finding, event->tid))
		snprintf(who, sizeof(who), "[%u] ", event->tid);
	report__describe(event, text, sizeof(text));
	snprintf(line, sizeof(line), "%s%s", who, text);
	fputc((int)i == finding->moment ? '>' : ' ', file);
	print_time(file, finding->events[0].time, event->time);
	for (;;) {
		length = line_length(rest, COLUMN_WIDTH - indent);
		fprintf(file, "  %*s", left + indent, "");
		report__put(file, rest, length);
		fputc('\n', file);
		rest = next_line(rest, length);
		if (!*rest)
			break;
		/* What does not fit goes on below, a little to the right. */
		indent = deeper;
		fprintf(file, "%*s", TIME_WIDTH, "");
	}
}

static void print_interleaving(FILE *file, const struct finding *finding)
{
	char head[2][40] = { "", "" };
	unsigned int i;

	if (!finding->event_count)
		return;
	for (i = 0; i < finding->actor_count && i < 2; i++) {
		snprintf(head[i], sizeof(head[i]), "%s[%u]", finding->actors[i].comm,
			 finding->actors[i].tid);
		make_printable(head[i]);
	}
	fprintf(file, "\n%*s  %-*.*s %s\n", TIME_WIDTH, "ms", COLUMN_WIDTH, COLUMN_WIDTH, head[0],
		head[1]);
	for (i = 0; i < finding->event_count; i++) {
		/* A pause longer than the race itself is worth a line. */
		if (i && (finding->events[i].time > finding->events[i - 1].time + 1000000000ULL ||
			  (i == 1 && finding->events_cut)))
			fprintf(file, "%*s\n", TIME_WIDTH, "...");
		print_event(file, finding, i);
	}
	if (finding->moment >= 0)
		fprintf(file, "%*s^ here: %s\n", 1, "", rule_table[finding->rule]->name);
}

static bool is_tracing_frame(const char *name)
{
	return !strncmp(name, "bpf_", 4) || !strncmp(name, "__bpf_", 6);
}

/* What traces a function stands before it in the stack, and may have no name. */
static unsigned int first_frame(const struct model *model, const __u64 *address, unsigned int depth)
{
	const char *name;
	unsigned int i;

	for (i = 0; i < depth; i++) {
		name = model__symbol(model, address[i]);
		if (name && !is_tracing_frame(name))
			return i;
	}
	return 0;
}

/* The stack of the innermost operation around the moment that has one. */
static void print_stack(FILE *file, const struct detector *detector, const struct finding *finding)
{
	const struct model *model = detector__model(detector);
	const struct model_event *event = NULL;
	const __u64 *address;
	unsigned int depth, i, printed = 0;
	const char *name;
	int e;

	if (finding->moment < 0)
		return;
	for (e = finding->moment; e >= 0; e--) {
		event = &finding->events[e];
		if (event->type == EVENT_ENTER && event->stack >= 0 &&
		    event->tid == finding->events[finding->moment].tid)
			break;
	}
	if (e < 0)
		return;
	depth = model__stack(model, event->stack, &address);
	if (!depth)
		return;
	fprintf(file, "\n  Who called %s:\n", operation_name(event->operation));
	for (i = first_frame(model, address, depth); i < depth && printed < 12; i++) {
		name = model__symbol(model, address[i]);
		if (name && is_tracing_frame(name))
			continue;
		fputs("    ", file);
		if (name)
			report__put(file, name, WIDTH - 4);
		else
			fprintf(file, "0x%llx", (unsigned long long)address[i]);
		fputc('\n', file);
		printed++;
	}
}

/* "function+0x12 (file)", "file+0x1234", or the address. */
static void describe_frame(const struct model_user_frame *frame, char *line, size_t length)
{
	const char *file = strrchr(frame->file, '/');

	file = file ? file + 1 : frame->file;
	if (*frame->function)
		snprintf(line, length, "%s+0x%llx%s%s%s", frame->function,
			 (unsigned long long)frame->function_offset, *file ? " (" : "", file,
			 *file ? ")" : "");
	else if (*file)
		snprintf(line, length, "%s+0x%llx", frame->file,
			 (unsigned long long)frame->file_offset);
	else
		snprintf(line, length, "0x%llx", (unsigned long long)frame->address);
}

#define USER_FRAMES	6

/* Of each actor its newest event that says from where in its program it came. */
static void print_user_stacks(FILE *file, const struct detector *detector,
			      const struct finding *finding)
{
	const struct model *model = detector__model(detector);
	const struct model_user_frame *frames;
	const struct model_event *event;
	unsigned int i, k, depth;
	char text[96], line[300];
	int e;

	for (i = 0; i < finding->actor_count; i++) {
		for (e = (int)finding->event_count - 1, depth = 0; e >= 0 && !depth; e--) {
			event = &finding->events[e];
			if (event->tid == finding->actors[i].tid)
				depth = model__user_stack(model, event->user_stack, &frames);
		}
		if (!depth)
			continue;
		snprintf(line, sizeof(line), "Where %s[%u] was (%s):", finding->actors[i].comm,
			 finding->actors[i].tid, report__describe(event, text, sizeof(text)));
		fputc('\n', file);
		report__wrap(file, 2, line);
		for (k = 0; k < depth && k < USER_FRAMES; k++) {
			describe_frame(&frames[k], line, sizeof(line));
			fputs("    ", file);
			report__put(file, line, WIDTH - 4);
			fputc('\n', file);
		}
	}
}

static void describe_place(const struct finding *finding, char *line, size_t length)
{
	char device[32], more[48] = "";

	if (finding->pages > 1)
		snprintf(more, sizeof(more), " and the %llu after it",
			 (unsigned long long)finding->pages - 1);
	snprintf(line, length, "on %s %s, inode %llu, page %llu%s; fingerprint %016llx",
		 finding->fstype, report__device(finding->key.inode.dev, device, sizeof(device)),
		 (unsigned long long)finding->key.inode.ino, (unsigned long long)finding->index,
		 more, (unsigned long long)finding->key.fingerprint);
}

static void text_finding(FILE *file, const struct detector *detector,
			 const struct finding *finding)
{
	const struct rule *rule = rule_table[finding->rule];
	char line[FINDING_SUMMARY + FINDING_SCHEDULE];

	fprintf(file, "%s %s: %s, %s\n", rule->id, rule->name, finding->certainty, rule->severity);
	if (finding__is_about_locks(finding))
		snprintf(line, sizeof(line), "on %s; fingerprint %016llx", finding->fstype,
			 (unsigned long long)finding->key.fingerprint);
	else
		describe_place(finding, line, sizeof(line));
	report__wrap(file, 2, line);
	snprintf(line, sizeof(line), "%s.", finding->summary);
	report__wrap(file, 2, line);
	if (finding->lost && !finding__is_about_locks(finding)) {
		snprintf(line, sizeof(line), "Before it %llu records were lost: it rests on what came "
			 "after them alone, and what else was done may be missing below.",
			 (unsigned long long)finding->lost);
		report__wrap(file, 2, line);
	}
	if (*finding->schedule) {
		fputs("  How it happens\n", file);
		report__wrap(file, 4, finding->schedule);
	}
	if (finding__is_about_locks(finding))
		report__lock_finding(file, detector, finding);
	print_interleaving(file, finding);
	report__held(file, detector, finding);
	print_stack(file, detector, finding);
	print_user_stacks(file, detector, finding);
	fputs("\n  What it means\n", file);
	report__wrap(file, 4, rule->meaning);
	fputs("  What it resembles\n", file);
	report__wrap(file, 4, rule->history);
	fputs("  What to look at\n", file);
	report__wrap(file, 4, rule->advice);
	if (rule->lock) {
		fputs("  Which lock would have helped\n", file);
		snprintf(line, sizeof(line), "%s.", rule->lock);
		report__wrap(file, 4, line);
	}
	if (finding->occurrences > 1)
		fprintf(file, "  Seen %llu times on this inode.\n",
			(unsigned long long)finding->occurrences);
	fputc('\n', file);
	fflush(file);
}

/* What most of the contested windows were contested by, or NULL. */
static const char *main_rival(const struct coverage *coverage, enum rule_index rule)
{
	int operation, most = 0;

	for (operation = 0; operation < OPERATION_COUNT; operation++)
		if (coverage->rivals[operation] > coverage->rivals[most])
			most = operation;
	return coverage->rivals[most] ? report__rival(rule, most) : NULL;
}

#define COUNT_LENGTH	24

/* Beyond any run's: three such numbers fit a line, whatever a trace says. */
static const char *count_text(__u64 count, char text[COUNT_LENGTH])
{
	if (count < 1000000000000ULL)
		snprintf(text, COUNT_LENGTH, "%llu", (unsigned long long)count);
	else
		snprintf(text, COUNT_LENGTH, "%.1e", (double)count);
	return text;
}

static void text_coverage(FILE *file, const struct detector *detector)
{
	char windows[COUNT_LENGTH], contested[COUNT_LENGTH], unknown[COUNT_LENGTH];
	const struct coverage *coverage;
	const char *rival;
	int rule, used;

	fprintf(file, "%-4s %-30s %9s %9s %8s  %s\n", "RULE", "NAME", "WINDOWS", "CONTESTED",
		"UNKNOWN", "BY");
	for (rule = 0; rule < RULE_COUNT; rule++) {
		if (!detector__selected(detector, rule))
			continue;
		coverage = detector__coverage(detector, rule);
		rival = main_rival(coverage, rule);
		used = fprintf(file, "%-4s %-30s %9s %9s %8s", rule_table[rule]->id,
			       rule_table[rule]->name, count_text(coverage->windows, windows),
			       count_text(coverage->contested, contested),
			       count_text(coverage->unknown, unknown));
		/* Numbers that are too long for their column take its place. */
		if (rival && used > 0 && used + 2 + strlen(rival) <= 80)
			fprintf(file, "  %s", rival);
		fputc('\n', file);
	}
	fflush(file);
}

/* Some finding needs no window: what is predicted, and what is seen where none was to be expected. */
static __u32 rules_that_found(const struct detector *detector)
{
	const struct finding *finding;
	__u32 rules = 0;

	for (finding = detector__findings(detector); finding; finding = finding->next)
		rules |= 1U << finding->rule;
	return rules;
}

/* Rules of which the run proves nothing. */
static void print_unopened(FILE *file, const struct detector *detector)
{
	char line[512] = "Never opened, so that this run proves nothing about it, was the window of";
	size_t used = strlen(line), empty = used;
	__u32 found = rules_that_found(detector);
	int i;

	for (i = 0; i < RULE_COUNT && used < sizeof(line); i++) {
		if (found & 1U << i)
			continue;
		if (!detector__selected(detector, i) || detector__missing(detector, i) ||
		    detector__coverage(detector, i)->unknown ||
		    detector__coverage(detector, i)->windows)
			continue;
		used += snprintf(line + used, sizeof(line) - used, "%s %s", used > empty ? "," : "",
				 rule_table[i]->id);
	}
	if (used == empty)
		return;
	if (used < sizeof(line))
		snprintf(line + used, sizeof(line) - used, ".");
	report__wrap(file, 2, line);
}

void report__lock_loss(FILE *file, int indent, const struct detector *detector)
{
	const struct order_loss *loss = order_stream__loss(detector__order(detector));
	char line[512];

	if (!order_loss__sum(loss))
		return;
	snprintf(line, sizeof(line), "The lock-order graph may lack edges: %llu locks beyond 16 held "
		 "by one task, %llu times no room, %llu times a program could not run, another task "
		 "having been preempted in it.", (unsigned long long)loss->overflow,
		 (unsigned long long)loss->room, (unsigned long long)loss->missed);
	report__wrap(file, indent, line);
}

/* What rests on locks, and is weaker than it could be. */
static void print_locks(FILE *file, const struct detector *detector,
			const struct report_facts *facts)
{
	char line[256], share[32] = "";
	bool concerned = false;
	int i;

	for (i = 0; i < RULE_COUNT; i++)
		concerned = concerned || (detector__selected(detector, i) &&
					  (1U << i & (RULES_PREDICTED | RULES_OF_LOCKS)));
	if (!concerned)
		return;
	if (!strcmp(facts->locks, "off"))
		report__wrap(file, 2, "No race is predicted from what tasks held, and orders of locks are "
			     "unknown: it was traced with --locks off.");
	if (strcmp(facts->locks, "sampled"))
		return;
	if (facts->locks_share > 0)
		snprintf(share, sizeof(share), " (%.0f %% of it)", 100 * facts->locks_share);
	snprintf(line, sizeof(line), "Locks were followed for a part of the time%s: an order that came only "
		 "in between is missing, and no race is predicted from what tasks held.", share);
	report__wrap(file, 2, line);
}

/* Why the verdict is no better than it is. */
static void print_doubts(FILE *file, const struct detector *detector,
			 const struct report_facts *facts)
{
	const struct model_loss *loss = model__loss(detector__model(detector));
	char line[512];
	__u64 needed = 0;
	int i;

	if (loss->records) {
		snprintf(line, sizeof(line), "%llu records were lost in the kernel: what they said "
			 "cannot be judged. A larger --buffer, or less traced (--fs), helps.",
			 (unsigned long long)loss->records);
		report__wrap(file, 2, line);
	}
	if (loss->capacity) {
		snprintf(line, sizeof(line), "%llu times an entry, a task or an operation found no "
			 "room in the model.", (unsigned long long)loss->capacity);
		report__wrap(file, 2, line);
	}
	report__lock_loss(file, 2, detector);
	if (facts->problem)
		report__wrap(file, 2, facts->problem);
	for (i = 0; i < RULE_COUNT; i++)
		if (detector__selected(detector, i))
			needed |= rule_table[i]->needs;
	for (i = 0; i < OBSERVED_COUNT; i++) {
		if (!(facts->missing & needed & OBSERVED_BIT(i)))
			continue;
		snprintf(line, sizeof(line), "%s was not observed: %s.", probe_table[i].name,
			 probe_table[i].without);
		report__wrap(file, 2, line);
	}
	for (i = 0; i < RULE_COUNT; i++) {
		if (!detector__selected(detector, i))
			continue;
		if (detector__missing(detector, i))
			fprintf(file, "  %s is unknown.\n", rule_table[i]->id);
		else if (detector__coverage(detector, i)->unknown)
			fprintf(file, "  %s: %llu cases could not be judged.\n", rule_table[i]->id,
				(unsigned long long)detector__coverage(detector, i)->unknown);
	}
	print_unopened(file, detector);
	print_locks(file, detector, facts);
}

static void text_verdict(FILE *file, const struct detector *detector,
			 const struct report_facts *facts, enum verdict verdict)
{
	size_t count = detector__finding_count(detector);
	char line[512];

	snprintf(line, sizeof(line), "verdict: %s (%zu finding%s%s, %llu records, %llu lost)",
		 verdict_name(verdict), count, count == 1 ? "" : "s",
		 facts->known ? ", known ones included" : "",
		 (unsigned long long)model__records(detector__model(detector)),
		 (unsigned long long)model__loss(detector__model(detector))->records);
	report__wrap(file, 0, line);
	if (facts->known)
		fprintf(file, "  %zu of the findings are in the baseline.\n", facts->known);
	if (facts->scope) {
		snprintf(line, sizeof(line), "It is about %s, and nothing else.", facts->scope);
		report__wrap(file, 2, line);
	}
	if (facts->perturb) {
		snprintf(line, sizeof(line), "It was perturbed (--perturb %.160s): %llu delays, %.3f ms in "
			 "all. Its times are not natural ones.", facts->perturb,
			 (unsigned long long)facts->delays, facts->delayed / 1e6);
		report__wrap(file, 2, line);
	}
	print_doubts(file, detector, facts);
	fflush(file);
}

const struct report_format report_text = {
	.finding = text_finding,
	.coverage = text_coverage,
	.verdict = text_verdict,
	.locks = report__locks,
};
