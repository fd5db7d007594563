/* SPDX-License-Identifier: MIT */
/* The counting allocator; see memory.h. */
#include "config.h"

#include <check.h>
#include <pike.h>

#include "alloc.h"
#include "memory.h"
#include "run.h"

/* More than the closed queues whose structs the library keeps. */
#define QUEUES_KEPT 80

struct memory memory;

static void *memory_realloc(void *old, size_t size)
{
	void *fresh;

	if (!size) {
		memory.blocks--;
		free(old);
		return NULL;
	}
	memory.calls++;
	if (memory.calls == memory.fail_at ||
	    (memory.failed && memory.for_good)) {
		memory.failed = true;
		return NULL;
	}
	fresh = realloc(old, size);
	if (fresh && !old)
		memory.blocks++;
	return fresh;
}

void memory_install(void)
{
	pike__realloc_hook = memory_realloc;
	for (int i = 0; i < QUEUES_KEPT; i++) {
		const struct pike_params params = {.backend = stage->backend};
		struct pike_queue *q;

		ck_assert_int_eq(pike_queue_open(&q, &params), 0);
		pike_queue_close(q);
	}
}

void memory_begin(void)
{
	memory.calls = 0;
	memory.failed = false;
}
