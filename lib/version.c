/* SPDX-License-Identifier: MIT */
/* What the library that runs says of itself. */
#include "config.h"

#include <pike.h>

#define VERSION_JOIN(major, minor, patch) #major "." #minor "." #patch
#define VERSION_TEXT(major, minor, patch) VERSION_JOIN(major, minor, patch)

/* Bindings count on these where pointers have 64 bits. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct pike_op) == 128,
    "the size of struct pike_op is part of the ABI");
_Static_assert(sizeof(void *) != 8 || sizeof(struct pike_completion) == 40,
    "the size of struct pike_completion is part of the ABI");

unsigned pike_version(void)
{
	return PIKE_VERSION;
}

const char *pike_version_text(void)
{
	return VERSION_TEXT(
	    PIKE_VERSION_MAJOR, PIKE_VERSION_MINOR, PIKE_VERSION_PATCH);
}

size_t pike_op_size(void)
{
	return sizeof(struct pike_op);
}

size_t pike_completion_size(void)
{
	return sizeof(struct pike_completion);
}
