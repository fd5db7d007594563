/* SPDX-License-Identifier: MIT */
/* TCP connections: data, and the two kinds of end. */
#include "harness.h"

static void echo(struct rig *rig, pike_handle a, pike_handle b)
{
	char out[64], in[64];

	pattern_fill(out, sizeof(out), 1);
	pike_id got = submit(rig, op_recv(b, in, sizeof(in)));
	expect_op(rig, op_send(a, out, sizeof(out)), sizeof(out));
	expect_one(rig, got, sizeof(in), 0, 0);
	pattern_check(in, sizeof(in), 1);
}

CASE(echo_both_ways)
{
	pike_handle h[2];

	rig_tcp_pair(rig, h);
	for (int i = 0; i < 100; i++)
		echo(rig, h[i & 1], h[!(i & 1)]);
}

CASE(echo_over_ipv6)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET6);
	struct pike_completion c =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_STREAM));
	pike_handle listener = c.res;

	if (c.err == PIKE_EADDRNOTAVAIL || c.err == PIKE_EAFNOSUPPORT)
		SKIP("no IPv6 here");
	ck_assert_int_gt(listener, 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, listener, &addr), 0);
	pike_id accept = submit(rig, op_accept(listener));
	c = perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	ck_assert_int_gt(c.res, 0);
	echo(rig, c.res, wait_one(rig, accept).res);
}

CASE(echo_on_adopted_sockets)
{
	pike_handle h[2];

	rig_pair(rig, RIG_TCP, h);
	echo(rig, h[0], h[1]);
	echo(rig, h[1], h[0]);
}

CASE(echo_on_adopted_nonblocking_sockets)
{
	pike_fd fd[2];

	rig_plain_pair(rig, RIG_TCP, fd);
	port_set_nonblocking(fd[0], true);
	port_set_nonblocking(fd[1], true);
	pike_handle a = rig_adopt(rig, fd[0]);
	pike_handle b = rig_adopt(rig, fd[1]);
	echo(rig, a, b);
	ck_assert(port_is_nonblocking(fd[0]));
	ck_assert(port_is_nonblocking(fd[1]));
}

CASE(recv_waits_for_data)
{
	pike_handle h;
	pike_fd peer;
	char in[8] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, in, sizeof(in)));
	fence(rig);
	expect_pending(rig, id);
	peer_write(rig, peer, "late", 4);
	expect_one(rig, id, 4, 0, 0);
	ck_assert_mem_eq(in, "late", 4);
}

CASE(recv_takes_what_is_there)
{
	pike_handle h;
	pike_fd peer;
	char in[64];

	rig_peer(rig, RIG_TCP, &h, &peer);
	peer_write(rig, peer, "early", 5);
	expect_op(rig, op_recv(h, in, sizeof(in)), 5);
	ck_assert_mem_eq(in, "early", 5);
}

CASE(orderly_end_is_zero_with_eof)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, &in, 1));
	rig_drop(rig, peer);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	expect_op_flags(rig, op_recv(h, &in, 1), 0, PIKE_EOF);
	expect_op_flags(rig, op_io(PIKE_READ, h, &in, 1), 0, PIKE_EOF);
}

/* Trap 14: data and its end arrive in one event. */
CASE(data_comes_before_the_end)
{
	pike_handle h;
	pike_fd peer;
	char in[16];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, in, 2));
	peer_write(rig, peer, "12345", 5);
	rig_drop(rig, peer);
	expect_one(rig, id, 2, 0, 0);
	expect_op(rig, op_recv(h, in, sizeof(in)), 3);
	ck_assert_mem_eq(in, "345", 3);
	expect_op_flags(rig, op_recv(h, in, sizeof(in)), 0, PIKE_EOF);
}

/* Trap 21. */
CASE(sixty_four_kib_come_before_the_end)
{
	static char out[65536], in[2 * 65536];
	pike_handle h;
	pike_fd peer;
	int64_t sum = 0;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pattern_fill(out, sizeof(out), 9);
	peer_write(rig, peer, out, sizeof(out));
	rig_drop(rig, peer);
	for (;;) {
		struct pike_completion c =
		    perform(rig, op_recv(h, in + sum, sizeof(out)));
		ck_assert_int_eq(c.err, 0);
		sum += c.res;
		if (c.res == 0) {
			ck_assert(c.flags & PIKE_EOF);
			break;
		}
		ck_assert_int_le(sum, sizeof(out));
	}
	ck_assert_int_eq(sum, sizeof(out));
	pattern_check(in, sizeof(out), 9);
}

CASE(reset_is_not_an_end)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, &in, 1));
	rig_disown(rig, peer);
	port_reset(peer);
	expect_error(rig, id, PIKE_ECONNRESET);
}

/* Trap 7: a hang-up is reported although nobody asked. */
CASE(reset_of_an_idle_connection_waits_for_the_next_recv)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, &in, 1));
	peer_write(rig, peer, "x", 1);
	expect_one(rig, id, 1, 0, 0);
	rig_disown(rig, peer);
	port_reset(peer);
	fence(rig);
	expect_idle(rig);
	expect_op(rig, op_recv(h, &in, 1), -PIKE_ECONNRESET);
}

/* Trap 102: SO_ERROR can be read only once. */
CASE(reset_reaches_both_directions)
{
	static char out[1 << 20];
	pike_handle h;
	pike_fd peer;
	char in;

	rig_full(rig, RIG_TCP, &h, &peer);
	pike_id recv = submit(rig, op_recv(h, &in, 1));
	pike_id send = submit(rig, op_send(h, out, sizeof(out)));
	fence(rig);
	expect_pending(rig, recv);
	expect_pending(rig, send);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_error(rig, recv, PIKE_ECONNRESET);
	struct pike_completion c = wait_one(rig, send);
	ck_assert_int_lt(c.res, 0);
	ck_assert(c.err == PIKE_ECONNRESET || c.err == PIKE_EPIPE);
}

/* Traps 71, 102: what a send has been told, a recv must not take for an end. */
CASE(reset_that_a_send_saw_is_no_end_for_a_recv)
{
	static char out[1 << 20];
	pike_handle h;
	pike_fd peer;
	char in;

	rig_full(rig, RIG_TCP, &h, &peer);
	pike_id send = submit(rig, op_send(h, out, sizeof(out)));
	fence(rig);
	expect_pending(rig, send);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_error(rig, send, PIKE_ECONNRESET);
	expect_op(rig, op_recv(h, &in, 1), -PIKE_ECONNRESET);
	expect_op(rig, op_recv(h, &in, 1), -PIKE_ECONNRESET);
}

CASE(reset_stays)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_op(rig, op_recv(h, &in, 1), -PIKE_ECONNRESET);
	struct pike_completion c = perform(rig, op_recv(h, &in, 1));
	ck_assert_int_eq(c.res, -PIKE_ECONNRESET);
	c = perform(rig, op_send(h, "x", 1));
	ck_assert(c.err == PIKE_ECONNRESET || c.err == PIKE_EPIPE);
}

/* It may say that it was cancelled; but then the next one is told. */
CASE(a_cancelled_recv_takes_no_reset_for_an_end)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	rig_disown(rig, peer);
	port_reset(peer);
	pike_id id = submit(rig, op_recv(h, &in, 1));
	pike_cancel(rig->q, id);
	struct pike_completion c = wait_one(rig, id);
	ck_assert(c.res == -PIKE_ECONNRESET || c.res == -PIKE_ECANCELED);
	expect_op(rig, op_recv(h, &in, 1), -PIKE_ECONNRESET);
}

CASE(half_close_by_the_peer_leaves_our_sending)
{
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, in, sizeof(in)));
	port_finish_writing(peer);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	expect_op(rig, op_send(h, "still", 5), 5);
	char got[5];
	peer_read(rig, peer, got, sizeof(got));
	ck_assert_mem_eq(got, "still", 5);
}

/* -- sockets that are not connected, or no longer -- */

/* Trap 109: Linux says EPIPE to the sender. */
CASE(transfers_never_connected)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	char in[4] = "";

	expect_op(rig, op_send(h, in, 4), -PIKE_ENOTCONN);
	expect_op(rig, op_io(PIKE_WRITE, h, in, 4), -PIKE_ENOTCONN);
	expect_op(rig, op_recv(h, in, 4), -PIKE_ENOTCONN);
	expect_op(rig, op_io(PIKE_READ, h, in, 4), -PIKE_ENOTCONN);
}

CASE(transfers_on_a_listener)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	char in[4] = "";

	expect_op(rig, op_send(h, in, 4), -PIKE_ENOTCONN);
	expect_op(rig, op_recv(h, in, 4), -PIKE_ENOTCONN);
}

/* The process has SIGPIPE at its default: it would end. */
CASE(send_to_a_closed_peer_raises_no_signal)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	rig_drop(rig, peer);
	struct pike_completion c = {0};
	for (int i = 0; i < 1000 && c.err == 0; i++)
		c = perform(rig, op_send(h, "x", 1));
	ck_assert(c.err == PIKE_EPIPE || c.err == PIKE_ECONNRESET);
	c = perform(rig, op_io(PIKE_WRITE, h, "x", 1));
	ck_assert(c.err == PIKE_EPIPE || c.err == PIKE_ECONNRESET);
	struct pike_iovec iov = {"x", 1};
	c = perform(rig, op_io(PIKE_WRITEV, h, &iov, 1));
	ck_assert(c.err == PIKE_EPIPE || c.err == PIKE_ECONNRESET);
	c = perform(rig, op_io(PIKE_SENDTO, h, "x", 1));
	ck_assert(c.err == PIKE_EPIPE || c.err == PIKE_ECONNRESET);
}

/* -- message flags -- */

CASE(peek_leaves_the_data)
{
	pike_handle h;
	pike_fd peer;
	char in[4] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_how(op_recv(h, in, 4), PIKE_MSG_PEEK));
	fence(rig);
	expect_pending(rig, id);
	peer_write(rig, peer, "look", 4);
	expect_one(rig, id, 4, 0, 0);
	ck_assert_mem_eq(in, "look", 4);
	memset(in, 0, sizeof(in));
	expect_op(rig, op_how(op_recv(h, in, 2), PIKE_MSG_PEEK), 2);
	expect_op(rig, op_recv(h, in, 4), 4);
	ck_assert_mem_eq(in, "look", 4);
}

/* Bytes that stay would be counted twice; an urgent one is alone. */
CASE(peek_and_urgent_cannot_be_whole)
{
	pike_handle h[2];
	char in[8];

	rig_pair(rig, RIG_TCP, h);
	struct pike_op op = op_flags(op_recv(h[0], in, 8), PIKE_ALL);
	refuse(rig, op_how(op, PIKE_MSG_PEEK), PIKE_EINVAL);
	refuse(rig, op_how(op, PIKE_MSG_OOB), PIKE_EINVAL);
}

/* Trap 121: an urgent byte is an event, but no data. */
CASE(urgent_byte_does_not_end_a_recv)
{
	pike_handle h;
	pike_fd peer;
	char in[4] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, in, 4));
	fence(rig);
	ck_assert_int_eq(port_send_urgent(peer, '!'), 0);
	fence(rig);
	expect_pending(rig, id);
	expect_idle(rig);
	peer_write(rig, peer, "data", 4);
	expect_one(rig, id, 4, 0, 0);
	ck_assert_mem_eq(in, "data", 4);
}

CASE(urgent_byte_is_received_with_its_flag)
{
	pike_handle h;
	pike_fd peer;
	char urgent = 0;

	rig_peer(rig, RIG_TCP, &h, &peer);
	ck_assert_int_eq(port_send_urgent(peer, '!'), 0);
	expect_op(rig, op_poll(h, PIKE_POLL_PRI), PIKE_POLL_PRI);
	expect_op(rig, op_how(op_recv(h, &urgent, 1), PIKE_MSG_OOB), 1);
	ck_assert_int_eq(urgent, '!');
}

/* Whatever else there is to receive, the end too. */
CASE(urgent_byte_that_is_not_there_is_not_waited_for)
{
	pike_handle h;
	pike_fd peer;
	char in[4] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	struct pike_op op = op_how(op_recv(h, in, 1), PIKE_MSG_OOB);
	expect_op(rig, op, -PIKE_EINVAL);
	peer_write(rig, peer, "data", 4);
	expect_op(rig, op_poll(h, PIKE_POLL_IN), PIKE_POLL_IN);
	expect_op(rig, op, -PIKE_EINVAL);
	expect_op(rig, op_recv(h, in, 4), 4);
	ck_assert_mem_eq(in, "data", 4);
	ck_assert_int_eq(port_send_urgent(peer, '!'), 0);
	expect_op(rig, op_poll(h, PIKE_POLL_PRI), PIKE_POLL_PRI);
	expect_op(rig, op, 1);
	expect_op(rig, op, -PIKE_EINVAL);
	port_finish_writing(peer);
	expect_op_flags(rig, op_recv(h, in, 4), 0, PIKE_EOF);
	expect_op(rig, op, -PIKE_EINVAL);
}

/* And a stream has no sender to tell, whatever was asked of the system before.
 */
CASE(urgent_byte_has_no_sender)
{
	struct pike_addr from;
	pike_handle h;
	pike_fd peer;
	char urgent = 0;

	rig_peer(rig, RIG_TCP, &h, &peer);
	memset(&from, 0x55, sizeof(from));
	ck_assert_int_eq(port_send_urgent(peer, '!'), 0);
	expect_op(rig, op_poll(h, PIKE_POLL_PRI), PIKE_POLL_PRI);
	struct pike_op op = op_io_at(PIKE_RECVFROM, h, &urgent, 1, &from);
	expect_op(rig, op_how(op, PIKE_MSG_OOB), 1);
	ck_assert_int_eq(urgent, '!');
	ck_assert_uint_eq(from.family, PIKE_AF_UNSPEC);
	ck_assert_uint_eq(from.len, 0);
}

CASE(more_is_a_hint)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	rig_peer(rig, RIG_TCP, &h, &peer);
	expect_op(rig, op_how(op_send(h, "head", 4), PIKE_MSG_MORE), 4);
	expect_op(rig, op_send(h, "body", 4), 4);
	peer_read(rig, peer, in, 8);
	ck_assert_mem_eq(in, "headbody", 8);
}

CASE(message_flags_are_checked)
{
	pike_handle h[2];
	char in;

	rig_pair(rig, RIG_TCP, h);
	refuse(rig, op_how(op_recv(h[0], &in, 1), 0x40000000), PIKE_EINVAL);
	refuse(rig, op_how(op_send(h[0], &in, 1), 0x40), PIKE_EINVAL);
}

int main(void)
{
	area_begin("tcp");
	area_add(echo_both_ways);
	area_add(echo_over_ipv6);
	area_add(echo_on_adopted_sockets);
	area_add(echo_on_adopted_nonblocking_sockets);
	area_add(recv_waits_for_data);
	area_add(recv_takes_what_is_there);
	area_add(orderly_end_is_zero_with_eof);
	area_add(data_comes_before_the_end);
	area_add(sixty_four_kib_come_before_the_end);
	area_add(reset_is_not_an_end);
	area_add(reset_of_an_idle_connection_waits_for_the_next_recv);
	area_add(reset_reaches_both_directions);
	area_add(reset_that_a_send_saw_is_no_end_for_a_recv);
	area_add(reset_stays);
	area_add(a_cancelled_recv_takes_no_reset_for_an_end);
	area_add(half_close_by_the_peer_leaves_our_sending);
	area_add(transfers_never_connected);
	area_add(transfers_on_a_listener);
	area_add(send_to_a_closed_peer_raises_no_signal);
	area_add(peek_leaves_the_data);
	area_add(peek_and_urgent_cannot_be_whole);
	area_add(urgent_byte_does_not_end_a_recv);
	area_add(urgent_byte_is_received_with_its_flag);
	area_add(urgent_byte_that_is_not_there_is_not_waited_for);
	area_add(urgent_byte_has_no_sender);
	area_add(more_is_a_hint);
	area_add(message_flags_are_checked);
	return area_end();
}
