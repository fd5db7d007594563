/* SPDX-License-Identifier: MIT */
/* The tests' port layer, by Windows' calls: sockets. */
#include <stdlib.h>

#include "port_win.h"

#define FLAGS 256

void port_begin(void)
{
	static bool begun;
	WSADATA data;

	if (begun)
		return;
	begun = true;
	if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
		abort();
	/* The first that is asked something opens more than itself. */
	SOCKET s = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	SOCKET bottom;
	DWORD n;
	WSAIoctl(s, SIO_BASE_HANDLE, NULL, 0, &bottom, sizeof(bottom), &n, NULL,
	    NULL);
	closesocket(s);
}

bool port_is_socket(pike_fd fd)
{
	int type, len = sizeof(type);

	port_begin();
	return getsockopt(
		   (SOCKET)fd, SOL_SOCKET, SO_TYPE, (char *)&type, &len) == 0;
}

/* What knows sockets by their numbers wants to be told of one more. */
pike_fd port_dup_socket(pike_fd fd)
{
	WSAPROTOCOL_INFOW info;

	MUST(
	    WSADuplicateSocketW((SOCKET)fd, GetCurrentProcessId(), &info) == 0);
	SOCKET copy = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
	    FROM_PROTOCOL_INFO, &info, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	MUST(copy != INVALID_SOCKET);
	return (pike_fd)copy;
}

/*
 * Nobody can ask whether a socket waits: it is remembered who was told not
 * to. That pike tells none is seen from outside: it does not import the
 * function (tests/windows/exports.sh).
 */
static pike_fd port_flags[FLAGS];
static int port_flag_count;

static int port_flag(pike_fd fd)
{
	int i = 0;

	while (i < port_flag_count && port_flags[i] != fd)
		i++;
	return i;
}

bool port_is_nonblocking(pike_fd fd)
{
	return port_flag(fd) < port_flag_count;
}

bool port_sends_wait(void)
{
	return false;
}

static void port_block(pike_fd fd, bool block)
{
	u_long on = !block;

	MUST(ioctlsocket((SOCKET)fd, FIONBIO, &on) == 0);
}

void port_set_nonblocking(pike_fd fd, bool on)
{
	int i = port_flag(fd);

	if (port_is_socket(fd))
		port_block(fd, !on);
	if (on && i == port_flag_count && i < FLAGS)
		port_flags[port_flag_count++] = fd;
	else if (!on && i < port_flag_count)
		port_flags[i] = port_flags[--port_flag_count];
}

/* -------------------------------------------------------------- sockets -- */

bool port_ready(pike_fd fd, unsigned event, int timeout_ms)
{
	WSAPOLLFD p = {(SOCKET)fd, event == PIKE_POLL_IN ? POLLIN : POLLOUT, 0};

	if (!port_is_socket(fd))
		return event == PIKE_POLL_IN
			   ? port_pipe_readable(port_handle(fd), timeout_ms)
			   : port_pipe_writable(port_handle(fd), timeout_ms);
	int n = WSAPoll(&p, 1, timeout_ms);
	MUST(n >= 0);
	return n == 1;
}

static int port_family(int family)
{
	return family == PIKE_AF_UNIX   ? AF_UNIX
	       : family == PIKE_AF_INET ? AF_INET
					: AF_INET6;
}

static int port_to(const struct pike_addr *addr, void *sa)
{
	int len = pike_addr_to(addr, sa, sizeof(struct sockaddr_storage));

	ck_assert_int_gt(len, 0);
	return len;
}

static bool port_has_unix(void)
{
	pike_fd fd = port_socket(PIKE_AF_UNIX, PIKE_SOCK_STREAM);

	if (fd >= 0)
		port_close(fd);
	return fd >= 0;
}

/* What Wine has not, Windows has: tests/windows/WINE-CANNOT. */
static bool port_is_wine(void)
{
	return GetProcAddress(
	    GetModuleHandleA("ntdll.dll"), "wine_get_version");
}

bool port_can(enum port_ability ability)
{
	switch (ability) {
	case PORT_UNIX:
		return port_has_unix();
	case PORT_KEEPALIVE:
	case PORT_CUT_CONTROL:
	case PORT_UDP_REFUSALS:
		return !port_is_wine();
	case PORT_DUAL:
	case PORT_EVENTS_ONCE:
		return true;
	default:
		return false;
	}
}

pike_fd port_socket(int family, int type)
{
	int kind = type == PIKE_SOCK_STREAM  ? SOCK_STREAM
		   : type == PIKE_SOCK_DGRAM ? SOCK_DGRAM
					     : SOCK_SEQPACKET;

	port_begin();
	SOCKET fd = WSASocketW(port_family(family), kind, 0, NULL, 0,
	    WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	if (fd == INVALID_SOCKET)
		return port_code();
	port_set_nonblocking((pike_fd)fd, false);
	return (pike_fd)fd;
}

struct pike_addr port_loopback_apart(void)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	DWORD id = GetCurrentProcessId();

	addr.u.ip4[1] = (uint8_t)(1 + (id >> 16) % 250);
	addr.u.ip4[2] = (uint8_t)(id >> 8);
	addr.u.ip4[3] = (uint8_t)(1 + id % 250);
	return addr;
}

int port_name(pike_fd fd, bool peer, struct pike_addr *addr)
{
	struct sockaddr_storage sa = {0};
	int len = sizeof(sa);
	int r = peer ? getpeername((SOCKET)fd, (struct sockaddr *)&sa, &len)
		     : getsockname((SOCKET)fd, (struct sockaddr *)&sa, &len);

	return r < 0 ? port_code() : pike_addr_from(addr, &sa, (size_t)len);
}

/* An address cannot be in use here by what has ended. */
pike_fd port_bound(struct pike_addr *addr, int type, int backlog)
{
	pike_fd fd = port_socket(addr->family, type);
	struct sockaddr_storage sa;
	int len = port_to(addr, &sa);

	if (fd < 0)
		return fd;
	if (bind((SOCKET)fd, (struct sockaddr *)&sa, len) < 0 ||
	    (type != PIKE_SOCK_DGRAM &&
		listen((SOCKET)fd, backlog < 0 ? SOMAXCONN : backlog) < 0)) {
		int code = port_code();
		port_close(fd);
		return code;
	}
	ck_assert_int_eq(port_name(fd, false, addr), 0);
	return fd;
}

pike_fd port_nobody(struct pike_addr *addr)
{
	struct sockaddr_storage sa;

	*addr = port_loopback(PIKE_AF_INET);
	pike_fd fd = port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM);
	MUST(bind((SOCKET)fd, (struct sockaddr *)&sa, port_to(addr, &sa)) == 0);
	MUST(port_name(fd, false, addr) == 0);
	return fd;
}

pike_fd port_connect(const struct pike_addr *addr, int type)
{
	pike_fd fd = port_socket(addr->family, type);
	struct sockaddr_storage sa;
	int len = port_to(addr, &sa);

	if (fd < 0)
		return fd;
	if (connect((SOCKET)fd, (struct sockaddr *)&sa, len) < 0) {
		int code = port_code();
		port_close(fd);
		return code;
	}
	return fd;
}

void port_connect_with(pike_fd fd, const struct pike_addr *addr)
{
	struct sockaddr_storage sa;
	int len = port_to(addr, &sa);

	MUST(connect((SOCKET)fd, (struct sockaddr *)&sa, len) == 0);
}

pike_fd port_connect_start(const struct pike_addr *addr)
{
	pike_fd fd = port_socket(addr->family, PIKE_SOCK_STREAM);
	struct sockaddr_storage sa;
	int len = port_to(addr, &sa);

	MUST(fd >= 0);
	port_set_nonblocking(fd, true);
	int r = connect((SOCKET)fd, (struct sockaddr *)&sa, len);
	MUST(r == 0 || WSAGetLastError() == WSAEWOULDBLOCK);
	return fd;
}

pike_fd port_accept(pike_fd listener)
{
	port_wait_readable(listener);
	SOCKET fd = accept((SOCKET)listener, NULL, NULL);
	if (fd == INVALID_SOCKET)
		return port_code();
	SetHandleInformation((HANDLE)fd, HANDLE_FLAG_INHERIT, 0);
	port_set_nonblocking((pike_fd)fd, false);
	return (pike_fd)fd;
}

static void port_dgram_pair(pike_fd fd[2])
{
	struct pike_addr addr[2];

	for (int i = 0; i < 2; i++) {
		addr[i] = port_loopback(PIKE_AF_INET);
		fd[i] = port_bound(&addr[i], PIKE_SOCK_DGRAM, 0);
		MUST(fd[i] >= 0);
	}
	for (int i = 0; i < 2; i++)
		port_connect_with(fd[i], &addr[!i]);
}

/* Of TCP, and no byte waits for others. */
static void port_quick_pair(pike_fd fd[2])
{
	BOOL on = 1;

	port_tcp_pair(fd);
	for (int i = 0; i < 2; i++)
		MUST(setsockopt((SOCKET)fd[i], IPPROTO_TCP, TCP_NODELAY,
			 (char *)&on, sizeof(on)) == 0);
}

/* What comes nearest where the family is not. */
int port_unix_pair(int type, pike_fd fd[2])
{
	if (type == PIKE_SOCK_STREAM)
		port_quick_pair(fd);
	else if (type == PIKE_SOCK_DGRAM)
		port_dgram_pair(fd);
	else
		return -PIKE_ENOTSUP;
	return 0;
}

void port_buffers(pike_fd fd, int bytes)
{
	const char *value = (const char *)&bytes;
	int len = sizeof(bytes);

	MUST(setsockopt((SOCKET)fd, SOL_SOCKET, SO_SNDBUF, value, len) == 0);
	MUST(setsockopt((SOCKET)fd, SOL_SOCKET, SO_RCVBUF, value, len) == 0);
}

void port_settle(pike_fd fd)
{
	port_ready(fd, PIKE_POLL_OUT, 250);
}

void port_finish_writing(pike_fd fd)
{
	MUST(shutdown((SOCKET)fd, SD_SEND) == 0);
}

void port_reset(pike_fd fd)
{
	struct linger hard = {1, 0};

	MUST(setsockopt((SOCKET)fd, SOL_SOCKET, SO_LINGER, (char *)&hard,
		 sizeof(hard)) == 0);
	port_close(fd);
}

int port_send_urgent(pike_fd fd, char byte)
{
	return send((SOCKET)fd, &byte, 1, MSG_OOB) == 1 ? 0 : port_code();
}

int port_sol_socket(void)
{
	return SOL_SOCKET;
}

int port_so_keepalive(void)
{
	return SO_KEEPALIVE;
}

int port_econnrefused(void)
{
	return WSAECONNREFUSED;
}

/* Without waiting, and the socket left as the test wants it. */
static int64_t port_count(pike_fd fd, int n)
{
	int code = n < 0 ? port_code() : 0;

	port_block(fd, !port_is_nonblocking(fd));
	return n < 0 ? code : n;
}

int64_t port_read(pike_fd fd, void *buf, size_t len)
{
	if (!port_is_socket(fd))
		return port_pipe_read(port_handle(fd), buf, len);
	port_block(fd, false);
	int64_t n = port_count(fd, recv((SOCKET)fd, buf, (int)len, 0));
	/* Wine says that a stream has ended when it was reset before. */
	WSAPOLLFD p = {(SOCKET)fd, POLLIN, 0};
	if (n == 0 && len > 0 && WSAPoll(&p, 1, 0) == 1 &&
	    (p.revents & POLLERR))
		return -PIKE_ECONNRESET;
	return n;
}

int64_t port_write(pike_fd fd, const void *buf, size_t len)
{
	if (!port_is_socket(fd))
		return port_pipe_write(port_handle(fd), buf, len);
	port_block(fd, false);
	return port_count(fd, send((SOCKET)fd, buf, (int)len, 0));
}

int64_t port_send_to(
    pike_fd fd, const void *buf, size_t len, const struct pike_addr *addr)
{
	struct sockaddr_storage sa;
	int sa_len = port_to(addr, &sa);

	port_block(fd, false);
	return port_count(fd, sendto((SOCKET)fd, buf, (int)len, 0,
				  (struct sockaddr *)&sa, sa_len));
}

int64_t port_recv_from(
    pike_fd fd, void *buf, size_t len, struct pike_addr *addr)
{
	struct sockaddr_storage sa = {0};
	int sa_len = sizeof(sa);

	port_block(fd, false);
	int64_t n = port_count(fd, recvfrom((SOCKET)fd, buf, (int)len, 0,
				       (struct sockaddr *)&sa, &sa_len));
	if (n >= 0 && addr)
		ck_assert_int_eq(pike_addr_from(addr, &sa, (size_t)sa_len), 0);
	return n;
}
