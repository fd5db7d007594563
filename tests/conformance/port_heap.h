/* SPDX-License-Identifier: MIT */
/*
 * A look at the heap: how often a piece of code asks for memory, how much it
 * holds, and what it does when there is none. The program that links this has
 * malloc and its kin replaced, where the C library allows that.
 */
#ifndef PIKE_TESTS_PORT_HEAP_H
#define PIKE_TESTS_PORT_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the rest of this does anything. */
bool port_heap_works(void);

/* From heap_begin to heap_end the calling thread's asks are counted, and the
 * fail-th of them (from 1; 0: none) gets nothing. */
void port_heap_begin(unsigned long fail);
unsigned long port_heap_end(void); /* how many asks; they count on */

/* Bytes held by the program, as the allocator counts them. */
size_t port_heap_held(void);

#endif
