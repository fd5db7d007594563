/* SPDX-License-Identifier: MIT */
/* The end of a handle, and what a handle is after it. */
#include "harness.h"

CASE(close_lets_pending_ops_end_first)
{
	static char out[1 << 20];
	pike_handle h;
	pike_fd peer;
	char in;

	rig_full(rig, RIG_UNIX, &h, &peer);
	pike_id recv = submit(rig, op_recv(h, &in, 1));
	pike_id send = submit(rig, op_send(h, out, sizeof(out)));
	pike_id poll = submit(rig, op_poll(h, PIKE_POLL_PRI));
	fence(rig);
	pike_id close = submit(rig, op_close(h));
	reap_until(rig, close);
	expect_error(rig, recv, PIKE_ECANCELED);
	expect_error(rig, send, PIKE_ECANCELED);
	expect_error(rig, poll, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
}

CASE(close_frees_the_descriptor)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_fd fd = pike_fd_of(rig->q, h);

	ck_assert(port_is_open(fd));
	expect_op(rig, op_close(h), 0);
	ck_assert(!port_is_open(fd));
}

CASE(close_of_an_adopted_descriptor_closes_it)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_fd fd = pike_fd_of(rig->q, h);
	expect_op(rig, op_close(h), 0);
	ck_assert(!port_is_open(fd));
	peer_expect_eof(peer);
}

/* Trap 43: what is pending must not keep the connection open. */
CASE(close_with_a_pending_recv_ends_the_connection)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id recv = submit(rig, op_recv(h, &in, 1));
	fence(rig);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, recv, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	peer_expect_eof(peer);
}

/* Trap 45. */
CASE(close_right_after_a_send)
{
	pike_handle h;
	pike_fd peer;
	char in[5];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id send = submit(rig, op_send(h, "hello", 5));
	pike_id close = submit(rig, op_close(h));
	struct pike_completion c = wait_one(rig, send);
	ck_assert(c.res == 5 || c.res == -PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	if (c.res == 5)
		peer_read(rig, peer, in, 5);
	peer_expect_eof(peer);
}

CASE(close_takes_no_deadline_and_no_multishot)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	refuse(rig, op_deadline(op_close(h), 1), PIKE_EINVAL);
	refuse(rig, op_flags(op_close(h), PIKE_MULTISHOT), PIKE_EINVAL);
	expect_op(rig, op_close(h), 0);
}

CASE(close_cannot_be_cancelled)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id close = submit(rig, op_close(h));
	int r = pike_cancel(rig->q, close);

	ck_assert(r == -PIKE_EINVAL || r == -PIKE_ENOENT);
	expect_one(rig, close, 0, 0, 0);
	ck_assert_int_eq(pike_cancel(rig->q, close), -PIKE_ENOENT);
}

/* Trap 182. */
CASE(second_close_is_refused)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_id close = submit(rig, op_close(h));

	refuse(rig, op_close(h), PIKE_EBADF);
	expect_one(rig, close, 0, 0, 0);
	refuse(rig, op_close(h), PIKE_EBADF);
}

/* Trap 107: with unread data the system resets. */
CASE(close_with_unread_data_resets_the_peer)
{
	pike_handle h;
	pike_fd peer;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	peer_write(rig, peer, "unread", 6);
	expect_op(rig, op_poll(h, PIKE_POLL_IN), PIKE_POLL_IN);
	expect_op(rig, op_close(h), 0);
	port_wait_readable(peer);
	ck_assert_int_eq(port_read(peer, &in, 1), -PIKE_ECONNRESET);
}

/* Trap 107: and this is how nothing is lost. */
CASE(graceful_end_loses_nothing)
{
	enum {
		TOTAL = 500000
	};
	static char out[TOTAL], in[TOTAL];
	pike_handle h[2];
	char last[8];

	rig_tcp_pair(rig, h);
	pattern_fill(out, TOTAL, 11);
	expect_op(rig, op_send(h[1], "request", 7), 7);
	pike_id send =
	    submit(rig, op_flags(op_send(h[0], out, TOTAL), PIKE_ALL));
	pike_id end = submit(rig, op_shutdown(h[0], PIKE_SHUT_WRITE));
	expect_op(rig, op_flags(op_recv(h[1], in, TOTAL), PIKE_ALL), TOTAL);
	expect_one(rig, send, TOTAL, 0, 0);
	expect_one(rig, end, 0, 0, 0);
	pattern_check(in, TOTAL, 11);
	expect_op_flags(rig, op_recv(h[1], in, TOTAL), 0, PIKE_EOF);
	expect_op(rig, op_recv(h[0], last, 8), 7);
	expect_op(rig, op_close(h[1]), 0);
	expect_op_flags(rig, op_recv(h[0], last, 8), 0, PIKE_EOF);
	expect_op(rig, op_close(h[0]), 0);
}

CASE(every_opcode_refuses_a_stale_handle)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	char buf[4] = "";
	struct pike_iovec iov = {buf, 4};
	struct pike_msg msg = {.iov = &iov, .iov_count = 1};

	expect_op(rig, op_close(h), 0);
	refuse(rig, op_at(PIKE_BIND, h, &addr), PIKE_EBADF);
	refuse(rig, op_listen(h, 1), PIKE_EBADF);
	refuse(rig, op_at(PIKE_CONNECT, h, &addr), PIKE_EBADF);
	refuse(rig, op_accept(h), PIKE_EBADF);
	refuse(rig, op_shutdown(h, PIKE_SHUT_WRITE), PIKE_EBADF);
	refuse(rig, op_close(h), PIKE_EBADF);
	refuse(rig,
	    op_option(PIKE_GETSOCKOPT, h, PIKE_SOL, PIKE_SO_TYPE, buf, 4),
	    PIKE_EBADF);
	refuse(rig,
	    op_option(PIKE_SETSOCKOPT, h, PIKE_SOL, PIKE_SO_NODELAY, buf, 4),
	    PIKE_EBADF);
	refuse(rig, op_at(PIKE_GETSOCKNAME, h, &addr), PIKE_EBADF);
	refuse(rig, op_at(PIKE_GETPEERNAME, h, &addr), PIKE_EBADF);
	for (int op = PIKE_READ; op <= PIKE_WRITE; op++)
		refuse(rig, op_io(op, h, buf, 4), PIKE_EBADF);
	for (int op = PIKE_READV; op <= PIKE_WRITEV; op++)
		refuse(rig, op_io(op, h, &iov, 1), PIKE_EBADF);
	for (int op = PIKE_RECV; op <= PIKE_SENDTO; op++)
		refuse(rig, op_io(op, h, buf, 4), PIKE_EBADF);
	for (int op = PIKE_RECVMSG; op <= PIKE_SENDMSG; op++)
		refuse(rig, op_io(op, h, &msg, 1), PIKE_EBADF);
	refuse(rig, op_poll(h, PIKE_POLL_IN), PIKE_EBADF);
	expect_op(rig, op_of(PIKE_CANCEL, h), -PIKE_EBADF);
	ck_assert_int_eq(pike_fd_of(rig->q, h), -PIKE_EBADF);
	ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBADF);
	ck_assert_int_eq(pike_cancel_handle(rig->q, h), -PIKE_EBADF);
}

CASE(closing_handle_takes_nothing_more)
{
	pike_handle h[2];
	char in;

	rig_pair(rig, RIG_TCP, h);
	pike_id recv = submit(rig, op_recv(h[0], &in, 1));
	pike_id close = submit(rig, op_close(h[0]));
	refuse(rig, op_recv(h[0], &in, 1), PIKE_EBADF);
	refuse(rig, op_send(h[0], "x", 1), PIKE_EBADF);
	ck_assert_int_lt(pike_release(rig->q, h[0]), 0);
	expect_error(rig, recv, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
}

CASE(handles_that_never_were_are_refused)
{
	static const pike_handle bad[] = {0, -1, 1, 2, 64, INT64_MAX, INT64_MIN,
	    INT64_C(1) << 32, INT64_C(0x7fffffff00000000)};
	char in;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		refuse(rig, op_recv(bad[i], &in, 1), PIKE_EBADF);
		ck_assert_int_eq(pike_fd_of(rig->q, bad[i]), -PIKE_EBADF);
		ck_assert_int_eq(pike_release(rig->q, bad[i]), -PIKE_EBADF);
	}
}

/* Trap 44: a number used again names another connection. */
CASE(reused_number_gets_nothing_of_the_old_connection)
{
	pike_fd fd[4];
	char in;

	rig_plain_pair(rig, RIG_TCP, fd);
	pike_handle old = rig_adopt(rig, fd[0]);
	pike_id id = submit(rig, op_recv(old, &in, 1));
	fence(rig);
	expect_pending(rig, id);
	rig_plain_pair(rig, RIG_TCP, fd + 2);
	submit(rig, op_tagged(op_close(old), rig));
	while (rig->in_flight)
		rig_reap(rig, -1);
	ck_assert_int_eq(drop_arrivals(rig), 2);
	pike_fd again = rig_own(rig, port_dup_as(fd[2], fd[0]));
	pike_handle now = rig_adopt(rig, again);
	ck_assert_int_ne(now, old);
	refuse(rig, op_recv(old, &in, 1), PIKE_EBADF);
	id = submit(rig, op_recv(now, &in, 1));
	ck_assert_int_lt(port_write(fd[1], "o", 1), 2);
	fence(rig);
	expect_pending(rig, id);
	peer_write(rig, fd[3], "n", 1);
	expect_one(rig, id, 1, 0, 0);
	ck_assert_int_eq(in, 'n');
}

/* Trap 2: the kernel has told of both before the first is dealt with. */
CASE(event_of_the_same_batch_does_not_reach_a_reused_number)
{
	pike_fd a[2], b[2], d[2];
	pike_handle h[2];
	char in[2];

	for (int i = 0; i < 20; i++) {
		rig_plain_pair(rig, RIG_TCP, a);
		rig_plain_pair(rig, RIG_TCP, b);
		rig_plain_pair(rig, RIG_TCP, d);
		h[0] = rig_adopt(rig, a[0]);
		h[1] = rig_adopt(rig, b[0]);
		pike_id id[2] = {submit(rig, op_recv(h[0], &in[0], 1)),
		    submit(rig, op_recv(h[1], &in[1], 1))};
		fence(rig);
		peer_write(rig, a[1], "a", 1);
		peer_write(rig, b[1], "b", 1);
		ck_assert_int_eq(rig_reap_max(rig, 1, -1), 1);
		int other = in_flight(rig, id[1]);
		submit(rig, op_close(h[other]));
		while (rig->in_flight)
			rig_reap(rig, -1);
		ck_assert_int_eq(drop_arrivals(rig), 3);
		pike_fd number = other ? b[0] : a[0];
		pike_fd again = rig_own(rig, port_dup_as(d[0], number));
		pike_handle now = rig_adopt(rig, again);
		pike_id late = submit(rig, op_recv(now, in, 1));
		fence(rig);
		expect_pending(rig, late);
		peer_write(rig, d[1], "d", 1);
		expect_one(rig, late, 1, 0, 0);
		ck_assert_int_eq(in[0], 'd');
	}
}

/* Trap 1: a registration lives as long as the open file, not the number. */
CASE_WHERE(dup_of_a_closed_descriptor_disturbs_nobody,
    port_can(PORT_DUPS_APART), "a file belongs to one queue here")
{
	pike_handle h;
	pike_fd fd[2];
	char in;

	rig_plain_pair(rig, RIG_TCP, fd);
	pike_fd copy = rig_own(rig, port_dup(fd[0]));
	h = rig_adopt(rig, fd[0]);
	pike_id id = submit(rig, op_recv(h, &in, 1));
	fence(rig);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	peer_write(rig, fd[1], "x", 1);
	fence(rig);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
	expect_idle(rig);
	h = rig_adopt(rig, copy);
	expect_op(rig, op_recv(h, &in, 1), 1);
	ck_assert_int_eq(in, 'x');
}

/* Trap 1: nor is what the system remembers of the old number in the way. */
CASE_WHERE(dup_comes_back_under_the_closed_number, port_can(PORT_DUPS_APART),
    "a file belongs to one queue here")
{
	pike_fd fd[2];
	char in;

	rig_plain_pair(rig, RIG_UNIX, fd);
	pike_fd copy = rig_own(rig, port_dup(fd[0]));
	for (int i = 0; i < 3; i++) {
		pike_handle h = rig_adopt(rig, fd[0]);
		pike_id id = submit(rig, op_recv(h, &in, 1));
		fence(rig);
		peer_write(rig, fd[1], "x", 1);
		expect_one(rig, id, 1, 0, 0);
		expect_op(rig, op_close(h), 0);
		rig_own(rig, port_dup_as(copy, fd[0]));
	}
}

CASE_WHERE(closing_one_of_two_dups_leaves_the_other, port_can(PORT_DUPS_APART),
    "a file belongs to one queue here")
{
	pike_fd fd[2];
	char in;

	rig_plain_pair(rig, RIG_UNIX, fd);
	pike_handle one = rig_adopt(rig, rig_own(rig, port_dup(fd[0])));
	pike_handle two = rig_adopt(rig, fd[0]);
	pike_id a = submit(rig, op_recv(one, &in, 1));
	pike_id b = submit(rig, op_recv(two, &in, 1));
	fence(rig);
	pike_id close = submit(rig, op_close(one));
	expect_error(rig, a, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	fence(rig);
	expect_pending(rig, b);
	peer_write(rig, fd[1], "y", 1);
	expect_one(rig, b, 1, 0, 0);
}

CASE(queue_close_closes_only_what_pike_opened)
{
	pike_handle own = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_fd fd[2], opened = pike_fd_of(rig->q, own);
	static char in;

	rig_plain_pair(rig, RIG_TCP, fd);
	submit(rig, op_recv(rig_adopt(rig, fd[0]), &in, 1));
	rig_close(rig);
	ck_assert(!port_is_open(opened));
	ck_assert(port_is_open(fd[0]));
	ck_assert_int_eq(port_write(fd[1], "z", 1), 1);
	port_wait_readable(fd[0]);
	ck_assert_int_eq(port_read(fd[0], &in, 1), 1);
}

int main(void)
{
	area_begin("close");
	area_add(close_lets_pending_ops_end_first);
	area_add(close_frees_the_descriptor);
	area_add(close_of_an_adopted_descriptor_closes_it);
	area_add(close_with_a_pending_recv_ends_the_connection);
	area_add(close_right_after_a_send);
	area_add(close_takes_no_deadline_and_no_multishot);
	area_add(close_cannot_be_cancelled);
	area_add(second_close_is_refused);
	area_add(close_with_unread_data_resets_the_peer);
	area_add(graceful_end_loses_nothing);
	area_add(every_opcode_refuses_a_stale_handle);
	area_add(closing_handle_takes_nothing_more);
	area_add(handles_that_never_were_are_refused);
	area_add(reused_number_gets_nothing_of_the_old_connection);
	area_add(event_of_the_same_batch_does_not_reach_a_reused_number);
	area_add(dup_of_a_closed_descriptor_disturbs_nobody);
	area_add(dup_comes_back_under_the_closed_number);
	area_add(closing_one_of_two_dups_leaves_the_other);
	area_add(queue_close_closes_only_what_pike_opened);
	return area_end();
}
