# SPDX-License-Identifier: MIT
# For tests/local.mk: one Check program each, NAME.c, linked with HARNESS.
CONFORMANCE_HARNESS = harness.c harness_check.c harness_peer.c \
	port_posix.c port_posix_socket.c \
	book.h harness.h ops.h port.h port_posix.h
CONFORMANCE = accept accept_many address close connect descriptor msg option \
	pipe poll shutdown socket_setup tcp terminal transfer udp unix vector
