/* SPDX-License-Identifier: MIT */
/*
 * A request that pike accepts for each opcode: what bad input is made from,
 * by spoiling one thing at a time.
 */
#ifndef PIKE_TESTS_EVERY_H
#define PIKE_TESTS_EVERY_H

#include "harness.h"

/* What the requests point to. */
struct every {
	struct rig *rig;
	pike_handle h;       /* a connected stream socket */
	pike_handle socket;  /* one that is not bound */
	pike_handle listens; /* one that listens */
	pike_fd peer;
	struct pike_addr addr; /* of the listener */
	struct pike_addr any;  /* port 0 */
	struct pike_addr into;
	struct pike_iovec iov[2];
	struct pike_msg msg;
	struct pike_signal_info info;
	int32_t value;
	pike_id timer; /* something to cancel */
	char buf[64];
};

void every_make(struct rig *rig, struct every *e);

/* A good request of opcode. */
struct pike_op every_op(struct every *e, int opcode);

/* Whether the opcode names this. */
bool every_takes_handle(int opcode);
bool every_takes_op_flags(int opcode);
bool every_takes_buf(int opcode);
bool every_needs_addr(int opcode);
bool every_takes_shots(int opcode);
bool every_takes_deadline(int opcode);
bool every_takes_zero_copy(int opcode);

/* For each opcode that there is. */
#define EVERY_OPCODE(opcode)                                                   \
	for (int opcode = PIKE_NOP; opcode < PIKE_OPCODES; opcode++)

#endif
