/* SPDX-License-Identifier: MIT */
/* Bells of a kqueue. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "bell.h"
#include "sys.h"

/* A system that has it not refuses what is added instead. */
#ifndef EVFILT_USER
#	define EVFILT_USER 0
#endif
#ifndef NOTE_TRIGGER
#	define NOTE_TRIGGER 0
#endif

struct kevent *pike__kevent_set(struct kevent *change, uintptr_t ident,
    int filter, unsigned flags, uintptr_t name)
{
	_Static_assert(sizeof change->udata == sizeof name, "udata is a name");
	memset(change, 0, sizeof *change);
	change->ident = ident;
	change->filter = (short)filter;
	change->flags = (unsigned short)flags;
	memcpy(&change->udata, &name, sizeof name);
	return change;
}

int pike__kevent_change(int kq, const struct kevent *change)
{
	struct kevent asked = *change, receipt = *change;
	struct timespec at_once = {0, 0};
	int done;

	asked.flags |= EV_RECEIPT;
	do {
		done = sys_kevent(kq, &asked, 1, &receipt, 1, &at_once);
	} while (done < 0 && errno == EINTR);
	if (done < 0)
		return -1;
	/* Also where the count says 0, as libkqueue's does. */
	if (!(receipt.flags & EV_ERROR) || !receipt.data)
		return 0;
	errno = (int)receipt.data;
	return -1;
}

void pike__bell_clear(struct pike__bell *b, int kq, uintptr_t ident)
{
	*b = (struct pike__bell){.kq = kq, .ident = ident, .pipe = {-1, -1}};
}

static int bell_add(const struct pike__bell *b)
{
	struct kevent change;

	return pike__kevent_change(
	    b->kq, pike__kevent_set(
		       &change, b->ident, EVFILT_USER, EV_ADD | EV_CLEAR, 0));
}

int pike__bell_open(struct pike__bell *b)
{
	struct kevent change;

	/* libkqueue takes locks, which a handler must not wait for. */
	if (!PIKE_LIBKQUEUE && bell_add(b) == 0)
		return 0;
	if (sys_pipe(b->pipe)) {
		b->pipe[0] = b->pipe[1] = -1;
		return -1;
	}
	for (int i = 0; i < 2; i++)
		if (sys_fcntl(b->pipe[i], F_SETFD, FD_CLOEXEC) < 0 ||
		    sys_fcntl(b->pipe[i], F_SETFL, O_NONBLOCK) < 0)
			return -1;
	b->ident = (uintptr_t)b->pipe[0];
	return pike__kevent_change(
	    b->kq, pike__kevent_set(&change, b->ident, EVFILT_READ, EV_ADD, 0));
}

void pike__bell_close(struct pike__bell *b)
{
	for (int i = 0; i < 2; i++)
		if (b->pipe[i] >= 0)
			sys_close(b->pipe[i]);
}

void pike__bell_ring(const struct pike__bell *b)
{
	struct kevent change;
	int err = errno;

	if (b->pipe[1] < 0) {
		pike__kevent_set(&change, b->ident, EVFILT_USER, 0, 0);
		change.fflags = NOTE_TRIGGER;
		pike__kevent_change(b->kq, &change);
	} else {
		/* A full one rings already. */
		while (sys_write(b->pipe[1], "", 1) < 0 && errno == EINTR)
			;
	}
	errno = err;
}

void pike__bell_heard(const struct pike__bell *b)
{
	char bytes[256];
	ssize_t done;

	/* An event of our own was cleared when it was told. */
	if (b->pipe[0] < 0)
		return;
	do {
		done = sys_read(b->pipe[0], bytes, sizeof bytes);
	} while (done == (ssize_t)sizeof bytes || (done < 0 && errno == EINTR));
}

void pike__bell_still(const struct pike__bell *b)
{
	struct kevent change;

	if (b->pipe[0] >= 0) {
		pike__bell_heard(b);
		return;
	}
	pike__kevent_change(b->kq,
	    pike__kevent_set(&change, b->ident, EVFILT_USER, EV_DELETE, 0));
	bell_add(b);
}
