/* SPDX-License-Identifier: MIT */
/* What each opcode takes, and whether a request is a valid one. */
#ifndef PIKE_LIB_OP_H
#define PIKE_LIB_OP_H

#include <pike.h>

/*
 * Where an op waits its turn. Ops of one lane of a handle take effect in the
 * order of submission; those of PIKE__POLLS each by itself.
 */
enum pike__lane_no {
	PIKE__READS,
	PIKE__WRITES,
	PIKE__POLLS,
	PIKE__LANES,
	PIKE__AT_ONCE = PIKE__LANES /* never waits */
};

/* What an op needs and what may be done to it. */
enum {
	PIKE__OP_HANDLE = 0x01,    /* names a handle */
	PIKE__OP_CORE = 0x02,      /* done by the core alone */
	PIKE__OP_TIMELESS = 0x04,  /* takes no deadline */
	PIKE__OP_BUFFER = 0x08,    /* buf and len are bytes */
	PIKE__OP_VECTOR = 0x10,    /* buf and len are an array of iovec */
	PIKE__OP_MESSAGE = 0x20,   /* buf is a pike_msg */
	PIKE__OP_NAME_IN = 0x40,   /* addr is read */
	PIKE__OP_NAME_MUST = 0x80, /* addr may not be null */
	PIKE__OP_NAME_OUT = 0x100, /* addr is written */
	PIKE__OP_STREAM = 0x200    /* offset must be 0 or -1 */
};

struct pike__op_info {
	const char *name;
	uint16_t needs;    /* PIKE__OP_* */
	uint16_t flags;    /* allowed in pike_op.flags */
	uint32_t op_flags; /* allowed in pike_op.op_flags */
	uint8_t lane;      /* enum pike__lane_no */
};

/* Indexed by opcode; entry 0 is empty. */
extern const struct pike__op_info pike__op_infos[PIKE_OPCODES];

/* The longest that one transfer may be; longer ones are served in part. */
#define PIKE__LEN_MAX ((size_t)0x7ffff000)

/* 0, or the code with which pike_submit refuses the op. Whether there is the
 * group that it names is not asked here. */
int pike__op_check(const struct pike_op *op);

/* Whether shots of a multishot op write to memory that the op points to. */
static inline int pike__op_writes(const struct pike_op *op)
{
	return (op->opcode == PIKE_ACCEPT && op->addr != NULL) ||
	       (op->opcode == PIKE_SIGNAL && op->buf != NULL);
}

#endif
