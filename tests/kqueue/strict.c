/* SPDX-License-Identifier: MIT */
/* What the emulation does that no kernel does: it blames, it is one system or
 * another, and it is late, repetitive and out of order. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "queue.h"

/* ---- blame: each in a child ---- */

static int pair[2];

static void delete_what_was_never_added(void)
{
	change(pair[0], EVFILT_READ, EV_DELETE);
}

static void delete_twice(void)
{
	change(pair[0], EVFILT_READ, EV_ADD);
	change(pair[0], EVFILT_READ, EV_DELETE);
	change(pair[0], EVFILT_READ, EV_DELETE);
}

static void ask_another_descriptor(void)
{
	kq = pair[0];
	take();
}

static void ask_after_the_close(void)
{
	close(kq);
	take();
}

static void events_nowhere(void)
{
	kevent(kq, NULL, 0, NULL, 1, NULL);
}

static void no_room_for_events(void)
{
	kevent(kq, NULL, 0, got.events, 0, NULL);
}

static void fewer_than_no_events(void)
{
	kevent(kq, NULL, 0, got.events, -1, NULL);
}

static void changes_nowhere(void)
{
	kevent(kq, NULL, 1, got.events, 1, NULL);
}

static void receipt_without_room(void)
{
	change(pair[0], EVFILT_READ, EV_ADD | EV_RECEIPT);
}

static void receipt_that_may_wait(void)
{
	struct kevent c;

	setenv("PIKE_KQ_SYSTEM", "openbsd", 1);
	kq_begin();
	EV_SET(&c, pair[0], EVFILT_WRITE, EV_ADD | EV_RECEIPT, 0, 0, NULL);
	kevent(kq, &c, 1, got.events, 1, NULL);
}

static void flags_of_events(void)
{
	change(pair[0], EVFILT_READ, EV_ADD | EV_EOF);
}

static void add_and_delete(void)
{
	change(pair[0], EVFILT_READ, EV_ADD | EV_DELETE);
}

static void low_water(void)
{
	change_all(pair[0], EVFILT_READ, EV_ADD, 1, 5);
}

static void no_time(void)
{
	change_all(1, EVFILT_TIMER, EV_ADD, 0, 0);
}

static void time_in_seconds(void)
{
	change_all(1, EVFILT_TIMER, EV_ADD, 1, 1);
}

static void flags_of_the_users(void)
{
	change_all(1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER | 1, 0);
}

static void disabled(void)
{
	change(pair[0], EVFILT_READ, EV_ADD | EV_DISABLE);
}

static void negative_wait(void)
{
	struct timespec ts = {-1, 0};

	kevent(kq, NULL, 0, got.events, 1, &ts);
}

static void wait_in_nanoseconds(void)
{
	struct timespec ts = {0, 1000000000};

	kevent(kq, NULL, 0, got.events, 1, &ts);
}

static void a_file(void)
{
	change(open("/", O_RDONLY | O_DIRECTORY), EVFILT_READ, EV_ADD);
}

static void an_unknown_filter(void)
{
	change(1, -100, EV_ADD);
}

static void no_system(void)
{
	setenv("PIKE_KQ_SYSTEM", "linux", 1);
	kq_begin();
}

START_TEST(misuse_is_blamed)
{
	static const struct {
		void (*body)(void);
		const char *words;
	} blames[] = {
	    {delete_what_was_never_added, "never added"},
	    {delete_twice, "never added"},
	    {ask_another_descriptor, "is no queue"},
	    {ask_after_the_close, "is no queue"},
	    {events_nowhere, "1 events at no"},
	    {no_room_for_events, "0 events at an"},
	    {fewer_than_no_events, "-1 events"},
	    {changes_nowhere, "1 changes at no"},
	    {receipt_without_room, "without room"},
	    {receipt_that_may_wait, "may wait"},
	    {flags_of_events, "flags 8001"},
	    {add_and_delete, "flags 3"},
	    {low_water, "fflags 1, data 5"},
	    {no_time, "timer of 0"},
	    {time_in_seconds, "timer of 1, fflags 1"},
	    {flags_of_the_users, "fflags 1000001"},
	    {disabled, "flags 9 in"},
	    {negative_wait, "timeout of -1"},
	    {wait_in_nanoseconds, "1000000000 ns"},
	    {a_file, "is a file"},
	    {an_unknown_filter, "filter -100"},
	    {no_system, "is no system"},
	};

	unix_pair(pair);
	for (size_t i = 0; i < COUNT(blames); i++)
		if (!is_blamed(blames[i].body, blames[i].words))
			ck_abort_msg("not \"%s\"", blames[i].words);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* ---- systems ---- */

START_TEST(macos_says_more_in_flags)
{
	begin_on("macos");
	unix_pair(pair);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_uint_eq(take_one(pair[0], EVFILT_READ)->flags,
	    EV_CLEAR | EV_ADD | EV_ENABLE);
	close(pair[0]);
	close(pair[1]);
	end();
}
END_TEST

START_TEST(macos_finds_a_fresh_socket_writable)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	begin_on("macos");
	ck_assert_int_eq(change(fd, EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	take_one(fd, EVFILT_WRITE);
	close(fd);
	end();
}
END_TEST

START_TEST(dragonfly_marks_an_end_without_data)
{
	begin_on("dragonfly");
	unix_pair(pair);
	close(pair[1]);
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_uint_eq(
	    take_one(pair[0], EVFILT_READ)->flags, EV_CLEAR | EV_EOF | 0x1000);
	close(pair[0]);
	end();
}
END_TEST

static int pipe_without_reader(const char *system)
{
	int fd[2], error;

	begin_on(system);
	ck_assert_int_eq(pipe(fd), 0);
	close(fd[0]);
	error = change(fd[1], EVFILT_WRITE, EV_ADD | EV_CLEAR);
	close(fd[1]);
	end();
	return error;
}

START_TEST(a_pipe_without_reader_is_not_added)
{
	ck_assert_int_eq(pipe_without_reader("freebsd"), EPIPE);
	ck_assert_int_eq(pipe_without_reader("macos"), EPIPE);
	ck_assert_int_eq(pipe_without_reader("netbsd"), EBADF);
}
END_TEST

START_TEST(openbsd_tells_a_writer_of_its_reader_by_read)
{
	int fd[2];

	begin_on("openbsd");
	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(change(fd[1], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(change(fd[1], EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	take_one(fd[1], EVFILT_WRITE);
	close(fd[0]);
	ck_assert_uint_eq(take_one(fd[1], EVFILT_READ)->flags & EV_EOF, EV_EOF);
	close(fd[1]);
	end();
}
END_TEST

/* ---- chaos ---- */

#define PAIRS 32

/* What is told, of one byte to each of many, in calls that do not wait; the
 * order is that of the first, and each is told at least once. */
static void chaos_tell(unsigned *calls, unsigned *repeats, bool *in_order)
{
	int fd[PAIRS][2], told[PAIRS] = {0}, missing = PAIRS, last = -1;

	*calls = *repeats = 0;
	*in_order = true;
	for (int i = 0; i < PAIRS; i++) {
		unix_pair(fd[i]);
		ck_assert_int_eq(
		    change(fd[i][0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	}
	for (int i = 0; i < PAIRS; i++)
		ck_assert_int_eq(write(fd[i][1], "a", 1), 1);
	for (; missing > 0; ++*calls) {
		ck_assert_uint_lt(*calls, 1000);
		take();
		for (int i = 0; i < got.n; i++) {
			int at = 0;

			while (got.events[i].ident != (uintptr_t)fd[at][0])
				at++;
			missing -= told[at] == 0;
			*repeats += told[at]++ > 0;
			*in_order &= at > last;
			last = at;
		}
	}
	for (int i = 0; i < PAIRS; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
}

START_TEST(without_chaos_all_is_told_at_once_and_in_order)
{
	unsigned calls, repeats;
	bool in_order;

	setenv("PIKE_KQ_CHAOS", "", 1);
	begin_on("freebsd");
	chaos_tell(&calls, &repeats, &in_order);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(repeats, 0);
	ck_assert(in_order);
	end();
}
END_TEST

START_TEST(chaos_is_late_repeats_and_changes_the_order_but_loses_nothing)
{
	unsigned late = 0, repeated = 0, mixed = 0, calls, repeats;
	bool in_order;

	setenv("PIKE_KQ_CHAOS", "7", 1);
	begin_on("freebsd");
	for (int i = 0; i < 20; i++) {
		chaos_tell(&calls, &repeats, &in_order);
		late += calls > 1;
		repeated += repeats > 0;
		mixed += !in_order;
	}
	ck_assert_uint_gt(late, 0);
	ck_assert_uint_gt(repeated, 0);
	ck_assert_uint_gt(mixed, 0);
	end();
	setenv("PIKE_KQ_CHAOS", "", 1);
	kq_begin();
}
END_TEST

START_TEST(chaos_never_ends_a_wait_before_its_time)
{
	setenv("PIKE_KQ_CHAOS", "9", 1);
	begin_on("freebsd");
	unix_pair(pair);
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	for (int i = 0; i < 200; i++) {
		char byte;

		ck_assert_int_eq(write(pair[1], "a", 1), 1);
		take_one(pair[0], EVFILT_READ);
		ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	}
	close(pair[0]);
	close(pair[1]);
	end();
	setenv("PIKE_KQ_CHAOS", "", 1);
	kq_begin();
}
END_TEST

UNIT_MAIN("kqueue: strict", misuse_is_blamed, macos_says_more_in_flags,
    macos_finds_a_fresh_socket_writable, dragonfly_marks_an_end_without_data,
    a_pipe_without_reader_is_not_added,
    openbsd_tells_a_writer_of_its_reader_by_read,
    without_chaos_all_is_told_at_once_and_in_order,
    chaos_is_late_repeats_and_changes_the_order_but_loses_nothing,
    chaos_never_ends_a_wait_before_its_time)
