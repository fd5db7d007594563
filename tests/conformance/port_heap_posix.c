/* SPDX-License-Identifier: MIT */
/* The heap of the GNU C library, counted. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "port_heap.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define HEAP_SANITIZED 1
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer) ||                                \
	    __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#		define HEAP_SANITIZED 1
#	endif
#endif

#if defined(__GLIBC__) && !defined(HEAP_SANITIZED)

#	include <malloc.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

static atomic_size_t heap_held;
static _Thread_local bool heap_on;
static _Thread_local unsigned long heap_asks, heap_fail;

static bool heap_refuses(void)
{
	if (!heap_on)
		return false;
	if (++heap_asks != heap_fail)
		return false;
	errno = ENOMEM;
	return true;
}

static void *heap_count(void *p)
{
	if (p)
		atomic_fetch_add(&heap_held, malloc_usable_size(p));
	return p;
}

void *malloc(size_t size)
{
	return heap_refuses() ? NULL : heap_count(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return heap_refuses() ? NULL : heap_count(__libc_calloc(n, size));
}

void *realloc(void *old, size_t size)
{
	size_t was = old ? malloc_usable_size(old) : 0;

	if (heap_refuses())
		return NULL;
	void *p = __libc_realloc(old, size);
	if (p || size == 0)
		atomic_fetch_sub(&heap_held, was);
	return heap_count(p);
}

void *memalign(size_t align, size_t size)
{
	return heap_refuses() ? NULL : heap_count(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
	*p = memalign(align, size);
	return *p ? 0 : ENOMEM;
}

void free(void *p)
{
	if (p)
		atomic_fetch_sub(&heap_held, malloc_usable_size(p));
	__libc_free(p);
}

bool port_heap_works(void)
{
	return true;
}

void port_heap_begin(unsigned long fail)
{
	heap_asks = 0;
	heap_fail = fail;
	heap_on = true;
}

unsigned long port_heap_end(void)
{
	heap_on = false;
	return heap_asks;
}

size_t port_heap_held(void)
{
	return atomic_load(&heap_held);
}

#else

bool port_heap_works(void)
{
	return false;
}

void port_heap_begin(unsigned long fail)
{
	(void)fail;
}

unsigned long port_heap_end(void)
{
	return 0;
}

size_t port_heap_held(void)
{
	return 0;
}

#endif
