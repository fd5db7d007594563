/* SPDX-License-Identifier: MIT */
/*
 * The yardstick on io_uring with all that makes it fast: one request accepts
 * every connection, one a connection receives every message into whichever
 * buffer of a shared ring is free, and a send says nothing when it was done.
 *
 * Such a send is tried once while it is being submitted (MSG_DONTWAIT), so
 * after the call that submits it the completions that are there tell which
 * ones failed, and the buffers of all others are free.  A peer that has not
 * taken everything is busy: what else it sent waits in a chain of buffers and
 * is sent one by one, by sends that wait and tell.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ring.h"

/* In the low bits of user_data; the rest is a peer or a buffer's number. */
enum {
	TAG_RECV,
	TAG_SILENT, /* a send that only tells of a failure */
	TAG_SEND,
	TAG_ACCEPT,
	TAG_STOP,
	TAG_NONE,
	TAG_MASK = 7,
};

enum {
	CHAIN_MAX = 8, /* buffers that a peer may hold before it is stopped */
};

struct buffer {
	struct peer *peer;
	unsigned start; /* what is to be sent: [start..end) */
	unsigned end;
	unsigned next; /* in a chain */
	int kept;      /* a silent send of it has failed */
};

struct peer {
	int fd;
	unsigned turn; /* in which a silent send was last submitted */
	int receiving; /* the recv is under way, or shall be soon */
	int stopped;   /* by us, for a while */
	int busy;
	int ended;
	unsigned chain; /* buffers to be sent yet */
	unsigned first;
	unsigned last;
	struct peer *next_waiting;
	struct peer *next_starved;
};

static struct io_uring ring;
static struct ring_group group;
static struct buffer buffers[SERVER_GROUP_BUFFERS];
/* Silent sends of this turn, and of the one before. */
static unsigned silent[2][SERVER_GROUP_BUFFERS];
static unsigned silent_count[2];
static unsigned turn = 1;
/* Who goes on when it is known what became of this turn's sends. */
static struct peer *waiting;
/* Who found no buffer. */
static struct peer *starved;

static void listener_accept(int listener)
{
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, TAG_ACCEPT);
}

static void buffer_free(unsigned number)
{
	ring_group_return(&group, number, SERVER_GROUP_BUFFER);
}

static void peer_recv(struct peer *peer)
{
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	io_uring_prep_recv_multishot(sqe, peer->fd, NULL, 0, 0);
	io_uring_sqe_set_data64(sqe, (uintptr_t)peer | TAG_RECV);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = RING_GROUP;
	peer->receiving = 1;
}

static void peer_stop(struct peer *peer)
{
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	io_uring_prep_cancel64(sqe, (uintptr_t)peer | TAG_RECV, 0);
	io_uring_sqe_set_data64(sqe, TAG_NONE);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	peer->stopped = 1;
}

static inline struct io_uring_sqe *buffer_send(unsigned number, int flags)
{
	struct buffer *buffer = &buffers[number];
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	char *memory = group.memory + (size_t)number * SERVER_GROUP_BUFFER;
	io_uring_prep_send(sqe, buffer->peer->fd, memory + buffer->start,
	    buffer->end - buffer->start, MSG_NOSIGNAL | MSG_WAITALL | flags);
	return sqe;
}

static inline void peer_send_silently(struct peer *peer, unsigned number)
{
	unsigned now = turn & 1;
	struct io_uring_sqe *sqe = buffer_send(number, MSG_DONTWAIT);
	io_uring_sqe_set_data64(sqe, (uint64_t)number << 3 | TAG_SILENT);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	peer->turn = turn;
	silent[now][silent_count[now]++] = number;
}

static void peer_wait(struct peer *peer)
{
	peer->busy = 1;
	peer->next_waiting = waiting;
	waiting = peer;
}

/* The next of the chain; or the end, or receiving again. */
static void peer_go_on(struct peer *peer)
{
	if (peer->chain) {
		struct io_uring_sqe *sqe = buffer_send(peer->first, 0);
		io_uring_sqe_set_data64(sqe, (uintptr_t)peer | TAG_SEND);
		return;
	}
	peer->busy = 0;
	if (peer->receiving)
		return;
	if (peer->ended) {
		close(peer->fd);
		free(peer);
	} else if (peer->stopped) {
		peer->stopped = 0;
		peer_recv(peer);
	}
}

static void peer_keep(struct peer *peer, unsigned number)
{
	if (peer->chain++)
		buffers[peer->last].next = number;
	else
		peer->first = number;
	peer->last = number;
	if (peer->chain > CHAIN_MAX && peer->receiving && !peer->stopped)
		peer_stop(peer);
}

static void peer_drop(struct peer *peer)
{
	unsigned number = peer->first;
	peer->first = buffers[number].next;
	peer->chain--;
	buffer_free(number);
}

/* No use to send any more: the end comes when the recv has ended too. */
static void peer_fail(struct peer *peer)
{
	while (peer->chain)
		peer_drop(peer);
	if (!peer->ended && peer->receiving && !peer->stopped)
		peer_stop(peer);
	peer->ended = 1;
}

__attribute__((noinline)) static void peer_on_no_recv(
    struct peer *peer, int got)
{
	if (got == -ENOBUFS) {
		peer->next_starved = starved;
		starved = peer;
		return;
	}
	peer->receiving = 0;
	if (got == -EINTR || got == -EAGAIN || got > 0) {
		if (!peer->ended)
			peer_recv(peer);
	} else if (got != -ECANCELED || !peer->stopped) {
		peer->ended = 1;
	}
	if (peer->busy || peer->receiving)
		return;
	/* A silent send may yet leave something to send again. */
	if (peer->turn == turn)
		peer_wait(peer);
	else
		peer_go_on(peer);
}

static inline void peer_on_recv(
    struct peer *peer, const struct io_uring_cqe *cqe)
{
	int got = cqe->res;
	if (__builtin_expect(got > 0, 1)) {
		unsigned number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
		buffers[number] =
		    (struct buffer){.peer = peer, .end = (unsigned)got};
		if (__builtin_expect(
			!peer->busy && peer->turn != turn && !peer->ended, 1)) {
			peer_send_silently(peer, number);
		} else if (peer->ended) {
			buffer_free(number);
		} else {
			peer_keep(peer, number);
			if (!peer->busy)
				peer_wait(peer);
		}
	}
	if (__builtin_expect(!(cqe->flags & IORING_CQE_F_MORE), 0))
		peer_on_no_recv(peer, got);
}

/* A silent send that was not done, or in part; nothing went after it. */
__attribute__((noinline)) static void peer_on_silent(unsigned number, int sent)
{
	struct buffer *buffer = &buffers[number];
	struct peer *peer = buffer->peer;
	if (sent < 0 && sent != -EAGAIN && sent != -EINTR) {
		peer_fail(peer);
		if (!peer->busy)
			peer_wait(peer);
		return;
	}
	buffer->start += sent > 0 ? (unsigned)sent : 0;
	buffer->kept = 1;
	/* It goes before what came later. */
	buffer->next = peer->first;
	peer->first = number;
	if (!peer->chain++)
		peer->last = number;
	if (!peer->busy)
		peer_wait(peer);
}

__attribute__((noinline)) static void peer_on_send(struct peer *peer, int sent)
{
	struct buffer *buffer = &buffers[peer->first];
	if (sent >= 0) {
		buffer->start += (unsigned)sent;
		if (buffer->start == buffer->end)
			peer_drop(peer);
	} else if (sent != -EINTR && sent != -EAGAIN) {
		peer_fail(peer);
	}
	peer_go_on(peer);
}

__attribute__((noinline)) static void listener_on_accept(
    int listener, const struct io_uring_cqe *cqe)
{
	int fd = cqe->res;
	if (fd >= 0) {
		struct peer *peer = calloc(1, sizeof(*peer));
		if (!peer)
			server_die("calloc");
		peer->fd = fd;
		peer_recv(peer);
	} else if (fd != -EINTR && fd != -ECONNABORTED && fd != -EAGAIN) {
		errno = -fd;
		server_die("accept");
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		listener_accept(listener);
}

/* The completions that are there; whether the server shall end. */
static int turn_complete(int listener)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;
	int stop = 0;
	io_uring_for_each_cqe(&ring, head, cqe)
	{
		uint64_t data = cqe->user_data;
		void *peer = (void *)(uintptr_t)(data & ~(uint64_t)TAG_MASK);
		unsigned tag = data & TAG_MASK;
		count++;
		if (__builtin_expect(tag == TAG_RECV, 1))
			peer_on_recv(peer, cqe);
		else if (tag == TAG_SILENT)
			peer_on_silent((unsigned)(data >> 3), cqe->res);
		else if (tag == TAG_SEND)
			peer_on_send(peer, cqe->res);
		else if (tag == TAG_ACCEPT)
			listener_on_accept(listener, cqe);
		else if (tag == TAG_STOP)
			stop = 1;
	}
	io_uring_cq_advance(&ring, count);
	return stop;
}

/* There are buffers again. */
static void peer_feed(struct peer *peer)
{
	if (!peer->ended && !peer->stopped) {
		peer_recv(peer);
		return;
	}
	peer->receiving = 0;
	if (!peer->busy)
		peer_go_on(peer);
}

/* What had to wait until the fate of the sends before was known. */
static void turn_end(struct peer *waited)
{
	unsigned before = ~turn & 1;
	for (unsigned i = 0; i < silent_count[before]; i++) {
		unsigned number = silent[before][i];
		if (__builtin_expect(!buffers[number].kept, 1))
			buffer_free(number);
	}
	silent_count[before] = 0;
	while (waited) {
		struct peer *peer = waited;
		waited = peer->next_waiting;
		peer_go_on(peer);
	}
	if (!group.returned)
		return;
	ring_group_show(&group);
	while (__builtin_expect(starved != NULL, 0)) {
		struct peer *peer = starved;
		starved = peer->next_starved;
		peer_feed(peer);
	}
}

int main(int argc, char **argv)
{
	struct server_options options;
	server_options_read(&options, argc, argv);
	ring_open(&ring);
	ring_group_open(&group, &ring, SERVER_GROUP_BUFFER);
	struct io_uring_sqe *stop = ring_sqe(&ring);
	io_uring_prep_poll_add(stop, server_signals(), POLLIN);
	io_uring_sqe_set_data64(stop, TAG_STOP);
	int listener = server_socket(&options, SOCK_STREAM, 0);
	listener_accept(listener);
	for (;;) {
		/* Silent sends wake nobody who sleeps. */
		int sleeps = !waiting && !(starved && silent_count[turn & 1]);
		ring_wait(&ring, (unsigned)sleeps);
		struct peer *waited = waiting;
		waiting = NULL;
		turn++;
		if (turn_complete(listener))
			return 0;
		turn_end(waited);
	}
}
