/* SPDX-License-Identifier: MIT */
/*
 * Transfers that take a message: what their requests point to, and what comes
 * back in it.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "../alloc.h"
#include "posix_io.h"
#include "sockaddr.h"
#include "uring.h"

static void msg_set(struct pike__slot *slot, struct pike__uring_msg *m)
{
	slot->op.reserved[1] = (uintptr_t)m;
}

static struct pike__uring_msg *msg_new(struct pike__uring *u)
{
	struct pike__uring_msg *m = pike__alloc(sizeof *m);

	if (m) {
		m->next = u->msgs;
		u->msgs = m;
	}
	return m;
}

struct pike__uring_msg *pike__uring_msg_take(
    struct pike__uring *u, struct pike__slot *slot)
{
	struct pike__uring_msg *m = u->free_msgs;

	if (m)
		u->free_msgs = m->next_free;
	else
		m = msg_new(u);
	msg_set(slot, m);
	return m;
}

void pike__uring_msg_give(struct pike__uring *u, struct pike__slot *slot)
{
	struct pike__uring_msg *m = pike__uring_msg_of(slot);

	if (!m)
		return;
	msg_set(slot, NULL);
	m->next_free = u->free_msgs;
	u->free_msgs = m;
}

void pike__uring_forget(struct pike__uring *u)
{
	while (u->msgs) {
		struct pike__uring_msg *m = u->msgs;

		u->msgs = m->next;
		pike__free(m);
	}
}

/* The vector of an op, as far as it is one that a single request takes whole;
 * how many bytes it has, or -1. */
static int64_t vector_of(
    struct pike__slot *slot, struct pike__uring_msg *m, struct pike_addr **addr)
{
	const struct pike_op *op = &slot->op;
	struct pike_iovec one = {op->buf, op->len};
	const struct pike_iovec *iov = &one;
	size_t n = 1;
	struct pike__cut cut;

	*addr = op->addr;
	switch (op->opcode) {
	case PIKE_READV:
	case PIKE_WRITEV:
		iov = op->buf;
		n = op->len;
		*addr = NULL;
		break;
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
		iov = ((const struct pike_msg *)op->buf)->iov;
		n = ((const struct pike_msg *)op->buf)->iov_count;
		*addr = ((const struct pike_msg *)op->buf)->addr;
		break;
	default:
		break;
	}
	if (!pike__cut(&cut, iov, n, slot->moved)) {
		/* A piece at a time: what is left of a vector has no other
		 * place than here. */
		if (!slot->moved)
			return -1;
		cut.n = cut.n ? 1 : 0;
		cut.want = cut.n ? cut.iov[0].iov_len : 0;
	}
	m->header.msg_iov = cut.iov;
	m->header.msg_iovlen = cut.n;
	if (cut.n == 1) {
		m->one = cut.iov[0];
		m->header.msg_iov = &m->one;
	}
	return (int64_t)cut.want;
}

static enum pike__given message_fill(
    struct pike__slot *slot, struct pike__uring_msg *m, struct pike__result *r)
{
	bool sends = slot->lane == PIKE__WRITES;
	struct pike_addr *addr;
	int64_t want;

	memset(&m->header, 0, sizeof m->header);
	want = vector_of(slot, m, &addr);
	if (want < 0 ||
	    (want == 0 && slot->handle->kind == PIKE__SOCKET_STREAM))
		return PIKE__LEFT;
	if (!addr)
		return PIKE__GIVEN;
	m->header.msg_name = &m->name;
	m->header.msg_namelen = sizeof m->name;
	if (!sends || !pike__posix_name(addr, &m->name, &m->header.msg_namelen))
		return PIKE__GIVEN;
	pike__posix_error(r, errno);
	return PIKE__ENDED;
}

/* All other transfers. */
enum pike__given pike__uring_give_message(struct pike__uring *u,
    const struct pike__handle *h, struct pike__slot *slot,
    struct pike__result *r)
{
	struct pike__uring_msg *m = pike__uring_msg_take(u, slot);
	struct io_uring_sqe *sqe;
	int flags = pike__uring_flags(&slot->op);
	enum pike__given given;

	if (!m)
		return PIKE__LEFT;
	given = message_fill(slot, m, r);
	if (given == PIKE__GIVEN) {
		sqe = pike__uring_sqe(u);
		if (sqe && pike__uring_zero_copy(u, h, &slot->op))
			io_uring_prep_sendmsg_zc(sqe, (int)h->fd, &m->header,
			    (unsigned)flags | MSG_NOSIGNAL);
		else if (sqe && slot->lane == PIKE__WRITES)
			io_uring_prep_sendmsg(sqe, (int)h->fd, &m->header,
			    (unsigned)flags | MSG_NOSIGNAL);
		else if (sqe)
			io_uring_prep_recvmsg(sqe, (int)h->fd, &m->header,
			    (unsigned)flags | MSG_CMSG_CLOEXEC);
		if (sqe)
			sqe->user_data = (uint64_t)slot->id;
		else
			given = pike__uring_no_memory(r);
	}
	if (given != PIKE__GIVEN)
		pike__uring_msg_give(u, slot);
	return given;
}

/* ---- answers ---- */

size_t pike__uring_msg_want(const struct pike__uring_msg *m)
{
	size_t want = 0;

	for (size_t i = 0; i < (size_t)m->header.msg_iovlen; i++)
		want += m->header.msg_iov[i].iov_len;
	return want;
}

/* What a message tells beside its bytes. */
void pike__uring_msg_read(
    struct pike__slot *slot, struct pike__uring_msg *m, struct pike__result *r)
{
	struct pike_msg *msg = slot->op.buf;
	struct pike_addr *addr = slot->op.addr;

	if (slot->op.opcode == PIKE_RECVMSG) {
		addr = msg->addr;
		msg->fd_count = 0;
		msg->control_len = 0;
		if (m->header.msg_flags & MSG_CTRUNC)
			r->flags |= PIKE_CONTROL_TRUNCATED;
	}
	if (m->header.msg_flags & MSG_TRUNC)
		r->flags |= PIKE_TRUNCATED;
	if (addr && slot->op.opcode != PIKE_READV)
		pike__addr_from_system(addr, &m->name, m->header.msg_namelen);
}
