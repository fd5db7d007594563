/* SPDX-License-Identifier: MIT */
/*
 * What Windows may answer and Wine does not: answers of the seam's, and what
 * pike makes of them.
 */
#include "../conformance/harness.h"
#include "../conformance/port_proc.h"
#include "backend/win_sys.h"

#include "alloc.h"

static struct pike__win_sys real;
static struct pike__win_calls real_calls;

static struct {
	HANDLE port;
	bool polls_empty; /* the driver tells nothing */
	int polls_bad;    /* it has no memory for the next so many */
	bool no_network;  /* of AcceptEx */
	/* What new sockets of a family are refused with. */
	int no_socket[PIKE__BY_NONE];
	int asked_once; /* connects that were told to ask once */
	int clocks;
	PTP_TIMER clock;
	PTP_TIMER_CALLBACK rings;
	void *rings_with;
} answers;

static HANDLE an_port(HANDLE file, HANDLE port, ULONG_PTR key, DWORD threads)
{
	if (port)
		answers.port = port;
	return real.CreateIoCompletionPort(file, port, key, threads);
}

static SOCKET an_socket(int family, int type, int protocol,
    WSAPROTOCOL_INFOW *info, GROUP group, DWORD flags)
{
	int refused = family == AF_INET    ? answers.no_socket[PIKE__BY_IPV4]
		      : family == AF_INET6 ? answers.no_socket[PIKE__BY_IPV6]
					   : 0;

	if (refused) {
		WSASetLastError(refused);
		return INVALID_SOCKET;
	}
	return real.WSASocketW(family, type, protocol, info, group, flags);
}

static int an_ioctl(SOCKET s, DWORD code, void *in, DWORD in_len, void *out,
    DWORD out_len, DWORD *bytes, WSAOVERLAPPED *ov,
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	answers.asked_once += code == SIO_TCP_INITIAL_RTO;
	return real.WSAIoctl(
	    s, code, in, in_len, out, out_len, bytes, ov, routine);
}

static PTP_TIMER an_timer(
    PTP_TIMER_CALLBACK called, void *with, TP_CALLBACK_ENVIRON *environment)
{
	answers.clocks++;
	answers.rings = called;
	answers.rings_with = with;
	answers.clock = real.CreateThreadpoolTimer(called, with, environment);
	return answers.clock;
}

static BOOL PASCAL an_accept(SOCKET l, SOCKET s, void *out, DWORD data,
    DWORD own, DWORD peer, DWORD *bytes, OVERLAPPED *ov)
{
	if (answers.no_network) {
		WSASetLastError(WSAENETDOWN);
		return FALSE;
	}
	return real_calls.by[0].accept_ex(
	    l, s, out, data, own, peer, bytes, ov);
}

static NTSTATUS NTAPI an_control(HANDLE file, HANDLE event, void *apc,
    void *context, IO_STATUS_BLOCK *status, ULONG code, void *in, ULONG in_len,
    void *out, ULONG out_len)
{
	OVERLAPPED *ov = context;

	if (answers.polls_bad) {
		answers.polls_bad--;
		return (NTSTATUS)0xC000009A; /* STATUS_INSUFFICIENT_RESOURCES */
	}
	if (!answers.polls_empty)
		return real_calls.device_control(file, event, apc, context,
		    status, code, in, in_len, out, out_len);
	ov->Internal = ov->InternalHigh = 0;
	real.PostQueuedCompletionStatus(answers.port, 0, (ULONG_PTR)file, ov);
	return 0;
}

/* While it is so, accepts by IPv4's own calls fail. */
static void answers_network_down(bool down)
{
	answers.no_network = down;
	pike__win_calls.by[PIKE__BY_IPV4].accept_ex =
	    down ? an_accept : real_calls.by[PIKE__BY_IPV4].accept_ex;
}

/* A program's beginning where sockets of a family are refused so; 0: are not.
 */
static DWORD answers_begin(int ipv4, int ipv6)
{
	const char *what = "";

	for (int i = 0; i < PIKE__BY_NONE; i++)
		pike__win_calls.served[i] = PIKE__BY_NONE;
	answers.no_socket[PIKE__BY_IPV4] = ipv4;
	answers.no_socket[PIKE__BY_IPV6] = ipv6;
	DWORD bad = pike__win_begin(&what);
	memset(answers.no_socket, 0, sizeof(answers.no_socket));
	return bad;
}

static bool has_ipv6(void)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET6);
	pike_fd fd = port_bound(&addr, PIKE_SOCK_STREAM, 0);

	if (fd >= 0)
		port_close(fd);
	return fd >= 0;
}

/* -- */

/* What was asked stands where the answer would. */
CASE(a_driver_that_tells_nothing_tells_of_no_reset)
{
	pike_handle h[2];
	char in[4];

	rig_tcp_pair(rig, h);
	expect_op(rig, op_shutdown(h[0], PIKE_SHUT_WRITE), 0);
	port_wait_readable(pike_fd_of(rig->q, h[1]));
	answers.polls_empty = true;
	pike_id id = submit(rig, op_recv(h[1], in, 4));
	expect_one(rig, id, 0, 0, PIKE_EOF);
	answers.polls_empty = false;
}

/* That there are none is said only by who could look. */
CASE(urgent_data_are_asked_for_again)
{
	pike_handle h[2];
	char in = 0;

	rig_tcp_pair(rig, h);
	struct pike_op op = op_how(op_recv(h[1], &in, 1), PIKE_MSG_OOB);
	expect_op(rig, op_how(op_send(h[0], "!", 1), PIKE_MSG_OOB), 1);
	expect_op(rig, op_poll(h[1], PIKE_POLL_PRI), PIKE_POLL_PRI);
	answers.polls_bad = 3;
	expect_op(rig, op, 1);
	ck_assert_int_eq(in, '!');
	ck_assert_int_eq(answers.polls_bad, 0);
	answers.polls_empty = true;
	expect_op(rig, op, -PIKE_EINVAL);
	answers.polls_empty = false;
}

CASE(an_accept_ends_when_the_network_is_down)
{
	struct pike_addr addr;
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_fd fd = rig_caller(rig, &addr, NULL);

	answers_network_down(true);
	expect_op(rig, op_accept(l), -PIKE_ENETDOWN);
	expect_op(rig, op_flags(op_accept(l), PIKE_MULTISHOT), -PIKE_ENETDOWN);
	answers_network_down(false);
	expect_connected(rig, perform(rig, op_accept(l)).res, fd);
}

CASE(a_machine_without_ipv4_has_the_rest)
{
	struct pike_addr addr;
	char in[4];
	pike_fd fd[2];
	struct pike_iovec iov = {in, sizeof(in)};
	struct pike_msg msg = {.iov = &iov, .iov_count = 1};

	ck_assert_uint_eq(answers_begin(WSAEAFNOSUPPORT, 0), 0);
	port_pipe(fd);
	pike_handle to = rig_adopt(rig, rig_own(rig, fd[1]));
	pike_handle from = rig_adopt(rig, rig_own(rig, fd[0]));
	expect_op(rig, op_io(PIKE_WRITE, to, "pipe", 4), 4);
	expect_op(rig, op_io(PIKE_READ, from, in, 4), 4);
	if (!has_ipv6())
		SKIP("no IPv6 here");
	pike_handle l = rig_listen(rig, PIKE_AF_INET6, &addr);
	pike_id accept = submit(rig, op_accept(l));
	pike_handle h = perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res;
	pike_handle peer = wait_one(rig, accept).res;
	expect_op(rig, op_send(h, "six!", 4), 4);
	expect_op(rig, op_flags(op_recv(peer, in, 4), PIKE_ALL), 4);
	addr = port_loopback(PIKE_AF_INET6);
	h = perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM)).res;
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "six!", 4, &addr), 4);
	expect_op(rig, op_io(PIKE_RECVMSG, h, &msg, 1), 4);
}

/* That memory is short passes, and a family may be installed. */
CASE(a_later_queue_finds_what_an_earlier_did_not)
{
	static const struct {
		int no[PIKE__BY_NONE];
		DWORD bad;
	} before[] = {
	    {{WSAENOBUFS, 0}, 0},
	    {{0, WSAENOBUFS}, 0},
	    {{WSAEAFNOSUPPORT, 0}, 0},
	    {{0, WSAEAFNOSUPPORT}, 0},
	    {{WSAEAFNOSUPPORT, WSAEAFNOSUPPORT}, 0},
	    {{WSAEAFNOSUPPORT, WSAENOBUFS}, WSAENOBUFS},
	    {{WSAENOBUFS, WSAEAFNOSUPPORT}, WSAENOBUFS},
	};
	const atomic_uchar *served = pike__win_calls.served;

	if (!has_ipv6())
		SKIP("no IPv6 here");
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		const int *no = before[i].no;
		pike_handle h[2];
		ck_assert_uint_eq(answers_begin(no[0], no[1]), before[i].bad);
		for (int k = 0; k < PIKE__BY_NONE; k++)
			ck_assert_int_eq(served[k] == k, !no[k]);
		rig_close(rig);
		rig_open(rig, NULL);
		for (int k = 0; k < PIKE__BY_NONE; k++)
			ck_assert_int_eq(served[k], k);
		rig_tcp_pair(rig, h);
	}
}

/* Layers above the system's sockets need not be there for both. */
CASE(each_family_is_served_by_its_own_calls)
{
	struct pike_addr addr;

	if (!has_ipv6())
		SKIP("no IPv6 here");
	answers_network_down(true);
	pike_handle l = rig_listen(rig, PIKE_AF_INET6, &addr);
	pike_id accept = submit(rig, op_accept(l));
	ck_assert_int_gt(perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res, 0);
	ck_assert_int_gt(wait_one(rig, accept).res, 0);
	answers_network_down(false);
}

CASE(a_refusal_on_the_own_machine_is_asked_for_once)
{
	for (int i = 0; i < 2; i++) {
		int family = i ? PIKE_AF_INET6 : PIKE_AF_INET;
		struct pike_addr addr = port_loopback(family);
		if (i && !has_ipv6())
			SKIP("no IPv6 here");
		port_close(port_bound(&addr, PIKE_SOCK_STREAM, 0));
		answers.asked_once = 0;
		expect_op(
		    rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_ECONNREFUSED);
		ck_assert_int_eq(answers.asked_once, 1);
	}
}

/* -- memory -- */

static long memory_asks;

static void *an_realloc(void *old, size_t size)
{
	memory_asks += size != 0;
	if (size)
		return realloc(old, size);
	free(old);
	return NULL;
}

/* Also for ops whose calls need more than their slots. */
CASE(with_a_limit_all_memory_is_taken_at_the_opening)
{
	struct pike_params params = {.ops_max = 40};
	struct pike_addr addr, from[20];
	pike_id ids[40];
	char in[20][4];

	rig_close(rig);
	pike__realloc_hook = an_realloc;
	rig_open(rig, &params);
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	addr = port_loopback(PIKE_AF_INET);
	pike_handle h =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM)).res;
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	memory_asks = 0;
	for (int i = 0; i < 40; i++)
		ids[i] = submit(rig, i & 1 ? op_poll(l, PIKE_POLL_PRI)
					   : op_io_at(PIKE_RECVFROM, h,
						 in[i / 2], 4, &from[i / 2]));
	for (int i = 1; i < 40; i++)
		expect_cancelled(rig, ids[i]);
	expect_op(rig, op_io_at(PIKE_SENDTO, h, "four", 4, &addr), 4);
	expect_one(rig, ids[0], 4, 0, 0);
	expect_cancelled(rig, submit(rig, op_accept(l)));
	ck_assert_int_eq(memory_asks, 0);
	rig_close(rig);
	pike__realloc_hook = NULL;
	rig_open(rig, NULL);
}

/* -- the wall clock -- */

CASE(who_waits_outside_is_told_of_a_clock_that_is_set)
{
	struct pike_op op = op_timer(port_wall() + 3600000 * NS_PER_MS);

	op.op_flags = PIKE_TIMER_ABSOLUTE | PIKE_TIMER_REALTIME;
	HANDLE event = (HANDLE)(intptr_t)pike_pollable(rig->q);
	rig_reap(rig, 0);
	int clocks = answers.clocks;
	pike_id id = submit(rig, op);
	ck_assert_int_eq(answers.clocks, clocks + 1);
	ck_assert(IsThreadpoolTimerSet(answers.clock));
	ck_assert_int_eq(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
	/* The clock came to it, and was set back. */
	SetThreadpoolTimer(answers.clock, NULL, 0, 0);
	ck_assert(!IsThreadpoolTimerSet(answers.clock));
	answers.rings(NULL, answers.rings_with, answers.clock);
	ck_assert_int_eq(WaitForSingleObject(event, 10000), WAIT_OBJECT_0);
	rig_reap(rig, 0);
	ck_assert(IsThreadpoolTimerSet(answers.clock));
	expect_cancelled(rig, id);
}

static void answers_seam(void)
{
	const char *what = "";

	real = pike__win_sys;
	pike__win_sys.CreateIoCompletionPort = an_port;
	pike__win_sys.WSASocketW = an_socket;
	pike__win_sys.WSAIoctl = an_ioctl;
	pike__win_sys.CreateThreadpoolTimer = an_timer;
	if (pike__win_begin(&what) != 0)
		ck_abort_msg("%s", what);
	real_calls = pike__win_calls;
	pike__win_calls.device_control = an_control;
}

int main(void)
{
	answers_seam();
	area_begin("answers");
	area_add(a_driver_that_tells_nothing_tells_of_no_reset);
	area_add(urgent_data_are_asked_for_again);
	area_add(an_accept_ends_when_the_network_is_down);
	area_add(a_machine_without_ipv4_has_the_rest);
	area_add(a_later_queue_finds_what_an_earlier_did_not);
	area_add(each_family_is_served_by_its_own_calls);
	area_add(a_refusal_on_the_own_machine_is_asked_for_once);
	area_add(with_a_limit_all_memory_is_taken_at_the_opening);
	area_add(who_waits_outside_is_told_of_a_clock_that_is_set);
	return area_end();
}
