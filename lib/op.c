/* SPDX-License-Identifier: MIT */
/*
 * The table of opcodes and the check of a request. Whatever can be refused
 * without asking the system is refused here, so that nothing below has to
 * look again.
 */
#include "config.h"

#include "op.h"

#define MSG_IN  (PIKE_MSG_OOB | PIKE_MSG_PEEK)
#define MSG_OUT (PIKE_MSG_OOB | PIKE_MSG_DONTROUTE | PIKE_MSG_MORE)
#define H       PIKE__OP_HANDLE

#define GROUPED (PIKE_MULTISHOT | PIKE_GROUP)

const struct pike__op_info pike__op_infos[PIKE_OPCODES] = {
    [PIKE_NOP] = {"PIKE_NOP", PIKE__OP_CORE, 0, 0, PIKE__AT_ONCE},
    [PIKE_SOCKET] = {"PIKE_SOCKET", 0, 0, 0, PIKE__AT_ONCE},
    [PIKE_BIND] = {"PIKE_BIND", H | PIKE__OP_NAME_IN | PIKE__OP_NAME_MUST, 0, 0,
	PIKE__AT_ONCE},
    [PIKE_LISTEN] = {"PIKE_LISTEN", H, 0, 0, PIKE__AT_ONCE},
    [PIKE_CONNECT] = {"PIKE_CONNECT", H | PIKE__OP_NAME_IN | PIKE__OP_NAME_MUST,
	0, 0, PIKE__WRITES},
    [PIKE_ACCEPT] = {"PIKE_ACCEPT", H | PIKE__OP_NAME_OUT, PIKE_MULTISHOT, 0,
	PIKE__READS},
    [PIKE_SHUTDOWN] = {"PIKE_SHUTDOWN", H, 0, PIKE_SHUT_READ | PIKE_SHUT_WRITE,
	PIKE__WRITES},
    [PIKE_CLOSE] = {"PIKE_CLOSE", H | PIKE__OP_CORE | PIKE__OP_TIMELESS, 0, 0,
	PIKE__AT_ONCE},
    [PIKE_SETSOCKOPT] = {"PIKE_SETSOCKOPT", H | PIKE__OP_BUFFER, 0, 0,
	PIKE__AT_ONCE},
    [PIKE_GETSOCKOPT] = {"PIKE_GETSOCKOPT", H | PIKE__OP_BUFFER, 0, 0,
	PIKE__AT_ONCE},
    [PIKE_GETSOCKNAME] = {"PIKE_GETSOCKNAME",
	H | PIKE__OP_NAME_OUT | PIKE__OP_NAME_MUST, 0, 0, PIKE__AT_ONCE},
    [PIKE_GETPEERNAME] = {"PIKE_GETPEERNAME",
	H | PIKE__OP_NAME_OUT | PIKE__OP_NAME_MUST, 0, 0, PIKE__AT_ONCE},
    [PIKE_LISTEN_TO] = {"PIKE_LISTEN_TO", PIKE__OP_NAME_IN | PIKE__OP_NAME_MUST,
	0, 0, PIKE__AT_ONCE},
    [PIKE_CONNECT_TO] = {"PIKE_CONNECT_TO",
	PIKE__OP_NAME_IN | PIKE__OP_NAME_MUST, 0, 0, PIKE__AT_ONCE},
    [PIKE_READ] = {"PIKE_READ", H | PIKE__OP_BUFFER | PIKE__OP_STREAM, PIKE_ALL,
	0, PIKE__READS},
    [PIKE_WRITE] = {"PIKE_WRITE", H | PIKE__OP_BUFFER | PIKE__OP_STREAM,
	PIKE_ALL, 0, PIKE__WRITES},
    [PIKE_READV] = {"PIKE_READV", H | PIKE__OP_VECTOR | PIKE__OP_STREAM,
	PIKE_ALL, 0, PIKE__READS},
    [PIKE_WRITEV] = {"PIKE_WRITEV", H | PIKE__OP_VECTOR | PIKE__OP_STREAM,
	PIKE_ALL, 0, PIKE__WRITES},
    [PIKE_RECV] = {"PIKE_RECV", H | PIKE__OP_BUFFER, PIKE_ALL | GROUPED, MSG_IN,
	PIKE__READS},
    [PIKE_SEND] = {"PIKE_SEND", H | PIKE__OP_BUFFER, PIKE_ALL | PIKE_ZERO_COPY,
	MSG_OUT, PIKE__WRITES},
    [PIKE_RECVFROM] = {"PIKE_RECVFROM", H | PIKE__OP_BUFFER | PIKE__OP_NAME_OUT,
	GROUPED, MSG_IN, PIKE__READS},
    [PIKE_SENDTO] = {"PIKE_SENDTO", H | PIKE__OP_BUFFER | PIKE__OP_NAME_IN,
	PIKE_ZERO_COPY, MSG_OUT, PIKE__WRITES},
    [PIKE_RECVMSG] = {"PIKE_RECVMSG", H | PIKE__OP_MESSAGE, 0, MSG_IN,
	PIKE__READS},
    [PIKE_SENDMSG] = {"PIKE_SENDMSG", H | PIKE__OP_MESSAGE,
	PIKE_ALL | PIKE_ZERO_COPY, MSG_OUT, PIKE__WRITES},
    [PIKE_POLL] = {"PIKE_POLL", H, PIKE_MULTISHOT,
	PIKE_POLL_IN | PIKE_POLL_PRI | PIKE_POLL_OUT | PIKE_POLL_RDHUP,
	PIKE__POLLS},
    [PIKE_TIMER] = {"PIKE_TIMER", PIKE__OP_CORE | PIKE__OP_TIMELESS,
	PIKE_MULTISHOT, PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME,
	PIKE__AT_ONCE},
    [PIKE_SIGNAL] = {"PIKE_SIGNAL", 0, PIKE_MULTISHOT, 0, PIKE__AT_ONCE},
    [PIKE_CANCEL] = {"PIKE_CANCEL", PIKE__OP_CORE | PIKE__OP_TIMELESS, 0, 0,
	PIKE__AT_ONCE},
};

/* KILL, STOP and those that a fault raises, by Linux's numbers. */
#define SIGNALS_REFUSED                                                        \
	(PIKE_SIGNAL_BIT(9) | PIKE_SIGNAL_BIT(19) | PIKE_SIGNAL_BIT(11) |      \
	    PIKE_SIGNAL_BIT(7) | PIKE_SIGNAL_BIT(8) | PIKE_SIGNAL_BIT(4) |     \
	    PIKE_SIGNAL_BIT(5) | PIKE_SIGNAL_BIT(31))

static int vector_check(const struct pike_iovec *iov, size_t n)
{
	if (!iov && n)
		return -PIKE_EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!iov[i].base && iov[i].len)
			return -PIKE_EINVAL;
	return 0;
}

static int name_check(const struct pike_addr *addr)
{
	if (addr->reserved)
		return -PIKE_EINVAL;
	switch (addr->family) {
	case PIKE_AF_UNIX:
		return addr->len > 107 + (addr->u.path[0] == 0)
			   ? -PIKE_ENAMETOOLONG
			   : 0;
	case PIKE_AF_SYSTEM:
		return addr->len > sizeof addr->u.system ? -PIKE_EINVAL : 0;
	default:
		return 0;
	}
}

static int message_check(const struct pike_op *op)
{
	const struct pike_msg *msg = op->buf;

	if (!msg || op->len != 1 || msg->flags)
		return -PIKE_EINVAL;
	if ((!msg->fds && msg->fd_count) || (!msg->control && msg->control_len))
		return -PIKE_EINVAL;
	if (op->opcode == PIKE_SENDMSG && msg->addr && name_check(msg->addr))
		return name_check(msg->addr);
	return vector_check(msg->iov, msg->iov_count);
}

static int timer_check(const struct pike_op *op)
{
	if (op->u.timer.due_ns < 0 || op->timeout_ns)
		return -PIKE_EINVAL;
	if (op->flags & PIKE_MULTISHOT ? op->u.timer.period_ns <= 0
				       : op->u.timer.period_ns != 0)
		return -PIKE_EINVAL;
	return 0;
}

static int signal_check(const struct pike_op *op)
{
	if (!op->u.signal.set || (op->u.signal.set & SIGNALS_REFUSED))
		return -PIKE_EINVAL;
	if (op->buf && op->len != sizeof(struct pike_signal_info))
		return -PIKE_EINVAL;
	return 0;
}

/* A receive whose buffer is its group's, and what only such a one may ask. */
static int group_check(const struct pike_op *op)
{
	if (!(op->flags & PIKE_GROUP))
		return op->flags & PIKE_MULTISHOT ? -PIKE_EINVAL : 0;
	if (op->buf || (op->flags & PIKE_ALL))
		return -PIKE_EINVAL;
	if (op->opcode == PIKE_RECVFROM && op->addr)
		return -PIKE_EINVAL;
	return (op->flags & PIKE_MULTISHOT) && op->op_flags ? -PIKE_EINVAL : 0;
}

/* What is particular to one opcode. */
static int detail_check(const struct pike_op *op)
{
	switch (op->opcode) {
	case PIKE_TIMER:
		return timer_check(op);
	case PIKE_SIGNAL:
		return signal_check(op);
	case PIKE_SHUTDOWN:
		return op->op_flags ? 0 : -PIKE_EINVAL;
	case PIKE_RECV:
		/* What is left in the socket would be read again and again. */
		if ((op->flags & PIKE_ALL) && op->op_flags)
			return -PIKE_EINVAL;
		return group_check(op);
	case PIKE_RECVFROM:
		return group_check(op);
	default:
		return 0;
	}
}

int pike__op_check(const struct pike_op *op)
{
	if (op->opcode == 0 || op->opcode >= PIKE_OPCODES)
		return -PIKE_EINVAL;

	const struct pike__op_info *info = &pike__op_infos[op->opcode];

	if ((op->flags & ~info->flags) || (op->op_flags & ~info->op_flags))
		return -PIKE_EINVAL;
	if (op->reserved[0] | op->reserved[1])
		return -PIKE_EINVAL;
	if (op->timeout_ns < 0 ||
	    (op->timeout_ns && (info->needs & PIKE__OP_TIMELESS)))
		return -PIKE_EINVAL;
	if ((info->needs & PIKE__OP_BUFFER) && !op->buf && op->len &&
	    !(op->flags & PIKE_GROUP))
		return -PIKE_EINVAL;
	if ((info->needs & PIKE__OP_STREAM) && op->offset != 0 &&
	    op->offset != -1)
		return -PIKE_EINVAL;
	if ((info->needs & PIKE__OP_NAME_MUST) && !op->addr)
		return -PIKE_EINVAL;
	if (info->needs & PIKE__OP_NAME_IN && op->addr) {
		int bad = name_check(op->addr);

		if (bad)
			return bad;
	}
	if ((info->needs & PIKE__OP_MESSAGE) && message_check(op))
		return message_check(op);
	if ((info->needs & PIKE__OP_VECTOR) && vector_check(op->buf, op->len))
		return -PIKE_EINVAL;
	return detail_check(op);
}

const char *pike_opcode_name(int opcode)
{
	if (opcode <= 0 || opcode >= PIKE_OPCODES)
		return "?";
	return pike__op_infos[opcode].name;
}
