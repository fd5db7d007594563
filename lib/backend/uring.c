/* SPDX-License-Identifier: MIT */
/*
 * The ring: its opening, the one system call that submits and waits, what
 * comes out of it, and how it serves the reactor as a poller.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../alloc.h"
#include "posix_error.h"
#include "posix_io.h"
#include "uring.h"

/* Requests and answers that the rings hold, at first. */
#define ENTRIES     512
#define ENTRIES_MIN 8
#define ANSWERS     8

/* ---- requests ---- */

void pike__uring_spare_move(struct pike__uring *u)
{
	while (u->spare_count && u->room) {
		*pike__uring_next(u) = u->spare[u->spare_first++];
		u->spare_count--;
	}
	if (!u->spare_count)
		u->spare_first = 0;
}

static struct io_uring_sqe *spare_next(struct pike__uring *u)
{
	uint32_t at = u->spare_first + u->spare_count;

	if (!pike__grow(
		(void **)&u->spare, &u->spare_cap, at + 1, sizeof *u->spare))
		return NULL;
	u->spare_count++;
	u->reactor.heeds = true;
	u->spare[at] = (struct io_uring_sqe){0};
	return &u->spare[at];
}

PIKE__COLD struct io_uring_sqe *pike__uring_sqe_any(struct pike__uring *u)
{
	if (u->ring.ring_fd < 0)
		return spare_next(u);
	pike__uring_enter(u, pike__uring_publish(u), 0, 0, NULL, 0);
	u->reactor.heeds = true; /* there may be answers */
	return u->room ? pike__uring_next(u) : spare_next(u);
}

void pike__uring_push(struct pike__uring *u)
{
	int taken;

	u->reactor.heeds = true; /* there may be answers */
	do {
		taken = pike__uring_enter(u, pike__uring_publish(u), 0,
		    IORING_ENTER_GETEVENTS, NULL, 0);
	} while (taken < 0 ? errno == EINTR
			   : taken > 0 && (u->spare_count ||
					      pike__uring_publish(u) > 0));
}

/* ---- the poller ---- */

static int poll_for(
    struct pike__uring *u, int fd, uint64_t name, unsigned events)
{
	struct io_uring_sqe *sqe = pike__uring_sqe(u);

	if (!sqe)
		return ENOMEM;
	io_uring_prep_poll_multishot(sqe, fd, events);
	sqe->user_data = name;
	return 0;
}

int pike__uring_watch(struct pike_queue *q, int fd, unsigned name)
{
	struct pike__uring *u = pike__uring_of(q);

	/* A ring whose work is deferred wakes nobody who polls it, but says so
	 * to an eventfd. */
	if (name == PIKE__OWN_SHOWN)
		return sys_uring_eventfd(&u->ring, fd);
	errno = poll_for(u, fd, name, POLLIN);
	return errno ? -1 : 0;
}

/*
 * A poll of a file that knows none ends at once, every time. Which those are
 * only epoll tells beforehand: 0 for a file that can be polled.
 */
static int unpollable(const struct pike__handle *h)
{
	struct epoll_event event = {0};
	int epfd, err;

	if (h->kind <= PIKE__PIPE)
		return 0;
	epfd = sys_epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		return errno;
	err =
	    sys_epoll_ctl(epfd, EPOLL_CTL_ADD, (int)h->fd, &event) ? errno : 0;
	sys_close(epfd);
	return err;
}

int pike__uring_edges(struct pike_queue *q, const struct pike__handle *h)
{
	return poll_for(pike__uring_of(q), (int)h->fd,
	    (uint64_t)h->self | PIKE__URING_EDGE, PIKE__URING_EDGES);
}

static int uring_arm(struct pike_queue *q, struct pike__handle *h)
{
	int err = unpollable(h);

	return err ? err : pike__uring_edges(q, h);
}

/* Ends a poll, also one whose edge is on its way. At once: what polls a file
 * keeps it open. Without memory for a request it is a call, from Linux 6.0 on.
 */
static void poll_end(struct pike__uring *u, uint64_t name)
{
	struct io_uring_sqe *sqe;

	if (u->ring.ring_fd < 0)
		return;
	sqe = pike__uring_sqe(u);
	if (sqe) {
		io_uring_prep_cancel64(sqe, name, 0);
		sqe->user_data = PIKE__URING_NOBODY;
	}
	pike__uring_push(u);
	if (sqe && !pike__uring_publish(u))
		return;
	sys_uring_cancel(&u->ring, name, 0);
	pike__uring_push(u); /* it ends when the kernel does its work */
}

static void uring_disarm(struct pike_queue *q, struct pike__handle *h)
{
	poll_end(pike__uring_of(q), (uint64_t)h->self | PIKE__URING_EDGE);
}

/*
 * A ring that is forbidden keeps files open until the kernel has done away
 * with it, which may be after its close: no peer shall wait for that. Not where
 * others may have the same descriptions.
 */
static int uring_drop(
    struct pike_queue *q, struct pike__handle *h, bool close_it)
{
	if (q->broken && close_it && h->kind <= PIKE__SOCKET_PACKET &&
	    !(h->flags & PIKE__EXPOSED) && !pike__port_children)
		sys_shutdown((int)h->fd, SHUT_RDWR);
	if (h->lane[PIKE__POLLS].state & PIKE__WATCHED)
		poll_end(
		    pike__uring_of(q), (uint64_t)h->self | PIKE__URING_HANG_UP);
	return pike__reactor_drop(q, h, close_it);
}

static void uring_wake(struct pike_queue *q)
{
	struct pike__uring *u = q->backend_state;

	pike__own_wake(&u->own, atomic_load(&u->own.shown_fd));
}

static const struct pike__poller uring_poller = {
    .arm = uring_arm,
    .disarm = uring_disarm,
    .wake = uring_wake,
    .keeps_open = true,
};

/* ---- opening and closing ---- */

/*
 * The best way to run a ring that a kernel may know, then lesser ones. The last
 * came with Linux 5.18: before it, to register an eventfd waits until no
 * request is in flight, so pike_pollable would have to wait for all of them.
 */
static const uint32_t ladder[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
	IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
	IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
	IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_SUBMIT_ALL,
};

#define RUNGS (sizeof ladder / sizeof *ladder)

/* The first whose work is not deferred. */
#define PROMPT 1

/* One rung after the other, then smaller and smaller rings: 0 or -1. */
static int ring_setup(struct pike__uring *u, size_t rung, uint32_t features_off,
    struct io_uring_params *p)
{
	unsigned entries = ENTRIES;

	for (;;) {
		if ((features_off & PIKE_FEATURE_SINGLE_ISSUER) &&
		    (ladder[rung] & IORING_SETUP_SINGLE_ISSUER)) {
			rung++;
			continue;
		}
		memset(p, 0, sizeof *p);
		p->flags =
		    ladder[rung] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
		p->cq_entries = entries * ANSWERS;
		if (sys_uring_setup(entries, &u->ring, p) == 0)
			return 0;
		if (errno == EINVAL && rung + 1 < RUNGS)
			rung++;
		else if (errno == ENOMEM && entries > ENTRIES_MIN)
			entries /= 2;
		else if (errno != EINTR) /* a filter may ask who can wait */
			break;
	}
	u->ring.ring_fd = -1;
	return -1;
}

/*
 * A ring is believed when a request went through it: a filter may allow its
 * making and refuse its use. Beside it goes what wakes the queue, which older
 * kernels do not know how to watch. The reason, or null.
 */
static const char *ring_try(struct pike_queue *q, struct pike__uring *u)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;
	int r;
	bool good = false;

	if (pike__own_open(&u->own, q, pike__uring_watch))
		return "eventfd";
	sqe = pike__uring_next(u); /* there is room: no other but one */
	io_uring_prep_nop(sqe);
	sqe->user_data = PIKE__URING_NOBODY;
	do {
		r = pike__uring_enter(u, pike__uring_publish(u), 1,
		    IORING_ENTER_GETEVENTS, NULL, 0);
	} while (r < 0 ? errno == EINTR : pike__uring_publish(u) > 0);
	if (r < 0)
		return "io_uring_enter";
	errno = ENOSYS;
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		n++;
		good = cqe->res >= 0 && (good || !cqe->user_data);
		if (cqe->res < 0)
			break;
	}
	io_uring_cq_advance(&u->ring, n);
	return good ? NULL : "multishot poll";
}

/* What everything here is built upon; all came before Linux 5.13. */
#define NEEDED                                                                 \
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |                        \
	    IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL |                \
	    IORING_FEAT_EXT_ARG)

static const char *ring_open(
    struct pike__uring *u, size_t rung, uint32_t features_off)
{
	struct io_uring_params p;

	if (ring_setup(u, rung, features_off, &p)) {
		if (errno != EINVAL)
			return "io_uring_setup";
		errno = ENOSYS;
		return "the kernel is too old: flags";
	}
	if ((p.features & NEEDED) != NEEDED) {
		errno = ENOSYS;
		return "the kernel is too old: features";
	}
	u->room = u->ring.sq.ring_entries;
	u->tells = p.flags & IORING_SETUP_TASKRUN_FLAG;
	u->deferred = p.flags & IORING_SETUP_DEFER_TASKRUN;
	u->reactor.heeds = !u->deferred;
	/* In a child there is nothing there: it may not use the ring. */
	return sys_uring_dontfork(&u->ring) ? "madvise" : NULL;
}

/* Requests are kept in spare from now on, and nobody takes them. */
void pike__uring_leave(struct pike__uring *u)
{
	if (u->ring.ring_fd >= 0)
		sys_uring_exit(&u->ring);
	u->ring.ring_fd = -1;
	u->room = 0;
}

static void uring_close(struct pike_queue *q, bool forked)
{
	struct pike__uring *u = pike__uring_of(q);

	pike__reactor_close(&u->reactor);
	if (!forked) {
		pike__uring_leave(u);
		pike__own_close(&u->own);
	}
	pike__uring_forget(u);
	pike__free(u->spare);
	pike__free(u);
	q->backend_state = NULL;
}

static int uring_open(struct pike_queue *q, const struct pike_params *params,
    char *reason, size_t size)
{
	struct pike__uring *u = pike__alloc(sizeof *u);
	struct pike__result r;
	const char *what;

	if (!u) {
		snprintf(reason, size, "out of memory");
		return -PIKE_ENOMEM;
	}
	memset(u, 0, sizeof *u);
	pike__reactor_open(&u->reactor, &uring_poller);
	pike__own_clear(&u->own);
	u->ring.ring_fd = -1;
	u->rest_ns = u->ask_ns = PIKE__URING_REST_NS;
	q->backend_state = u;
	what = ring_open(u, 0, params->features_off);
	if (!what)
		what = ring_try(q, u);
	/* Also for pike_pollable something has to be registered. */
	if (!what && pike__uring_learn(q, params->features_off))
		what = "io_uring_register";
	if (!what)
		return 0;
	pike__posix_error(&r, errno);
	snprintf(reason, size, "%s: %s", what, pike_error_text(r.err));
	uring_close(q, false);
	/* However small: this backend is not to be had here. */
	switch (r.err) {
	case PIKE_ENOMEM:
	case PIKE_EAGAIN:
	case PIKE_EBUSY:
		return -PIKE_ENOTSUP;
	default:
		return -r.err;
	}
}

/* ---- what pollable shows ---- */

/* Whether the kernel has no request of a handle or an op, nor a group. */
static bool ring_idle(struct pike_queue *q)
{
	if (pike__uring_of(q)->spare_count)
		return false;
	for (uint32_t i = 0; i < q->handles.count; i++) {
		const struct pike__handle *h = q->handles.at[i];

		if (h->self == h->name &&
		    ((h->flags & PIKE__REGISTERED) || h->pending ||
			(h->lane[PIKE__READS].state & PIKE__PARKED) ||
			(h->lane[PIKE__POLLS].state & PIKE__WATCHED)))
			return false;
	}
	for (uint32_t i = 0; i < q->slots.count; i++) {
		const struct pike__slot *slot = pike__slot_at(&q->slots, i);

		if (slot->state != PIKE__FREE &&
		    (slot->phase & PIKE__IN_SYSTEM))
			return false;
	}
	for (uint32_t i = 0; i < q->groups.count; i++)
		if (q->groups.at[i] && q->groups.at[i]->ring)
			return false;
	return true;
}

/* What a queue's own descriptors tell is told anew, also what was before. */
static bool own_watch(struct pike_queue *q, const struct pike__own *own)
{
	return !pike__uring_watch(q, own->wake_fd, PIKE__OWN_WAKE) &&
	       !pike__uring_watch(q, own->alarm_fd, PIKE__OWN_ALARM) &&
	       !pike__uring_watch(q, own->shown_fd, PIKE__OWN_SHOWN) &&
	       (own->clock_fd < 0 ||
		   !pike__uring_watch(q, own->clock_fd, PIKE__OWN_CLOCK));
}

/* Puts another ring in the place of an idle one: its work is not deferred. When
 * none can be had that is as large, the old one stays. */
static void ring_exchange(struct pike_queue *q, struct pike__uring *u)
{
	struct io_uring old = u->ring;
	uint32_t room = u->room;

	if (ring_open(u, PROMPT, q->features_off) ||
	    u->ring.sq.ring_entries < old.sq.ring_entries ||
	    !own_watch(q, &u->own)) {
		pike__uring_leave(u);
		u->ring = old;
		u->room = room;
		u->tells = u->deferred = true;
		return;
	}
	u->pours = false;
	sys_uring_exit(&old);
}

/* Whether what a wake-up brings is told within it: tried by a pipe. */
static bool tells_at_once(struct pike__uring *u)
{
	struct io_uring_sqe *sqe;
	bool told = false;
	int fds[2];

	if (sys_pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return false;
	sqe = pike__uring_sqe(u);
	if (sqe) {
		io_uring_prep_poll_add(sqe, fds[0], POLLIN);
		sqe->user_data = PIKE__URING_NOBODY;
		pike__uring_push(u);
		pike__own_lower(&u->own);
		told =
		    sys_write(fds[1], "", 1) == 1 && pike__own_lower(&u->own);
	}
	sys_close(fds[0]);
	sys_close(fds[1]);
	return told;
}

/*
 * A ring whose work is deferred tells that there is some by an eventfd. Newer
 * kernels do so some milliseconds later where somebody's wake-up has brought it
 * (KERNEL-NOTES). What cannot be exchanged has to do with that.
 */
static pike_fd uring_pollable(struct pike_queue *q)
{
	struct pike__uring *u = pike__uring_of(q);
	bool first = u->own.alarm_fd < 0;
	struct pike__result r;

	if (pike__own_expose(&u->own, q)) {
		pike__posix_error(&r, errno);
		return r.res;
	}
	u->late = u->deferred && (first ? !tells_at_once(u) : u->late);
	if (first && u->late && ring_idle(q))
		ring_exchange(q, u);
	return u->own.shown_fd;
}

const struct pike__backend pike__backend_uring = {
    .name = "uring",
    .open = uring_open,
    .close = uring_close,
    .adopt = pike__posix_adopt,
    .drop = uring_drop,
    .send = pike__reactor_send,
    .sent = pike__posix_transferred,
    .attempt = pike__uring_attempt,
    .recv = pike__uring_recv,
    .push = pike__uring_send,
    .start = pike__uring_start,
    .cancel = pike__uring_cancel,
    .wait = pike__uring_wait,
    .wake = uring_wake,
    .pollable = uring_pollable,
    .show = pike__uring_show,
    .route = pike__uring_route,
    .group_open = pike__uring_group_open,
    .group_close = pike__uring_group_close,
    .group_give = pike__uring_group_give,
};
