/* SPDX-License-Identifier: MIT */
/*
 * Groups of buffers that receives share. A buffer is free, or in a try of the
 * backend's, or out: named by a completion and the application's until it is
 * returned. An op that finds none free waits on the group's own list.
 */
#ifndef PIKE_LIB_GROUP_H
#define PIKE_LIB_GROUP_H

#include <stdbool.h>
#include <pike.h>

#include "slot.h"

#define PIKE__GROUPS_MAX       65535
#define PIKE__GROUP_COUNT_MAX  32768
#define PIKE__GROUP_BUFFER_MAX 0x7ffff000u

/* Two arrays in one, so that both are found without a pointer. */
struct pike__group_place {
	uint32_t free; /* of the stack: a buffer's number */
	uint32_t out;  /* of the buffer: whether the application has it */
};

struct pike__group {
	char *memory;
	size_t size; /* of each buffer */
	uint32_t count;
	uint32_t free_count;        /* the height of the stack */
	struct pike__slot *waiting; /* through held, the oldest first */
	struct pike__slot *waiting_last;
	uint32_t users; /* ops that name the group */
	uint32_t id;
	void *ring;      /* the backend's */
	bool own_memory; /* pike's to free */
	struct pike__group_place place[];
};

struct pike__groups {
	struct pike__group **at; /* by id - 1; null where there is none */
	uint32_t count;
	uint32_t cap;
	uint32_t full; /* the first so many are all there */
};

/* The value of a slot's paused while it is on the list of its group; else it
 * is on the list of the queue. */
#define PIKE__PAUSED_BY_GROUP 2

/* The group of an op that names one. */
static inline struct pike__group *pike__group_of(const struct pike__slot *slot)
{
	return slot->op.buf;
}

static inline char *pike__group_at(const struct pike__group *g, uint32_t index)
{
	return g->memory + index * g->size;
}

/*
 * For backends that keep the free buffers here: takes one for a try, or says
 * -1; puts it back when nothing came of it.
 */
static inline int pike__group_take(struct pike__group *g)
{
	return g->free_count ? (int)g->place[--g->free_count].free : -1;
}

static inline void pike__group_put(struct pike__group *g, uint32_t index)
{
	g->place[g->free_count++].free = index;
}

/* A buffer goes out with a result. */
static inline void pike__group_out(struct pike__group *g, uint32_t index)
{
	g->place[index].out = true;
}

/* It comes back. False: there is no such buffer, or it was not out. */
static inline bool pike__group_in(struct pike__group *g, uint32_t index)
{
	struct pike__group_place *place;

	if (index >= g->count)
		return false;
	place = &g->place[index];
	if (!place->out)
		return false;
	place->out = false;
	return true;
}

/* How many bytes of a buffer an op's data may fill, and where they begin. */
static inline size_t pike__group_offset(const struct pike_op *op)
{
	return op->opcode == PIKE_RECVFROM ? PIKE_GROUP_DATA : 0;
}

static inline size_t pike__group_room(
    const struct pike__group *g, const struct pike_op *op)
{
	size_t room = g->size - pike__group_offset(op);

	return op->len && op->len < room ? op->len : room;
}

/* Whether a result comes with the buffer that it was got with. */
static inline bool pike__group_fills(
    const struct pike_op *op, int64_t res, uint32_t flags)
{
	return res > 0 ||
	       (res == 0 && op->opcode == PIKE_RECVFROM && !(flags & PIKE_EOF));
}

#endif
