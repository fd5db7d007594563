/* SPDX-License-Identifier: MIT */
/* What lib/backend/option.c asks of a POSIX system. */
#ifndef PIKE_LIB_BACKEND_POSIX_OPT_H
#define PIKE_LIB_BACKEND_POSIX_OPT_H

#include <errno.h>
#include <limits.h>

#include "compat.h"

#define OPTION_LINGER      SO_LINGER_SEC
#define OPTION_LINGER_MAX  INT32_MAX
#define OPTION_SECONDS(n)  (n)
#define OPTION_REUSEPORT   SO_REUSEPORT_LB
#define OPTION_KEEPCNT_MAX INT32_MAX
#define OPTION_INVALID     EINVAL
#define OPTION_UNKNOWN     ENOPROTOOPT
#define OPTION_NO_LEVEL    EOPNOTSUPP

/* 0, or the system's code. */
static inline uint32_t option_write(
    pike_fd fd, int level, int name, const void *buf, int len)
{
	return sys_setsockopt((int)fd, level, name, buf, (socklen_t)len)
		   ? (uint32_t)errno
		   : 0;
}

/* *len becomes the bytes that were written to buf. */
static inline uint32_t option_read(
    pike_fd fd, int level, int name, void *buf, int *len)
{
	socklen_t size = (socklen_t)*len;

	if (sys_getsockopt((int)fd, level, name, buf, &size))
		return (uint32_t)errno;
	*len = (int)size;
	return 0;
}

#endif
