/* SPDX-License-Identifier: MIT */
/* Unix sockets: streams, datagrams, packets with a connection, paths. */
#include "harness.h"

#define UNIX_CASE(name)                                                        \
	CASE_WHERE(name, port_can(PORT_UNIX), "no Unix sockets here")

/* A listening handle at a path of the test's. */
static pike_handle listening(struct rig *rig, int type, struct pike_addr *addr)
{
	*addr = rig_unix_addr(rig, "listener");
	struct pike_completion c =
	    perform(rig, op_to(PIKE_LISTEN_TO, addr, type));
	ck_assert_int_gt(c.res, 0);
	return c.res;
}

UNIX_CASE(stream_by_path)
{
	struct pike_addr addr;
	pike_handle listener = listening(rig, PIKE_SOCK_STREAM, &addr);
	pike_id accept = submit(rig, op_accept(listener));
	pike_handle a = perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res;
	pike_handle b = wait_one(rig, accept).res;
	char in[8];

	ck_assert_int_gt(a, 0);
	expect_op(rig, op_send(a, "hello", 5), 5);
	expect_op(rig, op_recv(b, in, 8), 5);
	expect_op(rig, op_send(b, "back", 4), 4);
	expect_op(rig, op_recv(a, in, 8), 4);
	pike_id id = submit(rig, op_recv(b, in, 8));
	expect_op(rig, op_close(a), 0);
	expect_one(rig, id, 0, 0, PIKE_EOF);
}

UNIX_CASE(names_of_both_ends)
{
	struct pike_addr addr, name, from;
	pike_handle listener = listening(rig, PIKE_SOCK_STREAM, &addr);
	pike_handle a = perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res;
	pike_handle b = perform(rig, op_at(PIKE_ACCEPT, listener, &from)).res;

	expect_op(rig, op_at(PIKE_GETSOCKNAME, listener, &name), 0);
	ck_assert(addr_equal(&name, &addr));
	ck_assert_int_eq(name.len, addr.len);
	expect_op(rig, op_at(PIKE_GETPEERNAME, a, &name), 0);
	ck_assert(addr_equal(&name, &addr));
	expect_op(rig, op_at(PIKE_GETSOCKNAME, b, &name), 0);
	ck_assert(addr_equal(&name, &addr));
	/* The caller has no name. */
	ck_assert_int_eq(from.family, PIKE_AF_UNIX);
	ck_assert_int_eq(from.len, 0);
	expect_op(rig, op_at(PIKE_GETPEERNAME, b, &name), 0);
	ck_assert_int_eq(name.family, PIKE_AF_UNIX);
	ck_assert_int_eq(name.len, 0);
}

UNIX_CASE(half_close_of_a_unix_stream)
{
	pike_handle h[2];
	char in[4];

	rig_pair(rig, RIG_UNIX, h);
	expect_op(rig, op_send(h[0], "ab", 2), 2);
	expect_op(rig, op_shutdown(h[0], PIKE_SHUT_WRITE), 0);
	expect_op(rig, op_recv(h[1], in, 4), 2);
	expect_op_flags(rig, op_recv(h[1], in, 4), 0, PIKE_EOF);
	expect_op(rig, op_send(h[1], "cd", 2), 2);
	expect_op(rig, op_recv(h[0], in, 4), 2);
	expect_op(rig, op_send(h[0], "x", 1), -PIKE_EPIPE);
}

UNIX_CASE(closed_unix_peer_gives_epipe_and_no_signal)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	rig_drop(rig, peer);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
	struct pike_iovec iov = {"x", 1};
	expect_op(rig, op_io(PIKE_WRITEV, h, &iov, 1), -PIKE_EPIPE);
	expect_op_flags(rig, op_recv(h, &in, 1), 0, PIKE_EOF);
}

/* Trap 132: how the end looks is not promised; what came before it is. */
UNIX_CASE(transfers_of_a_stream_never_connected)
{
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);
	char in[4] = "";

	expect_op(rig, op_recv(h, in, 4), -PIKE_ENOTCONN);
	expect_op(rig, op_io(PIKE_READ, h, in, 4), -PIKE_ENOTCONN);
	expect_op(rig, op_send(h, in, 4), -PIKE_ENOTCONN);
	expect_op(rig, op_io(PIKE_WRITE, h, in, 4), -PIKE_ENOTCONN);
}

UNIX_CASE(data_before_a_careless_end_is_not_lost)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	rig_peer(rig, RIG_UNIX, &h, &peer);
	expect_op(rig, op_send(h, "unread", 6), 6);
	peer_write(rig, peer, "kept", 4);
	rig_drop(rig, peer);
	expect_op(rig, op_recv(h, in, 8), 4);
	ck_assert_mem_eq(in, "kept", 4);
	struct pike_completion c = perform(rig, op_recv(h, in, 8));
	ck_assert(
	    c.res == -PIKE_ECONNRESET || (c.res == 0 && c.flags == PIKE_EOF));
}

/* -- paths -- */

/* Trap 135. */
UNIX_CASE(path_that_is_missing)
{
	struct pike_addr addr = rig_unix_addr(rig, "missing");
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);

	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_ENOENT);
	expect_op(rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_ENOENT);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EINVAL);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
}

/* Trap 135: pike never unlinks. */
UNIX_CASE(path_that_is_stale)
{
	struct pike_addr addr;
	pike_handle h = listening(rig, PIKE_SOCK_STREAM, &addr);

	expect_op(rig, op_close(h), 0);
	expect_op(rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_ECONNREFUSED);
	expect_op(rig, op_to(PIKE_LISTEN_TO, &addr, 0), -PIKE_EADDRINUSE);
	h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), -PIKE_EADDRINUSE);
}

UNIX_CASE(longest_path)
{
	struct pike_addr addr = rig_unix_addr(rig, "");

	while (addr.len < 107)
		addr.u.path[addr.len++] = 'p';
	struct pike_completion c =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, 0));
	ck_assert_int_gt(c.res, 0);
	struct pike_addr name;
	expect_op(rig, op_at(PIKE_GETSOCKNAME, c.res, &name), 0);
	ck_assert(addr_equal(&name, &addr));
	ck_assert_int_gt(perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res, 0);
}

/* Trap 134. */
UNIX_CASE(path_too_long_is_refused_at_once)
{
	struct pike_addr addr = rig_unix_addr(rig, "");
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);
	pike_handle d = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_DGRAM);

	while (addr.len < 109)
		addr.u.path[addr.len++] = 'p';
	refuse(rig, op_at(PIKE_BIND, h, &addr), PIKE_ENAMETOOLONG);
	refuse(rig, op_at(PIKE_CONNECT, h, &addr), PIKE_ENAMETOOLONG);
	refuse(rig, op_to(PIKE_LISTEN_TO, &addr, 0), PIKE_ENAMETOOLONG);
	refuse(rig, op_to(PIKE_CONNECT_TO, &addr, 0), PIKE_ENAMETOOLONG);
	refuse(rig, op_io_at(PIKE_SENDTO, d, "x", 1, &addr), PIKE_ENAMETOOLONG);
	addr.len = 65535;
	refuse(rig, op_at(PIKE_CONNECT, h, &addr), PIKE_ENAMETOOLONG);
}

UNIX_CASE(abstract_names_leave_no_file)
{
	struct pike_addr addr = {.family = PIKE_AF_UNIX}, name;
	char unique[64];

	rig_path(rig, "abstract", unique, sizeof(unique));
	addr.len = (uint16_t)(1 + strlen(unique));
	memcpy(addr.u.path + 1, unique, strlen(unique));
	struct pike_completion c =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, 0));
	if (c.res < 0)
		SKIP("no abstract names here");
	expect_op(rig, op_at(PIKE_GETSOCKNAME, c.res, &name), 0);
	ck_assert_int_eq(name.len, addr.len);
	ck_assert_mem_eq(name.u.path, addr.u.path, addr.len);
	pike_handle a = perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res;
	ck_assert_int_gt(a, 0);
	expect_op(rig, op_close(c.res), 0);
	expect_op(rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_ECONNREFUSED);
}

/* Trap 133: a full listener says EAGAIN, which is no answer. */
UNIX_CASE(connect_to_a_full_listener_waits_its_turn)
{
	enum {
		CALLERS = 6
	};
	struct pike_addr addr = rig_unix_addr(rig, "full");
	pike_fd listener = rig_own(rig, port_bound(&addr, PIKE_SOCK_STREAM, 0));
	pike_id id[CALLERS];
	pike_handle h;
	int done = 0;

	for (int i = 0; i < CALLERS; i++)
		id[i] = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	memset(&addr, 0xff, sizeof(addr)); /* it was copied */
	fence(rig);
	ck_assert_int_gt(rig->in_flight, 0);
	for (int i = 0; i < CALLERS; i++)
		rig_accept(rig, listener);
	for (int i = 0; i < CALLERS; i++) {
		h = wait_one(rig, id[i]).res;
		ck_assert_int_gt(h, 0);
		done += port_is_open(pike_fd_of(rig->q, h));
	}
	ck_assert_int_eq(done, CALLERS);
}

UNIX_CASE(connect_to_a_full_listener_can_be_cancelled)
{
	struct pike_addr addr = rig_unix_addr(rig, "full");
	pike_id id[6];
	int waiting = 0;

	rig_own(rig, port_bound(&addr, PIKE_SOCK_STREAM, 0));
	for (int i = 0; i < 6; i++)
		id[i] = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	fence(rig);
	for (int i = 0; i < 6; i++) {
		if (in_flight(rig, id[i])) {
			waiting++;
			expect_cancelled(rig, id[i]);
		} else {
			ck_assert_int_gt(wait_one(rig, id[i]).res, 0);
		}
	}
	ck_assert_int_gt(waiting, 0);
}

/* -- datagrams -- */

UNIX_CASE(datagrams_by_path)
{
	struct pike_addr a = rig_unix_addr(rig, "a");
	struct pike_addr b = rig_unix_addr(rig, "b"), from;
	pike_handle one =
	    perform(rig, op_to(PIKE_LISTEN_TO, &a, PIKE_SOCK_DGRAM)).res;
	pike_handle two = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_DGRAM);
	char in[8];

	ck_assert_int_gt(one, 0);
	expect_op(rig, op_io_at(PIKE_SENDTO, two, "anon", 4, &a), 4);
	expect_op(rig, op_io_at(PIKE_RECVFROM, one, in, 8, &from), 4);
	ck_assert_int_eq(from.len, 0);
	expect_op(rig, op_at(PIKE_BIND, two, &b), 0);
	expect_op(rig, op_io_at(PIKE_SENDTO, two, "named", 5, &a), 5);
	expect_op(rig, op_io_at(PIKE_RECVFROM, one, in, 8, &from), 5);
	ck_assert(addr_equal(&from, &b));
	expect_op(rig, op_io_at(PIKE_SENDTO, one, "x", 1, &from), 1);
	expect_op(rig, op_recv(two, in, 8), 1);
}

UNIX_CASE(datagrams_keep_their_borders)
{
	pike_handle h[2];
	char in[16];

	rig_pair(rig, RIG_DGRAM, h);
	expect_op(rig, op_send(h[0], "one", 3), 3);
	expect_op(rig, op_send(h[0], "", 0), 0);
	expect_op(rig, op_send(h[0], "three", 5), 5);
	expect_op(rig, op_recv(h[1], in, 16), 3);
	expect_op(rig, op_recv(h[1], in, 16), 0);
	expect_op_flags(rig, op_recv(h[1], in, 2), 2, PIKE_TRUNCATED);
}

/* Trap 136: a full queue of datagrams is something to wait for. */
UNIX_CASE(datagrams_wait_for_a_full_receiver)
{
	enum {
		MANY = 2000
	};
	pike_handle h[2];
	static pike_id id[MANY];
	uint32_t in;
	static uint32_t out[MANY];

	rig_pair(rig, RIG_DGRAM, h);
	for (uint32_t i = 0; i < MANY; i++) {
		out[i] = i;
		id[i] = submit(rig, op_send(h[0], &out[i], 4));
	}
	fence(rig);
	expect_pending(rig, id[MANY - 1]);
	for (uint32_t i = 0; i < MANY; i++) {
		expect_op(rig, op_recv(h[1], &in, 4), 4);
		ck_assert_uint_eq(in, i);
	}
	for (int i = 0; i < MANY; i++)
		expect_one(rig, id[i], 4, 0, 0);
}

/* Trap 136: nor does the room of another socket make an event on ours. */
static void full_receiver(struct rig *rig, pike_handle h)
{
	enum {
		MANY = 100
	};
	static pike_id id[MANY];
	static uint32_t out[MANY];
	struct pike_addr a = rig_unix_addr(rig, "receiver");
	pike_fd to = rig_own(rig, port_bound(&a, PIKE_SOCK_DGRAM, 0));
	pike_fd other =
	    rig_own(rig, port_socket(PIKE_AF_UNIX, PIKE_SOCK_DGRAM));
	int others = 0;
	uint32_t in;

	while (port_send_to(other, "full", 4, &a) == 4)
		others++;
	for (uint32_t i = 0; i < MANY; i++) {
		out[i] = i;
		id[i] = submit(rig, op_io_at(PIKE_SENDTO, h, &out[i], 4, &a));
	}
	memset(&a, 0xff, sizeof(a)); /* it was copied */
	fence(rig);
	expect_pending(rig, id[0]);
	expect_idle(rig);
	while (others-- > 0)
		peer_read(rig, to, &in, 4);
	for (uint32_t i = 0; i < MANY; i++) {
		peer_read(rig, to, &in, 4);
		ck_assert_uint_eq(in, i);
	}
	for (int i = 0; i < MANY; i++)
		expect_one(rig, id[i], 4, 0, 0);
}

UNIX_CASE(named_datagrams_wait_for_a_full_receiver)
{
	full_receiver(rig, rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_DGRAM));
}

/* To Linux each try is a change of the sender's own socket: who listens for
 * changes there must not take it for one. */
UNIX_CASE(named_datagrams_wait_while_a_recv_does)
{
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_DGRAM);
	char in[4];
	pike_id recv = submit(rig, op_recv(h, in, 4));

	fence(rig);
	full_receiver(rig, h);
	expect_cancelled(rig, recv);
}

/* To set a peer needs no room at the last one. */
UNIX_CASE(peer_is_set_while_the_last_is_full)
{
	struct pike_addr a = rig_unix_addr(rig, "full");
	struct pike_addr b = rig_unix_addr(rig, "next");
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_DGRAM);
	struct pike_completion c;
	char in;

	rig_own(rig, port_bound(&a, PIKE_SOCK_DGRAM, 0));
	pike_fd next = rig_own(rig, port_bound(&b, PIKE_SOCK_DGRAM, 0));
	expect_op(rig, op_at(PIKE_CONNECT, h, &a), 0);
	do
		c = perform(rig, op_deadline(op_send(h, "x", 1), NS_PER_MS));
	while (c.res == 1);
	ck_assert_int_eq(c.res, -PIKE_ETIME);
	expect_op(rig, op_at(PIKE_CONNECT, h, &b), 0);
	expect_op(rig, op_send(h, "y", 1), 1);
	peer_read(rig, next, &in, 1);
	ck_assert_int_eq(in, 'y');
}

UNIX_CASE(datagrams_to_nobody)
{
	struct pike_addr missing = rig_unix_addr(rig, "missing");
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_DGRAM);

	expect_op(
	    rig, op_io_at(PIKE_SENDTO, h, "x", 1, &missing), -PIKE_ENOENT);
	struct pike_completion c = perform(rig, op_send(h, "x", 1));
	ck_assert(c.err == PIKE_EDESTADDRREQ || c.err == PIKE_ENOTCONN);
}

/* -- packets with a connection -- */

UNIX_CASE(seqpacket_by_path)
{
	struct pike_addr addr;
	pike_handle listener = listening(rig, PIKE_SOCK_SEQPACKET, &addr);
	pike_id accept = submit(rig, op_accept(listener));
	pike_handle a =
	    perform(rig, op_to(PIKE_CONNECT_TO, &addr, PIKE_SOCK_SEQPACKET))
		.res;
	pike_handle b = wait_one(rig, accept).res;
	char in[8];

	ck_assert_int_gt(a, 0);
	expect_op(rig, op_send(a, "one", 3), 3);
	expect_op(rig, op_send(a, "two!", 4), 4);
	expect_op(rig, op_recv(b, in, 8), 3);
	expect_op(rig, op_recv(b, in, 8), 4);
}

UNIX_CASE(seqpacket_cuts_what_does_not_fit)
{
	pike_handle h[2];
	char in[8];

	rig_pair(rig, RIG_SEQPACKET, h);
	expect_op(rig, op_send(h[0], "0123456789", 10), 10);
	expect_op(rig, op_send(h[0], "next", 4), 4);
	expect_op_flags(rig, op_recv(h[1], in, 3), 3, PIKE_TRUNCATED);
	expect_op(rig, op_recv(h[1], in, 8), 4);
}

/* Trap 137: the system gives 0 for both. */
UNIX_CASE(seqpacket_empty_message_is_not_the_end)
{
	pike_handle h[2];
	char in[8];

	rig_pair(rig, RIG_SEQPACKET, h);
	expect_op(rig, op_send(h[0], "", 0), 0);
	expect_op(rig, op_recv(h[1], in, 8), 0);
	pike_id id = submit(rig, op_recv(h[1], in, 8));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_send(h[0], "", 0), 0);
	expect_one(rig, id, 0, 0, 0);
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_op(rig, op_recv(h[1], in, 8), 1);
	id = submit(rig, op_recv(h[1], in, 8));
	expect_op(rig, op_close(h[0]), 0);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	expect_op_flags(rig, op_recv(h[1], in, 8), 0, PIKE_EOF);
	expect_op(rig, op_send(h[1], "x", 1), -PIKE_EPIPE);
}

/* Also those behind an empty one, of which the system says nothing else. */
UNIX_CASE(seqpacket_messages_come_before_the_end)
{
	pike_handle h[2];
	char in[8];

	rig_pair(rig, RIG_SEQPACKET, h);
	expect_op(rig, op_send(h[0], "", 0), 0);
	expect_op(rig, op_send(h[0], "last", 4), 4);
	expect_op(rig, op_close(h[0]), 0);
	expect_op(rig, op_recv(h[1], in, 8), 0);
	expect_op(rig, op_recv(h[1], in, 8), 4);
	expect_op_flags(rig, op_recv(h[1], in, 8), 0, PIKE_EOF);
}

int main(void)
{
	area_begin("unix");
	area_add(stream_by_path);
	area_add(names_of_both_ends);
	area_add(half_close_of_a_unix_stream);
	area_add(closed_unix_peer_gives_epipe_and_no_signal);
	area_add(transfers_of_a_stream_never_connected);
	area_add(data_before_a_careless_end_is_not_lost);
	area_add(path_that_is_missing);
	area_add(path_that_is_stale);
	area_add(longest_path);
	area_add(path_too_long_is_refused_at_once);
	area_add(abstract_names_leave_no_file);
	area_add(connect_to_a_full_listener_waits_its_turn);
	area_add(connect_to_a_full_listener_can_be_cancelled);
	area_add(datagrams_by_path);
	area_add(datagrams_keep_their_borders);
	area_add(datagrams_wait_for_a_full_receiver);
	area_add(named_datagrams_wait_for_a_full_receiver);
	area_add(named_datagrams_wait_while_a_recv_does);
	area_add(peer_is_set_while_the_last_is_full);
	area_add(datagrams_to_nobody);
	area_add(seqpacket_by_path);
	area_add(seqpacket_cuts_what_does_not_fit);
	area_add(seqpacket_empty_message_is_not_the_end);
	area_add(seqpacket_messages_come_before_the_end);
	return area_end();
}
