/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_RING_H
#define PIKE_BENCH_RING_H

#include <liburing.h>

#include "server.h"

/*
 * What the hand-written servers on io_uring share: how the ring is made, and
 * a group of buffers that the kernel takes from.  Where the system cannot do
 * it they end with SERVER_SKIP before they have told a port.
 */

enum {
	RING_ENTRIES = 1024,
	/* Two for each connection or datagram that may be busy at once. */
	RING_COMPLETIONS = 16384,
	RING_GROUP = 1, /* its number */
};

struct ring_group {
	struct io_uring_buf_ring *ring;
	char *memory;
	unsigned returned; /* and not yet shown to the kernel */
};

void ring_open(struct io_uring *ring);
/* SERVER_GROUP_BUFFERS of size bytes each, all of them free. */
void ring_group_open(
    struct ring_group *group, struct io_uring *ring, unsigned size);
/* Ends this program unless the wait was merely cut short. */
void ring_wait_failed(int code);

/* The next entry, zeroed by whoever prepares it. */
static inline struct io_uring_sqe *ring_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;
	while (__builtin_expect(!(sqe = io_uring_get_sqe(ring)), 0))
		io_uring_submit(ring);
	return sqe;
}

/* One system call a turn: hands everything over and waits for so many. */
static inline void ring_wait(struct io_uring *ring, unsigned count)
{
	int code = io_uring_submit_and_wait(ring, count);
	if (__builtin_expect(code < 0, 0))
		ring_wait_failed(code);
}

static inline void ring_group_return(
    struct ring_group *group, unsigned buffer, unsigned size)
{
	io_uring_buf_ring_add(group->ring,
	    group->memory + (size_t)buffer * size, size, (unsigned short)buffer,
	    SERVER_GROUP_BUFFERS - 1, (int)group->returned++);
}

static inline void ring_group_show(struct ring_group *group)
{
	io_uring_buf_ring_advance(group->ring, (int)group->returned);
	group->returned = 0;
}

#endif
