/* SPDX-License-Identifier: MIT */
/*
 * A system that fails on demand: it stands behind the seam of the library,
 * counts the calls that go through, and makes of one of them what its manual
 * page allows. Everything else is the real system's, but for time, which
 * stands still until the library waits for nothing else.
 *
 * It also looks at what no result shows: a call that could block, a descriptor
 * that is closed twice, a wait that would never end, work without end.
 */
#ifndef PIKE_TESTS_KERNEL_H
#define PIKE_TESTS_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

/* What shall happen in a run. Zero: nothing. */
struct kernel_plan {
	unsigned fail_at;     /* the call of this number fails, from 1 */
	unsigned choice;      /* with this of its errors */
	bool for_good;        /* and all others of its kind after it */
	const char *name;     /* only if it is this; null: whichever it is */
	bool one_byte;        /* streams move one byte at a time */
	unsigned interrupted; /* each call that may says EINTR so often first */
	bool tiny; /* rings of four entries, enters that take one of them, and
		    * one answer to each request */
	bool lies; /* requests that it knows are no request to the kernel */
	bool is_all_timed; /* nothing but time ends a wait in this run */
	uint64_t storm;    /* calls fail by chance, from this seed; 0: none */
};

struct kernel {
	struct kernel_plan plan;
	unsigned calls;   /* made so far */
	const char *name; /* of the call that failed; null: not reached */
	unsigned choices; /* errors that it could have failed with */
	int error;        /* that it failed with */
	bool harmless;    /* the application shall notice nothing */
	bool loud;        /* the application has to be told */
	int fd; /* that it was made on; -1: none, or it does not matter */
	bool unmended; /* a call failed that puts things back */
	int64_t now;   /* monotonic, in ns */
};

extern struct kernel kernel;

/* Puts this system behind the seam, for good. */
void kernel_install(void);

/* Before and after a run. */
void kernel_begin(const struct kernel_plan *plan);
void kernel_end(void);

/* Whether the call that failed was made to get on with such an op. */
bool kernel_was_for(int opcode);

/* Whether the run must go as if nothing happened. */
bool kernel_strict(void);

/* Which descriptors are open, of the first so many; more are a failure. */
#define KERNEL_DESCRIPTORS 128
struct kernel_descriptors {
	bool open[KERNEL_DESCRIPTORS];
};
void kernel_look(struct kernel_descriptors *d);

/* Fails the test, saying first what was made to happen. */
void kernel_blame(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void kernel_context(const char *name); /* whose run it is */

#endif
