/* SPDX-License-Identifier: MIT */
/* kevent(): changes, events, waiting. */
#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "emulation.h"

#define BATCH    512
#define NS_PER_S INT64_C(1000000000)

/* ---- changes ---- */

static int note_add(struct kq *q, struct knote *kn, const struct kevent *change)
{
	uint32_t generation = kn->generation + 1;
	int err;

	*kn = (struct knote){
	    .generation = generation,
	    .fd = -1,
	    .used = true,
	    .event = *change,
	};
	if (kn - q->knote < 2 * KQ_FDS && kn - q->knote >= q->top)
		q->top = (int)(kn - q->knote) + 1;
	err = kq_attach(kn);
	if (err)
		kq_drop(q, kn);
	return err;
}

/*
 * "Re-adding an existing event will modify the parameters of the original
 * event": kqueue(2) of FreeBSD. "If an existing timer is re-added, the existing
 * timer will be effectively canceled".
 */
static int note_modify(
    struct kq *q, struct knote *kn, const struct kevent *change)
{
	if (change->filter == EVFILT_TIMER) {
		kq_drop(q, kn);
		return note_add(q, kn, change);
	}
	kn->event.udata = change->udata;
	memcpy(kn->event.ext, change->ext, sizeof kn->event.ext);
	return 0;
}

static int change_apply(struct kq *q, const struct kevent *change)
{
	const unsigned short kept = EV_CLEAR | EV_ONESHOT;
	struct knote *kn = kq_find(q, change);
	int err = 0;

	if (!kn)
		return errno;
	if (!kn->used && !(change->flags & EV_ADD)) {
		if ((change->flags & (EV_DELETE | EV_RECEIPT)) == EV_DELETE)
			kq_blame("EV_DELETE of what was never added: ident "
				 "%llu, filter %d",
			    (unsigned long long)change->ident, change->filter);
		return ENOENT;
	}
	if (change->flags & EV_DELETE) {
		kq_drop(q, kn);
		return 0;
	}
	if (change->flags & EV_ADD) {
		err = kn->used ? note_modify(q, kn, change)
			       : note_add(q, kn, change);
		if (err)
			return err;
		kn->keep = change->flags & kept;
		if (change->filter == EVFILT_TIMER)
			kn->keep |= EV_CLEAR; /* "sets EV_CLEAR internally" */
	}
	if (change->filter == EVFILT_USER && change->fflags == NOTE_TRIGGER)
		kn->on = true;
	err = kq_watch(q, kn);
	if (err)
		kq_drop(q, kn);
	return err;
}

/* Fewer than 0: -1, with errno. */
static int changes_apply(struct kq *q, const struct kevent *changes, int n,
    struct kevent *events, int nevents, bool waits)
{
	int told = 0, err;

	for (int i = 0; i < n; i++) {
		struct kevent change = changes[i];

		kq_check_change(&change, told < nevents, waits);
		err = change_apply(q, &change);
		if (!err && !(change.flags & EV_RECEIPT))
			continue;
		/* "If an error occurs while processing an element of the
		 * changelist and there is enough room in the eventlist, then
		 * the event will be placed in the eventlist with EV_ERROR set
		 * in flags and the system error in data. Otherwise, -1 will be
		 * returned": kqueue(2) of all. The rest is then not done. */
		if (told == nevents) {
			errno = err;
			return -1;
		}
		change.flags =
		    (unsigned short)((change.flags & kq_system->receipt) |
				     EV_ERROR);
		change.data = err;
		events[told++] = change;
	}
	return told;
}

/* ---- events ---- */

static void harvest(struct kq *q, int set)
{
	struct epoll_event events[BATCH];
	int n = epoll_wait(q->set[set], events, BATCH, 0);

	for (int i = 0; i < n; i++) {
		uint32_t index = (uint32_t)events[i].data.u64;
		struct knote *kn = &q->knote[index];

		/* Of a file that goes on under another number: nothing. */
		if (kn->used && kn->generation == events[i].data.u64 >> 32)
			kq_activate(q, kn);
	}
}

/* "The filter is also run when the user attempts to retrieve the kevent": when
 * the condition no longer holds, there is no event. */
static bool tell(struct kq *q, struct knote *kn, struct kevent *event)
{
	bool holds;

	kq_deactivate(q, kn);
	holds = kq_holds(kn, event);
	if (!holds)
		return false;
	event->flags |= kq_system->always;
	if (kn->keep & EV_ONESHOT) {
		kq_drop(q, kn);
		return true;
	}
	kq_told(kn);
	/* Until the condition no longer holds; and some again that were told,
	 * as each segment of a stream may make an edge. */
	if (!(kn->keep & EV_CLEAR) || kq_chance(8))
		kq_activate(q, kn);
	return true;
}

/* Some are told in the next call only, but not so that a call that may wait
 * has none: then it would return before its time. */
static void hold_some(struct kq *q, bool may_none)
{
	struct knote *kn = q->first;

	if (kn && !may_none)
		kn = kn->next;
	for (; kn; kn = kn->next)
		kn->held = kq_chance(6);
}

static int gather(struct kq *q, struct kevent *events, int max, bool may_none)
{
	struct knote *last = q->last, *kn, *next;
	int n = 0;

	if (max > 1 && kq_chance(4))
		max = 1 + (int)kq_below((unsigned)max - 1);
	hold_some(q, may_none);
	for (kn = q->first; kn && n < max; kn = next) {
		bool end = kn == last;

		next = kn->next;
		if (kn->held)
			kn->held = false;
		else
			n += tell(q, kn, &events[n]);
		if (end)
			break;
	}
	kq_shuffle(events, n);
	return n;
}

/* ---- waiting ---- */

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Until something may be there; -1 with errno, 0 when the time is over. The
 * wait is one that sanitizers know: they put a handler off until the next such
 * call, and at none below may it find the lock taken by its own thread. */
static int wait_for_some(struct kq *q, int64_t until, const sigset_t *before)
{
	struct pollfd p = {.fd = q->fd, .events = POLLIN};
	struct epoll_event events[3];
	struct timespec left = {0, 0};
	int n, err;

	if (until != 0 && !q->first) {
		int64_t ns = until - now();

		if (until > 0 && ns > 0) {
			left.tv_sec = ns / NS_PER_S;
			left.tv_nsec = ns % NS_PER_S;
		}
		q->waiters++;
		pthread_mutex_unlock(&kq_mutex);
		n = ppoll(&p, 1, until < 0 ? NULL : &left, before);
		err = errno;
		pthread_mutex_lock(&kq_mutex);
		q->waiters--;
		errno = err;
		if (n <= 0)
			return n;
	}
	n = epoll_wait(q->fd, events, 3, 0);
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 != KQ_NAME_BELL)
			harvest(q, (int)events[i].data.u64);
	return n;
}

/* until: when; 0: at once; -1: never */
static int events_take(struct kq *q, struct kevent *events, int max,
    int64_t until, const sigset_t *before)
{
	for (;;) {
		int some = wait_for_some(q, until, before);
		int n = -1;

		/* Interrupted, whatever there is now: "A signal was delivered
		 * before the timeout expired": kqueue(2) of all. */
		if (some >= 0)
			n = gather(q, events, max, until == 0);
		kq_show(q);
		if (n != 0 || until == 0)
			return n;
		if (some == 0 && !q->first && until > 0 && now() >= until)
			return 0;
	}
}

/* 0: it is over at once. */
static int64_t timeout_end(const struct timespec *timeout)
{
	if (!timeout->tv_sec && !timeout->tv_nsec)
		return 0;
	if (timeout->tv_sec > INT64_MAX / NS_PER_S / 2)
		return INT64_MAX;
	return now() + timeout->tv_sec * NS_PER_S + timeout->tv_nsec;
}

int kevent(int fd, const struct kevent *changes, int nchanges,
    struct kevent *events, int nevents, const struct timespec *timeout)
{
	int64_t until = -1;
	sigset_t before;
	struct kq *q;
	int n;

	kq_check_call(changes, nchanges, events, nevents, timeout);
	/* macOS refuses what is very long (bitcoin#12375, netty#13503). */
	if (timeout && timeout->tv_sec > kq_system->timeout_max) {
		errno = EINVAL;
		return -1;
	}
	if (timeout)
		until = timeout_end(timeout);
	kq_lock(&before);
	for (q = kq_all; q && q->fd != fd; q = q->next)
		continue;
	if (!q)
		kq_blame("kevent: %d is no queue of this process", fd);
	n = changes_apply(q, changes, nchanges, events, nevents, until != 0);
	/* "When nevents is zero, kevent() will return immediately even if there
	 * is a timeout specified": kqueue(2) of FreeBSD. */
	if (n == 0 && nevents > 0)
		n = events_take(q, events, nevents, until, &before);
	else
		kq_show(q);
	kq_unlock(&before);
	return n;
}
