/* SPDX-License-Identifier: MIT */
/* Sockets by calls that end at once: their making, names, options, ends. */
#include "config.h"

#include <string.h>

#include "iocp.h"
#include "option.h"
#include "sockaddr.h"
#include "win_error.h"

/* ---- making ---- */

DWORD pike__win_new(int family, int type, int protocol, SOCKET *s)
{
	const DWORD no = 0;
	u_long on = 1;

	*s = sys_WSASocketW(family, type, protocol, NULL, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	if (*s == INVALID_SOCKET)
		return (DWORD)WSAGetLastError();
	/* Only calls of the application's own meet this. */
	sys_ioctlsocket(*s, (long)FIONBIO, &on);
	/* Elsewhere it takes IPv4 too unless it was told not to. */
	if (family == AF_INET6)
		sys_setsockopt(*s, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&no,
		    sizeof no);
	return 0;
}

/* That a datagram found nobody is no error of the socket that sent it. */
static void refusals_untold(SOCKET s)
{
	BOOL off = FALSE;
	DWORD n;

	sys_WSAIoctl(
	    s, SIO_UDP_CONNRESET, &off, sizeof off, NULL, 0, &n, NULL, NULL);
	sys_WSAIoctl(
	    s, SIO_UDP_NETRESET, &off, sizeof off, NULL, 0, &n, NULL, NULL);
}

/* A new socket's handle, or null with the error. */
static struct pike__handle *socket_open(struct pike_queue *q, int32_t domain,
    int32_t type, int32_t protocol, struct pike__result *r)
{
	int family = pike__family_to_system(domain);
	int kind = pike__type_to_system(type);
	struct pike__newcomer new = {0, PIKE__SOCKET_PACKET, (unsigned)domain};
	unsigned flags = PIKE__OPENED;
	struct pike__handle *h;
	DWORD error;
	SOCKET s;

	if (family < 0 || kind < 0) {
		pike__win_error(r, family < 0 ? WSAEAFNOSUPPORT : WSAEINVAL);
		return NULL;
	}
	if (!pike__handles_reserve(&q->handles)) {
		pike__win_error(r, ERROR_NOT_ENOUGH_MEMORY);
		return NULL;
	}
	error = pike__win_new(family, kind, protocol, &s);
	if (error) {
		pike__win_error(r, error);
		return NULL;
	}
	new.fd = pike__win_fd(s);
	if (kind == SOCK_STREAM)
		new.kind = PIKE__SOCKET_STREAM;
	if (kind == SOCK_DGRAM)
		flags |= PIKE__DGRAM;
	if (kind == SOCK_DGRAM && family != AF_UNIX)
		refusals_untold(s);
	error = pike__iocp_attach(q, &new, &flags);
	if (error) {
		pike__win_error(r, error);
		sys_closesocket(s);
		return NULL;
	}
	h = pike__handle_take(
	    &q->handles, new.fd, (enum pike__kind) new.kind, flags);
	h->family = (uint8_t)domain;
	return h;
}

void pike__win_open_socket(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r)
{
	struct pike__handle *h = socket_open(q, op->u.socket.domain,
	    op->u.socket.type, op->u.socket.protocol, r);

	if (h)
		r->res = h->self;
}

/* ---- names ---- */

/*
 * Elsewhere a port is one's own on all interfaces, unless it was asked for with
 * PIKE_SO_REUSEADDR. This has its price: it stays so as long as a connection of
 * who had it before. Where the socket shares its port already it says no.
 */
static void alone(const struct pike__handle *h)
{
	const BOOL on = TRUE;

	if ((h->flags & PIKE__OPENED) && !(h->flags & PIKE__IOCP_REUSES) &&
	    h->family != PIKE_AF_UNIX)
		sys_setsockopt(pike__win_socket(h->fd), SOL_SOCKET,
		    SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof on);
}

/* 0, or the result's error. */
static int bind_to(struct pike__handle *h, const struct pike_addr *addr,
    struct pike__result *r)
{
	struct sockaddr_storage sa;
	int len, bad = pike__addr_to_system(addr, &sa, &len);

	if (bad) {
		*r = (struct pike__result){.res = bad, .err = -bad};
		return bad;
	}
	/* Not everywhere is a second one refused to what was accepted. */
	if (h->flags & PIKE__IOCP_BOUND) {
		pike__win_error(r, WSAEINVAL);
		return (int)r->res;
	}
	alone(h);
	if (sys_bind(pike__win_socket(h->fd), (struct sockaddr *)&sa, len)) {
		pike__win_error(r, (DWORD)WSAGetLastError());
		return (int)r->res;
	}
	h->flags |= PIKE__IOCP_BOUND;
	return 0;
}

DWORD pike__win_bind_any(struct pike__handle *h)
{
	struct sockaddr_storage sa = {0};
	int len = sizeof(struct sockaddr_in);

	if (h->flags & PIKE__IOCP_BOUND)
		return 0;
	sa.ss_family = AF_INET;
	if (h->family == PIKE_AF_INET6) {
		sa.ss_family = AF_INET6;
		len = sizeof(struct sockaddr_in6);
	}
	if (sys_bind(pike__win_socket(h->fd), (struct sockaddr *)&sa, len) &&
	    WSAGetLastError() != WSAEINVAL) /* it has one */
		return (DWORD)WSAGetLastError();
	h->flags |= PIKE__IOCP_BOUND;
	return 0;
}

bool pike__win_named(struct pike__handle *h)
{
	struct sockaddr_storage sa;
	int len = sizeof sa;

	if (h->flags & PIKE__IOCP_BOUND)
		return true;
	/* Who knows the socket may name it and tell nobody. */
	if ((h->flags & (PIKE__DGRAM | PIKE__EXPOSED)) == PIKE__DGRAM &&
	    sys_getsockname(
		pike__win_socket(h->fd), (struct sockaddr *)&sa, &len))
		return false;
	pike__win_bind_any(h);
	return true;
}

static int listen_on(
    struct pike__handle *h, int32_t backlog, struct pike__result *r)
{
	DWORD error;

	if (h->kind == PIKE__SOCKET_PACKET) {
		pike__win_error(r, WSAEOPNOTSUPP);
		return -1;
	}
	/* On other systems a port is found for who has none. */
	if (h->family != PIKE_AF_UNIX) {
		error = pike__win_bind_any(h);
		if (error) {
			pike__win_error(r, error);
			return -1;
		}
	}
	if (sys_listen(
		pike__win_socket(h->fd), backlog > 0 ? backlog : SOMAXCONN)) {
		pike__win_error(r, (DWORD)WSAGetLastError());
		return -1;
	}
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

void pike__win_listen_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r)
{
	struct pike__handle *h = socket_for(q, op, r);
	bool datagrams = op->u.socket.type == PIKE_SOCK_DGRAM;

	if (!h)
		return;
	if (!datagrams && h->family != PIKE_AF_UNIX)
		h->flags |= PIKE__IOCP_REUSES;
	if (bind_to(h, op->addr, r) ||
	    (!datagrams && listen_on(h, op->u.socket.backlog, r))) {
		sys_closesocket(pike__win_socket(h->fd));
		pike__handle_give(&q->handles, h);
		return;
	}
	r->res = h->self;
}

/* It is nobody's to use until it is connected. */
struct pike__handle *pike__win_connect_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r)
{
	struct pike__handle *h = socket_for(q, op, r);

	if (h)
		h->flags |= PIKE__JOINED;
	return h;
}

void pike__win_connected(struct pike__handle *h)
{
	h->flags |= PIKE__CONNECTED;
}

bool pike__win_has_peer(struct pike__handle *h)
{
	struct sockaddr_storage sa;
	int len = sizeof sa;

	if (h->flags & PIKE__CONNECTED)
		return true;
	if ((h->flags & PIKE__LISTENS) ||
	    sys_getpeername(
		pike__win_socket(h->fd), (struct sockaddr *)&sa, &len))
		return false;
	pike__win_connected(h);
	return true;
}

bool pike__win_listens(struct pike__handle *h)
{
	int accepts = 0;
	int len = sizeof accepts;

	if (h->flags & PIKE__LISTENS)
		return true;
	if (h->flags & PIKE__CONNECTED ||
	    sys_getsockopt(pike__win_socket(h->fd), SOL_SOCKET, SO_ACCEPTCONN,
		(char *)&accepts, &len) ||
	    !accepts)
		return false;
	h->flags |= PIKE__LISTENS;
	return true;
}

/* ---- what ends at once ---- */

/* A receive that waits is told: the system would let it wait on. */
static void reads_end(struct pike__handle *h)
{
	struct pike__slot *slot = h->lane[PIKE__READS].head;

	if (!slot || !(slot->phase & PIKE__IN_SYSTEM))
		return;
	slot->phase |= PIKE__IOCP_SHUT;
	pike__packet_abort(slot);
}

/* There was a peer; that it has gone is no failure. */
static bool peer_gone(DWORD error)
{
	switch (error) {
	case WSAENOTCONN:
	case WSAECONNRESET:
	case WSAECONNABORTED:
	case WSAENETRESET:
	case WSAETIMEDOUT:
	case WSAESHUTDOWN:
		return true;
	default:
		return false;
	}
}

/*
 * 0, or the error. The system is not told that nothing more is received: it
 * would reset the connection when something comes.
 */
static DWORD shutdown_now(struct pike__handle *h, uint32_t which)
{
	SOCKET s = pike__win_socket(h->fd);

	if (h->flags & PIKE__LISTENS)
		return WSAEINVAL;
	if (h->flags & PIKE__DGRAM)
		return WSAEOPNOTSUPP;
	if (!pike__win_has_peer(h))
		return WSAENOTCONN;
	if ((which & PIKE_SHUT_WRITE) && sys_shutdown(s, SD_SEND) &&
	    !peer_gone((DWORD)WSAGetLastError()))
		return (DWORD)WSAGetLastError();
	if (!(which & PIKE_SHUT_READ))
		return 0;
	h->flags |= PIKE__IOCP_DEAF;
	reads_end(h);
	return 0;
}

static DWORD name_get(struct pike__handle *h, const struct pike_op *op)
{
	SOCKET s = pike__win_socket(h->fd);
	struct sockaddr_storage sa = {0};
	int len = sizeof sa;
	int bad = op->opcode == PIKE_GETSOCKNAME
		      ? sys_getsockname(s, (struct sockaddr *)&sa, &len)
		      : sys_getpeername(s, (struct sockaddr *)&sa, &len);

	if (!bad) {
		pike__addr_from_system(op->addr, &sa, len);
		return 0;
	}
	if (op->opcode == PIKE_GETPEERNAME || WSAGetLastError() != WSAEINVAL)
		return (DWORD)WSAGetLastError();
	/* One without a name: other systems give an empty one. */
	memset(op->addr, 0, sizeof *op->addr);
	op->addr->family = h->family;
	return 0;
}

/*
 * On a stream REUSEADDR means what it means elsewhere without being asked for:
 * a port whose connections are gone can be bound again. Windows' own option of
 * that name would let a listener's port be taken away from it.
 */
static bool option_reuses(
    const struct pike__handle *h, const struct pike_op *op)
{
	return h->kind == PIKE__SOCKET_STREAM &&
	       op->u.option.level == PIKE_SOL &&
	       op->u.option.name == PIKE_SO_REUSEADDR && op->buf &&
	       op->len == sizeof(int32_t);
}

static DWORD option_set(struct pike__handle *h, const struct pike_op *op)
{
	int32_t value;

	if (!option_reuses(h, op))
		return pike__option_set(h, op);
	memcpy(&value, op->buf, sizeof value);
	if (value < 0 || value > 1)
		return WSAEINVAL;
	h->flags &= (uint16_t)~PIKE__IOCP_REUSES;
	if (value)
		h->flags |= PIKE__IOCP_REUSES;
	return 0;
}

static DWORD option_get(
    const struct pike__handle *h, const struct pike_op *op, int *done)
{
	int32_t value = (h->flags & PIKE__IOCP_REUSES) != 0;

	if (!option_reuses(h, op))
		return pike__option_get(h, op, done);
	memcpy(op->buf, &value, sizeof value);
	*done = sizeof value;
	return 0;
}

void pike__win_at_once(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, struct pike__result *r)
{
	DWORD error = 0;
	int done = 0;

	(void)q;
	switch (op->opcode) {
	case PIKE_BIND:
		bind_to(h, op->addr, r);
		return;
	case PIKE_LISTEN:
		listen_on(h, op->u.socket.backlog, r);
		return;
	case PIKE_SHUTDOWN:
		error = shutdown_now(h, op->op_flags);
		break;
	case PIKE_GETSOCKNAME:
	case PIKE_GETPEERNAME:
		error = name_get(h, op);
		break;
	case PIKE_SETSOCKOPT:
		error = option_set(h, op);
		break;
	default:
		error = option_get(h, op, &done);
		break;
	}
	if (error)
		pike__win_error(r, error);
	else
		r->res = done;
}
