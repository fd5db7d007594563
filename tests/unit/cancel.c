/* SPDX-License-Identifier: MIT */
/*
 * Ends that come later than they were asked for, by a cancel or a deadline, as
 * on systems whose cancel is a request too.
 */
#include "config.h"

#include <check.h>

#include "alloc.h"
#include "script.h"
#include "unit.h"

static struct pike_op with_deadline(int opcode, pike_handle h, int64_t ns)
{
	struct pike_op op = script_op(opcode, h);

	op.timeout_ns = ns;
	return op;
}

/* ---- cancel ---- */

START_TEST(cancel_is_a_request)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);

	script_asked("+a");
	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	script_asked("-a");
	script_gives("");
	ck_assert_int_eq(pike_cancel(script.q, a), -PIKE_EALREADY);
	ck_assert_int_eq(pike_cancel_handle(script.q, h), 0);
	ck_assert_int_eq(pike_release(script.q, h), -PIKE_EBUSY);
	script_asked("");
	script_then_ended('a', 0);
	script_gives("a:-125");
	ck_assert_int_eq(pike_cancel(script.q, a), -PIKE_ENOENT);
	ck_assert_int_eq(pike_release(script.q, h), 3);
	script_close();
}
END_TEST

START_TEST(cancel_loses_against_the_result)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);
	pike_id b = script_op_on('b', PIKE_SEND, h);

	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	ck_assert_int_eq(pike_cancel(script.q, b), 0);
	script_then_end('a', 10);
	script_then_end('b', -PIKE_ECONNRESET);
	script_gives("a:10 b:-104");
	script_close();
}
END_TEST

/* What the op before it left behind is not started by a cancel of it. */
START_TEST(cancel_of_what_waits_is_done_at_once)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script_op_on('a', PIKE_RECV, h);
	pike_id b = script_op_on('b', PIKE_RECV, h);
	script_op_on('c', PIKE_RECV, h);
	ck_assert_int_eq(pike_cancel(script.q, b), 0);
	ck_assert_int_eq(pike_cancel(script.q, b), -PIKE_ENOENT);
	script_asked("+a");
	script_gives("b:-125");
	script_then_end('a', 1);
	script_gives("a:1");
	script_asked("+c");
	script_then_end('c', 1);
	script_gives("c:1");
	script_close();
}
END_TEST

/* The next of the lane begins when the cancelled one has really ended. */
START_TEST(cancel_holds_the_lane_until_the_end)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);

	script_op_on('b', PIKE_RECV, h);
	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	script_gives("");
	script_asked("+a -a");
	script_then_ended('a', 0);
	script_gives("a:-125");
	script_asked("+b");
	script_then_end('b', 4);
	script_gives("b:4");
	script_close();
}
END_TEST

/* Bytes that were moved count; a send that stopped in between ends writing. */
START_TEST(cancel_after_some_bytes)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);
	pike_id b = script_op_on('b', PIKE_SEND, h);

	script_op_on('c', PIKE_SEND, h);
	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	ck_assert_int_eq(pike_cancel(script.q, b), 0);
	script_then_ended('a', 5);
	script_then_ended('b', 6);
	script_gives("a:5/125 b:6/125 c:-32");
	script_asked("+a +b -a -b");
	script_op_on('d', PIKE_SEND, h);
	script_op_on('e', PIKE_RECV, h);
	script_asked("+e");
	script_then_end('e', 1);
	script_gives("d:-32 e:1");
	script_close();
}
END_TEST

START_TEST(cancel_of_a_handle_counts_what_it_asked)
{
	script_open(NULL);
	pike_handle h = script_adopt(3), other = script_adopt(4);

	script_op_on('a', PIKE_RECV, h);
	script_op_on('b', PIKE_RECV, h);
	script_op_on('c', PIKE_SEND, h);
	struct pike_op poll = script_op(PIKE_POLL, h);
	poll.op_flags = PIKE_POLL_IN;
	script_submit('d', poll);
	script_submit('e', poll);
	script_op_on('f', PIKE_RECV, other);
	script_asked("+a +c +d +e +f");
	ck_assert_int_eq(pike_cancel_handle(script.q, h), 5);
	script_asked("-a -c -d -e");
	script_gives("b:-125");
	ck_assert_int_eq(pike_cancel_handle(script.q, h), 0);
	script_then_ended('e', 0);
	script_then_end('a', 3);
	script_then_ended('c', 0);
	script_then_ended('d', 0);
	script_gives("e:-125 a:3 c:-125 d:-125");
	script_then_end('f', 1);
	script_gives("f:1");
	script_asked("");
	script_close();
}
END_TEST

/* When the backend ends ops at once, those behind them are not begun. */
START_TEST(cancel_of_a_handle_starts_nothing)
{
	script_open(NULL);
	script.cancels_at_once = true;
	pike_handle h = script_adopt(3);

	script_op_on('a', PIKE_RECV, h);
	script_op_on('b', PIKE_RECV, h);
	script_op_on('c', PIKE_SEND, h);
	script_op_on('d', PIKE_SEND, h);
	ck_assert_int_eq(pike_cancel_handle(script.q, h), 4);
	script_asked("+a +c -a -c");
	script_gives("a:-125 b:-125 c:-125 d:-125");
	script_op_on('e', PIKE_RECV, h);
	script_asked("+e");
	script_close();
}
END_TEST

/* ---- cancel as an op ---- */

START_TEST(cancel_op_comes_after_its_target)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);
	pike_id b = script_op_on('b', PIKE_SEND, h);

	script_submit('c', script_cancel_of(a));
	script_submit('d', script_cancel_of(b));
	script_asked("+a +b -a -b");
	script_gives("");
	script_then_end('b', 7);
	script_gives("b:7 d:0");
	script_then_ended('a', 0);
	script_gives("a:-125 c:0");
	script_close();
}
END_TEST

START_TEST(cancel_ops_of_one_target_all_wait)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);

	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	script_submit('b', script_cancel_of(a));
	script_submit('c', script_cancel_of(a));
	script_gives("");
	script_then_ended('a', 0);
	script_gives("a:-125 b:-114 c:-114");
	script_submit('d', script_cancel_of(a));
	script_gives("d:-2");
	script_close();
}
END_TEST

START_TEST(cancel_op_of_a_handle_waits_for_all)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script_op_on('a', PIKE_RECV, h);
	script_op_on('b', PIKE_SEND, h);
	script_op_on('c', PIKE_CANCEL, h);
	script_then_ended('b', 0);
	script_gives("b:-125");
	script_then_ended('a', 0);
	script_gives("a:-125 c:2");
	script_op_on('d', PIKE_CANCEL, h);
	script_op_on('e', PIKE_CANCEL, h + 1);
	script_gives("d:0 e:-9");
	script_close();
}
END_TEST

START_TEST(cancel_of_a_close_or_cancel_is_refused)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);
	pike_id b = script_submit('b', script_cancel_of(a));
	pike_id c = script_op_on('c', PIKE_CLOSE, h);

	ck_assert_int_eq(pike_cancel(script.q, b), -PIKE_EINVAL);
	ck_assert_int_eq(pike_cancel(script.q, c), -PIKE_EINVAL);
	script_submit('d', script_cancel_of(b));
	script_submit('e', script_cancel_of(c));
	script_gives("d:-22 e:-22");
	script_then_ended('a', 0);
	script_gives("a:-125 b:0 c:0");
	script_close();
}
END_TEST

/* As many as memory holds must not need as much stack. */
START_TEST(cancel_ops_without_number)
{
	enum {
		MANY = 200000
	};
	static struct pike_completion out[MANY + 1];
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_op_on('a', PIKE_RECV, h);
	struct pike_op op = script_cancel_of(a);

	for (int i = 0; i < MANY; i++)
		UNIT_CHECK(pike_submit(script.q, &op) > 0);
	script_then_ended('a', 0);
	UNIT_EQ(pike_reap(script.q, out, MANY + 1, 0), MANY + 1);
	UNIT_EQ(out[0].id, a);
	UNIT_EQ(out[1].res, 0);
	for (int i = 2; i <= MANY; i++)
		UNIT_EQ(out[i].res, -PIKE_EALREADY);
	script_close();
}
END_TEST

/* ---- deadlines ---- */

START_TEST(deadline_is_a_request_too)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_submit('a', with_deadline(PIKE_RECV, h, 2 * SECOND));
	pike_id b = script_submit('b', with_deadline(PIKE_SEND, h, 3 * SECOND));

	script.now += 2 * SECOND - 1;
	script_gives("");
	script_asked("+a +b");
	script.now += 1;
	script_gives("");
	script_asked("-a");
	ck_assert_int_eq(pike_cancel(script.q, a), -PIKE_EALREADY);
	script_then_ended('a', 0);
	script_gives("a:-62");
	script.now += SECOND;
	script_gives("");
	script_then_end('b', 12);
	script_gives("b:12");
	ck_assert_int_eq(pike_cancel(script.q, b), -PIKE_ENOENT);
	script_close();
}
END_TEST

/* Which came first says why; the other changes nothing. */
START_TEST(deadline_after_a_cancel)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a = script_submit('a', with_deadline(PIKE_RECV, h, SECOND));

	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	script.now += 2 * SECOND;
	script_gives("");
	script_asked("+a -a");
	script_then_ended('a', 0);
	script_gives("a:-125");
	script_close();
}
END_TEST

START_TEST(deadline_of_what_waits)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script_op_on('a', PIKE_SEND, h);
	script_submit('b', with_deadline(PIKE_SEND, h, SECOND));
	script_submit('c', with_deadline(PIKE_SEND, h, SECOND));
	script.now += SECOND;
	script_gives("b:-62 c:-62");
	script_then_end('a', 1);
	script_gives("a:1");
	script_asked("+a");
	script_close();
}
END_TEST

/* One that ended in time leaves no deadline behind for the next in its slot. */
START_TEST(deadline_ends_with_its_op)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script_submit('a', with_deadline(PIKE_RECV, h, SECOND));
	script_then_end('a', 1);
	script_gives("a:1");
	script_op_on('b', PIKE_RECV, h);
	script.now += 10 * SECOND;
	script_gives("");
	script_asked("+a +b");
	script.cancels_at_once = true;
	script_close();
}
END_TEST

UNIT_MAIN("cancel", cancel_is_a_request, cancel_loses_against_the_result,
    cancel_of_what_waits_is_done_at_once, cancel_holds_the_lane_until_the_end,
    cancel_after_some_bytes, cancel_of_a_handle_counts_what_it_asked,
    cancel_of_a_handle_starts_nothing, cancel_op_comes_after_its_target,
    cancel_ops_of_one_target_all_wait, cancel_op_of_a_handle_waits_for_all,
    cancel_of_a_close_or_cancel_is_refused, cancel_ops_without_number,
    deadline_is_a_request_too, deadline_after_a_cancel, deadline_of_what_waits,
    deadline_ends_with_its_op)
