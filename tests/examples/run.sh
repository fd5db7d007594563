#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The example servers, asked by clients that have never heard of pike: curl,
# socat and wrk. On every backend that this machine has. Nothing here waits
# for a time: a server is ready when it has printed its address, and has
# ended when its output has.
# shellcheck disable=SC2317
set -u
: "${top_builddir:=.}"

dir=$(mktemp -d)
server=
held=
cleanup() {
  for pid in $server $held; do
    kill -9 "$pid" 2>/dev/null
  done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
status=0

pass() { echo "PASS $backend $1"; }
fail() { echo "FAIL $backend $1: $2"; status=1; }

# same NAME EXPECTED GOT
same() {
  if [ "$2" = "$3" ]; then
    pass "$1"
  else
    fail "$1" "expected '$2', got '$3'"
  fi
}

# need NAME COMMAND...: skips the case when a command is not here
need() {
  what=$1
  shift
  for tool do
    # Not the function of that name below.
    (unset -f "$tool"; command -v "$tool") >/dev/null 2>&1 && continue
    echo "SKIP $backend $what: no $tool here"
    return 1
  done
}

# What hangs shall fail, not last.
socat() { timeout 20 socat "$@"; }
curl() { timeout 20 curl -sS --noproxy '*' "$@"; }

# start LINES PROGRAM ARGUMENT...: the addresses go to $tcp $udp $unix $http
start() {
  lines=$1 program=$2
  shift 2
  rm -f "$dir/out" "$dir/s"
  mkfifo "$dir/out"
  "$top_builddir/examples/$program" --backend "$backend" "$@" \
    >"$dir/out" 2>"$dir/err" &
  server=$!
  exec 3<"$dir/out"
  tcp='' udp='' unix='' http='' name=''
  while [ "$lines" -gt 0 ] && read -r kind value <&3; do
    case $kind in
    backend) name=$value ;;
    tcp) tcp=$value ;;
    udp) udp=$value ;;
    unix) unix=${value#unix:} ;;
    http) http=$value ;;
    esac
    lines=$((lines - 1))
  done
  if [ "$lines" -gt 0 ] || [ "$name" != "$backend" ]; then
    fail "$program starts" "it says '$(cat "$dir/err")'"
    stop KILL
    return 1
  fi
}

# stop SIGNAL: ends the server; its exit status goes to $ended
stop() {
  kill -s "$1" "$server" 2>/dev/null
  timeout 20 cat <&3 >/dev/null || kill -9 "$server"
  exec 3<&-
  wait "$server" 2>/dev/null
  ended=$?
  server=
}

descriptors() {
  set -- /proc/"$server"/fd/*
  echo $#
}

# hold SOCAT-ADDRESS: a client that stays, written to at 4 and read from at 5
hold() {
  rm -f "$dir/in" "$dir/answer"
  mkfifo "$dir/in" "$dir/answer"
  timeout 20 socat - "$1" <"$dir/in" >"$dir/answer" &
  held=$!
  exec 4>"$dir/in" 5<"$dir/answer"
}

let_go() {
  exec 4>&- 5<&-
  kill "$held" 2>/dev/null
  wait "$held" 2>/dev/null
  held=
}

# ------------------------------------------------------------------- echo --

seq 1 200000 | head -c 1000000 >"$dir/million"

echo_stream() { # NAME SOCAT-ADDRESS
  printf 'hello' >"$dir/want"
  socat -t20 - "$2" <"$dir/want" >"$dir/got"
  same "echo-$1" hello "$(cat "$dir/got")"

  socat -t20 - "$2" <"$dir/million" >"$dir/got"
  if cmp "$dir/million" "$dir/got" >"$dir/diff" 2>&1; then
    pass "echo-$1-a-million-bytes"
  else
    fail "echo-$1-a-million-bytes" "$(cat "$dir/diff")"
  fi

  # End of input without any data.
  same "echo-$1-nothing" '' "$(socat -t20 - "$2" </dev/null)"
}

echo_crowd() { # NAME COUNT
  i=0 pids=
  while [ $i -lt "$2" ]; do
    i=$((i + 1))
    { echo "client $i"; cat "$dir/million"; } >"$dir/want.$i"
    socat -t20 - "TCP:$tcp" <"$dir/want.$i" >"$dir/got.$i" &
    pids="$pids $!"
  done
  # shellcheck disable=SC2086
  wait $pids
  i=0 good=0
  while [ $i -lt "$2" ]; do
    i=$((i + 1))
    cmp -s "$dir/want.$i" "$dir/got.$i" && good=$((good + 1))
  done
  same "$1" "$2 of $2" "$good of $2"
}

echo_datagram() {
  hold "UDP:$udp"
  for word in one two three; do
    printf '%s' "$word" >&4
    # Answers come one by one, so these bytes are this datagram's.
    got=$(timeout 20 head -c ${#word} <&5)
    same "echo-udp-$word" "$word" "$got"
  done
  let_go
}

echo_ends() { # SIGNAL
  start 4 echo --udp 127.0.0.1:0 --unix "$dir/s" || return
  if need "echo-ends-by-$1" socat; then
    # With a client that is connected, idle, and has been served.
    hold "TCP:$tcp"
    echo hello >&4
    read -r line <&5
    stop "$1"
    same "echo-ends-by-$1" "hello 0" "$line $ended"
    let_go
  else
    stop "$1"
  fi
  [ ! -e "$dir/s" ]
  same "echo-removes-its-socket-at-$1" 0 $?
}

test_echo() {
  start 4 echo --udp 127.0.0.1:0 --unix "$dir/s" || return
  if need echo socat; then
    before=$(descriptors)
    echo_stream tcp "TCP:$tcp"
    echo_stream unix "UNIX-CONNECT:$unix"
    echo_crowd echo-twenty-at-once 20
    echo_datagram
    # A stream's client sees the end only after the server has closed.
    same echo-leaks-no-descriptor "$before" "$(descriptors)"
  fi
  stop TERM
  same echo-ends 0 "$ended"
  same echo-says-no-error '' "$(cat "$dir/err")"
  echo_ends TERM
  echo_ends INT
}

# Room for one client: the next ones are served when it has left.
test_echo_full() {
  need echo-out-of-descriptors socat prlimit || return
  start 2 echo || return
  hold "TCP:$tcp"
  echo hello >&4
  read -r line <&5
  room=0
  while [ -e "/proc/$server/fd/$room" ]; do
    room=$((room + 1))
  done
  prlimit --pid "$server" --nofile="$room:$room"
  # This one is connected when socat says so; the server has no room for it.
  # It must not keep the other one's input open.
  rm -f "$dir/log"
  mkfifo "$dir/log"
  echo second | timeout 20 socat -d -d -t20 - "TCP:$tcp" \
    >"$dir/second" 2>"$dir/log" 4>&- 5<&- &
  second=$!
  exec 6<"$dir/log"
  while read -r line <&6; do
    case $line in
    *'starting data transfer'*) break ;;
    esac
  done
  let_go
  cat <&6 >/dev/null
  exec 6<&-
  wait "$second"
  same echo-out-of-descriptors second "$(cat "$dir/second")"
  echo_crowd echo-out-of-descriptors-twenty-at-once 20
  stop TERM
  same echo-out-of-descriptors-says-no-error '' "$(cat "$dir/err")"
}

# ------------------------------------------------------------------- http --

# talk NAME EXPECTED REQUESTS [SOCAT-OPTION...]: the answers' first lines
talk() {
  what=$1 expected=$2 requests=$3
  shift 3
  # shellcheck disable=SC2059
  got=$(printf "$requests" | socat -t20 "$@" - "TCP:$http,nodelay" |
    tr -d '\r' | sed -n 's/^HTTP\/1.1 \([0-9]*\) .*/\1/p' | tr '\n' ' ')
  same "$what" "$expected" "${got% }"
}

http_curl() {
  url=http://$http
  same http-get "hello 200" "$(curl -w '%{http_code}' "$url/" | tr '\n' ' ')"
  same http-get-404 404 "$(curl -o "$dir/body" -w '%{http_code}' "$url/no")"
  same http-head '200 6' "$(curl -I -o "$dir/head" \
    -w '%{http_code} ' "$url/" &&
    tr -d '\r' <"$dir/head" | sed -n 's/^Content-Length: //p')"
  same http-keeps-the-connection '200 1,200 0,404 0,' "$(curl \
    -o "$dir/1" -o "$dir/2" -o "$dir/3" \
    -w '%{http_code} %{num_connects},' "$url/" "$url/" "$url/x")"
  same http-1.0 '200' "$(curl -0 -o "$dir/1" -w '%{http_code}' "$url/")"
  same http-connection-close '200 1,200 1,' "$(curl \
    -H 'Connection: close' -o "$dir/1" -o "$dir/2" \
    -w '%{http_code} %{num_connects},' "$url/" "$url/")"
  same http-post-405 405 "$(head -c 100000 "$dir/million" |
    curl -H 'Expect:' --data-binary @- -o "$dir/1" -w '%{http_code}' "$url/")"
  long=$(head -c 9000 "$dir/million" | tr '\n' x)
  same http-long-header-431 431 "$(curl -H "X-Long: $long" \
    -o "$dir/1" -w '%{http_code}' "$url/")"
}

http_raw() {
  get='GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  no='GET /no HTTP/1.1\r\nHost: x\r\n\r\n'
  head='HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'
  talk http-pipelining '200 404 200 200' "$get$no$head$get"
  talk http-split-at-every-byte '200 404 200' "$get$no$get" -b1
  talk http-junk-400 400 'junk\r\n\r\n'
  talk http-junk-is-the-last-400 '200 400' "${get}junk\r\n$get"
  talk http-no-host-400 400 'GET / HTTP/1.1\r\n\r\n'
  talk http-two-hosts-400 400 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
  talk http-folded-field-400 400 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n'
  talk http-bad-version-400 400 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'
  talk http-empty-line-first 200 "\r\n$get"
  talk http-1.0-closes 200 "GET / HTTP/1.0\r\n\r\n$get"
  talk http-1.0-keep-alive '200 200' \
    "GET / HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n$get"
  talk http-close-ends-the-pipeline 200 \
    "GET / HTTP/1.1\r\nHost: x\r\nCONNECTION: x, Close\r\n\r\n$get"
  talk http-body-ends-the-pipeline 405 \
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n\r\n$get"
  # Closing while there is more to read would reset the connection.
  { printf 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n'
    head -c 100000 "$dir/million"; } >"$dir/post"
  socat -t20 - "TCP:$http" <"$dir/post" >"$dir/1" 2>"$dir/2"
  same http-body-is-drained '0 not allowed ' \
    "$? $(tail -n 1 "$dir/1") $(cat "$dir/2")"
  talk http-half-a-request '' 'GET / HTTP/1.1\r\nHost:'
  long=$(head -c 9000 "$dir/million" | tr '\n' x)
  talk http-long-first-line-431 431 "GET /$long HTTP/1.1\r\nHost: x\r\n\r\n"
  # Each line is short, but they do not end.
  many=$(seq 1 2000 | sed 's/.*/x&: y\\r\\n/' | tr -d '\n')
  talk http-many-fields-431 431 "GET / HTTP/1.1\r\n$many\r\n"

  # More requests than fit into the server's buffers, as fast as they go.
  seq 1 2000 | sed 's/.*/GET \/ HTTP\/1.1\r\nHost: x\r\n\r/' >"$dir/many"
  same http-2000-pipelined 2000 "$(socat -t20 - "TCP:$http" <"$dir/many" |
    grep -c '^hello$')"
}

http_idle() {
  start 2 http-hello --idle 1 || return
  # A client that says nothing; it ends because the server closes.
  same http-idle-is-closed 0 "$(socat -u "TCP:$http" - >"$dir/1"; echo $?)"
  stop TERM
  same http-ends 0 "$ended"
}

http_wrk() {
  timeout 20 wrk -t1 -c20 -d1s "http://$http/" >"$dir/wrk" 2>&1
  same http-wrk-without-an-error '0 ' \
    "$? $(grep -E 'Socket errors|Non-2xx|unable' "$dir/wrk")"
  same http-wrk-was-answered yes "$(awk '
    /requests in/ && $1 > 0 { print "yes" }' "$dir/wrk")"
}

# A kept connection's descriptor goes when the server has seen its end, and
# that is the case before many other requests are answered.
http_leak() {
  for i in 1 2 3 4 5 6 7 8 9 10; do
    now=$(descriptors)
    [ "$now" = "$before" ] && break
    curl -o "$dir/1" -H 'Connection: close' "http://$http/"
  done
  same http-leaks-no-descriptor "$before" "$now"
}

test_http() {
  start 2 http-hello || return
  before=$(descriptors)
  need http-curl curl && http_curl
  need http-raw socat && http_raw
  need http-wrk wrk && http_wrk
  need http-leaks-no-descriptor curl && http_leak
  stop TERM
  same http-ends-by-TERM 0 "$ended"
  same http-says-no-error '' "$(cat "$dir/err")"
  need http-idle socat && http_idle
}

# ---------------------------------------------------------------------------

backends=$("$top_builddir/pike-info" --names)
if [ -z "$backends" ]; then
  echo "FAIL backends: pike-info names none"
  exit 1
fi
for backend in $backends; do
  test_echo
  test_echo_full
  test_http
done
exit $status
