/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_SERVER_H
#define PIKE_BENCH_SERVER_H

/*
 * What the echo servers under measurement have in common and what is not
 * measured: their command line and the line that tells their port.
 */

enum {
	SERVER_BACKLOG = 4096,
	SERVER_BATCH = 256,   /* events or completions asked for at once */
	SERVER_BUFFER = 4096, /* bytes a connection may be sent at once */
};

struct server_options {
	const char *port_file; /* also write the port here; or NULL */
	int variant;           /* --variant N: what N means is the server's */
};

void server_options_read(struct server_options *options, int argc, char **argv);
void server_port_tell(const struct server_options *options, unsigned port);
_Noreturn void server_die(const char *what);

#endif
