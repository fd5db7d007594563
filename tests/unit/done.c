/* SPDX-License-Identifier: MIT */
/* The ring of completions against a plain queue of numbers. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "alloc.h"
#include "done.h"
#include "unit.h"

#define MODEL 4096

/* Completions carry a running number; the oldest that is not yet taken is
 * first, the next to be added is last. */
struct model {
	struct pike__done done;
	int64_t first, last;
};

static void model_open(struct model *m, uint32_t ops, uint32_t shots)
{
	memset(m, 0, sizeof *m);
	UNIT_CHECK(pike__done_open(&m->done, ops, shots));
	UNIT_EQ(m->done.room, ops);
	UNIT_EQ(m->done.shots_left, shots);
}

static void model_add(struct model *m)
{
	struct pike_completion *c = pike__done_add(&m->done);

	memset(c, 0, sizeof *c);
	UNIT_CHECK(m->done.end != m->done.last ||
		   (m->done.next >= m->done.base && c < m->done.last));
	c->id = m->last++;
	c->res = -c->id;
	c->user_data = m;
}

static void model_take(struct model *m, uint32_t max)
{
	static struct pike_completion out[MODEL + 1];
	uint32_t want = (uint32_t)(m->last - m->first);
	uint32_t n;

	if (want > max)
		want = max;
	out[want].id = -1;
	n = pike__done_take(&m->done, out, max);
	UNIT_EQ(n, want);
	for (uint32_t i = 0; i < n; i++) {
		UNIT_EQ(out[i].id, m->first);
		UNIT_EQ(out[i].res, -m->first);
		UNIT_CHECK(out[i].user_data == m);
		m->first++;
	}
	UNIT_EQ(out[want].id, -1);
	UNIT_EQ(pike__done_count(&m->done), (uint32_t)(m->last - m->first));
}

/* Adds so many while memory for max is lent. */
static void model_lend(struct model *m, uint32_t max, uint32_t fill)
{
	static struct pike_completion out[MODEL + 1];
	uint32_t want = fill < max ? fill : max;

	out[want].id = -1;
	pike__done_lend(&m->done, out, max);
	for (uint32_t i = 0; i < fill; i++)
		model_add(m);
	UNIT_EQ(pike__done_lent_one(&m->done, out), fill == 1 && max > 1);
	UNIT_EQ(pike__done_return(&m->done, out, max), want);
	UNIT_CHECK(m->done.end == m->done.last);
	for (uint32_t i = 0; i < want; i++) {
		UNIT_EQ(out[i].id, m->first);
		m->first++;
	}
	UNIT_EQ(out[want].id, -1);
	UNIT_EQ(pike__done_count(&m->done), (uint32_t)(m->last - m->first));
}

START_TEST(done_gives_in_order)
{
	struct model m;

	model_open(&m, 3, 2);
	model_take(&m, 4);
	for (int i = 0; i < 5; i++)
		model_add(&m);
	model_take(&m, 0);
	model_take(&m, 1);
	model_take(&m, 9);
	pike__done_free(&m.done);
}
END_TEST

/* Each fill at each place, so that the two parts of a copy have each length. */
START_TEST(done_wraps_at_each_place)
{
	enum {
		CAP = 7
	};
	struct model m;

	model_open(&m, CAP - 2, 2);
	for (uint32_t start = 0; start < CAP; start++) {
		for (uint32_t fill = 0; fill <= CAP; fill++) {
			for (uint32_t i = 0; i < fill; i++)
				model_add(&m);
			model_take(&m, fill / 2);
			model_take(&m, CAP);
		}
		model_add(&m);
		model_take(&m, 1);
	}
	pike__done_free(&m.done);
}
END_TEST

/* Wherever the empty ring stands, what is lent is filled first, and the ring
 * goes on; after that all is as ever. */
START_TEST(done_fills_what_is_lent)
{
	enum {
		CAP = 5
	};
	struct model m;

	model_open(&m, CAP - 1, 1);
	for (uint32_t start = 0; start <= CAP; start++) {
		for (uint32_t max = 1; max <= CAP + 2; max++) {
			for (uint32_t fill = 0; fill <= CAP; fill++) {
				for (uint32_t i = 0; i < start; i++) {
					model_add(&m);
					model_take(&m, 1);
				}
				model_lend(&m, max, fill);
				model_take(&m, 1);
				while (pike__done_count(&m.done) < CAP)
					model_add(&m);
				model_take(&m, CAP);
			}
		}
	}
	pike__done_free(&m.done);
}
END_TEST

/* What is in the ring when it grows stays in order, wherever it began. */
START_TEST(done_grows_at_each_place)
{
	enum {
		CAP = 6
	};

	for (uint32_t start = 0; start < CAP; start++) {
		for (uint32_t fill = 0; fill <= CAP; fill++) {
			struct model m;
			uint32_t room;

			model_open(&m, CAP, 0);
			for (uint32_t i = 0; i < start; i++) {
				model_add(&m);
				model_take(&m, 1);
			}
			for (uint32_t i = 0; i < fill; i++)
				model_add(&m);
			room = m.done.room;
			UNIT_CHECK(pike__done_grow(&m.done));
			UNIT_EQ(m.done.cap - CAP, m.done.room - room);
			while (pike__done_count(&m.done) < m.done.cap)
				model_add(&m);
			model_take(&m, MODEL);
			pike__done_free(&m.done);
		}
	}
}
END_TEST

START_TEST(done_is_a_queue)
{
	uint64_t state = unit_seed("done_is_a_queue");
	struct model m;

	model_open(&m, 1, 1);
	for (int step = 0; step < 40000; step++) {
		uint32_t n = unit_below(&state, 12);

		switch (unit_below(&state, 40)) {
		case 0:
			if (m.done.cap < MODEL / 2)
				UNIT_CHECK(pike__done_grow(&m.done));
			break;
		case 1:
			model_take(&m, MODEL);
			break;
		default:
			if (n % 2)
				model_take(&m, n);
			while (
			    n-- > 0 && pike__done_count(&m.done) < m.done.cap)
				model_add(&m);
			break;
		}
	}
	model_take(&m, MODEL);
	ck_assert_int_gt(m.last, 40000);
	pike__done_free(&m.done);
}
END_TEST

static void *nothing(void *old, size_t size)
{
	return size ? NULL : realloc(old, 0);
}

START_TEST(done_without_memory)
{
	struct pike__done none = {0};
	struct model m;

	model_open(&m, 2, 0);
	model_add(&m);
	model_add(&m);
	pike__realloc_hook = nothing;
	UNIT_CHECK(!pike__done_open(&none, 1, 1));
	UNIT_CHECK(!pike__done_grow(&m.done));
	pike__realloc_hook = NULL;
	UNIT_EQ(m.done.cap, 2);
	model_take(&m, 2);
	/* A size that cannot be is refused before memory is asked for. */
	m.done.cap = INT32_MAX - 1;
	UNIT_CHECK(!pike__done_grow(&m.done));
	m.done.cap = UINT32_MAX - 1;
	UNIT_CHECK(!pike__done_grow(&m.done));
	pike__done_free(&m.done);
}
END_TEST

UNIT_MAIN("done", done_gives_in_order, done_wraps_at_each_place,
    done_fills_what_is_lent, done_grows_at_each_place, done_is_a_queue,
    done_without_memory)
