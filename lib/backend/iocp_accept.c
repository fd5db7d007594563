/* SPDX-License-Identifier: MIT */
/* Connections: taken from a listener, and made. */
#include "config.h"

#include <string.h>

#include "iocp.h"
#include "sockaddr.h"
#include "win_error.h"

/* ---- accepting ---- */

/* Errors of one connection: the next may be good. */
static bool only_that(DWORD error)
{
	switch (error) {
	case WSAECONNRESET:
	case WSAECONNABORTED:
	case WSAENETRESET:
	case WSAENOTCONN:
	case WSAENETUNREACH:
	case WSAEHOSTUNREACH:
	case WSAETIMEDOUT:
	case ERROR_NETNAME_DELETED:
		return true;
	default:
		return false;
	}
}

static void accepted_drop(struct pike_queue *q, struct pike__packet *p)
{
	q->handles.promised--;
	if (pike__win_socket(p->u.accepted) != INVALID_SOCKET)
		sys_closesocket(pike__win_socket(p->u.accepted));
}

static void peer_name(const struct pike__handle *h, struct pike__packet *p,
    struct pike_addr *addr)
{
	const int room = sizeof(struct sockaddr_storage) + 16;
	struct sockaddr *own = NULL, *peer = NULL;
	int own_len = 0, peer_len = 0;

	pike__winsock_of(h)->accept_names(p->detail->u.names, 0, (DWORD)room,
	    (DWORD)room, &own, &own_len, &peer, &peer_len);
	memset(addr, 0, sizeof *addr);
	if (peer)
		pike__addr_from_system(addr, peer, peer_len);
}

enum pike__took pike__iocp_took_accept(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	struct pike__handle *peer;
	SOCKET listener = pike__win_socket(h->fd);

	if (!p->error && sys_setsockopt(pike__win_socket(p->u.accepted),
			     SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
			     (const char *)&listener, sizeof listener))
		p->error = (DWORD)WSAGetLastError();
	if (p->error) {
		accepted_drop(q, p);
		if (p->error == ERROR_OPERATION_ABORTED)
			return pike__iocp_aborted(slot, r);
		if (only_that(p->error))
			return PIKE__TOOK_ON;
		pike__win_error(r, p->error);
		return PIKE__TOOK_ALL;
	}
	q->handles.promised--;
	peer = pike__handle_take(&q->handles, p->u.accepted, h->kind,
	    p->flags | PIKE__CONNECTED | PIKE__IOCP_BOUND |
		(h->flags & PIKE__LINGERS));
	peer->family = h->family;
	if (slot->op.addr)
		peer_name(h, p, slot->op.addr);
	r->res = peer->self;
	return PIKE__TOOK_SHOT;
}

static int system_family(const struct pike__handle *h)
{
	switch (h->family) {
	case PIKE_AF_UNIX:
		return AF_UNIX;
	case PIKE_AF_INET6:
		return AF_INET6;
	default:
		return AF_INET;
	}
}

enum pike__given pike__iocp_accept(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	const DWORD room = sizeof(struct sockaddr_storage) + 16;
	struct pike__handle *h = slot->handle;
	struct pike__packet *p;
	struct pike__newcomer new = {0, PIKE__SOCKET_STREAM, h->family};
	unsigned flags = PIKE__OPENED;
	DWORD n = 0, bad;
	SOCKET s = INVALID_SOCKET;
	BOOL ok;

	p = pike__packet_take(
	    &pike__iocp_of(q)->packets, slot, PIKE__BY_ACCEPT, true);
	if (!p)
		return pike__iocp_no_memory(r);
	if (h->kind != PIKE__SOCKET_STREAM) {
		pike__win_error(r, WSAEOPNOTSUPP);
		return PIKE__ENDED;
	}
	if (!pike__win_listens(h)) {
		pike__win_error(r, WSAEINVAL);
		return PIKE__ENDED;
	}
	/* Before the connection is taken, so that it cannot be lost. */
	if (!pike__handles_promise(&q->handles))
		return pike__iocp_no_memory(r);
	bad = pike__win_new(system_family(h), SOCK_STREAM, 0, &s);
	new.fd = p->u.accepted = pike__win_fd(s);
	if (!bad)
		bad = pike__iocp_attach(q, &new, &flags);
	if (bad) {
		accepted_drop(q, p);
		pike__win_error(r, bad);
		return PIKE__ENDED;
	}
	p->flags = flags;
	p->file = pike__win_handle(h->fd);
	p->shoots = slot->op.flags & PIKE_MULTISHOT;
	p->skips = h->flags & PIKE__IOCP_SKIPS;
	/* No room for data: it would wait for them. */
	ok = pike__winsock_of(h)->accept_ex(pike__win_socket(h->fd), s,
	    p->detail->u.names, 0, room, room, &n, p->ov);
	return pike__iocp_given(p, ok, n, ok ? 0 : (DWORD)WSAGetLastError());
}

/* ---- connecting ---- */

/* A free port of one's own, called from itself: nobody is there. */
static bool connected_to_itself(const struct pike__handle *h)
{
	SOCKET s = pike__win_socket(h->fd);
	struct sockaddr_storage own = {0}, peer = {0};
	int own_len = sizeof own, peer_len = sizeof peer;

	return sys_getsockname(s, (struct sockaddr *)&own, &own_len) == 0 &&
	       sys_getpeername(s, (struct sockaddr *)&peer, &peer_len) == 0 &&
	       own_len == peer_len && memcmp(&own, &peer, (size_t)own_len) == 0;
}

enum pike__took pike__iocp_took_connect(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	(void)q;
	h->flags &= (uint16_t)~PIKE__CONNECTING;
	if (!p->error && sys_setsockopt(pike__win_socket(h->fd), SOL_SOCKET,
			     SO_UPDATE_CONNECT_CONTEXT, NULL, 0))
		p->error = (DWORD)WSAGetLastError();
	if (p->error == WSAENOTCONN) /* and was reset at once */
		p->error = WSAECONNRESET;
	if (p->error == ERROR_OPERATION_ABORTED && slot->state == PIKE__ENDING)
		return pike__iocp_aborted(slot, r);
	if (!p->error && connected_to_itself(h))
		p->error = WSAECONNREFUSED;
	h->flags &= (uint16_t)~PIKE__JOINED;
	if (p->error) {
		pike__win_error(r, p->error);
		return PIKE__TOOK_ALL;
	}
	pike__win_connected(h);
	if (slot->op.opcode == PIKE_CONNECT_TO)
		r->res = h->self;
	return PIKE__TOOK_ALL;
}

/* ICMP says which datagrams nobody took: to who has one peer that is news. */
static void refusals_told(SOCKET s)
{
	BOOL on = TRUE;
	DWORD n;

	sys_WSAIoctl(
	    s, SIO_UDP_CONNRESET, &on, sizeof on, NULL, 0, &n, NULL, NULL);
}

static void connected(
    struct pike__slot *slot, DWORD error, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	h->flags &= (uint16_t) ~(PIKE__JOINED | PIKE__CONNECTING);
	if (error) {
		pike__win_error(r, error);
		return;
	}
	h->flags |= PIKE__IOCP_BOUND;
	if (h->flags & PIKE__DGRAM)
		refusals_told(pike__win_socket(h->fd));
	pike__win_connected(h);
	if (slot->op.opcode == PIKE_CONNECT_TO)
		r->res = h->self;
}

enum pike__took pike__iocp_took_join(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	SOCKET s = pike__win_socket(slot->handle->fd);
	DWORD error = p->error;
	int len = sizeof error;

	(void)q;
	if (error == ERROR_OPERATION_ABORTED && slot->state == PIKE__ENDING) {
		connected(slot, error, r);
		return pike__iocp_aborted(slot, r);
	}
	if (!error)
		sys_getsockopt(s, SOL_SOCKET, SO_ERROR, (char *)&error, &len);
	if (!error && (pike__iocp_told(p) & PIKE__AFD_CONNECT_FAIL))
		error = WSAECONNREFUSED;
	connected(slot, error, r);
	return PIKE__TOOK_ALL;
}

/* A Unix socket is refused also where there is no such file. */
static DWORD refused_by(const struct sockaddr_storage *sa)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)sa;
	WCHAR path[sizeof un->sun_path + 1];
	int n = MultiByteToWideChar(CP_UTF8, 0, un->sun_path,
	    (int)strnlen(un->sun_path, sizeof un->sun_path), path,
	    (int)sizeof un->sun_path);

	path[n] = 0;
	if (!n || sys_GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES ||
	    (GetLastError() != ERROR_FILE_NOT_FOUND &&
		GetLastError() != ERROR_PATH_NOT_FOUND))
		return WSAECONNREFUSED;
	return ERROR_FILE_NOT_FOUND;
}

/* Of datagrams it sets the peer. Unix sockets have no ConnectEx that may be
 * relied upon; they are connected at once, or the driver tells when. */
static enum pike__given connect_now(struct pike_queue *q,
    struct pike__slot *slot, const struct sockaddr_storage *sa, int len,
    struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	SOCKET s = pike__win_socket(h->fd);
	DWORD error = 0;
	u_long on = 1;

	/* Nobody can ask whether it waits. */
	if (h->family == PIKE_AF_UNIX)
		sys_ioctlsocket(s, (long)FIONBIO, &on);
	if (sys_connect(s, (const struct sockaddr *)sa, len))
		error = (DWORD)WSAGetLastError();
	if (error == WSAECONNREFUSED && h->family == PIKE_AF_UNIX)
		error = refused_by(sa);
	if (error != WSAEWOULDBLOCK) {
		connected(slot, error, r);
		return PIKE__ENDED;
	}
	h->flags |= PIKE__CONNECTING;
	return pike__iocp_ask(q, slot,
	    PIKE__AFD_SEND | PIKE__AFD_CONNECT_FAIL | PIKE__AFD_ABORT,
	    INT64_MAX, PIKE__BY_JOIN, r);
}

static bool to_itself(const struct sockaddr_storage *sa)
{
	static const uint8_t mapped[13] = {[10] = 0xff, 0xff, 127};
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	if (sa->ss_family == AF_INET)
		return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
	       memcmp(&in6->sin6_addr, mapped, sizeof mapped) == 0;
}

/* A refusal is taken for one only after the system has asked again for two
 * seconds. On its own machine nothing gets lost, and once is enough. */
static void ask_once(SOCKET s)
{
	struct {
		USHORT first_ms;
		UCHAR more;
	} rto = {0xffff, 0xfe}; /* as it is; none */
	DWORD n;

	if (pike__win_calls.refuses_fast)
		sys_WSAIoctl(s, SIO_TCP_INITIAL_RTO, &rto, sizeof rto, NULL, 0,
		    &n, NULL, NULL);
}

enum pike__given pike__iocp_connect(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;
	SOCKET s = pike__win_socket(h->fd);
	struct sockaddr_storage sa;
	struct pike__packet *p;
	DWORD n = 0, bad;
	BOOL ok;
	int len, code;

	if ((h->flags & PIKE__CONNECTED) && h->kind == PIKE__SOCKET_STREAM) {
		pike__win_error(r, WSAEISCONN);
		return PIKE__ENDED;
	}
	code = pike__addr_to_system(slot->op.addr, &sa, &len);
	if (code) {
		*r = (struct pike__result){.res = code, .err = -code};
		return PIKE__ENDED;
	}
	if (sa.ss_family != system_family(h)) {
		pike__win_error(r, WSAEAFNOSUPPORT);
		return PIKE__ENDED;
	}
	if (h->kind == PIKE__SOCKET_PACKET || h->family == PIKE_AF_UNIX)
		return connect_now(q, slot, &sa, len, r);
	bad = pike__win_bind_any(h);
	if (bad) {
		pike__win_error(r, bad);
		return PIKE__ENDED;
	}
	if (to_itself(&sa))
		ask_once(s);
	p = pike__packet_here(
	    &pike__iocp_of(q)->packets, slot, PIKE__BY_CONNECT);
	p->file = pike__win_handle(h->fd);
	p->skips = h->flags & PIKE__IOCP_SKIPS;
	h->flags |= PIKE__CONNECTING;
	ok = pike__winsock_of(h)->connect_ex(
	    s, (struct sockaddr *)&sa, len, NULL, 0, &n, p->ov);
	bad = ok ? 0 : (DWORD)WSAGetLastError();
	/* It has a name, so that this is what another's connect comes to. */
	if (bad == WSAEINVAL && (h->flags & PIKE__EXPOSED) &&
	    !pike__win_listens(h))
		bad = WSAEALREADY;
	return pike__iocp_given(p, ok, n, bad);
}
