/* SPDX-License-Identifier: MIT */
/*
 * The whole loop under a thousand signals a second whose handler restarts
 * nothing: no call of pike's shows it, and no time is lengthened or cut.
 */
#include "pending.h"
#include "port_proc.h"

static struct port_signals *eintr_before;
static volatile unsigned eintr_ticks;

static void eintr_handler(int number)
{
	eintr_ticks = eintr_ticks + (number > 0);
}

static void eintr_begin(void)
{
	eintr_before = port_signals_take();
	eintr_ticks = 0;
	port_on_signal(port_storm_signal(), eintr_handler);
	port_storm(1000);
}

static void eintr_end(void)
{
	port_storm(0);
	port_ignore_signal(port_storm_signal());
	port_signals_put(eintr_before);
}

/* A12, A-Z of K171. Never early, and not begun anew by each signal: that
 * timer would never come, and ticks bound it. */
CASE(timers_come_in_spite_of_a_storm)
{
	eintr_begin();
	for (int i = 0; i < 5; i++) {
		int64_t begin = port_monotonic();
		unsigned ticks = eintr_ticks;
		expect_op(rig, op_timer(50 * NS_PER_MS), 1);
		ck_assert_int_ge(port_monotonic() - begin, 50 * NS_PER_MS);
		ck_assert_uint_lt(eintr_ticks - ticks, 5000);
	}
	eintr_end();
}

CASE(a_reap_waits_out_its_time_in_a_storm)
{
	eintr_begin();
	for (int i = 0; i < 5; i++) {
		struct pike_completion c;
		int64_t begin = port_monotonic();
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, 20 * NS_PER_MS), 0);
		ck_assert_int_ge(port_monotonic() - begin, 20 * NS_PER_MS);
	}
	eintr_end();
}

CASE(a_reap_without_end_does_not_end_by_a_storm)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, &byte, 1));
	pike_id timer = submit(rig, op_timer(100 * NS_PER_MS));
	eintr_begin();
	/* The first reap that returns has the timer. */
	ck_assert_int_eq(rig_reap(rig, -1), 1);
	ck_assert_uint_gt(eintr_ticks, 0);
	eintr_end();
	expect_one(rig, timer, 1, 0, 0);
	expect_cancelled(rig, id);
}

CASE(ten_thousand_echoes_in_a_storm)
{
	pike_handle h[2];
	unsigned echoes = 10000 / port_fewer();

	eintr_begin();
	rig_tcp_pair(rig, h);
	for (unsigned i = 0; i < echoes || eintr_ticks < 100; i++) {
		unsigned there = 0, back = 0;
		pike_id a = submit(rig, op_recv(h[1], &there, sizeof(there)));
		pike_id b = submit(rig, op_recv(h[0], &back, sizeof(back)));
		expect_op(rig, op_send(h[0], &i, sizeof(i)), sizeof(i));
		expect_one(rig, a, sizeof(i), 0, 0);
		expect_op(rig, op_send(h[1], &there, sizeof(i)), sizeof(i));
		expect_one(rig, b, sizeof(i), 0, 0);
		ck_assert_uint_eq(back, i);
	}
	eintr_end();
	expect_op(rig, op_close(h[0]), 0);
	expect_op(rig, op_close(h[1]), 0);
}

CASE(large_transfers_are_whole_in_a_storm)
{
	static unsigned char out[1 << 22], in[1 << 22];
	const enum rig_kind kinds[] = {RIG_TCP, RIG_UNIX, RIG_PIPE};

	eintr_begin();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		pike_handle h[2];
		if (!rig_pair(rig, kinds[i], h))
			continue;
		bool pipe = kinds[i] == RIG_PIPE;
		int read = pipe ? PIKE_READ : PIKE_RECV;
		int write = pipe ? PIKE_WRITE : PIKE_SEND;
		pattern_fill(out, sizeof(out), (unsigned)i);
		memset(in, 0, sizeof(in));
		pike_id a = submit(
		    rig, op_flags(op_io(read, h[0], in, sizeof(in)), PIKE_ALL));
		pike_id b = submit(rig,
		    op_flags(op_io(write, h[1], out, sizeof(out)), PIKE_ALL));
		expect_one(rig, a, sizeof(in), 0, 0);
		expect_one(rig, b, sizeof(out), 0, 0);
		pattern_check(in, sizeof(in), (unsigned)i);
	}
	eintr_end();
}

CASE(connections_come_and_go_in_a_storm)
{
	struct pike_addr addr;

	eintr_begin();
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	for (int i = 0; i < 500; i++) {
		pike_id accept = submit(rig, op_accept(l));
		struct pike_completion a = perform(
		    rig, op_to(PIKE_CONNECT_TO, &addr, PIKE_SOCK_STREAM));
		struct pike_completion b = wait_one(rig, accept);
		ck_assert_int_gt(a.res, 0);
		ck_assert_int_gt(b.res, 0);
		expect_op(rig, op_close(a.res), 0);
		expect_op(rig, op_close(b.res), 0);
	}
	eintr_end();
}

CASE(posts_and_deadlines_in_a_storm)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	eintr_begin();
	while (eintr_ticks < 100) {
		for (int i = 0; i < 10; i++)
			ck_assert_int_eq(pike_post(rig->q, NULL, i), 0);
		int64_t begin = port_monotonic();
		pike_id id = submit(
		    rig, op_deadline(op_recv(h, &byte, 1), 2 * NS_PER_MS));
		for (int i = 0; i < 10; i++)
			expect_one(rig, 0, i, 0, PIKE_POSTED);
		expect_error(rig, id, PIKE_ETIME);
		ck_assert_int_ge(port_monotonic() - begin, 2 * NS_PER_MS);
	}
	eintr_end();
}

CASE(queues_open_and_close_in_a_storm)
{
	eintr_begin();
	for (int i = 0; i < 300; i++) {
		struct rig *other = rig_new(NULL);
		struct pending p;
		pending_make(other,
		    (enum pending_kind)(i % 3 ? PENDING_readv : PENDING_accept),
		    &p);
		submit(other, p.op);
		submit(other, op_timer(INT64_MAX));
		ck_assert_int_ge(pike_pollable(other->q), 0);
		rig_reap(other, 0);
		rig_close(other);
	}
	eintr_end();
	expect_op(rig, op_nop(), 0);
}

/* The application's handler runs, and as often as before. */
CASE(the_handler_of_the_application_runs_on)
{
	eintr_begin();
	unsigned ticks = eintr_ticks;
	expect_op(rig, op_timer(100 * NS_PER_MS), 1);
	ck_assert_uint_gt(eintr_ticks, ticks);
	eintr_end();
}

int main(void)
{
	area_begin("eintr");
	area_add(timers_come_in_spite_of_a_storm);
	area_add(a_reap_waits_out_its_time_in_a_storm);
	area_add(a_reap_without_end_does_not_end_by_a_storm);
	area_add(ten_thousand_echoes_in_a_storm);
	area_add(large_transfers_are_whole_in_a_storm);
	area_add(connections_come_and_go_in_a_storm);
	area_add(posts_and_deadlines_in_a_storm);
	area_add(queues_open_and_close_in_a_storm);
	area_add(the_handler_of_the_application_runs_on);
	return area_end();
}
