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
	put(&c->version, GetProcAddress(ntdll, "RtlGetVersion"));
	return c->create_file && c->device_control && c->query_file &&
	       c->set_file && c->status_to_error && c->version;
}

/* ---- Winsock ---- */

/* Where there are no sockets whose system could be asked there are none that
 * would call these. */
static BOOL PASCAL no_accept(SOCKET l, SOCKET s, void *out, DWORD data,
    DWORD own, DWORD peer, DWORD *bytes, OVERLAPPED *ov)
{
	(void)l, (void)s, (void)out, (void)data;
	(void)own, (void)peer, (void)bytes, (void)ov;
	WSASetLastError(WSAEOPNOTSUPP);
	return FALSE;
}

static BOOL PASCAL no_connect(SOCKET s, const struct sockaddr *sa, int len,
    void *out, DWORD out_len, DWORD *bytes, OVERLAPPED *ov)
{
	(void)s, (void)sa, (void)len, (void)out;
	(void)out_len, (void)bytes, (void)ov;
	WSASetLastError(WSAEOPNOTSUPP);
	return FALSE;
}

static void PASCAL no_names(void *out, DWORD data, DWORD own_room,
    DWORD peer_room, struct sockaddr **own, int *own_len,
    struct sockaddr **peer, int *peer_len)
{
	(void)out, (void)data, (void)own_room, (void)peer_room;
	*own = *peer = NULL;
	*own_len = *peer_len = 0;
}

static INT PASCAL no_recv(SOCKET s, WSAMSG *msg, DWORD *bytes,
    WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	(void)s, (void)msg, (void)bytes, (void)ov, (void)routine;
	WSASetLastError(WSAEOPNOTSUPP);
	return -1;
}

static INT PASCAL no_send(SOCKET s, WSAMSG *msg, DWORD flags, DWORD *bytes,
    WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	(void)s, (void)msg, (void)flags, (void)bytes, (void)ov, (void)routine;
	WSASetLastError(WSAEOPNOTSUPP);
	return -1;
}

/* A socket of any family that there is. 0, or the error. */
static DWORD any_socket(int type, SOCKET *s)
{
	static const int families[] = {AF_INET, AF_INET6};
	DWORD error = 0;

	*s = INVALID_SOCKET;
	for (int i = 0; i < 2 && *s == INVALID_SOCKET; i++) {
		*s = sys_WSASocketW(families[i], type, 0, NULL, 0,
		    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
		error = *s == INVALID_SOCKET ? (DWORD)WSAGetLastError() : 0;
		if (error != WSAEAFNOSUPPORT && error != WSAEPROTONOSUPPORT &&
		    error != WSAEPROTOTYPE && error != WSAESOCKTNOSUPPORT)
			return error;
	}
	return 0;
}

static DWORD ask(SOCKET s, GUID name, void *call)
{
	DWORD n;

	return sys_WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &name,
		   sizeof name, call, sizeof(void *), &n, NULL, NULL)
		   ? (DWORD)WSAGetLastError()
		   : 0;
}

static DWORD find_streams(struct pike__win_calls *c)
{
	GUID accept_ex = WSAID_ACCEPTEX;
	GUID connect_ex = WSAID_CONNECTEX;
	GUID names = WSAID_GETACCEPTEXSOCKADDRS;
	SOCKET s;
	DWORD error = any_socket(SOCK_STREAM, &s);

	if (s == INVALID_SOCKET)
		return error;
	error = ask(s, accept_ex, &c->accept_ex);
	if (!error)
		error = ask(s, connect_ex, &c->connect_ex);
	if (!error)
		error = ask(s, names, &c->accept_names);
	sys_closesocket(s);
	return error;
}

static DWORD find_messages(struct pike__win_calls *c)
{
	GUID recv_msg = WSAID_WSARECVMSG;
	GUID send_msg = WSAID_WSASENDMSG;
	SOCKET s;
	DWORD error = any_socket(SOCK_DGRAM, &s);

	if (s == INVALID_SOCKET)
		return error;
	error = ask(s, recv_msg, &c->recv_msg);
	if (!error)
		error = ask(s, send_msg, &c->send_msg);
	sys_closesocket(s);
	return error;
}

static DWORD find_winsock(void)
{
	struct pike__win_calls *c = &pike__win_calls;
	RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
	DWORD error;

	c->accept_ex = no_accept;
	c->connect_ex = no_connect;
	c->accept_names = no_names;
	c->recv_msg = no_recv;
	c->send_msg = no_send;
	c->refuses_fast =
	    c->version(&version) == 0 && version.dwBuildNumber >= 16299;
	error = find_streams(c);
	return error ? error : find_messages(c);
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
