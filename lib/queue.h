/* SPDX-License-Identifier: MIT */
/* A queue: everything that its ops, handles and timers share. */
#ifndef PIKE_LIB_QUEUE_H
#define PIKE_LIB_QUEUE_H

#include <stdatomic.h>
#include <string.h>

#include "backend.h"
#include "done.h"
#include "group.h"
#include "handle.h"
#include "inbox.h"
#include "port.h"
#include "shape.h"
#include "slot.h"
#include "timer.h"

#define PIKE__REPORT_SIZE 512

struct pike_queue {
	/* Touched by other threads and by signal handlers, and never cleared:
	 * a late caller may still be on its way out of a closed queue. */
	_Atomic uint32_t users; /* inside pike_post or pike_wake */
	_Atomic bool open;
	_Atomic bool asleep; /* a post has to wake it */
	_Atomic bool woken;
	_Atomic bool called; /* since the owner last looked: by either */

	/* Read or written by each op. */
	_Atomic unsigned born; /* pike__port_forks at open; PIKE__DEAD */
	unsigned quick; /* as born, or PIKE__DEAD: no short ways, pollable */
	_Atomic unsigned calm; /* as quick, or PIKE__DEAD: not to be just reaped
				*/
	int32_t patience;      /* reaps until the system is asked for more */
	struct pike__handles handles;
	struct pike__done done;
	struct pike__slots slots;
	const struct pike__backend *backend;
	void *backend_state;
	struct pike__groups groups;
	pike_id at_once;               /* how many ops needed no slot */
	struct pike__timers deadlines; /* monotonic clock */
	struct pike__timers realtime;
	struct pike__slot *paused; /* through held, the oldest first */
	struct pike__slot *paused_last;
	struct pike__slot *cancels; /* that wait for all of a handle */
	struct pike__slot *ripe;    /* whose targets have ended */
	uint32_t ops_max;
	uint32_t features_off;
	int32_t broken; /* the code why the system serves it no more; 0 */
	bool crowded;   /* the last wait has ended many ops */
	bool pollable;
	bool posts_first; /* whose turn it is in a reap */

	struct pike__inbox inbox;

	struct pike_queue *next_closed;
	char report[PIKE__REPORT_SIZE];
};

#define PIKE__DEAD (~0u)

/*
 * While there is something to give, the system is not asked for more, but for
 * one time in so many reaps: an application that always has something (ops
 * that end at once, posts, wakes) must not starve what waits for an event.
 */
#define PIKE__PATIENCE 64

/* 0 when the owning thread may use the queue, else the code that says why not.
 */
static inline int pike__queue_usable(const struct pike_queue *q)
{
	unsigned born;

	if (!q)
		return -PIKE_EBADF;
	born = atomic_load_explicit(&q->born, memory_order_relaxed);
	if (born == pike__port_forks)
		return 0;
	return born == PIKE__DEAD ? -PIKE_EBADF : -PIKE_EPERM;
}

/* Whether short ways may be taken: a living queue that no poller looks at. */
static inline bool pike__queue_quick(const struct pike_queue *q)
{
	return q->quick == pike__port_forks;
}

/*
 * Whether a reap has only the ring of completions to look at: no time runs, no
 * op is paused, nobody has called, and the system serves the queue. Whoever may
 * bring another thing about says so (pike__stir, pike__calm), so that this is a
 * single comparison.
 */
static inline bool pike__queue_calm(const struct pike_queue *q)
{
	return atomic_load_explicit(&q->calm, memory_order_acquire) ==
	       pike__port_forks;
}

/* Callers in other threads stir it too, after their mark was made. */
static inline void pike__stir(struct pike_queue *q)
{
	atomic_store(&q->calm, PIKE__DEAD);
}

/* What a caller says meanwhile must stand: it is calm first, then the mark is
 * looked at. */
static inline void pike__calm(struct pike_queue *q)
{
	bool calm = !q->deadlines.count && !q->realtime.count && !q->paused &&
		    !q->broken;

	if (calm == pike__queue_calm(q))
		return;
	atomic_store(&q->calm, calm ? q->quick : PIKE__DEAD);
	if (calm && atomic_load(&q->called))
		pike__stir(q);
}

/* Whether it is inside pike_queue_close: nobody will reap. */
static inline bool pike__queue_closing(const struct pike_queue *q)
{
	return !atomic_load_explicit(&q->open, memory_order_relaxed);
}

/* ---- buffer groups ---- */

/* The group of an id, or null. */
static inline struct pike__group *pike__group_find(
    const struct pike_queue *q, uint32_t id)
{
	return id - 1 < q->groups.count ? q->groups.at[id - 1] : NULL;
}

/* ---- completions ---- */

static inline void pike__complete(struct pike_queue *q, void *user_data,
    pike_id id, const struct pike__result *r)
{
	struct pike_completion *c = pike__done_add(&q->done);

	c->user_data = user_data;
	c->id = id;
	c->res = r->res;
	c->err = r->err;
	c->os_error = r->os_error;
	c->flags = r->flags;
	c->buffer = r->buffer;
}

/* The same for bytes that were moved, and nothing to say beside. */
static inline void pike__complete_bytes(
    struct pike_queue *q, void *user_data, pike_id id, int64_t bytes)
{
	struct pike_completion *c = pike__done_add(&q->done);

	c->user_data = user_data;
	c->id = id;
	c->res = bytes;
	c->err = 0;
	c->os_error = 0;
	c->flags = 0;
	c->buffer = 0;
}

/*
 * The end of a parked recv by bytes that were moved: what pike__finish comes
 * to for it, where the backend ends every op at once when asked (so that no
 * close and no cancel can be waiting for this one).
 */
static inline void pike__finish_parked(
    struct pike_queue *q, struct pike__handle *h, int64_t bytes)
{
	struct pike_completion *c = pike__done_add(&q->done);

	c->user_data = h->own.op.user_data;
	c->id = h->own.id;
	h->own.id = pike__name_next(h->own.id);
	h->lane[PIKE__READS].state = PIKE__ARMED;
	c->res = bytes;
	c->err = 0;
	c->os_error = 0;
	c->flags = 0;
	c->buffer = 0;
}

/* 0, or the code with which pike_submit refuses an op that names a group. */
int pike__group_check(const struct pike_queue *q, const struct pike_op *op);

/* Pauses a started op until a buffer of its group was returned. */
void pike__group_wait(
    struct pike_queue *q, struct pike__group *g, struct pike__slot *slot);
/* The oldest op that waits for a buffer goes on. */
void pike__group_next(struct pike_queue *q, struct pike__group *g);
/* Takes it off the list of those that wait. */
void pike__group_unwait(struct pike__slot *slot);

/* With their queue. */
void pike__groups_close(struct pike_queue *q);

/* ---- ops that the backend has by the short way ---- */

/* A recv that waits beside its lane, as a parked one does. */
static inline pike_id pike__recv_alone(
    struct pike__handle *h, const struct pike_op *op)
{
	h->lane[PIKE__READS].state |= PIKE__BUSY | PIKE__PARKED;
	return pike__own_fill(h, op)->id;
}

/* Its end by bytes that were moved. */
static inline void pike__recv_alone_end(
    struct pike_queue *q, struct pike__slot *slot, int64_t bytes)
{
	pike_id id = slot->id;

	slot->id = pike__name_next(id);
	slot->handle->lane[PIKE__READS].state &= ~(PIKE__BUSY | PIKE__PARKED);
	pike__complete_bytes(q, slot->op.user_data, id, bytes);
}

/* A send that is the only op of its lane, in the slot that is free next. */
static inline pike_id pike__send_alone(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op)
{
	struct pike__slot *slot = pike__slot_take(&q->slots);
	struct pike__lane *lane = &h->lane[PIKE__WRITES];

	memcpy(&slot->op, op, offsetof(struct pike_op, offset));
	slot->op.reserved[0] = slot->op.reserved[1] = 0;
	slot->next = slot->prev = NULL;
	slot->handle = h;
	slot->moved = 0;
	slot->due = 0;
	slot->shots = 0;
	slot->why = 0;
	slot->state = PIKE__STARTED;
	slot->lane = PIKE__WRITES;
	slot->paused = 0;
	slot->phase = PIKE__IN_SYSTEM | PIKE__SHORT;
	lane->head = lane->tail = slot;
	lane->state |= PIKE__BUSY;
	pike__handle_attend(h);
	return slot->id;
}

/* Its end by all of its bytes, if it is still alone and was not asked to end:
 * false if not. */
static inline bool pike__send_alone_end(
    struct pike_queue *q, struct pike__slot *slot, int64_t bytes)
{
	struct pike__handle *h = slot->handle;
	struct pike__lane *lane = &h->lane[PIKE__WRITES];

	if (slot->state != PIKE__STARTED || lane->tail != slot ||
	    bytes != (int64_t)slot->op.len)
		return false;
	pike__complete_bytes(q, slot->op.user_data, slot->id, bytes);
	lane->head = lane->tail = NULL;
	lane->state &= ~PIKE__BUSY;
	pike__handle_leave(h);
	pike__slot_recycle(&q->slots, slot);
	return true;
}

/* One result of a multishot recv from a group, for which there is room. Its
 * buffer is out. */
static inline void pike__shot_grouped(struct pike_queue *q,
    const struct pike__slot *slot, uint32_t index, int64_t bytes)
{
	struct pike_completion *c = pike__done_add(&q->done);

	q->done.shots_left--;
	c->user_data = slot->op.user_data;
	c->id = slot->id;
	c->res = bytes;
	c->err = 0;
	c->os_error = 0;
	c->flags = PIKE_MORE | PIKE_BUFFER;
	c->buffer = index;
}

/* ---- what the rooms of the core do for each other ---- */

/* The op of an id, or null when it has ended. */
struct pike__slot *pike__op_find(struct pike_queue *q, pike_id id);

/* Takes a slot off the list of the paused. */
void pike__unpause(struct pike_queue *q, struct pike__slot *slot);

/* Ends an op of any state; why is PIKE_ECANCELED or PIKE_ETIME. 0 or a code,
 * as pike_cancel. */
int pike__end(struct pike_queue *q, struct pike__slot *slot, int why);

/* Finishes what is due by now. */
void pike__expire(struct pike_queue *q);
/* How long a wait may last, at most limit (-1: without end). */
int64_t pike__wait_limit(const struct pike_queue *q, int64_t limit);
/* Starts the paused ops that may go on. */
void pike__resume(struct pike_queue *q);

/* Asks all ops pending on a handle to end; how many were asked. */
int pike__end_all(struct pike_queue *q, struct pike__handle *h);

/* An accepted close or cancel: the core does these by itself. */
pike_id pike__submit_close(struct pike_queue *q, struct pike__slot *slot);
pike_id pike__submit_cancel(struct pike_queue *q, struct pike__slot *slot);

/* Appends an op to its lane. */
void pike__lane_join(struct pike__handle *h, struct pike__slot *slot);

/* Appends an accepted op to its lane, and starts it when it is the first. */
void pike__lane_put(struct pike_queue *q, struct pike__slot *slot);

/*
 * Keeps on the handle what its later ops have to know of this one's end by
 * err. why is the code of a cancel or a deadline, or 0.
 */
void pike__remember(struct pike__handle *h, const struct pike_op *op,
    unsigned lane, size_t moved, int why, int err);

/* The cancels that waited for an op that has ended are ripe. */
void pike__cancels_ripen(struct pike_queue *q, struct pike__slot *target);

/* What an ended op leaves to do: its handle's close, cancels that waited. */
void pike__after(struct pike_queue *q, struct pike__handle *h);

/* A new slot that holds the op; everything was reserved. */
struct pike__slot *pike__slot_new(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op);

/* Takes the long way with an op for which a place was held already. */
pike_id pike__submit_full(struct pike_queue *q, const struct pike_op *op);

/* Lets the pollable descriptor, if there is one, show how things stand. */
void pike__show(struct pike_queue *q);

#endif
