/* SPDX-License-Identifier: MIT */
/*
 * The op that does nothing, and so what is true of every op: ids, user data,
 * one completion each, batches, submitting many at once.
 */
#include <stdlib.h>

#include "harness.h"
#include "port_proc.h"

#define MANY 100000

CASE(nop_completes_once_with_nothing_but_its_name)
{
	pike_id id = submit(rig, op_tagged(op_nop(), rig));
	struct pike_completion c = wait_one(rig, id);

	ck_assert_ptr_eq(c.user_data, rig);
	ck_assert_int_eq(c.id, id);
	ck_assert_int_eq(c.res, 0);
	ck_assert_int_eq(c.err, 0);
	ck_assert_int_eq(c.os_error, 0);
	ck_assert_uint_eq(c.flags, 0);
	ck_assert_uint_eq(c.buffer, 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(rig_reap(rig, 0), 0);
}

CASE(user_data_comes_back_bit_for_bit)
{
	const uintptr_t values[] = {0, 1, UINTPTR_MAX, UINTPTR_MAX / 3,
	    (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1)};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct pike_op op = op_tagged(op_nop(), (void *)values[i]);
		struct pike_completion c;
		ck_assert_int_gt(pike_submit(rig->q, &op), 0);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_uint_eq((uintptr_t)c.user_data, values[i]);
	}
}

/* The rig overwrites the op struct after each submit; here it is freed. */
CASE(the_op_struct_is_the_callers_after_submit)
{
	struct pike_op *op = malloc(sizeof(*op));

	*op = op_tagged(op_nop(), rig);
	pike_id id = pike_submit(rig->q, op);
	ck_assert_int_gt(id, 0);
	memset(op, 0xff, sizeof(*op));
	free(op);
	struct pike_completion c;
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_ptr_eq(c.user_data, rig);
	ck_assert_int_eq(c.id, id);
	ck_assert_int_eq(c.res, 0);
}

CASE(fields_that_an_opcode_does_not_name_are_ignored)
{
	struct pike_op op;

	memset(&op, 0x5a, sizeof(op));
	op.opcode = PIKE_NOP;
	op.flags = 0;
	op.op_flags = 0;
	op.timeout_ns = 0;
	op.user_data = rig;
	memset(op.reserved, 0, sizeof(op.reserved));
	expect_op(rig, op, 0);
	op = op_timer(1);
	op.handle = -77;
	op.buf = (void *)1;
	op.len = SIZE_MAX;
	op.offset = -77;
	op.addr = (struct pike_addr *)1;
	expect_op(rig, op, 1);
}

static int nop_compare(const void *a, const void *b)
{
	const pike_id *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void nop_all_differ(pike_id *ids, size_t n)
{
	qsort(ids, n, sizeof(*ids), nop_compare);
	check_often(ids[0] > 0);
	for (size_t i = 1; i < n; i++)
		check_often(ids[i] != ids[i - 1]);
}

CASE(ids_of_ops_in_flight_are_positive_and_differ)
{
	static pike_id ids[MANY];
	static struct pike_completion done[MANY];
	struct pike_op op = op_nop();
	size_t n = 0;

	for (size_t i = 0; i < MANY; i++)
		ids[i] = pike_submit(rig->q, &op);
	nop_all_differ(ids, MANY);
	while (n < MANY) {
		int got = pike_reap(rig->q, done + n, (unsigned)(MANY - n), -1);
		check_often(got > 0);
		n += (size_t)got;
	}
	for (size_t i = 0; i < MANY; i++)
		ids[i] = done[i].id;
	nop_all_differ(ids, MANY);
}

/* P201: the same few slots, over and over. */
CASE(ids_are_not_used_again_while_slots_are)
{
	static pike_id ids[MANY];
	struct pike_op op = op_nop();

	for (size_t i = 0; i < MANY; i++) {
		struct pike_completion c;
		ids[i] = pike_submit(rig->q, &op);
		check_often(pike_reap(rig->q, &c, 1, -1) == 1);
		check_often(c.id == ids[i]);
	}
	nop_all_differ(ids, MANY);
}

CASE(each_of_many_completes_exactly_once)
{
	static unsigned char seen[MANY];
	struct pike_completion done[128];
	size_t n = 0;

	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < MANY; i++) {
		struct pike_op op = op_tagged(op_nop(), &seen[i]);
		check_often(pike_submit(rig->q, &op) > 0);
	}
	while (n < MANY) {
		int got = pike_reap(rig->q, done, 128, -1);
		check_often(got > 0);
		for (int i = 0; i < got; i++)
			++*(unsigned char *)done[i].user_data;
		n += (size_t)got;
	}
	for (size_t i = 0; i < MANY; i++)
		check_often(seen[i] == 1);
	check_often(pike_reap(rig->q, done, 128, 0) == 0);
}

CASE(reap_gives_no_more_than_max_and_keeps_the_rest)
{
	struct pike_completion done[16];
	struct pike_op op = op_nop();

	for (int i = 0; i < 10; i++)
		ck_assert_int_gt(pike_submit(rig->q, &op), 0);
	memset(done, 0x77, sizeof(done));
	int got = 0;
	for (unsigned max = 1; got < 10; max++) {
		int n = pike_reap(rig->q, done, max, -1);
		ck_assert_int_gt(n, 0);
		ck_assert_int_le(n, (int)max);
		for (size_t i = max; i < ARRAY_LEN(done); i++)
			ck_assert_uint_eq(done[i].flags, 0x77777777);
		memset(done, 0x77, sizeof(done));
		got += n;
	}
	ck_assert_int_eq(got, 10);
	ck_assert_int_eq(pike_reap(rig->q, done, 16, 0), 0);
}

CASE(max_may_be_huge)
{
	static struct pike_completion done[8];
	struct pike_op op = op_nop();

	ck_assert_int_gt(pike_submit(rig->q, &op), 0);
	ck_assert_int_eq(pike_reap(rig->q, done, UINT32_MAX, -1), 1);
	ck_assert_int_gt(pike_submit(rig->q, &op), 0);
	ck_assert_int_eq(pike_reap(rig->q, done, (unsigned)INT32_MAX, -1), 1);
}

CASE(reap_waits_no_less_than_its_timeout)
{
	const int64_t waits[] = {0, 1, 999, 900000, NS_PER_MS, 7654321};

	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		struct pike_completion c;
		int64_t begin = port_monotonic();
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, waits[i]), 0);
		ck_assert_int_ge(port_monotonic() - begin, waits[i]);
	}
}

CASE(reap_with_the_longest_timeout_takes_what_is_there)
{
	submit(rig, op_nop());
	ck_assert_int_eq(rig_reap(rig, INT64_MAX), 1);
	drop_arrivals(rig);
}

CASE(submit_many_accepts_all_and_names_them)
{
	struct pike_op ops[100];
	pike_id ids[101];

	for (int i = 0; i < 100; i++)
		ops[i] = op_tagged(op_nop(), &ops[i]);
	ids[100] = -77;
	ck_assert_int_eq(pike_submit_many(rig->q, ops, 100, ids), 100);
	ck_assert_int_eq(ids[100], -77);
	memset(ops, 0xff, sizeof(ops));
	for (int i = 0; i < 100; i++) {
		struct pike_completion c;
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		int at = (int)((struct pike_op *)c.user_data - ops);
		ck_assert_int_eq(c.id, ids[at]);
		ids[at] = 0;
	}
}

CASE(submit_many_needs_no_ids)
{
	struct pike_op ops[3] = {op_nop(), op_nop(), op_nop()};
	struct pike_completion done[4];
	int got = 0;

	ck_assert_int_eq(pike_submit_many(rig->q, ops, 3, NULL), 3);
	while (got < 3)
		got += pike_reap(rig->q, done, 4, -1);
	ck_assert_int_eq(pike_reap(rig->q, done, 4, 0), 0);
}

CASE(submit_many_of_none_is_none)
{
	struct pike_op op = op_nop();
	pike_id id = -77;

	ck_assert_int_eq(pike_submit_many(rig->q, &op, 0, &id), 0);
	ck_assert_int_eq(pike_submit_many(rig->q, NULL, 0, &id), 0);
	ck_assert_int_eq(pike_submit_many(rig->q, NULL, 0, NULL), 0);
	ck_assert_int_eq(id, -77);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

CASE(submit_many_stops_at_the_first_that_is_refused)
{
	struct pike_op ops[5] = {
	    op_nop(), op_nop(), op_of(PIKE_OPCODES, 0), op_nop(), op_nop()};
	pike_id ids[5] = {-77, -77, -77, -77, -77};
	struct pike_completion done[8];
	int got = 0;

	ck_assert_int_eq(pike_submit_many(rig->q, ops, 5, ids), 2);
	ck_assert_int_gt(ids[0], 0);
	ck_assert_int_gt(ids[1], 0);
	ck_assert_int_eq(ids[2], -PIKE_EINVAL);
	ck_assert_int_eq(ids[3], -77);
	ck_assert_int_eq(ids[4], -77);
	while (got < 2)
		got += pike_reap(rig->q, done + got, (unsigned)(8 - got), -1);
	for (int i = 0; i < 2; i++)
		ck_assert(done[i].id == ids[0] || done[i].id == ids[1]);
	ck_assert_int_eq(pike_reap(rig->q, done, 8, 0), 0);
}

CASE(submit_many_answers_with_the_code_of_the_first)
{
	struct pike_op ops[2] = {op_nop(), op_nop()};
	pike_id ids[2] = {-77, -77};

	ops[0].reserved[1] = 1;
	ck_assert_int_eq(pike_submit_many(rig->q, ops, 2, ids), -PIKE_EINVAL);
	ck_assert_int_eq(ids[0], -PIKE_EINVAL);
	ck_assert_int_eq(ids[1], -77);
	ck_assert_int_eq(pike_submit_many(rig->q, ops, 2, NULL), -PIKE_EINVAL);
	ops[0] = op_close(INT64_C(0x123456789));
	ck_assert_int_eq(pike_submit_many(rig->q, ops, 2, ids), -PIKE_EBADF);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

CASE(submit_many_of_a_null_pointer_is_refused)
{
	pike_id id = -77;

	ck_assert_int_eq(pike_submit_many(rig->q, NULL, 3, &id), -PIKE_EINVAL);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

/* Sends of one submit_many are in order, as if submitted one by one. */
CASE(submit_many_keeps_the_order_of_a_stream)
{
	char text[] = "01234567", got[8];
	struct pike_op ops[8];
	pike_id ids[8];
	pike_handle h;
	pike_fd peer;

	if (!rig_peer(rig, RIG_UNIX, &h, &peer))
		SKIP("no Unix sockets");
	for (int i = 0; i < 8; i++)
		ops[i] = op_send(h, &text[i], 1);
	ck_assert_int_eq(pike_submit_many(rig->q, ops, 8, ids), 8);
	for (int i = 0; i < 8; i++) {
		struct pike_completion c;
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.id, ids[i]);
		ck_assert_int_eq(c.res, 1);
	}
	ck_assert_int_eq(port_read(peer, got, 8), 8);
	ck_assert_mem_eq(got, text, 8);
}

/* Each completion submits the next op: no recursion, no growth. */
CASE(a_chain_of_a_million_nops_ends)
{
	struct pike_op op = op_nop();

	ck_assert_int_gt(pike_submit(rig->q, &op), 0);
	struct pike_completion c;
	for (int i = 0; i < 1000000; i++)
		if (pike_reap(rig->q, &c, 1, -1) != 1 ||
		    pike_submit(rig->q, &op) <= 0)
			ck_abort_msg("at nop %d", i);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
}

CASE(queues_of_one_thread_do_not_mix)
{
	struct rig *other = rig_new(NULL);
	pike_id a = submit(rig, op_tagged(op_nop(), rig));
	pike_id b = submit(other, op_tagged(op_nop(), other));

	ck_assert_ptr_eq(wait_one(other, b).user_data, other);
	ck_assert_int_eq(rig_reap(other, 0), 0);
	ck_assert_ptr_eq(wait_one(rig, a).user_data, rig);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

CASE(a_hundred_queues_live_side_by_side)
{
	struct rig *rigs[100];
	pike_id ids[100];

	rigs[0] = rig;
	for (int i = 1; i < 100; i++)
		rigs[i] = rig_new(NULL);
	for (int i = 0; i < 100; i++)
		ids[i] = submit(rigs[i], op_nop());
	for (int i = 99; i >= 0; i--)
		expect_one(rigs[i], ids[i], 0, 0, 0);
}

CASE(sizes_are_what_the_header_says)
{
	ck_assert_uint_eq(pike_op_size(), sizeof(struct pike_op));
	ck_assert_uint_eq(
	    pike_completion_size(), sizeof(struct pike_completion));
	if (sizeof(void *) == 8) {
		ck_assert_uint_eq(pike_op_size(), 128);
		ck_assert_uint_eq(pike_completion_size(), 40);
	}
	ck_assert_ptr_nonnull(rig);
}

int main(void)
{
	area_begin("nop");
	area_add(nop_completes_once_with_nothing_but_its_name);
	area_add(user_data_comes_back_bit_for_bit);
	area_add(the_op_struct_is_the_callers_after_submit);
	area_add(fields_that_an_opcode_does_not_name_are_ignored);
	area_add(ids_of_ops_in_flight_are_positive_and_differ);
	area_add(ids_are_not_used_again_while_slots_are);
	area_add(each_of_many_completes_exactly_once);
	area_add(reap_gives_no_more_than_max_and_keeps_the_rest);
	area_add(max_may_be_huge);
	area_add(reap_waits_no_less_than_its_timeout);
	area_add(reap_with_the_longest_timeout_takes_what_is_there);
	area_add(submit_many_accepts_all_and_names_them);
	area_add(submit_many_needs_no_ids);
	area_add(submit_many_of_none_is_none);
	area_add(submit_many_stops_at_the_first_that_is_refused);
	area_add(submit_many_answers_with_the_code_of_the_first);
	area_add(submit_many_of_a_null_pointer_is_refused);
	area_add(submit_many_keeps_the_order_of_a_stream);
	area_add(a_chain_of_a_million_nops_ends);
	area_add(queues_of_one_thread_do_not_mix);
	area_add(a_hundred_queues_live_side_by_side);
	area_add(sizes_are_what_the_header_says);
	return area_end();
}
