/* SPDX-License-Identifier: MIT */
/*
 * Handles that come to a queue and leave it. A file belongs to one port for its
 * life, unless the system lets it go: so a handle that was released may not be
 * taken by another queue everywhere. By which queue one was left is kept in a
 * list, so that at least that one can have it again.
 */
#include "config.h"

#include "../alloc.h"
#include "iocp.h"
#include "sockaddr.h"
#include "win_error.h"

/* ---- ports ---- */

#define FILE_MODE_INFORMATION       16
#define FILE_PIPE_INFORMATION       23
#define FILE_NOTIFY_INFORMATION     41
#define FILE_REPLACE_COMPLETION     61
#define FILE_OPENED_FOR_SYNCHRONOUS 0x30u

/* Files that were let go and belong to a port all the same. */
struct left {
	struct left *next;
	HANDLE file;
	HANDLE port;
};

static struct left *left_first;

/* Takes a file off the list: whether it belonged to port. */
static bool left_take(HANDLE file, HANDLE port)
{
	struct left **at = &left_first;
	struct left *found = NULL;
	bool same;

	pike__port_lock();
	while (*at && (*at)->file != file)
		at = &(*at)->next;
	if (*at) {
		found = *at;
		*at = found->next;
	}
	pike__port_unlock();
	same = found && found->port == port;
	pike__free(found);
	return same;
}

static void left_add(HANDLE file, HANDLE port)
{
	struct left *left = pike__alloc(sizeof *left);

	if (!left)
		return; /* then it is nobody's any more */
	left->file = file;
	left->port = port;
	pike__port_lock();
	left->next = left_first;
	left_first = left;
	pike__port_unlock();
}

/* A port is closed, and its number may be given to another. */
void pike__iocp_left_forget(HANDLE port)
{
	struct left **at = &left_first;
	struct left *gone = NULL;

	pike__port_lock();
	while (*at) {
		struct left *left = *at;

		if (left->port != port) {
			at = &left->next;
			continue;
		}
		*at = left->next;
		left->next = gone;
		gone = left;
	}
	pike__port_unlock();
	while (gone) {
		struct left *next = gone->next;

		pike__free(gone);
		gone = next;
	}
}

/* Whether what ends at once may do so without a packet: only where all that
 * handles sockets is the system's own. */
static bool skips_known(struct pike__iocp *u, const struct pike__newcomer *new)
{
	SOCKET s = pike__win_socket(new->fd);
	SOCKET base = INVALID_SOCKET;
	WSAPROTOCOL_INFOW info;
	int len = sizeof info;
	uint8_t *known = &u->skips[new->family == PIKE_AF_INET6  ? 1
				   : new->family == PIKE_AF_UNIX ? 2
								 : 0];
	DWORD n;

	if (new->kind != PIKE__SOCKET_STREAM)
		return false;
	if (*known)
		return *known == 2;
	*known = 1;
	if (sys_WSAIoctl(s, SIO_BASE_HANDLE, NULL, 0, &base, sizeof base, &n,
		NULL, NULL) ||
	    base != s)
		return false;
	if (sys_getsockopt(
		s, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &len) ||
	    !(info.dwServiceFlags1 & XP1_IFS_HANDLES))
		return false;
	*known = 2;
	return true;
}

/* Whether a file sends no packet for what succeeds at once: whoever had it
 * before has asked for that, and it cannot be undone. */
static bool is_quiet(const struct pike__newcomer *new, unsigned flags)
{
	IO_STATUS_BLOCK status;
	ULONG mode = 0;

	return !(flags & PIKE__OPENED) &&
	       !pike__win_calls.query_file(pike__win_handle(new->fd), &status,
		   &mode, sizeof mode, FILE_NOTIFY_INFORMATION) &&
	       (mode & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS);
}

/* Whether it is known of a quiet file when there will be a packet: not of what
 * is in several layers, nor of messages, whose cutting is neither a success nor
 * an error. */
static bool quiet_known(struct pike__iocp *u, const struct pike__newcomer *new)
{
	struct {
		ULONG reads_messages;
		ULONG waits_not;
	} pipe = {0, 0};
	IO_STATUS_BLOCK status;

	if (new->kind != PIKE__PIPE)
		return skips_known(u, new);
	/* One that cannot be asked cannot be read. */
	return pike__win_calls.query_file(pike__win_handle(new->fd), &status,
		   &pipe, sizeof pipe, FILE_PIPE_INFORMATION) ||
	       !pipe.reads_messages;
}

DWORD pike__iocp_attach(
    struct pike_queue *q, const struct pike__newcomer *new, unsigned *flags)
{
	struct pike__iocp *u = pike__iocp_of(q);
	HANDLE file = pike__win_handle(new->fd);
	bool quiet = is_quiet(new, *flags);
	DWORD error = 0;

	if (quiet && !quiet_known(u, new))
		return ERROR_NOT_SUPPORTED;
	if (!sys_CreateIoCompletionPort(file, u->port, (ULONG_PTR)file, 0))
		error = GetLastError();
	if (left_take(file, u->port) && error == ERROR_INVALID_PARAMETER)
		error = 0;
	if (error)
		return error;
	*flags |= PIKE__REGISTERED;
	if (quiet ||
	    ((*flags & PIKE__OPENED) && !u->inline_off && skips_known(u, new) &&
		sys_SetFileCompletionNotificationModes(
		    file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
			      FILE_SKIP_SET_EVENT_ON_HANDLE)))
		*flags |= PIKE__IOCP_SKIPS;
	return 0;
}

/* Lets a file go; where that cannot be, it is remembered. */
static void detach(struct pike_queue *q, struct pike__handle *h)
{
	struct {
		HANDLE port;
		void *key;
	} none = {NULL, NULL};
	HANDLE file = pike__win_handle(h->fd);
	IO_STATUS_BLOCK status;

	if (!(h->flags & PIKE__REGISTERED))
		return;
	if (pike__win_calls.set_file(
		file, &status, &none, sizeof none, FILE_REPLACE_COMPLETION))
		left_add(file, pike__iocp_of(q)->port);
}

/* ---- adopting ---- */

static void socket_adopted(struct pike__handle *h)
{
	SOCKET s = pike__win_socket(h->fd);
	struct sockaddr_storage sa = {0};
	int len = sizeof sa;
	struct pike_addr own;

	h->family = PIKE_AF_INET;
	if (sys_getsockname(s, (struct sockaddr *)&sa, &len) == 0) {
		pike__addr_from_system(&own, &sa, len);
		h->family = (uint8_t)own.family;
		h->flags |= PIKE__IOCP_BOUND;
	} else {
		WSAPROTOCOL_INFOW info;

		len = sizeof info;
		if (sys_getsockopt(s, SOL_SOCKET, SO_PROTOCOL_INFOW,
			(char *)&info, &len) == 0)
			h->family =
			    info.iAddressFamily == AF_INET6  ? PIKE_AF_INET6
			    : info.iAddressFamily == AF_UNIX ? PIKE_AF_UNIX
							     : PIKE_AF_INET;
	}
	len = sizeof sa;
	if (sys_getpeername(s, (struct sockaddr *)&sa, &len) == 0)
		h->flags |= PIKE__CONNECTED;
	h->flags |= PIKE__LINGERS; /* it may */
}

/* Whether a file was opened for calls that wait. */
static bool is_synchronous(HANDLE file)
{
	IO_STATUS_BLOCK status;
	ULONG mode = 0;

	return !pike__win_calls.query_file(
		   file, &status, &mode, sizeof mode, FILE_MODE_INFORMATION) &&
	       (mode & FILE_OPENED_FOR_SYNCHRONOUS);
}

/* A socket's kind; false: it is none. */
static bool socket_kind(SOCKET s, enum pike__kind *kind, unsigned *flags)
{
	int type = 0, accepts = 0;
	int len = sizeof type;

	if (sys_getsockopt(s, SOL_SOCKET, SO_TYPE, (char *)&type, &len))
		return false;
	*kind = type == SOCK_STREAM ? PIKE__SOCKET_STREAM : PIKE__SOCKET_PACKET;
	if (type == SOCK_DGRAM)
		*flags |= PIKE__DGRAM;
	len = sizeof accepts;
	if (sys_getsockopt(
		s, SOL_SOCKET, SO_ACCEPTCONN, (char *)&accepts, &len) == 0 &&
	    accepts)
		*flags |= PIKE__LISTENS;
	return true;
}

static bool file_kind(HANDLE file, enum pike__kind *kind, unsigned *flags)
{
	switch (sys_GetFileType(file)) {
	case FILE_TYPE_PIPE:
		*kind = PIKE__PIPE;
		break;
	case FILE_TYPE_DISK:
		*kind = PIKE__FILE;
		break;
	case FILE_TYPE_CHAR:
		*kind = PIKE__TERMINAL;
		break;
	default:
		*kind = PIKE__OTHER;
		return GetLastError() == NO_ERROR;
	}
	if (is_synchronous(file))
		*flags |= PIKE__IOCP_SYNC;
	return true;
}

static bool kind_of(pike_fd fd, enum pike__kind *kind, unsigned *flags)
{
	*flags = PIKE__EXPOSED;
	return socket_kind(pike__win_socket(fd), kind, flags) ||
	       file_kind(pike__win_handle(fd), kind, flags);
}

pike_handle pike__iocp_adopt(struct pike_queue *q, pike_fd fd)
{
	struct pike__handle *h;
	enum pike__kind kind;
	unsigned flags;
	DWORD error;

	if (fd <= 0 || (int64_t)(uintptr_t)fd != fd ||
	    !kind_of(fd, &kind, &flags))
		return -PIKE_EBADF;
	h = pike__handle_take(&q->handles, fd, kind, flags);
	if (kind <= PIKE__SOCKET_PACKET)
		socket_adopted(h);
	else if (kind != PIKE__PIPE || (flags & PIKE__IOCP_SYNC))
		return h->self; /* ops say what they cannot */
	error = pike__iocp_attach(
	    q, &(struct pike__newcomer){fd, kind, h->family}, &flags);
	h->flags |= (uint16_t)flags;
	if (!error)
		return h->self;
	pike__handle_give(&q->handles, h);
	/* It belongs to another port. */
	return error == ERROR_INVALID_PARAMETER
		   ? -PIKE_EBUSY
		   : -pike__error_from_windows(error);
}

/* ---- letting go ---- */

/* A close that lingers waits in the call: unsent data is left to the system's
 * care instead. A time of 0, which asks for a reset, is kept. */
static void linger_not(SOCKET s)
{
	struct linger linger;
	int len = sizeof linger;

	if (sys_getsockopt(s, SOL_SOCKET, SO_LINGER, (char *)&linger, &len) ==
		0 &&
	    linger.l_onoff && linger.l_linger) {
		linger.l_onoff = 0;
		sys_setsockopt(s, SOL_SOCKET, SO_LINGER, (const char *)&linger,
		    sizeof linger);
	}
}

int pike__iocp_drop(struct pike_queue *q, struct pike__handle *h, bool close_it)
{
	SOCKET s = pike__win_socket(h->fd);

	if (!close_it) {
		detach(q, h);
		return 0;
	}
	if (h->kind > PIKE__SOCKET_PACKET)
		return sys_CloseHandle(pike__win_handle(h->fd))
			   ? 0
			   : (int)GetLastError();
	/* Whoever knows the socket may have said so as well. */
	if (h->flags & (PIKE__LINGERS | PIKE__EXPOSED))
		linger_not(s);
	return sys_closesocket(s) ? WSAGetLastError() : 0;
}
