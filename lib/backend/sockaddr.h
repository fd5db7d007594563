/* SPDX-License-Identifier: MIT */
/* Between pike's addresses and the system's. */
#ifndef PIKE_LIB_BACKEND_SOCKADDR_H
#define PIKE_LIB_BACKEND_SOCKADDR_H

#include <stdint.h>

#ifdef _WIN32
#	include "win_sys.h"
#else
#	include <netinet/in.h>
#	include <sys/socket.h>
#	include <sys/un.h>
#endif

struct pike_addr;

/*
 * Writes *sa and *len for an address that goes into a system call. Returns 0,
 * or -PIKE_EINVAL (a field that cannot be), -PIKE_ENAMETOOLONG (a path that
 * the system has no room for), -PIKE_EAFNOSUPPORT (no such family;
 * PIKE_AF_UNSPEC too, which would quietly undo a connect).
 */
int pike__addr_to_system(
    const struct pike_addr *addr, struct sockaddr_storage *sa, socklen_t *len);

/*
 * Writes every byte of *addr from what a system call gave. Nothing, or less
 * than the family needs, becomes PIKE_AF_UNSPEC; an unnamed Unix address has
 * len 0; a family that pike does not know becomes PIKE_AF_SYSTEM, cut where
 * there is no room.
 */
void pike__addr_from_system(
    struct pike_addr *addr, const void *sa, socklen_t len);

/* The system's AF_ and SOCK_ for pike's; -1 for what is none. */
int pike__family_to_system(int32_t family);
int pike__type_to_system(int32_t type);

/* The PIKE_AF_ of an address, also of one in the system's form. */
int32_t pike__addr_domain(const struct pike_addr *addr);

#endif
