/* SPDX-License-Identifier: MIT */
/*
 * The same TCP echo with pike.  A connection has two ops that are filled in
 * once, one to receive and one to send; a completion's user_data leads back
 * to the op that it ends.  --variant 1 uses a write, whose end closes the
 * connection; SIGUSR1 prints the bytes of heap in use, none of
 * which is the server's own: its connections lie in mapped memory.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pike.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "server.h"

struct peer {
	struct pike_op recv;
	struct pike_op send;
	struct peer *next_free;
	char buffer[SERVER_BUFFER];
};

enum {
	PEERS_MAPPED = 64, /* at a time */
};

static struct peer *peers_free;
static struct server_options options;
static int stopping;

static void pike_check(int64_t code, const char *what)
{
	if (code < 0) {
		fprintf(stderr, "%s: %s\n", what, pike_error_text(code));
		exit(1);
	}
}

static struct peer *peer_new(void)
{
	if (!peers_free) {
		struct peer *chunk = mmap(NULL, PEERS_MAPPED * sizeof(*chunk),
		    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (chunk == MAP_FAILED)
			server_die("mmap");
		for (unsigned i = 0; i < PEERS_MAPPED; i++) {
			chunk[i].next_free = peers_free;
			peers_free = &chunk[i];
		}
	}
	struct peer *peer = peers_free;
	peers_free = peer->next_free;
	return peer;
}

static void peer_open(struct pike_queue *queue, pike_handle handle)
{
	struct peer *peer = peer_new();
	peer->recv = (struct pike_op){
	    .opcode = PIKE_RECV,
	    .handle = handle,
	    .buf = peer->buffer,
	    .len = sizeof(peer->buffer),
	    .user_data = &peer->recv,
	};
	peer->send = (struct pike_op){
	    .opcode = options.variant == 1 ? PIKE_WRITE : PIKE_SEND,
	    .flags = PIKE_ALL,
	    .handle = handle,
	    .buf = peer->buffer,
	    .user_data = &peer->send,
	};
	pike_check(pike_submit(queue, &peer->recv), "recv");
}

/* Nothing else is in flight on it: the receiving op becomes the close. */
__attribute__((noinline)) static void peer_close(
    struct pike_queue *queue, struct peer *peer)
{
	peer->recv.opcode = PIKE_CLOSE;
	pike_check(pike_submit(queue, &peer->recv), "close");
}

static struct peer *peer_of_send(struct pike_op *op)
{
	return (struct peer *)((char *)op - offsetof(struct peer, send));
}

static void peer_on_recv(struct pike_queue *queue,
    const struct pike_completion *done, struct pike_op *op)
{
	struct peer *peer = (struct peer *)op;
	peer->send.len = (size_t)done->res;
	if (done->res <= 0 || pike_submit(queue, &peer->send) < 0)
		peer_close(queue, peer);
}

static void peer_on_send(struct pike_queue *queue,
    const struct pike_completion *done, struct pike_op *op)
{
	struct peer *peer = peer_of_send(op);
	/* With PIKE_ALL what is not everything has its reason here. */
	if (done->err || pike_submit(queue, &peer->recv) < 0)
		peer_close(queue, peer);
}

/* 0 with a C library that does not tell. */
static void heap_print(void)
{
	size_t bytes = 0;
#if defined(__GLIBC_PREREQ)
#	if __GLIBC_PREREQ(2, 33)
	struct mallinfo2 info = mallinfo2();
	bytes = info.uordblks + info.hblkhd;
#	endif
#endif
	printf("%zu\n", bytes);
	fflush(stdout);
}

/* Whatever is no transfer: seldom. */
__attribute__((noinline)) static void server_on_other(
    struct pike_queue *queue, const struct pike_completion *done)
{
	struct pike_op *op = done->user_data;
	switch (op->opcode) {
	case PIKE_ACCEPT:
		pike_check(done->res, "accept");
		peer_open(queue, done->res);
		break;
	case PIKE_WRITE:
		peer_close(queue, peer_of_send(op));
		break;
	case PIKE_CLOSE:
		((struct peer *)op)->next_free = peers_free;
		peers_free = (struct peer *)op;
		break;
	default:
		pike_check(done->res, "signal");
		if (done->res == PIKE_SIGUSR1)
			heap_print();
		else
			stopping = 1;
	}
}

static void server_on_completion(
    struct pike_queue *queue, const struct pike_completion *done)
{
	struct pike_op *op = done->user_data;
	if (op->opcode == PIKE_SEND)
		peer_on_send(queue, done, op);
	else if (op->opcode == PIKE_RECV)
		peer_on_recv(queue, done, op);
	else
		server_on_other(queue, done);
}

/* Listens, tells the port and accepts for good. */
static void server_listen(struct pike_queue *queue, struct pike_op *accept)
{
	struct pike_completion done;
	struct pike_addr address;
	pike_check(pike_addr_parse(&address, "127.0.0.1:0"), "address");
	struct pike_op op = {
	    .opcode = PIKE_LISTEN_TO,
	    .addr = &address,
	    .u.socket.backlog = SERVER_BACKLOG,
	};
	pike_check(pike_submit(queue, &op), "listen");
	pike_check(pike_reap(queue, &done, 1, -1), "reap");
	pike_check(done.res, "listen");
	accept->handle = op.handle = done.res;
	op.opcode = PIKE_GETSOCKNAME;
	pike_check(pike_submit(queue, &op), "getsockname");
	pike_check(pike_reap(queue, &done, 1, -1), "reap");
	pike_check(done.res, "getsockname");
	server_port_tell(&options, address.port);
	pike_check(pike_submit(queue, accept), "accept");
}

static void server_run(struct pike_queue *queue)
{
	struct pike_completion done[SERVER_BATCH];
	while (!stopping) {
		int n = pike_reap(queue, done, SERVER_BATCH, -1);
		if (n < 0)
			pike_check(n, "pike_reap");
		for (int i = 0; i < n; i++)
			server_on_completion(queue, &done[i]);
	}
}

int main(int argc, char **argv)
{
	server_options_read(&options, argc, argv);
	struct pike_queue *queue;
	pike_check(pike_queue_open(&queue, NULL), "pike_queue_open");
	struct pike_op accept = {
	    .opcode = PIKE_ACCEPT,
	    .flags = PIKE_MULTISHOT,
	    .user_data = &accept,
	};
	struct pike_op stop = {
	    .opcode = PIKE_SIGNAL,
	    .flags = PIKE_MULTISHOT,
	    .user_data = &stop,
	    .u.signal.set = PIKE_SIGNAL_BIT(PIKE_SIGTERM) |
			    PIKE_SIGNAL_BIT(PIKE_SIGINT) |
			    PIKE_SIGNAL_BIT(PIKE_SIGUSR1),
	};
	pike_check(pike_submit(queue, &stop), "signal");
	server_listen(queue, &accept);
	server_run(queue);
	pike_queue_close(queue);
	return 0;
}
