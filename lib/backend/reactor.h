/* SPDX-License-Identifier: MIT */
/*
 * Completions made of readiness, for every system that has only that: an op is
 * tried when its lane may be ready, and else waits for the poller's edge.
 */
#ifndef PIKE_LIB_BACKEND_REACTOR_H
#define PIKE_LIB_BACKEND_REACTOR_H

#include "../queue.h"
#include "posix_signal.h"

/* What a poller does for the reactor. */
struct pike__poller {
	/* Tells of every edge of a descriptor from now on, for its life, and
	 * of what it is ready for at once. 0, or the system's error. */
	int (*arm)(struct pike_queue *q, struct pike__handle *h);
	/* Forgets a descriptor that is armed. */
	void (*disarm)(struct pike_queue *q, struct pike__handle *h);
	/* Ends the wait, or else the next one. Any thread, any handler. */
	void (*wake)(struct pike_queue *q);
};

struct pike__reactor {
	const struct pike__poller *poller;
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
int64_t pike__reactor_send(struct pike__handle *h, const void *buf, size_t len);
bool pike__reactor_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
void pike__reactor_cancel(struct pike_queue *q, struct pike__slot *slot);
int pike__reactor_drop(
    struct pike_queue *q, struct pike__handle *h, bool close_it);
enum pike_route pike__reactor_route(int opcode);

/* Before the poller waits: goes on with what was stopped, and says how long
 * the wait may last. */
int64_t pike__reactor_before(struct pike_queue *q, int64_t timeout_ns);
/* When ops that rest are tried again, if that is before next. */
int64_t pike__reactor_next(const struct pike__reactor *r, int64_t next);
/* For each edge: the handle's name, and PIKE_POLL_ bits. Stale names are
 * ignored. */
void pike__reactor_event(
    struct pike_queue *q, pike_handle name, unsigned events);
/* After the edges. */
void pike__reactor_after(struct pike_queue *q);

/* SIGNAL ops (reactor_signal.c). */
bool pike__reactor_signal_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
/* True when the op has still to be finished, with the result. */
bool pike__reactor_signal_cancel(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
void pike__reactor_signal_deliver(struct pike_queue *q);

#endif
