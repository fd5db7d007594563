/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: a TCP echo server as one writes it by hand for epoll.  Each
 * connection is registered once, edge-triggered, for its life; a message
 * costs one recv and one send; a short recv has drained the socket, so the
 * next one waits for the edge.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

/* What epoll carries for the two descriptors that are no connection. */
enum {
	TAG_LISTENER = 0,
	TAG_SIGNAL = 1,
};

struct peer {
	int fd;
	unsigned start; /* what the peer has not taken yet: rest[start..end) */
	unsigned end;
	char rest[SERVER_BUFFER];
};

/* One for all: bytes stay in it only from a recv to the send after it. */
static char buffer[SERVER_BUFFER];

static void poller_add(int poller, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = {.events = events, .data.u64 = tag};
	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
		server_die("epoll_ctl");
}

static void listener_accept(int poller, int listener)
{
	for (;;) {
		int fd =
		    accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno == EAGAIN)
				return;
			server_die("accept4");
		}
		struct peer *peer = malloc(sizeof(*peer));
		if (!peer)
			server_die("malloc");
		peer->fd = fd;
		peer->start = peer->end = 0;
		poller_add(poller, fd,
		    EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, (uintptr_t)peer);
	}
}

static void peer_close(struct peer *peer)
{
	close(peer->fd);
	free(peer);
}

/* Whether everything that waited has gone; closes the peer on an error. */
static int peer_flush(struct peer *peer)
{
	while (peer->start < peer->end) {
		ssize_t sent = send(peer->fd, peer->rest + peer->start,
		    peer->end - peer->start, MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				peer_close(peer);
			return 0;
		}
		peer->start += (unsigned)sent;
	}
	peer->start = peer->end = 0;
	return 1;
}

static void peer_serve(struct peer *peer, uint32_t events)
{
	if (__builtin_expect(peer->start < peer->end, 0)) {
		if (!peer_flush(peer))
			return;
		/* Edges came and went meanwhile: read until it is empty. */
		events |= EPOLLRDHUP;
	}
	ssize_t got;
	do {
		got = recv(peer->fd, buffer, sizeof(buffer), 0);
		if (__builtin_expect(got <= 0, 0)) {
			if (got < 0 && errno == EAGAIN)
				return;
			if (got < 0 && errno == EINTR)
				continue;
			peer_close(peer);
			return;
		}
		ssize_t sent =
		    send(peer->fd, buffer, (size_t)got, MSG_NOSIGNAL);
		if (__builtin_expect(sent != got, 0)) {
			unsigned done = sent < 0 ? 0 : (unsigned)sent;
			peer->end = (unsigned)got - done;
			memcpy(peer->rest, buffer + done, peer->end);
			if (!peer_flush(peer))
				return;
			events |= EPOLLRDHUP;
		}
		/* Data and the end may have come as one edge. */
	} while (got == sizeof(buffer) || got < 0 ||
		 (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)));
}

int main(int argc, char **argv)
{
	struct server_options options;
	server_options_read(&options, argc, argv);
	int poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		server_die("epoll_create1");
	poller_add(poller, server_signals(), EPOLLIN, TAG_SIGNAL);
	int listener = server_socket(&options, SOCK_STREAM, SOCK_NONBLOCK);
	poller_add(poller, listener, EPOLLIN | EPOLLET, TAG_LISTENER);
	struct epoll_event events[SERVER_BATCH];
	for (;;) {
		int n = epoll_wait(poller, events, SERVER_BATCH, -1);
		for (int i = 0; i < n; i++) {
			uint64_t tag = events[i].data.u64;
			if (__builtin_expect(tag > TAG_SIGNAL, 1))
				peer_serve((struct peer *)(uintptr_t)tag,
				    events[i].events);
			else if (tag == TAG_LISTENER)
				listener_accept(poller, listener);
			else
				return 0;
		}
	}
}
