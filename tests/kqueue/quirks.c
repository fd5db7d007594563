/* SPDX-License-Identifier: MIT */
/* Quirks of changes, flags, closes and timers; see QUIRKS. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "between.h"

#define YEAR_S INT64_C(31536000)

/* ---- refusals ---- */

START_TEST(what_cannot_be_added_is_said_and_others_go_on)
{
	static const struct {
		int error, code;
	} errors[] = {
	    {EINVAL, PIKE_ENOTSUP}, /* terminals and devices of macOS */
	    {ENODEV, PIKE_ENOTSUP},
	    {EBADF, PIKE_EBADF},
	    {ENOMEM, PIKE_ENOMEM},
	};
	char in[5];

	for (size_t i = 0; i < COUNT(errors); i++) {
		pike_id id[5];
		int pair[5][2];

		begin_on("freebsd");
		for (int n = 0; n < 5; n++)
			unix_pair(pair[n]);
		fake.refused = pair[1][0];
		fake.refused_error = errors[i].error;
		fake.refusals = 2;
		for (int n = 0; n < 5; n++)
			id[n] = submit_read(adopted(pair[n][0]), &in[n], 1);
		struct pike_completion c = taken();
		ck_assert_int_eq(c.id, id[1]);
		ck_assert_int_eq(c.res, -errors[i].code);
		for (int n = 0; n < 5; n++) {
			if (n == 1)
				continue;
			ck_assert_int_eq(write(pair[n][1], "a", 1), 1);
			c = taken();
			ck_assert_int_eq(c.id, id[n]);
			ck_assert_int_eq(c.res, 1);
		}
		end();
		for (int n = 0; n < 5; n++) {
			close(pair[n][0]);
			close(pair[n][1]);
		}
	}
}
END_TEST

/* Of the other direction all is told; what waits to write ends, now and later,
 * and polls that ask for nothing else. */
START_TEST(what_cannot_be_written_can_be_read)
{
	static const char bytes[65536];
	struct pike_op out = {.opcode = PIKE_WRITE,
	    .buf = (void *)(uintptr_t)bytes,
	    .len = sizeof bytes};
	struct pike_op poll = {.opcode = PIKE_POLL, .op_flags = PIKE_POLL_OUT};
	struct pike_completion c;
	char in;
	int pair[2];

	begin_on("freebsd");
	unix_pair(pair);
	fake.refused = pair[0];
	fake.refused_error = EINVAL;
	fake.refusals = 9;
	fake.refuses_reads_not = true;
	out.handle = poll.handle = adopted(pair[0]);
	pike_id id = submit_read(out.handle, &in, 1);
	for (int i = 0; i < 2; i++) {
		while (use_do(q, out) > 0)
			continue;
		ck_assert_int_eq(use_do(q, out), -PIKE_ENOTSUP);
		ck_assert_int_eq(use_do(q, poll), -PIKE_ENOTSUP);
	}
	poll.op_flags |= PIKE_POLL_IN;
	pike_id both = use_submit(q, poll);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	c = taken();
	ck_assert_int_eq(c.id, id);
	ck_assert_int_eq(c.res, 1);
	c = taken();
	ck_assert_int_eq(c.id, both);
	ck_assert_int_eq(c.res, PIKE_POLL_IN);
	ck_assert_int_eq(fake.refusals, 8);
	end();
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(a_queue_in_a_queue_is_told_by_a_poll)
{
	struct pike_op op = {.opcode = PIKE_POLL,
	    .op_flags = PIKE_POLL_IN,
	    .flags = PIKE_MULTISHOT};
	struct pike_params params = {.backend = "kqueue"};
	struct pike_completion c;
	struct pike_queue *inner;

	begin_on("freebsd");
	ck_assert_int_eq(pike_queue_open(&inner, &params), 0);
	op.handle = adopted((int)pike_pollable(inner));
	use_submit(q, op);
	look();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pike_post(inner, NULL, i), 0);
		c = taken();
		ck_assert_int_eq(c.res, PIKE_POLL_IN);
		ck_assert_uint_eq(c.flags, PIKE_MORE);
		ck_assert_int_eq(pike_reap(inner, &c, 1, 0), 1);
		ck_assert_int_eq(c.res, i);
		ck_assert_int_eq(pike_reap(inner, &c, 1, 0), 0);
	}
	end();
	pike_queue_close(inner);
}
END_TEST

START_TEST(an_interrupted_call_has_made_its_changes)
{
	char in[5];
	int pair[5][2];

	begin_on("freebsd");
	fake.interrupts = 3;
	for (int n = 0; n < 5; n++) {
		unix_pair(pair[n]);
		submit_read(adopted(pair[n][0]), &in[n], 1);
	}
	look();
	ck_assert_int_eq(fake.interrupts, 0);
	for (int n = 0; n < 5; n++) {
		ck_assert_int_eq(write(pair[n][1], "a", 1), 1);
		ck_assert_int_eq(taken().res, 1);
		close(pair[n][1]);
	}
	end();
	for (int n = 0; n < 5; n++)
		close(pair[n][0]);
}
END_TEST

START_TEST(a_call_that_failed_has_made_nothing)
{
	char in;
	int pair[2];

	begin_on("freebsd");
	fake.fails = 2;
	unix_pair(pair);
	submit_read(adopted(pair[0]), &in, 1);
	look();
	look();
	ck_assert_int_eq(fake.fails, 0);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	ck_assert_int_eq(taken().res, 1);
	end();
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* What was let go of tells nothing, neither to a name that is stale nor by
 * making the queue readable. */
START_TEST(what_was_released_makes_no_event)
{
	struct pollfd p = {.events = POLLIN};
	pike_handle h;
	char in;
	int pair[2];

	begin_on("freebsd");
	p.fd = pike_pollable(q);
	ck_assert_int_ge(p.fd, 0);
	unix_pair(pair);
	h = adopted(pair[0]);
	submit_read(h, &in, 1);
	look();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	ck_assert_int_eq(taken().res, 1);
	look();
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(pike_release(q, h), pair[0]);
	ck_assert_int_eq(write(pair[1], "b", 1), 1);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	/* Room again is an event of the other filter. */
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	while (write(pair[0], "full", 4) > 0)
		;
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	while (read(pair[1], &in, 1) > 0)
		;
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	end();
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(files_are_never_added)
{
	struct pike_op op = {.opcode = PIKE_POLL, .op_flags = PIKE_POLL_IN};
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	begin_on("freebsd");
	op.handle = adopted(fd);
	ck_assert_int_eq(use_do(q, op), PIKE_POLL_IN);
	op.flags = PIKE_MULTISHOT;
	ck_assert_int_eq(use_do(q, op), -PIKE_ENOTSUP);
	end();
	close(fd);
}
END_TEST

/* ---- flags ---- */

START_TEST(flags_that_nobody_knows_are_not_looked_at)
{
	static const unsigned short flags[] = {EV_ADD | EV_ENABLE,
	    EV_RECEIPT | EV_DISPATCH, 0x0800, 0x1000, 0x2000};

	for (size_t i = 0; i < COUNT(flags); i++) {
		char in;
		int pair[2];

		begin_on("freebsd");
		fake.flags = flags[i];
		use_works(q);
		use_groups(q);
		unix_pair(pair);
		fake.refused = pair[0];
		fake.refused_error = EINVAL;
		fake.refusals = 2;
		submit_read(adopted(pair[0]), &in, 1);
		ck_assert_int_eq(taken().res, -PIKE_ENOTSUP);
		end();
		close(pair[0]);
		close(pair[1]);
	}
}
END_TEST

/* ---- closing ---- */

START_TEST(a_cancel_after_a_close_behind_its_back_is_a_cancel)
{
	char in;
	int pair[2];
	pike_handle h;
	pike_id id;

	begin_on("freebsd");
	unix_pair(pair);
	h = adopted(pair[0]);
	id = submit_read(h, &in, 1);
	look();
	close(pair[0]);
	ck_assert_int_eq(pike_cancel(q, id), 0);
	ck_assert_int_eq(taken().res, -PIKE_ECANCELED);
	ck_assert_int_eq(pike_release(q, h), pair[0]);
	end();
	close(pair[1]);
}
END_TEST

START_TEST(a_close_ends_what_waits_for_an_event)
{
	char in;
	int pair[2];
	pike_handle h;

	begin_on("freebsd");
	unix_pair(pair);
	h = adopted(pair[0]);
	submit_read(h, &in, 1);
	look();
	use_submit(q, (struct pike_op){.opcode = PIKE_CLOSE, .handle = h});
	ck_assert_int_eq(taken().res, -PIKE_ECANCELED);
	ck_assert_int_eq(taken().res, 0);
	end();
	close(pair[1]);
}
END_TEST

/* The same descriptor, the same place in the table: another generation. */
START_TEST(an_event_of_an_earlier_handle_ends_nothing)
{
	char in[2];
	int pair[2], other[2];
	pike_handle h;

	begin_on("freebsd");
	unix_pair(pair);
	fake.keeps = true;
	h = adopted(pair[0]);
	submit_read(h, in, 1);
	look();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	ck_assert_int_eq(taken().res, 1);
	ck_assert(!fake.keeps);
	unix_pair(other);
	ck_assert_int_eq(pike_release(q, h), pair[0]);
	ck_assert_int_eq(dup2(other[0], pair[0]), pair[0]);
	h = adopted(pair[0]);
	use_submit(
	    q, (struct pike_op){
		   .opcode = PIKE_POLL, .op_flags = PIKE_POLL_IN, .handle = h});
	look();
	fake.kept.flags |= EV_EOF;
	fake.tells = true;
	look();
	ck_assert(!fake.tells);
	ck_assert_int_eq(write(other[1], "b", 1), 1);
	ck_assert_int_eq(taken().res, PIKE_POLL_IN);
	end();
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(other[i]);
	}
}
END_TEST

/* ---- time ---- */

START_TEST(a_timer_of_a_hundred_years_is_one_of_many_waits)
{
	struct pike_op op = {.opcode = PIKE_TIMER};
	struct pike_completion c;

	begin_on("macos");
	op.u.timer.due_ns = 100 * YEAR_S * 1000000000;
	use_submit(q, op);
	/* A wait for nothing else, which a wake ends when it has begun. */
	fake.wakes = true;
	ck_assert_int_eq(pike_reap(q, &c, 1, -1), 0);
	ck_assert(!fake.wakes);
	ck_assert_int_ge(fake.longest_s, 3600);
	op.u.timer.due_ns = 1000000;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(use_do(q, op), 1);
	end();
}
END_TEST

START_TEST(timers_of_the_system_are_only_ever_made_anew)
{
	static const char *const systems[] = {
	    "freebsd", "macos", "netbsd", "openbsd", "dragonfly"};
	struct pike_op op = {.opcode = PIKE_TIMER};

	for (size_t i = 0; i < COUNT(systems); i++) {
		struct pike_completion c;
		struct pollfd p = {.events = POLLIN};

		begin_on(systems[i]);
		p.fd = pike_pollable(q);
		ck_assert_int_ge(p.fd, 0);
		for (int64_t s = 3; s > 0; s--) {
			op.u.timer.due_ns = s * 1000000000000;
			use_submit(q, op);
			look();
			ck_assert_int_eq(poll(&p, 1, 0), 0);
		}
		ck_assert(fake.has_timer);
		op.u.timer.due_ns = 3000000;
		use_submit(q, op);
		look();
		ck_assert_int_eq(poll(&p, 1, 10000), 1);
		while (pike_reap(q, &c, 1, 0) == 0)
			ck_assert_int_eq(poll(&p, 1, 10000), 1);
		ck_assert_int_eq(c.res, 1);
		end();
	}
}
END_TEST

UNIT_MAIN("kqueue: quirks", what_cannot_be_added_is_said_and_others_go_on,
    what_cannot_be_written_can_be_read, a_queue_in_a_queue_is_told_by_a_poll,
    an_interrupted_call_has_made_its_changes,
    a_call_that_failed_has_made_nothing, what_was_released_makes_no_event,
    files_are_never_added, flags_that_nobody_knows_are_not_looked_at,
    a_cancel_after_a_close_behind_its_back_is_a_cancel,
    a_close_ends_what_waits_for_an_event,
    an_event_of_an_earlier_handle_ends_nothing,
    a_timer_of_a_hundred_years_is_one_of_many_waits,
    timers_of_the_system_are_only_ever_made_anew)
