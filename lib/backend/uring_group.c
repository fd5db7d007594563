/* SPDX-License-Identifier: MIT */
/*
 * Groups of buffers whose free ones lie in a ring of the kernel's: it takes
 * one when there are data for it. Results of receives from them.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "../alloc.h"
#include "posix_io.h"
#include "sockaddr.h"
#include "uring.h"

/*
 * Where the kernel writes a message that one request of many receives: a head,
 * as much of the sender's name as was asked for, the data. Both together take
 * the place of a pike_addr.
 */
#define NAME_ROOM (PIKE_GROUP_DATA - sizeof(struct io_uring_recvmsg_out))

/* ---- rings of buffers ---- */

/*
 * What the kernel calls a group. Linux 6.1 keeps the first 64 names in a table
 * of its own and does not set their place in the ring back when they are given
 * anew: the next ring would be read from where the last one ended. So the last
 * groups of 65535 have no name left, and no ring.
 */
#define NAMES_KEPT 64
#define NAMES_MAX  UINT16_MAX

static uint16_t kernel_name(const struct pike__group *g)
{
	return (uint16_t)(g->id + NAMES_KEPT);
}

/* Puts a buffer in the place after those that the kernel knows of. */
static inline void ring_add(struct pike__uring_group *ug,
    const struct pike__group *g, uint32_t index, unsigned at)
{
	struct io_uring_buf *buf =
	    &ug->ring->bufs[(ug->ring->tail + at) & ug->mask];

	buf->addr = (uintptr_t)pike__group_at(g, index);
	buf->len = (uint32_t)g->size;
	buf->bid = (uint16_t)index;
	ug->inside++;
}

static struct pike__uring_group *ring_new(unsigned entries)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct pike__uring_group *ug = pike__alloc(
	    sizeof *ug + page + entries * sizeof(struct io_uring_buf));
	uintptr_t end = (uintptr_t)(ug + 1);

	if (!ug)
		return NULL;
	memset(ug, 0, sizeof *ug);
	ug->mask = entries - 1;
	ug->ring = (struct io_uring_buf_ring *)((end + page - 1) / page * page);
	memset(ug->ring, 0, entries * sizeof(struct io_uring_buf));
	return ug;
}

/* Where the kernel has no such ring the group's buffers stay with the core,
 * and what names it is the reactor's. */
int pike__uring_group_open(struct pike_queue *q, struct pike__group *g)
{
	struct pike__uring *u = pike__uring_of(q);
	struct io_uring_buf_reg reg = {0};
	struct pike__uring_group *ug;
	unsigned entries = 1;

	if (!u->buffer_rings || g->id > NAMES_MAX - NAMES_KEPT)
		return 0;
	while (entries < g->count)
		entries *= 2;
	ug = ring_new(entries);
	if (!ug)
		return -PIKE_ENOMEM;
	reg.ring_addr = (uintptr_t)ug->ring;
	reg.ring_entries = entries;
	reg.bgid = kernel_name(g);
	if (sys_uring_buf_ring(&u->ring, &reg)) {
		u->buffer_rings = false;
		pike__free(ug);
		return 0;
	}
	for (uint32_t i = 0; i < g->count; i++)
		ring_add(ug, g, i, i);
	io_uring_buf_ring_advance(ug->ring, (int)g->count);
	g->free_count = 0;
	g->ring = ug;
	return 0;
}

void pike__uring_group_close(struct pike_queue *q, struct pike__group *g)
{
	struct pike__uring *u = q->backend_state;
	struct pike__uring_group *ug = g->ring;

	if (!ug)
		return;
	if (!pike__queue_usable(q))
		sys_uring_buf_ring_end(&u->ring, kernel_name(g));
	pike__free(ug);
	g->ring = NULL;
}

int pike__uring_group_give(
    struct pike_queue *q, struct pike__group *g, uint32_t index)
{
	struct pike__uring_group *ug = g->ring;

	(void)q;
	ring_add(ug, g, index, 0);
	io_uring_buf_ring_advance(ug->ring, 1);
	return 0;
}

/* ---- requests ---- */

/*
 * A kernel that takes the end of a stream and the data before it for one event
 * tells of the data alone; then a poll tells of the end. One for each handle,
 * as long as it has not hung up. False: no memory.
 */
static bool end_watch(struct pike__uring *u, struct pike__handle *h)
{
	uint32_t *state = &h->lane[PIKE__POLLS].state;
	struct io_uring_sqe *sqe;

	if (!u->forgets || (*state & PIKE__WATCHED))
		return true;
	sqe = pike__uring_sqe(u);
	if (!sqe)
		return false;
	io_uring_prep_poll_add(sqe, (int)h->fd, POLLRDHUP);
	sqe->user_data = (uint64_t)h->self | PIKE__URING_HANG_UP;
	*state |= PIKE__WATCHED;
	return true;
}

/* The rest is received by requests for one. */
static void pour_end(struct pike_queue *q, struct pike__slot *slot)
{
	slot->phase |= PIKE__URING_DETOUR;
	pike__uring_cancel(q, slot);
}

void pike__uring_hung_up(struct pike_queue *q, struct pike__handle *h)
{
	const uint8_t pours = PIKE__URING_MANY | PIKE__IN_SYSTEM;
	struct pike__slot *slot = h->lane[PIKE__READS].head;
	uint32_t *state = &h->lane[PIKE__POLLS].state;

	*state = (*state & ~PIKE__WATCHED) | PIKE__HUNG_UP;
	if (slot && slot->state == PIKE__STARTED &&
	    (slot->phase & (pours | PIKE__URING_DETOUR)) == pours)
		pour_end(q, slot);
}

/* Whether a request for many shall receive a stream. */
static bool stream_pours(struct pike__uring *u, struct pike__handle *h)
{
	return u->pours && !(h->lane[PIKE__POLLS].state & PIKE__HUNG_UP) &&
	       end_watch(u, h);
}

/* For many results, if the kernel can be relied upon. */
bool pike__uring_give_grouped(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__uring *u = pike__uring_of(q);
	struct pike__handle *h = slot->handle;
	struct pike__group *g = pike__group_of(slot);
	struct pike__uring_msg *m = NULL;
	bool stream = h->kind == PIKE__SOCKET_STREAM;
	/* It fills whole buffers. */
	bool many = pike__uring_shoots(q, &slot->op) &&
		    !(slot->phase & PIKE__URING_DETOUR) &&
		    slot->op.len == g->size - pike__group_offset(&slot->op) &&
		    (!stream || stream_pours(u, h));
	struct io_uring_sqe *sqe;
	int flags = pike__posix_msg_flags(slot->op.op_flags);

	if (slot->op.opcode == PIKE_RECVFROM) {
		m = pike__uring_msg_take(u, slot);
		if (!m)
			return false;
		memset(&m->header, 0, sizeof m->header);
		m->header.msg_name = &m->name;
		m->header.msg_namelen = sizeof m->name;
		m->one.iov_base = NULL;
		m->one.iov_len = slot->op.len;
		m->header.msg_iov = &m->one;
		m->header.msg_iovlen = 1;
	}
	sqe = pike__uring_sqe(u);
	if (!sqe) {
		pike__uring_msg_give(u, slot);
		return false;
	}
	slot->phase &= (uint8_t) ~(PIKE__URING_MANY | PIKE__URING_FRESH);
	slot->shots = 0;
	if (many)
		slot->phase |= PIKE__URING_MANY;
	if (many && stream)
		slot->phase |= PIKE__URING_FRESH;
	if (many && stream && !m && (h->flags & PIKE__CONNECTED))
		slot->phase |= PIKE__SHORT;
	if (m) {
		if (slot->phase & PIKE__URING_MANY) {
			m->header.msg_namelen = NAME_ROOM;
			m->header.msg_iovlen = 0;
		}
		io_uring_prep_recvmsg(
		    sqe, (int)h->fd, &m->header, (unsigned)flags);
	} else {
		if (h->kind == PIKE__SOCKET_PACKET)
			flags |= MSG_TRUNC;
		io_uring_prep_recv(sqe, (int)h->fd, NULL,
		    slot->phase & PIKE__URING_MANY ? 0 : slot->op.len, flags);
	}
	if (slot->phase & PIKE__URING_MANY)
		sqe->ioprio |= IORING_RECV_MULTISHOT;
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = kernel_name(g);
	sqe->user_data = pike__uring_name(slot);
	return true;
}

/* ---- answers ---- */

/* The message of a request for many, made what the application expects. How
 * many bytes of data it has, as if the call had said so. */
static int message_of_many(char *buffer, int32_t res, struct pike__result *r)
{
	struct io_uring_recvmsg_out head;
	struct sockaddr_storage sa = {0};
	int n = res - (int)PIKE_GROUP_DATA;

	memcpy(&head, buffer, sizeof head);
	memcpy(&sa, buffer + sizeof head, NAME_ROOM);
	if (head.namelen > NAME_ROOM)
		head.namelen = NAME_ROOM;
	pike__addr_from_system(
	    (struct pike_addr *)(void *)buffer, &sa, head.namelen);
	if (head.flags & MSG_TRUNC)
		r->flags |= PIKE_TRUNCATED;
	return n;
}

/* That of a request for one: its name is elsewhere, and its data are where the
 * name belongs. */
static int message_of_one(const struct pike__slot *slot, char *buffer,
    int32_t res, struct pike__result *r)
{
	struct pike__uring_msg *m = pike__uring_msg_of(slot);

	memmove(buffer + PIKE_GROUP_DATA, buffer, (size_t)res);
	pike__addr_from_system((struct pike_addr *)(void *)buffer, &m->name,
	    m->header.msg_namelen);
	if (m->header.msg_flags & MSG_TRUNC)
		r->flags |= PIKE_TRUNCATED;
	return res;
}

/* The buffer of a result goes out with it, or back to the kernel. */
static void buffer_settle(struct pike_queue *q, struct pike__group *g,
    const struct pike__slot *slot, uint32_t index, struct pike__result *r)
{
	struct pike__uring_group *ug = g->ring;

	ug->inside--;
	if (pike__queue_closing(q) ||
	    !pike__group_fills(&slot->op, r->res, r->flags)) {
		pike__uring_group_give(q, g, index);
		return;
	}
	pike__group_out(g, index);
	r->flags |= PIKE_BUFFER;
	r->buffer = index;
}

/* What an answer comes to; whether it is the op's last. */
static bool result_of(struct pike_queue *q, struct pike__slot *slot,
    int32_t res, uint32_t flags, struct pike__result *r)
{
	struct pike__group *g = pike__group_of(slot);
	struct pike__handle *h = slot->handle;
	uint32_t index = flags >> IORING_CQE_BUFFER_SHIFT;
	struct pike_op op = slot->op;
	size_t moved = 0;

	if ((flags & IORING_CQE_F_BUFFER) && res >= 0 &&
	    op.opcode == PIKE_RECVFROM) {
		char *buffer = pike__group_at(g, index);

		res = slot->phase & PIKE__URING_MANY
			  ? message_of_many(buffer, res, r)
			  : message_of_one(slot, buffer, res, r);
	}
	pike__posix_took(h, &op, res, op.len, &moved, r);
	h->lane[PIKE__READS].state |= PIKE__READY;
	if (flags & IORING_CQE_F_BUFFER)
		buffer_settle(q, g, slot, index, r);
	return r->res < 0 || (r->flags & PIKE_EOF) ||
	       !(op.flags & PIKE_MULTISHOT);
}

/* No buffer was there. Since then some may have come back: the kernel has
 * them, or has told of them behind this answer. */
static void wait_for_buffer(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__group *g = pike__group_of(slot);
	const struct pike__uring_group *ug = g->ring;

	if (slot->state == PIKE__ENDING || ug->inside) {
		pike__uring_again(q, slot);
		return;
	}
	pike__group_wait(q, g, slot);
	pike__uring_of(q)->starved = true;
	pike__uring_of(q)->reactor.heeds = true;
}

/* Whether an op waits for a buffer where there are some. */
static bool group_feeds(const struct pike__group *g)
{
	const struct pike__uring_group *ug = g ? g->ring : NULL;

	return ug && g->waiting && ug->inside > 0;
}

bool pike__uring_will_feed(const struct pike_queue *q)
{
	for (uint32_t i = 0; i < q->groups.count; i++)
		if (group_feeds(q->groups.at[i]))
			return true;
	return false;
}

/*
 * An op that was told that there is no buffer may have nothing to receive, and
 * would keep the next one from another: as many go on as there are buffers.
 * What was begun before has had its turn by now, so that the order is kept.
 */
void pike__uring_feed(struct pike_queue *q)
{
	struct pike__uring *u = pike__uring_of(q);

	u->starved = false;
	for (uint32_t i = 0; i < q->groups.count; i++) {
		struct pike__group *g = q->groups.at[i];
		uint32_t n = 0;

		if (group_feeds(g))
			n = ((const struct pike__uring_group *)g->ring)->inside;
		while (n-- > 0 && g->waiting)
			pike__group_next(q, g);
		u->starved |= g && g->waiting;
	}
	u->reactor.heeds |= u->starved;
}

/* Whether this kernel does not know requests for many. */
static bool must_learn(
    struct pike__uring *u, const struct pike__slot *slot, int32_t res)
{
	if (res != -EINVAL || !(slot->phase & PIKE__URING_MANY) || u->poured)
		return false;
	u->multishot = false;
	return true;
}

/* So many results the kernel gives without a pause; it is 32. */
#define RUN 16

/*
 * After a run at its beginning a request waits for one edge of all that there
 * was. If that gives the rest of the data it does not look again, and the end
 * of the stream behind them is never told: requests for one do that.
 */
static void run_over(struct pike_queue *q, struct pike__slot *slot)
{
	int events;

	slot->phase &= (uint8_t)~PIKE__URING_FRESH;
	if (slot->shots < RUN || slot->state == PIKE__ENDING)
		return;
	events = pike__posix_ask((int)slot->handle->fd, POLLRDHUP);
	if (events > 0)
		pour_end(q, slot);
}

static void more_comes(
    struct pike_queue *q, struct pike__slot *slot, uint32_t flags)
{
	if (!(slot->phase & PIKE__URING_FRESH))
		return;
	if (flags & IORING_CQE_F_SOCK_NONEMPTY)
		slot->shots++;
	else
		run_over(q, slot);
}

bool pike__uring_grouped(
    struct pike_queue *q, struct pike__slot *slot, int32_t res, uint32_t flags)
{
	struct pike__uring *u = pike__uring_of(q);
	bool more = flags & IORING_CQE_F_MORE;
	struct pike__result r = {0};

	if (res >= 0 && (slot->op.flags & PIKE_MULTISHOT) &&
	    !q->done.shots_left && !pike__queue_closing(q))
		return false;
	if (!more)
		slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
	if (res >= 0 && (slot->phase & PIKE__URING_MANY))
		u->poured = true;
	if (res < 0) {
		pike__uring_msg_give(u, slot);
		if (res == -ENOBUFS) {
			wait_for_buffer(q, slot);
			return true;
		}
		if (must_learn(u, slot, res) || res == -ECANCELED ||
		    res == -EINTR || res == -EAGAIN) {
			pike__uring_again(q, slot);
			return true;
		}
	}
	if (result_of(q, slot, res, flags, &r)) {
		pike__uring_msg_give(u, slot);
		pike__finish(q, slot, &r);
		return true;
	}
	if (!pike__queue_closing(q))
		pike__shot(q, slot, &r);
	if (more) {
		more_comes(q, slot, flags);
	} else {
		pike__uring_msg_give(u, slot);
		pike__uring_again(q, slot);
	}
	return true;
}
