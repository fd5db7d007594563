/* SPDX-License-Identifier: MIT */
/* The heap of a program on Windows, counted: one that is linked statically
 * finds these before the C library's. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <windows.h>

#include "port_heap.h"

static atomic_size_t heap_held;
static volatile DWORD heap_thread; /* whose asks are counted; 0: nobody's */
static unsigned long heap_asks, heap_fail;

static bool heap_refuses(void)
{
	if (heap_thread != GetCurrentThreadId())
		return false;
	return ++heap_asks == heap_fail;
}

static void *heap_get(size_t size, DWORD flags)
{
	if (heap_refuses())
		return NULL;
	void *p = HeapAlloc(GetProcessHeap(), flags, size);
	if (p)
		atomic_fetch_add(&heap_held, HeapSize(GetProcessHeap(), 0, p));
	return p;
}

void *malloc(size_t size)
{
	return heap_get(size, 0);
}

void *calloc(size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		return NULL;
	return heap_get(n * size, HEAP_ZERO_MEMORY);
}

void free(void *p)
{
	if (!p)
		return;
	atomic_fetch_sub(&heap_held, HeapSize(GetProcessHeap(), 0, p));
	HeapFree(GetProcessHeap(), 0, p);
}

void *realloc(void *old, size_t size)
{
	if (!old)
		return malloc(size);
	if (heap_refuses())
		return NULL;
	size_t was = HeapSize(GetProcessHeap(), 0, old);
	void *p = HeapReAlloc(GetProcessHeap(), 0, old, size);
	if (!p)
		return NULL;
	atomic_fetch_sub(&heap_held, was);
	atomic_fetch_add(&heap_held, HeapSize(GetProcessHeap(), 0, p));
	return p;
}

bool port_heap_works(void)
{
	return true;
}

void port_heap_begin(unsigned long fail)
{
	heap_asks = 0;
	heap_fail = fail;
	heap_thread = GetCurrentThreadId();
}

unsigned long port_heap_end(void)
{
	heap_thread = 0;
	return heap_asks;
}

size_t port_heap_held(void)
{
	return atomic_load(&heap_held);
}
