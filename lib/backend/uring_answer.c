/* SPDX-License-Identifier: MIT */
/*
 * What the kernel answered to the requests of ops: results, single ones or
 * some of many, and what only looks like a result.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "posix_io.h"
#include "sockaddr.h"
#include "uring.h"

/* Begins anew what the kernel has let go of. */
void pike__uring_again(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__result r;

	if (slot->state == PIKE__ENDING)
		r = pike__ended(slot);
	else if (!pike__uring_start(q, slot, &r))
		return;
	pike__finish(q, slot, &r);
}

/*
 * An answer that says nothing of the op: cancelled (by us, or by the end of a
 * thread), interrupted, or not known to this kernel whatever it said before;
 * nor does each kind of socket send without a copy.
 * True when the op has ended or was begun anew.
 */
static bool put_aside(struct pike_queue *q, struct pike__slot *slot, int err)
{
	const struct pike__uring *u = q->backend_state;

	switch (err) {
	case ECANCELED:
	case EINTR:
		break;
	case EAGAIN:
		slot->phase |= PIKE__URING_DETOUR;
		break;
	case EINVAL:
	case EOPNOTSUPP:
	case ENOSYS:
		if ((u->proven & PIKE__URING_BIT(slot->op.opcode)) &&
		    !pike__uring_zero_copy(u, slot->handle, &slot->op))
			return false;
		slot->phase |= PIKE__URING_DETOUR;
		break;
	default:
		return false;
	}
	pike__uring_again(q, slot);
	return true;
}

static void transferred(struct pike_queue *q, struct pike__slot *slot, int res)
{
	struct pike__handle *h = slot->handle;
	struct pike__uring_msg *m = pike__uring_msg_of(slot);
	struct pike__result r = {0};
	size_t want = m ? pike__uring_msg_want(m) : pike__uring_part(slot);
	bool ended;

	if (m && res >= 0 && slot->lane == PIKE__READS)
		pike__uring_msg_read(slot, m, &r);
	pike__uring_msg_give(q->backend_state, slot);
	if (res < 0 && put_aside(q, slot, -res))
		return;
	ended = pike__posix_took(h, &slot->op, res, want, &slot->moved, &r);
	/* Nobody but the kernel knows better. */
	h->lane[slot->lane].state |= PIKE__READY;
	if (ended)
		pike__finish(q, slot, &r);
	else
		pike__uring_again(q, slot);
}

/* The queue is being closed: nobody will reap it. */
static void connection_drop(struct pike_queue *q, pike_handle name)
{
	struct pike__handle *h = pike__handle_find(&q->handles, name);

	q->backend->drop(q, h, true);
	pike__handle_give(&q->handles, h);
}

/* A connection, for which a handle was promised. */
static void connection(struct pike_queue *q, struct pike__slot *slot, int fd,
    struct pike__result *r)
{
	struct pike__uring_msg *m = pike__uring_msg_of(slot);

	*r = (struct pike__result){0};
	r->res = pike__posix_accepted(q, slot->handle, &slot->op, fd,
	    m ? &m->name : NULL, m ? m->name_len : 0);
}

/* One of many: the request goes on if the kernel says more. */
static void connection_shot(
    struct pike_queue *q, struct pike__slot *slot, int fd, bool more)
{
	struct pike__result r;

	connection(q, slot, fd, &r);
	pike__uring_msg_give(q->backend_state, slot);
	if (pike__queue_closing(q))
		connection_drop(q, r.res);
	else
		pike__shot(q, slot, &r);
	if (!more) {
		pike__uring_again(q, slot);
	} else if (!pike__handles_promise(&q->handles)) {
		/* Others may come until the kernel knows of it. */
		slot->phase |= PIKE__URING_POOR;
		if (slot->state != PIKE__ENDING) {
			slot->state = PIKE__ENDING;
			slot->why = PIKE_ENOMEM;
			pike__uring_cancel(q, slot);
		}
	}
}

static bool accepted(
    struct pike_queue *q, struct pike__slot *slot, int res, bool more)
{
	struct pike__uring *u = pike__uring_of(q);
	struct pike__result r = {0};

	u->accepted_many |= more;
	if (res >= 0 && (slot->op.flags & PIKE_MULTISHOT)) {
		if (!q->done.shots_left && !pike__queue_closing(q))
			return false;
		if (!more)
			slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
		if (slot->phase & PIKE__URING_POOR) {
			sys_close(res);
			if (!more)
				pike__uring_again(q, slot);
			return true;
		}
		q->handles.promised--;
		connection_shot(q, slot, res, more);
		return true;
	}
	slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
	if (!(slot->phase & PIKE__URING_POOR))
		q->handles.promised--;
	if (res >= 0)
		connection(q, slot, res, &r);
	pike__uring_msg_give(q->backend_state, slot);
	if (res < 0) {
		/* Requests for many are younger than those for one. */
		if (res == -EINVAL && (slot->phase & PIKE__URING_MANY) &&
		    !u->accepted_many) {
			u->multishot = false;
			pike__uring_again(q, slot);
			return true;
		}
		if (put_aside(q, slot, -res))
			return true;
		if (pike__posix_only_that(-res)) {
			pike__uring_again(q, slot);
			return true;
		}
		pike__posix_error(&r, -res);
	}
	pike__finish(q, slot, &r);
	return true;
}

/*
 * What the kernel tells is what has woken whoever waits for the descriptor, and
 * urgent data wake those who wait for others too; and it tells of a peer's end
 * unasked. False: it was for nothing.
 */
static bool poll_holds(
    const struct pike__slot *slot, int res, struct pike__result *r)
{
	const struct pike__handle *h = slot->handle;
	const unsigned always = PIKE_POLL_ERR | PIKE_POLL_HUP;
	unsigned wanted = slot->op.op_flags | always;
	int events;

	*r = (struct pike__result){.res = (unsigned)res & wanted};
	if (h->kind != PIKE__SOCKET_STREAM)
		return r->res;
	events = pike__posix_ask((int)h->fd, (int)wanted | POLLPRI);
	if (events < 0 || (!(events & POLLPRI) && !((unsigned)events & wanted)))
		return r->res;
	r->res |= (unsigned)events & wanted;
	return (unsigned)events & wanted;
}

static bool polled_shot(
    struct pike_queue *q, struct pike__slot *slot, int res, bool more)
{
	struct pike__result r;

	if (!pike__queue_closing(q)) {
		if (!q->done.shots_left)
			return false;
		if (poll_holds(slot, res, &r))
			pike__shot(q, slot, &r);
	}
	if (more)
		return true;
	slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
	pike__uring_again(q, slot);
	return true;
}

static bool polled(
    struct pike_queue *q, struct pike__slot *slot, int res, bool more)
{
	struct pike__result r = {0};

	if (res >= 0 && (slot->op.flags & PIKE_MULTISHOT))
		return polled_shot(q, slot, res, more);
	slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
	if (res < 0 && put_aside(q, slot, -res))
		return true;
	if (res < 0)
		pike__posix_error(&r, -res);
	else if (!poll_holds(slot, res, &r)) {
		/* A request would be answered at once, over and over. */
		slot->phase |= PIKE__URING_DETOUR;
		pike__uring_again(q, slot);
		return true;
	}
	pike__finish(q, slot, &r);
	return true;
}

/* Reads that waited for a connect may begin. */
static void hold_end(struct pike_queue *q, struct pike__handle *h)
{
	struct pike__slot *slot = h->lane[PIKE__READS].head;

	if (!slot || !(slot->phase & PIKE__URING_HELD))
		return;
	slot->phase &= (uint8_t)~PIKE__URING_HELD;
	pike__uring_again(q, slot);
}

#define CONNECTS                                                               \
	(PIKE__URING_BIT(PIKE_CONNECT) | PIKE__URING_BIT(PIKE_CONNECT_TO))

static void connected(struct pike_queue *q, struct pike__slot *slot, int res)
{
	struct pike__uring *u = pike__uring_of(q);
	struct pike__handle *h = slot->handle;
	pike_handle name = h->self;
	struct pike__result r = {0};

	pike__uring_msg_give(q->backend_state, slot);
	h->flags &= (uint16_t)~PIKE__CONNECTING;
	if (res == -EAGAIN) /* it is a lack of ports */
		res = -EADDRNOTAVAIL;
	if (res == -EINVAL && !(u->proven & CONNECTS)) {
		/* Once and for all: the reactor does it as well. */
		u->native &= ~CONNECTS;
		pike__uring_again(q, slot);
		return;
	}
	if ((res == -ECANCELED || res == -EINTR) && put_aside(q, slot, -res))
		return;
	if (res < 0)
		pike__posix_error(&r, -res);
	else
		pike__posix_connect_done(h, &slot->op, &r);
	pike__finish(q, slot, &r);
	h = pike__handle_find(&q->handles, name);
	if (h)
		hold_end(q, h);
}

bool pike__uring_answer(
    struct pike_queue *q, struct pike__slot *slot, int32_t res, uint32_t flags)
{
	struct pike__uring *u = pike__uring_of(q);
	bool more = flags & IORING_CQE_F_MORE;

	if (res >= 0)
		u->proven |= PIKE__URING_BIT(slot->op.opcode);
	if (slot->op.flags & PIKE_GROUP)
		return pike__uring_grouped(q, slot, res, flags);
	switch (slot->op.opcode) {
	case PIKE_ACCEPT:
		return accepted(q, slot, res, more);
	case PIKE_POLL:
		return polled(q, slot, res, more);
	case PIKE_CONNECT:
	case PIKE_CONNECT_TO:
		slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
		connected(q, slot, res);
		return true;
	default:
		if (more) { /* the memory is not free yet */
			slot->shots = (uint32_t)res;
			pike__uring_unsent(q, slot);
			return true;
		}
		slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
		if (flags & IORING_CQE_F_NOTIF)
			res = (int32_t)slot->shots;
		slot->shots = 0;
		transferred(q, slot, res);
		return true;
	}
}
