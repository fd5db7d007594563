/* SPDX-License-Identifier: MIT */
/*
 * The ring of completions that wait to be reaped. It never overflows: an op
 * holds a place from submit on (room), and shots of multishot ops have places
 * of their own (shots_left).
 */
#ifndef PIKE_LIB_DONE_H
#define PIKE_LIB_DONE_H

#include <stdbool.h>
#include <stddef.h>
#include <pike.h>

#include "shape.h"

struct pike__done {
	struct pike_completion *next;  /* filled next */
	struct pike_completion *first; /* the oldest, or next: there is none */
	struct pike_completion *base;
	struct pike_completion *end;  /* from where it goes on at base */
	struct pike_completion *last; /* the ring's own end; one place is never
					 filled */
	int32_t room;                 /* ops that may still be accepted */
	uint32_t cap;                 /* places that may be filled */
	uint32_t shots_left;          /* shots that may still be given */
	uint32_t shots_max;           /* the others of these are in the ring */
	uint32_t shots_told;          /* those there that are not a buffer's */
};

/* ops places for ops and shots for shots; false when out of memory. */
bool pike__done_open(struct pike__done *d, uint32_t ops, uint32_t shots);
void pike__done_free(struct pike__done *d);
/* Makes room for more ops; false when out of memory. */
bool pike__done_grow(struct pike__done *d);

/* The next place; the caller fills every field. A place was held for it. */
static inline struct pike_completion *pike__done_add(struct pike__done *d)
{
	struct pike_completion *c = d->next;

	d->next = c + 1 == d->end ? d->base : c + 1;
	return c;
}

static inline bool pike__done_any(const struct pike__done *d)
{
	return d->next != d->first;
}

/* Completions with PIKE_MORE that wait. */
static inline uint32_t pike__done_shots(const struct pike__done *d)
{
	return d->shots_max - d->shots_left;
}

/* How many wait. */
static inline uint32_t pike__done_count(const struct pike__done *d)
{
	ptrdiff_t n = d->next - d->first;

	return (uint32_t)n + (n < 0 ? d->cap + 1 : 0);
}

/*
 * A reap that waits lends its memory to the ring, which is empty: what comes is
 * written there at once, and what is more than max in the ring as ever.
 */
static inline void pike__done_lend(
    struct pike__done *d, struct pike_completion *out, uint32_t max)
{
	d->next = out;
	d->end = out + max;
}

/* Whether just one has come there. */
static inline bool pike__done_lent_one(
    const struct pike__done *d, const struct pike_completion *out)
{
	return d->next == out + 1;
}

/* Takes the ring back, in which there is nothing. */
static inline void pike__done_restore(struct pike__done *d)
{
	d->next = d->first = d->base;
	d->end = d->last;
}

/* The same for who finds it lent still: a wait was left by other ways than its
 * return, and its caller's memory may be gone. */
static inline void pike__done_recover(struct pike__done *d)
{
	if (PIKE__SELDOM(d->end != d->last))
		pike__done_restore(d);
}

/* As restore whatever has come: how many are in out. */
uint32_t pike__done_return(
    struct pike__done *d, const struct pike_completion *out, uint32_t max);

/* Moves up to max of the oldest to out, in order. */
uint32_t pike__done_take(
    struct pike__done *d, struct pike_completion *out, uint32_t max);

#endif
