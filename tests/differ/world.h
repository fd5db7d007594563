/* SPDX-License-Identifier: MIT */
/* What one run of a program is made of: links with two ends, ops under way,
 * and the model of what may come. */
#ifndef PIKE_TESTS_DIFFER_WORLD_H
#define PIKE_TESTS_DIFFER_WORLD_H

#include <string.h>

#include "../conformance/ops.h"
#include "../conformance/port.h"
#include "../conformance/port_proc.h"
#include "differ.h"

#define STUCK      "what must come never comes"
#define BATCH_MAX  16
#define IOVS       3
#define NS_A_MS    INT64_C(1000000)
#define COUNTED(a) (sizeof(a) / sizeof((a)[0]))

enum lane {
	LANE_READS,
	LANE_WRITES,
	LANE_POLLS,
	LANE_NONE
};

/* An op that was accepted. Its place in the world's list is its name. */
struct act {
	pike_id id;
	int step;
	int index;
	uint16_t opcode;
	uint16_t flags;
	uint32_t op_flags;
	pike_handle handle;
	int link; /* -1: none */
	int end;
	enum lane lane;
	bool deadline;
	bool asked;      /* to end, by a cancel that said 0, or a close */
	bool maybe;      /* asked by an op whose answer has not come */
	bool after_shut; /* a send that came after the end of sending */
	int canceller;   /* the act that asked, + 1 */
	bool over;       /* a cancel said that it had finished */
	bool final;      /* its last completion was reaped */
	bool trying;     /* its completion is a fact */
	int64_t *quiet;  /* where its result goes instead */
	int target;      /* of a cancel by id: which act; -1: none */
	int64_t due;     /* of a timer: never before */
	size_t len; /* none: it may complete at once, or at the next event */
	uint32_t serial; /* of what it sends */
	uint8_t *buf;
	struct pike_iovec *iov;
	struct pike_msg *msg;
	struct pike_addr *addr;
	pike_fd fds[4];
};

/* One thing sent: what a send op moves, or has moved. */
struct sent {
	uint32_t serial;
	bool known; /* how much it moved */
	size_t len;
	size_t at;
};

#define FAILED         SIZE_MAX /* the length of a message not sent */
#define SMALL          2048     /* bytes that every system has room for */
#define SMALL_MESSAGES 4
#define SMALL_SENDS    32 /* of any length: each has a cost of its own */

/* A message that was received: its head, then its bytes. */
struct got {
	size_t res;
	size_t room;
	bool truncated;
};

/* One direction of a link. Of messages, counts are of messages. */
struct flow {
	struct sent *sent; /* not yet met by what was received */
	int first, count, room;
	uint8_t *got; /* not yet met by what was sent */
	size_t got_len, got_room;
	int64_t sent_known;
	int64_t received;
	int64_t sending; /* units of sends not over */
	int64_t sends;   /* how many of those there are */
	bool ended;      /* the writer shut down or closed */
	bool shut;       /* by a shutdown that is under way or over */
	bool maybe_shut; /* it was cancelled */
	bool crowded;    /* not only little since it was last empty */
	bool reader_gone;
	bool reset_ok;  /* a reset may come, and take bytes */
	bool hard;      /* there will be a reset, and no end */
	bool cut;       /* a cancelled send has moved a part */
	bool maybe_cut; /* or may have */
	bool eof;       /* the end was seen */
	bool broken;    /* a reset was seen */
};

struct end {
	pike_handle h;
	pike_fd fd; /* -1: pike's own */
	bool open;
};

struct link {
	enum kind kind;
	bool open;
	struct end end[2];
	struct flow flow[2]; /* flow[i] goes from end i */
};

struct door {
	pike_handle h; /* 0: none */
	pike_fd fd;
	struct pike_addr addr;
	int64_t connected;
	int64_t accepted;
	int64_t started;
	pike_handle conns[256];
	int count;
};

struct attempt {
	enum kind kind;
	bool open;
	pike_handle h[2];
	bool alive[2];
	bool vague;            /* what comes is no longer certain */
	pike_fd caller;        /* -1: none */
	pike_handle extra[64]; /* connections to close */
	int extras;
	int tries;
};

struct world {
	const struct program *program;
	const struct setup *how;
	struct outcome *out;
	struct pike_queue *q;
	int step;
	struct act **acts;
	int count, room;
	int swept; /* the memory of acts before it was given back */
	int live;
	struct link links[LINKS];
	struct door door;
	struct attempt attempt;
	pike_handle fence[2];
	pike_fd fence_fd[2];
	uint32_t attempts;
	int64_t moved_at; /* when something came */
	int64_t posted, posts_seen;
	uint32_t serial;
	struct pike_op batch_ops[BATCH_MAX];
	struct act *batch_acts[BATCH_MAX];
	int batched, batch;
	struct pike_addr listener; /* plain: to connect to, when trying */
	pike_fd listener_fd;
	struct pike_addr nobody; /* refuses connections */
	pike_fd nobody_fd;
};

/* world.c: ops in and completions out */
void world_fail(struct world *w, const char *rule, const char *format, ...)
    __attribute__((format(PORT_PRINTF, 3, 4)));
void act_free(struct act *a);
struct act *act_new(struct world *w, int opcode, pike_handle h);
void world_await(struct world *w, int index);
int64_t perform(struct world *w, struct pike_op op);
bool act_submit(struct world *w, struct act *a, struct pike_op op);
void batch_flush(struct world *w);
int world_reap(struct world *w, unsigned max, int64_t timeout_ns);
void world_calm(struct world *w);
void world_sweep(struct world *w, int keep);
void act_text(const struct act *a, char *text, size_t size);
uint8_t serial_byte(uint32_t serial, size_t at);

/* The live acts of an end's lane before (or all that are on it). */
#define EACH_LIVE(w, a)                                                        \
	for (int each_ = (w)->swept; each_ < (w)->count; each_++)              \
		for (struct act *a = (w)->acts[each_]; a && !a->final; a = NULL)

/* model.c: what may come, and what must */
void act_fail(struct world *w, const struct act *a,
    const struct pike_completion *c, const char *rule);
bool act_earlier(struct world *w, const struct act *a);
bool act_marked(struct world *w, const struct act *canceller);
void flow_gets(struct flow *f, const void *bytes, size_t len);
void flow_match(struct world *w, int link, struct flow *f);
void model_submitted(struct world *w, struct act *a);
void model_arrived(
    struct world *w, struct act *a, const struct pike_completion *c);
bool model_must(struct world *w, struct act *a);
void model_closing(struct world *w, int link, int end);
void model_asked(struct world *w, struct act *a, int answer);
void flow_reset(struct flow *f);
void flow_settled(struct world *w, int link, int from);

/* links.c */
void link_open(struct world *w, int link, enum kind kind, bool tight);
void link_settle(struct world *w, int link, bool anew);
void link_send(struct world *w, const struct step *s);
void link_recv(struct world *w, const struct step *s);
void link_poll(struct world *w, const struct step *s);
void link_shut(struct world *w, const struct step *s);
void link_close(struct world *w, int link, int end, bool reset);

/* cancels.c */
void cancel_act(struct world *w, const struct step *s);
void cancel_end(struct world *w, const struct step *s);
void door_listen(struct world *w);
void door_connect(struct world *w, const struct step *s);
void door_accept(struct world *w, const struct step *s);
void door_settle(struct world *w);
void door_arrived(
    struct world *w, struct act *a, const struct pike_completion *c);
void world_timer(struct world *w, const struct step *s, bool beat);

/* try.c */
void try_open(struct world *w, const struct step *s);
void try_step(struct world *w, const struct step *s);
void try_close(struct world *w);
void try_fact(
    struct world *w, const struct act *a, const struct pike_completion *c);
bool kind_pair(struct world *w, enum kind kind, pike_fd fd[2]);

#endif
