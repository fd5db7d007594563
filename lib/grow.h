/* SPDX-License-Identifier: MIT */
/* Arrays that grow by an eighth, and names that wrap. */
#ifndef PIKE_LIB_GROW_H
#define PIKE_LIB_GROW_H

#include <stdbool.h>
#include <stdint.h>

#include "alloc.h"
#include "shape.h"

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
 * A name (a pike_id, a pike_handle) is a generation and an index. The
 * generation is one of the upper half of 31 bits, so that names stay positive
 * and a zeroed struct names nothing; the lower half is left to ids that are
 * numbers and name no place. A test build begins just before the wrap.
 */
#define PIKE__GENERATION_LEAST 0x40000000
#ifdef PIKE_SEAM
#	define PIKE__GENERATION_FIRST 0x7ffffff0
#else
#	define PIKE__GENERATION_FIRST PIKE__GENERATION_LEAST
#endif

static inline int64_t pike__name_first(uint32_t index)
{
	return (int64_t)PIKE__GENERATION_FIRST << 32 | index;
}

static inline int64_t pike__name_next(int64_t name)
{
	uint64_t next = (uint64_t)name + ((uint64_t)1 << 32);

	if (PIKE__SELDOM(next >> 63))
		next = (uint64_t)PIKE__GENERATION_LEAST << 32 | (uint32_t)name;
	return (int64_t)next;
}

#endif
