/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ring.h"

static _Noreturn void ring_skip(const char *what, int code)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-code));
	exit(SERVER_SKIP);
}

/*
 * The dearest thing about a ring is to be interrupted by it: completions that
 * wait for the thread to ask are best (6.1), those that wait for its next
 * system call next (5.19).
 */
void ring_open(struct io_uring *ring)
{
	static const unsigned flags[] = {
	    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	    IORING_SETUP_COOP_TASKRUN,
	};
	int code = -EINVAL;
	for (size_t i = 0; i < 2 && code == -EINVAL; i++) {
		struct io_uring_params params = {
		    .flags = flags[i] | IORING_SETUP_CQSIZE |
			     IORING_SETUP_SUBMIT_ALL,
		    .cq_entries = RING_COMPLETIONS,
		};
		code = io_uring_queue_init_params(RING_ENTRIES, ring, &params);
	}
	if (code < 0)
		ring_skip("io_uring_queue_init_params", code);
	/* Spares each call a look into the table of descriptors. */
	io_uring_register_ring_fd(ring);
}

void ring_group_open(
    struct ring_group *group, struct io_uring *ring, unsigned size)
{
	size_t bytes = SERVER_GROUP_BUFFERS * sizeof(struct io_uring_buf);
	size_t room = (size_t)SERVER_GROUP_BUFFERS * size;
	group->ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	group->memory = mmap(NULL, room, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (group->ring == MAP_FAILED || group->memory == MAP_FAILED)
		server_die("mmap");
	struct io_uring_buf_reg what = {
	    .ring_addr = (uintptr_t)group->ring,
	    .ring_entries = SERVER_GROUP_BUFFERS,
	    .bgid = RING_GROUP,
	};
	int code = io_uring_register_buf_ring(ring, &what, 0);
	if (code < 0)
		ring_skip("io_uring_register_buf_ring", code);
	io_uring_buf_ring_init(group->ring);
	group->returned = 0;
	for (unsigned i = 0; i < SERVER_GROUP_BUFFERS; i++)
		ring_group_return(group, i, size);
	ring_group_show(group);
}

void ring_wait_failed(int code)
{
	if (code == -EINTR || code == -EAGAIN || code == -EBUSY)
		return;
	errno = -code;
	server_die("io_uring_enter");
}
