/* SPDX-License-Identifier: MIT */
/* The failing system; see kernel.h. */
#include "config.h"

#include <check.h>
#include <pike.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/unit.h"
#include "kernel.h"
#include "kernel_calls.h"

#include "errors.h"

#define CALLS_MAX 200000

struct kernel kernel;

static struct {
	const char *name;
	bool is_over;
	uint64_t seed; /* of a storm, as it began */
	enum kernel_call failing;
	unsigned tries[CALLS];
} state;

void kernel_context(const char *name)
{
	state.name = name;
}

void kernel_blame(const char *format, ...)
{
	unsigned long long seed = state.seed;
	char why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	if (seed)
		ck_abort_msg("%s, storm %llu: %s", state.name, seed, why);
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

/* The error of this number (in a circle), and what it means. */
static int choose(enum kernel_call call, unsigned choice)
{
	const int *errors = kernel_errors[call].errors;

	if (!errors)
		kernel_blame("call %d has no errors", (int)call);
	kernel.choices = 0;
	for (const int *e = errors; *e; e++)
		kernel.choices += *e != BAR;
	choice %= kernel.choices;
	kernel.harmless = false;
	for (const int *e = errors; *e; e++) {
		kernel.error = *e;
		if (*e == BAR)
			kernel.harmless = true;
		else if (choice-- == 0)
			break;
	}
	kernel.name = kernel_errors[call].name;
	kernel.unmended |=
	    call == CALL_sigaction || call == CALL_pthread_sigmask;
	/* A connect's EAGAIN is told by another name, or another try. */
	kernel.loud = kernel_errors[call].loud && !kernel.harmless &&
		      kernel.error != EAGAIN;
	state.failing = call;
	return kernel.error;
}

/* One call in sixteen fails, with any of its errors. */
static int storm(enum kernel_call call)
{
	uint64_t *seed = &kernel.plan.storm;

	if (unit_below(seed, 16))
		return 0;
	choose(call, unit_below(seed, UINT32_MAX));
	kernel.harmless = kernel.loud = false;
	return kernel.error;
}

/* Counts a call: the error that it shall end with, or 0. */
int kernel_turn(enum kernel_call call, int fd)
{
	if (state.is_over)
		return 0;
	if (++kernel.calls > CALLS_MAX)
		kernel_blame("works without end");
	if (kernel.plan.storm)
		return storm(call);
	if (kernel.calls == kernel.plan.fail_at &&
	    (!kernel.plan.name ||
		strcmp(kernel.plan.name, kernel_errors[call].name) == 0)) {
		kernel.fd = fd;
		return choose(call, kernel.plan.choice);
	}
	if (kernel.plan.for_good && kernel.name && call == state.failing)
		return kernel.error;
	/* Then it is made twice: so often some are made in a row. */
	if (kernel.plan.interrupted && may_be_interrupted(call))
		return state.tries[call]++ % (kernel.plan.interrupted + 2) <
			       kernel.plan.interrupted
			   ? EINTR
			   : 0;
	return 0;
}

bool kernel_fails(enum kernel_call call, int fd)
{
	int error = kernel_turn(call, fd);

	if (error)
		errno = error;
	return error != 0;
}

bool kernel_is_over(void)
{
	return state.is_over;
}

bool kernel_was_for(int opcode)
{
	switch (state.failing) {
	case CALL_ask_accept:
	case CALL_ask_recv:
	case CALL_ask_recvmsg:
	case CALL_ACCEPT:
	case CALL_recv:
	case CALL_recvmsg:
	case CALL_readv:
	case CALL_preadv2:
		return opcode == PIKE_ACCEPT || opcode == PIKE_READ ||
		       opcode == PIKE_READV || opcode == PIKE_RECV ||
		       opcode == PIKE_RECVFROM || opcode == PIKE_RECVMSG;
	case CALL_ask_connect:
	case CALL_connect:
	case CALL_getpeername:
	case CALL_getsockopt:
		return opcode == PIKE_CONNECT || opcode == PIKE_CONNECT_TO;
	case CALL_ask_send:
	case CALL_ask_sendmsg:
	case CALL_send:
	case CALL_sendmsg:
	case CALL_writev:
	case CALL_pwritev2:
		return opcode == PIKE_WRITE || opcode == PIKE_WRITEV ||
		       opcode == PIKE_SEND || opcode == PIKE_SENDTO ||
		       opcode == PIKE_SENDMSG;
	case CALL_ask_poll:
	case CALL_poll:
		return opcode == PIKE_POLL;
	default:
		return false;
	}
}

bool kernel_strict(void)
{
	if (kernel.plan.storm)
		return false;
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
	kernel.fd = -1;
	state.seed = plan->storm;
	kernel.now = INT64_C(1000000000000000000);
}

void kernel_end(void)
{
	state.is_over = true;
}
