#!/usr/bin/env bash
# Puts into build/bionic/arm64 what test_bionic.py runs the core with: from Maven unidbg, which emulates an arm64
# processor and Linux's calls and holds Android's libc, and the NDK's libc++; from Debian musl's headers and LLVM's
# libunwind for arm64. Needs Debian's apt-get, Maven and no root; nothing is installed.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=android_demo/debian_packages.sh
source "$here/../../../android_demo/debian_packages.sh"

unpack() {
  local architecture=$1 work=$2 archive
  download "$work" "$architecture" musl-dev libunwind-14-dev
  for archive in "$work"/debs/*.deb; do dpkg-deb -x "$archive" "$work/tree"; done
  rm -rf "$work/tree/usr/share"
  if ! mvn -B -ntp -q -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    "-DoutputDirectory=$work/tree/jars" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    die "Maven could not download unidbg and fbjni; see its messages above"
  fi
  unzip -q -j "$work"/tree/jars/fbjni-*.aar 'jni/arm64-v8a/libc++_shared.so' -d "$work/tree/lib"
  unzip -q -j "$work"/tree/jars/unidbg-android-*.jar 'android/sdk23/lib64/lib[cmd]*.so' -d "$work/tree/lib"
  rm "$work"/tree/jars/*.aar
  touch "$work/tree/$fetched"
}

type -P mvn unzip >/dev/null || die "this needs Maven and unzip"
# Another pom.xml is fetched anew.
fetched=fetched-$(sha256sum <"$here/pom.xml" | cut -c 1-16)
unpack_each bionic "$fetched" arm64
