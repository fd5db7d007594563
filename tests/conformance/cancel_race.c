/* SPDX-License-Identifier: MIT */
/* Cancels that race what they cancel: completed xor cancelled, nothing lost. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "port_proc.h"
#include "random.h"

#define RACES 500000 /* of each kind: a million together */
#define AHEAD 64     /* bytes that the peer may be ahead of the reader */

/*
 * The peer writes its bytes at moments of its own, and never more than AHEAD
 * of what was read; so a recv finds some or none, and a cancel comes before,
 * while or after they arrive. In a thread it does so at any moment; without,
 * between any two calls.
 */
struct race {
	pike_fd peer;
	pike_handle h;
	struct random random; /* the reader's */
	struct random other;  /* the peer's */
	bool alone;           /* the reader writes, too */
	unsigned char buf[4];
	atomic_uint wrote;
	atomic_uint read;
	atomic_bool stop;
};

static void race_pause(struct random *random, unsigned most)
{
	for (unsigned n = random_below(random, most); n > 0; n--)
		atomic_signal_fence(memory_order_seq_cst);
}

static bool race_write(struct race *race)
{
	unsigned wrote = atomic_load(&race->wrote);
	unsigned char byte = (unsigned char)(wrote % 251);

	if (wrote - atomic_load(&race->read) >= AHEAD)
		return false;
	if (port_write(race->peer, &byte, 1) != 1)
		abort();
	atomic_store(&race->wrote, wrote + 1);
	return true;
}

static void race_run(void *arg)
{
	struct race *race = arg;

	while (!atomic_load(&race->stop)) {
		race_pause(&race->other, 2000);
		if (!race_write(race))
			port_yield();
	}
}

/* Between two calls of the reader. */
static void race_moment(struct race *race)
{
	if (!race->alone)
		race_pause(&race->random, 300);
	else if (random_below(&race->random, 8) == 0)
		race_write(race);
}

/* What a recv brought: the next bytes of the peer's count, no others. */
static void race_count(struct race *race, int64_t n)
{
	unsigned read = atomic_load(&race->read);

	for (int64_t i = 0; i < n; i++, read++)
		if (race->buf[i] != (unsigned char)(read % 251))
			ck_abort_msg("byte %u was lost or came twice", read);
	atomic_store(&race->read, read);
}

/* One op and its cancel: it ends once, and this is how. */
static int64_t race_end(
    struct race *race, struct pike_queue *q, struct pike_op *op)
{
	struct pike_completion c[2];
	pike_id id = pike_submit(q, op);
	int n = 0;

	if (id <= 0)
		ck_abort_msg("submit: %s", pike_error_name(id));
	race_moment(race);
	if (random_below(&race->random, 4) == 0)
		n = pike_reap(q, c, 2, 0);
	race_moment(race);
	int r = pike_cancel(q, id);
	if (n > 0 && r != -PIKE_ENOENT)
		ck_abort_msg("cancel of what was reaped: %d", r);
	race_moment(race);
	if (n == 0)
		n = pike_reap(q, c, 2, -1);
	if (n != 1 || c[0].id != id)
		ck_abort_msg("%d completions of one op", n);
	if (c[0].res < 0 && (c[0].res != -PIKE_ECANCELED || r != 0))
		ck_abort_msg("cancel %d, res %lld", r, (long long)c[0].res);
	race_moment(race);
	return c[0].res;
}

static void race_all(struct race *race, struct rig *rig)
{
	struct pike_op op = op_recv(race->h, race->buf, sizeof(race->buf));
	int races = RACES / (int)port_slow(), completed = 0;

	for (int i = 0; i < races || completed < 100; i++) {
		int64_t n = race_end(race, rig->q, &op);
		if (n == 0)
			ck_abort_msg("an end that nobody made");
		if (n > 0)
			race_count(race, n);
		completed += n > 0;
	}
	printf("%d of %d were completed\n", completed, races);
	ck_assert_int_lt(completed, races);
}

/* Nothing that was written has got lost. */
static void race_rest(struct race *race, struct rig *rig)
{
	struct pike_op op = op_recv(race->h, race->buf, sizeof(race->buf));

	while (atomic_load(&race->read) < atomic_load(&race->wrote)) {
		struct pike_completion c = perform(rig, op);
		ck_assert_int_gt(c.res, 0);
		race_count(race, c.res);
	}
	ck_assert_uint_eq(atomic_load(&race->read), atomic_load(&race->wrote));
	pike_id id = submit(rig, op);
	fence(rig);
	expect_cancelled(rig, id);
}

/* M178 to M180: completed xor cancelled, and never a byte lost. */
CASE(half_a_million_cancels_race_bytes_between_two_calls)
{
	static struct race race;

	memset(&race, 0, sizeof(race));
	race.alone = true;
	random_begin(&race.random, "bytes_between_two_calls");
	if (!rig_peer(rig, RIG_UNIX, &race.h, &race.peer))
		SKIP("no Unix sockets");
	race_all(&race, rig);
	race_rest(&race, rig);
}

CASE(half_a_million_cancels_race_bytes_at_any_moment)
{
	static struct race race;

	memset(&race, 0, sizeof(race));
	random_begin(&race.random, "bytes_at_any_moment");
	race.other.state = random_next(&race.random);
	if (!rig_peer(rig, RIG_UNIX, &race.h, &race.peer))
		SKIP("no Unix sockets");
	struct port_thread *thread = port_thread_start(race_run, &race);
	race_all(&race, rig);
	atomic_store(&race.stop, true);
	port_thread_join(thread);
	race_rest(&race, rig);
}

/* The same with a timer that is due about then. J164 */
CASE(a_hundred_thousand_cancels_race_timers)
{
	static struct race race;
	int completed = 0, races = RACES / 5 / (int)port_slow();

	memset(&race, 0, sizeof(race));
	random_begin(&race.random, "cancels_race_timers");
	for (int i = 0; i < races; i++) {
		struct pike_op op = op_timer(random_below(&race.random, 4000));
		completed += race_end(&race, rig->q, &op) == 1;
	}
	ck_assert_int_gt(completed, 0);
	ck_assert_int_lt(completed, races);
}

/* A thousand connections, each of which comes to a cancelled accept or not:
 * all are accepted in the end. */
CASE(cancels_that_race_accepts_lose_no_connection)
{
	struct pike_addr addr;
	struct random random;
	int accepted = 0;

	random_begin(&random, "cancels_that_race_accepts");
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	for (int i = 0; i < 1000; i++) {
		pike_id id = submit(rig, op_accept(h));
		if (random_below(&random, 2))
			rig_reap(rig, 0);
		pike_fd peer = port_connect(&addr, PIKE_SOCK_STREAM);
		if (random_below(&random, 2))
			rig_reap(rig, 0);
		pike_cancel(rig->q, id);
		struct pike_completion c = wait_one(rig, id);
		if (c.res == -PIKE_ECANCELED)
			c = perform(rig, op_accept(h));
		ck_assert_int_gt(c.res, 0);
		accepted++;
		port_close(peer);
		expect_op(rig, op_close(c.res), 0);
	}
	ck_assert_int_eq(accepted, 1000);
}

int main(void)
{
	area_begin("cancel_race");
	area_add(half_a_million_cancels_race_bytes_between_two_calls);
	area_add(half_a_million_cancels_race_bytes_at_any_moment);
	area_add(a_hundred_thousand_cancels_race_timers);
	area_add(cancels_that_race_accepts_lose_no_connection);
	return area_end();
}
