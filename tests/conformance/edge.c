/* SPDX-License-Identifier: MIT */
/* What the system tells once has to serve every op that it concerns. */
#include "harness.h"

/* Trap 10: an edge is told once, however many reads it feeds. */
CASE(short_reads_need_no_more_from_the_peer)
{
	enum {
		TOTAL = 20000
	};
	static char out[TOTAL], in[TOTAL];
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pattern_fill(out, TOTAL, 3);
	peer_write(rig, peer, out, TOTAL);
	for (int i = 0; i < TOTAL; i++)
		expect_op(rig, op_recv(h, &in[i], 1), 1);
	pattern_check(in, TOTAL, 3);
}

/* The edge that woke a recv has told of all that came with it. */
CASE(rest_of_what_woke_a_recv_is_there_for_the_next)
{
	pike_handle h;
	pike_fd peer;
	char in[16];

	for (int i = 0; i < 2; i++) {
		rig_peer(rig, i ? RIG_UNIX : RIG_TCP, &h, &peer);
		for (int round = 0; round < 3; round++) {
			pike_id id = submit(rig, op_recv(h, in, 2));
			fence(rig);
			expect_pending(rig, id);
			peer_write(rig, peer, "12345", 5);
			expect_one(rig, id, 2, 0, 0);
			fence(rig);
			expect_op(rig, op_recv(h, in, 16), 3);
			ck_assert_mem_eq(in, "345", 3);
		}
	}
}

/* Trap 14: nor is there another edge for an end that came with data. */
CASE(end_that_came_with_data_is_there_for_the_next)
{
	pike_handle h;
	pike_fd peer;
	char in[16];

	for (int i = 0; i < 8; i++) {
		rig_peer(rig, i & 1 ? RIG_UNIX : RIG_TCP, &h, &peer);
		if (i & 4) {
			pike_id warm = submit(rig, op_recv(h, in, 16));
			fence(rig);
			peer_write(rig, peer, "1", 1);
			expect_one(rig, warm, 1, 0, 0);
		}
		pike_id id = submit(rig, op_recv(h, in, 16));
		fence(rig);
		expect_pending(rig, id);
		peer_write(rig, peer, "12345", 5);
		if (i & 2)
			port_finish_writing(peer);
		else
			rig_drop(rig, peer);
		expect_one(rig, id, 5, 0, 0);
		fence(rig);
		expect_op_flags(rig, op_recv(h, in, 16), 0, PIKE_EOF);
	}
}

/* The same of a reset: told with data or without, it is not forgotten. */
CASE(reset_of_a_recv_that_waited_again)
{
	pike_handle h;
	pike_fd peer;
	char in[16];

	rig_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < 3; i++) {
		pike_id id = submit(rig, op_recv(h, in, 16));
		fence(rig);
		peer_write(rig, peer, "12345", 5);
		expect_one(rig, id, 5, 0, 0);
	}
	pike_id id = submit(rig, op_recv(h, in, 16));
	fence(rig);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_error(rig, id, PIKE_ECONNRESET);
}

int main(void)
{
	area_begin("edge");
	area_add(short_reads_need_no_more_from_the_peer);
	area_add(rest_of_what_woke_a_recv_is_there_for_the_next);
	area_add(end_that_came_with_data_is_there_for_the_next);
	area_add(reset_of_a_recv_that_waited_again);
	return area_end();
}
