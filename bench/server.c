/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

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

int server_socket(const struct server_options *options, int type, int flags)
{
	int fd = socket(AF_INET, type | flags | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, SERVER_BACKLOG) < 0) ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		server_die("listen");
	server_port_tell(options, ntohs(address.sin_port));
	return fd;
}

int server_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		server_die("signalfd");
	return fd;
}
