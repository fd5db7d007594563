/* SPDX-License-Identifier: MIT */
/* Chunks of slots and of the copies that some ops need. */
#include "config.h"

#include <string.h>

#include "alloc.h"
#include "grow.h"
#include "slot.h"

static bool slots_grow(struct pike__slots *s)
{
	uint32_t chunks = s->count / PIKE__SLOT_CHUNK;
	struct pike__slot *chunk;

	if (!pike__grow((void **)&s->chunks, &s->chunks_cap, chunks + 1,
		sizeof *s->chunks))
		return false;
	chunk = pike__alloc(PIKE__SLOT_CHUNK * sizeof *chunk);
	if (!chunk)
		return false;
	memset(chunk, 0, PIKE__SLOT_CHUNK * sizeof *chunk);
	for (uint32_t i = PIKE__SLOT_CHUNK; i-- > 0;) {
		chunk[i].id = pike__name_first(s->count + i);
		chunk[i].next = s->free;
		s->free = &chunk[i];
	}
	s->chunks[chunks] = chunk;
	s->count += PIKE__SLOT_CHUNK;
	return true;
}

static bool extras_grow(struct pike__slots *s)
{
	uint32_t chunks = s->extra_count / PIKE__SLOT_CHUNK;
	union pike__extra *chunk;

	if (!pike__grow((void **)&s->extra_chunks, &s->extra_cap, chunks + 1,
		sizeof *s->extra_chunks))
		return false;
	chunk = pike__alloc(PIKE__SLOT_CHUNK * sizeof *chunk);
	if (!chunk)
		return false;
	for (uint32_t i = PIKE__SLOT_CHUNK; i-- > 0;) {
		chunk[i].next_free = s->free_extra;
		s->free_extra = &chunk[i];
	}
	s->extra_chunks[chunks] = chunk;
	s->extra_count += PIKE__SLOT_CHUNK;
	return true;
}

bool pike__slots_reserve(struct pike__slots *s, bool extra)
{
	if (!s->free && !slots_grow(s))
		return false;
	return !extra || s->free_extra || extras_grow(s);
}

bool pike__slots_fill(struct pike__slots *s, uint32_t n)
{
	while (s->count < n)
		if (!slots_grow(s))
			return false;
	while (s->extra_count < n)
		if (!extras_grow(s))
			return false;
	return true;
}

void pike__slots_free(struct pike__slots *s)
{
	for (uint32_t i = 0; i < s->count / PIKE__SLOT_CHUNK; i++)
		pike__free(s->chunks[i]);
	for (uint32_t i = 0; i < s->extra_count / PIKE__SLOT_CHUNK; i++)
		pike__free(s->extra_chunks[i]);
	pike__free(s->chunks);
	pike__free(s->extra_chunks);
	memset(s, 0, sizeof *s);
}

struct pike__slot *pike__slot_find(struct pike__slots *s, pike_id id)
{
	uint32_t index = (uint32_t)id;
	struct pike__slot *slot;

	if (index >= s->count)
		return NULL;
	slot = pike__slot_at(s, index);
	if (slot->state == PIKE__FREE || slot->id != id)
		return NULL;
	return slot;
}

void pike__slot_shrink(struct pike__slots *s, struct pike__slot *slot)
{
	slot->extra->next_free = s->free_extra;
	s->free_extra = slot->extra;
	slot->extra = NULL;
}

void pike__slot_extend(struct pike__slots *s, struct pike__slot *slot)
{
	slot->extra = s->free_extra;
	s->free_extra = slot->extra->next_free;
}
