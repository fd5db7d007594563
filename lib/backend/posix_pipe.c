/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of what is not a socket, without blocking and without
 * SIGPIPE: by RWF_NOWAIT where that is known, else after asking poll.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>

#include "compat.h"
#include "posix_io.h"

#ifndef RWF_NOSIGNAL
#	define RWF_NOSIGNAL 0x00000100
#endif

/*
 * Writes without SIGPIPE where the system cannot be told so: the signal is
 * blocked for the moment and, if the write raised it, taken back.
 */
static ssize_t write_quietly(int fd, const struct iovec *iov, int n, int flags)
{
	sigset_t pipe_set, pending, before;
	ssize_t done;
	int err;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigemptyset(&pending);
	sys_sigpending(&pending);
	err = sys_pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
	if (err) {
		errno = err;
		return -1;
	}
	done = flags ? sys_pwritev2(fd, iov, n, -1, flags)
		     : sys_writev(fd, iov, n);
	err = errno;
	if (done < 0 && err == EPIPE && !sigismember(&pending, SIGPIPE))
		pike__take_sigpipe(&pipe_set);
	sys_pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return done;
}

/* Whether the kernel or the descriptor does not know a flag. */
static bool flags_refused(ssize_t done)
{
	return done < 0 && (errno == EOPNOTSUPP || errno == ENOSYS);
}

/* Leaves of a cut what a pipe takes without waiting, once it takes any. */
static void cut_to_pipe_buf(struct pike__cut *cut)
{
	size_t i = 0;

	while (i < cut->n && !cut->iov[i].iov_len)
		i++;
	cut->part[0] = cut->iov[i];
	if (cut->part[0].iov_len > PIPE_BUF)
		cut->part[0].iov_len = PIPE_BUF;
	cut->want = cut->part[0].iov_len;
	cut->iov = cut->part;
	cut->n = 1;
}

/*
 * For descriptors that know no RWF_NOWAIT (FIFOs; all on old kernels): after
 * poll a read does not block, and neither does a write of PIPE_BUF bytes,
 * unless somebody else gets in between.
 */
static ssize_t guarded(int fd, struct pike__cut *cut, bool writing)
{
	int flags = sys_fcntl(fd, F_GETFL, 0);
	int events;

	if (flags >= 0 &&
	    (flags & O_ACCMODE) == (writing ? O_RDONLY : O_WRONLY)) {
		errno = EBADF; /* poll would say nothing, for ever */
		return -1;
	}
	if (flags < 0 || !(flags & O_NONBLOCK)) {
		events = pike__posix_ask(fd, writing ? POLLOUT : POLLIN);
		if (events == 0)
			errno = EAGAIN;
		if (events <= 0)
			return -1;
		if (events & POLLNVAL) {
			errno = EBADF;
			return -1;
		}
		if (writing)
			cut_to_pipe_buf(cut);
	}
	return writing ? write_quietly(fd, cut->iov, (int)cut->n, 0)
		       : sys_readv(fd, cut->iov, (int)cut->n);
}

ssize_t pike__posix_write(
    const struct pike_queue *q, struct pike__handle *h, struct pike__cut *cut)
{
	int fd = (int)h->fd;
	int n = (int)cut->n;
	ssize_t done = -1;

	if (q->features_off & PIKE_FEATURE_NOWAIT)
		return guarded(fd, cut, true);
	errno = EOPNOTSUPP;
	if (!(q->features_off & PIKE_FEATURE_NOSIGNAL))
		done = sys_pwritev2(
		    fd, cut->iov, n, -1, RWF_NOWAIT | RWF_NOSIGNAL);
	if (flags_refused(done))
		done = write_quietly(fd, cut->iov, n, RWF_NOWAIT);
	return flags_refused(done) ? guarded(fd, cut, true) : done;
}

ssize_t pike__posix_read(
    const struct pike_queue *q, struct pike__handle *h, struct pike__cut *cut)
{
	int fd = (int)h->fd;
	ssize_t done;

	if (!(q->features_off & PIKE_FEATURE_NOWAIT)) {
		done = sys_preadv2(fd, cut->iov, (int)cut->n, -1, RWF_NOWAIT);
		if (!flags_refused(done))
			return done;
	}
	done = guarded(fd, cut, false);
	/* The master of a terminal whose last slave has closed. */
	if (done < 0 && errno == EIO && h->kind == PIKE__TERMINAL) {
		int events = pike__posix_ask(fd, POLLIN);

		if (events > 0 && (events & POLLHUP))
			return 0;
		errno = EIO;
	}
	return done;
}
