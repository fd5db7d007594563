/* SPDX-License-Identifier: MIT */
/* The beginning of sockets in a process, and calls that are found by name. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "../port.h"
#include "win_sys.h"

struct pike__win_calls pike__win_calls;

static bool calls_ready;

/* From a pointer to no particular function; C has no cast that is certain. */
static void put(void *to, FARPROC from)
{
	memcpy(to, &from, sizeof from);
}

static bool find_ntdll(void)
{
	struct pike__win_calls *c = &pike__win_calls;
	HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");

	if (!ntdll)
		return false;
	put(&c->create_file, GetProcAddress(ntdll, "NtCreateFile"));
	put(&c->device_control, GetProcAddress(ntdll, "NtDeviceIoControlFile"));
	put(&c->query_file, GetProcAddress(ntdll, "NtQueryInformationFile"));
	put(&c->set_file, GetProcAddress(ntdll, "NtSetInformationFile"));
	put(&c->status_to_error,
	    GetProcAddress(ntdll, "RtlNtStatusToDosError"));
	return c->create_file && c->device_control && c->query_file &&
	       c->set_file && c->status_to_error;
}

static DWORD ask(SOCKET s, GUID name, void *call)
{
	DWORD n;

	return sys_WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &name,
		   sizeof name, call, sizeof(void *), &n, NULL, NULL)
		   ? (DWORD)WSAGetLastError()
		   : 0;
}

static DWORD find_winsock(void)
{
	struct pike__win_calls *c = &pike__win_calls;
	GUID accept_ex = WSAID_ACCEPTEX;
	GUID connect_ex = WSAID_CONNECTEX;
	GUID names = WSAID_GETACCEPTEXSOCKADDRS;
	GUID recv_msg = WSAID_WSARECVMSG;
	GUID send_msg = WSAID_WSASENDMSG;
	SOCKET s = sys_WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	DWORD error;

	if (s == INVALID_SOCKET)
		return (DWORD)WSAGetLastError();
	error = ask(s, accept_ex, &c->accept_ex);
	if (!error)
		error = ask(s, connect_ex, &c->connect_ex);
	if (!error)
		error = ask(s, names, &c->accept_names);
	sys_closesocket(s);
	if (error)
		return error;
	s = sys_WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	if (s == INVALID_SOCKET)
		return (DWORD)WSAGetLastError();
	error = ask(s, recv_msg, &c->recv_msg);
	if (!error)
		error = ask(s, send_msg, &c->send_msg);
	sys_closesocket(s);
	return error;
}

static DWORD begin(const char **what)
{
	WSADATA data;
	int bad;

	if (calls_ready)
		return 0;
	*what = "ntdll";
	if (!find_ntdll())
		return ERROR_NOT_SUPPORTED;
	/* For good: sockets that were released are still in use. */
	*what = "WSAStartup";
	bad = WSAStartup(MAKEWORD(2, 2), &data);
	if (bad)
		return (DWORD)bad;
	*what = "the calls of Winsock";
	bad = (int)find_winsock();
	if (bad) {
		WSACleanup();
		return (DWORD)bad;
	}
	calls_ready = true;
	return 0;
}

DWORD pike__win_begin(const char **what)
{
	const char *before = *what;
	DWORD error;

	pike__port_lock();
	error = begin(what);
	pike__port_unlock();
	if (!error)
		*what = before;
	return error;
}
