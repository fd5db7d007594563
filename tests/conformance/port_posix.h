/* SPDX-License-Identifier: MIT */
/* What the files of the tests' POSIX port share. */
#ifndef PIKE_TESTS_PORT_POSIX_H
#define PIKE_TESTS_PORT_POSIX_H

#include <check.h>
#include <errno.h>
#include <string.h>

#include "port.h"

#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			ck_abort_msg("%s: %s", #x, strerror(errno));           \
	} while (0)

/* errno as pike's code, negative; the numbers are not Linux's everywhere. */
int port_code(void);

void port_cloexec(int fd);

#endif
