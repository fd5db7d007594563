/* SPDX-License-Identifier: MIT */
/*
 * Addresses as text. Written out here rather than left to the system, so that
 * the same texts are read, refused and written everywhere: the systems differ
 * about octal numbers, short forms and zones.
 */
#include "config.h"

#include <string.h>

#include <pike.h>

#define ADDR_PATH_MAX     107 /* with its NUL what Linux has room for */
#define ADDR_ABSTRACT_MAX 108 /* with the first byte 0, and no NUL */

/*
 * The addr_read_* functions move *at past what they read and return 1, or
 * leave it and return 0.
 */

/* A decimal number; a leading 0, which might mean octal, is none. */
static int addr_read_decimal(const char **at, uint32_t max, uint32_t *value)
{
	const char *p = *at;
	uint64_t n = 0;

	if (p[0] == '0' && p[1] >= '0' && p[1] <= '9')
		return 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > max)
			return 0;
	}
	if (p == *at)
		return 0;
	*value = (uint32_t)n;
	*at = p;
	return 1;
}

static int addr_read_ip4(const char **at, uint8_t ip[4])
{
	const char *p = *at;
	uint32_t part[4];

	for (int i = 0; i < 4; i++) {
		if (i > 0 && *p++ != '.')
			return 0;
		if (!addr_read_decimal(&p, 255, &part[i]))
			return 0;
	}
	for (int i = 0; i < 4; i++)
		ip[i] = (uint8_t)part[i];
	*at = p;
	return 1;
}

static int addr_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One group of an IPv6 address: 1 to 4 hexadecimal digits. */
static int addr_read_group(const char **at, uint8_t bytes[2])
{
	const char *p = *at;
	unsigned n = 0;

	for (; p - *at < 4 && addr_hex_digit(*p) >= 0; p++)
		n = n << 4 | (unsigned)addr_hex_digit(*p);
	if (p == *at)
		return 0;
	bytes[0] = (uint8_t)(n >> 8);
	bytes[1] = (uint8_t)n;
	*at = p;
	return 1;
}

static int addr_read_ip6(const char **at, uint8_t ip[16])
{
	const char *p = *at;
	uint8_t bytes[16] = {0};
	int n = 0;
	int gap = -1; /* where the zeros of "::" belong */

	if (p[0] == ':' && p[1] == ':') {
		gap = 0;
		p += 2;
	}
	for (;;) {
		if (n <= 12 && addr_read_ip4(&p, bytes + n)) {
			n += 4;
			break;
		}
		if (!addr_read_group(&p, bytes + n)) {
			if (gap == n)
				break;
			return 0;
		}
		n += 2;
		if (n == 16 || *p != ':')
			break;
		if (*++p == ':') {
			if (gap >= 0)
				return 0;
			gap = n;
			p++;
		}
	}
	if (gap < 0 ? n < 16 : n == 16)
		return 0;

	memset(ip, 0, 16);
	if (gap < 0)
		gap = n;
	memcpy(ip, bytes, (size_t)gap);
	memcpy(ip + 16 - (n - gap), bytes + gap, (size_t)(n - gap));
	*at = p;
	return 1;
}

static int addr_parse_inet(struct pike_addr *addr, const char *text)
{
	uint32_t port;

	if (*text == '[') {
		text++;
		addr->family = PIKE_AF_INET6;
		if (!addr_read_ip6(&text, addr->u.ip6))
			return -PIKE_EINVAL;
		if (*text == '%') {
			text++;
			if (!addr_read_decimal(
				&text, UINT32_MAX, &addr->scope_id))
				return -PIKE_EINVAL;
		}
		if (*text++ != ']')
			return -PIKE_EINVAL;
	} else {
		addr->family = PIKE_AF_INET;
		if (!addr_read_ip4(&text, addr->u.ip4))
			return -PIKE_EINVAL;
	}
	if (*text++ != ':')
		return -PIKE_EINVAL;
	if (!addr_read_decimal(&text, UINT16_MAX, &port) || *text)
		return -PIKE_EINVAL;
	addr->port = (uint16_t)port;
	return 0;
}

static int addr_parse_unix(struct pike_addr *addr, const char *path)
{
	size_t max = *path == '@' ? ADDR_ABSTRACT_MAX : ADDR_PATH_MAX;
	size_t len = strlen(path);

	if (len > max)
		return -PIKE_ENAMETOOLONG;
	addr->family = PIKE_AF_UNIX;
	addr->len = (uint16_t)len;
	memcpy(addr->u.path, path, len);
	if (*path == '@')
		addr->u.path[0] = 0;
	return 0;
}

int pike_addr_parse(struct pike_addr *addr, const char *text)
{
	struct pike_addr result;

	if (!addr || !text)
		return -PIKE_EINVAL;
	memset(&result, 0, sizeof(result));
	int err = strncmp(text, "unix:", 5) == 0
		      ? addr_parse_unix(&result, text + 5)
		      : addr_parse_inet(&result, text);
	if (err == 0)
		*addr = result;
	return err;
}

/*
 * The addr_write_* functions write at `to` and return where the text goes on.
 * No NUL is written: pike_addr_format does that.
 */

static char *addr_write_text(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len);
	return to + len;
}

static char *addr_write_number(char *to, uint32_t n, unsigned base)
{
	char digits[10];
	int len = 0;

	do {
		digits[len++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0);
	while (len > 0)
		*to++ = digits[--len];
	return to;
}

static char *addr_write_ip4(char *to, const uint8_t ip[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*to++ = '.';
		to = addr_write_number(to, ip[i], 10);
	}
	return to;
}

/* The first of the longest runs of zero groups that is worth a "::", which
 * needs two; returns its length. */
static int addr_zero_run(const uint8_t ip[16], int *start)
{
	int best = 1;
	int run = 0;

	for (int i = 0; i < 8; i++) {
		run = ip[2 * i] || ip[2 * i + 1] ? 0 : run + 1;
		if (run > best) {
			best = run;
			*start = i + 1 - run;
		}
	}
	return best > 1 ? best : 0;
}

/* The one canonical form of RFC 5952. */
static char *addr_write_ip6(char *to, const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	int start = -1;

	if (memcmp(ip, mapped, sizeof(mapped)) == 0) {
		to = addr_write_text(to, "::ffff:");
		return addr_write_ip4(to, ip + 12);
	}
	int run = addr_zero_run(ip, &start);
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			to = addr_write_text(to, "::");
			i += run - 1;
			continue;
		}
		if (i > 0 && i != start + run)
			*to++ = ':';
		uint32_t group = (uint32_t)ip[2 * i] << 8 | ip[2 * i + 1];
		to = addr_write_number(to, group, 16);
	}
	return to;
}

static char *addr_write_unix(char *to, const struct pike_addr *addr)
{
	const char *path = addr->u.path;
	size_t len = addr->len;

	/* What text cannot carry: a NUL inside, or more than there is. */
	if (len > sizeof(addr->u.path) ||
	    (len > 1 && memchr(path + 1, 0, len - 1)))
		return addr_write_text(to, "?");

	to = addr_write_text(to, "unix:");
	if (len == 0)
		return to;
	if (*path == '@') /* a file's name: not to be read as abstract */
		to = addr_write_text(to, "./");
	*to = *path ? *path : '@';
	memcpy(to + 1, path + 1, len - 1);
	return to + len;
}

static char *addr_write(char *to, const struct pike_addr *addr)
{
	switch (addr->family) {
	case PIKE_AF_UNIX:
		return addr_write_unix(to, addr);
	case PIKE_AF_INET:
		to = addr_write_ip4(to, addr->u.ip4);
		break;
	case PIKE_AF_INET6:
		*to++ = '[';
		to = addr_write_ip6(to, addr->u.ip6);
		if (addr->scope_id != 0) {
			*to++ = '%';
			to = addr_write_number(to, addr->scope_id, 10);
		}
		*to++ = ']';
		break;
	default:
		return addr_write_text(to, "?");
	}
	*to++ = ':';
	return addr_write_number(to, addr->port, 10);
}

int pike_addr_format(const struct pike_addr *addr, char *text, size_t size)
{
	char whole[PIKE_ADDR_TEXT];

	if (!addr || !text)
		return -PIKE_EINVAL;
	size_t len = (size_t)(addr_write(whole, addr) - whole);
	if (size <= len) {
		if (size > 0)
			text[0] = 0;
		return -PIKE_ENOSPC;
	}
	memcpy(text, whole, len);
	text[len] = 0;
	return (int)len;
}
