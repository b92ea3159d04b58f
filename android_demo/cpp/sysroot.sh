#!/usr/bin/env bash
# Unpacks Debian's static libjpeg-turbo, libpng and zlib for other architectures into
# build/sysroot/<architecture>, for the cross builds: sysroot.sh arm64 armhf. Needs Debian's apt-get and no root;
# the system stays as it is, so packages of a foreign architecture that lag behind cannot hold back its updates.
set -euo pipefail

packages=(libjpeg62-turbo-dev libpng-dev zlib1g-dev)
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)/build/sysroot

die() { echo "sysroot.sh: $*" >&2; exit 2; }

# apt-get with lists, cache and package status of its own, in the folder $1, for architecture $2.
apt_get() {
  apt-get -q -o APT::Architecture="$2" -o APT::Architectures::="$2" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Dir::State="$1" -o Dir::State::status="$1/status" -o Dir::Cache="$1" "${@:3}"
}

unpack() {
  local architecture=$1 work=$2
  mkdir -p "$work"/{lists/partial,archives/partial,debs,tree}
  : >"$work/status"
  cd "$work/debs"
  # One of several sources may be down; what counts is whether the packages come.
  apt_get "$work" "$architecture" update >"$work/log" 2>&1 || true
  if ! apt_get "$work" "$architecture" download "${packages[@]}" >>"$work/log" 2>&1; then
    cat "$work/log" >&2
    die "apt-get could not download ${packages[*]} for $architecture; see its messages above"
  fi
  local archive
  for archive in *.deb; do dpkg-deb -x "$archive" "$work/tree"; done
  rm -rf "$work/tree/usr/share" "$work"/tree/usr/lib/*/*.so
}

(($# > 0)) || die "give Debian architectures, such as: sysroot.sh arm64 armhf"
type -P apt-get dpkg-deb >/dev/null || die "this needs Debian's apt-get and dpkg-deb"
mkdir -p "$root"
for architecture in "$@"; do
  [[ $architecture =~ ^[a-z0-9]+$ ]] || die "'$architecture' is no Debian architecture"
  [[ ! -e $root/$architecture/usr/include/jpeglib.h ]] || continue
  work=$(mktemp -d "$root/.$architecture.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (unpack "$architecture" "$work")
  rm -rf "${root:?}/$architecture"
  mv "$work/tree" "$root/$architecture"
  rm -rf "$work"
done
