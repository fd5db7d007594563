/* SPDX-License-Identifier: MIT */
/*
 * Requests that cannot be: a documented code, nothing accepted, nothing lost,
 * and never an abort. Each good request is spoiled in one place.
 */
#include "every.h"
#include "port_proc.h"
#include "random.h"

static const pike_handle bad_handles[] = {0, -1, 1, 2, 77, INT32_MAX,
    INT64_C(1) << 32, INT64_C(0x7000000001), INT64_MAX, INT64_MIN, -PIKE_EBADF};

/* Nothing came of what was refused, and the queue goes on. */
static void bad_end(struct every *e)
{
	ck_assert_int_eq(rig_reap(e->rig, 0), 0);
	expect_op(e->rig, op_nop(), 0);
	expect_cancelled(e->rig, e->timer);
	fence(e->rig);
	ck_assert_int_eq(drop_arrivals(e->rig), 0);
	rig_close(e->rig);
}

/* A number by chance may be that of a handle. */
static bool bad_lives(const struct every *e, pike_handle h)
{
	return h == e->h || h == e->socket || h == e->listens;
}

/* Refused by submit or, where the header leaves it open, by a completion. */
static void bad_either(struct rig *rig, struct pike_op op, int code, int other)
{
	pike_id id = pike_submit(rig->q, &op);

	if (id > 0) {
		struct pike_completion c;
		ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
		ck_assert_int_eq(c.id, id);
		ck_assert_int_eq(c.err, -c.res);
		id = c.res;
	}
	if (id != -code && id != -other)
		ck_abort_msg("%s: %s instead of %s or %s",
		    pike_opcode_name(op.opcode), pike_error_name(id),
		    pike_error_name(code), pike_error_name(other));
}

/* The canary: what is spoiled below is good as it is. */
CASE(every_opcode_has_a_good_request)
{
	EVERY_OPCODE(opcode)
	{
		struct every e;
		every_make(rig, &e);
		ck_assert_int_eq(port_write(e.peer, "12345678", 8), 8);
		struct pike_op op = every_op(&e, opcode);
		pike_id id = submit(rig, op);
		if (opcode == PIKE_ACCEPT)
			rig_own(rig, port_connect(&e.addr, PIKE_SOCK_STREAM));
		if (opcode == PIKE_SIGNAL)
			port_raise(SIGNAL_C);
		ck_assert_int_ge(wait_one(rig, id).res, 0);
		drop_arrivals(rig);
		rig_close(rig);
		rig_open(rig, NULL);
	}
}

CASE(unknown_opcodes_are_refused)
{
	const int opcodes[] = {0, PIKE_OPCODES, PIKE_OPCODES + 1, 255, 256,
	    0x7fff, 0x8000, 0xffff};
	struct every e;

	every_make(rig, &e);
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
		struct pike_op op = op_of(opcodes[i], e.h);
		refuse(rig, op, PIKE_EINVAL);
		ck_assert_int_eq(pike_route(rig->q, opcodes[i]), -PIKE_EINVAL);
		ck_assert_str_eq(pike_opcode_name(opcodes[i]), "?");
	}
	for (int opcode = PIKE_OPCODES; opcode <= 0xffff; opcode++)
		refuse(rig, op_of(opcode, e.h), PIKE_EINVAL);
	ck_assert_int_eq(pike_route(rig->q, -1), -PIKE_EINVAL);
	ck_assert_int_eq(pike_route(rig->q, INT32_MIN), -PIKE_EINVAL);
	bad_end(&e);
}

CASE(unknown_flags_are_refused)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		for (unsigned bit = 0x0010; bit <= 0x8000; bit <<= 1)
			refuse(rig, op_flags(op, bit), PIKE_EINVAL);
	}
	bad_end(&e);
}

CASE(flags_that_an_opcode_does_not_take_are_refused)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		if (!every_takes_shots(opcode))
			refuse(rig, op_flags(op, PIKE_MULTISHOT), PIKE_EINVAL);
		if (opcode < PIKE_READ || opcode > PIKE_SENDMSG)
			refuse(rig, op_flags(op, PIKE_ALL), PIKE_EINVAL);
		/* Not with a buffer of the caller's. */
		refuse(rig, op_flags(op, PIKE_GROUP), PIKE_EINVAL);
		if (!every_takes_zero_copy(opcode))
			refuse(rig, op_flags(op, PIKE_ZERO_COPY), PIKE_EINVAL);
		refuse(
		    rig, op_flags(op, PIKE_MULTISHOT | PIKE_ALL), PIKE_EINVAL);
	}
	bad_end(&e);
}

CASE(unknown_op_flags_are_refused)
{
	const uint32_t known[PIKE_OPCODES] = {
	    [PIKE_SHUTDOWN] = 0x3,
	    [PIKE_RECV] = 0x8007,
	    [PIKE_SEND] = 0x8007,
	    [PIKE_RECVFROM] = 0x8007,
	    [PIKE_SENDTO] = 0x8007,
	    [PIKE_RECVMSG] = 0x8007,
	    [PIKE_SENDMSG] = 0x8007,
	    [PIKE_POLL] = 0x201f,
	    [PIKE_TIMER] = 0x3,
	};
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		if (!every_takes_op_flags(opcode))
			continue;
		for (uint32_t bit = 1; bit; bit <<= 1)
			if (!(known[opcode] & bit))
				refuse(rig, op_how(op, bit), PIKE_EINVAL);
	}
	bad_end(&e);
}

/* P203 */
CASE(reserved_fields_that_are_not_zero_are_refused)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		for (int bit = 0; bit < 64; bit += 7) {
			struct pike_op op = every_op(&e, opcode);
			op.reserved[0] = UINT64_C(1) << bit;
			refuse(rig, op, PIKE_EINVAL);
			op.reserved[0] = 0;
			op.reserved[1] = UINT64_C(1) << bit;
			refuse(rig, op, PIKE_EINVAL);
		}
		struct pike_op op = every_op(&e, opcode);
		if (!every_needs_addr(opcode) || opcode == PIKE_GETSOCKNAME ||
		    opcode == PIKE_GETPEERNAME)
			continue;
		struct pike_addr addr = *op.addr;
		addr.reserved = 1;
		op.addr = &addr;
		refuse(rig, op, PIKE_EINVAL);
	}
	bad_end(&e);
}

CASE(handles_that_never_were_are_ebadf)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		if (!every_takes_handle(opcode))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(bad_handles); i++) {
			struct pike_op op = every_op(&e, opcode);
			op.handle = bad_handles[i];
			if (!bad_lives(&e, op.handle))
				refuse(rig, op, PIKE_EBADF);
		}
	}
	bad_end(&e);
}

CASE(handles_with_one_bit_wrong_are_ebadf)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		if (!every_takes_handle(opcode))
			continue;
		for (int bit = 0; bit < 64; bit++) {
			struct pike_op op = every_op(&e, opcode);
			op.handle =
			    (int64_t)((uint64_t)op.handle ^ UINT64_C(1) << bit);
			if (!bad_lives(&e, op.handle))
				refuse(rig, op, PIKE_EBADF);
		}
	}
	bad_end(&e);
}

CASE(stale_handles_are_ebadf)
{
	struct every e;
	pike_handle h[2];

	every_make(rig, &e);
	rig_pair(rig, RIG_UNIX, h);
	expect_op(rig, op_close(h[0]), 0);
	pike_fd fd = pike_release(rig->q, h[1]);
	/* Others have their slots since. */
	rig_adopt(rig, fd);
	rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		if (!every_takes_handle(opcode))
			continue;
		for (int i = 0; i < 2; i++) {
			op.handle = h[i];
			refuse(rig, op, PIKE_EBADF);
		}
	}
	bad_end(&e);
}

CASE(negative_deadlines_are_refused)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		refuse(rig, op_deadline(op, -1), PIKE_EINVAL);
		refuse(rig, op_deadline(op, INT64_MIN), PIKE_EINVAL);
		if (!every_takes_deadline(opcode))
			refuse(rig, op_deadline(op, 1), PIKE_EINVAL);
	}
	bad_end(&e);
}

CASE(a_null_buffer_with_a_length_is_refused)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		if (!every_takes_buf(opcode))
			continue;
		op.buf = NULL;
		refuse(rig, op, PIKE_EINVAL);
		bool msg = opcode == PIKE_RECVMSG || opcode == PIKE_SENDMSG;
		op.len = msg ? 1 : SIZE_MAX;
		refuse(rig, op, PIKE_EINVAL);
	}
	bad_end(&e);
}

CASE(a_null_address_where_one_is_needed_is_refused)
{
	struct every e;

	every_make(rig, &e);
	EVERY_OPCODE(opcode)
	{
		struct pike_op op = every_op(&e, opcode);
		op.addr = NULL;
		if (every_needs_addr(opcode))
			refuse(rig, op, PIKE_EINVAL);
	}
	bad_end(&e);
}

CASE(an_iovec_of_nowhere_with_a_length_is_einval)
{
	const int opcodes[] = {
	    PIKE_READV, PIKE_WRITEV, PIKE_RECVMSG, PIKE_SENDMSG};
	struct every e;

	every_make(rig, &e);
	ck_assert_int_eq(port_write(e.peer, "12345678", 8), 8);
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
		e.iov[1] = (struct pike_iovec){NULL, 5};
		bad_either(
		    rig, every_op(&e, opcodes[i]), PIKE_EINVAL, PIKE_EINVAL);
		e.iov[1] = (struct pike_iovec){NULL, 0};
	}
	char got[16];
	expect_op(rig, op_recv(e.h, got, 16), 8);
	bad_end(&e);
}

CASE(offsets_on_a_stream_are_einval)
{
	const int64_t offsets[] = {1, -2, 4096, INT64_MAX, INT64_MIN};
	const int opcodes[] = {PIKE_READ, PIKE_WRITE, PIKE_READV, PIKE_WRITEV};
	struct every e;

	every_make(rig, &e);
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		for (size_t k = 0; k < ARRAY_LEN(opcodes); k++) {
			struct pike_op op = every_op(&e, opcodes[k]);
			op.offset = offsets[i];
			bad_either(rig, op, PIKE_EINVAL, PIKE_EINVAL);
		}
	}
	ck_assert(!port_is_readable(e.peer));
	bad_end(&e);
}

CASE(messages_that_cannot_be_are_refused)
{
	const int opcodes[] = {PIKE_RECVMSG, PIKE_SENDMSG};
	struct every e;

	every_make(rig, &e);
	const struct pike_msg good = e.msg;
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
		struct pike_op op = every_op(&e, opcodes[i]);
		for (size_t len = 0; len < 4; len += len ? 1 : 2) {
			op.len = len;
			refuse(rig, op, PIKE_EINVAL);
		}
		op.len = 1;
		e.msg = good;
		e.msg.flags = 1;
		refuse(rig, op, PIKE_EINVAL);
		e.msg = good;
		e.msg.iov = NULL;
		refuse(rig, op, PIKE_EINVAL);
		e.msg = good;
		e.msg.fd_count = 1;
		refuse(rig, op, PIKE_EINVAL);
		e.msg = good;
		e.msg.control_len = 64;
		refuse(rig, op, PIKE_EINVAL);
		e.msg = good;
	}
	bad_end(&e);
}

CASE(signal_infos_of_the_wrong_size_are_refused)
{
	const size_t sizes[] = {
	    0, 1, sizeof(struct pike_signal_info) - 1, SIZE_MAX};
	struct every e;

	every_make(rig, &e);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct pike_op op = every_op(&e, PIKE_SIGNAL);
		op.buf = &e.info;
		op.len = sizes[i];
		refuse(rig, op, PIKE_EINVAL);
	}
	bad_end(&e);
}

CASE(unix_paths_that_are_too_long_are_refused)
{
	const uint16_t lens[] = {109, 112, 113, 1000, 0xffff};
	const int opcodes[] = {PIKE_BIND, PIKE_CONNECT, PIKE_LISTEN_TO,
	    PIKE_CONNECT_TO, PIKE_SENDTO};
	struct pike_addr addr = {.family = PIKE_AF_UNIX};
	struct every e;

	every_make(rig, &e);
	memset(addr.u.path, 'x', sizeof(addr.u.path));
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		addr.len = lens[i];
		for (size_t k = 0; k < ARRAY_LEN(opcodes); k++) {
			struct pike_op op = every_op(&e, opcodes[k]);
			op.addr = &addr;
			refuse(rig, op, PIKE_ENAMETOOLONG);
		}
	}
	bad_end(&e);
}

CASE(shutdown_of_no_direction_is_einval)
{
	struct every e;

	every_make(rig, &e);
	bad_either(rig, op_shutdown(e.h, 0), PIKE_EINVAL, PIKE_EINVAL);
	expect_op(rig, op_send(e.h, "x", 1), 1);
	bad_end(&e);
}

/* No such family, type, level or name anywhere: errors, not accidents. */
CASE(huge_enum_values_are_errors)
{
	const int values[] = {-1, 3, 77, 1000, 65535, 65536, 65538, INT32_MAX,
	    INT32_MIN, INT32_MIN + 2};
	struct every e;

	every_make(rig, &e);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct pike_op op = op_socket(values[i], PIKE_SOCK_STREAM);
		bad_either(rig, op, PIKE_EINVAL, PIKE_EAFNOSUPPORT);
		op = op_socket(PIKE_AF_INET, values[i]);
		struct pike_completion c;
		pike_id id = pike_submit(rig->q, &op);
		if (id > 0) {
			ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
			ck_assert_int_lt(c.res, 0);
		}
		op = every_op(&e, PIKE_GETSOCKOPT);
		op.u.option.name = values[i] == 3 ? 1000 : values[i];
		id = pike_submit(rig->q, &op);
		if (id > 0) {
			ck_assert_int_eq(pike_reap(rig->q, &c, 1, -1), 1);
			ck_assert_int_lt(c.res, 0);
		}
		op = op_listen(e.socket, values[i]);
		ck_assert_int_le(perform(rig, op).res, 0);
	}
	for (unsigned family = 3; family < 255; family++) {
		struct pike_addr addr = e.any;
		if (family == PIKE_AF_INET6)
			continue;
		addr.family = (uint16_t)family;
		bad_either(rig, op_to(PIKE_LISTEN_TO, &addr, 0), PIKE_EINVAL,
		    PIKE_EAFNOSUPPORT);
	}
	bad_end(&e);
}

CASE(many_refused_do_no_harm_to_many_accepted)
{
	struct random random;
	struct every e;
	int accepted = 0;

	random_begin(&random, "many_refused");
	every_make(rig, &e);
	for (int i = 0; i < 20000; i++) {
		int opcode = 1 + (int)random_below(&random, PIKE_OPCODES - 1);
		struct pike_op op = op_nop();
		if (random_below(&random, 2)) {
			op = every_op(&e, opcode);
			op.reserved[random_below(&random, 2)] = 1;
			refuse(rig, op, PIKE_EINVAL);
			continue;
		}
		submit(rig, op);
		accepted++;
	}
	for (; accepted > 0; accepted--)
		ck_assert_int_eq(wait_any(rig).res, 0);
	bad_end(&e);
}

int main(void)
{
	area_begin("badinput");
	area_add(every_opcode_has_a_good_request);
	area_add(unknown_opcodes_are_refused);
	area_add(unknown_flags_are_refused);
	area_add(flags_that_an_opcode_does_not_take_are_refused);
	area_add(unknown_op_flags_are_refused);
	area_add(reserved_fields_that_are_not_zero_are_refused);
	area_add(handles_that_never_were_are_ebadf);
	area_add(handles_with_one_bit_wrong_are_ebadf);
	area_add(stale_handles_are_ebadf);
	area_add(negative_deadlines_are_refused);
	area_add(a_null_buffer_with_a_length_is_refused);
	area_add(a_null_address_where_one_is_needed_is_refused);
	area_add(an_iovec_of_nowhere_with_a_length_is_einval);
	area_add(offsets_on_a_stream_are_einval);
	area_add(messages_that_cannot_be_are_refused);
	area_add(signal_infos_of_the_wrong_size_are_refused);
	area_add(unix_paths_that_are_too_long_are_refused);
	area_add(shutdown_of_no_direction_is_einval);
	area_add(huge_enum_values_are_errors);
	area_add(many_refused_do_no_harm_to_many_accepted);
	return area_end();
}
