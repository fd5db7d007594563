/* SPDX-License-Identifier: MIT */
/*
 * What pike may cost on io_uring: enters of the kernel, and instructions
 * beside those of a server that was written by hand for liburing and does the
 * same.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "budget.h"

enum {
	DATAGRAMS = 32, /* in flight */
};

static int uring_possible(void)
{
	struct tool_server server;
	if (!budget_start(&server, "uring-multishot", NULL)) {
		printf("SKIP io_uring: not in this build or not here\n");
		return 0;
	}
	tool_server_stop(&server);
	return 1;
}

static void uring_enters(
    const char *server, unsigned connections, unsigned rounds, double limit)
{
	const struct budget_load load = {
	    server, NULL, SOCK_STREAM, connections, rounds};
	struct trace trace;
	char what[96];
	if (!budget_trace(&trace, &load, TRACE_CALLS))
		tool_fail("%s does not run on io_uring", server);
	double echoes = (double)connections * rounds;
	snprintf(what, sizeof(what),
	    "%s on io_uring, enters an echo, %u connection%s", server,
	    connections, connections > 1 ? "s" : "");
	budget_check(what, (double)trace_enters(&trace) / echoes, limit);
	printf("     all system calls: %.3f\n", (double)trace.calls / echoes);
	budget_check(
	    "waits that would end by themselves", (double)trace.waits_timed, 0);
}

/*
 * In lock step, so that it is exact: each round is one batch.  A load that runs
 * freely comes to more, by the load of the machine; it is shown.
 */
static void uring_datagrams(unsigned datagrams, unsigned rounds, double limit)
{
	const struct budget_load load = {
	    "pike-datagram", NULL, SOCK_DGRAM, datagrams, rounds};
	double messages = (double)datagrams * rounds;
	struct trace trace;
	char what[96];
	if (!budget_trace(&trace, &load, TRACE_CALLS))
		tool_fail("pike-datagram does not run on io_uring");
	snprintf(what, sizeof(what),
	    "enters a datagram on io_uring, %u in flight", datagrams);
	budget_check(what, (double)trace_enters(&trace) / messages, limit);
	printf("     all system calls: %.3f\n", (double)trace.calls / messages);
	if (!budget_trace_free(&trace, &load))
		tool_fail("pike-datagram does not run on io_uring");
	printf("     enters when the load runs freely: %.3f\n",
	    (double)trace_enters(&trace) / messages);
}

/*
 * The aim is 1.5 times the server written by hand, which is shown; what may
 * not be exceeded is what has been reached.
 */
static void uring_instructions(const char *hand, const char *server,
    unsigned connections, unsigned rounds, double limit)
{
	struct budget_load load = {
	    hand, NULL, SOCK_STREAM, connections, rounds};
	char what[96];
	double by_hand = budget_instructions_of(&load);
	load.server = server;
	double instructions = budget_instructions_of(&load);
	/* On a busy machine a round may come in two parts, which are two turns
	 * of the server's: another try may be spared that. */
	for (int i = 0; i < 4 && instructions > limit; i++)
		instructions = budget_instructions_of(&load);
	snprintf(what, sizeof(what),
	    "%s on io_uring, instructions an echo, %u connection%s", server,
	    connections, connections > 1 ? "s" : "");
	budget_check(what, instructions, limit);
	printf("     %s: %.1f, of which this is %.2f times; the aim is 1.5\n",
	    hand, by_hand, instructions / by_hand);
}

/* Clang spills where GCC does not. */
#ifdef __clang__
#	define ONE_SHOT_CROWD  340
#	define MULTISHOT_ALONE 445
#else
#	define ONE_SHOT_CROWD  330
#	define MULTISHOT_ALONE 426
#endif

void budget_uring(void)
{
	setenv("PIKE_BACKEND", "uring", 1);
	if (!uring_possible())
		return;
	uring_enters("pike-echo", 1, 100, 2);
	uring_enters("pike-echo", 500, 4, 0.2);
	uring_enters("pike-multishot", 1, 100, 2);
	uring_enters("pike-multishot", 500, 4, 0.2);
	uring_datagrams(1, 100, 1.01);
	uring_datagrams(DATAGRAMS, 20, 0.05);
	if (budget_instructions_possible()) {
		uring_instructions("uring-echo", "pike-echo", 1, 10, 465);
		uring_instructions(
		    "uring-echo", "pike-echo", 50, 2, ONE_SHOT_CROWD);
		uring_instructions("uring-multishot", "pike-multishot", 1, 10,
		    MULTISHOT_ALONE);
		uring_instructions(
		    "uring-multishot", "pike-multishot", 50, 2, 327);
	}
	budget_idle("pike-multishot", 0);
}
