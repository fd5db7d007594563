/* SPDX-License-Identifier: MIT */
/*
 * The other side of the seam, in the library that tests link with: every entry
 * is the system's own function until a test puts another one there.
 */
#include "config.h"

#include "../alloc.h"
#include "win_sys.h"

#define SYS(result, name, parameters, arguments)                               \
	static result seam_##name parameters                                   \
	{                                                                      \
		return name arguments;                                         \
	}
#include "win_sys.def"
#undef SYS

struct pike__win_sys pike__win_sys = {
#define SYS(result, name, parameters, arguments) .name = seam_##name,
#include "win_sys.def"
#undef SYS
};

void *(*pike__realloc_hook)(void *old, size_t size);
