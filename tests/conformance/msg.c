/* SPDX-License-Identifier: MIT */
/* Messages: buffers, addresses and control data together. */
#include "harness.h"

/* -- bytes -- */

CASE(message_gathers_and_scatters)
{
	struct pike_iovec out[3] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}};
	char x[1], y[9];
	struct pike_iovec in[2] = {{x, 1}, {y, 9}};
	struct pike_msg send = {.iov = out, .iov_count = 3};
	struct pike_msg recv = {.iov = in, .iov_count = 2};
	pike_handle h[2];

	rig_pair(rig, RIG_TCP, h);
	pike_id id = submit(rig, op_msg(PIKE_RECVMSG, h[1], &recv));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &send), 6);
	expect_one(rig, id, 6, 0, 0);
	ck_assert_int_eq(x[0], 'a');
	ck_assert_mem_eq(y, "bcdef", 5);
	ck_assert_uint_eq(recv.fd_count, 0);
	ck_assert_uint_eq(recv.control_len, 0);
}

CASE(message_of_many_segments)
{
	enum {
		COUNT = 100
	};
	static char out[COUNT], in[COUNT];
	static struct pike_iovec oiov[COUNT], iiov[COUNT];
	struct pike_msg send = {.iov = oiov, .iov_count = COUNT};
	struct pike_msg recv = {.iov = iiov, .iov_count = COUNT};
	pike_handle h[2];

	rig_pair(rig, RIG_DGRAM, h);
	pattern_fill(out, COUNT, 1);
	for (int i = 0; i < COUNT; i++) {
		oiov[i] = (struct pike_iovec){&out[i], 1};
		iiov[i] = (struct pike_iovec){&in[i], 1};
	}
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &send), COUNT);
	expect_op(rig, op_msg(PIKE_RECVMSG, h[1], &recv), COUNT);
	pattern_check(in, COUNT, 1);
}

CASE(message_meets_the_end_and_the_reset)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_msg(PIKE_RECVMSG, h, &msg));
	rig_drop(rig, peer);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	rig_peer(rig, RIG_TCP, &h, &peer);
	id = submit(rig, op_msg(PIKE_RECVMSG, h, &msg));
	fence(rig);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_error(rig, id, PIKE_ECONNRESET);
	struct pike_completion c = perform(rig, op_msg(PIKE_SENDMSG, h, &msg));
	ck_assert(c.err == PIKE_EPIPE || c.err == PIKE_ECONNRESET);
}

CASE(waiting_message_can_be_cancelled)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_id id = submit(rig, op_msg(PIKE_RECVMSG, h, &msg));
	fence(rig);
	expect_cancelled(rig, id);
	expect_op(rig, op_deadline(op_msg(PIKE_RECVMSG, h, &msg), NS_PER_MS),
	    -PIKE_ETIME);
	peer_write(rig, peer, "ok", 2);
	expect_op(rig, op_msg(PIKE_RECVMSG, h, &msg), 2);
}

/* -- addresses -- */

CASE(message_knows_its_sender_and_receiver)
{
	struct pike_addr a = port_loopback(PIKE_AF_INET);
	struct pike_addr b = port_loopback(PIKE_AF_INET), from = {0};
	struct pike_iovec oiov, iiov;
	char in[8];
	struct pike_msg send = msg_of(&oiov, "dgram", 5);
	struct pike_msg recv = msg_of(&iiov, in, 8);
	pike_handle h[2] = {
	    perform(rig, op_to(PIKE_LISTEN_TO, &a, PIKE_SOCK_DGRAM)).res,
	    perform(rig, op_to(PIKE_LISTEN_TO, &b, PIKE_SOCK_DGRAM)).res};

	expect_op(rig, op_at(PIKE_GETSOCKNAME, h[0], &a), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h[1], &b), 0);
	send.addr = &b;
	recv.addr = &from;
	pike_id id = submit(rig, op_msg(PIKE_RECVMSG, h[1], &recv));
	fence(rig);
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &send), 5);
	expect_one(rig, id, 5, 0, 0);
	ck_assert(addr_equal(&from, &a));
	send.addr = NULL;
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &send), -PIKE_EDESTADDRREQ);
}

CASE(message_that_does_not_fit)
{
	struct pike_iovec oiov, iiov;
	char in[4];
	struct pike_msg send = msg_of(&oiov, "0123456789", 10);
	struct pike_msg recv = msg_of(&iiov, in, 4);
	pike_handle h[2];

	rig_pair(rig, RIG_DGRAM, h);
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &send), 10);
	expect_op_flags(
	    rig, op_msg(PIKE_RECVMSG, h[1], &recv), 4, PIKE_TRUNCATED);
	ck_assert_mem_eq(in, "0123", 4);
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &send), 10);
	recv.iov_count = 0;
	recv.iov = NULL;
	expect_op_flags(
	    rig, op_msg(PIKE_RECVMSG, h[1], &recv), 0, PIKE_TRUNCATED);
}

/* -- control data in the system's format -- */

CASE(control_data_arrives)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	struct pike_iovec iov;
	char in[8], control[256];
	struct pike_msg msg = msg_of(&iov, in, 8);
	pike_handle h =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM)).res;
	int32_t ttl = 41;

	port_want_ttl(pike_fd_of(rig->q, h));
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	pike_handle to =
	    perform(rig, op_to(PIKE_CONNECT_TO, &addr, PIKE_SOCK_DGRAM)).res;
	expect_op(rig,
	    op_option(PIKE_SETSOCKOPT, to, PIKE_SOL, PIKE_SO_TTL, &ttl, 4), 0);
	expect_op(rig, op_send(to, "x", 1), 1);
	msg.control = control;
	msg.control_len = sizeof(control);
	expect_op(rig, op_msg(PIKE_RECVMSG, h, &msg), 1);
	ck_assert_uint_gt(msg.control_len, 0);
	ck_assert_uint_lt(msg.control_len, sizeof(control));
	ck_assert_int_eq(port_ttl_of(control, msg.control_len), 41);
	/* The next message brings as much again: the length is not eaten. */
	msg.control_len = sizeof(control);
	expect_op(rig, op_send(to, "x", 1), 1);
	expect_op(rig, op_msg(PIKE_RECVMSG, h, &msg), 1);
	ck_assert_int_eq(port_ttl_of(control, msg.control_len), 41);
	/* And when it does not fit, that is told. */
	if (!port_can(PORT_CUT_CONTROL))
		return;
	expect_op(rig, op_send(to, "x", 1), 1);
	msg.control = NULL;
	msg.control_len = 0;
	struct pike_completion c = perform(rig, op_msg(PIKE_RECVMSG, h, &msg));
	ck_assert_int_eq(c.res, 1);
	ck_assert_uint_eq(c.flags, PIKE_CONTROL_TRUNCATED);
}

CASE(control_data_is_sent)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	struct pike_iovec oiov, iiov;
	char in[8], control[256], out[256];
	struct pike_msg recv = msg_of(&iiov, in, 8);
	struct pike_msg send = msg_of(&oiov, "t", 1);
	pike_handle h =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM)).res;

	port_want_ttl(pike_fd_of(rig->q, h));
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	pike_handle to =
	    perform(rig, op_to(PIKE_CONNECT_TO, &addr, PIKE_SOCK_DGRAM)).res;
	send.control = out;
	send.control_len = port_ttl_control(out, sizeof(out), 17);
	if (!send.control_len)
		SKIP("no TTL as control data here");
	expect_op(rig, op_msg(PIKE_SENDMSG, to, &send), 1);
	recv.control = control;
	recv.control_len = sizeof(control);
	expect_op(rig, op_msg(PIKE_RECVMSG, h, &recv), 1);
	ck_assert_int_eq(port_ttl_of(control, recv.control_len), 17);
}

/* -- what cannot be -- */

CASE(message_that_cannot_be)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
	pike_handle h[2];

	rig_pair(rig, RIG_UNIX, h);
	for (int op = PIKE_RECVMSG; op <= PIKE_SENDMSG; op++) {
		refuse(rig, op_io(op, h[0], &msg, 0), PIKE_EINVAL);
		refuse(rig, op_io(op, h[0], &msg, 2), PIKE_EINVAL);
		msg.flags = 1;
		expect_invalid(rig, op_msg(op, h[0], &msg));
		msg.flags = 0;
		msg.iov = NULL;
		expect_invalid(rig, op_msg(op, h[0], &msg));
		msg.iov = &iov;
		msg.fd_count = 1;
		expect_invalid(rig, op_msg(op, h[0], &msg));
		msg.fd_count = 0;
		msg.control_len = 16;
		expect_invalid(rig, op_msg(op, h[0], &msg));
		msg.control_len = 0;
	}
	static char control[4097];
	msg.control = control;
	msg.control_len = sizeof(control);
	expect_invalid(rig, op_msg(PIKE_SENDMSG, h[0], &msg));
	/* To receive, more room than can be filled is room enough. */
	expect_op(rig, op_send(h[1], "x", 1), 1);
	expect_op(rig, op_msg(PIKE_RECVMSG, h[0], &msg), 1);
	ck_assert_uint_eq(msg.control_len, 0);
}

int main(void)
{
	area_begin("msg");
	area_add(message_gathers_and_scatters);
	area_add(message_of_many_segments);
	area_add(message_meets_the_end_and_the_reset);
	area_add(waiting_message_can_be_cancelled);
	area_add(message_knows_its_sender_and_receiver);
	area_add(message_that_does_not_fit);
	area_add(control_data_arrives);
	area_add(control_data_is_sent);
	area_add(message_that_cannot_be);
	return area_end();
}
