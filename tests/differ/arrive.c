/* SPDX-License-Identifier: MIT */
/* The contract as a model: what a completion may be, and which must come. */
#include "world.h"

static struct flow *act_flow(struct world *w, const struct act *a)
{
	struct link *l = &w->links[a->link];

	return &l->flow[a->lane == LANE_READS ? !a->end : a->end];
}

static bool act_messages(struct world *w, const struct act *a)
{
	return kind_is_messages(w->links[a->link].kind);
}

/* -------------------------------------------------------- what may come -- */

static bool ended_early(const struct act *a)
{
	return a->asked || a->maybe || a->deadline;
}

/* Errors that tell of the other end. */
static bool may_fail_peer(struct world *w, const struct act *a, int err)
{
	const struct flow *f = act_flow(w, a);
	const struct link *l = &w->links[a->link];
	const struct flow *own = &l->flow[a->end];

	switch (err) {
	case PIKE_EPIPE:
		return a->lane == LANE_WRITES &&
		       (a->after_shut || f->reader_gone || f->cut ||
			   f->maybe_cut || f->reset_ok);
	case PIKE_ECONNRESET:
		return f->reset_ok || (f->reader_gone && l->kind != KIND_PIPE);
	case PIKE_ECONNREFUSED:
		return act_messages(w, a) && own->reader_gone;
	case PIKE_ENOTCONN:
		return l->kind == KIND_DGRAM && own->reader_gone;
	default:
		return false;
	}
}

static bool may_fail(struct world *w, const struct act *a, int err)
{
	switch (err) {
	case 0:
		return true;
	case PIKE_ECANCELED:
		return a->asked || a->maybe;
	case PIKE_ETIME:
		return a->deadline;
	default:
		return a->link >= 0 && a->lane <= LANE_WRITES &&
		       a->opcode != PIKE_SHUTDOWN && may_fail_peer(w, a, err);
	}
}

static void arrived_any(
    struct world *w, const struct act *a, const struct pike_completion *c)
{
	unsigned known = PIKE_MORE | PIKE_EOF | PIKE_TRUNCATED;

	if ((c->res < 0 && c->err != -c->res) || c->err < 0 ||
	    (c->res == 0 && c->err) || (c->err == 0 && c->os_error))
		act_fail(w, a, c, "res and err agree");
	if (c->flags & ~known || c->buffer)
		act_fail(w, a, c, "flags that there are");
	if (c->flags & PIKE_MORE && (!(a->flags & PIKE_MULTISHOT) || c->err))
		act_fail(w, a, c, "more only of a multishot op");
	if (c->flags & PIKE_TRUNCATED &&
	    (a->lane != LANE_READS || a->link < 0 || !act_messages(w, a)))
		act_fail(w, a, c, "only datagrams are cut");
	if (!may_fail(w, a, c->err))
		act_fail(w, a, c, "no reason for such an error");
	/* Only what was ended early may leave the row. */
	bool rowed = a->lane <= LANE_WRITES && (a->len || a->link < 0);
	if (rowed && act_earlier(w, a) && (c->res > 0 || !ended_early(a)))
		act_fail(w, a, c, "ops of one lane end in order");
}

static void arrived_bytes(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	struct flow *f = act_flow(w, a);

	if (c->res > 0 && (f->eof || f->broken))
		act_fail(w, a, c, "nothing comes after the end");
	if (c->res == 0 && a->len && !(c->flags & PIKE_EOF))
		act_fail(w, a, c, "0 is the end");
	if (c->flags & PIKE_EOF) {
		bool part = (a->flags & PIKE_ALL) && c->res > 0 &&
			    (size_t)c->res < a->len;
		if (!f->shut || f->hard || c->err || (c->res && !part) ||
		    f->broken)
			act_fail(w, a, c, "an end that there is not");
		f->eof = true;
	} else if ((a->flags & PIKE_ALL) && c->res >= 0 && !c->err &&
		   (size_t)c->res < a->len) {
		act_fail(w, a, c, "ALL is all");
	}
	if (c->res > 0) {
		flow_gets(f, a->buf, (size_t)c->res);
		f->received += c->res;
	}
	if (c->err == PIKE_ECONNRESET)
		f->broken = true;
}

static void arrived_message(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	struct flow *f = act_flow(w, a);
	bool ends = w->links[a->link].kind == KIND_SEQPACKET;

	if (c->flags & PIKE_EOF) {
		if (!ends || !f->shut || c->res || c->err)
			act_fail(w, a, c, "an end that there is not");
		f->eof = true;
	} else if (c->res >= 0) {
		struct got g;
		memset(&g, 0, sizeof(g));
		g.res = (size_t)c->res;
		g.room = a->len;
		g.truncated = (c->flags & PIKE_TRUNCATED) != 0;
		flow_gets(f, &g, sizeof(g));
		flow_gets(f, a->buf, g.res);
		f->received++;
	} else if (c->err == PIKE_ECONNRESET && ends) {
		f->broken = true;
	}
}

static void arrived_recv(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	if (c->res > (int64_t)a->len) {
		act_fail(w, a, c, "no more than the buffer");
		return;
	}
	if (act_messages(w, a))
		arrived_message(w, a, c);
	else
		arrived_bytes(w, a, c);
	flow_match(w, a->link, act_flow(w, a));
}

static struct sent *sent_of(struct flow *f, const struct act *a)
{
	for (int i = f->first; i < f->first + f->count; i++) {
		if (f->sent[i].serial == a->serial)
			return &f->sent[i];
	}
	return NULL;
}

static void arrived_send(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	struct flow *f = act_flow(w, a);
	bool messages = act_messages(w, a);
	struct sent *s = sent_of(f, a);
	size_t n = c->res > 0 ? (size_t)c->res : 0;

	if (n > a->len || (c->res == 0 && a->len) ||
	    (n < a->len && c->res >= 0 && !c->err &&
		(messages || (a->flags & PIKE_ALL))))
		act_fail(w, a, c, "how much is sent");
	if (n == a->len && n && c->err)
		act_fail(w, a, c, "what was sent whole has no error");
	if (c->res >= 0 && a->len &&
	    (f->cut || (a->after_shut && !f->maybe_shut)))
		act_fail(w, a, c, "nothing is sent after the end");
	if (c->err == PIKE_EPIPE && w->links[a->link].end[a->end].open &&
	    !(a->after_shut || f->cut || f->maybe_cut || f->reader_gone ||
		f->reset_ok))
		act_fail(w, a, c, "a pipe that is not broken");
	if (!s)
		return;
	s->known = true;
	s->len = messages && c->res < 0 ? FAILED : n;
	f->sends--;
	f->sending -= messages ? 1 : (int64_t)a->len;
	if (messages)
		f->sent_known += c->res >= 0;
	else
		f->sent_known += (int64_t)n;
	if (!messages && (c->err == PIKE_ECANCELED || c->err == PIKE_ETIME)) {
		f->cut |= n > 0;
		f->maybe_cut |= !port_can(PORT_TELLS_SENT);
	}
	flow_match(w, a->link, f);
}

static void arrived_close(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	EACH_LIVE(w, b)
	{
		if (b->handle == a->handle && b->opcode != PIKE_CANCEL)
			act_fail(w, b, c, "a close is the last of its handle");
	}
	if (c->res != 0)
		act_fail(w, a, c, "a close says 0");
	if (a->link >= 0)
		w->links[a->link].flow[a->end].ended = true;
}

static void arrived_cancel(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	const struct act *t = a->target >= 0 ? w->acts[a->target] : NULL;

	if (c->res >= 0 && act_marked(w, a))
		act_fail(w, a, c, "a cancel comes after its target");
	if (a->target < 0) {
		if (c->res < 0 && c->err != PIKE_EBADF)
			act_fail(w, a, c, "the answer of a cancel");
		return;
	}
	bool never = t && (t->opcode == PIKE_CLOSE || t->opcode == PIKE_CANCEL);
	switch (c->res) {
	case 0:
	case -PIKE_ENOENT:
		if (t && !t->final)
			act_fail(w, a, c, "a cancel comes after its target");
		break;
	case -PIKE_EALREADY:
		break;
	case -PIKE_EINVAL:
		if (!never)
			act_fail(w, a, c, "the answer of a cancel");
		break;
	default:
		act_fail(w, a, c, "the answer of a cancel");
	}
}

static void arrived_other(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	switch (a->opcode) {
	case PIKE_CLOSE:
		arrived_close(w, a, c);
		break;
	case PIKE_POLL: {
		unsigned most = a->op_flags | PIKE_POLL_ERR | PIKE_POLL_HUP;
		if (c->res == 0 || (c->res > 0 && c->res & ~(int64_t)most))
			act_fail(w, a, c, "events that were asked for");
		break;
	}
	case PIKE_TIMER:
		if (c->res > 0 && port_monotonic() < a->due)
			act_fail(w, a, c, "a timer is never early");
		if (c->res == 0 || (c->res > 1 && !(a->flags & PIKE_MULTISHOT)))
			act_fail(w, a, c, "how often a timer was due");
		break;
	case PIKE_SHUTDOWN:
		if (c->res == 0)
			w->links[a->link].flow[a->end].ended = true;
		else if (a->link >= 0)
			w->links[a->link].flow[a->end].maybe_shut = true;
		break;
	case PIKE_CONNECT_TO:
	case PIKE_ACCEPT:
		door_arrived(w, a, c);
		break;
	default:
		if (c->res > 0)
			act_fail(w, a, c, "res is 0");
	}
}

void model_arrived(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	if (c->err == PIKE_EAGAIN || c->err == PIKE_EINTR)
		act_fail(w, a, c, "never EAGAIN, never EINTR");
	if (a->opcode == PIKE_CANCEL) {
		arrived_cancel(w, a, c);
		return;
	}
	if (a->trying) {
		if (a->opcode == PIKE_CLOSE)
			arrived_close(w, a, c);
		return;
	}
	arrived_any(w, a, c);
	if (w->out->failed)
		return;
	if (a->link >= 0 && a->lane == LANE_READS)
		arrived_recv(w, a, c);
	else if (a->link >= 0 && a->lane == LANE_WRITES &&
		 a->opcode != PIKE_SHUTDOWN)
		arrived_send(w, a, c);
	else
		arrived_other(w, a, c);
}

/* ------------------------------------------------------- what must come -- */

/* Whether what is sent will be taken. */
static bool act_receives(struct world *w, int link, int end)
{
	EACH_LIVE(w, a)
	{
		if (a->link == link && a->end == end && a->lane == LANE_READS)
			return a->len > 0;
	}
	return false;
}

static bool must_recv(struct world *w, const struct act *a)
{
	const struct flow *f = act_flow(w, a);
	int64_t may = f->sent_known - f->received + f->sending;
	enum kind kind = w->links[a->link].kind;

	if (a->len == 0 && !kind_is_messages(kind))
		return f->ended;
	if (f->ended && kind != KIND_DGRAM && kind != KIND_UDP)
		return true;
	if (f->broken || f->reset_ok)
		return f->broken;
	return may >= (a->flags & PIKE_ALL ? (int64_t)a->len : 1);
}

static bool must_send(struct world *w, const struct act *a)
{
	const struct flow *f = act_flow(w, a);
	int64_t unread = f->sent_known - f->received;

	/* One after a shutdown fails, but may wait for an event for that. */
	if (f->reader_gone || f->cut)
		return true;
	/* A Unix socket has what it was given in pieces, of up to half its
	 * room, and tells of room when whole ones were read: of a large one
	 * the last byte keeps it all. (What of an ALL has gone is not known.)
	 */
	if (w->links[a->link].kind == KIND_UNIX && f->crowded &&
	    (unread || (a->flags & PIKE_ALL)))
		return act_receives(w, a->link, !a->end);
	if (act_messages(w, a) ? unread + f->sends <= SMALL_MESSAGES
			       : unread + f->sending <= SMALL)
		return true;
	return act_receives(w, a->link, !a->end);
}

static bool must_poll(struct world *w, const struct act *a)
{
	const struct link *l = &w->links[a->link];
	const struct flow *in = &l->flow[!a->end];
	const struct flow *out = &l->flow[a->end];

	if (a->flags & PIKE_MULTISHOT)
		return false;
	if ((a->op_flags & PIKE_POLL_IN) && !in->reset_ok && !in->broken &&
	    in->sent_known > in->received && !act_receives(w, a->link, a->end))
		return true;
	return (a->op_flags & PIKE_POLL_OUT) && !out->sends &&
	       out->sent_known <= out->received && !out->reset_ok &&
	       (l->kind != KIND_PIPE || a->end == 1);
}

/* Whether a must complete, or give something, though nothing more is done. */
bool model_must(struct world *w, struct act *a)
{
	if (a->asked || a->maybe || a->over || a->deadline)
		return true;
	if (a->trying)
		return false;
	if (a->lane <= LANE_WRITES && act_earlier(w, a))
		return false;
	switch (a->opcode) {
	case PIKE_ACCEPT:
		return w->door.connected > w->door.accepted;
	case PIKE_POLL:
		return must_poll(w, a);
	case PIKE_TIMER:
		return !(a->flags & PIKE_MULTISHOT);
	default:
		break;
	}
	if (a->link >= 0 && a->lane == LANE_READS)
		return must_recv(w, a);
	if (a->link >= 0 && a->lane == LANE_WRITES &&
	    a->opcode != PIKE_SHUTDOWN)
		return must_send(w, a);
	return true;
}
