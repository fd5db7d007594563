/* SPDX-License-Identifier: MIT */
/* Addresses as text, and as the system has them. */
#include "harness.h"

static struct pike_addr parsed(const char *text)
{
	struct pike_addr addr;

	memset(&addr, 0xee, sizeof(addr));
	int r = pike_addr_parse(&addr, text);
	if (r != 0)
		ck_abort_msg("%s: %s", text, pike_error_name(r));
	return addr;
}

CASE(text_that_comes_back_as_it_was)
{
	static const char *const texts[] = {"127.0.0.1:80", "0.0.0.0:0",
	    "255.255.255.255:65535", "[::1]:80", "[::]:0", "[fe80::1%2]:80",
	    "[2001:db8::7]:443", "[::ffff:1.2.3.4]:1", "[1:2:3:4:5:6:7:8]:9",
	    "unix:/run/x.sock", "unix:@name", "unix:", "unix:relative",
	    "unix:/with space:and:colons"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct pike_addr addr = parsed(texts[i]);
		char text[PIKE_ADDR_TEXT];
		int n = pike_addr_format(&addr, text, sizeof(text));
		ck_assert_str_eq(text, texts[i]);
		ck_assert_int_eq(n, (int)strlen(texts[i]));
		ck_assert_int_eq(addr.reserved, 0);
	}
}

CASE(fields_of_what_was_read)
{
	struct pike_addr addr = parsed("10.20.30.40:50");

	ck_assert_int_eq(addr.family, PIKE_AF_INET);
	ck_assert_int_eq(addr.port, 50);
	ck_assert_mem_eq(addr.u.ip4, "\x0a\x14\x1e\x28", 4);
	addr = parsed("[fe80::12:3%7]:8");
	ck_assert_int_eq(addr.family, PIKE_AF_INET6);
	ck_assert_int_eq(addr.port, 8);
	ck_assert_uint_eq(addr.scope_id, 7);
	ck_assert_uint_eq(addr.flowinfo, 0);
	ck_assert_mem_eq(
	    addr.u.ip6, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\x12\0\x03", 16);
	addr = parsed("unix:/a");
	ck_assert_int_eq(addr.family, PIKE_AF_UNIX);
	ck_assert_int_eq(addr.len, 2);
	ck_assert_mem_eq(addr.u.path, "/a", 2);
	addr = parsed("unix:@ab");
	ck_assert_int_eq(addr.len, 3);
	ck_assert_mem_eq(addr.u.path, "\0ab", 3);
}

CASE(other_ways_to_write_the_same)
{
	static const char *const same[][2] = {
	    {"[0:0:0:0:0:0:0:1]:5", "[::1]:5"},
	    {"[2001:DB8:0:0::]:5", "[2001:db8::]:5"},
	    {"[1:0:0:2:0:0:0:3]:5", "[1:0:0:2::3]:5"},
	    {"[::1%0]:5", "[::1]:5"}};

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct pike_addr addr = parsed(same[i][0]);
		char text[PIKE_ADDR_TEXT];
		pike_addr_format(&addr, text, sizeof(text));
		ck_assert_str_eq(text, same[i][1]);
	}
}

CASE(text_that_is_no_address)
{
	static const char *const bad[] = {"", ":", ":80", "127.0.0.1",
	    "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
	    "127.0.0.1: 80", "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1:8o",
	    "127.0.0.1:4294967376", "127.0.0.256:1", "127.0.0:1",
	    "127.0.0.0.1:1", "127..0.1:1", "1.2.3.4.:1", "0x7f.0.0.1:1",
	    "::1:80", "[::1]", "[::1]:", "[::1]:65536", "[::1:80", "::1]:80",
	    "[]:1", "[:]:1", "[:::]:1", "[1::2::3]:1", "[1:2:3:4:5:6:7]:1",
	    "[1:2:3:4:5:6:7:8:9]:1", "[12345::]:1", "[g::]:1", "[::1]80",
	    "[::1]x:80", "[::1%]:80", "[::1%4294967296]:80", "[::1.2.3]:1",
	    "[1.2.3.4]:1", "[::1 ]:1", "localhost:80", "example.org:80", "unix",
	    "Unix:/x", "http://[::1]:80"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct pike_addr addr, twin;
		memset(&addr, 0x5a, sizeof(addr));
		memset(&twin, 0x5a, sizeof(twin));
		int r = pike_addr_parse(&addr, bad[i]);
		if (r != -PIKE_EINVAL)
			ck_abort_msg("'%s' gave %d", bad[i], r);
		ck_assert_mem_eq(&addr, &twin, sizeof(addr));
	}
	struct pike_addr addr;
	ck_assert_int_eq(pike_addr_parse(NULL, "127.0.0.1:1"), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_parse(&addr, NULL), -PIKE_EINVAL);
}

CASE(paths_have_a_longest)
{
	char text[5 + 109] = "unix:";

	for (size_t n = 1; n < 109; n++) {
		struct pike_addr addr, twin;
		memset(text + 5, 'x', n);
		text[5 + n] = 0;
		memset(&addr, 0x5a, sizeof(addr));
		memset(&twin, 0x5a, sizeof(twin));
		int r = pike_addr_parse(&addr, text);
		if (n <= 107) {
			char back[PIKE_ADDR_TEXT];
			ck_assert_int_eq(r, 0);
			ck_assert_int_eq(addr.len, (int)n);
			ck_assert_int_eq(
			    pike_addr_format(&addr, back, sizeof(back)),
			    (int)n + 5);
			ck_assert_str_eq(back, text);
		} else {
			ck_assert_int_eq(r, -PIKE_ENAMETOOLONG);
			ck_assert_mem_eq(&addr, &twin, sizeof(addr));
		}
	}
}

CASE(text_that_does_not_fit)
{
	struct pike_addr addr = parsed("[2001:db8::7%12]:443");
	char text[PIKE_ADDR_TEXT], whole[PIKE_ADDR_TEXT];
	int n = pike_addr_format(&addr, whole, sizeof(whole));

	for (int size = 0; size <= n + 1; size++) {
		memset(text, '#', sizeof(text));
		int r = pike_addr_format(&addr, text, (size_t)size);
		if (size == n + 1) {
			ck_assert_int_eq(r, n);
			ck_assert_str_eq(text, whole);
		} else {
			ck_assert_int_eq(r, -PIKE_ENOSPC);
			if (size > 0)
				ck_assert_int_eq(text[0], 0);
		}
		for (size_t i = (size_t)size; i < sizeof(text); i++)
			ck_assert_int_eq(text[i], '#');
	}
	ck_assert_int_eq(pike_addr_format(NULL, text, 10), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_format(&addr, NULL, 10), -PIKE_EINVAL);
}

CASE(what_has_no_text)
{
	static const uint16_t families[] = {
	    PIKE_AF_UNSPEC, PIKE_AF_SYSTEM, 3, 77, 65535};
	char text[PIKE_ADDR_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct pike_addr addr;
		memset(&addr, 0xff, sizeof(addr));
		addr.family = families[i];
		ck_assert_int_eq(
		    pike_addr_format(&addr, text, sizeof(text)), 1);
		ck_assert_str_eq(text, "?");
	}
}

/* Whatever the bytes are: no overrun, and an end. */
CASE(any_bytes_have_some_text)
{
	struct pike_addr addr;
	char text[PIKE_ADDR_TEXT];

	for (int fill = 0; fill < 256; fill++) {
		memset(&addr, fill, sizeof(addr));
		addr.family = (uint16_t[]){
		    PIKE_AF_UNIX, PIKE_AF_INET, PIKE_AF_INET6}[fill % 3];
		int r = pike_addr_format(&addr, text, sizeof(text));
		ck_assert_int_lt(r, PIKE_ADDR_TEXT);
		ck_assert_int_ge(r, -PIKE_ENOSPC);
		if (r >= 0)
			ck_assert_uint_eq(strlen(text), (size_t)r);
	}
}

/* -- the system's -- */

CASE(there_and_back_through_the_system)
{
	static const char *const texts[] = {"127.0.0.1:80", "[::1]:80",
	    "[fe80::1%2]:80", "unix:/run/x.sock", "unix:@name"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct pike_addr addr = parsed(texts[i]), back;
		_Alignas(16) unsigned char sa[128];
		memset(sa, 0xee, sizeof(sa));
		int n = pike_addr_to(&addr, sa, sizeof(sa));
		if (n == -PIKE_EAFNOSUPPORT)
			continue;
		ck_assert_int_gt(n, 0);
		for (size_t at = (size_t)n; at < sizeof(sa); at++)
			ck_assert_uint_eq(sa[at], 0xee);
		memset(&back, 0xee, sizeof(back));
		ck_assert_int_eq(pike_addr_from(&back, sa, (size_t)n), 0);
		ck_assert(addr_equal(&back, &addr));
		ck_assert_int_eq(back.reserved, 0);
		for (int size = 0; size < n; size++) {
			int r = pike_addr_to(&addr, sa, (size_t)size);
			ck_assert_int_eq(r, -PIKE_ENOSPC);
		}
	}
}

CASE(system_address_that_is_cut)
{
	struct pike_addr addr = parsed("[fe80::1%2]:80"), back, twin;
	_Alignas(16) unsigned char sa[128];
	int n = pike_addr_to(&addr, sa, sizeof(sa));

	for (size_t len = 0; len < 16; len++) {
		memset(&back, 0x5a, sizeof(back));
		memset(&twin, 0x5a, sizeof(twin));
		int r = pike_addr_from(&back, sa, len);
		ck_assert_int_eq(r, -PIKE_EINVAL);
		ck_assert_mem_eq(&back, &twin, sizeof(back));
	}
	static unsigned char huge[4096];
	memset(huge, 0xee, sizeof(huge));
	ck_assert_int_eq(
	    pike_addr_from(&back, huge, sizeof(huge)), -PIKE_ENAMETOOLONG);
	ck_assert_int_eq(pike_addr_from(NULL, sa, (size_t)n), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_from(&back, NULL, (size_t)n), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_to(NULL, sa, sizeof(sa)), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_to(&addr, NULL, 100), -PIKE_EINVAL);
}

CASE(address_that_the_system_cannot_have)
{
	struct pike_addr addr = {.family = 77};
	unsigned char sa[128];

	ck_assert_int_eq(
	    pike_addr_to(&addr, sa, sizeof(sa)), -PIKE_EAFNOSUPPORT);
	addr.family = PIKE_AF_UNIX;
	addr.len = 113;
	ck_assert_int_lt(pike_addr_to(&addr, sa, sizeof(sa)), 0);
	addr.len = 65535;
	ck_assert_int_lt(pike_addr_to(&addr, sa, sizeof(sa)), 0);
	addr.family = PIKE_AF_SYSTEM;
	ck_assert_int_lt(pike_addr_to(&addr, sa, sizeof(sa)), 0);
}

CASE(system_family_goes_through_unread)
{
	struct pike_addr inet = port_loopback(PIKE_AF_INET), addr = {0};
	struct pike_addr name;
	int n = pike_addr_to(&inet, addr.u.system, sizeof(addr.u.system));

	ck_assert_int_gt(n, 0);
	addr.family = PIKE_AF_SYSTEM;
	addr.len = (uint16_t)n;
	pike_handle h = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	expect_op(rig, op_at(PIKE_BIND, h, &addr), 0);
	expect_op(rig, op_at(PIKE_GETSOCKNAME, h, &name), 0);
	ck_assert_int_eq(name.family, PIKE_AF_INET);
	ck_assert_int_ne(name.port, 0);
}

int main(void)
{
	area_begin("address");
	area_add(text_that_comes_back_as_it_was);
	area_add(fields_of_what_was_read);
	area_add(other_ways_to_write_the_same);
	area_add(text_that_is_no_address);
	area_add(paths_have_a_longest);
	area_add(text_that_does_not_fit);
	area_add(what_has_no_text);
	area_add(any_bytes_have_some_text);
	area_add(there_and_back_through_the_system);
	area_add(system_address_that_is_cut);
	area_add(address_that_the_system_cannot_have);
	area_add(system_family_goes_through_unread);
	return area_end();
}
