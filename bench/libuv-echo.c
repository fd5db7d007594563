/* SPDX-License-Identifier: MIT */
/*
 * The same TCP echo with libuv: reading all the time, one buffer and one
 * write request a connection, allocated with it, and a callback when a write
 * is complete.  --variant 1 tries uv_try_write first: a plain send that
 * completes nothing, and libuv's shortest way for a message that fits.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "server.h"

struct peer {
	uv_tcp_t stream; /* first, so that a handle is its peer */
	uv_write_t request;
	int stopped; /* reading waits for the write to end */
	char buffer[SERVER_BUFFER];
};

static struct server_options options;

static void uv_check(int code, const char *what)
{
	if (code < 0) {
		fprintf(stderr, "%s: %s\n", what, uv_strerror(code));
		exit(1);
	}
}

static void peer_on_close(uv_handle_t *handle)
{
	free(handle);
}

static void peer_close(struct peer *peer)
{
	if (!uv_is_closing((uv_handle_t *)&peer->stream))
		uv_close((uv_handle_t *)&peer->stream, peer_on_close);
}

static void peer_on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	(void)hint;
	buf->base = ((struct peer *)handle)->buffer;
	buf->len = SERVER_BUFFER;
}

static void peer_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf);

static void peer_on_write(uv_write_t *request, int status)
{
	struct peer *peer = request->data;
	if (status < 0) {
		peer_close(peer);
	} else if (peer->stopped) {
		peer->stopped = 0;
		uv_read_start(
		    (uv_stream_t *)&peer->stream, peer_on_alloc, peer_on_read);
	}
}

static void peer_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct peer *peer = (struct peer *)stream;
	if (got <= 0) {
		if (got < 0)
			peer_close(peer);
		return;
	}
	uv_buf_t out = uv_buf_init(buf->base, (unsigned)got);
	if (options.variant == 1) {
		int sent = uv_try_write(stream, &out, 1);
		if (sent == (int)got)
			return;
		if (sent > 0) {
			out.base += sent;
			out.len -= (size_t)sent;
		}
	}
	if (uv_write(&peer->request, stream, &out, 1, peer_on_write) < 0) {
		peer_close(peer);
		return;
	}
	/*
	 * The request is free again after its callback and the buffer when
	 * everything went out; a full buffer makes libuv read on at once.
	 */
	if (uv_stream_get_write_queue_size(stream) || got == SERVER_BUFFER) {
		peer->stopped = 1;
		uv_read_stop(stream);
	}
}

static void listener_on_connection(uv_stream_t *listener, int status)
{
	uv_check(status, "accept");
	struct peer *peer = malloc(sizeof(*peer));
	if (!peer)
		server_die("malloc");
	peer->stopped = 0;
	peer->request.data = peer;
	uv_check(uv_tcp_init(listener->loop, &peer->stream), "uv_tcp_init");
	uv_check(
	    uv_accept(listener, (uv_stream_t *)&peer->stream), "uv_accept");
	uv_check(uv_read_start(
		     (uv_stream_t *)&peer->stream, peer_on_alloc, peer_on_read),
	    "uv_read_start");
}

static void signal_on_stop(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
	server_options_read(&options, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	uv_loop_t *loop = uv_default_loop();
	uv_signal_t stop[2];
	uv_signal_init(loop, &stop[0]);
	uv_signal_init(loop, &stop[1]);
	uv_check(uv_signal_start(&stop[0], signal_on_stop, SIGTERM), "signal");
	uv_check(uv_signal_start(&stop[1], signal_on_stop, SIGINT), "signal");
	uv_tcp_t listener;
	struct sockaddr_in address;
	int length = sizeof(address);
	uv_tcp_init(loop, &listener);
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_check(
	    uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "bind");
	uv_check(uv_listen((uv_stream_t *)&listener, SERVER_BACKLOG,
		     listener_on_connection),
	    "listen");
	uv_check(
	    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length),
	    "getsockname");
	server_port_tell(&options, ntohs(address.sin_port));
	uv_run(loop, UV_RUN_DEFAULT);
	return 0;
}
