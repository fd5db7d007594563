/* SPDX-License-Identifier: MIT */
/*
 * The contract as a model: what may come of an op, given all that was done
 * before, and what must come when nothing more is done.
 *
 * What is sent and what is received is compared byte by byte, as soon as both
 * are known: a send says how much it moved only when it is over, and the
 * receiver may be first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

void act_fail(struct world *w, const struct act *a,
    const struct pike_completion *c, const char *rule)
{
	char text[200];

	act_text(a, text, sizeof(text));
	world_fail(w, rule, "%s: res %lld err %d (%s) flags 0x%x", text,
	    (long long)c->res, c->err, pike_error_name(c->err), c->flags);
}

/* ---------------------------------------------------------------- flows -- */

void flow_reset(struct flow *f)
{
	struct sent *sent = f->sent;
	uint8_t *got = f->got;
	int room = f->room;
	size_t got_room = f->got_room;

	memset(f, 0, sizeof(*f));
	f->sent = sent;
	f->got = got;
	f->room = room;
	f->got_room = got_room;
}

static void flow_sends(struct flow *f, uint32_t serial, size_t len)
{
	if (f->first && f->first + f->count == f->room) {
		memmove(f->sent, f->sent + f->first,
		    sizeof(*f->sent) * (size_t)f->count);
		f->first = 0;
	}
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 16;
		f->sent = realloc(f->sent, sizeof(*f->sent) * (size_t)f->room);
		if (!f->sent)
			abort();
	}
	f->sent[f->first + f->count++] = (struct sent){serial, false, len, 0};
}

void flow_gets(struct flow *f, const void *bytes, size_t len)
{
	if (f->got_len + len > f->got_room) {
		f->got_room = (f->got_len + len) * 2;
		f->got = realloc(f->got, f->got_room);
		if (!f->got)
			abort();
	}
	if (len)
		memcpy(f->got + f->got_len, bytes, len);
	f->got_len += len;
}

static void flow_drop_got(struct flow *f, size_t len)
{
	f->got_len -= len;
	if (len)
		memmove(f->got, f->got + len, f->got_len);
}

static void flow_pop(struct flow *f)
{
	f->first++;
	f->count--;
}

static void flow_differs(struct world *w, const struct flow *f, int link,
    size_t at, const char *what)
{
	world_fail(w, "what arrives is what was sent",
	    "link %d (%s): %s at byte %zu of send %u", link,
	    kind_names[w->links[link].kind], what, at,
	    f->sent[f->first].serial);
}

static void flow_match_bytes(struct world *w, struct flow *f, int link)
{
	size_t used = 0;

	while (f->count && f->sent[f->first].known) {
		struct sent *s = &f->sent[f->first];
		while (s->at < s->len && used < f->got_len) {
			if (f->got[used] != serial_byte(s->serial, s->at)) {
				flow_differs(w, f, link, s->at, "another byte");
				return;
			}
			s->at++;
			used++;
		}
		if (s->at < s->len)
			break;
		flow_pop(f);
	}
	flow_drop_got(f, used);
}

static void flow_match_messages(struct world *w, struct flow *f, int link)
{
	while (f->count && f->sent[f->first].known) {
		struct sent *s = &f->sent[f->first];
		struct got g;
		if (s->len == FAILED) {
			flow_pop(f);
			continue;
		}
		if (!f->got_len)
			return;
		memcpy(&g, f->got, sizeof(g));
		if (g.res != (s->len < g.room ? s->len : g.room))
			flow_differs(w, f, link, g.res, "another length");
		if (g.truncated != (s->len > g.room))
			flow_differs(w, f, link, g.res, "a wrong TRUNCATED");
		for (size_t i = 0; i < g.res; i++) {
			if (f->got[sizeof(g) + i] !=
			    serial_byte(s->serial, i)) {
				flow_differs(w, f, link, i, "another byte");
				return;
			}
		}
		flow_drop_got(f, sizeof(g) + g.res);
		flow_pop(f);
	}
}

void flow_match(struct world *w, int link, struct flow *f)
{
	if (kind_is_messages(w->links[link].kind))
		flow_match_messages(w, f, link);
	else
		flow_match_bytes(w, f, link);
}

/* After all has come to rest: nothing lost, nothing made up. */
void flow_settled(struct world *w, int link, int from)
{
	struct link *l = &w->links[link];
	struct flow *f = &l->flow[from];

	if (w->out->failed)
		return;
	if (f->got_len)
		world_fail(w, "nothing arrives that was not sent",
		    "link %d (%s): %zu bytes", link, kind_names[l->kind],
		    f->got_len);
	if (f->count && !f->reset_ok && !f->reader_gone)
		world_fail(w, "nothing that was sent is lost",
		    "link %d (%s): %d sends, the first is %u from byte %zu",
		    link, kind_names[l->kind], f->count,
		    f->sent[f->first].serial, f->sent[f->first].at);
}

/* ----------------------------------------------------------- submission -- */

bool act_earlier(struct world *w, const struct act *a)
{
	for (int i = w->swept; i < a->index; i++) {
		const struct act *b = w->acts[i];
		if (b && !b->final && b->handle == a->handle &&
		    b->lane == a->lane)
			return true;
	}
	return false;
}

bool act_marked(struct world *w, const struct act *canceller)
{
	EACH_LIVE(w, a)
	{
		if (a->canceller == canceller->index + 1)
			return true;
	}
	return false;
}

/*
 * Whether there was ever more in it than every system has room for, since it
 * was last empty.
 */
static void flow_crowds(struct flow *f, size_t len)
{
	int64_t inside = f->sent_known - f->received + f->sending;

	if (inside == 0 && !f->sends)
		f->crowded = false;
	if (inside + (int64_t)len > SMALL || f->count >= SMALL_SENDS)
		f->crowded = true;
}

static void submitted_cancel(struct world *w, struct act *c)
{
	EACH_LIVE(w, a)
	{
		bool hit = c->target >= 0 ? a->index == c->target
					  : a->handle == c->handle;
		if (!hit || a == c || a->opcode == PIKE_CANCEL ||
		    a->opcode == PIKE_CLOSE)
			continue;
		if (!a->asked && !a->maybe && !a->deadline)
			a->canceller = c->index + 1;
		a->maybe = true;
	}
}

void model_submitted(struct world *w, struct act *a)
{
	if (a->opcode == PIKE_CANCEL)
		submitted_cancel(w, a);
	if (a->link < 0)
		return;
	struct link *l = &w->links[a->link];
	struct flow *f = &l->flow[a->end];
	if (a->opcode == PIKE_SHUTDOWN) {
		f->shut = true;
	} else if (a->lane == LANE_WRITES) {
		a->after_shut = f->shut;
		flow_crowds(f, a->len);
		flow_sends(f, a->serial, a->len);
		f->sends++;
		f->sending += kind_is_messages(l->kind) ? 1 : (int64_t)a->len;
		if (f->reader_gone) {
			f->reset_ok = true;
			l->flow[!a->end].reset_ok = true;
		}
	}
}

/* An end's close was accepted. */
void model_closing(struct world *w, int link, int end)
{
	struct link *l = &w->links[link];
	struct flow *out = &l->flow[end];
	struct flow *in = &l->flow[!end];

	EACH_LIVE(w, a)
	{
		if (a->handle == l->end[end].h && a->opcode != PIKE_CLOSE)
			a->asked = true;
	}
	out->shut = true;
	in->reader_gone = true;
	if (in->sent_known > in->received || in->sends) {
		in->reset_ok = true;
		out->reset_ok = true;
	}
}

/* What pike_cancel said. */
void model_asked(struct world *w, struct act *a, int answer)
{
	struct pike_completion c = {.res = answer, .err = -answer};
	bool before = a->asked || a->maybe;
	bool never = a->opcode == PIKE_CLOSE || a->opcode == PIKE_CANCEL;
	bool good = false;

	switch (answer) {
	case 0:
		good = !a->final && !a->asked && !never;
		a->asked = true;
		break;
	case -PIKE_EALREADY:
		good = !a->final && (before || a->deadline);
		break;
	case -PIKE_ENOENT:
		good = true;
		a->over = true;
		break;
	case -PIKE_EINVAL:
		good = never;
		break;
	default:
		break;
	}
	if (!good)
		act_fail(w, a, &c, "the answer of a cancel");
}
