#!/usr/bin/env bash
# Unpacks Debian's Java 17 for another architecture, and what it needs, into build/jre/<architecture>, so that the
# app's native library can be run by qemu: jre.sh arm64. Needs Debian's apt-get and no root; nothing is installed.
set -euo pipefail

packages=(openjdk-17-jre-headless libc6 libgcc-s1 libstdc++6 zlib1g)
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)/build/jre

die() { echo "jre.sh: $*" >&2; exit 2; }

# apt-get with lists, cache and package status of its own, in the folder $1, for architecture $2.
apt_get() {
  apt-get -q -o APT::Architecture="$2" -o APT::Architectures::="$2" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Dir::State="$1" -o Dir::State::status="$1/status" -o Dir::Cache="$1" "${@:3}"
}

unpack() {
  local architecture=$1 work=$2 archive link target
  mkdir -p "$work"/{lists/partial,archives/partial,debs,tree}
  : >"$work/status"
  cd "$work/debs"
  # One of several sources may be down; what counts is whether the packages come.
  apt_get "$work" "$architecture" update >"$work/log" 2>&1 || true
  if ! apt_get "$work" "$architecture" download "${packages[@]}" >>"$work/log" 2>&1; then
    cat "$work/log" >&2
    die "apt-get could not download ${packages[*]} for $architecture; see its messages above"
  fi
  for archive in *.deb; do
    dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$work/tree" --no-same-owner --exclude='./usr/share/*' --exclude='*/gconv/*'
  done
  # Java's settings are links into /etc, which is this computer's.
  find "$work/tree" -type l | while read -r link; do
    target=$(readlink "$link")
    [[ $target != /* ]] || ln -sfrT "$work/tree$target" "$link"
  done
}

(($# > 0)) || die "give Debian architectures, such as: jre.sh arm64"
type -P apt-get dpkg-deb >/dev/null || die "this needs Debian's apt-get and dpkg-deb"
mkdir -p "$root"
for architecture in "$@"; do
  [[ $architecture =~ ^[a-z0-9]+$ ]] || die "'$architecture' is no Debian architecture"
  [[ ! -e $root/$architecture/usr/lib/jvm ]] || continue
  work=$(mktemp -d "$root/.$architecture.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (unpack "$architecture" "$work")
  rm -rf "${root:?}/$architecture"
  mv "$work/tree" "$root/$architecture"
  rm -rf "$work"
done
