#!/usr/bin/env bash
# On a Debian where nothing is installed: tests/release/bare_root.sh SUITE COMMAND...
#
# debootstrap makes a minimal root of SUITE (bookworm, trixie) under /tmp/build-roots, from the mirror that this machine
# installs from. The checkout as it is (what git has, and what it would add) is copied there, and each COMMAND is run in it
# as root: `run` is `./dev run` until the first PONG, `ci` is `.ci/run`, and any other is `./dev COMMAND`. How long each
# took is printed, and what it printed is kept in build/release-check.
#
# Mounts and processes live in namespaces of their own: when the script ends, however it does, they are gone. Takes root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly logs=build/release-check

die() {
  echo "bare_root: $*" >&2
  exit 1
}

# The root's directory is made out here, and removed once the namespaces are gone with all that is mounted in it.
outside() {
  [[ $# -ge 2 ]] || die "usage: tests/release/bare_root.sh SUITE COMMAND..."
  [[ $EUID -eq 0 ]] || die "this takes root"
  mkdir -p /tmp/build-roots "$logs"
  local root
  root=$(mktemp -d "/tmp/build-roots/$1-XXXXXX")
  chmod 755 "$root"  # as a machine's own root; tests drop their rights
  # shellcheck disable=SC2064  # the directory as it is now
  trap "rm -rf --one-file-system '$root'" EXIT
  MINIKV_BARE_ROOT=$root unshare --mount --pid --fork --kill-child "$0" "$@"
}

# ---- in the namespaces ----

# uri_of ARCHIVE SUITE: where this machine gets a suite of an archive from, or Debian's own mirror.
uri_of() {
  local uri
  # shellcheck disable=SC2016  # apt-get expands them
  uri=$(apt-get indextargets --format '$(REPO_URI) $(SUITE) $(CODENAME)' 'Created-By: Packages' |
    awk -v archive="$1" '$1 ~ "/" archive "/?$" { print $1; exit }')
  echo "${uri:-http://deb.debian.org/$1}"
}

make_root() {
  local archive security
  archive=$(uri_of debian) security=$(uri_of debian-security)
  debootstrap --variant=minbase "$suite" "$root" "$archive" >"$logs/$suite-debootstrap.log" 2>&1 ||
    { tail "$logs/$suite-debootstrap.log" && die "debootstrap failed"; }
  printf 'deb %s %s main\n' "$archive" "$suite" "$archive" "$suite-updates" "$security" "$suite-security" \
    >"$root/etc/apt/sources.list"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # A mount point, so that tests may make mounts private in it.
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  ln -sf pts/ptmx "$root/dev/ptmx"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
}

copy_checkout() {
  mkdir "$root/src"
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do if [[ -e $file ]]; then printf '%s\0' "$file"; fi; done |
    tar --create --null --files-from=- | tar --extract --no-same-owner --directory "$root/src"
}

# Becomes a command in the root, with an environment as after logging in.
become() {
  exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    TERM=dumb /bin/sh -c 'cd /src && exec "$@"' sh "$@"
}

# pong PORT_FILE: whether the server whose port is in the file answers.
pong() {
  local answer=
  [[ -s $1 ]] || return 1
  exec 3<>"/dev/tcp/127.0.0.1/$(<"$1")" || return 1
  printf 'PING\r\n' >&3
  read -r -t 5 answer <&3 || true
  exec 3>&-
  [[ $answer == +PONG* ]]
}

# `./dev run`, until the server answers; then it is stopped as Ctrl-C would.
run_until_pong() {
  local log=$1 server start=$SECONDS
  (become ./dev run --port 0 --port-file /tmp/port) >"$log" 2>&1 &
  server=$!
  until pong "$root/tmp/port" 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || return 1
    sleep 0.2
  done
  echo "$suite: first PONG after $((SECONDS - start)) s; $(grep -o 'is built, in .*' "$log")"
  kill -INT "$server"
  wait "$server"
}

# in_root COMMAND: runs it, and says how long it took.
in_root() {
  local command=$1 start=$SECONDS log words
  log=$logs/$suite-${command//[^a-z0-9]/-}.log
  read -ra words <<<"$command"
  case $command in
    run) run_until_pong "$log" ;;
    ci) (become .ci/run) >"$log" 2>&1 ;;
    *) (become ./dev "${words[@]}") >"$log" 2>&1 ;;
  esac || { tail -n 40 "$log" && die "$suite: $command failed; all of it is in $log"; }
  echo "$suite: $command took $((SECONDS - start)) s"
  grep -E '^[0-9]+% tests passed|\*\*\*Skipped' "$log" || true
}

inside() {
  local command
  suite=$1 root=$MINIKV_BARE_ROOT
  shift
  make_root
  copy_checkout
  for command; do in_root "$command"; done
}

if [[ -z ${MINIKV_BARE_ROOT:-} ]]; then outside "$@"; else inside "$@"; fi
