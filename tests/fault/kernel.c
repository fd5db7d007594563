/* SPDX-License-Identifier: MIT */
/* The failing system; see kernel.h. */
#include "config.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "kernel_calls.h"

#include "errors.h"

#define CALLS_MAX 200000

struct kernel kernel;

static struct {
	const char *name;
	bool is_over;
	enum kernel_call failing;
	bool tried[CALLS]; /* by turns, when each call is interrupted */
} state;

void kernel_context(const char *name)
{
	state.name = name;
}

void kernel_blame(const char *format, ...)
{
	char why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	ck_abort_msg("%s%s%s, call %u is %s with error %d (%s)%s: %s",
	    state.name, kernel.plan.one_byte ? ", byte by byte" : "",
	    kernel.plan.interrupted ? ", interrupted" : "", kernel.plan.fail_at,
	    kernel.name ? kernel.name : "none", kernel.error,
	    kernel.error ? strerror(kernel.error) : "-",
	    kernel.plan.for_good ? " for good" : "", why);
	abort();
}

/* ---- which call fails ---- */

static bool may_be_interrupted(enum kernel_call call)
{
	for (const int *e = kernel_errors[call].errors; *e; e++)
		if (*e == EINTR)
			return true;
	return false;
}

/* The error of this number, and what it means to the application. */
static int choose(enum kernel_call call, unsigned choice)
{
	bool harmless = false;

	kernel.choices = 0;
	for (const int *e = kernel_errors[call].errors; *e; e++) {
		if (*e == BAR) {
			harmless = true;
			continue;
		}
		if (kernel.choices++ == choice) {
			kernel.error = *e;
			kernel.harmless = harmless;
		}
	}
	kernel.name = kernel_errors[call].name;
	kernel.loud = kernel_errors[call].loud && !kernel.harmless;
	state.failing = call;
	return kernel.error;
}

/* Counts a call: the error that it shall end with, or 0. */
int kernel_turn(enum kernel_call call)
{
	if (state.is_over)
		return 0;
	if (++kernel.calls > CALLS_MAX)
		kernel_blame("works without end");
	if (kernel.calls == kernel.plan.fail_at)
		return choose(call, kernel.plan.choice);
	if (kernel.plan.for_good && kernel.name && call == state.failing)
		return kernel.error;
	if (kernel.plan.interrupted && may_be_interrupted(call)) {
		state.tried[call] = !state.tried[call];
		return state.tried[call] ? EINTR : 0;
	}
	return 0;
}

bool kernel_fails(enum kernel_call call)
{
	int error = kernel_turn(call);

	if (error)
		errno = error;
	return error != 0;
}

bool kernel_strict(void)
{
	return !kernel.name || kernel.harmless;
}

void kernel_begin(const struct kernel_plan *plan)
{
	const char *name = state.name;

	memset(&kernel, 0, sizeof kernel);
	memset(&state, 0, sizeof state);
	kernel_watch_none();
	state.name = name;
	kernel.plan = *plan;
	kernel.now = INT64_C(1000000000000000000);
}

void kernel_end(void)
{
	state.is_over = true;
}
