#!/usr/bin/env bash
# Unpacks Debian's Java 17 for another architecture, and what it needs, into build/jre/<architecture>, so that the
# app's native library can be run by qemu: jre.sh arm64. Needs Debian's apt-get and no root; nothing is installed.
set -euo pipefail
# shellcheck source=android_demo/debian_packages.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../android_demo/debian_packages.sh"

unpack() {
  local architecture=$1 work=$2 archive link target
  download "$work" "$architecture" openjdk-17-jre-headless libc6 libgcc-s1 libstdc++6 zlib1g
  for archive in "$work"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$work/tree" --no-same-owner --exclude='./usr/share/*' --exclude='*/gconv/*'
  done
  # Java's settings are links into /etc, which is this computer's.
  find "$work/tree" -type l | while read -r link; do
    target=$(readlink "$link")
    [[ $target != /* ]] || ln -sfrT "$work/tree$target" "$link"
  done
}

(($# > 0)) || die "give Debian architectures, such as: jre.sh arm64"
unpack_each jre usr/lib/jvm "$@"
