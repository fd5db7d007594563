/* SPDX-License-Identifier: MIT */
/* A kqueue, changes to it and events of it, in few words. */
#ifndef PIKE_TESTS_KQUEUE_QUEUE_H
#define PIKE_TESTS_KQUEUE_QUEUE_H

#include <stdbool.h>

#include "../kqueue-emulation/emulation.h"
#include "../unit/unit.h"

#define EVENTS 64

/* What the last call gave. */
struct got {
	int n;
	int error; /* errno, when n is -1 */
	struct kevent events[EVENTS];
};
extern struct got got;

/* Each case has one queue, and is on one system. */
extern int kq;
void begin_on(const char *system);
void end(void);

/* A change by itself: 0 or the error. udata is the ident + 1000. */
int change(uintptr_t ident, int filter, int flags);
int change_all(
    uintptr_t ident, int filter, int flags, unsigned fflags, int64_t data);
/* Events, as many as there are at once; within a time. */
int take(void);
int take_within(int ms);
int take_at_most(int max);
/* The event of a filter in what was got; null: none. */
const struct kevent *event_of(uintptr_t ident, int filter);
/* The one that is got within a time, and nothing else. */
const struct kevent *take_one(uintptr_t ident, int filter);
void take_none(void);
bool is_readable(int fd);

void tcp_pair(int pair[2]);
void unix_pair(int pair[2]);
/* A socket that listens, and its port. */
int listener(int *port);
/* A connect to a port of this machine, under way. */
int caller(int port);
int closed_port(void);
void fill(int fd);
void drain(int fd);
void reset(int fd);

/* Runs it in a child that has a queue: whether it ended by the blame that has
 * this in it. */
bool is_blamed(void (*body)(void), const char *words);

#endif
