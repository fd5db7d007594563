/* SPDX-License-Identifier: MIT */
/*
 * EVFILT_SIGNAL. "This coexists with the signal() and sigaction() facilities,
 * and has a lower precedence. The filter will record all attempts to deliver a
 * signal to a process, even if the signal has been marked as SIG_IGN, except
 * for the SIGCHLD signal": kqueue(2) of FreeBSD. So a handler stands between,
 * that does what the disposition says which the program believes in. A signal
 * that is blocked everywhere is counted when it is unblocked; a BSD would count
 * it at once.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "emulation.h"

#define SIGNALS 65

static struct {
	int knotes;
	struct sigaction program; /* what it has asked for */
} signals[SIGNALS];

static void count(int number, const siginfo_t *info)
{
	/* macOS does not see what is sent to a thread (libkqueue's tests). */
	if (!kq_system->hears_threads && info->si_code == SI_TKILL)
		return;
	if (number == SIGCHLD && signals[number].program.sa_handler == SIG_IGN)
		return;
	for (struct kq *q = kq_all; q; q = q->next) {
		for (int i = 2 * KQ_FDS; i < KQ_KNOTES; i++) {
			struct knote *kn = &q->knote[i];

			if (!kn->used || kn->kind != KQ_SIGNAL ||
			    kn->event.ident != (uintptr_t)number)
				continue;
			kn->count++;
			kq_activate(q, kn);
			kq_show(q);
		}
	}
}

/* What the system would have done without a handler. */
static void default_action(int number)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	switch (number) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
		return;
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		raise(SIGSTOP);
		return;
	default:
		kq_sigaction(number, &action, NULL);
		sigemptyset(&set);
		sigaddset(&set, number);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		raise(number);
	}
}

static void between(int number, siginfo_t *info, void *context)
{
	struct sigaction program;
	int err = errno;
	sigset_t before;

	kq_lock(&before);
	program = signals[number].program;
	if (program.sa_flags & (int)SA_RESETHAND)
		signals[number].program.sa_handler = SIG_DFL;
	count(number, info);
	kq_unlock(&before);
	if (program.sa_flags & SA_SIGINFO)
		program.sa_sigaction(number, info, context);
	else if (program.sa_handler == SIG_DFL)
		default_action(number);
	else if (program.sa_handler != SIG_IGN)
		program.sa_handler(number);
	errno = err;
}

/* With the mask and the flags that the program's handler shall have. */
static int install(int number)
{
	struct sigaction action = signals[number].program;

	action.sa_sigaction = between;
	action.sa_flags &= ~(int)SA_RESETHAND;
	action.sa_flags |= SA_SIGINFO;
	if (!(signals[number].program.sa_flags & SA_SIGINFO) &&
	    (signals[number].program.sa_handler == SIG_DFL ||
		signals[number].program.sa_handler == SIG_IGN))
		action.sa_flags |= SA_RESTART;
	return kq_sigaction(number, &action, NULL);
}

int kq_signal_attach(int number)
{
	if (number < 1 || number >= SIGNALS || number == SIGKILL ||
	    number == SIGSTOP)
		return EINVAL;
	if (signals[number].knotes++ > 0)
		return 0;
	if (kq_sigaction(number, NULL, &signals[number].program) ||
	    install(number))
		kq_blame("signal %d cannot be caught", number);
	return 0;
}

void kq_signal_detach(int number)
{
	if (number >= 1 && number < SIGNALS && signals[number].knotes > 0 &&
	    --signals[number].knotes == 0)
		kq_sigaction(number, &signals[number].program, NULL);
}

int sigaction(int number, const struct sigaction *restrict action,
    struct sigaction *restrict old)
{
	sigset_t before;
	int done = 0;

	if (number < 1 || number >= SIGNALS)
		return kq_sigaction(number, action, old);
	kq_lock(&before);
	if (signals[number].knotes) {
		struct sigaction was = signals[number].program;

		if (action) {
			signals[number].program = *action;
			done = install(number);
		}
		if (old)
			*old = was;
	} else {
		done = kq_sigaction(number, action, old);
	}
	kq_unlock(&before);
	return done;
}

void (*signal(int number, void (*handler)(int)))(int)
{
	struct sigaction action = {.sa_flags = SA_RESTART}, old;

	action.sa_handler = handler;
	return sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}
