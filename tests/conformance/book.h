/* SPDX-License-Identifier: MIT */
/*
 * The harness's book: what was asked of a queue and has not been answered for
 * good, what was answered and has not been taken by the test, and which
 * descriptors the rig has to close.
 */
#ifndef PIKE_TESTS_BOOK_H
#define PIKE_TESTS_BOOK_H

#include "harness.h"

struct rig_op {
	pike_id id;
	void *user_data;
	pike_handle handle;
	pike_id target;  /* of a cancel by id */
	uint64_t length; /* in all its buffers */
	uint16_t opcode;
	uint16_t flags;
	uint32_t op_flags;
	bool deadline;
	int next; /* in the bucket, or of the free ones */
};

struct rig_arrival {
	struct pike_completion done;
};

struct rig_owned {
	pike_fd fd;
	pike_handle handle; /* 0: not adopted */
};

/* Where the test was last seen, for messages. */
extern const char *book_file;
extern int book_line;
void book_at(const char *file, int line);

/* Fails the test with a message that begins with that place. */
void book_fail(const char *format, ...)
    __attribute__((format(PORT_PRINTF, 1, 2), noreturn));

void book_open(struct rig *rig);
void book_free(struct rig *rig);
void book_enter(struct rig *rig, const struct pike_op *op, pike_id id);

/* The op of id, or null. */
struct rig_op *book_find(struct rig *rig, pike_id id);

/* Holds a completion against the rules; strikes the op out when it is final,
 * and keeps the completion for the test. */
void book_arrive(struct rig *rig, const struct pike_completion *done);

/* Forgets a descriptor that PIKE_CLOSE has closed. */
void book_closed(struct rig *rig, pike_handle h);

#endif
