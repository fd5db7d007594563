/* SPDX-License-Identifier: MIT */
/* Taking connections one by one. */
#include "harness.h"

CASE(accept_waits_for_a_connection)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_accept(h));

	fence(rig);
	expect_pending(rig, id);
	pike_fd fd = rig_caller(rig, &addr, NULL);
	expect_connected(rig, wait_one(rig, id).res, fd);
}

CASE(accept_takes_a_connection_that_waits)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_fd fd = rig_caller(rig, &addr, NULL);

	expect_connected(rig, perform(rig, op_accept(h)).res, fd);
}

/* Trap 86: a silent caller is a caller. */
CASE(accept_needs_no_data)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	rig_caller(rig, &addr, NULL);
	ck_assert_int_gt(perform(rig, op_accept(h)).res, 0);
}

CASE(accept_tells_the_callers_address)
{
	struct pike_addr addr, name, from = {0};
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	rig_caller(rig, &addr, &name);
	struct pike_completion c = perform(rig, op_at(PIKE_ACCEPT, h, &from));
	ck_assert_int_gt(c.res, 0);
	ck_assert(addr_equal(&from, &name));
	ck_assert_int_eq(from.family, PIKE_AF_INET);
	ck_assert_int_eq(from.reserved, 0);
	struct pike_addr peer;
	expect_op(rig, op_at(PIKE_GETPEERNAME, c.res, &peer), 0);
	ck_assert(addr_equal(&peer, &name));
}

CASE(accept_tells_an_address_when_it_had_to_wait)
{
	struct pike_addr addr, name, from = {0};
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_at(PIKE_ACCEPT, h, &from));

	fence(rig);
	rig_caller(rig, &addr, &name);
	ck_assert_int_gt(wait_one(rig, id).res, 0);
	ck_assert(addr_equal(&from, &name));
}

/* The struct is the caller's, whatever it held: every byte is written. */
CASE(accept_leaves_no_garbage_in_the_address)
{
	struct pike_addr addr, from, twin;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	memset(&from, 0xff, sizeof(from));
	rig_caller(rig, &addr, NULL);
	struct pike_completion c = perform(rig, op_at(PIKE_ACCEPT, h, &from));
	memset(&twin, 0, sizeof(twin));
	expect_op(rig, op_at(PIKE_GETPEERNAME, c.res, &twin), 0);
	ck_assert_int_eq(from.flowinfo, 0);
	ck_assert_int_eq(from.scope_id, 0);
	ck_assert_int_eq(from.reserved, 0);
	ck_assert_mem_eq(from.u.ip4, twin.u.ip4, 4);
}

CASE(accepts_are_served_in_order)
{
	struct pike_addr addr, name[4], from[4];
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id[4];

	for (int i = 0; i < 4; i++)
		id[i] = submit(rig, op_at(PIKE_ACCEPT, h, &from[i]));
	fence(rig);
	for (int i = 0; i < 4; i++)
		rig_caller(rig, &addr, &name[i]);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_gt(wait_one(rig, id[i]).res, 0);
		ck_assert(addr_equal(&from[i], &name[i]));
	}
}

/* Traps 94, 106, 174. */
CASE(accepted_descriptor_is_close_on_exec)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	rig_caller(rig, &addr, NULL);
	pike_handle one = perform(rig, op_accept(h)).res;
	ck_assert(port_is_cloexec(pike_fd_of(rig->q, one)));
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));
	rig_caller(rig, &addr, NULL);
	one = wait_one(rig, id).res;
	ck_assert(port_is_cloexec(pike_fd_of(rig->q, one)));
	expect_cancelled(rig, id);
}

CASE(accept_on_what_does_not_listen)
{
	pike_handle h[2];

	expect_op(rig,
	    op_accept(rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM)),
	    -PIKE_EINVAL);
	rig_pair(rig, RIG_TCP, h);
	expect_op(rig, op_accept(h[0]), -PIKE_EINVAL);
	rig_pair(rig, RIG_PIPE, h);
	expect_op(rig, op_accept(h[0]), -PIKE_ENOTSOCK);
	expect_op(
	    rig, op_flags(op_accept(h[0]), PIKE_MULTISHOT), -PIKE_ENOTSOCK);
}

CASE(accept_on_datagrams)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	struct pike_completion c = perform(rig, op_accept(h));

	ck_assert(c.err == PIKE_EOPNOTSUPP || c.err == PIKE_EINVAL);
}

/* Traps 87, 105: it is the connection that failed, not the accept. */
CASE(callers_that_reset_at_once_do_no_harm)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	char in = 0;

	for (int i = 0; i < 3; i++)
		port_reset(port_connect(&addr, PIKE_SOCK_STREAM));
	pike_fd fd = rig_caller(rig, &addr, NULL);
	peer_write(rig, fd, "g", 1);
	for (int i = 0; i < 4; i++) {
		struct pike_completion c = perform(rig, op_accept(h));
		ck_assert_int_gt(c.res, 0);
		c = perform(rig, op_recv(c.res, &in, 1));
		if (c.res == 1)
			break;
		ck_assert_int_eq(c.res, -PIKE_ECONNRESET);
	}
	ck_assert_int_eq(in, 'g');
}

CASE(caller_that_left_its_data_behind)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	char in[4];

	pike_fd fd = rig_caller(rig, &addr, NULL);
	peer_write(rig, fd, "bye", 3);
	rig_drop(rig, fd);
	pike_handle got = perform(rig, op_accept(h)).res;
	expect_op(rig, op_recv(got, in, 4), 3);
	expect_op_flags(rig, op_recv(got, in, 4), 0, PIKE_EOF);
}

/* -- cancel, deadline, close -- */

/* Trap 179: a cancel needs no event. */
CASE(cancelled_accept_loses_no_connection)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_accept(h));

	fence(rig);
	expect_cancelled(rig, id);
	pike_fd fd = rig_caller(rig, &addr, NULL);
	expect_connected(rig, perform(rig, op_accept(h)).res, fd);
}

CASE(accept_whose_deadline_passes)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	expect_op(rig, op_deadline(op_accept(h), NS_PER_MS), -PIKE_ETIME);
	pike_id id = submit(rig,
	    op_deadline(op_flags(op_accept(h), PIKE_MULTISHOT), NS_PER_MS));
	expect_error(rig, id, PIKE_ETIME);
	pike_fd fd = rig_caller(rig, &addr, NULL);
	expect_connected(rig, perform(rig, op_accept(h)).res, fd);
}

/* Trap 43. */
CASE(closed_listener_refuses)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_accept(h));

	fence(rig);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	ck_assert_int_eq(
	    port_connect(&addr, PIKE_SOCK_STREAM), -PIKE_ECONNREFUSED);
}

CASE(connections_outlive_their_listener)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_fd fd = rig_caller(rig, &addr, NULL);
	pike_handle got = perform(rig, op_accept(h)).res;

	expect_op(rig, op_close(h), 0);
	expect_connected(rig, got, fd);
}

/* -- no descriptor left -- */

/* Traps 103, 200. */
CASE(emfile_keeps_the_connection_queued)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	pike_fd fd = rig_caller(rig, &addr, NULL);
	if (!port_limit_files(0))
		SKIP("no limit of descriptors here");
	expect_op(rig, op_accept(h), -PIKE_EMFILE);
	expect_idle(rig);
	port_limit_files(-1);
	expect_connected(rig, perform(rig, op_accept(h)).res, fd);
}

CASE(emfile_ends_an_accept_that_waited)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	pike_fd fd = rig_own(rig, port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM));
	/* A kernel may look at the limit when it gets the op: only what is
	 * free may change later. */
	if (!port_limit_files(1))
		SKIP("no limit of descriptors here");
	pike_id id = submit(rig, op_accept(h));
	rig_reap(rig, 0);
	rig_own(rig, port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM));
	port_connect_with(fd, &addr);
	expect_error(rig, id, PIKE_EMFILE);
	expect_idle(rig);
	port_limit_files(-1);
	expect_connected(rig, perform(rig, op_accept(h)).res, fd);
}

/* -- the listener is the caller's -- */

CASE(adopted_listener_gets_its_flag_back)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = port_bound(&addr, PIKE_SOCK_STREAM, 4);
	pike_handle h = rig_adopt(rig, rig_own(rig, listener));
	pike_id id = submit(rig, op_accept(h));

	fence(rig);
	expect_pending(rig, id);
	pike_fd fd = rig_caller(rig, &addr, NULL);
	expect_connected(rig, wait_one(rig, id).res, fd);
	ck_assert_int_eq(pike_release(rig->q, h), listener);
	ck_assert(!port_is_nonblocking(listener));
	refuse(rig, op_accept(h), PIKE_EBADF);
}

CASE(adopted_listener_gets_its_flag_back_with_the_queue)
{
	struct rig *other = rig_new(NULL);
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = rig_own(rig, port_bound(&addr, PIKE_SOCK_STREAM, 4));
	pike_handle h = pike_adopt(other->q, listener, 0);

	submit(other, op_flags(op_accept(h), PIKE_MULTISHOT));
	fence(other);
	rig_close(other);
	ck_assert(port_is_open(listener));
	ck_assert(!port_is_nonblocking(listener));
	pike_fd fd = rig_caller(rig, &addr, NULL);
	rig_own(rig, port_accept(listener));
	ck_assert(port_is_open(fd));
}

CASE(adopted_connection_that_cannot_accept_keeps_its_flag)
{
	pike_handle h;
	pike_fd fd[2];

	rig_plain_pair(rig, RIG_TCP, fd);
	h = rig_adopt(rig, fd[0]);
	expect_op(rig, op_accept(h), -PIKE_EINVAL);
	ck_assert_int_eq(port_is_nonblocking(fd[0]), port_sends_wait());
	expect_op(rig, op_send(h, "x", 1), 1);
	ck_assert_int_eq(port_is_nonblocking(fd[0]), port_sends_wait());
}

/* The caller may have the listener twice: the flag is of both. */
CASE(closed_adopted_listener_gives_the_flag_back)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = port_bound(&addr, PIKE_SOCK_STREAM, 4);
	pike_fd copy = rig_own(rig, port_dup(listener));
	pike_handle h = rig_adopt(rig, rig_own(rig, listener));
	pike_id id = submit(rig, op_accept(h));

	fence(rig);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	ck_assert(!port_is_nonblocking(copy));
}

CASE(adopted_nonblocking_listener_stays_so)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = port_bound(&addr, PIKE_SOCK_STREAM, 4);

	port_set_nonblocking(listener, true);
	pike_handle h = rig_adopt(rig, rig_own(rig, listener));
	rig_caller(rig, &addr, NULL);
	ck_assert_int_gt(perform(rig, op_accept(h)).res, 0);
	ck_assert_int_eq(pike_release(rig->q, h), listener);
	ck_assert(port_is_nonblocking(listener));
}

int main(void)
{
	area_begin("accept");
	area_add(accept_waits_for_a_connection);
	area_add(accept_takes_a_connection_that_waits);
	area_add(accept_needs_no_data);
	area_add(accept_tells_the_callers_address);
	area_add(accept_tells_an_address_when_it_had_to_wait);
	area_add(accept_leaves_no_garbage_in_the_address);
	area_add(accepts_are_served_in_order);
	area_add(accepted_descriptor_is_close_on_exec);
	area_add(accept_on_what_does_not_listen);
	area_add(accept_on_datagrams);
	area_add(callers_that_reset_at_once_do_no_harm);
	area_add(caller_that_left_its_data_behind);
	area_add(cancelled_accept_loses_no_connection);
	area_add(accept_whose_deadline_passes);
	area_add(closed_listener_refuses);
	area_add(connections_outlive_their_listener);
	area_add(emfile_keeps_the_connection_queued);
	area_add(emfile_ends_an_accept_that_waited);
	area_add(adopted_listener_gets_its_flag_back);
	area_add(adopted_listener_gets_its_flag_back_with_the_queue);
	area_add(adopted_connection_that_cannot_accept_keeps_its_flag);
	area_add(closed_adopted_listener_gives_the_flag_back);
	area_add(adopted_nonblocking_listener_stays_so);
	return area_end();
}
