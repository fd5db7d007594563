/* SPDX-License-Identifier: MIT */
/* Programs: from a seed to steps, and from steps to words. */
#include <stdio.h>

#include "../conformance/harness.h"
#include "../conformance/random.h"
#include "differ.h"

const char *const kind_names[KINDS] = {
    [KIND_TCP] = "tcp pair",
    [KIND_PIKE_TCP] = "tcp pair by connect and accept",
    [KIND_UNIX] = "unix stream pair",
    [KIND_PIPE] = "pipe",
    [KIND_DGRAM] = "unix datagram pair",
    [KIND_SEQPACKET] = "unix seqpacket pair",
    [KIND_UDP] = "udp pair",
    [KIND_NEW_TCP] = "new tcp socket",
    [KIND_NEW_UDP] = "new udp socket",
    [KIND_NEW_UNIX] = "new unix stream socket",
    [KIND_NEW_DGRAM] = "new unix datagram socket",
    [KIND_NEW_SEQPACKET] = "new unix seqpacket socket",
    [KIND_LISTENER] = "tcp listener",
    [KIND_BUSY_LISTENER] = "tcp listener with a caller",
    [KIND_BOUND_UDP] = "bound udp socket",
};

/* How often each is made, among their sum. */
static const uint8_t weights[DO_KINDS] = {
    [DO_OPEN] = 2,
    [DO_SEND] = 26,
    [DO_RECV] = 26,
    [DO_POLL] = 5,
    [DO_SHUT] = 2,
    [DO_CLOSE] = 2,
    [DO_RESET] = 1,
    [DO_CANCEL] = 14,
    [DO_CANCEL_HANDLE] = 3,
    [DO_TIMER] = 3,
    [DO_BEAT] = 1,
    [DO_NOP] = 2,
    [DO_POST] = 2,
    [DO_WAKE] = 1,
    [DO_LISTEN] = 1,
    [DO_CONNECT] = 5,
    [DO_ACCEPT] = 5,
    [DO_BATCH] = 2,
    [DO_REAP] = 12,
    [DO_CALM] = 4,
    [DO_SETTLE] = 3,
    [DO_TRY_OPEN] = 10,
    [DO_TRY] = 45,
};

static uint8_t program_what(struct random *r)
{
	unsigned sum = 0;

	for (int i = 0; i < DO_KINDS; i++)
		sum += weights[i];
	unsigned at = random_below(r, sum);
	for (uint8_t i = 0; i < DO_KINDS; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
	return DO_CALM;
}

/*
 * Storms and tries in stretches, so that each has some length; the storms on
 * one link for a while.
 */
enum kind kind_plain(enum kind k)
{
	switch (k) {
	case KIND_UNIX:
	case KIND_PIPE:
	case KIND_SEQPACKET:
		return KIND_TCP;
	case KIND_DGRAM:
		return KIND_UDP;
	case KIND_NEW_UNIX:
	case KIND_NEW_SEQPACKET:
		return KIND_NEW_TCP;
	case KIND_NEW_DGRAM:
		return KIND_NEW_UDP;
	default:
		return k;
	}
}

void program_make(struct program *p, uint64_t seed, int count)
{
	struct random r = {seed};
	unsigned stretch = 0;
	unsigned tries = 0;
	uint8_t link = 0;

	p->seed = seed;
	p->plain = false;
	p->count = count < STEPS_MAX ? count : STEPS_MAX;
	for (int i = 0; i < p->count; i++) {
		struct step *s = &p->steps[i];
		if (stretch-- == 0) {
			stretch = 5 + random_below(&r, 40);
			tries = random_below(&r, 2);
			link = (uint8_t)random_below(&r, LINKS);
		}
		do {
			s->what = program_what(&r);
		} while ((s->what >= DO_TRY_OPEN) != (tries != 0));
		s->a = (uint8_t)random_below(&r, LINKS);
		if (random_below(&r, 3))
			s->a = link;
		s->b = (uint8_t)random_next(&r);
		s->c = (uint8_t)random_next(&r);
		s->n = (uint32_t)random_next(&r);
		s->m = (uint32_t)random_next(&r);
	}
}

/* ------------------------------------------------- what the numbers mean -- */

enum kind step_link_kind(const struct step *s)
{
	return (enum kind)(s->c % KINDS_LINKED);
}

enum kind step_try_kind(const struct step *s)
{
	return (enum kind)(s->c % KINDS);
}

int step_transfer(const struct step *s, enum kind kind)
{
	static const int sends[] = {PIKE_SEND, PIKE_SEND, PIKE_SENDTO,
	    PIKE_SENDMSG, PIKE_WRITE, PIKE_WRITEV};
	static const int recvs[] = {PIKE_RECV, PIKE_RECV, PIKE_RECVFROM,
	    PIKE_RECVMSG, PIKE_READ, PIKE_READV};
	const int *list = s->what == DO_SEND ? sends : recvs;

	if (kind == KIND_PIPE)
		return list[4 + s->c % 2];
	return list[s->c % (kind_is_messages(kind) ? 4 : 6)];
}

bool step_all(const struct step *s, enum kind kind)
{
	int opcode = step_transfer(s, kind);

	return !kind_is_messages(kind) && (s->b & 6) == 2 &&
	       opcode != PIKE_SENDTO && opcode != PIKE_RECVFROM &&
	       opcode != PIKE_RECVMSG;
}

size_t step_length(const struct step *s, enum kind kind)
{
	static const uint32_t most[] = {
	    16, 16, 200, 200, 3000, 3000, 70000, 600000};
	uint32_t n = s->n / 8;

	/* With no room an empty message and the end look alike, and so does
	 * an empty one that is the last of a sequence. */
	if (kind_is_messages(kind))
		return n % (s->n % 2 ? 1400 : 40) +
		       (s->what == DO_RECV || kind == KIND_SEQPACKET);
	return (s->n % 256 == 0) ? 0 : 1 + n % most[s->n % 8];
}

int64_t step_deadline(const struct step *s)
{
	return s->m % 8 ? 0 : 1 + s->m / 8 % 2000000;
}

unsigned step_events(const struct step *s)
{
	static const unsigned events[] = {PIKE_POLL_IN, PIKE_POLL_OUT,
	    PIKE_POLL_IN | PIKE_POLL_OUT, PIKE_POLL_IN | PIKE_POLL_RDHUP};

	return events[s->c % ARRAY_LEN(events)];
}

int step_try_opcode(const struct step *s)
{
	static const int list[] = {PIKE_BIND, PIKE_LISTEN, PIKE_CONNECT,
	    PIKE_ACCEPT, PIKE_SHUTDOWN, PIKE_SETSOCKOPT, PIKE_GETSOCKOPT,
	    PIKE_GETSOCKNAME, PIKE_GETPEERNAME, PIKE_READ, PIKE_WRITE,
	    PIKE_READV, PIKE_WRITEV, PIKE_RECV, PIKE_SEND, PIKE_RECVFROM,
	    PIKE_SENDTO, PIKE_RECVMSG, PIKE_SENDMSG, PIKE_POLL, PIKE_CANCEL,
	    PIKE_CLOSE, PIKE_RECV, PIKE_SEND, PIKE_RECV, PIKE_SEND};

	return list[s->c % ARRAY_LEN(list)];
}

/* ------------------------------------------------------------- in words -- */

static int step_text_transfer(const struct step *s, char *text, size_t size)
{
	/* The link's kind is not known here: for streams, and for messages. */
	return snprintf(text, size,
	    "link %d end %d: %s%s of %zu (pipe: %s, messages: %s of %zu)"
	    " deadline %lld",
	    s->a % LINKS, s->b & 1,
	    pike_opcode_name(step_transfer(s, KIND_TCP)),
	    step_all(s, KIND_TCP) ? " ALL" : "", step_length(s, KIND_TCP),
	    pike_opcode_name(step_transfer(s, KIND_PIPE)),
	    pike_opcode_name(step_transfer(s, KIND_UDP)),
	    step_length(s, KIND_UDP), (long long)step_deadline(s));
}

void step_text(const struct step *s, char *text, size_t size)
{
	static const char *const names[DO_KINDS] = {"open", "send", "recv",
	    "poll", "shut", "close", "reset", "cancel", "cancel handle",
	    "timer", "beat", "nop", "post", "wake", "listen", "connect",
	    "accept", "batch", "reap", "calm", "settle", "try open", "try"};
	char more[200] = "";

	switch ((enum what)s->what) {
	case DO_OPEN:
		snprintf(more, sizeof(more), "link %d: %s", s->a % LINKS,
		    kind_names[step_link_kind(s)]);
		break;
	case DO_SEND:
	case DO_RECV:
		step_text_transfer(s, more, sizeof(more));
		break;
	case DO_POLL:
		snprintf(more, sizeof(more), "link %d end %d: 0x%x%s",
		    s->a % LINKS, s->b & 1, step_events(s),
		    s->b & 2 ? " MULTISHOT" : "");
		break;
	case DO_SHUT:
	case DO_CLOSE:
	case DO_RESET:
	case DO_CANCEL_HANDLE:
		snprintf(more, sizeof(more), "link %d end %d%s", s->a % LINKS,
		    s->b & 1,
		    s->what == DO_CANCEL_HANDLE && s->c & 1 ? " as an op" : "");
		break;
	case DO_CANCEL:
		snprintf(more, sizeof(more), "the %u. last op%s", s->n % 16 + 1,
		    s->c & 1 ? " as an op" : "");
		break;
	case DO_TRY_OPEN:
		snprintf(
		    more, sizeof(more), "%s", kind_names[step_try_kind(s)]);
		break;
	case DO_TRY:
		snprintf(more, sizeof(more), "end %d: %s of %u", s->b & 1,
		    pike_opcode_name(step_try_opcode(s)), s->n % 65);
		break;
	default:
		snprintf(more, sizeof(more), "%d %d", s->a % LINKS, s->c & 1);
		break;
	}
	snprintf(text, size, "%-14s %s  {%d, %d, %d, %d, %u, %u}",
	    names[s->what], more, s->what, s->a, s->b, s->c, s->n, s->m);
}
