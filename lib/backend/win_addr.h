/* SPDX-License-Identifier: MIT */
/* Addresses to and from Winsock's. */
#ifndef PIKE_LIB_BACKEND_WIN_ADDR_H
#define PIKE_LIB_BACKEND_WIN_ADDR_H

#include <pike.h>

#include "win_sys.h"

/* 0, or a code. *sa is all zero behind what was written. */
int pike__win_addr_to(
    const struct pike_addr *addr, struct sockaddr_storage *sa, int *len);

/* What the system has written; a family that pike does not know is kept as
 * bytes. */
void pike__win_addr_from(struct pike_addr *addr, const void *sa, int len);

#endif
