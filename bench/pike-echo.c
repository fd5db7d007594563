/* SPDX-License-Identifier: MIT */
/*
 * The same TCP echo with pike.  A connection has two ops that are filled in
 * once, one to receive and one to send; a completion's user_data leads back
 * to the op that it ends.  --variant 1 uses a write, whose end closes the
 * connection.
 */
#include <stddef.h>

#include "queue.h"

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

static struct peer *peer_new(void)
{
	if (!peers_free) {
		struct peer *chunk =
		    queue_memory(PEERS_MAPPED * sizeof(*chunk));
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
	queue_check(pike_submit(queue, &peer->recv), "recv");
}

/* Nothing else is in flight on it: the receiving op becomes the close. */
__attribute__((noinline)) static void peer_close(
    struct pike_queue *queue, struct peer *peer)
{
	peer->recv.opcode = PIKE_CLOSE;
	queue_check(pike_submit(queue, &peer->recv), "close");
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

/* Whatever is no transfer: seldom. */
__attribute__((noinline)) static void server_on_other(
    struct pike_queue *queue, const struct pike_completion *done)
{
	struct pike_op *op = done->user_data;
	if (queue_on_signal(queue, done))
		return;
	switch (op->opcode) {
	case PIKE_ACCEPT:
		queue_check(done->res, "accept");
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
		break;
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

static _Noreturn void server_run(struct pike_queue *queue)
{
	struct pike_completion done[SERVER_BATCH];
	for (;;) {
		int n = pike_reap(queue, done, SERVER_BATCH, -1);
		if (n < 0)
			queue_die(n, "pike_reap");
		for (struct pike_completion *one = done; n > 0; one++, n--)
			server_on_completion(queue, one);
	}
}

int main(int argc, char **argv)
{
	pike_handle listener;
	server_options_read(&options, argc, argv);
	struct pike_queue *queue =
	    queue_open(&options, PIKE_SOCK_STREAM, &listener);
	struct pike_op accept = {
	    .opcode = PIKE_ACCEPT,
	    .flags = PIKE_MULTISHOT,
	    .handle = listener,
	    .user_data = &accept,
	};
	queue_check(pike_submit(queue, &accept), "accept");
	server_run(queue);
}
