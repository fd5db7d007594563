/* SPDX-License-Identifier: MIT */
/*
 * The failing system's kqueues. A call that fails with changes and room for
 * events has made all of them but the first, and says so in its event; one that
 * is interrupted has made all.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "kernel_calls.h"

#ifdef PIKE_HAVE_KQUEUE

static struct pike__sys real;

/* By descriptor: what was added, to be added again. */
static struct {
	int kq;
	struct kevent change[2]; /* READ, WRITE */
} known[KERNEL_DESCRIPTORS];

void kernel_kqueue_none(void)
{
	memset(known, 0, sizeof known);
}

static bool is_of_descriptor(const struct kevent *c)
{
	return (c->filter == EVFILT_READ || c->filter == EVFILT_WRITE) &&
	       c->ident < KERNEL_DESCRIPTORS;
}

/* Adding again looks at the condition again. */
static void make_edges(int kq)
{
	for (int fd = 0; fd < KERNEL_DESCRIPTORS; fd++) {
		if (known[fd].kq != kq || !kernel_looks_again(fd))
			continue;
		for (int i = 0; i < 2; i++)
			if (known[fd].change[i].flags)
				real.kevent(
				    kq, &known[fd].change[i], 1, NULL, 0, NULL);
	}
}

static void remember(int kq, const struct kevent *changes, int n)
{
	for (int i = 0; i < n; i++) {
		const struct kevent *c = &changes[i];

		if (!is_of_descriptor(c))
			continue;
		known[c->ident].kq = kq;
		known[c->ident].change[c->filter == EVFILT_WRITE] = *c;
		known[c->ident].change[c->filter == EVFILT_WRITE].flags &=
		    (unsigned short)~EV_RECEIPT;
		if (c->flags & EV_DELETE)
			known[c->ident].kq = 0;
	}
}

/* Makes a change, and takes no event: what it cannot is told instead. */
static int change_one(int kq, const struct kevent *change, struct kevent *told)
{
	static const struct timespec at_once;
	struct kevent asked = *change;

	asked.flags |= EV_RECEIPT;
	real.kevent(kq, &asked, 1, told, 1, &at_once);
	if (told->data)
		return 1;
	remember(kq, change, 1);
	return 0;
}

/* A change that could not be made; those of handles have a name, and these
 * errors are told as they are. */
static int one_fails(int kq, const struct kevent *changes, int n,
    struct kevent *events, int error)
{
	struct kevent told = changes[0];
	int count = 1;

	told.flags |= EV_ERROR;
	told.data = error;
	kernel.loud |= !kernel.plan.storm && told.udata &&
		       (error == EBADF || error == ENOMEM || error == EACCES);
	events[0] = told;
	for (int i = 1; i < n; i++)
		count += change_one(kq, &changes[i], &events[count]);
	return count;
}

static int wait_for(int kq, const struct kevent *changes, int n,
    struct kevent *events, int max, int64_t timeout_ns)
{
	static const struct timespec at_once;
	struct timespec some = {0};
	int got, patience;

	make_edges(kq);
	got = real.kevent(kq, changes, n, events, max, &at_once);
	if (got >= 0)
		remember(kq, changes, n);
	if (got != 0 || !max || timeout_ns == 0)
		return got;
	patience = kernel_patience(timeout_ns);
	some.tv_sec = patience / 1000;
	some.tv_nsec = patience % 1000 * 1000000L;
	if (patience)
		got = real.kevent(kq, NULL, 0, events, max, &some);
	if (got == 0)
		kernel_waited(timeout_ns, patience);
	return got;
}

static int fake_kevent(int kq, const struct kevent *changes, int n,
    struct kevent *events, int max, const struct timespec *timeout)
{
	static const struct timespec at_once;
	int64_t timeout_ns = -1;
	int error = kernel_turn(CALL_kevent, -1);

	if (timeout)
		timeout_ns =
		    (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec;
	if (!error)
		return wait_for(kq, changes, n, events, max, timeout_ns);
	if (n && max && error != EINTR)
		return one_fails(kq, changes, n, events, error);
	if (n && error == EINTR) {
		bool asks = changes[0].flags & EV_RECEIPT;

		real.kevent(kq, changes, n, asks ? events : NULL,
		    asks ? max : 0, &at_once);
		remember(kq, changes, n);
	}
	errno = error;
	return -1;
}

void kernel_kqueue_install(const struct pike__sys *system)
{
	real = *system;
	pike__sys.kevent = fake_kevent;
}

#else

void kernel_kqueue_none(void)
{
}

void kernel_kqueue_install(const struct pike__sys *system)
{
	(void)system;
}

#endif
