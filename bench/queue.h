/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_QUEUE_H
#define PIKE_BENCH_QUEUE_H

#include <pike.h>

#include "server.h"

/*
 * What pike's servers share: a queue with a socket that is served, and the
 * signals.  SIGUSR1 prints the bytes of heap in use, none of which is the
 * server's own: what it keeps lies in mapped memory.
 */

_Noreturn void queue_die(int64_t code, const char *what);
/* Ends this program on an error. */
static inline void queue_check(int64_t code, const char *what)
{
	if (__builtin_expect(code < 0, 0))
		queue_die(code, what);
}

/* Type is PIKE_SOCK_STREAM, which listens, or PIKE_SOCK_DGRAM. */
struct pike_queue *queue_open(
    const struct server_options *options, int32_t type, pike_handle *handle);
/* 1 when the completion was a signal, which has then been served: one that asks
 * for the end has closed the queue and ended this program. */
int queue_on_signal(
    struct pike_queue *queue, const struct pike_completion *done);
/* Zeroed memory for good. */
void *queue_memory(size_t size);
/* A group of SERVER_GROUP_BUFFERS buffers, and where they lie. */
uint32_t queue_group(struct pike_queue *queue, char **memory);

#endif
