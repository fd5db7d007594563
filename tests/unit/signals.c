/* SPDX-License-Identifier: MIT */
/*
 * The boxes that catch signals for queues: who gets a signal, in which thread
 * and process. Nothing here sleeps: a handler posts a semaphore, and what must
 * not happen is looked for after something that comes later has happened.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pike.h>

#include "sleeper.h"

/* ------------------------------------------------------------- catching -- */

START_TEST(signals_who_sent_it)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
	struct pike_signal_info info = sleeper_take(&sleeper, PIKE_SIGUSR1);
	ck_assert_int_eq(info.code, SI_USER);
	ck_assert_int_eq(info.pid, getpid());
	ck_assert_int_eq(info.uid, getuid());
	ck_assert_int_eq(
	    pike__signals_take(sleeper.box, PIKE_SIGUSR1, &info), 0);
	assert_pending(&sleeper, 0);

	ck_assert_int_eq(raise(SIGUSR1), 0);
	info = sleeper_take(&sleeper, PIKE_SIGUSR1);
	ck_assert_int_eq(info.code, SI_TKILL);
	ck_assert_int_eq(info.pid, getpid());

	ck_assert_int_eq(
	    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5}), 0);
	info = sleeper_take(&sleeper, PIKE_SIGUSR1);
	ck_assert_int_eq(info.code, SI_QUEUE);
	ck_assert_int_eq(info.pid, getpid());
	ck_assert_int_eq(atomic_load(&sleeper.wakes), 3);

	/* Without a place for the answer. */
	raise(SIGUSR1);
	ck_assert_int_eq(
	    pike__signals_take(sleeper.box, PIKE_SIGUSR1, NULL), 1);
	sleeper_close(&sleeper);
}
END_TEST

/* Another process sends, and ends. */
START_TEST(signals_of_a_child)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(
			     sleeper.box, USR1 | PIKE_SIGNAL_BIT(PIKE_SIGCHLD)),
	    0);
	pid_t child = fork();
	if (child == 0) {
		kill(getppid(), SIGUSR1);
		_exit(3);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	struct pike_signal_info info = sleeper_take(&sleeper, PIKE_SIGUSR1);
	ck_assert_int_eq(info.pid, child);
	info = sleeper_take(&sleeper, PIKE_SIGCHLD);
	ck_assert_int_eq(info.pid, child);
	ck_assert_int_eq(info.code, CLD_EXITED);
	sleeper_close(&sleeper);
}
END_TEST

/* The system itself: nobody sent it. */
START_TEST(signals_of_nobody)
{
	struct itimerval timer = {.it_value.tv_usec = 1};
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	ck_assert_int_eq(
	    pike__signals_catch(sleeper.box, PIKE_SIGNAL_BIT(PIKE_SIGALRM)), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
	struct pike_signal_info info = sleeper_take(&sleeper, PIKE_SIGALRM);
	ck_assert_int_eq(info.pid, 0);
	ck_assert_int_eq(info.uid, 0);
	ck_assert_int_eq(info.code, SI_KERNEL);
	sleeper_close(&sleeper);
}
END_TEST

/* Every number that can be caught arrives under it. */
START_TEST(signals_every_number)
{
	static const int forbidden[] = {
	    SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	struct sleeper sleeper;
	uint64_t caught = 0;
	uint64_t want = 0;

	/* All that the system lets one change, but the forbidden. */
	for (int number = 1; number <= 64; number++) {
		struct sigaction act;
		struct sigaction mine = {.sa_handler = user_handler};
		if (sigaction(number, &mine, &act) == 0 &&
		    sigaction(number, &act, NULL) == 0)
			want |= PIKE_SIGNAL_BIT(number);
	}
	for (int i = 0; i < COUNT(forbidden); i++)
		want &= ~PIKE_SIGNAL_BIT(forbidden[i]);

	sleeper_open(&sleeper);
	for (int number = 1; number <= 64; number++) {
		if (pike__signals_catch(sleeper.box, PIKE_SIGNAL_BIT(number)))
			continue;
		caught |= PIKE_SIGNAL_BIT(number);
		raise(number);
		sleeper_take(&sleeper, number);
		assert_pending(&sleeper, 0);
		pike__signals_release(sleeper.box, PIKE_SIGNAL_BIT(number));
	}
	ck_assert_uint_eq(caught, want);
	sleeper_close(&sleeper);
}
END_TEST

static void *thread_wait(void *arg)
{
	semaphore_wait(arg);
	return NULL;
}

/* The handler runs in the thread that the system chose. */
START_TEST(signals_in_another_thread)
{
	struct sleeper sleeper;
	pthread_t thread;
	sem_t end;

	sleeper_open(&sleeper);
	ck_assert_int_eq(sem_init(&end, 0, 0), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, thread_wait, &end), 0);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(pthread_kill(thread, SIGUSR1), 0);
		sleeper_take(&sleeper, PIKE_SIGUSR1);
	}
	sem_post(&end);
	pthread_join(thread, NULL);
	sem_destroy(&end);
	sleeper_close(&sleeper);
}
END_TEST

START_TEST(signals_several_boxes)
{
	struct sleeper sleepers[5];

	for (int i = 0; i < COUNT(sleepers); i++) {
		sleeper_open(&sleepers[i]);
		ck_assert_int_eq(pike__signals_catch(sleepers[i].box,
				     i % 2 ? USR1 | USR2 : USR1),
		    0);
	}
	raise(SIGUSR2);
	raise(SIGUSR1);
	for (int i = 0; i < COUNT(sleepers); i++) {
		assert_pending(&sleepers[i], i % 2 ? USR1 | USR2 : USR1);
		sleeper_take(&sleepers[i], PIKE_SIGUSR1);
		assert_pending(&sleepers[i], i % 2 ? USR2 : 0);
	}
	/* One that lets go is not disturbed, the others still are. */
	pike__signals_release(sleepers[0].box, USR1);
	raise(SIGUSR1);
	assert_pending(&sleepers[0], 0);
	for (int i = 1; i < COUNT(sleepers); i++)
		sleeper_take(&sleepers[i], PIKE_SIGUSR1);
	for (int i = 0; i < COUNT(sleepers); i++)
		sleeper_close(&sleepers[i]);
}
END_TEST

START_TEST(signals_coalesce)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	for (int i = 0; i < 10; i++)
		raise(SIGUSR1);
	sleeper_take(&sleeper, PIKE_SIGUSR1);
	ck_assert_int_eq(
	    pike__signals_take(sleeper.box, PIKE_SIGUSR1, NULL), 0);
	raise(SIGUSR1);
	sleeper_take(&sleeper, PIKE_SIGUSR1);

	/* What is forgotten by a release stays forgotten. */
	raise(SIGUSR1);
	assert_pending(&sleeper, USR1);
	user_set(SIGUSR2, SIG_IGN);
	pike__signals_release(sleeper.box, USR1 | USR2);
	assert_pending(&sleeper, 0);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	assert_pending(&sleeper, 0);
	sleeper_close(&sleeper);
}
END_TEST

START_TEST(signals_bad_number_to_take)
{
	struct sleeper sleeper;
	struct pike_signal_info info;

	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_take(sleeper.box, 0, &info), 0);
	ck_assert_int_eq(pike__signals_take(sleeper.box, -1, &info), 0);
	ck_assert_int_eq(pike__signals_take(sleeper.box, 65, &info), 0);
	ck_assert_int_eq(pike__signals_take(sleeper.box, 64, &info), 0);
	sleeper_close(&sleeper);
	pike__signals_close(NULL);
}
END_TEST

START_TEST(signals_keep_errno)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	errno = ENOTTY;
	int err = raise(SIGUSR1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(err, 0);
	sleeper_take(&sleeper, PIKE_SIGUSR1);
	sleeper_close(&sleeper);
}
END_TEST

/* ---------------------------------------------------------------- masks -- */

START_TEST(signals_blocked)
{
	struct sleeper sleeper;
	sigset_t before = mask_now();
	sigset_t block;
	sigset_t wait;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGHUP);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &block, NULL), 0);
	sigset_t blocked = mask_now();

	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_unblock(sleeper.box, &wait), 0);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR2), 0);
	ck_assert_int_eq(pike__signals_unblock(sleeper.box, &wait), 0);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);

	/* It comes when it is let through, and only then. */
	ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
	assert_pending(&sleeper, 0);
	ck_assert_int_eq(pike__signals_unblock(sleeper.box, &wait), 1);
	ck_assert(mask_equal(&wait, &blocked));
	sleeper_take(&sleeper, PIKE_SIGUSR1);
	sigset_t during = mask_now();
	sigdelset(&block, SIGUSR1);
	ck_assert(mask_equal(&during, &block));
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &wait, NULL), 0);

	/* Let go, or let through: a plain wait will do. */
	pike__signals_release(sleeper.box, USR1);
	ck_assert_int_eq(pike__signals_unblock(sleeper.box, &wait), 0);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	ck_assert_int_eq(pike__signals_unblock(sleeper.box, &wait), 1);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	ck_assert_int_eq(pike__signals_unblock(sleeper.box, &wait), 0);
	sleeper_close(&sleeper);

	/* The next owner of the box begins anew. */
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &blocked, NULL), 0);
	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	sleeper_close(&sleeper);
	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_unblock(sleeper.box, &wait), 0);
	sleeper_close(&sleeper);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}
END_TEST

/* ----------------------------------------------------------------- fork -- */

/* What the child finds wrong; 0: nothing. No assertion: it would print. */
static int forked_child(struct sleeper *inherited)
{
	struct sleeper own;

	raise(SIGUSR1);
	if (atomic_load(&inherited->wakes) != 0)
		return 1;
	sleeper_open(&own);
	if (own.box == inherited->box)
		return 2;
	if (pike__signals_catch(own.box, USR1 | USR2) != 0)
		return 3;
	raise(SIGUSR1);
	if (pike__signals_take(own.box, PIKE_SIGUSR1, NULL) != 1)
		return 4;
	if (atomic_load(&inherited->wakes) != 0 ||
	    pike__signals_pending(inherited->box) != 0)
		return 5;
	sleeper_close(inherited);
	raise(SIGUSR1);
	if (pike__signals_take(own.box, PIKE_SIGUSR1, NULL) != 1)
		return 6;
	sleeper_close(&own);
	if (disposition(SIGUSR1).sa_handler != user_handler)
		return 7;
	raise(SIGUSR1);
	return atomic_load(&user_calls) == 1 ? 0 : 8;
}

START_TEST(signals_forked)
{
	struct sleeper sleeper;
	int status;

	user_set(SIGUSR1, user_handler);
	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(forked_child(&sleeper));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);

	/* The parent knows nothing of it. */
	ck_assert_int_eq(atomic_load(&sleeper.wakes), 0);
	assert_is_ours(SIGUSR1);
	raise(SIGUSR1);
	sleeper_take(&sleeper, PIKE_SIGUSR1);
	sleeper_close(&sleeper);
}
END_TEST

struct forker {
	atomic_int in_handler;
	sem_t go_on;
};

static void forker_wake(void *arg)
{
	struct forker *forker = arg;

	atomic_store(&forker->in_handler, 1);
	while (sem_wait(&forker->go_on) < 0)
		;
}

static void *forker_raise(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	return NULL;
}

/* A fork while another thread is inside the handler: that thread is not in
 * the child, which must not wait for it. */
START_TEST(signals_forked_in_handler)
{
	struct forker forker = {0};
	pthread_t thread;
	int status;

	ck_assert_int_eq(sem_init(&forker.go_on, 0, 0), 0);
	ck_assert_int_eq(pike__port_init(), 0);
	struct pike__signals *box = pike__signals_open(forker_wake, &forker);
	ck_assert_ptr_nonnull(box);
	ck_assert_int_eq(pike__signals_catch(box, USR1), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, forker_raise, NULL), 0);
	while (!atomic_load(&forker.in_handler))
		sched_yield();
	pid_t child = fork();
	if (child == 0) {
		struct sleeper sleeper;
		pike__signals_close(box);
		sleeper_open(&sleeper);
		if (sleeper.box != box ||
		    pike__signals_catch(sleeper.box, USR1) != 0)
			_exit(1);
		raise(SIGUSR1);
		if (pike__signals_take(sleeper.box, PIKE_SIGUSR1, NULL) != 1)
			_exit(2);
		sleeper_close(&sleeper);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	sem_post(&forker.go_on);
	pthread_join(thread, NULL);
	pike__signals_close(box);
	sem_destroy(&forker.go_on);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals");
	TCase *tests = tcase_create("signals");

	tcase_add_checked_fixture(tests, user_reset, NULL);
	tcase_add_test(tests, signals_who_sent_it);
	tcase_add_test(tests, signals_of_a_child);
	tcase_add_test(tests, signals_of_nobody);
	tcase_add_test(tests, signals_every_number);
	tcase_add_test(tests, signals_in_another_thread);
	tcase_add_test(tests, signals_several_boxes);
	tcase_add_test(tests, signals_coalesce);
	tcase_add_test(tests, signals_bad_number_to_take);
	tcase_add_test(tests, signals_keep_errno);
	tcase_add_test(tests, signals_blocked);
	tcase_add_test(tests, signals_forked);
	tcase_add_test(tests, signals_forked_in_handler);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
