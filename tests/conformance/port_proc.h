/* SPDX-License-Identifier: MIT */
/*
 * What the conformance tests need of the system beyond sockets: threads, a
 * child process, signals, a storm of signals, foreign pollers, the limit of
 * descriptors. Like port.h it is the only place that knows how.
 */
#ifndef PIKE_TESTS_PORT_PROC_H
#define PIKE_TESTS_PORT_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include <pike.h>

/* A thread; start ends the program when there is none to be had. */
struct port_thread;
struct port_thread *port_thread_start(void (*run)(void *arg), void *arg);
void port_thread_join(struct port_thread *t);

/*
 * Ends the program, saying that name is to blame, if this is not called again
 * within so many seconds (0: it need not be). Where cases run in processes of
 * their own those see to it, and this does nothing.
 */
void port_watch(const char *name, unsigned seconds);

/* Lets somebody else have the processor. */
void port_yield(void);

/*
 * Runs child(arg) in a child process and waits for it. What child returns is
 * the result: 0 is good, otherwise the line of the check that failed. -1: the
 * child was killed. -2: this system makes no such children.
 */
int port_fork(int (*child)(void *arg), void *arg);

/* Whether a child can allocate when another thread may do so at its birth: the
 * heap of AddressSanitizer keeps its locks there. */
bool port_forks_busy(void);

/*
 * The same, but the parent goes on: begin gives a token, end waits and
 * answers as port_fork does. From within the child port_fork_wait_parent
 * waits until the parent calls port_fork_go. Null: no such children.
 */
struct port_child;
struct port_child *port_fork_begin(int (*child)(void *arg), void *arg);
void port_fork_wait_parent(void);
void port_fork_go(struct port_child *c);
int port_fork_end(struct port_child *c);

/* Who we are, as a signal's receiver sees it. */
int64_t port_pid(void);
int64_t port_uid(void);

/*
 * Signal numbers are the portable ones of pike.h here. Which of them can be
 * raised is the system's: tests that want any take one of three, of which at
 * least two differ, or that of port_storm.
 */
bool port_has_signal(int number);
int port_signal(unsigned i);
int port_storm_signal(void);
#define SIGNAL_A port_signal(0)
#define SIGNAL_B port_signal(1)
#define SIGNAL_C port_signal(2)

void port_raise(int number);        /* to the process */
void port_raise_self(int number);   /* to the calling thread */
void port_raise_parent(int number); /* to the parent process */

/* handler null: the default. Not restarting, no other signal blocked. */
void port_on_signal(int number, void (*handler)(int number));
void port_ignore_signal(int number);

/* The calling thread's mask; false: threads have none. */
bool port_block_signal(int number, bool block);
bool port_signal_blocked(int number);
bool port_signal_pending(int number);

/* All dispositions and the calling thread's mask. */
struct port_signals;
struct port_signals *port_signals_take(void);
/* Whether they are still so; says on stderr what is not. */
bool port_signals_same(const struct port_signals *s);
/* Puts them back and frees s. */
void port_signals_put(struct port_signals *s);

/* port_storm_signal to the process so many times a second; 0 ends it. */
void port_storm(unsigned hz);

/*
 * Foreign pollers, to look at a pollable from outside: each says whether fd
 * is readable within timeout_ms (-1: without end). at() is null after the
 * last.
 */
struct port_poller {
	const char *name;
	bool (*readable)(pike_fd fd, int timeout_ms);
};
const struct port_poller *port_poller_at(unsigned i);
/* To be called before descriptors are counted. */
void port_pollers_warm(void);

/*
 * The number of descriptors that may be open: sets the soft limit, returns
 * what it was. want 0 only asks. Raising stops at the hard limit.
 */
unsigned port_fd_limit(unsigned want);

/*
 * By what tests that do a thing thousands of times should do it less often:
 * port_fewer is what the environment asks for (PIKE_TEST_SCALE, for machines
 * that are emulated), port_slow that times what the build costs; 1: as often
 * as ever.
 */
unsigned port_fewer(void);
unsigned port_slow(void);

/* How often the process has gone to sleep so far. */
int64_t port_sleeps(void);

/* The clocks that timers follow, in nanoseconds. */
int64_t port_monotonic(void);
int64_t port_wall(void);

#endif
