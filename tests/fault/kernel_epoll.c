/* SPDX-License-Identifier: MIT */
/* The failing system's epoll. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "kernel_calls.h"

#ifdef PIKE_LINUX_FDS

static struct pike__sys real;

/* By descriptor: who knows it, and how. */
static struct watch {
	int epfd;
	struct epoll_event event;
} watch[KERNEL_DESCRIPTORS];

void kernel_epoll_none(void)
{
	memset(watch, 0, sizeof watch);
}

void kernel_epoll_closed(int fd)
{
	watch[fd].epfd = 0;
}

static void make_edges(int epfd)
{
	for (int fd = 0; fd < KERNEL_DESCRIPTORS; fd++) {
		struct watch *w = &watch[fd];

		if (w->epfd != epfd || !kernel_looks_again(fd))
			continue;
		if (real.epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &w->event))
			kernel_blame("no edge for descriptor %d", fd);
	}
}

static int fake_epoll_ctl(
    int epfd, int command, int fd, struct epoll_event *event)
{
	int done;

	if (kernel_fails(CALL_epoll_ctl, -1)) {
		/* The library's own have small numbers; these two errors are
		 * told by other names. */
		kernel.loud |= !kernel.plan.storm && command == EPOLL_CTL_ADD &&
			       errno != EPERM && errno != EEXIST &&
			       event->data.u64 > UINT32_MAX;
		return -1;
	}
	done = real.epoll_ctl(epfd, command, fd, event);
	if (done == 0 && fd < KERNEL_DESCRIPTORS) {
		struct watch *w = &watch[fd];

		kernel_looks_again(fd);
		w->epfd = command == EPOLL_CTL_DEL ? 0 : epfd;
		w->event = *event;
	}
	return done;
}

/*
 * A wait of no time asks the system; when nothing is there, a wait that has an
 * end has come to it. Only where a failure is not expected to be noticed the
 * system is given real time, in case it is late.
 */
static int wait_for(int epfd, struct epoll_event *events, int max,
    int64_t timeout_ns, const sigset_t *mask)
{
	int patience;
	int n;

	make_edges(epfd);
	n = real.epoll_pwait(epfd, events, max, 0, mask);
	if (n != 0 || timeout_ns == 0)
		return n;
	patience = kernel_patience(timeout_ns);
	if (!patience && mask)
		patience = 1;
	if (patience)
		n = real.epoll_pwait(epfd, events, max, patience, mask);
	if (n == 0)
		kernel_waited(timeout_ns, patience);
	return n;
}

static int fake_epoll_pwait(int epfd, struct epoll_event *events, int max,
    int timeout_ms, const sigset_t *mask)
{
	int64_t timeout_ns = timeout_ms;

	if (kernel_fails(CALL_epoll_pwait, -1))
		return -1;
	if (timeout_ms > 0)
		timeout_ns *= 1000000;
	return wait_for(epfd, events, max, timeout_ns, mask);
}

static int fake_epoll_pwait2(int epfd, struct epoll_event *events, int max,
    const struct timespec *timeout, const sigset_t *mask)
{
	int64_t timeout_ns = -1;

	if (kernel_fails(CALL_epoll_pwait2, -1))
		return -1;
	if (timeout)
		timeout_ns =
		    (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec;
	return wait_for(epfd, events, max, timeout_ns, mask);
}

void kernel_epoll_install(const struct pike__sys *system)
{
	real = *system;
	pike__sys.epoll_ctl = fake_epoll_ctl;
	pike__sys.epoll_pwait = fake_epoll_pwait;
	pike__sys.epoll_pwait2 = fake_epoll_pwait2;
}

#else

void kernel_epoll_none(void)
{
}

void kernel_epoll_closed(int fd)
{
	(void)fd;
}

void kernel_epoll_install(const struct pike__sys *system)
{
	(void)system;
}

#endif
