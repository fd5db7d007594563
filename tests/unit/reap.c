/* SPDX-License-Identifier: MIT */
/* Reaping: how long it waits, and what wakes it. */
#include "config.h"

#include <setjmp.h>

#include <check.h>
#include <string.h>

#include "script.h"
#include "unit.h"

static int reap(int64_t timeout_ns)
{
	struct pike_completion c;

	return pike_reap(script.q, &c, 1, timeout_ns);
}

START_TEST(reap_waits_as_long_as_it_may)
{
	script_open(NULL);
	int64_t before = script.now;

	ck_assert_int_eq(reap(5 * SECOND), 0);
	ck_assert_int_eq(script.waited, 5 * SECOND);
	ck_assert_int_eq(script.now, before + 5 * SECOND);
	ck_assert_int_eq(reap(0), 0);
	ck_assert_int_eq(script.waited, 0);
	ck_assert_int_eq(script.now, before + 5 * SECOND);
	script_close();
}
END_TEST

START_TEST(reap_waits_no_longer_than_timers)
{
	struct pike_op wall = script_timer(2 * SECOND, 0);
	script_open(NULL);
	struct pike_op recv = script_op(PIKE_RECV, script_adopt(3));

	wall.op_flags = PIKE_TIMER_REALTIME;
	recv.timeout_ns = 3 * SECOND;
	script.cancels_at_once = true;
	script_submit('c', recv);
	script_submit('b', wall);
	script_submit('a', script_timer(SECOND, 0));
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(reap(-1), 1);
		ck_assert_int_eq(script.waited, SECOND);
	}
	ck_assert_uint_eq(script.waits, 3);
	script_submit('a', script_timer(2 * SECOND, 0));
	ck_assert_int_eq(reap(SECOND), 0);
	ck_assert_int_eq(script.waited, SECOND);
	script_close();
}
END_TEST

/* A wait that ends early for no reason is begun again, for what is left. */
static void be_early(void)
{
	script.now += SECOND;
	if (script.waits < 4)
		script_then_nothing();
}

START_TEST(reap_goes_on_after_an_early_end)
{
	script_open(NULL);
	int64_t before = script.now;

	script.while_waiting = be_early;
	ck_assert_int_eq(reap(5 * SECOND), 0);
	ck_assert_uint_eq(script.waits, 4);
	ck_assert_int_eq(script.waited, 2 * SECOND);
	ck_assert_int_eq(script.now, before + 6 * SECOND);
	script_close();
}
END_TEST

/* Whatever the room that the caller has, and one wait brings. */
START_TEST(a_wait_brings_more_than_there_is_room_for)
{
	enum {
		OPS = 5
	};
	script_open(NULL);
	struct pike_op poll = script_op(PIKE_POLL, script_adopt(3));

	poll.op_flags = PIKE_POLL_IN;
	poll.flags = PIKE_MULTISHOT;
	for (char letter = 'a'; letter < 'a' + OPS; letter++) {
		script_submit(letter, poll);
		script_then_shoots(letter);
	}
	for (unsigned max = 1; max <= OPS + 1; max++) {
		char letter = 'a';

		script_then_nothing();
		script.waits = 0;
		while (letter < 'a' + OPS) {
			struct pike_completion out[OPS + 1];
			int n = pike_reap(script.q, out, max, -1);

			ck_assert_int_gt(n, 0);
			ck_assert_int_le(n, (int)max);
			for (int i = 0; i < n; i++)
				ck_assert_int_eq(
				    (int)(uintptr_t)out[i].user_data, letter++);
		}
		ck_assert_int_eq(letter, 'a' + OPS);
		ck_assert_uint_eq(script.waits, 1);
		script_forget();
	}
	script_close_at_once();
}
END_TEST

/* ---- posts and wakes ---- */

static void post_twice(void)
{
	script.while_waiting = NULL;
	ck_assert_int_eq(pike_post(script.q, NULL, 1), 0);
	ck_assert_int_eq(pike_post(script.q, NULL, 2), 0);
	ck_assert_int_eq(pike_wake(script.q), 0);
}

START_TEST(post_wakes_a_sleeper_once)
{
	struct pike_completion out[4];
	script_open(NULL);

	ck_assert_int_eq(pike_post(script.q, &script, 7), 0);
	ck_assert_uint_eq(script.wakes, 0);
	ck_assert_int_eq(pike_reap(script.q, out, 4, -1), 1);
	ck_assert_int_eq(out[0].res, 7);
	ck_assert_int_eq(out[0].id, 0);
	ck_assert_int_eq(out[0].err, 0);
	ck_assert_ptr_eq(out[0].user_data, &script);
	ck_assert_uint_eq(out[0].flags, PIKE_POSTED);
	ck_assert_uint_eq(script.waits, 0);
	script.while_waiting = post_twice;
	ck_assert_int_eq(pike_reap(script.q, out, 4, SECOND), 2);
	ck_assert_uint_eq(script.wakes, 1);
	ck_assert_uint_eq(script.waits, 1);
	script_close();
}
END_TEST

static void wake_once(void)
{
	script.while_waiting = NULL;
	ck_assert_int_eq(pike_wake(script.q), 0);
}

/* An op ends in the wait in which somebody posts, or wakes: nothing is lost,
 * and the wake was answered by that. */
START_TEST(a_wait_brings_ops_and_posts)
{
	struct pike_completion out[4];
	script_open(NULL);

	script_op_on('a', PIKE_RECV, script_adopt(3));
	script_then_end('a', 5);
	script.while_waiting = post_twice;
	ck_assert_int_eq(pike_reap(script.q, out, 4, -1), 1);
	ck_assert_int_eq(out[0].res, 5);
	ck_assert_int_eq(pike_reap(script.q, out, 4, -1), 2);
	ck_assert_int_eq(out[0].res, 1);
	ck_assert_int_eq(out[1].res, 2);
	ck_assert_uint_eq(script.waits, 1);
	script_op_on('b', PIKE_RECV, script_adopt(4));
	script_then_end('b', 6);
	script.while_waiting = wake_once;
	ck_assert_int_eq(reap(-1), 1);
	ck_assert_int_eq(reap(SECOND), 0);
	ck_assert_uint_eq(script.waits, 3);
	ck_assert_int_eq(script.waited, SECOND);
	script_close();
}
END_TEST

static jmp_buf before_the_wait;
static struct pike_completion left[4];

static void jump_out(void)
{
	script.while_waiting = NULL;
	longjmp(before_the_wait, 1);
}

static void left_by_a_jump(void)
{
	script.while_waiting = jump_out;
	if (setjmp(before_the_wait) == 0)
		ck_abort_msg("%d", pike_reap(script.q, left, 4, -1));
}

/* As a signal handler of the application's may: what the reap had lent is not
 * used any more, neither by the next one nor by the close. */
START_TEST(a_wait_may_be_left_by_a_jump)
{
	struct pike_completion out[4];

	script_open(NULL);
	script_op_on('a', PIKE_RECV, script_adopt(3));
	left_by_a_jump();
	script_then_end('a', 5);
	ck_assert_int_eq(pike_reap(script.q, out, 4, -1), 1);
	ck_assert_int_eq(out[0].res, 5);
	script_op_on('b', PIKE_RECV, script_adopt(4));
	left_by_a_jump();
	ck_assert_int_eq(pike_post(script.q, NULL, 7), 0);
	ck_assert_int_eq(pike_reap(script.q, out, 4, -1), 1);
	ck_assert_int_eq(out[0].res, 7);
	left_by_a_jump();
	script_then_end('b', 6);
	script_close();
	UNIT_CHECK(!left[0].id);
}
END_TEST

START_TEST(wake_ends_one_reap)
{
	script_open(NULL);
	ck_assert_int_eq(pike_wake(script.q), 0);
	ck_assert_int_eq(pike_wake(script.q), 0);
	ck_assert_int_eq(reap(-1), 0);
	ck_assert_uint_eq(script.wakes, 0);
	ck_assert_int_eq(reap(SECOND), 0);
	ck_assert_int_eq(script.waited, SECOND);
	/* A reap that gives something answers a wake as well. */
	ck_assert_int_eq(pike_wake(script.q), 0);
	script_op_on('a', PIKE_NOP, 0);
	ck_assert_int_eq(reap(-1), 1);
	script.waits = 0;
	ck_assert_int_eq(reap(SECOND), 0);
	ck_assert_uint_eq(script.waits, 1);
	script_close();
}
END_TEST

START_TEST(posts_and_ops_take_turns)
{
	unsigned posts = 0, ops = 0;
	script_open(NULL);

	for (int i = 0; i < 200; i++) {
		struct pike_completion c;

		UNIT_EQ(pike_post(script.q, NULL, 0), 0);
		script_op_on('a', PIKE_NOP, 0);
		UNIT_EQ(pike_reap(script.q, &c, 1, 0), 1);
		if (c.flags & PIKE_POSTED)
			posts++;
		else
			ops++;
	}
	ck_assert_uint_eq(posts, 100);
	ck_assert_uint_eq(ops, 100);
	script_close();
}
END_TEST

/* An application that always keeps something to reap still hears of events. */
START_TEST(reap_looks_at_the_system_now_and_then)
{
	script_open(NULL);
	script_op_on('a', PIKE_RECV, script_adopt(3));
	script_then_end('a', 1);
	for (int i = 0; i < 100; i++) {
		struct pike_completion c;

		script_op_on('b', PIKE_NOP, 0);
		script_op_on('b', PIKE_NOP, 0);
		UNIT_EQ(pike_reap(script.q, &c, 1, 0), 1);
	}
	ck_assert_uint_ge(script.waits, 1);
	ck_assert_uint_le(script.waits, 5);
	script_close();
}
END_TEST

START_TEST(pollable_shows_what_there_is)
{
	script_open(NULL);
	ck_assert_int_eq(pike_pollable(script.q), 99);
	ck_assert(!script.now_shown);
	ck_assert_int_eq(script.next_shown, INT64_MAX);
	script_submit('t', script_timer(SECOND, 0));
	ck_assert(!script.now_shown);
	ck_assert_int_eq(script.next_shown, script.now + SECOND);
	script_op_on('a', PIKE_NOP, 0);
	ck_assert(script.now_shown);
	ck_assert_int_eq(reap(0), 1);
	ck_assert(!script.now_shown);
	/* What others do has to end the wait of the loop outside. */
	ck_assert_int_eq(pike_post(script.q, NULL, 0), 0);
	ck_assert_uint_eq(script.wakes, 1);
	ck_assert_int_eq(reap(0), 1);
	ck_assert_int_eq(pike_wake(script.q), 0);
	ck_assert_uint_eq(script.wakes, 2);
	ck_assert_int_eq(reap(0), 0);
	script.now += SECOND;
	ck_assert_int_eq(reap(0), 1);
	ck_assert_int_eq(script.next_shown, INT64_MAX);
	script_close();
}
END_TEST

START_TEST(route_is_the_backends_or_the_cores)
{
	script_open(NULL);
	ck_assert_int_eq(pike_route(script.q, PIKE_POLL), PIKE_ROUTE_THREADED);
	ck_assert_int_eq(pike_route(script.q, PIKE_TIMER), PIKE_ROUTE_NATIVE);
	ck_assert_int_eq(pike_route(script.q, 0), -PIKE_EINVAL);
	ck_assert_int_eq(pike_route(script.q, PIKE_OPCODES), -PIKE_EINVAL);
	script_close();
}
END_TEST

UNIT_MAIN("reap", reap_waits_as_long_as_it_may,
    reap_waits_no_longer_than_timers, reap_goes_on_after_an_early_end,
    a_wait_brings_more_than_there_is_room_for, post_wakes_a_sleeper_once,
    a_wait_brings_ops_and_posts, a_wait_may_be_left_by_a_jump,
    wake_ends_one_reap, posts_and_ops_take_turns,
    reap_looks_at_the_system_now_and_then, pollable_shows_what_there_is,
    route_is_the_backends_or_the_cores)
