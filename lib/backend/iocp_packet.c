/* SPDX-License-Identifier: MIT */
/* Where calls, packets and their details come from, and where they go. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "../alloc.h"
#include "iocp.h"

void pike__packets_free(struct pike__packets *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		pike__free(t->chunks[i]);
	pike__free(t->chunks);
	memset(t, 0, sizeof *t);
}

/* A piece of memory that goes with the table. */
static void *chunk_new(struct pike__packets *t, size_t size)
{
	void *chunk;

	if (!pike__grow(
		(void **)&t->chunks, &t->cap, t->count + 1, sizeof *t->chunks))
		return NULL;
	chunk = pike__alloc(size);
	if (!chunk)
		return NULL;
	memset(chunk, 0, size);
	t->chunks[t->count++] = chunk;
	return chunk;
}

static bool packets_more(struct pike__packets *t)
{
	struct pike__packet *chunk =
	    chunk_new(t, PIKE__PACKET_CHUNK * sizeof *chunk);

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
	    chunk_new(t, PIKE__PACKET_CHUNK * sizeof *chunk);

	if (!chunk)
		return false;
	for (int i = PIKE__PACKET_CHUNK; i-- > 0;) {
		chunk[i].next = t->free_details;
		t->free_details = &chunk[i];
	}
	return true;
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

struct pike__slot *pike__packet_came(
    struct pike_queue *q, OVERLAPPED *ov, struct pike__packet **packet)
{
	const size_t at =
	    offsetof(struct pike__slot, op.u.words[PIKE__CALL_WORD]);
	struct pike__call *call = (struct pike__call *)(void *)ov;
	struct pike__packet *p = (struct pike__packet *)(void *)ov;
	pike_id by = mark_of(ov) - call->id;
	struct pike__slot *slot;

	*packet = p;
	if (by <= 0 || by > PIKE__IN_SLOT) {
		slot = pike__op_find(q, call->id);
		return slot && pike__packet_of(slot) == p ? slot : NULL;
	}
	/* No op ends before its call: the slot is still its. */
	slot = (struct pike__slot *)(void *)((char *)ov - at);
	p = *packet = &pike__iocp_of(q)->packets.here;
	p->ov = ov;
	p->by = (uint8_t)by;
	p->file = pike__win_handle(slot->handle->fd);
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
