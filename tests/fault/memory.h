/* SPDX-License-Identifier: MIT */
/* The allocator behind the library: it counts, and fails on demand. */
#ifndef PIKE_TESTS_MEMORY_H
#define PIKE_TESTS_MEMORY_H

#include <stdbool.h>

struct memory {
	unsigned fail_at; /* the allocation of this number, from 1; 0: none */
	bool for_good;    /* and all after it */
	unsigned calls;   /* allocations since the run began */
	bool failed;      /* one was refused */
	int blocks;       /* that are not freed */
};

extern struct memory memory;

/* Puts it behind the library, and has it make what it keeps for good. */
void memory_install(void);
/* A run begins: allocations are counted from here. */
void memory_begin(void);

#endif
