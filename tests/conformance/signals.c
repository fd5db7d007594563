/* SPDX-License-Identifier: MIT */
/*
 * The signal op: who waits gets it, nobody else, none is lost between two
 * ops, and afterwards the process is as it was.
 */
#include <stdatomic.h>

#include "harness.h"
#include "port_proc.h"

static struct pike_op signal_op(uint64_t set, struct pike_signal_info *info)
{
	struct pike_op op =
	    op_io(PIKE_SIGNAL, 0, info, info ? sizeof(*info) : 0);

	op.u.signal.set = set;
	return op;
}

static struct pike_op signal_one(int number)
{
	return signal_op(PIKE_SIGNAL_BIT(number), NULL);
}

/* ----------------------------------------------------------------- waiting */

CASE(a_signal_completes_the_op_and_says_who_sent_it)
{
	struct pike_signal_info info;

	memset(&info, 0x77, sizeof(info));
	pike_id id = submit(rig, signal_op(PIKE_SIGNAL_BIT(SIGNAL_A), &info));
	fence(rig);
	expect_pending(rig, id);
	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
	ck_assert_int_eq(info.number, SIGNAL_A);
	ck_assert_int_eq(info.pid, port_pid());
	ck_assert_int_eq(info.uid, port_uid());
}

CASE(a_signal_before_the_first_reap_completes_the_op)
{
	pike_id id = submit(rig, signal_one(SIGNAL_A));

	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
}

CASE(each_portable_signal_can_be_waited_for)
{
	const int numbers[] = {PIKE_SIGHUP, PIKE_SIGINT, PIKE_SIGQUIT,
	    PIKE_SIGUSR1, PIKE_SIGUSR2, PIKE_SIGPIPE, PIKE_SIGALRM,
	    PIKE_SIGTERM, PIKE_SIGCHLD, PIKE_SIGCONT, PIKE_SIGTSTP,
	    PIKE_SIGWINCH};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (!port_has_signal(numbers[i]))
			continue;
		pike_id id = submit(rig, signal_one(numbers[i]));
		fence(rig);
		port_raise(numbers[i]);
		expect_one(rig, id, numbers[i], 0, 0);
	}
}

CASE(one_of_a_set_completes_the_op_with_its_number)
{
	const int numbers[] = {SIGNAL_A, SIGNAL_B, SIGNAL_C};
	struct pike_signal_info info;
	uint64_t set = 0;

	for (int i = 0; i < 3; i++)
		set |= PIKE_SIGNAL_BIT(numbers[i]);
	for (int i = 0; i < 9; i++) {
		pike_id id = submit(rig, signal_op(set, &info));
		port_raise(numbers[i % 3]);
		expect_one(rig, id, numbers[i % 3], 0, 0);
		ck_assert_int_eq(info.number, numbers[i % 3]);
	}
}

/* K166: to the process or to this thread, both are the queue's. */
CASE(a_signal_to_the_thread_completes_the_op)
{
	pike_id id = submit(rig, signal_one(SIGNAL_A));

	fence(rig);
	port_raise_self(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
}

static void signal_raise_once(void *arg)
{
	(void)arg;
	port_raise(SIGNAL_A);
}

CASE(a_signal_wakes_a_reap_that_waits_without_end)
{
	for (int i = 0; i < 200; i++) {
		pike_id id = submit(rig, signal_one(SIGNAL_A));
		struct port_thread *thread =
		    port_thread_start(signal_raise_once, NULL);
		expect_one(rig, id, SIGNAL_A, 0, 0);
		port_thread_join(thread);
	}
}

static atomic_bool signal_stop;

static void signal_idle(void *arg)
{
	(void)arg;
	while (!atomic_load(&signal_stop))
		port_yield();
}

/* K166: threads that never heard of pike take none of them. */
CASE(other_threads_do_not_steal_signals)
{
	struct port_thread *threads[3];

	atomic_store(&signal_stop, false);
	for (int i = 0; i < 3; i++)
		threads[i] = port_thread_start(signal_idle, NULL);
	for (int i = 0; i < 200; i++) {
		pike_id id = submit(rig, signal_one(SIGNAL_A));
		port_raise(SIGNAL_A);
		expect_one(rig, id, SIGNAL_A, 0, 0);
	}
	atomic_store(&signal_stop, true);
	for (int i = 0; i < 3; i++)
		port_thread_join(threads[i]);
}

static int signal_sender(void *arg)
{
	int64_t *pid = arg;

	*pid = port_pid();
	port_raise_parent(SIGNAL_A);
	return 0;
}

CASE(a_signal_of_another_process_says_which)
{
	struct pike_signal_info info;
	int64_t *pid = port_shared(sizeof(*pid));

	for (int i = 0; i < 5; i++) {
		pike_id id =
		    submit(rig, signal_op(PIKE_SIGNAL_BIT(SIGNAL_A), &info));
		rig_reap(rig, 0);
		if (port_fork(signal_sender, pid) == -2)
			SKIP("no children here");
		expect_one(rig, id, SIGNAL_A, 0, 0);
		ck_assert_int_eq(info.pid, *pid);
		ck_assert_int_ne(info.pid, port_pid());
		ck_assert_int_eq(info.uid, port_uid());
	}
}

static int signal_child(void *arg)
{
	(void)arg;
	return 0;
}

CASE(the_end_of_a_child_is_a_signal_that_says_which)
{
	struct pike_signal_info info;

	if (!port_has_signal(PIKE_SIGCHLD))
		SKIP("no children here");
	pike_id id =
	    submit(rig, signal_op(PIKE_SIGNAL_BIT(PIKE_SIGCHLD), &info));
	fence(rig);
	if (port_fork(signal_child, NULL) == -2)
		SKIP("no children here");
	expect_one(rig, id, PIKE_SIGCHLD, 0, 0);
	ck_assert_int_gt(info.pid, 0);
	ck_assert_int_ne(info.pid, port_pid());
}

/* ------------------------------------------------- more than one, at once */

CASE(a_multishot_op_gives_each_that_comes)
{
	struct pike_signal_info info;
	pike_id id = submit(rig,
	    op_flags(
		signal_op(PIKE_SIGNAL_BIT(SIGNAL_A) | PIKE_SIGNAL_BIT(SIGNAL_B),
		    &info),
		PIKE_MULTISHOT));

	for (int i = 0; i < 50; i++) {
		int number = i & 1 ? SIGNAL_A : SIGNAL_B;
		port_raise(number);
		expect_one(rig, id, number, 0, PIKE_MORE);
		ck_assert_int_eq(info.number, number);
		ck_assert_int_eq(info.pid, port_pid());
	}
	fence(rig);
	expect_pending(rig, id);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	expect_error(rig, id, PIKE_ECANCELED);
}

/* The info belongs to the result that came last. */
CASE(a_multishot_op_keeps_an_info_until_the_next_reap)
{
	struct pike_signal_info info;
	struct pike_completion c;
	struct pike_op op = op_flags(
	    signal_op(
		PIKE_SIGNAL_BIT(SIGNAL_A) | PIKE_SIGNAL_BIT(SIGNAL_B), &info),
	    PIKE_MULTISHOT);
	pike_id id = pike_submit(rig->q, &op);

	ck_assert_int_gt(id, 0);
	for (int i = 0; i < 20; i++) {
		port_raise(SIGNAL_A);
		port_raise(SIGNAL_B);
		for (int k = 0; k < 2; k++) {
			ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
			ck_assert_uint_eq(c.flags, PIKE_MORE);
			ck_assert_int_eq(info.number, c.res);
		}
	}
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_eq(c.res, -PIKE_ECANCELED);
}

/* K167 */
CASE(several_of_a_kind_may_come_as_one_and_the_last_is_always_seen)
{
	for (int raises = 1; raises < 20; raises++) {
		pike_id id =
		    submit(rig, op_flags(signal_one(SIGNAL_A), PIKE_MULTISHOT));
		for (int i = 0; i < raises; i++)
			port_raise(SIGNAL_A);
		fence(rig);
		int came = 0;
		for (; arrival_of(rig, id) >= 0; came++)
			expect_one(rig, id, SIGNAL_A, 0, PIKE_MORE);
		ck_assert_int_ge(came, 1);
		ck_assert_int_le(came, raises);
		port_raise(SIGNAL_A);
		expect_one(rig, id, SIGNAL_A, 0, PIKE_MORE);
		fence(rig);
		expect_pending(rig, id);
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
		expect_error(rig, id, PIKE_ECANCELED);
	}
}

CASE(a_signal_between_two_ops_is_not_lost)
{
	pike_id id = submit(rig, signal_one(SIGNAL_A));

	for (int i = 0; i < 50; i++) {
		port_raise(SIGNAL_A);
		expect_one(rig, id, SIGNAL_A, 0, 0);
		port_raise(SIGNAL_A);
		if (i & 1)
			fence(rig);
		id = submit(rig, signal_one(SIGNAL_A));
		expect_one(rig, id, SIGNAL_A, 0, 0);
		id = submit(rig, signal_one(SIGNAL_A));
		fence(rig);
		expect_pending(rig, id);
	}
	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
}

CASE(every_op_that_waits_gets_it)
{
	struct pike_signal_info info[3];
	pike_id ids[3];

	for (unsigned i = 0; i < 3; i++)
		ids[i] =
		    submit(rig, signal_op(PIKE_SIGNAL_BIT(SIGNAL_A) |
					      PIKE_SIGNAL_BIT(port_signal(i)),
				    &info[i]));
	fence(rig);
	port_raise(SIGNAL_A);
	for (int i = 0; i < 3; i++) {
		expect_one(rig, ids[i], SIGNAL_A, 0, 0);
		ck_assert_int_eq(info[i].pid, port_pid());
	}
}

/* K168 */
CASE(every_queue_that_waits_gets_it)
{
	struct rig *rigs[4] = {rig};
	pike_id ids[4];

	for (int i = 1; i < 4; i++)
		rigs[i] = rig_new(NULL);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 4; i++) {
			ids[i] = submit(rigs[i], signal_one(SIGNAL_A));
			rig_reap(rigs[i], 0);
		}
		port_raise(SIGNAL_A);
		for (int i = 3; i >= 0; i--)
			expect_one(rigs[i], ids[i], SIGNAL_A, 0, 0);
		for (int i = 0; i < 4; i++)
			ck_assert_int_eq(rig_reap(rigs[i], 0), 0);
	}
}

CASE(a_queue_that_closes_leaves_the_others_waiting)
{
	struct rig *other = rig_new(NULL);
	pike_id id = submit(rig, signal_one(SIGNAL_A));

	submit(other, signal_one(SIGNAL_A));
	rig_reap(other, 0);
	rig_close(other);
	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
}

CASE(an_op_that_is_cancelled_leaves_the_others_waiting)
{
	pike_id a = submit(rig, signal_one(SIGNAL_A));
	pike_id b = submit(rig, signal_one(SIGNAL_A));

	fence(rig);
	ck_assert_int_eq(pike_cancel(rig->q, a), 0);
	expect_error(rig, a, PIKE_ECANCELED);
	port_raise(SIGNAL_A);
	expect_one(rig, b, SIGNAL_A, 0, 0);
}

/* ------------------------------------------------------ 1 kHz, K171 */

CASE(a_storm_of_signals_is_seen_and_ends)
{
	pike_id id = submit(
	    rig, op_flags(signal_one(port_storm_signal()), PIKE_MULTISHOT));

	port_storm(1000);
	for (int i = 0; i < 300; i++)
		expect_one(rig, id, port_storm_signal(), 0, PIKE_MORE);
	port_storm(0);
	fence(rig);
	drop_arrivals(rig);
	port_raise(port_storm_signal());
	expect_one(rig, id, port_storm_signal(), 0, PIKE_MORE);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	expect_error(rig, id, PIKE_ECANCELED);
}

CASE(a_storm_of_signals_leaves_a_stream_whole)
{
	pike_id id = submit(
	    rig, op_flags(signal_one(port_storm_signal()), PIKE_MULTISHOT));
	pike_handle h[2];
	int ticks = 0;

	rig_pair(rig, RIG_TCP, h);
	port_storm(1000);
	for (unsigned i = 0; i < 2000 || ticks < 50; i++) {
		unsigned in = 0;
		pike_id got = submit(
		    rig, op_flags(op_recv(h[1], &in, sizeof(in)), PIKE_ALL));
		pike_id sent = submit(rig, op_send(h[0], &i, sizeof(i)));
		expect_one(rig, sent, sizeof(i), 0, 0);
		expect_one(rig, got, sizeof(in), 0, 0);
		ck_assert_uint_eq(in, i);
		ticks += drop_arrivals(rig);
	}
	port_storm(0);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	reap_until(rig, id);
	drop_arrivals(rig);
}

int main(void)
{
	area_begin("signals");
	area_add(a_signal_completes_the_op_and_says_who_sent_it);
	area_add(a_signal_before_the_first_reap_completes_the_op);
	area_add(each_portable_signal_can_be_waited_for);
	area_add(one_of_a_set_completes_the_op_with_its_number);
	area_add(a_signal_to_the_thread_completes_the_op);
	area_add(a_signal_wakes_a_reap_that_waits_without_end);
	area_add(other_threads_do_not_steal_signals);
	area_add(a_signal_of_another_process_says_which);
	area_add(the_end_of_a_child_is_a_signal_that_says_which);
	area_add(a_multishot_op_gives_each_that_comes);
	area_add(a_multishot_op_keeps_an_info_until_the_next_reap);
	area_add(several_of_a_kind_may_come_as_one_and_the_last_is_always_seen);
	area_add(a_signal_between_two_ops_is_not_lost);
	area_add(every_op_that_waits_gets_it);
	area_add(every_queue_that_waits_gets_it);
	area_add(a_queue_that_closes_leaves_the_others_waiting);
	area_add(an_op_that_is_cancelled_leaves_the_others_waiting);
	area_add(a_storm_of_signals_is_seen_and_ends);
	area_add(a_storm_of_signals_leaves_a_stream_whole);
	return area_end();
}
