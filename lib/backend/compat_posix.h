/* SPDX-License-Identifier: MIT */
/*
 * The same by POSIX, with what the BSDs and macOS have beside it (see
 * compat.h). What one of them has not is a number that it refuses.
 */
#ifndef PIKE_LIB_BACKEND_COMPAT_POSIX_H
#define PIKE_LIB_BACKEND_COMPAT_POSIX_H

#ifndef MSG_MORE
#	define MSG_MORE 0
#endif

#ifndef POLLRDHUP
#	define POLLRDHUP 0
#endif

/* Of macOS and NetBSD. */
#ifndef F_SETNOSIGPIPE
#	define F_SETNOSIGPIPE (-1)
#endif
#ifndef F_GETNOSIGPIPE
#	define F_GETNOSIGPIPE (-1)
#endif

/* macOS has another name for the first; OpenBSD has none of them. */
#ifndef TCP_KEEPALIVE
#	define TCP_KEEPALIVE (-1)
#endif
#ifndef TCP_KEEPIDLE
#	define TCP_KEEPIDLE TCP_KEEPALIVE
#endif
#ifndef TCP_KEEPINTVL
#	define TCP_KEEPINTVL (-1)
#endif
#ifndef TCP_KEEPCNT
#	define TCP_KEEPCNT (-1)
#endif

#define PIKE__SCM_FD (-1)

/* macOS: a send on a connection that is just being taken down. */
#define PIKE__TORN EPROTOTYPE

static inline bool pike__hush(int fd)
{
	return sys_fcntl(fd, F_GETNOSIGPIPE, 0) == 0 &&
	       sys_fcntl(fd, F_SETNOSIGPIPE, 1) == 0;
}

static inline void pike__unhush(int fd)
{
	sys_fcntl(fd, F_SETNOSIGPIPE, 0);
}

/* There is no sigtimedwait on macOS and OpenBSD. */
static inline void pike__take_sigpipe(const sigset_t *pipe_set)
{
	sigset_t pending;
	int number;

	sigemptyset(&pending);
	sys_sigpending(&pending);
	if (sigismember(&pending, SIGPIPE) == 1)
		while (sys_sigwait(pipe_set, &number) == EINTR)
			;
}

static inline ssize_t pike__recv_packet(
    int fd, void *buf, size_t len, int flags)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = sys_recvmsg(fd, &msg, flags);

	return n >= 0 && (msg.msg_flags & MSG_TRUNC) ? (ssize_t)len + 1 : n;
}

static inline int pike__poll_to_system(unsigned events)
{
	int same = (int)(events & ~PIKE_POLL_RDHUP);

	return events & PIKE_POLL_RDHUP ? same | POLLRDHUP : same;
}

/* Where poll does not know of the peer's end, a byte is looked at. */
static inline bool pike__peer_ended(int fd, int events)
{
	char byte;

	if (POLLRDHUP)
		return events & POLLRDHUP;
	return sys_recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static inline unsigned pike__poll_from_system(
    int fd, unsigned wanted, int events)
{
	unsigned same = (unsigned)(events & ~POLLRDHUP);

	return (wanted & PIKE_POLL_RDHUP) && pike__peer_ended(fd, events)
		   ? same | PIKE_POLL_RDHUP
		   : same;
}

static inline bool pike__terminal_is_master(int fd)
{
	return sys_ptsname(fd) != NULL;
}

static inline int pike__terminal_reopen(int fd, int flags)
{
	char path[256];

	return sys_ttyname_r(fd, path, sizeof path) ? -1
						    : sys_open(path, flags);
}

/* On macOS those that have a name: a pipe without has no path to be told. */
static inline bool pike__is_mute(int fd)
{
	char path[PATH_MAX];

	return sys_fdpath(fd, path) == 0;
}

/* Full queues of the network's, and those of datagrams' receivers. */
static inline bool pike__cannot_take(int err)
{
	return err == ENOBUFS;
}

#endif
