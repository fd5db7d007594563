/* SPDX-License-Identifier: MIT */
/* What lib/backend/option.c asks of Winsock. */
#ifndef PIKE_LIB_BACKEND_WIN_OPT_H
#define PIKE_LIB_BACKEND_WIN_OPT_H

#include <limits.h>

#include "iocp.h"

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

#define OPTION_LINGER      SO_LINGER
#define OPTION_LINGER_MAX  USHRT_MAX
#define OPTION_SECONDS(n)  ((u_short)(n))
#define OPTION_KEEPCNT_MAX 255
#define OPTION_INVALID     WSAEINVAL
#define OPTION_UNKNOWN     WSAENOPROTOOPT
#define OPTION_NO_LEVEL    WSAEOPNOTSUPP

/* 0, or the system's code. */
static inline uint32_t option_write(
    pike_fd fd, int level, int name, const void *buf, int len)
{
	return sys_setsockopt(pike__win_socket(fd), level, name, buf, len)
		   ? (uint32_t)WSAGetLastError()
		   : 0;
}

/* *len becomes the bytes that were written to buf. */
static inline uint32_t option_read(
    pike_fd fd, int level, int name, void *buf, int *len)
{
	return sys_getsockopt(pike__win_socket(fd), level, name, buf, len)
		   ? (uint32_t)WSAGetLastError()
		   : 0;
}

#endif
