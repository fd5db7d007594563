/* SPDX-License-Identifier: MIT */
/*
 * The door in: a request is checked, given its place, and done at once or made
 * a slot that waits its turn.
 */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "queue.h"

/* ---- what is reserved before an op is accepted ---- */

static bool wants_extra(
    const struct pike_op *op, const struct pike__op_info *info)
{
	if (info->needs & PIKE__OP_VECTOR)
		return op->len && op->len <= PIKE_IOV_COPIED;
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

/* Whether an op is one that the handle's own slot is for. */
static bool own_fits(const struct pike__handle *h, const struct pike_op *op)
{
	return h && op->opcode == PIKE_RECV &&
	       (!op->flags || op->flags == (PIKE_MULTISHOT | PIKE_GROUP)) &&
	       !op->op_flags && !op->timeout_ns && h->own.state == PIKE__FREE &&
	       !(h->lane[PIKE__READS].state & PIKE__PARKED);
}

/* From here on its len is what may be received at a time, and its buf, which
 * it has not, is for pike__group_of. */
static void group_join(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__group *g = pike__group_find(q, slot->op.u.group.id);

	slot->op.buf = g;
	slot->op.len = pike__group_room(g, &slot->op);
	g->users++;
}

struct pike__slot *pike__slot_new(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op)
{
	const struct pike__op_info *info = &pike__op_infos[op->opcode];
	struct pike__slot *slot;

	if (own_fits(h, op)) {
		slot = pike__own_fill(h, op);
		slot->op.flags = op->flags;
		slot->op.u.group.id = op->u.group.id;
	} else {
		slot = pike__slot_take(&q->slots);
		slot->op = *op;
	}
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
	if (op->flags & PIKE_GROUP)
		group_join(q, slot);
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

/* ---- the long way ---- */

/* The id of an op that ended without ever having a slot: a number that no slot
 * can have for a name, so that it is finished to anybody who asks. They do not
 * run out: there are 2^62. */
static inline pike_id name_now(struct pike_queue *q)
{
	return ++q->at_once;
}

static pike_id complete_now(struct pike_queue *q, const struct pike_op *op,
    const struct pike__result *r)
{
	pike_id id = name_now(q);

	q->done.room--;
	pike__complete(q, op->user_data, id, r);
	return id;
}

/* Once it runs, due_ns counts the expirations that were not told yet. */
static void timer_start(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike_op *op = &slot->op;
	bool real = op->op_flags & PIKE_TIMER_REALTIME;
	int64_t when = op->u.timer.due_ns;

	if (!(op->op_flags & PIKE_TIMER_ABSOLUTE))
		when = pike__time_after(
		    real ? pike__port_realtime() : pike__port_monotonic(),
		    when);
	op->u.timer.due_ns = 0;
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
		pike__handle_attend(h);
	if (slot->lane < PIKE__POLLS) {
		pike__lane_put(q, slot);
		return;
	}
	if (slot->lane == PIKE__POLLS)
		pike__lane_join(h, slot);
	if (q->backend->start(q, slot, &r))
		pike__finish(q, slot, &r);
}

/* An op that is valid and has its place, after moved bytes of it were done. */
static pike_id accept_op(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t moved)
{
	struct pike__slot *slot = pike__slot_new(q, h, op);
	pike_id id = slot->id;

	q->done.room--;
	slot->moved = moved;
	if (op->opcode == PIKE_CLOSE)
		return pike__submit_close(q, slot);
	if (op->opcode == PIKE_CANCEL)
		return pike__submit_cancel(q, slot);
	dispatch(q, slot);
	return id;
}

/* The end of an op that needed no slot. */
static pike_id ended_now(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t moved, const struct pike__result *r)
{
	if (r->err)
		pike__remember(
		    h, op, pike__op_infos[op->opcode].lane, moved, 0, r->err);
	return complete_now(q, op, r);
}

static pike_id submit_any(struct pike_queue *q, const struct pike_op *op)
{
	struct pike__handle *h = NULL;
	const struct pike__op_info *info;
	struct pike__result r = {0};
	size_t moved = 0;
	int bad = pike__op_check(op);

	if (!bad && (op->flags & PIKE_GROUP))
		bad = pike__group_check(q, op);
	if (bad)
		return bad;
	info = &pike__op_infos[op->opcode];
	if (info->needs & PIKE__OP_HANDLE) {
		h = pike__handle_usable(&q->handles, op->handle);
		if (!h)
			return -PIKE_EBADF;
	}
	bad = all_reserve(q, op, info);
	if (bad)
		return bad;
	if (op->opcode == PIKE_NOP)
		return complete_now(q, op, &r);
	if (h && info->lane < PIKE__POLLS && !(op->flags & PIKE_GROUP) &&
	    !(h->lane[info->lane].state & (PIKE__BUSY | PIKE__FAILED)) &&
	    q->backend->attempt(q, h, op, &moved, &r))
		return ended_now(q, h, op, moved, &r);
	return accept_op(q, h, op, moved);
}

/* The way of every op that is not taken by a shorter one. */
PIKE__COLD static pike_id submit_long(
    struct pike_queue *q, const struct pike_op *op)
{
	int bad = pike__queue_usable(q);
	pike_id id;

	if (bad)
		return bad;
	if (!op)
		return -PIKE_EINVAL;
	id = submit_any(q, op);
	pike__calm(q);
	if (q->pollable)
		pike__show(q);
	return id;
}

/* ---- the short way ---- */

/*
 * Nearly all ops of a busy server are a send that is done at once and a recv
 * that has to wait. These two are recognised by the first word of the op and
 * the state of the lane, and do nothing that they do not need; whatever is
 * out of the ordinary takes the long way.
 */
union op_head {
	struct {
		uint16_t opcode;
		uint16_t flags;
		uint32_t op_flags;
	} part;
	uint64_t word;
};

static inline bool head_is(
    const struct pike_op *op, uint16_t opcode, uint16_t flags)
{
	union op_head head = {.part = {opcode, flags, 0}};
	uint64_t word;

	memcpy(&word, op, sizeof word);
	return word == head.word;
}

/* Whether a send or recv has nothing beyond its buffer. */
static inline bool op_plain(const struct pike_op *op)
{
	uint64_t others =
	    (uint64_t)op->timeout_ns | op->reserved[0] | op->reserved[1];

	return op->buf && op->len - 1 < PIKE__LEN_MAX && !others;
}

/* One for whose completion there was no place: room has gone below zero. */
PIKE__COLD pike_id pike__submit_full(
    struct pike_queue *q, const struct pike_op *op)
{
	q->done.room++;
	return submit_long(q, op);
}

/* A send that did not simply move all of its bytes. */
PIKE__COLD static pike_id send_otherwise(
    struct pike_queue *q, const struct pike_op *op, int64_t n)
{
	struct pike__handle *h = pike__handle_find(&q->handles, op->handle);
	struct pike__result r = {0};
	size_t moved = 0;
	bool ended = q->backend->sent(q, h, op, n, &moved, &r);

	q->done.room++; /* taken again by what follows */
	if (ended)
		return ended_now(q, h, op, moved, &r);
	if (pike__slots_reserve(&q->slots, false))
		return accept_op(q, h, op, moved);
	/* Too late to refuse it: bytes may be on their way. */
	r = (struct pike__result){.err = PIKE_ENOMEM};
	r.res = moved ? (int64_t)moved : -PIKE_ENOMEM;
	return ended_now(q, h, op, moved, &r);
}

PIKE__APART static pike_id send_now(const struct pike__handle *h,
    const struct pike_op *op, struct pike_queue *q)
{
	int64_t n = q->backend->send(h, op);
	pike_id id;

	if (n != (int64_t)op->len)
		return send_otherwise(q, op, n);
	id = name_now(q);
	pike__complete_bytes(q, op->user_data, id, n);
	return id;
}

static inline pike_id recv_park(
    struct pike__handle *h, const struct pike_op *op)
{
	h->lane[PIKE__READS].state = PIKE__ARMED | PIKE__BUSY | PIKE__PARKED;
	return pike__own_fill(h, op)->id;
}

static PIKE__WITHIN pike_id submit(
    struct pike_queue *q, const struct pike_op *op)
{
	struct pike__handle *h = pike__handle_find(&q->handles, op->handle);

	if (h && op_plain(op)) {
		if (head_is(op, PIKE_RECV, 0)) {
			if (h->lane[PIKE__READS].state == PIKE__ARMED)
				return --q->done.room < 0
					   ? pike__submit_full(q, op)
					   : recv_park(h, op);
			if (pike__native_idle(h))
				return --q->done.room < 0
					   ? pike__submit_full(q, op)
					   : q->backend->recv(q, h, op);
		} else if (h->lane[PIKE__WRITES].state == PIKE__READY &&
			   (head_is(op, PIKE_SEND, PIKE_ALL) ||
			       head_is(op, PIKE_SEND, 0))) {
			return --q->done.room < 0 ? pike__submit_full(q, op)
						  : send_now(h, op, q);
		} else if (h->lane[PIKE__WRITES].state ==
			       (PIKE__READY | PIKE__NATIVE) &&
			   (head_is(op, PIKE_SEND, PIKE_ALL) ||
			       head_is(op, PIKE_SEND, 0))) {
			if (--q->done.room < 0)
				return pike__submit_full(q, op);
			/* A request is worth it with others to go with. */
			return q->crowded ? q->backend->push(q, h, op)
					  : send_now(h, op, q);
		}
	}
	return submit_long(q, op);
}

pike_id pike_submit(struct pike_queue *q, const struct pike_op *op)
{
	return q && op && pike__queue_quick(q) ? submit(q, op)
					       : submit_long(q, op);
}

int pike_submit_many(
    struct pike_queue *q, const struct pike_op *ops, unsigned n, pike_id *ids)
{
	int bad = pike__queue_usable(q);
	bool quick;
	unsigned i;

	if (bad)
		return bad;
	if (!ops && n)
		return -PIKE_EINVAL;
	if (n > INT_MAX)
		n = INT_MAX;
	quick = pike__queue_quick(q);
	for (i = 0; i < n; i++) {
		pike_id id =
		    quick ? submit(q, &ops[i]) : submit_long(q, &ops[i]);

		if (ids)
			ids[i] = id;
		if (id < 0) {
			bad = (int)id;
			break;
		}
	}
	return i ? (int)i : bad;
}
