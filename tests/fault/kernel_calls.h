/* SPDX-License-Identifier: MIT */
/* Between the failing system's plan and its calls. */
#ifndef PIKE_TESTS_KERNEL_CALLS_H
#define PIKE_TESTS_KERNEL_CALLS_H

#include "backend/sys.h"

enum kernel_call {
#define SYS(result, name, parameters, arguments) CALL_##name,
#include "backend/sys.def"
#undef SYS
	CALLS
};

/* Counts a call on a descriptor (or -1): the error that it shall end with, or
 * 0. */
int kernel_turn(enum kernel_call call, int fd);
/* The same, with errno set: whether it shall fail. */
bool kernel_fails(enum kernel_call call, int fd);

/* No poller knows any descriptor. */
void kernel_watch_none(void);

#endif
