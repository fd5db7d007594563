/* SPDX-License-Identifier: MIT */
/* Groups of buffers: made, returned to, waited for. */
#include "config.h"

#include <string.h>

#include "alloc.h"
#include "queue.h"

_Static_assert(sizeof(struct pike_addr) == PIKE_GROUP_DATA,
    "the data come after the address");

/* ---- opening and closing ---- */

/* A place in the table of groups: the lowest that is free. */
static int place_reserve(struct pike__groups *t, uint32_t *place)
{
	uint32_t i = t->full;

	while (i < t->count && t->at[i])
		i++;
	*place = t->full = i;
	if (i < t->count)
		return 0;
	if (i == PIKE__GROUPS_MAX ||
	    !pike__grow((void **)&t->at, &t->cap, i + 1, sizeof *t->at))
		return -PIKE_ENOMEM;
	t->at[i] = NULL;
	t->count++;
	return 0;
}

static void group_free(struct pike__group *g)
{
	if (g->own_memory)
		pike__free(g->memory);
	pike__free(g);
}

/* One allocation for the struct and what is written of each buffer. */
static struct pike__group *group_new(
    uint32_t count, uint32_t size, void *memory)
{
	struct pike__group *g =
	    pike__alloc(sizeof *g + count * sizeof *g->place);

	if (!g)
		return NULL;
	memset(g, 0, sizeof *g + count * sizeof *g->place);
	g->count = count;
	g->size = size;
	for (uint32_t i = count; i-- > 0;)
		pike__group_put(g, i);
	g->memory = memory;
	if (memory)
		return g;
	g->own_memory = true;
	if (size <= SIZE_MAX / count)
		g->memory = pike__alloc((size_t)count * size);
	if (g->memory)
		return g;
	group_free(g);
	return NULL;
}

int pike_group_open(
    struct pike_queue *q, uint32_t count, uint32_t size, void *memory)
{
	int bad = pike__queue_usable(q);
	struct pike__group *g;
	uint32_t place;

	if (bad)
		return bad;
	if (count - 1 >= PIKE__GROUP_COUNT_MAX || !size || size % 8 ||
	    size > PIKE__GROUP_BUFFER_MAX || (uintptr_t)memory % 8)
		return -PIKE_EINVAL;
	bad = place_reserve(&q->groups, &place);
	if (bad)
		return bad;
	g = group_new(count, size, memory);
	if (!g)
		return -PIKE_ENOMEM;
	g->id = place + 1;
	bad = q->backend->group_open(q, g);
	if (bad) {
		group_free(g);
		return bad;
	}
	q->groups.at[place] = g;
	return (int)g->id;
}

static void group_end(struct pike_queue *q, struct pike__group *g)
{
	q->backend->group_close(q, g);
	q->groups.at[g->id - 1] = NULL;
	if (g->id - 1 < q->groups.full)
		q->groups.full = g->id - 1;
	group_free(g);
}

int pike_group_close(struct pike_queue *q, uint32_t group)
{
	int bad = pike__queue_usable(q);
	struct pike__group *g;

	if (bad)
		return bad;
	g = pike__group_find(q, group);
	if (!g)
		return -PIKE_EINVAL;
	if (g->users)
		return -PIKE_EBUSY;
	group_end(q, g);
	return 0;
}

void pike__groups_close(struct pike_queue *q)
{
	for (uint32_t i = 0; i < q->groups.count; i++)
		if (q->groups.at[i])
			group_end(q, q->groups.at[i]);
	pike__free(q->groups.at);
	memset(&q->groups, 0, sizeof q->groups);
}

/* ---- ops that name a group ---- */

int pike__group_check(const struct pike_queue *q, const struct pike_op *op)
{
	const struct pike__group *g = pike__group_find(q, op->u.group.id);

	return g && g->size > pike__group_offset(op) ? 0 : -PIKE_EINVAL;
}

void pike__group_wait(
    struct pike_queue *q, struct pike__group *g, struct pike__slot *slot)
{
	(void)q;
	slot->paused = PIKE__PAUSED_BY_GROUP;
	slot->held = NULL;
	if (g->waiting)
		g->waiting_last->held = slot;
	else
		g->waiting = slot;
	g->waiting_last = slot;
}

void pike__group_unwait(struct pike__slot *slot)
{
	struct pike__group *g = pike__group_of(slot);
	struct pike__slot *before = NULL;

	for (struct pike__slot *s = g->waiting; s != slot; s = s->held)
		before = s;
	if (before)
		before->held = slot->held;
	else
		g->waiting = slot->held;
	if (g->waiting_last == slot)
		g->waiting_last = before;
	slot->paused = 0;
}

void pike__group_next(struct pike_queue *q, struct pike__group *g)
{
	struct pike__slot *slot = g->waiting;
	struct pike__result r;

	pike__group_unwait(slot);
	if (slot->state != PIKE__ENDING && q->backend->start(q, slot, &r))
		pike__finish(q, slot, &r);
}

/*
 * The oldest that waits goes on. It may find that there is nothing to receive
 * for it: then the buffer is still here, and the next has its turn.
 */
PIKE__COLD static void group_go_on(struct pike_queue *q, struct pike__group *g)
{
	do {
		pike__group_next(q, g);
	} while (g->waiting && g->free_count);
	pike__calm(q);
	if (q->pollable)
		pike__show(q);
}

/* ---- buffers ---- */

PIKE__COLD static int return_any(
    struct pike_queue *q, uint32_t group, uint32_t buffer)
{
	int bad = pike__queue_usable(q);
	struct pike__group *g;

	if (bad)
		return bad;
	g = pike__group_find(q, group);
	if (!g || !pike__group_in(g, buffer))
		return -PIKE_EINVAL;
	if (g->ring)
		q->backend->group_give(q, g, buffer);
	else
		pike__group_put(g, buffer);
	if (g->waiting)
		group_go_on(q, g);
	return 0;
}

/* Nearly always nobody waits for it, and it goes on the stack. */
int pike_group_return(struct pike_queue *q, uint32_t group, uint32_t buffer)
{
	struct pike__group *g;

	if (!q || !pike__queue_quick(q))
		return return_any(q, group, buffer);
	g = pike__group_find(q, group);
	if (!g || g->waiting || !pike__group_in(g, buffer))
		return return_any(q, group, buffer);
	if (g->ring)
		return q->backend->group_give(q, g, buffer);
	pike__group_put(g, buffer);
	return 0;
}

void *pike_group_buffer(struct pike_queue *q, uint32_t group, uint32_t buffer)
{
	struct pike__group *g;

	if (pike__queue_usable(q))
		return NULL;
	g = pike__group_find(q, group);
	return g && buffer < g->count ? pike__group_at(g, buffer) : NULL;
}
