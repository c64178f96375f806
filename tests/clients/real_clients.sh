#!/usr/bin/env bash
# The programs that people have at hand work against minikvd as they are: nc, redis-cli and redis-benchmark, beside our
# own client, all on one port.   usage: real_clients.sh DIRECTORY-OF-THE-PROGRAMS
set -euo pipefail
bin=$1
work=$(mktemp -d)
server=

cleanup() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# expect WHAT WANTED GOT
expect() {
  [[ $2 == "$3" ]] || { printf '%s\nwanted: %q\ngot:    %q\n' "$@" >&2 && exit 1; }
}

start_server() {
  "$bin/minikvd" --port 0 --port-file "$work/port" --data-dir "$work/data" 2>"$work/log" &
  server=$!
  # The file appears, whole, when clients are served.
  until [[ -s $work/port ]]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2 && exit 1; }
    sleep 0.02
  done
  port=$(<"$work/port")
}

start_server

expect "nc sets and gets" $'+OK\r\n+VALUE 5 1\r\nAlice\r' \
  "$(printf 'set name Alice\nget name\n' | nc -N 127.0.0.1 "$port")"
expect "redis-cli reads what nc wrote" Alice "$(redis-cli -p "$port" get name)"
expect "redis-cli counts" 2 "$(printf 'incr hits\nincr hits\n' | redis-cli -p "$port" | tail -n 1)"
expect "minikv reads what redis-cli wrote" 2 "$("$bin/minikv" --port "$port" get hits)"

# Exits with an error, or prints one, if a reply is not what Redis would say.
redis-benchmark -p "$port" -q -n 2000 -c 20 -P 4 -t ping,set,get,incr,mset >"$work/benchmark" 2>&1 ||
  { cat "$work/benchmark" >&2 && exit 1; }
if grep -i error "$work/benchmark" >&2; then exit 1; fi
expect "redis-benchmark ran six tests" 6 "$(tr '\r' '\n' <"$work/benchmark" | grep -c 'requests per second')"

kill -TERM "$server"
wait "$server"
server=
