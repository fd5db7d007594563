/* SPDX-License-Identifier: MIT */
/* Requests in one line each. */
#ifndef PIKE_TESTS_OPS_H
#define PIKE_TESTS_OPS_H

#include <pike.h>

/* Every request starts here. */
static inline struct pike_op op_of(int opcode, pike_handle h)
{
	struct pike_op op = {0};

	op.opcode = (uint16_t)opcode;
	op.handle = h;
	return op;
}

/* An opcode with a buffer; for READV and WRITEV with iovecs. */
static inline struct pike_op op_io(
    int opcode, pike_handle h, const void *buf, size_t len)
{
	struct pike_op op = op_of(opcode, h);

	op.buf = (void *)buf;
	op.len = len;
	return op;
}

/* An opcode with an address: BIND, CONNECT, ACCEPT, GETSOCKNAME, ... */
static inline struct pike_op op_at(
    int opcode, pike_handle h, const struct pike_addr *addr)
{
	struct pike_op op = op_of(opcode, h);

	op.addr = (struct pike_addr *)addr;
	return op;
}

static inline struct pike_op op_io_at(int opcode, pike_handle h,
    const void *buf, size_t len, const struct pike_addr *addr)
{
	struct pike_op op = op_io(opcode, h, buf, len);

	op.addr = (struct pike_addr *)addr;
	return op;
}

static inline struct pike_op op_msg(
    int opcode, pike_handle h, struct pike_msg *msg)
{
	return op_io(opcode, h, msg, 1);
}

/* A message of one buffer; iov is for it to keep. */
static inline struct pike_msg msg_of(
    struct pike_iovec *iov, void *buf, size_t len)
{
	struct pike_msg msg = {0};

	iov->base = buf;
	iov->len = len;
	msg.iov = iov;
	msg.iov_count = 1;
	return msg;
}

static inline struct pike_op op_nop(void)
{
	return op_of(PIKE_NOP, 0);
}

static inline struct pike_op op_socket(int family, int type)
{
	struct pike_op op = op_of(PIKE_SOCKET, 0);

	op.u.socket.domain = family;
	op.u.socket.type = type;
	return op;
}

/* LISTEN_TO and CONNECT_TO. */
static inline struct pike_op op_to(
    int opcode, const struct pike_addr *addr, int type)
{
	struct pike_op op = op_at(opcode, 0, addr);

	op.u.socket.type = type;
	return op;
}

static inline struct pike_op op_listen(pike_handle h, int backlog)
{
	struct pike_op op = op_of(PIKE_LISTEN, h);

	op.u.socket.backlog = backlog;
	return op;
}

static inline struct pike_op op_accept(pike_handle h)
{
	return op_of(PIKE_ACCEPT, h);
}

static inline struct pike_op op_close(pike_handle h)
{
	return op_of(PIKE_CLOSE, h);
}

static inline struct pike_op op_recv(pike_handle h, void *buf, size_t len)
{
	return op_io(PIKE_RECV, h, buf, len);
}

static inline struct pike_op op_send(pike_handle h, const void *buf, size_t len)
{
	return op_io(PIKE_SEND, h, buf, len);
}

static inline struct pike_op op_shutdown(pike_handle h, unsigned how)
{
	struct pike_op op = op_of(PIKE_SHUTDOWN, h);

	op.op_flags = how;
	return op;
}

static inline struct pike_op op_poll(pike_handle h, unsigned events)
{
	struct pike_op op = op_of(PIKE_POLL, h);

	op.op_flags = events;
	return op;
}

/* GETSOCKOPT and SETSOCKOPT. */
static inline struct pike_op op_option(int opcode, pike_handle h, int level,
    int name, const void *value, size_t len)
{
	struct pike_op op = op_io(opcode, h, value, len);

	op.u.option.level = level;
	op.u.option.name = name;
	return op;
}

static inline struct pike_op op_timer(int64_t due_ns)
{
	struct pike_op op = op_of(PIKE_TIMER, 0);

	op.u.timer.due_ns = due_ns;
	return op;
}

static inline struct pike_op op_cancel(pike_id id)
{
	struct pike_op op = op_of(PIKE_CANCEL, 0);

	op.u.cancel.id = id;
	return op;
}

/* Receives into a buffer of a group; many times. */
static inline struct pike_op op_group(int opcode, pike_handle h, int group)
{
	struct pike_op op = op_of(opcode, h);

	op.flags = PIKE_GROUP;
	op.u.group.id = (uint32_t)group;
	return op;
}

static inline struct pike_op op_pour(pike_handle h, int group)
{
	struct pike_op op = op_group(PIKE_RECV, h, group);

	op.flags |= PIKE_MULTISHOT;
	return op;
}

/* The same request with more said. */
static inline struct pike_op op_flags(struct pike_op op, unsigned flags)
{
	op.flags = (uint16_t)(op.flags | flags);
	return op;
}

static inline struct pike_op op_how(struct pike_op op, unsigned op_flags)
{
	op.op_flags |= op_flags;
	return op;
}

static inline struct pike_op op_deadline(struct pike_op op, int64_t timeout_ns)
{
	op.timeout_ns = timeout_ns;
	return op;
}

static inline struct pike_op op_tagged(struct pike_op op, void *user_data)
{
	op.user_data = user_data;
	return op;
}

#endif
