/* SPDX-License-Identifier: MIT */
/*
 * A system that has no memory for a call: what it refuses is tried again or
 * told, nothing is lost, and no stream has a hole. The calls go through the
 * seam, which refuses some of them, at once or by a packet.
 */
#include <stdlib.h>

#include "../conformance/grouped.h"
#include "../conformance/harness.h"
#include "backend/win_sys.h"

#define STATUS_INSUFFICIENT 0xC000009Au
#define LONG_LEN            ((size_t)3 << 20)

static struct pike__win_sys real;
static struct pike__win_calls real_calls;

/* What is refused, and how. */
static struct {
	DWORD code;
	int every;    /* each so many-th transfer; 0: none */
	size_t above; /* transfers of more; 0: none */
	bool by_packet;
	int accepts, ports, waits, files; /* the next so many */
	ULONG packets;                    /* waits for more of them; 0: none */
	HANDLE port;
	long calls, refused;
} refusal;

static const DWORD refusal_codes[] = {WSAENOBUFS, WSA_NOT_ENOUGH_MEMORY,
    ERROR_NO_SYSTEM_RESOURCES, ERROR_WORKING_SET_QUOTA, ERROR_NOT_ENOUGH_QUOTA,
    ERROR_INVALID_USER_BUFFER};

static void refusal_begin(DWORD code, int every)
{
	HANDLE port = refusal.port;

	memset(&refusal, 0, sizeof(refusal));
	refusal.port = port;
	refusal.code = code;
	refusal.every = every;
}

static bool refuses(HANDLE file, size_t want, OVERLAPPED *ov)
{
	refusal.calls++;
	if (!(refusal.every && refusal.calls % refusal.every == 0) &&
	    !(refusal.above && want > refusal.above))
		return false;
	refusal.refused++;
	SetLastError(refusal.code);
	if (refusal.by_packet) {
		ov->Internal = STATUS_INSUFFICIENT;
		ov->InternalHigh = 0;
		real.PostQueuedCompletionStatus(
		    refusal.port, 0, (ULONG_PTR)file, ov);
		SetLastError(ERROR_IO_PENDING);
	}
	return true;
}

static bool refuses_next(int *count)
{
	if (*count == 0)
		return false;
	--*count;
	refusal.refused++;
	SetLastError(refusal.code);
	return true;
}

static size_t sum(const WSABUF *bufs, DWORD n)
{
	size_t total = 0;

	for (DWORD i = 0; i < n; i++)
		total += bufs[i].len;
	return total;
}

static int or_recv(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes, DWORD *flags,
    WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	if (refuses((HANDLE)s, sum(bufs, n), ov))
		return -1;
	return real.WSARecv(s, bufs, n, bytes, flags, ov, routine);
}

static int or_send(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes, DWORD flags,
    WSAOVERLAPPED *ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	if (refuses((HANDLE)s, sum(bufs, n), ov))
		return -1;
	return real.WSASend(s, bufs, n, bytes, flags, ov, routine);
}

static int or_recvfrom(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes,
    DWORD *flags, struct sockaddr *sa, int *len, WSAOVERLAPPED *ov,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	if (refuses((HANDLE)s, sum(bufs, n), ov))
		return -1;
	return real.WSARecvFrom(s, bufs, n, bytes, flags, sa, len, ov, routine);
}

static int or_sendto(SOCKET s, WSABUF *bufs, DWORD n, DWORD *bytes, DWORD flags,
    const struct sockaddr *sa, int len, WSAOVERLAPPED *ov,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	if (refuses((HANDLE)s, sum(bufs, n), ov))
		return -1;
	return real.WSASendTo(s, bufs, n, bytes, flags, sa, len, ov, routine);
}

static BOOL or_read(
    HANDLE file, void *buf, DWORD len, DWORD *bytes, OVERLAPPED *ov)
{
	if (refuses(file, len, ov))
		return FALSE;
	return real.ReadFile(file, buf, len, bytes, ov);
}

static BOOL or_write(
    HANDLE file, const void *buf, DWORD len, DWORD *bytes, OVERLAPPED *ov)
{
	if (refuses(file, len, ov))
		return FALSE;
	return real.WriteFile(file, buf, len, bytes, ov);
}

static HANDLE or_port(HANDLE file, HANDLE port, ULONG_PTR key, DWORD threads)
{
	if (port && refuses_next(&refusal.ports))
		return NULL;
	if (port)
		refusal.port = port;
	return real.CreateIoCompletionPort(file, port, key, threads);
}

static BOOL or_wait(HANDLE port, OVERLAPPED_ENTRY *entries, ULONG n,
    ULONG *taken, DWORD timeout_ms, BOOL alertable)
{
	if (refusal.packets && n > refusal.packets) {
		refusal.refused++;
		SetLastError(refusal.code);
		return FALSE;
	}
	if (refuses_next(&refusal.waits))
		return FALSE;
	return real.GetQueuedCompletionStatusEx(
	    port, entries, n, taken, timeout_ms, alertable);
}

static BOOL PASCAL or_accept(SOCKET l, SOCKET s, void *out, DWORD data,
    DWORD own, DWORD peer, DWORD *bytes, OVERLAPPED *ov)
{
	if (refuses_next(&refusal.accepts))
		return FALSE;
	return real_calls.by[0].accept_ex(
	    l, s, out, data, own, peer, bytes, ov);
}

static NTSTATUS NTAPI or_file(HANDLE *file, ACCESS_MASK access,
    OBJECT_ATTRIBUTES *attributes, IO_STATUS_BLOCK *status, LARGE_INTEGER *size,
    ULONG flags, ULONG share, ULONG disposition, ULONG options, void *ea,
    ULONG ea_len)
{
	if (refuses_next(&refusal.files))
		return (NTSTATUS)STATUS_INSUFFICIENT;
	return real_calls.create_file(file, access, attributes, status, size,
	    flags, share, disposition, options, ea, ea_len);
}

/* -- transfers -- */

static void refused_pair(struct rig *rig, bool pipe, pike_handle h[2])
{
	pike_fd fd[2];

	if (!pipe) {
		rig_tcp_pair(rig, h);
		return;
	}
	port_pipe(fd); /* the other way round */
	h[1] = rig_adopt(rig, rig_own(rig, fd[0]));
	h[0] = rig_adopt(rig, rig_own(rig, fd[1]));
}

static struct pike_op all_of(bool pipe, bool writes, pike_handle h, char *at)
{
	int opcode = pipe ? (writes ? PIKE_WRITE : PIKE_READ)
			  : (writes ? PIKE_SEND : PIKE_RECV);

	return op_flags(op_io(opcode, h, at, LONG_LEN / 3), PIKE_ALL);
}

/* Three sends in a row against three receives: all of it, in its order. */
static void refused_stream(struct rig *rig, bool pipe)
{
	static char out[LONG_LEN], in[LONG_LEN];
	pike_handle h[2];
	pike_id ids[6];

	refused_pair(rig, pipe, h);
	for (size_t i = 0; i < LONG_LEN; i++)
		out[i] = (char)(i * 31 + i / 257);
	memset(in, 0, sizeof(in));
	for (int i = 0; i < 3; i++) {
		size_t at = i * (LONG_LEN / 3);
		ids[i] = submit(rig, all_of(pipe, true, h[0], out + at));
		ids[3 + i] = submit(rig, all_of(pipe, false, h[1], in + at));
	}
	for (int i = 0; i < 6; i++)
		expect_one(rig, ids[i], LONG_LEN / 3, 0, 0);
	ck_assert(memcmp(in, out, LONG_LEN) == 0);
	ck_assert_int_gt(refusal.refused, 0);
	expect_op(rig, op_close(h[0]), 0);
	expect_op(rig, op_close(h[1]), 0);
}

CASE(what_is_refused_of_a_stream_is_sent_and_received_later)
{
	for (size_t i = 0; i < ARRAY_LEN(refusal_codes); i++) {
		refusal_begin(refusal_codes[i], 3);
		refused_stream(rig, false);
	}
	refusal_begin(WSAENOBUFS, 3);
	refusal.by_packet = true;
	refused_stream(rig, false);
}

CASE(what_is_refused_of_a_pipe_is_written_and_read_later)
{
	for (size_t i = 1; i < ARRAY_LEN(refusal_codes); i++) {
		refusal_begin(refusal_codes[i], 100);
		refused_stream(rig, true);
	}
}

/* A process may keep less in memory than one call wants. */
CASE(what_is_too_much_at_once_goes_in_smaller_parts)
{
	refusal_begin(WSAENOBUFS, 0);
	refusal.above = 60000;
	refused_stream(rig, false);
}

CASE(what_is_refused_of_datagrams_is_not_lost)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM)).res;
	pike_handle from = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	struct pike_addr sender;

	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	refusal_begin(WSAENOBUFS, 2);
	for (int i = 0; i < 20; i++) {
		char in[8] = "", out = (char)i;
		struct pike_op op =
		    op_io_at(PIKE_RECVFROM, h, in, sizeof(in), &sender);
		if (i & 1)
			op = op_recv(h, in, sizeof(in));
		pike_id id = submit(rig, op);
		expect_op(rig, op_io_at(PIKE_SENDTO, from, &out, 1, &addr), 1);
		expect_one(rig, id, 1, 0, 0);
		ck_assert_int_eq(in[0], out);
	}
	ck_assert_int_gt(refusal.refused, 10);
}

CASE(what_is_refused_to_a_group_is_received_later)
{
	int group = pike_group_open(rig->q, 2, 64, NULL);
	pike_handle h[2];

	rig_tcp_pair(rig, h);
	refusal_begin(WSAENOBUFS, 3);
	pike_id id = submit(rig, op_pour(h[1], group));
	for (char i = 0; i < 50; i++) {
		expect_op(rig, op_send(h[0], &i, 1), 1);
		struct pike_completion c = wait_one(rig, id);
		ck_assert_int_eq(c.res, 1);
		ck_assert_uint_eq(c.flags, PIKE_MORE | PIKE_BUFFER);
		const char *at =
		    pike_group_buffer(rig->q, (uint32_t)group, c.buffer);
		ck_assert_int_eq(*at, i);
		ck_assert_int_eq(
		    pike_group_return(rig->q, (uint32_t)group, c.buffer), 0);
	}
	ck_assert_int_gt(refusal.refused, 10);
	expect_cancelled(rig, id);
}

/* -- while it rests -- */

CASE(what_rests_can_be_ended)
{
	pike_handle h[2];
	char in[4];

	rig_tcp_pair(rig, h);
	refusal_begin(WSAENOBUFS, 1);
	pike_id first = submit(rig, op_recv(h[1], in, 4));
	pike_id second = submit(rig, op_recv(h[1], in, 4));
	pike_id send = submit(rig, op_send(h[0], "lost", 4));
	expect_cancelled(rig, first);
	expect_cancelled(rig, second);
	expect_cancelled(rig, send);
	struct pike_op late = op_recv(h[1], in, 4);
	late.timeout_ns = 5 * NS_PER_MS;
	expect_error(rig, submit(rig, late), PIKE_ETIME);
	/* Nothing has moved, so the stream is whole. */
	refusal_begin(WSAENOBUFS, 0);
	expect_op(rig, op_send(h[0], "kept", 4), 4);
	expect_op(rig, op_flags(op_recv(h[1], in, 4), PIKE_ALL), 4);
	ck_assert(memcmp(in, "kept", 4) == 0);
	/* A close; and a queue that is closed, with all that rests. */
	refusal_begin(WSAENOBUFS, 1);
	first = submit(rig, op_recv(h[1], in, 4));
	pike_id close = submit(rig, op_close(h[1]));
	expect_error(rig, first, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	submit(rig, op_recv(h[0], in, 4));
	submit(rig, op_send(h[0], "four", 4));
	rig_close(rig);
	rig_open(rig, NULL);
}

CASE(what_rests_is_not_tried_all_the_time)
{
	pike_handle h[2];
	char in[4];

	rig_tcp_pair(rig, h);
	refusal_begin(WSAENOBUFS, 1);
	pike_id id = submit(rig, op_recv(h[1], in, 4));
	expect_op(rig, op_timer(200 * NS_PER_MS), 1);
	/* 1, 2, 4, ... 64 ms. */
	ck_assert_int_ge(refusal.calls, 2);
	ck_assert_int_le(refusal.calls, 20);
	refusal_begin(WSAENOBUFS, 0);
	expect_op(rig, op_send(h[0], "four", 4), 4);
	expect_one(rig, id, 4, 0, 0);
}

CASE(what_rests_is_shown_in_pollable)
{
	HANDLE event = (HANDLE)(uintptr_t)pike_pollable(rig->q);
	pike_handle h[2];
	char in[4];

	rig_tcp_pair(rig, h);
	refusal_begin(WSAENOBUFS, 1);
	pike_id id = submit(rig, op_recv(h[1], in, 4));
	expect_op(rig, op_nop(), 0);
	expect_op(rig, op_nop(), 0);
	long calls = refusal.calls;
	for (int i = 0; i < 20 && refusal.calls == calls; i++) {
		ck_assert_int_eq(
		    WaitForSingleObject(event, 5000), WAIT_OBJECT_0);
		rig_reap(rig, 0);
	}
	ck_assert_int_gt(refusal.calls, calls);
	expect_cancelled(rig, id);
}

/* -- others -- */

CASE(connections_that_cannot_be_taken_stay_queued)
{
	struct pike_addr addr;
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);

	for (int i = 0; i < 2; i++) {
		pike_fd fd = rig_caller(rig, &addr, NULL);
		refusal_begin(WSAENOBUFS, 0);
		*(i ? &refusal.accepts : &refusal.ports) = 1;
		expect_op(rig, op_accept(l), -PIKE_ENOBUFS);
		ck_assert_int_eq(refusal.refused, 1);
		expect_connected(rig, perform(rig, op_accept(l)).res, fd);
	}
}

CASE(a_wait_that_is_refused_is_made_again)
{
	pike_handle h[2];
	char in[4];

	rig_tcp_pair(rig, h);
	pike_id id = submit(rig, op_recv(h[1], in, 4));
	expect_op(rig, op_send(h[0], "four", 4), 4);
	refusal_begin(ERROR_NO_SYSTEM_RESOURCES, 0);
	refusal.waits = 3;
	expect_one(rig, id, 4, 0, 0);
	ck_assert_int_eq(refusal.refused, 3);
}

/* Memory for one packet there is always: that is the system's own. */
CASE(packets_are_taken_in_smaller_batches)
{
	pike_handle h[2];
	pike_id ids[8];
	char in[8];

	rig_tcp_pair(rig, h);
	refusal_begin(ERROR_NO_SYSTEM_RESOURCES, 0);
	for (int round = 0; round < 2; round++) {
		refusal.packets = 1;
		for (int i = 0; i < 8; i++)
			ids[i] = submit(rig, op_recv(h[1], in + i, 1));
		expect_op(rig, op_send(h[0], "12345678", 8), 8);
		for (int i = 0; i < 8; i++)
			expect_one(rig, ids[i], 1, 0, 0);
		ck_assert(memcmp(in, "12345678", 8) == 0);
		/* The second time by the thread that shows what has come. */
		refusal.packets = 0;
		ck_assert_int_gt(pike_pollable(rig->q), 0);
	}
	ck_assert_int_gt(refusal.refused, 0);
}

/* Whether an end is one, or a reset, is asked of a file that cannot be
 * opened. */
CASE(an_end_is_told_with_what_came_before)
{
	pike_handle h[2];
	char in[20];

	rig_tcp_pair(rig, h);
	refusal_begin(0, 0);
	refusal.files = 1;
	pike_id id =
	    submit(rig, op_flags(op_recv(h[1], in, sizeof(in)), PIKE_ALL));
	expect_op(rig, op_send(h[0], "0123456789", 10), 10);
	expect_op(rig, op_shutdown(h[0], PIKE_SHUT_WRITE), 0);
	expect_one(rig, id, 10, 0, PIKE_EOF);
	ck_assert_int_eq(refusal.refused, 1);
}

static void refused_seam(void)
{
	const char *what = "";

	if (pike__win_begin(&what) != 0)
		ck_abort_msg("%s", what);
	real = pike__win_sys;
	real_calls = pike__win_calls;
	pike__win_sys.WSARecv = or_recv;
	pike__win_sys.WSASend = or_send;
	pike__win_sys.WSARecvFrom = or_recvfrom;
	pike__win_sys.WSASendTo = or_sendto;
	pike__win_sys.ReadFile = or_read;
	pike__win_sys.WriteFile = or_write;
	pike__win_sys.CreateIoCompletionPort = or_port;
	pike__win_sys.GetQueuedCompletionStatusEx = or_wait;
	pike__win_calls.by[0].accept_ex = or_accept;
	pike__win_calls.create_file = or_file;
}

int main(void)
{
	refused_seam();
	area_begin("refused");
	area_add(what_is_refused_of_a_stream_is_sent_and_received_later);
	area_add(what_is_refused_of_a_pipe_is_written_and_read_later);
	area_add(what_is_too_much_at_once_goes_in_smaller_parts);
	area_add(what_is_refused_of_datagrams_is_not_lost);
	area_add(what_is_refused_to_a_group_is_received_later);
	area_add(what_rests_can_be_ended);
	area_add(what_rests_is_not_tried_all_the_time);
	area_add(what_rests_is_shown_in_pollable);
	area_add(connections_that_cannot_be_taken_stay_queued);
	area_add(a_wait_that_is_refused_is_made_again);
	area_add(packets_are_taken_in_smaller_batches);
	area_add(an_end_is_told_with_what_came_before);
	return area_end();
}
