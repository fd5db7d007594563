/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_SERVER_H
#define PIKE_BENCH_SERVER_H

/*
 * What the echo servers under measurement have in common and what is not
 * measured: their command line, the socket that they serve and the line that
 * tells its port.
 */

enum {
	SERVER_BACKLOG = 4096,
	SERVER_BATCH = 256,   /* events or completions asked for at once */
	SERVER_BUFFER = 4096, /* bytes a connection may be sent at once */
	/* The same where all connections share one group of buffers. */
	SERVER_GROUP_BUFFERS = 1024,
	SERVER_GROUP_BUFFER = 2048,
	SERVER_SKIP = 77, /* exit status: this system cannot do that */
};

struct server_options {
	const char *port_file; /* also write the port here; or NULL */
	int variant;           /* --variant N: what N means is the server's */
};

void server_options_read(struct server_options *options, int argc, char **argv);
void server_port_tell(const struct server_options *options, unsigned port);
/* A socket on the loopback that listens or takes datagrams; tells its port. */
int server_socket(const struct server_options *options, int type, int flags);
/* Readable when the server shall end. */
int server_signals(void);
_Noreturn void server_die(const char *what);

#endif
