/* SPDX-License-Identifier: MIT */
/*
 * Ops as requests to the kernel: the only place where the ring's side decodes
 * an op. One op of each lane is with the kernel at a time, so that their order
 * is kept whatever the kernel does. What ends at once is done by the reactor's
 * own calls, and so is all that the kernel would give to a thread of its own.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../alloc.h"
#include "posix_io.h"
#include "sockaddr.h"
#include "uring.h"

/* With less room than this one request gives one result. */
#define SHOTS_LEAST 64

/* ---- what the kernel has ---- */

static const struct {
	uint8_t opcode;
	uint8_t request;
} requests[] = {
    {PIKE_ACCEPT, IORING_OP_ACCEPT},
    {PIKE_CONNECT, IORING_OP_CONNECT},
    {PIKE_CONNECT_TO, IORING_OP_CONNECT},
    {PIKE_READ, IORING_OP_RECV},
    {PIKE_WRITE, IORING_OP_SEND},
    {PIKE_READV, IORING_OP_RECVMSG},
    {PIKE_WRITEV, IORING_OP_SENDMSG},
    {PIKE_RECV, IORING_OP_RECV},
    {PIKE_SEND, IORING_OP_SEND},
    {PIKE_RECVFROM, IORING_OP_RECVMSG},
    {PIKE_SENDTO, IORING_OP_SENDMSG},
    {PIKE_RECVMSG, IORING_OP_RECVMSG},
    {PIKE_SENDMSG, IORING_OP_SENDMSG},
    {PIKE_POLL, IORING_OP_POLL_ADD},
};

/* As many as can have a number. */
#define REQUESTS_MAX 256

/*
 * An end, or a reset, that comes right behind data is one event with them when
 * the kernel is about its work. From 6.5 on it took the data and did not look
 * again, which 7.0 mended. Of older ones these were seen to tell the end, from
 * their last number on.
 */
static const struct {
	unsigned major, minor, last;
} tells_ends[] = {{6, 1, 0}, {6, 12, 95}, {6, 18, 44}};

static bool kernel_tells_ends(void)
{
	unsigned major, minor, last = 0;
	struct utsname name;

	if (sys_uname(&name) ||
	    sscanf(name.release, "%u.%u.%u", &major, &minor, &last) < 2)
		return false;
	for (size_t i = 0; i < sizeof tells_ends / sizeof *tells_ends; i++)
		if (major == tells_ends[i].major &&
		    minor == tells_ends[i].minor)
			return last >= tells_ends[i].last;
	return major >= 7;
}

int pike__uring_learn(struct pike_queue *q, uint32_t features_off)
{
	struct pike__uring *u = pike__uring_of(q);
	union {
		struct io_uring_probe probe;
		char room[sizeof(struct io_uring_probe) +
			  REQUESTS_MAX * sizeof(struct io_uring_probe_op)];
	} said;

	memset(&said, 0, sizeof said);
	if (sys_uring_probe(&u->ring, &said.probe, REQUESTS_MAX))
		return -1;
	if (features_off & PIKE_FEATURE_NATIVE)
		return 0;
	u->multishot = !(features_off & PIKE_FEATURE_MULTISHOT);
	/* A stream's urgent data end the receiving at their mark, as if there
	 * were none, when the thread has a signal pending, and work that is not
	 * deferred is told of like a signal: the edge would be gone, and
	 * nothing received any more. */
	u->pours = u->multishot && u->deferred;
	u->forgets = !kernel_tells_ends();
	/* Who else took a buffer from the kernel's ring? */
	u->buffer_rings =
	    !(features_off & PIKE_FEATURE_BUFFER_RING) &&
	    io_uring_opcode_supported(&said.probe, IORING_OP_RECV) &&
	    io_uring_opcode_supported(&said.probe, IORING_OP_RECVMSG);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (io_uring_opcode_supported(&said.probe, requests[i].request))
			u->native |= PIKE__URING_BIT(requests[i].opcode);
	u->zero_copy =
	    !(features_off & PIKE_FEATURE_ZERO_COPY) &&
	    io_uring_opcode_supported(&said.probe, IORING_OP_SEND_ZC) &&
	    io_uring_opcode_supported(&said.probe, IORING_OP_SENDMSG_ZC);
	if ((u->native & PIKE__URING_BIT(PIKE_RECV)) &&
	    (u->native & PIKE__URING_BIT(PIKE_SEND)))
		q->handles.fresh = PIKE__NATIVE;
	return 0;
}

enum pike_route pike__uring_route(const struct pike_queue *q, int opcode)
{
	const struct pike__uring *u = q->backend_state;

	return u->native & PIKE__URING_BIT(opcode) ? PIKE_ROUTE_NATIVE
						   : PIKE_ROUTE_EMULATED;
}

/* ---- whose an op is ---- */

static bool socket_op(const struct pike__handle *h)
{
	return h->kind <= PIKE__SOCKET_PACKET;
}

/* Descriptors and control data are unpacked by the reactor's side; so is what
 * one call does not take as it is. */
static bool msg_plain(const struct pike__handle *h, const struct pike_msg *m)
{
	return !m->fd_count && !m->control_len &&
	       !(h->family == PIKE_AF_UNIX && m->addr);
}

/*
 * Whether the kernel shall wait for an op. Not where it would do so in a thread
 * of its own: it cannot poll for room in another's queue (Unix sockets by
 * name), nor for urgent data.
 */
static bool native(const struct pike__uring *u, const struct pike__handle *h,
    const struct pike_op *op)
{
	if (!(u->native & PIKE__URING_BIT(op->opcode)))
		return false;
	switch (op->opcode) {
	case PIKE_POLL: /* of urgent data alone it would never tell */
		return h->kind <= PIKE__PIPE && !(op->op_flags & PIKE_POLL_PRI);
	case PIKE_ACCEPT:
		return socket_op(h);
	case PIKE_CONNECT:
	case PIKE_CONNECT_TO:
		return h->flags & PIKE__DRAINS;
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
		if (!msg_plain(h, op->buf))
			return false;
		break;
	case PIKE_SENDTO:
		if (h->family == PIKE_AF_UNIX && op->addr)
			return false;
		break;
	default:
		break;
	}
	return socket_op(h) &&
	       (op->opcode == PIKE_READ || op->opcode == PIKE_WRITE ||
		   !(op->op_flags & PIKE_MSG_OOB));
}

/* A datagram is sent by a call at once, if there is room: as requests those of
 * a lane would need an enter each. */
static bool worth_a_call(const struct pike__handle *h, const struct pike_op *op)
{
	return h->kind == PIKE__SOCKET_PACKET &&
	       pike__op_infos[op->opcode].lane == PIKE__WRITES &&
	       op->opcode != PIKE_CONNECT && !(op->flags & PIKE_ZERO_COPY);
}

bool pike__uring_attempt(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r)
{
	return (!native(q->backend_state, h, op) || worth_a_call(h, op)) &&
	       pike__reactor_attempt(q, h, op, moved, r);
}

/* ---- requests ---- */

/* A plain transfer: what liburing's prep functions write, and all of it. */
static inline void fill_short(struct io_uring_sqe *sqe, uint8_t request,
    const struct pike__handle *h, const struct pike_op *op,
    const struct pike__slot *slot)
{
	*sqe = (struct io_uring_sqe){
	    .opcode = request,
	    .fd = (int)h->fd,
	    .addr = (uintptr_t)op->buf,
	    .len = (uint32_t)op->len,
	    .msg_flags = request == IORING_OP_SEND ? MSG_NOSIGNAL : 0,
	    .user_data = pike__uring_short(slot),
	};
}

pike_id pike__uring_recv(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op)
{
	struct pike__uring *u = pike__uring_of(q);

	if (PIKE__SELDOM(!u->room))
		return pike__submit_full(q, op);
	fill_short(pike__uring_next(u), IORING_OP_RECV, h, op, &h->own);
	return pike__recv_alone(h, op);
}

pike_id pike__uring_send(
    struct pike_queue *q, struct pike__handle *h, const struct pike_op *op)
{
	struct pike__uring *u = pike__uring_of(q);

	if (PIKE__SELDOM(!u->room || !q->slots.free))
		return pike__submit_full(q, op);
	fill_short(pike__uring_next(u), IORING_OP_SEND, h, op, q->slots.free);
	return pike__send_alone(q, h, op);
}

/* RECV, SEND, READ and WRITE. */
static enum pike__given give_buffer(struct pike__uring *u,
    const struct pike__handle *h, struct pike__slot *slot,
    struct pike__result *r)
{
	bool sends = slot->lane == PIKE__WRITES;
	char *buf = (char *)slot->op.buf + slot->moved;
	int flags = pike__uring_flags(&slot->op);
	struct io_uring_sqe *sqe;

	if (slot->op.len == 0 && h->kind == PIKE__SOCKET_STREAM)
		return PIKE__LEFT;
	sqe = pike__uring_sqe(u);
	if (!sqe)
		return pike__uring_no_memory(r);
	if (sends && pike__uring_zero_copy(u, h, &slot->op))
		io_uring_prep_send_zc(sqe, (int)h->fd, buf,
		    pike__uring_part(slot), flags | MSG_NOSIGNAL, 0);
	else if (sends)
		io_uring_prep_send(sqe, (int)h->fd, buf, pike__uring_part(slot),
		    flags | MSG_NOSIGNAL);
	else
		io_uring_prep_recv(sqe, (int)h->fd, buf, pike__uring_part(slot),
		    h->kind == PIKE__SOCKET_PACKET ? flags | MSG_TRUNC : flags);
	sqe->user_data = (uint64_t)slot->id;
	return PIKE__GIVEN;
}

/*
 * Whether one request shall give many results. Not where each has an address,
 * and not when few results may be given: the kernel would take more.
 */
bool pike__uring_shoots(const struct pike_queue *q, const struct pike_op *op)
{
	const struct pike__uring *u = q->backend_state;

	return (op->flags & PIKE_MULTISHOT) && u->multishot && !op->addr &&
	       q->done.shots_left >= SHOTS_LEAST;
}

static enum pike__given give_accept(struct pike_queue *q,
    const struct pike__handle *h, struct pike__slot *slot,
    struct pike__result *r)
{
	struct pike__uring *u = pike__uring_of(q);
	struct pike__uring_msg *m = NULL;
	struct sockaddr *sa = NULL;
	socklen_t *len = NULL;
	struct io_uring_sqe *sqe;

	if ((slot->op.flags & PIKE_MULTISHOT) && !pike__may_shoot(q, slot))
		return PIKE__STOPPED;
	if (slot->op.addr) {
		m = pike__uring_msg_take(u, slot);
		if (!m)
			return pike__uring_no_memory(r);
		m->name_len = sizeof m->name;
		sa = (struct sockaddr *)&m->name;
		len = &m->name_len;
	}
	/* Before the connection is taken, so that it cannot be lost. */
	if (!pike__handles_promise(&q->handles)) {
		pike__uring_msg_give(u, slot);
		return pike__uring_no_memory(r);
	}
	sqe = pike__uring_sqe(u);
	if (!sqe) {
		q->handles.promised--;
		pike__uring_msg_give(u, slot);
		return pike__uring_no_memory(r);
	}
	io_uring_prep_accept(
	    sqe, (int)h->fd, sa, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	slot->phase &= (uint8_t)~PIKE__URING_MANY;
	if (pike__uring_shoots(q, &slot->op)) {
		slot->phase |= PIKE__URING_MANY;
		sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
	}
	sqe->user_data = (uint64_t)slot->id;
	return PIKE__GIVEN;
}

static enum pike__given give_connect(
    struct pike__uring *u, struct pike__handle *h, struct pike__slot *slot)
{
	struct pike__uring_msg *m;
	struct io_uring_sqe *sqe;

	if (h->flags & PIKE__CONNECTED)
		return PIKE__LEFT;
	m = pike__uring_msg_take(u, slot);
	if (!m)
		return PIKE__LEFT;
	if (pike__posix_name(slot->op.addr, &m->name, &m->name_len) ||
	    !(sqe = pike__uring_sqe(u))) {
		pike__uring_msg_give(u, slot);
		return PIKE__LEFT;
	}
	io_uring_prep_connect(
	    sqe, (int)h->fd, (struct sockaddr *)&m->name, m->name_len);
	sqe->user_data = (uint64_t)slot->id;
	h->flags |= PIKE__CONNECTING;
	return PIKE__GIVEN;
}

static enum pike__given give_poll(struct pike__uring *u,
    const struct pike__handle *h, struct pike__slot *slot,
    struct pike__result *r)
{
	struct io_uring_sqe *sqe = pike__uring_sqe(u);

	if (!sqe)
		return pike__uring_no_memory(r);
	if (slot->op.flags & PIKE_MULTISHOT)
		io_uring_prep_poll_multishot(
		    sqe, (int)h->fd, slot->op.op_flags);
	else
		io_uring_prep_poll_add(sqe, (int)h->fd, slot->op.op_flags);
	sqe->user_data = (uint64_t)slot->id;
	return PIKE__GIVEN;
}

/* Of the kernel's groups nobody else can take a buffer. */
static enum pike__given give_grouped(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	if (socket_op(slot->handle))
		return pike__uring_give_grouped(q, slot)
			   ? PIKE__GIVEN
			   : pike__uring_no_memory(r);
	pike__posix_error(r, ENOTSOCK);
	return PIKE__ENDED;
}

static bool has_kernel_group(const struct pike__slot *slot)
{
	return (slot->op.flags & PIKE_GROUP) && pike__group_of(slot)->ring;
}

static enum pike__given give(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__uring *u = pike__uring_of(q);
	struct pike__handle *h = slot->handle;

	if (!h)
		return PIKE__LEFT;
	if (has_kernel_group(slot))
		return give_grouped(q, slot, r);
	if ((slot->phase & PIKE__URING_DETOUR) ||
	    (slot->op.flags & PIKE_GROUP) || !native(u, h, &slot->op))
		return PIKE__LEFT;
	switch (slot->op.opcode) {
	case PIKE_RECV:
	case PIKE_SEND:
	case PIKE_READ:
	case PIKE_WRITE:
		return give_buffer(u, h, slot, r);
	case PIKE_ACCEPT:
		return give_accept(q, h, slot, r);
	case PIKE_CONNECT:
	case PIKE_CONNECT_TO:
		return give_connect(u, h, slot);
	case PIKE_POLL:
		return give_poll(u, h, slot, r);
	default:
		return pike__uring_give_message(u, h, slot, r);
	}
}

bool pike__uring_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	*r = (struct pike__result){0};
	slot->phase &= (uint8_t)~PIKE__SHORT;
	if (slot->op.opcode == PIKE_CONNECT_TO && !slot->handle) {
		struct pike__handle *h =
		    pike__posix_connect_to(q, &slot->op, r);

		if (!h)
			return true;
		pike__join(slot, h);
	}
	if (pike__waits_for_connect(slot)) {
		slot->phase |= PIKE__URING_HELD;
		return false;
	}
	switch (give(q, slot, r)) {
	case PIKE__GIVEN:
		slot->phase |= PIKE__IN_SYSTEM;
		return false;
	case PIKE__STOPPED:
		return false;
	case PIKE__ENDED:
		if (slot->moved) /* before there was a reason to end */
			r->res = (int64_t)slot->moved;
		return true;
	default:
		return pike__reactor_start(q, slot, r);
	}
}

/* ---- cancels ---- */

static void cancel_ask(struct pike__uring *u, const struct pike__slot *slot)
{
	struct io_uring_sqe *sqe = pike__uring_sqe(u);

	if (!sqe) {
		u->lost_cancels = u->reactor.heeds = true;
		u->ask_at = 0;
		return;
	}
	io_uring_prep_cancel64(sqe, pike__uring_name(slot), 0);
	sqe->user_data = (uint64_t)slot->id | PIKE__URING_CANCEL;
}

void pike__uring_cancel(struct pike_queue *q, struct pike__slot *slot)
{
	if (slot->phase & PIKE__IN_SYSTEM)
		cancel_ask(q->backend_state, slot);
	else
		pike__reactor_cancel(q, slot);
}

/*
 * What was sent without copies is in the op's memory until the peer has taken
 * it, which may be never. So a close that waits for the op ends the connection:
 * then there is nobody to send to.
 */
void pike__uring_unsent(struct pike_queue *q, const struct pike__slot *slot)
{
	static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	const struct pike__handle *h = slot->handle;

	if (slot->state == PIKE__ENDING && slot->lane == PIKE__WRITES &&
	    slot->shots && h->kind == PIKE__SOCKET_STREAM &&
	    (h->closing || pike__queue_closing(q)))
		sys_connect((int)h->fd, &nobody, sizeof nobody);
}

/*
 * Its answer is on the way, or a thread of the kernel's has it, or it was on
 * its way from one to the other: such a one is asked for until it has ended.
 */
void pike__uring_not_found(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__uring *u = pike__uring_of(q);

	if (slot->state != PIKE__ENDING || !(slot->phase & PIKE__IN_SYSTEM))
		return;
	pike__uring_unsent(q, slot);
	if (u->lost_cancels)
		return;
	u->lost_cancels = u->reactor.heeds = true;
	u->ask_at = pike__time_after(pike__port_monotonic(), u->ask_ns);
}
