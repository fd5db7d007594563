/* SPDX-License-Identifier: MIT */
/*
 * The one seam between the POSIX side and the system. A call sys_NAME is the
 * system's NAME, inlined; built with PIKE_SEAM it goes through the table
 * pike__sys, whose entries a test replaces. Nothing in lib/backend calls the
 * system by another way, and lib/port_posix.c reads its clocks here.
 */
#ifndef PIKE_LIB_BACKEND_SYS_H
#define PIKE_LIB_BACKEND_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef PIKE_LINUX_FDS
#	include <sys/epoll.h>
#	include <sys/eventfd.h>
#	include <sys/timerfd.h>
#endif

#ifdef PIKE_HAVE_KQUEUE
#	include <sys/event.h>
#endif

#ifdef PIKE_HAVE_URING
#	include "uring_sys.h"
#endif

/* How many bytes can be read, or -1 with errno. */
static inline int unread(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n) ? -1 : n;
}

/* Whether the terminal's foreground is another process group than the caller's,
 * or -1 with errno. Linux says 0 when there is none. */
static inline int background(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group < 0 ? -1 : group != 0 && group != getpgrp();
}

#ifdef PIKE_COMPAT_LINUX
/* The number of the slave when fd is the master of a pair of terminals, or -1
 * with errno. */
static inline int ptsnumber(int fd)
{
	int number;

	return ioctl(fd, TIOCGPTN, &number) ? -1 : number;
}
#else
#	ifndef F_GETPATH
#		define F_GETPATH (-1)
#	endif
/* The path of an open file, where the system tells it (macOS). 0 or -1. */
static inline int fdpath(int fd, char *path)
{
	return fcntl(fd, F_GETPATH, path) == -1 ? -1 : 0;
}
#endif

/* What a libc does not have, a kernel without it would say: the callers know
 * another way. */
#if defined(PIKE_LINUX_FDS) && !defined(HAVE_EPOLL_PWAIT2)
static inline int pike__no_epoll_pwait2(int epfd, struct epoll_event *events,
    int max, const struct timespec *timeout, const sigset_t *mask)
{
	(void)epfd, (void)events, (void)max, (void)timeout, (void)mask;
	errno = ENOSYS;
	return -1;
}
#	define epoll_pwait2 pike__no_epoll_pwait2
#endif

#if !defined(HAVE_PREADV2) || !defined(HAVE_PWRITEV2)
static inline ssize_t pike__no_preadv2(
    int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	(void)fd, (void)iov, (void)n, (void)at, (void)flags;
	errno = ENOSYS;
	return -1;
}
/* A name of its own, as an entry of the seam's table has. */
static inline ssize_t pike__no_pwritev2(
    int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	return pike__no_preadv2(fd, iov, n, at, flags);
}
#	define preadv2  pike__no_preadv2
#	define pwritev2 pike__no_pwritev2
#endif

#ifndef RWF_NOWAIT
#	define RWF_NOWAIT 0x00000008
#endif

#ifdef PIKE_SEAM

struct pike__sys {
#	define SYS(result, name, parameters, arguments)                       \
		result(*name) parameters;
#	include "sys.def"
#	undef SYS
};

extern struct pike__sys pike__sys;

#	define PIKE__SYS_CALL(name) pike__sys.name

#else

#	define PIKE__SYS_CALL(name) name

#endif

#define SYS(result, name, parameters, arguments)                               \
	static inline result sys_##name parameters                             \
	{                                                                      \
		return PIKE__SYS_CALL(name) arguments;                         \
	}
#include "sys.def"
#undef SYS

#endif
