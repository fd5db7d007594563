/* SPDX-License-Identifier: MIT */
/* Numbers by chance that a seed brings back: PIKE_TEST_SEED. */
#ifndef PIKE_TESTS_RANDOM_H
#define PIKE_TESTS_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "port_proc.h"

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static inline unsigned random_below(struct random *r, unsigned n)
{
	return (unsigned)((random_next(r) >> 32) % n);
}

/* Prints the seed, so that a failure can be had again. */
static inline void random_begin(struct random *r, const char *what)
{
	const char *seed = getenv("PIKE_TEST_SEED");

	r->state = seed ? strtoull(seed, NULL, 0) : (uint64_t)port_wall();
	printf("%s: PIKE_TEST_SEED=%llu\n", what, (unsigned long long)r->state);
}

#endif
