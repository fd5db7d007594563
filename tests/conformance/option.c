/* SPDX-License-Identifier: MIT */
/* Options of sockets. */
#include "harness.h"

static struct pike_op set(pike_handle h, int name, const int32_t *value)
{
	return op_option(
	    PIKE_SETSOCKOPT, h, PIKE_SOL, name, value, sizeof(*value));
}

static int32_t get(struct rig *rig, pike_handle h, int name)
{
	int32_t value = -99;

	expect_op(rig,
	    op_option(
		PIKE_GETSOCKOPT, h, PIKE_SOL, name, &value, sizeof(value)),
	    sizeof(value));
	return value;
}

static void round_trip(struct rig *rig, pike_handle h, int name, int32_t value)
{
	int32_t copy = value;
	pike_id id = submit(rig, set(h, name, &copy));

	/* The value is read during submit. */
	copy = ~value;
	expect_one(rig, id, 0, 0, 0);
	ck_assert_int_eq(get(rig, h, name), value);
}

CASE(options_that_are_on_or_off)
{
	static const int names[] = {PIKE_SO_REUSEADDR, PIKE_SO_REUSEPORT,
	    PIKE_SO_KEEPALIVE, PIKE_SO_NODELAY};
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i] == PIKE_SO_REUSEPORT && !port_can(PORT_REUSEPORT))
			continue;
		round_trip(rig, h, names[i], 1);
		round_trip(rig, h, names[i], 0);
		int32_t much = 17;
		struct pike_completion c =
		    perform(rig, set(h, names[i], &much));
		if (c.res == 0)
			ck_assert_int_eq(get(rig, h, names[i]), 1);
	}
	pike_handle d = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	round_trip(rig, d, PIKE_SO_BROADCAST, 1);
	round_trip(rig, d, PIKE_SO_BROADCAST, 0);
}

CASE_WHERE(
    options_of_keepalive, port_can(PORT_KEEPALIVE), "no such options here")
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	round_trip(rig, h, PIKE_SO_KEEPIDLE, 33);
	round_trip(rig, h, PIKE_SO_KEEPINTVL, 7);
	round_trip(rig, h, PIKE_SO_KEEPCNT, 5);
	int32_t bad = 0;
	expect_op(rig, set(h, PIKE_SO_KEEPIDLE, &bad), -PIKE_EINVAL);
}

CASE(options_of_buffers)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	int32_t ask = 65536;

	expect_op(rig, set(h, PIKE_SO_RCVBUF, &ask), 0);
	expect_op(rig, set(h, PIKE_SO_SNDBUF, &ask), 0);
	ck_assert_int_ge(get(rig, h, PIKE_SO_RCVBUF), 65536);
	ck_assert_int_ge(get(rig, h, PIKE_SO_SNDBUF), 65536);
}

CASE(option_linger)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);

	ck_assert_int_eq(get(rig, h, PIKE_SO_LINGER), -1);
	round_trip(rig, h, PIKE_SO_LINGER, 9);
	round_trip(rig, h, PIKE_SO_LINGER, 0);
	round_trip(rig, h, PIKE_SO_LINGER, -1);
}

/* Trap 108: a hard close is an option away, and resets. */
CASE(linger_of_zero_resets_the_peer)
{
	pike_handle h;
	pike_fd peer;
	int32_t zero = 0;
	char in;

	rig_peer(rig, RIG_TCP, &h, &peer);
	expect_op(rig, set(h, PIKE_SO_LINGER, &zero), 0);
	expect_op(rig, op_close(h), 0);
	port_wait_readable(peer);
	ck_assert_int_eq(port_read(peer, &in, 1), -PIKE_ECONNRESET);
}

/* Trap 108: a time to linger is the system's to spend, not the queue's. */
CASE(close_does_not_linger)
{
	pike_handle h;
	pike_fd peer;
	int32_t hours = 30000;

	rig_full(rig, RIG_TCP, &h, &peer);
	expect_op(rig, set(h, PIKE_SO_LINGER, &hours), 0);
	expect_op(rig, op_close(h), 0);
}

CASE(option_ttl_of_both_families)
{
	round_trip(rig, rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM),
	    PIKE_SO_TTL, 42);
	struct pike_completion c =
	    perform(rig, op_socket(PIKE_AF_INET6, PIKE_SOCK_STREAM));
	if (c.res > 0)
		round_trip(rig, c.res, PIKE_SO_TTL, 43);
}

CASE(option_v6only)
{
	struct pike_completion c =
	    perform(rig, op_socket(PIKE_AF_INET6, PIKE_SOCK_STREAM));

	if (c.res < 0)
		SKIP("no IPv6 here");
	round_trip(rig, c.res, PIKE_SO_V6ONLY, 1);
	round_trip(rig, c.res, PIKE_SO_V6ONLY, 0);
}

CASE(option_type_is_read_only)
{
	bool has = port_can(PORT_UNIX);
	int type = has ? PIKE_SOCK_SEQPACKET : PIKE_SOCK_DGRAM;
	pike_handle h =
	    rig_socket(rig, has ? PIKE_AF_UNIX : PIKE_AF_INET, type);
	int32_t value = PIKE_SOCK_STREAM;

	ck_assert_int_eq(get(rig, h, PIKE_SO_TYPE), type);
	expect_op(rig, set(h, PIKE_SO_TYPE, &value), -PIKE_ENOPROTOOPT);
	ck_assert_int_eq(get(rig, h, PIKE_SO_TYPE), type);
}

CASE(options_that_are_none)
{
	static const int bad[] = {0, -1, PIKE_SO_TYPE + 1, 9999, INT32_MAX};
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	int32_t value = 1;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		expect_op(rig, set(h, bad[i], &value), -PIKE_ENOPROTOOPT);
		expect_op(rig,
		    op_option(PIKE_GETSOCKOPT, h, PIKE_SOL, bad[i], &value, 4),
		    -PIKE_ENOPROTOOPT);
	}
	int level = port_sol_socket();
	expect_op(rig, op_option(PIKE_SETSOCKOPT, h, level, 9999, &value, 4),
	    -PIKE_ENOPROTOOPT);
	expect_op(rig, op_option(PIKE_GETSOCKOPT, h, level, 9999, &value, 4),
	    -PIKE_ENOPROTOOPT);
}

CASE(portable_values_have_one_size)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	int64_t wide = 1;

	for (size_t len = 0; len <= 8; len++) {
		if (len == 4)
			continue;
		expect_op(rig,
		    op_option(PIKE_SETSOCKOPT, h, PIKE_SOL, PIKE_SO_KEEPALIVE,
			&wide, len),
		    -PIKE_EINVAL);
	}
	ck_assert_int_eq(get(rig, h, PIKE_SO_KEEPALIVE), 0);
}

/* What does not fit is refused, and never written past the buffer. */
CASE(short_buffers_are_not_overrun)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	unsigned char buf[8];

	for (size_t len = 0; len < 4; len++) {
		memset(buf, 0xee, sizeof(buf));
		struct pike_completion c =
		    perform(rig, op_option(PIKE_GETSOCKOPT, h, PIKE_SOL,
				     PIKE_SO_TYPE, buf, len));
		ck_assert(c.res == -PIKE_EINVAL ||
			  (c.res >= 0 && (size_t)c.res <= len));
		for (size_t i = len; i < sizeof(buf); i++)
			ck_assert_uint_eq(buf[i], 0xee);
	}
	memset(buf, 0xee, sizeof(buf));
	struct pike_completion c =
	    perform(rig, op_option(PIKE_GETSOCKOPT, h, PIKE_SOL, PIKE_SO_TYPE,
			     buf, sizeof(buf)));
	ck_assert(c.res == 4 || c.res == -PIKE_EINVAL);
	ck_assert_uint_eq(buf[4], 0xee);
}

CASE(options_of_the_system)
{
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	int value = 1, level = port_sol_socket(), name = port_so_keepalive();

	pike_id id = submit(rig,
	    op_option(PIKE_SETSOCKOPT, h, level, name, &value, sizeof(value)));
	value = 0;
	expect_one(rig, id, 0, 0, 0);
	bool whole = port_can(PORT_OPTION_LENGTHS);
	expect_op(rig,
	    op_option(PIKE_GETSOCKOPT, h, level, name, &value, sizeof(value)),
	    whole ? (int64_t)sizeof(value) : 1);
	ck_assert_int_eq(value, 1);
	ck_assert_int_eq(get(rig, h, PIKE_SO_KEEPALIVE), 1);
	if (whole)
		expect_op(rig,
		    op_option(PIKE_SETSOCKOPT, h, level, name, &value, 1),
		    -PIKE_EINVAL);
}

int main(void)
{
	area_begin("option");
	area_add(options_that_are_on_or_off);
	area_add(options_of_keepalive);
	area_add(options_of_buffers);
	area_add(option_linger);
	area_add(linger_of_zero_resets_the_peer);
	area_add(close_does_not_linger);
	area_add(option_ttl_of_both_families);
	area_add(option_v6only);
	area_add(option_type_is_read_only);
	area_add(options_that_are_none);
	area_add(portable_values_have_one_size);
	area_add(short_buffers_are_not_overrun);
	area_add(options_of_the_system);
	return area_end();
}
