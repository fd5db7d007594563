/* SPDX-License-Identifier: MIT */
/*
 * What makes a kqueue ready by itself: an event of our own, or, where there is
 * none, a pipe. It rings once, however often it was rung before it is heard.
 */
#ifndef PIKE_LIB_BACKEND_BELL_H
#define PIKE_LIB_BACKEND_BELL_H

#include <stdbool.h>
#include <stdint.h>

struct kevent;

struct pike__bell {
	int kq;
	uintptr_t ident; /* of its event */
	int pipe[2];     /* -1: none is needed */
};

/* It has nothing yet: only then may it be closed. ident is above those of all
 * descriptors. */
void pike__bell_clear(struct pike__bell *b, int kq, uintptr_t ident);
/* 0, or -1 with errno; close it in either case. */
int pike__bell_open(struct pike__bell *b);
void pike__bell_close(struct pike__bell *b);

/* Any thread, any handler. */
void pike__bell_ring(const struct pike__bell *b);
/* After its event. */
void pike__bell_heard(const struct pike__bell *b);
/* Whether it was rung or not, it is quiet afterwards. */
void pike__bell_still(const struct pike__bell *b);

/* A change or an event, with each field by its name: their types and order are
 * not the same everywhere. name comes back with the event, and is 0 for what
 * belongs to no handle. */
struct kevent *pike__kevent_set(struct kevent *change, uintptr_t ident,
    int filter, unsigned flags, uintptr_t name);
/* One change by itself, so that none is skipped when it fails, with a receipt,
 * so that one may be asked for that has come too late. 0 or -1. */
int pike__kevent_change(int kq, const struct kevent *change);

#endif
