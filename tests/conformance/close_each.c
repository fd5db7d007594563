/* SPDX-License-Identifier: MIT */
/* Handles and queues that are closed while ops of each kind are under way. */
#include "pending.h"
#include "port_proc.h"

/* M184: everything that was pending first, then the close, then nothing. */
static void close_waiting(struct rig *rig, int kind, bool parked)
{
	struct pending p;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_fd fd = pike_fd_of(rig->q, p.h);
	pike_id id = submit(rig, p.op);
	if (parked) {
		fence(rig);
		expect_pending(rig, id);
	}
	pike_id close = submit(rig, op_close(p.h));
	refuse(rig, p.op, PIKE_EBADF);
	reap_until(rig, close);
	ck_assert_int_ge(arrival_of(rig, id), 0);
	ck_assert_int_lt(arrival_of(rig, id), arrival_of(rig, close));
	expect_error(rig, id, PIKE_ECANCELED);
	ck_assert(!port_is_open(fd));
	if (kind == PENDING_shutdown)
		ck_assert_int_eq(wait_any(rig).res, -PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	refuse(rig, p.op, PIKE_EBADF);
	fence(rig);
	ck_assert_int_eq(drop_arrivals(rig), 0);
}

/* It could be done already: its true result or a cancel, and before the
 * close. */
static void close_ready(struct rig *rig, int kind)
{
	struct pending p;
	struct pike_completion c;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_id id = submit(rig, p.op);
	fence(rig);
	pending_satisfy(rig, &p);
	pike_id close = submit(rig, op_close(p.h));
	reap_until(rig, close);
	do {
		ck_assert_int_lt(arrival_of(rig, id), arrival_of(rig, close));
		c = wait_one(rig, id);
		if (c.res >= 0)
			pending_check(&p, &c);
		else
			ck_assert_int_eq(c.res, -PIKE_ECANCELED);
	} while (c.flags & PIKE_MORE);
	expect_one(rig, close, 0, 0, 0);
	ck_assert_int_eq(drop_arrivals(rig), 0);
}

/* After it all memory is the caller's: whatever the op could still do would
 * show in p. */
static void close_queue(struct rig *rig, int kind, bool parked)
{
	static struct pending p, copy;

	if (!pending_make(rig, kind, &p))
		SKIP("not on this system");
	pike_fd fd = p.h ? pike_fd_of(rig->q, p.h) : -1;
	bool owned = kind != PENDING_accept && kind != PENDING_accept_shots &&
		     kind != PENDING_connect;
	submit(rig, p.op);
	if (parked)
		fence(rig);
	rig_close(rig);
	/* Adopted stays open, opened by pike was closed. */
	if (fd >= 0)
		ck_assert_int_eq(port_is_open(fd), owned);
	memset(p.buf, 0x77, sizeof(p.buf));
	memset(&p.from, 0x77, sizeof(p.from));
	memset(&p.info, 0x77, sizeof(p.info));
	copy = p;
	if (owned && p.peer >= 0)
		port_write(p.peer, "12345678", 8);
	rig_open(rig, NULL);
	fence(rig);
	ck_assert_mem_eq(&p, &copy, sizeof(p));
}

#define CLOSE_CASES(kind)                                                      \
	CASE(close_ends_a_new_##kind)                                          \
	{                                                                      \
		close_waiting(rig, PENDING_##kind, false);                     \
	}                                                                      \
	CASE(close_ends_a_waiting_##kind)                                      \
	{                                                                      \
		close_waiting(rig, PENDING_##kind, true);                      \
	}
#define CLOSE_READY_CASES(kind)                                                \
	CASE(close_comes_after_a_##kind##_that_is_ready)                       \
	{                                                                      \
		close_ready(rig, PENDING_##kind);                              \
	}
#define CLOSE_QUEUE_CASES(kind)                                                \
	CASE(queue_close_ends_a_new_##kind)                                    \
	{                                                                      \
		close_queue(rig, PENDING_##kind, false);                       \
	}                                                                      \
	CASE(queue_close_ends_a_waiting_##kind)                                \
	{                                                                      \
		close_queue(rig, PENDING_##kind, true);                        \
	}

/* clang-format off */
PENDING_ON_HANDLE(CLOSE_CASES)
PENDING_READY_ON_HANDLE(CLOSE_READY_CASES)
PENDING_KINDS(CLOSE_QUEUE_CASES)
/* clang-format on */

/* M183: all of them at once. */
CASE(queue_close_ends_everything_at_once)
{
	static struct pending p[PENDING_COUNT];

	for (int round = 0; round < 10; round++) {
		struct rig *other = rig_new(NULL);
		for (int kind = 0; kind < PENDING_COUNT; kind++)
			if (pending_make(other, kind, &p[kind]))
				submit(other, p[kind].op);
		for (int i = 0; i < 10; i++) {
			submit(other, op_nop());
			ck_assert_int_eq(pike_post(other->q, NULL, i), 0);
		}
		if (round & 1)
			fence(other);
		drop_arrivals(other);
		rig_close(other);
		memset(p, 0x77, sizeof(p));
	}
	expect_op(rig, op_nop(), 0);
}

int main(void)
{
	area_begin("close_each");
#define CLOSE_ADD(kind)                                                        \
	area_add(close_ends_a_new_##kind);                                     \
	area_add(close_ends_a_waiting_##kind);
	PENDING_ON_HANDLE(CLOSE_ADD)
#undef CLOSE_ADD
#define CLOSE_ADD(kind) area_add(close_comes_after_a_##kind##_that_is_ready);
	PENDING_READY_ON_HANDLE(CLOSE_ADD)
#undef CLOSE_ADD
#define CLOSE_ADD(kind)                                                        \
	area_add(queue_close_ends_a_new_##kind);                               \
	area_add(queue_close_ends_a_waiting_##kind);
	PENDING_KINDS(CLOSE_ADD)
#undef CLOSE_ADD
	area_add(queue_close_ends_everything_at_once);
	return area_end();
}
