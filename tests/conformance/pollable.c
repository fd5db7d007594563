/* SPDX-License-Identifier: MIT */
/*
 * A queue inside another event loop: its pollable is readable whenever a reap
 * that does not wait has something to give or to do, and not for ever.
 */
#include "pending.h"
#include "port_proc.h"

#define WAIT_MS 10000

/* Reaps until nothing comes. */
static void pollable_drain(struct rig *rig)
{
	while (rig_reap(rig, 0) > 0)
		continue;
}

/* Readable now and then without a reason is allowed; for ever is not. */
static void pollable_expect_quiet(
    struct rig *rig, pike_fd fd, const struct port_poller *poller)
{
	for (int i = 0; poller->readable(fd, 0); i++) {
		if (i == 100)
			ck_abort_msg("%s: readable for ever", poller->name);
		pollable_drain(rig);
	}
}

/*
 * Waits in the foreign poller alone, reaping only without waiting, until the
 * op is over. A pollable that stays silent fails by the poller's patience.
 * (Not asked for anew: to ask is to look.)
 */
static struct pike_completion pollable_wait(
    struct rig *rig, pike_fd fd, const struct port_poller *poller, pike_id id)
{
	while (arrival_of(rig, id) < 0) {
		if (!poller->readable(fd, WAIT_MS))
			ck_abort_msg("%s: not readable", poller->name);
		rig_reap(rig, 0);
	}
	return wait_one(rig, id);
}

CASE(the_pollable_is_one_descriptor_that_is_quiet_when_idle)
{
	pike_fd fd = pike_pollable(rig->q);
	const struct port_poller *poller;

	ck_assert_int_ge(fd, 0);
	ck_assert(port_is_open(fd));
	ck_assert(port_is_cloexec(fd));
	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		ck_assert_int_eq(pike_pollable(rig->q), fd);
		pollable_expect_quiet(rig, fd, poller);
	}
}

/* A19 */
CASE(readable_when_an_op_has_completed_at_once)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		pike_id id = submit(rig, op_nop());
		ck_assert(poller->readable(fd, WAIT_MS));
		ck_assert_int_eq(pollable_wait(rig, fd, poller, id).res, 0);
		pollable_expect_quiet(rig, fd, poller);
	}
}

CASE(readable_as_long_as_something_was_not_reaped)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		for (int k = 0; k < 10; k++) {
			struct pike_op op = op_nop();
			ck_assert_int_gt(pike_submit(rig->q, &op), 0);
		}
		for (int k = 0; k < 10; k++) {
			struct pike_completion c;
			ck_assert(poller->readable(fd, WAIT_MS));
			ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 1);
		}
		pollable_expect_quiet(rig, fd, poller);
	}
}

CASE(readable_when_something_was_posted)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		for (int k = 0; k < 3; k++)
			ck_assert_int_eq(pike_post(rig->q, NULL, k), 0);
		for (int k = 0; k < 3; k++) {
			struct pike_completion c;
			ck_assert(poller->readable(fd, WAIT_MS));
			ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 1);
			ck_assert_int_eq(c.res, k);
		}
		pollable_expect_quiet(rig, fd, poller);
	}
}

CASE(readable_when_woken)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		rig_wake(rig);
		ck_assert(poller->readable(fd, WAIT_MS));
		ck_assert_int_eq(rig_reap(rig, 0), 0);
		pollable_expect_quiet(rig, fd, poller);
	}
}

CASE(readable_when_a_timer_is_due_and_never_early)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		int64_t begin = port_monotonic();
		pike_id id = submit(rig, op_timer(3 * NS_PER_MS));
		pollable_wait(rig, fd, poller, id);
		ck_assert_int_ge(port_monotonic() - begin, 3 * NS_PER_MS);
		pollable_expect_quiet(rig, fd, poller);
	}
}

CASE(readable_when_a_nearer_timer_was_added_or_the_nearest_cancelled)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		pike_id far = submit(rig, op_timer(3600000 * NS_PER_MS));
		pollable_expect_quiet(rig, fd, poller);
		pike_id a = submit(rig, op_timer(NS_PER_MS));
		pollable_wait(rig, fd, poller, a);
		pollable_expect_quiet(rig, fd, poller);
		pike_id b = submit(rig, op_timer(2 * NS_PER_MS));
		pike_id c = submit(rig, op_timer(NS_PER_MS));
		ck_assert_int_eq(pike_cancel(rig->q, c), 0);
		ck_assert_int_eq(
		    pollable_wait(rig, fd, poller, c).res, -PIKE_ECANCELED);
		ck_assert_int_eq(pollable_wait(rig, fd, poller, b).res, 1);
		pollable_expect_quiet(rig, fd, poller);
		ck_assert_int_eq(pike_cancel(rig->q, far), 0);
		pollable_wait(rig, fd, poller, far);
		pollable_expect_quiet(rig, fd, poller);
	}
}

CASE(readable_when_a_repeating_timer_is_due_again)
{
	const struct port_poller *poller = port_poller_at(0);
	pike_fd fd = pike_pollable(rig->q);
	struct pike_op op = op_flags(op_timer(NS_PER_MS), PIKE_MULTISHOT);

	op.u.timer.period_ns = NS_PER_MS;
	pike_id id = submit(rig, op);
	for (int i = 0; i < 10; i++)
		ck_assert_int_ge(pollable_wait(rig, fd, poller, id).res, 1);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	while (pollable_wait(rig, fd, poller, id).flags & PIKE_MORE)
		continue;
	pollable_expect_quiet(rig, fd, poller);
}

CASE(readable_when_a_deadline_has_passed)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		pike_id id =
		    submit(rig, op_deadline(op_recv(h, &byte, 1), NS_PER_MS));
		ck_assert_int_eq(
		    pollable_wait(rig, fd, poller, id).res, -PIKE_ETIME);
		pollable_expect_quiet(rig, fd, poller);
	}
}

CASE(readable_when_a_cancel_has_ended_an_op)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		pike_id id = submit(rig, op_timer(INT64_MAX));
		pollable_expect_quiet(rig, fd, poller);
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
		ck_assert_int_eq(
		    pollable_wait(rig, fd, poller, id).res, -PIKE_ECANCELED);
		pollable_expect_quiet(rig, fd, poller);
	}
}

/*
 * Whatever an op waits for from outside, and nobody reaps in between. Late: the
 * descriptor is asked for when the first op waits already.
 */
static void pollable_sees(struct rig *rig, int kind, bool late)
{
	const struct port_poller *poller;
	pike_fd fd = late ? -1 : pike_pollable(rig->q);

	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		struct pending p;
		if (!pending_make(rig, kind, &p))
			SKIP("not on this system");
		p.op.flags &= (uint16_t)~PIKE_MULTISHOT;
		pike_id id = submit(rig, p.op);
		rig_reap(rig, 0);
		if (fd < 0)
			fd = pike_pollable(rig->q);
		ck_assert_int_ge(fd, 0);
		pollable_expect_quiet(rig, fd, poller);
		expect_pending(rig, id);
		pending_satisfy(rig, &p);
		struct pike_completion c = pollable_wait(rig, fd, poller, id);
		pending_check(&p, &c);
		pollable_expect_quiet(rig, fd, poller);
	}
}

#define POLLABLE_CASES(kind)                                                   \
	CASE(readable_when_##kind##_can_be_done)                               \
	{                                                                      \
		pollable_sees(rig, PENDING_##kind, false);                     \
	}                                                                      \
	CASE(readable_when_##kind##_that_waited_before_can_be_done)            \
	{                                                                      \
		pollable_sees(rig, PENDING_##kind, true);                      \
	}

/* clang-format off */
PENDING_SATISFIABLE(POLLABLE_CASES)
/* clang-format on */

/* The foreign loop alone drives a whole conversation. */
CASE(a_thousand_echoes_by_the_foreign_loop_alone)
{
	const struct port_poller *poller;
	pike_fd fd = pike_pollable(rig->q);
	pike_handle h[2];

	rig_tcp_pair(rig, h);
	for (unsigned i = 0; (poller = port_poller_at(i)); i++) {
		for (int k = 0; k < 1000; k++) {
			char there = 0, back = 0;
			pike_id a = submit(rig, op_recv(h[1], &there, 1));
			pike_id b = submit(rig, op_recv(h[0], &back, 1));
			pike_id c = submit(rig, op_send(h[0], "x", 1));
			pollable_wait(rig, fd, poller, c);
			pollable_wait(rig, fd, poller, a);
			pike_id d = submit(rig, op_send(h[1], &there, 1));
			pollable_wait(rig, fd, poller, d);
			pollable_wait(rig, fd, poller, b);
			ck_assert_int_eq(back, 'x');
		}
		pollable_expect_quiet(rig, fd, poller);
	}
	expect_op(rig, op_close(h[0]), 0);
	expect_op(rig, op_close(h[1]), 0);
}

/* It is an addition: a reap that waits does what it did before. */
CASE(a_queue_with_a_pollable_can_also_wait_by_itself)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_fd fd = pike_pollable(rig->q);
	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 100; i++) {
		pike_id id = submit(rig, op_recv(h, &byte, 1));
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		expect_one(rig, id, 1, 0, 0);
		expect_op(rig, op_timer(10000), 1);
	}
	pollable_expect_quiet(rig, fd, port_poller_at(0));
}

CASE(the_pollable_goes_with_its_queue)
{
	pike_fd fd = pike_pollable(rig->q);

	ck_assert(port_is_open(fd));
	rig_close(rig);
	ck_assert_int_eq(pike_pollable(rig->q), -PIKE_EBADF);
	rig_open(rig, NULL);
	ck_assert_int_ge(pike_pollable(rig->q), 0);
}

/* P200 */
CASE(a_pollable_without_a_descriptor_left_is_an_error_and_later_works)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_PIPE, &h, &peer);
	for (int spare = 0; spare < 3; spare++) {
		struct rig *other = rig_new(NULL);
		port_limit_files(spare);
		pike_fd fd = pike_pollable(other->q);
		port_limit_files(-1);
		ck_assert(fd >= 0 || fd == -PIKE_EMFILE);
		fd = pike_pollable(other->q);
		ck_assert_int_ge(fd, 0);
		pike_id id = submit(other, op_timer(NS_PER_MS));
		pollable_wait(other, fd, port_poller_at(0), id);
	}
}

static void pollable_add_kinds(void)
{
#define POLLABLE_ADD(kind)                                                     \
	area_add(readable_when_##kind##_can_be_done);                          \
	area_add(readable_when_##kind##_that_waited_before_can_be_done);
	PENDING_SATISFIABLE(POLLABLE_ADD)
#undef POLLABLE_ADD
}

int main(void)
{
	area_begin("pollable");
	port_pollers_warm();
	area_add(the_pollable_is_one_descriptor_that_is_quiet_when_idle);
	area_add(readable_when_an_op_has_completed_at_once);
	area_add(readable_as_long_as_something_was_not_reaped);
	area_add(readable_when_something_was_posted);
	area_add(readable_when_woken);
	area_add(readable_when_a_timer_is_due_and_never_early);
	area_add(
	    readable_when_a_nearer_timer_was_added_or_the_nearest_cancelled);
	area_add(readable_when_a_repeating_timer_is_due_again);
	area_add(readable_when_a_deadline_has_passed);
	area_add(readable_when_a_cancel_has_ended_an_op);
	pollable_add_kinds();
	area_add(a_thousand_echoes_by_the_foreign_loop_alone);
	area_add(a_queue_with_a_pollable_can_also_wait_by_itself);
	area_add(the_pollable_goes_with_its_queue);
	area_add(
	    a_pollable_without_a_descriptor_left_is_an_error_and_later_works);
	return area_end();
}
