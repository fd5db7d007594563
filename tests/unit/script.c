/* SPDX-License-Identifier: MIT */
/* The scripted backend. */
#include "config.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/sys.h"
#include "script.h"

#define LETTERS 128
#define EVENTS  64
#define LINE    2048

enum script_kind {
	SCRIPT_NOTHING,
	SCRIPT_END,
	SCRIPT_ENDED,
	SCRIPT_SHOT,
	SCRIPT_MOVED
};

struct script_event {
	enum script_kind kind;
	char letter;
	int64_t res;
};

struct script script;

static struct {
	struct pike__slot *slot[LETTERS]; /* started and not ended */
	struct script_event in_start[LETTERS];
	struct script_event in_attempt[LETTERS];
	bool shoots[LETTERS];
	struct script_event events[EVENTS];
	int first, last;
	char asked[LINE];
	char given[LINE];
} state;

__attribute__((format(printf, 2, 3))) static void line_add(
    char *line, const char *format, ...)
{
	size_t used = strlen(line);
	va_list args;

	ck_assert_uint_lt(used, LINE - 32);
	if (used)
		line[used++] = ' ';
	va_start(args, format);
	vsnprintf(line + used, LINE - used, format, args);
	va_end(args);
}

static char letter_of(const struct pike_op *op)
{
	return (char)(uintptr_t)op->user_data;
}

static void result_set(struct pike__result *r, int64_t res)
{
	*r = (struct pike__result){.res = res};
	if (res < 0)
		r->err = (int32_t)-res;
}

/* ---- the backend ---- */

static int script_begin(struct pike_queue *q, const struct pike_params *params,
    char *reason, size_t size)
{
	(void)params;
	(void)reason;
	(void)size;
	q->backend_state = &script;
	return 0;
}

static void script_finish(struct pike_queue *q, bool forked)
{
	(void)q;
	(void)forked;
	line_add(state.asked, "closed");
}

static pike_handle script_take(struct pike_queue *q, pike_fd fd)
{
	return pike__handle_take(&q->handles, fd, PIKE__SOCKET_STREAM, 0)->self;
}

static int script_drop(
    struct pike_queue *q, struct pike__handle *h, bool close_it)
{
	(void)q;
	line_add(state.asked, "%c%d", close_it ? 'x' : 'o', (int)h->fd);
	return script.drop_error;
}

static bool script_attempt(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r)
{
	struct script_event *e = &state.in_attempt[(int)letter_of(op)];
	enum script_kind kind = e->kind;

	(void)q;
	(void)h;
	e->kind = SCRIPT_NOTHING;
	if (kind != SCRIPT_NOTHING)
		line_add(state.asked, "?%c", letter_of(op));
	if (kind == SCRIPT_MOVED)
		*moved = (size_t)e->res;
	if (kind == SCRIPT_END)
		result_set(r, e->res);
	return kind == SCRIPT_END;
}

static int64_t script_send(
    const struct pike__handle *h, const struct pike_op *op)
{
	int64_t len = (int64_t)op->len;

	line_add(state.asked, "!%d", (int)h->fd);
	return script.send_takes < len ? script.send_takes : len;
}

static bool script_sent(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, int64_t n, size_t *moved, struct pike__result *r)
{
	if (n > 0)
		*moved = (size_t)n;
	return script_attempt(q, h, op, moved, r);
}

static void slot_shoot(struct pike_queue *q, struct pike__slot *slot)
{
	struct pike__result r = {.res = 1};

	if (pike__may_shoot(q, slot))
		pike__shot(q, slot, &r);
}

static bool script_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r)
{
	int letter = letter_of(&slot->op);
	struct script_event *e = &state.in_start[letter];
	enum script_kind kind = e->kind;

	line_add(state.asked, "+%c", letter);
	if (slot->moved)
		line_add(state.asked, "(%d)", (int)slot->moved);
	e->kind = SCRIPT_NOTHING;
	if (kind == SCRIPT_END) {
		result_set(r, e->res);
		return true;
	}
	state.slot[letter] = slot;
	if (state.shoots[letter])
		slot_shoot(q, slot);
	return false;
}

static void slot_end(
    struct pike_queue *q, char letter, const struct pike__result *r)
{
	struct pike__slot *slot = state.slot[(int)letter];

	ck_assert_msg(slot != NULL, "%c is not started", letter);
	state.slot[(int)letter] = NULL;
	pike__finish(q, slot, r);
}

static void script_cancel(struct pike_queue *q, struct pike__slot *slot)
{
	char letter = letter_of(&slot->op);
	struct pike__result r = pike__ended(slot);

	line_add(state.asked, "-%c", letter);
	ck_assert_ptr_eq(state.slot[(int)letter], slot);
	if (script.cancels_at_once)
		slot_end(q, letter, &r);
}

static void event_happen(struct pike_queue *q, const struct script_event *e)
{
	struct pike__slot *slot = state.slot[(int)e->letter];
	struct pike__result r;

	result_set(&r, e->res);
	switch (e->kind) {
	case SCRIPT_END:
		slot_end(q, e->letter, &r);
		break;
	case SCRIPT_ENDED:
		slot->moved = (size_t)e->res;
		r = pike__ended(slot);
		slot_end(q, e->letter, &r);
		break;
	case SCRIPT_SHOT:
		ck_assert_ptr_nonnull(slot);
		if (pike__may_shoot(q, slot))
			pike__shot(q, slot, &r);
		else
			line_add(state.asked, "(no room for %c)", e->letter);
		break;
	default:
		break;
	}
}

static void script_wait(struct pike_queue *q, int64_t timeout_ns)
{
	script.waits++;
	script.waited = timeout_ns;
	if (script.while_waiting)
		script.while_waiting();
	for (int letter = 0; letter < LETTERS; letter++)
		if (state.shoots[letter] && state.slot[letter])
			slot_shoot(q, state.slot[letter]);
	if (state.first < state.last) {
		event_happen(q, &state.events[state.first++]);
		return;
	}
	if (timeout_ns < 0)
		ck_abort_msg("waits for what will never be");
	script.now += timeout_ns;
}

static void script_wake(struct pike_queue *q)
{
	(void)q;
	script.wakes++;
}

static pike_fd script_pollable(struct pike_queue *q)
{
	(void)q;
	return 99;
}

static void script_show(struct pike_queue *q, bool now, int64_t next)
{
	(void)q;
	script.now_shown = now;
	script.next_shown = next;
}

static enum pike_route script_route(const struct pike_queue *q, int opcode)
{
	(void)q;
	return opcode == PIKE_POLL ? PIKE_ROUTE_THREADED : PIKE_ROUTE_NATIVE;
}

static int script_group_open(struct pike_queue *q, struct pike__group *g)
{
	(void)q;
	line_add(state.asked, "group %u of %u", g->id, g->count);
	g->ring = script.group_ring;
	return script.group_error;
}

static void script_group_close(struct pike_queue *q, struct pike__group *g)
{
	(void)q;
	line_add(state.asked, "no group %u", g->id);
}

static int script_group_give(
    struct pike_queue *q, struct pike__group *g, uint32_t index)
{
	(void)q;
	line_add(state.asked, "%u:%u", g->id, index);
	return 0;
}

static const struct pike__backend script_backend = {
    .name = "script",
    .open = script_begin,
    .close = script_finish,
    .adopt = script_take,
    .drop = script_drop,
    .attempt = script_attempt,
    .send = script_send,
    .sent = script_sent,
    .start = script_start,
    .cancel = script_cancel,
    .wait = script_wait,
    .wake = script_wake,
    .pollable = script_pollable,
    .show = script_show,
    .route = script_route,
    .group_open = script_group_open,
    .group_close = script_group_close,
    .group_give = script_group_give,
};

int script_refusal = -PIKE_ENOTSUP;

static int refused_begin(struct pike_queue *q, const struct pike_params *params,
    char *reason, size_t size)
{
	(void)q;
	(void)params;
	snprintf(reason, size, "says no");
	return script_refusal;
}

static const struct pike__backend refused_backend = {
    .name = "refused",
    .open = refused_begin,
};

/* The library's own table is left out of a program that has this one: a linker
 * takes a file from an archive only for names that are still missing. */
const struct pike__backend *const pike__backends[] = {
    &refused_backend, &script_backend, NULL};

/* ---- what tests say ---- */

static int script_clock(clockid_t clock, struct timespec *ts)
{
	int64_t ns = script.now;

	if (clock == CLOCK_REALTIME)
		ns += script.wall_ahead;
	ts->tv_sec = (time_t)(ns / SECOND);
	ts->tv_nsec = (long)(ns % SECOND);
	return 0;
}

void script_open(const struct pike_params *params)
{
	struct pike_params p = {0};

	if (params)
		p = *params;
	p.backend = "script";
	memset(&state, 0, sizeof state);
	memset(&script, 0, sizeof script);
	script.now = 1000 * SECOND;
	script.wall_ahead = 50000 * SECOND;
	pike__sys.clock_gettime = script_clock;
	ck_assert_int_eq(pike_queue_open(&script.q, &p), 0);
}

void script_close(void)
{
	pike_queue_close(script.q);
	script.q = NULL;
}

void script_close_at_once(void)
{
	script.cancels_at_once = true;
	script_close();
}

pike_handle script_adopt(int fd)
{
	pike_handle h = pike_adopt(script.q, fd, 0);

	ck_assert_int_gt(h, 0);
	return h;
}

struct pike_op script_op(int opcode, pike_handle h)
{
	return (struct pike_op){.opcode = (uint16_t)opcode, .handle = h};
}

pike_id script_submit(char letter, struct pike_op op)
{
	pike_id id;

	op.user_data = (void *)(uintptr_t)letter;
	id = pike_submit(script.q, &op);
	ck_assert_msg(id > 0, "%c: %s", letter, pike_error_name(id));
	return id;
}

struct pike_op script_timer(int64_t due_ns, int64_t period_ns)
{
	struct pike_op op = script_op(PIKE_TIMER, 0);

	op.u.timer.due_ns = due_ns;
	op.u.timer.period_ns = period_ns;
	op.flags = period_ns ? PIKE_MULTISHOT : 0;
	return op;
}

struct pike_op script_cancel_of(pike_id id)
{
	struct pike_op op = script_op(PIKE_CANCEL, 0);

	op.u.cancel.id = id;
	return op;
}

pike_id script_op_on(char letter, int opcode, pike_handle h)
{
	return script_submit(letter, script_op(opcode, h));
}

void script_ends_in_start(char letter, int64_t res)
{
	state.in_start[(int)letter] =
	    (struct script_event){SCRIPT_END, letter, res};
}

void script_ends_in_attempt(char letter, int64_t res)
{
	state.in_attempt[(int)letter] =
	    (struct script_event){SCRIPT_END, letter, res};
}

void script_moves_in_attempt(char letter, size_t moved)
{
	state.in_attempt[(int)letter] =
	    (struct script_event){SCRIPT_MOVED, letter, (int64_t)moved};
}

static void then(enum script_kind kind, char letter, int64_t res)
{
	if (state.first == state.last)
		state.first = state.last = 0;
	ck_assert_int_lt(state.last, EVENTS);
	state.events[state.last++] = (struct script_event){kind, letter, res};
}

void script_then_end(char letter, int64_t res)
{
	then(SCRIPT_END, letter, res);
}

void script_then_ended(char letter, size_t moved)
{
	then(SCRIPT_ENDED, letter, (int64_t)moved);
}

void script_then_shot(char letter, int64_t res)
{
	then(SCRIPT_SHOT, letter, res);
}

void script_then_nothing(void)
{
	then(SCRIPT_NOTHING, 0, 0);
}

void script_then_shoots(char letter)
{
	state.shoots[(int)letter] = true;
}

void script_forget(void)
{
	state.asked[0] = 0;
}

void script_asked(const char *expected)
{
	ck_assert_str_eq(state.asked, expected);
	state.asked[0] = 0;
}

static void completion_note(const struct pike_completion *c)
{
	const char *more = c->flags & PIKE_MORE ? "+" : "";
	int letter = (int)(uintptr_t)c->user_data;

	if (c->res < 0)
		ck_assert_int_eq(c->err, -c->res);
	if (c->res >= 0 && c->err)
		line_add(state.given, "%c:%lld/%d%s", letter, (long long)c->res,
		    c->err, more);
	else
		line_add(
		    state.given, "%c:%lld%s", letter, (long long)c->res, more);
}

void script_gives(const char *expected)
{
	struct pike_completion out[8];
	int n;

	do {
		n = pike_reap(script.q, out, 8, 0);
		ck_assert_int_ge(n, 0);
		for (int i = 0; i < n; i++)
			completion_note(&out[i]);
	} while (n > 0 || state.first < state.last);
	ck_assert_str_eq(state.given, expected);
	state.given[0] = 0;
}
