/* SPDX-License-Identifier: MIT */
/* The storm: cancels, timers, and connections that come and go. */
#include "world.h"

/* -------------------------------------------------------------- cancels -- */

/* One of the last ops, over or not. */
void cancel_act(struct world *w, const struct step *s)
{
	int back = (int)(s->n % 16);

	if (w->count - w->swept <= back)
		return;
	struct act *t = w->acts[w->count - 1 - back];
	if (!t || t->trying)
		return;
	if (!(s->c & 1)) {
		int answer = pike_cancel(w->q, t->id);
		if (t->final && answer != -PIKE_ENOENT)
			world_fail(w, "a finished op is unknown", "%s",
			    pike_error_name(answer));
		else if (!t->final)
			model_asked(w, t, answer);
		return;
	}
	struct act *a = act_new(w, PIKE_CANCEL, 0);
	a->target = t->index;
	act_submit(w, a, op_cancel(t->id));
}

void cancel_end(struct world *w, const struct step *s)
{
	int link = s->a % LINKS;
	struct end *e = &w->links[link].end[s->b & 1];
	int live = 0;

	if (!w->links[link].open || !e->open)
		return;
	if (s->c & 1) {
		struct act *c = act_new(w, PIKE_CANCEL, e->h);
		act_submit(w, c, op_of(PIKE_CANCEL, e->h));
		return;
	}
	EACH_LIVE(w, a)
	{
		if (a->handle != e->h || a->opcode == PIKE_CANCEL)
			continue;
		a->maybe = true;
		live++;
	}
	int n = pike_cancel_handle(w->q, e->h);
	if (n < 0 || n > live)
		world_fail(w, "the answer of a cancel", "of a handle: %d of %d",
		    n, live);
}

/* --------------------------------------------------------------- timers -- */

void world_timer(struct world *w, const struct step *s, bool beat)
{
	int64_t span = s->n % 2000000;
	struct act *a = act_new(w, PIKE_TIMER, 0);
	struct pike_op op = op_timer(span);

	a->due = port_monotonic() + span;
	if (s->c & 1) {
		op.u.timer.due_ns = a->due;
		op.op_flags = PIKE_TIMER_ABSOLUTE;
	}
	if (beat) {
		op.flags = PIKE_MULTISHOT;
		op.u.timer.period_ns = 200000 + s->m % 2000000;
	}
	act_submit(w, a, op);
}

/* ---------------------------------------------------------- connections -- */

void door_listen(struct world *w)
{
	struct door *d = &w->door;

	if (d->h)
		return;
	d->addr = port_loopback(PIKE_AF_INET);
	pike_fd fd = port_bound(&d->addr, PIKE_SOCK_STREAM, 64);
	d->fd = fd;
	d->h = pike_adopt(w->q, fd, 0);
	d->connected = d->accepted = d->started = 0;
	d->count = 0;
}

void door_connect(struct world *w, const struct step *s)
{
	struct door *d = &w->door;

	if (!d->h || d->started >= 40)
		return;
	struct act *a = act_new(w, PIKE_CONNECT_TO, 0);
	struct pike_op op = op_to(PIKE_CONNECT_TO, &d->addr, PIKE_SOCK_STREAM);
	op.timeout_ns = step_deadline(s) * 4;
	d->started++;
	act_submit(w, a, op);
}

void door_accept(struct world *w, const struct step *s)
{
	struct door *d = &w->door;

	if (!d->h)
		return;
	struct act *a = act_new(w, PIKE_ACCEPT, d->h);
	struct pike_op op = op_accept(d->h);
	a->lane = LANE_READS;
	if (s->c % 4 == 0)
		op.flags = PIKE_MULTISHOT;
	op.timeout_ns = step_deadline(s);
	act_submit(w, a, op);
}

void door_arrived(
    struct world *w, struct act *a, const struct pike_completion *c)
{
	struct door *d = &w->door;

	if (c->res == 0)
		act_fail(w, a, c, "res is a handle");
	if (c->res <= 0)
		return;
	if (a->opcode == PIKE_ACCEPT)
		d->accepted++;
	else
		d->connected++;
	if (d->accepted > d->started || d->connected > d->started ||
	    d->count == (int)COUNTED(d->conns)) {
		act_fail(w, a, c, "a connection is accepted once");
		return;
	}
	d->conns[d->count++] = c->res;
}

static void door_close(struct world *w, pike_handle h)
{
	struct act *a = act_new(w, PIKE_CLOSE, h);

	EACH_LIVE(w, b)
	{
		if (b->handle == h && b->opcode != PIKE_CLOSE)
			b->asked = true;
	}
	act_submit(w, a, op_close(h));
}

/* All that connected was accepted, or can be. */
void door_settle(struct world *w)
{
	struct door *d = &w->door;
	struct step again = {.c = 1, .m = 1};

	batch_flush(w);
	if (!d->h || w->out->failed)
		return;
	world_calm(w);
	while (!w->out->failed && d->connected > d->accepted) {
		door_accept(w, &again);
		world_calm(w);
	}
	EACH_LIVE(w, a)
	{
		if (a->handle != d->h || a->asked || a->opcode == PIKE_CANCEL)
			continue;
		int answer = pike_cancel(w->q, a->id);
		model_asked(w, a, answer);
	}
	world_calm(w);
	for (int i = 0; i < d->count && !w->out->failed; i++)
		door_close(w, d->conns[i]);
	door_close(w, d->h);
	world_calm(w);
	d->h = 0;
}
