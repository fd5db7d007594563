/* SPDX-License-Identifier: MIT */
/*
 * As NetBSD had it before 10: filters and flags of 32 bits without sign, udata
 * an integer, counts without sign, no events of the user.
 */
#ifndef PIKE_TESTS_SHAPES_NETBSD9
#define PIKE_TESTS_SHAPES_NETBSD9

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define EVFILT_READ   0U
#define EVFILT_WRITE  1U
#define EVFILT_AIO    2U
#define EVFILT_VNODE  3U
#define EVFILT_PROC   4U
#define EVFILT_SIGNAL 5U
#define EVFILT_TIMER  6U

#define EV_ADD      0x0001U
#define EV_DELETE   0x0002U
#define EV_ENABLE   0x0004U
#define EV_DISABLE  0x0008U
#define EV_ONESHOT  0x0010U
#define EV_CLEAR    0x0020U
#define EV_RECEIPT  0x0040U
#define EV_DISPATCH 0x0080U
#define EV_ERROR    0x4000U
#define EV_EOF      0x8000U

#define NOTE_LOWAT 0x00000001U

struct kevent {
	uintptr_t ident;
	uint32_t filter;
	uint32_t flags;
	uint32_t fflags;
	int64_t data;
	intptr_t udata;
};

#define EV_SET(event, a, b, c, d, e, f)                                        \
	do {                                                                   \
		struct kevent *shape_ = (event);                               \
		shape_->ident = (uintptr_t)(a);                                \
		shape_->filter = (uint32_t)(b);                                \
		shape_->flags = (uint32_t)(c);                                 \
		shape_->fflags = (uint32_t)(d);                                \
		shape_->data = (int64_t)(e);                                   \
		shape_->udata = (intptr_t)(f);                                 \
	} while (0)

int kqueue(void);
int kevent(int kq, const struct kevent *changes, size_t changes_count,
    struct kevent *events, size_t max, const struct timespec *timeout);

#endif
