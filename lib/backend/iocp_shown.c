/* SPDX-License-Identifier: MIT */
/*
 * What pike_pollable gives: an event. That a port has packets cannot be waited
 * for by who waits for other things too, so from then on a thread takes them
 * from the port, a batch at a time, and sets the event. It does nothing else:
 * the packets are looked at by the queue's own thread.
 */
#include "config.h"

#include <string.h>

#include "../alloc.h"
#include "iocp.h"
#include "win_error.h"

/* The key of a packet that lets the thread look at the time again. */
#define KICK 2

struct pike__shown {
	struct pike_queue *q;
	HANDLE port;
	HANDLE event;
	HANDLE thread;
	SRWLOCK lock; /* of all that follows */
	CONDITION_VARIABLE came;
	CONDITION_VARIABLE taken;
	OVERLAPPED_ENTRY batch[PIKE__IOCP_BATCH];
	ULONG count;
	int64_t next; /* when the event has to be set */
	ULONG most;   /* packets that it asks for; its own */
	DWORD lost;   /* why nothing more comes from the port; 0 */
	bool woken;
	bool ending;
};

static void kick(struct pike__shown *s)
{
	pike__iocp_post(s->port, KICK);
}

/* How long the thread may wait; sets the event when it is time. */
static DWORD shown_patience(struct pike__shown *s)
{
	int64_t left;

	if (s->next == INT64_MAX)
		return INFINITE;
	left = s->next - pike__port_monotonic();
	if (left <= 0) {
		s->next = INT64_MAX;
		sys_SetEvent(s->event);
		return INFINITE;
	}
	return pike__iocp_ms(left);
}

/* Sorts out what is for the thread itself. */
static void shown_came(struct pike__shown *s, ULONG n)
{
	ULONG kept = 0;

	for (ULONG i = 0; i < n; i++) {
		if (s->batch[i].lpOverlapped)
			s->batch[kept++] = s->batch[i];
		else if (s->batch[i].lpCompletionKey == PIKE__IOCP_WAKE)
			s->woken = true;
	}
	s->count = kept;
	if (kept || s->woken || s->lost) {
		sys_SetEvent(s->event);
		WakeAllConditionVariable(&s->came);
	}
}

/* Why nothing more comes, or 0. Want of memory in the system passes. */
static DWORD shown_get(struct pike__shown *s, ULONG *n, DWORD ms)
{
	DWORD error;

	if (sys_GetQueuedCompletionStatusEx(
		s->port, s->batch, s->most, n, ms, FALSE)) {
		s->most = PIKE__IOCP_BATCH;
		return 0;
	}
	error = GetLastError();
	return error == WAIT_TIMEOUT || pike__iocp_fewer(&s->most, error)
		   ? 0
		   : error;
}

static DWORD WINAPI shown_thread(void *arg)
{
	struct pike__shown *s = arg;

	AcquireSRWLockExclusive(&s->lock);
	while (!s->ending && !s->lost) {
		DWORD ms = shown_patience(s);
		ULONG n = 0;
		DWORD lost;

		if (s->count) {
			SleepConditionVariableSRW(&s->taken, &s->lock, ms, 0);
			continue;
		}
		ReleaseSRWLockExclusive(&s->lock);
		/* Nobody else writes to the batch while it is empty. */
		lost = shown_get(s, &n, ms);
		AcquireSRWLockExclusive(&s->lock);
		s->lost = lost;
		shown_came(s, lost ? 0 : n);
	}
	ReleaseSRWLockExclusive(&s->lock);
	return 0;
}

static void shown_free(struct pike__shown *s)
{
	if (s->event)
		sys_CloseHandle(s->event);
	pike__free(s);
}

pike_fd pike__iocp_pollable(struct pike_queue *q)
{
	struct pike__iocp *u = pike__iocp_of(q);
	struct pike__shown *s = u->shown;
	DWORD error;

	if (s)
		return (pike_fd)(uintptr_t)s->event;
	s = pike__alloc(sizeof *s);
	if (!s)
		return -PIKE_ENOMEM;
	memset(s, 0, sizeof *s);
	s->q = q;
	s->port = u->port;
	s->next = INT64_MAX;
	s->most = PIKE__IOCP_BATCH;
	InitializeSRWLock(&s->lock);
	InitializeConditionVariable(&s->came);
	InitializeConditionVariable(&s->taken);
	s->event = sys_CreateEventW(NULL, TRUE, FALSE, NULL);
	if (s->event)
		s->thread = CreateThread(NULL, 0, shown_thread, s, 0, NULL);
	if (!s->thread) {
		error = GetLastError();
		shown_free(s);
		return -pike__error_from_windows(error);
	}
	u->shown = s;
	return (pike_fd)(uintptr_t)s->event;
}

void pike__iocp_show(struct pike_queue *q, bool now, int64_t next)
{
	struct pike__iocp *u = pike__iocp_of(q);
	struct pike__shown *s = u->shown;
	bool sooner;

	if (q->realtime.count)
		pike__iocp_clock_watch(q);
	if (u->later && u->later_at < next)
		next = u->later_at;
	AcquireSRWLockExclusive(&s->lock);
	sooner = next < s->next;
	s->next = next;
	if (now || s->count || s->woken)
		sys_SetEvent(s->event);
	else
		sys_ResetEvent(s->event);
	ReleaseSRWLockExclusive(&s->lock);
	if (sooner)
		kick(s);
}

/*
 * Waits for the thread to have something, and takes it; while the thread has
 * something it stays away from the port, so that what is there can be taken
 * too, in its order.
 */
static ULONG shown_take(
    struct pike__shown *s, OVERLAPPED_ENTRY *entries, DWORD ms, DWORD *lost)
{
	ULONG more = 0;
	ULONG n;

	AcquireSRWLockExclusive(&s->lock);
	if (!s->count && !s->woken && !s->lost && ms)
		SleepConditionVariableSRW(&s->came, &s->lock, ms, 0);
	*lost = s->lost;
	n = s->count;
	memcpy(entries, s->batch, n * sizeof *entries);
	if (n && sys_GetQueuedCompletionStatusEx(
		     s->port, entries + n, PIKE__IOCP_BATCH, &more, 0, FALSE))
		n += more;
	s->count = 0;
	s->woken = false;
	WakeAllConditionVariable(&s->taken);
	ReleaseSRWLockExclusive(&s->lock);
	return n;
}

DWORD pike__iocp_shown_wait(struct pike_queue *q, int64_t timeout_ns)
{
	struct pike__shown *s = pike__iocp_of(q)->shown;
	OVERLAPPED_ENTRY entries[2 * PIKE__IOCP_BATCH];
	DWORD lost;
	ULONG n = shown_take(s, entries, pike__iocp_ms(timeout_ns), &lost);

	for (ULONG i = 0; i < n; i++)
		if (entries[i].lpOverlapped)
			pike__iocp_packet(q, &entries[i]);
	return lost;
}

void pike__iocp_shown_close(struct pike__iocp *u)
{
	struct pike__shown *s = u->shown;

	if (!s)
		return;
	AcquireSRWLockExclusive(&s->lock);
	s->ending = true;
	WakeAllConditionVariable(&s->taken);
	ReleaseSRWLockExclusive(&s->lock);
	kick(s);
	WaitForSingleObject(s->thread, INFINITE);
	sys_CloseHandle(s->thread);
	shown_free(s);
	u->shown = NULL;
}
