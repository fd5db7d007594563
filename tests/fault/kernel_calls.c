/* SPDX-License-Identifier: MIT */
/* The calls of the failing system: each counts itself, fails when it is its
 * turn, and is the real one otherwise. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "backend/compat.h"
#include "kernel.h"
#include "kernel_calls.h"

#ifndef RWF_NOSIGNAL
#	define RWF_NOSIGNAL 0x00000100
#endif

#define PATIENCE_MS 2000 /* only spent by a test that fails */

static struct pike__sys real;

/* By descriptor: whether its readiness is to be told again. */
static bool again[KERNEL_DESCRIPTORS];

/* In vain, in this run. */
static int waited_ms;

void kernel_watch_none(void)
{
	waited_ms = 0;
	kernel_kqueue_none();
	kernel_epoll_none();
	memset(again, 0, sizeof again);
}

/* ---- readiness ---- */

/*
 * A call that says EAGAIN, or moves less than it was asked to, says that there
 * is no more: what the descriptor is still ready for has come later, and that
 * is an edge.
 */
static void look_again(int fd)
{
	if (fd < KERNEL_DESCRIPTORS)
		again[fd] = true;
}

bool kernel_looks_again(int fd)
{
	bool looks = again[fd];

	again[fd] = false;
	return looks;
}

/* Fails a transfer, which may be ready all the same. */
static bool transfer_fails(enum kernel_call call, int fd)
{
	if (!kernel_fails(call, fd))
		return false;
	if (errno == EAGAIN)
		look_again(fd);
	return true;
}

static bool blocks(int fd)
{
	return !(real.fcntl(fd, F_GETFL, 0) & O_NONBLOCK);
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return real.poll(&p, 1, 0) == 1;
}

static void must_not_block(int fd, short events, const char *name)
{
	int before = errno;

	if (blocks(fd) && !is_ready(fd, events))
		kernel_blame("%s would block", name);
	errno = before;
}

/* ---- sockets ---- */

static bool is_stream(int fd)
{
	int type = SOCK_STREAM;
	socklen_t len = sizeof type;

	return real.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	       type == SOCK_STREAM;
}

/* Of a connect that takes its time these two say that it goes on by itself;
 * others never are in progress. */
static int fake_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int error = kernel_turn(CALL_connect, fd);
	bool slow = is_stream(fd) && sa->sa_family != AF_UNIX;

	if (blocks(fd))
		kernel_blame("connect would block");
	if (!error || (error == EINTR && slow) || error == EINPROGRESS) {
		int done = real.connect(fd, sa, len);

		if (!error || done < 0 || !slow)
			return done;
	}
	errno = error;
	return -1;
}

static bool accept_fails(int fd)
{
	if (transfer_fails(CALL_ACCEPT, fd))
		return true;
	must_not_block(fd, POLLIN, "accept");
	return false;
}

#ifdef PIKE_MAKE_CALLS
static int fake_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return accept_fails(fd) ? -1 : real.accept(fd, sa, len);
}
#else
static int fake_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	return accept_fails(fd) ? -1 : real.accept4(fd, sa, len, flags);
}
#endif

/* The descriptor is free whatever close says. */
static int fake_close(int fd)
{
	int error = kernel_turn(CALL_close, fd);

	if (fd >= 0 && fd < KERNEL_DESCRIPTORS) {
		again[fd] = false;
		kernel_epoll_closed(fd);
		kernel_ring_closed(fd);
	}
	if (real.close(fd) < 0)
		kernel_blame("descriptor %d is closed, but not open", fd);
	if (!error)
		return 0;
	errno = error;
	return -1;
}

size_t kernel_cut(int fd, size_t len)
{
	if (!kernel.plan.one_byte || len < 2 || !is_stream(fd))
		return len;
	look_again(fd);
	return 1;
}

static ssize_t fake_recv(int fd, void *buf, size_t len, int flags)
{
	if (!(flags & MSG_DONTWAIT))
		kernel_blame("recv would block");
	if (transfer_fails(CALL_recv, fd))
		return -1;
	return real.recv(fd, buf, kernel_cut(fd, len), flags);
}

/* What cannot take a packet now is waited for, and nobody is told. */
static bool send_fails(enum kernel_call call, int fd)
{
	if (!transfer_fails(call, fd))
		return false;
	if (pike__cannot_take(errno) && !is_stream(fd)) {
		kernel.harmless = !kernel.plan.storm;
		kernel.loud = false;
		errno = kernel.error;
	}
	return true;
}

static ssize_t fake_send(int fd, const void *buf, size_t len, int flags)
{
	if (!(flags & MSG_DONTWAIT) || !(flags & MSG_NOSIGNAL))
		kernel_blame("send would block, or raise SIGPIPE");
	if (send_fails(CALL_send, fd))
		return -1;
	return real.send(fd, buf, kernel_cut(fd, len), flags);
}

/* The first bytes of a vector that are not none, or all. */
static struct iovec *vector_cut(
    int fd, struct iovec *one, const struct iovec *iov, size_t *n)
{
	size_t len = 0;

	for (size_t i = 0; i < *n; i++)
		len += iov[i].iov_len;
	if (kernel_cut(fd, len) == len)
		return (struct iovec *)(uintptr_t)iov;
	while (!iov->iov_len)
		iov++;
	one->iov_base = iov->iov_base;
	one->iov_len = 1;
	*n = 1;
	return one;
}

static ssize_t fake_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct msghdr m = *msg;
	struct iovec one;
	ssize_t n;

	if (!(flags & MSG_DONTWAIT))
		kernel_blame("recvmsg would block");
	if (transfer_fails(CALL_recvmsg, fd))
		return -1;
	m.msg_iov = vector_cut(fd, &one, m.msg_iov, &m.msg_iovlen);
	n = real.recvmsg(fd, &m, flags);
	msg->msg_namelen = m.msg_namelen;
	msg->msg_controllen = m.msg_controllen;
	msg->msg_flags = m.msg_flags;
	return n;
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr m = *msg;
	struct iovec one;

	if (!(flags & MSG_DONTWAIT) || !(flags & MSG_NOSIGNAL))
		kernel_blame("sendmsg would block, or raise SIGPIPE");
	if (send_fails(CALL_sendmsg, fd))
		return -1;
	m.msg_iov = vector_cut(fd, &one, m.msg_iov, &m.msg_iovlen);
	return real.sendmsg(fd, &m, flags);
}

/* ---- pipes ---- */

static bool write_fails(enum kernel_call call, int fd, bool quiet)
{
	if (!transfer_fails(call, fd))
		return false;
	if (errno == EPIPE && !quiet) {
		raise(SIGPIPE);
		errno = EPIPE;
	}
	return true;
}

static void write_must_not_block(int fd, const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (blocks(fd) && len > PIPE_BUF)
		kernel_blame("writev of %zu bytes would block", len);
	must_not_block(fd, POLLOUT, "writev");
}

static ssize_t fake_readv(int fd, const struct iovec *iov, int n)
{
	size_t count = (size_t)n;
	struct iovec one;

	if (transfer_fails(CALL_readv, fd))
		return -1;
	must_not_block(fd, POLLIN, "readv");
	iov = vector_cut(fd, &one, iov, &count);
	return real.readv(fd, iov, (int)count);
}

static ssize_t fake_writev(int fd, const struct iovec *iov, int n)
{
	size_t count = (size_t)n;
	struct iovec one;

	if (write_fails(CALL_writev, fd, false))
		return -1;
	write_must_not_block(fd, iov, n);
	iov = vector_cut(fd, &one, iov, &count);
	return real.writev(fd, iov, (int)count);
}

static ssize_t fake_preadv2(
    int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	size_t count = (size_t)n;
	struct iovec one;

	if (transfer_fails(CALL_preadv2, fd))
		return -1;
	if (!(flags & RWF_NOWAIT))
		must_not_block(fd, POLLIN, "preadv2");
	iov = vector_cut(fd, &one, iov, &count);
	return real.preadv2(fd, iov, (int)count, at, flags);
}

static ssize_t fake_pwritev2(
    int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	size_t count = (size_t)n;
	struct iovec one;

	if (write_fails(CALL_pwritev2, fd, flags & RWF_NOSIGNAL))
		return -1;
	if (!(flags & RWF_NOWAIT))
		write_must_not_block(fd, iov, n);
	iov = vector_cut(fd, &one, iov, &count);
	return real.pwritev2(fd, iov, (int)count, at, flags);
}

/* ---- waiting ---- */

int kernel_patience(int64_t timeout_ns)
{
	if (timeout_ns < 0)
		return PATIENCE_MS;
	if (!kernel_strict() || kernel.plan.is_all_timed)
		return 0;
	return timeout_ns / 1000000 < PATIENCE_MS ? (int)(timeout_ns / 1000000)
						  : PATIENCE_MS;
}

void kernel_waited(int64_t timeout_ns, int patience_ms)
{
	waited_ms += patience_ms;
	if (timeout_ns < 0 || waited_ms >= PATIENCE_MS)
		kernel_blame("waits for what will never be");
	kernel.now += timeout_ns;
}

static int fake_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int64_t now = kernel.now;

	if (kernel_fails(CALL_clock_gettime, -1))
		return -1;
	if (clock == CLOCK_REALTIME)
		now += INT64_C(3000000000000000);
	ts->tv_sec = (time_t)(now / 1000000000);
	ts->tv_nsec = (long)(now % 1000000000);
	return 0;
}

/* This one says no by 0. */
static int fake_isatty(int fd)
{
	return kernel_fails(CALL_isatty, fd) ? 0 : real.isatty(fd);
}

/* This one returns its error. */
static int fake_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	int error = kernel_turn(CALL_pthread_sigmask, -1);

	return error ? error : real.pthread_sigmask(how, set, old);
}

#ifndef PIKE_COMPAT_LINUX
/* These say no by null, and by their error. */
static char *fake_ptsname(int fd)
{
	return kernel_fails(CALL_ptsname, -1) ? NULL : real.ptsname(fd);
}

static int fake_ttyname_r(int fd, char *path, size_t size)
{
	int error = kernel_turn(CALL_ttyname_r, -1);

	return error ? error : real.ttyname_r(fd, path, size);
}

static int fake_sigwait(const sigset_t *set, int *number)
{
	int error = kernel_turn(CALL_sigwait, -1);

	return error ? error : real.sigwait(set, number);
}
#endif

static int fake_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	if (timeout_ms && n)
		kernel_blame("poll would block");
	if (kernel_fails(CALL_poll, n ? fds->fd : -1))
		return -1;
	return real.poll(fds, n, timeout_ms);
}

static int fake_getsockopt(
    int fd, int level, int name, void *value, socklen_t *len)
{
	if (kernel_fails(CALL_getsockopt, fd))
		return -1;
	return real.getsockopt(fd, level, name, value, len);
}

static int fake_getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
	if (kernel_fails(CALL_getpeername, fd)) {
		if (errno == ENOTCONN && !kernel.plan.for_good)
			look_again(fd);
		return -1;
	}
	return real.getpeername(fd, sa, len);
}

/* ---- all others ---- */

#define SYS(result, name, parameters, arguments)                               \
	static result plain_##name parameters                                  \
	{                                                                      \
		return kernel_fails(CALL_##name, -1) ? (result)(intptr_t)-1    \
						     : real.name arguments;    \
	}
#include "backend/sys.def"
#undef SYS

void kernel_install(void)
{
	real = pike__sys;
#define SYS(result, name, parameters, arguments) pike__sys.name = plain_##name;
#include "backend/sys.def"
#undef SYS
	pike__sys.connect = fake_connect;
#ifdef PIKE_MAKE_CALLS
	pike__sys.accept = fake_accept;
#else
	pike__sys.accept4 = fake_accept4;
#endif
	pike__sys.close = fake_close;
	pike__sys.recv = fake_recv;
	pike__sys.send = fake_send;
	pike__sys.recvmsg = fake_recvmsg;
	pike__sys.sendmsg = fake_sendmsg;
	pike__sys.readv = fake_readv;
	pike__sys.writev = fake_writev;
	pike__sys.preadv2 = fake_preadv2;
	pike__sys.pwritev2 = fake_pwritev2;
	pike__sys.clock_gettime = fake_clock_gettime;
	pike__sys.poll = fake_poll;
	pike__sys.getsockopt = fake_getsockopt;
	pike__sys.getpeername = fake_getpeername;
	pike__sys.isatty = fake_isatty;
	pike__sys.pthread_sigmask = fake_pthread_sigmask;
#ifndef PIKE_COMPAT_LINUX
	pike__sys.ptsname = fake_ptsname;
	pike__sys.ttyname_r = fake_ttyname_r;
	pike__sys.sigwait = fake_sigwait;
	/* POSIX knows of no error, and without it a SIGPIPE could not be told
	 * from none. */
	pike__sys.sigpending = real.sigpending;
#endif
	kernel_epoll_install(&real);
	kernel_kqueue_install(&real);
	kernel_ring_install(&real);
}

void kernel_look(struct kernel_descriptors *d)
{
	struct pollfd p[KERNEL_DESCRIPTORS];

	for (int fd = 0; fd < KERNEL_DESCRIPTORS; fd++)
		p[fd] = (struct pollfd){.fd = fd};
	real.poll(p, KERNEL_DESCRIPTORS, 0);
	for (int fd = 0; fd < KERNEL_DESCRIPTORS; fd++)
		d->open[fd] = !(p[fd].revents & POLLNVAL);
	if (d->open[KERNEL_DESCRIPTORS - 1])
		kernel_blame("too many descriptors");
}
