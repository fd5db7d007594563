/* SPDX-License-Identifier: MIT */
/*
 * Transfers of bytes, tried once and never blocking: on sockets by
 * MSG_DONTWAIT, on pipes by RWF_NOWAIT, elsewhere after asking poll. The flags
 * of a descriptor, which it may share with other processes, are not touched.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>

#include "posix_error.h"
#include "posix_io.h"

_Static_assert(
    sizeof(struct pike_iovec) == sizeof(struct iovec) &&
	offsetof(struct pike_iovec, base) == offsetof(struct iovec, iov_base) &&
	offsetof(struct pike_iovec, len) == offsetof(struct iovec, iov_len),
    "a pike_iovec is an iovec");

#ifndef RWF_NOSIGNAL
#	define RWF_NOSIGNAL 0x00000100
#endif

#define IOV_AT_ONCE 1024

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

/* ---- what is not a socket ---- */

/*
 * Writes without SIGPIPE where the system cannot be told so: the signal is
 * blocked for the moment and, if the write raised it, taken back.
 */
static ssize_t write_quietly(int fd, const struct iovec *iov, int n, int flags)
{
	static const struct timespec no_time;
	sigset_t pipe_set, pending, before;
	ssize_t done;
	int err;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigemptyset(&pending);
	sys_sigpending(&pending);
	sys_pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
	done = flags ? sys_pwritev2(fd, iov, n, -1, flags)
		     : sys_writev(fd, iov, n);
	err = errno;
	if (done < 0 && err == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sys_sigtimedwait(&pipe_set, NULL, &no_time) < 0 &&
		       errno == EINTR)
			;
	sys_pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return done;
}

/* Whether the kernel or the descriptor does not know a flag. */
static bool flags_refused(ssize_t done)
{
	return done < 0 && (errno == EOPNOTSUPP || errno == ENOSYS);
}

/* Leaves of a cut what a pipe takes without waiting, once it takes any. */
static void cut_to_pipe_buf(struct pike__cut *cut)
{
	size_t i = 0;

	while (i < cut->n && !cut->iov[i].iov_len)
		i++;
	cut->part[0] = cut->iov[i];
	if (cut->part[0].iov_len > PIPE_BUF)
		cut->part[0].iov_len = PIPE_BUF;
	cut->want = cut->part[0].iov_len;
	cut->iov = cut->part;
	cut->n = 1;
}

/*
 * For descriptors that know no RWF_NOWAIT (FIFOs; all on old kernels): after
 * poll a read does not block, and neither does a write of PIPE_BUF bytes,
 * unless somebody else gets in between.
 */
static ssize_t guarded(int fd, struct pike__cut *cut, bool writing)
{
	struct pollfd p = {.fd = fd, .events = writing ? POLLOUT : POLLIN};
	int flags = sys_fcntl(fd, F_GETFL, 0);
	int ready;

	if (flags < 0 || !(flags & O_NONBLOCK)) {
		ready = sys_poll(&p, 1, 0);
		if (ready == 0)
			errno = EAGAIN;
		if (ready <= 0)
			return -1;
		if (p.revents & POLLNVAL) {
			errno = EBADF;
			return -1;
		}
		if (writing)
			cut_to_pipe_buf(cut);
	}
	return writing ? write_quietly(fd, cut->iov, (int)cut->n, 0)
		       : sys_readv(fd, cut->iov, (int)cut->n);
}

static ssize_t plain_write(
    const struct pike_queue *q, struct pike__handle *h, struct pike__cut *cut)
{
	int fd = (int)h->fd;
	int n = (int)cut->n;
	ssize_t done = -1;

	if (q->features_off & PIKE_FEATURE_NOWAIT)
		return guarded(fd, cut, true);
	errno = EOPNOTSUPP;
	if (!(q->features_off & PIKE_FEATURE_NOSIGNAL))
		done = sys_pwritev2(
		    fd, cut->iov, n, -1, RWF_NOWAIT | RWF_NOSIGNAL);
	if (flags_refused(done))
		done = write_quietly(fd, cut->iov, n, RWF_NOWAIT);
	return flags_refused(done) ? guarded(fd, cut, true) : done;
}

static ssize_t plain_read(
    const struct pike_queue *q, struct pike__handle *h, struct pike__cut *cut)
{
	int fd = (int)h->fd;
	ssize_t done;

	if (!(q->features_off & PIKE_FEATURE_NOWAIT)) {
		done = sys_preadv2(fd, cut->iov, (int)cut->n, -1, RWF_NOWAIT);
		if (!flags_refused(done))
			return done;
	}
	done = guarded(fd, cut, false);
	/* The master of a terminal whose last slave has closed. */
	if (done < 0 && errno == EIO && h->kind == PIKE__TERMINAL) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (sys_poll(&p, 1, 0) == 1 && (p.revents & POLLHUP))
			return 0;
		errno = EIO;
	}
	return done;
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
		n = writes(op) ? plain_write(q, h, &cut)
			       : plain_read(q, h, &cut);
		*want = cut.want;
		return n;
	}
	msg.msg_iov = cut.iov;
	msg.msg_iovlen = cut.n;
	if (writes(op))
		return sys_sendmsg(
		    (int)h->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
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
		    (int)h->fd, buf + moved, len, flags | MSG_NOSIGNAL);
	if (h->kind == PIKE__SOCKET_PACKET)
		flags |= MSG_TRUNC;
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

/* How many bytes the op asks for in all, as far as it matters. */
static size_t op_total(const struct pike_op *op)
{
	const struct pike_iovec *iov = op->buf;
	size_t n = op->len;
	size_t total = 0;

	switch (op->opcode) {
	case PIKE_READV:
	case PIKE_WRITEV:
		break;
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
		h->lane[PIKE__WRITES].state &= (uint8_t)~PIKE__READY;
	else if ((h->flags & (PIKE__DRAINS | PIKE__HUNG_UP)) == PIKE__DRAINS &&
		 !(op->op_flags & PIKE_MSG_PEEK))
		h->lane[PIKE__READS].state &= (uint8_t)~PIKE__READY;
}

static enum pike__outcome transfer_failed(struct pike__handle *h,
    const struct pike_op *op, size_t moved, int err, struct pike__result *r)
{
	struct pike__lane *lane = &h->lane[pike__op_infos[op->opcode].lane];
	int code;

	if (err == EAGAIN || err == EWOULDBLOCK) {
		/* A datagram to a named Unix socket whose queue is full: its
		 * room makes no edge on ours. */
		if (writes(op) && h->family == PIKE_AF_UNIX &&
		    h->kind == PIKE__SOCKET_PACKET &&
		    (op->opcode == PIKE_SENDTO || op->opcode == PIKE_SENDMSG))
			return PIKE__LATER;
		lane->state &= (uint8_t)~PIKE__READY;
		return PIKE__BLOCKED;
	}
	pike__posix_error(r, err);
	code = r->err;
	if (h->kind == PIKE__SOCKET_STREAM) {
		/* Linux calls it EPIPE when there never was a connection. */
		if (code == PIKE_EPIPE && !(h->flags & PIKE__CONNECTED) &&
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
	struct pollfd p = {.fd = (int)h->fd, .events = POLLRDHUP};

	r->res = (int64_t)moved;
	if (h->gone) {
		r->err = h->gone;
		if (!moved)
			r->res = -r->err;
		return;
	}
	/* An empty message looks like the end of a sequence of them. */
	if (h->kind == PIKE__SOCKET_PACKET &&
	    (sys_poll(&p, 1, 0) != 1 || !(p.revents & (POLLRDHUP | POLLHUP))))
		return;
	r->flags |= PIKE_EOF;
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
		if (errno == EINTR)
			return true;
		*outcome = transfer_failed(h, op, *moved, errno, r);
		return false;
	}
	if (n == 0 && want && !writes(op)) {
		ended(h, *moved, r);
		return false;
	}
	if ((size_t)n > want) { /* MSG_TRUNC tells the whole length */
		r->flags |= PIKE_TRUNCATED;
		n = (ssize_t)want;
	}
	*moved += (size_t)n;
	if ((size_t)n < want)
		lane_drained(h, op);
	if ((op->flags & PIKE_ALL) && want && h->kind != PIKE__SOCKET_PACKET &&
	    *moved != op_total(op)) {
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
	size_t want;
	ssize_t n;

	do {
		r->flags = 0;
		want = 0;
		n = call(q, h, op, *moved, &want, r);
	} while (transferred(h, op, n, want, moved, r, &outcome));
	return outcome;
}

bool pike__posix_transferred(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, int64_t n, size_t *moved, struct pike__result *r)
{
	enum pike__outcome outcome;

	if (transferred(h, op, (ssize_t)n, op->len, moved, r, &outcome))
		outcome = transfer(q, h, op, moved, r);
	return outcome == PIKE__DONE;
}

/* ---- any op ---- */

static enum pike__outcome try_poll(
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r)
{
	struct pollfd p = {.fd = (int)h->fd, .events = (short)op->op_flags};

	if (sys_poll(&p, 1, 0) < 0 && errno != EINTR) {
		pike__posix_error(r, errno);
		return PIKE__DONE;
	}
	*r = (struct pike__result){.res = p.revents & ~POLLNVAL};
	if (p.revents & POLLNVAL)
		pike__posix_error(r, EBADF);
	return p.revents ? PIKE__DONE : PIKE__BLOCKED;
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
