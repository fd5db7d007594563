/* SPDX-License-Identifier: MIT */
/*
 * The watch: the seam's table, filled with functions that look and then call
 * the system. All that is known of a handle is forgotten when it is closed.
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/win_sys.h"

#include "alloc.h"
#include "watch.h"

#define HANDLES 4096
#define HELD    8192
#define BLOCKS  8192

struct watch_seen watch_seen;

static struct pike__win_sys real;
static struct pike__win_calls real_calls;
static CRITICAL_SECTION watch_lock;

static void watch_fail(const char *rule)
{
	ck_abort_msg("%s", rule);
	abort();
}

/* -------------------------------------------------------------- handles -- */

enum {
	WATCH_ASSOCIATED = 1,
	WATCH_ACCEPTING = 2, /* no SO_UPDATE_ACCEPT_CONTEXT yet */
	WATCH_CONNECTING = 4,
	WATCH_SKIPS = 8 /* no packet for what succeeds at once */
};
static unsigned char watch_state[HANDLES];

static unsigned char *state_of(HANDLE h)
{
	size_t i = (uintptr_t)h / 4;

	if (i >= HANDLES)
		watch_fail("the watch has room for fewer handles");
	return &watch_state[i];
}

#define state_of_socket(s) state_of((HANDLE)(s))

/* Nobody but the calls that make it so may use a socket that does not know
 * yet what it is. */
static void watch_ready(SOCKET s, const char *rule)
{
	if (*state_of_socket(s) & (WATCH_ACCEPTING | WATCH_CONNECTING))
		watch_fail(rule);
}

static void watch_new(HANDLE h)
{
	DWORD flags = 0;
	if (h && h != INVALID_HANDLE_VALUE)
		GetHandleInformation(h, &flags);
	watch_seen.inherited += flags & HANDLE_FLAG_INHERIT ? 1 : 0;
}

/* ----------------------------------------------- what the system writes -- */

/* An overlapped call that has not been dequeued: its OVERLAPPED and the bytes
 * that it may write to or read from, in all their pieces. */
static struct held {
	OVERLAPPED *ov;
	WSABUF *pieces;
	DWORD n;
	HANDLE connects; /* ConnectEx on it */
} held[HELD];
static int held_count;

static int held_find(const OVERLAPPED *ov)
{
	int i = 0;

	while (i < held_count && held[i].ov != ov)
		i++;
	return i;
}

/* Before an overlapped call. */
static void held_check(const OVERLAPPED *ov)
{
	watch_seen.calls++;
	if (ov && held_find(ov) < held_count)
		watch_fail("an OVERLAPPED is used again before its packet");
}

/* Whether a call will have a packet: it goes on, or it succeeded and such
 * calls have packets too. */
static bool watch_goes_on(HANDLE file, bool ok, DWORD error)
{
	return ok ? !(*state_of(file) & WATCH_SKIPS)
		  : error == ERROR_IO_PENDING || error == WSAEMSGSIZE;
}

static void held_add(HANDLE file, OVERLAPPED *ov, bool ok, DWORD error,
    const WSABUF *pieces, DWORD n)
{
	WSABUF *own = NULL;

	if (!ov || !watch_goes_on(file, ok, error))
		return;
	if (held_count == HELD)
		watch_fail("the watch has room for fewer calls");
	/* The array is the caller's only until the call returns. */
	if (n) {
		own = malloc(n * sizeof(*own));
		if (!own)
			watch_fail("no memory for the watch");
		memcpy(own, pieces, n * sizeof(*own));
	}
	watch_seen.begun++;
	held[held_count++] = (struct held){.ov = ov, .pieces = own, .n = n};
}

int watch_held(void)
{
	return held_count;
}

bool watch_holds(const void *memory, size_t len)
{
	const char *at = memory;

	for (int i = 0; i < held_count; i++) {
		for (DWORD k = 0; k < held[i].n; k++) {
			const WSABUF *p = &held[i].pieces[k];
			if (p->buf && p->buf < at + len && at < p->buf + p->len)
				return true;
		}
	}
	return false;
}

static void held_dequeue(OVERLAPPED *ov)
{
	int i = held_find(ov);
	if (i == held_count)
		watch_fail("a packet of no call");
	if (held[i].connects && ov->Internal == 0) {
		*state_of(held[i].connects) |= WATCH_CONNECTING;
		watch_seen.connects++;
	}
	watch_seen.dequeued++;
	free(held[i].pieces);
	held[i] = held[--held_count];
}

/* --------------------------------------------------------------- memory -- */

static struct block {
	char *at;
	size_t size;
} blocks[BLOCKS];
static int block_count;

static void *watch_realloc(void *old, size_t size)
{
	EnterCriticalSection(&watch_lock);
	for (int i = 0; old && i < block_count; i++) {
		if (blocks[i].at != old)
			continue;
		for (int k = 0; k < held_count; k++) {
			const char *ov = (const char *)held[k].ov;
			if (ov >= blocks[i].at &&
			    ov < blocks[i].at + blocks[i].size)
				watch_fail("memory of a call that goes on is "
					   "given back");
		}
		blocks[i] = blocks[--block_count];
		break;
	}
	void *p = size ? realloc(old, size) : NULL;
	if (!size)
		free(old);
	if (p && block_count < BLOCKS)
		blocks[block_count++] = (struct block){p, size};
	LeaveCriticalSection(&watch_lock);
	return p;
}

/* ------------------------------------------------------------ the calls -- */

/* Those that nothing more is said of are counted. */
#define SYS(result, name, parameters, arguments)                               \
	static result count_##name parameters                                  \
	{                                                                      \
		watch_seen.calls++;                                            \
		return real.name arguments;                                    \
	}
#include "backend/win_sys.def"
#undef SYS

static HANDLE look_port(HANDLE file, HANDLE port, ULONG_PTR key, DWORD threads)
{
	watch_seen.calls++;
	if (file != INVALID_HANDLE_VALUE &&
	    (*state_of(file) & WATCH_ASSOCIATED))
		watch_fail("a file is given to a port twice");
	if (file == INVALID_HANDLE_VALUE && threads < 3)
		watch_fail("a port that lets few threads run");
	HANDLE h = real.CreateIoCompletionPort(file, port, key, threads);
	if (file == INVALID_HANDLE_VALUE) {
		watch_new(h);
	} else if (h) {
		*state_of(file) |= WATCH_ASSOCIATED;
		watch_seen.associations++;
	}
	return h;
}

static BOOL look_wait(HANDLE port, OVERLAPPED_ENTRY *entries, ULONG n,
    ULONG *taken, DWORD timeout_ms, BOOL alertable)
{
	watch_seen.calls++;
	watch_seen.waits++;
	BOOL ok = real.GetQueuedCompletionStatusEx(
	    port, entries, n, taken, timeout_ms, alertable);
	DWORD error = GetLastError();
	EnterCriticalSection(&watch_lock);
	for (ULONG i = 0; ok && i < *taken; i++)
		if (entries[i].lpOverlapped)
			held_dequeue(entries[i].lpOverlapped);
	LeaveCriticalSection(&watch_lock);
	SetLastError(error);
	return ok;
}

static BOOL look_modes(HANDLE file, UCHAR flags)
{
	watch_seen.calls++;
	BOOL ok = real.SetFileCompletionNotificationModes(file, flags);
	if (ok && (flags & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS))
		*state_of(file) |= WATCH_SKIPS;
	return ok;
}

static BOOL look_cancel(HANDLE file, OVERLAPPED *ov)
{
	watch_seen.calls++;
	watch_seen.cancels++;
	if (!ov)
		watch_fail("all calls of a file are cancelled at once");
	return real.CancelIoEx(file, ov);
}

static BOOL look_close(HANDLE h)
{
	watch_seen.calls++;
	*state_of(h) = 0;
	return real.CloseHandle(h);
}

static int look_closesocket(SOCKET s)
{
	watch_seen.calls++;
	*state_of_socket(s) = 0;
	return real.closesocket(s);
}

static HANDLE look_event(
    SECURITY_ATTRIBUTES *security, BOOL manual, BOOL set, const WCHAR *name)
{
	watch_seen.calls++;
	HANDLE h = real.CreateEventW(security, manual, set, name);
	watch_new(h);
	return h;
}

static SOCKET look_socket(int family, int type, int protocol,
    WSAPROTOCOL_INFOW *info, GROUP group, DWORD flags)
{
	watch_seen.calls++;
	SOCKET s = real.WSASocketW(family, type, protocol, info, group, flags);
	watch_new(s == INVALID_SOCKET ? NULL : (HANDLE)s);
	return s;
}

static int look_setsockopt(
    SOCKET s, int level, int name, const char *value, int len)
{
	watch_seen.calls++;
	watch_seen.alone += level == SOL_SOCKET && name == SO_EXCLUSIVEADDRUSE;
	if (level == SOL_SOCKET && name == SO_UPDATE_ACCEPT_CONTEXT) {
		*state_of_socket(s) &= (unsigned char)~WATCH_ACCEPTING;
		watch_seen.accept_updates++;
	}
	if (level == SOL_SOCKET && name == SO_UPDATE_CONNECT_CONTEXT) {
		*state_of_socket(s) &= (unsigned char)~WATCH_CONNECTING;
		watch_seen.connect_updates++;
	}
	return real.setsockopt(s, level, name, value, len);
}

static int look_shutdown(SOCKET s, int how)
{
	watch_seen.calls++;
	watch_ready(s, "shutdown before the socket's context is updated");
	return real.shutdown(s, how);
}

static int look_getpeername(SOCKET s, struct sockaddr *sa, int *len)
{
	watch_seen.calls++;
	watch_ready(s, "getpeername before the socket's context is updated");
	return real.getpeername(s, sa, len);
}

/* An overlapped call, looked at before and after: whether it went on, on which
 * file, with what memory. */
#define OVERLAPPED_CALL(file, good, pieces, n, call)                           \
	EnterCriticalSection(&watch_lock);                                     \
	held_check(ov);                                                        \
	int r = call;                                                          \
	DWORD error = GetLastError();                                          \
	held_add((HANDLE)(file), ov, good, error, pieces, n);                  \
	LeaveCriticalSection(&watch_lock);                                     \
	SetLastError(error);                                                   \
	return r

static int look_recv(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes,
    DWORD *flags, WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	watch_ready(s, "a receive before the socket's context is updated");
	OVERLAPPED_CALL(s, r == 0, bufs, n,
	    real.WSARecv(s, bufs, n, bytes, flags, ov, routine));
}

static int look_send(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes, DWORD flags,
    WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	watch_ready(s, "a send before the socket's context is updated");
	OVERLAPPED_CALL(s, r == 0, bufs, n,
	    real.WSASend(s, bufs, n, bytes, flags, ov, routine));
}

static int look_recvfrom(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes,
    DWORD *flags, struct sockaddr *sa, int *len, WSAOVERLAPPED *ov,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	OVERLAPPED_CALL(s, r == 0, bufs, n,
	    real.WSARecvFrom(s, bufs, n, bytes, flags, sa, len, ov, routine));
}

static int look_sendto(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes,
    DWORD flags, const struct sockaddr *sa, int len, WSAOVERLAPPED *ov,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	OVERLAPPED_CALL(s, r == 0, bufs, n,
	    real.WSASendTo(s, bufs, n, bytes, flags, sa, len, ov, routine));
}

static BOOL look_read(
    HANDLE file, void *buf, DWORD len, DWORD *bytes, OVERLAPPED *ov)
{
	const WSABUF piece = {len, buf};

	OVERLAPPED_CALL(
	    file, r, &piece, 1, real.ReadFile(file, buf, len, bytes, ov));
}

static BOOL look_write(
    HANDLE file, const void *buf, DWORD len, DWORD *bytes, OVERLAPPED *ov)
{
	const WSABUF piece = {len, (char *)(uintptr_t)buf};

	OVERLAPPED_CALL(
	    file, r, &piece, 1, real.WriteFile(file, buf, len, bytes, ov));
}

static BOOL PASCAL look_accept(SOCKET l, SOCKET s, void *out, DWORD data,
    DWORD own, DWORD peer, DWORD *bytes, OVERLAPPED *ov)
{
	const WSABUF piece = {own + peer, out};

	if (data != 0)
		watch_fail("an accept that waits for data");
	watch_seen.accepts++;
	*state_of_socket(s) |= WATCH_ACCEPTING;
	OVERLAPPED_CALL(l, r, &piece, 1,
	    real_calls.by[0].accept_ex(l, s, out, data, own, peer, bytes, ov));
}

static BOOL PASCAL look_connect(SOCKET s, const struct sockaddr *sa, int len,
    void *out, DWORD out_len, DWORD *bytes, OVERLAPPED *ov)
{
	struct sockaddr_storage own;
	int own_len = sizeof(own);

	if (real.getsockname(s, (struct sockaddr *)&own, &own_len))
		watch_fail("ConnectEx on a socket that has no name");
	EnterCriticalSection(&watch_lock);
	held_check(ov);
	BOOL ok =
	    real_calls.by[0].connect_ex(s, sa, len, out, out_len, bytes, ov);
	DWORD error = GetLastError();
	int before = held_count;
	held_add((HANDLE)s, ov, ok, error, NULL, 0);
	if (held_count > before)
		held[before].connects = (HANDLE)s;
	LeaveCriticalSection(&watch_lock);
	SetLastError(error);
	return ok;
}

static INT PASCAL look_recvmsg(SOCKET s, WSAMSG *msg, DWORD *bytes,
    WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	OVERLAPPED_CALL(s, r == 0, msg->lpBuffers, msg->dwBufferCount,
	    real_calls.by[0].recv_msg(s, msg, bytes, ov, routine));
}

static INT PASCAL look_sendmsg(SOCKET s, WSAMSG *msg, DWORD flags, DWORD *bytes,
    WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	OVERLAPPED_CALL(s, r == 0, msg->lpBuffers, msg->dwBufferCount,
	    real_calls.by[0].send_msg(s, msg, flags, bytes, ov, routine));
}

/* A poll: its packet comes also when it ends at once. */
static NTSTATUS NTAPI look_control(HANDLE file, HANDLE event, void *apc,
    void *context, IO_STATUS_BLOCK *status, ULONG code, void *in, ULONG in_len,
    void *out, ULONG out_len)
{
	const WSABUF piece = {out_len, out};
	OVERLAPPED *ov = context;

	EnterCriticalSection(&watch_lock);
	watch_seen.polls++;
	held_check(ov);
	NTSTATUS r = real_calls.device_control(
	    file, event, apc, context, status, code, in, in_len, out, out_len);
	held_add(
	    file, ov, r == 0, r == 0x103 ? ERROR_IO_PENDING : 0, &piece, 1);
	LeaveCriticalSection(&watch_lock);
	return r;
}

/* ------------------------------------------------------------ the watch -- */

void watch_reset(void)
{
	memset(&watch_seen, 0, sizeof(watch_seen));
	/* Tests close handles too, and not by way of here. */
	memset(watch_state, 0, sizeof(watch_state));
}

static void watch_table(void)
{
#define SYS(result, name, parameters, arguments)                               \
	pike__win_sys.name = count_##name;
#include "backend/win_sys.def"
#undef SYS
	pike__win_sys.CreateIoCompletionPort = look_port;
	pike__win_sys.GetQueuedCompletionStatusEx = look_wait;
	pike__win_sys.SetFileCompletionNotificationModes = look_modes;
	pike__win_sys.CancelIoEx = look_cancel;
	pike__win_sys.CloseHandle = look_close;
	pike__win_sys.closesocket = look_closesocket;
	pike__win_sys.CreateEventW = look_event;
	pike__win_sys.WSASocketW = look_socket;
	pike__win_sys.setsockopt = look_setsockopt;
	pike__win_sys.shutdown = look_shutdown;
	pike__win_sys.getpeername = look_getpeername;
	pike__win_sys.WSARecv = look_recv;
	pike__win_sys.WSASend = look_send;
	pike__win_sys.WSARecvFrom = look_recvfrom;
	pike__win_sys.WSASendTo = look_sendto;
	pike__win_sys.ReadFile = look_read;
	pike__win_sys.WriteFile = look_write;
}

void watch_begin(void)
{
	const char *what = "";

	InitializeCriticalSection(&watch_lock);
	if (pike__win_begin(&what) != 0)
		watch_fail(what);
	real = pike__win_sys;
	real_calls = pike__win_calls;
	watch_table();
	pike__win_calls.by[0].accept_ex = look_accept;
	pike__win_calls.by[0].connect_ex = look_connect;
	pike__win_calls.by[0].recv_msg = look_recvmsg;
	pike__win_calls.by[0].send_msg = look_sendmsg;
	pike__win_calls.by[1] = pike__win_calls.by[0];
	pike__win_calls.device_control = look_control;
	pike__realloc_hook = watch_realloc;
}
