/* SPDX-License-Identifier: MIT */
/*
 * Limits that a queue was given: a full queue says so and loses nothing, and
 * multishot ops pause and go on.
 */
#include <stdlib.h>

#include "harness.h"
#include "port_proc.h"

static void limit_open(struct rig *rig, struct pike_params params)
{
	rig_close(rig);
	rig_open(rig, &params);
}

static struct pike_op limit_shots(struct pike_op op)
{
	return op_flags(op, PIKE_MULTISHOT);
}

/* -------------------------------------------------------------- ops_max -- */

CASE(one_op_too_many_is_eagain_until_one_was_reaped)
{
	limit_open(rig, (struct pike_params){.ops_max = 4});
	for (int round = 0; round < 100; round++) {
		pike_id ids[4];
		for (int i = 0; i < 4; i++)
			ids[i] = submit(rig, op_timer(INT64_MAX));
		refuse(rig, op_nop(), PIKE_EAGAIN);
		refuse(rig, op_timer(1), PIKE_EAGAIN);
		for (int i = 0; i < 4; i++) {
			expect_cancelled(rig, ids[i]);
			pike_id id = submit(rig, op_nop());
			refuse(rig, op_nop(), PIKE_EAGAIN);
			expect_one(rig, id, 0, 0, 0);
			ids[i] = submit(rig, op_timer(INT64_MAX));
		}
		for (int i = 0; i < 4; i++)
			expect_cancelled(rig, ids[i]);
		ck_assert_int_eq(rig_reap(rig, 0), 0);
	}
}

/* Finished is not enough: its completion takes the place until it is reaped. */
CASE(what_has_finished_counts_until_it_was_reaped)
{
	struct pike_completion c;
	struct pike_op op = op_nop();

	limit_open(rig, (struct pike_params){.ops_max = 2});
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_gt(pike_submit(rig->q, &op), 0);
		ck_assert_int_gt(pike_submit(rig->q, &op), 0);
		ck_assert_int_eq(pike_submit(rig->q, &op), -PIKE_EAGAIN);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_gt(pike_submit(rig->q, &op), 0);
		ck_assert_int_eq(pike_submit(rig->q, &op), -PIKE_EAGAIN);
		for (int left = 2; left > 0; left--)
			ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	}
}

CASE(a_flood_through_four_places_loses_nothing)
{
	enum {
		FLOOD = 100000
	};
	static unsigned char seen[FLOOD];
	int submitted = 0, reaped = 0;

	memset(seen, 0, sizeof(seen));
	limit_open(rig, (struct pike_params){.ops_max = 4});
	while (reaped < FLOOD) {
		struct pike_completion done[3];
		while (submitted < FLOOD) {
			struct pike_op op =
			    op_tagged(op_nop(), &seen[submitted]);
			pike_id id = pike_submit(rig->q, &op);
			if (id == -PIKE_EAGAIN)
				break;
			check_often(id > 0);
			submitted++;
		}
		int n = pike_reap(rig->q, done, 3, -1);
		check_often(n > 0);
		for (int i = 0; i < n; i++)
			++*(unsigned char *)done[i].user_data;
		reaped += n;
	}
	for (int i = 0; i < FLOOD; i++)
		check_often(seen[i] == 1);
}

CASE(a_queue_with_one_place_works)
{
	pike_handle h[2];
	char byte;

	limit_open(rig, (struct pike_params){.ops_max = 1});
	rig_pair(rig, RIG_TCP, h);
	for (int i = 0; i < 100; i++) {
		expect_op(rig, op_send(h[0], "x", 1), 1);
		expect_op(rig, op_recv(h[1], &byte, 1), 1);
		expect_op(rig, op_timer(1), 1);
	}
	pike_id id = submit(rig, op_recv(h[1], &byte, 1));
	refuse(rig, op_send(h[0], "x", 1), PIKE_EAGAIN);
	expect_cancelled(rig, id);
	expect_op(rig, op_close(h[0]), 0);
}

CASE(submit_many_stops_where_the_queue_is_full)
{
	struct pike_op ops[10];
	pike_id ids[10];

	limit_open(rig, (struct pike_params){.ops_max = 4});
	for (int i = 0; i < 10; i++) {
		ops[i] = op_nop();
		ids[i] = -77;
	}
	ck_assert_int_eq(pike_submit_many(rig->q, ops, 10, ids), 4);
	for (int i = 0; i < 4; i++)
		ck_assert_int_gt(ids[i], 0);
	ck_assert_int_eq(ids[4], -PIKE_EAGAIN);
	ck_assert_int_eq(ids[5], -77);
	ck_assert_int_eq(pike_submit_many(rig->q, ops, 10, NULL), -PIKE_EAGAIN);
	struct pike_completion done[10];
	for (int left = 4; left > 0;)
		left -= pike_reap(rig->q, done, 10, -1);
	ck_assert_int_eq(pike_reap(rig->q, done, 10, 0), 0);
}

/* The calls that cancel need no place; the op that does is one like others. */
CASE(a_full_queue_can_be_cancelled)
{
	pike_handle h;
	pike_fd peer;
	char in[4];
	pike_id ids[4];

	limit_open(rig, (struct pike_params){.ops_max = 4});
	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 4; i++)
		ids[i] = submit(rig, op_recv(h, &in[i], 1));
	refuse(rig, op_cancel(ids[0]), PIKE_EAGAIN);
	refuse(rig, op_close(h), PIKE_EAGAIN);
	ck_assert_int_eq(pike_cancel(rig->q, ids[2]), 0);
	ck_assert_int_eq(pike_cancel_handle(rig->q, h), 3);
	for (int i = 0; i < 4; i++)
		expect_error(rig, ids[i], PIKE_ECANCELED);
	expect_op(rig, op_close(h), 0);
}

CASE(posts_take_no_place_of_ops)
{
	limit_open(rig, (struct pike_params){.ops_max = 2, .posts_max = 2});
	pike_id a = submit(rig, op_nop());
	pike_id b = submit(rig, op_nop());
	ck_assert_int_eq(pike_post(rig->q, NULL, 1), 0);
	ck_assert_int_eq(pike_post(rig->q, NULL, 2), 0);
	ck_assert_int_eq(pike_post(rig->q, NULL, 3), -PIKE_EAGAIN);
	expect_one(rig, 0, 1, 0, PIKE_POSTED);
	expect_one(rig, 0, 2, 0, PIKE_POSTED);
	expect_one(rig, a, 0, 0, 0);
	expect_one(rig, b, 0, 0, 0);
}

CASE(a_refused_op_leaves_no_trace)
{
	struct pike_addr addr;

	limit_open(rig, (struct pike_params){.ops_max = 1});
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	struct port_signals *before = port_signals_take();
	int open = port_open_count();
	pike_id id = submit(rig, op_timer(INT64_MAX));
	struct pike_op op = op_of(PIKE_SIGNAL, 0);
	op.u.signal.set = PIKE_SIGNAL_BIT(SIGNAL_A);
	for (int i = 0; i < 1000; i++) {
		refuse(rig, op, PIKE_EAGAIN);
		refuse(rig, op_to(PIKE_CONNECT_TO, &addr, 0), PIKE_EAGAIN);
		refuse(rig, op_accept(l), PIKE_EAGAIN);
		refuse(rig, op_socket(PIKE_AF_INET, PIKE_SOCK_STREAM),
		    PIKE_EAGAIN);
		refuse(rig, op_deadline(op_nop(), 1), PIKE_EAGAIN);
	}
	ck_assert(port_signals_same(before));
	port_signals_put(before);
	ck_assert_int_eq(port_open_count(), open);
	expect_cancelled(rig, id);
	expect_op(rig, op_close(l), 0);
}

/* ------------------------------------------------------------ shots_max -- */

/*
 * N192: nobody reaps, so nothing more is accepted than there is room for;
 * then one by one all of them come.
 */
static void limit_accepts(struct rig *rig, unsigned shots_max, int peers)
{
	struct pike_addr addr;
	struct pike_completion c;
	pike_fd fd[64];

	limit_open(rig, (struct pike_params){.shots_max = shots_max});
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	struct pike_op op = limit_shots(op_accept(l));
	int ready = -port_open_count();
	pike_id id = pike_submit(rig->q, &op);
	ck_assert_int_gt(id, 0);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	/* Some systems want a socket before there is a connection for it. */
	ready += port_open_count();
	ck_assert_int_ge(ready, 0);
	ck_assert_int_le(ready, port_can(PORT_SHOTS_UNAIDED) ? 0 : 1);
	/* With the peers; the system may take some before we ask. */
	int open = port_open_count() + peers;
	for (int i = 0; i < peers; i++)
		fd[i] = rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	for (int i = 0; i < peers; i++) {
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.id, id);
		ck_assert_int_gt(c.res, 0);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
		int taken = port_open_count() - open;
		ck_assert_int_ge(taken, i + 1 - ready);
		ck_assert_int_le(taken, i + 1 + (int)shots_max);
		/* The right one: it hears what its peer says. */
		struct pike_addr mine;
		ck_assert_int_eq(port_name(fd[i], false, &mine), 0);
		struct pike_addr theirs;
		ck_assert_int_eq(
		    port_name(pike_fd_of(rig->q, c.res), true, &theirs), 0);
		ck_assert_uint_eq(mine.port, theirs.port);
	}
	/* It goes on. */
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	ck_assert_uint_eq(c.flags, 0);
}

CASE(a_multishot_accept_pauses_at_one_shot_and_goes_on)
{
	limit_accepts(rig, 1, 20);
}

CASE(a_multishot_accept_pauses_at_two_shots_and_goes_on)
{
	limit_accepts(rig, 2, 20);
}

CASE(a_multishot_accept_pauses_at_seven_shots_and_goes_on)
{
	limit_accepts(rig, 7, 60);
}

/* N185: what was accepted comes before the end, in order. */
CASE(cancel_of_a_paused_accept_gives_the_shots_first)
{
	struct pike_addr addr;
	struct pike_completion c;
	int shots = 0;

	limit_open(rig, (struct pike_params){.shots_max = 4});
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	struct pike_op op = limit_shots(op_accept(l));
	pike_id id = pike_submit(rig->q, &op);
	for (int i = 0; i < 10; i++)
		rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	ck_assert_int_eq(pike_cancel(rig->q, id), 0);
	for (shots = 1;; shots++) {
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		if (!(c.flags & PIKE_MORE))
			break;
		ck_assert_int_gt(c.res, 0);
	}
	ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	for (; shots < 10; shots++)
		ck_assert_int_gt(perform(rig, op_accept(l)).res, 0);
}

/* Two that want the same places: neither is forgotten. */
CASE(two_multishot_accepts_share_the_places)
{
	struct pike_addr addr[2];
	struct pike_completion c;
	int came[2] = {0, 0};

	limit_open(rig, (struct pike_params){.shots_max = 2});
	for (int i = 0; i < 2; i++) {
		pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr[i]);
		struct pike_op op = limit_shots(op_accept(l));
		op.user_data = &came[i];
		ck_assert_int_gt(pike_submit(rig->q, &op), 0);
	}
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
	for (int i = 0; i < 40; i++)
		rig_own(rig, port_connect(&addr[i & 1], PIKE_SOCK_STREAM));
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_gt(c.res, 0);
		++*(int *)c.user_data;
	}
	ck_assert_int_eq(came[0], 20);
	ck_assert_int_eq(came[1], 20);
	rig_close(rig);
}

/* Repeating timers that nobody reaps: their results add up. */
CASE(paused_timers_count_on)
{
	enum {
		TIMERS = 8
	};
	const int64_t period = 100000;
	int64_t times[TIMERS] = {0};
	struct pike_completion done[TIMERS];

	limit_open(rig, (struct pike_params){.shots_max = 2});
	int64_t begin = port_monotonic();
	for (int i = 0; i < TIMERS; i++) {
		struct pike_op op = limit_shots(op_timer(period));
		op.u.timer.period_ns = period;
		op.user_data = &times[i];
		ck_assert_int_gt(pike_submit(rig->q, &op), 0);
	}
	int64_t begun = port_monotonic();
	int64_t until = begun + 50 * NS_PER_MS, last;
	do {
		last = port_monotonic();
		/* One result at a time is all that is taken. */
		int n = pike_reap(rig->q, done, 1, -1);
		ck_assert_int_eq(n, 1);
		ck_assert_uint_eq(done[0].flags, PIKE_MORE);
		*(int64_t *)done[0].user_data += done[0].res;
	} while (last < until);
	int64_t most = (port_monotonic() - begin) / period;
	for (int i = 0; i < TIMERS; i++) {
		ck_assert_int_le(times[i], most);
		/* None has been forgotten. */
		ck_assert_int_gt(times[i], 1);
	}
	rig_close(rig);
}

CASE(paused_signals_are_not_lost)
{
	struct pike_op op = limit_shots(op_of(PIKE_SIGNAL, 0));
	struct pike_completion c;

	limit_open(rig, (struct pike_params){.shots_max = 1});
	op.u.signal.set = PIKE_SIGNAL_BIT(SIGNAL_A) | PIKE_SIGNAL_BIT(SIGNAL_B);
	for (int round = 0; round < 20; round++) {
		unsigned seen = 0;
		pike_id id = pike_submit(rig->q, &op);
		ck_assert_int_gt(id, 0);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, 0), 0);
		port_raise(SIGNAL_A);
		port_raise(SIGNAL_B);
		while (seen != 3) {
			ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
			ck_assert_uint_eq(c.flags, PIKE_MORE);
			seen |= c.res == SIGNAL_A ? 1 : 2;
		}
		ck_assert_int_eq(pike_cancel(rig->q, id), 0);
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	}
}

/* A multishot op is one op, however many its results. */
CASE(shots_take_no_places_of_ops)
{
	struct pike_addr addr;
	struct pike_completion c;

	limit_open(rig, (struct pike_params){.ops_max = 2, .shots_max = 8});
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	struct pike_op op = limit_shots(op_accept(l)), nop = op_nop();
	pike_id id = pike_submit(rig->q, &op);
	for (int i = 0; i < 8; i++)
		rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
	pike_id n = pike_submit(rig->q, &nop);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(pike_submit(rig->q, &nop), -PIKE_EAGAIN);
	int shots = 1;
	for (bool nops = false; !nops || shots < 8;) {
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		if (c.id == id)
			shots++;
		else
			nops = true;
	}
	rig_close(rig);
}

/* ------------------------------------------------------------- ten thousand */

CASE(ten_thousand_ops_pend_and_each_ends)
{
	enum {
		OPS = 10000
	};
	static unsigned char in[OPS], out[OPS];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pattern_fill(out, OPS, 7);
	pike_id *ids = calloc(OPS, sizeof(*ids));
	for (int i = 0; i < OPS; i++)
		ids[i] = submit(rig, op_recv(h, &in[i], 1));
	fence(rig);
	peer_write(rig, peer, out, OPS);
	/* In order, each its byte. */
	int at = drop_arrivals(rig);
	while (at < OPS) {
		struct pike_completion c = wait_any(rig);
		ck_assert_int_eq(c.id, ids[at++]);
		ck_assert_int_eq(c.res, 1);
	}
	pattern_check(in, OPS, 7);
	free(ids);
}

int main(void)
{
	area_begin("limits");
	area_add(one_op_too_many_is_eagain_until_one_was_reaped);
	area_add(what_has_finished_counts_until_it_was_reaped);
	area_add(a_flood_through_four_places_loses_nothing);
	area_add(a_queue_with_one_place_works);
	area_add(submit_many_stops_where_the_queue_is_full);
	area_add(a_full_queue_can_be_cancelled);
	area_add(posts_take_no_place_of_ops);
	area_add(a_refused_op_leaves_no_trace);
	area_add(a_multishot_accept_pauses_at_one_shot_and_goes_on);
	area_add(a_multishot_accept_pauses_at_two_shots_and_goes_on);
	area_add(a_multishot_accept_pauses_at_seven_shots_and_goes_on);
	area_add(cancel_of_a_paused_accept_gives_the_shots_first);
	area_add(two_multishot_accepts_share_the_places);
	area_add(paused_timers_count_on);
	area_add(paused_signals_are_not_lost);
	area_add(shots_take_no_places_of_ops);
	area_add(ten_thousand_ops_pend_and_each_ends);
	return area_end();
}
