/* SPDX-License-Identifier: MIT */
/*
 * Receives from groups of buffers: one is taken for a try, and goes back when
 * there was nothing to put into it.
 */
#include "config.h"

#include "posix_io.h"
#include "reactor.h"

/* The op of a receive from a group with its buffer in. */
static struct pike_op group_op(
    const struct pike__slot *slot, const struct pike__group *g, int index)
{
	struct pike_op op = slot->op;
	char *buffer = pike__group_at(g, (uint32_t)index);

	op.buf = buffer + pike__group_offset(&op);
	if (op.opcode == PIKE_RECVFROM)
		op.addr = (struct pike_addr *)(void *)buffer;
	return op;
}

/* After a try the buffer goes out with the result, or back. */
static void group_settle(struct pike__group *g, const struct pike__slot *slot,
    int index, bool done, struct pike__result *r)
{
	if (!done || !pike__group_fills(&slot->op, r->res, r->flags)) {
		pike__group_put(g, (uint32_t)index);
		return;
	}
	pike__group_out(g, (uint32_t)index);
	r->flags |= PIKE_BUFFER;
	r->buffer = (uint32_t)index;
}

enum pike__outcome pike__reactor_try_grouped(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__group *g = pike__group_of(slot);
	enum pike__outcome outcome;
	int index = pike__group_take(g);
	size_t moved = 0;

	if (index < 0) {
		pike__group_wait(q, g, slot);
		return PIKE__PAUSED;
	}

	struct pike_op op = group_op(slot, g, index);

	outcome =
	    pike__posix_try(q, slot->handle, &op, &moved, &slot->phase, r);
	group_settle(g, slot, index, outcome == PIKE__DONE, r);
	return outcome;
}

/*
 * An edge for a multishot recv that did not simply receive, or that may have
 * left something in the socket.
 */
void pike__reactor_pour_otherwise(
    struct pike_queue *q, struct pike__handle *h, int index, int64_t n)
{
	struct pike__slot *slot = &h->own;
	struct pike__group *g = pike__group_of(slot);
	struct pike_op op = group_op(slot, g, index);
	struct pike__result r = {0};
	size_t moved = 0;
	bool done;

	pike__group_in(g, (uint32_t)index);
	h->lane[PIKE__READS].state &= ~PIKE__POURS;
	h->lane[PIKE__READS].state |= PIKE__READY;
	done = pike__posix_transferred(q, h, &op, n, &moved, &r);
	group_settle(g, slot, index, done, &r);
	if (done && (r.res < 0 || (r.flags & PIKE_EOF))) {
		pike__finish(q, slot, &r);
		return;
	}
	if (done)
		pike__shot(q, slot, &r);
	if (pike__reactor_start(q, slot, &r))
		pike__finish(q, slot, &r);
}

/* ---- groups of buffers: they are kept by the core ---- */

int pike__reactor_group_open(struct pike_queue *q, struct pike__group *g)
{
	(void)q;
	(void)g;
	return 0;
}

void pike__reactor_group_close(struct pike_queue *q, struct pike__group *g)
{
	(void)q;
	(void)g;
}
