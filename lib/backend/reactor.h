/* SPDX-License-Identifier: MIT */
/*
 * Completions made of readiness, for every system that has only that: an op is
 * tried when its lane may be ready, and else waits for the poller's edge.
 */
#ifndef PIKE_LIB_BACKEND_REACTOR_H
#define PIKE_LIB_BACKEND_REACTOR_H

#include "../queue.h"
#include "posix_io.h"
#include "posix_signal.h"
#include "sys.h"

/* What a poller does for the reactor. */
struct pike__poller {
	/* Tells of every edge of a descriptor from now on, for its life, and
	 * of what it is ready for at once. 0, or the system's error. */
	int (*arm)(struct pike_queue *q, struct pike__handle *h);
	/* Forgets a descriptor that is armed. */
	void (*disarm)(struct pike_queue *q, struct pike__handle *h);
	/* Ends the wait, or else the next one. Any thread, any handler. */
	void (*wake)(struct pike_queue *q);
	/* Whether what is armed stays open until it is disarmed. */
	bool keeps_open;
	/* Whether it does not tell of urgent data. */
	bool no_urgent;
};

struct pike__reactor {
	const struct pike__poller *poller;
	bool heeds;  /* a wait has more to see to than its events: what is said
			below, or what the poller has put off */
	bool masked; /* the thread blocks signals that are waited for */
	bool let_in; /* they are not blocked now, and before was the mask */
	sigset_t before;
	struct pike__handle *runnable; /* stopped by their budget */
	struct pike__handle *later;    /* no edge will tell of them */
	int64_t later_ns;              /* how long those rest */
	int64_t later_at;              /* when they are tried again */
	struct pike__slot *waiters;    /* SIGNAL ops, the oldest first */
	struct pike__signals *signals;
	struct pike_signal_info last[65];
};

void pike__reactor_open(
    struct pike__reactor *r, const struct pike__poller *poller);
void pike__reactor_close(struct pike__reactor *r);

/* Entries of struct pike__backend, the same for all pollers. */
bool pike__reactor_attempt(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r);
int64_t pike__reactor_send(
    const struct pike__handle *h, const struct pike_op *op);
bool pike__reactor_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
void pike__reactor_cancel(struct pike_queue *q, struct pike__slot *slot);
int pike__reactor_drop(
    struct pike_queue *q, struct pike__handle *h, bool close_it);
enum pike_route pike__reactor_route(const struct pike_queue *q, int opcode);
/* A try of an op that names a group: like pike__posix_try. */
enum pike__outcome pike__reactor_try_grouped(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
int pike__reactor_group_open(struct pike_queue *q, struct pike__group *g);
void pike__reactor_group_close(struct pike_queue *q, struct pike__group *g);

/* Before a wait when the reactor heeds more than events: goes on with what was
 * stopped, lets signals in until pike__reactor_waited, and says how long the
 * wait may last. */
int64_t pike__reactor_before(struct pike_queue *q, int64_t timeout_ns);
/* When ops that rest are tried again, if that is before next. */
int64_t pike__reactor_next(const struct pike__reactor *r, int64_t next);
/* For each edge: the handle's name, and PIKE_POLL_ bits. Stale names are
 * ignored. */
void pike__reactor_event_any(
    struct pike_queue *q, pike_handle name, unsigned events);

/* No edge will tell of a handle: it is tried again after a while. */
void pike__reactor_later(struct pike__reactor *r, struct pike__handle *h);

/* A poller that tells nothing of urgent data (reactor_urgent.c): an op that
 * waits for them rests, and then its polls ask. */
void pike__reactor_urgent_rest(struct pike_queue *q, struct pike__slot *slot);
void pike__reactor_urgent_ask(struct pike_queue *q, struct pike__handle *h);

/* Refusals (reactor_refused.c), with the system's error. Arming has failed
 * after all: what waits for either direction, and polls, end. */
void pike__reactor_refused(
    struct pike_queue *q, struct pike__handle *h, int err);
/* Only of what can be read will edges tell: what waits to write ends, and what
 * will have to. */
void pike__reactor_refused_writes(struct pike_queue *q, struct pike__handle *h);
/* Whether no edge will tell of what it waits for. */
bool pike__reactor_untold(const struct pike__slot *slot);
void pike__reactor_result_refused(
    const struct pike__slot *slot, int err, struct pike__result *r);

/* A parked recv that did not simply receive. */
PIKE__COLD void pike__reactor_recv_otherwise(
    struct pike_queue *q, struct pike__handle *h, int64_t n);

/* A multishot recv, of n bytes or not, that is to be looked at more closely. */
PIKE__COLD void pike__reactor_pour_otherwise(
    struct pike_queue *q, struct pike__handle *h, int index, int64_t n);

/* From now on a short read does not mean that nothing is left. */
static inline void pike__reactor_no_drain(struct pike__handle *h)
{
	h->flags &= (uint16_t)~PIKE__DRAINS;
	h->lane[PIKE__READS].state &= ~PIKE__ARMED;
}

/* One result of the multishot recv that POURS is about. False: nothing was
 * done, as there was no room for it. */
static inline bool pike__reactor_poured(
    struct pike_queue *q, struct pike__handle *h)
{
	struct pike__group *g = pike__group_of(&h->own);
	uint32_t index;
	ssize_t n;

	if (!g->free_count || !q->done.shots_left)
		return false;
	h->lane[PIKE__WRITES].state |= PIKE__READY;
	index = g->place[--g->free_count].free;
	pike__group_out(g, index); /* mostly, and with nothing to remember */
	n = sys_recv(
	    (int)h->fd, pike__group_at(g, index), h->own.op.len, MSG_DONTWAIT);
	PIKE__HB_TAKE();
	if (n <= 0 || PIKE__SELDOM((size_t)n == h->own.op.len)) {
		pike__reactor_pour_otherwise(q, h, (int)index, n);
		return true;
	}
	pike__shot_grouped(q, &h->own, index, n);
	return true;
}

/*
 * Nearly every edge says that a connection can be read, and written as ever,
 * where one recv waits and nothing else: true when this was such a one. A recv
 * that was short has emptied the socket.
 */
static PIKE__WITHIN bool pike__reactor_received(
    struct pike_queue *q, pike_handle name, unsigned events)
{
	struct pike__handle *h = pike__handle_find(&q->handles, name);
	ssize_t n;

	if (!h || events != (PIKE_POLL_IN | PIKE_POLL_OUT))
		return false;
	if (h->lane[PIKE__READS].state !=
	    (PIKE__ARMED | PIKE__BUSY | PIKE__PARKED))
		return h->lane[PIKE__READS].state ==
			   (PIKE__ARMED | PIKE__BUSY | PIKE__ATTENDED |
			       PIKE__POURS) &&
		       pike__reactor_poured(q, h);
	h->lane[PIKE__WRITES].state |= PIKE__READY;
	n = sys_recv((int)h->fd, h->own.op.buf, h->own.op.len, MSG_DONTWAIT);
	PIKE__HB_TAKE();
	if (n <= 0) {
		pike__reactor_recv_otherwise(q, h, n);
		return true;
	}
	pike__finish_parked(q, h, n);
	if (PIKE__SELDOM((size_t)n == h->own.op.len))
		h->lane[PIKE__READS].state |= PIKE__READY;
	return true;
}

/* Right after the wait, before its events: the mask is as it was. Keeps errno.
 */
static inline void pike__reactor_waited(struct pike__reactor *r)
{
	if (PIKE__SELDOM(r->let_in))
		sys_pthread_sigmask(SIG_SETMASK, &r->before, NULL);
	r->let_in = false;
}

/* SIGNAL ops (reactor_signal.c). */
bool pike__reactor_signal_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
/* True when the op has still to be finished, with the result. */
bool pike__reactor_signal_cancel(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
void pike__reactor_signal_deliver(struct pike_queue *q);

/* When the poller was woken, or interrupted: a signal may be the reason, whose
 * handler wakes it after each that it has caught. */
static inline void pike__reactor_roused(struct pike_queue *q)
{
	const struct pike__reactor *r = q->backend_state;

	if (r->signals && pike__signals_pending(r->signals))
		pike__reactor_signal_deliver(q);
}

/* After the edges of such a wait. */
void pike__reactor_after(struct pike_queue *q);

#endif
