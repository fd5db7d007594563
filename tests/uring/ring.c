/* SPDX-License-Identifier: MIT */
/*
 * The ring in need: of four entries, with eight answers, taken in part, busy,
 * refused; and what a kernel may not know. By the seam.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/sys.h"
#include "use.h"

static struct pike__sys real;

/* ---- the kernel, as each test has it ---- */

static unsigned entries_given = 4, entries_allowed = UINT_MAX;
static unsigned flags_unknown, flags_run, entries_run;
static unsigned enters, takes = UINT_MAX;
static int enter_error, enter_errors; /* so often */

static int fake_setup(
    unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	if (p->flags & flags_unknown) {
		errno = EINVAL;
		return -1;
	}
	if (entries > entries_allowed) {
		errno = ENOMEM;
		return -1;
	}
	flags_run = p->flags;
	entries_run = entries;
	if (entries_given) {
		entries = entries_given;
		p->cq_entries = 2 * entries;
	}
	return real.uring_setup(entries, ring, p);
}

static int fake_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	enters++;
	if (enter_errors > 0) {
		enter_errors--;
		errno = enter_error;
		return -1;
	}
	/* One that is short does not wait. */
	if (n > takes)
		return real.uring_enter(
		    fd, takes, 0, flags & IORING_ENTER_GETEVENTS, NULL, 0);
	return real.uring_enter(fd, n, least, flags, arg, size);
}

static struct pike_queue *opened(const struct pike_params *given)
{
	struct pike_params params = {0};
	struct pike_queue *q;

	if (given)
		params = *given;
	params.backend = "uring";
	real = pike__sys;
	pike__sys.uring_setup = fake_setup;
	pike__sys.uring_enter = fake_enter;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
	return q;
}

/* ---- many ---- */

enum {
	PAIRS = 200,
	POLLS = 50,
	MANY = PAIRS * POLLS
};

static struct {
	pike_id id;
	int finals;
	int64_t res;
} book[MANY];

static void many_submit(
    struct pike_queue *q, const pike_handle *h, uint16_t flags)
{
	struct pike_op op = {.opcode = PIKE_POLL, .op_flags = PIKE_POLL_IN};

	op.flags = flags;
	memset(book, 0, sizeof book);
	for (int i = 0; i < MANY; i++) {
		op.handle = h[i % PAIRS];
		op.user_data = &book[i];
		book[i].id = use_submit(q, op);
	}
}

static void many_take(struct pike_queue *q, int64_t res)
{
	struct pike_completion out[256];

	for (int left = MANY; left;) {
		int n = pike_reap(q, out, 256, -1);

		ck_assert_int_gt(n, 0);
		for (int i = 0; i < n; i++) {
			size_t at =
			    (size_t)((char *)out[i].user_data - (char *)book) /
			    sizeof *book;

			UNIT_CHECK(at < MANY);
			UNIT_EQ(book[at].id, out[i].id);
			UNIT_EQ(out[i].res, res);
			UNIT_EQ(book[at].finals++, 0);
			left--;
		}
	}
	ck_assert_int_eq(pike_reap(q, out, 256, 0), 0);
}

static void pairs_open(
    struct pike_queue *q, pike_handle h[PAIRS], int peer[PAIRS])
{
	const struct rlimit limit = {1000, 1000};
	struct rlimit now;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
	if (now.rlim_cur < limit.rlim_cur)
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < PAIRS; i++) {
		int fd[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		h[i] = pike_adopt(q, fd[0], 0);
		ck_assert_int_gt(h[i], 0);
		peer[i] = fd[1];
	}
}

/* All pend, are cancelled in one batch, pend again, and are all answered at
 * once, by a kernel that has room for eight answers. */
static void saturate(void)
{
	static pike_handle h[PAIRS];
	static int peer[PAIRS];
	struct pike_queue *q = opened(NULL);

	pairs_open(q, h, peer);
	many_submit(q, h, 0);
	for (int i = 0; i < MANY; i++)
		UNIT_EQ(pike_cancel(q, book[i].id), 0);
	many_take(q, -PIKE_ECANCELED);
	many_submit(q, h, 0);
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
	for (int i = MANY; i-- > 0;)
		UNIT_EQ(pike_cancel(q, book[i].id), 0);
	many_take(q, -PIKE_ECANCELED);
	many_submit(q, h, 0);
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
	for (int i = 0; i < PAIRS; i++)
		ck_assert_int_eq(write(peer[i], "x", 1), 1);
	many_take(q, PIKE_POLL_IN);
	many_submit(q, h, 0);
	many_take(q, PIKE_POLL_IN);
	use_works(q);
	use_groups(q);
	for (int i = 0; i < PAIRS; i++) {
		use_do(
		    q, (struct pike_op){.opcode = PIKE_CLOSE, .handle = h[i]});
		ck_assert_int_le(read(peer[i], &(char){0}, 1), 0);
		close(peer[i]);
	}
	pike_queue_close(q);
}

START_TEST(ten_thousand_pend_in_a_ring_of_four)
{
	saturate();
}
END_TEST

START_TEST(ten_thousand_pend_where_one_is_taken_at_a_time)
{
	takes = 1;
	saturate();
}
END_TEST

START_TEST(ten_thousand_pend_in_a_ring_that_is_busy)
{
	static pike_handle h[PAIRS];
	static int peer[PAIRS];
	static const int errors[] = {EBUSY, EAGAIN, ENOMEM, EINTR};
	struct pike_queue *q = opened(NULL);

	pairs_open(q, h, peer);
	for (size_t i = 0; i < COUNT(errors); i++) {
		/* Requests and their cancels wait together. */
		enter_error = errors[i];
		enter_errors = i % 2 ? 20 : INT_MAX;
		many_submit(q, h, 0);
		for (int op = 0; op < MANY; op++)
			UNIT_EQ(pike_cancel(q, book[op].id), 0);
		enter_errors = 3;
		many_take(q, -PIKE_ECANCELED);
	}
	pike_queue_close(q);
}
END_TEST

/* ---- requests for many answers, which the kernel ends ---- */

START_TEST(datagrams_that_overflow_the_answers_all_come)
{
	enum {
		COUNT_OF = 150
	};
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof in;
	int to = socket(AF_INET, SOCK_DGRAM, 0);
	int from = socket(AF_INET, SOCK_DGRAM, 0);
	struct pike_queue *q = opened(NULL);
	struct pike_op op = {.opcode = PIKE_RECV};
	int64_t group = pike_group_open(q, 256, 16, NULL);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(to, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(getsockname(to, (struct sockaddr *)&in, &len), 0);
	ck_assert_int_eq(connect(from, (struct sockaddr *)&in, len), 0);
	op.flags = PIKE_GROUP | PIKE_MULTISHOT;
	op.handle = pike_adopt(q, to, 0);
	op.u.group.id = (uint32_t)group;
	use_submit(q, op);
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < COUNT_OF; i++)
			ck_assert_int_eq(send(from, &i, sizeof i, 0), sizeof i);
		for (int i = 0; i < COUNT_OF; i++) {
			struct pike_completion c = use_take(q);
			int got;

			UNIT_EQ(c.flags, PIKE_MORE | PIKE_BUFFER);
			UNIT_EQ(c.res, sizeof i);
			memcpy(&got,
			    pike_group_buffer(q, (uint32_t)group, c.buffer),
			    sizeof got);
			UNIT_EQ(got, i);
			UNIT_EQ(
			    pike_group_return(q, (uint32_t)group, c.buffer), 0);
		}
	}
	pike_queue_close(q);
	close(from);
}
END_TEST

START_TEST(connections_that_overflow_the_answers_all_come)
{
	enum {
		CALLERS = 100
	};
	struct pike_queue *q = opened(NULL);
	struct pike_op op = {.opcode = PIKE_ACCEPT, .flags = PIKE_MULTISHOT};
	struct pike_addr at;
	pike_id id;

	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	op.handle = use_listener(q, &at);
	id = use_submit(q, op);
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
	for (int i = 0; i < CALLERS; i++)
		ck_assert_int_ge(use_call(&at), 0);
	for (int i = 0; i < CALLERS; i++) {
		struct pike_completion c = use_take(q);

		ck_assert_int_eq(c.id, id);
		ck_assert_int_gt(c.res, 0);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
	}
	pike_queue_close(q);
}
END_TEST

/* ---- ends ---- */

/* With edges of it on their way, and accepts of both kinds pending. */
START_TEST(a_closed_listener_refuses_at_once)
{
	struct pike_queue *q;
	struct pike_addr at;

	entries_given = 0;
	q = opened(NULL);
	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	for (int i = 0; i < 200; i++) {
		struct pike_op op = {.opcode = PIKE_ACCEPT};
		struct pike_completion c;
		int fd = -1;

		op.handle = use_listener(q, &at);
		op.flags = i % 2 ? PIKE_MULTISHOT : 0;
		use_submit(q, op);
		op = (struct pike_op){.opcode = PIKE_POLL,
		    .op_flags = i % 4 < 2 ? PIKE_POLL_PRI : PIKE_POLL_OUT,
		    .handle = op.handle};
		use_submit(q, op);
		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
		if (i % 3 == 0)
			fd = use_call(&at);
		op =
		    (struct pike_op){.opcode = PIKE_CLOSE, .handle = op.handle};
		pike_id last = use_submit(q, op);

		while ((c = use_take(q)).id != last)
			ck_assert_int_ne(c.res, 0);
		ck_assert_int_eq(c.res, 0);
		ck_assert_int_lt(use_call(&at), 0);
		close(fd);
	}
	pike_queue_close(q);
}
END_TEST

START_TEST(a_port_is_free_when_its_queue_is_closed)
{
	struct pike_addr at;

	entries_given = 0;
	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	for (int i = 0; i < 200; i++) {
		struct pike_queue *q = opened(NULL);
		struct pike_op op = {.opcode = PIKE_ACCEPT};
		int fd;

		op.handle = use_listener(q, &at);
		op.flags = i % 2 ? PIKE_MULTISHOT : 0;
		use_submit(q, op);
		op.opcode = PIKE_POLL;
		op.op_flags = PIKE_POLL_PRI;
		op.flags = 0;
		use_submit(q, op);
		if (i % 4 < 2)
			pike_reap(q, &(struct pike_completion){0}, 1, 0);
		fd = use_call(&at);
		pike_queue_close(q);
		ck_assert_int_lt(use_call(&at), 0);
		close(fd);
		pike__sys = real;
	}
}
END_TEST

/* The poll of the end that is closed has just been woken. */
START_TEST(a_close_is_not_kept_by_an_edge_on_its_way)
{
	static unsigned char out[8192], in[8192];
	struct pike_op op = {.opcode = PIKE_WRITE, .buf = out};
	struct pike_queue *q = opened(NULL);
	pike_handle reader, writer;
	struct pike_completion c;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_gt(fcntl(fd[1], F_SETPIPE_SZ, 4096), 0);
	reader = pike_adopt(q, fd[0], 0);
	writer = pike_adopt(q, fd[1], 0);
	op.handle = writer;
	op.len = 4096;
	ck_assert_int_eq(use_do(q, op), 4096);
	op.len = 1;
	use_submit(q, op); /* waits for room */
	ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
	ck_assert_int_eq(read(fd[0], in, sizeof in), 4096);
	use_submit(q, (struct pike_op){.opcode = PIKE_CLOSE, .handle = writer});
	ck_assert_int_lt(use_take(q).res, 1);
	ck_assert_int_eq(use_take(q).res, 0);
	op = (struct pike_op){
	    .opcode = PIKE_READ, .handle = reader, .buf = in, .len = 1};
	use_submit(q, op);
	ck_assert_int_eq(pike_reap(q, &c, 1, INT64_C(5000000000)), 1);
	ck_assert_int_eq(c.res, 0);
	pike_queue_close(q);
}
END_TEST

/* ---- what a kernel does not know ---- */

static void runs_with(unsigned unknown, unsigned flags, unsigned features_off)
{
	const struct pike_params params = {.features_off = features_off};
	struct pike_queue *q;

	entries_given = 0;
	flags_unknown = unknown;
	q = opened(&params);
	ck_assert_uint_eq(
	    flags_run, flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP);
	use_works(q);
	use_groups(q);
	pike_queue_close(q);
	pike__sys = real;
}

START_TEST(each_rung_of_the_ladder_bears)
{
	const unsigned one = IORING_SETUP_SINGLE_ISSUER,
		       defer = IORING_SETUP_DEFER_TASKRUN,
		       coop = IORING_SETUP_COOP_TASKRUN,
		       flag = IORING_SETUP_TASKRUN_FLAG,
		       all = IORING_SETUP_SUBMIT_ALL;

	runs_with(0, one | defer | flag | all, 0);
	runs_with(defer, one | coop | flag | all, 0);
	runs_with(defer | one, coop | flag | all, 0);
	runs_with(defer | one | coop, all, 0);
	runs_with(0, coop | flag | all, PIKE_FEATURE_SINGLE_ISSUER);
}
END_TEST

START_TEST(rings_are_halved_until_there_is_memory)
{
	struct pike_queue *q;

	entries_given = 0;
	entries_allowed = 40;
	q = opened(NULL);
	ck_assert_uint_eq(entries_run, 32);
	use_works(q);
	pike_queue_close(q);
}
END_TEST

/* ---- enters ---- */

START_TEST(a_wait_takes_all_that_was_submitted_along)
{
	static pike_handle h[PAIRS];
	static int peer[PAIRS];
	static char byte[PAIRS];
	struct pike_op op = {.opcode = PIKE_RECV, .len = 1};
	struct pike_queue *q;

	entries_given = 0;
	q = opened(NULL);
	pairs_open(q, h, peer);
	for (int i = 0; i < PAIRS; i++) {
		op.handle = h[i];
		op.buf = &byte[i];
		use_submit(q, op);
	}
	enters = 0;
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
	ck_assert_uint_eq(enters, 1);
	pike_queue_close(q);
}
END_TEST

/* As where a filter came after the queue. */
START_TEST(a_ring_that_is_forbidden_later_says_so)
{
	struct pike_queue *q = opened(NULL);
	struct pike_completion c;

	use_works(q);
	enter_error = EPERM;
	enter_errors = 1;
	ck_assert_int_eq(pike_reap(q, &c, 1, -1), -PIKE_EPERM);
	pike_queue_close(q);
}
END_TEST

UNIT_MAIN("ring", ten_thousand_pend_in_a_ring_of_four,
    ten_thousand_pend_where_one_is_taken_at_a_time,
    ten_thousand_pend_in_a_ring_that_is_busy,
    datagrams_that_overflow_the_answers_all_come,
    connections_that_overflow_the_answers_all_come,
    a_closed_listener_refuses_at_once, a_port_is_free_when_its_queue_is_closed,
    a_close_is_not_kept_by_an_edge_on_its_way, each_rung_of_the_ladder_bears,
    rings_are_halved_until_there_is_memory,
    a_wait_takes_all_that_was_submitted_along,
    a_ring_that_is_forbidden_later_says_so)
