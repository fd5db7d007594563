/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_BUDGET_H
#define PIKE_BENCH_BUDGET_H

#include "tool.h"
#include "trace.h"

/* What the checks of the backends share. */

/* A load that is counted, and the server that bears it. */
struct budget_load {
	const char *server;
	const char *variant; /* or NULL */
	int type;            /* SOCK_STREAM or SOCK_DGRAM */
	unsigned connections;
	unsigned rounds;
};

extern int budget_is_plain; /* neither sanitized nor -O0: compiled to be fast */

void budget_check(const char *what, double value, double limit);
/* 0 when there is no such server, or it cannot run here. */
int budget_start(
    struct tool_server *server, const char *name, const char *variant);
/* Counts a load; 0 as above. Rounds in lock step, or one load that runs
 * freely. The caller frees the trace. */
int budget_trace(
    struct trace *trace, const struct budget_load *load, enum trace_mode mode);
int budget_trace_free(struct trace *trace, const struct budget_load *load);
/* Instructions an echo; 0 when there is no such server. */
double budget_instructions_of(const struct budget_load *load);
int budget_instructions_possible(void);
void budget_idle(const char *server, int only);

/* Everything about io_uring; leaves PIKE_BACKEND set. */
void budget_uring(void);

#endif
