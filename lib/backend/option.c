/* SPDX-License-Identifier: MIT */
/*
 * Socket options. The portable ones are one table; three are not a plain int
 * of one level and have functions of their own: LINGER is a struct, TTL has
 * another name in each family, TYPE has pike's numbers and is only read.
 */
#include "config.h"

#include <string.h>

#include <pike.h>

#include "../handle.h"
#include "option.h"

#ifdef _WIN32
#	include "win_opt.h"
#else
#	include "posix_opt.h"
#endif

/* An option that is one int to the system. */
struct opt_row {
	int level;
	int name;
	int32_t min; /* of the values that may be set */
	int32_t max; /* 1: a switch, which reads back as 0 or 1 */
};

static const struct opt_row opt_rows[] = {
    [PIKE_SO_REUSEADDR] = {SOL_SOCKET, SO_REUSEADDR, 0, 1},
#ifdef OPTION_REUSEPORT
    [PIKE_SO_REUSEPORT] = {SOL_SOCKET, OPTION_REUSEPORT, 0, 1},
#endif
    [PIKE_SO_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 0, 1},
    [PIKE_SO_KEEPIDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, 1, INT32_MAX},
    [PIKE_SO_KEEPINTVL] = {IPPROTO_TCP, TCP_KEEPINTVL, 1, INT32_MAX},
    [PIKE_SO_KEEPCNT] = {IPPROTO_TCP, TCP_KEEPCNT, 1, OPTION_KEEPCNT_MAX},
    [PIKE_SO_NODELAY] = {IPPROTO_TCP, TCP_NODELAY, 0, 1},
    [PIKE_SO_BROADCAST] = {SOL_SOCKET, SO_BROADCAST, 0, 1},
    [PIKE_SO_RCVBUF] = {SOL_SOCKET, SO_RCVBUF, 0, INT32_MAX},
    [PIKE_SO_SNDBUF] = {SOL_SOCKET, SO_SNDBUF, 0, INT32_MAX},
    [PIKE_SO_V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY, 0, 1},
};

static const struct opt_row opt_ttl_ip4 = {IPPROTO_IP, IP_TTL, 1, 255};
static const struct opt_row opt_ttl_ip6 = {
    IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1, 255};

/* Sockets that know nothing of a whole level say so in another way: to a
 * caller of a portable option that is the same. */
static uint32_t opt_error(uint32_t error)
{
	return error == OPTION_NO_LEVEL ? OPTION_UNKNOWN : error;
}

/* The row of an option, or null. */
static const struct opt_row *opt_find(
    const struct pike__handle *h, int32_t name)
{
	if (name == PIKE_SO_TTL)
		return h->family == PIKE_AF_INET    ? &opt_ttl_ip4
		       : h->family == PIKE_AF_INET6 ? &opt_ttl_ip6
						    : NULL;
	if (name < 0 || (size_t)name >= sizeof opt_rows / sizeof *opt_rows ||
	    opt_rows[name].max == 0)
		return NULL;
	return &opt_rows[name];
}

static uint32_t opt_set_row(
    pike_fd fd, const struct opt_row *row, int32_t value)
{
	int number = value;

	if (value < row->min || value > row->max)
		return OPTION_INVALID;
	return opt_error(
	    option_write(fd, row->level, row->name, &number, sizeof number));
}

static uint32_t opt_get_row(
    pike_fd fd, const struct opt_row *row, int32_t *value)
{
	int number = 0;
	int len = sizeof number;
	uint32_t error = option_read(fd, row->level, row->name, &number, &len);

	*value = row->max == 1 ? number != 0 : number;
	return opt_error(error);
}

static uint32_t opt_set_linger(pike_fd fd, int32_t value)
{
	struct linger linger = {.l_onoff = value >= 0};

	if (value < -1 || value > OPTION_LINGER_MAX)
		return OPTION_INVALID;
	if (value >= 0)
		linger.l_linger = OPTION_SECONDS(value);
	return opt_error(option_write(
	    fd, SOL_SOCKET, OPTION_LINGER, &linger, sizeof linger));
}

static uint32_t opt_get_linger(pike_fd fd, int32_t *value)
{
	struct linger linger = {0};
	int len = sizeof linger;
	uint32_t error =
	    option_read(fd, SOL_SOCKET, OPTION_LINGER, &linger, &len);

	*value = linger.l_onoff ? linger.l_linger : -1;
	return opt_error(error);
}

/* A type that pike has no number for keeps the system's. */
static uint32_t opt_get_type(pike_fd fd, int32_t *value)
{
	static const struct opt_row type = {SOL_SOCKET, SO_TYPE, 0, 0};
	uint32_t error = opt_get_row(fd, &type, value);

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
	return error;
}

static uint32_t opt_set_portable(
    const struct pike__handle *h, const struct pike_op *op)
{
	const struct opt_row *row = opt_find(h, op->u.option.name);
	uint32_t error;
	int32_t value;

	if (!op->buf || op->len != sizeof value)
		return OPTION_INVALID;
	memcpy(&value, op->buf, sizeof value);
	if (op->u.option.name == PIKE_SO_LINGER)
		return opt_set_linger(h->fd, value);
	if (!row)
		return OPTION_UNKNOWN;
	error = opt_set_row(h->fd, row, value);
	/* An IPv6 socket may send to mapped IPv4 addresses too; one that
	 * cannot has no such option, which is no error. */
	if (!error && row == &opt_ttl_ip6)
		opt_set_row(h->fd, &opt_ttl_ip4, value);
	return error;
}

static uint32_t opt_read_portable(
    const struct pike__handle *h, int32_t name, int32_t *value)
{
	const struct opt_row *row = opt_find(h, name);

	switch (name) {
	case PIKE_SO_LINGER:
		return opt_get_linger(h->fd, value);
	case PIKE_SO_TYPE:
		return opt_get_type(h->fd, value);
	default:
		return row ? opt_get_row(h->fd, row, value) : OPTION_UNKNOWN;
	}
}

static bool opt_is_linger(int level, int name)
{
	return (level == PIKE_SOL && name == PIKE_SO_LINGER) ||
	       (level == SOL_SOCKET && name == SO_LINGER);
}

uint32_t pike__option_set(struct pike__handle *h, const struct pike_op *op)
{
	int level = op->u.option.level, name = op->u.option.name;
	uint32_t error = OPTION_INVALID;

	if (level == PIKE_SOL)
		error = opt_set_portable(h, op);
	else if (op->len <= INT_MAX)
		error = option_write(h->fd, level, name, op->buf, (int)op->len);
	if (!error && opt_is_linger(level, name))
		h->flags |= PIKE__LINGERS;
	return error;
}

uint32_t pike__option_get(
    const struct pike__handle *h, const struct pike_op *op, int *done)
{
	uint32_t error;
	int32_t value;

	if (op->u.option.level == PIKE_SOL) {
		if (!op->buf || op->len != sizeof value)
			return OPTION_INVALID;
		error = opt_read_portable(h, op->u.option.name, &value);
		if (error)
			return error;
		memcpy(op->buf, &value, sizeof value);
		*done = sizeof value;
		return 0;
	}
	if (op->len > INT_MAX)
		return OPTION_INVALID;
	*done = (int)op->len;
	return option_read(
	    h->fd, op->u.option.level, op->u.option.name, op->buf, done);
}
