/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_IDLE_H
#define PIKE_BENCH_IDLE_H

#include <stdint.h>

#include "tool.h"

/* What connections cost that were active once and now only wait. */
struct idle {
	unsigned connections; /* asked for; fewer if descriptors run out */
	unsigned interval_ms; /* how long to watch */
	int heap_is_known;
	double heap;      /* bytes of heap for each, pike's alone */
	uint64_t wakeups; /* in the interval */
	uint64_t cpu;     /* ns in the interval */
};

/* The server must print its heap on SIGUSR1, as pike-echo does. */
void idle_measure(struct idle *idle, struct tool_server *server);

#endif
