/* SPDX-License-Identifier: MIT */
/*
 * What Wine lets pass and Windows does not, shown by the calls themselves: the
 * rules of watch.h hold in all that is done here, and it is counted that they
 * had something to hold for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../conformance/harness.h"
#include "../conformance/random.h"
#include "watch.h"

/* The rig's own queue is older than the watch of a case. */
static void trace_open(struct rig *rig)
{
	rig_close(rig);
	ck_assert_int_eq(watch_held(), 0);
	watch_reset();
	rig_open(rig, NULL);
}

/* What was begun has ended, all of it, by a packet. */
static void trace_close(struct rig *rig)
{
	rig_close(rig);
	ck_assert_int_eq(watch_held(), 0);
	ck_assert_int_eq(watch_seen.begun, watch_seen.dequeued);
	ck_assert_int_eq(watch_seen.inherited, 0);
}

CASE(each_connection_is_told_what_it_is)
{
	trace_open(rig);
	for (int i = 0; i < 20; i++) {
		pike_handle h[2];
		char in[4];
		rig_tcp_pair(rig, h);
		expect_op(rig, op_send(h[i & 1], "abcd", 4), 4);
		expect_op(
		    rig, op_flags(op_recv(h[!(i & 1)], in, 4), PIKE_ALL), 4);
		expect_op(rig, op_shutdown(h[0], PIKE_SHUT_WRITE), 0);
		expect_op_flags(rig, op_recv(h[1], in, 4), 0, PIKE_EOF);
		expect_op(rig, op_close(h[0]), 0);
		expect_op(rig, op_close(h[1]), 0);
	}
	ck_assert_int_ge(watch_seen.accept_updates, 20);
	ck_assert_int_ge(watch_seen.accepts, watch_seen.accept_updates);
	ck_assert_int_eq(watch_seen.connects, 20);
	ck_assert_int_eq(watch_seen.connect_updates, 20);
	trace_close(rig);
}

/* With many at once, and more taken ahead of their connections. */
CASE(each_connection_of_a_multishot_accept_is_told_what_it_is)
{
	struct pike_addr addr;

	trace_open(rig);
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_flags(op_accept(l), PIKE_MULTISHOT));
	for (int i = 0; i < 20; i++) {
		pike_fd fd = rig_caller(rig, &addr, NULL);
		struct pike_completion c = wait_one(rig, id);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
		expect_connected(rig, c.res, fd);
		rig_drop(rig, fd);
		expect_op(rig, op_close(c.res), 0);
	}
	ck_assert_int_eq(watch_seen.accept_updates, 20);
	expect_cancelled(rig, id);
	trace_close(rig);
}

CASE(each_file_is_given_to_the_port_once)
{
	pike_handle h[2];
	char in[8];

	trace_open(rig);
	rig_tcp_pair(rig, h);
	long before = watch_seen.associations;
	for (int i = 0; i < 100; i++) {
		pike_id id = submit(rig, op_recv(h[1], in, 8));
		expect_op(rig, op_poll(h[0], PIKE_POLL_OUT), PIKE_POLL_OUT);
		expect_op(rig, op_send(h[0], "12345678", 8), 8);
		expect_one(rig, id, 8, 0, 0);
	}
	/* Of all polls together one: their own file. */
	ck_assert_int_le(watch_seen.associations - before, 1);
	ck_assert_int_ge(watch_seen.associations, 3);
	trace_close(rig);
}

/*
 * A cancel is a request: what the op points to is the system's until the
 * packet has come, and the final completion comes after it.
 */
CASE(memory_is_given_back_after_its_packet)
{
	static char in[64][256];
	pike_handle h[2];
	struct random by_chance;

	random_begin(&by_chance, "memory");
	trace_open(rig);
	rig_tcp_pair(rig, h);
	for (int round = 0; round < 200; round++) {
		pike_id ids[8];
		char *at[8];
		for (int i = 0; i < 8; i++) {
			at[i] = in[(round * 8 + i) % 64];
			struct pike_op op = op_recv(h[i & 1], at[i], 256);
			op.timeout_ns =
			    random_below(&by_chance, 4) ? 0 : 200000;
			ids[i] = submit(rig, op);
		}
		for (unsigned n = random_below(&by_chance, 6); n > 0; n--)
			expect_op(rig, op_send(h[n & 1], "x", 1), 1);
		for (int i = 0; i < 8; i++)
			pike_cancel(rig->q, ids[i]);
		for (int i = 0; i < 8; i++) {
			wait_one(rig, ids[i]);
			ck_assert(!watch_holds(at[i], 256));
		}
	}
	ck_assert_int_gt(watch_seen.cancels, 100);
	ck_assert_int_gt(watch_seen.begun, 100);
	trace_close(rig);
}

/* Of a call with many pieces each is as good as the first. */
CASE(each_piece_of_a_vector_is_given_back_after_its_packet)
{
	enum {
		PIECES = 70
	}; /* more than a call has room for by itself */
	static char in[PIECES][16];
	struct pike_iovec iov[PIECES];
	struct pike_msg msg = {.iov = iov, .iov_count = PIECES};
	struct pike_addr from, addr = port_loopback(PIKE_AF_INET);
	pike_handle h[2];

	for (int i = 0; i < PIECES; i++)
		iov[i] = (struct pike_iovec){in[i], 16};
	trace_open(rig);
	rig_tcp_pair(rig, h);
	pike_handle packets =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM)).res;
	struct pike_msg named = msg;
	named.addr = &from;
	struct pike_op ops[] = {op_io(PIKE_READV, h[1], iov, 3),
	    op_io(PIKE_RECVMSG, h[1], &msg, 1),
	    op_io(PIKE_RECVMSG, packets, &msg, 1),
	    op_io(PIKE_RECVMSG, packets, &named, 1)};
	const int pieces[] = {3, 64, PIECES, PIECES};
	for (int k = 0; k < 4; k++) {
		pike_id id = submit(rig, ops[k]);
		fence(rig);
		for (int i = 0; i < PIECES; i++)
			ck_assert_int_eq(watch_holds(in[i], 16), i < pieces[k]);
		expect_cancelled(rig, id);
		ck_assert(!watch_holds(in, sizeof(in)));
	}
	trace_close(rig);
}

/* A queue that is closed with all that can wait under way. */
CASE(a_queue_that_closes_waits_for_its_packets)
{
	static char in[4][16];
	struct pike_addr addr, silent = port_loopback(PIKE_AF_INET);

	for (int i = 0; i < 10; i++) {
		pike_handle h[2];
		trace_open(rig);
		rig_tcp_pair(rig, h);
		pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
		rig_full_listener(rig, &silent);
		submit(rig, op_recv(h[0], in[0], 16));
		submit(rig, op_recv(h[1], in[1], 16));
		submit(rig, op_poll(h[0], PIKE_POLL_IN));
		submit(rig, op_flags(op_accept(l), PIKE_MULTISHOT));
		submit(rig, op_to(PIKE_CONNECT_TO, &silent, PIKE_SOCK_STREAM));
		pike_handle pipe;
		pike_fd writer;
		rig_peer(rig, RIG_PIPE, &pipe, &writer);
		submit(rig, op_io(PIKE_READ, pipe, in[2], 16));
		rig_reap(rig, 0);
		ck_assert_int_gt(watch_held(), 4);
		trace_close(rig);
		ck_assert(!watch_holds(in, sizeof(in)));
		rig_open(rig, NULL);
		silent = port_loopback(PIKE_AF_INET);
	}
}

/* Nobody asks again and again: one call that waits, and that is all. */
CASE(an_idle_queue_makes_no_call)
{
	pike_handle h[2];
	char byte;

	trace_open(rig);
	rig_tcp_pair(rig, h);
	pike_id id = submit(rig, op_recv(h[0], &byte, 1));
	pike_id poll = submit(rig, op_poll(h[1], PIKE_POLL_IN));
	while (rig_reap(rig, 0) > 0)
		continue;
	pike_id timer = submit(rig, op_timer(300 * NS_PER_MS));
	long calls = watch_seen.calls, waits = watch_seen.waits;
	ck_assert_int_eq(rig_reap(rig, -1), 1);
	/* Some wait once more, as clocks are not as fine as each other. */
	ck_assert_int_le(watch_seen.waits - waits, 5);
	ck_assert_int_eq(watch_seen.calls - calls, watch_seen.waits - waits);
	expect_one(rig, timer, 1, 0, 0);
	expect_cancelled(rig, id);
	expect_cancelled(rig, poll);
	trace_close(rig);
}

/* Windows lets others share a port unless it is told not to. */
CASE(who_binds_has_the_port_alone)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	int32_t on = 1;

	trace_open(rig);
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), 0);
	ck_assert_int_eq(watch_seen.alone, 1);
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), 0);
	ck_assert_int_eq(watch_seen.alone, 2);
	/* It would keep it from who comes again. */
	h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	expect_op(rig,
	    op_option(PIKE_SETSOCKOPT, h, PIKE_SOL, PIKE_SO_REUSEADDR, &on,
		sizeof(on)),
	    0);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), 0);
	rig_listen_to(rig, &addr);
	ck_assert_int_eq(watch_seen.alone, 2);
	trace_close(rig);
}

/* -- children -- */

static const char *trace_self;

/* How many of its arguments are numbers of what looks like a socket, in a
 * child that may inherit; it opens none itself. */
static int trace_child(int count, char **numbers)
{
	int found = 0;

	for (int i = 0; i < count; i++) {
		uintptr_t number = (uintptr_t)strtoull(numbers[i], NULL, 10);
		found += GetFileType((HANDLE)number) == FILE_TYPE_PIPE;
	}
	return 100 + found;
}

/* How many of n sockets a child has. */
static int trace_inherited(const pike_fd *fds, int n)
{
	STARTUPINFOA start = {.cb = sizeof(start)};
	PROCESS_INFORMATION child;
	char line[1024];
	DWORD code = 0;
	int at = snprintf(line, sizeof(line), "\"%s\" child", trace_self);

	for (int i = 0; i < n; i++)
		at += snprintf(line + at, sizeof(line) - (size_t)at, " %lld",
		    (long long)fds[i]);
	ck_assert(CreateProcessA(
	    NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child));
	WaitForSingleObject(child.hProcess, 20000);
	GetExitCodeProcess(child.hProcess, &code);
	CloseHandle(child.hProcess);
	CloseHandle(child.hThread);
	return (int)code - 100;
}

CASE(no_handle_is_inherited)
{
	struct pike_addr addr;
	pike_handle h[2];
	pike_fd fds[4], plain = port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM);

	trace_open(rig);
	rig_tcp_pair(rig, h);
	fds[0] = pike_fd_of(rig->q, h[0]);
	fds[1] = pike_fd_of(rig->q, h[1]);
	fds[2] = pike_fd_of(rig->q, rig_listen(rig, PIKE_AF_INET, &addr));
	fds[3] =
	    pike_fd_of(rig->q, rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM));
	ck_assert_int_gt(pike_pollable(rig->q), 0);
	for (int i = 0; i < 4; i++)
		ck_assert(port_is_cloexec(fds[i]));
	ck_assert(port_is_cloexec(pike_pollable(rig->q)));
	ck_assert_int_eq(trace_inherited(fds, 4), 0);
	/* It would be seen. */
	SetHandleInformation(
	    (HANDLE)(intptr_t)plain, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
	ck_assert_int_eq(trace_inherited(&plain, 1), 1);
	port_close(plain);
	trace_close(rig);
}

/* A receive of other data tells nothing of them on Windows. */
CASE(urgent_data_are_asked_of_the_driver)
{
	int group = pike_group_open(rig->q, 1, 64, NULL);
	pike_handle h[2];
	char in[4];

	rig_tcp_pair(rig, h);
	struct pike_op ops[] = {op_recv(h[0], in, 4), op_recv(h[0], in, 4),
	    op_group(PIKE_RECV, h[0], group), op_group(PIKE_RECV, h[0], group)};
	for (int i = 0; i < 4; i++) {
		watch_reset();
		if (i & 1)
			ops[i].op_flags = PIKE_MSG_OOB;
		pike_id id = submit(rig, ops[i]);
		fence(rig);
		ck_assert_int_eq(watch_seen.polls, i & 1);
		if (i & 1)
			expect_error(rig, id, PIKE_EINVAL);
		else
			expect_cancelled(rig, id);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return trace_child(argc - 2, argv + 2);
	trace_self = argv[0];
	watch_begin();
	area_begin("trace");
	area_add(each_connection_is_told_what_it_is);
	area_add(each_connection_of_a_multishot_accept_is_told_what_it_is);
	area_add(each_file_is_given_to_the_port_once);
	area_add(memory_is_given_back_after_its_packet);
	area_add(each_piece_of_a_vector_is_given_back_after_its_packet);
	area_add(a_queue_that_closes_waits_for_its_packets);
	area_add(an_idle_queue_makes_no_call);
	area_add(who_binds_has_the_port_alone);
	area_add(urgent_data_are_asked_of_the_driver);
	area_add(no_handle_is_inherited);
	return area_end();
}
