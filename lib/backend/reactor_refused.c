/* SPDX-License-Identifier: MIT */
/*
 * What becomes of ops whose descriptor the poller does not take, or not for
 * both directions.
 */
#include "config.h"

#include <errno.h>

#include "posix_io.h"
#include "reactor.h"

void pike__reactor_result_refused(
    const struct pike__slot *slot, int err, struct pike__result *r)
{
	*r = (struct pike__result){0};
	/* EPERM: nothing that readiness is known of; EEXIST: adopted twice. */
	pike__posix_error(r, err == EPERM    ? EOPNOTSUPP
			     : err == EEXIST ? EBUSY
					     : err);
	if (slot->op.opcode != PIKE_POLL && slot->moved)
		r->res = (int64_t)slot->moved;
}

/* Ends what waits at the head of a lane. */
static void lane_refused(
    struct pike_queue *q, struct pike__handle *h, int lane, int err)
{
	struct pike__slot *slot = h->lane[lane].head;
	struct pike__result r;

	if (!slot || slot->state != PIKE__STARTED || slot->paused)
		return;
	pike__reactor_result_refused(slot, err, &r);
	pike__finish(q, slot, &r);
}

/* Ends the polls, all or those that no edge will tell. */
static void polls_refused(
    struct pike_queue *q, struct pike__handle *h, bool all, int err)
{
	struct pike__slot *next;
	struct pike__result r;

	for (struct pike__slot *s = h->lane[PIKE__POLLS].head; s; s = next) {
		next = s->next;
		if (!all && !pike__reactor_untold(s))
			continue;
		pike__reactor_result_refused(s, err, &r);
		pike__finish(q, s, &r);
	}
}

void pike__reactor_refused(
    struct pike_queue *q, struct pike__handle *h, int err)
{
	pike__unpark(h);
	/* What comes later shall ask again. */
	h->flags &= (uint16_t)~PIKE__REGISTERED;
	h->lane[PIKE__READS].state &= ~(PIKE__ARMED | PIKE__POURS);
	lane_refused(q, h, PIKE__WRITES, err);
	lane_refused(q, h, PIKE__READS, err);
	polls_refused(q, h, true, err);
}

void pike__reactor_refused_writes(struct pike_queue *q, struct pike__handle *h)
{
	h->lane[PIKE__WRITES].state |= PIKE__UNTOLD;
	lane_refused(q, h, PIKE__WRITES, EPERM);
	polls_refused(q, h, false, EPERM);
}

bool pike__reactor_untold(const struct pike__slot *slot)
{
	const uint32_t asked =
	    slot->op.op_flags & ~(uint32_t)(PIKE_POLL_ERR | PIKE_POLL_HUP);

	return (slot->handle->lane[PIKE__WRITES].state & PIKE__UNTOLD) &&
	       (slot->lane == PIKE__WRITES ||
		   (slot->op.opcode == PIKE_POLL && asked == PIKE_POLL_OUT));
}
