/* SPDX-License-Identifier: MIT */
/*
 * Posts and wakes from other threads: none lost, none twice, each poster's in
 * its order, whatever the owner of the queue is doing.
 */
#include <stdatomic.h>

#include "harness.h"
#include "port_proc.h"

#define POSTERS 4
#define POSTS   50000

struct poster {
	struct pike_queue *q;
	int number;
	int64_t begin; /* values from here on */
	int64_t count;
	atomic_uint *echo; /* how many came, where one waits for that */
	int64_t data[64];  /* written before the post, read after the reap */
};

static void poster_run(void *arg)
{
	struct poster *p = arg;

	for (int64_t i = 0; i < p->count; i++) {
		int64_t *slot = &p->data[i % 64];
		if (i < 64)
			*slot = i;
		while (pike_post(p->q, p, i) == -PIKE_EAGAIN)
			port_yield();
	}
}

/* O194, O198: TSan looks at data[]. */
CASE(posts_of_four_threads_are_all_there_each_in_its_order)
{
	static struct poster posters[POSTERS];
	struct port_thread *threads[POSTERS];
	int64_t next[POSTERS] = {0};
	int each = POSTS / (int)port_fewer(), left = POSTERS * each;

	for (int i = 0; i < POSTERS; i++) {
		posters[i] =
		    (struct poster){.q = rig->q, .number = i, .count = each};
		threads[i] = port_thread_start(poster_run, &posters[i]);
	}
	while (left > 0) {
		struct pike_completion done[64];
		int n = pike_reap(rig->q, done, 64, -1);
		check_often(n > 0);
		for (int i = 0; i < n; i++) {
			struct poster *p = done[i].user_data;
			check_often(done[i].res == next[p->number]++);
			if (done[i].res < 64)
				check_often(
				    p->data[done[i].res] == done[i].res);
		}
		left -= n;
	}
	for (int i = 0; i < POSTERS; i++)
		port_thread_join(threads[i]);
	check_often(rig_reap(rig, 0) == 0);
}

/* A queue of one place: every post but one is refused at first. */
CASE(posts_squeeze_through_the_smallest_room)
{
	static struct poster posters[POSTERS];
	struct pike_params params = {.posts_max = 1};
	struct port_thread *threads[POSTERS];
	int64_t next[POSTERS] = {0};
	struct pike_completion c;
	int each = 2000 / (int)port_fewer();

	rig_close(rig);
	rig_open(rig, &params);
	for (int i = 0; i < POSTERS; i++) {
		posters[i] =
		    (struct poster){.q = rig->q, .number = i, .count = each};
		threads[i] = port_thread_start(poster_run, &posters[i]);
	}
	for (int left = POSTERS * each; left > 0; left--) {
		check_often(pike_reap(rig->q, &c, 1, -1) == 1);
		struct poster *p = c.user_data;
		check_often(c.res == next[p->number]++);
	}
	for (int i = 0; i < POSTERS; i++)
		port_thread_join(threads[i]);
}

static void poster_ping(void *arg)
{
	struct poster *p = arg;

	for (unsigned i = 0; i < p->count; i++) {
		if (p->number == 0)
			pike_post(p->q, p, i);
		else
			pike_wake(p->q);
		while (atomic_load(p->echo) == i)
			port_yield();
	}
}

/*
 * O194: one post at a time, made when the reaper is just going to sleep or
 * has just gone. A wake that is lost is a test that never ends.
 */
static void post_ping(struct rig *rig, int number, unsigned rounds)
{
	static struct poster poster;
	static atomic_uint echo;
	struct pike_completion c;

	atomic_store(&echo, 0);
	poster = (struct poster){
	    .q = rig->q, .number = number, .count = rounds, .echo = &echo};
	struct port_thread *thread = port_thread_start(poster_ping, &poster);
	for (unsigned i = 0; i < rounds; i++) {
		int n = pike_reap(rig->q, &c, 1, -1);
		check_often(n == (number == 0));
		if (n == 1)
			check_often(c.res == i);
		atomic_fetch_add(&echo, 1);
	}
	port_thread_join(thread);
	check_often(pike_reap(rig->q, &c, 1, 0) == 0);
}

/* What a foreign loop sees is beside it, also when it was asked for first. */
CASE(no_post_is_missed_by_a_reaper_that_has_a_pollable)
{
	ck_assert_int_ge(pike_pollable(rig->q), 0);
	post_ping(rig, 0, 20000 / port_fewer());
}

CASE(no_post_is_missed_by_a_reaper_that_goes_to_sleep)
{
	post_ping(rig, 0, 100000 / port_fewer());
}

CASE(no_wake_is_missed_by_a_reaper_that_goes_to_sleep)
{
	post_ping(rig, 1, 100000 / port_fewer());
}

struct ringer {
	struct pike_queue *q;
	atomic_bool stop;
	atomic_uint rung;
};

static void ringer_run(void *arg)
{
	struct ringer *r = arg;

	while (!atomic_load(&r->stop)) {
		pike_wake(r->q);
		atomic_fetch_add(&r->rung, 1);
	}
}

/* A18: wakes without end end no op and lose none. */
CASE(a_storm_of_wakes_disturbs_no_op)
{
	static struct ringer ringer;
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	ringer.q = rig->q;
	atomic_store(&ringer.stop, false);
	struct port_thread *threads[2];
	for (int i = 0; i < 2; i++)
		threads[i] = port_thread_start(ringer_run, &ringer);
	rig->wakes = 1;
	for (int i = 0; i < 2000; i++) {
		pike_id id = submit(rig, op_recv(h, &byte, 1));
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		while (in_flight(rig, id)) {
			rig->wakes = 1;
			rig_reap(rig, -1);
		}
		expect_one(rig, id, 1, 0, 0);
	}
	atomic_store(&ringer.stop, true);
	for (int i = 0; i < 2; i++)
		port_thread_join(threads[i]);
	struct pike_completion c;
	pike_reap(rig->q, &c, 1, 0);
	int64_t begin = port_monotonic();
	ck_assert_int_eq(pike_reap(rig->q, &c, 1, 2 * NS_PER_MS), 0);
	ck_assert_int_ge(port_monotonic() - begin, 2 * NS_PER_MS);
}

struct flooder {
	struct pike_queue *q;
	atomic_bool stop;
};

static void flooder_run(void *arg)
{
	struct flooder *f = arg;

	while (!atomic_load(&f->stop))
		if (pike_post(f->q, NULL, 0) < 0)
			port_yield();
}

/* Posts that never end, and ops beside them. */
CASE(a_flood_of_posts_does_not_starve_ops)
{
	static struct flooder flooder;
	struct pike_completion done[64];
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	flooder.q = rig->q;
	atomic_store(&flooder.stop, false);
	struct port_thread *thread = port_thread_start(flooder_run, &flooder);
	for (int i = 0; i < 100; i++) {
		struct pike_op op = op_recv(h, &byte, 1);
		pike_id id = pike_submit(rig->q, &op);
		pike_reap(rig->q, done, 1, 0);
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		/* It has arrived; the system may have taken it already. */
		port_settle(peer);
		for (int reaps = 0; id > 0; reaps++) {
			ck_assert_int_lt(reaps, 1000);
			int n = pike_reap(rig->q, done, 64, -1);
			for (int k = 0; k < n; k++)
				if (done[k].id == id)
					id = 0;
		}
	}
	atomic_store(&flooder.stop, true);
	port_thread_join(thread);
	while (pike_reap(rig->q, done, 64, 0) > 0)
		continue;
}

CASE(a_flood_of_ops_does_not_starve_posts)
{
	struct pike_completion done[64];
	struct pike_op nop = op_nop();

	for (int i = 0; i < 64; i++)
		ck_assert_int_gt(pike_submit(rig->q, &nop), 0);
	for (int i = 0; i < 100; i++) {
		bool posted = false;
		ck_assert_int_eq(pike_post(rig->q, NULL, i), 0);
		for (int reaps = 0; !posted; reaps++) {
			ck_assert_int_lt(reaps, 100);
			int n = pike_reap(rig->q, done, 64, -1);
			for (int k = 0; k < n; k++)
				if (done[k].id == 0)
					posted = true;
				else
					pike_submit(rig->q, &nop);
		}
	}
	for (int left = 64; left > 0;)
		left -= pike_reap(rig->q, done, 64, -1);
}

/* O196: close waits for those that are inside; later ones get a code. */
CASE(a_queue_may_be_closed_while_threads_post_to_it)
{
	static struct poster posters[2];
	static struct ringer ringer;

	for (int i = 0; i < 50; i++) {
		struct rig *other = rig_new(NULL);
		struct port_thread *threads[3];
		ringer.q = other->q;
		atomic_store(&ringer.stop, false);
		atomic_store(&ringer.rung, 0);
		for (int k = 0; k < 2; k++) {
			posters[k] = (struct poster){
			    .q = other->q, .number = k, .count = 500};
			threads[k] = port_thread_start(poster_run, &posters[k]);
		}
		threads[2] = port_thread_start(ringer_run, &ringer);
		while (atomic_load(&ringer.rung) < 10)
			port_yield();
		rig_close(other);
		atomic_store(&ringer.stop, true);
		for (int k = 0; k < 3; k++)
			port_thread_join(threads[k]);
		ck_assert_int_eq(pike_post(ringer.q, NULL, 0), -PIKE_EBADF);
		ck_assert_int_eq(pike_wake(ringer.q), -PIKE_EBADF);
	}
	expect_op(rig, op_nop(), 0);
}

int main(void)
{
	area_begin("post_threads");
	area_add(posts_of_four_threads_are_all_there_each_in_its_order);
	area_add(posts_squeeze_through_the_smallest_room);
	area_add(no_post_is_missed_by_a_reaper_that_goes_to_sleep);
	area_add(no_post_is_missed_by_a_reaper_that_has_a_pollable);
	area_add(no_wake_is_missed_by_a_reaper_that_goes_to_sleep);
	area_add(a_storm_of_wakes_disturbs_no_op);
	area_add(a_flood_of_posts_does_not_starve_ops);
	area_add(a_flood_of_ops_does_not_starve_posts);
	area_add(a_queue_may_be_closed_while_threads_post_to_it);
	return area_end();
}
