/* SPDX-License-Identifier: MIT */
/* Streams received into buffers of a group, once and many times. */
#include <stdlib.h>

#include "grouped.h"

static void stream_once(struct rig *rig, enum rig_kind kind)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 2, 64);
	char big[100];

	if (!rig_peer(rig, kind, &h, &peer))
		SKIP("not on this system");
	/* One that waits, and one that finds something. */
	pike_id id = submit(rig, op_group(PIKE_RECV, h, group));
	fence(rig);
	expect_pending(rig, id);
	peer_write(rig, peer, "waited", 6);
	group_expect(rig, id, group, "waited", 6, PIKE_BUFFER);
	peer_write(rig, peer, "found", 5);
	id = submit(rig, op_group(PIKE_RECV, h, group));
	group_expect(rig, id, group, "found", 5, PIKE_BUFFER);
	/* No more than a buffer holds, or than was asked for. */
	pattern_fill(big, sizeof(big), 1);
	peer_write(rig, peer, big, sizeof(big));
	id = submit(rig, op_group(PIKE_RECV, h, group));
	group_expect(rig, id, group, big, 64, PIKE_BUFFER);
	struct pike_op op = op_group(PIKE_RECV, h, group);
	op.len = 10;
	group_expect(rig, submit(rig, op), group, big + 64, 10, PIKE_BUFFER);
	op.len = 1000;
	group_expect(rig, submit(rig, op), group, big + 74, 26, PIKE_BUFFER);
	peer_write(rig, peer, big, sizeof(big));
	group_expect(rig, submit(rig, op), group, big, 64, PIKE_BUFFER);
	group_expect(rig, submit(rig, op), group, big + 64, 36, PIKE_BUFFER);
	port_finish_writing(peer);
	expect_op_flags(rig, op, 0, PIKE_EOF);
	group_expect_free(rig, group, 2);
}

CASE(a_recv_takes_a_buffer_by_tcp)
{
	stream_once(rig, RIG_TCP);
}

CASE(a_recv_takes_a_buffer_by_unix)
{
	stream_once(rig, RIG_UNIX);
}

static void stream_many(struct rig *rig, enum rig_kind kind)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 4, 64);
	char text[16];

	if (!rig_peer(rig, kind, &h, &peer))
		SKIP("not on this system");
	pike_id id = submit(rig, op_pour(h, group));
	fence(rig);
	expect_pending(rig, id);
	for (int i = 0; i < 200; i++) {
		memset(text, 'a' + i % 26, sizeof(text));
		size_t len = 1 + (size_t)i % sizeof(text);
		peer_write(rig, peer, text, len);
		group_expect(rig, id, group, text, len, SHOT);
	}
	port_finish_writing(peer);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	group_expect_free(rig, group, 4);
}

CASE(one_op_receives_many_times_by_tcp)
{
	stream_many(rig, RIG_TCP);
}

CASE(one_op_receives_many_times_by_unix)
{
	stream_many(rig, RIG_UNIX);
}

CASE(one_op_receives_no_more_than_len_at_a_time)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 8, 64);
	struct pike_op op;

	rig_peer(rig, RIG_TCP, &h, &peer);
	op = op_pour(h, group);
	op.len = 3;
	peer_write(rig, peer, "abcdefgh", 8);
	pike_id id = submit(rig, op);
	group_expect(rig, id, group, "abc", 3, SHOT);
	group_expect(rig, id, group, "def", 3, SHOT);
	group_expect(rig, id, group, "gh", 2, SHOT);
	peer_write(rig, peer, "ijkl", 4);
	group_expect(rig, id, group, "ijk", 3, SHOT);
	group_expect(rig, id, group, "l", 1, SHOT);
	expect_cancelled(rig, id);
}

CASE(what_came_before_the_end_or_with_it_comes_first)
{
	int group = group_open(rig, 3, 8);

	for (int i = 0; i < 20; i++) {
		pike_handle h;
		pike_fd peer;
		rig_peer(rig, i & 1 ? RIG_UNIX : RIG_TCP, &h, &peer);
		pike_id id = i & 2 ? 0 : submit(rig, op_pour(h, group));
		if (id)
			fence(rig);
		peer_write(rig, peer, "0123456789", 10);
		port_finish_writing(peer);
		if (!id)
			id = submit(rig, op_pour(h, group));
		group_expect(rig, id, group, "01234567", 8, SHOT);
		group_expect(rig, id, group, "89", 2, SHOT);
		expect_one(rig, id, 0, 0, PIKE_EOF);
		/* It stays the end. */
		expect_op_flags(rig, op_pour(h, group), 0, PIKE_EOF);
		expect_op(rig, op_close(h), 0);
	}
	group_expect_free(rig, group, 3);
}

CASE(a_reset_ends_it)
{
	int group = group_open(rig, 3, 64);

	for (int waits = 0; waits < 2; waits++) {
		pike_handle h;
		pike_fd peer;
		rig_peer(rig, RIG_TCP, &h, &peer);
		pike_id id = waits ? submit(rig, op_pour(h, group)) : 0;
		if (waits)
			fence(rig);
		rig_disown(rig, peer);
		port_reset(peer);
		if (!waits)
			id = submit(rig, op_pour(h, group));
		expect_error(rig, id, PIKE_ECONNRESET);
		expect_op(rig, op_pour(h, group), -PIKE_ECONNRESET);
	}
	group_expect_free(rig, group, 3);
}

CASE(what_is_no_socket_or_not_connected_is_an_error)
{
	int group = group_open(rig, 3, 64);
	pike_handle s = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_PIPE, &h, &peer);
	expect_op(rig, op_pour(h, group), -PIKE_ENOTSOCK);
	expect_op(rig, op_group(PIKE_RECV, h, group), -PIKE_ENOTSOCK);
	expect_op(rig, op_pour(s, group), -PIKE_ENOTCONN);
	expect_op(rig, op_group(PIKE_RECV, s, group), -PIKE_ENOTCONN);
	group_expect_free(rig, group, 3);
}

/* Two ops of one stream: the second waits for the first, which takes all. */
CASE(a_recv_behind_one_that_goes_on_waits_for_its_end)
{
	pike_handle h;
	pike_fd peer;
	char in[8];
	int group = group_open(rig, 4, 64);

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id one = submit(rig, op_pour(h, group));
	pike_id two = submit(rig, op_recv(h, in, 8));
	pike_id three = submit(rig, op_group(PIKE_RECV, h, group));
	for (int i = 0; i < 5; i++) {
		peer_write(rig, peer, "shot", 4);
		group_expect(rig, one, group, "shot", 4, SHOT);
		fence(rig);
		expect_pending(rig, two);
	}
	expect_cancelled(rig, one);
	peer_write(rig, peer, "two", 3);
	expect_one(rig, two, 3, 0, 0);
	peer_write(rig, peer, "three", 5);
	group_expect(rig, three, group, "three", 5, PIKE_BUFFER);
	/* And the short way of a plain recv is as it was. */
	for (int i = 0; i < 3; i++) {
		pike_id id = submit(rig, op_recv(h, in, 8));
		fence(rig);
		peer_write(rig, peer, "plain", 5);
		expect_one(rig, id, 5, 0, 0);
		ck_assert_mem_eq(in, "plain", 5);
		/* Nor does what else wakes it make it one from a group. */
		id = submit(rig, op_recv(h, in, 8));
		fence(rig);
		pike_id poll = submit(rig, op_poll(h, PIKE_POLL_IN));
		fence(rig);
		peer_write(rig, peer, "polled", 6);
		expect_one(rig, poll, PIKE_POLL_IN, 0, 0);
		expect_one(rig, id, 6, 0, 0);
		ck_assert_mem_eq(in, "polled", 6);
		id = submit(rig, op_pour(h, group));
		fence(rig);
		peer_write(rig, peer, "shot", 4);
		group_expect(rig, id, group, "shot", 4, SHOT);
		expect_cancelled(rig, id);
	}
}

CASE(it_goes_on_beside_sends_and_polls)
{
	pike_handle h;
	pike_fd peer;
	char in[4];
	int group = group_open(rig, 4, 64);

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_pour(h, group));
	fence(rig);
	for (int i = 0; i < 20; i++) {
		pike_id poll = submit(rig, op_poll(h, PIKE_POLL_IN));
		fence(rig);
		expect_pending(rig, poll);
		peer_write(rig, peer, "ping", 4);
		expect_one(rig, poll, PIKE_POLL_IN, 0, 0);
		group_expect(rig, id, group, "ping", 4, SHOT);
		expect_op(rig, op_send(h, "pong", 4), 4);
		peer_read(rig, peer, in, 4);
		peer_write(rig, peer, "more", 4);
		group_expect(rig, id, group, "more", 4, SHOT);
	}
	expect_cancelled(rig, id);
}

CASE(it_pauses_while_nobody_reaps_and_goes_on)
{
	struct pike_params params = {.shots_max = 3};
	pike_handle h;
	pike_fd peer;
	char text[100];

	rig_close(rig);
	rig_open(rig, &params);
	int group = group_open(rig, 64, 8);
	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_pour(h, group));
	pattern_fill(text, sizeof(text), 3);
	peer_write(rig, peer, text, sizeof(text));
	port_settle(peer);
	ck_assert_int_eq(rig_reap_max(rig, 1, -1), 1);
	for (int rounds = 0; rounds < 5; rounds++)
		ck_assert_int_le(rig_reap_max(rig, 64, 0), 3);
	for (size_t at = 0; at < sizeof(text); at += 8)
		group_expect(rig, id, group, text + at,
		    sizeof(text) - at < 8 ? sizeof(text) - at : 8, SHOT);
	expect_cancelled(rig, id);
}

CASE(an_urgent_byte_is_received_with_its_flag)
{
	const int opcodes[] = {PIKE_RECV, PIKE_RECVFROM};
	int group = group_open(rig, 2, 256);

	for (int i = 0; i < 2; i++) {
		struct pike_op op = op_group(opcodes[i], 0, group);
		pike_handle h;
		pike_fd peer;
		rig_peer(rig, RIG_TCP, &h, &peer);
		op.handle = h;
		ck_assert_int_eq(port_send_urgent(peer, '!'), 0);
		expect_op(rig, op_poll(h, PIKE_POLL_PRI), PIKE_POLL_PRI);
		struct pike_completion c =
		    perform(rig, op_how(op, PIKE_MSG_OOB));
		ck_assert_int_eq(c.res, 1);
		ck_assert_uint_eq(c.flags, PIKE_BUFFER);
		const char *at = group_buffer(rig, group, c.buffer);
		ck_assert_int_eq(at[i ? sizeof(struct pike_addr) : 0], '!');
		group_return(rig, group, c.buffer);
	}
}

int main(void)
{
	area_begin("group_stream");
	area_add(a_recv_takes_a_buffer_by_tcp);
	area_add(a_recv_takes_a_buffer_by_unix);
	area_add(one_op_receives_many_times_by_tcp);
	area_add(one_op_receives_many_times_by_unix);
	area_add(one_op_receives_no_more_than_len_at_a_time);
	area_add(what_came_before_the_end_or_with_it_comes_first);
	area_add(a_reset_ends_it);
	area_add(what_is_no_socket_or_not_connected_is_an_error);
	area_add(a_recv_behind_one_that_goes_on_waits_for_its_end);
	area_add(it_goes_on_beside_sends_and_polls);
	area_add(it_pauses_while_nobody_reaps_and_goes_on);
	area_add(an_urgent_byte_is_received_with_its_flag);
	return area_end();
}
