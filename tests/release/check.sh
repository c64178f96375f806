#!/usr/bin/env bash
# What is checked before an issue is resolved and takes too long for .ci/run: tests/release/check.sh [--list] [NAME]...
#
# Without names, all of it. All checks run even if one has failed; the summary says which, and how long each took. What a
# check prints is kept in build/release-check/NAME.log. Called by `./dev release-check`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
exec </dev/null

readonly logs=build/release-check
# What they are called, what they do, and in what order.
readonly names=(single oldest-clang debian-12 debian-13 ci-12 ci-13 compat docker mutants fuzz torture)
declare -A does=(
  [single]='each file by itself, so that a missing include is found (GCC, asserts on)'
  [oldest-clang]='everything through clang 14, where this Debian has it'
  [debian-12]='a bare Debian 12: ./dev run to the first PONG, then the whole suite'
  [debian-13]='the same on Debian 13'
  [ci-12]='.ci/run in a bare Debian 12'
  [ci-13]='.ci/run in a bare Debian 13'
  [compat]='random commands beside redis-server for ten minutes, and real clients'
  [docker]='the container image is built and answers'
  [mutants]='known bugs are planted one by one, and a test notices each'
  [fuzz]='each fuzzer for ten minutes'
  [torture]='the long forms of all tests with chance in them'
)

run_check() {
  case $1 in
    single) ./dev build debug ;;
    oldest-clang) ./dev oldest-clang ;;
    debian-12) tests/release/bare_root.sh bookworm run test ;;
    debian-13) tests/release/bare_root.sh trixie run test ;;
    ci-12) tests/release/bare_root.sh bookworm ci ;;
    ci-13) tests/release/bare_root.sh trixie ci ;;
    compat) ./dev compat --seconds 600 ;;
    docker) ./dev docker-check ;;
    mutants) ./dev mutants ;;
    fuzz) ./dev fuzz 600 ;;
    torture) ./dev torture --no-fuzz ;;
  esac
}

declare -a summary=()
failed=0

# check NAME: shows what the check prints, and keeps it.
check() {
  local name=$1 verdict=ok start=$SECONDS
  echo "::: $name: ${does[$name]}"
  run_check "$name" > >(tee "$logs/$name.log") 2>&1 || { verdict=FAILED && failed=1; }
  if [[ $verdict == ok ]] && grep -q '^==> SKIPPED' "$logs/$name.log"; then verdict=skipped; fi
  summary+=("$(printf '%-13s %-8s %6d s' "$name" "$verdict" $((SECONDS - start)))")
}

if [[ ${1:-} == --list ]]; then
  for name in "${names[@]}"; do printf '%-13s %s\n' "$name" "${does[$name]}"; done
  exit
fi
[[ $# -gt 0 ]] || set -- "${names[@]}"
for name; do
  [[ -n ${does[$name]:-} ]] || { echo "release-check: no such check: $name; there are ${names[*]}" >&2 && exit 2; }
done
mkdir -p "$logs"
for name; do check "$name"; done
echo
printf '%s\n' "${summary[@]}"
exit "$failed"
