/* SPDX-License-Identifier: MIT */
/* Messages: buffers, addresses, descriptors and control data together. */
#include "harness.h"

static struct pike_op op_msg(int opcode, pike_handle h, struct pike_msg *msg)
{
	return op_io(opcode, h, msg, 1);
}

/* A message of one buffer. */
static struct pike_msg plain(struct pike_iovec *iov, void *buf, size_t len)
{
	struct pike_msg msg = {.iov = iov, .iov_count = 1};

	*iov = (struct pike_iovec){buf, len};
	return msg;
}

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
	struct pike_msg msg = plain(&iov, in, 4);
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
	struct pike_msg msg = plain(&iov, in, 4);
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
	struct pike_msg send = plain(&oiov, "dgram", 5);
	struct pike_msg recv = plain(&iiov, in, 8);
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
	struct pike_msg send = plain(&oiov, "0123456789", 10);
	struct pike_msg recv = plain(&iiov, in, 4);
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

/* -- descriptors -- */

/* Sends n descriptors of one pipe's reader by pike. */
static void pass(struct rig *rig, pike_handle h, const pike_fd *fds, unsigned n)
{
	struct pike_iovec iov;
	struct pike_msg msg = plain(&iov, "d", 1);

	msg.fds = (pike_fd *)fds;
	msg.fd_count = n;
	expect_op(rig, op_msg(PIKE_SENDMSG, h, &msg), 1);
}

/* Trap 138. */
static void pass_one(struct rig *rig, enum rig_kind kind)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = plain(&iov, in, 4);
	pike_fd pair[2], got = -1;
	pike_handle h[2];

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, kind, h);
	msg.fds = &got;
	msg.fd_count = 1;
	pike_id id = submit(rig, op_msg(PIKE_RECVMSG, h[1], &msg));
	fence(rig);
	pass(rig, h[0], &pair[0], 1);
	expect_one(rig, id, 1, 0, 0);
	ck_assert_uint_eq(msg.fd_count, 1);
	ck_assert_int_ge(got, 0);
	ck_assert_int_ne(got, pair[0]);
	rig_own(rig, got);
	ck_assert(port_same(got, pair[0]));
	ck_assert(port_is_cloexec(got));
	ck_assert(port_is_open(pair[0]));
	pike_handle reader = rig_adopt(rig, got);
	peer_write(rig, pair[1], "via", 3);
	expect_op(rig, op_io(PIKE_READ, reader, in, 4), 3);
}

CASE(descriptor_through_a_stream)
{
	pass_one(rig, RIG_UNIX);
}

CASE(descriptor_through_a_datagram)
{
	pass_one(rig, RIG_DGRAM);
}

CASE(descriptor_through_a_packet)
{
	pass_one(rig, RIG_SEQPACKET);
}

CASE(many_descriptors_keep_their_order)
{
	enum {
		MANY = 20
	};
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = plain(&iov, in, 4);
	pike_fd pair[MANY][2], out[MANY], got[MANY + 3];
	pike_handle h[2];

	rig_pair(rig, RIG_UNIX, h);
	for (int i = 0; i < MANY; i++) {
		rig_plain_pair(rig, RIG_PIPE, pair[i]);
		out[i] = pair[i][0];
	}
	pass(rig, h[0], out, MANY);
	msg.fds = got;
	msg.fd_count = ARRAY_LEN(got);
	expect_op(rig, op_msg(PIKE_RECVMSG, h[1], &msg), 1);
	ck_assert_uint_eq(msg.fd_count, MANY);
	for (int i = 0; i < MANY; i++) {
		rig_own(rig, got[i]);
		ck_assert(port_same(got[i], out[i]));
		ck_assert(port_is_cloexec(got[i]));
	}
}

/* Trap 138: room for one is room for two to the system's arithmetic. */
static void surplus(struct rig *rig, unsigned sent, unsigned room)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = plain(&iov, in, 4);
	pike_fd out[8], got[8], pair[2];
	pike_handle h[2];

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	for (unsigned i = 0; i < sent; i++)
		out[i] = pair[0];
	pass(rig, h[0], out, sent);
	int before = port_open_count();
	msg.fds = room ? got : NULL;
	msg.fd_count = room;
	expect_op_flags(
	    rig, op_msg(PIKE_RECVMSG, h[1], &msg), 1, PIKE_CONTROL_TRUNCATED);
	ck_assert_uint_eq(msg.fd_count, room);
	ck_assert_int_eq(port_open_count(), before + (int)room);
	for (unsigned i = 0; i < room; i++) {
		ck_assert(port_same(got[i], pair[0]));
		rig_drop(rig, rig_own(rig, got[i]));
	}
	ck_assert_int_eq(port_open_count(), before);
}

CASE(surplus_descriptors_are_closed)
{
	for (unsigned sent = 1; sent <= 5; sent++)
		for (unsigned room = 0; room < sent; room++)
			surplus(rig, sent, room);
}

CASE(exactly_as_many_descriptors_as_there_is_room)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = plain(&iov, in, 4);
	pike_fd out[4], got[4], pair[2];
	pike_handle h[2];

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	for (unsigned n = 1; n <= 4; n++) {
		for (unsigned i = 0; i < n; i++)
			out[i] = pair[i & 1];
		pass(rig, h[0], out, n);
		msg.fds = got;
		msg.fd_count = n;
		expect_op(rig, op_msg(PIKE_RECVMSG, h[1], &msg), 1);
		ck_assert_uint_eq(msg.fd_count, n);
		for (unsigned i = 0; i < n; i++) {
			rig_own(rig, got[i]);
			ck_assert(port_same(got[i], out[i]));
		}
	}
}

/* Who does not ask for descriptors gets none, and keeps none by accident. */
CASE(plain_receivers_leak_no_descriptor)
{
	static const int kinds[] = {
	    PIKE_RECV, PIKE_READ, PIKE_RECVFROM, PIKE_READV};
	char in[4];
	struct pike_iovec iov = {in, 4};
	pike_fd pair[2];
	pike_handle h[2];

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	int before = port_open_count();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		pass(rig, h[0], pair, 2);
		bool vector = kinds[i] == PIKE_READV;
		struct pike_completion c =
		    perform(rig, vector ? op_io(kinds[i], h[1], &iov, 1)
					: op_io(kinds[i], h[1], in, 4));
		ck_assert_int_eq(c.res, 1);
		ck_assert_int_eq(port_open_count(), before);
	}
}

CASE(room_without_descriptors_stays_empty)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = plain(&iov, in, 4);
	pike_fd got[2] = {-7, -7};
	pike_handle h[2];

	rig_pair(rig, RIG_UNIX, h);
	msg.fds = got;
	msg.fd_count = 2;
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_op(rig, op_msg(PIKE_RECVMSG, h[1], &msg), 1);
	ck_assert_uint_eq(msg.fd_count, 0);
	ck_assert_int_eq(got[0], -7);
}

CASE(descriptors_wait_in_the_row_of_sends)
{
	pike_fd pair[2], got[2], peer;
	struct pike_iovec iov;
	struct pike_msg msg = plain(&iov, "d", 1);
	pike_handle h;
	int64_t junk = rig_full(rig, RIG_UNIX, &h, &peer);

	rig_plain_pair(rig, RIG_PIPE, pair);
	msg.fds = pair;
	msg.fd_count = 2;
	pike_id id = submit(rig, op_msg(PIKE_SENDMSG, h, &msg));
	pike_id next = submit(rig, op_send(h, "n", 1));
	fence(rig);
	expect_pending(rig, id);
	peer_drain(rig, peer, junk);
	expect_one(rig, id, 1, 0, 0);
	expect_one(rig, next, 1, 0, 0);
	ck_assert_int_eq(port_recv_fds(peer, got, 2), 2);
	for (int i = 0; i < 2; i++) {
		rig_own(rig, got[i]);
		ck_assert(port_same(got[i], pair[i]));
	}
}

/* Descriptors travel with the first byte, once, however many parts follow. */
CASE(descriptors_of_a_long_message_arrive_once)
{
	static char out[1 << 20], in[1 << 20];
	pike_fd pair[2], got[4], peer;
	struct pike_iovec iov;
	struct pike_msg msg = plain(&iov, out, sizeof(out));
	pike_handle h;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	rig_plain_pair(rig, RIG_PIPE, pair);
	pattern_fill(out, sizeof(out), 1);
	msg.fds = pair;
	msg.fd_count = 2;
	pike_id id =
	    submit(rig, op_flags(op_msg(PIKE_SENDMSG, h, &msg), PIKE_ALL));
	fence(rig);
	expect_pending(rig, id);
	ck_assert_int_eq(port_recv_fds(peer, got, 4), 2);
	int before = port_open_count();
	in[0] = out[0];
	peer_read(rig, peer, in + 1, sizeof(in) - 1);
	expect_one(rig, id, sizeof(out), 0, 0);
	ck_assert_int_eq(port_open_count(), before);
	pattern_check(in, sizeof(in), 1);
	rig_own(rig, got[0]);
	rig_own(rig, got[1]);
}

CASE(descriptors_from_a_plain_sender)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = plain(&iov, in, 4);
	pike_fd pair[2], got[2], peer;
	pike_handle h;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	rig_plain_pair(rig, RIG_PIPE, pair);
	msg.fds = got;
	msg.fd_count = 2;
	pike_id id = submit(rig, op_msg(PIKE_RECVMSG, h, &msg));
	fence(rig);
	port_send_fds(peer, pair, 2);
	expect_one(rig, id, 1, 0, 0);
	ck_assert_uint_eq(msg.fd_count, 2);
	ck_assert(port_same(rig_own(rig, got[0]), pair[0]));
	ck_assert(port_same(rig_own(rig, got[1]), pair[1]));
}

CASE(descriptor_that_is_none)
{
	pike_fd bad = 3999;
	struct pike_iovec iov;
	struct pike_msg msg = plain(&iov, "d", 1);
	pike_handle h[2];
	char in;

	rig_pair(rig, RIG_UNIX, h);
	msg.fds = &bad;
	msg.fd_count = 1;
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &msg), -PIKE_EBADF);
	bad = -1;
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &msg), -PIKE_EBADF);
	bad = INT64_C(0x100000000);
	expect_op(rig, op_msg(PIKE_SENDMSG, h[0], &msg), -PIKE_EBADF);
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_op(rig, op_recv(h[1], &in, 1), 1);
}

/* Trap 200: those that find no number are lost, and that is told. */
CASE(descriptors_that_the_process_may_not_have)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = plain(&iov, in, 4);
	pike_fd pair[2], got[2];
	pike_handle h[2];

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	pass(rig, h[0], pair, 2);
	port_limit_files(1);
	msg.fds = got;
	msg.fd_count = 2;
	struct pike_completion c =
	    perform(rig, op_msg(PIKE_RECVMSG, h[1], &msg));
	port_limit_files(-1);
	ck_assert_int_eq(c.res, 1);
	ck_assert_uint_eq(c.flags, PIKE_CONTROL_TRUNCATED);
	ck_assert_uint_eq(msg.fd_count, 1);
	ck_assert(port_same(rig_own(rig, got[0]), pair[0]));
}

CASE(unreceived_descriptors_are_closed_with_the_socket)
{
	pike_fd pair[2];
	pike_handle h[2];
	char in;

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	pass(rig, h[0], &pair[1], 1);
	pike_handle reader = rig_adopt(rig, pair[0]);
	rig_drop(rig, pair[1]);
	pike_id id = submit(rig, op_io(PIKE_READ, reader, &in, 1));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_close(h[1]), 0);
	expect_one(rig, id, 0, 0, PIKE_EOF);
}

/* -- control data in the system's format -- */

CASE(control_data_arrives)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	struct pike_iovec iov;
	char in[8], control[256];
	struct pike_msg msg = plain(&iov, in, 8);
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
	struct pike_msg recv = plain(&iiov, in, 8);
	struct pike_msg send = plain(&oiov, "t", 1);
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
	struct pike_msg msg = plain(&iov, in, 4);
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
	area_add(descriptor_through_a_stream);
	area_add(descriptor_through_a_datagram);
	area_add(descriptor_through_a_packet);
	area_add(many_descriptors_keep_their_order);
	area_add(surplus_descriptors_are_closed);
	area_add(exactly_as_many_descriptors_as_there_is_room);
	area_add(plain_receivers_leak_no_descriptor);
	area_add(room_without_descriptors_stays_empty);
	area_add(descriptors_wait_in_the_row_of_sends);
	area_add(descriptors_of_a_long_message_arrive_once);
	area_add(descriptors_from_a_plain_sender);
	area_add(descriptor_that_is_none);
	area_add(descriptors_that_the_process_may_not_have);
	area_add(unreceived_descriptors_are_closed_with_the_socket);
	area_add(control_data_arrives);
	area_add(control_data_is_sent);
	area_add(message_that_cannot_be);
	return area_end();
}
