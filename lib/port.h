/* SPDX-License-Identifier: MIT */
/*
 * What the core needs of a system beside its backend: two clocks, a lock for
 * what is shared by all queues, and to know that it runs in a forked child.
 */
#ifndef PIKE_LIB_PORT_H
#define PIKE_LIB_PORT_H

#include <stdint.h>

/* Both in nanoseconds; the monotonic clock never goes back. */
int64_t pike__port_monotonic(void);
int64_t pike__port_realtime(void);

/*
 * How many times the process was forked on the way from where pike was first
 * used to here: a queue made at another count is a parent's. Read from signal
 * handlers too.
 */
extern volatile unsigned pike__port_forks;

/* How many children it has made since: they may hold its descriptors. */
extern volatile unsigned pike__port_children;

/* Begins to count forks; called at each opening of a queue. 0 or -PIKE_E. */
int pike__port_init(void);

/* The lock of the list of closed queues. Never taken in a signal handler. */
void pike__port_lock(void);
void pike__port_unlock(void);

/* Lets another thread run. */
void pike__port_yield(void);

#endif
