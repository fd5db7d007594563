# SPDX-License-Identifier: MIT
#
# Built with --enable-bench; what needs libuv only where that was found.

if ENABLE_BENCH
noinst_PROGRAMS += $(bench_programs)
if HAVE_UV
noinst_PROGRAMS += $(bench_uv_programs)
endif
endif

bench_programs =
bench_uv_programs =
