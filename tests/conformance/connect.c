/* SPDX-License-Identifier: MIT */
/* Connecting, and what a socket is good for when that failed. */
#include "harness.h"

static void expect_only_closable(struct rig *rig, pike_handle h)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = rig_own(rig, port_bound(&addr, PIKE_SOCK_STREAM, 4));

	ck_assert_int_ge(listener, 0);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EINVAL);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_close(h), 0);
}

CASE(connect_is_zero_when_established)
{
	struct pike_addr addr, peer;
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	char in;

	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), 0);
	expect_op(rig, op_at(PIKE_GETPEERNAME, h, &peer), 0);
	ck_assert_int_eq(peer.port, addr.port);
	pike_handle other = perform(rig, op_accept(listener)).res;
	expect_op(rig, op_send(h, "x", 1), 1);
	expect_op(rig, op_recv(other, &in, 1), 1);
}

CASE(connect_copies_the_address)
{
	struct pike_addr addr;
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));

	memset(&addr, 0xff, sizeof(addr));
	expect_one(rig, id, 0, 0, 0);
	ck_assert_int_gt(perform(rig, op_accept(listener)).res, 0);
}

CASE(connect_over_ipv6)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET6), peer;
	pike_fd listener = port_bound(&addr, PIKE_SOCK_STREAM, 1);

	if (listener < 0)
		SKIP("no IPv6 here");
	rig_own(rig, listener);
	pike_handle h = rig_socket(rig, PIKE_AF_INET6, PIKE_SOCK_STREAM);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), 0);
	expect_op(rig, op_at(PIKE_GETPEERNAME, h, &peer), 0);
	ck_assert_int_eq(peer.family, PIKE_AF_INET6);
	ck_assert_int_eq(peer.port, addr.port);
	ck_assert_mem_eq(peer.u.ip6, addr.u.ip6, 16);
}

/* Traps 6, 20: a socket is writable before it is connected, or refused. */
CASE(closed_port_refuses_every_time)
{
	struct pike_addr addr = rig_nobody(rig);

	for (int i = 0; i < 200; i++) {
		pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
		expect_op(
		    rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_ECONNREFUSED);
		expect_op(rig, op_close(h), 0);
	}
}

/* Trap 116. */
CASE(refused_socket_takes_only_a_close)
{
	struct pike_addr addr = rig_nobody(rig);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_ECONNREFUSED);
	expect_only_closable(rig, h);
}

CASE(system_error_is_told_beside_the_code)
{
	struct pike_addr addr = rig_nobody(rig);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	struct pike_completion c = perform(rig, op_at(PIKE_CONNECT, h, &addr));

	ck_assert_int_eq(c.res, -PIKE_ECONNREFUSED);
	ck_assert_int_eq(c.os_error, port_econnrefused());
}

CASE(connect_waits_while_the_listener_is_full)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = rig_full_listener(rig, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));

	fence(rig);
	expect_pending(rig, id);
	ck_assert(port_is_readable(listener));
	expect_cancelled(rig, id);
}

/* The system calls again after a second or so, and then there is room. */
CASE(connect_that_waited_succeeds)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET), peer;
	pike_fd listener = rig_full_listener(rig, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	pike_id to = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));

	fence(rig);
	expect_pending(rig, id);
	expect_pending(rig, to);
	for (int i = 0; i < 2; i++)
		rig_accept(rig, listener);
	expect_one(rig, id, 0, 0, 0);
	expect_op(rig, op_at(PIKE_GETPEERNAME, h, &peer), 0);
	ck_assert_int_eq(peer.port, addr.port);
	expect_op(rig, op_send(h, "x", 1), 1);
	rig_accept(rig, listener);
	ck_assert_int_gt(wait_one(rig, to).res, 0);
}

/* Trap 20: writable is what a socket becomes by a refusal, too. */
CASE(connect_that_waited_is_refused)
{
	struct pike_addr addr = port_loopback_apart();
	pike_fd listener = rig_full_listener(rig, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	pike_id to = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));

	fence(rig);
	expect_pending(rig, id);
	expect_pending(rig, to);
	rig_drop(rig, listener);
	expect_error(rig, id, PIKE_ECONNREFUSED);
	expect_error(rig, to, PIKE_ECONNREFUSED);
	expect_only_closable(rig, h);
}

/* Trap 6: a fresh socket is writable and hung up, which means nothing. */
CASE(connect_is_not_fooled_by_older_readiness)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h;

	rig_full_listener(rig, &addr);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id poll =
	    submit(rig, op_flags(op_poll(h, PIKE_POLL_OUT), PIKE_MULTISHOT));
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	fence(rig);
	while (arrival_of(rig, poll) >= 0)
		ck_assert_uint_eq(wait_one(rig, poll).flags, PIKE_MORE);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
	pike_cancel(rig->q, poll);
	reap_until(rig, poll);
	drop_arrivals(rig);
}

/* Trap 73: the handshake goes on behind our back. */
CASE(cancelled_connect_leaves_only_a_close)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h;

	rig_full_listener(rig, &addr);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	fence(rig);
	expect_cancelled(rig, id);
	expect_only_closable(rig, h);
}

CASE(connect_whose_deadline_passes)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h;

	rig_full_listener(rig, &addr);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	expect_op(rig, op_deadline(op_at(PIKE_CONNECT, h, &addr), NS_PER_MS),
	    -PIKE_ETIME);
	expect_only_closable(rig, h);
}

CASE(close_ends_a_waiting_connect)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h;

	rig_full_listener(rig, &addr);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
}

/* Trap 117. */
CASE(connected_socket_refuses_another_connect)
{
	struct pike_addr addr;
	pike_handle h;
	char in;

	rig_listen(rig, PIKE_AF_INET, &addr);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), 0);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EISCONN);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EISCONN);
	pike_id recv = submit(rig, op_recv(h, &in, 1));
	fence(rig);
	expect_cancelled(rig, recv);
	expect_op(rig, op_send(h, "x", 1), 1);
}

CASE(adopted_connected_socket_refuses_a_connect)
{
	struct pike_addr addr;
	pike_handle h[2];

	rig_listen(rig, PIKE_AF_INET, &addr);
	rig_pair(rig, RIG_TCP, h);
	expect_op(rig, op_at(PIKE_CONNECT, h[0], &addr), -PIKE_EISCONN);
	expect_op(rig, op_send(h[0], "x", 1), 1);
}

CASE(second_connect_while_one_waits)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h;

	rig_full_listener(rig, &addr);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id one = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	pike_id two = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	fence(rig);
	expect_pending(rig, one);
	if (in_flight(rig, two)) {
		/* It stands behind the first, and meets what that leaves. */
		expect_cancelled(rig, one);
		expect_error(rig, two, PIKE_EINVAL);
	} else {
		expect_error(rig, two, PIKE_EALREADY);
		expect_cancelled(rig, one);
	}
}

/* Ops of one direction take effect in order, and connect is the first. */
CASE(send_after_connect_waits_for_it)
{
	struct pike_addr addr;
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id connect = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	pike_id send = submit(rig, op_send(h, "first", 5));
	char in[8];

	expect_one(rig, connect, 0, 0, 0);
	expect_one(rig, send, 5, 0, 0);
	pike_handle other = perform(rig, op_accept(listener)).res;
	expect_op(rig, op_recv(other, in, 8), 5);
}

/* Trap 119: the first data may come with the connection. */
CASE(data_right_after_the_connection)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = rig_own(rig, port_bound(&addr, PIKE_SOCK_STREAM, 4));
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	char in[8];

	fence(rig);
	pike_fd peer = rig_own(rig, port_accept(listener));
	ck_assert_int_eq(port_write(peer, "hi", 2), 2);
	expect_one(rig, id, 0, 0, 0);
	expect_op(rig, op_recv(h, in, 8), 2);
}

/* Trap 118: a socket that calls its own port finds itself there. */
CASE(nobody_is_ones_own_peer)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	expect_op(rig, op_at(PIKE_BIND, h, &addr), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_ECONNREFUSED);
	expect_only_closable(rig, h);
}

CASE(connect_on_what_is_no_socket)
{
	struct pike_addr addr = rig_nobody(rig);
	pike_handle h[2];

	rig_pair(rig, RIG_PIPE, h);
	expect_op(rig, op_at(PIKE_CONNECT, h[0], &addr), -PIKE_ENOTSOCK);
}

CASE(connect_needs_an_address)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	refuse(rig, op_at(PIKE_CONNECT, h, NULL), PIKE_EINVAL);
	refuse(rig, op_at(PIKE_BIND, h, NULL), PIKE_EINVAL);
	refuse(rig, op_to(PIKE_CONNECT_TO, NULL, 0), PIKE_EINVAL);
	refuse(rig, op_to(PIKE_LISTEN_TO, NULL, 0), PIKE_EINVAL);
	refuse(rig, op_at(PIKE_GETSOCKNAME, h, NULL), PIKE_EINVAL);
	refuse(rig, op_at(PIKE_GETPEERNAME, h, NULL), PIKE_EINVAL);
}

/* To some systems an address of no family means: undo what there is. */
CASE(address_of_no_family_undoes_nothing)
{
	struct pike_addr addr, none = {.family = PIKE_AF_SYSTEM, .len = 16};
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_handle h[2];
	char in;

	rig_tcp_pair(rig, h);
	for (int i = 0; i < 2; i++) {
		pike_handle fresh =
		    rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
		expect_failure(rig, op_at(PIKE_CONNECT, fresh, &none));
		expect_failure(rig, op_at(PIKE_CONNECT, listener, &none));
		expect_failure(rig, op_at(PIKE_CONNECT, h[0], &none));
		expect_op(rig, op_send(h[0], "x", 1), 1);
		expect_op(rig, op_recv(h[1], &in, 1), 1);
		rig_caller(rig, &addr, NULL);
		none.family = PIKE_AF_UNSPEC;
	}
}

CASE(connect_to_another_family)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET6);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	struct pike_completion c;

	addr.port = 9;
	c = perform(rig, op_at(PIKE_CONNECT, h, &addr));
	ck_assert(c.err == PIKE_EAFNOSUPPORT || c.err == PIKE_EINVAL);
}

/* -- the caller's own sockets -- */

CASE(adopted_socket_gets_its_flag_back)
{
	struct pike_addr addr;
	pike_fd fd = port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_handle h = rig_adopt(rig, rig_own(rig, fd));

	rig_listen(rig, PIKE_AF_INET, &addr);
	ck_assert_int_eq(port_is_nonblocking(fd), port_sends_wait());
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), 0);
	ck_assert_int_eq(pike_release(rig->q, h), fd);
	ck_assert(!port_is_nonblocking(fd));
}

CASE(adopted_socket_gets_its_flag_back_after_a_refusal)
{
	struct pike_addr addr = rig_nobody(rig);
	pike_fd fd = port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_handle h = rig_adopt(rig, rig_own(rig, fd));

	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_ECONNREFUSED);
	ck_assert_int_eq(pike_release(rig->q, h), fd);
	ck_assert(!port_is_nonblocking(fd));
}

CASE(adopted_socket_gets_its_flag_back_with_the_queue)
{
	struct rig *other = rig_new(NULL);
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd fd = rig_own(rig, port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM));
	pike_handle h = pike_adopt(other->q, fd, 0);

	rig_full_listener(rig, &addr);
	submit(other, op_at(PIKE_CONNECT, h, &addr));
	fence(other);
	rig_close(other);
	ck_assert(port_is_open(fd));
	ck_assert(!port_is_nonblocking(fd));
}

/* A connect that the caller has begun is not ours to begin again. */
CASE(adopted_socket_that_connects_already)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	rig_full_listener(rig, &addr);
	pike_fd fd = rig_own(rig, port_connect_start(&addr));
	pike_handle h = rig_adopt(rig, fd);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EALREADY);
}

int main(void)
{
	area_begin("connect");
	area_add(connect_is_zero_when_established);
	area_add(connect_copies_the_address);
	area_add(connect_over_ipv6);
	area_add(closed_port_refuses_every_time);
	area_add(refused_socket_takes_only_a_close);
	area_add(system_error_is_told_beside_the_code);
	area_add(connect_waits_while_the_listener_is_full);
	area_add(connect_that_waited_succeeds);
	area_add(connect_that_waited_is_refused);
	area_add(connect_is_not_fooled_by_older_readiness);
	area_add(cancelled_connect_leaves_only_a_close);
	area_add(connect_whose_deadline_passes);
	area_add(close_ends_a_waiting_connect);
	area_add(connected_socket_refuses_another_connect);
	area_add(adopted_connected_socket_refuses_a_connect);
	area_add(second_connect_while_one_waits);
	area_add(send_after_connect_waits_for_it);
	area_add(data_right_after_the_connection);
	area_add(nobody_is_ones_own_peer);
	area_add(connect_on_what_is_no_socket);
	area_add(connect_needs_an_address);
	area_add(address_of_no_family_undoes_nothing);
	area_add(connect_to_another_family);
	area_add(adopted_socket_gets_its_flag_back);
	area_add(adopted_socket_gets_its_flag_back_after_a_refusal);
	area_add(adopted_socket_gets_its_flag_back_with_the_queue);
	area_add(adopted_socket_that_connects_already);
	return area_end();
}
