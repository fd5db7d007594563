/* SPDX-License-Identifier: MIT */
/* The tests' port layer, by Windows' calls: handles, pipes, files. */
#include <stdio.h>
#include <stdlib.h>

#include "port_win.h"

#define HANDLES_SEEN 65536
#define HANDLE_GAP   256 /* so many numbers in a row that are free: the end */
#define PIPE_ROOM    65536
#define PIPE_WAIT_MS 10000

int port_code_of(DWORD code)
{
	switch (code) {
	case WSAEWOULDBLOCK:
		return -PIKE_EAGAIN;
	case WSAECONNRESET:
		return -PIKE_ECONNRESET;
	case WSAECONNABORTED:
	case WSAESHUTDOWN:
	case ERROR_NO_DATA:
	case ERROR_BROKEN_PIPE:
		return -PIKE_EPIPE;
	case WSAECONNREFUSED:
		return -PIKE_ECONNREFUSED;
	case WSAEADDRINUSE:
		return -PIKE_EADDRINUSE;
	case WSAEADDRNOTAVAIL:
		return -PIKE_EADDRNOTAVAIL;
	case WSAEAFNOSUPPORT:
	case WSAEPROTONOSUPPORT:
		return -PIKE_EAFNOSUPPORT;
	case WSAEACCES:
	case ERROR_ACCESS_DENIED:
		return -PIKE_EACCES;
	case WSAENOTSOCK:
	case ERROR_INVALID_HANDLE:
		return -PIKE_EBADF;
	case ERROR_FILE_NOT_FOUND:
		return -PIKE_ENOENT;
	case WSAEMFILE:
		return -PIKE_EMFILE;
	case WSAEMSGSIZE:
		return -PIKE_EMSGSIZE;
	case WSAENOTCONN:
		return -PIKE_ENOTCONN;
	default:
		return -PIKE_EUNKNOWN;
	}
}

int port_code(void)
{
	return port_code_of(GetLastError());
}

/* There are no children that could share it. */
void *port_shared(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

size_t port_huge_size(void)
{
	return SIZE_MAX > UINT32_MAX ? (size_t)(UINT64_C(5) << 30) : 0;
}

void *port_huge(size_t size)
{
	return VirtualAlloc(
	    NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void port_huge_free(void *memory, size_t size)
{
	(void)size;
	MUST(VirtualFree(memory, 0, MEM_RELEASE));
}

void port_sigpipe_default(void)
{
}

int64_t port_cpu_ns(void)
{
	FILETIME begun, ended, kernel, user;
	ULARGE_INTEGER k, u;

	MUST(GetProcessTimes(
	    GetCurrentProcess(), &begun, &ended, &kernel, &user));
	k.LowPart = kernel.dwLowDateTime;
	k.HighPart = kernel.dwHighDateTime;
	u.LowPart = user.dwLowDateTime;
	u.HighPart = user.dwHighDateTime;
	return (int64_t)(k.QuadPart + u.QuadPart) * 100;
}

int64_t port_cpu_step_ns(void)
{
	return INT64_C(15625000);
}

bool port_lose_rights(void)
{
	return false;
}

void port_regain_rights(void)
{
}

/* -------------------------------------------------------------- handles -- */

HANDLE port_handle(pike_fd fd)
{
	return (HANDLE)(intptr_t)fd;
}

bool port_is_open(pike_fd fd)
{
	DWORD flags;

	return GetHandleInformation(port_handle(fd), &flags);
}

/* The system counts them too, but not everywhere; they are numbered by fours
 * and from below. */
int port_open_count(void)
{
	int n = 0, gap = 0;

	port_begin();
	for (pike_fd fd = 4; fd < HANDLES_SEEN && gap < HANDLE_GAP; fd += 4) {
		bool open = port_is_open(fd);
		gap = open ? 0 : gap + 1;
		n += open;
	}
	return n;
}

bool port_is_cloexec(pike_fd fd)
{
	DWORD flags;

	MUST(GetHandleInformation(port_handle(fd), &flags));
	return !(flags & HANDLE_FLAG_INHERIT);
}

bool port_same(pike_fd a, pike_fd b)
{
	BOOL(WINAPI * same)(HANDLE, HANDLE);
	HMODULE base = GetModuleHandleA("kernelbase.dll");

	FARPROC found = GetProcAddress(base, "CompareObjectHandles");
	MUST(found);
	memcpy(&same, &found, sizeof(same));
	return same(port_handle(a), port_handle(b));
}

pike_fd port_dup(pike_fd fd)
{
	HANDLE me = GetCurrentProcess(), copy;

	if (port_is_socket(fd))
		return port_dup_socket(fd);
	MUST(DuplicateHandle(
	    me, port_handle(fd), me, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
	return (intptr_t)copy;
}

/* The free numbers are given in an order of the system's. */
pike_fd port_dup_as(pike_fd fd, pike_fd number)
{
	static pike_fd others[4096];
	size_t n = 0;
	pike_fd copy;

	MUST(!port_is_open(number));
	while ((copy = port_dup(fd)) != number) {
		MUST(n < sizeof(others) / sizeof(others[0]));
		others[n++] = copy;
	}
	while (n > 0)
		port_close(others[--n]);
	return copy;
}

void port_close(pike_fd fd)
{
	if (port_is_socket(fd))
		MUST(closesocket((SOCKET)fd) == 0);
	else
		MUST(CloseHandle(port_handle(fd)));
}

bool port_limit_files(int spare)
{
	return spare < 0;
}

/* ---------------------------------------------------------------- pipes -- */

/* A name that nobody has; pipes have no others. */
static void port_pipe_name(char *name, size_t size)
{
	static LONG made;

	snprintf(name, size, "\\\\.\\pipe\\pike-test-%lu-%ld",
	    GetCurrentProcessId(), InterlockedIncrement(&made));
}

static HANDLE port_pipe_server(const char *name)
{
	HANDLE h = CreateNamedPipeA(name,
	    PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED |
		FILE_FLAG_FIRST_PIPE_INSTANCE,
	    PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT |
		PIPE_REJECT_REMOTE_CLIENTS,
	    1, PIPE_ROOM, PIPE_ROOM, 0, NULL);

	MUST(h != INVALID_HANDLE_VALUE);
	return h;
}

static HANDLE port_pipe_client(const char *name)
{
	HANDLE h = CreateFileA(name, GENERIC_WRITE | FILE_READ_ATTRIBUTES, 0,
	    NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);

	MUST(h != INVALID_HANDLE_VALUE);
	return h;
}

void port_pipe(pike_fd fd[2])
{
	char name[64];

	port_pipe_name(name, sizeof(name));
	fd[0] = (intptr_t)port_pipe_server(name);
	fd[1] = (intptr_t)port_pipe_client(name);
}

/*
 * An overlapped call, waited for; what cannot be done at once is taken back
 * when patience is 0. The low bit of the event keeps the packet away from a
 * port that the handle may belong to.
 */
static bool port_pipe_done(
    HANDLE h, BOOL now, OVERLAPPED *io, DWORD patience, DWORD *n)
{
	DWORD code = now ? 0 : GetLastError();
	HANDLE event = (HANDLE)((uintptr_t)io->hEvent & ~(uintptr_t)1);

	if (code == ERROR_IO_PENDING &&
	    WaitForSingleObject(event, patience) != WAIT_OBJECT_0)
		CancelIoEx(h, io);
	if (code == 0 || code == ERROR_IO_PENDING)
		code = GetOverlappedResult(h, io, n, TRUE) ? 0 : GetLastError();
	CloseHandle(event);
	SetLastError(code);
	return code == 0;
}

static void port_pipe_begin(OVERLAPPED *io)
{
	HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);

	MUST(event);
	memset(io, 0, sizeof(*io));
	io->hEvent = (HANDLE)((uintptr_t)event | 1);
}

int64_t port_pipe_read(HANDLE h, void *buf, size_t len)
{
	OVERLAPPED io;
	DWORD n = 0, there = 0;

	if (!PeekNamedPipe(h, NULL, 0, NULL, &there, NULL))
		return GetLastError() == ERROR_BROKEN_PIPE ? 0 : port_code();
	if (there == 0)
		return -PIKE_EAGAIN;
	port_pipe_begin(&io);
	BOOL now = ReadFile(h, buf, (DWORD)len, NULL, &io);
	if (!port_pipe_done(h, now, &io, PIPE_WAIT_MS, &n))
		return port_code();
	return n;
}

/*
 * A write that finds no room for all of it waits as a whole, and none of it
 * has gone when it is taken back: as little as has room is found by trying.
 */
int64_t port_pipe_write(HANDLE h, const void *buf, size_t len)
{
	DWORD step = len < PIPE_ROOM ? (DWORD)len : PIPE_ROOM;
	OVERLAPPED io;
	DWORD n = 0;

	for (; step > 0; step /= 2) {
		port_pipe_begin(&io);
		BOOL now = WriteFile(h, buf, step, NULL, &io);
		if (port_pipe_done(h, now, &io, 0, &n) || n > 0)
			return n;
		if (GetLastError() != ERROR_OPERATION_ABORTED)
			return port_code();
	}
	return len ? -PIKE_EAGAIN : 0;
}

static bool port_pipe_until(bool (*holds)(HANDLE h), HANDLE h, int timeout_ms)
{
	for (int i = 0; !holds(h); i++) {
		if (i == timeout_ms)
			return false;
		Sleep(1);
	}
	return true;
}

static bool port_pipe_has(HANDLE h)
{
	DWORD there = 0;

	return !PeekNamedPipe(h, NULL, 0, NULL, &there, NULL) || there > 0;
}

bool port_pipe_readable(HANDLE h, int timeout_ms)
{
	if (GetFileType(h) != FILE_TYPE_PIPE)
		return WaitForSingleObject(h, (DWORD)timeout_ms) ==
		       WAIT_OBJECT_0;
	return port_pipe_until(port_pipe_has, h, timeout_ms);
}

/* Nothing asks how much room there is: it is the reader's to make. */
bool port_pipe_writable(HANDLE h, int timeout_ms)
{
	(void)h;
	(void)timeout_ms;
	ck_abort_msg("no look at the room of a pipe here");
	return false;
}

/* ---------------------------------------------------------- other kinds -- */

int port_tty(pike_fd fd[2])
{
	(void)fd;
	return -PIKE_ENOTSUP;
}

void port_tty_collects(pike_fd fd)
{
	(void)fd;
}

static HANDLE port_create(const char *path, DWORD flags)
{
	DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
	bool directory = flags & FILE_FLAG_BACKUP_SEMANTICS;
	HANDLE h =
	    CreateFileA(path, GENERIC_READ | (directory ? 0 : GENERIC_WRITE),
		share, NULL, directory ? OPEN_EXISTING : CREATE_ALWAYS,
		flags | FILE_FLAG_OVERLAPPED, NULL);

	MUST(h != INVALID_HANDLE_VALUE);
	return h;
}

pike_fd port_file(void)
{
	char dir[MAX_PATH], path[MAX_PATH];

	MUST(GetTempPathA(sizeof(dir), dir));
	MUST(GetTempFileNameA(dir, "pik", 0, path));
	return (intptr_t)port_create(path, FILE_FLAG_DELETE_ON_CLOSE);
}

pike_fd port_directory(void)
{
	char path[MAX_PATH];

	MUST(GetWindowsDirectoryA(path, sizeof(path)));
	return (intptr_t)port_create(path, FILE_FLAG_BACKUP_SEMANTICS);
}

void port_temp(char *path, size_t size)
{
	char dir[MAX_PATH], name[MAX_PATH];

	MUST(GetTempPathA(sizeof(dir), dir));
	MUST(GetTempFileNameA(dir, "pik", 0, name));
	MUST(DeleteFileA(name));
	MUST(CreateDirectoryA(name, NULL));
	MUST(strlen(name) < size);
	memcpy(path, name, strlen(name) + 1);
}

void port_remove(const char *path)
{
	char all[MAX_PATH + 2], one[2 * MAX_PATH];
	WIN32_FIND_DATAA found;

	snprintf(all, sizeof(all), "%s\\*", path);
	HANDLE h = FindFirstFileA(all, &found);
	MUST(h != INVALID_HANDLE_VALUE);
	do {
		if (found.cFileName[0] == '.')
			continue;
		snprintf(one, sizeof(one), "%s\\%s", path, found.cFileName);
		if (!DeleteFileA(one))
			RemoveDirectoryA(one);
	} while (FindNextFileA(h, &found));
	FindClose(h);
	MUST(RemoveDirectoryA(path));
}

void port_forbid(const char *path, const char *name)
{
	char full[2 * MAX_PATH];

	snprintf(full, sizeof(full), "%s\\%s", path, name);
	MUST(CreateDirectoryA(full, NULL));
}

int port_fifo(const char *path)
{
	(void)path;
	return -PIKE_ENOTSUP;
}

pike_fd port_open_fifo(const char *path, bool reads, bool writes)
{
	(void)path;
	(void)reads;
	(void)writes;
	ck_abort_msg("no FIFOs here");
	return -1;
}
