/* SPDX-License-Identifier: MIT */
/* The beginning of sockets in a process, and calls that are found by name. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "../port.h"
#include "win_sys.h"

static bool calls_begun;

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

struct pike__win_calls pike__win_calls = {
    .by = {[PIKE__BY_NONE] = {no_accept, no_connect, no_names, no_recv,
	       no_send}},
    .served = {PIKE__BY_NONE, PIKE__BY_NONE},
};

static bool no_family(DWORD error)
{
	return error == WSAEAFNOSUPPORT || error == WSAEPROTONOSUPPORT ||
	       error == WSAEPROTOTYPE || error == WSAESOCKTNOSUPPORT;
}

static DWORD ask(SOCKET s, GUID name, void *call)
{
	DWORD n;

	return sys_WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &name,
		   sizeof name, call, sizeof(void *), &n, NULL, NULL)
		   ? (DWORD)WSAGetLastError()
		   : 0;
}

static DWORD find_streams(int family, struct pike__winsock *w)
{
	GUID accept_ex = WSAID_ACCEPTEX;
	GUID connect_ex = WSAID_CONNECTEX;
	GUID names = WSAID_GETACCEPTEXSOCKADDRS;
	SOCKET s = sys_WSASocketW(family, SOCK_STREAM, 0, NULL, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	DWORD error;

	if (s == INVALID_SOCKET)
		return (DWORD)WSAGetLastError();
	error = ask(s, accept_ex, &w->accept_ex);
	if (!error)
		error = ask(s, connect_ex, &w->connect_ex);
	if (!error)
		error = ask(s, names, &w->accept_names);
	sys_closesocket(s);
	return error;
}

static DWORD find_messages(int family, struct pike__winsock *w)
{
	GUID recv_msg = WSAID_WSARECVMSG;
	GUID send_msg = WSAID_WSASENDMSG;
	SOCKET s = sys_WSASocketW(family, SOCK_DGRAM, 0, NULL, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	DWORD error;

	if (s == INVALID_SOCKET)
		return (DWORD)WSAGetLastError();
	error = ask(s, recv_msg, &w->recv_msg);
	if (!error)
		error = ask(s, send_msg, &w->send_msg);
	sys_closesocket(s);
	return error;
}

static DWORD find_family(int family, struct pike__winsock *w)
{
	DWORD error = find_streams(family, w);

	return error ? error : find_messages(family, w);
}

/* A machine may have one of the families, or none: the calls of what is there
 * are for all else too, as far as there is any. What is not there, or was
 * refused, may be there when the next queue is opened. */
static DWORD find_winsock(void)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct pike__win_calls *c = &pike__win_calls;
	DWORD bad[] = {0, 0};

	for (unsigned char i = 0; i < PIKE__BY_NONE; i++) {
		struct pike__winsock w;

		if (c->served[i] == i)
			continue;
		bad[i] = find_family(families[i], &w);
		if (bad[i])
			continue;
		c->by[i] = w;
		c->served[i] = i;
	}
	if (bad[0] && bad[1])
		return !no_family(bad[0])   ? bad[0]
		       : !no_family(bad[1]) ? bad[1]
					    : 0;
	if (bad[0])
		c->served[PIKE__BY_IPV4] = PIKE__BY_IPV6;
	else if (bad[1])
		c->served[PIKE__BY_IPV6] = PIKE__BY_IPV4;
	return 0;
}

static DWORD begin(const char **what)
{
	RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
	struct pike__win_calls *c = &pike__win_calls;
	WSADATA data;
	int bad;

	if (!calls_begun) {
		*what = "ntdll";
		if (!find_ntdll())
			return ERROR_NOT_SUPPORTED;
		c->refuses_fast =
		    c->version(&version) == 0 && version.dwBuildNumber >= 16299;
		/* For good: sockets that were released are still in use. */
		*what = "WSAStartup";
		bad = WSAStartup(MAKEWORD(2, 2), &data);
		if (bad)
			return (DWORD)bad;
		calls_begun = true;
	}
	*what = "the calls of Winsock";
	return find_winsock();
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
