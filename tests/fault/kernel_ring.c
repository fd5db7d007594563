/* SPDX-License-Identifier: MIT */
/*
 * The failing system's io_uring: enters that fail or take fewer requests than
 * they are offered, small rings, and answers that the kernel could have given.
 * A request whose answer is an error is made one for no descriptor, so that
 * nothing comes of it, and its answer is written over.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "kernel_calls.h"

#ifdef PIKE_HAVE_URING

#	define PATIENCE_MS 2000 /* only spent by a test that fails */
#	define REST_NS                                                        \
		100000000 /* for less than that nothing real is awaited */
#	define LIES 32

/* Names of edges: lib/backend/uring.h. */
#	define EDGE     UINT64_C(0x40000000)
#	define OWN_LAST 4

static struct {
	struct io_uring *ring;
	unsigned seen; /* requests that were looked at, up to here */
	unsigned told; /* answers that were */
	bool entered;  /* it has been used: that is no part of its opening */
	int waited_ms;
	/* Answers to come that have to be others. */
	struct {
		uint64_t name;
		int error;
	} lies[LIES];
	int lie_count;
	/* What is polled for edges, by descriptor. */
	struct {
		uint64_t name;
		uint32_t events;
	} watch[KERNEL_DESCRIPTORS];
} at;

static struct pike__sys real;

/* ---- requests ---- */

static enum kernel_call request_call(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_ACCEPT:
		return CALL_ask_accept;
	case IORING_OP_CONNECT:
		return CALL_ask_connect;
	case IORING_OP_RECV:
		return CALL_ask_recv;
	case IORING_OP_SEND:
		return CALL_ask_send;
	case IORING_OP_RECVMSG:
		return CALL_ask_recvmsg;
	case IORING_OP_SENDMSG:
		return CALL_ask_sendmsg;
	case IORING_OP_POLL_ADD:
		if (sqe->user_data <= OWN_LAST)
			return at.entered ? CALL_ask_edge : CALLS;
		/* Those of handles end when they are told to, or tell. */
		return sqe->user_data & EDGE ? CALLS : CALL_ask_poll;
	default:
		return CALLS;
	}
}

/* Polls that may have to be told of again. */
static void watch_look(const struct io_uring_sqe *sqe)
{
	if (sqe->opcode == IORING_OP_POLL_ADD && (sqe->user_data & EDGE) &&
	    sqe->fd < KERNEL_DESCRIPTORS) {
		kernel_looks_again(sqe->fd);
		at.watch[sqe->fd].name = sqe->user_data;
		at.watch[sqe->fd].events = sqe->poll32_events;
	}
	for (int fd = 0; fd < KERNEL_DESCRIPTORS; fd++)
		if (sqe->opcode == IORING_OP_ASYNC_CANCEL &&
		    at.watch[fd].name == sqe->addr)
			at.watch[fd].name = 0;
}

static void request_fail(struct io_uring_sqe *sqe, int error)
{
	if (at.lie_count == LIES)
		kernel_blame("too many requests fail at once");
	at.lies[at.lie_count].name = sqe->user_data;
	at.lies[at.lie_count++].error = error;
	sqe->fd = -1;
}

/* Single receives came with rings of buffers: a kernel that has these knows
 * them. */
static bool may_be_unknown(
    enum kernel_call call, const struct io_uring_sqe *sqe)
{
	return call != CALL_ask_edge &&
	       (!(sqe->flags & IOSQE_BUFFER_SELECT) ||
		   (sqe->ioprio & IORING_RECV_MULTISHOT));
}

/* The kernel may end a request for many answers with any of them: in a tiny
 * ring it always does with the first. */
static void request_single(struct io_uring_sqe *sqe)
{
	/* What is ready would be told again without end: once for each. */
	if (sqe->opcode == IORING_OP_POLL_ADD && (sqe->user_data & EDGE)) {
		if (sqe->fd < KERNEL_DESCRIPTORS &&
		    at.watch[sqe->fd].name != sqe->user_data)
			sqe->len = 0;
	} else if (sqe->opcode == IORING_OP_ACCEPT)
		sqe->ioprio = 0;
	else if (sqe->opcode == IORING_OP_RECV)
		sqe->ioprio &= (uint16_t)~IORING_RECV_MULTISHOT;
}

static void request_look(struct io_uring_sqe *sqe)
{
	enum kernel_call call = request_call(sqe);
	int error;

	if (kernel.plan.tiny && !kernel.plan.fail_at)
		request_single(sqe);
	watch_look(sqe);
	if (call == CALLS)
		return;
	error = kernel_turn(call, sqe->fd);
	if (!error && kernel.plan.lies && may_be_unknown(call, sqe))
		error = EINVAL;
	if (error)
		request_fail(sqe, error);
	else if (call == CALL_ask_recv || call == CALL_ask_send)
		sqe->len = (uint32_t)kernel_cut(sqe->fd, sqe->len);
}

static void requests_look(struct io_uring_sq *sq)
{
	unsigned tail = *sq->ktail;

	for (; at.seen != tail; at.seen++)
		request_look(&sq->sqes[at.seen & sq->ring_mask]);
}

/* Asks for edges of what is ready still, where a call has said that it is not:
 * an update of a poll tells again. How many requests that took. */
static unsigned make_edges(struct io_uring_sq *sq)
{
	unsigned n = 0;

	for (int fd = 0; fd < KERNEL_DESCRIPTORS; fd++) {
		struct io_uring_sqe *sqe;

		if (!at.watch[fd].name ||
		    sq->sqe_tail - *sq->khead == sq->ring_entries ||
		    !kernel_looks_again(fd))
			continue;
		sqe = &sq->sqes[sq->sqe_tail++ & sq->ring_mask];
		io_uring_prep_rw(IORING_OP_POLL_REMOVE, sqe, -1, NULL,
		    IORING_POLL_ADD_MULTI | IORING_POLL_UPDATE_EVENTS, 0);
		sqe->addr = at.watch[fd].name;
		sqe->poll32_events = at.watch[fd].events;
		sqe->user_data = 0;
		n++;
	}
	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	at.seen = sq->sqe_tail;
	return n;
}

/* ---- answers ---- */

static void answer_look(struct io_uring_cqe *cqe)
{
	for (int i = 0; i < at.lie_count && cqe->res == -EBADF; i++) {
		if (at.lies[i].name != cqe->user_data)
			continue;
		cqe->res = -at.lies[i].error;
		at.lies[i] = at.lies[--at.lie_count];
	}
}

/* Whether there are any that the library has not taken. */
static bool answers_look(struct io_uring_cq *cq)
{
	unsigned tail = io_uring_smp_load_acquire(cq->ktail);

	for (; at.told != tail; at.told++)
		answer_look(&cq->cqes[at.told & cq->ring_mask]);
	return tail != *cq->khead;
}

/* ---- calls ---- */

static int fake_uring_setup(
    unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	if (kernel_fails(CALL_uring_setup, -1))
		return -1;
	memset(&at, 0, sizeof at);
	if (kernel.plan.tiny) {
		entries = 4;
		p->cq_entries = 8;
	}
	at.ring = ring;
	return real.uring_setup(entries, ring, p);
}

/* How long the system is waited for, as for a poller: kernel_calls.c. */
static int patience(int64_t timeout_ns)
{
	if (timeout_ns < 0)
		return PATIENCE_MS;
	if (!kernel_strict() || kernel.plan.is_all_timed ||
	    timeout_ns < REST_NS)
		return 0;
	return timeout_ns / 1000000 < PATIENCE_MS ? (int)(timeout_ns / 1000000)
						  : PATIENCE_MS;
}

/* Whether anything came. */
static bool wait_for(int fd, int64_t timeout_ns)
{
	int ms = patience(timeout_ns);
	struct __kernel_timespec ts = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&ts};

	if (ms)
		real.uring_enter(fd, 0, 1,
		    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
		    sizeof arg);
	if (answers_look(&at.ring->cq))
		return true;
	at.waited_ms += ms;
	if (timeout_ns < 0 || at.waited_ms >= PATIENCE_MS)
		kernel_blame("waits for what will never be");
	kernel.now += timeout_ns;
	return false;
}

static int fake_uring_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	const struct io_uring_getevents_arg *timed = arg;
	bool is_short = kernel.plan.tiny && n > 1;
	int64_t timeout_ns = -1;
	unsigned more;
	int done;

	if (kernel_is_over())
		return real.uring_enter(fd, n, least, flags, arg, size);
	if (timed) {
		const struct __kernel_timespec *ts =
		    (const void *)(uintptr_t)timed->ts;

		timeout_ns = ts->tv_sec * 1000000000 + ts->tv_nsec;
	}
	requests_look(&at.ring->sq);
	if (kernel_fails(CALL_uring_enter, -1))
		return -1;
	more = is_short ? 0 : make_edges(&at.ring->sq);
	done = real.uring_enter(fd, is_short ? 1 : n + more, 0,
	    flags & IORING_ENTER_GETEVENTS, NULL, 0);
	if (done > (int)n)
		done = (int)n;
	at.entered |= done >= 0;
	if (answers_look(&at.ring->cq) || done < (int)n || !least)
		return done;
	if (wait_for(fd, timeout_ns) || n)
		return done;
	errno = ETIME;
	return -1;
}

static int fake_uring_probe(
    struct io_uring *ring, struct io_uring_probe *probe, unsigned n)
{
	return kernel_fails(CALL_uring_probe, -1)
		   ? -1
		   : real.uring_probe(ring, probe, n);
}

void kernel_ring_install(const struct pike__sys *system)
{
	real = *system;
	pike__sys.uring_setup = fake_uring_setup;
	pike__sys.uring_enter = fake_uring_enter;
	pike__sys.uring_probe = fake_uring_probe;
	pike__sys.uring_exit = real.uring_exit; /* says nothing */
}

void kernel_ring_closed(int fd)
{
	at.watch[fd].name = 0;
}

#else

void kernel_ring_install(const struct pike__sys *system)
{
	(void)system;
}

void kernel_ring_closed(int fd)
{
	(void)fd;
}

#endif
