/* SPDX-License-Identifier: MIT */
/* What the backend asks of its system: one change for each direction of a
 * connection in its life, one call for each look, and nothing while idle. */
#include "config.h"

#include "backend/sys.h"
#include "between.h"

enum {
	PAIRS = 50,
	ROUNDS = 40
};

/* Bytes there and back, so that each recv has to wait. */
START_TEST(a_connection_is_registered_once_in_its_life)
{
	pike_handle h[3];
	char byte;

	begin_on("freebsd");
	use_connection(q, h);
	for (int round = 0; round < ROUNDS; round++) {
		submit_read(h[round % 2], &byte, 1);
		look();
		use_submit(q, (struct pike_op){.opcode = PIKE_SEND,
				  .handle = h[!(round % 2)],
				  .buf = "a",
				  .len = 1});
		ck_assert_int_eq(taken().res, 1);
		ck_assert_int_eq(taken().res, 1);
	}
	for (int i = 0; i < 3; i++) {
		pike_fd fd = pike_fd_of(q, h[i]);

		ck_assert_int_lt(fd, COUNT(fake.added));
		for (int filter = 0; filter < 2; filter++)
			ck_assert_uint_eq(fake.added[fd][filter], 1);
	}
	/* The system forgets them by itself, if nobody else has them: their
	 * numbers were asked for. */
	fake.deletes = 0;
	use_connection(q, h);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    use_do(q,
			(struct pike_op){.opcode = PIKE_CLOSE, .handle = h[i]}),
		    0);
	ck_assert_int_eq(fake.deletes, 0);
	end();
}
END_TEST

START_TEST(a_look_is_one_call_with_its_changes)
{
	int pair[2];
	char byte;
	pike_handle h;

	begin_on("freebsd");
	unix_pair(pair);
	h = adopted(pair[0]);
	fake.calls = fake.changes_alone = 0;
	for (int i = 1; i <= ROUNDS; i++) {
		struct pike_completion c;

		submit_read(h, &byte, 1);
		ck_assert_int_eq(write(pair[1], "a", 1), 1);
		ck_assert_int_eq(taken().res, 1);
		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
		ck_assert_int_le(fake.calls, 2 * i);
	}
	ck_assert_int_eq(fake.changes_alone, 0);
	end();
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* Connections with a recv that waits, and others that nobody looks at. */
START_TEST(an_idle_queue_sleeps_once_for_each_reap)
{
	struct pike_completion c;
	int pair[PAIRS][2];
	char byte;

	begin_on("freebsd");
	for (int i = 0; i < PAIRS; i++) {
		pike_handle h;

		unix_pair(pair[i]);
		h = adopted(pair[i][0]);
		submit_read(h, &byte, 1);
		if (i % 2 == 0)
			continue;
		look();
		ck_assert_int_eq(write(pair[i][1], "aa", 2), 2);
		ck_assert_int_eq(taken().res, 1);
	}
	look();
	for (int i = 1; i <= 5; i++) {
		fake.calls = 0;
		ck_assert_int_eq(pike_reap(q, &c, 1, 20000000), 0);
		ck_assert_int_le(fake.calls, 2);
	}
	end();
	for (int i = 0; i < PAIRS; i++) {
		close(pair[i][0]);
		close(pair[i][1]);
	}
}
END_TEST

UNIT_MAIN("kqueue: figures", a_connection_is_registered_once_in_its_life,
    a_look_is_one_call_with_its_changes,
    an_idle_queue_sleeps_once_for_each_reap)
