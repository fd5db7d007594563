/* SPDX-License-Identifier: MIT */
/*
 * Transfers of bytes, tried once and never blocking: on sockets by
 * MSG_DONTWAIT, elsewhere as posix_pipe.c knows how. The flags
 * of a descriptor, which it may share with other processes, are not touched.
 */
#include "config.h"

#include <errno.h>

#include "compat.h"
#include "posix_error.h"
#include "posix_io.h"

_Static_assert(
    sizeof(struct pike_iovec) == sizeof(struct iovec) &&
	offsetof(struct pike_iovec, base) == offsetof(struct iovec, iov_base) &&
	offsetof(struct pike_iovec, len) == offsetof(struct iovec, iov_len),
    "a pike_iovec is an iovec");

#define IOV_AT_ONCE 1024

/* Calls for one op in a row, before others have their turn. */
#define CALLS_MAX 16

#ifdef PIKE__HB
char pike__hb_kernel;
#endif

void pike__posix_error(struct pike__result *r, int err)
{
	int code = pike__error_from_errno(err);

	r->res = -code;
	r->err = code;
	r->os_error = err;
}

/* A vector that one call takes as it is: the caller's own array serves. */
static bool cut_whole(
    struct pike__cut *cut, const struct pike_iovec *iov, size_t n)
{
	size_t sum = 0;

	if (n > IOV_AT_ONCE)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].len > PIKE__LEN_MAX - sum)
			return false;
		sum += iov[i].len;
	}
	cut->iov = (struct iovec *)(uintptr_t)iov;
	cut->n = n;
	cut->want = sum;
	return true;
}

bool pike__cut(
    struct pike__cut *cut, const struct pike_iovec *iov, size_t n, size_t moved)
{
	if (!moved && cut_whole(cut, iov, n))
		return true;
	cut->n = 0;
	cut->want = 0;
	cut->iov = cut->part;
	for (size_t i = 0; i < n && cut->n < PIKE__CUT; i++) {
		size_t skip = moved < iov[i].len ? moved : iov[i].len;
		size_t len = iov[i].len - skip;

		moved -= skip;
		if (len > PIKE__LEN_MAX - cut->want)
			len = PIKE__LEN_MAX - cut->want;
		if (!len)
			continue;
		cut->part[cut->n].iov_base = (char *)iov[i].base + skip;
		cut->part[cut->n++].iov_len = len;
		cut->want += len;
	}
	return false;
}

int pike__posix_ask(int fd, int events)
{
	struct pollfd p = {.fd = fd, .events = (short)events};
	int n;

	do {
		n = sys_poll(&p, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : p.revents;
}

int pike__posix_events(int fd, unsigned wanted)
{
	int events = pike__posix_ask(fd, pike__poll_to_system(wanted));

	return events < 0 ? -1
			  : (int)pike__poll_from_system(fd, wanted, events);
}

/* ---- one call ---- */

static bool writes(const struct pike_op *op)
{
	return pike__op_infos[op->opcode].lane == PIKE__WRITES;
}

static bool is_socket(const struct pike__handle *h)
{
	return h->kind <= PIKE__SOCKET_PACKET;
}

static ssize_t call_vector(const struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t moved, size_t *want,
    struct pike__result *r)
{
	bool vector = op->opcode == PIKE_READV || op->opcode == PIKE_WRITEV;
	struct pike_iovec one = {op->buf, op->len};
	struct pike__cut cut;
	struct msghdr msg = {0};
	bool whole = pike__cut(
	    &cut, vector ? op->buf : &one, vector ? op->len : 1, moved);
	ssize_t n;

	*want = cut.want;
	if (h->kind == PIKE__SOCKET_PACKET && !whole) {
		errno = EMSGSIZE;
		return -1;
	}
	/* Nothing to move: no call, so that no file is asked to wait. */
	if (!cut.want && h->kind != PIKE__SOCKET_PACKET)
		return 0;
	if (!is_socket(h)) {
		n = writes(op) ? pike__posix_write(q, h, &cut)
			       : pike__posix_read(q, h, &cut);
		*want = cut.want;
		return n;
	}
	msg.msg_iov = cut.iov;
	msg.msg_iovlen = cut.n;
	if (writes(op))
		return sys_sendmsg(
		    (int)h->fd, &msg, MSG_DONTWAIT | PIKE__MSG_QUIET);
	n = sys_recvmsg((int)h->fd, &msg, MSG_DONTWAIT);
	if (n >= 0 && (msg.msg_flags & MSG_TRUNC))
		r->flags |= PIKE_TRUNCATED;
	return n;
}

int pike__posix_msg_flags(uint32_t flags)
{
	int system = 0;

	if (flags & PIKE_MSG_OOB)
		system |= MSG_OOB;
	if (flags & PIKE_MSG_PEEK)
		system |= MSG_PEEK;
	if (flags & PIKE_MSG_DONTROUTE)
		system |= MSG_DONTROUTE;
	if (flags & PIKE_MSG_MORE)
		system |= MSG_MORE;
	return system;
}

static ssize_t call_buffer(struct pike__handle *h, const struct pike_op *op,
    size_t moved, size_t *want)
{
	size_t len = op->len - moved;
	char *buf = op->buf;
	int flags = MSG_DONTWAIT;

	if (len > PIKE__LEN_MAX)
		len = PIKE__LEN_MAX;
	*want = len;
	if (!len && h->kind == PIKE__SOCKET_STREAM)
		return 0;
	if (op->op_flags && op->opcode != PIKE_READ && op->opcode != PIKE_WRITE)
		flags |= pike__posix_msg_flags(op->op_flags);
	if (writes(op))
		return sys_send(
		    (int)h->fd, buf + moved, len, flags | PIKE__MSG_QUIET);
	if (h->kind == PIKE__SOCKET_PACKET)
		return pike__recv_packet((int)h->fd, buf + moved, len, flags);
	return sys_recv((int)h->fd, buf + moved, len, flags);
}

static ssize_t call(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t moved, size_t *want,
    struct pike__result *r)
{
	switch (op->opcode) {
	case PIKE_RECV:
	case PIKE_SEND:
		return call_buffer(h, op, moved, want);
	case PIKE_READ:
	case PIKE_WRITE:
		if (is_socket(h))
			return call_buffer(h, op, moved, want);
		return call_vector(q, h, op, moved, want, r);
	case PIKE_READV:
	case PIKE_WRITEV:
		return call_vector(q, h, op, moved, want, r);
	case PIKE_SENDTO:
	case PIKE_SENDMSG:
		return pike__posix_sendmsg(h, op, moved, want, r);
	default:
		return pike__posix_recvmsg(h, op, want, r);
	}
}

/* ---- the end of a call ---- */

size_t pike__posix_total(const struct pike_op *op)
{
	const struct pike_iovec *iov = op->buf;
	size_t n = op->len;
	size_t total = 0;

	switch (op->opcode) {
	case PIKE_READV:
	case PIKE_WRITEV:
		break;
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
		iov = ((const struct pike_msg *)op->buf)->iov;
		n = ((const struct pike_msg *)op->buf)->iov_count;
		break;
	default:
		return op->len;
	}
	for (size_t i = 0; i < n; i++)
		total += iov[i].len < SIZE_MAX - total ? iov[i].len
						       : SIZE_MAX - total;
	return total;
}

/*
 * After a short transfer the next call would say EAGAIN: the edge will tell.
 * That holds for writing to any stream, and for reading TCP unless the peer
 * has hung up (no edge may follow) or sent urgent data (reads stop at it).
 */
static void lane_drained(struct pike__handle *h, const struct pike_op *op)
{
	if (h->kind == PIKE__SOCKET_PACKET)
		return;
	if (writes(op))
		h->lane[PIKE__WRITES].state &= ~PIKE__READY;
	else if ((h->flags & PIKE__DRAINS) && !(op->op_flags & PIKE_MSG_PEEK))
		h->lane[PIKE__READS].state &= ~PIKE__READY;
}

static bool names_peer(const struct pike_op *op)
{
	if (op->opcode == PIKE_SENDMSG)
		return ((const struct pike_msg *)op->buf)->addr;
	return op->opcode == PIKE_SENDTO && op->addr;
}

static enum pike__outcome transfer_failed(struct pike__handle *h,
    const struct pike_op *op, size_t moved, int err, struct pike__result *r)
{
	struct pike__lane *lane = &h->lane[pike__op_infos[op->opcode].lane];
	int code;

	if (err == EAGAIN || err == EWOULDBLOCK) {
		/* A datagram to a named Unix socket whose queue is full: its
		 * room makes no edge on ours. */
		if (h->family == PIKE_AF_UNIX && (h->flags & PIKE__DGRAM) &&
		    names_peer(op))
			return PIKE__LATER;
		if (h->kind == PIKE__MUTE && !writes(op))
			return PIKE__LATER;
		/* No urgent data says nothing of the rest. */
		if (!(op->op_flags & PIKE_MSG_OOB) || writes(op))
			lane->state &= ~PIKE__READY;
		return PIKE__BLOCKED;
	}
	if (h->kind == PIKE__SOCKET_PACKET && writes(op) &&
	    pike__cannot_take(err))
		return PIKE__LATER;
	pike__posix_error(r, err);
	code = r->err;
	if (h->kind == PIKE__SOCKET_STREAM) {
		/* Linux has other names for there never was a connection. */
		if ((code == PIKE_EPIPE ||
			(code == PIKE_EINVAL && !writes(op) &&
			    h->family == PIKE_AF_UNIX)) &&
		    !(h->flags & PIKE__CONNECTED) &&
		    !h->lane[PIKE__WRITES].error) {
			r->err = PIKE_ENOTCONN;
			r->res = -r->err;
		}
		/* The system tells what ended a connection once, to whom asks
		 * first: the other direction has to know it too. */
		if (code != PIKE_EPIPE && pike__ends_stream(code)) {
			if (writes(op))
				h->gone = code;
			else
				pike__lane_fail(&h->lane[PIKE__WRITES], code);
		}
	}
	if (moved)
		r->res = (int64_t)moved;
	return PIKE__DONE;
}

/* Zero bytes read where some were asked for. */
static void ended(struct pike__handle *h, size_t moved, struct pike__result *r)
{
	int events;

	r->res = (int64_t)moved;
	if (h->gone) {
		r->err = h->gone;
		if (!moved)
			r->res = -r->err;
		return;
	}
	/* An empty message looks like the end of a sequence of them. Where
	 * poll cannot tell, there are no empty ones. What is behind it shows
	 * one when the peer has gone; without that they are alike. */
	if (POLLRDHUP != 0 && h->kind == PIKE__SOCKET_PACKET) {
		events = pike__posix_ask((int)h->fd, POLLRDHUP);
		if (events < 0 || !(events & (POLLRDHUP | POLLHUP)) ||
		    sys_unread((int)h->fd) > 0)
			return;
	}
	r->flags |= PIKE_EOF;
}

/* A handler for SIGTTIN or SIGTTOU ran, as it would at each try from the
 * background; nothing tells of the foreground. */
static bool kept_off(struct pike__handle *h)
{
	return h->kind == PIKE__TERMINAL && sys_background((int)h->fd) > 0;
}

/*
 * What a call that moved n of want bytes (or failed, n < 0) means for its op:
 * true when it has to be called again at once.
 */
static bool transferred(struct pike__handle *h, const struct pike_op *op,
    ssize_t n, size_t want, size_t *moved, struct pike__result *r,
    enum pike__outcome *outcome)
{
	const struct pike__lane *lane =
	    &h->lane[pike__op_infos[op->opcode].lane];

	*outcome = PIKE__DONE;
	if (n < 0) {
		int err = errno;

		if (err == EINTR && kept_off(h)) {
			*outcome = PIKE__LATER;
			return false;
		}
		if (err == EINTR || (err == PIKE__TORN && writes(op)))
			return true;
		*outcome = transfer_failed(h, op, *moved, err, r);
		return false;
	}
	if (n == 0 && want && !writes(op)) {
		ended(h, *moved, r);
		return false;
	}
	if ((size_t)n > want) { /* of a packet */
		r->flags |= PIKE_TRUNCATED;
		n = (ssize_t)want;
	}
	*moved += (size_t)n;
	if (n > 0 && h->kind == PIKE__SOCKET_STREAM)
		pike__posix_connected(h);
	if ((size_t)n < want)
		lane_drained(h, op);
	if ((op->flags & PIKE_ALL) && want && h->kind != PIKE__SOCKET_PACKET &&
	    *moved != pike__posix_total(op)) {
		*outcome = PIKE__BLOCKED;
		return lane->state & PIKE__READY;
	}
	r->res = (int64_t)*moved;
	return false;
}

static enum pike__outcome transfer(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r)
{
	enum pike__outcome outcome;

	for (int calls = 0; calls < CALLS_MAX; calls++) {
		size_t want = 0;
		ssize_t n;

		r->flags = 0;
		PIKE__HB_GIVE();
		n = call(q, h, op, *moved, &want, r);
		PIKE__HB_TAKE();
		if (!transferred(h, op, n, want, moved, r, &outcome))
			return outcome;
	}
	return PIKE__AGAIN;
}

bool pike__posix_transferred(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, int64_t n, size_t *moved, struct pike__result *r)
{
	enum pike__outcome outcome;

	if (transferred(h, op, (ssize_t)n, op->len, moved, r, &outcome))
		outcome = transfer(q, h, op, moved, r);
	return outcome == PIKE__DONE;
}

bool pike__posix_took(struct pike__handle *h, const struct pike_op *op,
    int64_t n, size_t want, size_t *moved, struct pike__result *r)
{
	enum pike__outcome outcome;

	if (n < 0) {
		errno = (int)-n;
		n = -1;
	}
	return !transferred(h, op, (ssize_t)n, want, moved, r, &outcome) &&
	       outcome == PIKE__DONE;
}

/* ---- any op ---- */

static enum pike__outcome try_poll(
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r)
{
	int events = pike__posix_events((int)h->fd, op->op_flags);

	if (events < 0) {
		pike__posix_error(r, errno);
		return PIKE__DONE;
	}
	*r = (struct pike__result){.res = events & ~POLLNVAL};
	if (events & POLLNVAL)
		pike__posix_error(r, EBADF);
	return events ? PIKE__DONE : PIKE__BLOCKED;
}

/* Whether an op is one that this kind of descriptor cannot do. */
static bool unfit(const struct pike__handle *h, const struct pike_op *op,
    struct pike__result *r)
{
	bool stream = pike__op_infos[op->opcode].needs & PIKE__OP_STREAM;

	if (is_socket(h) || op->opcode == PIKE_POLL)
		return false;
	if (stream && h->kind != PIKE__FILE)
		return false;
	pike__posix_error(r, stream ? EOPNOTSUPP : ENOTSOCK);
	return true;
}

enum pike__outcome pike__posix_try(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, uint8_t *phase,
    struct pike__result *r)
{
	*r = (struct pike__result){0};
	if (unfit(h, op, r))
		return PIKE__DONE;
	switch (op->opcode) {
	case PIKE_ACCEPT:
		return pike__posix_accept(q, h, op, r);
	case PIKE_CONNECT:
	case PIKE_CONNECT_TO:
		return pike__posix_connect(h, op, phase, r);
	case PIKE_POLL:
		return try_poll(h, op, r);
	case PIKE_BIND:
	case PIKE_LISTEN:
	case PIKE_SHUTDOWN:
	case PIKE_SETSOCKOPT:
	case PIKE_GETSOCKOPT:
	case PIKE_GETSOCKNAME:
	case PIKE_GETPEERNAME:
		pike__posix_at_once(h, op, r);
		return PIKE__DONE;
	default:
		return transfer(q, h, op, moved, r);
	}
}
