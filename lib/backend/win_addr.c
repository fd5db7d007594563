/* SPDX-License-Identifier: MIT */
/*
 * Addresses to and from Winsock's sockaddr. Bytes are copied, never cast: a
 * caller's sockaddr need not be aligned.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "win_addr.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)

/* ---- to the system ---- */

static int to_in(const struct pike_addr *addr, struct sockaddr_storage *sa)
{
	struct sockaddr_in sin = {0};

	sin.sin_family = AF_INET;
	sin.sin_port = htons(addr->port);
	memcpy(&sin.sin_addr, addr->u.ip4, sizeof addr->u.ip4);
	memcpy(sa, &sin, sizeof sin);
	return sizeof sin;
}

static int to_in6(const struct pike_addr *addr, struct sockaddr_storage *sa)
{
	struct sockaddr_in6 sin6 = {0};

	sin6.sin6_family = AF_INET6;
	sin6.sin6_port = htons(addr->port);
	sin6.sin6_flowinfo = htonl(addr->flowinfo);
	sin6.sin6_scope_id = addr->scope_id;
	memcpy(&sin6.sin6_addr, addr->u.ip6, sizeof addr->u.ip6);
	memcpy(sa, &sin6, sizeof sin6);
	return sizeof sin6;
}

/* A path takes its NUL along, a name that begins with one ends where its
 * length says. */
static int to_un(
    const struct pike_addr *addr, struct sockaddr_storage *sa, int *len)
{
	struct sockaddr_un sun = {0};
	size_t path_len = addr->len;
	size_t nul = path_len > 0 && addr->u.path[0] ? 1 : 0;

	if (path_len + nul > sizeof sun.sun_path)
		return -PIKE_ENAMETOOLONG;
	if (nul && memchr(addr->u.path, 0, path_len))
		return -PIKE_EINVAL;
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, addr->u.path, path_len);
	memcpy(sa, &sun, sizeof sun);
	*len = (int)(PATH_AT + path_len + nul);
	return 0;
}

static int to_raw(
    const struct pike_addr *addr, struct sockaddr_storage *sa, int *len)
{
	USHORT family;

	if (addr->len < sizeof family || addr->len > sizeof addr->u.system)
		return -PIKE_EINVAL;
	/* No address: connecting to it would quietly undo a connect. */
	memcpy(&family, addr->u.system, sizeof family);
	if (family == AF_UNSPEC)
		return -PIKE_EAFNOSUPPORT;
	memcpy(sa, addr->u.system, addr->len);
	*len = addr->len;
	return 0;
}

int pike__win_addr_to(
    const struct pike_addr *addr, struct sockaddr_storage *sa, int *len)
{
	if (addr->reserved != 0)
		return -PIKE_EINVAL;
	memset(sa, 0, sizeof *sa);
	switch (addr->family) {
	case PIKE_AF_UNIX:
		return to_un(addr, sa, len);
	case PIKE_AF_INET:
		*len = to_in(addr, sa);
		return 0;
	case PIKE_AF_INET6:
		*len = to_in6(addr, sa);
		return 0;
	case PIKE_AF_SYSTEM:
		return to_raw(addr, sa, len);
	default:
		return -PIKE_EAFNOSUPPORT;
	}
}

/* ---- from the system ---- */

static int from_in(struct pike_addr *addr, const void *from, size_t len)
{
	struct sockaddr_in sin;

	if (len < sizeof sin)
		return -PIKE_EINVAL;
	memcpy(&sin, from, sizeof sin);
	addr->family = PIKE_AF_INET;
	addr->port = ntohs(sin.sin_port);
	memcpy(addr->u.ip4, &sin.sin_addr, sizeof addr->u.ip4);
	return 0;
}

static int from_in6(struct pike_addr *addr, const void *from, size_t len)
{
	struct sockaddr_in6 sin6;

	if (len < sizeof sin6)
		return -PIKE_EINVAL;
	memcpy(&sin6, from, sizeof sin6);
	addr->family = PIKE_AF_INET6;
	addr->port = ntohs(sin6.sin6_port);
	addr->flowinfo = ntohl(sin6.sin6_flowinfo);
	addr->scope_id = sin6.sin6_scope_id;
	memcpy(addr->u.ip6, &sin6.sin6_addr, sizeof addr->u.ip6);
	return 0;
}

/* The length of a path may count its NUL and bytes behind it, or not. */
static int from_un(struct pike_addr *addr, const void *from, size_t len)
{
	const char *path = (const char *)from + PATH_AT;
	size_t path_len = len > PATH_AT ? len - PATH_AT : 0;
	const char *nul;

	if (path_len > 0 && path[0]) {
		nul = memchr(path, 0, path_len);
		if (nul)
			path_len = (size_t)(nul - path);
	}
	if (path_len > sizeof addr->u.path)
		return -PIKE_ENAMETOOLONG;
	addr->family = PIKE_AF_UNIX;
	addr->len = (uint16_t)path_len;
	memcpy(addr->u.path, path, path_len);
	return 0;
}

static int from_raw(struct pike_addr *addr, const void *from, size_t len)
{
	if (len > sizeof addr->u.system)
		return -PIKE_ENAMETOOLONG;
	addr->family = PIKE_AF_SYSTEM;
	addr->len = (uint16_t)len;
	memcpy(addr->u.system, from, len);
	return 0;
}

/* Fills *addr, which is all zero; on failure it still is. */
static int from_any(struct pike_addr *addr, const void *from, size_t len)
{
	USHORT family;

	if (len < sizeof family)
		return -PIKE_EINVAL;
	memcpy(&family, from, sizeof family);
	switch (family) {
	case AF_UNSPEC:
		return 0;
	case AF_UNIX:
		return from_un(addr, from, len);
	case AF_INET:
		return from_in(addr, from, len);
	case AF_INET6:
		return from_in6(addr, from, len);
	default:
		return from_raw(addr, from, len);
	}
}

void pike__win_addr_from(struct pike_addr *addr, const void *sa, int len)
{
	memset(addr, 0, sizeof *addr);
	if (len > 0 && from_any(addr, sa, (size_t)len) == -PIKE_ENAMETOOLONG)
		from_raw(addr, sa, sizeof addr->u.system);
}

/* ---- for applications ---- */

int pike_addr_from(struct pike_addr *addr, const void *sockaddr, size_t len)
{
	struct pike_addr result;
	int err;

	if (!addr || !sockaddr)
		return -PIKE_EINVAL;
	memset(&result, 0, sizeof result);
	err = from_any(&result, sockaddr, len);
	if (err == 0)
		*addr = result;
	return err;
}

int pike_addr_to(const struct pike_addr *addr, void *sockaddr, size_t size)
{
	struct sockaddr_storage sa;
	int len;
	int err;

	if (!addr || !sockaddr)
		return -PIKE_EINVAL;
	err = pike__win_addr_to(addr, &sa, &len);
	if (err < 0)
		return err;
	if (size < (size_t)len)
		return -PIKE_ENOSPC;
	memcpy(sockaddr, &sa, (size_t)len);
	return len;
}
