#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The line that everything ends in is itself under test: what a log says is
# counted once, and nothing that went wrong can hide.
set -eu
: "${top_srcdir:=.}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

# log NAME RESULT: a log from standard input, with Automake's result beside
log() {
  cat >"$dir/$1.log"
  echo ":global-test-result: $2" >"$dir/$1.trs"
}

# expect WHAT STATUS LINE ARGUMENT...: how the summary ends
expect() {
  what=$1 wanted=$2 line=$3
  shift 3
  got=0
  sh "$top_srcdir/tests/support/summary" "$@" >"$dir/out" 2>&1 || got=$?
  if [ "$got" = "$wanted" ] && [ "$(tail -n 1 "$dir/out")" = "$line" ]; then
    echo "PASS $what"
  else
    sed 's/^/| /' "$dir/out"
    echo "FAIL $what: status $got, wanted $wanted and '$line'"
    status=1
  fi
}

log good PASS <<'END'
Running suite(s): tcp
100%: Checks: 7, Failures: 0, Errors: 0
backend one: 4 cases, 0 skipped
backend two: 3 cases, 0 skipped
PASS tests/good (exit status: 0)
END
log bad FAIL <<'END'
Running suite(s): udp
66%: Checks: 3, Failures: 1, Errors: 0
udp.c:1:F:one:a:0: Assertion 'a == b' failed
backend one: 3 cases, 0 skipped
FAIL tests/bad (exit status: 1)
END
log skips PASS <<'END'
SKIP a: the system has none
100%: Checks: 2, Failures: 0, Errors: 0
backend one: 2 cases, 1 skipped
END
log idle SKIP <<'END'
SKIP a: the system has none
100%: Checks: 1, Failures: 0, Errors: 0
backend two: 1 cases, 1 skipped
END
log script PASS <<'END'
PASS a
SKIP b: no compiler
ok: c: 3 (at most 3)
END
log crash FAIL <<'END'
Segmentation fault
END
log late FAIL <<'END'
100%: Checks: 2, Failures: 0, Errors: 0
a leak was found at the end
END
log mute PASS </dev/null
log silent SKIP </dev/null

one=$dir/good.log
expect 'counts cases' 0 '7 passed, 0 failed, 0 skipped' "$one"
expect 'a failed case fails' 1 '9 passed, 1 failed, 0 skipped' \
  "$one" "$dir/bad.log"
expect 'a skipped case did not pass' 0 '8 passed, 0 failed, 1 skipped' \
  "$one" "$dir/skips.log"
expect 'scripts count too' 0 '9 passed, 0 failed, 1 skipped' \
  "$one" "$dir/script.log"
expect 'a crash is a failure' 1 '7 passed, 1 failed, 0 skipped' \
  "$one" "$dir/crash.log"
expect 'a bad end is a failure' 1 '9 passed, 1 failed, 0 skipped' \
  "$one" "$dir/late.log"
expect 'no case is a failure' 1 '7 passed, 1 failed, 0 skipped' \
  "$one" "$dir/mute.log"
expect 'a program may skip' 0 '7 passed, 0 failed, 1 skipped' \
  "$one" "$dir/silent.log"
expect 'a test that never ran is a failure' 1 \
  '7 passed, 1 failed, 0 skipped' "$one" "$dir/none.log"
expect 'a backend that ran is enough' 0 '7 passed, 0 failed, 0 skipped' \
  -b 'one two' "$one"
expect 'a backend that ran no case is a failure' 1 \
  '7 passed, 1 failed, 0 skipped' -b 'one three' "$one"
expect 'a backend that skipped all is a failure' 1 \
  '0 passed, 1 failed, 1 skipped' -b two "$dir/idle.log"
expect 'no logs are a failure' 1 'summary: no logs' -b one
exit $status
