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
#include "bell.h"
#include "posix_error.h"
#include "posix_io.h"
#include "reactor.h"

#define EVENTS_MAX 256

/* Registered by one call, which has room for an error of each change. */
#define FRESH_AT_ONCE (EVENTS_MAX / 2)

/* The longest wait: macOS refuses those of more than 3 years. */
#define WAIT_NS_MAX (INT64_C(86400) * 1000000000)

/* Nobody tells when the wall clock is set: it is looked at so often. */
#define CLOCK_NS INT64_C(1000000000)

/* Of the poller's own events, above those of all descriptors. */
enum {
	WAKE = 0x70000001,
	SHOWN,
	ALARM
};

struct kqueue {
	struct pike__reactor reactor; /* first: the backend's state is both */
	int kq;
	struct pike__bell wake;
	struct pike__bell shown; /* pollable's "now" */
	bool exposed;
	bool raised;        /* shown was rung */
	int64_t alarm;      /* pollable's "then" */
	pike_handle *fresh; /* those to be registered */
	uint32_t fresh_count, fresh_cap;
	int events_count;
	struct kevent events[EVENTS_MAX];
	struct kevent changes[EVENTS_MAX];
};

/* ---- names ---- */

/*
 * udata holds a handle's name, or, where that is too long for it, the handle's
 * place (plus one) and 12 bits of its generation: with the descriptor's number
 * that is enough to tell the handles of one batch of events apart.
 */
#define PLACE_MASK 0xfffffu

static uintptr_t name_pack(pike_handle name)
{
	if (sizeof(uintptr_t) >= sizeof name)
		return (uintptr_t)name;
	return (uintptr_t)((uint32_t)(name >> 32) << 20 |
			   (((uint32_t)name & PLACE_MASK) + 1));
}

static pike_handle name_unpack(
    const struct pike_queue *q, uintptr_t packed, uintptr_t fd)
{
	const struct pike__handles *t = &q->handles;
	const struct pike__handle *h;

	if (sizeof(uintptr_t) >= sizeof h->self)
		return (pike_handle)packed;
	h = t->at[(((uint32_t)packed & PLACE_MASK) - 1) & t->mask];
	return name_pack(h->self) == packed && (uintptr_t)h->fd == fd ? h->self
								      : 0;
}

static pike_handle event_name(
    const struct pike_queue *q, const struct kevent *event)
{
	uintptr_t packed;

	memcpy(&packed, &event->udata, sizeof packed);
	return packed ? name_unpack(q, packed, event->ident) : 0;
}

/* ---- the poller ---- */

static int kqueue_arm(struct pike_queue *q, struct pike__handle *h)
{
	struct kqueue *k = q->backend_state;

	/* Files are ready always, or never, or once. */
	if (h->kind == PIKE__FILE)
		return EPERM;
	if (name_unpack(q, name_pack(h->self), (uintptr_t)h->fd) != h->self)
		return EMFILE;
	if (!pike__grow((void **)&k->fresh, &k->fresh_cap, k->fresh_count + 1,
		sizeof *k->fresh))
		return ENOMEM;
	k->fresh[k->fresh_count++] = h->self;
	/* No event tells of urgent data, at which reads stop. */
	h->flags &= (uint16_t)~PIKE__DRAINS;
	return 0;
}

static void filter_delete(struct kqueue *k, uintptr_t fd, int filter)
{
	struct kevent change;

	pike__kevent_change(
	    k->kq, pike__kevent_set(&change, fd, filter, EV_DELETE, 0));
}

static void kqueue_disarm(struct pike_queue *q, struct pike__handle *h)
{
	struct kqueue *k = q->backend_state;

	for (uint32_t i = k->fresh_count; i-- > 0;) {
		if (k->fresh[i] != h->self)
			continue;
		k->fresh[i] = 0;
		return;
	}
	filter_delete(k, (uintptr_t)h->fd, EVFILT_READ);
	filter_delete(k, (uintptr_t)h->fd, EVFILT_WRITE);
}

static void kqueue_wake(struct pike_queue *q)
{
	struct kqueue *k = q->backend_state;

	pike__bell_ring(&k->wake);
}

static const struct pike__poller kqueue_poller = {
    .arm = kqueue_arm,
    .disarm = kqueue_disarm,
    .wake = kqueue_wake,
    .no_urgent = true,
};

/* The changes that register the first names of fresh; what was closed since is
 * left out. */
static int changes_make(struct pike_queue *q, uint32_t names)
{
	struct kqueue *k = q->backend_state;
	int n = 0;

	for (uint32_t i = 0; i < names; i++) {
		struct pike__handle *h =
		    pike__handle_find(&q->handles, k->fresh[i]);

		if (!h)
			continue;
		for (int write = 0; write < 2; write++)
			pike__kevent_set(&k->changes[n++], (uintptr_t)h->fd,
			    write ? EVFILT_WRITE : EVFILT_READ,
			    EV_ADD | EV_CLEAR, name_pack(h->self));
	}
	return n;
}

static void fresh_forget(struct kqueue *k, uint32_t names)
{
	k->fresh_count -= names;
	memmove(k->fresh, k->fresh + names, k->fresh_count * sizeof *k->fresh);
}

/* ---- opening and closing ---- */

static void kqueue_close(struct pike_queue *q, bool forked)
{
	struct kqueue *k = q->backend_state;

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
	struct kqueue *k = pike__alloc(sizeof *k);
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
	pike__bell_clear(&k->wake, k->kq, WAKE);
	pike__bell_clear(&k->shown, k->kq, SHOWN);
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

/* ---- what pollable shows: a kqueue is readable when it has events ---- */

static pike_fd kqueue_pollable(struct pike_queue *q)
{
	struct kqueue *k = q->backend_state;
	struct pike__result r;

	if (k->exposed || pike__bell_open(&k->shown) == 0) {
		k->exposed = true;
		return k->kq;
	}
	pike__posix_error(&r, errno);
	pike__bell_close(&k->shown);
	pike__bell_clear(&k->shown, k->kq, SHOWN);
	return r.res;
}

/* Registers what is fresh without waiting: false when one of them has an error
 * to tell, which the next wait will be told again. */
static bool fresh_add(struct pike_queue *q)
{
	struct kqueue *k = q->backend_state;

	while (k->fresh_count) {
		int n = changes_make(q, 1);

		for (int i = 0; i < n; i++) {
			if (pike__kevent_change(k->kq, &k->changes[i]) == 0)
				continue;
			if (i > 0)
				filter_delete(
				    k, k->changes->ident, EVFILT_READ);
			return false;
		}
		fresh_forget(k, 1);
	}
	return true;
}

/* In milliseconds, which all of them know, and never early. */
static bool alarm_set(struct kqueue *k, int64_t next)
{
	int64_t ms = (next - pike__port_monotonic()) / 1000000 + 1;
	struct kevent change;

	if (k->alarm != INT64_MAX)
		pike__kevent_change(k->kq, pike__kevent_set(&change, ALARM,
					       EVFILT_TIMER, EV_DELETE, 0));
	k->alarm = INT64_MAX;
	if (next == INT64_MAX)
		return true;
	pike__kevent_set(&change, ALARM, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0);
	change.data = ms < 1 ? 1 : ms > 3600000 ? 3600000 : (int)ms;
	if (pike__kevent_change(k->kq, &change))
		return false;
	k->alarm = next;
	return true;
}

static void kqueue_show(struct pike_queue *q, bool now, int64_t next)
{
	struct kqueue *k = q->backend_state;

	next = pike__reactor_next(&k->reactor, next);
	if (q->realtime.count) {
		int64_t look =
		    pike__time_after(pike__port_monotonic(), CLOCK_NS);

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

/* ---- waiting ---- */

static void own_event(struct pike_queue *q, const struct kevent *event)
{
	struct kqueue *k = q->backend_state;

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

/* An event in PIKE_POLL_ bits; what only poll knows is asked for polls. */
static unsigned event_bits(struct pike__handle *h, const struct kevent *event)
{
	const unsigned over = PIKE_POLL_ERR | PIKE_POLL_HUP;
	bool reads = event->filter == EVFILT_READ;
	bool stream = h->kind == PIKE__SOCKET_STREAM;
	unsigned bits = reads ? PIKE_POLL_IN : PIKE_POLL_OUT;
	int known = 0;

	if (event->flags & EV_EOF) {
		if (h->kind > PIKE__SOCKET_PACKET)
			bits |= reads ? PIKE_POLL_HUP : PIKE_POLL_ERR;
		else if (reads)
			bits |= PIKE_POLL_RDHUP;
		if (event->fflags)
			bits |= over;
		/* Some take the error from the socket when they tell it. */
		if (event->fflags && stream && !(h->flags & PIKE__CONNECTING) &&
		    pike__ends_stream(
			pike__error_from_errno((int)event->fflags)))
			h->gone = pike__error_from_errno((int)event->fflags);
	}
	if (h->lane[PIKE__POLLS].head)
		known = pike__posix_events((int)h->fd,
		    reads ? PIKE_POLL_IN | PIKE_POLL_PRI | PIKE_POLL_RDHUP
			  : PIKE_POLL_OUT);
	return known > 0 ? bits | (unsigned)known : bits;
}

/* A filter was refused. What is not registered whole is not at all. */
static void refused(struct pike_queue *q, struct pike__handle *h,
    const struct kevent *event, int err)
{
	struct kqueue *k = q->backend_state;
	bool reads = event->filter == EVFILT_READ;
	bool both = false;

	for (int i = 0; i < k->events_count; i++) {
		const struct kevent *e = &k->events[i];

		both |= (e->flags & EV_ERROR) && e->ident == event->ident &&
			e->filter != event->filter;
	}
	if (!both)
		filter_delete(
		    k, event->ident, reads ? EVFILT_WRITE : EVFILT_READ);
	if (err == EINVAL || err == ENODEV)
		err = EPERM;
	/* Thus NetBSD, of a pipe without a reader. */
	if (err == EBADF && !reads && h->kind == PIKE__PIPE)
		err = EPIPE;
	pike__reactor_refused(q, h, reads ? PIKE__READS : PIKE__WRITES, err);
}

PIKE__COLD static void event_any(
    struct pike_queue *q, pike_handle name, const struct kevent *event)
{
	struct pike__handle *h = pike__handle_find(&q->handles, name);
	int err = event->flags & EV_ERROR ? (int)event->data : 0;

	if (!name)
		own_event(q, event);
	if (!h)
		return;
	if (!err)
		pike__reactor_event_any(q, name, event_bits(h, event));
	else
		refused(q, h, event, err);
}

static int wait_once(struct kqueue *k, int changes, int64_t timeout_ns)
{
	struct timespec ts;

	pike__timespec(
	    &ts, timeout_ns < WAIT_NS_MAX ? timeout_ns : WAIT_NS_MAX);
	return sys_kevent(k->kq, k->changes, changes, k->events, EVENTS_MAX,
	    timeout_ns < 0 ? NULL : &ts);
}

static void kqueue_wait_for(struct pike_queue *q, int64_t timeout_ns)
{
	struct kqueue *k = q->backend_state;
	uint32_t names;
	sigset_t before;
	bool masked;
	int n;

	if (q->realtime.count && (timeout_ns < 0 || timeout_ns > CLOCK_NS))
		timeout_ns = CLOCK_NS;
	timeout_ns = pike__reactor_before(q, timeout_ns);
	names = k->fresh_count < FRESH_AT_ONCE ? k->fresh_count : FRESH_AT_ONCE;
	if (names < k->fresh_count)
		timeout_ns = 0;
	masked = k->reactor.signals &&
		 pike__signals_unblock(k->reactor.signals, &before);
	n = wait_once(k, names ? changes_make(q, names) : 0, timeout_ns);
	if (masked) {
		int err = errno;

		sys_pthread_sigmask(SIG_SETMASK, &before, NULL);
		errno = err;
	}
	/* Interrupted it was after the changes had been made. */
	if (names && (n >= 0 || errno == EINTR))
		fresh_forget(k, names);
	if (n < 0)
		pike__reactor_roused(q);
	k->events_count = n;
	for (int i = 0; i < n; i++) {
		const struct kevent *event = &k->events[i];
		pike_handle name = event_name(q, event);

		/* Whether it can be written a try will find out. */
		if (event->filter != EVFILT_READ ||
		    (event->flags & (EV_EOF | EV_ERROR)) ||
		    !pike__reactor_received(
			q, name, PIKE_POLL_IN | PIKE_POLL_OUT))
			event_any(q, name, event);
	}
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
    .pollable = kqueue_pollable,
    .show = kqueue_show,
    .route = pike__reactor_route,
    .group_open = pike__reactor_group_open,
    .group_close = pike__reactor_group_close,
};
