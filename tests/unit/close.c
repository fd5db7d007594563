/* SPDX-License-Identifier: MIT */
/* The close of a handle and that of a queue, with ops that end later. */
#include "config.h"

#include <check.h>

#include "script.h"
#include "unit.h"

START_TEST(close_waits_for_ops_that_end_later)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	struct pike_op recv = script_op(PIKE_RECV, h);

	script_op_on('a', PIKE_RECV, h);
	script_op_on('b', PIKE_RECV, h);
	script_op_on('c', PIKE_SEND, h);
	script_op_on('x', PIKE_CLOSE, h);
	script_asked("+a +c -a -c");
	script_gives("b:-125");
	ck_assert_int_eq(pike_submit(script.q, &recv), -PIKE_EBADF);
	recv.opcode = PIKE_CLOSE;
	ck_assert_int_eq(pike_submit(script.q, &recv), -PIKE_EBADF);
	ck_assert_int_eq(pike_cancel_handle(script.q, h), -PIKE_EBADF);
	ck_assert_int_eq(pike_fd_of(script.q, h), -PIKE_EBADF);
	ck_assert_int_eq(pike_release(script.q, h), -PIKE_EBADF);
	script_then_end('c', 9);
	script_gives("c:9");
	script_asked("");
	script_then_ended('a', 0);
	script_gives("a:-125 x:0");
	script_asked("x3");
	script_close();
}
END_TEST

/* Some ops are in no lane; they count as well. */
START_TEST(close_waits_for_ops_of_no_lane)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script_op_on('a', PIKE_LISTEN, h);
	script_op_on('x', PIKE_CLOSE, h);
	script_gives("");
	script_asked("+a");
	script_then_end('a', 0);
	script_gives("a:0 x:0");
	script_asked("x3");
	script_close();
}
END_TEST

START_TEST(close_comes_after_a_cancel_of_its_handle)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script_op_on('a', PIKE_RECV, h);
	script_op_on('c', PIKE_CANCEL, h);
	script_op_on('x', PIKE_CLOSE, h);
	script_gives("");
	script_then_ended('a', 0);
	script_gives("a:-125 c:1 x:0");
	script_close();
}
END_TEST

/* The descriptor is gone whatever the system's close says. */
START_TEST(close_tells_no_error)
{
	struct pike_completion c;
	script_open(NULL);

	script.drop_error = 5;
	script_op_on('x', PIKE_CLOSE, script_adopt(3));
	ck_assert_int_eq(pike_reap(script.q, &c, 1, 0), 1);
	ck_assert_int_eq(c.res, 0);
	ck_assert_int_eq(c.err, 0);
	ck_assert_int_eq(c.os_error, 5);
	script_close();
}
END_TEST

/* ---- the queue's end ---- */

START_TEST(queue_close_waits_for_all)
{
	script_open(NULL);
	pike_handle h = script_adopt(3), other = script_adopt(4);
	pike_id a = script_op_on('a', PIKE_RECV, h);

	script_op_on('b', PIKE_SEND, h);
	script_op_on('c', PIKE_RECV, other);
	script_op_on('x', PIKE_CLOSE, other);
	script_submit('d', script_cancel_of(a));
	script_asked("+a +b +c -c -a");
	script_then_ended('b', 0);
	script_then_end('a', 1);
	script_then_ended('c', 0);
	script_close();
	ck_assert_uint_eq(script.waits, 3);
	ck_assert_int_eq(script.waited, -1);
	script_asked("-b x4 o3 closed");
}
END_TEST

/* Ops that wait behind others are not begun by the close of the queue. */
START_TEST(queue_close_starts_nothing)
{
	script_open(NULL);
	script.cancels_at_once = true;
	pike_handle h = script_adopt(3);

	/* The first slot is used again, and comes last in the lane. */
	script_ends_in_start('z', 0);
	script_op_on('z', PIKE_RECV, h);
	script_gives("z:0");
	script_asked("+z");
	for (char letter = 'a'; letter < 'f'; letter++)
		script_op_on(letter, PIKE_RECV, h);
	script_asked("+a");
	script_close();
	script_asked("-a o3 closed");
}
END_TEST

START_TEST(queue_close_drops_timers_and_posts)
{
	struct pike_op timer = script_op(PIKE_TIMER, 0);
	script_open(NULL);

	timer.u.timer.due_ns = SECOND;
	script_submit('a', timer);
	timer.op_flags = PIKE_TIMER_REALTIME;
	script_submit('b', timer);
	ck_assert_int_eq(pike_post(script.q, NULL, 1), 0);
	script_close();
	ck_assert_uint_eq(script.waits, 0);
}
END_TEST

UNIT_MAIN("close", close_waits_for_ops_that_end_later,
    close_waits_for_ops_of_no_lane, close_comes_after_a_cancel_of_its_handle,
    close_tells_no_error, queue_close_waits_for_all, queue_close_starts_nothing,
    queue_close_drops_timers_and_posts)
