/* SPDX-License-Identifier: MIT */
/* Handles' names where a pointer has no room for them: as on 32 bits, on any
 * machine. */
#define PIKE_KQUEUE_PACKS 1
#include "config.h"

#include "../unit/unit.h"
#include "backend/kqueue.h"

enum {
	HANDLES = 3000,
	LIVES = 1 << 12
};

static struct pike_queue queue;
static struct pike__handle *handle[HANDLES];

/* All of them open, in a table that has grown; the lowest place is first. */
static void begin(void)
{
	struct pike__handles *t = &queue.handles;

	ck_assert(pike__handles_open(t));
	for (int i = 0; i < HANDLES; i++) {
		ck_assert(pike__handles_reserve(t));
		handle[i] =
		    pike__handle_take(t, 10 + i, PIKE__SOCKET_STREAM, 0);
	}
}

static pike_handle found(const struct pike__handle *h)
{
	return pike__kqueue_handle(
	    &queue, pike__kqueue_name(h->self), (uintptr_t)h->fd);
}

/* Another life of the same place. */
static void live_on(struct pike__handle *h, uint32_t generation)
{
	h->self = (pike_handle)((uint64_t)(generation & INT32_MAX) << 32 |
				(uint32_t)h->self);
}

START_TEST(each_name_fits_and_comes_back)
{
	uint64_t seed = unit_seed("names");

	begin();
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < HANDLES; i++) {
			UNIT_CHECK(pike__kqueue_name(handle[i]->self) != 0);
			UNIT_CHECK(
			    pike__kqueue_name(handle[i]->self) <= UINT32_MAX);
			UNIT_EQ(found(handle[i]), handle[i]->self);
			live_on(handle[i], unit_below(&seed, UINT32_MAX));
		}
	}
	pike__handles_free(&queue.handles);
}
END_TEST

START_TEST(an_earlier_life_is_nobody)
{
	begin();
	for (int i = 0; i < HANDLES; i += 299) {
		struct pike__handle *h = handle[i];
		uint32_t generation = (uint32_t)(h->self >> 32);
		uintptr_t packed = pike__kqueue_name(h->self);

		for (uint32_t lives = 1; lives < LIVES; lives++) {
			live_on(h, generation + lives);
			UNIT_EQ(pike__kqueue_handle(
				    &queue, packed, (uintptr_t)h->fd),
			    0);
		}
	}
	pike__handles_free(&queue.handles);
}
END_TEST

START_TEST(another_descriptor_is_nobody)
{
	begin();
	for (int i = 0; i < HANDLES; i++) {
		uintptr_t packed = pike__kqueue_name(handle[i]->self);

		UNIT_EQ(pike__kqueue_handle(
			    &queue, packed, (uintptr_t)handle[i]->fd + 1),
		    0);
		pike__handle_give(&queue.handles, handle[i]);
		UNIT_EQ(pike__kqueue_handle(
			    &queue, packed, (uintptr_t)handle[i]->fd),
		    0);
	}
	pike__handles_free(&queue.handles);
}
END_TEST

START_TEST(the_queues_own_events_are_of_no_handle)
{
	begin();
	for (int i = 0; i < HANDLES; i++)
		UNIT_EQ(
		    pike__kqueue_handle(&queue, 0, (uintptr_t)handle[i]->fd),
		    0);
	UNIT_EQ(pike__kqueue_handle(&queue, 0, PIKE__BELL_WAKE), 0);
	pike__handles_free(&queue.handles);
}
END_TEST

UNIT_MAIN("kqueue: names", each_name_fits_and_comes_back,
    an_earlier_life_is_nobody, another_descriptor_is_nobody,
    the_queues_own_events_are_of_no_handle)
