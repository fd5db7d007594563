/* SPDX-License-Identifier: MIT */
/*
 * The reactor. What is remembered of a descriptor is one bit a direction: that
 * trying may succeed. It is set by an edge, also when nobody waits, and taken
 * back by what a try has seen. A descriptor is armed once, when an op first
 * has to wait on it.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "compat.h"
#include "posix_io.h"
#include "reactor.h"

/* Results of one multishot op in a row, before others have their turn. */
#define BUDGET 16

/* How long ops rest that no edge will wake, at first and at most. */
#define LATER_NS_MIN 1000000
#define LATER_NS_MAX 64000000

void pike__reactor_open(
    struct pike__reactor *r, const struct pike__poller *poller)
{
	memset(r, 0, sizeof *r);
	r->poller = poller;
	r->later_ns = LATER_NS_MIN;
}

void pike__reactor_close(struct pike__reactor *r)
{
	pike__signals_close(r->signals);
}

/* ---- lists of handles ---- */

static void run_soon(struct pike__reactor *r, struct pike__handle *h)
{
	if (h->flags & PIKE__RUNNABLE)
		return;
	r->heeds = true;
	h->flags |= PIKE__RUNNABLE;
	h->next = r->runnable;
	r->runnable = h;
}

void pike__reactor_later(struct pike__reactor *r, struct pike__handle *h)
{
	if (h->flags & PIKE__ON_LATER)
		return;
	if (!r->later)
		r->later_at =
		    pike__time_after(pike__port_monotonic(), r->later_ns);
	r->heeds = true;
	h->flags |= PIKE__ON_LATER;
	h->later = r->later;
	r->later = h;
}

static void lists_forget(struct pike__reactor *r, struct pike__handle *h)
{
	struct pike__handle **at;

	if (h->flags & PIKE__RUNNABLE) {
		for (at = &r->runnable; *at != h; at = &(*at)->next)
			;
		*at = h->next;
	}
	if (h->flags & PIKE__ON_LATER) {
		for (at = &r->later; *at != h; at = &(*at)->later)
			;
		*at = h->later;
		if (!r->later)
			r->later_ns = LATER_NS_MIN;
	}
}

/* ---- trying ---- */

/* Makes sure that an edge will be told. False: the op ends with the error. */
static bool armed(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__reactor *reactor = q->backend_state;
	struct pike__handle *h = slot->handle;
	int err = EPERM;

	if (slot == &h->own && slot->op.flags && h->pending == 1)
		h->lane[PIKE__READS].state |= PIKE__POURS;
	if (!(h->flags & PIKE__REGISTERED))
		err = reactor->poller->arm(q, h);
	else if (!pike__reactor_untold(slot))
		return true;
	if (!err) {
		*r = (struct pike__result){0};
		h->flags |= PIKE__REGISTERED;
		if (h->flags & PIKE__DRAINS)
			h->lane[PIKE__READS].state |= PIKE__ARMED;
		return true;
	}
	pike__reactor_result_refused(slot, err, r);
	return false;
}

static enum pike__outcome try_any(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	if (slot->op.flags & PIKE_GROUP)
		return pike__reactor_try_grouped(q, slot, r);
	return pike__posix_try(
	    q, slot->handle, &slot->op, &slot->moved, &slot->phase, r);
}

static bool try_once(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	switch (try_any(q, slot, r)) {
	case PIKE__DONE:
		return true;
	case PIKE__LATER:
		pike__reactor_later(q->backend_state, h);
		return false;
	case PIKE__AGAIN:
		run_soon(q->backend_state, h);
		return false;
	case PIKE__PAUSED:
		return false;
	default:
		pike__reactor_urgent_rest(q, slot);
		return !armed(q, slot, r);
	}
}

/* A multishot accept or recv: results as long as there are any, within
 * reason. */
static bool try_many(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__lane *lane = &slot->handle->lane[slot->lane];

	lane->state &= ~PIKE__POURS;
	for (int i = 0; i < BUDGET; i++) {
		if (!pike__may_shoot(q, slot))
			return false;
		if (!try_once(q, slot, r))
			return false;
		if (r->res < 0 || (r->flags & PIKE_EOF))
			return true;
		pike__shot(q, slot, r);
		if (!(lane->state & PIKE__READY))
			return !armed(q, slot, r);
	}
	run_soon(q->backend_state, slot->handle);
	return false;
}

/* Shutting down and beginning to connect wait their turn, but not for room. */
static bool needs_ready(const struct pike__slot *slot)
{
	switch (slot->op.opcode) {
	case PIKE_SHUTDOWN:
		return false;
	case PIKE_CONNECT:
	case PIKE_CONNECT_TO:
		return slot->phase != 0;
	case PIKE_ACCEPT:
		return true;
	default: /* nothing can always be moved */
		return slot->handle->kind == PIKE__SOCKET_PACKET ||
		       (slot->op.flags & PIKE_GROUP) ||
		       pike__posix_total(&slot->op) != 0;
	}
}

/* The head of a lane, when trying may succeed. */
static bool try_head(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	if (!(h->lane[slot->lane].state & PIKE__READY) && needs_ready(slot)) {
		*r = (struct pike__result){0};
		return !armed(q, slot, r);
	}
	if (slot->op.flags & PIKE_MULTISHOT)
		return try_many(q, slot, r);
	return try_once(q, slot, r);
}

/*
 * A poll asks the system once, then waits for edges. The first edge after
 * arming tells what holds already: a multishot poll leaves it to that, so that
 * nothing is told twice.
 */
static bool poll_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	if (!(slot->op.flags & PIKE_MULTISHOT))
		return try_once(q, slot, r);
	pike__reactor_urgent_rest(q, slot);
	if (!(slot->handle->flags & PIKE__REGISTERED))
		return !armed(q, slot, r);
	if (!pike__may_shoot(q, slot) || !try_once(q, slot, r))
		return false;
	if (r->res < 0)
		return true;
	pike__shot(q, slot, r);
	return false;
}

bool pike__reactor_attempt(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r)
{
	const struct pike__lane *lane =
	    &h->lane[pike__op_infos[op->opcode].lane];
	uint8_t phase = 0;

	if (!(lane->state & PIKE__READY) || (op->flags & PIKE_MULTISHOT) ||
	    op->opcode == PIKE_CONNECT)
		return false;
	return pike__posix_try(q, h, op, moved, &phase, r) == PIKE__DONE;
}

int64_t pike__reactor_send(
    const struct pike__handle *h, const struct pike_op *op)
{
	PIKE__HB_GIVE();
	return sys_send(
	    (int)h->fd, op->buf, op->len, MSG_DONTWAIT | PIKE__MSG_QUIET);
}

bool pike__reactor_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__handle *h;

	*r = (struct pike__result){0};
	switch (slot->op.opcode) {
	case PIKE_SOCKET:
		pike__posix_socket(q, &slot->op, r);
		return true;
	case PIKE_LISTEN_TO:
		pike__posix_listen_to(q, &slot->op, r);
		return true;
	case PIKE_CONNECT_TO:
		if (!slot->handle) {
			h = pike__posix_connect_to(q, &slot->op, r);
			if (!h)
				return true;
			pike__join(slot, h);
		}
		return try_head(q, slot, r);
	case PIKE_SIGNAL:
		return pike__reactor_signal_start(q, slot, r);
	case PIKE_POLL:
		return poll_start(q, slot, r);
	default:
		if (slot->lane == PIKE__AT_ONCE)
			return try_once(q, slot, r);
		return try_head(q, slot, r);
	}
}

void pike__reactor_cancel(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__result r = pike__ended(slot);

	if (slot->op.opcode != PIKE_SIGNAL ||
	    pike__reactor_signal_cancel(q, slot, &r))
		pike__finish(q, slot, &r);
}

int pike__reactor_drop(
    struct pike_queue *q, struct pike__handle *h, bool close_it)
{
	struct pike__reactor *r = q->backend_state;

	lists_forget(r, h);
	/* Closing the last descriptor of a description ends what the poller
	 * knows of it; where others may exist it has to be told. */
	if ((h->flags & PIKE__REGISTERED) &&
	    (!close_it || (h->flags & PIKE__EXPOSED) || pike__port_children ||
		r->poller->keeps_open))
		r->poller->disarm(q, h);
	return pike__posix_drop(h, close_it);
}

enum pike_route pike__reactor_route(const struct pike_queue *q, int opcode)
{
	(void)q, (void)opcode;
	return PIKE_ROUTE_EMULATED;
}

/* ---- edges ---- */

static void lane_run(struct pike_queue *q, struct pike__handle *h, int lane)
{
	struct pike__slot *slot = h->lane[lane].head;
	struct pike__result r;

	if (slot && slot->state == PIKE__STARTED && !slot->paused &&
	    !(slot->phase & PIKE__IN_SYSTEM) && try_head(q, slot, &r))
		pike__finish(q, slot, &r);
}

static void polls_run(
    struct pike_queue *q, struct pike__handle *h, unsigned events)
{
	struct pike__slot *next;

	for (struct pike__slot *s = h->lane[PIKE__POLLS].head; s; s = next) {
		struct pike__result r = {0};

		next = s->next;
		if (s->phase & PIKE__IN_SYSTEM)
			continue;
		r.res =
		    events & (s->op.op_flags | PIKE_POLL_ERR | PIKE_POLL_HUP);
		if (!r.res)
			continue;
		if (!(s->op.flags & PIKE_MULTISHOT))
			pike__finish(q, s, &r);
		else if (pike__may_shoot(q, s))
			pike__shot(q, s, &r);
	}
}

/* Not by edges is gone on with what rests, as each of its tries makes one: a
 * packet, or a Unix socket's connect. */
static bool writes_rest(const struct pike__handle *h)
{
	return (h->flags & PIKE__ON_LATER) &&
	       (h->kind == PIKE__SOCKET_PACKET || h->family == PIKE_AF_UNIX);
}

void pike__reactor_event_any(
    struct pike_queue *q, pike_handle name, unsigned events)
{
	const unsigned over = PIKE_POLL_HUP | PIKE_POLL_ERR;
	struct pike__handle *h = pike__handle_find(&q->handles, name);

	if (!h)
		return;
	pike__unpark(h);
	/* After a hang-up there may be no further edge, and urgent data ends
	 * a read early. */
	if (events & (over | PIKE_POLL_RDHUP | PIKE_POLL_PRI))
		pike__reactor_no_drain(h);
	/* First the writes: a connect under way has to learn of its end by
	 * itself, and reads go on when it has. */
	if (events & (over | PIKE_POLL_OUT)) {
		h->lane[PIKE__WRITES].state |= PIKE__READY;
		if (!writes_rest(h))
			lane_run(q, h, PIKE__WRITES);
	}
	if ((events & ~PIKE_POLL_OUT) && !(h->flags & PIKE__CONNECTING))
		h->lane[PIKE__READS].state |= PIKE__READY;
	if (h->lane[PIKE__READS].state & PIKE__READY)
		lane_run(q, h, PIKE__READS);
	if (h->lane[PIKE__POLLS].head)
		polls_run(q, h, events);
}

void pike__reactor_recv_otherwise(
    struct pike_queue *q, struct pike__handle *h, int64_t n)
{
	struct pike__lane *lane = &h->lane[PIKE__READS];
	struct pike__slot *slot = &h->own;
	struct pike__result r = {0};

	pike__unpark(h);
	lane->state |= PIKE__READY;
	if (pike__posix_transferred(q, h, &slot->op, n, &slot->moved, &r))
		pike__finish(q, slot, &r);
	else if (lane->state & PIKE__READY)
		lane_run(q, h, PIKE__READS);
}

int64_t pike__reactor_before(struct pike_queue *q, int64_t timeout_ns)
{
	struct pike__reactor *r = q->backend_state;
	struct pike__handle *h = r->runnable;

	if (h)
		timeout_ns = 0;
	r->runnable = NULL;
	while (h) {
		struct pike__handle *next = h->next;

		h->flags &= (uint16_t)~PIKE__RUNNABLE;
		lane_run(q, h, PIKE__READS);
		lane_run(q, h, PIKE__WRITES);
		h = next;
	}
	r->heeds = r->masked || r->runnable || r->later;
	r->let_in = r->masked && pike__signals_unblock(r->signals, &r->before);
	if (r->later) {
		int64_t left = r->later_at - pike__port_monotonic();

		if (left < 0)
			left = 0;
		if (timeout_ns < 0 || timeout_ns > left)
			timeout_ns = left;
	}
	return timeout_ns;
}

int64_t pike__reactor_next(const struct pike__reactor *r, int64_t next)
{
	return r->later && r->later_at < next ? r->later_at : next;
}

void pike__reactor_after(struct pike_queue *q)
{
	struct pike__reactor *r = q->backend_state;
	struct pike__handle *h = r->later;

	if (!h || r->later_at > pike__port_monotonic())
		return;
	r->later = NULL;
	if (r->later_ns < LATER_NS_MAX)
		r->later_ns *= 2;
	while (h) {
		struct pike__handle *next = h->later;

		h->flags &= (uint16_t)~PIKE__ON_LATER;
		if (r->poller->no_urgent)
			pike__reactor_urgent_ask(q, h);
		lane_run(q, h, PIKE__READS);
		lane_run(q, h, PIKE__WRITES);
		h = next;
	}
	if (!r->later)
		r->later_ns = LATER_NS_MIN;
}
