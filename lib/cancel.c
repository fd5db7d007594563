/* SPDX-License-Identifier: MIT */
/*
 * Asking ops to end: one, all of a handle, before its close. A backend may end
 * an op at once or later; close and cancel ops wait for what they asked.
 */
#include "config.h"

#include "queue.h"

struct pike__slot *pike__op_find(struct pike_queue *q, pike_id id)
{
	uint32_t index = (uint32_t)id & ~PIKE__SLOT_OWN;
	struct pike__handle *h;

	if (!((uint32_t)id & PIKE__SLOT_OWN))
		return pike__slot_find(&q->slots, id);
	h = q->handles.at[index & q->handles.mask];
	if (h->own.id != id)
		return NULL;
	pike__unpark(h);
	return h->own.state != PIKE__FREE ? &h->own : NULL;
}

int pike__end(struct pike_queue *q, struct pike__slot *slot, int why)
{
	if (slot->op.opcode == PIKE_CLOSE || slot->op.opcode == PIKE_CANCEL)
		return -PIKE_EINVAL;
	if (slot->state == PIKE__ENDING)
		return -PIKE_EALREADY;
	slot->why = why;
	if (slot->state == PIKE__STARTED && slot->op.opcode != PIKE_TIMER) {
		slot->state = PIKE__ENDING;
		q->backend->cancel(q, slot);
	} else {
		struct pike__result r = pike__ended(slot);

		pike__finish(q, slot, &r);
	}
	return 0;
}

/*
 * Ends the ops in the order they were submitted, lane by lane; nothing that
 * waits behind them is started meanwhile.
 */
int pike__end_all(struct pike_queue *q, struct pike__handle *h)
{
	uint16_t held = h->flags & PIKE__HELD;
	int n = 0;

	pike__unpark(h);
	h->flags |= PIKE__HELD;
	for (int lane = 0; lane < PIKE__LANES; lane++) {
		struct pike__slot *next;

		for (struct pike__slot *s = h->lane[lane].head; s; s = next) {
			next = s->next;
			if (pike__end(q, s, PIKE_ECANCELED) == 0)
				n++;
		}
	}
	if (!held)
		h->flags &= (uint16_t)~PIKE__HELD;
	return n;
}

/* ---- close ---- */

static void close_now(struct pike_queue *q, struct pike__handle *h)
{
	struct pike__slot *slot = h->closing;
	struct pike__result r = {0};

	/* The descriptor is gone whatever close says: there is nothing that an
	 * application could do about it. */
	r.os_error = q->backend->drop(q, h, true);
	slot->handle = NULL;
	pike__handle_give(&q->handles, h);
	pike__finish(q, slot, &r);
}

pike_id pike__submit_close(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__handle *h = slot->handle;
	pike_id id = slot->id;

	h->flags |= PIKE__HELD;
	pike__end_all(q, h);
	h->closing = slot;
	/* No short way leads into it any more. */
	h->lane[PIKE__READS].state |= PIKE__SPECIAL;
	h->lane[PIKE__WRITES].state |= PIKE__SPECIAL;
	if (!h->pending)
		close_now(q, h);
	return id;
}

/* ---- cancel as an op ---- */

static bool handle_ending(const struct pike__handle *h)
{
	for (int lane = 0; lane < PIKE__LANES; lane++)
		for (struct pike__slot *s = h->lane[lane].head; s; s = s->next)
			if (s->state == PIKE__ENDING)
				return true;
	return false;
}

/*
 * The cancels of one op wait at their target, in a word that requests leave
 * empty, through held, the newest first; those of a handle on the queue's list.
 */
static struct pike__slot *cancels_of(const struct pike__slot *target)
{
	return (struct pike__slot *)(uintptr_t)target->op.reserved[0];
}

static void cancels_set(struct pike__slot *target, struct pike__slot *first)
{
	target->op.reserved[0] = (uintptr_t)first;
}

/* Where it shall wait: false when what it is for has ended. */
static bool cancel_waits(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__slot *target;
	struct pike__handle *h;

	if (slot->op.u.cancel.id) {
		target = pike__op_find(q, slot->op.u.cancel.id);
		if (!target)
			return false;
		slot->held = cancels_of(target);
		cancels_set(target, slot);
		return true;
	}
	h = pike__handle_find(&q->handles, slot->op.handle);
	if (!h || !handle_ending(h))
		return false;
	slot->held = q->cancels;
	q->cancels = slot;
	return true;
}

void pike__cancels_ripen(struct pike_queue *q, struct pike__slot *target)
{
	struct pike__slot *slot = cancels_of(target);

	cancels_set(target, NULL);
	while (slot) {
		struct pike__slot *older = slot->held;

		slot->held = q->ripe;
		q->ripe = slot;
		slot = older;
	}
}

static void cancel_result(const struct pike__slot *slot, struct pike__result *r)
{
	int asked = (int)(int64_t)slot->moved;

	*r = (struct pike__result){.res = asked};
	if (asked < 0)
		r->err = -asked;
}

pike_id pike__submit_cancel(struct pike_queue *q, struct pike__slot *slot)
{
	pike_id id = slot->id;
	struct pike__result r;
	int asked;

	if (slot->op.u.cancel.id) {
		asked = pike_cancel(q, slot->op.u.cancel.id);
	} else {
		struct pike__handle *h =
		    pike__handle_usable(&q->handles, slot->op.handle);

		asked = h ? pike__end_all(q, h) : -PIKE_EBADF;
	}
	slot->moved = (size_t)(int64_t)asked;
	if (asked == -PIKE_EINVAL || !cancel_waits(q, slot)) {
		cancel_result(slot, &r);
		pike__finish(q, slot, &r);
	}
	return id;
}

/* Those of a handle where nothing is ending any more: the oldest first. */
static void handle_cancels_ripen(
    struct pike_queue *q, const struct pike__handle *h)
{
	struct pike__slot **at = &q->cancels;

	if (h->self == h->name && handle_ending(h))
		return;
	while (*at) {
		struct pike__slot *slot = *at;

		if (slot->op.handle != h->self &&
		    pike__handle_find(&q->handles, slot->op.handle)) {
			at = &slot->held;
			continue;
		}
		*at = slot->held;
		slot->held = q->ripe;
		q->ripe = slot;
	}
}

/* The end of a cancel op makes no other one ripe. The list is put away, so
 * that the calls do not nest as deep as there are cancels. */
void pike__after(struct pike_queue *q, struct pike__handle *h)
{
	struct pike__slot *next;

	if (q->cancels && h)
		handle_cancels_ripen(q, h);
	next = q->ripe;
	q->ripe = NULL;
	while (next) {
		struct pike__slot *slot = next;
		struct pike__result r;

		next = slot->held;
		cancel_result(slot, &r);
		pike__finish(q, slot, &r);
	}
	if (h && h->closing && !h->pending)
		close_now(q, h);
}

/* ---- cancel as a call ---- */

int pike_cancel(struct pike_queue *q, pike_id id)
{
	int bad = pike__queue_usable(q);
	struct pike__slot *slot;

	if (bad)
		return bad;
	slot = pike__op_find(q, id);
	bad = slot ? pike__end(q, slot, PIKE_ECANCELED) : -PIKE_ENOENT;
	if (q->pollable)
		pike__show(q);
	return bad;
}

int pike_cancel_handle(struct pike_queue *q, pike_handle name)
{
	int bad = pike__queue_usable(q);
	struct pike__handle *h;

	if (bad)
		return bad;
	h = pike__handle_usable(&q->handles, name);
	bad = h ? pike__end_all(q, h) : -PIKE_EBADF;
	if (q->pollable)
		pike__show(q);
	return bad;
}
