/* SPDX-License-Identifier: MIT */
/*
 * Random programs of ops that are run on two backends, or on one with other
 * features, and must come out alike.
 *
 * A program is an array of steps, made from a seed and told no backend. Each
 * step means something whatever came before it, so that steps can be left out
 * at will: that is how a program that fails is made small.
 *
 * Two things are looked at. The steps up to DO_SETTLE are a storm: ops race
 * each other, their cancels and their deadlines, and every completion is held
 * against a model of what the contract allows (model.c). The steps DO_TRY_...
 * are done one at a time on something fresh, with a round trip after each, so
 * that their results are certain: these are written down as facts, and the
 * facts of two runs are compared.
 */
#ifndef PIKE_TESTS_DIFFER_H
#define PIKE_TESTS_DIFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <pike.h>

#define LINKS 5

enum what {
	DO_OPEN,
	DO_SEND,
	DO_RECV,
	DO_POLL,
	DO_SHUT,
	DO_CLOSE,
	DO_RESET,
	DO_CANCEL,
	DO_CANCEL_HANDLE,
	DO_TIMER,
	DO_BEAT,
	DO_NOP,
	DO_POST,
	DO_WAKE,
	DO_LISTEN,
	DO_CONNECT,
	DO_ACCEPT,
	DO_BATCH,
	DO_REAP,
	DO_CALM,
	DO_SETTLE,
	DO_TRY_OPEN,
	DO_TRY,
	DO_KINDS
};

/* The numbers are taken modulo what there is to choose from. */
struct step {
	uint8_t what;
	uint8_t a;
	uint8_t b;
	uint8_t c;
	uint32_t n;
	uint32_t m;
};

#define STEPS_MAX 20000

struct program {
	uint64_t seed;
	int count;
	bool plain; /* see kind_plain */
	struct step steps[STEPS_MAX];
};

void program_make(struct program *p, uint64_t seed, int count);

/* One line that says what a step is. */
void step_text(const struct step *s, char *text, size_t size);

/* What a step's numbers mean; for the executor and for the text. */
enum kind {
	KIND_TCP,
	KIND_PIKE_TCP, /* made by pike's own ops */
	KIND_UNIX,
	KIND_PIPE,
	KIND_DGRAM,
	KIND_SEQPACKET,
	KIND_UDP,
	/* only to try things on */
	KIND_NEW_TCP,
	KIND_NEW_UDP,
	KIND_NEW_UNIX,
	KIND_NEW_DGRAM,
	KIND_NEW_SEQPACKET,
	KIND_LISTENER,
	KIND_BUSY_LISTENER,
	KIND_BOUND_UDP,
	KINDS
};
#define KINDS_LINKED KIND_NEW_TCP

extern const char *const kind_names[KINDS];

/* What every system has: in a plain program that is all there is. */
enum kind kind_plain(enum kind k);

static inline bool kind_is_messages(enum kind k)
{
	return k >= KIND_DGRAM && k <= KIND_UDP;
}

enum kind step_link_kind(const struct step *s);
enum kind step_try_kind(const struct step *s);
int step_transfer(const struct step *s, enum kind kind);
bool step_all(const struct step *s, enum kind kind);
size_t step_length(const struct step *s, enum kind kind);
int64_t step_deadline(const struct step *s);
unsigned step_events(const struct step *s);
int step_try_opcode(const struct step *s);

/* How a program is run. */
struct setup {
	const char *backend;
	uint32_t features_off;
	int64_t patience_ns; /* after so long without a completion that must
				come, it never will */
	bool asks; /* one of the pair asks now and then for urgent data */
};

/* Something that must be the same in every run. */
struct fact {
	int32_t step;
	int32_t of; /* the step that began the op */
	uint16_t opcode;
	uint16_t flags;
	int32_t err;
	int64_t res;
	uint32_t sum;     /* of the bytes that came */
	uint32_t attempt; /* counts DO_TRY_OPEN */
};

#define FACTS_MAX 20000

struct outcome {
	bool failed;
	int step;
	int64_t ops; /* accepted */
	char rule[64];
	char text[400];
	int count;
	struct fact facts[FACTS_MAX];
};

/* Runs p; false: it broke a rule, which out tells. */
bool program_run(
    const struct program *p, const struct setup *how, struct outcome *out);

/* The rule of both runs together; all others are the model's. */
#define RULE_ALIKE "the same on both"

/* What two runs came to. */
struct verdict {
	bool bad;
	int step;
	int known; /* differences that are known */
	int64_t ops;
	char rule[64];
	char text[600];
};

/* Runs p both ways, in a child process where there are such. */
void program_compare(
    const struct program *p, const struct setup how[2], struct verdict *v);

/*
 * For backends that no one process has. Runs so many programs on one backend
 * and writes what they came to, or compares it with what another process has
 * written. Returns how many came out badly, and says what the first did.
 */
int paper_run(const char *path, bool writes, const struct setup *how, int count,
    int steps, char *first, size_t size);
void paper_write(
    FILE *to, const struct program *p, const struct outcome *outcome);
bool paper_read(FILE *from, const struct program *p, struct outcome *outcome);

/* Runs p and compares it with what was read. */
void program_compare_paper(const struct program *p, const struct setup how[2],
    FILE *from, struct verdict *v);

/*
 * Leaves out of p what is not needed for the verdict, for at most limit_ns.
 * Returns how many runs that took.
 */
int program_shrink(struct program *p, const struct setup how[2],
    const struct verdict *v, int64_t limit_ns);

#endif
