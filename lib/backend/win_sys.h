/* SPDX-License-Identifier: MIT */
/*
 * The one seam between the Windows side and the system. A call sys_NAME is the
 * system's NAME, inlined; built with PIKE_SEAM it goes through the table
 * pike__win_sys, whose entries a test replaces. What has to be asked for by
 * name at run time is in struct pike__win_calls.
 */
#ifndef PIKE_LIB_BACKEND_WIN_SYS_H
#define PIKE_LIB_BACKEND_WIN_SYS_H

#include <stdatomic.h>
#include <stdint.h>

#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>

#include <afunix.h>
#include <mswsock.h>
#include <windows.h>
#include <winternl.h>
#include <ws2tcpip.h>

/* Older headers do not have them. */
#ifndef SIO_UDP_NETRESET
#	define SIO_UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)
#endif

#ifndef SIO_TCP_INITIAL_RTO
#	define SIO_TCP_INITIAL_RTO _WSAIOW(IOC_VENDOR, 17)
#endif

#ifdef PIKE_SEAM

struct pike__win_sys {
#	define SYS(result, name, parameters, arguments)                       \
		result(*name) parameters;
#	include "win_sys.def"
#	undef SYS
};

extern struct pike__win_sys pike__win_sys;

#	define PIKE__WIN_CALL(name) pike__win_sys.name

#else

#	define PIKE__WIN_CALL(name) name

#endif

#define SYS(result, name, parameters, arguments)                               \
	static inline result sys_##name parameters                             \
	{                                                                      \
		return PIKE__WIN_CALL(name) arguments;                         \
	}
#include "win_sys.def"
#undef SYS

/* What a poll of sockets asks of their driver, and what it answers. */
struct pike__afd_poll {
	LARGE_INTEGER timeout;
	ULONG count;
	ULONG exclusive;
	struct {
		HANDLE socket;
		ULONG events;
		LONG status;
	} at[1];
};

#define PIKE__AFD_RECEIVE           0x0001u
#define PIKE__AFD_RECEIVE_EXPEDITED 0x0002u
#define PIKE__AFD_SEND              0x0004u
#define PIKE__AFD_DISCONNECT        0x0008u
#define PIKE__AFD_ABORT             0x0010u
#define PIKE__AFD_LOCAL_CLOSE       0x0020u
#define PIKE__AFD_ACCEPT            0x0080u
#define PIKE__AFD_CONNECT_FAIL      0x0100u

#define PIKE__AFD_POLL_CODE 0x00012024u

/* Calls that Winsock gives by asking a socket, for others of its family. */
struct pike__winsock {
	LPFN_ACCEPTEX accept_ex;
	LPFN_CONNECTEX connect_ex;
	LPFN_GETACCEPTEXSOCKADDRS accept_names;
	LPFN_WSARECVMSG recv_msg;
	LPFN_WSASENDMSG send_msg;
};

/* Whose they are. */
enum {
	PIKE__BY_IPV4,
	PIKE__BY_IPV6,
	PIKE__BY_NONE,
	PIKE__WINSOCKS
};

/* Calls that no import library has, or not for every Windows. */
struct pike__win_calls {
	struct pike__winsock by[PIKE__WINSOCKS];
	/* By which of them each family is served: by its own for good, once
	 * they were found, and nobody reads them before. */
	atomic_uchar served[PIKE__BY_NONE];
	/* Of ntdll. */
	NTSTATUS(NTAPI *create_file)
	(HANDLE *file, ACCESS_MASK access, OBJECT_ATTRIBUTES *attributes,
	    IO_STATUS_BLOCK *status, LARGE_INTEGER *size, ULONG flags,
	    ULONG share, ULONG disposition, ULONG options, void *ea,
	    ULONG ea_len);
	NTSTATUS(NTAPI *device_control)
	(HANDLE file, HANDLE event, void *apc, void *context,
	    IO_STATUS_BLOCK *status, ULONG code, void *in, ULONG in_len,
	    void *out, ULONG out_len);
	NTSTATUS(NTAPI *query_file)
	(HANDLE file, IO_STATUS_BLOCK *status, void *info, ULONG len,
	    ULONG what);
	NTSTATUS(NTAPI *set_file)
	(HANDLE file, IO_STATUS_BLOCK *status, void *info, ULONG len,
	    ULONG what);
	ULONG(NTAPI *status_to_error)(NTSTATUS status);
	NTSTATUS(NTAPI *version)(RTL_OSVERSIONINFOW *version);
	/* Whether a connect can be told to ask once (Windows 10 1709). */
	BOOL refuses_fast;
};

extern struct pike__win_calls pike__win_calls;

/* Begins the use of sockets in the process, once, and finds those of the calls
 * above that were not found before. 0, or the system's error with what failed.
 */
DWORD pike__win_begin(const char **what);

/* From what they are to what pike calls them, and back. */
static inline SOCKET pike__win_socket(int64_t fd)
{
	return (SOCKET)(uintptr_t)fd;
}

static inline HANDLE pike__win_handle(int64_t fd)
{
	return (HANDLE)(uintptr_t)fd;
}

static inline int64_t pike__win_fd(uintptr_t value)
{
	return (int64_t)value;
}

#endif
