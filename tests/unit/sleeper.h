/* SPDX-License-Identifier: MIT */
/* What the programs about signals share: a stand-in for a queue, and the
 * dispositions and masks around it. */
#ifndef PIKE_TESTS_UNIT_SLEEPER_H
#define PIKE_TESTS_UNIT_SLEEPER_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include <pike.h>

#include "backend/posix_signal.h"
#include "port.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))
#define USR1         PIKE_SIGNAL_BIT(PIKE_SIGUSR1)
#define USR2         PIKE_SIGNAL_BIT(PIKE_SIGUSR2)

/* Stands for a queue: counts its wakes. */
struct sleeper {
	struct pike__signals *box;
	sem_t woken;
	atomic_int wakes;
};

static inline void sleeper_wake(void *arg)
{
	struct sleeper *sleeper = arg;

	atomic_fetch_add(&sleeper->wakes, 1);
	sem_post(&sleeper->woken);
	errno = EDOM; /* which nobody may see */
}

static inline void sleeper_open(struct sleeper *sleeper)
{
	memset(sleeper, 0, sizeof(*sleeper));
	ck_assert_int_eq(sem_init(&sleeper->woken, 0, 0), 0);
	ck_assert_int_eq(pike__port_init(), 0);
	sleeper->box = pike__signals_open(sleeper_wake, sleeper);
	ck_assert_ptr_nonnull(sleeper->box);
	ck_assert_uint_eq(pike__signals_pending(sleeper->box), 0);
}

static inline void sleeper_close(struct sleeper *sleeper)
{
	pike__signals_close(sleeper->box);
	sem_destroy(&sleeper->woken);
}

static inline void semaphore_wait(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		ck_assert_int_eq(errno, EINTR);
}

/* Waits for a wake and takes the signal, which must be there. */
static inline struct pike_signal_info sleeper_take(
    struct sleeper *sleeper, int number)
{
	struct pike_signal_info info;

	memset(&info, 0xaa, sizeof(info));
	semaphore_wait(&sleeper->woken);
	ck_assert_uint_eq(
	    pike__signals_pending(sleeper->box) & PIKE_SIGNAL_BIT(number),
	    PIKE_SIGNAL_BIT(number));
	ck_assert_int_eq(pike__signals_take(sleeper->box, number, &info), 1);
	ck_assert_int_eq(info.number, number);
	return info;
}

static inline void assert_pending(struct sleeper *sleeper, uint64_t set)
{
	ck_assert_uint_eq(pike__signals_pending(sleeper->box), set);
}

static inline int mask_equal(const sigset_t *a, const sigset_t *b)
{
	for (int number = 1; number <= 64; number++)
		if (sigismember(a, number) != sigismember(b, number))
			return 0;
	return 1;
}

static inline sigset_t mask_now(void)
{
	sigset_t mask;

	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	return mask;
}

static inline struct sigaction disposition(int number)
{
	struct sigaction act;

	memset(&act, 0, sizeof(act));
	ck_assert_int_eq(sigaction(number, NULL, &act), 0);
	return act;
}

static inline void assert_disposition(int number, const struct sigaction *want)
{
	struct sigaction act = disposition(number);

	ck_assert_int_eq(act.sa_flags, want->sa_flags);
	ck_assert(act.sa_handler == want->sa_handler);
	ck_assert(mask_equal(&act.sa_mask, &want->sa_mask));
}

static inline void assert_is_ours(int number)
{
	struct sigaction act = disposition(number);

	ck_assert(act.sa_flags & SA_SIGINFO);
	ck_assert(act.sa_flags & SA_RESTART);
	ck_assert(act.sa_handler != SIG_DFL && act.sa_handler != SIG_IGN);
}

/* A handler of the application's. */
static atomic_int user_calls;

static inline void user_handler(int number)
{
	(void)number;
	atomic_fetch_add(&user_calls, 1);
}

static inline void user_action(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	user_handler(number);
}

static inline struct sigaction user_set(int number, void (*handler)(int))
{
	struct sigaction act;

	memset(&act, 0, sizeof(act));
	act.sa_handler = handler;
	ck_assert_int_eq(sigaction(number, &act, NULL), 0);
	return disposition(number);
}

/* Where cases share a process each finds things as the first did. */
static inline void user_reset(void)
{
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	signal(63, SIG_DFL);
	atomic_store(&user_calls, 0);
}

#endif
