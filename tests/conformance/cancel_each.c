/* SPDX-License-Identifier: MIT */
/* Each kind of op that can wait, cancelled in each state that it can be in. */
#include "pending.h"

/* Not yet seen by a reap; waiting in the system. M179. */
static void cancel_waiting(struct rig *rig, int kind, bool parked)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_id id = submit(rig, p.op);
	if (parked) {
		fence(rig);
		expect_pending(rig, id);
	}
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	int again = pike_cancel(rig->q, id);
	ck_assert(again == -PIKE_EALREADY || again == -PIKE_ENOENT);
	expect_error(rig, id, PIKE_ECANCELED);
	ck_assert_int_eq(pike_cancel(rig->q, id), -PIKE_ENOENT);
	rig_close(rig);
}

/*
 * What it waits for has happened, and nobody has looked: its true result or
 * a cancel, never both; what was cancelled has taken nothing, so that the
 * same op again has the result.
 */
static void cancel_ready(struct rig *rig, int kind, bool parked)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_id id = submit(rig, p.op);
	if (parked)
		fence(rig);
	pending_satisfy(rig, &p);
	int r = pike_cancel(rig->q, id);
	ck_assert(r == 0 || r == -PIKE_ENOENT);
	struct pike_completion c = wait_one(rig, id);
	bool got = c.res >= 0;
	while (c.flags & PIKE_MORE)
		c = wait_one(rig, id);
	if (r == -PIKE_ENOENT)
		ck_assert_int_ge(c.res, 0);
	if (c.res < 0)
		ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	if (!got) {
		/* What has come has come; it is not the system's to keep. */
		ck_assert_int_ne(p.op.opcode, PIKE_SIGNAL);
		p.op.flags &= (uint16_t)~PIKE_MULTISHOT;
		c = perform(rig, p.op);
		pending_check(&p, &c);
	}
	rig_close(rig);
}

/* Finished and not reaped: too late, whoever asks. */
static void cancel_done(struct rig *rig, int kind)
{
	struct pending p;
	struct pike_completion c;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	p.op.flags &= (uint16_t)~PIKE_MULTISHOT;
	pike_id id = pike_submit(rig->q, &p.op);
	ck_assert_int_gt(id, 0);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	pending_satisfy(rig, &p);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_eq(c.id, id);
	pending_check(&p, &c);
	/* M180: another op may have its slot by now. */
	struct pike_op timer = op_timer(INT64_MAX);
	pike_id next = pike_submit(rig->q, &timer);
	ck_assert_int_gt(next, 0);
	ck_assert_int_eq(pike_cancel(rig->q, id), -PIKE_ENOENT);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	ck_assert_int_eq(pike_cancel(rig->q, next), 0);
	rig_close(rig);
}

/* The op comes to an end before the op that cancels it. C52. */
static void cancel_by_op(struct rig *rig, int kind)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_id id = submit(rig, p.op);
	fence(rig);
	pike_id by = submit(rig, op_cancel(id));
	reap_until(rig, by);
	ck_assert_int_ge(arrival_of(rig, id), 0);
	ck_assert_int_lt(arrival_of(rig, id), arrival_of(rig, by));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, by, 0, 0, 0);
	rig_close(rig);
}

static void cancel_by_handle(struct rig *rig, int kind, bool as_op)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_id id = submit(rig, p.op);
	int pending = kind == PENDING_shutdown ? 2 : 1;
	fence(rig);
	if (as_op) {
		struct pike_op op = op_cancel(0);
		op.handle = p.h;
		pike_id by = submit(rig, op);
		reap_until(rig, by);
		ck_assert_int_lt(arrival_of(rig, id), arrival_of(rig, by));
		expect_one(rig, by, pending, 0, 0);
	} else {
		ck_assert_int_eq(pike_cancel_handle(rig->q, p.h), pending);
	}
	expect_error(rig, id, PIKE_ECANCELED);
	drop_arrivals(rig);
	ck_assert_int_eq(pike_cancel_handle(rig->q, p.h), 0);
	rig_close(rig);
}

#define CANCEL_CASES(kind)                                                     \
	CASE(cancel_of_a_new_##kind)                                           \
	{                                                                      \
		cancel_waiting(rig, PENDING_##kind, false);                    \
	}                                                                      \
	CASE(cancel_of_a_waiting_##kind)                                       \
	{                                                                      \
		cancel_waiting(rig, PENDING_##kind, true);                     \
	}                                                                      \
	CASE(cancel_op_comes_after_its_##kind)                                 \
	{                                                                      \
		cancel_by_op(rig, PENDING_##kind);                             \
	}
#define CANCEL_READY_CASES(kind)                                               \
	CASE(cancel_of_a_new_##kind##_that_is_ready)                           \
	{                                                                      \
		cancel_ready(rig, PENDING_##kind, false);                      \
	}                                                                      \
	CASE(cancel_of_a_waiting_##kind##_that_is_ready)                       \
	{                                                                      \
		cancel_ready(rig, PENDING_##kind, true);                       \
	}                                                                      \
	CASE(cancel_of_a_finished_##kind)                                      \
	{                                                                      \
		cancel_done(rig, PENDING_##kind);                              \
	}
#define CANCEL_HANDLE_CASES(kind)                                              \
	CASE(cancel_handle_ends_##kind)                                        \
	{                                                                      \
		cancel_by_handle(rig, PENDING_##kind, false);                  \
	}                                                                      \
	CASE(cancel_op_of_a_handle_ends_##kind)                                \
	{                                                                      \
		cancel_by_handle(rig, PENDING_##kind, true);                   \
	}

/* clang-format off */
PENDING_KINDS(CANCEL_CASES)
PENDING_SATISFIABLE(CANCEL_READY_CASES)
PENDING_ON_HANDLE(CANCEL_HANDLE_CASES)
/* clang-format on */

static void cancel_add_kinds(void)
{
#define CANCEL_ADD(kind)                                                       \
	area_add(cancel_of_a_new_##kind);                                      \
	area_add(cancel_of_a_waiting_##kind);                                  \
	area_add(cancel_op_comes_after_its_##kind);
	PENDING_KINDS(CANCEL_ADD)
#undef CANCEL_ADD
#define CANCEL_ADD(kind)                                                       \
	area_add(cancel_of_a_new_##kind##_that_is_ready);                      \
	area_add(cancel_of_a_waiting_##kind##_that_is_ready);                  \
	area_add(cancel_of_a_finished_##kind);
	PENDING_SATISFIABLE(CANCEL_ADD)
#undef CANCEL_ADD
#define CANCEL_ADD(kind)                                                       \
	area_add(cancel_handle_ends_##kind);                                   \
	area_add(cancel_op_of_a_handle_ends_##kind);
	PENDING_ON_HANDLE(CANCEL_ADD)
#undef CANCEL_ADD
}

int main(void)
{
	area_begin("cancel_each");
	cancel_add_kinds();
	return area_end();
}
