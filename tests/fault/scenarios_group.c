/* SPDX-License-Identifier: MIT */
/* Scenarios of buffers that receives share. */
#include "config.h"

#include <check.h>

#include "scenarios.h"

static struct pike_op op_grouped(int opcode, pike_handle h, uint32_t group)
{
	struct pike_op op = op_of(opcode, h);

	op.flags = PIKE_GROUP;
	op.u.group.id = group;
	return op;
}

/* A connection that sends three buffers full and the end, to one op with a
 * single buffer: it waits each time until that has come back. */
static void pour(struct run *run, pike_handle h[2], uint32_t group)
{
	struct run_op *recv;
	size_t at = 0;

	recv = run_submit(run, op_many(op_grouped(PIKE_RECV, h[1], group)));
	WANT(run, run_do(run, op_all(op_bytes(
				  PIKE_SEND, h[0], stream_bytes, 384))) == 384);
	WANT(run,
	    run_do(run, op_how(PIKE_SHUTDOWN, h[0], PIKE_SHUT_WRITE)) == 0);
	while (run_shot(run, recv)) {
		uint32_t b = recv->buffer;
		unsigned char *bytes = pike_group_buffer(run->q, group, b);

		WANT(run, recv->result_flags == (PIKE_MORE | PIKE_BUFFER));
		WANT(run, at + (size_t)recv->res <= 384);
		WANT(run,
		    memcmp(bytes, stream_bytes + at, (size_t)recv->res) == 0);
		at += (size_t)recv->res;
		WANT(run, pike_group_return(run->q, group, b) == 0);
	}
	WANT(run, run_ended(run, recv) && recv->res == 0);
	WANT(run, recv->result_flags == PIKE_EOF && at == 384);
}

void play_group(struct run *run)
{
	struct pike_addr at;
	struct run_op *recv;
	pike_handle listener, h[2];
	int64_t group;

	listener = listen_at(run, "127.0.0.1:0", 0, &at);
	WANT(run, listener > 0);
	/* It is kept for when the queue is warm. */
	if (run->group <= 0)
		run->group =
		    run_heard(run, pike_group_open(run->q, 1, 128, NULL));
	group = run->group;
	WANT(run, group > 0);
	WANT(run, connect_pair(run, listener, &at, h));
	recv = run_submit(run, op_grouped(PIKE_RECV, h[0], (uint32_t)group));
	WANT(run, run_do(run, op_bytes(PIKE_SEND, h[1], "e", 1)) == 1);
	WANT(run, run_ended(run, recv) && recv->res == 1);
	WANT(run, recv->result_flags == PIKE_BUFFER);
	WANT(
	    run, pike_group_return(run->q, (uint32_t)group, recv->buffer) == 0);
	pour(run, h, (uint32_t)group);
}
