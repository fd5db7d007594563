/* SPDX-License-Identifier: MIT */
/* Sockets from their making to their end: all but the bytes. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "compat.h"
#include "option.h"
#include "posix_error.h"
#include "posix_io.h"
#include "sockaddr.h"

/* Connections that failed before they were taken: the next one may be good. */
bool pike__posix_only_that(int err)
{
	switch (err) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
#ifdef ENONET
	case ENONET:
#endif
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

/* ---- making ---- */

/* A new socket's handle, or null with the error. */
static struct pike__handle *socket_open(struct pike_queue *q, int32_t domain,
    int32_t type, int32_t protocol, struct pike__result *r)
{
	int family = pike__family_to_system(domain);
	int kind = pike__type_to_system(type);
	struct pike__handle *h;
	int fd;

	if (family < 0 || kind < 0) {
		pike__posix_error(r, family < 0 ? EAFNOSUPPORT : EINVAL);
		return NULL;
	}
	if (!pike__handles_reserve(&q->handles)) {
		pike__posix_error(r, ENOMEM);
		return NULL;
	}
	fd = pike__make_socket(family, kind, protocol);
	if (fd < 0) {
		pike__posix_error(r, errno);
		return NULL;
	}
	h = pike__handle_take(&q->handles, fd,
	    kind == SOCK_STREAM ? PIKE__SOCKET_STREAM : PIKE__SOCKET_PACKET,
	    PIKE__OPENED);
	pike__posix_nature(h, (uint8_t)domain);
	if (kind == SOCK_DGRAM)
		h->flags |= PIKE__DGRAM;
	return h;
}

void pike__posix_socket(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r)
{
	struct pike__handle *h = socket_open(q, op->u.socket.domain,
	    op->u.socket.type, op->u.socket.protocol, r);

	if (h)
		r->res = h->self;
}

static int bind_to(struct pike__handle *h, const struct pike_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t len;

	if (pike__posix_name(addr, &sa, &len))
		return -1;
	return sys_bind((int)h->fd, (struct sockaddr *)&sa, len);
}

static int listen_on(struct pike__handle *h, int32_t backlog)
{
	if (sys_listen((int)h->fd, backlog > 0 ? backlog : INT_MAX))
		return -1;
	h->flags |= PIKE__LISTENS;
	return 0;
}

static struct pike__handle *socket_for(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r)
{
	int32_t type = op->u.socket.type;

	return socket_open(q, pike__addr_domain(op->addr),
	    type ? type : PIKE_SOCK_STREAM, op->u.socket.protocol, r);
}

void pike__posix_listen_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r)
{
	struct pike__handle *h = socket_for(q, op, r);
	bool datagrams = op->u.socket.type == PIKE_SOCK_DGRAM;
	const int on = 1;

	if (!h)
		return;
	if ((!datagrams && h->family != PIKE_AF_UNIX &&
		sys_setsockopt(
		    (int)h->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) ||
	    bind_to(h, op->addr) ||
	    (!datagrams && listen_on(h, op->u.socket.backlog))) {
		pike__posix_error(r, errno);
		sys_close((int)h->fd);
		pike__handle_give(&q->handles, h);
		return;
	}
	r->res = h->self;
}

/* It is nobody's to use until it is connected. */
struct pike__handle *pike__posix_connect_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r)
{
	struct pike__handle *h = socket_for(q, op, r);

	if (h) {
		h->flags |= PIKE__JOINED;
		h->lane[PIKE__READS].state |= PIKE__SPECIAL;
		h->lane[PIKE__WRITES].state |= PIKE__SPECIAL;
	}
	return h;
}

/* ---- connecting ---- */

static bool is_tcp(const struct pike__handle *h)
{
	return h->kind == PIKE__SOCKET_STREAM &&
	       (h->family == PIKE_AF_INET || h->family == PIKE_AF_INET6);
}

static bool connected_to_itself(struct pike__handle *h)
{
	struct sockaddr_storage own = {0}, peer = {0};
	socklen_t own_len = sizeof own, peer_len = sizeof peer;

	if (!is_tcp(h))
		return false;
	return sys_getsockname((int)h->fd, (struct sockaddr *)&own, &own_len) ==
		   0 &&
	       sys_getpeername(
		   (int)h->fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
	       own_len == peer_len && memcmp(&own, &peer, own_len) == 0;
}

void pike__posix_connected(struct pike__handle *h)
{
	if (h->flags & PIKE__CONNECTED)
		return;
	h->flags |= PIKE__CONNECTED;
	if (h->kind == PIKE__SOCKET_STREAM) {
		h->lane[PIKE__READS].state &= ~PIKE__SPECIAL;
		h->lane[PIKE__WRITES].state &= ~PIKE__SPECIAL;
	}
}

void pike__posix_connect_done(
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r)
{
	/* A free port of one's own, called from itself: nobody is there. */
	h->flags &= (uint16_t) ~(PIKE__CONNECTING | PIKE__JOINED);
	if (connected_to_itself(h)) {
		pike__posix_error(r, ECONNREFUSED);
		return;
	}
	pike__posix_connected(h);
	h->lane[PIKE__READS].state |= PIKE__READY;
	if (op->opcode == PIKE_CONNECT_TO)
		r->res = h->self;
}

static enum pike__outcome connect_done(
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r)
{
	pike__posix_connect_done(h, op, r);
	return PIKE__DONE;
}

static enum pike__outcome connect_begin(struct pike__handle *h,
    const struct pike_op *op, uint8_t *phase, struct pike__result *r)
{
	struct sockaddr_storage sa;
	socklen_t len;

	if (h->flags & PIKE__CONNECTED && h->kind == PIKE__SOCKET_STREAM) {
		pike__posix_error(r, EISCONN);
		return PIKE__DONE;
	}
	if (pike__posix_name(op->addr, &sa, &len) || pike__posix_unblock(h)) {
		pike__posix_error(r, errno);
		return PIKE__DONE;
	}
	PIKE__HB_GIVE();
	do {
		if (sys_connect((int)h->fd, (struct sockaddr *)&sa, len) == 0)
			return connect_done(h, op, r);
	} while (errno == EINTR && !is_tcp(h));
	switch (errno) {
	case EINPROGRESS:
	case EINTR: /* TCP goes on by itself */
		*phase = 1;
		h->flags |= PIKE__CONNECTING;
		h->lane[PIKE__WRITES].state &= ~PIKE__READY;
		h->lane[PIKE__READS].state &= ~PIKE__READY;
		return PIKE__BLOCKED;
	case EAGAIN:
		/* A Unix listener whose backlog is full tells nobody when it
		 * has room again; elsewhere it is a lack of ports. */
		if (h->family == PIKE_AF_UNIX)
			return PIKE__LATER;
		pike__posix_error(r, EADDRNOTAVAIL);
		return PIKE__DONE;
	default:
		pike__posix_error(r, errno);
		return PIKE__DONE;
	}
}

/*
 * Writable says little of a connect: what counts is SO_ERROR and whether
 * there is a peer.
 */
enum pike__outcome pike__posix_connect(struct pike__handle *h,
    const struct pike_op *op, uint8_t *phase, struct pike__result *r)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	int err = 0;
	socklen_t err_len = sizeof err;
	int events;

	if (*phase == 0)
		return connect_begin(h, op, phase, r);
	if (sys_getsockopt((int)h->fd, SOL_SOCKET, SO_ERROR, &err, &err_len))
		err = errno;
	if (!err) {
		if (sys_getpeername((int)h->fd, (struct sockaddr *)&sa, &len) ==
		    0)
			return connect_done(h, op, r);
		/* macOS says EINVAL of one that has failed. */
		err = errno == ENOTCONN ? 0 : errno;
		events = pike__posix_ask((int)h->fd, POLLOUT);
		if ((!err || err == EINVAL) && events > 0 &&
		    (events & (POLLHUP | POLLERR)))
			err = ECONNREFUSED; /* somebody else asked for the
					       reason */
	}
	if (!err) {
		h->lane[PIKE__WRITES].state &= ~PIKE__READY;
		return PIKE__BLOCKED;
	}
	h->flags &= (uint16_t)~PIKE__CONNECTING;
	pike__posix_error(r, err);
	return PIKE__DONE;
}

/* ---- accepting ---- */

static int listening_unblock(struct pike__handle *h)
{
	int accepts = h->flags & PIKE__LISTENS;
	socklen_t len = sizeof accepts;

	if (h->flags & (PIKE__OPENED | PIKE__ASKED))
		return 0;
	/* Listening may have begun after it was adopted. */
	if (!accepts && sys_getsockopt((int)h->fd, SOL_SOCKET, SO_ACCEPTCONN,
			    &accepts, &len))
		return -1;
	return accepts ? pike__posix_unblock(h) : 0;
}

pike_handle pike__posix_accepted(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, int fd, const struct sockaddr_storage *sa,
    socklen_t len)
{
	struct pike__handle *peer;

	peer = pike__handle_take(&q->handles, fd, h->kind,
	    PIKE__OPENED | PIKE__CONNECTED | (h->flags & PIKE__LINGERS));
	peer->family = h->family;
	peer->flags |= h->flags & PIKE__DRAINS;
	if (op->addr)
		pike__addr_from_system(op->addr, sa, len);
	return peer->self;
}

enum pike__outcome pike__posix_accept(struct pike_queue *q,
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	int fd;

	/* Before the connection is taken, so that it cannot be lost. */
	if (!pike__handles_reserve(&q->handles)) {
		pike__posix_error(r, ENOMEM);
		return PIKE__DONE;
	}
	if (listening_unblock(h)) {
		pike__posix_error(r, errno);
		return PIKE__DONE;
	}
	do {
		fd = pike__make_accept((int)h->fd,
		    op->addr ? (struct sockaddr *)&sa : NULL,
		    op->addr ? &len : NULL);
	} while (fd < 0 && pike__posix_only_that(errno));
	PIKE__HB_TAKE();
	if (fd < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			h->lane[PIKE__READS].state &= ~PIKE__READY;
			return PIKE__BLOCKED;
		}
		pike__posix_error(r, errno);
		return PIKE__DONE;
	}
	r->res = pike__posix_accepted(q, h, op, fd, &sa, len);
	return PIKE__DONE;
}

/* ---- what ends at once ---- */

static int shutdown_now(struct pike__handle *h, uint32_t which)
{
	int how = which == PIKE_SHUT_READ    ? SHUT_RD
		  : which == PIKE_SHUT_WRITE ? SHUT_WR
					     : SHUT_RDWR;

	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	if (h->flags & PIKE__LISTENS) {
		errno = EINVAL;
		return -1;
	}
	if (h->flags & PIKE__DGRAM) {
		errno = EOPNOTSUPP;
		return -1;
	}
	/* It would undo a connect, and be taken by a Unix socket without. */
	if (!(h->flags & PIKE__CONNECTED) &&
	    sys_getpeername((int)h->fd, (struct sockaddr *)&sa, &len))
		return -1;
	if (sys_shutdown((int)h->fd, how) == 0) {
		/* What comes after it in these directions ends at once. */
		if (how != SHUT_WR)
			h->lane[PIKE__READS].state |= PIKE__READY;
		if (how != SHUT_RD)
			h->lane[PIKE__WRITES].state |= PIKE__READY;
		return 0;
	}
	/* There was a peer, and it has gone already. */
	return errno == ENOTCONN && (h->flags & PIKE__CONNECTED) ? 0 : -1;
}

static int name_get(struct pike__handle *h, const struct pike_op *op)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	int bad =
	    op->opcode == PIKE_GETSOCKNAME
		? sys_getsockname((int)h->fd, (struct sockaddr *)&sa, &len)
		: sys_getpeername((int)h->fd, (struct sockaddr *)&sa, &len);

	if (!bad)
		pike__addr_from_system(op->addr, &sa, len);
	return bad;
}

static int option_do(struct pike__handle *h, const struct pike_op *op)
{
	bool set = op->opcode == PIKE_SETSOCKOPT;
	int err, done = 0;
	uint32_t error =
	    set ? pike__option_set(h, op) : pike__option_get(h, op, &done);

	if (error) {
		errno = (int)error;
		return -1;
	}
	/* Asking takes it from the socket: what reads later has to know it. */
	if (!set && op->u.option.level == SOL_SOCKET &&
	    op->u.option.name == SO_ERROR && done == sizeof err) {
		memcpy(&err, op->buf, sizeof err);
		if (err && pike__ends_stream(pike__error_from_errno(err)))
			h->gone = pike__error_from_errno(err);
	}
	return done;
}

void pike__posix_at_once(
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r)
{
	int done;

	switch (op->opcode) {
	case PIKE_BIND:
		done = bind_to(h, op->addr);
		break;
	case PIKE_LISTEN:
		done = listen_on(h, op->u.socket.backlog);
		break;
	case PIKE_SHUTDOWN:
		done = shutdown_now(h, op->op_flags);
		break;
	case PIKE_GETSOCKNAME:
	case PIKE_GETPEERNAME:
		done = name_get(h, op);
		break;
	default:
		done = option_do(h, op);
		break;
	}
	if (done < 0)
		pike__posix_error(r, errno);
	else
		r->res = done;
}
