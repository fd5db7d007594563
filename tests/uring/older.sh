#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What is said of all backends holds on kernels that know less of io_uring than
# this one, as far as filters of system calls can make it one of them.
set -u
: "${top_builddir:=.}"

tests=$top_builddir/tests
status=0
PIKE_TEST_BACKENDS=uring
export PIKE_TEST_BACKENDS

# on KERNEL FEATURES_OFF PROGRAM...
on() {
  kernel=$1
  PIKE_TEST_FEATURES_OFF=$2
  export PIKE_TEST_FEATURES_OFF
  shift 2
  for program do
    "$tests/uring/older" "$kernel" "$tests/conformance/$program" >"$log" 2>&1
    case $? in
    0) echo "PASS $kernel $program" ;;
    77) echo "SKIP $kernel $program: no filters of system calls here" ;;
    *)
      # As it is, it would be counted too.
      sed 's/^/  /' "$log"
      echo "FAIL $kernel $program: as above"
      status=1
      ;;
    esac
  done
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

ends='again cancel cancel_each close close_each close_handle close_queue fork'
groups='group group_packet group_share group_stream group_wait'
rest='accept_many deadline limits poll pollable'
many=0x10 zero_copy=0x40
# shellcheck disable=SC2086 # lists
{
  on 5.18 $((many | zero_copy)) $ends $groups $rest
  on 5.19 $zero_copy $ends $groups $rest
  on 6.0 0 $ends $groups
  on without-cancel 0 $ends
  on without-groups 0 $groups
}
exit $status
