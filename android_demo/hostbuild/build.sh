#!/usr/bin/env bash
# Builds and tests the app on a computer without Android's SDK: `build.sh` alone says how.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)

usage() {
  cat >&2 <<'TEXT'
usage: build.sh fetch                     downloads what the others need, once; they then need no network
       build.sh test [-Dwork=DIR] [MAVEN_ARGUMENT...]       builds and runs the app's tests, such as -Dtest=MainScreenTest
       build.sh apk [-Dwork=DIR] [-Ddeit.bundle=DIR] [-Ddeit.lib=DIR]    packs what `test` compiled into a signed APK
       build.sh gradle-check [-Dwork=DIR] [CASE.json...]    has the Android Gradle plugin read ../app/build.gradle
       build.sh gradle-check [-Dwork=DIR] --verification write     records in ../gradle/verification-metadata.xml what
                                                            the app's build takes from repositories; downloads it
  -Dwork=DIR           folder of all output instead of build/android
  -Ddeit.jni=DIR       folder of the host's libdeit_jni.so and libpaddle_lite_jni.so instead of building them; with
                       nothing behind the = there are none, and the tests that need them are skipped
  -Ddeit.bundle.int8=DIR, -Ddeit.bundle.fp32=DIR           bundles to test with, instead of those in build/bundles
TEXT
}

say() { echo "build.sh: $*" >&2; }
die() { say "$*"; exit 2; }

# Says in one line which of the commands $@ (command=package) are missing.
need() {
  local pair missing=()
  for pair in "$@"; do type -P "${pair%%=*}" >/dev/null || missing+=("${pair#*=}"); done
  ((${#missing[@]} == 0)) || die "missing; first run: sudo apt-get install -y --no-install-recommends ${missing[*]}"
}

need_jdk() {
  need javac=default-jdk-headless mvn=maven
  local version
  version=$(javac -version 2>&1)
  [[ $version =~ ^javac\ ([0-9]+) && ${BASH_REMATCH[1]} -ge 17 ]] ||
    die "this is $version; Robolectric and the Android Gradle plugin need JDK 17 or newer (Debian: openjdk-17-jdk-headless)"
}

maven() { mvn -B -ntp -f "$here/pom.xml" "-Dwork=$work" "$@"; }

# The value of -D$1=... among the arguments, else $2.
option() {
  local argument value=$2
  for argument in "${arguments[@]}"; do [[ $argument != "-D$1="* ]] || value=${argument#*=}; done
  echo "$value"
}

native_libraries() {
  need cmake=cmake ninja=ninja-build g++=g++
  if ! { (cd "$root/android_demo/cpp" && cmake --preset jni -B "$work/cpp") &&
    cmake --build "$work/cpp" --parallel "${JOBS:-1}" --target deit_jni paddle_lite_jni; } >"$work/cmake.log" 2>&1; then
    tail -n 40 "$work/cmake.log" >&2
    die "the native libraries could not be built; see above"
  fi
}

command=${1:-}
(($# == 0)) || shift
# Maven takes folders relative to each of its modules.
arguments=()
for argument in "$@"; do
  if [[ $argument =~ ^(-D(work|deit\.(jni|lib|bundle[a-z0-9.]*)|app\.sources)=)([^/].*) ]]; then
    argument=${BASH_REMATCH[1]}$PWD/${BASH_REMATCH[4]}
  fi
  arguments+=("$argument")
done
work=$(option work "$root/build/android")
mkdir -p "$work"
case $command in
  test)
    need_jdk
    need aapt2=aapt unzip=unzip
    jni=$(option deit.jni built)
    case $jni in
      built) native_libraries ;;
      # As `./gradlew testDebugUnitTest` has it without -Pdeit.jni.
      "") arguments+=(-Ddeit.model=model.nb) ;;
      *) for library in "$jni"/lib{deit,paddle_lite}_jni.so; do [[ -r $library ]] || die "there is no $library"; done ;;
    esac
    maven "${arguments[@]}" test
    ;;
  fetch) need_jdk; bash "$here/fetch.sh" "$work" ;;
  apk)
    need_jdk
    need aapt2=aapt zipalign=zipalign apksigner=apksigner zip=zip unzip=unzip
    bundle=$(option deit.bundle "$root/build/bundles/deit_tiny-digits-int8-arm")
    bash "$here/apk.sh" "$work" "$(option app.sources "$here/../app/src")" "$bundle" "$(option deit.lib "")"
    ;;
  gradle-check)
    need_jdk
    cases=()
    for argument in "${arguments[@]}"; do [[ $argument == -D* ]] || cases+=("$argument"); done
    bash "$here/gradle-check/run.sh" "$work/gradle" "${cases[@]}"
    ;;
  -h | --help) usage ;;
  *) usage; exit 2 ;;
esac
