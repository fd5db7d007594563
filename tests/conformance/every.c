/* SPDX-License-Identifier: MIT */
/* A good request of each opcode, and which fields an opcode names. */
#include <stdlib.h>

#include "every.h"
#include "port_proc.h"

enum {
	EVERY_HANDLE = 1,
	EVERY_HOW = 2, /* op_flags */
	EVERY_BUF = 4,
	EVERY_ADDR = 8,
	EVERY_SHOTS = 16,
	EVERY_NO_DEADLINE = 32,
	EVERY_ZERO_COPY = 64
};

static const uint8_t every_fields[PIKE_OPCODES] = {
    [PIKE_BIND] = EVERY_HANDLE | EVERY_ADDR,
    [PIKE_LISTEN] = EVERY_HANDLE,
    [PIKE_CONNECT] = EVERY_HANDLE | EVERY_ADDR,
    [PIKE_ACCEPT] = EVERY_HANDLE | EVERY_SHOTS,
    [PIKE_SHUTDOWN] = EVERY_HANDLE | EVERY_HOW,
    [PIKE_CLOSE] = EVERY_HANDLE | EVERY_NO_DEADLINE,
    [PIKE_SETSOCKOPT] = EVERY_HANDLE | EVERY_BUF,
    [PIKE_GETSOCKOPT] = EVERY_HANDLE | EVERY_BUF,
    [PIKE_GETSOCKNAME] = EVERY_HANDLE | EVERY_ADDR,
    [PIKE_GETPEERNAME] = EVERY_HANDLE | EVERY_ADDR,
    [PIKE_LISTEN_TO] = EVERY_ADDR,
    [PIKE_CONNECT_TO] = EVERY_ADDR,
    [PIKE_READ] = EVERY_HANDLE | EVERY_BUF,
    [PIKE_WRITE] = EVERY_HANDLE | EVERY_BUF,
    [PIKE_READV] = EVERY_HANDLE | EVERY_BUF,
    [PIKE_WRITEV] = EVERY_HANDLE | EVERY_BUF,
    [PIKE_RECV] = EVERY_HANDLE | EVERY_BUF | EVERY_HOW,
    [PIKE_SEND] = EVERY_HANDLE | EVERY_BUF | EVERY_HOW | EVERY_ZERO_COPY,
    [PIKE_RECVFROM] = EVERY_HANDLE | EVERY_BUF | EVERY_HOW,
    [PIKE_SENDTO] = EVERY_HANDLE | EVERY_BUF | EVERY_HOW | EVERY_ZERO_COPY,
    [PIKE_RECVMSG] = EVERY_HANDLE | EVERY_BUF | EVERY_HOW,
    [PIKE_SENDMSG] = EVERY_HANDLE | EVERY_BUF | EVERY_HOW | EVERY_ZERO_COPY,
    [PIKE_POLL] = EVERY_HANDLE | EVERY_HOW | EVERY_SHOTS,
    [PIKE_TIMER] = EVERY_HOW | EVERY_SHOTS | EVERY_NO_DEADLINE,
    [PIKE_SIGNAL] = EVERY_SHOTS,
    [PIKE_CANCEL] = EVERY_NO_DEADLINE,
};

bool every_takes_handle(int opcode)
{
	return every_fields[opcode] & EVERY_HANDLE;
}

bool every_takes_op_flags(int opcode)
{
	return every_fields[opcode] & EVERY_HOW;
}

bool every_takes_buf(int opcode)
{
	return every_fields[opcode] & EVERY_BUF;
}

bool every_needs_addr(int opcode)
{
	return every_fields[opcode] & EVERY_ADDR;
}

bool every_takes_shots(int opcode)
{
	return every_fields[opcode] & EVERY_SHOTS;
}

bool every_takes_zero_copy(int opcode)
{
	return every_fields[opcode] & EVERY_ZERO_COPY;
}

bool every_takes_deadline(int opcode)
{
	return !(every_fields[opcode] & EVERY_NO_DEADLINE);
}

void every_make(struct rig *rig, struct every *e)
{
	memset(e, 0, sizeof(*e));
	e->rig = rig;
	rig_peer(rig, RIG_TCP, &e->h, &e->peer);
	e->socket = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	e->listens = rig_listen(rig, PIKE_AF_INET, &e->addr);
	e->any = port_loopback(PIKE_AF_INET);
	e->iov[0] = (struct pike_iovec){e->buf, 16};
	e->iov[1] = (struct pike_iovec){e->buf + 16, 16};
	e->msg = (struct pike_msg){.iov = e->iov, .iov_count = 2};
	e->timer = submit(rig, op_timer(INT64_MAX));
}

static struct pike_op every_on_socket(struct every *e, int opcode)
{
	switch (opcode) {
	case PIKE_BIND:
		return op_at(opcode, e->socket, &e->any);
	case PIKE_LISTEN:
		return op_listen(e->socket, 0);
	case PIKE_CONNECT:
		return op_at(opcode, e->socket, &e->addr);
	case PIKE_ACCEPT:
		return op_accept(e->listens);
	case PIKE_SHUTDOWN:
		return op_shutdown(e->h, PIKE_SHUT_WRITE);
	case PIKE_CLOSE:
		return op_close(e->socket);
	case PIKE_SETSOCKOPT:
		e->value = 1;
		return op_option(opcode, e->h, PIKE_SOL, PIKE_SO_KEEPALIVE,
		    &e->value, sizeof(e->value));
	case PIKE_GETSOCKOPT:
		return op_option(opcode, e->h, PIKE_SOL, PIKE_SO_KEEPALIVE,
		    &e->value, sizeof(e->value));
	case PIKE_GETSOCKNAME:
	case PIKE_GETPEERNAME:
		return op_at(opcode, e->h, &e->into);
	case PIKE_LISTEN_TO:
		return op_to(opcode, &e->any, PIKE_SOCK_STREAM);
	case PIKE_CONNECT_TO:
		return op_to(opcode, &e->addr, PIKE_SOCK_STREAM);
	default:
		ck_abort_msg("no request for opcode %d", opcode);
		abort();
	}
}

struct pike_op every_op(struct every *e, int opcode)
{
	struct pike_op op = op_of(opcode, 0);

	switch (opcode) {
	case PIKE_NOP:
		return op;
	case PIKE_SOCKET:
		return op_socket(PIKE_AF_INET, PIKE_SOCK_STREAM);
	case PIKE_READV:
	case PIKE_WRITEV:
		return op_io(opcode, e->h, e->iov, 2);
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
		return op_io(opcode, e->h, &e->msg, 1);
	case PIKE_READ:
	case PIKE_WRITE:
	case PIKE_RECV:
	case PIKE_SEND:
	case PIKE_RECVFROM:
	case PIKE_SENDTO:
		return op_io(opcode, e->h, e->buf, 32);
	case PIKE_POLL:
		return op_poll(e->h, PIKE_POLL_IN);
	case PIKE_TIMER:
		op.u.timer.due_ns = NS_PER_MS;
		return op;
	case PIKE_SIGNAL:
		op.u.signal.set = PIKE_SIGNAL_BIT(SIGNAL_C);
		return op;
	case PIKE_CANCEL:
		return op_cancel(e->timer);
	default:
		return every_on_socket(e, opcode);
	}
}
