/* SPDX-License-Identifier: MIT */
/*
 * kqueue() and kevent() for tests on Linux, in the shape that FreeBSD has had
 * since 12 (kqueue(2) of FreeBSD). With KQUEUE_EMULATION_PLAIN it has only what
 * the oldest of the BSDs have: no events of the user's, timers in milliseconds.
 */
#ifndef PIKE_TESTS_SYS_EVENT_H
#define PIKE_TESTS_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ  (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_TIMER (-7)

#define EV_ADD      0x0001
#define EV_DELETE   0x0002
#define EV_ENABLE   0x0004
#define EV_DISABLE  0x0008
#define EV_ONESHOT  0x0010
#define EV_CLEAR    0x0020
#define EV_RECEIPT  0x0040
#define EV_DISPATCH 0x0080
#define EV_ERROR    0x4000
#define EV_EOF      0x8000

#ifndef KQUEUE_EMULATION_PLAIN
#	define EVFILT_USER (-11)

#	define NOTE_TRIGGER 0x01000000
#endif

struct kevent {
	uintptr_t ident;
	short filter;
	unsigned short flags;
	unsigned int fflags;
	int64_t data;
	void *udata;
	uint64_t ext[4];
};

/* What is not named is zero, as FreeBSD's macro leaves it. */
#define EV_SET(event, a, b, c, d, e, f)                                        \
	(*(event) = (struct kevent){                                           \
	     .ident = (uintptr_t)(a),                                          \
	     .filter = (b),                                                    \
	     .flags = (c),                                                     \
	     .fflags = (d),                                                    \
	     .data = (e),                                                      \
	     .udata = (f),                                                     \
	 })

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int nchanges,
    struct kevent *events, int nevents, const struct timespec *timeout);

#endif
