/* SPDX-License-Identifier: MIT */
/*
 * stepcount [OPTION]... SERVER [ARGUMENT]...: what an echo costs a server in
 * user-space instructions and system calls, counted exactly.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "call.h"
#include "client.h"
#include "symbols.h"
#include "tool.h"
#include "trace.h"

struct step_options {
	unsigned connections;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	unsigned rounds;
	int calls_only;
	int free;      /* the load does not wait for a round to end */
	int functions; /* print instructions by function */
	int sites;     /* and by instruction */
	int brief;     /* one line for other programs to read */
};

/* The instructions of one function. */
struct step_function {
	const struct symbol *symbol;
	uint64_t count;
	uint64_t entries; /* how often its first instruction ran */
};

static _Noreturn void step_usage(int status)
{
	fprintf(status ? stderr : stdout,
	    "usage: stepcount [OPTION]... SERVER [ARGUMENT]...\n"
	    "  -c, --connections N  busy connections (1)\n"
	    "  -d, --datagrams      as many datagrams instead\n"
	    "  -r, --rounds N       messages on each, measured (10)\n"
	    "  -s, --calls          system calls only: faster\n"
	    "  -e, --free           the same, under a load that runs freely\n"
	    "                       on another cpu: not exactly repeatable\n"
	    "  -f, --functions      instructions by function\n"
	    "  -i, --sites          and by address in the file\n"
	    "  -b, --brief          instructions, calls and enters an echo\n");
	exit(status);
}

static void step_options_read(
    struct step_options *options, int argc, char **argv)
{
	static const struct option table[] = {
	    {"connections", required_argument, NULL, 'c'},
	    {"datagrams", no_argument, NULL, 'd'},
	    {"rounds", required_argument, NULL, 'r'},
	    {"calls", no_argument, NULL, 's'},
	    {"free", no_argument, NULL, 'e'},
	    {"functions", no_argument, NULL, 'f'},
	    {"sites", no_argument, NULL, 'i'},
	    {"brief", no_argument, NULL, 'b'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	*options = (struct step_options){
	    .connections = 1, .type = SOCK_STREAM, .rounds = 10};
	int letter;
	while ((letter = getopt_long(
		    argc, argv, "+c:dr:sefibh", table, NULL)) != -1) {
		switch (letter) {
		case 'c':
			options->connections =
			    (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			options->type = SOCK_DGRAM;
			break;
		case 'r':
			options->rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			options->calls_only = 1;
			break;
		case 'e':
			options->free = 1;
			options->calls_only = 1;
			break;
		case 'f':
			options->functions = 1;
			break;
		case 'i':
			options->sites = 1;
			break;
		case 'b':
			options->brief = 1;
			break;
		case 'h':
			step_usage(0);
		default:
			step_usage(2);
		}
	}
	if (optind == argc || !options->connections || !options->rounds)
		step_usage(2);
}

static int step_function_order(const void *a, const void *b)
{
	const struct step_function *x = a, *y = b;
	return x->count > y->count ? -1 : x->count < y->count;
}

static int step_site_order(const void *a, const void *b)
{
	const struct trace_site *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

static struct step_function *step_function_of(
    struct step_function *list, size_t *count, const struct symbol *symbol)
{
	for (size_t i = 0; i < *count; i++) {
		if (list[i].symbol == symbol)
			return &list[i];
	}
	list[*count].symbol = symbol;
	return &list[(*count)++];
}

static void step_print_functions(
    const struct trace *trace, const struct symbols *symbols, double echoes)
{
	struct step_function *list = calloc(trace->sites_size, sizeof(*list));
	if (!list)
		tool_die("calloc");
	size_t count = 0;
	for (uint64_t i = 0; i < trace->sites_size; i++) {
		const struct trace_site *site = &trace->sites[i];
		if (!site->count)
			continue;
		const struct symbol *symbol =
		    symbols_find(symbols, site->address);
		struct step_function *function =
		    step_function_of(list, &count, symbol);
		function->count += site->count;
		if (site->address == symbol->address)
			function->entries += site->count;
	}
	qsort(list, count, sizeof(*list), step_function_order);
	printf("%12s %8s  function\n", "instr/echo", "entries");
	for (size_t i = 0; i < count; i++) {
		const struct symbol *symbol = list[i].symbol;
		printf("%12.2f %8.2f  %s (%s)\n",
		    (double)list[i].count / echoes,
		    (double)list[i].entries / echoes, symbol->name,
		    symbol->file);
	}
	free(list);
}

static void step_print_sites(
    const struct trace *trace, const struct symbols *symbols, double echoes)
{
	for (uint64_t i = 0; i < trace->sites_size; i++) {
		const struct trace_site *site = &trace->sites[i];
		if (!site->count)
			continue;
		const struct symbol *symbol =
		    symbols_find(symbols, site->address);
		printf("%12.2f  0x%" PRIx64 " %s (%s)\n",
		    (double)site->count / echoes, site->address - symbol->bias,
		    symbol->name, symbol->file);
	}
}

static void step_print_calls(const struct trace *trace, double echoes)
{
	for (unsigned i = 0; i < TRACE_CALLS_MAX; i++) {
		if (!trace->calls_by_number[i])
			continue;
		const char *name = call_name(i);
		char number[16];
		snprintf(number, sizeof(number), "call %u", i);
		printf("%12.3f  %s\n",
		    (double)trace->calls_by_number[i] / echoes,
		    name ? name : number);
	}
}

static void step_print(const struct step_options *options,
    const struct trace *trace, const struct symbols *symbols)
{
	double echoes = (double)options->connections * options->rounds;
	if (options->brief) {
		printf("%.1f %.3f %.3f\n", (double)trace->instructions / echoes,
		    (double)trace->calls / echoes,
		    (double)trace_enters(trace) / echoes);
		return;
	}
	if (trace->mode == TRACE_INSTRUCTIONS)
		printf("%12.2f  instructions an echo (round by round %.2f to "
		       "%.2f; %.2f more iterations of string instructions)\n",
		    (double)trace->instructions / echoes,
		    (double)trace->least / options->connections,
		    (double)trace->most / options->connections,
		    (double)trace->repeats / echoes);
	printf("%12.3f  system calls an echo\n", (double)trace->calls / echoes);
	step_print_calls(trace, echoes);
	if (!trace->sites)
		return;
	qsort(trace->sites, trace->sites_size, sizeof(*trace->sites),
	    step_site_order);
	if (options->functions)
		step_print_functions(trace, symbols, echoes);
	if (options->sites)
		step_print_sites(trace, symbols, echoes);
}

int main(int argc, char **argv)
{
	struct step_options options;
	step_options_read(&options, argc, argv);
	enum trace_mode mode =
	    options.calls_only ? TRACE_CALLS : TRACE_INSTRUCTIONS;
	if (!trace_possible(mode))
		tool_fail("one process may not trace another here");
	tool_descriptors_raise();
	/* On one cpu the two never run at once, and switch fastest. */
	tool_pin(0);
	struct tool_server server;
	if (!tool_server_start(&server, argv + optind, 0))
		tool_fail("%s: not on this system", argv[optind]);
	struct client client;
	client_open(&client, server.port, options.connections, options.type);
	client_run(&client, 20ull * options.connections, 0);
	struct symbols symbols;
	symbols_load(&symbols, server.pid);
	struct trace trace = {
	    .mode = mode,
	    .rounds = options.rounds,
	};
	if (options.free)
		trace_freely(&trace, &server, &client,
		    (uint64_t)options.connections * options.rounds);
	else
		trace_run(&trace, &server, &client);
	step_print(&options, &trace, &symbols);
	trace_free(&trace);
	symbols_free(&symbols);
	client_close(&client);
	tool_server_stop(&server);
	return 0;
}
