/* SPDX-License-Identifier: MIT */
/*
 * What the descriptor of pike_pollable shows. It is the kqueue: readable while
 * it has events, among them two of the queue's own, for "now" and for "then".
 */
#include "config.h"

#include <errno.h>

#include "kqueue.h"
#include "posix_io.h"

pike_fd pike__kqueue_pollable(struct pike_queue *q)
{
	struct pike__kqueue *k = q->backend_state;
	struct pike__result r;

	/* Its descriptor is no kqueue, and shows nothing. */
	if (PIKE_LIBKQUEUE)
		return -PIKE_ENOTSUP;
	if (k->exposed || pike__bell_open(&k->shown) == 0) {
		k->exposed = true;
		return k->kq;
	}
	pike__posix_error(&r, errno);
	pike__bell_close(&k->shown);
	pike__bell_clear(&k->shown, k->kq, PIKE__BELL_SHOWN);
	return r.res;
}

/* Registers what is fresh without waiting: false when one of them has an error
 * to tell, which the next wait will be told again. */
static bool fresh_add(struct pike_queue *q)
{
	struct pike__kqueue *k = q->backend_state;

	while (k->fresh_count) {
		int n = pike__kqueue_changes(q, 1);

		for (int i = 0; i < n; i++) {
			if (pike__kevent_change(k->kq, &k->changes[i]) == 0)
				continue;
			if (i > 0)
				pike__kqueue_delete(
				    k, k->changes->ident, EVFILT_READ);
			return false;
		}
		pike__kqueue_registered(k, 1);
	}
	return true;
}

/* In milliseconds, which all of them know, and never early. */
static bool alarm_set(struct pike__kqueue *k, int64_t next)
{
	int64_t ms = (next - pike__port_monotonic()) / 1000000 + 1;
	struct kevent change;

	if (k->alarm != INT64_MAX)
		pike__kevent_change(
		    k->kq, pike__kevent_set(&change, PIKE__ALARM, EVFILT_TIMER,
			       EV_DELETE, 0));
	k->alarm = INT64_MAX;
	if (next == INT64_MAX)
		return true;
	pike__kevent_set(
	    &change, PIKE__ALARM, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0);
	change.data = ms < 1 ? 1 : ms > 3600000 ? 3600000 : (int)ms;
	if (pike__kevent_change(k->kq, &change))
		return false;
	k->alarm = next;
	return true;
}

void pike__kqueue_show(struct pike_queue *q, bool now, int64_t next)
{
	struct pike__kqueue *k = q->backend_state;

	next = pike__reactor_next(&k->reactor, next);
	if (q->realtime.count) {
		int64_t look =
		    pike__time_after(pike__port_monotonic(), PIKE__CLOCK_NS);

		if (next > look)
			next = k->alarm < look ? k->alarm : look;
	}
	if (!fresh_add(q) || (next != k->alarm && !alarm_set(k, next)) ||
	    k->reactor.runnable)
		now = true;
	if (now && !k->raised)
		pike__bell_ring(&k->shown);
	else if (!now && k->raised)
		pike__bell_still(&k->shown);
	k->raised = now;
}

void pike__kqueue_own(struct pike_queue *q, const struct kevent *event)
{
	struct pike__kqueue *k = q->backend_state;

	if (event->filter == EVFILT_TIMER) {
		k->alarm = INT64_MAX;
	} else if (event->ident == k->shown.ident) {
		pike__bell_heard(&k->shown);
		k->raised = false;
	} else {
		pike__bell_heard(&k->wake);
		pike__reactor_roused(q);
	}
}
