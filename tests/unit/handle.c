/* SPDX-License-Identifier: MIT */
/* Handles: names that a later handle in the same place does not answer to. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "alloc.h"
#include "grow.h"
#include "handle.h"
#include "unit.h"

static struct pike__handle *handle_new(struct pike__handles *t, int64_t fd)
{
	ck_assert(pike__handles_reserve(t));
	return pike__handle_take(t, fd, PIKE__SOCKET_STREAM, PIKE__OPENED);
}

START_TEST(handle_begins_ready_and_empty)
{
	struct pike__handles t;
	struct pike__handle *h;

	ck_assert(pike__handles_open(&t));
	h = handle_new(&t, 7);
	ck_assert_int_eq(h->fd, 7);
	ck_assert_int_eq(h->kind, PIKE__SOCKET_STREAM);
	ck_assert_int_eq(h->flags, PIKE__OPENED);
	ck_assert_uint_eq(h->pending, 0);
	ck_assert_ptr_null(h->closing);
	ck_assert_int_eq(h->lane[PIKE__READS].state, PIKE__READY);
	ck_assert_int_eq(h->lane[PIKE__WRITES].state, PIKE__READY);
	pike__handle_give(&t, h);
	/* Nothing of a former life is left. */
	memset(h->lane, 0xff, sizeof h->lane);
	h = pike__handle_take(&t, 8, PIKE__PIPE, 0);
	ck_assert_int_eq(
	    h->lane[PIKE__READS].state, PIKE__READY | PIKE__SPECIAL);
	ck_assert_int_eq(h->lane[PIKE__READS].error, 0);
	ck_assert_ptr_null(h->lane[PIKE__WRITES].head);
	ck_assert_ptr_null(h->lane[PIKE__POLLS].head);
	ck_assert_int_eq(h->flags, 0);
	pike__handles_free(&t);
}
END_TEST

START_TEST(handle_find_takes_any_number)
{
	struct pike__handles t;
	pike_handle name;

	ck_assert(pike__handles_open(&t));
	ck_assert_ptr_null(pike__handle_find(&t, 0));
	ck_assert_ptr_null(pike__handle_find(&t, 1));
	name = handle_new(&t, 3)->self;
	ck_assert_int_gt(name, 0);
	const pike_handle wrong[] = {0, 1, -1, INT64_MIN, INT64_MAX, -name,
	    name + 1, name + PIKE__HANDLE_CHUNK, name ^ INT64_MIN,
	    name + (INT64_C(1) << 32), name - (INT64_C(1) << 32),
	    (uint32_t)name, UINT32_MAX};

	for (size_t i = 0; i < COUNT(wrong); i++)
		ck_assert_ptr_null(pike__handle_find(&t, wrong[i]));
	ck_assert_ptr_nonnull(pike__handle_find(&t, name));
	pike__handles_free(&t);
}
END_TEST

START_TEST(handle_names_end_with_their_handle)
{
	enum {
		ROUNDS = 64
	};
	struct pike__handles t;
	pike_handle names[ROUNDS];
	bool wrapped = false;

	ck_assert(pike__handles_open(&t));
	for (int i = 0; i < ROUNDS; i++) {
		struct pike__handle *h = handle_new(&t, i);

		names[i] = h->self;
		ck_assert_int_gt(names[i], 0);
		ck_assert_ptr_eq(pike__handle_find(&t, names[i]), h);
		wrapped |= i > 0 && names[i] < names[i - 1];
		for (int k = 0; k < i; k++)
			ck_assert_ptr_null(pike__handle_find(&t, names[k]));
		pike__handle_give(&t, h);
		ck_assert_ptr_null(pike__handle_find(&t, names[i]));
	}
	ck_assert(wrapped);
	pike__handles_free(&t);
}
END_TEST

/* Enough that the table of pointers doubles several times. */
START_TEST(handles_stay_where_they_are)
{
	enum {
		HANDLES = 9 * PIKE__HANDLE_CHUNK + 1
	};
	static struct pike__handle *handles[HANDLES];
	struct pike__handles t;

	ck_assert(pike__handles_open(&t));
	for (int i = 0; i < HANDLES; i++)
		handles[i] = handle_new(&t, i);
	for (int i = 0; i < HANDLES; i++) {
		ck_assert_int_eq(handles[i]->fd, i);
		ck_assert_ptr_eq(
		    pike__handle_find(&t, handles[i]->self), handles[i]);
	}
	ck_assert_uint_ge(t.mask + 1, t.count);
	for (int i = 0; i < HANDLES; i += 2)
		pike__handle_give(&t, handles[i]);
	for (int i = 1; i < HANDLES; i += 2)
		ck_assert_ptr_eq(
		    pike__handle_find(&t, handles[i]->self), handles[i]);
	pike__handles_free(&t);
}
END_TEST

/* The first of several errors of a lane is the one that is kept. */
START_TEST(lane_keeps_its_first_error)
{
	struct pike__lane lane = {0};

	pike__lane_fail(&lane, PIKE_ECONNRESET);
	pike__lane_fail(&lane, PIKE_EPIPE);
	ck_assert_int_eq(lane.error, PIKE_ECONNRESET);
	ck_assert(lane.state & PIKE__FAILED);
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

START_TEST(handles_without_memory)
{
	struct pike__handles t;
	int failures = 0;

	allowed = 0;
	pike__realloc_hook = scarce;
	ck_assert(!pike__handles_open(&t));
	allowed = 1;
	ck_assert(pike__handles_open(&t));
	/* Each step of each growth fails once. */
	for (int i = 0; i < 4 * PIKE__HANDLE_CHUNK; i++) {
		allowed = 0;
		while (!pike__handles_reserve(&t)) {
			ck_assert_uint_eq(t.count, (uint32_t)i);
			failures++;
			allowed = 1;
			if (pike__handles_reserve(&t))
				break;
			failures++;
			allowed = 3;
		}
		allowed = 0;
		ck_assert_int_eq(
		    pike__handle_take(&t, i, PIKE__OTHER, 0)->fd, i);
	}
	ck_assert_int_ge(failures, 4);
	pike__handles_free(&t);
	pike__realloc_hook = NULL;
}
END_TEST

UNIT_MAIN("handle", handle_begins_ready_and_empty, handle_find_takes_any_number,
    handle_names_end_with_their_handle, handles_stay_where_they_are,
    lane_keeps_its_first_error, handles_without_memory)
