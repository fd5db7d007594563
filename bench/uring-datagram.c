/* SPDX-License-Identifier: MIT */
/*
 * The yardstick for datagrams on io_uring: one request receives all of them
 * with their senders' addresses into a shared ring of buffers; each goes back
 * by a send that says nothing when it was done.  One that did not fit into a
 * buffer is dropped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "ring.h"

/* In the low bits of user_data; the rest is a buffer's number. */
enum {
	TAG_RECV,
	TAG_SILENT, /* a send that only tells of a failure */
	TAG_SEND,
	TAG_STOP,
	TAG_MASK = 3,
};

struct datagram {
	struct sockaddr *from;
	char *data;
	unsigned length;
	int kept; /* its silent send has failed */
};

static struct io_uring ring;
static struct ring_group group;
static struct datagram datagrams[SERVER_GROUP_BUFFERS];
/* Silent sends of this turn, and of the one before. */
static unsigned silent[2][SERVER_GROUP_BUFFERS];
static unsigned silent_count[2];
static unsigned turn;
static int fd;
static int starved;
/* How the kernel lays a buffer out. */
static struct msghdr layout = {.msg_namelen = sizeof(struct sockaddr_in)};

static void server_recv(void)
{
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	io_uring_prep_recvmsg_multishot(sqe, fd, &layout, MSG_TRUNC);
	io_uring_sqe_set_data64(sqe, TAG_RECV);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = RING_GROUP;
}

static inline void datagram_send(unsigned number, unsigned tag, int flags)
{
	struct datagram *datagram = &datagrams[number];
	struct io_uring_sqe *sqe = ring_sqe(&ring);
	io_uring_prep_send(
	    sqe, fd, datagram->data, datagram->length, MSG_NOSIGNAL | flags);
	io_uring_prep_send_set_addr(
	    sqe, datagram->from, sizeof(struct sockaddr_in));
	io_uring_sqe_set_data64(sqe, (uint64_t)number << 2 | tag);
	if (tag == TAG_SILENT)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

static void datagram_free(unsigned number)
{
	ring_group_return(&group, number, SERVER_GROUP_BUFFER);
}

static inline void server_on_recv(const struct io_uring_cqe *cqe)
{
	unsigned number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	int got = cqe->res;
	if (__builtin_expect(got >= 0, 1)) {
		struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(
		    group.memory + (size_t)number * SERVER_GROUP_BUFFER, got,
		    &layout);
		if (__builtin_expect(!out || (out->flags & MSG_TRUNC), 0)) {
			datagram_free(number);
		} else {
			unsigned now = turn & 1;
			datagrams[number] = (struct datagram){
			    .from = io_uring_recvmsg_name(out),
			    .data = io_uring_recvmsg_payload(out, &layout),
			    .length = out->payloadlen,
			};
			datagram_send(number, TAG_SILENT, MSG_DONTWAIT);
			silent[now][silent_count[now]++] = number;
		}
	} else if (got != -ENOBUFS && got != -EINTR && got != -EAGAIN) {
		errno = -got;
		server_die("recvmsg");
	}
	if (__builtin_expect(cqe->flags & IORING_CQE_F_MORE, 1))
		return;
	if (got == -ENOBUFS)
		starved = 1;
	else
		server_recv();
}

__attribute__((noinline)) static void server_on_send(uint64_t data, int sent)
{
	unsigned number = (unsigned)(data >> 2);
	if (sent == -EAGAIN || sent == -EINTR) {
		datagrams[number].kept = 1;
		datagram_send(number, TAG_SEND, 0);
	} else if (sent == -EINVAL) {
		/* Sends to an address came with 6.1. */
		errno = EINVAL;
		server_die("send");
	} else if ((data & TAG_MASK) == TAG_SEND) {
		datagram_free(number);
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
	fd = server_socket(&options, SOCK_DGRAM, 0);
	server_recv();
	for (;;) {
		/* Silent sends wake nobody who sleeps. */
		ring_wait(&ring, !(starved && silent_count[turn & 1]));
		unsigned before = turn++ & 1;
		struct io_uring_cqe *cqe;
		unsigned head, count = 0;
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			unsigned tag = cqe->user_data & TAG_MASK;
			count++;
			if (__builtin_expect(tag == TAG_RECV, 1))
				server_on_recv(cqe);
			else if (tag == TAG_STOP)
				return 0;
			else
				server_on_send(cqe->user_data, cqe->res);
		}
		io_uring_cq_advance(&ring, count);
		for (unsigned i = 0; i < silent_count[before]; i++) {
			unsigned number = silent[before][i];
			if (__builtin_expect(!datagrams[number].kept, 1))
				datagram_free(number);
		}
		silent_count[before] = 0;
		if (!group.returned)
			continue;
		ring_group_show(&group);
		if (__builtin_expect(starved, 0)) {
			starved = 0;
			server_recv();
		}
	}
}
