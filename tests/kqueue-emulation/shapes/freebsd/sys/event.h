/* SPDX-License-Identifier: MIT */
/*
 * As FreeBSD 12 and later have it: 64 bits of data everywhere, and ext.
 */
#ifndef PIKE_TESTS_SHAPES_FREEBSD
#define PIKE_TESTS_SHAPES_FREEBSD

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define EVFILT_READ   (-1)
#define EVFILT_WRITE  (-2)
#define EVFILT_AIO    (-3)
#define EVFILT_VNODE  (-4)
#define EVFILT_PROC   (-5)
#define EVFILT_SIGNAL (-6)
#define EVFILT_TIMER  (-7)
#define EVFILT_USER   (-11)

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

#define NOTE_FFNOP      0x00000000
#define NOTE_FFAND      0x40000000
#define NOTE_FFOR       0x80000000
#define NOTE_FFCOPY     0xc0000000
#define NOTE_FFCTRLMASK 0xc0000000
#define NOTE_FFLAGSMASK 0x00ffffff
#define NOTE_TRIGGER    0x01000000

#define NOTE_SECONDS  0x00000001
#define NOTE_MSECONDS 0x00000002
#define NOTE_USECONDS 0x00000004
#define NOTE_NSECONDS 0x00000008
#define NOTE_ABSTIME  0x00000010

struct kevent {
	uintptr_t ident;
	short filter;
	unsigned short flags;
	unsigned int fflags;
	int64_t data;
	void *udata;
	uint64_t ext[4];
};

#define EV_SET(event, a, b, c, d, e, f)                                        \
	do {                                                                   \
		struct kevent *shape_ = (event);                               \
		shape_->ident = (uintptr_t)(a);                                \
		shape_->filter = (short)(b);                                   \
		shape_->flags = (unsigned short)(c);                           \
		shape_->fflags = (unsigned)(d);                                \
		shape_->data = (int64_t)(e);                                   \
		shape_->udata = (void *)(f);                                   \
	} while (0)

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int changes_count,
    struct kevent *events, int max, const struct timespec *timeout);

#endif
