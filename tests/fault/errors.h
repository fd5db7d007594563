/* SPDX-License-Identifier: MIT */
/*
 * The errors of each call, as the manual pages have them (Linux man-pages 6).
 * Behind a bar stand those of which an application shall see nothing: the
 * library tries again, falls back, or there is nothing to be told.
 */
#ifndef PIKE_TESTS_ERRORS_H
#define PIKE_TESTS_ERRORS_H

#include <errno.h>

#define E(...)                                                                 \
	(const int[])                                                          \
	{                                                                      \
		__VA_ARGS__, 0                                                 \
	}
#define BAR (-1)

#define ERRORS_ACCEPTED                                                        \
	ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,        \
	    EHOSTUNREACH, ENETUNREACH
#define ERRORS_ACCEPT                                                          \
	E(EBADF, EFAULT, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOTSOCK,    \
	    EOPNOTSUPP, EPERM, ESOCKTNOSUPPORT, EPROTONOSUPPORT, ETIMEDOUT,    \
	    BAR, ERRORS_ACCEPTED, EAGAIN, EINTR)
#define ERRORS_RECV                                                            \
	E(EBADF, ECONNREFUSED, EFAULT, EINVAL, ENOMEM, ENOTCONN, ENOTSOCK,     \
	    ECONNRESET, ETIMEDOUT, EHOSTUNREACH, BAR, EAGAIN, EINTR)
#define ERRORS_SEND                                                            \
	E(EACCES, EALREADY, EBADF, ECONNRESET, EDESTADDRREQ, EFAULT, EINVAL,   \
	    EISCONN, EMSGSIZE, ENOBUFS, ENOMEM, ENOTCONN, ENOTSOCK,            \
	    EOPNOTSUPP, EPIPE, ENETUNREACH, BAR, EAGAIN, EINTR)
#define ERRORS_ASK_RECV                                                        \
	EBADF, ECONNREFUSED, EFAULT, ENOMEM, ENOTCONN, ENOTSOCK, ECONNRESET,   \
	    ETIMEDOUT, EHOSTUNREACH, BAR, EAGAIN, EINTR, ECANCELED
#define ERRORS_ASK_SEND                                                        \
	EACCES, EBADF, ECONNRESET, EDESTADDRREQ, EFAULT, EISCONN, EMSGSIZE,    \
	    ENOBUFS, ENOMEM, ENOTCONN, ENOTSOCK, EPIPE, ENETUNREACH, BAR,      \
	    EAGAIN, EINTR, ECANCELED
#define ERRORS_READ EBADF, EFAULT, EINVAL, EIO, EISDIR
#define ERRORS_WRITE                                                           \
	EBADF, EDESTADDRREQ, EDQUOT, EFAULT, EFBIG, EINVAL, EIO, ENOSPC,       \
	    EPERM, EPIPE

struct kernel_errors {
	const char *name;
	const int *errors;
	/* A failure has to reach the application. Of the others it is told
	 * when that call is what it asked for, but not when the call was made
	 * for a reason of the library's own. */
	int loud;
};

#define ROW(name, loud, ...) [CALL_##name] = {#name, E(__VA_ARGS__), loud}

static const struct kernel_errors kernel_errors[] = {
    ROW(socket, 1, EACCES, EAFNOSUPPORT, EINVAL, EMFILE, ENFILE, ENOBUFS,
	ENOMEM, EPROTONOSUPPORT),
    ROW(bind, 1, EACCES, EADDRINUSE, EBADF, EINVAL, ENOTSOCK, EADDRNOTAVAIL,
	EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EROFS),
    ROW(listen, 1, EADDRINUSE, EBADF, ENOTSOCK, EOPNOTSUPP),
    ROW(connect, 1, EACCES, EPERM, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT,
	EALREADY, EBADF, ECONNREFUSED, EFAULT, EISCONN, ENETUNREACH, ENOTSOCK,
	EPROTOTYPE, ETIMEDOUT, EAGAIN, BAR, EINPROGRESS, EINTR),
    [CALL_ACCEPT] = {"accept", ERRORS_ACCEPT, 1},
    ROW(shutdown, 0, EBADF, EINVAL, ENOTCONN, ENOTSOCK),
    ROW(close, 0, BAR, EINTR, EIO, ENOSPC, EDQUOT),
    ROW(setsockopt, 1, EBADF, EFAULT, EINVAL, ENOPROTOOPT, ENOTSOCK, EDOM,
	ENOMEM, EPERM),
    ROW(getsockopt, 0, EBADF, EFAULT, EINVAL, ENOPROTOOPT, ENOTSOCK),
    ROW(getsockname, 0, EBADF, EFAULT, EINVAL, ENOBUFS, ENOTSOCK),
    ROW(getpeername, 0, EBADF, EFAULT, EINVAL, ENOBUFS, ENOTCONN, ENOTSOCK),
    [CALL_recv] = {"recv", ERRORS_RECV, 1},
    [CALL_recvmsg] = {"recvmsg", ERRORS_RECV, 1},
    [CALL_send] = {"send", ERRORS_SEND, 1},
    [CALL_sendmsg] = {"sendmsg", ERRORS_SEND, 1},
    /* These two only of the library's own descriptors. */
    ROW(read, 0, EIO, BAR, EAGAIN, EINTR),
    ROW(write, 0, EIO, EAGAIN, BAR, EINTR),
    ROW(readv, 1, ERRORS_READ, BAR, EAGAIN, EINTR),
    ROW(writev, 1, ERRORS_WRITE, BAR, EAGAIN, EINTR),
    ROW(preadv2, 1, ERRORS_READ, EOVERFLOW, BAR, EOPNOTSUPP, ENOSYS, EAGAIN,
	EINTR),
    ROW(pwritev2, 1, ERRORS_WRITE, BAR, EOPNOTSUPP, ENOSYS, EAGAIN, EINTR),
    ROW(poll, 0, EFAULT, EINVAL, ENOMEM, BAR, EINTR),
    ROW(unread, 0, BAR, EBADF, EINVAL, ENOTTY),
    ROW(fcntl, 0, EACCES, EBADF, EINVAL, EPERM),
    ROW(isatty, 0, EBADF, EINVAL, ENOTTY),
    ROW(background, 0, BAR, EBADF, ENOTTY),
    ROW(open, 0, EACCES, EMFILE, ENFILE, ENOMEM, ENOENT, ENXIO, ENODEV, EIO,
	EINTR),
#ifdef PIKE_COMPAT_LINUX
    ROW(ptsnumber, 0, EBADF, EIO, ENOTTY),
    /* EAGAIN would say that no SIGPIPE came, which is not so. */
    ROW(sigtimedwait, 0, BAR, EINTR),
#else
    ROW(ptsname, 0, EBADF, ENOTTY),
    /* Of most systems that is all it ever says. */
    ROW(fdpath, 0, BAR, EBADF, EINVAL),
    ROW(ttyname_r, 0, EBADF, ENOTTY, ERANGE),
    ROW(sigwait, 0, BAR, EINTR),
#endif
    ROW(fstat, 0, EACCES, EBADF, EFAULT, ENOMEM, EOVERFLOW),
    ROW(sigaction, 0, EFAULT, EINVAL),
    ROW(pthread_sigmask, 0, EFAULT, EINVAL),
    ROW(sigpending, 0, EFAULT),
#ifdef PIKE_LINUX_FDS
    ROW(epoll_create1, 1, EINVAL, EMFILE, ENFILE, ENOMEM),
    ROW(epoll_ctl, 0, EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM, ENOSPC,
	EPERM),
    ROW(epoll_pwait, 0, EBADF, EFAULT, EINVAL, BAR, EINTR),
    ROW(epoll_pwait2, 0, EBADF, EFAULT, EINVAL, BAR, ENOSYS, EINTR),
    ROW(eventfd, 1, EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM),
    ROW(timerfd_create, 0, EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM, EPERM),
    ROW(timerfd_settime, 0, EBADF, ECANCELED, EFAULT, EINVAL),
#endif
#ifdef PIKE_HAVE_KQUEUE
    ROW(pipe, 1, EFAULT, EMFILE, ENFILE, ENOMEM),
    ROW(kqueue, 1, EMFILE, ENFILE, ENOMEM),
    ROW(kevent, 0, EACCES, EBADF, EFAULT, EINVAL, ENOMEM, BAR, EINTR),
#endif
    ROW(clock_gettime, 0, EFAULT, EINVAL),
#ifdef PIKE_HAVE_URING
    ROW(uname, 0, BAR, EFAULT),
    /* What a kernel that lacks something of a ring says is seen by nobody. */
    ROW(pipe2, 0, BAR, EMFILE, ENFILE, ENOMEM),
    ROW(uring_setup, 0, EPERM, ENOSYS, EACCES, EMFILE, ENFILE, EINVAL, ENOMEM,
	EFAULT),
    ROW(uring_dontfork, 0, EINVAL, ENOMEM, EBUSY),
    /* At first it is told (uring/told); another time is for pike's own sake. */
    ROW(uring_eventfd, 0, EINVAL, EMFILE, ENOMEM, ENXIO),
    ROW(uring_eventfd_end, 0, BAR, EINVAL, ENXIO),
    ROW(uring_buf_ring, 0, BAR, EINVAL, EEXIST, ENOMEM, EFAULT),
    ROW(uring_buf_ring_end, 0, BAR, EINVAL, ENOENT),
    ROW(uring_probe, 0, EINVAL, ENOMEM, EPERM),
    ROW(uring_cancel, 0, BAR, EINVAL, ENOENT, EALREADY, ETIME),
    /* Others would end the queue. */
    ROW(uring_enter, 0, BAR, EINTR, EAGAIN, EBUSY, ENOMEM),
#endif
    /* Answers: of these the library knows another way, or asks again. */
    ROW(ask_accept, 1, EBADF, EFAULT, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOTSOCK,
	EPERM, ESOCKTNOSUPPORT, EPROTONOSUPPORT, ETIMEDOUT, BAR,
	ERRORS_ACCEPTED, EAGAIN, EINTR, ECANCELED),
    ROW(ask_connect, 1, EACCES, EPERM, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT,
	EBADF, ECONNREFUSED, EFAULT, ENETUNREACH, ENOTSOCK, EPROTOTYPE,
	ETIMEDOUT, ENOMEM, EAGAIN, BAR, EINTR, ECANCELED),
    ROW(ask_recv, 1, ERRORS_ASK_RECV),
    ROW(ask_recvmsg, 1, ERRORS_ASK_RECV),
    ROW(ask_send, 1, ERRORS_ASK_SEND),
    ROW(ask_sendmsg, 1, ERRORS_ASK_SEND),
    ROW(ask_poll, 1, EBADF, ENOMEM, BAR, EAGAIN, EINTR, ECANCELED),
    ROW(ask_edge, 0, BAR, EINTR, ECANCELED),
};

#undef ROW
#undef E

#endif
