/* SPDX-License-Identifier: MIT */
/*
 * The yardstick on io_uring, one request for one operation: a TCP echo as one
 * writes it by hand with liburing.  A connection has its own buffer and one
 * request under way, in turn a recv and a send; one system call a turn
 * submits all that the turn brought about and waits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ring.h"

/* In the low bits of user_data; the rest is the peer. */
enum {
	TAG_RECV,
	TAG_SEND,
	TAG_ACCEPT,
	TAG_STOP,
	TAG_MASK = 3,
};

struct peer {
	int fd;
	unsigned start; /* what is to be sent: buffer[start..end) */
	unsigned end;
	char buffer[SERVER_BUFFER];
};

static struct io_uring ring;

static void listener_accept(int listener)
{
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	io_uring_prep_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, TAG_ACCEPT);
}

static inline void peer_recv(struct peer *peer)
{
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	io_uring_prep_recv(
	    sqe, peer->fd, peer->buffer, sizeof(peer->buffer), 0);
	io_uring_sqe_set_data64(sqe, (uintptr_t)peer | TAG_RECV);
}

static inline void peer_send(struct peer *peer)
{
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	/* What does not fit at once the kernel sends when there is room. */
	io_uring_prep_send(sqe, peer->fd, peer->buffer + peer->start,
	    peer->end - peer->start, MSG_NOSIGNAL | MSG_WAITALL);
	io_uring_sqe_set_data64(sqe, (uintptr_t)peer | TAG_SEND);
}

static void peer_close(struct peer *peer)
{
	close(peer->fd);
	free(peer);
}

static inline void peer_on_recv(struct peer *peer, int got)
{
	if (__builtin_expect(got <= 0, 0)) {
		if (got == -EINTR || got == -EAGAIN)
			peer_recv(peer);
		else
			peer_close(peer);
		return;
	}
	peer->start = 0;
	peer->end = (unsigned)got;
	peer_send(peer);
}

static inline void peer_on_send(struct peer *peer, int sent)
{
	if (__builtin_expect(sent < 0, 0)) {
		if (sent == -EINTR || sent == -EAGAIN)
			peer_send(peer);
		else
			peer_close(peer);
		return;
	}
	peer->start += (unsigned)sent;
	if (__builtin_expect(peer->start < peer->end, 0))
		peer_send(peer);
	else
		peer_recv(peer);
}

static void listener_on_accept(int listener, int fd)
{
	if (fd >= 0) {
		struct peer *peer = malloc(sizeof(*peer));
		if (!peer)
			server_die("malloc");
		peer->fd = fd;
		peer_recv(peer);
	} else if (fd != -EINTR && fd != -ECONNABORTED && fd != -EAGAIN) {
		errno = -fd;
		server_die("accept");
	}
	listener_accept(listener);
}

int main(int argc, char **argv)
{
	struct server_options options;
	server_options_read(&options, argc, argv);
	ring_open(&ring);
	struct io_uring_sqe *stop = ring_sqe(&ring);
	io_uring_prep_poll_add(stop, server_signals(), POLLIN);
	io_uring_sqe_set_data64(stop, TAG_STOP);
	int listener = server_socket(&options, SOCK_STREAM, 0);
	listener_accept(listener);
	for (;;) {
		ring_wait(&ring, 1);
		struct io_uring_cqe *cqe;
		unsigned head, count = 0;
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			uint64_t data = cqe->user_data;
			void *peer =
			    (void *)(uintptr_t)(data & ~(uint64_t)TAG_MASK);
			unsigned tag = data & TAG_MASK;
			count++;
			if (tag == TAG_RECV)
				peer_on_recv(peer, cqe->res);
			else if (tag == TAG_SEND)
				peer_on_send(peer, cqe->res);
			else if (tag == TAG_ACCEPT)
				listener_on_accept(listener, cqe->res);
			else
				return 0;
		}
		io_uring_cq_advance(&ring, count);
	}
}
