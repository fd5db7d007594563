/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of a queue's own, on Linux: what wakes it, what tells that
 * the wall clock was set, and what the descriptor of pike_pollable shows. The
 * poller watches them under small names, below those of all handles.
 */
#ifndef PIKE_LIB_BACKEND_OWN_H
#define PIKE_LIB_BACKEND_OWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <pike.h>

struct pike_queue;

enum {
	PIKE__OWN_WAKE = 1,
	PIKE__OWN_CLOCK,
	PIKE__OWN_SHOWN,
	PIKE__OWN_ALARM
};

struct pike__own {
	/* Tells of the edges of a descriptor, at the least. 0, or -1 with
	 * errno. */
	int (*watch)(struct pike_queue *q, int fd, unsigned name);
	int wake_fd;  /* eventfd, never read */
	int clock_fd; /* told of steps of the wall clock; -1 until needed */
	_Atomic int shown_fd; /* eventfd: pollable's "now"; -1 */
	int alarm_fd;         /* timerfd: pollable's "then"; -1 */
	bool shown;
	int64_t alarm;
};

/* It has nothing yet: only then may it be closed. */
void pike__own_clear(struct pike__own *own);
/* Makes what wakes. 0, or -1 with errno; close it in either case. */
int pike__own_open(struct pike__own *own, struct pike_queue *q,
    int (*watch)(struct pike_queue *q, int fd, unsigned name));
void pike__own_close(struct pike__own *own);

/* Ends the wait, or else the next one, and raises also when that is a
 * descriptor. Any thread, any handler. */
void pike__own_wake(struct pike__own *own, int also);

/* Begins to watch the wall clock, which a timer waits for. */
void pike__own_watch_clock(struct pike__own *own, struct pike_queue *q);

/* Makes what pike_pollable needs. 0, or -1 with errno. */
int pike__own_expose(struct pike__own *own, struct pike_queue *q);
/* Sets the time at which there will be something; true when the reactor has
 * something to do now. */
bool pike__own_alarm(struct pike__own *own, struct pike_queue *q, int64_t next);
/* Makes what pollable shows readable, and quiet: whether it was not. */
void pike__own_raise(struct pike__own *own);
bool pike__own_lower(struct pike__own *own);

/* One of the descriptors has an edge. */
void pike__own_event(
    struct pike__own *own, struct pike_queue *q, unsigned name);

#endif
