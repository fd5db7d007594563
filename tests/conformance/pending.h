/* SPDX-License-Identifier: MIT */
/*
 * One way for each op that can wait to be made waiting: what cancels,
 * deadlines and closes are tried on. PENDING_KINDS lists them, so that a
 * program can have one case for each.
 */
#ifndef PIKE_TESTS_PENDING_H
#define PIKE_TESTS_PENDING_H

#include "harness.h"

/*
 * X(kind) for each; on a handle and without one; those that an outsider can
 * end at once (pending_satisfy), and those that nobody can.
 */
#define PENDING_READY_ON_HANDLE(X)                                             \
	X(accept)                                                              \
	X(accept_shots)                                                        \
	X(recv)                                                                \
	X(recv_all)                                                            \
	X(recv_peek)                                                           \
	X(recv_group)                                                          \
	X(recv_shots)                                                          \
	X(recvfrom_shots)                                                      \
	X(read)                                                                \
	X(readv)                                                               \
	X(recvfrom)                                                            \
	X(recvmsg)                                                             \
	X(send)                                                                \
	X(send_all)                                                            \
	X(write)                                                               \
	X(writev)                                                              \
	X(sendto)                                                              \
	X(sendmsg)                                                             \
	X(poll_in)                                                             \
	X(poll_out)                                                            \
	X(poll_shots)
#define PENDING_ON_HANDLE(X)                                                   \
	PENDING_READY_ON_HANDLE(X)                                             \
	X(connect)                                                             \
	X(recv_starved)                                                        \
	X(shutdown)
#define PENDING_SIGNALS(X)                                                     \
	X(signal)                                                              \
	X(signal_shots)
#define PENDING_TIMERS(X)                                                      \
	X(timer)                                                               \
	X(timer_absolute)                                                      \
	X(timer_wall)                                                          \
	X(timer_shots)
#define PENDING_SATISFIABLE(X)                                                 \
	PENDING_READY_ON_HANDLE(X)                                             \
	PENDING_SIGNALS(X)
#define PENDING_TIMED(X)                                                       \
	PENDING_ON_HANDLE(X)                                                   \
	X(connect_to)                                                          \
	PENDING_SIGNALS(X)
#define PENDING_KINDS(X)                                                       \
	PENDING_TIMED(X)                                                       \
	PENDING_TIMERS(X)

enum pending_kind {
#define PENDING_ENUM(kind) PENDING_##kind,
	PENDING_KINDS(PENDING_ENUM)
#undef PENDING_ENUM
	PENDING_COUNT
};

struct pending {
	enum pending_kind kind;
	struct pike_op op;     /* to be submitted; it will wait */
	pike_handle h;         /* 0: none */
	pike_fd peer;          /* plain; -1: none */
	int64_t full;          /* so much is to be drained, if it is known */
	int64_t res;           /* what it gives once satisfied; -1: a handle */
	bool satisfiable;      /* by pending_satisfy, at once */
	bool timed;            /* may carry a deadline */
	struct pike_addr addr; /* the rest is what op points to */
	struct pike_addr from;
	struct pike_iovec iov[2];
	struct pike_msg msg;
	struct pike_signal_info info;
	char buf[16];
};

const char *pending_name(enum pending_kind kind);

/*
 * Sets everything up but the op itself; *p must stay until it is over. False:
 * the system has no such thing; skip. Shutdown waits behind a send that it
 * submits.
 */
bool pending_make(struct rig *rig, enum pending_kind kind, struct pending *p);

/* From outside does what the op waits for. */
void pending_satisfy(struct rig *rig, struct pending *p);

/* Checks a completion of a satisfied op. */
void pending_check(const struct pending *p, const struct pike_completion *c);

#endif
