/* SPDX-License-Identifier: MIT */
/* The heap of deadlines against an array that is kept sorted the simple way. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "alloc.h"
#include "timer.h"
#include "unit.h"

#define SLOTS 512

/* What the heap should hold, the soonest first; of equals the oldest. */
struct model {
	int64_t when[SLOTS];
	uint32_t slot[SLOTS];
	uint32_t count;
};

static void model_add(struct model *m, uint32_t slot, int64_t when)
{
	uint32_t at = m->count++;

	while (at > 0 && m->when[at - 1] > when) {
		m->when[at] = m->when[at - 1];
		m->slot[at] = m->slot[at - 1];
		at--;
	}
	m->when[at] = when;
	m->slot[at] = slot;
}

static void model_remove(struct model *m, uint32_t slot)
{
	uint32_t at = 0;

	while (m->slot[at] != slot)
		at++;
	m->count--;
	for (; at < m->count; at++) {
		m->when[at] = m->when[at + 1];
		m->slot[at] = m->slot[at + 1];
	}
}

struct rig {
	struct pike__timers timers;
	struct pike__slots slots;
	struct model model;
};

static void rig_open(struct rig *rig, uint32_t order)
{
	memset(rig, 0, sizeof *rig);
	rig->timers.order = order;
	UNIT_CHECK(pike__slots_fill(&rig->slots, SLOTS));
}

static void rig_close(struct rig *rig)
{
	pike__timers_free(&rig->timers);
	pike__slots_free(&rig->slots);
}

static void rig_add(struct rig *rig, uint32_t i, int64_t when)
{
	UNIT_CHECK(pike__timers_reserve(&rig->timers, 1));
	pike__timer_add(
	    &rig->timers, &rig->slots, pike__slot_at(&rig->slots, i), when);
	model_add(&rig->model, i, when);
}

static void rig_remove(struct rig *rig, uint32_t i)
{
	struct pike__slot *slot = pike__slot_at(&rig->slots, i);

	pike__timer_remove(&rig->timers, &rig->slots, slot);
	UNIT_EQ(slot->due, 0);
	model_remove(&rig->model, i);
}

/* The first is the model's first, and every slot knows its place. */
static void rig_check(struct rig *rig)
{
	struct pike__timers *t = &rig->timers;

	UNIT_EQ(t->count, rig->model.count);
	if (!t->count) {
		UNIT_EQ(pike__timers_next(t), INT64_MAX);
		return;
	}
	UNIT_EQ(pike__timers_next(t), rig->model.when[0]);
	UNIT_EQ(t->at[0].slot, rig->model.slot[0]);
}

static void rig_check_places(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->timers.count; i++)
		UNIT_EQ(pike__slot_at(&rig->slots, rig->timers.at[i].slot)->due,
		    i + 1);
}

/* Takes all, in order. */
static void rig_drain(struct rig *rig)
{
	while (rig->timers.count) {
		rig_check(rig);
		rig_remove(rig, rig->timers.at[0].slot);
	}
	rig_check(rig);
}

static void random_steps(struct rig *rig, uint64_t *state, uint32_t times)
{
	for (int step = 0; step < 40000; step++) {
		uint32_t i = unit_below(state, SLOTS);

		if (pike__slot_at(&rig->slots, i)->due)
			rig_remove(rig, i);
		else
			rig_add(rig, i, (int64_t)unit_below(state, times));
		rig_check(rig);
		if (step % 64 == 0)
			rig_check_places(rig);
		if (step % 10000 == 9999)
			rig_drain(rig);
	}
}

START_TEST(timers_are_a_sorted_array)
{
	uint64_t state = unit_seed("timers_are_a_sorted_array");
	struct rig rig;

	rig_open(&rig, 0);
	random_steps(&rig, &state, 1u << 30);
	rig_close(&rig);
}
END_TEST

/* Few different times, so that most entries are equal to others. */
START_TEST(timers_due_at_once_keep_their_order)
{
	uint64_t state = unit_seed("timers_due_at_once_keep_their_order");
	struct rig rig;

	rig_open(&rig, 0);
	random_steps(&rig, &state, 4);
	rig_close(&rig);
}
END_TEST

/* The count of additions passes 2^32, and 2^31, where its sign would. */
START_TEST(timers_keep_their_order_past_the_wrap)
{
	const uint32_t starts[] = {UINT32_MAX - 100, INT32_MAX - 100u};

	for (size_t i = 0; i < COUNT(starts); i++) {
		struct rig rig;

		rig_open(&rig, starts[i]);
		for (uint32_t k = 0; k < SLOTS; k++)
			rig_add(&rig, (k * 37) % SLOTS, 5);
		UNIT_EQ(rig.timers.order, starts[i] + SLOTS);
		rig_drain(&rig);
		rig_close(&rig);
	}
}
END_TEST

START_TEST(timers_take_the_ends_of_time)
{
	struct rig rig;

	rig_open(&rig, 0);
	rig_add(&rig, 0, INT64_MAX);
	rig_add(&rig, 1, INT64_MAX - 1);
	rig_add(&rig, 2, 0);
	rig_add(&rig, 3, INT64_MAX);
	rig_drain(&rig);
	rig_close(&rig);
	UNIT_EQ(pike__time_after(1, 2), 3);
	UNIT_EQ(pike__time_after(INT64_MAX - 1, 1), INT64_MAX);
	UNIT_EQ(pike__time_after(INT64_MAX, 1), INT64_MAX);
	UNIT_EQ(pike__time_after(1, INT64_MAX), INT64_MAX);
	UNIT_EQ(pike__time_after(INT64_MAX, INT64_MAX), INT64_MAX);
	UNIT_EQ(pike__time_after(0, 0), 0);
}
END_TEST

static bool scarcity;

static void *scarce(void *old, size_t size)
{
	return scarcity && size ? NULL : realloc(old, size);
}

/* Room is made before it is needed, and what could not be made is not used. */
START_TEST(timers_reserve_without_memory)
{
	struct rig rig;
	uint32_t cap;

	rig_open(&rig, 0);
	pike__realloc_hook = scarce;
	scarcity = true;
	UNIT_CHECK(!pike__timers_reserve(&rig.timers, 1));
	scarcity = false;
	rig_add(&rig, 0, 3);
	scarcity = true;
	cap = rig.timers.cap;
	for (uint32_t i = 1; i < cap; i++)
		rig_add(&rig, i, 2);
	UNIT_CHECK(!pike__timers_reserve(&rig.timers, 1));
	UNIT_CHECK(!pike__timers_reserve(&rig.timers, UINT32_MAX / 2));
	UNIT_EQ(rig.timers.cap, cap);
	rig_drain(&rig);
	rig_close(&rig);
	pike__realloc_hook = NULL;
}
END_TEST

UNIT_MAIN("timer", timers_are_a_sorted_array,
    timers_due_at_once_keep_their_order, timers_keep_their_order_past_the_wrap,
    timers_take_the_ends_of_time, timers_reserve_without_memory)
