/* SPDX-License-Identifier: MIT */
/* Readiness, for those who make the call themselves. */
#include "harness.h"

CASE(poll_in_waits_for_data)
{
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_IN));
	fence(rig);
	expect_pending(rig, id);
	peer_write(rig, peer, "x", 1);
	expect_one(rig, id, PIKE_POLL_IN, 0, 0);
	expect_op(rig, op_recv(h, in, 4), 1);
}

CASE(poll_tells_what_holds_already)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	expect_op(rig, op_poll(h, PIKE_POLL_OUT), PIKE_POLL_OUT);
	expect_op(rig, op_poll(h, PIKE_POLL_IN | PIKE_POLL_OUT), PIKE_POLL_OUT);
	peer_write(rig, peer, "x", 1);
	expect_op(rig, op_poll(h, PIKE_POLL_IN), PIKE_POLL_IN);
	expect_op(rig, op_poll(h, PIKE_POLL_IN), PIKE_POLL_IN);
	expect_op(rig, op_poll(h, PIKE_POLL_IN | PIKE_POLL_OUT),
	    PIKE_POLL_IN | PIKE_POLL_OUT);
}

CASE(poll_takes_nothing)
{
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_UNIX, &h, &peer);
	peer_write(rig, peer, "data", 4);
	for (int i = 0; i < 10; i++)
		expect_op(rig, op_poll(h, PIKE_POLL_IN), PIKE_POLL_IN);
	expect_op(rig, op_recv(h, in, 4), 4);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_IN));
	fence(rig);
	expect_cancelled(rig, id);
}

CASE(poll_out_waits_for_room)
{
	pike_handle h;
	pike_fd peer;
	int64_t junk = rig_full(rig, RIG_UNIX, &h, &peer);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_OUT));

	fence(rig);
	expect_pending(rig, id);
	peer_drain(rig, peer, junk);
	expect_one(rig, id, PIKE_POLL_OUT, 0, 0);
}

/* The peer's end, which is told unasked by some systems, makes no room. */
static void poll_beside_an_end(struct rig *rig, uint16_t flags)
{
	pike_handle h;
	pike_fd peer;
	int64_t junk = rig_full(rig, RIG_UNIX, &h, &peer);

	if (!junk)
		SKIP("never full");
	port_finish_writing(peer);
	pike_id id = submit(rig, op_flags(op_poll(h, PIKE_POLL_OUT), flags));
	fence(rig);
	expect_pending(rig, id);
	expect_idle(rig);
	peer_drain(rig, peer, junk);
	expect_one(rig, id, PIKE_POLL_OUT, 0, flags ? PIKE_MORE : 0);
	if (flags)
		expect_cancelled(rig, id);
}

CASE(poll_tells_nothing_that_was_not_asked)
{
	poll_beside_an_end(rig, 0);
}

CASE(multishot_poll_tells_nothing_that_was_not_asked)
{
	poll_beside_an_end(rig, PIKE_MULTISHOT);
}

CASE(poll_of_a_half_closed_peer)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_RDHUP));
	fence(rig);
	expect_pending(rig, id);
	port_finish_writing(peer);
	expect_one(rig, id, PIKE_POLL_RDHUP, 0, 0);
	struct pike_completion c = perform(rig, op_poll(h, PIKE_POLL_IN));
	ck_assert_int_eq(c.res, PIKE_POLL_IN);
}

/* Trap 7: they are told whether asked for or not. */
CASE_WHERE(
    poll_always_waits_for_hup, port_can(PORT_UNIX), "no Unix sockets here")
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_id pri = submit(rig, op_poll(h, PIKE_POLL_PRI));
	fence(rig);
	expect_pending(rig, pri);
	rig_drop(rig, peer);
	struct pike_completion c = wait_one(rig, pri);
	ck_assert(c.res & PIKE_POLL_HUP);
	c = perform(rig, op_poll(h, PIKE_POLL_IN));
	ck_assert(c.res & PIKE_POLL_HUP);
	ck_assert(c.res & PIKE_POLL_IN);
}

CASE_WHERE(poll_always_waits_for_err, port_can(PORT_POLL_WRITERS),
    "no polls of a pipe's writing end here")
{
	pike_handle h;
	pike_fd reader;

	rig_full(rig, RIG_PIPE, &h, &reader);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_OUT));
	fence(rig);
	expect_pending(rig, id);
	rig_drop(rig, reader);
	ck_assert(wait_one(rig, id).res & PIKE_POLL_ERR);
}

CASE(poll_of_a_reset_connection)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_IN));
	fence(rig);
	rig_disown(rig, peer);
	port_reset(peer);
	struct pike_completion c = wait_one(rig, id);
	ck_assert(c.res & PIKE_POLL_ERR);
	expect_op(rig, op_recv(h, &in, 1), -PIKE_ECONNRESET);
}

CASE(poll_of_urgent_data)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id in = submit(rig, op_poll(h, PIKE_POLL_IN));
	pike_id pri = submit(rig, op_poll(h, PIKE_POLL_PRI));
	fence(rig);
	ck_assert_int_eq(port_send_urgent(peer, '!'), 0);
	expect_one(rig, pri, PIKE_POLL_PRI, 0, 0);
	fence(rig);
	expect_pending(rig, in);
	expect_cancelled(rig, in);
}

CASE(poll_of_a_listener)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_IN));

	fence(rig);
	expect_pending(rig, id);
	rig_caller(rig, &addr, NULL);
	expect_one(rig, id, PIKE_POLL_IN, 0, 0);
	ck_assert_int_gt(perform(rig, op_accept(h)).res, 0);
}

CASE(poll_of_pipes)
{
	pike_handle h;
	pike_fd writer;
	char in[4];

	rig_peer(rig, RIG_PIPE, &h, &writer);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_IN));
	fence(rig);
	expect_pending(rig, id);
	peer_write(rig, writer, "x", 1);
	expect_one(rig, id, PIKE_POLL_IN, 0, 0);
	expect_op(rig, op_io(PIKE_READ, h, in, 4), 1);
	id = submit(rig, op_poll(h, PIKE_POLL_IN));
	rig_drop(rig, writer);
	ck_assert(wait_one(rig, id).res & PIKE_POLL_HUP);
}

/* What a poll waits for on a pipe goes to the read that waits as well. */
CASE(poll_of_pipes_beside_reads)
{
	pike_handle h;
	pike_fd writer;
	char in[4];

	rig_peer(rig, RIG_PIPE, &h, &writer);
	for (int i = 0; i < 4; i++) {
		pike_id ids[2];
		for (int k = 0; k < 2; k++)
			ids[k] = submit(rig, (i ^ k) & 1
						 ? op_poll(h, PIKE_POLL_IN)
						 : op_io(PIKE_READ, h, in, 4));
		fence(rig);
		expect_pending(rig, ids[0]);
		expect_pending(rig, ids[1]);
		if (i & 2)
			expect_cancelled(rig, ids[!(i & 1)]);
		peer_write(rig, writer, "x", 1);
		expect_one(rig, ids[i & 1], 1, 0, 0);
		if (!(i & 2))
			expect_one(rig, ids[!(i & 1)], PIKE_POLL_IN, 0, 0);
	}
	/* Data before the end, and the end. */
	peer_write(rig, writer, "last", 4);
	ck_assert(perform(rig, op_poll(h, PIKE_POLL_IN)).res & PIKE_POLL_IN);
	rig_drop(rig, writer);
	ck_assert(perform(rig, op_poll(h, PIKE_POLL_IN)).res & PIKE_POLL_IN);
	expect_op(rig, op_flags(op_io(PIKE_READ, h, in, 4), PIKE_ALL), 4);
	ck_assert(perform(rig, op_poll(h, PIKE_POLL_IN)).res & PIKE_POLL_HUP);
}

/* Trap 5: one registration, many who wait. */
CASE(poll_recv_and_send_wait_side_by_side)
{
	static char out[1 << 20];
	pike_handle h;
	pike_fd peer;
	char in[4];
	int64_t junk = rig_full(rig, RIG_UNIX, &h, &peer);

	pike_id poll = submit(rig, op_poll(h, PIKE_POLL_PRI));
	pike_id recv = submit(rig, op_recv(h, in, 4));
	pike_id send = submit(rig, op_send(h, out, sizeof(out)));
	fence(rig);
	expect_cancelled(rig, poll);
	fence(rig);
	expect_pending(rig, recv);
	expect_pending(rig, send);
	peer_write(rig, peer, "x", 1);
	expect_one(rig, recv, 1, 0, 0);
	fence(rig);
	expect_pending(rig, send);
	peer_drain_for(rig, peer, junk, send);
	ck_assert_int_gt(wait_one(rig, send).res, 0);
}

CASE(cancelled_recv_leaves_the_others_waiting)
{
	static char out[1 << 20];
	pike_handle h;
	pike_fd peer;
	char in[4];
	int64_t junk = rig_full(rig, RIG_UNIX, &h, &peer);

	pike_id recv = submit(rig, op_recv(h, in, 4));
	pike_id poll = submit(rig, op_poll(h, PIKE_POLL_IN));
	pike_id send = submit(rig, op_send(h, out, sizeof(out)));
	fence(rig);
	expect_cancelled(rig, recv);
	peer_write(rig, peer, "x", 1);
	expect_one(rig, poll, PIKE_POLL_IN, 0, 0);
	expect_pending(rig, send);
	peer_drain_for(rig, peer, junk, send);
	ck_assert_int_gt(wait_one(rig, send).res, 0);
	expect_op(rig, op_recv(h, in, 4), 1);
}

CASE(two_polls_see_one_event)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id a = submit(rig, op_poll(h, PIKE_POLL_IN));
	pike_id b = submit(rig, op_poll(h, PIKE_POLL_IN));
	fence(rig);
	peer_write(rig, peer, "x", 1);
	expect_one(rig, a, PIKE_POLL_IN, 0, 0);
	expect_one(rig, b, PIKE_POLL_IN, 0, 0);
}

/* Trap 8: one arm, one completion, whatever follows. */
CASE(poll_completes_once)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_IN));
	peer_write(rig, peer, "x", 1);
	expect_one(rig, id, PIKE_POLL_IN, 0, 0);
	for (int i = 0; i < 5; i++)
		peer_write(rig, peer, "y", 1);
	fence(rig);
	ck_assert_int_eq(rig->arrived, 0);
}

CASE(poll_ends_by_deadline_and_close)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	expect_op(
	    rig, op_deadline(op_poll(h, PIKE_POLL_IN), NS_PER_MS), -PIKE_ETIME);
	pike_id id = submit(rig, op_poll(h, PIKE_POLL_IN));
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
}

CASE_WHERE(poll_of_nothing_in_particular_waits_for_the_end, port_can(PORT_UNIX),
    "no Unix sockets here")
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_id id = submit(rig, op_poll(h, 0));
	peer_write(rig, peer, "x", 1);
	fence(rig);
	expect_pending(rig, id);
	rig_drop(rig, peer);
	ck_assert(wait_one(rig, id).res & PIKE_POLL_HUP);
}

CASE(poll_flags_are_checked)
{
	pike_handle h[2];

	rig_pair(rig, RIG_TCP, h);
	refuse(rig, op_poll(h[0], PIKE_POLL_IN | 0x4000), PIKE_EINVAL);
	refuse(rig, op_poll(h[0], 0x80000000), PIKE_EINVAL);
	refuse(
	    rig, op_flags(op_poll(h[0], PIKE_POLL_IN), PIKE_ALL), PIKE_EINVAL);
}

/* -- multishot -- */

CASE(multishot_poll_tells_each_change)
{
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id =
	    submit(rig, op_flags(op_poll(h, PIKE_POLL_IN), PIKE_MULTISHOT));
	for (int i = 0; i < 10; i++) {
		fence(rig);
		expect_pending(rig, id);
		peer_write(rig, peer, "x", 1);
		expect_one(rig, id, PIKE_POLL_IN, 0, PIKE_MORE);
		expect_op(rig, op_recv(h, in, 4), 1);
	}
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
}

/* What a system tells again is told again. */
CASE_WHERE(multishot_poll_is_quiet_while_nothing_changes,
    port_can(PORT_EVENTS_ONCE), "events are repeated by chance here")
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	peer_write(rig, peer, "x", 1);
	pike_id id =
	    submit(rig, op_flags(op_poll(h, PIKE_POLL_IN), PIKE_MULTISHOT));
	expect_one(rig, id, PIKE_POLL_IN, 0, PIKE_MORE);
	for (int i = 0; i < 5; i++)
		fence(rig);
	expect_pending(rig, id);
	expect_idle(rig);
	expect_cancelled(rig, id);
}

/* Results that nobody reaps may come as one, but the last is not lost. */
CASE(multishot_poll_never_misses_the_last_change)
{
	struct pike_params params = {.shots_max = 1};
	pike_handle h;
	pike_fd peer;
	char in[64];

	rig_close(rig);
	rig_open(rig, &params);
	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_id id =
	    submit(rig, op_flags(op_poll(h, PIKE_POLL_IN), PIKE_MULTISHOT));
	for (int i = 0; i < 20; i++) {
		peer_write(rig, peer, "ab", 2);
		expect_one(rig, id, PIKE_POLL_IN, 0, PIKE_MORE);
		peer_write(rig, peer, "cd", 2);
		fence(rig);
		while (arrival_of(rig, id) >= 0)
			expect_one(rig, id, PIKE_POLL_IN, 0, PIKE_MORE);
		expect_op(rig, op_recv(h, in, sizeof(in)), 4);
	}
	expect_cancelled(rig, id);
}

CASE(multishot_poll_ends_with_its_handle)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id =
	    submit(rig, op_flags(op_poll(h, PIKE_POLL_IN), PIKE_MULTISHOT));
	fence(rig);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
}

int main(void)
{
	area_begin("poll");
	area_add(poll_in_waits_for_data);
	area_add(poll_tells_what_holds_already);
	area_add(poll_takes_nothing);
	area_add(poll_out_waits_for_room);
	area_add(poll_tells_nothing_that_was_not_asked);
	area_add(multishot_poll_tells_nothing_that_was_not_asked);
	area_add(poll_of_a_half_closed_peer);
	area_add(poll_always_waits_for_hup);
	area_add(poll_always_waits_for_err);
	area_add(poll_of_a_reset_connection);
	area_add(poll_of_urgent_data);
	area_add(poll_of_a_listener);
	area_add(poll_of_pipes);
	area_add(poll_of_pipes_beside_reads);
	area_add(poll_recv_and_send_wait_side_by_side);
	area_add(cancelled_recv_leaves_the_others_waiting);
	area_add(two_polls_see_one_event);
	area_add(poll_completes_once);
	area_add(poll_ends_by_deadline_and_close);
	area_add(poll_of_nothing_in_particular_waits_for_the_end);
	area_add(poll_flags_are_checked);
	area_add(multishot_poll_tells_each_change);
	area_add(multishot_poll_is_quiet_while_nothing_changes);
	area_add(multishot_poll_never_misses_the_last_change);
	area_add(multishot_poll_ends_with_its_handle);
	return area_end();
}
