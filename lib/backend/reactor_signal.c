/* SPDX-License-Identifier: MIT */
/*
 * SIGNAL ops. A signal that was caught goes to every op that waits for it; one
 * that no op waits for stays in the queue's box until one does. What an op is
 * owed and could not be given yet is kept in its second word.
 */
#include "config.h"

#include "reactor.h"

#define OWED(slot) ((slot)->op.u.words[1])

static void waiter_add(struct pike__reactor *r, struct pike__slot *slot)
{
	struct pike__slot **at = &r->waiters;

	while (*at)
		at = &(*at)->next;
	slot->next = NULL;
	*at = slot;
}

static void waiter_remove(struct pike__reactor *r, struct pike__slot *slot)
{
	struct pike__slot **at = &r->waiters;

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
}

/* Takes one signal that is owed and says it. */
static void signal_result(struct pike__reactor *reactor,
    struct pike__slot *slot, struct pike__result *r)
{
	int number = 1;

	while (!(OWED(slot) & PIKE_SIGNAL_BIT(number)))
		number++;
	OWED(slot) &= ~PIKE_SIGNAL_BIT(number);
	*r = (struct pike__result){.res = number};
	if (slot->op.buf)
		*(struct pike_signal_info *)slot->op.buf =
		    reactor->last[number];
}

/* Gives an op what it is owed: true when that was its last. */
static bool waiter_serve(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	while (OWED(slot)) {
		if (!(slot->op.flags & PIKE_MULTISHOT)) {
			signal_result(q->backend_state, slot, r);
			waiter_remove(q->backend_state, slot);
			return true;
		}
		if (!pike__may_shoot(q, slot))
			return false;
		signal_result(q->backend_state, slot, r);
		pike__shot(q, slot, r);
	}
	return false;
}

void pike__reactor_signal_deliver(struct pike_queue *q)
{
	struct pike__reactor *r = q->backend_state;
	uint64_t wanted = 0;
	struct pike__slot *next;

	for (struct pike__slot *s = r->waiters; s; s = s->next)
		wanted |= s->op.u.signal.set;
	wanted &= pike__signals_pending(r->signals);
	for (int number = 1; number <= 64; number++) {
		uint64_t bit = PIKE_SIGNAL_BIT(number);

		if (!(wanted & bit) ||
		    !pike__signals_take(r->signals, number, &r->last[number]))
			continue;
		for (struct pike__slot *s = r->waiters; s; s = s->next)
			OWED(s) |= s->op.u.signal.set & bit;
	}
	for (struct pike__slot *s = r->waiters; s; s = next) {
		struct pike__result result;

		next = s->next;
		if (waiter_serve(q, s, &result))
			pike__finish(q, s, &result);
	}
}

/* What the next waits have to unblock. */
static void masked_learn(struct pike__reactor *r)
{
	r->masked = pike__signals_masked(r->signals);
	r->heeds |= r->masked;
}

static void wake(void *arg)
{
	struct pike_queue *q = arg;
	struct pike__reactor *r = q->backend_state;

	r->poller->wake(q);
}

bool pike__reactor_signal_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__reactor *reactor = q->backend_state;
	int error;

	if (slot->phase) /* it was paused, and goes on */
		return waiter_serve(q, slot, r);
	if (!reactor->signals)
		reactor->signals = pike__signals_open(wake, q);
	error = reactor->signals ? pike__signals_catch(
				       reactor->signals, slot->op.u.signal.set)
				 : -PIKE_ENOMEM;
	if (reactor->signals)
		masked_learn(reactor);
	if (error) {
		*r = (struct pike__result){.res = error, .err = -error};
		return true;
	}
	slot->phase = 1;
	OWED(slot) = 0;
	waiter_add(reactor, slot);
	/* One that came while nobody waited: at the next wait. */
	if (pike__signals_pending(reactor->signals) & slot->op.u.signal.set)
		wake(q);
	return false;
}

static bool waits(const struct pike__reactor *r, const struct pike__slot *slot)
{
	for (const struct pike__slot *s = r->waiters; s; s = s->next)
		if (s == slot)
			return true;
	return false;
}

/*
 * A signal that was caught already is the op's result, not lost with it.
 * Signals that no other op waits for have their usual effect again.
 */
bool pike__reactor_signal_cancel(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *result)
{
	struct pike__reactor *r = q->backend_state;
	uint64_t kept = 0;

	pike__reactor_signal_deliver(q);
	if (!waits(r, slot))
		return false;
	waiter_remove(r, slot);
	if (OWED(slot)) {
		signal_result(r, slot, result);
		return true;
	}
	for (struct pike__slot *s = r->waiters; s; s = s->next)
		kept |= s->op.u.signal.set;
	pike__signals_release(r->signals, slot->op.u.signal.set & ~kept);
	masked_learn(r);
	return true;
}
