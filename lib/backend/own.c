/* SPDX-License-Identifier: MIT */
/* Eventfds and timerfds of a queue's own. */
#include "config.h"

#include <errno.h>

#include "own.h"
#include "posix_io.h"
#include "reactor.h"

static void fd_close(int fd)
{
	if (fd >= 0)
		sys_close(fd);
}

/* Adds one to the count of an eventfd. */
static bool fd_raise(int fd)
{
	const uint64_t one = 1;
	ssize_t done;

	do {
		done = sys_write(fd, &one, sizeof one);
	} while (done < 0 && errno == EINTR);
	return done > 0;
}

void pike__own_clear(struct pike__own *own)
{
	own->wake_fd = own->clock_fd = own->alarm_fd = -1;
	atomic_store(&own->shown_fd, -1);
	own->shown = false;
}

int pike__own_open(struct pike__own *own, struct pike_queue *q,
    int (*watch)(struct pike_queue *q, int fd, unsigned name))
{
	own->watch = watch;
	own->wake_fd = sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return own->wake_fd < 0 ? -1 : watch(q, own->wake_fd, PIKE__OWN_WAKE);
}

void pike__own_close(struct pike__own *own)
{
	fd_close(own->alarm_fd);
	fd_close(own->shown_fd);
	fd_close(own->clock_fd);
	fd_close(own->wake_fd);
}

/* An edge each time; the count is never read. Full means that 2^64 - 2 edges
 * were made. */
void pike__own_wake(struct pike__own *own, int also)
{
	int err = errno;

	fd_raise(own->wake_fd);
	if (also >= 0)
		fd_raise(also);
	errno = err;
}

/* Watches a descriptor that was just made: it, or -1 with errno. */
static int own_make(
    struct pike__own *own, struct pike_queue *q, int fd, unsigned name)
{
	int err;

	if (fd >= 0 && own->watch(q, fd, name) == 0)
		return fd;
	err = errno;
	fd_close(fd);
	errno = err;
	return -1;
}

int pike__own_expose(struct pike__own *own, struct pike_queue *q)
{
	if (own->shown_fd < 0)
		own->shown_fd =
		    own_make(own, q, sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			PIKE__OWN_SHOWN);
	if (own->shown_fd >= 0 && own->alarm_fd < 0)
		own->alarm_fd = own_make(own, q,
		    sys_timerfd_create(
			CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		    PIKE__OWN_ALARM);
	if (own->alarm_fd < 0)
		return -1;
	own->alarm = INT64_MAX;
	return 0;
}

/* A timer of the far future that ends when somebody sets the wall clock. */
void pike__own_watch_clock(struct pike__own *own, struct pike_queue *q)
{
	struct itimerspec when = {0};

	when.it_value.tv_sec = sizeof when.it_value.tv_sec > 4
				   ? (time_t)(INT64_MAX / 1000000000)
				   : (time_t)INT32_MAX;

	if (own->clock_fd < 0)
		own->clock_fd = own_make(own, q,
		    sys_timerfd_create(
			CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK),
		    PIKE__OWN_CLOCK);
	if (own->clock_fd >= 0)
		sys_timerfd_settime(own->clock_fd,
		    TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

bool pike__own_alarm(struct pike__own *own, struct pike_queue *q, int64_t next)
{
	const struct pike__reactor *r = q->backend_state;
	struct itimerspec when = {0};

	if (q->realtime.count && own->clock_fd < 0)
		pike__own_watch_clock(own, q);
	next = pike__reactor_next(r, next);
	if (next != own->alarm) {
		own->alarm = next;
		if (next != INT64_MAX)
			pike__timespec(&when.it_value, next > 0 ? next : 1);
		sys_timerfd_settime(
		    own->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
	}
	return r->runnable;
}

void pike__own_raise(struct pike__own *own)
{
	if (!own->shown)
		own->shown = fd_raise(own->shown_fd);
}

bool pike__own_lower(struct pike__own *own)
{
	uint64_t count;
	ssize_t done;

	do {
		done = sys_read(own->shown_fd, &count, sizeof count);
	} while (done < 0 && errno == EINTR);
	own->shown = done < 0 && errno != EAGAIN;
	return done > 0;
}

void pike__own_event(struct pike__own *own, struct pike_queue *q, unsigned name)
{
	uint64_t count;

	switch (name) {
	case PIKE__OWN_WAKE:
		pike__reactor_roused(q);
		break;
	case PIKE__OWN_CLOCK:
		/* Says ECANCELED and is watched again; the core looks at the
		 * clock after every wait. */
		sys_read(own->clock_fd, &count, sizeof count);
		pike__own_watch_clock(own, q);
		break;
	case PIKE__OWN_SHOWN:
		pike__own_lower(own);
		break;
	case PIKE__OWN_ALARM:
		if (sys_read(own->alarm_fd, &count, sizeof count) > 0)
			own->alarm = INT64_MAX;
		break;
	default:
		break;
	}
}
