/* SPDX-License-Identifier: MIT */
/* The table of handles: chunks that are never moved, found through an array
 * of pointers whose unused entries name a handle that nothing matches. */
#include "config.h"

#include <string.h>

#include "alloc.h"
#include "grow.h"
#include "handle.h"

/* For even places and for odd ones. */
static struct pike__handle no_handle[2] = {{.self = 1}, {.self = 0}};

/* Doubles the array of pointers. */
static bool table_grow(struct pike__handles *t)
{
	uint32_t room = t->at ? (t->mask + 1) * 2 : PIKE__HANDLE_CHUNK;
	uint32_t from = t->at ? t->mask + 1 : 0;
	struct pike__handle **at = pike__realloc(t->at, room * sizeof *at);

	if (!at)
		return false;
	for (uint32_t i = from; i < room; i++)
		at[i] = &no_handle[i & 1];
	t->at = at;
	t->mask = room - 1;
	return true;
}

bool pike__handles_open(struct pike__handles *t)
{
	memset(t, 0, sizeof *t);
	return table_grow(t);
}

void pike__handles_free(struct pike__handles *t)
{
	for (uint32_t i = 0; i < t->count / PIKE__HANDLE_CHUNK; i++)
		pike__free(t->chunks[i]);
	pike__free(t->chunks);
	pike__free(t->at);
	memset(t, 0, sizeof *t);
}

/* What is the same of all that the slot will hold. */
static void own_make(struct pike__handle *h, uint32_t index)
{
	h->own.id = pike__name_first(index);
	h->own.op.opcode = PIKE_RECV;
	h->own.handle = h;
	h->own.lane = PIKE__READS;
}

bool pike__handles_reserve(struct pike__handles *t)
{
	uint32_t chunks = t->count / PIKE__HANDLE_CHUNK;
	struct pike__handle *chunk;

	if (t->free_count > t->promised)
		return true;
	if (t->count > t->mask && !table_grow(t))
		return false;
	if (!pike__grow((void **)&t->chunks, &t->chunks_cap, chunks + 1,
		sizeof *t->chunks))
		return false;
	chunk = pike__alloc(PIKE__HANDLE_CHUNK * sizeof *chunk);
	if (!chunk)
		return false;
	memset(chunk, 0, PIKE__HANDLE_CHUNK * sizeof *chunk);
	for (uint32_t i = PIKE__HANDLE_CHUNK; i-- > 0;) {
		chunk[i].name = pike__name_first(t->count + i);
		chunk[i].self = ~chunk[i].name;
		own_make(&chunk[i], PIKE__SLOT_OWN | (t->count + i));
		chunk[i].next = t->free;
		t->free = &chunk[i];
		t->at[t->count + i] = &chunk[i];
	}
	t->chunks[chunks] = chunk;
	t->count += PIKE__HANDLE_CHUNK;
	t->free_count += PIKE__HANDLE_CHUNK;
	return true;
}

struct pike__handle *pike__handle_take(
    struct pike__handles *t, int64_t fd, enum pike__kind kind, unsigned flags)
{
	struct pike__handle *h = t->free;
	uint32_t state = PIKE__READY;

	t->free = h->next;
	t->free_count--;
	if (kind == PIKE__SOCKET_STREAM)
		state |= t->fresh;
	else
		state |= PIKE__SPECIAL;
	memset(h->lane, 0, sizeof h->lane);
	h->lane[PIKE__READS].state = state;
	h->lane[PIKE__WRITES].state = state;
	h->self = h->name;
	h->own.op.handle = h->name;
	h->closing = NULL;
	h->next = NULL;
	h->fd = fd;
	h->own_fd = -1;
	h->gone = 0;
	h->pending = 0;
	h->flags = (uint16_t)flags;
	h->kind = (uint8_t)kind;
	h->family = PIKE_AF_UNSPEC;
	return h;
}

void pike__handle_unpark(struct pike__handle *h)
{
	struct pike__lane *lane = &h->lane[PIKE__READS];

	lane->state &= ~PIKE__PARKED;
	lane->head = lane->tail = &h->own;
	h->own.next = h->own.prev = NULL;
	h->own.moved = 0;
	h->own.why = 0;
	h->own.phase =
	    lane->state & PIKE__NATIVE ? PIKE__IN_SYSTEM | PIKE__SHORT : 0;
	h->own.state = PIKE__STARTED;
	pike__handle_attend(h);
}

void pike__handle_give(struct pike__handles *t, struct pike__handle *h)
{
	h->fd = -1;
	h->name = pike__name_next(h->name);
	h->self = ~h->name;
	h->next = t->free;
	t->free = h;
	t->free_count++;
}
