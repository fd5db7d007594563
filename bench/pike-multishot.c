/* SPDX-License-Identifier: MIT */
/*
 * The TCP echo with pike and a group of buffers: one op a connection receives
 * every message into whichever buffer is free, and the end of the send gives
 * the buffer back.  A connection that only waits holds none.
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
	unsigned sends;
	int receiving;
	int stopped; /* by us, for a while */
	int ended;
	struct peer *next_free;
};

/* What a buffer is out for: the user_data of its send. */
struct part {
	struct peer *peer;
};

static struct peer *peers_free;
static struct part parts[SERVER_GROUP_BUFFERS];
static char *memory;
static uint32_t group;
/* For all peers: an op is copied. */
static struct pike_op send = {.opcode = PIKE_SEND, .flags = PIKE_ALL};

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
	if (!peer->sends)
		peer_go_on(queue, peer);
}

static void peer_on_data(struct pike_queue *queue, struct peer *peer,
    const struct pike_completion *done)
{
	struct part *part = &parts[done->buffer];
	part->peer = peer;
	peer->sends++;
	send.handle = peer->op.handle;
	send.buf = memory + (size_t)done->buffer * SERVER_GROUP_BUFFER;
	send.len = (size_t)done->res;
	send.user_data = part;
	pike_id id = pike_submit(queue, &send);
	if (__builtin_expect(id < 0, 0))
		queue_check(id, "send");
	if (__builtin_expect(peer->sends > SENDS_MAX, 0))
		peer_stop(queue, peer, 0);
	if (__builtin_expect(!(done->flags & PIKE_MORE), 0))
		peer_on_end(queue, peer, done);
}

static void part_on_sent(struct pike_queue *queue, struct part *part,
    const struct pike_completion *done)
{
	struct peer *peer = part->peer;
	pike_group_return(queue, group, (uint32_t)(part - parts));
	peer->sends--;
	if (__builtin_expect(done->err, 0))
		peer_stop(queue, peer, 1);
	if (__builtin_expect(!peer->receiving && !peer->sends, 0))
		peer_go_on(queue, peer);
}

/* Whatever is no transfer: seldom. */
__attribute__((noinline)) static void server_on_other(
    struct pike_queue *queue, const struct pike_completion *done)
{
	struct pike_op *op = done->user_data;
	if (queue_on_signal(done))
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
	else if (data - (uintptr_t)parts < sizeof(parts))
		part_on_sent(queue, done->user_data, done);
	else
		server_on_other(queue, done);
}

int main(int argc, char **argv)
{
	struct server_options options;
	struct pike_completion done[SERVER_BATCH];
	pike_handle listener;
	server_options_read(&options, argc, argv);
	struct pike_queue *queue =
	    queue_open(&options, PIKE_SOCK_STREAM, &listener);
	group = queue_group(queue, &memory);
	struct pike_op accept = {
	    .opcode = PIKE_ACCEPT,
	    .flags = PIKE_MULTISHOT,
	    .handle = listener,
	    .user_data = &accept,
	};
	queue_check(pike_submit(queue, &accept), "accept");
	while (!queue_stopping) {
		int n = pike_reap(queue, done, SERVER_BATCH, -1);
		queue_check(n, "pike_reap");
		for (int i = 0; i < n; i++)
			server_on_completion(queue, &done[i]);
	}
	pike_queue_close(queue);
	return 0;
}
