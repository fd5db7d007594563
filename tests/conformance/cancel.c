/* SPDX-License-Identifier: MIT */
/*
 * Cancelling: a request, not an answer. What it refuses, what it ends, what
 * it leaves alone and what the cancelled leave behind.
 */
#include "pending.h"
#include "random.h"

/* ------------------------------------------------------ what it is not -- */

CASE(cancel_of_what_never_was_is_enoent)
{
	const pike_id ids[] = {
	    0, -1, 1, 77, INT64_C(1) << 32, INT64_MAX, INT64_MIN, -PIKE_EBADF};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ck_assert_int_eq(pike_cancel(rig->q, ids[i]), -PIKE_ENOENT);
	for (size_t i = 1; i < ARRAY_LEN(ids); i++)
		expect_op(rig, op_cancel(ids[i]), -PIKE_ENOENT);
}

/* Finished, though nobody has reaped it. */
CASE(cancel_of_a_finished_op_that_waits_to_be_reaped_is_too_late)
{
	struct pike_op op = op_nop();
	struct pike_completion c;
	pike_id ids[2];

	for (int i = 0; i < 2; i++)
		ids[i] = pike_submit(rig->q, &op);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	pike_id left = c.id == ids[0] ? ids[1] : ids[0];
	int r = pike_cancel(rig->q, left);
	ck_assert(r == 0 || r == -PIKE_ENOENT);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_eq(c.id, left);
	ck_assert(c.res == 0 || (r == 0 && c.res == -PIKE_ECANCELED));
}

/* M178 */
CASE(a_cancel_cannot_be_cancelled)
{
	pike_id timer = submit(rig, op_timer(INT64_MAX));
	pike_id by = submit(rig, op_cancel(timer));
	int r = pike_cancel(rig->q, by);

	ck_assert(r == -PIKE_EINVAL || r == -PIKE_ENOENT);
	expect_error(rig, timer, PIKE_ECANCELED);
	expect_one(rig, by, 0, 0, 0);
	ck_assert_int_eq(pike_cancel(rig->q, by), -PIKE_ENOENT);
}

/* M178 */
CASE(a_second_cancel_op_finds_nothing_left_to_do)
{
	pike_id timer = submit(rig, op_timer(INT64_MAX));
	pike_id first = submit(rig, op_cancel(timer));
	struct pike_completion c = perform(rig, op_cancel(timer));

	ck_assert(c.res == -PIKE_EALREADY || c.res == -PIKE_ENOENT);
	expect_error(rig, timer, PIKE_ECANCELED);
	expect_one(rig, first, 0, 0, 0);
}

CASE(a_close_cannot_be_cancelled)
{
	pike_handle h;
	pike_fd peer;

	if (!rig_peer(rig, RIG_UNIX, &h, &peer))
		SKIP("no Unix sockets");
	char byte;
	pike_id in = submit(rig, op_recv(h, &byte, 1));
	pike_id id = submit(rig, op_close(h));
	int r = pike_cancel(rig->q, id);
	ck_assert(r == -PIKE_EINVAL || r == -PIKE_ENOENT);
	struct pike_completion c = perform(rig, op_cancel(id));
	ck_assert(c.res == -PIKE_EINVAL || c.res == -PIKE_ENOENT);
	expect_error(rig, in, PIKE_ECANCELED);
	expect_one(rig, id, 0, 0, 0);
}

CASE(cancel_of_a_stale_handle_is_ebadf)
{
	const pike_handle handles[] = {0, -1, 1, 77, INT64_MAX, INT64_MIN};
	pike_handle h;
	pike_fd peer;

	for (size_t i = 0; i < ARRAY_LEN(handles); i++)
		ck_assert_int_eq(
		    pike_cancel_handle(rig->q, handles[i]), -PIKE_EBADF);
	rig_peer(rig, RIG_PIPE, &h, &peer);
	ck_assert_int_eq(pike_cancel_handle(rig->q, h), 0);
	expect_op(rig, op_close(h), 0);
	ck_assert_int_eq(pike_cancel_handle(rig->q, h), -PIKE_EBADF);
}

/* ------------------------------------------------- what it leaves alone -- */

/* A5 */
CASE(cancel_of_one_direction_leaves_the_others_waiting)
{
	static char room[65536];
	pike_handle h;
	pike_fd peer;
	char in[8];

	rig_full(rig, RIG_UNIX, &h, &peer);
	pike_id recv = submit(rig, op_recv(h, in, 8));
	pike_id send = submit(rig, op_send(h, "12345678", 8));
	pike_id poll = submit(rig, op_poll(h, PIKE_POLL_IN));
	fence(rig);
	ck_assert_int_eq(pike_cancel(rig->q, recv), 0);
	expect_error(rig, recv, PIKE_ECANCELED);
	fence(rig);
	expect_pending(rig, send);
	expect_pending(rig, poll);
	ck_assert_int_eq(port_write(peer, "x", 1), 1);
	struct pike_completion c = wait_one(rig, poll);
	ck_assert_int_eq(c.res & PIKE_POLL_IN, PIKE_POLL_IN);
	expect_pending(rig, send);
	while (port_read(peer, room, sizeof(room)) > 0)
		continue;
	c = wait_one(rig, send);
	ck_assert_int_gt(c.res, 0);
	expect_op(rig, op_recv(h, in, 8), 1);
}

CASE(cancel_of_the_first_recv_lets_the_second_have_the_data)
{
	pike_handle h;
	pike_fd peer;
	char a[4] = "", b[4] = "", c[4] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id first = submit(rig, op_recv(h, a, 1));
	pike_id second = submit(rig, op_recv(h, b, 1));
	pike_id third = submit(rig, op_recv(h, c, 1));
	fence(rig);
	ck_assert_int_eq(pike_cancel(rig->q, first), 0);
	expect_error(rig, first, PIKE_ECANCELED);
	ck_assert_int_eq(port_write(peer, "xy", 2), 2);
	expect_one(rig, second, 1, 0, 0);
	expect_one(rig, third, 1, 0, 0);
	ck_assert_int_eq(a[0], 0);
	ck_assert_int_eq(b[0], 'x');
	ck_assert_int_eq(c[0], 'y');
}

CASE(cancel_of_a_recv_in_the_middle_keeps_the_order)
{
	pike_handle h;
	pike_fd peer;
	char buf[8] = "";
	pike_id ids[8];

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 8; i++)
		ids[i] = submit(rig, op_recv(h, &buf[i], 1));
	for (int i = 1; i < 8; i += 2) {
		ck_assert_int_eq(pike_cancel(rig->q, ids[i]), 0);
		expect_error(rig, ids[i], PIKE_ECANCELED);
	}
	ck_assert_int_eq(port_write(peer, "abcd", 4), 4);
	for (int i = 0; i < 8; i += 2) {
		expect_one(rig, ids[i], 1, 0, 0);
		ck_assert_int_eq(buf[i], 'a' + i / 2);
		ck_assert_int_eq(buf[i + 1], 0);
	}
}

/* It moved nothing, so the direction goes on; the rest goes in order. */
CASE(cancel_of_a_send_that_moved_nothing_leaves_the_stream_whole)
{
	pike_handle h;
	pike_fd peer;
	char got[8];
	int64_t full = rig_full(rig, RIG_UNIX, &h, &peer);

	pike_id a = submit(rig, op_flags(op_send(h, "AAAA", 4), PIKE_ALL));
	pike_id b = submit(rig, op_flags(op_send(h, "BBBB", 4), PIKE_ALL));
	pike_id c = submit(rig, op_flags(op_send(h, "CCCC", 4), PIKE_ALL));
	fence(rig);
	ck_assert_int_eq(pike_cancel(rig->q, b), 0);
	expect_error(rig, b, PIKE_ECANCELED);
	/* No more than there was: what is sent meanwhile comes behind it. */
	peer_drain(rig, peer, full);
	expect_one(rig, a, 4, 0, 0);
	expect_one(rig, c, 4, 0, 0);
	peer_read(rig, peer, got, 8);
	ck_assert_mem_eq(got, "AAAACCCC", 8);
}

/* A stream with a hole in it is none: the direction is over. */
CASE(cancel_of_a_send_that_moved_some_ends_the_sending_direction)
{
	static char big[1 << 22], got[1 << 16];
	int64_t n, total = 0;
	pike_handle h;
	pike_fd peer;

	if (!rig_peer(rig, RIG_UNIX, &h, &peer))
		SKIP("no Unix sockets");
	pike_id a =
	    submit(rig, op_flags(op_send(h, big, sizeof(big)), PIKE_ALL));
	pike_id b = submit(rig, op_send(h, "b", 1));
	fence(rig);
	expect_pending(rig, a);
	ck_assert_int_eq(pike_cancel(rig->q, a), 0);
	struct pike_completion c = wait_one(rig, a);
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_lt(c.res, (int64_t)sizeof(big));
	ck_assert_int_eq(c.err, PIKE_ECANCELED);
	expect_error(rig, b, PIKE_EPIPE);
	expect_op(rig, op_send(h, "c", 1), -PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITE, h, "d", 1), -PIKE_EPIPE);
	while ((n = port_read(peer, got, sizeof(got))) > 0)
		total += n;
	ck_assert_int_eq(total, c.res);
	/* The other direction does not mind. */
	ck_assert_int_eq(port_write(peer, "e", 1), 1);
	expect_op(rig, op_recv(h, got, 1), 1);
	expect_op(rig, op_close(h), 0);
}

CASE(cancel_of_a_recv_that_moved_some_reports_them)
{
	pike_handle h;
	pike_fd peer;
	char buf[8] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_flags(op_recv(h, buf, 8), PIKE_ALL));
	ck_assert_int_eq(port_write(peer, "abc", 3), 3);
	fence(rig);
	expect_pending(rig, id);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	struct pike_completion c = wait_one(rig, id);
	ck_assert_int_eq(c.res, 3);
	ck_assert_int_eq(c.err, PIKE_ECANCELED);
	ck_assert_mem_eq(buf, "abc\0\0\0\0\0", 8);
	/* Nothing is lost: the stream goes on behind them. */
	ck_assert_int_eq(port_write(peer, "d", 1), 1);
	expect_op(rig, op_recv(h, buf, 8), 1);
	ck_assert_int_eq(buf[0], 'd');
}

CASE(cancel_handle_counts_what_it_ends_and_leaves_other_handles)
{
	pike_handle h, other;
	pike_fd full, peer;
	char in[4] = {0};

	rig_full(rig, RIG_UNIX, &h, &full);
	rig_peer(rig, RIG_TCP, &other, &peer);
	pike_id stays = submit(rig, op_recv(other, in, 4));
	pike_id timer = submit(rig, op_timer(INT64_MAX));
	pike_id ids[6];
	for (int i = 0; i < 3; i++)
		ids[i] = submit(rig, op_recv(h, in, 4));
	ids[3] = submit(rig, op_poll(h, PIKE_POLL_IN));
	ids[4] = submit(rig, op_send(h, in, 4));
	ids[5] = submit(rig, op_send(h, in, 4));
	fence(rig);
	ck_assert_int_eq(pike_cancel_handle(rig->q, h), 6);
	for (int i = 0; i < 6; i++)
		expect_error(rig, ids[i], PIKE_ECANCELED);
	fence(rig);
	expect_pending(rig, stays);
	expect_pending(rig, timer);
	ck_assert_int_eq(pike_cancel(rig->q, stays), 0);
	ck_assert_int_eq(pike_cancel(rig->q, timer), 0);
	expect_error(rig, stays, PIKE_ECANCELED);
	expect_error(rig, timer, PIKE_ECANCELED);
}

/* What a cancelled connect leaves takes a close and nothing else. */
CASE(cancel_of_a_connect_leaves_a_handle_that_only_closes)
{
	struct pending p;

	pending_make(rig, PENDING_connect, &p);
	pike_id id = submit(rig, p.op);
	fence(rig);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	expect_error(rig, id, PIKE_ECANCELED);
	expect_op(rig, p.op, -PIKE_EINVAL);
	expect_op(rig, op_send(p.h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_close(p.h), 0);
}

/* N185 */
CASE(cancel_of_an_accept_loses_no_connection_that_came_before)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));
	struct pike_completion c;
	int taken = 0;

	for (int i = 0; i < 10; i++)
		rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	rig_reap(rig, 0);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	for (c = wait_one(rig, id); c.flags & PIKE_MORE; c = wait_one(rig, id))
		taken++;
	ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	for (; taken < 10; taken++)
		ck_assert_int_gt(perform(rig, op_accept(h)).res, 0);
	id = submit(rig, op_accept(h));
	fence(rig);
	expect_pending(rig, id);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	expect_error(rig, id, PIKE_ECANCELED);
}

/* M177: until it was reaped the buffer is pike's, afterwards nobody's. */
CASE(a_cancelled_recv_writes_no_more_once_it_was_reaped)
{
	pike_handle h;
	pike_fd peer;
	char buf[64];

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 100; i++) {
		pike_id id = submit(rig, op_recv(h, buf, sizeof(buf)));
		rig_reap(rig, 0);
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
		expect_error(rig, id, PIKE_ECANCELED);
		memset(buf, 0x77, sizeof(buf));
		ck_assert_int_eq(port_write(peer, "data", 4), 4);
		fence(rig);
		for (size_t k = 0; k < sizeof(buf); k++)
			ck_assert_int_eq(buf[k], 0x77);
		expect_op(rig, op_recv(h, buf, 4), 4);
	}
}

CASE(ten_thousand_waiting_ops_are_cancelled_in_any_order)
{
	enum {
		OPS = 10000
	};
	static pike_id ids[OPS];
	static char buf[OPS];
	struct random random;
	pike_handle h;
	pike_fd peer;

	random_begin(&random, "ten_thousand_waiting_ops");
	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < OPS; i++)
		ids[i] = submit(
		    rig, i & 1 ? op_timer(INT64_MAX) : op_recv(h, &buf[i], 1));
	rig_reap(rig, 0);
	for (unsigned i = OPS; i > 0; i--) {
		unsigned at = random_below(&random, i);
		ck_assert_int_eq(pike_cancel(rig->q, ids[at]), 0);
		ids[at] = ids[i - 1];
	}
	for (int i = 0; i < OPS; i++)
		ck_assert_int_eq(wait_any(rig).res, -PIKE_ECANCELED);
}

int main(void)
{
	area_begin("cancel");
	area_add(cancel_of_what_never_was_is_enoent);
	area_add(cancel_of_a_finished_op_that_waits_to_be_reaped_is_too_late);
	area_add(a_cancel_cannot_be_cancelled);
	area_add(a_second_cancel_op_finds_nothing_left_to_do);
	area_add(a_close_cannot_be_cancelled);
	area_add(cancel_of_a_stale_handle_is_ebadf);
	area_add(cancel_of_one_direction_leaves_the_others_waiting);
	area_add(cancel_of_the_first_recv_lets_the_second_have_the_data);
	area_add(cancel_of_a_recv_in_the_middle_keeps_the_order);
	area_add(cancel_of_a_send_that_moved_nothing_leaves_the_stream_whole);
	area_add(cancel_of_a_send_that_moved_some_ends_the_sending_direction);
	area_add(cancel_of_a_recv_that_moved_some_reports_them);
	area_add(cancel_handle_counts_what_it_ends_and_leaves_other_handles);
	area_add(cancel_of_a_connect_leaves_a_handle_that_only_closes);
	area_add(cancel_of_an_accept_loses_no_connection_that_came_before);
	area_add(a_cancelled_recv_writes_no_more_once_it_was_reaped);
	area_add(ten_thousand_waiting_ops_are_cancelled_in_any_order);
	return area_end();
}
