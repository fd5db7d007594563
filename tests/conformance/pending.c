/* SPDX-License-Identifier: MIT */
/* Ops that wait, one of each kind. */
#include "pending.h"
#include "port_proc.h"

#define PENDING_FAR (INT64_C(3600) * 1000 * NS_PER_MS)

const char *pending_name(enum pending_kind kind)
{
	static const char *const names[] = {
#define PENDING_NAME(kind) #kind,
	    PENDING_KINDS(PENDING_NAME)
#undef PENDING_NAME
	};

	return names[kind];
}

static bool pending_accept(struct rig *rig, struct pending *p)
{
	p->h = rig_listen(rig, PIKE_AF_INET, &p->addr);
	p->op = op_at(PIKE_ACCEPT, p->h, &p->from);
	p->res = -1;
	return true;
}

/*
 * A listener with a backlog of nothing: once a few connections wait there,
 * the system answers no more of them.
 */
static bool pending_connect(struct rig *rig, struct pending *p)
{
	p->addr = port_loopback(PIKE_AF_INET);
	p->peer = rig_own(rig, port_bound(&p->addr, PIKE_SOCK_STREAM, 0));
	for (int i = 0; i < 4; i++)
		rig_own(rig, port_connect_start(&p->addr));
	if (p->kind == PENDING_connect_to) {
		p->op = op_to(PIKE_CONNECT_TO, &p->addr, PIKE_SOCK_STREAM);
		p->res = -1;
		return true;
	}
	p->h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	p->op = op_at(PIKE_CONNECT, p->h, &p->addr);
	return true;
}

static void pending_iov(struct pending *p)
{
	p->iov[0] = (struct pike_iovec){p->buf, 3};
	p->iov[1] = (struct pike_iovec){p->buf + 3, 5};
	p->msg = (struct pike_msg){.iov = p->iov, .iov_count = 2};
}

static bool pending_read(
    struct rig *rig, struct pending *p, enum rig_kind kind, int opcode)
{
	if (!rig_peer(rig, kind, &p->h, &p->peer))
		return false;
	pending_iov(p);
	p->op = op_io(opcode, p->h, p->buf, 8);
	if (opcode == PIKE_READV)
		p->op = op_io(opcode, p->h, p->iov, 2);
	if (opcode == PIKE_RECVMSG)
		p->op = op_io(opcode, p->h, &p->msg, 1);
	if (opcode == PIKE_RECVFROM)
		p->op.addr = &p->from;
	p->res = 8;
	return true;
}

/* From a group of buffers; starved: of which none is left, and there is
 * something to receive. */
static bool pending_group(
    struct rig *rig, struct pending *p, enum rig_kind kind, int opcode)
{
	bool starved = p->kind == PENDING_recv_starved;
	int group = pike_group_open(rig->q, starved ? 1 : 64, 256, NULL);

	ck_assert_int_gt(group, 0);
	if (!rig_peer(rig, kind, &p->h, &p->peer))
		return false;
	p->op = op_group(opcode, p->h, group);
	p->res = 8;
	if (!starved)
		return true;
	ck_assert_int_eq(port_write(p->peer, "1", 1), 1);
	expect_op_flags(rig, p->op, 1, PIKE_BUFFER);
	ck_assert_int_eq(port_write(p->peer, "12345678", 8), 8);
	return true;
}

/* Packets with a connection, or what else such ops are for. */
static enum rig_kind pending_packet(enum rig_kind other)
{
	return port_can(PORT_UNIX) ? RIG_SEQPACKET : other;
}

/* A direction that is full: h writes, nobody reads at peer. */
static bool pending_full(struct rig *rig, struct pending *p, enum rig_kind kind)
{
	pike_fd fd[2];

	/* What stands for them elsewhere has more room, some of it on the way.
	 */
	if (!port_can(PORT_UNIX))
		return (p->full = rig_full(rig, kind, &p->h, &p->peer)) > 0;
	if (!rig_plain_pair(rig, kind, fd))
		return false;
	int writing = kind == RIG_PIPE ? 1 : 0;
	port_fill(fd[writing]);
	p->h = rig_adopt(rig, fd[writing]);
	p->peer = fd[!writing];
	return true;
}

static bool pending_write(
    struct rig *rig, struct pending *p, enum rig_kind kind, int opcode)
{
	if (!pending_full(rig, p, kind))
		return false;
	pending_iov(p);
	p->op = op_io(opcode, p->h, p->buf, 8);
	if (opcode == PIKE_WRITEV)
		p->op = op_io(opcode, p->h, p->iov, 2);
	if (opcode == PIKE_SENDMSG)
		p->op = op_io(opcode, p->h, &p->msg, 1);
	p->res = 8;
	return true;
}

static bool pending_poll(struct rig *rig, struct pending *p)
{
	bool out = p->kind == PENDING_poll_out;

	if (out ? !pending_full(rig, p, RIG_UNIX)
		: !rig_peer(rig, RIG_UNIX, &p->h, &p->peer))
		return false;
	p->op = op_poll(p->h, out ? PIKE_POLL_OUT : PIKE_POLL_IN);
	p->res = out ? PIKE_POLL_OUT : PIKE_POLL_IN;
	return true;
}

static bool pending_shutdown(struct rig *rig, struct pending *p)
{
	if (!pending_full(rig, p, RIG_UNIX))
		return false;
	submit(rig, op_flags(op_send(p->h, "before", 6), PIKE_ALL));
	p->op = op_shutdown(p->h, PIKE_SHUT_WRITE);
	return true;
}

static bool pending_timer(struct pending *p)
{
	p->op = op_timer(PENDING_FAR);
	p->res = 1;
	switch (p->kind) {
	case PENDING_timer_absolute:
		p->op.op_flags = PIKE_TIMER_ABSOLUTE;
		p->op.u.timer.due_ns += port_monotonic();
		break;
	case PENDING_timer_wall:
		p->op.op_flags = PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME;
		p->op.u.timer.due_ns += port_wall();
		break;
	case PENDING_timer_shots:
		p->op.flags = PIKE_MULTISHOT;
		p->op.u.timer.period_ns = PENDING_FAR;
		break;
	default:
		break;
	}
	return true;
}

static bool pending_signal(struct pending *p)
{
	p->op = op_io(PIKE_SIGNAL, 0, &p->info, sizeof(p->info));
	p->op.u.signal.set = PIKE_SIGNAL_BIT(SIGNAL_A);
	p->res = SIGNAL_A;
	return true;
}

static bool pending_start(struct rig *rig, struct pending *p)
{
	switch (p->kind) {
	case PENDING_accept:
	case PENDING_accept_shots:
		return pending_accept(rig, p);
	case PENDING_connect:
	case PENDING_connect_to:
		return pending_connect(rig, p);
	case PENDING_recv:
	case PENDING_recv_all:
	case PENDING_recv_peek:
		return pending_read(rig, p, RIG_TCP, PIKE_RECV);
	case PENDING_read:
		return pending_read(rig, p, RIG_PIPE, PIKE_READ);
	case PENDING_readv:
		return pending_read(rig, p, RIG_UNIX, PIKE_READV);
	case PENDING_recvfrom:
		return pending_read(rig, p, RIG_DGRAM, PIKE_RECVFROM);
	case PENDING_recv_group:
	case PENDING_recv_shots:
	case PENDING_recv_starved:
		return pending_group(rig, p, RIG_TCP, PIKE_RECV);
	case PENDING_recvfrom_shots:
		return pending_group(rig, p, RIG_DGRAM, PIKE_RECVFROM);
	case PENDING_recvmsg:
		return pending_read(
		    rig, p, pending_packet(RIG_DGRAM), PIKE_RECVMSG);
	case PENDING_send:
	case PENDING_send_all:
		return pending_write(rig, p, RIG_UNIX, PIKE_SEND);
	case PENDING_write:
		return pending_write(rig, p, RIG_PIPE, PIKE_WRITE);
	case PENDING_writev:
		return pending_write(rig, p, RIG_UNIX, PIKE_WRITEV);
	case PENDING_sendto:
		return pending_write(rig, p,
		    port_can(PORT_UNIX) ? RIG_DGRAM : RIG_UNIX, PIKE_SENDTO);
	case PENDING_sendmsg:
		return pending_write(
		    rig, p, pending_packet(RIG_UNIX), PIKE_SENDMSG);
	case PENDING_poll_in:
	case PENDING_poll_out:
	case PENDING_poll_shots:
		return pending_poll(rig, p);
	case PENDING_shutdown:
		return pending_shutdown(rig, p);
	case PENDING_signal:
	case PENDING_signal_shots:
		return pending_signal(p);
	default:
		return pending_timer(p);
	}
}

bool pending_make(struct rig *rig, enum pending_kind kind, struct pending *p)
{
	memset(p, 0, sizeof(*p));
	p->kind = kind;
	p->peer = -1;
	if (!pending_start(rig, p))
		return false;
	p->op.user_data = p;
	switch (kind) {
	case PENDING_accept_shots:
	case PENDING_poll_shots:
	case PENDING_recv_shots:
	case PENDING_recvfrom_shots:
	case PENDING_signal_shots:
		p->op.flags |= PIKE_MULTISHOT;
		break;
	case PENDING_recv_all:
	case PENDING_send_all:
		p->op.flags |= PIKE_ALL;
		break;
	case PENDING_recv_peek:
		p->op.op_flags |= PIKE_MSG_PEEK;
		break;
	default:
		break;
	}
	return true;
}

/* Reads what filled the direction, so that the op finds room. */
/* All that was there, also what is still on its way; the queue does nothing
 * meanwhile. */
static void pending_drain(pike_fd fd, int64_t left)
{
	char sink[4096];
	int64_t n;

	while (left > 0) {
		port_wait_readable(fd);
		n = port_read(fd, sink, sizeof(sink));
		left -= n > 0 ? n : 0;
	}
	while (port_read(fd, sink, sizeof(sink)) > 0)
		;
}

void pending_satisfy(struct rig *rig, struct pending *p)
{
	switch (p->kind) {
	case PENDING_accept:
	case PENDING_accept_shots:
		rig_own(rig, port_connect(&p->addr, PIKE_SOCK_STREAM));
		break;
	case PENDING_signal:
	case PENDING_signal_shots:
		port_raise(SIGNAL_A);
		break;
	case PENDING_send:
	case PENDING_send_all:
	case PENDING_write:
	case PENDING_writev:
	case PENDING_sendto:
	case PENDING_sendmsg:
	case PENDING_poll_out:
		pending_drain(p->peer, p->full);
		break;
	default:
		ck_assert_int_eq(port_write(p->peer, "12345678", 8), 8);
	}
}

void pending_check(const struct pending *p, const struct pike_completion *c)
{
	ck_assert_ptr_eq(c->user_data, p);
	ck_assert_int_eq(c->err, 0);
	if (p->res < 0)
		ck_assert_int_gt(c->res, 0);
	else if (p->op.opcode == PIKE_POLL)
		ck_assert_int_eq(c->res & p->res, p->res);
	else
		ck_assert_int_eq(c->res, p->res);
}
