/* SPDX-License-Identifier: MIT */
/* Ops of many results: multishot ones, and timers. */
#include "config.h"

#include <check.h>

#include "script.h"
#include "unit.h"

static struct pike_op accept_of(pike_handle h, struct pike_addr *addr)
{
	struct pike_op op = script_op(PIKE_ACCEPT, h);

	op.flags = PIKE_MULTISHOT;
	op.addr = addr;
	return op;
}

START_TEST(shots_pause_without_room)
{
	struct pike_params p = {.shots_max = 2};
	struct pike_completion out[2];
	script_open(&p);
	pike_handle h = script_adopt(3);

	script_submit('a', accept_of(h, NULL));
	for (int i = 1; i < 5; i++)
		script_then_shot('a', i);
	for (int i = 0; i < 4; i++)
		script.q->backend->wait(script.q, 0);
	script_asked("+a (no room for a) (no room for a)");
	ck_assert_int_eq(pike_reap(script.q, out, 1, 0), 1);
	ck_assert_int_eq(out[0].res, 1);
	ck_assert_uint_eq(out[0].flags, PIKE_MORE);
	script_asked("");
	ck_assert_int_eq(pike_reap(script.q, out, 2, 0), 1);
	ck_assert_int_eq(out[0].res, 2);
	script_asked("+a");
	script_then_shot('a', 3);
	script_then_end('a', -PIKE_EMFILE);
	script_gives("a:3+ a:-24");
	script_close();
}
END_TEST

/* An op that writes where the last result was written waits until that has
 * been seen, which is when the next reap begins. */
START_TEST(shots_that_write_come_singly)
{
	struct pike_addr addr;
	struct pike_completion out[8];
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script_submit('a', accept_of(h, &addr));
	script_then_shot('a', 1);
	script_then_shot('a', 2);
	ck_assert_int_eq(pike_reap(script.q, out, 8, 0), 1);
	script.q->backend->wait(script.q, 0);
	script_asked("+a");
	ck_assert_int_eq(pike_reap(script.q, out, 8, 0), 1);
	script_then_shot('a', 3);
	script_then_shot('a', 4);
	script.q->backend->wait(script.q, 0);
	script.q->backend->wait(script.q, 0);
	script_asked("(no room for a)");
	script_gives("a:3+");
	script_asked("+a");
	script_close_at_once();
}
END_TEST

START_TEST(shots_of_a_paused_op_that_is_cancelled)
{
	struct pike_params p = {.shots_max = 1};
	script_open(&p);
	pike_handle h = script_adopt(3);
	pike_id a = script_submit('a', accept_of(h, NULL));

	script_then_shot('a', 1);
	script_then_shot('a', 2);
	script.q->backend->wait(script.q, 0);
	script.q->backend->wait(script.q, 0);
	script_asked("+a (no room for a)");
	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	script_then_ended('a', 0);
	script.q->backend->wait(script.q, 0);
	ck_assert_ptr_null(script.q->paused);
	script_gives("a:1+ a:-125");
	script_asked("-a");
	script_close();
}
END_TEST

/* Of several that wait for room none is passed over for ever. */
START_TEST(shots_of_many_take_turns)
{
	enum {
		OPS = 5
	};
	struct pike_params p = {.shots_max = 1};
	int given[OPS] = {0};
	script_open(&p);
	struct pike_op poll = script_op(PIKE_POLL, script_adopt(3));

	poll.op_flags = PIKE_POLL_IN;
	poll.flags = PIKE_MULTISHOT;
	for (int i = 0; i < OPS; i++) {
		script_submit((char)('a' + i), poll);
		script_then_shoots((char)('a' + i));
	}
	for (int i = 0; i < 20 * OPS; i++) {
		struct pike_completion c;

		UNIT_EQ(pike_reap(script.q, &c, 1, 0), 1);
		given[(int)(uintptr_t)c.user_data - 'a']++;
		script_forget();
	}
	for (int i = 0; i < OPS; i++) {
		ck_assert_int_ge(given[i], 15);
		ck_assert_int_le(given[i], 25);
	}
	script_close_at_once();
}
END_TEST

/* ---- timers ---- */

START_TEST(timer_counts_what_it_missed)
{
	struct pike_params p = {.shots_max = 1};
	script_open(&p);

	pike_id a = script_submit('a', script_timer(SECOND, 2 * SECOND));
	script.now += SECOND - 1;
	script_gives("");
	script.now += 1;
	script_gives("a:1+");
	script.now += 7 * SECOND;
	script_gives("a:3+");
	/* While a result waits to be reaped, the next ones are added up. */
	script.now += SECOND;
	pike__expire(script.q);
	for (int i = 0; i < 5; i++) {
		script.now += 2 * SECOND;
		pike__expire(script.q);
	}
	script_gives("a:1+ a:5+");
	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	script_gives("a:-125");
	script_close();
}
END_TEST

START_TEST(timer_follows_the_wall_clock)
{
	struct pike_op wall = script_timer(0, 0);
	script_open(NULL);

	wall.op_flags = PIKE_TIMER_REALTIME | PIKE_TIMER_ABSOLUTE;
	wall.u.timer.due_ns = script.now + script.wall_ahead + 10 * SECOND;
	script_submit('a', wall);
	script_gives("");
	script.wall_ahead += 9 * SECOND;
	script_gives("");
	script.wall_ahead += SECOND;
	script_gives("a:1");
	script_close();
}
END_TEST

START_TEST(timers_due_at_once_come_in_order)
{
	script_open(NULL);
	script_submit('c', script_timer(2 * SECOND, 0));
	script_submit('a', script_timer(SECOND, 0));
	script_submit('d', script_timer(2 * SECOND, 0));
	script_submit('b', script_timer(SECOND, 0));
	script.now += 3 * SECOND;
	script_gives("a:1 b:1 c:1 d:1");
	script_close();
}
END_TEST

UNIT_MAIN("shots", shots_pause_without_room, shots_that_write_come_singly,
    shots_of_a_paused_op_that_is_cancelled, shots_of_many_take_turns,
    timer_counts_what_it_missed, timer_follows_the_wall_clock,
    timers_due_at_once_come_in_order)
