# SPDX-License-Identifier: MIT
#
# The example servers: built, run by the tests, and installed as source.

example_programs = \
	examples/echo \
	examples/http-hello

if ENABLE_EXAMPLES
noinst_PROGRAMS += $(example_programs)
endif

examples_echo_SOURCES = examples/echo.c
examples_echo_LDADD = libpike.la
examples_http_hello_SOURCES = examples/http-hello.c
examples_http_hello_LDADD = libpike.la

exampledir = $(docdir)/examples
dist_example_DATA = \
	examples/echo.c \
	examples/http-hello.c
