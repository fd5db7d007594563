/* SPDX-License-Identifier: MIT */
/*
 * Polls of sockets, asked of their driver: it answers once, with what holds.
 * It knows states and no changes, so a poll for many results leaves out what it
 * has told, until a read or a write of the handle's may have changed that.
 * Of pipes one thing can be waited for: a read of no bytes ends when there is
 * something to read, or nobody who could write it.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "iocp.h"
#include "win_error.h"

/* What a poll for many has told and need not be told again; what the driver
 * will not tell, as another op has had it. */
#define TOLD(slot) ((slot)->op.u.words[1])
#define SEEN(slot) ((slot)->op.u.words[2])

static ULONG to_driver(unsigned events)
{
	ULONG asked = PIKE__AFD_ABORT | PIKE__AFD_LOCAL_CLOSE |
		      PIKE__AFD_CONNECT_FAIL | PIKE__AFD_DISCONNECT;

	if (events & PIKE_POLL_IN)
		asked |= PIKE__AFD_RECEIVE | PIKE__AFD_ACCEPT;
	if (events & PIKE_POLL_PRI)
		asked |= PIKE__AFD_RECEIVE_EXPEDITED;
	if (events & PIKE_POLL_OUT)
		asked |= PIKE__AFD_SEND;
	return asked;
}

static unsigned from_driver(ULONG told)
{
	unsigned events = 0;

	if (told & (PIKE__AFD_RECEIVE | PIKE__AFD_ACCEPT))
		events |= PIKE_POLL_IN;
	if (told & PIKE__AFD_RECEIVE_EXPEDITED)
		events |= PIKE_POLL_PRI;
	if (told & PIKE__AFD_SEND)
		events |= PIKE_POLL_OUT;
	if (told & PIKE__AFD_DISCONNECT)
		events |= PIKE_POLL_IN | PIKE_POLL_RDHUP;
	if (told & (PIKE__AFD_ABORT | PIKE__AFD_CONNECT_FAIL))
		events |= PIKE_POLL_IN | PIKE_POLL_OUT | PIKE_POLL_ERR |
			  PIKE_POLL_HUP | PIKE_POLL_RDHUP;
	return events;
}

/* ---- the driver ---- */

/* The queue's handle of the driver: null, with the error. */
static HANDLE afd_of(struct pike__iocp *u, DWORD *error)
{
	static WCHAR name[] = L"\\Device\\Afd\\Pike";
	UNICODE_STRING path = {sizeof name - sizeof *name, sizeof name, name};
	OBJECT_ATTRIBUTES attributes = {
	    .Length = sizeof attributes, .ObjectName = &path};
	IO_STATUS_BLOCK status;
	HANDLE afd;
	NTSTATUS bad;

	if (u->afd)
		return u->afd;
	bad = pike__win_calls.create_file(&afd, SYNCHRONIZE, &attributes,
	    &status, NULL, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0,
	    NULL, 0);
	if (bad) {
		*error = pike__win_calls.status_to_error(bad);
		return NULL;
	}
	if (!sys_CreateIoCompletionPort(afd, u->port, (ULONG_PTR)afd, 0)) {
		*error = GetLastError();
		sys_CloseHandle(afd);
		return NULL;
	}
	u->afd = afd;
	return afd;
}

/* The driver knows only its own sockets, not those of layers above. */
static SOCKET base_of(SOCKET s)
{
	SOCKET base = s;
	DWORD n;

	return sys_WSAIoctl(s, SIO_BASE_HANDLE, NULL, 0, &base, sizeof base, &n,
		   NULL, NULL)
		   ? s
		   : base;
}

/* ---- results ---- */

ULONG pike__iocp_told(const struct pike__packet *p)
{
	const struct pike__afd_poll *poll = &p->detail->u.poll;
	const size_t least =
	    offsetof(struct pike__afd_poll, at) + sizeof poll->at[0];

	return !p->error && p->bytes >= least && poll->count
		   ? poll->at[0].events
		   : 0;
}

enum pike__took pike__iocp_took_poll(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	const unsigned always = PIKE_POLL_ERR | PIKE_POLL_HUP;
	unsigned wanted = slot->op.op_flags | always;
	ULONG told = pike__iocp_told(p);
	unsigned events;

	slot->phase &= (uint8_t)~PIKE__IOCP_ANEW;
	if (p->error && p->error != ERROR_OPERATION_ABORTED) {
		pike__win_error(r, p->error);
		return PIKE__TOOK_ALL;
	}
	if (told & PIKE__AFD_LOCAL_CLOSE) {
		pike__win_error(r, WSAEBADF);
		return PIKE__TOOK_ALL;
	}
	events = (from_driver(told) | (unsigned)SEEN(slot)) & wanted;
	SEEN(slot) = 0;
	if (!events && p->error)
		return pike__iocp_aborted(slot, r);
	/* A peer's end is told unasked. */
	if (told & PIKE__AFD_DISCONNECT)
		TOLD(slot) |= PIKE_POLL_RDHUP;
	if (!(slot->op.flags & PIKE_MULTISHOT)) {
		r->res = events;
		return events ? PIKE__TOOK_ALL : PIKE__TOOK_ON;
	}
	events &= ~(unsigned)TOLD(slot) | PIKE_POLL_RDHUP;
	TOLD(slot) |= events;
	if (!events)
		return PIKE__TOOK_ON;
	/* That there is room was asked for what the driver has told. */
	if (p->error && slot->state != PIKE__ENDING &&
	    !pike__may_shoot(q, slot)) {
		TOLD(slot) &= ~(uint64_t)events;
		SEEN(slot) |= events;
		slot->phase |= PIKE__IOCP_KEPT;
		return PIKE__TOOK_STOP;
	}
	r->res = events;
	return PIKE__TOOK_SHOT;
}

/* What is still to be waited for. */
static ULONG asked_of(const struct pike__slot *slot)
{
	unsigned told = (unsigned)TOLD(slot);
	ULONG asked = to_driver(slot->op.op_flags & ~told);

	if (told & PIKE_POLL_RDHUP)
		asked &= ~(ULONG)PIKE__AFD_DISCONNECT;
	if (told & PIKE_POLL_HUP)
		asked &= ~(ULONG)(PIKE__AFD_ABORT | PIKE__AFD_CONNECT_FAIL);
	return asked;
}

enum pike__given pike__iocp_ask(struct pike_queue *q, struct pike__slot *slot,
    ULONG events, int64_t timeout, enum pike__taken_by by,
    struct pike__result *r)
{
	struct pike__iocp *u = pike__iocp_of(q);
	struct pike__packet *p = pike__packet_take(&u->packets, slot, by, true);
	struct pike__afd_poll *poll;
	IO_STATUS_BLOCK *status;
	DWORD error = 0;
	NTSTATUS done;
	HANDLE afd;

	if (!p)
		return pike__iocp_no_memory(r);
	afd = afd_of(u, &error);
	if (!afd) {
		pike__win_error(r, error);
		return PIKE__ENDED;
	}
	poll = &p->detail->u.poll;
	memset(poll, 0, sizeof *poll);
	poll->timeout.QuadPart = timeout;
	poll->count = 1;
	poll->at[0].socket =
	    (HANDLE)base_of(pike__win_socket(slot->handle->fd));
	poll->at[0].events = events;
	p->file = afd;
	/* The first two words of an OVERLAPPED are the status. */
	status = (IO_STATUS_BLOCK *)(void *)p->ov;
	p->ov->Internal = PIKE__STATUS_PENDING;
	done = pike__win_calls.device_control(afd, NULL, NULL, p->ov, status,
	    PIKE__AFD_POLL_CODE, poll, sizeof *poll, poll, sizeof *poll);
	if ((uint32_t)done < 0xC0000000u)
		return PIKE__GIVEN;
	p->error = pike__win_calls.status_to_error(done);
	return PIKE__ANSWERED;
}

/* ---- urgent data ---- */

/* They are asked for apart from all others: a receive of them would wait where
 * on other systems it says that there are none. */
bool pike__iocp_urgent(const struct pike__slot *slot)
{
	return slot->lane == PIKE__READS &&
	       slot->handle->kind == PIKE__SOCKET_STREAM &&
	       !(slot->phase & PIKE__IOCP_FULL) &&
	       slot->op.opcode >= PIKE_RECV &&
	       (slot->op.op_flags & PIKE_MSG_OOB);
}

enum pike__given pike__iocp_ask_urgent(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	return pike__iocp_ask(
	    q, slot, PIKE__AFD_RECEIVE_EXPEDITED, 0, PIKE__BY_URGENT, r);
}

enum pike__took pike__iocp_took_urgent(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	(void)q;
	if (pike__iocp_told(p) & PIKE__AFD_RECEIVE_EXPEDITED) {
		slot->phase |= PIKE__IOCP_FULL;
		return PIKE__TOOK_ON;
	}
	if (p->error == ERROR_OPERATION_ABORTED)
		return pike__iocp_aborted(slot, r);
	if (pike__win_passes(p->error))
		return PIKE__TOOK_LATER;
	pike__win_error(
	    r, p->error && p->error != ERROR_TIMEOUT ? p->error : WSAEINVAL);
	return PIKE__TOOK_ALL;
}

/* ---- pipes ---- */

bool pike__iocp_pollable_pipe(
    const struct pike__handle *h, const struct pike_op *op)
{
	return h->kind == PIKE__PIPE && !(h->flags & PIKE__IOCP_SYNC) &&
	       !(op->flags & PIKE_MULTISHOT) && (op->op_flags & PIKE_POLL_IN) &&
	       !(op->op_flags & PIKE_POLL_OUT);
}

enum pike__took pike__iocp_took_pipe(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r)
{
	bool seen = SEEN(slot) & PIKE_POLL_IN;

	(void)q;
	slot->phase &= (uint8_t)~PIKE__IOCP_ANEW;
	switch (p->error) {
	case 0:
	case ERROR_MORE_DATA:
		r->res = PIKE_POLL_IN;
		return PIKE__TOOK_ALL;
	case ERROR_BROKEN_PIPE:
	case ERROR_PIPE_NOT_CONNECTED:
		r->res = PIKE_POLL_HUP | (seen ? PIKE_POLL_IN : 0);
		return PIKE__TOOK_ALL;
	case ERROR_OPERATION_ABORTED:
		if (!seen)
			return pike__iocp_aborted(slot, r);
		r->res = PIKE_POLL_IN;
		return PIKE__TOOK_ALL;
	case ERROR_ACCESS_DENIED: /* it is the writing end */
		pike__win_error(r, ERROR_NOT_SUPPORTED);
		return PIKE__TOOK_ALL;
	default:
		if (pike__win_passes(p->error))
			return PIKE__TOOK_LATER;
		pike__win_error(r, p->error);
		return PIKE__TOOK_ALL;
	}
}

static enum pike__given poll_pipe(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	static char none;
	struct pike__packet *p = pike__packet_take(
	    &pike__iocp_of(q)->packets, slot, PIKE__BY_PIPE, false);
	DWORD n = 0;
	BOOL ok;

	if (!p)
		return pike__iocp_no_memory(r);
	p->file = pike__win_handle(slot->handle->fd);
	p->skips = slot->handle->flags & PIKE__IOCP_SKIPS;
	ok = sys_ReadFile(p->file, &none, 0, &n, p->ov);
	return pike__iocp_given(p, ok, n, ok ? 0 : GetLastError());
}

/* ---- asking ---- */

enum pike__given pike__iocp_poll(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	enum pike__given given;

	if (!slot->phase)
		TOLD(slot) = SEEN(slot) = 0;
	slot->phase |= PIKE__IOCP_BEGUN;
	if (slot->handle->kind == PIKE__PIPE)
		return poll_pipe(q, slot, r);
	given = pike__iocp_ask(
	    q, slot, asked_of(slot), INT64_MAX, PIKE__BY_POLL, r);
	if (given != PIKE__ENDED)
		pike__packet_of(slot)->shoots = slot->op.flags & PIKE_MULTISHOT;
	return given;
}

/* Ends what the driver was asked, so that it is asked anew. */
static void poll_again(struct pike__slot *slot)
{
	if (!(slot->phase & PIKE__IN_SYSTEM) ||
	    (slot->phase & PIKE__IOCP_ANEW) || !pike__packet_of(slot)->file)
		return;
	slot->phase |= PIKE__IOCP_ANEW;
	pike__packet_abort(slot);
}

void pike__iocp_poll_anew(
    struct pike_queue *q, struct pike__handle *h, unsigned lane, bool moved)
{
	uint64_t changed =
	    lane == PIKE__READS ? PIKE_POLL_IN | PIKE_POLL_PRI : PIKE_POLL_OUT;

	(void)q;
	for (struct pike__slot *s = h->lane[PIKE__POLLS].head; s; s = s->next) {
		bool told = TOLD(s) & changed;

		TOLD(s) &= ~changed;
		/* What came went to the one that read it, and is no more. */
		if (moved && !told && lane == PIKE__READS &&
		    (s->op.op_flags & PIKE_POLL_IN)) {
			SEEN(s) |= PIKE_POLL_IN;
			poll_again(s);
		} else if (told) {
			poll_again(s);
		}
	}
}
