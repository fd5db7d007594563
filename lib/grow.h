/* SPDX-License-Identifier: MIT */
/* Arrays that grow by an eighth, and generations that wrap. */
#ifndef PIKE_LIB_GROW_H
#define PIKE_LIB_GROW_H

#include <stdbool.h>
#include <stdint.h>

#include "alloc.h"

/*
 * Makes room for want elements of size bytes in *array, which has room for
 * *cap. Grows by an eighth at least, so that memory follows what is used.
 */
static inline bool pike__grow(
    void **array, uint32_t *cap, uint32_t want, size_t size)
{
	uint32_t room = *cap;
	void *bigger;

	if (want <= room)
		return true;
	room += room / 8 + 8;
	if (room < want)
		room = want;
	bigger = pike__realloc(*array, room * size);
	if (!bigger)
		return false;
	*array = bigger;
	*cap = room;
	return true;
}

/*
 * A generation has 31 bits, so that ids and handles stay positive, and is
 * never 0, so that a zeroed struct names nothing. A test build begins just
 * before the wrap.
 */
#ifdef PIKE_SEAM
#	define PIKE__GENERATION_FIRST 0x7ffffff0u
#else
#	define PIKE__GENERATION_FIRST 1u
#endif

static inline uint32_t pike__generation_next(uint32_t generation)
{
	return generation == 0x7fffffff ? 1 : generation + 1;
}

#endif
