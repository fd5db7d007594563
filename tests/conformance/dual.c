/* SPDX-License-Identifier: MIT */
/* IPv6 sockets and IPv4: one is for both, where the system can do that. */
#include "harness.h"

/* An IPv4 address as IPv6 sockets know it. */
static struct pike_addr mapped(const struct pike_addr *four)
{
	struct pike_addr six = {.family = PIKE_AF_INET6, .port = four->port};

	six.u.ip6[10] = six.u.ip6[11] = 0xff;
	memcpy(&six.u.ip6[12], four->u.ip4, 4);
	return six;
}

CASE_WHERE(ipv6_listener_takes_ipv4_too, port_can(PORT_DUAL),
    "IPv6 sockets take only IPv6 here")
{
	struct pike_addr addr = {.family = PIKE_AF_INET6}, peer;
	struct pike_completion c =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, 0));

	if (c.res < 0)
		SKIP("no IPv6 here");
	pike_handle l = c.res;
	expect_op(rig, op_at(PIKE_GETSOCKNAME, l, &addr), 0);
	struct pike_addr four = port_loopback_apart(), caller;
	four.port = addr.port;
	pike_fd fd = rig_caller(rig, &four, &caller);
	struct pike_op op = op_accept(l);
	op.addr = &peer;
	pike_handle h = perform(rig, op).res;
	expect_connected(rig, h, fd);
	four = mapped(&caller);
	ck_assert(addr_equal(&peer, &four));
	/* And those that are IPv6's own. */
	struct pike_addr six = port_loopback(PIKE_AF_INET6);
	six.port = addr.port;
	fd = rig_caller(rig, &six, NULL);
	expect_connected(rig, perform(rig, op_accept(l)).res, fd);
}

CASE_WHERE(ipv6_socket_connects_to_ipv4_too, port_can(PORT_DUAL),
    "IPv6 sockets take only IPv6 here")
{
	struct pike_addr addr;
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr), h[2];
	struct pike_addr to = mapped(&addr);

	pike_id id = submit(rig, op_accept(l));
	h[0] = perform(rig, op_to(PIKE_CONNECT_TO, &to, 0)).res;
	ck_assert_int_gt(h[0], 0);
	h[1] = wait_one(rig, id).res;
	id = submit(rig, op_accept(l));
	pike_handle other = rig_socket(rig, PIKE_AF_INET6, PIKE_SOCK_STREAM);
	expect_op(rig, op_at(PIKE_CONNECT, other, &to), 0);
	ck_assert_int_gt(wait_one(rig, id).res, 0);
	expect_op(rig, op_send(h[0], "four", 4), 4);
	char in[4];
	expect_op(rig, op_flags(op_recv(h[1], in, 4), PIKE_ALL), 4);
}

CASE_WHERE(ipv6_datagrams_come_from_ipv4_too, port_can(PORT_DUAL),
    "IPv6 sockets take only IPv6 here")
{
	struct pike_addr addr = {.family = PIKE_AF_INET6}, from;
	struct pike_addr four = port_loopback_apart();
	struct pike_addr own = port_loopback(PIKE_AF_INET);
	struct pike_completion c =
	    perform(rig, op_to(PIKE_LISTEN_TO, &addr, PIKE_SOCK_DGRAM));
	char in[4];

	if (c.res < 0)
		SKIP("no IPv6 here");
	pike_handle h = c.res;
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &addr), 0);
	four.port = addr.port;
	pike_fd fd = rig_own(rig, port_bound(&own, PIKE_SOCK_DGRAM, 0));
	ck_assert_int_eq(port_send_to(fd, "four", 4, &four), 4);
	struct pike_op op = op_io(PIKE_RECVFROM, h, in, 4);
	op.addr = &from;
	expect_op(rig, op, 4);
	four = mapped(&own);
	ck_assert(addr_equal(&from, &four));
	op = op_io(PIKE_SENDTO, h, "back", 4);
	op.addr = &from;
	expect_op(rig, op, 4);
	port_wait_readable(fd);
	ck_assert_int_eq(port_read(fd, in, 4), 4);
}

int main(void)
{
	area_begin("dual");
	area_add(ipv6_listener_takes_ipv4_too);
	area_add(ipv6_socket_connects_to_ipv4_too);
	area_add(ipv6_datagrams_come_from_ipv4_too);
	return area_end();
}
