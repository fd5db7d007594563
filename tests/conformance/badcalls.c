/* SPDX-License-Identifier: MIT */
/*
 * Calls with bad arguments: null and closed queues, null pointers, times and
 * counts that cannot be. A code each, and nothing happens.
 */
#include "harness.h"
#include "port_proc.h"

/* Every call on a queue that there is not. */
static void call_all(struct pike_queue *q)
{
	struct pike_op op = op_nop();
	struct pike_completion c;
	pike_id id = -77;

	ck_assert_int_eq(pike_submit(q, &op), -PIKE_EBADF);
	ck_assert_int_eq(pike_submit(q, NULL), -PIKE_EBADF);
	ck_assert_int_eq(pike_submit_many(q, &op, 1, &id), -PIKE_EBADF);
	ck_assert_int_eq(pike_reap(q, &c, 1, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_reap(q, &c, 1, -1), -PIKE_EBADF);
	ck_assert_int_eq(pike_cancel(q, 1), -PIKE_EBADF);
	ck_assert_int_eq(pike_cancel_handle(q, 1), -PIKE_EBADF);
	ck_assert_int_eq(pike_adopt(q, 0, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_release(q, 1), -PIKE_EBADF);
	ck_assert_int_eq(pike_fd_of(q, 1), -PIKE_EBADF);
	ck_assert_int_eq(pike_post(q, NULL, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_wake(q), -PIKE_EBADF);
	ck_assert_int_eq(pike_pollable(q), -PIKE_EBADF);
	ck_assert_int_eq(pike_route(q, PIKE_NOP), -PIKE_EBADF);
	ck_assert_int_eq(pike_group_open(q, 1, 8, NULL), -PIKE_EBADF);
	ck_assert_ptr_null(pike_group_buffer(q, 1, 0));
	ck_assert_int_eq(pike_group_return(q, 1, 0), -PIKE_EBADF);
	ck_assert_int_eq(pike_group_close(q, 1), -PIKE_EBADF);
	ck_assert_ptr_null(pike_backend_name(q));
	pike_queue_close(q);
}

CASE(a_null_queue_is_ebadf)
{
	call_all(NULL);
	call_all(NULL);
	expect_op(rig, op_nop(), 0);
}

CASE(a_closed_queue_is_ebadf_in_every_call)
{
	struct pike_queue *q = rig->q;

	submit(rig, op_timer(INT64_MAX));
	rig_close(rig);
	call_all(q);
	call_all(q);
	char text[64];
	ck_assert_int_eq(
	    pike_backend_report(q, text, sizeof(text)), -PIKE_EBADF);
}

CASE(a_closed_queue_is_known_until_64_later_ones_were_closed)
{
	struct pike_queue *old = rig->q;
	struct pike_params params = {0};

	rig_close(rig);
	rig_params(&params);
	for (int i = 0; i < 63; i++) {
		struct pike_queue *q;
		ck_assert_int_eq(pike_queue_open(&q, &params), 0);
		ck_assert_ptr_ne(q, old);
		struct pike_op op = op_nop();
		ck_assert_int_gt(pike_submit(q, &op), 0);
		pike_queue_close(q);
		call_all(old);
	}
	call_all(old);
}

/* More than are remembered as closed: nothing piles up, nothing breaks. */
CASE(more_queues_than_are_remembered_open_and_close)
{
	struct pike_params params = {0};
	struct pike_queue *q[100];

	rig_params(&params);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 100; i++)
			ck_assert_int_eq(pike_queue_open(&q[i], &params), 0);
		for (int i = 0; i < 100; i++)
			pike_queue_close(q[i]);
		call_all(q[99]);
		call_all(q[60]);
	}
	expect_op(rig, op_nop(), 0);
}

CASE(a_null_op_is_refused)
{
	ck_assert_int_eq(pike_submit(rig->q, NULL), -PIKE_EINVAL);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

CASE(bad_reaps_are_refused_and_lose_nothing)
{
	struct pike_completion c;
	pike_id id = submit(rig, op_nop());
	struct pike_queue *q = rig->q;

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pike_reap(q, NULL, 1, 0), -PIKE_EINVAL);
		ck_assert_int_eq(pike_reap(q, NULL, 1, -1), -PIKE_EINVAL);
		ck_assert_int_eq(pike_reap(q, &c, 0, 0), -PIKE_EINVAL);
		ck_assert_int_eq(pike_reap(q, &c, 0, -1), -PIKE_EINVAL);
		ck_assert_int_eq(pike_reap(q, &c, 1, -2), -PIKE_EINVAL);
		ck_assert_int_eq(pike_reap(q, &c, 1, INT64_MIN), -PIKE_EINVAL);
		ck_assert_int_eq(pike_reap(q, NULL, 0, -2), -PIKE_EINVAL);
	}
	expect_one(rig, id, 0, 0, 0);
}

CASE(a_bad_open_gives_a_code_and_a_null_queue)
{
	struct pike_queue *const marker = (struct pike_queue *)&marker;
	struct pike_queue *q;
	struct pike_params params[8];

	memset(params, 0, sizeof(params));
	for (size_t i = 0; i < ARRAY_LEN(params); i++)
		rig_params(&params[i]);
	params[0].backend = "no such backend";
	params[1].backend = "";
	params[2].flags = 1;
	params[3].flags = UINT32_MAX;
	params[4].features_off = PIKE_FEATURES_ALL + 1;
	params[5].features_off = UINT32_MAX;
	params[6].reserved32 = 1;
	params[7].reserved[3] = UINT64_C(1) << 63;
	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		q = marker;
		int r = pike_queue_open(&q, &params[i]);
		if (r != -PIKE_EINVAL)
			ck_abort_msg("params %d: %d", (int)i, r);
		ck_assert_ptr_null(q);
		ck_assert_int_eq(
		    pike_queue_open(NULL, &params[i]), -PIKE_EINVAL);
	}
	ck_assert_int_eq(pike_queue_open(NULL, NULL), -PIKE_EINVAL);
	expect_op(rig, op_nop(), 0);
}

/* P200: at each descriptor that an open needs. */
CASE(an_open_without_a_descriptor_left_is_an_error_and_leaks_none)
{
	struct pike_params params = {0};
	int opened = 0;

	expect_op(rig, op_nop(), 0);
	rig_params(&params);
	for (int spare = 0; spare < 12; spare++) {
		struct pike_queue *q = (struct pike_queue *)&params;
		port_limit_files(spare);
		int before = port_open_count();
		int r = pike_queue_open(&q, &params);
		if (r < 0) {
			ck_assert_int_eq(r, -PIKE_EMFILE);
			ck_assert_ptr_null(q);
		} else {
			opened++;
			pike_queue_close(q);
		}
		ck_assert_int_eq(port_open_count(), before);
		port_limit_files(-1);
	}
	ck_assert_int_gt(opened, 0);
}

CASE(names_of_what_is_unknown_are_question_marks)
{
	const int64_t codes[] = {8, -8, 4096, INT64_MAX, INT64_MIN, -INT64_MAX,
	    INT64_C(1) << 32, (INT64_C(1) << 32) + 1};
	const int opcodes[] = {0, -1, PIKE_OPCODES, INT32_MAX, INT32_MIN};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		ck_assert_str_eq(pike_error_name(codes[i]), "?");
		ck_assert_ptr_nonnull(pike_error_text(codes[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++)
		ck_assert_str_eq(pike_opcode_name(opcodes[i]), "?");
	for (int opcode = PIKE_NOP; opcode < PIKE_OPCODES; opcode++) {
		ck_assert_str_ne(pike_opcode_name(opcode), "?");
		ck_assert_int_ge(pike_route(rig->q, opcode), 0);
		ck_assert_int_le(
		    pike_route(rig->q, opcode), PIKE_ROUTE_THREADED);
	}
	ck_assert_ptr_null(pike_backend_at(1000));
	ck_assert_ptr_null(pike_backend_at(UINT32_MAX));
}

/* P211: the same integer on every system. */
CASE(error_names_are_of_either_sign)
{
	ck_assert_str_eq(pike_error_name(PIKE_ECANCELED), "PIKE_ECANCELED");
	ck_assert_str_eq(pike_error_name(-PIKE_ECANCELED), "PIKE_ECANCELED");
	ck_assert_int_eq(PIKE_ECANCELED, 125);
	ck_assert_int_eq(PIKE_ETIME, 62);
#define BADCALLS_ERROR(name, number, text)                                     \
	ck_assert_str_eq(pike_error_name(number), "PIKE_" #name);              \
	ck_assert_str_eq(pike_error_name(-(number)), "PIKE_" #name);           \
	ck_assert_str_eq(pike_error_text(-(number)), text);
	PIKE_ERRORS(BADCALLS_ERROR)
#undef BADCALLS_ERROR
	expect_op(rig, op_nop(), 0);
}

CASE(a_report_is_cut_to_the_room_and_ends)
{
	char all[2048], text[2048];

	ck_assert_int_eq(pike_backend_report(rig->q, NULL, 10), -PIKE_EINVAL);
	int len = pike_backend_report(rig->q, all, sizeof(all));
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq((int)strlen(all), len);
	ck_assert_ptr_nonnull(strstr(all, rig->backend));
	ck_assert_int_eq(pike_backend_report(rig->q, NULL, 0), len);
	for (int size = 1; size < len + 2; size++) {
		memset(text, 0x77, sizeof(text));
		ck_assert_int_eq(
		    pike_backend_report(rig->q, text, (size_t)size), len);
		int fits = size - 1 < len ? size - 1 : len;
		ck_assert_int_eq(text[fits], 0);
		ck_assert_mem_eq(text, all, (size_t)fits);
		ck_assert_int_eq(text[size], 0x77);
	}
	ck_assert_int_gt(pike_backend_report(NULL, all, sizeof(all)), 0);
}

int main(void)
{
	area_begin("badcalls");
	area_add(a_null_queue_is_ebadf);
	area_add(a_closed_queue_is_ebadf_in_every_call);
	area_add(a_closed_queue_is_known_until_64_later_ones_were_closed);
	area_add(more_queues_than_are_remembered_open_and_close);
	area_add(a_null_op_is_refused);
	area_add(bad_reaps_are_refused_and_lose_nothing);
	area_add(a_bad_open_gives_a_code_and_a_null_queue);
	area_add(an_open_without_a_descriptor_left_is_an_error_and_leaks_none);
	area_add(names_of_what_is_unknown_are_question_marks);
	area_add(error_names_are_of_either_sign);
	area_add(a_report_is_cut_to_the_room_and_ends);
	return area_end();
}
