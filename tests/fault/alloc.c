/* SPDX-License-Identifier: MIT */
/*
 * Every allocation that a scenario makes fails once, then it and all after it.
 * A submit that finds no memory says so and nothing comes of it; every other
 * op ends once. And once a scenario has been played, it needs no memory again.
 */
#include "config.h"

#include <check.h>
#include <string.h>

#include "../unit/unit.h"
#include "memory.h"
#include "run.h"

static struct run run;

/* No time passes for real: an op that was refused is not waited for. */
static const struct kernel_plan plan = {.is_all_timed = true};

/* The first run makes what is kept for good: the blocks that are left. */
static int begin(const struct scenario *s)
{
	static const struct kernel_plan none;

	kernel_install();
	memory_install();
	run_scenario(s, &none, &run, false, NULL);
	return memory.blocks;
}

static void play(const struct scenario *s, int blocks, bool abandon)
{
	run_scenario(s, &plan, &run, abandon, NULL);
	if (memory.blocks != blocks)
		kernel_blame("allocation %u%s fails: %d blocks are left",
		    memory.fail_at, memory.for_good ? " for good" : "",
		    memory.blocks - blocks);
	if (run.refused && run.refused != -PIKE_ENOMEM)
		kernel_blame("allocation %u fails: open says %s",
		    memory.fail_at, pike_error_name(run.refused));
	/* Where the kernel is asked there may be another way that needs none:
	 * then all went well. */
	if (memory.failed && !run.told[PIKE_ENOMEM] && !run.refused &&
	    (run.gave_up || !strcmp(stage->backend, "epoll")))
		kernel_blame("allocation %u fails: the application was not "
			     "told",
		    memory.fail_at);
}

START_TEST(each_allocation_fails)
{
	const struct scenario *s = stage_take(_i);
	int blocks = begin(s);

	run.scarce = true;
	for (memory.fail_at = 1;; memory.fail_at++) {
		memory.for_good = false;
		play(s, blocks, false);
		if (!memory.failed)
			break;
		play(s, blocks, true);
		memory.for_good = true;
		play(s, blocks, false);
	}
	printf("%s, %s: %u allocations\n", stage->name, s->name, memory.calls);
	ck_assert_uint_ge(memory.calls, 5);
}
END_TEST

static void no_more_memory(struct run *r)
{
	(void)r;
	memory.fail_at = memory.calls + 1;
	memory.for_good = true;
}

START_TEST(nothing_is_allocated_once_warm)
{
	static const struct kernel_plan none;
	const struct scenario *s = stage_take(_i);
	int blocks = begin(s);

	run_scenario(s, &none, &run, false, no_more_memory);
	ck_assert_msg(!memory.failed, "%s: memory was asked for", s->name);
	ck_assert_int_eq(memory.blocks, blocks);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
	    each_allocation_fails, nothing_is_allocated_once_warm};
	Suite *suite = suite_create("alloc");

	for (unsigned i = 0; i < COUNT(tests); i++)
		stages_add(suite, tests[i]);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
