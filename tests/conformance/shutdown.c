/* SPDX-License-Identifier: MIT */
/* Ending one direction, or both. */
#include "harness.h"

CASE(shutdown_write_ends_the_peers_reading)
{
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_TCP, &h, &peer);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_WRITE), 0);
	peer_expect_eof(peer);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
	peer_write(rig, peer, "back", 4);
	expect_op(rig, op_recv(h, in, 4), 4);
}

CASE(shutdown_write_goes_after_earlier_sends)
{
	enum {
		TOTAL = 300000
	};
	static char out[TOTAL], in[TOTAL];
	pike_handle h;
	pike_fd peer;
	int64_t junk = rig_full(rig, RIG_TCP, &h, &peer);

	pattern_fill(out, TOTAL, 5);
	pike_id send = submit(rig, op_flags(op_send(h, out, TOTAL), PIKE_ALL));
	pike_id end = submit(rig, op_shutdown(h, PIKE_SHUT_WRITE));
	fence(rig);
	expect_pending(rig, send);
	expect_pending(rig, end);
	peer_drain(rig, peer, junk);
	peer_read(rig, peer, in, TOTAL);
	reap_until(rig, end);
	ck_assert_int_lt(arrival_of(rig, send), arrival_of(rig, end));
	expect_one(rig, send, TOTAL, 0, 0);
	expect_one(rig, end, 0, 0, 0);
	pattern_check(in, TOTAL, 5);
	peer_expect_eof(peer);
}

/* Trap 97. */
CASE(shutdown_read_ends_a_waiting_recv)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, &in, 1));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_READ), 0);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	expect_op_flags(rig, op_recv(h, &in, 1), 0, PIKE_EOF);
	expect_op(rig, op_send(h, "x", 1), 1);
}

/* Who sends all the same is not reset for it. */
CASE(shutdown_read_leaves_our_sending)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_READ), 0);
	peer_write(rig, peer, "x", 1);
	fence(rig);
	for (int i = 0; i < 3; i++) {
		expect_op(rig, op_send(h, "y", 1), 1);
		peer_read(rig, peer, &in, 1);
	}
}

CASE(shutdown_of_both_directions)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, &in, 1));
	expect_op(rig, op_shutdown(h, PIKE_SHUT_READ | PIKE_SHUT_WRITE), 0);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	peer_expect_eof(peer);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
}

/* Trap 110. */
CASE(shutdown_after_the_peer_has_gone)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	rig_drop(rig, peer);
	expect_op_flags(rig, op_recv(h, &in, 1), 0, PIKE_EOF);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_WRITE), 0);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_WRITE), 0);
}

CASE(shutdown_after_a_reset)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_op(rig, op_recv(h, &in, 1), -PIKE_ECONNRESET);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_WRITE), 0);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_READ), 0);
}

CASE(shutdown_never_connected)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	expect_op(rig, op_shutdown(h, PIKE_SHUT_WRITE), -PIKE_ENOTCONN);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_READ), -PIKE_ENOTCONN);
}

/* Trap 111. */
CASE(shutdown_of_a_listener_has_no_effect)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id accept = submit(rig, op_accept(h));

	expect_op(rig, op_shutdown(h, PIKE_SHUT_READ), -PIKE_EINVAL);
	expect_op(rig, op_shutdown(h, PIKE_SHUT_WRITE), -PIKE_EINVAL);
	fence(rig);
	expect_pending(rig, accept);
	rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	ck_assert_int_gt(wait_one(rig, accept).res, 0);
}

/* It needs no room to send, only that the sends before it have ended. */
CASE(shutdown_waits_for_no_room)
{
	static char out[8 << 20];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	struct pike_completion c = perform(rig, op_send(h, out, sizeof(out)));
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_lt(c.res, sizeof(out));
	expect_op(rig, op_shutdown(h, PIKE_SHUT_WRITE), 0);
	peer_drain(rig, peer, c.res);
	peer_expect_eof(peer);
}

CASE_WHERE(
    shutdown_of_unix_sockets, port_can(PORT_UNIX), "no Unix sockets here")
{
	pike_handle h[2], one;
	char in;

	one = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);
	expect_op(rig, op_shutdown(one, PIKE_SHUT_WRITE), -PIKE_ENOTCONN);
	expect_op(rig, op_shutdown(one, PIKE_SHUT_READ), -PIKE_ENOTCONN);
	one = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_DGRAM);
	expect_op(rig, op_shutdown(one, PIKE_SHUT_WRITE), -PIKE_EOPNOTSUPP);
	rig_pair(rig, RIG_DGRAM, h);
	expect_op(rig, op_shutdown(h[0], PIKE_SHUT_WRITE), -PIKE_EOPNOTSUPP);
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_op(rig, op_recv(h[1], &in, 1), 1);
	rig_pair(rig, RIG_SEQPACKET, h);
	expect_op(rig, op_shutdown(h[0], PIKE_SHUT_WRITE), 0);
	expect_op_flags(rig, op_recv(h[1], &in, 1), 0, PIKE_EOF);
}

CASE(shutdown_flags_are_checked)
{
	pike_handle h[2];

	rig_pair(rig, RIG_TCP, h);
	refuse(rig, op_shutdown(h[0], 4), PIKE_EINVAL);
	refuse(rig, op_shutdown(h[0], 0x80000001), PIKE_EINVAL);
}

int main(void)
{
	area_begin("shutdown");
	area_add(shutdown_write_ends_the_peers_reading);
	area_add(shutdown_write_goes_after_earlier_sends);
	area_add(shutdown_read_ends_a_waiting_recv);
	area_add(shutdown_read_leaves_our_sending);
	area_add(shutdown_of_both_directions);
	area_add(shutdown_after_the_peer_has_gone);
	area_add(shutdown_after_a_reset);
	area_add(shutdown_never_connected);
	area_add(shutdown_of_a_listener_has_no_effect);
	area_add(shutdown_waits_for_no_room);
	area_add(shutdown_of_unix_sockets);
	area_add(shutdown_flags_are_checked);
	return area_end();
}
