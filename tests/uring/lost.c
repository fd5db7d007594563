/* SPDX-License-Identifier: MIT */
/*
 * Requests that the kernel has ended, and that there is no memory to begin
 * anew: the ring is full, the kernel takes nothing, and an allocation fails. Of
 * polls nothing is lost when there is memory again.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "alloc.h"
#include "backend/sys.h"
#include "use.h"

#define ENTRIES  4
#define PATIENCE (INT64_C(10) * 1000000000) /* of what fails */

static struct pike__sys real;
static struct io_uring *ring;
static struct pike_queue *q;
static bool in_need;    /* nothing is taken, and there is no memory */
static bool waits_take; /* but by a call that waits */
static bool needed;     /* that is over */
static bool posts;      /* when the queue is about to wait */
static int refused;     /* allocations */
static int overslept;
static char bytes[65536];

static void *poor_realloc(void *old, size_t size)
{
	if (!size) {
		free(old);
		return NULL;
	}
	if (in_need) {
		refused++;
		return NULL;
	}
	return realloc(old, size);
}

static int fake_setup(
    unsigned entries, struct io_uring *made, struct io_uring_params *p)
{
	(void)entries;
	ring = made;
	p->cq_entries = 8 * ENTRIES;
	return real.uring_setup(ENTRIES, made, p);
}

/* A kernel may end a poll for many edges with any of them: this one does until
 * the need is over. */
static void polls_look(void)
{
	const struct io_uring_sq *sq = &ring->sq;

	for (unsigned at = *sq->khead; at != *sq->ktail; at++) {
		struct io_uring_sqe *sqe = &sq->sqes[at & sq->ring_mask];

		if (sqe->opcode == IORING_OP_POLL_ADD)
			sqe->len &= ~IORING_POLL_ADD_MULTI;
	}
}

/* More than a rest. */
static bool is_long(const struct io_uring_getevents_arg *arg)
{
	const struct __kernel_timespec *ts;

	if (!arg)
		return true;
	ts = (const void *)(uintptr_t)arg->ts;
	return ts->tv_sec > 0;
}

static int fake_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	int taken;

	if (!needed)
		polls_look();
	if (posts && least) {
		posts = false;
		ck_assert_int_eq(pike_post(q, NULL, 7), 0);
	}
	if (in_need && n && !(least && waits_take))
		return real.uring_enter(
		    fd, 0, 0, flags & IORING_ENTER_GETEVENTS, NULL, 0);
	taken = real.uring_enter(fd, n, least, flags, arg, size);
	overslept += taken < 0 && errno == ETIME && is_long(arg);
	return taken;
}

static void begin_without(unsigned features_off)
{
	const struct pike_params params = {
	    .backend = "uring", .features_off = features_off};

	real = pike__sys;
	pike__sys.uring_setup = fake_setup;
	pike__sys.uring_enter = fake_enter;
	pike__realloc_hook = poor_realloc;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
}

/* What is waited for is the reactor's, by polls. */
static void begin(void)
{
	begin_without(PIKE_FEATURE_NATIVE);
}

/* A socket that cannot be written: its poll waits. */
static pike_handle pair(int fd[2])
{
	pike_handle h;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	while (write(fd[0], bytes, sizeof bytes) > 0)
		continue;
	h = pike_adopt(q, fd[0], 0);
	ck_assert_int_gt(h, 0);
	return h;
}

static void submit_recv(pike_handle h, char *byte)
{
	use_submit(
	    q, (struct pike_op){
		   .opcode = PIKE_RECV, .handle = h, .buf = byte, .len = 1});
}

static void look(void)
{
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
}

/* Reads all that there is; why no more: 0 is the end. */
static int drained(int fd)
{
	ssize_t n;

	do {
		n = read(fd, bytes, sizeof bytes);
	} while (n > 0);
	return n ? errno : 0;
}

/* Polls until the ring has no room, of which the kernel takes none. */
static void need_begins(void)
{
	const struct io_uring_sq *sq = &ring->sq;
	static char byte;
	int fd[2];

	while (sq->sqe_tail - *sq->khead < ENTRIES)
		submit_recv(pair(fd), &byte);
	in_need = true;
}

/* Something comes when the queue waits, which no poll but that one tells. */
static void is_woken(void)
{
	struct pike_completion c = {0};

	posts = true;
	ck_assert_int_eq(pike_reap(q, &c, 1, PATIENCE), 1);
	ck_assert_int_eq(c.res, 7);
	ck_assert_int_eq(overslept, 0);
}

static void need_ends(void)
{
	in_need = false;
	needed = true;
	ck_assert_int_gt(refused, 0);
	overslept = 0;
}

START_TEST(an_edge_that_could_not_be_asked_for_is_asked_for_later)
{
	struct pike_completion c = {0};
	char byte;
	int fd[2];

	begin();
	submit_recv(pair(fd), &byte);
	look();
	need_begins();
	/* It can be written again: that is no end of the recv. */
	ck_assert_int_eq(drained(fd[1]), EAGAIN);
	look();
	need_ends();
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	ck_assert_int_eq(pike_reap(q, &c, 1, PATIENCE), 1);
	ck_assert_int_eq(c.res, 1);
	ck_assert_int_eq(byte, 'x');
	pike_queue_close(q);
}
END_TEST

START_TEST(what_wakes_is_watched_again_later)
{
	begin();
	need_begins();
	is_woken();
	need_ends();
	look();
	is_woken();
	is_woken();
	pike_queue_close(q);
}
END_TEST

START_TEST(a_wait_is_short_while_a_poll_is_lost)
{
	begin();
	need_begins();
	is_woken();
	waits_take = true;
	is_woken();
	need_ends();
	pike_queue_close(q);
}
END_TEST

/* Its peer sees the end at once. */
START_TEST(a_close_without_memory_closes)
{
	struct pike_completion c = {0};
	pike_handle h;
	char byte;
	int fd[2];

	begin();
	h = pair(fd);
	submit_recv(h, &byte);
	look();
	need_begins();
	use_submit(q, (struct pike_op){.opcode = PIKE_CLOSE, .handle = h});
	ck_assert_int_eq(pike_reap(q, &c, 1, PATIENCE), 1);
	ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	ck_assert_int_eq(pike_reap(q, &c, 1, PATIENCE), 1);
	ck_assert_int_eq(c.res, 0);
	ck_assert_int_eq(drained(fd[1]), 0);
	need_ends();
	pike_queue_close(q);
}
END_TEST

/* It cannot go on, and says how far it came. */
START_TEST(a_part_that_was_received_is_told)
{
	struct pike_completion c = {0};
	struct pike_op op = {.opcode = PIKE_RECV, .flags = PIKE_ALL};
	char in[2] = "";
	int fd[2];

	begin_without(0);
	op.handle = pair(fd);
	op.buf = in;
	op.len = sizeof in;
	use_submit(q, op);
	look();
	need_begins();
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	ck_assert_int_eq(pike_reap(q, &c, 1, PATIENCE), 1);
	ck_assert_int_eq(c.res, 1);
	ck_assert_int_eq(c.err, PIKE_ENOMEM);
	ck_assert_int_eq(in[0], 'x');
	need_ends();
	pike_queue_close(q);
}
END_TEST

UNIT_MAIN("lost", an_edge_that_could_not_be_asked_for_is_asked_for_later,
    what_wakes_is_watched_again_later, a_wait_is_short_while_a_poll_is_lost,
    a_close_without_memory_closes, a_part_that_was_received_is_told)
