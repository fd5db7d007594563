/* SPDX-License-Identifier: MIT */
/*
 * The one place where memory comes from: a test build (PIKE_SEAM) puts a
 * failing allocator here.
 */
#ifndef PIKE_LIB_ALLOC_H
#define PIKE_LIB_ALLOC_H

#include <stdlib.h>

#ifdef PIKE_SEAM

/*
 * Null: the system's. The test replaces it before any queue is opened. A size
 * of 0 frees old; nothing else asks for 0 bytes.
 */
extern void *(*pike__realloc_hook)(void *old, size_t size);

static inline void *pike__realloc(void *old, size_t size)
{
	return pike__realloc_hook ? pike__realloc_hook(old, size)
				  : realloc(old, size);
}

static inline void pike__free(void *p)
{
	if (!pike__realloc_hook)
		free(p);
	else if (p)
		pike__realloc_hook(p, 0);
}

#else

static inline void *pike__realloc(void *old, size_t size)
{
	return realloc(old, size);
}

static inline void pike__free(void *p)
{
	free(p);
}

#endif

static inline void *pike__alloc(size_t size)
{
	return pike__realloc(NULL, size);
}

#endif
