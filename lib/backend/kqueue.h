/* SPDX-License-Identifier: MIT */
/*
 * The kqueue poller between its two files: what it is (kqueue.c), and what the
 * descriptor of pike_pollable shows (kqueue_show.c).
 */
#ifndef PIKE_LIB_BACKEND_KQUEUE_H
#define PIKE_LIB_BACKEND_KQUEUE_H

#include <string.h>

#include "bell.h"
#include "reactor.h"

#define PIKE__EVENTS_MAX 256

/* Nobody tells when the wall clock is set: it is looked at so often. */
#define PIKE__CLOCK_NS INT64_C(1000000000)

/* Of the poller's own events, above those of all descriptors. */
enum {
	PIKE__BELL_WAKE = 0x70000001,
	PIKE__BELL_SHOWN,
	PIKE__ALARM
};

struct pike__kqueue {
	struct pike__reactor reactor; /* first: the backend's state is both */
	int kq;
	struct pike__bell wake;
	struct pike__bell shown; /* pollable's "now" */
	bool exposed;
	bool raised;        /* shown was rung */
	int64_t alarm;      /* pollable's "then" */
	pike_handle *fresh; /* those to be registered */
	uint32_t fresh_count, fresh_cap;
	int count; /* of events */
	struct kevent events[PIKE__EVENTS_MAX];
	struct kevent changes[PIKE__EVENTS_MAX];
};

/*
 * udata holds a handle's name, or, where that is too long for it, the handle's
 * place (plus one) and 12 bits of its generation: with the descriptor's number
 * that is enough to tell the handles of one batch of events apart.
 */
#define PIKE__PLACE_MASK 0xfffffu

/* Tests say so where there is room too. */
#ifndef PIKE_KQUEUE_PACKS
#	define PIKE_KQUEUE_PACKS (sizeof(uintptr_t) < sizeof(pike_handle))
#endif

static inline uintptr_t pike__kqueue_name(pike_handle name)
{
	if (!PIKE_KQUEUE_PACKS)
		return (uintptr_t)name;
	return (uintptr_t)((uint32_t)(name >> 32) << 20 |
			   (((uint32_t)name & PIKE__PLACE_MASK) + 1));
}

static inline pike_handle pike__kqueue_handle(
    const struct pike_queue *q, uintptr_t packed, uintptr_t fd)
{
	const struct pike__handles *t = &q->handles;
	const struct pike__handle *h;

	if (!PIKE_KQUEUE_PACKS)
		return (pike_handle)packed;
	h = t->at[(((uint32_t)packed & PIKE__PLACE_MASK) - 1) & t->mask];
	return pike__kqueue_name(h->self) == packed && (uintptr_t)h->fd == fd
		   ? h->self
		   : 0;
}

static inline pike_handle pike__kqueue_told(
    const struct pike_queue *q, const struct kevent *event)
{
	uintptr_t packed;

	memcpy(&packed, &event->udata, sizeof packed);
	return pike__kqueue_handle(q, packed, event->ident);
}

/* The changes that register the first names of fresh; what was closed since is
 * left out. How many. */
int pike__kqueue_changes(struct pike_queue *q, uint32_t names);
/* They were made. */
void pike__kqueue_registered(struct pike__kqueue *k, uint32_t names);
void pike__kqueue_delete(struct pike__kqueue *k, uintptr_t fd, int filter);

pike_fd pike__kqueue_pollable(struct pike_queue *q);
void pike__kqueue_show(struct pike_queue *q, bool now, int64_t next);
/* An event that is no handle's. */
void pike__kqueue_own(struct pike_queue *q, const struct kevent *event);

#endif
