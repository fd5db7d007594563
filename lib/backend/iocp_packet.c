/* SPDX-License-Identifier: MIT */
/* Where packets and their details come from, and where they go. */
#include "config.h"

#include <string.h>

#include "../alloc.h"
#include "iocp_packet.h"

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

static void packet_clear(struct pike__packet *p)
{
	memset(&p->ov, 0, sizeof p->ov);
	p->take = NULL;
	p->file = NULL;
	memset(&p->u, 0, sizeof p->u);
	p->bytes = 0;
	p->error = 0;
	p->flags = 0;
	p->shoots = false;
	p->skips = false;
}

struct pike__packet *pike__packet_take(
    struct pike__packets *t, struct pike__slot *slot, bool detail)
{
	struct pike__packet *p = pike__packet_of(slot);

	if (!p) {
		if (!t->free && !packets_more(t))
			return NULL;
		p = t->free;
		t->free = p->u.next_free;
		p->id = slot->id;
		p->detail = NULL;
		slot->op.reserved[1] = (uintptr_t)p;
	}
	if (detail && !p->detail) {
		if (!t->free_details && !details_more(t))
			return NULL;
		p->detail = t->free_details;
		t->free_details = p->detail->next;
	}
	packet_clear(p);
	return p;
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
