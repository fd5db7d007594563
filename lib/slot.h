/* SPDX-License-Identifier: MIT */
/*
 * A slot holds one accepted op until it is finished. Slots are made in chunks
 * that are never moved, and are found again by an id that carries the slot's
 * generation.
 */
#ifndef PIKE_LIB_SLOT_H
#define PIKE_LIB_SLOT_H

#include <stdbool.h>
#include <pike.h>

#include "grow.h"

struct pike__handle;

/* Copies of the small things that an op points to. */
union pike__extra {
	struct pike_addr addr;
	struct pike_iovec iov[PIKE_IOV_COPIED];
	union pike__extra *next_free;
};

enum pike__slot_state {
	PIKE__FREE,
	PIKE__WAITING, /* in its lane, behind others */
	PIKE__STARTED, /* the backend's, or a timer */
	PIKE__ENDING   /* asked to end; the backend will say when */
};

struct pike__slot {
	struct pike_op op; /* as submitted; pointers may be to extra */
	struct pike__slot *next, *prev; /* in a lane, a list or the free list */
	struct pike__slot *held;        /* next of the paused, or of cancels */
	struct pike__handle *handle;
	union pike__extra *extra;
	pike_id id;     /* generation and index; while free, the next one's */
	size_t moved;   /* bytes so far */
	uint32_t due;   /* place in the heap of deadlines; 0: none */
	uint32_t shots; /* not yet reaped, of one that writes for them */
	int32_t why;    /* PIKE_ECANCELED or PIKE_ETIME once asked to end */
	uint8_t state;  /* enum pike__slot_state */
	uint8_t lane;   /* enum pike__lane_no */
	uint8_t paused; /* waits until results are reaped; or a buffer */
	uint8_t phase;  /* the backend's */
};

/* Of phase: the system has the op, and will say how it ended; and has had it by
 * the short way, so that its memory is what it is called by. */
#define PIKE__IN_SYSTEM 0x80
#define PIKE__SHORT     0x10

#define PIKE__SLOT_CHUNK 64

/* In the index of a slot that is part of a handle: the rest is the handle's. */
#define PIKE__SLOT_OWN 0x80000000u

struct pike__slots {
	struct pike__slot *free;
	union pike__extra *free_extra;
	struct pike__slot **chunks;
	union pike__extra **extra_chunks;
	uint32_t count;      /* slots made */
	uint32_t chunks_cap; /* room in chunks */
	uint32_t extra_count;
	uint32_t extra_cap;
};

/* At least one free slot (and extra, when wanted): false when out of memory. */
bool pike__slots_reserve(struct pike__slots *s, bool extra);
/* Makes n slots and extras at once. */
bool pike__slots_fill(struct pike__slots *s, uint32_t n);
void pike__slots_free(struct pike__slots *s);

static inline struct pike__slot *pike__slot_at(
    struct pike__slots *s, uint32_t index)
{
	return &s->chunks[index / PIKE__SLOT_CHUNK][index % PIKE__SLOT_CHUNK];
}

static inline uint32_t pike__slot_index(const struct pike__slot *slot)
{
	return (uint32_t)slot->id;
}

/* Takes the free slot that a reserve has made sure of. */
static inline struct pike__slot *pike__slot_take(struct pike__slots *s)
{
	struct pike__slot *slot = s->free;

	s->free = slot->next;
	return slot;
}

/* The live slot of an id, or null. */
struct pike__slot *pike__slot_find(struct pike__slots *s, pike_id id);

/* Gives back the extra of a slot that has one. */
void pike__slot_shrink(struct pike__slots *s, struct pike__slot *slot);

/* Ends an id: the slot, which has no extra, is free for another. */
static inline void pike__slot_recycle(
    struct pike__slots *s, struct pike__slot *slot)
{
	slot->state = PIKE__FREE;
	slot->id = pike__name_next(slot->id);
	slot->next = s->free;
	s->free = slot;
}

/* The same for any slot. */
static inline void pike__slot_give(
    struct pike__slots *s, struct pike__slot *slot)
{
	if (slot->extra)
		pike__slot_shrink(s, slot);
	if (!(pike__slot_index(slot) & PIKE__SLOT_OWN)) {
		pike__slot_recycle(s, slot);
		return;
	}
	slot->state = PIKE__FREE;
	slot->id = pike__name_next(slot->id);
	slot->op.flags = 0;
}

/* Gives the slot an extra that a reserve has made sure of. */
void pike__slot_extend(struct pike__slots *s, struct pike__slot *slot);

#endif
