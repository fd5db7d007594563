/* SPDX-License-Identifier: MIT */
/* Groups of buffers themselves: made, asked for wrongly, closed. */
#include <stdlib.h>

#include "grouped.h"

CASE(a_group_has_count_buffers_of_size_bytes)
{
	const uint32_t sizes[] = {8, 16, 1000, 4096};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int group = group_open(rig, 7, sizes[i]);
		char *first = group_buffer(rig, group, 0);
		ck_assert_uint_eq((uintptr_t)first % 8, 0);
		for (uint32_t b = 0; b < 7; b++) {
			char *memory = group_buffer(rig, group, b);
			ck_assert_ptr_eq(memory, first + b * sizes[i]);
			memset(memory, (int)b, sizes[i]);
		}
		ck_assert_ptr_null(
		    pike_group_buffer(rig->q, (uint32_t)group, 7));
		ck_assert_ptr_null(
		    pike_group_buffer(rig->q, (uint32_t)group, UINT32_MAX));
	}
}

CASE(groups_have_ids_of_their_own)
{
	enum {
		GROUPS = 300
	};
	int group[GROUPS];

	for (int i = 0; i < GROUPS; i++) {
		group[i] = group_open(rig, 1 + (uint32_t)i % 5, 8);
		for (int j = 0; j < i; j++)
			ck_assert_int_ne(group[j], group[i]);
	}
	for (int i = 0; i < GROUPS; i += 2)
		ck_assert_int_eq(
		    pike_group_close(rig->q, (uint32_t)group[i]), 0);
	for (int i = 0; i < GROUPS; i++) {
		void *memory = pike_group_buffer(rig->q, (uint32_t)group[i], 0);
		ck_assert_int_eq(memory != NULL, i % 2);
	}
	for (int i = 0; i < GROUPS; i += 2) {
		group[i] = group_open(rig, 1, 8);
		for (int j = 1; j < GROUPS; j += 2)
			ck_assert_int_ne(group[j], group[i]);
	}
}

CASE(counts_sizes_and_memory_that_cannot_be_are_refused)
{
	static const struct {
		uint32_t count, size;
	} bad[] = {{0, 8}, {32769, 8}, {UINT32_MAX, 8}, {1, 0}, {1, 1}, {1, 7},
	    {1, 12}, {1, 0x7ffff008}, {1, UINT32_MAX - 7}, {1, UINT32_MAX},
	    {0, 0}};
	static uint64_t memory[4];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(
		    pike_group_open(rig->q, bad[i].count, bad[i].size, NULL),
		    -PIKE_EINVAL);
	for (int i = 1; i < 8; i++)
		ck_assert_int_eq(
		    pike_group_open(rig->q, 1, 8, (char *)memory + i),
		    -PIKE_EINVAL);
	int group = pike_group_open(rig->q, 4, 8, memory);
	ck_assert_int_gt(group, 0);
	ck_assert_ptr_eq(
	    pike_group_buffer(rig->q, (uint32_t)group, 3), &memory[3]);
	ck_assert_int_gt(pike_group_open(rig->q, 32768, 8, NULL), 0);
}

CASE(the_callers_memory_is_used)
{
	static uint64_t memory[3][4];
	pike_handle h;
	pike_fd peer;

	memset(memory, 0x55, sizeof(memory));
	int group = pike_group_open(rig->q, 3, sizeof(memory[0]), memory);
	ck_assert_int_gt(group, 0);
	rig_peer(rig, RIG_TCP, &h, &peer);
	peer_write(rig, peer, "here", 4);
	pike_id id = submit(rig, op_group(PIKE_RECV, h, group));
	uint32_t b = group_take(rig, id, group, "here", 4, PIKE_BUFFER);
	ck_assert_mem_eq(memory[b], "here", 4);
	for (uint32_t i = 0; i < 3; i++) {
		if (i != b)
			ck_assert_uint_eq(
			    memory[i][0], UINT64_C(0x5555555555555555));
	}
	ck_assert_int_eq(pike_group_close(rig->q, (uint32_t)group), 0);
	ck_assert_mem_eq(memory[b], "here", 4);
}

CASE(groups_that_are_not_there_are_refused)
{
	pike_handle h;
	pike_fd peer;
	int gone = group_open(rig, 2, 256);
	const int ids[] = {
	    0, -1, 2, 3, 65535, 65536, INT32_MAX, INT32_MIN, gone};

	ck_assert_int_eq(pike_group_close(rig->q, (uint32_t)gone), 0);
	rig_peer(rig, RIG_TCP, &h, &peer);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		uint32_t id = (uint32_t)ids[i];
		refuse(rig, op_group(PIKE_RECV, h, ids[i]), PIKE_EINVAL);
		refuse(rig, op_pour(h, ids[i]), PIKE_EINVAL);
		refuse(rig, op_group(PIKE_RECVFROM, h, ids[i]), PIKE_EINVAL);
		ck_assert_int_eq(
		    pike_group_return(rig->q, id, 0), -PIKE_EINVAL);
		ck_assert_int_eq(pike_group_close(rig->q, id), -PIKE_EINVAL);
		ck_assert_ptr_null(pike_group_buffer(rig->q, id, 0));
	}
}

CASE(requests_that_cannot_be_are_refused)
{
	struct pike_addr addr = {0};
	char buf[8];
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 2, 256);
	struct pike_op recv = op_group(PIKE_RECV, 0, group);

	rig_peer(rig, RIG_TCP, &h, &peer);
	recv.handle = h;
	struct pike_op from = recv;
	from.opcode = PIKE_RECVFROM;
	for (int i = 0; i < 2; i++) {
		struct pike_op op = i ? from : recv;
		refuse(rig, op_flags(op, PIKE_ALL), PIKE_EINVAL);
		refuse(rig, op_flags(op, PIKE_ZERO_COPY), PIKE_EINVAL);
		struct pike_op shots = op_flags(op, PIKE_MULTISHOT);
		refuse(rig, op_how(shots, PIKE_MSG_PEEK), PIKE_EINVAL);
		refuse(rig, op_how(shots, PIKE_MSG_OOB), PIKE_EINVAL);
		refuse(rig, op_how(shots, PIKE_MSG_MORE), PIKE_EINVAL);
		op.buf = buf;
		refuse(rig, op, PIKE_EINVAL);
		op.len = sizeof(buf);
		refuse(rig, op, PIKE_EINVAL);
		op.flags = PIKE_MULTISHOT;
		refuse(rig, op, PIKE_EINVAL);
		op.flags = PIKE_MULTISHOT | PIKE_ALL;
		refuse(rig, op, PIKE_EINVAL);
	}
	from.addr = &addr;
	refuse(rig, from, PIKE_EINVAL);
	/* Nothing of it holds the group. */
	ck_assert_int_eq(pike_group_close(rig->q, (uint32_t)group), 0);
}

CASE(only_receives_take_from_a_group)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 2, 256);

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int opcode = PIKE_NOP; opcode < PIKE_OPCODES; opcode++) {
		if (opcode != PIKE_RECV && opcode != PIKE_RECVFROM)
			refuse(rig, op_group(opcode, h, group), PIKE_EINVAL);
	}
}

CASE(a_sender_that_leaves_no_room_for_data_is_refused)
{
	struct pike_addr any = port_loopback(PIKE_AF_INET);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);

	expect_op(rig, op_at(PIKE_BIND, h, &any), 0);
	int small = group_open(rig, 1, PIKE_GROUP_DATA);
	int smaller = group_open(rig, 1, 8);
	int large = group_open(rig, 1, PIKE_GROUP_DATA + 8);
	refuse(rig, op_group(PIKE_RECVFROM, h, small), PIKE_EINVAL);
	refuse(rig, op_group(PIKE_RECVFROM, h, smaller), PIKE_EINVAL);
	expect_cancelled(rig, submit(rig, op_group(PIKE_RECVFROM, h, large)));
	expect_cancelled(rig, submit(rig, op_group(PIKE_RECV, h, smaller)));
}

CASE(a_buffer_that_is_not_out_cannot_be_returned)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 3, 64);
	uint32_t g = (uint32_t)group;

	for (uint32_t b = 0; b < 5; b++)
		ck_assert_int_eq(pike_group_return(rig->q, g, b), -PIKE_EINVAL);
	ck_assert_int_eq(
	    pike_group_return(rig->q, g, UINT32_MAX), -PIKE_EINVAL);
	rig_peer(rig, RIG_TCP, &h, &peer);
	peer_write(rig, peer, "abc", 3);
	pike_id id = submit(rig, op_group(PIKE_RECV, h, group));
	uint32_t out = group_take(rig, id, group, "abc", 3, PIKE_BUFFER);
	for (uint32_t b = 0; b < 3; b++) {
		if (b != out)
			ck_assert_int_eq(
			    pike_group_return(rig->q, g, b), -PIKE_EINVAL);
	}
	ck_assert_int_eq(pike_group_return(rig->q, g, out), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    pike_group_return(rig->q, g, out), -PIKE_EINVAL);
	group_expect_free(rig, group, 3);
}

CASE(a_group_that_ops_use_is_busy)
{
	pike_handle h, other;
	pike_fd peer;
	int group = group_open(rig, 3, 64);
	uint32_t g = (uint32_t)group;

	rig_peer(rig, RIG_TCP, &h, &peer);
	rig_peer(rig, RIG_UNIX, &other, &peer);
	pike_id one = submit(rig, op_pour(h, group));
	pike_id two = submit(rig, op_group(PIKE_RECV, other, group));
	pike_id behind = submit(rig, op_group(PIKE_RECV, other, group));
	ck_assert_int_eq(pike_group_close(rig->q, g), -PIKE_EBUSY);
	fence(rig);
	expect_cancelled(rig, one);
	ck_assert_int_eq(pike_group_close(rig->q, g), -PIKE_EBUSY);
	peer_write(rig, peer, "x", 1);
	group_expect(rig, two, group, "x", 1, PIKE_BUFFER);
	ck_assert_int_eq(pike_group_close(rig->q, g), -PIKE_EBUSY);
	expect_cancelled(rig, behind);
	ck_assert_int_eq(pike_group_close(rig->q, g), 0);
	ck_assert_int_eq(pike_group_close(rig->q, g), -PIKE_EINVAL);
}

CASE(buffers_that_are_out_go_with_their_group)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 20; i++) {
		int group = group_open(rig, 2, 64);
		peer_write(rig, peer, "abc", 3);
		pike_id id = submit(rig, op_group(PIKE_RECV, h, group));
		uint32_t out =
		    group_take(rig, id, group, "abc", 3, PIKE_BUFFER);
		ck_assert_int_eq(pike_group_close(rig->q, (uint32_t)group), 0);
		ck_assert_int_eq(
		    pike_group_return(rig->q, (uint32_t)group, out),
		    -PIKE_EINVAL);
	}
	group_open(rig, 2, 64);
}

CASE(a_queue_closes_with_groups_in_use)
{
	static uint64_t memory[64];
	pike_handle h[3];
	pike_fd peer[3];
	int group = pike_group_open(rig->q, 2, 256, memory);
	int other = group_open(rig, 2, 256);

	for (int i = 0; i < 3; i++)
		rig_peer(rig, RIG_TCP, &h[i], &peer[i]);
	group_open(rig, 100, 4096);
	peer_write(rig, peer[0], "abc", 3);
	pike_id id = submit(rig, op_pour(h[0], group));
	group_take(rig, id, group, "abc", 3, SHOT);
	peer_write(rig, peer[1], "defg", 4);
	submit(rig, op_pour(h[1], group));
	submit(rig, op_pour(h[1], other));
	submit(rig, op_group(PIKE_RECV, h[0], other));
	/* One that waits for a buffer, and one whose result is not reaped. */
	fence(rig);
	peer_write(rig, peer[0], "h", 1);
	peer_write(rig, peer[2], "ij", 2);
	submit(rig, op_pour(h[2], group));
	fence(rig);
	drop_arrivals(rig);
	rig_close(rig);
	memset(memory, 0, sizeof(memory));
}

/* Each way that a system may help can be done without. */
CASE(each_feature_can_be_missed)
{
	for (unsigned bit = 1; bit <= PIKE_FEATURES_ALL; bit *= 2) {
		struct pike_params params = {0};
		struct pike_completion c;
		struct pike_queue *q;
		pike_fd fd[2];
		rig_params(&params);
		params.features_off |= bit;
		ck_assert_int_eq(pike_queue_open(&q, &params), 0);
		int group = pike_group_open(q, 2, 16, NULL);
		ck_assert_int_gt(group, 0);
		port_tcp_pair(fd);
		struct pike_op op = op_pour(pike_adopt(q, fd[0], 0), group);
		pike_id id = pike_submit(q, &op);
		ck_assert_int_gt(id, 0);
		for (int i = 0; i < 5; i++) {
			ck_assert_int_eq(port_write(fd[1], "shot", 4), 4);
			ck_assert_int_eq(pike_reap(q, &c, 1, -1), 1);
			ck_assert_int_eq(c.id, id);
			ck_assert_int_eq(c.res, 4);
			ck_assert_uint_eq(c.flags, SHOT);
			ck_assert_int_eq(
			    pike_group_return(q, (uint32_t)group, c.buffer), 0);
		}
		pike_queue_close(q);
		port_close(fd[0]);
		port_close(fd[1]);
	}
}

int main(void)
{
	area_begin("group");
	area_add(a_group_has_count_buffers_of_size_bytes);
	area_add(groups_have_ids_of_their_own);
	area_add(counts_sizes_and_memory_that_cannot_be_are_refused);
	area_add(the_callers_memory_is_used);
	area_add(groups_that_are_not_there_are_refused);
	area_add(requests_that_cannot_be_are_refused);
	area_add(only_receives_take_from_a_group);
	area_add(a_sender_that_leaves_no_room_for_data_is_refused);
	area_add(a_buffer_that_is_not_out_cannot_be_returned);
	area_add(a_group_that_ops_use_is_busy);
	area_add(buffers_that_are_out_go_with_their_group);
	area_add(a_queue_closes_with_groups_in_use);
	area_add(each_feature_can_be_missed);
	return area_end();
}
