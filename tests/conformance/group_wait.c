/* SPDX-License-Identifier: MIT */
/* Ops that wait for a buffer of their group, and what may end them. */
#include <stdlib.h>

#include "grouped.h"

#define PEERS 8

/* A group whose buffers are all out, and connections that have something to
 * say; h[i] says "0", "1" ... */
struct starved {
	int group;
	uint32_t count;
	uint32_t out[4];
	pike_handle h[PEERS];
	pike_fd peer[PEERS];
	pike_id id[PEERS];
};

static void starved_open(struct rig *rig, struct starved *s, uint32_t count)
{
	pike_handle h;
	pike_fd peer;

	s->group = group_open(rig, count, 64);
	s->count = count;
	rig_peer(rig, RIG_TCP, &h, &peer);
	for (uint32_t i = 0; i < count; i++) {
		peer_write(rig, peer, "x", 1);
		pike_id id = submit(rig, op_group(PIKE_RECV, h, s->group));
		s->out[i] = group_take(rig, id, s->group, "x", 1, PIKE_BUFFER);
	}
	for (int i = 0; i < PEERS; i++)
		rig_peer(rig, RIG_TCP, &s->h[i], &s->peer[i]);
}

static void starved_say(struct rig *rig, struct starved *s, int i)
{
	char digit = (char)('0' + i);

	peer_write(rig, s->peer[i], &digit, 1);
}

static struct pike_op starved_op(const struct starved *s, int i, bool shots)
{
	return op_flags(
	    op_group(PIKE_RECV, s->h[i], s->group), shots ? PIKE_MULTISHOT : 0);
}

/* All say something and then wait for it, one after the other. */
static void starved_wait(struct rig *rig, struct starved *s, bool shots)
{
	for (int i = 0; i < PEERS; i++) {
		starved_say(rig, s, i);
		s->id[i] = submit(rig, starved_op(s, i, shots));
	}
	fence(rig);
	for (int i = 0; i < PEERS; i++)
		expect_pending(rig, s->id[i]);
}

static uint32_t starved_take(
    struct rig *rig, struct starved *s, int i, uint32_t flags)
{
	char digit = (char)('0' + i);

	return group_take(rig, s->id[i], s->group, &digit, 1, flags);
}

static void wait_in_turn(struct rig *rig, bool shots)
{
	struct starved s;

	starved_open(rig, &s, 1);
	starved_wait(rig, &s, shots);
	for (int i = 0; i < PEERS; i++) {
		group_return(rig, s.group, s.out[0]);
		fence(rig);
		for (int j = i + 1; j < PEERS; j++)
			expect_pending(rig, s.id[j]);
		s.out[0] = starved_take(rig, &s, i, shots ? SHOT : PIKE_BUFFER);
	}
	group_return(rig, s.group, s.out[0]);
	for (int i = 0; shots && i < PEERS; i++)
		expect_cancelled(rig, s.id[i]);
	group_expect_free(rig, s.group, 1);
}

CASE(ops_that_wait_for_a_buffer_go_on_in_their_order)
{
	wait_in_turn(rig, false);
}

CASE(multishot_ops_that_wait_for_a_buffer_go_on_in_their_order)
{
	wait_in_turn(rig, true);
}

/* One that has nothing to receive does not keep a buffer from others. */
CASE(who_has_nothing_to_receive_leaves_the_buffer_to_the_next)
{
	struct starved s;

	for (int shots = 0; shots < 2; shots++) {
		starved_open(rig, &s, 1);
		for (int i = 0; i < PEERS; i++)
			s.id[i] = submit(rig, starved_op(&s, i, shots));
		starved_say(rig, &s, 5);
		fence(rig);
		for (int i = 0; i < PEERS; i++)
			expect_pending(rig, s.id[i]);
		group_return(rig, s.group, s.out[0]);
		uint32_t flags = shots ? SHOT : PIKE_BUFFER;
		group_return(rig, s.group, starved_take(rig, &s, 5, flags));
		starved_say(rig, &s, 2);
		group_return(rig, s.group, starved_take(rig, &s, 2, flags));
		for (int i = 0; i < PEERS; i++) {
			if (shots || (i != 5 && i != 2))
				expect_cancelled(rig, s.id[i]);
		}
		group_expect_free(rig, s.group, 1);
	}
}

CASE(no_byte_is_lost_while_it_waits)
{
	struct starved s;
	char text[256];

	starved_open(rig, &s, 2);
	pattern_fill(text, sizeof(text), 6);
	s.id[0] = submit(rig, op_pour(s.h[0], s.group));
	peer_write(rig, s.peer[0], text, 100);
	fence(rig);
	peer_write(rig, s.peer[0], text + 100, 156);
	port_finish_writing(s.peer[0]);
	fence(rig);
	expect_pending(rig, s.id[0]);
	group_return(rig, s.group, s.out[0]);
	for (size_t at = 0; at < sizeof(text); at += 64) {
		group_expect(rig, s.id[0], s.group, text + at, 64, SHOT);
		fence(rig);
	}
	expect_one(rig, s.id[0], 0, 0, PIKE_EOF);
}

CASE(it_pauses_in_the_middle_of_a_stream_and_goes_on)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 3, 8);
	uint32_t out[3];
	char text[72];

	pattern_fill(text, sizeof(text), 7);
	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_pour(h, group));
	peer_write(rig, peer, text, sizeof(text));
	for (size_t at = 0; at < sizeof(text); at += 24) {
		for (size_t i = 0; i < 3; i++)
			out[i] = group_take(
			    rig, id, group, text + at + 8 * i, 8, SHOT);
		fence(rig);
		expect_pending(rig, id);
		for (size_t i = 0; i < 3; i++)
			group_return(rig, group, out[i]);
	}
	fence(rig);
	expect_cancelled(rig, id);
	group_expect_free(rig, group, 3);
}

/* In any order; the others keep theirs, and no byte of theirs is lost. */
static void wait_cancel(struct rig *rig, bool shots, int first, int step)
{
	struct starved s;
	uint32_t flags = shots ? SHOT : PIKE_BUFFER;

	starved_open(rig, &s, 1);
	starved_wait(rig, &s, shots);
	for (int i = 0; i < PEERS / 2; i++)
		expect_cancelled(rig, s.id[(first + i * step + PEERS) % PEERS]);
	for (int i = 0; i < PEERS; i++) {
		if (!in_flight(rig, s.id[i]))
			continue;
		group_return(rig, s.group, s.out[0]);
		s.out[0] = starved_take(rig, &s, i, flags);
		if (shots)
			expect_cancelled(rig, s.id[i]);
	}
	group_return(rig, s.group, s.out[0]);
	group_expect_free(rig, s.group, 1);
	/* What the cancelled ones waited for is still there. */
	for (int i = 0; i < PEERS / 2; i++) {
		int at = (first + i * step + PEERS) % PEERS;
		s.id[at] = submit(rig, starved_op(&s, at, false));
		group_return(
		    rig, s.group, starved_take(rig, &s, at, PIKE_BUFFER));
	}
	ck_assert_int_eq(pike_group_close(rig->q, (uint32_t)s.group), 0);
}

CASE(ops_that_wait_for_a_buffer_are_cancelled_in_any_order)
{
	for (int shots = 0; shots < 2; shots++) {
		wait_cancel(rig, shots, 0, 1);
		wait_cancel(rig, shots, PEERS - 1, -1);
		wait_cancel(rig, shots, 1, 3);
	}
}

CASE(a_deadline_ends_one_that_waits_for_a_buffer)
{
	struct starved s;

	starved_open(rig, &s, 1);
	for (int i = 0; i < 3; i++) {
		starved_say(rig, &s, i);
		struct pike_op op = starved_op(&s, i, i & 1);
		s.id[i] = submit(
		    rig, op_deadline(op, i == 1 ? 1 : 3600000 * NS_PER_MS));
	}
	expect_error(rig, s.id[1], PIKE_ETIME);
	group_return(rig, s.group, s.out[0]);
	group_return(rig, s.group, starved_take(rig, &s, 0, PIKE_BUFFER));
	group_return(rig, s.group, starved_take(rig, &s, 2, PIKE_BUFFER));
	s.id[1] = submit(rig, starved_op(&s, 1, false));
	group_return(rig, s.group, starved_take(rig, &s, 1, PIKE_BUFFER));
}

CASE(a_close_ends_those_that_wait_for_a_buffer)
{
	struct starved s;

	for (int shots = 0; shots < 2; shots++) {
		starved_open(rig, &s, 1);
		starved_wait(rig, &s, shots);
		pike_id behind = submit(rig, starved_op(&s, 4, false));
		pike_id close = submit(rig, op_close(s.h[4]));
		expect_error(rig, s.id[4], PIKE_ECANCELED);
		expect_error(rig, behind, PIKE_ECANCELED);
		expect_one(rig, close, 0, 0, 0);
		ck_assert_int_eq(pike_cancel_handle(rig->q, s.h[0]), 1);
		expect_error(rig, s.id[0], PIKE_ECANCELED);
		group_return(rig, s.group, s.out[0]);
		uint32_t flags = shots ? SHOT : PIKE_BUFFER;
		for (int i = 1; i < PEERS; i++) {
			if (i == 4)
				continue;
			group_return(
			    rig, s.group, starved_take(rig, &s, i, flags));
			if (shots)
				expect_cancelled(rig, s.id[i]);
		}
		group_expect_free(rig, s.group, 1);
	}
}

CASE(a_queue_closes_with_ops_that_wait_for_a_buffer)
{
	struct starved s;

	starved_open(rig, &s, 2);
	starved_wait(rig, &s, true);
	submit(rig, starved_op(&s, 0, false));
	rig_close(rig);
}

CASE(groups_wait_apart)
{
	struct starved s;
	pike_handle h;
	pike_fd peer;
	int other = group_open(rig, 1, 64);

	starved_open(rig, &s, 1);
	starved_wait(rig, &s, true);
	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_pour(h, other));
	for (int i = 0; i < 5; i++) {
		peer_write(rig, peer, "hello", 5);
		group_expect(rig, id, other, "hello", 5, SHOT);
	}
	for (int i = 0; i < PEERS; i++)
		expect_pending(rig, s.id[i]);
	group_return(rig, s.group, s.out[0]);
	for (int i = 0; i < PEERS; i++) {
		group_return(rig, s.group, starved_take(rig, &s, i, SHOT));
		expect_cancelled(rig, s.id[i]);
	}
	expect_cancelled(rig, id);
}

/* A return without a reap after it makes the foreign loop look. */
CASE(a_return_shows_in_pollable)
{
	struct starved s;

	starved_open(rig, &s, 1);
	starved_wait(rig, &s, false);
	pike_fd fd = pike_pollable(rig->q);
	ck_assert_int_ge(fd, 0);
	while (rig_reap(rig, 0) > 0)
		continue;
	for (int i = 0; i < PEERS; i++) {
		ck_assert(!port_is_readable(fd));
		group_return(rig, s.group, s.out[0]);
		port_wait_readable(fd);
		s.out[0] = starved_take(rig, &s, i, PIKE_BUFFER);
		while (rig_reap(rig, 0) > 0)
			continue;
	}
}

CASE(who_waits_for_a_buffer_does_not_spin)
{
	struct starved s;

	starved_open(rig, &s, 1);
	starved_wait(rig, &s, true);
	expect_idle(rig);
	for (int i = 0; i < PEERS; i++)
		expect_cancelled(rig, s.id[i]);
}

int main(void)
{
	area_begin("group_wait");
	area_add(ops_that_wait_for_a_buffer_go_on_in_their_order);
	area_add(multishot_ops_that_wait_for_a_buffer_go_on_in_their_order);
	area_add(who_has_nothing_to_receive_leaves_the_buffer_to_the_next);
	area_add(no_byte_is_lost_while_it_waits);
	area_add(it_pauses_in_the_middle_of_a_stream_and_goes_on);
	area_add(ops_that_wait_for_a_buffer_are_cancelled_in_any_order);
	area_add(a_deadline_ends_one_that_waits_for_a_buffer);
	area_add(a_close_ends_those_that_wait_for_a_buffer);
	area_add(a_queue_closes_with_ops_that_wait_for_a_buffer);
	area_add(groups_wait_apart);
	area_add(a_return_shows_in_pollable);
	area_add(who_waits_for_a_buffer_does_not_spin);
	return area_end();
}
