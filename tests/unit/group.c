/* SPDX-License-Identifier: MIT */
/* Groups of buffers: what the core and a backend are to each other. */
#include "config.h"

#include <check.h>

#include "script.h"
#include "unit.h"

static int ring; /* what a backend's ring would be */

static struct pike__group *group_of(int id)
{
	struct pike__group *g = pike__group_find(script.q, (uint32_t)id);

	ck_assert_ptr_nonnull(g);
	return g;
}

static pike_id group_recv(char letter, pike_handle h, int group)
{
	struct pike_op op = script_op(PIKE_RECV, h);

	op.flags = PIKE_GROUP;
	op.u.group.id = (uint32_t)group;
	return script_submit(letter, op);
}

/* What a backend does that finds no buffer for the head of the reads. */
static void group_pause(pike_handle h, int group)
{
	struct pike__handle *handle = pike__handle_find(&script.q->handles, h);

	pike__group_wait(
	    script.q, group_of(group), handle->lane[PIKE__READS].head);
}

START_TEST(group_that_the_backend_refuses_is_none)
{
	script_open(NULL);
	script.group_error = -PIKE_ENOMEM;
	ck_assert_int_eq(pike_group_open(script.q, 4, 8, NULL), -PIKE_ENOMEM);
	ck_assert_int_eq(pike_group_close(script.q, 1), -PIKE_EINVAL);
	script.group_error = 0;
	ck_assert_int_eq(pike_group_open(script.q, 2, 8, NULL), 1);
	script_asked("group 1 of 4 group 1 of 2");
	script_close();
	script_asked("no group 1 closed");
}
END_TEST

START_TEST(group_ids_are_the_lowest)
{
	script_open(NULL);
	for (int id = 1; id <= 5; id++)
		ck_assert_int_eq(pike_group_open(script.q, 1, 8, NULL), id);
	ck_assert_int_eq(pike_group_close(script.q, 4), 0);
	ck_assert_int_eq(pike_group_close(script.q, 2), 0);
	ck_assert_int_eq(pike_group_open(script.q, 1, 8, NULL), 2);
	ck_assert_int_eq(pike_group_open(script.q, 1, 8, NULL), 4);
	ck_assert_int_eq(pike_group_open(script.q, 1, 8, NULL), 6);
	script_close();
}
END_TEST

START_TEST(group_of_65535_is_the_last)
{
	script_open(NULL);
	for (int id = 1; id <= 65535; id++) {
		UNIT_EQ(pike_group_open(script.q, 1, 8, NULL), id);
		script_forget();
	}
	ck_assert_int_eq(pike_group_open(script.q, 1, 8, NULL), -PIKE_ENOMEM);
	ck_assert_int_eq(pike_group_close(script.q, 65000), 0);
	ck_assert_int_eq(pike_group_open(script.q, 1, 8, NULL), 65000);
	for (uint32_t id = 1; id <= 65535; id++) {
		UNIT_EQ(pike_group_close(script.q, id), 0);
		script_forget();
	}
	script_close();
}
END_TEST

START_TEST(group_with_a_ring_has_its_buffers_given_back)
{
	script_open(NULL);
	script.group_ring = &ring;
	int id = pike_group_open(script.q, 4, 8, NULL);
	struct pike__group *g = group_of(id);

	pike__group_out(g, 3);
	pike__group_out(g, 0);
	script_forget();
	ck_assert_int_eq(pike_group_return(script.q, 1, 3), 0);
	ck_assert_int_eq(pike_group_return(script.q, 1, 3), -PIKE_EINVAL);
	ck_assert_int_eq(pike_group_return(script.q, 1, 1), -PIKE_EINVAL);
	ck_assert_int_eq(pike_group_return(script.q, 1, 0), 0);
	script_asked("1:3 1:0");
	script_close();
}
END_TEST

START_TEST(group_without_a_ring_keeps_its_buffers)
{
	script_open(NULL);
	int id = pike_group_open(script.q, 4, 8, NULL);
	struct pike__group *g = group_of(id);

	for (int i = 0; i < 4; i++)
		pike__group_out(g, (uint32_t)pike__group_take(g));
	ck_assert_int_eq(pike__group_take(g), -1);
	script_forget();
	ck_assert_int_eq(pike_group_return(script.q, 1, 2), 0);
	script_asked("");
	ck_assert_int_eq(pike__group_take(g), 2);
	ck_assert_int_eq(pike__group_take(g), -1);
	script_close();
}
END_TEST

/* One op for each buffer, the oldest first; one that waits ends as any. */
START_TEST(group_starts_who_waits_in_order)
{
	pike_handle h[4];
	pike_id id[4];
	script_open(NULL);
	script.cancels_at_once = true;
	script.group_ring = &ring;
	int group = pike_group_open(script.q, 4, 8, NULL);
	struct pike__group *g = group_of(group);

	g->free_count = 0; /* they are in the ring */
	for (int i = 0; i < 4; i++) {
		h[i] = script_adopt(3 + i);
		id[i] = group_recv((char)('a' + i), h[i], group);
		group_pause(h[i], group);
		pike__group_out(g, (uint32_t)i);
	}
	script_forget();
	ck_assert_int_eq(pike_group_close(script.q, 1), -PIKE_EBUSY);
	ck_assert_int_eq(pike_cancel(script.q, id[1]), 0);
	script_asked("-b");
	ck_assert_int_eq(pike_group_return(script.q, 1, 0), 0);
	script_asked("1:0 +a");
	ck_assert_int_eq(pike_cancel(script.q, id[3]), 0);
	ck_assert_int_eq(pike_group_return(script.q, 1, 1), 0);
	ck_assert_int_eq(pike_group_return(script.q, 1, 2), 0);
	script_asked("-d 1:1 +c 1:2");
	script_gives("b:-125 d:-125");
	script_then_end('a', 1);
	script_then_end('c', 1);
	script_gives("a:1 c:1");
	ck_assert_int_eq(pike_group_close(script.q, 1), 0);
	script_close();
}
END_TEST

/* With buffers on the stack all who wait are started until there is none. */
START_TEST(group_leaves_no_buffer_with_who_does_not_take_it)
{
	pike_handle h[3];
	script_open(NULL);
	int group = pike_group_open(script.q, 1, 8, NULL);
	struct pike__group *g = group_of(group);

	pike__group_out(g, (uint32_t)pike__group_take(g));
	for (int i = 0; i < 3; i++) {
		h[i] = script_adopt(3 + i);
		group_recv((char)('a' + i), h[i], group);
		group_pause(h[i], group);
	}
	script_forget();
	ck_assert_int_eq(pike_group_return(script.q, 1, 0), 0);
	script_asked("+a +b +c");
	script_close_at_once();
}
END_TEST

UNIT_MAIN("group", group_that_the_backend_refuses_is_none,
    group_ids_are_the_lowest, group_of_65535_is_the_last,
    group_with_a_ring_has_its_buffers_given_back,
    group_without_a_ring_keeps_its_buffers, group_starts_who_waits_in_order,
    group_leaves_no_buffer_with_who_does_not_take_it)
