/* SPDX-License-Identifier: MIT */
/*
 * echo: sends back what it receives, over TCP, UDP and Unix sockets at once,
 * with one queue and one thread.
 *
 * A pike program asks for something to be done (pike_submit) and later learns
 * what came of it (pike_reap). In between, the memory that the op points to
 * is pike's. Here every peer has one op on its way at any time:
 *
 *	a client:    receive -> send all of it -> receive ... -> close
 *	datagrams:   receive from -> send to -> receive from ...
 *	a listener:  one accept that goes on giving clients
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <pike.h>

struct peer;
typedef void step(struct peer *p, const struct pike_completion *c);

/* What user_data points to: somebody we talk with, and what comes next. */
struct peer {
	const char *kind;
	step *next_step;   /* called with the completion of op */
	struct pike_op op; /* what was asked for last */
	struct pike_addr addr;
	struct peer *next, **place; /* in the list of all */
	size_t size;
	char data[];
};

static struct pike_queue *queue;
static struct peer *peers;
static bool stopping;

static void die(const char *what, int64_t code)
{
	fprintf(stderr, "echo: %s: %s\n", what, pike_error_text(code));
	exit(1);
}

static struct peer *peer_new(const char *kind, pike_handle handle, size_t size)
{
	struct peer *p = calloc(1, sizeof *p + size);
	if (!p)
		die(kind, -PIKE_ENOMEM);
	p->kind = kind;
	p->op.handle = handle;
	p->op.user_data = p;
	p->op.addr = &p->addr;
	p->op.buf = p->data;
	p->size = size;
	p->next = peers;
	p->place = &peers;
	if (peers)
		peers->place = &p->next;
	return peers = p;
}

static void peer_free(struct peer *p)
{
	*p->place = p->next;
	if (p->next)
		p->next->place = p->place;
	free(p);
}

/*
 * Submits the next op of a peer. It is copied, so p->op may be changed at
 * once. Beside flags an opcode reads only the fields that pike.h names there:
 * what the others hold does not matter.
 */
static void start(struct peer *p, step *next_step, uint16_t opcode,
    uint16_t flags, size_t len)
{
	p->next_step = next_step;
	p->op.opcode = opcode;
	p->op.flags = flags;
	p->op.len = len;
	pike_id id = pike_submit(queue, &p->op);
	if (id < 0) /* for want of memory; what goes wrong later is in c->res */
		die(p->kind, id);
}

static step client_received, listener_accepted, datagram_received;

static void client_closed(struct peer *p, const struct pike_completion *c)
{
	(void)c;
	peer_free(p); /* a close is the last that is heard of a handle */
}

static void client_sent(struct peer *p, const struct pike_completion *c)
{
	/* With PIKE_ALL everything was sent, or else err says why not. */
	if (c->err)
		start(p, client_closed, PIKE_CLOSE, 0, 0);
	else
		start(p, client_received, PIKE_RECV, 0, p->size);
}

static void client_received(struct peer *p, const struct pike_completion *c)
{
	/* 0 is the end: the client sends no more and has got everything back.
	   An error, such as -PIKE_ECONNRESET, concerns this client alone. */
	if (c->res <= 0)
		start(p, client_closed, PIKE_CLOSE, 0, 0);
	else
		start(p, client_sent, PIKE_SEND, PIKE_ALL, (size_t)c->res);
}

static void listener_rested(struct peer *l, const struct pike_completion *c)
{
	(void)c;
	start(l, listener_accepted, PIKE_ACCEPT, PIKE_MULTISHOT, 0);
}

static void listener_accepted(struct peer *l, const struct pike_completion *c)
{
	if (c->res >= 0) {
		struct peer *p = peer_new("client", c->res, 16384);
		start(p, client_received, PIKE_RECV, 0, p->size);
	}
	if (c->flags & PIKE_MORE)
		return;
	/* This accept is over. If for want of descriptors, those who knock
	   stay in the system's queue: look again when some may have gone. */
	if (c->res < 0 && c->res != -PIKE_EMFILE && c->res != -PIKE_ENFILE)
		die("accept", c->res);
	l->op.u.timer.due_ns = 50 * 1000 * 1000;
	start(l, listener_rested, PIKE_TIMER, 0, 0);
}

static void datagram_sent(struct peer *p, const struct pike_completion *c)
{
	(void)c; /* datagrams may be lost, here as well as on their way */
	start(p, datagram_received, PIKE_RECVFROM, 0, p->size);
}

static void datagram_received(struct peer *p, const struct pike_completion *c)
{
	/* 0 is an empty datagram: there is no end as there is on a stream. */
	if (c->res < 0)
		die("receive a datagram", c->res);
	start(p, datagram_sent, PIKE_SENDTO, 0, (size_t)c->res);
}

static void peer_named(struct peer *p, const struct pike_completion *c)
{
	char text[PIKE_ADDR_TEXT];
	if (c->res < 0)
		die(p->kind, c->res);
	pike_addr_format(&p->addr, text, sizeof text);
	printf("%s %s\n", p->kind, text);
	fflush(stdout);
	if (p->op.u.socket.type == PIKE_SOCK_DGRAM) {
		start(p, datagram_received, PIKE_RECVFROM, 0, p->size);
	} else {
		p->op.addr = NULL; /* we do not ask who it is that comes */
		start(p, listener_accepted, PIKE_ACCEPT, PIKE_MULTISHOT, 0);
	}
}

static void peer_opened(struct peer *p, const struct pike_completion *c)
{
	if (c->res < 0)
		die(p->kind, c->res);
	p->op.handle = c->res;
	/* Port 0 has become a real one: which? */
	start(p, peer_named, PIKE_GETSOCKNAME, 0, 0);
}

static void peer_open(
    const char *kind, const char *address, int32_t type, size_t size)
{
	struct peer *p = peer_new(kind, 0, size);
	int code = pike_addr_parse(&p->addr, address);
	if (code < 0)
		die(address, code);
	p->op.u.socket.type = type;
	start(p, peer_opened, PIKE_LISTEN_TO, 0, 0);
}

static void signal_came(struct peer *p, const struct pike_completion *c)
{
	(void)p, (void)c;
	stopping = true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"tcp", required_argument, NULL, 't'},
	    {"udp", required_argument, NULL, 'u'},
	    {"unix", required_argument, NULL, 'x'},
	    {"backend", required_argument, NULL, 'b'},
	    {NULL, 0, NULL, 0},
	};
	const char *given[128] = {['t'] = "127.0.0.1:0"};
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		given[o] = optarg;
		if (o == '?')
			return 2;
	}

	struct pike_params params = {.backend = given['b']};
	int code = pike_queue_open(&queue, &params);
	if (code < 0)
		die("open a queue", code);
	printf("backend %s\n", pike_backend_name(queue));

	/* From here on these signals come as a completion, and only so. */
	struct peer *p = peer_new("signals", 0, 0);
	p->op.buf = NULL; /* no matter who sent them */
	p->op.u.signal.set =
	    PIKE_SIGNAL_BIT(PIKE_SIGINT) | PIKE_SIGNAL_BIT(PIKE_SIGTERM);
	start(p, signal_came, PIKE_SIGNAL, 0, 0);

	char path[PIKE_ADDR_TEXT];
	snprintf(path, sizeof path, "unix:%s", given['x'] ? given['x'] : "");
	peer_open("tcp", given['t'], PIKE_SOCK_STREAM, 0);
	if (given['u'])
		peer_open("udp", given['u'], PIKE_SOCK_DGRAM, 65536);
	if (given['x'])
		peer_open("unix", path, PIKE_SOCK_STREAM, 0);

	while (!stopping) {
		struct pike_completion done[64];
		int n = pike_reap(queue, done, 64, -1);
		if (n < 0)
			die("reap", n);
		for (int i = 0; i < n; i++) {
			p = done[i].user_data;
			p->next_step(p, &done[i]);
		}
	}

	/* Ends all ops and closes all handles: our memory is ours again. */
	pike_queue_close(queue);
	while (peers)
		peer_free(peers);
	if (given['x'])
		remove(given['x']); /* the name of a socket outlives it */
	return 0;
}
