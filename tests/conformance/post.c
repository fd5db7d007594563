/* SPDX-License-Identifier: MIT */
/*
 * pike_post and pike_wake, the two calls that any thread and any signal
 * handler may make: nothing posted is lost or comes twice, each poster's come
 * in its order, no wake is missed and none rings twice.
 */
#include <errno.h>

#include "harness.h"
#include "port_proc.h"

/* ------------------------------------------------------------ one thread -- */

CASE(a_post_arrives_as_it_was_given)
{
	const int64_t values[] = {
	    0, 1, -1, -PIKE_EAGAIN, 1234567890123, INT64_MAX, INT64_MIN};
	struct pike_completion c;

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		memset(&c, 0x77, sizeof(c));
		ck_assert_int_eq(
		    pike_post(rig->q, (void *)&values[i], values[i]), 0);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_ptr_eq(c.user_data, &values[i]);
		ck_assert_int_eq(c.id, 0);
		ck_assert_int_eq(c.res, values[i]);
		ck_assert_int_eq(c.os_error, 0);
		ck_assert_uint_eq(c.flags, PIKE_POSTED);
		ck_assert_uint_eq(c.buffer, 0);
	}
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
}

CASE(posts_of_one_thread_come_in_order_in_batches_of_any_size)
{
	struct pike_completion done[16];
	int64_t next = 0;

	for (int64_t i = 0; i < 1000; i++)
		ck_assert_int_eq(pike_post(rig->q, NULL, i), 0);
	for (unsigned max = 1; next < 1000; max = max % 16 + 1) {
		int n = pike_reap(rig->q, done, max, -1);
		ck_assert_int_gt(n, 0);
		ck_assert_int_le(n, (int)max);
		for (int i = 0; i < n; i++)
			ck_assert_int_eq(done[i].res, next++);
	}
	ck_assert_int_eq(pike_reap(rig->q, done, 16, 0), 0);
}

static void post_fill(struct rig *rig, int room)
{
	for (int round = 0; round < 3; round++) {
		struct pike_completion c;
		for (int i = 0; i < room; i++)
			check_often(pike_post(rig->q, NULL, i) == 0);
		for (int i = 0; i < 3; i++)
			check_often(
			    pike_post(rig->q, NULL, -1) == -PIKE_EAGAIN);
		for (int i = 0; i < room; i++) {
			check_often(pike_reap(rig->q, &c, 1, -1) == 1);
			check_often(c.res == i);
		}
		check_often(pike_reap(rig->q, &c, 1, 0) == 0);
	}
}

CASE(posts_beyond_the_room_are_refused_and_nothing_else_is_lost)
{
	const uint32_t given[] = {0, 1, 2, 3, 4, 5, 8, 1000, 65535, 65536};
	const int room[] = {1024, 1, 2, 4, 4, 8, 8, 1024, 65536, 65536};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		struct pike_params params = {.posts_max = given[i]};
		rig_close(rig);
		rig_open(rig, &params);
		post_fill(rig, room[i]);
	}
}

CASE(there_is_room_for_a_post_when_one_was_reaped)
{
	struct pike_params params = {.posts_max = 4};
	struct pike_completion c;
	int64_t posted = 0, reaped = 0;

	rig_close(rig);
	rig_open(rig, &params);
	while (posted < 4)
		check_often(pike_post(rig->q, NULL, posted++) == 0);
	while (reaped < 10000) {
		check_often(pike_post(rig->q, NULL, -1) == -PIKE_EAGAIN);
		check_often(pike_reap(rig->q, &c, 1, -1) == 1);
		check_often(c.res == reaped++);
		check_often(pike_post(rig->q, NULL, posted++) == 0);
	}
	while (reaped < posted) {
		check_often(pike_reap(rig->q, &c, 1, -1) == 1);
		check_often(c.res == reaped++);
	}
}

CASE(posts_that_nobody_reaped_go_with_the_queue)
{
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(pike_post(rig->q, NULL, i), 0);
	rig_close(rig);
}

CASE(posts_and_ops_share_a_reap)
{
	int posts = 0, ops = 0;

	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(pike_post(rig->q, NULL, i), 0);
		submit(rig, op_nop());
	}
	while (posts + ops < 200)
		*(wait_any(rig).id == 0 ? &posts : &ops) += 1;
	ck_assert_int_eq(posts, 100);
}

/* ------------------------------------------------------------ wake alone -- */

CASE(a_wake_before_the_reap_ends_it_once)
{
	struct pike_completion c;

	for (int i = 0; i < 20; i++) {
		for (int k = 0; k <= i; k++)
			ck_assert_int_eq(pike_wake(rig->q), 0);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 0);
		/* All of them counted as one: this one waits. */
		int64_t begin = port_monotonic();
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, 2 * NS_PER_MS), 0);
		ck_assert_int_ge(port_monotonic() - begin, 2 * NS_PER_MS);
	}
}

CASE(a_wake_is_answered_by_a_reap_that_does_not_wait)
{
	struct pike_completion c;

	ck_assert_int_eq(pike_wake(rig->q), 0);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	int64_t begin = port_monotonic();
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 2 * NS_PER_MS), 0);
	ck_assert_int_ge(port_monotonic() - begin, 2 * NS_PER_MS);
}

/* The next reap returned: the wake has had its effect. */
CASE(a_wake_is_answered_by_a_reap_that_has_something)
{
	struct pike_completion c;

	submit(rig, op_nop());
	ck_assert_int_eq(pike_wake(rig->q), 0);
	ck_assert_int_eq(rig_reap(rig, -1), 1);
	drop_arrivals(rig);
	int64_t begin = port_monotonic();
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 2 * NS_PER_MS), 0);
	ck_assert_int_ge(port_monotonic() - begin, 2 * NS_PER_MS);
}

CASE(a_wake_loses_nothing_that_is_there)
{
	for (int i = 0; i < 100; i++) {
		pike_id id = submit(rig, op_nop());
		ck_assert_int_eq(pike_post(rig->q, NULL, i), 0);
		rig_wake(rig);
		expect_one(rig, id, 0, 0, 0);
		ck_assert_int_eq(wait_one(rig, 0).res, i);
	}
}

/* -------------------------------------------------------------- handlers -- */

static struct pike_queue *volatile handler_q;
static volatile int64_t handler_posts;
static volatile int handler_errno_kept;

static void handler_post(int number)
{
	int before = errno;

	(void)number;
	errno = 4711;
	if (pike_post(handler_q, NULL, handler_posts) == 0)
		handler_posts = handler_posts + 1;
	handler_errno_kept = handler_errno_kept + (errno == 4711);
	errno = before;
}

static void handler_wake(int number)
{
	int before = errno;

	(void)number;
	errno = 4711;
	pike_wake(handler_q);
	handler_errno_kept = handler_errno_kept + (errno == 4711);
	errno = before;
}

/* K169 */
CASE(a_handler_may_post_and_keeps_errno)
{
	struct pike_params params = {.posts_max = 8};
	struct port_signals *before = port_signals_take();
	struct pike_completion c;

	rig_close(rig);
	rig_open(rig, &params);
	handler_q = rig->q;
	handler_posts = 0;
	handler_errno_kept = 0;
	port_on_signal(SIGNAL_A, handler_post);
	for (int i = 0; i < 11; i++)
		port_raise_self(SIGNAL_A);
	ck_assert_int_eq(handler_errno_kept, 11);
	ck_assert_int_eq(handler_posts, 8);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.res, i);
	}
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	port_signals_put(before);
}

CASE(a_handler_may_wake_and_keeps_errno)
{
	struct port_signals *before = port_signals_take();
	struct pike_completion c;

	handler_q = rig->q;
	handler_errno_kept = 0;
	port_on_signal(SIGNAL_A, handler_wake);
	for (int i = 0; i < 3; i++)
		port_raise_self(SIGNAL_A);
	ck_assert_int_eq(handler_errno_kept, 3);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 0);
	port_signals_put(before);
}

/*
 * Handlers that post whenever they interrupt, in the reap, in another post,
 * anywhere: each post once, in order.
 */
CASE(a_storm_of_handlers_that_post_loses_nothing)
{
	struct port_signals *before = port_signals_take();
	struct pike_completion done[16];
	int64_t next = 0, own = 0;

	handler_q = rig->q;
	handler_posts = 0;
	port_on_signal(port_storm_signal(), handler_post);
	port_storm(1000);
	while (next < 300) {
		ck_assert_int_eq(pike_post(rig->q, &own, own), 0);
		for (int mine = 0; mine == 0;) {
			int n = pike_reap(rig->q, done, 16, -1);
			ck_assert_int_gt(n, 0);
			for (int i = 0; i < n; i++) {
				bool is_mine = done[i].user_data == &own;
				mine += is_mine;
				ck_assert_int_eq(
				    done[i].res, is_mine ? own : next++);
			}
		}
		own++;
	}
	port_storm(0);
	port_ignore_signal(port_storm_signal());
	while (pike_reap(rig->q, done, 1, 0) == 1)
		ck_assert_int_eq(done[0].res, next++);
	ck_assert_int_eq(next, handler_posts);
	port_signals_put(before);
}

/* Nobody but the handler makes the reap return. */
CASE(a_handler_wakes_the_reap_that_it_interrupts)
{
	struct port_signals *before = port_signals_take();
	struct pike_completion c;

	handler_q = rig->q;
	port_on_signal(port_storm_signal(), handler_wake);
	port_storm(1000);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 0);
	port_storm(0);
	port_signals_put(before);
}

int main(void)
{
	area_begin("post");
	area_add(a_post_arrives_as_it_was_given);
	area_add(posts_of_one_thread_come_in_order_in_batches_of_any_size);
	area_add(posts_beyond_the_room_are_refused_and_nothing_else_is_lost);
	area_add(there_is_room_for_a_post_when_one_was_reaped);
	area_add(posts_that_nobody_reaped_go_with_the_queue);
	area_add(posts_and_ops_share_a_reap);
	area_add(a_wake_before_the_reap_ends_it_once);
	area_add(a_wake_is_answered_by_a_reap_that_does_not_wait);
	area_add(a_wake_is_answered_by_a_reap_that_has_something);
	area_add(a_wake_loses_nothing_that_is_there);
	area_add(a_handler_may_post_and_keeps_errno);
	area_add(a_handler_may_wake_and_keeps_errno);
	area_add(a_storm_of_handlers_that_post_loses_nothing);
	area_add(a_handler_wakes_the_reap_that_it_interrupts);
	return area_end();
}
