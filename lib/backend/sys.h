/* SPDX-License-Identifier: MIT */
/*
 * The one seam between the POSIX side and the system. A call sys_NAME is the
 * system's NAME, inlined; built with PIKE_SEAM it goes through the table
 * pike__sys, whose entries a test replaces. Nothing in lib/backend calls the
 * system by another way, and lib/port_posix.c reads its clocks here.
 */
#ifndef PIKE_LIB_BACKEND_SYS_H
#define PIKE_LIB_BACKEND_SYS_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

/* The number of the slave when fd is the master of a pair of terminals, or -1
 * with errno. */
static inline int ptsnumber(int fd)
{
	int number;

	return ioctl(fd, TIOCGPTN, &number) ? -1 : number;
}

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
