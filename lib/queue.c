/* SPDX-License-Identifier: MIT */
/* Opening and closing of queues, their handles, and what can be asked of
 * them. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "queue.h"

#define POSTS_DEFAULT 1024
#define POSTS_MAX     65536
#define SHOTS_DEFAULT 256
#define SHOTS_MAX     (1u << 20)
#define OPS_DEFAULT   64
#define OPS_MAX       (1u << 28)

/* ---- closed queues ---- */

/*
 * The memory of a closed queue's own struct is kept until this many others
 * have been closed, so that a late call on it meets a mark and not a stranger.
 */
#define CLOSED_KEPT 64

static struct pike_queue *closed_first, *closed_last;
static unsigned closed_count;

static struct pike_queue *shell_new(void)
{
	struct pike_queue *q = NULL;

	pike__port_lock();
	if (closed_count > CLOSED_KEPT) {
		q = closed_first;
		closed_first = q->next_closed;
		closed_count--;
	}
	pike__port_unlock();
	if (!q) {
		q = pike__alloc(sizeof *q);
		if (q)
			memset(q, 0, sizeof *q);
		return q;
	}
	atomic_store(&q->asleep, false);
	atomic_store(&q->woken, false);
	atomic_store(&q->called, false);
	memset((char *)q + offsetof(struct pike_queue, born), 0,
	    sizeof *q - offsetof(struct pike_queue, born));
	return q;
}

static void shell_keep(struct pike_queue *q)
{
	q->next_closed = NULL;
	pike__port_lock();
	if (closed_count++ == 0)
		closed_first = q;
	else
		closed_last->next_closed = q;
	closed_last = q;
	pike__port_unlock();
}

/* One that never was a queue: nobody has its address but who had it before. */
static void shell_unuse(struct pike_queue *q)
{
	pike__port_lock();
	q->next_closed = closed_first;
	if (closed_count++ == 0)
		closed_last = q;
	closed_first = q;
	pike__port_unlock();
}

/* ---- opening ---- */

static int params_check(const struct pike_params *p)
{
	if (p->flags || p->reserved32 ||
	    (p->features_off & ~PIKE_FEATURES_ALL) || p->ops_max > OPS_MAX ||
	    p->posts_max > POSTS_MAX || p->shots_max > SHOTS_MAX)
		return -PIKE_EINVAL;
	for (size_t i = 0; i < sizeof p->reserved / sizeof *p->reserved; i++)
		if (p->reserved[i])
			return -PIKE_EINVAL;
	return 0;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

static int memory_open(struct pike_queue *q, const struct pike_params *p)
{
	uint32_t ops = p->ops_max ? p->ops_max : OPS_DEFAULT;

	if (!pike__handles_open(&q->handles) ||
	    !pike__done_open(
		&q->done, ops, p->shots_max ? p->shots_max : SHOTS_DEFAULT) ||
	    !pike__inbox_open(&q->inbox,
		power_of_two(p->posts_max ? p->posts_max : POSTS_DEFAULT)))
		return -PIKE_ENOMEM;
	if (!p->ops_max)
		return 0;
	if (!pike__slots_fill(&q->slots, ops) ||
	    !pike__timers_reserve(&q->deadlines, ops) ||
	    !pike__timers_reserve(&q->realtime, ops))
		return -PIKE_ENOMEM;
	return 0;
}

static void memory_close(struct pike_queue *q)
{
	pike__handles_free(&q->handles);
	pike__slots_free(&q->slots);
	pike__timers_free(&q->deadlines);
	pike__timers_free(&q->realtime);
	pike__done_free(&q->done);
	pike__inbox_free(&q->inbox);
}

/* Appends a line to a report that may be full. */
static void report_line(
    char *report, size_t size, const char *name, const char *words)
{
	size_t used = strlen(report);

	snprintf(report + used, size - used, "%s: %s\n", name, words);
}

/* Errors that say "not on this system", after which the next may be tried. */
static bool unavailable(int error)
{
	return error == -PIKE_ENOTSUP || error == -PIKE_ENOSYS ||
	       error == -PIKE_EPERM || error == -PIKE_EACCES ||
	       error == -PIKE_EINVAL;
}

static int backend_try(struct pike_queue *q, const struct pike__backend *b,
    const struct pike_params *p)
{
	char reason[128] = "";
	int error = b->open(q, p, reason, sizeof reason);

	if (error == 0) {
		q->backend = b;
		report_line(q->report, sizeof q->report, b->name, "runs");
	} else {
		report_line(q->report, sizeof q->report, b->name, reason);
	}
	return error;
}

static int backend_open(struct pike_queue *q, const struct pike_params *p)
{
	const char *forced = getenv("PIKE_BACKEND");
	const char *name = p->backend;
	int error = -PIKE_ENOTSUP;
	bool known = false;

	if (!name && forced && *forced)
		name = forced;
	for (size_t i = 0; pike__backends[i]; i++) {
		if (name && strcmp(name, pike__backends[i]->name) != 0)
			continue;
		known = true;
		error = backend_try(q, pike__backends[i], p);
		if (error == 0 || !unavailable(error))
			return error;
	}
	return known ? -PIKE_ENOTSUP : -PIKE_EINVAL;
}

/* Why there is no queue goes to report, unless it is null. */
static int queue_open(
    struct pike_queue **out, const struct pike_params *p, char *report)
{
	struct pike_queue *q;
	int error = params_check(p);

	*out = NULL;
	if (!error)
		error = pike__port_init();
	if (error)
		return error;
	q = shell_new();
	if (!q)
		return -PIKE_ENOMEM;
	q->ops_max = p->ops_max;
	q->patience = PIKE__PATIENCE;
	q->features_off = p->features_off;
	error = memory_open(q, p);
	if (!error)
		error = backend_open(q, p);
	if (error) {
		if (report)
			memcpy(report, q->report, sizeof q->report);
		memory_close(q);
		atomic_store(&q->born, PIKE__DEAD);
		q->quick = PIKE__DEAD;
		pike__stir(q);
		shell_unuse(q);
		return error;
	}
	atomic_store(&q->born, pike__port_forks);
	q->quick = pike__port_forks;
	pike__calm(q);
	atomic_store(&q->open, true);
	*out = q;
	return 0;
}

int pike_queue_open(struct pike_queue **out, const struct pike_params *params)
{
	static const struct pike_params defaults;

	return out ? queue_open(out, params ? params : &defaults, NULL)
		   : -PIKE_EINVAL;
}

/* ---- closing ---- */

/* What waits behind others is not begun any more. */
static void hold_everything(struct pike_queue *q)
{
	for (uint32_t i = 0; i < q->handles.count; i++)
		q->handles.at[i]->flags |= PIKE__HELD;
}

static bool end_one(struct pike_queue *q, struct pike__slot *slot)
{
	if (slot->state == PIKE__FREE)
		return false;
	pike__end(q, slot, PIKE_ECANCELED);
	return slot->state != PIKE__FREE;
}

/* Asks every op to end: false when there is none left. */
static bool end_everything(struct pike_queue *q)
{
	bool any = false;

	for (uint32_t i = 0; i < q->slots.count; i++)
		any |= end_one(q, pike__slot_at(&q->slots, i));
	for (uint32_t i = 0; i < q->handles.count; i++) {
		pike__unpark(q->handles.at[i]);
		any |= end_one(q, &q->handles.at[i]->own);
	}
	return any;
}

static void drop_everything(struct pike_queue *q)
{
	for (uint32_t i = 0; i < q->handles.count; i++) {
		struct pike__handle *h = q->handles.at[i];

		if (h->self != h->name)
			continue;
		q->backend->drop(q, h, h->flags & PIKE__OPENED);
		pike__handle_give(&q->handles, h);
	}
}

void pike_queue_close(struct pike_queue *q)
{
	int error = pike__queue_usable(q);
	int32_t broken;

	if (error == -PIKE_EBADF)
		return;
	atomic_store(&q->open, false);
	pike__done_recover(&q->done);
	if (!error) {
		while (atomic_load(&q->users))
			pike__port_yield();
		hold_everything(q);
		/* If the system serves it no more there is nothing to wait
		 * for; it is asked once more. */
		broken = q->broken;
		q->broken = 0;
		while (end_everything(q) && !q->broken)
			q->backend->wait(q, -1);
		if (broken)
			q->broken = broken;
		drop_everything(q);
	}
	pike__groups_close(q);
	q->backend->close(q, error != 0);
	atomic_store(&q->born, PIKE__DEAD);
	q->quick = PIKE__DEAD;
	pike__stir(q);
	memory_close(q);
	shell_keep(q);
}

/* ---- handles ---- */

pike_handle pike_adopt(struct pike_queue *q, pike_fd fd, uint32_t flags)
{
	int bad = pike__queue_usable(q);

	if (bad)
		return bad;
	if (flags)
		return -PIKE_EINVAL;
	if (!pike__handles_reserve(&q->handles))
		return -PIKE_ENOMEM;
	return q->backend->adopt(q, fd);
}

pike_fd pike_release(struct pike_queue *q, pike_handle name)
{
	int bad = pike__queue_usable(q);
	struct pike__handle *h;
	pike_fd fd;

	if (bad)
		return bad;
	h = pike__handle_usable(&q->handles, name);
	if (!h)
		return -PIKE_EBADF;
	if (h->pending || (h->lane[PIKE__READS].state & PIKE__PARKED))
		return -PIKE_EBUSY;
	fd = h->own_fd >= 0 ? h->own_fd : h->fd;
	q->backend->drop(q, h, false);
	pike__handle_give(&q->handles, h);
	return fd;
}

pike_fd pike_fd_of(struct pike_queue *q, pike_handle name)
{
	int bad = pike__queue_usable(q);
	struct pike__handle *h;

	if (bad)
		return bad;
	h = pike__handle_usable(&q->handles, name);
	if (!h)
		return -PIKE_EBADF;
	h->flags |= PIKE__EXPOSED;
	return h->own_fd >= 0 ? h->own_fd : h->fd;
}

/* ---- queries ---- */

const char *pike_backend_at(unsigned i)
{
	for (unsigned at = 0; pike__backends[at]; at++)
		if (at == i)
			return pike__backends[at]->name;
	return NULL;
}

const char *pike_backend_name(const struct pike_queue *q)
{
	return pike__queue_usable(q) ? NULL : q->backend->name;
}

/* Opens each backend for itself and says how that went. */
static void report_probe(char *report, size_t size)
{
	for (unsigned i = 0; pike_backend_at(i); i++) {
		struct pike_params p = {.backend = pike_backend_at(i)};
		char why[PIKE__REPORT_SIZE] = "";
		size_t used = strlen(report);
		struct pike_queue *q;
		int error = queue_open(&q, &p, why);

		if (error == 0)
			report_line(report, size, p.backend, "available");
		else if (*why) /* its own words */
			snprintf(report + used, size - used, "%s", why);
		else
			report_line(
			    report, size, p.backend, pike_error_text(error));
		pike_queue_close(q);
	}
}

int pike_backend_report(const struct pike_queue *q, char *text, size_t size)
{
	char probe[PIKE__REPORT_SIZE] = "";
	const char *report = probe;

	if (!text && size)
		return -PIKE_EINVAL;
	if (q) {
		int bad = pike__queue_usable(q);

		if (bad)
			return bad;
		report = q->report;
	} else {
		report_probe(probe, sizeof probe);
	}
	return snprintf(text, size, "%s", report);
}

int pike_route(const struct pike_queue *q, int opcode)
{
	int bad = pike__queue_usable(q);

	if (bad)
		return bad;
	if (opcode <= 0 || opcode >= PIKE_OPCODES)
		return -PIKE_EINVAL;
	if (pike__op_infos[opcode].needs & PIKE__OP_CORE)
		return PIKE_ROUTE_NATIVE;
	return (int)q->backend->route(q, opcode);
}
