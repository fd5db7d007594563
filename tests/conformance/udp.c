/* SPDX-License-Identifier: MIT */
/* Datagrams over IPv4 and IPv6. */
#include "harness.h"

/* A handle bound to a loopback port, by pike. */
static pike_handle bound(struct rig *rig, int family, struct pike_addr *addr)
{
	*addr = port_loopback(family);
	pike_handle h = rig_socket(rig, family, PIKE_SOCK_DGRAM);
	expect_op(rig, op_at(PIKE_BIND, h, addr), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, addr), 0);
	ck_assert_int_ne(addr->port, 0);
	return h;
}

/* Two handles that are each other's peers. */
static void connected(struct rig *rig, pike_handle h[2])
{
	struct pike_addr addr[2];

	h[0] = bound(rig, PIKE_AF_INET, &addr[0]);
	h[1] = bound(rig, PIKE_AF_INET, &addr[1]);
	expect_op(rig, op_at(PIKE_CONNECT, h[0], &addr[1]), 0);
	expect_op(rig, op_at(PIKE_CONNECT, h[1], &addr[0]), 0);
}

CASE(sendto_and_recvfrom_know_each_other)
{
	struct pike_addr a, b, from = {0};
	pike_handle one = bound(rig, PIKE_AF_INET, &a);
	pike_handle two = bound(rig, PIKE_AF_INET, &b);
	char in[16];

	pike_id id = submit(rig, op_io_at(PIKE_RECVFROM, two, in, 16, &from));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_io_at(PIKE_SENDTO, one, "hello", 5, &b), 5);
	expect_one(rig, id, 5, 0, 0);
	ck_assert_mem_eq(in, "hello", 5);
	ck_assert(addr_equal(&from, &a));
	expect_op(rig, op_io_at(PIKE_SENDTO, two, "world", 5, &from), 5);
	expect_op(rig, op_io_at(PIKE_RECVFROM, one, in, 16, NULL), 5);
	ck_assert_mem_eq(in, "world", 5);
}

CASE(datagrams_over_ipv6)
{
	struct pike_addr a = port_loopback(PIKE_AF_INET6), b, from = {0};
	pike_fd plain = port_bound(&a, PIKE_SOCK_DGRAM, 0);
	char in[16];

	if (plain < 0)
		SKIP("no IPv6 here");
	rig_own(rig, plain);
	pike_handle h = bound(rig, PIKE_AF_INET6, &b);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "six", 3, &a), 3);
	port_wait_readable(plain);
	ck_assert_int_eq(port_recv_from(plain, in, 16, &from), 3);
	ck_assert(addr_equal(&from, &b));
	ck_assert_int_eq(port_send_to(plain, "back", 4, &b), 4);
	expect_op(rig, op_io_at(PIKE_RECVFROM, h, in, 16, &from), 4);
	ck_assert(addr_equal(&from, &a));
	ck_assert_int_eq(from.family, PIKE_AF_INET6);
}

CASE(sendto_copies_the_address)
{
	struct pike_addr a, b;
	pike_handle one = bound(rig, PIKE_AF_INET, &a);
	pike_handle two = bound(rig, PIKE_AF_INET, &b);
	char in[4];

	pike_id id = submit(rig, op_io_at(PIKE_SENDTO, one, "x", 1, &b));
	memset(&b, 0xff, sizeof(b));
	expect_one(rig, id, 1, 0, 0);
	expect_op(rig, op_recv(two, in, 4), 1);
}

CASE(connected_datagrams)
{
	pike_handle h[2];
	char in[16];

	connected(rig, h);
	expect_op(rig, op_send(h[0], "abc", 3), 3);
	expect_op(rig, op_recv(h[1], in, 16), 3);
	expect_op(rig, op_io(PIKE_SENDTO, h[1], "defg", 4), 4);
	expect_op(rig, op_io(PIKE_RECVFROM, h[0], in, 16), 4);
	ck_assert_mem_eq(in, "defg", 4);
	expect_op(rig, op_io(PIKE_WRITE, h[0], "hi", 2), 2);
	expect_op(rig, op_io(PIKE_READ, h[1], in, 16), 2);
}

CASE(peer_can_be_set_any_number_of_times)
{
	struct pike_addr a, b, c, peer;
	pike_handle h = bound(rig, PIKE_AF_INET, &a);
	pike_handle one = bound(rig, PIKE_AF_INET, &b);
	pike_handle two = bound(rig, PIKE_AF_INET, &c);
	char in[4];

	expect_op(rig, op_at(PIKE_GETPEERNAME, h, &peer), -PIKE_ENOTCONN);
	for (int i = 0; i < 3; i++) {
		expect_op(rig, op_at(PIKE_CONNECT, h, &b), 0);
		expect_op(rig, op_at(PIKE_GETPEERNAME, h, &peer), 0);
		ck_assert(addr_equal(&peer, &b));
		expect_op(rig, op_send(h, "1", 1), 1);
		expect_op(rig, op_recv(one, in, 4), 1);
		expect_op(rig, op_at(PIKE_CONNECT, h, &c), 0);
		expect_op(rig, op_send(h, "2", 1), 1);
		expect_op(rig, op_recv(two, in, 4), 1);
	}
}

CASE(connected_socket_hears_only_its_peer)
{
	struct pike_addr a, b, c;
	pike_handle h = bound(rig, PIKE_AF_INET, &a);
	pike_handle peer = bound(rig, PIKE_AF_INET, &b);
	pike_handle stranger = bound(rig, PIKE_AF_INET, &c);
	char in[4];

	expect_op(rig, op_at(PIKE_CONNECT, h, &b), 0);
	pike_id id = submit(rig, op_recv(h, in, 4));
	struct pike_completion r =
	    perform(rig, op_io_at(PIKE_SENDTO, stranger, "s", 1, &a));
	ck_assert(r.res == 1 || r.res == -PIKE_ECONNREFUSED);
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_io_at(PIKE_SENDTO, peer, "p", 1, &a), 1);
	expect_one(rig, id, 1, 0, 0);
	ck_assert_int_eq(in[0], 'p');
}

CASE(send_without_a_destination)
{
	struct pike_addr addr;
	pike_handle h = bound(rig, PIKE_AF_INET, &addr);

	expect_op(rig, op_send(h, "x", 1), -PIKE_EDESTADDRREQ);
	expect_op(rig, op_io(PIKE_SENDTO, h, "x", 1), -PIKE_EDESTADDRREQ);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "x", 1, &addr), 1);
}

/* Traps 89, 124. */
CASE(what_does_not_fit_is_truncated)
{
	pike_handle h[2];
	char in[16] = "................";

	connected(rig, h);
	expect_op(rig, op_send(h[0], "0123456789", 10), 10);
	expect_op(rig, op_send(h[0], "next", 4), 4);
	expect_op_flags(rig, op_recv(h[1], in, 4), 4, PIKE_TRUNCATED);
	ck_assert_mem_eq(in, "0123....", 8);
	expect_op(rig, op_recv(h[1], in, 4), 4);
	ck_assert_mem_eq(in, "next", 4);
}

CASE(truncation_is_told_by_every_receiver)
{
	static const int kinds[] = {PIKE_READ, PIKE_RECV, PIKE_RECVFROM};
	struct pike_addr from;
	pike_handle h[2];
	char in[3];

	connected(rig, h);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		expect_op(rig, op_send(h[0], "0123", 4), 4);
		expect_op_flags(rig, op_io_at(kinds[i], h[1], in, 3, &from), 3,
		    PIKE_TRUNCATED);
		expect_op(rig, op_send(h[0], "012", 3), 3);
		expect_op(rig, op_io_at(kinds[i], h[1], in, 3, &from), 3);
	}
	struct pike_iovec iov[2] = {{in, 1}, {in + 1, 2}};
	expect_op(rig, op_send(h[0], "0123", 4), 4);
	expect_op_flags(
	    rig, op_io(PIKE_READV, h[1], iov, 2), 3, PIKE_TRUNCATED);
}

CASE(truncation_of_a_datagram_that_was_waited_for)
{
	pike_handle h[2];
	char in[2];

	connected(rig, h);
	pike_id id = submit(rig, op_recv(h[1], in, 2));
	fence(rig);
	expect_op(rig, op_send(h[0], "long", 4), 4);
	expect_one(rig, id, 2, 0, PIKE_TRUNCATED);
}

/* Trap 125. */
CASE(too_long_a_datagram)
{
	static char big[70000];
	pike_handle h[2];
	char in[4];

	connected(rig, h);
	expect_op(rig, op_send(h[0], big, sizeof(big)), -PIKE_EMSGSIZE);
	expect_op(rig, op_send(h[0], "ok", 2), 2);
	expect_op(rig, op_recv(h[1], in, 4), 2);
}

/* Trap 131. */
CASE(too_long_a_datagram_between_two)
{
	static char big[70000];
	struct pike_addr a, b;
	pike_handle one = bound(rig, PIKE_AF_INET, &a);
	pike_handle two = bound(rig, PIKE_AF_INET, &b);
	char in[4];

	pike_id x = submit(rig, op_io_at(PIKE_SENDTO, one, "1", 1, &b));
	pike_id y =
	    submit(rig, op_io_at(PIKE_SENDTO, one, big, sizeof(big), &b));
	pike_id z = submit(rig, op_io_at(PIKE_SENDTO, one, "3", 1, &b));
	expect_one(rig, x, 1, 0, 0);
	expect_error(rig, y, PIKE_EMSGSIZE);
	expect_one(rig, z, 1, 0, 0);
	expect_op(rig, op_recv(two, in, 4), 1);
	ck_assert_int_eq(in[0], '1');
	expect_op(rig, op_recv(two, in, 4), 1);
	ck_assert_int_eq(in[0], '3');
}

CASE(whole_means_nothing_to_datagrams)
{
	pike_handle h[2];
	char in[16];

	connected(rig, h);
	pike_id id = submit(rig, op_flags(op_recv(h[1], in, 16), PIKE_ALL));
	expect_op(rig, op_flags(op_send(h[0], "abc", 3), PIKE_ALL), 3);
	expect_one(rig, id, 3, 0, 0);
	expect_op(rig, op_send(h[0], "", 0), 0);
	expect_op(rig, op_flags(op_recv(h[1], in, 16), PIKE_ALL), 0);
}

/* Traps 57, 126: empty, and no end. */
CASE(empty_datagrams_are_real)
{
	struct pike_addr a, b, from = {0};
	pike_handle one = bound(rig, PIKE_AF_INET, &a);
	pike_handle two = bound(rig, PIKE_AF_INET, &b);
	char in[4];

	pike_id id = submit(rig, op_recv(two, in, 4));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_io_at(PIKE_SENDTO, one, "", 0, &b), 0);
	expect_one(rig, id, 0, 0, 0);
	expect_op(rig, op_io_at(PIKE_SENDTO, one, NULL, 0, &b), 0);
	expect_op(rig, op_io_at(PIKE_SENDTO, one, "abc", 3, &b), 3);
	expect_op(rig, op_io_at(PIKE_RECVFROM, two, in, 4, &from), 0);
	ck_assert(addr_equal(&from, &a));
	expect_op(rig, op_recv(two, in, 4), 3);
}

CASE(empty_datagrams_of_send)
{
	pike_handle h[2];
	char in[4];

	connected(rig, h);
	expect_op(rig, op_send(h[0], "", 0), 0);
	expect_op(rig, op_recv(h[1], in, 4), 0);
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_op(rig, op_recv(h[1], in, 4), 1);
}

/* Trap 127. */
CASE(receiving_into_nothing_consumes_a_datagram)
{
	pike_handle h[2];
	char in[4];

	connected(rig, h);
	pike_id id = submit(rig, op_recv(h[1], in, 0));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_send(h[0], "gone", 4), 4);
	expect_one(rig, id, 0, 0, PIKE_TRUNCATED);
	expect_op(rig, op_send(h[0], "next", 4), 4);
	expect_op(rig, op_recv(h[1], in, 4), 4);
	ck_assert_mem_eq(in, "next", 4);
}

/* Trap 128: once, on any later op, and no more than that. */
CASE_WHERE(connected_sender_hears_of_a_closed_port_once,
    port_can(PORT_UDP_REFUSALS), "nobody tells of refused datagrams here")
{
	struct pike_addr a, gone;
	pike_handle h = bound(rig, PIKE_AF_INET, &a);
	pike_handle other = bound(rig, PIKE_AF_INET, &gone);
	char in[4];
	int refused = 0;

	expect_op(rig, op_close(other), 0);
	expect_op(rig, op_at(PIKE_CONNECT, h, &gone), 0);
	expect_op(rig, op_send(h, "x", 1), 1);
	expect_op(rig, op_recv(h, in, 4), -PIKE_ECONNREFUSED);
	pike_fd again = rig_own(rig, port_bound(&gone, PIKE_SOCK_DGRAM, 0));
	for (int i = 0; i < 5; i++) {
		struct pike_completion c = perform(rig, op_send(h, "y", 1));
		refused += c.err == PIKE_ECONNREFUSED;
	}
	ck_assert_int_eq(refused, 0);
	ck_assert_int_eq(port_send_to(again, "back", 4, &a), 4);
	expect_op(rig, op_recv(h, in, 4), 4);
}

/* Trap 88. */
CASE(unconnected_receiver_never_hears_of_a_closed_port)
{
	struct pike_addr a, gone, b;
	pike_handle h = bound(rig, PIKE_AF_INET, &a);
	pike_handle other = bound(rig, PIKE_AF_INET, &gone);
	pike_handle good = bound(rig, PIKE_AF_INET, &b);
	char in[4];

	expect_op(rig, op_close(other), 0);
	pike_id id = submit(rig, op_recv(h, in, 4));
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "x", 1, &gone), 1);
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "x", 1, &gone), 1);
	expect_op(rig, op_io_at(PIKE_SENDTO, good, "ok", 2, &a), 2);
	expect_one(rig, id, 2, 0, 0);
}

/* Trap 130. */
CASE(shutdown_is_for_streams)
{
	pike_handle h[2];
	char in[4];

	connected(rig, h);
	pike_id id = submit(rig, op_recv(h[1], in, 4));
	expect_op(rig, op_shutdown(h[1], PIKE_SHUT_READ), -PIKE_EOPNOTSUPP);
	expect_op(rig, op_shutdown(h[1], PIKE_SHUT_WRITE), -PIKE_EOPNOTSUPP);
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_one(rig, id, 1, 0, 0);
}

CASE(eight_receivers_are_served_in_order)
{
	pike_handle h[2];
	pike_id id[8];
	char in[8], out[8] = "01234567";

	connected(rig, h);
	for (int i = 0; i < 8; i++)
		id[i] = submit(rig, op_recv(h[1], &in[i], 1));
	fence(rig);
	for (int i = 0; i < 8; i++)
		expect_op(rig, op_send(h[0], &out[i], 1), 1);
	for (int i = 0; i < 8; i++)
		expect_one(rig, id[i], 1, 0, 0);
	ck_assert_mem_eq(in, out, 8);
}

CASE(cancelled_receiver_loses_no_datagram)
{
	pike_handle h[2];
	char in[4];

	connected(rig, h);
	pike_id id = submit(rig, op_recv(h[1], in, 4));
	fence(rig);
	expect_cancelled(rig, id);
	expect_op(
	    rig, op_deadline(op_recv(h[1], in, 4), NS_PER_MS), -PIKE_ETIME);
	expect_op(rig, op_send(h[0], "kept", 4), 4);
	expect_op(rig, op_recv(h[1], in, 4), 4);
	ck_assert_mem_eq(in, "kept", 4);
}

CASE(peek_leaves_the_datagram)
{
	pike_handle h[2];
	char in[8];

	connected(rig, h);
	expect_op(rig, op_send(h[0], "again", 5), 5);
	expect_op_flags(rig, op_how(op_recv(h[1], in, 2), PIKE_MSG_PEEK), 2,
	    PIKE_TRUNCATED);
	expect_op(rig, op_how(op_recv(h[1], in, 8), PIKE_MSG_PEEK), 5);
	expect_op(rig, op_recv(h[1], in, 8), 5);
}

CASE(scattered_datagram)
{
	struct pike_iovec out[3] = {{"ab", 2}, {NULL, 0}, {"cde", 3}};
	char a[1], b[9];
	struct pike_iovec in[2] = {{a, 1}, {b, 9}};
	pike_handle h[2];

	connected(rig, h);
	expect_op(rig, op_io(PIKE_WRITEV, h[0], out, 3), 5);
	expect_op(rig, op_io(PIKE_READV, h[1], in, 2), 5);
	ck_assert_int_eq(a[0], 'a');
	ck_assert_mem_eq(b, "bcde", 4);
}

CASE(broadcast_needs_its_option)
{
	struct pike_addr addr, all;
	pike_handle h = bound(rig, PIKE_AF_INET, &addr);
	int32_t on = 1;

	all = addr;
	memset(all.u.ip4 + 1, 255, 3);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "x", 1, &all), -PIKE_EACCES);
	expect_op(rig,
	    op_option(PIKE_SETSOCKOPT, h, PIKE_SOL, PIKE_SO_BROADCAST, &on,
		sizeof(on)),
	    0);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "x", 1, &all), 1);
}

/* -- in one op -- */

CASE(listen_to_binds_datagrams)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET), from;
	pike_handle h =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM)).res;
	char in[4];

	ck_assert_int_gt(h, 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	pike_handle to =
	    perform(rig, op_to(PIKE_CONNECT_TO, &addr, PIKE_SOCK_DGRAM)).res;
	ck_assert_int_gt(to, 0);
	expect_op(rig, op_send(to, "x", 1), 1);
	expect_op(rig, op_io_at(PIKE_RECVFROM, h, in, 4, &from), 1);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "yz", 2, &from), 2);
	expect_op(rig, op_recv(to, in, 4), 2);
	struct pike_completion c = perform(rig, op_accept(h));
	ck_assert(c.err == PIKE_EOPNOTSUPP || c.err == PIKE_EINVAL);
}

int main(void)
{
	area_begin("udp");
	area_add(sendto_and_recvfrom_know_each_other);
	area_add(datagrams_over_ipv6);
	area_add(sendto_copies_the_address);
	area_add(connected_datagrams);
	area_add(peer_can_be_set_any_number_of_times);
	area_add(connected_socket_hears_only_its_peer);
	area_add(send_without_a_destination);
	area_add(what_does_not_fit_is_truncated);
	area_add(truncation_is_told_by_every_receiver);
	area_add(truncation_of_a_datagram_that_was_waited_for);
	area_add(too_long_a_datagram);
	area_add(too_long_a_datagram_between_two);
	area_add(whole_means_nothing_to_datagrams);
	area_add(empty_datagrams_are_real);
	area_add(empty_datagrams_of_send);
	area_add(receiving_into_nothing_consumes_a_datagram);
	area_add(connected_sender_hears_of_a_closed_port_once);
	area_add(unconnected_receiver_never_hears_of_a_closed_port);
	area_add(shutdown_is_for_streams);
	area_add(eight_receivers_are_served_in_order);
	area_add(cancelled_receiver_loses_no_datagram);
	area_add(peek_leaves_the_datagram);
	area_add(scattered_datagram);
	area_add(broadcast_needs_its_option);
	area_add(listen_to_binds_datagrams);
	return area_end();
}
