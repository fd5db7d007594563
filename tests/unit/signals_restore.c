/* SPDX-License-Identifier: MIT */
/*
 * What the boxes that catch signals leave behind: dispositions and masks as
 * they were, memory that is used again, nothing half done after a failure.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pike.h>

#include "alloc.h"
#include "backend/sys.h"
#include "sleeper.h"

/* ---------------------------------------------------------- disposition -- */

/* Three handlers and SIG_IGN, each with its own flags and mask. */
START_TEST(signals_restore_exactly)
{
	struct sleeper one;
	struct sleeper two;
	struct sigaction act;

	memset(&act, 0, sizeof(act));
	sigaddset(&act.sa_mask, SIGHUP);
	act.sa_handler = user_handler;
	switch (_i) {
	case 0:
		act.sa_flags = SA_NODEFER | SA_RESETHAND;
		break;
	case 1:
		act.sa_sigaction = user_action;
		act.sa_flags = SA_SIGINFO | SA_ONSTACK;
		sigaddset(&act.sa_mask, SIGUSR2);
		break;
	case 2:
		act.sa_handler = SIG_IGN;
		break;
	default:
		act.sa_handler = SIG_DFL;
		act.sa_flags = SA_NOCLDSTOP;
		break;
	}
	ck_assert_int_eq(sigaction(SIGUSR1, &act, NULL), 0);
	act = disposition(SIGUSR1);
	sigset_t mask = mask_now();

	sleeper_open(&one);
	sleeper_open(&two);
	assert_disposition(SIGUSR1, &act);
	ck_assert_int_eq(pike__signals_catch(one.box, USR1), 0);
	assert_is_ours(SIGUSR1);
	ck_assert_int_eq(pike__signals_catch(one.box, USR1), 0);
	ck_assert_int_eq(pike__signals_catch(two.box, USR1), 0);
	pike__signals_release(one.box, USR1);
	assert_is_ours(SIGUSR1);
	pike__signals_release(one.box, USR1);
	assert_is_ours(SIGUSR1);
	raise(SIGUSR1);
	sleeper_take(&two, PIKE_SIGUSR1);
	pike__signals_release(two.box, USR1);
	assert_disposition(SIGUSR1, &act);

	/* And by a close. */
	ck_assert_int_eq(pike__signals_catch(two.box, USR1), 0);
	assert_is_ours(SIGUSR1);
	sleeper_close(&two);
	assert_disposition(SIGUSR1, &act);
	sleeper_close(&one);
	assert_disposition(SIGUSR1, &act);
	sigset_t after = mask_now();
	ck_assert(mask_equal(&mask, &after));
	ck_assert_int_eq(atomic_load(&user_calls), 0);
}
END_TEST

/* The application's change after the catch is what stays. */
START_TEST(signals_leave_the_users)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	struct sigaction act = user_set(SIGUSR1, user_handler);
	pike__signals_release(sleeper.box, USR1);
	assert_disposition(SIGUSR1, &act);
	raise(SIGUSR1);
	ck_assert_int_eq(atomic_load(&user_calls), 1);
	assert_pending(&sleeper, 0);
	sleeper_close(&sleeper);
	assert_disposition(SIGUSR1, &act);
}
END_TEST

/* The next box that catches holds that change back, and restores it. */
START_TEST(signals_take_back)
{
	struct sleeper one;
	struct sleeper two;

	sleeper_open(&one);
	sleeper_open(&two);
	ck_assert_int_eq(pike__signals_catch(one.box, USR1), 0);
	struct sigaction act = user_set(SIGUSR1, user_handler);
	ck_assert_int_eq(pike__signals_catch(two.box, USR1), 0);
	raise(SIGUSR1);
	sleeper_take(&one, PIKE_SIGUSR1);
	sleeper_take(&two, PIKE_SIGUSR1);
	ck_assert_int_eq(atomic_load(&user_calls), 0);
	sleeper_close(&two);
	assert_is_ours(SIGUSR1);
	sleeper_close(&one);
	assert_disposition(SIGUSR1, &act);
}
END_TEST

static const int signals_forbidden[] = {
    SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, 32, 33};

/* With others in the set: nothing of it is caught. */
START_TEST(signals_refused)
{
	int number = signals_forbidden[_i];
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	ck_assert_int_eq(
	    pike__signals_catch(sleeper.box, PIKE_SIGNAL_BIT(number)),
	    -PIKE_EINVAL);
	struct sigaction usr1 = user_set(SIGUSR1, user_handler);
	struct sigaction last = user_set(63, user_handler);
	sigset_t mask = mask_now();
	ck_assert_int_eq(
	    pike__signals_catch(sleeper.box,
		USR1 | PIKE_SIGNAL_BIT(number) | PIKE_SIGNAL_BIT(63)),
	    -PIKE_EINVAL);
	assert_disposition(SIGUSR1, &usr1);
	assert_disposition(63, &last);
	sigset_t after = mask_now();
	ck_assert(mask_equal(&mask, &after));
	raise(SIGUSR1);
	ck_assert_int_eq(atomic_load(&user_calls), 1);
	assert_pending(&sleeper, 0);

	/* What it caught before it still does. */
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR2), 0);
	ck_assert_int_eq(pike__signals_catch(sleeper.box,
			     USR1 | USR2 | PIKE_SIGNAL_BIT(number)),
	    -PIKE_EINVAL);
	raise(SIGUSR2);
	sleeper_take(&sleeper, PIKE_SIGUSR2);
	assert_disposition(SIGUSR1, &usr1);
	sleeper_close(&sleeper);
}
END_TEST

/* ------------------------------------------------------ memory, failures -- */

/* Boxes are used again: memory does not grow with the queues there were. */
START_TEST(signals_boxes_reused)
{
	struct sleeper one;
	struct sleeper two;

	sleeper_open(&one);
	struct pike__signals *box = one.box;
	sleeper_open(&two);
	ck_assert_ptr_ne(one.box, two.box);
	ck_assert_int_eq(pike__signals_catch(one.box, USR1), 0);
	raise(SIGUSR1);
	sleeper_close(&one);
	for (int i = 0; i < 100; i++) {
		sleeper_open(&one);
		ck_assert_ptr_eq(one.box, box);
		assert_pending(&one, 0);
		sleeper_close(&one);
	}
	sleeper_close(&two);
}
END_TEST

static int fail_after; /* calls that still work */

static int failing_sigaction(
    int number, const struct sigaction *act, struct sigaction *old)
{
	if (fail_after-- > 0)
		return sigaction(number, act, old);
	errno = EINVAL;
	return -1;
}

static int failing_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	if (fail_after-- > 0)
		return pthread_sigmask(how, set, old);
	return EAGAIN;
}

static void *failing_realloc(void *old, size_t size)
{
	(void)old;
	(void)size;
	return NULL;
}

/* Each of the four calls that catching two signals takes fails in turn. */
START_TEST(signals_sigaction_fails)
{
	struct sigaction usr1 = user_set(SIGUSR1, user_handler);
	struct sigaction usr2 = user_set(SIGUSR2, SIG_IGN);
	struct pike__sys system = pike__sys;
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	fail_after = _i;
	pike__sys.sigaction = failing_sigaction;
	int err = pike__signals_catch(sleeper.box, USR1 | USR2);
	int left = fail_after;
	pike__sys = system;
	ck_assert_int_lt(left, 0);
	ck_assert_int_eq(err, -PIKE_EINVAL);
	assert_pending(&sleeper, 0);
	assert_disposition(SIGUSR2, &usr2);
	if (_i <= 1)
		assert_disposition(SIGUSR1, &usr1);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1 | USR2), 0);
	raise(SIGUSR1);
	sleeper_take(&sleeper, PIKE_SIGUSR1);
	sleeper_close(&sleeper);
	assert_disposition(SIGUSR1, &usr1);
	assert_disposition(SIGUSR2, &usr2);
}
END_TEST

START_TEST(signals_sigmask_fails)
{
	struct pike__sys system = pike__sys;
	struct sigaction usr1 = user_set(SIGUSR1, user_handler);
	struct sleeper sleeper;
	sigset_t before = mask_now();

	fail_after = 0;
	pike__sys.pthread_sigmask = failing_sigmask;
	sleeper_open(&sleeper);
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), -PIKE_EAGAIN);
	assert_disposition(SIGUSR1, &usr1);
	fail_after = 2;
	ck_assert_int_eq(pike__signals_catch(sleeper.box, USR1), 0);
	raise(SIGUSR1);
	sleeper_take(&sleeper, PIKE_SIGUSR1);
	/* What cannot fail does its work all the same. */
	sleeper_close(&sleeper);
	pike__sys = system;
	assert_disposition(SIGUSR1, &usr1);
	sigset_t after = mask_now();
	ck_assert(mask_equal(&before, &after));
}
END_TEST

START_TEST(signals_no_memory)
{
	struct sleeper first;
	struct sleeper sleepers[8];
	int opened = 0;
	sigset_t before = mask_now();

	sleeper_open(&first);
	/* Those of earlier cases, if any, are used first. */
	pike__realloc_hook = failing_realloc;
	for (; opened < COUNT(sleepers); opened++) {
		sleepers[opened].box = pike__signals_open(sleeper_wake, NULL);
		if (!sleepers[opened].box)
			break;
	}
	pike__realloc_hook = NULL;
	ck_assert_int_lt(opened, COUNT(sleepers));
	while (opened > 0)
		pike__signals_close(sleepers[--opened].box);
	sigset_t after = mask_now();
	ck_assert(mask_equal(&before, &after));
	sleeper_close(&first);
}
END_TEST

/* ----------------------------------------------------------------- mask -- */

static struct pike__sys real;
static unsigned looked, let_in;

/* Whatever call works on an event: a terminal's look at the mask. */
static ssize_t looking_recv(int fd, void *buf, size_t len, int flags)
{
	sigset_t now = mask_now();

	looked++;
	let_in += !sigismember(&now, SIGUSR1);
	return real.recv(fd, buf, len, flags);
}

static void let_in_for_a_wait(struct pike_queue *q)
{
	struct pike_op op = {.opcode = PIKE_SIGNAL};
	struct pike_completion c;
	sigset_t now;
	char byte;
	int fd[2];

	op.u.signal.set = PIKE_SIGNAL_BIT(PIKE_SIGUSR1);
	pike_id caught = pike_submit(q, &op);
	ck_assert_int_gt(caught, 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	op = (struct pike_op){.opcode = PIKE_RECV, .buf = &byte, .len = 1};
	op.handle = pike_adopt(q, fd[0], 0);
	ck_assert_int_gt(pike_submit(q, &op), 0);
	ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	looked = let_in = 0;
	ck_assert_int_eq(pike_reap(q, &c, 1, -1), 1);
	ck_assert_int_eq(c.res, 1);
	ck_assert_uint_gt(looked, 0);
	ck_assert_uint_eq(let_in, 0);
	now = mask_now();
	ck_assert_int_eq(sigismember(&now, SIGUSR1), 1);
	raise(SIGUSR1);
	ck_assert_int_eq(pike_reap(q, &c, 1, -1), 1);
	ck_assert_int_eq(c.id, caught);
	pike_queue_close(q);
	close(fd[1]);
}

/* Signals that are blocked and waited for come while the queue waits, and not
 * while it works on what has come. */
START_TEST(signals_are_let_in_for_the_wait_alone)
{
	static const char *const backends[] = {NULL, "epoll"};
	struct pike_params params = {
	    .backend = backends[_i], .features_off = PIKE_FEATURE_NATIVE};
	struct pike_queue *q;
	sigset_t usr1;
	int bad;

	real = pike__sys;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
	bad = pike_queue_open(&q, &params);
	if (bad == -PIKE_ENOTSUP && params.backend)
		return; /* no such backend is built in */
	ck_assert_int_eq(bad, 0);
	pike__sys.recv = looking_recv;
	let_in_for_a_wait(q);
	pike__sys = real;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals_restore");
	TCase *tests = tcase_create("signals_restore");

	tcase_add_checked_fixture(tests, user_reset, NULL);
	tcase_add_loop_test(tests, signals_restore_exactly, 0, 4);
	tcase_add_test(tests, signals_leave_the_users);
	tcase_add_test(tests, signals_take_back);
	tcase_add_loop_test(
	    tests, signals_refused, 0, COUNT(signals_forbidden));
	tcase_add_test(tests, signals_boxes_reused);
	tcase_add_loop_test(tests, signals_sigaction_fails, 0, 4);
	tcase_add_test(tests, signals_sigmask_fails);
	tcase_add_test(tests, signals_no_memory);
	tcase_add_loop_test(tests, signals_are_let_in_for_the_wait_alone, 0, 2);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
