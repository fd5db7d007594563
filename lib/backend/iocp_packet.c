/* SPDX-License-Identifier: MIT */
/* Where calls, packets and their details come from, and where they go. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "../alloc.h"
#include "iocp.h"

static void chunks_free(struct pike__chunks *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		pike__free(c->at[i]);
	pike__free(c->at);
}

void pike__packets_free(struct pike__packets *t)
{
	chunks_free(&t->chunks);
	chunks_free(&t->details);
	pike__free(t->places);
	memset(t, 0, sizeof *t);
}

/* A piece of memory that goes with the table. */
static void *chunk_new(struct pike__chunks *c, size_t size)
{
	void *chunk;

	if (!pike__grow((void **)&c->at, &c->cap, c->count + 1, sizeof *c->at))
		return NULL;
	chunk = pike__alloc(size);
	if (!chunk)
		return NULL;
	memset(chunk, 0, size);
	c->at[c->count++] = chunk;
	return chunk;
}

static bool packets_more(struct pike__packets *t)
{
	struct pike__packet *chunk =
	    chunk_new(&t->chunks, PIKE__PACKET_CHUNK * sizeof *chunk);

	if (!chunk)
		return false;
	for (int i = PIKE__PACKET_CHUNK; i-- > 0;) {
		chunk[i].u.next_free = t->free;
		t->free = &chunk[i];
	}
	return true;
}

static bool details_more(struct pike__packets *t)
{
	struct pike__detail *chunk =
	    chunk_new(&t->details, PIKE__PACKET_CHUNK * sizeof *chunk);

	if (!chunk)
		return false;
	for (int i = PIKE__PACKET_CHUNK; i-- > 0;) {
		chunk[i].next = t->free_details;
		t->free_details = &chunk[i];
	}
	return true;
}

bool pike__packets_fill(struct pike__packets *t, uint32_t n)
{
	const uint32_t places = n / PIKE__PACKET_CHUNK + n / PIKE__SLOT_CHUNK;

	while (t->chunks.count * PIKE__PACKET_CHUNK < n)
		if (!packets_more(t))
			return false;
	while (t->details.count * PIKE__PACKET_CHUNK < n)
		if (!details_more(t))
			return false;
	/* And a few chunks of handles. */
	return pike__grow(
	    (void **)&t->places, &t->place_cap, places + 8, sizeof *t->places);
}

static void packet_clear(struct pike__packet *p, enum pike__taken_by by)
{
	memset(p->ov, 0, sizeof *p->ov);
	p->by = (uint8_t)by;
	p->file = NULL;
	memset(&p->u, 0, sizeof p->u);
	p->bytes = 0;
	p->error = 0;
	p->flags = 0;
	p->shoots = false;
	p->skips = false;
}

struct pike__packet *pike__packet_take(struct pike__packets *t,
    struct pike__slot *slot, enum pike__taken_by by, bool detail)
{
	struct pike__packet *p = pike__packet_of(slot);

	if (!p) {
		if (!t->free && !packets_more(t))
			return NULL;
		p = t->free;
		t->free = p->u.next_free;
		p->call.id = slot->id;
		p->ov = &p->call.ov;
		p->detail = NULL;
		slot->op.reserved[1] = (uintptr_t)p;
	}
	if (detail && !p->detail) {
		if (!t->free_details && !details_more(t))
			return NULL;
		p->detail = t->free_details;
		t->free_details = p->detail->next;
	}
	packet_clear(p, by);
	return p;
}

/* ---- calls in slots ---- */

static struct pike__call *call_in(struct pike__slot *slot)
{
	void *words = &slot->op.u.words[PIKE__CALL_WORD];

	return words;
}

static pike_id mark_of(const OVERLAPPED *ov)
{
	return -(pike_id)(uintptr_t)ov;
}

struct pike__packet *pike__packet_here(
    struct pike__packets *t, struct pike__slot *slot, enum pike__taken_by by)
{
	struct pike__packet *p = &t->here;

	if (pike__packet_of(slot))
		return pike__packet_take(t, slot, by, false);
	p->ov = &call_in(slot)->ov;
	call_in(slot)->id = mark_of(p->ov) - by;
	packet_clear(p, by);
	return p;
}

/* ---- whose call it was ---- */

/* Of each kind of chunk: how many there are in one, how large each is, and
 * where its call is. */
#define CALL_AT offsetof(struct pike__slot, op.u.words[PIKE__CALL_WORD])

static const struct {
	size_t count;
	size_t size;
	size_t call;
} kinds[] = {
    [PIKE__OF_PACKETS] = {PIKE__PACKET_CHUNK, sizeof(struct pike__packet), 0},
    [PIKE__OF_SLOTS] = {PIKE__SLOT_CHUNK, sizeof(struct pike__slot), CALL_AT},
    [PIKE__OF_HANDLES] = {PIKE__HANDLE_CHUNK, sizeof(struct pike__handle),
	offsetof(struct pike__handle, own) + CALL_AT},
};

static uint32_t chunk_count(struct pike_queue *q, enum pike__place_kind kind)
{
	switch (kind) {
	case PIKE__OF_SLOTS:
		return q->slots.count / PIKE__SLOT_CHUNK;
	case PIKE__OF_HANDLES:
		return q->handles.count / PIKE__HANDLE_CHUNK;
	default:
		return pike__iocp_of(q)->packets.chunks.count;
	}
}

static struct pike__place chunk_place(
    struct pike_queue *q, enum pike__place_kind kind, uint32_t i)
{
	const void *at = kind == PIKE__OF_SLOTS ? (void *)q->slots.chunks[i]
			 : kind == PIKE__OF_HANDLES
			     ? (void *)q->handles.chunks[i]
			     : pike__iocp_of(q)->packets.chunks.at[i];

	return (struct pike__place){(uintptr_t)at, kind};
}

static bool place_holds(const struct pike__place *place, uintptr_t address)
{
	return address - place->at <
	       kinds[place->kind].count * kinds[place->kind].size;
}

/* How many places begin at the address or before it. */
static uint32_t places_before(const struct pike__packets *t, uintptr_t address)
{
	uint32_t from = 0, to = t->place_count;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (t->places[middle].at <= address)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool place_keep(struct pike__packets *t, const struct pike__place *place)
{
	uint32_t i = places_before(t, place->at);

	if (!pike__grow((void **)&t->places, &t->place_cap, t->place_count + 1,
		sizeof *t->places))
		return false;
	memmove(&t->places[i + 1], &t->places[i],
	    (t->place_count - i) * sizeof *t->places);
	t->places[i] = *place;
	t->place_count++;
	return true;
}

/* The chunk that an address is in, if it is the queue's. Those that were made
 * since are looked through, for as long as there is no memory to know them. */
static bool place_find(
    struct pike_queue *q, uintptr_t address, struct pike__place *place)
{
	struct pike__packets *t = &pike__iocp_of(q)->packets;
	uint32_t n = places_before(t, address);
	bool found = n && place_holds(&t->places[n - 1], address);

	if (found)
		*place = t->places[n - 1];
	for (int kind = 0; !found && kind < PIKE__PLACES; kind++) {
		uint32_t count = chunk_count(q, (enum pike__place_kind)kind);

		for (uint32_t i = t->known[kind]; i < count; i++) {
			struct pike__place new =
			    chunk_place(q, (enum pike__place_kind)kind, i);

			if (i == t->known[kind] && place_keep(t, &new))
				t->known[kind]++;
			if (place_holds(&new, address)) {
				*place = new;
				found = true;
			}
		}
	}
	return found;
}

struct pike__slot *pike__packet_came(
    struct pike_queue *q, OVERLAPPED *ov, struct pike__packet **packet)
{
	struct pike__packet *p;
	struct pike__slot *slot;
	struct pike__place place;
	char *at;

	if (!place_find(q, (uintptr_t)ov, &place) ||
	    ((uintptr_t)ov - place.at) % kinds[place.kind].size !=
		kinds[place.kind].call)
		return NULL;
	at = (char *)ov - kinds[place.kind].call;
	if (place.kind == PIKE__OF_PACKETS) {
		p = (struct pike__packet *)(void *)at;
		slot = pike__op_find(q, p->call.id);
		if (!slot || pike__packet_of(slot) != p)
			return NULL;
	} else {
		slot = place.kind == PIKE__OF_SLOTS
			   ? (struct pike__slot *)(void *)at
			   : &((struct pike__handle *)(void *)at)->own;
		p = NULL;
		if (slot->state == PIKE__FREE || pike__packet_of(slot))
			return NULL;
	}
	/* No op ends before its call: the slot is still its. */
	if (!(slot->phase & PIKE__IN_SYSTEM))
		return NULL;
	if (!p) {
		p = &pike__iocp_of(q)->packets.here;
		p->ov = ov;
		p->by = (uint8_t)(mark_of(ov) - call_in(slot)->id);
		p->file = pike__win_handle(slot->handle->fd);
	}
	*packet = p;
	return slot;
}

OVERLAPPED *pike__packet_ov(struct pike__slot *slot)
{
	struct pike__packet *p = pike__packet_of(slot);

	return p ? p->ov : &call_in(slot)->ov;
}

void pike__packet_abort(struct pike__slot *slot)
{
	struct pike__packet *p = pike__packet_of(slot);

	if (!p)
		sys_CancelIoEx(
		    pike__win_handle(slot->handle->fd), &call_in(slot)->ov);
	else if (p->file)
		sys_CancelIoEx(p->file, p->ov);
}

void pike__packet_give(struct pike__packets *t, struct pike__slot *slot)
{
	struct pike__packet *p = pike__packet_of(slot);

	if (!p)
		return;
	slot->op.reserved[1] = 0;
	if (p->detail) {
		p->detail->next = t->free_details;
		t->free_details = p->detail;
	}
	p->u.next_free = t->free;
	t->free = p;
}
