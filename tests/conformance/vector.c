/* SPDX-License-Identifier: MIT */
/* Pieces of memory: their order, number and length; and lengths at the edge. */
#include "harness.h"

CASE(segments_go_and_come_in_order)
{
	struct pike_iovec out[4] = {{"a", 1}, {"bcd", 3}, {"", 0}, {"ef", 2}};
	char x[2], y[1], z[9];
	struct pike_iovec in[3] = {{x, 2}, {y, 1}, {z, 9}};
	pike_handle h[2];

	rig_pair(rig, RIG_TCP, h);
	expect_op(rig, op_io(PIKE_WRITEV, h[0], out, 4), 6);
	expect_op(rig, op_flags(op_io(PIKE_READV, h[1], in, 2), PIKE_ALL), 3);
	ck_assert_mem_eq(x, "ab", 2);
	ck_assert_int_eq(y[0], 'c');
	expect_op(rig, op_io(PIKE_READV, h[1], in + 2, 1), 3);
	ck_assert_mem_eq(z, "def", 3);
}

/* Trap 115: more segments than the system takes at once. */
static void many_segments(struct rig *rig, enum rig_kind kind)
{
	enum {
		COUNT = 1500,
		EACH = 3
	};
	static char out[COUNT * EACH], in[COUNT * EACH];
	static struct pike_iovec oiov[COUNT], iiov[COUNT];
	pike_handle h[2];

	if (kind == RIG_PIPE) {
		rig_pair(rig, kind, h);
		pike_handle swap = h[0];
		h[0] = h[1];
		h[1] = swap;
	} else {
		rig_pair(rig, kind, h);
	}
	pattern_fill(out, sizeof(out), 5);
	for (int i = 0; i < COUNT; i++) {
		oiov[i] = (struct pike_iovec){out + i * EACH, EACH};
		iiov[i] = (struct pike_iovec){in + i * EACH, EACH};
	}
	pike_id send = submit(
	    rig, op_flags(op_io(PIKE_WRITEV, h[0], oiov, COUNT), PIKE_ALL));
	pike_id recv = submit(
	    rig, op_flags(op_io(PIKE_READV, h[1], iiov, COUNT), PIKE_ALL));
	expect_one(rig, send, sizeof(out), 0, 0);
	expect_one(rig, recv, sizeof(in), 0, 0);
	pattern_check(in, sizeof(in), 5);
	memset(in, 0, sizeof(in));
	struct pike_completion c =
	    perform(rig, op_io(PIKE_WRITEV, h[0], oiov, COUNT));
	ck_assert_int_gt(c.res, 0);
	struct pike_completion d =
	    perform(rig, op_io(PIKE_READV, h[1], iiov, COUNT));
	ck_assert_int_gt(d.res, 0);
	ck_assert_int_le(d.res, c.res);
	pattern_check(in, (size_t)d.res, 5);
}

CASE(fifteen_hundred_segments_by_tcp)
{
	many_segments(rig, RIG_TCP);
}

CASE(fifteen_hundred_segments_by_pipe)
{
	many_segments(rig, RIG_PIPE);
}

/* A datagram goes whole or not at all. */
CASE(datagram_of_too_many_segments)
{
	enum {
		COUNT = 1100
	};
	static char out[COUNT], in[2 * COUNT];
	static struct pike_iovec iov[COUNT];
	pike_handle h[2];

	rig_pair(rig, RIG_DGRAM, h);
	for (int i = 0; i < COUNT; i++)
		iov[i] = (struct pike_iovec){&out[i], 1};
	struct pike_msg msg = {.iov = iov, .iov_count = COUNT};
	const struct pike_op ops[] = {op_io(PIKE_WRITEV, h[0], iov, COUNT),
	    op_io(PIKE_SENDMSG, h[0], &msg, 1)};
	for (int i = 0; i < 2; i++) {
		struct pike_completion c = perform(rig, ops[i]);
		if (c.res < 0) {
			ck_assert_int_eq(c.res, -PIKE_EMSGSIZE);
			continue;
		}
		ck_assert_int_eq(c.res, COUNT);
		expect_op(rig, op_recv(h[1], in, sizeof(in)), COUNT);
	}
	expect_op(rig, op_send(h[0], "ok", 2), 2);
	expect_op(rig, op_recv(h[1], in, sizeof(in)), 2);
}

/* "Arrays of up to PIKE_IOV_COPIED": the array may go, what it names stays. */
CASE(short_arrays_are_copied)
{
	char in[PIKE_IOV_COPIED] = "";
	struct pike_iovec iov[PIKE_IOV_COPIED];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < PIKE_IOV_COPIED; i++)
		iov[i] = (struct pike_iovec){&in[i], 1};
	pike_id id = submit(rig,
	    op_flags(op_io(PIKE_READV, h, iov, PIKE_IOV_COPIED), PIKE_ALL));
	memset(iov, 0xff, sizeof(iov));
	fence(rig);
	peer_write(rig, peer, "0123", 4);
	fence(rig);
	expect_pending(rig, id);
	peer_write(rig, peer, "4567", 4);
	expect_one(rig, id, PIKE_IOV_COPIED, 0, 0);
	ck_assert_mem_eq(in, "01234567", 8);
}

CASE(short_arrays_are_copied_when_sending)
{
	static char out[1 << 20], in[1 << 20];
	struct pike_iovec iov[2] = {{out, 7}, {out + 7, sizeof(out) - 7}};
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pattern_fill(out, sizeof(out), 3);
	pike_id id =
	    submit(rig, op_flags(op_io(PIKE_WRITEV, h, iov, 2), PIKE_ALL));
	memset(iov, 0xff, sizeof(iov));
	fence(rig);
	expect_pending(rig, id);
	peer_read(rig, peer, in, sizeof(in));
	expect_one(rig, id, sizeof(out), 0, 0);
	pattern_check(in, sizeof(in), 3);
}

/* pike cuts an array where a part has gone; the caller's is not touched. */
CASE(long_arrays_are_left_as_they_are)
{
	enum {
		COUNT = 64,
		EACH = 16384
	};
	static char out[COUNT * EACH], in[COUNT * EACH];
	static struct pike_iovec iov[COUNT], twin[COUNT];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pattern_fill(out, sizeof(out), 4);
	for (int i = 0; i < COUNT; i++)
		iov[i] = (struct pike_iovec){out + i * EACH, EACH};
	memcpy(twin, iov, sizeof(iov));
	pike_id id =
	    submit(rig, op_flags(op_io(PIKE_WRITEV, h, iov, COUNT), PIKE_ALL));
	peer_read(rig, peer, in, sizeof(in));
	expect_one(rig, id, sizeof(out), 0, 0);
	pattern_check(in, sizeof(in), 4);
	ck_assert_mem_eq(iov, twin, sizeof(iov));
}

/* Parts that end anywhere in a segment. */
CASE(vectors_survive_parts_of_every_size)
{
	enum {
		TOTAL = 600
	};
	char out[TOTAL], in[TOTAL];
	struct pike_iovec iov[40];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pattern_fill(out, TOTAL, 1);
	memset(in, 0, TOTAL);
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(iov); i++) {
		size_t len = i == 39 ? TOTAL - at : i % 23;
		iov[i] = (struct pike_iovec){in + at, len};
		at += len;
	}
	pike_id id = submit(
	    rig, op_flags(op_io(PIKE_READV, h, iov, ARRAY_LEN(iov)), PIKE_ALL));
	at = 0;
	for (size_t step = 1; at < TOTAL; step++) {
		size_t len = step < TOTAL - at ? step : TOTAL - at;
		peer_write(rig, peer, out + at, len);
		at += len;
		fence(rig);
	}
	expect_one(rig, id, TOTAL, 0, 0);
	pattern_check(in, TOTAL, 1);
}

/* -- zero -- */

/* Trap 113: nothing is asked for, so nothing is waited for. */
CASE(zero_lengths_complete_at_once)
{
	struct pike_iovec none[2] = {{NULL, 0}, {NULL, 0}};
	struct pike_msg msg = {.iov = none, .iov_count = 2};
	pike_handle h[2];
	char in[4];

	rig_pair(rig, RIG_TCP, h);
	expect_op(rig, op_recv(h[0], in, 0), 0);
	expect_op(rig, op_recv(h[0], NULL, 0), 0);
	expect_op(rig, op_flags(op_recv(h[0], in, 0), PIKE_ALL), 0);
	expect_op(rig, op_io(PIKE_READ, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_RECVFROM, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_READV, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_READV, h[0], none, 2), 0);
	expect_op(rig, op_io(PIKE_RECVMSG, h[0], &msg, 1), 0);
	expect_op(rig, op_send(h[0], in, 0), 0);
	expect_op(rig, op_send(h[0], NULL, 0), 0);
	expect_op(rig, op_flags(op_send(h[0], NULL, 0), PIKE_ALL), 0);
	expect_op(rig, op_io(PIKE_WRITE, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_SENDTO, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_WRITEV, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_WRITEV, h[0], none, 2), 0);
	expect_op(rig, op_io(PIKE_SENDMSG, h[0], &msg, 1), 0);
	pike_id id = submit(rig, op_recv(h[1], in, 4));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_send(h[0], "x", 1), 1);
	expect_one(rig, id, 1, 0, 0);
}

CASE(zero_length_at_the_end_is_not_the_end)
{
	pike_handle h;
	pike_fd peer;
	char in[4];

	rig_peer(rig, RIG_TCP, &h, &peer);
	rig_drop(rig, peer);
	expect_op_flags(rig, op_recv(h, in, 4), 0, PIKE_EOF);
	expect_op(rig, op_recv(h, in, 0), 0);
	expect_op(rig, op_io(PIKE_READV, h, NULL, 0), 0);
}

/* -- lengths that a 32-bit number cannot hold -- */

static void recv_huge(
    struct rig *rig, pike_handle h, pike_fd peer, char *huge, size_t ask)
{
	pike_id id = submit(rig, op_recv(h, huge, ask));
	peer_write(rig, peer, "0123456789", 10);
	expect_one(rig, id, 10, 0, 0);
	ck_assert_mem_eq(huge, "0123456789", 10);
}

/* Traps 114, 75: clamped, and never cut into something else. */
CASE(recv_into_more_than_four_gib)
{
	size_t len = port_huge_size();
	pike_handle h;
	pike_fd peer;

	if (!len)
		SKIP("no such lengths here");
	char *huge = port_huge(len);
	if (!huge)
		SKIP("not enough address space");
	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 2; i++) {
		/* len + 4 GiB: the lower half of one of them is small. */
		size_t ask = i ? len : (size_t)UINT32_MAX + 2;
		recv_huge(rig, h, peer, huge, ask);
		struct pike_iovec iov[3] = {
		    {huge, 2}, {huge + 2, ask - 2}, {huge, 1}};
		pike_id id = submit(rig, op_io(PIKE_READV, h, iov, 3));
		peer_write(rig, peer, "abcde", 5);
		expect_one(rig, id, 5, 0, 0);
		ck_assert_mem_eq(huge, "abcde", 5);
	}
	port_huge_free(huge, len);
}

CASE(send_of_more_than_four_gib)
{
	size_t len = port_huge_size();
	pike_handle h;
	pike_fd peer;

	if (!len)
		SKIP("no such lengths here");
	char *huge = port_huge(len);
	if (!huge)
		SKIP("not enough address space");
	rig_peer(rig, RIG_UNIX, &h, &peer);
	struct pike_completion c = perform(rig, op_send(h, huge, len));
	ck_assert_int_gt(c.res, 1);
	peer_drain(rig, peer, c.res);
	ck_assert(!port_is_readable(peer));
	c = perform(rig, op_send(h, huge, (size_t)UINT32_MAX + 2));
	ck_assert_int_gt(c.res, 1);
	peer_drain(rig, peer, c.res);
	ck_assert(!port_is_readable(peer));
	struct pike_iovec iov[2] = {{huge, 3}, {huge + 3, len - 3}};
	c = perform(rig, op_io(PIKE_WRITEV, h, iov, 2));
	ck_assert_int_gt(c.res, 0);
	peer_drain(rig, peer, c.res);
	ck_assert(!port_is_readable(peer));
	port_huge_free(huge, len);
}

CASE(datagrams_into_more_than_four_gib)
{
	size_t len = port_huge_size();
	pike_handle h;
	pike_fd peer;

	if (!len)
		SKIP("no such lengths here");
	char *huge = port_huge(len);
	if (!huge)
		SKIP("not enough address space");
	rig_peer(rig, RIG_DGRAM, &h, &peer);
	recv_huge(rig, h, peer, huge, (size_t)UINT32_MAX + 2);
	recv_huge(rig, h, peer, huge, len);
	port_huge_free(huge, len);
}

CASE(segments_whose_sum_overflows)
{
	size_t len = port_huge_size();
	pike_handle h;
	pike_fd peer;

	if (!len)
		SKIP("no such lengths here");
	char *huge = port_huge(len);
	if (!huge)
		SKIP("not enough address space");
	struct pike_iovec iov[8];
	rig_peer(rig, RIG_UNIX, &h, &peer);
	for (int i = 0; i < 8; i++)
		iov[i] = (struct pike_iovec){huge, len};
	pike_id id = submit(rig, op_io(PIKE_READV, h, iov, 8));
	peer_write(rig, peer, "xyz", 3);
	expect_one(rig, id, 3, 0, 0);
	struct pike_completion c = perform(rig, op_io(PIKE_WRITEV, h, iov, 8));
	ck_assert_int_gt(c.res, 0);
	peer_drain(rig, peer, c.res);
	port_huge_free(huge, len);
}

/* -- what cannot be -- */

CASE(null_with_a_length_is_refused)
{
	pike_handle h[2];

	rig_pair(rig, RIG_TCP, h);
	for (int op = PIKE_READ; op <= PIKE_SENDTO; op++)
		refuse(rig, op_io(op, h[0], NULL, 1), PIKE_EINVAL);
	refuse(rig, op_io(PIKE_RECVMSG, h[0], NULL, 1), PIKE_EINVAL);
	refuse(rig, op_io(PIKE_SENDMSG, h[0], NULL, 1), PIKE_EINVAL);
	refuse(rig,
	    op_option(PIKE_GETSOCKOPT, h[0], PIKE_SOL, PIKE_SO_TYPE, NULL, 4),
	    PIKE_EINVAL);
	refuse(rig,
	    op_option(
		PIKE_SETSOCKOPT, h[0], PIKE_SOL, PIKE_SO_NODELAY, NULL, 4),
	    PIKE_EINVAL);
}

CASE(null_segment_with_a_length)
{
	char in[4];
	struct pike_iovec iov[2] = {{in, 4}, {NULL, 1}};
	pike_handle h[2];

	rig_pair(rig, RIG_TCP, h);
	expect_invalid(rig, op_io(PIKE_READV, h[0], iov, 2));
	expect_invalid(rig, op_io(PIKE_WRITEV, h[0], iov, 2));
}

CASE(offsets_of_sockets)
{
	pike_handle h[2];
	char in[4] = "";

	rig_pair(rig, RIG_TCP, h);
	struct pike_op op = op_io(PIKE_WRITE, h[0], in, 4);
	op.offset = 8;
	expect_invalid(rig, op);
	op.offset = -1;
	expect_op(rig, op, 4);
	op = op_io(PIKE_READ, h[1], in, 4);
	op.offset = 8;
	expect_invalid(rig, op);
	op.offset = -1;
	expect_op(rig, op, 4);
}

CASE(flags_that_cannot_be)
{
	struct pike_iovec iov = {"x", 1};
	pike_handle h[2];
	char in;

	rig_pair(rig, RIG_TCP, h);
	refuse(
	    rig, op_flags(op_send(h[0], "x", 1), PIKE_MULTISHOT), PIKE_EINVAL);
	refuse(rig, op_flags(op_io(PIKE_WRITEV, h[0], &iov, 1), PIKE_MULTISHOT),
	    PIKE_EINVAL);
	refuse(rig, op_flags(op_recv(h[0], &in, 1), 0x8000), PIKE_EINVAL);
	refuse(rig, op_flags(op_nop(), PIKE_ALL), PIKE_EINVAL);
	refuse(rig, op_flags(op_accept(h[0]), PIKE_ALL), PIKE_EINVAL);
	struct pike_op op = op_recv(h[0], &in, 1);
	op.reserved[0] = 1;
	refuse(rig, op, PIKE_EINVAL);
	op.reserved[0] = 0;
	op.reserved[1] = 1;
	refuse(rig, op, PIKE_EINVAL);
	refuse(rig, op_deadline(op_recv(h[0], &in, 1), -1), PIKE_EINVAL);
}

int main(void)
{
	area_begin("vector");
	area_add(segments_go_and_come_in_order);
	area_add(fifteen_hundred_segments_by_tcp);
	area_add(fifteen_hundred_segments_by_pipe);
	area_add(datagram_of_too_many_segments);
	area_add(short_arrays_are_copied);
	area_add(short_arrays_are_copied_when_sending);
	area_add(long_arrays_are_left_as_they_are);
	area_add(vectors_survive_parts_of_every_size);
	area_add(zero_lengths_complete_at_once);
	area_add(zero_length_at_the_end_is_not_the_end);
	area_add(recv_into_more_than_four_gib);
	area_add(send_of_more_than_four_gib);
	area_add(datagrams_into_more_than_four_gib);
	area_add(segments_whose_sum_overflows);
	area_add(null_with_a_length_is_refused);
	area_add(null_segment_with_a_length);
	area_add(offsets_of_sockets);
	area_add(flags_that_cannot_be);
	return area_end();
}
