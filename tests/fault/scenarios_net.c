/* SPDX-License-Identifier: MIT */
/* Scenarios of the network. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "scenarios.h"

unsigned char stream_bytes[STREAM_LEN];

static void stream_make(void)
{
	for (unsigned i = 0; i < STREAM_LEN; i++)
		stream_bytes[i] = (unsigned char)(i * 7 + i / 256);
}

bool stream_arrived(const unsigned char *bytes, size_t len)
{
	return memcmp(bytes, stream_bytes, len) == 0;
}

pike_handle listen_at(
    struct run *run, const char *text, int type, struct pike_addr *at)
{
	struct pike_op op = op_named(PIKE_LISTEN_TO, 0, at);
	int64_t h;

	stream_make();
	ck_assert_int_eq(pike_addr_parse(at, text), 0);
	op.u.socket.type = type;
	h = run_do(run, op);
	if (h > 0 && run_do(run, op_named(PIKE_GETSOCKNAME, h, at)) == 0)
		return h;
	return 0;
}

bool connect_pair(struct run *run, pike_handle listener, struct pike_addr *at,
    pike_handle h[2])
{
	struct run_op *accept = run_submit(run, op_of(PIKE_ACCEPT, listener));

	h[0] = run_do(run, op_named(PIKE_CONNECT_TO, 0, at));
	if (h[0] <= 0 || !run_ended(run, accept))
		return false;
	h[1] = accept->res;
	return h[1] > 0;
}

/* Echoes until the client's end; the client has all of it back. */
static void echo(struct run *run, pike_handle client, pike_handle server)
{
	static unsigned char back[STREAM_LEN], buf[500];
	struct run_op *recv, *send, *all;
	size_t done = 0;

	memset(back, 0, sizeof back);
	all = run_submit(
	    run, op_all(op_bytes(PIKE_RECV, client, back, STREAM_LEN)));
	send = run_submit(
	    run, op_all(op_bytes(PIKE_SEND, client, stream_bytes, STREAM_LEN)));
	while (done < STREAM_LEN) {
		struct run_op *reply;

		recv = run_submit(
		    run, op_bytes(PIKE_RECV, server, buf, sizeof buf));
		WANT(run, run_ended(run, recv) && recv->res > 0);
		done += (size_t)recv->res;
		reply = run_submit(run, op_all(op_bytes(PIKE_SEND, server, buf,
					    (size_t)recv->res)));
		WANT(run, run_ended(run, reply) && reply->res == recv->res);
	}
	WANT(run, run_ended(run, send) && send->res == STREAM_LEN);
	WANT(run, run_ended(run, all) && all->res == STREAM_LEN);
	if (!stream_arrived(back, STREAM_LEN))
		kernel_blame("other bytes came back");
}

/* The life of a server with one client, the usual way. */
void play_tcp_echo(struct run *run)
{
	static struct pike_addr peer;
	static unsigned char byte;
	struct pike_addr at;
	struct run_op *accept, *end;
	pike_handle listener, client, server;
	int32_t on = 1;
	struct pike_op option;

	peer = (struct pike_addr){0};
	listener = listen_at(run, "127.0.0.1:0", 0, &at);
	WANT(run, listener > 0);
	accept =
	    run_submit(run, op_many(op_named(PIKE_ACCEPT, listener, &peer)));
	client = run_do(run, op_named(PIKE_CONNECT_TO, 0, &at));
	WANT(run, client > 0);
	WANT(run, run_shot(run, accept) && accept->res > 0);
	server = accept->res;
	WANT(run, peer.family == PIKE_AF_INET && peer.port != 0);
	option = op_bytes(PIKE_SETSOCKOPT, server, &on, sizeof on);
	option.u.option.level = PIKE_SOL;
	option.u.option.name = PIKE_SO_NODELAY;
	WANT(run, run_do(run, option) == 0);
	option.opcode = PIKE_GETSOCKOPT;
	WANT(run, run_do(run, option) == sizeof on && on == 1);
	echo(run, client, server);
	if (run->gave_up)
		return;
	end = run_submit(run, op_bytes(PIKE_RECV, server, &byte, 1));
	WANT(run,
	    run_do(run, op_how(PIKE_SHUTDOWN, client, PIKE_SHUT_WRITE)) == 0);
	WANT(run, run_ended(run, end) && end->res == 0);
	WANT(run, end->result_flags == PIKE_EOF);
	WANT(run, run_do(run, op_of(PIKE_CLOSE, server)) == 0);
	end = run_submit(run, op_bytes(PIKE_RECV, client, &byte, 1));
	WANT(run, run_ended(run, end) && end->res == 0);
}

/* Whether an error says nothing of what comes next in its direction. */
static bool is_passing(int error)
{
	return error == PIKE_ENOMEM || error == PIKE_EINVAL ||
	       error == PIKE_EFAULT;
}

/* Takes what a recv brought, or what another one brings after an error that is
 * not the end: what was there to be read is there still. */
static int64_t recv_taken(struct run *run, struct run_op *recv, pike_handle h,
    unsigned char *buf, size_t len)
{
	if (run_ended(run, recv) && is_passing(recv->err)) {
		recv = run_submit(run, op_bytes(PIKE_RECV, h, buf, len));
		run_ended(run, recv);
	}
	return recv && recv->done ? recv->res : -1;
}

/* Requests that find the server waiting, as most do. */
void play_ping_pong(struct run *run)
{
	enum {
		ROUNDS = 4,
		LEN = 40
	};
	static unsigned char there[LEN], back[LEN];
	struct pike_addr at;
	pike_handle listener, h[2];

	listener = listen_at(run, "127.0.0.1:0", 0, &at);
	WANT(run, listener > 0 && connect_pair(run, listener, &at, h));
	for (int i = 0; i < ROUNDS; i++) {
		struct pike_op send[2];
		struct run_op *ping, *pong;
		int64_t n;

		ping = run_submit(run, op_bytes(PIKE_RECV, h[1], there, LEN));
		pong = run_submit(run, op_bytes(PIKE_RECV, h[0], back, LEN));
		WANT(run, run_reap(run, 0) == 0);
		send[0] = op_bytes(PIKE_SEND, h[0], stream_bytes, LEN / 2);
		send[1] = op_bytes(PIKE_SEND, h[1], stream_bytes + i, LEN);
		WANT(run, run_do(run, op_all(send[0])) == LEN / 2);
		WANT(run, (n = recv_taken(run, ping, h[1], there, LEN)) > 0);
		WANT(run, stream_arrived(there, (size_t)n));
		for (size_t done = (size_t)n; done < LEN / 2; done += (size_t)n)
			WANT(run, (n = run_do(run, op_bytes(PIKE_RECV, h[1],
						       there, LEN))) > 0);
		WANT(run, run_do(run, op_all(send[1])) == LEN);
		WANT(run, (n = recv_taken(run, pong, h[0], back, LEN)) > 0);
		WANT(run, memcmp(back, stream_bytes + i, (size_t)n) == 0);
		for (size_t done = (size_t)n; done < LEN; done += (size_t)n)
			WANT(run, (n = run_do(run, op_bytes(PIKE_RECV, h[0],
						       back, LEN))) > 0);
	}
}

/* Step by step, with vectors and messages. */
void play_tcp_steps(struct run *run)
{
	static char in[8], text[8] = "abcdefg";
	static struct pike_iovec parts[] = {
	    {text, 3}, {NULL, 0}, {text + 3, 5}};
	static struct pike_iovec rooms[] = {{in, 2}, {in + 2, 6}};
	static struct pike_msg msg;
	struct pike_addr at, peer = {0};
	struct pike_op op = op_of(PIKE_SOCKET, 0);
	struct run_op *accept, *connect, *poll, *got;
	pike_handle listener, client, server;

	msg = (struct pike_msg){.iov = rooms, .iov_count = 2};
	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	op.u.socket.domain = PIKE_AF_INET;
	op.u.socket.type = PIKE_SOCK_STREAM;
	listener = run_do(run, op);
	WANT(run, listener > 0);
	WANT(run, run_do(run, op_named(PIKE_BIND, listener, &at)) == 0);
	WANT(run, run_do(run, op_of(PIKE_LISTEN, listener)) == 0);
	WANT(run, run_do(run, op_named(PIKE_GETSOCKNAME, listener, &at)) == 0);
	poll =
	    run_submit(run, op_many(op_how(PIKE_POLL, listener, PIKE_POLL_IN)));
	client = run_do(run, op);
	WANT(run, client > 0);
	connect = run_submit(run, op_named(PIKE_CONNECT, client, &at));
	WANT(run, run_shot(run, poll) && (poll->res & PIKE_POLL_IN));
	accept = run_submit(run, op_of(PIKE_ACCEPT, listener));
	WANT(run, run_ended(run, accept) && accept->res > 0);
	WANT(run, run_ended(run, connect) && connect->res == 0);
	server = accept->res;
	WANT(run, run_do(run, op_named(PIKE_GETPEERNAME, client, &peer)) == 0);
	WANT(run, peer.port == at.port);
	got = run_submit(run, op_all(op_bytes(PIKE_READV, server, rooms, 2)));
	WANT(run,
	    run_do(run, op_all(op_bytes(PIKE_WRITEV, client, parts, 3))) == 8);
	WANT(run, run_ended(run, got) && got->res == 8);
	WANT(run, memcmp(in, text, 8) == 0);
	memset(in, 0, sizeof in);
	got = run_submit(run, op_bytes(PIKE_RECVMSG, client, &msg, 1));
	WANT(run,
	    run_do(run, op_all(op_bytes(PIKE_WRITE, server, text, 8))) == 8);
	WANT(run, run_ended(run, got) && got->res > 0);
	WANT(run, memcmp(in, text, (size_t)got->res) == 0);
}

/* Nobody listens on what is bound; a second connect after a refused one. */
void play_tcp_refused(struct run *run)
{
	static char byte;
	struct pike_op op = op_of(PIKE_SOCKET, 0);
	struct run_op *early;
	struct pike_addr at;
	pike_handle h;

	op.u.socket.domain = PIKE_AF_INET;
	op.u.socket.type = PIKE_SOCK_STREAM;
	h = run_do(run, op);
	WANT(run, h > 0);
	ck_assert_int_eq(pike_addr_parse(&at, "127.0.0.1:0"), 0);
	WANT(run, run_do(run, op_named(PIKE_BIND, h, &at)) == 0);
	WANT(run, run_do(run, op_named(PIKE_GETSOCKNAME, h, &at)) == 0);
	WANT(run, run_do(run, op_named(PIKE_CONNECT_TO, 0, &at)) ==
		      -PIKE_ECONNREFUSED);
	h = run_do(run, op);
	WANT(run, h > 0);
	early = run_submit(run, op_bytes(PIKE_RECV, h, &byte, 1));
	WANT(run,
	    run_do(run, op_named(PIKE_CONNECT, h, &at)) == -PIKE_ECONNREFUSED);
	WANT(run, run_ended(run, early) && early->res < 0);
	WANT(run, run_do(run, op_named(PIKE_CONNECT, h, &at)) == -PIKE_EINVAL);
	WANT(run, run_do(run, op_bytes(PIKE_SEND, h, "x", 1)) == -PIKE_EPIPE);
	WANT(run, run_do(run, op_bytes(PIKE_RECV, h, &byte, 1)) < 0);
}

/* Each way that an op can be ended from outside, with all kinds pending. */
void play_tcp_ends(struct run *run)
{
	static char lots[1 << 20], buf[8];
	struct run_op *recv, *send, *behind, *poll, *late, *cancel;
	struct pike_op op;
	struct pike_addr at;
	pike_handle listener, h[2];

	listener = listen_at(run, "127.0.0.1:0", 0, &at);
	WANT(run, listener > 0 && connect_pair(run, listener, &at, h));
	run_submit(run, op_of(PIKE_ACCEPT, listener));
	recv = run_submit(run, op_bytes(PIKE_RECV, h[0], buf, 4));
	behind = run_submit(run, op_bytes(PIKE_RECV, h[0], buf + 4, 4));
	poll = run_submit(run, op_how(PIKE_POLL, h[0], PIKE_POLL_PRI));
	op = op_bytes(PIKE_RECV, h[1], buf, 1);
	op.timeout_ns = 5;
	late = run_submit(run, op);
	kernel.now += 10;
	WANT(run, run_ended(run, late) && late->res == -PIKE_ETIME);
	do {
		send = run_submit(
		    run, op_all(op_bytes(PIKE_SEND, h[0], lots, sizeof lots)));
		run_reap(run, 0);
	} while (send && send->done && send->res > 0);
	op = op_of(PIKE_CANCEL, 0);
	op.u.cancel.id = behind ? behind->id : 1;
	WANT(run, run_do(run, op) == 0);
	WANT(run, behind->done && behind->res == -PIKE_ECANCELED);
	WANT(run, recv->done || pike_cancel(run->q, recv->id) == 0);
	WANT(run, run_ended(run, recv));
	cancel = run_submit(run, op_of(PIKE_CANCEL, h[0]));
	WANT(run, run_ended(run, cancel) && cancel->res == 2);
	WANT(run, poll->done && poll->res == -PIKE_ECANCELED);
	WANT(run, send->done && send->err == PIKE_ECANCELED);
	run_submit(run, op_bytes(PIKE_RECV, h[1], lots, 1));
	run_submit(run, op_bytes(PIKE_RECV, h[0], buf, 4));
	WANT(run, run_do(run, op_of(PIKE_CLOSE, h[0])) == 0);
}

void play_udp(struct run *run)
{
	static struct pike_addr from;
	static char buf[4];
	struct pike_addr a_at, b_at;
	struct run_op *got;
	struct pike_op op;
	pike_handle a, b;

	a = listen_at(run, "127.0.0.1:0", PIKE_SOCK_DGRAM, &a_at);
	b = listen_at(run, "127.0.0.1:0", PIKE_SOCK_DGRAM, &b_at);
	WANT(run, a > 0 && b > 0);
	op = op_bytes(PIKE_RECVFROM, b, buf, sizeof buf);
	op.addr = &from;
	got = run_submit(run, op);
	op = op_bytes(PIKE_SENDTO, a, "abcdef", 6);
	op.addr = &b_at;
	WANT(run, run_do(run, op) == 6);
	WANT(run, run_ended(run, got) && got->res == 4);
	WANT(run, got->result_flags == PIKE_TRUNCATED);
	WANT(run, from.port == a_at.port && memcmp(buf, "abcd", 4) == 0);
	WANT(run, run_do(run, op_named(PIKE_CONNECT, b, &a_at)) == 0);
	got = run_submit(run, op_bytes(PIKE_RECV, a, buf, sizeof buf));
	WANT(run, run_do(run, op_bytes(PIKE_SEND, b, "xy", 2)) == 2);
	WANT(run, run_ended(run, got) && got->res == 2);
	got = run_submit(run, op_bytes(PIKE_READ, a, buf, sizeof buf));
	WANT(run, run_do(run, op_bytes(PIKE_WRITE, b, NULL, 0)) == 0);
	WANT(run, run_ended(run, got) && got->res == 0);
	WANT(run, got->result_flags == 0);
}

/* More connections than there is room for results, or than are taken in a row;
 * polls hear of them. */
static void many_connections(struct run *run, int count)
{
	struct run_op *poll;
	struct pike_addr at;
	struct run_op *accept;
	pike_handle listener;

	listener = listen_at(run, "127.0.0.1:0", 0, &at);
	WANT(run, listener > 0);
	poll =
	    run_submit(run, op_many(op_how(PIKE_POLL, listener, PIKE_POLL_IN)));
	for (int i = 0; i < count; i++)
		WANT(run, run_do(run, op_named(PIKE_CONNECT_TO, 0, &at)) > 0);
	WANT(run, run_shot(run, poll) && (poll->res & PIKE_POLL_IN));
	poll =
	    run_submit(run, op_many(op_how(PIKE_POLL, listener, PIKE_POLL_IN)));
	WANT(run, run_shot(run, poll) && (poll->res & PIKE_POLL_IN));
	accept = run_submit(run, op_many(op_of(PIKE_ACCEPT, listener)));
	for (int i = 0; i < count; i++)
		WANT(run, run_shot(run, accept) && accept->res > 0);
	WANT(run, pike_cancel(run->q, accept->id) == 0);
	WANT(run, run_ended(run, accept) && accept->res == -PIKE_ECANCELED);
}

void play_few_connections(struct run *run)
{
	many_connections(run, 5);
}

void play_many_connections(struct run *run)
{
	many_connections(run, 18);
}

/* A connection that needs memory for its handle when it is taken: handles are
 * made by 64. */
void play_crowd(struct run *run)
{
	struct pike_op op = op_of(PIKE_SOCKET, 0);

	op.u.socket.domain = PIKE_AF_INET;
	op.u.socket.type = PIKE_SOCK_DGRAM;
	for (int i = 0; i < 60; i++)
		WANT(run, run_do(run, op) > 0);
	many_connections(run, 3);
}

/* Sockets of the caller's, which would block, and are left as they were. */
void play_adopted_listener(struct run *run)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pike_addr at;
	struct run_op *accept, *connect;
	pike_handle h[2];

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	ck_assert_int_eq(pike_addr_from(&at, &in, len), 0);
	h[0] = run_adopt(run, fd);
	h[1] = run_adopt(run, client);
	WANT(run, h[0] > 0 && h[1] > 0);
	accept = run_submit(run, op_of(PIKE_ACCEPT, h[0]));
	connect = run_submit(run, op_named(PIKE_CONNECT, h[1], &at));
	WANT(run, run_ended(run, connect) && connect->res == 0);
	WANT(run, run_ended(run, accept) && accept->res > 0);
	if (pike_route(run->q, PIKE_ACCEPT) == PIKE_ROUTE_EMULATED)
		WANT(run, fcntl(fd, F_GETFL) & O_NONBLOCK);
	WANT(run, run_release(run, h[0]) && run_release(run, h[1]));
	WANT(run, !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	WANT(run, !(fcntl(client, F_GETFL) & O_NONBLOCK));
}
