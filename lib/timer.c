/* SPDX-License-Identifier: MIT */
/* The heap of deadlines. Entries are 16 bytes, four siblings a cache line. */
#include "config.h"

#include "alloc.h"
#include "grow.h"
#include "timer.h"

#define CHILDREN 4

bool pike__timers_reserve(struct pike__timers *t, uint32_t more)
{
	return pike__grow(
	    (void **)&t->at, &t->cap, t->count + more, sizeof *t->at);
}

void pike__timers_free(struct pike__timers *t)
{
	pike__free(t->at);
	t->at = NULL;
	t->count = t->cap = 0;
}

/* The order wraps: entries of one heap are never 2^31 additions apart at the
 * same nanosecond. */
static inline bool timer_before(
    const struct pike__timer *a, const struct pike__timer *b)
{
	if (a->when != b->when)
		return a->when < b->when;
	return (int32_t)(a->order - b->order) < 0;
}

static inline void timer_put(struct pike__timers *t, struct pike__slots *slots,
    uint32_t place, struct pike__timer entry)
{
	t->at[place] = entry;
	pike__slot_at(slots, entry.slot)->due = place + 1;
}

static void timer_up(struct pike__timers *t, struct pike__slots *slots,
    uint32_t place, struct pike__timer entry)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / CHILDREN;

		if (!timer_before(&entry, &t->at[parent]))
			break;
		timer_put(t, slots, place, t->at[parent]);
		place = parent;
	}
	timer_put(t, slots, place, entry);
}

static void timer_down(struct pike__timers *t, struct pike__slots *slots,
    uint32_t place, struct pike__timer entry)
{
	for (;;) {
		uint32_t first = place * CHILDREN + 1;
		uint32_t end = first + CHILDREN;
		uint32_t least = first;

		if (first >= t->count)
			break;
		if (end > t->count)
			end = t->count;
		for (uint32_t i = first + 1; i < end; i++)
			if (timer_before(&t->at[i], &t->at[least]))
				least = i;
		if (!timer_before(&t->at[least], &entry))
			break;
		timer_put(t, slots, place, t->at[least]);
		place = least;
	}
	timer_put(t, slots, place, entry);
}

void pike__timer_add(struct pike__timers *t, struct pike__slots *slots,
    struct pike__slot *slot, int64_t when)
{
	struct pike__timer entry = {when, t->order++, pike__slot_index(slot)};

	timer_up(t, slots, t->count++, entry);
}

void pike__timer_remove(
    struct pike__timers *t, struct pike__slots *slots, struct pike__slot *slot)
{
	uint32_t place = slot->due - 1;
	struct pike__timer last = t->at[--t->count];

	slot->due = 0;
	if (place == t->count)
		return;
	if (place > 0 && timer_before(&last, &t->at[(place - 1) / CHILDREN]))
		timer_up(t, slots, place, last);
	else
		timer_down(t, slots, place, last);
}
