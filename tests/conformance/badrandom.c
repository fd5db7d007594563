/* SPDX-License-Identifier: MIT */
/*
 * Requests by chance, all of valid memory, some good and most not: each gets
 * a code or exactly one last completion, and pike goes on.
 */
#include "every.h"
#include "port_proc.h"
#include "random.h"

#define ROUNDS  40
#define OPS     2000
#define HANDLES 16

struct chance {
	struct random random;
	struct every every;
	pike_handle handles[HANDLES];
	pike_id ids[OPS]; /* accepted and not over; 0: free */
	uint16_t opcode[OPS];
	int open;
	int closing;       /* handles that others took the place of */
	char buf[OPS][64]; /* to each op its own */
	struct pike_addr addr[OPS];
	struct pike_iovec iov[OPS][2];
	struct pike_msg msg[OPS];
	struct pike_signal_info info[OPS];
};

static const int64_t chance_times[] = {
    0, 0, 0, 0, 1, 1000, 1000000, 5000000, -1, INT64_MAX, INT64_MIN};

static int64_t chance_time(struct chance *ch)
{
	return chance_times[random_below(&ch->random, ARRAY_LEN(chance_times))];
}

static pike_handle chance_handle(struct chance *ch)
{
	switch (random_below(&ch->random, 12)) {
	case 0:
		return (pike_handle)random_next(&ch->random);
	case 1:
		return 0;
	default:
		return ch->handles[random_below(&ch->random, HANDLES)];
	}
}

/* Addresses of this machine only. */
static struct pike_addr *chance_addr(struct chance *ch, int at)
{
	struct pike_addr *addr = &ch->addr[at];

	switch (random_below(&ch->random, 8)) {
	case 0:
		return NULL;
	case 1:
		*addr = ch->every.addr;
		return addr;
	case 2:
		*addr = (struct pike_addr){.family = PIKE_AF_UNIX, .len = 9};
		memcpy(addr->u.path, "\0chance/x", 9);
		return addr;
	case 3:
		*addr = ch->every.any;
		addr->family = (uint16_t)random_next(&ch->random);
		return addr;
	case 4:
		*addr = ch->every.any;
		addr->len = (uint16_t)random_next(&ch->random);
		addr->scope_id = (uint32_t)random_next(&ch->random);
		return addr;
	default:
		*addr = ch->every.any;
		return addr;
	}
}

static void chance_memory(struct chance *ch, struct pike_op *op, int at)
{
	unsigned len = random_below(&ch->random, 65);

	op->buf = random_below(&ch->random, 16) ? ch->buf[at] : NULL;
	op->len = len;
	for (int i = 0; i < 2; i++)
		ch->iov[at][i] = (struct pike_iovec){
		    ch->buf[at] + i * 16, random_below(&ch->random, 17)};
	switch (op->opcode) {
	case PIKE_READV:
	case PIKE_WRITEV:
		op->buf = ch->iov[at];
		op->len = random_below(&ch->random, 3);
		break;
	case PIKE_RECVMSG:
	case PIKE_SENDMSG:
		ch->msg[at] = (struct pike_msg){.iov = ch->iov[at],
		    .iov_count = random_below(&ch->random, 3),
		    .control = ch->buf[at] + 40,
		    .control_len = random_below(&ch->random, 24),
		    .addr = chance_addr(ch, at)};
		op->buf = &ch->msg[at];
		op->len = random_below(&ch->random, 8) != 0;
		break;
	case PIKE_SIGNAL:
		op->buf = &ch->info[at];
		op->len = sizeof(ch->info[at]);
		break;
	default:
		break;
	}
}

/* Never a step beyond valid memory, nor signals that others need. */
static struct pike_op chance_op(struct chance *ch, int at)
{
	struct random *r = &ch->random;
	struct pike_op op = {0};

	op.opcode = (uint16_t)random_below(r, PIKE_OPCODES + 2);
	if (random_below(r, 50) == 0)
		op.opcode = (uint16_t)random_next(r);
	if (random_below(r, 4) == 0)
		op.flags = (uint16_t)random_below(r, 4);
	if (random_below(r, 50) == 0)
		op.flags = (uint16_t)random_next(r);
	if (random_below(r, 3) == 0)
		op.op_flags = random_below(r, 8);
	if (random_below(r, 30) == 0)
		op.op_flags = (uint32_t)random_next(r);
	op.handle = chance_handle(ch);
	op.timeout_ns = chance_time(ch);
	op.offset = random_below(r, 8) ? 0 : (int64_t)random_next(r);
	if (random_below(r, 3) == 0)
		for (int i = 0; i < 6; i++)
			op.u.words[i] = random_next(r);
	if (random_below(r, 50) == 0)
		op.reserved[random_below(r, 2)] = random_next(r);
	op.addr = chance_addr(ch, at);
	chance_memory(ch, &op, at);
	if (op.opcode == PIKE_TIMER) {
		op.u.timer.due_ns = chance_time(ch);
		op.u.timer.period_ns = chance_time(ch);
	}
	if (op.opcode == PIKE_SIGNAL)
		op.u.signal.set = PIKE_SIGNAL_BIT(1 + random_below(r, 31)) &
				  ~PIKE_SIGNAL_BIT(PIKE_SIGALRM);
	if (op.opcode == PIKE_CANCEL && random_below(r, 2))
		op.u.cancel.id = ch->ids[random_below(r, OPS)];
	op.user_data = &ch->ids[at];
	return op;
}

/* A handle that came about takes another's place, and that one is closed. */
static void chance_replace(
    struct chance *ch, struct pike_queue *q, pike_handle h)
{
	pike_handle *place = &ch->handles[random_below(&ch->random, HANDLES)];
	struct pike_op op = op_tagged(op_close(*place), &ch->closing);

	if (pike_submit(q, &op) > 0)
		ch->closing++;
	*place = h;
}

static void chance_arrive(
    struct chance *ch, struct pike_queue *q, const struct pike_completion *c)
{
	if (c->user_data == &ch->closing) {
		ck_assert_int_eq(c->res, 0);
		ch->closing--;
		return;
	}
	pike_id *id = c->user_data;
	ck_assert(id >= ch->ids && id < ch->ids + OPS);
	if (c->id != *id)
		ck_abort_msg("a completion too many");
	ck_assert_int_ne(c->err, PIKE_EAGAIN);
	ck_assert_int_ne(c->err, PIKE_EINTR);
	switch (ch->opcode[id - ch->ids]) {
	case PIKE_SOCKET:
	case PIKE_ACCEPT:
	case PIKE_LISTEN_TO:
	case PIKE_CONNECT_TO:
		if (c->res > 0)
			chance_replace(ch, q, c->res);
		break;
	default:
		break;
	}
	if (c->flags & PIKE_MORE)
		return;
	*id = 0;
	ch->open--;
}

static void chance_reap(struct chance *ch, struct pike_queue *q, bool wait)
{
	struct pike_completion done[32];
	int n = pike_reap(q, done, 32, wait ? 10000 * NS_PER_MS : 0);

	ck_assert_int_ge(n, 0);
	if (wait && n == 0)
		ck_abort_msg("%d ops never end", ch->open);
	for (int i = 0; i < n; i++)
		chance_arrive(ch, q, &done[i]);
}

static void chance_submit(struct chance *ch, struct pike_queue *q, int at)
{
	struct pike_op op = chance_op(ch, at);

	if (ch->ids[at])
		return;
	pike_id id = pike_submit(q, &op);
	if (id > 0) {
		ch->ids[at] = id;
		ch->opcode[at] = op.opcode;
		ch->open++;
	} else if (id != -PIKE_EINVAL && id != -PIKE_EBADF &&
		   id != -PIKE_ENAMETOOLONG) {
		ck_abort_msg("submit gave %s", pike_error_name(id));
	}
}

/* Copies, which are pike's alone: it may close them. */
static void chance_pair(struct rig *rig, int i, pike_handle h[2])
{
	static const enum rig_kind kinds[] = {
	    RIG_TCP, RIG_UNIX, RIG_DGRAM, RIG_SEQPACKET, RIG_PIPE};
	pike_fd fd[2];

	if (!rig_plain_pair(rig, kinds[i / 2 % ARRAY_LEN(kinds)], fd))
		rig_plain_pair(rig, RIG_TCP, fd);
	for (int k = 0; k < 2; k++) {
		rig_disown(rig, fd[k]);
		h[k] = pike_adopt(rig->q, fd[k], 0);
		ck_assert_int_gt(h[k], 0);
	}
}

static void chance_round(struct chance *ch, struct rig *rig)
{
	struct pike_queue *q = rig->q;

	every_make(rig, &ch->every);
	for (int i = 0; i < HANDLES; i += 2)
		chance_pair(rig, i, &ch->handles[i]);
	for (int at = 0; at < OPS; at++) {
		chance_submit(ch, q, at);
		if (random_below(&ch->random, 8) == 0)
			chance_reap(ch, q, false);
		if (random_below(&ch->random, 8) == 0)
			pike_cancel(q, ch->ids[random_below(&ch->random, OPS)]);
		if (random_below(&ch->random, 50) == 0)
			pike_cancel_handle(q, chance_handle(ch));
	}
	for (int at = 0; at < OPS; at++)
		if (ch->ids[at])
			pike_cancel(q, ch->ids[at]);
	for (int i = 0; i < HANDLES; i++) {
		struct pike_op op =
		    op_tagged(op_close(ch->handles[i]), &ch->closing);
		if (pike_submit(q, &op) > 0)
			ch->closing++;
	}
	while (ch->open + ch->closing > 0)
		chance_reap(ch, q, true);
}

/* P203, P204 */
CASE(requests_by_chance_each_end_once)
{
	static struct chance ch;

	random_begin(&ch.random, "requests_by_chance");
	for (int round = 0; round < ROUNDS / (int)port_fewer() + 1; round++) {
		ch.random.state += (uint64_t)round;
		chance_round(&ch, rig);
		rig_close(rig);
		rig_open(rig, NULL);
	}
	expect_op(rig, op_nop(), 0);
}

int main(void)
{
	area_begin("badrandom");
	area_add(requests_by_chance_each_end_once);
	return area_end();
}
