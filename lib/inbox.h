/* SPDX-License-Identifier: MIT */
/*
 * Events posted to a queue by any thread and any signal handler: a ring of
 * cells, many producers, one consumer, no lock. A producer that is interrupted
 * between taking a cell and filling it delays those behind it, and blocks
 * nobody.
 */
#ifndef PIKE_LIB_INBOX_H
#define PIKE_LIB_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pike__post {
	_Atomic uint32_t turn;
	void *user_data;
	int64_t res;
};

struct pike__inbox {
	struct pike__post *cells;
	uint32_t mask;
	_Atomic uint32_t tail; /* next to be filled */
	uint32_t head;         /* next to be taken; the consumer's */
};

/* size is a power of two; false when out of memory. */
bool pike__inbox_open(struct pike__inbox *in, uint32_t size);
void pike__inbox_free(struct pike__inbox *in);

/* Any thread, any handler. False: full. */
bool pike__inbox_put(struct pike__inbox *in, void *user_data, int64_t res);
/* The consumer. False: empty. */
bool pike__inbox_take(struct pike__inbox *in, void **user_data, int64_t *res);

/* Whether a take would succeed. The consumer. */
static inline bool pike__inbox_any(struct pike__inbox *in)
{
	struct pike__post *cell = &in->cells[in->head & in->mask];

	return atomic_load_explicit(&cell->turn, memory_order_acquire) ==
	       2 * in->head + 1;
}

#endif
