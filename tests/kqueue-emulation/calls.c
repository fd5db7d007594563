/* SPDX-License-Identifier: MIT */
/*
 * Calls that a kernel with kqueues does more in than Linux: close() drops
 * knotes, and an event tells the error of a socket without taking it away,
 * which on Linux only getsockopt() tells, and takes. So the error is kept here,
 * and the next call that would have seen it does. Whoever is linked with the
 * emulation has these for the system's; in a shared library that is its own
 * code, in a program all.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "emulation.h"

static _Atomic int errors[KQ_FDS];

static int error_take(int fd)
{
	return fd >= 0 && fd < KQ_FDS && atomic_load(&errors[fd])
		   ? atomic_exchange(&errors[fd], 0)
		   : 0;
}

static bool is_epipe(int fd)
{
	return fd >= 0 && fd < KQ_FDS && atomic_load(&errors[fd]) == EPIPE;
}

/* Packets come after an error, the bytes of a stream before it. */
static bool error_is_first(int fd)
{
	int type = SOCK_STREAM;
	socklen_t len = sizeof type;

	return fd >= 0 && fd < KQ_FDS && atomic_load(&errors[fd]) &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type != SOCK_STREAM;
}

/* The function that would have been called. */
#define NEXT(result, name, ...)                                                \
	static result (*_Atomic at_##name)(__VA_ARGS__);                       \
	result (*next)(__VA_ARGS__) = atomic_load(&at_##name);                 \
                                                                               \
	if (!next) {                                                           \
		next = (result(*)(__VA_ARGS__))(uintptr_t)dlsym(               \
		    RTLD_NEXT, #name);                                         \
		atomic_store(&at_##name, next);                                \
	}

static int next_getsockopt(
    int fd, int level, int name, void *value, socklen_t *len)
{
	NEXT(int, getsockopt, int, int, int, void *, socklen_t *)
	return next(fd, level, name, value, len);
}

int kq_close(int fd)
{
	NEXT(int, close, int)
	return next(fd);
}

int kq_socket_error(int fd)
{
	int error = 0, before = errno;
	socklen_t len = sizeof error;

	if (!atomic_load(&errors[fd]) &&
	    next_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error)
		atomic_store(&errors[fd], error);
	errno = before;
	return atomic_load(&errors[fd]);
}

int close(int fd)
{
	sigset_t before;
	int done;

	kq_lock(&before);
	kq_closing(fd);
	error_take(fd);
	done = kq_close(fd);
	kq_unlock(&before);
	return done;
}

int getsockopt(
    int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	int error;

	if (level == SOL_SOCKET && name == SO_ERROR && *len >= sizeof error &&
	    (error = error_take(fd)) != 0) {
		*(int *)value = error;
		*len = sizeof error;
		return 0;
	}
	return next_getsockopt(fd, level, name, value, len);
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	NEXT(int, poll, struct pollfd *, nfds_t, int)
	int ready = next(fds, n, timeout_ms);

	for (nfds_t i = 0; i < n; i++)
		if (fds[i].fd >= 0 && fds[i].fd < KQ_FDS && fds[i].revents &&
		    atomic_load(&errors[fds[i].fd]))
			fds[i].revents |= POLLERR;
	return ready;
}

/* What a stream receives comes before the error, which comes before the end;
 * but an EPIPE, of a reset after the end, is for who sends, and that there are
 * no urgent data comes before either. */
#define RECEIVES(name, urgent, parameters, arguments, ...)                     \
	ssize_t name parameters                                                \
	{                                                                      \
		NEXT(ssize_t, name, __VA_ARGS__)                               \
		ssize_t done = error_is_first(fd) ? -1 : next arguments;       \
		bool takes = done <= 0 && !urgent && !is_epipe(fd);            \
		int error = takes ? error_take(fd) : 0;                        \
                                                                               \
		if (!error)                                                    \
			return done;                                           \
		errno = error;                                                 \
		return -1;                                                     \
	}

#define SENDS(name, parameters, arguments, ...)                                \
	ssize_t name parameters                                                \
	{                                                                      \
		NEXT(ssize_t, name, __VA_ARGS__)                               \
		int error = error_take(fd);                                    \
                                                                               \
		if (!error)                                                    \
			return next arguments;                                 \
		errno = error;                                                 \
		return -1;                                                     \
	}

/* sosend() of macOS and NetBSD looks at O_NONBLOCK alone. */
static int send_flags(int flags)
{
	return kq_system->sends_wait ? flags & ~MSG_DONTWAIT : flags;
}

RECEIVES(recv, (flags & MSG_OOB), (int fd, void *buf, size_t len, int flags),
    (fd, buf, len, flags), int, void *, size_t, int)
RECEIVES(recvmsg, (flags & MSG_OOB), (int fd, struct msghdr *msg, int flags),
    (fd, msg, flags), int, struct msghdr *, int)
RECEIVES(read, false, (int fd, void *buf, size_t len), (fd, buf, len), int,
    void *, size_t)
RECEIVES(readv, false, (int fd, const struct iovec *iov, int n), (fd, iov, n),
    int, const struct iovec *, int)
RECEIVES(preadv2, false,
    (int fd, const struct iovec *iov, int n, off_t at, int flags),
    (fd, iov, n, at, flags), int, const struct iovec *, int, off_t, int)
SENDS(send, (int fd, const void *buf, size_t len, int flags),
    (fd, buf, len, send_flags(flags)), int, const void *, size_t, int)
SENDS(sendmsg, (int fd, const struct msghdr *msg, int flags),
    (fd, msg, send_flags(flags)), int, const struct msghdr *, int)
SENDS(write, (int fd, const void *buf, size_t len), (fd, buf, len), int,
    const void *, size_t)
SENDS(writev, (int fd, const struct iovec *iov, int n), (fd, iov, n), int,
    const struct iovec *, int)
SENDS(pwritev2, (int fd, const struct iovec *iov, int n, off_t at, int flags),
    (fd, iov, n, at, flags), int, const struct iovec *, int, off_t, int)
