/* SPDX-License-Identifier: MIT */
/* The emulation's changes and waits, its events of the user and timers, and
 * what it does at a fork. */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue.h"

#define NO_FD 9999

static const struct timespec at_once;

/* ---- changes and events in one call ---- */

START_TEST(changes_and_events_share_a_call_and_an_array)
{
	struct kevent e[4];
	int pair[2];

	begin_on("freebsd");
	unix_pair(pair);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	EV_SET(&e[0], 5, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
	EV_SET(&e[1], 5, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
	EV_SET(&e[2], pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, &pair);
	ck_assert_int_eq(kevent(kq, e, 3, e, 4, NULL), 2);
	ck_assert_int_eq(e[0].filter, EVFILT_USER);
	ck_assert_int_eq(e[1].filter, EVFILT_READ);
	ck_assert_ptr_eq(e[1].udata, &pair);
	close(pair[0]);
	close(pair[1]);
	end();
}
END_TEST

START_TEST(without_room_a_change_that_fails_ends_the_rest)
{
	struct kevent c[3];

	begin_on("freebsd");
	EV_SET(&c[0], 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
	EV_SET(&c[1], NO_FD, EVFILT_READ, EV_ADD, 0, 0, NULL);
	EV_SET(&c[2], 2, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
	ck_assert_int_eq(kevent(kq, c, 3, NULL, 0, NULL), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(change(1, EVFILT_USER, 0), 0);
	ck_assert_int_eq(change(2, EVFILT_USER, 0), ENOENT);
	end();
}
END_TEST

START_TEST(with_room_it_is_told_the_rest_is_done_and_nobody_waits)
{
	struct kevent c[2], e[4];

	begin_on("freebsd");
	EV_SET(&c[0], NO_FD, EVFILT_READ, EV_ADD, 0, 0, &c);
	EV_SET(&c[1], 2, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
	ck_assert_int_eq(kevent(kq, c, 2, e, 4, NULL), 1);
	ck_assert_uint_eq(e[0].flags & EV_ERROR, EV_ERROR);
	ck_assert_int_eq(e[0].data, EBADF);
	ck_assert_uint_eq(e[0].ident, NO_FD);
	ck_assert_ptr_eq(e[0].udata, &c);
	ck_assert_int_eq(change(2, EVFILT_USER, 0), 0);
	end();
}
END_TEST

/* The flags of a receipt; each change has its error. */
static unsigned receipt_on(const char *system)
{
	struct kevent c[3], e[4];
	int pair[2];

	begin_on(system);
	unix_pair(pair);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	EV_SET(&c[0], pair[0], EVFILT_READ, EV_ADD | EV_RECEIPT, 0, 0, NULL);
	EV_SET(&c[1], NO_FD, EVFILT_READ, EV_ADD | EV_RECEIPT, 0, 0, NULL);
	EV_SET(
	    &c[2], pair[0], EVFILT_WRITE, EV_DELETE | EV_RECEIPT, 0, 0, NULL);
	ck_assert_int_eq(kevent(kq, c, 3, e, 4, &at_once), 3);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(e[i].flags & EV_ERROR, EV_ERROR);
	ck_assert_int_eq(e[0].data, 0);
	ck_assert_int_eq(e[1].data, EBADF);
	ck_assert_int_eq(e[2].data, ENOENT);
	close(pair[0]);
	close(pair[1]);
	end();
	return e[0].flags & ~(unsigned)EV_ERROR;
}

START_TEST(receipts_tell_each_change_and_differ_in_their_flags)
{
	ck_assert_uint_eq(receipt_on("macos"), EV_ADD | EV_RECEIPT);
	ck_assert_uint_eq(receipt_on("freebsd"), EV_ADD);
	ck_assert_uint_eq(receipt_on("dragonfly"), EV_ADD);
	ck_assert_uint_eq(receipt_on("openbsd"), 0);
	ck_assert_uint_eq(receipt_on("netbsd"), 0);
}
END_TEST

START_TEST(what_does_not_fit_comes_next)
{
	begin_on("freebsd");
	for (uintptr_t i = 0; i < 12; i++) {
		ck_assert_int_eq(change_all(i, EVFILT_USER, EV_ADD | EV_ONESHOT,
				     NOTE_TRIGGER, 0),
		    0);
	}
	ck_assert_int_eq(take_at_most(5), 5);
	ck_assert_uint_eq(got.events[0].ident, 0);
	ck_assert(is_readable(kq));
	ck_assert_int_eq(take(), 7);
	take_none();
	end();
}
END_TEST

/* ---- waiting ---- */

START_TEST(a_wait_is_never_shorter_than_its_time)
{
	struct timespec ts = {0, 3000000}, before, after;
	struct kevent e;

	begin_on("freebsd");
	clock_gettime(CLOCK_MONOTONIC, &before);
	ck_assert_int_eq(kevent(kq, NULL, 0, &e, 1, &ts), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000000000LL +
			     after.tv_nsec - before.tv_nsec,
	    3000000);
	end();
}
END_TEST

START_TEST(a_very_long_wait_is_refused_by_macos_only)
{
	struct timespec ts = {100000001, 0};
	struct kevent e;

	begin_on("macos");
	ck_assert_int_eq(kevent(kq, NULL, 0, &e, 1, &ts), -1);
	ck_assert_int_eq(errno, EINVAL);
	end();
	begin_on("netbsd");
	ts.tv_sec = sizeof ts.tv_sec == 4 ? INT32_MAX : INT64_MAX;
	change_all(1, EVFILT_TIMER, EV_ADD, 0, 1);
	ck_assert_int_eq(kevent(kq, NULL, 0, &e, 1, &ts), 1);
	end();
}
END_TEST

static void *trigger(void *arg)
{
	(void)arg;
	ck_assert_int_eq(change_all(1, EVFILT_USER, 0, NOTE_TRIGGER, 0), 0);
	return NULL;
}

START_TEST(another_thread_ends_a_wait)
{
	pthread_t thread;

	begin_on("freebsd");
	for (int i = 0; i < 20; i++) {
		change(1, EVFILT_USER, EV_ADD | EV_CLEAR);
		ck_assert_int_eq(
		    pthread_create(&thread, NULL, trigger, NULL), 0);
		take_one(1, EVFILT_USER);
		pthread_join(thread, NULL);
	}
	end();
}
END_TEST

static void on_signal(int number)
{
	(void)number;
	change_all(1, EVFILT_USER, 0, NOTE_TRIGGER, 0);
}

START_TEST(a_handler_interrupts_a_wait_and_may_call)
{
	struct sigaction action = {.sa_flags = SA_RESTART}, old;
	struct itimerval soon = {.it_value.tv_usec = 1000};
	struct kevent e;

	begin_on("freebsd");
	change(1, EVFILT_USER, EV_ADD | EV_CLEAR);
	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, &old);
	for (int i = 0; i < 20; i++) {
		kill(getpid(), SIGUSR1);
		take_one(1, EVFILT_USER);
	}
	/* Interrupted, though there is an event of it. */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	ck_assert_int_eq(kevent(kq, NULL, 0, &e, 1, NULL), -1);
	ck_assert_int_eq(errno, EINTR);
	take_one(1, EVFILT_USER);
	sigaction(SIGUSR1, &old, NULL);
	end();
}
END_TEST

/* ---- USER, TIMER ---- */

START_TEST(triggers_of_the_user_aggregate)
{
	begin_on("freebsd");
	ck_assert_int_eq(change(1, EVFILT_USER, EV_ADD | EV_CLEAR), 0);
	take_none();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    change_all(1, EVFILT_USER, 0, NOTE_TRIGGER, 0), 0);
	ck_assert(is_readable(kq));
	take_one(1, EVFILT_USER);
	take_none();
	end();
}
END_TEST

START_TEST(without_clear_a_trigger_stays)
{
	begin_on("freebsd");
	ck_assert_int_eq(
	    change_all(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0), 0);
	for (int i = 0; i < 3; i++)
		take_one(1, EVFILT_USER);
	ck_assert_int_eq(change(1, EVFILT_USER, EV_DELETE), 0);
	take_none();
	end();
}
END_TEST

START_TEST(netbsd_and_openbsd_once_had_no_events_of_the_user)
{
	begin_on("netbsd");
	ck_assert_int_eq(change(1, EVFILT_USER, EV_ADD | EV_CLEAR), EINVAL);
	end();
	begin_on("openbsd");
	ck_assert_int_eq(change(1, EVFILT_USER, EV_ADD | EV_CLEAR), EINVAL);
	end();
}
END_TEST

START_TEST(timers_come_once_or_again_and_begin_anew)
{
	begin_on("freebsd");
	ck_assert_int_eq(
	    change_all(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1), 0);
	ck_assert_int_eq(take_one(1, EVFILT_TIMER)->data, 1);
	ck_assert_int_eq(change(1, EVFILT_TIMER, 0), ENOENT);
	ck_assert_int_eq(change_all(1, EVFILT_TIMER, EV_ADD, 0, 1), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_ge(take_one(1, EVFILT_TIMER)->data, 1);
	ck_assert_int_eq(change_all(1, EVFILT_TIMER, EV_ADD, 0, 1000000), 0);
	take_none();
	ck_assert_int_eq(
	    change_all(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1), 0);
	take_one(1, EVFILT_TIMER);
	end();
}
END_TEST

/* ---- a fork ---- */

START_TEST(a_child_has_no_queue_and_takes_nothing_from_its_parent)
{
	int pair[2], status;

	begin_on("freebsd");
	unix_pair(pair);
	change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR);
	change_all(1, EVFILT_TIMER, EV_ADD, 0, 1);
	take_one(1, EVFILT_TIMER);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		/* The number is the next one that is free, or lower. */
		int number = kq;

		_exit(close(number) != -1 || errno != EBADF || close(pair[0]) ||
		      kqueue() < 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(change(1, EVFILT_TIMER, EV_DELETE), 0);
	take();
	take_none();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	take_one(pair[0], EVFILT_READ);
	close(pair[0]);
	close(pair[1]);
	end();
}
END_TEST

UNIT_MAIN("kqueue: changes", changes_and_events_share_a_call_and_an_array,
    without_room_a_change_that_fails_ends_the_rest,
    with_room_it_is_told_the_rest_is_done_and_nobody_waits,
    receipts_tell_each_change_and_differ_in_their_flags,
    what_does_not_fit_comes_next, a_wait_is_never_shorter_than_its_time,
    a_very_long_wait_is_refused_by_macos_only, another_thread_ends_a_wait,
    a_handler_interrupts_a_wait_and_may_call, triggers_of_the_user_aggregate,
    without_clear_a_trigger_stays,
    netbsd_and_openbsd_once_had_no_events_of_the_user,
    timers_come_once_or_again_and_begin_anew,
    a_child_has_no_queue_and_takes_nothing_from_its_parent)
