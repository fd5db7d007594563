/* SPDX-License-Identifier: MIT */
/*
 * Every call that pike makes of Windows, looked at as it is made: rules that a
 * lenient system lets pass. A rule that is broken ends the case.
 */
#ifndef PIKE_TESTS_WINDOWS_WATCH_H
#define PIKE_TESTS_WINDOWS_WATCH_H

#include "backend/win_sys.h"

/* What was seen since the last reset. */
struct watch_seen {
	long calls;          /* all of them */
	long waits;          /* of these: for packets */
	long associations;   /* a file with a port */
	long accepts;        /* connections that AcceptEx brought, */
	long accept_updates; /* and those told what they are */
	long connects;       /* the same of ConnectEx */
	long connect_updates;
	long begun;    /* overlapped calls that went on by themselves, */
	long dequeued; /* and the packets that ended them */
	long cancels;
	long polls;     /* asked of the sockets' driver */
	long alone;     /* sockets that are to have their port alone */
	long inherited; /* handles that a child would get */
};
extern struct watch_seen watch_seen;

/* Once, before any queue is opened. */
void watch_begin(void);

/* Forgets what was seen and all that is known of handles: before a queue is
 * opened. */
void watch_reset(void);

/* How many overlapped calls the system has; whether one is on this memory, with
 * any of its pieces. */
int watch_held(void);
bool watch_holds(const void *memory, size_t len);

#endif
