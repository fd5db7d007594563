/* SPDX-License-Identifier: MIT */
/*
 * Signals for queues, caught by a handler, so that they arrive whichever
 * thread the system chooses. Each queue that waits for signals has a box;
 * the handler marks the signal in every box that catches it and wakes the
 * box's queue. Numbers and sets are the portable ones (PIKE_SIGNAL_BIT).
 *
 * A box belongs to the thread of its queue. Its memory outlives the queue: it
 * stays on a list that handlers walk and is used again by a later queue.
 * None of these is called from a handler or with the port's lock held.
 */
#ifndef PIKE_LIB_BACKEND_POSIX_SIGNAL_H
#define PIKE_LIB_BACKEND_POSIX_SIGNAL_H

#include <signal.h>
#include <stdint.h>

struct pike_signal_info;
struct pike__signals;

/*
 * A box that catches nothing yet. wake(arg) is called by the handler, in any
 * thread, after a signal was marked: it must be async-signal-safe. Call
 * pike__port_init first. Null: no memory.
 */
struct pike__signals *pike__signals_open(void (*wake)(void *arg), void *arg);

/*
 * Releases everything and returns when no handler may call wake(arg) any
 * more. A box inherited through fork is left as a release would leave it.
 * Null is ignored.
 */
void pike__signals_close(struct pike__signals *box);

/*
 * Catches what of set the box does not catch yet. The first box to catch a
 * signal installs the handler; a later one does so again when somebody has
 * changed the disposition since. Returns 0, or -PIKE_E with nothing changed:
 * -PIKE_EINVAL for a signal that cannot be waited for (KILL, STOP, SEGV, BUS,
 * FPE, ILL, TRAP, SYS, those of libc, unknown numbers).
 */
int pike__signals_catch(struct pike__signals *box, uint64_t set);

/*
 * Lets go of what of set the box catches and forgets what of it is pending.
 * The last box to release a signal restores the disposition that was found
 * when the handler was installed, unless somebody has changed it since.
 */
void pike__signals_release(struct pike__signals *box, uint64_t set);

/* What was caught and not taken. Only atomic loads: cheap in a loop. */
uint64_t pike__signals_pending(const struct pike__signals *box);

/*
 * Takes one pending signal. Returns 1, with *info filled (info may be null),
 * or 0 when it is not pending. Signals of one kind may have come as one; one
 * that comes after the take is pending again.
 */
int pike__signals_take(
    struct pike__signals *box, int number, struct pike_signal_info *info);

/*
 * For waits of a thread that blocks signals: returns 1 when a signal that the
 * box catches was blocked in the thread that last called pike__signals_catch.
 * Those are then unblocked in the calling thread, so that what is pending is
 * caught at once, and *before is the mask to be put back. Else 0.
 */
int pike__signals_unblock(const struct pike__signals *box, sigset_t *before);
/* Whether it would. That changes only with what the box catches. */
int pike__signals_masked(const struct pike__signals *box);

#endif
