/* SPDX-License-Identifier: MIT */
/* Descriptors that travel in messages. */
#include "harness.h"

#define PASS_CASE(name)                                                        \
	CASE_WHERE(                                                            \
	    name, port_can(PORT_UNIX), "sockets pass no descriptors here")

/* Sends n descriptors of one pipe's reader by pike. */
static void pass(struct rig *rig, pike_handle h, const pike_fd *fds, unsigned n)
{
	struct pike_iovec iov;
	struct pike_msg msg = msg_of(&iov, "d", 1);

	msg.fds = (pike_fd *)fds;
	msg.fd_count = n;
	expect_op(rig, op_msg(PIKE_SENDMSG, h, &msg), 1);
}

/* Trap 138. */
static void pass_one(struct rig *rig, enum rig_kind kind)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
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

PASS_CASE(descriptor_through_a_stream)
{
	pass_one(rig, RIG_UNIX);
}

PASS_CASE(descriptor_through_a_datagram)
{
	pass_one(rig, RIG_DGRAM);
}

PASS_CASE(descriptor_through_a_packet)
{
	pass_one(rig, RIG_SEQPACKET);
}

PASS_CASE(many_descriptors_keep_their_order)
{
	enum {
		MANY = 20
	};
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
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
	struct pike_msg msg = msg_of(&iov, in, 4);
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

PASS_CASE(surplus_descriptors_are_closed)
{
	for (unsigned sent = 1; sent <= 5; sent++)
		for (unsigned room = 0; room < sent; room++)
			surplus(rig, sent, room);
}

PASS_CASE(exactly_as_many_descriptors_as_there_is_room)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
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
PASS_CASE(plain_receivers_leak_no_descriptor)
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
		expect_op(rig,
		    vector ? op_io(kinds[i], h[1], &iov, 1)
			   : op_io(kinds[i], h[1], in, 4),
		    1);
		ck_assert_int_eq(port_open_count(), before);
	}
}

PASS_CASE(room_without_descriptors_stays_empty)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
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

PASS_CASE(descriptors_wait_in_the_row_of_sends)
{
	pike_fd pair[2], got[2], peer;
	struct pike_iovec iov;
	struct pike_msg msg = msg_of(&iov, "d", 1);
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
PASS_CASE(descriptors_of_a_long_message_arrive_once)
{
	enum {
		TOTAL = 65536
	};
	static char out[TOTAL];
	pike_fd fd[2], pair[2], got[4];
	struct pike_iovec iov;
	struct pike_msg msg = msg_of(&iov, out, TOTAL);
	int came = 0;

	rig_plain_pair(rig, RIG_UNIX, fd);
	port_buffers(fd[0], 4096);
	pike_handle h = rig_adopt(rig, fd[0]);
	rig_plain_pair(rig, RIG_PIPE, pair);
	msg.fds = pair;
	msg.fd_count = 2;
	pike_id id =
	    submit(rig, op_flags(op_msg(PIKE_SENDMSG, h, &msg), PIKE_ALL));
	fence(rig);
	expect_pending(rig, id);
	for (int i = 0; i < TOTAL; i++) {
		while (!port_is_readable(fd[1]))
			rig_reap(rig, NS_PER_MS);
		came += port_recv_fds(fd[1], got + came, 4 - came);
	}
	expect_one(rig, id, TOTAL, 0, 0);
	ck_assert_int_eq(came, 2);
	for (int i = 0; i < came; i++)
		ck_assert(port_same(rig_own(rig, got[i]), pair[i]));
}

PASS_CASE(descriptors_from_a_plain_sender)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
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

/* The system drops them without a word when no byte carries them. */
PASS_CASE(descriptors_without_a_byte)
{
	pike_fd pair[2];
	struct pike_msg msg = {.fds = pair, .fd_count = 2};
	pike_handle h[2];
	char in;

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	struct pike_op op = op_msg(PIKE_SENDMSG, h[0], &msg);
	expect_invalid(rig, op);
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_op(rig, op_recv(h[1], &in, 1), 1);
}

PASS_CASE(descriptor_that_is_none)
{
	pike_fd bad = 3999;
	struct pike_iovec iov;
	struct pike_msg msg = msg_of(&iov, "d", 1);
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

/* As many as one message of the system carries, and one more. */
PASS_CASE(most_descriptors_of_a_message)
{
	enum {
		MOST = 253
	};
	static pike_fd out[MOST + 1], got[MOST];
	struct pike_iovec iov;
	char in[4] = "d";
	struct pike_msg msg = msg_of(&iov, in, 1);
	pike_fd pair[2];
	pike_handle h[2];

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	for (int i = 0; i <= MOST; i++)
		out[i] = pair[0];
	pass(rig, h[0], out, MOST);
	msg.fds = out;
	msg.fd_count = MOST + 1;
	expect_invalid(rig, op_msg(PIKE_SENDMSG, h[0], &msg));
	msg.fds = got;
	msg.fd_count = MOST;
	expect_op(rig, op_msg(PIKE_RECVMSG, h[1], &msg), 1);
	ck_assert_uint_eq(msg.fd_count, MOST);
	for (int i = 0; i < MOST; i++) {
		ck_assert(port_same(got[i], pair[0]));
		port_close(got[i]);
	}
}

/* Trap 200: those that find no number are lost, and that is told. */
PASS_CASE(descriptors_that_the_process_may_not_have)
{
	struct pike_iovec iov;
	char in[4];
	struct pike_msg msg = msg_of(&iov, in, 4);
	pike_fd pair[2], got[2];
	pike_handle h[2];

	rig_plain_pair(rig, RIG_PIPE, pair);
	rig_pair(rig, RIG_UNIX, h);
	pass(rig, h[0], pair, 2);
	if (!port_limit_files(1))
		SKIP("no limit of descriptors here");
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

PASS_CASE(unreceived_descriptors_are_closed_with_the_socket)
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

int main(void)
{
	area_begin("descriptor");
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
	area_add(descriptors_without_a_byte);
	area_add(descriptor_that_is_none);
	area_add(most_descriptors_of_a_message);
	area_add(descriptors_that_the_process_may_not_have);
	area_add(unreceived_descriptors_are_closed_with_the_socket);
	return area_end();
}
