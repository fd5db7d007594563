/* SPDX-License-Identifier: MIT */
/*
 * Socket options. The portable ones are one table; three are not a plain int
 * of one level and have functions of their own: LINGER is a struct, TTL has
 * another name in each family, TYPE has pike's numbers and is only read.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <pike.h>

#include "compat.h"
#include "posix_opt.h"
#include "sys.h"

/* An option that is one int to the system. */
struct opt_row {
	int level;
	int name;
	int32_t min; /* of the values that may be set */
	int32_t max; /* 1: a switch, which reads back as 0 or 1 */
};

static const struct opt_row opt_rows[] = {
    [PIKE_SO_REUSEADDR] = {SOL_SOCKET, SO_REUSEADDR, 0, 1},
    [PIKE_SO_REUSEPORT] = {SOL_SOCKET, SO_REUSEPORT_LB, 0, 1},
    [PIKE_SO_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 0, 1},
    [PIKE_SO_KEEPIDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, 1, INT32_MAX},
    [PIKE_SO_KEEPINTVL] = {IPPROTO_TCP, TCP_KEEPINTVL, 1, INT32_MAX},
    [PIKE_SO_KEEPCNT] = {IPPROTO_TCP, TCP_KEEPCNT, 1, INT32_MAX},
    [PIKE_SO_NODELAY] = {IPPROTO_TCP, TCP_NODELAY, 0, 1},
    [PIKE_SO_BROADCAST] = {SOL_SOCKET, SO_BROADCAST, 0, 1},
    [PIKE_SO_RCVBUF] = {SOL_SOCKET, SO_RCVBUF, 0, INT32_MAX},
    [PIKE_SO_SNDBUF] = {SOL_SOCKET, SO_SNDBUF, 0, INT32_MAX},
    [PIKE_SO_V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY, 0, 1},
};

static const struct opt_row opt_ttl_ip4 = {IPPROTO_IP, IP_TTL, 1, 255};
static const struct opt_row opt_ttl_ip6 = {
    IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1, 255};

/* The system's -1 as its errno. Sockets that know nothing of a whole level
 * say EOPNOTSUPP: to a caller of a portable option that is the same. */
static int opt_error(void)
{
	return errno == EOPNOTSUPP ? -ENOPROTOOPT : -errno;
}

static const struct opt_row *opt_find(int32_t name)
{
	if (name < 0 || (size_t)name >= sizeof(opt_rows) / sizeof(*opt_rows) ||
	    opt_rows[name].max == 0)
		return NULL;
	return &opt_rows[name];
}

static int opt_set_row(int fd, const struct opt_row *row, int32_t value)
{
	int number = value;

	if (value < row->min || value > row->max)
		return -EINVAL;
	if (sys_setsockopt(fd, row->level, row->name, &number, sizeof(number)) <
	    0)
		return opt_error();
	return 0;
}

static int opt_get_row(int fd, const struct opt_row *row, int32_t *value)
{
	int number = 0;
	socklen_t len = sizeof(number);

	if (sys_getsockopt(fd, row->level, row->name, &number, &len) < 0)
		return opt_error();
	*value = row->max == 1 ? number != 0 : number;
	return 0;
}

static int opt_set_linger(int fd, int32_t value)
{
	struct linger linger = {
	    .l_onoff = value >= 0, .l_linger = value >= 0 ? value : 0};

	if (value < -1)
		return -EINVAL;
	if (sys_setsockopt(
		fd, SOL_SOCKET, SO_LINGER_SEC, &linger, sizeof(linger)) < 0)
		return opt_error();
	return 0;
}

static int opt_get_linger(int fd, int32_t *value)
{
	struct linger linger = {0};
	socklen_t len = sizeof(linger);

	if (sys_getsockopt(fd, SOL_SOCKET, SO_LINGER_SEC, &linger, &len) < 0)
		return opt_error();
	*value = linger.l_onoff ? linger.l_linger : -1;
	return 0;
}

/* The row of the TTL for the family of a socket, bound or not. */
static int opt_find_ttl(int fd, const struct opt_row **row)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);

	if (sys_getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	switch (sa.ss_family) {
	case AF_INET:
		*row = &opt_ttl_ip4;
		return 0;
	case AF_INET6:
		*row = &opt_ttl_ip6;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int opt_set_ttl(int fd, int32_t value)
{
	const struct opt_row *row;
	int err = opt_find_ttl(fd, &row);

	if (err == 0)
		err = opt_set_row(fd, row, value);
	/* An IPv6 socket may send to mapped IPv4 addresses too; one that
	 * cannot has no such option, which is no error. */
	if (err == 0 && row == &opt_ttl_ip6)
		opt_set_row(fd, &opt_ttl_ip4, value);
	return err;
}

static int opt_get_ttl(int fd, int32_t *value)
{
	const struct opt_row *row;
	int err = opt_find_ttl(fd, &row);

	return err == 0 ? opt_get_row(fd, row, value) : err;
}

/* A type that pike has no number for keeps the system's. */
static int opt_get_type(int fd, int32_t *value)
{
	static const struct opt_row type = {SOL_SOCKET, SO_TYPE, 0, 0};
	int err = opt_get_row(fd, &type, value);

	if (err < 0)
		return err;
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

static int opt_set_portable(int fd, const struct pike_op *op)
{
	const struct opt_row *row = opt_find(op->u.option.name);
	int32_t value;

	if (!op->buf || op->len != sizeof(value))
		return -EINVAL;
	memcpy(&value, op->buf, sizeof(value));
	switch (op->u.option.name) {
	case PIKE_SO_LINGER:
		return opt_set_linger(fd, value);
	case PIKE_SO_TTL:
		return opt_set_ttl(fd, value);
	default:
		return row ? opt_set_row(fd, row, value) : -ENOPROTOOPT;
	}
}

static int opt_read_portable(int fd, int32_t name, int32_t *value)
{
	const struct opt_row *row = opt_find(name);

	switch (name) {
	case PIKE_SO_LINGER:
		return opt_get_linger(fd, value);
	case PIKE_SO_TTL:
		return opt_get_ttl(fd, value);
	case PIKE_SO_TYPE:
		return opt_get_type(fd, value);
	default:
		return row ? opt_get_row(fd, row, value) : -ENOPROTOOPT;
	}
}

static int opt_get_portable(int fd, const struct pike_op *op)
{
	int32_t value = 0;

	if (!op->buf || op->len != sizeof(value))
		return -EINVAL;
	int err = opt_read_portable(fd, op->u.option.name, &value);
	if (err < 0)
		return err;
	memcpy(op->buf, &value, sizeof(value));
	return sizeof(value);
}

int pike__opt_set(int fd, const struct pike_op *op)
{
	if (op->u.option.level == PIKE_SOL)
		return opt_set_portable(fd, op);
	if (op->len > INT_MAX)
		return -EINVAL;
	if (sys_setsockopt(fd, op->u.option.level, op->u.option.name, op->buf,
		(socklen_t)op->len) < 0)
		return -errno;
	return 0;
}

int pike__opt_get(int fd, const struct pike_op *op)
{
	socklen_t len = (socklen_t)op->len;

	if (op->u.option.level == PIKE_SOL)
		return opt_get_portable(fd, op);
	if (op->len > INT_MAX)
		return -EINVAL;
	if (sys_getsockopt(
		fd, op->u.option.level, op->u.option.name, op->buf, &len) < 0)
		return -errno;
	return (int)len;
}
