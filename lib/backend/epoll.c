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
#include "own.h"
#include "posix_io.h"
#include "reactor.h"

#define EVENTS_MAX 256

/* As far as epoll's numbers are poll's, and pike's are poll's. */
_Static_assert(EPOLLIN == PIKE_POLL_IN && EPOLLPRI == PIKE_POLL_PRI &&
		   EPOLLOUT == PIKE_POLL_OUT && EPOLLERR == PIKE_POLL_ERR &&
		   EPOLLHUP == PIKE_POLL_HUP && EPOLLRDHUP == PIKE_POLL_RDHUP,
    "events need no translation");

struct epoll {
	struct pike__reactor reactor; /* first: the backend's state is both */
	struct pike__own own;
	int epfd;
	bool coarse; /* waits in ms: the system has no epoll_pwait2 */
	struct epoll_event events[EVENTS_MAX];
};

/* ---- the poller ---- */

static int epoll_add(struct epoll *e, int fd, uint64_t name, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = name};

	return sys_epoll_ctl(e->epfd, EPOLL_CTL_ADD, fd, &event);
}

/* The descriptors that pollable shows are read when they have told; what wakes
 * is not. */
static int epoll_watch(struct pike_queue *q, int fd, unsigned name)
{
	return epoll_add(q->backend_state, fd, name,
	    name == PIKE__OWN_WAKE ? EPOLLIN | EPOLLET : EPOLLIN);
}

static int epoll_arm(struct pike_queue *q, struct pike__handle *h)
{
	struct epoll *e = q->backend_state;

	return epoll_add(e, (int)h->fd, (uint64_t)h->self,
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

static void epoll_wake(struct pike_queue *q)
{
	struct epoll *e = q->backend_state;

	pike__own_wake(&e->own, -1);
}

static const struct pike__poller epoll_poller = {
    .arm = epoll_arm,
    .disarm = epoll_disarm,
    .wake = epoll_wake,
};

/* ---- opening and closing ---- */

static void epoll_close(struct pike_queue *q, bool forked)
{
	struct epoll *e = q->backend_state;

	pike__reactor_close(&e->reactor);
	if (!forked) {
		pike__own_close(&e->own);
		if (e->epfd >= 0)
			sys_close(e->epfd);
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
	pike__own_clear(&e->own);
	q->backend_state = e;
	e->epfd = sys_epoll_create1(EPOLL_CLOEXEC);
	if (e->epfd >= 0) {
		what = "eventfd";
		if (pike__own_open(&e->own, q, epoll_watch) == 0)
			return 0;
	}
	pike__posix_error(&r, errno);
	snprintf(reason, size, "%s: %s", what, pike_error_text(r.err));
	epoll_close(q, false);
	return -r.err;
}

/* ---- what pollable shows ---- */

static pike_fd epoll_pollable(struct pike_queue *q)
{
	struct epoll *e = q->backend_state;
	struct pike__result r;

	if (pike__own_expose(&e->own, q) == 0)
		return e->epfd;
	pike__posix_error(&r, errno);
	return r.res;
}

static void epoll_show(struct pike_queue *q, bool now, int64_t next)
{
	struct epoll *e = q->backend_state;

	if (pike__own_alarm(&e->own, q, next) || now)
		pike__own_raise(&e->own);
	else if (e->own.shown)
		pike__own_lower(&e->own);
}

/* ---- waiting ---- */

PIKE__COLD static void event_any(
    struct pike_queue *q, pike_handle name, unsigned events)
{
	struct epoll *e = q->backend_state;

	if (name <= PIKE__OWN_ALARM)
		pike__own_event(&e->own, q, (unsigned)name);
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
	pike__timespec(&ts, timeout_ns);
	n = sys_epoll_pwait2(e->epfd, e->events, EVENTS_MAX, &ts, NULL);
	if (n >= 0 || errno == EINTR)
		return n;
	/* Not known to the kernel, or forbidden by a filter. */
	e->coarse = true;
	return wait_coarsely(e, timeout_ns);
}

/* Not at all, without end, or for a time. */
static int wait_once(struct epoll *e, int64_t timeout_ns)
{
	if (timeout_ns > 0)
		return wait_timed(e, timeout_ns);
	return sys_epoll_pwait(
	    e->epfd, e->events, EVENTS_MAX, (int)timeout_ns, NULL);
}

/* A wait that has an end, or heeds more than events. */
PIKE__APART static int wait_beside(struct pike_queue *q, int64_t timeout_ns)
{
	struct epoll *e = q->backend_state;
	int n;

	if (q->realtime.count && e->own.clock_fd < 0)
		pike__own_watch_clock(&e->own, q);
	n = wait_once(e, pike__reactor_before(q, timeout_ns));
	pike__reactor_waited(&e->reactor);
	return n;
}

static void epoll_wait_for(struct pike_queue *q, int64_t timeout_ns)
{
	struct epoll *e = q->backend_state;
	int n = timeout_ns >= 0 || e->reactor.heeds ? wait_beside(q, timeout_ns)
						    : wait_once(e, -1);

	if (n < 0)
		pike__reactor_roused(q);
	for (int i = 0; i < n; i++) {
		pike_handle name = (pike_handle)e->events[i].data.u64;

		if (!pike__reactor_received(q, name, e->events[i].events))
			event_any(q, name, e->events[i].events);
	}
	if (e->reactor.heeds)
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
    .group_open = pike__reactor_group_open,
    .group_close = pike__reactor_group_close,
};
