/* SPDX-License-Identifier: MIT */
/*
 * Events of the console as a system tells them that holds its lock meanwhile:
 * whoever is told may not be waited for by a call that wants that lock, and no
 * such call is made while pike holds what the told one wants. Wine tells most
 * events without.
 */
#include "../conformance/harness.h"
#include "backend/win_sys.h"

#define PATIENCE_MS 4000

/* The system's side: its lock, the function that it knows, how often its list
 * was changed. */
static CRITICAL_SECTION console_lock;
static PHANDLER_ROUTINE console_told;
static int console_changes;

static DWORD WINAPI console_raise(void *event)
{
	EnterCriticalSection(&console_lock);
	console_told((DWORD)(uintptr_t)event);
	LeaveCriticalSection(&console_lock);
	return 0;
}

static HANDLE console_event(DWORD event)
{
	HANDLE thread = CreateThread(
	    NULL, 0, console_raise, (void *)(uintptr_t)event, 0, NULL);

	ck_assert_ptr_nonnull(thread);
	return thread;
}

/* An event comes while the list is being changed, and was first. */
static BOOL console_change(PHANDLER_ROUTINE handler, BOOL add)
{
	(void)add;
	console_changes++;
	console_told = handler;
	if (!TryEnterCriticalSection(&console_lock))
		ck_abort_msg("the list is changed while an event is told");
	LeaveCriticalSection(&console_lock);
	HANDLE thread = console_event(CTRL_C_EVENT);
	if (WaitForSingleObject(thread, PATIENCE_MS) != WAIT_OBJECT_0)
		ck_abort_msg("the list is changed under a lock that an event "
			     "waits for");
	CloseHandle(thread);
	return TRUE;
}

static struct pike_op console_op(int number)
{
	struct pike_op op = op_of(PIKE_SIGNAL, 0);

	op.u.signal.set = PIKE_SIGNAL_BIT(number);
	return op;
}

/* Queues that come and go, each alone and beside others. */
static void console_come_and_go(struct rig *rig)
{
	for (int i = 0; i < 10; i++) {
		struct rig *other = rig_new(NULL);
		submit(other, console_op(PIKE_SIGINT));
		pike_id id = submit(rig, console_op(PIKE_SIGINT));
		expect_cancelled(rig, id);
		rig_close(i & 1 ? rig : other);
		rig_close(i & 1 ? other : rig);
		rig_open(rig, NULL);
		rig_open(other, NULL);
	}
	ck_assert_int_gt(console_changes, 0);
}

CASE(the_list_is_changed_under_no_lock_that_an_event_wants)
{
	console_come_and_go(rig);
}

CASE(what_nobody_waits_for_has_its_usual_effect)
{
	pike_id id = submit(rig, console_op(PIKE_SIGINT));

	ck_assert(console_told(CTRL_C_EVENT));
	ck_assert(!console_told(CTRL_BREAK_EVENT));
	expect_one(rig, id, PIKE_SIGINT, 0, 0);
	/* Held back until the last op was cancelled. */
	ck_assert(console_told(CTRL_C_EVENT));
	expect_one(
	    rig, submit(rig, console_op(PIKE_SIGINT)), PIKE_SIGINT, 0, 0);
	id = submit(rig, console_op(PIKE_SIGINT));
	expect_cancelled(rig, id);
	ck_assert(!console_told(CTRL_C_EVENT));
	id = submit(rig, console_op(PIKE_SIGINT));
	rig_close(rig);
	ck_assert(!console_told(CTRL_C_EVENT));
	rig_open(rig, NULL);
}

/* The last: what was told waits until the process ends, and the system's lock
 * with it. */
CASE(a_program_ends_its_queues_while_the_console_closes)
{
	pike_id id = submit(rig, console_op(PIKE_SIGHUP));
	HANDLE thread = console_event(CTRL_CLOSE_EVENT);

	expect_one(rig, id, PIKE_SIGHUP, 0, 0);
	console_come_and_go(rig);
	rig_close(rig);
	ck_assert_int_eq(WaitForSingleObject(thread, 0), WAIT_TIMEOUT);
	CloseHandle(thread);
	rig_open(rig, NULL);
}

int main(void)
{
	InitializeCriticalSection(&console_lock);
	pike__win_sys.SetConsoleCtrlHandler = console_change;
	area_begin("console");
	area_add(the_list_is_changed_under_no_lock_that_an_event_wants);
	area_add(what_nobody_waits_for_has_its_usual_effect);
	area_add(a_program_ends_its_queues_while_the_console_closes);
	return area_end();
}
