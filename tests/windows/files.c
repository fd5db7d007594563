/* SPDX-License-Identifier: MIT */
/* Files whose owner does with them what only Windows knows. */
#include "../conformance/harness.h"
#include "backend/win_sys.h"

static void send_and_receive(struct rig *rig, pike_handle h, pike_fd peer)
{
	char in[4];

	for (int i = 0; i < 3; i++) {
		peer_write(rig, peer, "four", 4);
		port_wait_readable(pike_fd_of(rig->q, h));
		expect_op(
		    rig, op_flags(op_recv(h, in, sizeof(in)), PIKE_ALL), 4);
		expect_op(rig, op_send(h, "back", 4), 4);
		peer_read(rig, peer, in, 4);
	}
}

/* A receive by the owner of the socket, whose OVERLAPPED ends where memory
 * does: nobody may look behind it. */
static void receive_beside(struct rig *rig, pike_fd fd, pike_fd peer)
{
	char in[4], *page = VirtualAlloc(
			NULL, 8192, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	DWORD n = 0, flags = 0, old;

	ck_assert(VirtualProtect(page + 4096, 4096, PAGE_NOACCESS, &old));
	OVERLAPPED *ov = (OVERLAPPED *)(void *)(page + 4096 - sizeof(*ov));
	WSABUF buf = {sizeof(in), in};
	ov->hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
	int r = WSARecv((SOCKET)fd, &buf, 1, &n, &flags, ov, NULL);
	ck_assert(r == 0 || WSAGetLastError() == ERROR_IO_PENDING);
	peer_write(rig, peer, "four", 4);
	ck_assert_int_eq(WaitForSingleObject(ov->hEvent, 10000), WAIT_OBJECT_0);
	fence(rig);
	ck_assert_uint_eq(ov->InternalHigh, 4);
	CloseHandle(ov->hEvent);
	VirtualFree(page, 0, MEM_RELEASE);
}

/* Where a file cannot leave the port, what comes of its owner's calls does. */
CASE(what_was_released_is_used_by_its_owner)
{
	pike_fd fd[2];

	port_tcp_pair(fd);
	rig_own(rig, fd[0]);
	rig_own(rig, fd[1]);
	pike_handle h = rig_adopt(rig, fd[0]);
	send_and_receive(rig, h, fd[1]);
	ck_assert_int_eq(pike_release(rig->q, h), fd[0]);
	receive_beside(rig, fd[0], fd[1]);
}

CASE(what_was_adopted_is_used_by_its_owner_too)
{
	pike_fd fd[2];

	port_tcp_pair(fd);
	rig_own(rig, fd[0]);
	rig_own(rig, fd[1]);
	pike_handle h = rig_adopt(rig, fd[0]);
	for (int i = 0; i < 3; i++) {
		receive_beside(rig, fd[0], fd[1]);
		send_and_receive(rig, h, fd[1]);
	}
}

/* Its close would wait; or, as it is told not to block, leave it open. */
CASE(a_close_does_not_linger_for_who_knows_the_socket)
{
	struct linger linger = {1, 30000};
	pike_handle h[2];

	rig_tcp_pair(rig, h);
	pike_fd fd = pike_fd_of(rig->q, h[0]);
	ck_assert_int_eq(setsockopt((SOCKET)fd, SOL_SOCKET, SO_LINGER,
			     (char *)&linger, sizeof(linger)),
	    0);
	static char much[8 << 20];
	pike_id id =
	    submit(rig, op_flags(op_send(h[0], much, sizeof(much)), PIKE_ALL));
	fence(rig);
	pike_id close = submit(rig, op_close(h[0]));
	wait_one(rig, id);
	expect_one(rig, close, 0, 0, 0);
	ck_assert(!port_is_open(fd));
}

/* -- pipes -- */

/* A pipe whose reading end is the server, and a handle. */
static HANDLE pipe_server(
    struct rig *rig, DWORD type, pike_handle *h, HANDLE *client)
{
	char name[64];
	static LONG made;

	snprintf(name, sizeof(name), "\\\\.\\pipe\\pike-files-%lu-%ld",
	    GetCurrentProcessId(), InterlockedIncrement(&made));
	HANDLE server =
	    CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
		type, 1, 4096, 4096, 0, NULL);
	ck_assert(server != INVALID_HANDLE_VALUE);
	*h = rig_adopt(rig, rig_own(rig, (intptr_t)server));
	if (client) {
		*client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0,
		    NULL, OPEN_EXISTING, 0, NULL);
		ck_assert(*client != INVALID_HANDLE_VALUE);
	}
	return server;
}

static void pipe_write(HANDLE h, const char *text)
{
	DWORD n;

	ck_assert(WriteFile(h, text, (DWORD)strlen(text), &n, NULL));
}

static void empty_writes(struct rig *rig, DWORD type)
{
	pike_handle h;
	HANDLE client;
	char in[4];

	pipe_server(rig, type, &h, &client);
	pike_id id = submit(rig, op_io(PIKE_READ, h, in, sizeof(in)));
	for (int i = 0; i < 40; i++)
		pipe_write(client, "");
	fence(rig);
	expect_pending(rig, id);
	pipe_write(client, "abc");
	expect_one(rig, id, 3, 0, 0);
	CloseHandle(client);
	expect_op_flags(rig, op_io(PIKE_READ, h, in, sizeof(in)), 0, PIKE_EOF);
}

CASE(a_write_of_nothing_is_not_the_end_of_a_pipe)
{
	empty_writes(rig, PIPE_TYPE_BYTE);
	empty_writes(rig, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
}

CASE(a_pipe_that_was_disconnected_is_at_its_end)
{
	pike_handle h;
	HANDLE client, server = pipe_server(rig, PIPE_TYPE_BYTE, &h, &client);
	char in[4];

	pipe_write(client, "abc");
	expect_op(rig, op_io(PIKE_READ, h, in, sizeof(in)), 3);
	ck_assert(DisconnectNamedPipe(server));
	expect_op_flags(rig, op_io(PIKE_READ, h, in, sizeof(in)), 0, PIKE_EOF);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
	CloseHandle(client);
}

CASE(a_pipe_that_nobody_has_opened_is_not_connected)
{
	pike_handle h;
	char in[4];

	pipe_server(rig, PIPE_TYPE_BYTE, &h, NULL);
	expect_op(rig, op_io(PIKE_READ, h, in, sizeof(in)), -PIKE_ENOTCONN);
}

/* What is left of polls: a clear answer. */
CASE(a_pipe_can_be_waited_for_to_be_read_and_once)
{
	pike_fd fd[2];

	port_pipe(fd);
	pike_handle from = rig_adopt(rig, rig_own(rig, fd[0]));
	pike_handle to = rig_adopt(rig, rig_own(rig, fd[1]));
	pike_id id = submit(rig, op_poll(from, PIKE_POLL_IN));
	expect_op(rig, op_poll(from, 0), -PIKE_ENOTSUP);
	expect_op(
	    rig, op_poll(from, PIKE_POLL_IN | PIKE_POLL_OUT), -PIKE_ENOTSUP);
	expect_op(rig, op_flags(op_poll(from, PIKE_POLL_IN), PIKE_MULTISHOT),
	    -PIKE_ENOTSUP);
	expect_op(rig, op_poll(to, PIKE_POLL_OUT), -PIKE_ENOTSUP);
	expect_op(rig, op_poll(to, PIKE_POLL_IN), -PIKE_ENOTSUP);
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_io(PIKE_WRITE, to, "x", 1), 1);
	expect_one(rig, id, PIKE_POLL_IN, 0, 0);
}

int main(void)
{
	area_begin("files");
	area_add(what_was_released_is_used_by_its_owner);
	area_add(what_was_adopted_is_used_by_its_owner_too);
	area_add(a_close_does_not_linger_for_who_knows_the_socket);
	area_add(a_write_of_nothing_is_not_the_end_of_a_pipe);
	area_add(a_pipe_that_was_disconnected_is_at_its_end);
	area_add(a_pipe_that_nobody_has_opened_is_not_connected);
	area_add(a_pipe_can_be_waited_for_to_be_read_and_once);
	return area_end();
}
