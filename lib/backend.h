/* SPDX-License-Identifier: MIT */
/*
 * What a backend is to the core: a constant table of functions, all of them
 * mandatory. The core hands it ops one at a time per lane of a handle and in
 * order; the backend says how each ended, either at once or later through
 * pike__finish and pike__shot.
 */
#ifndef PIKE_LIB_BACKEND_H
#define PIKE_LIB_BACKEND_H

#include <stdbool.h>
#include <pike.h>

#include "handle.h"
#include "slot.h"

struct pike_queue;
struct pike__group;

/* How an op ended: as in a completion. */
struct pike__result {
	int64_t res;
	int32_t err;
	int32_t os_error;
	uint32_t flags;
	uint32_t buffer; /* with PIKE_BUFFER in flags */
};

struct pike__backend {
	const char *name;

	/* Sets q->backend_state up. 0, or the code that refuses it, with the
	 * reason in words. */
	int (*open)(struct pike_queue *q, const struct pike_params *params,
	    char *reason, size_t size);

	/* No op is pending and no other thread is in wake. In a forked child
	 * only memory is freed. */
	void (*close)(struct pike_queue *q, bool forked);

	/* Finds out what a descriptor of the caller's is. A handle was
	 * reserved. The handle's name, or a code. */
	pike_handle (*adopt)(struct pike_queue *q, pike_fd fd);

	/* Lets go of an idle handle's descriptor: closes it, or leaves it open
	 * as it was found. The system's error number, or 0. */
	int (*drop)(
	    struct pike_queue *q, struct pike__handle *h, bool close_it);

	/* Does an op of an empty lane without a slot, when trying may succeed:
	 * true when it has ended, with the result. If not it has to be
	 * started, and *moved bytes of it were done. */
	bool (*attempt)(struct pike_queue *q, struct pike__handle *h,
	    const struct pike_op *op, size_t *moved, struct pike__result *r);

	/*
	 * One try to send all of a plain op on a stream whose lane is ready:
	 * how many bytes were taken, or -1. When that is not all, sent says at
	 * once what it means, like attempt.
	 */
	int64_t (*send)(const struct pike__handle *h, const struct pike_op *op);
	bool (*sent)(struct pike_queue *q, struct pike__handle *h,
	    const struct pike_op *op, int64_t n, size_t *moved,
	    struct pike__result *r);

	/*
	 * Where lanes are NATIVE, else null: takes a plain recv or send of an
	 * idle lane, for whose completion there is a place, by pike__recv_alone
	 * or pike__send_alone; or says pike__submit_full.
	 */
	pike_id (*recv)(struct pike_queue *q, struct pike__handle *h,
	    const struct pike_op *op);
	pike_id (*push)(struct pike_queue *q, struct pike__handle *h,
	    const struct pike_op *op);

	/* Starts an op, or goes on with one that was paused: true when it has
	 * ended, with the result. */
	bool (*start)(struct pike_queue *q, struct pike__slot *slot,
	    struct pike__result *r);

	/* Asks a started op to end; it may be finished before this returns. */
	void (*cancel)(struct pike_queue *q, struct pike__slot *slot);

	/* Waits up to timeout_ns (-1: without end) for anything to happen and
	 * finishes what can be. May return early. When it will never be able
	 * to, it says why in q->broken. */
	void (*wait)(struct pike_queue *q, int64_t timeout_ns);

	/* Ends the wait, or else the next one. Any thread, any handler. */
	void (*wake)(struct pike_queue *q);

	/* The descriptor of pike_pollable, or a code. */
	pike_fd (*pollable)(struct pike_queue *q);

	/* What the descriptor of pollable must show beside the system's own
	 * events: that there is something now, or when there will be
	 * (INT64_MAX: never), by the monotonic clock. */
	void (*show)(struct pike_queue *q, bool now, int64_t next);

	enum pike_route (*route)(const struct pike_queue *q, int opcode);

	/*
	 * A group of buffers is made, all of them free (0, or the code that
	 * refuses it), and ends: no op names it any more; in a forked child
	 * only memory is freed. Between these a buffer that was out comes back
	 * from the application, to a group that has a ring of the backend's
	 * (null where no group ever has one: others keep theirs on their own
	 * stack); ops that wait for one go on after that. It says 0.
	 */
	int (*group_open)(struct pike_queue *q, struct pike__group *g);
	void (*group_close)(struct pike_queue *q, struct pike__group *g);
	int (*group_give)(
	    struct pike_queue *q, struct pike__group *g, uint32_t index);
};

/* Those that this library was built with, in order of preference, then null. */
extern const struct pike__backend *const pike__backends[];

/* The only way back for an op that did not end in start: its completion. */
void pike__finish(struct pike_queue *q, struct pike__slot *slot,
    const struct pike__result *r);

/*
 * Whether a multishot op may give a result now. If not it is paused: the
 * backend leaves it alone until the core starts it again.
 */
bool pike__may_shoot(struct pike_queue *q, struct pike__slot *slot);

/* One result of a multishot op that may give one. */
void pike__shot(struct pike_queue *q, struct pike__slot *slot,
    const struct pike__result *r);

/* A started op without a handle has made its own: it is now the head of that
 * handle's writes. */
void pike__join(struct pike__slot *slot, struct pike__handle *h);

/* Result of an op that was asked to end and did nothing more. */
struct pike__result pike__ended(const struct pike__slot *slot);

#endif
