/* SPDX-License-Identifier: MIT */
/*
 * Transfers of bytes: on sockets by Winsock's overlapped calls, on pipes by
 * those of files. Streams are served in parts, so that a long op keeps little
 * memory locked; a datagram goes whole or not at all.
 */
#include "config.h"

#include <string.h>

#include "../alloc.h"
#include "iocp.h"
#include "sockaddr.h"
#include "win_error.h"

/* Buffers of a call that need no memory. */
#define BUFS 64

/* What an op moves, whatever its opcode. */
struct shape {
	const struct pike_iovec *iov;
	size_t n;
	struct pike_iovec one;
	struct pike_addr *addr;
	struct pike_msg *msg;
	bool writes;
	bool detail; /* its call has a name or control data */
};

/* The buffers of one call. */
struct cut {
	WSABUF *bufs;
	DWORD n;
	size_t want;
	WSABUF few[BUFS];
};

static void shape_of(const struct pike__slot *slot, struct shape *s)
{
	const struct pike_op *op = &slot->op;

	s->writes = pike__op_infos[op->opcode].lane == PIKE__WRITES;
	s->one = (struct pike_iovec){op->buf, op->len};
	s->iov = &s->one;
	s->n = 1;
	s->addr = NULL;
	s->msg = NULL;
	switch (op->opcode) {
	case PIKE_READV:
	case PIKE_WRITEV:
		s->iov = op->buf;
		s->n = op->len;
		break;
	case PIKE_RECVFROM:
	case PIKE_SENDTO:
		s->addr = op->addr;
		break;
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
		s->msg = op->buf;
		s->iov = s->msg->iov;
		s->n = s->msg->iov_count;
		s->addr = s->msg->addr;
		break;
	default:
		break;
	}
	/* Whether control data were lost only a receive of a message tells. */
	s->detail =
	    slot->handle->kind == PIKE__SOCKET_PACKET &&
	    (s->addr || (s->msg && (!s->writes || s->msg->control_len)));
}

static size_t shape_total(const struct shape *s)
{
	size_t total = 0;

	for (size_t i = 0; i < s->n; i++)
		total += s->iov[i].len < SIZE_MAX - total ? s->iov[i].len
							  : SIZE_MAX - total;
	return total;
}

/* ---- buffers ---- */

/* At most part bytes after those that were moved already. */
static void cut_part(
    struct cut *cut, const struct shape *s, size_t moved, size_t part)
{
	cut->bufs = cut->few;
	cut->n = 0;
	cut->want = 0;
	for (size_t i = 0; i < s->n && cut->n < BUFS; i++) {
		size_t skip = moved < s->iov[i].len ? moved : s->iov[i].len;
		size_t len = s->iov[i].len - skip;

		moved -= skip;
		if (len > part - cut->want)
			len = part - cut->want;
		if (!len)
			continue;
		cut->few[cut->n].buf = (char *)s->iov[i].base + skip;
		cut->few[cut->n++].len = (ULONG)len;
		cut->want += len;
	}
}

/* All of it; of a receive as much as can be. 0, or the error. */
static DWORD cut_whole(
    struct pike__iocp *u, struct cut *cut, const struct shape *s)
{
	size_t left = PIKE__LEN_MAX;

	cut->bufs = cut->few;
	cut->n = 0;
	cut->want = shape_total(s);
	if (cut->want > left && s->writes)
		return WSAEMSGSIZE;
	if (cut->want > left)
		cut->want = left;
	if (s->n > BUFS) {
		if (s->n > UINT32_MAX / sizeof *cut->bufs)
			return WSAEMSGSIZE;
		if (!pike__grow((void **)&u->bufs, &u->bufs_cap, (uint32_t)s->n,
			sizeof *u->bufs))
			return ERROR_NOT_ENOUGH_MEMORY;
		cut->bufs = u->bufs;
	}
	for (size_t i = 0; i < s->n; i++) {
		size_t len = s->iov[i].len < left ? s->iov[i].len : left;

		left -= len;
		cut->bufs[cut->n].buf = s->iov[i].base;
		cut->bufs[cut->n++].len = (ULONG)len;
	}
	if (!cut->n) { /* a call wants one */
		cut->few[0].buf = NULL;
		cut->few[0].len = 0;
		cut->n = 1;
	}
	return 0;
}

/* ---- the end of a call ---- */

/* What a message says beside its bytes. */
static void message_read(
    const struct shape *s, struct pike__packet *p, struct pike__result *r)
{
	const struct pike__detail *d = s->detail ? p->detail : NULL;

	if (s->addr && !d)
		memset(s->addr, 0, sizeof *s->addr);
	else if (s->addr)
		pike__addr_from_system(
		    s->addr, &d->u.message.name, d->u.message.name_len);
	if (!s->msg)
		return;
	s->msg->fd_count = 0;
	if (!d) {
		s->msg->control_len = 0;
		return;
	}
	s->msg->control_len = d->u.message.msg.Control.len;
	if (d->u.message.msg.dwFlags & MSG_CTRUNC)
		r->flags |= PIKE_CONTROL_TRUNCATED;
	if (d->u.message.msg.dwFlags & MSG_TRUNC)
		r->flags |= PIKE_TRUNCATED;
}

/* Whether what did not fit was only control data. */
static bool control_cut(const struct shape *s, const struct pike__packet *p)
{
	return s->msg && s->detail &&
	       (p->detail->u.message.msg.dwFlags & (MSG_CTRUNC | MSG_TRUNC)) ==
		   MSG_CTRUNC;
}

/* A call that failed: another, or the end of the op. */
static enum pike__took failed(struct pike__slot *slot, struct pike__packet *p,
    bool writes, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	switch (p->error) {
	case ERROR_OPERATION_ABORTED:
		slot->moved += p->bytes;
		if ((slot->phase & PIKE__IOCP_SHUT) &&
		    slot->state != PIKE__ENDING)
			return pike__iocp_end_met(slot, r);
		if (writes && h->kind != PIKE__SOCKET_PACKET)
			return pike__iocp_write_aborted(slot, p, r);
		return pike__iocp_aborted(slot, r);
	case ERROR_BROKEN_PIPE:
	case ERROR_PIPE_NOT_CONNECTED:
	case ERROR_HANDLE_EOF:
	case WSAESHUTDOWN:
		if (writes)
			break;
		return pike__iocp_end_met(slot, r);
	default:
		if (pike__win_passes(p->error)) {
			if (h->kind != PIKE__SOCKET_PACKET)
				slot->moved += p->bytes;
			slot->op.offset = -slot->op.offset;
			return PIKE__TOOK_LATER;
		}
		if (pike__iocp_of_another(h, p->error))
			return PIKE__TOOK_ON;
		/* Of what was sent after the end: that stays the end. */
		if (!writes && (h->flags & PIKE__IOCP_ENDED) && !h->gone &&
		    (p->error == WSAECONNRESET || p->error == WSAECONNABORTED))
			return pike__iocp_end_met(slot, r);
		break;
	}
	pike__iocp_failed(h, &slot->op, slot->moved, p->error, r);
	return PIKE__TOOK_ALL;
}

enum pike__took pike__iocp_transferred(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	bool packet = h->kind == PIKE__SOCKET_PACKET;
	struct shape s;

	(void)q;
	shape_of(slot, &s);
	if ((p->error == WSAEMSGSIZE || p->error == ERROR_MORE_DATA) &&
	    !s.writes && p->bytes <= (uint64_t)slot->op.offset) {
		p->error = 0;
		if (packet && !control_cut(&s, p))
			r->flags |= PIKE_TRUNCATED;
	}
	if (p->error)
		return failed(slot, p, s.writes, r);
	if (!s.writes)
		message_read(&s, p, r);
	if (!p->bytes && slot->op.offset && !s.writes && !packet) {
		/* A write of nothing; the end of a pipe is an error. */
		if (h->kind == PIKE__PIPE)
			return PIKE__TOOK_ON;
		return pike__iocp_over(slot, r);
	}
	slot->moved += p->bytes;
	if (h->kind == PIKE__SOCKET_STREAM)
		pike__win_connected(h);
	if ((slot->op.flags & PIKE_ALL) && !packet &&
	    slot->moved != shape_total(&s))
		return PIKE__TOOK_ON;
	r->res = (int64_t)slot->moved;
	return PIKE__TOOK_ALL;
}

/* ---- calls ---- */

static DWORD system_flags(const struct pike_op *op)
{
	DWORD flags = 0;

	if (op->opcode >= PIKE_READ && op->opcode <= PIKE_WRITEV)
		return 0;
	if (op->op_flags & PIKE_MSG_OOB)
		flags |= MSG_OOB;
	if (op->op_flags & PIKE_MSG_PEEK)
		flags |= MSG_PEEK;
	if (op->op_flags & PIKE_MSG_DONTROUTE)
		flags |= MSG_DONTROUTE;
	return flags;
}

static enum pike__given call_pipe(struct pike__handle *h, const struct cut *cut,
    bool writes, struct pike__packet *p)
{
	DWORD n = 0;
	BOOL ok;

	p->file = pike__win_handle(h->fd);
	p->skips = h->flags & PIKE__IOCP_SKIPS;
	ok = writes ? sys_WriteFile(p->file, cut->bufs[0].buf, cut->bufs[0].len,
			  &n, p->ov)
		    : sys_ReadFile(p->file, cut->bufs[0].buf, cut->bufs[0].len,
			  &n, p->ov);
	return pike__iocp_given(p, ok, n, ok ? 0 : GetLastError());
}

/* A send with a name or control data; the packet has a detail. */
static int call_sendmsg(struct pike__handle *h, const struct shape *shape,
    struct cut *cut, struct pike__packet *p, DWORD flags, DWORD *n)
{
	SOCKET s = pike__win_socket(h->fd);
	struct pike__detail *d = p->detail;
	WSAMSG *m = &d->u.message.msg;
	struct sockaddr *name = (struct sockaddr *)&d->u.message.name;

	if (!shape->msg || !shape->msg->control_len)
		return sys_WSASendTo(s, cut->bufs, cut->n, n, flags, name,
		    d->u.message.name_len, p->ov, NULL);
	memset(m, 0, sizeof *m);
	if (shape->addr) {
		m->name = name;
		m->namelen = d->u.message.name_len;
	}
	m->lpBuffers = cut->bufs;
	m->dwBufferCount = cut->n;
	m->Control.buf = shape->msg->control;
	m->Control.len = (ULONG)shape->msg->control_len;
	return pike__winsock_of(h)->send_msg(s, m, flags, n, p->ov, NULL);
}

static int call_recvmsg(struct pike__handle *h, const struct shape *shape,
    struct cut *cut, struct pike__packet *p, DWORD *n)
{
	SOCKET s = pike__win_socket(h->fd);
	struct pike__detail *d = p->detail;
	WSAMSG *m = &d->u.message.msg;
	struct sockaddr *name = (struct sockaddr *)&d->u.message.name;

	d->u.message.name_len = sizeof d->u.message.name;
	if (!shape->msg)
		return sys_WSARecvFrom(s, cut->bufs, cut->n, n, &p->flags, name,
		    &d->u.message.name_len, p->ov, NULL);
	memset(m, 0, sizeof *m);
	m->name = name;
	m->namelen = d->u.message.name_len;
	m->lpBuffers = cut->bufs;
	m->dwBufferCount = cut->n;
	m->Control.buf = shape->msg->control;
	m->Control.len = (ULONG)shape->msg->control_len;
	m->dwFlags = p->flags;
	return pike__winsock_of(h)->recv_msg(s, m, n, p->ov, NULL);
}

/* The call may have told the error, which is asked for at once. */
static enum pike__given call_socket(struct pike__handle *h,
    const struct pike_op *op, const struct shape *shape, struct cut *cut,
    struct pike__packet *p)
{
	SOCKET s = pike__win_socket(h->fd);
	DWORD flags = system_flags(op);
	DWORD n = 0;
	int bad;

	p->file = pike__win_handle(h->fd);
	p->flags = flags;
	p->skips = h->flags & PIKE__IOCP_SKIPS;
	if (shape->writes)
		bad = shape->detail ? call_sendmsg(h, shape, cut, p, flags, &n)
				    : sys_WSASend(s, cut->bufs, cut->n, &n,
					  flags, p->ov, NULL);
	else
		bad = shape->detail ? call_recvmsg(h, shape, cut, p, &n)
				    : sys_WSARecv(s, cut->bufs, cut->n, &n,
					  &p->flags, p->ov, NULL);
	/* Refused before the system had it: then there is no packet. */
	if (bad && shape->writes && WSAGetLastError() == WSAEMSGSIZE &&
	    (!p->ov->Internal || p->ov->Internal == PIKE__STATUS_PENDING)) {
		p->error = WSAEMSGSIZE;
		return PIKE__ANSWERED;
	}
	return pike__iocp_given(p, !bad, n, bad ? (DWORD)WSAGetLastError() : 0);
}

/* Whether a socket has no connection, or a message what no socket carries. */
static DWORD refused(struct pike__handle *h, const struct shape *s)
{
	if (h->kind == PIKE__SOCKET_STREAM && !pike__win_has_peer(h))
		return WSAENOTCONN;
	if (h->kind == PIKE__SOCKET_PACKET && s->writes && !s->addr &&
	    !pike__win_has_peer(h)) {
		/* On other systems it has a name from then on. */
		pike__win_bind_any(h);
		return WSAEDESTADDRREQ;
	}
	if (!s->msg || !s->writes)
		return 0;
	if (s->msg->fd_count)
		return ERROR_NOT_SUPPORTED;
	if (!s->msg->control_len)
		return 0;
	if (s->msg->control_len > 4096 || h->kind == PIKE__SOCKET_STREAM)
		return WSAEINVAL;
	return 0;
}

/* The name to send to, into the detail: 0 or a code of pike's. */
static int name_put(const struct shape *s, struct pike__packet *p)
{
	if (!s->detail || !s->addr || !s->writes)
		return 0;
	return pike__addr_to_system(s->addr, &p->detail->u.message.name,
	    &p->detail->u.message.name_len);
}

static enum pike__given packet_given(struct pike_queue *q,
    struct pike__slot *slot, const struct shape *s, struct cut *cut,
    struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	bool stream = h->kind == PIKE__SOCKET_STREAM;
	struct pike__packets *t = &pike__iocp_of(q)->packets;
	struct pike__packet *p;
	int bad;

	p = s->detail ? pike__packet_take(t, slot, PIKE__BY_TRANSFER, true)
		      : pike__packet_here(t, slot, PIKE__BY_TRANSFER);
	if (!p)
		return pike__iocp_no_memory(r);
	slot->op.offset = h->kind == PIKE__PIPE ? (int64_t)cut->bufs[0].len
						: (int64_t)cut->want;
	bad = name_put(s, p);
	if (bad) {
		*r = (struct pike__result){.res = bad, .err = -bad};
		return PIKE__ENDED;
	}
	if (h->kind == PIKE__PIPE)
		return call_pipe(h, cut, s->writes, p);
	/* Who has no name gets one by sending, and can receive then. */
	if (!stream && !(h->flags & PIKE__IOCP_BOUND))
		pike__win_bind_any(h);
	return call_socket(h, &slot->op, s, cut, p);
}

/* After a refusal half of what was refused, as far as that may help. */
static size_t part_of(const struct pike__slot *slot, bool writes)
{
	size_t part = PIKE__IOCP_SEND_PART;
	size_t half = (size_t)-slot->op.offset / 2;

	if (!writes)
		part = PIKE__IOCP_RECV_PART;
	else if (slot->handle->kind == PIKE__PIPE)
		part = PIKE__IOCP_PIPE_PART;
	if (slot->op.offset >= 0 || half >= part)
		return part;
	return half > PIKE__IOCP_PIPE_PART ? half : PIKE__IOCP_PIPE_PART;
}

/* Nothing to move on a stream: nothing to wait for. */
static enum pike__given nothing(
    const struct shape *s, struct pike__slot *slot, struct pike__result *r)
{
	if (s->msg && !s->writes) {
		s->msg->fd_count = 0;
		s->msg->control_len = 0;
	}
	r->res = (int64_t)slot->moved;
	return PIKE__ENDED;
}

enum pike__given pike__iocp_transfer(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	struct shape s;
	struct cut cut;
	DWORD bad;

	shape_of(slot, &s);
	bad = refused(h, &s);
	if (h->kind == PIKE__SOCKET_PACKET) {
		if (!bad && (system_flags(&slot->op) & MSG_OOB))
			bad = WSAEOPNOTSUPP;
		if (!bad)
			bad = cut_whole(pike__iocp_of(q), &cut, &s);
	} else {
		cut_part(&cut, &s, slot->moved, part_of(slot, s.writes));
		if (!bad && !cut.want)
			return nothing(&s, slot, r);
	}
	if (bad) {
		pike__win_error(r, bad);
		if (slot->moved)
			r->res = (int64_t)slot->moved;
		return PIKE__ENDED;
	}
	if (h->kind == PIKE__SOCKET_PACKET && !s.writes &&
	    !pike__win_named(h)) {
		slot->phase |= PIKE__IOCP_HELD;
		return PIKE__STOPPED;
	}
	if (pike__iocp_urgent(slot))
		return pike__iocp_ask_urgent(q, slot, r);
	return packet_given(q, slot, &s, &cut, r);
}
