#!/usr/bin/env bash
# Unpacks what the test phone is made of into build/phone/<architecture>: root.sh amd64 arm64.
# That is the adbd, mksh and toybox of Debian 13, the first Debian with an adbd that stands alone. Needs Debian's
# apt-get and no root; nothing is installed.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=android_demo/debian_packages.sh
source "$here/../../android_demo/debian_packages.sh"

packages=(adbd mksh toybox busybox)
release=trixie

# The mirror that this computer's own packages come from.
mirror() {
  local name
  # shellcheck disable=SC1091
  name=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(CODENAME) $(SITE)' | awk -v name="$name" '$1 == name && !found++ { print $2 }'
}

# Downloads the packages, and what they depend on, from Debian 13 into $2/archives.
download_release() {
  local architecture=$1 work=$2 site options
  site=$(mirror)
  [[ $site ]] || die "apt-get indextargets names no mirror of Debian; run apt-get update first"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $release main" >"$work/sources.list"
  options=(
    -o APT::Install-Recommends=false -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=-
  )
  { apt_get "$work" "$architecture" "${options[@]}" update &&
    apt_get "$work" "$architecture" "${options[@]}" install -y --download-only "${packages[@]}"; } \
    >"$work/log" 2>&1 || not_downloaded "$work" "${packages[*]} of $release for $architecture"
}

unpack() {
  local architecture=$1 work=$2 archive name
  download_release "$architecture" "$work"
  cd "$work/tree"
  mkdir -p usr/{bin,sbin,lib,lib64}
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
unpack_each phone usr/sbin/adbd "$@"
