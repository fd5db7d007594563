/* SPDX-License-Identifier: MIT */
/* See between.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "../kqueue-emulation/emulation.h"
#include "backend/sys.h"
#include "between.h"

#define CHANGES_MAX 1024
#define EVENTS_MAX  1024
#define PATIENCE    (INT64_C(10) * 1000000000) /* of what fails */

struct pike_queue *q;
struct between fake;
static struct pike__sys real;

/* The manuals' limits, and those that nobody has written down. */
static void check_call(int n, int max, const struct timespec *timeout)
{
	ck_assert_int_le(n, CHANGES_MAX);
	ck_assert_int_le(max, EVENTS_MAX);
	if (timeout)
		ck_assert_int_le(timeout->tv_sec, 100000000);
}

static void before_waiting(const struct timespec *timeout)
{
	if (timeout && timeout->tv_sec > fake.longest_s)
		fake.longest_s = timeout->tv_sec;
	if (fake.wakes && (!timeout || timeout->tv_sec || timeout->tv_nsec)) {
		fake.wakes = false;
		ck_assert_int_eq(pike_wake(q), 0);
	}
}

/* Timers are begun anew only where they are gone: re-adding does nothing on
 * some. Triggers of the user are cleared by being told. */
static void check_change(const struct kevent *c)
{
	if (c->filter == EVFILT_USER && (c->flags & EV_ADD))
		ck_assert(c->flags & EV_CLEAR);
	if (c->filter == EVFILT_READ || c->filter == EVFILT_WRITE) {
		fake.deletes += (c->flags & EV_DELETE) != 0;
		if ((c->flags & EV_ADD) && c->ident < COUNT(fake.added))
			fake.added[c->ident][c->filter == EVFILT_WRITE]++;
	}
	if (c->filter != EVFILT_TIMER)
		return;
	if (c->flags & EV_DELETE) {
		fake.has_timer = false;
		return;
	}
	ck_assert(!fake.has_timer);
	ck_assert(c->flags & EV_ONESHOT);
	ck_assert_int_gt(c->data, 0);
	ck_assert_int_le(c->data, INT32_MAX);
	ck_assert_uint_eq(c->fflags, 0);
	fake.has_timer = true;
}

static bool is_refused(const struct kevent *c)
{
	if ((c->filter != EVFILT_READ && c->filter != EVFILT_WRITE) ||
	    !(c->flags & EV_ADD) || !fake.refusals ||
	    c->ident != (uintptr_t)fake.refused ||
	    (fake.refuses_reads_not && c->filter == EVFILT_READ))
		return false;
	fake.refusals--;
	return true;
}

/* False: this event is not told. */
static bool event_passes(struct kevent *e)
{
	int fd = (int)e->ident;

	if (e->flags & EV_ERROR)
		return true;
	if (e->filter == EVFILT_TIMER)
		fake.has_timer = false;
	if (e->filter == EVFILT_READ && (e->flags & EV_EOF)) {
		if (fd == fake.fifo && !e->data)
			return false;
		fake.ended++;
	}
	if (fake.eats_errors && e->fflags) {
		int error;
		socklen_t len = sizeof error;

		real.getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if (fake.keeps && e->filter == EVFILT_READ && e->udata) {
		fake.kept = *e;
		fake.keeps = false;
	}
	e->flags |= fake.flags;
	return true;
}

/* The changes that the real one is to make; the others are errors, or have
 * events at once. */
static int changes_pass(const struct kevent *changes, int n,
    struct kevent *made, struct kevent *events, int *told)
{
	int m = 0;

	for (int i = 0; i < n; i++) {
		struct kevent c = changes[i];

		check_change(&c);
		if (is_refused(&c)) {
			c.flags |= EV_ERROR | fake.flags;
			c.data = fake.refused_error;
			events[(*told)++] = c;
			continue;
		}
		made[m++] = c;
		if (fake.writes_early && c.filter == EVFILT_WRITE &&
		    (c.flags & EV_ADD))
			events[(*told)++] = c;
	}
	return m;
}

static int fake_kevent(int kq, const struct kevent *changes, int n,
    struct kevent *events, int max, const struct timespec *timeout)
{
	static const struct timespec at_once;
	struct kevent made[CHANGES_MAX], first[2 * CHANGES_MAX];
	int told = 0, m, got;

	check_call(n, max, timeout);
	if (max > 1)
		before_waiting(timeout);
	if (n && max > 1 && fake.fails) {
		fake.fails--;
		errno = ENOMEM;
		return -1;
	}
	m = changes_pass(changes, n, made, first, &told);
	if (told && !max) {
		errno = fake.refused_error;
		return -1;
	}
	if (fake.tells && max > 1) {
		first[told++] = fake.kept;
		fake.tells = false;
	}
	*(max > 1 ? &fake.calls : &fake.changes_alone) += 1;
	if (max > 1 && fake.interrupts) {
		fake.interrupts--;
		ck_assert_int_eq(real.kevent(kq, made, m, NULL, 0, NULL), 0);
		errno = EINTR;
		return -1;
	}
	got = real.kevent(kq, m ? made : NULL, m, max ? events : NULL,
	    max ? max - told : 0, told ? &at_once : timeout);
	if (got < 0)
		return got;
	m = 0;
	for (int i = 0; i < got; i++)
		if (event_passes(&events[i]))
			events[m++] = events[i];
	memcpy(events + m, first, (size_t)told * sizeof *first);
	return m + told;
}

void begin_on(const char *system)
{
	struct pike_params params = {.backend = "kqueue"};

	setenv("PIKE_KQ_SYSTEM", system, 1);
	kq_begin();
	memset(&fake, 0, sizeof fake);
	fake.fifo = -1;
	fake.refused = -1;
	real = pike__sys;
	pike__sys.kevent = fake_kevent;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
}

void end(void)
{
	pike_queue_close(q);
	pike__sys = real;
}

pike_handle adopted(int fd)
{
	pike_handle h = pike_adopt(q, fd, 0);

	ck_assert_int_gt(h, 0);
	return h;
}

void unix_pair(int pair[2])
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

pike_id submit_read(pike_handle h, void *buf, size_t len)
{
	return use_submit(
	    q, (struct pike_op){
		   .opcode = PIKE_READ, .handle = h, .buf = buf, .len = len});
}

struct pike_completion taken(void)
{
	struct pike_completion c = {0};

	ck_assert_int_eq(pike_reap(q, &c, 1, PATIENCE), 1);
	return c;
}

void look(void)
{
	struct pike_completion c;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
}
