/* SPDX-License-Identifier: MIT */
/* The ring of completions. */
#include "config.h"

#include <string.h>

#include "alloc.h"
#include "done.h"

/* Sets up an empty ring; false when out of memory. */
static bool done_make(struct pike__done *d, uint32_t cap)
{
	d->base = pike__alloc(((size_t)cap + 1) * sizeof *d->base);
	if (!d->base)
		return false;
	d->next = d->first = d->base;
	d->end = d->last = d->base + cap + 1;
	d->cap = cap;
	return true;
}

bool pike__done_open(struct pike__done *d, uint32_t ops, uint32_t shots)
{
	if (!done_make(d, ops + shots))
		return false;
	d->room = (int32_t)ops;
	d->shots_left = d->shots_max = shots;
	d->shots_told = 0;
	return true;
}

void pike__done_free(struct pike__done *d)
{
	pike__free(d->base);
	d->base = NULL;
}

uint32_t pike__done_take(
    struct pike__done *d, struct pike_completion *out, uint32_t max)
{
	uint32_t n = pike__done_count(d);
	uint32_t part = (uint32_t)(d->end - d->first);

	if (n > max)
		n = max;
	if (n < part) {
		memcpy(out, d->first, n * sizeof *out);
		d->first += n;
	} else {
		memcpy(out, d->first, part * sizeof *out);
		memcpy(out + part, d->base, (n - part) * sizeof *out);
		d->first = d->base + (n - part);
	}
	return n;
}

uint32_t pike__done_return(
    struct pike__done *d, const struct pike_completion *out, uint32_t max)
{
	struct pike_completion *next = d->next;

	pike__done_restore(d);
	if ((uintptr_t)next - (uintptr_t)d->base >=
	    (uintptr_t)d->last - (uintptr_t)d->base)
		return (uint32_t)(next - out);
	d->next = next; /* out is full, and here are the others */
	return max;
}

bool pike__done_grow(struct pike__done *d)
{
	uint32_t more = d->cap / 8 + 16;
	uint32_t cap = d->cap + more;
	struct pike__done old = *d;

	if (cap < more || cap > INT32_MAX)
		return false;
	if (!done_make(d, cap)) {
		d->base = old.base;
		return false;
	}
	d->next += pike__done_take(&old, d->base, UINT32_MAX);
	d->room += (int32_t)more;
	pike__free(old.base);
	return true;
}
