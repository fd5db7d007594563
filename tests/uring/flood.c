/* SPDX-License-Identifier: MIT */
/* Receives of many results from a stream, as requests for many and for one. */
#include "config.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/sys.h"
#include "use.h"

static struct pike__sys real;
static const struct io_uring *ring;
static unsigned flags_run;
static unsigned pours; /* receives of many that were submitted */

static int fake_setup(
    unsigned entries, struct io_uring *made, struct io_uring_params *p)
{
	ring = made;
	flags_run = p->flags;
	return real.uring_setup(entries, made, p);
}

static int fake_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	const struct io_uring_sq *sq = &ring->sq;

	for (unsigned at = *sq->khead; at != *sq->ktail; at++) {
		const struct io_uring_sqe *sqe = &sq->sqes[at & sq->ring_mask];

		pours += sqe->opcode == IORING_OP_RECV &&
			 (sqe->ioprio & IORING_RECV_MULTISHOT);
	}
	return real.uring_enter(fd, n, least, flags, arg, size);
}

static struct pike_queue *opened(uint32_t features_off)
{
	const struct pike_params params = {
	    .backend = "uring", .features_off = features_off};
	struct pike_queue *q;

	real = pike__sys;
	pike__sys.uring_setup = fake_setup;
	pike__sys.uring_enter = fake_enter;
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

/* More than the kernel takes at a time, and the end, are there before anybody
 * receives. What the op ends with. */
static struct pike_completion stream_ends(
    uint32_t features_off, void (*pair)(int fd[2]))
{
	enum {
		SIZE = 16,
		COUNT_OF = 80
	};
	struct pike_queue *q = opened(features_off);
	struct pike_op op = {.opcode = PIKE_RECV};
	static const char bytes[SIZE * COUNT_OF];
	struct pike_completion c;
	int64_t group, came = 0;
	int fd[2];

	group = pike_group_open(q, 2 * COUNT_OF, SIZE, NULL);
	pair(fd);
	ck_assert_int_eq(send(fd[1], bytes, sizeof bytes, 0), sizeof bytes);
	close(fd[1]);
	op.flags = PIKE_GROUP | PIKE_MULTISHOT;
	op.handle = pike_adopt(q, fd[0], 0);
	op.u.group.id = (uint32_t)group;
	pours = 0;
	use_submit(q, op);
	for (;;) {
		c = use_take(q);
		if (!(c.flags & PIKE_MORE))
			break;
		came += c.res;
	}
	ck_assert_int_eq(came, sizeof bytes);
	pike_queue_close(q);
	return c;
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

UNIT_MAIN("flood", the_end_behind_a_flood_is_told,
    a_reset_behind_a_flood_is_told, a_ring_that_is_not_deferred_pours_no_stream)
