/* SPDX-License-Identifier: MIT */
/* Datagrams and sequenced packets received into buffers of a group. */
#include <stdlib.h>

#include "grouped.h"

/* A plain socket and a handle, both bound, of one family. */
struct packet_ends {
	pike_handle h;
	pike_fd fd;
	struct pike_addr h_addr, fd_addr;
};

static bool packet_ends(struct rig *rig, int family, struct packet_ends *e)
{
	e->h_addr = e->fd_addr = port_loopback(family);
	if (family == PIKE_AF_UNIX) {
		e->h_addr = rig_unix_addr(rig, "here");
		e->fd_addr = rig_unix_addr(rig, "there");
	}
	e->fd = port_bound(&e->fd_addr, PIKE_SOCK_DGRAM, 0);
	if (e->fd < 0)
		return false;
	rig_own(rig, e->fd);
	e->h = rig_socket(rig, family, PIKE_SOCK_DGRAM);
	expect_op(rig, op_at(PIKE_BIND, e->h, &e->h_addr), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, e->h, &e->h_addr), 0);
	return true;
}

static void packet_send(
    const struct packet_ends *e, const char *bytes, size_t len)
{
	ck_assert_int_eq(
	    port_send_to(e->fd, bytes, len, &e->h_addr), (int64_t)len);
}

/* The next result of id is a datagram of the plain socket's. */
static void packet_expect(struct rig *rig, const struct packet_ends *e,
    pike_id id, int group, const char *bytes, size_t len, uint32_t flags)
{
	struct pike_completion c = wait_one(rig, id);
	struct pike_addr from;

	ck_assert_int_eq(c.res, (int64_t)len);
	/* Some systems take no buffer for an empty datagram. */
	if (!len && !(c.flags & PIKE_BUFFER)) {
		ck_assert_uint_eq(c.flags, flags & ~PIKE_BUFFER);
		return;
	}
	ck_assert_uint_eq(c.flags, flags);
	char *buffer = group_buffer(rig, group, c.buffer);
	memcpy(&from, buffer, sizeof(from));
	ck_assert(addr_equal(&from, &e->fd_addr));
	if (len)
		ck_assert_mem_eq(buffer + PIKE_GROUP_DATA, bytes, len);
	group_return(rig, group, c.buffer);
}

static void packet_from(struct rig *rig, int family)
{
	struct packet_ends e;
	int group = group_open(rig, 2, PIKE_GROUP_DATA + 64);
	char big[100];

	ck_assert_uint_eq(sizeof(struct pike_addr), PIKE_GROUP_DATA);
	if (!packet_ends(rig, family, &e))
		SKIP("no such family here");
	struct pike_op op = op_group(PIKE_RECVFROM, e.h, group);
	pike_id id = submit(rig, op);
	fence(rig);
	expect_pending(rig, id);
	packet_send(&e, "waited", 6);
	packet_expect(rig, &e, id, group, "waited", 6, PIKE_BUFFER);
	packet_send(&e, "found", 5);
	packet_expect(rig, &e, submit(rig, op), group, "found", 5, PIKE_BUFFER);
	packet_send(&e, "", 0);
	packet_expect(rig, &e, submit(rig, op), group, "", 0, PIKE_BUFFER);
	pattern_fill(big, sizeof(big), 4);
	packet_send(&e, big, sizeof(big));
	packet_expect(rig, &e, submit(rig, op), group, big, 64,
	    PIKE_BUFFER | PIKE_TRUNCATED);
	packet_send(&e, big, 64);
	packet_expect(rig, &e, submit(rig, op), group, big, 64, PIKE_BUFFER);
	op.len = 7;
	packet_send(&e, big, 8);
	packet_expect(rig, &e, submit(rig, op), group, big, 7,
	    PIKE_BUFFER | PIKE_TRUNCATED);
	group_expect_free(rig, group, 2);
}

CASE(a_recvfrom_puts_the_sender_before_the_data_by_ipv4)
{
	packet_from(rig, PIKE_AF_INET);
}

CASE(a_recvfrom_puts_the_sender_before_the_data_by_ipv6)
{
	packet_from(rig, PIKE_AF_INET6);
}

CASE(a_recvfrom_puts_the_sender_before_the_data_by_unix)
{
	packet_from(rig, PIKE_AF_UNIX);
}

static void packet_from_many(struct rig *rig, int family)
{
	struct packet_ends e;
	int group = group_open(rig, 3, PIKE_GROUP_DATA + 64);
	char text[64];

	if (!packet_ends(rig, family, &e))
		SKIP("no such family here");
	pike_id id = submit(
	    rig, op_flags(op_group(PIKE_RECVFROM, e.h, group), PIKE_MULTISHOT));
	for (unsigned i = 0; i < 100; i++) {
		size_t len = i % 7 ? i % 64 : 0;
		pattern_fill(text, sizeof(text), i);
		packet_send(&e, text, len);
		packet_expect(rig, &e, id, group, text, len, SHOT);
	}
	pattern_fill(text, sizeof(text), 5);
	for (int i = 0; i < 3; i++)
		packet_send(&e, text, 20);
	for (int i = 0; i < 3; i++)
		packet_expect(rig, &e, id, group, text, 20, SHOT);
	expect_cancelled(rig, id);
	group_expect_free(rig, group, 3);
}

CASE(one_recvfrom_receives_many_datagrams_by_ipv4)
{
	packet_from_many(rig, PIKE_AF_INET);
}

CASE(one_recvfrom_receives_many_datagrams_by_ipv6)
{
	packet_from_many(rig, PIKE_AF_INET6);
}

CASE(one_recvfrom_receives_many_datagrams_by_unix)
{
	packet_from_many(rig, PIKE_AF_UNIX);
}

/* A stream's sender has no address, but its buffer the room for one. */
CASE(a_recvfrom_works_on_streams)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 2, PIKE_GROUP_DATA + 8);

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(
	    rig, op_flags(op_group(PIKE_RECVFROM, h, group), PIKE_MULTISHOT));
	fence(rig);
	peer_write(rig, peer, "0123456789", 10);
	for (int i = 0; i < 2; i++) {
		struct pike_completion c = wait_one(rig, id);
		ck_assert_int_eq(c.res, i ? 2 : 8);
		ck_assert_uint_eq(c.flags, SHOT);
		ck_assert_mem_eq(
		    group_buffer(rig, group, c.buffer) + PIKE_GROUP_DATA,
		    i ? "89" : "01234567", (size_t)c.res);
		group_return(rig, group, c.buffer);
	}
	port_finish_writing(peer);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	group_expect_free(rig, group, 2);
}

/* Connected, without the sender. */
static void packet_plain(struct rig *rig, enum rig_kind kind)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 3, 16);
	char text[40];

	if (!rig_peer(rig, kind, &h, &peer))
		SKIP("not on this system");
	pattern_fill(text, sizeof(text), 2);
	pike_id id = submit(rig, op_pour(h, group));
	fence(rig);
	for (int i = 0; i < 30; i++) {
		size_t len = 1 + (size_t)i % 16;
		peer_write(rig, peer, text, len);
		group_expect(rig, id, group, text, len, SHOT);
	}
	peer_write(rig, peer, text, 40);
	group_expect(rig, id, group, text, 16, SHOT | PIKE_TRUNCATED);
	peer_write(rig, peer, text, 16);
	group_expect(rig, id, group, text, 16, SHOT);
	/* Each one by itself, also of several that wait. */
	for (size_t len = 1; len <= 3; len++)
		peer_write(rig, peer, text, len);
	for (size_t len = 1; len <= 3; len++)
		group_expect(rig, id, group, text, len, SHOT);
	/* An empty one needs no buffer and is no end. */
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(port_write(peer, "", 0), 0);
		expect_one(rig, id, 0, 0, PIKE_MORE);
	}
	peer_write(rig, peer, text, 5);
	group_expect(rig, id, group, text, 5, SHOT);
	expect_cancelled(rig, id);
	/* The same once. */
	struct pike_op op = op_group(PIKE_RECV, h, group);
	ck_assert_int_eq(port_write(peer, "", 0), 0);
	expect_op(rig, op, 0);
	peer_write(rig, peer, text, 17);
	group_expect(rig, submit(rig, op), group, text, 16,
	    PIKE_BUFFER | PIKE_TRUNCATED);
	group_expect_free(rig, group, 3);
}

CASE(one_recv_receives_many_unix_datagrams)
{
	packet_plain(rig, RIG_DGRAM);
}

CASE(one_recv_receives_many_sequenced_packets)
{
	packet_plain(rig, RIG_SEQPACKET);
}

CASE(the_end_of_sequenced_packets_is_an_end)
{
	pike_handle h;
	pike_fd peer;
	int group = group_open(rig, 3, 16);

	if (!rig_peer(rig, RIG_SEQPACKET, &h, &peer))
		SKIP("not on this system");
	pike_id id = submit(rig, op_pour(h, group));
	fence(rig);
	peer_write(rig, peer, "last", 4);
	rig_drop(rig, peer);
	group_expect(rig, id, group, "last", 4, SHOT);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	group_expect_free(rig, group, 3);
}

CASE(one_recv_receives_many_udp_datagrams)
{
	struct packet_ends e;
	int group = group_open(rig, 2, 16);

	ck_assert(packet_ends(rig, PIKE_AF_INET, &e));
	pike_id id = submit(rig, op_pour(e.h, group));
	for (int i = 0; i < 30; i++) {
		packet_send(&e, "0123456789abcdefgh", (size_t)i % 19);
		if (i % 19 == 0)
			expect_one(rig, id, 0, 0, PIKE_MORE);
		else if (i % 19 <= 16)
			group_expect(rig, id, group, "0123456789abcdef",
			    (size_t)i % 19, SHOT);
		else
			group_expect(rig, id, group, "0123456789abcdef", 16,
			    SHOT | PIKE_TRUNCATED);
	}
	expect_cancelled(rig, id);
	group_expect_free(rig, group, 2);
}

/* What comes while no buffer is free waits in the system. */
CASE(datagrams_wait_for_a_buffer)
{
	struct packet_ends e;
	int group = group_open(rig, 2, PIKE_GROUP_DATA + 16);
	char text[16];

	ck_assert(packet_ends(rig, PIKE_AF_INET, &e));
	for (unsigned i = 0; i < 10; i++) {
		pattern_fill(text, sizeof(text), i);
		packet_send(&e, text, sizeof(text));
	}
	pike_id id = submit(
	    rig, op_flags(op_group(PIKE_RECVFROM, e.h, group), PIKE_MULTISHOT));
	for (unsigned i = 0; i < 10; i++) {
		fence(rig);
		pattern_fill(text, sizeof(text), i);
		packet_expect(rig, &e, id, group, text, sizeof(text), SHOT);
	}
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
}

/* What was cut is a result as any other, and needs room as any other. */
CASE(a_flood_of_what_does_not_fit_keeps_to_the_room_for_results)
{
	enum {
		PEERS = 20,
		EACH = 4,
		ROOM = 3
	};
	struct pike_params params = {.shots_max = ROOM};
	struct packet_ends e[PEERS];
	pike_id id[PEERS];
	char big[40];

	rig_close(rig);
	rig_open(rig, &params);
	int group = group_open(rig, PEERS * EACH, 16);
	pattern_fill(big, sizeof(big), 7);
	for (int i = 0; i < PEERS; i++) {
		ck_assert(packet_ends(rig, PIKE_AF_INET, &e[i]));
		id[i] = submit(rig, op_pour(e[i].h, group));
	}
	fence(rig);
	for (int i = 0; i < PEERS * EACH; i++)
		packet_send(&e[i % PEERS], big, sizeof(big));
	for (int n = 0; n < PEERS * EACH;) {
		int more = rig_reap(rig, -1);
		ck_assert_int_le(more, ROOM);
		n += more;
	}
	for (int i = 0; i < PEERS * EACH; i++)
		group_expect(
		    rig, id[i % PEERS], group, big, 16, SHOT | PIKE_TRUNCATED);
	fence(rig);
	for (int i = 0; i < PEERS; i++)
		expect_cancelled(rig, id[i]);
	group_expect_free(rig, group, PEERS * EACH);
}

int main(void)
{
	area_begin("group_packet");
	area_add(a_recvfrom_puts_the_sender_before_the_data_by_ipv4);
	area_add(a_recvfrom_puts_the_sender_before_the_data_by_ipv6);
	area_add(a_recvfrom_puts_the_sender_before_the_data_by_unix);
	area_add(one_recvfrom_receives_many_datagrams_by_ipv4);
	area_add(one_recvfrom_receives_many_datagrams_by_ipv6);
	area_add(one_recvfrom_receives_many_datagrams_by_unix);
	area_add(a_recvfrom_works_on_streams);
	area_add(one_recv_receives_many_unix_datagrams);
	area_add(one_recv_receives_many_sequenced_packets);
	area_add(the_end_of_sequenced_packets_is_an_end);
	area_add(one_recv_receives_many_udp_datagrams);
	area_add(datagrams_wait_for_a_buffer);
	area_add(a_flood_of_what_does_not_fit_keeps_to_the_room_for_results);
	return area_end();
}
