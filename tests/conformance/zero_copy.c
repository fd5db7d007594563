/* SPDX-License-Identifier: MIT */
/*
 * Sends that may copy nothing do what others do: one completion each, after
 * which the memory is free, whatever the receiver has read by then.
 */
#include <stdlib.h>

#include "harness.h"

#define LONG (1 << 20)

/* A send of all of buf, over which zeros are written as soon as it is done,
 * in the middle of two ordinary ones. */
static void zero_send(
    struct rig *rig, enum rig_kind kind, int opcode, size_t len, unsigned flags)
{
	char *out = malloc(LONG), *in = malloc(LONG), *copy = malloc(LONG);
	struct pike_iovec iov;
	struct pike_msg msg = msg_of(&iov, out, len);
	char last[3];
	pike_handle h;
	pike_fd peer;

	if (!rig_peer(rig, kind, &h, &peer))
		SKIP("not on this system");
	pattern_fill(out, len, 8);
	memcpy(copy, out, len);
	expect_op(rig, op_send(h, "one", 3), 3);
	struct pike_op op = opcode == PIKE_SENDMSG ? op_msg(opcode, h, &msg)
						   : op_io(opcode, h, out, len);
	pike_id id = submit(rig, op_flags(op, flags | PIKE_ZERO_COPY));
	pike_id after = submit(rig, op_send(h, "two", 3));
	peer_read(rig, peer, in, 3);
	ck_assert_mem_eq(in, "one", 3);
	if (len > 65536) {
		/* It needs the reader. */
		peer_read(rig, peer, in, len);
		expect_one(rig, id, (int64_t)len, 0, 0);
	} else {
		expect_one(rig, id, (int64_t)len, 0, 0);
		memset(out, 0, len);
		if (len)
			peer_read(rig, peer, in, len);
		else if (kind == RIG_DGRAM || kind == RIG_SEQPACKET)
			ck_assert_int_eq(port_read(peer, in, 1), 0);
	}
	ck_assert_mem_eq(in, copy, len);
	expect_one(rig, after, 3, 0, 0);
	peer_read(rig, peer, last, 3);
	ck_assert_mem_eq(last, "two", 3);
	free(out);
	free(in);
	free(copy);
}

static void zero_sizes(struct rig *rig, enum rig_kind kind, int opcode)
{
	const size_t sizes[] = {0, 1, 100, 4096, 10000, 30000};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		zero_send(rig, kind, opcode, sizes[i], 0);
}

CASE(a_send_without_copies_equals_another_by_tcp)
{
	zero_sizes(rig, RIG_TCP, PIKE_SEND);
	zero_sizes(rig, RIG_TCP, PIKE_SENDTO);
	zero_sizes(rig, RIG_TCP, PIKE_SENDMSG);
}

CASE(a_send_without_copies_equals_another_by_unix)
{
	zero_sizes(rig, RIG_UNIX, PIKE_SEND);
	zero_sizes(rig, RIG_UNIX, PIKE_SENDTO);
	zero_sizes(rig, RIG_UNIX, PIKE_SENDMSG);
}

CASE(a_datagram_without_copies_equals_another)
{
	zero_sizes(rig, RIG_DGRAM, PIKE_SEND);
	zero_sizes(rig, RIG_DGRAM, PIKE_SENDTO);
	zero_sizes(rig, RIG_SEQPACKET, PIKE_SEND);
	zero_sizes(rig, RIG_SEQPACKET, PIKE_SENDMSG);
}

CASE(all_of_a_long_send_goes_without_copies)
{
	zero_send(rig, RIG_TCP, PIKE_SEND, LONG, PIKE_ALL);
	zero_send(rig, RIG_TCP, PIKE_SENDMSG, LONG, PIKE_ALL);
	zero_send(rig, RIG_UNIX, PIKE_SEND, LONG, PIKE_ALL);
}

CASE(udp_without_copies_knows_its_receiver)
{
	struct pike_addr to = port_loopback(PIKE_AF_INET);
	pike_fd fd = rig_own(rig, port_bound(&to, PIKE_SOCK_DGRAM, 0));
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	char out[1000], in[1000];

	for (unsigned i = 0; i < 20; i++) {
		struct pike_addr copy = to;
		pattern_fill(out, sizeof(out), i);
		pike_id id = submit(rig,
		    op_flags(op_io_at(PIKE_SENDTO, h, out, sizeof(out), &copy),
			PIKE_ZERO_COPY));
		memset(&copy, 0xff, sizeof(copy));
		expect_one(rig, id, sizeof(out), 0, 0);
		memset(out, 0, sizeof(out));
		port_wait_readable(fd);
		ck_assert_int_eq(
		    port_recv_from(fd, in, sizeof(in), &copy), sizeof(in));
		pattern_check(in, sizeof(in), i);
	}
}

CASE(a_send_without_copies_that_waits_is_cancelled)
{
	char out[100] = {0};
	pike_handle h;
	pike_fd peer;

	ck_assert_int_gt(rig_full(rig, RIG_TCP, &h, &peer), 0);
	pike_id id =
	    submit(rig, op_flags(op_send(h, out, sizeof(out)), PIKE_ZERO_COPY));
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
}

/* One that the sender has room for, and the receiver has not. */
static pike_id unread_send(
    struct rig *rig, char *out, size_t len, pike_handle *h, pike_fd *peer)
{
	int32_t room = 2 * LONG;

	ck_assert(rig_peer(rig, RIG_TCP, h, peer));
	port_buffers(*peer, 4096);
	expect_op(rig,
	    op_option(PIKE_SETSOCKOPT, *h, PIKE_SOL, PIKE_SO_SNDBUF, &room,
		sizeof(room)),
	    0);
	pattern_fill(out, len, 9);
	return submit(
	    rig, op_flags(op_send(*h, out, len), PIKE_ZERO_COPY | PIKE_ALL));
}

CASE(memory_that_was_sent_is_free_only_at_the_completion)
{
	const size_t len = 150000;
	char *out = malloc(len), *in = malloc(len);
	pike_handle h;
	pike_fd peer;
	pike_id id = unread_send(rig, out, len, &h, &peer);

	fence(rig);
	if (rig->arrived)
		memset(out, 0, len);
	peer_read(rig, peer, in, len);
	pattern_check(in, len, 9);
	expect_one(rig, id, (int64_t)len, 0, 0);
	free(out);
	free(in);
}

/* The system waits for a peer that does not read; a close does not. */
CASE(a_close_ends_what_nobody_reads)
{
	const size_t len = 150000;
	char *out = malloc(len);
	pike_handle h;
	pike_fd peer;
	pike_id id = unread_send(rig, out, len, &h, &peer);

	fence(rig);
	expect_op(rig, op_close(h), 0);
	ck_assert_int_le(wait_one(rig, id).res, (int64_t)len);
	id = unread_send(rig, out, len, &h, &peer);
	fence(rig);
	if (!rig->arrived)
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	fence(rig);
	expect_op(rig, op_close(h), 0);
	wait_one(rig, id);
	free(out);
}

/* Nor is it kept from that by one that has to wait. */
CASE(a_close_ends_its_own_beside_one_that_waits)
{
	const size_t len = 150000;
	char *out = malloc(2 * len);
	pike_handle h[2];
	pike_fd peer[2];
	pike_id id[2];

	for (int i = 0; i < 2; i++)
		id[i] = unread_send(
		    rig, out + (size_t)i * len, len, &h[i], &peer[i]);
	fence(rig);
	if (!rig->arrived)
		ck_assert_int_eq(pike_cancel(rig->q, id[0]), 0);
	fence(rig);
	expect_op(rig, op_close(h[1]), 0);
	wait_one(rig, id[1]);
	expect_op(rig, op_close(h[0]), 0);
	wait_one(rig, id[0]);
	free(out);
}

CASE(a_queue_that_is_closed_ends_what_nobody_reads)
{
	const size_t len = 150000;
	char *out = malloc(len);
	pike_handle h;
	pike_fd peer;

	unread_send(rig, out, len, &h, &peer);
	rig_close(rig);
	free(out);
	rig_open(rig, NULL);
}

CASE_WHERE(a_send_without_copies_to_nobody_is_an_error, port_can(PORT_UNIX),
    "no Unix sockets here")
{
	char out[100] = {0};
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	rig_drop(rig, peer);
	struct pike_op op =
	    op_flags(op_send(h, out, sizeof(out)), PIKE_ZERO_COPY);
	expect_op(rig, op, -PIKE_EPIPE);
	expect_op(rig, op, -PIKE_EPIPE);
}

int main(void)
{
	area_begin("zero_copy");
	area_add(a_send_without_copies_equals_another_by_tcp);
	area_add(a_send_without_copies_equals_another_by_unix);
	area_add(a_datagram_without_copies_equals_another);
	area_add(all_of_a_long_send_goes_without_copies);
	area_add(udp_without_copies_knows_its_receiver);
	area_add(a_send_without_copies_that_waits_is_cancelled);
	area_add(memory_that_was_sent_is_free_only_at_the_completion);
	area_add(a_close_ends_what_nobody_reads);
	area_add(a_close_ends_its_own_beside_one_that_waits);
	area_add(a_queue_that_is_closed_ends_what_nobody_reads);
	area_add(a_send_without_copies_to_nobody_is_an_error);
	return area_end();
}
