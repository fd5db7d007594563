/* SPDX-License-Identifier: MIT */
/*
 * The wall clock. A wait is as long as the clock's next timer is away when it
 * begins; should the clock be set forward meanwhile, a timer of the system's
 * for that moment, which follows the clock, wakes the queue. Who waits for what
 * pike_pollable gave has it set when he submits.
 */
#include "config.h"

#include "iocp.h"

/* From 1601, in units of 100 ns, to 1970. */
#define CLOCK_EPOCH INT64_C(116444736000000000)

static VOID CALLBACK clock_due(
    PTP_CALLBACK_INSTANCE instance, PVOID q, PTP_TIMER timer)
{
	struct pike__iocp *u = pike__iocp_of(q);

	(void)instance, (void)timer;
	/* The clock may be set back before anybody looks at it. */
	InterlockedExchange(&u->clock_rang, 1);
	pike__iocp_wake(q);
}

void pike__iocp_clock_watch(struct pike_queue *q)
{
	struct pike__iocp *u = pike__iocp_of(q);
	int64_t next = pike__timers_next(&q->realtime);
	ULARGE_INTEGER due;
	FILETIME when;

	if (next <= 0 || next == INT64_MAX ||
	    (next == u->clock_next && !u->clock_rang))
		return;
	InterlockedExchange(&u->clock_rang, 0);
	if (!u->clock)
		u->clock = sys_CreateThreadpoolTimer(clock_due, q, NULL);
	if (!u->clock) /* then the wait alone tells */
		return;
	u->clock_next = next;
	due.QuadPart = (ULONGLONG)(next / 100 + CLOCK_EPOCH);
	when.dwLowDateTime = due.LowPart;
	when.dwHighDateTime = due.HighPart;
	SetThreadpoolTimer(u->clock, &when, 0, 0);
}

void pike__iocp_clock_close(struct pike__iocp *u)
{
	if (!u->clock)
		return;
	SetThreadpoolTimer(u->clock, NULL, 0, 0);
	WaitForThreadpoolTimerCallbacks(u->clock, TRUE);
	CloseThreadpoolTimer(u->clock);
	u->clock = NULL;
}
