/* SPDX-License-Identifier: MIT */
/* How the core hands ops to a backend, and results back. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "alloc.h"
#include "script.h"
#include "unit.h"

/* ---- lanes ---- */

START_TEST(lane_starts_one_at_a_time_in_order)
{
	script_open(NULL);
	pike_handle h = script_adopt(3), other = script_adopt(4);

	script_op_on('a', PIKE_RECV, h);
	script_op_on('b', PIKE_READ, h);
	script_op_on('c', PIKE_RECV, h);
	script_op_on('p', PIKE_SEND, h);
	script_op_on('q', PIKE_WRITE, h);
	script_op_on('x', PIKE_RECV, other);
	script_asked("+a +p +x");
	script_then_end('p', 1);
	script_then_end('a', 2);
	script_gives("p:1 a:2");
	script_asked("+q +b");
	script_then_end('b', 3);
	script_gives("b:3");
	script_asked("+c");
	script_close_at_once();
}
END_TEST

/* Those that end in start leave the lane to the next at once. */
START_TEST(lane_goes_on_past_ops_that_end_in_start)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	for (char letter = 'a'; letter <= 'e'; letter++) {
		if (letter != 'a' && letter != 'd')
			script_ends_in_start(letter, letter);
		script_op_on(letter, PIKE_RECV, h);
	}
	script_asked("+a");
	script_then_end('a', 0);
	script_gives("a:0 b:98 c:99");
	script_asked("+b +c +d");
	script_then_end('d', 0);
	script_gives("d:0 e:101");
	script_close();
}
END_TEST

/* Polls, and what needs no waiting, stand in nobody's way. */
START_TEST(lane_is_not_for_all)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	struct pike_op poll = script_op(PIKE_POLL, h);
	struct pike_op half = script_op(PIKE_SHUTDOWN, h);

	poll.op_flags = PIKE_POLL_IN;
	half.op_flags = PIKE_SHUT_READ;
	script_op_on('a', PIKE_RECV, h);
	script_submit('b', poll);
	script_submit('c', poll);
	script_op_on('d', PIKE_LISTEN, h);
	script_submit('e', half);
	script_asked("+a +b +c +d +e");
	half.op_flags = PIKE_SHUT_WRITE;
	script_op_on('f', PIKE_SEND, h);
	script_submit('g', half);
	script_asked("+f");
	script_then_end('e', 0);
	script_then_end('c', 1);
	script_then_end('f', 1);
	script_then_end('g', 0);
	script_gives("e:0 c:1 f:1 g:0");
	script_then_end('d', 0);
	script_gives("d:0");
	script_close_at_once();
}
END_TEST

START_TEST(attempt_is_for_an_empty_lane)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	pike_id a;

	script_ends_in_attempt('a', 7);
	a = script_op_on('a', PIKE_RECV, h);
	ck_assert_int_eq(pike_cancel(script.q, a), -PIKE_ENOENT);
	script_moves_in_attempt('b', 5);
	script_op_on('b', PIKE_RECV, h);
	script_ends_in_attempt('c', 1);
	script_op_on('c', PIKE_RECV, h);
	script_asked("?a ?b +b (5)");
	script_then_ended('b', 6);
	script_gives("a:7 b:6");
	script_close_at_once();
}
END_TEST

/* Ids of ops that had no slot are as good as others. */
START_TEST(attempt_gives_an_id_of_its_own)
{
	enum {
		MANY = 100
	};
	pike_id ids[MANY];
	script_open(NULL);
	pike_handle h = script_adopt(3);

	for (int i = 0; i < MANY; i++) {
		struct pike_completion c;

		script_ends_in_attempt('a', i);
		ids[i] = script_op_on('a', PIKE_RECV, h);
		for (int k = 0; k < i; k++)
			UNIT_CHECK(ids[k] != ids[i]);
		ck_assert_int_eq(pike_reap(script.q, &c, 1, 0), 1);
		ck_assert_int_eq(c.id, ids[i]);
		ck_assert_int_eq(c.res, i);
	}
	script_close_at_once();
}
END_TEST

/* An error that ends a direction is the answer to all that come later in it,
 * and to those that were waiting. */
START_TEST(lane_remembers_its_end)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);
	struct pike_op half = script_op(PIKE_SHUTDOWN, h);

	half.op_flags = PIKE_SHUT_WRITE;
	script_op_on('a', PIKE_SEND, h);
	script_op_on('b', PIKE_SEND, h);
	script_submit('c', half);
	script_then_end('a', -PIKE_ECONNRESET);
	script_gives("a:-104 b:-104");
	script_asked("+a +c");
	script_then_end('c', 0);
	script_op_on('d', PIKE_SEND, h);
	script_op_on('e', PIKE_RECV, h);
	script_gives("c:0 d:-104");
	script_asked("+e");
	script_close_at_once();
}
END_TEST

/* An op without a handle that makes one: in that handle's lane until it ends,
 * and the handle goes with it when it fails. */
static pike_handle joined;

static void join_now(void)
{
	struct pike__handles *t = &script.q->handles;

	if (joined)
		return;
	ck_assert(pike__handles_reserve(t));

	struct pike__handle *h =
	    pike__handle_take(t, 8, PIKE__SOCKET_STREAM, PIKE__OPENED);

	pike__join(pike__slot_at(&script.q->slots, 0), h);
	joined = h->self;
}

static pike_id connect_to(void)
{
	struct pike_addr addr = {.family = PIKE_AF_INET};
	struct pike_op op = script_op(PIKE_CONNECT_TO, 0);
	pike_id id;

	joined = 0;
	script_open(NULL);
	script.while_waiting = join_now;
	op.addr = &addr;
	id = script_submit('a', op);
	addr.family = 77; /* it was copied */
	script_gives("");
	script_asked("+a");
	ck_assert_int_ne(joined, 0);
	return id;
}

START_TEST(connect_to_keeps_its_handle)
{
	pike_id a = connect_to();

	ck_assert_int_eq(pike_cancel(script.q, a), 0);
	script_then_end('a', 5);
	script_gives("a:5");
	ck_assert_int_eq(pike_fd_of(script.q, joined), 8);
	ck_assert_int_eq(pike_cancel_handle(script.q, joined), 0);
	script_close();
	script_asked("-a x8 closed");
}
END_TEST

START_TEST(connect_to_that_fails_leaves_nothing)
{
	connect_to();
	script_then_end('a', -PIKE_ECONNREFUSED);
	script_gives("a:-111");
	script_asked("x8");
	ck_assert_int_eq(pike_fd_of(script.q, joined), -PIKE_EBADF);
	script_close();
	script_asked("closed");
}
END_TEST

START_TEST(connect_to_is_ended_with_the_queue)
{
	connect_to();
	script_then_ended('a', 0);
	script_close();
	script_asked("-a x8 closed");
}
END_TEST

/* ---- room ---- */

START_TEST(room_is_held_from_submit_to_reap)
{
	struct pike_params p = {.ops_max = 4};
	struct pike_op op;
	struct pike_completion c;
	script_open(&p);
	pike_handle h = script_adopt(3);

	op = script_op(PIKE_RECV, h);
	for (int i = 0; i < 1000; i++) {
		script_op_on('a', PIKE_RECV, h);
		script_op_on('b', PIKE_NOP, 0);
		script_ends_in_attempt('c', 0);
		script_op_on('c', PIKE_SEND, h);
		script_op_on('d', PIKE_CANCEL, h);
		UNIT_EQ(pike_submit(script.q, &op), -PIKE_EAGAIN);
		script_then_ended('a', 0);
		UNIT_EQ(pike_reap(script.q, &c, 1, 0), 1);
		UNIT_EQ(pike_post(script.q, NULL, 0), 0);
		script_op_on('e', PIKE_NOP, 0);
		UNIT_EQ(pike_submit(script.q, &op), -PIKE_EAGAIN);
		for (int n = 0; n < 5; n++)
			UNIT_EQ(pike_reap(script.q, &c, 1, 0), 1);
		UNIT_EQ(pike_reap(script.q, &c, 1, 0), 0);
		script_asked("+a ?c -a");
	}
	script_close();
}
END_TEST

static int asked_for; /* allocations that were refused */

static void *nothing(void *old, size_t size)
{
	if (!size)
		return realloc(old, 0);
	asked_for++;
	return NULL;
}

/* With a limit nothing is allocated later, whatever is submitted. */
START_TEST(room_is_allocated_at_once)
{
	enum {
		OPS = 100
	};
	struct pike_params p = {.ops_max = OPS};
	struct pike_addr addr = {.family = PIKE_AF_INET};
	script_open(&p);
	pike_handle h = script_adopt(3);
	struct pike_op send = script_op(PIKE_SENDTO, h);
	struct pike_op wall = script_timer(SECOND, 0);

	pike__realloc_hook = nothing;
	send.addr = &addr;
	send.timeout_ns = SECOND;
	wall.op_flags = PIKE_TIMER_REALTIME;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < OPS; i++)
			script_submit('a', round ? wall : send);
		ck_assert_int_eq(pike_submit(script.q, &send), -PIKE_EAGAIN);
		script.cancels_at_once = true;
		script.now += SECOND;
		for (int i = 0; i < OPS;) {
			struct pike_completion out[7];
			int n = pike_reap(script.q, out, 7, 0);

			ck_assert_int_gt(n, 0);
			i += n;
		}
	}
	ck_assert_int_eq(asked_for, 0);
	script_close();
	pike__realloc_hook = NULL;
}
END_TEST

/* ---- the short way of a send ---- */

static pike_id send_plain(char letter, pike_handle h, size_t len)
{
	static char bytes[16];
	struct pike_op op = script_op(PIKE_SEND, h);

	op.buf = bytes;
	op.len = len;
	return script_submit(letter, op);
}

START_TEST(send_at_once)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	script.send_takes = 16;
	pike_id a = send_plain('a', h, 5);
	ck_assert_int_eq(pike_cancel(script.q, a), -PIKE_ENOENT);
	script_asked("!3");
	script.send_takes = 2;
	send_plain('b', h, 5);
	script_asked("!3 +b (2)");
	send_plain('c', h, 5);
	script_then_ended('b', 5);
	script_then_end('c', 5);
	script_gives("a:5 b:5 c:5");
	script_asked("+c");
	script.send_takes = -1;
	script_ends_in_attempt('d', -PIKE_EPIPE);
	send_plain('d', h, 5);
	send_plain('e', h, 5);
	script_asked("!3 ?d");
	script_gives("d:-32 e:-32");
	script_close();
}
END_TEST

/* Bytes that have left cannot be taken back when memory for the rest is
 * missing. */
START_TEST(send_at_once_without_memory)
{
	script_open(NULL);
	pike_handle h = script_adopt(3);

	pike__realloc_hook = nothing;
	script.send_takes = 2;
	send_plain('a', h, 5);
	script.send_takes = -1;
	send_plain('b', h, 5);
	script_gives("a:2/12 b:-12");
	script_asked("!3 !3");
	script_close();
	pike__realloc_hook = NULL;
}
END_TEST

/* Not into a handle that is being closed, which may take a while. */
START_TEST(send_at_once_to_a_closing_handle)
{
	char byte = 0;
	script_open(NULL);
	pike_handle h = script_adopt(3);
	struct pike_op send = script_op(PIKE_SEND, h);

	send.buf = &byte;
	send.len = 1;
	script_op_on('a', PIKE_RECV, h);
	script_op_on('x', PIKE_CLOSE, h);
	ck_assert_int_eq(pike_submit(script.q, &send), -PIKE_EBADF);
	send.opcode = PIKE_RECV;
	ck_assert_int_eq(pike_submit(script.q, &send), -PIKE_EBADF);
	script_asked("+a -a");
	script_then_ended('a', 0);
	script_gives("a:-125 x:0");
	script_close();
}
END_TEST

UNIT_MAIN("core", lane_starts_one_at_a_time_in_order,
    lane_goes_on_past_ops_that_end_in_start, lane_is_not_for_all,
    attempt_is_for_an_empty_lane, attempt_gives_an_id_of_its_own,
    lane_remembers_its_end, connect_to_keeps_its_handle,
    connect_to_that_fails_leaves_nothing, connect_to_is_ended_with_the_queue,
    room_is_held_from_submit_to_reap, room_is_allocated_at_once, send_at_once,
    send_at_once_without_memory, send_at_once_to_a_closing_handle)
