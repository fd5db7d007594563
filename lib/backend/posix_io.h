/* SPDX-License-Identifier: MIT */
/*
 * The opcodes as POSIX calls that never block: the only place where the POSIX
 * side decodes an op.
 */
#ifndef PIKE_LIB_BACKEND_POSIX_IO_H
#define PIKE_LIB_BACKEND_POSIX_IO_H

#include "../queue.h"
#include "hb.h"
#include "sys.h"

enum pike__outcome {
	PIKE__DONE,    /* ended, with a result */
	PIKE__BLOCKED, /* the descriptor's next edge will tell */
	PIKE__AGAIN,   /* it could go on, and others have their turn */
	PIKE__LATER,   /* no edge will tell: try again after a while */
	PIKE__PAUSED   /* the core will start it again */
};

/*
 * Tries an op once. *moved counts its bytes so far and is kept between tries;
 * *phase is 0 at the first. The lane's PIKE__READY is taken back when what was
 * seen says that another try would fail.
 */
enum pike__outcome pike__posix_try(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, uint8_t *phase,
    struct pike__result *r);

/*
 * What one sys_send or sys_recv of all of op means, which returned n and left
 * its errno: true when the op has ended. It may go on with other calls.
 */
bool pike__posix_transferred(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, int64_t n, size_t *moved, struct pike__result *r);

/* How many bytes a transfer asks for in all, as far as it matters. */
size_t pike__posix_total(const struct pike_op *op);

/* The same for a call that asked for want bytes of it and was made by somebody
 * else: n, or the negated error. False: it has to be called again. */
bool pike__posix_took(struct pike__handle *h, const struct pike_op *op,
    int64_t n, size_t want, size_t *moved, struct pike__result *r);

/*
 * The rest of a vector after moved bytes, as far as one call takes it. True
 * when that is all of it, from the beginning: iov is then the caller's array.
 */
#define PIKE__CUT 64
struct pike__cut {
	struct iovec part[PIKE__CUT];
	struct iovec *iov; /* part, or the caller's own array */
	size_t n;
	size_t want; /* bytes in it */
};
bool pike__cut(struct pike__cut *cut, const struct pike_iovec *iov, size_t n,
    size_t moved);

/* One read or write of what is not a socket; what was asked for is in the cut
 * afterwards (posix_pipe.c). */
ssize_t pike__posix_read(
    const struct pike_queue *q, struct pike__handle *h, struct pike__cut *cut);
ssize_t pike__posix_write(
    const struct pike_queue *q, struct pike__handle *h, struct pike__cut *cut);

/* Transfers with addresses or control data (posix_msg.c). */
ssize_t pike__posix_recvmsg(struct pike__handle *h, const struct pike_op *op,
    size_t *want, struct pike__result *r);
ssize_t pike__posix_sendmsg(struct pike__handle *h, const struct pike_op *op,
    size_t moved, size_t *want, struct pike__result *r);

/* Closes, or leaves open as it was found. The system's error, or 0 (both in
 * posix_adopt.c). */
int pike__posix_drop(struct pike__handle *h, bool close_it);
pike_handle pike__posix_adopt(struct pike_queue *q, pike_fd fd);
/* Makes a descriptor of the caller's not block, until it is dropped. 0, or -1
 * with errno. */
int pike__posix_unblock(struct pike__handle *h);
/* Says of a socket's handle what its transfers have to know. */
void pike__posix_nature(struct pike__handle *h, uint8_t family);

/* What sockets are made, named and ended with (posix_socket.c). The bool is
 * always true: they end at once. */
void pike__posix_socket(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r);
void pike__posix_listen_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r);
/* The first half of CONNECT_TO: a handle to connect, or null with the error. */
struct pike__handle *pike__posix_connect_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r);
enum pike__outcome pike__posix_connect(struct pike__handle *h,
    const struct pike_op *op, uint8_t *phase, struct pike__result *r);
enum pike__outcome pike__posix_accept(struct pike_queue *q,
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r);
/* The handle of a connection that was taken, for which one was reserved; sa is
 * the peer's name, where op wants it. */
pike_handle pike__posix_accepted(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, int fd, const struct sockaddr_storage *sa,
    socklen_t len);
/* Whether an error is only that of the connection that was to be taken. */
bool pike__posix_only_that(int err);
/* A connect was successful. */
void pike__posix_connect_done(
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r);
void pike__posix_at_once(
    struct pike__handle *h, const struct pike_op *op, struct pike__result *r);
/* A stream that has moved bytes has a peer, whoever connected it. */
void pike__posix_connected(struct pike__handle *h);

/* Converts an address: 0, or -1 with errno. */
int pike__posix_name(
    const struct pike_addr *addr, struct sockaddr_storage *sa, socklen_t *len);
/* Which of these poll events, or POLLERR and the like, hold of a descriptor
 * now: 0 for none, -1 with errno. */
int pike__posix_ask(int fd, int events);
/* The same in PIKE_POLL_ bits. */
int pike__posix_events(int fd, unsigned wanted);

/* The system's MSG_ flags for PIKE_MSG_. */
int pike__posix_msg_flags(uint32_t flags);

/* A time, of a clock or a span. */
static inline void pike__timespec(struct timespec *ts, int64_t ns)
{
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
}

/* A result from errno, with the code that pike calls it. */
void pike__posix_error(struct pike__result *r, int err);

#endif
