/* SPDX-License-Identifier: MIT */
/*
 * The TCP echo with pike and a group of buffers: one op a connection receives
 * every message into whichever buffer is free, and the end of the send gives
 * the buffer back.  A connection that only waits holds none.  The sends of a
 * buffer differ in handle and length only: there is an op for each buffer, and
 * its user_data is the buffer's number.
 */
#include "queue.h"

enum {
	PEERS_MAPPED = 64, /* at a time */
	SENDS_MAX = 8,     /* buffers that a peer may hold before it is
			      stopped */
};

/* Its first member tells ops by their user_data what has ended. */
struct peer {
	struct pike_op op; /* to receive, and at last to close */
	pike_id receive;
	unsigned pending; /* its receive, and its sends */
	int receiving;
	int stopped; /* by us, for a while */
	int ended;
	struct peer *next_free;
};

static struct peer *peers_free;
static uint32_t group;
/* Of each buffer: its send, and whose data are in it. */
static struct pike_op sends[SERVER_GROUP_BUFFERS];
static struct peer *peers[SERVER_GROUP_BUFFERS];

static void sends_prepare(char *memory)
{
	for (uintptr_t i = 0; i < SERVER_GROUP_BUFFERS; i++) {
		sends[i] = (struct pike_op){
		    .opcode = PIKE_SEND,
		    .flags = PIKE_ALL,
		    .buf = memory + i * SERVER_GROUP_BUFFER,
		    .user_data = (void *)i,
		};
	}
}

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

static void peer_receive(struct pike_queue *queue, struct peer *peer)
{
	peer->stopped = 0;
	peer->receive = pike_submit(queue, &peer->op);
	queue_check(peer->receive, "recv");
	peer->receiving = 1;
	peer->pending++;
}

static void peer_open(struct pike_queue *queue, pike_handle handle)
{
	struct peer *peer = peer_new();
	*peer = (struct peer){
	    .op =
		{
		    .opcode = PIKE_RECV,
		    .flags = PIKE_MULTISHOT | PIKE_GROUP,
		    .handle = handle,
		    .user_data = peer,
		    .u.group.id = group,
		},
	};
	peer_receive(queue, peer);
}

/* It neither sends nor receives. */
static void peer_go_on(struct pike_queue *queue, struct peer *peer)
{
	if (!peer->ended) {
		peer_receive(queue, peer);
		return;
	}
	peer->op.opcode = PIKE_CLOSE;
	peer->op.flags = 0;
	queue_check(pike_submit(queue, &peer->op), "close");
}

/* Receives no more until all has been sent, and after an end never again. */
static void peer_stop(struct pike_queue *queue, struct peer *peer, int ended)
{
	peer->ended |= ended;
	if (peer->receiving && !peer->stopped)
		pike_cancel(queue, peer->receive);
	peer->stopped = 1;
}

__attribute__((noinline)) static void peer_on_end(struct pike_queue *queue,
    struct peer *peer, const struct pike_completion *done)
{
	peer->receiving = 0;
	if (done->res <= 0 && done->err != PIKE_ECANCELED)
		peer->ended = 1;
	if (--peer->pending == 0)
		peer_go_on(queue, peer);
}

static void peer_on_data(struct pike_queue *queue, struct peer *peer,
    const struct pike_completion *done)
{
	struct pike_op *send = &sends[done->buffer];
	peers[done->buffer] = peer;
	send->handle = peer->op.handle;
	send->len = (size_t)done->res;
	peer->pending++;
	queue_check(pike_submit(queue, send), "send");
	if (__builtin_expect(peer->pending > SENDS_MAX + 1, 0))
		peer_stop(queue, peer, 0);
	if (__builtin_expect(!(done->flags & PIKE_MORE), 0))
		peer_on_end(queue, peer, done);
}

static void peer_on_sent(struct pike_queue *queue, uintptr_t buffer,
    const struct pike_completion *done)
{
	struct peer *peer = peers[buffer];
	pike_group_return(queue, group, (uint32_t)buffer);
	if (__builtin_expect(done->err, 0))
		peer_stop(queue, peer, 1);
	if (__builtin_expect(--peer->pending == 0, 0))
		peer_go_on(queue, peer);
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
	case PIKE_CLOSE:
		((struct peer *)op)->next_free = peers_free;
		peers_free = (struct peer *)op;
		break;
	default:
		peer_on_end(queue, (struct peer *)op, done);
	}
}

static void server_on_completion(
    struct pike_queue *queue, const struct pike_completion *done)
{
	uintptr_t data = (uintptr_t)done->user_data;
	if (done->flags & PIKE_BUFFER)
		peer_on_data(queue, done->user_data, done);
	else if (data < SERVER_GROUP_BUFFERS)
		peer_on_sent(queue, data, done);
	else
		server_on_other(queue, done);
}

int main(int argc, char **argv)
{
	struct server_options options;
	struct pike_completion done[SERVER_BATCH];
	pike_handle listener;
	char *memory;
	server_options_read(&options, argc, argv);
	struct pike_queue *queue =
	    queue_open(&options, PIKE_SOCK_STREAM, &listener);
	group = queue_group(queue, &memory);
	sends_prepare(memory);
	struct pike_op accept = {
	    .opcode = PIKE_ACCEPT,
	    .flags = PIKE_MULTISHOT,
	    .handle = listener,
	    .user_data = &accept,
	};
	queue_check(pike_submit(queue, &accept), "accept");
	for (;;) {
		int n = pike_reap(queue, done, SERVER_BATCH, -1);
		if (n < 0)
			queue_die(n, "pike_reap");
		for (struct pike_completion *one = done; n > 0; one++, n--)
			server_on_completion(queue, one);
	}
}
