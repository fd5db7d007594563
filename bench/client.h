/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_CLIENT_H
#define PIKE_BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The load: N connections to one echo server with at most one message each
 * in flight; or as many sockets for datagrams.  No event loop, so that it costs
 * as little as it can and the same for every server.  Each byte that returns is
 * compared; a wrong, lost or extra one ends the program.
 */

enum {
	CLIENT_MESSAGE = 64,
};

struct client_peer {
	int fd;
	unsigned have;   /* bytes of the message that has begun to return */
	uint64_t number; /* of the message in flight or the next to send */
	uint64_t message[CLIENT_MESSAGE / sizeof(uint64_t)];
};

struct client {
	struct client_peer *peers;
	unsigned count;
};

/* type: SOCK_STREAM or SOCK_DGRAM. */
void client_open(
    struct client *client, unsigned port, unsigned count, int type);
void client_close(struct client *client);

void client_send(struct client *client, unsigned i);

/* Whether message i has returned whole; with wait, stays until it has. */
int client_receive(struct client *client, unsigned i, int wait);

/* Waits until the server has closed every connection. */
void client_drain(struct client *client);

/*
 * count messages in all, going round the connections, one in flight on each.
 * With spin, polls instead of sleeping in recv.
 */
void client_run(struct client *client, uint64_t count, int spin);

#endif
