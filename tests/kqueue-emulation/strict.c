/* SPDX-License-Identifier: MIT */
/*
 * What no kernel does: blame a program for what it should not do, and be
 * another system, late, repetitive and out of order on demand. PIKE_KQ_SYSTEM
 * names the system, PIKE_KQ_CHAOS is the seed of the rest.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulation.h"

/* More events in one call than anybody needs; NetBSD hangs with many more. */
#define EVENTS_MAX 65536

/*
 * EV_NODATA of DragonFly is 0x1000. In what a change with EV_RECEIPT returns,
 * macOS has all flags that were given, FreeBSD and DragonFly EV_ADD, the others
 * EV_ERROR alone; macOS returns EV_ADD | EV_ENABLE in each event. What a system
 * does differently besides is beside each field in emulation.h.
 */
static const struct kq_system systems[] = {
    {
	.name = "freebsd",
	.has_user = true,
	.pipe_error = EPIPE,
	.timeout_max = INT64_MAX,
	.receipt = EV_ADD,
    },
    {
	.name = "macos",
	.has_user = true,
	.fresh_is_writable = true,
	.sends_wait = true,
	.pipe_error = EPIPE,
	.timeout_max = 100000000,
	.receipt = 0xffff,
	.always = EV_ADD | EV_ENABLE,
    },
    {
	.name = "netbsd",
	.sends_wait = true,
	.pipe_error = EBADF,
	.timeout_max = INT64_MAX,
    },
    {
	.name = "openbsd",
	.receipt_waits = true,
	.pipe_end_reads = true,
	.pipe_error = EPIPE,
	.timeout_max = INT64_MAX,
    },
    {
	.name = "dragonfly",
	.has_user = true,
	.pipe_error = EPIPE,
	.timeout_max = INT64_MAX,
	.receipt = EV_ADD,
	.nothing = 0x1000,
    },
};

const struct kq_system *kq_system = systems;

static uint64_t chaos; /* 0: none */

void kq_begin(void)
{
	const char *name = getenv("PIKE_KQ_SYSTEM");
	const char *seed = getenv("PIKE_KQ_CHAOS");
	size_t i;

	if (name && name[0]) {
		for (i = 0; i < sizeof systems / sizeof *systems; i++)
			if (strcmp(systems[i].name, name) == 0)
				break;
		if (i == sizeof systems / sizeof *systems)
			kq_blame("PIKE_KQ_SYSTEM=%s is no system", name);
		kq_system = &systems[i];
	}
	chaos = seed ? strtoull(seed, NULL, 0) : 0;
	if (chaos)
		fprintf(stderr,
		    "kqueue emulation: PIKE_KQ_SYSTEM=%s PIKE_KQ_CHAOS=%llu\n",
		    kq_system->name, (unsigned long long)chaos);
}

/* ---- blame ---- */

/* Not through stdio: it may be called in a handler. */
void kq_blame(const char *format, ...)
{
	char text[256] = "kqueue emulation: ";
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, sizeof text - len - 1, format, args);
	va_end(args);
	len = strlen(text);
	text[len++] = '\n';
	if (write(STDERR_FILENO, text, len) < 0)
		_exit(127);
	abort();
}

void kq_check_call(const struct kevent *changes, int nchanges,
    const struct kevent *events, int nevents, const struct timespec *timeout)
{
	if (nchanges < 0 || nchanges > EVENTS_MAX || nevents < 0 ||
	    nevents > EVENTS_MAX)
		kq_blame("%d changes, %d events", nchanges, nevents);
	if (nchanges && !changes)
		kq_blame("%d changes at no address", nchanges);
	if (!nevents != !events)
		kq_blame(
		    "%d events at %s address", nevents, events ? "an" : "no");
	if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
			   timeout->tv_nsec > 999999999))
		kq_blame("a timeout of %lld s and %ld ns",
		    (long long)timeout->tv_sec, (long)timeout->tv_nsec);
}

static void check_filter(const struct kevent *c)
{
	switch (c->filter) {
	case EVFILT_READ:
	case EVFILT_WRITE:
		/* A low water mark would be one that nobody sets. */
		if (c->fflags || c->data)
			kq_blame("fflags %x, data %lld for descriptor %llu",
			    c->fflags, (long long)c->data,
			    (unsigned long long)c->ident);
		break;
	case EVFILT_TIMER:
		/* NetBSD wants more than 0, FreeBSD not less; not all have
		 * other units. */
		if ((c->flags & EV_ADD) && (c->data <= 0 || c->fflags))
			kq_blame("a timer of %lld, fflags %x",
			    (long long)c->data, c->fflags);
		break;
	case EVFILT_USER:
		if (c->fflags != 0 && c->fflags != NOTE_TRIGGER)
			kq_blame("fflags %x of the user's", c->fflags);
		break;
	case 0: /* none: of who was built where there is no EVFILT_USER */
		break;
	default:
		kq_blame("filter %d is not emulated", c->filter);
	}
}

void kq_check_change(const struct kevent *c, bool has_room, bool waits)
{
	const unsigned known =
	    EV_ADD | EV_DELETE | EV_ONESHOT | EV_CLEAR | EV_RECEIPT;

	if ((c->flags & ~known) ||
	    ((c->flags & EV_ADD) && (c->flags & EV_DELETE)))
		kq_blame("flags %x in a change", (unsigned)c->flags);
	/* "If this flag is encountered and there is no remaining space in
	 * eventlist to hold the EV_ERROR event, then subsequent changes will
	 * not get processed": kqueue(2) of FreeBSD. */
	if ((c->flags & EV_RECEIPT) && !has_room)
		kq_blame("EV_RECEIPT without room for it");
	if ((c->flags & EV_RECEIPT) && waits && kq_system->receipt_waits)
		kq_blame("EV_RECEIPT in a call that may wait for events");
	check_filter(c);
}

/* ---- chaos ---- */

unsigned kq_below(unsigned n)
{
	chaos ^= chaos << 13;
	chaos ^= chaos >> 7;
	chaos ^= chaos << 17;
	return (unsigned)((chaos >> 32) % n);
}

bool kq_chance(unsigned times)
{
	return chaos && kq_below(times) == 0;
}

void kq_shuffle(struct kevent *events, int n)
{
	for (int i = n - 1; chaos && i > 0; i--) {
		int other = (int)kq_below((unsigned)i + 1);
		struct kevent event = events[i];

		events[i] = events[other];
		events[other] = event;
	}
}
