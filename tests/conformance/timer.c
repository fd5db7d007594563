/* SPDX-License-Identifier: MIT */
/*
 * Timers: never early, in the order of their times, and neither they nor I/O
 * starve each other. There are no upper bounds on lateness here: the machine
 * may be slow.
 */
#include <stdlib.h>

#include "harness.h"
#include "port_proc.h"
#include "random.h"

static struct pike_op timer_at(int64_t due_ns, unsigned how)
{
	return op_how(op_timer(due_ns), how);
}

static struct pike_op timer_every(int64_t due_ns, int64_t period_ns)
{
	struct pike_op op = op_flags(op_timer(due_ns), PIKE_MULTISHOT);

	op.u.timer.period_ns = period_ns;
	return op;
}

static void timer_cancel(struct rig *rig, pike_id id)
{
	struct pike_completion c;

	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	do
		c = wait_one(rig, id);
	while (c.flags & PIKE_MORE);
	ck_assert_int_eq(c.res, -PIKE_ECANCELED);
}

static const int64_t timer_spans[] = {1, 999, 1000, 100000, 900000, 999999,
    1000000, 1000001, 1900000, 5000000, 12345678};

/* A11 */
CASE(a_relative_timer_is_never_early)
{
	for (size_t i = 0; i < ARRAY_LEN(timer_spans); i++) {
		int64_t begin = port_monotonic();
		expect_op(rig, op_timer(timer_spans[i]), 1);
		ck_assert_int_ge(port_monotonic() - begin, timer_spans[i]);
	}
}

CASE(an_absolute_timer_is_never_early)
{
	for (size_t i = 0; i < ARRAY_LEN(timer_spans); i++) {
		int64_t due = port_monotonic() + timer_spans[i];
		expect_op(rig, timer_at(due, PIKE_TIMER_ABSOLUTE), 1);
		ck_assert_int_ge(port_monotonic(), due);
	}
}

CASE(a_wall_clock_timer_is_never_early)
{
	const unsigned how = PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME;

	for (size_t i = 0; i < ARRAY_LEN(timer_spans); i++) {
		int64_t due = port_wall() + timer_spans[i];
		expect_op(rig, timer_at(due, how), 1);
		ck_assert_int_ge(port_wall(), due);
	}
}

CASE(a_relative_wall_clock_timer_is_never_early)
{
	for (size_t i = 0; i < ARRAY_LEN(timer_spans); i++) {
		int64_t due = port_wall() + timer_spans[i];
		expect_op(
		    rig, timer_at(timer_spans[i], PIKE_TIMER_REALTIME), 1);
		ck_assert_int_ge(port_wall(), due);
	}
}

/* The wall clock's numbers are far from the other's: neither is taken for it.
 */
CASE(the_two_clocks_are_not_mixed_up)
{
	const unsigned wall = PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME;
	const int64_t hour = 3600000 * NS_PER_MS;
	pike_id a = submit(rig, timer_at(port_wall() + hour, wall));
	pike_id b =
	    submit(rig, timer_at(port_monotonic() + hour, PIKE_TIMER_ABSOLUTE));
	/* By the wall clock this has been over for long. */
	pike_id c = submit(rig, timer_at(port_monotonic() + hour, wall));

	expect_one(rig, c, 1, 0, 0);
	fence(rig);
	expect_pending(rig, a);
	expect_pending(rig, b);
	timer_cancel(rig, a);
	timer_cancel(rig, b);
}

/* J159: not inside submit, but at the next reap. */
CASE(what_is_due_already_completes_at_the_next_reap)
{
	const struct pike_op ops[] = {
	    op_timer(0),
	    timer_at(0, PIKE_TIMER_ABSOLUTE),
	    timer_at(1, PIKE_TIMER_ABSOLUTE),
	    timer_at(port_monotonic(), PIKE_TIMER_ABSOLUTE),
	    timer_at(0, PIKE_TIMER_REALTIME),
	    timer_at(0, PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME),
	    timer_at(port_wall(), PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME),
	};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		pike_id id = submit(rig, ops[i]);
		expect_pending(rig, id);
		ck_assert_int_eq(rig_reap(rig, 0), 1);
		expect_one(rig, id, 1, 0, 0);
	}
}

CASE(a_chain_of_zero_timers_is_no_recursion)
{
	for (unsigned i = 0; i < 100000 / port_fewer(); i++) {
		struct pike_op op = op_timer(0);
		struct pike_completion c;
		check_often(pike_submit(rig->q, &op) > 0);
		check_often(pike_reap(rig->q, &c, 1, -1) == 1);
		check_often(c.res == 1);
	}
}

/* J160 */
CASE(negative_times_are_refused)
{
	const int64_t bad[] = {-1, -NS_PER_MS, INT64_MIN};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		refuse(rig, op_timer(bad[i]), PIKE_EINVAL);
		refuse(rig, timer_at(bad[i], PIKE_TIMER_ABSOLUTE), PIKE_EINVAL);
		refuse(rig, timer_at(bad[i], PIKE_TIMER_REALTIME), PIKE_EINVAL);
		refuse(rig, timer_every(1, bad[i]), PIKE_EINVAL);
	}
	refuse(rig, timer_every(1, 0), PIKE_EINVAL);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

/* A13, J160: beyond the clock's range is as long as it can show. */
CASE(the_farthest_times_wait_and_disturb_no_other)
{
	const int64_t far[] = {INT64_MAX, INT64_MAX - 1, INT64_C(1) << 62,
	    INT64_C(1) << 60, INT64_C(1) << 53, INT64_C(1) << 42};
	const unsigned how[] = {0, PIKE_TIMER_ABSOLUTE, PIKE_TIMER_REALTIME,
	    PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME};
	pike_id ids[ARRAY_LEN(far) * ARRAY_LEN(how)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		for (size_t k = 0; k < ARRAY_LEN(how); k++)
			if (how[k] == 0 || far[i] > INT64_C(1) << 61)
				ids[n++] =
				    submit(rig, timer_at(far[i], how[k]));
	ids[n++] = submit(rig, timer_every(INT64_MAX, INT64_MAX));
	int64_t begin = port_monotonic();
	expect_op(rig, op_timer(10 * NS_PER_MS), 1);
	ck_assert_int_ge(port_monotonic() - begin, 10 * NS_PER_MS);
	for (size_t i = 0; i < n; i++)
		expect_pending(rig, ids[i]);
	for (size_t i = 0; i < n; i++)
		timer_cancel(rig, ids[i]);
}

/* J165 */
CASE(equal_times_complete_in_the_order_of_submission)
{
	enum {
		TIMERS = 1000
	};
	static pike_id ids[TIMERS];
	int64_t due = port_monotonic() + 2 * NS_PER_MS;

	for (int i = 0; i < TIMERS; i++)
		ids[i] = submit(rig, timer_at(due, PIKE_TIMER_ABSOLUTE));
	for (int i = 0; i < TIMERS; i++)
		ck_assert_int_eq(wait_any(rig).id, ids[i]);
}

CASE(ten_thousand_due_at_once_all_complete_in_order)
{
	enum {
		TIMERS = 10000
	};
	static pike_id ids[TIMERS];
	int64_t due = port_monotonic() + 5 * NS_PER_MS;

	for (int i = 0; i < TIMERS; i++)
		ids[i] = submit(rig, timer_at(due, PIKE_TIMER_ABSOLUTE));
	for (int i = 0; i < TIMERS; i++) {
		struct pike_completion c = wait_any(rig);
		ck_assert_int_eq(c.id, ids[i]);
		ck_assert_int_eq(c.res, 1);
	}
	ck_assert_int_ge(port_monotonic(), due);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

/* An earlier time before a later, however they were submitted, some of them
 * cancelled: the heap against the order itself. */
CASE(random_times_complete_in_their_order)
{
	enum {
		TIMERS = 5000
	};
	static int64_t due[TIMERS];
	static pike_id ids[TIMERS];
	struct random random;
	int64_t begin = port_monotonic(), last = 0;
	int left = TIMERS;

	random_begin(&random, "random_times");
	for (int i = 0; i < TIMERS; i++) {
		due[i] = begin + random_below(&random, 5000) * 1000;
		ids[i] = submit(rig,
		    op_tagged(timer_at(due[i], PIKE_TIMER_ABSOLUTE), &due[i]));
	}
	for (int i = 0; i < TIMERS; i += 3)
		if (pike_cancel(rig->q, ids[i]) == 0)
			left--;
	while (left > 0) {
		struct pike_completion c = wait_any(rig);
		if (c.res == -PIKE_ECANCELED)
			continue;
		int64_t at = *(int64_t *)c.user_data;
		ck_assert_int_le(at, port_monotonic());
		ck_assert_int_ge(at, last);
		last = at;
		left--;
	}
	while (rig->in_flight)
		rig_reap(rig, -1);
	drop_arrivals(rig);
}

CASE(a_nearer_timer_overtakes_one_that_is_waited_for)
{
	pike_id far = submit(rig, op_timer(3600000 * NS_PER_MS));

	ck_assert_int_eq(rig_reap(rig, NS_PER_MS), 0);
	pike_id near = submit(rig, op_timer(NS_PER_MS));
	expect_one(rig, near, 1, 0, 0);
	timer_cancel(rig, far);
}

/* J164 */
CASE(a_timer_cancelled_in_the_batch_in_which_it_expired_ends_once)
{
	for (int i = 0; i < 1000; i++) {
		struct pike_completion c;
		struct pike_op op = timer_at(1, PIKE_TIMER_ABSOLUTE);
		pike_id a = pike_submit(rig->q, &op);
		pike_id b = pike_submit(rig->q, &op);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.id, a);
		int r = pike_cancel(rig->q, b);
		ck_assert(r == 0 || r == -PIKE_ENOENT);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.id, b);
		ck_assert(c.res == 1 || (r == 0 && c.res == -PIKE_ECANCELED));
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	}
}

/* ------------------------------------------------------------- repeating -- */

/* k periods after the first at the earliest, whatever was late before. */
CASE(a_repeating_timer_is_never_early_and_does_not_drift)
{
	const int64_t period = 500000;
	int64_t begin = port_monotonic();
	pike_id id = submit(rig, timer_every(NS_PER_MS, period));
	int64_t times = 0;

	while (times < 40) {
		struct pike_completion c = wait_one(rig, id);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
		ck_assert_int_ge(c.res, 1);
		times += c.res;
		int64_t least = NS_PER_MS + (times - 1) * period;
		ck_assert_int_ge(port_monotonic() - begin, least);
	}
	timer_cancel(rig, id);
}

/* Nobody reaped for a while: one result says how often it was due. */
CASE(a_repeating_timer_counts_what_was_missed)
{
	const int64_t period = 200000;
	int64_t begin = port_monotonic();
	pike_id id = submit(rig, timer_every(period, period));
	int64_t begun = port_monotonic(), times = 0;

	while (port_monotonic() - begun < 100 * period)
		port_yield();
	int64_t least = (port_monotonic() - begun) / period;
	do
		times += wait_one(rig, id).res;
	while (rig_reap(rig, 0) > 0 && times < least);
	int64_t most = (port_monotonic() - begin) / period;
	ck_assert_int_ge(times, least);
	ck_assert_int_le(times, most);
	timer_cancel(rig, id);
}

CASE(a_repeating_timer_may_begin_at_once_or_at_a_time)
{
	pike_id now = submit(rig, timer_every(0, 3600000 * NS_PER_MS));
	struct pike_op op =
	    timer_every(port_monotonic() + NS_PER_MS, 3600000 * NS_PER_MS);
	op.op_flags = PIKE_TIMER_ABSOLUTE;
	pike_id then = submit(rig, op);

	expect_one(rig, now, 1, 0, PIKE_MORE);
	expect_one(rig, then, 1, 0, PIKE_MORE);
	fence(rig);
	expect_pending(rig, now);
	expect_pending(rig, then);
	timer_cancel(rig, now);
	timer_cancel(rig, then);
}

/* A start far back: it was due very often, and is not counted one by one. */
CASE(a_repeating_timer_from_long_ago_catches_up_at_once)
{
	struct pike_op op = timer_every(1, 1);

	op.op_flags = PIKE_TIMER_ABSOLUTE;
	pike_id id = submit(rig, op);
	int64_t before = port_monotonic();
	struct pike_completion c = wait_one(rig, id);
	ck_assert_int_ge(c.res, before - 1);
	ck_assert_int_le(c.res, port_monotonic());
	timer_cancel(rig, id);
}

/* -------------------------------------------------------------- fairness -- */

/* J163: each reap looks at the clock, however much else there is. */
CASE(a_storm_of_nops_does_not_starve_a_timer)
{
	enum {
		NOPS = 64
	};
	struct pike_completion done[4 * NOPS];
	struct pike_op nop = op_nop();

	for (int i = 0; i < NOPS; i++)
		ck_assert_int_gt(pike_submit(rig->q, &nop), 0);
	for (int round = 0; round < 20; round++) {
		struct pike_op op = op_timer(NS_PER_MS);
		pike_id id = pike_submit(rig->q, &op);
		int64_t due = port_monotonic() + NS_PER_MS;
		for (int late = 0; id > 0;) {
			late += port_monotonic() > due;
			int n = pike_reap(rig->q, done, 4 * NOPS, -1);
			ck_assert_int_gt(n, 0);
			for (int i = 0; i < n; i++)
				if (done[i].id == id)
					id = 0;
				else
					pike_submit(rig->q, &nop);
			/* One reap after its time has it. */
			ck_assert(id == 0 || late <= 2);
		}
	}
	int left = NOPS;
	while (left > 0)
		left -= pike_reap(rig->q, done, 4 * NOPS, -1);
}

CASE(a_storm_of_timers_does_not_starve_io)
{
	enum {
		TIMERS = 64
	};
	struct pike_completion done[4 * TIMERS];
	struct pike_op timer = op_timer(0);
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < TIMERS; i++)
		ck_assert_int_gt(pike_submit(rig->q, &timer), 0);
	for (int round = 0; round < 100; round++) {
		struct pike_op op = op_recv(h, &byte, 1);
		pike_id id = pike_submit(rig->q, &op);
		ck_assert_int_gt(pike_reap(rig->q, done, 1, 0), 0);
		pike_submit(rig->q, &timer);
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		/* It has arrived; the system may have taken it already. */
		port_settle(peer);
		for (int reaps = 0; id > 0; reaps++) {
			ck_assert_int_lt(reaps, 1000);
			int n = pike_reap(rig->q, done, 4 * TIMERS, -1);
			for (int i = 0; i < n; i++)
				if (done[i].id == id)
					id = 0;
				else
					pike_submit(rig->q, &timer);
		}
	}
	int left = TIMERS;
	while (left > 0)
		left -= pike_reap(rig->q, done, 4 * TIMERS, -1);
}

/* I/O that never pauses: a stream that the queue feeds to itself. */
CASE(a_storm_of_io_does_not_starve_a_timer)
{
	struct pike_completion done[64];
	pike_handle h[2];
	char byte;

	rig_pair(rig, RIG_TCP, h);
	struct pike_op in = op_recv(h[0], &byte, 1);
	struct pike_op out = op_send(h[1], "x", 1);
	in.user_data = &byte;
	pike_submit(rig->q, &in);
	pike_submit(rig->q, &out);
	int open = 2;
	for (int round = 0; round < 10; round++) {
		struct pike_op op = op_timer(NS_PER_MS);
		pike_id id = pike_submit(rig->q, &op);
		int64_t due = port_monotonic() + NS_PER_MS;
		for (int late = 0; id > 0;) {
			late += port_monotonic() > due;
			int n = pike_reap(rig->q, done, 64, -1);
			for (int i = 0; i < n; i++) {
				bool more = round < 9;
				if (done[i].id == id)
					id = 0;
				else if (more)
					pike_submit(rig->q,
					    done[i].user_data ? &in : &out);
				else
					open--;
			}
			ck_assert(id == 0 || late <= 2);
		}
	}
	pike_cancel_handle(rig->q, h[0]);
	while (open > 0)
		open -= pike_reap(rig->q, done, 64, -1);
}

int main(void)
{
	area_begin("timer");
	area_add(a_relative_timer_is_never_early);
	area_add(an_absolute_timer_is_never_early);
	area_add(a_wall_clock_timer_is_never_early);
	area_add(a_relative_wall_clock_timer_is_never_early);
	area_add(the_two_clocks_are_not_mixed_up);
	area_add(what_is_due_already_completes_at_the_next_reap);
	area_add(a_chain_of_zero_timers_is_no_recursion);
	area_add(negative_times_are_refused);
	area_add(the_farthest_times_wait_and_disturb_no_other);
	area_add(equal_times_complete_in_the_order_of_submission);
	area_add(ten_thousand_due_at_once_all_complete_in_order);
	area_add(random_times_complete_in_their_order);
	area_add(a_nearer_timer_overtakes_one_that_is_waited_for);
	area_add(a_timer_cancelled_in_the_batch_in_which_it_expired_ends_once);
	area_add(a_repeating_timer_is_never_early_and_does_not_drift);
	area_add(a_repeating_timer_counts_what_was_missed);
	area_add(a_repeating_timer_may_begin_at_once_or_at_a_time);
	area_add(a_repeating_timer_from_long_ago_catches_up_at_once);
	area_add(a_storm_of_nops_does_not_starve_a_timer);
	area_add(a_storm_of_timers_does_not_starve_io);
	area_add(a_storm_of_io_does_not_starve_a_timer);
	return area_end();
}
