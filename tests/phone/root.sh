#!/usr/bin/env bash
# Unpacks what the test phone is made of into build/phone/<architecture>: root.sh amd64 arm64.
# That is the adbd, mksh and toybox of Debian 13, the first Debian with an adbd that stands alone. Needs Debian's
# apt-get and no root; nothing is installed.
set -euo pipefail

packages=(adbd mksh toybox busybox)
release=trixie
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$here/../../build/phone

die() { echo "root.sh: $*" >&2; exit 2; }

# The mirror that this computer's own packages come from.
mirror() {
  # shellcheck disable=SC1091
  local name=$(. /etc/os-release && echo "$VERSION_CODENAME")
  apt-get indextargets --format '$(CODENAME) $(SITE)' | awk -v name="$name" '$1 == name && !found++ { print $2 }'
}

# apt-get with lists, cache and package status of its own, in the folder $1, for architecture $2.
apt_get() {
  apt-get -q -o APT::Architecture="$2" -o APT::Architectures::="$2" -o APT::Sandbox::User=root \
    -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Dir::Etc::sourcelist="$1/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State="$1" -o Dir::State::status="$1/status" -o Dir::Cache="$1" "${@:3}"
}

unpack() {
  local architecture=$1 work=$2 site archive name
  mkdir -p "$work"/{lists/partial,archives/partial,tree/usr/{bin,sbin,lib,lib64}}
  : >"$work/status"
  site=$(mirror)
  [[ $site ]] || die "apt-get indextargets names no mirror of Debian; run apt-get update first"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $release main" >"$work/sources.list"
  if ! { apt_get "$work" "$architecture" update && apt_get "$work" "$architecture" install -y --download-only "${packages[@]}"; } \
    >"$work/log" 2>&1; then
    cat "$work/log" >&2
    die "apt-get could not download ${packages[*]} of $release for $architecture; see its messages above"
  fi
  cd "$work/tree"
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$name"; done
  for archive in "$work"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" |
      tar -x --no-same-owner --keep-directory-symlink --exclude='./usr/share/*' --exclude='./var/*' --exclude='*/gconv/*'
  done
  ln -sf mksh usr/bin/sh
  # As on Android: toybox under each of its commands' names. busybox for those that Debian's toybox lacks.
  while read -r name; do
    [[ -e usr/bin/$name ]] || ln -s toybox "usr/bin/$name"
  done <"$here/toybox.txt"
  for name in tr dd expr diff gzip awk lsof; do
    [[ -e usr/bin/$name ]] || ln -s busybox "usr/bin/$name"
  done
  printf 'root:x:0:0:root:/:/bin/sh\nshell:x:2000:2000:shell:/:/bin/sh\n' >etc/passwd
  printf 'root:x:0:\nshell:x:2000:\n' >etc/group
}

(($# > 0)) || die "give Debian architectures, such as: root.sh amd64 arm64"
type -P apt-get dpkg-deb >/dev/null || die "this needs Debian's apt-get and dpkg-deb"
mkdir -p "$root"
root=$(cd -- "$root" && pwd)
for architecture in "$@"; do
  [[ $architecture =~ ^[a-z0-9]+$ ]] || die "'$architecture' is no Debian architecture"
  [[ ! -e $root/$architecture/usr/sbin/adbd ]] || continue
  work=$(mktemp -d "$root/.$architecture.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (unpack "$architecture" "$work")
  rm -rf "${root:?}/$architecture"
  mv "$work/tree" "$root/$architecture"
  rm -rf "$work"
done
