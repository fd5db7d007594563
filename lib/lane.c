/* SPDX-License-Identifier: MIT */
/*
 * Lanes of ops, and the only door back: what has ended becomes a completion,
 * and the next of its lane is started.
 */
#include "config.h"

#include "queue.h"

void pike__lane_join(struct pike__handle *h, struct pike__slot *slot)
{
	struct pike__lane *lane = &h->lane[slot->lane];

	if (slot->lane == PIKE__READS)
		pike__unpark(h);
	h->lane[PIKE__READS].state &= ~PIKE__POURS;
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
	lane->state &= ~PIKE__POURS;
	if (!lane->head)
		lane->state &= ~PIKE__BUSY;
}

void pike__join(struct pike__slot *slot, struct pike__handle *h)
{
	slot->handle = h;
	slot->lane = PIKE__WRITES;
	pike__handle_attend(h);
	pike__lane_join(h, slot);
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

bool pike__ends_stream(int error)
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

void pike__remember(struct pike__handle *h, const struct pike_op *op,
    unsigned lane, size_t moved, int why, int err)
{
	struct pike__lane *writes = &h->lane[PIKE__WRITES];

	if (h->kind == PIKE__SOCKET_PACKET)
		return;
	if (op->opcode == PIKE_CONNECT) {
		if (err == PIKE_EISCONN || h->kind != PIKE__SOCKET_STREAM)
			return;
		pike__lane_fail(writes, PIKE_EPIPE);
		pike__lane_fail(&h->lane[PIKE__READS], PIKE_ENOTCONN);
	} else if (why && err == why) {
		if (lane == PIKE__WRITES && moved)
			pike__lane_fail(writes, PIKE_EPIPE);
	} else if (h->kind == PIKE__SOCKET_STREAM && pike__ends_stream(err) &&
		   lane < PIKE__POLLS && op->opcode != PIKE_SHUTDOWN) {
		pike__lane_fail(&h->lane[lane], err);
	}
}

/* ---- the door back ---- */

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
		pike__unpause(q, slot);
	if (PIKE__SELDOM(slot->op.reserved[0]))
		pike__cancels_ripen(q, slot);
	if (slot->op.flags & PIKE_GROUP)
		pike__group_of(slot)->users--;
	if (h && slot->op.opcode != PIKE_CLOSE) {
		pike__handle_leave(h);
		if (r->err)
			pike__remember(h, &slot->op, slot->lane, slot->moved,
			    slot->why, r->err);
		if (slot->lane < PIKE__LANES)
			lane_unlink(h, slot);
	}
	if (h && slot->op.opcode == PIKE_CONNECT_TO && r->res < 0) {
		q->backend->drop(q, h, true);
		pike__handle_give(&q->handles, h);
	}
	pike__complete(q, slot->op.user_data, slot->id, r);
	pike__slot_give(&q->slots, slot);
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

/* Reads that waited for a connect that has failed. */
static void reads_fail(struct pike_queue *q, struct pike__handle *h)
{
	struct pike__lane *reads = &h->lane[PIKE__READS];

	while (
	    reads->error && reads->head && reads->head->state == PIKE__STARTED)
		pike__end(q, reads->head, reads->error);
}

void pike__finish(
    struct pike_queue *q, struct pike__slot *slot, const struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	unsigned lane = slot->lane;
	bool failed = slot->op.opcode == PIKE_CONNECT && r->err;

	retire(q, slot, r);
	if (h && lane < PIKE__POLLS)
		lane_pump(q, h, &h->lane[lane]);
	if (failed)
		reads_fail(q, h);
	if (q->ripe || q->cancels || (h && h->closing))
		pike__after(q, h);
}

struct pike__result pike__ended(const struct pike__slot *slot)
{
	struct pike__result r = {.res = -slot->why, .err = slot->why};

	if (slot->moved)
		r.res = (int64_t)slot->moved;
	return r;
}

static void pause(struct pike_queue *q, struct pike__slot *slot)
{
	pike__stir(q);
	slot->paused = 1;
	slot->held = NULL;
	if (q->paused)
		q->paused_last->held = slot;
	else
		q->paused = slot;
	q->paused_last = slot;
}

void pike__unpause(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__slot *before = NULL;

	if (slot->paused == PIKE__PAUSED_BY_GROUP) {
		pike__group_unwait(slot);
		return;
	}
	for (struct pike__slot *s = q->paused; s != slot; s = s->held)
		before = s;
	if (before)
		before->held = slot->held;
	else
		q->paused = slot->held;
	if (q->paused_last == slot)
		q->paused_last = before;
	slot->paused = 0;
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
	pike__complete(q, slot->op.user_data, slot->id, &shot);
	q->done.shots_left--;
	q->done.shots_told += !(shot.flags & PIKE_BUFFER);
	if (pike__op_writes(&slot->op))
		slot->shots++;
}

void pike__lane_put(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__handle *h = slot->handle;

	pike__lane_join(h, slot);
	slot->state = PIKE__WAITING;
	lane_pump(q, h, &h->lane[slot->lane]);
}
