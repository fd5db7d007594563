/* SPDX-License-Identifier: MIT */
/* The port: its opening, waiting for packets, waking. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "../alloc.h"
#include "iocp.h"
#include "win_error.h"
#include "win_signal.h"

/* Looks at the calls of a queue that closes, one after the other in vain, until
 * it is closed without them. */
#define LOOKS 1000

/* ---- waking ---- */

void pike__iocp_post(HANDLE port, ULONG_PTR key)
{
	while (!sys_PostQueuedCompletionStatus(port, 0, key, NULL) &&
	       pike__win_passes(GetLastError()))
		Sleep(1);
}

/*
 * A post that fails, for want of memory in the system, would leave a thread
 * asleep that has something to take: it is made again until it succeeds.
 */
void pike__iocp_wake(struct pike_queue *q)
{
	struct pike__iocp *u = pike__iocp_of(q);
	DWORD error = GetLastError();

	pike__iocp_post(u->port, PIKE__IOCP_WAKE);
	SetLastError(error);
}

/* ---- waiting ---- */

/* Whether a call of an op's has ended stands in its memory, too. */
static bool slot_ended(struct pike_queue *q, struct pike__slot *slot)
{
	OVERLAPPED_ENTRY entry = {0};

	if (slot->state == PIKE__FREE || !(slot->phase & PIKE__IN_SYSTEM))
		return false;
	entry.lpOverlapped = pike__packet_ov(slot);
	if (entry.lpOverlapped->Internal == PIKE__STATUS_PENDING)
		return false;
	entry.dwNumberOfBytesTransferred =
	    (DWORD)entry.lpOverlapped->InternalHigh;
	pike__iocp_packet(q, &entry);
	return true;
}

/*
 * The port is of no more use, as somebody has closed it. What the system has
 * writes to memory all the same, and a queue that is being closed waits for it;
 * but not for ever, as it may only be written when a packet is taken.
 */
static void port_lost(struct pike_queue *q, DWORD error)
{
	struct pike__iocp *u = pike__iocp_of(q);
	bool any = false;

	q->broken = -pike__error_from_windows(error);
	if (!pike__queue_closing(q) || u->looks == LOOKS)
		return;
	q->broken = 0;
	for (uint32_t i = 0; i < q->slots.count; i++)
		any |= slot_ended(q, pike__slot_at(&q->slots, i));
	for (uint32_t i = 0; i < q->handles.count; i++)
		any |= slot_ended(q, &q->handles.at[i]->own);
	u->looks = any ? 0 : u->looks + 1;
	if (!any)
		Sleep(1);
}

/* Where there is no memory for many packets at once there may be for few. */
bool pike__iocp_fewer(ULONG *batch, DWORD error)
{
	if (!pike__win_passes(error))
		return false;
	if (*batch > 1)
		*batch /= 2;
	else
		Sleep(1);
	return true;
}

static void iocp_wait(struct pike_queue *q, int64_t timeout_ns)
{
	struct pike__iocp *u = pike__iocp_of(q);
	OVERLAPPED_ENTRY entries[PIKE__IOCP_BATCH];
	ULONG n = 0;
	DWORD error = 0;

	timeout_ns = pike__iocp_later_limit(u, timeout_ns);
	if (q->realtime.count)
		pike__iocp_clock_watch(q);
	if (u->shown) {
		error = pike__iocp_shown_wait(q, timeout_ns);
	} else if (sys_GetQueuedCompletionStatusEx(u->port, entries, u->batch,
		       &n, pike__iocp_ms(timeout_ns), FALSE)) {
		u->batch = PIKE__IOCP_BATCH;
		for (ULONG i = 0; i < n; i++)
			if (entries[i].lpOverlapped)
				pike__iocp_packet(q, &entries[i]);
	} else {
		error = GetLastError();
	}
	if (error && error != WAIT_TIMEOUT &&
	    !pike__iocp_fewer(&u->batch, error))
		port_lost(q, error);
	if (u->ctrl)
		pike__iocp_signal_deliver(q);
	if (u->later)
		pike__iocp_later_try(q);
}

/* ---- opening and closing ---- */

static bool in_system(const struct pike__slot *slot)
{
	return slot->state != PIKE__FREE && (slot->phase & PIKE__IN_SYSTEM);
}

/* Whether the system has calls that could not be waited for. What they are in
 * is nobody's any more, but the system's: it is not freed. */
static bool left_behind(struct pike_queue *q)
{
	bool any = false;

	for (uint32_t i = 0; i < q->slots.count; i++)
		any |= in_system(pike__slot_at(&q->slots, i));
	for (uint32_t i = 0; i < q->handles.count; i++)
		any |= in_system(&q->handles.at[i]->own);
	if (!any)
		return false;
	memset(&q->slots, 0, sizeof q->slots);
	memset(&q->handles, 0, sizeof q->handles);
	return true;
}

static void iocp_close(struct pike_queue *q, bool forked)
{
	struct pike__iocp *u = pike__iocp_of(q);

	(void)forked;
	pike__iocp_clock_close(u);
	pike__iocp_shown_close(u);
	pike__iocp_signals_close(u);
	if (u->afd)
		sys_CloseHandle(u->afd);
	if (u->port) {
		pike__iocp_left_forget(u->port);
		sys_CloseHandle(u->port);
	}
	if (!left_behind(q))
		pike__packets_free(&u->packets);
	pike__free(u->bufs);
	pike__free(u);
	q->backend_state = NULL;
}

static int iocp_open(struct pike_queue *q, const struct pike_params *params,
    char *reason, size_t size)
{
	struct pike__iocp *u = pike__alloc(sizeof *u);
	const char *what = "CreateIoCompletionPort";
	DWORD error;
	int code;

	if (!u) {
		snprintf(reason, size, "out of memory");
		return -PIKE_ENOMEM;
	}
	memset(u, 0, sizeof *u);
	q->backend_state = u;
	u->batch = PIKE__IOCP_BATCH;
	u->inline_off = params->features_off & PIKE_FEATURE_NOWAIT;
	/* No op goes a short way: all are the system's. */
	q->handles.fresh = PIKE__SPECIAL;
	error = pike__win_begin(&what);
	if (!error && params->ops_max &&
	    !pike__packets_fill(&u->packets, params->ops_max)) {
		what = "memory for ops";
		error = ERROR_NOT_ENOUGH_MEMORY;
	}
	if (!error) {
		/* Whoever has taken from it counts as one that runs, until
		 * he waits: also when the queue has passed on, and beside
		 * the thread of pike_pollable. */
		u->port = sys_CreateIoCompletionPort(
		    INVALID_HANDLE_VALUE, NULL, 0, MAXDWORD);
		if (u->port)
			return 0;
		error = GetLastError();
	}
	code = pike__error_from_windows(error);
	snprintf(reason, size, "%s: %s", what, pike_error_text(code));
	iocp_close(q, false);
	return -code;
}

/* ---- groups of buffers: they are kept by the core ---- */

static int iocp_group_open(struct pike_queue *q, struct pike__group *g)
{
	(void)q, (void)g;
	return 0;
}

static void iocp_group_close(struct pike_queue *q, struct pike__group *g)
{
	(void)q;
	/* With the calls that were left behind. */
	if (g->users)
		g->own_memory = false;
}

const struct pike__backend pike__backend_iocp = {
    .name = "iocp",
    .open = iocp_open,
    .close = iocp_close,
    .adopt = pike__iocp_adopt,
    .drop = pike__iocp_drop,
    .attempt = pike__iocp_attempt,
    .start = pike__iocp_start,
    .cancel = pike__iocp_cancel,
    .wait = iocp_wait,
    .wake = pike__iocp_wake,
    .pollable = pike__iocp_pollable,
    .show = pike__iocp_show,
    .route = pike__iocp_route,
    .group_open = iocp_group_open,
    .group_close = iocp_group_close,
};
