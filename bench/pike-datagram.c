/* SPDX-License-Identifier: MIT */
/*
 * The echo of datagrams with pike: one op receives all of them with their
 * senders' addresses into a group of buffers, and the end of the send gives
 * the buffer back.  One that did not fit into a buffer is dropped.
 */
#include "queue.h"

static char *memory;
static uint32_t group;
static pike_handle handle;
/* Only their addresses matter: the user_data of a buffer's send. */
static char parts[SERVER_GROUP_BUFFERS];
static struct pike_op send = {.opcode = PIKE_SENDTO};

static void server_receive(struct pike_queue *queue)
{
	struct pike_op op = {
	    .opcode = PIKE_RECVFROM,
	    .flags = PIKE_MULTISHOT | PIKE_GROUP,
	    .handle = handle,
	    .u.group.id = group,
	};
	queue_check(pike_submit(queue, &op), "recvfrom");
}

static void server_on_data(
    struct pike_queue *queue, const struct pike_completion *done)
{
	char *buffer = memory + (size_t)done->buffer * SERVER_GROUP_BUFFER;
	if (__builtin_expect(done->flags & PIKE_TRUNCATED, 0)) {
		pike_group_return(queue, group, done->buffer);
		return;
	}
	send.buf = buffer + PIKE_GROUP_DATA;
	send.len = (size_t)done->res;
	send.addr = (struct pike_addr *)(void *)buffer;
	send.user_data = &parts[done->buffer];
	queue_check(pike_submit(queue, &send), "sendto");
}

static void server_on_completion(
    struct pike_queue *queue, const struct pike_completion *done)
{
	uintptr_t part = (uintptr_t)done->user_data - (uintptr_t)parts;
	if (done->flags & PIKE_BUFFER) {
		server_on_data(queue, done);
	} else if (part < sizeof(parts)) {
		/* A datagram that could not be sent is lost, as on its way. */
		pike_group_return(queue, group, (uint32_t)part);
		return;
	} else if (queue_on_signal(queue, done)) {
		return;
	}
	if (__builtin_expect(!(done->flags & PIKE_MORE), 0)) {
		queue_check(done->res, "recvfrom");
		server_receive(queue);
	}
}

int main(int argc, char **argv)
{
	struct server_options options;
	struct pike_completion done[SERVER_BATCH];
	server_options_read(&options, argc, argv);
	struct pike_queue *queue =
	    queue_open(&options, PIKE_SOCK_DGRAM, &handle);
	group = queue_group(queue, &memory);
	send.handle = handle;
	server_receive(queue);
	for (;;) {
		int n = pike_reap(queue, done, SERVER_BATCH, -1);
		if (n < 0)
			queue_die(n, "pike_reap");
		for (struct pike_completion *one = done; n > 0; one++, n--)
			server_on_completion(queue, one);
	}
}
