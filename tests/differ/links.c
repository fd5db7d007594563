/* SPDX-License-Identifier: MIT */
/* The storm: links, what is done on them, and how they come to rest. */
#include <stdlib.h>

#include "world.h"

#define TIGHT      65536
#define ROUNDS_MAX 1000
#define UNREAD_MAX 32 /* datagrams: none may be dropped for want of room */

/* -------------------------------------------------------------- opening -- */

/*
 * Connected UDP sockets, bound by connecting: a port that is bound for reuse
 * may be somebody else's too, who then gets the datagrams.
 */
static void udp_pair(pike_fd fd[2])
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	addr.port = 9;
	for (int i = 0; i < 2; i++) {
		fd[i] = port_socket(PIKE_AF_INET, PIKE_SOCK_DGRAM);
		port_connect_with(fd[i], &addr);
		port_name(fd[i], false, &addr);
	}
	port_connect_with(fd[0], &addr);
}

/* False: the system has no such thing. */
bool kind_pair(struct world *w, enum kind kind, pike_fd fd[2])
{
	(void)w;
	switch (kind) {
	case KIND_UNIX:
		return port_unix_pair(PIKE_SOCK_STREAM, fd) == 0;
	case KIND_DGRAM:
		return port_unix_pair(PIKE_SOCK_DGRAM, fd) == 0;
	case KIND_SEQPACKET:
		return port_unix_pair(PIKE_SOCK_SEQPACKET, fd) == 0;
	case KIND_PIPE:
		port_pipe(fd);
		return true;
	case KIND_UDP:
		udp_pair(fd);
		return true;
	default:
		port_tcp_pair(fd);
		return true;
	}
}

/* By pike's own ops, ready to move bytes. */
static bool open_by_pike(struct world *w, pike_handle h[2])
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle listener =
	    perform(w, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_STREAM));
	struct act *a = act_new(w, PIKE_ACCEPT, listener);
	int64_t other = 0;

	perform(w, op_at(PIKE_GETSOCKNAME, listener, &addr));
	a->trying = true;
	a->quiet = &other;
	int index = w->count;
	if (!act_submit(w, a, op_accept(listener)))
		return false;
	h[0] = perform(w, op_to(PIKE_CONNECT_TO, &addr, PIKE_SOCK_STREAM));
	world_await(w, index);
	h[1] = other;
	perform(w, op_close(listener));
	if (h[0] <= 0 || h[1] <= 0)
		world_fail(w, "a connection comes about",
		    "connect %s accept %s", pike_error_name(h[0]),
		    pike_error_name(h[1]));
	return !w->out->failed;
}

/* tight: with little room, so that sends have to wait. */
void link_open(struct world *w, int link, enum kind kind, bool tight)
{
	struct link *l = &w->links[link];
	pike_handle h[2];
	pike_fd fd[2] = {-1, -1};

	if (w->out->failed)
		return;
	if (w->program->plain)
		kind = kind_plain(kind);
	if (kind == KIND_PIKE_TCP) {
		if (!open_by_pike(w, h))
			return;
	} else {
		if (!kind_pair(w, kind, fd)) {
			kind = KIND_TCP;
			port_tcp_pair(fd);
		}
		for (int i = 0; i < 2; i++) {
			if (tight && (kind == KIND_TCP || kind == KIND_UNIX))
				port_buffers(fd[i], TIGHT);
			h[i] = pike_adopt(w->q, fd[i], 0);
		}
	}
	l->kind = kind;
	l->open = true;
	for (int i = 0; i < 2; i++) {
		if (h[i] <= 0)
			world_fail(w, "adopt fails", "%s", kind_names[kind]);
		l->end[i] = (struct end){h[i], fd[i], true};
		flow_reset(&l->flow[i]);
	}
}

/* --------------------------------------------------------------- moving -- */

static struct act *act_of_link(
    struct world *w, int opcode, int link, int end, enum lane lane)
{
	struct act *a = act_new(w, opcode, w->links[link].end[end].h);

	a->link = link;
	a->end = end;
	a->lane = lane;
	return a;
}

static void *some(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}

/* The buffer in parts, by whatever way the opcode takes them. */
static struct pike_op act_op(struct act *a, size_t len)
{
	struct pike_op op = op_of(a->opcode, a->handle);
	size_t part = len / IOVS;

	a->len = len;
	a->buf = some(len);
	op.buf = a->buf;
	op.len = len;
	switch (a->opcode) {
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
	case PIKE_READV:
	case PIKE_WRITEV:
		a->iov = some(sizeof(*a->iov) * IOVS);
		for (size_t i = 0; i < IOVS; i++)
			a->iov[i] =
			    (struct pike_iovec){a->buf + i * part, part};
		a->iov[IOVS - 1].len = len - part * (IOVS - 1);
		op.buf = a->iov;
		op.len = IOVS;
		break;
	default:
		return op;
	}
	if (a->opcode == PIKE_READV || a->opcode == PIKE_WRITEV)
		return op;
	a->msg = some(sizeof(*a->msg));
	a->msg->iov = a->iov;
	a->msg->iov_count = IOVS;
	op.buf = a->msg;
	op.len = 1;
	return op;
}

static bool end_open(struct world *w, int link, int end)
{
	return w->links[link].open && w->links[link].end[end].open;
}

static void send_now(struct world *w, int link, int end, int opcode, size_t len,
    unsigned flags, int64_t deadline)
{
	struct act *a = act_of_link(w, opcode, link, end, LANE_WRITES);
	struct pike_op op = act_op(a, len);

	a->serial = ++w->serial;
	for (size_t i = 0; i < len; i++)
		a->buf[i] = serial_byte(a->serial, i);
	op.flags = (uint16_t)flags;
	op.timeout_ns = deadline;
	act_submit(w, a, op);
}

void link_send(struct world *w, const struct step *s)
{
	int link = s->a % LINKS;
	struct link *l = &w->links[link];
	int end = l->kind == KIND_PIPE ? 1 : s->b & 1;
	const struct flow *f = &l->flow[end];

	if (!end_open(w, link, end))
		return;
	if (kind_is_messages(l->kind) &&
	    f->sent_known - f->received + f->sends + w->batched > UNREAD_MAX)
		return;
	send_now(w, link, end, step_transfer(s, l->kind),
	    step_length(s, l->kind), step_all(s, l->kind) ? PIKE_ALL : 0,
	    step_deadline(s));
}

static void recv_now(struct world *w, int link, int end, int opcode, size_t len,
    unsigned flags, int64_t deadline)
{
	struct act *a = act_of_link(w, opcode, link, end, LANE_READS);
	struct pike_op op = act_op(a, len);

	if (opcode == PIKE_RECVFROM)
		op.addr = a->addr = some(sizeof(*a->addr));
	op.flags = (uint16_t)flags;
	op.timeout_ns = deadline;
	act_submit(w, a, op);
}

void link_recv(struct world *w, const struct step *s)
{
	int link = s->a % LINKS;
	struct link *l = &w->links[link];
	int end = l->kind == KIND_PIPE ? 0 : s->b & 1;

	if (end_open(w, link, end))
		recv_now(w, link, end, step_transfer(s, l->kind),
		    step_length(s, l->kind),
		    step_all(s, l->kind) ? PIKE_ALL : 0, step_deadline(s));
}

void link_poll(struct world *w, const struct step *s)
{
	int link = s->a % LINKS;
	int end = s->b & 1;

	if (!end_open(w, link, end))
		return;
	struct act *a = act_of_link(w, PIKE_POLL, link, end, LANE_POLLS);
	struct pike_op op = op_poll(a->handle, step_events(s));
	if (s->b & 2)
		op.flags = PIKE_MULTISHOT;
	op.timeout_ns = step_deadline(s);
	act_submit(w, a, op);
}

void link_shut(struct world *w, const struct step *s)
{
	int link = s->a % LINKS;
	int end = s->b & 1;
	enum kind kind = w->links[link].kind;

	if (!end_open(w, link, end) || kind > KIND_UNIX ||
	    w->links[link].flow[end].shut)
		return;
	struct act *a = act_of_link(w, PIKE_SHUTDOWN, link, end, LANE_WRITES);
	act_submit(w, a, op_shutdown(a->handle, PIKE_SHUT_WRITE));
}

void link_close(struct world *w, int link, int end, bool reset)
{
	struct link *l = &w->links[link];
	int32_t linger = 0;

	batch_flush(w);
	if (!end_open(w, link, end) || w->out->failed)
		return;
	if (reset && l->kind <= KIND_PIKE_TCP) {
		perform(w, op_option(PIKE_SETSOCKOPT, l->end[end].h, PIKE_SOL,
			       PIKE_SO_LINGER, &linger, sizeof(linger)));
		l->flow[0].reset_ok = true;
		l->flow[1].reset_ok = true;
		l->flow[end].hard = !l->flow[end].shut;
	}
	struct act *a = act_of_link(w, PIKE_CLOSE, link, end, LANE_NONE);
	pike_handle h = a->handle;
	if (!act_submit(w, a, op_close(h)))
		return;
	l->end[end].open = false;
	model_closing(w, link, end);
	struct pike_op op = op_recv(h, &linger, sizeof(linger));
	pike_id id = pike_submit(w->q, &op);
	if (id != -PIKE_EBADF)
		world_fail(w, "a closing handle takes nothing more", "%s",
		    id > 0 ? "accepted" : pike_error_name(id));
}

/* ------------------------------------------------------- coming to rest -- */

/* Reads that hold what has come and wait for more. */
static bool lane_cancel(struct world *w, int link, int end)
{
	bool any = false;

	EACH_LIVE(w, a)
	{
		if (a->link != link || a->end != end || a->lane != LANE_READS)
			continue;
		any = true;
		if (!a->asked)
			model_asked(w, a, pike_cancel(w->q, a->id));
	}
	return any;
}

/* Whether there is still something to receive. */
static bool flow_wants(struct world *w, int link, int from)
{
	const struct link *l = &w->links[link];
	const struct flow *f = &l->flow[from];
	bool ends = l->kind != KIND_DGRAM && l->kind != KIND_UDP;

	if (!l->end[!from].open || f->eof || f->broken ||
	    (l->kind == KIND_PIPE && from == 0))
		return false;
	if (f->ended && ends)
		return true;
	return !f->reset_ok && (f->sends || f->sent_known > f->received);
}

static void link_drain(struct world *w, int link)
{
	struct link *l = &w->links[link];
	bool more = true;

	for (int i = 0; more && i < ROUNDS_MAX && !w->out->failed; i++) {
		more = false;
		world_calm(w);
		for (int from = 0; from < 2; from++) {
			if (!flow_wants(w, link, from))
				continue;
			more = true;
			if (!lane_cancel(w, link, !from))
				recv_now(w, link, !from,
				    l->kind == KIND_PIPE ? PIKE_READ
							 : PIKE_RECV,
				    65536, 0, 0);
		}
		if (i == ROUNDS_MAX - 1)
			world_fail(w, STUCK,
			    "link %d (%s) does not come to rest", link,
			    kind_names[l->kind]);
	}
}

static void link_cancel(struct world *w, int link)
{
	EACH_LIVE(w, a)
	{
		if (a->link != link || a->asked)
			continue;
		int answer = pike_cancel(w->q, a->id);
		model_asked(w, a, answer);
	}
	world_calm(w);
}

static bool flow_spent(const struct flow *f)
{
	return f->shut || f->cut || f->maybe_cut || f->broken || f->reset_ok ||
	       f->reader_gone;
}

/*
 * All that was sent is received, what is left is cancelled, and then nothing
 * may be missing. A link that has been through something is made anew.
 */
void link_settle(struct world *w, int link, bool anew)
{
	struct link *l = &w->links[link];

	batch_flush(w);
	if (!l->open || w->out->failed)
		return;
	link_drain(w, link);
	link_cancel(w, link);
	for (int i = 0; i < 2; i++) {
		flow_settled(w, link, i);
		anew |= flow_spent(&l->flow[i]);
	}
	if (!anew || w->out->failed)
		return;
	for (int i = 0; i < 2; i++)
		link_close(w, link, i, false);
	world_calm(w);
	l->open = false;
}
