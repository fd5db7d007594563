/* SPDX-License-Identifier: MIT */
/*
 * The rules that hold for every op of every test on every backend. Each is a
 * sentence of pike.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "book.h"

#define BUCKETS    1024
#define LENGTH_MAX 0x7ffff000

const char *book_file = "";
int book_line;

void book_at(const char *file, int line)
{
	book_file = file;
	book_line = line;
}

void book_fail(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ck_abort_msg("after %s:%d: %s", book_file, book_line, text);
	abort();
}

/* ------------------------------------------------------------- the book -- */

void book_open(struct rig *rig)
{
	rig->buckets = malloc(sizeof(*rig->buckets) * BUCKETS);
	for (int i = 0; i < BUCKETS; i++)
		rig->buckets[i] = -1;
	rig->ops = NULL;
	rig->ops_room = 0;
	rig->ops_free = -1;
	rig->in_flight = 0;
	rig->arrived = 0;
}

void book_free(struct rig *rig)
{
	free(rig->buckets);
	free(rig->ops);
	free(rig->arrivals);
	rig->buckets = NULL;
	rig->ops = NULL;
	rig->arrivals = NULL;
	rig->arrived_room = 0;
	rig->arrived = 0;
	rig->in_flight = 0;
}

/* Generations sit in the upper half of an id, slots in the lower. */
static int *book_bucket(struct rig *rig, pike_id id)
{
	uint64_t x = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);

	return &rig->buckets[x >> 54];
}

struct rig_op *book_find(struct rig *rig, pike_id id)
{
	for (int i = *book_bucket(rig, id); i >= 0; i = rig->ops[i].next) {
		if (rig->ops[i].id == id)
			return &rig->ops[i];
	}
	return NULL;
}

static bool book_is_vector(int opcode)
{
	return opcode == PIKE_READV || opcode == PIKE_WRITEV;
}

static bool book_is_msg(int opcode)
{
	return opcode == PIKE_RECVMSG || opcode == PIKE_SENDMSG;
}

static uint64_t book_length(const struct pike_op *op)
{
	const struct pike_iovec *iov = op->buf;
	size_t count = op->len;
	uint64_t sum = 0;

	if (book_is_msg(op->opcode)) {
		const struct pike_msg *msg = op->buf;
		iov = msg->iov;
		count = msg->iov_count;
	} else if (!book_is_vector(op->opcode)) {
		return (op->flags & PIKE_GROUP) && !op->len ? UINT64_MAX
							    : op->len;
	}
	for (size_t i = 0; i < count; i++)
		sum += iov[i].len;
	return sum;
}

void book_enter(struct rig *rig, const struct pike_op *op, pike_id id)
{
	if (book_find(rig, id))
		book_fail("id %lld is of an op in flight", (long long)id);
	if (rig->ops_free < 0) {
		int room = rig->ops_room ? rig->ops_room * 2 : 64;
		rig->ops = realloc(rig->ops, sizeof(*rig->ops) * (size_t)room);
		for (int i = rig->ops_room; i < room; i++) {
			rig->ops[i].next = rig->ops_free;
			rig->ops_free = i;
		}
		rig->ops_room = room;
	}
	int *bucket = book_bucket(rig, id);
	int at = rig->ops_free;
	struct rig_op *e = &rig->ops[at];
	rig->ops_free = e->next;
	*e = (struct rig_op){
	    .id = id,
	    .user_data = op->user_data,
	    .handle = op->handle,
	    .target = op->opcode == PIKE_CANCEL ? op->u.cancel.id : 0,
	    .length = book_length(op),
	    .opcode = op->opcode,
	    .flags = op->flags,
	    .op_flags = op->op_flags,
	    .deadline = op->timeout_ns > 0,
	    .next = *bucket,
	};
	*bucket = at;
	rig->in_flight++;
}

static void book_strike(struct rig *rig, pike_id id)
{
	int *link = book_bucket(rig, id);

	while (rig->ops[*link].id != id)
		link = &rig->ops[*link].next;
	int at = *link;
	*link = rig->ops[at].next;
	rig->ops[at].next = rig->ops_free;
	rig->ops_free = at;
	rig->in_flight--;
}

/* ------------------------------------------------------------ the rules -- */

/* What an opcode's success may look like. */
enum rule {
	RULE_ZERO = 1,   /* res 0 */
	RULE_HANDLE = 2, /* res a handle */
	RULE_READS = 4,  /* res bytes that came */
	RULE_WRITES = 8, /* res bytes that went */
	RULE_COUNT = 16  /* res something else */
};

static const uint8_t rule_of[PIKE_OPCODES] = {
    [PIKE_NOP] = RULE_ZERO,
    [PIKE_SOCKET] = RULE_HANDLE,
    [PIKE_BIND] = RULE_ZERO,
    [PIKE_LISTEN] = RULE_ZERO,
    [PIKE_CONNECT] = RULE_ZERO,
    [PIKE_ACCEPT] = RULE_HANDLE,
    [PIKE_SHUTDOWN] = RULE_ZERO,
    [PIKE_CLOSE] = RULE_ZERO,
    [PIKE_SETSOCKOPT] = RULE_ZERO,
    [PIKE_GETSOCKOPT] = RULE_COUNT,
    [PIKE_GETSOCKNAME] = RULE_ZERO,
    [PIKE_GETPEERNAME] = RULE_ZERO,
    [PIKE_LISTEN_TO] = RULE_HANDLE,
    [PIKE_CONNECT_TO] = RULE_HANDLE,
    [PIKE_READ] = RULE_READS,
    [PIKE_WRITE] = RULE_WRITES,
    [PIKE_READV] = RULE_READS,
    [PIKE_WRITEV] = RULE_WRITES,
    [PIKE_RECV] = RULE_READS,
    [PIKE_SEND] = RULE_WRITES,
    [PIKE_RECVFROM] = RULE_READS,
    [PIKE_SENDTO] = RULE_WRITES,
    [PIKE_RECVMSG] = RULE_READS,
    [PIKE_SENDMSG] = RULE_WRITES,
    [PIKE_POLL] = RULE_COUNT,
    [PIKE_TIMER] = RULE_COUNT,
    [PIKE_SIGNAL] = RULE_COUNT,
    [PIKE_CANCEL] = RULE_COUNT,
};

static void rule_fail(
    const struct rig_op *op, const struct pike_completion *c, const char *rule)
{
	book_fail("%s: res %lld (%s) err %d (%s) os %d flags 0x%x: %s",
	    op ? pike_opcode_name(op->opcode) : "?", (long long)c->res,
	    c->res < 0 ? pike_error_name(c->res) : "", (int)c->err,
	    pike_error_name(c->err), (int)c->os_error, c->flags, rule);
}

#define RULE(holds, text)                                                      \
	do {                                                                   \
		if (!(holds))                                                  \
			rule_fail(op, c, text);                                \
	} while (0)

/* res, err and os_error agree, and the code is one that may appear. */
static void rule_error(const struct rig_op *op, const struct pike_completion *c)
{
	unsigned moves = rule_of[op->opcode] & (RULE_READS | RULE_WRITES);

	RULE(c->err >= 0, "err is positive");
	RULE(c->err != PIKE_EAGAIN, "EAGAIN never appears");
	RULE(c->err != PIKE_EINTR, "EINTR never appears");
	RULE(c->err == 0 || pike_error_name(c->err)[0] == 'P',
	    "err is a code of pike's");
	RULE(c->res >= 0 || c->err == -c->res, "res < 0 is -err");
	RULE(c->res != 0 || c->err == 0, "err comes with bytes or as res");
	RULE(c->res <= 0 || c->err == 0 || moves,
	    "only what moved bytes has a result and an error");
	RULE(c->err != 0 || c->os_error == 0, "os_error is that of err");
	RULE(c->err != PIKE_ETIME || op->deadline,
	    "only a deadline ends with ETIME");
}

static void rule_flags(const struct rig_op *op, const struct pike_completion *c)
{
	unsigned reads = rule_of[op->opcode] & RULE_READS;
	unsigned known = PIKE_MORE | PIKE_TRUNCATED | PIKE_CONTROL_TRUNCATED |
			 PIKE_EOF | (op->flags & PIKE_GROUP ? PIKE_BUFFER : 0);

	RULE(!(c->flags & ~known), "flags that are none");
	RULE(c->buffer == 0 || (c->flags & PIKE_BUFFER), "buffer is 0");
	RULE(!(op->flags & PIKE_GROUP) || c->res <= 0 ||
		 (c->flags & PIKE_BUFFER),
	    "bytes from a group are in one of its buffers");
	RULE(!(c->flags & PIKE_BUFFER) || (c->res >= 0 && !c->err),
	    "an error has no buffer");
	RULE(!(c->flags & PIKE_BUFFER) || !(c->flags & PIKE_EOF),
	    "an end has no buffer");
	RULE(!(c->flags & PIKE_BUFFER) || c->res > 0 ||
		 op->opcode == PIKE_RECVFROM,
	    "nothing has no buffer, but for who sent it");
	RULE((c->flags & (PIKE_MORE | PIKE_EOF)) || c->err ||
		 (op->flags & (PIKE_GROUP | PIKE_MULTISHOT)) !=
		     (PIKE_GROUP | PIKE_MULTISHOT),
	    "a multishot recv ends by the end, or an error");
	RULE(!(c->flags & PIKE_MORE) || (op->flags & PIKE_MULTISHOT),
	    "only a multishot op has more");
	RULE(!(c->flags & PIKE_MORE) || c->err == 0, "an error is the last");
	bool part = (op->flags & PIKE_ALL) && c->res > 0 &&
		    (uint64_t)c->res < op->length;
	RULE(!(c->flags & PIKE_EOF) || (reads && (c->res == 0 || part)),
	    "the end is res 0 of a read, or cuts one with PIKE_ALL");
	RULE(!(c->flags & PIKE_EOF) || c->err == 0, "the end is no error");
	RULE(!(c->flags & PIKE_TRUNCATED) || (reads && c->res >= 0),
	    "only what is received can be cut");
	RULE(!(c->flags & PIKE_CONTROL_TRUNCATED) || op->opcode == PIKE_RECVMSG,
	    "only RECVMSG says that control data was lost");
}

static void rule_result(
    const struct rig_op *op, const struct pike_completion *c)
{
	unsigned rule = rule_of[op->opcode];
	unsigned events = op->op_flags | PIKE_POLL_ERR | PIKE_POLL_HUP;

	if (c->res < 0)
		return;
	RULE(rule != RULE_ZERO || c->res == 0, "res is 0");
	RULE(rule != RULE_HANDLE || c->res > 0, "res is a handle");
	if (rule & (RULE_READS | RULE_WRITES)) {
		RULE((uint64_t)c->res <= op->length, "no more than len");
		RULE(c->res <= LENGTH_MAX, "no more than 0x7ffff000");
	}
	if (rule == RULE_WRITES && (op->flags & PIKE_ALL) && c->err == 0)
		RULE((uint64_t)c->res == op->length || c->res == LENGTH_MAX,
		    "PIKE_ALL finishes whole");
	if (op->opcode == PIKE_POLL)
		RULE(c->res > 0 && !(c->res & ~(int64_t)events),
		    "events that were asked for");
	if (op->opcode == PIKE_TIMER)
		RULE(c->res == 1 || (c->res > 1 && op->flags & PIKE_MULTISHOT),
		    "how many times it was due");
}

/* What must be over by the time that an op is. */
static void rule_order(
    struct rig *rig, const struct rig_op *op, const struct pike_completion *c)
{
	if (op->opcode == PIKE_CANCEL && c->res == 0 && op->target)
		RULE(!book_find(rig, op->target),
		    "a cancel completes after its target");
	if (op->opcode != PIKE_CLOSE)
		return;
	for (int b = 0; b < BUCKETS; b++) {
		int i = rig->buckets[b];
		for (; i >= 0; i = rig->ops[i].next)
			RULE(&rig->ops[i] == op ||
				 rig->ops[i].handle != op->handle ||
				 rig->ops[i].opcode == PIKE_CANCEL,
			    "close is the last of its handle");
	}
}

static void rule_posted(const struct pike_completion *c)
{
	const struct rig_op *op = NULL;

	RULE(c->flags == PIKE_POSTED, "a posted event has no other flag");
	RULE(c->res >= 0 || c->res < -PIKE_EUNKNOWN || c->err == -c->res,
	    "the error of a posted event is its res");
	RULE((c->res < 0 && c->res >= -PIKE_EUNKNOWN) || c->err == 0,
	    "a posted value is no error");
	RULE(c->os_error == 0 && c->buffer == 0,
	    "a posted event comes from no system");
}

void book_arrive(struct rig *rig, const struct pike_completion *c)
{
	struct rig_op *op = c->id > 0 ? book_find(rig, c->id) : NULL;

	if (c->id == 0) {
		rule_posted(c);
	} else {
		RULE(op, "of no op in flight: never accepted, or final before");
		RULE(c->user_data == op->user_data, "user_data comes back");
		rule_error(op, c);
		rule_flags(op, c);
		rule_result(op, c);
		if (!(c->flags & PIKE_MORE)) {
			rule_order(rig, op, c);
			if (op->opcode == PIKE_CLOSE && c->res == 0)
				book_closed(rig, op->handle);
			book_strike(rig, c->id);
		}
	}
	if (rig->arrived == rig->arrived_room) {
		rig->arrived_room = rig->arrived_room * 2 + 64;
		rig->arrivals = realloc(rig->arrivals,
		    sizeof(*rig->arrivals) * (size_t)rig->arrived_room);
	}
	rig->arrivals[rig->arrived++].done = *c;
}
