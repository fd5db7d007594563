/* SPDX-License-Identifier: MIT */
/* How transfers end: errors by the names that they have everywhere, and what no
 * more bytes means. */
#include "config.h"

#include "iocp.h"
#include "win_error.h"

bool pike__iocp_of_another(const struct pike__handle *h, DWORD error)
{
	if (h->kind != PIKE__SOCKET_PACKET || (h->flags & PIKE__CONNECTED))
		return false;
	switch (error) {
	case WSAECONNRESET:
	case WSAENETRESET:
	case WSAECONNREFUSED:
	case ERROR_PORT_UNREACHABLE:
		return true;
	default:
		return false;
	}
}

/* Winsock has other names than other systems for some ends. */
static DWORD error_named(const struct pike__handle *h, bool writes, DWORD error)
{
	bool packet = h->kind == PIKE__SOCKET_PACKET;

	switch (error) {
	case WSAENOTCONN:
		if (packet)
			return writes ? WSAEDESTADDRREQ : error;
		return h->flags & PIKE__CONNECTED ? WSAECONNRESET : error;
	case WSAENETRESET: /* of a stream: it had been asked whether it lives */
		return packet ? WSAECONNREFUSED : WSAETIMEDOUT;
	case WSAECONNRESET:
	case ERROR_PORT_UNREACHABLE:
		return packet ? WSAECONNREFUSED : WSAECONNRESET;
	case WSAECONNABORTED:
		return packet ? error : WSAECONNRESET;
	case WSAESHUTDOWN:
		return writes ? ERROR_NO_DATA : error;
	case ERROR_ACCESS_DENIED: /* not open in that direction */
		return h->kind == PIKE__PIPE ? ERROR_INVALID_HANDLE : error;
	default:
		return error;
	}
}

void pike__iocp_failed(struct pike__handle *h, const struct pike_op *op,
    size_t moved, DWORD error, struct pike__result *r)
{
	bool writes = pike__op_infos[op->opcode].lane == PIKE__WRITES;

	pike__win_error_named(r, error, error_named(h, writes, error));
	if (h->kind == PIKE__SOCKET_STREAM && r->err != PIKE_EPIPE &&
	    pike__ends_stream(r->err)) {
		/* The system may tell it once: to both directions. */
		if (writes)
			h->gone = r->err;
		else
			pike__lane_fail(&h->lane[PIKE__WRITES], r->err);
	}
	if (moved)
		r->res = (int64_t)moved;
}

/*
 * The system ends a write that it had and does not say how much of it has gone.
 * What is sent next would come behind a gap that nobody knows of.
 */
enum pike__took pike__iocp_write_aborted(
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	pike__lane_fail(&slot->handle->lane[PIKE__WRITES], PIKE_EPIPE);
	if (slot->state == PIKE__ENDING)
		return pike__iocp_aborted(slot, r);
	/* By somebody else, who knows the handle. */
	pike__win_error_named(r, p->error, ERROR_NO_DATA);
	if (slot->moved)
		r->res = (int64_t)slot->moved;
	return PIKE__TOOK_ALL;
}

enum pike__took pike__iocp_end_met(
    struct pike__slot *slot, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	r->res = (int64_t)slot->moved;
	if (!h->gone) {
		r->flags |= PIKE_EOF;
		return PIKE__TOOK_ALL;
	}
	pike__lane_fail(&h->lane[PIKE__WRITES], h->gone);
	r->err = h->gone;
	if (!slot->moved)
		r->res = -r->err;
	return PIKE__TOOK_ALL;
}

/* Not every system tells a receive of a reset that came before it. */
enum pike__took pike__iocp_over(struct pike__slot *slot, struct pike__result *r)
{
	if (slot->handle->kind != PIKE__SOCKET_STREAM || slot->handle->gone ||
	    (slot->handle->flags & PIKE__IOCP_ENDED))
		return pike__iocp_end_met(slot, r);
	/* Who is cancelled says neither: the next will be told. */
	if (slot->state == PIKE__ENDING)
		return pike__iocp_aborted(slot, r);
	slot->phase |= PIKE__IOCP_OVER;
	return PIKE__TOOK_ON;
}

enum pike__took pike__iocp_took_over(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	bool answered = !p->error || p->error == ERROR_TIMEOUT;

	(void)q;
	slot->phase &= (uint8_t)~PIKE__IOCP_OVER;
	if (pike__iocp_told(p) & PIKE__AFD_ABORT)
		slot->handle->gone = PIKE_ECONNRESET;
	else if (!answered && slot->state == PIKE__ENDING)
		return pike__iocp_aborted(slot, r);
	else if (answered && !(slot->phase & PIKE__IOCP_SHUT))
		slot->handle->flags |= PIKE__IOCP_ENDED;
	return pike__iocp_end_met(slot, r);
}

enum pike__given pike__iocp_over_ask(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	enum pike__given given =
	    pike__iocp_ask(q, slot, PIKE__AFD_ABORT, 0, PIKE__BY_OVER, r);

	/* Who cannot be asked does not say otherwise. */
	if (given == PIKE__ENDED) {
		slot->phase &= (uint8_t)~PIKE__IOCP_OVER;
		*r = (struct pike__result){0};
		pike__iocp_end_met(slot, r);
	}
	return given;
}
