/* SPDX-License-Identifier: MIT */
/* Clocks and the lock, by Windows; there are no forks to be counted. */
#include "config.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <pike.h>

#include "port.h"

volatile unsigned pike__port_forks;
volatile unsigned pike__port_children;

static SRWLOCK port_lock = SRWLOCK_INIT;

/* From 1601, in units of 100 ns, to 1970. */
#define PORT_EPOCH INT64_C(116444736000000000)

static int64_t port_frequency;

int64_t pike__port_monotonic(void)
{
	LARGE_INTEGER now;
	int64_t whole, rest;

	QueryPerformanceCounter(&now);
	whole = now.QuadPart / port_frequency;
	rest = now.QuadPart % port_frequency;
	return whole * 1000000000 + rest * 1000000000 / port_frequency;
}

int64_t pike__port_realtime(void)
{
	FILETIME ft;
	int64_t now;

	GetSystemTimePreciseAsFileTime(&ft);
	now = (int64_t)ft.dwHighDateTime << 32 | ft.dwLowDateTime;
	return (now - PORT_EPOCH) * 100;
}

int pike__port_init(void)
{
	LARGE_INTEGER frequency;

	/* Every thread that comes here writes the same. */
	QueryPerformanceFrequency(&frequency);
	AcquireSRWLockExclusive(&port_lock);
	port_frequency = frequency.QuadPart;
	ReleaseSRWLockExclusive(&port_lock);
	return 0;
}

void pike__port_lock(void)
{
	AcquireSRWLockExclusive(&port_lock);
}

void pike__port_unlock(void)
{
	ReleaseSRWLockExclusive(&port_lock);
}

void pike__port_yield(void)
{
	SwitchToThread();
}
