/* SPDX-License-Identifier: MIT */
/*
 * A packet: what the system holds of an op while it has it. It is found again
 * from the OVERLAPPED that the port gives back, and is nobody else's before:
 * until then the system may write to it. Packets are made in chunks that are
 * freed with their queue.
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
	PIKE__TOOK_STOP  /* it is paused */
};

typedef enum pike__took pike__take(struct pike_queue *q,
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r);

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
	OVERLAPPED ov; /* first */
	pike_id id;
	pike__take *take;
	HANDLE file; /* what the call was made on; null: none */
	struct pike__detail *detail;
	union {
		size_t want;      /* a transfer: how many bytes it asked for */
		uint32_t buffer;  /* a receive from a group: its buffer */
		int64_t accepted; /* a socket that waits for its connection */
		struct pike__packet *next_free;
	} u;
	DWORD bytes; /* how it ended */
	DWORD error; /* a code of Winsock or Windows; 0 */
	DWORD flags; /* of a receive: the call reads and writes them */
	bool shoots; /* its success is one result of many */
	bool skips;  /* a call that succeeds at once sends no packet */
};

#define PIKE__PACKET_CHUNK 32

struct pike__packets {
	struct pike__packet *free;
	struct pike__detail *free_details;
	void **chunks;
	uint32_t count;
	uint32_t cap;
};

void pike__packets_free(struct pike__packets *t);

/* A packet for an op, cleared for a call; with a detail when wanted. Null when
 * out of memory. */
struct pike__packet *pike__packet_take(
    struct pike__packets *t, struct pike__slot *slot, bool detail);
/* The op needs none any more. */
void pike__packet_give(struct pike__packets *t, struct pike__slot *slot);

/* Kept in a word that requests leave empty. */
static inline struct pike__packet *pike__packet_of(
    const struct pike__slot *slot)
{
	return (struct pike__packet *)(uintptr_t)slot->op.reserved[1];
}

#endif
