/* SPDX-License-Identifier: MIT */
/*
 * A ring that the system refuses, for real: by filters of system calls, by
 * limits. What runs then, what is said of it, and that it works. Each test is
 * a process of its own, which stays as it was made.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pike.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "alloc.h"
#include "backend/sys.h"
#include "use.h"

/* The same number on every machine that Linux runs on but one. */
#define CALL_SETUP    425
#define CALL_ENTER    426
#define CALL_REGISTER 427
#define PROBE         8 /* registers of such */
#define RING_OF_BUFS  22
#define ANY           UINT32_MAX

/* From now on a call fails for us, when its second argument has that value. */
static void refuse(uint32_t call, uint32_t second, int error)
{
	const uint32_t nr = offsetof(struct seccomp_data, nr);
	const uint32_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
	const uint32_t arg = (uint32_t)offsetof(struct seccomp_data, args[1]);
	const uint8_t other = second == ANY ? 0 : 1;
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, nr),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arg + low),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, other),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {COUNT(code), code};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

/* ---- what runs, and why ---- */

static int open_named(const char *name)
{
	struct pike_params params = {.backend = name};
	struct pike_queue *q;
	int error = pike_queue_open(&q, &params);

	ck_assert_int_eq(q != NULL, error == 0);
	pike_queue_close(q);
	return error;
}

/* It is refused with these words, and the other takes its place. */
static void runs_without(const char *why)
{
	char text[512], wanted[256];
	struct pike_queue *q;

	ck_assert_int_eq(pike_queue_open(&q, NULL), 0);
	ck_assert_str_eq(pike_backend_name(q), "epoll");
	ck_assert_int_gt(pike_backend_report(q, text, sizeof text), 0);
	snprintf(wanted, sizeof wanted, "uring: %s\nepoll: runs\n", why);
	ck_assert_str_eq(text, wanted);
	use_works(q);
	pike_queue_close(q);

	ck_assert_int_gt(pike_backend_report(NULL, text, sizeof text), 0);
	snprintf(wanted, sizeof wanted, "uring: %s\nepoll: available\n", why);
	ck_assert_str_eq(text, wanted);

	ck_assert_int_eq(open_named("uring"), -PIKE_ENOTSUP);
	ck_assert_int_eq(open_named("epoll"), 0);
	ck_assert_int_eq(setenv("PIKE_BACKEND", "uring", 1), 0);
	ck_assert_int_eq(open_named(NULL), -PIKE_ENOTSUP);
}

/* The ring is what runs, after all. */
static void runs(struct pike_queue **q)
{
	ck_assert_int_eq(pike_queue_open(q, NULL), 0);
	ck_assert_str_eq(pike_backend_name(*q), "uring");
}

START_TEST(a_setup_that_is_forbidden)
{
	refuse(CALL_SETUP, ANY, EPERM);
	runs_without("io_uring_setup: operation not permitted");
}
END_TEST

START_TEST(a_setup_that_the_kernel_does_not_know)
{
	refuse(CALL_SETUP, ANY, ENOSYS);
	runs_without("io_uring_setup: not implemented by the system");
}
END_TEST

START_TEST(a_setup_to_which_access_is_denied)
{
	refuse(CALL_SETUP, ANY, EACCES);
	runs_without("io_uring_setup: permission denied");
}
END_TEST

/* The ladder has an end, and so have smaller and smaller rings. */
START_TEST(a_setup_that_takes_no_argument)
{
	refuse(CALL_SETUP, ANY, EINVAL);
	runs_without(
	    "the kernel is too old: flags: not implemented by the system");
}
END_TEST

START_TEST(a_setup_without_memory)
{
	refuse(CALL_SETUP, ANY, ENOMEM);
	runs_without("io_uring_setup: out of memory");
}
END_TEST

START_TEST(an_enter_that_is_forbidden)
{
	refuse(CALL_ENTER, ANY, EPERM);
	runs_without("io_uring_enter: operation not permitted");
}
END_TEST

START_TEST(an_enter_that_the_kernel_does_not_know)
{
	refuse(CALL_ENTER, ANY, ENOSYS);
	runs_without("io_uring_enter: not implemented by the system");
}
END_TEST

/* Nothing could be shown to another poller. */
START_TEST(a_register_that_is_forbidden)
{
	refuse(CALL_REGISTER, ANY, EPERM);
	runs_without("io_uring_register: operation not permitted");
}
END_TEST

START_TEST(a_kernel_that_does_not_say_what_it_knows)
{
	refuse(CALL_REGISTER, PROBE, EINVAL);
	runs_without("io_uring_register: invalid argument");
}
END_TEST

START_TEST(groups_where_the_kernel_has_no_rings_of_buffers)
{
	struct pike_queue *q;

	refuse(CALL_REGISTER, RING_OF_BUFS, EINVAL);
	runs(&q);
	ck_assert_int_eq(pike_route(q, PIKE_RECV), PIKE_ROUTE_NATIVE);
	use_works(q);
	for (int i = 0; i < 3; i++)
		use_groups(q);
	pike_queue_close(q);
}
END_TEST

/* The lack of descriptors would meet every backend: it is no reason to take
 * another one. */
START_TEST(too_many_open_files_is_an_error)
{
	struct pike_queue *q = NULL;
	int refused = 0, next = dup(0);
	struct rlimit limit;

	ck_assert_int_ge(next, 0);
	close(next);
	for (rlim_t more = 0; !q; more++) {
		int error;

		ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
		limit.rlim_cur = (rlim_t)next + more;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		error = open_named("uring");
		ck_assert_int_eq(pike_queue_open(&q, NULL), error);
		if (!error)
			break;
		ck_assert_int_eq(error, -PIKE_EMFILE);
		refused++;
	}
	ck_assert_int_ge(refused, 2);
	ck_assert_str_eq(pike_backend_name(q), "uring");
	pike_queue_close(q);
	ck_assert_int_eq(dup(0), next);
}
END_TEST

/* Older kernels count a ring as locked memory, newer ones do not. */
START_TEST(no_memory_may_be_locked)
{
	static const struct rlimit none;
	struct pike_queue *q;
	char text[512];

	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	if (!geteuid())
		ck_assert_int_eq(setuid(65534), 0);
	ck_assert_int_eq(pike_queue_open(&q, NULL), 0);
	ck_assert_int_gt(pike_backend_report(q, text, sizeof text), 0);
	if (!strcmp(pike_backend_name(q), "uring"))
		ck_assert_str_eq(text, "uring: runs\n");
	else
		ck_assert_str_eq(text,
		    "uring: io_uring_setup: out of memory\nepoll: runs\n");
	use_works(q);
	use_groups(q);
	pike_queue_close(q);
}
END_TEST

/* ---- a filter that comes later ---- */

enum {
	QUEUES = 40
};

/* All that the kernel has of a queue when it is forbidden. */
static struct {
	struct pike_queue *q;
	int adopted, peer;
	struct pike_addr at;
	char in[16];
} late[QUEUES];

static void late_begin(int i, uint32_t features_off)
{
	struct pike_params params = {
	    .backend = "uring", .features_off = features_off};
	struct pike_op op = {.opcode = PIKE_ACCEPT, .flags = PIKE_MULTISHOT};
	struct pike_completion c;
	int pair[2];

	ck_assert_int_eq(pike_queue_open(&late[i].q, &params), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	late[i].adopted = pair[0];
	late[i].peer = pair[1];
	ck_assert_int_eq(pike_addr_parse(&late[i].at, "127.0.0.1:0"), 0);
	op.handle = use_listener(late[i].q, &late[i].at);
	use_submit(late[i].q, op);
	op = (struct pike_op){.opcode = PIKE_RECV,
	    .flags = i % 2 ? PIKE_ALL : 0,
	    .buf = late[i].in,
	    .len = sizeof late[i].in};
	op.handle = pike_adopt(late[i].q, pair[0], 0);
	use_submit(late[i].q, op);
	op = (struct pike_op){.opcode = PIKE_POLL,
	    .op_flags = PIKE_POLL_PRI,
	    .handle = op.handle};
	use_submit(late[i].q, op);
	ck_assert_int_eq(pike_reap(late[i].q, &c, 1, 0), 0);
}

static const char bytes[] = "a few bytes";
static int (*real_exit)(struct io_uring *ring);
static int late_peer;

/* They come before the ring has gone: it has let go of everything by then. */
static int write_and_exit(struct io_uring *ring)
{
	ck_assert_int_eq(write(late_peer, bytes, sizeof bytes), sizeof bytes);
	return real_exit(ring);
}

static void late_end(int i)
{
	char in[sizeof bytes] = "";
	struct pike_completion c;

	late_peer = late[i].peer;

	/* Some learn of it by a reap, some only when they are closed. */
	if (i % 4 < 2)
		ck_assert_int_eq(pike_reap(late[i].q, &c, 1, -1), -PIKE_EPERM);
	pike_queue_close(late[i].q);
	/* Nobody receives any more, and nobody listens. */
	ck_assert_int_eq(
	    recv(late[i].adopted, in, sizeof in, MSG_DONTWAIT), sizeof bytes);
	ck_assert_str_eq(in, bytes);
	for (size_t k = 0; k < sizeof late[i].in; k++)
		ck_assert_int_eq(late[i].in[k], 0);
	ck_assert_int_lt(use_call(&late[i].at), 0);
}

/* Where its work is not deferred the kernel goes on with it unasked. */
START_TEST(an_enter_that_is_forbidden_later_ends_all)
{
	for (int i = 0; i < QUEUES; i++)
		late_begin(i, i % 8 < 4 ? PIKE_FEATURE_SINGLE_ISSUER : 0);
	real_exit = pike__sys.uring_exit;
	pike__sys.uring_exit = write_and_exit;
	refuse(CALL_ENTER, ANY, EPERM);
	for (int i = 0; i < QUEUES; i++)
		late_end(i);
}
END_TEST

START_TEST(a_ring_that_is_forbidden_later_can_be_closed)
{
	for (int i = 0; i < QUEUES; i++)
		late_begin(i, 0);
	real_exit = pike__sys.uring_exit;
	pike__sys.uring_exit = write_and_exit;
	refuse(CALL_REGISTER, ANY, EPERM);
	refuse(CALL_ENTER, ANY, EPERM);
	for (int i = 0; i < QUEUES; i++)
		late_end(i);
}
END_TEST

/* Its work is not deferred, so that the kernel does it at any call. */
START_TEST(a_ring_that_nothing_stops_is_over_when_it_is_closed)
{
	for (int i = 0; i < QUEUES; i++)
		late_begin(i, PIKE_FEATURE_SINGLE_ISSUER);
	refuse(CALL_REGISTER, ANY, EPERM);
	refuse(CALL_ENTER, ANY, EPERM);
	for (int i = 0; i < QUEUES; i++) {
		char in[sizeof bytes] = "";

		pike_queue_close(late[i].q);
		ck_assert_int_eq(
		    write(late[i].peer, bytes, sizeof bytes), sizeof bytes);
		ck_assert_int_lt(use_call(&late[i].at), 0);
		ck_assert_int_eq(
		    recv(late[i].adopted, in, sizeof in, MSG_DONTWAIT),
		    sizeof bytes);
		for (size_t k = 0; k < sizeof late[i].in; k++)
			ck_assert_int_eq(late[i].in[k], 0);
	}
}
END_TEST

static const char *buffers; /* where the kernel reads of them */
static bool buffers_freed;
static int exits;

static void *watched_realloc(void *old, size_t size)
{
	if (size)
		return realloc(old, size);
	if ((const char *)old <= buffers && buffers - (const char *)old < 8192)
		buffers_freed = true;
	free(old);
	return NULL;
}

static int (*real_buf_ring)(
    struct io_uring *ring, struct io_uring_buf_reg *reg);

static int watched_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *reg)
{
	buffers = (const char *)(uintptr_t)reg->ring_addr;
	return real_buf_ring(ring, reg);
}

static int watched_exit(struct io_uring *ring)
{
	exits++;
	ck_assert(!buffers_freed);
	return real_exit(ring);
}

START_TEST(a_ring_that_nothing_stops_goes_before_its_buffers)
{
	const struct pike_params params = {
	    .backend = "uring", .features_off = PIKE_FEATURE_SINGLE_ISSUER};
	struct pike_op op = {.opcode = PIKE_RECV, .flags = PIKE_GROUP};
	struct pike_queue *q;
	int64_t group;
	int pair[2];

	real_exit = pike__sys.uring_exit;
	real_buf_ring = pike__sys.uring_buf_ring;
	pike__sys.uring_exit = watched_exit;
	pike__sys.uring_buf_ring = watched_buf_ring;
	pike__realloc_hook = watched_realloc;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	group = pike_group_open(q, 4, 64, NULL);
	ck_assert_ptr_nonnull(buffers);
	op.handle = pike_adopt(q, pair[0], 0);
	op.u.group.id = (uint32_t)group;
	use_submit(q, op);
	ck_assert_int_eq(pike_reap(q, &(struct pike_completion){0}, 1, 0), 0);
	refuse(CALL_REGISTER, ANY, EPERM);
	refuse(CALL_ENTER, ANY, EPERM);
	pike_queue_close(q);
	ck_assert(buffers_freed);
	ck_assert_int_eq(exits, 1);
}
END_TEST

/* ---- a filter that asks somebody, who can be interrupted ---- */

static int (*real_setup)(
    unsigned entries, struct io_uring *ring, struct io_uring_params *p);

static int interrupted_setup(
    unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	static int calls;

	if (calls++ < 3) {
		errno = EINTR;
		return -1;
	}
	return real_setup(entries, ring, p);
}

START_TEST(a_setup_that_was_interrupted_is_made_again)
{
	struct pike_queue *q;

	real_setup = pike__sys.uring_setup;
	pike__sys.uring_setup = interrupted_setup;
	runs(&q);
	use_works(q);
	pike_queue_close(q);
}
END_TEST

UNIT_MAIN("blocked", a_setup_that_is_forbidden,
    a_setup_that_the_kernel_does_not_know, a_setup_to_which_access_is_denied,
    a_setup_that_takes_no_argument, a_setup_without_memory,
    an_enter_that_is_forbidden, an_enter_that_the_kernel_does_not_know,
    a_register_that_is_forbidden, a_kernel_that_does_not_say_what_it_knows,
    groups_where_the_kernel_has_no_rings_of_buffers,
    too_many_open_files_is_an_error, no_memory_may_be_locked,
    an_enter_that_is_forbidden_later_ends_all,
    a_ring_that_is_forbidden_later_can_be_closed,
    a_ring_that_nothing_stops_is_over_when_it_is_closed,
    a_ring_that_nothing_stops_goes_before_its_buffers,
    a_setup_that_was_interrupted_is_made_again)
