/* SPDX-License-Identifier: MIT */
/*
 * Every system call that a scenario makes fails once, with each error of its
 * manual page; then for good. Whatever happens, each op ends once, with a code
 * that may be told, nothing is left open or allocated, and nothing hangs.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "../unit/unit.h"
#include "memory.h"
#include "run.h"

static struct run run;
static int blocks;

static void play(
    const struct scenario *s, const struct kernel_plan *plan, bool abandon)
{
	run_scenario(s, plan, &run, abandon, NULL);
	if (memory.blocks != blocks)
		kernel_blame("%d blocks are left", memory.blocks - blocks);
	if (kernel.loud && !run.refused && !run.told[kernel.error])
		kernel_blame("the application was not told");
}

/* The first run makes what is kept for good. */
static const struct scenario *begin(int number)
{
	static const struct kernel_plan none;
	const struct scenario *s = stage_take(number);

	kernel_install();
	memory_install();
	run_scenario(s, &none, &run, false, NULL);
	blocks = memory.blocks;
	play(s, &none, false);
	play(s, &none, true);
	return s;
}

/* What would never end when it fails for good: to wait, to ask for the time, to
 * try again. */
static bool may_fail_for_good(void)
{
	return !kernel.harmless && kernel.error != EAGAIN &&
	       strncmp(kernel.name, "epoll_pwait", 11) &&
	       strcmp(kernel.name, "uring_enter") &&
	       strcmp(kernel.name, "kevent") &&
	       strcmp(kernel.name, "clock_gettime");
}

/* One call, with one of its errors, and as often as it may: false when the
 * scenario makes no such call. */
static bool play_failure(const struct scenario *s, unsigned at, unsigned choice)
{
	struct kernel_plan plan = {.fail_at = at, .choice = choice};
	unsigned choices;

	play(s, &plan, false);
	if (!kernel.name)
		return false;
	if (!may_fail_for_good())
		return true;
	plan.for_good = true;
	plan.name = kernel.name; /* it may be another's turn this time */
	choices = kernel.choices;
	play(s, &plan, (at + choice) % 2);
	kernel.name = plan.name;
	kernel.choices = choices;
	return true;
}

START_TEST(each_call_fails)
{
	const struct scenario *s = begin(_i);
	unsigned failures = 0;
	unsigned at = 0;

	do {
		unsigned choice = 0;

		at++;
		if (!play_failure(s, at, s->is_long ? at : 0))
			break;
		while (++choice < kernel.choices && !s->is_long) {
			play_failure(s, at, choice);
			failures++;
		}
		failures++;
	} while (kernel.name);
	printf("%s, %s: %u calls, %u failures\n", stage->name, s->name, at - 1,
	    failures);
}
END_TEST

/* Many calls fail in one run, by chance. */
START_TEST(calls_fail_in_a_storm)
{
	const struct scenario *s = begin(_i);
	uint64_t seed = unit_seed(s->name);

	for (int i = 0; i < 150; i++) {
		struct kernel_plan plan = {.storm = seed + (uint64_t)i * 7919};

		play(s, &plan, i % 2);
	}
}
END_TEST

START_TEST(each_call_is_interrupted)
{
	const struct kernel_plan plan = {.interrupted = 1};
	const struct scenario *s = begin(_i);

	play(s, &plan, false);
	play(s, &plan, true);
}
END_TEST

/* More often than a call is made in a row. */
START_TEST(each_call_is_interrupted_often)
{
	const struct kernel_plan plan = {.interrupted = 40};
	const struct scenario *s = begin(_i);

	play(s, &plan, false);
	play(s, &plan, true);
}
END_TEST

START_TEST(streams_move_byte_by_byte)
{
	const struct kernel_plan plan = {.one_byte = true};
	const struct scenario *s = begin(_i);

	play(s, &plan, false);
	play(s, &plan, true);
}
END_TEST

START_TEST(streams_move_byte_by_byte_interrupted)
{
	const struct kernel_plan plan = {.one_byte = true, .interrupted = 1};

	play(begin(_i), &plan, false);
}
END_TEST

/* What the kernel said to know is no request to it: the library finds another
 * way, and nobody notices. */
START_TEST(a_kernel_that_lies)
{
	const struct kernel_plan plan = {.lies = true};
	const struct scenario *s = begin(_i);

	play(s, &plan, false);
	play(s, &plan, true);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {each_call_fails, calls_fail_in_a_storm,
	    each_call_is_interrupted, each_call_is_interrupted_often,
	    streams_move_byte_by_byte, streams_move_byte_by_byte_interrupted,
	    a_kernel_that_lies};
	Suite *suite = suite_create("syscalls");

	for (unsigned i = 0; i < COUNT(tests); i++)
		stages_add(suite, tests[i]);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
