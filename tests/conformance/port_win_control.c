/* SPDX-License-Identifier: MIT */
/* The tests' port layer, by Windows' calls: what travels beside the bytes. */
#include "port_win.h"

void port_send_fds(pike_fd fd, const pike_fd *fds, int n)
{
	(void)fd;
	(void)fds;
	(void)n;
	ck_abort_msg("sockets pass no handles here");
}

int port_recv_fds(pike_fd fd, pike_fd *fds, int room)
{
	(void)fd;
	(void)fds;
	(void)room;
	ck_abort_msg("sockets pass no handles here");
	return 0;
}

#ifndef IP_RECVTTL
#	define IP_RECVTTL 21
#endif

void port_want_ttl(pike_fd fd)
{
	int on = 1;

	MUST(setsockopt((SOCKET)fd, IPPROTO_IP, IP_RECVTTL, (char *)&on,
		 sizeof(on)) == 0);
}

size_t port_ttl_control(void *control, size_t size, int ttl)
{
	(void)control;
	(void)size;
	(void)ttl;
	return 0;
}

int port_ttl_of(const void *control, size_t len)
{
	const char *at = control;
	WSACMSGHDR header;
	int ttl;

	while (len >= WSA_CMSG_LEN(sizeof(ttl))) {
		memcpy(&header, at, sizeof(header));
		memcpy(&ttl, at + WSA_CMSG_LEN(0), sizeof(ttl));
		if (header.cmsg_level == IPPROTO_IP &&
		    header.cmsg_type == IP_TTL)
			return ttl;
		size_t step = WSA_CMSGDATA_ALIGN(header.cmsg_len);
		if (step < WSA_CMSG_LEN(0) || step > len)
			return -1;
		at += step;
		len -= step;
	}
	return -1;
}
