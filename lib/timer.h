/* SPDX-License-Identifier: MIT */
/*
 * Deadlines of slots: a heap of four children a node, in one array. Of equal
 * deadlines the one that was added first comes first.
 */
#ifndef PIKE_LIB_TIMER_H
#define PIKE_LIB_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "slot.h"

struct pike__timer {
	int64_t when; /* in ns, of the clock that the heap is for */
	uint32_t order;
	uint32_t slot; /* its index */
};

struct pike__timers {
	struct pike__timer *at;
	uint32_t count;
	uint32_t cap;
	uint32_t order;
};

/* Makes room for one more: false when out of memory. */
bool pike__timers_reserve(struct pike__timers *t, uint32_t more);
void pike__timers_free(struct pike__timers *t);

/* Adds a slot that is in no heap; room was reserved. */
void pike__timer_add(struct pike__timers *t, struct pike__slots *slots,
    struct pike__slot *slot, int64_t when);
/* Takes out a slot that is in this heap. */
void pike__timer_remove(
    struct pike__timers *t, struct pike__slots *slots, struct pike__slot *slot);

/* When the first is due; INT64_MAX when there is none. */
static inline int64_t pike__timers_next(const struct pike__timers *t)
{
	return t->count ? t->at[0].when : INT64_MAX;
}

/* a + b, or the greatest time there is. Neither is negative. */
static inline int64_t pike__time_after(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

#endif
