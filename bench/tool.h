/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_TOOL_H
#define PIKE_BENCH_TOOL_H

#include <stdint.h>
#include <sys/types.h>

/* What the measuring programs share: errors, and a server as a child. */

_Noreturn void tool_die(const char *what);
_Noreturn void tool_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* As many descriptors as the system allows; tells how many that is. */
unsigned tool_descriptors_raise(void);
void tool_pin(int cpu);
uint64_t tool_now(void);

struct tool_server {
	pid_t pid;
	int out; /* reads what the server prints */
	unsigned port;
};

/*
 * Starts argv (ended by NULL) on the given cpu (-1: any) and waits for the
 * port that it prints.  It is killed should this program die.  0 when it
 * ended at once with status 77, as it cannot run on this system.
 */
int tool_server_start(struct tool_server *server, char *const *argv, int cpu);
/* The next line that the server prints, without the newline. */
void tool_server_line(struct tool_server *server, char *line, size_t size);
/* SIGTERM; anything but a clean exit fails this program. */
void tool_server_stop(struct tool_server *server);
/* Time on cpu, user and kernel, of all its threads so far, in ns. */
uint64_t tool_server_cpu(const struct tool_server *server);

#endif
