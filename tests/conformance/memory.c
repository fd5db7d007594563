/* SPDX-License-Identifier: MIT */
/*
 * Memory: none per op once warm, little per connection, all of it given back,
 * and every want of it survived.
 */
#include <stdio.h>
#include <stdlib.h>

#include "every.h"
#include "port_heap.h"
#include "port_proc.h"

#define NEED_HEAP                                                              \
	if (!port_heap_works())                                                \
	SKIP("this build's allocator cannot be looked at")

/* ----------------------------------------------------------- per op: none --
 */

struct warm {
	struct pike_queue *q;
	pike_handle h[2];
	char in[64];
	int group;
};

static void warm_one(struct warm *w, struct pike_op op, int64_t res)
{
	struct pike_completion c = {0};

	if (pike_submit(w->q, &op) < 0 || pike_reap(w->q, &c, 1, -1) != 1 ||
	    c.res != res)
		abort();
}

/* One of everything that a busy program does. */
static void warm_round(struct warm *w)
{
	struct pike_completion done[64];
	struct pike_op op = op_recv(w->h[1], w->in, 1);
	struct pike_iovec iov[2] = {{w->in, 1}, {w->in + 1, 1}};
	struct pike_msg msg = {.iov = iov, .iov_count = 2};

	/* A recv that waits, a deadline, an echo. */
	op.timeout_ns = 3600000 * NS_PER_MS;
	if (pike_submit(w->q, &op) < 0)
		abort();
	warm_one(w, op_nop(), 0);
	op = op_send(w->h[0], "x", 1);
	if (pike_submit(w->q, &op) < 0)
		abort();
	for (int n = 0; n < 2;)
		n += pike_reap(w->q, done, 64, -1);
	warm_one(w, op_io(PIKE_WRITEV, w->h[0], iov, 2), 2);
	warm_one(w, op_io(PIKE_READV, w->h[1], iov, 2), 2);
	warm_one(w, op_io(PIKE_SENDMSG, w->h[0], &msg, 1), 2);
	warm_one(w, op_io(PIKE_RECVMSG, w->h[1], &msg, 1), 2);
	warm_one(w, op_timer(1000), 1);
	/* From a group, once and many times. */
	for (int i = 0; i < 2; i++) {
		struct pike_completion c[3];
		struct pike_op send = op_send(w->h[0], "xy", 2);
		op = op_flags(op_group(PIKE_RECV, w->h[1], w->group),
		    i ? PIKE_MULTISHOT : 0);
		if (pike_submit(w->q, &op) < 0 || pike_submit(w->q, &send) < 0)
			abort();
		for (int n = 0; n < 2;)
			n += pike_reap(w->q, c + n, 2 - (unsigned)n, -1);
		if (pike_group_return(w->q, (uint32_t)w->group, 0))
			abort();
	}
	if (pike_cancel_handle(w->q, w->h[1]) != 1 ||
	    pike_reap(w->q, done, 64, -1) != 1)
		abort();
	/* Many at once, cancelled one by one and by their handle. */
	for (int i = 0; i < 20; i++) {
		op = i & 1 ? op_timer(INT64_MAX) : op_recv(w->h[0], w->in, 1);
		pike_id id = pike_submit(w->q, &op);
		if (i & 1 && pike_cancel(w->q, id) < 0)
			abort();
	}
	if (pike_cancel_handle(w->q, w->h[0]) != 10)
		abort();
	for (int n = 0; n < 20;)
		n += pike_reap(w->q, done, 64, -1);
	for (int i = 0; i < 20; i++)
		pike_post(w->q, w, i);
	pike_wake(w->q);
	for (int n = 0; n < 20;)
		n += pike_reap(w->q, done, 64, -1);
}

CASE(no_memory_is_asked_for_once_warm)
{
	struct warm w = {.q = rig->q};

	NEED_HEAP;
	rig_pair(rig, RIG_TCP, w.h);
	w.group = pike_group_open(rig->q, 1, 64, NULL);
	for (int i = 0; i < 3; i++)
		warm_round(&w);
	size_t held = port_heap_held();
	port_heap_begin(0);
	for (int i = 0; i < 2000; i++)
		warm_round(&w);
	/* Not after an assertion, of each of which some heaps keep a trace. */
	size_t holds = port_heap_held();
	ck_assert_uint_eq(port_heap_end(), 0);
	ck_assert_uint_eq(holds, held);
}

CASE(no_memory_is_asked_for_by_connections_that_come_and_go)
{
	struct pike_addr addr;
	struct pike_completion c;
	unsigned long asks = 0;

	NEED_HEAP;
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	for (int i = 0; i < 500; i++) {
		struct pike_op op = op_accept(l);
		char byte;
		pike_fd peer = port_connect(&addr, PIKE_SOCK_STREAM);
		port_heap_begin(0);
		pike_submit(rig->q, &op);
		pike_reap(rig->q, &c, 1, -1);
		pike_handle h = c.res;
		op = op_recv(h, &byte, 1);
		pike_submit(rig->q, &op);
		pike_reap(rig->q, &c, 1, 0);
		op = op_close(h);
		pike_id close = pike_submit(rig->q, &op);
		while (pike_reap(rig->q, &c, 1, -1) == 1 && c.id != close)
			continue;
		unsigned long n = port_heap_end();
		ck_assert_int_eq(c.id, close);
		asks += i < 10 ? 0 : n;
		port_close(peer);
	}
	ck_assert_uint_eq(asks, 0);
}

/* params.ops_max: everything at once, also for the first op of all. */
CASE(no_memory_is_asked_for_after_the_opening_with_a_limit)
{
	struct pike_params params = {.ops_max = 64};
	struct pike_completion c;

	NEED_HEAP;
	rig_close(rig);
	rig_open(rig, &params);
	int refused = 0, reaped = 0;
	port_heap_begin(0);
	for (int round = 0; round < 10; round++) {
		struct pike_op op = op_timer(round);
		for (int i = 0; i < 65; i++)
			refused += pike_submit(rig->q, &op) == -PIKE_EAGAIN;
		for (int i = 0; i < 64; i++)
			reaped += pike_reap(rig->q, &c, 1, -1);
	}
	ck_assert_uint_eq(port_heap_end(), 0);
	ck_assert_int_eq(refused, 10);
	ck_assert_int_eq(reaped, 640);
}

CASE(no_memory_is_asked_for_by_what_is_refused)
{
	struct every e;
	char bytes[8];

	NEED_HEAP;
	every_make(rig, &e);
	rig_reap(rig, 0);
	int refused = 0;
	port_heap_begin(0);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		op.reserved[0] = 1;
		refused += pike_submit(rig->q, &op) == -PIKE_EINVAL;
		op = op_recv(INT64_C(0x1234567890), bytes, 8);
		refused += pike_submit(rig->q, &op) == -PIKE_EBADF;
	}
	ck_assert_uint_eq(port_heap_end(), 0);
	ck_assert_int_eq(refused, 2 * (PIKE_OPCODES - 1));
	expect_cancelled(rig, e.timer);
}

/* ------------------------------------------------------- per connection -- */

#define IDLE 400 /* bytes inside pike, with a recv that waits */

static void memory_idle(struct rig *rig, bool grouped)
{
	enum {
		PEERS = 4000
	};
	static pike_fd fd[PEERS][2];
	static char in[PEERS];
	/* Arrays grow by an eighth: a number that leaves little free. */
	const int peers = port_fewer() > 1 ? 1400 : PEERS;
	struct pike_completion c;
	int group = pike_group_open(rig->q, 2, 64, NULL);

	ck_assert_int_gt(group, 0);
	if (port_fd_limit(0) < 2 * PEERS + 100)
		port_fd_limit(2 * PEERS + 100);
	if (port_fd_limit(0) < 2 * PEERS + 100)
		SKIP("too few descriptors are allowed");
	for (int i = 0; i < peers; i++)
		port_unix_pair(PIKE_SOCK_STREAM, fd[i]);
	size_t before = port_heap_held();
	for (int i = 0; i < peers; i++) {
		pike_handle h = pike_adopt(rig->q, fd[i][0], 0);
		struct pike_op op =
		    grouped ? op_pour(h, group) : op_recv(h, &in[i], 1);
		check_often(h > 0);
		check_often(pike_submit(rig->q, &op) > 0);
		check_often(pike_reap(rig->q, &c, 1, 0) == 0);
	}
	size_t each = (port_heap_held() - before) / (size_t)peers;
	printf("idle connection with a recv%s: %zu bytes\n",
	    grouped ? " from a group" : "", each);
	check_often(each <= IDLE);
	check_often(each > 0);
	/* And they work. */
	for (int i = 0; i < peers; i++) {
		check_often(port_write(fd[i][1], "x", 1) == 1);
		check_often(pike_reap(rig->q, &c, 1, -1) == 1);
		check_often(c.res == 1);
		if (grouped)
			check_often(pike_group_return(rig->q, (uint32_t)group,
					c.buffer) == 0);
	}
	rig_close(rig);
	for (int i = 0; i < peers; i++) {
		port_close(fd[i][0]);
		port_close(fd[i][1]);
	}
}

CASE(an_idle_connection_with_a_recv_takes_at_most_400_bytes)
{
	NEED_HEAP;
	memory_idle(rig, false);
}

CASE(an_idle_connection_that_shares_buffers_takes_at_most_400_bytes)
{
	NEED_HEAP;
	memory_idle(rig, true);
}

CASE(a_queue_gives_all_its_memory_back)
{
	struct pike_params params = {0};
	static pike_fd fd[200][2];
	static char in[3000];
	size_t before = 0;

	NEED_HEAP;
	rig_params(&params);
	for (int round = 0; round < 200; round++)
		port_tcp_pair(fd[round]);
	/* The first rounds fill what pike keeps of closed queues. */
	for (int round = 0; round < 200; round++) {
		struct pike_queue *q;
		check_often(pike_queue_open(&q, &params) == 0);
		pike_handle h = pike_adopt(q, fd[round][0], 0);
		for (int i = 0; i < 3000; i += round < 190 ? 100 : 1) {
			struct pike_op op = op_recv(h, &in[i], 1);
			check_often(pike_submit(q, &op) > 0);
			op = op_timer(INT64_MAX);
			check_often(pike_submit(q, &op) > 0);
		}
		struct pike_op op = op_of(PIKE_SIGNAL, 0);
		op.u.signal.set = PIKE_SIGNAL_BIT(PIKE_SIGUSR1);
		check_often(pike_submit(q, &op) > 0);
		check_often(pike_pollable(q) >= 0);
		for (uint32_t i = 1; i < 20; i++)
			check_often(pike_group_open(q, i, 8 * i, NULL) > 0);
		check_often(pike_group_close(q, 7) == 0);
		struct pike_completion c;
		check_often(pike_reap(q, &c, 1, 0) == 0);
		pike_queue_close(q);
		port_close(fd[round][0]);
		port_close(fd[round][1]);
		if (round == 100)
			before = port_heap_held();
	}
	ck_assert_uint_le(port_heap_held(), before);
	expect_op(rig, op_nop(), 0);
}

/* ------------------------------------------------------------ none left -- */

/*
 * P199: a day in the life, in which the fail-th ask for memory gets none. A
 * call that fails says -PIKE_ENOMEM and has done nothing; an op that was
 * accepted ends once, with its result or for want of memory. Returns whether
 * the day came to its end without the failure.
 */
struct day {
	unsigned long fail;
	unsigned long asks;
	bool refused;
	struct pike_queue *q;
	int open; /* ops accepted and not over */
};

#define DAY(d, result, call)                                                   \
	do {                                                                   \
		unsigned long left =                                           \
		    (d)->fail > (d)->asks ? (d)->fail - (d)->asks : 0;         \
		port_heap_begin(left);                                         \
		(result) = (call);                                             \
		(d)->asks += port_heap_end();                                  \
	} while (0)

static bool day_good(struct day *d, int64_t result)
{
	if (result >= 0)
		return true;
	ck_assert_int_eq(result, -PIKE_ENOMEM);
	d->refused = true;
	return false;
}

static void day_submit(struct day *d, struct pike_op op)
{
	int64_t r;

	DAY(d, r, pike_submit(d->q, &op));
	d->open += day_good(d, r);
}

/* Takes what there is, or what there will be. */
static int64_t day_reap(struct day *d, bool wait)
{
	struct pike_completion c;
	int64_t handle = 0;
	int n;

	while (!wait || d->open > 0) {
		DAY(d, n, pike_reap(d->q, &c, 1, wait ? -1 : 0));
		ck_assert_int_ge(n, 0);
		if (n == 0 && !wait)
			break;
		ck_assert_int_eq(n, 1);
		if (c.id && !(c.flags & PIKE_MORE))
			d->open--;
		if (c.res < 0 && c.res != -PIKE_ECANCELED)
			day_good(d, c.res);
		else
			handle = c.res;
	}
	return handle;
}

static void day_socket(struct day *d, pike_fd fd[2])
{
	char in[40];
	int64_t h, r;

	DAY(d, h, pike_adopt(d->q, fd[0], 0));
	if (!day_good(d, h))
		return;
	for (int i = 0; i < 40; i++)
		day_submit(d, op_recv(h, &in[i], 1));
	for (int i = 0; i < 3; i++) {
		DAY(d, r, pike_group_open(d->q, 4, 64, NULL));
		if (day_good(d, r))
			day_submit(d, op_pour(h, (int)r));
	}
	for (int i = 0; i < 200; i++)
		day_submit(d, op_timer(i < 100 ? 1 : INT64_MAX));
	struct pike_iovec iov[20];
	for (int i = 0; i < 20; i++)
		iov[i] = (struct pike_iovec){in, 1};
	day_submit(d, op_io(PIKE_WRITEV, h, iov, 20));
	day_reap(d, false);
	ck_assert_int_eq(port_write(fd[1], "0123456789", 10), 10);
	day_reap(d, false);
	DAY(d, r, pike_cancel_handle(d->q, h));
	ck_assert_int_ge(r, 0);
	day_reap(d, false);
	DAY(d, r, pike_release(d->q, h));
	ck_assert_int_eq(r, fd[0]);
}

static bool day_passes(unsigned long fail)
{
	struct day d = {.fail = fail};
	struct pike_params params = {0};
	struct pike_addr any = port_loopback(PIKE_AF_INET);
	pike_fd fd[2];
	int64_t r;

	rig_params(&params);
	int before = port_open_count();
	port_tcp_pair(fd);
	DAY(&d, r, pike_queue_open(&d.q, &params));
	if (day_good(&d, r)) {
		day_socket(&d, fd);
		struct pike_op op =
		    op_flags(op_of(PIKE_SIGNAL, 0), PIKE_MULTISHOT);
		op.u.signal.set = PIKE_SIGNAL_BIT(PIKE_SIGUSR1);
		day_submit(&d, op);
		DAY(&d, r, pike_pollable(d.q));
		day_good(&d, r);
		day_submit(&d, op_to(PIKE_LISTEN_TO, &any, 0));
		r = day_reap(&d, false);
		if (r > INT32_MAX)
			day_submit(&d, op_close(r));
		DAY(&d, r, pike_post(d.q, NULL, 1));
		ck_assert_int_eq(r, 0);
		day_reap(&d, false);
		DAY(&d, r, (pike_queue_close(d.q), 0));
	}
	port_close(fd[0]);
	port_close(fd[1]);
	ck_assert_int_eq(port_open_count(), before);
	/* What was refused was the one that we refused. */
	ck_assert(!d.refused || (fail > 0 && d.asks >= fail));
	return d.asks < fail;
}

CASE(each_want_of_memory_is_survived)
{
	unsigned long fail = 1;

	NEED_HEAP;
	struct port_signals *signals = port_signals_take();
	ck_assert(day_passes(0) == false);
	while (!day_passes(fail)) {
		ck_assert(port_signals_same(signals));
		ck_assert_uint_lt(fail, 100000);
		fail++;
	}
	printf("a day with %lu asks for memory, each refused once\n", fail - 1);
	ck_assert_uint_gt(fail, 3);
	port_signals_put(signals);
	expect_op(rig, op_nop(), 0);
}

/* A want of memory at growing leaves what is under way as it was. */
CASE(what_is_under_way_outlives_a_want_of_memory)
{
	struct pike_completion c;
	struct pike_op op = op_timer(INT64_MAX), nop = op_nop();
	int accepted = 0;
	pike_id id, first;

	NEED_HEAP;
	first = pike_submit(rig->q, &op);
	ck_assert_int_gt(first, 0);
	for (;;) {
		port_heap_begin(1);
		id = pike_submit(rig->q, &op);
		port_heap_end();
		if (id == -PIKE_ENOMEM)
			break;
		ck_assert_int_gt(id, 0);
		accepted++;
		ck_assert_int_lt(accepted, 10000000);
	}
	for (int i = 0; i < 3; i++) {
		port_heap_begin(1);
		id = pike_submit(rig->q, &op);
		port_heap_end();
		ck_assert_int_eq(id, -PIKE_ENOMEM);
	}
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	/* With memory again it goes on. */
	id = pike_submit(rig->q, &nop);
	ck_assert_int_gt(id, 0);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_eq(c.id, id);
	ck_assert_int_eq(pike_cancel(rig->q, first), 0);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_eq(c.id, first);
	ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	rig_close(rig);
}

int main(void)
{
	area_begin("memory");
	area_add(no_memory_is_asked_for_once_warm);
	area_add(no_memory_is_asked_for_by_connections_that_come_and_go);
	area_add(no_memory_is_asked_for_after_the_opening_with_a_limit);
	area_add(no_memory_is_asked_for_by_what_is_refused);
	area_add(an_idle_connection_with_a_recv_takes_at_most_400_bytes);
	area_add(
	    an_idle_connection_that_shares_buffers_takes_at_most_400_bytes);
	area_add(a_queue_gives_all_its_memory_back);
	area_add(each_want_of_memory_is_survived);
	area_add(what_is_under_way_outlives_a_want_of_memory);
	return area_end();
}
