#!/usr/bin/env bash
# The programs and libraries that people have at hand work against minikvd as they are.
#   usage: run.sh DIRECTORY-OF-THE-PROGRAMS tools|python|node [DIRECTORY-WITH-node_modules]
# tools: nc, redis-cli and redis-benchmark, beside our own client, all on one port; python: python3-redis; node: npm's redis
# and ioredis. Exits with 77 if node's can't be had.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
bin=$1 which=$2 node_directory=$(realpath -m "${3:-.}")
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

skip() {
  echo "skipped: $*"
  exit 77
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

run_tools() {
  expect "nc sets and gets" $'+OK\r\n+VALUE 5 1\r\nAlice\r' \
    "$(printf 'set name Alice\nget name\n' | nc -N 127.0.0.1 "$port")"
  expect "redis-cli reads what nc wrote" Alice "$(redis-cli -p "$port" get name)"
  expect "redis-cli counts" 2 "$(printf 'incr hits\nincr hits\n' | redis-cli -p "$port" | tail -n 1)"
  expect "minikv reads what redis-cli wrote" 2 "$("$bin/minikv" --port "$port" get hits)"
  "$here/redis_tools.sh" "$port"
}

run_python() {
  "$here/python_redis.py" "$port"
}

require_node() {
  local major
  command -v node >/dev/null || skip "node is not installed"
  major=$(node -p 'process.versions.node.split(".")[0]')
  [[ $major -ge 20 ]] || skip "npm's redis and ioredis want Node.js 20 or later, this is $major"
  [[ -d $node_directory/node_modules/redis && -d $node_directory/node_modules/ioredis ]] ||
    skip "npm's redis and ioredis are not in '$node_directory': ./dev compat installs them where the npm registry is reached"
}

run_node() {
  node "$here/node_redis.mjs" "$port" "$node_directory"
  node "$here/node_ioredis.mjs" "$port" "$node_directory"
}

if [[ $which == node ]]; then require_node; fi
start_server
"run_$which"
kill -TERM "$server"
wait "$server"
server=
