/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "server.h"

_Noreturn void server_die(const char *what)
{
	perror(what);
	exit(1);
}

static _Noreturn void server_usage(const char *program, int status)
{
	fprintf(status ? stderr : stdout,
	    "usage: %s [--port-file FILE] [--variant N]\n", program);
	exit(status);
}

void server_options_read(struct server_options *options, int argc, char **argv)
{
	static const struct option table[] = {
	    {"port-file", required_argument, NULL, 'p'},
	    {"variant", required_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	*options = (struct server_options){0};
	int letter;
	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (letter) {
		case 'p':
			options->port_file = optarg;
			break;
		case 'v':
			options->variant = atoi(optarg);
			break;
		case 'h':
			server_usage(argv[0], 0);
		default:
			server_usage(argv[0], 2);
		}
	}
	if (optind != argc)
		server_usage(argv[0], 2);
}

void server_port_tell(const struct server_options *options, unsigned port)
{
	if (options->port_file) {
		FILE *file = fopen(options->port_file, "w");
		if (!file || fprintf(file, "%u\n", port) < 0 || fclose(file))
			server_die(options->port_file);
	}
	printf("%u\n", port);
	if (fflush(stdout))
		server_die("stdout");
}
