/* SPDX-License-Identifier: MIT */
/*
 * A backend that does what the test says, and the core on top of it. An op
 * goes by a letter, its user_data. What the core asks of the backend is
 * written down in one line, what comes out of the queue in another:
 *
 *	+a    start op a (or go on with it, after a pause)
 *	-a    ask op a to end
 *	?a    attempt op a without a slot
 *	!7    send to descriptor 7 at once
 *	x7    drop descriptor 7 and close it; o7 leave it open
 *	group 1 of 4	a group of 4 buffers is opened; no group 1 closed
 *	1:3   buffer 3 of group 1 has come back
 *
 *	a:5   op a completed, res 5; a:5/125 with err 125 beside it; a:5+ more
 *	      will follow; a:-125 res and err say the same
 *
 * Time stands still but for waits that nothing ends.
 */
#ifndef PIKE_TESTS_SCRIPT_H
#define PIKE_TESTS_SCRIPT_H

#include <pike.h>

#include "backend.h"
#include "queue.h"

#define SECOND INT64_C(1000000000)

struct script {
	struct pike_queue *q;
	int64_t now;        /* monotonic */
	int64_t wall_ahead; /* how far the wall clock is ahead of it */
	bool cancels_at_once;
	int drop_error;
	void *group_ring;   /* of the next groups opened; or null */
	int group_error;    /* of the next groups opened */
	int64_t send_takes; /* of each send at once; -1: none */
	int64_t waited;     /* the time that the last wait was given */
	unsigned waits, wakes;
	void (*while_waiting)(void);
	bool now_shown;
	int64_t next_shown;
};

extern struct script script;

/*
 * The only backends there are: "refused" comes first and does not open, for
 * the reason given here.
 */
extern int script_refusal;

/* A queue on the script's backend; params may be null. */
void script_open(const struct pike_params *params);
void script_close(void);
void script_close_at_once(void); /* its ops end when they are asked to */

pike_handle script_adopt(int fd);

/* Submits op under a letter; it must be accepted. */
pike_id script_submit(char letter, struct pike_op op);
struct pike_op script_op(int opcode, pike_handle h);
struct pike_op script_cancel_of(pike_id id);
struct pike_op script_timer(int64_t due_ns, int64_t period_ns); /* 0: once */
pike_id script_op_on(char letter, int opcode, pike_handle h);

/* What start says of this letter: that it has ended, with res. Once. */
void script_ends_in_start(char letter, int64_t res);
/* What attempt says: that it has ended; that it moved some. Once. */
void script_ends_in_attempt(char letter, int64_t res);
void script_moves_in_attempt(char letter, size_t moved);

/* What happens in the waits to come, one a wait: an op ends; ends as one that
 * was asked to, after so many bytes; gives a result and goes on; nothing,
 * and yet the wait ends. */
void script_then_end(char letter, int64_t res);
void script_then_ended(char letter, size_t moved);
void script_then_shot(char letter, int64_t res);
void script_then_nothing(void);
/* From now on it gives a result whenever it may: when it is started again
 * after a pause, and in each wait. */
void script_then_shoots(char letter);

/* All that the backend was asked since the last look; all that is reaped
 * until nothing happens. */
void script_asked(const char *expected);
void script_gives(const char *expected);
void script_forget(void); /* what was asked */

#endif
