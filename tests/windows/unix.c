/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets, which Wine has not: the seam makes them of TCP's, with a path
 * for each port.  What is shown is by which calls pike uses them, and that it
 * bears what these say.
 */
#include "../conformance/harness.h"
#include "backend/win_sys.h"

#define NAMES 8

static struct pike__win_sys real;
static LPFN_CONNECTEX real_connect_ex;

static struct {
	char path[100];
	struct sockaddr_in at;
} names[NAMES];
static int name_count;

static const struct sockaddr_un *as_path(const struct sockaddr *sa)
{
	return (const struct sockaddr_un *)(const void *)sa;
}

static void name_add(const char *path, const struct sockaddr_in *at)
{
	ck_assert_int_lt(name_count, NAMES);
	snprintf(names[name_count].path, sizeof(names[0].path), "%s", path);
	names[name_count++].at = *at;
}

static SOCKET to_socket(int family, int type, int protocol,
    WSAPROTOCOL_INFOW *info, GROUP group, DWORD flags)
{
	return real.WSASocketW(family == AF_UNIX ? AF_INET : family, type,
	    protocol, info, group, flags);
}

static int to_bind(SOCKET s, const struct sockaddr *sa, int len)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int in_len = sizeof(in);

	if (sa->sa_family != AF_UNIX)
		return real.bind(s, sa, len);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (real.bind(s, (struct sockaddr *)&in, in_len) ||
	    real.getsockname(s, (struct sockaddr *)&in, &in_len))
		return -1;
	name_add(as_path(sa)->sun_path, &in);
	return 0;
}

static SOCKET does_not_wait;

static int to_ioctl(SOCKET s, long command, u_long *value)
{
	if (command == (long)FIONBIO && *value)
		does_not_wait = s;
	return real.ioctlsocket(s, command, value);
}

static int to_connect(SOCKET s, const struct sockaddr *sa, int len)
{
	if (sa->sa_family != AF_UNIX)
		return real.connect(s, sa, len);
	if (s != does_not_wait)
		ck_abort_msg("a connect that may wait");
	does_not_wait = INVALID_SOCKET;
	for (int i = 0; i < name_count; i++)
		if (strcmp(names[i].path, as_path(sa)->sun_path) == 0)
			return real.connect(s, (struct sockaddr *)&names[i].at,
			    sizeof(names[i].at));
	WSASetLastError(WSAECONNREFUSED);
	return -1;
}

static BOOL PASCAL no_connect_ex(SOCKET s, const struct sockaddr *sa, int len,
    void *out, DWORD out_len, DWORD *bytes, OVERLAPPED *ov)
{
	if (sa->sa_family == AF_UNIX)
		ck_abort_msg("Unix sockets have no ConnectEx to rely upon");
	return real_connect_ex(s, sa, len, out, out_len, bytes, ov);
}

static struct pike_addr path_of(const char *name)
{
	struct pike_addr addr;
	char text[64];

	snprintf(text, sizeof(text), "unix:%s", name);
	ck_assert_int_eq(pike_addr_parse(&addr, text), 0);
	return addr;
}

static struct pike_addr path_to(const char *name, const struct pike_addr *tcp)
{
	struct sockaddr_storage sa;

	ck_assert_int_gt(pike_addr_to(tcp, &sa, sizeof(sa)), 0);
	name_add(name, (struct sockaddr_in *)&sa);
	return path_of(name);
}

static void exchange(struct rig *rig, pike_handle a, pike_handle b)
{
	char in[4];

	expect_op(rig, op_send(a, "four", 4), 4);
	expect_op(rig, op_flags(op_recv(b, in, 4), PIKE_ALL), 4);
	expect_op(rig, op_send(b, "back", 4), 4);
	expect_op(rig, op_flags(op_recv(a, in, 4), PIKE_ALL), 4);
}

CASE(streams_by_path)
{
	struct pike_addr addr = path_of("here");
	pike_handle l = perform(rig, op_to(PIKE_LISTEN_TO, &addr, 0)).res;

	ck_assert_int_gt(l, 0);
	for (int i = 0; i < 3; i++) {
		pike_id id = submit(rig, op_accept(l));
		pike_handle h =
		    perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res;
		ck_assert_int_gt(h, 0);
		exchange(rig, h, wait_one(rig, id).res);
		/* In steps, with a send and a receive behind the connect. */
		char in[4];
		h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);
		pike_id connect = submit(rig, op_at(PIKE_CONNECT, h, &addr));
		pike_id recv = submit(rig, op_recv(h, in, 4));
		pike_id send = submit(rig, op_send(h, "then", 4));
		pike_handle peer = perform(rig, op_accept(l)).res;
		expect_one(rig, connect, 0, 0, 0);
		expect_one(rig, send, 4, 0, 0);
		expect_op(rig, op_send(peer, "back", 4), 4);
		expect_one(rig, recv, 4, 0, 0);
		expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EISCONN);
	}
}

/* Windows has one error for a path that is not there and for one where nobody
 * listens. */
CASE(nobody_at_a_path)
{
	struct pike_addr nobody = rig_nobody(rig);
	struct pike_addr named = rig_unix_addr(rig, "left");
	struct pike_addr addr[3] = {
	    path_to("nobody", &nobody), named, path_of("C:\\no\\where")};
	HANDLE file = CreateFileA(named.u.path, GENERIC_WRITE, 0, NULL,
	    CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE, NULL);

	ck_assert(file != INVALID_HANDLE_VALUE);

	for (int i = 0; i < 3; i++) {
		int code = i < 2 ? PIKE_ECONNREFUSED : PIKE_ENOENT;
		expect_op(rig, op_to(PIKE_CONNECT_TO, &addr[i], 0), -code);
		pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);
		expect_op(rig, op_at(PIKE_CONNECT, h, &addr[i]), -code);
		expect_op(rig, op_at(PIKE_CONNECT, h, &addr[i]), -PIKE_EINVAL);
		expect_op(rig, op_send(h, "x", 1), -PIKE_EPIPE);
	}
	CloseHandle(file);
}

CASE(a_connect_that_waits_can_be_ended)
{
	struct pike_addr full = port_loopback(PIKE_AF_INET);

	rig_full_listener(rig, &full);
	struct pike_addr addr = path_to("full", &full);
	pike_id id = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	pike_handle h = rig_socket(rig, PIKE_AF_UNIX, PIKE_SOCK_STREAM);
	pike_id other = submit(rig, op_at(PIKE_CONNECT, h, &addr));
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
	expect_cancelled(rig, other);
	expect_op(rig, op_at(PIKE_CONNECT, h, &addr), -PIKE_EINVAL);
	submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	rig_close(rig);
	rig_open(rig, NULL);
}

int main(void)
{
	const char *what = "";

	if (pike__win_begin(&what) != 0)
		ck_abort_msg("%s", what);
	real = pike__win_sys;
	real_connect_ex = pike__win_calls.by[0].connect_ex;
	pike__win_sys.WSASocketW = to_socket;
	pike__win_sys.bind = to_bind;
	pike__win_sys.ioctlsocket = to_ioctl;
	pike__win_sys.connect = to_connect;
	pike__win_calls.by[0].connect_ex = no_connect_ex;
	area_begin("unix");
	area_add(streams_by_path);
	area_add(nobody_at_a_path);
	area_add(a_connect_that_waits_can_be_ended);
	return area_end();
}
