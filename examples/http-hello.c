/* SPDX-License-Identifier: MIT */
/*
 * http-hello: answers GET / with "hello", over HTTP/1.1 with kept connections
 * and pipelining. Read echo.c first; new here are deadlines (timeout_ns) and
 * an end that loses nothing (conn_end).
 *
 * A connection receives into in, takes whole lines from there as they come,
 * and appends an answer to out for each request that is complete. So it does
 * not matter how the bytes were cut on their way, and many requests that came
 * at once are answered with one send.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pike.h>

struct conn;
typedef void step(struct conn *c, const struct pike_completion *done);

/* The request that is being read, as far as its lines have come. */
struct request {
	size_t bytes;  /* 0: not even its first line */
	int status;    /* of the answer */
	bool head;     /* the answer goes without its body */
	bool old;      /* HTTP/1.0 */
	bool keep;     /* the client asks to keep the connection, */
	bool close;    /* or we cannot, or need not */
	unsigned host; /* how many fields of that name */
};

struct conn {
	step *next_step;
	struct pike_op op;
	struct conn *next, **place; /* in the list of all */
	struct request request;
	bool ending;
	unsigned drains;
	size_t in_len, out_len;
	char in[8192];
	char out[4096];
};

#define SECOND       INT64_C(1000000000)
#define ANSWER_BYTES 256 /* none is longer */

static struct pike_queue *queue;
static struct conn *conns;
static struct pike_addr address;
static int64_t idle = 30 * SECOND;
static bool stopping;

static void die(const char *what, int64_t code)
{
	fprintf(stderr, "http-hello: %s: %s\n", what, pike_error_text(code));
	exit(1);
}

static struct conn *conn_new(pike_handle handle)
{
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		die("a new connection", -PIKE_ENOMEM);
	c->op.handle = handle;
	c->op.user_data = c;
	c->next = conns;
	c->place = &conns;
	if (conns)
		conns->place = &c->next;
	return conns = c;
}

static void conn_free(struct conn *c)
{
	*c->place = c->next;
	if (c->next)
		c->next->place = c->place;
	free(c);
}

/* Submits the next op; next_step will get its completion. */
static void start(struct conn *c, step *next_step, uint16_t opcode,
    uint16_t flags, int64_t timeout_ns)
{
	c->next_step = next_step;
	c->op.opcode = opcode;
	c->op.flags = flags;
	c->op.timeout_ns = timeout_ns;
	pike_id id = pike_submit(queue, &c->op);
	if (id < 0)
		die("submit", id);
}

/* Whether s is the word, in letters of any size; the word's are small. */
static bool is_word(const char *s, size_t len, const char *word)
{
	size_t i = 0;
	while (i < len && word[i] && tolower((unsigned char)s[i]) == word[i])
		i++;
	return i == len && !word[i];
}

/* A request's first line: METHOD /path HTTP/1.x */
static void request_first(struct request *r, const char *s, size_t len)
{
	const char *end = s + len;
	const char *path = memchr(s, ' ', len);
	const char *after = path ? memchr(path + 1, ' ', end - path - 1) : NULL;
	r->status = 400;
	if (!after || path == s || path + 1 == after || end - after != 9 ||
	    memcmp(after, " HTTP/1.", 8) != 0 ||
	    !isdigit((unsigned char)after[8]))
		return;
	r->old = after[8] == '0';
	r->head = path - s == 4 && memcmp(s, "HEAD", 4) == 0;
	if (!r->head && (path - s != 3 || memcmp(s, "GET", 3) != 0))
		r->status = 405;
	else
		r->status = after - path == 2 && path[1] == '/' ? 200 : 404;
}

/* One of the lines below it: Name: value */
static void request_field(struct request *r, const char *s, size_t len)
{
	const char *end = s + len;
	const char *value = memchr(s, ':', len);
	size_t name = value ? (size_t)(value - s) : 0;
	if (name == 0 || memchr(s, ' ', name) || memchr(s, '\t', name)) {
		r->status = 400;
		return;
	}
	value++;
	if (is_word(s, name, "host"))
		r->host++;
	if (is_word(s, name, "transfer-encoding"))
		r->close = true; /* there is a body, and we do not read it */
	if (is_word(s, name, "content-length"))
		for (; value < end; value++)
			r->close |= *value != ' ' && *value != '0';
	if (!is_word(s, name, "connection"))
		return;
	/* Words between commas */
	while (value < end) {
		size_t n = 0;
		while (value + n < end && !strchr(" \t,", value[n]))
			n++;
		r->close |= is_word(value, n, "close");
		r->keep |= is_word(value, n, "keep-alive");
		value += n + 1;
	}
}

/* Appends the answer, and begins the next request. */
static void conn_answer(struct conn *c, int status)
{
	static const struct {
		int status;
		const char *head, *body;
	} answers[] = {
	    {200, "200 OK\r\nContent-Length: 6\r\n", "hello\n"},
	    {404, "404 Not Found\r\nContent-Length: 10\r\n", "not found\n"},
	    {405,
		"405 Method Not Allowed\r\nAllow: GET, HEAD\r\n"
		"Content-Length: 12\r\n",
		"not allowed\n"},
	    {431,
		"431 Request Header Fields Too Large\r\n"
		"Content-Length: 10\r\n",
		"too large\n"},
	    {400, "400 Bad Request\r\nContent-Length: 12\r\n", "bad request\n"},
	};
	const struct request r = c->request;
	int i = 0;
	while (answers[i].status != status && answers[i].status != 400)
		i++;
	c->ending =
	    status == 400 || status == 431 || r.close || (r.old && !r.keep);
	const char *parts[] = {
	    "HTTP/1.1 ",
	    answers[i].head,
	    "Content-Type: text/plain\r\n",
	    c->ending ? "Connection: close\r\n"
	    : r.old   ? "Connection: keep-alive\r\n"
		      : "",
	    "\r\n",
	    r.head ? "" : answers[i].body,
	};
	for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
		size_t len = strlen(parts[p]);
		memcpy(c->out + c->out_len, parts[p], len);
		c->out_len += len;
	}
	memset(&c->request, 0, sizeof c->request);
}

/* One line has come, without its end. */
static void conn_line(struct conn *c, const char *s, size_t len)
{
	struct request *r = &c->request;
	bool first = r->bytes == 0;
	if (first && len == 0)
		return; /* some clients send a line too many */
	r->bytes += len + 2;
	if (r->bytes > sizeof c->in)
		conn_answer(c, 431);
	else if (first)
		request_first(r, s, len);
	else if (len > 0)
		request_field(r, s, len);
	else
		conn_answer(c, r->old || r->host == 1 ? r->status : 400);
	if (r->status == 400)
		conn_answer(c, 400); /* why wait for the rest? */
}

static step conn_received, conn_sent, conn_ended, conn_closed;

static void conn_close(struct conn *c)
{
	start(c, conn_closed, PIKE_CLOSE, 0, 0);
}

static void conn_receive(struct conn *c)
{
	c->op.buf = c->in + c->in_len;
	c->op.len = sizeof c->in - c->in_len;
	start(c, conn_received, PIKE_RECV, 0, idle);
}

/* Does what can be done with what has come, and asks for what is next. */
static void conn_work(struct conn *c)
{
	char *line = c->in, *end = c->in + c->in_len, *lf;
	while (!c->ending && sizeof c->out - c->out_len >= ANSWER_BYTES &&
	       (lf = memchr(line, '\n', end - line)) != NULL) {
		size_t len = lf - line;
		conn_line(c, line, len > 0 && lf[-1] == '\r' ? len - 1 : len);
		line = lf + 1;
	}
	c->in_len = end - line;
	memmove(c->in, line, c->in_len);
	if (c->in_len == sizeof c->in && !c->out_len)
		conn_answer(c, 431); /* no line is that long */
	if (c->out_len) {
		c->op.buf = c->out;
		c->op.len = c->out_len;
		start(c, conn_sent, PIKE_SEND, PIKE_ALL, idle);
	} else {
		conn_receive(c);
	}
}

static void conn_received(struct conn *c, const struct pike_completion *done)
{
	/* The end, an error, or -PIKE_ETIME: idle for too long. */
	if (done->res <= 0) {
		conn_close(c);
		return;
	}
	c->in_len += (size_t)done->res;
	conn_work(c);
}

/*
 * To close now would reset the connection if the client has sent what we have
 * not read, and a reset may take our last answer away from it. So we say that
 * nothing more will come, and read until the client says the same; but not
 * without end.
 */
static void conn_end(struct conn *c)
{
	c->op.op_flags = PIKE_SHUT_WRITE;
	start(c, conn_ended, PIKE_SHUTDOWN, 0, 0);
}

static void conn_ended(struct conn *c, const struct pike_completion *done)
{
	bool reading = c->op.opcode == PIKE_RECV;
	c->op.op_flags = 0; /* those of a shutdown are no other op's */
	if (done->err || (reading && done->res == 0) || ++c->drains > 64) {
		conn_close(c);
		return;
	}
	c->op.buf = c->in;
	c->op.len = sizeof c->in;
	start(c, conn_ended, PIKE_RECV, 0, 2 * SECOND);
}

static void conn_sent(struct conn *c, const struct pike_completion *done)
{
	c->out_len = 0;
	if (done->err)
		conn_close(c);
	else if (c->ending)
		conn_end(c);
	else
		conn_work(c);
}

static void conn_closed(struct conn *c, const struct pike_completion *done)
{
	(void)done;
	conn_free(c);
}

static step listener_accepted;

static void listener_rested(struct conn *l, const struct pike_completion *done)
{
	(void)done;
	start(l, listener_accepted, PIKE_ACCEPT, PIKE_MULTISHOT, 0);
}

static void listener_accepted(
    struct conn *l, const struct pike_completion *done)
{
	if (done->res >= 0)
		conn_receive(conn_new(done->res));
	if (done->flags & PIKE_MORE)
		return;
	/* As in echo.c: without descriptors, look again a little later. */
	if (done->res < 0 && done->res != -PIKE_EMFILE &&
	    done->res != -PIKE_ENFILE)
		die("accept", done->res);
	l->op.u.timer.due_ns = SECOND / 20;
	start(l, listener_rested, PIKE_TIMER, 0, 0);
}

static void listener_named(struct conn *l, const struct pike_completion *done)
{
	char text[PIKE_ADDR_TEXT];
	if (done->res < 0)
		die("listen", done->res);
	pike_addr_format(&address, text, sizeof text);
	printf("http %s\n", text);
	fflush(stdout);
	l->op.addr = NULL; /* we do not ask who it is that comes */
	start(l, listener_accepted, PIKE_ACCEPT, PIKE_MULTISHOT, 0);
}

static void listener_opened(struct conn *l, const struct pike_completion *done)
{
	if (done->res < 0)
		die("listen", done->res);
	l->op.handle = done->res;
	start(l, listener_named, PIKE_GETSOCKNAME, 0, 0);
}

static void signal_came(struct conn *c, const struct pike_completion *done)
{
	(void)c, (void)done;
	stopping = true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"listen", required_argument, NULL, 'l'},
	    {"idle", required_argument, NULL, 'i'},
	    {"backend", required_argument, NULL, 'b'},
	    {NULL, 0, NULL, 0},
	};
	const char *given[128] = {['l'] = "127.0.0.1:0", ['i'] = "30"};
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		given[o] = optarg;
		if (o == '?')
			return 2;
	}
	long seconds = strtol(given['i'], NULL, 10);
	if (seconds < 0 || seconds > 1000000)
		die(given['i'], -PIKE_EINVAL);
	idle = seconds * SECOND;

	struct pike_params params = {.backend = given['b']};
	int code = pike_queue_open(&queue, &params);
	if (code < 0)
		die("open a queue", code);
	printf("backend %s\n", pike_backend_name(queue));

	struct conn *c = conn_new(0);
	c->op.u.signal.set =
	    PIKE_SIGNAL_BIT(PIKE_SIGINT) | PIKE_SIGNAL_BIT(PIKE_SIGTERM);
	start(c, signal_came, PIKE_SIGNAL, 0, 0);

	code = pike_addr_parse(&address, given['l']);
	if (code < 0)
		die(given['l'], code);
	c = conn_new(0);
	c->op.addr = &address;
	start(c, listener_opened, PIKE_LISTEN_TO, 0, 0);

	while (!stopping) {
		struct pike_completion done[64];
		int n = pike_reap(queue, done, 64, -1);
		if (n < 0)
			die("reap", n);
		for (int i = 0; i < n; i++) {
			c = done[i].user_data;
			c->next_step(c, &done[i]);
		}
	}

	pike_queue_close(queue);
	while (conns)
		conn_free(conns);
	return 0;
}
