/* SPDX-License-Identifier: MIT */
/*
 * Signals for queues, through handlers.
 *
 * The handler walks a list of boxes that only ever grows. It announces itself
 * in the users of its signal's note before it looks at box->caught, and a
 * release clears caught before it looks at users: so one of the two sees the
 * other, and when users is 0 no handler marks that signal in that box any
 * more. Everything that the handler touches is atomic, sequentially
 * consistent and of 32 bits, which every system does without a lock; what is
 * left is under the port's lock.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include <pike.h>

#include "alloc.h"
#include "port.h"
#include "posix_error.h"
#include "posix_signal.h"
#include "sys.h"

/* What a thread sends to another: each system's own name, or none. */
#ifndef SI_LWP
#	define SI_LWP SI_USER
#endif
#ifndef SI_TKILL
#	define SI_TKILL SI_LWP
#endif

#define SIGNAL_MAX 64 /* the greatest number that a set holds */

/* A set that handlers change: PIKE_SIGNAL_BIT's lower and upper half. */
struct signal_set {
	_Atomic uint32_t half[2];
};

/* What handlers say of one signal: who sent it, one writer at a time. */
struct signal_note {
	_Atomic uint32_t users; /* handlers that may mark it in this box */
	_Atomic uint32_t turn;  /* odd while one of them writes the rest */
	_Atomic uint32_t pid;
	_Atomic uint32_t uid;
	_Atomic int32_t code;
};

struct pike__signals {
	struct pike__signals *next; /* of signal_boxes; never changes */
	void (*wake)(void *arg);    /* changed only while nothing is caught */
	void *arg;
	int open; /* under the port's lock */

	_Atomic unsigned forks; /* pike__port_forks when it was opened */
	struct signal_set caught;
	struct signal_set pending;
	struct signal_note notes[SIGNAL_MAX];

	/* The owning thread's alone. */
	sigset_t mask;    /* of the thread, when it last called catch */
	sigset_t blocked; /* what of caught the thread blocked then */
	int masked;       /* these two differ */
};

static _Atomic(struct pike__signals *) signal_boxes;

/* What was found when the handler was installed; under the port's lock. */
static struct sigaction signal_saved[SIGNAL_MAX + 1];

/* The portable numbers; other signals have the system's. */
static const struct {
	int number;
	int system;
} signal_numbers[] = {
    {PIKE_SIGHUP, SIGHUP},
    {PIKE_SIGINT, SIGINT},
    {PIKE_SIGQUIT, SIGQUIT},
    {PIKE_SIGUSR1, SIGUSR1},
    {PIKE_SIGUSR2, SIGUSR2},
    {PIKE_SIGPIPE, SIGPIPE},
    {PIKE_SIGALRM, SIGALRM},
    {PIKE_SIGTERM, SIGTERM},
    {PIKE_SIGCHLD, SIGCHLD},
    {PIKE_SIGCONT, SIGCONT},
    {PIKE_SIGTSTP, SIGTSTP},
    {PIKE_SIGWINCH, SIGWINCH},
};

#define SIGNAL_NUMBERS (sizeof(signal_numbers) / sizeof(*signal_numbers))

static int signal_from_system(int system)
{
	for (size_t i = 0; i < SIGNAL_NUMBERS; i++)
		if (signal_numbers[i].system == system)
			return signal_numbers[i].number;
	return system;
}

/* 0 for a number of the system's whose signal has a portable one: each signal
 * has one number only. */
static int signal_to_system(int number)
{
	for (size_t i = 0; i < SIGNAL_NUMBERS; i++)
		if (signal_numbers[i].number == number)
			return signal_numbers[i].system;
	return signal_from_system(number) == number ? number : 0;
}

static uint64_t signal_set_load(const struct signal_set *set)
{
	uint64_t low = atomic_load(&set->half[0]);
	uint64_t high = atomic_load(&set->half[1]);

	return high << 32 | low;
}

static uint32_t signal_half_bit(int number)
{
	return UINT32_C(1) << (number - 1) % 32;
}

static int signal_set_has(const struct signal_set *set, int number)
{
	uint32_t half = atomic_load(&set->half[(number - 1) / 32]);

	return (half & signal_half_bit(number)) != 0;
}

static void signal_set_add(struct signal_set *set, int number)
{
	atomic_fetch_or(&set->half[(number - 1) / 32], signal_half_bit(number));
}

/* Returns whether it was there. */
static int signal_set_remove(struct signal_set *set, int number)
{
	uint32_t bit = signal_half_bit(number);

	return (atomic_fetch_and(&set->half[(number - 1) / 32], ~bit) & bit) !=
	       0;
}

/* ---------------------------------------------------------- the handler -- */

/* Whether si_pid and si_uid mean something. */
static int signal_has_sender(const siginfo_t *info)
{
	if (info->si_code == SI_USER || info->si_code == SI_QUEUE ||
	    info->si_code == SI_TKILL)
		return 1;
	return info->si_signo == SIGCHLD && info->si_code >= CLD_EXITED &&
	       info->si_code <= CLD_CONTINUED;
}

/* Two handlers at once are two signals that come as one: the first to take
 * the note writes who sent it, whole. */
static void signal_note_write(struct signal_note *note, const siginfo_t *info)
{
	uint32_t turn = atomic_load(&note->turn);
	int known = signal_has_sender(info);

	if (turn & 1 ||
	    !atomic_compare_exchange_strong(&note->turn, &turn, turn + 1))
		return;
	atomic_store(&note->pid, known ? (uint32_t)info->si_pid : 0);
	atomic_store(&note->uid, known ? (uint32_t)info->si_uid : 0);
	atomic_store(&note->code, info->si_code);
	atomic_store(&note->turn, turn + 2);
}

static void signals_mark(
    struct pike__signals *box, int number, const siginfo_t *info)
{
	signal_note_write(&box->notes[number - 1], info);
	signal_set_add(&box->pending, number);
	box->wake(box->arg);
}

static void signals_handle(int system, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	int number = signal_from_system(system);

	(void)context;
	for (struct pike__signals *box = atomic_load(&signal_boxes); box;
	     box = box->next) {
		struct signal_note *note = &box->notes[number - 1];

		/* A child's handler must not wake the parent's queue. The
		 * early look at caught is there so that a release is not kept
		 * waiting by the signals that go on coming. */
		if (atomic_load(&box->forks) != pike__port_forks ||
		    !signal_set_has(&box->caught, number))
			continue;
		atomic_fetch_add(&note->users, 1);
		if (signal_set_has(&box->caught, number))
			signals_mark(box, number, info);
		atomic_fetch_sub(&note->users, 1);
	}
	errno = saved_errno;
}

/* ---------------------------------------------------------- disposition -- */

/*
 * No handler runs in the thread that holds the lock: one of the application's
 * might jump out of it. Returns an errno when the mask could not be changed;
 * the lock is held anyway.
 */
static int signals_lock(sigset_t *mask)
{
	sigset_t all;

	sigfillset(&all);
	int err = sys_pthread_sigmask(SIG_SETMASK, &all, mask);
	pike__port_lock();
	return err;
}

static void signals_unlock(const sigset_t *mask, int err)
{
	pike__port_unlock();
	if (err == 0)
		sys_pthread_sigmask(SIG_SETMASK, mask, NULL);
}

static int signal_is_ours(const struct sigaction *act)
{
	return act->sa_flags & SA_SIGINFO &&
	       act->sa_sigaction == signals_handle;
}

/* The system is asked rather than a count kept: so a disposition that the
 * application set in between is held back, and restored, like any other. */
static int signal_install(int number)
{
	int system = signal_to_system(number);
	/* A terminal's call from the background would be restarted for ever. */
	int stops = system == SIGTTIN || system == SIGTTOU;
	struct sigaction act = {0}, ours = {0};

	if (sys_sigaction(system, NULL, &act) < 0)
		return -pike__error_from_errno(errno);
	if (signal_is_ours(&act))
		return 0;
	signal_saved[number] = act;
	ours.sa_sigaction = signals_handle;
	ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (stops ? 0 : SA_RESTART);
	sigfillset(&ours.sa_mask);
	if (sys_sigaction(system, &ours, NULL) < 0)
		return -pike__error_from_errno(errno);
	return 0;
}

static void signal_restore(int number)
{
	int system = signal_to_system(number);
	struct sigaction act = {0};

	if (sys_sigaction(system, NULL, &act) == 0 && signal_is_ours(&act))
		sys_sigaction(system, &signal_saved[number], NULL);
}

static int signal_caught_elsewhere(const struct pike__signals *box, int number)
{
	for (struct pike__signals *other = atomic_load(&signal_boxes); other;
	     other = other->next)
		if (other != box &&
		    atomic_load(&other->forks) == pike__port_forks &&
		    signal_set_has(&other->caught, number))
			return 1;
	return 0;
}

/* ---------------------------------------------------------------- boxes -- */

/* A box that fork has copied: the handlers of the parent's threads that were
 * in it will never be done here, and no other goes in. */
static void signals_forsake(struct pike__signals *box)
{
	for (int i = 0; i < SIGNAL_MAX; i++) {
		atomic_store(&box->notes[i].users, 0);
		atomic_store(&box->notes[i].turn, 0);
	}
}

/* Until no handler can mark a signal that the box has let go of. One that does
 * is about to be done, but its thread may not be running: hence the sleep. */
static void signal_wait_idle(struct pike__signals *box, int number)
{
	struct signal_note *note = &box->notes[number - 1];

	for (int spins = 0; atomic_load(&note->users) != 0;)
		if (++spins > 1000)
			sys_poll(NULL, 0, 1);
}

/* Lets go of set, all of which the box catches; the lock is held. */
static void signals_drop(struct pike__signals *box, uint64_t set)
{
	if (atomic_load(&box->forks) != pike__port_forks)
		signals_forsake(box);
	for (int number = 1; number <= SIGNAL_MAX; number++) {
		if (!(set & PIKE_SIGNAL_BIT(number)))
			continue;
		if (!signal_caught_elsewhere(box, number))
			signal_restore(number);
		signal_set_remove(&box->caught, number);
		signal_wait_idle(box, number);
		signal_set_remove(&box->pending, number);
	}
}

/* What the thread's mask means for waits. */
static void signals_set_mask(struct pike__signals *box, const sigset_t *mask)
{
	uint64_t caught = signal_set_load(&box->caught);

	box->mask = *mask;
	box->masked = 0;
	sigemptyset(&box->blocked);
	for (int number = 1; number <= SIGNAL_MAX; number++) {
		int system = signal_to_system(number);
		if (!(caught & PIKE_SIGNAL_BIT(number)) ||
		    sigismember(mask, system) != 1)
			continue;
		sigaddset(&box->blocked, system);
		box->masked = 1;
	}
}

/* A free box of the list, or a new one on it; the lock is held. */
static struct pike__signals *signals_find(void)
{
	struct pike__signals *box = atomic_load(&signal_boxes);

	while (box && box->open)
		box = box->next;
	if (box)
		return box;
	box = pike__alloc(sizeof(*box));
	if (!box)
		return NULL;
	memset(box, 0, sizeof(*box));
	box->next = atomic_load(&signal_boxes);
	atomic_store(&signal_boxes, box);
	return box;
}

struct pike__signals *pike__signals_open(void (*wake)(void *arg), void *arg)
{
	sigset_t mask;
	int err = signals_lock(&mask);
	struct pike__signals *box = signals_find();

	if (box) {
		box->open = 1;
		box->wake = wake;
		box->arg = arg;
		box->masked = 0;
		sigemptyset(&box->mask);
		atomic_store(&box->forks, pike__port_forks);
	}
	signals_unlock(&mask, err);
	return box;
}

void pike__signals_close(struct pike__signals *box)
{
	sigset_t mask;

	if (!box)
		return;
	int err = signals_lock(&mask);
	signals_drop(box, signal_set_load(&box->caught));
	box->open = 0;
	signals_unlock(&mask, err);
}

/* -------------------------------------------------------- catch and take -- */

static int signal_can_be_caught(int number)
{
	switch (signal_to_system(number)) {
	case 0:
	case SIGKILL:
	case SIGSTOP:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
		return 0;
	default:
		return 1;
	}
}

/* All of set, none of which the box catches, or nothing; the lock is held.
 * Numbers unknown to the system, and those of libc, sigaction refuses. */
static int signals_add(struct pike__signals *box, uint64_t set)
{
	uint64_t done = 0;

	for (int number = 1; number <= SIGNAL_MAX; number++) {
		if (!(set & PIKE_SIGNAL_BIT(number)))
			continue;
		/* Before the handler is there, or it would lose a signal. */
		signal_set_add(&box->caught, number);
		done |= PIKE_SIGNAL_BIT(number);
		int err = signal_install(number);
		if (err < 0) {
			signals_drop(box, done);
			return err;
		}
	}
	return 0;
}

int pike__signals_catch(struct pike__signals *box, uint64_t set)
{
	sigset_t mask;

	for (int number = 1; number <= SIGNAL_MAX; number++)
		if (set & PIKE_SIGNAL_BIT(number) &&
		    !signal_can_be_caught(number))
			return -PIKE_EINVAL;

	int err = signals_lock(&mask);
	uint64_t fresh = set & ~signal_set_load(&box->caught);
	int result =
	    err ? -pike__error_from_errno(err) : signals_add(box, fresh);
	if (result == 0)
		signals_set_mask(box, &mask);
	signals_unlock(&mask, err);
	return result;
}

void pike__signals_release(struct pike__signals *box, uint64_t set)
{
	sigset_t mask;
	int err = signals_lock(&mask);

	signals_drop(box, set & signal_set_load(&box->caught));
	signals_set_mask(box, &box->mask);
	signals_unlock(&mask, err);
}

uint64_t pike__signals_pending(const struct pike__signals *box)
{
	return signal_set_load(&box->pending);
}

/* Not known, when handlers write all the time; they will be heard again. */
static void signal_note_read(
    const struct signal_note *note, struct pike_signal_info *info)
{
	for (int tries = 0; tries < 4; tries++) {
		uint32_t turn = atomic_load(&note->turn);
		uint32_t pid = atomic_load(&note->pid);
		uint32_t uid = atomic_load(&note->uid);
		int32_t code = atomic_load(&note->code);
		if (turn & 1 || atomic_load(&note->turn) != turn)
			continue;
		info->code = code;
		info->pid = pid;
		info->uid = uid;
		return;
	}
}

int pike__signals_take(
    struct pike__signals *box, int number, struct pike_signal_info *info)
{
	if (number < 1 || number > SIGNAL_MAX ||
	    !signal_set_remove(&box->pending, number))
		return 0;
	if (info) {
		memset(info, 0, sizeof(*info));
		info->number = number;
		signal_note_read(&box->notes[number - 1], info);
	}
	return 1;
}

int pike__signals_masked(const struct pike__signals *box)
{
	return box->masked;
}

int pike__signals_unblock(const struct pike__signals *box, sigset_t *before)
{
	return box->masked &&
	       !sys_pthread_sigmask(SIG_UNBLOCK, &box->blocked, before);
}
