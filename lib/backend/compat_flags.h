/* SPDX-License-Identifier: MIT */
/* Descriptors that are made as they shall be (see compat.h). */
#ifndef PIKE_LIB_BACKEND_COMPAT_FLAGS_H
#define PIKE_LIB_BACKEND_COMPAT_FLAGS_H

#define PIKE__MSG_QUIET   MSG_NOSIGNAL
#define PIKE__MSG_CLOEXEC MSG_CMSG_CLOEXEC

static inline int pike__make_socket(int family, int type, int protocol)
{
	return sys_socket(
	    family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static inline int pike__make_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return sys_accept4(fd, sa, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline void pike__make_received(int fd)
{
	(void)fd;
}

#endif
