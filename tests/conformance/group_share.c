/* SPDX-License-Identifier: MIT */
/* Few buffers for long streams and many connections: who gets them, and that
 * nothing is lost. */
#include <stdlib.h>

#include "grouped.h"
#include "port_proc.h"

/* An op that waits holds none: of a hundred the one that has something to
 * receive gets the only buffer. */
CASE(a_connection_that_waits_holds_no_buffer)
{
	enum {
		PEERS = 100
	};
	pike_handle h[PEERS];
	pike_fd peer[PEERS];
	pike_id id[PEERS];
	int group = group_open(rig, 1, 64);

	for (int i = 0; i < PEERS; i++) {
		rig_peer(rig, RIG_UNIX, &h[i], &peer[i]);
		id[i] = submit(rig, i & 1 ? op_pour(h[i], group)
					  : op_group(PIKE_RECV, h[i], group));
	}
	fence(rig);
	for (int i = PEERS - 1; i >= 0; i--) {
		expect_pending(rig, id[i]);
		peer_write(rig, peer[i], "hello", 5);
		group_expect(
		    rig, id[i], group, "hello", 5, i & 1 ? SHOT : PIKE_BUFFER);
	}
	for (int i = 1; i < PEERS; i += 2)
		expect_cancelled(rig, id[i]);
}

/* A stream of bytes that tell their places, and how far it has come. */
struct flow {
	pike_fd fd;
	int64_t left;  /* to be written */
	uint32_t next; /* of the pattern written */
	uint32_t seen; /* of the pattern received */
};

static unsigned char flow_byte(uint32_t at)
{
	return (unsigned char)(at * 2654435761u >> 24);
}

/* Writes as much as there is room for. */
static void flow_write(struct flow *f)
{
	unsigned char out[8192];
	size_t len = sizeof(out);

	if ((int64_t)len > f->left)
		len = (size_t)f->left;
	for (size_t i = 0; i < len; i++)
		out[i] = flow_byte(f->next + (uint32_t)i);
	int64_t n = len ? port_write(f->fd, out, len) : 0;
	if (n <= 0)
		return;
	f->next += (uint32_t)n;
	f->left -= n;
	if (f->left == 0)
		port_finish_writing(f->fd);
}

static void flow_check(struct flow *f, const char *bytes, int64_t len)
{
	for (int64_t i = 0; i < len; i++)
		check_often((unsigned char)bytes[i] == flow_byte(f->seen++));
}

/* Many MiB through four buffers, which are kept as long as can be: each goes
 * back when there is no other left. */
static void stream_long(struct rig *rig, enum rig_kind kind, bool shots)
{
	const int64_t total = INT64_C(12) << 20;
	struct flow f = {.left = total};
	struct pike_completion c;
	uint32_t kept[4];
	unsigned keeps = 0;
	pike_handle h;

	if (!rig_peer(rig, kind, &h, &f.fd))
		SKIP("not on this system");
	int group = group_open(rig, 4, 4096);
	struct pike_op op =
	    op_flags(op_group(PIKE_RECV, h, group), shots ? PIKE_MULTISHOT : 0);
	check_often(pike_submit(rig->q, &op) > 0);
	for (bool ended = false; !ended;) {
		flow_write(&f);
		int n = pike_reap(rig->q, &c, 1, keeps == 4 ? 0 : NS_PER_MS);
		if (n == 0) {
			for (; keeps > 0; keeps--)
				group_return(rig, group, kept[keeps - 1]);
			continue;
		}
		check_often(n == 1 && c.res >= 0 && c.err == 0);
		if (c.flags & PIKE_BUFFER) {
			flow_check(
			    &f, group_buffer(rig, group, c.buffer), c.res);
			check_often(keeps < 4);
			kept[keeps++] = c.buffer;
		}
		ended = c.flags & PIKE_EOF;
		check_often(ended || !shots == !(c.flags & PIKE_MORE));
		if (!ended && !shots)
			check_often(pike_submit(rig->q, &op) > 0);
	}
	ck_assert_int_eq(f.seen, total);
}

CASE(a_long_stream_goes_through_four_buffers_by_tcp)
{
	stream_long(rig, RIG_TCP, true);
}

CASE(a_long_stream_goes_through_four_buffers_by_unix)
{
	stream_long(rig, RIG_UNIX, true);
}

CASE(a_long_stream_goes_through_four_buffers_one_recv_each)
{
	stream_long(rig, RIG_TCP, false);
}

/*
 * A thousand connections that each always have something to say, and eight
 * buffers: when the least served has got its share, none has got much more.
 */
CASE(a_thousand_connections_share_eight_buffers)
{
	enum {
		PEERS = 1000,
		EACH = 40,
		MUCH = 4 * EACH
	};
	static struct {
		pike_handle h;
		pike_fd fd;
		int shots;
	} peer[PEERS];
	int group = group_open(rig, 8, 16);
	struct pike_completion done[8];
	const int peers = port_fewer() > 1 ? PEERS / 10 : PEERS;
	int poor = peers;
	char text[16 * 16];

	if (port_fd_limit(0) < 2 * PEERS + 100)
		port_fd_limit(2 * PEERS + 100);
	if (port_fd_limit(0) < 2 * PEERS + 100)
		SKIP("too few descriptors are allowed");
	pattern_fill(text, sizeof(text), 9);
	for (int i = 0; i < peers; i++) {
		if (!rig_peer(rig, RIG_UNIX, &peer[i].h, &peer[i].fd))
			SKIP("not on this system");
		peer[i].shots = 0;
		for (int j = 0; j < 10; j++)
			check_often(port_write(peer[i].fd, text,
					sizeof(text)) == sizeof(text));
		struct pike_op op =
		    op_tagged(op_pour(peer[i].h, group), &peer[i]);
		check_often(pike_submit(rig->q, &op) > 0);
	}
	while (poor > 0) {
		int n = pike_reap(rig->q, done, 8, -1);
		check_often(n > 0);
		for (int i = 0; i < n; i++) {
			size_t at =
			    (size_t)((char *)done[i].user_data - (char *)peer) /
			    sizeof(peer[0]);
			check_often(done[i].flags == SHOT);
			check_often(done[i].res == 16);
			check_often(
			    memcmp(group_buffer(rig, group, done[i].buffer),
				text + 16 * (peer[at].shots % 16), 16) == 0);
			poor -= ++peer[at].shots == EACH;
			check_often(peer[at].shots <= MUCH);
			group_return(rig, group, done[i].buffer);
		}
	}
	rig_close(rig);
}

/* With buffers enough for all that each has to say, none is served to its end
 * before another begins. */
CASE(who_always_has_something_lets_others_have_their_turn)
{
	enum {
		PEERS = 4,
		EACH = 200,
		FEW = 64
	};
	int group = group_open(rig, PEERS * EACH, 8);
	char text[EACH] = {0};
	int served[PEERS] = {0};
	pike_handle h[PEERS];
	pike_fd peer[PEERS];
	pike_id id[PEERS];

	for (int i = 0; i < PEERS; i++) {
		rig_peer(rig, RIG_UNIX, &h[i], &peer[i]);
		peer_write(rig, peer[i], text, sizeof(text));
	}
	for (int i = 0; i < PEERS; i++) {
		struct pike_op op = op_pour(h[i], group);
		op.len = 1;
		id[i] = submit(rig, op);
	}
	for (int n = 0; n < PEERS * EACH; n++) {
		struct pike_completion c = wait_any(rig);
		for (int i = 0; i < PEERS; i++)
			served[i] += c.id == id[i];
		for (int i = 0; n == PEERS * FEW && i < PEERS; i++)
			ck_assert_int_gt(served[i], 0);
	}
	for (int i = 0; i < PEERS; i++)
		expect_cancelled(rig, id[i]);
}

/* The room for results is for all connections together. */
CASE(many_that_receive_share_the_room_for_results)
{
	enum {
		PEERS = 20
	};
	struct pike_params params = {.shots_max = 3};
	pike_handle h[PEERS];
	pike_fd peer[PEERS];
	pike_id id[PEERS];

	rig_close(rig);
	rig_open(rig, &params);
	int group = group_open(rig, 64, 64);
	for (int i = 0; i < PEERS; i++) {
		rig_peer(rig, RIG_TCP, &h[i], &peer[i]);
		id[i] = submit(rig, op_pour(h[i], group));
	}
	for (int round = 0; round < 5; round++) {
		fence(rig);
		for (int i = 0; i < PEERS; i++) {
			ck_assert_int_eq(port_write(peer[i], "hello", 5), 5);
			port_settle(peer[i]);
		}
		for (int n = 0; n < PEERS;) {
			int more = rig_reap(rig, -1);
			ck_assert_int_le(more, 3);
			n += more;
		}
		for (int i = 0; i < PEERS; i++)
			group_expect(rig, id[i], group, "hello", 5, SHOT);
	}
	for (int i = 0; i < PEERS; i++)
		expect_cancelled(rig, id[i]);
}

int main(void)
{
	area_begin("group_share");
	area_add(a_connection_that_waits_holds_no_buffer);
	area_add(a_long_stream_goes_through_four_buffers_by_tcp);
	area_add(a_long_stream_goes_through_four_buffers_by_unix);
	area_add(a_long_stream_goes_through_four_buffers_one_recv_each);
	area_add(a_thousand_connections_share_eight_buffers);
	area_add(who_always_has_something_lets_others_have_their_turn);
	area_add(many_that_receive_share_the_room_for_results);
	return area_end();
}
