/* SPDX-License-Identifier: MIT */
/* Receives of many results from a stream, as requests for many and for one. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/sys.h"
#include "use.h"

#define PATIENCE (INT64_C(10) * 1000000000) /* of what fails */

static struct pike__sys real;
static const struct io_uring *ring;
static unsigned flags_run;
static unsigned pours;   /* receives of many that were submitted */
static unsigned watches; /* and polls for a hang-up */
static uint64_t forgotten;
static const char *release = "7.0.0"; /* null: unknown */
static bool forgets;                  /* an end that comes with data */

static int fake_setup(
    unsigned entries, struct io_uring *made, struct io_uring_params *p)
{
	ring = made;
	flags_run = p->flags;
	return real.uring_setup(entries, made, p);
}

static int fake_uname(struct utsname *name)
{
	if (!release) {
		errno = EFAULT;
		return -1;
	}
	memset(name, 0, sizeof *name);
	snprintf(name->release, sizeof name->release, "%s", release);
	return 0;
}

/* What the data of a request for many are followed by gets the name of a
 * request that nobody waits for. */
static void end_forget(void)
{
	const struct io_uring_cq *cq = &ring->cq;

	for (unsigned at = *cq->khead; at + 1 < *cq->ktail; at++) {
		const struct io_uring_cqe *cqe = &cq->cqes[at & cq->ring_mask];
		struct io_uring_cqe *next = &cq->cqes[(at + 1) & cq->ring_mask];

		if ((cqe->flags & IORING_CQE_F_MORE) && next->res <= 0 &&
		    next->user_data == cqe->user_data) {
			forgotten = next->user_data;
			next->user_data = 0;
		}
	}
}

/* To the application's side it is there until it is cancelled: a request that
 * does nothing ends in its name. */
static void cancel_look(struct io_uring_sqe *sqe)
{
	if (sqe->opcode == IORING_OP_ASYNC_CANCEL && forgotten &&
	    sqe->addr == forgotten) {
		io_uring_prep_nop(sqe);
		sqe->user_data = forgotten;
	}
}

static void cancel_end(void)
{
	const struct io_uring_cq *cq = &ring->cq;

	for (unsigned at = *cq->khead; at != *cq->ktail; at++) {
		struct io_uring_cqe *cqe = &cq->cqes[at & cq->ring_mask];

		if (forgotten && cqe->user_data == forgotten && !cqe->flags) {
			cqe->res = -ECANCELED;
			forgotten = 0;
		}
	}
}

static int fake_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	const struct io_uring_sq *sq = &ring->sq;
	struct io_uring_sqe watch;
	int taken;

	io_uring_prep_poll_add(&watch, 0, POLLRDHUP);
	for (unsigned at = *sq->khead; at != *sq->ktail; at++) {
		struct io_uring_sqe *sqe = &sq->sqes[at & sq->ring_mask];

		pours += sqe->opcode == IORING_OP_RECV &&
			 (sqe->ioprio & IORING_RECV_MULTISHOT);
		watches += sqe->opcode == IORING_OP_POLL_ADD &&
			   sqe->poll32_events == watch.poll32_events;
		cancel_look(sqe);
	}
	taken = real.uring_enter(fd, n, least, flags, arg, size);
	cancel_end();
	if (forgets)
		end_forget();
	return taken;
}

static struct pike_queue *opened(uint32_t features_off)
{
	const struct pike_params params = {
	    .backend = "uring", .features_off = features_off};
	struct pike_queue *q;

	if (!real.uring_enter)
		real = pike__sys;
	pike__sys.uring_setup = fake_setup;
	pike__sys.uring_enter = fake_enter;
	pike__sys.uname = fake_uname;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
	return q;
}

static void local_pair(int fd[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
}

/* Its second end resets when it is closed. */
static void abrupt_pair(int fd[2])
{
	const struct linger abrupt = {.l_onoff = 1};
	struct sockaddr_in in = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof in;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(
	    getsockname(listener, (struct sockaddr *)&in, &len), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd[1], (struct sockaddr *)&in, len), 0);
	fd[0] = accept(listener, NULL, NULL);
	ck_assert_int_ge(fd[0], 0);
	close(listener);
	ck_assert_int_eq(
	    setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt),
	    0);
}

enum {
	SIZE = 16,
	MANY = 80
};

static struct pike_op recv_many(struct pike_queue *q, int fd)
{
	struct pike_op op = {
	    .opcode = PIKE_RECV, .flags = PIKE_GROUP | PIKE_MULTISHOT};

	op.handle = pike_adopt(q, fd, 0);
	op.u.group.id = (uint32_t)pike_group_open(q, 2 * MANY, SIZE, NULL);
	pours = watches = 0;
	return op;
}

/* So many buffers of data come, and that is behind them. */
static struct pike_completion all_comes(struct pike_queue *q, int64_t buffers)
{
	struct pike_completion c;
	int64_t came = 0;

	for (;;) {
		ck_assert_int_eq(pike_reap(q, &c, 1, PATIENCE), 1);
		if (!(c.flags & PIKE_MORE))
			break;
		came += c.res;
	}
	ck_assert_int_eq(came, SIZE * buffers);
	pike_queue_close(q);
	return c;
}

/* More than the kernel takes at a time, and the end, are there before anybody
 * receives. What the op ends with. */
static struct pike_completion stream_ends(
    uint32_t features_off, void (*pair)(int fd[2]))
{
	struct pike_queue *q = opened(features_off);
	static const char bytes[SIZE * MANY];
	int fd[2];

	pair(fd);
	ck_assert_int_eq(send(fd[1], bytes, sizeof bytes, 0), sizeof bytes);
	close(fd[1]);
	use_submit(q, recv_many(q, fd[0]));
	return all_comes(q, MANY);
}

/* One buffer of data and the end come while it waits. */
static struct pike_completion message_ends(void (*pair)(int fd[2]))
{
	struct pike_queue *q = opened(0);
	struct pike_completion none;
	static const char bytes[SIZE];
	int fd[2];

	pair(fd);
	use_submit(q, recv_many(q, fd[0]));
	ck_assert_int_eq(pike_reap(q, &none, 1, 0), 0);
	ck_assert_int_eq(send(fd[1], bytes, sizeof bytes, 0), sizeof bytes);
	close(fd[1]);
	return all_comes(q, 1);
}

START_TEST(the_end_behind_a_flood_is_told)
{
	struct pike_completion c = stream_ends(0, local_pair);

	ck_assert_int_eq(c.res, 0);
	ck_assert_uint_eq(c.flags, PIKE_EOF);
	if (flags_run & IORING_SETUP_DEFER_TASKRUN)
		ck_assert_uint_eq(pours, 1);
}
END_TEST

START_TEST(a_reset_behind_a_flood_is_told)
{
	struct pike_completion c = stream_ends(0, abrupt_pair);

	ck_assert_int_eq(c.res, -PIKE_ECONNRESET);
	if (flags_run & IORING_SETUP_DEFER_TASKRUN)
		ck_assert_uint_eq(pours, 1);
}
END_TEST

/* Urgent data would end it unheard. */
START_TEST(a_ring_that_is_not_deferred_pours_no_stream)
{
	struct pike_completion c =
	    stream_ends(PIKE_FEATURE_SINGLE_ISSUER, local_pair);

	ck_assert_uint_eq(c.flags, PIKE_EOF);
	ck_assert_uint_eq(flags_run & IORING_SETUP_DEFER_TASKRUN, 0);
	ck_assert_uint_eq(pours, 0);
}
END_TEST

START_TEST(the_end_behind_a_message_is_told)
{
	ck_assert_uint_eq(message_ends(local_pair).flags, PIKE_EOF);
	ck_assert_int_eq(message_ends(abrupt_pair).res, -PIKE_ECONNRESET);
}
END_TEST

START_TEST(an_end_that_the_kernel_forgets_is_told)
{
	release = "6.8.0-31-generic";
	forgets = true;
	ck_assert_uint_eq(message_ends(local_pair).flags, PIKE_EOF);
	/* This kernel has taken the error away with it. */
	ck_assert_int_le(message_ends(abrupt_pair).res, 0);
	if (flags_run & IORING_SETUP_DEFER_TASKRUN)
		ck_assert_uint_eq(pours, 1);
}
END_TEST

/* What watches a connection keeps it open. */
START_TEST(a_watched_connection_is_closed_and_released)
{
	struct pike_completion none;
	struct pike_queue *q;
	char in;

	release = "6.8.0-31-generic";
	q = opened(0);
	for (int i = 0; i < 4; i++) {
		struct pike_op op;
		int fd[2];

		local_pair(fd);
		op = recv_many(q, fd[0]);
		use_submit(q, op);
		ck_assert_int_eq(pike_reap(q, &none, 1, 0), 0);
		if (i % 2) {
			pike_cancel_handle(q, op.handle);
			ck_assert_int_eq(use_take(q).res, -PIKE_ECANCELED);
			ck_assert_int_eq(pike_release(q, op.handle), fd[0]);
			close(fd[0]);
		} else {
			op = (struct pike_op){
			    .opcode = PIKE_CLOSE, .handle = op.handle};
			use_submit(q, op);
			ck_assert_int_eq(use_take(q).res, -PIKE_ECANCELED);
			ck_assert_int_eq(use_take(q).res, 0);
		}
		ck_assert_int_eq(recv(fd[1], &in, 1, MSG_DONTWAIT), 0);
		close(fd[1]);
	}
	pike_queue_close(q);
}
END_TEST

/* Begun anew, it is watched still; and by one poll. */
START_TEST(a_connection_is_watched_once)
{
	static const char bytes[SIZE];
	struct pike_completion none;
	struct pike_queue *q;
	struct pike_op op;
	int fd[2];

	release = "6.8.0-31-generic";
	forgets = true;
	q = opened(0);
	local_pair(fd);
	op = recv_many(q, fd[0]);
	for (int i = 0; i < 3; i++) {
		pike_id id = use_submit(q, op);

		ck_assert_int_eq(pike_reap(q, &none, 1, 0), 0);
		ck_assert_int_eq(pike_cancel(q, id), 0);
		ck_assert_int_eq(use_take(q).res, -PIKE_ECANCELED);
	}
	if (flags_run & IORING_SETUP_DEFER_TASKRUN)
		ck_assert_uint_eq(watches, 1);
	use_submit(q, op);
	ck_assert_int_eq(pike_reap(q, &none, 1, 0), 0);
	ck_assert_int_eq(send(fd[1], bytes, SIZE, 0), SIZE);
	close(fd[1]);
	ck_assert_uint_eq(all_comes(q, 1).flags, PIKE_EOF);
}
END_TEST

START_TEST(kernels_are_known_by_their_release)
{
	static const char *const good[] = {"6.1.0-50-cloud-amd64", "6.12.95",
	    "6.12.107+deb13-amd64", "6.18.44-fc", "7.0.0", "7.2.13+deb14",
	    "7.0-rc7", "10.1.2"};
	static const char *const bad[] = {"6.2.0", "6.8.0-31-generic",
	    "6.12.94", "6.12", "6.17.0", "6.18.43", "6.19.0", "6.110.120",
	    "5.19.0", "", "linux", "7", NULL};

	for (size_t i = 0; i < COUNT(good); i++) {
		release = good[i];
		message_ends(local_pair);
		ck_assert_msg(watches == 0, "%s", release);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		release = bad[i];
		message_ends(local_pair);
		ck_assert_msg(watches == pours, "%s", release ? release : "");
	}
}
END_TEST

UNIT_MAIN("flood", the_end_behind_a_flood_is_told,
    a_reset_behind_a_flood_is_told, a_ring_that_is_not_deferred_pours_no_stream,
    the_end_behind_a_message_is_told, an_end_that_the_kernel_forgets_is_told,
    a_watched_connection_is_closed_and_released, a_connection_is_watched_once,
    kernels_are_known_by_their_release)
