/* SPDX-License-Identifier: MIT */
/*
 * Kernels that lack one kind of request: those that say so are never given one,
 * and those that do not are given it in vain. Everything works all the same,
 * and pike_route says how.
 */
#include "config.h"

#include <netinet/in.h>

#include "backend/uring.h"
#include "use.h"

static struct pike__sys real;

/* ---- the kernel, as each test has it ---- */

/* All that is given for the sake of ops. */
static const uint8_t kinds[] = {IORING_OP_POLL_ADD, IORING_OP_ACCEPT,
    IORING_OP_CONNECT, IORING_OP_RECV, IORING_OP_SEND, IORING_OP_RECVMSG,
    IORING_OP_SENDMSG, IORING_OP_SEND_ZC, IORING_OP_SENDMSG_ZC};

#define NO_KIND   255
#define NO_OPCODE 200 /* the kernel knows no such request */

static struct io_uring *ring;
static unsigned looked; /* up to here */
static unsigned given[256];
static uint8_t lacking = NO_KIND, lied_of = NO_KIND;

/* The poller has its own polls, which every kernel must know. */
static bool poller_owns(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_POLL_ADD &&
	       (sqe->user_data <= PIKE__OWN_ALARM ||
		   (sqe->user_data & PIKE__URING_EDGE));
}

/* Who has rings of buffers knows receives into them; which of many it knows is
 * not a matter of the opcode. */
static bool may_be_unknown(const struct io_uring_sqe *sqe)
{
	return !(sqe->flags & IOSQE_BUFFER_SELECT);
}

static void look(struct io_uring_sq *sq)
{
	for (; looked != *sq->ktail; looked++) {
		struct io_uring_sqe *sqe = &sq->sqes[looked & sq->ring_mask];

		if (poller_owns(sqe))
			continue;
		given[sqe->opcode]++;
		UNIT_CHECK(sqe->opcode != lacking);
		if (sqe->opcode == lied_of && may_be_unknown(sqe))
			sqe->opcode = NO_OPCODE;
	}
}

static int fake_setup(
    unsigned entries, struct io_uring *r, struct io_uring_params *p)
{
	ring = r;
	looked = 0;
	return real.uring_setup(entries, r, p);
}

static int fake_probe(
    struct io_uring *r, struct io_uring_probe *probe, unsigned n)
{
	if (real.uring_probe(r, probe, n))
		return -1;
	if (lacking <= probe->last_op)
		probe->ops[lacking].flags &= (uint16_t)~IO_URING_OP_SUPPORTED;
	return 0;
}

static int fake_enter(
    int fd, unsigned n, unsigned least, unsigned flags, void *arg, size_t size)
{
	look(&ring->sq);
	return real.uring_enter(fd, n, least, flags, arg, size);
}

static struct pike_queue *opened(void)
{
	struct pike_params params = {.backend = "uring"};
	struct pike_queue *q;

	pike__sys.uring_setup = fake_setup;
	pike__sys.uring_probe = fake_probe;
	pike__sys.uring_enter = fake_enter;
	ck_assert_int_eq(pike_queue_open(&q, &params), 0);
	return q;
}

static bool kernel_has(uint8_t kind)
{
	struct io_uring_probe *probe = io_uring_get_probe();
	bool has = probe && io_uring_opcode_supported(probe, kind);

	io_uring_free_probe(probe);
	return has;
}

/* ---- a use of everything ---- */

/* An op that has to wait, and the one that ends it: what both come to. */
static void both(struct pike_queue *q, struct pike_op waits, int64_t waits_res,
    struct pike_op ends, int64_t ends_res)
{
	pike_id first = use_submit(q, waits);
	struct pike_completion c;

	ck_assert_int_eq(pike_reap(q, &c, 1, 0), 0);
	use_submit(q, ends);
	for (int i = 0; i < 2; i++) {
		c = use_take(q);
		ck_assert_int_eq(c.res, c.id == first ? waits_res : ends_res);
	}
}

static void streams(struct pike_queue *q)
{
	static const struct {
		int sends, recvs;
		uint16_t flags;
	} ways[] = {
	    {PIKE_SEND, PIKE_RECV, 0},
	    {PIKE_SEND, PIKE_RECV, PIKE_ALL},
	    {PIKE_SEND, PIKE_RECV, PIKE_ZERO_COPY},
	    {PIKE_WRITE, PIKE_READ, 0},
	    {PIKE_WRITEV, PIKE_READV, 0},
	    {PIKE_SENDMSG, PIKE_RECVMSG, 0},
	    {PIKE_SENDMSG, PIKE_RECVMSG, PIKE_ZERO_COPY},
	};
	pike_handle h[3];

	use_connection(q, h);
	for (size_t i = 0; i < COUNT(ways); i++) {
		char in[8] = "", out[] = "octets";
		struct pike_iovec to[] = {{in, 3}, {in + 3, 5}};
		struct pike_iovec from[] = {{out, 2}, {out + 2, 5}};
		struct pike_msg into = {.iov = to, .iov_count = 2};
		struct pike_msg of = {.iov = from, .iov_count = 2};
		struct pike_op recv = {.handle = h[i % 2], .buf = in, .len = 8};
		struct pike_op send = {
		    .handle = h[1 - i % 2], .buf = out, .len = 7};

		recv.opcode = (uint16_t)ways[i].recvs;
		send.opcode = (uint16_t)ways[i].sends;
		send.flags = ways[i].flags;
		if (recv.opcode == PIKE_READV) {
			recv.buf = to;
			send.buf = from;
			recv.len = send.len = 2;
		} else if (recv.opcode == PIKE_RECVMSG) {
			recv.buf = &into;
			send.buf = &of;
			recv.len = send.len = 1;
		}
		both(q, recv, 7, send, 7);
		ck_assert_str_eq(in, "octets");
	}
	for (int i = 0; i < 2; i++) {
		char byte;
		struct pike_op op = {.opcode = PIKE_POLL,
		    .op_flags = PIKE_POLL_IN,
		    .handle = h[i]};

		both(q, op, PIKE_POLL_IN,
		    (struct pike_op){.opcode = PIKE_SEND,
			.handle = h[!i],
			.buf = "x",
			.len = 1},
		    1);
		op = (struct pike_op){.opcode = PIKE_RECV,
		    .handle = h[i],
		    .buf = &byte,
		    .len = 1};
		ck_assert_int_eq(use_do(q, op), 1);
	}
}

/* Another's socket connects by CONNECT, and two are accepted by one op. */
static void connections(struct pike_queue *q)
{
	struct pike_op op = {.opcode = PIKE_ACCEPT, .flags = PIKE_MULTISHOT};
	struct pike_addr at;
	pike_id accept;

	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	op.handle = use_listener(q, &at);
	accept = use_submit(q, op);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		op = (struct pike_op){.opcode = PIKE_CONNECT, .addr = &at};
		op.handle = pike_adopt(q, fd, 0);
		ck_assert_int_gt(op.handle, 0);
		use_submit(q, op);
		for (int n = 0; n < 2; n++) {
			struct pike_completion c = use_take(q);

			if (c.id == accept)
				ck_assert_int_gt(c.res, 0);
			else
				ck_assert_int_eq(c.res, 0);
		}
	}
	pike_cancel(q, accept);
	ck_assert_int_eq(use_take(q).res, -PIKE_ECANCELED);
}

/* With addresses; the last one comes into a buffer of a group. */
static void datagrams(struct pike_queue *q)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof in;
	int64_t group = pike_group_open(q, 4, 512, NULL);
	struct pike_addr to, from = {0};
	struct pike_op recv = {0}, send = {0};
	char byte = 0;
	pike_handle h[2];
	int fd[2];

	ck_assert_int_gt(group, 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 2; i++) {
		fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		in.sin_port = 0;
		ck_assert_int_eq(bind(fd[i], (struct sockaddr *)&in, len), 0);
		h[i] = pike_adopt(q, fd[i], 0);
	}
	ck_assert_int_eq(getsockname(fd[1], (struct sockaddr *)&in, &len), 0);
	ck_assert_int_eq(pike_addr_parse(&to, "127.0.0.1:0"), 0);
	to.port = ntohs(in.sin_port);
	send = (struct pike_op){.opcode = PIKE_SENDTO,
	    .handle = h[0],
	    .addr = &to,
	    .buf = "y",
	    .len = 1};
	for (int i = 0; i < 2; i++) {
		recv = (struct pike_op){.opcode = PIKE_RECVFROM,
		    .handle = h[1],
		    .addr = &from,
		    .buf = &byte,
		    .len = 1};
		both(q, recv, 1, send, 1);
		ck_assert_int_eq(byte, 'y');
		ck_assert_int_eq(from.family, PIKE_AF_INET);
	}
	recv = (struct pike_op){.opcode = PIKE_RECVFROM, .handle = h[1]};
	recv.flags = PIKE_GROUP | PIKE_MULTISHOT;
	recv.u.group.id = (uint32_t)group;
	both(q, recv, 1, send, 1);
}

static void use_everything(struct pike_queue *q)
{
	use_works(q);
	streams(q);
	connections(q);
	datagrams(q);
	use_groups(q);
}

/* ---- tests ---- */

/* Else none of the others would say anything. */
START_TEST(a_kernel_that_has_all_is_given_all)
{
	struct pike_queue *q;

	real = pike__sys;
	q = opened();
	use_everything(q);
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kernel_has(kinds[i]))
			ck_assert_msg(
			    given[kinds[i]] > 0, "no request %d", kinds[i]);
	pike_queue_close(q);
}
END_TEST

static const struct {
	int op;
	uint8_t kind;
} routes[] = {
    {PIKE_ACCEPT, IORING_OP_ACCEPT},
    {PIKE_CONNECT, IORING_OP_CONNECT},
    {PIKE_CONNECT_TO, IORING_OP_CONNECT},
    {PIKE_READ, IORING_OP_RECV},
    {PIKE_WRITE, IORING_OP_SEND},
    {PIKE_READV, IORING_OP_RECVMSG},
    {PIKE_WRITEV, IORING_OP_SENDMSG},
    {PIKE_RECV, IORING_OP_RECV},
    {PIKE_SEND, IORING_OP_SEND},
    {PIKE_RECVFROM, IORING_OP_RECVMSG},
    {PIKE_SENDTO, IORING_OP_SENDMSG},
    {PIKE_RECVMSG, IORING_OP_RECVMSG},
    {PIKE_SENDMSG, IORING_OP_SENDMSG},
    {PIKE_POLL, IORING_OP_POLL_ADD},
    {PIKE_SHUTDOWN, NO_KIND},
    {PIKE_GETSOCKNAME, NO_KIND},
};

/* What no request serves is pike's on every kernel. */
static void routes_are_told(struct pike_queue *q)
{
	for (size_t i = 0; i < COUNT(routes); i++) {
		bool native =
		    routes[i].kind != NO_KIND && routes[i].kind != lacking;

		ck_assert_msg(
		    pike_route(q, routes[i].op) ==
			(native ? PIKE_ROUTE_NATIVE : PIKE_ROUTE_EMULATED),
		    "op %d where request %d is lacking", routes[i].op, lacking);
	}
}

START_TEST(what_the_kernel_lacks_it_is_not_given)
{
	struct pike_queue *q;

	real = pike__sys;
	lacking = kinds[_i];
	q = opened();
	routes_are_told(q);
	use_everything(q);
	/* Those that need no other go on as before. */
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kinds[i] < IORING_OP_SEND_ZC && kinds[i] != lacking &&
		    lacking >= IORING_OP_SEND_ZC)
			ck_assert_uint_gt(given[kinds[i]], 0);
	pike_queue_close(q);
}
END_TEST

START_TEST(what_the_kernel_lies_about_goes_another_way)
{
	struct pike_queue *q;

	real = pike__sys;
	lied_of = kinds[_i];
	q = opened();
	use_everything(q);
	if (kernel_has(lied_of))
		ck_assert_uint_gt(given[lied_of], 0);
	pike_queue_close(q);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probe");
	TCase *tcase = tcase_create("probe");

	tcase_add_test(tcase, a_kernel_that_has_all_is_given_all);
	tcase_add_loop_test(
	    tcase, what_the_kernel_lacks_it_is_not_given, 0, COUNT(kinds));
	tcase_add_loop_test(tcase, what_the_kernel_lies_about_goes_another_way,
	    0, COUNT(kinds));
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
