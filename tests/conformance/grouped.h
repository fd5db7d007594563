/* SPDX-License-Identifier: MIT */
/* What the cases about groups of buffers share. */
#ifndef PIKE_TESTS_GROUPED_H
#define PIKE_TESTS_GROUPED_H

#include "harness.h"

#define SHOT (PIKE_MORE | PIKE_BUFFER)

static inline int group_open(struct rig *rig, uint32_t count, uint32_t size)
{
	int group = pike_group_open(rig->q, count, size, NULL);

	ck_assert_int_gt(group, 0);
	ck_assert_int_le(group, 65535);
	return group;
}

static inline void group_return(struct rig *rig, int group, uint32_t buffer)
{
	check_often(pike_group_return(rig->q, (uint32_t)group, buffer) == 0);
}

static inline char *group_buffer(struct rig *rig, int group, uint32_t buffer)
{
	char *memory = pike_group_buffer(rig->q, (uint32_t)group, buffer);

	ck_assert_ptr_nonnull(memory);
	return memory;
}

/* The next result of id: these bytes, in a buffer that is not returned. */
static inline uint32_t group_take(struct rig *rig, pike_id id, int group,
    const char *bytes, size_t len, uint32_t flags)
{
	struct pike_completion c = wait_one(rig, id);

	ck_assert_int_eq(c.res, (int64_t)len);
	ck_assert_uint_eq(c.flags, flags);
	ck_assert_int_eq(c.err, 0);
	ck_assert_mem_eq(group_buffer(rig, group, c.buffer), bytes, len);
	return c.buffer;
}

/* The same, and back it goes. */
static inline void group_expect(struct rig *rig, pike_id id, int group,
    const char *bytes, size_t len, uint32_t flags)
{
	group_return(rig, group, group_take(rig, id, group, bytes, len, flags));
}

/* How many buffers an application can have of a group now: a connection
 * takes all that are free. They are returned. */
static inline void group_expect_free(struct rig *rig, int group, unsigned count)
{
	uint32_t *buffer = calloc(count + 1, sizeof(*buffer));
	pike_handle h;
	pike_fd peer;

	ck_assert(rig_peer(rig, RIG_TCP, &h, &peer));
	for (unsigned i = 0; i < count; i++) {
		peer_write(rig, peer, "x", 1);
		pike_id id = submit(rig, op_group(PIKE_RECV, h, group));
		buffer[i] = group_take(rig, id, group, "x", 1, PIKE_BUFFER);
	}
	peer_write(rig, peer, "x", 1);
	pike_id id = submit(rig, op_group(PIKE_RECV, h, group));
	fence(rig);
	expect_pending(rig, id);
	for (unsigned i = 0; i < count; i++)
		group_return(rig, group, buffer[i]);
	group_expect(rig, id, group, "x", 1, PIKE_BUFFER);
	free(buffer);
}

#endif
