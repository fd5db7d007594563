/* SPDX-License-Identifier: MIT */
/*
 * The frame that every conformance test stands in. A test is written once
 * and run on each backend, and never asks which; what it gets is a rig: a
 * queue with a book of all ops in flight. Each completion that is reaped goes
 * through the book, which holds the rules that are true of every op (see
 * harness_check.c), and then waits there until the test takes it. After the
 * test nothing may be left over: no completion that nobody asked for, no
 * descriptor.
 *
 *	CASE(one_byte_arrives)
 *	{
 *		pike_handle h[2];
 *		char in = 0;
 *
 *		rig_pair(rig, RIG_TCP, h);
 *		pike_id got = submit(rig, op_recv(h[1], &in, 1));
 *		expect_op(rig, op_send(h[0], "x", 1), 1);
 *		expect_one(rig, got, 1, 0, 0);
 *		ck_assert_int_eq(in, 'x');
 *	}
 *
 *	int main(void)
 *	{
 *		area_begin("tcp");
 *		area_add(one_byte_arrives);
 *		return area_end();
 *	}
 *
 * The environment: PIKE_TEST_BACKENDS, names with commas (all that the
 * library has); PIKE_TEST_FEATURES_OFF, a number for params.features_off;
 * PIKE_TEST_CASE, runs only the cases whose names contain it;
 * PIKE_TEST_AFTER, only those that come after the one of that name;
 * PIKE_TEST_NAMES, prints "case BACKEND NAME" before each;
 * PIKE_TEST_SCALE, a number by which the most repetitive cases repeat less.
 * For each backend the program prints a line
 *
 *	backend NAME: N cases, N skipped
 *
 * where the skipped are some of the cases, and before it a line
 * "SKIP case: reason" for each of those. It fails if a backend ran no case.
 */
#ifndef PIKE_TESTS_HARNESS_H
#define PIKE_TESTS_HARNESS_H

#include <check.h>
#include <stdbool.h>
#include <string.h>

#include "ops.h"
#include "port.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define NS_PER_MS    INT64_C(1000000)

/* For what holds a hundred thousand times: Check writes a note of each of its
 * own assertions. */
#define check_often(holds)                                                     \
	do {                                                                   \
		if (!(holds))                                                  \
			ck_abort_msg("%s", #holds);                            \
	} while (0)

struct rig_op;
struct rig_arrival;
struct rig_owned;

/* Tests use q and backend; the rest is the harness's. */
struct rig {
	struct pike_queue *q;
	const char *backend;
	struct rig_op *ops; /* the book: a pool, chained in buckets */
	int *buckets;
	int ops_free;
	int ops_room;
	int in_flight;
	struct rig_arrival *arrivals; /* reaped, not yet taken; in order */
	int arrived;
	int arrived_room;
	struct rig_owned *owned; /* descriptors that the rig will close */
	int owned_count;
	int owned_room;
	pike_handle fence[2];
	unsigned wakes; /* pike_wake calls that no reap has answered yet */
	char temp[64];
	struct rig *next; /* the test's other rigs */
};

/* -- cases and areas -- */

#define CASE(name)                                                             \
	static void name##_case(struct rig *rig CK_ATTRIBUTE_UNUSED);          \
	START_TEST(name)                                                       \
	{                                                                      \
		rig_run(_i, #name, name##_case);                               \
	}                                                                      \
	END_TEST                                                               \
	static void name##_case(struct rig *rig CK_ATTRIBUTE_UNUSED)

/* The same, skipped where the system has not what the case is about. */
#define CASE_WHERE(name, holds, why)                                           \
	static void name##_where(struct rig *rig CK_ATTRIBUTE_UNUSED);         \
	CASE(name)                                                             \
	{                                                                      \
		if (!(holds))                                                  \
			SKIP(why);                                             \
		name##_where(rig);                                             \
	}                                                                      \
	static void name##_where(struct rig *rig CK_ATTRIBUTE_UNUSED)

void area_begin(const char *name);
void area_add_test(const TTest *test);
#define area_add(name) area_add_test(name)
int area_end(void); /* runs them; what main returns */

void rig_run(int backend, const char *name, void (*body)(struct rig *));

/* Leaves the test; the case counts as skipped. */
void rig_skip(const char *why);
#define SKIP(why)                                                              \
	do {                                                                   \
		rig_skip(why);                                                 \
		return;                                                        \
	} while (0)

/* -- queues -- */

/*
 * Another rig beside the one that the case is given, on the same backend;
 * params may be null, backend and features_off are filled in. The harness
 * frees it after the test.
 */
struct rig *rig_new(const struct pike_params *params);

/*
 * Closes the queue now, with whatever is in flight (at the end of a test
 * nothing may be); what arrived and was not taken fails the test. rig_open
 * gives the rig a new queue.
 */
void rig_close(struct rig *rig);
void rig_open(struct rig *rig, const struct pike_params *params);

/* The backend and features_off of this case, for those who open by hand. */
void rig_params(struct pike_params *params);

/* Calls pike_wake; only then may a reap without end return 0. */
void rig_wake(struct rig *rig);

/* -- ops -- */

#define RIG_HERE __FILE__, __LINE__

/* Submits; it must be accepted. An op without user_data gets some. */
#define submit(rig, op) rig_submit(RIG_HERE, rig, op)

/* Submits; it must be refused with -code, and so nothing comes of it. */
#define refuse(rig, op, code) rig_refuse(RIG_HERE, rig, op, code)

/*
 * One reap with all the checks; what comes is kept until it is taken. Returns
 * how many came.
 */
int rig_reap(struct rig *rig, int64_t timeout_ns);

/* The same of at most max completions. */
int rig_reap_max(struct rig *rig, unsigned max, int64_t timeout_ns);

/* Waits for the next completion of id and takes it; of any op and takes it. */
#define wait_one(rig, id) rig_wait(RIG_HERE, rig, id)
#define wait_any(rig)     rig_wait(RIG_HERE, rig, -1)

/* Waits until id has completed for good, and takes nothing. */
#define reap_until(rig, id) rig_reap_until(RIG_HERE, rig, id)

/* Waits for the next completion of id; it must be this one. */
#define expect_one(rig, id, res, err, flags)                                   \
	rig_expect(RIG_HERE, rig, id, res, err, flags)

/* For requests that are wrong in a way that may be seen at once or later:
 * refused, or completed, with -PIKE_EINVAL. */
#define expect_invalid(rig, op) rig_expect_invalid(RIG_HERE, rig, op)

/* Refused or completed with any error at all. */
#define expect_failure(rig, op) rig_expect_failure(RIG_HERE, rig, op)

/* The same for a completion with nothing but an error. */
#define expect_error(rig, id, code)                                            \
	rig_expect(RIG_HERE, rig, id, -(code), code, 0)

/* Submits and waits; the completion, or what it must be. */
#define perform(rig, op) rig_wait(RIG_HERE, rig, submit(rig, op))
#define expect_op(rig, op, res)                                                \
	rig_expect_result(RIG_HERE, rig, submit(rig, op), res, 0)
#define expect_op_flags(rig, op, res, flags)                                   \
	rig_expect_result(RIG_HERE, rig, submit(rig, op), res, flags)

/*
 * A round trip on another connection: what the system had to report before
 * it has been reported after it. expect_pending: id has not completed, not
 * even in part; call it after a fence.
 */
void fence(struct rig *rig);
#define expect_pending(rig, id) rig_expect_pending(RIG_HERE, rig, id)

/* Cancels id, which then completes as cancelled, with nothing else to say. */
#define expect_cancelled(rig, id) rig_expect_cancelled(RIG_HERE, rig, id)

/* Where in the order of arrival a completion of id waits, from 0; -1: it has
 * not come or was taken. */
int arrival_of(struct rig *rig, pike_id id);

/* Whether id was accepted and its last completion not reaped. */
bool in_flight(struct rig *rig, pike_id id);

/* Takes all that has arrived; how many. */
int drop_arrivals(struct rig *rig);

pike_id rig_submit(
    const char *file, int line, struct rig *rig, struct pike_op op);
void rig_refuse(
    const char *file, int line, struct rig *rig, struct pike_op op, int code);
struct pike_completion rig_wait(
    const char *file, int line, struct rig *rig, pike_id id);
void rig_reap_until(const char *file, int line, struct rig *rig, pike_id id);
void rig_expect(const char *file, int line, struct rig *rig, pike_id id,
    int64_t res, int32_t err, uint32_t flags);
void rig_expect_result(const char *file, int line, struct rig *rig, pike_id id,
    int64_t res, uint32_t flags);
void rig_expect_pending(
    const char *file, int line, struct rig *rig, pike_id id);
void rig_expect_failure(
    const char *file, int line, struct rig *rig, struct pike_op op);
void rig_expect_invalid(
    const char *file, int line, struct rig *rig, struct pike_op op);
void rig_expect_cancelled(
    const char *file, int line, struct rig *rig, pike_id id);

/* -- handles and descriptors -- */

/* Expects that waiting for 100 ms costs no CPU time to speak of: nothing
 * spins. */
void expect_idle(struct rig *rig);

/* Adopts fd; the rig checks at the end that it is still open, and closes it,
 * unless a PIKE_CLOSE did. */
pike_handle rig_adopt(struct rig *rig, pike_fd fd);

/* The rig closes fd at the end; rig_drop: now; rig_disown: not at all. */
pike_fd rig_own(struct rig *rig, pike_fd fd);
void rig_drop(struct rig *rig, pike_fd fd);
void rig_disown(struct rig *rig, pike_fd fd);

/* An address that refuses every connection until the end. */
struct pike_addr rig_nobody(struct rig *rig);

enum rig_kind {
	RIG_TCP,
	RIG_UNIX,      /* stream */
	RIG_DGRAM,     /* Unix datagrams */
	RIG_SEQPACKET, /* Unix */
	RIG_PIPE       /* [0] reads, [1] writes */
};

/*
 * Connected: both ends adopted; one adopted and the other plain (of a pipe
 * the writing end is plain, or with rig_peer_reader the reading end); both
 * plain; over TCP by pike's own ops. All are closed at the end. They return
 * false where the system has no such thing: skip.
 */
bool rig_pair(struct rig *rig, enum rig_kind kind, pike_handle h[2]);
bool rig_peer(
    struct rig *rig, enum rig_kind kind, pike_handle *h, pike_fd *peer);

/* As rig_peer, but there is no room left to send (of a pipe the writing end is
 * the handle). Returns how many bytes the peer has to drain first; 0: the
 * system has no such thing. */
int64_t rig_full(
    struct rig *rig, enum rig_kind kind, pike_handle *h, pike_fd *peer);
void rig_pipe_to_reader(struct rig *rig, pike_handle *h, pike_fd *reader);
bool rig_plain_pair(struct rig *rig, enum rig_kind kind, pike_fd fd[2]);
void rig_tcp_pair(struct rig *rig, pike_handle h[2]);

/* A listening handle by pike, on a loopback port or where addr says; addr
 * receives where. */
pike_handle rig_listen(struct rig *rig, int family, struct pike_addr *addr);
pike_handle rig_listen_to(struct rig *rig, struct pike_addr *addr);

/*
 * A plain listener on addr (port 0 becomes a real one) whose queue is full: a
 * connect to it waits until somebody accepts. The rig closes it, and the
 * callers that fill it.
 */
pike_fd rig_full_listener(struct rig *rig, struct pike_addr *addr);

/* A handle of a new socket, by pike. */
pike_handle rig_socket(struct rig *rig, int family, int type);

/* A plain connection to addr, and its own address if name is not null. */
pike_fd rig_caller(
    struct rig *rig, const struct pike_addr *addr, struct pike_addr *name);

/* Takes a plain connection while the queue goes on working. */
pike_fd rig_accept(struct rig *rig, pike_fd listener);

/* Expects that h is a handle and connected with the plain fd. */
void expect_connected(struct rig *rig, pike_handle h, pike_fd fd);

/* Whether two addresses read the same. */
bool addr_equal(const struct pike_addr *a, const struct pike_addr *b);

/* An address of a Unix socket in the test's own directory. */
struct pike_addr rig_unix_addr(struct rig *rig, const char *name);

/* A path in that directory. */
void rig_path(struct rig *rig, const char *name, char *path, size_t size);

/*
 * Moves all of len bytes through the plain end of a pair while the queue goes
 * on working; read: fails when they end early.
 */
void peer_read(struct rig *rig, pike_fd fd, void *buf, size_t len);
void peer_write(struct rig *rig, pike_fd fd, const void *buf, size_t len);

/* Reads len bytes and forgets them. */
void peer_drain(struct rig *rig, pike_fd fd, int64_t len);

/* The same of what was there before id, which then goes out as far as it has
 * to. */
void peer_drain_for(struct rig *rig, pike_fd fd, int64_t len, pike_id id);

/* Expects the orderly end on the plain end. */
void peer_expect_eof(pike_fd fd);

/* Fills buf with a pattern that depends on seed; checks one. */
void pattern_fill(void *buf, size_t len, unsigned seed);
void pattern_check(const void *buf, size_t len, unsigned seed);

#endif
