/* SPDX-License-Identifier: MIT */
/*
 * A handle: one descriptor, the lanes of ops that wait on it, and what is
 * remembered of its readiness.
 */
#ifndef PIKE_LIB_HANDLE_H
#define PIKE_LIB_HANDLE_H

#include <stdbool.h>
#include <pike.h>

#include "op.h"
#include "slot.h"

/*
 * What is known of a lane. READY belongs to the backend. A lane whose state is
 * READY and nothing else takes an op without any waiting.
 */
enum {
	PIKE__READY = 0x01,    /* trying may succeed */
	PIKE__BUSY = 0x02,     /* ops wait in it */
	PIKE__FAILED = 0x04,   /* error is set */
	PIKE__SPECIAL = 0x08,  /* not a plain stream socket */
	PIKE__ARMED = 0x10,    /* of READS: the next edge will be told, and
				  a short read means empty until then */
	PIKE__PARKED = 0x20,   /* of READS: a recv waits aside, see below */
	PIKE__ATTENDED = 0x40, /* of READS: ops are pending on the handle */
	PIKE__POURS = 0x80,    /* of READS: see below */
	PIKE__NATIVE = 0x100,  /* the backend takes plain ops without a try */
	PIKE__LOST = 0x200,    /* of POLLS: edges were told, and shall be again
				*/
	PIKE__UNTOLD = 0x400,  /* of WRITES: no edge will tell of room */
	PIKE__WATCHED = 0x800, /* of POLLS: a hang-up will be told */
	PIKE__HUNG_UP = 0x1000 /* of POLLS: it was */
};

struct pike__lane {
	struct pike__slot *head, *tail;
	int32_t error;  /* the PIKE_E code that all later ops get; 0: none */
	uint32_t state; /* PIKE__READY, ... */
};

enum pike__kind {
	PIKE__SOCKET_STREAM,
	PIKE__SOCKET_PACKET, /* datagrams and sequenced packets */
	PIKE__PIPE,
	PIKE__TERMINAL,
	PIKE__FILE,
	PIKE__MUTE, /* a FIFO of whose end no poller tells */
	PIKE__OTHER
};

enum {
	PIKE__OPENED = 0x0001,     /* by pike: closed with the queue */
	PIKE__REGISTERED = 0x0002, /* the poller knows it */
	PIKE__EXPOSED = 0x0004,    /* others may hold the same description */
	PIKE__UNBLOCKED = 0x0008,  /* O_NONBLOCK was set by pike */
	PIKE__LISTENS = 0x0010,
	PIKE__CONNECTED = 0x0020,
	PIKE__HUSHED = 0x0040,     /* was told to raise no SIGPIPE */
	PIKE__LINGERS = 0x0080,    /* its close would wait for unsent data */
	PIKE__RUNNABLE = 0x0100,   /* on the backend's list of the unfinished */
	PIKE__DRAINS = 0x0200,     /* a short read means empty */
	PIKE__DGRAM = 0x2000,      /* a socket of datagrams */
	PIKE__CONNECTING = 0x4000, /* its connect is under way */
	PIKE__JOINED = 0x8000,     /* not the application's yet */
	PIKE__ASKED = 0x1000,      /* whether it blocks is known */
	PIKE__ON_LATER = 0x0800,   /* on the list of those tried later */
	PIKE__HELD = 0x0400        /* being ended: nothing is started */
};

/*
 * Most of what ever waits is one recv on a connection. A handle has a slot of
 * its own for that. One that comes the short way (pike_submit) waits in it
 * beside the lane, PARKED: only what makes it this op is written (buf, len,
 * user_data; the id is there already), and a plain edge ends it by as little.
 * It is the only op of its lane, and neither in the lane's list nor in pending.
 * Whoever looks at these first has it joined to the lane (pike__unpark).
 *
 * The other op for which it serves is a multishot recv from a group. That one
 * is in the lane as any op is. POURS says that it is the handle's only one and
 * waits for nothing but an edge, which then has little to ask. (A send that is
 * the backend's by the short way is no concern of edges.)
 */
struct pike__handle {
	pike_handle self; /* while free what nobody can ask for */
	struct pike__lane lane[PIKE__LANES];
	struct pike__slot *closing; /* the close that waits for the others */
	struct pike__handle *next;  /* free, or runnable */
	struct pike__handle *later; /* to be tried again after a while */
	int64_t fd;                 /* what calls are made on */
	int32_t own_fd;   /* the caller's, when fd is another of pike's; -1 */
	int32_t gone;     /* the error that a send was told of; 0 */
	pike_handle name; /* self, also while free: the next one's */
	uint32_t pending; /* ops in the lanes */
	uint16_t flags;   /* PIKE__OPENED, ... */
	uint8_t kind;     /* enum pike__kind */
	uint8_t family;   /* PIKE_AF_*, of a socket */
	struct pike__slot own;
};

#define PIKE__HANDLE_CHUNK 64

struct pike__handles {
	struct pike__handle **at; /* always mask + 1 entries, never null */
	uint32_t mask;
	uint32_t count;
	uint32_t free_count;
	uint32_t promised; /* of the free */
	uint32_t fresh;    /* the state of new stream sockets' lanes */
	uint32_t chunks_cap;
	struct pike__handle **chunks;
	struct pike__handle *free;
};

bool pike__handles_open(struct pike__handles *t);
void pike__handles_free(struct pike__handles *t);

/* At least one free handle that is not promised; false when out of memory. */
bool pike__handles_reserve(struct pike__handles *t);

/* Sets one aside for what the system may give at any time. Whoever comes for
 * it takes it out of promised. */
static inline bool pike__handles_promise(struct pike__handles *t)
{
	if (!pike__handles_reserve(t))
		return false;
	t->promised++;
	return true;
}

/* Takes the free handle that a reserve has made sure of. */
struct pike__handle *pike__handle_take(
    struct pike__handles *t, int64_t fd, enum pike__kind kind, unsigned flags);
void pike__handle_give(struct pike__handles *t, struct pike__handle *h);

/*
 * The handle of a name, or null when stale. What is free or unused has a self
 * whose lowest bit is not that of its place: whoever asks for that number is
 * led to another place, so that nothing more need be asked here.
 */
static inline struct pike__handle *pike__handle_find(
    const struct pike__handles *t, pike_handle name)
{
	struct pike__handle *h = t->at[(uint32_t)name & t->mask];

	return h->self == name ? h : NULL;
}

/* The same for the application: not one that closes, or is not yet its. */
static inline struct pike__handle *pike__handle_usable(
    const struct pike__handles *t, pike_handle name)
{
	struct pike__handle *h = pike__handle_find(t, name);

	return h && !h->closing && !(h->flags & PIKE__JOINED) ? h : NULL;
}

/* Whether a connection is of no more use in a direction that had this error. */
bool pike__ends_stream(int error);

/* Counts the ops in the lanes. */
static inline void pike__handle_attend(struct pike__handle *h)
{
	h->pending++;
	h->lane[PIKE__READS].state |= PIKE__ATTENDED;
}

static inline void pike__handle_leave(struct pike__handle *h)
{
	if (--h->pending == 0)
		h->lane[PIKE__READS].state &= ~PIKE__ATTENDED;
}

/* Joins a recv that waits beside its lane to it: now it is like any other. */
void pike__handle_unpark(struct pike__handle *h);

static inline void pike__unpark(struct pike__handle *h)
{
	if (h->lane[PIKE__READS].state & PIKE__PARKED)
		pike__handle_unpark(h);
}

/* Puts an op that is nothing but a recv into the handle's own slot, whose
 * other fields are those of a plain one while it is free. */
static inline struct pike__slot *pike__own_fill(
    struct pike__handle *h, const struct pike_op *op)
{
	h->own.op.buf = op->buf;
	h->own.op.len = op->len;
	h->own.op.user_data = op->user_data;
	return &h->own;
}

/* Whether a plain recv may go to the backend at once: it then waits beside the
 * lane, as a parked one does. */
static inline bool pike__native_idle(const struct pike__handle *h)
{
	return (h->lane[PIKE__READS].state & ~PIKE__ATTENDED) ==
	       (PIKE__READY | PIKE__NATIVE);
}

/*
 * Whether a read has to wait until the system has ended the handle's connect:
 * before that it is refused, or takes the error that the connect is about to
 * tell.
 */
static inline bool pike__waits_for_connect(const struct pike__slot *slot)
{
	const struct pike__slot *first;

	if (slot->lane != PIKE__READS)
		return false;
	first = slot->handle->lane[PIKE__WRITES].head;
	return first && (first->phase & PIKE__IN_SYSTEM) &&
	       (first->op.opcode == PIKE_CONNECT ||
		   first->op.opcode == PIKE_CONNECT_TO);
}

/* From now on every op of this lane gets the error. */
static inline void pike__lane_fail(struct pike__lane *lane, int error)
{
	if (lane->error)
		return;
	lane->error = error;
	lane->state |= PIKE__FAILED;
}

#endif
