/* SPDX-License-Identifier: MIT */
/* Taking connections by one multishot op. */
#include "harness.h"

CASE(multishot_takes_one_after_the_other)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));

	for (int i = 0; i < 20; i++) {
		pike_fd fd = rig_caller(rig, &addr, NULL);
		struct pike_completion c = wait_one(rig, id);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
		expect_connected(rig, c.res, fd);
	}
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
}

CASE(multishot_takes_many_at_once)
{
	enum {
		CALLERS = 50
	};
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_fd fd[CALLERS];

	for (int i = 0; i < CALLERS; i++)
		fd[i] = rig_caller(rig, &addr, NULL);
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));
	for (int i = 0; i < CALLERS; i++) {
		struct pike_completion c = wait_one(rig, id);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
		expect_connected(rig, c.res, fd[i]);
	}
	expect_cancelled(rig, id);
}

/* Trap 192: few places for results hold it back, and lose nothing. */
CASE(multishot_pauses_while_nobody_reaps)
{
	enum {
		CALLERS = 30
	};
	struct pike_params params = {.shots_max = 2};
	struct pike_addr addr;
	rig_close(rig);
	rig_open(rig, &params);
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));
	pike_fd fd[CALLERS];

	for (int i = 0; i < CALLERS; i++)
		fd[i] = rig_caller(rig, &addr, NULL);
	for (int i = 0; i < CALLERS; i++) {
		ck_assert_int_le(rig_reap(rig, 0), 2);
		struct pike_completion c = wait_one(rig, id);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
		expect_connected(rig, c.res, fd[i]);
	}
	expect_cancelled(rig, id);
}

/* One result of a reap may write the address; the next waits. */
CASE(multishot_writes_one_address_per_reap)
{
	enum {
		CALLERS = 5
	};
	struct pike_addr addr, from = {0}, name[CALLERS];
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);

	for (int i = 0; i < CALLERS; i++)
		rig_caller(rig, &addr, &name[i]);
	pike_id id =
	    submit(rig, op_flags(op_at(PIKE_ACCEPT, h, &from), PIKE_MULTISHOT));
	for (int i = 0; i < CALLERS; i++) {
		while (arrival_of(rig, id) < 0)
			ck_assert_int_eq(rig_reap(rig, -1), 1);
		ck_assert(addr_equal(&from, &name[i]));
		ck_assert_int_gt(wait_one(rig, id).res, 0);
	}
	expect_cancelled(rig, id);
}

CASE(cancelled_multishot_leaves_the_rest_queued)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));

	rig_caller(rig, &addr, NULL);
	ck_assert_int_gt(wait_one(rig, id).res, 0);
	expect_cancelled(rig, id);
	pike_fd fd = rig_caller(rig, &addr, NULL);
	fence(rig);
	expect_connected(rig, perform(rig, op_accept(h)).res, fd);
}

CASE(multishot_ends_with_its_listener)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));

	rig_caller(rig, &addr, NULL);
	ck_assert_uint_eq(wait_one(rig, id).flags, PIKE_MORE);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
}

/* Accepts that stand behind others do not begin when the queue ends. */
CASE(closing_queue_takes_no_more_connections)
{
	enum {
		CALLERS = 8
	};
	struct pike_params params = {.shots_max = 1};
	struct rig *other = rig_new(&params);
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener =
	    rig_own(rig, port_bound(&addr, PIKE_SOCK_STREAM, CALLERS));
	pike_handle h = pike_adopt(other->q, listener, 0);
	int left = 0;

	for (int i = 0; i < CALLERS; i++)
		rig_caller(rig, &addr, NULL);
	pike_id id = submit(other, op_flags(op_accept(h), PIKE_MULTISHOT));
	for (int i = 0; i < CALLERS; i++)
		submit(other, op_accept(h));
	ck_assert_int_gt(wait_one(other, id).res, 0);
	drop_arrivals(other);
	rig_close(other);
	for (; port_is_readable(listener); left++)
		rig_own(rig, port_accept(listener));
	/* One was given out; another may have been taken for the next reap. */
	ck_assert_int_ge(left, CALLERS - 2);
}

/* Trap 191: the few places for results are shared. */
CASE(multishots_take_turns_at_the_places)
{
	enum {
		CALLERS = 40
	};
	struct pike_params params = {.shots_max = 1};
	struct pike_addr addr[2];
	pike_handle h[2];
	pike_id id[2];
	int got[2] = {0, 0};

	rig_close(rig);
	rig_open(rig, &params);
	for (int i = 0; i < 2; i++) {
		h[i] = rig_listen(rig, PIKE_AF_INET, &addr[i]);
		for (int n = 0; n < CALLERS; n++)
			rig_caller(rig, &addr[i], NULL);
	}
	for (int i = 0; i < 2; i++)
		id[i] = submit(rig, op_flags(op_accept(h[i]), PIKE_MULTISHOT));
	for (int n = 0; n < CALLERS; n++) {
		struct pike_completion c = wait_any(rig);
		ck_assert_int_gt(c.res, 0);
		got[c.id == id[1]]++;
	}
	ck_assert_int_ge(got[0], CALLERS / 4);
	ck_assert_int_ge(got[1], CALLERS / 4);
	rig_close(rig);
}

/* Shots that wait to be reaped are handles: queue close closes them. */
CASE(unreaped_connections_are_closed_with_the_queue)
{
	struct rig *other = rig_new(NULL);
	struct pike_addr addr;
	pike_handle h = rig_listen(other, PIKE_AF_INET, &addr);
	pike_fd fd[3];
	char in;

	submit(other, op_flags(op_accept(h), PIKE_MULTISHOT));
	for (int i = 0; i < 3; i++)
		fd[i] = rig_caller(rig, &addr, NULL);
	rig_reap_max(other, 1, -1);
	drop_arrivals(other);
	rig_close(other);
	for (int i = 0; i < 3; i++) {
		port_wait_readable(fd[i]);
		int64_t n = port_read(fd[i], &in, 1);
		ck_assert(n == 0 || n == -PIKE_ECONNRESET);
	}
}

CASE(emfile_ends_a_multishot_and_loses_nothing)
{
	struct pike_addr addr;
	pike_handle h = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_fd fd[3];

	for (int i = 0; i < 3; i++)
		fd[i] = rig_caller(rig, &addr, NULL);
	if (!port_limit_files(1))
		SKIP("no limit of descriptors here");
	pike_id id = submit(rig, op_flags(op_accept(h), PIKE_MULTISHOT));
	struct pike_completion c = wait_one(rig, id);
	ck_assert_uint_eq(c.flags, PIKE_MORE);
	expect_error(rig, id, PIKE_EMFILE);
	expect_idle(rig);
	port_limit_files(-1);
	expect_connected(rig, c.res, fd[0]);
	expect_connected(rig, perform(rig, op_accept(h)).res, fd[1]);
	expect_connected(rig, perform(rig, op_accept(h)).res, fd[2]);
}

int main(void)
{
	area_begin("accept_many");
	area_add(multishot_takes_one_after_the_other);
	area_add(multishot_takes_many_at_once);
	area_add(multishot_pauses_while_nobody_reaps);
	area_add(multishot_writes_one_address_per_reap);
	area_add(cancelled_multishot_leaves_the_rest_queued);
	area_add(multishot_ends_with_its_listener);
	area_add(closing_queue_takes_no_more_connections);
	area_add(multishots_take_turns_at_the_places);
	area_add(unreaped_connections_are_closed_with_the_queue);
	area_add(emfile_ends_a_multishot_and_loses_nothing);
	return area_end();
}
