/* SPDX-License-Identifier: MIT */
/*
 * The epoll poller under the reactor. Descriptors are registered edge-triggered
 * for both directions; data carries the handle's name, and small numbers stand
 * for the poller's own descriptors.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../alloc.h"
#include "posix_io.h"
#include "reactor.h"

#define EVENTS_MAX 256

/* Handles' names are all greater. */
enum {
	OWN_WAKE = 1,
	OWN_CLOCK,
	OWN_SHOWN,
	OWN_ALARM
};

/* As far as epoll's numbers are poll's, and pike's are poll's. */
_Static_assert(EPOLLIN == PIKE_POLL_IN && EPOLLPRI == PIKE_POLL_PRI &&
		   EPOLLOUT == PIKE_POLL_OUT && EPOLLERR == PIKE_POLL_ERR &&
		   EPOLLHUP == PIKE_POLL_HUP && EPOLLRDHUP == PIKE_POLL_RDHUP,
    "events need no translation");

struct epoll {
	struct pike__reactor reactor; /* first: the backend's state is both */
	int epfd;
	int wake_fd;  /* eventfd, edge-triggered, never read */
	int clock_fd; /* told of steps of the wall clock; -1 until needed */
	int shown_fd; /* eventfd, level-triggered: pollable's "now"; -1 */
	int alarm_fd; /* timerfd: pollable's "then"; -1 */
	bool shown;
	bool coarse; /* waits in ms: the system has no epoll_pwait2 */
	int64_t alarm;
	struct epoll_event events[EVENTS_MAX];
};

/* ---- the poller ---- */

static int own_add(struct epoll *e, int fd, uint64_t name, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = name};

	return sys_epoll_ctl(e->epfd, EPOLL_CTL_ADD, fd, &event);
}

static int epoll_arm(struct pike_queue *q, struct pike__handle *h)
{
	struct epoll *e = q->backend_state;

	return own_add(e, (int)h->fd, (uint64_t)h->self,
		   EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET)
		   ? errno
		   : 0;
}

static void epoll_disarm(struct pike_queue *q, struct pike__handle *h)
{
	struct epoll *e = q->backend_state;
	struct epoll_event none = {0};

	sys_epoll_ctl(e->epfd, EPOLL_CTL_DEL, (int)h->fd, &none);
}

/* Adds one to the count of an eventfd. */
static bool fd_raise(int fd)
{
	const uint64_t one = 1;
	ssize_t done;

	do {
		done = sys_write(fd, &one, sizeof one);
	} while (done < 0 && errno == EINTR);
	return done > 0;
}

/* An edge each time; the count is never read. Full means that 2^64 - 2 edges
 * were made. */
static void epoll_wake(struct pike_queue *q)
{
	struct epoll *e = q->backend_state;
	int err = errno;

	fd_raise(e->wake_fd);
	errno = err;
}

static const struct pike__poller epoll_poller = {
    .arm = epoll_arm,
    .disarm = epoll_disarm,
    .wake = epoll_wake,
};

/* ---- opening and closing ---- */

static void fd_close(int fd)
{
	if (fd >= 0)
		sys_close(fd);
}

static void epoll_close(struct pike_queue *q, bool forked)
{
	struct epoll *e = q->backend_state;

	pike__reactor_close(&e->reactor);
	if (!forked) {
		fd_close(e->alarm_fd);
		fd_close(e->shown_fd);
		fd_close(e->clock_fd);
		fd_close(e->wake_fd);
		fd_close(e->epfd);
	}
	pike__free(e);
	q->backend_state = NULL;
}

static int epoll_open(struct pike_queue *q, const struct pike_params *params,
    char *reason, size_t size)
{
	struct epoll *e = pike__alloc(sizeof *e);
	const char *what = "epoll_create1";
	struct pike__result r;

	if (!e) {
		snprintf(reason, size, "out of memory");
		return -PIKE_ENOMEM;
	}
	memset(e, 0, sizeof *e);
	pike__reactor_open(&e->reactor, &epoll_poller);
	e->coarse = params->features_off & PIKE_FEATURE_WAIT_NS;
	e->wake_fd = e->clock_fd = e->shown_fd = e->alarm_fd = -1;
	q->backend_state = e;
	e->epfd = sys_epoll_create1(EPOLL_CLOEXEC);
	if (e->epfd >= 0) {
		what = "eventfd";
		e->wake_fd = sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	if (e->wake_fd >= 0) {
		what = "epoll_ctl";
		if (own_add(e, e->wake_fd, OWN_WAKE, EPOLLIN | EPOLLET) == 0)
			return 0;
	}
	pike__posix_error(&r, errno);
	snprintf(reason, size, "%s: %s", what, pike_error_text(r.err));
	epoll_close(q, false);
	return -r.err;
}

/* ---- what pollable shows ---- */

/* Makes a descriptor of the poller's own: it, or the error. */
static int own_make(struct epoll *e, int fd, uint64_t name)
{
	int err;

	if (fd >= 0 && own_add(e, fd, name, EPOLLIN) == 0)
		return fd;
	err = errno;
	fd_close(fd);
	errno = err;
	return -1;
}

static pike_fd epoll_pollable(struct pike_queue *q)
{
	struct epoll *e = q->backend_state;
	struct pike__result r;

	if (e->shown_fd < 0)
		e->shown_fd = own_make(
		    e, sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), OWN_SHOWN);
	if (e->shown_fd >= 0 && e->alarm_fd < 0)
		e->alarm_fd = own_make(e,
		    sys_timerfd_create(
			CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		    OWN_ALARM);
	if (e->alarm_fd >= 0) {
		e->alarm = INT64_MAX;
		return e->epfd;
	}
	pike__posix_error(&r, errno);
	return r.res;
}

static void timespec_from(struct timespec *ts, int64_t ns)
{
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
}

/* A timer of the far future that ends when somebody sets the wall clock. */
static void clock_watch(struct epoll *e)
{
	struct itimerspec when = {0};

	when.it_value.tv_sec = sizeof when.it_value.tv_sec > 4
				   ? (time_t)(INT64_MAX / 1000000000)
				   : (time_t)INT32_MAX;

	if (e->clock_fd < 0)
		e->clock_fd = own_make(e,
		    sys_timerfd_create(
			CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK),
		    OWN_CLOCK);
	if (e->clock_fd >= 0)
		sys_timerfd_settime(e->clock_fd,
		    TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

static void epoll_show(struct pike_queue *q, bool now, int64_t next)
{
	struct epoll *e = q->backend_state;
	struct itimerspec when = {0};
	uint64_t count;

	if (q->realtime.count && e->clock_fd < 0)
		clock_watch(e);
	if (e->reactor.runnable)
		now = true;
	next = pike__reactor_next(&e->reactor, next);
	if (now && !e->shown)
		e->shown = fd_raise(e->shown_fd);
	else if (!now && e->shown)
		e->shown = sys_read(e->shown_fd, &count, sizeof count) < 0;
	if (next == e->alarm)
		return;
	e->alarm = next;
	if (next != INT64_MAX)
		timespec_from(&when.it_value, next > 0 ? next : 1);
	sys_timerfd_settime(e->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* ---- waiting ---- */

static void own_event(struct pike_queue *q, pike_handle name)
{
	struct epoll *e = q->backend_state;
	uint64_t count;

	switch (name) {
	case OWN_WAKE:
		pike__reactor_roused(q);
		break;
	case OWN_CLOCK:
		/* Says ECANCELED and is watched again; the core looks at the
		 * clock after every wait. */
		sys_read(e->clock_fd, &count, sizeof count);
		clock_watch(e);
		break;
	case OWN_SHOWN:
		e->shown = sys_read(e->shown_fd, &count, sizeof count) < 0;
		break;
	case OWN_ALARM:
		if (sys_read(e->alarm_fd, &count, sizeof count) > 0)
			e->alarm = INT64_MAX;
		break;
	default:
		break;
	}
}

PIKE__COLD static void event_any(
    struct pike_queue *q, pike_handle name, unsigned events)
{
	if (name <= OWN_ALARM)
		own_event(q, name);
	else
		pike__reactor_event_any(q, name, events);
}

static int wait_coarsely(struct epoll *e, int64_t timeout_ns)
{
	int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);

	if (ms > INT_MAX)
		ms = INT_MAX;
	return sys_epoll_pwait(e->epfd, e->events, EVENTS_MAX, (int)ms, NULL);
}

static int wait_timed(struct epoll *e, int64_t timeout_ns)
{
	struct timespec ts;
	int n;

	if (e->coarse)
		return wait_coarsely(e, timeout_ns);
	timespec_from(&ts, timeout_ns);
	n = sys_epoll_pwait2(e->epfd, e->events, EVENTS_MAX, &ts, NULL);
	if (n >= 0 || errno == EINTR)
		return n;
	/* Not known to the kernel, or forbidden by a filter. */
	e->coarse = true;
	return wait_coarsely(e, timeout_ns);
}

/* Not at all, without end, or for a time. */
static PIKE__WITHIN int wait_once(struct epoll *e, int64_t timeout_ns)
{
	if (timeout_ns > 0)
		return wait_timed(e, timeout_ns);
	return sys_epoll_pwait(
	    e->epfd, e->events, EVENTS_MAX, (int)timeout_ns, NULL);
}

PIKE__COLD static int wait_unblocked(
    struct epoll *e, int64_t timeout_ns, const sigset_t *before)
{
	int n = wait_once(e, timeout_ns);

	sys_pthread_sigmask(SIG_SETMASK, before, NULL);
	return n;
}

static void epoll_wait_for(struct pike_queue *q, int64_t timeout_ns)
{
	struct epoll *e = q->backend_state;
	sigset_t before;
	int n;

	if (q->realtime.count && e->clock_fd < 0)
		clock_watch(e);
	timeout_ns = pike__reactor_before(q, timeout_ns);
	if (e->reactor.signals &&
	    pike__signals_unblock(e->reactor.signals, &before))
		n = wait_unblocked(e, timeout_ns, &before);
	else
		n = wait_once(e, timeout_ns);
	if (n < 0)
		pike__reactor_roused(q);
	for (int i = 0; i < n; i++) {
		pike_handle name = (pike_handle)e->events[i].data.u64;

		if (!pike__reactor_received(q, name, e->events[i].events))
			event_any(q, name, e->events[i].events);
	}
	pike__reactor_after(q);
}

const struct pike__backend pike__backend_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .adopt = pike__posix_adopt,
    .drop = pike__reactor_drop,
    .send = pike__reactor_send,
    .sent = pike__posix_transferred,
    .attempt = pike__reactor_attempt,
    .start = pike__reactor_start,
    .cancel = pike__reactor_cancel,
    .wait = epoll_wait_for,
    .wake = epoll_wake,
    .pollable = epoll_pollable,
    .show = epoll_show,
    .route = pike__reactor_route,
};
