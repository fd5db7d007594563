#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The program in README is compiled as README says: a front page that does
# not build is worse than none.
set -eu
: "${top_srcdir:=.}" "${CC:=cc}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

awk '/^```c$/ { in_c = 1; next } /^```/ { in_c = 0 } in_c' \
  "$top_srcdir/README" >"$dir/readme.c"
if ! grep -q 'int main' "$dir/readme.c"; then
  echo 'FAIL readme-compiles: README shows no whole C program'
  exit 1
fi
# shellcheck disable=SC2086 # a compiler may be more than one word
if $CC -std=c11 -pedantic -Wall -Wextra -Werror -I"$top_srcdir/include" \
  -fsyntax-only "$dir/readme.c"
then
  echo 'PASS readme-compiles'
else
  echo 'FAIL readme-compiles: see above'
  exit 1
fi
