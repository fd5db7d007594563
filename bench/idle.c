/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "client.h"
#include "idle.h"

enum {
	SPARE = 64, /* descriptors for everything else */
};

static uint64_t idle_heap(struct tool_server *server)
{
	char line[32];
	kill(server->pid, SIGUSR1);
	tool_server_line(server, line, sizeof(line));
	if (!*line)
		tool_fail("the server did not tell its heap");
	return strtoull(line, NULL, 10);
}

/* How often it has gone to sleep, and its state ('S': it sleeps). */
static uint64_t idle_sleeps(const struct tool_server *server, char *state)
{
	char line[256];
	uint64_t sleeps = UINT64_MAX;
	snprintf(line, sizeof(line), "/proc/%d/status", (int)server->pid);
	FILE *file = fopen(line, "r");
	if (!file)
		tool_die(line);
	*state = '?';
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", state);
		sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &sleeps);
	}
	fclose(file);
	if (sleeps == UINT64_MAX)
		tool_fail("no count of context switches in /proc");
	return sleeps;
}

static void idle_pause(unsigned ms)
{
	struct timespec time = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	nanosleep(&time, NULL);
}

/* Waits until what was in flight is done and the server sleeps. */
static uint64_t idle_settle(const struct tool_server *server)
{
	char state;
	uint64_t sleeps = idle_sleeps(server, &state);
	for (unsigned tries = 0; tries < 200; tries++) {
		uint64_t cpu = tool_server_cpu(server);
		idle_pause(20);
		uint64_t again = idle_sleeps(server, &state);
		if (state == 'S' && again == sleeps &&
		    tool_server_cpu(server) == cpu)
			break;
		sleeps = again;
	}
	return sleeps;
}

void idle_measure(struct idle *idle, struct tool_server *server)
{
	struct client client;
	unsigned room = tool_descriptors_raise() - SPARE;
	if (idle->connections > room)
		idle->connections = room;
	uint64_t heap = idle_heap(server);
	client_open(&client, server->port, idle->connections, SOCK_STREAM);
	client_run(&client, idle->connections, 0);
	uint64_t full = idle_heap(server);
	idle->heap_is_known = heap != 0;
	idle->heap = ((double)full - (double)heap) / idle->connections;
	uint64_t sleeps = idle_settle(server);
	uint64_t cpu = tool_server_cpu(server);
	char state;
	idle_pause(idle->interval_ms);
	idle->wakeups = idle_sleeps(server, &state) - sleeps;
	idle->cpu = tool_server_cpu(server) - cpu;
	client_close(&client);
}
