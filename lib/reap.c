/* SPDX-License-Identifier: MIT */
/*
 * Giving completions out, waiting for more, and what time does meanwhile:
 * timers, deadlines, paused ops that go on.
 */
#include "config.h"

#include <limits.h>

#include "queue.h"

/* ---- time ---- */

static void timer_fired(
    struct pike_queue *q, struct pike__slot *slot, int64_t when, int64_t now)
{
	struct pike__timers *t = slot->op.op_flags & PIKE_TIMER_REALTIME
				     ? &q->realtime
				     : &q->deadlines;
	int64_t period = slot->op.u.timer.period_ns;
	struct pike__result r = {.res = 1};

	if (!(slot->op.flags & PIKE_MULTISHOT)) {
		pike__finish(q, slot, &r);
		return;
	}

	int64_t times = (now - when) / period + 1;

	pike__timer_remove(t, &q->slots, slot);
	pike__timer_add(
	    t, &q->slots, slot, pike__time_after(when, times * period));
	slot->op.u.timer.due_ns += times;
	if (!pike__may_shoot(q, slot))
		return;
	r.res = slot->op.u.timer.due_ns;
	slot->op.u.timer.due_ns = 0;
	pike__shot(q, slot, &r);
}

static void heap_expire(
    struct pike_queue *q, struct pike__timers *t, int64_t now)
{
	uint32_t n = t->count; /* each entry at most once in a call */

	while (n-- > 0 && t->count && t->at[0].when <= now) {
		struct pike__slot *slot =
		    pike__slot_at(&q->slots, t->at[0].slot);

		if (slot->op.opcode == PIKE_TIMER) {
			timer_fired(q, slot, t->at[0].when, now);
			continue;
		}
		pike__timer_remove(t, &q->slots, slot);
		pike__end(q, slot, PIKE_ETIME);
	}
}

void pike__expire(struct pike_queue *q)
{
	if (q->deadlines.count)
		heap_expire(q, &q->deadlines, pike__port_monotonic());
	if (q->realtime.count)
		heap_expire(q, &q->realtime, pike__port_realtime());
}

static int64_t sooner(int64_t limit, int64_t when, int64_t now)
{
	int64_t left = when > now ? when - now : 0;

	if (when == INT64_MAX)
		return limit;
	return limit < 0 || left < limit ? left : limit;
}

int64_t pike__wait_limit(const struct pike_queue *q, int64_t limit)
{
	if (q->deadlines.count)
		limit = sooner(limit, pike__timers_next(&q->deadlines),
		    pike__port_monotonic());
	if (q->realtime.count)
		limit = sooner(limit, pike__timers_next(&q->realtime),
		    pike__port_realtime());
	return limit;
}

/* ---- paused ops ---- */

static void resume_one(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__result r;

	if (slot->op.opcode != PIKE_TIMER) {
		if (q->backend->start(q, slot, &r))
			pike__finish(q, slot, &r);
	} else if (slot->op.u.timer.due_ns && pike__may_shoot(q, slot)) {
		r = (struct pike__result){.res = slot->op.u.timer.due_ns};
		slot->op.u.timer.due_ns = 0;
		pike__shot(q, slot, &r);
	}
}

/* One that pauses again goes to the end, and is passed over there or ends the
 * walk, by the same conditions that made it pause. */
void pike__resume(struct pike_queue *q)
{
	struct pike__slot *slot = q->paused;

	while (slot && q->done.shots_left) {
		struct pike__slot *next = slot->held;

		if (slot->state != PIKE__ENDING &&
		    (!slot->shots || !pike__op_writes(&slot->op))) {
			pike__unpause(q, slot);
			resume_one(q, slot);
		}
		slot = next;
	}
}

/* ---- giving out ---- */

static unsigned take_posts(
    struct pike_queue *q, struct pike_completion *out, unsigned max)
{
	unsigned n = 0;

	while (n < max) {
		struct pike_completion *c = &out[n];

		*c = (struct pike_completion){.flags = PIKE_POSTED};
		if (!pike__inbox_take(&q->inbox, &c->user_data, &c->res))
			break;
		if (c->res < 0 && c->res >= -PIKE_EUNKNOWN)
			c->err = (int32_t)-c->res;
		n++;
	}
	return n;
}

/* How many of these are shots. Those that may be waited for are told. */
PIKE__APART static uint32_t shots_among(
    struct pike_queue *q, const struct pike_completion *out, unsigned n)
{
	uint32_t shots = 0;

	for (unsigned i = 0; i < n; i++) {
		struct pike__slot *slot;

		if (!(out[i].flags & PIKE_MORE))
			continue;
		shots++;
		/* What is received into a buffer writes nowhere else. */
		if (out[i].flags & PIKE_BUFFER)
			continue;
		q->done.shots_told--;
		slot = pike__op_find(q, out[i].id);
		if (slot && slot->shots)
			slot->shots--;
	}
	return shots;
}

/* What was given out has left its places to others. Mostly these are all the
 * shots that there are. */
static void given(
    struct pike_queue *q, const struct pike_completion *out, unsigned n)
{
	struct pike__done *d = &q->done;
	uint32_t shots = pike__done_shots(d);

	if (shots && (d->shots_told || pike__done_any(d)))
		shots = shots_among(q, out, n);
	d->shots_left += shots;
	d->room += (int32_t)(n - shots);
}

PIKE__APART static unsigned take_done(
    struct pike_queue *q, struct pike_completion *out, unsigned max)
{
	unsigned n = pike__done_take(&q->done, out, max);

	given(q, out, n);
	return n;
}

/* The same for a single one: false for a shot that may be waited for. */
static inline bool given_one(
    struct pike_queue *q, const struct pike_completion *out)
{
	if (!(out->flags & PIKE_MORE))
		q->done.room++;
	else if (out->flags & PIKE_BUFFER)
		q->done.shots_left++;
	else
		return false;
	return true;
}

/* Whether something was posted, or the queue was woken, that the owner has not
 * looked at yet. */
static inline bool called(struct pike_queue *q)
{
	return atomic_load_explicit(&q->called, memory_order_acquire);
}

/* Of the two sources that which comes first changes with each reap. */
static unsigned take(
    struct pike_queue *q, struct pike_completion *out, unsigned max)
{
	unsigned n = 0;

	/* First the mark goes, then the posts are looked at: one that comes
	 * meanwhile makes the mark again. */
	if (!called(q) || !atomic_exchange(&q->called, false) ||
	    !pike__inbox_any(&q->inbox))
		return take_done(q, out, max);
	if (q->posts_first)
		n = take_posts(q, out, max);
	n += take_done(q, out + n, max - n);
	if (!q->posts_first)
		n += take_posts(q, out + n, max - n);
	q->posts_first = !q->posts_first;
	if (pike__inbox_any(&q->inbox))
		atomic_store(&q->called, true); /* not calm until it is gone */
	return n;
}

/* ---- waiting ---- */

/*
 * Tells posters to wake this queue before it looks for the last time whether
 * it was called. Both sides write one mark and read the other in the single
 * order of sequential consistency: whichever comes second sees the first.
 */
static inline void wait_for_events(struct pike_queue *q, int64_t limit)
{
	q->patience = PIKE__PATIENCE;
	if (limit != 0) {
		atomic_store(&q->asleep, true);
		if (atomic_load(&q->called))
			limit = 0;
	}
	q->backend->wait(q, limit);
	if (limit != 0)
		atomic_store_explicit(&q->asleep, false, memory_order_relaxed);
}

static bool woken(struct pike_queue *q)
{
	return atomic_load_explicit(&q->woken, memory_order_relaxed) &&
	       atomic_exchange(&q->woken, false);
}

static int reap_slowly(struct pike_queue *q, struct pike_completion *out,
    unsigned max, int64_t timeout_ns)
{
	int64_t end = timeout_ns > 0
			  ? pike__time_after(pike__port_monotonic(), timeout_ns)
			  : timeout_ns;

	for (;;) {
		int64_t limit = timeout_ns;
		unsigned n = take(q, out, max);

		if (n || woken(q))
			return (int)n;
		if (q->broken)
			return q->broken;
		if (timeout_ns > 0) {
			int64_t now = pike__port_monotonic();

			limit = end > now ? end - now : 0;
		}
		if (limit != 0 && q->deadlines.count + q->realtime.count)
			limit = pike__wait_limit(q, limit);
		wait_for_events(q, limit);
		pike__expire(q);
		if (timeout_ns == 0 ||
		    (timeout_ns > 0 && pike__port_monotonic() >= end)) {
			return (int)take(q, out, max);
		}
	}
}

/* A reap that has to look at more than the ring of completions. */
PIKE__COLD static int reap_any(struct pike_queue *q,
    struct pike_completion *out, unsigned max, int64_t timeout_ns)
{
	int bad = pike__queue_usable(q);
	int n;

	if (bad)
		return bad;
	if (!out || !max || timeout_ns < -1)
		return -PIKE_EINVAL;
	pike__done_recover(&q->done);
	if (max > INT_MAX)
		max = INT_MAX;
	if (q->paused)
		pike__resume(q);
	/* When time is up the system is asked first: what has ended in time
	 * shall not be told that it has not. */
	if (q->patience-- <= 0 || pike__wait_limit(q, -1) == 0) {
		wait_for_events(q, 0);
		pike__expire(q);
	}
	n = (int)take(q, out, max);
	if (!n)
		n = reap_slowly(q, out, max, timeout_ns);
	woken(q); /* this return answers a wake, whatever else it gives */
	pike__calm(q);
	if (q->pollable) {
		atomic_store(&q->asleep, true);
		pike__show(q);
	}
	return n;
}

/* The end of a wait that was not for a single completion. */
PIKE__APART static int reap_lent(
    struct pike_queue *q, struct pike_completion *out, unsigned max)
{
	unsigned n = pike__done_return(&q->done, out, max);

	if (!n)
		return reap_any(q, out, max, -1);
	given(q, out, n);
	if (!pike__queue_calm(q)) {
		woken(q);
		pike__calm(q);
	}
	return (int)n;
}

/* Waits without end for something to give, which comes to out by itself. */
PIKE__APART static int reap_waiting(
    struct pike_queue *q, struct pike_completion *out, unsigned max)
{
	pike__done_lend(&q->done, out, max);
	wait_for_events(q, -1);
	if (!pike__done_lent_one(&q->done, out) || !pike__queue_calm(q) ||
	    !given_one(q, out))
		return reap_lent(q, out, max);
	pike__done_restore(&q->done);
	return 1;
}

/* What a calm queue has, unless that is a single completion. */
PIKE__APART static int reap_many(struct pike_queue *q,
    struct pike_completion *out, unsigned max, int64_t timeout_ns)
{
	pike__done_recover(&q->done);
	return pike__done_any(&q->done) ? (int)take_done(q, out, max)
					: reap_any(q, out, max, timeout_ns);
}

int pike_reap(struct pike_queue *q, struct pike_completion *out, unsigned max,
    int64_t timeout_ns)
{
	if (!q || !out || max - 1 >= INT_MAX || !pike__queue_calm(q))
		return reap_any(q, out, max, timeout_ns);
	if (!pike__done_any(&q->done))
		return timeout_ns == -1 ? reap_waiting(q, out, max)
					: reap_any(q, out, max, timeout_ns);
	if (timeout_ns < -1 || --q->patience < 0)
		return reap_any(q, out, max, timeout_ns);
	if (q->done.first + 1 != q->done.next || !given_one(q, q->done.first))
		return reap_many(q, out, max, timeout_ns);
	*out = *q->done.first;
	q->done.first = q->done.next;
	return 1;
}

/* ---- from other threads and from signal handlers ---- */

static int enter(struct pike_queue *q)
{
	unsigned born;

	if (!q)
		return -PIKE_EBADF;
	atomic_fetch_add(&q->users, 1);
	if (!atomic_load(&q->open))
		return -PIKE_EBADF;
	born = atomic_load_explicit(&q->born, memory_order_relaxed);
	return born == pike__port_forks ? 0 : -PIKE_EPERM;
}

static void leave(struct pike_queue *q)
{
	if (q)
		atomic_fetch_sub(&q->users, 1);
}

static void call(struct pike_queue *q)
{
	atomic_store(&q->called, true);
	pike__stir(q);
	if (atomic_load(&q->asleep) && atomic_exchange(&q->asleep, false))
		q->backend->wake(q);
}

int pike_post(struct pike_queue *q, void *user_data, int64_t res)
{
	int bad = enter(q);

	if (!bad) {
		if (pike__inbox_put(&q->inbox, user_data, res))
			call(q);
		else
			bad = -PIKE_EAGAIN;
	}
	leave(q);
	return bad;
}

int pike_wake(struct pike_queue *q)
{
	int bad = enter(q);

	if (!bad) {
		atomic_store(&q->woken, true);
		call(q);
	}
	leave(q);
	return bad;
}

/* ---- inside another loop ---- */

pike_fd pike_pollable(struct pike_queue *q)
{
	int bad = pike__queue_usable(q);
	pike_fd fd;

	if (bad)
		return bad;
	fd = q->backend->pollable(q);
	if (fd >= 0) {
		q->pollable = true;
		q->quick = PIKE__DEAD;
		pike__stir(q);
		atomic_store(&q->asleep, true);
		pike__show(q);
	}
	return fd;
}

void pike__show(struct pike_queue *q)
{
	bool now = pike__done_any(&q->done) || q->paused ||
		   pike__inbox_any(&q->inbox) || atomic_load(&q->woken);
	int64_t left = now ? 0 : pike__wait_limit(q, -1);

	q->backend->show(q, now || left == 0,
	    left < 0 ? INT64_MAX
		     : pike__time_after(pike__port_monotonic(), left));
}
