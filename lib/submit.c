/* SPDX-License-Identifier: MIT */
/*
 * The door in and the only door back: a request becomes a slot in a lane, the
 * head of a lane is with the backend, and what has ended becomes a completion.
 */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "queue.h"

static void completion_fill(struct pike_completion *c, void *user_data,
    pike_id id, const struct pike__result *r)
{
	c->user_data = user_data;
	c->id = id;
	c->res = r->res;
	c->err = r->err;
	c->os_error = r->os_error;
	c->flags = r->flags;
	c->buffer = 0;
}

/* ---- what is reserved before an op is accepted ---- */

static bool wants_extra(
    const struct pike_op *op, const struct pike__op_info *info)
{
	if (info->needs & PIKE__OP_VECTOR)
		return op->len <= PIKE_IOV_COPIED;
	return (info->needs & PIKE__OP_NAME_IN) && op->addr;
}

static int room_reserve(struct pike_queue *q)
{
	if (q->done.room)
		return 0;
	if (q->ops_max)
		return -PIKE_EAGAIN;
	return pike__done_grow(&q->done) ? 0 : -PIKE_ENOMEM;
}

static int all_reserve(struct pike_queue *q, const struct pike_op *op,
    const struct pike__op_info *info)
{
	int full = room_reserve(q);

	if (full)
		return full;
	if (!pike__slots_reserve(&q->slots, wants_extra(op, info)))
		return -PIKE_ENOMEM;
	if (op->opcode == PIKE_TIMER && (op->op_flags & PIKE_TIMER_REALTIME))
		return pike__timers_reserve(&q->realtime, 1) ? 0 : -PIKE_ENOMEM;
	if (op->opcode == PIKE_TIMER || op->timeout_ns)
		return pike__timers_reserve(&q->deadlines, 1) ? 0
							      : -PIKE_ENOMEM;
	return 0;
}

struct pike__slot *pike__slot_new(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op)
{
	const struct pike__op_info *info = &pike__op_infos[op->opcode];
	struct pike__slot *slot = pike__slot_take(&q->slots);

	slot->op = *op;
	slot->handle = h;
	slot->held = NULL;
	slot->moved = 0;
	slot->due = 0;
	slot->shots = 0;
	slot->why = 0;
	slot->state = PIKE__STARTED;
	slot->lane = info->lane;
	if (op->opcode == PIKE_SHUTDOWN && op->op_flags == PIKE_SHUT_READ)
		slot->lane = PIKE__AT_ONCE;
	slot->paused = 0;
	slot->phase = 0;
	q->live++;
	if (!wants_extra(op, info))
		return slot;
	pike__slot_extend(&q->slots, slot);
	if (info->needs & PIKE__OP_VECTOR) {
		memcpy(slot->extra->iov, op->buf,
		    op->len * sizeof *slot->extra->iov);
		slot->op.buf = slot->extra->iov;
	} else {
		slot->extra->addr = *op->addr;
		slot->op.addr = &slot->extra->addr;
	}
	return slot;
}

/* ---- lanes ---- */

static void lane_append(struct pike__handle *h, struct pike__slot *slot)
{
	struct pike__lane *lane = &h->lane[slot->lane];

	slot->next = NULL;
	slot->prev = lane->tail;
	if (lane->tail)
		lane->tail->next = slot;
	else
		lane->head = slot;
	lane->tail = slot;
	lane->state |= PIKE__BUSY;
}

static void lane_unlink(struct pike__handle *h, struct pike__slot *slot)
{
	struct pike__lane *lane = &h->lane[slot->lane];

	if (slot->prev)
		slot->prev->next = slot->next;
	else
		lane->head = slot->next;
	if (slot->next)
		slot->next->prev = slot->prev;
	else
		lane->tail = slot->prev;
	if (!lane->head)
		lane->state &= (uint8_t)~PIKE__BUSY;
}

void pike__join(struct pike__slot *slot, struct pike__handle *h)
{
	slot->handle = h;
	slot->lane = PIKE__WRITES;
	h->pending++;
	lane_append(h, slot);
}

/*
 * The error that stays on a lane is the result of every later op in it. A
 * shutdown is let through: it has nothing to lose.
 */
static bool lane_refuses(const struct pike__handle *h,
    const struct pike__slot *slot, struct pike__result *r)
{
	int error = h->lane[slot->lane].error;

	if (!error || slot->op.opcode == PIKE_SHUTDOWN)
		return false;
	if (slot->op.opcode == PIKE_CONNECT)
		error = PIKE_EINVAL;
	*r = (struct pike__result){.res = -error, .err = error};
	return true;
}

/* Errors after which a connection is of no more use in that direction. */
static bool ends_stream(int error)
{
	switch (error) {
	case PIKE_ECONNRESET:
	case PIKE_ECONNABORTED:
	case PIKE_ENETRESET:
	case PIKE_ETIMEDOUT:
	case PIKE_EHOSTUNREACH:
	case PIKE_ENETUNREACH:
	case PIKE_EPIPE:
		return true;
	default:
		return false;
	}
}

/*
 * Keeps on the handle what its later ops have to know of this one's end. why
 * is the code of a cancel or deadline, or 0.
 */
static void lane_remember(struct pike__handle *h, const struct pike_op *op,
    unsigned lane, size_t moved, int why, int err)
{
	struct pike__lane *writes = &h->lane[PIKE__WRITES];

	if (h->kind == PIKE__SOCKET_PACKET)
		return;
	if (op->opcode == PIKE_CONNECT) {
		if (err != PIKE_EISCONN)
			pike__lane_fail(writes, PIKE_EPIPE);
	} else if (why && err == why) {
		if (lane == PIKE__WRITES && moved)
			pike__lane_fail(writes, PIKE_EPIPE);
	} else if (h->kind == PIKE__SOCKET_STREAM && ends_stream(err) &&
		   lane < PIKE__POLLS && op->opcode != PIKE_SHUTDOWN) {
		pike__lane_fail(&h->lane[lane], err);
	}
}

/* ---- the door back ---- */

static void paused_remove(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__slot **at = &q->paused;

	while (*at != slot)
		at = &(*at)->held;
	*at = slot->held;
	slot->paused = 0;
}

/* Turns a slot into its final completion. */
static void retire(
    struct pike_queue *q, struct pike__slot *slot, const struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	if (slot->due)
		pike__timer_remove(
		    slot->op.opcode == PIKE_TIMER &&
			    (slot->op.op_flags & PIKE_TIMER_REALTIME)
			? &q->realtime
			: &q->deadlines,
		    &q->slots, slot);
	if (slot->paused)
		paused_remove(q, slot);
	if (h && slot->op.opcode != PIKE_CLOSE) {
		h->pending--;
		if (r->err)
			lane_remember(h, &slot->op, slot->lane, slot->moved,
			    slot->why, r->err);
		if (slot->lane < PIKE__LANES)
			lane_unlink(h, slot);
	}
	if (h && slot->op.opcode == PIKE_CONNECT_TO && r->res < 0) {
		q->backend->drop(q, h, true);
		pike__handle_give(&q->handles, h);
	}
	completion_fill(pike__done_add(&q->done), slot->op.user_data,
	    pike__slot_id(slot), r);
	pike__slot_give(&q->slots, slot);
	q->live--;
}

/* Starts the head of a lane, and the next when that ends at once. */
static void lane_pump(
    struct pike_queue *q, struct pike__handle *h, struct pike__lane *lane)
{
	struct pike__slot *slot;

	while ((slot = lane->head) && slot->state == PIKE__WAITING &&
	       !(h->flags & PIKE__HELD)) {
		struct pike__result r;

		slot->state = PIKE__STARTED;
		if (!lane_refuses(h, slot, &r) &&
		    !q->backend->start(q, slot, &r))
			return;
		retire(q, slot, &r);
	}
}

void pike__finish(
    struct pike_queue *q, struct pike__slot *slot, const struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	unsigned lane = slot->lane;

	retire(q, slot, r);
	if (h && lane < PIKE__POLLS)
		lane_pump(q, h, &h->lane[lane]);
	if (q->cancels || (h && h->closing))
		pike__after(q, h);
}

struct pike__result pike__ended(const struct pike__slot *slot)
{
	struct pike__result r = {.res = -slot->why, .err = slot->why};

	if (slot->moved && slot->op.opcode != PIKE_TIMER)
		r.res = (int64_t)slot->moved;
	return r;
}

static void pause(struct pike_queue *q, struct pike__slot *slot)
{
	slot->paused = 1;
	slot->held = q->paused;
	q->paused = slot;
}

bool pike__may_shoot(struct pike_queue *q, struct pike__slot *slot)
{
	if (slot->paused)
		return false;
	if (q->done.shots_left && !(slot->shots && pike__op_writes(&slot->op)))
		return true;
	pause(q, slot);
	return false;
}

void pike__shot(
    struct pike_queue *q, struct pike__slot *slot, const struct pike__result *r)
{
	struct pike__result shot = *r;

	shot.flags |= PIKE_MORE;
	completion_fill(pike__done_add(&q->done), slot->op.user_data,
	    pike__slot_id(slot), &shot);
	q->done.shots_left--;
	q->done.shots++;
	slot->shots++;
}

/* ---- the door in ---- */

/* The completion of an op that ended without ever having a slot. Its id is of
 * a slot that cannot be, so that it is finished to anybody who asks. */
static pike_id complete_now(struct pike_queue *q, const struct pike_op *op,
    const struct pike__result *r)
{
	q->at_once = q->at_once == INT32_MAX ? 1 : q->at_once + 1;

	pike_id id = (pike_id)((uint64_t)q->at_once << 32 | UINT32_MAX);

	q->done.room--;
	completion_fill(pike__done_add(&q->done), op->user_data, id, r);
	return id;
}

static void timer_start(struct pike_queue *q, struct pike__slot *slot)
{
	const struct pike_op *op = &slot->op;
	bool real = op->op_flags & PIKE_TIMER_REALTIME;
	int64_t when = op->u.timer.due_ns;

	if (!(op->op_flags & PIKE_TIMER_ABSOLUTE))
		when = pike__time_after(
		    real ? pike__port_realtime() : pike__port_monotonic(),
		    when);
	pike__timer_add(
	    real ? &q->realtime : &q->deadlines, &q->slots, slot, when);
}

/* Gives an accepted op to where it is done. */
static void dispatch(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__handle *h = slot->handle;
	struct pike__result r;

	if (slot->op.opcode == PIKE_TIMER) {
		timer_start(q, slot);
		return;
	}
	if (slot->op.timeout_ns)
		pike__timer_add(&q->deadlines, &q->slots, slot,
		    pike__time_after(
			pike__port_monotonic(), slot->op.timeout_ns));
	if (h)
		h->pending++;
	if (slot->lane < PIKE__LANES)
		lane_append(h, slot);
	if (slot->lane < PIKE__POLLS) {
		slot->state = PIKE__WAITING;
		lane_pump(q, h, &h->lane[slot->lane]);
	} else if (q->backend->start(q, slot, &r)) {
		pike__finish(q, slot, &r);
	}
}

static pike_id submit(struct pike_queue *q, const struct pike_op *op)
{
	struct pike__handle *h = NULL;
	const struct pike__op_info *info;
	struct pike__result r = {0};
	size_t moved = 0;
	int bad = pike__op_check(op);

	if (bad)
		return bad;
	info = &pike__op_infos[op->opcode];
	if (info->needs & PIKE__OP_HANDLE) {
		h = pike__handle_find(&q->handles, op->handle);
		if (!h || h->closing)
			return -PIKE_EBADF;
	}
	bad = all_reserve(q, op, info);
	if (bad)
		return bad;
	if (op->opcode == PIKE_NOP)
		return complete_now(q, op, &r);
	if (h && info->lane < PIKE__POLLS &&
	    !(h->lane[info->lane].state & (PIKE__BUSY | PIKE__FAILED)) &&
	    q->backend->attempt(q, h, op, &moved, &r)) {
		if (r.err)
			lane_remember(h, op, info->lane, moved, 0, r.err);
		return complete_now(q, op, &r);
	}

	q->done.room--;

	struct pike__slot *slot = pike__slot_new(q, h, op);
	pike_id id = pike__slot_id(slot);

	slot->moved = moved;
	if (op->opcode == PIKE_CLOSE)
		return pike__submit_close(q, slot);
	if (op->opcode == PIKE_CANCEL)
		return pike__submit_cancel(q, slot);
	dispatch(q, slot);
	return id;
}

pike_id pike_submit(struct pike_queue *q, const struct pike_op *op)
{
	int bad = pike__queue_usable(q);
	pike_id id;

	if (bad)
		return bad;
	if (!op)
		return -PIKE_EINVAL;
	id = submit(q, op);
	if (q->pollable)
		pike__show(q);
	return id;
}

int pike_submit_many(
    struct pike_queue *q, const struct pike_op *ops, unsigned n, pike_id *ids)
{
	int bad = pike__queue_usable(q);
	unsigned i;

	if (bad)
		return bad;
	if (!ops && n)
		return -PIKE_EINVAL;
	if (n > INT_MAX)
		n = INT_MAX;
	for (i = 0; i < n; i++) {
		pike_id id = submit(q, &ops[i]);

		if (ids)
			ids[i] = id;
		if (id < 0) {
			bad = (int)id;
			break;
		}
	}
	if (q->pollable)
		pike__show(q);
	return i ? (int)i : bad;
}
