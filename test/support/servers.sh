#!/usr/bin/env bash
# MySQL 9 and Prometheus 3 for the tests, which Debian's stable suite does not have. Prints where they are:
#   eval "$(test/support/servers.sh)"
# The packages come from Debian's unstable and testing suites, from the mirror that apt uses on this machine. They are
# unpacked into a cache folder once, and nothing is installed: MySQL runs with the loader and the libraries of its suite.
# If a package is not available, its tests are skipped with a message: in these suites it may be gone or broken for some days.
# To download newer ones, delete the cache folder.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/nestjs-prometheus-migrations"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# apt with lists, sources and a state of its own, in which no package is installed.
apt_options=(
  -o Dir::Etc::SourceList="$scratch/sources.list" -o Dir::Etc::SourceParts=-
  -o Dir::State="$scratch/state" -o Dir::State::Status=/dev/null -o Dir::Cache="$scratch/cache"
  -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::http::Timeout=30
)

update_lists() {
  [ ! -d "$scratch/state" ] || return 0
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
  [ -n "$mirror" ] || return 1
  for suite in testing unstable; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
  done >"$scratch/sources.list"
  mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial"
  apt-get "${apt_options[@]}" update -qq
}

# unpack FOLDER APT-COMMAND...: what the command downloads, unpacked in the folder.
unpack() {
  local folder=$1
  shift
  update_lists || return 1
  rm -rf "$scratch/debs" "$scratch/unpacked"
  mkdir "$scratch/debs" "$scratch/unpacked"
  (cd "$scratch/debs" && apt-get "${apt_options[@]}" -o Dir::Cache::Archives="$scratch/debs" -qq --yes "$@") || return 1
  for package in "$scratch"/debs/*.deb; do dpkg -x "$package" "$scratch/unpacked" || return 1; done
  mkdir -p "$(dirname "$folder")" && mv "$scratch/unpacked" "$folder"
}

# have NAME VARIABLE VALUE PROGRAM: prints the variable if the program runs.
have() {
  local name=$1 variable=$2 value=$3 program=$4
  if [ -x "$program" ] && "$program" --version >"$scratch/log" 2>&1; then
    printf 'export %s=%q\n' "$variable" "$value"
    echo "$name: $(grep -m 1 -oE '[Vv]er(sion)? [^ ]+' "$scratch/log") in $cache" >&2
  else
    tail -n 5 "$scratch/log" >&2
    echo "$name: not available on this machine, so its tests are skipped." >&2
  fi
}

prometheus="$cache/prometheus-3"
[ -d "$prometheus" ] || unpack "$prometheus" download prometheus/testing promtool/testing >"$scratch/log" 2>&1 || true
have 'Prometheus 3' TEST_PROMETHEUS_3 "$prometheus/usr/bin" "$prometheus/usr/bin/promtool"

mysql="$cache/mysql-9"
[ -d "$mysql" ] || unpack "$mysql" install --no-install-recommends --download-only mysql-server-core/unstable >"$scratch/log" 2>&1 || true
loader=$(find "$mysql/usr/lib" -name 'ld-linux*' -path '*-linux-gnu/*' 2>/dev/null | head -n 1 || true)
if [ -n "$loader" ] && [ ! -e "$mysql/mysqld" ]; then
  cat >"$mysql/mysqld" <<END
#!/bin/sh
exec "$loader" --library-path "$(dirname "$loader")" "$mysql/usr/sbin/mysqld" "\$@" \\
  --basedir="$mysql/usr" --lc-messages-dir="$mysql/usr/share/mysql" --secure-file-priv=NULL
END
  chmod +x "$mysql/mysqld"
fi
have 'MySQL 9' TEST_MYSQLD "$mysql/mysqld" "$mysql/mysqld"
