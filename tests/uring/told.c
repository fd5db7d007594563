/* SPDX-License-Identifier: MIT */
/*
 * What the ring says beside its answers: that the kernel has work to do for
 * them, that more of them wait outside, that some were lost.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "backend/sys.h"
#include "use.h"

static struct pike__sys real;

/* ---- the kernel, as each test has it ---- */

static struct io_uring *ring;
static unsigned entries_given, flags_unknown, enters;
static bool loses; /* once, and says so */
static int peer;

static int fake_setup(
    unsigned entries, struct io_uring *r, struct io_uring_params *p)
{
	ring = r;
	if (p->flags & flags_unknown) {
		errno = EINVAL;
		return -1;
	}
	if (entries_given) {
		entries = entries_given;
		p->cq_entries = 2 * entries;
	}
	return real.uring_setup(entries, r, p);
}

static int fake_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	int done = real.uring_enter(fd, n, loses ? 0 : least, flags, arg, size);

	enters++;
	if (loses) {
		loses = false;
		errno = EBADR;
		return -1;
	}
	return done;
}

static struct pike_queue *opened(unsigned unknown)
{
	struct pike_params params = {.backend = "uring"};
	struct pike_queue *q;

	flags_unknown = unknown;
	pike__sys.uring_setup = fake_setup;
	pike__sys.uring_enter = fake_enter;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
	return q;
}

/* All rungs of the ladder: work that is deferred, that runs when we call, that
 * runs when we call and need not be told of, that runs at once. */
static const unsigned rungs[] = {0, IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
    IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
	IORING_SETUP_COOP_TASKRUN};

/* ---- tests ---- */

/* It is all that a look without a wait does: where nothing is to be done it
 * does not even call, and what has come it has at once. */
START_TEST(work_that_the_kernel_has_is_seen_without_waiting)
{
	struct pike_op op = {.opcode = PIKE_RECV, .len = 1};
	struct pike_completion c;
	struct pike_queue *q;
	char byte;
	int fd[2];

	real = pike__sys;
	q = opened(rungs[_i]);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	op.handle = pike_adopt(q, fd[0], 0);
	op.buf = &byte;
	for (int i = 0; i < 20; i++) {
		pike_id id = use_submit(q, op);

		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
		if (ring->flags & IORING_SETUP_TASKRUN_FLAG) {
			enters = 0;
			ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
			ck_assert_uint_eq(enters, 0);
		}
		ck_assert_int_eq(write(fd[1], "x", 1), 1);
		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 1);
		ck_assert_int_eq(c.id, id);
		ck_assert_int_eq(c.res, 1);
	}
	pike_queue_close(q);
}
END_TEST

START_TEST(answers_outside_the_ring_are_seen_without_waiting)
{
	enum {
		PAIRS = 40
	};
	struct pike_completion out[4];
	struct pike_queue *q;
	int fd[PAIRS][2], taken = 0;
	char bytes[PAIRS];

	real = pike__sys;
	entries_given = 4; /* with eight answers */
	q = opened(rungs[_i]);
	for (int i = 0; i < PAIRS; i++) {
		struct pike_op op = {
		    .opcode = PIKE_RECV, .buf = &bytes[i], .len = 1};

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd[i]), 0);
		op.handle = pike_adopt(q, fd[i][0], 0);
		use_submit(q, op);
	}
	ck_assert_int_eq(pike_reap(q, out, 4, 0), 0);
	for (int i = 0; i < PAIRS; i++)
		ck_assert_int_eq(write(fd[i][1], "x", 1), 1);
	for (int i = 0; i < PAIRS && taken < PAIRS; i++) {
		int n = pike_reap(q, out, 4, 0);

		ck_assert_int_gt(n, 0);
		taken += n;
	}
	ck_assert_int_eq(taken, PAIRS);
	pike_queue_close(q);
}
END_TEST

/*
 * A kernel without memory for an answer counts it, and from Linux 5.19 on says
 * so: nobody would ever hear of the op. The queue fails, and can be closed.
 */
static void fails_loudly(struct pike_queue *q)
{
	struct pike_completion c;

	ck_assert_int_lt(pike_reap(q, &c, 1, -1), 0);
	ck_assert_int_lt(pike_reap(q, &c, 1, -1), 0);
	pike_queue_close(q);
}

static struct pike_queue *waiting(unsigned unknown)
{
	static char byte;
	struct pike_op op = {.opcode = PIKE_RECV, .buf = &byte, .len = 1};
	struct pike_queue *q = opened(unknown);
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	peer = fd[1];
	op.handle = pike_adopt(q, fd[0], 0);
	use_submit(q, op);
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
	return q;
}

START_TEST(a_lost_answer_that_is_told_fails_the_queue)
{
	struct pike_queue *q;

	real = pike__sys;
	q = waiting(rungs[_i]);
	loses = true;
	fails_loudly(q);
}
END_TEST

START_TEST(a_lost_answer_beside_another_fails_the_queue)
{
	struct pike_completion c;
	struct pike_queue *q;

	real = pike__sys;
	q = waiting(rungs[_i]);
	ck_assert_int_eq(write(peer, "x", 1), 1);
	loses = true;
	ck_assert_int_eq(pike_reap(q, &c, 1, -1), 1);
	fails_loudly(q);
}
END_TEST

START_TEST(a_lost_answer_that_is_only_counted_fails_the_queue)
{
	struct pike_queue *q;

	real = pike__sys;
	/* Who defers its work is younger than those that only count. */
	q = waiting(rungs[1 + _i]);
	*ring->cq.koverflow = 1;
	fails_loudly(q);
}
END_TEST

/* The op is nowhere, and does not keep the queue. */
START_TEST(a_queue_whose_answer_is_lost_for_good_can_be_closed)
{
	struct pike_queue *q;

	real = pike__sys;
	q = waiting(rungs[_i]);
	ck_assert_int_eq(write(peer, "x", 1), 1);
	real.uring_enter(ring->ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	ck_assert_uint_eq(*ring->cq.ktail, *ring->cq.khead + 1);
	*ring->cq.khead = *ring->cq.ktail;
	*ring->cq.koverflow = 1;
	loses = true;
	fails_loudly(q);
}
END_TEST

/*
 * A kernel that leaves what it tells an eventfd to later, and then tells it but
 * once for each time that it was registered. The ring has another one, and the
 * test says when it is later.
 */
static int inner = -1, outer = -1;
static int refused; /* rounds in which it cannot be registered, but at first */
static bool said, forbidden;

static int late_eventfd(struct io_uring *r, int fd)
{
	if (!(r->flags & IORING_SETUP_DEFER_TASKRUN))
		return real.uring_eventfd(r, fd);
	if (refused && outer >= 0) {
		errno = ENOMEM;
		return -1;
	}
	inner = eventfd(0, EFD_NONBLOCK);
	outer = fd;
	said = false;
	return real.uring_eventfd(r, inner);
}

static int no_eventfd(struct io_uring *r, int fd)
{
	(void)r;
	(void)fd;
	errno = ENOMEM;
	return -1;
}

static int late_eventfd_end(struct io_uring *r)
{
	if (forbidden) {
		errno = EPERM;
		return -1;
	}
	if (inner >= 0)
		close(inner);
	inner = -1;
	return real.uring_eventfd_end(r);
}

/* Now; awaited: it is on its way, as the kernel may be late itself. */
static void later(bool awaited)
{
	struct pollfd p = {.fd = inner, .events = POLLIN};
	uint64_t count;

	if (awaited && !said && inner >= 0)
		ck_assert_int_eq(poll(&p, 1, 10000), 1);
	if (said || inner < 0 || read(inner, &count, sizeof count) < 0)
		return;
	said = true;
	count = 1;
	ck_assert_int_eq(real.write(outer, &count, sizeof count), sizeof count);
}

/* To the pipe by which it is tried. */
static ssize_t prompt_write(int fd, const void *buf, size_t len)
{
	ssize_t done = real.write(fd, buf, len);

	if (len == 1)
		later(true);
	return done;
}

static bool readable(int fd, bool awaited)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, 0) == 1)
		return true;
	later(awaited);
	return poll(&p, 1, 0) == 1;
}

/* By what it shows alone, that is now asked for when it is negative; then it is
 * closed. */
static void tells_of_each(struct pike_queue *q, int shown)
{
	struct pike_op op = {.opcode = PIKE_RECV, .len = 1};
	struct pike_completion c;
	char byte;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	op.handle = pike_adopt(q, fd[0], 0);
	op.buf = &byte;
	for (int i = 0; i < 20; i++) {
		use_submit(q, op);
		if (shown < 0)
			shown = pike_pollable(q);
		for (int k = 0; k < 100 && readable(shown, false); k++)
			ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
		refused -= refused > 0;
		ck_assert_int_eq(write(fd[1], "x", 1), 1);
		ck_assert(readable(shown, true));
		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 1);
		ck_assert_int_eq(c.res, 1);
	}
	pike_queue_close(q);
}

static struct pike_queue *opened_late(unsigned unknown)
{
	struct pike_queue *q;

	real = pike__sys;
	q = opened(unknown);
	pike__sys.uring_eventfd = late_eventfd;
	pike__sys.uring_eventfd_end = late_eventfd_end;
	return q;
}

START_TEST(what_is_told_late_and_once_wakes_a_foreign_loop)
{
	struct pike_queue *q = opened_late(rungs[_i]);

	tells_of_each(q, -1);
}
END_TEST

/* Nothing is under way: it needs not be told late. */
START_TEST(an_idle_ring_whose_work_is_deferred_is_exchanged)
{
	struct pike_queue *q = opened_late(rungs[_i]);
	int shown = pike_pollable(q);

	ck_assert(!(ring->flags & IORING_SETUP_DEFER_TASKRUN));
	tells_of_each(q, shown);
}
END_TEST

static void tells_by_the_same_ring(struct pike_queue *q)
{
	const unsigned flags = ring->flags;
	int shown = pike_pollable(q);

	ck_assert_uint_eq(ring->flags, flags);
	tells_of_each(q, shown);
}

START_TEST(a_ring_that_tells_at_once_is_kept)
{
	struct pike_queue *q = opened_late(rungs[_i]);

	pike__sys.write = prompt_write;
	tells_by_the_same_ring(q);
}
END_TEST

/* It has told, and tells again. */
START_TEST(what_may_not_be_registered_again_is_quiet)
{
	struct pike_queue *q = opened_late(0);
	struct pike_completion c;
	int shown, wakes = 0;

	pike__sys.write = prompt_write;
	forbidden = true;
	shown = pike_pollable(q);
	ck_assert_int_eq(pike_wake(q), 0);
	while (readable(shown, false) && wakes++ < 100)
		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
	ck_assert_int_lt(wakes, 100);
	pike_queue_close(q);
}
END_TEST

/* It is late too: what is told in vain is better than what is not told. */
START_TEST(what_may_not_be_registered_again_and_is_late_is_told)
{
	struct pike_queue *q = opened_late(0);

	forbidden = true;
	tells_of_each(q, -1);
}
END_TEST

START_TEST(a_ring_that_cannot_be_exchanged_is_kept)
{
	struct pike_queue *q = opened_late(rungs[_i]);

	flags_unknown = ~0u;
	tells_by_the_same_ring(q);
}
END_TEST

START_TEST(what_cannot_be_registered_at_all_is_told)
{
	struct pike_queue *q = opened_late(rungs[_i]);

	pike__sys.uring_eventfd = no_eventfd;
	ck_assert_int_eq(pike_pollable(q), -PIKE_ENOMEM);
	pike__sys.uring_eventfd = late_eventfd;
	tells_of_each(q, -1);
}
END_TEST

/* Meanwhile the loop is woken in vain, but woken. */
START_TEST(what_cannot_be_registered_again_is_later)
{
	struct pike_queue *q = opened_late(0);

	refused = 5;
	tells_of_each(q, -1);
	ck_assert_int_eq(refused, 0);
}
END_TEST

int main(void)
{
	const int n = COUNT(rungs);
	Suite *suite = suite_create("told");
	TCase *tcase = tcase_create("told");

	tcase_add_loop_test(
	    tcase, work_that_the_kernel_has_is_seen_without_waiting, 0, n);
	tcase_add_loop_test(
	    tcase, answers_outside_the_ring_are_seen_without_waiting, 0, n);
	tcase_add_loop_test(
	    tcase, a_lost_answer_that_is_told_fails_the_queue, 0, n);
	tcase_add_loop_test(
	    tcase, a_lost_answer_beside_another_fails_the_queue, 0, n);
	tcase_add_loop_test(tcase,
	    a_lost_answer_that_is_only_counted_fails_the_queue, 0, n - 1);
	tcase_add_loop_test(
	    tcase, a_queue_whose_answer_is_lost_for_good_can_be_closed, 0, n);
	tcase_add_loop_test(
	    tcase, what_is_told_late_and_once_wakes_a_foreign_loop, 0, n);
	tcase_add_loop_test(
	    tcase, an_idle_ring_whose_work_is_deferred_is_exchanged, 0, n);
	tcase_add_loop_test(tcase, a_ring_that_tells_at_once_is_kept, 0, n);
	tcase_add_test(tcase, what_may_not_be_registered_again_is_quiet);
	tcase_add_test(
	    tcase, what_may_not_be_registered_again_and_is_late_is_told);
	tcase_add_loop_test(
	    tcase, a_ring_that_cannot_be_exchanged_is_kept, 0, n);
	tcase_add_loop_test(
	    tcase, what_cannot_be_registered_at_all_is_told, 0, n);
	tcase_add_test(tcase, what_cannot_be_registered_again_is_later);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
