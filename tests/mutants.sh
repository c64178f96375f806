#!/usr/bin/env bash
# The tests' own test: tests/mutants.sh [NAME]... plants one bug after the other, and a test must notice each.
#
# A mutant is a patch in tests/mutants, in `git diff`'s form. Before the patch itself stand, one a line:
#
#   Bug: what it is, in a few words
#   Test: PROGRAM FILTER [SECONDS]    what must fail with it, and the longest that may take (60 if not said)
#   and, if it needs saying, how the bug was planted
#
# A NAME is the beginning of a patch's name. All is done on a copy of the checkout in build/mutants, with a build directory
# of its own. Before a test counts for anything it must pass without the bug, within the same time. A mutant that hangs or
# crashes the test is caught like one that fails it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

readonly work=$PWD/build/mutants
readonly copy=$work/checkout build=$work/build logs=$work/logs
readonly seconds_usually=60
# The copy is no repository, though it lies in one.
export GIT_CEILING_DIRECTORIES=$work
failed=0

die() {
  echo "mutants: $*" >&2
  exit 1
}

# Those that are named, or all.
patches_of() {
  local name found
  [[ $# -gt 0 ]] || set -- ''
  for name; do
    found=(tests/mutants/"$name"*.patch)
    [[ -f ${found[0]} ]] || die "no mutant begins with '$name'"
    printf '%s\n' "${found[@]}"
  done
}

# header PATCH WORD: what the line that begins with the word says.
header() {
  sed -n -e "s/^$2: //p" -e '/^--- /q' "$1"
}

# Makes the copy what the checkout is; files that are so already keep their times, so that little is compiled again.
refresh_copy() {
  local file
  git rev-parse --is-inside-work-tree >/dev/null || die "this takes a git checkout"
  mkdir -p "$copy"
  while IFS= read -r -d '' file; do
    if [[ -f $file ]] && ! cmp -s "$file" "$copy/$file"; then
      mkdir -p "$(dirname "$copy/$file")"
      cp "$file" "$copy/$file"
    fi
  done < <(git ls-files -z --cached --others --exclude-standard)
  while IFS= read -r -d '' file; do
    [[ -f $file ]] || rm "$copy/$file"
  done < <(cd "$copy" && find . -type f -print0)
}

configure() {
  local launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  # Asserts on. Warnings are no errors: a bug may leave something unused.
  cmake -S "$copy" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 "${launcher[@]}" \
    >"$logs/configure.log" 2>&1 || die "cmake failed: see $logs/configure.log"
}

# compile LOG [targets]
compile() {
  local log=$1
  shift
  cmake --build "$build" --parallel "$(nproc)" --target "$@" >"$log" 2>&1
}

# run_test LOG PROGRAM FILTER SECONDS: as timeout(1), 124 for a test that took too long.
run_test() {
  # The braces keep what the shell says of a program that died.
  { timeout --kill-after=5 "$4" "$build/bin/$2" --gtest_filter="$3" >"$1" 2>&1 9>&-; } 2>/dev/null
}

# What the tests do without any bug. One that can't pass, or that is not there, notices nothing.
check_tests() {
  local program filter seconds log=$logs/without.log
  compile "$log" "${programs[@]}" || die "the checkout does not build: see $log"
  while read -r program filter seconds; do
    run_test "$log" "$program" "$filter" "${seconds:-$seconds_usually}" ||
      die "$program --gtest_filter='$filter' fails without any bug: see $log"
    grep -q '^\[  PASSED  \] [1-9]' "$log" || die "$program has no test '$filter', or it was skipped"
  done < <(for patch in "${patches[@]}"; do header "$patch" Test; done | sort -u)
}

# How the test that ended so has noticed the bug; nothing if it has not.
verdict() {
  local status=$1 log=$2
  case $status in
    0) ;;
    124 | 137) echo "$(sed -n 's/^\[ RUN      \] //p' "$log" | tail -n 1) (hangs)" ;;
    1) sed -n 's/^\[  FAILED  \] \([^ ,]*\).*/\1/p' "$log" | head -n 1 ;;
    *) echo "$(sed -n 's/^\[ RUN      \] //p' "$log" | tail -n 1) (dies)" ;;
  esac
}

row() {
  printf '%-42s | %-90s | %s\n' "$@"
}

# Prints the mutant's row.
try_mutant() {
  local patch=$1 name log caught='' start=$SECONDS program filter seconds
  name=$(basename "$patch" .patch)
  log=$logs/$name.log
  read -r program filter seconds < <(header "$patch" Test)
  if ! git -C "$copy" apply --whitespace=nowarn "$PWD/$patch" 2>"$log"; then
    row "$name" "nothing: the patch no longer applies (see $log); make it anew" NO
    return 1
  fi
  if ! compile "$log" "$program"; then
    row "$name" "nothing: with the patch it does not build; see $log" NO
  else
    run_test "$log" "$program" "$filter" "${seconds:-$seconds_usually}"
    caught=$(verdict $? "$log")
    if [[ -n $caught ]]; then
      row "$name" "$caught" "yes, $((SECONDS - start)) s"
    else
      row "$name" "nothing: $program $filter passes with it" NO
    fi
  fi
  git -C "$copy" apply --whitespace=nowarn --reverse "$PWD/$patch" || die "$name can't be undone in $copy"
  [[ -n $caught ]]
}

mkdir -p "$logs"
exec 9>"$work/lock"
flock --nonblock 9 || die "another run is under way in $work"
# Read in the shell itself, so that a name that is wrong ends it.
names=$(patches_of "$@") || exit 1
mapfile -t patches <<<"$names"
for patch in "${patches[@]}"; do
  [[ -n $(header "$patch" Bug) && -n $(header "$patch" Test) ]] || die "$patch does not say its Bug and its Test"
done
mapfile -t programs < <(for patch in "${patches[@]}"; do header "$patch" Test; done | cut -d ' ' -f 1 | sort -u)

refresh_copy
configure
check_tests
row mutant 'caught by' caught
for patch in "${patches[@]}"; do try_mutant "$patch" || failed=1; done
exit "$failed"
