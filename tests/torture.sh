#!/usr/bin/env bash
# The long forms of the tests: tests/torture.sh [--seed N] [--minutes M] [--no-fuzz] BUILD_DIRECTORY
#
# A round explores at least a million different states of the simulated disk after crashes, does a million operations against
# the model, flips every bit of a small store, lets every call fail in every way, kills the server and cuts its power a
# hundred times each, and runs each fuzzer for a minute. Rounds go on, each with a seed of its own, until the minutes are
# over; the first is always whole. The seed is printed, and repeats what it found.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

seed=$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')
minutes=1 fuzz=yes
while [[ $# -gt 1 ]]; do
  case $1 in
    --seed) seed=$2 && shift 2 ;;
    --minutes) minutes=$2 && shift 2 ;;
    --no-fuzz) fuzz=no && shift ;;
    *) break ;;
  esac
done
if [[ $# -ne 1 || ! $seed =~ ^[0-9]+$ || ! $minutes =~ ^[0-9]+$ ]]; then
  echo "usage: ./dev torture [--seed N] [--minutes M] [--no-fuzz]" >&2
  exit 2
fi
bin=$(realpath "$1")/bin
logs=build/torture
jobs=$(nproc)
failed=0
running=0
mkdir -p "$logs"

# leg NAME PROGRAM FILTER VARIABLE=VALUE...: some tests, beside the others.
leg() {
  local name=$1 program=$2 filter=$3
  shift 3
  if ((running >= jobs)); then wait_for_one; fi
  ((++running))
  (
    start=$SECONDS
    if env "$@" "$bin/$program" --gtest_filter="$filter" --gtest_brief=1 >"$logs/$name.log" 2>&1; then
      printf 'ok      %-22s %5d s  %s\n' "$name" $((SECONDS - start)) "$(said "$name")"
    else
      printf 'FAILED  %-22s %5d s  %s\n' "$name" $((SECONDS - start)) "see $logs/$name.log; $* $program --gtest_filter='$filter'"
      grep -E -m 5 'Failure|seed|SEED|Actual' "$logs/$name.log"
      exit 1
    fi
  ) &
}

wait_for_one() {
  wait -n || failed=1
  ((--running))
}

wait_for_all() {
  while ((running > 0)); do wait_for_one; done
}

# What the tests counted.
said() {
  grep -vE '^(\[|Note|Running|$)' "$logs/$1.log" | paste -sd ';' | sed 's/;/; /g'
}

round() {
  local seed=$1 half
  echo "--- seed $seed"
  for half in 1 2; do
    leg "random-crashes-$half" engine_tests 'CrashRandomTest.*' MINIKV_TEST_SEED=$((seed + half * 100000000)) \
      MINIKV_TEST_ROUNDS=1000 MINIKV_TEST_STATES=500000
  done
  leg scripted-crashes engine_tests 'CrashTest.*:*CrashModesTest.*:CrashIntervalTest.*:*Truncation*' MINIKV_TEST_SEED="$seed" \
    MINIKV_TEST_ROUNDS=8
  leg model engine_tests 'ModelTest.*' MINIKV_TEST_SEED="$seed" MINIKV_TEST_ROUNDS=10
  leg faults engine_tests 'FaultTest.*' MINIKV_TEST_SEED="$seed" MINIKV_TEST_ROUNDS=8
  leg every-bit engine_tests '*Damage*' MINIKV_TEST_ROUNDS=8
  wait_for_all
  # These are about time: not beside one another.
  leg kill9 e2e_tests '*KillTest*' MINIKV_TEST_SEED="$seed" MINIKV_TEST_KILL_ROUNDS=100
  wait_for_all
  leg power e2e_tests '*PowerLoss*' MINIKV_TEST_SEED="$seed" MINIKV_TEST_POWER_ROUNDS=100
  wait_for_all
  leg full-disk e2e_tests 'FullDisk*:*SystemCall*'
  wait_for_all
  if [[ $fuzz == yes ]]; then ./dev fuzz 60 >"$logs/fuzz.log" 2>&1 || fuzz_failed; fi
}

fuzz_failed() {
  failed=1
  echo "FAILED  fuzz: see $logs/fuzz.log"
}

end=$((SECONDS + minutes * 60))
while :; do
  round "$seed"
  if ((SECONDS >= end || failed)); then break; fi
  seed=$((seed + 1))
done
if ((failed)); then echo "repeat it with: ./dev torture --seed $seed"; fi
exit "$failed"
