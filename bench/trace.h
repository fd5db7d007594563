/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_TRACE_H
#define PIKE_BENCH_TRACE_H

#include <stdint.h>

#include "client.h"
#include "tool.h"

/*
 * Exact counts of what a server does for a round of echoes.
 *
 * The server is stopped each time it is about to wait for events.  There,
 * once all replies of a round are in, the next message is put on every
 * connection, so each wait finds the same work and two runs give the same
 * counts, whatever else the machine does.
 */

enum trace_mode {
	TRACE_CALLS,        /* stops at system calls only */
	TRACE_INSTRUCTIONS, /* steps every instruction in user space */
};

enum {
	TRACE_CALLS_MAX = 512,
};

struct trace_site {
	uint64_t address;
	uint64_t count;
	int is_call; /* a system call instruction */
};

struct trace {
	enum trace_mode mode;
	unsigned rounds; /* measured, after a warm-up that is not */
	/* Results, sums over the rounds. */
	uint64_t instructions; /* a repeated string instruction is one */
	uint64_t repeats;      /* iterations of those beyond the first */
	uint64_t least;        /* instructions of the cheapest round */
	uint64_t most;         /* and of the dearest */
	uint64_t calls;
	uint64_t calls_by_number[TRACE_CALLS_MAX];
	uint64_t waits_timed; /* waits that would have ended by themselves */
	struct trace_site *sites; /* hash table by address, 0: free */
	uint64_t sites_size;
};

/* Whether this machine lets one process count another's steps or calls. */
int trace_possible(enum trace_mode mode);
void trace_run(
    struct trace *trace, struct tool_server *server, struct client *client);
/*
 * System calls only, while other work than rounds of echoes goes on: begin
 * leaves the server stopped; during runs work in a child process and counts
 * what the server calls until the child has ended.
 */
void trace_begin(struct trace *trace, struct tool_server *server);
void trace_during(struct trace *trace, struct tool_server *server,
    void (*work)(void *argument), void *argument);
void trace_end(struct trace *trace, struct tool_server *server);
/*
 * System calls only, while the client sends on each connection as soon as it
 * has an answer, from another cpu: not exactly repeatable, but what overlaps
 * in earnest does so here.
 */
void trace_freely(struct trace *trace, struct tool_server *server,
    struct client *client, uint64_t messages);
void trace_free(struct trace *trace);
/* Those of the calls that are io_uring_enter. */
uint64_t trace_enters(const struct trace *trace);

#endif
