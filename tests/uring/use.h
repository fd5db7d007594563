/* SPDX-License-Identifier: MIT */
/* A queue at work: ops one by one, bytes through a connection and a group. */
#ifndef PIKE_TESTS_URING_USE_H
#define PIKE_TESTS_URING_USE_H

#include <arpa/inet.h>
#include <check.h>
#include <pike.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/unit.h"

static inline struct pike_completion use_take(struct pike_queue *q)
{
	struct pike_completion c = {0};

	ck_assert_int_eq(pike_reap(q, &c, 1, -1), 1);
	return c;
}

static inline int64_t use_submit(struct pike_queue *q, struct pike_op op)
{
	pike_id id = pike_submit(q, &op);

	ck_assert_msg(id > 0, "%s", pike_error_name(id));
	return id;
}

static inline int64_t use_do(struct pike_queue *q, struct pike_op op)
{
	pike_id id = use_submit(q, op);
	struct pike_completion c = use_take(q);

	ck_assert_int_eq(c.id, id);
	return c.res;
}

/* A listener, and where. */
static inline pike_handle use_listener(
    struct pike_queue *q, struct pike_addr *at)
{
	struct pike_op op = {.opcode = PIKE_LISTEN_TO, .addr = at};
	pike_handle h = use_do(q, op);

	ck_assert_int_gt(h, 0);
	op = (struct pike_op){
	    .opcode = PIKE_GETSOCKNAME, .handle = h, .addr = at};
	ck_assert_int_eq(use_do(q, op), 0);
	return h;
}

/* A connection that is not the queue's: its descriptor, or -1. */
static inline int use_call(const struct pike_addr *at)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((uint16_t)at->port);
	if (connect(fd, (struct sockaddr *)&in, sizeof in) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A connection: h[0] has made it. */
static inline void use_connection(struct pike_queue *q, pike_handle h[3])
{
	struct pike_op op;
	struct pike_addr at;

	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	h[2] = use_listener(q, &at);
	use_submit(q, (struct pike_op){.opcode = PIKE_ACCEPT, .handle = h[2]});
	op = (struct pike_op){.opcode = PIKE_CONNECT_TO, .addr = &at};
	use_submit(q, op);
	for (int i = 0; i < 2; i++) {
		struct pike_completion c = use_take(q);

		ck_assert_int_gt(c.res, 0);
		h[i] = c.res;
	}
}

/* Bytes there and back. */
static inline void use_works(struct pike_queue *q)
{
	char there[8] = "", hello[] = "hello";
	pike_handle h[3];
	struct pike_op op = {.opcode = PIKE_RECV, .buf = there, .len = 8};

	use_connection(q, h);
	for (int i = 0; i < 2; i++) {
		memset(there, 0, sizeof there);
		op.handle = h[i];
		pike_id recv = use_submit(q, op);

		use_submit(q, (struct pike_op){.opcode = PIKE_SEND,
				  .handle = h[!i],
				  .buf = hello,
				  .len = 5});
		for (int n = 0; n < 2; n++) {
			struct pike_completion c = use_take(q);

			ck_assert_int_eq(c.res, 5);
			if (c.id == recv)
				ck_assert_str_eq(there, hello);
		}
	}
}

/* A long stream through few buffers of a group, by one op. */
static inline void use_groups(struct pike_queue *q)
{
	enum {
		SIZE = 64,
		LEN = 5000
	};
	static unsigned char out[LEN];
	struct pike_op op = {.opcode = PIKE_RECV};
	int64_t group = pike_group_open(q, 3, SIZE, NULL);
	size_t came = 0;
	pike_handle h[3];

	ck_assert_int_gt(group, 0);
	for (int i = 0; i < LEN; i++)
		out[i] = (unsigned char)(i * 7 + i / 256);
	use_connection(q, h);
	op.flags = PIKE_GROUP | PIKE_MULTISHOT;
	op.handle = h[0];
	op.u.group.id = (uint32_t)group;
	pike_id recv = use_submit(q, op);

	use_submit(q, (struct pike_op){.opcode = PIKE_SEND,
			  .flags = PIKE_ALL,
			  .handle = h[1],
			  .buf = out,
			  .len = LEN});
	while (came < LEN) {
		struct pike_completion c = use_take(q);
		const unsigned char *bytes;

		if (c.id != recv) {
			ck_assert_int_eq(c.res, LEN);
			continue;
		}
		ck_assert_uint_eq(c.flags, PIKE_MORE | PIKE_BUFFER);
		ck_assert_int_le(c.res, SIZE);
		bytes = pike_group_buffer(q, (uint32_t)group, c.buffer);
		UNIT_CHECK(!memcmp(bytes, out + came, (size_t)c.res));
		came += (size_t)c.res;
		ck_assert_int_eq(
		    pike_group_return(q, (uint32_t)group, c.buffer), 0);
	}
}

#endif
