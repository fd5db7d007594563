/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "tool.h"

enum {
	WORDS = CLIENT_MESSAGE / sizeof(uint64_t),
};

/* No two messages of a run are alike, nor two words of a message. */
static uint64_t client_word(unsigned i, uint64_t number, unsigned word)
{
	uint64_t seed = (uint64_t)i << 32 | word;
	return seed * 0x9e3779b97f4a7c15u + number * 0xbf58476d1ce4e5b9u;
}

void client_open(struct client *client, unsigned port, unsigned count, int type)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	client->count = count;
	client->peers = calloc(count, sizeof(*client->peers));
	if (!client->peers)
		tool_die("calloc");
	for (unsigned i = 0; i < count; i++) {
		int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
		int on = 1;
		if (fd < 0 ||
		    connect(fd, (struct sockaddr *)&address, sizeof(address)) <
			0 ||
		    (type == SOCK_STREAM &&
			setsockopt(
			    fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0))
			tool_die("connect");
		client->peers[i].fd = fd;
	}
}

void client_close(struct client *client)
{
	for (unsigned i = 0; i < client->count; i++)
		close(client->peers[i].fd);
	free(client->peers);
	client->peers = NULL;
	client->count = 0;
}

void client_send(struct client *client, unsigned i)
{
	struct client_peer *peer = &client->peers[i];
	uint64_t words[WORDS];
	for (unsigned w = 0; w < WORDS; w++)
		words[w] = client_word(i, peer->number, w);
	if (send(peer->fd, words, sizeof(words), MSG_NOSIGNAL) != sizeof(words))
		tool_die("send");
	peer->have = 0;
}

int client_receive(struct client *client, unsigned i, int wait)
{
	struct client_peer *peer = &client->peers[i];
	while (peer->have < CLIENT_MESSAGE) {
		ssize_t n = recv(peer->fd, (char *)peer->message + peer->have,
		    CLIENT_MESSAGE - peer->have, wait ? 0 : MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			tool_die("recv");
		if (n == 0)
			tool_fail("the server closed a connection, or sent "
				  "back nothing");
		peer->have += (unsigned)n;
	}
	for (unsigned w = 0; w < WORDS; w++) {
		if (peer->message[w] != client_word(i, peer->number, w))
			tool_fail("connection %u, message %llu: wrong bytes", i,
			    (unsigned long long)peer->number);
	}
	peer->number++;
	return 1;
}

void client_drain(struct client *client)
{
	char byte;
	for (unsigned i = 0; i < client->count; i++) {
		if (recv(client->peers[i].fd, &byte, 1, 0) != 0)
			tool_fail("connection %u did not end in order", i);
	}
}

void client_run(struct client *client, uint64_t count, int spin)
{
	uint64_t sent = 0;
	for (unsigned i = 0; i < client->count && sent < count; i++, sent++)
		client_send(client, i);
	uint64_t received = 0;
	for (unsigned i = 0; received < count; received++) {
		while (!client_receive(client, i, !spin))
			;
		if (sent < count) {
			client_send(client, i);
			sent++;
		}
		if (++i == client->count)
			i = 0;
	}
}
