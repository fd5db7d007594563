/* SPDX-License-Identifier: MIT */
/* The ring of completions. */
#include "config.h"

#include <string.h>

#include "alloc.h"
#include "done.h"

static struct pike_completion *done_first(const struct pike__done *d)
{
	uint32_t next = (uint32_t)(d->next - d->base);

	return d->base +
	       (next >= d->count ? next - d->count : next + d->cap - d->count);
}

/* Copies n of the oldest, which may lie in two parts. */
static inline void done_copy(
    const struct pike__done *d, struct pike_completion *out, uint32_t n)
{
	struct pike_completion *first = done_first(d);
	uint32_t part = (uint32_t)(d->end - first);

	if (part < n) {
		memcpy(out, first, part * sizeof *out);
		out += part;
		n -= part;
		first = d->base;
	}
	memcpy(out, first, n * sizeof *out);
}

bool pike__done_open(struct pike__done *d, uint32_t ops, uint32_t shots)
{
	d->base = pike__alloc(((size_t)ops + shots) * sizeof *d->base);
	if (!d->base)
		return false;
	d->cap = ops + shots;
	d->next = d->base;
	d->end = d->base + d->cap;
	d->count = 0;
	d->room = ops;
	d->shots_left = shots;
	d->shots = 0;
	return true;
}

void pike__done_free(struct pike__done *d)
{
	pike__free(d->base);
	d->base = NULL;
}

bool pike__done_grow(struct pike__done *d)
{
	uint32_t more = d->cap / 8 + 16;
	uint32_t cap = d->cap + more;
	struct pike_completion *base;

	if (cap < more || cap > INT32_MAX)
		return false;
	base = pike__alloc((size_t)cap * sizeof *base);
	if (!base)
		return false;
	done_copy(d, base, d->count);
	pike__free(d->base);
	d->base = base;
	d->cap = cap;
	d->end = base + cap;
	d->next = d->count == cap ? base : base + d->count;
	d->room += more;
	return true;
}

uint32_t pike__done_take(
    struct pike__done *d, struct pike_completion *out, uint32_t max)
{
	uint32_t n = d->count < max ? d->count : max;

	if (n == 1)
		*out = *done_first(d);
	else
		done_copy(d, out, n);
	d->count -= n;
	return n;
}
