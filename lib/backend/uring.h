/* SPDX-License-Identifier: MIT */
/*
 * io_uring. The ring is first of all a poller under the reactor, so that every
 * op works; those that the kernel can wait for by itself are given to it.
 */
#ifndef PIKE_LIB_BACKEND_URING_H
#define PIKE_LIB_BACKEND_URING_H

#include "own.h"
#include "reactor.h"

/*
 * user_data of a request: an op's id, or one of these bits with a handle's
 * name (an edge) or an op's id (its cancel), or a small number of own.h. No
 * index of a slot or a handle is as great as the bits.
 */
#define PIKE__URING_EDGE   UINT64_C(0x40000000)
#define PIKE__URING_CANCEL UINT64_C(0x20000000)
/* Both: a handle's hang-up. */
#define PIKE__URING_HANG_UP (PIKE__URING_EDGE | PIKE__URING_CANCEL)
/* Nobody waits for it. */
#define PIKE__URING_NOBODY UINT64_C(0)
/* Or, beside this bit that neither ids nor names have, half the address of the
 * slot of an op that is SHORT. None is given to another before its request
 * ended. */
#define PIKE__URING_SHORT (UINT64_C(1) << 63)

/* An address is even, and else may use each of its bits: where the upper ones
 * say nothing to the machine, other things are kept in them. */
static inline uint64_t pike__uring_short(const struct pike__slot *slot)
{
	uint64_t odd = (uint64_t)(uintptr_t)slot + 1;

	return odd >> 1 | odd << 63;
}

static inline struct pike__slot *pike__uring_short_slot(uint64_t name)
{
	return (struct pike__slot *)(uintptr_t)(name << 1);
}

/* In slot->phase, beside those of the reactor. */
enum {
	PIKE__URING_HELD = 0x40,   /* waits for the handle's connect */
	PIKE__URING_DETOUR = 0x20, /* the kernel could not: the reactor does it;
				      of a group, requests for one do */
	PIKE__URING_MANY = 0x04,   /* its request is for many results */
	PIKE__URING_POOR = 0x08,   /* no handle is promised to it any more */
	PIKE__URING_FRESH = 0x02   /* of MANY on a stream: all of its results so
				      far, which are counted in shots, left
				      data behind */
};

/* What a request points to that its op has not: stays until it has ended. */
struct pike__uring_msg {
	struct msghdr header;
	struct sockaddr_storage name;
	socklen_t name_len;
	struct iovec one;
	struct pike__uring_msg *next_free;
	struct pike__uring_msg *next; /* of all */
};

/* What the backend has of a group (uring_group.c). */
struct pike__uring_group {
	struct io_uring_buf_ring *ring;
	unsigned mask;
	uint32_t inside; /* buffers that the kernel was given and has not told
			    of: when none are, it has none */
};

struct pike__uring {
	struct pike__reactor reactor; /* first: the backend's state is both */
	struct pike__own own;
	struct io_uring ring;
	/* Requests that found the ring full while the kernel took none. */
	struct io_uring_sqe *spare;
	uint32_t spare_cap;
	uint32_t spare_first, spare_count;
	uint32_t room; /* requests that the ring takes unasked; with spare ones
			  none */
	bool lost_cancels;  /* some were not found, or no memory for them; or
			       there are lost polls */
	uint8_t lost_polls; /* no memory for them: bits by name in own.h, and
			       one for all that are of handles */
	int64_t ask_at;     /* when they are asked for again */
	int64_t ask_ns;     /* how long that rests */
	bool tells;         /* the ring's flags say that there is work */
	bool deferred;      /* answers come by our own calls alone */
	bool late;          /* that there are some is told later, or may be */
	int64_t rest_ns;    /* how long to wait until the kernel has memory */
	bool multishot;     /* one request may have many answers */
	bool pours;         /* also of streams */
	bool forgets;       /* may not tell their ends there */
	bool buffer_rings;  /* groups are the kernel's */
	bool zero_copy;     /* the kernel can send without a copy */
	bool starved;       /* an op may wait for a buffer */
	bool accepted_many; /* an accept has had many answers */
	bool poured;        /* a receive has had many answers */
	uint64_t native;    /* bits of the opcodes that are the kernel's */
	uint64_t proven;    /* those that have worked */
	struct pike__uring_msg *free_msgs;
	struct pike__uring_msg *msgs;
};

static inline struct pike__uring *pike__uring_of(struct pike_queue *q)
{
	return q->backend_state;
}

#define PIKE__URING_BIT(opcode) (UINT64_C(1) << (opcode))

/* Kept in a word that requests leave empty. */
static inline struct pike__uring_msg *pike__uring_msg_of(
    const struct pike__slot *slot)
{
	return (struct pike__uring_msg *)(uintptr_t)slot->op.reserved[1];
}

/* Null when out of memory. */
struct pike__uring_msg *pike__uring_msg_take(
    struct pike__uring *u, struct pike__slot *slot);
void pike__uring_msg_give(struct pike__uring *u, struct pike__slot *slot);

/* What the request of an op is called. */
static inline uint64_t pike__uring_name(const struct pike__slot *slot)
{
	return slot->phase & PIKE__SHORT ? pike__uring_short(slot)
					 : (uint64_t)slot->id;
}

/* What a transfer asks for by one request. */
static inline size_t pike__uring_part(const struct pike__slot *slot)
{
	size_t len = slot->op.len - slot->moved;

	return len > PIKE__LEN_MAX ? PIKE__LEN_MAX : len;
}

/* Where an op has gone. */
enum pike__given {
	PIKE__GIVEN,   /* to the kernel */
	PIKE__STOPPED, /* paused: nobody has it */
	PIKE__ENDED,   /* at once, with the result */
	PIKE__LEFT     /* to the reactor */
};

static inline enum pike__given pike__uring_no_memory(struct pike__result *r)
{
	*r = (struct pike__result){.res = -PIKE_ENOMEM, .err = PIKE_ENOMEM};
	return PIKE__ENDED;
}

/* The system's flags of a transfer. */
static inline int pike__uring_flags(const struct pike_op *op)
{
	if (op->opcode >= PIKE_READ && op->opcode <= PIKE_WRITEV)
		return 0;
	return pike__posix_msg_flags(op->op_flags);
}

static inline bool pike__uring_zero_copy(const struct pike__uring *u,
    const struct pike__handle *h, const struct pike_op *op)
{
	return (op->flags & PIKE_ZERO_COPY) && u->zero_copy &&
	       h->family != PIKE_AF_UNIX;
}

/* A transfer that takes a message (uring_msg.c). */
enum pike__given pike__uring_give_message(struct pike__uring *u,
    const struct pike__handle *h, struct pike__slot *slot,
    struct pike__result *r);
/* How many bytes it asked for; what it tells beside its bytes. */
size_t pike__uring_msg_want(const struct pike__uring_msg *m);
void pike__uring_msg_read(
    struct pike__slot *slot, struct pike__uring_msg *m, struct pike__result *r);

/* Tells the kernel of all that is in the ring; how many it has not taken. */
static inline unsigned pike__uring_publish(struct pike__uring *u)
{
	struct io_uring_sq *sq = &u->ring.sq;

	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	return sq->ring_entries - u->room;
}

/* Moves what had found no room into the ring. */
void pike__uring_spare_move(struct pike__uring *u);

/* After a call that may have made room in the ring. */
static inline void pike__uring_roomy(struct pike__uring *u)
{
	const struct io_uring_sq *sq = &u->ring.sq;

	u->room = sq->ring_entries -
		  (sq->sqe_tail - io_uring_smp_load_acquire(sq->khead));
	if (u->spare_count)
		pike__uring_spare_move(u);
}

static inline int pike__uring_enter(struct pike__uring *u, unsigned n,
    unsigned least, unsigned flags, void *arg, size_t size)
{
	int taken;

	if (n)
		PIKE__HB_GIVE();
	taken = sys_uring_enter(u->ring.ring_fd, n, least, flags, arg, size);

	pike__uring_roomy(u);
	return taken;
}

/* Ends the ring: the kernel writes nowhere any more. */
void pike__uring_leave(struct pike__uring *u);

/* Gives the kernel all that there is, now. */
void pike__uring_push(struct pike__uring *u);

/* The poller's: these two are begun again when the kernel has ended them. 0, or
 * the first says -1 with errno, the second the error. */
int pike__uring_watch(struct pike_queue *q, int fd, unsigned name);
int pike__uring_edges(struct pike_queue *q, const struct pike__handle *h);
#define PIKE__URING_EDGES (POLLIN | POLLOUT | POLLRDHUP | POLLPRI)

/* Entries that wait (uring_wait.c). */
void pike__uring_wait(struct pike_queue *q, int64_t timeout_ns);
void pike__uring_show(struct pike_queue *q, bool now, int64_t next);

/* How long to rest when the kernel has no memory, at first. */
#define PIKE__URING_REST_NS 1000000

/* The next place in the ring, where there is room, and empty: not every
 * version of liburing's prep functions writes every field. */
static inline struct io_uring_sqe *pike__uring_next(struct pike__uring *u)
{
	struct io_uring_sq *sq = &u->ring.sq;
	struct io_uring_sqe *sqe = &sq->sqes[sq->sqe_tail++ & sq->ring_mask];

	u->room--;
	*sqe = (struct io_uring_sqe){0};
	return sqe;
}

/* The next request to fill in, which is empty; null when out of memory. */
struct io_uring_sqe *pike__uring_sqe_any(struct pike__uring *u);

static inline struct io_uring_sqe *pike__uring_sqe(struct pike__uring *u)
{
	return u->room ? pike__uring_next(u) : pike__uring_sqe_any(u);
}

/* Entries of struct pike__backend (uring_op.c). */
bool pike__uring_attempt(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r);
bool pike__uring_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
void pike__uring_cancel(struct pike_queue *q, struct pike__slot *slot);
enum pike_route pike__uring_route(const struct pike_queue *q, int opcode);

pike_id pike__uring_recv(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op);
pike_id pike__uring_send(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op);

/* Which opcodes the kernel has. 0, or -1 with errno: it does not say. */
int pike__uring_learn(struct pike_queue *q, uint32_t features_off);
void pike__uring_forget(struct pike__uring *u);

/* The kernel has answered a request of an op (uring_answer.c). False: not now,
 * ask again when results were reaped. */
bool pike__uring_answer(
    struct pike_queue *q, struct pike__slot *slot, int32_t res, uint32_t flags);
/* Begins anew what the kernel has let go of. */
void pike__uring_again(struct pike_queue *q, struct pike__slot *slot);
/* Whether one request shall give many results of an op. */
bool pike__uring_shoots(const struct pike_queue *q, const struct pike_op *op);

/* Groups of buffers (uring_group.c). */
int pike__uring_group_open(struct pike_queue *q, struct pike__group *g);
void pike__uring_group_close(struct pike_queue *q, struct pike__group *g);
int pike__uring_group_give(
    struct pike_queue *q, struct pike__group *g, uint32_t index);
/* False: out of memory. */
bool pike__uring_give_grouped(struct pike_queue *q, struct pike__slot *slot);
/* After answers: lets ops that wait for buffers go on, as far as there are
 * any. */
void pike__uring_feed(struct pike_queue *q);
bool pike__uring_will_feed(const struct pike_queue *q);
void pike__uring_hung_up(struct pike_queue *q, struct pike__handle *h);
bool pike__uring_grouped(
    struct pike_queue *q, struct pike__slot *slot, int32_t res, uint32_t flags);

/*
 * One result of many of a multishot recv that is SHORT: nearly all are bytes in
 * a buffer. False: it has to be looked at.
 */
static inline bool pike__uring_poured(struct pike_queue *q,
    struct pike__slot *slot, const struct io_uring_cqe *cqe)
{
	const unsigned both = IORING_CQE_F_MORE | IORING_CQE_F_BUFFER;
	uint32_t index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	struct pike__group *g;
	struct pike__uring_group *ug;

	if (slot->state != PIKE__STARTED || (cqe->flags & both) != both ||
	    cqe->res <= 0 || !q->done.shots_left)
		return false;
	if (PIKE__SELDOM(slot->phase & PIKE__URING_FRESH)) {
		if (!(cqe->flags & IORING_CQE_F_SOCK_NONEMPTY))
			return false;
		slot->shots++;
	}
	g = pike__group_of(slot);
	ug = g->ring;
	ug->inside--;
	pike__group_out(g, index);
	pike__shot_grouped(q, slot, index, cqe->res);
	return true;
}

/* An op that is being ended may have left what nobody takes. */
void pike__uring_unsent(struct pike_queue *q, const struct pike__slot *slot);
/* A cancel was not found. */
void pike__uring_not_found(struct pike_queue *q, struct pike__slot *slot);

#endif
