/* SPDX-License-Identifier: MIT */
/*
 * Descriptors whose nature takes calls of its own (see compat.h). A child that
 * is made between these has them too: there is no other way on such a system.
 */
#ifndef PIKE_LIB_BACKEND_COMPAT_CALLS_H
#define PIKE_LIB_BACKEND_COMPAT_CALLS_H

/* Systems without it have pike__hush. */
#ifndef MSG_NOSIGNAL
#	define MSG_NOSIGNAL 0
#endif

#define PIKE__MSG_QUIET   MSG_NOSIGNAL
#define PIKE__MSG_CLOEXEC 0

/* An accepted socket has the listener's O_NONBLOCK on some systems. */
static inline int pike__make_so(int fd)
{
	int flags, err;

	if (fd < 0)
		return fd;
	flags = sys_fcntl(fd, F_GETFL, 0);
	if (flags >= 0 && sys_fcntl(fd, F_SETFL, flags | O_NONBLOCK) >= 0 &&
	    sys_fcntl(fd, F_SETFD, FD_CLOEXEC) >= 0) {
		pike__hush(fd);
		return fd;
	}
	err = errno;
	sys_close(fd);
	errno = err;
	return -1;
}

static inline int pike__make_socket(int family, int type, int protocol)
{
	return pike__make_so(sys_socket(family, type, protocol));
}

static inline int pike__make_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return pike__make_so(sys_accept(fd, sa, len));
}

static inline void pike__make_received(int fd)
{
	sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
}

#endif
