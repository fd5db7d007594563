/* SPDX-License-Identifier: MIT */
/* liburing's calls, with errors told as those of the system; for sys.h. */
#ifndef PIKE_LIB_BACKEND_URING_SYS_H
#define PIKE_LIB_BACKEND_URING_SYS_H

#include <errno.h>
#include <liburing.h>
#include <sys/utsname.h>

static inline int uring_said(int result)
{
	if (result >= 0)
		return result;
	errno = -result;
	return -1;
}

static inline int uring_setup(
    unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
	return uring_said(io_uring_queue_init_params(entries, ring, params));
}

static inline int uring_exit(struct io_uring *ring)
{
	io_uring_queue_exit(ring);
	return 0;
}

static inline int uring_dontfork(struct io_uring *ring)
{
	return uring_said(io_uring_ring_dontfork(ring));
}

static inline int uring_eventfd(struct io_uring *ring, int fd)
{
	return uring_said(io_uring_register_eventfd(ring, fd));
}

static inline int uring_eventfd_end(struct io_uring *ring)
{
	return uring_said(io_uring_unregister_eventfd(ring));
}

static inline int uring_buf_ring(
    struct io_uring *ring, struct io_uring_buf_reg *reg)
{
	return uring_said(io_uring_register_buf_ring(ring, reg, 0));
}

static inline int uring_buf_ring_end(struct io_uring *ring, int id)
{
	return uring_said(io_uring_unregister_buf_ring(ring, id));
}

/* Its memory is zeroed, and has room for n requests. */
static inline int uring_probe(
    struct io_uring *ring, struct io_uring_probe *probe, unsigned n)
{
	return uring_said(io_uring_register_probe(ring, probe, n));
}

/* By a call, without a request: waits until what is cancelled has ended, or a
 * second. */
static inline int uring_cancel(
    struct io_uring *ring, uint64_t name, unsigned flags)
{
	struct io_uring_sync_cancel_reg reg = {
	    .addr = name, .fd = -1, .flags = flags, .timeout = {.tv_sec = 1}};

	return uring_said(io_uring_register_sync_cancel(ring, &reg));
}

static inline int uring_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	return uring_said(io_uring_enter2(
	    (unsigned)fd, n, least, flags, (sigset_t *)arg, size));
}

#endif
