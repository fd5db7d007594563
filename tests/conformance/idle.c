/* SPDX-License-Identifier: MIT */
/*
 * Who waits, sleeps: a queue that has nothing to do goes to sleep once for
 * each reap and is not woken until there is something to give. How often the
 * process slept is the system's count, not a clock's.
 */
#include "pending.h"
#include "port_proc.h"

#define A_WHILE (50 * NS_PER_MS)
#define FEW     5 /* sleeps of one reap that gives nothing */

/* One reap that waits for nothing to come. */
static void idle_expect_sleep(struct rig *rig)
{
	while (rig_reap(rig, 0) > 0)
		continue;
	drop_arrivals(rig);
	int64_t sleeps = port_sleeps(), cpu = port_cpu_ns();
	ck_assert_int_eq(rig_reap(rig, A_WHILE), 0);
	sleeps = port_sleeps() - sleeps;
	cpu = port_cpu_ns() - cpu;
	if (sleeps > FEW || cpu > A_WHILE / 2)
		ck_abort_msg("%lld sleeps and %lld us of work in a reap that "
			     "gave nothing",
		    (long long)sleeps, (long long)cpu / 1000);
}

CASE(an_empty_queue_sleeps)
{
	idle_expect_sleep(rig);
}

static void idle_waiting(struct rig *rig, int kind)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_id id = submit(rig, p.op);
	idle_expect_sleep(rig);
	expect_pending(rig, id);
	/* The same inside another loop: it has nothing to show. */
	pike_fd fd = pike_pollable(rig->q);
	ck_assert_int_ge(fd, 0);
	for (int i = 0; port_is_readable(fd); i++) {
		ck_assert_int_lt(i, 100);
		rig_reap(rig, 0);
	}
	rig_close(rig);
}

#define IDLE_CASES(kind)                                                       \
	CASE(a_waiting_##kind##_lets_the_queue_sleep)                          \
	{                                                                      \
		idle_waiting(rig, PENDING_##kind);                             \
	}

/* clang-format off */
PENDING_KINDS(IDLE_CASES)
/* clang-format on */

/* A finished op leaves nothing behind that wakes. */
static void idle_finished(struct rig *rig, int kind)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	p.op.flags &= (uint16_t)~PIKE_MULTISHOT;
	pike_id id = submit(rig, p.op);
	fence(rig);
	pending_satisfy(rig, &p);
	struct pike_completion c = wait_one(rig, id);
	pending_check(&p, &c);
	idle_expect_sleep(rig);
}

#define IDLE_FINISHED_CASES(kind)                                              \
	CASE(after_##kind##_the_queue_sleeps)                                  \
	{                                                                      \
		idle_finished(rig, PENDING_##kind);                            \
	}

/* clang-format off */
PENDING_SATISFIABLE(IDLE_FINISHED_CASES)
/* clang-format on */

CASE(a_thousand_connections_with_a_recv_let_the_queue_sleep)
{
	enum {
		PEERS = 1000
	};
	static char in[PEERS];
	pike_handle h;
	pike_fd peer;

	if (port_fd_limit(0) < 2 * PEERS + 50)
		port_fd_limit(2 * PEERS + 50);
	if (port_fd_limit(0) < 2 * PEERS + 50)
		SKIP("too few descriptors are allowed");
	for (int i = 0; i < PEERS; i++) {
		rig_peer(rig, RIG_UNIX, &h, &peer);
		submit(rig, op_recv(h, &in[i], 1));
	}
	idle_expect_sleep(rig);
	rig_close(rig);
}

/* Bytes, ends and resets that nobody asked for. A7 */
CASE(events_that_nobody_waits_for_let_the_queue_sleep)
{
	pike_handle h[3];
	pike_fd peer[3];
	char byte;

	for (int i = 0; i < 3; i++) {
		rig_peer(rig, RIG_TCP, &h[i], &peer[i]);
		expect_cancelled(rig, submit(rig, op_recv(h[i], &byte, 1)));
	}
	idle_expect_sleep(rig);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(port_write(peer[0], "x", 1), 1);
	port_finish_writing(peer[1]);
	rig_disown(rig, peer[2]);
	port_reset(peer[2]);
	idle_expect_sleep(rig);
}

/* A11: a wait in too coarse a unit would end before the time, and begin again
 * and again until it has come. */
CASE(a_short_timer_is_one_sleep_or_two)
{
	int64_t sleeps = port_sleeps(), cpu = port_cpu_ns();

	for (int i = 0; i < 100; i++)
		expect_op(rig, op_timer(900000), 1);
	sleeps = port_sleeps() - sleeps;
	cpu = port_cpu_ns() - cpu;
	ck_assert_int_le(sleeps, 300);
	ck_assert_int_lt(cpu, 100 * 900000 / 2);
}

CASE(a_wake_is_one_sleep)
{
	for (int i = 0; i < 10; i++) {
		rig_wake(rig);
		ck_assert_int_eq(rig_reap(rig, -1), 0);
		idle_expect_sleep(rig);
	}
}

int main(void)
{
	area_begin("idle");
	area_add(an_empty_queue_sleeps);
#define IDLE_ADD(kind) area_add(a_waiting_##kind##_lets_the_queue_sleep);
	PENDING_KINDS(IDLE_ADD)
#undef IDLE_ADD
#define IDLE_ADD(kind) area_add(after_##kind##_the_queue_sleeps);
	PENDING_SATISFIABLE(IDLE_ADD)
#undef IDLE_ADD
	area_add(a_thousand_connections_with_a_recv_let_the_queue_sleep);
	area_add(events_that_nobody_waits_for_let_the_queue_sleep);
	area_add(a_short_timer_is_one_sleep_or_two);
	area_add(a_wake_is_one_sleep);
	return area_end();
}
