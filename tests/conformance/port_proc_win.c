/* SPDX-License-Identifier: MIT */
/* Threads, events of the console as signals, and foreign pollers, on Windows;
 * there are no forked children. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>

#include <process.h>
#include <windows.h>

#include "port_proc.h"

static void proc_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: error %lu\n", what, GetLastError());
	exit(99);
}

/* ---------------------------------------------------------------- threads */

struct port_thread {
	HANDLE handle;
	void (*run)(void *arg);
	void *arg;
};

static unsigned __stdcall proc_thread_main(void *arg)
{
	struct port_thread *t = arg;

	t->run(t->arg);
	return 0;
}

struct port_thread *port_thread_start(void (*run)(void *arg), void *arg)
{
	struct port_thread *t = malloc(sizeof(*t));

	proc_must(t != NULL, "malloc");
	*t = (struct port_thread){.run = run, .arg = arg};
	t->handle =
	    (HANDLE)_beginthreadex(NULL, 0, proc_thread_main, t, 0, NULL);
	proc_must(t->handle != NULL, "_beginthreadex");
	return t;
}

void port_thread_join(struct port_thread *t)
{
	WaitForSingleObject(t->handle, INFINITE);
	CloseHandle(t->handle);
	free(t);
}

/* One thread that looks at the clock, and is never ended. */
static struct {
	const char *volatile name;
	volatile LONG64 due_ns;
	bool begun;
} proc_watch;

static unsigned __stdcall proc_watch_main(void *arg)
{
	(void)arg;
	for (;; Sleep(100)) {
		const char *name = proc_watch.name;
		if (!name || port_monotonic() < proc_watch.due_ns)
			continue;
		printf("FAIL %s: not done in time\n", name);
		TerminateProcess(GetCurrentProcess(), 98);
	}
	return 0;
}

void port_watch(const char *name, unsigned seconds)
{
	const char *times = getenv("CK_TIMEOUT_MULTIPLIER");
	int64_t ns = INT64_C(1000000000) * seconds;

	proc_watch.name = NULL;
	if (seconds == 0)
		return;
	if (!proc_watch.begun) {
		proc_watch.begun = true;
		_beginthreadex(NULL, 0, proc_watch_main, NULL, 0, NULL);
	}
	proc_watch.due_ns = port_monotonic() + ns * (times ? atoi(times) : 1);
	proc_watch.name = name;
}

void port_yield(void)
{
	SwitchToThread();
}

/* --------------------------------------------------------------- children */

int port_fork(int (*child)(void *arg), void *arg)
{
	(void)child;
	(void)arg;
	return -2;
}

struct port_child *port_fork_begin(int (*child)(void *arg), void *arg)
{
	(void)child;
	(void)arg;
	return NULL;
}

void port_fork_wait_parent(void)
{
}

void port_fork_go(struct port_child *c)
{
	(void)c;
}

int port_fork_end(struct port_child *c)
{
	(void)c;
	return -2;
}

/* Nobody says who sent an event. */
int64_t port_pid(void)
{
	return 0;
}

int64_t port_uid(void)
{
	return 0;
}

/* ---------------------------------------------------------------- signals */

/*
 * The console tells of an event by a thread that begins in this function of
 * the system's; so does who wants to have told it.
 */
static DWORD(WINAPI *proc_tell)(void *event);

#define PROC_SIGBREAK 21

static const struct {
	int number;
	DWORD event;
} proc_events[] = {
    {PIKE_SIGINT, CTRL_C_EVENT},
    {PROC_SIGBREAK, CTRL_BREAK_EVENT},
    {PIKE_SIGHUP, CTRL_CLOSE_EVENT},
    {PIKE_SIGTERM, CTRL_SHUTDOWN_EVENT},
};
#define PROC_EVENTS (sizeof(proc_events) / sizeof(proc_events[0]))

/* What the application does of an event that nobody took before it. */
static struct {
	void (*handler)(int number); /* null: nothing */
	volatile LONG seen;
} proc_does[PROC_EVENTS];
static volatile LONG proc_probing;

static size_t proc_index(int number)
{
	size_t i = 0;

	while (i < PROC_EVENTS && proc_events[i].number != number)
		i++;
	proc_must(i < PROC_EVENTS, "a signal that is not here");
	return i;
}

/* The application's own handler, which is there before any of pike's and so
 * is asked after them. */
static BOOL WINAPI proc_handler(DWORD event)
{
	size_t i = 0;

	while (proc_events[i].event != event)
		if (++i == PROC_EVENTS)
			return FALSE;
	InterlockedIncrement(&proc_does[i].seen);
	if (proc_does[i].handler && !proc_probing)
		proc_does[i].handler(proc_events[i].number);
	return TRUE;
}

static void proc_signals_begin(void)
{
	HMODULE base = GetModuleHandleA("kernelbase.dll");

	if (proc_tell)
		return;
	FARPROC routine = GetProcAddress(base, "CtrlRoutine");
	proc_must(routine != NULL, "CtrlRoutine");
	memcpy(&proc_tell, &routine, sizeof(proc_tell));
	SetConsoleCtrlHandler(NULL, FALSE);
	SetConsoleCtrlHandler(proc_handler, TRUE);
}

int port_signal(unsigned i)
{
	proc_signals_begin();
	return proc_events[i % 2].number;
}

/* Who takes one of the others is not expected to return, and the system lets
 * nobody else be told of anything meanwhile. */
bool port_has_signal(int number)
{
	return number == proc_events[0].number ||
	       number == proc_events[1].number;
}

/* Done when all handlers have been asked. */
void port_raise(int number)
{
	proc_signals_begin();
	DWORD event = proc_events[proc_index(number)].event;
	HANDLE thread =
	    CreateThread(NULL, 0, proc_tell, (void *)(uintptr_t)event, 0, NULL);

	proc_must(thread != NULL, "CreateThread");
	WaitForSingleObject(thread, INFINITE);
	CloseHandle(thread);
}

void port_raise_self(int number)
{
	port_raise(number);
}

void port_raise_parent(int number)
{
	(void)number;
}

void port_on_signal(int number, void (*handler)(int number))
{
	proc_signals_begin();
	proc_does[proc_index(number)].handler = handler;
}

void port_ignore_signal(int number)
{
	port_on_signal(number, NULL);
}

bool port_block_signal(int number, bool block)
{
	(void)number;
	(void)block;
	return false;
}

bool port_signal_blocked(int number)
{
	(void)number;
	return false;
}

bool port_signal_pending(int number)
{
	(void)number;
	return false;
}

struct port_signals {
	void (*handler[PROC_EVENTS])(int number);
};

struct port_signals *port_signals_take(void)
{
	struct port_signals *s = malloc(sizeof(*s));

	proc_must(s != NULL, "malloc");
	proc_signals_begin();
	for (size_t i = 0; i < PROC_EVENTS; i++)
		s->handler[i] = proc_does[i].handler;
	return s;
}

/* The list of handlers cannot be read: an event shows who is asked first. */
bool port_signals_same(const struct port_signals *s)
{
	bool same = true;

	proc_probing = 1;
	for (size_t i = 0; i < PROC_EVENTS; i++) {
		LONG seen = proc_does[i].seen;
		port_raise(proc_events[i].number);
		if (proc_does[i].seen == seen + 1 &&
		    proc_does[i].handler == s->handler[i])
			continue;
		fprintf(stderr, "signal %d: somebody else takes it\n",
		    proc_events[i].number);
		same = false;
	}
	proc_probing = 0;
	return same;
}

void port_signals_put(struct port_signals *s)
{
	for (size_t i = 0; i < PROC_EVENTS; i++)
		proc_does[i].handler = s->handler[i];
	free(s);
}

/*
 * A storm interrupts the thread that called for it in the only way that
 * there is here: by procedures that run when it waits alertably.
 */
static struct {
	struct port_thread *thread;
	HANDLE target;
	volatile LONG stop;
	unsigned ms;
} proc_storm;

static void CALLBACK proc_nothing(ULONG_PTR arg)
{
	(void)arg;
}

static void proc_storm_run(void *arg)
{
	(void)arg;
	while (!proc_storm.stop) {
		proc_tell((void *)(uintptr_t)proc_events[1].event);
		QueueUserAPC(proc_nothing, proc_storm.target, 0);
		Sleep(proc_storm.ms);
	}
}

int port_storm_signal(void)
{
	proc_signals_begin();
	return proc_events[1].number;
}

void port_storm(unsigned hz)
{
	HANDLE me = GetCurrentProcess();

	proc_signals_begin();
	if (proc_storm.thread) {
		proc_storm.stop = 1;
		port_thread_join(proc_storm.thread);
		CloseHandle(proc_storm.target);
		proc_storm.thread = NULL;
	}
	/* What is queued runs now, not in the next test. */
	SleepEx(0, TRUE);
	if (hz == 0)
		return;
	proc_storm.stop = 0;
	proc_storm.ms = hz < 1000 ? 1000 / hz : 1;
	proc_must(DuplicateHandle(me, GetCurrentThread(), me,
		      &proc_storm.target, 0, FALSE, DUPLICATE_SAME_ACCESS),
	    "DuplicateHandle");
	proc_storm.thread = port_thread_start(proc_storm_run, NULL);
}

/* ---------------------------------------------------------------- pollers */

static bool proc_wait_one(pike_fd fd, int timeout_ms)
{
	return WaitForSingleObject((HANDLE)(intptr_t)fd, (DWORD)timeout_ms) ==
	       WAIT_OBJECT_0;
}

static bool proc_wait_many(pike_fd fd, int timeout_ms)
{
	HANDLE never = CreateEventA(NULL, TRUE, FALSE, NULL);
	HANDLE both[2] = {never, (HANDLE)(intptr_t)fd};

	proc_must(never != NULL, "CreateEvent");
	DWORD r = WaitForMultipleObjects(2, both, FALSE, (DWORD)timeout_ms);
	CloseHandle(never);
	return r == WAIT_OBJECT_0 + 1;
}

static void CALLBACK proc_waited(void *arg, BOOLEAN timed_out)
{
	if (!timed_out)
		SetEvent(arg);
}

/* By a thread of the system's. */
static bool proc_wait_pool(pike_fd fd, int timeout_ms)
{
	HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL), wait;

	proc_must(event != NULL, "CreateEvent");
	proc_must(RegisterWaitForSingleObject(&wait, (HANDLE)(intptr_t)fd,
		      proc_waited, event, INFINITE, WT_EXECUTEONLYONCE),
	    "RegisterWaitForSingleObject");
	/* Somebody else has to look first. */
	DWORD patience = timeout_ms == 0 ? 20 : (DWORD)timeout_ms;
	bool good = WaitForSingleObject(event, patience) == WAIT_OBJECT_0;
	UnregisterWaitEx(wait, INVALID_HANDLE_VALUE);
	CloseHandle(event);
	return good;
}

/* The system's pool keeps some of what it opens when it is first used. */
void port_pollers_warm(void)
{
	HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);

	proc_must(event != NULL, "CreateEvent");
	proc_wait_pool((pike_fd)(intptr_t)event, 1000);
	CloseHandle(event);
}

const struct port_poller *port_poller_at(unsigned i)
{
	static const struct port_poller pollers[] = {
	    {"WaitForSingleObject", proc_wait_one},
	    {"WaitForMultipleObjects", proc_wait_many},
	    {"RegisterWaitForSingleObject", proc_wait_pool},
	};

	return i < sizeof(pollers) / sizeof(pollers[0]) ? &pollers[i] : NULL;
}

/* --------------------------------------------------------------- the rest */

/* Sixteen million handles are nobody's limit. */
unsigned port_fd_limit(unsigned want)
{
	(void)want;
	return 1u << 24;
}

bool port_forks_busy(void)
{
	return false;
}

unsigned port_fewer(void)
{
	const char *scale = getenv("PIKE_TEST_SCALE");
	unsigned fewer = scale ? (unsigned)strtoul(scale, NULL, 10) : 1;

	return fewer > 1 ? fewer : 1;
}

unsigned port_slow(void)
{
	return port_fewer();
}

/* The system does not tell; tests/windows/trace.sh sees it from outside. */
int64_t port_sleeps(void)
{
	return 0;
}

int64_t port_monotonic(void)
{
	LARGE_INTEGER now, hz;

	QueryPerformanceCounter(&now);
	QueryPerformanceFrequency(&hz);
	int64_t whole = now.QuadPart / hz.QuadPart;
	int64_t rest = now.QuadPart % hz.QuadPart;
	return whole * 1000000000 + rest * 1000000000 / hz.QuadPart;
}

int64_t port_wall(void)
{
	FILETIME now;
	ULARGE_INTEGER u;

	GetSystemTimePreciseAsFileTime(&now);
	u.LowPart = now.dwLowDateTime;
	u.HighPart = now.dwHighDateTime;
	return (int64_t)(u.QuadPart - UINT64_C(116444736000000000)) * 100;
}
