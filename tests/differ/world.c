/* SPDX-License-Identifier: MIT */
/* Ops in and completions out, for one run of a program. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#define POISON 0xa5

void world_fail(struct world *w, const char *rule, const char *format, ...)
{
	struct outcome *out = w->out;
	va_list args;

	if (out->failed)
		return;
	out->failed = true;
	out->step = w->step;
	snprintf(out->rule, sizeof(out->rule), "%s", rule);
	va_start(args, format);
	vsnprintf(out->text, sizeof(out->text), format, args);
	va_end(args);
}

/* What the byte at a place of a send is. */
uint8_t serial_byte(uint32_t serial, size_t at)
{
	uint32_t x = serial * 2654435761u + (uint32_t)at * 40503u;

	return (uint8_t)(x >> 16 ^ x >> 7);
}

void act_text(const struct act *a, char *text, size_t size)
{
	snprintf(text, size, "%s of step %d (link %d end %d, len %zu%s%s%s%s)",
	    pike_opcode_name(a->opcode), a->step, a->link, a->end, a->len,
	    a->flags & PIKE_ALL ? ", ALL" : "",
	    a->flags & PIKE_MULTISHOT ? ", MULTISHOT" : "",
	    a->deadline ? ", deadline" : "", a->asked ? ", cancelled" : "");
}

/* ---------------------------------------------------------------- acts -- */

struct act *act_new(struct world *w, int opcode, pike_handle h)
{
	struct act *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	a->opcode = (uint16_t)opcode;
	a->handle = h;
	a->link = -1;
	a->lane = LANE_NONE;
	a->target = -1;
	a->step = w->step;
	return a;
}

void act_free(struct act *a)
{
	free(a->buf);
	free(a->iov);
	free(a->msg);
	free(a->addr);
	free(a);
}

static void act_enter(struct world *w, struct act *a, pike_id id)
{
	if (w->count == w->room) {
		w->room = w->room ? w->room * 2 : 256;
		w->acts =
		    realloc(w->acts, sizeof(struct act *) * (size_t)w->room);
		if (!w->acts)
			abort();
	}
	a->index = w->count;
	w->acts[w->count++] = a;
	a->id = id;
	w->live++;
	w->out->ops++;
}

/* What pike has copied is the caller's at once: it is spoiled. */
static void act_spoil(struct act *a)
{
	bool takes = a->opcode == PIKE_SENDTO || a->opcode == PIKE_CONNECT ||
		     a->opcode == PIKE_BIND || a->opcode == PIKE_CONNECT_TO;

	if (a->addr && takes)
		memset(a->addr, POISON, sizeof(*a->addr));
	if (a->iov && !a->msg)
		memset(a->iov, POISON, sizeof(*a->iov) * IOVS);
}

static void *act_name(const struct world *w)
{
	return (void *)(uintptr_t)(w->count + 1);
}

static bool act_entered(struct world *w, struct act *a, pike_id id)
{
	if (id > 0) {
		act_enter(w, a, id);
		act_spoil(a);
		model_submitted(w, a);
		return true;
	}
	if (a->trying && !a->quiet) {
		struct pike_completion c = {.res = id, .err = (int32_t)-id};
		try_fact(w, a, &c);
	} else {
		char text[200];
		act_text(a, text, sizeof(text));
		world_fail(w, "submit refuses a good op", "%s: %s", text,
		    pike_error_name(id));
	}
	act_free(a);
	return false;
}

/* Gives a to the queue; false: it was refused, and is no more. */
bool act_submit(struct world *w, struct act *a, struct pike_op op)
{
	a->flags = op.flags;
	a->op_flags = op.op_flags;
	a->deadline = op.timeout_ns > 0;
	if (w->batch && !a->trying) {
		w->batch_acts[w->batched] = a;
		w->batch_ops[w->batched++] = op;
		if (w->batched == w->batch)
			batch_flush(w);
		return true;
	}
	op.user_data = act_name(w);
	pike_id id = pike_submit(w->q, &op);
	memset(&op, POISON, sizeof(op));
	return act_entered(w, a, id);
}

void batch_flush(struct world *w)
{
	struct pike_op ops[BATCH_MAX];
	pike_id ids[BATCH_MAX];
	int n = w->batched;

	w->batch = 0;
	w->batched = 0;
	if (n == 0)
		return;
	for (int i = 0; i < n; i++) {
		ops[i] = w->batch_ops[i];
		ops[i].user_data = (void *)(uintptr_t)(w->count + i + 1);
	}
	int got = pike_submit_many(w->q, ops, (unsigned)n, ids);
	memset(ops, POISON, sizeof(ops));
	if (got != n) {
		world_fail(
		    w, "submit_many refuses good ops", "%d of %d", got, n);
		return;
	}
	for (int i = 0; i < n; i++)
		act_entered(w, w->batch_acts[i], ids[i]);
}

/* ------------------------------------------------------------ arrivals -- */

static void arrive_posted(struct world *w, const struct pike_completion *c)
{
	if (c->flags != PIKE_POSTED || c->res != w->posts_seen ||
	    (int64_t)(intptr_t)c->user_data != -1)
		world_fail(w, "posts come in order",
		    "post %lld flags 0x%x where %lld was due",
		    (long long)c->res, c->flags, (long long)w->posts_seen);
	w->posts_seen++;
}

static void arrive(struct world *w, const struct pike_completion *c)
{
	uintptr_t name = (uintptr_t)c->user_data;

	if (c->id == 0) {
		arrive_posted(w, c);
		return;
	}
	if (name == 0 || name > (uintptr_t)w->count) {
		world_fail(w, "completion of no op", "user_data %p res %lld",
		    c->user_data, (long long)c->res);
		return;
	}
	struct act *a = w->acts[name - 1];
	if (!a || a->final || a->id != c->id) {
		world_fail(w, "one final completion",
		    "op %d has completed before; now res %lld err %d",
		    (int)name - 1, (long long)c->res, c->err);
		return;
	}
	if (!(c->flags & PIKE_MORE)) {
		a->final = true;
		w->live--;
	}
	/* A beat goes on for ever. */
	if (a->opcode != PIKE_TIMER || a->final)
		w->moved_at = port_monotonic();
	model_arrived(w, a, c);
	if (a->quiet)
		*a->quiet = c->res;
	else if (a->trying)
		try_fact(w, a, c);
	/* Nobody may write there any more; world_sweep looks. */
	if (a->final && a->buf)
		memset(a->buf, POISON, a->len);
}

/* Reaps once; how many came. */
int world_reap(struct world *w, unsigned max, int64_t timeout_ns)
{
	struct pike_completion done[64];

	batch_flush(w);
	int n = pike_reap(w->q, done, max < 64 ? max : 64, timeout_ns);
	if (n < 0)
		world_fail(w, "reap fails", "%s", pike_error_name(n));
	for (int i = 0; i < n && !w->out->failed; i++)
		arrive(w, &done[i]);
	return n;
}

/* Gives the memory of what is over back, but for the last so many. */
void world_sweep(struct world *w, int keep)
{
	int end = w->count - keep;

	while (w->swept < end) {
		struct act *a = w->acts[w->swept];
		if (!a->final)
			return;
		for (size_t i = 0; a->buf && i < a->len; i++) {
			if (a->buf[i] == POISON)
				continue;
			char text[200];
			act_text(a, text, sizeof(text));
			world_fail(w, "nothing is written after the end",
			    "%s, byte %zu", text, i);
			return;
		}
		act_free(a);
		w->acts[w->swept++] = NULL;
	}
}

/* Whether nothing has come for so long that nothing will. */
static bool world_stuck(const struct world *w)
{
	return port_monotonic() - w->moved_at >= w->how->patience_ns;
}

/* Says what the model and the system know of it. */
static void calm_failed(struct world *w, struct act *a)
{
	char text[200];

	if (!a) {
		world_fail(w, STUCK, "a post");
		return;
	}
	act_text(a, text, sizeof(text));
	if (a->link < 0) {
		world_fail(w, STUCK, "%s", text);
		return;
	}
	const struct link *l = &w->links[a->link];
	const struct flow *f =
	    &l->flow[a->lane == LANE_READS ? !a->end : a->end];
	pike_fd fd = pike_fd_of(w->q, a->handle);
	world_fail(w, STUCK,
	    "%s, %s: sent %lld, being sent %lld, received %lld; the system "
	    "says%s%s",
	    text, kind_names[l->kind], (long long)f->sent_known,
	    (long long)f->sending, (long long)f->received,
	    fd >= 0 && port_is_readable(fd) ? " readable" : "",
	    fd >= 0 && port_is_writable(fd) ? " writable" : "");
}

/* Reaps until all has come that must come. */
void world_calm(struct world *w)
{
	batch_flush(w);
	w->moved_at = port_monotonic();
	while (!w->out->failed) {
		struct act *due = NULL;
		EACH_LIVE(w, a)
		{
			if (!due && model_must(w, a))
				due = a;
		}
		if (!due && w->posts_seen == w->posted)
			return;
		world_reap(w, 64, w->how->patience_ns);
		/* A wake may have ended the wait. */
		if (!world_stuck(w))
			continue;
		calm_failed(w, due);
	}
}

/* Waits until the act of that place is over. */
void world_await(struct world *w, int index)
{
	w->moved_at = port_monotonic();
	while (!w->out->failed && !w->acts[index]->final) {
		world_reap(w, 64, w->how->patience_ns);
		if (!world_stuck(w))
			continue;
		world_fail(
		    w, STUCK, "%s", pike_opcode_name(w->acts[index]->opcode));
	}
	w->acts[index]->quiet = NULL;
}

/* A request that is waited for; nothing of it is looked at but its result. */
int64_t perform(struct world *w, struct pike_op op)
{
	struct act *a = act_new(w, op.opcode, op.handle);
	int index = w->count;
	int64_t res = -1;

	a->trying = true; /* its result is of no model */
	a->quiet = &res;
	if (!act_submit(w, a, op))
		return -1;
	world_await(w, index);
	return res;
}
