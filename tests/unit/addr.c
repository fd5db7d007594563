/* SPDX-License-Identifier: MIT */
/* Addresses: as text, and to and from the system's. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <pike.h>

#include "backend/sockaddr.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

#define PATH_10 "0123456789"
#define PATH_100                                                               \
	PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10        \
	    PATH_10 PATH_10

/* What is read, and how it is written. */
static const struct {
	const char *read;
	const char *written; /* null: the same */
} addr_good[] = {
    {"127.0.0.1:80", NULL},
    {"0.0.0.0:0", NULL},
    {"255.255.255.255:65535", NULL},
    {"[::]:0", NULL},
    {"[::1]:80", NULL},
    {"[1::]:80", NULL},
    {"[fe80::1%2]:80", NULL},
    {"[fe80::1%4294967295]:80", NULL},
    {"[fe80::1%0]:80", "[fe80::1]:80"},
    {"[::ffff:1.2.3.4]:80", NULL},
    {"[::FFFF:102:304]:80", "[::ffff:1.2.3.4]:80"},
    {"[0:0:0:0:0:ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80"},
    {"[64:ff9b::1.2.3.4]:1", "[64:ff9b::102:304]:1"},
    {"[1:2:3:4:5:6:1.2.3.4]:1", "[1:2:3:4:5:6:102:304]:1"},
    {"[1:2:3:4:5:6:7:8]:1", NULL},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1", NULL},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535", NULL},
    /* RFC 5952: no leading zeros, small letters */
    {"[2001:0DB8:0000:0001::0001]:1", "[2001:db8:0:1::1]:1"},
    /* one group alone is not shortened */
    {"[2001:db8::1:1:1:1:1]:1", "[2001:db8:0:1:1:1:1:1]:1"},
    {"[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"},
    {"[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"},
    /* the longest run is, and of two the first */
    {"[2001:0:0:1:0:0:0:1]:1", "[2001:0:0:1::1]:1"},
    {"[2001:db8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"},
    {"[0:0:1:0:0:0:0:0]:1", "[0:0:1::]:1"},
    {"[0:0:1:1:1:1:0:0]:1", "[::1:1:1:1:0:0]:1"},
    {"unix:/run/x.sock", NULL},
    {"unix:x", NULL},
    {"unix:", NULL},
    {"unix:@name", NULL},
    {"unix:@", NULL},
    {"unix:./@name", NULL},
    {"unix:a@b:c", NULL},
    {"unix:" PATH_100 "1234567", NULL},
    {"unix:@" PATH_100 "1234567", NULL},
};

START_TEST(addr_round_trip)
{
	const char *want =
	    addr_good[_i].written ? addr_good[_i].written : addr_good[_i].read;
	struct pike_addr addr;
	struct pike_addr again;
	char text[PIKE_ADDR_TEXT];

	memset(&addr, 0xaa, sizeof(addr));
	memset(&again, 0x55, sizeof(again));
	ck_assert_int_eq(pike_addr_parse(&addr, addr_good[_i].read), 0);
	ck_assert_int_eq(
	    pike_addr_format(&addr, text, sizeof(text)), (int)strlen(want));
	ck_assert_str_eq(text, want);
	/* Every byte is defined: the same from any memory. */
	ck_assert_int_eq(pike_addr_parse(&again, text), 0);
	ck_assert_mem_eq(&addr, &again, sizeof(addr));

	/* The size that is just enough, and each that is not. */
	char exact[PIKE_ADDR_TEXT];
	for (size_t size = 0; size <= strlen(want); size++) {
		memset(exact, 'x', sizeof(exact));
		ck_assert_int_eq(
		    pike_addr_format(&addr, exact, size), -PIKE_ENOSPC);
		ck_assert_int_eq(exact[0], size > 0 ? 0 : 'x');
		ck_assert_int_eq(exact[size + (size == 0)], 'x');
	}
	ck_assert_int_eq(pike_addr_format(&addr, exact, strlen(want) + 1),
	    (int)strlen(want));
	ck_assert_str_eq(exact, want);
}
END_TEST

static const char *const addr_bad[] = {"", ":", ":80", "127.0.0.1",
    "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:99999999999999999999",
    "127.0.0.1:080", "127.0.0.1:00", "127.0.0.1:80 ", " 127.0.0.1:80",
    "127.0.0.1:+80", "127.0.0.1:-1", "127.0.0.1:0x50", "127.0.0.1:http",
    "127.0.0.01:80", "0177.0.0.1:80", "0x7f.0.0.1:80", "127.1:80",
    "2130706433:80", "127.0.0.256:80", "1.2.3.4.5:80", "1..2.3:80", "1.2.3.:80",
    ".1.2.3:80", "localhost:80", "[127.0.0.1]:80", "::1:80", "::1", "[::1]",
    "[::1]80", "[::1]:", "[::1]:080", "[::1:80", "[]:80", "[:]:80", "[:::]:80",
    "[1]:80", "[1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:8:9]:80",
    "[1:2:3:4:5:6:7:8::]:80", "[1:2:3:4:5:6:7::8]:80", "[::1:2:3:4:5:6:7:8]:80",
    "[1::2::3]:80", "[1:::2]:80", "[:1::2]:80", "[1::2:]:80",
    "[1:2:3:4:5:6:7:]:80", "[12345::]:80", "[g::]:80", "[::1.2.3]:80",
    "[::1.2.3.4.5]:80", "[::01.2.3.4]:80", "[::1.2.3.256]:80", "[1.2.3.4::]:80",
    "[::1.2.3.4:5]:80", "[1:2:3:4:5:6:7:1.2.3.4]:80", "[1:2:3:4:5:1.2.3.4]:80",
    "[::1%]:80", "[::1%eth0]:80", "[::1%02]:80", "[::1%4294967296]:80",
    "[::1%2x]:80", "127.0.0.1%2:80", "[ ::1]:80", "[::1 ]:80", "unix",
    "UNIX:/x", "unix/x"};

START_TEST(addr_refused)
{
	struct pike_addr addr;
	struct pike_addr before;

	memset(&addr, 0xaa, sizeof(addr));
	before = addr;
	ck_assert_int_eq(pike_addr_parse(&addr, addr_bad[_i]), -PIKE_EINVAL);
	ck_assert_mem_eq(&addr, &before, sizeof(addr));
}
END_TEST

/* Each text cut and each with one byte changed is read to the same address
 * that it writes, or refused. Sanitizers watch the bounds. */
START_TEST(addr_mutated)
{
	const char *seed_text = getenv("PIKE_TEST_SEED");
	unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 0)
				  : (unsigned)time(NULL);
	int accepted = 0;

	printf("addr_mutated: PIKE_TEST_SEED=%u\n", seed);
	srand(seed);
	for (int i = 0; i < 20000; i++) {
		const char *from = addr_good[rand() % COUNT(addr_good)].read;
		size_t len = strlen(from);
		char *text = malloc(len + 1);
		ck_assert_ptr_nonnull(text);
		memcpy(text, from, len + 1);
		if (rand() % 4 == 0)
			text[(size_t)rand() % (len + 1)] = 0;
		else
			text[(size_t)rand() % len] =
			    "0123456789abcdfFg:.[]%@/"[rand() % 24];

		struct pike_addr addr;
		struct pike_addr again;
		char out[PIKE_ADDR_TEXT];
		int err = pike_addr_parse(&addr, text);
		if (err == 0) {
			accepted++;
			ck_assert_int_gt(
			    pike_addr_format(&addr, out, sizeof(out)), 0);
			err = pike_addr_parse(&again, out);
			/* "unix:./" before an @ may make it too long */
			if (err == 0)
				ck_assert_mem_eq(&addr, &again, sizeof(addr));
		}
		if (err != -PIKE_ENAMETOOLONG && err != 0)
			ck_assert_int_eq(err, -PIKE_EINVAL);
		free(text);
	}
	ck_assert_int_gt(accepted, 1000);
}
END_TEST

START_TEST(addr_null)
{
	struct pike_addr addr = {0};
	char text[PIKE_ADDR_TEXT];
	struct sockaddr_storage sa = {0};

	ck_assert_int_eq(pike_addr_parse(NULL, "[::]:0"), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_parse(&addr, NULL), -PIKE_EINVAL);
	ck_assert_int_eq(
	    pike_addr_format(NULL, text, sizeof(text)), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_format(&addr, NULL, 0), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_from(NULL, &sa, sizeof(sa)), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_from(&addr, NULL, 0), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_to(NULL, &sa, sizeof(sa)), -PIKE_EINVAL);
	ck_assert_int_eq(pike_addr_to(&addr, NULL, 0), -PIKE_EINVAL);
}
END_TEST

START_TEST(addr_too_long)
{
	struct pike_addr addr = {0};

	ck_assert_int_eq(pike_addr_parse(&addr, "unix:" PATH_100 "12345678"),
	    -PIKE_ENAMETOOLONG);
	ck_assert_int_eq(pike_addr_parse(&addr, "unix:@" PATH_100 "12345678"),
	    -PIKE_ENAMETOOLONG);
	ck_assert_int_eq(addr.family, PIKE_AF_UNSPEC);
}
END_TEST

/* What text cannot carry. */
START_TEST(addr_unwritable)
{
	struct pike_addr addr = {.family = PIKE_AF_SYSTEM, .len = 4};
	char text[PIKE_ADDR_TEXT];

	ck_assert_int_eq(pike_addr_format(&addr, text, sizeof(text)), 1);
	ck_assert_str_eq(text, "?");
	addr.family = 77;
	ck_assert_int_eq(pike_addr_format(&addr, text, 2), 1);
	ck_assert_str_eq(text, "?");

	addr = (struct pike_addr){.family = PIKE_AF_UNIX, .len = 4};
	memcpy(addr.u.path, "a\0bc", 4);
	pike_addr_format(&addr, text, sizeof(text));
	ck_assert_str_eq(text, "?");
	addr.len = 113;
	pike_addr_format(&addr, text, sizeof(text));
	ck_assert_str_eq(text, "?");

	/* All that there is room for, from the system. */
	addr.len = 112;
	memset(addr.u.path, '@', 112);
	ck_assert_int_eq(
	    pike_addr_format(&addr, text, sizeof(text)), 5 + 2 + 112);
}
END_TEST

static struct pike_addr addr_of(const char *text)
{
	struct pike_addr addr;

	ck_assert_int_eq(pike_addr_parse(&addr, text), 0);
	return addr;
}

/* Against the system's own reading of the same text. */
START_TEST(addr_system_inet)
{
	struct pike_addr addr = addr_of("192.0.2.7:4660");
	struct sockaddr_in sin;
	struct in_addr want;

	ck_assert_int_eq(
	    pike_addr_to(&addr, &sin, sizeof(sin)), (int)sizeof(sin));
	inet_pton(AF_INET, "192.0.2.7", &want);
	ck_assert_int_eq(sin.sin_family, AF_INET);
	ck_assert_uint_eq(ntohs(sin.sin_port), 4660);
	ck_assert_mem_eq(&sin.sin_addr, &want, sizeof(want));
	ck_assert_int_eq(
	    pike_addr_to(&addr, &sin, sizeof(sin) - 1), -PIKE_ENOSPC);

	struct pike_addr back;
	memset(&back, 0xaa, sizeof(back));
	ck_assert_int_eq(pike_addr_from(&back, &sin, sizeof(sin)), 0);
	ck_assert_mem_eq(&back, &addr, sizeof(addr));
	ck_assert_int_eq(
	    pike_addr_from(&back, &sin, sizeof(sin) - 1), -PIKE_EINVAL);
}
END_TEST

START_TEST(addr_system_inet6)
{
	struct pike_addr addr = addr_of("[fe80::a:b%7]:4660");
	struct sockaddr_in6 sin6;
	struct in6_addr want;

	addr.flowinfo = 0x12345;
	ck_assert_int_eq(
	    pike_addr_to(&addr, &sin6, sizeof(sin6)), (int)sizeof(sin6));
	inet_pton(AF_INET6, "fe80::a:b", &want);
	ck_assert_int_eq(sin6.sin6_family, AF_INET6);
	ck_assert_uint_eq(ntohs(sin6.sin6_port), 4660);
	ck_assert_uint_eq(sin6.sin6_scope_id, 7);
	ck_assert_uint_eq(ntohl(sin6.sin6_flowinfo), 0x12345);
	ck_assert_mem_eq(&sin6.sin6_addr, &want, sizeof(want));

	struct pike_addr back;
	memset(&back, 0xaa, sizeof(back));
	ck_assert_int_eq(pike_addr_from(&back, &sin6, sizeof(sin6)), 0);
	ck_assert_mem_eq(&back, &addr, sizeof(addr));
	ck_assert_int_eq(
	    pike_addr_from(&back, &sin6, sizeof(sin6) - 1), -PIKE_EINVAL);
}
END_TEST

/* A length that names a path with its NUL, without, and with more. */
START_TEST(addr_system_unix)
{
	struct pike_addr addr = addr_of("unix:/tmp/x");
	struct sockaddr_un sun;
	size_t at = offsetof(struct sockaddr_un, sun_path);

	memset(&sun, 0xaa, sizeof(sun));
	ck_assert_int_eq(pike_addr_to(&addr, &sun, sizeof(sun)), (int)(at + 7));
	ck_assert_int_eq(sun.sun_family, AF_UNIX);
	ck_assert_str_eq(sun.sun_path, "/tmp/x");

	struct pike_addr back;
	for (size_t len = at + 6; len <= sizeof(sun); len++) {
		memset(&back, 0xaa, sizeof(back));
		ck_assert_int_eq(pike_addr_from(&back, &sun, len), 0);
		ck_assert_mem_eq(&back, &addr, sizeof(addr));
	}
	ck_assert_int_eq(pike_addr_from(&back, &sun, at), 0);
	ck_assert_uint_eq(back.family, PIKE_AF_UNIX);
	ck_assert_uint_eq(back.len, 0);
	ck_assert_int_eq(pike_addr_to(&back, &sun, sizeof(sun)), (int)at);

	/* A path that fills sun_path has no NUL. */
	memset(sun.sun_path, 'p', sizeof(sun.sun_path));
	ck_assert_int_eq(pike_addr_from(&back, &sun, sizeof(sun)), 0);
	ck_assert_uint_eq(back.len, sizeof(sun.sun_path));

	addr = addr_of("unix:@ab");
	ck_assert_int_eq(pike_addr_to(&addr, &sun, sizeof(sun)), (int)(at + 3));
	ck_assert_mem_eq(sun.sun_path, "\0ab", 3);
	memset(&back, 0xaa, sizeof(back));
	ck_assert_int_eq(pike_addr_from(&back, &sun, at + 3), 0);
	ck_assert_mem_eq(&back, &addr, sizeof(addr));
}
END_TEST

START_TEST(addr_system_unix_too_long)
{
	struct pike_addr addr = {.family = PIKE_AF_UNIX, .len = 107};
	struct sockaddr_storage sa;
	socklen_t len;

	memset(addr.u.path, 'p', sizeof(addr.u.path));
	ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), 0);
	ck_assert_uint_eq(len, sizeof(struct sockaddr_un));
	for (addr.len = 108; addr.len <= 120; addr.len++)
		ck_assert_int_eq(
		    pike__addr_to_system(&addr, &sa, &len), -PIKE_ENAMETOOLONG);

	addr.u.path[0] = 0;
	addr.len = 108;
	ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), 0);
	ck_assert_uint_eq(len, sizeof(struct sockaddr_un));
	addr.len = 109;
	ck_assert_int_eq(
	    pike__addr_to_system(&addr, &sa, &len), -PIKE_ENAMETOOLONG);
	addr.len = 65535;
	ck_assert_int_eq(
	    pike__addr_to_system(&addr, &sa, &len), -PIKE_ENAMETOOLONG);

	addr.len = 3;
	memcpy(addr.u.path, "a\0b", 3);
	ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), -PIKE_EINVAL);
}
END_TEST

START_TEST(addr_system_other)
{
	struct pike_addr addr;
	struct sockaddr_storage sa;
	socklen_t len;

	memset(&sa, 0x5a, sizeof(sa));
	sa.ss_family = AF_NETLINK;
	memset(&addr, 0xaa, sizeof(addr));
	pike__addr_from_system(&addr, &sa, 12);
	ck_assert_uint_eq(addr.family, PIKE_AF_SYSTEM);
	ck_assert_uint_eq(addr.len, 12);
	ck_assert_mem_eq(addr.u.system, &sa, 12);
	for (size_t i = 12; i < sizeof(addr.u.system); i++)
		ck_assert_uint_eq(addr.u.system[i], 0);

	struct sockaddr_storage back;
	ck_assert_int_eq(pike__addr_to_system(&addr, &back, &len), 0);
	ck_assert_uint_eq(len, 12);
	ck_assert_mem_eq(&back, &sa, 12);

	/* More than there is room for: cut here, refused to a caller. */
	pike__addr_from_system(&addr, &sa, sizeof(sa));
	ck_assert_uint_eq(addr.len, 112);
	ck_assert_int_eq(pike_addr_from(&addr, &sa, 113), -PIKE_ENAMETOOLONG);
	ck_assert_int_eq(pike_addr_from(&addr, &sa, 112), 0);

	addr.len = 1;
	ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), -PIKE_EINVAL);
	addr.len = 113;
	ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), -PIKE_EINVAL);
}
END_TEST

START_TEST(addr_system_nothing)
{
	static const struct pike_addr zero;
	struct pike_addr addr;
	struct sockaddr_storage sa = {.ss_family = AF_INET6};
	socklen_t len;

	for (socklen_t n = 0; n < (socklen_t)sizeof(struct sockaddr_in6); n++) {
		memset(&addr, 0xaa, sizeof(addr));
		pike__addr_from_system(&addr, &sa, n);
		ck_assert_mem_eq(&addr, &zero, sizeof(addr));
		ck_assert_int_eq(pike_addr_from(&addr, &sa, n), -PIKE_EINVAL);
	}
	ck_assert_int_eq(
	    pike__addr_to_system(&zero, &sa, &len), -PIKE_EAFNOSUPPORT);
	addr = (struct pike_addr){.family = 77};
	ck_assert_int_eq(
	    pike__addr_to_system(&addr, &sa, &len), -PIKE_EAFNOSUPPORT);
	addr = addr_of("[::1]:1");
	addr.reserved = 1;
	ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), -PIKE_EINVAL);
}
END_TEST

/* Through real sockets: a bound one, one that the system names itself. */
START_TEST(addr_system_sockets)
{
	static const char *const texts[] = {"127.0.0.1:0", "[::1]:0"};
	struct sockaddr_storage sa;
	struct pike_addr addr;
	socklen_t len;

	for (int i = 0; i < COUNT(texts); i++) {
		addr = addr_of(texts[i]);
		ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), 0);
		int fd = socket(sa.ss_family, SOCK_STREAM, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) < 0) {
			ck_assert_int_eq(i, 1); /* a system without IPv6 */
			close(fd);
			continue;
		}
		len = sizeof(sa);
		getsockname(fd, (struct sockaddr *)&sa, &len);
		struct pike_addr bound;
		pike__addr_from_system(&bound, &sa, len);
		ck_assert_uint_ne(bound.port, 0);
		bound.port = 0;
		ck_assert_mem_eq(&bound, &addr, sizeof(addr));
		close(fd);
	}

	/* No name, then one from the abstract space. */
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	len = sizeof(sa);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	pike__addr_from_system(&addr, &sa, len);
	ck_assert_uint_eq(addr.family, PIKE_AF_UNIX);
	ck_assert_uint_eq(addr.len, 0);
	ck_assert_int_eq(pike__addr_to_system(&addr, &sa, &len), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sizeof(sa);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	pike__addr_from_system(&addr, &sa, len);
	ck_assert_uint_eq(addr.len, 6);
	ck_assert_int_eq(addr.u.path[0], 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addr");
	TCase *tests = tcase_create("addr");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, addr_round_trip, 0, COUNT(addr_good));
	tcase_add_loop_test(tests, addr_refused, 0, COUNT(addr_bad));
	tcase_add_test(tests, addr_mutated);
	tcase_add_test(tests, addr_null);
	tcase_add_test(tests, addr_too_long);
	tcase_add_test(tests, addr_unwritable);
	tcase_add_test(tests, addr_system_inet);
	tcase_add_test(tests, addr_system_inet6);
	tcase_add_test(tests, addr_system_unix);
	tcase_add_test(tests, addr_system_unix_too_long);
	tcase_add_test(tests, addr_system_other);
	tcase_add_test(tests, addr_system_nothing);
	tcase_add_test(tests, addr_system_sockets);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
