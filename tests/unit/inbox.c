/* SPDX-License-Identifier: MIT */
/* The inbox: a model for one thread, and four producers at once. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "alloc.h"
#include "inbox.h"
#include "unit.h"

START_TEST(inbox_is_a_queue_with_an_end)
{
	struct pike__inbox in;
	void *data;
	int64_t res;

	ck_assert(pike__inbox_open(&in, 4));
	ck_assert(!pike__inbox_any(&in));
	ck_assert(!pike__inbox_take(&in, &data, &res));
	for (int i = 0; i < 4; i++)
		ck_assert(pike__inbox_put(&in, &in, i));
	ck_assert(!pike__inbox_put(&in, NULL, 99));
	for (int i = 0; i < 4; i++) {
		ck_assert(pike__inbox_any(&in));
		ck_assert(pike__inbox_take(&in, &data, &res));
		ck_assert_ptr_eq(data, &in);
		ck_assert_int_eq(res, i);
	}
	ck_assert(!pike__inbox_any(&in));
	ck_assert(!pike__inbox_take(&in, &data, &res));
	pike__inbox_free(&in);
}
END_TEST

/* Sets the counters as if so many events had gone through. */
static void inbox_age(struct pike__inbox *in, uint32_t turns)
{
	in->head = turns;
	atomic_store(&in->tail, turns);
	for (uint32_t i = 0; i <= in->mask; i++)
		atomic_store(
		    &in->cells[(turns + i) & in->mask].turn, 2 * (turns + i));
}

static void random_steps(struct pike__inbox *in, uint64_t *state)
{
	int64_t first = 0, last = 0;

	for (int step = 0; step < 20000; step++) {
		bool full = last - first == in->mask + 1;
		bool empty = last == first;
		void *data;
		int64_t res;

		if (unit_below(state, 2)) {
			bool put =
			    pike__inbox_put(in, (void *)(intptr_t)last, last);

			UNIT_CHECK(put == !full);
			last += put;
			continue;
		}
		UNIT_CHECK(pike__inbox_any(in) == !empty);
		UNIT_CHECK(pike__inbox_take(in, &data, &res) == !empty);
		if (empty)
			continue;
		UNIT_EQ(res, first);
		UNIT_EQ((intptr_t)data, first);
		first++;
	}
}

/* In each size from one cell on, from where the counters begin and from where
 * they and their signs wrap. */
START_TEST(inbox_is_a_queue)
{
	uint64_t state = unit_seed("inbox_is_a_queue");
	const uint32_t ages[] = {
	    0, INT32_MAX / 2 - 5000u, INT32_MAX - 5000u, UINT32_MAX - 5000u};

	for (size_t i = 0; i < COUNT(ages); i++) {
		for (uint32_t size = 1; size <= 16; size *= 2) {
			struct pike__inbox in;

			ck_assert(pike__inbox_open(&in, size));
			inbox_age(&in, ages[i] & ~(size - 1));
			random_steps(&in, &state);
			pike__inbox_free(&in);
		}
	}
}
END_TEST

/* -- threads -- */

#define PRODUCERS 4

struct producer {
	pthread_t thread;
	struct pike__inbox *in;
	int64_t count; /* that it puts */
	int64_t next;  /* that is expected of it; the consumer's */
};

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (int64_t i = 0; i < p->count; i++)
		while (!pike__inbox_put(p->in, p, i))
			sched_yield();
	return NULL;
}

/* Nothing is lost, nothing comes twice, and each thread's come in order. */
static void race(uint32_t size, uint32_t each)
{
	static struct producer producers[PRODUCERS];
	struct pike__inbox in;
	int64_t taken = 0;

	ck_assert(pike__inbox_open(&in, size));
	inbox_age(&in, (UINT32_MAX - each) & ~(size - 1));
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i].in = &in;
		producers[i].count = each;
		producers[i].next = 0;
		ck_assert_int_eq(pthread_create(&producers[i].thread, NULL,
				     produce, &producers[i]),
		    0);
	}
	while (taken < (int64_t)PRODUCERS * each) {
		struct producer *p;
		void *data;
		int64_t res;

		if (!pike__inbox_take(&in, &data, &res)) {
			sched_yield();
			continue;
		}
		p = data;
		if (res != p->next)
			ck_abort_msg("%lld came for %lld", (long long)res,
			    (long long)p->next);
		p->next++;
		taken++;
	}
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(producers[i].thread, NULL);
	ck_assert(!pike__inbox_any(&in));
	pike__inbox_free(&in);
}

START_TEST(inbox_of_four_threads)
{
	race(1024, 30000);
}
END_TEST

/* Nearly always full, so that puts fail and cells are used again at once. */
START_TEST(inbox_of_four_threads_full)
{
	race(2, 3000);
}
END_TEST

static void *nothing(void *old, size_t size)
{
	return size ? NULL : realloc(old, 0);
}

START_TEST(inbox_without_memory)
{
	struct pike__inbox in;

	pike__realloc_hook = nothing;
	ck_assert(!pike__inbox_open(&in, 16));
	pike__realloc_hook = NULL;
	pike__inbox_free(&in);
}
END_TEST

UNIT_MAIN("inbox", inbox_is_a_queue_with_an_end, inbox_is_a_queue,
    inbox_of_four_threads, inbox_of_four_threads_full, inbox_without_memory)
