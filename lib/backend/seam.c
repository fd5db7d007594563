/* SPDX-License-Identifier: MIT */
/*
 * The other side of the seam, in the library that tests link with: every entry
 * is the system's own function until a test puts another one there.
 */
#include "config.h"

#include "../alloc.h"
#include "sys.h"

/* Some of the system's have "..." where sys.def names what pike passes. */
#define SYS(result, name, parameters, arguments)                               \
	static result seam_##name parameters                                   \
	{                                                                      \
		return name arguments;                                         \
	}
#include "sys.def"
#undef SYS

struct pike__sys pike__sys = {
#define SYS(result, name, parameters, arguments) .name = seam_##name,
#include "sys.def"
#undef SYS
};

void *(*pike__realloc_hook)(void *old, size_t size);
