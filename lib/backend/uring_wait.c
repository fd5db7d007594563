/* SPDX-License-Identifier: MIT */
/*
 * The one system call that submits and waits, and what comes out of the ring:
 * edges, what wakes the queue, answers to the requests of ops.
 */
#include "config.h"

#include <errno.h>

#include "posix_error.h"
#include "posix_io.h"
#include "uring.h"

/* With more answers at a time than these, sends are worth a request: they are
 * submitted with others. Else a call is as cheap, and ends the op at once. */
#define CROWD 2

/* How long to rest when the kernel has no memory, at most. */
#define REST_NS_MAX 64000000

/* Of lost_polls, beside those of own.h. */
#define EDGES 7

_Static_assert(PIKE__OWN_ALARM < EDGES, "own.h's names have a bit each");

/* ---- answers ---- */

/* There was no memory to begin a poll anew: later. */
static void poll_lost(struct pike__uring *u, unsigned name)
{
	u->lost_polls |= (uint8_t)(1u << name);
	u->lost_cancels = u->reactor.heeds = true;
	u->ask_at = 0;
}

/* A poll that the kernel has ended is begun anew, if somebody wants it. */
static void edge(struct pike_queue *q, const struct io_uring_cqe *cqe)
{
	pike_handle name = (pike_handle)(cqe->user_data & ~PIKE__URING_EDGE);
	struct pike__handle *h = pike__handle_find(&q->handles, name);
	int events = cqe->res;

	if (!h)
		return;
	if (!(cqe->flags & IORING_CQE_F_MORE) && events >= 0 &&
	    (h->flags & PIKE__REGISTERED) && pike__uring_edges(q, h)) {
		h->flags &= (uint16_t)~PIKE__REGISTERED;
		h->lane[PIKE__POLLS].state |= PIKE__LOST;
		poll_lost(pike__uring_of(q), EDGES);
	}
	/* What is told is what wakes whoever waits: any data wakes those who
	 * wait for urgent ones. */
	if (events > 0 && ((events & POLLPRI) || h->lane[PIKE__POLLS].head)) {
		int asked = pike__posix_ask((int)h->fd, PIKE__URING_EDGES);

		if (asked >= 0)
			events = asked;
	}
	if (events < 0)
		return;
	if (!pike__reactor_received(q, name, (unsigned)events))
		pike__reactor_event_any(q, name, (unsigned)events);
}

/* Also when the poll could not go on: who knows. */
static void hang_up(struct pike_queue *q, pike_handle name)
{
	struct pike__handle *h = pike__handle_find(&q->handles, name);

	if (h)
		pike__uring_hung_up(q, h);
}

static int own_fd(const struct pike__own *own, unsigned name)
{
	switch (name) {
	case PIKE__OWN_CLOCK:
		return own->clock_fd;
	case PIKE__OWN_ALARM:
		return own->alarm_fd;
	default:
		return own->wake_fd;
	}
}

static void own_again(struct pike_queue *q, unsigned name)
{
	struct pike__uring *u = pike__uring_of(q);

	if (pike__uring_watch(q, own_fd(&u->own, name), name))
		poll_lost(u, name);
}

static void own_edge(struct pike_queue *q, const struct io_uring_cqe *cqe)
{
	struct pike__uring *u = pike__uring_of(q);
	unsigned name = (unsigned)cqe->user_data;

	if (name == PIKE__URING_NOBODY)
		return;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		own_again(q, name);
	pike__own_event(&u->own, q, name);
}

/* False when it cannot be taken now. */
PIKE__APART static bool answer(
    struct pike_queue *q, const struct io_uring_cqe *cqe)
{
	uint64_t name = cqe->user_data;
	struct pike__slot *slot;

	if (name & PIKE__URING_SHORT) {
		slot = pike__uring_short_slot(name);
		if (slot->state == PIKE__FREE)
			pike__unpark(slot->handle);
		return pike__uring_answer(q, slot, cqe->res, cqe->flags);
	}
	if (name <= PIKE__OWN_ALARM) {
		own_edge(q, cqe);
		return true;
	}
	if ((name & PIKE__URING_HANG_UP) == PIKE__URING_HANG_UP) {
		hang_up(q, (pike_handle)(name & ~PIKE__URING_HANG_UP));
		return true;
	}
	if (name & PIKE__URING_EDGE) {
		edge(q, cqe);
		return true;
	}
	slot = pike__op_find(q, (pike_id)(name & ~PIKE__URING_CANCEL));
	if (!slot)
		return true;
	if (!(name & PIKE__URING_CANCEL))
		return pike__uring_answer(q, slot, cqe->res, cqe->flags);
	if (cqe->res < 0)
		pike__uring_not_found(q, slot);
	return true;
}

static bool any_answer(const struct pike__uring *u)
{
	return io_uring_smp_load_acquire(u->ring.cq.ktail) != *u->ring.cq.khead;
}

/*
 * Nearly all answers are bytes for the op of a handle's own slot, or the whole
 * of a send.
 */
static inline bool short_answer(
    struct pike_queue *q, const struct io_uring_cqe *cqe)
{
	struct pike__slot *slot = pike__uring_short_slot(cqe->user_data);

	if (!(cqe->user_data & PIKE__URING_SHORT))
		return false;
	if (slot->lane == PIKE__WRITES)
		return pike__send_alone_end(q, slot, cqe->res);
	if (slot->state != PIKE__FREE)
		return pike__uring_poured(q, slot, cqe);
	if (cqe->res <= 0) /* it is parked */
		return false;
	pike__recv_alone_end(q, slot, cqe->res);
	return true;
}

/* Takes those that are more, but for those that have to wait for room. */
PIKE__APART static unsigned take_others(
    struct pike_queue *q, unsigned head, unsigned tail)
{
	const struct io_uring_cq *cq = &pike__uring_of(q)->ring.cq;

	for (; head != tail; head++) {
		struct io_uring_cqe cqe = cq->cqes[head & cq->ring_mask];

		if (!short_answer(q, &cqe) && !answer(q, &cqe)) {
			pike__uring_of(q)->reactor.heeds = true;
			break;
		}
	}
	return head;
}

static inline void take_answers(struct pike_queue *q, struct pike__uring *u)
{
	struct io_uring_cq *cq = &u->ring.cq;
	unsigned first = *cq->khead;
	unsigned head = first;
	unsigned tail = io_uring_smp_load_acquire(cq->ktail);

	if (head != tail)
		PIKE__HB_TAKE();
	while (head != tail && short_answer(q, &cq->cqes[head & cq->ring_mask]))
		head++;
	if (head != tail)
		head = take_others(q, head, tail);
	io_uring_smp_store_release(cq->khead, head);
	q->crowded = head - first > CROWD;
}

/* ---- waiting ---- */

/* Whether its request shall end: so that the op does, or goes on by others. */
static bool unwanted(const struct pike__slot *slot)
{
	const uint8_t both = PIKE__URING_MANY | PIKE__URING_DETOUR;

	return slot->state == PIKE__ENDING || (slot->phase & both) == both;
}

static bool asks_again(struct pike_queue *q, struct pike__slot *slot)
{
	if (!(slot->phase & PIKE__IN_SYSTEM) || !unwanted(slot))
		return false;
	pike__uring_cancel(q, slot);
	return true;
}

static void edges_again(struct pike_queue *q, struct pike__handle *h)
{
	uint32_t *state = &h->lane[PIKE__POLLS].state;

	if (h->self != h->name || !(*state & PIKE__LOST))
		return;
	if (!(h->flags & PIKE__REGISTERED) && pike__uring_edges(q, h)) {
		poll_lost(pike__uring_of(q), EDGES);
		return;
	}
	h->flags |= PIKE__REGISTERED;
	*state &= ~PIKE__LOST;
}

static void polls_again(struct pike_queue *q)
{
	struct pike__uring *u = pike__uring_of(q);
	unsigned lost = u->lost_polls;

	u->lost_polls = 0;
	for (unsigned name = 0; name < EDGES; name++)
		if (lost & 1u << name)
			own_again(q, name);
	for (uint32_t i = 0; lost >> EDGES && i < q->handles.count; i++)
		edges_again(q, q->handles.at[i]);
}

/* Asks again for what was asked to end and did not, and for polls that were
 * lost, if it is time. How long the wait may last. */
static int64_t find_lost(struct pike_queue *q, int64_t timeout_ns)
{
	struct pike__uring *u = pike__uring_of(q);
	int64_t left = u->ask_at ? u->ask_at - pike__port_monotonic() : 0;
	bool any = false;

	if (left <= 0) {
		u->lost_cancels = false;
		if (u->ask_ns < PIKE__URING_REST_NS * 64)
			u->ask_ns *= 2;
		for (uint32_t i = 0; i < q->slots.count; i++)
			any |= asks_again(q, pike__slot_at(&q->slots, i));
		for (uint32_t i = 0; i < q->handles.count; i++)
			any |= asks_again(q, &q->handles.at[i]->own);
		polls_again(q);
		if (!any && !u->lost_polls)
			u->ask_ns = PIKE__URING_REST_NS;
		if (!u->lost_cancels)
			return timeout_ns;
		/* There is still no memory. */
		left = u->ask_ns;
		u->ask_at = pike__time_after(pike__port_monotonic(), left);
	}
	return timeout_ns < 0 || timeout_ns > left ? left : timeout_ns;
}

/* Whether the kernel has something to do or to give that is not in the ring of
 * answers, as far as it says. */
static bool kernel_calls(const struct pike__uring *u)
{
	return !u->tells || (io_uring_smp_load_acquire(u->ring.sq.kflags) &
				(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW));
}

/*
 * The kernel's mark was there and is gone: some make it but once for each time
 * that they are asked, and more of them where another eventfd wakes the ring.
 * What comes in between is seen by the ring's flags. False when the mark has to
 * stay, as there may never be another.
 */
static bool told_again(struct pike__uring *u)
{
	if (sys_uring_eventfd_end(&u->ring) && errno != ENXIO)
		return !u->late;
	return !sys_uring_eventfd(&u->ring, atomic_load(&u->own.shown_fd));
}

/*
 * The application may go and wait elsewhere: no request stays behind. First
 * the mark goes, then the ring is looked at: the kernel makes the mark again
 * for what comes after.
 */
void pike__uring_show(struct pike_queue *q, bool now, int64_t next)
{
	struct pike__uring *u = pike__uring_of(q);

	if (pike__own_alarm(&u->own, q, next) || u->lost_cancels ||
	    (u->starved && pike__uring_will_feed(q)))
		now = true;
	if (u->spare_count || pike__uring_publish(u))
		pike__uring_push(u);
	if (!now && pike__own_lower(&u->own) && u->deferred)
		now = !told_again(u);
	if (now || any_answer(u) || (u->tells && kernel_calls(u)))
		pike__own_raise(&u->own);
}

PIKE__APART static int enter_timed(
    struct pike__uring *u, unsigned n, int64_t timeout_ns)
{
	struct __kernel_timespec ts = {
	    .tv_sec = timeout_ns / 1000000000,
	    .tv_nsec = timeout_ns % 1000000000,
	};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&ts};

	return pike__uring_enter(u, n, 1,
	    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof arg);
}

static int enter(struct pike__uring *u, unsigned n, int64_t timeout_ns)
{
	return timeout_ns > 0 ? enter_timed(u, n, timeout_ns)
			      : pike__uring_enter(u, n, timeout_ns != 0,
				    IORING_ENTER_GETEVENTS, NULL, 0);
}

/* The kernel takes no requests now: wait for what it has, and not long. */
static void rest(struct pike__uring *u, int64_t timeout_ns)
{
	if (timeout_ns < 0 || timeout_ns > u->rest_ns)
		timeout_ns = u->rest_ns;
	if (u->rest_ns < REST_NS_MAX)
		u->rest_ns *= 2;
	u->reactor.heeds = true;
	enter(u, 0, timeout_ns);
}

PIKE__COLD static void entered(
    struct pike_queue *q, struct pike__uring *u, int64_t timeout_ns)
{
	switch (errno) {
	case EINTR:
		pike__reactor_roused(q);
		break;
	case ETIME:
		break;
	case EAGAIN:
	case ENOMEM:
		rest(u, timeout_ns);
		break;
	case EBUSY: /* until answers were taken */
		if (!any_answer(u))
			rest(u, timeout_ns);
		break;
	default:
		q->broken = -pike__error_from_errno(errno);
		u->reactor.heeds = true;
		pike__stir(q); /* it may say so but once */
		/* Nobody will come back: what the kernel has of the queue's
		 * memory it shall let go of by another way, if it knows one. */
		if (pike__queue_closing(q))
			sys_uring_cancel(&u->ring, 0,
			    IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
		break;
	}
}

/*
 * A kernel that defers its work does some when it was asked for something, and
 * some before it sleeps: where results come in crowds it shall do both. It
 * stops a request for many after 32 results; these would take two waits.
 */
PIKE__APART static unsigned ask_nothing(struct pike__uring *u)
{
	struct io_uring_sqe *sqe;

	if (!u->deferred)
		return 0;
	sqe = pike__uring_next(u);
	io_uring_prep_nop(sqe);
	sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = PIKE__URING_NOBODY;
	return pike__uring_publish(u);
}

/* No longer than there is nothing to take; where the kernel has nothing to do
 * either, not at all. */
static void wait_once(
    struct pike_queue *q, struct pike__uring *u, int64_t timeout_ns)
{
	unsigned n = pike__uring_publish(u);

	if (u->spare_count || any_answer(u))
		timeout_ns = 0;
	if (timeout_ns == 0 && !n && !kernel_calls(u))
		return;
	if (q->crowded && !n)
		n = ask_nothing(u);
	if (enter(u, n, timeout_ns) < 0)
		entered(q, u, timeout_ns);
	else
		u->rest_ns = PIKE__URING_REST_NS;
}

/* An answer that found no memory is lost, and its op would never end, nor would
 * the queue's close. Kernels that defer their work say so, once; before, they
 * only count. */
static inline bool lost_answers(const struct pike__uring *u)
{
	return PIKE__SELDOM(IO_URING_READ_ONCE(*u->ring.cq.koverflow) != 0);
}

/* A wait that has an end, or heeds more than the ring. */
PIKE__APART static void wait_beside(
    struct pike_queue *q, struct pike__uring *u, int64_t timeout_ns)
{
	if (q->realtime.count && u->own.clock_fd < 0)
		pike__own_watch_clock(&u->own, q);
	if (u->lost_cancels)
		timeout_ns = find_lost(q, timeout_ns);
	timeout_ns = pike__reactor_before(q, timeout_ns);
	if (u->starved && pike__uring_will_feed(q))
		timeout_ns = 0;
	if (lost_answers(u)) {
		errno = EBADR;
		entered(q, u, 0);
		timeout_ns = 0;
	}
	wait_once(q, u, timeout_ns);
	pike__reactor_waited(&u->reactor);
	u->reactor.heeds |=
	    !u->deferred || u->lost_cancels || u->starved || u->spare_count;
}

/*
 * A wait without end with nothing to heed beside the ring, where there is no
 * answer yet: of a ring that is deferred none comes unasked. Mostly the kernel
 * takes all requests that there are.
 */
static inline void wait_plainly(struct pike_queue *q, struct pike__uring *u)
{
	unsigned n = pike__uring_publish(u);
	int taken;

	if (q->crowded && !n)
		n = ask_nothing(u);
	if (n)
		PIKE__HB_GIVE();
	taken = sys_uring_enter(
	    u->ring.ring_fd, n, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	u->room = u->ring.sq.ring_entries;
	if (taken == (int)n)
		return;
	pike__uring_roomy(u);
	if (taken < 0)
		entered(q, u, -1);
}

PIKE__COLD static void after(struct pike_queue *q, struct pike__uring *u)
{
	if (u->starved)
		pike__uring_feed(q);
	pike__reactor_after(q);
	/* A ring that is forbidden goes before the groups, and the memory of
	 * ops: where its work is not deferred the kernel still does it. */
	if (q->broken && pike__queue_closing(q))
		pike__uring_leave(u);
}

void pike__uring_wait(struct pike_queue *q, int64_t timeout_ns)
{
	struct pike__uring *u = pike__uring_of(q);

	if (PIKE__SELDOM(timeout_ns >= 0 || u->reactor.heeds))
		wait_beside(q, u, timeout_ns);
	else
		wait_plainly(q, u);
	take_answers(q, u);
	if (PIKE__SELDOM(u->reactor.heeds))
		after(q, u);
}
