/* SPDX-License-Identifier: MIT */
/* Slots: ids that name one op and no other, also past the wrap of the
 * generations, which a test build meets after sixteen ops. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "alloc.h"
#include "grow.h"
#include "slot.h"
#include "unit.h"

/* A slot in use, as the core makes one. */
static struct pike__slot *slot_new(struct pike__slots *s, bool extra)
{
	struct pike__slot *slot;

	ck_assert(pike__slots_reserve(s, extra));
	slot = pike__slot_take(s);
	ck_assert_int_eq(slot->state, PIKE__FREE);
	slot->state = PIKE__STARTED;
	if (extra)
		pike__slot_extend(s, slot);
	return slot;
}

START_TEST(slot_id_names_one_op_only)
{
	struct pike__slots s = {0};
	struct pike__slot *slot = slot_new(&s, false);
	pike_id id = slot->id;

	ck_assert_int_gt(id, 0);
	ck_assert_ptr_eq(pike__slot_find(&s, id), slot);
	pike__slot_give(&s, slot);
	ck_assert_ptr_null(pike__slot_find(&s, id));
	ck_assert_ptr_eq(slot_new(&s, false), slot);
	ck_assert_ptr_null(pike__slot_find(&s, id));
	ck_assert_ptr_eq(pike__slot_find(&s, slot->id), slot);
	pike__slots_free(&s);
}
END_TEST

START_TEST(slot_find_takes_any_number)
{
	struct pike__slots s = {0};
	pike_id id;

	ck_assert_ptr_null(pike__slot_find(&s, 1));
	id = slot_new(&s, false)->id;
	const pike_id wrong[] = {0, 1, -1, INT64_MIN, INT64_MAX, -id, id + 1,
	    id - 1, id + PIKE__SLOT_CHUNK, id ^ INT64_MIN, id | UINT32_MAX,
	    id + (INT64_C(1) << 32), id - (INT64_C(1) << 32), (uint32_t)id};

	for (size_t i = 0; i < COUNT(wrong); i++)
		ck_assert_ptr_null(pike__slot_find(&s, wrong[i]));
	pike__slots_free(&s);
}
END_TEST

/* Long enough to pass the last generation and begin again. */
START_TEST(slot_generations_wrap)
{
	enum {
		ROUNDS = 64
	};
	struct pike__slots s = {0};
	pike_id ids[ROUNDS];
	bool last = false, first = false;

	for (int i = 0; i < ROUNDS; i++) {
		struct pike__slot *slot = slot_new(&s, false);

		ids[i] = slot->id;
		ck_assert_int_gt(ids[i], 0);
		ck_assert_int_ne(ids[i] >> 32, 0);
		first |= last && ids[i] >> 32 == PIKE__GENERATION_LEAST;
		last |= ids[i] >> 32 == 0x7fffffff;
		for (int k = 0; k < i; k++) {
			ck_assert_int_ne(ids[k], ids[i]);
			ck_assert_ptr_null(pike__slot_find(&s, ids[k]));
		}
		pike__slot_give(&s, slot);
	}
	ck_assert(last && first);
	pike__slots_free(&s);
}
END_TEST

/* Chunks are never moved, and every slot is found wherever it lies. */
START_TEST(slots_stay_where_they_are)
{
	enum {
		SLOTS = 10 * PIKE__SLOT_CHUNK + 1
	};
	static struct pike__slot *slots[SLOTS];
	struct pike__slots s = {0};

	for (uint32_t i = 0; i < SLOTS; i++) {
		slots[i] = slot_new(&s, i % 3 == 0);
		ck_assert_uint_eq(pike__slot_index(slots[i]), i);
	}
	ck_assert_uint_eq(s.count, 11 * PIKE__SLOT_CHUNK);
	for (uint32_t i = 0; i < SLOTS; i++) {
		ck_assert_ptr_eq(pike__slot_at(&s, i), slots[i]);
		ck_assert_ptr_eq(pike__slot_find(&s, slots[i]->id), slots[i]);
		ck_assert((i % 3 == 0) == (slots[i]->extra != NULL));
	}
	pike__slots_free(&s);
	ck_assert_uint_eq(s.count, 0);
}
END_TEST

/* What a slot was given to copy into is its own, and comes back with it. */
START_TEST(slot_extras_are_not_shared)
{
	enum {
		EXTRAS = 2 * PIKE__SLOT_CHUNK
	};
	static struct pike__slot *slots[EXTRAS];
	struct pike__slots s = {0};
	uint32_t made;

	for (int i = 0; i < EXTRAS; i++) {
		slots[i] = slot_new(&s, true);
		memset(slots[i]->extra, i, sizeof *slots[i]->extra);
	}
	for (int i = 0; i < EXTRAS; i++)
		for (size_t k = 0; k < sizeof *slots[i]->extra; k++)
			UNIT_EQ(((unsigned char *)slots[i]->extra)[k], i);
	made = s.extra_count;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < EXTRAS; i++) {
			pike__slot_give(&s, slots[i]);
			ck_assert_ptr_null(slots[i]->extra);
		}
		for (int i = 0; i < EXTRAS; i++)
			slots[i] = slot_new(&s, true);
	}
	ck_assert_uint_eq(s.extra_count, made);
	pike__slots_free(&s);
}
END_TEST

START_TEST(slots_fill_makes_all_at_once)
{
	struct pike__slots s = {0};
	uint32_t n = 0;

	ck_assert(pike__slots_fill(&s, 3 * PIKE__SLOT_CHUNK - 1));
	ck_assert_uint_eq(s.count, 3 * PIKE__SLOT_CHUNK);
	ck_assert_uint_eq(s.extra_count, 3 * PIKE__SLOT_CHUNK);
	for (struct pike__slot *slot = s.free; slot; slot = slot->next)
		n++;
	ck_assert_uint_eq(n, s.count);
	pike__slots_free(&s);
}
END_TEST

/* -- without memory -- */

static int allowed; /* allocations until there are no more */

static void *scarce(void *old, size_t size)
{
	if (size && allowed-- <= 0)
		return NULL;
	return realloc(old, size);
}

/* A reserve that failed has changed nothing, and the next one succeeds. */
START_TEST(slots_reserve_without_memory)
{
	for (int n = 0; n < 4; n++) {
		struct pike__slots s = {0};

		allowed = n;
		pike__realloc_hook = scarce;
		ck_assert(!pike__slots_reserve(&s, true));
		pike__realloc_hook = NULL;
		ck_assert_uint_eq(s.count, n < 2 ? 0 : PIKE__SLOT_CHUNK);
		ck_assert_uint_eq(s.extra_count, 0);
		ck_assert_ptr_nonnull(slot_new(&s, true)->extra);
		pike__slots_free(&s);
	}
}
END_TEST

UNIT_MAIN("slot", slot_id_names_one_op_only, slot_find_takes_any_number,
    slot_generations_wrap, slots_stay_where_they_are,
    slot_extras_are_not_shared, slots_fill_makes_all_at_once,
    slots_reserve_without_memory)
