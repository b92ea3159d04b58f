#!/usr/bin/env bash
# Checks and tests in an environment that run.sh sets up. With arguments only pytest, with these.
# Fails when anything fails, after all has run. All tests take two cores.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
# Whatever starts this: what is unpacked is for a test phone's user too, and a file must not become standard input.
umask 022
{ : <&0; } 2>/dev/null || exec </dev/null

# On Debian 12: a browser that looks at reports; what building and testing android_demo takes, its C++ core, then its app.
packages=(
  chromium chromium-driver
  cmake g++ ninja-build
  libcli11-dev libjpeg62-turbo-dev libpng-dev libwebp-dev nlohmann-json3-dev
  clang libclang-rt-14-dev libc++-14-dev libc++abi-14-dev
  g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user-static
  curl iproute2 openssl
  default-jdk-headless maven aapt apksigner zipalign zip unzip android-libnativehelper-dev
)

python() { bash run.sh --requirements requirements-dev.txt "$@"; }

say() { echo "test.sh: $*" >&2; }

# Prints those of `packages` that are not installed; all of them where there is no dpkg.
missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

apt_install() {
  apt-get -q -o DPkg::Lock::Timeout=300 update &&
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# Installs what is missing when root; fails, saying what to do, when that cannot be.
system_packages() {
  local missing output
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} > 0)); then
    if ((EUID != 0)) || ! type -P apt-get >/dev/null; then
      say "the tests need Debian packages that are missing; first run:"
      say "sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
      return 1
    fi
    say "installing ${missing[*]} with apt-get"
    if ! output=$(apt_install "${missing[@]}" 2>&1 </dev/null); then
      echo "$output" >&2
      say "apt-get could not install ${missing[*]}; see its message above"
      return 1
    fi
  fi
  bash android_demo/cpp/sysroot.sh arm64 armhf && bash tests/phone/root.sh amd64 arm64 &&
    bash tests/android/jre.sh arm64 && bash android_demo/hostbuild/build.sh fetch && bash tests/android/bionic/fetch.sh
}

# All tests, those of android_demo beside the others: each half keeps a core busy most of its time.
all_tests() {
  local demo=(tests/android tests/cpp tests/phone) status=0
  log=$(mktemp)
  # In a process group of its own, which can be ended whole.
  setsid bash run.sh --requirements requirements-dev.txt -m pytest -q "${demo[@]}" >"$log" 2>&1 </dev/null &
  half=$!
  trap 'kill -- "-$half" 2>/dev/null; rm -f "$log"' EXIT
  python -m pytest -q "${demo[@]/#/--ignore=}" || status=$?
  wait "$half" || status=$?
  trap - EXIT
  cat "$log"
  rm -f "$log"
  return "$status"
}

# Tests start programs from there.
can_run_programs() {
  local folder status=0
  folder=$(mktemp -d) || return
  cp -- "$(type -P true)" "$folder" && "$folder/true" || status=1
  rm -rf -- "$folder"
  return "$status"
}

can_run_programs || { say "programs in ${TMPDIR:-/tmp} cannot be run (noexec, or full); set TMPDIR to another folder"; exit 2; }
python -c pass
status=0
# Without them the tests of android_demo and of the reports fail, and say so; the others can run. Chosen tests may well be others.
system_packages || status=$(($# == 0))
if (($# == 0)); then
  python -m ruff check . || status=1
  python -m ruff format --check . || status=1
  python -m mypy || status=1
  ((status == 0)) || say "something above failed; the tests run all the same"
fi
if (($# == 0)); then
  # Other engines to compare with, without what they ask for and tests do not need.
  python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-engines.txt || status=1
  # The server's own environment, which tests/test_serving.py looks for beside this one.
  bash run.sh --requirements requirements-serving.txt -c pass || status=1
  all_tests || status=$?
else
  python -m pytest -q "$@" || status=$?
fi
exit "$status"
