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

#include "../unit/unit.h"

/* The same number on every machine that Linux runs on but one. */
#define CALL_SETUP    425
#define CALL_ENTER    426
#define CALL_REGISTER 427
#define RING_OF_BUFS  22 /* a register of such a one */
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

/* ---- a queue at work ---- */

static struct pike_completion take(struct pike_queue *q)
{
	struct pike_completion c = {0};

	ck_assert_int_eq(pike_reap(q, &c, 1, -1), 1);
	return c;
}

static int64_t submitted(struct pike_queue *q, struct pike_op op)
{
	pike_id id = pike_submit(q, &op);

	ck_assert_msg(id > 0, "%s", pike_error_name(id));
	return id;
}

static int64_t done(struct pike_queue *q, struct pike_op op)
{
	pike_id id = submitted(q, op);
	struct pike_completion c = take(q);

	ck_assert_int_eq(c.id, id);
	return c.res;
}

/* A connection: h[0] has made it. */
static void connection(struct pike_queue *q, pike_handle h[3])
{
	struct pike_op op = {.opcode = PIKE_LISTEN_TO};
	struct pike_addr at;

	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	op.addr = &at;
	h[2] = done(q, op);
	ck_assert_int_gt(h[2], 0);
	op = (struct pike_op){
	    .opcode = PIKE_GETSOCKNAME, .handle = h[2], .addr = &at};
	ck_assert_int_eq(done(q, op), 0);
	submitted(q, (struct pike_op){.opcode = PIKE_ACCEPT, .handle = h[2]});
	op = (struct pike_op){.opcode = PIKE_CONNECT_TO, .addr = &at};
	submitted(q, op);
	for (int i = 0; i < 2; i++) {
		struct pike_completion c = take(q);

		ck_assert_int_gt(c.res, 0);
		h[i] = c.res;
	}
}

/* Bytes there and back. */
static void works(struct pike_queue *q)
{
	char there[8] = "", hello[] = "hello";
	pike_handle h[3];
	struct pike_op op = {.opcode = PIKE_RECV, .buf = there, .len = 8};

	connection(q, h);
	for (int i = 0; i < 2; i++) {
		memset(there, 0, sizeof there);
		op.handle = h[i];
		pike_id recv = submitted(q, op);

		submitted(q, (struct pike_op){.opcode = PIKE_SEND,
				 .handle = h[!i],
				 .buf = hello,
				 .len = 5});
		for (int n = 0; n < 2; n++) {
			struct pike_completion c = take(q);

			ck_assert_int_eq(c.res, 5);
			if (c.id == recv)
				ck_assert_str_eq(there, hello);
		}
	}
}

/* A long stream through few buffers of a group, by one op. */
static void groups_work(struct pike_queue *q)
{
	enum {
		SIZE = 64,
		LEN = 5000
	};
	static unsigned char out[LEN];
	struct pike_op op = {.opcode = PIKE_RECV};
	int64_t group = pike_group_open(q, 3, SIZE, NULL);
	size_t came = 0;
	pike_handle h[3];

	ck_assert_int_gt(group, 0);
	for (int i = 0; i < LEN; i++)
		out[i] = (unsigned char)(i * 7 + i / 256);
	connection(q, h);
	op.flags = PIKE_GROUP | PIKE_MULTISHOT;
	op.handle = h[0];
	op.u.group.id = (uint32_t)group;
	pike_id recv = submitted(q, op);

	submitted(q, (struct pike_op){.opcode = PIKE_SEND,
			 .flags = PIKE_ALL,
			 .handle = h[1],
			 .buf = out,
			 .len = LEN});
	while (came < LEN) {
		struct pike_completion c = take(q);
		const unsigned char *bytes;

		if (c.id != recv) {
			ck_assert_int_eq(c.res, LEN);
			continue;
		}
		ck_assert_uint_eq(c.flags, PIKE_MORE | PIKE_BUFFER);
		ck_assert_int_le(c.res, SIZE);
		bytes = pike_group_buffer(q, (uint32_t)group, c.buffer);
		UNIT_CHECK(!memcmp(bytes, out + came, (size_t)c.res));
		came += (size_t)c.res;
		ck_assert_int_eq(
		    pike_group_return(q, (uint32_t)group, c.buffer), 0);
	}
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
	works(q);
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
	runs_without("io_uring_setup: invalid argument");
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

/* Nothing is known of such a kernel: all goes by readiness. */
START_TEST(a_register_that_is_forbidden)
{
	struct pike_queue *q;

	refuse(CALL_REGISTER, ANY, EPERM);
	runs(&q);
	ck_assert_int_eq(pike_route(q, PIKE_RECV), PIKE_ROUTE_EMULATED);
	works(q);
	groups_work(q);
	pike_queue_close(q);
}
END_TEST

START_TEST(groups_where_the_kernel_has_no_rings_of_buffers)
{
	struct pike_queue *q;

	refuse(CALL_REGISTER, RING_OF_BUFS, EINVAL);
	runs(&q);
	ck_assert_int_eq(pike_route(q, PIKE_RECV), PIKE_ROUTE_NATIVE);
	works(q);
	for (int i = 0; i < 3; i++)
		groups_work(q);
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
	works(q);
	groups_work(q);
	pike_queue_close(q);
}
END_TEST

UNIT_MAIN("blocked", a_setup_that_is_forbidden,
    a_setup_that_the_kernel_does_not_know, a_setup_to_which_access_is_denied,
    a_setup_that_takes_no_argument, a_setup_without_memory,
    an_enter_that_is_forbidden, an_enter_that_the_kernel_does_not_know,
    a_register_that_is_forbidden,
    groups_where_the_kernel_has_no_rings_of_buffers,
    too_many_open_files_is_an_error, no_memory_may_be_locked)
