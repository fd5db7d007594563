/* SPDX-License-Identifier: MIT */
/* Making sockets, naming them, listening, options, and their handles. */
#include "harness.h"

static struct pike_op op_protocol(int family, int type, int protocol)
{
	struct pike_op op = op_socket(family, type);

	op.u.socket.protocol = protocol;
	return op;
}

/* -- socket -- */

CASE(sockets_of_every_kind)
{
	static const struct {
		int family, type;
	} kinds[] = {{PIKE_AF_INET, PIKE_SOCK_STREAM},
	    {PIKE_AF_INET, PIKE_SOCK_DGRAM}, {PIKE_AF_UNIX, PIKE_SOCK_STREAM},
	    {PIKE_AF_UNIX, PIKE_SOCK_DGRAM},
	    {PIKE_AF_UNIX, PIKE_SOCK_SEQPACKET},
	    {PIKE_AF_INET6, PIKE_SOCK_STREAM},
	    {PIKE_AF_INET6, PIKE_SOCK_DGRAM}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int32_t type = 0;
		struct pike_completion c =
		    perform(rig, op_socket(kinds[i].family, kinds[i].type));
		if (c.err == PIKE_EAFNOSUPPORT &&
		    kinds[i].family == PIKE_AF_INET6)
			continue;
		if (c.res < 0 && kinds[i].family == PIKE_AF_UNIX &&
		    !port_can(PORT_UNIX))
			continue;
		ck_assert_int_gt(c.res, 0);
		ck_assert(port_is_cloexec(pike_fd_of(rig->q, c.res)));
		expect_op(rig,
		    op_option(PIKE_GETSOCKOPT, c.res, PIKE_SOL, PIKE_SO_TYPE,
			&type, sizeof(type)),
		    sizeof(type));
		ck_assert_int_eq(type, kinds[i].type);
		expect_op(rig, op_close(c.res), 0);
	}
}

CASE(socket_of_a_family_that_is_none)
{
	static const int bad[] = {77, -1, 1 << 20, PIKE_AF_SYSTEM};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct pike_completion c =
		    perform(rig, op_socket(bad[i], PIKE_SOCK_STREAM));
		ck_assert_int_eq(c.res, -PIKE_EAFNOSUPPORT);
	}
	struct pike_completion c =
	    perform(rig, op_socket(PIKE_AF_UNSPEC, PIKE_SOCK_STREAM));
	ck_assert_int_lt(c.res, 0);
}

CASE(socket_of_a_type_or_protocol_that_is_none)
{
	struct pike_completion c = perform(rig, op_socket(PIKE_AF_INET, 99));

	ck_assert_int_lt(c.res, 0);
	c = perform(rig, op_socket(PIKE_AF_INET, PIKE_SOCK_SEQPACKET));
	ck_assert_int_lt(c.res, 0);
	/* Flags of one system's socket call are no type. */
	c = perform(rig, op_socket(PIKE_AF_INET, PIKE_SOCK_STREAM | 02000000));
	ck_assert_int_lt(c.res, 0);
	/* UDP's number for a stream. */
	expect_op(rig, op_protocol(PIKE_AF_INET, PIKE_SOCK_STREAM, 17),
	    -PIKE_EPROTONOSUPPORT);
	ck_assert_int_gt(
	    perform(rig, op_protocol(PIKE_AF_INET, PIKE_SOCK_STREAM, 6)).res,
	    0);
}

/* Trap 200. */
CASE(socket_without_a_descriptor)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	if (!port_limit_files(0))
		SKIP("no limit of descriptors here");
	expect_op(rig, op_socket(PIKE_AF_INET, PIKE_SOCK_STREAM), -PIKE_EMFILE);
	expect_op(rig, op_to(PIKE_LISTEN_TO, &addr, 0), -PIKE_EMFILE);
	port_limit_files(-1);
	rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
}

/* -- bind and listen -- */

CASE(bind_gives_a_name)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET), name;
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id id = submit(rig, op_at(PIKE_BIND, h, &addr));

	memset(&addr, 0xff, sizeof(addr));
	expect_one(rig, id, 0, 0, 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &name), 0);
	ck_assert_int_ne(name.port, 0);
	ck_assert_int_eq(name.u.ip4[0], 127);
	ck_assert_int_eq(name.u.ip4[3], 1);
	addr = port_loopback(PIKE_AF_INET);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), -PIKE_EINVAL);
}

/* Trap 93. */
CASE(bind_to_a_name_in_use)
{
	struct pike_addr addr;

	rig_listen(rig, PIKE_AF_INET, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), -PIKE_EADDRINUSE);
	expect_op(rig, op_to(PIKE_LISTEN_TO, &addr, 0), -PIKE_EADDRINUSE);
}

CASE(bind_to_a_name_that_is_not_ours)
{
	struct pike_addr addr;
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	ck_assert_int_eq(pike_addr_parse(&addr, "192.0.2.1:0"), 0);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), -PIKE_EADDRNOTAVAIL);
	expect_op(rig, op_to(PIKE_LISTEN_TO, &addr, 0), -PIKE_EADDRNOTAVAIL);
	addr = port_loopback(PIKE_AF_INET);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), 0);
}

CASE_WHERE(bind_without_permission, port_can(PORT_UNIX), "no Unix sockets here")
{
	struct pike_addr addr = rig_unix_addr(rig, "closed/socket");
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);

	port_forbid(rig->temp, "closed");
	if (!port_lose_rights())
		SKIP("permissions do not apply here");
	pike_id bind = submit(rig, op_at(PIKE_BIND, h, &addr));
	pike_id listen = submit(rig, op_to(PIKE_LISTEN_TO, &addr, 0));
	reap_until(rig, bind);
	reap_until(rig, listen);
	port_regain_rights();
	expect_error(rig, bind, PIKE_EACCES);
	expect_error(rig, listen, PIKE_EACCES);
}

CASE(what_is_no_socket_has_no_name)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	int32_t value = 1;
	pike_handle h[2];

	rig_pair(rig, RIG_PIPE, h);
	expect_op(rig, op_at(PIKE_BIND, h[0], &addr), -PIKE_ENOTSOCK);
	expect_op(rig, op_listen(h[0], 1), -PIKE_ENOTSOCK);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h[0], &addr), -PIKE_ENOTSOCK);
	expect_op(rig, op_at(PIKE_GETPEERNAME, h[0], &addr), -PIKE_ENOTSOCK);
	expect_op(rig,
	    op_option(
		PIKE_SETSOCKOPT, h[0], PIKE_SOL, PIKE_SO_KEEPALIVE, &value, 4),
	    -PIKE_ENOTSOCK);
	expect_op(rig,
	    op_option(PIKE_GETSOCKOPT, h[0], PIKE_SOL, PIKE_SO_TYPE, &value, 4),
	    -PIKE_ENOTSOCK);
}

CASE(peername_of_who_has_no_peer)
{
	struct pike_addr addr;
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	expect_op(rig, op_at(PIKE_GETPEERNAME, h, &addr), -PIKE_ENOTCONN);
	expect_op(
	    rig, op_at(PIKE_GETPEERNAME, listener, &addr), -PIKE_ENOTCONN);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	ck_assert_int_eq(addr.port, 0);
}

CASE(listen_step_by_step)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	expect_op(rig, op_at(PIKE_BIND, h, &addr), 0);
	expect_op(rig, op_listen(h, 5), 0);
	expect_op(rig, op_listen(h, 0), 0);
	expect_op(rig, op_listen(h, -1), 0);
	expect_op(rig, op_listen(h, INT32_MAX), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	rig_caller(rig, &addr, NULL);
	ck_assert_int_gt(perform(rig, op_accept(h)).res, 0);
}

CASE(listen_on_datagrams)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);

	expect_op(rig, op_listen(h, 5), -PIKE_EOPNOTSUPP);
}

CASE(listen_on_a_name_in_use)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	int32_t on = 1;
	pike_handle h[2];

	for (int i = 0; i < 2; i++) {
		h[i] = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
		expect_op(rig,
		    op_option(PIKE_SETSOCKOPT, h[i], PIKE_SOL,
			PIKE_SO_REUSEADDR, &on, sizeof(on)),
		    0);
		struct pike_completion c =
		    perform(rig, op_at(PIKE_BIND, h[i], &addr));
		if (i == 1 && c.err == PIKE_EADDRINUSE)
			SKIP("a second bind fails already");
		ck_assert_int_eq(c.res, 0);
		expect_op(rig, op_at(PIKE_GETSOCKNAME, h[i], &addr), 0);
	}
	expect_op(rig, op_listen(h[0], 5), 0);
	expect_op(rig, op_listen(h[1], 5), -PIKE_EADDRINUSE);
}

/* -- in one op -- */

CASE(listen_to_gives_a_listener)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	struct pike_op op = op_to(PIKE_LISTEN_TO, &addr, 0);
	int32_t on = 0;

	op.u.socket.backlog = 3;
	pike_id id = submit(rig, op);
	memset(&addr, 0xff, sizeof(addr));
	pike_handle h = wait_one(rig, id).res;
	ck_assert_int_gt(h, 0);
	ck_assert(port_is_cloexec(pike_fd_of(rig->q, h)));
	expect_op(rig,
	    op_option(PIKE_GETSOCKOPT, h, PIKE_SOL, PIKE_SO_REUSEADDR, &on,
		sizeof(on)),
	    sizeof(on));
	ck_assert_int_eq(on, 1);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	rig_caller(rig, &addr, NULL);
	ck_assert_int_gt(perform(rig, op_accept(h)).res, 0);
}

CASE(listen_to_failing_leaves_nothing_open)
{
	struct pike_addr addr, unix_addr = rig_unix_addr(rig, "no/such/dir");

	rig_listen(rig, PIKE_AF_INET, &addr);
	int before = port_open_count();
	for (int i = 0; i < 20; i++) {
		expect_op(
		    rig, op_to(PIKE_LISTEN_TO, &addr, 0), -PIKE_EADDRINUSE);
		if (port_can(PORT_UNIX))
			expect_op(rig, op_to(PIKE_LISTEN_TO, &unix_addr, 0),
			    -PIKE_ENOENT);
	}
	ck_assert_int_eq(port_open_count(), before);
}

/* After a server's end its port is free for the next, at once. */
CASE(listen_to_right_after_a_server)
{
	struct pike_addr addr = port_loopback_apart();
	pike_handle h = rig_listen_to(rig, &addr);
	pike_fd fd = rig_caller(rig, &addr, NULL);
	pike_handle got = perform(rig, op_accept(h)).res;

	expect_op(rig, op_close(got), 0);
	expect_op(rig, op_close(h), 0);
	peer_expect_eof(fd);
	ck_assert_int_gt(perform(rig, op_to(PIKE_LISTEN_TO, &addr, 0)).res, 0);
}

/* Trap 59: nothing of the queue lives on behind its back. */
CASE(queue_close_frees_the_port_at_once)
{
	struct pike_addr addr = port_loopback_apart();

	for (int i = 0; i < 50; i++) {
		pike_handle h = rig_listen_to(rig, &addr);
		submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));
		rig_reap(rig, 0);
		rig_close(rig);
		rig_open(rig, NULL);
	}
}

/* Trap 122, with the option that decides it everywhere. */
CASE(v6only_keeps_ipv4_out)
{
	struct pike_addr addr = {.family = PIKE_AF_INET6};
	struct pike_completion c =
	    perform(rig, op_socket(PIKE_AF_INET6, PIKE_SOCK_STREAM));
	int32_t on = 1;

	if (c.res < 0)
		SKIP("no IPv6 here");
	pike_handle h = c.res;
	expect_op(rig,
	    op_option(
		PIKE_SETSOCKOPT, h, PIKE_SOL, PIKE_SO_V6ONLY, &on, sizeof(on)),
	    0);
	c = perform(rig, op_at(PIKE_BIND, h, &addr));
	if (c.err == PIKE_EADDRNOTAVAIL)
		SKIP("no IPv6 here");
	ck_assert_int_eq(c.res, 0);
	expect_op(rig, op_listen(h, 0), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	struct pike_addr four = port_loopback_apart();
	four.port = addr.port;
	expect_op(rig, op_to(PIKE_CONNECT_TO, &four, 0), -PIKE_ECONNREFUSED);
	struct pike_addr six = port_loopback(PIKE_AF_INET6);
	six.port = addr.port;
	ck_assert_int_gt(perform(rig, op_to(PIKE_CONNECT_TO, &six, 0)).res, 0);
}

/* -- handles -- */

CASE(adopt_refuses_what_is_none)
{
	static const pike_fd bad[] = {
	    -1, 3999, INT64_MAX, INT64_MIN, INT64_C(0x100000000)};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(pike_adopt(rig->q, bad[i], 0), -PIKE_EBADF);
	pike_fd fd = rig_own(rig, port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM));
	ck_assert_int_eq(pike_adopt(rig->q, fd, 1), -PIKE_EINVAL);
	ck_assert_int_eq(
	    pike_adopt(rig->q, fd, UINT32_C(1) << 31), -PIKE_EINVAL);
}

CASE(release_gives_the_descriptor_back)
{
	pike_fd fd[2];
	char in;

	rig_plain_pair(rig, RIG_TCP, fd);
	for (int i = 0; i < 3; i++) {
		pike_handle h = rig_adopt(rig, fd[0]);
		ck_assert_int_eq(pike_fd_of(rig->q, h), fd[0]);
		pike_id id = submit(rig, op_recv(h, &in, 1));
		fence(rig);
		ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBUSY);
		expect_pending(rig, id);
		peer_write(rig, fd[1], "x", 1);
		expect_one(rig, id, 1, 0, 0);
		ck_assert_int_eq(pike_release(rig->q, h), fd[0]);
		ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBADF);
		refuse(rig, op_recv(h, &in, 1), PIKE_EBADF);
		peer_write(rig, fd[1], "y", 1);
		port_wait_readable(fd[0]);
		ck_assert_int_eq(port_read(fd[0], &in, 1), 1);
		ck_assert_int_eq(in, 'y');
	}
}

CASE(released_descriptor_of_pikes_is_the_callers)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_fd fd = pike_release(rig->q, h);

	rig_own(rig, fd);
	rig_close(rig);
	ck_assert(port_is_open(fd));
	rig_caller(rig, &addr, NULL);
	rig_own(rig, port_accept(fd));
}

/* A handle may move from one queue to another. */
CASE_WHERE(released_connection_works_in_another_queue,
    port_can(PORT_DUPS_APART), "a file belongs to one queue here")
{
	struct rig *other = rig_new(NULL);
	pike_handle h[2];
	char in[4];

	rig_tcp_pair(rig, h);
	pike_fd fd = pike_release(rig->q, h[0]);
	pike_handle there = rig_adopt(other, fd);
	pike_id id = submit(other, op_recv(there, in, 4));
	fence(other);
	expect_op(rig, op_send(h[1], "moved", 5), 5);
	expect_one(other, id, 4, 0, 0);
}

/* What its first life has made of it does no harm to its second. */
CASE(released_connection_works_in_its_own_queue)
{
	pike_handle h[2];
	char in[8];

	rig_tcp_pair(rig, h);
	pike_fd fd = pike_release(rig->q, h[0]);
	for (int i = 0; i < 3; i++) {
		pike_handle again = rig_adopt(rig, fd);
		expect_op(rig, op_send(again, "there", 5), 5);
		expect_op(rig, op_flags(op_recv(h[1], in, 5), PIKE_ALL), 5);
		pike_id id = submit(rig, op_recv(again, in, 8));
		fence(rig);
		expect_op(rig, op_send(h[1], "back", 4), 4);
		expect_one(rig, id, 4, 0, 0);
		ck_assert_mem_eq(in, "back", 4);
		expect_op(rig, op_send(h[1], "once more", 8), 8);
		fence(rig);
		expect_op(rig, op_flags(op_recv(again, in, 8), PIKE_ALL), 8);
		expect_cancelled(rig, submit(rig, op_recv(again, in, 8)));
		ck_assert_int_eq(pike_release(rig->q, again), fd);
	}
}

/* Who receives before there is a name waits for what comes by it. */
static void name_comes_later(struct rig *rig, bool grouped)
{
	struct pike_addr to = port_loopback(PIKE_AF_INET), at = to;
	pike_handle other = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	char in[16];

	expect_op(rig, op_at(PIKE_BIND, other, &to), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, other, &to), 0);
	for (int how = 0; how < 3; how++) {
		pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
		struct pike_op op = op_recv(h, in, 16);
		if (grouped)
			op = op_group(
			    PIKE_RECV, h, pike_group_open(rig->q, 1, 64, NULL));
		pike_id id = submit(rig, op);
		fence(rig);
		expect_pending(rig, id);
		struct pike_addr own, near = at;
		if (how == 0)
			expect_op(rig, op_at(PIKE_BIND, h, &at), 0);
		else if (how == 1)
			expect_op(rig, op_at(PIKE_CONNECT, h, &to), 0);
		else
			expect_op(
			    rig, op_io_at(PIKE_SENDTO, h, "named", 5, &to), 5);
		expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &own), 0);
		near.port = own.port;
		fence(rig);
		expect_pending(rig, id);
		expect_op(rig, op_io_at(PIKE_SENDTO, other, "x", 1, &near), 1);
		expect_one(rig, id, 1, 0, grouped ? PIKE_BUFFER : 0);
	}
}

CASE(a_receive_waits_for_the_name_too)
{
	name_comes_later(rig, false);
	name_comes_later(rig, true);
	/* It is not forgotten when nobody names it. */
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	char in[16];
	pike_id first = submit(rig, op_recv(h, in, 16));
	pike_id second = submit(rig, op_recv(h, in, 16));
	fence(rig);
	expect_cancelled(rig, first);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, second, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
}

int main(void)
{
	area_begin("socket_setup");
	area_add(sockets_of_every_kind);
	area_add(socket_of_a_family_that_is_none);
	area_add(socket_of_a_type_or_protocol_that_is_none);
	area_add(socket_without_a_descriptor);
	area_add(bind_gives_a_name);
	area_add(bind_to_a_name_in_use);
	area_add(bind_to_a_name_that_is_not_ours);
	area_add(bind_without_permission);
	area_add(what_is_no_socket_has_no_name);
	area_add(peername_of_who_has_no_peer);
	area_add(listen_step_by_step);
	area_add(listen_on_datagrams);
	area_add(listen_on_a_name_in_use);
	area_add(listen_to_gives_a_listener);
	area_add(listen_to_failing_leaves_nothing_open);
	area_add(listen_to_right_after_a_server);
	area_add(queue_close_frees_the_port_at_once);
	area_add(v6only_keeps_ipv4_out);
	area_add(adopt_refuses_what_is_none);
	area_add(release_gives_the_descriptor_back);
	area_add(released_descriptor_of_pikes_is_the_callers);
	area_add(released_connection_works_in_another_queue);
	area_add(released_connection_works_in_its_own_queue);
	area_add(a_receive_waits_for_the_name_too);
	return area_end();
}
