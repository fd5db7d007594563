/* SPDX-License-Identifier: MIT */
/*
 * The kqueue poller under the reactor. Each descriptor is registered once for
 * READ and for WRITE, with EV_CLEAR, by the call that waits next. What comes
 * back is looked at field by field, and only for flags that are known here.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../alloc.h"
#include "../grow.h"
#include "kqueue.h"
#include "posix_error.h"
#include "posix_io.h"

/* Registered by one call, which has room for an error of each change. */
#define FRESH_AT_ONCE (PIKE__EVENTS_MAX / 2)

/* The longest wait: macOS refuses those of more than 3 years. */
#define WAIT_NS_MAX (INT64_C(86400) * 1000000000)

/* ---- the poller ---- */

static int kqueue_arm(struct pike_queue *q, struct pike__handle *h)
{
	struct pike__kqueue *k = q->backend_state;

	/* Files are ready always, or never, or once. */
	if (h->kind == PIKE__FILE)
		return EPERM;
	if (pike__kqueue_handle(
		q, pike__kqueue_name(h->self), (uintptr_t)h->fd) != h->self)
		return EMFILE;
	if (!pike__grow((void **)&k->fresh, &k->fresh_cap, k->fresh_count + 1,
		sizeof *k->fresh))
		return ENOMEM;
	k->fresh[k->fresh_count++] = h->self;
	/* No event tells of urgent data, at which reads stop. */
	pike__reactor_no_drain(h);
	return 0;
}

void pike__kqueue_delete(struct pike__kqueue *k, uintptr_t fd, int filter)
{
	struct kevent change;

	pike__kevent_change(
	    k->kq, pike__kevent_set(&change, fd, filter, EV_DELETE, 0));
}

static void kqueue_disarm(struct pike_queue *q, struct pike__handle *h)
{
	struct pike__kqueue *k = q->backend_state;

	for (uint32_t i = k->fresh_count; i-- > 0;) {
		if (k->fresh[i] != h->self)
			continue;
		k->fresh[i] = 0;
		return;
	}
	pike__kqueue_delete(k, (uintptr_t)h->fd, EVFILT_READ);
	pike__kqueue_delete(k, (uintptr_t)h->fd, EVFILT_WRITE);
}

static void kqueue_wake(struct pike_queue *q)
{
	struct pike__kqueue *k = q->backend_state;

	pike__bell_ring(&k->wake);
}

static const struct pike__poller kqueue_poller = {
    .arm = kqueue_arm,
    .disarm = kqueue_disarm,
    .wake = kqueue_wake,
    .keeps_open = PIKE_LIBKQUEUE, /* its knotes outlive the descriptor */
    .no_urgent = true,
};

int pike__kqueue_changes(struct pike_queue *q, uint32_t names)
{
	struct pike__kqueue *k = q->backend_state;
	int n = 0;

	for (uint32_t i = 0; i < names; i++) {
		struct pike__handle *h =
		    pike__handle_find(&q->handles, k->fresh[i]);

		if (!h)
			continue;
		for (int write = 0; write < 2; write++)
			pike__kevent_set(&k->changes[n++], (uintptr_t)h->fd,
			    write ? EVFILT_WRITE : EVFILT_READ,
			    EV_ADD | EV_CLEAR, pike__kqueue_name(h->self));
	}
	return n;
}

void pike__kqueue_registered(struct pike__kqueue *k, uint32_t names)
{
	k->fresh_count -= names;
	memmove(k->fresh, k->fresh + names, k->fresh_count * sizeof *k->fresh);
}

/* ---- opening and closing ---- */

static void kqueue_close(struct pike_queue *q, bool forked)
{
	struct pike__kqueue *k = q->backend_state;

	pike__reactor_close(&k->reactor);
	if (!forked) {
		pike__bell_close(&k->shown);
		pike__bell_close(&k->wake);
		if (k->kq >= 0)
			sys_close(k->kq);
	}
	pike__free(k->fresh);
	pike__free(k);
	q->backend_state = NULL;
}

static int kqueue_open(struct pike_queue *q, const struct pike_params *params,
    char *reason, size_t size)
{
	struct pike__kqueue *k = pike__alloc(sizeof *k);
	struct pike__result r;

	(void)params;
	if (!k) {
		snprintf(reason, size, "out of memory");
		return -PIKE_ENOMEM;
	}
	memset(k, 0, sizeof *k);
	pike__reactor_open(&k->reactor, &kqueue_poller);
	q->backend_state = k;
	k->alarm = INT64_MAX;
	k->kq = sys_kqueue();
	pike__bell_clear(&k->wake, k->kq, PIKE__BELL_WAKE);
	pike__bell_clear(&k->shown, k->kq, PIKE__BELL_SHOWN);
	if (k->kq >= 0 && sys_fcntl(k->kq, F_SETFD, FD_CLOEXEC) >= 0 &&
	    pike__bell_open(&k->wake) == 0) {
		/* No system that has kqueues has these. */
		q->features_off |= PIKE_FEATURE_NOWAIT | PIKE_FEATURE_NOSIGNAL;
		return 0;
	}
	pike__posix_error(&r, errno);
	snprintf(reason, size, "kqueue: %s", pike_error_text(r.err));
	kqueue_close(q, false);
	return -r.err;
}

/* ---- waiting ---- */

/* An event in PIKE_POLL_ bits; what only poll knows is asked for polls. */
static unsigned event_bits(struct pike__handle *h, const struct kevent *event)
{
	bool reads = event->filter == EVFILT_READ;
	unsigned bits = reads ? PIKE_POLL_IN : PIKE_POLL_OUT;
	int code, known = 0;

	if (event->flags & EV_EOF) {
		if (h->kind > PIKE__SOCKET_PACKET)
			bits |= reads ? PIKE_POLL_HUP : PIKE_POLL_ERR;
		else if (reads)
			bits |= PIKE_POLL_RDHUP;
		if (event->fflags)
			bits |= PIKE_POLL_ERR | PIKE_POLL_HUP;
		/* Some take the error from the socket when they tell it.
		 * EPIPE is for who sends. */
		code = pike__error_from_errno((int)event->fflags);
		if (event->fflags && h->kind == PIKE__SOCKET_STREAM &&
		    !(h->flags & PIKE__CONNECTING) && code != PIKE_EPIPE &&
		    pike__ends_stream(code))
			h->gone = code;
	}
	if (h->lane[PIKE__POLLS].head)
		known = pike__posix_events((int)h->fd,
		    reads ? PIKE_POLL_IN | PIKE_POLL_PRI | PIKE_POLL_RDHUP
			  : PIKE_POLL_OUT);
	return known > 0 ? bits | (unsigned)known : bits;
}

/* WRITE was refused, and READ was not: true when READ shall stay. */
static bool only_write_refused(struct pike_queue *q, struct pike__handle *h,
    const struct kevent *event, int err)
{
	/* Of a pipe whose other end has gone: NetBSD's EBADF. To try is to
	 * learn of it, at either end. */
	if ((h->kind == PIKE__PIPE || h->kind == PIKE__MUTE) &&
	    (err == EPIPE || err == EBADF)) {
		pike__reactor_event_any(
		    q, h->self, event_bits(h, event) | PIKE_POLL_HUP);
		return true;
	}
	/* Of another kqueue, and of whatever else can only be read. */
	if (err != EPERM)
		return false;
	pike__reactor_refused_writes(q, h);
	return true;
}

/* A filter was refused. Without READ a descriptor is not registered at all. */
static void refused(struct pike_queue *q, struct pike__handle *h,
    const struct kevent *event, int err)
{
	struct pike__kqueue *k = q->backend_state;
	bool reads = event->filter == EVFILT_READ;
	const struct kevent *other = k->events;

	while (other < k->events + k->count &&
	       (!(other->flags & EV_ERROR) || other->ident != event->ident ||
		   other->filter == event->filter))
		other++;
	/* Of two the first has said it. */
	if (other < event)
		return;
	if (err == EINVAL || err == ENODEV || err == EOPNOTSUPP)
		err = EPERM;
	if (other == k->events + k->count) {
		if (!reads && only_write_refused(q, h, event, err))
			return;
		pike__kqueue_delete(
		    k, event->ident, reads ? EVFILT_WRITE : EVFILT_READ);
	}
	pike__reactor_refused(q, h, err);
}

static void event_came(struct pike_queue *q, const struct kevent *event)
{
	pike_handle name = pike__kqueue_told(q, event);
	struct pike__handle *h = pike__handle_find(&q->handles, name);
	int err = event->flags & EV_ERROR ? (int)event->data : 0;

	if (!name)
		pike__kqueue_own(q, event);
	if (!h)
		return;
	if (!err)
		pike__reactor_event_any(q, name, event_bits(h, event));
	else
		refused(q, h, event, err);
}

static void kqueue_wait_for(struct pike_queue *q, int64_t timeout_ns)
{
	struct pike__kqueue *k = q->backend_state;
	struct timespec ts;
	uint32_t names;
	int n;

	if (q->realtime.count &&
	    (timeout_ns < 0 || timeout_ns > PIKE__CLOCK_NS))
		timeout_ns = PIKE__CLOCK_NS;
	if (k->reactor.heeds)
		timeout_ns = pike__reactor_before(q, timeout_ns);
	names = k->fresh_count < FRESH_AT_ONCE ? k->fresh_count : FRESH_AT_ONCE;
	if (names < k->fresh_count)
		timeout_ns = 0;
	pike__timespec(
	    &ts, timeout_ns < WAIT_NS_MAX ? timeout_ns : WAIT_NS_MAX);
	n = sys_kevent(k->kq, k->changes,
	    names ? pike__kqueue_changes(q, names) : 0, k->events,
	    PIKE__EVENTS_MAX, timeout_ns < 0 ? NULL : &ts);
	pike__reactor_waited(&k->reactor);
	/* Interrupted it was after the changes had been made. */
	if (names && (n >= 0 || errno == EINTR))
		pike__kqueue_registered(k, names);
	if (n < 0)
		pike__reactor_roused(q);
	k->count = n;
	for (int i = 0; i < n; i++)
		event_came(q, &k->events[i]);
	if (k->reactor.heeds)
		pike__reactor_after(q);
}

const struct pike__backend pike__backend_kqueue = {
    .name = "kqueue",
    .open = kqueue_open,
    .close = kqueue_close,
    .adopt = pike__posix_adopt,
    .drop = pike__reactor_drop,
    .send = pike__reactor_send,
    .sent = pike__posix_transferred,
    .attempt = pike__reactor_attempt,
    .start = pike__reactor_start,
    .cancel = pike__reactor_cancel,
    .wait = kqueue_wait_for,
    .wake = kqueue_wake,
    .pollable = pike__kqueue_pollable,
    .show = pike__kqueue_show,
    .route = pike__reactor_route,
    .group_open = pike__reactor_group_open,
    .group_close = pike__reactor_group_close,
};
