/* SPDX-License-Identifier: MIT */
/*
 * Receives from groups of buffers, in two steps: a receive of no bytes waits
 * until there is something, then a buffer is taken and filled by another. On
 * datagram sockets the first step only looks at what has come, and "it does not
 * fit" is its success. Urgent data are asked of the driver instead.
 */
#include "config.h"

#include "iocp.h"
#include "sockaddr.h"
#include "win_error.h"

static bool is_packet(const struct pike__slot *slot)
{
	return slot->handle->kind == PIKE__SOCKET_PACKET;
}

/* Whether a buffer begins with who has sent it. */
static bool is_named(const struct pike__slot *slot)
{
	return is_packet(slot) && slot->op.opcode == PIKE_RECVFROM;
}

/* ---- the first step ---- */

enum pike__took pike__iocp_took_first(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	(void)q;
	if (p->error == ERROR_OPERATION_ABORTED)
		return pike__iocp_aborted(slot, r);
	if (pike__iocp_of_another(slot->handle, p->error))
		return PIKE__TOOK_ON;
	if (pike__win_passes(p->error))
		return PIKE__TOOK_LATER;
	if (p->error == WSAEMSGSIZE || p->error == ERROR_MORE_DATA)
		p->error = 0;
	/* Ends and errors are told by the second step too, in one place. */
	if (p->error && p->error != WSAESHUTDOWN) {
		pike__iocp_failed(slot->handle, &slot->op, 0, p->error, r);
		return PIKE__TOOK_ALL;
	}
	slot->phase |= PIKE__IOCP_FULL;
	return PIKE__TOOK_ON;
}

static enum pike__given first(struct pike__slot *slot, struct pike__packet *p)
{
	struct pike__handle *h = slot->handle;
	WSABUF none = {0, NULL};
	DWORD n = 0;
	int bad;

	p->file = pike__win_handle(h->fd);
	p->flags = is_packet(slot) ? MSG_PEEK : 0;
	p->skips = h->flags & PIKE__IOCP_SKIPS;
	bad = sys_WSARecv(
	    pike__win_socket(h->fd), &none, 1, &n, &p->flags, p->ov, NULL);
	return pike__iocp_given(p, !bad, n, bad ? (DWORD)WSAGetLastError() : 0);
}

/* ---- the second step ---- */

static enum pike__took filled(struct pike__slot *slot, struct pike__packet *p,
    char *buffer, struct pike__result *r)
{
	struct pike__handle *h = slot->handle;

	switch (p->error) {
	case 0:
		break;
	case WSAEMSGSIZE:
	case ERROR_MORE_DATA:
		r->flags |= PIKE_TRUNCATED;
		break;
	case WSAESHUTDOWN:
		return pike__iocp_over(slot, r);
	case ERROR_OPERATION_ABORTED:
		return pike__iocp_aborted(slot, r);
	default:
		if (pike__iocp_of_another(h, p->error))
			return PIKE__TOOK_ON;
		if (pike__win_passes(p->error))
			return PIKE__TOOK_LATER;
		pike__iocp_failed(h, &slot->op, 0, p->error, r);
		return PIKE__TOOK_ALL;
	}
	if (!p->bytes && !is_packet(slot))
		return pike__iocp_over(slot, r);
	if (is_named(slot))
		pike__addr_from_system((struct pike_addr *)(void *)buffer,
		    &p->detail->u.message.name, p->detail->u.message.name_len);
	if (!is_packet(slot))
		pike__win_connected(h);
	r->res = p->bytes;
	return PIKE__TOOK_SHOT;
}

enum pike__took pike__iocp_took_second(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	struct pike__group *g = pike__group_of(slot);
	uint32_t index = p->u.buffer;
	enum pike__took took = filled(slot, p, pike__group_at(g, index), r);

	(void)q;
	slot->phase &= (uint8_t)~PIKE__IOCP_FULL;
	if (took == PIKE__TOOK_SHOT &&
	    pike__group_fills(&slot->op, r->res, r->flags)) {
		pike__group_out(g, index);
		r->flags |= PIKE_BUFFER;
		r->buffer = index;
	} else {
		pike__group_put(g, index);
	}
	return took;
}

static enum pike__given second(struct pike__slot *slot, struct pike__packet *p,
    struct pike__group *g, uint32_t index)
{
	struct pike__handle *h = slot->handle;
	SOCKET s = pike__win_socket(h->fd);
	WSABUF buf = {(ULONG)slot->op.len,
	    pike__group_at(g, index) + pike__group_offset(&slot->op)};
	DWORD n = 0;
	int bad;

	p->u.buffer = index;
	p->shoots = slot->op.flags & PIKE_MULTISHOT;
	p->file = pike__win_handle(h->fd);
	if (slot->op.op_flags & PIKE_MSG_PEEK)
		p->flags |= MSG_PEEK;
	if (slot->op.op_flags & PIKE_MSG_OOB)
		p->flags |= MSG_OOB;
	p->skips = h->flags & PIKE__IOCP_SKIPS;
	if (is_named(slot)) {
		p->detail->u.message.name_len =
		    sizeof p->detail->u.message.name;
		bad = sys_WSARecvFrom(s, &buf, 1, &n, &p->flags,
		    (struct sockaddr *)&p->detail->u.message.name,
		    &p->detail->u.message.name_len, p->ov, NULL);
	} else {
		bad = sys_WSARecv(s, &buf, 1, &n, &p->flags, p->ov, NULL);
	}
	return pike__iocp_given(p, !bad, n, bad ? (DWORD)WSAGetLastError() : 0);
}

enum pike__given pike__iocp_grouped(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__group *g = pike__group_of(slot);
	struct pike__handle *h = slot->handle;
	struct pike__packets *t = &pike__iocp_of(q)->packets;
	struct pike__packet *p;
	int index;

	if (is_packet(slot) && !pike__win_named(h)) {
		slot->phase |= PIKE__IOCP_HELD;
		return PIKE__STOPPED;
	}
	if (pike__iocp_urgent(slot))
		return pike__iocp_ask_urgent(q, slot, r);
	/* What waits has no packet, also when it had one. */
	if (!(slot->phase & PIKE__IOCP_FULL)) {
		pike__packet_give(t, slot);
		return first(slot, pike__packet_here(t, slot, PIKE__BY_FIRST));
	}
	p = pike__packet_take(t, slot, PIKE__BY_SECOND, is_named(slot));
	if (!p)
		return pike__iocp_no_memory(r);
	index = pike__group_take(g);
	if (index < 0) {
		slot->phase &= (uint8_t)~PIKE__IOCP_FULL;
		pike__packet_give(t, slot);
		pike__group_wait(q, g, slot);
		return PIKE__STOPPED;
	}
	return second(slot, p, g, (uint32_t)index);
}
