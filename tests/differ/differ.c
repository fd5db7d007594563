/* SPDX-License-Identifier: MIT */
/*
 * Runs random programs on pairs of backends: every backend with the first,
 * and each with itself without its optional features. A program that does not
 * come out alike is made small and printed.
 *
 * The environment: PIKE_TEST_BACKENDS, names with commas (all that the library
 * has); PIKE_DIFFER_SEED, the first seed (without it: a few that are fixed,
 * and one that is not); PIKE_DIFFER_COUNT, how many programs;
 * PIKE_DIFFER_STEPS, of how many steps; PIKE_DIFFER_SHRINK, seconds to make one
 * small (20; 0: as it is); PIKE_DIFFER_PAIR, only that one, counted from 0;
 * PIKE_DIFFER_LIMIT, seconds that a pair may take; PIKE_DIFFER_STRICT, also
 * errors that one tells later than the other; CK_FORK=no, all in one process.
 * PIKE_DIFFER_WRITE and PIKE_DIFFER_READ, a file: see paper_run; on the last
 * backend named.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../conformance/port.h"
#include "../conformance/port_proc.h"
#include "differ.h"

#define PAIRS_MAX  64
#define NAMES_MAX  8
#define FIXED      12
#define STEPS      400
#define SECOND_NS  INT64_C(1000000000)
#define PATIENCE_S 10
#define AGAIN_MAX  10
#define BAD_MAX    1
#define PRINT_MAX  100 /* more says nothing to anybody */

static struct {
	const char *names[NAMES_MAX];
	int named;
	struct setup pairs[PAIRS_MAX][2];
	int count;
} list;

static struct program program;

/* What each pair is at, for who is left when it never comes back. */
static struct mark {
	uint64_t seed;
	int steps;
	bool running;
} * marks;

/* The first that came out badly: what is told of a failure is this alone. */
static char first_bad[900];

/* Of programs that have come out badly once, whoever was at fault. */
static const uint64_t seeds[] = {5263, 30119};

static uint64_t number_of(const char *name, uint64_t other)
{
	const char *text = getenv(name);

	return text && text[0] ? strtoull(text, NULL, 0) : other;
}

static void list_names(void)
{
	static char names[256];
	const char *wanted = getenv("PIKE_TEST_BACKENDS");

	if (wanted && wanted[0]) {
		snprintf(names, sizeof(names), "%s", wanted);
		for (char *s = strtok(names, ","); s && list.named < NAMES_MAX;
		     s = strtok(NULL, ","))
			list.names[list.named++] = s;
		return;
	}
	for (unsigned i = 0; pike_backend_at(i) && i < NAMES_MAX; i++)
		list.names[list.named++] = pike_backend_at(i);
}

static void list_pair(
    const char *one, uint32_t one_off, const char *other, uint32_t other_off)
{
	const int64_t patience = PATIENCE_S * SECOND_NS;
	bool asks = !strcmp(one, "kqueue") || !strcmp(other, "kqueue");

	if (list.count == PAIRS_MAX)
		return;
	list.pairs[list.count][0] =
	    (struct setup){one, one_off, patience, asks};
	list.pairs[list.count++][1] =
	    (struct setup){other, other_off, patience, asks};
}

/* The last name is the one that others are held against: backends are named
 * in order of preference, and the plainest is the last. */
static void list_pairs(void)
{
	const char *base = list.names[list.named - 1];

	for (int i = 0; i < list.named - 1; i++)
		list_pair(base, 0, list.names[i], 0);
	for (int i = 0; i < list.named; i++)
		list_pair(base, 0, list.names[i], PIKE_FEATURES_ALL);
	for (int i = 0; i < list.named; i++)
		for (uint32_t bit = 1; bit <= PIKE_FEATURES_ALL; bit <<= 1)
			list_pair(base, 0, list.names[i], bit);
}

static void program_print(const struct program *p)
{
	char text[300];

	for (int i = 0; i < p->count; i++) {
		step_text(&p->steps[i], text, sizeof(text));
		printf("  %3d  %s\n", i, text);
	}
}

static void tell(const struct setup pair[2], struct verdict *v)
{
	uint64_t limit = number_of("PIKE_DIFFER_SHRINK", 20);

	printf("seed %llu: step %d: %s\n", (unsigned long long)program.seed,
	    v->step, v->text);
	if (!limit)
		return;
	int runs =
	    program_shrink(&program, pair, v, (int64_t)limit * SECOND_NS);
	printf("smallest program (%d steps, after %d runs):\n", program.count,
	    runs);
	if (program.count <= PRINT_MAX)
		program_print(&program);
	program_compare(&program, pair, v);
	printf(
	    "which gives: %s\n", v->bad ? v->text : "this time no difference");
}

/* How to have it once more, and what it came to. */
static void bad_text(char *text, size_t size, int at, const struct verdict *v)
{
	const struct setup *pair = list.pairs[at];

	snprintf(text, size,
	    "PIKE_DIFFER_SEED=%llu PIKE_DIFFER_STEPS=%d PIKE_DIFFER_PAIR=%d "
	    "(%s 0x%x and %s 0x%x): step %d: %s",
	    (unsigned long long)program.seed, program.count, at,
	    pair[0].backend, pair[0].features_off, pair[1].backend,
	    pair[1].features_off, v->step, v->text);
}

/*
 * A rule that is broken once is broken: the model allows every order in time.
 * But on a busy machine the system may be late with what it tells elsewhere at
 * once (a reset, above all), and then the two are not alike: a difference that
 * is pike's shows again, and one that does not is told as a skip.
 */
static bool counts(int at, struct verdict *v)
{
	char text[sizeof(first_bad)];

	bad_text(text, sizeof(text), at, v);
	if (strcmp(v->rule, RULE_ALIKE) != 0)
		return true;
	for (int i = 0; i < AGAIN_MAX; i++) {
		program_compare(&program, list.pairs[at], v);
		if (v->bad)
			return true;
	}
	printf("SKIP %s: a difference that was there once, and not in %d more "
	       "runs\n",
	    text, AGAIN_MAX);
	return false;
}

/* Returns how many programs came out badly. */
static int pair_run(int at, uint64_t seed, int count, int steps)
{
	const struct setup *pair = list.pairs[at];
	int64_t ops = 0;
	int bad = 0;

	printf("%s 0x%x and %s 0x%x: %d programs of %d steps from seed %llu\n",
	    pair[0].backend, pair[0].features_off, pair[1].backend,
	    pair[1].features_off, count, steps, (unsigned long long)seed);
	for (int i = 0; i < count && bad < BAD_MAX; i++) {
		struct verdict v;
		marks[at] = (struct mark){seed + (uint64_t)i, steps, true};
		program_make(&program, seed + (uint64_t)i, steps);
		program_compare(&program, pair, &v);
		ops += v.ops;
		if (!v.bad || !counts(at, &v))
			continue;
		bad++;
		if (!first_bad[0])
			bad_text(first_bad, sizeof(first_bad), at, &v);
		tell(pair, &v);
		printf("again: PIKE_DIFFER_SEED=%llu PIKE_DIFFER_STEPS=%d "
		       "PIKE_DIFFER_PAIR=%d\n",
		    (unsigned long long)(seed + (uint64_t)i), steps, at);
	}
	marks[at].running = false;
	printf("%lld ops, %d bad programs\n", (long long)ops, bad);
	return bad;
}

START_TEST(random_programs_come_out_alike)
{
	uint64_t seed = number_of("PIKE_DIFFER_SEED", 0);
	int steps = (int)number_of("PIKE_DIFFER_STEPS", STEPS);
	/* Most for the pairs that differ most, which are the first. */
	int fixed = _i < 2 * list.named ? FIXED : FIXED / 4;
	int count = (int)number_of("PIKE_DIFFER_COUNT", seed ? 1 : fixed);
	int bad = pair_run(_i, seed ? seed : 1, count, steps);

	for (size_t k = 0; k < sizeof(seeds) / sizeof(seeds[0]); k++)
		if (!seed && fixed == FIXED)
			bad += pair_run(_i, seeds[k], 1, steps);
	if (!seed)
		bad += pair_run(_i, (uint64_t)port_wall(), 1, steps);
	if (bad)
		ck_abort_msg(
		    "%d programs did not come out alike: %s", bad, first_bad);
}
END_TEST

START_TEST(random_programs_come_out_as_on_paper)
{
	const char *writes = getenv("PIKE_DIFFER_WRITE");
	const char *reads = getenv("PIKE_DIFFER_READ");
	struct setup how = {
	    list.names[list.named - 1], 0, PATIENCE_S * SECOND_NS, false};
	int bad = paper_run(writes ? writes : reads, writes != NULL, &how,
	    (int)number_of("PIKE_DIFFER_COUNT", FIXED),
	    (int)number_of("PIKE_DIFFER_STEPS", STEPS), first_bad,
	    sizeof(first_bad));

	if (bad)
		ck_abort_msg("%d programs came out badly: %s", bad, first_bad);
}
END_TEST

/* In the form in which Check tells of a case: the seed of one that hung or was
 * killed. */
static void marks_tell(void)
{
	for (int i = 0; i < list.count; i++)
		if (marks[i].running)
			printf("%s:%d:E:pairs: that was PIKE_DIFFER_SEED=%llu "
			       "PIKE_DIFFER_STEPS=%d PIKE_DIFFER_PAIR=%d\n",
			    __FILE__, __LINE__,
			    (unsigned long long)marks[i].seed, marks[i].steps,
			    i);
}

int main(void)
{
	bool paper = getenv("PIKE_DIFFER_WRITE") || getenv("PIKE_DIFFER_READ");
	int from = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	port_sigpipe_default();
	list_names();
	if (list.named == 0)
		return EXIT_FAILURE;
	list_pairs();
	marks = port_shared(PAIRS_MAX * sizeof(*marks));
	int to = list.count;
	if (getenv("PIKE_DIFFER_PAIR")) {
		from = (int)number_of("PIKE_DIFFER_PAIR", 0);
		to = from + 1;
	}
	Suite *suite = suite_create("differ");
	TCase *tcase = tcase_create("pairs");
	tcase_set_timeout(tcase, (double)number_of("PIKE_DIFFER_LIMIT", 300));
	if (paper)
		tcase_add_test(tcase, random_programs_come_out_as_on_paper);
	else
		tcase_add_loop_test(
		    tcase, random_programs_come_out_alike, from, to);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int bad = srunner_ntests_failed(runner);
	marks_tell();
	srunner_free(runner);
	for (int i = 0; i < list.named && !paper; i++)
		printf("backend %s: %d cases, 0 skipped\n", list.names[i],
		    to - from);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
