/* SPDX-License-Identifier: MIT */
/*
 * Socket options. The portable ones are one table; four are not a plain DWORD
 * of one level and have functions of their own: LINGER is a struct, TTL has
 * another name in each family, TYPE has pike's numbers and is only read, and
 * REUSEADDR would let a listener's port be taken away from it.
 */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "iocp.h"
#include "win_opt.h"

/* Of Windows 10, 1709; older headers do not have them. */
#ifndef TCP_KEEPIDLE
#	define TCP_KEEPIDLE 3
#endif
#ifndef TCP_KEEPCNT
#	define TCP_KEEPCNT 16
#endif
#ifndef TCP_KEEPINTVL
#	define TCP_KEEPINTVL 17
#endif

struct opt_row {
	int level;
	int name;
	int32_t min; /* of the values that may be set */
	int32_t max; /* 1: a switch, which reads back as 0 or 1 */
};

static const struct opt_row opt_rows[] = {
    [PIKE_SO_REUSEADDR] = {SOL_SOCKET, SO_REUSEADDR, 0, 1},
    [PIKE_SO_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 0, 1},
    [PIKE_SO_KEEPIDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, 1, INT32_MAX},
    [PIKE_SO_KEEPINTVL] = {IPPROTO_TCP, TCP_KEEPINTVL, 1, INT32_MAX},
    [PIKE_SO_KEEPCNT] = {IPPROTO_TCP, TCP_KEEPCNT, 1, 255},
    [PIKE_SO_NODELAY] = {IPPROTO_TCP, TCP_NODELAY, 0, 1},
    [PIKE_SO_BROADCAST] = {SOL_SOCKET, SO_BROADCAST, 0, 1},
    [PIKE_SO_RCVBUF] = {SOL_SOCKET, SO_RCVBUF, 0, INT32_MAX},
    [PIKE_SO_SNDBUF] = {SOL_SOCKET, SO_SNDBUF, 0, INT32_MAX},
    [PIKE_SO_V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY, 0, 1},
};

static const struct opt_row opt_ttl_ip4 = {IPPROTO_IP, IP_TTL, 1, 255};
static const struct opt_row opt_ttl_ip6 = {
    IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1, 255};

/* What a socket says of a level that it knows nothing of. */
static DWORD opt_error(void)
{
	DWORD error = (DWORD)WSAGetLastError();

	return error == WSAEOPNOTSUPP ? WSAENOPROTOOPT : error;
}

static const struct opt_row *opt_find(int32_t name)
{
	if (name < 0 || (size_t)name >= sizeof opt_rows / sizeof *opt_rows ||
	    opt_rows[name].max == 0)
		return NULL;
	return &opt_rows[name];
}

static DWORD opt_set_row(SOCKET s, const struct opt_row *row, int32_t value)
{
	DWORD number = (DWORD)value;

	if (value < row->min || value > row->max)
		return WSAEINVAL;
	return sys_setsockopt(s, row->level, row->name, (const char *)&number,
		   sizeof number)
		   ? opt_error()
		   : 0;
}

static DWORD opt_get_row(SOCKET s, const struct opt_row *row, int32_t *value)
{
	DWORD number = 0;
	int len = sizeof number;

	if (sys_getsockopt(s, row->level, row->name, (char *)&number, &len))
		return opt_error();
	*value = row->max == 1 ? number != 0 : (int32_t)number;
	return 0;
}

/*
 * On a stream it means what it means elsewhere without being asked for: a port
 * whose connections are gone can be bound again. Windows' own option of that
 * name would let two listeners have one port.
 */
static DWORD opt_set_reuse(struct pike__handle *h, int32_t value)
{
	if (value < 0 || value > 1)
		return WSAEINVAL;
	h->flags &= (uint16_t)~PIKE__IOCP_REUSES;
	if (value)
		h->flags |= PIKE__IOCP_REUSES;
	return 0;
}

static DWORD opt_set_linger(SOCKET s, int32_t value)
{
	struct linger linger = {.l_onoff = value >= 0};

	if (value < -1 || value > USHRT_MAX)
		return WSAEINVAL;
	if (value >= 0)
		linger.l_linger = (u_short)value;
	return sys_setsockopt(s, SOL_SOCKET, SO_LINGER, (const char *)&linger,
		   sizeof linger)
		   ? opt_error()
		   : 0;
}

static DWORD opt_get_linger(SOCKET s, int32_t *value)
{
	struct linger linger = {0};
	int len = sizeof linger;

	if (sys_getsockopt(s, SOL_SOCKET, SO_LINGER, (char *)&linger, &len))
		return opt_error();
	*value = linger.l_onoff ? linger.l_linger : -1;
	return 0;
}

static const struct opt_row *opt_ttl(const struct pike__handle *h)
{
	switch (h->family) {
	case PIKE_AF_INET:
		return &opt_ttl_ip4;
	case PIKE_AF_INET6:
		return &opt_ttl_ip6;
	default:
		return NULL;
	}
}

static DWORD opt_set_ttl(const struct pike__handle *h, int32_t value)
{
	SOCKET s = pike__win_socket(h->fd);
	const struct opt_row *row = opt_ttl(h);
	DWORD error = row ? opt_set_row(s, row, value) : WSAENOPROTOOPT;

	/* An IPv6 socket may send to mapped IPv4 addresses too; one that
	 * cannot has no such option, which is no error. */
	if (!error && row == &opt_ttl_ip6)
		opt_set_row(s, &opt_ttl_ip4, value);
	return error;
}

static DWORD opt_get_type(SOCKET s, int32_t *value)
{
	static const struct opt_row type = {SOL_SOCKET, SO_TYPE, 0, 0};
	DWORD error = opt_get_row(s, &type, value);

	if (error)
		return error;
	switch (*value) {
	case SOCK_STREAM:
		*value = PIKE_SOCK_STREAM;
		break;
	case SOCK_DGRAM:
		*value = PIKE_SOCK_DGRAM;
		break;
	case SOCK_SEQPACKET:
		*value = PIKE_SOCK_SEQPACKET;
		break;
	default:
		break;
	}
	return 0;
}

static DWORD opt_set_portable(struct pike__handle *h, const struct pike_op *op)
{
	const struct opt_row *row = opt_find(op->u.option.name);
	SOCKET s = pike__win_socket(h->fd);
	int32_t value;

	if (!op->buf || op->len != sizeof value)
		return WSAEINVAL;
	memcpy(&value, op->buf, sizeof value);
	switch (op->u.option.name) {
	case PIKE_SO_LINGER:
		return opt_set_linger(s, value);
	case PIKE_SO_TTL:
		return opt_set_ttl(h, value);
	case PIKE_SO_REUSEADDR:
		if (h->kind == PIKE__SOCKET_STREAM)
			return opt_set_reuse(h, value);
		break;
	default:
		break;
	}
	return row ? opt_set_row(s, row, value) : WSAENOPROTOOPT;
}

static DWORD opt_read_portable(
    const struct pike__handle *h, int32_t name, int32_t *value)
{
	const struct opt_row *row = opt_find(name);
	SOCKET s = pike__win_socket(h->fd);

	switch (name) {
	case PIKE_SO_LINGER:
		return opt_get_linger(s, value);
	case PIKE_SO_TTL:
		row = opt_ttl(h);
		break;
	case PIKE_SO_TYPE:
		return opt_get_type(s, value);
	case PIKE_SO_REUSEADDR:
		if (h->kind != PIKE__SOCKET_STREAM)
			break;
		*value = (h->flags & PIKE__IOCP_REUSES) != 0;
		return 0;
	default:
		break;
	}
	return row ? opt_get_row(s, row, value) : WSAENOPROTOOPT;
}

DWORD pike__win_opt_set(struct pike__handle *h, const struct pike_op *op)
{
	if (op->u.option.level == PIKE_SOL)
		return opt_set_portable(h, op);
	if (op->len > INT_MAX)
		return WSAEINVAL;
	return sys_setsockopt(pike__win_socket(h->fd), op->u.option.level,
		   op->u.option.name, op->buf, (int)op->len)
		   ? (DWORD)WSAGetLastError()
		   : 0;
}

DWORD pike__win_opt_get(
    struct pike__handle *h, const struct pike_op *op, int *done)
{
	int32_t value = 0;
	DWORD error;

	if (op->u.option.level == PIKE_SOL) {
		if (!op->buf || op->len != sizeof value)
			return WSAEINVAL;
		error = opt_read_portable(h, op->u.option.name, &value);
		if (error)
			return error;
		memcpy(op->buf, &value, sizeof value);
		*done = sizeof value;
		return 0;
	}
	if (op->len > INT_MAX)
		return WSAEINVAL;
	*done = (int)op->len;
	return sys_getsockopt(pike__win_socket(h->fd), op->u.option.level,
		   op->u.option.name, op->buf, done)
		   ? (DWORD)WSAGetLastError()
		   : 0;
}
