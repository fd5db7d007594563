/* SPDX-License-Identifier: MIT */
/* Programs that fail, made small: leaving steps out as long as they fail. */
#include <string.h>

#include "../conformance/port_proc.h"
#include "differ.h"

struct shrink {
	struct program *best;
	const struct setup *how;
	const struct verdict *verdict;
	int64_t until;
	int runs;
	int tries; /* until a program is said not to fail */
};

static struct program candidate;

static bool shrink_time(const struct shrink *s)
{
	return port_monotonic() < s->until;
}

/* Whether it fails by breaking the same rule. */
static bool shrink_fails(struct shrink *s, const struct program *p)
{
	struct verdict v;

	for (int i = 0; i < s->tries && shrink_time(s); i++) {
		s->runs++;
		program_compare(p, s->how, &v);
		if (v.bad && strcmp(v.rule, s->verdict->rule) == 0)
			return true;
	}
	return false;
}

static bool shrink_without(struct shrink *s, int from, int count)
{
	const struct program *p = s->best;

	candidate.seed = p->seed;
	candidate.count = p->count - count;
	memcpy(candidate.steps, p->steps, sizeof(p->steps[0]) * (size_t)from);
	memcpy(candidate.steps + from, p->steps + from + count,
	    sizeof(p->steps[0]) * (size_t)(p->count - from - count));
	if (!shrink_fails(s, &candidate))
		return false;
	s->best->count = candidate.count;
	memcpy(s->best->steps, candidate.steps,
	    sizeof(candidate.steps[0]) * (size_t)candidate.count);
	return true;
}

/* One pass with pieces of that many steps, from the end. */
static bool shrink_pieces(struct shrink *s, int size)
{
	bool any = false;

	for (int at = s->best->count - size; shrink_time(s); at -= size) {
		int from = at > 0 ? at : 0;
		int count = s->best->count - from;
		if (count > size)
			count = size;
		if (count > 0 && shrink_without(s, from, count))
			any = true;
		if (at <= 0)
			break;
	}
	return any;
}

/* Smaller numbers read better. */
static void shrink_numbers(struct shrink *s)
{
	for (int i = 0; i < s->best->count && shrink_time(s); i++) {
		struct step *step = &s->best->steps[i];
		const struct step was = *step;
		const struct step plain[] = {
		    {was.what, was.a % LINKS, was.b & 1, 0, 9, 9},
		    {was.what, was.a % LINKS, was.b, was.c, 9, 9},
		    {was.what, was.a % LINKS, was.b, was.c, was.n, 9},
		};
		for (int k = 0; k < 3; k++) {
			*step = plain[k];
			if (shrink_fails(s, s->best))
				break;
			*step = was;
		}
	}
}

int program_shrink(struct program *p, const struct setup how[2],
    const struct verdict *v, int64_t limit_ns)
{
	struct setup quick[2] = {how[0], how[1]};
	struct shrink s = {p, quick, v, 0, 0, 1};
	int again = 0;

	/* What never comes is waited for in each run that fails. */
	quick[0].patience_ns /= 30;
	quick[1].patience_ns /= 30;
	s.until = port_monotonic() + limit_ns;
	for (int i = 0; i < 3; i++)
		again += shrink_fails(&s, p);
	if (again < 3)
		s.tries = again ? 6 : 20;
	if (v->step + 1 < p->count)
		shrink_without(&s, v->step + 1, p->count - v->step - 1);
	for (int size = (p->count + 1) / 2; size > 0 && shrink_time(&s);) {
		bool any = shrink_pieces(&s, size);
		if (!any || size > 1)
			size = size > 1 ? (size + 1) / 2 : 0;
		if (size > p->count)
			size = p->count;
	}
	shrink_numbers(&s);
	return s.runs;
}
