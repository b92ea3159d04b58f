#!/usr/bin/env bash
# Unpacks Debian's static libjpeg-turbo, libpng, zlib and libwebp for other architectures into
# build/sysroot/<architecture>, for the cross builds: sysroot.sh arm64 armhf. Needs Debian's apt-get and no root;
# the system stays as it is, so packages of a foreign architecture that lag behind cannot hold back its updates.
set -euo pipefail
# shellcheck source=android_demo/debian_packages.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../debian_packages.sh"

unpack() {
  local architecture=$1 work=$2 archive
  download "$work" "$architecture" libjpeg62-turbo-dev libpng-dev zlib1g-dev libwebp-dev
  for archive in "$work"/debs/*.deb; do dpkg-deb -x "$archive" "$work/tree"; done
  rm -rf "$work/tree/usr/share" "$work"/tree/usr/lib/*/*.so
}

(($# > 0)) || die "give Debian architectures, such as: sysroot.sh arm64 armhf"
unpack_each sysroot usr/include/webp/demux.h "$@"
