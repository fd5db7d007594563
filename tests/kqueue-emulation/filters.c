/* SPDX-License-Identifier: MIT */
/* What the filters watch, and whether their conditions hold. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "emulation.h"

static bool of_descriptor(const struct kevent *event)
{
	return event->filter == EVFILT_READ || event->filter == EVFILT_WRITE;
}

/* ---- finding ---- */

/* What was closed by a way that calls.c does not see. */
static bool is_stale(const struct knote *kn)
{
	struct stat st;

	return fstat(kn->fd, &st) || st.st_dev != kn->device ||
	       st.st_ino != kn->inode;
}

static struct knote *find_descriptor(struct kq *q, const struct kevent *change)
{
	struct knote *kn;

	if (change->ident >= KQ_FDS || fcntl((int)change->ident, F_GETFD) < 0) {
		errno = EBADF;
		return NULL;
	}
	kn = &q->knote[2 * change->ident + (change->filter == EVFILT_WRITE)];
	if (kn->used && is_stale(kn))
		kq_drop(q, kn);
	return kn;
}

struct knote *kq_find(struct kq *q, const struct kevent *change)
{
	struct knote *free = NULL;

	if (of_descriptor(change))
		return find_descriptor(q, change);
	for (int i = 2 * KQ_FDS; i < KQ_KNOTES; i++) {
		struct knote *kn = &q->knote[i];

		if (kn->used && kn->event.ident == change->ident &&
		    kn->event.filter == change->filter)
			return kn;
		if (!kn->used && !free)
			free = kn;
	}
	errno = ENOMEM;
	return free;
}

/* ---- watching ---- */

static int set_of(const struct kq *q, const struct knote *kn)
{
	return q->set[kn->event.filter == EVFILT_WRITE];
}

/* Again, when it is watched: its condition is looked at, as each change of a
 * BSD does. */
int kq_watch(struct kq *q, struct knote *kn)
{
	uint32_t index = (uint32_t)(kn - q->knote);
	struct epoll_event event = {
	    .events = kn->event.filter == EVFILT_WRITE
			  ? EPOLLOUT | EPOLLET
			  : EPOLLIN | EPOLLRDHUP | EPOLLET,
	    .data.u64 = (uint64_t)kn->generation << 32 | index,
	};

	if (kn->on || kn->count)
		kq_activate(q, kn);
	if (kn->fd < 0)
		return 0;
	if (epoll_ctl(set_of(q, kn),
		kn->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, kn->fd,
		&event) == 0) {
		kn->watched = true;
		return 0;
	}
	if (errno != EPERM)
		return errno;
	if (kn->kind == KQ_FILE)
		kq_blame("descriptor %d is a file, which some systems tell of "
			 "without end",
		    kn->fd);
	return EINVAL;
}

/* ---- READ and WRITE ---- */

static int descriptor_attach(struct knote *kn)
{
	struct pollfd p = {.fd = (int)kn->event.ident, .events = POLLOUT};
	struct stat st;

	if (fstat(p.fd, &st))
		return EBADF;
	kn->fd = p.fd;
	kn->device = st.st_dev;
	kn->inode = st.st_ino;
	kn->kind = S_ISSOCK(st.st_mode)                         ? KQ_SOCKET
		   : S_ISFIFO(st.st_mode)                       ? KQ_PIPE
		   : S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? KQ_FILE
								: KQ_OTHER;
	if (kn->event.filter != EVFILT_WRITE)
		return 0;
	/* Reported by mio#582: not an event, but an error; and of the end that
	 * is read as well, as pipes go both ways there (sys_pipe.c of all). */
	if (kn->kind == KQ_PIPE && poll(&p, 1, 0) > 0 &&
	    (p.revents & (POLLERR | POLLHUP)))
		return kq_system->pipe_error;
	/* "EVFILT_READ" is all that a queue in a queue has, on all of them. */
	for (const struct kq *q = kq_all; q; q = q->next)
		if (q->fd == p.fd)
			return EINVAL;
	return 0;
}

/* Not counted is what a listener has, nor room. */
static int64_t bytes(const struct knote *kn)
{
	int n = 0;

	return kn->event.filter == EVFILT_WRITE || ioctl(kn->fd, FIONREAD, &n)
		   ? 1
		   : n;
}

/* A stream socket that was never connected hangs, but has no end: for a BSD
 * it is not ready for anything. */
static bool is_fresh(const struct knote *kn, int revents)
{
	return kn->kind == KQ_SOCKET && (revents & POLLHUP) &&
	       !(revents & POLLRDHUP);
}

/* The own end of a stream, which a BSD tells as EV_EOF. */
static bool has_finished(const struct knote *kn)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	if (kn->kind != KQ_SOCKET ||
	    getsockopt(kn->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return false;
	switch (info.tcpi_state) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	default:
		return false;
	}
}

/* On a system whose pipes tell the writer's end by READ (polling, kqueue.rs).
 */
static bool pipe_end_holds(struct knote *kn, int revents, bool *holds)
{
	int flags;

	if (!kq_system->pipe_end_reads || kn->kind != KQ_PIPE ||
	    !(revents & POLLERR))
		return false;
	flags = fcntl(kn->fd, F_GETFL);
	if ((flags & O_ACCMODE) != O_WRONLY)
		return false;
	*holds = kn->event.filter == EVFILT_READ;
	return true;
}

/*
 * "If the read direction of the socket has shutdown, then the filter also sets
 * EV_EOF in flags, and returns the socket error (if any) in fflags. It is
 * possible for EOF to be returned while there is still data pending"; WRITE
 * "will set EV_EOF when the reader disconnects": kqueue(2) of FreeBSD.
 */
static bool descriptor_holds(struct knote *kn, struct kevent *event)
{
	bool writes = kn->event.filter == EVFILT_WRITE, holds;
	int over = POLLHUP | POLLERR | (writes ? 0 : POLLRDHUP);
	struct pollfd p = {.fd = kn->fd, .events = POLLIN | POLLRDHUP};

	if (writes)
		p.events = POLLOUT | POLLRDHUP;
	if (is_stale(kn) || poll(&p, 1, 0) <= 0)
		return false;
	if (is_fresh(kn, p.revents)) {
		event->data = 1;
		return writes && kq_system->fresh_is_writable;
	}
	holds = p.revents & (over | POLLIN | POLLOUT);
	pipe_end_holds(kn, p.revents, &holds);
	if (!holds)
		return false;
	event->data = bytes(kn);
	over &= p.revents;
	/* A datagram's error is no end. */
	if (kn->kind == KQ_SOCKET ? over & ~POLLERR : over)
		event->flags |= EV_EOF;
	if (writes && has_finished(kn))
		event->flags |= EV_EOF;
	if (event->flags & EV_EOF) {
		if (kn->kind == KQ_SOCKET)
			event->fflags = (unsigned)kq_socket_error(kn->fd);
		if (!event->data)
			event->flags |= kq_system->nothing;
	}
	return true;
}

/* ---- TIMER ---- */

/* "The timer will be periodic unless EV_ONESHOT or NOTE_ABSTIME is specified";
 * "If fflags is not set, the default is milliseconds": kqueue(2) of FreeBSD. */
static int timer_attach(struct knote *kn)
{
	struct itimerspec when = {
	    .it_value.tv_sec = kn->event.data / 1000,
	    .it_value.tv_nsec = kn->event.data % 1000 * 1000000,
	};

	if (!(kn->event.flags & EV_ONESHOT))
		when.it_interval = when.it_value;
	kn->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (kn->fd < 0)
		return ENOMEM;
	return timerfd_settime(kn->fd, 0, &when, NULL) ? errno : 0;
}

static bool timer_holds(struct knote *kn, struct kevent *event)
{
	uint64_t count;

	if (read(kn->fd, &count, sizeof count) == sizeof count)
		kn->count += (int64_t)count;
	event->data = kn->count;
	return kn->count > 0;
}

/* ---- all ---- */

int kq_attach(struct knote *kn)
{
	switch (kn->event.filter) {
	case EVFILT_READ:
	case EVFILT_WRITE:
		return descriptor_attach(kn);
	case EVFILT_TIMER:
		return timer_attach(kn);
	case EVFILT_USER:
		return kq_system->has_user ? 0 : EINVAL;
	default:
		return EINVAL;
	}
}

void kq_detach(struct kq *q, struct knote *kn)
{
	struct epoll_event none = {0};

	if (kn->watched)
		epoll_ctl(set_of(q, kn), EPOLL_CTL_DEL, kn->fd, &none);
	kn->watched = false;
	if (kn->event.filter == EVFILT_TIMER && kn->fd >= 0)
		kq_close(kn->fd);
	kn->fd = -1;
}

bool kq_holds(struct knote *kn, struct kevent *event)
{
	*event = kn->event;
	event->flags = kn->keep;
	event->fflags = 0;
	event->data = 0;
	switch (kn->event.filter) {
	case EVFILT_TIMER:
		return timer_holds(kn, event);
	case EVFILT_USER:
		return kn->on;
	default:
		return descriptor_holds(kn, event);
	}
}

/* EV_CLEAR: "After the event is retrieved by the user, its state is reset". */
void kq_told(struct knote *kn)
{
	if (!(kn->keep & EV_CLEAR))
		return;
	kn->count = 0;
	kn->on = false;
}
