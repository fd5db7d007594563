/* SPDX-License-Identifier: MIT */
/*
 * A system between the backend and the emulation, that has the quirks of those
 * who have kqueues, one by one; and a queue on it.
 */
#ifndef PIKE_TESTS_KQUEUE_BETWEEN_H
#define PIKE_TESTS_KQUEUE_BETWEEN_H

#include <stdbool.h>

#include "../kqueue-emulation/emulation.h"
#include "../uring/use.h"

/* What it does; zero, or -1 of descriptors: nothing. */
struct between {
	unsigned short flags;       /* in each event as well */
	int refused, refused_error; /* WRITE and READ of this descriptor */
	int refusals;               /* so often */
	bool refuses_reads_not;     /* only WRITE of it */
	int interrupts;             /* so many calls, after their changes */
	int fails;                  /* so many, before theirs */
	bool eats_errors;           /* telling of an error takes it */
	bool writes_early;          /* what is added can be written at once */
	int fifo;                   /* whose end is not told */
	bool keeps;                 /* READ of a socket, to tell it later */
	struct kevent kept;
	bool tells;     /* what was kept, in the next call */
	bool has_timer; /* one is added, and was not told */
	bool wakes;     /* the queue, when it is about to wait */
	int ended;      /* ends of streams that were told */
	int calls, changes_alone;
	int64_t longest_s;           /* wait that has an end */
	int deletes;                 /* of descriptors */
	unsigned char added[256][2]; /* READ, WRITE of each of these */
};
extern struct between fake;

/* A queue, on one of the emulation's systems. */
extern struct pike_queue *q;
void begin_on(const char *system);
void end(void);

pike_handle adopted(int fd);
void unix_pair(int pair[2]);
pike_id submit_read(pike_handle h, void *buf, size_t len);
/* The next completion, which there has to be. */
struct pike_completion taken(void);
/* Lets the queue look, and give nothing. */
void look(void);

#endif
