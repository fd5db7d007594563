/* SPDX-License-Identifier: MIT */
/* What the scenarios have in common. */
#ifndef PIKE_TESTS_SCENARIOS_H
#define PIKE_TESTS_SCENARIOS_H

#include <pike.h>
#include <string.h>

#include "run.h"

/* In scenarios_net.c and scenarios_group.c; the others are in
 * scenarios_local.c. */
void play_tcp_echo(struct run *run);
void play_ping_pong(struct run *run);
void play_tcp_steps(struct run *run);
void play_tcp_refused(struct run *run);
void play_tcp_ends(struct run *run);
void play_udp(struct run *run);
void play_few_connections(struct run *run);
void play_many_connections(struct run *run);
void play_crowd(struct run *run);
void play_adopted_listener(struct run *run);
void play_group(struct run *run);

static inline struct pike_op op_of(int opcode, pike_handle h)
{
	return (struct pike_op){.opcode = (uint16_t)opcode, .handle = h};
}

static inline struct pike_op op_bytes(
    int opcode, pike_handle h, const void *buf, size_t len)
{
	struct pike_op op = op_of(opcode, h);

	op.buf = (void *)buf;
	op.len = len;
	return op;
}

static inline struct pike_op op_all(struct pike_op op)
{
	op.flags |= PIKE_ALL;
	return op;
}

static inline struct pike_op op_many(struct pike_op op)
{
	op.flags |= PIKE_MULTISHOT;
	return op;
}

static inline struct pike_op op_named(
    int opcode, pike_handle h, struct pike_addr *addr)
{
	struct pike_op op = op_of(opcode, h);

	op.addr = addr;
	return op;
}

static inline struct pike_op op_how(int opcode, pike_handle h, uint32_t how)
{
	struct pike_op op = op_of(opcode, h);

	op.op_flags = how;
	return op;
}

/*
 * What an op points to is static: a scenario that ends early leaves it pending,
 * and it is the library's, or the kernel's, until it has ended.
 */

/* A listening socket, or a bound one, and where: 0 when there is none. */
pike_handle listen_at(
    struct run *run, const char *text, int type, struct pike_addr *at);

/* A connection through a listener: both ends, or false. */
bool connect_pair(struct run *run, pike_handle listener, struct pike_addr *at,
    pike_handle h[2]);

/* Bytes that differ by place: what is sent, and whether it has come. */
#define STREAM_LEN 1200
extern unsigned char stream_bytes[STREAM_LEN];
bool stream_arrived(const unsigned char *bytes, size_t len);

#endif
