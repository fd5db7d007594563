/* SPDX-License-Identifier: MIT */
/*
 * driver [OPTION]... SERVER...: runs the same load against each server and
 * prints what an echo took.  A SERVER is one argument, its own arguments
 * separated by spaces.  The servers take turns within a round, another one
 * first each time; a ratio is taken inside a round, where the machine's moods
 * are the same for both, and the median over the rounds is printed.  Many
 * short rounds tell more than a few long ones: a server compared with itself
 * comes within 2 %.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "tool.h"

enum {
	ROUNDS_MAX = 1000,
	SERVERS_MAX = 16,
	ARGUMENTS_MAX = 16,
};

struct load_options {
	unsigned connections;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	unsigned rounds;
	uint64_t messages; /* a round and server */
	int brief;
};

/* One server and what it took, by round. */
struct load {
	const char *name;
	struct tool_server server;
	struct client client;
	double cpu[ROUNDS_MAX]; /* ns an echo */
	double wall[ROUNDS_MAX];
	double ratio[ROUNDS_MAX]; /* of cpu, to the first server */
};

static _Noreturn void load_usage(int status)
{
	fprintf(status ? stderr : stdout,
	    "usage: driver [OPTION]... 'SERVER [ARGUMENT]...'...\n"
	    "  -c, --connections N  each with one message in flight (1)\n"
	    "  -m, --messages N     in a round, of all connections (2000)\n"
	    "  -d, --datagrams      as many datagrams in flight instead\n"
	    "  -r, --rounds N       (101)\n"
	    "  -b, --brief          for each server: cpu ns an echo, wall ns,\n"
	    "                       cpu as a ratio to the first server's\n");
	exit(status);
}

static void load_options_read(
    struct load_options *options, int argc, char **argv)
{
	static const struct option table[] = {
	    {"connections", required_argument, NULL, 'c'},
	    {"datagrams", no_argument, NULL, 'd'},
	    {"messages", required_argument, NULL, 'm'},
	    {"rounds", required_argument, NULL, 'r'},
	    {"brief", no_argument, NULL, 'b'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	*options = (struct load_options){.connections = 1,
	    .type = SOCK_STREAM,
	    .rounds = 101,
	    .messages = 2000};
	int letter;
	while ((letter = getopt_long(argc, argv, "c:dm:r:bh", table, NULL)) !=
	       -1) {
		switch (letter) {
		case 'c':
			options->connections =
			    (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			options->messages = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			options->type = SOCK_DGRAM;
			break;
		case 'r':
			options->rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'b':
			options->brief = 1;
			break;
		case 'h':
			load_usage(0);
		default:
			load_usage(2);
		}
	}
	if (optind == argc || argc - optind > SERVERS_MAX ||
	    !options->connections || !options->messages || !options->rounds ||
	    options->rounds > ROUNDS_MAX)
		load_usage(2);
}

static void load_start(
    struct load *load, char *command, const struct load_options *options)
{
	char *words = strdup(command);
	char *argv[ARGUMENTS_MAX + 1] = {NULL};
	if (!words)
		tool_die("strdup");
	int count = 0;
	for (char *word = strtok(words, " "); word && count < ARGUMENTS_MAX;
	     word = strtok(NULL, " "))
		argv[count++] = word;
	if (!count)
		load_usage(2);
	load->name = command;
	if (!tool_server_start(&load->server, argv, 0))
		tool_fail("%s: not on this system", argv[0]);
	client_open(&load->client, load->server.port, options->connections,
	    options->type);
	client_run(&load->client, options->messages, options->connections == 1);
	free(words);
}

static void load_run(
    struct load *load, unsigned round, const struct load_options *options)
{
	uint64_t cpu = tool_server_cpu(&load->server);
	uint64_t wall = tool_now();
	/*
	 * A driver that sleeps adds a wake-up from another cpu to the bill of
	 * a server that does little else; with more connections nobody sleeps.
	 */
	client_run(&load->client, options->messages, options->connections == 1);
	wall = tool_now() - wall;
	cpu = tool_server_cpu(&load->server) - cpu;
	load->cpu[round] = (double)cpu / (double)options->messages;
	load->wall[round] = (double)wall / (double)options->messages;
}

static int number_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Sorts the list. */
static double number_median(double *list, unsigned count)
{
	qsort(list, count, sizeof(*list), number_order);
	return (list[(count - 1) / 2] + list[count / 2]) / 2;
}

static void load_print(struct load *load, const struct load_options *options)
{
	unsigned rounds = options->rounds;
	double cpu = number_median(load->cpu, rounds);
	double wall = number_median(load->wall, rounds);
	double ratio = number_median(load->ratio, rounds);
	if (options->brief)
		printf("%.0f %.0f %.3f\n", cpu, wall, ratio);
	else
		printf("%8.0f %8.0f %8.0f %8.0f %8.3f %8.3f %8.3f  %s\n", cpu,
		    load->cpu[0], load->cpu[rounds - 1], wall, ratio,
		    load->ratio[0], load->ratio[rounds - 1], load->name);
}

int main(int argc, char **argv)
{
	struct load_options options;
	load_options_read(&options, argc, argv);
	unsigned count = (unsigned)(argc - optind);
	struct load *loads = calloc(count, sizeof(*loads));
	if (!loads)
		tool_die("calloc");
	tool_descriptors_raise();
	tool_pin(1);
	for (unsigned i = 0; i < count; i++)
		load_start(&loads[i], argv[optind + (int)i], &options);
	for (unsigned round = 0; round < options.rounds; round++) {
		for (unsigned i = 0; i < count; i++)
			load_run(&loads[(i + round) % count], round, &options);
		for (unsigned i = 0; i < count; i++)
			loads[i].ratio[round] =
			    loads[i].cpu[round] / loads[0].cpu[round];
	}
	if (!options.brief)
		printf("%u connections, %u rounds of %" PRIu64 " messages; "
		       "ns an echo\n%8s %8s %8s %8s %8s %8s %8s\n",
		    options.connections, options.rounds, options.messages,
		    "cpu", "least", "most", "wall", "ratio", "least", "most");
	for (unsigned i = 0; i < count; i++) {
		load_print(&loads[i], &options);
		client_close(&loads[i].client);
		tool_server_stop(&loads[i].server);
	}
	free(loads);
	return 0;
}
