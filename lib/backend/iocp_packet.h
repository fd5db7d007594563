/* SPDX-License-Identifier: MIT */
/*
 * A call: what the system holds of an op while it has it. It is found again
 * from the OVERLAPPED that the port gives back, and is nobody else's before:
 * until then the system may write to it. Most ops have theirs in their own
 * slot, so that a connection that waits takes no memory for it; those that have
 * more to keep have a packet, made in chunks that are freed with their queue.
 */
#ifndef PIKE_LIB_BACKEND_IOCP_PACKET_H
#define PIKE_LIB_BACKEND_IOCP_PACKET_H

#include <stdbool.h>

#include "../queue.h"
#include "win_sys.h"

struct pike__packet;

/* What the end of a call means for its op. */
enum pike__took {
	PIKE__TOOK_ALL,  /* it has ended, with the result */
	PIKE__TOOK_SHOT, /* the result is one of many, or the last */
	PIKE__TOOK_ON,   /* there is more to do */
	PIKE__TOOK_STOP, /* it is paused */
	PIKE__TOOK_LATER /* it was refused: try again after a while */
};

typedef enum pike__took pike__take(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r);

/* By what it is taken: see iocp_op.c. */
enum pike__taken_by {
	PIKE__BY_TRANSFER = 1,
	PIKE__BY_FIRST, /* the steps of a receive from a group */
	PIKE__BY_CONNECT,
	PIKE__IN_SLOT = PIKE__BY_CONNECT, /* those up to here may be there */
	PIKE__BY_SECOND,
	PIKE__BY_ACCEPT,
	PIKE__BY_JOIN, /* a connect that was begun, and is asked for */
	PIKE__BY_POLL,
	PIKE__BY_PIPE, /* a poll of one */
	PIKE__BY_URGENT,
	PIKE__BY_OVER,
	PIKE__BY_TURN
};

struct pike__call {
	OVERLAPPED ov; /* first */
	pike_id id;    /* the op's; in a slot its own address, negative, less
			* enum pike__taken_by */
};

/* Where it is in a slot: words that requests of its kinds leave empty. Another
 * such word, the offset of a stream, has what was asked for. */
#define PIKE__CALL_WORD 1

_Static_assert(sizeof(struct pike__call) <= 5 * sizeof(uint64_t),
    "a call fits into words 1 to 5");

/* What few calls need beside: names, messages, polls. */
struct pike__detail {
	union {
		struct {
			struct sockaddr_storage name;
			INT name_len;
			WSAMSG msg;
		} message;
		/* As AcceptEx wants them: each with 16 bytes more. */
		char names[2 * (sizeof(struct sockaddr_storage) + 16)];
		struct pike__afd_poll poll;
	} u;
	struct pike__detail *next; /* free */
};

struct pike__packet {
	struct pike__call call; /* first; unused where a slot has it */
	OVERLAPPED *ov;
	HANDLE file; /* what the call was made on; null: none */
	struct pike__detail *detail;
	union {
		uint32_t buffer;  /* a receive from a group: its buffer */
		int64_t accepted; /* a socket that waits for its connection */
		struct pike__packet *next_free;
	} u;
	DWORD bytes; /* how it ended */
	DWORD error; /* a code of Winsock or Windows; 0 */
	DWORD flags; /* of a receive: the call reads and writes them */
	uint8_t by;  /* enum pike__taken_by */
	bool shoots; /* its success is one result of many */
	bool skips;  /* a call that succeeds at once sends no packet */
};

#define PIKE__PACKET_CHUNK 32

struct pike__chunks {
	void **at;
	uint32_t count;
	uint32_t cap;
};

/* What calls are in: chunks of these. */
enum pike__place_kind {
	PIKE__OF_PACKETS,
	PIKE__OF_SLOTS,
	PIKE__OF_HANDLES,
	PIKE__PLACES
};

struct pike__place {
	uintptr_t at;
	enum pike__place_kind kind;
};

struct pike__packets {
	struct pike__packet *free;
	struct pike__detail *free_details;
	struct pike__chunks chunks;
	struct pike__chunks details;
	struct pike__place *places; /* of all chunks, by their addresses, */
	uint32_t place_count;
	uint32_t place_cap;
	uint32_t known[PIKE__PLACES]; /* but for those after so many */
	struct pike__packet here; /* of the op that is looked at, if its call
				   * is in its slot */
};

/* Makes n packets and details at once; false when out of memory. */
bool pike__packets_fill(struct pike__packets *t, uint32_t n);
void pike__packets_free(struct pike__packets *t);

/* A packet for an op, cleared for a call; with a detail when wanted. Null when
 * out of memory. */
struct pike__packet *pike__packet_take(struct pike__packets *t,
    struct pike__slot *slot, enum pike__taken_by by, bool detail);
/* The same for a call that may be in the slot: it is, if the op has no packet
 * already. Good until the op's call has been made. */
struct pike__packet *pike__packet_here(
    struct pike__packets *t, struct pike__slot *slot, enum pike__taken_by by);
/* Whose call the port has given back, with its packet; null: nobody's, as that
 * of who uses a handle beside the queue: then ov is not looked into. */
struct pike__slot *pike__packet_came(
    struct pike_queue *q, OVERLAPPED *ov, struct pike__packet **packet);
/* The op needs none any more. */
void pike__packet_give(struct pike__packets *t, struct pike__slot *slot);

/* An op's own, kept in a word that requests leave empty; or null. */
static inline struct pike__packet *pike__packet_of(
    const struct pike__slot *slot)
{
	return (struct pike__packet *)(uintptr_t)slot->op.reserved[1];
}

/* That of the call that the system has. */
OVERLAPPED *pike__packet_ov(struct pike__slot *slot);
/* Asks the system to end it. */
void pike__packet_abort(struct pike__slot *slot);

#endif
