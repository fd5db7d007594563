/* SPDX-License-Identifier: MIT */
/*
 * Ops as calls that go on by themselves: the only place where this side
 * decodes an op. One op of each lane is with the system at a time. An op that
 * takes several calls makes the next when the last has ended, whether that was
 * at once or by a packet.
 */
#include "config.h"

#include "iocp.h"
#include "win_error.h"

/* ---- what has ended ---- */

enum pike__took pike__iocp_aborted(
    struct pike__slot *slot, struct pike__result *r)
{
	if (slot->state == PIKE__ENDING) {
		*r = pike__ended(slot);
		return PIKE__TOOK_ALL;
	}
	return PIKE__TOOK_ON;
}

/* A datagram that was cut: a warning of the system's, and a result. */
static bool is_cut(DWORD error)
{
	return error == WSAEMSGSIZE || error == ERROR_MORE_DATA;
}

enum pike__given pike__iocp_given(
    struct pike__packet *p, bool ok, DWORD bytes, DWORD error)
{
	if (ok && !p->skips)
		return PIKE__GIVEN;
	/* Warnings send packets. */
	if (!ok && (error == ERROR_IO_PENDING || is_cut(error)))
		return PIKE__GIVEN;
	p->bytes = ok ? bytes : 0;
	p->error = ok ? 0 : error;
	return PIKE__ANSWERED;
}

/* Whether a result of an op that is not to go on has a place of its own. */
static bool shot_fits(const struct pike_queue *q, const struct pike__slot *slot)
{
	return q->done.shots_left && !pike__queue_closing(q) &&
	       !(slot->shots && pike__op_writes(&slot->op));
}

/* Polls look again at what this op may have changed for them. */
static void tell_polls(struct pike_queue *q, const struct pike__slot *slot,
    const struct pike__result *r)
{
	if (slot->handle && slot->lane < PIKE__POLLS &&
	    slot->handle->lane[PIKE__POLLS].head)
		pike__iocp_poll_anew(q, slot->handle, slot->lane, r->res > 0);
}

static enum pike__took take_turn(struct pike_queue *q, struct pike__slot *slot,
    struct pike__packet *p, struct pike__result *r)
{
	(void)q, (void)slot, (void)p, (void)r;
	return PIKE__TOOK_ON;
}

static pike__take *const takes[] = {
    [PIKE__BY_TRANSFER] = pike__iocp_transferred,
    [PIKE__BY_FIRST] = pike__iocp_took_first,
    [PIKE__BY_SECOND] = pike__iocp_took_second,
    [PIKE__BY_ACCEPT] = pike__iocp_took_accept,
    [PIKE__BY_CONNECT] = pike__iocp_took_connect,
    [PIKE__BY_JOIN] = pike__iocp_took_join,
    [PIKE__BY_POLL] = pike__iocp_took_poll,
    [PIKE__BY_PIPE] = pike__iocp_took_pipe,
    [PIKE__BY_URGENT] = pike__iocp_took_urgent,
    [PIKE__BY_OVER] = pike__iocp_took_over,
    [PIKE__BY_TURN] = take_turn,
};

/* What the end of an op's call comes to. */
static enum pike__took answer(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__packet *p = pike__packet_of(slot);
	enum pike__took took;

	if (!p)
		p = &pike__iocp_of(q)->packets.here;
	*r = (struct pike__result){0};
	if (p->shoots && (!p->error || is_cut(p->error)) &&
	    slot->state != PIKE__ENDING && !pike__may_shoot(q, slot)) {
		slot->phase |= PIKE__IOCP_KEPT;
		return PIKE__TOOK_STOP;
	}
	took = takes[p->by](q, slot, p, r);
	if ((took == PIKE__TOOK_ON || took == PIKE__TOOK_LATER) &&
	    slot->state == PIKE__ENDING) {
		*r = pike__ended(slot);
		return PIKE__TOOK_ALL;
	}
	if (took != PIKE__TOOK_SHOT)
		return took;
	/* Where a cancelled op has no room for it, it is the last result. */
	if (!p->shoots || (slot->state == PIKE__ENDING && !shot_fits(q, slot)))
		return PIKE__TOOK_ALL;
	pike__shot(q, slot, r);
	tell_polls(q, slot, r);
	if (slot->state != PIKE__ENDING)
		return PIKE__TOOK_ON;
	*r = pike__ended(slot);
	return PIKE__TOOK_ALL;
}

/* ---- what is begun ---- */

static enum pike__given give(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	if ((slot->op.flags & PIKE_MULTISHOT) && !pike__may_shoot(q, slot))
		return PIKE__STOPPED;
	if (slot->phase & PIKE__IOCP_OVER)
		return pike__iocp_over_ask(q, slot, r);
	switch (slot->op.opcode) {
	case PIKE_ACCEPT:
		return pike__iocp_accept(q, slot, r);
	case PIKE_CONNECT:
	case PIKE_CONNECT_TO:
		return pike__iocp_connect(q, slot, r);
	case PIKE_POLL:
		return pike__iocp_poll(q, slot, r);
	case PIKE_BIND:
	case PIKE_LISTEN:
	case PIKE_SHUTDOWN:
	case PIKE_SETSOCKOPT:
	case PIKE_GETSOCKOPT:
	case PIKE_GETSOCKNAME:
	case PIKE_GETPEERNAME:
		pike__win_at_once(q, slot->handle, &slot->op, r);
		return PIKE__ENDED;
	default:
		if (slot->lane == PIKE__READS &&
		    (slot->handle->flags & PIKE__IOCP_DEAF)) {
			pike__iocp_end_met(slot, r);
			return PIKE__ENDED;
		}
		return slot->op.flags & PIKE_GROUP
			   ? pike__iocp_grouped(q, slot, r)
			   : pike__iocp_transfer(q, slot, r);
	}
}

/* Lets others have their turn: the op goes on with a packet of its own. */
static bool turn_given(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__iocp *u = pike__iocp_of(q);
	struct pike__packet *p =
	    pike__packet_take(&u->packets, slot, PIKE__BY_TURN, false);

	if (!p)
		return false;
	if (!sys_PostQueuedCompletionStatus(u->port, 0, 0, p->ov))
		return false;
	slot->phase |= PIKE__IN_SYSTEM;
	return true;
}

/* Goes on with an op until the system has it: true when it has ended. */
static bool go(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	for (int calls = 1;; calls++) {
		*r = (struct pike__result){0};
		switch (give(q, slot, r)) {
		case PIKE__GIVEN:
			slot->phase |= PIKE__IN_SYSTEM;
			return false;
		case PIKE__STOPPED:
			return false;
		case PIKE__ENDED:
			return true;
		case PIKE__RETRY:
			continue;
		default:
			break;
		}
		switch (answer(q, slot, r)) {
		case PIKE__TOOK_ALL:
			return true;
		case PIKE__TOOK_STOP:
			return false;
		case PIKE__TOOK_LATER:
			pike__iocp_later(pike__iocp_of(q), slot);
			return false;
		default:
			break;
		}
		if (calls % PIKE__IOCP_BUDGET == 0 && turn_given(q, slot))
			return false;
	}
}

/* What an op that has ended leaves: its packet, and polls to look again. */
static void settle(
    struct pike_queue *q, struct pike__slot *slot, const struct pike__result *r)
{
	pike__packet_give(&pike__iocp_of(q)->packets, slot);
	tell_polls(q, slot, r);
}

/* After the end of a call, or from the beginning: true when it has ended. */
static bool go_on(struct pike_queue *q, struct pike__slot *slot, bool answered,
    struct pike__result *r)
{
	enum pike__took took = answered ? answer(q, slot, r) : PIKE__TOOK_ON;

	if (took == PIKE__TOOK_LATER)
		pike__iocp_later(pike__iocp_of(q), slot);
	if (took == PIKE__TOOK_LATER || took == PIKE__TOOK_STOP ||
	    (took == PIKE__TOOK_ON && !go(q, slot, r)))
		return false;
	settle(q, slot, r);
	return true;
}

void pike__iocp_go_on(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__result r;

	if (go_on(q, slot, false, &r))
		pike__finish(q, slot, &r);
}

/* Reads that waited for a connect, or for a name, may begin. */
static void hold_end(struct pike_queue *q, pike_handle name)
{
	struct pike__handle *h = pike__handle_find(&q->handles, name);
	struct pike__slot *slot = h ? h->lane[PIKE__READS].head : NULL;

	if (!slot || !(slot->phase & PIKE__IOCP_HELD) ||
	    pike__waits_for_connect(slot))
		return;
	slot->phase &= (uint8_t)~PIKE__IOCP_HELD;
	pike__iocp_go_on(q, slot);
}

/* Whether an op is one that this kind of handle cannot do. */
static bool unfit(const struct pike__slot *slot, struct pike__result *r)
{
	const struct pike__handle *h = slot->handle;
	bool stream = pike__op_infos[slot->op.opcode].needs & PIKE__OP_STREAM;

	if (!h || h->kind <= PIKE__SOCKET_PACKET)
		return false;
	if (stream && h->kind == PIKE__PIPE && !(h->flags & PIKE__IOCP_SYNC))
		return false;
	if (slot->op.opcode == PIKE_POLL &&
	    pike__iocp_pollable_pipe(h, &slot->op))
		return false;
	pike__win_error(r, stream || slot->op.opcode == PIKE_POLL
			       ? ERROR_NOT_SUPPORTED
			       : WSAENOTSOCK);
	return true;
}

bool pike__iocp_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	bool kept = slot->phase & PIKE__IOCP_KEPT;
	bool ended;

	*r = (struct pike__result){0};
	slot->phase &= (uint8_t)~PIKE__IOCP_KEPT;
	slot->op.offset = 0;
	if (unfit(slot, r))
		return true;
	switch (slot->op.opcode) {
	case PIKE_SOCKET:
		pike__win_open_socket(q, &slot->op, r);
		return true;
	case PIKE_LISTEN_TO:
		pike__win_listen_to(q, &slot->op, r);
		return true;
	case PIKE_SIGNAL:
		return pike__iocp_signal_start(q, slot, r);
	case PIKE_CONNECT_TO:
		if (!slot->handle) {
			struct pike__handle *h =
			    pike__win_connect_to(q, &slot->op, r);

			if (!h)
				return true;
			pike__join(slot, h);
		}
		break;
	default:
		break;
	}
	if (!kept && slot->handle && pike__waits_for_connect(slot)) {
		slot->phase |= PIKE__IOCP_HELD;
		return false;
	}
	ended = go_on(q, slot, kept, r);
	if (slot->lane != PIKE__READS && slot->handle &&
	    (slot->handle->flags & PIKE__DGRAM))
		hold_end(q, slot->handle->self);
	return ended;
}

bool pike__iocp_attempt(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r)
{
	(void)q, (void)h, (void)op, (void)moved, (void)r;
	return false;
}

/* ---- packets ---- */

void pike__iocp_packet(struct pike_queue *q, const OVERLAPPED_ENTRY *entry)
{
	struct pike__packet *p;
	struct pike__slot *slot;
	struct pike__result r;
	pike_handle name;
	bool connects;

	slot = pike__packet_came(q, entry->lpOverlapped, &p);
	if (!slot)
		return;
	p->bytes = entry->dwNumberOfBytesTransferred;
	p->error = pike__win_ended(p->file, slot->handle, p->ov);
	slot->phase &= (uint8_t)~PIKE__IN_SYSTEM;
	connects = slot->op.opcode == PIKE_CONNECT ||
		   slot->op.opcode == PIKE_CONNECT_TO;
	name = connects ? slot->handle->self : 0;
	if (go_on(q, slot, true, &r))
		pike__finish(q, slot, &r);
	if (connects)
		hold_end(q, name);
}

/* ---- ending before time ---- */

void pike__iocp_cancel(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__result r = pike__ended(slot);

	if (slot->phase & PIKE__IN_SYSTEM) {
		/* Not found: it has ended, and its packet says how. */
		pike__packet_abort(slot);
		return;
	}
	if (slot->op.opcode == PIKE_SIGNAL &&
	    !pike__iocp_signal_cancel(q, slot, &r))
		return;
	if (pike__iocp_of(q)->later)
		pike__iocp_later_forget(pike__iocp_of(q), slot);
	/* What came before the cancel is the result. */
	if (slot->phase & PIKE__IOCP_KEPT) {
		slot->phase &= (uint8_t)~PIKE__IOCP_KEPT;
		answer(q, slot, &r);
	}
	settle(q, slot, &r);
	pike__finish(q, slot, &r);
}

enum pike_route pike__iocp_route(const struct pike_queue *q, int opcode)
{
	(void)q;
	switch (opcode) {
	case PIKE_SOCKET:
	case PIKE_BIND:
	case PIKE_LISTEN:
	case PIKE_LISTEN_TO:
	case PIKE_SHUTDOWN:
	case PIKE_SETSOCKOPT:
	case PIKE_GETSOCKOPT:
	case PIKE_GETSOCKNAME:
	case PIKE_GETPEERNAME:
	case PIKE_SIGNAL:
		return PIKE_ROUTE_EMULATED;
	default:
		return PIKE_ROUTE_NATIVE;
	}
}
