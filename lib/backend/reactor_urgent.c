/* SPDX-License-Identifier: MIT */
/*
 * Waiting for urgent data where no edge tells of them: the system is asked now
 * and then.
 */
#include "config.h"

#include "posix_io.h"
#include "reactor.h"

void pike__reactor_urgent_rest(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__reactor *r = q->backend_state;
	bool urgent = slot->op.opcode == PIKE_POLL
			  ? slot->op.op_flags & PIKE_POLL_PRI
			  : slot->lane == PIKE__READS &&
				(slot->op.op_flags & PIKE_MSG_OOB);

	if (urgent && r->poller->no_urgent)
		pike__reactor_later(r, slot->handle);
}

/* One that shoots has told of the data that are there when its moved is set. */
void pike__reactor_urgent_ask(struct pike_queue *q, struct pike__handle *h)
{
	struct pike__slot *next;
	int events = 0;

	if (h->lane[PIKE__POLLS].head)
		events = pike__posix_events((int)h->fd, PIKE_POLL_PRI);
	for (struct pike__slot *s = h->lane[PIKE__POLLS].head; s; s = next) {
		struct pike__result r = {.res = PIKE_POLL_PRI};
		bool told = s->moved;

		next = s->next;
		if (!(s->op.op_flags & PIKE_POLL_PRI))
			continue;
		s->moved = events > 0 && (events & PIKE_POLL_PRI);
		if (s->moved && !(s->op.flags & PIKE_MULTISHOT)) {
			pike__finish(q, s, &r);
			continue;
		}
		if (s->moved && !told && pike__may_shoot(q, s))
			pike__shot(q, s, &r);
		pike__reactor_later(q->backend_state, h);
	}
}
