/* SPDX-License-Identifier: MIT */
/* Streams of bytes: order, parts, PIKE_ALL, and what stops a transfer. */
#include "harness.h"

#define MIB (1 << 20)

/* -- order -- */

/* Trap 46: eight ways to send, and the peer reads them as submitted. */
static void eight_sends(struct rig *rig, enum rig_kind kind)
{
	static const int kinds[] = {PIKE_SEND, PIKE_WRITE, PIKE_WRITEV,
	    PIKE_SENDTO, PIKE_SENDMSG, PIKE_SEND, PIKE_WRITEV, PIKE_WRITE};
	char out[8] = "01234567", in[8];
	struct pike_iovec iov[8];
	struct pike_msg msg[8] = {{0}};
	pike_handle h;
	pike_fd peer;
	pike_id id[8];
	int64_t junk = rig_full(rig, kind, &h, &peer);

	for (int i = 0; i < 8; i++) {
		iov[i] = (struct pike_iovec){&out[i], 1};
		msg[i].iov = &iov[i];
		msg[i].iov_count = 1;
		void *buf = kinds[i] == PIKE_WRITEV    ? (void *)&iov[i]
			    : kinds[i] == PIKE_SENDMSG ? (void *)&msg[i]
						       : &out[i];
		id[i] = submit(rig, op_io(kinds[i], h, buf, 1));
	}
	fence(rig);
	for (int i = 0; i < 8; i++)
		expect_pending(rig, id[i]);
	peer_drain(rig, peer, junk);
	peer_read(rig, peer, in, 8);
	ck_assert_mem_eq(in, out, 8);
	reap_until(rig, id[7]);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(arrival_of(rig, id[i]), 0);
		expect_one(rig, id[i], 1, 0, 0);
	}
}

CASE(eight_sends_arrive_in_order_by_tcp)
{
	eight_sends(rig, RIG_TCP);
}

CASE(eight_sends_arrive_in_order_by_unix)
{
	eight_sends(rig, RIG_UNIX);
}

/* Trap 47. */
CASE(eight_recvs_fill_in_order)
{
	static const int kinds[] = {PIKE_RECV, PIKE_READ, PIKE_READV,
	    PIKE_RECVFROM, PIKE_RECVMSG, PIKE_RECV, PIKE_READV, PIKE_READ};
	char out[8] = "01234567", in[8] = "";
	struct pike_iovec iov[8];
	struct pike_msg msg[8] = {{0}};
	pike_handle h;
	pike_fd peer;
	pike_id id[8];

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 8; i++) {
		iov[i] = (struct pike_iovec){&in[i], 1};
		msg[i].iov = &iov[i];
		msg[i].iov_count = 1;
		void *buf = kinds[i] == PIKE_READV     ? (void *)&iov[i]
			    : kinds[i] == PIKE_RECVMSG ? (void *)&msg[i]
						       : &in[i];
		id[i] = submit(rig, op_io(kinds[i], h, buf, 1));
	}
	fence(rig);
	for (int i = 0; i < 4; i++) {
		peer_write(rig, peer, out + 2 * i, 2);
		reap_until(rig, id[2 * i + 1]);
	}
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(arrival_of(rig, id[i]), 0);
		expect_one(rig, id[i], 1, 0, 0);
	}
	ck_assert_mem_eq(in, out, 8);
}

/* Trap 46: neither are two large ones mixed. */
CASE(large_sends_do_not_interleave)
{
	static char out[2][MIB], in[2 * MIB];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pattern_fill(out[0], MIB, 1);
	pattern_fill(out[1], MIB, 2);
	pike_id a = submit(rig, op_flags(op_send(h, out[0], MIB), PIKE_ALL));
	pike_id b = submit(rig, op_flags(op_send(h, out[1], MIB), PIKE_ALL));
	peer_read(rig, peer, in, sizeof(in));
	expect_one(rig, a, MIB, 0, 0);
	expect_one(rig, b, MIB, 0, 0);
	pattern_check(in, MIB, 1);
	pattern_check(in + MIB, MIB, 2);
}

CASE(new_op_does_not_overtake_waiting_ones)
{
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id a = submit(rig, op_recv(h, &in[0], 1));
	pike_id b = submit(rig, op_recv(h, &in[1], 1));
	fence(rig);
	ck_assert_int_eq(port_write(peer, "123", 3), 3);
	pike_id c = submit(rig, op_recv(h, &in[2], 1));
	expect_one(rig, a, 1, 0, 0);
	expect_one(rig, b, 1, 0, 0);
	expect_one(rig, c, 1, 0, 0);
	ck_assert_mem_eq(in, "123", 3);
}

CASE(directions_do_not_wait_for_each_other)
{
	static char out[MIB];
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_full(rig, RIG_UNIX, &h, &peer);
	pike_id send = submit(rig, op_send(h, out, sizeof(out)));
	for (int i = 0; i < 5; i++) {
		pike_id recv = submit(rig, op_recv(h, in, 4));
		fence(rig);
		expect_pending(rig, send);
		expect_pending(rig, recv);
		peer_write(rig, peer, "ok", 2);
		expect_one(rig, recv, 2, 0, 0);
	}
	expect_cancelled(rig, send);
}

/* -- parts -- */

CASE(long_send_may_be_short_but_never_wrong)
{
	static char out[8 * MIB], in[8 * MIB];
	pike_handle h;
	pike_fd peer;
	size_t sent = 0;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pattern_fill(out, sizeof(out), 6);
	while (sent < sizeof(out)) {
		struct pike_completion c =
		    perform(rig, op_send(h, out + sent, sizeof(out) - sent));
		ck_assert_int_gt(c.res, 0);
		peer_read(rig, peer, in + sent, (size_t)c.res);
		ck_assert(!port_is_readable(peer));
		sent += (size_t)c.res;
	}
	pattern_check(in, sizeof(in), 6);
}

CASE(all_sends_to_the_last_byte)
{
	static char out[4 * MIB], in[4 * MIB];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pattern_fill(out, sizeof(out), 7);
	pike_id id =
	    submit(rig, op_flags(op_send(h, out, sizeof(out)), PIKE_ALL));
	peer_read(rig, peer, in, sizeof(in));
	expect_one(rig, id, sizeof(out), 0, 0);
	pattern_check(in, sizeof(in), 7);
}

CASE(all_receives_to_the_last_byte)
{
	pike_handle h;
	pike_fd peer;
	char in[10];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_flags(op_recv(h, in, 10), PIKE_ALL));
	for (int i = 0; i < 5; i++) {
		fence(rig);
		expect_pending(rig, id);
		peer_write(rig, peer, &"0123456789"[2 * i], 2);
	}
	expect_one(rig, id, 10, 0, 0);
	ck_assert_mem_eq(in, "0123456789", 10);
}

CASE(all_works_for_every_way_to_move_bytes)
{
	static char out[MIB], in[MIB];
	struct pike_iovec oiov[2] = {{out, 1000}, {out + 1000, MIB - 1000}};
	struct pike_iovec iiov[2] = {{in, MIB - 5}, {in + MIB - 5, 5}};
	struct pike_msg msg = {.iov = oiov, .iov_count = 2};
	const struct pike_op from[] = {op_io(PIKE_WRITE, 0, out, MIB),
	    op_io(PIKE_WRITEV, 0, oiov, 2), op_io(PIKE_SEND, 0, out, MIB),
	    op_io(PIKE_SENDMSG, 0, &msg, 1)};
	const struct pike_op to[] = {op_io(PIKE_READ, 0, in, MIB),
	    op_io(PIKE_READV, 0, iiov, 2), op_io(PIKE_RECV, 0, in, MIB)};
	pike_handle h[2];

	rig_pair(rig, RIG_UNIX, h);
	for (unsigned i = 0; i < 12; i++) {
		struct pike_op send = op_flags(from[i % 4], PIKE_ALL);
		struct pike_op recv = op_flags(to[i % 3], PIKE_ALL);
		pattern_fill(out, MIB, i);
		memset(in, 0, MIB);
		recv.handle = h[1];
		pike_id got = submit(rig, recv);
		send.handle = h[0];
		pike_id went = submit(rig, send);
		expect_one(rig, got, MIB, 0, 0);
		expect_one(rig, went, MIB, 0, 0);
		pattern_check(in, MIB, i);
	}
}

CASE(all_that_meets_the_end_tells_how_far_it_came)
{
	pike_handle h;
	pike_fd peer;
	char in[10];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_flags(op_recv(h, in, 10), PIKE_ALL));
	peer_write(rig, peer, "1234", 4);
	fence(rig);
	rig_drop(rig, peer);
	expect_one(rig, id, 4, 0, PIKE_EOF);
	ck_assert_mem_eq(in, "1234", 4);
	expect_op_flags(
	    rig, op_flags(op_recv(h, in, 10), PIKE_ALL), 0, PIKE_EOF);
}

/* Trap 71: bytes moved win, and the reset is not taken for an end. */
CASE(all_that_meets_a_reset_tells_both)
{
	pike_handle h;
	pike_fd peer;
	char in[10];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_flags(op_recv(h, in, 10), PIKE_ALL));
	peer_write(rig, peer, "1234", 4);
	fence(rig);
	expect_pending(rig, id);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_one(rig, id, 4, PIKE_ECONNRESET, 0);
	expect_op(rig, op_recv(h, in, 10), -PIKE_ECONNRESET);
	expect_op(rig, op_recv(h, in, 10), -PIKE_ECONNRESET);
	expect_op(rig, op_io(PIKE_READ, h, in, 10), -PIKE_ECONNRESET);
}

CASE(all_that_loses_its_reader_tells_both)
{
	static char out[8 * MIB];
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id =
	    submit(rig, op_flags(op_send(h, out, sizeof(out)), PIKE_ALL));
	peer_read(rig, peer, &in, 1);
	fence(rig);
	expect_pending(rig, id);
	rig_disown(rig, peer);
	port_reset(peer);
	struct pike_completion c = wait_one(rig, id);
	ck_assert_int_gt(c.res, 0);
	ck_assert(c.err == PIKE_ECONNRESET || c.err == PIKE_EPIPE);
	struct pike_completion next = perform(rig, op_send(h, "x", 1));
	ck_assert_int_eq(next.err, c.err);
	next = perform(rig, op_io(PIKE_WRITE, h, "x", 1));
	ck_assert_int_eq(next.err, c.err);
}

/* -- cancel and deadline in the middle -- */

/* Trap 72. */
CASE(cancelled_recv_keeps_what_it_has)
{
	pike_handle h;
	pike_fd peer;
	char in[10];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_flags(op_recv(h, in, 10), PIKE_ALL));
	peer_write(rig, peer, "1234", 4);
	fence(rig);
	expect_pending(rig, id);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	expect_one(rig, id, 4, PIKE_ECANCELED, 0);
	ck_assert_mem_eq(in, "1234", 4);
	peer_write(rig, peer, "5678", 4);
	expect_op(rig, op_recv(h, in, 10), 4);
	ck_assert_mem_eq(in, "5678", 4);
}

CASE(late_recv_keeps_what_it_has)
{
	pike_handle h;
	pike_fd peer;
	char in[10];

	rig_peer(rig, RIG_TCP, &h, &peer);
	peer_write(rig, peer, "1234", 4);
	pike_id id =
	    submit(rig, op_deadline(op_flags(op_recv(h, in, 10), PIKE_ALL),
			    20 * NS_PER_MS));
	expect_one(rig, id, 4, PIKE_ETIME, 0);
	peer_write(rig, peer, "5678", 4);
	expect_op(rig, op_recv(h, in, 10), 4);
	ck_assert_mem_eq(in, "5678", 4);
}

/* Trap 96: who reads on would take the rest for the next message. */
CASE(cancelled_send_that_moved_bytes_ends_its_direction)
{
	static char out[8 * MIB];
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_id id =
	    submit(rig, op_flags(op_send(h, out, sizeof(out)), PIKE_ALL));
	pike_id next = submit(rig, op_send(h, "x", 1));
	fence(rig);
	expect_pending(rig, id);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	struct pike_completion c = wait_one(rig, id);
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_lt(c.res, sizeof(out));
	ck_assert_int_eq(c.err, PIKE_ECANCELED);
	expect_error(rig, next, PIKE_EPIPE);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
	peer_write(rig, peer, "in", 2);
	expect_op(rig, op_recv(h, in, 4), 2);
}

CASE(late_send_that_moved_bytes_ends_its_direction)
{
	static char out[8 * MIB];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	struct pike_completion c = perform(
	    rig, op_deadline(op_flags(op_send(h, out, sizeof(out)), PIKE_ALL),
		     20 * NS_PER_MS));
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_lt(c.res, sizeof(out));
	ck_assert_int_eq(c.err, PIKE_ETIME);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
}

CASE(cancelled_send_that_moved_nothing_does_no_harm)
{
	static char out[MIB];
	pike_handle h;
	pike_fd peer;
	char in;
	int64_t junk = rig_full(rig, RIG_UNIX, &h, &peer);

	pike_id id = submit(rig, op_send(h, out, sizeof(out)));
	pike_id next = submit(rig, op_send(h, "n", 1));
	pike_id behind = submit(rig, op_send(h, "b", 1));
	fence(rig);
	expect_cancelled(rig, behind);
	expect_cancelled(rig, id);
	/* Where that is not known, nothing may come behind it. */
	if (!port_can(PORT_TELLS_SENT)) {
		expect_error(rig, next, PIKE_EPIPE);
		expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
		peer_drain(rig, peer, junk);
		peer_write(rig, peer, "in", 2);
		expect_op(rig, op_recv(h, out, 4), 2);
		return;
	}
	peer_drain(rig, peer, junk);
	expect_one(rig, next, 1, 0, 0);
	peer_read(rig, peer, &in, 1);
	ck_assert_int_eq(in, 'n');
}

CASE(cancel_of_one_in_the_middle_of_a_row)
{
	pike_handle h;
	pike_fd peer;
	char in[3] = "";
	pike_id id[3];

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 3; i++)
		id[i] = submit(rig, op_recv(h, &in[i], 1));
	fence(rig);
	expect_cancelled(rig, id[1]);
	expect_cancelled(rig, id[0]);
	peer_write(rig, peer, "z", 1);
	expect_one(rig, id[2], 1, 0, 0);
	ck_assert_int_eq(in[2], 'z');
}

CASE(close_in_the_middle_of_a_send)
{
	static char out[8 * MIB];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_id id =
	    submit(rig, op_flags(op_send(h, out, sizeof(out)), PIKE_ALL));
	fence(rig);
	pike_id close = submit(rig, op_close(h));
	struct pike_completion c = wait_one(rig, id);
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_eq(c.err, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	peer_drain(rig, peer, c.res);
	peer_expect_eof(peer);
}

int main(void)
{
	area_begin("transfer");
	area_add(eight_sends_arrive_in_order_by_tcp);
	area_add(eight_sends_arrive_in_order_by_unix);
	area_add(eight_recvs_fill_in_order);
	area_add(large_sends_do_not_interleave);
	area_add(new_op_does_not_overtake_waiting_ones);
	area_add(directions_do_not_wait_for_each_other);
	area_add(long_send_may_be_short_but_never_wrong);
	area_add(all_sends_to_the_last_byte);
	area_add(all_receives_to_the_last_byte);
	area_add(all_works_for_every_way_to_move_bytes);
	area_add(all_that_meets_the_end_tells_how_far_it_came);
	area_add(all_that_meets_a_reset_tells_both);
	area_add(all_that_loses_its_reader_tells_both);
	area_add(cancelled_recv_keeps_what_it_has);
	area_add(late_recv_keeps_what_it_has);
	area_add(cancelled_send_that_moved_bytes_ends_its_direction);
	area_add(late_send_that_moved_bytes_ends_its_direction);
	area_add(cancelled_send_that_moved_nothing_does_no_harm);
	area_add(cancel_of_one_in_the_middle_of_a_row);
	area_add(close_in_the_middle_of_a_send);
	return area_end();
}
