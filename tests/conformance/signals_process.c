/* SPDX-License-Identifier: MIT */
/*
 * What waiting for signals does to the process: held back while somebody
 * waits, and afterwards every disposition and mask as it was.
 */
#include "harness.h"
#include "port_proc.h"

static struct pike_op signal_op(uint64_t set)
{
	struct pike_op op = op_of(PIKE_SIGNAL, 0);

	op.u.signal.set = set;
	return op;
}

static struct pike_op signal_one(int number)
{
	return signal_op(PIKE_SIGNAL_BIT(number));
}

/* What the handler of the application has seen. */
static volatile int signal_handled;

static void signal_handler(int number)
{
	signal_handled = signal_handled + (number > 0);
}

static void signal_cancel(struct rig *rig, pike_id id)
{
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	expect_error(rig, id, PIKE_ECANCELED);
}

static const int signal_numbers[] = {PIKE_SIGHUP, PIKE_SIGINT, PIKE_SIGQUIT,
    PIKE_SIGUSR1, PIKE_SIGUSR2, PIKE_SIGPIPE, PIKE_SIGALRM, PIKE_SIGTERM,
    PIKE_SIGCHLD, PIKE_SIGCONT, PIKE_SIGTSTP, PIKE_SIGWINCH};

static uint64_t signal_all(void)
{
	uint64_t set = 0;

	for (size_t i = 0; i < ARRAY_LEN(signal_numbers); i++) {
		if (port_has_signal(signal_numbers[i]))
			set |= PIKE_SIGNAL_BIT(signal_numbers[i]);
	}
	return set;
}

/* The i-th of those that there are, and from the first again. */
static int signal_some(int i)
{
	for (size_t at = 0;; at = (at + 1) % ARRAY_LEN(signal_numbers)) {
		if (port_has_signal(signal_numbers[at]) && i-- == 0)
			return signal_numbers[at];
	}
}

/* K170 */
CASE(everything_is_as_before_when_the_last_op_was_cancelled)
{
	struct port_signals *before = port_signals_take();
	pike_id a = submit(rig, signal_op(signal_all()));
	pike_id b = submit(rig, signal_one(SIGNAL_A));

	fence(rig);
	signal_cancel(rig, a);
	signal_cancel(rig, b);
	ck_assert(port_signals_same(before));
	port_signals_put(before);
}

CASE(everything_is_as_before_when_the_last_op_ran_out_of_time)
{
	struct port_signals *before = port_signals_take();

	expect_op(
	    rig, op_deadline(signal_op(signal_all()), NS_PER_MS), -PIKE_ETIME);
	ck_assert(port_signals_same(before));
	port_signals_put(before);
}

CASE(everything_is_as_before_when_the_queue_closes)
{
	struct port_signals *before = port_signals_take();

	submit(rig, signal_op(signal_all()));
	fence(rig);
	rig_close(rig);
	ck_assert(port_signals_same(before));
	port_signals_put(before);
}

CASE(everything_is_as_before_when_a_queue_that_has_had_one_closes)
{
	struct port_signals *before = port_signals_take();
	pike_id id = submit(rig, signal_op(signal_all()));

	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
	rig_close(rig);
	ck_assert(port_signals_same(before));
	port_signals_put(before);
}

CASE(everything_is_as_before_when_many_queues_close_in_any_order)
{
	struct port_signals *before = port_signals_take();
	struct rig *rigs[6] = {rig};

	for (int i = 1; i < 6; i++)
		rigs[i] = rig_new(NULL);
	for (int i = 0; i < 6; i++) {
		submit(rigs[i], signal_op(PIKE_SIGNAL_BIT(signal_some(i)) |
					  PIKE_SIGNAL_BIT(SIGNAL_C)));
		rig_reap(rigs[i], 0);
	}
	const int order[] = {3, 0, 5, 1, 4, 2};
	for (int i = 0; i < 6; i++)
		rig_close(rigs[order[i]]);
	ck_assert(port_signals_same(before));
	port_signals_put(before);
}

CASE(a_refused_op_changes_nothing)
{
	struct port_signals *before = port_signals_take();
	struct pike_op op = signal_op(signal_all());

	op.u.signal.set |= PIKE_SIGNAL_BIT(9);
	refuse(rig, op, PIKE_EINVAL);
	op = signal_op(signal_all());
	op.reserved[0] = 1;
	refuse(rig, op, PIKE_EINVAL);
	ck_assert(port_signals_same(before));
	port_signals_put(before);
}

/* KILL, STOP; SEGV, BUS, FPE, ILL, TRAP, SYS by Linux's numbers. */
CASE(signals_that_cannot_be_waited_for_are_refused)
{
	const int numbers[] = {9, 19, 11, 7, 8, 4, 5, 31};

	refuse(rig, signal_op(0), PIKE_EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		refuse(rig, signal_one(numbers[i]), PIKE_EINVAL);
		refuse(rig,
		    signal_op(PIKE_SIGNAL_BIT(numbers[i]) |
			      PIKE_SIGNAL_BIT(SIGNAL_A)),
		    PIKE_EINVAL);
		refuse(rig, op_flags(signal_one(numbers[i]), PIKE_MULTISHOT),
		    PIKE_EINVAL);
	}
	refuse(rig, signal_op(UINT64_MAX), PIKE_EINVAL);
	ck_assert_int_eq(rig_reap(rig, 0), 0);
}

/* The one bit that names no signal by a portable number. */
CASE(a_set_of_any_single_bit_is_accepted_or_refused)
{
	struct port_signals *before = port_signals_take();

	for (int number = 1; number <= 64; number++) {
		struct pike_op op = signal_one(number);
		pike_id id = pike_submit(rig->q, &op);
		ck_assert(id > 0 || id == -PIKE_EINVAL);
		if (id < 0)
			continue;
		/* Some only the system refuses. */
		struct pike_completion c;
		int r = pike_cancel(rig->q, id);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.id, id);
		ck_assert(
		    r == 0 ? c.res == -PIKE_ECANCELED
			   : c.res == -PIKE_EINVAL || c.res == -PIKE_ENOTSUP);
	}
	ck_assert(port_signals_same(before));
	port_signals_put(before);
}

/* ------------------------------------------- the application's own handler */

CASE(the_usual_effect_is_held_back_while_one_waits)
{
	struct port_signals *before = port_signals_take();
	struct port_signals *own;

	signal_handled = 0;
	port_on_signal(SIGNAL_A, signal_handler);
	own = port_signals_take();
	pike_id id = submit(rig, signal_one(SIGNAL_A));
	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
	/* Also between two ops. */
	port_raise(SIGNAL_A);
	expect_op(rig, signal_one(SIGNAL_A), SIGNAL_A);
	ck_assert_int_eq(signal_handled, 0);
	rig_close(rig);
	ck_assert(port_signals_same(own));
	port_raise(SIGNAL_A);
	ck_assert_int_eq(signal_handled, 1);
	port_signals_put(own);
	port_signals_put(before);
}

CASE(a_handler_is_back_after_the_last_cancel)
{
	struct port_signals *before = port_signals_take();

	signal_handled = 0;
	port_on_signal(SIGNAL_A, signal_handler);
	for (int i = 1; i <= 20; i++) {
		pike_id a = submit(rig, signal_one(SIGNAL_A));
		pike_id b = submit(rig, signal_one(SIGNAL_A));
		if (i & 1)
			fence(rig);
		signal_cancel(rig, a);
		ck_assert_int_eq(signal_handled, i - 1);
		signal_cancel(rig, b);
		port_raise(SIGNAL_A);
		ck_assert_int_eq(signal_handled, i);
	}
	port_signals_put(before);
}

CASE(an_ignored_signal_can_be_waited_for_and_is_ignored_again)
{
	struct port_signals *before = port_signals_take();
	struct port_signals *own;

	port_ignore_signal(SIGNAL_A);
	own = port_signals_take();
	pike_id id = submit(rig, signal_one(SIGNAL_A));
	fence(rig);
	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
	rig_close(rig);
	ck_assert(port_signals_same(own));
	port_raise(SIGNAL_A);
	port_signals_put(own);
	port_signals_put(before);
}

CASE(a_blocked_signal_can_be_waited_for_and_is_blocked_again)
{
	struct port_signals *before = port_signals_take();
	struct port_signals *own;

	if (!port_block_signal(SIGNAL_A, true))
		SKIP("threads block no signals here");
	own = port_signals_take();
	for (int i = 0; i < 10; i++) {
		pike_id id = submit(rig, signal_one(SIGNAL_A));
		fence(rig);
		port_raise(SIGNAL_A);
		expect_one(rig, id, SIGNAL_A, 0, 0);
		id = submit(rig, signal_one(SIGNAL_A));
		signal_cancel(rig, id);
		ck_assert(port_signals_same(own));
		ck_assert(!port_signal_pending(SIGNAL_A));
	}
	port_signals_put(own);
	port_signals_put(before);
}

/* It has its handler, pike has another signal, and each gets its own. */
CASE(signals_of_the_application_are_left_alone)
{
	struct port_signals *before = port_signals_take();
	pike_id id =
	    submit(rig, op_flags(signal_one(SIGNAL_A), PIKE_MULTISHOT));

	signal_handled = 0;
	port_on_signal(SIGNAL_B, signal_handler);
	for (int i = 1; i <= 20; i++) {
		port_raise_self(SIGNAL_B);
		ck_assert_int_eq(signal_handled, i);
		port_raise(SIGNAL_A);
		expect_one(rig, id, SIGNAL_A, 0, PIKE_MORE);
	}
	signal_cancel(rig, id);
	port_signals_put(before);
}

static int signal_mask_child(void *arg)
{
	const struct port_signals *before = arg;

	/* A program that this child became would wait for nothing. */
	return port_signals_same(before) ? 0 : __LINE__;
}

CASE(a_child_of_a_queue_that_has_closed_is_as_before)
{
	struct port_signals *before = port_signals_take();
	pike_id id = submit(rig, signal_op(signal_all()));

	fence(rig);
	signal_cancel(rig, id);
	int r = port_fork(signal_mask_child, before);
	ck_assert(r == 0 || r == -2);
	port_signals_put(before);
}

/* Raised before the cancel: the op has it, and it kills nobody afterwards. */
CASE(a_signal_that_came_before_its_cancel_is_the_ops_result)
{
	for (int i = 0; i < 50; i++) {
		pike_id id = submit(rig, signal_one(SIGNAL_A));
		if (i & 1)
			rig_reap(rig, 0);
		port_raise(SIGNAL_A);
		int r = pike_cancel(rig->q, id);
		ck_assert(r == 0 || r == -PIKE_ENOENT);
		expect_one(rig, id, SIGNAL_A, 0, 0);
	}
}

/* The same at the end of the queue: dropped, as all that was not reaped. */
CASE(a_signal_that_came_before_the_queue_closed_kills_nobody)
{
	for (int i = 0; i < 20; i++) {
		struct rig *other = rig_new(NULL);
		submit(other, signal_one(SIGNAL_A));
		rig_reap(other, 0);
		port_raise(SIGNAL_A);
		rig_close(other);
	}
	expect_op(rig, op_nop(), 0);
}

/* P200 */
CASE(a_signal_op_without_a_descriptor_left_ends_and_later_works)
{
	struct port_signals *before = port_signals_take();

	for (int spare = 0; spare < 3; spare++) {
		struct rig *other = rig_new(NULL);
		struct pike_op op = signal_one(SIGNAL_A);
		struct pike_completion c;
		port_limit_files(spare);
		pike_id id = pike_submit(other->q, &op);
		ck_assert_int_gt(id, 0);
		int n = pike_reap(other->q, &c, 1, 0);
		port_limit_files(-1);
		if (n == 0) {
			port_raise(SIGNAL_A);
			n = pike_reap(other->q, &c, 1, -1);
		}
		ck_assert_int_eq(n, 1);
		ck_assert_int_eq(c.id, id);
		ck_assert(c.res == SIGNAL_A || c.res == -PIKE_EMFILE);
		id = submit(other, op);
		rig_reap(other, 0);
		port_raise(SIGNAL_A);
		expect_one(other, id, SIGNAL_A, 0, 0);
		rig_close(other);
	}
	ck_assert(port_signals_same(before));
	port_signals_put(before);
	expect_op(rig, op_nop(), 0);
}

int main(void)
{
	area_begin("signals_process");
	area_add(everything_is_as_before_when_the_last_op_was_cancelled);
	area_add(everything_is_as_before_when_the_last_op_ran_out_of_time);
	area_add(everything_is_as_before_when_the_queue_closes);
	area_add(everything_is_as_before_when_a_queue_that_has_had_one_closes);
	area_add(everything_is_as_before_when_many_queues_close_in_any_order);
	area_add(a_refused_op_changes_nothing);
	area_add(signals_that_cannot_be_waited_for_are_refused);
	area_add(a_set_of_any_single_bit_is_accepted_or_refused);
	area_add(the_usual_effect_is_held_back_while_one_waits);
	area_add(a_handler_is_back_after_the_last_cancel);
	area_add(an_ignored_signal_can_be_waited_for_and_is_ignored_again);
	area_add(a_blocked_signal_can_be_waited_for_and_is_blocked_again);
	area_add(signals_of_the_application_are_left_alone);
	area_add(a_child_of_a_queue_that_has_closed_is_as_before);
	area_add(a_signal_that_came_before_its_cancel_is_the_ops_result);
	area_add(a_signal_that_came_before_the_queue_closed_kills_nobody);
	area_add(a_signal_op_without_a_descriptor_left_ends_and_later_works);
	return area_end();
}
