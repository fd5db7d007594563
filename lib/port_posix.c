/* SPDX-License-Identifier: MIT */
/* Clocks, the lock and the count of forks, by POSIX. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <pike.h>

#include "backend/sys.h"
#include "port.h"

volatile unsigned pike__port_forks;
volatile unsigned pike__port_children;

static pthread_mutex_t port_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t port_once = PTHREAD_ONCE_INIT;
static int port_error;

static int64_t port_clock(clockid_t clock)
{
	struct timespec ts = {0};

	sys_clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t pike__port_monotonic(void)
{
	return port_clock(CLOCK_MONOTONIC);
}

int64_t pike__port_realtime(void)
{
	return port_clock(CLOCK_REALTIME);
}

/*
 * The child's side of fork. It may have been made while another thread held
 * the lock; that thread does not exist here, so the lock is made anew.
 */
static void port_forked(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	pike__port_forks++;
	port_mutex = fresh;
}

static void port_has_forked(void)
{
	pike__port_children++;
}

static void port_watch_forks(void)
{
	port_error = pthread_atfork(NULL, port_has_forked, port_forked);
}

int pike__port_init(void)
{
	pthread_once(&port_once, port_watch_forks);
	return port_error ? -PIKE_ENOMEM : 0;
}

void pike__port_lock(void)
{
	pthread_mutex_lock(&port_mutex);
}

void pike__port_unlock(void)
{
	pthread_mutex_unlock(&port_mutex);
}

void pike__port_yield(void)
{
	sched_yield();
}
