/* SPDX-License-Identifier: MIT */
/*
 * Boxes that catch signals while many come, in several threads: none is lost,
 * and after a close or a release no handler is heard again.
 */
#include "config.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pike.h>

#include "backend/sys.h"
#include "sleeper.h"

/* ---------------------------------------------------------------- storm -- */

#define STORM_RAISES 20000

struct storm {
	struct sleeper sleeper;
	atomic_int sent;
	atomic_int stop;
};

/* Counts, then raises: whoever sees the signal sees the count. */
static void *storm_raise(void *arg)
{
	struct storm *storm = arg;

	for (int i = 1; i <= STORM_RAISES; i++) {
		atomic_store(&storm->sent, i);
		raise(SIGUSR1);
	}
	return NULL;
}

/* Many come as one, but the last is never lost. */
START_TEST(signals_storm)
{
	struct storm storm = {0};
	pthread_t thread;
	int seen = 0;
	int taken = 0;

	sleeper_open(&storm.sleeper);
	ck_assert_int_eq(pike__signals_catch(storm.sleeper.box, USR1), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, storm_raise, &storm), 0);
	while (seen < STORM_RAISES) {
		struct pike_signal_info info;
		semaphore_wait(&storm.sleeper.woken);
		if (!pike__signals_take(storm.sleeper.box, PIKE_SIGUSR1, &info))
			continue;
		seen = atomic_load(&storm.sent);
		taken++;
		ck_assert(info.pid == getpid() || info.pid == 0);
	}
	pthread_join(thread, NULL);
	ck_assert_int_ge(taken, 1);
	ck_assert_int_eq(atomic_load(&storm.sleeper.wakes), STORM_RAISES);
	sleeper_close(&storm.sleeper);
}
END_TEST

/* Two senders at once, of different kinds: what is said of a signal is true
 * of one of them, or not known. */
START_TEST(signals_two_senders)
{
	struct storm storm = {0};
	pthread_t thread;
	int from_child = 0;

	sleeper_open(&storm.sleeper);
	ck_assert_int_eq(pike__signals_catch(storm.sleeper.box, USR1), 0);
	pid_t parent = getpid();
	pid_t child = fork();
	if (child == 0)
		while (kill(parent, SIGUSR1) == 0)
			;
	ck_assert_int_eq(pthread_create(&thread, NULL, storm_raise, &storm), 0);
	while (from_child < 100 || atomic_load(&storm.sent) < STORM_RAISES) {
		struct pike_signal_info info;
		if (!pike__signals_take(storm.sleeper.box, PIKE_SIGUSR1, &info))
			continue;
		from_child += info.pid == child;
		ck_assert((info.pid == parent && info.code == SI_TKILL) ||
			  (info.pid == child && info.code == SI_USER) ||
			  (info.pid == 0 && info.code == 0));
	}
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	pthread_join(thread, NULL);
	sleeper_close(&storm.sleeper);
}
END_TEST

/* At 1 kHz, from the system's timer, while the owner catches and lets go. */
START_TEST(signals_timer_storm)
{
	struct itimerval timer = {{0, 1000}, {0, 1000}};
	struct sleeper sleeper;
	uint64_t set = PIKE_SIGNAL_BIT(PIKE_SIGALRM);

	user_set(SIGALRM, user_handler);
	sleeper_open(&sleeper);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(pike__signals_catch(sleeper.box, set), 0);
		semaphore_wait(&sleeper.woken);
		while (sem_trywait(&sleeper.woken) == 0)
			;
		pike__signals_release(sleeper.box, set);
		assert_pending(&sleeper, 0);
	}
	memset(&timer, 0, sizeof(timer));
	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
	sleeper_close(&sleeper);
	ck_assert(disposition(SIGALRM).sa_handler == user_handler);
}
END_TEST

static void *storm_raise_on(void *arg)
{
	struct storm *storm = arg;

	while (!atomic_load(&storm->stop)) {
		raise(SIGUSR1);
		raise(SIGUSR2);
		atomic_fetch_add(&storm->sent, 1);
	}
	return NULL;
}

static void freed_wake(void *arg)
{
	atomic_int *wakes = arg;

	atomic_fetch_add(wakes, 1);
}

/* Once a close has returned, wake is not called again: what it was given is
 * freed at once, under the eyes of the sanitizers. */
START_TEST(signals_close_under_handlers)
{
	struct storm storm = {0};
	pthread_t threads[2];
	int woken = 0;

	user_set(SIGUSR1, SIG_IGN);
	user_set(SIGUSR2, SIG_IGN);
	ck_assert_int_eq(pike__port_init(), 0);
	for (int i = 0; i < COUNT(threads); i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, storm_raise_on, &storm),
		    0);
	for (int i = 0; i < 200; i++) {
		atomic_int *wakes = malloc(sizeof(*wakes));
		ck_assert_ptr_nonnull(wakes);
		atomic_init(wakes, 0);
		struct pike__signals *box =
		    pike__signals_open(freed_wake, wakes);
		ck_assert_ptr_nonnull(box);
		ck_assert_int_eq(pike__signals_catch(box, USR1 | USR2), 0);
		int sent = atomic_load(&storm.sent);
		while (atomic_load(&storm.sent) < sent + 3)
			sched_yield();
		if (i % 2)
			pike__signals_release(box, USR2);
		pike__signals_close(box);
		woken += atomic_load(wakes) > 0;
		memset(wakes, 0xff, sizeof(*wakes));
		free(wakes);
	}
	atomic_store(&storm.stop, 1);
	for (int i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(woken, 200);
	ck_assert(disposition(SIGUSR1).sa_handler == SIG_IGN);
	ck_assert(disposition(SIGUSR2).sa_handler == SIG_IGN);
}
END_TEST

/* A handler that stays until a close waits for it. */
static struct {
	atomic_int in_handler;
	atomic_int waited_for;
	atomic_int done;
} lingerer;

static void lingerer_wake(void *arg)
{
	(void)arg;
	atomic_store(&lingerer.in_handler, 1);
	while (!atomic_load(&lingerer.waited_for))
		sched_yield();
	atomic_store(&lingerer.done, 1);
}

static int lingerer_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	atomic_store(&lingerer.waited_for, 1);
	return poll(fds, n, timeout_ms);
}

static void *lingerer_raise(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	return NULL;
}

/* Once with a close, once with a release. */
START_TEST(signals_wait_for_handlers)
{
	pthread_t thread;

	memset(&lingerer, 0, sizeof(lingerer));
	ck_assert_int_eq(pike__port_init(), 0);
	struct pike__signals *box = pike__signals_open(lingerer_wake, NULL);
	ck_assert_ptr_nonnull(box);
	ck_assert_int_eq(pike__signals_catch(box, USR1), 0);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, lingerer_raise, NULL), 0);
	while (!atomic_load(&lingerer.in_handler))
		sched_yield();
	pike__sys.poll = lingerer_poll;
	if (_i == 0)
		pike__signals_release(box, USR1);
	else
		pike__signals_close(box);
	pike__sys.poll = poll;
	int done = atomic_load(&lingerer.done);
	atomic_store(&lingerer.waited_for, 1);
	pthread_join(thread, NULL);
	ck_assert_int_eq(done, 1);
	if (_i == 0)
		pike__signals_close(box);
}
END_TEST

static void *owner_run(void *arg)
{
	struct storm *storm = arg;

	for (int i = 0; i < 200; i++) {
		struct sleeper sleeper;
		sleeper_open(&sleeper);
		ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
		sleeper_take(&sleeper, PIKE_SIGUSR1);
		sleeper_close(&sleeper);
		atomic_fetch_add(&storm->sent, 1);
	}
	return NULL;
}

/* Queues come and go in several threads while signals come. */
START_TEST(signals_many_owners)
{
	struct storm storm = {0};
	pthread_t threads[3];

	user_set(SIGUSR1, SIG_IGN);
	for (int i = 0; i < COUNT(threads); i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, owner_run, &storm), 0);
	while (atomic_load(&storm.sent) < 200 * COUNT(threads))
		kill(getpid(), SIGUSR1);
	for (int i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert(disposition(SIGUSR1).sa_handler == SIG_IGN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals_storm");
	TCase *tests = tcase_create("signals_storm");

	tcase_add_checked_fixture(tests, user_reset, NULL);
	tcase_add_test(tests, signals_storm);
	tcase_add_test(tests, signals_two_senders);
	tcase_add_test(tests, signals_timer_storm);
	tcase_add_test(tests, signals_close_under_handlers);
	tcase_add_loop_test(tests, signals_wait_for_handlers, 0, 2);
	tcase_add_test(tests, signals_many_owners);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
