/* SPDX-License-Identifier: MIT */
/*
 * Tries: any op on something fresh, one after the other, with a round trip on
 * another connection after each. What comes of them is certain, and so written
 * down, but for what the contract leaves open.
 */
#include <stdlib.h>

#include "world.h"

/* --------------------------------------------------------------- facts -- */

static uint32_t sum_of(uint32_t sum, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 16777619u;
	return sum;
}

static void fact_bytes(
    struct fact *f, const struct act *a, const struct pike_completion *c)
{
	size_t n = c->res > 0 ? (size_t)c->res : 0;

	switch (a->opcode) {
	case PIKE_READ:
	case PIKE_READV:
	case PIKE_RECV:
	case PIKE_RECVFROM:
	case PIKE_RECVMSG:
	case PIKE_GETSOCKOPT:
		f->sum = sum_of(1, a->buf, n < a->len ? n : a->len);
		break;
	default:
		break;
	}
	if (a->addr && c->res >= 0 && a->opcode != PIKE_BIND &&
	    a->opcode != PIKE_CONNECT && a->opcode != PIKE_SENDTO)
		f->sum += a->addr->family;
	if (a->opcode != PIKE_RECVMSG || c->res < 0)
		return;
	f->sum += a->msg->fd_count * 1000;
	for (uint32_t i = 0; i < a->msg->fd_count; i++)
		port_close(a->fds[i]);
}

static bool sends(int opcode)
{
	return opcode == PIKE_SEND || opcode == PIKE_SENDTO ||
	       opcode == PIKE_SENDMSG || opcode == PIKE_WRITE ||
	       opcode == PIKE_WRITEV;
}

void try_fact(
    struct world *w, const struct act *a, const struct pike_completion *c)
{
	struct attempt *t = &w->attempt;
	struct outcome *out = w->out;
	struct fact f;

	memset(&f, 0, sizeof(f));
	f.step = w->step;
	f.of = a->step;
	f.attempt = w->attempts;
	f.opcode = a->opcode;
	f.flags = (uint16_t)c->flags;
	f.res = c->res;
	f.err = c->err;
	fact_bytes(&f, a, c);
	if (a->opcode == PIKE_ACCEPT && c->res > 0) {
		if (t->extras < (int)COUNTED(t->extra))
			t->extra[t->extras++] = c->res;
		f.res = 1;
	}
	/* Which of the two is not promised. */
	if (sends(a->opcode) && f.err == PIKE_EPIPE) {
		f.err = PIKE_ECONNRESET;
		if (f.res < 0)
			f.res = -PIKE_ECONNRESET;
	}
	/* Who has waited for long may come too late to see it, and an error is
	 * there until somebody has taken it. */
	if (a->opcode == PIKE_POLL && f.res > 0 && (f.res & PIKE_POLL_HUP))
		f.res &= ~(int64_t)PIKE_POLL_ERR;
	if (t->vague || (a->opcode == PIKE_POLL && f.step != f.of) ||
	    (c->flags & PIKE_MORE && a->opcode == PIKE_POLL))
		return;
	if (out->count == FACTS_MAX)
		return;
	int at = out->count++;
	for (; at > 0 && out->facts[at - 1].step == f.step &&
	       out->facts[at - 1].of > f.of;
	     at--)
		out->facts[at] = out->facts[at - 1];
	out->facts[at] = f;
}

/* ---------------------------------------------------- what is tried on -- */

/* The byte is waited for before it is sent: what is there at once is given out
 * without a look at the rest. */
static void try_fence(struct world *w)
{
	char in = 0;

	for (int i = 0; i < 2 && !w->out->failed; i++) {
		struct act *a = act_new(w, PIKE_RECV, w->fence[!i]);
		int64_t got = 0;
		int index = w->count;
		a->trying = true;
		a->quiet = &got;
		if (!act_submit(w, a, op_recv(a->handle, &in, 1)))
			return;
		perform(w, op_send(w->fence[i], "f", 1));
		world_await(w, index);
		while (world_reap(w, 64, 0) > 0)
			continue;
	}
}

static void try_release(struct world *w)
{
	struct attempt *t = &w->attempt;

	while (t->extras > 0 && !w->out->failed)
		perform(w, op_close(t->extra[--t->extras]));
	while (port_is_readable(w->listener_fd)) {
		pike_fd fd = port_accept(w->listener_fd);
		if (fd >= 0)
			port_close(fd);
	}
}

void try_close(struct world *w)
{
	struct attempt *t = &w->attempt;

	if (!t->open)
		return;
	for (int i = 0; i < 2 && !w->out->failed; i++) {
		if (!t->alive[i])
			continue;
		perform(w, op_close(t->h[i]));
		t->alive[i] = false;
		try_fence(w);
	}
	try_release(w);
	if (t->caller >= 0)
		port_close(t->caller);
	t->caller = -1;
	t->open = false;
}

static void try_pair(struct world *w, enum kind kind)
{
	struct attempt *t = &w->attempt;
	pike_fd fd[2];

	if (!kind_pair(w, kind, fd))
		return;
	for (int i = 0; i < 2; i++) {
		t->h[i] = pike_adopt(w->q, fd[i], 0);
		t->alive[i] = true;
	}
	t->open = true;
}

static void try_one(struct world *w, enum kind kind)
{
	struct attempt *t = &w->attempt;
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	struct pike_op op = op_socket(PIKE_AF_UNIX, PIKE_SOCK_STREAM);

	switch (kind) {
	case KIND_NEW_TCP:
		op = op_socket(PIKE_AF_INET, PIKE_SOCK_STREAM);
		break;
	case KIND_NEW_UDP:
		op = op_socket(PIKE_AF_INET, PIKE_SOCK_DGRAM);
		break;
	case KIND_NEW_DGRAM:
		op = op_socket(PIKE_AF_UNIX, PIKE_SOCK_DGRAM);
		break;
	case KIND_NEW_SEQPACKET:
		op = op_socket(PIKE_AF_UNIX, PIKE_SOCK_SEQPACKET);
		break;
	case KIND_LISTENER:
	case KIND_BUSY_LISTENER:
		op = op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_STREAM);
		break;
	case KIND_BOUND_UDP:
		op = op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM);
		break;
	default:
		break;
	}
	t->h[0] = perform(w, op);
	t->h[1] = t->h[0];
	t->alive[0] = t->open = t->h[0] > 0;
	if (kind != KIND_BUSY_LISTENER || !t->open || w->out->failed)
		return;
	perform(w, op_at(PIKE_GETSOCKNAME, t->h[0], &addr));
	t->caller = port_connect(&addr, PIKE_SOCK_STREAM);
}

void try_open(struct world *w, const struct step *s)
{
	enum kind kind = step_try_kind(s);

	if (w->program->plain)
		kind = kind_plain(kind);
	try_close(w);
	if (w->out->failed)
		return;
	memset(&w->attempt, 0, sizeof(w->attempt));
	w->attempts++;
	w->attempt.caller = -1;
	w->attempt.kind = kind;
	if (kind < KINDS_LINKED)
		try_pair(w, kind == KIND_PIKE_TCP ? KIND_TCP : kind);
	else
		try_one(w, kind);
	try_fence(w);
}

/* ------------------------------------------------------------- requests -- */

static void *some(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}

static struct pike_addr try_addr(struct world *w, unsigned n, bool connects)
{
	struct pike_addr addr = {.family = PIKE_AF_UNIX, .len = 14};

	switch (n % 5) {
	case 0:
		return connects ? w->nobody : port_loopback(PIKE_AF_INET6);
	case 1:
		memcpy(addr.u.path, "/nonexistent/x", 14);
		return addr;
	default:
		return connects ? w->listener : port_loopback(PIKE_AF_INET);
	}
}

static void try_parts(struct act *a, struct pike_op *op)
{
	a->iov = some(sizeof(*a->iov) * IOVS);
	a->iov[0] = (struct pike_iovec){a->buf, a->len / 2};
	a->iov[1] = (struct pike_iovec){a->buf, 0};
	a->iov[2] =
	    (struct pike_iovec){a->buf + a->len / 2, a->len - a->len / 2};
	op->buf = a->iov;
	op->len = IOVS;
}

static void try_message(
    struct world *w, struct act *a, struct pike_op *op, unsigned m)
{
	try_parts(a, op);
	a->msg = some(sizeof(*a->msg));
	a->msg->iov = a->iov;
	a->msg->iov_count = IOVS;
	for (size_t i = 0; i < COUNTED(a->fds); i++)
		a->fds[i] = w->listener_fd;
	a->msg->fds = a->fds;
	a->msg->fd_count = m % 2 ? m / 2 % COUNTED(a->fds) : 0;
	op->buf = a->msg;
	op->len = 1;
}

/* Into buf; SETSOCKOPT's value is copied by pike_submit. */
static void try_option(struct act *a, struct pike_op *op, unsigned n)
{
	int32_t value = (int32_t)(n / 32 % 3);

	op->u.option.level = PIKE_SOL;
	op->u.option.name = (int32_t)(n % 16);
	op->len = sizeof(value);
	if (op->opcode == PIKE_SETSOCKOPT)
		memcpy(a->buf, &value, sizeof(value));
}

static void try_fields(
    struct world *w, struct act *a, struct pike_op *op, const struct step *s)
{
	static const unsigned msg_flags[] = {
	    0, 0, 0, 0, 0, 0, PIKE_MSG_PEEK, PIKE_MSG_OOB};
	bool connects = op->opcode == PIKE_CONNECT;

	switch (op->opcode) {
	case PIKE_BIND:
	case PIKE_CONNECT:
		a->addr = some(sizeof(*a->addr));
		*a->addr = try_addr(w, s->n, connects);
		op->addr = a->addr;
		break;
	case PIKE_LISTEN:
		op->u.socket.backlog = 5;
		break;
	case PIKE_ACCEPT:
	case PIKE_GETSOCKNAME:
	case PIKE_GETPEERNAME:
	case PIKE_RECVFROM:
		op->addr = a->addr = some(sizeof(*a->addr));
		break;
	case PIKE_SHUTDOWN:
		op->op_flags = s->n % 5;
		break;
	case PIKE_SETSOCKOPT:
	case PIKE_GETSOCKOPT:
		try_option(a, op, s->n);
		break;
	case PIKE_READV:
	case PIKE_WRITEV:
		try_parts(a, op);
		break;
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
		try_message(w, a, op, s->m >> 16);
		break;
	case PIKE_POLL:
		op->op_flags = s->n & 0x2007;
		break;
	default:
		break;
	}
	if (op->opcode >= PIKE_RECV && op->opcode <= PIKE_SENDMSG)
		op->op_flags = msg_flags[(s->m >> 4) % COUNTED(msg_flags)];
}

/* What a request can be wrong by; most are right. */
static void try_spoil(struct pike_op *op, const struct step *s)
{
	switch (s->m % 128) {
	case 0:
		op->opcode = (uint16_t)(PIKE_OPCODES + s->n % 100);
		break;
	case 1:
		op->flags |= (uint16_t)(4 << s->n % 14);
		break;
	case 2:
		op->op_flags |= 1u << s->n % 32;
		break;
	case 3:
		op->reserved[s->n % 2] = 1;
		break;
	case 4:
		op->timeout_ns = -1;
		break;
	case 5:
		op->buf = NULL;
		break;
	case 6: /* of another life: the place beside it may be anybody's */
		op->handle += INT64_C(1) << (32 + s->n % 28);
		break;
	case 7:
		op->offset = (int64_t)(s->n % 3) - 1;
		break;
	default:
		break;
	}
}

/* Where a transfer may be short nothing would be certain after it. */
static bool may_be_short(enum kind kind, int opcode)
{
	if (kind_is_messages(kind))
		return false;
	switch (opcode) {
	case PIKE_READ:
	case PIKE_READV:
		return kind == KIND_PIPE;
	case PIKE_WRITE:
	case PIKE_WRITEV:
	case PIKE_SEND:
	case PIKE_SENDMSG:
		return true;
	default:
		return false;
	}
}

static struct pike_op try_request(
    struct world *w, struct act *a, const struct step *s)
{
	struct pike_op op = op_of(a->opcode, a->handle);

	a->trying = true;
	a->len = s->n % 65;
	/* What has no length may wait for an event, as said in world.h. */
	if (a->len == 0 && (w->attempt.tries > 0 || a->opcode == PIKE_RECVMSG))
		a->len = 1;
	w->attempt.tries++;
	a->buf = some(64);
	for (size_t i = 0; sends(a->opcode) && i < 64; i++)
		a->buf[i] = serial_byte((uint32_t)w->step, i);
	op.buf = a->buf;
	op.len = a->len;
	try_fields(w, a, &op, s);
	a->len = 64;
	if ((s->m >> 8) % 8 == 0 || may_be_short(w->attempt.kind, op.opcode))
		op.flags = PIKE_ALL;
	else if ((s->m >> 8) % 8 == 1)
		op.flags = PIKE_MULTISHOT;
	try_spoil(&op, s);
	return op;
}

/* A try passes the mark that an urgent byte leaves, so that a close after it
 * is no reset; and who is not told of such bytes makes fewer. */
static bool is_urgent(const struct pike_op *op)
{
	return op->opcode >= PIKE_RECV && op->opcode <= PIKE_SENDMSG &&
	       (op->op_flags & PIKE_MSG_OOB);
}

void try_step(struct world *w, const struct step *s)
{
	struct attempt *t = &w->attempt;
	int end = s->b & 1;
	int index = w->count;

	if (!t->open)
		return;
	struct act *a = act_new(w, step_try_opcode(s), t->h[end]);
	struct pike_op op = try_request(w, a, s);
	bool udp = t->kind == KIND_UDP || t->kind == KIND_NEW_UDP ||
		   t->kind == KIND_BOUND_UDP;
	int opcode = op.opcode;
	pike_handle h = op.handle;
	if (!act_submit(w, a, op))
		return;
	/* When a refusal comes back to a datagram socket is left open. */
	if (udp && (opcode == PIKE_CLOSE || opcode == PIKE_CONNECT))
		t->vague = true;
	if (w->how->asks && is_urgent(&op))
		t->vague = true;
	for (int i = 0; opcode == PIKE_CLOSE && i < 2; i++)
		t->alive[i] = t->alive[i] && t->h[i] != h;
	try_fence(w);
	if (!w->out->failed && s->b & 2 && !w->acts[index]->final &&
	    opcode != PIKE_CANCEL) {
		pike_cancel(w->q, w->acts[index]->id);
		try_fence(w);
	}
	try_release(w);
}
