#!/usr/bin/env bash
# redis-cli in each of its modes that a store of strings can serve, and redis-benchmark with all of its tests of strings,
# against the server at 127.0.0.1:PORT.   usage: redis_tools.sh PORT
set -euo pipefail
port=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cli() {
  timeout 60 redis-cli -p "$port" "$@"
}

# expect WHAT WANTED GOT
expect() {
  [[ $2 == "$3" ]] || { printf '%s\nwanted: %q\ngot:    %q\n' "$@" >&2 && exit 1; }
}

# expect_match WHAT EXTENDED-REGEXP GOT
expect_match() {
  [[ $3 =~ $2 ]] || { printf '%s\nwanted: %s\ngot:    %s\n' "$@" >&2 && exit 1; }
}

# ---- redis-cli ----

expect "flushall" OK "$(cli flushall)"
expect "a conversation from a pipe" $'OK\nhello\nOK\nQUEUED\nQUEUED\nOK\n1' \
  "$(printf 'set k hello\nget k\nmulti\nset a b\nincr n\nexec\n' | cli)"
expect "RESP3 by -3" hello "$(cli -3 get k)"
expect "an error is shown" "ERR wrong number of arguments for 'get' command" "$(cli get 2>&1 | sed '/^$/d; s/^(error) //')"
expect "a value from standard input" 11 "$(printf 'hello world' | cli -x set k >/dev/null && cli strlen k)"
expect "repeated by -r" $'1\n2\n3' "$(cli -r 3 incr repeated)"
expect "JSON by --json" '"hello world"' "$(cli --json get k)"

expect "flushall" OK "$(cli flushall)"
# 1,000 keys as raw RESP, one after the other
# shellcheck disable=SC2016  # $ belongs to RESP
for ((i = 0; i < 1000; i++)); do printf '*3\r\n$3\r\nSET\r\n$7\r\nkey:%03d\r\n$1\r\nv\r\n' "$i"; done >"$work/mass"
expect_match "mass insertion by --pipe" 'errors: 0, replies: 1000' "$(cli --pipe <"$work/mass" 2>&1)"
expect "keys that --pipe stored" 1000 "$(cli dbsize)"
expect "--scan finds every key once" 1000 "$(cli --scan | sort -u | wc -l)"
expect "--scan with a pattern" 10 "$(cli --scan --pattern 'key:99?' | wc -l)"
cli set large "$(printf '%5000s' x)" >/dev/null
expect_match "--bigkeys" 'Biggest string found .*large.* has 5000 bytes' "$(cli --bigkeys 2>&1)"
# redis-cli 8 asks before --stat and --bigkeys, and fails an assertion if nothing comes.
expect "how many databases there are" $'databases\n1' "$(cli config get databases)"
# Lowest, highest and average milliseconds, and how many samples, after a second.
expect_match "--latency" '^[0-9]+ [0-9]+ [0-9.]+ [0-9]+$' "$(cli --latency --raw -i 1)"
stat=$(timeout 1 stdbuf -oL redis-cli -p "$port" --stat -i 0.2 || true)
expect_match "--stat" '1001 ' "$stat"
# Keys, memory, clients, blocked, requests, connections: a field that INFO lacks is shown as the least integer.
expect_match "--stat has every field" '1001 +[0-9.]+[KMG]? +[1-9][0-9]* +0 +[0-9]+' "$stat"
if [[ $stat == *-9223372036854775808* ]]; then echo "--stat shows a field that is not there: $stat" >&2 && exit 1; fi
# What redis-cli's help shows, without its colours.
help_of() {
  cli help "$@" 2>&1 | sed 's/\x1b\[[0-9;]*m//g' | tr -d '\r'
}
expect_match "help shows a command's syntax, from COMMAND DOCS" \
  'SET key value \[NX\|XX\] \[GET\] \[EX seconds\|PX milliseconds\|EXAT unix-time-seconds\|PXAT unix-time-milliseconds\|KEEPTTL\]' \
  "$(help_of set)"
expect_match "help tells the group" 'group: string' "$(help_of get)"
expect_match "help knows subcommands" 'CLIENT REPLY ON\|OFF\|SKIP' "$(help_of client reply)"
expect_match "help knows a group's commands" 'WATCH key \[key ...\]' "$(help_of @transactions)"
expect_match "help knows commands that Redis does not have" 'CAS key version value' "$(help_of cas)"

# ---- redis-benchmark ----

# benchmark TESTS ARGUMENTS: it exits with an error, or prints one, if a reply is not what Redis would say.
benchmark() {
  local tests=$1 wanted
  shift
  timeout 120 redis-benchmark -p "$port" -q -n 2000 -c 20 -t "$tests" "$@" >"$work/benchmark" 2>&1 ||
    { cat "$work/benchmark" >&2 && exit 1; }
  if grep -iE 'error|warning' "$work/benchmark" >&2; then exit 1; fi
  wanted=$(tr ',' '\n' <<<"$tests" | wc -l)
  expect "redis-benchmark -t $tests $*" "$wanted" "$(tr '\r' '\n' <"$work/benchmark" | grep -c 'requests per second')"
}

readonly string_tests=ping_inline,ping_mbulk,set,get,incr,mset
benchmark "$string_tests"
benchmark "$string_tests" -P 16
benchmark "$string_tests" -P 16 --threads 2
benchmark "$string_tests" -3
benchmark set,get -r 1000 -d 4000
echo "redis-cli and redis-benchmark $(redis-cli --version | cut -d' ' -f2): all of their modes worked"
