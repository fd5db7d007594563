/* SPDX-License-Identifier: MIT */
/*
 * Addresses to and from sockaddr. Bytes are copied, never cast: a caller's
 * sockaddr need not be aligned.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include <pike.h>

#include "sockaddr.h"

/* Where the bytes of a Unix path begin. */
#define ADDR_PATH_AT offsetof(struct sockaddr_un, sun_path)

/* Where a sockaddr has said its family. */
#define ADDR_FAMILY_END                                                        \
	(offsetof(struct sockaddr, sa_family) +                                \
	    sizeof(((struct sockaddr *)0)->sa_family))

static socklen_t addr_to_in(const struct pike_addr *addr, void *to)
{
	struct sockaddr_in sin = {0};

	sin.sin_family = AF_INET;
	sin.sin_port = htons(addr->port);
	memcpy(&sin.sin_addr, addr->u.ip4, sizeof(addr->u.ip4));
	memcpy(to, &sin, sizeof(sin));
	return sizeof(sin);
}

static socklen_t addr_to_in6(const struct pike_addr *addr, void *to)
{
	struct sockaddr_in6 sin6 = {0};

	sin6.sin6_family = AF_INET6;
	sin6.sin6_port = htons(addr->port);
	sin6.sin6_flowinfo = htonl(addr->flowinfo);
	sin6.sin6_scope_id = addr->scope_id;
	memcpy(&sin6.sin6_addr, addr->u.ip6, sizeof(addr->u.ip6));
	memcpy(to, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

/* A path takes its NUL along, an abstract name ends where its length says. */
static int addr_to_un(const struct pike_addr *addr, void *to, socklen_t *len)
{
	struct sockaddr_un sun = {0};
	size_t path_len = addr->len;
	size_t nul = path_len > 0 && addr->u.path[0] ? 1 : 0;

	if (path_len > sizeof(addr->u.path) ||
	    path_len + nul > sizeof(sun.sun_path))
		return -PIKE_ENAMETOOLONG;
	if (nul && memchr(addr->u.path, 0, path_len))
		return -PIKE_EINVAL;
	if (path_len && !nul && !PIKE_ABSTRACT)
		return -PIKE_EINVAL;
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, addr->u.path, path_len);
	memcpy(to, &sun, sizeof(sun));
	*len = (socklen_t)(ADDR_PATH_AT + path_len + nul);
	return 0;
}

static int addr_to_raw(const struct pike_addr *addr, void *to, socklen_t *len)
{
	struct sockaddr sa;

	if (addr->len < ADDR_FAMILY_END || addr->len > sizeof(addr->u.system))
		return -PIKE_EINVAL;
	/* No address: connecting to it would quietly undo a connect. */
	memcpy(&sa, addr->u.system, ADDR_FAMILY_END);
	if (sa.sa_family == AF_UNSPEC)
		return -PIKE_EAFNOSUPPORT;
	memcpy(to, addr->u.system, addr->len);
	*len = addr->len;
	return 0;
}

int pike__addr_to_system(
    const struct pike_addr *addr, struct sockaddr_storage *sa, socklen_t *len)
{
	int err = 0;

	if (addr->reserved != 0)
		return -PIKE_EINVAL;
	memset(sa, 0, sizeof(*sa));
	switch (addr->family) {
	case PIKE_AF_UNIX:
		err = addr_to_un(addr, sa, len);
		break;
	case PIKE_AF_INET:
		*len = addr_to_in(addr, sa);
		break;
	case PIKE_AF_INET6:
		*len = addr_to_in6(addr, sa);
		break;
	case PIKE_AF_SYSTEM:
		return addr_to_raw(addr, sa, len);
	default:
		return -PIKE_EAFNOSUPPORT;
	}
	/* Where there is a length, it is before a short family. */
	if (!err && offsetof(struct sockaddr, sa_family) == 1)
		*(uint8_t *)sa = (uint8_t)*len;
	return err;
}

static int addr_from_in(struct pike_addr *addr, const void *from, size_t len)
{
	struct sockaddr_in sin;

	if (len < sizeof(sin))
		return -PIKE_EINVAL;
	memcpy(&sin, from, sizeof(sin));
	addr->family = PIKE_AF_INET;
	addr->port = ntohs(sin.sin_port);
	memcpy(addr->u.ip4, &sin.sin_addr, sizeof(addr->u.ip4));
	return 0;
}

static int addr_from_in6(struct pike_addr *addr, const void *from, size_t len)
{
	struct sockaddr_in6 sin6;

	if (len < sizeof(sin6))
		return -PIKE_EINVAL;
	memcpy(&sin6, from, sizeof(sin6));
	addr->family = PIKE_AF_INET6;
	addr->port = ntohs(sin6.sin6_port);
	addr->flowinfo = ntohl(sin6.sin6_flowinfo);
	addr->scope_id = sin6.sin6_scope_id;
	memcpy(addr->u.ip6, &sin6.sin6_addr, sizeof(addr->u.ip6));
	return 0;
}

/* The length of a path may count its NUL and bytes behind it, or not. */
static int addr_from_un(struct pike_addr *addr, const void *from, size_t len)
{
	const char *path = (const char *)from + ADDR_PATH_AT;
	size_t path_len = len > ADDR_PATH_AT ? len - ADDR_PATH_AT : 0;

	if (path_len > 0 && path[0]) {
		const char *nul = memchr(path, 0, path_len);
		if (nul)
			path_len = (size_t)(nul - path);
	}
	if (path_len > sizeof(addr->u.path))
		return -PIKE_ENAMETOOLONG;
	addr->family = PIKE_AF_UNIX;
	addr->len = (uint16_t)path_len;
	memcpy(addr->u.path, path, path_len);
	return 0;
}

static int addr_from_raw(struct pike_addr *addr, const void *from, size_t len)
{
	if (len > sizeof(addr->u.system))
		return -PIKE_ENAMETOOLONG;
	addr->family = PIKE_AF_SYSTEM;
	addr->len = (uint16_t)len;
	memcpy(addr->u.system, from, len);
	return 0;
}

/* Fills *addr, which is all zero; on failure it still is. */
static int addr_from(struct pike_addr *addr, const void *from, size_t len)
{
	struct sockaddr sa;

	if (len < ADDR_FAMILY_END)
		return -PIKE_EINVAL;
	memcpy(&sa, from, ADDR_FAMILY_END);
	switch (sa.sa_family) {
	case AF_UNSPEC:
		return 0;
	case AF_UNIX:
		return addr_from_un(addr, from, len);
	case AF_INET:
		return addr_from_in(addr, from, len);
	case AF_INET6:
		return addr_from_in6(addr, from, len);
	default:
		return addr_from_raw(addr, from, len);
	}
}

void pike__addr_from_system(
    struct pike_addr *addr, const void *sa, socklen_t len)
{
	memset(addr, 0, sizeof(*addr));
	if (addr_from(addr, sa, len) == -PIKE_ENAMETOOLONG)
		addr_from_raw(addr, sa, sizeof(addr->u.system));
}

int pike_addr_from(struct pike_addr *addr, const void *sockaddr, size_t len)
{
	struct pike_addr result;

	if (!addr || !sockaddr)
		return -PIKE_EINVAL;
	memset(&result, 0, sizeof(result));
	int err = addr_from(&result, sockaddr, len);
	if (err == 0)
		*addr = result;
	return err;
}

int pike_addr_to(const struct pike_addr *addr, void *sockaddr, size_t size)
{
	struct sockaddr_storage sa;
	socklen_t len;

	if (!addr || !sockaddr)
		return -PIKE_EINVAL;
	int err = pike__addr_to_system(addr, &sa, &len);
	if (err < 0)
		return err;
	if (size < (size_t)len)
		return -PIKE_ENOSPC;
	memcpy(sockaddr, &sa, len);
	return (int)len;
}

int pike__family_to_system(int32_t family)
{
	switch (family) {
	case PIKE_AF_UNIX:
		return AF_UNIX;
	case PIKE_AF_INET:
		return AF_INET;
	case PIKE_AF_INET6:
		return AF_INET6;
	default:
		return -1;
	}
}

int pike__type_to_system(int32_t type)
{
	switch (type) {
	case PIKE_SOCK_STREAM:
		return SOCK_STREAM;
	case PIKE_SOCK_DGRAM:
		return SOCK_DGRAM;
	case PIKE_SOCK_SEQPACKET:
		return SOCK_SEQPACKET;
	default:
		return -1;
	}
}

int32_t pike__addr_domain(const struct pike_addr *addr)
{
	struct pike_addr known;

	if (addr->family != PIKE_AF_SYSTEM)
		return addr->family;
	pike__addr_from_system(&known, addr->u.system, addr->len);
	return known.family;
}
