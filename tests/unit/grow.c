/* SPDX-License-Identifier: MIT */
/* Arrays that grow, and generations. */
#include "config.h"

#include <check.h>

#include "grow.h"
#include "unit.h"

static size_t asked; /* bytes of the last allocation; 0: none */
static bool refused;

static void *watched(void *old, size_t size)
{
	if (size)
		asked = size;
	return refused && size ? NULL : realloc(old, size);
}

START_TEST(grow_by_an_eighth)
{
	uint64_t *array = NULL;
	uint32_t cap = 0;
	uint32_t times = 0;

	pike__realloc_hook = watched;
	for (uint32_t want = 0; want <= 20000; want++) {
		uint32_t before = cap;

		asked = 0;
		UNIT_CHECK(
		    pike__grow((void **)&array, &cap, want, sizeof *array));
		UNIT_CHECK(cap >= want);
		if (want <= before) {
			UNIT_EQ(cap, before);
			UNIT_EQ(asked, 0);
		} else {
			UNIT_EQ(cap, before + before / 8 + 8);
			UNIT_EQ(asked, cap * sizeof *array);
			times++;
		}
		if (want)
			array[want - 1] = want;
	}
	for (uint32_t i = 0; i < 20000; i++)
		UNIT_EQ(array[i], i + 1);
	ck_assert_uint_lt(times, 64);
	free(array);
	pike__realloc_hook = NULL;
}
END_TEST

START_TEST(grow_by_what_is_wanted)
{
	char *array = NULL;
	uint32_t cap = 0;

	ck_assert(pike__grow((void **)&array, &cap, 1000, 1));
	ck_assert_uint_eq(cap, 1000);
	ck_assert(pike__grow((void **)&array, &cap, 1000000, 1));
	ck_assert_uint_eq(cap, 1000000);
	free(array);
}
END_TEST

START_TEST(grow_without_memory)
{
	char *array = NULL;
	char *before;
	uint32_t cap = 0;

	pike__realloc_hook = watched;
	refused = true;
	ck_assert(!pike__grow((void **)&array, &cap, 1, 1));
	ck_assert_ptr_null(array);
	ck_assert_uint_eq(cap, 0);
	refused = false;
	ck_assert(pike__grow((void **)&array, &cap, 1, 1));
	before = array;
	array[0] = 'x';
	refused = true;
	ck_assert(!pike__grow((void **)&array, &cap, cap + 1, 1));
	ck_assert_ptr_eq(array, before);
	ck_assert_uint_eq(cap, 8);
	ck_assert_int_eq(array[0], 'x');
	free(array);
	pike__realloc_hook = NULL;
}
END_TEST

START_TEST(names_are_never_zero_or_negative)
{
	const int64_t step = INT64_C(1) << 32;

	const int64_t least = PIKE__GENERATION_LEAST * step;

	ck_assert_int_eq(pike__name_next(least | 7), (least + step) | 7);
	ck_assert_int_eq(pike__name_next(0x7ffffffe * step), 0x7fffffff * step);
	ck_assert_int_eq(pike__name_next(0x7fffffff * step | 7), least | 7);
	ck_assert_int_eq(
	    pike__name_next(INT64_MAX), least | (int64_t)UINT32_MAX);
	ck_assert_int_eq(pike__name_first(9), 0x7ffffff0 * step | 9);
}
END_TEST

UNIT_MAIN("grow", grow_by_an_eighth, grow_by_what_is_wanted,
    grow_without_memory, names_are_never_zero_or_negative)
