/* SPDX-License-Identifier: MIT */
/*
 * Two queues in two threads, which hand memory to each other by a connection
 * and by nothing else: who has reaped the bytes may use what was written before
 * they were sent. TSan looks at the memory; it is silent only as long as the
 * library tells it what goes through the kernel.
 */
#include "harness.h"
#include "port_proc.h"

#define ROUNDS 40

/* How the bytes go and come: some by calls, others by what the backend has. */
static const struct way {
	int send;
	int recv;
	uint16_t flags;
} ways[] = {
    {PIKE_SEND, PIKE_RECV, 0},
    {PIKE_WRITEV, PIKE_READV, 0},
    {PIKE_SEND, PIKE_READ, PIKE_ZERO_COPY},
    {PIKE_WRITE, PIKE_RECV, PIKE_ALL},
    {PIKE_SENDMSG, PIKE_RECVMSG, 0},
};

/* One end of the connection, or who makes it. */
struct end {
	struct pike_params params;
	struct pike_addr addr;
	pike_fd fd;
	const struct way *way;
	int64_t *data;
	int line; /* of the first check that failed in the thread */
};

#define HOLDS(end, holds)                                                      \
	do {                                                                   \
		if (!(holds) && !(end)->line)                                  \
			(end)->line = __LINE__;                                \
	} while (0)

/* An op of one byte, whatever its opcode wants to have it in. */
struct one {
	char byte;
	struct pike_iovec iov;
	struct pike_msg msg;
};

static struct pike_op op_one(struct one *one, int opcode, pike_handle h)
{
	struct pike_op op = op_io(opcode, h, &one->byte, 1);

	one->iov = (struct pike_iovec){&one->byte, 1};
	one->msg = (struct pike_msg){.iov = &one->iov, .iov_count = 1};
	if (opcode == PIKE_READV || opcode == PIKE_WRITEV)
		op.buf = &one->iov;
	else if (opcode == PIKE_RECVMSG || opcode == PIKE_SENDMSG)
		op.buf = &one->msg;
	return op;
}

/* Also for the thread, where no assertion may be. */
static int64_t do_one(struct pike_queue *q, struct pike_op op)
{
	struct pike_completion c = {0};
	pike_id id = pike_submit(q, &op);

	if (id <= 0)
		return id;
	return pike_reap(q, &c, 1, -1) == 1 && c.id == id ? c.res : -1;
}

static void end_run(void *arg)
{
	struct end *end = arg;
	struct one out = {.byte = 'x'}, in = {0};
	struct pike_queue *q;
	pike_handle h;

	if (pike_queue_open(&q, &end->params) < 0) {
		end->line = __LINE__;
		return;
	}
	h = pike_adopt(q, end->fd, 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct pike_op op = op_one(&out, end->way->send, h);

		op.flags = end->way->flags;
		end->data[i] = i + 1;
		HOLDS(end, do_one(q, op) == 1);
		op = op_one(&in, end->way->recv, h);
		HOLDS(end, do_one(q, op) == 1);
		HOLDS(end, end->data[i] == -i);
	}
	pike_queue_close(q);
}

/* The thread's queue may lack features: it makes calls where the other one's
 * kernel is asked. */
static void hand_over(
    struct rig *rig, const struct way *way, uint32_t features_off)
{
	static struct end end;
	static int64_t data[ROUNDS];
	struct one out = {.byte = 'y'}, in = {0};
	struct port_thread *thread;
	pike_fd fd[2];
	pike_handle h;

	if (!rig_plain_pair(rig, RIG_TCP, fd))
		ck_abort_msg("no pair");
	h = rig_adopt(rig, fd[1]);
	end = (struct end){.fd = fd[0], .way = way, .data = data};
	rig_params(&end.params);
	end.params.features_off |= features_off;
	thread = port_thread_start(end_run, &end);
	for (int i = 0; i < ROUNDS; i++) {
		struct pike_op op = op_one(&out, way->send, h);

		expect_op(rig, op_one(&in, way->recv, h), 1);
		check_often(data[i] == i + 1);
		data[i] = -i;
		op.flags = way->flags;
		expect_op(rig, op, 1);
	}
	port_thread_join(thread);
	ck_assert_int_eq(end.line, 0);
}

CASE(what_was_written_before_a_send_is_there_behind_its_bytes)
{
	hand_over(rig, &ways[0], 0);
}

CASE(what_was_written_before_sends_of_other_kinds_is_there_too)
{
	for (size_t i = 1; i < ARRAY_LEN(ways); i++)
		hand_over(rig, &ways[i], 0);
}

CASE(what_was_written_is_there_where_one_queue_only_makes_calls)
{
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		hand_over(rig, &ways[i], PIKE_FEATURES_ALL);
}

static void caller_run(void *arg)
{
	struct end *end = arg;
	struct pike_queue *q;

	if (pike_queue_open(&q, &end->params) < 0) {
		end->line = __LINE__;
		return;
	}
	for (int i = 0; i < ROUNDS; i++) {
		pike_handle h;

		end->data[i] = i + 1;
		h = do_one(
		    q, op_to(PIKE_CONNECT_TO, &end->addr, PIKE_SOCK_STREAM));
		HOLDS(end, h > 0);
		HOLDS(end, do_one(q, op_close(h)) == 0);
	}
	pike_queue_close(q);
}

static void connects(uint32_t caller_off, uint32_t listener_off)
{
	static struct end end;
	static int64_t data[ROUNDS];
	struct pike_addr *at = &end.addr;
	struct pike_params params = {0};
	struct port_thread *thread;
	struct pike_queue *q;
	pike_handle h;

	end = (struct end){.data = data, .addr = port_loopback(PIKE_AF_INET)};
	rig_params(&params);
	end.params = params;
	end.params.features_off |= caller_off;
	params.features_off |= listener_off;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
	h = do_one(q, op_to(PIKE_LISTEN_TO, at, PIKE_SOCK_STREAM));
	ck_assert_int_gt(h, 0);
	ck_assert_int_eq(do_one(q, op_at(PIKE_GETSOCKNAME, h, at)), 0);
	thread = port_thread_start(caller_run, &end);
	for (int i = 0; i < ROUNDS; i++) {
		pike_handle peer = do_one(q, op_accept(h));

		check_often(peer > 0);
		check_often(data[i] == i + 1);
		check_often(do_one(q, op_close(peer)) == 0);
	}
	port_thread_join(thread);
	ck_assert_int_eq(end.line, 0);
	pike_queue_close(q);
}

CASE(what_was_written_before_a_connect_is_there_behind_the_accept)
{
	connects(0, 0);
}

CASE(what_was_written_before_a_connect_is_there_where_one_makes_calls)
{
	connects(PIKE_FEATURES_ALL, 0);
	connects(0, PIKE_FEATURES_ALL);
}

int main(void)
{
	area_begin("handover");
	area_add(what_was_written_before_a_send_is_there_behind_its_bytes);
	area_add(what_was_written_before_sends_of_other_kinds_is_there_too);
	area_add(what_was_written_is_there_where_one_queue_only_makes_calls);
	area_add(what_was_written_before_a_connect_is_there_behind_the_accept);
	area_add(
	    what_was_written_before_a_connect_is_there_where_one_makes_calls);
	return area_end();
}
