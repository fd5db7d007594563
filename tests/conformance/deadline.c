/* SPDX-License-Identifier: MIT */
/*
 * Deadlines: every op may carry one. Passed, it ends the op as a cancel does,
 * with -PIKE_ETIME; a result that came first wins; never early.
 */
#include "pending.h"
#include "port_proc.h"
#include "random.h"

#define SHORT_NS (2 * NS_PER_MS)
#define LONG_NS  (3600000 * NS_PER_MS)

/* -------------------------------------------------- each kind of waiting -- */

static void deadline_passes(struct rig *rig, int kind)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	int64_t begin = port_monotonic();
	pike_id id = submit(rig, op_deadline(p.op, SHORT_NS));
	expect_error(rig, id, PIKE_ETIME);
	ck_assert_int_ge(port_monotonic() - begin, SHORT_NS);
	ck_assert_int_eq(pike_cancel(rig->q, id), -PIKE_ENOENT);
	/* No second end, whatever else happens now. */
	fence(rig);
	ck_assert_int_eq(drop_arrivals(rig), 0);
	rig_close(rig);
}

/* It was satisfied in time, and only looked at afterwards. */
static void deadline_loses(struct rig *rig, int kind)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_id id = submit(rig, op_deadline(p.op, LONG_NS));
	fence(rig);
	expect_pending(rig, id);
	pending_satisfy(rig, &p);
	struct pike_completion c = wait_one(rig, id);
	pending_check(&p, &c);
	if (c.flags & PIKE_MORE) {
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
		reap_until(rig, id);
		drop_arrivals(rig);
	}
	fence(rig);
	ck_assert_int_eq(drop_arrivals(rig), 0);
	rig_close(rig);
}

/*
 * Both were due before anybody looked: one of the two, and what did not come
 * is still to be had.
 */
static void deadline_races(struct rig *rig, int kind)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	p.op.flags &= (uint16_t)~PIKE_MULTISHOT;
	pike_id id = submit(rig, op_deadline(p.op, SHORT_NS));
	int64_t end = port_monotonic() + SHORT_NS;
	fence(rig);
	if (!in_flight(rig, id)) {
		drop_arrivals(rig);
		rig_close(rig);
		return;
	}
	pending_satisfy(rig, &p);
	while (port_monotonic() <= end)
		port_yield();
	struct pike_completion c = wait_one(rig, id);
	if (c.res == -PIKE_ETIME && p.op.opcode != PIKE_SIGNAL)
		c = perform(rig, p.op);
	pending_check(&p, &c);
	rig_close(rig);
}

#define DEADLINE_CASES(kind)                                                   \
	CASE(a_deadline_ends_##kind)                                           \
	{                                                                      \
		deadline_passes(rig, PENDING_##kind);                          \
	}
#define DEADLINE_READY_CASES(kind)                                             \
	CASE(the_result_of_##kind##_wins_before_its_deadline)                  \
	{                                                                      \
		deadline_loses(rig, PENDING_##kind);                           \
	}                                                                      \
	CASE(the_deadline_of_##kind##_loses_nothing)                           \
	{                                                                      \
		deadline_races(rig, PENDING_##kind);                           \
	}

/* clang-format off */
PENDING_TIMED(DEADLINE_CASES)
PENDING_SATISFIABLE(DEADLINE_READY_CASES)
/* clang-format on */

static void deadline_add_kinds(void)
{
#define DEADLINE_ADD(kind) area_add(a_deadline_ends_##kind);
	PENDING_TIMED(DEADLINE_ADD)
#undef DEADLINE_ADD
#define DEADLINE_ADD(kind)                                                     \
	area_add(the_result_of_##kind##_wins_before_its_deadline);             \
	area_add(the_deadline_of_##kind##_loses_nothing);
	PENDING_SATISFIABLE(DEADLINE_ADD)
#undef DEADLINE_ADD
}

/* --------------------------------------------------------- what it takes -- */

CASE(a_deadline_of_one_nanosecond_lets_done_things_be_done)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	expect_op(rig, op_deadline(op_nop(), 1), 0);
	expect_op(rig, op_deadline(op_send(h, "x", 1), 1), 1);
	ck_assert_int_eq(port_write(peer, "y", 1), 1);
	port_wait_readable(pike_fd_of(rig->q, h));
	struct pike_completion c =
	    perform(rig, op_deadline(op_recv(h, &byte, 1), 1));
	if (c.res == -PIKE_ETIME)
		c = perform(rig, op_recv(h, &byte, 1));
	ck_assert_int_eq(c.res, 1);
	ck_assert_int_eq(byte, 'y');
	expect_op(rig, op_recv(h, NULL, 0), 0);
}

CASE(a_deadline_of_one_nanosecond_ends_what_waits)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 100; i++)
		expect_op(
		    rig, op_deadline(op_recv(h, &byte, 1), 1), -PIKE_ETIME);
	ck_assert_int_eq(port_write(peer, "y", 1), 1);
	expect_op(rig, op_recv(h, &byte, 1), 1);
}

/* A13 */
CASE(the_farthest_deadline_is_none)
{
	const int64_t far[] = {INT64_MAX, INT64_MAX - 1, INT64_C(1) << 60,
	    INT64_C(1) << 53, INT64_C(1) << 42};
	pike_handle h;
	pike_fd peer;
	char buf[ARRAY_LEN(far)];
	pike_id ids[ARRAY_LEN(far)];

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		ids[i] =
		    submit(rig, op_deadline(op_recv(h, &buf[i], 1), far[i]));
	expect_op(rig, op_timer(NS_PER_MS), 1);
	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		expect_pending(rig, ids[i]);
	ck_assert_int_eq(port_write(peer, "12345", 5), 5);
	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		expect_one(rig, ids[i], 1, 0, 0);
}

CASE(deadlines_where_there_can_be_none_are_refused)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_PIPE, &h, &peer);
	pike_id timer = submit(rig, op_timer(INT64_MAX));
	refuse(rig, op_deadline(op_timer(1), 1), PIKE_EINVAL);
	refuse(rig, op_deadline(op_cancel(timer), 1), PIKE_EINVAL);
	refuse(rig, op_deadline(op_close(h), 1), PIKE_EINVAL);
	refuse(rig, op_deadline(op_nop(), -1), PIKE_EINVAL);
	refuse(rig, op_deadline(op_nop(), INT64_MIN), PIKE_EINVAL);
	ck_assert_int_eq(pike_cancel(rig->q, timer), 0);
	expect_error(rig, timer, PIKE_ECANCELED);
	expect_op(rig, op_close(h), 0);
}

/* ----------------------------------------------------------- bytes first -- */

CASE(bytes_received_before_the_deadline_are_reported_with_it)
{
	pike_handle h;
	pike_fd peer;
	char buf[8] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	ck_assert_int_eq(port_write(peer, "abc", 3), 3);
	port_wait_readable(pike_fd_of(rig->q, h));
	pike_id id = submit(
	    rig, op_deadline(op_flags(op_recv(h, buf, 8), PIKE_ALL), SHORT_NS));
	struct pike_completion c = wait_one(rig, id);
	ck_assert_int_eq(c.res, 3);
	ck_assert_int_eq(c.err, PIKE_ETIME);
	ck_assert_mem_eq(buf, "abc\0\0\0\0\0", 8);
	/* A reader loses nothing by it. */
	ck_assert_int_eq(port_write(peer, "d", 1), 1);
	expect_op(rig, op_recv(h, buf, 8), 1);
}

CASE(bytes_sent_before_the_deadline_are_reported_and_end_the_direction)
{
	static char big[1 << 22], got[1 << 16];
	int64_t n, total = 0;
	pike_handle h;
	pike_fd peer;

	if (!rig_peer(rig, RIG_UNIX, &h, &peer))
		SKIP("no Unix sockets");
	struct pike_completion c = perform(
	    rig, op_deadline(op_flags(op_send(h, big, sizeof(big)), PIKE_ALL),
		     SHORT_NS));
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_lt(c.res, (int64_t)sizeof(big));
	ck_assert_int_eq(c.err, PIKE_ETIME);
	while ((n = port_read(peer, got, sizeof(got))) > 0)
		total += n;
	ck_assert_int_eq(total, c.res);
	expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
	ck_assert_int_eq(port_write(peer, "y", 1), 1);
	expect_op(rig, op_recv(h, got, 1), 1);
}

/* ------------------------------------------------------------ each alone -- */

CASE(a_deadline_in_the_middle_of_a_row_ends_only_its_own_op)
{
	pike_handle h;
	pike_fd peer;
	char buf[3] = "";

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id a = submit(rig, op_recv(h, &buf[0], 1));
	pike_id b = submit(rig, op_deadline(op_recv(h, &buf[1], 1), SHORT_NS));
	pike_id c = submit(rig, op_recv(h, &buf[2], 1));
	expect_error(rig, b, PIKE_ETIME);
	fence(rig);
	expect_pending(rig, a);
	expect_pending(rig, c);
	ck_assert_int_eq(port_write(peer, "xy", 2), 2);
	expect_one(rig, a, 1, 0, 0);
	expect_one(rig, c, 1, 0, 0);
	ck_assert_mem_eq(buf, "x\0y", 3);
}

CASE(a_deadline_behind_a_longer_one_does_not_wait_for_it)
{
	pike_handle h;
	pike_fd peer;
	char buf[2];

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id far = submit(rig, op_deadline(op_recv(h, buf, 1), LONG_NS));
	pike_id near = submit(rig, op_deadline(op_recv(h, buf, 1), SHORT_NS));
	expect_error(rig, near, PIKE_ETIME);
	expect_pending(rig, far);
	ck_assert_int_eq(pike_cancel(rig->q, far), 0);
	expect_error(rig, far, PIKE_ECANCELED);
}

CASE(a_cancelled_op_has_no_deadline_left)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 20; i++) {
		pike_id id = submit(
		    rig, op_deadline(op_recv(h, &byte, 1), NS_PER_MS / 2));
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
		expect_error(rig, id, PIKE_ECANCELED);
	}
	/* The rig would not know an ETIME that came now. */
	expect_op(rig, op_timer(2 * NS_PER_MS), 1);
	expect_op(rig, op_close(h), 0);
}

/* Its slot is used by another op when the deadline passes. */
CASE(the_deadline_of_a_finished_op_never_ends_another)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 20; i++) {
		pike_id id =
		    submit(rig, op_deadline(op_recv(h, &byte, 1), NS_PER_MS));
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		struct pike_completion c = wait_one(rig, id);
		if (c.res == -PIKE_ETIME)
			expect_op(rig, op_recv(h, &byte, 1), 1);
		id = submit(rig, op_recv(h, &byte, 1));
		expect_op(rig, op_timer(2 * NS_PER_MS), 1);
		expect_pending(rig, id);
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
		expect_error(rig, id, PIKE_ECANCELED);
	}
}

CASE(the_deadline_of_a_multishot_op_ends_it_after_its_shots)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id =
	    submit(rig, op_deadline(op_flags(op_accept(h), PIKE_MULTISHOT),
			    50 * NS_PER_MS));
	struct pike_completion c;

	for (int i = 0; i < 3; i++) {
		rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
		c = wait_one(rig, id);
		if (!(c.flags & PIKE_MORE))
			break;
		ck_assert_int_gt(c.res, 0);
	}
	while (c.flags & PIKE_MORE)
		c = wait_one(rig, id);
	ck_assert_int_eq(c.res, -PIKE_ETIME);
	/* It listens on. */
	rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	ck_assert_int_gt(perform(rig, op_accept(h)).res, 0);
}

CASE(a_connect_that_ran_out_of_time_leaves_a_handle_that_only_closes)
{
	struct pending p;

	pending_make(rig, PENDING_connect, &p);
	expect_op(rig, op_deadline(p.op, SHORT_NS), -PIKE_ETIME);
	expect_op(rig, p.op, -PIKE_EINVAL);
	expect_op(rig, op_send(p.h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_close(p.h), 0);
}

CASE(a_thousand_random_deadlines_are_each_kept_and_never_early)
{
	enum {
		OPS = 1000
	};
	static int64_t due[OPS];
	static char buf[OPS];
	struct random random;
	pike_handle h;
	pike_fd peer;

	random_begin(&random, "a_thousand_random_deadlines");
	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < OPS; i++) {
		int64_t span = 1 + random_below(&random, 20000000);
		due[i] = port_monotonic() + span;
		submit(rig, op_tagged(op_deadline(op_recv(h, &buf[i], 1), span),
				&due[i]));
	}
	for (int i = 0; i < OPS; i++) {
		struct pike_completion c = wait_any(rig);
		ck_assert_int_eq(c.res, -PIKE_ETIME);
		ck_assert_int_ge(port_monotonic(), *(int64_t *)c.user_data);
	}
}

int main(void)
{
	area_begin("deadline");
	deadline_add_kinds();
	area_add(a_deadline_of_one_nanosecond_lets_done_things_be_done);
	area_add(a_deadline_of_one_nanosecond_ends_what_waits);
	area_add(the_farthest_deadline_is_none);
	area_add(deadlines_where_there_can_be_none_are_refused);
	area_add(bytes_received_before_the_deadline_are_reported_with_it);
	area_add(
	    bytes_sent_before_the_deadline_are_reported_and_end_the_direction);
	area_add(a_deadline_in_the_middle_of_a_row_ends_only_its_own_op);
	area_add(a_deadline_behind_a_longer_one_does_not_wait_for_it);
	area_add(a_cancelled_op_has_no_deadline_left);
	area_add(the_deadline_of_a_finished_op_never_ends_another);
	area_add(the_deadline_of_a_multishot_op_ends_it_after_its_shots);
	area_add(
	    a_connect_that_ran_out_of_time_leaves_a_handle_that_only_closes);
	area_add(a_thousand_random_deadlines_are_each_kept_and_never_early);
	return area_end();
}
