/* SPDX-License-Identifier: MIT */
/* Cancels that race what they cancel: completed xor cancelled, nothing lost. */
#include <stdatomic.h>
#include <stdio.h>

#include "harness.h"
#include "port_proc.h"
#include "random.h"

#define RACES 1000000
#define AHEAD 64 /* bytes that the peer may be ahead of the reader */

/*
 * The peer writes its bytes at moments of its own, and never more than AHEAD
 * of what was read; so a recv finds some or none, and a cancel comes before,
 * while or after they arrive.
 */
struct race {
	pike_fd peer;
	struct random random;
	atomic_uint wrote;
	atomic_uint read;
	atomic_bool stop;
};

static void race_pause(struct random *random, unsigned most)
{
	for (unsigned n = random_below(random, most); n > 0; n--)
		atomic_signal_fence(memory_order_seq_cst);
}

static void race_write(void *arg)
{
	struct race *race = arg;
	unsigned wrote = 0;

	while (!atomic_load(&race->stop)) {
		if (wrote - atomic_load(&race->read) >= AHEAD) {
			port_yield();
			continue;
		}
		race_pause(&race->random, 2000);
		unsigned char byte = (unsigned char)(wrote % 251);
		if (port_write(race->peer, &byte, 1) != 1)
			break;
		atomic_store(&race->wrote, ++wrote);
	}
}

/* What a recv brought: the next bytes of the peer's count, no others. */
static void race_count(struct race *race, const unsigned char *buf, int64_t n)
{
	unsigned read = atomic_load(&race->read);

	for (int64_t i = 0; i < n; i++)
		if (buf[i] != (unsigned char)((read + (unsigned)i) % 251))
			ck_abort_msg("byte %u was lost or came twice",
			    read + (unsigned)i);
	atomic_store(&race->read, read + (unsigned)n);
}

static int64_t race_end(
    struct pike_queue *q, struct pike_op *op, struct random *random)
{
	struct pike_completion c[2];
	pike_id id = pike_submit(q, op);
	int n = 0;

	ck_assert_int_gt(id, 0);
	race_pause(random, 300);
	if (random_below(random, 4) == 0)
		n = pike_reap(q, c, 2, 0);
	race_pause(random, 300);
	int r = pike_cancel(q, id);
	if (n > 0)
		ck_assert_int_eq(r, -PIKE_ENOENT);
	else
		n = pike_reap(q, c, 2, -1);
	if (n != 1 || c[0].id != id)
		ck_abort_msg("%d completions of one op", n);
	if (c[0].res < 0 && (c[0].res != -PIKE_ECANCELED || r != 0))
		ck_abort_msg("cancel %d, res %lld", r, (long long)c[0].res);
	return c[0].res;
}

/* M178 to M180: completed xor cancelled, and never a byte lost. */
CASE(a_million_cancels_race_a_million_recvs)
{
	static struct race race;
	unsigned char buf[4];
	struct random random;
	pike_handle h;
	int completed = 0, cancelled = 0;

	random_begin(&random, "a_million_cancels");
	if (!rig_peer(rig, RIG_UNIX, &h, &race.peer))
		SKIP("no Unix sockets");
	race.random = random;
	atomic_store(&race.stop, false);
	atomic_store(&race.wrote, 0);
	atomic_store(&race.read, 0);
	struct port_thread *thread = port_thread_start(race_write, &race);
	struct pike_op op = op_recv(h, buf, sizeof(buf));
	for (int i = 0; i < RACES; i++) {
		int64_t n = race_end(rig->q, &op, &random);
		ck_assert_int_ne(n, 0);
		if (n > 0)
			race_count(&race, buf, n);
		*(n > 0 ? &completed : &cancelled) += 1;
	}
	atomic_store(&race.stop, true);
	port_thread_join(thread);
	while (atomic_load(&race.read) < atomic_load(&race.wrote)) {
		struct pike_completion c = perform(rig, op);
		ck_assert_int_gt(c.res, 0);
		race_count(&race, buf, c.res);
	}
	ck_assert_uint_eq(atomic_load(&race.read), atomic_load(&race.wrote));
	printf(
	    "of %d: %d completed, %d cancelled\n", RACES, completed, cancelled);
	ck_assert_int_gt(completed, 0);
	ck_assert_int_gt(cancelled, 0);
	expect_op(rig, op_close(h), 0);
}

/* The same with a timer that is due about then. J164 */
CASE(a_hundred_thousand_cancels_race_timers)
{
	struct random random;
	int completed = 0, cancelled = 0;

	random_begin(&random, "a_hundred_thousand_cancels");
	for (int i = 0; i < RACES / 10; i++) {
		struct pike_op op = op_timer(random_below(&random, 4000));
		int64_t n = race_end(rig->q, &op, &random);
		*(n == 1 ? &completed : &cancelled) += 1;
	}
	ck_assert_int_gt(completed, 0);
	ck_assert_int_gt(cancelled, 0);
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
	area_add(a_million_cancels_race_a_million_recvs);
	area_add(a_hundred_thousand_cancels_race_timers);
	area_add(cancels_that_race_accepts_lose_no_connection);
	return area_end();
}
