/* SPDX-License-Identifier: MIT */
/*
 * budget: checks what an echo and an idle connection may cost with pike.
 * Only counts, which no load of the machine changes.  With --idle prints
 * what idle connections cost, and no more.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "budget.h"
#include "client.h"
#include "idle.h"

enum {
	STATUS_SKIP = 77,
	IDLE_CONNECTIONS = 10000,
	LIVES = 100, /* connections whose whole life is counted */
};

/* Sanitizers and -O0 change instructions and memory, not system calls. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) &&                 \
    !defined(__SANITIZE_THREAD__)
int budget_is_plain = 1;
#else
int budget_is_plain = 0;
#endif

static char budget_directory[PATH_MAX];
static unsigned budget_failures;

void budget_check(const char *what, double value, double limit)
{
	int ok = value <= limit;
	printf("%s %s: %.3f, at most %.3f\n", ok ? "PASS" : "FAIL", what, value,
	    limit);
	budget_failures += !ok;
}

static void budget_directory_find(void)
{
	ssize_t n = readlink(
	    "/proc/self/exe", budget_directory, sizeof(budget_directory) - 1);
	if (n < 0)
		tool_die("/proc/self/exe");
	budget_directory[n] = 0;
	*strrchr(budget_directory, '/') = 0;
	char *libs = strrchr(budget_directory, '/');
	if (libs && strcmp(libs, "/.libs") == 0)
		*libs = 0;
}

int budget_start(
    struct tool_server *server, const char *name, const char *variant)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/%s", budget_directory, name);
	if (access(path, X_OK) < 0)
		return 0;
	char option[] = "--variant", value[16];
	snprintf(value, sizeof(value), "%s", variant ? variant : "");
	char *argv[] = {path, variant ? option : NULL, value, NULL};
	return tool_server_start(server, argv, 0);
}

static int budget_load_start(const struct budget_load *load,
    struct tool_server *server, struct client *client)
{
	if (!budget_start(server, load->server, load->variant))
		return 0;
	client_open(client, server->port, load->connections, load->type);
	client_run(client, 4ull * load->connections, 0);
	return 1;
}

int budget_trace(
    struct trace *trace, const struct budget_load *load, enum trace_mode mode)
{
	struct tool_server server;
	struct client client;
	if (!budget_load_start(load, &server, &client))
		return 0;
	*trace = (struct trace){.mode = mode, .rounds = load->rounds};
	trace_run(trace, &server, &client);
	client_close(&client);
	tool_server_stop(&server);
	return 1;
}

int budget_trace_free(struct trace *trace, const struct budget_load *load)
{
	struct tool_server server;
	struct client client;
	if (!budget_load_start(load, &server, &client))
		return 0;
	*trace = (struct trace){.mode = TRACE_CALLS};
	trace_freely(trace, &server, &client,
	    (uint64_t)load->connections * load->rounds);
	client_close(&client);
	tool_server_stop(&server);
	return 1;
}

static void budget_calls(
    const char *server, unsigned connections, unsigned rounds, double limit)
{
	const struct budget_load load = {
	    server, NULL, SOCK_STREAM, connections, rounds};
	struct trace trace;
	char what[64];
	if (!budget_trace(&trace, &load, TRACE_CALLS))
		tool_fail("there is no %s to measure", server);
	snprintf(what, sizeof(what),
	    "%s, system calls an echo, %u connection%s", server, connections,
	    connections > 1 ? "s" : "");
	budget_check(
	    what, (double)trace.calls / ((double)connections * rounds), limit);
	budget_check("epoll_ctl in all of these",
	    (double)trace.calls_by_number[SYS_epoll_ctl], 0);
	budget_check(
	    "waits that would end by themselves", (double)trace.waits_timed, 0);
}

int budget_instructions_possible(void)
{
	if (budget_is_plain && trace_possible(TRACE_INSTRUCTIONS))
		return 1;
	printf("SKIP instructions: not counted in this build or here\n");
	return 0;
}

double budget_instructions_of(const struct budget_load *load)
{
	struct trace trace;
	if (!budget_trace(&trace, load, TRACE_INSTRUCTIONS))
		return 0;
	trace_free(&trace);
	return (double)trace.instructions /
	       ((double)load->connections * load->rounds);
}

static double budget_instructions(
    const char *server, unsigned connections, unsigned rounds, double limit)
{
	struct budget_load load = {
	    server, NULL, SOCK_STREAM, connections, rounds};
	double instructions = budget_instructions_of(&load);
	char what[96];
	snprintf(what, sizeof(what),
	    "%s, instructions an echo, %u connection%s", server, connections,
	    connections > 1 ? "s" : "");
	budget_check(what, instructions, limit);
	return instructions;
}

/*
 * At most what has been reached with gcc and clang, and half of what libuv
 * takes for the same work, a write that is completed later; its uv_try_write
 * completes nothing and is shown beside it.
 */
static void budget_libuv(unsigned connections, unsigned rounds,
    double limit_plain, double limit_grouped)
{
	struct budget_load load = {
	    "libuv-echo", NULL, SOCK_STREAM, connections, rounds};
	if (!budget_instructions_possible())
		return;
	double plain =
	    budget_instructions("pike-echo", connections, rounds, limit_plain);
	double grouped = budget_instructions(
	    "pike-multishot", connections, rounds, limit_grouped);
	double libuv = budget_instructions_of(&load);
	if (libuv == 0) {
		printf("SKIP instructions: no libuv to compare with\n");
		return;
	}
	budget_check("of libuv's instructions", plain / libuv, 0.5);
	budget_check("the same from a group", grouped / libuv, 0.5);
	load.variant = "1";
	printf("     libuv with uv_try_write: %.1f\n",
	    budget_instructions_of(&load));
}

/* A client's part of the whole lives of some connections. */
struct budget_lives {
	struct client client; /* connected and sent already, or empty */
	unsigned port;
};

static void budget_lives_begin(void *argument)
{
	struct budget_lives *lives = argument;
	struct client last;
	client_open(&lives->client, lives->port, LIVES, SOCK_STREAM);
	client_run(&lives->client, 3ull * LIVES, 0);
	client_close(&lives->client);
	/* When these return the closes before them have been seen. */
	client_open(&last, lives->port, 1, SOCK_STREAM);
	client_run(&last, 10, 0);
}

static void budget_lives_receive(void *argument)
{
	struct budget_lives *lives = argument;
	for (unsigned i = 0; i < LIVES; i++)
		client_receive(&lives->client, i, 1);
	client_drain(&lives->client);
}

static void budget_lives_check(void)
{
	struct trace trace = {.mode = TRACE_CALLS};
	struct tool_server server;
	struct client first; /* its second echo: all is set up and armed */
	budget_start(&server, "pike-echo", NULL);
	struct budget_lives lives = {.port = server.port};
	client_open(&first, server.port, 1, SOCK_STREAM);
	client_run(&first, 2, 0);
	trace_begin(&trace, &server);
	trace_during(&trace, &server, budget_lives_begin, &lives);
	trace_end(&trace, &server);
	client_close(&first);
	tool_server_stop(&server);
	budget_check("epoll_ctl in a connection's life",
	    (double)trace.calls_by_number[SYS_epoll_ctl] / (LIVES + 1), 1);

	/* One message and a close, all of it there before the server looks. */
	budget_start(&server, "pike-echo", "1");
	client_open(&first, server.port, 1, SOCK_STREAM);
	client_run(&first, 1, 0);
	client_drain(&first);
	client_close(&first);
	trace_begin(&trace, &server);
	client_open(&lives.client, server.port, LIVES, SOCK_STREAM);
	for (unsigned i = 0; i < LIVES; i++)
		client_send(&lives.client, i);
	trace_during(&trace, &server, budget_lives_receive, &lives);
	trace_end(&trace, &server);
	client_close(&lives.client);
	tool_server_stop(&server);
	budget_check("epoll_ctl for connections that never wait",
	    (double)trace.calls_by_number[SYS_epoll_ctl], 0);
}

void budget_idle(const char *name, int only)
{
	struct tool_server server;
	struct idle idle = {
	    .connections = IDLE_CONNECTIONS, .interval_ms = only ? 2000 : 500};
	/* Before the server starts, which inherits the limit. */
	tool_descriptors_raise();
	budget_start(&server, name, NULL);
	idle_measure(&idle, &server);
	tool_server_stop(&server);
	if (only) {
		printf("%s, %u idle connections: %" PRIu64
		       " wakeups and %" PRIu64
		       " ns of cpu in %u ms, %.1f bytes of heap each\n",
		    name, idle.connections, idle.wakeups, idle.cpu,
		    idle.interval_ms, idle.heap);
		return;
	}
	printf("%s, %u idle connections\n", name, idle.connections);
	budget_check("wakeups in 500 ms when idle", (double)idle.wakeups, 0);
	if (budget_is_plain && idle.heap_is_known)
		budget_check(
		    "bytes of heap for an idle connection", idle.heap, 400);
	else
		printf(
		    "SKIP bytes of heap: not counted in this build or here\n");
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
	    {"idle", no_argument, NULL, 'i'},
	    {NULL, 0, NULL, 0},
	};
	int letter = getopt_long(argc, argv, "", table, NULL);
	if ((letter != -1 && letter != 'i') || optind != argc) {
		fprintf(stderr, "usage: %s [--idle]\n", argv[0]);
		return 2;
	}
	/* Other backends have other figures. */
	setenv("PIKE_BACKEND", "epoll", 1);
	setlinebuf(stdout);
	budget_directory_find();
	if (letter == 'i') {
		budget_idle("pike-echo", 1);
		budget_idle("pike-multishot", 1);
		return 0;
	}
	if (!trace_possible(TRACE_CALLS)) {
		printf(
		    "SKIP counts: one process may not count another's calls\n");
		return STATUS_SKIP;
	}
	tool_pin(0);
	/* A server that loses a message must not keep the tests waiting. */
	alarm(240);
	budget_calls("pike-echo", 1, 100, 3.01);
	budget_calls("pike-echo", 500, 4, 2.2);
	budget_calls("pike-multishot", 1, 100, 3.01);
	budget_calls("pike-multishot", 500, 4, 2.2);
	budget_lives_check();
	budget_libuv(1, 10, 430, 430);
	budget_libuv(50, 2, 253, 253);
	budget_idle("pike-echo", 0);
	budget_idle("pike-multishot", 0);
	budget_uring();
	return budget_failures != 0;
}
