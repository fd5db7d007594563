/* SPDX-License-Identifier: MIT */
/* What things are called in the ring: slots by their address, groups by their
 * number. */
#include "config.h"

#include <limits.h>

#include "backend/uring.h"
#include "use.h"

START_TEST(an_address_comes_back_whatever_its_upper_bits)
{
	uint64_t seed = unit_seed("names");

	for (int i = 0; i < 100000; i++) {
		uintptr_t at = (uintptr_t)unit_below(&seed, UINT32_MAX) << 1;
		struct pike__slot *slot;
		uint64_t name;

		if (sizeof at > 4)
			at |=
			    (uintptr_t)((uint64_t)unit_below(&seed, UINT32_MAX)
					<< 32);
		slot = (struct pike__slot *)at;
		name = pike__uring_short(slot);
		UNIT_CHECK(pike__uring_short_slot(name) == slot);
		/* Neither an id nor a handle's name has it. */
		UNIT_CHECK(name & PIKE__URING_SHORT);
		UNIT_CHECK((int64_t)name < 0);
	}
}
END_TEST

/* ---- groups ---- */

static struct pike__sys real;
static int rings, lowest = INT_MAX;

static int fake_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *reg)
{
	rings++;
	if (reg->bgid < lowest)
		lowest = reg->bgid;
	return real.uring_buf_ring(ring, reg);
}

/* As if so many were open. */
static void pretend(struct pike_queue *q, uint32_t count)
{
	ck_assert(pike__grow((void **)&q->groups.at, &q->groups.cap, count,
	    sizeof *q->groups.at));
	for (uint32_t i = q->groups.count; i < count; i++)
		q->groups.at[i] = NULL;
	q->groups.count = q->groups.full = count;
}

START_TEST(the_last_groups_of_very_many_have_no_name_of_the_first)
{
	struct pike_params params = {.backend = "uring"};
	struct pike_queue *q;
	int before;

	real = pike__sys;
	pike__sys.uring_buf_ring = fake_buf_ring;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
	use_groups(q);
	if (!rings) {
		printf("skipped: the kernel has no rings of buffers\n");
		pike_queue_close(q);
		return;
	}
	/* Those of whom the old kernels keep something: see uring_group.c. */
	for (uint32_t count = 65460; count < 65500; count++) {
		pretend(q, count);
		use_groups(q);
		ck_assert_int_ge(lowest, 64);
	}
	before = rings;
	pretend(q, 65534);
	use_groups(q);
	ck_assert_int_eq(rings, before);
	pike_queue_close(q);
}
END_TEST

UNIT_MAIN("names", an_address_comes_back_whatever_its_upper_bits,
    the_last_groups_of_very_many_have_no_name_of_the_first)
