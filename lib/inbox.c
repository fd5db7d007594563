/* SPDX-License-Identifier: MIT */
/*
 * Each cell carries a turn: 2n when it waits for the n-th event, 2n + 1 when
 * it holds it; so the two differ in a ring of one cell too. The counters wrap
 * together.
 */
#include "config.h"

#include "alloc.h"
#include "inbox.h"

bool pike__inbox_open(struct pike__inbox *in, uint32_t size)
{
	in->cells = pike__alloc(size * sizeof *in->cells);
	if (!in->cells)
		return false;
	for (uint32_t i = 0; i < size; i++)
		atomic_init(&in->cells[i].turn, 2 * i);
	in->mask = size - 1;
	in->head = 0;
	atomic_init(&in->tail, 0);
	return true;
}

void pike__inbox_free(struct pike__inbox *in)
{
	pike__free(in->cells);
	in->cells = NULL;
}

bool pike__inbox_put(struct pike__inbox *in, void *user_data, int64_t res)
{
	uint32_t place = atomic_load_explicit(&in->tail, memory_order_relaxed);
	struct pike__post *cell;

	for (;;) {
		uint32_t turn;

		cell = &in->cells[place & in->mask];
		turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
		if (turn == 2 * place) {
			if (atomic_compare_exchange_weak_explicit(&in->tail,
				&place, place + 1, memory_order_relaxed,
				memory_order_relaxed))
				break;
		} else if ((int32_t)(turn - 2 * place) < 0) {
			return false;
		} else {
			place = atomic_load_explicit(
			    &in->tail, memory_order_relaxed);
		}
	}
	cell->user_data = user_data;
	cell->res = res;
	atomic_store_explicit(&cell->turn, 2 * place + 1, memory_order_release);
	return true;
}

bool pike__inbox_take(struct pike__inbox *in, void **user_data, int64_t *res)
{
	struct pike__post *cell = &in->cells[in->head & in->mask];

	if (!pike__inbox_any(in))
		return false;
	*user_data = cell->user_data;
	*res = cell->res;
	atomic_store_explicit(
	    &cell->turn, 2 * (in->head + in->mask + 1), memory_order_release);
	in->head++;
	return true;
}
