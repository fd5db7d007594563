/* SPDX-License-Identifier: MIT */
/* From errno to pike's codes, by name, since the numbers differ. */
#include "config.h"

#include <errno.h>

#include <pike/error.h>

#include "posix_error.h"

/* Names that not every system has; no errno is negative. */
#ifndef ETIME
#	define ETIME (-1)
#endif
#ifndef EPROTO
#	define EPROTO (-2)
#endif
#ifndef ESOCKTNOSUPPORT
#	define ESOCKTNOSUPPORT (-3)
#endif
#ifndef EPFNOSUPPORT
#	define EPFNOSUPPORT (-4)
#endif
#ifndef ESHUTDOWN
#	define ESHUTDOWN (-5)
#endif
#ifndef ETOOMANYREFS
#	define ETOOMANYREFS (-6)
#endif
#ifndef EHOSTDOWN
#	define EHOSTDOWN (-7)
#endif
#ifndef ESTALE
#	define ESTALE (-8)
#endif
#ifndef EDQUOT
#	define EDQUOT (-9)
#endif
#define EUNKNOWN (-10)

int pike__error_from_errno(int err)
{
	/* Outside of the switch: on some systems these are two names of one
	 * number, on others not. */
	if (err == EOPNOTSUPP)
		return PIKE_EOPNOTSUPP;
	if (err == EWOULDBLOCK)
		return PIKE_EAGAIN;

#define ERROR_CASE(name, number, text)                                         \
	case name:                                                             \
		return PIKE_##name;

	switch (err) {
		PIKE_ERRORS(ERROR_CASE)
	default:
		return PIKE_EUNKNOWN;
	}
#undef ERROR_CASE
}
