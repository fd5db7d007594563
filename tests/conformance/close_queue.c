/* SPDX-License-Identifier: MIT */
/*
 * What pike lets go of: ports, adopted descriptors, handles that were given
 * back, whole queues.
 */
#include "harness.h"
#include "port_proc.h"

CASE(a_port_can_be_bound_again_at_once)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	for (int i = 0; i < 50; i++) {
		pike_id a = submit(rig, op_accept(h));
		pike_id b = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));
		if (i & 1)
			fence(rig);
		pike_id id = submit(rig, op_close(h));
		expect_error(rig, a, PIKE_ECANCELED);
		expect_error(rig, b, PIKE_ECANCELED);
		expect_one(rig, id, 0, 0, 0);
		struct pike_completion c = perform(
		    rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_STREAM));
		ck_assert_int_gt(c.res, 0);
		h = c.res;
	}
}

/* C43 */
CASE(a_closed_listener_accepts_nobody)
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

/* ---------------------------------------------------- adopt and release -- */

CASE(an_adopted_descriptor_keeps_its_flags)
{
	const enum rig_kind kinds[] = {RIG_TCP, RIG_UNIX, RIG_DGRAM, RIG_PIPE};

	for (size_t i = 0; i < ARRAY_LEN(kinds) * 2; i++) {
		pike_fd fd[2];
		char byte;
		bool nonblocking = i & 1;
		/* Where a send would wait in spite of its flag. */
		bool is_set = nonblocking ||
			      (port_sends_wait() && kinds[i / 2] != RIG_PIPE);
		if (!rig_plain_pair(rig, kinds[i / 2], fd))
			continue;
		port_set_nonblocking(fd[0], nonblocking);
		pike_handle h = rig_adopt(rig, fd[0]);
		ck_assert_int_eq(pike_fd_of(rig->q, h), fd[0]);
		pike_id id = submit(rig, op_io(PIKE_READ, h, &byte, 1));
		fence(rig);
		expect_pending(rig, id);
		ck_assert_int_eq(port_is_nonblocking(fd[0]), is_set);
		ck_assert_int_eq(port_write(fd[1], "x", 1), 1);
		expect_one(rig, id, 1, 0, 0);
		ck_assert_int_eq(pike_release(rig->q, h), fd[0]);
		ck_assert_int_eq(port_is_nonblocking(fd[0]), nonblocking);
		rig_disown(rig, fd[0]);
		rig_own(rig, fd[0]);
	}
}

/* Set where it cannot be avoided, and put back. */
CASE(a_listening_descriptor_has_its_flags_back_after_release_and_close)
{
	for (int by_close = 0; by_close < 2; by_close++) {
		struct pike_addr addr = port_loopback(PIKE_AF_INET);
		struct rig *other = rig_new(NULL);
		pike_fd fd = port_bound(&addr, PIKE_SOCK_STREAM, -1);
		pike_handle h = rig_adopt(other, fd);
		pike_id id = submit(other, op_accept(h));
		fence(other);
		expect_cancelled(other, id);
		if (by_close)
			rig_close(other);
		else
			ck_assert_int_eq(pike_release(other->q, h), fd);
		ck_assert(port_is_open(fd));
		ck_assert(!port_is_nonblocking(fd));
	}
	expect_op(rig, op_nop(), 0);
}

CASE(adopt_refuses_what_is_no_descriptor)
{
	pike_fd fd[2];

	ck_assert_int_eq(pike_adopt(rig->q, -1, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_adopt(rig->q, INT64_MIN, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_adopt(rig->q, INT64_MAX, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_adopt(rig->q, INT64_C(1) << 32, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_adopt(rig->q, 1000000, 0), -PIKE_EBADF);
	rig_plain_pair(rig, RIG_PIPE, fd);
	ck_assert_int_eq(pike_adopt(rig->q, fd[0], 1), -PIKE_EINVAL);
	ck_assert_int_eq(pike_adopt(rig->q, fd[0], UINT32_MAX), -PIKE_EINVAL);
	rig_drop(rig, fd[0]);
	ck_assert_int_eq(pike_adopt(rig->q, fd[0], 0), -PIKE_EBADF);
}

CASE(release_gives_back_what_is_idle_and_refuses_what_is_busy)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_fd fd = pike_fd_of(rig->q, h);
	for (int i = 0; i < 20; i++) {
		pike_id id = submit(rig, op_recv(h, &byte, 1));
		ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBUSY);
		fence(rig);
		ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBUSY);
		expect_cancelled(rig, id);
		ck_assert_int_eq(pike_release(rig->q, h), fd);
		refuse(rig, op_recv(h, &byte, 1), PIKE_EBADF);
		ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBADF);
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		ck_assert_int_eq(port_read(fd, &byte, 1), 1);
		h = rig_adopt(rig, fd);
	}
}

/* What came while nobody had the descriptor is seen by the next owner. */
CASE_WHERE(a_released_descriptor_works_in_another_queue,
    port_can(PORT_DUPS_APART), "a file belongs to one queue here")
{
	struct rig *other = rig_new(NULL);
	struct rig *rigs[2] = {rig, other};
	pike_fd fd[2];
	char byte;

	if (!rig_plain_pair(rig, RIG_UNIX, fd))
		SKIP("no Unix sockets");
	for (int i = 0; i < 20; i++) {
		struct rig *owner = rigs[i & 1];
		pike_handle h = pike_adopt(owner->q, fd[0], 0);
		ck_assert_int_gt(h, 0);
		pike_id id = submit(owner, op_recv(h, &byte, 1));
		if (i > 0)
			expect_one(owner, id, 1, 0, 0);
		else
			expect_cancelled(owner, id);
		id = submit(owner, op_recv(h, &byte, 1));
		fence(owner);
		expect_cancelled(owner, id);
		ck_assert_int_eq(pike_release(owner->q, h), fd[0]);
		ck_assert_int_eq(port_write(fd[1], "x", 1), 1);
		ck_assert_int_eq(rig_reap(owner, 0), 0);
	}
}

/* Also when pike had opened it. */
CASE(a_released_descriptor_is_the_callers_to_close)
{
	struct rig *other = rig_new(NULL);
	pike_handle h[2];

	rig_tcp_pair(other, h);
	pike_fd fd = pike_release(other->q, h[0]);
	ck_assert_int_ge(fd, 0);
	rig_own(other, fd);
	pike_fd gone = pike_fd_of(other->q, h[1]);
	rig_close(other);
	ck_assert(port_is_open(fd));
	ck_assert(!port_is_open(gone));
	peer_expect_eof(fd);
	expect_op(rig, op_nop(), 0);
}

CASE(an_adopted_descriptor_is_open_after_the_queue_and_works)
{
	pike_fd fd[2];
	char byte;

	if (!rig_plain_pair(rig, RIG_UNIX, fd))
		SKIP("no Unix sockets");
	for (int i = 0; i < (port_can(PORT_DUPS_APART) ? 20 : 1); i++) {
		struct rig *other = rig_new(NULL);
		pike_handle h = pike_adopt(other->q, fd[0], 0);
		ck_assert_int_gt(h, 0);
		submit(other, op_recv(h, &byte, 1));
		rig_reap(other, 0);
		rig_close(other);
		ck_assert_int_eq(port_write(fd[1], "x", 1), 1);
		ck_assert_int_eq(port_read(fd[0], &byte, 1), 1);
	}
	expect_op(rig, op_nop(), 0);
}

/* --------------------------------------------------------------- queues -- */

/* Connections that were accepted and not reaped are closed with it. */
CASE(queue_close_closes_what_was_accepted_and_not_reaped)
{
	struct rig *other = rig_new(NULL);
	struct pike_addr addr;
	pike_handle h = rig_listen(other, PIKE_AF_INET, &addr);
	struct pike_op op = op_flags(op_accept(h), PIKE_MULTISHOT);
	struct pike_completion c;
	pike_fd peer[10];

	ck_assert_int_gt(pike_submit(other->q, &op), 0);
	for (int i = 0; i < 10; i++)
		peer[i] = rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	ck_assert_int_eq(pike_reap(other->q, &c, 1, -1), 1);
	ck_assert_int_gt(c.res, 0);
	rig_close(other);
	/* An end or a reset; not a connection that nobody has. */
	for (int i = 0; i < 10; i++) {
		char byte;
		port_wait_readable(peer[i]);
		int64_t n = port_read(peer[i], &byte, 1);
		ck_assert(n == 0 || n == -PIKE_ECONNRESET);
	}
	expect_op(rig, op_nop(), 0);
}

CASE(ten_thousand_pending_ops_go_with_their_queue)
{
	static char buf[10000];
	struct rig *other = rig_new(NULL);
	pike_handle h;
	pike_fd peer;

	rig_peer(other, RIG_TCP, &h, &peer);
	for (int i = 0; i < 10000; i++)
		submit(other,
		    i & 1 ? op_timer(INT64_MAX - i) : op_recv(h, &buf[i], 1));
	rig_reap(other, 0);
	rig_close(other);
	ck_assert_int_eq(port_write(peer, "x", 1), 1);
	for (size_t i = 0; i < sizeof(buf); i++)
		ck_assert_int_eq(buf[i], 0);
	expect_op(rig, op_nop(), 0);
}

CASE(queues_open_and_close_without_end)
{
	struct pike_params params = {0};

	rig_params(&params);
	int before = port_open_count();
	for (int i = 0; i < 2000; i++) {
		struct pike_queue *q;
		ck_assert_int_eq(pike_queue_open(&q, &params), 0);
		ck_assert_ptr_nonnull(q);
		pike_queue_close(q);
	}
	ck_assert_int_eq(port_open_count(), before);
	expect_op(rig, op_nop(), 0);
}

int main(void)
{
	area_begin("close_queue");
	area_add(a_port_can_be_bound_again_at_once);
	area_add(a_closed_listener_accepts_nobody);
	area_add(an_adopted_descriptor_keeps_its_flags);
	area_add(
	    a_listening_descriptor_has_its_flags_back_after_release_and_close);
	area_add(adopt_refuses_what_is_no_descriptor);
	area_add(release_gives_back_what_is_idle_and_refuses_what_is_busy);
	area_add(a_released_descriptor_works_in_another_queue);
	area_add(a_released_descriptor_is_the_callers_to_close);
	area_add(an_adopted_descriptor_is_open_after_the_queue_and_works);
	area_add(queue_close_closes_what_was_accepted_and_not_reaped);
	area_add(ten_thousand_pending_ops_go_with_their_queue);
	area_add(queues_open_and_close_without_end);
	return area_end();
}
