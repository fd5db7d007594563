/* SPDX-License-Identifier: MIT */
/* Connecting, and what a socket is good for when that failed. */
#include "harness.h"

/* An address on which nobody listens. */
static struct pike_addr nobody(void)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	port_close(port_bound(&addr, PIKE_SOCK_STREAM, 1));
	return addr;
}

/*
 * A plain listener whose queue is full: a connect to it waits until somebody
 * accepts. The rig closes it, and the callers that fill it.
 */
static pike_fd full_listener(struct rig *rig, struct pike_addr *addr)
{
	pike_fd listener = rig_own(rig, port_bound(addr, PIKE_SOCK_STREAM, 0));

	for (int i = 0; i < 8; i++) {
		pike_fd fd = rig_own(rig, port_connect_start(addr));
		if (!port_is_writable(fd))
			break;
	}
	return listener;
}

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
	struct pike_addr addr = nobody();

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
	struct pike_addr addr = nobody();
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_ECONNREFUSED);
	expect_only_closable(rig, h);
}

CASE(system_error_is_told_beside_the_code)
{
	struct pike_addr addr = nobody();
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	struct pike_completion c = perform(rig, op_at(PIKE_CONNECT, h, &addr));

	ck_assert_int_eq(c.res, -PIKE_ECONNREFUSED);
	ck_assert_int_eq(c.os_error, port_econnrefused());
}

CASE(connect_waits_while_the_listener_is_full)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = full_listener(rig, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_CONNECT, h, &addr));

	fence(rig);
	expect_pending(rig, id);
	ck_assert(port_is_readable(listener));
	expect_cancelled(rig, id);
}

/* Trap 73: the handshake goes on behind our back. */
CASE(cancelled_connect_leaves_only_a_close)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h;

	full_listener(rig, &addr);
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

	full_listener(rig, &addr);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	expect_op(rig, op_deadline(op_at(PIKE_CONNECT, h, &addr), NS_PER_MS),
	    -PIKE_ETIME);
	expect_only_closable(rig, h);
}

CASE(close_ends_a_waiting_connect)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h;

	full_listener(rig, &addr);
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

	full_listener(rig, &addr);
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
	pike_fd peer = rig_own(rig, port_accept(listener));
	char in[8];

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
	struct pike_addr addr = nobody();
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
	ck_assert(!port_is_nonblocking(fd));
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), 0);
	ck_assert_int_eq(pike_release(rig->q, h), fd);
	ck_assert(!port_is_nonblocking(fd));
}

CASE(adopted_socket_gets_its_flag_back_after_a_refusal)
{
	struct pike_addr addr = nobody();
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

	full_listener(rig, &addr);
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

	full_listener(rig, &addr);
	pike_fd fd = rig_own(rig, port_connect_start(&addr));
	pike_handle h = rig_adopt(rig, fd);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EALREADY);
}

/* -- in one op -- */

CASE(connect_to_gives_a_connected_handle)
{
	struct pike_addr addr;
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	char in;

	memset(&addr, 0, sizeof(addr));
	pike_handle h = wait_one(rig, id).res;
	ck_assert_int_gt(h, 0);
	ck_assert(port_is_cloexec(pike_fd_of(rig->q, h)));
	pike_handle other = perform(rig, op_accept(listener)).res;
	expect_op(rig, op_send(other, "x", 1), 1);
	expect_op(rig, op_recv(h, &in, 1), 1);
}

CASE(connect_to_nobody_leaves_nothing_open)
{
	struct pike_addr addr = nobody();
	int before = port_open_count();

	for (int i = 0; i < 20; i++)
		expect_op(
		    rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_ECONNREFUSED);
	ck_assert_int_eq(port_open_count(), before);
}

CASE(connect_to_that_is_cancelled_leaves_nothing_open)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	full_listener(rig, &addr);
	fence(rig);
	int before = port_open_count();
	pike_id id = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
	ck_assert_int_eq(port_open_count(), before);
	expect_op(rig, op_deadline(op_to(PIKE_CONNECT_TO, &addr, 0), NS_PER_MS),
	    -PIKE_ETIME);
	ck_assert_int_eq(port_open_count(), before);
}

CASE(connect_to_that_waits_ends_with_the_queue)
{
	struct rig *other = rig_new(NULL);
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	full_listener(rig, &addr);
	submit(other, op_to(PIKE_CONNECT_TO, &addr, 0));
	fence(other);
	rig_close(other);
}

CASE(connect_to_without_a_descriptor)
{
	struct pike_addr addr;

	rig_listen(rig, PIKE_AF_INET, &addr);
	port_limit_files(0);
	expect_op(rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_EMFILE);
	port_limit_files(-1);
	ck_assert_int_gt(perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res, 0);
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
	area_add(connect_to_another_family);
	area_add(adopted_socket_gets_its_flag_back);
	area_add(adopted_socket_gets_its_flag_back_after_a_refusal);
	area_add(adopted_socket_gets_its_flag_back_with_the_queue);
	area_add(adopted_socket_that_connects_already);
	area_add(connect_to_gives_a_connected_handle);
	area_add(connect_to_nobody_leaves_nothing_open);
	area_add(connect_to_that_is_cancelled_leaves_nothing_open);
	area_add(connect_to_that_waits_ends_with_the_queue);
	area_add(connect_to_without_a_descriptor);
	return area_end();
}
