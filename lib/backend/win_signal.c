/* SPDX-License-Identifier: MIT */
/*
 * SIGNAL ops. The system tells console events to a function, in a thread of
 * its own; that marks them in a box for each queue that waits and wakes it.
 */
#include "config.h"

#include <string.h>

#include "../alloc.h"
#include "iocp.h"
#include "win_error.h"
#include "win_signal.h"

/* What an op is owed and could not be given yet. */
#define OWED(slot) ((slot)->op.u.words[1])

#define KNOWN                                                                  \
	(PIKE_SIGNAL_BIT(PIKE_SIGHUP) | PIKE_SIGNAL_BIT(PIKE_SIGINT) |         \
	    PIKE_SIGNAL_BIT(PIKE_SIGTERM) | PIKE_SIGNAL_BIT(PIKE__SIGBREAK))

/* A queue's box. What is in it is guarded by the lock. */
struct pike__ctrl {
	struct pike_queue *q;
	struct pike__ctrl *next;
	uint64_t caught;  /* signals whose usual effect is held back */
	uint64_t pending; /* those that have come */
};

static SRWLOCK ctrl_lock = SRWLOCK_INIT;
static struct pike__ctrl *ctrl_first;
static INIT_ONCE ctrl_known = INIT_ONCE_STATIC_INIT;

int pike__win_signal_of(DWORD event)
{
	switch (event) {
	case CTRL_C_EVENT:
		return PIKE_SIGINT;
	case CTRL_BREAK_EVENT:
		return PIKE__SIGBREAK;
	case CTRL_CLOSE_EVENT:
		return PIKE_SIGHUP;
	case CTRL_SHUTDOWN_EVENT:
		return PIKE_SIGTERM;
	default: /* that somebody logs off, and nobody knows who */
		return 0;
	}
}

/* Marks a signal in every box that wants it: whether one does. */
static bool ctrl_mark(uint64_t bit)
{
	bool wanted = false;

	AcquireSRWLockExclusive(&ctrl_lock);
	for (struct pike__ctrl *c = ctrl_first; c; c = c->next) {
		if (!(c->caught & bit))
			continue;
		c->pending |= bit;
		wanted = true;
		pike__iocp_wake(c->q);
	}
	ReleaseSRWLockExclusive(&ctrl_lock);
	return wanted;
}

static BOOL WINAPI ctrl_event(DWORD event)
{
	int number = pike__win_signal_of(event);

	if (!number || !ctrl_mark(PIKE_SIGNAL_BIT(number)))
		return FALSE;
	/* The system ends the process when this returns: the application has
	 * until its patience ends to do so itself. */
	if (number == PIKE_SIGHUP || number == PIKE_SIGTERM)
		Sleep(INFINITE);
	return TRUE;
}

/* ---- boxes ---- */

/*
 * The system has a lock of its own around its list of functions, and may hold
 * it while one of them runs, which waits for ours; after HUP and TERM for ever.
 * So the list is changed while ours is not held, and never a second time: what
 * nobody waits for the function leaves to the next. That its code stays where
 * it is until the end of the process is asked for with it.
 */
static BOOL CALLBACK ctrl_tell(INIT_ONCE *once, void *error, void **context)
{
	const DWORD how = GET_MODULE_HANDLE_EX_FLAG_PIN |
			  GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
	HMODULE module;

	(void)once, (void)context;
	if (GetModuleHandleExW(how, (const WCHAR *)&ctrl_lock, &module) &&
	    sys_SetConsoleCtrlHandler(ctrl_event, TRUE))
		return TRUE;
	*(DWORD *)error = GetLastError();
	return FALSE;
}

static DWORD ctrl_open(struct pike_queue *q)
{
	struct pike__iocp *u = pike__iocp_of(q);
	struct pike__ctrl *c;
	DWORD error = 0;

	if (u->ctrl)
		return 0;
	if (!InitOnceExecuteOnce(&ctrl_known, ctrl_tell, &error, NULL))
		return error;
	c = pike__alloc(sizeof *c);
	if (!c)
		return ERROR_NOT_ENOUGH_MEMORY;
	memset(c, 0, sizeof *c);
	c->q = q;
	AcquireSRWLockExclusive(&ctrl_lock);
	c->next = ctrl_first;
	ctrl_first = c;
	ReleaseSRWLockExclusive(&ctrl_lock);
	u->ctrl = c;
	return 0;
}

static uint64_t ctrl_take(struct pike__ctrl *c, uint64_t wanted)
{
	uint64_t taken;

	AcquireSRWLockExclusive(&ctrl_lock);
	taken = c->pending & wanted;
	c->pending &= ~taken;
	ReleaseSRWLockExclusive(&ctrl_lock);
	return taken;
}

/* Holds signals back, or lets them have their usual effect again. */
static void ctrl_catch(struct pike__ctrl *c, uint64_t more, uint64_t less)
{
	AcquireSRWLockExclusive(&ctrl_lock);
	c->caught |= more;
	c->caught &= ~less;
	c->pending &= c->caught;
	ReleaseSRWLockExclusive(&ctrl_lock);
}

void pike__iocp_signals_close(struct pike__iocp *u)
{
	struct pike__ctrl **at = &ctrl_first;

	if (!u->ctrl)
		return;
	AcquireSRWLockExclusive(&ctrl_lock);
	while (*at != u->ctrl)
		at = &(*at)->next;
	*at = u->ctrl->next;
	ReleaseSRWLockExclusive(&ctrl_lock);
	pike__free(u->ctrl);
	u->ctrl = NULL;
}

/* ---- ops ---- */

static void waiter_add(struct pike__iocp *u, struct pike__slot *slot)
{
	struct pike__slot **at = &u->waiters;

	while (*at)
		at = &(*at)->next;
	slot->next = NULL;
	*at = slot;
}

static void waiter_remove(struct pike__iocp *u, struct pike__slot *slot)
{
	struct pike__slot **at = &u->waiters;

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
}

/* Takes one signal that is owed and says it. */
static void signal_result(struct pike__slot *slot, struct pike__result *r)
{
	int number = 1;

	while (!(OWED(slot) & PIKE_SIGNAL_BIT(number)))
		number++;
	OWED(slot) &= ~PIKE_SIGNAL_BIT(number);
	*r = (struct pike__result){.res = number};
	if (slot->op.buf)
		*(struct pike_signal_info *)slot->op.buf =
		    (struct pike_signal_info){.number = number};
}

/* Gives an op what it is owed: true when that was its last. */
static bool waiter_serve(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	while (OWED(slot)) {
		if (!(slot->op.flags & PIKE_MULTISHOT)) {
			signal_result(slot, r);
			waiter_remove(pike__iocp_of(q), slot);
			return true;
		}
		if (!pike__may_shoot(q, slot))
			return false;
		signal_result(slot, r);
		pike__shot(q, slot, r);
	}
	return false;
}

void pike__iocp_signal_deliver(struct pike_queue *q)
{
	struct pike__iocp *u = pike__iocp_of(q);
	uint64_t wanted = 0;
	struct pike__slot *next;

	for (struct pike__slot *s = u->waiters; s; s = s->next)
		wanted |= s->op.u.signal.set;
	wanted = ctrl_take(u->ctrl, wanted);
	for (struct pike__slot *s = u->waiters; s; s = s->next)
		OWED(s) |= s->op.u.signal.set & wanted;
	for (struct pike__slot *s = u->waiters; s; s = next) {
		struct pike__result r;

		next = s->next;
		if (waiter_serve(q, s, &r))
			pike__finish(q, s, &r);
	}
}

bool pike__iocp_signal_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__iocp *u = pike__iocp_of(q);
	DWORD error;

	if (slot->phase) /* it was paused, and goes on */
		return waiter_serve(q, slot, r);
	/* Those that are not known never come: they are waited for in vain. */
	error = ctrl_open(q);
	if (error) {
		pike__win_error(r, error);
		return true;
	}
	slot->phase = PIKE__IOCP_BEGUN;
	OWED(slot) = 0;
	waiter_add(u, slot);
	ctrl_catch(u->ctrl, slot->op.u.signal.set & KNOWN, 0);
	/* One that came while nobody waited: at the next wait. */
	pike__iocp_wake(q);
	return false;
}

static bool waits(const struct pike__iocp *u, const struct pike__slot *slot)
{
	for (const struct pike__slot *s = u->waiters; s; s = s->next)
		if (s == slot)
			return true;
	return false;
}

/*
 * A signal that was caught already is the op's result, not lost with it.
 * Signals that no other op waits for have their usual effect again.
 */
bool pike__iocp_signal_cancel(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	struct pike__iocp *u = pike__iocp_of(q);
	uint64_t kept = 0;

	pike__iocp_signal_deliver(q);
	if (!waits(u, slot))
		return false;
	waiter_remove(u, slot);
	if (OWED(slot)) {
		signal_result(slot, r);
		return true;
	}
	for (struct pike__slot *s = u->waiters; s; s = s->next)
		kept |= s->op.u.signal.set;
	ctrl_catch(u->ctrl, 0, slot->op.u.signal.set & ~kept);
	return true;
}
