/* SPDX-License-Identifier: MIT */
/* One run of a program, from an empty queue to a closed one. */
#include <stdlib.h>

#include "world.h"

static bool world_open(struct world *w)
{
	struct pike_params params = {0};
	pike_fd fd[2];

	params.backend = w->how->backend;
	params.features_off = w->how->features_off;
	int bad = pike_queue_open(&w->q, &params);
	if (bad) {
		world_fail(w, "the queue opens", "%s", pike_error_name(bad));
		return false;
	}
	port_tcp_pair(fd);
	for (int i = 0; i < 2; i++) {
		w->fence_fd[i] = fd[i];
		w->fence[i] = pike_adopt(w->q, fd[i], 0);
	}
	w->listener = port_loopback(PIKE_AF_INET);
	w->listener_fd = port_bound(&w->listener, PIKE_SOCK_STREAM, 64);
	w->nobody_fd = port_nobody(&w->nobody);
	w->attempt.caller = -1;
	for (int i = 0; i < LINKS; i++)
		link_open(w, i,
		    (enum kind)(
			(w->program->seed + (unsigned)i) % KINDS_LINKED),
		    w->program->seed & 1);
	return true;
}

static void world_settle(struct world *w)
{
	for (int i = 0; i < LINKS; i++) {
		enum kind kind = w->links[i].kind;
		link_settle(w, i, false);
		if (!w->links[i].open)
			link_open(w, i, kind, i & 1);
	}
	door_settle(w);
	EACH_LIVE(w, a)
	{
		if (a->opcode == PIKE_TIMER && !a->asked && !w->out->failed)
			model_asked(w, a, pike_cancel(w->q, a->id));
	}
	world_calm(w);
}

static void settle_step(struct world *w, const struct step *s)
{
	int link = s->a % LINKS;
	enum kind kind = w->links[link].kind;

	if (s->c % 4 == 0) {
		world_settle(w);
	} else {
		link_settle(w, link, false);
		if (!w->links[link].open)
			link_open(w, link, kind, s->n & 1);
	}
	world_sweep(w, 64);
}

static void open_step(struct world *w, const struct step *s)
{
	int link = s->a % LINKS;

	link_settle(w, link, true);
	link_open(w, link, step_link_kind(s), s->n & 1);
}

static void simple_step(struct world *w, const struct step *s)
{
	switch ((enum what)s->what) {
	case DO_NOP:
		act_submit(w, act_new(w, PIKE_NOP, 0), op_nop());
		break;
	case DO_POST:
		if (pike_post(w->q, (void *)(intptr_t)-1, w->posted) == 0)
			w->posted++;
		else
			world_fail(
			    w, "post is refused", "at %d", (int)w->posted);
		break;
	case DO_WAKE:
		pike_wake(w->q);
		break;
	case DO_BATCH:
		w->batch = 2 + (int)(s->n % (BATCH_MAX - 1));
		break;
	case DO_REAP:
		world_reap(w, 1 + s->n % 64, 0);
		break;
	default:
		world_calm(w);
		break;
	}
}

/* Steps that only submit, and so may stand in a batch. */
static bool joins_batch(int what)
{
	return what == DO_SEND || what == DO_RECV || what == DO_POLL ||
	       what == DO_NOP || what == DO_TIMER || what == DO_BEAT;
}

static void world_step(struct world *w, const struct step *s)
{
	if (!joins_batch(s->what))
		batch_flush(w);
	switch ((enum what)s->what) {
	case DO_OPEN:
		open_step(w, s);
		break;
	case DO_SEND:
		link_send(w, s);
		break;
	case DO_RECV:
		link_recv(w, s);
		break;
	case DO_POLL:
		link_poll(w, s);
		break;
	case DO_SHUT:
		link_shut(w, s);
		break;
	case DO_CLOSE:
	case DO_RESET:
		link_close(w, s->a % LINKS, s->b & 1, s->what == DO_RESET);
		break;
	case DO_CANCEL:
		cancel_act(w, s);
		break;
	case DO_CANCEL_HANDLE:
		cancel_end(w, s);
		break;
	case DO_TIMER:
	case DO_BEAT:
		world_timer(w, s, s->what == DO_BEAT);
		break;
	case DO_LISTEN:
		door_listen(w);
		break;
	case DO_CONNECT:
		door_connect(w, s);
		break;
	case DO_ACCEPT:
		door_accept(w, s);
		break;
	case DO_SETTLE:
		settle_step(w, s);
		break;
	case DO_TRY_OPEN:
		try_open(w, s);
		break;
	case DO_TRY:
		try_step(w, s);
		break;
	default:
		simple_step(w, s);
		break;
	}
}

/* What was adopted and not closed by an op is still ours. */
static void world_close(struct world *w)
{
	pike_queue_close(w->q);
	for (int i = 0; i < LINKS; i++) {
		for (int e = 0; e < 2; e++) {
			struct link *l = &w->links[i];
			if (l->open && l->end[e].open && l->end[e].fd >= 0)
				port_close(l->end[e].fd);
			free(l->flow[e].sent);
			free(l->flow[e].got);
		}
	}
	if (w->door.h)
		port_close(w->door.fd);
	if (w->attempt.caller >= 0)
		port_close(w->attempt.caller);
	if (!w->listener_fd)
		return;
	port_close(w->fence_fd[0]);
	port_close(w->fence_fd[1]);
	port_close(w->listener_fd);
	port_close(w->nobody_fd);
}

static void world_free(struct world *w)
{
	for (int i = w->swept; i < w->count; i++)
		act_free(w->acts[i]);
	free(w->acts);
}

bool program_run(
    const struct program *p, const struct setup *how, struct outcome *out)
{
	static struct world world;
	struct world *w = &world;
	int before = port_open_count();

	memset(w, 0, sizeof(*w));
	out->failed = false;
	out->count = 0;
	out->ops = 0;
	w->program = p;
	w->how = how;
	w->out = out;
	if (world_open(w)) {
		for (int i = 0; i < p->count && !out->failed; i++) {
			w->step = i;
			world_step(w, &p->steps[i]);
		}
	}
	batch_flush(w);
	w->step = p->count;
	try_close(w);
	/* Of four programs one closes the queue in the middle of things. */
	if (p->seed % 4)
		world_settle(w);
	world_sweep(w, 0);
	world_close(w);
	world_free(w);
	if (!out->failed && port_open_count() != before)
		world_fail(w, "no descriptor is left", "%d more than before",
		    port_open_count() - before);
	return !out->failed;
}
